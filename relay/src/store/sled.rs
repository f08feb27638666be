//! The embedded store on sled 0.34: one database for each kind and day, everything in it sealed under the day's key.
//!
//! ```text
//! lock                            held by the process that has the store open
//! manifest                        which days there are, heads of the chains, the latest day
//! days/letters-20780/             a sled database
//! keys/letters-20780.key          its day key: 32 random bytes, destroyed with the day
//! statements/notes/<name>         public statements, one file each
//! ```
//!
//! Records have the numbers 0, 1, 2 ... of their day as keys in sled, because random keys halve its speed; ids stand only
//! inside sealed values. Memory knows where each id is ([`Ledger`](super::ledger)).
//!
//! **Durability.** sled's `flush` writes but never syncs, so each commit ends with an `fdatasync` of the database's file
//! by ourselves; segments have 8 MiB, because smaller ones were seen to lose a synced batch when the power was cut.
//! One thread writes. It takes whatever is queued, applies it, syncs once and answers all; there is no timer.
//!
//! **Forgetting.** A day's key is overwritten in place, which needs no space on a full disk; then its database is removed,
//! the day is struck from the manifest, and what is left of the key goes.
//!
//! What it falls short of stands at [`SledStore`].

mod files;
mod key;
mod manifest;
mod recover;
mod statements;
mod transfer;
mod volume;
mod writer;

#[cfg(test)]
mod tests;

use super::OpenError;
pub(crate) use transfer::{SledBuilder, SledOutline};

use super::free::free;
use super::ledger::Ledger;
use super::types::{at_most, check_statement};
use super::{BurnOutcome, Kind, Lives, Pending, Put, PutOutcome, Quotas, Shelf, StatementName, Store, StoreError};
use cssr_proto::index::{Batch, Head};
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::parcel::BurnKey;
use cssr_proto::{Day, Envelope, EnvelopeId};
use manifest::VolumeId;
use rand_core::CryptoRng;
use statements::Statements;
use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};
use volume::{Volume, VolumeError};
use writer::{Command, Writer};

/// Commands that may wait for the writer: 4 MiB of envelopes. Who comes later waits for a place.
const QUEUE: usize = 256;

/// What a [`SledStore`] needs to know.
#[derive(Clone, Debug)]
pub struct SledConfig {
    /// The folder that holds the store and nothing else; made if it is not there.
    pub directory: PathBuf,
    /// The relay's static public key, with which the chains of batches begin.
    pub relay: RelayPublicKey,
    /// How many envelopes of each kind; about 30 KiB of disk for each.
    pub quotas: Quotas,
}

