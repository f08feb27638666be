//! Requests (protocol, section 12.2): what a client asks, as frames and back.

mod reader;
#[cfg(test)]
mod tests;

pub use reader::{RequestError, RequestReader};

use crate::cbor::{List, Malformed};
use crate::envelope::Envelope;
use crate::frame::{EnvelopeFrame, EnvelopeKind, Fields, Frame, Head, cut};
use crate::ids::{CourierNumber, EnvelopeId, Hash};
use crate::index::Group;
use crate::postage::Postage;
use crate::publication::Publication;
use crate::sizes::{ENVELOPE, HASH, SIGNATURE};
use crate::time::Day;

/// Ids that one `have` asks for at most.
pub const HAVE_MAX: usize = 31;
/// What turns the kind of a request into the kind of its answer.
pub(crate) const ANSWER_BIT: u8 = 0x80;

/// The kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum RequestKind {
    /// The directory that the newest valid note names.
    Directory = 0x01,
    /// The newest valid note.
    Note = 0x02,
    /// The index of a day.
    Index = 0x03,
    /// A group of letters.
    Group = 0x04,
    /// Post a letter or a chunk.
    Post = 0x05,
    /// Which chunks are there.
    Have = 0x06,
    /// Fetch a chunk.
    Fetch = 0x07,
    /// Burn a chunk.
    Burn = 0x08,
    /// Publish statements.
    Publish = 0x09,
    /// The statements that are published and valid.
    Statements = 0x0a,
    /// The notes.
    Notes = 0x0b,
    /// Become a courier session.
    Courier = 0x0c,
    /// All batches from given ones on.
    Drain = 0x0d,
    /// All batches from given ones on, and the coming ones.
    Watch = 0x0e,
    /// A directory by its hash.
    DirectoryByHash = 0x0f,
}

impl RequestKind {
    /// All of them, by number.
    pub const ALL: [Self; 15] = [
        Self::Directory,
        Self::Note,
        Self::Index,
        Self::Group,
        Self::Post,
        Self::Have,
        Self::Fetch,
        Self::Burn,
        Self::Publish,
        Self::Statements,
        Self::Notes,
        Self::Courier,
        Self::Drain,
        Self::Watch,
        Self::DirectoryByHash,
    ];

    /// The byte on the wire.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// The kind with this byte.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.byte() == byte)
    }

    pub(crate) const fn answer(self) -> u8 {
        self.byte() | ANSWER_BIT
    }
}

/// The name in the table of section 12.2.
impl std::fmt::Display for RequestKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Directory => "directory",
            Self::Note => "note",
            Self::Index => "index",
            Self::Group => "group",
            Self::Post => "post",
            Self::Have => "have",
            Self::Fetch => "fetch",
            Self::Burn => "burn",
            Self::Publish => "publish",
            Self::Statements => "statements",
            Self::Notes => "notes",
            Self::Courier => "courier",
            Self::Drain => "drain",
            Self::Watch => "watch",
            Self::DirectoryByHash => "directory by hash",
        })
    }
}

/// What a client asks. Its `Debug` shows the kind only.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// The directory that the newest valid note names.
    Directory,
    /// The newest valid note.
    Note,
    /// The index of a day.
    Index(Day),
    /// A group of letters.
    Group(Group),
    /// Post a letter or a chunk.
    Post(Post),
    /// Which of these chunks are there.
    Have(List<EnvelopeId, 1, HAVE_MAX>),
    /// Fetch a chunk.
    Fetch(EnvelopeId),
    /// Burn a chunk.
    Burn {
        /// The chunk.
        id: EnvelopeId,
        /// The key whose SHA-256 was posted with it.
        key: [u8; HASH],
    },
    /// Publish statements.
    Publish(Publication),
    /// The statements that are published and valid.
    Statements,
    /// The notes.
    Notes,
    /// Become a courier session.
    Courier {
        /// The courier's number in the roster.
        courier: CourierNumber,
        /// Its signature over the handshake hash (context `cssr1 courier session`).
        signature: [u8; SIGNATURE],
    },
    /// All batches from these on.
    Drain(NextBatches),
    /// All batches from these on, and the coming ones.
    Watch(NextBatches),
    /// A directory by its hash.
    DirectoryByHash(Hash),
}

