//! Writing a file.

use super::error::{TransferError, at};
use super::format::{CONFIG_MAX, MAGIC, Section};
use super::rules::Rules;
use cssr_proto::Hash;
use sha2::{Digest as _, Sha256};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, ErrorKind, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// A file that only its owner may read, and that has its name once it is finished. One that is dropped before is removed.
pub(super) struct Output {
    path: PathBuf,
    temporary: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    rules: Rules,
    /// It has its name; another that it may still have is the same file.
    named: bool,
}

impl Output {
    pub(super) fn create(path: &Path) -> Result<Self, TransferError> {
        if path.symlink_metadata().is_ok() {
            return Err(TransferError::Exists(path.to_owned()));
        }
        // A name that is seen: what is interrupted leaves it behind, with all that was written.
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".unfinished");
        let temporary = path.with_file_name(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary);
        let file = file.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => TransferError::Unfinished(temporary.clone()),
            _ => at(path)(error),
        })?;
        let output = Self {
            path: path.to_owned(),
            temporary,
            file: BufWriter::with_capacity(1 << 20, file),
            hash: Sha256::new(),
            rules: Rules::default(),
            named: false,
        };
        // The mode above is cut by the umask; this one is not.
        output.file.get_ref().set_permissions(Permissions::from_mode(0o600)).map_err(at(path))?;
        output.begun()
    }

    fn begun(mut self) -> Result<Self, TransferError> {
        self.write(MAGIC)?;
        Ok(self)
    }

    /// What would not be read again is not written.
    pub(super) fn section(&mut self, section: &Section) -> Result<(), TransferError> {
        self.rules.check(section)?;
        self.write(&section.encode())
    }

    /// Makes it last, under its name.
    pub(super) fn finish(mut self) -> Result<(), TransferError> {
        let hash = Hash(self.hash.clone().finalize().into());
        self.section(&Section::End(hash))?;
        let finish = |output: &mut Self| -> io::Result<()> {
            output.file.flush()?;
            output.file.get_ref().sync_all()?;
            name_it(&output.temporary, &output.path)?;
            output.named = true;
            Ok(())
        };
        finish(&mut self).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => TransferError::Exists(self.path.clone()),
            _ => at(&self.path)(error),
        })?;
        let synced = File::open(folder(&self.path)).and_then(|folder| folder.sync_all());
        synced.map_err(|error| TransferError::Unsynced { path: self.path.clone(), error })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), TransferError> {
        self.hash.update(bytes);
        self.file.write_all(bytes).map_err(at(&self.path))
    }
}

/// Gives a file its name if there is none of that name.
fn name_it(temporary: &Path, path: &Path) -> io::Result<()> {
    match renameat_with(CWD, temporary, CWD, path, RenameFlags::NOREPLACE) {
        // A file system that cannot; one that has no second names for a file can.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            std::fs::hard_link(temporary, path)?;
            // If it stays, it is a second name, which the owner sees.
            let _ = std::fs::remove_file(temporary);
            Ok(())
        }
        other => Ok(other?),
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // Gone already if it was finished. The relay's key stands behind the configuration, if there is one.
        if !self.named && self.temporary.exists() {
            // What is written later would stand in the place of the zeros.
            let _ = self.file.flush();
            let _ = self.file.get_ref().write_all_at(&vec![0; CONFIG_MAX + 4_096], 0);
            let _ = self.file.get_ref().sync_all();
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As where files have second names, and the first one cannot be removed.
    #[test]
    fn a_file_that_has_its_name_keeps_its_content_though_the_name_before_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup");
        for named in [true, false] {
            let mut output = Output::create(&path).unwrap();
            output.file.flush().unwrap();
            std::fs::hard_link(&output.temporary, &path).unwrap();
            output.named = named;
            drop(output);
            assert_eq!(std::fs::read(&path).unwrap().starts_with(MAGIC), named);
            std::fs::remove_file(&path).unwrap();
            std::fs::remove_file(folder.path().join("backup.unfinished")).unwrap_or_default();
        }
    }
}
