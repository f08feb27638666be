//! An office for tests: two desks, five seats of which one is retired, four couriers.

use super::{
    CheckedNote, Courier, Desk, Directory, Label, Policy, Pool, Prekey, Relay, Roster, Seat, SeatKey, SeatState,
    SeatStatement, Signed, Unverified, UnverifiedDirectory,
};
use crate::card::{Addresses, Card, Fingerprint, Lineage, Root, commitment};
use crate::cbor::{List, Number, Text};
use crate::ids::{CourierNumber, DeskNumber, Hash, SeatNumber};
use crate::index::Head;
use crate::keys::{CourierKey, PrekeySecret, RelaySecretKey, RootKey, SeatAuthKey, SeatSigningKey};
use crate::time::{Day, Epoch};

/// Monday, 2026-11-23.
pub(crate) const DAY: Day = Day(20_780);

/// Desk and seat of every seat of the office; the last one is retired.
pub(crate) const SEATS: [(u64, u64); 5] = [(0, 0), (0, 1), (0, 2), (3, 0), (3, 4)];
/// Number, desk and seat of every courier.
pub(crate) const COURIERS: [(u64, u64, u64); 4] = [(0, 0, 0), (1, 0, 1), (2, 0, 1), (7, 3, 0)];

/// What an office signs with, and the roster that it is about to sign.
pub(crate) struct Office {
    seed: u8,
    roots: Vec<u8>,
    /// The draft of the next roster.
    pub(crate) roster: Roster,
}

pub(crate) fn desk(number: u64) -> DeskNumber {
    Number::new(number).unwrap()
}
pub(crate) fn seat(number: u64) -> SeatNumber {
    Number::new(number).unwrap()
}
pub(crate) fn courier(number: u64) -> CourierNumber {
    Number::new(number).unwrap()
}
pub(crate) fn label(text: &str) -> Label {
    Text::new(text).unwrap()
}
pub(crate) fn head() -> Head {
    Head::new(9, DAY.minus(1), Hash([9; 32])).unwrap()
}

/// 32 bytes that differ for every purpose.
fn secret(seed: u8, purpose: &str, numbers: &[u64]) -> [u8; 32] {
    let numbers: Vec<u8> = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
    crate::hash::hash(purpose, &[&[seed], &numbers])
}

fn root_key(seed: u8, n: u8) -> RootKey {
    RootKey::from_bytes(secret(seed, "root", &[n.into()]))
}

/// Root `n` of the office `seed` with its commitment to root `n + 1`.
pub(crate) fn root(seed: u8, n: u8) -> Root {
    Root { key: root_key(seed, n).public(), commitment: commitment(&root_key(seed, n + 1).public()) }
}

impl Office {
    /// The office `seed`, whose first roster is valid from 10 days before [`DAY`] for a year.
    pub(crate) fn new(seed: u8) -> Self {
        let (from, through) = (DAY.minus(10), DAY.plus(355));
        let seats = |wanted: u64| {
            let of_desk = SEATS.iter().filter(move |(number, _)| *number == wanted);
            of_desk.map(move |(d, s)| Seat {
                number: seat(*s),
                label: label(&format!("seat {d}.{s}")),
                signing_key: signing_key(seed, *d, *s).public(),
                from,
                through,
                state: if (*d, *s) == (3, 4) { SeatState::Retired } else { SeatState::Active },
            })
        };
        let desks = [0, 3].map(|number| Desk {
            number: desk(number),
            name: label(&format!("desk {number}")),
            seats: List::new(seats(number).collect()).unwrap(),
        });
        let couriers = COURIERS.map(|(number, d, s)| Courier {
            number: courier(number),
            label: label(&format!("courier {number}")),
            desk: desk(d),
            seat: seat(s),
            key: courier_key(seed, number).public(),
            from,
            through,
        });
        let roster = Roster {
            name: Text::new("Office of the Envoy").unwrap(),
            lineage: Lineage::new(vec![root(seed, 0)]).unwrap(),
            number: Number::new(1).unwrap(),
            issued: from,
            expires: through,
            previous: None,
            desks: List::new(desks.into()).unwrap(),
            couriers: List::new(couriers.into()).unwrap(),
            relay: Relay {
                key: RelaySecretKey::from_bytes(secret(seed, "relay", &[])).public(),
                addresses: Addresses::new(vec!["relay.example.org".parse().unwrap()]).unwrap(),
            },
            policy: Policy {
                letter_days: Number::new(21).unwrap(),
                chunk_days: Number::new(7).unwrap(),
                group: Number::new(4).unwrap(),
                note_days: Number::new(3).unwrap(),
                rounds: Number::new(2).unwrap(),
            },
            page: Some(Hash([1; 32])),
            forms: None,
        };
        Self { seed, roots: vec![0], roster }
    }

