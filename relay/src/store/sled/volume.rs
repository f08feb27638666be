//! The sled database of one kind and day, everything in it sealed under the day's key.
//!
//! ```text
//! tree    key                      sealed value
//! marks   u64(number)              u8(burned) || id (16) || u8(burn hash there) || burn hash (32)
//! bytes   u64(number) || u8(piece) the envelope's sealed value, in 4 pieces
//! heads   u64(batch)               u32(length of the batch)
//! parts   u64(batch) || u32(part)  up to 16 KiB of the batch (CDDL `batch`)
//! ```
//!
//! **Why pieces, and why `let_go`.** A leaf of sled's tree holds 8 to 16 values and is read as a whole, and the cache looks
//! at its capacity only after 64 accesses in each of 256 shards. With whole values of 16 KiB, 20,000 of them read at
//! random stay in memory for good (340 MB measured); with 4 pieces and 64 accesses for each read, 17 MB do, however many.
//! Values also stay far below the 2 MiB at which sled would put them into files of their own, which `sync` does not cover.
//!
//! A mark is written after the bytes it stands for, and a batch's head after its parts. sled's log keeps that order, so
//! whatever has a mark or a head is whole.

use super::super::Put;
use super::super::transfer::{Content, Held};
use super::files;
use super::key::{DayKey, OVERHEAD, Record};
use super::manifest::VolumeId;
use cssr_proto::index::Batch;
use cssr_proto::parcel::BurnHash;
use cssr_proto::sizes::{ENVELOPE, ENVELOPE_ID, HASH};
use cssr_proto::{Envelope, EnvelopeId};
use rand_core::CryptoRng;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const SEGMENT: usize = 8 << 20;
const CACHE: u64 = 1 << 20;
const PIECE: usize = (ENVELOPE + OVERHEAD) / 4;
/// sled looks at a cache shard's capacity after as many accesses.
const ACCESSES: usize = 64;
/// Bytes of a batch in one value.
const PART: usize = 16_384;
const MARK: usize = 2 + ENVELOPE_ID + HASH;

