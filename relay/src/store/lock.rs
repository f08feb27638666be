//! The lock that keeps a store to one process.

use std::fmt::Debug;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// What keeps other processes out, until it is dropped.
pub(crate) trait Lock: Debug + Send + Sync {}

impl Lock for File {}

/// Locks a file, and makes it if it is not there.
pub(super) fn lock(path: &Path) -> Result<File, TryLockError> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
    let file = file.map_err(TryLockError::Error)?;
    file.try_lock()?;
    if is_at(&file, path)? { Ok(file) } else { Err(TryLockError::WouldBlock) }
}

/// Whether a file is still what its name leads to. Another folder may have taken the place of the one that it was opened in,
/// and then its lock keeps nobody out.
fn is_at(file: &File, path: &Path) -> Result<bool, TryLockError> {
    let opened = file.metadata().map_err(TryLockError::Error)?;
    match path.metadata() {
        Ok(found) => Ok((found.dev(), found.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(TryLockError::Error(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_in_a_folder_that_was_replaced_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let [here, there] = ["here", "there"].map(|name| folder.path().join(name));
        for made in [&here, &there] {
            std::fs::create_dir(made).unwrap();
            drop(lock(&made.join("lock")).unwrap());
        }
        let file = lock(&here.join("lock")).unwrap();
        assert!(is_at(&file, &here.join("lock")).unwrap());
        assert!(matches!(lock(&here.join("lock")), Err(TryLockError::WouldBlock)));
        std::fs::rename(&here, folder.path().join("aside")).unwrap();
        assert!(!is_at(&file, &here.join("lock")).unwrap());
        std::fs::rename(&there, &here).unwrap();
        assert!(!is_at(&file, &here.join("lock")).unwrap());
    }
}
