//! Files made of stores, and stores made of files.

mod backups;
mod files;
mod rules;

use super::place::Place;
use super::{Dated, Summary, TransferError, Watch, export, import};
use crate::Engine;
use crate::store::conformance::{AMPLE, burn_key, chunk, day, envelope, id, letter, stored};
use crate::store::{JournalConfig, JournalStore, Kind, SledConfig, SledStore, Store};
use crate::store::{Lives, PutOutcome};
use chacha20::ChaCha20Rng;
use cssr_proto::index::{Batch, Head};
use cssr_proto::keys::{RelayPublicKey, RelaySecretKey};
use cssr_proto::{Card, Day, Envelope, Fingerprint};
use rand_core::SeedableRng as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

const CARD: &str = "cssr:QQQQ-QQQQ-QQQQ-QQQQ-QQQQ-QQQQ-QQXU-LVLR@relay.example.org";
/// What holds while no note says otherwise.
const LIFE: u32 = 60;
const LETTERS: std::ops::Range<u64> = 0..12;
const CHUNKS: std::ops::Range<u64> = 100..108;
const TODAY: Day = Day(20_003);
const JUMP: u32 = 7;

/// A day that the operator vouches for.
fn on(today: Day) -> Dated {
    Dated { clock: today, accepted: Some(today) }
}

fn key() -> RelaySecretKey {
    RelaySecretKey::from_bytes([9; 32])
}

fn relay() -> RelayPublicKey {
    key().public()
}

fn card() -> Fingerprint {
    CARD.parse::<Card>().unwrap().fingerprint()
}

fn place(engine: Engine, directory: PathBuf) -> Place {
    Place { engine, directory, relay: relay(), quotas: AMPLE, day_jump: JUMP }
}

/// Lets the work go on.
fn nobody() -> Watch<'static> {
    static NEVER: AtomicBool = AtomicBool::new(false);
    Watch { seen: &|| (), stop: &NEVER }
}

/// A folder, with a store below it.
struct Home {
    folder: TempDir,
    engine: Engine,
}

/// What anybody can learn of a store.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    batches: [Vec<Arc<Batch>>; 2],
    heads: [Head; 2],
    latest: Day,
    waiting: [Option<(Day, usize)>; 2],
    letters: Vec<Option<Envelope>>,
    chunks: Vec<Option<Envelope>>,
    again: Vec<PutOutcome>,
}

