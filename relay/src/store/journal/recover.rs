//! Opening a store. A journal says itself what is in it, so a damaged block costs what stood in it and no more, and is
//! counted; only what must not be guessed keeps a store from opening: which days there are, and their keys.

use super::super::ledger::{Ledger, Place, first_head};
use super::super::open_error::io;
use super::super::undestroyed::destroy_each;
use super::super::volume_id::VolumeId;
use super::super::{Kind, OpenError};
use super::announced::Announced;
use super::disk::{Disk, Lock, is_full};
use super::family::{Family, Files, JOURNAL};
use super::files;
use super::heads::{self, Heads};
use super::index::{self, Contents};
use super::key::{DayKey, Loaded};
use super::manifest::Manifest;
use super::scan::{Depth, Scanned, scan, settle};
use super::spare::Spare;
use super::statements::Statements;
use super::{JournalConfig, record_of};
use cssr_proto::index::{Batch, Head};
use cssr_proto::{Day, EnvelopeId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::TryLockError;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// What was found damaged when a store was opened. Only journals that were read then are judged: those in which something
/// was going on when the store was last stopped in disorder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// Blocks that do not open. Some of a crash are what was being written just then, which nobody was told of.
    pub blocks: u64,
    /// Envelopes that are listed and cannot be read.
    pub envelopes: u64,
    /// Batches that are missing in the chains.
    pub batches: u64,
}

impl Damage {
    /// Whether something that is listed is lost.
    pub(crate) const fn is_loss(&self) -> bool {
        self.envelopes > 0 || self.batches > 0
    }
}

/// Where the parts of a store are.
#[derive(Clone, Debug)]
pub(super) struct Home {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) root: PathBuf,
    pub(super) keys: PathBuf,
    pub(super) days: PathBuf,
    pub(super) spare: Spare,
}

impl Home {
    pub(super) fn new(disk: Arc<dyn Disk>, root: PathBuf) -> Self {
        Self { disk, keys: root.join("keys"), days: root.join("days"), spare: Spare::new(&root), root }
    }

    pub(super) fn folder(&self, id: VolumeId) -> PathBuf {
        self.days.join(id.to_string())
    }

    /// Destroys a day: its key first, for good; then what was sealed under it, but for the space. The sign of it stays where
    /// the key was, so that a store whose manifest still lists the day opens.
    pub(super) fn destroy(&self, id: VolumeId) -> std::io::Result<()> {
        DayKey::destroy(&*self.disk, &self.keys, id)?;
        self.spare.keep(&*self.disk, id, &self.folder(id))?;
        files::remove_folder(&*self.disk, &self.folder(id))
    }

    /// Removes the sign, once the manifest does not list the day any more.
    pub(super) fn clear(&self, id: VolumeId) -> std::io::Result<()> {
        files::remove(&*self.disk, &self.keys, &id.key_name()).map(|_| ())
    }
}

/// What a full disk keeps from being done about days that have expired.
#[derive(Default)]
pub(super) struct Unfinished {
    /// Those that are not destroyed.
    pub(super) expired: BTreeSet<VolumeId>,
    /// Those that are, of which a sign stands where the key was, since the manifest may list them still.
    pub(super) uncleared: BTreeSet<VolumeId>,
    /// Whether the manifest says still what it did before.
    pub(super) manifest_is_behind: bool,
}

/// A store that has been opened and checked.
pub(super) struct Recovered {
    pub(super) ledger: Ledger,
    pub(super) families: BTreeMap<VolumeId, Arc<Family>>,
    pub(super) statements: Statements,
    pub(super) home: Home,
    pub(super) heads: Heads,
    pub(super) unfinished: Unfinished,
    pub(super) lock: Box<dyn Lock>,
    pub(super) damage: Damage,
}

