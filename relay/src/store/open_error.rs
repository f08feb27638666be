//! Why a store on disk does not open.

use std::io;

/// What helps where something of a store is gone. Never a copy of it: that would keep the keys of days.
const ANEW: &str = "put back what was moved away, or \"restore\" the relay's backup into a new folder; operating.md, \"A relay that does not start\", says more";

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
        "the manifest is damaged, or was written by another engine or version; let \"store\" in relay.toml say what it said before, carry the store over with \"export\" of the version that wrote it and \"import\"; if it is damaged, {anew}",
        anew = ANEW
    )]
    OtherEngine,
    /// There are days, but no manifest.
    #[error("the manifest is missing though there are days; {anew}", anew = ANEW)]
    NoManifest,
    /// There is a day that the manifest does not know.
    #[error("{0} is not in the manifest: parts of the folder are of different age; {anew}", anew = ANEW)]
    Unlisted(String),
    /// A day's key is missing or not a key.
    #[error("the key of {0} is missing, and without it nothing of that day can be read; {anew}", anew = ANEW)]
    NoKey(String),
    /// A day's database cannot be opened or is damaged.
    #[error("the database of {volume} does not open: {reason}; acknowledged envelopes may be lost; {anew}", anew = ANEW)]
    Database {
        /// Its folder's name.
        volume: String,
        /// What is wrong.
        reason: String,
    },
    /// It is another relay's.
    #[error(
        "it belongs to a relay with another key; put that relay's key file back, or let \"data\" in relay.toml name a folder of this relay's own"
    )]
    OtherKey,
    /// The batches do not form one chain.
    #[error("the batches do not fit together ({0}); acknowledged envelopes may be lost; {anew}", anew = ANEW)]
    Chain(&'static str),
}

/// Gives an I/O error its place.
pub(super) fn io(what: &'static str) -> impl FnOnce(io::Error) -> OpenError {
    move |source| OpenError::Io { what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_comes_from_a_backup_and_never_from_a_copy() {
        let day = || "letters-20000".to_owned();
        let database = OpenError::Database { volume: day(), reason: "a file of it is missing".into() };
        let all = [
            OpenError::OtherEngine,
            OpenError::NoManifest,
            OpenError::Unlisted(day()),
            OpenError::NoKey(day()),
            OpenError::Chain("one is missing"),
            database,
        ];
        for told in all.map(|error| error.to_string()) {
            assert!(told.contains("\"restore\" the relay's backup") && !told.contains("copy"), "{told}");
        }
    }
}
