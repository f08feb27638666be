//! An office with one desk of two seats and a courier each, and a relay that serves it.

use cssr_client::link::{Handshake, Link};
use cssr_client::transport::{Dialer, Socket};
use cssr_proto::index::{GroupSize, Head, letter_genesis};
use cssr_proto::keys::{CourierKey, PrekeySecret, RelaySecretKey, RootKey, SeatAuthKey, SeatSigningKey};
use cssr_proto::publication::Publication;
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use cssr_proto::{
    Addresses, Bytes, Card, CheckedNote, Courier, CourierProof, Day, Desk, Directory, Lineage, List, Number, Policy,
    Pool, Prekey, Relay, Root, Roster, Seat, SeatKey, SeatState, SeatStatement, Text, Unverified, ValidNote,
    commitment,
};
use cssr_relay::store::{MemoryStore, Quotas};
use cssr_relay::{Config, Handle, ManualClock};
use futures_util::{SinkExt as _, StreamExt as _};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

/// Monday, 2026-11-23.
pub const DAY: Day = Day(20_780);

pub struct Rig {
    pub card: Card,
    pub port: u16,
    pub handle: Handle,
    pub directory: Directory,
}

pub fn seat_auth(seat: u8) -> SeatAuthKey {
    SeatAuthKey::from_bytes([0x50 + seat; 32])
}

pub fn prekey(seat: u8) -> PrekeySecret {
    PrekeySecret::from_bytes([0x60 + seat; 32])
}