pub(super) fn recover(
    config: &JournalConfig,
    disk: Arc<dyn Disk>,
    syncs: &Arc<AtomicU64>,
) -> Result<Recovered, OpenError> {
    let home = Home::new(disk, config.directory.clone());
    let disk = &*home.disk;
    files::make_root(disk, &home.root).map_err(io("make the store's folder"))?;
    for folder in [&home.keys, &home.days] {
        files::make_folder(disk, folder).map_err(io("make the store's folders"))?;
    }
    let lock = locked(&home)?;
    home.spare.begin(disk).map_err(io("give back the space of days that have expired"))?;
    for folder in [&home.root, &home.keys] {
        files::remove_unfinished(disk, folder).map_err(io("remove unfinished files"))?;
        // What was renamed and not synced counts from now on, so it must last.
        disk.sync_folder(folder).map_err(io("sync the store's folders"))?;
    }
    let statements = Statements::open(&home.disk, &home.root).map_err(io("open the statements"))?;
    let manifest = manifest(&home, config)?;
    remove_unlisted(&home, &manifest)?;

    let read = heads::read(disk, &home.root, &config.relay).map_err(io("read the heads of the chains"))?;
    let known = heads::known(read, &manifest);
    let mut recovery = Recovery {
        home: &home,
        syncs,
        announced: known.map(|head| Announced::by(&head)),
        ledger: Ledger::new(&config.relay, config.quotas),
        families: BTreeMap::new(),
        batches: Vec::new(),
        damage: Damage::default(),
    };
    recovery.ledger.advance(manifest.latest);
    let mut gone: BTreeSet<_> = manifest.expired().collect();
    let mut families: Vec<VolumeId> = manifest.families().collect();
    // The latest first, since the batches of each tell which of the day before they follow.
    families.sort_unstable_by_key(|id| Reverse(*id));
    for id in families {
        match DayKey::load(disk, &home.keys, id).map_err(io("read a day's key"))? {
            Loaded::Key(key) => recovery.open(id, key)?,
            Loaded::Destroyed => drop(gone.insert(id)),
            Loaded::Missing => return Err(OpenError::NoKey(id.to_string())),
        }
    }
    for (kind, known) in [Kind::Letter, Kind::Chunk].into_iter().zip(known) {
        recovery.link(kind, known);
    }
    let Recovery { ledger, families, damage, .. } = recovery;
    let unfinished = finish_expiry(&home, config, &ledger, &families, gone).map_err(io("destroy what has expired"))?;
    let heads = [Kind::Letter, Kind::Chunk].map(|kind| ledger.head(kind));
    let heads = Heads::begin(disk, &home.root, &config.relay, heads).map_err(io("write the heads of the chains"))?;
    Ok(Recovered { ledger, families, statements, heads, unfinished, lock, damage, home })
}

/// Keeps other processes out of a store.
pub(super) fn locked(home: &Home) -> Result<Box<dyn Lock>, OpenError> {
    home.disk.lock(&home.root.join("lock")).map_err(|error| match error {
        TryLockError::WouldBlock => OpenError::Locked,
        TryLockError::Error(error) => io("lock the store")(error),
    })
}

/// The same, of a store that there must be.
pub(super) fn locked_existing(home: &Home) -> Result<Box<dyn Lock>, OpenError> {
    match home.disk.list(&home.keys) {
        Ok(_) => locked(home),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(OpenError::NoStore),
        Err(error) => Err(io("list the days")(error)),
    }
}

/// Reads the manifest, or makes the first one.
fn manifest(home: &Home, config: &JournalConfig) -> Result<Manifest, OpenError> {
    let disk = &*home.disk;
    if let Some(manifest) = Manifest::read(disk, &home.root)? {
        if manifest.is_for(&config.relay) {
            return Ok(manifest);
        }
        return Err(OpenError::OtherKey);
    }
    let names = disk.list(&home.keys).and_then(|keys| Ok((keys, disk.list(&home.days)?)));
    let (keys, days) = names.map_err(io("list the days"))?;
    if !keys.is_empty() || !days.is_empty() {
        return Err(OpenError::NoManifest);
    }
    let heads = [Kind::Letter, Kind::Chunk].map(|kind| first_head(kind, &config.relay));
    let manifest = Manifest::new(&config.relay, Day::FIRST, heads, []);
    manifest.write(disk, &home.root).map_err(io("write the manifest"))?;
    Ok(manifest)
}

/// Removes days that were only being made, or had been destroyed but for the sign of it. Another day that the manifest
/// does not list is refused: it holds something.
fn remove_unlisted(home: &Home, manifest: &Manifest) -> Result<(), OpenError> {
    let disk = &*home.disk;
    let listed: BTreeSet<String> = manifest.families().chain(manifest.expired()).map(|id| id.to_string()).collect();
    let names = disk.list(&home.keys).and_then(|keys| Ok((keys, disk.list(&home.days)?)));
    let (keys, days) = names.map_err(io("list the days"))?;
    let names =
        keys.iter().map(|name| name.strip_suffix(".key").unwrap_or(name)).chain(days.iter().map(String::as_str));
    for name in names.filter(|name| !listed.contains(*name)) {
        let folder = home.days.join(name);
        let length = match disk.open(&folder.join(JOURNAL)).and_then(|journal| journal.length()) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => return Err(io("open a journal")(error)),
        };
        if length > 0 {
            return Err(OpenError::Unlisted(name.into()));
        }
        files::remove_folder(disk, &folder)
            .and_then(|()| files::remove(disk, &home.keys, &format!("{name}.key")))
            .map_err(io("remove a day that was only being made"))?;
    }
    Ok(())
}

