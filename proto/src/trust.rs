//! What a source checks before its program sends anything that depends on the person (protocol, section 4.6).

use crate::card::{Card, Fingerprint};
use crate::cbor::Malformed;
use crate::ids::Hash;
use crate::index::Head;
use crate::keys::RelayPublicKey;
use crate::statement::{
    CheckedNote, Directory, DirectoryError, Note, NoteError, Notice, Policy, RosterError, Unverified,
    UnverifiedDirectory, ValidNote,
};
use crate::time::{Day, Epoch};
use std::ops::RangeInclusive;

/// What a relay gave in a session, after every check.
#[derive(Clone, Debug)]
pub struct Trusted {
    directory: Directory,
    note: ValidNote,
    relay_day: Day,
}

/// A directory and the note that names it, for sealing without a fresh note (protocol, section 15.1).
#[derive(Clone, Debug)]
pub struct TrustedOffline {
    directory: Directory,
    note: ValidNote,
}

/// What the person answered when they were shown two dates that do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockChoice {
    /// The device's date is right.
    Device,
    /// This date of the office's note, as it was shown, is right. It answers for no other note.
    Note(Day),
}

/// Why nothing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The directory does not decode.
    #[error("the relay's directory is malformed")]
    MalformedDirectory(#[source] Malformed),
    /// The note does not decode.
    #[error("the relay's note is malformed")]
    MalformedNote(#[source] Malformed),
    /// The directory is not the one that the note names.
    #[error("the relay's directory is not the one that the office's note confirms")]
    DirectoryNotTheNotes,
    /// The roster belongs to another office than the card, or is not signed by it.
    #[error("the relay's keys are not those of the card's office: {0}")]
    WrongOffice(#[source] RosterError),
    /// The roster breaks a rule although the office signed it.
    #[error("the office's roster is wrong: {0}")]
    Roster(#[source] RosterError),
    /// The note is not valid under the roster.
    #[error("the office's note is not valid: {0}")]
    Note(#[source] NoteError),
    /// Too few couriers have signed the note.
    #[error("the office's note has too few signatures")]
    ProposedNote,
    /// The device's date and the note's do not fit: the person must say which is right.
    #[error("the device's date is {device}, the office's note says {note}: which is right?")]
    ClockDoubt {
        /// The device's date.
        device: Day,
        /// The note's date.
        note: Day,
    },
    /// The person says that the device's date is right: the office has not confirmed its keys for too long.
    #[error("the office has not confirmed its keys since {note}")]
    NoteTooOld {
        /// The note's date.
        note: Day,
    },
    /// The person says that the device's date is right: the note comes from the future.
    #[error("the office's note is from {note}, a day that has not come yet")]
    NoteFromFuture {
        /// The note's date.
        note: Day,
    },
    /// The day that the relay announced does not fit the note's.
    #[error("the relay says that today is {relay}, which contradicts the office's note of {note}")]
    RelayDateContradicts {
        /// The relay's date.
        relay: Day,
        /// The note's date.
        note: Day,
    },
    /// The roster is not valid on the note's day.
    #[error("the office's keys are not valid today: {0}")]
    RosterNotInForce(#[source] RosterError),
    /// The rest of the directory breaks a rule.
    #[error("the office's directory is wrong: {0}")]
    Directory(#[source] DirectoryError),
    /// The session is with another relay than the office's.
    #[error("this is not the office's relay")]
    WrongRelayKey,
}

/// Everything of section 4.6, in its order. `device_day` is the device's date, `relay_day` the announced one,
/// `session_relay_key` the static key of this very session.
///
/// # Errors
/// The first check that fails. After [`TrustError::ClockDoubt`] the person is asked, and the answer is given as
/// `clock_choice`.
pub fn trust(
    card: &Card,
    device_day: Day,
    relay_day: Day,
    clock_choice: Option<ClockChoice>,
    directory: &[u8],
    note: &[u8],
    session_relay_key: &RelayPublicKey,
) -> Result<Trusted, TrustError> {
    let confirmed = Confirmed::check(card.fingerprint(), directory, note)?;
    confirmed.check_dates(device_day, relay_day, clock_choice)?;
    let TrustedOffline { directory, note } = confirmed.check_rest()?;
    if directory.roster().relay.key != *session_relay_key {
        return Err(TrustError::WrongRelayKey);
    }
    Ok(Trusted { directory, note, relay_day })
}

/// The same for sealing into a bundle: without a session, whatever the age of the note.
///
/// # Errors
/// The first check that fails.
pub fn trust_offline(card: &Card, directory: &[u8], note: &[u8]) -> Result<TrustedOffline, TrustError> {
    Confirmed::check(card.fingerprint(), directory, note)?.check_rest()
}

/// After steps 1 to 3: the office's couriers have confirmed this directory, some day.
struct Confirmed {
    directory: crate::statement::AuthenticDirectory,
    note: ValidNote,
}

impl Confirmed {
    fn check(card: Fingerprint, directory: &[u8], note: &[u8]) -> Result<Self, TrustError> {
        let note = Unverified::<Note>::from_bytes(note).map_err(TrustError::MalformedNote)?;
        let directory = UnverifiedDirectory::from_bytes(directory).map_err(TrustError::MalformedDirectory)?;
        if note.claims().directory != directory.hash() {
            return Err(TrustError::DirectoryNotTheNotes);
        }
        let directory = directory.authenticate(card).map_err(|error| match error {
            RosterError::Lineage(_) | RosterError::Signature => TrustError::WrongOffice(error),
            _ => TrustError::Roster(error),
        })?;
        match directory.verify_note(note).map_err(TrustError::Note)? {
            CheckedNote::Valid(note) => Ok(Self { directory, note }),
            CheckedNote::Proposed(_) => Err(TrustError::ProposedNote),
        }
    }

    fn check_dates(&self, device: Day, relay: Day, choice: Option<ClockChoice>) -> Result<(), TrustError> {
        let note = self.note.day;
        let days = self.directory.roster().policy.note_days();
        if device.since(note) > days || note.since(device) > days {
            match choice {
                Some(ClockChoice::Note(shown)) if shown == note => {}
                Some(ClockChoice::Device) if device > note => return Err(TrustError::NoteTooOld { note }),
                Some(ClockChoice::Device) => return Err(TrustError::NoteFromFuture { note }),
                _ => return Err(TrustError::ClockDoubt { device, note }),
            }
        }
        if relay < note || relay.since(note) > days {
            return Err(TrustError::RelayDateContradicts { relay, note });
        }
        Ok(())
    }

    fn check_rest(self) -> Result<TrustedOffline, TrustError> {
        let day = self.note.day;
        let directory = self.directory.verify_on(day).map_err(|error| match error {
            DirectoryError::Roster(error) => TrustError::RosterNotInForce(error),
            _ => TrustError::Directory(error),
        })?;
        Ok(TrustedOffline { directory, note: self.note })
    }
}

impl Trusted {
    /// The directory, verified for the note's day.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// What the directory echo of letters holds.
    #[must_use]
    pub const fn directory_hash(&self) -> Hash {
        self.directory.hash()
    }

    /// The note.
    #[must_use]
    pub const fn note(&self) -> &ValidNote {
        &self.note
    }

    /// How relay and programs behave.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        self.directory.policy()
    }

    /// The day to write into messages: the note's.
    #[must_use]
    pub fn day(&self) -> Day {
        self.note.day
    }

    /// The epoch whose prekeys letters are sealed to.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.day().epoch()
    }

    /// The days whose index a visit asks for: `r - letter_days ..= r`, `r` being the announced day.
    #[must_use]
    pub fn index_days(&self) -> RangeInclusive<Day> {
        self.relay_day.minus(self.policy().letter_days())..=self.relay_day
    }

    /// The head that the index must fit.
    #[must_use]
    pub fn head(&self) -> Head {
        self.note.head
    }

    /// The office's notice to sources.
    #[must_use]
    pub fn notice(&self) -> Option<&Notice> {
        self.note.notice.as_ref()
    }
}

impl TrustedOffline {
    /// The directory, verified for the note's day; its views give the furthest prekeys.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The day on which the office confirmed it.
    #[must_use]
    pub fn day(&self) -> Day {
        self.note.day
    }
}

#[cfg(test)]
mod tests;
