//! The index: what the relay has accepted, day by day, in batches chained by hashes (protocol, section 10).
//!
//! A [`Batch`] is what the relay seals, an [`Index`] the batches of one day, and a [`Window`] the days a client
//! fetched, once everything that can be checked about them has been.

#[cfg(test)]
mod tests;
mod window;

pub use window::{Group, GroupSize, IndexError, Window};

use crate::cbor::{Malformed, from_slice, to_vec};
use crate::hash::hash;
use crate::ids::{EnvelopeId, Hash};
use crate::keys::RelayPublicKey;
use crate::labels;
use crate::sizes::{BATCH_MAX, ENVELOPE_ID, INDEX_MAX};
use crate::time::Day;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// `chain(0)` of the letters of a relay.
#[must_use]
pub fn letter_genesis(relay: &RelayPublicKey) -> Hash {
    Hash(hash(labels::INDEX_GENESIS, &[relay.as_bytes()]))
}

/// `chain(0)` of the chunks of a relay.
#[must_use]
pub fn chunk_genesis(relay: &RelayPublicKey) -> Hash {
    Hash(hash(labels::CHUNK_GENESIS, &[relay.as_bytes()]))
}

/// The ids that the relay sealed together: 1 to 65,536 of one day, ascending strictly.
///
/// Its `Debug` shows no id.
#[derive(Clone, PartialEq, Eq)]
pub struct Batch {
    number: u64,
    day: Day,
    previous: Hash,
    ids: Vec<EnvelopeId>,
}

impl Batch {
    /// The encoding at most: array, number, day, hash, ids.
    pub const ENCODED_MAX: usize = 1 + 9 + 5 + 34 + 5 + BATCH_MAX * ENVELOPE_ID;

    /// Seals `ids` as the batch after `previous`; sorts them.
    ///
    /// # Errors
    /// No ids, more than 65,536, an id twice, a day before the one of `previous`, or no number left.
    pub fn new(previous: &Head, day: Day, mut ids: Vec<EnvelopeId>) -> Result<Self, Malformed> {
        let number = previous.number.checked_add(1).ok_or(Malformed("batch"))?;
        if day < previous.day {
            return Err(Malformed("batch"));
        }
        ids.sort_unstable();
        Self::checked(number, day, previous.chain, ids)
    }

    /// Reads one batch.
    ///
    /// # Errors
    /// Not the deterministic encoding of CDDL `batch`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        from_slice("batch", bytes, Self::ENCODED_MAX)
    }

    /// CDDL `batch`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        to_vec(self)
    }

    /// What stands before the ids in CDDL `batch`; nothing stands behind them. For whoever sends a batch piece by piece.
    #[must_use]
    pub fn before_ids(&self) -> Vec<u8> {
        to_vec(&BeforeIds(self))
    }

    /// The number, from 1.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The day its envelopes were accepted on.
    #[must_use]
    pub const fn day(&self) -> Day {
        self.day
    }

    /// `chain(number - 1)`.
    #[must_use]
    pub const fn previous(&self) -> &Hash {
        &self.previous
    }

    /// The ids, ascending.
    #[must_use]
    pub fn ids(&self) -> &[EnvelopeId] {
        &self.ids
    }

    /// `chain(number)`: the hash of this batch and of all before it.
    #[must_use]
    pub fn chain_value(&self) -> Hash {
        // A batch holds 65,536 ids at most, so the number fits.
        let count = self.ids.len() as u32;
        Hash(hash(
            labels::INDEX_BATCH,
            &[
                self.previous.as_bytes(),
                &self.number.to_be_bytes(),
                &self.day.0.to_be_bytes(),
                &count.to_be_bytes(),
                &self.id_bytes(),
            ],
        ))
    }

    /// The chain's head once this batch is its last.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { number: self.number, day: self.day, chain: self.chain_value() }
    }

    fn checked(number: u64, day: Day, previous: Hash, ids: Vec<EnvelopeId>) -> Result<Self, Malformed> {
        let ascending = ids.is_sorted_by(|a, b| a < b);
        if number == 0 || day < Day::FIRST || ids.is_empty() || ids.len() > BATCH_MAX || !ascending {
            return Err(Malformed("batch"));
        }
        Ok(Self { number, day, previous, ids })
    }

    fn id_bytes(&self) -> Vec<u8> {
        self.ids.iter().flat_map(|id| id.0).collect()
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { number, day, previous, ids } = self;
        write!(f, "Batch({number}, {day}, after {previous}, {} ids)", ids.len())
    }
}

impl<C> Encode<C> for Batch {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        BeforeIds(self).encode(e, ctx)?;
        self.ids.iter().try_for_each(|id| e.writer_mut().write_all(&id.0)).map_err(encode::Error::write)
    }
}

