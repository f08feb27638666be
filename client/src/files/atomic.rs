//! Writing a file so that it is there whole or not at all, reading one without trusting its size, and destroying one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Writes a file with mode 0600: into a temporary one beside it, synced, renamed over it, and the folder synced.
///
/// # Errors
/// The environment failed (disk full, no permission); an earlier file of that name is then untouched.
pub fn write_atomic(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    let mut suffix = [0; 8];
    getrandom::fill(&mut suffix).map_err(io::Error::other)?;
    let temporary = folder.join(format!(".{:016x}.new", u64::from_be_bytes(suffix)));
    let written = write_new(&temporary, content).and_then(|()| std::fs::rename(&temporary, path));
    if let Err(error) = written {
        // Nothing more can be done if this fails too; the first error is the one to tell.
        let _ = std::fs::remove_file(&temporary);
        return Err(error);
    }
    sync_folder(folder)
}

/// Reads a file of at most `max` bytes.
///
/// # Errors
/// It cannot be read, or is larger.
pub fn read_limited(path: &Path, max: usize) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(max as u64 + 1).read_to_end(&mut content)?;
    if content.len() > max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is larger than it may be"));
    }
    Ok(content)
}

/// Overwrites a file in place, syncs it, and removes it. A file that is not there is destroyed already.
///
/// Flash memory and snapshots may keep what was overwritten (SECURITY.md).
///
/// # Errors
/// The environment failed; the file may still be there.
pub fn destroy(path: &Path) -> io::Result<()> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let length = file.metadata()?.len();
    file.rewind()?;
    io::copy(&mut io::repeat(0).take(length), &mut file)?;
    file.sync_all()?;
    drop(file);
    std::fs::remove_file(path)?;
    sync_folder(folder_of(path))
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_written_file_is_whole_private_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(read_limited(&path, 3).unwrap(), b"two");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_over_its_limit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write_atomic(&path, b"four").unwrap();
        assert!(read_limited(&path, 3).is_err());
    }

    #[test]
    fn a_destroyed_file_was_overwritten_before_it_was_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let other_name = folder.path().join("y");
        write_atomic(&path, b"secret").unwrap();
        std::fs::hard_link(&path, &other_name).unwrap();
        destroy(&path).unwrap();
        assert!(!path.exists());
        assert_eq!(std::fs::read(other_name).unwrap(), [0; 6]);
        destroy(&path).unwrap();
    }
}