    /// Its first card.
    pub(crate) fn card(&self) -> Card {
        Card::new(self.fingerprint(), self.roster.relay.addresses.clone())
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        root(self.seed, 0).fingerprint()
    }

    pub(crate) fn root_key(&self) -> RootKey {
        root_key(self.seed, *self.roots.last().unwrap())
    }

    pub(crate) fn signing_key(&self, desk: u64, seat: u64) -> SeatSigningKey {
        signing_key(self.seed, desk, seat)
    }

    pub(crate) fn auth_key(&self, desk: u64, seat: u64) -> SeatAuthKey {
        SeatAuthKey::from_bytes(secret(self.seed, "auth", &[desk, seat]))
    }

    pub(crate) fn prekey_secret(&self, desk: u64, seat: u64, epoch: Epoch) -> PrekeySecret {
        PrekeySecret::from_bytes(secret(self.seed, "prekey", &[desk, seat, epoch.0.into()]))
    }

    pub(crate) fn courier_key(&self, number: u64) -> CourierKey {
        courier_key(self.seed, number)
    }

    /// The draft, signed.
    pub(crate) fn sign(&self) -> Signed<Roster> {
        self.roster.clone().sign(&self.root_key()).unwrap()
    }

    /// Makes the draft the successor of what it is now.
    pub(crate) fn advance(&mut self) {
        self.roster.previous = Some(self.sign().hash());
        self.roster.number = Number::new(self.roster.number.get() + 1).unwrap();
    }

    /// Reveals the next root.
    pub(crate) fn succeed(&mut self) {
        self.roots.push(self.roots.last().unwrap() + 1);
        self.roster.lineage = Lineage::new(self.roots.iter().map(|n| root(self.seed, *n)).collect()).unwrap();
    }

    /// Changes a seat of the draft; `None` removes it and its couriers.
    pub(crate) fn edit_seat(&mut self, at: (u64, u64), edit: impl Fn(Seat) -> Option<Seat>) {
        let mut desks = self.roster.desks.clone().into_vec();
        for listed in &mut desks {
            let number = listed.number;
            let seats = listed.seats.clone().into_vec().into_iter();
            let seats = seats.filter_map(|s| if (number.get(), s.number.get()) == at { edit(s) } else { Some(s) });
            listed.seats = List::new(seats.collect()).unwrap();
        }
        self.roster.desks = List::new(desks).unwrap();
        let roster = self.roster.clone();
        self.edit_couriers(|couriers| couriers.retain(|c| roster.seat(c.desk, c.seat).is_some()));
    }

    pub(crate) fn edit_couriers(&mut self, edit: impl Fn(&mut Vec<Courier>)) {
        let mut couriers = self.roster.couriers.clone().into_vec();
        edit(&mut couriers);
        self.roster.couriers = List::new(couriers).unwrap();
    }

    /// The seat key of a seat, valid from 10 days before [`DAY`] for 100 days.
    pub(crate) fn seat_key(&self, d: u64, s: u64) -> SeatKey {
        SeatKey {
            office: self.roster.office(),
            desk: desk(d),
            seat: seat(s),
            from: DAY.minus(10),
            through: DAY.plus(90),
            key: self.auth_key(d, s).public(),
        }
    }