/// Destroys what has expired. A full disk must not keep a store from opening: what it keeps from being done is done later.
fn finish_expiry(
    home: &Home,
    config: &JournalConfig,
    ledger: &Ledger,
    families: &BTreeMap<VolumeId, Arc<Family>>,
    mut expired: BTreeSet<VolumeId>,
) -> std::io::Result<Unfinished> {
    if expired.is_empty() {
        return Ok(Unfinished::default());
    }
    let (destroyed, failure) = destroy_each(&mut expired, |id| home.destroy(id));
    failure.filter(|error| !is_full(error)).map_or(Ok(()), Err)?;
    let heads = [ledger.head(Kind::Letter), ledger.head(Kind::Chunk)];
    let manifest = Manifest::new(&config.relay, ledger.latest(), heads, families.keys().copied())
        .with_expired(expired.iter().copied());
    let write = || manifest.write(&*home.disk, &home.root);
    let written = match write() {
        // What they have left is all the room there may be.
        Err(error) if is_full(&error) && home.spare.give_back(&*home.disk).unwrap_or_default() => write(),
        other => other,
    };
    let manifest_is_behind = written.is_err();
    let uncleared = match written.and_then(|()| destroyed.iter().try_for_each(|id| home.clear(*id))) {
        Ok(()) => BTreeSet::new(),
        Err(error) if is_full(&error) => destroyed.into_iter().collect(),
        Err(error) => return Err(error),
    };
    Ok(Unfinished { expired, uncleared, manifest_is_behind })
}

struct Recovery<'a> {
    home: &'a Home,
    syncs: &'a Arc<AtomicU64>,
    /// Of letters and of chunks.
    announced: [Announced; 2],
    ledger: Ledger,
    families: BTreeMap<VolumeId, Arc<Family>>,
    batches: Vec<(Kind, Batch)>,
    damage: Damage,
}

