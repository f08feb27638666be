//! The letters of a visit: the person's, and covers for the rounds that are left. All are sealed before the first is
//! posted, so that the time between rounds says nothing.

use super::machine::VisitError;
use super::plan::{Draft, Plan};
use cssr_proto::letter::{Letter, SealError, Sealed, seal};
use cssr_proto::message::{MessageText, Testimony};
use cssr_proto::{DeskNumber, Hash, List, SeatNumber, Trusted};
use rand_core::CryptoRng;

/// One letter, ready to be posted.
#[derive(Clone)]
pub(super) struct Posting {
    pub(super) sealed: Sealed,
    /// What the person is told about it; `None` for a cover.
    pub(super) of: Option<Ours>,
}

/// A letter that is not a cover.
#[derive(Clone)]
pub(super) struct Ours {
    /// The desk it is for; unknown for a letter of a bundle.
    pub(super) desk: Option<DeskNumber>,
    pub(super) mute: Vec<SeatNumber>,
}

/// The letters of all rounds, and the directory they are sealed to.
#[derive(Clone)]
pub(super) struct SealedLetters {
    directory: Hash,
    pub(super) postings: Vec<Posting>,
}

impl SealedLetters {
    /// Seals what the plan holds, or takes what an interrupted visit sealed to the same directory. The plan remembers it.
    pub(super) fn make<R: CryptoRng>(plan: &mut Plan, trusted: &Trusted, rng: &mut R) -> Result<Self, VisitError> {
        let rounds = (trusted.policy().rounds.get() as usize).max(plan.want.rounds).max(plan.want.letters());
        if let Some(earlier) = &plan.sealed
            && earlier.directory == trusted.directory_hash()
            && earlier.postings.len() == rounds
        {
            return Ok(earlier.clone());
        }
        let mut postings = Vec::with_capacity(rounds);
        for draft in &plan.want.drafts {
            postings.push(testimony(plan, trusted, draft, rng)?);
        }
        for sealed in &plan.want.ready {
            postings.push(Posting { sealed: sealed.clone(), of: Some(Ours { desk: None, mute: Vec::new() }) });
        }
        while postings.len() < rounds {
            postings.push(cover(trusted, rng)?);
        }
        let sealed = Self { directory: trusted.directory_hash(), postings };
        plan.sealed = Some(sealed.clone());
        Ok(sealed)
    }
}

fn testimony<R: CryptoRng>(plan: &Plan, trusted: &Trusted, draft: &Draft, rng: &mut R) -> Result<Posting, VisitError> {
    let to = trusted.directory().recipients(draft.desk).ok_or(VisitError::NoDesk(draft.desk.get()))?;
    let message = Testimony {
        text: MessageText::new(draft.text.as_str()).map_err(|_| VisitError::TextLength(draft.text.len()))?,
        day: trusted.day(),
        language: draft.language.clone(),
        manifests: List::default(),
        form: None,
    };
    let contact = plan.keys.to_contact();
    let sealed = seal(&Letter::Testimony { from: &plan.keys.auth, contact: &contact, message: &message }, &to, rng)?;
    let mute = trusted.directory().mute_seats(draft.desk).collect();
    Ok(Posting { sealed, of: Some(Ours { desk: Some(draft.desk), mute }) })
}

/// A cover goes to a desk chosen at random among those that somebody can read.
fn cover<R: CryptoRng>(trusted: &Trusted, rng: &mut R) -> Result<Posting, VisitError> {
    let directory = trusted.directory();
    let mut open: Vec<_> =
        directory.roster().desks.iter().filter_map(|desk| directory.recipients(desk.number)).collect();
    open.retain(|to| to.seats.iter().any(Option::is_some));
    let to = open.get(below(open.len(), rng)).ok_or(SealError::NoSeat)?;
    Ok(Posting { sealed: seal(&Letter::Cover, to, rng)?, of: None })
}

/// A number below `n`, 0 if there is none. There are 16 desks at most, so the bias of a remainder of 2^64 is nil.
fn below<R: CryptoRng>(n: usize, rng: &mut R) -> usize {
    (rng.next_u64() % n.max(1) as u64) as usize
}
