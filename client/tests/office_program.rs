//! `cssr-office` as a process, with passphrases through a descriptor: the whole life of an office, and wrong inputs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod office_support;

use cssr_proto::{Card, Day, Fingerprint, Pool, Roster, SeatState, Signed, Unverified};
use office_support::{copy, courier_request_file, desk, read_as_cardholder, seat, seat_request_file, snapshot};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;
use tempfile::TempDir;

const RELAY: &str = "c4b5a6978877665544332211000fedcba9876543210123456789abcdef012345";

/// A folder with the files that the program is given.
struct World {
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        world.write("relay.identity", format!("{RELAY}\nrelay.example.org\n").as_bytes());
        world.write("root.pass", b"root passphrase\n");
        world.write("successor.pass", b"successor passphrase\n");
        world.write("next.pass", b"next passphrase\n");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Runs the program with two passphrase files, after `prepare` of a shell.
    fn run_after(&self, prepare: &str, passphrases: [&str; 2], arguments: &str) -> Output {
        let script = format!("{prepare} exec 3<{} 4<{}; exec \"$PROGRAM\" {arguments}", passphrases[0], passphrases[1]);
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("PROGRAM", env!("CARGO_BIN_EXE_cssr-office")).output().unwrap()
    }

    fn run(&self, arguments: &str) -> Output {
        let arguments = format!("{arguments} --passphrase-fd 3 --successor-passphrase-fd 4");
        self.run_after("", ["root.pass", "successor.pass"], &arguments)
    }

    /// Runs it with `--json`; it must succeed.
    fn json(&self, arguments: &str) -> Value {
        object(&self.run(&format!("{arguments} --json")))
    }

    fn init(&self) -> Card {
        let made = self.json("init office --name 'Office of the Envoy' --relay relay.identity --letter-days 30");
        made["card"].as_str().unwrap().parse().unwrap()
    }

    /// An office with one seat.
    fn with_seat(&self) -> Card {
        let card = self.init();
        self.json("desk office --number 0 --name Protection");
        self.write("amal.request", &seat_request_file(office_of(&card), 0, "Amal", 1, today()));
        self.json("admit office amal.request --compared");
        card
    }
}

fn object(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["ok"], true);
    object
}

