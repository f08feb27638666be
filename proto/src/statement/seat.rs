//! What a seat signs (protocol, section 4.3): its authentication key, and one prekey for each epoch.

use super::roster::{Roster, Seat};
use super::signed::{Payload, Role, Signed, SignedAs, Unverified};
use crate::cbor::Malformed;
use crate::ids::{DeskNumber, Hash, OfficeId, SeatNumber};
use crate::keys::{AuthPublicKey, BadKey, PrekeyPublic, SeatSigningKey};
use crate::labels::context;
use crate::sizes::SEAT_STATEMENT_MAX;
use crate::time::{Day, Epoch};
use minicbor::{Decode, Encode};
use std::cmp::Reverse;

/// CDDL `seat-key`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SeatKey {
    /// The office.
    #[n(0)]
    pub office: OfficeId,
    /// The seat's desk.
    #[n(1)]
    pub desk: DeskNumber,
    /// The seat.
    #[n(2)]
    pub seat: SeatNumber,
    /// The first day of the key's validity.
    #[n(3)]
    pub from: Day,
    /// The last day of the key's validity.
    #[n(4)]
    pub through: Day,
    /// What the seat authenticates letters with.
    #[n(5)]
    pub key: AuthPublicKey,
}

/// CDDL `prekey`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Prekey {
    /// The office.
    #[n(0)]
    pub office: OfficeId,
    /// The seat's desk.
    #[n(1)]
    pub desk: DeskNumber,
    /// The seat.
    #[n(2)]
    pub seat: SeatNumber,
    /// The week in which letters are sealed to the key.
    #[n(3)]
    pub epoch: Epoch,
    /// What letters are sealed to.
    #[n(4)]
    pub key: PrekeyPublic,
}

/// A statement of either kind, as publications and mirrors carry them without saying which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeatStatement {
    /// An authentication key.
    SeatKey(Unverified<SeatKey>),
    /// A prekey.
    Prekey(Box<Unverified<Prekey>>),
}

/// Why a statement of a seat is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SeatStatementError {
    /// It does not decode.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It belongs to another office.
    #[error("the statement belongs to another office")]
    OtherOffice,
    /// The roster does not list the seat (any more).
    #[error("the roster does not list the seat")]
    UnknownSeat,
    /// The key ends before it begins.
    #[error("the key's validity ends before it begins")]
    Validity,
    /// The key is not acceptable.
    #[error("the statement holds an {0}")]
    BadKey(#[from] BadKey),
    /// It is not signed by the seat that the roster lists.
    #[error("the statement's signature does not verify")]
    Signature,
}

impl Payload for SeatKey {
    const WHAT: &'static str = "seat key";
    const MAX: usize = SEAT_STATEMENT_MAX;
}

impl Payload for Prekey {
    const WHAT: &'static str = "prekey";
    const MAX: usize = SEAT_STATEMENT_MAX;
}

impl SeatStatement {
    /// Decodes a statement of either kind; no bytes are both.
    ///
    /// # Errors
    /// Neither.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        Unverified::from_bytes(bytes)
            .map(Self::SeatKey)
            .or_else(|_| Unverified::from_bytes(bytes).map(|prekey| Self::Prekey(Box::new(prekey))))
            .map_err(|_| Malformed("seat statement"))
    }
}

impl SeatKey {
    /// Whether the key is valid on a day.
    #[must_use]
    pub fn holds_on(&self, day: Day) -> bool {
        self.from <= day && day <= self.through
    }

    /// Signs the key as the seat that the roster lists.
    ///
    /// # Errors
    /// A rule that readers would refuse it for; or the signing key is not the seat's.
    pub fn sign(self, roster: &Roster, key: &SeatSigningKey) -> Result<Signed<Self>, SeatStatementError> {
        let seat = listed(roster, self.office, self.desk, self.seat)?;
        let number = signer(self.seat);
        Unverified::sign(self, number, key, |payload, bytes| payload.signed_as(seat).input(bytes))?.verify(roster)
    }

    fn signed_as<'a>(&self, seat: &'a Seat) -> SignedAs<'a> {
        let validity = (self.from, self.through);
        signed_as(context::SEAT_KEY, self.office, self.desk, seat, validity)
    }
}

impl Signed<SeatKey> {
    /// Of two keys of one seat that are valid on a day the one with the greater precedence holds: the one that begins
    /// later, then the one with the smaller hash.
    pub(super) fn precedence(&self) -> (Day, Reverse<Hash>) {
        (self.from, Reverse(self.hash()))
    }
}

impl Unverified<SeatKey> {
    /// Verifies a seat key under a roster.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn verify(self, roster: &Roster) -> Result<Signed<SeatKey>, SeatStatementError> {
        let claims = self.claims();
        let seat = listed(roster, claims.office, claims.desk, claims.seat)?;
        if claims.through < claims.from {
            return Err(SeatStatementError::Validity);
        }
        claims.key.check_contributory()?;
        if !self.is_signed_by(signer(claims.seat), &seat.signing_key, &claims.signed_as(seat)) {
            return Err(SeatStatementError::Signature);
        }
        Ok(self.into_verified())
    }
}

impl Prekey {
    /// Signs the prekey as the seat that the roster lists.
    ///
    /// # Errors
    /// A rule that readers would refuse it for; or the signing key is not the seat's.
    pub fn sign(self, roster: &Roster, key: &SeatSigningKey) -> Result<Signed<Self>, SeatStatementError> {
        let seat = listed(roster, self.office, self.desk, self.seat)?;
        let number = signer(self.seat);
        Unverified::sign(self, number, key, |payload, bytes| payload.signed_as(seat).input(bytes))?.verify(roster)
    }

    fn signed_as<'a>(&self, seat: &'a Seat) -> SignedAs<'a> {
        let validity = (self.epoch.first_day(), self.epoch.last_day());
        signed_as(context::PREKEY, self.office, self.desk, seat, validity)
    }
}

impl Unverified<Prekey> {
    /// Verifies a prekey under a roster. The key itself was checked when it was decoded.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn verify(self, roster: &Roster) -> Result<Signed<Prekey>, SeatStatementError> {
        let claims = self.claims();
        let seat = listed(roster, claims.office, claims.desk, claims.seat)?;
        if !self.is_signed_by(signer(claims.seat), &seat.signing_key, &claims.signed_as(seat)) {
            return Err(SeatStatementError::Signature);
        }
        Ok(self.into_verified())
    }
}

/// The seat number as the signer field and the signature input carry it.
pub(super) fn signer(seat: SeatNumber) -> u8 {
    // A seat number is at most 6.
    u8::try_from(seat.get()).unwrap_or(u8::MAX)
}

fn listed(roster: &Roster, office: OfficeId, desk: DeskNumber, seat: SeatNumber) -> Result<&Seat, SeatStatementError> {
    if office != roster.office() {
        return Err(SeatStatementError::OtherOffice);
    }
    roster.seat(desk, seat).ok_or(SeatStatementError::UnknownSeat)
}

fn signed_as<'a>(
    context: &'static str,
    office: OfficeId,
    desk: DeskNumber,
    seat: &'a Seat,
    (from, through): (Day, Day),
) -> SignedAs<'a> {
    SignedAs {
        context,
        office,
        role: Role::Seat,
        name: seat.label.as_str(),
        desk: Some(desk),
        number: Some(signer(seat.number)),
        from,
        through,
    }
}
