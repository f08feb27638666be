//! An office with one desk of three seats and a courier for each, everything it signs with, and everything it seals.

use chacha20::ChaCha20Rng;
use cssr_proto::index::Head;
use cssr_proto::keys::{
    AuthPublicKey, CourierKey, CourierPublicKey, PrekeySecret, RelayPublicKey, RootKey, SeatAuthKey, SeatSigningKey,
};
use cssr_proto::letter::{Correspondent, Letter, OpenError, Opened, Sealed, SeatOpener, SeatSender, seal};
use cssr_proto::message::{LetterName, MessageText, Receipt, Reply};
use cssr_proto::{
    Address, Addresses, Card, CheckedNote, Contact, Courier, CourierNumber, Day, Desk, DeskNumber, Directory, Envelope,
    EnvelopeId, Epoch, Lineage, List, Notice, Number, Policy, Pool, Prekey, Relay, Root, Roster, Seat, SeatKey,
    SeatNumber, SeatState, SeatStatement, Signed, Text, Unverified, ValidNote, commitment,
};
use rand_core::SeedableRng as _;

/// A Wednesday, 2026-11-25.
pub const TODAY: Day = Day(20_782);
/// The seats of the only desk, and the couriers: courier `n` belongs to seat `n`.
pub const SEATS: [u8; 3] = [0, 1, 2];

/// An office that has issued a roster and whose seats have published their keys.
#[derive(Debug)]
pub struct Office {
    seed: u8,
    rng: ChaCha20Rng,
    /// The roster that it would sign next.
    pub draft: Roster,
    pool: Pool,
    rosters: Vec<Signed<Roster>>,
    statements: Vec<Vec<u8>>,
}

/// The only desk.
#[must_use]
pub fn desk() -> DeskNumber {
    number(0)
}

/// A seat.
#[must_use]
pub fn seat(n: u8) -> SeatNumber {
    number(n)
}

/// A courier.
#[must_use]
pub fn courier(n: u8) -> CourierNumber {
    number(n)
}

fn number<const MIN: u64, const MAX: u64>(n: u8) -> Number<MIN, MAX> {
    Number::new(n.into()).unwrap()
}

impl Office {
    /// The office `seed` with this relay, as of [`TODAY`].
    #[must_use]
    pub fn new(seed: u8, relay: RelayPublicKey) -> Self {
        Self::heard_from(&SEATS, seed, relay)
    }

    /// The same, but only these seats have published their keys.
    #[must_use]
    pub fn heard_from(seats: &[u8], seed: u8, relay: RelayPublicKey) -> Self {
        let mut office = Self::unpublished(seed, relay);
        office.issue();
        seats.iter().for_each(|n| office.publish_keys(*n));
        office
    }

    fn unpublished(seed: u8, relay: RelayPublicKey) -> Self {
        let (from, through) = (TODAY.minus(60), TODAY.plus(200));
        let seats = SEATS.map(|n| Seat {
            number: seat(n),
            label: Text::new(format!("seat {n}")).unwrap(),
            signing_key: signing_key(seed, n).public(),
            from,
            through,
            state: SeatState::Active,
        });
        let couriers = SEATS.map(|n| Courier {
            number: courier(n),
            label: Text::new(format!("courier {n}")).unwrap(),
            desk: desk(),
            seat: seat(n),
            key: courier_key(seed, n).public(),
            from,
            through,
        });
        let seats = List::new(seats.into()).unwrap();
        let root = Root { key: root_key(seed, 0).public(), commitment: commitment(&root_key(seed, 1).public()) };
        let draft = Roster {
            name: Text::new("Office").unwrap(),
            lineage: Lineage::new(vec![root]).unwrap(),
            number: Number::new(1).unwrap(),
            issued: from,
            expires: through,
            previous: None,
            desks: List::new(vec![Desk { number: desk(), name: Text::new("Protection").unwrap(), seats }]).unwrap(),
            couriers: List::new(couriers.into()).unwrap(),
            relay: Relay { key: relay, addresses: somewhere() },
            policy: Policy {
                letter_days: Number::new(5).unwrap(),
                chunk_days: Number::new(3).unwrap(),
                group: Number::new(4).unwrap(),
                note_days: Number::new(3).unwrap(),
                rounds: Number::new(2).unwrap(),
            },
            page: None,
            forms: None,
        };
        let pool = Pool::new(root.fingerprint());
        let rng = ChaCha20Rng::seed_from_u64(seed.into());
        Self { seed, rng, draft, pool, rosters: Vec::new(), statements: Vec::new() }
    }

