//! What goes into a store and comes out of it.

use cssr_proto::frame::EnvelopeKind as Kind;
use cssr_proto::parcel::BurnHash;
use cssr_proto::sizes::DIRECTORY_MAX;
use cssr_proto::{Day, Envelope, EnvelopeId};

/// Ids in one [`get`](super::Store::get), and letters in one [`letters`](super::Store::letters), at most: a megabyte.
pub const GET_MAX: usize = 64;
/// Bytes of a statement at most: the largest is a directory.
pub const STATEMENT_MAX: usize = DIRECTORY_MAX;

/// An envelope to be stored.
#[derive(Clone)]
pub struct Put {
    /// The day of arrival.
    pub day: Day,
    /// Letter or chunk.
    pub kind: Kind,
    /// Its id, unique over both kinds.
    pub id: EnvelopeId,
    /// For chunks: who may burn it. `None` for letters.
    pub burn: Option<BurnHash>,
    /// Its bytes.
    pub envelope: Envelope,
}

impl Put {
    /// Whether both put the same thing; the day does not count.
    pub(super) fn same_content(&self, other: &Self) -> bool {
        self.kind == other.kind && self.id == other.id && self.burn == other.burn && self.envelope == other.envelope
    }

    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.kind == Kind::Letter && self.burn.is_some() {
            return Err(StoreError::Misuse("a letter cannot be burned"));
        }
        if self.day < Day::FIRST {
            return Err(StoreError::Misuse("there is no such day"));
        }
        Ok(())
    }
}

impl std::fmt::Debug for Put {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { day, kind, id: _, burn: _, envelope: _ } = self;
        f.debug_struct("Put").field("day", day).field("kind", kind).finish_non_exhaustive()
    }
}

/// What became of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// It was new, and is stored.
    Stored,
    /// The same was there, and is stored.
    Already,
    /// The id is taken by something else, or was burned.
    Conflict,
    /// The quota of this kind is used up.
    Full,
}

/// What became of a burn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BurnOutcome {
    /// The chunk is gone.
    Burned,
    /// The key does not fit, or it is a letter.
    Refused,
    /// There is no such envelope.
    Absent,
}

/// Envelopes of one day that wait to be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Their day.
    pub day: Day,
    /// How many.
    pub count: usize,
}

/// How many days an envelope stays after the day of its arrival, by kind (the roster's policy).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lives {
    /// `letter_days`.
    pub letters: u32,
    /// `chunk_days`.
    pub chunks: u32,
}

impl Lives {
    pub(crate) const fn of(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Letter => self.letters,
            Kind::Chunk => self.chunks,
        }
    }
}

/// How many ids may be known at once, by kind, so that chunks cannot starve letters. A burned chunk counts until its
/// day expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Letters.
    pub letters: u64,
    /// Chunks.
    pub chunks: u64,
}

impl Quotas {
    pub(crate) const fn of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Letter => self.letters,
            Kind::Chunk => self.chunks,
        }
    }
}

impl Default for Quotas {
    /// 100,000 letters and 500,000 chunks: 9.2 GiB of disk and 48 MB of memory.
    fn default() -> Self {
        Self { letters: 100_000, chunks: 500_000 }
    }
}

/// The kinds of statement that a store keeps apart. To the store they are bytes; they are public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shelf {
    /// Rosters.
    Rosters,
    /// Seat keys and prekeys.
    Seats,
    /// Valid notes.
    Notes,
    /// Notes that want signatures.
    ProposedNotes,
    /// Directories that notes name.
    Directories,
}

impl Shelf {
    pub(super) const ALL: [Self; 5] = [Self::Rosters, Self::Seats, Self::Notes, Self::ProposedNotes, Self::Directories];

    pub(crate) const fn folder(self) -> &'static str {
        match self {
            Self::Rosters => "rosters",
            Self::Seats => "seats",
            Self::Notes => "notes",
            Self::ProposedNotes => "proposed-notes",
            Self::Directories => "directories",
        }
    }
}

/// The name of a statement: 1 to 100 of `a-z`, `0-9` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatementName(String);

/// Text that does not name a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a statement's name")]
pub struct BadName;

impl StatementName {
    /// Takes a name.
    ///
    /// # Errors
    /// Empty, too long, or with other characters.
    pub fn new(name: impl Into<String>) -> Result<Self, BadName> {
        let name = name.into();
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.is_empty() || name.len() > 100 || !name.bytes().all(allowed) {
            return Err(BadName);
        }
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a verb failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The caller broke the contract.
    #[error("the store was asked for something it does not do: {0}")]
    Misuse(&'static str),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// A write could not be made durable. The text says what failed, for the operator.
    #[error("the store acknowledges nothing any more, because {0}; mend that, then restart the relay")]
    Failed(String),
    /// There is no space on the disk for this. Nothing was changed, and it may be tried again.
    #[error("the disk is full; make room, nothing else need be done")]
    NoSpace,
    /// Something that was stored cannot be read back; the store goes on.
    #[error("a stored record cannot be read: {0}")]
    Unreadable(String),
}

/// The limit of one read.
pub(super) const fn at_most(count: usize) -> Result<(), StoreError> {
    if count > GET_MAX { Err(StoreError::Misuse("more envelopes at once than it returns")) } else { Ok(()) }
}

/// The limit of a statement.
pub(super) const fn check_statement(bytes: &[u8]) -> Result<(), StoreError> {
    if bytes.len() > STATEMENT_MAX { Err(StoreError::Misuse("a statement longer than any")) } else { Ok(()) }
}
