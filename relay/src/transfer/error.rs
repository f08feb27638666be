//! What goes wrong with exports and backups.

use crate::office::OfficeError;
use crate::store::{OpenError, StoreError};
use cssr_proto::Day;
use std::io;
use std::path::{Path, PathBuf};

/// Why nothing was made, and nothing was changed either; or, of some, what is not as it should be though it was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TransferError {
    /// The file system failed.
    #[error("{path}: {error}")]
    Io {
        /// With what.
        path: PathBuf,
        /// How.
        error: io::Error,
    },
    /// There is something where something new should go.
    #[error("{0} is there already, and is left as it is")]
    Exists(PathBuf),
    /// There is what an interrupted attempt may have left.
    #[error("{0} is there; if an interrupted attempt has left it, overwrite the keys that are in it, and remove it")]
    Unfinished(PathBuf),
    /// A symbolic link where something new should go.
    #[error("{0} is a symbolic link, and nothing new can take its place; name the folder itself")]
    Link(PathBuf),
    /// A mount point where something new should go.
    #[error("{0} is a mount point, and nothing new can take its place; name a folder within it")]
    MountPoint(PathBuf),
    /// An empty store where the new one should go, on a file system that cannot exchange them.
    #[error(
        "the file system cannot put anything in the place of {0}; remove the empty store that is there, and try again"
    )]
    NoExchange(PathBuf),
    /// It was made, but its name may not last. An empty store in the place of which it is was left beside it.
    #[error("{path} was made, but a loss of power may undo that: {error}")]
    Unsynced {
        /// What was made.
        path: PathBuf,
        /// What failed.
        error: io::Error,
    },
    /// It was made, but the empty store in the place of which it is could not be removed.
    #[error(
        "the store was made, but the empty one in the place of which it is could not be removed from {path} ({error}); overwrite the keys that are in it, and remove it"
    )]
    Left {
        /// Where the empty one is now.
        path: PathBuf,
        /// What failed.
        error: io::Error,
    },
    /// Somebody has asked for the end.
    #[error("interrupted; what was begun is removed, and keys in it overwritten")]
    Interrupted,
    /// The store holds something.
    #[error("the store in {0} is not empty, and is left as it is")]
    NotEmpty(PathBuf),
    /// The file is no such file.
    #[error("the file was made by neither \"export\" nor \"backup\" of this version")]
    Foreign,
    /// The file is not as it was written.
    #[error("the file is damaged or cut short ({0})")]
    Damaged(&'static str),
    /// It was made of another relay's store.
    #[error("the file is of a relay with another key than this one's")]
    OtherRelay,
    /// The clock says a day that is not believed.
    #[error(
        "the clock says {clock}, but the last day in the file is {last}; days that have expired by then are left out, so please make sure. If {clock} is right, say so with --accept-date {clock}"
    )]
    ClockJump {
        /// The file's last day.
        last: Day,
        /// What the clock says.
        clock: Day,
    },
    /// It is a backup where an export is wanted, or the other way round.
    #[error("{0}")]
    OtherPurpose(&'static str),
    /// Paths that a backup cannot put back.
    #[error(
        "relay.toml puts {0} outside of its own folder, or names it by its whole path, and a backup holds one folder, whatever its name: write the path as it is within the folder"
    )]
    Elsewhere(&'static str),
    /// The configuration does not hold.
    #[error("{0}")]
    Config(String),
    /// The statements are not the office's.
    #[error(transparent)]
    Office(#[from] OfficeError),
    /// The store does not open, or cannot be made.
    #[error("the store in {path}: {error}")]
    Open {
        /// Its folder.
        path: PathBuf,
        /// Why.
        error: OpenError,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TransferError {
    /// Whether nothing was changed.
    pub(crate) const fn changed_nothing(&self) -> bool {
        !matches!(self, Self::Unsynced { .. } | Self::Left { .. })
    }
}

/// Gives an I/O error its place.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> TransferError {
    let path = path.to_owned();
    move |error| TransferError::Io { path, error }
}

/// Gives a store's error its place.
pub(super) fn of(path: &Path) -> impl FnOnce(OpenError) -> TransferError {
    let path = path.to_owned();
    move |error| TransferError::Open { path, error }
}
