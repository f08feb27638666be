//! Parcels: files of any size in chunks, each an envelope of its own (protocol, section 9).
//!
//! A [`Parcel`] is a parcel key with the size of its file; from both follows everything else: how many chunks there are,
//! and their ids. Nothing here holds more than one chunk.

mod bookmark;
mod burn;
mod chunk;
mod padme;

pub use bookmark::{Bookmark, BookmarkPlace};
pub use burn::{BurnHash, BurnKey, BurnKeys};
pub use padme::padme;

use crate::envelope::Envelope;
use crate::ids::EnvelopeId;
use crate::keys::ParcelKey;
use crate::message::{FileSize, Manifest};
use crate::sizes::CHUNK_PIECE;
use chunk::ChunkKeys;
use zeroize::Zeroizing;

/// What a caller asked of a parcel that it cannot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParcelError {
    /// The parcel has no chunk of this index.
    #[error("no such chunk")]
    NoSuchChunk,
    /// The piece does not have the length that belongs to its index.
    #[error("a piece of the wrong length")]
    WrongLength,
    /// The chunk does not open: it was changed, or belongs to another place, parcel or size.
    #[error("the chunk cannot be opened")]
    CannotOpen,
}

/// A chunk, sealed, with all that the relay must be given for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedChunk {
    /// Its id.
    pub id: EnvelopeId,
    /// What the relay keeps, to recognise the key that burns it.
    pub burn_hash: BurnHash,
    /// Its bytes.
    pub envelope: Envelope,
}

/// A file's parcel: seals and opens its chunks in any order.
#[derive(Debug)]
pub struct Parcel {
    keys: ChunkKeys,
    size: u64,
    count: u64,
}

impl Parcel {
    /// The parcel of a file of this size.
    #[must_use]
    pub fn new(key: &ParcelKey, size: FileSize) -> Self {
        Self { keys: ChunkKeys::new(key), size: size.get(), count: chunk_count(size) }
    }

    /// The parcel that a manifest describes.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        Self::new(&manifest.key, manifest.size)
    }

    /// How many chunks it has, those of padding included.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// How many bytes of the file chunk `index` holds; 0 for padding.
    ///
    /// # Errors
    /// No such chunk.
    pub fn piece_len(&self, index: u64) -> Result<usize, ParcelError> {
        self.check(index)?;
        let left = self.size.saturating_sub(index.saturating_mul(CHUNK_PIECE as u64));
        Ok(usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK_PIECE))
    }

    /// The id of chunk `index`.
    ///
    /// # Errors
    /// No such chunk.
    pub fn id(&self, index: u64) -> Result<EnvelopeId, ParcelError> {
        self.check(index)?;
        Ok(self.keys.id(index))
    }

    /// Seals `piece_len(index)` bytes of the file; `burn` is what will burn the chunk. The same bytes give the same chunk.
    ///
    /// # Errors
    /// No such chunk, or a piece of another length.
    pub fn seal_chunk(&self, index: u64, piece: &[u8], burn: &BurnKeys) -> Result<SealedChunk, ParcelError> {
        if piece.len() != self.piece_len(index)? {
            return Err(ParcelError::WrongLength);
        }
        Ok(self.keys.seal(index, self.count, piece, burn))
    }

    /// Opens chunk `index`: `piece_len(index)` bytes of the file.
    ///
    /// # Errors
    /// No such chunk, or a chunk that does not open here.
    pub fn open_chunk(&self, index: u64, envelope: &Envelope) -> Result<Zeroizing<Vec<u8>>, ParcelError> {
        let length = self.piece_len(index)?;
        self.keys.open(index, self.count, length, envelope).ok_or(ParcelError::CannotOpen)
    }

    const fn check(&self, index: u64) -> Result<(), ParcelError> {
        if index < self.count { Ok(()) } else { Err(ParcelError::NoSuchChunk) }
    }
}

/// How many chunks a file of this size has, those of padding included; at least one.
#[must_use]
pub fn chunk_count(size: FileSize) -> u64 {
    padme(size.get().div_ceil(CHUNK_PIECE as u64).max(1))
}

#[cfg(test)]
mod tests;
