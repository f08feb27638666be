//! Statements as files. They are public, few and small, and change seldom. Each is there twice; of those that an earlier version
//! wrote there is one copy, without any frame, until they are written again.

use super::super::{Shelf, StatementName};
use super::disk::{Disk, SystemDisk, is_bad_block};
use super::files;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What to write into the file of a statement.
pub(crate) fn statement_file(bytes: &[u8]) -> Vec<u8> {
    files::twice(bytes).to_vec()
}

/// The statement in a file, if that is there, of a store of any engine.
pub(crate) fn read_statement(path: &Path) -> io::Result<Option<Vec<u8>>> {
    read(&SystemDisk, path)
}

/// Whether it is the statement itself that cannot be read, and not for want of a right, or of an open file.
pub(crate) fn is_damage(error: &io::Error) -> bool {
    error.kind() == ErrorKind::InvalidData || is_bad_block(error)
}

fn read(disk: &dyn Disk, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let Some(content) = files::read_what_can_be(disk, path)? else { return Ok(None) };
    if let Some(whole) = files::whole_copies(&content).next() {
        return Ok(Some(whole.to_vec()));
    }
    // Zeros stand there for what could not be read.
    let Some(content) = files::read(disk, path)? else { return Ok(None) };
    if files::looks_like_twice(&content) {
        return Err(io::Error::new(ErrorKind::InvalidData, "both copies are damaged"));
    }
    Ok(Some(content.to_vec()))
}

#[derive(Debug)]
pub(super) struct Statements {
    disk: Arc<dyn Disk>,
    root: PathBuf,
}

impl Statements {
    pub(super) fn open(disk: &Arc<dyn Disk>, root: &Path) -> io::Result<Self> {
        let statements = Self { disk: Arc::clone(disk), root: root.join("statements") };
        files::make_folder(&**disk, &statements.root)?;
        for shelf in Shelf::ALL {
            let folder = statements.folder(shelf);
            files::make_folder(&**disk, &folder)?;
            files::remove_unfinished(&**disk, &folder)?;
            // What was renamed and not synced is served from now on, so it must last.
            disk.sync_folder(&folder)?;
        }
        Ok(statements)
    }

    pub(super) fn put(&self, shelf: Shelf, name: &StatementName, bytes: &[u8]) -> io::Result<()> {
        files::write(&*self.disk, &self.folder(shelf), name.as_str(), &statement_file(bytes))
    }

    pub(super) fn get(&self, shelf: Shelf, name: &StatementName) -> io::Result<Option<Vec<u8>>> {
        read(&*self.disk, &self.folder(shelf).join(name.as_str()))
    }

    pub(super) fn list(&self, shelf: Shelf) -> io::Result<Vec<StatementName>> {
        let names = self.disk.list(&self.folder(shelf))?;
        // Whatever else lies there, such as an unfinished file, has a name that is none of ours.
        let mut names: Vec<_> = names.into_iter().filter_map(|name| StatementName::new(name).ok()).collect();
        names.sort_unstable();
        Ok(names)
    }

    pub(super) fn delete(&self, shelf: Shelf, name: &StatementName) -> io::Result<bool> {
        files::remove(&*self.disk, &self.folder(shelf), name.as_str())
    }

    fn folder(&self, shelf: Shelf) -> PathBuf {
        self.root.join(shelf.folder())
    }
}
