//! The key of one kind and day. Whoever destroys it has destroyed the day.

use super::super::volume_id::VolumeId;
use super::disk::Disk;
use super::files;
use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{KeyInit as _, Tag, XChaCha20Poly1305, XNonce};
use cssr_proto::sizes::TAG;
use rand_core::CryptoRng;
use std::io::{self, ErrorKind};
use std::path::Path;
use zeroize::{Zeroize, ZeroizeOnDrop};

pub(super) const NONCE: usize = 24;
const KEY: usize = 32;
/// What stands in the place of a key that was destroyed with its day: a disk that fails does not write this.
const DESTROYED: &[u8; 2 * KEY] = b"this key was destroyed together with its day; nothing opens it.\n";

/// A nonce, drawn at random.
pub(super) type Nonce = [u8; NONCE];

/// What is sealed, so that none is taken for another. The number is its position.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sealed {
    /// The header of a record.
    Header(u32),
    /// The body of a record: what it belongs to, its header says.
    Body,
    /// The mark of a burned chunk.
    Mark(u32),
    /// The index.
    Index,
}

impl Sealed {
    fn associated_data(self) -> Vec<u8> {
        let (label, position): (&[u8], u32) = match self {
            Self::Header(position) => (b"cssr-relay journal 1 header", position),
            Self::Body => (b"cssr-relay journal 1 body", 0),
            Self::Mark(position) => (b"cssr-relay journal 1 mark", position),
            Self::Index => (b"cssr-relay journal 1 index", 0),
        };
        [label, &position.to_be_bytes()].concat()
    }
}

/// The random keys that everything of one kind and day is sealed under: one for bodies, one for the rest, because a header
/// shares its nonce with its body.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct DayKey {
    rest: [u8; KEY],
    bodies: [u8; KEY],
}

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
    pub(super) fn create<R: CryptoRng + ?Sized>(
        disk: &dyn Disk,
        folder: &Path,
        id: VolumeId,
        rng: &mut R,
    ) -> io::Result<Self> {
        let mut key = Self { rest: [0; KEY], bodies: [0; KEY] };
        rng.fill_bytes(&mut key.rest);
        rng.fill_bytes(&mut key.bodies);
        let content = zeroize::Zeroizing::new([key.rest, key.bodies].concat());
        files::write(disk, folder, &id.key_name(), &files::twice(&content))?;
        Ok(key)
    }

    /// Reads a key from its file. A sign in either copy counts: whoever began to destroy a key meant to.
    pub(super) fn load(disk: &dyn Disk, folder: &Path, id: VolumeId) -> io::Result<Loaded> {
        let Some(content) = files::read(disk, &folder.join(id.key_name()))? else { return Ok(Loaded::Missing) };
        if files::whole_copies(&content).any(|copy| copy == DESTROYED) {
            return Ok(Loaded::Destroyed);
        }
        let key = files::whole_copies(&content).find_map(|copy| {
            let (rest, bodies) = copy.split_first_chunk::<KEY>()?;
            Some(Self { rest: *rest, bodies: bodies.try_into().ok()? })
        });
        Ok(key.map_or(Loaded::Missing, Loaded::Key))
    }

    /// Destroys a key where it lies, and says so in its place; no space is needed for that. It may be gone already.
    ///
    /// Renaming a new file over it would leave the old bytes on the disk. Flash memory may keep them even so.
    pub(super) fn destroy(disk: &dyn Disk, folder: &Path, id: VolumeId) -> io::Result<()> {
        match disk.open(&folder.join(id.key_name())) {
            Ok(file) => {
                file.write_at(&files::twice(DESTROYED), 0)?;
                file.sync()
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Seals a buffer in place, and returns the tag.
    pub(super) fn seal(&self, what: Sealed, nonce: &Nonce, buffer: &mut [u8]) -> [u8; TAG] {
        let cipher = self.cipher(what);
        let tag = cipher.encrypt_inout_detached(&XNonce::from(*nonce), &what.associated_data(), buffer.into());
        #[expect(clippy::expect_used, reason = "fails only for contents of 256 GiB")]
        tag.expect("contents are far smaller").into()
    }

    /// Opens a buffer in place; `false`, with nothing of use in the buffer, if it is not what was sealed.
    pub(super) fn open(&self, what: Sealed, nonce: &Nonce, buffer: &mut [u8], tag: &[u8; TAG]) -> bool {
        let (nonce, tag) = (XNonce::from(*nonce), Tag::from(*tag));
        self.cipher(what).decrypt_inout_detached(&nonce, &what.associated_data(), buffer.into(), &tag).is_ok()
    }

    fn cipher(&self, what: Sealed) -> XChaCha20Poly1305 {
        let key = match what {
            Sealed::Body => &self.bodies,
            Sealed::Header(_) | Sealed::Mark(_) | Sealed::Index => &self.rest,
        };
        XChaCha20Poly1305::new(key.into())
    }
}
