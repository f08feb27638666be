//! What is special to this engine: its files.

mod damage;
mod half_made;

use super::super::conformance::{
    AMPLE, Engine, LIVES, burn_key, chunk, day, envelope, got, id, letter, relay_key, stored,
};
use super::super::{Kind, PutOutcome, Quotas, Shelf, StatementName, Store, StoreError};
use super::recover::check_chain;
use super::transfer::SledBuilder;
use super::{OpenError, SledConfig, SledStore, VolumeId};
use crate::store::transfer::{Content, Held, Outline, Sink as _, Source as _};
use chacha20::ChaCha20Rng;
use cssr_proto::Hash;
use cssr_proto::index::{Batch, Head, chunk_genesis, letter_genesis};
use cssr_proto::keys::RelayPublicKey;
use rand_core::SeedableRng as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use tempfile::TempDir;

/// A folder for each store.
#[derive(Default)]
struct Folders {
    folders: Vec<TempDir>,
    opened: u64,
}

impl Folders {
    fn path(&self) -> &Path {
        self.folders.last().unwrap().path()
    }

    fn try_open(&mut self, quotas: Quotas) -> Result<SledStore, OpenError> {
        self.opened += 1;
        let config = SledConfig { directory: self.path().join("store"), relay: relay_key(), quotas };
        SledStore::open(&config, ChaCha20Rng::seed_from_u64(self.opened))
    }
}

impl Engine for Folders {
    type Store = SledStore;

    fn open(&mut self, quotas: Quotas) -> SledStore {
        self.folders.push(TempDir::new().unwrap());
        self.try_open(quotas).unwrap()
    }

    async fn reopen(&mut self, store: SledStore) -> SledStore {
        let quotas = store.core.state().ledger.quotas();
        store.close().await.unwrap();
        drop(store);
        self.try_open(quotas).unwrap()
    }

    fn syncs(store: &SledStore) -> Option<u64> {
        Some(store.syncs())
    }
}

crate::store_conformance!(Folders::default());

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn occurs(needle: &[u8], folder: &Path) -> bool {
    files(folder).iter().any(|file| {
        let bytes = std::fs::read(file).unwrap();
        file.to_string_lossy().as_bytes().windows(needle.len()).any(|window| window == needle)
            || bytes.windows(needle.len()).any(|window| window == needle)
    })
}

async fn filled(folders: &mut Folders) -> SledStore {
    let store = folders.open(AMPLE);
    for n in 0..20 {
        stored(&store, letter(n, day(0))).await;
        stored(&store, chunk(100 + n, day(0))).await;
    }
    store.burn(id(100), burn_key(100)).await.unwrap();
    store.seal(Kind::Letter).await.unwrap();
    store.seal(Kind::Chunk).await.unwrap();
    stored(&store, letter(50, day(1))).await;
    store
}

#[tokio::test]
async fn no_id_and_no_envelope_is_on_disk_in_clear() {
    let mut folders = Folders::default();
    let store = filled(&mut folders).await;
    let name = StatementName::new("known").unwrap();
    store.put_statement(Shelf::Notes, name, id(7).as_bytes().to_vec()).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let days = folders.path().join("store/days");
    assert!(files(&days).len() >= 6);
    for n in (0..20).chain(100..120).chain([50]) {
        assert!(!occurs(id(n).as_bytes(), &days), "id {n}");
        for part in [0, 4_000, 16_000] {
            assert!(!occurs(&envelope(n).as_bytes()[part..part + 16], &days), "envelope {n}");
        }
    }
    assert!(occurs(id(7).as_bytes(), folders.path()), "the search finds what is there");
}

#[tokio::test]
async fn expiry_destroys_key_and_database() {
    use std::os::unix::fs::MetadataExt as _;
    let mut folders = Folders::default();
    let store = filled(&mut folders).await;
    let root = folders.path().join("store");
    let key_file = root.join("keys/letters-20000.key");
    let key = std::fs::read(&key_file).unwrap();
    assert_eq!((key.len(), std::fs::metadata(&key_file).unwrap().mode() & 0o777), (32, 0o600));
    assert!(occurs(&key, &root));
    // A second name for the same bytes on the disk, to see what becomes of them.
    let witness = folders.path().join("witness");
    std::fs::hard_link(&key_file, &witness).unwrap();

    assert_eq!(store.expire(day(LIVES.letters + 1), LIVES).await.unwrap(), 2);
    assert!(
        !key_file.exists() && !root.join("days/letters-20000").exists() && !root.join("days/chunks-20000").exists()
    );
    assert_ne!(std::fs::read(&witness).unwrap(), key, "overwritten in place, not only unlinked");
    assert!(!occurs(&key, folders.path()));
    assert_eq!(got(&store, Kind::Letter, 50).await, Some(envelope(50)));
    let store = folders.reopen(store).await;
    assert_eq!(got(&store, Kind::Letter, 50).await, Some(envelope(50)));
    assert_eq!(got(&store, Kind::Letter, 1).await, None);
}

