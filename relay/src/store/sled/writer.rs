//! The one thread that writes. Puts that wait together share a sync.

use super::super::ledger::Place;
use super::super::undestroyed::destroy_each;
use super::super::{BurnOutcome, Kind, Lives, Put, PutOutcome, Shelf, StatementName, StoreError};
use super::files;
use super::key::DayKey;
use super::manifest::{Entry, VolumeId};
use super::recover::{Home, write_manifest};
use super::volume::{Volume, VolumeError};
use super::{Core, unreadable};
use cssr_proto::index::{Batch, Head};
use cssr_proto::parcel::BurnKey;
use cssr_proto::{Day, EnvelopeId};
use rand_core::CryptoRng;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Puts that share a sync at most: the first of them must not wait for ever.
const GROUP: usize = 256;

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

pub(super) enum Command {
    Put(Put, Reply<PutOutcome>),
    Burn(EnvelopeId, BurnKey, Reply<BurnOutcome>),
    Seal(Kind, Reply<Option<Arc<Batch>>>),
    Expire(Day, Lives, Reply<usize>),
    PutStatement(Shelf, StatementName, Vec<u8>, Reply<()>),
    DeleteStatement(Shelf, StatementName, Reply<bool>),
    Close(Reply<()>),
}

pub(super) struct Writer<R> {
    core: Arc<Core>,
    home: Home,
    rng: R,
    /// Days in which nothing counts: those that are being made, or could not be, and those that have expired and could not be
    /// destroyed.
    undestroyed: BTreeSet<VolumeId>,
}

/// A put that is written, but neither synced nor known to readers.
struct Staged {
    id: EnvelopeId,
    place: Place,
}

impl<R: CryptoRng> Writer<R> {
    pub(super) const fn new(core: Arc<Core>, home: Home, rng: R) -> Self {
        Self { core, home, rng, undestroyed: BTreeSet::new() }
    }