    /// Signs the draft and takes it as its own; the draft becomes the one after it.
    pub fn issue(&mut self) -> Signed<Roster> {
        let roster = self.sign_draft();
        self.pool.accept_roster(Unverified::from_bytes(roster.bytes()).unwrap(), TODAY).unwrap();
        self.draft.previous = Some(roster.hash());
        self.draft.number = Number::new(self.draft.number.get() + 1).unwrap();
        self.rosters.push(roster.clone());
        roster
    }

    /// The draft, signed but not issued.
    #[must_use]
    pub fn sign_draft(&self) -> Signed<Roster> {
        self.draft.clone().sign(&root_key(self.seed, 0)).unwrap()
    }

    /// Issues a roster in which courier `n` has another key.
    pub fn admit(&mut self, n: u8, key: CourierPublicKey) {
        let mut couriers = self.draft.couriers.clone().into_vec();
        couriers[usize::from(n)].key = key;
        self.draft.couriers = List::new(couriers).unwrap();
        self.issue();
    }

    /// Issues a roster in which seat `n` is retired, or in which neither it nor its courier is listed.
    pub fn dismiss(&mut self, n: u8, retired: bool) {
        let mut desks = self.draft.desks.clone().into_vec();
        let mut seats = desks[0].seats.clone().into_vec();
        if retired {
            seats[usize::from(n)].state = SeatState::Retired;
        } else {
            seats.retain(|listed| listed.number != seat(n));
            let mut couriers = self.draft.couriers.clone().into_vec();
            couriers.retain(|listed| listed.seat != seat(n));
            self.draft.couriers = List::new(couriers).unwrap();
        }
        desks[0].seats = List::new(seats).unwrap();
        self.draft.desks = List::new(desks).unwrap();
        self.issue();
    }

    /// A seat publishes its key, and its prekeys of this week and the coming ones.
    pub fn publish_keys(&mut self, n: u8) {
        let roster = self.roster().clone();
        let (office, desk, seat) = (roster.office(), desk(), seat(n));
        let signer = signing_key(self.seed, n);
        let key = self.auth_key(n).public();
        let key = SeatKey { office, desk, seat, from: TODAY.minus(60), through: TODAY.plus(100), key };
        self.publish(key.sign(&roster, &signer).unwrap().bytes());
        for epoch in (0..3).map(|weeks| TODAY.epoch().plus(weeks)) {
            let key = self.prekey(n, epoch).public();
            let prekey = Prekey { office, desk, seat, epoch, key }.sign(&roster, &signer).unwrap();
            self.publish(prekey.bytes());
        }
    }

    fn publish(&mut self, bytes: &[u8]) {
        let statement = SeatStatement::from_bytes(bytes).unwrap();
        self.pool.accept_seat_statement(statement, TODAY).unwrap();
        self.statements.push(bytes.to_vec());
    }

    /// Its first card, with a relay on this machine.
    #[must_use]
    pub fn card(&self, port: u16) -> Card {
        Card::new(self.roster().lineage.current().fingerprint(), Addresses::new(vec![local(port)]).unwrap())
    }

    /// The newest roster.
    #[must_use]
    pub fn roster(&self) -> &Signed<Roster> {
        self.rosters.last().unwrap()
    }

    /// All rosters, oldest first.
    #[must_use]
    pub fn rosters(&self) -> &[Signed<Roster>] {
        &self.rosters
    }

    /// What the seats have published, in that order.
    #[must_use]
    pub fn seat_statements(&self) -> &[Vec<u8>] {
        &self.statements
    }

    /// Its directory of a day.
    #[must_use]
    pub fn directory(&self, day: Day) -> Directory {
        self.pool.directory(day).unwrap()
    }

    /// A note of the directory's day with the signatures of couriers 0 and 1.
    #[must_use]
    pub fn note(&self, directory: &Directory, serial: u64, head: Head) -> ValidNote {
        self.note_by(&[0, 1], directory, serial, head, None).valid().unwrap()
    }

