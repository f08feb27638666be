//! A mirror: what a courier saw at the relay, in a folder that a seat imports (protocol, section 15.2).
//!
//! ```text
//! statements/<kind>-<hash>.cbor       letters/<number>.batch     a CBOR sequence: the batch, then its records
//! directories/<hash>.cbor             chunks/<number>.batch
//! notes/<day>-<serial>-<hash>.cbor
//! ```
//!
//! Each file appears whole under its final name and is never changed. Nothing in a mirror is believed because it lies
//! there: the folder may have crossed machines that nobody trusts. Reading therefore bounds every size, follows no
//! links, and tells what is damaged file by file instead of stopping.

mod batch;
mod write;

pub use batch::BatchReader;
pub use write::BatchWriter;

use cssr_proto::frame::EnvelopeKind;
use cssr_proto::index::Batch;
use cssr_proto::mirror_name as name;
use cssr_proto::sizes::{DIRECTORY_MAX, NOTE_MAX, ROSTER_MAX};
use cssr_proto::{Hash, UnverifiedDirectory};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const STATEMENTS: &str = "statements";
const DIRECTORIES: &str = "directories";
const NOTES: &str = "notes";
const LETTERS: &str = "letters";
const CHUNKS: &str = "chunks";

/// A mirror's folder.
#[derive(Clone, Debug)]
pub struct Mirror {
    root: PathBuf,
}

/// A file of a mirror that cannot be used, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{file}: {why}")]
pub struct Damage {
    /// Its name within the mirror.
    pub file: String,
    /// What is wrong with it.
    pub why: DamageKind,
}

/// What is wrong with a file of a mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum DamageKind {
    /// The system does not give its content.
    #[error("it cannot be read")]
    Unreadable,
    /// Not an ordinary file.
    #[error("it is not a file")]
    NotAFile,
    /// Larger than anything that may stand there.
    #[error("it is too large")]
    TooLarge,
    /// It does not begin with a batch.
    #[error("it does not begin with a batch")]
    NoBatch,
    /// The batch is another one than the name says.
    #[error("it holds another batch than its name says")]
    OtherBatch,
    /// Another record than the batch lists, or none.
    #[error("record {0} is missing or damaged")]
    Record(usize),
    /// A batch of a day that has not come yet.
    #[error("its batch is of a day that has not come yet")]
    Future,
    /// Bytes after the last record.
    #[error("something follows its last record")]
    Trailing,
    /// It decodes to nothing that belongs there.
    #[error("it is not what its place says")]
    Malformed,
    /// It decodes, but does not hold against the card, the roster or the note that it needs.
    #[error("it does not verify")]
    Unverified,
}

/// A file of batches, not yet opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchFile {
    /// The number in its name.
    pub number: u64,
    /// Letters or chunks.
    pub kind: EnvelopeKind,
    /// Its size in bytes.
    pub size: u64,
    path: PathBuf,
}

/// A small file: its name within the mirror and its content.
pub type Item = (String, Vec<u8>);

impl Mirror {
    /// A mirror that is to be written: makes the folders that are missing.
    ///
    /// # Errors
    /// The environment failed.
    pub fn create(root: &Path) -> io::Result<Self> {
        for folder in [STATEMENTS, DIRECTORIES, NOTES, LETTERS, CHUNKS] {
            fs::create_dir_all(root.join(folder))?;
        }
        Ok(Self { root: root.to_path_buf() })
    }

    /// A mirror that is to be read. Folders that are missing count as empty.
    ///
    /// # Errors
    /// There is no such folder.
    pub fn open(root: &Path) -> io::Result<Self> {
        if fs::metadata(root)?.is_dir() {
            Ok(Self { root: root.to_path_buf() })
        } else {
            Err(io::Error::from(io::ErrorKind::NotADirectory))
        }
    }