    /// Works until the store is closed or dropped.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut next = None;
        while let Some(command) = next.take().or_else(|| commands.blocking_recv()) {
            // Nobody may be waiting for an answer any more; that is their choice.
            match command {
                Command::Put(put, reply) => {
                    let mut group = vec![(put, reply)];
                    while group.len() < GROUP {
                        match commands.try_recv() {
                            Ok(Command::Put(put, reply)) => group.push((put, reply)),
                            Ok(other) => {
                                next = Some(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.put(group);
                }
                Command::Burn(id, key, reply) => {
                    drop(reply.send(self.guarded(|writer| writer.burn(&id, &key)).flatten()));
                }
                Command::Seal(kind, reply) => drop(reply.send(self.guarded(|writer| writer.seal(kind)))),
                Command::Expire(today, lives, reply) => drop(reply.send(self.expire(today, lives))),
                Command::PutStatement(shelf, name, bytes, reply) => {
                    let put = self.guarded(|writer| Ok(writer.core.statements.put(shelf, &name, &bytes)?));
                    drop(reply.send(put));
                }
                Command::DeleteStatement(shelf, name, reply) => {
                    let deleted = self.guarded(|writer| Ok(writer.core.statements.delete(shelf, &name)?));
                    drop(reply.send(deleted));
                }
                Command::Close(reply) => {
                    drop(reply.send(self.close()));
                    return;
                }
            }
        }
        let _ = self.close();
    }

    fn put(&mut self, group: Vec<(Put, Reply<PutOutcome>)>) {
        let (puts, replies): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        match self.guarded(|writer| writer.commit(&puts)) {
            Ok(outcomes) => {
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    let _ = reply.send(outcome);
                }
            }
            Err(error) => {
                for reply in replies {
                    let _ = reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// Writes a group of puts, syncs once, and only then lets anybody see them.
    fn commit(&mut self, puts: &[Put]) -> Result<Vec<Result<PutOutcome, StoreError>>, VolumeError> {
        let mut first_of: HashMap<EnvelopeId, &Put> = HashMap::new();
        let mut staged: Vec<Staged> = Vec::new();
        let mut touched: BTreeMap<VolumeId, Arc<Volume>> = BTreeMap::new();
        let mut outcomes = Vec::with_capacity(puts.len());
        for put in puts {
            let known = self.core.state().ledger.place(&put.id);
            let outcome = if let Some(first) = first_of.get(&put.id) {
                Ok(if first.same_content(put) { PutOutcome::Already } else { PutOutcome::Conflict })
            } else if let Some(place) = known {
                self.compare(put, place).map_err(|error| unreadable(&error))
            } else if !self.has_room(put.kind, &staged) {
                Ok(PutOutcome::Full)
            } else {
                let latest = staged.last().map_or_else(|| self.core.state().ledger.latest(), |last| last.place.day);
                let id = VolumeId { kind: put.kind, day: latest.max(put.day) };
                let volume = self.volume(id)?;
                let number = volume.write(put, &mut self.rng)?;
                let number = u32::try_from(number).map_err(|_| VolumeError::Damaged("more numbers than there are"))?;
                staged.push(Staged { id: put.id, place: Place { kind: id.kind, day: id.day, number, burned: false } });
                touched.insert(id, volume);
                first_of.insert(put.id, put);
                Ok(PutOutcome::Stored)
            };
            outcomes.push(outcome);
        }
        for volume in touched.values() {
            volume.sync()?;
        }
        let mut state = self.core.state_mut();
        for Staged { id, place } in staged {
            state.ledger.insert(id, place);
        }
        Ok(outcomes)
    }

    fn compare(&self, put: &Put, place: Place) -> Result<PutOutcome, VolumeError> {
        if place.burned || place.kind != put.kind {
            return Ok(PutOutcome::Conflict);
        }
        let volume = self.existing(VolumeId { kind: place.kind, day: place.day })?;
        let mark = volume.read_mark(u64::from(place.number))?;
        let envelope = volume.read(u64::from(place.number))?;
        let envelope = envelope.ok_or(VolumeError::Damaged("an envelope is missing"))?;
        let held = Put { day: place.day, kind: place.kind, id: mark.id, burn: mark.burn, envelope };
        Ok(if held.same_content(put) { PutOutcome::Already } else { PutOutcome::Conflict })
    }

    fn has_room(&self, kind: Kind, staged: &[Staged]) -> bool {
        let staged = staged.iter().filter(|staged| staged.place.kind == kind).count() as u64;
        self.core.state().ledger.has_room(kind, staged)
    }

    /// What cannot be read concerns one caller; what cannot be written concerns all.
    fn burn(&mut self, id: &EnvelopeId, key: &BurnKey) -> Result<Result<BurnOutcome, StoreError>, VolumeError> {
        let Some(place) = self.core.state().ledger.place(id) else { return Ok(Ok(BurnOutcome::Absent)) };
        if place.kind == Kind::Letter {
            return Ok(Ok(BurnOutcome::Refused));
        }
        let number = u64::from(place.number);
        let volume = self.existing(VolumeId { kind: place.kind, day: place.day })?;
        let mark = match volume.read_mark(number) {
            Ok(mark) => mark,
            Err(error) => return Ok(Err(unreadable(&error))),
        };
        if !mark.burn.is_some_and(|hash| key.burns(&hash)) {
            return Ok(Ok(BurnOutcome::Refused));
        }
        if !place.burned {
            // Readers must not find it missing from the disk while they believe it is there.
            self.core.state_mut().ledger.mark_burned(id);
            volume.burn(number, mark, &mut self.rng)?;
            volume.sync()?;
        }
        Ok(Ok(BurnOutcome::Burned))
    }

    fn seal(&mut self, kind: Kind) -> Result<Option<Arc<Batch>>, VolumeError> {
        let batch = self.core.state().ledger.next_batch(kind);
        let Some(batch) = batch.map_err(|_| VolumeError::Damaged("no number is left"))? else { return Ok(None) };
        let volume = self.existing(VolumeId { kind, day: batch.day() })?;
        volume.write_batch(&batch, &mut self.rng)?;
        volume.sync()?;
        // Before anybody sees it: a backup takes the heads from there, and no later number may be given to another batch.
        self.write_manifest_with(Some((kind, batch.head())))?;
        self.core.state_mut().ledger.publish(kind, Arc::clone(&batch));
        Ok(Some(batch))
    }

    fn expire(&mut self, today: Day, lives: Lives) -> Result<usize, StoreError> {
        // Not `guarded`: what must be forgotten is forgotten even if nothing can be acknowledged any more.
        let expired = catch_unwind(AssertUnwindSafe(|| self.destroy_expired(today, lives)));
        expired.unwrap_or(Err(VolumeError::Damaged("it panicked"))).map_err(|error| self.fail(&error))
    }

    fn destroy_expired(&mut self, today: Day, lives: Lives) -> Result<usize, VolumeError> {
        let (expired, advanced) = {
            let mut state = self.core.state_mut();
            let advanced = today > state.ledger.latest();
            state.ledger.advance(today);
            let latest = state.ledger.latest();
            // Not what the ledger knows of: a day may have a key and nothing that was acknowledged.
            let expired = state.volumes.keys().filter(|id| latest.since(id.day) > lives.of(id.kind)).copied();
            (expired.collect::<Vec<_>>(), advanced)
        };
        // The heads must be safe before the batches they follow from are gone. A full disk may not let them be; it is the
        // lesser evil then to go on, which also makes room for the second attempt.
        let heads = if advanced || !expired.is_empty() { self.write_manifest() } else { Ok(()) };
        // Before anything else may go wrong: nothing else would find them.
        self.undestroyed.extend(&expired);
        let mut volumes = Vec::new();
        for id in &expired {
            let mut state = self.core.state_mut();
            state.ledger.forget(id.kind, id.day);
            volumes.extend(state.volumes.remove(id));
        }
        for volume in volumes {
            // sled panics when it cannot sync on closing, and all that is synced here is going to be destroyed.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(volume)));
        }
        if self.undestroyed.is_empty() {
            return heads.map(|()| 0);
        }
        let (destroyed, failure) = destroy_each(&mut self.undestroyed, |id| self.home.destroy(id));
        self.write_manifest()?;
        for id in &destroyed {
            self.home.clear(*id)?;
        }
        failure.map_or(Ok(destroyed.len()), |error| Err(error.into()))
    }

    /// The database of a kind and day that has something.
    fn existing(&self, id: VolumeId) -> Result<Arc<Volume>, VolumeError> {
        self.core.state().volumes.get(&id).cloned().ok_or(VolumeError::Damaged("a day is missing"))
    }

    /// The database of a kind and day; a new one with a new key if there is none.
    fn volume(&mut self, id: VolumeId) -> Result<Arc<Volume>, VolumeError> {
        if let Some(volume) = self.core.state().volumes.get(&id) {
            return Ok(Arc::clone(volume));
        }
        // Whatever becomes of it, it is listed until it is made or destroyed.
        self.undestroyed.insert(id);
        self.write_manifest()?;
        let key = DayKey::create(&self.home.keys, id, &mut self.rng)?;
        let folder = self.home.folder(id);
        files::make_folder(&folder)?;
        let volume = Arc::new(Volume::open(&folder, id, key, &self.core.syncs)?);
        self.core.state_mut().volumes.insert(id, Arc::clone(&volume));
        self.undestroyed.remove(&id);
        self.write_manifest()?;
        Ok(volume)
    }

    /// Writes down what there is, what is being made, and what is to be destroyed yet.
    fn write_manifest(&self) -> Result<(), VolumeError> {
        self.write_manifest_with(None)
    }

    /// The same, with a head that nobody knows yet.
    fn write_manifest_with(&self, new: Option<(Kind, Head)>) -> Result<(), VolumeError> {
        let state = self.core.state();
        let void: Vec<_> = self.undestroyed.iter().copied().map(Entry::void).collect();
        let heads = [Kind::Letter, Kind::Chunk].map(|kind| match new {
            Some((of, head)) if of == kind => head,
            _ => state.ledger.head(kind),
        });
        Ok(write_manifest(&self.home, state.ledger.latest(), heads, &state.volumes, &void)?)
    }

    /// Readers that are under way keep their database open until they are done.
    fn close(&mut self) -> Result<(), StoreError> {
        let closed = self.guarded(|writer| writer.write_manifest());
        let volumes = {
            let mut state = self.core.state_mut();
            state.open = false;
            std::mem::take(&mut state.volumes)
        };
        // sled panics when it cannot sync on closing. All that was acknowledged is synced already.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(volumes)));
        closed.and(dropped.map_err(|_| self.fail(&VolumeError::Damaged("a database panicked on closing"))))
    }

    /// Does something that changes the store, unless an earlier change could not be made durable.
    fn guarded<T>(&mut self, change: impl FnOnce(&mut Self) -> Result<T, VolumeError>) -> Result<T, StoreError> {
        if let Some(why) = self.core.failure.get() {
            return Err(StoreError::Failed(why.clone()));
        }
        match catch_unwind(AssertUnwindSafe(|| change(self))) {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(self.fail(&error)),
            Err(_) => Err(self.fail(&VolumeError::Damaged("it panicked"))),
        }
    }

    /// From here on nothing is acknowledged. What was written but not synced may or may not be there after a restart.
    fn fail(&self, error: &VolumeError) -> StoreError {
        StoreError::Failed(self.core.failure.get_or_init(|| error.to_string()).clone())
    }
}
