//! Space of days that have expired, kept for days that come.
//!
//! The journal of a day whose key was destroyed is kept, one of each kind, for the next day of its kind that begins. What is
//! left in it was sealed under that key: nobody opens it, and nobody can tell it from other bytes. So the space need not be
//! written with zeros before it is used again, and writing to it changes nothing but content.
//!
//! ```text
//! spare/letters    a journal without its day
//! spare/chunks
//! ```
//!
//! No more than one of each kind is kept, and none past a stop: a name that a crash brought back could be that of a journal
//! which is in use again.

use super::super::Kind;
use super::super::volume_id::VolumeId;
use super::disk::Disk;
use super::family::{Files, JOURNAL};
use super::files;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The folder's name in the store's.
const FOLDER: &str = "spare";

/// The spare space of a store.
#[derive(Clone, Debug)]
pub(super) struct Spare {
    folder: PathBuf,
}

impl Spare {
    pub(super) fn new(root: &Path) -> Self {
        Self { folder: root.join(FOLDER) }
    }

    /// Makes the folder, and gives back what a stop has left in it.
    pub(super) fn begin(&self, disk: &dyn Disk) -> io::Result<()> {
        files::make_folder(disk, &self.folder)?;
        self.give_back(disk).map(drop)
    }

    /// Gives all of it back to the file system; whether there was any.
    pub(super) fn give_back(&self, disk: &dyn Disk) -> io::Result<bool> {
        let names = disk.list(&self.folder)?;
        names.iter().try_for_each(|name| disk.remove(&self.folder.join(name)))?;
        disk.sync_folder(&self.folder)?;
        Ok(!names.is_empty())
    }

    /// Keeps the journal in the folder of a day whose key is destroyed, in the place of an earlier one of its kind. One that
    /// cannot be renamed stays where it is.
    ///
    /// An error means that it may have two names after a crash, one of which must not be used.
    pub(super) fn keep(&self, disk: &dyn Disk, id: VolumeId, day: &Path) -> io::Result<()> {
        let journal = day.join(JOURNAL);
        // An empty one is not worth the place of another.
        let is_empty = disk.open(&journal).and_then(|file| file.length()).is_ok_and(|length| length == 0);
        if is_empty || disk.rename(&journal, &self.path(id.kind)).is_err() {
            return Ok(());
        }
        disk.sync_folder(&self.folder)?;
        disk.sync_folder(day)
    }

    /// Gives what is kept to a day that holds nothing yet, and that the manifest lists. Want of space, or of files that may be
    /// open, has changed nothing; nothing is opened after the change, so that it has none of the latter.
    pub(super) fn give(&self, disk: &dyn Disk, files: Files) -> io::Result<Files> {
        let (kept, to) = (self.path(files.id.kind), files.folder.join(JOURNAL));
        let journal = match disk.open(&kept) {
            Ok(journal) => journal,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(files),
            Err(error) => return Err(error),
        };
        match disk.rename(&kept, &to) {
            Ok(()) => {}
            // A sandbox of an old system lets nothing go from one folder to another.
            Err(error) if error.kind() == ErrorKind::CrossesDevices => return Ok(files),
            Err(error) => return Err(error),
        }
        let synced = disk.sync_folder(&files.folder).and_then(|()| disk.sync_folder(&self.folder));
        synced.map_err(io::Error::other)?;
        Ok(Files { journal, ..files })
    }

    fn path(&self, kind: Kind) -> PathBuf {
        self.folder.join(match kind {
            Kind::Letter => "letters",
            Kind::Chunk => "chunks",
        })
    }
}