    pub(crate) fn prekey(&self, d: u64, s: u64, epoch: Epoch) -> Prekey {
        let key = self.prekey_secret(d, s, epoch).public();
        Prekey { office: self.roster.office(), desk: desk(d), seat: seat(s), epoch, key }
    }

    pub(crate) fn sign_seat_key(&self, key: SeatKey) -> Signed<SeatKey> {
        let signer = self.signing_key(key.desk.get(), key.seat.get());
        key.sign(&self.roster, &signer).unwrap()
    }

    pub(crate) fn sign_prekey(&self, prekey: Prekey) -> Signed<Prekey> {
        let signer = self.signing_key(prekey.desk.get(), prekey.seat.get());
        prekey.sign(&self.roster, &signer).unwrap()
    }

    /// What its seats publish: a seat key each, and the active ones prekeys for three weeks from [`DAY`]'s on.
    pub(crate) fn published(&self) -> (Vec<Signed<SeatKey>>, Vec<Signed<Prekey>>) {
        let listed: Vec<(u64, u64, SeatState)> =
            self.roster.seats().map(|(d, s)| (d.get(), s.number.get(), s.state)).collect();
        let keys = listed.iter().map(|(d, s, _)| self.sign_seat_key(self.seat_key(*d, *s)));
        let active = listed.iter().filter(|(.., state)| *state == SeatState::Active);
        let prekeys = active.flat_map(|(d, s, _)| {
            (0..3).map(move |weeks| self.sign_prekey(self.prekey(*d, *s, DAY.epoch().plus(weeks))))
        });
        (keys.collect(), prekeys.collect())
    }

    /// A pool that holds the draft and everything published.
    pub(crate) fn pool(&self) -> Pool {
        let mut pool = Pool::resume(self.fingerprint(), again(&self.sign())).unwrap();
        let (keys, prekeys) = self.published();
        for key in &keys {
            pool.accept_seat_key(again(key), DAY).unwrap();
        }
        for prekey in &prekeys {
            pool.accept_prekey(again(prekey), DAY).unwrap();
        }
        pool
    }

    pub(crate) fn directory(&self, day: Day) -> Directory {
        self.pool().directory(day).unwrap()
    }

    /// A note about a directory, signed by the couriers in turn.
    pub(crate) fn note(&self, directory: &Directory, couriers: &[u64]) -> CheckedNote {
        let (first, more) = couriers.split_first().unwrap();
        let mut note = directory.sign_note(1, head(), None, courier(*first), &self.courier_key(*first)).unwrap();
        for number in more {
            note = match note {
                CheckedNote::Proposed(note) => {
                    note.add_signature(&self.roster, courier(*number), &self.courier_key(*number)).unwrap()
                }
                CheckedNote::Valid(_) => panic!("enough have signed"),
            };
        }
        note
    }
}

/// The same statement as it would arrive from outside.
pub(crate) fn again<T: super::Payload>(statement: &Signed<T>) -> Unverified<T> {
    Unverified::from_bytes(statement.bytes()).unwrap()
}

/// The same statement as publications carry it.
pub(crate) fn published(bytes: &[u8]) -> SeatStatement {
    SeatStatement::from_bytes(bytes).unwrap()
}

/// The same directory as it would arrive from outside.
pub(crate) fn decoded(bytes: &[u8]) -> UnverifiedDirectory {
    UnverifiedDirectory::from_bytes(bytes).unwrap()
}

fn signing_key(seed: u8, desk: u64, seat: u64) -> SeatSigningKey {
    SeatSigningKey::from_bytes(secret(seed, "signing", &[desk, seat]))
}

fn courier_key(seed: u8, number: u64) -> CourierKey {
    CourierKey::from_bytes(secret(seed, "courier", &[number]))
}
