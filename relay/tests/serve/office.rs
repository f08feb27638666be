//! An office for tests: one desk with two seats, a courier for each.

use crate::client::Client;
use cssr_proto::index::Head;
use cssr_proto::keys::{CourierKey, PrekeySecret, RelayPublicKey, RootKey, SeatAuthKey, SeatSigningKey};
use cssr_proto::publication::Publication;
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use cssr_proto::{
    Addresses, Bytes, Card, CheckedNote, Courier, CourierNumber, CourierProof, Day, Desk, Directory, Lineage, List,
    Notice, Number, Policy, Pool, Prekey, ProposedNote, Relay, Root, Roster, Seat, SeatKey, SeatState, SeatStatement,
    Signed, Text, Unverified, ValidNote, commitment,
};

/// Monday, 2026-11-23.
pub const DAY: Day = Day(20_780);
pub const COURIERS: [u8; 2] = [0, 1];

/// An office with everything that it signs with.
pub struct Office {
    seed: u8,
    roster: Roster,
    pool: Pool,
    today: Day,
    serial: u64,
}

impl Office {
    /// The office `seed` with a relay; its first roster is valid from 10 days before `today`.
    pub fn new(seed: u8, relay: RelayPublicKey, today: Day) -> Self {
        let (from, through) = (today.minus(10), today.plus(300));
        let number = |n: u8| Number::new(n.into()).unwrap();
        let seats = COURIERS.map(|n| Seat {
            number: Number::new(n.into()).unwrap(),
            label: Text::new(format!("seat {n}")).unwrap(),
            signing_key: signing_key(seed, n).public(),
            from,
            through,
            state: SeatState::Active,
        });
        let couriers = COURIERS.map(|n| Courier {
            number: number(n),
            label: Text::new(format!("courier {n}")).unwrap(),
            desk: Number::new(0).unwrap(),
            seat: Number::new(n.into()).unwrap(),
            key: courier_key(seed, n).public(),
            from,
            through,
        });
        let desk = Desk {
            number: Number::new(0).unwrap(),
            name: Text::new("Protection").unwrap(),
            seats: List::new(seats.into()).unwrap(),
        };
        let root = Root { key: root_key(seed, 0).public(), commitment: commitment(&root_key(seed, 1).public()) };
        let roster = Roster {
            name: Text::new("Office").unwrap(),
            lineage: Lineage::new(vec![root]).unwrap(),
            number: Number::new(1).unwrap(),
            issued: from,
            expires: through,
            previous: None,
            desks: List::new(vec![desk]).unwrap(),
            couriers: List::new(couriers.into()).unwrap(),
            relay: Relay { key: relay, addresses: addresses() },
            policy: Policy {
                letter_days: Number::new(14).unwrap(),
                chunk_days: Number::new(7).unwrap(),
                group: Number::new(4).unwrap(),
                note_days: Number::new(3).unwrap(),
                rounds: Number::new(2).unwrap(),
            },
            page: None,
            forms: None,
        };
        let pool = Pool::new(root.fingerprint());
        Self { seed, roster, pool, today, serial: 0 }
    }

    /// The same with other lives of letters and chunks, in days.
    pub fn with_lives(mut self, letters: u32, chunks: u32) -> Self {
        let policy = &mut self.roster.policy;
        (policy.letter_days, policy.chunk_days) =
            (Number::new(letters.into()).unwrap(), Number::new(chunks.into()).unwrap());
        policy.note_days = Number::new(u64::from(letters - 1)).unwrap();
        self
    }

    /// The same on another day: what it publishes next is valid for as long from then on.
    pub fn on(mut self, today: Day) -> Self {
        let later = today.since(self.today);
        for day in [&mut self.roster.issued, &mut self.roster.expires] {
            *day = day.plus(later);
        }
        let mut couriers = self.roster.couriers.clone().into_vec();
        couriers.iter_mut().for_each(|courier| courier.through = courier.through.plus(later));
        self.roster.couriers = List::new(couriers).unwrap();
        let mut desks = self.roster.desks.clone().into_vec();
        for desk in &mut desks {
            let mut seats = desk.seats.clone().into_vec();
            seats.iter_mut().for_each(|seat| seat.through = seat.through.plus(later));
            desk.seats = List::new(seats).unwrap();
        }
        self.roster.desks = List::new(desks).unwrap();
        self.today = today;
        self
    }

