//! Random bytes that are asked for many at a time, since a few cost the system as much as some hundred.
//!
//! Each byte is given once, and erased where it was. Whoever gets hold of the memory finds none that was given: with a
//! generator's state they could make the positions of a batch again, in their order.

use rand_core::{CryptoRng, TryCryptoRng, TryRng};
use std::convert::Infallible;
use zeroize::Zeroize as _;

/// Bytes that are asked for at a time.
const POOL: usize = 1_024;

/// Random bytes from a generator.
pub(super) struct Randomness<R> {
    rng: R,
    pool: Box<[u8; POOL]>,
    /// How many bytes at the beginning of the pool were not given yet.
    left: usize,
}

impl<R: CryptoRng> Randomness<R> {
    pub(super) fn new(rng: R) -> Self {
        Self { rng, pool: Box::new([0; POOL]), left: 0 }
    }

    fn take(&mut self, bytes: &mut [u8]) {
        if bytes.len() > POOL {
            self.rng.fill_bytes(bytes);
            return;
        }
        if self.left < bytes.len() {
            self.rng.fill_bytes(self.pool.as_mut_slice());
            self.left = POOL;
        }
        self.left -= bytes.len();
        let given = self.pool.iter_mut().skip(self.left);
        bytes.iter_mut().zip(given).for_each(|(to, from)| {
            *to = *from;
            from.zeroize();
        });
    }
}

impl<R: CryptoRng> TryRng for Randomness<R> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.take(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.take(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.take(bytes);
        Ok(())
    }
}

impl<R: CryptoRng> TryCryptoRng for Randomness<R> {}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20::ChaCha20Rng;
    use rand_core::{Rng as _, SeedableRng as _};
    use std::collections::BTreeSet;

    #[test]
    fn no_byte_is_given_twice_or_kept() {
        let mut randomness = Randomness::new(ChaCha20Rng::seed_from_u64(1));
        let mut seen = BTreeSet::new();
        for round in 0..1_000 {
            let mut bytes = [0; 24];
            randomness.fill_bytes(&mut bytes);
            assert!(seen.insert(bytes.to_vec()), "{round}");
            assert!(seen.insert(randomness.next_u64().to_le_bytes().to_vec()), "{round}");
            let given = &randomness.pool[randomness.left..];
            assert!(given.iter().rev().take(32).all(|byte| *byte == 0), "erased where it was");
        }
        let mut many = vec![0; 2 * POOL];
        randomness.fill_bytes(&mut many);
        assert!(many.chunks(16).all(|piece| piece != [0; 16]));
    }
}
