//! Postage: proof of work with Equi-X, as in Tor's proposal 327 (protocol, section 12.4).
//!
//! Verifying builds one short hash program and runs it 16 times; solving fills 1.8 MiB of tables per try. Nothing
//! here generates machine code: the interpreter is slower for solvers, and works in a browser and in a relay that
//! may not map executable memory.

use crate::hash::tagged;
use crate::ids::EnvelopeId;
use crate::labels;
use crate::session::HandshakeHash;
use crate::sizes::{POSTAGE_NONCE, POSTAGE_SOLUTION};
use equix::{EquiX, Solution, SolverMemory};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};

/// The highest effort that a client computes for a letter. At this one it takes about 20 s on one core of a laptop, and a
/// minute or two on a cheap telephone, which is as long as a person and a relay wait.
pub const LETTER_EFFORT_MAX: u32 = 500;

/// Chunks that one postage pays for, in one session.
pub const CHUNKS_PER_POSTAGE: u64 = 64;

/// Proof of work on a challenge. Its `Debug` shows the effort only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Postage {
    /// How many tries it takes on average; 0 is free.
    pub effort: u32,
    /// Chosen at random for each try.
    pub nonce: [u8; POSTAGE_NONCE],
    /// Eight little-endian numbers of 16 bits.
    pub solution: [u8; POSTAGE_SOLUTION],
}

impl Postage {
    /// None at all.
    pub const FREE: Self = Self { effort: 0, nonce: [0; POSTAGE_NONCE], solution: [0; POSTAGE_SOLUTION] };
}

impl std::fmt::Debug for Postage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { effort, nonce: _, solution: _ } = self;
        write!(f, "Postage({effort})")
    }
}

/// Postage that does not pay: too little effort, a wrong solution, or effort 0 with something in the other fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("insufficient postage")]
pub struct Insufficient;

/// What postage is bound to, so that it pays for one post of one session.
#[derive(Clone)]
pub struct Challenge(Vec<u8>);

impl Challenge {
    /// For one letter.
    #[must_use]
    pub fn letter(session: &HandshakeHash, id: &EnvelopeId) -> Self {
        Self::of(labels::LETTER_POSTAGE, session, id.as_bytes())
    }

    /// For a chunk and the 63 after it, `posted` being the number of chunks that this session has posted before.
    /// `None` for a chunk that an earlier one has paid for; it carries [`Postage::FREE`].
    #[must_use]
    pub fn chunk(session: &HandshakeHash, posted: u64) -> Option<Self> {
        posted
            .is_multiple_of(CHUNKS_PER_POSTAGE)
            .then(|| Self::of(labels::CHUNK_POSTAGE, session, &(posted / CHUNKS_PER_POSTAGE).to_be_bytes()))
    }

    /// Looks for postage of `effort`, for at most `tries` random nonces; `None` if none of them did. Effort 0 needs
    /// no try. A program that must stay responsive asks for few tries at a time.
    pub fn solve<R: CryptoRng + ?Sized>(&self, effort: u32, tries: u32, rng: &mut R) -> Option<Postage> {
        if effort == 0 {
            return Some(Postage::FREE);
        }
        let mut memory = SolverMemory::new();
        (0..tries).find_map(|_| {
            let mut nonce = [0; POSTAGE_NONCE];
            rng.fill_bytes(&mut nonce);
            let seed = self.seed(&nonce, effort);
            // A few seeds make no program; they are skipped.
            let solutions = EquiX::new(&seed).ok()?.solve_with_memory(&mut memory);
            solutions
                .iter()
                .map(Solution::to_bytes)
                .find(|solution| reaches(&seed, solution, effort))
                .map(|solution| Postage { effort, nonce, solution })
        })
    }

    /// Checks postage against the announced effort.
    ///
    /// # Errors
    /// It does not pay.
    pub fn verify(&self, announced: u32, postage: &Postage) -> Result<(), Insufficient> {
        if postage.effort < announced {
            return Err(Insufficient);
        }
        if postage.effort == 0 {
            return if *postage == Postage::FREE { Ok(()) } else { Err(Insufficient) };
        }
        let seed = self.seed(&postage.nonce, postage.effort);
        // The cheap check first.
        if !reaches(&seed, &postage.solution, postage.effort) {
            return Err(Insufficient);
        }
        equix::verify_bytes(&seed, &postage.solution).map_err(|_| Insufficient)
    }

    fn of(label: &str, session: &HandshakeHash, what: &[u8]) -> Self {
        Self([&tagged(label), session.as_bytes().as_slice(), what].concat())
    }

    fn seed(&self, nonce: &[u8; POSTAGE_NONCE], effort: u32) -> Vec<u8> {
        [&self.0, nonce.as_slice(), &effort.to_be_bytes()].concat()
    }
}

impl std::fmt::Debug for Challenge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(_) = self;
        f.write_str("Challenge(..)")
    }
}

