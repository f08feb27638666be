//! A courier: the machine with a network that mirrors the relay for a seat and confirms, day by day, what the relay
//! should show (protocol, sections 4.5 and 14).
//!
//! For most cases: [`Courier::create`] makes its key and the request for the office, [`Courier::accept`] takes the
//! roster that lists it, and [`Courier::mirror`] does everything else over a [`Connection`].
//!
//! A courier's key signs dates, directories and heads that people's safety rests on. It never signs a head whose chain
//! it has not followed itself, a directory that it would not have made itself, or a day other than its own. It opens
//! nothing: its folder holds no other secret.
//!
//! ```text
//! courier.key        the key, under the passphrase
//! courier.state      card, number, newest roster, and the last head that was followed; not secret
//! courier.request    for the office
//! ```

mod error;
mod history;
mod mirroring;
mod note;
mod notes;
mod session;
mod state;
mod walk;

pub use error::CourierError;
pub use mirroring::{MirrorOptions, MirrorProgress, MirrorReport};
pub use note::NoteOutcome;
pub use session::{Connection, SessionFailure};
pub use walk::WalkError;

use crate::files::{KeyFileKind, StaffPassphrase, open_key_file, read_limited, seal_key_file, write_atomic};
use cssr_proto::keys::{CourierKey, CourierPublicKey};
use cssr_proto::{Card, CourierNumber, CourierRequest, Day, DeskNumber, Label, Roster, SeatNumber, Unverified};
use rand_core::CryptoRng;
use state::State;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const KEY_FILE: &str = "courier.key";
const KEY_FILE_MAX: usize = 4_096;
const REQUEST_FILE: &str = "courier.request";
const LOCK_FILE: &str = "lock";

/// A courier's folder, opened. No other program can open it meanwhile.
#[derive(Debug)]
pub struct Courier {
    folder: PathBuf,
    key: CourierKey,
    state: State,
    _lock: File,
}

/// What a roster says about this courier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CourierAdmission {
    /// The office's name.
    pub office: String,
    /// The courier's number.
    pub number: CourierNumber,
    /// The last day on which it counts.
    pub through: Day,
    /// The roster's number.
    pub roster: u64,
    /// The last day on which the roster is valid.
    pub expires: Day,
}

impl Courier {
    /// Makes a new courier in a folder that holds none: its key, and the request that the office needs, which is valid
    /// for 30 days. `card` must be the office's first one.
    ///
    /// # Errors
    /// There is a courier already, or the environment failed.
    pub fn create<R: CryptoRng>(
        folder: &Path,
        passphrase: &StaffPassphrase,
        card: Card,
        (desk, seat, label): (DeskNumber, SeatNumber, Label),
        today: Day,
        rng: &mut R,
    ) -> Result<Self, CourierError> {
        std::fs::create_dir_all(folder)?;
        let lock = lock(folder)?;
        if folder.join(KEY_FILE).try_exists()? {
            return Err(CourierError::Exists);
        }
        let key = CourierKey::generate(rng);
        let office = card.office_if_first();
        let request = CourierRequest { office, desk, seat, label, day: today, key: key.public() }.sign(&key)?;
        let state = State::new(card);
        state.save(folder)?;
        write_atomic(&folder.join(REQUEST_FILE), request.bytes())?;
        // Last: a folder with a key file is a courier.
        write_atomic(&folder.join(KEY_FILE), &seal_key_file(KeyFileKind::Courier, passphrase, key.expose(), rng)?)?;
        Ok(Self { folder: folder.to_path_buf(), key, state, _lock: lock })
    }

    /// Whether there is a courier in a folder.
    #[must_use]
    pub fn is_in(folder: &Path) -> bool {
        folder.join(KEY_FILE).is_file()
    }

    /// Opens a courier's folder.
    ///
    /// # Errors
    /// No courier, a wrong passphrase, another program in the folder, or damaged files.
    pub fn open(folder: &Path, passphrase: &StaffPassphrase) -> Result<Self, CourierError> {
        let path = folder.join(KEY_FILE);
        if !path.try_exists()? {
            return Err(CourierError::NoCourier);
        }
        let lock = lock(folder)?;
        let key = open_key_file(KeyFileKind::Courier, passphrase, &read_limited(&path, KEY_FILE_MAX)?)?;
        let key: [u8; 32] = key.as_slice().try_into().map_err(|_| CourierError::Damaged)?;
        let key = CourierKey::from_bytes(*Zeroizing::new(key));
        Ok(Self { folder: folder.to_path_buf(), key, state: State::load(folder)?, _lock: lock })
    }

    /// The public half of its signing key, for a person to compare before the office admits it.
    #[must_use]
    pub fn public_key(&self) -> CourierPublicKey {
        self.key.public()
    }

    /// The office's card.
    #[must_use]
    pub const fn card(&self) -> &Card {
        &self.state.card
    }

    /// The number that the office has given it.
    #[must_use]
    pub const fn number(&self) -> Option<CourierNumber> {
        self.state.number
    }

    /// Takes a roster and finds this courier in it.
    ///
    /// # Errors
    /// It is not the office's, not valid today, does not follow the one that is known, or does not list this key.
    pub fn accept(&mut self, roster: &[u8], today: Day) -> Result<CourierAdmission, CourierError> {
        let roster: Unverified<Roster> = Unverified::from_bytes(roster)?;
        let (number, through) = self.state.take_roster(roster, &self.key.public(), today)?;
        self.state.save(&self.folder)?;
        let roster = self.state.roster.as_ref().ok_or(CourierError::NotAdmitted)?;
        Ok(CourierAdmission {
            office: roster.name.as_str().to_owned(),
            number,
            through,
            roster: roster.number.get(),
            expires: roster.expires,
        })
    }
}

fn lock(folder: &Path) -> Result<File, CourierError> {
    let file = File::options().create(true).append(true).open(folder.join(LOCK_FILE))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CourierError::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
