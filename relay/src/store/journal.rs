//! The embedded store: journals of encrypted records, one family of files for each kind and day.
//!
//! ```text
//! lock                            held by the process that has the store open
//! manifest                        which days there are, heads of the chains, the latest day
//! heads                           heads of the chains at the last seals
//! days/letters-20780/journal      records of 16 KiB at random positions: envelopes and batches
//! days/chunks-20780/burned        marks of burned chunks
//! days/letters-20780/index        where everything is, if nothing has changed since
//! keys/letters-20780.key          the day's key: random, destroyed with the day
//! spare/letters                   space of a day that has expired, for the next that begins
//! statements/notes/<name>         public statements, one file each, twice
//! ```
//!
//! `docs/storage.md` describes the format, what each part is for, and what it shows to whoever has the disk.
//!
//! **Durability.** One thread writes whatever is queued; another syncs what was written meanwhile, once for all of it, and
//! then it is answered. A sync waits a little for as many as the last one had.
//! A journal is the truth: what it holds is found by reading it, whenever an index is missing. An index is removed before
//! the first change to its family.
//!
//! **Forgetting.** A day's key is overwritten in place, which needs no space on a full disk; then its files are removed, but
//! for its space, which the next day uses. A burned chunk is overwritten, and gives its space back with the next batch.

mod announced;
mod builder;
mod check;
mod disk;
mod erased;
mod family;
mod files;
mod heads;
mod index;
mod key;
mod manifest;
mod new_put;
mod randomness;
mod reader;
mod record;
mod recover;
mod scan;
mod space;
mod spare;
mod statements;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use builder::JournalBuilder;
pub(crate) use check::check as check_journal;
pub(super) use disk::is_bad_block;
pub(crate) use reader::{Extent, JournalReader};
pub use recover::Damage;
pub(crate) use statements::{is_damage, read_statement, statement_file};

use super::free::free;
use super::ledger::Ledger;
use super::types::{at_most, check_statement};
use super::volume_id::VolumeId;
use super::{BurnOutcome, Kind, Lives, OpenError, Pending, Put, PutOutcome, Quotas, Shelf, StatementName, Store};
use super::{StoreError, open_error};
use cssr_proto::index::{Batch, Head};
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::parcel::BurnKey;
use cssr_proto::{Day, Envelope, EnvelopeId};
use disk::{Disk, DiskFile, Lock, SystemDisk};
use family::{Family, FamilyError};
use key::Nonce;
use new_put::NewPut;
use rand_core::{CryptoRng, Rng as _};
use randomness::Randomness;
use record::{Draft, Header, random_nonce};
use statements::Statements;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;
use tokio::sync::{Semaphore, mpsc, oneshot};
use writer::{Burn, Command, Writer};

/// Commands that may wait for the writer: 4 MiB of envelopes. Who comes later waits for a place.
const QUEUE: usize = 256;

/// Envelopes that are read at once, if they are in memory: those of a group. More would keep other connections waiting.
const AT_ONCE: usize = 16;

/// Puts that are compared with what is there at a time, so that whoever posts again does not take the disk from others.
const COMPARES: usize = 8;

/// What a [`JournalStore`] needs to know.
#[derive(Clone, Debug)]
pub struct JournalConfig {
    /// The folder that holds the store and nothing else; made if it is not there.
    pub directory: PathBuf,
    /// The relay's static public key, with which the chains of batches begin.
    pub relay: RelayPublicKey,
    /// How many envelopes of each kind: 16 KiB of disk and about 80 bytes of memory for each.
    pub quotas: Quotas,
}

