//! The notes that are held: valid ones of the last weeks, and proposed ones.

use cssr_proto::sizes::{NOTE_MAX, STATEMENTS_MAX};
use cssr_proto::{CheckedNote, Day, Directory, Hash, Note, ProposedNote, Signed, ValidNote};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of valid notes that are kept at most, the newest: so two couriers gone bad cannot fill the relay's memory, and
/// all fit one answer together with the proposed ones. An office that confirms every half hour makes 5,760 notes of
/// some 500 bytes in the longest time that they are kept.
const VALID_MAX: usize = STATEMENTS_MAX - PROPOSED_MAX;
/// Bytes that the proposals of the 112 couriers of a roster may take.
const PROPOSED_MAX: usize = 112 * PROPOSALS * (NOTE_MAX + 8);
/// Proposed notes that are kept for each courier that signed them.
const PROPOSALS: usize = 4;

/// Greater is newer (protocol, section 4.5). The hash is that of the payload, so what says the same has the same age.
pub(super) type Age = (Day, u64, Reverse<Hash>);

#[derive(Clone, Debug, Default)]
pub(super) struct NoteBook {
    valid: BTreeMap<Age, ValidNote>,
    proposed: BTreeMap<Age, ProposedNote>,
}

/// What became of a note that verified.
#[derive(Debug)]
pub(super) enum Offer {
    /// Enough couriers vouch for it, and it is the newest.
    Valid(Box<ValidNote>),
    /// It waits for further signatures.
    Proposed,
    /// It says nothing that is not held.
    Known,
    /// It is not newer than the newest valid one.
    Outdated,
}

impl NoteBook {
    /// Takes a note that was verified under the directory it names.
    pub(super) fn offer(&mut self, note: CheckedNote, directory: &Directory) -> Offer {
        let age = note.age();
        if self.valid.contains_key(&age) {
            return Offer::Known;
        }
        if self.newest().is_some_and(|newest| newest.age() >= age) {
            return Offer::Outdated;
        }
        match self.joined(note, age, directory) {
            CheckedNote::Valid(note) => {
                self.insert_valid(note.clone());
                Offer::Valid(Box::new(note))
            }
            CheckedNote::Proposed(note) => {
                if self.proposed.get(&age) == Some(&note) {
                    return Offer::Known;
                }
                self.proposed.insert(age, note);
                self.thin_proposals();
                // One that several newer ones of the same couriers have pushed out at once.
                if self.proposed.contains_key(&age) { Offer::Proposed } else { Offer::Outdated }
            }
        }
    }

    pub(super) fn insert_valid(&mut self, note: ValidNote) {
        let age = note.age();
        self.proposed = self.proposed.split_off(&age);
        self.proposed.remove(&age);
        self.valid.insert(age, note);
        let size = |note: &ValidNote| note.bytes().len() + 8;
        let mut total: usize = self.valid.values().map(size).sum();
        while total > VALID_MAX
            && let Some((_, oldest)) = self.valid.pop_first()
        {
            total -= size(&oldest);
        }
    }

    pub(super) fn insert_proposed(&mut self, note: ProposedNote) {
        self.proposed.insert(note.age(), note);
    }

    pub(super) fn drop_proposals(&mut self) {
        self.proposed.clear();
    }

    /// Forgets notes of days before `first`, but never the newest valid one: a relay must not serve an older one after
    /// the couriers were away for long.
    pub(super) fn forget_before(&mut self, first: Day) {
        let newest = self.valid.pop_last();
        self.valid.retain(|(day, ..), _| *day >= first);
        self.proposed.retain(|(day, ..), _| *day >= first);
        self.valid.extend(newest);
    }

    pub(super) fn newest(&self) -> Option<&ValidNote> {
        self.valid.last_key_value().map(|(_, note)| note)
    }

    pub(super) fn valid(&self) -> impl Iterator<Item = (&Age, &Signed<Note>)> {
        self.valid.iter().map(|(age, note)| (age, &**note))
    }

    pub(super) fn proposed(&self) -> impl Iterator<Item = (&Age, &Signed<Note>)> {
        self.proposed.iter().map(|(age, note)| (age, &**note))
    }

    /// The directories that these notes name.
    pub(super) fn directories(&self) -> BTreeSet<Hash> {
        self.valid().chain(self.proposed()).map(|(_, note)| note.directory).collect()
    }

    /// The note with the signatures of a proposal that says the same.
    fn joined(&self, note: CheckedNote, age: Age, directory: &Directory) -> CheckedNote {
        match (note, self.proposed.get(&age)) {
            (CheckedNote::Proposed(note), Some(held)) => {
                // Too many signatures for one statement is all that can be wrong, and then there were enough before.
                held.merge(&note, directory.roster()).unwrap_or(CheckedNote::Proposed(note))
            }
            (note, _) => note,
        }
    }

    /// Keeps what is among the newest few of at least one of its signers. So a courier gone bad can push out its own
    /// proposals, and nobody else's. Of one day and serial the one with the later head is newer, whatever its hash: a
    /// courier that goes on mirroring while nobody else signs must not be refused.
    fn thin_proposals(&mut self) {
        let mut counts: BTreeMap<_, usize> = BTreeMap::new();
        let mut kept = BTreeSet::new();
        let mut proposed: Vec<_> = self.proposed.iter().collect();
        proposed.sort_by_key(|(age, note)| (note.day, note.serial, note.head.number(), **age));
        for (age, note) in proposed.into_iter().rev() {
            for courier in note.signers() {
                let count = counts.entry(courier).or_default();
                *count += 1;
                if *count <= PROPOSALS {
                    kept.insert(*age);
                }
            }
        }
        self.proposed.retain(|age, _| kept.contains(age));
    }
}
