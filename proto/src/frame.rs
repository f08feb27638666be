//! Frames: what one transport message carries (protocol, section 12.1).
//!
//! ```text
//! offset size                                 large frames only:
//! 0      1   kind                             16   16  envelope id
//! 1      1   zero                             32   1   envelope kind: 0 none, 1 letter, 2 chunk
//! 2      2   request                          33   1   present: 0 or 1
//! 4      4   part, from 0                     34   2   zero
//! 8      4   parts, 1 or more                 36   4   effort (postage)
//! 12     4   length of the payload            40   32  burn hash
//! 16     ..  payload (small frames)           72   16  postage nonce
//!                                             88   16  postage solution
//!                                             104  24  zero
//!                                             128  ..  payload (large frames)
//! ```
//!
//! A [`Frame`] keeps these bytes as they are, so that neither sending nor receiving copies an envelope twice.

mod assembler;
mod envelope;
#[cfg(test)]
mod tests;

pub use assembler::{Assembler, AssemblyError, cut};
pub(crate) use assembler::{Sequence, is_absent, single};
pub use envelope::{EnvelopeFrame, EnvelopeKind};

use crate::cbor::Malformed;
use crate::copy::{append, copy};
use crate::envelope::Envelope;
use crate::ids::EnvelopeId;
use crate::postage::Postage;
use crate::sizes::{
    ENVELOPE, ENVELOPE_ID, HASH, LARGE_FRAME, LARGE_HEADER, POSTAGE_NONCE, POSTAGE_SOLUTION, SMALL_FRAME, SMALL_HEADER,
    SMALL_PAYLOAD,
};

/// The header that every frame has, but for the payload's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What the message is: a request, `| 0x80` its answer, or 0xff an error.
    pub kind: u8,
    /// The number that the client chose for the request.
    pub request: u16,
    /// The number of this frame in its message, from 0.
    pub part: u32,
    /// How many frames the message has, 1 or more.
    pub parts: u32,
}

impl Head {
    /// The head of a message of one frame.
    #[must_use]
    pub const fn single(kind: u8, request: u16) -> Self {
        Self { kind, request, part: 0, parts: 1 }
    }
}

/// What the header of a large frame has beyond [`Head`]. Its `Debug` shows nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fields {
    /// The envelope's id; zero if the frame has none.
    pub id: EnvelopeId,
    /// Letter or chunk, if the frame carries or announces either.
    pub kind: Option<EnvelopeKind>,
    /// Whether the place that was asked for holds an envelope.
    pub present: bool,
    /// Proof of work for a post.
    pub postage: Postage,
    /// SHA-256 of the key that burns the chunk; otherwise zero.
    pub burn_hash: [u8; HASH],
}

impl Fields {
    /// All zero.
    pub const NONE: Self = Self {
        id: EnvelopeId([0; ENVELOPE_ID]),
        kind: None,
        present: false,
        postage: Postage::FREE,
        burn_hash: [0; HASH],
    };
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id: _, kind: _, present: _, postage: _, burn_hash: _ } = self;
        f.write_str("Fields(..)")
    }
}

/// A frame whose header is well formed and whose padding is zero.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    // 512 or 16,384 bytes, as they are encrypted.
    bytes: Box<[u8]>,
}

impl Frame {
    /// A frame of 512 bytes.
    ///
    /// # Errors
    /// A payload over 496 bytes, no parts, or a part beyond them.
    pub fn small(head: Head, payload: &[u8]) -> Result<Self, Malformed> {
        Self::with(SMALL_FRAME, SMALL_HEADER, head, payload)
    }

    /// A frame of 16,384 bytes.
    ///
    /// # Errors
    /// A payload over 16,256 bytes, no parts, or a part beyond them.
    pub fn large(head: Head, fields: &Fields, payload: &[u8]) -> Result<Self, Malformed> {
        let mut frame = Self::with(LARGE_FRAME, LARGE_HEADER, head, payload)?;
        frame.describe(fields);
        Ok(frame)
    }

    /// A frame of 16,384 bytes made of an envelope where it lies.
    ///
    /// # Errors
    /// No parts, or a part beyond them.
    pub fn carrying(head: Head, fields: &Fields, envelope: Envelope) -> Result<Self, Malformed> {
        if head.part >= head.parts {
            return Err(Malformed("frame"));
        }
        let mut frame = Self { bytes: envelope.into_buffer() };
        frame.put(0, &[0; LARGE_HEADER]);
        frame.address(head);
        frame.put(12, &(ENVELOPE as u32).to_be_bytes());
        frame.describe(fields);
        Ok(frame)
    }

    /// Checks the plaintext of a transport message.
    ///
    /// # Errors
    /// Another size than 512 or 16,384 bytes, or anything else that section 12.1 does not allow.
    pub fn from_plain(bytes: Box<[u8]>) -> Result<Self, Malformed> {
        if bytes.len() != SMALL_FRAME && bytes.len() != LARGE_FRAME {
            return Err(Malformed("frame"));
        }
        let frame = Self { bytes };
        if frame.well_formed() { Ok(frame) } else { Err(Malformed("frame")) }
    }

