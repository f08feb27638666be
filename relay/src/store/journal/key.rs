//! The key of one kind and day. Whoever destroys it has destroyed the day.
//!
//! ```text
//! sealed(what, nonce, text) = AES-256-GCM(key = HMAC-SHA256(half, "cssr-relay journal 2 key" || nonce (24)),
//!                                         nonce = zeros (12), associated data = label of what || u32(position), text)
//! day mark(position)        = HMAC-SHA256(rest, "cssr-relay journal 2 mark" || u32(position)), the first 8 bytes
//! ```
//!
//! Each thing has a key of its own, since the cipher's code does not erase what it was given: what a thread leaves behind
//! opens one record, not a day. AES-256-GCM (NIST SP 800-38D), for it takes a fifth of the time of XChaCha20-Poly1305 on a
//! processor that knows AES.

use super::super::volume_id::VolumeId;
use super::disk::Disk;
use super::files;
use cssr_proto::sizes::TAG;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand_core::CryptoRng;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce as GcmNonce, Tag, UnboundKey};
use sha2::Sha256;
use std::io::{self, ErrorKind};
use std::path::Path;
use zeroize::Zeroizing;

pub(super) const NONCE: usize = 24;
/// Bytes of a day mark.
pub(super) const DAY_MARK: usize = 8;
const KEY: usize = 32;
const KEY_LABEL: &[u8] = b"cssr-relay journal 2 key";
const MARK_LABEL: &[u8] = b"cssr-relay journal 2 mark";
/// What stands in the place of a key that was destroyed with its day: a disk that fails does not write this.
const DESTROYED: &[u8; 2 * KEY] = b"this key was destroyed together with its day; nothing opens it.\n";

/// What a key consists of.
pub(super) type KeyBytes = Zeroizing<[u8; 2 * KEY]>;

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
            Self::Header(position) => (b"cssr-relay journal 2 header", position),
            Self::Body => (b"cssr-relay journal 2 body", 0),
            Self::Mark(position) => (b"cssr-relay journal 2 burned", position),
            Self::Index => (b"cssr-relay journal 2 index", 0),
        };
        [label, &position.to_be_bytes()].concat()
    }
}

/// The random keys that everything of one kind and day is sealed under: one for bodies, one for the rest, because a header
/// shares its nonce with its body. As HMAC has taken them in; it erases that when it is dropped, and it stays where it is.
pub(super) struct DayKey {
    rest: Box<Hmac<Sha256>>,
    bodies: Box<Hmac<Sha256>>,
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
    /// Draws the bytes of a new key.
    pub(super) fn draw<R: CryptoRng + ?Sized>(rng: &mut R) -> KeyBytes {
        let mut content = Zeroizing::new([0; 2 * KEY]);
        rng.fill_bytes(content.as_mut_slice());
        content
    }

    /// Makes a key of bytes that were drawn for it, and its file.
    pub(super) fn create(disk: &dyn Disk, folder: &Path, id: VolumeId, content: &KeyBytes) -> io::Result<Self> {
        files::write(disk, folder, &id.key_name(), &files::twice(content.as_slice()))?;
        Self::of(content.as_slice()).ok_or_else(|| io::Error::other("a key of another length"))
    }

    /// Reads a key from its file. A sign in either copy counts: whoever began to destroy a key meant to.
    pub(super) fn load(disk: &dyn Disk, folder: &Path, id: VolumeId) -> io::Result<Loaded> {
        let Some(content) = files::read_what_can_be(disk, &folder.join(id.key_name()))? else {
            return Ok(Loaded::Missing);
        };
        if files::whole_copies(&content).any(|copy| copy == DESTROYED) {
            return Ok(Loaded::Destroyed);
        }
        let key = files::whole_copies(&content).find_map(Self::of);
        Ok(key.map_or(Loaded::Missing, Loaded::Key))
    }