impl Recovery<'_> {
    /// Takes up a family: by its index if there is one, otherwise by its journal.
    fn open(&mut self, id: VolumeId, key: DayKey) -> Result<(), OpenError> {
        let disk = &*self.home.disk;
        let folder = self.home.folder(id);
        let files = Files::open(disk, &folder, id, key).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                OpenError::Database { volume: id.to_string(), reason: "a file of it is missing".into() }
            }
            _ => io("open a journal")(error),
        })?;
        files::remove_unfinished(disk, &folder).map_err(io("remove unfinished files"))?;
        let indexed = index::read(disk, &files).map_err(io("read an index"))?;
        let has_index = indexed.is_some();
        let [of_letters, of_chunks] = &mut self.announced;
        let announced = if id.kind == Kind::Letter { of_letters } else { of_chunks };
        let scanned = match indexed {
            Some(contents) => Scanned { contents, ..Scanned::default() },
            None => {
                index::remove(disk, &folder).map_err(io("remove an index"))?;
                let scanned = settle(&files).and_then(|()| scan(&files, Depth::Headers, announced, &|| ()));
                scanned.map_err(io("read a journal"))?
            }
        };
        announced.learn(scanned.contents.batches.first());
        let Scanned { contents, mut unburned, mut torn, duplicates, damaged, lost, is_partial, .. } = scanned;
        // A chunk may be put again somewhere else, or was, and be burned there; then nothing must be left of it here.
        if id.kind == Kind::Chunk {
            unburned.extend(duplicates);
        }
        torn.retain(|position| id.kind == Kind::Chunk && files.is_torn(*position).unwrap_or_default());
        let taken = (contents.taken.as_slice(), contents.marks_taken.as_slice());
        let family = Family::new(files, taken, has_index, is_partial, Arc::clone(self.syncs));
        let family = family.map_err(io("open a journal"))?;
        family.erase(&unburned).map_err(io("erase what was burned"))?;
        // Where it cannot be overwritten it stays damaged.
        let _ = family.erase(&torn);
        family.expect(contents.batches.last().map_or(0, |batch| batch.ids().len()));
        self.families.insert(id, Arc::new(family));
        self.damage.blocks += damaged.len() as u64;
        self.damage.envelopes += lost;
        self.add(id, contents)
    }

    fn add(&mut self, VolumeId { kind, day }: VolumeId, contents: Contents) -> Result<(), OpenError> {
        let Contents { batches, known, waiting, .. } = contents;
        self.ledger.advance(day);
        self.ledger.expect(known.len());
        let mut twice = Vec::new();
        for (id, spot) in known {
            let place = Place { kind, day, number: spot.position, burned: spot.burned };
            let there = self.ledger.restore(id, place).filter(|there| (there.kind, there.day) != (kind, day));
            twice.extend(there.map(|there| (id, [there, place])));
        }
        self.ledger.restore_waiting(kind, day, waiting);
        self.batches.extend(batches.into_iter().map(|batch| (kind, batch)));
        twice.into_iter().try_for_each(|(id, places)| self.one_of_both(id, places))
    }

    /// What could not be read for a while, and was put again on another day, is there twice. One is served, and listed; of
    /// the other nothing must be left when this one is burned or expires.
    fn one_of_both(&mut self, id: EnvelopeId, mut places: [Place; 2]) -> Result<(), OpenError> {
        let is_whole = |place: &Place| {
            let family = self.families.get(&VolumeId { kind: place.kind, day: place.day });
            !place.burned && family.is_some_and(|family| record_of(family, place.number, &id).is_ok())
        };
        let is_waiting = |place: &Place| self.ledger.is_waiting(place.kind, place.day, &id);
        places.sort_by_key(|place| (place.burned, is_whole(place), !is_waiting(place), place.day, place.kind.byte()));
        let [other, kept] = places;
        // Without what a batch lists it would count as lost.
        let goes = other.kind == kept.kind && (other.kind == Kind::Chunk || is_waiting(&other));
        if goes
            && is_whole(&other)
            && (kept.burned || is_whole(&kept))
            && let Some(family) = self.families.get(&VolumeId { kind: other.kind, day: other.day })
        {
            let erased = family.erase_copy(&*self.home.disk, other.number);
            erased.map_err(io("erase what is there twice"))?;
        }
        self.ledger.settle_on(id, kept, other);
        Ok(())
    }

    /// Lists the batches of a kind. The chain goes on from the last one that is known of, though others be missing.
    fn link(&mut self, kind: Kind, known: Head) {
        let of_kind = self.batches.extract_if(.., |(of, _)| *of == kind);
        let mut batches: Vec<Batch> = of_kind.map(|(_, batch)| batch).collect();
        batches.sort_unstable_by_key(Batch::number);
        let (head, missing) = follow(&batches, known, self.families.contains_key(&VolumeId { kind, day: known.day() }));
        self.damage.batches += missing;
        for batch in batches {
            self.ledger.publish(kind, Arc::new(batch));
        }
        // A day without a batch, as it was expected when it began.
        let last = self.ledger.last_batch(kind);
        let of_kind = self.families.iter().filter(|(id, _)| id.kind == kind);
        for (_, family) in of_kind.filter(|(id, _)| self.ledger.batches(kind, id.day).is_empty()) {
            family.expect(last);
        }
        self.ledger.set_head(kind, head);
        // What only a batch listed of which both copies are bad looks as if it had never been listed.
        self.damage.envelopes += self.ledger.strand(kind) as u64;
    }
}

/// The end of a chain of which `known` was a head once, from its batches, sorted by number; and how many are missing, at least.
/// Whether those up to `known` are depends on whether its day is there: none of a day expires without the others.
pub(super) fn follow(batches: &[Batch], known: Head, day_is_there: bool) -> (Head, u64) {
    let mut missing = 0;
    let mut head: Option<Head> = None;
    for batch in batches {
        if let Some(head) = head
            && head.follow(batch).is_err()
        {
            missing += batch.number().saturating_sub(head.number()).saturating_sub(1).max(1);
        }
        head = Some(batch.head());
    }
    match head {
        Some(head) if head.number() >= known.number() => (head, missing),
        _ if day_is_there => {
            let last = head.map_or(known.number().saturating_sub(1), |head| head.number());
            (known, missing + (known.number() - last))
        }
        _ => (known, missing),
    }
}