impl Home {
    fn new(engine: Engine) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), engine }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn place(&self) -> Place {
        place(self.engine, self.path("data"))
    }

    /// Some of everything: several days, batches, what waits, what was burned while it waited and afterwards.
    async fn fill(&self) {
        match self.engine {
            Engine::Sled => fill(&self.sled()).await,
            _ => fill(&self.journal()).await,
        }
    }

    async fn seen(&self) -> Seen {
        match self.engine {
            Engine::Sled => seen(&self.sled()).await,
            _ => seen(&self.journal()).await,
        }
    }

    fn journal(&self) -> JournalStore {
        let config = JournalConfig { directory: self.path("data"), relay: relay(), quotas: AMPLE };
        JournalStore::open(&config, ChaCha20Rng::seed_from_u64(1)).unwrap()
    }

    fn sled(&self) -> SledStore {
        let config = SledConfig { directory: self.path("data"), relay: relay(), quotas: AMPLE };
        SledStore::open(&config, ChaCha20Rng::seed_from_u64(1)).unwrap()
    }

    fn export(&self) -> PathBuf {
        let file = self.path("export");
        export(&self.place(), &file, &nobody()).unwrap();
        file
    }

    async fn import(&self, file: &Path, today: Day) -> Result<Summary, TransferError> {
        import(&self.place(), file, card(), on(today), &nobody()).await
    }

    /// Names of what there is.
    fn names(&self) -> Vec<String> {
        names(self.folder.path())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn fill(store: &impl Store) {
    let expire = async |n| {
        store.expire(day(n), Lives { letters: LIFE, chunks: LIFE }).await.unwrap();
        store.begin(day(n)).await.unwrap();
    };
    for n in 0..4u32 {
        expire(n).await;
        for seed in LETTERS.skip(n as usize * 3).take(3) {
            stored(store, letter(seed, day(n))).await;
        }
        for seed in CHUNKS.skip(n as usize * 2).take(2) {
            stored(store, chunk(seed, day(n))).await;
        }
        if n < 3 {
            store.seal(Kind::Letter).await.unwrap();
            store.seal(Kind::Chunk).await.unwrap();
        }
    }
    for seed in [101, 106] {
        store.burn(id(seed), burn_key(seed)).await.unwrap();
    }
    store.close().await.unwrap();
}

async fn seen(store: &impl Store) -> Seen {
    let pending = async |kind| store.pending(kind).await.unwrap().map(|pending| (pending.day, pending.count));
    let all = async |kind| store.batches_from(kind, 1, 99).await.unwrap();
    let head = async |kind| store.head(kind).await.unwrap();
    let mut letters = Vec::new();
    for seed in LETTERS {
        letters.extend(store.get(Kind::Letter, None, &[id(seed)]).await.unwrap());
    }
    let (mut chunks, mut again) = (Vec::new(), Vec::new());
    for seed in CHUNKS {
        chunks.extend(store.get(Kind::Chunk, None, &[id(seed)]).await.unwrap());
    }
    let seen = Seen {
        batches: [all(Kind::Letter).await, all(Kind::Chunk).await],
        heads: [head(Kind::Letter).await, head(Kind::Chunk).await],
        latest: store.latest_day().await.unwrap(),
        waiting: [pending(Kind::Letter).await, pending(Kind::Chunk).await],
        letters,
        chunks,
        again: Vec::new(),
    };
    for put in LETTERS.map(|seed| letter(seed, TODAY)).chain(CHUNKS.map(|seed| chunk(seed, TODAY))) {
        again.push(store.put(put).await.unwrap());
    }
    store.close().await.unwrap();
    Seen { again, ..seen }
}

#[tokio::test]
async fn from_engine_to_engine_and_back_nothing_changes() {
    let first = Home::new(Engine::Journal);
    first.fill().await;
    let mut file = first.export();
    let bytes = std::fs::read(&file).unwrap();
    let mut homes = Vec::new();
    for engine in [Engine::Sled, Engine::Journal, Engine::Journal, Engine::Sled, Engine::Sled] {
        let next = Home::new(engine);
        let summary = next.import(&file, TODAY).await.unwrap();
        let expected =
            Summary { statements: 0, damaged: 0, batches: 6, letters: 12, chunks: 6, burned: 2, lost: 0, expired: 0 };
        assert_eq!(summary, expected);
        file = next.export();
        assert_eq!(std::fs::read(&file).unwrap(), bytes, "one content, one file");
        homes.push(next);
    }
    let expected = first.seen().await;
    assert_eq!(expected.letters, LETTERS.map(|seed| Some(envelope(seed))).collect::<Vec<_>>());
    let burned = |seed| !matches!(seed, 101 | 106);
    assert_eq!(expected.chunks, CHUNKS.map(|seed| burned(seed).then(|| envelope(seed))).collect::<Vec<_>>());
    assert_eq!(expected.again.iter().filter(|outcome| **outcome == PutOutcome::Conflict).count(), 2);
    assert_eq!(expected.waiting, [Some((day(3), 3)), Some((day(3), 2))]);
    for home in homes {
        assert_eq!(home.seen().await, expected);
    }
}

#[tokio::test]
async fn a_chain_goes_on_after_an_import_and_a_chunk_can_be_burned() {
    for engine in [Engine::Journal, Engine::Sled] {
        let (old, new) = (Home::new(Engine::Journal), Home::new(engine));
        old.fill().await;
        new.import(&old.export(), TODAY).await.unwrap();
        async fn goes_on(store: &impl Store) {
            let head = store.head(Kind::Letter).await.unwrap();
            let batch = store.seal(Kind::Letter).await.unwrap().unwrap();
            assert_eq!((head.number(), head.follow(&batch).unwrap().number()), (3, 4));
            let burned = crate::store::BurnOutcome::Burned;
            assert_eq!(store.burn(id(100), burn_key(100)).await.unwrap(), burned);
            assert_eq!(store.burn(id(106), burn_key(106)).await.unwrap(), burned, "with the key that burned it before");
            assert_ne!(store.burn(id(106), burn_key(100)).await.unwrap(), burned);
        }
        match engine {
            Engine::Sled => goes_on(&new.sled()).await,
            _ => goes_on(&new.journal()).await,
        }
    }
}

#[tokio::test]
async fn what_has_expired_is_not_imported_and_the_chain_goes_on_from_it() {
    for engine in [Engine::Journal, Engine::Sled] {
        let (old, new) = (Home::new(Engine::Journal), Home::new(engine));
        old.fill().await;
        let file = old.export();
        // The second day of letters and chunks is the oldest that lives.
        let summary = new.import(&file, day(1 + LIFE)).await.unwrap();
        assert_eq!((summary.expired, summary.batches, summary.letters), (2, 4, 9));
        let (before, after) = (old.seen().await, new.seen().await);
        assert_eq!(after.heads, before.heads);
        assert_eq!(after.batches[0], before.batches[0][1..]);
        assert_eq!(after.letters.iter().flatten().count(), 9);
        assert_eq!(after.chunks[..2], [None, None]);
        assert_eq!(after.again[0], PutOutcome::Stored, "as if it had never been");

        let empty = Home::new(engine);
        let summary = empty.import(&file, day(100)).await.unwrap();
        assert_eq!((summary.expired, summary.letters, summary.burned), (8, 0, 0));
        assert_eq!(empty.seen().await.heads, before.heads);
    }
}
