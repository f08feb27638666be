//! A real relay in this process, on a port of its own, that an office has opened.

use crate::caller::{Caller, Held};
use crate::office::{Office, TODAY};
use cssr_proto::index::{Head, letter_genesis};
use cssr_proto::keys::RelaySecretKey;
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
        let office = Office::new(seed, relay_key(seed).public());
        let relay = Self::serve(office, relay_key(seed)).await;
        let mut courier = relay.courier(0).await;
        let directory = relay.office.directory(TODAY);
        let genesis = Head::genesis(letter_genesis(&relay.office.roster().relay.key));
        courier.publish_note(&relay.office.note(&directory, 0, genesis), &directory).await;
        relay
    }

    /// A relay that knows the office's statements and no note yet.
    pub async fn serve(office: Office, key: RelaySecretKey) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let store = MemoryStore::new(&key.public(), Quotas { letters: 1_000_000, chunks: 10 });
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

    /// A session as courier `n`.
    pub async fn courier(&self, n: u8) -> Caller {
        Caller::courier(self.port, &self.office, n).await
    }

    /// Seals, and tells what it holds from batch `from` on.
    pub async fn held(&self, from: u64) -> Held {
        self.seal().await;
        self.courier(2).await.drain(from).await
    }
}
