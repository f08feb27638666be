//! A seat: the folder on the trusted machine that opens letters, and everything that is done in it.
//!
//! For most cases: [`Seat::create`] makes its keys and the request for the office; [`Seat::accept`] takes the roster
//! that admits it; [`Seat::statements`] signs its keys for the coming weeks; [`Seat::import`] reads mirrors;
//! [`Seat::letters`] and [`Seat::letter`] show what came; [`Seat::reply`] and [`Seat::receipts`] answer.
//!
//! ```text
//! seat.key             the storage key under the passphrase; everything below that is sealed lies under it
//! identity.sealed      the seat's signing and authentication keys, and where it was admitted
//! prekeys/<epoch>.key  private prekeys, destroyed one by one as their time comes
//! letters/ quarantine/ sent/    records, named by keyed hashes
//! seen.sealed knowledge.sealed chain.sealed
//! outbox/              what leaves the machine: signed statements, sealed envelopes; nothing secret
//! seat.request         for the office
//! ```
//!
//! Nothing here reads a clock or a terminal: the day and the generator are arguments. What a person needs to be told
//! comes back as a value. Imports may come in any order and any number of times; they end in the same state.

mod alarm;
mod case;
mod chain;
mod error;
mod identity;
mod import;
mod knowledge;
mod open;
mod outbox;
mod prekeys;
mod pseudonym;
mod publish;
mod record;
mod status;
mod vault;
mod view;
mod write;

pub use alarm::{Alarm, EchoDoubt};
pub use error::SeatError;
pub use import::{ImportReport, Progress};
pub use outbox::Outbox;
pub use pseudonym::Pseudonym;
pub use publish::SignedKey;
pub use record::QuarantineReason;
pub use status::Status;
pub use view::{From, LetterState, LetterSummary, SentSummary};

use crate::files::{KeyFileKind, StaffPassphrase, open_key_file, read_limited, seal_key_file, write_atomic};
use case::Case;
use chain::Chain;
use cssr_proto::keys::SeatPublicKey;
use cssr_proto::message::Message;
use cssr_proto::{Card, Day, DeskNumber, Epoch, Label, Roster, Signed, Unverified};
use identity::{Admitted, Identity};
use knowledge::Knowledge;
use rand_core::CryptoRng;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use vault::{Kind, StorageKey, Vault};
use view::Judge;

const KEY_FILE: &str = "seat.key";
const KEY_FILE_MAX: usize = 4_096;
const LOCK_FILE: &str = "lock";
const REQUEST_FILE: &str = "seat.request";

/// A seat's folder, opened. No other program can open it meanwhile.
#[derive(Debug)]
pub struct Seat {
    folder: PathBuf,
    vault: Vault,
    identity: Identity,
    knowledge: Knowledge,
    chain: Chain,
    case: Case,
    _lock: File,
}

/// What a roster says about this seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The office's name.
    pub office: String,
    /// The desk.
    pub desk: DeskNumber,
    /// The seat's number at the desk.
    pub seat: cssr_proto::SeatNumber,
    /// The last day on which it counts.
    pub through: Day,
    /// The roster's number.
    pub roster: u64,
    /// The last day on which the roster is valid.
    pub expires: Day,
}

impl Seat {
    /// Makes a new seat in a folder that holds none: its keys, and the request that the office needs, which is valid for
    /// 30 days. `card` must be the office's first one, unless the office has told its first card's fingerprint.
    ///
    /// # Errors
    /// There is a seat already, or the environment failed.
    pub fn create<R: CryptoRng>(
        folder: &Path,
        passphrase: &StaffPassphrase,
        card: Card,
        (desk, label): (DeskNumber, Label),
        today: Day,
        rng: &mut R,
    ) -> Result<Self, SeatError> {
        let key = StorageKey::generate(rng);
        let key_file = seal_key_file(KeyFileKind::Seat, passphrase, key.expose(), rng)?;
        Self::make(folder, key, &key_file, Identity::generate(card, desk, label, rng), today, rng)
    }

    /// Opens a seat's folder.
    ///
    /// # Errors
    /// No seat, a wrong passphrase, another program in the folder, or damaged files.
    pub fn open(folder: &Path, passphrase: &StaffPassphrase) -> Result<Self, SeatError> {
        let path = folder.join(KEY_FILE);
        if !path.try_exists()? {
            return Err(SeatError::NoSeat);
        }
        let key = open_key_file(KeyFileKind::Seat, passphrase, &read_limited(&path, KEY_FILE_MAX)?)?;
        Self::open_with(folder, StorageKey::from_slice(&key).ok_or(SeatError::Damaged(KEY_FILE))?)
    }

