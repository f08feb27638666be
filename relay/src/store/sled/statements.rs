//! Statements as files, as those of a store of journals are. They are public, few and small, and change seldom.

use super::super::{Shelf, StatementName, read_statement, statement_file};
use super::files;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(super) struct Statements(PathBuf);

impl Statements {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let statements = Self(root.join("statements"));
        files::make_folder(&statements.0)?;
        for shelf in Shelf::ALL {
            let folder = statements.folder(shelf);
            files::make_folder(&folder)?;
            files::remove_unfinished(&folder)?;
            // What was renamed and not synced is served from now on, so it must last.
            files::sync_folder(&folder)?;
        }
        Ok(statements)
    }

    pub(super) fn put(&self, shelf: Shelf, name: &StatementName, bytes: &[u8]) -> io::Result<()> {
        files::write(&self.folder(shelf), name.as_str(), &statement_file(bytes))
    }

    pub(super) fn get(&self, shelf: Shelf, name: &StatementName) -> io::Result<Option<Vec<u8>>> {
        read_statement(&self.folder(shelf).join(name.as_str()))
    }

    pub(super) fn list(&self, shelf: Shelf) -> io::Result<Vec<StatementName>> {
        let mut names = Vec::new();
        for entry in self.folder(shelf).read_dir()? {
            // Whatever else lies there, such as an unfinished file, has a name that is none of ours.
            names.extend(entry?.file_name().to_str().and_then(|name| StatementName::new(name).ok()));
        }
        names.sort_unstable();
        Ok(names)
    }

    pub(super) fn delete(&self, shelf: Shelf, name: &StatementName) -> io::Result<bool> {
        files::remove(&self.folder(shelf), name.as_str())
    }

    fn folder(&self, shelf: Shelf) -> PathBuf {
        self.0.join(shelf.folder())
    }
}
