//! An office with one desk of two seats and a courier each, and a relay in this process that serves it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests: what fails here fails the test"
)]
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of this")]

use cssr_client::link::{Handshake, Link};
use cssr_client::transport::{Dialer, Socket};
use cssr_client::visit::{Draft, Plan, Want};
use cssr_proto::index::{Group, GroupSize, Head, letter_genesis};
use cssr_proto::keys::{
    ContactSecret, CourierKey, ParcelSecret, PrekeySecret, RelaySecretKey, ReplySecret, RootKey, SeatAuthKey,
    SeatSigningKey, SourceAuthKey,
};
use cssr_proto::letter::{Opened, SeatOpener};
use cssr_proto::message::Message;
use cssr_proto::publication::Publication;
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use cssr_proto::{
    Address, Addresses, Bytes, Card, CheckedNote, Courier, CourierProof, Day, Desk, Directory, Envelope, EnvelopeId,
    Lineage, List, Number, Policy, Pool, Prekey, Relay, Root, Roster, Seat, SeatKey, SeatState, SeatStatement,
    SourceKeys, Text, Unverified, ValidNote, commitment,
};
use cssr_relay::store::{MemoryStore, Quotas};
use cssr_relay::{Config, Handle, ManualClock};
use futures_util::{SinkExt as _, StreamExt as _};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message as Wire;
use zeroize::Zeroizing;

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
        Self::open_with(|_| {}).await
    }

    /// A relay that is configured otherwise.
    pub async fn open_with(change: impl FnOnce(&mut Config)) -> Self {
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
        let mut config = Config::new(card.clone(), relay_key);
        change(&mut config);
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

    /// Where it is.
    pub fn address(&self) -> Address {
        format!("ws://127.0.0.1:{}", self.port).parse().unwrap()
    }

    /// A visit's plan.
    pub fn plan(&self, keys: &SourceKeys, drafts: Vec<Draft>) -> Plan {
        let want = Want { drafts, ..Want::default() };
        Plan::new(self.card.clone(), self.card.office_if_first(), copy(keys), DAY, want)
    }

    /// The letters of the day that are listed, by asking for one group after the other, as everybody may.
    pub async fn letters(&self) -> Vec<(EnvelopeId, Envelope)> {
        let mut connection = Connection::open(&self.card).await;
        let mut letters = Vec::new();
        for number in 0.. {
            let answer = connection.ask(Request::Group(Group { day: DAY, number })).await;
            let Response::Group(group) = answer else { panic!("{answer:?}") };
            let found: Vec<_> = group.into_iter().flatten().collect();
            letters.extend(found.iter().map(|one| (*one.id(), Envelope::from_slice(one.envelope()).unwrap())));
            if found.is_empty() {
                break;
            }
        }
        letters
    }

    /// What a seat opens of letters; covers are `None`.
    pub fn open_as(&self, seat: u8, letters: &[(EnvelopeId, Envelope)]) -> Vec<Option<Opened>> {
        let (auth, prekey, office) = (seat_auth(seat), prekey(seat), self.directory.roster().office());
        let opener = SeatOpener::new(office, Number::new(0).unwrap(), Number::new(seat.into()).unwrap(), [&auth]);
        let open = |(id, envelope): &(EnvelopeId, Envelope)| {
            let opened = opener.open(id, envelope, [&prekey], &self.directory).unwrap();
            assert_eq!(opened.directory, self.directory.hash());
            matches!(opened.message, Message::Testimony(_)).then_some(opened)
        };
        letters.iter().map(open).collect()
    }
}

/// The system's generator.
pub type Rng = rand_core::UnwrapErr<getrandom::SysRng>;

pub fn rng() -> Rng {
    rand_core::UnwrapErr(getrandom::SysRng)
}

/// Keys of a source whose passphrase does not matter: deriving them takes a second.
pub fn some_source() -> SourceKeys {
    SourceKeys {
        auth: SourceAuthKey::generate(&mut rng()),
        reply: ReplySecret::generate(&mut rng()),
        contact: ContactSecret::generate(&mut rng()),
        parcel: ParcelSecret::generate(&mut rng()),
    }
}

/// The same keys again.
pub fn copy(keys: &SourceKeys) -> SourceKeys {
    SourceKeys {
        auth: SourceAuthKey::from_bytes(*keys.auth.expose()),
        reply: ReplySecret::from_bytes(*keys.reply.expose()),
        contact: ContactSecret::from_bytes(*keys.contact.expose()),
        parcel: ParcelSecret::from_bytes(*keys.parcel.expose()),
    }
}

/// A text for the only desk.
pub fn draft(text: &str) -> Draft {
    Draft { desk: Number::new(0).unwrap(), text: Zeroizing::new(text.to_owned()), language: None }
}

/// The text of a testimony.
pub fn text_of(opened: &Opened) -> &str {
    match &opened.message {
        Message::Testimony(testimony) => testimony.text.as_str(),
        other => panic!("{other:?} is no testimony"),
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
        let (handshake, first) = Handshake::start(&mut rng()).unwrap();
        socket.send(Wire::Binary(first.into())).await.unwrap();
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
            self.socket.send(Wire::Binary(message.into())).await.unwrap();
        }
        loop {
            let message = self.socket.next().await.unwrap().unwrap().into_data();
            if let Some(response) = self.link.receive(&message).unwrap() {
                return response;
            }
        }
    }
}
