//! The files of one kind and day.
//!
//! ```text
//! journal   records of 16 KiB, each at a random position
//! burned    for chunks: marks of 512 bytes, each at a random position
//! index     where everything is, if nothing has changed since it was written
//! ```
//!
//! A mark is `nonce (24) || id (16) || burn hash (32) || zeros (424)`, sealed from the id on, `|| tag (16)`. It lies in one
//! sector, so it is there whole or not at all.

use super::super::Kind;
use super::super::volume_id::VolumeId;
use super::disk::{Disk, DiskFile, is_bad_block, is_full};
use super::erased::Erased;
use super::key::{DayKey, NONCE, Nonce, Sealed};
use super::record::{Found, HEADER, Header, PART, RECORD, has_marks, open_header, open_record};
use super::space::{Space, Window};
use super::{files, index};
use cssr_proto::parcel::BurnHash;
use cssr_proto::sizes::{ENVELOPE_ID, HASH, TAG};
use cssr_proto::{Envelope, EnvelopeId};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) const JOURNAL: &str = "journal";
pub(super) const BURNED: &str = "burned";
/// Bytes of a mark: a sector.
pub(super) const MARK: usize = 512;
/// Records and marks that are preallocated at least: 4 MiB and 32 KiB.
const FEWEST_RECORDS: u32 = 256;
const FEWEST_MARKS: u32 = 64;
/// Positions to choose from for an absent record while the others are not at hand.
const DECOYS: usize = 64;

/// What went wrong with a family. It says nothing about what is stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum FamilyError {
    /// A file operation failed.
    #[error("a file operation failed: {0}")]
    Io(#[from] io::Error),
    /// What was read is not what was written.
    #[error("the journal is damaged: {0}")]
    Damaged(&'static str),
}

impl FamilyError {
    /// Whether it was want of space.
    pub(super) fn is_full(&self) -> bool {
        matches!(self, Self::Io(error) if is_full(error))
    }
}

/// What a mark says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) id: EnvelopeId,
    pub(super) burn: BurnHash,
}

#[derive(Debug)]
pub(super) struct Family {
    id: VolumeId,
    folder: PathBuf,
    key: DayKey,
    journal: Arc<dyn DiskFile>,
    burned: Option<Arc<dyn DiskFile>>,
    records: Mutex<Space>,
    marks: Option<Mutex<Space>>,
    erased: Erased,
    /// What was read last in the place of absent records.
    decoys: [AtomicU32; DECOYS],
    /// Envelopes in the last batch.
    burst: AtomicUsize,
    /// Whether there may be an index.
    has_index: AtomicBool,
    /// Whether something could not be read: an index would make that last.
    is_partial: bool,
    /// Whether space was given back since the family was opened.
    is_trimmed: AtomicBool,
    syncs: Arc<AtomicU64>,
    #[cfg(test)]
    pub(super) reads: AtomicU64,
}

/// The open files of a family, before it is known what is in them.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) id: VolumeId,
    pub(super) folder: PathBuf,
    pub(super) key: DayKey,
    pub(super) journal: Arc<dyn DiskFile>,
    pub(super) burned: Option<Arc<dyn DiskFile>>,
}

impl Files {
    /// Makes empty files durably, and the key last: a day that was destroyed may be listed yet, and is so without its files
    /// only while the sign of it stands where the key was.
    pub(super) fn create(
        disk: &dyn Disk,
        folder: &Path,
        id: VolumeId,
        key: impl FnOnce() -> io::Result<DayKey>,
    ) -> io::Result<Self> {
        files::make_folder(disk, folder)?;
        let journal = disk.create(&folder.join(JOURNAL))?;
        journal.sync()?;
        let burned = match id.kind {
            Kind::Letter => None,
            Kind::Chunk => Some(disk.create(&folder.join(BURNED))?),
        };
        burned.iter().try_for_each(|file| file.sync())?;
        disk.sync_folder(folder)?;
        let key = key()?;
        Ok(Self { id, folder: folder.to_owned(), key, journal, burned })
    }

