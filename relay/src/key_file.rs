//! The file with the relay's static key.
//!
//! ```text
//! cssr relay key 1
//! 64 hexadecimal digits
//! ```
//!
//! It is not under a passphrase, because a relay must come back by itself after a power cut. Only its owner may read it.

use crate::regular;
use cssr_proto::keys::RelaySecretKey;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use zeroize::Zeroizing;

const TITLE: &str = "cssr relay key 1";
/// Bits of a file's mode that give anything to anybody but its owner.
const OTHERS: u32 = 0o077;

/// Why a key file cannot be used or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Others may read it.
    #[error("others than its owner may read it (mode {mode:o}); change that with \"chmod 600\"")]
    Readable {
        /// Its permissions.
        mode: u32,
    },
    /// It is something else.
    #[error("it is not a relay's key file, or is damaged")]
    NotAKey,
}

/// Reads a relay's key.
///
/// # Errors
/// See [`KeyFileError`].
pub fn read_key_file(path: &Path) -> Result<RelaySecretKey, KeyFileError> {
    let mut file = regular::open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(KeyFileError::Readable { mode });
    }
    // Exactly what is written below, and one byte that must not be there. Never reallocated, so nothing stays behind.
    let mut text = Zeroizing::new(Vec::with_capacity(TITLE.len() + 68));
    (&mut file).take(TITLE.len() as u64 + 67).read_to_end(&mut text)?;
    let digits = text.strip_prefix(TITLE.as_bytes()).and_then(|text| text.strip_prefix(b"\n"));
    let digits = digits.and_then(|text| text.strip_suffix(b"\n")).ok_or(KeyFileError::NotAKey)?;
    let (pairs, []) = digits.as_chunks::<2>() else { return Err(KeyFileError::NotAKey) };
    let mut key = Zeroizing::new([0; 32]);
    if pairs.len() != key.len() {
        return Err(KeyFileError::NotAKey);
    }
    for (byte, [high, low]) in key.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Ok(RelaySecretKey::from_bytes(*key))
}

/// Writes a relay's key into a new file with mode 0600. A file that is there already is left alone.
///
/// # Errors
/// [`KeyFileError::Io`].
pub fn write_key_file(path: &Path, key: &RelaySecretKey) -> Result<(), KeyFileError> {
    let mut text = Zeroizing::new(Vec::with_capacity(TITLE.len() + 68));
    text.extend_from_slice(TITLE.as_bytes());
    text.push(b'\n');
    text.extend(key.expose().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    text.push(b'\n');
    write_new(path, &text).map_err(KeyFileError::Io)
}

/// Writes a new file whole: into one beside it, synced, then linked to its name if nothing has that name.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut suffix = [0; 8];
    getrandom::fill(&mut suffix).map_err(io::Error::other)?;
    let temporary = folder.join(format!(".{:016x}.new", u64::from_be_bytes(suffix)));
    let written = write_synced(&temporary, content).and_then(|()| std::fs::hard_link(&temporary, path));
    // Nothing more can be done if this fails; the error to tell is that of the writing.
    let _ = std::fs::remove_file(&temporary);
    written?;
    File::open(folder)?.sync_all()
}

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // The mode above is cut by the umask; this one is not.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(content)?;
    file.sync_all()
}

fn nibble(digit: u8) -> Result<u8, KeyFileError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(KeyFileError::NotAKey),
    }
}

const fn digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> RelaySecretKey {
        RelaySecretKey::from_bytes(std::array::from_fn(|i| i as u8 * 7))
    }

    #[test]
    fn a_key_is_read_as_it_was_written_and_nobody_else_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.key");
        write_key_file(&path, &key()).unwrap();
        assert_eq!(read_key_file(&path).unwrap().expose(), key().expose());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read_key_file(&path), Err(KeyFileError::Readable { mode: 0o640 })));
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.key");
        write_key_file(&path, &key()).unwrap();
        let other = RelaySecretKey::from_bytes([1; 32]);
        assert!(matches!(write_key_file(&path, &other), Err(KeyFileError::Io(_))));
        assert_eq!(read_key_file(&path).unwrap().expose(), key().expose());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_not_whole_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.key");
        write_key_file(&path, &key()).unwrap();
        let text = std::fs::read(&path).unwrap();
        for wrong in
            [&text[..text.len() - 1], &text[..30], b"", &[&text[..], b"\n"].concat(), &text.to_ascii_uppercase()]
        {
            std::fs::write(&path, wrong).unwrap();
            assert!(matches!(read_key_file(&path), Err(KeyFileError::NotAKey)), "{} bytes", wrong.len());
        }
    }
}
