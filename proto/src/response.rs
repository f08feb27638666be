//! Answers (protocol, section 12.2): the relay writes them with [`Answer`], a client reads them with
//! [`ResponseReader`].

mod reader;
#[cfg(test)]
mod tests;

pub use reader::{Fault, Progress, ResponseError, ResponseReader};

use crate::cbor::Malformed;
use crate::envelope::Envelope;
use crate::frame::{EnvelopeFrame, EnvelopeKind, Fields, Frame, Head, cut};
use crate::ids::EnvelopeId;
use crate::index::{Batch, GroupSize, Index};
use crate::publication::{Notes, Statements};
use crate::request::{NextBatches, RequestKind};
use crate::wire_error::WireError;

/// An answer, or a piece of the answer to `drain` and `watch`. Its `Debug` shows no content.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Response {
    /// A directory: bytes, to be verified.
    Directory(Vec<u8>),
    /// A note: bytes, to be verified.
    Note(Vec<u8>),
    /// The index of the day that was asked for; [`Window::verify`](crate::index::Window::verify) checks it.
    Index(Index),
    /// The letters of a group by place; `None` where there is none.
    Group(Vec<Option<EnvelopeFrame>>),
    /// What was posted is on disk.
    Posted,
    /// Whether each chunk is there, in the order of the request.
    Have(Vec<bool>),
    /// The chunk that was asked for, if it is there.
    Chunk(Option<EnvelopeFrame>),
    /// The chunk is burned, now or before.
    Burned,
    /// The publication is accepted.
    Published,
    /// The statements: to be verified.
    Statements(Statements),
    /// The notes: to be verified.
    Notes(Notes),
    /// The session is a courier's.
    Courier,
    /// The directory with the hash that was asked for (to be checked), if the relay has it.
    DirectoryByHash(Option<Vec<u8>>),
    /// A batch; its envelopes follow.
    Batch(EnvelopeKind, Batch),
    /// The next envelope of the last batch.
    Envelope(Mirrored),
    /// All sealed batches were sent; where to go on.
    CaughtUp(NextBatches),
    /// The relay refuses, or cannot.
    Error(WireError),
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Self::Directory(_) => "Directory",
            Self::Note(_) => "Note",
            Self::Index(_) => "Index",
            Self::Group(_) => "Group",
            Self::Posted => "Posted",
            Self::Have(_) => "Have",
            Self::Chunk(_) => "Chunk",
            Self::Burned => "Burned",
            Self::Published => "Published",
            Self::Statements(_) => "Statements",
            Self::Notes(_) => "Notes",
            Self::Courier => "Courier",
            Self::DirectoryByHash(_) => "DirectoryByHash",
            Self::Batch(..) => "Batch",
            Self::Envelope(_) => "Envelope",
            Self::CaughtUp(_) => "CaughtUp",
            Self::Error(error) => return write!(f, "Response({error})"),
        };
        write!(f, "Response({name})")
    }
}

/// An envelope that a courier is given, in the order of its batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirrored {
    /// Its id, as the batch lists it.
    pub id: EnvelopeId,
    /// Letter or chunk.
    pub kind: EnvelopeKind,
    /// The envelope; `None` if it has been burned.
    pub frame: Option<EnvelopeFrame>,
}

/// An envelope that the relay holds, with its id.
pub type Held = (EnvelopeId, Envelope);

/// Writes the answer to one request.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    kind: u8,
    request: u16,
}

impl Answer {
    /// To the request with this kind and number.
    #[must_use]
    pub const fn to(kind: RequestKind, request: u16) -> Self {
        Self { kind: kind.answer(), request }
    }

    /// Bytes: a directory, a note, an index, statements, notes.
    ///
    /// # Errors
    /// More than fit 2^32 - 1 frames.
    pub fn bytes(self, bytes: &[u8]) -> Result<impl Iterator<Item = Frame> + use<'_>, Malformed> {
        cut(self.kind, self.request, Fields::NONE, bytes)
    }

    /// That it is done: the answer to `post`, `burn`, `publish`, `courier`.
    #[must_use]
    pub fn done(self) -> Frame {
        self.small(&[])
    }

    /// Whether each chunk is there.
    ///
    /// # Errors
    /// More than a small frame holds.
    pub fn have(self, present: &[bool]) -> Result<Frame, Malformed> {
        Frame::small(self.head(), &present.iter().copied().map(u8::from).collect::<Vec<u8>>())
    }

    /// The letter at `place` of a group, or that there is none. A group is `size` of these, in order.
    ///
    /// # Errors
    /// A place outside the group.
    pub fn letter(self, place: u32, size: GroupSize, letter: Option<Held>) -> Result<Frame, Malformed> {
        // A group has 16 letters at most.
        self.envelope(place, size.get() as u32, EnvelopeKind::Letter, letter)
    }

    /// A chunk, or that it is not there.
    ///
    /// # Errors
    /// None.
    pub fn chunk(self, chunk: Option<Held>) -> Result<Frame, Malformed> {
        self.envelope(0, 1, EnvelopeKind::Chunk, chunk)
    }

    /// A batch of `drain` or `watch`, encoded ([`Batch::to_bytes`]).
    ///
    /// # Errors
    /// More than fit 2^32 - 1 frames.
    pub fn batch(self, kind: EnvelopeKind, batch: &[u8]) -> Result<impl Iterator<Item = Frame> + use<'_>, Malformed> {
        cut(self.kind, self.request, Fields { kind: Some(kind), ..Fields::NONE }, batch)
    }

    /// The envelope at `place` of a batch that lists `count`, or that it has been burned. All `count` of them follow
    /// their batch, in order.
    ///
    /// # Errors
    /// A place outside the batch.
    pub fn batched(
        self,
        place: u32,
        count: u32,
        kind: EnvelopeKind,
        envelope: Option<Held>,
    ) -> Result<Frame, Malformed> {
        self.envelope(place, count, kind, envelope)
    }

    /// That all sealed batches have been sent, and which ones come next.
    #[must_use]
    pub fn caught_up(self, next: NextBatches) -> Frame {
        self.small(&next.to_bytes())
    }

    /// An error in place of an answer.
    #[must_use]
    pub fn error(self, error: WireError) -> Frame {
        error.frame(self.request)
    }

    const fn head(self) -> Head {
        Head::single(self.kind, self.request)
    }

    fn small(self, payload: &[u8]) -> Frame {
        #[expect(clippy::expect_used, reason = "called with 16 bytes at most, of 496")]
        Frame::small(self.head(), payload).expect("16 bytes fit a small frame")
    }

    fn envelope(self, part: u32, parts: u32, kind: EnvelopeKind, held: Option<Held>) -> Result<Frame, Malformed> {
        let head = Head { part, parts, ..self.head() };
        match held {
            None => Frame::large(head, &Fields::NONE, &[]),
            Some((id, envelope)) => {
                let fields = Fields { id, kind: Some(kind), present: true, ..Fields::NONE };
                Frame::carrying(head, &fields, envelope)
            }
        }
    }
}
