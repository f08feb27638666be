//! Opening a store: everything the manifest promises must be there and fit together, or the store does not open.

use super::super::Kind;
use super::super::ledger::{Ledger, Place, first_head};
use super::super::open_error::OpenError;
use super::super::open_error::io;
use super::SledConfig;
use super::files;
use super::key::{DayKey, Loaded};
use super::manifest::{Entry, Manifest, VolumeId};
use super::statements::Statements;
use super::volume::{Volume, VolumeError};
use cssr_proto::Day;
use cssr_proto::index::{Batch, Head};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Where the parts of a store are.
#[derive(Clone, Debug)]
pub(super) struct Home {
    pub(super) root: PathBuf,
    pub(super) keys: PathBuf,
    pub(super) days: PathBuf,
    #[cfg(test)]
    pub(super) break_destroy: Arc<std::sync::atomic::AtomicBool>,
}

impl Home {
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            keys: root.join("keys"),
            days: root.join("days"),
            root,
            #[cfg(test)]
            break_destroy: Arc::default(),
        }
    }

    /// Destroys a day: its key first, for good; then what was sealed under it. The sign of it stays where the key was, so
    /// that a store whose manifest still lists the day opens.
    pub(super) fn destroy(&self, id: VolumeId) -> io::Result<()> {
        DayKey::destroy(&self.keys, id)?;
        #[cfg(test)]
        if self.break_destroy.load(std::sync::atomic::Ordering::Relaxed) {
            std::panic::panic_any("injected by a test");
        }
        files::remove_folder(&self.folder(id))
    }

    /// Removes the sign, once the manifest does not list the day any more.
    pub(super) fn clear(&self, id: VolumeId) -> io::Result<()> {
        files::remove(&self.keys, &id.key_name()).map(|_| ())
    }

    pub(super) fn folder(&self, id: VolumeId) -> PathBuf {
        self.days.join(id.to_string())
    }
}

/// A store that has been opened and checked.
pub(super) struct Recovered {
    pub(super) ledger: Ledger,
    pub(super) volumes: BTreeMap<VolumeId, Arc<Volume>>,
    pub(super) statements: Statements,
    pub(super) home: Home,
    pub(super) lock: File,
}

pub(super) fn recover(config: &SledConfig, syncs: &Arc<AtomicU64>) -> Result<Recovered, OpenError> {
    let root = config.directory.clone();
    let home = Home::new(root);
    files::make_root(&home.root).map_err(io("make the store's folder"))?;
    for folder in [&home.keys, &home.days] {
        files::make_folder(folder).map_err(io("make the store's folders"))?;
    }
    let lock = lock(&home.root)?;
    for folder in [&home.root, &home.keys] {
        files::remove_unfinished(folder).map_err(io("remove unfinished files"))?;
        // What was renamed and not synced counts from now on, so it must last.
        files::sync_folder(folder).map_err(io("sync the store's folders"))?;
    }
    let statements = Statements::open(&home.root).map_err(io("open the statements"))?;
    let manifest = manifest(&home, config)?;

    let mut recovery = Recovery { ledger: Ledger::new(&config.relay, config.quotas), volumes: BTreeMap::new() };
    recovery.ledger.advance(manifest.latest);
    let mut gone = Vec::new();
    for entry in &manifest.entries {
        let id = entry.id();
        let key = DayKey::load(&home.keys, id).map_err(io("read a day's key"))?;
        match key {
            Loaded::Key(key) if !entry.void => {
                let volume = open_volume(&home, entry, key, syncs)?;
                recovery.volumes.insert(id, volume);
            }
            Loaded::Missing if !entry.void => return Err(OpenError::NoKey(id.to_string())),
            Loaded::Destroyed | Loaded::Key(_) | Loaded::Missing => gone.push(id),
        }
    }
    for id in &gone {
        home.destroy(*id).map_err(io("destroy what has expired"))?;
    }
    for kind in [Kind::Letter, Kind::Chunk] {
        recovery.load(kind, manifest.head(kind), first_head(kind, &config.relay))?;
    }
    let Recovery { ledger, volumes } = recovery;
    let heads = [Kind::Letter, Kind::Chunk].map(|kind| ledger.head(kind));
    write_manifest(&home, ledger.latest(), heads, &volumes, &[]).map_err(io("write the manifest"))?;
    for id in gone {
        home.clear(id).map_err(io("remove what has expired"))?;
    }
    Ok(Recovered { ledger, volumes, statements, home, lock })
}

/// Writes down what there is, and `others`.
pub(super) fn write_manifest(
    home: &Home,
    latest: Day,
    [letters, chunks]: [Head; 2],
    volumes: &BTreeMap<VolumeId, Arc<Volume>>,
    others: &[Entry],
) -> io::Result<()> {
    let mut entries: Vec<_> = volumes.values().map(|volume| Entry::live(volume.id(), volume.synced())).collect();
    entries.extend_from_slice(others);
    Manifest::new(latest, letters, chunks, entries).write(&home.root)
}

pub(super) fn lock(root: &Path) -> Result<File, OpenError> {
    super::super::lock::lock(&root.join("lock")).map_err(|error| match error {
        TryLockError::WouldBlock => OpenError::Locked,
        TryLockError::Error(error) => io("lock the store")(error),
    })
}

/// Reads the manifest, if there is one, and lists the folders and keys of days.
pub(super) fn read_manifest(home: &Home) -> Result<(Option<Manifest>, Vec<String>), OpenError> {
    let mut names = Vec::new();
    for folder in [&home.days, &home.keys] {
        names.extend(files::names(folder).map_err(io("list the days"))?);
    }
    let manifest = Manifest::read(&home.root).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => OpenError::OtherEngine,
        _ => io("read the manifest")(error),
    })?;
    if manifest.is_none() && !names.is_empty() {
        return Err(OpenError::NoManifest);
    }
    Ok((manifest, names))
}

