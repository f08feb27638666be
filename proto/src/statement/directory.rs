//! The directory (protocol, section 4.4): one roster and the keys that hold on a day, the same bytes for everyone.

mod keys;
mod view;
mod wire;

pub use view::SeatView;
pub use wire::UnverifiedDirectory;

use super::note::{CheckedNote, Note, NoteError};
use super::roster::{Policy, Roster, RosterError};
use super::seat::{Prekey, SeatKey, SeatStatementError};
use super::signed::{Signed, Unverified};
use crate::card::Fingerprint;
use crate::cbor::Malformed;
use crate::ids::{CourierNumber, DeskNumber, Hash, SeatNumber};
use crate::index::Head;
use crate::keys::{AuthPublicKey, CourierKey};
use crate::statement::Notice;
use crate::time::{Day, Epoch};
use keys::{SeatKeys, Times};
use std::collections::BTreeMap;
use wire::Parts;

/// A desk and a seat of it.
pub(crate) type SeatId = (DeskNumber, SeatNumber);

/// A directory whose roster is the office's; whether the rest fits is known once the day is.
#[derive(Clone, Debug)]
pub struct AuthenticDirectory {
    roster: Signed<Roster>,
    parts: Parts,
}

/// A directory that was verified in every part for one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    day: Day,
    roster: Signed<Roster>,
    seat_keys: BTreeMap<SeatId, SeatKeys>,
    prekeys: BTreeMap<(SeatId, Epoch), Signed<Prekey>>,
    bytes: Vec<u8>,
    hash: Hash,
}

/// Why a directory is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// It does not decode.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Its roster is refused.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// A statement of a seat is refused.
    #[error(transparent)]
    Seat(#[from] SeatStatementError),
    /// Its statements are not in order, or one stands there twice.
    #[error("the statements of the directory are not in order")]
    Order,
    /// It lists something of a seat that does not count on the day.
    #[error("the directory lists a key of a seat that does not count on that day")]
    SeatNotInForce,
    /// The first key that it lists of a seat is not valid on the day.
    #[error("the directory lists a seat key that is not valid on that day")]
    SeatKeyNotInForce,
    /// The second key that it lists of a seat is too old for any reply that is still listed, or not valid yet.
    #[error("the directory lists a former key of a seat that is too old, or not valid yet")]
    FormerKeyNotInForce,
    /// It lists one key of a seat twice.
    #[error("the directory lists the same key of a seat twice")]
    SameSeatKey,
    /// The second key that it lists of a seat is the one that holds.
    #[error("the directory lists the keys of a seat in the wrong order")]
    SeatKeyOrder,
    /// It lists more than two keys of a seat.
    #[error("the directory lists three keys of a seat")]
    ThirdSeatKey,
    /// It lists a prekey of a retired seat.
    #[error("the directory lists a prekey of a retired seat")]
    RetiredSeat,
    /// It lists a prekey of a past week, or two of future weeks for one seat.
    #[error("the directory lists a prekey for the wrong week")]
    WrongEpoch,
}

