//! Importing a mirror: everything in it is verified again, and nothing that fails stops the rest.
//!
//! First the office's statements, notes and directories, then the letters. What is written down of either does not
//! depend on the other, nor on what was imported before; only the state of all imports together does.

use super::alarm::Alarm;
use super::case::Case;
use super::error::SeatError;
use super::open::{Candidate, Keys, Outcome};
use super::record::{Content, Listing};
use super::vault::Kind;
use super::{Seat, prekeys};
use crate::mirror::{BatchFile, BatchReader, Damage, DamageKind, Item, Mirror};
use cssr_proto::bundle::Record;
use cssr_proto::frame::EnvelopeKind;
use cssr_proto::keys::PrekeySecret;
use cssr_proto::{
    AuthenticDirectory, CheckedNote, Day, Directory, Envelope, Epoch, Hash, Note, NoteError, Roster, SeatStatement,
    Unverified, UnverifiedDirectory, ValidNote, sha256,
};
use rand_core::CryptoRng;
use std::collections::BTreeSet;

/// Letters that are opened together: enough for every core, few enough for any memory.
const TOGETHER: usize = 512;

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Letters that were opened.
    pub opened: u64,
    /// Letters that open but must not be shown as messages.
    pub quarantined: u64,
    /// Empty letters, which were dropped.
    pub covers: u64,
    /// Letters that this seat cannot open: for other desks, too old, or changed. Which of these, nobody can tell.
    pub not_opened: u64,
    /// Letters that were looked at in an earlier import, or are listed again.
    pub known: u64,
    /// Replies and receipts of this seat that the relay lists.
    pub own: u64,
    /// Files that were refused, in whole or from some place on.
    pub refused: Vec<Damage>,
    /// Weeks whose prekeys were erased.
    pub erased: Vec<Epoch>,
    /// Everything that a person must look into now.
    pub alarms: Vec<Alarm>,
}

/// How far an import has come, in bytes of letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that were read.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

impl Seat {
    /// Imports a mirror.
    ///
    /// # Errors
    /// The seat was not admitted, or the environment failed; then the same import can be made again. Nothing in the
    /// mirror is a reason to fail.
    pub fn import<R: CryptoRng>(
        &mut self,
        mirror: &Mirror,
        today: Day,
        rng: &mut R,
        mut progress: impl FnMut(Progress),
    ) -> Result<ImportReport, SeatError> {
        self.identity.admitted()?;
        let mut report = ImportReport::default();
        self.import_statements(mirror, &mut report)?;
        self.import_notes(mirror, &mut report)?;
        self.vault.write(Kind::Knowledge, &self.knowledge.to_bytes(), rng)?;

        let prekeys = prekeys::live(&self.vault)?;
        let mut inbox = Inbox { pending: Vec::new(), tags: BTreeSet::new(), prekeys: &prekeys, report: &mut report };
        // A day in the future would outlive every rule that counts days.
        let last_day = self.knowledge.newest_note().max(Some(today)).unwrap_or(today).plus(1);
        let files = mirror.batches(EnvelopeKind::Letter)?;
        let total = files.iter().map(|file| file.size).sum();
        let mut done = 0;
        for file in &files {
            progress(Progress { done, total });
            self.import_batch(file, last_day, &mut inbox, rng, |bytes| {
                progress(Progress { done: done + bytes, total })
            })?;
            done += file.size;
        }
        self.open_pending(&mut inbox, rng)?;
        progress(Progress { done: total, total });

        // Letters first, then what says that they were looked at, and only then the keys that opened them.
        self.case.save_seen(&self.vault, today, rng)?;
        self.chain.forget(today);
        self.vault.write(Kind::Chain, &super::record::to_bytes(&self.chain), rng)?;
        self.sync_outbox()?;
        report.erased = self.erase(today)?;
        report.alarms = self.alarms(today);
        Ok(report)
    }

