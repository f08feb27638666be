//! What can go wrong at a courier: the environment, the office's statements, or what the relay says.

use super::session::SessionFailure;
use super::walk::WalkError;
use crate::files::KeyFileError;
use crate::mirror::Damage;
use cssr_proto::wire_error::WireError;
use cssr_proto::{CourierError as Unbelieved, Day, Malformed, NoteError, PoolError, RequestError, RosterError};
use std::io;

/// Why a courier does not do what it was asked to. Whatever fails, nothing was signed that should not be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CourierError {
    // ---- the folder ----
    /// The environment failed: no permission, disk full.
    #[error("the folder cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// There is no courier in the folder.
    #[error("there is no courier in this folder")]
    NoCourier,
    /// A courier is to be made where there is one.
    #[error("there is a courier in this folder already")]
    Exists,
    /// Another program works in the folder.
    #[error("another program is using this courier's folder")]
    InUse,
    /// The key file does not open.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// A file of the folder is damaged.
    #[error("a file of the courier's folder is damaged")]
    Damaged,
    /// A file of the mirror is damaged.
    #[error("the mirror is damaged: {0}")]
    Mirror(#[from] Damage),
    /// The mirror holds another batch under this number than the relay: one of them was tampered with.
    #[error("the mirror holds another batch {0} than the relay")]
    OtherBatch(u64),
    /// The mirror was begun with another relay.
    #[error("the office has another relay than the one that this mirror was begun with")]
    OtherRelay,

    // ---- the office ----
    /// It does not decode.
    #[error("this is no statement of the office: {0}")]
    Malformed(#[from] Malformed),
    /// The request cannot be signed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A roster does not hold against the card or today.
    #[error("the roster is refused: {0}")]
    Roster(#[from] RosterError),
    /// A roster does not follow the one that is known.
    #[error("the roster is refused: {0}")]
    Succession(PoolError),
    /// No roster that lists this courier has been accepted.
    #[error("the office has not admitted this courier yet, or its roster was not accepted here")]
    NotAdmitted,
    /// The roster does not list this courier's key.
    #[error("the roster does not list this courier")]
    NotListed,
    /// The courier does not count today.
    #[error(transparent)]
    Unbelieved(#[from] Unbelieved),
    /// The directory of the day cannot be made.
    #[error("the directory of the day cannot be made: {0}")]
    Directory(PoolError),
    /// The note cannot be signed.
    #[error(transparent)]
    Note(#[from] NoteError),

    // ---- the relay ----
    /// The connection or the session failed.
    #[error(transparent)]
    Session(#[from] SessionFailure),
    /// Whoever answered is not the relay that the roster lists.
    #[error("this is not the office's relay: its key is not the one in the roster")]
    WrongRelay,
    /// The relay's day is not this machine's.
    #[error("this machine says that it is {device}, the relay that it is {relay}")]
    DayDiffers {
        /// What the clock here says.
        device: Day,
        /// What the relay announced.
        relay: Day,
    },
    /// The relay refuses.
    #[error(transparent)]
    Refused(#[from] WireError),
    /// The relay serves an older roster than the one that is known here, or none: directories would bring it back.
    #[error("the relay has roster {}, but roster {known} is known here", relay.map_or("none".to_owned(), |n| n.to_string()))]
    RelayBehind {
        /// What is known here.
        known: u64,
        /// What the relay has.
        relay: Option<u64>,
    },
    /// The relay's lists do not hold.
    #[error("the relay's list does not hold: {0}")]
    Walk(#[from] WalkError),
    /// The relay left out a letter that it lists. Letters live until their day expires; nobody can take one out.
    #[error("the relay keeps back a letter of batch {0}")]
    Withheld(u64),
}
