//! A week of a store on a disk of its own; then the whole disk is searched, free blocks included, for what must be gone:
//! expired and burned envelopes and expired ids, in clear or under any key that is still there, and for the order in which
//! letters came.
//!
//! What lies under keys is read here from `docs/storage.md` alone, without a line of the relay's code.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test, which says what it has found"
)]

#[path = "../support/image.rs"]
mod image;
mod search;

use cssr_proto::keys::RelayPublicKey;
use cssr_proto::parcel::BurnKey;
use cssr_proto::sizes::ENVELOPE;
use cssr_proto::{Day, Envelope, EnvelopeId};
use cssr_relay::store::{
    BurnOutcome, JournalConfig, JournalStore, Kind, Lives, Put, PutOutcome, Quotas, Shelf, SledConfig, SledStore,
    StatementName, Store,
};
use image::Image;
use rand_core::{Rng as _, SeedableRng as _};
use search::{Keys, Needles, keys_on, opened};
use std::collections::BTreeMap;
use std::path::Path;

type ChaCha20Rng = chacha20::ChaCha20Rng;

const RELAY: RelayPublicKey = RelayPublicKey([3; 32]);
const QUOTAS: Quotas = Quotas { letters: u64::MAX, chunks: u64::MAX };
const LIVES: Lives = Lives { letters: 2, chunks: 2 };
const FIRST: u32 = 20_000;
const DAYS: u32 = 9;
/// Letters of a day, listed in one batch: as many as show nothing of their order whatever came before.
const LETTERS: u64 = 128;
/// Chunks of a day, of which the first half is burned.
const CHUNKS: u64 = 32;
/// Bytes of the disk.
const DISK: u64 = 192 << 20;
/// Public, and never removed: what the search must find.
const STATEMENT: [u8; 64] = *b"a statement, which is public, and which everybody should find...";

/// What became of an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Alive,
    Burned,
    Expired,
}

/// Everything about an envelope follows from its seed.
fn put(kind: Kind, day: u32, number: u64) -> Put {
    let mut rng = ChaCha20Rng::seed_from_u64(u64::from(day) << 32 | u64::from(kind.byte()) << 24 | number);
    let mut envelope = vec![0; ENVELOPE];
    rng.fill_bytes(&mut envelope);
    let envelope = Envelope::from_slice(&envelope).unwrap();
    let id = EnvelopeId::random(&mut rng);
    let burn = (kind == Kind::Chunk).then(|| burn_key(number).hash());
    Put { day: Day(day), kind, id, burn, envelope }
}

fn burn_key(number: u64) -> BurnKey {
    BurnKey::from_bytes([number as u8 + 1; 32])
}

fn each_of_a_day() -> impl Iterator<Item = (Kind, u64)> {
    (0..LETTERS).map(|number| (Kind::Letter, number)).chain((0..CHUNKS).map(|number| (Kind::Chunk, number)))
}

fn fate(kind: Kind, day: u32, number: u64) -> Fate {
    if FIRST + DAYS - 1 - day > LIVES.letters {
        Fate::Expired
    } else if kind == Kind::Chunk && number < CHUNKS / 2 {
        Fate::Burned
    } else {
        Fate::Alive
    }
}

fn journal(folder: &Path, seed: u64) -> JournalStore {
    let config = JournalConfig { directory: folder.join("store"), relay: RELAY, quotas: QUOTAS };
    JournalStore::open(&config, ChaCha20Rng::seed_from_u64(seed)).unwrap()
}

fn sled(folder: &Path, seed: u64) -> SledStore {
    let config = SledConfig { directory: folder.join("store"), relay: RELAY, quotas: QUOTAS };
    SledStore::open(&config, ChaCha20Rng::seed_from_u64(seed)).unwrap()
}

/// One day: what is posted, listed and burned.
async fn live_through<S: Store>(store: &S, day: u32) {
    store.expire(Day(day), LIVES).await.unwrap();
    for (kind, number) in each_of_a_day() {
        // One after the other, so that there is an order.
        assert_eq!(store.put(put(kind, day, number)).await.unwrap(), PutOutcome::Stored);
    }
    for kind in [Kind::Letter, Kind::Chunk] {
        assert!(store.seal(kind).await.unwrap().is_some());
    }
    for number in 0..CHUNKS / 2 {
        let id = put(Kind::Chunk, day, number).id;
        assert_eq!(store.burn(id, burn_key(number)).await.unwrap(), BurnOutcome::Burned);
    }
}

