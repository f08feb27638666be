//! The work that a relay asks for before it takes letters (protocol, section 12.4).
//!
//! Covers and letters need the same, and all of it is done before the first round: so neither the time before the rounds
//! nor the time between them tells the one from the other.

use cssr_proto::EnvelopeId;
use cssr_proto::postage::{Challenge, Postage};
use cssr_proto::session::HandshakeHash;
use rand_core::CryptoRng;

/// Solutions that are looked for before the caller is asked whether to go on: less than a second of work.
const TRIES: u32 = 4;

/// The work for every letter of a visit. Solving is left to the caller, who knows what else must not wait meanwhile.
#[derive(Clone)]
pub struct Work {
    effort: u32,
    challenges: Vec<Challenge>,
}

impl Work {
    pub(super) fn new<'a>(effort: u32, session: &HandshakeHash, ids: impl IntoIterator<Item = &'a EnvelopeId>) -> Self {
        Self { effort, challenges: ids.into_iter().map(|id| Challenge::letter(session, id)).collect() }
    }

    /// How many letters there are.
    #[must_use]
    pub const fn letters(&self) -> usize {
        self.challenges.len()
    }

    /// Does the work for one letter, counted from 0; this takes a processor seconds. `None` if there is no such letter, or
    /// as soon as `go_on` says no.
    pub fn solve<R: CryptoRng>(&self, letter: usize, rng: &mut R, go_on: impl Fn() -> bool) -> Option<Postage> {
        let challenge = self.challenges.get(letter)?;
        std::iter::from_fn(|| go_on().then(|| challenge.solve(self.effort, TRIES, rng))).flatten().next()
    }
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { effort, challenges } = self;
        write!(f, "Work(effort {effort}, {} letters)", challenges.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng as _;
    use std::cell::Cell;

    #[test]
    fn work_can_be_left_at_any_time() {
        let session = HandshakeHash::from_bytes([1; 32]);
        let work = Work::new(u32::MAX, &session, [&EnvelopeId([2; 16])]);
        let mut rng = ChaCha20Rng::from_seed([3; 32]);
        let left = Cell::new(2);
        let go_on = || left.replace(left.get() - 1) > 0;
        assert_eq!(work.solve(0, &mut rng, go_on), None);
        assert_eq!(left.get(), -1);
        assert_eq!(work.solve(1, &mut rng, || panic!("there is no such letter")), None);
    }
}
