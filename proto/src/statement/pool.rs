//! What the relay, couriers and seats hold: the newest statements, from which everyone makes the same directory.

use super::directory::{Directory, SeatId};
use super::roster::{Roster, RosterError};
use super::seat::{Prekey, SeatKey, SeatStatement, SeatStatementError};
use super::signed::{Signed, Unverified};
use crate::card::Fingerprint;
use crate::cbor::Malformed;
use crate::ids::Hash;
use crate::time::{Day, Epoch};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// How many weeks ahead a prekey may lie. Seats publish eight; the rest is for clocks and changes of policy.
const EPOCHS_AHEAD: u32 = 12;
/// Seat keys of one seat that are kept, so that no seat can fill a store.
const SEAT_KEYS: usize = 8;
/// Days that a seat key is kept after its last one: as long as any office's relay lists what was written under it.
const SEAT_KEY_DAYS: u32 = 60;

/// The newest roster and the statements of its seats. What it holds does not depend on the order of arrival. A copy shares
/// the statements of seats.
#[derive(Clone, Debug)]
pub struct Pool {
    card: Fingerprint,
    roster: Option<Signed<Roster>>,
    seat_keys: BTreeMap<SeatId, BTreeMap<Place, Arc<Signed<SeatKey>>>>,
    /// For each seat and epoch, the one with the smallest hash.
    prekeys: BTreeMap<(SeatId, Epoch), Arc<Signed<Prekey>>>,
}

/// The place of a seat key among those of its seat: from, through, hash. The first one makes room for others.
type Place = (Day, Day, Reverse<Hash>);

/// What became of a statement that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is held now; whoever keeps the pool on disk writes it down.
    New,
    /// The very same one was held before.
    Known,
}

/// Why a statement is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// It does not decode.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The roster breaks a rule.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// The root signed it, but one with the same or a higher number is held.
    #[error("roster {offered} is superseded: roster {held} is known")]
    Superseded {
        /// The number that is held.
        held: u64,
        /// The number that was offered.
        offered: u64,
    },
    /// The root signed it, but a roster between it and the one that is held is missing.
    #[error("roster {missing} must come first")]
    Gap {
        /// The number that must come next.
        missing: u64,
    },
    /// The root signed it, but as the successor of another roster: somebody else holds the root's key.
    #[error("the roster does not follow the one that is known: the root may be in foreign hands")]
    Fork,
    /// It is signed by a root that has already been succeeded, or by another successor.
    #[error("the roster is signed by a root that has been replaced")]
    ReplacedRoot,
    /// No roster is held yet.
    #[error("no roster is known yet")]
    NoRoster,
    /// The statement of a seat breaks a rule.
    #[error(transparent)]
    Seat(#[from] SeatStatementError),
    /// Its validity is over, or one is held that goes before it.
    #[error("the statement is outdated")]
    Outdated,
    /// A prekey for a week too far ahead.
    #[error("the prekey lies more than {EPOCHS_AHEAD} weeks ahead")]
    TooFarAhead,
}

impl Pool {
    /// An empty pool of the card's office.
    #[must_use]
    pub const fn new(card: Fingerprint) -> Self {
        Self { card, roster: None, seat_keys: BTreeMap::new(), prekeys: BTreeMap::new() }
    }

    /// Goes on from the newest roster that was held before, even if it has expired meanwhile: else an older one that
    /// has not could come back.
    ///
    /// # Errors
    /// It is not the office's.
    pub fn resume(card: Fingerprint, roster: Unverified<Roster>) -> Result<Self, RosterError> {
        Ok(Self { roster: Some(roster.authenticate(card)?), ..Self::new(card) })
    }

    /// The newest roster.
    #[must_use]
    pub const fn roster(&self) -> Option<&Signed<Roster>> {
        self.roster.as_ref()
    }

    /// The seat keys that are held.
    pub fn seat_keys(&self) -> impl Iterator<Item = &Signed<SeatKey>> {
        self.seat_keys.values().flat_map(BTreeMap::values).map(|key| &**key)
    }

    /// The prekeys that are held.
    pub fn prekeys(&self) -> impl Iterator<Item = &Signed<Prekey>> {
        self.prekeys.values().map(|prekey| &**prekey)
    }

    /// Takes a roster that is the first one, or follows the one that is held. What its seats no longer vouch for is
    /// dropped.
    ///
    /// # Errors
    /// It is not the office's, not valid today, or does not follow.
    pub fn accept_roster(&mut self, statement: Unverified<Roster>, today: Day) -> Result<Accepted, PoolError> {
        if self.roster.as_ref().is_some_and(|held| held.bytes() == statement.bytes()) {
            return Ok(Accepted::Known);
        }
        // Verified first, so that the errors below are told of rosters only that a root has signed.
        let roster = statement.authenticate(self.card)?;
        if let Some(held) = &self.roster {
            check_succession(held, &roster)?;
        }
        roster.check_day(today)?;
        self.seat_keys.retain(|_, keys| {
            keys.retain(|_, key| key.statement().clone().verify(&roster).is_ok());
            !keys.is_empty()
        });
        self.prekeys.retain(|_, prekey| prekey.statement().clone().verify(&roster).is_ok());
        self.roster = Some(roster);
        Ok(Accepted::New)
    }