/// `u32(SHA-256(seed || solution)[..4]) * effort <= 2^32 - 1`.
fn reaches(seed: &[u8], solution: &[u8; POSTAGE_SOLUTION], effort: u32) -> bool {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::new().chain_update(seed).chain_update(solution).finalize());
    u32::from_be_bytes([a, b, c, d]).checked_mul(effort).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng;

    const EFFORT: u32 = 3;

    fn session() -> HandshakeHash {
        HandshakeHash::from_bytes([1; 32])
    }

    fn letter(id: u8) -> Challenge {
        Challenge::letter(&session(), &EnvelopeId([id; 16]))
    }

    fn solved(challenge: &Challenge, effort: u32) -> Postage {
        challenge.solve(effort, 1_000, &mut ChaCha20Rng::from_seed([9; 32])).unwrap()
    }

    #[test]
    fn a_solution_is_one_for_the_seed_that_the_protocol_names() {
        let chunk = Challenge::chunk(&session(), 128).unwrap();
        let letter_parts: [&[u8]; 3] = [b"\x14cssr1 letter postage", &[1; 32], &[1; 16]];
        let chunk_parts: [&[u8]; 3] = [b"\x13cssr1 chunk postage", &[1; 32], &[0, 0, 0, 0, 0, 0, 0, 2]];
        for (challenge, parts) in [(letter(1), letter_parts), (chunk, chunk_parts)] {
            let postage = solved(&challenge, EFFORT);
            let seed = [&parts.concat()[..], &postage.nonce, &[0, 0, 0, 3]].concat();
            assert!(equix::verify_bytes(&seed, &postage.solution).is_ok());
            let hash = crate::sha256(&[&seed[..], &postage.solution].concat());
            let first = u64::from(u32::from_be_bytes(hash[..4].try_into().unwrap()));
            assert!(first * u64::from(EFFORT) <= u64::from(u32::MAX));
        }
    }

    #[test]
    fn a_solution_pays_for_what_was_announced_and_less() {
        let postage = solved(&letter(1), EFFORT);
        for announced in 0..=EFFORT {
            assert_eq!(letter(1).verify(announced, &postage), Ok(()));
        }
        assert_eq!(letter(1).verify(EFFORT + 1, &postage), Err(Insufficient));
    }

    #[test]
    fn a_solution_pays_nothing_elsewhere() {
        let postage = solved(&letter(1), EFFORT);
        let other_session = Challenge::letter(&HandshakeHash::from_bytes([2; 32]), &EnvelopeId([1; 16]));
        let chunk = Challenge::chunk(&session(), 0).unwrap();
        for challenge in [letter(2), other_session, chunk] {
            assert_eq!(challenge.verify(1, &postage), Err(Insufficient));
        }
    }

    #[test]
    fn any_changed_bit_makes_it_worthless() {
        let good = solved(&letter(1), EFFORT);
        for bit in 0..128 {
            let mut nonce = good;
            nonce.nonce[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(letter(1).verify(EFFORT, &nonce), Err(Insufficient), "nonce {bit}");
            let mut solution = good;
            solution.solution[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(letter(1).verify(EFFORT, &solution), Err(Insufficient), "solution {bit}");
        }
    }

    #[test]
    fn effort_cannot_be_claimed_after_the_fact() {
        let good = solved(&letter(1), EFFORT);
        for effort in [0, 1, EFFORT + 1, u32::MAX] {
            assert_eq!(letter(1).verify(0, &Postage { effort, ..good }), Err(Insufficient), "{effort}");
        }
    }

    #[test]
    fn effort_0_is_free_and_empty() {
        assert_eq!(solved(&letter(1), 0), Postage::FREE);
        assert_eq!(letter(1).verify(0, &Postage::FREE), Ok(()));
        assert_eq!(letter(1).verify(1, &Postage::FREE), Err(Insufficient));
        let littered = Postage { nonce: [1; 16], ..Postage::FREE };
        assert_eq!(letter(1).verify(0, &littered), Err(Insufficient));
    }

    #[test]
    fn one_postage_pays_for_64_chunks() {
        for posted in 1..64 {
            assert!(Challenge::chunk(&session(), posted).is_none(), "{posted}");
        }
        let first = Challenge::chunk(&session(), 0).unwrap();
        let second = Challenge::chunk(&session(), 64).unwrap();
        assert_eq!(first.verify(EFFORT, &solved(&first, EFFORT)), Ok(()));
        assert_eq!(second.verify(EFFORT, &solved(&first, EFFORT)), Err(Insufficient));
    }

    #[test]
    fn the_highest_effort_needs_a_hash_below_two() {
        assert!(0_u32.checked_mul(u32::MAX).is_some() && 1_u32.checked_mul(u32::MAX).is_some());
        assert_eq!(letter(1).solve(u32::MAX, 2, &mut ChaCha20Rng::from_seed([9; 32])), None);
    }

    #[test]
    fn the_same_randomness_finds_the_same_solution() {
        assert_eq!(solved(&letter(1), EFFORT), solved(&letter(1), EFFORT));
    }
}
