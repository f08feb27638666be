//! Reading a store without changing anything in it: for exports and backups, and for backups even while a relay has it
//! open.
//!
//! **While a relay writes**, what is read must be as it was at one moment, and must not go back on a crash:
//! - Only what a batch lists is taken. A batch was written after all that it lists was synced; so once a batch has been
//!   seen, reading the journal again finds all of it.
//! - The latest day is read first. Days of batches never decrease, so whatever is sealed meanwhile comes after the last
//!   batch that was taken, and nothing is missing before it.
//! - No batch is taken that `heads` does not know yet: what is written there, the disk has. What the system's memory has of a
//!   batch may be all that there is of it, if a sync has failed.
//! - What was read is synced before it counts, for a store of before, which has no `heads`: so a batch that was seen is there
//!   after a crash of the relay too.
//! - A chunk that is burned meanwhile has its mark before its record goes: what does not open and has a mark was burned.

use super::super::transfer::{Content, Held, Listed, Outline, Source};
use super::super::volume_id::VolumeId;
use super::super::{Kind, OpenError, StoreError, open_error::io};
use super::JournalConfig;
use super::announced::Announced;
use super::disk::{Disk, Lock};
use super::family::{BURNED, Files, MARK, Mark};
use super::heads;
use super::index::{Contents, LOST, Spot};
use super::key::{DayKey, Loaded};
use super::manifest::Manifest;
use super::record::{Found, Header};
use super::recover::{Home, follow, locked_existing};
use super::scan::{Depth, Scanned, scan};
use cssr_proto::index::{Batch, Head};
use cssr_proto::parcel::BurnHash;
use cssr_proto::{Day, Envelope, EnvelopeId};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// Which part of a store to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it, and nobody else has it open.
    All,
    /// What batches list; a relay may have it open.
    Listed,
    /// Nothing but where the chains stand; a relay may have it open.
    Heads,
}

/// A store that is being read.
#[derive(Debug)]
pub(crate) struct JournalReader {
    outline: Outline,
    families: BTreeMap<VolumeId, FamilyReader>,
    /// Keeps relays out, if it must.
    lock: Option<Box<dyn Lock>>,
}

#[derive(Debug)]
struct FamilyReader {
    files: Files,
    batches: Vec<Batch>,
    /// By id.
    known: Vec<(EnvelopeId, Spot)>,
    /// What is known of its batches from elsewhere.
    announced: Announced,
    /// The number of the last batch that may be taken.
    last: u64,
    /// What is to be taken from another day.
    elsewhere: BTreeMap<EnvelopeId, (VolumeId, Spot)>,
    /// Whether the journal was read a second time.
    again: bool,
}

/// One of several copies of an envelope.
struct Copy {
    id: EnvelopeId,
    of: VolumeId,
    spot: Spot,
    is_whole: bool,
    is_listed: bool,
}

