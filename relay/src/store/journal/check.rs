//! Looking at every byte of a store that nobody has open, and changing none.
//!
//! What a crash leaves is told too, since it looks the same: a block that was being written does not open, and a batch may
//! have one copy only. Opening the store does not mend that, so what was told after a crash is told until the day expires.

use super::super::findings::Findings;
use super::super::open_error::io;
use super::super::volume_id::VolumeId;
use super::super::{Kind, OpenError, Shelf, StatementName};
use super::JournalConfig;
use super::announced::Announced;
use super::disk::{Disk, SystemDisk};
use super::family::{BURNED, Files, JOURNAL, MARK};
use super::files;
use super::heads;
use super::index::{self, Contents};
use super::key::{DayKey, Loaded};
use super::manifest::{self, Manifest};
use super::record::RECORD;
use super::recover::{Home, follow, locked_existing};
use super::scan::{Bad, Depth, Scanned, scan};
use cssr_proto::index::{Batch, Head};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

const COPY: &str = "one of two copies is damaged";

/// Checks a store. `seen` is told of each record.
pub(crate) fn check(config: &JournalConfig, seen: &(dyn Fn() + Sync)) -> Result<Findings, OpenError> {
    check_on(Arc::new(SystemDisk), config, seen)
}

pub(super) fn check_on(
    disk: Arc<dyn Disk>,
    config: &JournalConfig,
    seen: &(dyn Fn() + Sync),
) -> Result<Findings, OpenError> {
    let home = Home::new(disk, config.directory.clone());
    let _lock = locked_existing(&home)?;
    let (findings, batches, days) = (Findings::default(), Vec::new(), BTreeSet::new());
    let mut check = Check { home: &home, seen, findings, batches, days };
    if !check.copies(&home.root, manifest::NAME)? {
        // Without it nothing says which days there should be.
        check.findings.tell(manifest::NAME, None, "it is missing, or both copies are damaged");
        return Ok(check.findings);
    }
    let manifest = Manifest::read(&*home.disk, &home.root)?.ok_or(OpenError::NoStore)?;
    if !manifest.is_for(&config.relay) {
        return Err(OpenError::OtherKey);
    }
    check.unlisted(&manifest)?;
    let read = heads::read(&*home.disk, &home.root, &config.relay).map_err(io("read a small file"))?;
    for (kind, known) in [Kind::Letter, Kind::Chunk].into_iter().zip(heads::known(read, &manifest)) {
        let mut announced = Announced::by(&known);
        let mut families: Vec<_> = manifest.families().filter(|id| id.kind == kind).collect();
        families.sort_unstable_by_key(|id| Reverse(*id));
        for id in families {
            check.family(id, &mut announced)?;
        }
        check.chain(kind, known);
    }
    check.heads()?;
    check.statements()?;
    Ok(check.findings)
}

struct Check<'a> {
    home: &'a Home,
    seen: &'a (dyn Fn() + Sync),
    findings: Findings,
    batches: Vec<(Kind, Batch)>,
    /// Those that could be read.
    days: BTreeSet<VolumeId>,
}

