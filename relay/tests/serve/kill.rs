//! kill -9 while the relay works: nothing that was acknowledged is lost, nothing that was announced changes.

use crate::client::{Client, chunk, envelope, id, letter};
use crate::process::{Running, SEAL_AT_ONCE, configured, today};
use cssr_proto::EnvelopeId;
use cssr_proto::frame::EnvelopeKind;
use cssr_proto::index::{Batch, Group, Head, chunk_genesis, letter_genesis};
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::request::{NextBatches, Request};
use cssr_proto::response::Response;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const FROM_START: NextBatches = NextBatches { letters: 1, chunks: 1 };
const CONNECTIONS: u64 = 8;
const CYCLES: u64 = 4;

/// Letters and chunks that were acknowledged, by seed.
type Acknowledged = Arc<Mutex<Vec<u64>>>;
/// Batches that somebody was shown, by kind and number.
type Announced = Arc<Mutex<BTreeMap<(u8, u64), Batch>>>;

fn post_of(seed: u64) -> Request {
    if seed.is_multiple_of(4) { chunk(seed) } else { letter(seed) }
}

/// Posts until the relay is gone.
async fn post_until_the_end(address: SocketAddr, first: u64, acknowledged: Acknowledged) {
    let Some(mut client) = Client::try_connect(address).await else { return };
    let (mut sent, mut answered) = (first, first);
    loop {
        while sent < answered + 12 {
            if !client.try_send(post_of(sent)).await {
                break;
            }
            sent += 1;
        }
        match client.try_receive().await {
            None => return,
            Some(Response::Posted) => acknowledged.lock().unwrap().push(answered),
            Some(other) => panic!("{other:?}"),
        }
        answered += 1;
    }
}

fn announce(announced: &Announced, kind: EnvelopeKind, batch: &Batch) {
    let mut announced = announced.lock().unwrap();
    let first = announced.entry((kind.byte(), batch.number())).or_insert_with(|| batch.clone());
    assert_eq!(first, batch, "a batch has changed");
}

/// Watches, as a courier, until the relay is gone.
async fn watch_until_the_end(mut courier: Client, announced: Announced) {
    if !courier.try_send(Request::Watch(FROM_START)).await {
        return;
    }
    while let Some(response) = courier.try_receive().await {
        if let Response::Batch(kind, batch) = response {
            announce(&announced, kind, &batch);
        }
    }
}

/// Asks for the index, as sources do, until the relay is gone.
async fn look_until_the_end(mut source: Client, announced: Announced) {
    while source.try_send(Request::Index(today())).await {
        match source.try_receive().await {
            None => return,
            Some(Response::Index(index)) => {
                index.batches.iter().for_each(|batch| announce(&announced, EnvelopeKind::Letter, batch));
            }
            Some(other) => panic!("{other:?}"),
        }
    }
}

/// Watches until the mirror holds all of these seeds, intact. Gives the batches.
async fn watch_for(client: &mut Client, key: &RelayPublicKey, wanted: &[u64]) -> BTreeMap<(u8, u64), Batch> {
    let mut missing: BTreeMap<EnvelopeId, u64> = wanted.iter().map(|seed| (id(*seed), *seed)).collect();
    let mut heads = [Head::genesis(letter_genesis(key)), Head::genesis(chunk_genesis(key))];
    let mut listed = BTreeSet::new();
    let mut batches = BTreeMap::new();
    client.send(Request::Watch(FROM_START)).await;
    while !missing.is_empty() {
        match client.receive().await {
            Response::Batch(kind, batch) => {
                let head = &mut heads[usize::from(kind.byte() - 1)];
                *head = head.follow(&batch).unwrap();
                for id in batch.ids() {
                    assert!(listed.insert(*id), "an id is listed twice");
                }
                batches.insert((kind.byte(), batch.number()), batch);
            }
            Response::Envelope(one) => {
                if let Some(seed) = missing.remove(&one.id) {
                    assert!(one.frame.is_some_and(|frame| frame.envelope() == &envelope(seed)), "envelope {seed:x}");
                }
            }
            Response::CaughtUp(_) => {}
            other => panic!("{other:?}"),
        }
    }
    batches
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_under_load_loses_nothing_that_was_acknowledged_and_changes_nothing_that_was_announced() {
    let (folder, mut office, key) = configured(&format!("{SEAL_AT_ONCE}letters_max = 100000\n")).await;
    let (acknowledged, announced) = (Acknowledged::default(), Announced::default());
    for cycle in 0..CYCLES {
        let relay = Running::start(folder.path(), &["--log", "error"]).await;
        let address = relay.address;
        if cycle == 0 {
            office.open(async || Client::connect(address).await, Head::genesis(letter_genesis(&key))).await;
        }
        let before = announced.lock().unwrap().len();
        let mut courier = relay.client().await;
        office.become_courier(&mut courier, 0).await;
        let mut people = vec![
            tokio::spawn(watch_until_the_end(courier, Arc::clone(&announced))),
            tokio::spawn(look_until_the_end(relay.client().await, Arc::clone(&announced))),
        ];
        people.extend((0..CONNECTIONS).map(|n| {
            tokio::spawn(post_until_the_end(address, (cycle * CONNECTIONS + n) << 32, Arc::clone(&acknowledged)))
        }));
        // Killed at a moment that differs from cycle to cycle, always with everybody at work.
        let enough = (cycle as usize + 1) * 150 + 37 * cycle as usize;
        while acknowledged.lock().unwrap().len() < enough || announced.lock().unwrap().len() < before + 2 {
            tokio::task::yield_now().await;
        }
        relay.kill().await;
        for person in people {
            person.await.unwrap();
        }
    }
    let relay = Running::start(folder.path(), &[]).await;
    let wanted = acknowledged.lock().unwrap().clone();
    assert!(wanted.len() > 600);
    let mut courier = relay.client().await;
    office.become_courier(&mut courier, 0).await;
    let watching = watch_for(&mut courier, &key, &wanted);
    let batches = tokio::time::timeout(Duration::from_secs(60), watching).await.unwrap();
    let announced = announced.lock().unwrap().clone();
    assert!(announced.len() >= 2 * CYCLES as usize, "{}", announced.len());
    for (which, batch) in &announced {
        assert_eq!(batches.get(which), Some(batch), "batch {which:?} is another than was announced");
    }

    // And to sources, in the groups.
    let mut client = relay.client().await;
    let mut found = BTreeMap::new();
    for number in 0.. {
        let Response::Group(letters) = client.ask(Request::Group(Group { day: today(), number })).await else {
            panic!("no group")
        };
        let some: Vec<_> = letters.into_iter().flatten().collect();
        if some.is_empty() {
            break;
        }
        found.extend(some.into_iter().map(|letter| (*letter.id(), letter)));
    }
    for seed in wanted.iter().filter(|seed| !seed.is_multiple_of(4)) {
        assert!(found.get(&id(*seed)).is_some_and(|letter| letter.envelope() == &envelope(*seed)), "letter {seed:x}");
    }
    relay.stop("-TERM").await;
}