    /// Whether it holds nothing at all, as a folder that is no mirror.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn is_empty(&self) -> io::Result<bool> {
        let items = [STATEMENTS, DIRECTORIES, NOTES].into_iter().map(|folder| self.items(folder, 0));
        let batches = [EnvelopeKind::Letter, EnvelopeKind::Chunk].into_iter().map(|kind| self.batches(kind));
        for folder in items {
            if folder?.next().is_some() {
                return Ok(false);
            }
        }
        for folder in batches {
            if !folder?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The statements, in order of their names.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn statements(&self) -> io::Result<impl Iterator<Item = Result<Item, Damage>> + use<>> {
        self.items(STATEMENTS, ROSTER_MAX)
    }

    /// The directories, in order of their names.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn directories(&self) -> io::Result<impl Iterator<Item = Result<Item, Damage>> + use<>> {
        self.items(DIRECTORIES, DIRECTORY_MAX)
    }

    /// The notes, in order of their names.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn notes(&self) -> io::Result<impl Iterator<Item = Result<Item, Damage>> + use<>> {
        self.items(NOTES, NOTE_MAX)
    }

    /// A directory by its hash; `None` if it is not there, or not what its name says.
    #[must_use]
    pub fn directory(&self, hash: Hash) -> Option<Vec<u8>> {
        let bytes = read_file(&self.root.join(DIRECTORIES).join(name::directory(hash)), DIRECTORY_MAX).ok()?;
        UnverifiedDirectory::from_bytes(&bytes).is_ok_and(|directory| directory.hash() == hash).then_some(bytes)
    }

    /// The files of batches by number.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn batches(&self, kind: EnvelopeKind) -> io::Result<Vec<BatchFile>> {
        let mut files = Vec::new();
        for (name, path) in list(&self.root, batch_folder(kind))? {
            // What has no such name is a file that was being written, or none of ours.
            if let Some(number) = name::batch_number(&name) {
                let size = fs::symlink_metadata(&path).map_or(0, |metadata| metadata.len());
                files.push(BatchFile { number, kind, size, path });
            }
        }
        files.sort_by_key(|file| file.number);
        Ok(files)
    }

    /// The batch at the beginning of a file; `None` if there is no such file.
    ///
    /// # Errors
    /// There is one, but it does not begin with that batch.
    pub fn batch(&self, kind: EnvelopeKind, number: u64) -> Result<Option<Batch>, Damage> {
        let path = self.root.join(batch_folder(kind)).join(name::batch(number));
        if fs::symlink_metadata(&path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Ok(None);
        }
        let reader = BatchFile { number, kind, size: 0, path }.open()?;
        Ok(Some(reader.batch().clone()))
    }

    fn items(
        &self,
        folder: &'static str,
        max: usize,
    ) -> io::Result<impl Iterator<Item = Result<Item, Damage>> + use<>> {
        let files = list(&self.root, folder)?;
        Ok(files.into_iter().filter(|(name, _)| name::is_item(name)).map(move |(name, path)| {
            let file = format!("{folder}/{name}");
            match read_file(&path, max) {
                Ok(bytes) => Ok((file, bytes)),
                Err(why) => Err(Damage { file, why }),
            }
        }))
    }
}

const fn batch_folder(kind: EnvelopeKind) -> &'static str {
    match kind {
        EnvelopeKind::Letter => LETTERS,
        EnvelopeKind::Chunk => CHUNKS,
    }
}

/// The names and paths in a folder, sorted; none if the folder is missing.
fn list(root: &Path, folder: &str) -> io::Result<Vec<(String, PathBuf)>> {
    let entries = match fs::read_dir(root.join(folder)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        // A name that is not UTF-8 is none of ours.
        if let Ok(name) = entry.file_name().into_string() {
            files.push((name, entry.path()));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Refuses what is no ordinary file before it is opened: a link may lead anywhere, and a pipe would never answer.
fn check_ordinary(path: &Path) -> Result<(), DamageKind> {
    let metadata = fs::symlink_metadata(path).map_err(|_| DamageKind::Unreadable)?;
    if metadata.is_file() { Ok(()) } else { Err(DamageKind::NotAFile) }
}

fn read_file(path: &Path, max: usize) -> Result<Vec<u8>, DamageKind> {
    check_ordinary(path)?;
    crate::files::read_limited(path, max).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => DamageKind::TooLarge,
        _ => DamageKind::Unreadable,
    })
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
