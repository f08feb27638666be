//! The engines of the store, and letters to put into them.

use super::failure::RelayFailure;
use chacha20::ChaCha20Rng;
use cssr_proto::keys::RelaySecretKey;
use cssr_proto::postage::Postage;
use cssr_proto::request::{Post, Request};
use cssr_proto::sizes::ENVELOPE;
use cssr_proto::{Day, Envelope, EnvelopeId};
use cssr_relay::store::{
    JournalConfig, JournalStore, Kind, Lives, Put, PutOutcome, Quotas, SledConfig, SledStore, Store,
};
use cssr_relay::{Clock as _, SystemClock};
use getrandom::SysRng;
use rand_core::{Rng as _, UnwrapErr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::JoinSet;

/// Enough that no quota is ever used up.
pub(super) const QUOTAS: Quotas = Quotas { letters: 10_000_000, chunks: 10_000_000 };

/// A store in a folder.
pub(super) trait Engine: Store + Sized {
    /// As `relay.toml` says it.
    const NAME: &'static str;

    fn open(folder: &Path) -> Result<Self, RelayFailure>;

    /// How many times what was put was synced.
    fn syncs(&self) -> u64;
}

/// The engine of relays whose operators said nothing about it.
pub(super) type Default = JournalStore;

impl Engine for JournalStore {
    const NAME: &'static str = "journal";

    fn open(folder: &Path) -> Result<Self, RelayFailure> {
        let config = JournalConfig { directory: folder.into(), relay: relay_key().public(), quotas: QUOTAS };
        Ok(Self::open(&config, UnwrapErr(SysRng))?)
    }

    fn syncs(&self) -> u64 {
        Self::syncs(self)
    }
}

impl Engine for SledStore {
    const NAME: &'static str = "sled";

    fn open(folder: &Path) -> Result<Self, RelayFailure> {
        let config = SledConfig { directory: folder.into(), relay: relay_key().public(), quotas: QUOTAS };
        Ok(Self::open(&config, UnwrapErr(SysRng))?)
    }

    fn syncs(&self) -> u64 {
        Self::syncs(self)
    }
}

/// The key of every relay that is measured.
pub(super) fn relay_key() -> RelaySecretKey {
    RelaySecretKey::from_bytes([9; 32])
}

pub(super) fn today() -> Day {
    SystemClock::new().day()
}

/// Letters and chunks of which no two are the same, in this run of the program.
#[derive(Debug)]
pub(super) struct Letters {
    rng: ChaCha20Rng,
    bytes: Box<[u8; ENVELOPE]>,
}

impl Letters {
    pub(super) fn new() -> Self {
        static WRITERS: AtomicU64 = AtomicU64::new(0);
        let mut rng = crate::sources::rng("letters", WRITERS.fetch_add(1, Ordering::Relaxed));
        let mut bytes = Box::new([0; ENVELOPE]);
        rng.fill_bytes(bytes.as_mut_slice());
        Self { rng, bytes }
    }

    /// The next one: an id, and bytes that begin with it.
    pub(super) fn next(&mut self) -> (EnvelopeId, &[u8; ENVELOPE]) {
        let id = EnvelopeId::random(&mut self.rng);
        self.bytes.iter_mut().zip(id.as_bytes()).for_each(|(to, from)| *to = *from);
        (id, &self.bytes)
    }

    pub(super) fn next_post(&mut self) -> Request {
        let (id, bytes) = self.next();
        Request::Post(Post::letter(id, Postage::FREE, bytes))
    }

    pub(super) fn next_put(&mut self, day: Day) -> Result<Put, RelayFailure> {
        let (id, bytes) = self.next();
        let envelope = Envelope::from_slice(bytes).map_err(RelayFailure::wrong)?;
        Ok(Put { day, kind: Kind::Letter, id, burn: None, envelope })
    }
}

/// Writers that fill a store at once.
const FILLING: u64 = 128;
/// How long before today the day was that has expired.
const AGO: u32 = 40;

/// Puts so many letters of today into a store, and lists them all.
pub(super) async fn fill<S: Store>(store: &Arc<S>, count: u64) -> Result<(), RelayFailure> {
    put_all(store, today(), count).await?;
    while store.seal(Kind::Letter).await?.is_some() {}
    Ok(())
}

/// Lets a day of so many letters expire, as one does every day once a relay is older than letters become. What comes today
/// finds the space of that day.
pub(super) async fn age<S: Store>(store: &Arc<S>, count: u64) -> Result<(), RelayFailure> {
    put_all(store, today().minus(AGO), count).await?;
    let life = AGO - 1;
    store.expire(today(), Lives { letters: life, chunks: life }).await?;
    Ok(())
}

async fn put_all<S: Store>(store: &Arc<S>, day: Day, count: u64) -> Result<(), RelayFailure> {
    let mut tasks = JoinSet::new();
    for writer in 0..FILLING {
        let store = Arc::clone(store);
        let share = count / FILLING + u64::from(writer < count % FILLING);
        tasks.spawn(async move {
            let mut letters = Letters::new();
            for _ in 0..share {
                stored(store.put(letters.next_put(day)?).await?)?;
            }
            Ok::<_, RelayFailure>(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.map_err(|_| RelayFailure::wrong("a writer panicked"))??;
    }
    Ok(())
}

/// Anything else is no measurement.
pub(super) fn stored(outcome: PutOutcome) -> Result<(), RelayFailure> {
    match outcome {
        PutOutcome::Stored => Ok(()),
        other => Err(RelayFailure::Wrong(format!("the store did not store a new letter: {other:?}"))),
    }
}
