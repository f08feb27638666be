//! What a person sees of letters: the facts that were written down, judged by what the seat knows now.

use super::alarm::EchoDoubt;
use super::case::Case;
use super::identity::Identity;
use super::knowledge::{Echo, Knowledge, Standing};
use super::pseudonym::Pseudonym;
use super::record::{Content, LetterRecord, OpenedFacts, QuarantineReason, Sender, SentRecord};
use super::vault::Vault;
use cssr_proto::keys::AuthPublicKey;
use cssr_proto::message::{LetterName, Message};
use cssr_proto::{Contact, Day, DeskNumber, SeatNumber};
use std::collections::BTreeSet;

/// A letter, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterSummary {
    /// What it is called at this seat.
    pub number: u32,
    /// Its name, which everyone who has it can compute: two words.
    pub name: LetterName,
    /// The day on which the relay accepted it.
    pub received: Day,
    /// Who wrote it; unknown for a letter that was quarantined before that could be said.
    pub from: From,
    /// The thread it belongs to; unknown for a colleague's letter that names no letter of this desk.
    pub thread: Option<Pseudonym>,
    /// What was done about it.
    pub state: LetterState,
    /// The seats of the desk that can read it, according to its sender.
    pub readers: Vec<SeatNumber>,
    /// What is odd about the directory that its sender used.
    pub echo: Option<EchoDoubt>,
    /// Other seats of the desk that have answered it.
    pub answered_by: Vec<SeatNumber>,
}

/// Who wrote a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// A source.
    Source,
    /// A seat of the office: a reply or receipt to a source, or a team event, that this seat may read too.
    Seat {
        /// Its desk.
        desk: DeskNumber,
        /// Its number.
        seat: SeatNumber,
    },
    /// That was not found out.
    Unknown,
}

/// What was done about a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterState {
    /// Nothing yet.
    New,
    /// A receipt was written.
    Receipted,
    /// A reply was written.
    Answered,
    /// It must not be shown as a message.
    Quarantined(QuarantineReason),
}

/// A reply or receipt that was written at this seat.
#[derive(Clone, PartialEq, Eq)]
pub struct SentSummary {
    /// Its thread.
    pub thread: Pseudonym,
    /// Its number in the thread.
    pub number: u32,
    /// The name under which others know it.
    pub name: LetterName,
    /// The day of writing.
    pub day: Day,
    /// The text; none in a receipt.
    pub text: Option<String>,
    /// Letters that it says were opened.
    pub receipts: Vec<LetterName>,
    /// The day on which a mirror showed that the relay lists it; until then it waits in the outbox.
    pub listed: Option<Day>,
}

impl std::fmt::Debug for SentSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SentSummary({}, ..)", self.number)
    }
}

/// All that a judgement depends on.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) vault: &'a Vault,
    pub(super) identity: &'a Identity,
    pub(super) knowledge: &'a Knowledge,
    pub(super) case: &'a Case,
}

impl<'a> Judge<'a> {
    /// Why a letter is not shown, if so.
    pub(super) fn quarantine(&self, letter: &LetterRecord) -> Option<QuarantineReason> {
        match &letter.content {
            Content::Quarantined(reason) => Some(*reason),
            Content::Opened(facts) => self
                .sender_trouble(facts, letter.listed.day)
                .or_else(|| self.is_repeated(letter, facts).then_some(QuarantineReason::Repeated)),
        }
    }

    /// Whether another letter of this sender has the same id and counts, because it was listed first. The relay may
    /// list an id again once it has expired, and whoever else can read a letter can make other bytes of it that open.
    fn is_repeated(&self, letter: &LetterRecord, facts: &OpenedFacts) -> bool {
        let others = self.case.letters_with(&letter.id).filter_map(|other| match &other.content {
            Content::Opened(opened) if opened.sender == facts.sender => Some((other, opened)),
            _ => None,
        });
        let accepted = others.filter(|(other, opened)| self.sender_trouble(opened, other.listed.day).is_none());
        // Two in one place stand in two histories; every seat must choose the same one of them.
        let first = accepted.min_by(|(a, one), (b, two)| (a.listed, &*one.message.0).cmp(&(b.listed, &*two.message.0)));
        first.is_some_and(|(first, _)| first.number != letter.number)
    }