impl Directory {
    /// The directory of day `day`: a pure function of the statements, whatever their order. What does not stand under
    /// the roster, or not on that day, is left out.
    ///
    /// # Errors
    /// The roster is not valid on that day.
    pub fn assemble<'a>(
        roster: &Signed<Roster>,
        seat_keys: impl IntoIterator<Item = &'a Signed<SeatKey>>,
        prekeys: impl IntoIterator<Item = &'a Signed<Prekey>>,
        day: Day,
    ) -> Result<Self, RosterError> {
        roster.check_day(day)?;

        let at = Times { day, letter_days: roster.policy.letter_days() };
        let mut published: BTreeMap<SeatId, Vec<Signed<SeatKey>>> = BTreeMap::new();
        for key in seat_keys {
            if roster.seat(key.desk, key.seat).is_some_and(|seat| seat.counts_on(day))
                && at.reaches(key)
                && let Ok(key) = key.statement().clone().verify(roster)
            {
                published.entry((key.desk, key.seat)).or_default().push(key);
            }
        }
        let keys: BTreeMap<SeatId, SeatKeys> =
            published.into_iter().filter_map(|(id, keys)| Some((id, SeatKeys::choose(&keys, at)?))).collect();

        let mut listed: BTreeMap<(SeatId, Epoch), Signed<Prekey>> = BTreeMap::new();
        for prekey in prekeys {
            let id = ((prekey.desk, prekey.seat), prekey.epoch);
            let active = roster.seat(prekey.desk, prekey.seat).is_some_and(|seat| seat.is_active_on(day));
            let smaller = listed.get(&id).is_none_or(|held| prekey.hash() < held.hash());
            if active
                && prekey.epoch >= day.epoch()
                && smaller
                && let Ok(prekey) = prekey.statement().clone().verify(roster)
            {
                listed.insert(id, prekey);
            }
        }
        // Between this week's prekey and the furthest one nothing is listed. The keys ascend: the last one stays.
        let furthest: BTreeMap<SeatId, Epoch> = listed.keys().copied().collect();
        listed.retain(|(id, epoch), _| *epoch == day.epoch() || furthest.get(id) == Some(epoch));

        let (bytes, hash) = wire::encode(roster, keys.values().flat_map(SeatKeys::iter), listed.values())?;
        Ok(Self { day, roster: roster.clone(), seat_keys: keys, prekeys: listed, bytes, hash })
    }

    /// The day for which it was verified.
    #[must_use]
    pub const fn day(&self) -> Day {
        self.day
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// `H("cssr1 directory", directory bytes)`.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// Its roster.
    #[must_use]
    pub const fn roster(&self) -> &Signed<Roster> {
        &self.roster
    }

    /// How relay and programs behave.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.roster.policy
    }

    /// The seats of a desk that count on the day, in order; none if there is no such desk.
    pub fn seats_of(&self, desk: DeskNumber) -> impl Iterator<Item = SeatView<'_>> {
        self.seats().filter(move |view| view.desk == desk)
    }

    /// Every seat of the office that counts on the day, in order.
    pub fn seats(&self) -> impl Iterator<Item = SeatView<'_>> {
        self.roster.seats().filter_map(|(desk, seat)| self.view(desk, seat))
    }

    /// A seat that counts on the day.
    #[must_use]
    pub fn seat(&self, desk: DeskNumber, seat: SeatNumber) -> Option<SeatView<'_>> {
        self.view(desk, self.roster.seat(desk, seat)?)
    }

    /// Whether an X25519 key is, or was until lately, that of any seat.
    #[must_use]
    pub fn is_seat_key(&self, key: &AuthPublicKey) -> bool {
        self.seat_keys().any(|statement| statement.key == *key)
    }

    /// Whether the key is, or was until lately, that of this very seat.
    #[must_use]
    pub fn stands(&self, desk: DeskNumber, seat: SeatNumber, key: &AuthPublicKey) -> bool {
        self.seat_keys.get(&(desk, seat)).is_some_and(|keys| keys.iter().any(|statement| statement.key == *key))
    }

    /// The seat keys, in order: of each seat the one that holds and then the former one, if there is one.
    pub fn seat_keys(&self) -> impl Iterator<Item = &Signed<SeatKey>> {
        self.seat_keys.values().flat_map(SeatKeys::iter)
    }

    /// The prekeys, in order.
    pub fn prekeys(&self) -> impl Iterator<Item = &Signed<Prekey>> {
        self.prekeys.values()
    }

    /// Makes a note that names this directory, on its day, with a courier's signature.
    ///
    /// # Errors
    /// The courier does not count on that day, or the key is not its own.
    pub fn sign_note(
        &self,
        serial: u64,
        head: Head,
        notice: Option<Notice>,
        courier: CourierNumber,
        key: &CourierKey,
    ) -> Result<CheckedNote, NoteError> {
        let note = Note { office: self.roster.office(), day: self.day, serial, directory: self.hash, head, notice };
        note.sign(&self.roster, courier, key)
    }

    /// Verifies a note that must name this directory and its day.
    ///
    /// # Errors
    /// Another office, directory or day, or a signature that is not believed.
    pub fn verify_note(&self, note: Unverified<Note>) -> Result<CheckedNote, NoteError> {
        if note.claims().directory != self.hash {
            return Err(NoteError::OtherDirectory);
        }
        if note.claims().day != self.day {
            return Err(NoteError::OtherDay);
        }
        note.verify(&self.roster)
    }
}