    /// Rosters count whatever they come with. Keys of seats count only in directories that a note names; here it is
    /// enough that they are what they should be.
    fn import_statements(&mut self, mirror: &Mirror, report: &mut ImportReport) -> Result<(), SeatError> {
        for item in mirror.statements()? {
            let (file, bytes) = match item {
                Ok(item) => item,
                Err(damage) => {
                    report.refused.push(damage);
                    continue;
                }
            };
            let why = match Unverified::<Roster>::from_bytes(&bytes) {
                Ok(roster) => self.knowledge.learn_roster(roster).err().map(|_| DamageKind::Unverified),
                Err(_) => SeatStatement::from_bytes(&bytes).err().map(|_| DamageKind::Malformed),
            };
            report.refused.extend(why.map(|why| Damage { file, why }));
        }
        Ok(())
    }

    fn import_notes(&mut self, mirror: &Mirror, report: &mut ImportReport) -> Result<(), SeatError> {
        let mut directories = Vec::new();
        for item in mirror.directories()? {
            match item.and_then(|item| self.authentic_directory(item)) {
                Ok(directory) => directories.push(directory),
                Err(damage) => report.refused.push(damage),
            }
        }
        for item in mirror.notes()? {
            match item.and_then(|item| verified_note(item, &directories)) {
                // Nobody gives a proposal any weight.
                Ok(None) => {}
                Ok(Some((note, directory))) => self.learn_note(&note, &directory),
                Err(damage) => report.refused.push(damage),
            }
        }
        Ok(())
    }

    fn authentic_directory(&self, (file, bytes): Item) -> Result<AuthenticDirectory, Damage> {
        let card = self.identity.card.fingerprint();
        let directory = UnverifiedDirectory::from_bytes(&bytes).map_err(|_| DamageKind::Malformed);
        let directory = directory.and_then(|d| d.authenticate(card).map_err(|_| DamageKind::Unverified));
        directory.map_err(|why| Damage { file, why })
    }

    fn learn_note(&mut self, note: &ValidNote, directory: &Directory) {
        self.knowledge.learn_note(note, directory);
        if self.lists_foreign_keys(directory) {
            self.knowledge.learn_foreign(directory.hash());
        }
    }

    /// Whether a directory lists keys for this seat that it did not make.
    fn lists_foreign_keys(&self, directory: &Directory) -> bool {
        let own = self.identity.signing.public();
        // The seat by its signing key: its number may have been another person's before.
        let mut seats = directory.seats().filter(|view| view.seat.signing_key == own);
        seats.any(|view| {
            let epoch = directory.day().epoch();
            [view.auth_key, view.former_key].into_iter().flatten().any(|key| !self.identity.is_own(key))
                || view.prekey.is_some_and(|prekey| self.identity.is_foreign(epoch, prekey))
                || view.furthest.is_some_and(|(epoch, prekey)| self.identity.is_foreign(epoch, prekey))
        })
    }

    fn import_batch<R: CryptoRng>(
        &mut self,
        file: &BatchFile,
        last_day: Day,
        inbox: &mut Inbox<'_>,
        rng: &mut R,
        mut progress: impl FnMut(u64),
    ) -> Result<(), SeatError> {
        let mut reader: BatchReader = match file.open() {
            Ok(reader) => reader,
            Err(damage) => {
                inbox.report.refused.push(damage);
                return Ok(());
            }
        };
        let batch = reader.batch().clone();
        if batch.day() > last_day {
            inbox.report.refused.push(Damage { file: file.name(), why: DamageKind::Future });
            return Ok(());
        }
        let listed = Listing { day: batch.day(), batch: batch.number() };
        let mut read = 0;
        for record in reader.by_ref() {
            match record {
                Ok(record) => self.import_letter(record, listed, inbox, rng)?,
                Err(damage) => inbox.report.refused.push(damage),
            }
            read += Record::ENCODED_MAX as u64;
            if inbox.pending.len() >= TOGETHER {
                self.open_pending(inbox, rng)?;
                progress(read.min(file.size));
            }
        }
        self.chain.add(&batch, reader.is_whole());
        Ok(())
    }

