//! How a seat stands: what a person wants to know before anything else.

use super::alarm::{Alarm, EchoDoubt};
use super::chain::Finding;
use super::error::SeatError;
use super::record::{Content, Sender};
use super::view::LetterState;
use super::{Seat, prekeys};
use cssr_proto::{Day, DeskNumber, Epoch, Hash, SeatNumber};
use std::collections::{BTreeMap, BTreeSet};

/// How a seat stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The desk.
    pub desk: DeskNumber,
    /// The seat's number; none before it was admitted.
    pub seat: Option<SeatNumber>,
    /// The number and last day of the roster that holds.
    pub roster: Option<(u64, Day)>,
    /// The day of the newest note.
    pub note: Option<Day>,
    /// Everything that the couriers saw through this day was imported, but for what alarms say.
    pub imported_through: Option<Day>,
    /// The weeks whose prekeys are live.
    pub prekeys: Vec<Epoch>,
    /// Letters that nothing was done about.
    pub new: usize,
    /// Letters that were acknowledged.
    pub receipted: usize,
    /// Letters that were answered.
    pub answered: usize,
    /// Letters in quarantine.
    pub quarantined: usize,
    /// Replies and receipts that no mirror has shown to be at the relay.
    pub waiting: usize,
    /// Files that cannot be read.
    pub damaged: usize,
    /// What a person must look into.
    pub alarms: Vec<Alarm>,
}

impl Seat {
    /// How the seat stands.
    ///
    /// # Errors
    /// The environment failed.
    pub fn status(&self, today: Day) -> Result<Status, SeatError> {
        let letters = self.letters();
        let count = |state: fn(&LetterState) -> bool| letters.iter().filter(|letter| state(&letter.state)).count();
        let prekeys = prekeys::epochs(&self.vault)?;
        let readable = prekeys::live(&self.vault)?.len();
        Ok(Status {
            desk: self.identity.desk,
            seat: self.identity.admitted.map(|admitted| admitted.seat),
            roster: self.knowledge.roster().map(|roster| (roster.number.get(), roster.expires)),
            note: self.knowledge.newest_note(),
            imported_through: self.chain.survey(&self.knowledge.heads()).reaches(),
            new: count(|state| *state == LetterState::New),
            receipted: count(|state| *state == LetterState::Receipted),
            answered: count(|state| *state == LetterState::Answered),
            quarantined: count(|state| matches!(state, LetterState::Quarantined(_))),
            waiting: self.case.sent().filter(|sent| sent.listed.is_none()).count(),
            damaged: self.case.damaged() + prekeys.len().saturating_sub(readable),
            prekeys,
            alarms: self.alarms(today),
        })
    }

    /// What a person must look into, from everything that was imported.
    #[must_use]
    pub fn alarms(&self, today: Day) -> Vec<Alarm> {
        let mut alarms = self.echo_alarms();
        let survey = self.chain.survey(&self.knowledge.heads());
        alarms.extend(survey.findings().map(|finding| match finding {
            Finding::Fork { batch } => Alarm::Fork { batch },
            Finding::Gap { first, last } => Alarm::Gap { first, last },
        }));
        alarms.extend(self.knowledge.roster_forks().into_iter().map(|number| Alarm::RosterFork { number }));
        let stale = self.knowledge.stale_notes().into_iter();
        alarms.extend(stale.map(|(day, roster)| Alarm::StaleNote { day, roster }));
        alarms.extend(self.knowledge.foreign().map(|directory| Alarm::ForeignKey { directory }));
        alarms.extend(self.letters_not_written_here().map(|letter| Alarm::NotWrittenHere { letter }));
        if let Some(note) = self.knowledge.newest_note().filter(|note| *note > today) {
            alarms.push(Alarm::ClockBehind { today, note });
        }
        if self.is_revoked() {
            alarms.push(Alarm::Revoked);
        }
        alarms.sort_unstable();
        alarms
    }

    /// One alarm for each directory, with all letters that came with it.
    fn echo_alarms(&self) -> Vec<Alarm> {
        let mut doubtful: BTreeMap<(Hash, EchoDoubt), (BTreeSet<u32>, usize)> = BTreeMap::new();
        let judge = self.judge();
        for letter in self.case.letters() {
            if let (Content::Opened(facts), Some(doubt)) = (&letter.content, judge.echo(letter)) {
                doubtful.entry((facts.directory, doubt)).or_default().0.insert(letter.number);
            }
        }
        for (directory, day, offline) in self.case.covers() {
            if let Some(doubt) = EchoDoubt::of(self.knowledge.echo(directory, offline, day)) {
                doubtful.entry((directory, doubt)).or_default().1 += 1;
            }
        }
        let alarms = doubtful.into_iter().map(|((directory, doubt), (letters, covers))| Alarm::Echo {
            directory,
            doubt,
            letters: letters.into_iter().collect(),
            covers,
        });
        alarms.collect()
    }

    /// Letters that bear this seat's key, although no record says that they were written.
    fn letters_not_written_here(&self) -> impl Iterator<Item = u32> + '_ {
        let own = self.case.letters().filter(|letter| match &letter.content {
            Content::Opened(facts) => match facts.sender {
                Sender::Seat(_, _, key) | Sender::Source(key) => self.identity.is_own(&key),
            },
            Content::Quarantined(_) => false,
        });
        own.map(|letter| letter.number)
    }

    fn is_revoked(&self) -> bool {
        let (Some(admitted), Some(roster)) = (self.identity.admitted, self.knowledge.roster()) else { return false };
        let own = self.identity.signing.public();
        roster.seat(self.identity.desk, admitted.seat).is_none_or(|seat| seat.signing_key != own)
    }
}
