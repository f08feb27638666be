//! Uniform choices from an injected generator.

use rand_core::CryptoRng;

/// A number below `bound`, uniformly; 0 if `bound` is 0.
pub(crate) fn below<R: CryptoRng + ?Sized>(bound: u64, rng: &mut R) -> u64 {
    if bound == 0 {
        return 0;
    }
    // Rejecting the incomplete last range keeps the choice uniform.
    let limit = u64::MAX - u64::MAX % bound;
    loop {
        let number = rng.next_u64();
        if number < limit {
            return number % bound;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::below;
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng;

    #[test]
    fn every_number_below_the_bound_occurs_and_no_other() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        for bound in [1, 2, 3, 7, 16] {
            let mut seen = vec![0_u64; bound as usize];
            for _ in 0..1_000 {
                seen[below(bound, &mut rng) as usize] += 1;
            }
            assert!(seen.iter().all(|n| *n > 500 / bound), "{bound}: {seen:?}");
        }
        assert_eq!(below(0, &mut rng), 0);
    }

    #[test]
    fn a_bound_near_the_whole_range_ends() {
        let mut rng = ChaCha20Rng::from_seed([2; 32]);
        assert!(below(u64::MAX, &mut rng) < u64::MAX);
    }
}
