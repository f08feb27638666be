//! What a seat knows of its office: rosters, notes, directories and the keys of all seats, from any mirrors.
//!
//! What is kept are facts that were verified for themselves; they only ever grow, so the order in which they came
//! makes no difference. Everything that is concluded from them (which roster holds, which directories were named and
//! until when, who is revoked) is computed when it is asked for.

use super::chain::VouchedHead;
use cssr_proto::index::{Head, letter_genesis};
use cssr_proto::keys::{AuthPublicKey, RelayPublicKey, SeatPublicKey};
use cssr_proto::{
    Card, Day, DeskNumber, Directory, Fingerprint, Hash, Roster, RosterError, SeatNumber, Signed, Unverified,
    UnverifiedDirectory, ValidNote,
};
use minicbor::{Decode, Encode};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Rosters of which the newest directory is kept: the current one, and those that it may take the place of.
const ROSTERS_WITH_DIRECTORY: usize = 3;

/// What decides which of two rosters holds: more roots, then the higher number. A root that was stolen and therefore
/// succeeded can sign what it likes; it never outranks its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
struct Rank {
    #[n(0)]
    roots: u64,
    #[n(1)]
    number: u64,
}

/// A roster that the office signed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
struct RosterFact {
    #[n(0)]
    rank: Rank,
    #[n(1)]
    hash: Hash,
    #[n(2)]
    previous: Option<Hash>,
    #[n(3)]
    issued: Day,
}

/// A note that had enough signatures, under the roster of the directory it names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
struct NoteFact {
    #[n(0)]
    day: Day,
    #[n(1)]
    serial: u64,
    /// Decides between notes of one day and serial: the smaller one is newer.
    #[n(2)]
    payload: Hash,
    #[n(3)]
    directory: Hash,
    #[n(4)]
    number: u64,
    #[n(5)]
    head_day: u32,
    #[n(6)]
    chain: Hash,
    #[n(7)]
    roster: Rank,
    #[n(8)]
    relay: RelayPublicKey,
    #[n(9)]
    letter_days: u32,
}

/// A seat that a directory which a note named listed with this authentication key, under this signing key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
struct SeatFact {
    #[n(0)]
    desk: DeskNumber,
    #[n(1)]
    seat: SeatNumber,
    #[n(2)]
    key: AuthPublicKey,
    #[n(3)]
    signing: SeatPublicKey,
}

/// What is written down.
#[derive(Clone, Default, Encode, Decode)]
#[cbor(map)]
struct Facts {
    #[n(0)]
    rosters: BTreeSet<RosterFact>,
    /// The bytes of the roster that holds.
    #[cbor(n(1), with = "minicbor::bytes")]
    roster: Option<Vec<u8>>,
    #[n(2)]
    notes: BTreeSet<NoteFact>,
    /// By roster: the newest note that names one of its directories, and that directory's bytes.
    #[n(3)]
    directories: BTreeMap<Rank, Named>,
    /// What directories list, and the notes that named such a directory: their days, and the rank of their roster, on
    /// which it depends whether a note counts.
    #[n(4)]
    seats: BTreeMap<SeatFact, BTreeSet<(Day, Rank)>>,
    /// Directories that list keys for this seat which it did not make.
    #[n(5)]
    foreign: BTreeSet<Hash>,
}

#[derive(Clone, Encode, Decode)]
struct Named {
    #[n(0)]
    note: NoteFact,
    #[cbor(n(1), with = "minicbor::bytes")]
    directory: Vec<u8>,
}

/// The facts, and the roster that holds.
pub(super) struct Knowledge {
    card: Fingerprint,
    facts: Facts,
    roster: Option<Signed<Roster>>,
}

/// Whether a directory was one that a sender could honestly use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Echo {
    Named,
    /// No valid note ever named it.
    Unknown,
    /// It was used long after another one had taken its place on this day.
    Superseded(Day),
}

/// What a seat's letter is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Listed,
    /// No directory ever listed the key for that seat.
    Unknown,
    /// The roster that holds lists the seat no more, or another person there, or not on that day.
    Revoked,
    /// No directory that was named around that day lists the key any more, or yet.
    Lapsed,
}

impl Knowledge {
    pub(super) fn new(card: &Card) -> Self {
        Self { card: card.fingerprint(), facts: Facts::default(), roster: None }
    }

    /// Takes what [`to_bytes`](Self::to_bytes) gave; `None` if it is something else.
    pub(super) fn from_bytes(card: &Card, bytes: &[u8]) -> Option<Self> {
        let facts: Facts = minicbor::decode(bytes).ok()?;
        let card = card.fingerprint();
        let roster = match &facts.roster {
            Some(bytes) => Some(Unverified::from_bytes(bytes).ok()?.authenticate(card).ok()?),
            None => None,
        };
        Some(Self { card, facts, roster })
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // Writing to a Vec cannot fail.
        minicbor::to_vec(&self.facts).unwrap_or_default()
    }

