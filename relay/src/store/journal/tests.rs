//! What is special to this engine: its files.

mod again;
mod check;
mod covering;
mod damage;
mod failing;
mod forgetting;
mod half_made;
mod model;
mod power;
mod reading;
mod sectors;
mod sim;
mod together;
mod unreadable;

use super::super::conformance::{AMPLE, Engine, burn_key, chunk, day, envelope, got, id, letter, relay_key, stored};
use super::super::{Kind, OpenError, Quotas, SledConfig, SledStore, Store as _};
use super::{Damage, JournalConfig, JournalStore};
use chacha20::ChaCha20Rng;
use cssr_proto::keys::RelayPublicKey;
use rand_core::SeedableRng as _;
use std::path::Path;
use std::sync::atomic::Ordering;
use tempfile::TempDir;

/// A folder for each store.
#[derive(Default)]
struct Folders {
    folders: Vec<TempDir>,
    opened: u8,
}

impl Folders {
    fn path(&self) -> &Path {
        self.folders.last().unwrap().path()
    }

    fn try_open(&mut self, quotas: Quotas) -> Result<JournalStore, OpenError> {
        self.opened += 1;
        let config = JournalConfig { directory: self.path().join("store"), relay: relay_key(), quotas };
        JournalStore::open(&config, ChaCha20Rng::from_seed([self.opened; 32]))
    }
}

impl Engine for Folders {
    type Store = JournalStore;

    fn open(&mut self, quotas: Quotas) -> JournalStore {
        self.folders.push(TempDir::new().unwrap());
        self.try_open(quotas).unwrap()
    }

    async fn reopen(&mut self, store: JournalStore) -> JournalStore {
        let quotas = store.core.state().ledger.quotas();
        store.close().await.unwrap();
        drop(store);
        self.try_open(quotas).unwrap()
    }

    fn syncs(store: &JournalStore) -> Option<u64> {
        Some(store.syncs())
    }
}

crate::store_conformance!(Folders::default());

#[tokio::test]
async fn an_absent_id_costs_a_read_like_a_present_one() {
    let mut folders = Folders::default();
    let store = folders.open(AMPLE);
    for n in 0..20 {
        stored(&store, letter(n, day(0))).await;
        stored(&store, chunk(100 + n, day(0))).await;
    }
    store.burn(id(100), burn_key(100)).await.unwrap();
    store.seal(Kind::Letter).await.unwrap();
    stored(&store, letter(50, day(1))).await;
    let reads = || store.core.state().families.values().map(|family| family.reads.swap(0, Ordering::Relaxed)).sum();
    let cost = async |kind, day, seed| {
        let _: u64 = reads();
        let found = store.get(kind, day, &[id(seed)]).await.unwrap();
        (found[0].is_some(), reads())
    };
    assert_eq!(cost(Kind::Chunk, None, 101).await, (true, 1));
    assert_eq!(cost(Kind::Chunk, None, 100).await, (false, 1), "burned");
    assert_eq!(cost(Kind::Chunk, None, 999).await, (false, 1), "unknown");
    assert_eq!(cost(Kind::Chunk, None, 1).await, (false, 1), "a letter");
    assert_eq!(cost(Kind::Letter, Some(day(1)), 1).await, (false, 1), "of another day");
    for first in [0, 16, 18, 20, 400] {
        let _ = reads();
        store.letters(day(0), first, 4).await.unwrap();
        assert_eq!(reads(), 4, "letters from {first}");
    }
}

#[tokio::test]
async fn a_second_process_is_kept_out() {
    let mut folders = Folders::default();
    let store = folders.open(AMPLE);
    assert!(matches!(folders.try_open(AMPLE), Err(OpenError::Locked)));
    drop(store);
    assert!(folders.try_open(AMPLE).is_ok());
}

#[tokio::test]
async fn a_folder_of_another_engine_or_another_relay_does_not_open() {
    let mut folders = Folders::default();
    drop(folders.open(AMPLE));
    let directory = folders.path().join("store");
    let config = JournalConfig { directory, relay: RelayPublicKey([8; 32]), quotas: AMPLE };
    let opened = JournalStore::open(&config, ChaCha20Rng::from_seed([0; 32]));
    assert!(matches!(opened, Err(OpenError::OtherKey)));

    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("store");
    let sled = SledConfig { directory: directory.clone(), relay: relay_key(), quotas: AMPLE };
    drop(SledStore::open(&sled, ChaCha20Rng::from_seed([0; 32])).unwrap());
    let config = JournalConfig { directory, relay: relay_key(), quotas: AMPLE };
    let opened = JournalStore::open(&config, ChaCha20Rng::from_seed([0; 32]));
    assert!(matches!(opened, Err(OpenError::OtherEngine)));
}

#[tokio::test]
async fn what_was_burned_gives_its_space_back_with_the_next_batch() {
    use std::os::unix::fs::MetadataExt as _;
    let mut folders = Folders::default();
    let store = folders.open(AMPLE);
    for n in 0..40 {
        stored(&store, chunk(n, day(0))).await;
    }
    let blocks = || std::fs::metadata(folders.path().join("store/days/chunks-20000/journal")).unwrap().blocks() * 512;
    let before = blocks();
    for n in 0..40 {
        store.burn(id(n), burn_key(n)).await.unwrap();
    }
    assert_eq!(blocks(), before);
    stored(&store, letter(40, day(0))).await;
    store.seal(Kind::Letter).await.unwrap();
    // Where the file system has holes. It needs a block or two to note down where they are.
    assert!(blocks() <= before - 39 * 16_384 || before == 0, "{before} then {}", blocks());
}

#[tokio::test]
async fn a_stop_in_disorder_costs_reading_the_journals_and_nothing_else() {
    let mut folders = Folders::default();
    let store = folders.open(AMPLE);
    for n in 0..30 {
        stored(&store, letter(n, day(0))).await;
    }
    let batch = store.seal(Kind::Letter).await.unwrap().unwrap();
    store.close().await.unwrap();
    drop(store);
    let index = folders.path().join("store/days/letters-20000/index");
    assert!(index.exists(), "after a stop in good order it need not be read");
    std::fs::remove_file(&index).unwrap();
    let store = folders.try_open(AMPLE).unwrap();
    assert_eq!(store.batches(Kind::Letter, day(0)).await.unwrap(), [batch]);
    assert_eq!((got(&store, Kind::Letter, 3).await, store.damage()), (Some(envelope(3)), Damage::default()));
    stored(&store, letter(31, day(0))).await;
    assert!(!index.exists(), "an index that is not true any more is not left");
}

#[test]
fn no_debug_text_shows_a_key_or_an_id() {
    let mut folders = Folders::default();
    let store = folders.open(AMPLE);
    power::block_on(stored(&store, letter(1, day(0))));
    let text = format!("{store:?}");
    assert!(text.contains("families") && !text.contains(&format!("{:?}", id(1).as_bytes())), "{text}");
}
