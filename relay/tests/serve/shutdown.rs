//! Stopping in good order.

use crate::client::{Client, envelope, id, letter};
use crate::gate::Gate;
use crate::office::DAY;
use crate::rig::{Rig, memory_store, office, relay_key, relay_public_key};
use chacha20::ChaCha20Rng;
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use cssr_relay::store::{JournalConfig, JournalStore, Kind, Quotas, Store as _};
use cssr_relay::{Clock, Config, ManualClock, Relay, RunError};
use rand_core::SeedableRng as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Barrier;
use tokio::time::timeout;

const WRITERS: u64 = 4;

#[tokio::test]
async fn what_is_in_flight_is_answered_before_the_end() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    rig.store.shut();
    for seed in 0..5 {
        client.send(letter(seed)).await;
    }
    rig.store.puts(5).await;
    let store = rig.store.clone();
    let stopping = tokio::spawn(rig.stopping());
    store.open();
    for _ in 0..5 {
        assert_eq!(client.receive().await, Response::Posted);
    }
    client.ends().await;
    stopping.await.unwrap();
}

#[tokio::test]
async fn nobody_is_let_in_any_more() {
    let rig = Rig::open().await;
    let address = rig.address;
    rig.stop().await;
    assert!(Client::try_connect(address).await.is_none());
}

#[tokio::test]
async fn a_connection_that_does_not_end_is_cut() {
    let rig = Rig::open_with(|config| config.limits.shutdown_timeout = std::time::Duration::from_millis(100)).await;
    let mut client = rig.client().await;
    rig.store.shut();
    client.send(letter(1)).await;
    rig.store.puts(1).await;
    rig.stopping().await;
    client.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let config = JournalConfig {
        directory: folder.path().join("data"),
        relay: relay_public_key(),
        quotas: Quotas { letters: 1_000_000, chunks: 10 },
    };
    let open = || JournalStore::open(&config, ChaCha20Rng::seed_from_u64(1)).unwrap();
    // The store itself, not a gate, so that stopping closes it.
    let rig = Rig::with(Gate::closing(open()), office(), Arc::new(ManualClock::new(DAY)), |_| {}).await.opened().await;
    let acknowledged = Arc::new(AtomicU64::new(0));
    let ready = Arc::new(Barrier::new(WRITERS as usize + 1));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (address, ready, acknowledged) = (rig.address, Arc::clone(&ready), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                let mut client = Client::connect(address).await;
                let mut posted = Vec::new();
                let mut sent = 0;
                loop {
                    while sent < posted.len() as u64 + 16 && client.try_send(letter(writer << 32 | sent)).await {
                        sent += 1;
                    }
                    match client.try_receive().await {
                        Some(Response::Posted) => posted.push(writer << 32 | posted.len() as u64),
                        Some(other) => panic!("{other:?}"),
                        None => return posted,
                    }
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                    if posted.len() == 50 {
                        ready.wait().await;
                    }
                }
            })
        })
        .collect();
    // All of them are in the middle of posting.
    ready.wait().await;
    rig.handle.seal().await;
    rig.stop().await;
    let store = open();
    let mut found = 0;
    for writer in writers {
        for seed in writer.await.unwrap() {
            let held = store.get(Kind::Letter, None, &[id(seed)]).await.unwrap();
            assert!(held[0].as_ref().is_some_and(|held| held.as_bytes() == &envelope(seed)), "letter {seed:x} is lost");
            found += 1;
        }
    }
    assert_eq!(found, acknowledged.load(Ordering::Relaxed));
    assert!(found >= 50 * WRITERS);
}

#[tokio::test]
async fn sessions_that_only_exist_do_not_hold_the_relay_up() {
    let rig = Rig::open().await;
    let mut idle = rig.client().await;
    assert!(matches!(idle.ask(Request::Note).await, Response::Note(_)));
    let greeting = crate::client::websocket(rig.address).await;
    let begun = std::time::Instant::now();
    let stopping = tokio::spawn(rig.stopping());
    idle.ends().await;
    stopping.await.unwrap();
    assert!(begun.elapsed() < std::time::Duration::from_secs(5));
    drop(greeting);
}

/// A clock of which nobody can await more than some moments.
struct Breaks(AtomicU64);

impl Clock for Breaks {
    fn wall(&self) -> Duration {
        Duration::from_secs(u64::from(DAY.0) * 86_400)
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep_until(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        assert!(self.0.fetch_sub(1, Ordering::Relaxed) > 0, "a fault");
        Box::pin(tokio::time::sleep(Duration::from_millis(1)))
    }
}

/// It would go on to acknowledge what is never listed, and to keep what should be destroyed.
#[tokio::test]
async fn a_relay_whose_sealer_has_ended_ends_too() {
    let config = Config::new(office().card(), relay_key());
    let store = Gate::closing(memory_store());
    let (relay, _handle) = Relay::start(store, config, Arc::new(Breaks(AtomicU64::new(3)))).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serving = relay.serve(listener, std::future::pending());
    let ended = timeout(Duration::from_secs(30), serving).await.expect("it ends");
    assert!(matches!(ended, Err(RunError::Sealer)), "{ended:?}");
}
