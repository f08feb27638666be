//! What an office does when files are wrong, missing or cannot be written, and how it survives the loss of its root.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod office_support;

use cssr_client::files::KeyFileError;
use cssr_client::office::{Change, Damage, NewOffice, Office, OfficeError, Passphrases};
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::{PoolError, RosterError, Unverified};
use office_support::*;
use std::path::Path;

const RETIRE: Change = Change::RevokeCourier(match cssr_proto::CourierNumber::new(0) {
    Ok(number) => number,
    Err(_) => panic!("0 is a courier's number"),
});

#[test]
fn init_takes_an_empty_folder_only_and_leaves_a_card() {
    let (folder, path) = fresh();
    let (root, successor) = (pass(ROOT), pass(SUCCESSOR));
    let passphrases = Passphrases { root: &root, successor: &successor };
    let before = snapshot(&path);
    let error = Office::init(&path, new_office(), passphrases, &mut rng(2)).unwrap_err();
    assert!(matches!(error, OfficeError::NotEmpty(_)), "{error:?}");
    assert_eq!(snapshot(&path), before);

    let card = Office::open(&path).unwrap().card();
    assert_eq!(std::fs::read_to_string(path.join("card.txt")).unwrap(), format!("{card}\n"));
    assert!(std::fs::read_to_string(path.join("card.svg")).unwrap().contains("@relay.example.org"));

    // A relay key that readers would refuse is found before there is anything to clean up.
    let mut bad = new_office();
    bad.relay.key = RelayPublicKey([0; 32]);
    let target = folder.path().join("bad");
    let error = Office::init(&target, bad, passphrases, &mut rng(2)).unwrap_err();
    assert!(matches!(error, OfficeError::Refused(PoolError::Roster(RosterError::BadKey(_)))), "{error:?}");
    assert!(!target.exists());
}

#[test]
fn init_that_cannot_write_leaves_no_key_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (root, successor) = (pass(ROOT), pass(SUCCESSOR));
    let passphrases = Passphrases { root: &root, successor: &successor };
    let NewOffice { relay, .. } = new_office();
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, b"x").unwrap();
    let error = Office::init(&blocked.join("office"), NewOffice { relay, ..new_office() }, passphrases, &mut rng(2));
    assert!(matches!(error.unwrap_err(), OfficeError::Io { .. }));
    assert_eq!(snapshot(folder.path()).len(), 1);
}

