//! An office with one desk, two seats and their couriers: the least that a relay needs before it takes letters.

use super::client::Client;
use super::engine::{relay_key, today};
use super::failure::RelayFailure;
use cssr_proto::index::{Head, letter_genesis};
use cssr_proto::keys::{CourierKey, PrekeySecret, RootKey, SeatAuthKey, SeatSigningKey};
use cssr_proto::publication::Publication;
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use cssr_proto::{
    Addresses, Bytes, Card, CheckedNote, Courier, CourierNumber, CourierProof, Day, Desk, Lineage, List, Number,
    Policy, Pool, Prekey, Relay, Root, Roster, Seat, SeatKey, SeatState, SeatStatement, Text, Unverified, commitment,
};
use std::fmt::Display;

/// Of the desk: a note needs the signatures of two couriers.
const SEATS: [u8; 2] = [0, 1];
/// Letters of a group.
pub(super) const GROUP: u64 = 4;

/// How many days letters stay that nobody counts on for longer, and how long the office's notes hold then.
const SHORT_LIFE: u64 = 3;
const SHORT_NOTE: u64 = 2;
/// Otherwise.
const LIFE: u64 = 14;
const NOTE: u64 = 3;

/// An office that has made all its statements, and what it publishes, in order.
#[derive(Debug)]
pub(super) struct Office {
    pool: Pool,
    card: Card,
    /// The day of its first statements, and of its last.
    begun: Day,
    today: Day,
    /// Notes that it has signed.
    notes: u64,
    publications: Vec<Publication>,
}

fn bad(error: impl Display) -> RelayFailure {
    RelayFailure::office(error)
}

fn number<const MIN: u64, const MAX: u64>(n: u64) -> Result<Number<MIN, MAX>, RelayFailure> {
    Number::new(n).map_err(bad)
}

fn list<T, L>(make: impl FnOnce(Vec<T>) -> Result<L, cssr_proto::Malformed>, all: Vec<T>) -> Result<L, RelayFailure> {
    make(all).map_err(bad)
}

fn root_key(n: u8) -> RootKey {
    RootKey::from_bytes([0x10 + n; 32])
}

fn signing_key(seat: u8) -> SeatSigningKey {
    SeatSigningKey::from_bytes([0x20 + seat; 32])
}

fn courier_key(courier: u8) -> CourierKey {
    CourierKey::from_bytes([0x30 + courier; 32])
}

fn courier(n: u8) -> Result<CourierNumber, RelayFailure> {
    number(n.into())
}

impl Office {
    /// The office, as of today.
    pub(super) fn new() -> Result<Self, RelayFailure> {
        Self::with_lives(LIFE, NOTE)
    }

    /// One whose letters stay for three days.
    pub(super) fn of_short_lives() -> Result<Self, RelayFailure> {
        Self::with_lives(SHORT_LIFE, SHORT_NOTE)
    }

    fn with_lives(letters: u64, notes: u64) -> Result<Self, RelayFailure> {
        let root = Root { key: root_key(0).public(), commitment: commitment(&root_key(1).public()) };
        let addresses = list(Addresses::new, vec!["relay.example.org".parse().map_err(bad)?])?;
        let card = Card::new(root.fingerprint(), addresses.clone());
        let (pool, begun) = (Pool::new(root.fingerprint()), today());
        let mut office = Self { pool, card, begun, today: begun, notes: 0, publications: Vec::new() };
        office.issue_roster(root, addresses, letters, notes)?;
        office.make_statements()?;
        Ok(office)
    }

    /// What holds from another day on, in the place of what was to be published before.
    pub(super) fn renew(&mut self, today: Day) -> Result<(), RelayFailure> {
        self.today = today;
        self.publications.clear();
        self.make_statements()
    }

    fn make_statements(&mut self) -> Result<(), RelayFailure> {
        let statements = SEATS.into_iter().map(|n| self.seat_statements(n)).collect::<Result<Vec<_>, _>>()?;
        let statements: Vec<_> = statements.into_iter().flatten().collect();
        self.publications.push(Publication::SeatStatements(list(List::new, statements)?));
        self.sign_note()
    }

    /// Its card, as text.
    pub(super) fn card(&self) -> String {
        self.card.to_string()
    }

    /// Publishes everything at a relay, which then takes letters.
    pub(super) async fn publish(&self, address: std::net::SocketAddr) -> Result<(), RelayFailure> {
        for publication in &self.publications {
            let mut client = Client::connect(address).await?;
            if matches!(publication, Publication::Note(..)) {
                self.become_courier(&mut client).await?;
            }
            match client.ask(Request::Publish(publication.clone())).await? {
                Response::Published => {}
                other => return Err(bad(format!("the relay answered a publication with {other:?}"))),
            }
        }
        Ok(())
    }