fn today() -> Day {
    Day::from_unix(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

fn office_of(card: &Card) -> cssr_proto::OfficeId {
    cssr_proto::OfficeId(*card.fingerprint().as_bytes())
}

fn newest(folder: &Path, card: Fingerprint) -> Signed<Roster> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder.join("rosters")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let bytes = std::fs::read(files.last().unwrap()).unwrap();
    Unverified::from_bytes(&bytes).unwrap().authenticate(card).unwrap()
}

fn codes(object: &Value) -> Vec<&str> {
    object["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap()).collect()
}

#[test]
fn an_office_lives_from_its_first_card_to_its_second_root() {
    let world = World::new();
    let office = world.path("office");
    let first_card = world.init();
    let card = first_card.fingerprint();
    assert_eq!(std::fs::read_to_string(office.join("card.txt")).unwrap(), format!("{first_card}\n"));
    let id = office_of(&first_card);

    let kept = world.json("desk office --number 0 --name Protection");
    assert_eq!((&kept["issued"], &kept["roster"]), (&Value::Bool(false), &Value::Null));
    assert_eq!(read_as_cardholder(&first_card, &office), 0);

    world.write("amal.request", &seat_request_file(id, 0, "Amal", 1, today()));
    world.write("dilan.request", &seat_request_file(id, 0, "Dilan", 2, today()));
    world.write("one.request", &courier_request_file(id, 0, 0, "One", 101, today()));
    world.write("two.request", &courier_request_file(id, 0, 1, "Two", 102, today()));
    let admitted = world.json("admit office amal.request dilan.request one.request --compared --days 100");
    assert_eq!((&admitted["issued"], &admitted["roster"]["number"]), (&Value::Bool(true), &Value::from(1)));
    assert_eq!(codes(&admitted), ["no-note-possible"]);
    assert_eq!(admitted["roster_file"], "office/rosters/0000000001.roster");
    assert_eq!(read_as_cardholder(&first_card, &office), 1);
    let admitted = world.json("admit office two.request --compared");
    assert_eq!((codes(&admitted).len(), read_as_cardholder(&first_card, &office)), (0, 2));

    let retired = world.json("retire office --desk 0 --seat 1");
    assert_eq!(retired["desks"][0]["seats"][1]["state"], "retired");
    assert_eq!(newest(&office, card).seat(desk(0), seat(1)).unwrap().state, SeatState::Retired);
    assert_eq!(read_as_cardholder(&first_card, &office), 3);

    world.json("revoke office --courier 0");
    world.json("revoke office --desk 0 --seat 1");
    let roster = newest(&office, card);
    assert_eq!((roster.seats().count(), roster.couriers.len()), (1, 0));
    assert_eq!(read_as_cardholder(&first_card, &office), 5);

    let renewed = world.json("renew office --days 20 --everyone");
    assert!(codes(&renewed).contains(&"roster-ends"), "{renewed}");
    world.json("renew office --days 400 --everyone");
    let roster = newest(&office, card);
    assert_eq!((roster.number.get(), roster.expires), (7, roster.issued.plus(400)));
    assert!(roster.seats().all(|(_, seat)| seat.through == roster.expires));

    world.write("moved.identity", format!("{RELAY} abc.onion relay.example.org").as_bytes());
    world.json("relay office --relay moved.identity");
    let moved = std::fs::read_to_string(office.join("card.txt")).unwrap();
    assert!(moved.ends_with("@abc.onion,relay.example.org\n"), "{moved}");
    world.write("page.html", b"<!doctype html>");
    world.json("settings office --page page.html --note-days 5");
    let roster = newest(&office, card);
    assert_eq!(roster.page.unwrap().0, cssr_proto::sha256(b"<!doctype html>"));
    assert_eq!((roster.policy.note_days(), roster.policy.letter_days()), (5, 30));

    std::fs::rename(office.join("successor-2.key"), world.path("safe.key")).unwrap();
    let arguments = "succeed office --successor safe.key --passphrase-fd 3 --successor-passphrase-fd 4 --json";
    let succeeded = object(&world.run_after("", ["successor.pass", "next.pass"], arguments));
    assert_eq!(succeeded["successor_key_file"], "office/successor-3.key");
    assert!(!office.join("root-1.key").exists() && succeeded["undestroyed"].is_null());
    let second_card: Card = succeeded["card"].as_str().unwrap().parse().unwrap();
    assert_ne!(second_card.fingerprint(), card);
    newest(&office, second_card.fingerprint());
    assert_eq!(read_as_cardholder(&first_card, &office), 10);

    let shown = world.json("card office --svg picture.svg");
    assert_eq!(shown["card"], second_card.to_string());
    assert!(std::fs::read_to_string(world.path("picture.svg")).unwrap().contains("Office of the Envoy"));

    // The next one is signed by the new root, under the passphrase that opened it.
    let by_old = world.run("renew office");
    assert_eq!(by_old.status.code(), Some(1));
    let by_new = world.run_after("", ["successor.pass", "next.pass"], "renew office --passphrase-fd 3");
    assert_eq!(by_new.status.code(), Some(0));
    assert_eq!(read_as_cardholder(&first_card, &office), 11);

    // Somebody who only ever saw roster 1 follows to the end.
    let mut reader = Pool::new(card);
    for n in 1..=11 {
        let bytes = std::fs::read(office.join(format!("rosters/{n:010}.roster"))).unwrap();
        reader.accept_roster(Unverified::from_bytes(&bytes).unwrap(), today()).unwrap();
    }

    let text = String::from_utf8(world.run("show office").stdout).unwrap();
    for part in ["Office of the Envoy", "Protection", "Amal", "roster   11", "root     2", &second_card.to_string()] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    let restored = world.json(&format!("restore again --card '{first_card}' office/rosters/0000000011.roster"));
    assert_eq!(restored["roster"]["number"], 11);
}

#[test]
fn the_summary_comes_before_the_signature_and_names_the_file_to_carry() {
    let world = World::new();
    let card = world.with_seat();
    world.write("evil.request", &seat_request_file(office_of(&card), 0, "A\u{202e}mal", 2, today()));
    let output = world.run("admit office evil.request --compared");
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "Roster 2, issued today",
        "is seat 1 of desk 0",
        "warning: no valid note can be signed",
        "office/rosters/0000000002.roster",
        "cssr-desk publish",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(text.contains("<U+202E>") && !text.contains('\u{202e}'), "{text}");
}

#[test]
fn wrong_inputs_are_told_apart_and_change_nothing() {
    let world = World::new();
    let card = world.with_seat();
    let id = office_of(&card);
    world.write("old.request", &seat_request_file(id, 0, "Old", 2, today().minus(31)));
    world.write("other.request", &seat_request_file(cssr_proto::OfficeId([1; 16]), 0, "Other", 2, today()));
    world.write("good.request", &seat_request_file(id, 0, "Good", 2, today()));
    world.write("desk9.request", &seat_request_file(id, 9, "Lost", 2, today()));
    world.write("noise", &[0xa5; 100]);
    world.write("large", &vec![0; 100_000]);
    world.write("wrong.pass", b"wrong\n");
    world.write("low.identity", format!("{} relay.example.org", "0".repeat(64)).as_bytes());
    world.write("bad.identity", b"relay.example.org");
    std::fs::create_dir(world.path("empty")).unwrap();
    copy(&world.path("office"), &world.path("damaged"));
    std::fs::write(world.path("damaged/rosters/0000000001.roster"), b"x").unwrap();
    copy(&world.path("office"), &world.path("keyless"));
    std::fs::remove_file(world.path("keyless/root-1.key")).unwrap();
    let before = snapshot(world.folder.path());

    for (arguments, code, words) in [
        ("", 2, "Usage"),
        ("frobnicate office", 2, "unrecognized subcommand"),
        ("show nowhere", 2, "holds no office"),
        ("show empty", 2, "holds no office"),
        ("show damaged", 1, "is damaged"),
        ("init office --name X --relay relay.identity", 2, "is not empty"),
        ("init new --name '' --relay relay.identity", 2, "1 to 128 bytes"),
        ("init new --name X --relay nowhere", 2, "could not read nowhere"),
        ("init new --name X --relay bad.identity", 2, "no relay identity"),
        ("init new --name X --relay low.identity", 1, "readers would refuse"),
        ("init new --name X --relay relay.identity --letter-days 61", 2, "a number from 1 to 60"),
        ("init new --name X --relay relay.identity --letter-days 3", 2, "notes that count for 3 days"),
        ("settings office --note-days 14 --letter-days 14", 2, "a smaller --note-days"),
        ("desk office --number 16 --name X", 2, "a number from 0 to 15"),
        ("desk office --number 1", 2, "--name"),
        ("desk office --number 0 --name Protection", 2, "nothing to change"),
        ("desk office --number 0 --remove", 2, "cannot be removed"),
        ("admit office", 2, "required"),
        ("admit office good.request", 3, "nobody has confirmed"),
        ("admit office nowhere --compared", 2, "could not read nowhere"),
        ("admit office noise --compared", 2, "noise: this is no request"),
        ("admit office large --compared", 2, "could not read large"),
        ("admit office old.request --compared", 2, "old.request: the request was made on"),
        ("admit office other.request --compared", 2, "for another office"),
        ("admit office desk9.request --compared", 2, "there is no desk 9"),
        ("admit office amal.request --compared", 2, "already in use"),
        ("admit office good.request good.request --compared", 2, "already in use"),
        ("admit office good.request --compared --days 401", 2, "401 days is not possible"),
        ("admit office good.request --compared --days x", 2, "invalid value"),
        ("retire office --desk 0 --seat 5", 2, "has no seat 5"),
        ("retire office --desk 0 --seat 7", 2, "a number from 0 to 6"),
        ("revoke office", 2, "required"),
        ("revoke office --desk 0", 2, "required"),
        ("revoke office --courier 3", 2, "there is no courier 3"),
        ("renew office --days 0", 2, "0 days is not possible"),
        ("renew keyless", 1, "root-1.key is missing"),
        ("relay office --relay relay.identity", 2, "nothing to change"),
        ("relay office --relay low.identity", 1, "readers would refuse"),
        ("settings office", 2, "nothing to change"),
        ("settings office --page nowhere", 2, "could not read nowhere"),
        ("succeed office --successor nowhere", 1, "nowhere is missing"),
        ("succeed office --successor office/root-1.key", 2, "does not hold the successor"),
        ("restore office --card cssr:AAAA@x.org office/rosters/0000000001.roster", 2, "32"),
        ("card nowhere", 2, "holds no office"),
    ] {
        let output = world.run(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments}: {text}");
        assert!(text.contains(words), "{arguments}: {words:?} is missing in {text}");
    }
    let wrong = world.run_after("", ["wrong.pass", "wrong.pass"], "renew office --passphrase-fd 3");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("help: Nothing was changed."));
    let closed = world.run_after("", ["root.pass", "root.pass"], "renew office --passphrase-fd 9 --json");
    let object: Value = serde_json::from_slice(&closed.stdout).unwrap();
    assert_eq!((closed.status.code(), &object["ok"], &object["code"]), (Some(1), &Value::Bool(false), &Value::from(1)));
    assert_eq!(snapshot(world.folder.path()), before);
}

#[test]
fn a_full_disk_leaves_every_file_as_it_was() {
    let world = World::new();
    world.with_seat();
    let before = snapshot(world.folder.path());
    // A limit on the size of files fails in the middle of writing, as a full disk does.
    for (limit, arguments) in [
        (0, "renew office --days 200 --passphrase-fd 3"),
        (0, "succeed office --passphrase-fd 4"),
        (0, "desk office --number 1 --name Political --passphrase-fd 3"),
        (0, "init new --name X --relay relay.identity --passphrase-fd 3"),
        // Enough for the keys (512 bytes), not for the picture of the card.
        (1, "init new --name X --relay relay.identity --passphrase-fd 3"),
    ] {
        let prepare = format!("trap '' XFSZ; ulimit -f {limit};");
        let output = world.run_after(&prepare, ["root.pass", "successor.pass"], arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments}: {text}");
        assert!(text.contains("could not write"), "{arguments}: {text}");
        assert_eq!(snapshot(world.folder.path()), before, "{arguments}");
    }
    world.json("init new --name X --relay relay.identity");
    world.json("renew office --days 200");
}
