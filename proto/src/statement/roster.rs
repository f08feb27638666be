//! The roster (protocol, section 4.2): what the root says about the office.

mod rules;

pub use rules::RosterError;

use super::signed::{Payload, Role, Signed, SignedAs, Unverified};
use crate::card::{Addresses, Fingerprint, Lineage};
use crate::cbor::{List, Number, Text};
use crate::ids::{CourierNumber, DeskNumber, Hash, OfficeId, SeatNumber};
use crate::keys::{CourierPublicKey, RelayPublicKey, RootKey, SeatPublicKey};
use crate::labels::context;
use crate::sizes::{ROSTER_MAX, SEATS};
use crate::time::Day;
use minicbor::{Decode, Encode};

/// The name of a desk, seat or courier.
pub type Label = Text<1, 64>;
/// Rosters are numbered from 1.
pub type RosterNumber = Number<1, 4_294_967_295>;

/// CDDL `roster`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Roster {
    /// The office's name.
    #[n(0)]
    pub name: Text<1, 128>,
    /// All roots, the first one first.
    #[n(1)]
    pub lineage: Lineage,
    /// One more than the roster before.
    #[n(2)]
    pub number: RosterNumber,
    /// The first day of its validity.
    #[n(3)]
    pub issued: Day,
    /// The last day of its validity, at most 400 days later.
    #[n(4)]
    pub expires: Day,
    /// Hash of the roster before; none in number 1 only.
    #[n(5)]
    pub previous: Option<Hash>,
    /// The desks, by number.
    #[n(6)]
    pub desks: List<Desk, 1, 16>,
    /// The couriers, by number.
    #[n(7)]
    pub couriers: List<Courier, 0, 112>,
    /// The relay.
    #[n(8)]
    pub relay: Relay,
    /// How relay and programs behave.
    #[n(9)]
    pub policy: Policy,
    /// SHA-256 of the source page.
    #[n(10)]
    pub page: Option<Hash>,
    /// SHA-256 of the forms.
    #[n(11)]
    pub forms: Option<Hash>,
}

/// A team with its own inbox.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Desk {
    /// Its number in the office.
    #[n(0)]
    pub number: DeskNumber,
    /// Its name.
    #[n(1)]
    pub name: Label,
    /// Its seats, by number.
    #[n(2)]
    pub seats: List<Seat, 0, SEATS>,
}

/// A member of a desk.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Seat {
    /// Its number at the desk.
    #[n(0)]
    pub number: SeatNumber,
    /// Its name.
    #[n(1)]
    pub label: Label,
    /// What it signs its keys with.
    #[n(2)]
    pub signing_key: SeatPublicKey,
    /// The first day on which it counts.
    #[n(3)]
    pub from: Day,
    /// The last day on which it counts.
    #[n(4)]
    pub through: Day,
    /// Whether letters are sealed to it.
    #[n(5)]
    pub state: SeatState,
}

/// Whether letters are sealed to a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum SeatState {
    /// Letters are sealed to it.
    #[n(0)]
    Active,
    /// Its replies are still accepted; nothing is sealed to it any more.
    #[n(1)]
    Retired,
}

/// A machine that mirrors the relay for a seat and signs notes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Courier {
    /// Its number in the office.
    #[n(0)]
    pub number: CourierNumber,
    /// Its name.
    #[n(1)]
    pub label: Label,
    /// The desk of its seat.
    #[n(2)]
    pub desk: DeskNumber,
    /// Its seat.
    #[n(3)]
    pub seat: SeatNumber,
    /// What it signs notes with.
    #[n(4)]
    pub key: CourierPublicKey,
    /// The first day on which it counts.
    #[n(5)]
    pub from: Day,
    /// The last day on which it counts.
    #[n(6)]
    pub through: Day,
}

/// The relay's key and places.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Relay {
    /// Its static X25519 key.
    #[n(0)]
    pub key: RelayPublicKey,
    /// Where it is found.
    #[n(1)]
    pub addresses: Addresses,
}

/// How relay and programs behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Policy {
    /// Days that the relay keeps a letter.
    #[n(0)]
    pub letter_days: Number<1, 60>,
    /// Days that the relay keeps a chunk.
    #[n(1)]
    pub chunk_days: Number<1, 60>,
    /// Letters in a group.
    #[n(2)]
    pub group: Number<1, 16>,
    /// Days that a note counts.
    #[n(3)]
    pub note_days: Number<1, 14>,
    /// Rounds of a visit.
    #[n(4)]
    pub rounds: Number<1, 8>,
}

/// Why a courier is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CourierError {
    /// The roster does not list it (any more).
    #[error("the roster lists no courier {}", .0.get())]
    Unknown(CourierNumber),
    /// The day is not one of those on which it counts.
    #[error("courier {} does not count on that day", .0.get())]
    NotInForce(CourierNumber),
    /// The signature does not verify.
    #[error("the signature of courier {} does not verify", .0.get())]
    Signature(CourierNumber),
}

impl Payload for Roster {
    const WHAT: &'static str = "roster";
    const MAX: usize = ROSTER_MAX;
}

