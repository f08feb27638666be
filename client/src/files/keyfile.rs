//! A secret under a passphrase: Argon2id (RFC 9106) and XChaCha20-Poly1305.
//!
//! ```text
//! CBOR ["cssr key file 1", kind, salt (16), memory KiB, passes, lanes, nonce (24), sealed secret]
//! key  = Argon2id(passphrase, salt, memory, passes, lanes), 32 bytes
//! seal = XChaCha20-Poly1305(key, nonce, secret, aad = the array without its last member)
//! ```

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const MAGIC: &str = "cssr key file 1";
/// The second recommended option of RFC 9106, section 4: what a phone-sized machine can do in about a second.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;
/// A file that asks for more is refused before any work is done for it.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 4;

/// A passphrase of staff or of an office, erased when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct StaffPassphrase(String);

impl StaffPassphrase {
    /// Takes a passphrase as it was typed, without the line's end.
    #[must_use]
    pub const fn new(passphrase: String) -> Self {
        Self(passphrase)
    }
}

impl std::fmt::Debug for StaffPassphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(_) = self;
        f.write_str("StaffPassphrase(..)")
    }
}

/// What a key file holds; a file of one kind does not open as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum KeyFileKind {
    /// An office's root and its successor.
    #[n(0)]
    Root,
    /// A seat's storage key.
    #[n(1)]
    Seat,
    /// A courier's key.
    #[n(2)]
    Courier,
}

/// Why a key file does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// Not a key file, or of another kind, or damaged in its readable part.
    #[error("this is not a key file of the kind that is needed here")]
    NotAKeyFile,
    /// The passphrase is wrong, or the file was changed.
    #[error("the passphrase does not open this key file (or the file is damaged)")]
    WrongPassphrase,
    /// There is not enough memory to derive the key.
    #[error("the key could not be derived: not enough memory")]
    Memory,
}

#[derive(Encode, Decode)]
struct Sealed {
    #[n(0)]
    head: Head,
    #[cbor(n(1), with = "minicbor::bytes")]
    secret: Vec<u8>,
}

#[derive(Encode, Decode)]
struct Head {
    #[n(0)]
    magic: String,
    #[n(1)]
    kind: KeyFileKind,
    #[cbor(n(2), with = "minicbor::bytes")]
    salt: [u8; 16],
    #[n(3)]
    memory_kib: u32,
    #[n(4)]
    passes: u32,
    #[n(5)]
    lanes: u32,
    #[cbor(n(6), with = "minicbor::bytes")]
    nonce: [u8; 24],
}

/// Seals a secret under a passphrase; the result is the file's content.
///
/// # Errors
/// [`KeyFileError::Memory`].
pub fn seal_key_file<R: CryptoRng>(
    kind: KeyFileKind,
    passphrase: &StaffPassphrase,
    secret: &[u8],
    rng: &mut R,
) -> Result<Vec<u8>, KeyFileError> {
    let (mut salt, mut nonce) = ([0; 16], [0; 24]);
    rng.fill_bytes(&mut salt);
    rng.fill_bytes(&mut nonce);
    let magic = MAGIC.to_owned();
    let head = Head { magic, kind, salt, memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES, nonce };
    let aad = encode(&head);
    let secret = cipher(&head, passphrase)?
        .encrypt(&head.nonce.into(), Payload { msg: secret, aad: &aad })
        .map_err(|_| KeyFileError::Memory)?;
    Ok(encode(&Sealed { head, secret }))
}

/// Opens what [`seal_key_file`] made.
///
/// # Errors
/// See [`KeyFileError`].
pub fn open_key_file(
    kind: KeyFileKind,
    passphrase: &StaffPassphrase,
    file: &[u8],
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let sealed: Sealed = minicbor::decode(file).map_err(|_| KeyFileError::NotAKeyFile)?;
    let head = &sealed.head;
    let sane = head.memory_kib <= MEMORY_KIB_MAX && head.passes <= PASSES_MAX && head.lanes <= LANES_MAX;
    if encode(&sealed) != file || head.magic != MAGIC || head.kind != kind || !sane {
        return Err(KeyFileError::NotAKeyFile);
    }
    let aad = encode(head);
    cipher(head, passphrase)?
        .decrypt(&head.nonce.into(), Payload { msg: &sealed.secret, aad: &aad })
        .map(Zeroizing::new)
        .map_err(|_| KeyFileError::WrongPassphrase)
}

fn cipher(head: &Head, passphrase: &StaffPassphrase) -> Result<XChaCha20Poly1305, KeyFileError> {
    let params =
        Params::new(head.memory_kib, head.passes, head.lanes, Some(32)).map_err(|_| KeyFileError::NotAKeyFile)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.0.as_bytes(), &head.salt, key.as_mut_slice())
        .map_err(|_| KeyFileError::Memory)?;
    Ok(XChaCha20Poly1305::new((&*key).into()))
}

fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    #[expect(clippy::expect_used, reason = "writing to a Vec cannot fail")]
    minicbor::encode(value, &mut out).expect("encoding into memory");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    #[test]
    fn a_key_file_opens_with_its_passphrase_as_its_kind_and_whole() {
        let mut rng = ChaCha20Rng::from_seed([7; 32]);
        let right = StaffPassphrase::new("قلم رصاص".into());
        let wrong = StaffPassphrase::new("قلم".into());
        let file = seal_key_file(KeyFileKind::Seat, &right, b"secret", &mut rng).unwrap();
        assert_eq!(open_key_file(KeyFileKind::Seat, &right, &file).unwrap().as_slice(), b"secret");
        assert_eq!(open_key_file(KeyFileKind::Seat, &wrong, &file).unwrap_err(), KeyFileError::WrongPassphrase);
        assert_eq!(open_key_file(KeyFileKind::Root, &right, &file).unwrap_err(), KeyFileError::NotAKeyFile);
        for (at, mask) in [(0, 1), (5, 1), (20, 1), (file.len() - 1, 1)] {
            let mut changed = file.clone();
            changed[at] ^= mask;
            assert!(open_key_file(KeyFileKind::Seat, &right, &changed).is_err(), "byte {at}");
        }
        assert!(open_key_file(KeyFileKind::Seat, &right, &file[..file.len() - 1]).is_err());
    }
}