    pub fn card(&self) -> Card {
        Card::new(self.roster.lineage.current().fingerprint(), addresses())
    }

    /// The statements that it has made so far.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    pub fn courier_key(&self, number: u8) -> CourierKey {
        courier_key(self.seed, number)
    }

    pub fn proof(&self, number: u8, client: &Client) -> CourierProof {
        let roster = self.pool.roster().unwrap();
        let key = self.courier_key(number);
        CourierProof::sign(roster, courier(number), &key, client.handshake_hash(), client.announcement.day).unwrap()
    }

    /// Signs the draft, takes it as its own, and makes the draft the one after it.
    pub fn sign_roster(&mut self) -> Signed<Roster> {
        let roster = self.roster.clone().sign(&root_key(self.seed, 0)).unwrap();
        let statement = Unverified::from_bytes(roster.bytes()).unwrap();
        self.pool.accept_roster(statement, self.today).unwrap();
        self.roster.previous = Some(roster.hash());
        self.roster.number = Number::new(self.roster.number.get() + 1).unwrap();
        roster
    }

    /// Strikes a courier from the draft.
    pub fn revoke_courier(&mut self, number: u8) {
        let mut couriers = self.roster.couriers.clone().into_vec();
        couriers.retain(|listed| listed.number != courier(number));
        self.roster.couriers = List::new(couriers).unwrap();
    }

    /// Gives a courier's number in the draft to another key.
    pub fn replace_courier(&mut self, number: u8) {
        let mut couriers = self.roster.couriers.clone().into_vec();
        for listed in couriers.iter_mut().filter(|listed| listed.number == courier(number)) {
            listed.key = courier_key(self.seed, 200).public();
        }
        self.roster.couriers = List::new(couriers).unwrap();
    }

    /// Lists another seat of the desk in the draft.
    pub fn add_seat(&mut self, number: u8) {
        let mut desks = self.roster.desks.clone().into_vec();
        let mut seats = desks[0].seats.clone().into_vec();
        seats.push(Seat {
            number: Number::new(number.into()).unwrap(),
            label: Text::new(format!("seat {number}")).unwrap(),
            signing_key: signing_key(self.seed, number).public(),
            ..seats[0].clone()
        });
        desks[0].seats = List::new(seats).unwrap();
        self.roster.desks = List::new(desks).unwrap();
    }

    /// Makes a day the last one of the draft.
    pub fn expire_on(&mut self, day: Day) {
        self.roster.expires = day;
    }

    /// Changes all seats of the desk in the draft.
    pub fn change_seats(&mut self, change: impl FnMut(&mut Seat)) {
        let mut desks = self.roster.desks.clone().into_vec();
        let mut seats = desks[0].seats.clone().into_vec();
        seats.iter_mut().for_each(change);
        desks[0].seats = List::new(seats).unwrap();
        self.roster.desks = List::new(desks).unwrap();
    }

    /// What a seat publishes: its key, and prekeys for this week and the next.
    pub fn seat_statements(&mut self, seat: u8) -> Vec<Vec<u8>> {
        let roster = self.pool.roster().unwrap().clone();
        let (desk, number) = (Number::new(0).unwrap(), Number::new(seat.into()).unwrap());
        let auth = SeatAuthKey::from_bytes([self.seed ^ seat ^ 0x50; 32]);
        let key = SeatKey {
            office: roster.office(),
            desk,
            seat: number,
            from: self.today.minus(1),
            through: self.today.plus(90),
            key: auth.public(),
        };
        let signer = signing_key(self.seed, seat);
        let mut statements = vec![key.sign(&roster, &signer).unwrap().bytes().to_vec()];
        for weeks in 0..2 {
            let secret = PrekeySecret::from_bytes([self.seed ^ seat ^ 0x60 ^ weeks as u8; 32]);
            let epoch = self.today.epoch().plus(weeks);
            let prekey = Prekey { office: roster.office(), desk, seat: number, epoch, key: secret.public() };
            statements.push(prekey.sign(&roster, &signer).unwrap().bytes().to_vec());
        }
        for statement in &statements {
            let statement = SeatStatement::from_bytes(statement).unwrap();
            self.pool.accept_seat_statement(statement, self.today).unwrap();
        }
        statements
    }

    pub fn directory(&self, day: Day) -> Directory {
        self.pool.directory(day).unwrap()
    }

    /// A note that only courier 0 has signed.
    pub fn proposed_note(&mut self, day: Day, head: Head) -> ProposedNote {
        self.serial += 1;
        self.proposed_again(day, head)
    }

    /// Another one with the serial of the last.
    pub fn proposed_again(&self, day: Day, head: Head) -> ProposedNote {
        let notice = Notice::new(format!("notice {}", self.serial)).unwrap();
        let note = self.directory(day).sign_note(self.serial, head, Some(notice), courier(0), &self.courier_key(0));
        match note.unwrap() {
            CheckedNote::Proposed(note) => note,
            CheckedNote::Valid(_) => panic!("one signature of two"),
        }
    }

    /// A note that both couriers have signed.
    pub fn note(&mut self, day: Day, head: Head) -> ValidNote {
        let note = self.proposed_note(day, head);
        self.second(&note)
    }

    /// A note that both couriers have signed, about another directory than the one that all statements make.
    pub fn note_of(&mut self, directory: &Directory, head: Head) -> ValidNote {
        self.serial += 1;
        let note = directory.sign_note(self.serial, head, None, courier(0), &self.courier_key(0)).unwrap();
        let CheckedNote::Proposed(note) = note else { panic!("one signature of two") };
        self.second(&note)
    }

    /// The same note with the second courier's signature.
    pub fn second(&self, note: &ProposedNote) -> ValidNote {
        let note = note.add_signature(self.pool.roster().unwrap(), courier(1), &self.courier_key(1));
        note.unwrap().valid().unwrap()
    }

    /// Publishes everything that a relay needs before sources can use it.
    pub async fn open(&mut self, connect: impl AsyncFn() -> Client, head: Head) {
        let mut client = connect().await;
        let roster = self.sign_roster();
        assert_eq!(client.ask(publish_roster(&roster)).await, Response::Published);
        for seat in COURIERS {
            let statements = self.seat_statements(seat);
            assert_eq!(client.ask(publish_seats(&statements)).await, Response::Published);
        }
        drop(client);
        let mut client = connect().await;
        self.become_courier(&mut client, 0).await;
        let note = self.note(self.today, head);
        let directory = self.directory(self.today);
        assert_eq!(client.ask(publish_note(note.bytes(), Some(&directory))).await, Response::Published);
    }

    pub async fn become_courier(&self, client: &mut Client, number: u8) {
        let CourierProof { courier, signature } = self.proof(number, client);
        assert_eq!(client.ask(Request::Courier { courier, signature }).await, Response::Courier);
    }
}