    /// Takes a roster and finds this seat in it.
    ///
    /// # Errors
    /// It is not the office's, not valid today, older than the one that is known, or does not list this seat's key.
    pub fn accept<R: CryptoRng>(&mut self, roster: &[u8], today: Day, rng: &mut R) -> Result<Admission, SeatError> {
        let roster: Unverified<Roster> = Unverified::from_bytes(roster)?;
        let roster = roster.verify(self.identity.card.fingerprint(), today)?;
        let known = self.knowledge.roster().map_or(0, |known| known.number.get());
        if roster.number.get() < known {
            return Err(SeatError::OldRoster { known, offered: roster.number.get() });
        }
        let own = self.identity.signing.public();
        let (desk, seat) = roster.seats().find(|(_, seat)| seat.signing_key == own).ok_or(SeatError::NotListed)?;
        let admission = Admission {
            office: roster.name.as_str().to_owned(),
            desk,
            seat: seat.number,
            through: seat.through,
            roster: roster.number.get(),
            expires: roster.expires,
        };
        self.learn_roster(&roster)?;
        self.identity.desk = desk;
        self.identity.label = seat.label.clone();
        self.identity.admitted = Some(Admitted { office: roster.office(), seat: seat.number });
        self.vault.write(Kind::Knowledge, &self.knowledge.to_bytes(), rng)?;
        self.identity.save(&self.vault, rng)?;
        Ok(admission)
    }

    /// The public half of its signing key, for a person to compare before the office admits it.
    #[must_use]
    pub fn signing_key(&self) -> SeatPublicKey {
        self.identity.signing.public()
    }

    /// The office's card.
    #[must_use]
    pub const fn card(&self) -> &Card {
        &self.identity.card
    }

    /// Every letter that was opened or quarantined, by number.
    #[must_use]
    pub fn letters(&self) -> Vec<LetterSummary> {
        let judge = self.judge();
        let mut letters: Vec<LetterSummary> = self.case.letters().map(|letter| judge.summary(letter)).collect();
        letters.sort_by_key(|letter| letter.number);
        letters
    }

    /// A letter and what it says; nothing if it is quarantined.
    ///
    /// # Errors
    /// There is no such letter.
    pub fn letter(&self, number: u32) -> Result<(LetterSummary, Option<Message>), SeatError> {
        let letter = self.case.letter(number).ok_or(SeatError::NoLetter(number))?;
        let judge = self.judge();
        Ok((judge.summary(letter), judge.readable(letter).and_then(record::OpenedFacts::message)))
    }

    /// Every reply and receipt that was written here, by thread and number.
    #[must_use]
    pub fn sent(&self) -> Vec<SentSummary> {
        let judge = self.judge();
        let mut sent: Vec<SentSummary> = self.case.sent().map(|sent| judge.sent_summary(sent)).collect();
        sent.sort_by(|a, b| (&a.thread, a.number).cmp(&(&b.thread, b.number)));
        sent
    }

    /// Erases the prekeys whose time is over, and says which. Importing does this too.
    ///
    /// The day decides: with a clock that runs far ahead, keys are erased whose letters were not imported yet.
    ///
    /// # Errors
    /// The environment failed; what was not erased is still there and due.
    pub fn erase(&mut self, today: Day) -> Result<Vec<Epoch>, SeatError> {
        let survey = self.chain.survey(&self.knowledge.heads());
        prekeys::erase(&self.vault, &self.identity, &survey, today)
    }

    fn make<R: CryptoRng>(
        folder: &Path,
        key: StorageKey,
        key_file: &[u8],
        identity: Identity,
        today: Day,
        rng: &mut R,
    ) -> Result<Self, SeatError> {
        std::fs::create_dir_all(folder)?;
        let lock = lock(folder)?;
        if folder.join(KEY_FILE).try_exists()? {
            return Err(SeatError::Exists);
        }
        let vault = Vault::create(folder, key)?;
        let knowledge = Knowledge::new(&identity.card);
        identity.save(&vault, rng)?;
        write_atomic(&folder.join(REQUEST_FILE), publish::request(&identity, today)?.bytes())?;
        // Last: a folder with a key file is a seat.
        write_atomic(&folder.join(KEY_FILE), key_file)?;
        let (chain, case) = (Chain::default(), Case::default());
        Ok(Self { folder: folder.to_path_buf(), vault, identity, knowledge, chain, case, _lock: lock })
    }

    fn open_with(folder: &Path, key: StorageKey) -> Result<Self, SeatError> {
        let lock = lock(folder)?;
        let vault = Vault::open(folder, key)?;
        let identity = Identity::load(&vault)?;
        let knowledge = match vault.read(Kind::Knowledge)? {
            Some(bytes) => Knowledge::from_bytes(&identity.card, &bytes).ok_or(SeatError::Damaged("knowledge"))?,
            None => Knowledge::new(&identity.card),
        };
        let chain = match vault.read(Kind::Chain)? {
            Some(bytes) => minicbor::decode(&bytes).map_err(|_| SeatError::Damaged("chain"))?,
            None => Chain::default(),
        };
        let case = Case::load(&vault)?;
        Ok(Self { folder: folder.to_path_buf(), vault, identity, knowledge, chain, case, _lock: lock })
    }

    const fn judge(&self) -> Judge<'_> {
        Judge { vault: &self.vault, identity: &self.identity, knowledge: &self.knowledge, case: &self.case }
    }

    fn learn_roster(&mut self, roster: &Signed<Roster>) -> Result<(), SeatError> {
        self.knowledge.learn_roster(Unverified::from_bytes(roster.bytes())?)?;
        Ok(())
    }
}

/// One program at a time: two would use one number for two replies.
fn lock(folder: &Path) -> Result<File, SeatError> {
    let file = File::options().create(true).append(true).open(folder.join(LOCK_FILE))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SeatError::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