impl JournalReader {
    pub(crate) fn open(config: &JournalConfig, extent: Extent) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(super::disk::SystemDisk), config, extent)
    }

    pub(super) fn open_on(disk: Arc<dyn Disk>, config: &JournalConfig, extent: Extent) -> Result<Self, OpenError> {
        let home = Home::new(disk, config.directory.clone());
        let lock = if extent == Extent::All { Some(locked_existing(&home)?) } else { None };
        // Before the days are listed, and their journals read, which then reach at least as far.
        let read = heads::read(&*home.disk, &home.root, &config.relay).map_err(io("read the heads of the chains"))?;
        let manifest = match Manifest::read(&*home.disk, &home.root)? {
            Some(manifest) => manifest,
            // Without days it was never begun.
            None if home.disk.list(&home.keys).is_ok_and(|keys| !keys.is_empty()) => return Err(OpenError::NoManifest),
            None => return Err(OpenError::NoStore),
        };
        if !manifest.is_for(&config.relay) {
            return Err(OpenError::OtherKey);
        }
        let is_written_down = extent != Extent::All && read.is_some();
        let [letters, chunks] = heads::known(read, &manifest);
        let mut announced = [letters, chunks].map(|head| Announced::by(&head));
        let mut ids: Vec<VolumeId> = manifest.families().collect();
        ids.sort_unstable();
        let mut families = BTreeMap::new();
        let mut open = BTreeSet::from([Kind::Letter.byte(), Kind::Chunk.byte()]);
        for id in ids.into_iter().rev() {
            if extent == Extent::Heads && !open.contains(&id.kind.byte()) {
                continue;
            }
            let [of_letters, of_chunks] = &mut announced;
            let (announced, head) = match id.kind {
                Kind::Letter => (of_letters, letters),
                Kind::Chunk => (of_chunks, chunks),
            };
            let last = if is_written_down { head.number() } else { u64::MAX };
            match FamilyReader::open(&home, id, extent, announced, last)? {
                Some(family) => {
                    announced.learn(family.batches.first());
                    if !family.batches.is_empty() {
                        open.remove(&id.kind.byte());
                    }
                    families.insert(id, family);
                }
                // A day is destroyed, taken out of the manifest, and only then are its files removed.
                None if is_missing(&home, id)? => return Err(OpenError::NoKey(id.to_string())),
                None => {}
            }
        }
        if extent == Extent::All {
            take_one_of_each(&mut families).map_err(io("read a journal"))?;
        }
        if extent == Extent::Listed {
            look_again(&mut families).map_err(io("read a journal"))?;
        }
        let heads = [(Kind::Letter, letters), (Kind::Chunk, chunks)].map(|(kind, known)| head(&families, kind, known));
        let latest = families.keys().map(|id| id.day).max().unwrap_or(Day::FIRST).max(manifest.latest);
        if extent == Extent::Heads {
            families.clear();
        }
        let outline = Outline { relay: config.relay, latest, heads };
        Ok(Self { outline, families, lock })
    }

    fn family(&self, kind: Kind, day: Day) -> Result<&FamilyReader, StoreError> {
        self.families.get(&VolumeId { kind, day }).ok_or(StoreError::Misuse("a day that is not there"))
    }
}

/// Whether a day that cannot be opened has not expired meanwhile.
fn is_missing(home: &Home, id: VolumeId) -> Result<bool, OpenError> {
    let key = DayKey::load(&*home.disk, &home.keys, id).map_err(io("read a day's key"))?;
    let manifest = Manifest::read(&*home.disk, &home.root)?.ok_or(OpenError::NoManifest)?;
    Ok(!matches!(key, Loaded::Destroyed) && manifest.families().any(|listed| listed == id))
}

fn head(families: &BTreeMap<VolumeId, FamilyReader>, kind: Kind, known: Head) -> Head {
    let of_kind = families.iter().filter(|(id, _)| id.kind == kind);
    let mut batches: Vec<Batch> = of_kind.flat_map(|(_, family)| family.batches.iter().cloned()).collect();
    batches.sort_unstable_by_key(Batch::number);
    follow(&batches, known, true).0
}

impl Source for JournalReader {
    fn outline(&self) -> Outline {
        self.outline
    }

    fn days(&self) -> Vec<(Kind, Day)> {
        self.families.keys().map(|id| (id.kind, id.day)).collect()
    }

    fn listed(&self, kind: Kind, day: Day) -> Result<Listed, StoreError> {
        let FamilyReader { batches, known, .. } = self.family(kind, day)?;
        Ok(Listed { batches: batches.clone(), ids: known.iter().map(|(id, _)| *id).collect(), lost: 0 })
    }

    fn held(&self, kind: Kind, day: Day, id: EnvelopeId) -> Result<Held, StoreError> {
        let family = self.family(kind, day)?;
        let (family, spot) = match family.elsewhere.get(&id) {
            Some((of, spot)) => (self.family(of.kind, of.day)?, Some(*spot)),
            None => (family, family.spot(&id)),
        };
        family.held(id, spot).map_err(|error| StoreError::Unreadable(error.to_string()))
    }

    fn into_lock(self: Box<Self>) -> io::Result<Option<Box<dyn Lock>>> {
        Ok(self.lock)
    }
}

