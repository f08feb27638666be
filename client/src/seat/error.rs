//! What can go wrong at a seat. Nothing here names a person, a letter or an envelope.

use crate::files::KeyFileError;
use cssr_proto::letter::SealError;
use cssr_proto::{Day, Malformed, RequestError, RosterError, SeatStatementError};
use std::io;

/// Why a seat does not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeatError {
    // ---- the folder ----
    /// The environment failed: no permission, disk full.
    #[error("the seat's folder cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// There is no seat in the folder.
    #[error("there is no seat in this folder")]
    NoSeat,
    /// A seat is to be made where there is one.
    #[error("there is a seat in this folder already")]
    Exists,
    /// Another program works in the folder.
    #[error("another program is using this seat's folder")]
    InUse,
    /// The key file does not open.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// A file was changed, or comes from another seat or another place.
    #[error("a file of the seat's folder is damaged ({0})")]
    Damaged(&'static str),
    /// A file would become too large.
    #[error("a file of the seat's folder would become too large")]
    TooLarge,

    // ---- the office ----
    /// What should be a roster is none.
    #[error("this is no roster: {0}")]
    NotARoster(#[from] Malformed),
    /// The roster does not hold against the card or today.
    #[error("the roster is refused: {0}")]
    Roster(#[from] RosterError),
    /// The roster lists another key, or none, where this seat's should be.
    #[error("the roster does not list this seat")]
    NotListed,
    /// A newer roster is known.
    #[error("roster {known} is known already; this one is number {offered}")]
    OldRoster {
        /// The number that is known.
        known: u64,
        /// The number that was offered.
        offered: u64,
    },
    /// No roster that lists this seat has been accepted.
    #[error("the office has not admitted this seat yet, or its roster was not accepted here")]
    NotAdmitted,
    /// The roster gives this seat no days from today on.
    #[error("the office's roster lists this seat through {0} only")]
    SeatEnded(Day),
    /// The request cannot be signed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A statement cannot be signed.
    #[error(transparent)]
    Statement(#[from] SeatStatementError),

    // ---- letters ----
    /// No letter has this number.
    #[error("there is no letter {0}")]
    NoLetter(u32),
    /// The letter cannot be answered: it is quarantined, or not from a source.
    #[error("letter {0} cannot be answered: it is not from a source, or quarantined")]
    NotAnswerable(u32),
    /// No valid note has been imported.
    #[error("no mirror with a valid note was imported yet")]
    NoDirectory,
    /// The newest directory does not list this seat's key.
    #[error("the office's couriers have not confirmed this seat's keys yet")]
    NotConfirmed,
    /// The text is empty or too long for any letter.
    #[error("a text must have 1 to 65,000 bytes")]
    TextLength,
    /// The letter cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The thread has used up its numbers.
    #[error("this thread has used up its numbers")]
    NumbersUsedUp,
}
