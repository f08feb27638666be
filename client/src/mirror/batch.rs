//! Reading a file of a batch piece by piece: a batch may hold a gigabyte of envelopes.

use super::{BatchFile, Damage, DamageKind, batch_folder, check_ordinary};
use cssr_proto::bundle::Record;
use cssr_proto::frame::EnvelopeKind;
use cssr_proto::index::Batch;
use cssr_proto::mirror_name as name;
use std::fs::File;
use std::io::Read as _;

/// The batch of a file, and its records one after the other.
pub struct BatchReader {
    name: String,
    file: File,
    buffer: Vec<u8>,
    used: usize,
    batch: Batch,
    kind: EnvelopeKind,
    next: usize,
    over: bool,
}

impl BatchFile {
    /// Its name within the mirror.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", batch_folder(self.kind), name::batch(self.number))
    }

    /// Opens the file and reads the batch at its beginning.
    ///
    /// # Errors
    /// It cannot be read, is no file, or does not begin with the batch that its name says.
    pub fn open(&self) -> Result<BatchReader, Damage> {
        let name = self.name();
        BatchReader::open(self, &name).map_err(|why| Damage { file: name, why })
    }
}

impl BatchReader {
    /// The batch.
    #[must_use]
    pub const fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Whether every record was there, as far as they have been read.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.next == self.batch.ids().len()
    }

    fn open(of: &BatchFile, name: &str) -> Result<Self, DamageKind> {
        check_ordinary(&of.path)?;
        let mut file = File::open(&of.path).map_err(|_| DamageKind::Unreadable)?;
        let mut buffer = Vec::new();
        fill(&mut file, &mut buffer, Batch::ENCODED_MAX)?;
        let mut decoder = minicbor::Decoder::new(&buffer);
        let batch: Batch = decoder.decode().map_err(|_| DamageKind::NoBatch)?;
        let used = decoder.position();
        if buffer.get(..used) != Some(&*batch.to_bytes()) {
            return Err(DamageKind::NoBatch);
        }
        if batch.number() != of.number {
            return Err(DamageKind::OtherBatch);
        }
        Ok(Self { name: name.to_owned(), file, buffer, used, batch, kind: of.kind, next: 0, over: false })
    }

    fn read(&mut self) -> Result<Option<Record>, DamageKind> {
        self.buffer.drain(..self.used.min(self.buffer.len()));
        self.used = 0;
        fill(&mut self.file, &mut self.buffer, Record::ENCODED_MAX)?;
        let damaged = DamageKind::Record(self.next + 1);
        let Some(id) = self.batch.ids().get(self.next) else {
            return if self.buffer.is_empty() { Ok(None) } else { Err(DamageKind::Trailing) };
        };
        let mut decoder = minicbor::Decoder::new(&self.buffer);
        let record: Record = decoder.decode().map_err(|_| damaged)?;
        self.used = decoder.position();
        let canonical = self.buffer.get(..self.used) == Some(&*record.to_bytes());
        // The relay burns chunks; a letter without its envelope was taken out by somebody else.
        let there = record.envelope.is_some() || self.kind == EnvelopeKind::Chunk;
        if !canonical || !there || record.id != *id || record.kind != self.kind {
            return Err(damaged);
        }
        self.next += 1;
        Ok(Some(record))
    }
}

/// The records in the batch's order, ending with the first one that is damaged: behind it nothing can be found.
impl Iterator for BatchReader {
    type Item = Result<Record, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let result = self.read();
        self.over = !matches!(result, Ok(Some(_)));
        result.map_err(|why| Damage { file: self.name.clone(), why }).transpose()
    }
}

impl std::fmt::Debug for BatchReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BatchReader({:?})", self.batch)
    }
}

/// Reads until the buffer holds `wanted` bytes or the file ends.
fn fill(file: &mut File, buffer: &mut Vec<u8>, wanted: usize) -> Result<(), DamageKind> {
    let missing = wanted.saturating_sub(buffer.len()) as u64;
    file.take(missing).read_to_end(buffer).map(drop).map_err(|_| DamageKind::Unreadable)
}
