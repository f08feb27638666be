//! The key of one kind and day. Whoever destroys it has destroyed the day.

use super::files;
use super::manifest::VolumeId;
use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::aead::Payload;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use std::io;
use std::path::Path;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const NONCE: usize = 24;
const KEY: usize = 32;
/// What stands in the place of a key that was destroyed with its day: a disk that fails does not write this.
const DESTROYED: &[u8; KEY] = b"destroyed together with its day.";
/// What a sealed value is longer than its content: nonce and tag.
pub(super) const OVERHEAD: usize = NONCE + cssr_proto::sizes::TAG;

/// What a sealed value is, so that none is taken for another.
#[derive(Clone, Copy, Debug)]
pub(super) enum Record {
    /// An envelope, by number.
    Envelope,
    /// The id of an envelope, its burn hash, and whether it was burned; by the same number.
    Mark,
    /// The length of a batch, by its number.
    BatchHead,
    /// Bytes of a batch, by its number and part.
    BatchPart,
}

/// `u8(kind of record) || u64(number) || u32(part)`, after the label.
fn associated_data(record: Record, number: u64, part: u32) -> Vec<u8> {
    let kind: u8 = match record {
        Record::Envelope => 0,
        Record::Mark => 1,
        Record::BatchHead => 2,
        Record::BatchPart => 3,
    };
    let mut out = b"cssr-relay store 1".to_vec();
    out.push(kind);
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(&part.to_be_bytes());
    out
}

/// A sealed value that does not open under this key and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotOurs;

/// The random key that everything of one kind and day is sealed under.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct DayKey([u8; KEY]);

/// What a key's file holds.
pub(super) enum Loaded {
    /// A key.
    Key(DayKey),
    /// The sign that the key was destroyed, and its day with it.
    Destroyed,
    /// Nothing, or no key.
    Missing,
}

impl std::fmt::Debug for DayKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DayKey(..)")
    }
}

impl DayKey {
    /// Makes a key and its file.
    pub(super) fn create<R: CryptoRng>(folder: &Path, id: VolumeId, rng: &mut R) -> io::Result<Self> {
        let mut key = Self([0; KEY]);
        rng.fill_bytes(&mut key.0);
        files::write(folder, &id.key_name(), &key.0)?;
        Ok(key)
    }

    /// Reads a key from its file.
    pub(super) fn load(folder: &Path, id: VolumeId) -> io::Result<Loaded> {
        let Some(bytes) = files::read(&folder.join(id.key_name()))?.map(Zeroizing::new) else {
            return Ok(Loaded::Missing);
        };
        Ok(match <[u8; KEY]>::try_from(bytes.as_slice()) {
            Ok(bytes) if bytes == *DESTROYED => Loaded::Destroyed,
            Ok(key) => Loaded::Key(Self(key)),
            Err(_) => Loaded::Missing,
        })
    }

    /// Destroys a key where it lies, and says so in its place; no space is needed for that. It may be gone already.
    pub(super) fn destroy(folder: &Path, id: VolumeId) -> io::Result<()> {
        files::overwrite(&folder.join(id.key_name()), DESTROYED)
    }

    /// Removes the sign of a destroyed key; `false` if there is none under this name.
    pub(super) fn remove_sign(folder: &Path, name: &str) -> io::Result<bool> {
        let bytes = files::read(&folder.join(name))?.map(Zeroizing::new);
        if bytes.is_none_or(|bytes| bytes.as_slice() != DESTROYED) {
            return Ok(false);
        }
        files::remove(folder, name)
    }

    /// `nonce (24, random) || XChaCha20-Poly1305(day key, nonce, content)`.
    pub(super) fn seal<R: CryptoRng>(
        &self,
        record: Record,
        number: u64,
        part: u32,
        content: &[u8],
        rng: &mut R,
    ) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        rng.fill_bytes(&mut nonce);
        let payload = Payload { msg: content, aad: &associated_data(record, number, part) };
        #[expect(clippy::expect_used, reason = "fails only for contents of 256 GiB")]
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).expect("contents are below a mebibyte");
        let mut out = nonce.to_vec();
        out.extend_from_slice(&sealed);
        out
    }

    /// Opens what `seal` gave for the same record.
    pub(super) fn open(&self, record: Record, number: u64, part: u32, sealed: &[u8]) -> Result<Vec<u8>, NotOurs> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(NotOurs)?;
        let payload = Payload { msg: sealed, aad: &associated_data(record, number, part) };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| NotOurs)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.0.into())
    }
}
