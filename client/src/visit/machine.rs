//! The states of a visit. Every transition consumes what came before; what may depend on the person begins only after
//! the relay's key was found in the office's roster.

use super::DirectoryFile;
use super::letters::SealedLetters;
use super::plan::Plan;
use super::report::DeskName;
use super::report::Report;
use super::rounds::Rounds;
use super::work::Work;
use crate::link::{Handshake, Link, LinkError};
use cssr_proto::index::{GroupSize, Index, IndexError, Window, letter_genesis};
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::letter::SealError;
use cssr_proto::postage::{LETTER_EFFORT_MAX, Postage};
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use cssr_proto::session::Announcement;
use cssr_proto::wire_error::WireError;
use cssr_proto::{Day, OfficeId, TrustError, Trusted, trust};
use rand_core::CryptoRng;

/// Stands in for the roster's group size until there is a roster; no group is asked for before.
const NO_GROUPS_YET: GroupSize = GroupSize::LEAST;

/// Why a visit ended early. Nothing of the person was sent unless it says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VisitError {
    /// The session broke.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The relay has nothing to offer yet, or refused what every visit asks for.
    #[error("the relay refused: {0}")]
    Refused(WireError),
    /// What the relay shows does not hold against the card, the device's date or itself.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The index contradicts itself or the office's note: the relay hides letters or shows different people different lists.
    #[error("the relay's list of letters does not hold: {0}")]
    Index(#[from] IndexError),
    /// The relay asks for more work than a person should wait for. Nothing was sent.
    #[error(
        "the relay asks for postage of effort {0} on each letter; this program computes {LETTER_EFFORT_MAX} at most"
    )]
    TooMuchWork(u32),
    /// The postage was not computed to the end. Nothing was sent.
    #[error("the postage that the relay asks for could not be computed")]
    WorkUnfinished,
    /// A letter could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The office has no desk of that number.
    #[error("the office has no desk {0}")]
    NoDesk(u64),
    /// The keys were derived for another office id than the roster's: the card is a later one than the office's first.
    /// Derive them again for this one.
    #[error("the card is not the office's first one")]
    OtherFirstCard(OfficeId),
    /// A text is empty or longer than 65,000 bytes.
    #[error("a text must have 1 to 65,000 bytes; this one has {0}")]
    TextLength(usize),
}

/// What the driver does next.
#[derive(Debug)]
pub enum Progress {
    /// Send these messages, then receive one.
    Exchange(Vec<Vec<u8>>),
    /// Do this work, while the connection stays open, and give the result to [`Visit::pay`]. The relay has nothing to say
    /// meanwhile.
    Work(Work),
    /// The visit is over; close the connection.
    Done,
}

/// A visit under way.
pub struct Visit {
    plan: Plan,
    state: State,
    report: Report,
}

enum State {
    Handshake(Box<Handshake>),
    Opening(Opening),
    Index(Listing),
    Working(Box<Link>, Box<Rounds>),
    Rounds(Box<Link>, Box<Rounds>),
    Over,
}

/// Directory and note are asked for.
struct Opening {
    link: Box<Link>,
    relay: RelayPublicKey,
    announcement: Announcement,
    directory: Option<Vec<u8>>,
}

/// The relay is the office's; the index of every day of the window is asked for.
struct Listing {
    link: Box<Link>,
    relay: RelayPublicKey,
    announcement: Announcement,
    trusted: Box<Trusted>,
    first: Day,
    wanted: usize,
    days: Vec<Index>,
}

impl Visit {
    /// Begins: the first wire message, and the visit to feed with what comes back.
    ///
    /// # Errors
    /// A text that no letter may carry; nothing was connected.
    pub fn start<R: CryptoRng>(plan: Plan, rng: &mut R) -> Result<(Self, Vec<u8>), VisitError> {
        if let Some(draft) = plan.want.drafts.iter().find(|draft| !draft.is_writable()) {
            return Err(VisitError::TextLength(draft.text.len()));
        }
        let (handshake, message) = Handshake::start(rng)?;
        Ok((Self { plan, state: State::Handshake(Box::new(handshake)), report: Report::default() }, message))
    }

    /// Takes one wire message.
    ///
    /// # Errors
    /// See [`VisitError`]; the visit is over then, and [`Visit::into_plan`] gives the plan back for another.
    pub fn receive<R: CryptoRng>(&mut self, message: &[u8], rng: &mut R) -> Result<Progress, VisitError> {
        self.state = match std::mem::replace(&mut self.state, State::Over) {
            State::Handshake(handshake) => State::Opening(open(*handshake, message)?),
            State::Opening(mut opening) => match opening.link.receive(message)? {
                None => State::Opening(opening),
                Some(response) => self.take_opening(opening, response)?,
            },
            State::Index(mut listing) => match listing.link.receive(message)? {
                None => State::Index(listing),
                Some(response) => self.take_index(listing, response, rng)?,
            },
            State::Rounds(mut link, mut rounds) => {
                if let Some(response) = link.receive(message)? {
                    rounds.take(response)?;
                    if rounds.is_round_over() && !rounds.begin_next(&mut link) {
                        rounds.finish(&mut self.report);
                        return Ok(Progress::Done);
                    }
                }
                State::Rounds(link, rounds)
            }
            State::Working(..) => return Err(LinkError::Unexpected.into()),
            State::Over => return Ok(Progress::Done),
        };
        self.progress()
    }