/// A [`Store`] in a folder.
///
/// Its verbs need a tokio runtime. Dropping it blocks until its files are closed, so [`close`](Store::close) it before.
///
/// # Limits of this engine
/// - **A batch that is much larger than the one before it** may be written into space that was preallocated in two or more
///   steps, and those tell whoever has the disk and the day's key which of its envelopes came before a step and which after.
///   Batches of up to 224 envelopes show nothing, nor do such as are up to one and three quarters times as large as the last
///   one, up to 896, on whichever day that was, as long as it has not expired.
/// - **Flash memory** may keep old copies of what was overwritten. A day's key is what must not be found; keep the folder of
///   keys on a device that erases, or encrypt the disk.
/// - **A batch is lost** if both copies of one of its records go bad. The others are served, and it is counted in
///   [`damage`](Self::damage); clients see that a batch is missing. Its number is never given to another one.
/// - Memory: about 80 bytes for each known id.
#[derive(Debug)]
pub struct JournalStore {
    core: Arc<Core>,
    folder: PathBuf,
    damage: Damage,
    queue: mpsc::Sender<Command>,
    /// For each put that is being compared.
    compares: Semaphore,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What the writer and the readers share.
struct Core {
    state: RwLock<State>,
    statements: Statements,
    failure: OnceLock<String>,
    syncs: Arc<AtomicU64>,
    rng: Mutex<Randomness<Box<dyn CryptoRng + Send>>>,
    /// Picks which record is read in the place of an absent one.
    decoys: RandomState,
    /// Whether there was no space to open the window when a batch was listed, or the day was made ready for, last: of letters,
    /// and of chunks.
    lacks_room: [AtomicBool; 2],
    /// Keeps other processes out for as long as anything of the store is alive.
    _lock: Box<dyn Lock>,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, statements: _, failure, syncs, rng: _, decoys: _, lacks_room, _lock } = self;
        f.debug_struct("Core")
            .field("state", state)
            .field("failure", failure)
            .field("syncs", syncs)
            .field("lacks_room", lacks_room)
            .finish_non_exhaustive()
    }
}

struct State {
    open: bool,
    ledger: Ledger,
    families: BTreeMap<VolumeId, Arc<Family>>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { open, ledger: _, families } = self;
        f.debug_struct("State").field("open", open).field("families", &families.len()).finish_non_exhaustive()
    }
}

/// What to read for one id: the record, or one of no interest in its place.
enum Lookup {
    Record(EnvelopeId, Arc<Family>, u32),
    Decoy(Arc<Family>, u32),
    Nothing,
}

impl JournalStore {
    /// Opens the store, and makes it if the folder is empty. Blocks for as long as it takes to read the index, below a
    /// second, or after a stop in disorder to read the headers of the days that were in use.
    ///
    /// # Errors
    /// [`OpenError`], which says what the operator can do. Blocks that do not open are no error, but
    /// [`damage`](Self::damage).
    pub fn open<R: CryptoRng + Send + 'static>(config: &JournalConfig, rng: R) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(SystemDisk), config, rng)
    }

    fn open_on<R: CryptoRng + Send + 'static>(
        disk: Arc<dyn Disk>,
        config: &JournalConfig,
        rng: R,
    ) -> Result<Self, OpenError> {
        let syncs = Arc::new(AtomicU64::new(0));
        let recovered = recover::recover(config, disk, &syncs)?;
        let core = Arc::new(Core {
            state: RwLock::new(State { open: true, ledger: recovered.ledger, families: recovered.families }),
            statements: recovered.statements,
            failure: OnceLock::new(),
            syncs,
            rng: Mutex::new(Randomness::new(Box::new(rng))),
            decoys: RandomState::new(),
            lacks_room: Default::default(),
            _lock: recovered.lock,
        });
        let (queue, commands) = mpsc::channel(QUEUE);
        let (home, heads, unfinished) = (recovered.home, recovered.heads, recovered.unfinished);
        let writer = Writer::new(Arc::clone(&core), home, heads, unfinished, config.clone());
        let writer = writer.map_err(open_error::io("start the syncing thread"))?;
        let writer = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || writer.run(commands))
            .map_err(open_error::io("start the writing thread"))?;
        let (folder, compares) = (config.directory.clone(), Semaphore::new(COMPARES));
        Ok(Self { core, folder, damage: recovered.damage, queue, compares, writer: Mutex::new(Some(writer)) })
    }

    /// What was found damaged when the store was opened.
    #[must_use]
    pub const fn damage(&self) -> Damage {
        self.damage
    }

    /// How many times a file of envelopes was synced since the store was opened.
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

    /// Reads outside the lock: at once what is in memory, off the runtime's threads what the disk must be waited for.
    async fn read<T: Send + 'static>(
        &self,
        mut lookups: Vec<Lookup>,
        pick: impl Fn(Put) -> T + Send + 'static,
    ) -> Result<Vec<Option<T>>, StoreError> {
        let mut found = Vec::with_capacity(lookups.len());
        if lookups.len() <= AT_ONCE {
            while let Some(at_once) = lookups.get(found.len()).and_then(|lookup| self.core.read_at_once(lookup)) {
                found.push(at_once?.map(&pick));
            }
            lookups.drain(..found.len());
        }
        if lookups.is_empty() {
            return Ok(found);
        }
        let core = Arc::clone(&self.core);
        let reads = move || {
            let read = |lookup| core.read_one(&lookup).map(|found| found.map(&pick));
            lookups.into_iter().map(read).collect::<Result<Vec<_>, _>>()
        };
        match tokio::task::spawn_blocking(reads).await {
            Ok(result) => found.extend(result?),
            Err(_) => return Err(StoreError::Unreadable("the reading thread panicked".into())),
        }
        Ok(found)
    }

    /// Compares what is put with what is there, so that the thread that writes need not read for those who put again. The put,
    /// if there is nothing to compare it with.
    async fn compare(&self, put: Put) -> Result<Result<PutOutcome, Put>, StoreError> {
        let Some(lookup) = self.core.known(&put)? else { return Ok(Err(put)) };
        let put = Arc::new(put);
        let other = Arc::clone(&put);
        // It never closes.
        let _permit = self.compares.acquire().await;
        let is_same = self.read(vec![lookup], move |held| held.same_content(&other)).await?;
        Ok(match is_same.first() {
            Some(Some(true)) => Ok(PutOutcome::Already),
            Some(Some(false)) => Ok(PutOutcome::Conflict),
            // Burned or expired meanwhile.
            Some(None) | None => Err(Arc::unwrap_or_clone(put)),
        })
    }

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

