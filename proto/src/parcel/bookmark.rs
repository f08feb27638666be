//! Bookmarks: how a source that keeps nothing finds a parcel again that it had begun to send.

use super::chunk::ChunkKeys;
use super::{BurnKey, BurnKeys, ParcelError, SealedChunk, chunk_count};
use crate::cbor::{from_slice, to_secret_vec};
use crate::envelope::Envelope;
use crate::hash::kdf;
use crate::ids::{EnvelopeId, Hash};
use crate::keys::{ParcelKey, ParcelSecret};
use crate::labels;
use crate::message::FileSize;
use crate::sizes::CHUNK_PIECE;
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

/// What a bookmark says (CDDL `bookmark`).
#[derive(Encode, Decode, PartialEq, Eq)]
#[cbor(map)]
pub struct Bookmark {
    /// The key of the parcel.
    #[n(0)]
    pub key: ParcelKey,
    /// The size of the file.
    #[n(1)]
    pub size: FileSize,
    #[n(2)]
    count: u32,
}

impl Bookmark {
    /// The bookmark of a file of this size.
    #[must_use]
    pub fn new(key: ParcelKey, size: FileSize) -> Self {
        // 2^44 bytes are 1.1 * 10^9 chunks.
        Self { key, size, count: chunk_count(size) as u32 }
    }
}

impl std::fmt::Debug for Bookmark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { key: _, size: _, count: _ } = self;
        f.write_str("Bookmark(..)")
    }
}

/// Where the bookmark of one file of one source stands: a chunk whose id and keys follow from the parcel secret and the
/// file's SHA-256.
#[derive(Debug)]
pub struct BookmarkPlace {
    keys: ChunkKeys,
    burn: BurnKeys,
}

impl BookmarkPlace {
    /// The place for a file.
    #[must_use]
    pub fn new(secret: &ParcelSecret, file: &Hash) -> Self {
        let key = ParcelKey::from_bytes(*kdf(secret.expose(), labels::BOOKMARK, &[file.as_bytes()]));
        Self { keys: ChunkKeys::new(&key), burn: BurnKeys::new(secret, &key) }
    }

    /// The id of the chunk.
    #[must_use]
    pub fn id(&self) -> EnvelopeId {
        self.keys.id(0)
    }

    /// What burns it.
    #[must_use]
    pub fn burn_key(&self) -> BurnKey {
        self.burn.key(0)
    }

    /// Seals a bookmark: `u16(length) || CBOR || zeros`.
    #[must_use]
    pub fn seal(&self, bookmark: &Bookmark) -> SealedChunk {
        let cbor = to_secret_vec(bookmark);
        let mut piece = Zeroizing::new(Vec::with_capacity(2 + cbor.len()));
        // A map of 32 bytes and two numbers: below 64 bytes.
        piece.extend_from_slice(&(cbor.len() as u16).to_be_bytes());
        piece.extend_from_slice(&cbor);
        self.keys.seal(0, 1, &piece, &self.burn)
    }

    /// Opens what stands at this place.
    ///
    /// # Errors
    /// It is no bookmark of this source and file.
    pub fn open(&self, envelope: &Envelope) -> Result<Bookmark, ParcelError> {
        self.read(envelope).ok_or(ParcelError::CannotOpen)
    }

    fn read(&self, envelope: &Envelope) -> Option<Bookmark> {
        let piece = self.keys.open(0, 1, CHUNK_PIECE, envelope)?;
        let (length, rest) = piece.split_first_chunk()?;
        let (cbor, padding) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let bookmark: Bookmark = from_slice("bookmark", cbor, CHUNK_PIECE).ok()?;
        let fits = u64::from(bookmark.count) == chunk_count(bookmark.size) && padding.iter().all(|byte| *byte == 0);
        fits.then_some(bookmark)
    }
}