/// A [`Store`] in a folder.
///
/// Its verbs need a tokio runtime. Dropping it blocks until its files are closed, so [`close`](Store::close) it before.
///
/// # Limits of this engine
/// - **Order of arrival is on its disk.** sled's log, and the numbers, show in which order a day's envelopes came to
///   whoever has the disk and the day's key, until the day expires. The journal engine is there to end that.
/// - **A burned chunk stays in sled's log**, sealed, until its day's key is destroyed.
/// - **sled drops whatever follows a damaged spot of its log**, without a word, and for good: once a store was opened with
///   a block that was misread, what followed it is gone, even if the block is well again. The store refuses to open if that
///   leaves a gap: in a day's numbers, in the chain of batches, or against the counts in the manifest. Envelopes that came
///   after the manifest was last written and wait for their batch could still be missed.
/// - **After a failed write** a record that shares a page with unsynced ones may be unreadable until the store is opened
///   again. On a full disk, make room before that: opening rewrites 8 MiB for each database.
/// - Memory: about 64 bytes for each known id, and for each day and kind a write buffer of 8 MiB and cached pages. Measured
///   with 30 days of 2,000 letters: 490 MB after opening and reading at random, 1.2 GB if they were all written in the
///   same run.
/// - Disk: about 30 KiB for each envelope.
#[derive(Debug)]
pub struct SledStore {
    relay: RelayPublicKey,
    folder: PathBuf,
    core: Arc<Core>,
    queue: mpsc::Sender<Command>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What the writer and the readers share.
#[derive(Debug)]
struct Core {
    state: RwLock<State>,
    statements: Statements,
    failure: OnceLock<String>,
    syncs: Arc<AtomicU64>,
    /// Picks which record is read in the place of an absent one.
    decoys: RandomState,
    #[cfg(test)]
    break_destroy: Arc<std::sync::atomic::AtomicBool>,
    /// Keeps other processes out for as long as anything of the store is alive.
    lock: File,
}

#[derive(Debug)]
struct State {
    open: bool,
    ledger: Ledger,
    volumes: BTreeMap<VolumeId, Arc<Volume>>,
}

/// What to read for one id: the record, or one of no interest in its place.
enum Lookup {
    Record(EnvelopeId, Arc<Volume>, u64),
    Decoy(Arc<Volume>, u64),
    Nothing,
}

impl SledStore {
    /// Opens the store, and makes it if the folder is empty. Blocks for as long as it takes to read all ids: seconds.
    ///
    /// # Errors
    /// [`OpenError`], which says what the operator can do. Nothing that was acknowledged is ever dropped to get a store
    /// to open.
    pub fn open<R: CryptoRng + Send + 'static>(config: &SledConfig, rng: R) -> Result<Self, OpenError> {
        let syncs = Arc::new(AtomicU64::new(0));
        let recovered = recover::recover(config, &syncs)?;
        let core = Arc::new(Core {
            state: RwLock::new(State { open: true, ledger: recovered.ledger, volumes: recovered.volumes }),
            statements: recovered.statements,
            failure: OnceLock::new(),
            syncs,
            decoys: RandomState::new(),
            #[cfg(test)]
            break_destroy: Arc::clone(&recovered.home.break_destroy),
            lock: recovered.lock,
        });
        let (queue, commands) = mpsc::channel(QUEUE);
        let writer = Writer::new(Arc::clone(&core), recovered.home, rng);
        let writer = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || writer.run(commands))
            .map_err(|source| OpenError::Io { what: "start the writing thread", source })?;
        let (relay, folder) = (config.relay, config.directory.clone());
        Ok(Self { relay, folder, core, queue, writer: Mutex::new(Some(writer)) })
    }

    /// How many times a database was synced since the store was opened.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.core.syncs.load(Ordering::Relaxed)
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Command,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(command(reply)).await.map_err(|_| StoreError::Closed)?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Reads outside the lock and off the runtime's threads.
    async fn read<T: Send + 'static>(
        &self,
        lookups: Vec<Lookup>,
        pick: impl Fn(EnvelopeId, Envelope) -> T + Send + 'static,
    ) -> Result<Vec<Option<T>>, StoreError> {
        let core = Arc::clone(&self.core);
        let reads = move || {
            let read = |lookup| core.read_one(lookup).map(|found| found.map(|(id, envelope)| pick(id, envelope)));
            lookups.into_iter().map(read).collect()
        };
        match tokio::task::spawn_blocking(reads).await {
            Ok(result) => result,
            Err(_) => Err(StoreError::Unreadable("the database panicked".into())),
        }
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        // The writer ends when the last sender is gone; its files are free again once it has ended.
        self.queue = mpsc::channel(1).0;
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            let _ = writer.join();
        }
    }
}

impl Core {
    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_state(&self) -> Result<RwLockReadGuard<'_, State>, StoreError> {
        let state = self.state();
        if state.open { Ok(state) } else { Err(StoreError::Closed) }
    }

    /// What to read for an id. An absent one costs what a present one does: a record of `decoys` is read and opened.
    fn lookup(
        &self,
        state: &State,
        kind: Kind,
        day: Option<Day>,
        id: &EnvelopeId,
        decoys: Option<&Arc<Volume>>,
    ) -> Lookup {
        if let Some(place) = state.ledger.held(kind, day, id)
            && let Some(volume) = state.volumes.get(&VolumeId { kind, day: place.day })
        {
            return Lookup::Record(*id, Arc::clone(volume), u64::from(place.number));
        }
        let number = |volume: &Arc<Volume>| self.decoys.hash_one(id).checked_rem(volume.next());
        match decoys.and_then(|volume| Some((volume, number(volume)?))) {
            Some((volume, number)) => Lookup::Decoy(Arc::clone(volume), number),
            None => Lookup::Nothing,
        }
    }

    fn read_one(&self, lookup: Lookup) -> Result<Option<(EnvelopeId, Envelope)>, StoreError> {
        match lookup {
            Lookup::Nothing => Ok(None),
            Lookup::Decoy(volume, number) => {
                let _ = volume.read(number);
                Ok(None)
            }
            Lookup::Record(id, volume, number) => match volume.read(number) {
                Ok(Some(envelope)) => Ok(Some((id, envelope))),
                // Burned or expired since it was looked up; otherwise it is lost.
                Ok(None) if self.state().ledger.place(&id).is_none_or(|place| place.burned) => Ok(None),
                Ok(None) => Err(unreadable(&VolumeError::Damaged("an envelope is missing"))),
                Err(error) => Err(unreadable(&error)),
            },
        }
    }
}

fn unreadable(error: &VolumeError) -> StoreError {
    StoreError::Unreadable(error.to_string())
}