    /// What was opened, unless it is quarantined.
    pub(super) fn readable(&self, letter: &'a LetterRecord) -> Option<&'a OpenedFacts> {
        match &letter.content {
            Content::Opened(facts) if self.quarantine(letter).is_none() => Some(facts),
            _ => None,
        }
    }

    /// What is odd about the directory that a letter's sender used.
    pub(super) fn echo(&self, letter: &LetterRecord) -> Option<EchoDoubt> {
        let Content::Opened(facts) = &letter.content else { return None };
        EchoDoubt::of(self.knowledge.echo(facts.directory, facts.offline, letter.listed.day))
    }

    /// The thread of a letter, by its source's key.
    pub(super) fn thread(&self, letter: &LetterRecord) -> Option<AuthPublicKey> {
        match self.readable(letter)?.sender {
            Sender::Source(key) => Some(key),
            Sender::Seat(..) => self.thread_of_names(&self.names_in(letter)),
        }
    }

    /// Letters of a thread from its source, oldest first.
    pub(super) fn testimony(&self, thread: &AuthPublicKey) -> Vec<(&'a LetterRecord, &'a OpenedFacts)> {
        let letters = self.case.letters().filter_map(|letter| Some((letter, self.readable(letter)?)));
        let mut letters: Vec<_> = letters.filter(|(_, facts)| facts.sender == Sender::Source(*thread)).collect();
        letters.sort_by_key(|(letter, _)| (letter.listed, letter.id));
        letters
    }

    /// The newest contact of a thread.
    pub(super) fn contact(&self, thread: &AuthPublicKey) -> Option<Contact> {
        self.testimony(thread).iter().rev().find_map(|(_, facts)| facts.contact())
    }

    pub(super) fn pseudonym(&self, thread: &AuthPublicKey) -> Pseudonym {
        Pseudonym::of(self.vault.tag("thread", &[thread.as_bytes()]))
    }

    pub(super) fn summary(&self, letter: &LetterRecord) -> LetterSummary {
        let facts = match &letter.content {
            Content::Opened(facts) => Some(facts),
            Content::Quarantined(_) => None,
        };
        let from = match facts.map(|facts| facts.sender) {
            Some(Sender::Source(_)) => From::Source,
            Some(Sender::Seat(desk, seat, _)) => From::Seat { desk, seat },
            None => From::Unknown,
        };
        LetterSummary {
            number: letter.number,
            name: LetterName::of(&letter.id),
            received: letter.listed.day,
            from,
            thread: self.thread(letter).map(|thread| self.pseudonym(&thread)),
            state: self.quarantine(letter).map_or_else(|| self.state(letter), LetterState::Quarantined),
            readers: facts.map(OpenedFacts::named_seats).unwrap_or_default(),
            echo: self.echo(letter),
            answered_by: self.answered_by(letter),
        }
    }

    pub(super) fn sent_summary(&self, sent: &SentRecord) -> SentSummary {
        let text = sent.text.as_ref().and_then(|text| std::str::from_utf8(&text.0).ok());
        SentSummary {
            thread: self.pseudonym(&sent.thread),
            number: sent.number,
            name: LetterName::of(&sent.id),
            day: sent.day,
            text: text.map(str::to_owned),
            receipts: sent.names.iter().filter_map(|name| LetterName::new(*name).ok()).collect(),
            listed: sent.listed.map(|listed| listed.day),
        }
    }

    fn state(&self, letter: &LetterRecord) -> LetterState {
        let name = LetterName::of(&letter.id);
        let Some(thread) = self.thread(letter) else { return LetterState::New };
        let mut state = LetterState::New;
        for sent in self.case.sent().filter(|sent| sent.thread == thread) {
            if sent.answers == Some(letter.id) {
                return LetterState::Answered;
            }
            if sent.names(name) {
                state = LetterState::Receipted;
            }
        }
        state
    }

    /// Colleagues whose replies name a letter of a source.
    fn answered_by(&self, letter: &LetterRecord) -> Vec<SeatNumber> {
        let is_testimony = self.readable(letter).is_some_and(|facts| matches!(facts.sender, Sender::Source(_)));
        if !is_testimony {
            return Vec::new();
        }
        let name = LetterName::of(&letter.id);
        let replies = self.case.letters().filter_map(|other| match self.readable(other)?.sender {
            Sender::Seat(_, seat, _) if self.names_in(other).contains(&name) => Some(seat),
            _ => None,
        });
        replies.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The letters that a colleague's reply or receipt names.
    fn names_in(&self, letter: &LetterRecord) -> Vec<LetterName> {
        match self.readable(letter).and_then(OpenedFacts::message) {
            Some(Message::Reply(reply)) => reply.receipts.to_vec(),
            Some(Message::Receipt(receipt)) => receipt.receipts.to_vec(),
            _ => Vec::new(),
        }
    }

    /// The one thread that names belong to. Two letters may share a name; then nobody can tell.
    fn thread_of_names(&self, names: &[LetterName]) -> Option<AuthPublicKey> {
        let threads = self.case.letters().filter_map(|letter| match self.readable(letter)?.sender {
            Sender::Source(key) if names.contains(&LetterName::of(&letter.id)) => Some(key),
            _ => None,
        });
        let threads: BTreeSet<AuthPublicKey> = threads.collect();
        if threads.len() == 1 { threads.first().copied() } else { None }
    }

    /// Whether a sender key may stand for the sender that the letter names (protocol, section 6.3, step 5).
    fn sender_trouble(&self, facts: &OpenedFacts, arrived: Day) -> Option<QuarantineReason> {
        match facts.sender {
            Sender::Source(key) => self.is_seat_key(&key).then_some(QuarantineReason::SeatKey),
            Sender::Seat(desk, seat, key) => match self.knowledge.standing(desk, seat, &key, arrived) {
                Standing::Listed => None,
                Standing::Unknown => Some(QuarantineReason::UnknownSeat),
                Standing::Revoked => Some(QuarantineReason::RevokedSeat),
                Standing::Lapsed => Some(QuarantineReason::LapsedKey),
            },
        }
    }

    fn is_seat_key(&self, key: &AuthPublicKey) -> bool {
        self.knowledge.is_seat_key(key) || self.identity.is_own(key)
    }
}

impl EchoDoubt {
    pub(super) const fn of(echo: Echo) -> Option<Self> {
        match echo {
            Echo::Named => None,
            Echo::Unknown => Some(Self::Unknown),
            Echo::Superseded(since) => Some(Self::Superseded { since }),
        }
    }
}