impl Seat {
    /// Whether it counts on a day.
    #[must_use]
    pub fn counts_on(&self, day: Day) -> bool {
        self.from <= day && day <= self.through
    }

    /// Whether letters are sealed to it on a day.
    #[must_use]
    pub fn is_active_on(&self, day: Day) -> bool {
        self.state == SeatState::Active && self.counts_on(day)
    }
}

impl Courier {
    /// Whether it counts on a day.
    #[must_use]
    pub fn counts_on(&self, day: Day) -> bool {
        self.from <= day && day <= self.through
    }
}

impl Policy {
    /// Whether its numbers fit each other.
    ///
    /// # Errors
    /// [`RosterError::NoteDays`].
    pub fn check(&self) -> Result<(), RosterError> {
        // A note's head must not expire while the note counts: the relay would seem to hide batches.
        if self.note_days() < self.letter_days() { Ok(()) } else { Err(RosterError::NoteDays) }
    }

    /// How far a note's day may lie from today.
    #[must_use]
    pub fn note_days(&self) -> u32 {
        days(self.note_days)
    }

    /// How long a letter stays: on the day of its arrival and as many after it.
    #[must_use]
    pub fn letter_days(&self) -> u32 {
        days(self.letter_days)
    }

    /// How long a chunk stays.
    #[must_use]
    pub fn chunk_days(&self) -> u32 {
        days(self.chunk_days)
    }
}

fn days<const MAX: u64>(number: Number<1, MAX>) -> u32 {
    // The type's limit lies far below.
    u32::try_from(number.get()).unwrap_or(u32::MAX)
}

impl Roster {
    /// Signs a roster with the current root.
    ///
    /// # Errors
    /// A rule that readers would refuse it for; or the key is not the current root's.
    pub fn sign(self, root: &RootKey) -> Result<Signed<Self>, RosterError> {
        let signed = Unverified::sign(self, 0, root, |roster, bytes| roster.signed_as().input(bytes))?;
        let card = signed.claims().lineage.current().fingerprint();
        signed.authenticate(card)
    }

    /// The office's name for ever: the fingerprint of its first card.
    #[must_use]
    pub fn office(&self) -> OfficeId {
        self.lineage.office()
    }

    /// Whether it is valid on a day.
    ///
    /// # Errors
    /// [`RosterError::NotYetIssued`] or [`RosterError::Expired`].
    pub fn check_day(&self, day: Day) -> Result<(), RosterError> {
        if day < self.issued {
            Err(RosterError::NotYetIssued { issued: self.issued })
        } else if day > self.expires {
            Err(RosterError::Expired { expires: self.expires })
        } else {
            Ok(())
        }
    }

    /// A desk by its number.
    #[must_use]
    pub fn desk(&self, number: DeskNumber) -> Option<&Desk> {
        self.desks.iter().find(|desk| desk.number == number)
    }

    /// A seat by its desk and number.
    #[must_use]
    pub fn seat(&self, desk: DeskNumber, seat: SeatNumber) -> Option<&Seat> {
        self.desk(desk)?.seats.iter().find(|listed| listed.number == seat)
    }

    /// Every seat with its desk's number, in order.
    pub fn seats(&self) -> impl Iterator<Item = (DeskNumber, &Seat)> {
        self.desks.iter().flat_map(|desk| desk.seats.iter().map(|seat| (desk.number, seat)))
    }

    /// A courier by its number.
    #[must_use]
    pub fn courier(&self, number: CourierNumber) -> Option<&Courier> {
        self.couriers.iter().find(|courier| courier.number == number)
    }

    /// A courier that counts on a day.
    ///
    /// # Errors
    /// [`CourierError::Unknown`] or [`CourierError::NotInForce`].
    pub fn courier_on(&self, number: CourierNumber, day: Day) -> Result<&Courier, CourierError> {
        let courier = self.courier(number).ok_or(CourierError::Unknown(number))?;
        if courier.counts_on(day) { Ok(courier) } else { Err(CourierError::NotInForce(number)) }
    }

    fn signed_as(&self) -> SignedAs<'_> {
        SignedAs {
            context: context::ROSTER,
            office: self.office(),
            role: Role::Root,
            name: self.name.as_str(),
            desk: None,
            number: None,
            from: self.issued,
            through: self.expires,
        }
    }
}

impl Unverified<Roster> {
    /// Verifies a roster for the holder of a card who knows no other roster.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn verify(self, card: Fingerprint, today: Day) -> Result<Signed<Roster>, RosterError> {
        let roster = self.authenticate(card)?;
        roster.check_day(today)?;
        Ok(roster)
    }

    /// Verifies everything but whether it is valid today: for rosters of the past, and where the day is known only
    /// later.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn authenticate(self, card: Fingerprint) -> Result<Signed<Roster>, RosterError> {
        let claims = self.claims();
        claims.lineage.check(card)?;
        claims.check_rules()?;
        if !self.is_signed_by(0, &claims.lineage.current().key, &claims.signed_as()) {
            return Err(RosterError::Signature);
        }
        Ok(self.into_verified())
    }
}