/// A day of which nothing was ever acknowledged has a key as well.
#[tokio::test]
async fn a_day_on_which_nothing_lasted_is_destroyed_like_any_other() {
    let mut folders = Folders::default();
    let store = folders.open(AMPLE);
    stored(&store, letter(1, day(0))).await;
    stored(&store, letter(2, day(1))).await;
    // As after a loss of power before the first sync.
    store.core.state_mut().ledger.forget(Kind::Letter, day(0));
    assert_eq!(store.expire(day(LIVES.letters + 1), LIVES).await.unwrap(), 1);
    let root = folders.path().join("store");
    assert!(!root.join("keys/letters-20000.key").exists() && !root.join("days/letters-20000").exists());
    assert!(root.join("keys/letters-20001.key").exists());
}

/// sled writes values above 2 MiB to files of their own, which a commit does not sync.
#[tokio::test]
async fn nothing_is_stored_beside_the_log() {
    let mut folders = Folders::default();
    let store = filled(&mut folders).await;
    let blobs = folders.path().join("store/days/letters-20000/blobs");
    assert_eq!(blobs.read_dir().unwrap().count(), 0);
    drop(store);
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_acknowledged_but_reads_and_expiry_go_on() {
    let mut folders = Folders::default();
    let store = filled(&mut folders).await;
    let volume = |day| store.core.state().volumes[&VolumeId { kind: Kind::Letter, day }].clone();
    volume(day(1)).break_sync.store(true, Ordering::Relaxed);
    assert!(matches!(store.put(letter(60, day(1))).await, Err(StoreError::Failed(_))));
    // The disk is well again; the store must not believe it.
    volume(day(1)).break_sync.store(false, Ordering::Relaxed);
    assert!(matches!(store.put(letter(60, day(1))).await, Err(StoreError::Failed(_))));
    assert!(matches!(store.put(letter(1, day(1))).await, Err(StoreError::Failed(_))));
    assert!(matches!(store.burn(id(101), burn_key(101)).await, Err(StoreError::Failed(_))));
    assert!(matches!(store.seal(Kind::Letter).await, Err(StoreError::Failed(_))));
    let name = StatementName::new("name").unwrap();
    assert!(matches!(store.put_statement(Shelf::Notes, name, vec![1]).await, Err(StoreError::Failed(_))));

    assert_eq!(got(&store, Kind::Letter, 60).await, None, "what was not synced is not shown");
    assert_eq!(got(&store, Kind::Letter, 50).await, Some(envelope(50)));
    assert_eq!(store.batches(Kind::Letter, day(0)).await.unwrap().len(), 1);
    assert_eq!(store.expire(day(LIVES.letters + 1), LIVES).await.unwrap(), 2);
    assert!(!folders.path().join("store/keys/letters-20000.key").exists());

    assert!(matches!(store.close().await, Err(StoreError::Failed(_))));
    drop(store);
    let store = folders.try_open(AMPLE).unwrap();
    assert_eq!(got(&store, Kind::Letter, 50).await, Some(envelope(50)));
    let again = store.put(letter(60, day(1))).await.unwrap();
    assert!(matches!(again, PutOutcome::Stored | PutOutcome::Already));
}

#[tokio::test]
async fn a_failed_seal_announces_nothing() {
    let mut folders = Folders::default();
    let store = filled(&mut folders).await;
    let volume = store.core.state().volumes[&VolumeId { kind: Kind::Letter, day: day(1) }].clone();
    volume.break_sync.store(true, Ordering::Relaxed);
    drop(volume);
    assert!(matches!(store.seal(Kind::Letter).await, Err(StoreError::Failed(_))));
    assert_eq!(store.head(Kind::Letter).await.unwrap().number(), 1);
    assert!(store.batches(Kind::Letter, day(1)).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_absent_id_costs_a_read_like_a_present_one() {
    let mut folders = Folders::default();
    let store = filled(&mut folders).await;
    let reads = || store.core.state().volumes.values().map(|volume| volume.reads.swap(0, Ordering::Relaxed)).sum();
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
    let store = filled(&mut folders).await;
    assert!(matches!(folders.try_open(AMPLE), Err(OpenError::Locked)));
    drop(store);
    assert!(folders.try_open(AMPLE).is_ok());
}

#[tokio::test]
async fn a_store_that_lost_something_does_not_open() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 9] = [
        ("a key is gone", |root| std::fs::remove_file(root.join("keys/letters-20000.key")).unwrap()),
        ("a key is another", |root| std::fs::write(root.join("keys/letters-20000.key"), [7; 32]).unwrap()),
        ("a key is zeros", |root| std::fs::write(root.join("keys/letters-20000.key"), [0; 32]).unwrap()),
        ("a key is empty", |root| std::fs::write(root.join("keys/letters-20000.key"), []).unwrap()),
        ("a database is gone", |root| std::fs::remove_dir_all(root.join("days/letters-20000")).unwrap()),
        ("a database is empty", |root| {
            std::fs::remove_dir_all(root.join("days/letters-20001")).unwrap();
            std::fs::create_dir_all(root.join("days/letters-20001/blobs")).unwrap();
            std::fs::write(root.join("days/letters-20001/db"), []).unwrap();
        }),
        ("a day is unknown", |root| std::fs::create_dir(root.join("days/letters-19999")).unwrap()),
        ("the manifest is gone", |root| std::fs::remove_file(root.join("manifest")).unwrap()),
        ("the log is zeros from some point on", |root| {
            let path = root.join("days/letters-20000/db");
            let mut log = std::fs::read(&path).unwrap();
            let half = log.len() / 8;
            log[half..].fill(0);
            std::fs::write(&path, log).unwrap();
            for file in files(path.parent().unwrap()) {
                if file.file_name().unwrap().to_string_lossy().starts_with("snap") {
                    std::fs::remove_file(file).unwrap();
                }
            }
        }),
    ];
    for (what, harm) in harms {
        let mut folders = Folders::default();
        let store = filled(&mut folders).await;
        store.close().await.unwrap();
        drop(store);
        harm(&folders.path().join("store"));
        let error = folders.try_open(AMPLE).err().unwrap_or_else(|| panic!("it opened though {what}"));
        assert!(!matches!(error, OpenError::Locked), "{what}: {error}");
    }
}

/// A batch is written that fits the chain, but lists what is not there.
#[tokio::test]
async fn a_batch_that_lists_a_missing_envelope_does_not_open() {
    let mut folders = Folders::default();
    let store = filled(&mut folders).await;
    let head = store.head(Kind::Letter).await.unwrap();
    let batch = Batch::new(&head, day(1), vec![id(50), id(999)]).unwrap();
    let volume = store.core.state().volumes[&VolumeId { kind: Kind::Letter, day: day(1) }].clone();
    volume.write_batch(&batch, &mut ChaCha20Rng::from_seed([0; 32])).unwrap();
    volume.sync().unwrap();
    drop((volume, store));
    assert!(matches!(folders.try_open(AMPLE), Err(OpenError::Chain(_))));
}

#[test]
fn batches_must_form_one_chain_that_reaches_the_known_head() {
    let genesis = Head::genesis(letter_genesis(&relay_key()));
    let mut heads = vec![genesis];
    let mut batches = Vec::new();
    for n in 0..4 {
        let batch = Batch::new(heads.last().unwrap(), day(n), vec![id(n.into())]).unwrap();
        heads.push(batch.head());
        batches.push(batch);
    }
    let check = |batches: &[Batch], known| check_chain(batches, known, genesis);
    // Whatever is known of it, from before the oldest batch on, the whole chain is accepted, and the rest of it.
    for oldest in 0..4 {
        for (number, known) in heads.iter().enumerate() {
            let result = check(&batches[oldest..], *known);
            assert_eq!(result.ok(), (number >= oldest).then_some(heads[4]), "from {oldest}, known {number}");
        }
    }
    assert!(check(&batches[..3], heads[4]).is_err(), "the last one is missing");
    assert!(check(&[batches[0].clone(), batches[2].clone()], heads[1]).is_err(), "one in between is missing");
    let other = Batch::new(&heads[1], day(1), vec![id(77)]).unwrap();
    assert!(check(&[batches[0].clone(), other.clone(), batches[2].clone()], heads[1]).is_err(), "one is another");
    assert!(check(&[batches[0].clone(), other], heads[2]).is_err(), "the known one is another");
    let foreign = Head::genesis(letter_genesis(&RelayPublicKey([8; 32])));
    assert!(check_chain(&batches, heads[2], foreign).is_err(), "the beginning is another relay's");
    assert_eq!(check(&[], heads[2]).ok(), Some(heads[2]), "all have expired");
}

#[tokio::test]
async fn a_store_of_another_relay_does_not_open() {
    let mut folders = Folders::default();
    let store = filled(&mut folders).await;
    drop(store);
    let config = SledConfig { directory: folders.path().join("store"), relay: RelayPublicKey([8; 32]), quotas: AMPLE };
    let opened = SledStore::open(&config, ChaCha20Rng::from_seed([0; 32]));
    assert!(matches!(opened, Err(OpenError::OtherKey)));
    assert!(folders.try_open(AMPLE).is_ok());
}

/// Stops a relay between every two steps of expiry, as far as they show on disk.
#[tokio::test]
async fn an_interrupted_expiry_is_finished_on_opening() {
    for step in 0..3 {
        let mut folders = Folders::default();
        let store = filled(&mut folders).await;
        store.close().await.unwrap();
        let root = folders.path().join("store");
        let home = super::recover::Home::new(root);
        let letters = VolumeId { kind: Kind::Letter, day: day(0) };
        let head = store.core.state().ledger.head(Kind::Letter);
        drop(store);
        super::key::DayKey::destroy(&home.keys, letters).unwrap();
        if step >= 1 {
            home.destroy(letters).unwrap();
        }
        if step >= 2 {
            let mut manifest = super::manifest::Manifest::read(&home.root).unwrap().unwrap();
            manifest.entries.retain(|entry| entry.id() != letters);
            manifest.write(&home.root).unwrap();
        }
        let store = folders.try_open(AMPLE).unwrap();
        assert_eq!(got(&store, Kind::Letter, 1).await, None);
        assert_eq!(got(&store, Kind::Letter, 50).await, Some(envelope(50)));
        assert_eq!(got(&store, Kind::Chunk, 101).await, Some(envelope(101)));
        assert_eq!(store.head(Kind::Letter).await.unwrap(), head);
        assert!(!home.keys.join(letters.key_name()).exists() && !home.folder(letters).exists());
        let batch = store.seal(Kind::Letter).await.unwrap().unwrap();
        assert!(head.follow(&batch).is_ok());
    }
}

/// The relay ends in the middle of expiry: the chain must go on from the batches that are gone.
#[tokio::test]
async fn the_heads_are_safe_before_a_day_is_destroyed() {
    let mut folders = Folders::default();
    let store = filled(&mut folders).await;
    stored(&store, letter(51, day(1))).await;
    store.seal(Kind::Letter).await.unwrap();
    let head = store.head(Kind::Letter).await.unwrap();
    store.core.break_destroy.store(true, Ordering::Relaxed);
    assert!(matches!(store.expire(day(100), LIVES).await, Err(StoreError::Failed(_))));
    // It is tried again, not forgotten.
    assert!(matches!(store.expire(day(101), LIVES).await, Err(StoreError::Failed(_))));
    drop(store);
    let store = folders.try_open(AMPLE).unwrap();
    assert_eq!(store.head(Kind::Letter).await.unwrap(), head);
    assert_eq!(store.latest_day().await.unwrap(), day(101));
    store.expire(day(101), LIVES).await.unwrap();
    assert_eq!(got(&store, Kind::Letter, 50).await, None);
}

/// sled panics when it cannot sync what it closes.
#[tokio::test]
async fn a_day_that_cannot_be_closed_is_destroyed_all_the_same() {
    let mut folders = Folders::default();
    let store = filled(&mut folders).await;
    stored(&store, letter(51, day(40))).await;
    for volume in store.core.state().volumes.values().filter(|volume| volume.id().day == day(0)) {
        volume.break_drop.store(true, Ordering::Relaxed);
    }
    store.expire(day(40), LIVES).await.unwrap();
    store.expire(day(41), LIVES).await.unwrap();
    let keys = files(&folders.path().join("store/keys"));
    assert!(!keys.iter().any(|key| key.to_string_lossy().contains("20000")), "{keys:?}");
    drop(store);
    let store = folders.try_open(AMPLE).unwrap();
    assert_eq!(got(&store, Kind::Letter, 51).await, Some(envelope(51)));
}

/// As it is made of a journal that has lost the batch that listed it.
#[tokio::test]
async fn what_waits_on_a_day_that_the_chain_has_left_keeps_nothing_from_being_listed() {
    let folder = TempDir::new().unwrap();
    let config = SledConfig { directory: folder.path().join("store"), relay: relay_key(), quotas: AMPLE };
    let mut builder = Box::new(SledBuilder::new(&config, ChaCha20Rng::seed_from_u64(1)).unwrap());
    let head = Head::new(1, day(1), Hash([7; 32])).unwrap();
    let batch = Batch::new(&head, day(1), vec![id(2)]).unwrap();
    let held = |seed| Held { id: id(seed), burn: None, content: Content::Envelope(envelope(seed)) };
    builder.day(Kind::Letter, day(0)).unwrap();
    builder.held(held(1)).unwrap();
    builder.day(Kind::Letter, day(1)).unwrap();
    builder.batch(&batch).unwrap();
    builder.held(held(2)).unwrap();
    let chunks = Head::genesis(chunk_genesis(&relay_key()));
    builder.finish(&Outline { relay: relay_key(), latest: day(1), heads: [batch.head(), chunks] }).unwrap();
    let store = SledStore::open(&config, ChaCha20Rng::seed_from_u64(2)).unwrap();
    assert_eq!(store.seal(Kind::Letter).await.unwrap(), None);
    stored(&store, letter(3, day(1))).await;
    assert_eq!(store.seal(Kind::Letter).await.unwrap().unwrap().number(), 3);
}

/// It was acknowledged, though nobody was told of it yet.
#[tokio::test]
async fn what_waits_and_cannot_be_read_is_counted_and_keeps_nothing_from_being_exported() {
    let folder = TempDir::new().unwrap();
    let config = SledConfig { directory: folder.path().join("store"), relay: relay_key(), quotas: AMPLE };
    let mut builder = Box::new(SledBuilder::new(&config, ChaCha20Rng::seed_from_u64(1)).unwrap());
    builder.day(Kind::Letter, day(0)).unwrap();
    let contents = [Content::Envelope(envelope(1)), Content::Lost, Content::Envelope(envelope(3))];
    for (seed, content) in (1..).zip(contents) {
        builder.held(Held { id: id(seed), burn: None, content }).unwrap();
    }
    let heads = [letter_genesis(&relay_key()), chunk_genesis(&relay_key())].map(Head::genesis);
    builder.finish(&Outline { relay: relay_key(), latest: day(0), heads }).unwrap();
    let store = SledStore::open(&config, ChaCha20Rng::seed_from_u64(2)).unwrap();
    let listed = store.listed(Kind::Letter, day(0)).unwrap();
    let mut expected = vec![id(1), id(3)];
    expected.sort_unstable();
    assert_eq!((listed.ids, listed.lost), (expected, 1));
}

#[tokio::test]
async fn a_day_that_was_only_being_made_is_made_again() {
    let mut folders = Folders::default();
    let store = filled(&mut folders).await;
    store.close().await.unwrap();
    drop(store);
    let root = folders.path().join("store");
    let id = VolumeId { kind: Kind::Letter, day: day(2) };
    let mut manifest = super::manifest::Manifest::read(&root).unwrap().unwrap();
    manifest.entries.push(super::manifest::Entry::void(id));
    manifest.write(&root).unwrap();
    std::fs::write(root.join("keys").join(id.key_name()), [5; 32]).unwrap();
    std::fs::create_dir(root.join("days").join(id.to_string())).unwrap();
    std::fs::write(root.join("days").join(id.to_string()).join("db"), b"torn").unwrap();
    let store = folders.try_open(AMPLE).unwrap();
    assert!(!root.join("days").join(id.to_string()).exists());
    stored(&store, letter(70, day(2))).await;
    let store = folders.reopen(store).await;
    assert_eq!(got(&store, Kind::Letter, 70).await, Some(envelope(70)));
}

#[tokio::test]
async fn no_error_and_no_debug_text_shows_an_id() {
    let put = format!("{:?}", letter(1, day(0)));
    assert!(put.contains("Letter") && !put.contains(&format!("{:?}", id(1).as_bytes())));
    let key = format!("{:?} {:?}", burn_key(1), burn_key(1).hash());
    assert_eq!(key, "BurnKey(..) BurnHash(..)");
}
