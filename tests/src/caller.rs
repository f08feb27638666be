//! A bare client that trusts whatever relay it reaches: for staff, and for looking at what a relay really holds.

use crate::office::{Office, TODAY, courier, local};
use cssr_client::link::{Handshake, Link};
use cssr_client::transport::{Dialer, Socket};
use cssr_proto::frame::EnvelopeKind;
use cssr_proto::index::{Batch, GroupSize};
use cssr_proto::letter::Sealed;
use cssr_proto::postage::Postage;
use cssr_proto::publication::Publication;
use cssr_proto::request::{NextBatches, Post, Request};
use cssr_proto::response::Response;
use cssr_proto::{Bytes, CourierProof, Directory, Envelope, List, Note, Signed};
use futures_util::{SinkExt as _, StreamExt as _};
use rand_core::SeedableRng as _;
use tokio_tungstenite::tungstenite::Message;

/// A session with a relay.
pub struct Caller {
    socket: Socket,
    link: Link,
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Caller(..)")
    }
}

/// What a relay has sealed: batches with their letters.
pub type Held = Vec<(Batch, Vec<Sealed>)>;

impl Caller {
    /// Connects to a relay on this machine.
    pub async fn connect(port: u16) -> Self {
        let mut socket = Dialer::default().connect(&local(port)).await.unwrap();
        let (handshake, first) = Handshake::start(&mut chacha20::ChaCha20Rng::seed_from_u64(7)).unwrap();
        socket.send(Message::Binary(first.into())).await.unwrap();
        let second = socket.next().await.unwrap().unwrap().into_data();
        let (link, _, _) = handshake.finish(&second).unwrap();
        Self { socket, link }
    }

    /// The same as courier `n`.
    pub async fn courier(port: u16, office: &Office, n: u8) -> Self {
        let mut caller = Self::connect(port).await;
        let hash = *caller.link.handshake_hash().as_bytes();
        let proof = CourierProof::sign(office.roster(), courier(n), &office.courier_key(n), &hash, TODAY).unwrap();
        let request = Request::Courier { courier: proof.courier, signature: proof.signature };
        assert_eq!(caller.ask(request).await, Response::Courier);
        caller
    }

    /// Asks, and waits for the answer or its first piece.
    pub async fn ask(&mut self, request: Request) -> Response {
        self.link.request(request, GroupSize::new(4).unwrap());
        for message in self.link.outgoing().unwrap() {
            self.socket.send(Message::Binary(message.into())).await.unwrap();
        }
        self.more().await
    }

    /// Waits for the next piece of an answer.
    pub async fn more(&mut self) -> Response {
        loop {
            let message = self.socket.next().await.unwrap().unwrap().into_data();
            if let Some(response) = self.link.receive(&message).unwrap() {
                return response;
            }
        }
    }

    /// Publishes what a relay needs of an office, but for the note.
    pub async fn publish_statements(&mut self, office: &Office) {
        for roster in office.rosters() {
            self.publish(Publication::Roster(Bytes::new(roster.bytes()).unwrap())).await;
        }
        for some in office.seat_statements().chunks(16) {
            let list = some.iter().map(|bytes| Bytes::new(bytes.clone()).unwrap()).collect();
            self.publish(Publication::SeatStatements(List::new(list).unwrap())).await;
        }
    }

    /// Publishes the office's newest roster alone.
    pub async fn publish_newest_roster(&mut self, office: &Office) {
        self.publish(Publication::Roster(Bytes::new(office.roster().bytes()).unwrap())).await;
    }

    /// Publishes a note; only a courier may.
    pub async fn publish_note(&mut self, note: &Signed<Note>, directory: &Directory) {
        let (note, directory) = (Bytes::new(note.bytes()).unwrap(), Bytes::new(directory.bytes()).unwrap());
        self.publish(Publication::Note(note, Some(directory))).await;
    }

    async fn publish(&mut self, publication: Publication) {
        assert_eq!(self.ask(Request::Publish(publication)).await, Response::Published);
    }

    /// Posts a letter.
    pub async fn post(&mut self, letter: &Sealed) {
        let post = Post::letter(letter.id, Postage::FREE, letter.envelope.as_bytes());
        assert_eq!(self.ask(Request::Post(post)).await, Response::Posted);
    }

    /// Everything that the relay has sealed from batch `from` on; only a courier may ask.
    pub async fn drain(&mut self, from: u64) -> Held {
        let mut held = Held::new();
        let mut piece = self.ask(Request::Drain(NextBatches { letters: from, chunks: 1 })).await;
        loop {
            match piece {
                Response::Batch(EnvelopeKind::Letter, batch) => held.push((batch, Vec::new())),
                Response::Envelope(mirrored) => {
                    let frame = mirrored.frame.unwrap();
                    let envelope = Envelope::from_slice(frame.envelope()).unwrap();
                    held.last_mut().unwrap().1.push(Sealed { id: mirrored.id, envelope });
                }
                Response::CaughtUp(_) => return held,
                other => panic!("{other:?}"),
            }
            piece = self.more().await;
        }
    }
}
