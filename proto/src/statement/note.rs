//! The note (protocol, section 4.5): what the office's couriers confirm, at least daily.

use super::roster::{CourierError, Roster};
use super::signed::{Payload, Role, SIGNATURES_MAX, SignatureEntry, Signed, SignedAs, Unverified};
use crate::cbor::{Malformed, Number, Text};
use crate::hash::sha256;
use crate::ids::{CourierNumber, Hash, OfficeId};
use crate::index::Head;
use crate::keys::{CourierKey, Signer as _, Verifier as _};
use crate::labels::context;
use crate::sizes::NOTE_MAX;
use crate::time::Day;
use minicbor::{Decode, Encode};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::Deref;

/// A notice to sources, one paragraph.
pub type Notice = Text<1, 1000>;

/// CDDL `note`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Note {
    /// The office.
    #[n(0)]
    pub office: OfficeId,
    /// The day on which it was made.
    #[n(1)]
    pub day: Day,
    /// Of two notes of a day, the one with the higher serial is newer.
    #[n(2)]
    pub serial: u64,
    /// The directory that it confirms.
    #[n(3)]
    pub directory: Hash,
    /// The end of the letter index's chain, as last mirrored.
    #[n(4)]
    pub head: Head,
    /// A notice to sources.
    #[n(5)]
    pub notice: Option<Notice>,
}

/// A note whose signatures verify and suffice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidNote(Signed<Note>);

/// A note whose signatures verify but do not suffice: couriers may sign it too; nobody else gives it any weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedNote(Signed<Note>);

/// A note whose signatures verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckedNote {
    /// Enough of them.
    Valid(ValidNote),
    /// Too few of them.
    Proposed(ProposedNote),
}

/// Why a note is refused, or cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// It does not decode, or is too long.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It belongs to another office.
    #[error("the note belongs to another office")]
    OtherOffice,
    /// It names another directory.
    #[error("the note names another directory")]
    OtherDirectory,
    /// The directory to be named is that of another day.
    #[error("the directory is that of another day")]
    OtherDay,
    /// The signers do not ascend strictly.
    #[error("the note's signers are not in order")]
    SignerOrder,
    /// A signer is not believed.
    #[error(transparent)]
    Courier(#[from] CourierError),
    /// Two notes that do not say the same cannot share their signatures.
    #[error("the notes say different things")]
    Different,
}

impl Payload for Note {
    const WHAT: &'static str = "note";
    const MAX: usize = NOTE_MAX;
    const SIGNATURES: usize = SIGNATURES_MAX;
}

impl Note {
    fn signed_as<'a>(&self, roster: &'a Roster, number: CourierNumber) -> Result<SignedAs<'a>, CourierError> {
        let courier = roster.courier_on(number, self.day)?;
        Ok(SignedAs {
            context: context::NOTE,
            office: roster.office(),
            role: Role::Courier,
            name: courier.label.as_str(),
            desk: Some(courier.desk),
            number: Some(signer(number)),
            from: self.day,
            through: self.day,
        })
    }

    /// Signs a note as its first courier. The caller answers for the directory's hash being the note's.
    pub(super) fn sign(
        self,
        roster: &Roster,
        courier: CourierNumber,
        key: &CourierKey,
    ) -> Result<CheckedNote, NoteError> {
        let about = self.signed_as(roster, courier)?;
        Unverified::sign(self, signer(courier), key, |_, bytes| about.input(bytes))?.verify(roster)
    }
}

impl Signed<Note> {
    /// What decides which of two notes is newer: greater is newer. Day, then serial, then the smaller payload hash.
    #[must_use]
    pub fn age(&self) -> (Day, u64, Reverse<Hash>) {
        let payload = Hash(sha256(self.statement().payload_bytes()));
        (self.day, self.serial, Reverse(payload))
    }

    /// The couriers that signed, ascending.
    pub fn signers(&self) -> impl Iterator<Item = CourierNumber> {
        self.statement().signatures().iter().filter_map(|entry| Number::new(entry.signer.into()).ok())
    }
}