    fn of(content: &[u8]) -> Option<Self> {
        let (rest, bodies) = content.split_first_chunk::<KEY>()?;
        let bodies: &[u8; KEY] = bodies.try_into().ok()?;
        let hmac = |key: &[u8; KEY]| Hmac::new_from_slice(key).ok().map(Box::new);
        Some(Self { rest: hmac(rest)?, bodies: hmac(bodies)? })
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

    /// Seals a buffer in place, and returns the tag. A nonce is for one thing, and for a header and its body.
    pub(super) fn seal(&self, what: Sealed, nonce: &Nonce, buffer: &mut [u8]) -> [u8; TAG] {
        let associated = what.associated_data();
        let tag = self
            .cipher(what, nonce)
            .and_then(|cipher| cipher.seal_in_place_separate_tag(only_nonce(), Aad::from(associated), buffer).ok());
        #[expect(clippy::expect_used, reason = "fails only for contents of 64 GiB")]
        let tag = tag.and_then(|tag| tag.as_ref().try_into().ok()).expect("contents are far smaller");
        tag
    }

    /// Opens a buffer in place; `false`, with nothing of use in the buffer, if it is not what was sealed.
    pub(super) fn open(&self, what: Sealed, nonce: &Nonce, buffer: &mut [u8], tag: &[u8; TAG]) -> bool {
        let (associated, tag) = (Aad::from(what.associated_data()), Tag::from(*tag));
        self.cipher(what, nonce)
            .is_some_and(|cipher| cipher.open_in_place_separate_tag(only_nonce(), associated, tag, buffer, 0..).is_ok())
    }

    /// What stands in clear at a position where this day has written. Without the key it is like any other bytes.
    pub(super) fn day_mark(&self, position: u32) -> [u8; DAY_MARK] {
        let mac = mac(&self.rest, MARK_LABEL, &position.to_be_bytes());
        let mut mark = [0; DAY_MARK];
        mark.iter_mut().zip(mac.iter()).for_each(|(to, from)| *to = *from);
        mark
    }

    fn cipher(&self, what: Sealed, nonce: &Nonce) -> Option<LessSafeKey> {
        let key = match what {
            Sealed::Body => &self.bodies,
            Sealed::Header(_) | Sealed::Mark(_) | Sealed::Index => &self.rest,
        };
        UnboundKey::new(&AES_256_GCM, mac(key, KEY_LABEL, nonce).as_slice()).ok().map(LessSafeKey::new)
    }
}

/// Every key that a cipher gets seals one thing.
fn only_nonce() -> GcmNonce {
    GcmNonce::assume_unique_for_key([0; 12])
}

fn mac(key: &Hmac<Sha256>, label: &[u8], input: &[u8]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(key.clone().chain_update(label).chain_update(input).finalize().into_bytes().into())
}

#[cfg(test)]
impl DayKey {
    pub(super) fn for_tests(bytes: u8) -> Self {
        Self::of(&[[bytes; KEY], [bytes ^ 0xff; KEY]].concat()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(bytes: u8) -> DayKey {
        DayKey::for_tests(bytes)
    }

    #[test]
    fn what_was_sealed_opens_as_what_it_is_where_it_is_and_not_otherwise() {
        let (plain, nonce) = ([9; 40], [1; NONCE]);
        let mut sealed = plain;
        let tag = key(1).seal(Sealed::Header(3), &nonce, &mut sealed);
        let opens = |key: &DayKey, what, nonce: &Nonce, bytes: [u8; 40], tag: &[u8; TAG]| {
            let mut buffer = bytes;
            let is_open = key.open(what, nonce, &mut buffer, tag);
            assert!(is_open == (buffer == plain), "nothing of use is left of what does not open");
            is_open
        };
        assert!(opens(&key(1), Sealed::Header(3), &nonce, sealed, &tag));
        assert!(!opens(&key(2), Sealed::Header(3), &nonce, sealed, &tag));
        for what in [Sealed::Header(4), Sealed::Mark(3), Sealed::Body, Sealed::Index] {
            assert!(!opens(&key(1), what, &nonce, sealed, &tag), "{what:?}");
        }
        assert!(!opens(&key(1), Sealed::Header(3), &[2; NONCE], sealed, &tag));
        for at in 0..sealed.len() {
            let mut harmed = sealed;
            harmed[at] ^= 4;
            assert!(!opens(&key(1), Sealed::Header(3), &nonce, harmed, &tag));
        }
        let mut harmed = tag;
        harmed[TAG - 1] ^= 1;
        assert!(!opens(&key(1), Sealed::Header(3), &nonce, sealed, &harmed));
    }

    #[test]
    fn a_day_mark_is_of_one_day_and_one_position() {
        assert_eq!(key(1).day_mark(5), key(1).day_mark(5));
        assert_ne!(key(1).day_mark(5), key(1).day_mark(6));
        assert_ne!(key(1).day_mark(5), key(2).day_mark(5));
    }
}
