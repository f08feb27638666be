//! A week of a store on a disk of its own; then the whole disk is searched, free blocks included, for what must be gone:
//! expired and burned envelopes and expired ids, in clear or under any key that is still there, and for the order in which
//! letters and chunks came.
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

mod ext4;
#[path = "../support/image.rs"]
mod image;
mod large;
mod order;
mod search;
mod times;

use cssr_proto::keys::RelayPublicKey;
use cssr_proto::parcel::BurnKey;
use cssr_proto::sizes::ENVELOPE;
use cssr_proto::{Day, Envelope, EnvelopeId};
use cssr_relay::store::{
    BurnOutcome, JournalConfig, JournalStore, Kind, Lives, Put, PutOutcome, Quotas, Shelf, SledConfig, SledStore,
    StatementName, Store,
};
use image::Image;
use order::{Seen, chance, correlation};
use rand_core::{Rng as _, SeedableRng as _};
use rustix::fs::{FallocateFlags, fallocate};
use search::{Keys, Needles, keys_on, opened};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

type ChaCha20Rng = chacha20::ChaCha20Rng;

const RELAY: RelayPublicKey = RelayPublicKey([3; 32]);
const QUOTAS: Quotas = Quotas { letters: u64::MAX, chunks: u64::MAX };
const LIVES: Lives = Lives { letters: 2, chunks: 2 };
const FIRST: u32 = 20_000;
const DAYS: u32 = 9;
/// Letters of a day, listed in one batch: as many as show nothing of their order whatever came before.
const LETTERS: u64 = 128;
/// Chunks of a day, of which the first are burned.
const CHUNKS: u64 = 128;
const BURNED: u64 = 32;
/// Envelopes of a day that come before it is interrupted.
const HALF: usize = (LETTERS + CHUNKS) as usize / 2;
/// Bytes of a record of the journal.
const RECORD: u64 = 16_384;
/// Bytes of the disk.
const DISK: u64 = 96 << 20;
/// Public, and never removed: what the search must find.
/// Not as long as a key, which a framed one would be taken for.
const STATEMENT: [u8; 65] = *b"a statement, which is public, and which everybody should find....";

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
    BurnKey::from_bytes([(number as u8).wrapping_add(1); 32])
}

fn each_of_a_day() -> impl Iterator<Item = (Kind, u64)> {
    // In turns, so that whatever happens in the middle happens in the middle of both.
    let turns = (0..LETTERS.max(CHUNKS)).flat_map(|number| [(Kind::Letter, number), (Kind::Chunk, number)]);
    turns.filter(|(kind, number)| *number < if *kind == Kind::Letter { LETTERS } else { CHUNKS })
}