impl Check<'_> {
    /// Whether any copy of a small file is whole.
    fn copies(&mut self, folder: &Path, name: &str) -> Result<bool, OpenError> {
        let path = folder.join(name);
        let content = files::read_what_can_be(&*self.home.disk, &path).map_err(io("read a small file"))?;
        let shown = path.strip_prefix(&self.home.root).unwrap_or(&path).to_string_lossy();
        Ok(content.is_some_and(|content| self.both_copies(&shown, &content, 0)))
    }

    /// Whether any copy of what stands in a file from `start` on is whole.
    fn both_copies(&mut self, file: &str, content: &[u8], start: usize) -> bool {
        let Some(whole) = files::whole_copies(content).next() else { return false };
        let expected = files::twice(whole);
        let half = expected.len() / 2;
        for copy in [0, half] {
            if content.get(copy..copy + half) != expected.get(copy..copy + half) {
                self.findings.tell(file, Some((start + copy) as u64), COPY);
            }
        }
        if content.len() > expected.len() {
            self.findings.tell(file, Some((start + expected.len()) as u64), "something follows its end");
        }
        true
    }

    /// A store of before has no such file, and one that is damaged is made anew when it is opened.
    fn heads(&mut self) -> Result<(), OpenError> {
        let content = files::read_what_can_be(&*self.home.disk, &self.home.root.join(heads::NAME));
        let content = content.map_err(io("read a small file"))?.unwrap_or_default();
        for (number, slot) in content.chunks(heads::SLOT).enumerate() {
            let start = number * heads::SLOT;
            if !self.both_copies(heads::NAME, slot, start) {
                for copy in [0, heads::SLOT / 2] {
                    self.findings.tell(heads::NAME, Some((start + copy) as u64), "a copy is damaged");
                }
            }
        }
        Ok(())
    }

    /// Of which one copy is damaged. Who verifies them tells of those that cannot be read.
    fn statements(&mut self) -> Result<(), OpenError> {
        for shelf in Shelf::ALL {
            let folder = self.home.root.join("statements").join(shelf.folder());
            let names = match self.home.disk.list(&folder) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                other => other.map_err(io("list the statements"))?,
            };
            for name in names.iter().filter(|name| StatementName::new(name.as_str()).is_ok()) {
                self.copies(&folder, name)?;
            }
        }
        Ok(())
    }

    /// Opening refuses a day that is not listed if it holds anything, and removes it otherwise.
    fn unlisted(&mut self, manifest: &Manifest) -> Result<(), OpenError> {
        let listed: BTreeSet<String> = manifest.families().chain(manifest.expired()).map(|id| id.to_string()).collect();
        let days = self.home.disk.list(&self.home.days).map_err(io("list the days"))?;
        for name in days.into_iter().filter(|name| !listed.contains(name)) {
            let journal = self.home.disk.open(&self.home.days.join(&name).join(JOURNAL));
            if journal.and_then(|journal| journal.length()).is_ok_and(|length| length > 0) {
                self.findings.tell(format!("days/{name}"), None, "it is not in the manifest, and holds something");
            }
        }
        Ok(())
    }

    fn family(&mut self, id: VolumeId, announced: &mut Announced) -> Result<(), OpenError> {
        let disk = &*self.home.disk;
        let key = match DayKey::load(disk, &self.home.keys, id).map_err(io("read a day's key"))? {
            Loaded::Key(key) => key,
            // It is about to go.
            Loaded::Destroyed => return Ok(()),
            Loaded::Missing => {
                let what = "it is missing, or both copies are damaged: nothing of its day can be read";
                self.findings.tell(format!("keys/{}", id.key_name()), None, what);
                return Ok(());
            }
        };
        self.copies(&self.home.keys, &id.key_name())?;
        let files = match Files::open(disk, &self.home.folder(id), id, key) {
            Ok(files) => files,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.findings.tell(format!("days/{id}"), None, "a file of it is missing");
                return Ok(());
            }
            Err(error) => return Err(io("open a journal")(error)),
        };
        // What is read shall be what the disk has.
        files.all().try_for_each(|file| file.forget_cached()).map_err(io("read a journal"))?;
        let scanned = scan(&files, Depth::Bodies, announced, self.seen).map_err(io("read a journal"))?;
        announced.learn(scanned.contents.batches.first());
        self.index(id, &files, &scanned)?;
        let Scanned { contents, damaged, flawed, lost, single, records, blank, marks, .. } = scanned;
        for Bad { file, position } in damaged {
            let unit = if file == BURNED { MARK } else { RECORD };
            let offset = u64::from(position) * unit as u64;
            self.findings.tell(format!("days/{id}/{file}"), Some(offset), "a block does not open");
        }
        for Bad { file, position } in flawed {
            let offset = u64::from(position) * RECORD as u64;
            let what = "a block has lost its marks; what stands in it is served";
            self.findings.tell(format!("days/{id}/{file}"), Some(offset), what);
        }
        if single > 0 {
            let what = "a batch, or more, has one copy of two; it is served";
            self.findings.tell(format!("days/{id}/{JOURNAL}"), None, what);
        }
        self.findings.records += records;
        self.findings.blank += blank;
        self.findings.marks += marks;
        self.findings.envelopes_lost += lost;
        self.days.insert(id);
        self.batches.extend(contents.batches.into_iter().map(|batch| (id.kind, batch)));
        Ok(())
    }

    /// An index that is there must say what the journal does.
    fn index(&mut self, id: VolumeId, files: &Files, scanned: &Scanned) -> Result<(), OpenError> {
        let disk = &*self.home.disk;
        let name = || format!("days/{id}/{}", index::NAME);
        if files::read(disk, &files.folder.join(index::NAME)).map_err(io("read an index"))?.is_none() {
            return Ok(());
        }
        match index::read(disk, files).map_err(io("read an index"))? {
            None => self.findings.tell(name(), None, "it does not open; the journal will be read instead"),
            Some(indexed) if !agree(&indexed, &scanned.contents) => {
                self.findings.tell(name(), None, "it and the journal say different things");
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn chain(&mut self, kind: Kind, known: Head) {
        let of_kind = self.batches.extract_if(.., |(of, _)| *of == kind);
        let mut batches: Vec<Batch> = of_kind.map(|(_, batch)| batch).collect();
        batches.sort_unstable_by_key(Batch::number);
        self.findings.batches_missing +=
            follow(&batches, known, self.days.contains(&VolumeId { kind, day: known.day() })).1;
    }
}

/// The index may count places as taken from which something was erased.
fn agree(indexed: &Contents, found: &Contents) -> bool {
    let sorted = |contents: &Contents| {
        let mut known: Vec<_> = contents.known.iter().map(|(id, spot)| (*id, spot.burned, spot.position)).collect();
        let mut waiting = contents.waiting.clone();
        known.sort_unstable();
        waiting.sort_unstable();
        (known, waiting)
    };
    let within = |few: &[u32], many: &[u32]| {
        let many: BTreeSet<_> = many.iter().collect();
        few.iter().all(|position| many.contains(position))
    };
    indexed.batches == found.batches
        && sorted(indexed) == sorted(found)
        && within(&found.taken, &indexed.taken)
        && within(&found.marks_taken, &indexed.marks_taken)
}
