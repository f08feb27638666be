//! What people say to each other: the messages inside letters (protocol, section 7).

mod extensions;
mod fields;
mod manifest;
mod name;
mod wire;

pub use fields::{Answers, Event, Language, MessageText, SequenceNumber};
pub use manifest::{FileName, FileSize, Manifest, MediaType};
pub use name::LetterName;

use crate::cbor::{List, Malformed, to_secret_vec};
use crate::ids::Hash;
use crate::time::Day;
use zeroize::Zeroizing;

/// A message of any kind.
#[derive(PartialEq, Eq)]
pub enum Message {
    /// From a source to a desk.
    Testimony(Testimony),
    /// From a seat to a source.
    Reply(Reply),
    /// From a seat to a source: it has opened these letters.
    Receipt(Receipt),
    /// From a seat to the other seats of its desk.
    TeamEvent(TeamEvent),
    /// Says nothing; it looks like all others from outside.
    Cover,
}

/// What a source reports.
#[derive(PartialEq, Eq)]
pub struct Testimony {
    /// The text.
    pub text: MessageText,
    /// The day of the note under which it was sealed.
    pub day: Day,
    /// The language of the text, if the sender knows it.
    pub language: Option<Language>,
    /// The files that belong to it.
    pub manifests: List<Manifest, 0, 16>,
    /// A form that was filled in.
    pub form: Option<Form>,
}

/// A form that a source filled in.
#[derive(PartialEq, Eq)]
pub struct Form {
    /// SHA-256 of the form.
    pub form: Hash,
    /// The answers, as the form's own definition says.
    pub answers: Answers,
}

/// What a seat answers. It never quotes testimony.
#[derive(PartialEq, Eq)]
pub struct Reply {
    /// The text.
    pub text: MessageText,
    /// The day of writing.
    pub day: Day,
    /// Counts the replies and receipts of this seat to this source, from 1.
    pub number: SequenceNumber,
    /// Testimony that the seat has opened.
    pub receipts: List<LetterName, 0, 64>,
}

/// Tells a source that its letters were opened.
#[derive(PartialEq, Eq)]
pub struct Receipt {
    /// The day of writing.
    pub day: Day,
    /// Counts the replies and receipts of this seat to this source, from 1.
    pub number: SequenceNumber,
    /// Testimony that the seat has opened.
    pub receipts: List<LetterName, 1, 64>,
}

/// Something that one seat tells the others; the staff programs define it.
#[derive(PartialEq, Eq)]
pub struct TeamEvent {
    /// The day of writing.
    pub day: Day,
    /// The event.
    pub event: Event,
}

impl Message {
    /// The deterministic CBOR encoding (CDDL `message`).
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        to_secret_vec(self)
    }

    /// Decodes a message; extension keys (64 and above) are dropped.
    ///
    /// # Errors
    /// An unknown kind or key, a field that is missing or does not belong to the kind, a value outside its limits, or
    /// another encoding than the deterministic one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        wire::read(bytes).ok_or(Malformed("message"))
    }

    /// Whether sources send this kind; the others come from seats.
    #[must_use]
    pub const fn is_from_source(&self) -> bool {
        match self {
            Self::Testimony(_) | Self::Cover => true,
            Self::Reply(_) | Self::Receipt(_) | Self::TeamEvent(_) => false,
        }
    }
}

/// Messages are never shown where a log could see them.
macro_rules! debug_shows_nothing {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}
use debug_shows_nothing;
debug_shows_nothing!(Message, Testimony, Form, Reply, Receipt, TeamEvent);

#[cfg(test)]
pub(crate) mod tests;
