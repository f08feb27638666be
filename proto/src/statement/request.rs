//! Requests to be admitted to the roster (protocol, section 4.1), carried to the holder of the root.
//!
//! A request proves that whoever made it holds the key it proposes, and nothing else: the root's holder confirms
//! its key over another path.

use super::seat::signer;
use super::signed::{Payload, Role, Signed, SignedAs, Unverified};
use crate::Label;
use crate::cbor::Malformed;
use crate::ids::{DeskNumber, OfficeId, SeatNumber};
use crate::keys::{BadKey, CourierKey, CourierPublicKey, SeatPublicKey, SeatSigningKey, Verifier as _};
use crate::labels::context;
use crate::sizes::SEAT_STATEMENT_MAX;
use crate::time::Day;
use minicbor::{Decode, Encode};

/// Days after its making on which a request is still accepted.
const REQUEST_DAYS: u32 = 30;

/// CDDL `seat-request`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SeatRequest {
    /// The office.
    #[n(0)]
    pub office: OfficeId,
    /// The desk that the seat is wanted at.
    #[n(1)]
    pub desk: DeskNumber,
    /// The proposed name.
    #[n(2)]
    pub label: Label,
    /// When it was made.
    #[n(3)]
    pub day: Day,
    /// The proposed signing key, which also signs the request.
    #[n(4)]
    pub key: SeatPublicKey,
}

/// CDDL `courier-request`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CourierRequest {
    /// The office.
    #[n(0)]
    pub office: OfficeId,
    /// The desk of the seat that the courier works for.
    #[n(1)]
    pub desk: DeskNumber,
    /// The seat that the courier works for.
    #[n(2)]
    pub seat: SeatNumber,
    /// The proposed name.
    #[n(3)]
    pub label: Label,
    /// When it was made.
    #[n(4)]
    pub day: Day,
    /// The proposed key, which also signs the request.
    #[n(5)]
    pub key: CourierPublicKey,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It does not decode.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It was made for another office.
    #[error("the request was made for another office")]
    OtherOffice,
    /// The key is not acceptable.
    #[error("the request holds an {0}")]
    BadKey(#[from] BadKey),
    /// It is not signed with the key that it proposes.
    #[error("the request's signature does not verify")]
    Signature,
    /// It was made in the future, or more than 30 days ago.
    #[error("the request was made on {0}, which is too long ago or in the future")]
    NotInForce(Day),
}

impl Payload for SeatRequest {
    const WHAT: &'static str = "seat request";
    const MAX: usize = SEAT_STATEMENT_MAX;
}

impl Payload for CourierRequest {
    const WHAT: &'static str = "courier request";
    const MAX: usize = SEAT_STATEMENT_MAX;
}

impl SeatRequest {
    /// Signs the request with the proposed key.
    ///
    /// # Errors
    /// The key is not the one that the request names.
    pub fn sign(self, key: &SeatSigningKey) -> Result<Signed<Self>, RequestError> {
        let (office, day) = (self.office, self.day);
        Unverified::sign(self, 0, key, |request, bytes| request.signed_as().input(bytes))?.verify(office, day)
    }

    fn signed_as(&self) -> SignedAs<'_> {
        SignedAs {
            context: context::SEAT_REQUEST,
            office: self.office,
            role: Role::Seat,
            name: self.label.as_str(),
            desk: Some(self.desk),
            number: None,
            from: self.day,
            through: self.day.plus(REQUEST_DAYS),
        }
    }
}

impl Unverified<SeatRequest> {
    /// Verifies a request to an office.
    ///
    /// # Errors
    /// Another office, too old, a bad key, or not signed with it.
    pub fn verify(self, office: OfficeId, today: Day) -> Result<Signed<SeatRequest>, RequestError> {
        let claims = self.claims();
        check(claims.office, office, claims.day, today)?;
        claims.key.check()?;
        if !self.is_signed_by(0, &claims.key, &claims.signed_as()) {
            return Err(RequestError::Signature);
        }
        Ok(self.into_verified())
    }
}

impl CourierRequest {
    /// Signs the request with the proposed key.
    ///
    /// # Errors
    /// The key is not the one that the request names.
    pub fn sign(self, key: &CourierKey) -> Result<Signed<Self>, RequestError> {
        let (office, day) = (self.office, self.day);
        Unverified::sign(self, 0, key, |request, bytes| request.signed_as().input(bytes))?.verify(office, day)
    }

    fn signed_as(&self) -> SignedAs<'_> {
        SignedAs {
            context: context::COURIER_REQUEST,
            office: self.office,
            role: Role::Courier,
            name: self.label.as_str(),
            desk: Some(self.desk),
            number: Some(signer(self.seat)),
            from: self.day,
            through: self.day.plus(REQUEST_DAYS),
        }
    }
}

impl Unverified<CourierRequest> {
    /// Verifies a request to an office.
    ///
    /// # Errors
    /// Another office, too old, a bad key, or not signed with it.
    pub fn verify(self, office: OfficeId, today: Day) -> Result<Signed<CourierRequest>, RequestError> {
        let claims = self.claims();
        check(claims.office, office, claims.day, today)?;
        claims.key.check()?;
        if !self.is_signed_by(0, &claims.key, &claims.signed_as()) {
            return Err(RequestError::Signature);
        }
        Ok(self.into_verified())
    }
}

fn check(named: OfficeId, office: OfficeId, made: Day, today: Day) -> Result<(), RequestError> {
    if named != office {
        return Err(RequestError::OtherOffice);
    }
    if today < made || today > made.plus(REQUEST_DAYS) {
        return Err(RequestError::NotInForce(made));
    }
    Ok(())
}