    fn import_letter<R: CryptoRng>(
        &mut self,
        record: Record,
        listed: Listing,
        inbox: &mut Inbox<'_>,
        rng: &mut R,
    ) -> Result<(), SeatError> {
        let Some(bytes) = record.envelope else { return Ok(()) };
        let Ok(envelope) = Envelope::from_slice(bytes.as_slice()) else { return Ok(()) };
        let hash = Hash(sha256(envelope.as_bytes()));
        let tag = Case::tag(&self.vault, &record.id, &hash);
        if self.case.confirm_sent(&self.vault, (&record.id, &hash), listed, rng)? {
            inbox.report.own += 1;
            self.case.see(tag, listed.day);
            return Ok(());
        }
        if inbox.tags.contains(&tag) {
            // Listed twice in one mirror: it must be known before it is known again.
            self.open_pending(inbox, rng)?;
        }
        if self.case.is_seen(tag) {
            inbox.report.known += 1;
            self.case.see(tag, listed.day);
            return self.case.relist(&self.vault, tag, listed, rng);
        }
        inbox.tags.insert(tag);
        inbox.pending.push(Candidate { tag, id: record.id, listed, envelope });
        Ok(())
    }

    fn open_pending<R: CryptoRng>(&mut self, inbox: &mut Inbox<'_>, rng: &mut R) -> Result<(), SeatError> {
        let admitted = self.identity.admitted()?;
        let letters = std::mem::take(&mut inbox.pending);
        inbox.tags.clear();
        let keys = Keys::new(&self.identity, admitted.office, admitted.seat, inbox.prekeys);
        let outcomes = keys.open_all(&letters);
        for (letter, outcome) in letters.into_iter().zip(outcomes) {
            let Candidate { tag, id, listed, envelope } = letter;
            match outcome {
                Outcome::NotOpened => inbox.report.not_opened += 1,
                Outcome::Cover(directory, offline) => {
                    inbox.report.covers += 1;
                    self.case.see_cover((directory, listed.day, offline));
                }
                Outcome::Opened(facts) => {
                    inbox.report.opened += 1;
                    self.case.put_letter(&self.vault, tag, (id, listed), Content::Opened(facts), rng)?;
                }
                Outcome::Quarantined(reason) => {
                    inbox.report.quarantined += 1;
                    // The envelope first: a record says that it is there.
                    Case::put_quarantined(&self.vault, tag, &envelope, rng)?;
                    self.case.put_letter(&self.vault, tag, (id, listed), Content::Quarantined(reason), rng)?;
                }
            }
            self.case.see(tag, listed.day);
        }
        Ok(())
    }
}

/// Letters on their way from a mirror to the case store.
struct Inbox<'a> {
    pending: Vec<Candidate>,
    tags: BTreeSet<super::vault::Tag>,
    prekeys: &'a [(Epoch, PrekeySecret)],
    report: &'a mut ImportReport,
}

/// A note that is valid under the roster of the directory it names, with that directory; `None` if it has too few signers.
fn verified_note(
    (file, bytes): Item,
    directories: &[AuthenticDirectory],
) -> Result<Option<(ValidNote, Directory)>, Damage> {
    let refused = |why| Damage { file: file.clone(), why };
    let note: Unverified<Note> = Unverified::from_bytes(&bytes).map_err(|_| refused(DamageKind::Malformed))?;
    for directory in directories {
        match directory.verify_note(note.clone()) {
            Err(NoteError::OtherDirectory) => {}
            Err(_) => return Err(refused(DamageKind::Unverified)),
            Ok(CheckedNote::Proposed(_)) => return Ok(None),
            Ok(CheckedNote::Valid(note)) => {
                let directory = directory.clone().verify_on(note.day);
                return directory.map(|d| Some((note, d))).map_err(|_| refused(DamageKind::Unverified));
            }
        }
    }
    // The directory that it names is missing, or was refused.
    Err(refused(DamageKind::Unverified))
}
