//! The folder, its passphrase, and the life of prekeys.

use super::setting::{Setting, open};
use crate::files::{KeyFileError, StaffPassphrase};
use crate::mirror::testing::{TODAY, TestOffice, desk, text};
use crate::seat::{LetterState, Seat, SeatError, SignedKey};
use chacha20::ChaCha20Rng;
use cssr_proto::letter::Sealed;
use cssr_proto::{Day, Epoch, Unverified};
use rand_core::SeedableRng as _;
use std::fs;
use std::path::PathBuf;

#[test]
fn a_seat_opens_with_its_passphrase_only_and_once_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let (right, wrong) = (StaffPassphrase::new("right".into()), StaffPassphrase::new("wrong".into()));
    let office = TestOffice::new(1);
    let label = (desk(), text("seat"));
    let seat = Seat::create(folder.path(), &right, office.card(), label.clone(), TODAY, &mut rng).unwrap();
    assert!(matches!(Seat::open(folder.path(), &right), Err(SeatError::InUse)));
    drop(seat);
    let error = Seat::open(folder.path(), &wrong).unwrap_err();
    assert!(matches!(error, SeatError::KeyFile(KeyFileError::WrongPassphrase)));
    let seat = Seat::open(folder.path(), &right).unwrap();
    assert_eq!(*seat.card(), office.card());
    drop(seat);
    let again = Seat::create(folder.path(), &right, office.card(), label, TODAY, &mut rng);
    assert!(matches!(again, Err(SeatError::Exists)));
    assert!(matches!(Seat::open(&folder.path().join("x"), &right), Err(SeatError::NoSeat)));
}

#[test]
fn the_request_carries_the_signing_key_to_the_office() {
    let setting = Setting::unadmitted();
    let request = fs::read(setting.folder.path().join("seat/seat.request")).unwrap();
    let request: Unverified<cssr_proto::SeatRequest> = Unverified::from_bytes(&request).unwrap();
    let request = request.verify(setting.office.card().office_if_first(), TODAY.plus(30)).unwrap();
    assert_eq!(Some(request.key), setting.office.own);
    assert_eq!((request.desk, request.label.as_str()), (desk(), "seat 0"));
}

#[test]
fn nothing_is_done_before_the_office_has_admitted_the_seat() {
    let mut setting = Setting::unadmitted();
    assert!(matches!(setting.seat.statements(TODAY, &mut setting.rng), Err(SeatError::NotAdmitted)));
    let folder = tempfile::tempdir().unwrap();
    let mirror = crate::mirror::Mirror::create(folder.path()).unwrap();
    let import = setting.seat.import(&mirror, TODAY, &mut setting.rng, |_| {});
    assert!(matches!(import, Err(SeatError::NotAdmitted)));
}

#[test]
fn a_roster_that_does_not_list_the_seat_or_is_old_or_foreign_is_refused() {
    let mut setting = Setting::unadmitted();
    let own = setting.office.own.take();
    let without = setting.office.issue(TODAY.minus(3), |_| {});
    setting.office.own = own;
    let with = setting.office.issue(TODAY.minus(2), |_| {});
    let Setting { seat, rng, .. } = &mut setting;
    assert!(matches!(seat.accept(without.bytes(), TODAY, rng), Err(SeatError::NotListed)));
    assert!(matches!(seat.accept(with.bytes(), TODAY.minus(3), rng), Err(SeatError::Roster(_))));
    let mut foreign = TestOffice::new(77);
    let foreign = foreign.issue(TODAY, |_| {});
    assert!(matches!(seat.accept(foreign.bytes(), TODAY, rng), Err(SeatError::Roster(_))));
    assert!(matches!(seat.accept(&with.bytes()[1..], TODAY, rng), Err(SeatError::NotARoster(_))));
    let admission = seat.accept(with.bytes(), TODAY, rng).unwrap();
    assert_eq!((admission.seat.get(), admission.roster), (0, 2));
    let next = setting.office.issue(TODAY, |_| {});
    let Setting { seat, rng, .. } = &mut setting;
    seat.accept(next.bytes(), TODAY, rng).unwrap();
    assert!(matches!(seat.accept(with.bytes(), TODAY, rng), Err(SeatError::OldRoster { known: 3, offered: 2 })));
}

#[test]
fn prekeys_are_published_for_this_week_and_the_eight_after_it_and_signed_the_same_again() {
    let mut setting = Setting::new();
    let first = setting.seat.statements(TODAY, &mut setting.rng).unwrap();
    let epochs: Vec<Epoch> = first.iter().filter_map(SignedKey::epoch).collect();
    assert_eq!(epochs, (0..=8).map(|n| TODAY.epoch().plus(n)).collect::<Vec<_>>());
    let mut setting = setting.reopen();
    assert_eq!(setting.seat.statements(TODAY, &mut setting.rng).unwrap(), first);
    // A week later one is added, and the seat key stays the same.
    let next = setting.seat.statements(TODAY.plus(7), &mut setting.rng).unwrap();
    assert_eq!((&next[0], &next[1..9]), (&first[0], &first[2..10]));
    let files = fs::read_dir(setting.seat.outbox()).unwrap();
    let statements = files.filter(|f| f.as_ref().unwrap().path().extension().is_some_and(|e| e == "statement"));
    assert_eq!(statements.count(), 10);
}

/// A letter sealed to this week's prekeys, and the seat with nothing imported yet.
fn letter(setting: &mut Setting) -> Sealed {
    let source = setting.office.source();
    let directory = setting.directory();
    let letter = setting.office.testimony(&source, "text", &directory);
    setting.office.batch(TODAY, &[&letter]);
    letter
}

fn prekey_file(setting: &Setting, epoch: Epoch) -> PathBuf {
    setting.folder.path().join(format!("seat/prekeys/{:010}.key", epoch.0))
}