impl Unverified<Note> {
    /// The directory that it claims to name, so that one can be looked for. It may be believed only once the note has
    /// been verified under that directory.
    #[must_use]
    pub const fn names_directory(&self) -> Hash {
        self.claims().directory
    }

    /// Verifies a note under the roster of the directory that it names; the caller answers for that.
    pub(super) fn verify(self, roster: &Roster) -> Result<CheckedNote, NoteError> {
        let note = self.claims();
        if note.office != roster.office() {
            return Err(NoteError::OtherOffice);
        }
        if !self.signatures().is_sorted_by(|a, b| a.signer < b.signer) {
            return Err(NoteError::SignerOrder);
        }
        let mut seats = BTreeSet::new();
        for entry in self.signatures() {
            let number = Number::new(entry.signer.into())?;
            let courier = roster.courier_on(number, note.day)?;
            let input = note.signed_as(roster, number)?.input(self.payload_bytes());
            if !courier.key.verifies(&input, &entry.signature) {
                return Err(CourierError::Signature(number).into());
            }
            seats.insert((courier.desk, courier.seat));
        }
        let active = roster.seats().filter(|(_, seat)| seat.is_active_on(note.day)).count();
        let enough = seats.len() >= active.min(2);
        let signed = self.into_verified();
        Ok(if enough { CheckedNote::Valid(ValidNote(signed)) } else { CheckedNote::Proposed(ProposedNote(signed)) })
    }
}

impl CheckedNote {
    /// The valid note, if it is one.
    #[must_use]
    pub fn valid(self) -> Option<ValidNote> {
        match self {
            Self::Valid(note) => Some(note),
            Self::Proposed(_) => None,
        }
    }
}

impl ProposedNote {
    /// Adds a courier's signature. The roster is the one under which the note was verified.
    ///
    /// # Errors
    /// The courier does not count on the note's day, or the key is not its own.
    pub fn add_signature(
        &self,
        roster: &Roster,
        courier: CourierNumber,
        key: &CourierKey,
    ) -> Result<CheckedNote, NoteError> {
        let input = self.signed_as(roster, courier)?.input(self.statement().payload_bytes());
        let entry = SignatureEntry { signer: signer(courier), signature: key.sign(&input) };
        self.with(vec![entry], roster)
    }

    /// Puts the signatures of two proposals that say the same together, as when two couriers signed at the same time.
    ///
    /// # Errors
    /// They do not say the same, or too many have signed.
    pub fn merge(&self, other: &Self, roster: &Roster) -> Result<CheckedNote, NoteError> {
        if self.statement().payload_bytes() != other.statement().payload_bytes() {
            return Err(NoteError::Different);
        }
        self.with(other.statement().signatures().to_vec(), roster)
    }

    fn with(&self, more: Vec<SignatureEntry>, roster: &Roster) -> Result<CheckedNote, NoteError> {
        let mut signatures = self.statement().signatures().to_vec();
        for entry in more {
            if let Err(place) = signatures.binary_search_by_key(&entry.signer, |known| known.signer) {
                signatures.insert(place, entry);
            }
        }
        Unverified::assemble(self.payload().clone(), signatures)?.verify(roster)
    }
}

impl Deref for CheckedNote {
    type Target = Signed<Note>;
    fn deref(&self) -> &Signed<Note> {
        match self {
            Self::Valid(note) => &note.0,
            Self::Proposed(note) => &note.0,
        }
    }
}

impl Deref for ValidNote {
    type Target = Signed<Note>;
    fn deref(&self) -> &Signed<Note> {
        &self.0
    }
}

impl Deref for ProposedNote {
    type Target = Signed<Note>;
    fn deref(&self) -> &Signed<Note> {
        &self.0
    }
}

/// The courier number as the signer field and the signature input carry it.
pub(super) fn signer(courier: CourierNumber) -> u8 {
    // A courier number is at most 255.
    u8::try_from(courier.get()).unwrap_or(u8::MAX)
}