/// A week with stops in good order, without one, and losses of power if the store can live through one in this process.
/// Gives the disk.
fn a_week<S: Store>(cuts: bool, open: impl Fn(&Path, u64) -> S, look: impl FnOnce(&Path)) -> Vec<u8> {
    let mut image = Image::of(DISK);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for day in FIRST..FIRST + DAYS {
        let store = open(&image.disk(), day.into());
        runtime.block_on(async {
            if day == FIRST {
                let name = StatementName::new("statement").unwrap();
                store.put_statement(Shelf::Notes, name, STATEMENT.to_vec()).await.unwrap();
            }
            live_through(&store, day).await;
        });
        match day % 3 {
            0 => runtime.block_on(store.close()).unwrap(),
            1 => drop(store),
            _ if !cuts => {}
            _ => {
                image.cut();
                drop(store);
                image.restart();
            }
        }
    }
    look(&image.disk().join("store"));
    image.contents()
}

/// Where each envelope stands is told by the first bytes of its body.
fn bodies() -> BTreeMap<[u8; 16], (Fate, Kind, u32, u64)> {
    let day = |day: u32| {
        each_of_a_day().map(move |(kind, number)| {
            let envelope = put(kind, day, number).envelope;
            (*envelope.as_bytes().first_chunk().unwrap(), (fate(kind, day, number), kind, day, number))
        })
    };
    (FIRST..FIRST + DAYS).flat_map(day).collect()
}

fn ids() -> BTreeMap<[u8; 16], Fate> {
    let day = |day: u32| {
        each_of_a_day().map(move |(kind, number)| (*put(kind, day, number).id.as_bytes(), fate(kind, day, number)))
    };
    (FIRST..FIRST + DAYS).flat_map(day).collect()
}

/// Pieces of every envelope, and every id: what must not be there in clear, whatever became of it.
fn in_clear() -> Needles {
    let mut needles = Needles::default();
    for day in FIRST..FIRST + DAYS {
        for (kind, number) in each_of_a_day() {
            let put = put(kind, day, number);
            put.envelope.as_bytes().chunks_exact(1_024).for_each(|piece| needles.add(*piece.first_chunk().unwrap()));
            needles.add(*put.id.as_bytes());
        }
    }
    needles
}

fn nothing_is_in_clear(disk: &[u8]) {
    let mut statement = Needles::default();
    statement.add(*STATEMENT.first_chunk().unwrap());
    assert!(statement.count_in(disk) > 0, "the search finds what is there");
    assert_eq!(in_clear().count_in(disk), 0, "envelopes or ids in clear");
}

#[test]
#[ignore = "needs loop-device"]
fn nothing_that_expired_or_was_burned_is_left_on_the_disk() {
    let mut order = Vec::new();
    let disk = a_week(true, journal, |store| order = orders(store));
    nothing_is_in_clear(&disk);

    let keys = keys_on(&disk);
    // A sealed day has one key of each kind; those of two days ago, of yesterday and of today are there.
    assert!(keys.len() >= 6, "{} keys", keys.len());
    let (bodies, ids) = (bodies(), ids());
    let mut found: BTreeMap<Fate, usize> = BTreeMap::new();
    for block in opened(&disk, &keys) {
        if let Some((fate, ..)) = bodies.get(&block.body) {
            *found.entry(*fate).or_default() += 1;
        }
        for id in [block.id_of_record, block.id_of_mark] {
            // That a chunk was burned is known until its day expires.
            assert_ne!(ids.get(&id), Some(&Fate::Expired), "an expired id under a key that is there");
        }
    }
    eprintln!("{} keys; bodies that open: {found:?}", keys.len());
    let alive = bodies.values().filter(|(fate, ..)| *fate == Fate::Alive).count();
    assert_eq!(found, BTreeMap::from([(Fate::Alive, alive)]), "each that lives, once, and nothing else");

    nothing_tells_the_order(&order);
}