pub fn courier(number: u8) -> CourierNumber {
    Number::new(number.into()).unwrap()
}

pub fn publish_roster(roster: &Signed<Roster>) -> Request {
    Request::Publish(Publication::Roster(Bytes::new(roster.bytes()).unwrap()))
}

pub fn publish_seats(statements: &[Vec<u8>]) -> Request {
    let list = statements.iter().map(|bytes| Bytes::new(bytes.clone()).unwrap()).collect();
    Request::Publish(Publication::SeatStatements(List::new(list).unwrap()))
}

pub fn publish_note(note: &[u8], directory: Option<&Directory>) -> Request {
    let directory = directory.map(|directory| Bytes::new(directory.bytes()).unwrap());
    Request::Publish(Publication::Note(Bytes::new(note).unwrap(), directory))
}

fn addresses() -> Addresses {
    Addresses::new(vec!["relay.example.org".parse().unwrap()]).unwrap()
}

fn root_key(seed: u8, n: u8) -> RootKey {
    RootKey::from_bytes([seed ^ n ^ 0x10; 32])
}

fn signing_key(seed: u8, seat: u8) -> SeatSigningKey {
    SeatSigningKey::from_bytes([seed ^ seat ^ 0x20; 32])
}

fn courier_key(seed: u8, number: u8) -> CourierKey {
    CourierKey::from_bytes([seed ^ number ^ 0x30; 32])
}