    /// Makes a session that of the first courier.
    pub(super) async fn become_courier(&self, client: &mut Client) -> Result<(), RelayFailure> {
        let roster = self.pool.roster().ok_or_else(|| bad("no roster"))?;
        let proof = CourierProof::sign(roster, courier(0)?, &courier_key(0), client.handshake_hash(), client.day());
        let CourierProof { courier, signature } = proof.map_err(bad)?;
        match client.ask(Request::Courier { courier, signature }).await? {
            Response::Courier => Ok(()),
            other => Err(bad(format!("the relay answered a courier with {other:?}"))),
        }
    }

    fn issue_roster(
        &mut self,
        root: Root,
        addresses: Addresses,
        letter_days: u64,
        note_days: u64,
    ) -> Result<(), RelayFailure> {
        let (from, through) = (self.begun.minus(10), self.begun.plus(300));
        let (mut seats, mut couriers) = (Vec::new(), Vec::new());
        for n in SEATS {
            seats.push(Seat {
                number: number(n.into())?,
                label: Text::new(format!("seat {n}")).map_err(bad)?,
                signing_key: signing_key(n).public(),
                from,
                through,
                state: SeatState::Active,
            });
            couriers.push(Courier {
                number: courier(n)?,
                label: Text::new(format!("courier {n}")).map_err(bad)?,
                desk: number(0)?,
                seat: number(n.into())?,
                key: courier_key(n).public(),
                from,
                through,
            });
        }
        let name = Text::new("Protection").map_err(bad)?;
        let desk = Desk { number: number(0)?, name, seats: list(List::new, seats)? };
        let roster = Roster {
            name: Text::new("Office").map_err(bad)?,
            lineage: Lineage::new(vec![root]).map_err(bad)?,
            number: number(1)?,
            issued: from,
            expires: through,
            previous: None,
            desks: list(List::new, vec![desk])?,
            couriers: list(List::new, couriers)?,
            relay: Relay { key: relay_key().public(), addresses },
            policy: Policy {
                letter_days: number(letter_days)?,
                chunk_days: number(letter_days / 2)?,
                group: number(GROUP)?,
                note_days: number(note_days)?,
                rounds: number(2)?,
            },
            page: None,
            forms: None,
        };
        let signed = roster.sign(&root_key(0)).map_err(bad)?;
        self.pool.accept_roster(Unverified::from_bytes(signed.bytes()).map_err(bad)?, self.today).map_err(bad)?;
        self.publications.push(Publication::Roster(Bytes::new(signed.bytes()).map_err(bad)?));
        Ok(())
    }

    /// A seat's key and its prekeys of this week and the next.
    fn seat_statements<const MAX: usize>(&mut self, seat: u8) -> Result<Vec<Bytes<MAX>>, RelayFailure> {
        let roster = self.pool.roster().ok_or_else(|| bad("no roster"))?.clone();
        let (office, desk, signer) = (roster.office(), number(0)?, signing_key(seat));
        let number = number(seat.into())?;
        let (from, through) = (self.begun.minus(1), self.begun.plus(90));
        let key = SeatAuthKey::from_bytes([0x50 + seat; 32]).public();
        let key = SeatKey { office, desk, seat: number, from, through, key };
        let mut statements = vec![key.sign(&roster, &signer).map_err(bad)?.bytes().to_vec()];
        for epoch in [self.today.epoch(), self.today.epoch().plus(1)] {
            let key = PrekeySecret::from_bytes([0x60 + seat; 32]).public();
            let prekey = Prekey { office, desk, seat: number, epoch, key };
            statements.push(prekey.sign(&roster, &signer).map_err(bad)?.bytes().to_vec());
        }
        for statement in &statements {
            let statement = SeatStatement::from_bytes(statement).map_err(bad)?;
            self.pool.accept_seat_statement(statement, self.today).map_err(bad)?;
        }
        statements.into_iter().map(|bytes| Bytes::new(bytes).map_err(bad)).collect()
    }

    fn sign_note(&mut self) -> Result<(), RelayFailure> {
        let directory = self.pool.directory(self.today).map_err(bad)?;
        let head = Head::genesis(letter_genesis(&relay_key().public()));
        self.notes += 1;
        let mut note = directory.sign_note(self.notes, head, None, courier(0)?, &courier_key(0)).map_err(bad)?;
        if let CheckedNote::Proposed(proposed) = note {
            note = proposed.add_signature(directory.roster(), courier(1)?, &courier_key(1)).map_err(bad)?;
        }
        let note = note.valid().ok_or_else(|| bad("the note wants more signatures"))?;
        let directory = Bytes::new(directory.bytes()).map_err(bad)?;
        self.publications.push(Publication::Note(Bytes::new(note.bytes()).map_err(bad)?, Some(directory)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_office_has_all_that_a_relay_needs() {
        let office = Office::new().unwrap();
        assert!(matches!(
            office.publications.as_slice(),
            [Publication::Roster(_), Publication::SeatStatements(_), Publication::Note(_, Some(_))]
        ));
        assert!(office.card().starts_with("cssr:"));
    }
}