impl Rig {
    pub async fn open() -> Self {
        let relay_key = RelaySecretKey::from_bytes([9; 32]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = format!("ws://127.0.0.1:{port}").parse().unwrap();
        let addresses = Addresses::new(vec![address]).unwrap();
        let (root, next) = (RootKey::from_bytes([1; 32]), RootKey::from_bytes([2; 32]));
        let root_entry = Root { key: root.public(), commitment: commitment(&next.public()) };
        let card = Card::new(root_entry.fingerprint(), addresses.clone());

        let store = MemoryStore::new(&relay_key.public(), Quotas { letters: 10_000, chunks: 10 });
        let genesis = Head::genesis(letter_genesis(&relay_key.public()));
        let relay = Relay { key: relay_key.public(), addresses };
        let config = Config::new(card.clone(), relay_key);
        let clock = Arc::new(ManualClock::new(DAY));
        let (server, handle) = cssr_relay::Relay::start(store, config, clock as _).await.unwrap();
        tokio::spawn(server.serve(listener, std::future::pending()));

        let (publications, directory) = statements(&root, root_entry, relay, genesis);
        let mut connection = Connection::open(&card).await;
        for publication in publications {
            if matches!(publication, Publication::Note(..)) {
                connection = Connection::open(&card).await;
                connection.become_courier(&directory).await;
            }
            let answer = connection.ask(Request::Publish(publication)).await;
            assert!(matches!(answer, Response::Published), "{answer:?}");
        }
        Self { card, port, handle, directory }
    }
}

fn statements(root: &RootKey, entry: Root, relay: Relay, head: Head) -> (Vec<Publication>, Directory) {
    let (from, through) = (DAY.minus(5), DAY.plus(200));
    let signing = [SeatSigningKey::from_bytes([0x30; 32]), SeatSigningKey::from_bytes([0x31; 32])];
    let courier_keys = [CourierKey::from_bytes([0x40; 32]), CourierKey::from_bytes([0x41; 32])];
    let desk = Number::new(0).unwrap();
    let seat = |n: usize| Seat {
        number: Number::new(n as u64).unwrap(),
        label: Text::new(format!("seat {n}")).unwrap(),
        signing_key: signing[n].public(),
        from,
        through,
        state: SeatState::Active,
    };
    let courier = |n: usize| Courier {
        number: Number::new(n as u64).unwrap(),
        label: Text::new(format!("courier {n}")).unwrap(),
        desk,
        seat: Number::new(n as u64).unwrap(),
        key: courier_keys[n].public(),
        from,
        through,
    };
    let seats = List::new(vec![seat(0), seat(1)]).unwrap();
    let roster = Roster {
        name: Text::new("Office").unwrap(),
        lineage: Lineage::new(vec![entry]).unwrap(),
        number: Number::new(1).unwrap(),
        issued: from,
        expires: through,
        previous: None,
        desks: List::new(vec![Desk { number: desk, name: Text::new("Protection").unwrap(), seats }]).unwrap(),
        couriers: List::new(vec![courier(0), courier(1)]).unwrap(),
        relay,
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
    let roster = roster.sign(root).unwrap();
    let mut pool = Pool::new(entry.fingerprint());
    pool.accept_roster(Unverified::from_bytes(roster.bytes()).unwrap(), DAY).unwrap();
    let mut publications = vec![Publication::Roster(Bytes::new(roster.bytes()).unwrap())];
    for n in 0..2_u8 {
        let (office, number) = (roster.office(), Number::new(n.into()).unwrap());
        let key = SeatKey { office, desk, seat: number, from, through, key: seat_auth(n).public() };
        let weekly = Prekey { office, desk, seat: number, epoch: DAY.epoch(), key: prekey(n).public() };
        let signer = &signing[usize::from(n)];
        let statements = [
            key.sign(&roster, signer).unwrap().bytes().to_vec(),
            weekly.sign(&roster, signer).unwrap().bytes().to_vec(),
        ];
        for statement in &statements {
            pool.accept_seat_statement(SeatStatement::from_bytes(statement).unwrap(), DAY).unwrap();
        }
        let statements = statements.map(|bytes| Bytes::new(bytes).unwrap()).to_vec();
        publications.push(Publication::SeatStatements(List::new(statements).unwrap()));
    }
    let directory = pool.directory(DAY).unwrap();
    let note = note(&directory, head, &courier_keys);
    let (note, named) = (Bytes::new(note.bytes()).unwrap(), Bytes::new(directory.bytes()).unwrap());
    publications.push(Publication::Note(note, Some(named)));
    (publications, directory)
}

fn note(directory: &Directory, head: Head, couriers: &[CourierKey; 2]) -> ValidNote {
    let first = directory.sign_note(1, head, None, Number::new(0).unwrap(), &couriers[0]).unwrap();
    let CheckedNote::Proposed(proposed) = first else { panic!("one courier of two is not enough") };
    match proposed.add_signature(directory.roster(), Number::new(1).unwrap(), &couriers[1]).unwrap() {
        CheckedNote::Valid(note) => note,
        CheckedNote::Proposed(_) => panic!("two couriers of two seats are enough"),
    }
}

/// An anonymous session, for what staff publish and post.
pub struct Connection {
    socket: Socket,
    link: Link,
}

impl Connection {
    pub async fn open(card: &Card) -> Self {
        let mut socket = Dialer::default().connect(&card.addresses()[0]).await.unwrap();
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let (handshake, first) = Handshake::start(&mut rng).unwrap();
        socket.send(Message::Binary(first.into())).await.unwrap();
        let second = socket.next().await.unwrap().unwrap().into_data();
        let (link, _, _) = handshake.finish(&second).unwrap();
        Self { socket, link }
    }

    async fn become_courier(&mut self, directory: &Directory) {
        let (key, number) = (CourierKey::from_bytes([0x40; 32]), Number::new(0).unwrap());
        let proof =
            CourierProof::sign(directory.roster(), number, &key, self.link.handshake_hash().as_bytes(), DAY).unwrap();
        let answer = self.ask(Request::Courier { courier: number, signature: proof.signature }).await;
        assert!(matches!(answer, Response::Courier), "{answer:?}");
    }

    pub async fn ask(&mut self, request: Request) -> Response {
        self.link.request(request, GroupSize::new(4).unwrap());
        for message in self.link.outgoing().unwrap() {
            self.socket.send(Message::Binary(message.into())).await.unwrap();
        }
        loop {
            let message = self.socket.next().await.unwrap().unwrap().into_data();
            if let Some(response) = self.link.receive(&message).unwrap() {
                return response;
            }
        }
    }
}
