//! How long a peer is not listened to that asks again and again for what it does not get.
//!
//! Refusing costs the relay nearly what granting does: the request must be decrypted first. So a refusal costs time, which
//! an honest peer, that comes again later when it is told so, does not notice.

use std::time::Duration;
use tokio::time::Instant;

/// Refusals of one session that cost nothing: some letters of a visit may find the relay busy.
const FREE: u32 = 8;
/// What each further one costs.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
pub(super) struct Patience {
    refused: u32,
    until: Option<Instant>,
}

impl Patience {
    /// The peer was refused something.
    pub(super) fn refused(&mut self, now: Instant) {
        self.refused = self.refused.saturating_add(1);
        if self.refused > FREE {
            self.until = Some(self.until.map_or(now, |until| until.max(now)) + PAUSE);
        }
    }

    /// Until when the peer is not listened to, if it is not.
    pub(super) const fn until(&self) -> Option<Instant> {
        self.until
    }

    /// The peer is listened to again.
    pub(super) const fn is_back(&mut self) {
        self.until = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_refusals_cost_nothing_and_each_further_one_the_same() {
        let (mut patience, now) = (Patience::default(), Instant::now());
        (0..FREE).for_each(|_| patience.refused(now));
        assert_eq!(patience.until(), None);
        patience.refused(now);
        patience.refused(now);
        assert_eq!(patience.until(), Some(now + 2 * PAUSE));
        patience.is_back();
        assert_eq!(patience.until(), None);
        let later = now + 10 * PAUSE;
        patience.refused(later);
        assert_eq!(patience.until(), Some(later + PAUSE));
    }
}
