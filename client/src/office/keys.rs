//! The key files of roots: a seed of 32 bytes each, under a passphrase.

use super::error::OfficeError;
use super::folder::io_error;
use crate::files::{KeyFileError, KeyFileKind, StaffPassphrase, open_key_file, read_limited, seal_key_file};
use cssr_proto::keys::RootKey;
use rand_core::CryptoRng;
use std::io;
use std::path::Path;
use zeroize::Zeroizing;

const KEY_FILE_MAX: usize = 4_096;

/// The content of a root's key file.
pub(super) fn seal<R: CryptoRng>(
    key: &RootKey,
    passphrase: &StaffPassphrase,
    path: &Path,
    rng: &mut R,
) -> Result<Vec<u8>, OfficeError> {
    seal_key_file(KeyFileKind::Root, passphrase, key.expose(), rng)
        .map_err(|error| OfficeError::KeyFile { path: path.to_owned(), error })
}

/// Opens a root's key file. Whose key it is the caller compares.
pub(super) fn open(path: &Path, passphrase: &StaffPassphrase) -> Result<RootKey, OfficeError> {
    let file = read_limited(path, KEY_FILE_MAX).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => OfficeError::KeyFileMissing(path.to_owned()),
        _ => io_error("read", path, error),
    })?;
    let failed = |error| OfficeError::KeyFile { path: path.to_owned(), error };
    let secret = open_key_file(KeyFileKind::Root, passphrase, &file).map_err(failed)?;
    let seed: [u8; 32] = secret.as_slice().try_into().map_err(|_| failed(KeyFileError::NotAKeyFile))?;
    Ok(RootKey::from_bytes(*Zeroizing::new(seed)))
}