    /// Opens files that are there.
    pub(super) fn open(disk: &dyn Disk, folder: &Path, id: VolumeId, key: DayKey) -> io::Result<Self> {
        let journal = disk.open(&folder.join(JOURNAL))?;
        let burned = match id.kind {
            Kind::Letter => None,
            Kind::Chunk => Some(disk.open(&folder.join(BURNED))?),
        };
        Ok(Self { id, folder: folder.to_owned(), key, journal, burned })
    }

    /// What there is beside the index.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<dyn DiskFile>> {
        std::iter::once(&self.journal).chain(&self.burned)
    }

    /// The record, or what else there is, at a position. Only its header is read.
    pub(super) fn header(&self, position: u32) -> io::Result<Found<Header>> {
        or_unreadable(header(&*self.journal, &self.key, position))
    }

    /// A record with its body.
    pub(super) fn record(&self, position: u32) -> io::Result<Found<(Header, Vec<u8>)>> {
        or_unreadable(record(&*self.journal, &self.key, position))
    }

    /// Whether a record does not open, and not because it could not be read.
    pub(super) fn is_torn(&self, position: u32) -> io::Result<bool> {
        // Not what the system remembers to have read.
        self.journal.forget_cached()?;
        Ok(matches!(record(&*self.journal, &self.key, position)?, Found::Damaged))
    }

    /// The header of a record of which every byte that it needs is as it was written, and whether the others are, too. What
    /// was never written is blank to its end.
    pub(super) fn whole_record(&self, position: u32) -> io::Result<Found<(Header, bool)>> {
        let mut bytes = vec![0; RECORD];
        match self.journal.read_at(&mut bytes, offset(position, RECORD)) {
            Err(error) if is_bad_block(&error) => return Ok(Found::Unreadable),
            other => drop(other?),
        }
        let Some(record) = bytes.first_chunk_mut::<RECORD>() else { return Ok(Found::Damaged) };
        let head = *record.first_chunk::<HEADER>().unwrap_or(&[0; HEADER]);
        let ends_blank = record.iter().all(|byte| *byte == 0);
        Ok(match open_record(&self.key, position, record) {
            Found::Record(header) => Found::Record((header, has_marks(&self.key, position, &head))),
            Found::Blank if ends_blank || head != [0; HEADER] => Found::Blank,
            Found::Blank | Found::Damaged | Found::Unreadable => Found::Damaged,
        })
    }

    /// The mark at a position of the file of marks.
    pub(super) fn mark(&self, position: u32) -> io::Result<Found<Mark>> {
        or_unreadable(self.burned.as_ref().map_or(Ok(Found::Blank), |file| mark(&**file, &self.key, position)))
    }
}

impl Family {
    /// A family with the positions that are taken in its journal and in its file of marks, and whether some could not be read.
    pub(super) fn new(
        files: Files,
        (records, marks): (&[u32], &[u32]),
        has_index: bool,
        is_partial: bool,
        syncs: Arc<AtomicU64>,
    ) -> io::Result<Self> {
        let Files { id, folder, key, journal, burned } = files;
        let records = Mutex::new(Space::new(Arc::clone(&journal), RECORD, records)?);
        let marks = match &burned {
            Some(file) => Some(Mutex::new(Space::new(Arc::clone(file), MARK, marks)?)),
            None => None,
        };
        Ok(Self {
            id,
            folder,
            key,
            journal,
            burned,
            records,
            marks,
            erased: Erased::default(),
            decoys: [const { AtomicU32::new(0) }; DECOYS],
            burst: AtomicUsize::new(0),
            has_index: AtomicBool::new(has_index),
            is_partial,
            is_trimmed: AtomicBool::new(false),
            syncs,
            #[cfg(test)]
            reads: AtomicU64::new(0),
        })
    }

    pub(super) const fn id(&self) -> VolumeId {
        self.id
    }

