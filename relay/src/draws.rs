//! Numbers that nobody can foresee, for limits that must not tell what they are compared with. Not for keys.

use std::hash::{BuildHasher as _, RandomState};

/// A keyed hash of a counter.
#[derive(Debug, Default)]
pub(crate) struct Draws {
    key: RandomState,
    drawn: u64,
}

impl Draws {
    /// A number up to `most`.
    pub(crate) fn up_to(&mut self, most: u64) -> u64 {
        self.drawn = self.drawn.wrapping_add(1);
        let drawn = self.key.hash_one(self.drawn);
        most.checked_add(1).map_or(drawn, |numbers| drawn % numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_number_up_to_the_most_is_drawn_and_none_above() {
        let mut draws = Draws::default();
        let drawn: HashSet<u64> = (0..1_000).map(|_| draws.up_to(7)).collect();
        assert_eq!(drawn, (0..=7).collect());
        assert_eq!(draws.up_to(0), 0);
        assert_ne!(draws.up_to(u64::MAX), draws.up_to(u64::MAX));
    }
}
