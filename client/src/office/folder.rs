//! The files of an office.
//!
//! ```text
//! DIR/office.cbor                  first card, and what is planned or how far rosters have been issued
//! DIR/root-1.key                   key file of root 1; only the current root's is kept
//! DIR/successor-2.key              key file of its successor, which will be root 2; belongs elsewhere
//! DIR/rosters/0000000001.roster    every roster ever issued
//! DIR/card.txt, DIR/card.svg       the card to print
//! ```
//!
//! Key files are numbered by their root, so that none ever takes the place of another.

use super::error::{Damage, OfficeError};
use super::plan::Plan;
use crate::files::{read_limited, write_atomic};
use cssr_proto::sizes::ROSTER_MAX;
use cssr_proto::{Fingerprint, Hash};
use minicbor::{Decode, Encode};
use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

const MAGIC: &str = "cssr office 1";
/// A plan is smaller than a roster.
const OFFICE_MAX: usize = ROSTER_MAX;
const ROSTER_SUFFIX: &str = ".roster";

/// An office's folder, locked against other programs as long as this lives.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Holds the lock on the folder itself: nothing has to be written to read an office.
    _lock: File,
}

/// `office.cbor`: `["cssr office 1", first card's fingerprint, plan / null, [number, hash] / null]`.
#[derive(Debug, Encode, Decode)]
struct OfficeFile {
    #[n(0)]
    magic: String,
    #[cbor(n(1), with = "minicbor::bytes")]
    card: [u8; 16],
    #[n(2)]
    plan: Option<Plan>,
    #[n(3)]
    newest: Option<Newest>,
}

/// Which roster was the newest when the file was written: notices one that got lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Newest {
    #[n(0)]
    pub(super) number: u64,
    #[n(1)]
    pub(super) hash: Hash,
}

/// How far an office has come.
#[derive(Debug)]
pub(super) enum Stage {
    /// Nothing has been signed.
    Planned(Box<Plan>),
    /// Rosters up to this one at least were issued.
    Issued(Newest),
}

impl Folder {
    /// Makes the folder, or takes an empty one.
    pub(super) fn create(path: &Path) -> Result<Self, OfficeError> {
        make_folder(path)?;
        let folder = Self::lock(path)?;
        let mut entries = std::fs::read_dir(path).map_err(|error| io_error("read", path, error))?;
        if entries.next().is_some() {
            return Err(OfficeError::NotEmpty(path.to_owned()));
        }
        make_folder(&folder.rosters())?;
        Ok(folder)
    }

    /// Takes back [`Folder::create`] after a failure, as far as there is nothing in it.
    pub(super) fn abandon(&self) {
        // Best effort: the failure itself is what must be told.
        let _ = std::fs::remove_dir(self.rosters());
    }

    pub(super) fn open(path: &Path) -> Result<Self, OfficeError> {
        if !path.join("office.cbor").is_file() {
            return Err(OfficeError::NoOffice(path.to_owned()));
        }
        Self::lock(path)
    }

    fn lock(path: &Path) -> Result<Self, OfficeError> {
        let lock = File::open(path).map_err(|error| io_error("open", path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OfficeError::Busy(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(io_error("lock", path, error)),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Where the key of root `number` is kept once it is the current one.
    pub(super) fn root_key(&self, number: usize) -> PathBuf {
        self.path(&format!("root-{number}.key"))
    }

    /// Where the key of root `number` is written while another one is current.
    pub(super) fn successor_key(&self, number: usize) -> PathBuf {
        self.path(&format!("successor-{number}.key"))
    }

    fn rosters(&self) -> PathBuf {
        self.path("rosters")
    }

    pub(super) fn roster(&self, number: u64) -> PathBuf {
        self.rosters().join(format!("{number:010}{ROSTER_SUFFIX}"))
    }

    pub(super) fn write(&self, path: &Path, content: &[u8]) -> Result<(), OfficeError> {
        write_atomic(path, content).map_err(|error| io_error("write", path, error))
    }

    /// Writes a roster; never in the place of another.
    pub(super) fn write_roster(&self, number: u64, content: &[u8]) -> Result<PathBuf, OfficeError> {
        let path = self.roster(number);
        if path.symlink_metadata().is_ok() {
            return Err(OfficeError::Damaged { path, why: Damage::InTheWay });
        }
        self.write(&path, content)?;
        Ok(path)
    }

    /// The rosters' numbers, ascending. Files with other names are not looked at.
    pub(super) fn roster_numbers(&self) -> Result<Vec<u64>, OfficeError> {
        let path = self.rosters();
        let read = |error| io_error("read", &path, error);
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(read)? {
            let name = entry.map_err(read)?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(ROSTER_SUFFIX));
            let Some(number) = number.filter(|n| n.len() == 10 && n.bytes().all(|b| b.is_ascii_digit())) else {
                continue;
            };
            numbers.extend(number.parse::<u64>());
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    pub(super) fn read_roster(&self, number: u64) -> Result<Vec<u8>, OfficeError> {
        let path = self.roster(number);
        read_limited(&path, ROSTER_MAX).map_err(|error| io_error("read", &path, error))
    }

    pub(super) fn read_office(&self) -> Result<(Fingerprint, Stage), OfficeError> {
        let path = self.path("office.cbor");
        let content = read_limited(&path, OFFICE_MAX).map_err(|error| io_error("read", &path, error))?;
        let damaged = || OfficeError::Damaged { path: path.clone(), why: Damage::Content };
        let file: OfficeFile = minicbor::decode(&content).map_err(|_| damaged())?;
        let again = minicbor::to_vec(&file).map_err(|_| damaged())?;
        if again != content || file.magic != MAGIC {
            return Err(damaged());
        }
        let stage = match (file.plan, file.newest) {
            (Some(plan), None) => Stage::Planned(Box::new(plan)),
            (None, Some(newest)) => Stage::Issued(newest),
            _ => return Err(damaged()),
        };
        Ok((Fingerprint::from_bytes(file.card), stage))
    }

    pub(super) fn write_office(&self, card: Fingerprint, stage: &Stage) -> Result<(), OfficeError> {
        let path = self.path("office.cbor");
        let (plan, newest) = match stage {
            Stage::Planned(plan) => (Some((**plan).clone()), None),
            Stage::Issued(newest) => (None, Some(*newest)),
        };
        let file = OfficeFile { magic: MAGIC.to_owned(), card: *card.as_bytes(), plan, newest };
        #[expect(clippy::expect_used, reason = "writing to a Vec cannot fail")]
        let content = minicbor::to_vec(&file).expect("encoding into memory");
        self.write(&path, &content)
    }
}

pub(super) fn io_error(doing: &'static str, path: &Path, error: io::Error) -> OfficeError {
    OfficeError::Io { doing, path: path.to_owned(), error }
}

/// Makes a folder that only its owner may enter; one that is there is taken as it is.
fn make_folder(path: &Path) -> Result<(), OfficeError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map_err(|error| io_error("make", path, error)),
    }
}
