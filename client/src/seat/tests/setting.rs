//! A seat of a test office.

use crate::mirror::Mirror;
use crate::mirror::testing::{TODAY, TestOffice, desk, number, text};
use crate::seat::identity::Identity;
use crate::seat::publish::SignedKey;
use crate::seat::vault::StorageKey;
use crate::seat::{ImportReport, LetterState, LetterSummary, Seat};
use chacha20::ChaCha20Rng;
use cssr_proto::{Day, Directory};
use rand_core::SeedableRng as _;
use std::path::Path;
use tempfile::TempDir;

/// An office with a seat under test, which is seat 0 of desk 1.
pub(super) struct Setting {
    pub(super) office: TestOffice,
    pub(super) seat: Seat,
    pub(super) rng: ChaCha20Rng,
    pub(super) folder: TempDir,
    storage: [u8; 32],
}

impl Setting {
    /// A seat that was admitted, and whose keys a valid note of today confirms.
    pub(super) fn new() -> Self {
        let mut setting = Self::unadmitted();
        let roster = setting.office.issue(TODAY.minus(20), |_| {});
        setting.seat.accept(roster.bytes(), TODAY, &mut setting.rng).unwrap();
        setting.publish(TODAY);
        setting.office.note(TODAY);
        setting
    }

    /// A seat that has only asked.
    pub(super) fn unadmitted() -> Self {
        let mut office = TestOffice::new(9);
        let mut rng = ChaCha20Rng::from_seed([10; 32]);
        let folder = tempfile::tempdir().unwrap();
        let storage = [11; 32];
        let key = StorageKey::from_slice(&storage).unwrap();
        let identity = Identity::generate(office.card(), desk(), text("seat 0"), &mut rng);
        office.own = Some(identity.signing.public());
        let seat = Seat::make(&folder.path().join("seat"), key, b"no passphrase", identity, TODAY, &mut rng).unwrap();
        Self { office, seat, rng, folder, storage }
    }

    /// Publishes everybody's keys as of a day.
    pub(super) fn publish(&mut self, today: Day) {
        self.office.publish_colleagues(today);
        for signed in self.seat.statements(today, &mut self.rng).unwrap() {
            match signed {
                SignedKey::Auth(key) => self.office.seat_keys.push(key),
                SignedKey::Prekey(prekey) => self.office.prekeys.push(prekey),
            }
        }
    }

    /// The directory that the newest note names.
    pub(super) fn directory(&self) -> Directory {
        self.office.notes.last().unwrap().1.clone()
    }

    /// Imports everything that the office has, as one mirror.
    pub(super) fn import(&mut self, today: Day) -> ImportReport {
        let folder = tempfile::tempdir().unwrap();
        let mirror = self.office.write(folder.path());
        self.import_mirror(&mirror, today)
    }

    pub(super) fn import_mirror(&mut self, mirror: &Mirror, today: Day) -> ImportReport {
        self.seat.import(mirror, today, &mut self.rng, |_| {}).unwrap()
    }

    /// Closes the seat and opens it again, as another run of a program does.
    pub(super) fn reopen(self) -> Self {
        let Self { office, seat, rng, folder, storage } = self;
        drop(seat);
        let seat = open(&folder.path().join("seat"), storage);
        Self { office, seat, rng, folder, storage }
    }

    /// Another copy of the seat as it is now.
    pub(super) fn copy(&self, to: &Path) -> Seat {
        copy_folder(&self.folder.path().join("seat"), to);
        open(to, self.storage)
    }

    pub(super) fn states(&self) -> Vec<LetterState> {
        self.seat.letters().into_iter().map(|letter| letter.state).collect()
    }

    pub(super) fn only_letter(&self) -> LetterSummary {
        let mut letters = self.seat.letters();
        assert_eq!(letters.len(), 1);
        letters.remove(0)
    }
}

pub(super) fn open(folder: &Path, storage: [u8; 32]) -> Seat {
    Seat::open_with(folder, StorageKey::from_slice(&storage).unwrap()).unwrap()
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Desk, seat and courier numbers in tests.
pub(super) fn seat_number(n: u64) -> cssr_proto::SeatNumber {
    number(n)
}