/// The last day on which this week's prekey may still open letters.
fn last_day() -> Day {
    TODAY.epoch().last_day().plus(14)
}

#[test]
fn a_prekey_is_erased_14_days_after_its_week_once_the_mirrors_until_then_were_imported() {
    let mut setting = Setting::new();
    letter(&mut setting);
    let path = prekey_file(&setting, TODAY.epoch());
    assert!(setting.import(TODAY).erased.is_empty());
    // Later mirrors without new letters: the couriers' notes say that there were none.
    for day in [TODAY.plus(9), last_day()] {
        setting.publish(day);
        setting.office.note(day);
        assert!(setting.import(day).erased.is_empty(), "{day}");
    }
    // The day is over, but nobody has seen its end.
    assert!(setting.seat.erase(last_day().plus(1)).unwrap().is_empty());
    assert!(path.exists());
    setting.office.note(last_day().plus(1));
    assert_eq!(setting.import(last_day().plus(1)).erased, [TODAY.epoch()]);
    assert!(!path.exists());
}

#[test]
fn a_prekey_of_a_week_whose_mirror_is_missing_lives_60_days_and_not_longer() {
    let mut setting = Setting::new();
    letter(&mut setting);
    let end = TODAY.epoch().last_day().plus(60);
    assert!(setting.seat.erase(end).unwrap().is_empty());
    assert_eq!(setting.seat.erase(end.plus(1)).unwrap(), [TODAY.epoch()]);
}

#[test]
fn a_prekey_is_kept_while_batches_of_its_time_are_missing() {
    let mut setting = Setting::new();
    letter(&mut setting);
    let letter = {
        let source = setting.office.source();
        let directory = setting.directory();
        setting.office.testimony(&source, "second", &directory)
    };
    setting.office.batch(TODAY.plus(1), &[&letter]);
    let day = last_day().plus(1);
    setting.office.note(TODAY.plus(1));
    setting.publish(day);
    setting.office.note(day);
    // A mirror without the second batch.
    let second = setting.office.batches.pop().unwrap();
    let report = setting.import(day);
    assert!(report.erased.is_empty());
    // With it, but its record is damaged.
    let folder = tempfile::tempdir().unwrap();
    setting.office.batches.push(second);
    let mirror = setting.office.write(folder.path());
    let path = folder.path().join("letters/0000000002.batch");
    let good = fs::read(&path).unwrap();
    fs::write(&path, &good[..good.len() - 1]).unwrap();
    assert!(setting.import_mirror(&mirror, day).erased.is_empty());
    fs::write(&path, &good).unwrap();
    let report = setting.import_mirror(&mirror, day);
    assert_eq!((report.opened, report.erased), (1, vec![TODAY.epoch()]));
}

#[test]
fn the_bytes_of_an_erased_prekey_are_gone_before_its_file_is() {
    let mut setting = Setting::new();
    let witness = setting.folder.path().join("witness");
    let path = prekey_file(&setting, TODAY.epoch());
    fs::hard_link(&path, &witness).unwrap();
    let before = fs::read(&witness).unwrap();
    assert!(before.iter().any(|byte| *byte != 0));
    setting.seat.erase(TODAY.epoch().last_day().plus(61)).unwrap();
    assert!(!path.exists());
    assert_eq!(fs::read(&witness).unwrap(), vec![0; before.len()]);
}

#[test]
fn letters_to_an_erased_prekey_cannot_be_opened_even_with_the_passphrase() {
    let mut setting = Setting::new();
    letter(&mut setting);
    let copy = setting.folder.path().join("taken before");
    let mut taken_before = setting.copy(&copy);
    setting.seat.erase(TODAY.epoch().last_day().plus(61)).unwrap();
    let mut setting = setting.reopen();
    let report = setting.import(TODAY);
    assert_eq!((report.opened, report.not_opened), (0, 1));
    // The letter itself was sound.
    let folder = tempfile::tempdir().unwrap();
    let mirror = setting.office.write(folder.path());
    let report = taken_before.import(&mirror, TODAY, &mut setting.rng, |_| {}).unwrap();
    assert_eq!(report.opened, 1);
}

#[test]
fn a_clock_that_goes_back_makes_no_second_key_for_a_week() {
    let mut setting = Setting::new();
    setting.seat.erase(TODAY.epoch().last_day().plus(61)).unwrap();
    let again = setting.seat.statements(TODAY, &mut setting.rng).unwrap();
    let epochs: Vec<Epoch> = again.iter().filter_map(SignedKey::epoch).collect();
    assert_eq!(epochs, (1..=8).map(|n| TODAY.epoch().plus(n)).collect::<Vec<_>>());
}

#[test]
fn the_records_of_letters_survive_a_damaged_one_beside_them() {
    let mut setting = Setting::new();
    letter(&mut setting);
    let source = setting.office.source();
    let directory = setting.directory();
    let second = setting.office.testimony(&source, "second", &directory);
    setting.office.batch(TODAY, &[&second]);
    setting.import(TODAY);
    let letters = setting.folder.path().join("seat/letters");
    let first = fs::read_dir(&letters).unwrap().next().unwrap().unwrap().path();
    fs::write(first, b"damaged").unwrap();
    let setting = setting.reopen();
    assert_eq!(setting.states(), [LetterState::New]);
    assert_eq!(setting.seat.status(TODAY).unwrap().damaged, 1);
}

#[test]
fn a_folder_under_another_storage_key_does_not_open() {
    let setting = Setting::new();
    let path = setting.folder.path().join("seat");
    drop(setting.seat);
    let result = std::panic::catch_unwind(|| open(&path, [99; 32]));
    assert!(result.is_err());
}