#[test]
#[ignore = "needs loop-device"]
fn plain_sled_leaves_nothing_in_clear() {
    // It panics again while it is dropped if its files fail.
    nothing_is_in_clear(&a_week(false, sled, |_| ()));
}

/// The letters of each day that is there, in the order of arrival: position in the journal, nonce.
fn orders(store: &Path) -> Vec<(Vec<u128>, Vec<u128>)> {
    let mut orders = Vec::new();
    let bodies = bodies();
    for day in FIRST + DAYS - 1 - LIVES.letters..FIRST + DAYS {
        let journal = std::fs::read(store.join(format!("days/letters-{day}/journal"))).unwrap();
        let keys = keys_on(&std::fs::read(store.join(format!("keys/letters-{day}.key"))).unwrap());
        let mut letters = BTreeMap::new();
        for block in opened(&journal, &keys) {
            if let Some((_, Kind::Letter, of, number)) = bodies.get(&block.body) {
                assert_eq!(*of, day);
                letters
                    .insert(*number, (block.offset as u128, u128::from_be_bytes(*block.nonce.first_chunk().unwrap())));
            }
        }
        assert_eq!(letters.len() as u64, LETTERS);
        orders.push(letters.into_values().unzip());
    }
    orders
}

/// Spearman's rank correlation of what an attacker sees with the order of arrival.
fn correlation(seen: &[u128]) -> f64 {
    let mut sorted = seen.to_vec();
    sorted.sort_unstable();
    let rank = |value: &u128| sorted.binary_search(value).unwrap() as f64;
    let n = seen.len() as f64;
    let squares: f64 = seen.iter().zip(0..).map(|(value, place)| (rank(value) - f64::from(place)).powi(2)).sum();
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}

/// For 128 letters in random order the correlation has a standard deviation of 1/sqrt(127); six of them are exceeded once
/// in 500 million.
const CHANCE: f64 = 6.0 * 0.0888;

fn nothing_tells_the_order(orders: &[(Vec<u128>, Vec<u128>)]) {
    for (positions, nonces) in orders {
        for seen in [positions, nonces] {
            let found = correlation(seen);
            assert!(found.abs() < CHANCE, "{found}");
        }
        // Nor is it first one part of the file, then the other.
        let (first, later) = positions.split_at(positions.len() / 2);
        let mut all = positions.clone();
        all.sort_unstable();
        let half = all[all.len() / 2];
        let low = |some: &[u128]| some.iter().filter(|position| **position < half).count();
        assert!(low(first).abs_diff(low(later)) < 40, "{} and {}", low(first), low(later));
    }
    assert_eq!(orders.len() as u32, LIVES.letters + 1);
}

#[test]
fn an_order_that_is_there_is_found() {
    let rising: Vec<u128> = (0..u128::from(LETTERS)).map(|n| n * 16_384).collect();
    assert!(correlation(&rising) > 0.99);
    let nearly: Vec<u128> = rising.iter().map(|n| n + (n / 16_384 * 7_919 % 61) * 16_384).collect();
    assert!(correlation(&nearly) > CHANCE, "also if it is blurred: {}", correlation(&nearly));
    let falling: Vec<u128> = rising.into_iter().rev().collect();
    assert!(correlation(&falling) < -0.99);
}

#[test]
fn the_search_reads_what_the_documents_say() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = journal(folder.path(), 1);
        live_through(&store, FIRST).await;
        store.close().await.unwrap();
    });
    let read = |name: &str| std::fs::read(folder.path().join("store").join(name)).unwrap();
    let keys: Keys = keys_on(&read(&format!("keys/letters-{FIRST}.key")));
    assert!(!keys.is_empty());
    let journal = read(&format!("days/letters-{FIRST}/journal"));
    let (bodies, ids) = (bodies(), ids());
    let by_body = opened(&journal, &keys).filter(|block| bodies.contains_key(&block.body)).count();
    let by_id = opened(&journal, &keys).filter(|block| ids.contains_key(&block.id_of_record)).count();
    assert_eq!((by_body as u64, by_id as u64), (LETTERS, LETTERS));
}