    /// A note of the directory's day with the signatures of these couriers.
    #[must_use]
    pub fn note_by(
        &self,
        couriers: &[u8],
        directory: &Directory,
        serial: u64,
        head: Head,
        notice: Option<Notice>,
    ) -> CheckedNote {
        let (first, others) = couriers.split_first().unwrap();
        let mut note = directory.sign_note(serial, head, notice, courier(*first), &self.courier_key(*first)).unwrap();
        for n in others {
            let CheckedNote::Proposed(proposed) = note else { panic!("enough have signed") };
            note = proposed.add_signature(directory.roster(), courier(*n), &self.courier_key(*n)).unwrap();
        }
        note
    }

    /// A courier's key.
    #[must_use]
    pub fn courier_key(&self, n: u8) -> CourierKey {
        CourierKey::from_bytes(*courier_key(self.seed, n).expose())
    }

    /// A seat's authentication key.
    #[must_use]
    pub fn auth_key(&self, n: u8) -> SeatAuthKey {
        SeatAuthKey::from_bytes([self.seed ^ n ^ 0x50; 32])
    }

    /// A seat's secret for a week.
    #[must_use]
    pub fn prekey(&self, n: u8, epoch: Epoch) -> PrekeySecret {
        let mut bytes = [self.seed ^ n ^ 0x60; 32];
        bytes[..4].copy_from_slice(&epoch.0.to_be_bytes());
        PrekeySecret::from_bytes(bytes)
    }

    /// Opens a letter as a seat does.
    ///
    /// # Errors
    /// It does not open, or must not be shown.
    pub fn open(&self, n: u8, id: &EnvelopeId, envelope: &Envelope) -> Result<Opened, OpenError> {
        let (auth, prekey) = (self.auth_key(n), self.prekey(n, TODAY.epoch()));
        let opener = SeatOpener::new(self.roster().office(), desk(), seat(n), [&auth]);
        opener.open(id, envelope, [&prekey], &self.directory(TODAY))
    }

    /// Seals a seat's reply to a source.
    pub fn reply(&mut self, n: u8, number: u64, written: Day, text: &str, to: (AuthPublicKey, &Contact)) -> Sealed {
        let message = Reply {
            text: MessageText::new(text).unwrap(),
            day: written,
            number: Number::new(number).unwrap(),
            receipts: List::default(),
        };
        let (auth, to) = (self.auth_key(n), Correspondent { auth: to.0, contact: to.1 });
        self.seal(&Letter::Reply { from: SeatSender { number: seat(n), auth: &auth }, to, message: &message })
    }

    /// Seals a seat's receipt to a source.
    pub fn receipt(&mut self, n: u8, number: u64, names: &[LetterName], to: (AuthPublicKey, &Contact)) -> Sealed {
        let receipts = List::new(names.to_vec()).unwrap();
        let message = Receipt { day: TODAY, number: Number::new(number).unwrap(), receipts };
        let (auth, to) = (self.auth_key(n), Correspondent { auth: to.0, contact: to.1 });
        self.seal(&Letter::Receipt { from: SeatSender { number: seat(n), auth: &auth }, to, message: &message })
    }

    /// Seals a cover.
    pub fn cover(&mut self) -> Sealed {
        self.seal(&Letter::Cover)
    }

    fn seal(&mut self, letter: &Letter<'_>) -> Sealed {
        let directory = self.directory(TODAY);
        seal(letter, &directory.recipients(desk()).unwrap(), &mut self.rng).unwrap()
    }
}

/// The address of a relay on this machine.
#[must_use]
pub fn local(port: u16) -> Address {
    format!("ws://127.0.0.1:{port}").parse().unwrap()
}

fn somewhere() -> Addresses {
    Addresses::new(vec!["relay.example.org".parse().unwrap()]).unwrap()
}

fn root_key(seed: u8, n: u8) -> RootKey {
    RootKey::from_bytes([seed ^ n ^ 0x10; 32])
}

fn signing_key(seed: u8, n: u8) -> SeatSigningKey {
    SeatSigningKey::from_bytes([seed ^ n ^ 0x20; 32])
}

fn courier_key(seed: u8, n: u8) -> CourierKey {
    CourierKey::from_bytes([seed ^ n ^ 0x30; 32])
}
