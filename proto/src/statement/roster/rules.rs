//! The rules of a roster that its CDDL cannot say (protocol, section 4.2).

use super::Roster;
use crate::card::LineageError;
use crate::cbor::Malformed;
use crate::keys::{BadKey, Verifier};
use crate::time::Day;
use std::collections::HashSet;

/// Days of validity at most.
const VALIDITY_MAX: u32 = 400;

/// Why a roster is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RosterError {
    /// It does not decode.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Its roots do not hang together, or lead to no root of the card.
    #[error(transparent)]
    Lineage(#[from] LineageError),
    /// It is not signed by the current root.
    #[error("the roster's signature does not verify")]
    Signature,
    /// Desk numbers do not ascend strictly.
    #[error("the desks of the roster are not in order")]
    DeskOrder,
    /// Seat numbers of a desk do not ascend strictly.
    #[error("the seats of the roster are not in order")]
    SeatOrder,
    /// Courier numbers do not ascend strictly.
    #[error("the couriers of the roster are not in order")]
    CourierOrder,
    /// A public key occurs twice.
    #[error("a key occurs twice in the roster")]
    KeyTwice,
    /// A key is not acceptable.
    #[error("the roster lists an {0}")]
    BadKey(#[from] BadKey),
    /// It expires before it is issued, or more than 400 days after.
    #[error("the roster's dates do not fit: it may be valid for {VALIDITY_MAX} days at most")]
    Validity,
    /// A seat ends before it begins.
    #[error("a seat of the roster ends before it begins")]
    SeatValidity,
    /// A courier ends before it begins.
    #[error("a courier of the roster ends before it begins")]
    CourierValidity,
    /// A courier belongs to a seat that is not listed.
    #[error("a courier of the roster belongs to no seat of it")]
    CourierWithoutSeat,
    /// Notes would count for as long as letters are kept, or longer.
    #[error("notes must count for fewer days than letters are kept")]
    NoteDays,
    /// Number 1 names a roster before it, or a later one names none.
    #[error("the roster does not name the roster before it, or is the first and does")]
    Previous,
    /// The day lies before its validity.
    #[error("the roster is not valid before {issued}")]
    NotYetIssued {
        /// Its first day.
        issued: Day,
    },
    /// The day lies after its validity.
    #[error("the roster expired after {expires}")]
    Expired {
        /// Its last day.
        expires: Day,
    },
}

impl Roster {
    /// Every rule that needs nothing but the roster itself.
    pub(super) fn check_rules(&self) -> Result<(), RosterError> {
        self.check_order()?;
        self.check_validity()?;
        self.policy.check()?;
        if (self.number.get() == 1) != self.previous.is_none() {
            return Err(RosterError::Previous);
        }
        if self.couriers.iter().any(|courier| self.seat(courier.desk, courier.seat).is_none()) {
            return Err(RosterError::CourierWithoutSeat);
        }
        self.check_keys()
    }

    fn check_order(&self) -> Result<(), RosterError> {
        if !self.desks.is_sorted_by(|a, b| a.number < b.number) {
            return Err(RosterError::DeskOrder);
        }
        if !self.desks.iter().all(|desk| desk.seats.is_sorted_by(|a, b| a.number < b.number)) {
            return Err(RosterError::SeatOrder);
        }
        if !self.couriers.is_sorted_by(|a, b| a.number < b.number) {
            return Err(RosterError::CourierOrder);
        }
        Ok(())
    }

    fn check_validity(&self) -> Result<(), RosterError> {
        if self.expires < self.issued || self.expires.since(self.issued) > VALIDITY_MAX {
            return Err(RosterError::Validity);
        }
        if self.seats().any(|(_, seat)| seat.through < seat.from) {
            return Err(RosterError::SeatValidity);
        }
        if self.couriers.iter().any(|courier| courier.through < courier.from) {
            return Err(RosterError::CourierValidity);
        }
        Ok(())
    }

    fn check_keys(&self) -> Result<(), RosterError> {
        for root in self.lineage.roots() {
            root.key.check()?;
        }
        for (_, seat) in self.seats() {
            seat.signing_key.check()?;
        }
        for courier in self.couriers.iter() {
            courier.key.check()?;
        }
        self.relay.key.check()?;

        let mut seen = HashSet::new();
        let roots = self.lineage.roots().iter().map(|root| root.key.as_bytes());
        let seats = self.seats().map(|(_, seat)| seat.signing_key.as_bytes());
        let couriers = self.couriers.iter().map(|courier| courier.key.as_bytes());
        let relay = std::iter::once(self.relay.key.as_bytes());
        if roots.chain(seats).chain(couriers).chain(relay).all(|key| seen.insert(key)) {
            Ok(())
        } else {
            Err(RosterError::KeyTwice)
        }
    }
}