fn fate(kind: Kind, day: u32, number: u64) -> Fate {
    if FIRST + DAYS - 1 - day > LIVES.letters {
        Fate::Expired
    } else if kind == Kind::Chunk && number < BURNED {
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

/// What was on the disk while it was needed, and must be gone when it is not: halves of keys, and sealed records of chunks
/// that were burned.
#[derive(Default)]
struct Witness {
    keys: BTreeMap<String, Vec<[u8; 16]>>,
    burned: Needles,
}

impl Witness {
    /// Looks at a day when all of its chunks are there.
    fn see(&mut self, store: &Path, day: u32) {
        for kind in ["letters", "chunks"] {
            let name = format!("{kind}-{day}.key");
            let key = std::fs::read(store.join("keys").join(&name)).unwrap();
            // The journal's stands there twice, each time after its length; plain sled's stands alone.
            let length = u32::from_be_bytes(*key.first_chunk().unwrap()) as usize;
            let key = key.get(4..length.saturating_add(4)).unwrap_or(&key);
            self.keys.insert(name, key.chunks(16).map(|piece| piece.try_into().unwrap()).collect());
        }
        let Ok(journal) = std::fs::read(store.join(format!("days/chunks-{day}/journal"))) else { return };
        let keys = keys_on(&std::fs::read(store.join(format!("keys/chunks-{day}.key"))).unwrap());
        let burned: Vec<_> = (0..BURNED).map(|number| *put(Kind::Chunk, day, number).id.as_bytes()).collect();
        let records = opened(&journal, &keys).filter(|block| burned.contains(&block.id_of_record));
        let seen = records.map(|block| self.burned.add_pieces(block.sealed)).count();
        assert_eq!(seen as u64, BURNED);
    }

    fn has_gone_from(&self, disk: &[u8]) {
        // Looked for all at once: a disk is large.
        let mut needles = Needles::default();
        self.keys.values().flatten().for_each(|piece| needles.add(*piece));
        let found: BTreeSet<_> = needles.found_in(disk).collect();
        for (name, pieces) in &self.keys {
            let day: u32 = name.split(['-', '.']).nth(1).unwrap().parse().unwrap();
            let expired = fate(Kind::Letter, day, 0) == Fate::Expired;
            assert_eq!(!pieces.iter().any(|piece| found.contains(piece)), expired, "{name}");
        }
        assert_eq!(self.burned.count_in(disk), 0, "sealed records of chunks that were burned");
    }
}

/// One day until its chunks are burned.
async fn post<S: Store>(store: &S, day: u32, which: impl Iterator<Item = (Kind, u64)>) {
    store.expire(Day(day), LIVES).await.unwrap();
    store.begin(Day(day)).await.unwrap();
    for (kind, number) in which {
        // One after the other, so that there is an order.
        assert_eq!(store.put(put(kind, day, number)).await.unwrap(), PutOutcome::Stored);
    }
}

/// The rest of the day.
async fn list_and_burn<S: Store>(store: &S, day: u32, before: impl FnOnce()) {
    for kind in [Kind::Letter, Kind::Chunk] {
        assert!(store.seal(kind).await.unwrap().is_some());
    }
    before();
    for number in 0..BURNED {
        let id = put(Kind::Chunk, day, number).id;
        assert_eq!(store.burn(id, burn_key(number)).await.unwrap(), BurnOutcome::Burned);
    }
}

/// Takes all space there is, and writes nowhere.
fn fill(disk: &Path) {
    let file = std::fs::File::create(disk.join("filler")).unwrap();
    let mut length = 0;
    for step in [16 << 20, 1 << 20, 64 << 10, 1 << 10] {
        while fallocate(&file, FallocateFlags::empty(), length, step).is_ok() {
            length += step;
        }
    }
}

/// A week with stops in good order, also in the middle of a batch, and without one; a disk that is full when a day expires;
/// and losses of power if the store can live through that in this process. Gives the disk.
fn a_week<S: Store>(is_rough: bool, open: impl Fn(&Path, u64) -> S, look: impl FnOnce(&Path)) -> (Vec<u8>, Witness) {
    let mut image = Image::of(DISK);
    let mut witness = Witness::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for day in FIRST..FIRST + DAYS {
        let folder = image.disk().join("store");
        let mut store = open(&image.disk(), day.into());
        runtime.block_on(async {
            if day == FIRST {
                let name = StatementName::new("statement").unwrap();
                store.put_statement(Shelf::Notes, name, STATEMENT.to_vec()).await.unwrap();
            }
            if day == FIRST + LIVES.letters + 2 && is_rough {
                fill(&image.disk());
                assert_eq!(store.expire(Day(day), LIVES).await.unwrap(), 2, "a full disk keeps nothing alive");
                std::fs::remove_file(image.disk().join("filler")).unwrap();
            }
            post(&store, day, each_of_a_day().take(HALF)).await;
        });
        if day % 2 == 0 {
            runtime.block_on(store.close()).unwrap();
            drop(store);
            store = open(&image.disk(), u64::from(day) + 1_000_000);
        }
        runtime.block_on(async {
            post(&store, day, each_of_a_day().skip(HALF)).await;
            list_and_burn(&store, day, || witness.see(&folder, day)).await;
        });
        match day % 3 {
            0 => runtime.block_on(store.close()).unwrap(),
            1 => drop(store),
            _ if !is_rough => {}
            _ => {
                image.cut();
                drop(store);
                image.restart();
            }
        }
    }
    look(&image.disk().join("store"));
    (image.contents(), witness)
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
            needles.add_pieces(put.envelope.as_bytes());
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
    let mut places = BTreeMap::new();
    let (disk, witness) = a_week(true, journal, |store| {
        only_files_of_whole_days(store);
        places = places_in_files(store);
    });
    nothing_is_in_clear(&disk);
    witness.has_gone_from(&disk);

    let keys = keys_on(&disk);
    // Those of two days ago, of yesterday and of today, one of each kind.
    assert_eq!(keys.len() as u32, 2 * (LIVES.letters + 1));
    let (bodies, ids) = (bodies(), ids());
    let ids_of = |kind, count| -> BTreeSet<_> {
        let of_days = (FIRST..FIRST + DAYS).flat_map(|day| (0..count).map(move |number| put(kind, day, number)));
        of_days.map(|put| *put.id.as_bytes()).collect()
    };
    let ids_of_kinds = [(ids_of(Kind::Letter, LETTERS), LETTERS), (ids_of(Kind::Chunk, CHUNKS), CHUNKS)];
    let mut all_ids = Needles::default();
    ids.keys().for_each(|id| all_ids.add(*id));
    let mut found: BTreeMap<Fate, usize> = BTreeMap::new();
    let mut seen: BTreeMap<(u8, u32, u64), Seen> = BTreeMap::new();
    let (mut listed, mut indexes) = (0, 0);
    for block in opened(&disk, &keys) {
        if let Some((fate, kind, day, number)) = bodies.get(&block.body) {
            *found.entry(*fate).or_default() += 1;
            if *fate == Fate::Alive {
                let which = (kind.byte(), *day, *number);
                let (of_file, of_disk) = (places[&which], block.offset as u64);
                seen.insert(which, Seen { of_file, of_disk, nonce: block.nonce });
            }
        }
        // That a chunk was burned is known until its day expires: by its mark, and by the batch that lists it.
        for id in [block.id_of_record, block.id_of_mark] {
            assert_ne!(ids.get(&id), Some(&Fate::Expired), "an expired id under a key that is there");
        }
        for plain in block.record.iter().chain(&block.index) {
            let inside: Vec<_> = all_ids.found_in(plain).collect();
            assert!(inside.iter().all(|id| ids[id] != Fate::Expired), "an expired id in what a key opens");
            if block.record.is_some() {
                listed += usize::from(!inside.is_empty());
            } else if !inside.is_empty() {
                indexes += 1;
                // An index that tells a part of a batch was written before the rest came.
                for (ids, all) in &ids_of_kinds {
                    let known: BTreeSet<_> = inside.iter().filter(|id| ids.contains(*id)).collect();
                    assert!(
                        [0, *all].contains(&(known.len() as u64)),
                        "an index tells which {} came first",
                        known.len()
                    );
                }
            }
        }
    }
    eprintln!("{} keys; bodies that open: {found:?}; {listed} records of batches, {indexes} indexes", keys.len());
    let alive = bodies.values().filter(|(fate, ..)| *fate == Fate::Alive).count();
    assert_eq!(found, BTreeMap::from([(Fate::Alive, alive)]), "each that lives, once, and nothing else");
    // The search finds what there is: two copies of each batch, and indexes of days that are over.
    assert_eq!(listed, 2 * keys.len());
    assert!(indexes >= 2);

    let extents = ext4::extents(&disk);
    assert!(extents.iter().any(|extent| extent.written));
    for day in FIRST + DAYS - 1 - LIVES.letters..FIRST + DAYS {
        for (kind, name, count) in [(Kind::Letter, "letters", LETTERS), (Kind::Chunk, "chunks", CHUNKS - BURNED)] {
            let of_day = seen.range((kind.byte(), day, 0)..(kind.byte(), day + 1, 0));
            let of_day: Vec<Seen> = of_day.map(|(_, seen)| *seen).collect();
            assert_eq!(of_day.len() as u64, count);
            order::nothing_tells_the_order(&format!("{name} of {day}"), &of_day, &extents);
        }
    }
}

/// Where the envelopes of the days that are there stand in their files.
fn places_in_files(store: &Path) -> BTreeMap<(u8, u32, u64), u64> {
    let bodies = bodies();
    let mut places = BTreeMap::new();
    for (day, name) in
        (FIRST + DAYS - 1 - LIVES.letters..FIRST + DAYS).flat_map(|day| [(day, "letters"), (day, "chunks")])
    {
        let journal = std::fs::read(store.join(format!("days/{name}-{day}/journal"))).unwrap();
        let keys = keys_on(&std::fs::read(store.join(format!("keys/{name}-{day}.key"))).unwrap());
        // The last day began in the space of another, of which it has not written over all, nor given back the rest.
        let written = journal.chunks(16_384).filter(|record| record[24..28] == *b"cssr").count() as u64;
        let is_last = day == FIRST + DAYS - 1;
        assert_eq!(written > LETTERS.max(CHUNKS) + 2, is_last, "{written} records in the file of {name} of {day}");
        for block in opened(&journal, &keys) {
            if let Some((_, kind, of, number)) = bodies.get(&block.body) {
                places.insert((kind.byte(), *of, *number), block.offset as u64);
            }
        }
    }
    places
}

/// Names do not depend on what came, so neither do times: a file is a whole day's.
fn only_files_of_whole_days(store: &Path) {
    for folder in std::fs::read_dir(store.join("days")).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let name = file.unwrap().file_name();
            assert!(["journal", "burned", "index"].iter().any(|known| name == *known), "{name:?}");
        }
    }
}

#[test]
#[ignore = "needs loop-device"]
fn plain_sled_leaves_neither_keys_nor_anything_in_clear() {
    // It panics again while it is dropped if its files fail, so the disk does not.
    let (disk, witness) = a_week(false, sled, |_| ());
    nothing_is_in_clear(&disk);
    witness.has_gone_from(&disk);
}

#[test]
fn an_order_that_is_there_is_found() {
    let rising: Vec<u128> = (0..u128::from(LETTERS)).map(|n| n * 16_384).collect();
    assert!(correlation(&rising) > 0.99);
    let nearly: Vec<u128> = rising.iter().map(|n| n + (n / 16_384 * 7_919 % 61) * 16_384).collect();
    assert!(correlation(&nearly) > chance(nearly.len()), "also if it is blurred: {}", correlation(&nearly));
    let falling: Vec<u128> = rising.into_iter().rev().collect();
    assert!(correlation(&falling) < -0.99);
}

#[test]
fn the_search_reads_what_the_documents_say() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = journal(folder.path(), 1);
        post(&store, FIRST, each_of_a_day()).await;
        list_and_burn(&store, FIRST, || ()).await;
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