    /// Takes a statement of a seat.
    ///
    /// # Errors
    /// It does not stand under the roster, or is older than what is held.
    pub fn accept_seat_statement(&mut self, statement: SeatStatement, today: Day) -> Result<Accepted, PoolError> {
        match statement {
            SeatStatement::SeatKey(key) => self.accept_seat_key(key, today),
            SeatStatement::Prekey(prekey) => self.accept_prekey(*prekey, today),
        }
    }

    /// Takes a seat key.
    ///
    /// # Errors
    /// It does not stand under the roster, or is older than what is held.
    pub fn accept_seat_key(&mut self, statement: Unverified<SeatKey>, today: Day) -> Result<Accepted, PoolError> {
        let key = statement.verify(self.roster.as_ref().ok_or(PoolError::NoRoster)?)?;
        if is_outdated(&key, today) {
            return Err(PoolError::Outdated);
        }
        self.forget_outdated(today);
        let place = (key.from, key.through, Reverse(key.hash()));
        let keys = self.seat_keys.entry((key.desk, key.seat)).or_default();
        if keys.insert(place, Arc::new(key)).is_some() {
            return Ok(Accepted::Known);
        }
        if keys.len() > SEAT_KEYS {
            keys.pop_first();
        }
        if keys.contains_key(&place) { Ok(Accepted::New) } else { Err(PoolError::Outdated) }
    }

    /// Takes a prekey.
    ///
    /// # Errors
    /// It does not stand under the roster, is older than what is held, or lies too far ahead.
    pub fn accept_prekey(&mut self, statement: Unverified<Prekey>, today: Day) -> Result<Accepted, PoolError> {
        let prekey = statement.verify(self.roster.as_ref().ok_or(PoolError::NoRoster)?)?;
        if prekey.epoch < today.epoch() {
            return Err(PoolError::Outdated);
        }
        if prekey.epoch > today.epoch().plus(EPOCHS_AHEAD) {
            return Err(PoolError::TooFarAhead);
        }
        let id = ((prekey.desk, prekey.seat), prekey.epoch);
        keep_smaller(self.prekeys.entry(id), prekey)
    }

    /// Drops prekeys of past weeks and seat keys whose validity has long been over.
    pub fn forget_outdated(&mut self, today: Day) {
        self.seat_keys.retain(|_, keys| {
            keys.retain(|_, key| !is_outdated(key, today));
            !keys.is_empty()
        });
        self.prekeys.retain(|(_, epoch), _| *epoch >= today.epoch());
    }

    /// The directory of a day, today as a rule.
    ///
    /// # Errors
    /// No roster is held, or it is not valid on that day.
    pub fn directory(&self, day: Day) -> Result<Directory, PoolError> {
        let roster = self.roster.as_ref().ok_or(PoolError::NoRoster)?;
        Ok(Directory::assemble(roster, self.seat_keys(), self.prekeys(), day)?)
    }
}

/// Whether nothing that was written under a key is listed any more.
fn is_outdated(key: &SeatKey, today: Day) -> bool {
    today.since(key.through) > SEAT_KEY_DAYS
}

/// Whether `offered`, signed by a root of the office, may take the place of `held`.
fn check_succession(held: &Signed<Roster>, offered: &Signed<Roster>) -> Result<(), PoolError> {
    let (held_number, offered_number) = (held.number.get(), offered.number.get());
    if offered_number <= held_number {
        return Err(PoolError::Superseded { held: held_number, offered: offered_number });
    }
    // A root that was stolen and therefore succeeded must not come back.
    if !offered.lineage.continues(&held.lineage) {
        return Err(PoolError::ReplacedRoot);
    }
    if offered_number != held_number + 1 {
        return Err(PoolError::Gap { missing: held_number + 1 });
    }
    if offered.previous != Some(held.hash()) {
        return Err(PoolError::Fork);
    }
    Ok(())
}

/// Of two statements about the same, the one with the smaller hash holds.
fn keep_smaller<K: Ord, T>(entry: Entry<'_, K, Arc<Signed<T>>>, new: Signed<T>) -> Result<Accepted, PoolError> {
    match entry {
        Entry::Vacant(place) => {
            place.insert(Arc::new(new));
            Ok(Accepted::New)
        }
        Entry::Occupied(held) if held.get().hash() == new.hash() => Ok(Accepted::Known),
        Entry::Occupied(mut held) if new.hash() < held.get().hash() => {
            held.insert(Arc::new(new));
            Ok(Accepted::New)
        }
        Entry::Occupied(_) => Err(PoolError::Outdated),
    }
}