    /// Takes the result of [`Progress::Work`]: one for each letter, in their order.
    ///
    /// # Errors
    /// [`VisitError::WorkUnfinished`], or the session is over; the visit is over then.
    pub fn pay(&mut self, postage: &[Postage]) -> Result<Progress, VisitError> {
        let State::Working(mut link, mut rounds) = std::mem::replace(&mut self.state, State::Over) else {
            return Err(LinkError::Unexpected.into());
        };
        if !rounds.pay(postage) {
            return Err(VisitError::WorkUnfinished);
        }
        rounds.begin_next(&mut link);
        self.state = State::Rounds(link, rounds);
        self.progress()
    }

    fn progress(&mut self) -> Result<Progress, VisitError> {
        match &mut self.state {
            State::Opening(Opening { link, .. }) | State::Index(Listing { link, .. }) | State::Rounds(link, _) => {
                Ok(Progress::Exchange(link.outgoing()?))
            }
            State::Working(link, rounds) => Ok(Progress::Work(rounds.work(link.handshake_hash()))),
            State::Handshake(_) | State::Over => Ok(Progress::Done),
        }
    }

    /// What the visit found out.
    #[must_use]
    pub fn into_report(self) -> Report {
        self.report
    }

    /// The plan of a visit that was cut off, with the letters as they were sealed, so that the next visit posts the same
    /// ones if the directory is still the same.
    #[must_use]
    pub fn into_plan(self) -> Plan {
        self.plan
    }

    fn take_opening(&mut self, mut opening: Opening, response: Response) -> Result<State, VisitError> {
        let Some(directory) = opening.directory.take() else {
            let Response::Directory(directory) = asked(response)? else { return Err(LinkError::Unexpected.into()) };
            return Ok(State::Opening(Opening { directory: Some(directory), ..opening }));
        };
        let Response::Note(note) = asked(response)? else { return Err(LinkError::Unexpected.into()) };
        let Opening { mut link, relay, announcement, .. } = opening;
        let plan = &self.plan;
        let trusted = trust(&plan.card, plan.today, announcement.day, plan.clock, &directory, &note, &relay)?;
        self.report_office(&trusted);
        self.report.directory = Some(DirectoryFile::new(directory, note));
        let office = trusted.directory().roster().office();
        if office != self.plan.office {
            return Err(VisitError::OtherFirstCard(office));
        }
        if announcement.letter_effort > LETTER_EFFORT_MAX {
            return Err(VisitError::TooMuchWork(announcement.letter_effort));
        }
        let (first, last) = trusted.index_days().into_inner();
        // The latest first: then a batch that seals meanwhile cannot make the days contradict each other.
        for day in (first.0..=last.0).rev().map(Day) {
            link.request(Request::Index(day), NO_GROUPS_YET);
        }
        // The window is 61 days long at most.
        let wanted = last.since(first) as usize + 1;
        let trusted = Box::new(trusted);
        Ok(State::Index(Listing { link, relay, announcement, trusted, first, wanted, days: Vec::new() }))
    }

    fn take_index<R: CryptoRng>(
        &mut self,
        mut listing: Listing,
        response: Response,
        rng: &mut R,
    ) -> Result<State, VisitError> {
        let Response::Index(index) = asked(response)? else { return Err(LinkError::Unexpected.into()) };
        listing.days.push(index);
        if listing.days.len() < listing.wanted {
            return Ok(State::Index(listing));
        }
        let Listing { mut link, relay, announcement, trusted, first, mut days, .. } = listing;
        days.reverse();
        let window = Window::verify(first, days, &letter_genesis(&relay), &trusted.head())?;
        let letters = SealedLetters::make(&mut self.plan, &trusted, rng)?;
        let mut rounds = Box::new(Rounds::new(&self.plan, *trusted, window, &announcement, letters, rng)?);
        if announcement.letter_effort > 0 {
            return Ok(State::Working(link, rounds));
        }
        rounds.begin_next(&mut link);
        Ok(State::Rounds(link, rounds))
    }

    fn report_office(&mut self, trusted: &Trusted) {
        self.report.confirmed = Some(trusted.day());
        self.report.notice = trusted.notice().map(|notice| notice.as_str().to_owned());
        let desks = trusted.directory().roster().desks.iter();
        self.report.desks = desks.map(|desk| DeskName { number: desk.number, name: desk.name.to_string() }).collect();
    }
}

fn open(handshake: Handshake, message: &[u8]) -> Result<Opening, VisitError> {
    let (mut link, announcement, relay) = handshake.finish(message)?;
    link.request(Request::Directory, NO_GROUPS_YET);
    link.request(Request::Note, NO_GROUPS_YET);
    Ok(Opening { link: Box::new(link), relay, announcement, directory: None })
}

/// What every visit asks for must be answered.
fn asked(response: Response) -> Result<Response, VisitError> {
    match response {
        Response::Error(error) => Err(VisitError::Refused(error)),
        other => Ok(other),
    }
}

impl std::fmt::Debug for Visit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Visit(..)")
    }
}
