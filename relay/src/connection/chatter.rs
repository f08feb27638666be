//! How many pings and pongs a peer may send: to read one and answer it costs the relay more than it costs the peer.

use std::time::Duration;
use tokio::time::Instant;

/// So many at once, and one more each second. Whoever keeps a connection alive sends far fewer.
const AT_ONCE: u64 = 16;

/// What a peer may still send.
#[derive(Debug)]
pub(super) struct Chatter {
    left: u64,
    /// When `left` was last added to.
    since: Instant,
}

impl Chatter {
    pub(super) const fn new(now: Instant) -> Self {
        Self { left: AT_ONCE, since: now }
    }

    /// The relay asked for one itself.
    pub(super) const fn asked(&mut self) {
        self.left = self.left.saturating_add(1);
    }

    /// Takes one more; `false` if that is too much.
    #[must_use]
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let seconds = now.saturating_duration_since(self.since).as_secs();
        // The relay may have asked for more than a peer may send by itself.
        self.left = self.left.max(self.left.saturating_add(seconds).min(AT_ONCE));
        // Up to the last whole one: what is left over counts for the next.
        self.since += Duration::from_secs(seconds);
        self.left.checked_sub(1).map(|left| self.left = left).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn some_may_come_at_once_and_one_more_with_each_second() {
        let now = Instant::now();
        let mut chatter = Chatter::new(now);
        assert!((0..AT_ONCE).all(|_| chatter.take(now)));
        assert!(!chatter.take(now) && !chatter.take(now + SECOND / 2));
        assert!(chatter.take(now + 3 * SECOND) && chatter.take(now + 3 * SECOND));
        // Those of a long silence do not add up.
        let later = now + 1_000 * SECOND;
        assert!((0..AT_ONCE).all(|_| chatter.take(later)) && !chatter.take(later));
    }

    #[test]
    fn one_each_second_may_come_for_ever_however_they_are_delayed() {
        let now = Instant::now();
        let mut chatter = Chatter::new(now);
        for number in 0..1_000 {
            let delay = Duration::from_millis(number % 2 * (900 - number / 2 % 10 * 90));
            assert!(chatter.take(now + Duration::from_secs(number) + delay), "{number}");
        }
    }

    #[test]
    fn what_the_relay_asked_for_is_not_counted() {
        let now = Instant::now();
        let mut chatter = Chatter::new(now);
        for _ in 0..10 * AT_ONCE {
            chatter.asked();
            assert!(chatter.take(now));
        }
        assert!((0..AT_ONCE).all(|_| chatter.take(now)) && !chatter.take(now));
    }
}