    /// The roster that holds: the newest one of the longest lineage.
    pub(super) const fn roster(&self) -> Option<&Signed<Roster>> {
        self.roster.as_ref()
    }

    /// Takes a roster of any age.
    ///
    /// # Errors
    /// It is not the office's.
    pub(super) fn learn_roster(&mut self, roster: Unverified<Roster>) -> Result<Signed<Roster>, RosterError> {
        let roster = roster.authenticate(self.card)?;
        self.note_roster(&roster);
        Ok(roster)
    }

    /// Takes a note that is valid under the roster of the directory it names, with that directory.
    pub(super) fn learn_note(&mut self, note: &ValidNote, directory: &Directory) {
        let roster = directory.roster();
        self.note_roster(roster);
        for key in directory.seat_keys() {
            if let Some(seat) = roster.seat(key.desk, key.seat) {
                let fact = SeatFact { desk: key.desk, seat: key.seat, key: key.key, signing: seat.signing_key };
                self.facts.seats.entry(fact).or_default().insert((note.day, Rank::of(roster)));
            }
        }
        let (day, serial, Reverse(payload)) = note.age();
        let fact = NoteFact {
            day,
            serial,
            payload,
            directory: note.directory,
            number: note.head.number(),
            head_day: note.head.day().0,
            chain: *note.head.chain(),
            roster: Rank::of(roster),
            relay: roster.relay.key,
            letter_days: roster.policy.letter_days(),
        };
        let newest = self.facts.directories.get(&fact.roster).is_none_or(|held| fact.age() > held.note.age());
        if newest {
            let named = Named { note: fact.clone(), directory: directory.bytes().to_vec() };
            self.facts.directories.insert(fact.roster, named);
            while self.facts.directories.len() > ROSTERS_WITH_DIRECTORY {
                self.facts.directories.pop_first();
            }
        }
        self.facts.notes.insert(fact);
    }

    /// Remembers that a directory lists keys for this seat which are not its own.
    pub(super) fn learn_foreign(&mut self, directory: Hash) {
        self.facts.foreign.insert(directory);
    }