#[test]
fn keys_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, path) = fresh();
    for name in ["root-1.key", "successor-2.key", "office.cbor"] {
        assert_eq!(std::fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn the_folder_is_made_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (_source, office) = with_seats();
    let target = folder.path().join("restored");
    let rosters = [office.roster().unwrap().bytes().to_vec()];
    drop(Office::restore(&target, &office.card(), &rosters).unwrap());
    assert_eq!(std::fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn two_programs_cannot_work_in_one_folder() {
    let (_folder, path) = fresh();
    let first = Office::open(&path).unwrap();
    assert!(matches!(Office::open(&path).unwrap_err(), OfficeError::Busy(_)));
    drop(first);
    Office::open(&path).unwrap();
}

#[test]
fn only_the_roots_passphrase_and_key_sign() {
    let (folder, mut office) = with_seats();
    let path = path_of(&folder);
    let before = snapshot(&path);
    let sign = |office: &mut Office, with: &str| office.issue(propose(office, RETIRE).unwrap(), &pass(with)).map(drop);

    let wrong = sign(&mut office, "another").unwrap_err();
    assert!(matches!(wrong, OfficeError::KeyFile { error: KeyFileError::WrongPassphrase, .. }), "{wrong:?}");
    assert_eq!(snapshot(&path), before);

    // The successor's file in the place of the root's.
    std::fs::copy(path.join("successor-2.key"), path.join("root-1.key")).unwrap();
    let other = sign(&mut office, SUCCESSOR).unwrap_err();
    assert!(matches!(other, OfficeError::NotTheRoot(_)), "{other:?}");

    for content in [&b""[..], b"x", &before[&path.join("root-1.key")][..40], &[0; 5_000]] {
        std::fs::write(path.join("root-1.key"), content).unwrap();
        let error = sign(&mut office, ROOT).unwrap_err();
        assert!(matches!(error, OfficeError::KeyFile { .. } | OfficeError::Io { .. }), "{error:?}");
    }
    std::fs::remove_file(path.join("root-1.key")).unwrap();
    assert!(matches!(sign(&mut office, ROOT).unwrap_err(), OfficeError::KeyFileMissing(_)));
    assert_eq!(office.roster().unwrap().number.get(), 1);

    std::fs::write(path.join("root-1.key"), &before[&path.join("root-1.key")]).unwrap();
    assert_eq!(snapshot(&path), before);
    sign(&mut office, ROOT).unwrap();
}

#[test]
fn a_roster_that_cannot_be_written_was_not_issued() {
    let (folder, mut office) = with_seats();
    let path = path_of(&folder);
    let draft = propose(&office, RETIRE).unwrap();
    let aside = folder.path().join("aside");
    std::fs::rename(path.join("rosters"), &aside).unwrap();
    std::fs::write(path.join("rosters"), b"in the way").unwrap();
    let before = snapshot(&path);
    let error = office.issue(draft.clone(), &pass(ROOT)).unwrap_err();
    assert!(matches!(error, OfficeError::Io { .. }), "{error:?}");
    assert_eq!(snapshot(&path), before);
    assert_eq!(office.roster().unwrap().number.get(), 1);

    std::fs::remove_file(path.join("rosters")).unwrap();
    std::fs::rename(&aside, path.join("rosters")).unwrap();
    assert_eq!(office.issue(draft, &pass(ROOT)).unwrap().number.get(), 2);
}

#[test]
fn no_roster_takes_the_place_of_another() {
    let (folder, mut office) = with_seats();
    let path = path_of(&folder);
    let draft = propose(&office, RETIRE).unwrap();
    let second = path.join("rosters/0000000002.roster");
    std::fs::write(&second, b"somebody else's").unwrap();
    let error = office.issue(draft, &pass(ROOT)).unwrap_err();
    assert!(matches!(error, OfficeError::Damaged { why: Damage::InTheWay, .. }), "{error:?}");
    assert_eq!(std::fs::read(second).unwrap(), b"somebody else's");
}

#[test]
fn a_draft_is_issued_once_and_only_on_the_roster_it_was_made_for() {
    let (folder, mut office) = with_seats();
    let (first, second) = (propose(&office, RETIRE).unwrap(), propose(&office, RETIRE).unwrap());
    office.issue(first, &pass(ROOT)).unwrap();
    assert!(matches!(office.issue(second, &pass(ROOT)).unwrap_err(), OfficeError::StaleDraft));
    let (_other, desks) = with_desks();
    let no_roster = propose(&desks, Change::RemoveDesk(desk(1))).unwrap();
    assert!(matches!(office.keep(no_roster).unwrap_err(), OfficeError::StaleDraft));
    assert_eq!(read_as_cardholder(&office.card(), &path_of(&folder)), 2);
}

#[test]
fn a_damaged_or_missing_file_is_named_when_the_office_is_opened() {
    let (folder, mut office) = with_seats();
    issue(&mut office, RETIRE, TODAY).unwrap();
    issue(&mut office, Change::Renew { days: 300, everyone: false }, TODAY).unwrap();
    let original = path_of(&folder);
    let roster = |n: u64| format!("rosters/{n:010}.roster");
    drop(office);

    let flip = |path: &Path, at: usize| {
        let mut content = std::fs::read(path).unwrap();
        content[at] ^= 1;
        std::fs::write(path, content).unwrap();
    };
    type Harm<'a> = Box<dyn Fn(&Path) + 'a>;
    let harms: Vec<(&str, Harm<'_>)> = vec![
        ("first roster changed", Box::new(|path| flip(&path.join(roster(1)), 100))),
        ("newest roster changed", Box::new(|path| flip(&path.join(roster(3)), 100))),
        (
            "signature changed",
            Box::new(|path| {
                let file = path.join(roster(3));
                flip(&file, std::fs::read(&file).unwrap().len() - 1);
            }),
        ),
        (
            "all missing",
            Box::new(|path| {
                std::fs::remove_file(path.join(roster(1))).unwrap();
                std::fs::remove_file(path.join(roster(2))).unwrap();
                std::fs::remove_file(path.join(roster(3))).unwrap();
            }),
        ),
        ("one in the middle missing", Box::new(|path| std::fs::remove_file(path.join(roster(2))).unwrap())),
        ("newest missing", Box::new(|path| std::fs::remove_file(path.join(roster(3))).unwrap())),
        ("truncated", Box::new(|path| std::fs::write(path.join(roster(2)), b"").unwrap())),
        ("renamed", Box::new(|path| std::fs::rename(path.join(roster(3)), path.join(roster(4))).unwrap())),
        ("twice", Box::new(|path| assert_ne!(std::fs::copy(path.join(roster(3)), path.join(roster(4))).unwrap(), 0))),
        ("office file empty", Box::new(|path| std::fs::write(path.join("office.cbor"), b"").unwrap())),
        ("office file changed", Box::new(|path| flip(&path.join("office.cbor"), 3))),
        ("another card", Box::new(|path| flip(&path.join("office.cbor"), 20))),
        (
            "trailing byte",
            Box::new(|path| {
                let mut content = std::fs::read(path.join("office.cbor")).unwrap();
                content.push(0);
                std::fs::write(path.join("office.cbor"), content).unwrap();
            }),
        ),
    ];
    for (n, (name, harm)) in harms.iter().enumerate() {
        let path = folder.path().join(n.to_string());
        copy(&original, &path);
        harm(&path);
        let error = Office::open(&path).unwrap_err();
        assert!(matches!(error, OfficeError::Damaged { .. }), "{name}: {error:?}");
    }
    assert!(matches!(Office::open(folder.path()).unwrap_err(), OfficeError::NoOffice(_)));

    // Other files beside them do no harm.
    std::fs::write(original.join("rosters/.0123456789abcdef.new"), b"left by a crash").unwrap();
    std::fs::write(original.join("rosters/0000000003 (copy).roster"), b"x").unwrap();
    assert_eq!(Office::open(&original).unwrap().roster().unwrap().number.get(), 3);
}

#[test]
fn an_interruption_after_the_first_roster_was_written_loses_nothing() {
    let (folder, office) = with_desks();
    let path = path_of(&folder);
    let planned = std::fs::read(path.join("office.cbor")).unwrap();
    let mut office = office;
    let id = office.id();
    issue(&mut office, admit(vec![seat_request(id, 0, "Amal", 1)]), TODAY).unwrap();
    let card = office.card();
    drop(office);
    std::fs::write(path.join("office.cbor"), planned).unwrap();
    let mut office = Office::open(&path).unwrap();
    issue(&mut office, Change::RetireSeat { desk: desk(0), seat: seat(0) }, TODAY).unwrap();
    assert_eq!(read_as_cardholder(&card, &path), 2);
}

#[test]
fn the_successor_takes_over_and_every_printed_card_stays_good() {
    let (folder, mut office) = with_seats();
    let path = path_of(&folder);
    let first_card = office.card();
    let safe = folder.path().join("safe.key");
    std::fs::rename(office.successor_key_file(), &safe).unwrap();

    let made = office.succeed(&safe, &pass(SUCCESSOR), &pass("next"), TODAY.plus(1), &mut rng(5)).unwrap();
    assert_eq!((made.root.clone(), made.successor.clone()), (path.join("root-2.key"), path.join("successor-3.key")));
    assert!(made.undestroyed.is_none() && !path.join("root-1.key").exists() && safe.exists());
    let second_card = office.card();
    assert_ne!(second_card.fingerprint(), first_card.fingerprint());
    assert_eq!(read_as_cardholder(&first_card, &path), 2);

    // The new root signs with the passphrase that it had as a successor.
    let draft = office.propose(RETIRE, TODAY.plus(2)).unwrap();
    assert!(office.issue(draft.clone(), &pass(ROOT)).is_err());
    office.issue(draft, &pass(SUCCESSOR)).unwrap();
    let newest = || Unverified::<cssr_proto::Roster>::from_bytes(office.roster().unwrap().bytes()).unwrap();
    for card in [&first_card, &second_card] {
        newest().verify(card.fingerprint(), TODAY.plus(2)).unwrap();
    }
    // The first roster knows nothing of the second card.
    let old = std::fs::read(path.join("rosters/0000000001.roster")).unwrap();
    let old = Unverified::<cssr_proto::Roster>::from_bytes(&old).unwrap();
    assert!(old.verify(second_card.fingerprint(), TODAY).is_err());

    // And again, from the file in the folder; the office opens with all of it.
    let third = office.successor_key_file();
    office.succeed(&third, &pass("next"), &pass("last"), TODAY.plus(3), &mut rng(6)).unwrap();
    drop(office);
    let office = Office::open(&path).unwrap();
    assert_eq!(office.roster().unwrap().lineage.roots().len(), 3);
    assert_eq!(read_as_cardholder(&first_card, &path), 4);
}

#[test]
fn a_succession_that_fails_leaves_the_root_in_office() {
    let (folder, mut office) = with_seats();
    let path = path_of(&folder);
    let before = snapshot(&path);
    let successor = office.successor_key_file();
    let mut try_with =
        |file: &Path, with: &str| office.succeed(file, &pass(with), &pass("next"), TODAY, &mut rng(5)).unwrap_err();
    let wrong = try_with(&successor, ROOT);
    assert!(matches!(wrong, OfficeError::KeyFile { error: KeyFileError::WrongPassphrase, .. }), "{wrong:?}");
    let root = try_with(&path.join("root-1.key"), ROOT);
    assert!(matches!(root, OfficeError::NotTheSuccessor(_)), "{root:?}");
    let missing = try_with(&path.join("nothing.key"), SUCCESSOR);
    assert!(matches!(missing, OfficeError::KeyFileMissing(_)), "{missing:?}");
    assert_eq!(snapshot(&path), before);

    // The keys are written, the roster cannot be: the keys go again.
    let aside = folder.path().join("aside");
    std::fs::rename(path.join("rosters"), &aside).unwrap();
    let unwritten = try_with(&successor, SUCCESSOR);
    assert!(matches!(unwritten, OfficeError::Io { .. }), "{unwritten:?}");
    std::fs::rename(&aside, path.join("rosters")).unwrap();
    assert_eq!(snapshot(&path), before);
    issue(&mut office, RETIRE, TODAY).unwrap();

    let (_folder, mut planned) = with_desks();
    let file = planned.successor_key_file();
    let early = planned.succeed(&file, &pass(SUCCESSOR), &pass("next"), TODAY, &mut rng(5)).unwrap_err();
    assert!(matches!(early, OfficeError::NothingIssued), "{early:?}");
}

#[test]
fn a_succession_interrupted_before_its_roster_can_be_repeated() {
    let (folder, mut office) = with_seats();
    let path = path_of(&folder);
    // What is left by an interruption: the new root's file, and a successor that no roster announces.
    std::fs::copy(path.join("successor-2.key"), path.join("root-2.key")).unwrap();
    std::fs::write(path.join("successor-3.key"), b"never announced").unwrap();
    let card = office.card();
    let successor = office.successor_key_file();
    let made = office.succeed(&successor, &pass(SUCCESSOR), &pass("next"), TODAY, &mut rng(5)).unwrap();
    office.succeed(&made.successor, &pass("next"), &pass("last"), TODAY, &mut rng(6)).unwrap();
    assert_eq!(read_as_cardholder(&card, &path), 3);
}

#[test]
fn a_lost_folder_is_made_anew_from_the_published_roster_and_goes_on() {
    let (folder, mut office) = with_seats();
    issue(&mut office, RETIRE, TODAY).unwrap();
    let (lost, card) = (path_of(&folder), office.card());
    let published = office.roster().unwrap().bytes().to_vec();
    let first = std::fs::read(lost.join("rosters/0000000001.roster")).unwrap();
    drop(office);
    let target = |name: &str| folder.path().join(name);

    let mut restored = Office::restore(&target("a"), &card, std::slice::from_ref(&published)).unwrap();
    let draft = restored.propose(Change::RetireSeat { desk: desk(0), seat: seat(0) }, TODAY).unwrap();
    assert!(matches!(restored.issue(draft.clone(), &pass(ROOT)).unwrap_err(), OfficeError::KeyFileMissing(_)));
    std::fs::copy(lost.join("root-1.key"), restored.root_key_file()).unwrap();
    restored.issue(draft, &pass(ROOT)).unwrap();
    let next = std::fs::read(target("a").join("rosters/0000000003.roster")).unwrap();
    std::fs::write(lost.join("rosters/0000000003.roster"), next).unwrap();
    assert_eq!(read_as_cardholder(&card, &lost), 3);
    drop(restored);
    Office::open(&target("a")).unwrap();

    // With the successor alone, and with rosters in whatever order.
    let mut restored = Office::restore(&target("b"), &card, &[published.clone(), first.clone()]).unwrap();
    restored.succeed(&lost.join("successor-2.key"), &pass(SUCCESSOR), &pass("x"), TODAY, &mut rng(5)).unwrap();
    assert_eq!(read_as_cardholder(&card, &target("b")), 3);

    let (_other, stranger) = fresh_stranger();
    for (name, card, rosters) in [
        ("another card", &stranger, vec![published.clone()]),
        ("none", &card, vec![]),
        ("one twice", &card, vec![published.clone(), published.clone()]),
        ("not a roster", &card, vec![b"x".to_vec()]),
    ] {
        let result = Office::restore(&target("c"), card, &rosters).map(drop);
        // The same roster twice is the same roster.
        assert_eq!(result.is_ok(), name == "one twice", "{name}");
        if name != "one twice" {
            assert!(!target("c").exists(), "{name}");
        } else {
            std::fs::remove_dir_all(target("c")).unwrap();
        }
    }
}

#[test]
fn the_seventeenth_root_is_refused_before_any_key_is_made() {
    let (folder, mut office) = with_seats();
    let mut passphrase = SUCCESSOR;
    for n in 2..=16 {
        let file = office.successor_key_file();
        office.succeed(&file, &pass(passphrase), &pass("next"), TODAY, &mut rng(n)).unwrap();
        passphrase = "next";
    }
    let before = snapshot(&path_of(&folder));
    let file = office.successor_key_file();
    let error = office.succeed(&file, &pass(passphrase), &pass("next"), TODAY, &mut rng(17)).unwrap_err();
    assert!(matches!(error, OfficeError::LineageFull), "{error:?}");
    assert_eq!(snapshot(&path_of(&folder)), before);
}

/// The card of an office that has nothing to do with the others.
fn fresh_stranger() -> (tempfile::TempDir, cssr_proto::Card) {
    let folder = tempfile::tempdir().unwrap();
    let (root, successor) = (pass(ROOT), pass(SUCCESSOR));
    let passphrases = Passphrases { root: &root, successor: &successor };
    let card = Office::init(&folder.path().join("o"), new_office(), passphrases, &mut rng(99)).unwrap().card();
    (folder, card)
}