    pub(super) const fn key(&self) -> &DayKey {
        &self.key
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A bit for each position that is taken, in the journal and in the file of marks.
    pub(super) fn taken(&self) -> [Vec<u64>; 2] {
        [lock(&self.records).taken(), self.marks.as_ref().map(|marks| lock(marks).taken()).unwrap_or_default()]
    }

    /// A position where something is to be read in the place of an absent record.
    pub(super) fn decoy(&self, number: u64) -> u32 {
        let decoy = self.decoys.get((number % DECOYS as u64) as usize);
        // Whoever asks for what is there does not wait while space is being made either.
        let Ok(records) = self.records.try_lock() else {
            return decoy.map(|decoy| decoy.load(Ordering::Relaxed)).unwrap_or_default();
        };
        let position = records.taken_from(number);
        if let Some(decoy) = decoy {
            decoy.store(position, Ordering::Relaxed);
        }
        position
    }

    /// The envelope at a position with the rest of its record. Whether it is the one that was looked for is to be checked.
    pub(super) fn envelope(&self, position: u32) -> Result<(Header, Envelope), FamilyError> {
        #[cfg(test)]
        self.reads.fetch_add(1, Ordering::Relaxed);
        enveloped(record(&*self.journal, &self.key, position)?)
    }

    /// The same, unless the disk would have to be waited for.
    pub(super) fn envelope_at_once(&self, position: u32) -> Result<Option<(Header, Envelope)>, FamilyError> {
        let mut bytes = vec![0; RECORD];
        if !self.journal.read_at_once(&mut bytes, offset(position, RECORD))? {
            return Ok(None);
        }
        #[cfg(test)]
        self.reads.fetch_add(1, Ordering::Relaxed);
        enveloped(opened(&self.key, position, bytes)).map(Some)
    }

    /// The header at a position.
    pub(super) fn header(&self, position: u32) -> Result<Header, FamilyError> {
        match header(&*self.journal, &self.key, position)? {
            Found::Record(header) => Ok(header),
            _ => Err(FamilyError::Damaged("a record does not open under its day's key")),
        }
    }

    /// The mark at a position of the file of marks.
    pub(super) fn mark(&self, position: u32) -> Result<Mark, FamilyError> {
        let file = self.burned.as_ref().ok_or(FamilyError::Damaged("letters have no marks"))?;
        match mark(&**file, &self.key, position)? {
            Found::Record(mark) => Ok(mark),
            _ => Err(FamilyError::Damaged("a mark does not open under its day's key")),
        }
    }

    /// The files that are written to as envelopes come and are burned.
    pub(super) fn written_files(&self) -> impl Iterator<Item = Arc<dyn DiskFile>> {
        [Some(Arc::clone(&self.journal)), self.burned.clone()].into_iter().flatten()
    }

    /// Whether something of it could not be read, so that what it may hold is not known.
    pub(super) const fn is_partial(&self) -> bool {
        self.is_partial
    }

    // What follows is for the writer alone, and for opening.

    /// Makes ready for whatever will be written, so that the first of it changes no more than what comes later does. `expected`
    /// is how many envelopes the last batch had, on whichever day. If nothing waits to be listed (`is_quiet`) the window is
    /// opened, if there is space. Whether it is open.
    pub(super) fn begin(&self, disk: &dyn Disk, expected: usize, is_quiet: bool) -> io::Result<bool> {
        self.drop_index(disk)?;
        let mut records = lock(&self.records);
        if records.count() == 0 {
            self.expect(expected);
        }
        let window = self.window(&records);
        // With more space in the middle of a batch, what came before would not lie there.
        records.reserve(1, if is_quiet { window.opened() } else { window })?;
        let is_open = records.free() >= window.opened().least;
        drop(records);
        if let Some(marks) = &self.marks {
            reserve_mark(&mut lock(marks))?;
        }
        self.written_files().try_for_each(|file| synced(&*file))?;
        Ok(is_open)
    }

    /// Makes ready to write `needed` records: the index goes, since it will not be true any more, and space is taken.
    ///
    /// `Err` for want of space leaves everything as it was.
    pub(super) fn prepare(&self, disk: &dyn Disk, needed: usize) -> io::Result<()> {
        self.drop_index(disk)?;
        let mut records = lock(&self.records);
        let window = self.window(&records);
        records.reserve(needed, window)
    }

    fn window(&self, records: &Space) -> Window {
        Window::new(FEWEST_RECORDS, records.count(), self.burst.load(Ordering::Relaxed))
    }

    /// Free positions that `prepare` has left.
    pub(super) fn free(&self) -> usize {
        lock(&self.records).free()
    }

    /// Draws a position for a record.
    pub(super) fn place(&self, random: u64) -> Result<u32, FamilyError> {
        lock(&self.records).take(random).ok_or(FamilyError::Damaged("no position is free"))
    }

    /// Writes a record at the position drawn for it.
    pub(super) fn write(&self, position: u32, record: &[u8]) -> io::Result<()> {
        self.journal.write_at(record, offset(position, RECORD))
    }

    /// Makes all records durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        synced(&*self.journal)?;
        self.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Writes a mark, and returns its position.
    pub(super) fn write_mark(
        &self,
        disk: &dyn Disk,
        mark: &Mark,
        nonce: Nonce,
        random: u64,
    ) -> Result<u32, FamilyError> {
        const NO_MARKS: FamilyError = FamilyError::Damaged("letters have no marks");
        let (file, marks) = self.burned.as_ref().zip(self.marks.as_ref()).ok_or(NO_MARKS)?;
        self.drop_index(disk)?;
        let mut marks = lock(marks);
        reserve_mark(&mut marks)?;
        let position = marks.take(random).ok_or(FamilyError::Damaged("no position is free"))?;
        let mut plain = [mark.id.as_bytes().as_slice(), &mark.burn.0].concat();
        plain.resize(MARK - NONCE - TAG, 0);
        let tag = self.key.seal(Sealed::Mark(position), &nonce, &mut plain);
        file.write_at(&[nonce.as_slice(), &plain, &tag].concat(), offset(position, MARK))?;
        Ok(position)
    }

    /// Makes all marks durable.
    pub(super) fn sync_marks(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.burned.iter().try_for_each(|file| synced(&**file))
    }

    /// Overwrites records. Only what is overwritten and synced is gone: a hole alone leaves the bytes on the disk.
    ///
    /// Their space is given back by [`give_back`](Self::give_back), for the file system's log tells when that was.
    pub(super) fn erase(&self, positions: &[u32]) -> io::Result<()> {
        if positions.is_empty() {
            return Ok(());
        }
        positions.iter().try_for_each(|position| self.write(*position, &[0; RECORD]))?;
        self.sync()?;
        if self.erased.add(positions) { self.give_back().map(drop) } else { Ok(()) }
    }

    /// The same for a record of a day that is being opened, and may have an index.
    pub(super) fn erase_copy(&self, disk: &dyn Disk, position: u32) -> io::Result<()> {
        self.drop_index(disk)?;
        self.erase(&[position])
    }

    /// Gives back the space of what was erased, and takes space for marks ahead of need; whether there was anything to do.
    pub(super) fn give_back(&self) -> io::Result<bool> {
        if !self.erased.give_back(&*self.journal) {
            return Ok(false);
        }
        if let Some(marks) = &self.marks {
            let mut marks = lock(marks);
            let window = mark_window(&marks).opened();
            // The next burn tries again.
            marks.reserve(0, window).or_else(|error| if is_full(&error) { Ok(()) } else { Err(error) })?;
        }
        // Or the file system's log would have it beside what comes next.
        self.written_files().try_for_each(|file| synced(&*file))?;
        Ok(true)
    }

    /// Remembers how many envelopes the last batch had.
    pub(super) fn expect(&self, burst: usize) {
        self.burst.store(burst, Ordering::Relaxed);
    }

    /// Remembers how many envelopes a batch had, and opens the window for as many, if there is space; whether there was. It is
    /// to be synced.
    pub(super) fn sealed(&self, burst: usize) -> io::Result<bool> {
        self.expect(burst);
        let mut records = lock(&self.records);
        let window = self.window(&records).opened();
        records.reserve(0, window)?;
        Ok(records.free() >= window.least)
    }

    /// Gives back the space that waits to be drawn, once; no record is written to this family any more, but marks are. Which
    /// positions are taken stays as it is, so an index stays true. Whether it was not done before.
    pub(super) fn trim(&self) -> io::Result<bool> {
        if self.is_trimmed.swap(true, Ordering::Relaxed) {
            return Ok(false);
        }
        lock(&self.records).trim().map(|()| true)
    }

    /// Whether there is no index and should be one.
    pub(super) fn wants_index(&self) -> bool {
        !self.is_partial && !self.has_index.load(Ordering::Relaxed)
    }

    /// There is, or may be, an index now, which is true until the next change.
    pub(super) fn indexed(&self) {
        self.has_index.store(true, Ordering::Relaxed);
    }

    fn drop_index(&self, disk: &dyn Disk) -> io::Result<()> {
        if self.has_index.load(Ordering::Relaxed) {
            index::remove(disk, &self.folder)?;
            self.has_index.store(false, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Makes a file durable. A sync that fails may have failed for what others wrote, who will not be told of it: whatever the system
/// calls it, even want of space, it is nothing that another attempt could mend.
fn synced(file: &dyn DiskFile) -> io::Result<()> {
    file.sync().map_err(io::Error::other)
}

/// Records that a batch of so many ids takes, both copies.
pub(super) fn batch_records(ids: usize) -> usize {
    // The frame of a batch has less than 256 bytes.
    2 * (ids * ENVELOPE_ID + 256).div_ceil(PART)
}

/// Sees to it that there is space for a mark.
fn reserve_mark(marks: &mut Space) -> io::Result<()> {
    marks.reserve(1, mark_window(marks))
}

fn mark_window(marks: &Space) -> Window {
    Window::new(FEWEST_MARKS, marks.count(), 0)
}

fn lock(space: &Mutex<Space>) -> MutexGuard<'_, Space> {
    // A panic fails the store for good; until then, reading needs no more than a position.
    space.lock().unwrap_or_else(PoisonError::into_inner)
}

fn offset(position: u32, unit: usize) -> u64 {
    u64::from(position) * unit as u64
}

/// What the disk cannot read is damaged like what is not as it was written; but it may be there again some day, and what it
/// says is not known.
fn or_unreadable<T>(found: io::Result<Found<T>>) -> io::Result<Found<T>> {
    match found {
        Err(error) if is_bad_block(&error) => Ok(Found::Unreadable),
        other => other,
    }
}

fn header(journal: &dyn DiskFile, key: &DayKey, position: u32) -> io::Result<Found<Header>> {
    let mut bytes = [0; HEADER];
    journal.read_at(&mut bytes, offset(position, RECORD))?;
    Ok(open_header(key, position, &bytes))
}

fn record(journal: &dyn DiskFile, key: &DayKey, position: u32) -> io::Result<Found<(Header, Vec<u8>)>> {
    let mut bytes = vec![0; RECORD];
    journal.read_at(&mut bytes, offset(position, RECORD))?;
    Ok(opened(key, position, bytes))
}

fn opened(key: &DayKey, position: u32, mut bytes: Vec<u8>) -> Found<(Header, Vec<u8>)> {
    let found = bytes.first_chunk_mut::<RECORD>().map_or(Found::Damaged, |bytes| open_record(key, position, bytes));
    found.map(|header| (header, bytes))
}

fn enveloped(found: Found<(Header, Vec<u8>)>) -> Result<(Header, Envelope), FamilyError> {
    let Found::Record((header, record)) = found else {
        return Err(FamilyError::Damaged("a record does not open under its day's key"));
    };
    let envelope = Envelope::from_buffer(record.into_boxed_slice());
    Ok((header, envelope.map_err(|_| FamilyError::Damaged("an envelope of another size"))?))
}

fn mark(file: &dyn DiskFile, key: &DayKey, position: u32) -> io::Result<Found<Mark>> {
    let mut bytes = [0; MARK];
    file.read_at(&mut bytes, offset(position, MARK))?;
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(Found::Blank);
    }
    let mut open = || {
        let (nonce, sealed) = bytes.split_first_chunk_mut::<NONCE>()?;
        let (plain, tag) = sealed.split_last_chunk_mut::<TAG>()?;
        if !key.open(Sealed::Mark(position), nonce, plain, tag) {
            return None;
        }
        let (id, rest) = plain.split_first_chunk::<ENVELOPE_ID>()?;
        Some(Mark { id: EnvelopeId(*id), burn: BurnHash(*rest.first_chunk::<HASH>()?) })
    };
    Ok(open().map_or(Found::Damaged, Found::Record))
}