impl FamilyReader {
    /// `None` for a family that has expired meanwhile.
    fn open(
        home: &Home,
        id: VolumeId,
        extent: Extent,
        announced: &Announced,
        last: u64,
    ) -> Result<Option<Self>, OpenError> {
        let disk = &*home.disk;
        let key = match DayKey::load(disk, &home.keys, id).map_err(io("read a day's key"))? {
            Loaded::Key(key) => key,
            Loaded::Missing if extent == Extent::All => return Err(OpenError::NoKey(id.to_string())),
            Loaded::Destroyed | Loaded::Missing => return Ok(None),
        };
        let files = match Files::open(disk, &home.folder(id), id, key) {
            Ok(files) => files,
            Err(error) if error.kind() == ErrorKind::NotFound && extent != Extent::All => return Ok(None),
            Err(error) => return Err(io("open a journal")(error)),
        };
        let (scanned, again) = read(&files, extent, announced).map_err(io("read a journal"))?;
        let (announced, elsewhere) = (announced.clone(), BTreeMap::new());
        let mut family = Self { files, batches: Vec::new(), known: Vec::new(), announced, last, elsewhere, again };
        family.take(scanned.contents, extent);
        Ok(Some(family))
    }

    fn take(&mut self, Contents { mut batches, mut known, .. }: Contents, extent: Extent) {
        batches.retain(|batch| batch.number() <= self.last);
        if extent != Extent::All {
            let listed: BTreeSet<&EnvelopeId> = batches.iter().flat_map(|batch| batch.ids()).collect();
            known.retain(|(id, _)| listed.contains(id));
        }
        known.sort_unstable_by_key(|(id, _)| *id);
        known.dedup_by_key(|(id, _)| *id);
        (self.batches, self.known) = (batches, known);
    }

    /// Reads the journal a second time, if that was not done, and takes what was listed before the last batch that was seen.
    fn look_again(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.again, true)
            && let Some(second) = second(&self.files, &self.batches, &self.announced)?
        {
            self.files.all().try_for_each(|file| file.sync())?;
            self.take(second.contents, Extent::Listed);
        }
        Ok(())
    }

    fn copy(&self, of: VolumeId, id: &EnvelopeId) -> io::Result<Option<Copy>> {
        let Some(spot) = self.spot(id) else { return Ok(None) };
        let is_whole = !spot.burned && self.envelope_at(spot.position, *id)?.is_some();
        let is_listed = self.batches.iter().any(|batch| batch.ids().binary_search(id).is_ok());
        Ok(Some(Copy { id: *id, of, spot, is_whole, is_listed }))
    }

    fn spot(&self, id: &EnvelopeId) -> Option<Spot> {
        let at = self.known.binary_search_by_key(id, |(id, _)| *id).ok()?;
        self.known.get(at).map(|(_, spot)| *spot)
    }

    fn held(&self, id: EnvelopeId, spot: Option<Spot>) -> io::Result<Held> {
        let Some(spot) = spot else {
            return Ok(Held { id, burn: None, content: Content::Lost });
        };
        if spot.burned {
            return Ok(burned(id, self.mark_at(spot.position)?));
        }
        if let Some((burn, envelope)) = self.envelope_at(spot.position, id)? {
            return Ok(Held { id, burn, content: Content::Envelope(envelope) });
        }
        // Burned since the journal was read?
        match self.mark_of(&id)? {
            Some(mark) => Ok(burned(id, Some(mark))),
            None => Ok(Held { id, burn: None, content: Content::Lost }),
        }
    }

    /// An envelope if it stands at a position, and is whole.
    fn envelope_at(&self, position: u32, id: EnvelopeId) -> io::Result<Option<(Option<BurnHash>, Envelope)>> {
        if position == LOST {
            return Ok(None);
        }
        Ok(match self.files.record(position)? {
            Found::Record((Header::Envelope { kind, id: held, burn }, record))
                if (kind, held) == (self.files.id.kind, id) =>
            {
                Envelope::from_buffer(record.into_boxed_slice()).ok().map(|envelope| (burn, envelope))
            }
            _ => None,
        })
    }

    fn mark_at(&self, position: u32) -> io::Result<Option<Mark>> {
        Ok(match self.files.mark(position)? {
            Found::Record(mark) => Some(mark),
            Found::Blank | Found::Damaged | Found::Unreadable => None,
        })
    }

    fn mark_of(&self, id: &EnvelopeId) -> io::Result<Option<Mark>> {
        let Some(file) = &self.files.burned else { return Ok(None) };
        for position in 0..u32::try_from(file.length()? / MARK as u64).map_err(|_| io::Error::other(BURNED))? {
            if let Some(mark) = self.mark_at(position)?.filter(|mark| mark.id == *id) {
                return Ok(Some(mark));
            }
        }
        Ok(None)
    }
}

