//! The outbox: what is carried to a machine with a network. Everything in it is signed or sealed and may be seen.
//!
//! ```text
//! outbox/card.txt            where to post
//! outbox/*.statement         signed keys
//! outbox/<name>.cssr         one sealed reply or receipt each, so that each can leave in a visit of its own
//! outbox/posted/<name>.cssr  the relay said that it has it; kept until a mirror shows it
//! ```
//!
//! The envelopes here are copies: the records of what was written decide, and put back what is missing.

use super::Seat;
use super::error::SeatError;
use super::publish::SignedKey;
use super::record::SentRecord;
use super::vault::Vault;
use crate::files::write_atomic;
use cssr_proto::bundle::{Record, write_bundle};
use cssr_proto::frame::EnvelopeKind;
use cssr_proto::sha256;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const OUTBOX: &str = "outbox";
const POSTED: &str = "posted";
const CARD: &str = "card.txt";
const STATEMENT: &str = ".statement";
const BUNDLE: &str = ".cssr";

impl Seat {
    /// The outbox.
    #[must_use]
    pub fn outbox(&self) -> PathBuf {
        self.folder.join(OUTBOX)
    }

    /// Replaces the statements in the outbox.
    pub(super) fn put_statements(&self, signed: &[SignedKey]) -> Result<(), SeatError> {
        let outbox = self.make_outbox()?;
        for name in names(&outbox)?.iter().filter(|name| name.ends_with(STATEMENT)) {
            fs::remove_file(outbox.join(name))?;
        }
        for statement in signed {
            let hash: String = hex(&sha256(statement.bytes())).chars().take(8).collect();
            let name = match statement.epoch() {
                None => format!("seat-key-{hash}{STATEMENT}"),
                Some(epoch) => format!("prekey-{}-{hash}{STATEMENT}", epoch.0),
            };
            write_atomic(&outbox.join(name), statement.bytes())?;
        }
        Ok(())
    }

    /// Makes the outbox what the records say: an envelope for everything that no mirror has shown yet, and none for the
    /// rest. Done after every change, and after a crash by whatever comes next.
    pub(super) fn sync_outbox(&self) -> Result<(), SeatError> {
        let outbox = self.make_outbox()?;
        for sent in self.case.sent() {
            let name = bundle_name(&self.vault, sent);
            let (waiting, posted) = (outbox.join(&name), outbox.join(POSTED).join(&name));
            match envelope(sent) {
                Some(envelope) if !waiting.try_exists()? && !posted.try_exists()? => {
                    let record =
                        Record { kind: EnvelopeKind::Letter, id: sent.id, burn_hash: None, envelope: Some(envelope) };
                    write_atomic(&waiting, &write_bundle([&record]))?;
                }
                Some(_) => {}
                None => {
                    remove(&waiting)?;
                    remove(&posted)?;
                }
            }
        }
        Ok(())
    }

    fn make_outbox(&self) -> Result<PathBuf, SeatError> {
        let outbox = self.outbox();
        fs::create_dir_all(outbox.join(POSTED))?;
        write_atomic(&outbox.join(CARD), format!("{}\n", self.card()).as_bytes())?;
        Ok(outbox)
    }
}

fn envelope(sent: &SentRecord) -> Option<Box<[u8; cssr_proto::sizes::ENVELOPE]>> {
    sent.envelope.clone()?.into_boxed_slice().try_into().ok()
}

fn bundle_name(vault: &Vault, sent: &SentRecord) -> String {
    format!("{}{BUNDLE}", vault.tag("outbox", &[sent.id.as_bytes()]))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let names = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name().into_string().ok()));
    Ok(names.collect::<io::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The envelopes of an outbox that wait to be posted; no passphrase is needed for this, so that the folder can be
/// carried to another machine.
#[derive(Debug)]
pub struct Outbox {
    folder: PathBuf,
}

impl Outbox {
    /// The outbox of a seat's folder, or a copy of one.
    ///
    /// # Errors
    /// There is none.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let inside = folder.join(OUTBOX);
        let folder = if inside.is_dir() { inside } else { folder.to_path_buf() };
        if folder.join(CARD).is_file() { Ok(Self { folder }) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// The text of the office's card.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn card(&self) -> io::Result<String> {
        let bytes = crate::files::read_limited(&self.folder.join(CARD), 4_096)?;
        String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData.into())
    }

    /// The envelopes that wait, in no order that means anything.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn waiting(&self) -> io::Result<Vec<PathBuf>> {
        let mut names = names(&self.folder)?;
        names.sort_unstable();
        Ok(names.iter().filter(|name| name.ends_with(BUNDLE)).map(|name| self.folder.join(name)).collect())
    }

    /// The signed statements that wait.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn statements(&self) -> io::Result<Vec<PathBuf>> {
        let mut names = names(&self.folder)?;
        names.sort_unstable();
        Ok(names.iter().filter(|name| name.ends_with(STATEMENT)).map(|name| self.folder.join(name)).collect())
    }

    /// Puts an envelope aside that the relay has acknowledged.
    ///
    /// # Errors
    /// The environment failed; it will be posted again, which changes nothing.
    pub fn mark_posted(&self, bundle: &Path) -> io::Result<()> {
        let name = bundle.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        fs::create_dir_all(self.folder.join(POSTED))?;
        fs::rename(bundle, self.folder.join(POSTED).join(name))
    }
}