impl Drop for JournalStore {
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

    fn rng(&self) -> MutexGuard<'_, Randomness<Box<dyn CryptoRng + Send>>> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lacks_room(&self, kind: Kind, lacks: bool) {
        let [letters, chunks] = &self.lacks_room;
        let of_kind = if kind == Kind::Letter { letters } else { chunks };
        of_kind.store(lacks, Ordering::Relaxed);
    }

    fn nonce(&self) -> Nonce {
        random_nonce(&mut *self.rng())
    }

    fn random(&self) -> u64 {
        self.rng().next_u64()
    }

    fn draft_batch(&self, batch: &Batch, family: &Family) -> Vec<Draft> {
        Draft::batch(batch, family.key(), &mut *self.rng())
    }

    /// Seals an envelope where it is put, if its family is there already.
    fn prepare(&self, put: Put) -> Result<NewPut, StoreError> {
        let family = {
            let state = self.open_state()?;
            let day = state.ledger.latest().max(put.day);
            let is_new = state.ledger.place(&put.id).is_none();
            state.families.get(&VolumeId { kind: put.kind, day }).filter(|_| is_new).cloned()
        };
        Ok(match family {
            Some(family) => NewPut::sealed(put, family, self.nonce()),
            None => NewPut::plain(put),
        })
    }

    /// What to read for an id of which something is stored, and can be compared. Once the store has failed nothing is.
    fn known(&self, put: &Put) -> Result<Option<Lookup>, StoreError> {
        let state = self.open_state()?;
        let held = state.ledger.held(put.kind, None, &put.id).filter(|_| self.failure.get().is_none());
        Ok(held.map(|_| self.lookup(&state, put.kind, None, &put.id, None)))
    }

    /// What to read for an id. An absent one costs what a present one does: a record of `decoys` is read and opened.
    fn lookup(
        &self,
        state: &State,
        kind: Kind,
        day: Option<Day>,
        id: &EnvelopeId,
        decoys: Option<&Arc<Family>>,
    ) -> Lookup {
        if let Some(place) = state.ledger.held(kind, day, id)
            && let Some(family) = state.families.get(&VolumeId { kind, day: place.day })
        {
            return Lookup::Record(*id, Arc::clone(family), place.number);
        }
        match decoys {
            Some(family) => Lookup::Decoy(Arc::clone(family), family.decoy(self.decoys.hash_one(id))),
            None => Lookup::Nothing,
        }
    }

    fn read_one(&self, lookup: &Lookup) -> Result<Option<Put>, StoreError> {
        match lookup {
            Lookup::Nothing => Ok(None),
            Lookup::Decoy(family, position) => {
                let _ = family.envelope(*position);
                Ok(None)
            }
            Lookup::Record(id, family, position) => self.judged(id, record_of(family, *position, id)),
        }
    }

    /// The same; `None` if the disk would have to be waited for.
    fn read_at_once(&self, lookup: &Lookup) -> Option<Result<Option<Put>, StoreError>> {
        let (family, position) = match lookup {
            Lookup::Nothing => return Some(Ok(None)),
            Lookup::Decoy(family, position) | Lookup::Record(_, family, position) => (family, *position),
        };
        let read = family.envelope_at_once(position).transpose()?;
        Some(match lookup {
            Lookup::Record(id, ..) => self.judged(id, read.and_then(|read| is_of(family, id, read))),
            Lookup::Decoy(..) | Lookup::Nothing => Ok(None),
        })
    }

    /// Changes the times of a file that envelopes of the latest day are written to, or their marks, or `heads`, each as likely
    /// as another.
    fn cover(&self, heads: Option<&Arc<dyn DiskFile>>) {
        let files: Vec<_> = {
            let state = self.state();
            let latest = state.families.keys().map(|id| id.day).max();
            let of_day = state.families.values().filter(|family| Some(family.id().day) == latest);
            of_day.flat_map(|family| family.written_files()).chain(heads.cloned()).collect()
        };
        let chosen = self.random().checked_rem(files.len() as u64).and_then(|number| files.get(number as usize));
        if let Some(file) = chosen {
            // One whose times cannot be changed is no worse than before.
            let _ = file.touch();
        }
    }

    /// What was read, unless it has gone since it was looked up.
    fn judged(&self, id: &EnvelopeId, read: Result<Put, FamilyError>) -> Result<Option<Put>, StoreError> {
        match read {
            Ok(held) => Ok(Some(held)),
            // Burned or expired; otherwise it is lost.
            Err(_) if self.state().ledger.place(id).is_none_or(|place| place.burned) => Ok(None),
            Err(error) => Err(unreadable(&error)),
        }
    }
}

