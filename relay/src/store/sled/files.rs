//! Files that survive a loss of power, and files that must not come back.

use rustix::fs::{Advice, fadvise};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// How unfinished files begin; nothing else does.
const TEMPORARY: &str = ".tmp-";

/// Makes a folder that only its owner can enter, and makes it durable. It may be there already.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    make(path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Makes the folder of the whole store. If it is there, its name is the concern of whoever made it: what is above may
/// be out of reach.
pub(super) fn make_root(path: &Path) -> io::Result<()> {
    let made = make(path)?;
    path.parent().filter(|_| made).map_or(Ok(()), sync_folder)
}

fn make(path: &Path) -> io::Result<bool> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        other => other.map(|()| true),
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes every file in a folder, the folders in it, and its name durable.
pub(super) fn sync_tree(path: &Path) -> io::Result<()> {
    walk(path, &|file| file.sync_all(), &sync_folder)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Makes sure that what is read of every file in a folder is on the disk, before it counts. What was written and not synced
/// counts from now on, so it must last; and after a sync that failed the system may remember what the disk does not have.
pub(super) fn settle_tree(path: &Path) -> io::Result<()> {
    let settle = |file: &File| file.sync_all().and_then(|()| Ok(fadvise(file, 0, None, Advice::DontNeed)?));
    walk(path, &settle, &|_| Ok(()))
}

/// Does something with every file in a folder and in the folders in it, and something with each folder after its files.
fn walk(
    path: &Path,
    with_file: &dyn Fn(&File) -> io::Result<()>,
    with_folder: &dyn Fn(&Path) -> io::Result<()>,
) -> io::Result<()> {
    for entry in path.read_dir()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), with_file, with_folder)?;
        } else {
            with_file(&File::open(entry.path())?)?;
        }
    }
    with_folder(path)
}

/// Writes a file that is there whole or not at all, in the place of what was there, readable by its owner only.
pub(super) fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = folder.join(format!("{TEMPORARY}{name}"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, folder.join(name))?;
    sync_folder(folder)
}

/// Removes unfinished files.
pub(super) fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in folder.read_dir()? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The names in a folder; none if it is not there.
pub(super) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match folder.read_dir() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// Reads a file, if it is there.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a file durably; whether it was there.
pub(super) fn remove(folder: &Path, name: &str) -> io::Result<bool> {
    match std::fs::remove_file(folder.join(name)) {
        Ok(()) => sync_folder(folder).map(|()| true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes a folder and all in it durably; it may be gone already.
pub(super) fn remove_folder(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        other => other?,
    }
    path.parent().map_or(Ok(()), sync_folder)
}

/// Overwrites the beginning of a file in place, and makes that durable; it may be gone already.
///
/// Renaming a new file over it would leave the old bytes on the disk. Flash memory may keep them even so.
pub(super) fn overwrite(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match OpenOptions::new().write(true).open(path) {
        Ok(mut file) => {
            file.write_all(bytes)?;
            file.sync_data()
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