impl Store for SledStore {
    async fn put(&self, put: Put) -> Result<PutOutcome, StoreError> {
        put.check()?;
        self.ask(|reply| Command::Put(put, reply)).await
    }

    async fn get(&self, kind: Kind, day: Option<Day>, ids: &[EnvelopeId]) -> Result<Vec<Option<Envelope>>, StoreError> {
        at_most(ids.len())?;
        let lookups = {
            let state = self.core.open_state()?;
            let decoys = match day {
                Some(day) => state.volumes.get(&VolumeId { kind, day }),
                None => state.volumes.values().rfind(|volume| volume.id().kind == kind),
            };
            ids.iter().map(|id| self.core.lookup(&state, kind, day, id, decoys)).collect()
        };
        self.read(lookups, |_, envelope| envelope).await
    }

    async fn letters(
        &self,
        day: Day,
        first: u64,
        count: usize,
    ) -> Result<Vec<Option<(EnvelopeId, Envelope)>>, StoreError> {
        at_most(count)?;
        let lookups = {
            let state = self.core.open_state()?;
            let mut ids = state.ledger.letters(day, first, count);
            // Places after the end are looked up as ids that nobody has.
            let mut nobody = 0u128..;
            ids.resize_with(count, || EnvelopeId(nobody.next().unwrap_or_default().to_be_bytes()));
            let decoys = state.volumes.get(&VolumeId { kind: Kind::Letter, day });
            ids.iter().map(|id| self.core.lookup(&state, Kind::Letter, Some(day), id, decoys)).collect()
        };
        self.read(lookups, |id, envelope| (id, envelope)).await
    }

    async fn have(&self, ids: &[EnvelopeId]) -> Result<Vec<bool>, StoreError> {
        Ok(self.core.open_state()?.ledger.have(ids))
    }

    async fn burn(&self, id: EnvelopeId, key: BurnKey) -> Result<BurnOutcome, StoreError> {
        self.ask(|reply| Command::Burn(id, key, reply)).await
    }

    async fn pending(&self, kind: Kind) -> Result<Option<Pending>, StoreError> {
        Ok(self.core.open_state()?.ledger.pending(kind))
    }

    async fn seal(&self, kind: Kind) -> Result<Option<Arc<Batch>>, StoreError> {
        self.ask(|reply| Command::Seal(kind, reply)).await
    }

    async fn batches(&self, kind: Kind, day: Day) -> Result<Vec<Arc<Batch>>, StoreError> {
        Ok(self.core.open_state()?.ledger.batches(kind, day))
    }

    async fn batches_from(&self, kind: Kind, number: u64, max: usize) -> Result<Vec<Arc<Batch>>, StoreError> {
        Ok(self.core.open_state()?.ledger.batches_from(kind, number, max))
    }

    async fn head(&self, kind: Kind) -> Result<Head, StoreError> {
        Ok(self.core.open_state()?.ledger.head(kind))
    }

    async fn latest_day(&self) -> Result<Day, StoreError> {
        Ok(self.core.open_state()?.ledger.latest())
    }

    async fn expire(&self, today: Day, lives: Lives) -> Result<usize, StoreError> {
        self.ask(|reply| Command::Expire(today, lives, reply)).await
    }

    async fn put_statement(&self, shelf: Shelf, name: StatementName, bytes: Vec<u8>) -> Result<(), StoreError> {
        check_statement(&bytes)?;
        self.ask(|reply| Command::PutStatement(shelf, name, bytes, reply)).await
    }

    async fn statement(&self, shelf: Shelf, name: StatementName) -> Result<Option<Vec<u8>>, StoreError> {
        let core = Arc::clone(&self.core);
        self.look(move || core.statements.get(shelf, &name)).await
    }

    async fn statements(&self, shelf: Shelf) -> Result<Vec<StatementName>, StoreError> {
        let core = Arc::clone(&self.core);
        self.look(move || core.statements.list(shelf)).await
    }

    async fn delete_statement(&self, shelf: Shelf, name: StatementName) -> Result<bool, StoreError> {
        self.ask(|reply| Command::DeleteStatement(shelf, name, reply)).await
    }

    /// It reads no envelope when it is opened.
    fn is_damaged(&self) -> bool {
        false
    }

    async fn free(&self) -> Option<u64> {
        free(self.folder.clone()).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.ask(Command::Close).await
    }
}

impl SledStore {
    /// Reads a file off the runtime's threads.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        drop(self.core.open_state()?);
        match tokio::task::spawn_blocking(look).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(StoreError::Unreadable(format!("a statement: {error}"))),
            Err(_) => Err(StoreError::Unreadable("the reading thread panicked".into())),
        }
    }
}
