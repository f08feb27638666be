//! Postage (section 12.4).

use super::case::Case;
use super::kit::{Key, noise, seed, sha256, tagged};
use equix::{EquiX, SolverMemory};

/// The effort that the vectors pay.
const EFFORT: u32 = 3;

/// What is paid for.
#[derive(Clone, Copy)]
enum For {
    Letter([u8; 16]),
    /// The chunk after so many in the session.
    Chunk(u64),
}

/// Postage, and the session it is for.
#[derive(Clone)]
struct Postage {
    session: Key,
    paid: For,
    effort: u32,
    nonce: [u8; 16],
    solution: [u8; 16],
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = accepted();
    cases.extend(refused());
    cases
}

fn letter() -> For {
    For::Letter(*noise("a letter's id", 16).first_chunk().unwrap())
}

impl Postage {
    fn challenge(&self) -> Vec<u8> {
        match self.paid {
            For::Letter(id) => [&tagged("cssr1 letter postage"), &self.session[..], &id].concat(),
            For::Chunk(posted) => {
                [&tagged("cssr1 chunk postage"), &self.session[..], &(posted / 64).to_be_bytes()].concat()
            }
        }
    }

    fn seed(&self) -> Vec<u8> {
        [&self.challenge()[..], &self.nonce, &self.effort.to_be_bytes()].concat()
    }

    fn reaches(&self) -> bool {
        let hash = sha256(&[&self.seed()[..], &self.solution].concat());
        let first = u32::from_be_bytes(*hash.first_chunk().unwrap());
        u64::from(first) * u64::from(self.effort) <= u64::from(u32::MAX)
    }

    /// The first solution, nonce by nonce, that reaches the effort, or that does not.
    fn solved(paid: For, effort: u32, reaching: bool) -> Self {
        let mut memory = SolverMemory::new();
        let session = seed("a handshake hash");
        let nonces = (0..).map(|n| *noise(&format!("postage nonce {n}"), 16).first_chunk().unwrap());
        let tries = nonces.map(|nonce| Self { session, paid, effort, nonce, solution: [0; 16] });
        let mut solved = tries.filter_map(|unsolved| {
            let solutions = EquiX::new(&unsolved.seed()).ok()?.solve_with_memory(&mut memory);
            let mut solved = solutions.iter().map(|s| Self { solution: s.to_bytes(), ..unsolved.clone() });
            solved.find(|postage| postage.reaches() == reaching)
        });
        solved.next().unwrap()
    }

    fn free(paid: For) -> Self {
        Self { session: seed("a handshake hash"), paid, effort: 0, nonce: [0; 16], solution: [0; 16] }
    }

    fn given(&self, case: Case, announced: u32) -> Case {
        let (id, posted) = match self.paid {
            For::Letter(id) => (Some(id), None),
            For::Chunk(posted) => (None, Some(posted)),
        };
        case.input("handshake-hash", self.session)
            .input("id", id)
            .input("chunks-posted", posted)
            .input("announced-effort", announced)
            .input("effort", self.effort)
            .input("nonce", self.nonce)
            .input("solution", self.solution)
    }
}

fn accepted() -> Vec<Case> {
    let ok = |name: &str, comment: &str, postage: &Postage, announced: u32| {
        let seed = (postage.effort > 0).then(|| postage.seed());
        postage.given(Case::ok(&format!("postage/{name}"), comment), announced).output("seed", seed)
    };
    let paid = Postage::solved(letter(), EFFORT, true);
    let chunk = Postage::solved(For::Chunk(128), EFFORT, true);
    vec![
        ok("letter", "A letter's postage, of exactly the announced effort.", &paid, EFFORT),
        ok("chunk", "For the chunk after 128 others, and the 63 that follow it.", &chunk, EFFORT),
        ok("more-than-announced", "More work than the relay asks for.", &paid, EFFORT - 1),
        ok("not-asked-for", "Work although none is asked for.", &paid, 0),
        ok("free", "Nothing is asked for, nothing is paid.", &Postage::free(letter()), 0),
        ok("free-chunk", "The same for a chunk.", &Postage::free(For::Chunk(0)), 0),
    ]
}

fn refused() -> Vec<Case> {
    let no = |name: &str, comment: &str, postage: &Postage, announced: u32| {
        postage.given(Case::refused(&format!("postage/{name}"), "postage", comment), announced)
    };
    let paid = Postage::solved(letter(), EFFORT, true);
    let chunk = Postage::solved(For::Chunk(128), EFFORT, true);
    let idle = Postage::solved(letter(), 1_000, false);
    let with = |change: fn(&mut Postage)| {
        let mut postage = paid.clone();
        change(&mut postage);
        postage
    };
    let elsewhere = |paid_for: For, postage: &Postage| Postage { paid: paid_for, ..postage.clone() };
    let other_letter = For::Letter(*noise("another letter's id", 16).first_chunk().unwrap());
    vec![
        no("too-little", "Less than was announced.", &paid, EFFORT + 1),
        no("nothing", "Nothing, where something is asked for.", &Postage::free(letter()), 1),
        no("other-letter", "It was paid for another letter.", &elsewhere(other_letter, &paid), EFFORT),
        no("other-session", "It was paid in another session.", &with(|p| p.session[0] ^= 1), EFFORT),
        no("letter-as-chunk", "A letter's postage for a chunk.", &elsewhere(For::Chunk(0), &paid), EFFORT),
        no("next-chunks", "It was paid for the 64 chunks before.", &elsewhere(For::Chunk(192), &chunk), EFFORT),
        no("other-nonce", "One bit of the nonce is changed.", &with(|p| p.nonce[15] ^= 1), EFFORT),
        no("other-effort", "The effort is part of the seed: a lower one makes it another.", &with(|p| p.effort = 2), 2),
        no("changed", "One bit of the solution is changed.", &with(|p| p.solution[0] ^= 1), EFFORT),
        no(
            "swapped-halves",
            "The two halves of the solution are swapped.",
            &with(|p| p.solution.rotate_left(8)),
            EFFORT,
        ),
        no("big-endian", "The numbers of the solution are big-endian.", &with(swap_bytes), EFFORT),
        no("effort-not-reached", "A solution of the seed whose hash is too high for the effort.", &idle, 1_000),
        no("no-solution", "Effort, but no solution.", &with(|p| p.solution = [0; 16]), EFFORT),
        no("free-with-nonce", "Effort 0, but a nonce.", &Postage { nonce: paid.nonce, ..Postage::free(letter()) }, 0),
        no(
            "free-with-solution",
            "Effort 0, but a solution.",
            &Postage { solution: paid.solution, ..Postage::free(letter()) },
            0,
        ),
    ]
}

fn swap_bytes(postage: &mut Postage) {
    for pair in postage.solution.as_chunks_mut::<2>().0 {
        pair.reverse();
    }
}
