//! A record: 16 KiB at some position of a journal, which says itself what it is.
//!
//! ```text
//! offset  bytes
//!      0     24  nonce, random
//!     24      8  place mark: "cssr" || u32(position)
//!     32      8  day mark: of the day's key and the position (`key.rs`)
//!     40     72  header, sealed under the day's key for the rest, bound to the record's position:
//!                  1  what it is: 1 letter, 2 chunk, 3 chunk that can be burned, 4 part of a batch
//!                 16  id; of a part: u64(number of the batch) || u32(part) || u32(length of the batch)
//!                 32  burn hash; of a part: the batch's chain value; otherwise zeros
//!                 16  tag of the body
//!                  7  zeros
//!    112     16  tag of the header
//!    128 16,256  body, sealed under the day's key for bodies with the same nonce: the envelope, or bytes of the batch
//! ```
//!
//! The header lies in one sector, so it is old or new after a loss of power, never a mixture. It says what the body must
//! be: a body that is torn, or belongs to another record, does not open.
//!
//! The marks tell damage from what is left of a day that has expired, in space that is used again. Where the header does not
//! open, the place mark is right and the day mark is not, another day has written, and nothing of this one is lost.

use super::super::{Kind, Put};
use super::key::{DAY_MARK, DayKey, NONCE, Nonce, Sealed};
use cssr_proto::index::Batch;
use cssr_proto::parcel::BurnHash;
use cssr_proto::sizes::{ENVELOPE, ENVELOPE_ID, HASH, LARGE_FRAME, TAG};
use cssr_proto::{Envelope, EnvelopeId, Hash};
use rand_core::CryptoRng;

/// Bytes of a record.
pub(super) const RECORD: usize = 16_384;
/// Bytes before the body: nonce, sealed header, tag.
pub(super) const HEADER: usize = RECORD - ENVELOPE;
/// Bytes of a batch in one record.
pub(super) const PART: usize = ENVELOPE;

const PLACE_MARK: usize = 8;
const PLAIN: usize = HEADER - NONCE - PLACE_MARK - DAY_MARK - TAG;
const _: () = assert!(RECORD == LARGE_FRAME);
const SPARE: usize = PLAIN - 1 - ENVELOPE_ID - HASH - TAG;

/// What a record is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// An envelope.
    Envelope { kind: Kind, id: EnvelopeId, burn: Option<BurnHash> },
    /// A part of a batch. The chain value tells batches apart of which only one was announced.
    Part { number: u64, part: u32, length: u32, chain: Hash },
}

/// What stands at a position.
pub(super) enum Found<T> {
    /// Nothing of this day: nothing was ever written there, it was erased, or it is of a day that has expired.
    Blank,
    /// A record.
    Record(T),
    /// Neither: it was torn while it was written, or it is damaged.
    Damaged,
    /// The disk cannot read it.
    Unreadable,
}

impl<T> Found<T> {
    pub(super) fn map<U>(self, record: impl FnOnce(T) -> U) -> Found<U> {
        match self {
            Self::Record(found) => Found::Record(record(found)),
            Self::Blank => Found::Blank,
            Self::Damaged => Found::Damaged,
            Self::Unreadable => Found::Unreadable,
        }
    }
}

/// A record whose body is sealed, and which has no position yet.
pub(super) struct Draft {
    bytes: Box<[u8; RECORD]>,
    header: Header,
    tag: [u8; TAG],
}

impl Draft {
    /// Seals an envelope, where it lies.
    pub(super) fn envelope(put: Put, key: &DayKey, nonce: Nonce) -> Self {
        let Put { day: _, kind, id, burn, envelope } = put;
        Self::new(Header::Envelope { kind, id, burn }, envelope.into_buffer(), key, nonce)
    }

    /// Seals a batch, in as many records as it needs.
    pub(super) fn batch<R: CryptoRng + ?Sized>(batch: &Batch, key: &DayKey, rng: &mut R) -> Vec<Self> {
        let (bytes, chain) = (batch.to_bytes(), batch.chain_value());
        let length = bytes.len() as u32; // at most a mebibyte
        let parts = (0u32..).zip(bytes.chunks(PART)).map(|(part, body)| {
            let mut record = Box::new([0; RECORD]);
            record.iter_mut().skip(HEADER).zip(body).for_each(|(to, from)| *to = *from);
            Self::new(Header::Part { number: batch.number(), part, length, chain }, record, key, random_nonce(rng))
        });
        parts.collect()
    }

