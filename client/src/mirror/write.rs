//! Writing a mirror: every file whole or not at all.

use super::{DIRECTORIES, Mirror, NOTES, STATEMENTS, batch_folder};
use crate::files::{read_limited, write_atomic};
use cssr_proto::bundle::Record;
use cssr_proto::frame::EnvelopeKind;
use cssr_proto::index::Batch;
use cssr_proto::mirror_name::{self as name, StatementKind};
use cssr_proto::{Directory, EnvelopeId, Note, Prekey, Roster, SeatKey, Signed};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// A file of a batch while its envelopes come. Dropped before [`finish`](Self::finish), it leaves nothing.
#[derive(Debug)]
pub struct BatchWriter {
    file: Option<BufWriter<File>>,
    temporary: PathBuf,
    path: PathBuf,
    kind: EnvelopeKind,
    missing: std::vec::IntoIter<EnvelopeId>,
}

impl Mirror {
    /// Keeps a roster.
    ///
    /// # Errors
    /// The environment failed.
    pub fn put_roster(&self, roster: &Signed<Roster>) -> io::Result<()> {
        self.put(STATEMENTS, &name::statement(StatementKind::Roster, roster.hash()), roster.bytes())
    }

    /// Keeps a seat key.
    ///
    /// # Errors
    /// The environment failed.
    pub fn put_seat_key(&self, key: &Signed<SeatKey>) -> io::Result<()> {
        self.put(STATEMENTS, &name::statement(StatementKind::SeatKey, key.hash()), key.bytes())
    }

    /// Keeps a prekey.
    ///
    /// # Errors
    /// The environment failed.
    pub fn put_prekey(&self, prekey: &Signed<Prekey>) -> io::Result<()> {
        self.put(STATEMENTS, &name::statement(StatementKind::Prekey, prekey.hash()), prekey.bytes())
    }

    /// Keeps a directory.
    ///
    /// # Errors
    /// The environment failed.
    pub fn put_directory(&self, hash: cssr_proto::Hash, bytes: &[u8]) -> io::Result<()> {
        self.put(DIRECTORIES, &name::directory(hash), bytes)
    }

    /// Keeps a note.
    ///
    /// # Errors
    /// The environment failed.
    pub fn put_note(&self, note: &Signed<Note>) -> io::Result<()> {
        self.put(NOTES, &name::note(note.day, note.serial, note.hash()), note.bytes())
    }

    /// Keeps a directory that was made here.
    ///
    /// # Errors
    /// The environment failed.
    pub fn put_own_directory(&self, directory: &Directory) -> io::Result<()> {
        self.put_directory(directory.hash(), directory.bytes())
    }

    /// Begins the file of a batch; its records follow in the batch's order.
    ///
    /// # Errors
    /// The environment failed, or the file exists already.
    pub fn begin_batch(&self, kind: EnvelopeKind, batch: &Batch) -> io::Result<BatchWriter> {
        let folder = self.root.join(batch_folder(kind));
        let path = folder.join(name::batch(batch.number()));
        if path.try_exists()? {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        let temporary = folder.join(format!(".{}.new", batch.number()));
        // One that was left by a crash holds nothing that would not come again.
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&temporary)?;
        let mut writer = BatchWriter {
            file: Some(BufWriter::new(file)),
            temporary,
            path,
            kind,
            missing: batch.ids().to_vec().into_iter(),
        };
        writer.write(&batch.to_bytes())?;
        Ok(writer)
    }

    fn put(&self, folder: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.root.join(folder).join(name);
        if read_limited(&path, bytes.len()).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        write_atomic(&path, bytes)
    }
}

impl BatchWriter {
    /// Writes the next record.
    ///
    /// # Errors
    /// The environment failed, or it is not the record that the batch lists next.
    pub fn put(&mut self, record: &Record) -> io::Result<()> {
        if record.kind != self.kind || self.missing.next() != Some(record.id) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not the record that the batch lists next"));
        }
        self.write(&record.to_bytes())
    }

    /// Whether all records of the batch are written.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.missing.len() == 0
    }

    /// Gives the file its final name.
    ///
    /// # Errors
    /// The environment failed, or records are missing.
    pub fn finish(mut self) -> io::Result<()> {
        if !self.is_whole() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "records are missing"));
        }
        if let Some(file) = self.file.take() {
            file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        }
        std::fs::rename(&self.temporary, &self.path)?;
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes))
    }
}

impl Drop for BatchWriter {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // What is left is overwritten the next time.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}