    /// The bytes to encrypt.
    #[must_use]
    pub fn as_plain(&self) -> &[u8] {
        &self.bytes
    }

    /// The header.
    #[must_use]
    pub fn head(&self) -> Head {
        Head {
            kind: self.array::<1>(0)[0],
            request: u16::from_be_bytes(self.array(2)),
            part: u32::from_be_bytes(self.array(4)),
            parts: u32::from_be_bytes(self.array(8)),
        }
    }

    /// Whether this is a frame of 16,384 bytes.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.bytes.len() == LARGE_FRAME
    }

    /// The payload, without its padding.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.split().0
    }

    /// What a large header has beyond [`Head`]; all zero in a small frame.
    #[must_use]
    pub fn fields(&self) -> Fields {
        if !self.is_large() {
            return Fields::NONE;
        }
        Fields {
            id: EnvelopeId(self.array(16)),
            kind: EnvelopeKind::from_byte(self.array::<1>(32)[0]),
            present: self.array::<1>(33) == [1],
            postage: Postage {
                effort: u32::from_be_bytes(self.array(36)),
                nonce: self.array::<POSTAGE_NONCE>(72),
                solution: self.array::<POSTAGE_SOLUTION>(88),
            },
            burn_hash: self.array(40),
        }
    }

    /// The whole envelope that a large frame carries; `None` if its payload is shorter.
    pub(crate) fn envelope(&self) -> Option<&[u8; ENVELOPE]> {
        self.payload().try_into().ok()
    }

    /// The same, where it lies in the frame.
    pub(crate) fn into_envelope(self) -> Option<Envelope> {
        self.envelope()?;
        Envelope::from_buffer(self.bytes).ok()
    }

    fn describe(&mut self, fields: &Fields) {
        self.put(16, fields.id.as_bytes());
        self.put(32, &[fields.kind.map_or(0, EnvelopeKind::byte), u8::from(fields.present)]);
        self.put(36, &fields.postage.effort.to_be_bytes());
        self.put(40, &fields.burn_hash);
        self.put(72, &fields.postage.nonce);
        self.put(88, &fields.postage.solution);
    }

    /// Puts the frame in its place among the messages of its direction.
    pub(crate) fn address(&mut self, head: Head) {
        self.put(0, &[head.kind, 0]);
        self.put(2, &head.request.to_be_bytes());
        self.put(4, &head.part.to_be_bytes());
        self.put(8, &head.parts.to_be_bytes());
    }

    fn with(size: usize, header: usize, head: Head, payload: &[u8]) -> Result<Self, Malformed> {
        if payload.len() > size - header || head.part >= head.parts {
            return Err(Malformed("frame"));
        }
        let mut bytes = Vec::with_capacity(size);
        bytes.resize(header, 0);
        append(&mut bytes, payload);
        bytes.resize(size, 0);
        let mut frame = Self { bytes: bytes.into() };
        frame.address(head);
        // At most 16,256, checked above.
        frame.put(12, &(payload.len() as u32).to_be_bytes());
        Ok(frame)
    }

    fn well_formed(&self) -> bool {
        let head = self.head();
        let (payload, padding) = self.split();
        let large = !self.is_large()
            || (self.array::<1>(32)[0] <= 2
                && self.array::<1>(33)[0] <= 1
                && all_zero(&self.array::<2>(34))
                && all_zero(&self.array::<24>(104)));
        self.array::<1>(1) == [0]
            && head.part < head.parts
            && payload.len() as u64 == u64::from(self.length())
            && all_zero(padding)
            && large
    }

    fn length(&self) -> u32 {
        u32::from_be_bytes(self.array(12))
    }

    /// The payload and its padding; a length that is too large (only before the check) counts as the whole.
    fn split(&self) -> (&[u8], &[u8]) {
        let header = if self.is_large() { LARGE_HEADER } else { SMALL_HEADER };
        let body = self.bytes.get(header..).unwrap_or(&[]);
        let length = usize::try_from(self.length()).unwrap_or(usize::MAX);
        body.split_at_checked(length).unwrap_or((body, &[]))
    }

    /// `N` bytes at an offset of the header: constants of this file, within the header of the frame's size.
    fn array<const N: usize>(&self, offset: usize) -> [u8; N] {
        self.bytes.get(offset..).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or([0; N])
    }

    fn put(&mut self, offset: usize, bytes: &[u8]) {
        if let Some(place) = self.bytes.get_mut(offset..offset + bytes.len()) {
            copy(place, bytes);
        }
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame({} bytes)", self.bytes.len())
    }
}

/// Whether all bytes are zero, without a branch per byte.
pub(crate) fn all_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |or, byte| or | byte) == 0
}

const _: () = assert!(SMALL_PAYLOAD == SMALL_FRAME - SMALL_HEADER && ENVELOPE == LARGE_FRAME - LARGE_HEADER);
