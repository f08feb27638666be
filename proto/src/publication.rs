//! Signed statements on their way to the relay and back (protocol, section 12.2). They are bytes here, bounded and
//! unverified; whoever takes them out verifies them.

use crate::cbor::{Bytes, List, Malformed, from_slice, to_vec};
use crate::sizes::{DIRECTORY_MAX, NOTE_MAX, PUBLICATION_MAX, ROSTER_MAX, SEAT_STATEMENT_MAX, STATEMENTS_MAX};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// A roster statement, not verified.
pub type RosterBytes = Bytes<ROSTER_MAX>;
/// A seat key or prekey statement, not verified.
pub type SeatStatementBytes = Bytes<SEAT_STATEMENT_MAX>;
/// A note statement, not verified.
pub type NoteBytes = Bytes<NOTE_MAX>;
/// A directory, not verified.
pub type DirectoryBytes = Bytes<DIRECTORY_MAX>;

// Every item has a byte of its own at least, so a list within its structure's size cannot be longer.
const ANY: usize = STATEMENTS_MAX;

/// What one request publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Publication {
    /// A roster.
    Roster(RosterBytes),
    /// Seat keys and prekeys of seats, in any order.
    SeatStatements(List<SeatStatementBytes, 1, 16>),
    /// A note, with the directory it names unless the relay holds that one.
    Note(NoteBytes, Option<DirectoryBytes>),
}

impl Publication {
    /// Reads a publication of at most `max` bytes.
    ///
    /// # Errors
    /// Not the deterministic encoding of CDDL `publication`.
    pub fn from_bytes(bytes: &[u8], max: usize) -> Result<Self, Malformed> {
        from_slice("publication", bytes, max.min(PUBLICATION_MAX))
    }

    /// CDDL `publication`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        to_vec(self)
    }
}

impl<C> Encode<C> for Publication {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Roster(roster) => e.array(2)?.u8(1)?.encode_with(roster, ctx)?.ok(),
            Self::SeatStatements(statements) => e.array(2)?.u8(2)?.encode_with(statements, ctx)?.ok(),
            Self::Note(note, directory) => e.array(3)?.u8(3)?.encode_with(note, ctx)?.encode_with(directory, ctx)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Publication {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        match (d.array()?, d.u8()?) {
            (Some(2), 1) => Ok(Self::Roster(d.decode_with(ctx)?)),
            (Some(2), 2) => Ok(Self::SeatStatements(d.decode_with(ctx)?)),
            (Some(3), 3) => Ok(Self::Note(d.decode_with(ctx)?, d.decode_with(ctx)?)),
            _ => Err(decode::Error::message("not a publication")),
        }
    }
}

/// What is published and valid, as the relay tells couriers and seats.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Statements {
    /// The roster, if one has been published.
    #[n(0)]
    pub roster: Option<RosterBytes>,
    /// Seat keys.
    #[n(1)]
    pub seat_keys: List<SeatStatementBytes, 0, ANY>,
    /// Prekeys.
    #[n(2)]
    pub prekeys: List<SeatStatementBytes, 0, ANY>,
}

/// Notes, as the relay tells couriers and seats.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Notes {
    /// Notes that have enough signatures.
    #[n(0)]
    pub valid: List<NoteBytes, 0, ANY>,
    /// Notes that wait for the signature of another courier.
    #[n(1)]
    pub proposed: List<NoteBytes, 0, ANY>,
}

