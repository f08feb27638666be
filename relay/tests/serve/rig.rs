//! A relay in this process, on a port of its own, with a clock that only the test moves.

use crate::client::Client;
use crate::gate::Gate;
use crate::office::{DAY, Office};
use cssr_proto::index::{Head, letter_genesis};
use cssr_proto::keys::{RelayPublicKey, RelaySecretKey};
use cssr_relay::store::{MemoryStore, Quotas, Store};
use cssr_relay::{Config, Handle, ManualClock, Monitor, Relay, RunError};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const SEED: u8 = 1;

pub struct Rig<S = MemoryStore> {
    pub address: SocketAddr,
    pub clock: Arc<ManualClock>,
    pub handle: Handle,
    pub monitor: Monitor,
    pub office: Office,
    pub store: Gate<S>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), RunError>>,
}

pub fn relay_key() -> RelaySecretKey {
    RelaySecretKey::from_bytes([9; 32])
}

pub fn relay_public_key() -> RelayPublicKey {
    relay_key().public()
}

pub fn genesis() -> Head {
    Head::genesis(letter_genesis(&relay_public_key()))
}

pub fn office() -> Office {
    Office::new(SEED, relay_public_key(), DAY)
}

pub fn memory_store() -> MemoryStore {
    memory_store_of(Quotas { letters: 1_000, chunks: 1_000 })
}

pub fn memory_store_of(quotas: Quotas) -> MemoryStore {
    MemoryStore::new(&relay_public_key(), quotas)
}

impl Rig {
    /// A relay that has heard nothing from its office.
    pub async fn new(change: impl FnOnce(&mut Config)) -> Self {
        Self::with(Gate::new(memory_store()), office(), Arc::new(ManualClock::new(DAY)), change).await
    }

    /// A relay that sources can use.
    pub async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    pub async fn open_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::new(change).await.opened().await
    }
}

impl<S: Store> Rig<S> {
    pub async fn with(
        store: Gate<S>,
        office: Office,
        clock: Arc<ManualClock>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config::new(office.card(), relay_key());
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (relay, handle) = Relay::start(store.clone(), config, Arc::clone(&clock) as _).await.unwrap();
        let monitor = relay.monitor();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(relay.serve(listener, async { drop(stopped.await) }));
        Self { address, clock, handle, monitor, office, store, stop, task }
    }

    pub async fn opened(mut self) -> Self {
        let address = self.address;
        self.office.open(async || Client::connect(address).await, genesis()).await;
        self
    }

    pub async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// A client that has become courier 0.
    pub async fn courier(&self) -> Client {
        let mut client = self.client().await;
        self.office.become_courier(&mut client, 0).await;
        client
    }

    /// Stops the relay and waits for its end; the store, the office and the clock are left.
    pub async fn stop(self) -> (Gate<S>, Office, Arc<ManualClock>) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
        (self.store, self.office, self.clock)
    }

    /// Begins to stop the relay; the future ends with it.
    pub fn stopping(self) -> impl Future<Output = ()> {
        self.stop.send(()).unwrap();
        async { self.task.await.unwrap().unwrap() }
    }

    pub async fn restart(self) -> Self {
        let (store, office, clock) = self.stop().await;
        Self::with(store, office, clock, |_| {}).await
    }
}
