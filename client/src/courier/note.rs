//! What a courier does about the day's note: nothing, its signature under a colleague's, or one of its own.

use super::notes::KnownNotes;
use cssr_proto::index::Head;
use cssr_proto::keys::CourierKey;
use cssr_proto::{CheckedNote, CourierNumber, Directory, Note, NoteError, Notice, ProposedNote, Signed};

/// What became of the day's note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteOutcome {
    /// The newest valid note says the same already.
    Unchanged,
    /// This courier's signature stands under it already; it waits for another courier.
    Waiting,
    /// A new note is proposed; it needs the signature of another seat's courier.
    Proposed,
    /// A new note is valid.
    Valid {
        /// Whether this courier added its signature to a colleague's note.
        cosigned: bool,
    },
}

/// What a courier would say today.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    /// The directory of its own day.
    pub(super) directory: &'a Directory,
    /// The head that it has followed.
    pub(super) head: Head,
    pub(super) notice: Option<Notice>,
    pub(super) courier: CourierNumber,
}

/// What to do.
#[derive(Debug)]
pub(super) enum Plan<'a> {
    Nothing(NoteOutcome),
    Cosign(&'a ProposedNote),
    Sign { serial: u64 },
}

impl Wish<'_> {
    /// Decides. `is_near` says whether a head lies on the chain that was followed, not far behind its end.
    pub(super) fn plan<'n>(&self, notes: &'n KnownNotes, is_near: impl Fn(&Head) -> bool) -> Plan<'n> {
        let newest = notes.newest();
        // Not what proposals say: a dishonest one could use up all numbers.
        let today = newest.filter(|note| note.day == self.directory.day());
        let serial = today.map_or(0, |note| note.serial.saturating_add(1));
        if newest.is_some_and(|note| self.is_said_by(note) && note.head == self.head) {
            return Plan::Nothing(NoteOutcome::Unchanged);
        }
        let acceptable = |note: &&ProposedNote| {
            self.is_said_by(note)
                && note.serial == serial
                && note.head.number() <= self.head.number()
                && newest.is_none_or(|newest| note.age() > newest.age() && note.head.number() >= newest.head.number())
                && is_near(&note.head)
        };
        let proposals = || notes.proposed.iter().filter(acceptable);
        let is_own = |note: &&ProposedNote| note.signers().any(|signer| signer == self.courier);
        // The one that reaches furthest, then the newest.
        let others = proposals().filter(|note| !is_own(note));
        if let Some(note) = others.max_by_key(|note| (note.head.number(), note.age())) {
            return Plan::Cosign(note);
        }
        if proposals().filter(is_own).any(|note| note.head == self.head) {
            return Plan::Nothing(NoteOutcome::Waiting);
        }
        Plan::Sign { serial }
    }

    /// Carries out a plan; nothing to publish if there is nothing to do.
    pub(super) fn sign(&self, plan: &Plan<'_>, key: &CourierKey) -> Result<Option<CheckedNote>, NoteError> {
        match plan {
            Plan::Nothing(_) => Ok(None),
            Plan::Cosign(note) => note.add_signature(self.directory.roster(), self.courier, key).map(Some),
            Plan::Sign { serial } => {
                let notice = self.notice.clone();
                self.directory.sign_note(*serial, self.head, notice, self.courier, key).map(Some)
            }
        }
    }

    /// Whether a note says what this courier would say, but for the head.
    fn is_said_by(&self, note: &Signed<Note>) -> bool {
        note.day == self.directory.day() && note.directory == self.directory.hash() && note.notice == self.notice
    }
}