/// The batches that a courier asks for, and those it may ask for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextBatches {
    /// The first batch of letters.
    pub letters: u64,
    /// The first batch of chunks.
    pub chunks: u64,
}

impl NextBatches {
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.letters) << 64 | u128::from(self.chunks)).to_be_bytes()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let both = u128::from_be_bytes(bytes.try_into().map_err(|_| Malformed("request"))?);
        // Both halves of 128 bits.
        Ok(Self { letters: (both >> 64) as u64, chunks: both as u64 })
    }
}

/// A letter or chunk to be posted, already in its frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post(EnvelopeFrame);

impl Post {
    /// A letter.
    #[must_use]
    pub fn letter(id: EnvelopeId, postage: Postage, envelope: &[u8; ENVELOPE]) -> Self {
        Self(EnvelopeFrame::new(EnvelopeKind::Letter, Fields { id, postage, ..Fields::NONE }, envelope))
    }

    /// A chunk, with the SHA-256 of the key that burns it.
    #[must_use]
    pub fn chunk(id: EnvelopeId, burn_hash: [u8; HASH], postage: Postage, envelope: &[u8; ENVELOPE]) -> Self {
        Self(EnvelopeFrame::new(EnvelopeKind::Chunk, Fields { id, postage, burn_hash, ..Fields::NONE }, envelope))
    }

    /// The envelope's id.
    #[must_use]
    pub const fn id(&self) -> &EnvelopeId {
        self.0.id()
    }

    /// Letter or chunk.
    #[must_use]
    pub const fn kind(&self) -> EnvelopeKind {
        self.0.kind()
    }

    /// The postage, not verified.
    #[must_use]
    pub const fn postage(&self) -> &Postage {
        &self.0.fields().postage
    }

    /// The SHA-256 of the key that burns it, if it is a chunk.
    #[must_use]
    pub const fn burn_hash(&self) -> Option<&[u8; HASH]> {
        match self.0.kind() {
            EnvelopeKind::Letter => None,
            EnvelopeKind::Chunk => Some(&self.0.fields().burn_hash),
        }
    }

    /// The envelope.
    #[must_use]
    pub fn envelope(&self) -> &[u8; ENVELOPE] {
        self.0.envelope()
    }

    /// The envelope, where it lies.
    #[must_use]
    pub fn into_envelope(self) -> Envelope {
        self.0.into_envelope()
    }

    fn read(frame: Frame) -> Result<Self, Malformed> {
        let (head, post) = (frame.head(), EnvelopeFrame::try_from(frame)?);
        let burn_hash_fits = post.kind() == EnvelopeKind::Chunk || post.fields().burn_hash == [0; HASH];
        if head.part != 0 || head.parts != 1 || post.fields().present || !burn_hash_fits {
            return Err(Malformed("post"));
        }
        Ok(Self(post))
    }
}

impl Request {
    /// What it asks for.
    #[must_use]
    pub const fn kind(&self) -> RequestKind {
        match self {
            Self::Directory => RequestKind::Directory,
            Self::Note => RequestKind::Note,
            Self::Index(_) => RequestKind::Index,
            Self::Group(_) => RequestKind::Group,
            Self::Post(_) => RequestKind::Post,
            Self::Have(_) => RequestKind::Have,
            Self::Fetch(_) => RequestKind::Fetch,
            Self::Burn { .. } => RequestKind::Burn,
            Self::Publish(_) => RequestKind::Publish,
            Self::Statements => RequestKind::Statements,
            Self::Notes => RequestKind::Notes,
            Self::Courier { .. } => RequestKind::Courier,
            Self::Drain(_) => RequestKind::Drain,
            Self::Watch(_) => RequestKind::Watch,
            Self::DirectoryByHash(_) => RequestKind::DirectoryByHash,
        }
    }

