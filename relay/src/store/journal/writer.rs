//! The one thread that writes. What waits together shares a sync, which another thread makes.

use super::super::undestroyed::destroy_each;
use super::super::volume_id::VolumeId;
use super::super::{BurnOutcome, Kind, Lives, PutOutcome, Shelf, StatementName, StoreError};
use super::disk::is_full;
use super::family::{Family, FamilyError, Files};
use super::heads::Heads;
use super::index;
use super::key::DayKey;
use super::manifest::Manifest;
use super::new_put::NewPut;
use super::recover::{Home, Unfinished};
use super::{Core, JournalConfig};
use cssr_proto::index::{Batch, Head};
use cssr_proto::parcel::BurnKey;
use cssr_proto::{Day, EnvelopeId};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

mod burn;
mod put;
mod syncer;
mod unsynced;

use syncer::Syncer;
use unsynced::Unsynced;

/// Puts or burns that are taken from the queue together at most: the first of them must not wait for ever. Fewer than three
/// times as many puts are written and not synced at any time.
const GROUP: usize = 256;

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;
/// What cannot be read, or finds no space, concerns one caller (inner); what cannot be written, all (outer).
type Change<T> = Result<Result<T, StoreError>, FamilyError>;

pub(super) enum Command {
    Put(Box<NewPut>, Reply<PutOutcome>),
    Burn(Burn, Reply<BurnOutcome>),
    Seal(Kind, Reply<Option<Arc<Batch>>>),
    Expire(Day, Lives, Reply<usize>),
    Begin(Day, Reply<()>),
    Cover(Reply<()>),
    PutStatement(Shelf, StatementName, Vec<u8>, Reply<()>),
    DeleteStatement(Shelf, StatementName, Reply<bool>),
    Close(Reply<()>),
}

pub(super) struct Burn {
    pub(super) id: EnvelopeId,
    pub(super) key: BurnKey,
}

pub(super) struct Writer {
    core: Arc<Core>,
    home: Home,
    heads: Heads,
    config: JournalConfig,
    syncer: Syncer,
    unsynced: Unsynced,
    /// Days that are being made, or could not be: nothing counts in them.
    unmade: BTreeSet<VolumeId>,
    /// Days that have expired and are not destroyed.
    expired: BTreeSet<VolumeId>,
    /// Days that were destroyed, of which a sign stands where the key was until the manifest lists them no more. Never one that
    /// is there, or is being made, again.
    uncleared: BTreeSet<VolumeId>,
    /// Whether the manifest says less than what was promised, or more than there is.
    manifest_is_behind: bool,
}

impl Writer {
    pub(super) fn new(
        core: Arc<Core>,
        home: Home,
        heads: Heads,
        unfinished: Unfinished,
        config: JournalConfig,
    ) -> std::io::Result<Self> {
        let (syncer, unsynced) = (Syncer::start()?, Unsynced::default());
        let Unfinished { expired, uncleared, manifest_is_behind } = unfinished;
        let unmade = BTreeSet::new();
        Ok(Self { core, home, heads, config, syncer, unsynced, unmade, expired, uncleared, manifest_is_behind })
    }