impl AuthenticDirectory {
    /// The roster, which may not be valid on the day in question.
    #[must_use]
    pub const fn roster(&self) -> &Signed<Roster> {
        &self.roster
    }

    /// Verifies a note that must name this directory.
    ///
    /// # Errors
    /// Another office or directory, or a signature that is not believed.
    pub fn verify_note(&self, note: Unverified<Note>) -> Result<CheckedNote, NoteError> {
        if note.claims().directory != self.parts.hash {
            return Err(NoteError::OtherDirectory);
        }
        note.verify(&self.roster)
    }

    /// Verifies all the rest for a day.
    ///
    /// # Errors
    /// The rule that it breaks on that day.
    pub fn verify_on(self, day: Day) -> Result<Directory, DirectoryError> {
        let Self { roster, parts } = self;
        roster.check_day(day)?;
        let Parts { seat_keys, prekeys, bytes, hash } = parts;

        let at = Times { day, letter_days: roster.policy.letter_days() };
        let mut keys: BTreeMap<SeatId, SeatKeys> = BTreeMap::new();
        for statement in seat_keys {
            let key = statement.verify(&roster)?;
            let id = (key.desk, key.seat);
            if !roster.seat(key.desk, key.seat).is_some_and(|seat| seat.counts_on(day)) {
                return Err(DirectoryError::SeatNotInForce);
            }
            match keys.last_entry() {
                Some(mut last) if *last.key() == id => last.get_mut().add(key, at)?,
                Some(last) if *last.key() > id => return Err(DirectoryError::Order),
                _ => drop(keys.insert(id, SeatKeys::begin(key, at)?)),
            }
        }

        let mut listed: BTreeMap<(SeatId, Epoch), Signed<Prekey>> = BTreeMap::new();
        for statement in prekeys {
            let prekey = statement.verify(&roster)?;
            let id = ((prekey.desk, prekey.seat), prekey.epoch);
            let seat = roster.seat(prekey.desk, prekey.seat).filter(|seat| seat.counts_on(day));
            if !seat.ok_or(DirectoryError::SeatNotInForce)?.is_active_on(day) {
                return Err(DirectoryError::RetiredSeat);
            }
            if let Some((last, _)) = listed.last_key_value() {
                if *last >= id {
                    return Err(DirectoryError::Order);
                }
                if last.0 == id.0 && last.1 != day.epoch() {
                    return Err(DirectoryError::WrongEpoch);
                }
            }
            if prekey.epoch < day.epoch() {
                return Err(DirectoryError::WrongEpoch);
            }
            listed.insert(id, prekey);
        }
        Ok(Directory { day, roster, seat_keys: keys, prekeys: listed, bytes, hash })
    }
}

impl UnverifiedDirectory {
    /// Verifies everything for a day.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn verify(self, card: Fingerprint, day: Day) -> Result<Directory, DirectoryError> {
        self.authenticate(card)?.verify_on(day)
    }

    /// Verifies that the roster is the office's.
    ///
    /// # Errors
    /// The roster's lineage does not hold against the card, it breaks a rule, or its signature does not verify.
    pub fn authenticate(self, card: Fingerprint) -> Result<AuthenticDirectory, RosterError> {
        let (roster, parts) = self.into_parts();
        Ok(AuthenticDirectory { roster: roster.authenticate(card)?, parts })
    }
}
