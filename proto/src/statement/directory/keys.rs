//! The seat keys of one seat in a directory: the one that holds, and the one that it used before (protocol,
//! section 4.4).

use super::DirectoryError;
use crate::keys::AuthPublicKey;
use crate::statement::{SeatKey, Signed};
use crate::time::Day;

/// On which day, and how many days replies stay listed.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) day: Day,
    pub(super) letter_days: u32,
}

/// What a directory lists of one seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeatKeys {
    /// Letters are sealed to it and written under it.
    holding: Signed<SeatKey>,
    /// Replies that were written under it may still be listed.
    former: Option<Signed<SeatKey>>,
}

impl SeatKeys {
    /// Of all keys of one seat those that are listed; none if none holds.
    pub(super) fn choose(keys: &[Signed<SeatKey>], at: Times) -> Option<Self> {
        let first = |a: &&Signed<SeatKey>, b: &&Signed<SeatKey>| a.precedence().cmp(&b.precedence());
        let holding = keys.iter().filter(|key| key.holds_on(at.day)).max_by(first)?;
        let former = keys.iter().filter(|key| key.key != holding.key && at.reaches(key)).max_by(first);
        Some(Self { holding: holding.clone(), former: former.cloned() })
    }

    /// Begins with the key that a directory lists first.
    pub(super) fn begin(holding: Signed<SeatKey>, at: Times) -> Result<Self, DirectoryError> {
        if holding.holds_on(at.day) {
            Ok(Self { holding, former: None })
        } else {
            Err(DirectoryError::SeatKeyNotInForce)
        }
    }

    /// Goes on with the next key that a directory lists of the same seat.
    pub(super) fn add(&mut self, former: Signed<SeatKey>, at: Times) -> Result<(), DirectoryError> {
        if self.former.is_some() {
            return Err(DirectoryError::ThirdSeatKey);
        }
        if former.key == self.holding.key {
            return Err(DirectoryError::SameSeatKey);
        }
        if !at.reaches(&former) {
            return Err(DirectoryError::FormerKeyNotInForce);
        }
        if former.holds_on(at.day) && former.precedence() > self.holding.precedence() {
            return Err(DirectoryError::SeatKeyOrder);
        }
        self.former = Some(former);
        Ok(())
    }

    pub(super) fn holding(&self) -> &AuthPublicKey {
        &self.holding.key
    }

    pub(super) fn former(&self) -> Option<&AuthPublicKey> {
        self.former.as_ref().map(|statement| &statement.key)
    }

    /// As they are listed.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Signed<SeatKey>> {
        std::iter::once(&self.holding).chain(&self.former)
    }
}

impl Times {
    /// Whether a reply written under a key may be listed.
    pub(super) fn reaches(self, key: &SeatKey) -> bool {
        key.from <= self.day && self.day.since(key.through) <= self.letter_days
    }
}