/// All of a batch but its ids themselves.
struct BeforeIds<'a>(&'a Batch);

impl<C> Encode<C> for BeforeIds<'_> {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        let Batch { number, day, previous, ids } = self.0;
        e.array(4)?.u64(*number)?.u32(day.0)?;
        previous.encode(e, ctx)?;
        // At most 65,536 of 16 bytes.
        e.bytes_len((ids.len() * ENVELOPE_ID) as u64)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Batch {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        let refuse = || decode::Error::message("not a batch");
        if d.array()? != Some(4) {
            return Err(refuse());
        }
        let (number, day, previous) = (d.u64()?, Day(d.u32()?), Hash::decode(d, ctx)?);
        let (ids, rest) = d.bytes()?.as_chunks::<ENVELOPE_ID>();
        if !rest.is_empty() || ids.len() > BATCH_MAX {
            return Err(refuse());
        }
        Self::checked(number, day, previous, ids.iter().copied().map(EnvelopeId).collect()).map_err(|_| refuse())
    }
}

/// The end of a chain: the last batch's number and day, and the chain's value after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    number: u64,
    day: Day,
    chain: Hash,
}

impl Head {
    /// The head of a chain without batches: number 0, day 0, `chain(0)`.
    #[must_use]
    pub const fn genesis(chain: Hash) -> Self {
        Self { number: 0, day: Day(0), chain }
    }

    /// A head that was kept as its three parts.
    ///
    /// # Errors
    /// Day 0 (or another invalid day) with a number, or number 0 with a day.
    pub fn new(number: u64, day: Day, chain: Hash) -> Result<Self, Malformed> {
        let fits = if number == 0 { day.0 == 0 } else { day >= Day::FIRST };
        if fits { Ok(Self { number, day, chain }) } else { Err(Malformed("head")) }
    }

    /// The number of the last batch; 0 if there is none.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The day of the last batch; 0 if there is none.
    #[must_use]
    pub const fn day(&self) -> Day {
        self.day
    }

    /// The value of the chain after the last batch.
    #[must_use]
    pub const fn chain(&self) -> &Hash {
        &self.chain
    }

    /// The head after `next`, if `next` is the batch that follows this head.
    ///
    /// # Errors
    /// [`IndexError::Gap`], [`IndexError::WrongDay`] if the day decreases, or [`IndexError::BrokenChain`].
    pub fn follow(&self, next: &Batch) -> Result<Self, IndexError> {
        if self.number.checked_add(1) != Some(next.number) {
            return Err(IndexError::Gap);
        }
        if next.day < self.day {
            return Err(IndexError::WrongDay);
        }
        if next.previous != self.chain {
            return Err(IndexError::BrokenChain);
        }
        Ok(next.head())
    }
}

impl<C> Encode<C> for Head {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.array(3)?.u64(self.number)?.u32(self.day.0)?;
        self.chain.encode(e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for Head {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        let refuse = || decode::Error::message("not a head");
        if d.array()? != Some(3) {
            return Err(refuse());
        }
        Self::new(d.u64()?, Day(d.u32()?), Hash::decode(d, ctx)?).map_err(|_| refuse())
    }
}

/// The batches of one day, as the relay tells them. [`Window::verify`] checks how they hang together.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Index {
    /// The batches; none if nothing was accepted on that day, or it has expired.
    pub batches: Vec<Batch>,
}

impl Index {
    /// Reads an index of at most [`INDEX_MAX`] bytes.
    ///
    /// # Errors
    /// Not the deterministic encoding of CDDL `index`, or ids that do not ascend strictly within their batch.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        from_slice("index", bytes, INDEX_MAX)
    }

    /// CDDL `index`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        to_vec(self)
    }

    /// What stands before so many batches in CDDL `index`; they follow each other, and nothing stands behind them.
    #[must_use]
    pub fn before_batches(count: usize) -> Vec<u8> {
        to_vec(&BeforeBatches(count as u64))
    }
}

/// All of an index but its batches themselves.
struct BeforeBatches(u64);

impl<C> Encode<C> for BeforeBatches {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.array(self.0)?.ok()
    }
}

impl<C> Encode<C> for Index {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        BeforeBatches(self.batches.len() as u64).encode(e, ctx)?;
        self.batches.iter().try_for_each(|batch| batch.encode(e, ctx))
    }
}

impl<'b, C> Decode<'b, C> for Index {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        let count = d.array()?.ok_or_else(|| decode::Error::message("indefinite length"))?;
        let mut batches = Vec::new();
        for _ in 0..count {
            batches.push(Batch::decode(d, ctx)?);
        }
        Ok(Self { batches })
    }
}
