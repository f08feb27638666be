//! Bundles (protocol, section 15.1): sealed envelopes in a file that anybody may carry and post.
//!
//! A bundle is a CBOR sequence (RFC 8742): the text `cssr bundle 1`, then [`Record`]s. [`BundleReader`] takes a file
//! piece by piece and holds no more than a record and the piece.

#[cfg(test)]
mod tests;

use crate::cbor::to_vec;
use crate::frame::EnvelopeKind;
use crate::ids::{EnvelopeId, Hash};
use crate::labels;
use crate::postage::Postage;
use crate::request::Post;
use crate::sizes::{ENVELOPE, ENVELOPE_ID, HASH};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// An envelope outside the relay: CDDL `record`. Its `Debug` shows the kind only.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Letter or chunk.
    pub kind: EnvelopeKind,
    /// Its id.
    pub id: EnvelopeId,
    /// The SHA-256 of the key that burns it; never for a letter, and unknown to a mirror.
    pub burn_hash: Option<Hash>,
    /// The envelope; `None` if it was burned.
    pub envelope: Option<Box<[u8; ENVELOPE]>>,
}

impl Record {
    /// The encoding at most: array, kind, id, burn hash, envelope.
    pub const ENCODED_MAX: usize = 1 + 1 + (1 + ENVELOPE_ID) + (2 + HASH) + (3 + ENVELOPE);

    /// CDDL `record`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        to_vec(self)
    }

    /// The request that posts it; `None` if it cannot be posted: burned, or a chunk without its burn hash.
    #[must_use]
    pub fn post(&self, postage: Postage) -> Option<Post> {
        let envelope = self.envelope.as_deref()?;
        match self.kind {
            EnvelopeKind::Letter => Some(Post::letter(self.id, postage, envelope)),
            EnvelopeKind::Chunk => Some(Post::chunk(self.id, self.burn_hash?.0, postage, envelope)),
        }
    }

    fn can_be_posted(&self) -> bool {
        self.envelope.is_some() && (self.kind == EnvelopeKind::Letter || self.burn_hash.is_some())
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, id: _, burn_hash: _, envelope: _ } = self;
        write!(f, "Record({kind:?})")
    }
}

impl<C> Encode<C> for Record {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.array(4)?.encode_with(self.kind, ctx)?.encode_with(self.id, ctx)?.encode_with(self.burn_hash, ctx)?;
        match &self.envelope {
            Some(envelope) => e.bytes(envelope.as_slice())?.ok(),
            None => e.null()?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Record {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        let refuse = || decode::Error::message("not a record");
        if d.array()? != Some(4) {
            return Err(refuse());
        }
        let (kind, id, burn_hash) = (d.decode_with(ctx)?, d.decode_with(ctx)?, d.decode_with::<_, Option<Hash>>(ctx)?);
        let envelope: Option<&minicbor::bytes::ByteSlice> = d.decode_with(ctx)?;
        let envelope = match envelope {
            Some(bytes) => Some(bytes.to_vec().into_boxed_slice().try_into().map_err(|_| refuse())?),
            None => None,
        };
        if kind == EnvelopeKind::Letter && burn_hash.is_some() {
            return Err(refuse());
        }
        Ok(Self { kind, id, burn_hash, envelope })
    }
}

/// Writes a bundle.
#[must_use]
pub fn write_bundle<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<u8> {
    let mut bytes = bundle_header();
    for record in records {
        bytes.extend(record.to_bytes());
    }
    bytes
}

/// What a bundle begins with. [`Record::to_bytes`] of each record follows.
#[must_use]
pub fn bundle_header() -> Vec<u8> {
    to_vec(&labels::BUNDLE)
}

/// What is wrong with a bundle. Whoever made or changed the file is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// It does not begin as a bundle of version 1 does.
    #[error("not a bundle")]
    NotABundle,
    /// A record that is not what the protocol allows, or that cannot be posted.
    #[error("record {record} is malformed")]
    Malformed {
        /// Its number, from 1.
        record: u64,
    },
    /// The file ends inside a record.
    #[error("record {record} is cut off")]
    CutOff {
        /// Its number, from 1.
        record: u64,
    },
}

/// Reads the records of a file as its pieces come.
#[derive(Debug, Default)]
pub struct BundleReader {
    begun: bool,
    read: u64,
    buffer: Vec<u8>,
    // How much of the buffer has been read.
    used: usize,
    failed: Option<BundleError>,
}

impl BundleReader {
    /// At the beginning of a file.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the file. Call [`next`](Self::next) until it gives nothing before more are pushed.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.used.min(self.buffer.len()));
        self.used = 0;
        if self.failed.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next record; `None` until more bytes are pushed.
    ///
    /// # Errors
    /// See [`BundleError`]; then the same for ever, as nothing after it is believed.
    #[expect(clippy::should_implement_trait, reason = "`None` does not end it, as it would an iterator")]
    pub fn next(&mut self) -> Result<Option<Record>, BundleError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.begin().and_then(|begun| if begun { self.record() } else { Ok(None) });
        if let Err(error) = &result {
            self.failed = Some(*error);
            self.buffer = Vec::new();
        }
        result
    }

    /// Ends the file.
    ///
    /// # Errors
    /// [`BundleError::CutOff`] if it ends inside a record, or [`BundleError::NotABundle`] inside its header; or the
    /// error that [`next`](Self::next) gave.
    pub fn finish(mut self) -> Result<(), BundleError> {
        match self.next()? {
            // A record that nobody has asked for yet: the caller ends the file too early.
            Some(_) => Err(BundleError::CutOff { record: self.read }),
            None if !self.begun => Err(BundleError::NotABundle),
            None if self.rest().is_empty() => Ok(()),
            None => Err(BundleError::CutOff { record: self.read + 1 }),
        }
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or(&[])
    }

    fn begin(&mut self) -> Result<bool, BundleError> {
        if self.begun {
            return Ok(true);
        }
        let header = bundle_header();
        if self.rest().starts_with(&header) {
            self.used += header.len();
            self.begun = true;
        } else if !header.starts_with(self.rest()) {
            return Err(BundleError::NotABundle);
        }
        Ok(self.begun)
    }

    fn record(&mut self) -> Result<Option<Record>, BundleError> {
        let malformed = BundleError::Malformed { record: self.read.saturating_add(1) };
        let rest = self.rest();
        if rest.is_empty() {
            return Ok(None);
        }
        let mut decoder = Decoder::new(rest);
        let record: Record = match decoder.decode() {
            Ok(record) => record,
            Err(error) if error.is_end_of_input() && rest.len() < Record::ENCODED_MAX => return Ok(None),
            Err(_) => return Err(malformed),
        };
        let read = decoder.position();
        // The same check as everywhere: only the deterministic encoding is accepted.
        if rest.get(..read) != Some(&record.to_bytes()) || !record.can_be_posted() {
            return Err(malformed);
        }
        self.used += read;
        self.read = self.read.saturating_add(1);
        Ok(Some(record))
    }
}

/// Reads a bundle that is whole in memory.
///
/// # Errors
/// See [`BundleError`]. Nothing of a malformed bundle is returned.
pub fn read_bundle(bytes: &[u8]) -> Result<Vec<Record>, BundleError> {
    let mut reader = BundleReader::new();
    reader.push(bytes);
    let mut records = Vec::new();
    while let Some(record) = reader.next()? {
        records.push(record);
    }
    reader.finish()?;
    Ok(records)
}

const _: () = assert!(Record::ENCODED_MAX == 16_312);
