//! Statements as files. They are public, few and small, and change seldom.

use super::super::{Shelf, StatementName};
use super::disk::Disk;
use super::files;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
            files::make_folder(&**disk, &statements.folder(shelf))?;
            files::remove_unfinished(&**disk, &statements.folder(shelf))?;
        }
        Ok(statements)
    }

    pub(super) fn put(&self, shelf: Shelf, name: &StatementName, bytes: &[u8]) -> io::Result<()> {
        files::write(&*self.disk, &self.folder(shelf), name.as_str(), bytes)
    }

    pub(super) fn get(&self, shelf: Shelf, name: &StatementName) -> io::Result<Option<Vec<u8>>> {
        let bytes = files::read(&*self.disk, &self.folder(shelf).join(name.as_str()))?;
        Ok(bytes.map(|bytes| bytes.to_vec()))
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