macro_rules! from_and_to_bytes {
    ($($name:ident $what:literal),*) => {$(
        impl $name {
            /// Reads at most [`STATEMENTS_MAX`] bytes.
            ///
            /// # Errors
            #[doc = concat!("Not the deterministic encoding of CDDL `", $what, "`.")]
            pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
                from_slice($what, bytes, STATEMENTS_MAX)
            }

            #[doc = concat!("CDDL `", $what, "`.")]
            #[must_use]
            pub fn to_bytes(&self) -> Vec<u8> {
                to_vec(self)
            }
        }
    )*};
}
from_and_to_bytes!(Statements "statements", Notes "notes");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizes::SEAT_PUBLICATION_MAX;
    use proptest::prelude::*;

    fn seat(size: usize) -> SeatStatementBytes {
        Bytes::new(vec![1; size]).unwrap()
    }

    fn roundtrip(publication: &Publication, max: usize) -> Result<Publication, Malformed> {
        Publication::from_bytes(&publication.to_bytes(), max)
    }

    #[test]
    fn the_largest_publications_fit_their_limits_and_are_refused_beyond() {
        let roster = Publication::Roster(Bytes::new(vec![1; ROSTER_MAX]).unwrap());
        let seats = Publication::SeatStatements(List::new(vec![seat(SEAT_STATEMENT_MAX); 16]).unwrap());
        let note = Bytes::new(vec![1; NOTE_MAX]).unwrap();
        let directory = Bytes::new(vec![1; DIRECTORY_MAX]).unwrap();
        let note = Publication::Note(note, Some(directory));
        for small in [&roster, &seats] {
            assert_eq!(&roundtrip(small, SEAT_PUBLICATION_MAX).unwrap(), small);
        }
        assert_eq!(&roundtrip(&note, PUBLICATION_MAX).unwrap(), &note);
        assert!(roundtrip(&note, SEAT_PUBLICATION_MAX).is_err());
        assert!(roundtrip(&note, usize::MAX).is_ok());
    }

    #[test]
    fn a_note_may_come_without_its_directory() {
        let note = Publication::Note(Bytes::new([1]).unwrap(), None);
        assert_eq!(note.to_bytes(), [0x83, 3, 0x41, 1, 0xf6]);
        assert_eq!(roundtrip(&note, 10), Ok(note));
    }

    #[test]
    fn other_shapes_are_refused() {
        let bad: [&[u8]; 9] = [
            &[],
            &[0x82, 0, 0x41, 1],
            &[0x82, 4, 0x41, 1],
            &[0x83, 1, 0x41, 1, 0xf6],
            &[0x82, 3, 0x41, 1],
            &[0x82, 2, 0x80],
            &[0x9f, 1, 0x41, 1, 0xff],
            &[0x82, 0x18, 1, 0x41, 1],
            &[0x82, 1, 0x58, 1, 1],
        ];
        for bytes in bad {
            assert!(Publication::from_bytes(bytes, PUBLICATION_MAX).is_err(), "{bytes:?}");
        }
        let too_many = [&[0x82, 2, 0x91][..], &[0x41; 34]].concat();
        assert!(Publication::from_bytes(&too_many, PUBLICATION_MAX).is_err());
        assert!(Publication::from_bytes(&[0x82, 1, 0x41, 1], PUBLICATION_MAX).is_ok());
    }

    #[test]
    fn a_statement_over_its_limit_is_refused() {
        let list = |item: &[u8]| [&[0x83, 0xf6, 0x81][..], item, &[0x80]].concat();
        let item = |size: usize| [&[0x59][..], &(size as u16).to_be_bytes(), &vec![0; size]].concat();
        assert!(Statements::from_bytes(&list(&item(2_048))).is_ok());
        assert!(Statements::from_bytes(&list(&item(2_049))).is_err());
    }

    #[test]
    fn a_list_that_only_claims_to_be_long_is_refused_without_memory_for_it() {
        assert!(Notes::from_bytes(&[0x82, 0x9a, 0, 0x7f, 0xff, 0xff, 0x80]).is_err());
        assert!(Notes::from_bytes(&[0x82, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
    }

    proptest! {
        #[test]
        fn statements_and_notes_survive_their_encoding(
            roster in prop::option::of(prop::collection::vec(any::<u8>(), 0..50)),
            items in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..9),
        ) {
            let roster = roster.map(|bytes| Bytes::new(bytes).unwrap());
            let seats: Vec<SeatStatementBytes> = items.iter().map(|i| Bytes::new(i.clone()).unwrap()).collect();
            let (a, b) = seats.split_at(seats.len() / 2);
            let list = |items: &[SeatStatementBytes]| List::new(items.to_vec()).unwrap();
            let statements = Statements { roster, seat_keys: list(a), prekeys: list(b) };
            prop_assert_eq!(Statements::from_bytes(&statements.to_bytes()), Ok(statements));
            let all: Vec<NoteBytes> = items.into_iter().map(|i| Bytes::new(i).unwrap()).collect();
            let notes = Notes { valid: List::new(all.clone()).unwrap(), proposed: List::new(all).unwrap() };
            prop_assert_eq!(Notes::from_bytes(&notes.to_bytes()), Ok(notes));
        }

        #[test]
        fn any_bytes_are_refused_or_are_the_encoding_of_what_they_say(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(publication) = Publication::from_bytes(&bytes, PUBLICATION_MAX) {
                prop_assert_eq!(publication.to_bytes(), &bytes[..]);
            }
            if let Ok(notes) = Notes::from_bytes(&bytes) {
                prop_assert_eq!(notes.to_bytes(), &bytes[..]);
            }
        }
    }
}