    fn new(header: Header, mut bytes: Box<[u8; RECORD]>, key: &DayKey, nonce: Nonce) -> Self {
        let tag = match bytes.split_first_chunk_mut::<HEADER>() {
            Some((head, body)) => {
                head.iter_mut().zip(nonce).for_each(|(to, from)| *to = from);
                key.seal(Sealed::Body, &nonce, body)
            }
            None => [0; TAG],
        };
        Self { bytes, header, tag }
    }

    /// Opens an envelope again.
    pub(super) fn reopen(self, key: &DayKey) -> Option<(Header, Envelope)> {
        let Self { mut bytes, header, tag } = self;
        let (head, body) = bytes.split_first_chunk_mut::<HEADER>()?;
        if !key.open(Sealed::Body, head.first_chunk()?, body, &tag) {
            return None;
        }
        Envelope::from_buffer(bytes).ok().map(|envelope| (header, envelope))
    }

    /// Seals the header for a position: the record, ready to be written there.
    pub(super) fn finish(mut self, key: &DayKey, position: u32) -> Box<[u8; RECORD]> {
        let mut header = self.header.encode(&self.tag);
        if let Some((nonce, rest)) = self.bytes.split_first_chunk_mut::<NONCE>() {
            let tag = key.seal(Sealed::Header(position), nonce, &mut header);
            let marks = place_mark(position).into_iter().chain(key.day_mark(position));
            for (to, from) in rest.iter_mut().zip(marks.chain(header).chain(tag)) {
                *to = from;
            }
        }
        self.bytes
    }
}

/// Draws a nonce.
pub(super) fn random_nonce<R: CryptoRng + ?Sized>(rng: &mut R) -> Nonce {
    let mut nonce = [0; NONCE];
    rng.fill_bytes(&mut nonce);
    nonce
}

/// Opens the first [`HEADER`] bytes of what stands at a position.
pub(super) fn open_header(key: &DayKey, position: u32, bytes: &[u8; HEADER]) -> Found<Header> {
    open_tagged(key, position, bytes).map(|Opened { header, .. }| header)
}

/// Opens what stands at a position, in place; the body begins at [`HEADER`] afterwards.
pub(super) fn open_record(key: &DayKey, position: u32, bytes: &mut [u8; RECORD]) -> Found<Header> {
    let Some((head, body)) = bytes.split_first_chunk_mut::<HEADER>() else { return Found::Damaged };
    match open_tagged(key, position, head) {
        Found::Record(Opened { header, nonce, tag }) if key.open(Sealed::Body, &nonce, body, &tag) => {
            Found::Record(header)
        }
        Found::Blank => Found::Blank,
        Found::Record(_) | Found::Damaged | Found::Unreadable => Found::Damaged,
    }
}

/// Whether both marks are as this day writes them at a position. A record is served without them, too.
pub(super) fn has_marks(key: &DayKey, position: u32, bytes: &[u8; HEADER]) -> bool {
    Sections::of(bytes).is_some_and(|it| *it.place == place_mark(position) && *it.day == key.day_mark(position))
}

const fn place_mark(position: u32) -> [u8; PLACE_MARK] {
    let [a, b, c, d] = position.to_be_bytes();
    [b'c', b's', b's', b'r', a, b, c, d]
}

/// The parts of a header's bytes.
struct Sections<'a> {
    nonce: &'a Nonce,
    place: &'a [u8; PLACE_MARK],
    day: &'a [u8; DAY_MARK],
    sealed: &'a [u8; PLAIN],
    tag: &'a [u8; TAG],
}

impl<'a> Sections<'a> {
    fn of(bytes: &'a [u8; HEADER]) -> Option<Self> {
        let (nonce, rest) = bytes.split_first_chunk()?;
        let (place, rest) = rest.split_first_chunk()?;
        let (day, rest) = rest.split_first_chunk()?;
        let (sealed, tag) = rest.split_first_chunk()?;
        Some(Self { nonce, place, day, sealed, tag: tag.try_into().ok()? })
    }
}

/// A header that opens, with what its body needs.
struct Opened {
    header: Header,
    nonce: Nonce,
    tag: [u8; TAG],
}

