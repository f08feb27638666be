//! Messages of several frames.

use super::{Fields, Frame, Head};
use crate::cbor::Malformed;
use crate::sizes::ENVELOPE;

/// Why frames do not make a message. The sender is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssemblyError {
    /// A part other than the next one, or one after the last.
    #[error("a part out of order")]
    OutOfOrder,
    /// The number of parts changed on the way.
    #[error("the number of parts changed")]
    WrongParts,
    /// A frame of another message in between.
    #[error("a frame of another message in between")]
    Foreign,
    /// More parts than the message may have.
    #[error("message too large")]
    Oversize,
    /// A small frame, a part that is not full although others follow, or an empty one after others.
    #[error("a part of the wrong size")]
    WrongSize,
}

/// Checks that frames are the consecutive parts of one message.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    first: Option<Head>,
    next: u32,
}

impl Sequence {
    /// Takes the next part and tells whether it is the last one.
    pub(crate) fn accept(&mut self, head: Head) -> Result<bool, AssemblyError> {
        let first = self.first.unwrap_or(head);
        if (head.kind, head.request) != (first.kind, first.request) {
            return Err(AssemblyError::Foreign);
        }
        if head.parts != first.parts {
            return Err(AssemblyError::WrongParts);
        }
        if head.part != self.next || head.part >= head.parts {
            return Err(AssemblyError::OutOfOrder);
        }
        self.first = Some(first);
        // Cannot overflow: `part < parts`.
        self.next = head.part + 1;
        Ok(self.next == head.parts)
    }
}

/// Rebuilds a message of bytes from its large frames: 16,256 bytes each, the rest in the last one.
///
/// It holds what has come, never what the sender only says is coming.
#[derive(Debug)]
pub struct Assembler {
    max: usize,
    sequence: Sequence,
    bytes: Vec<u8>,
}

impl Assembler {
    /// For one message of at most `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { max, sequence: Sequence::default(), bytes: Vec::new() }
    }

    /// Takes the next frame; gives the message when it was the last one.
    ///
    /// # Errors
    /// See [`AssemblyError`]. Nothing can be made of the message then.
    pub fn push(&mut self, frame: &Frame) -> Result<Option<Vec<u8>>, AssemblyError> {
        let head = frame.head();
        if u64::from(head.parts) > parts(self.max) {
            return Err(AssemblyError::Oversize);
        }
        let (payload, last) = (frame.payload(), head.part.checked_add(1) == Some(head.parts));
        let fits = if last { head.part == 0 || !payload.is_empty() } else { payload.len() == ENVELOPE };
        if !frame.is_large() || !fits {
            return Err(AssemblyError::WrongSize);
        }
        if self.bytes.len() + payload.len() > self.max {
            return Err(AssemblyError::Oversize);
        }
        let last = self.sequence.accept(head)?;
        self.bytes.extend_from_slice(payload);
        Ok(last.then(|| std::mem::take(&mut self.bytes)))
    }

    /// How many bytes it holds.
    #[must_use]
    pub fn held(&self) -> usize {
        self.bytes.len()
    }
}

/// Cuts a message into large frames, all with the same `fields`.
///
/// # Errors
/// More than 2^32 - 1 frames.
pub fn cut<'a>(
    kind: u8,
    request: u16,
    fields: Fields,
    bytes: &'a [u8],
) -> Result<impl Iterator<Item = Frame> + use<'a>, Malformed> {
    let parts = u32::try_from(parts(bytes.len())).map_err(|_| Malformed("message"))?;
    // An empty message is one frame without a payload, but `chunks` of nothing are none.
    let empty = bytes.is_empty().then_some(bytes);
    let pieces = bytes.chunks(ENVELOPE).chain(empty);
    Ok(pieces.zip(0..parts).filter_map(move |(piece, part)| {
        // Never an error: a piece fits its frame, and every part is below `parts`.
        Frame::large(Head { kind, request, part, parts }, &fields, piece).ok()
    }))
}

fn parts(bytes: usize) -> u64 {
    bytes.div_ceil(ENVELOPE).max(1) as u64
}

/// The payload of a message that must be one small frame.
pub(crate) fn single(frame: &Frame) -> Result<&[u8], Malformed> {
    let head = frame.head();
    if frame.is_large() || head.part != 0 || head.parts != 1 {
        return Err(Malformed("frame"));
    }
    Ok(frame.payload())
}

/// Whether a large frame has none of the fields of an envelope and no payload.
pub(crate) fn is_absent(frame: &Frame) -> bool {
    frame.is_large() && frame.fields() == Fields::NONE && frame.payload().is_empty()
}