/// A mark that was whole and is not any more leaves nothing that could be read, nor burned again.
fn burned(id: EnvelopeId, mark: Option<Mark>) -> Held {
    match mark {
        Some(Mark { burn, .. }) => Held { id, burn: Some(burn), content: Content::Burned },
        None => Held { id, burn: None, content: Content::Lost },
    }
}

/// What could not be read for a while, and was put again on another day, is there twice. It stands where a batch lists it, if
/// one does, and is the copy that the relay takes when it starts.
fn take_one_of_each(families: &mut BTreeMap<VolumeId, FamilyReader>) -> io::Result<()> {
    let ids_of = |(of, family): (&VolumeId, &FamilyReader)| {
        let of = *of;
        family.known.iter().map(move |(id, _)| (*id, of)).collect::<Vec<_>>()
    };
    let mut all: Vec<(EnvelopeId, VolumeId)> = families.iter().flat_map(ids_of).collect();
    all.sort_unstable();
    for copies in all.chunk_by(|(one, _), (other, _)| one == other).filter(|copies| copies.len() > 1) {
        let copies = copies.iter().filter_map(|(id, of)| families.get(of)?.copy(*of, id).transpose());
        let copies = copies.collect::<io::Result<Vec<_>>>()?;
        let (Some(best), Some(at)) = (
            copies
                .iter()
                .max_by_key(|copy| (copy.spot.burned, copy.is_whole, copy.is_listed, copy.of.day, copy.of.kind.byte())),
            copies
                .iter()
                .max_by_key(|copy| (copy.is_listed, copy.spot.burned, copy.is_whole, copy.of.day, copy.of.kind.byte())),
        ) else {
            continue;
        };
        for Copy { id, of, is_listed, .. } in &copies {
            let Some(family) = families.get_mut(of) else { continue };
            if *of == at.of {
                if best.of.kind == of.kind && best.of != *of {
                    family.elsewhere.insert(*id, (best.of, best.spot));
                }
            } else if !is_listed {
                family.known.retain(|(known, _)| known != id);
            }
        }
    }
    Ok(())
}

/// Whether a batch is missing between others of its day.
fn has_gap(batches: &[Batch]) -> bool {
    batches.array_windows().any(|[one, next]| next.number() != one.number() + 1)
}

/// Whether the journal was read a second time, too.
fn read(files: &Files, extent: Extent, announced: &Announced) -> io::Result<(Scanned, bool)> {
    let first = scan(files, Depth::Headers, announced, &|| ())?;
    let again = extent == Extent::Listed && (first.lost > 0 || has_gap(&first.contents.batches));
    let scanned = if again { second(files, &first.contents.batches, announced)?.unwrap_or(first) } else { first };
    if extent != Extent::All {
        files.all().try_for_each(|file| file.sync())?;
    }
    Ok((scanned, again))
}

/// Reads a journal once more. What was written between two looks is missing in the first: what the batches list that were seen
/// then is all there now, and so are those before them. `None` if there are fewer now, because the day has expired.
fn second(files: &Files, seen: &[Batch], announced: &Announced) -> io::Result<Option<Scanned>> {
    let last = seen.last().map_or(0, Batch::number);
    let mut second = scan(files, Depth::Headers, announced, &|| ())?;
    second.contents.batches.retain(|batch| batch.number() <= last);
    let has_all = seen.iter().all(|batch| second.contents.batches.contains(batch));
    Ok(has_all.then_some(second))
}

/// The first batches of a day may be missing like others, and then those that were seen do not follow those of the day before.
/// Of the only day that has batches it is not known which they follow, unless it is the first batch of all. Each journal is
/// read a second time at most: what is missing then is lost.
fn look_again(families: &mut BTreeMap<VolumeId, FamilyReader>) -> io::Result<()> {
    for kind in [Kind::Letter, Kind::Chunk] {
        let of_kind = families.iter_mut().filter(|(id, family)| id.kind == kind && !family.batches.is_empty());
        let (mut before, mut days) = (None, 0);
        let mut only = None;
        for (_, family) in of_kind {
            let first = family.batches.first().map_or(0, Batch::number);
            let last = family.batches.last().map_or(0, Batch::number);
            if before.is_some_and(|before| first != before + 1) {
                family.look_again()?;
            }
            (before, days) = (Some(last), days + 1);
            only = Some(family).filter(|_| days == 1 && first > 1);
        }
        if let Some(family) = only {
            family.look_again()?;
        }
    }
    Ok(())
}