    /// Works until the store is closed or dropped.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut next = None;
        while let Some(command) = next.take().or_else(|| self.next_command(&mut commands)) {
            // Nobody may be waiting for an answer any more; that is their choice.
            match command {
                Command::Put(put, reply) => {
                    let mut group = vec![(*put, reply)];
                    next = gather(&mut commands, &mut group, |command| match command {
                        Command::Put(put, reply) => Ok((*put, reply)),
                        other => Err(other),
                    });
                    let is_alone = group.len() == 1 && next.is_none() && commands.is_empty();
                    self.put(group, is_alone);
                }
                Command::Burn(burn, reply) => {
                    let mut group = vec![(burn, reply)];
                    next = gather(&mut commands, &mut group, |command| match command {
                        Command::Burn(burn, reply) => Ok((burn, reply)),
                        other => Err(other),
                    });
                    self.burn_all(group);
                }
                Command::Seal(kind, reply) => {
                    let seal = |writer: &mut Self| writer.settle().and_then(|()| writer.seal(kind));
                    drop(reply.send(self.guarded(seal).flatten()));
                }
                Command::Expire(today, lives, reply) => drop(reply.send(self.expire(today, lives))),
                Command::Begin(day, reply) => {
                    let begin = |writer: &mut Self| writer.settle().and_then(|()| writer.begin(day));
                    drop(reply.send(self.guarded(begin).flatten()));
                }
                Command::Cover(reply) => {
                    self.core.cover(self.heads.file());
                    drop(reply.send(Ok(())));
                }
                Command::PutStatement(shelf, name, bytes, reply) => {
                    let put = |writer: &mut Self| {
                        unless_full(writer.making_room_if_need_be(|| writer.core.statements.put(shelf, &name, &bytes)))
                    };
                    drop(reply.send(self.guarded(put).flatten()));
                }
                Command::DeleteStatement(shelf, name, reply) => {
                    let delete = |writer: &mut Self| unless_full(writer.core.statements.delete(shelf, &name));
                    drop(reply.send(self.guarded(delete).flatten()));
                }
                Command::Close(reply) => {
                    drop(reply.send(self.close()));
                    return;
                }
            }
        }
        let _ = self.close();
    }

    /// What is queued; if nothing is, there is nothing to do but wait.
    ///
    /// While a sync is under way nobody need wake this thread for a put, since it could only be written yet: it looks again
    /// a few times.
    fn next_command(&mut self, commands: &mut mpsc::Receiver<Command>) -> Option<Command> {
        loop {
            if let Ok(command) = commands.try_recv() {
                return Some(command);
            }
            if self.unsynced.is_empty() {
                return commands.blocking_recv();
            }
            // What goes wrong, everybody who waits for it is told.
            let _ = self.guarded(Self::await_sync);
        }
    }

    /// Does a group of changes together, and answers them all.
    fn share<C, T>(
        &mut self,
        group: Vec<(C, Reply<T>)>,
        change: impl FnOnce(&mut Self, Vec<C>) -> Result<Vec<Result<T, StoreError>>, FamilyError>,
    ) {
        let (changes, replies): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        match self.guarded(|writer| writer.settle().and_then(|()| change(writer, changes))) {
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

    /// Both copies of the batch's records, each at a random position like any other; then the head, for the case that both go
    /// bad. Only then may anybody see it.
    fn seal(&mut self, kind: Kind) -> Change<Option<Arc<Batch>>> {
        let batch = self.core.state().ledger.next_batch(kind);
        let Some(batch) = batch.map_err(|_| FamilyError::Damaged("no number is left"))? else { return Ok(Ok(None)) };
        let family = self.existing(VolumeId { kind, day: batch.day() })?;
        let drafts: Vec<_> = (0..2).flat_map(|_| self.core.draft_batch(&batch, &family)).collect();
        let begun = match self.begin_heads() {
            Err(error) if is_full(&error) && self.make_room()? => self.begin_heads(),
            other => other,
        };
        let prepared = begun.and_then(|()| self.prepare(&family, drafts.len()));
        if let Err(full) = unless_full(prepared)? {
            return Ok(Err(full));
        }
        for draft in drafts {
            let position = family.place(self.core.random())?;
            family.write(position, draft.finish(family.key(), position).as_slice())?;
        }
        // When a batch is listed everybody sees. So this is the moment for whatever else would tell of one.
        self.give_back()?;
        // A window that is not open now is opened by the next put, if there is space.
        let mut is_open = family.sealed(batch.ids().len())?;
        if !is_open && self.make_room()? {
            is_open = family.sealed(batch.ids().len())?;
        }
        self.core.lacks_room(kind, !is_open);
        family.sync()?;
        self.heads.write(match (self.announced(), kind) {
            ([_, chunks], Kind::Letter) => [batch.head(), chunks],
            ([letters, _], Kind::Chunk) => [letters, batch.head()],
        })?;
        self.core.state_mut().ledger.publish(kind, Arc::clone(&batch));
        Ok(Ok(Some(batch)))
    }

    /// Gives back the space of what was burned; whether there was any.
    fn give_back(&self) -> std::io::Result<bool> {
        let families: Vec<_> = self.core.state().families.values().cloned().collect();
        let mut any = false;
        for family in families {
            any |= family.give_back()?;
        }
        Ok(any)
    }

    /// Gives back whatever space the store can do without; whether there was any. An error of it is one of the store, since want
    /// of anything is none.
    fn make_room(&self) -> std::io::Result<bool> {
        let kept = match self.home.spare.give_back(&*self.home.disk) {
            // Too many files are open to look for it.
            Err(error) if is_full(&error) => false,
            other => other?,
        };
        let kept = kept | self.give_back()?;
        // What cannot be given back of a day is left.
        Ok(self.days_over().iter().fold(kept, |any, family| any | family.trim().unwrap_or_default()))
    }

    /// The families of days that have passed to which no record will be written any more.
    fn days_over(&self) -> Vec<Arc<Family>> {
        let state = self.core.state();
        let latest = state.ledger.latest();
        let is_over = |id: &VolumeId| {
            let waiting = state.ledger.waiting_count(id.kind, id.day) + self.unsynced.count(*id);
            id.day < latest && waiting == 0
        };
        state.families.iter().filter(|(id, _)| is_over(id)).map(|(_, family)| Arc::clone(family)).collect()
    }

    /// The ends of the chains of letters and of chunks.
    fn announced(&self) -> [Head; 2] {
        let state = self.core.state();
        [Kind::Letter, Kind::Chunk].map(|kind| state.ledger.head(kind))
    }

    /// Makes the file of heads, if there was no space for it when the store was opened.
    fn begin_heads(&mut self) -> std::io::Result<()> {
        if self.heads.file().is_none() {
            self.heads = Heads::begin(&*self.home.disk, &self.home.root, &self.config.relay, self.announced())?;
        }
        if self.heads.file().is_some() { Ok(()) } else { Err(std::io::ErrorKind::StorageFull.into()) }
    }

    /// The families of a day, or of the latest one, with space for what will come.
    fn begin(&mut self, day: Day) -> Change<()> {
        let day = self.core.state().ledger.latest().max(day);
        for kind in [Kind::Letter, Kind::Chunk] {
            let (expected, is_quiet) = {
                let state = self.core.state();
                (state.ledger.last_batch(kind), state.ledger.waiting_count(kind, day) == 0)
            };
            let begun = self.family_with_room(VolumeId { kind, day }).and_then(|family| {
                let begin = || family.begin(&*self.home.disk, expected, is_quiet);
                Ok(self.making_room_if_need_be(begin)?)
            });
            match begun {
                Err(error) if error.is_full() => return Ok(Err(StoreError::NoSpace)),
                Err(error) => return Err(error),
                // In the middle of a batch it need not be.
                Ok(is_open) if is_open || is_quiet => self.core.lacks_room(kind, !is_open),
                Ok(_) => {}
            }
        }
        Ok(Ok(()))
    }

    fn expire(&mut self, today: Day, lives: Lives) -> Result<usize, StoreError> {
        let _ = self.guarded(Self::settle);
        // Not `guarded`: what must be forgotten is forgotten even if nothing can be acknowledged any more.
        let expired = catch_unwind(AssertUnwindSafe(|| self.destroy_expired(today, lives)));
        let expired = expired.unwrap_or(Err(FamilyError::Damaged("it panicked")));
        // Without space what is noted down of it stays as it was; what was destroyed is.
        let expired = expired.map_err(|error| if error.is_full() { StoreError::NoSpace } else { self.fail(&error) })?;
        if self.guarded(|writer| Ok(writer.give_back()?)).is_ok() {
            self.tidy();
        }
        Ok(expired)
    }

    fn destroy_expired(&mut self, today: Day, lives: Lives) -> Result<usize, FamilyError> {
        let (expired, advanced) = {
            let mut state = self.core.state_mut();
            let advanced = today > state.ledger.latest();
            state.ledger.advance(today);
            let latest = state.ledger.latest();
            let expired = state.families.keys().filter(|id| latest.since(id.day) > lives.of(id.kind)).copied();
            (expired.collect::<Vec<_>>(), advanced)
        };
        self.manifest_is_behind |= advanced || !expired.is_empty();
        for id in &expired {
            let mut state = self.core.state_mut();
            state.ledger.forget(id.kind, id.day);
            state.families.remove(id);
        }
        self.expired.extend(expired);
        // That they have expired, and the heads of the chains, must be safe before they are gone. A full disk may not let that be
        // written; it is the lesser evil then to go on, which also makes room for the second attempt.
        let noted = if self.manifest_is_behind { self.write_manifest() } else { Ok(()) };
        let destroy = |id| self.home.destroy(id);
        let (mut destroyed, failure) = destroy_each(&mut self.expired, destroy);
        let (unmade, failure_of_unmade) = destroy_each(&mut self.unmade, destroy);
        destroyed.extend(unmade);
        if destroyed.is_empty() {
            noted?;
        } else {
            self.uncleared.extend(destroyed);
            self.manifest_is_behind = true;
            self.write_manifest()?;
        }
        let mut cleared = 0;
        while let Some(id) = self.uncleared.first().copied() {
            self.home.clear(id)?;
            self.uncleared.remove(&id);
            cleared += 1;
        }
        failure.or(failure_of_unmade).map_or(Ok(cleared), |error| Err(error.into()))
    }

    /// Days that have passed change seldom: they get their index, so that they need not be read after a crash, and give
    /// back the space that nothing will be written to. Neither is needed, so what fails is left.
    fn tidy(&self) {
        for family in self.days_over() {
            let _ = family.trim();
            if family.wants_index() {
                self.write_index(&family);
            }
        }
    }

    fn write_index(&self, family: &Family) {
        // Before it is tried: one that failed may be there even so, and must go before the next change.
        family.indexed();
        let _ = index::write(&*self.home.disk, family, &self.core.state().ledger, &self.core.nonce());
    }

    /// The family of a kind and day that has something.
    fn existing(&self, id: VolumeId) -> Result<Arc<Family>, FamilyError> {
        self.core.state().families.get(&id).cloned().ok_or(FamilyError::Damaged("a day is missing"))
    }

    /// The family of a kind and day; a new one with a new key if there is none.
    fn family(&mut self, id: VolumeId) -> Result<Arc<Family>, FamilyError> {
        if let Some(family) = self.core.state().families.get(&id) {
            return Ok(Arc::clone(family));
        }
        // What is left of it from before a clock was set back, or else it would be destroyed with that.
        if self.expired.contains(&id) {
            self.home.destroy(id)?;
            self.expired.remove(&id);
        }
        // Where the sign of an earlier attempt stands there will be a key.
        self.uncleared.remove(&id);
        let disk = Arc::clone(&self.home.disk);
        // Before its file is written, since others draw meanwhile.
        let drawn = DayKey::draw(&mut *self.core.rng());
        let key = || DayKey::create(&*disk, &self.home.keys, id, &drawn);
        let files = Files::create(&*disk, &self.home.folder(id), id, key)?;
        // Whatever becomes of it, it is listed until it is made or destroyed: it may not be empty, once it was listed.
        self.unmade.insert(id);
        self.write_manifest()?;
        // Only now: a day that is not listed must be empty.
        let files = self.home.spare.give(&*disk, files)?;
        let family = Arc::new(Family::new(files, (&[], &[]), false, false, Arc::clone(&self.core.syncs))?);
        family.expect(self.core.state().ledger.last_batch(id.kind));
        self.core.state_mut().families.insert(id, Arc::clone(&family));
        self.unmade.remove(&id);
        Ok(family)
    }

    /// Makes a family ready for records.
    fn prepare(&self, family: &Family, needed: usize) -> std::io::Result<()> {
        self.making_room_if_need_be(|| family.prepare(&*self.home.disk, needed))
    }

    /// Does something that needs space; if the disk is full, without what is kept for another day, or was burned.
    fn making_room_if_need_be<T>(&self, attempt: impl Fn() -> std::io::Result<T>) -> std::io::Result<T> {
        match attempt() {
            Err(error) if is_full(&error) && self.make_room()? => attempt(),
            other => other,
        }
    }

    /// Whether days have expired that a restart would find again as if they had not: they are not destroyed, and it could not
    /// be written down. What they had may be put again, and would be taken for one of two copies then.
    fn may_be_haunted(&self) -> bool {
        self.manifest_is_behind && !self.expired.is_empty()
    }

    /// Writes down what there is, what is being made, and what is to be destroyed yet.
    fn write_manifest(&mut self) -> std::io::Result<()> {
        let state = self.core.state();
        let heads = [state.ledger.head(Kind::Letter), state.ledger.head(Kind::Chunk)];
        let families = state.families.keys().chain(&self.unmade).copied();
        let manifest = Manifest::new(&self.config.relay, state.ledger.latest(), heads, families)
            .with_expired(self.expired.iter().copied());
        drop(state);
        self.making_room_if_need_be(|| manifest.write(&*self.home.disk, &self.home.root))?;
        self.manifest_is_behind = false;
        Ok(())
    }

    /// Readers that are under way keep their files open until they are done.
    fn close(&mut self) -> Result<(), StoreError> {
        let closed = self.guarded(|writer| {
            writer.settle()?;
            writer.give_back()?;
            let families: Vec<_> = writer.core.state().families.values().cloned().collect();
            for family in families.iter().filter(|family| family.wants_index()) {
                // Without it the journal is read on opening.
                writer.write_index(family);
            }
            unless_full(writer.write_manifest())
        });
        let mut state = self.core.state_mut();
        state.open = false;
        state.families.clear();
        closed.flatten().or_else(|error| if error == StoreError::NoSpace { Ok(()) } else { Err(error) })
    }

    /// Does something that changes the store, unless an earlier change could not be made durable.
    fn guarded<T>(&mut self, change: impl FnOnce(&mut Self) -> Result<T, FamilyError>) -> Result<T, StoreError> {
        let done = match self.core.failure.get() {
            Some(why) => Err(StoreError::Failed(why.clone())),
            None => catch_unwind(AssertUnwindSafe(|| change(self)))
                .unwrap_or(Err(FamilyError::Damaged("it panicked")))
                .map_err(|error| self.fail(&error)),
        };
        done.inspect_err(|error| self.abandon(error))
    }

    /// From here on nothing is acknowledged. What was written but not synced may or may not be there after a restart.
    fn fail(&self, error: &FamilyError) -> StoreError {
        StoreError::Failed(self.core.failure.get_or_init(|| error.to_string()).clone())
    }
}

/// Takes from the queue what can share a sync; returns the first command that cannot.
fn gather<T>(
    commands: &mut mpsc::Receiver<Command>,
    group: &mut Vec<T>,
    take: impl Fn(Command) -> Result<T, Command>,
) -> Option<Command> {
    while group.len() < GROUP {
        match take(commands.try_recv().ok()?) {
            Ok(another) => group.push(another),
            Err(other) => return Some(other),
        }
    }
    None
}

/// Want of space before anything was changed is no failure of the store.
fn unless_full<T>(result: std::io::Result<T>) -> Change<T> {
    match result {
        Ok(done) => Ok(Ok(done)),
        Err(error) if is_full(&error) => Ok(Err(StoreError::NoSpace)),
        Err(error) => Err(error.into()),
    }
}