/// Reads the manifest, or makes the first one; and refuses folders and keys that it does not list.
fn manifest(home: &Home, config: &SledConfig) -> Result<Manifest, OpenError> {
    let (manifest, names) = read_manifest(home)?;
    let Some(manifest) = manifest else {
        let head = |kind| first_head(kind, &config.relay);
        let manifest = Manifest::new(Day::FIRST, head(Kind::Letter), head(Kind::Chunk), Vec::new());
        manifest.write(&home.root).map_err(io("write the manifest"))?;
        return Ok(manifest);
    };
    let listed = |name: &String| {
        manifest.entries.iter().map(Entry::id).any(|id| *name == id.to_string() || *name == id.key_name())
    };
    for name in names.into_iter().filter(|name| !listed(name)) {
        // A day that expired completely but for the sign of it.
        if !DayKey::remove_sign(&home.keys, &name).map_err(io("remove what has expired"))? {
            return Err(OpenError::Unlisted(name));
        }
    }
    Ok(manifest)
}

fn open_volume(home: &Home, entry: &Entry, key: DayKey, syncs: &Arc<AtomicU64>) -> Result<Arc<Volume>, OpenError> {
    let id = entry.id();
    let failed = |reason: String| OpenError::Database { volume: id.to_string(), reason };
    let folder = home.folder(id);
    if !folder.join("db").is_file() {
        // sled would make a new one.
        return Err(failed("its file is missing".into()));
    }
    files::settle_tree(&folder).map_err(io("open the database of a day"))?;
    // sled panics on some damage.
    let volume = catch_unwind(AssertUnwindSafe(|| Volume::open(&folder, id, key, syncs)))
        .map_err(|_| failed("it panicked".into()))?
        .map_err(|error| match error {
            VolumeError::Io(source) | VolumeError::Sled(sled::Error::Io(source)) => {
                OpenError::Io { what: "open the database of a day", source }
            }
            damage => failed(damage.to_string()),
        })?;
    if volume.next() < entry.at_least {
        return Err(failed("envelopes are missing".into()));
    }
    Ok(Arc::new(volume))
}

struct Recovery {
    ledger: Ledger,
    volumes: BTreeMap<VolumeId, Arc<Volume>>,
}

impl Recovery {
    /// Fills the ledger with one kind, and checks that its batches form one chain that ends no earlier than `known`.
    fn load(&mut self, kind: Kind, known: Head, first: Head) -> Result<(), OpenError> {
        let known = if known.number() == 0 { first } else { known };
        let mut batches = Vec::new();
        let volumes = self.volumes.values().filter(|volume| volume.id().kind == kind);
        for volume in volumes {
            let failed =
                |error: VolumeError| OpenError::Database { volume: volume.id().to_string(), reason: error.to_string() };
            let read = catch_unwind(AssertUnwindSafe(|| load_volume(&mut self.ledger, volume)));
            let read = read.map_err(|_| failed(VolumeError::Damaged("it panicked")))?.map_err(failed)?;
            batches.extend(read);
        }
        batches.sort_unstable_by_key(Batch::number);
        if batches.is_empty() && known.number() > 0 && self.volumes.contains_key(&VolumeId { kind, day: known.day() }) {
            return Err(OpenError::Chain("the last ones are missing"));
        }
        let head = check_chain(&batches, known, first)?;
        for batch in batches {
            let fits = |place: Place| place.kind == kind && place.day == batch.day();
            if !batch.ids().iter().all(|id| self.ledger.place(id).is_some_and(fits)) {
                return Err(OpenError::Chain("a batch lists an envelope that is missing"));
            }
            self.ledger.publish(kind, Arc::new(batch));
        }
        self.ledger.set_head(kind, head);
        // What waits on a day that the chain has left cannot be listed any more. No store comes to that by itself, but one that
        // was made of a damaged one may.
        self.ledger.strand(kind);
        Ok(())
    }
}

fn load_volume(ledger: &mut Ledger, volume: &Volume) -> Result<Vec<Batch>, VolumeError> {
    let VolumeId { kind, day } = volume.id();
    ledger.advance(day);
    for (number, mark) in (0u32..).zip(volume.all_marks()) {
        let mark = mark?;
        if ledger.place(&mark.id).is_some() {
            return Err(VolumeError::Damaged("an id is there twice"));
        }
        ledger.insert(mark.id, Place { kind, day, number, burned: mark.burned });
    }
    volume.all_batches().collect()
}

/// Whether batches, sorted by number, form one chain that begins with `first`, if its beginning is there, and reaches the
/// head `known`; and the head of it all.
pub(super) fn check_chain(batches: &[Batch], known: Head, first: Head) -> Result<Head, OpenError> {
    let Some(oldest) = batches.first() else { return Ok(known) };
    let mut head = match oldest.number() {
        1 if oldest.previous() != first.chain() => {
            return Err(OpenError::OtherKey);
        }
        1 => first,
        number => Head::new(number - 1, oldest.day(), *oldest.previous()).map_err(|_| OpenError::Chain("no chain"))?,
    };
    let is_known = |head: &Head| (head.number(), head.chain()) == (known.number(), known.chain());
    let mut seen = is_known(&head);
    for batch in batches {
        head = head.follow(batch).map_err(|_| OpenError::Chain("one is missing or another one"))?;
        seen |= is_known(&head);
    }
    if seen { Ok(head) } else { Err(OpenError::Chain("the last ones are missing")) }
}