/// What went wrong with a database. It says nothing about what is stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum VolumeError {
    /// sled failed.
    #[error("a database failed: {0}")]
    Sled(#[from] sled::Error),
    /// A file operation failed.
    #[error("a file operation failed: {0}")]
    Io(#[from] io::Error),
    /// What was read is not what was written.
    #[error("a database is damaged: {0}")]
    Damaged(&'static str),
}

/// What is kept about an envelope beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) id: EnvelopeId,
    pub(super) burn: Option<BurnHash>,
    pub(super) burned: bool,
}

#[derive(Debug)]
pub(super) struct Volume {
    id: VolumeId,
    key: DayKey,
    marks: sled::Tree,
    bytes: sled::Tree,
    heads: sled::Tree,
    parts: sled::Tree,
    db: sled::Db,
    /// sled's log, open on our own account: a sync through it reports every write error since it was opened.
    file: File,
    next: AtomicU64,
    synced: AtomicU64,
    syncs: Arc<AtomicU64>,
    #[cfg(test)]
    pub(super) break_sync: std::sync::atomic::AtomicBool,
    #[cfg(test)]
    pub(super) break_drop: std::sync::atomic::AtomicBool,
    #[cfg(test)]
    pub(super) reads: AtomicU64,
}

/// As sled does when its files fail.
#[cfg(test)]
impl Drop for Volume {
    fn drop(&mut self) {
        if self.break_drop.load(Ordering::Relaxed) {
            std::panic::panic_any("injected by a test");
        }
    }
}

impl Volume {
    /// Makes a new database durably, or opens one that is there.
    pub(super) fn open(folder: &Path, id: VolumeId, key: DayKey, syncs: &Arc<AtomicU64>) -> Result<Self, VolumeError> {
        let db = open_database(folder)?;
        let (marks, bytes) = (db.open_tree("marks")?, db.open_tree("bytes")?);
        let (heads, parts) = (db.open_tree("heads")?, db.open_tree("parts")?);
        let next = match marks.last()? {
            Some((key, _)) => number(&key)? + 1,
            None => 0,
        };
        db.flush()?;
        // Opening makes files and moves others: the trees, the configuration, sled's snapshot of its page table.
        files::sync_tree(folder)?;
        Ok(Self {
            id,
            key,
            marks,
            bytes,
            heads,
            parts,
            db,
            file: File::open(folder.join("db"))?,
            next: AtomicU64::new(next),
            synced: AtomicU64::new(next),
            syncs: Arc::clone(syncs),
            #[cfg(test)]
            break_sync: std::sync::atomic::AtomicBool::new(false),
            #[cfg(test)]
            break_drop: std::sync::atomic::AtomicBool::new(false),
            #[cfg(test)]
            reads: AtomicU64::new(0),
        })
    }

    pub(super) const fn id(&self) -> VolumeId {
        self.id
    }

    /// How many envelopes there are, synced or not.
    pub(super) fn next(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// How many envelopes there are for certain.
    pub(super) fn synced(&self) -> u64 {
        self.synced.load(Ordering::Relaxed)
    }

    /// Adds an envelope and returns its number. Only the writer calls this.
    pub(super) fn write<R: CryptoRng>(&self, put: &Put, rng: &mut R) -> Result<u64, VolumeError> {
        let number = self.next();
        let sealed = self.key.seal(Record::Envelope, number, 0, put.envelope.as_bytes(), rng);
        for (piece, bytes) in sealed.chunks(PIECE).enumerate() {
            self.bytes.insert(piece_key(number, piece), bytes)?;
        }
        self.write_mark(number, &Mark { id: put.id, burn: put.burn, burned: false }, rng)?;
        self.next.store(number + 1, Ordering::Relaxed);
        Ok(number)
    }

    /// Adds what another store held.
    pub(super) fn restore<R: CryptoRng>(&self, held: Held, rng: &mut R) -> Result<(), VolumeError> {
        let Held { id, burn, content } = held;
        let burned = match content {
            Content::Envelope(envelope) => {
                let VolumeId { kind, day } = self.id;
                return self.write(&Put { day, kind, id, burn, envelope }, rng).map(drop);
            }
            Content::Burned => true,
            // A mark without bytes.
            Content::Lost => false,
        };
        let number = self.next();
        self.write_mark(number, &Mark { id, burn, burned }, rng)?;
        self.next.store(number + 1, Ordering::Relaxed);
        Ok(())
    }

    /// The envelope with this number; `None` if there is none or it was burned.
    pub(super) fn read(&self, number: u64) -> Result<Option<Envelope>, VolumeError> {
        #[cfg(test)]
        self.reads.fetch_add(1, Ordering::Relaxed);
        let mut sealed = Vec::with_capacity(ENVELOPE + OVERHEAD);
        for piece in self.bytes.scan_prefix(number.to_be_bytes()).values() {
            sealed.extend_from_slice(&piece?);
        }
        self.let_go(number)?;
        if sealed.is_empty() {
            return Ok(None);
        }
        let envelope = self.open_record(Record::Envelope, number, 0, &sealed)?;
        Envelope::from_slice(&envelope).map(Some).map_err(|_| VolumeError::Damaged("an envelope of another size"))
    }

    pub(super) fn read_mark(&self, number: u64) -> Result<Mark, VolumeError> {
        let sealed = self.marks.get(number.to_be_bytes())?.ok_or(VolumeError::Damaged("a mark is missing"))?;
        self.open_mark(number, &sealed)
    }

    /// Removes an envelope's bytes. Only the writer calls this.
    pub(super) fn burn<R: CryptoRng>(&self, number: u64, mark: Mark, rng: &mut R) -> Result<(), VolumeError> {
        self.write_mark(number, &Mark { burned: true, ..mark }, rng)?;
        for piece in 0..(ENVELOPE + OVERHEAD).div_ceil(PIECE) {
            self.bytes.remove(piece_key(number, piece))?;
        }
        Ok(())
    }

    /// Every mark, in order of number; they must be numbered without a gap.
    pub(super) fn all_marks(&self) -> impl Iterator<Item = Result<Mark, VolumeError>> {
        self.marks.iter().enumerate().map(|(expected, entry)| {
            let (key, sealed) = entry?;
            let number = number(&key)?;
            if number != expected as u64 {
                return Err(VolumeError::Damaged("envelopes are missing"));
            }
            self.open_mark(number, &sealed)
        })
    }

    /// Adds a batch of this day. Only the writer calls this.
    pub(super) fn write_batch<R: CryptoRng>(&self, batch: &Batch, rng: &mut R) -> Result<(), VolumeError> {
        let bytes = batch.to_bytes();
        for (part, content) in (0u32..).zip(bytes.chunks(PART)) {
            let sealed = self.key.seal(Record::BatchPart, batch.number(), part, content, rng);
            self.parts.insert(part_key(batch.number(), part), sealed)?;
        }
        let length = (bytes.len() as u32).to_be_bytes(); // at most a mebibyte
        let sealed = self.key.seal(Record::BatchHead, batch.number(), 0, &length, rng);
        self.heads.insert(batch.number().to_be_bytes(), sealed)?;
        Ok(())
    }

    /// Every batch, in order of number. Parts without a head are not read: they were never announced.
    pub(super) fn all_batches(&self) -> impl Iterator<Item = Result<Batch, VolumeError>> {
        self.heads.iter().map(|entry| {
            let (key, sealed) = entry?;
            self.read_batch(number(&key)?, &sealed)
        })
    }

    /// Makes everything written so far durable.
    pub(super) fn sync(&self) -> Result<(), VolumeError> {
        #[cfg(test)]
        if self.break_sync.load(Ordering::Relaxed) {
            return Err(io::Error::other("injected by a test").into());
        }
        self.db.flush()?;
        self.file.sync_data()?;
        self.synced.store(self.next(), Ordering::Relaxed);
        self.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Lets sled evict what was read before, in the shard of the page that was read last.
    fn let_go(&self, number: u64) -> Result<(), VolumeError> {
        for _ in 0..ACCESSES {
            self.bytes.get(piece_key(number, 0))?;
        }
        Ok(())
    }

    fn write_mark<R: CryptoRng>(&self, number: u64, mark: &Mark, rng: &mut R) -> Result<(), VolumeError> {
        let mut content = Vec::with_capacity(MARK);
        content.push(u8::from(mark.burned));
        content.extend_from_slice(mark.id.as_bytes());
        content.push(u8::from(mark.burn.is_some()));
        content.extend_from_slice(&mark.burn.map_or([0; HASH], |hash| hash.0));
        let sealed = self.key.seal(Record::Mark, number, 0, &content, rng);
        self.marks.insert(number.to_be_bytes(), sealed)?;
        Ok(())
    }

    fn open_mark(&self, number: u64, sealed: &[u8]) -> Result<Mark, VolumeError> {
        const BAD: VolumeError = VolumeError::Damaged("a mark that is none");
        let content = self.open_record(Record::Mark, number, 0, sealed)?;
        let (burned, rest) = content.split_first().ok_or(BAD)?;
        let (id, rest) = rest.split_first_chunk::<ENVELOPE_ID>().ok_or(BAD)?;
        let (has_burn, hash) = rest.split_first().ok_or(BAD)?;
        let hash = <[u8; HASH]>::try_from(hash).map_err(|_| BAD)?;
        let burn = (*has_burn == 1).then_some(BurnHash(hash));
        Ok(Mark { id: EnvelopeId(*id), burn, burned: *burned == 1 })
    }

    fn read_batch(&self, number: u64, sealed: &[u8]) -> Result<Batch, VolumeError> {
        const BAD: VolumeError = VolumeError::Damaged("a batch that is none");
        let length = self.open_record(Record::BatchHead, number, 0, sealed)?;
        let length = u32::from_be_bytes(length.try_into().map_err(|_| BAD)?) as usize;
        let mut bytes = Vec::new();
        for part in (0u32..).take(length.div_ceil(PART)) {
            let sealed = self.parts.get(part_key(number, part))?.ok_or(BAD)?;
            bytes.extend(self.open_record(Record::BatchPart, number, part, &sealed)?);
        }
        let batch = Batch::from_bytes(&bytes).map_err(|_| BAD)?;
        if bytes.len() == length && batch.number() == number && batch.day() == self.id.day {
            Ok(batch)
        } else {
            Err(BAD)
        }
    }

    fn open_record(&self, record: Record, number: u64, part: u32, sealed: &[u8]) -> Result<Vec<u8>, VolumeError> {
        self.key
            .open(record, number, part, sealed)
            .map_err(|_| VolumeError::Damaged("a record that does not open under its day's key"))
    }
}

fn number(key: &[u8]) -> Result<u64, VolumeError> {
    key.try_into().map(u64::from_be_bytes).map_err(|_| VolumeError::Damaged("a key that is no number"))
}

fn piece_key(number: u64, piece: usize) -> [u8; 9] {
    let mut key = [0; 9];
    let (head, tail) = key.split_at_mut(8);
    head.copy_from_slice(&number.to_be_bytes());
    tail.fill(piece as u8); // 4 pieces
    key
}

fn part_key(number: u64, part: u32) -> [u8; 12] {
    let mut key = [0; 12];
    let (head, tail) = key.split_at_mut(8);
    head.copy_from_slice(&number.to_be_bytes());
    tail.copy_from_slice(&part.to_be_bytes());
    key
}

/// Opens sled without its own flusher: `sync` alone says when something is written.
fn open_database(folder: &Path) -> Result<sled::Db, VolumeError> {
    let config = sled::Config::new()
        .path(folder)
        .mode(sled::Mode::HighThroughput)
        .segment_size(SEGMENT)
        .cache_capacity(CACHE)
        .flush_every_ms(None);
    // sled's threads may hold its lock for a moment after a database of this process was closed.
    let mut attempts = 0;
    loop {
        match config.open() {
            Err(sled::Error::Io(error)) if error.to_string().contains("acquire lock") && attempts < 100 => {
                attempts += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            other => return Ok(other?),
        }
    }
}