/// What was put with this id and stands at a position.
fn record_of(family: &Family, position: u32, id: &EnvelopeId) -> Result<Put, FamilyError> {
    is_of(family, id, family.envelope(position)?)
}

fn is_of(family: &Family, wanted: &EnvelopeId, (header, envelope): (Header, Envelope)) -> Result<Put, FamilyError> {
    let of = family.id();
    match header {
        Header::Envelope { kind, id, burn } if (kind, id) == (of.kind, *wanted) => {
            Ok(Put { day: of.day, kind, id, burn, envelope })
        }
        _ => Err(FamilyError::Damaged("another record stands there")),
    }
}

fn unreadable(error: &FamilyError) -> StoreError {
    StoreError::Unreadable(error.to_string())
}

impl Store for JournalStore {
    async fn put(&self, put: Put) -> Result<PutOutcome, StoreError> {
        put.check()?;
        let put = match self.compare(put).await? {
            Ok(outcome) => return Ok(outcome),
            Err(put) => self.core.prepare(put)?,
        };
        self.ask(|reply| Command::Put(Box::new(put), reply)).await
    }

    async fn get(&self, kind: Kind, day: Option<Day>, ids: &[EnvelopeId]) -> Result<Vec<Option<Envelope>>, StoreError> {
        at_most(ids.len())?;
        let lookups = {
            let state = self.core.open_state()?;
            let decoys = match day {
                Some(day) => state.families.get(&VolumeId { kind, day }),
                None => state.families.values().rfind(|family| family.id().kind == kind),
            };
            ids.iter().map(|id| self.core.lookup(&state, kind, day, id, decoys)).collect()
        };
        self.read(lookups, |held| held.envelope).await
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
            let decoys = state.families.get(&VolumeId { kind: Kind::Letter, day });
            ids.iter().map(|id| self.core.lookup(&state, Kind::Letter, Some(day), id, decoys)).collect()
        };
        self.read(lookups, |held| (held.id, held.envelope)).await
    }

    async fn have(&self, ids: &[EnvelopeId]) -> Result<Vec<bool>, StoreError> {
        Ok(self.core.open_state()?.ledger.have(ids))
    }

    async fn burn(&self, id: EnvelopeId, key: BurnKey) -> Result<BurnOutcome, StoreError> {
        self.ask(|reply| Command::Burn(Burn { id, key }, reply)).await
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

    async fn begin(&self, day: Day) -> Result<(), StoreError> {
        self.ask(|reply| Command::Begin(day, reply)).await
    }

    async fn cover(&self) {
        // By the writer, so that nothing is being done any more when the store is closed. It may be closed already.
        let _ = self.ask(Command::Cover).await;
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

    fn is_damaged(&self) -> bool {
        self.damage.is_loss()
    }

    async fn free(&self) -> Option<u64> {
        if self.core.lacks_room.iter().any(|lacks| lacks.load(Ordering::Relaxed)) {
            return Some(0);
        }
        free(self.folder.clone()).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.ask(Command::Close).await
    }
}
