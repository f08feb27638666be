//! The notes that the relay shows to couriers, verified: whose word counts for what.

use crate::mirror::Mirror;
use cssr_proto::index::Head;
use cssr_proto::publication::Notes;
use cssr_proto::{
    AuthenticDirectory, CheckedNote, Fingerprint, Hash, Note, ProposedNote, Roster, Signed, Unverified,
    UnverifiedDirectory, ValidNote,
};
use std::collections::{BTreeMap, BTreeSet};

/// Notes with the directories that they name.
#[derive(Debug, Default)]
pub(super) struct KnownNotes {
    /// Verified, with enough signatures, and signed by couriers that the office had not replaced.
    pub(super) valid: Vec<ValidNote>,
    /// Verified, with too few signatures.
    pub(super) proposed: Vec<ProposedNote>,
    /// How many were refused.
    pub(super) refused: usize,
}

/// Directories by hash, whose rosters are the office's.
pub(super) type Directories = BTreeMap<Hash, AuthenticDirectory>;

/// The hashes of the directories that notes name.
pub(super) fn named(notes: &Notes) -> BTreeSet<Hash> {
    let all = notes.valid.iter().chain(notes.proposed.iter());
    let decoded = all.filter_map(|bytes| Unverified::<Note>::from_bytes(bytes.as_slice()).ok());
    decoded.map(|note| note.names_directory()).collect()
}

/// A directory with this hash, if its roster is the office's.
pub(super) fn authentic(card: Fingerprint, hash: Hash, bytes: &[u8]) -> Option<AuthenticDirectory> {
    let directory = UnverifiedDirectory::from_bytes(bytes).ok()?;
    (directory.hash() == hash).then(|| directory.authenticate(card).ok()).flatten()
}

impl KnownNotes {
    /// Verifies what the relay said. A note that fails is left out: it is no reason not to mirror.
    pub(super) fn verify(notes: &Notes, directories: &Directories, current: &Roster) -> Self {
        let mut known = Self::default();
        for bytes in notes.valid.iter().chain(notes.proposed.iter()) {
            match check(bytes.as_slice(), directories, current) {
                Some(CheckedNote::Valid(note)) => known.valid.push(note),
                Some(CheckedNote::Proposed(note)) => known.proposed.push(note),
                None => known.refused += 1,
            }
        }
        known
    }

    /// The newest valid note.
    pub(super) fn newest(&self) -> Option<&ValidNote> {
        self.valid.iter().max_by_key(|note| note.age())
    }

    /// The heads of this relay's chain that valid notes vouch for.
    pub(super) fn heads<'a>(&'a self, directories: &'a Directories, current: &'a Roster) -> impl Iterator<Item = Head> {
        self.valid.iter().filter(|note| is_about(note, directories, current)).map(|note| note.head)
    }

    /// The heads of this relay's chain that single couriers say they have followed.
    pub(super) fn proposed_heads<'a>(
        &'a self,
        directories: &'a Directories,
        current: &'a Roster,
    ) -> impl Iterator<Item = Head> {
        self.proposed.iter().filter(|note| is_about(note, directories, current)).map(|note| note.head)
    }

    /// Writes the valid ones into the mirror.
    pub(super) fn keep(&self, mirror: &Mirror) -> std::io::Result<()> {
        self.valid.iter().try_for_each(|note| mirror.put_note(note))
    }
}

/// Whether a note's head lies on a chain of the current relay.
fn is_about(note: &Signed<Note>, directories: &Directories, current: &Roster) -> bool {
    directories.get(&note.directory).is_some_and(|named| named.roster().relay.key == current.relay.key)
}

fn check(bytes: &[u8], directories: &Directories, current: &Roster) -> Option<CheckedNote> {
    let note: Unverified<Note> = Unverified::from_bytes(bytes).ok()?;
    let directory = directories.get(&note.names_directory())?;
    let note = directory.verify_note(note).ok()?;
    // Couriers that were replaced have no word any more, but for the days it takes to learn of it.
    let replaced =
        directory.roster().number < current.number && note.day > current.issued.plus(current.policy.note_days());
    let holds = directory.clone().verify_on(note.day).is_ok();
    (holds && !replaced).then_some(note)
}
