//! A real relay in this process, on a port of its own, that an office has opened.

use crate::caller::{Caller, Held};
use crate::office::{Office, TODAY};
use crate::people::Source;
use cssr_proto::Day;
use cssr_proto::index::{Head, letter_genesis};
use cssr_proto::keys::RelaySecretKey;
use cssr_proto::letter::Sealed;
use cssr_relay::store::{MemoryStore, Quotas};
use cssr_relay::{Config, Handle, ManualClock, Relay};
use std::sync::Arc;
use tokio::net::TcpListener;

/// A relay that sources can use. It ends with the test.
#[derive(Debug)]
pub struct Honest {
    /// Where it listens.
    pub port: u16,
    /// Its office.
    pub office: Office,
    handle: Handle,
}

/// The key of relay `seed`.
#[must_use]
pub fn relay_key(seed: u8) -> RelaySecretKey {
    RelaySecretKey::from_bytes([seed ^ 0x70; 32])
}

impl Honest {
    /// The relay of office `seed`, with a valid note of [`TODAY`].
    pub async fn open(seed: u8) -> Self {
        let relay = Self::serve(Office::new(seed, relay_key(seed).public()), relay_key(seed)).await;
        relay.confirm().await;
        relay
    }

    /// Couriers 0 and 1 publish a note about the chain's beginning.
    pub async fn confirm(&self) {
        self.confirm_on(TODAY, 0).await;
    }

    /// The same on a day, with a serial number.
    pub async fn confirm_on(&self, day: Day, serial: u64) {
        let directory = self.office.directory(day);
        let genesis = Head::genesis(letter_genesis(&self.office.roster().relay.key));
        let note = self.office.note(&directory, serial, genesis);
        self.courier(0).await.publish_note(&note, &directory).await;
    }

    /// A relay that knows the office's statements and no note yet.
    pub async fn serve(office: Office, key: RelaySecretKey) -> Self {
        Self::with_room_for(1_000_000, office, key).await
    }

    /// The same with room for so many letters.
    pub async fn with_room_for(letters: u64, office: Office, key: RelaySecretKey) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let store = MemoryStore::new(&key.public(), Quotas { letters, chunks: 10 });
        let clock = Arc::new(ManualClock::new(TODAY));
        let (server, handle) = Relay::start(store, Config::new(office.card(port), key), clock).await.unwrap();
        tokio::spawn(server.serve(listener, std::future::pending()));
        let relay = Self { port, office, handle };
        Caller::connect(port).await.publish_statements(&relay.office).await;
        relay
    }

    /// Lists what has arrived.
    pub async fn seal(&self) {
        self.handle.seal().await;
    }

    /// Seat 0 answers a source.
    pub async fn reply_to(&mut self, source: Source, text: &str) -> Sealed {
        let (key, contact) = source.contact();
        let reply = self.office.reply(0, 1, TODAY, text, (key, &contact));
        Caller::connect(self.port).await.post(&reply).await;
        reply
    }

    /// A session as courier `n`.
    pub async fn courier(&self, n: u8) -> Caller {
        Caller::courier(self.port, &self.office, n).await
    }

    /// Seals, and tells what it holds from batch `from` on.
    pub async fn held(&self, from: u64) -> Held {
        self.seal().await;
        self.courier(1).await.drain(from).await
    }
}