    pub(super) fn foreign(&self) -> impl Iterator<Item = Hash> + '_ {
        self.facts.foreign.iter().copied()
    }

    /// The day of the newest note.
    pub(super) fn newest_note(&self) -> Option<Day> {
        self.counting().map(|note| note.day).max()
    }

    /// The directory that the newest note names, with that note's day.
    pub(super) fn directory(&self) -> Option<(Directory, Day)> {
        let newest = self.counting().max_by_key(|note| note.age())?;
        let named = self.facts.directories.get(&newest.roster)?;
        let directory = UnverifiedDirectory::from_bytes(&named.directory).ok()?;
        // Another note of that roster was newer, but does not count any more.
        if directory.hash() != newest.directory {
            return None;
        }
        Some((directory.verify(self.card, newest.day).ok()?, newest.day))
    }

    /// The heads that notes vouch for.
    pub(super) fn heads(&self) -> Vec<VouchedHead> {
        let vouched = self.counting().filter_map(|note| {
            Some(VouchedHead {
                head: Head::new(note.number, Day(note.head_day), note.chain).ok()?,
                note_day: note.day,
                relay: note.relay,
                genesis: letter_genesis(&note.relay),
                letter_days: note.letter_days,
            })
        });
        vouched.collect()
    }

    /// Whether a letter that arrived on a day may echo a directory (protocol, section 6.3).
    pub(super) fn echo(&self, directory: Hash, offline: bool, arrived: Day) -> Echo {
        let mut notes: Vec<&NoteFact> = self.counting().collect();
        notes.sort_by_key(|note| note.age());
        let mut superseded = None;
        let mut named = false;
        for (n, note) in notes.iter().enumerate() {
            // What it was named for after the letter had arrived excuses nothing that was wrong before.
            if note.directory != directory || (note.day > arrived && superseded.is_some()) {
                continue;
            }
            named = true;
            match notes.get(n + 1) {
                None => return Echo::Named,
                Some(next) if next.directory == directory => {}
                Some(next) if arrived <= next.day.plus(self.note_days()) => return Echo::Named,
                Some(next) => superseded = Some(next.day),
            }
        }
        match superseded {
            _ if named && offline => Echo::Named,
            Some(day) => Echo::Superseded(day),
            None => Echo::Unknown,
        }
    }

    /// Whether a letter of a seat that arrived on a day counts as that seat's (protocol, section 6.3, step 5).
    pub(super) fn standing(&self, desk: DeskNumber, seat: SeatNumber, key: &AuthPublicKey, arrived: Day) -> Standing {
        let mut facts = self
            .facts
            .seats
            .iter()
            .filter(|(fact, _)| (fact.desk, fact.seat, &fact.key) == (desk, seat, key))
            .peekable();
        if facts.peek().is_none() {
            return Standing::Unknown;
        }
        let Some(listed) = self.roster.as_ref().and_then(|roster| roster.seat(desk, seat)) else {
            return Standing::Revoked;
        };
        // What a seat wrote on its last day may take some days to the relay.
        let counts = listed.counts_on(arrived) || listed.counts_on(arrived.minus(self.note_days()));
        let mut same_person = facts.filter(|(fact, _)| counts && fact.signing == listed.signing_key).peekable();
        if same_person.peek().is_none() {
            return Standing::Revoked;
        }
        // A letter may be listed letter_days after it was written, and some days before couriers vouch for a new key.
        let days = arrived.minus(self.letter_days())..=arrived.plus(self.note_days());
        let named = same_person
            .any(|(_, notes)| notes.iter().any(|(day, rank)| days.contains(day) && self.counts(*day, *rank)));
        if named { Standing::Listed } else { Standing::Lapsed }
    }

    /// Whether any seat that was ever known has or had this key.
    pub(super) fn is_seat_key(&self, key: &AuthPublicKey) -> bool {
        self.facts.seats.keys().any(|fact| fact.key == *key)
    }

    /// Roster numbers at which the office's own statements part: somebody else holds a root.
    pub(super) fn roster_forks(&self) -> BTreeSet<u64> {
        let mut forks = BTreeSet::new();
        let mut by_number: BTreeMap<u64, Vec<&RosterFact>> = BTreeMap::new();
        for roster in &self.facts.rosters {
            by_number.entry(roster.rank.number).or_default().push(roster);
        }
        for (number, same) in &by_number {
            let before = number.checked_sub(1).and_then(|before| by_number.get(&before));
            let follows = |roster: &RosterFact| {
                before.is_none_or(|before| before.iter().any(|earlier| Some(earlier.hash) == roster.previous))
            };
            if same.len() > 1 || !same.iter().all(|roster| follows(roster)) {
                forks.insert(*number);
            }
        }
        forks
    }

    /// Notes that were signed under a roster long after another one had taken its place: day of the note, roster.
    pub(super) fn stale_notes(&self) -> BTreeSet<(Day, u64)> {
        let stale = self.facts.notes.iter().filter(|note| !self.counts(note.day, note.roster));
        stale.map(|note| (note.day, note.roster.number)).collect()
    }

    fn note_roster(&mut self, roster: &Signed<Roster>) {
        self.facts.rosters.insert(RosterFact {
            rank: Rank::of(roster),
            hash: roster.hash(),
            previous: roster.previous,
            issued: roster.issued,
        });
        let rank = |roster: &Signed<Roster>| (Rank::of(roster), Reverse(roster.hash()));
        if self.roster.as_ref().is_none_or(|held| rank(roster) > rank(held)) {
            self.facts.roster = Some(roster.bytes().to_vec());
            self.roster = Some(roster.clone());
        }
    }

    /// Notes whose signers the office had not replaced. Some days of grace are for couriers that learn of a new roster
    /// later than it was issued.
    fn counting(&self) -> impl Iterator<Item = &NoteFact> {
        self.facts.notes.iter().filter(|note| self.counts(note.day, note.roster))
    }

    fn counts(&self, day: Day, roster: Rank) -> bool {
        let newer = self.facts.rosters.iter().filter(|newer| newer.rank > roster);
        newer.map(|newer| newer.issued.plus(self.note_days())).min().is_none_or(|end| day <= end)
    }

    fn note_days(&self) -> u32 {
        self.roster.as_ref().map_or(0, |roster| roster.policy.note_days())
    }

    fn letter_days(&self) -> u32 {
        self.roster.as_ref().map_or(0, |roster| roster.policy.letter_days())
    }
}

impl Rank {
    fn of(roster: &Roster) -> Self {
        Self { roots: roster.lineage.roots().len() as u64, number: roster.number.get() }
    }
}

impl NoteFact {
    const fn age(&self) -> (Day, u64, Reverse<Hash>) {
        (self.day, self.serial, Reverse(self.payload))
    }
}

impl std::fmt::Debug for Knowledge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Facts { rosters, notes, .. } = &self.facts;
        write!(f, "Knowledge({} rosters, {} notes)", rosters.len(), notes.len())
    }
}
