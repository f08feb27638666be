//! Why a store on disk does not open.

use std::io;

/// Why a store does not open. Nothing was changed that could make it worse, but by sled, which drops what follows a damaged
/// spot of its log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it open.
    #[error("another relay has this store open; stop it first")]
    Locked,
    /// There is none, and none is to be made.
    #[error("there is no store; see whether \"data\" in relay.toml names the right folder")]
    NoStore,
    /// The file system failed.
    #[error("could not {what}: {source}; see whether the disk is full or broken, and to whom the folder belongs")]
    Io {
        /// What was tried.
        what: &'static str,
        /// How it failed.
        source: io::Error,
    },
    /// The manifest is none of this engine and version.
    #[error(
        "the manifest is damaged, or was written by another engine or version; let \"store\" in relay.toml say what it said before, carry the store over with \"export\" of the version that wrote it and \"import\", or restore the whole folder from a copy"
    )]
    OtherEngine,
    /// There are days, but no manifest.
    #[error("the manifest is missing though there are days; restore the whole folder from a copy")]
    NoManifest,
    /// There is a day that the manifest does not know.
    #[error(
        "{0} is not in the manifest: parts of the folder are of different age; restore the whole folder from a copy"
    )]
    Unlisted(String),
    /// A day's key is missing or not a key.
    #[error("the key of {0} is missing; restore it, or give the day up by restoring the whole folder from a copy")]
    NoKey(String),
    /// A day's database cannot be opened or is damaged.
    #[error("the database of {volume} does not open: {reason}; acknowledged envelopes may be lost, restore the folder")]
    Database {
        /// Its folder's name.
        volume: String,
        /// What is wrong.
        reason: String,
    },
    /// The batches do not form one chain.
    #[error("the batches do not fit together ({0}); acknowledged envelopes may be lost, restore the whole folder")]
    Chain(&'static str),
}

/// Gives an I/O error its place.
pub(super) fn io(what: &'static str) -> impl FnOnce(io::Error) -> OpenError {
    move |source| OpenError::Io { what, source }
}
