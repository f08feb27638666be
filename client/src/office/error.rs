//! Why the office does not do what it was asked to. Whatever fails, nothing was issued.

use crate::files::KeyFileError;
use cssr_proto::{
    CourierNumber, Day, DeskNumber, Hash, Label, Malformed, PoolError, RequestError, RosterError, SeatNumber,
};
use std::io;
use std::path::PathBuf;

/// Why the office does not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfficeError {
    // ---- the folder and its files ----
    /// The environment failed: no permission, disk full.
    #[error("could not {doing} {}: {error}", path.display())]
    Io {
        /// What was being done, as a verb.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// There is no office in the folder.
    #[error("{} holds no office", .0.display())]
    NoOffice(PathBuf),
    /// An office is to be made in a folder that holds something.
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// Another program works in the folder.
    #[error("another program is using {}", .0.display())]
    Busy(PathBuf),
    /// A file was changed, or is missing.
    #[error("{} is damaged: {why}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: Damage,
    },

    // ---- keys ----
    /// The file of a key is not where it belongs.
    #[error("the key file {} is missing", .0.display())]
    KeyFileMissing(PathBuf),
    /// A key file does not open.
    #[error("{}: {error}", path.display())]
    KeyFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        error: KeyFileError,
    },
    /// A key file opens, but its key is not the current root's.
    #[error("{} does not hold the current root of this office", .0.display())]
    NotTheRoot(PathBuf),
    /// A key file opens, but its key is not the one that the current root announced.
    #[error("{} does not hold the successor that this office has announced", .0.display())]
    NotTheSuccessor(PathBuf),
    /// Sixteen roots have been used; readers accept no more.
    #[error("this office has used up its sixteen roots")]
    LineageFull,

    // ---- requests ----
    /// Neither a seat's request nor a courier's.
    #[error("this is no request to be admitted: {0}")]
    NotARequest(Malformed),
    /// A request breaks a rule.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A key that is listed already, or was requested twice.
    #[error("the key of {0:?} is already in use: listed in the roster, or in another of these requests")]
    KeyInUse(Label),
    /// A key that an earlier roster listed and the newest does not.
    #[error("the key of {0:?} was revoked before and cannot come back")]
    KeyWasRevoked(Label),
    /// All seven numbers are taken.
    #[error("desk {} has seven seats already", .0.get())]
    DeskFull(DeskNumber),
    /// All places for couriers are taken.
    #[error("the office has 112 couriers already")]
    TooManyCouriers,
    /// No request was given.
    #[error("there is no request to admit")]
    NoRequests,

    // ---- changes ----
    /// No such desk.
    #[error("there is no desk {}", .0.get())]
    NoSuchDesk(DeskNumber),
    /// No such seat.
    #[error("desk {} has no seat {}", desk.get(), seat.get())]
    NoSuchSeat {
        /// The desk.
        desk: DeskNumber,
        /// The seat.
        seat: SeatNumber,
    },
    /// No such courier.
    #[error("there is no courier {}", .0.get())]
    NoSuchCourier(CourierNumber),
    /// The seat is retired already.
    #[error("seat {} of desk {} is retired already", seat.get(), desk.get())]
    AlreadyRetired {
        /// The desk.
        desk: DeskNumber,
        /// The seat.
        seat: SeatNumber,
    },
    /// The desk still has seats, or is the only one.
    #[error("desk {} cannot be removed: it has seats, or it is the only desk", .0.get())]
    DeskNeeded(DeskNumber),
    /// Everything is like that already.
    #[error("there is nothing to change: everything is like that already")]
    NothingToChange,
    /// A number of days outside 1 to 400.
    #[error("{0} days is not possible: 1 to 400 days are")]
    Days(u32),
    /// Notes would count for as long as letters are kept, or longer.
    #[error("notes that count for {notes} days need letters to be kept for more than that, not for {letters}")]
    NoteDays {
        /// What `note_days` would be.
        notes: u32,
        /// What `letter_days` would be.
        letters: u32,
    },
    /// What was asked for needs a roster.
    #[error("no roster has been issued yet")]
    NothingIssued,
    /// The clock shows a day before the newest roster.
    #[error("the clock shows {today}, but roster {number} was issued on {issued}")]
    Clock {
        /// What the clock shows.
        today: Day,
        /// The newest roster.
        number: u64,
        /// The day on which it was issued.
        issued: Day,
    },
    /// A draft was made for another roster than the newest.
    #[error("another roster has been issued since this change was drafted")]
    StaleDraft,
    /// The file of a relay's key and addresses is not one.
    #[error("this is no relay identity: {0}")]
    RelayIdentity(&'static str),
    /// Readers would refuse the result.
    #[error("readers would refuse the new roster: {0}")]
    Refused(#[from] PoolError),
    /// The card is too long for a QR code.
    #[error("the card is too long for a QR code")]
    CardTooLong,
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// It does not decode.
    #[error("it does not hold what it should")]
    Content,
    /// A roster that does not verify, or does not follow the one before.
    #[error(transparent)]
    Roster(#[from] PoolError),
    /// A roster with another number than its name says.
    #[error("its number is not the one in its name")]
    Name,
    /// A roster that was issued is not there.
    #[error("roster {0} is missing")]
    Missing(u64),
    /// Another file stands where a roster must be written.
    #[error("a file of that name is there already")]
    InTheWay,
    /// The roster belongs to another office or has another hash than was noted.
    #[error("roster {number} is not the one with hash {hash} that was issued")]
    Replaced {
        /// Its number.
        number: u64,
        /// What was noted.
        hash: Hash,
    },
}

impl From<RosterError> for OfficeError {
    fn from(error: RosterError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<Malformed> for OfficeError {
    fn from(error: Malformed) -> Self {
        Self::Refused(error.into())
    }
}