fn open_tagged(key: &DayKey, position: u32, bytes: &[u8; HEADER]) -> Found<Opened> {
    if bytes.iter().all(|byte| *byte == 0) {
        return Found::Blank;
    }
    let Some(sections) = Sections::of(bytes) else { return Found::Damaged };
    let Sections { nonce, place, day, sealed, tag } = sections;
    let mut plain = *sealed;
    if key.open(Sealed::Header(position), nonce, &mut plain, tag)
        && let Some((header, tag)) = Header::decode(&plain)
    {
        return Found::Record(Opened { header, nonce: *nonce, tag });
    }
    let is_left_over = *place == place_mark(position) && *day != key.day_mark(position);
    if is_left_over { Found::Blank } else { Found::Damaged }
}

impl Header {
    fn encode(&self, tag: &[u8; TAG]) -> [u8; PLAIN] {
        let mut out = Vec::with_capacity(PLAIN);
        match self {
            Self::Envelope { kind, id, burn } => {
                out.push(match (kind, burn) {
                    (Kind::Letter, _) => 1,
                    (Kind::Chunk, None) => 2,
                    (Kind::Chunk, Some(_)) => 3,
                });
                out.extend_from_slice(id.as_bytes());
                out.extend_from_slice(&burn.map_or([0; HASH], |hash| hash.0));
            }
            Self::Part { number, part, length, chain } => {
                out.push(4);
                out.extend_from_slice(&number.to_be_bytes());
                out.extend_from_slice(&part.to_be_bytes());
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(&chain.0);
            }
        }
        out.extend_from_slice(tag);
        out.resize(PLAIN, 0);
        #[expect(clippy::expect_used, reason = "the line above gives it its length")]
        out.try_into().expect("a header has one length")
    }

    fn decode(plain: &[u8; PLAIN]) -> Option<(Self, [u8; TAG])> {
        let (what, rest) = plain.split_first()?;
        let (id, rest) = rest.split_first_chunk::<ENVELOPE_ID>()?;
        let (hash, rest) = rest.split_first_chunk::<HASH>()?;
        let (tag, spare) = rest.split_first_chunk::<TAG>()?;
        if spare != [0; SPARE] {
            return None;
        }
        let envelope = |kind, burn| Self::Envelope { kind, id: EnvelopeId(*id), burn };
        let header = match what {
            1 => envelope(Kind::Letter, None),
            2 => envelope(Kind::Chunk, None),
            3 => envelope(Kind::Chunk, Some(BurnHash(*hash))),
            4 => {
                let (number, rest) = id.split_first_chunk::<8>()?;
                let (part, length) = rest.split_first_chunk::<4>()?;
                Self::Part {
                    number: u64::from_be_bytes(*number),
                    part: u32::from_be_bytes(*part),
                    length: u32::from_be_bytes(length.try_into().ok()?),
                    chain: Hash(*hash),
                }
            }
            _ => return None,
        };
        Some((header, *tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cssr_proto::Day;

    /// The room before an envelope held the frame that it came in.
    #[test]
    fn nothing_of_what_lay_before_an_envelope_gets_into_its_record() {
        let key = DayKey::for_tests(1);
        let record = |before: u8| {
            let mut buffer = vec![7; RECORD].into_boxed_slice();
            buffer[..HEADER].fill(before);
            let envelope = Envelope::from_buffer(buffer).unwrap();
            let put = Put { day: Day(20_000), kind: Kind::Letter, id: EnvelopeId([1; 16]), burn: None, envelope };
            Draft::envelope(put, &key, [2; NONCE]).finish(&key, 3)
        };
        assert!(record(0) == record(0xa5));
        let mut bytes = record(0xa5);
        let Found::Record(Header::Envelope { id, .. }) = open_record(&key, 3, &mut bytes) else { panic!() };
        assert!(id == EnvelopeId([1; 16]) && bytes[HEADER..] == [7; ENVELOPE]);
    }

    #[test]
    fn a_draft_can_be_opened_again() {
        let key = DayKey::for_tests(1);
        let envelope = Envelope::from_slice(&[7; ENVELOPE]).unwrap();
        let id = EnvelopeId([1; 16]);
        let put = Put { day: Day(20_000), kind: Kind::Letter, id, burn: None, envelope: envelope.clone() };
        let draft = Draft::envelope(put, &key, [2; NONCE]);
        let (header, opened) = draft.reopen(&key).unwrap();
        assert!(header == Header::Envelope { kind: Kind::Letter, id, burn: None } && opened == envelope);
    }
}