    /// The frames of the request, under a number that is chosen so that no unanswered request has it.
    #[must_use]
    pub fn into_frames(self, number: u16) -> Vec<Frame> {
        let head = Head::single(self.kind().byte(), number);
        let small = |payload: &[u8]| Frame::small(head, payload).map(|frame| vec![frame]);
        let frames = match self {
            Self::Directory | Self::Note | Self::Statements | Self::Notes => small(&[]),
            Self::Index(day) => small(&day.0.to_be_bytes()),
            Self::Group(group) => small(&[group.day.0.to_be_bytes(), group.number.to_be_bytes()].concat()),
            Self::Post(post) => Ok(vec![post.0.address(head)]),
            Self::Have(ids) => small(&ids.iter().flat_map(|id| id.0).collect::<Vec<u8>>()),
            Self::Fetch(id) => small(id.as_bytes()),
            Self::Burn { id, key } => small(&[id.as_bytes().as_slice(), &key].concat()),
            Self::Publish(publication) => {
                cut(head.kind, number, Fields::NONE, &publication.to_bytes()).map(Iterator::collect)
            }
            // A courier's number is below 256.
            Self::Courier { courier, signature } => small(&[&[courier.get() as u8][..], &signature].concat()),
            Self::Drain(from) | Self::Watch(from) => small(&from.to_bytes()),
            Self::DirectoryByHash(hash) => small(hash.as_bytes()),
        };
        #[expect(clippy::expect_used, reason = "every payload above is within the 496 bytes of a small frame")]
        frames.expect("a request fits its frames")
    }

    /// Reads a request of one frame, other than a publication.
    fn read(kind: RequestKind, frame: Frame) -> Result<Self, Malformed> {
        if kind == RequestKind::Post {
            return Post::read(frame).map(Self::Post);
        }
        let payload = crate::frame::single(&frame)?;
        match kind {
            RequestKind::Directory => empty(payload, Self::Directory),
            RequestKind::Note => empty(payload, Self::Note),
            RequestKind::Statements => empty(payload, Self::Statements),
            RequestKind::Notes => empty(payload, Self::Notes),
            RequestKind::Index => Ok(Self::Index(read_day(payload)?)),
            RequestKind::Group => {
                let (day, number) = payload.split_last_chunk().ok_or(Malformed("request"))?;
                Ok(Self::Group(Group { day: read_day(day)?, number: u32::from_be_bytes(*number) }))
            }
            RequestKind::Have => read_have(payload),
            RequestKind::Fetch => Ok(Self::Fetch(EnvelopeId(exact(payload)?))),
            RequestKind::Burn => {
                let (id, key) = payload.split_last_chunk().ok_or(Malformed("request"))?;
                Ok(Self::Burn { id: EnvelopeId(exact(id)?), key: *key })
            }
            RequestKind::Courier => {
                let (courier, signature) = payload.split_last_chunk().ok_or(Malformed("request"))?;
                let [courier] = exact(courier)?;
                Ok(Self::Courier { courier: CourierNumber::new(courier.into())?, signature: *signature })
            }
            RequestKind::Drain => Ok(Self::Drain(NextBatches::from_bytes(payload)?)),
            RequestKind::Watch => Ok(Self::Watch(NextBatches::from_bytes(payload)?)),
            RequestKind::DirectoryByHash => Ok(Self::DirectoryByHash(Hash(exact(payload)?))),
            RequestKind::Post | RequestKind::Publish => Err(Malformed("request")),
        }
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Request({:?})", self.kind())
    }
}

fn empty(payload: &[u8], request: Request) -> Result<Request, Malformed> {
    if payload.is_empty() { Ok(request) } else { Err(Malformed("request")) }
}

fn exact<const N: usize>(payload: &[u8]) -> Result<[u8; N], Malformed> {
    payload.try_into().map_err(|_| Malformed("request"))
}

fn read_day(payload: &[u8]) -> Result<Day, Malformed> {
    let day = Day(u32::from_be_bytes(exact(payload)?));
    if day < Day::FIRST { Err(Malformed("request")) } else { Ok(day) }
}

fn read_have(payload: &[u8]) -> Result<Request, Malformed> {
    let (ids, rest) = payload.as_chunks();
    if !rest.is_empty() {
        return Err(Malformed("request"));
    }
    List::new(ids.iter().copied().map(EnvelopeId).collect()).map(Request::Have)
}
