//! What a visit found out, in terms of the person.

use super::DirectoryFile;
use cssr_proto::letter::OpenError;
use cssr_proto::message::LetterName;
use cssr_proto::wire_error::WireError;
use cssr_proto::{Day, DeskNumber, SeatNumber};

/// What became of one letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The desk it was for; unknown for a letter of a bundle.
    pub desk: Option<DeskNumber>,
    /// Its name: two words that receipts use for it.
    pub name: LetterName,
    /// Whether the relay said that it is on disk, or what it said instead. That the relay says so proves nothing; a
    /// receipt does.
    pub stored: Result<(), WireError>,
    /// Seats of the desk that cannot read it, since they have published no current key.
    pub mute: Vec<SeatNumber>,
}

/// A reply or receipt.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The desk it came from.
    pub desk: DeskNumber,
    /// The seat that wrote it.
    pub seat: SeatNumber,
    /// That seat's label in the roster.
    pub label: String,
    /// The day it was written, as the seat says.
    pub day: Day,
    /// Its number among what this seat has sent to this source, from 1.
    pub number: u32,
    /// Letters that the seat has opened.
    pub receipts: Vec<LetterName>,
    /// The text; `None` if it is a receipt only.
    pub text: Option<String>,
}

/// A reply without its text, for logs.
impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reply(..)")
    }
}

/// Something found under one of the person's clues that is not a reply they can trust.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doubt {
    /// It does not open, or not as what it should be.
    Unreadable(OpenError),
    /// The relay lists a letter but did not hand it out.
    Withheld,
    /// Listed on a day on which it must have expired: an old reply shown again.
    Replayed {
        /// The day it says it was written.
        written: Day,
        /// The day it is listed under.
        listed: Day,
    },
    /// Another address of the card led to a relay that shows what the office did not sign, or asks for too much. Nothing of
    /// the person was sent there; this is why.
    OtherRelay(String),
    /// Two different replies of one seat bear the same number.
    SameNumber {
        /// The desk of that seat.
        desk: DeskNumber,
        /// The seat.
        seat: SeatNumber,
        /// The number.
        number: u32,
    },
}

/// The outcome of a visit.
#[derive(Debug, Default)]
pub struct Report {
    /// One for each draft, in order.
    pub sent: Vec<Delivery>,
    /// What was found and could be trusted, by day and number.
    pub replies: Vec<Reply>,
    /// What was found and could not.
    pub doubts: Vec<Doubt>,
    /// How many groups with possible replies there were room for no longer; look again with `skip`.
    pub unfetched: usize,
    /// Numbers missing between replies of one seat that were read: they did not arrive, have expired, or are unfetched.
    pub gaps: Vec<Gap>,
    /// The day of the office's note: "the office confirmed its keys on".
    pub confirmed: Option<Day>,
    /// The office's notice to sources.
    pub notice: Option<String>,
    /// The desks that one can write to.
    pub desks: Vec<DeskName>,
    /// The directory and the note, as they came, for sealing without a connection later.
    pub directory: Option<DirectoryFile>,
}

/// Missing numbers of one seat's replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The seat's desk.
    pub desk: DeskNumber,
    /// The seat.
    pub seat: SeatNumber,
    /// How many numbers are missing between the lowest and the highest read.
    pub missing: u32,
}

/// A desk of the office, for the person to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskName {
    /// Its number.
    pub number: DeskNumber,
    /// Its name in the roster.
    pub name: String,
}
