//! What operators write into a relay's configuration, and keep in its folder.

use crate::setting::{programs, shared};
use cssr_installation::{Call, Outcome};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A relay that was made and never ran.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        home.call("cssr-relay init relay --address ws://127.0.0.1").run().unwrap();
        home.configure(&format!("card = \"{}\"", shared().installation.card().unwrap()));
        home
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn configure(&self, lines: &str) {
        let listen = if lines.contains("listen") { "" } else { "listen = \"127.0.0.1:0\"" };
        fs::write(self.path().join("relay/relay.toml"), format!("{lines}\n{listen}\n")).unwrap();
    }

    fn call(&self, line: &str) -> Call {
        let (program, arguments) = line.split_once(' ').unwrap();
        programs().call(program, self.path()).args(arguments.split(' '))
    }

    /// It does not start, says these words, and no store was begun.
    fn does_not_start(&self, code: i32, words: &[&str]) {
        let outcome = self.call("cssr-relay serve --config relay").outcome().unwrap();
        said(&outcome, code, words);
        assert!(!self.path().join("relay/data").exists());
    }
}

fn said(outcome: &Outcome, code: i32, words: &[&str]) {
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(code), ""), "{outcome:?}");
    // What it has done until then may stand before, in the log.
    let told = outcome.stderr.lines().any(|line| line.starts_with("cssr-relay: "));
    assert!(told && !outcome.stderr.contains("panicked"), "{outcome:?}");
    words.iter().for_each(|word| assert!(outcome.stderr.contains(word), "{word:?} is missing: {outcome:?}"));
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused_by_its_key() {
    let home = Home::new();
    let card = shared().installation.card().unwrap();
    let mistyped = card.replacen(&card[6..7], if &card[6..7] == "Q" { "P" } else { "Q" }, 1);
    let with_card = |line: &str| format!("card = \"{card}\"\n{line}");
    for (config, says) in [
        (String::new(), "\"card\" is missing"),
        (format!("card = \"{mistyped}\""), "\"card\""),
        (with_card("nonsense = 1"), "nonsense"),
        (with_card("seal_max_age = \"a while\""), "seal_max_age"),
        (with_card("seal_max_age = \"7m\""), "seal_max_age"),
        (with_card("connections = 0"), "connections"),
        (with_card("listen = \"nowhere\""), "listen"),
        (with_card("letters_max = -1"), "letters_max"),
        (with_card("= = ="), "relay.toml"),
    ] {
        home.configure(&config);
        home.does_not_start(2, &[says]);
    }
    fs::write(home.path().join("relay/relay.toml"), [0xff; 10]).unwrap();
    home.does_not_start(2, &["relay.toml"]);
    fs::remove_file(home.path().join("relay/relay.toml")).unwrap();
    home.does_not_start(2, &["relay.toml", "No such file or directory"]);
}

#[test]
fn a_key_that_is_missing_damaged_or_readable_by_others_is_refused() {
    let home = Home::new();
    let key = home.path().join("relay/relay.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    home.does_not_start(2, &["relay.key", "chmod 600"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let good = fs::read(&key).unwrap();
    fs::write(&key, &good[1..]).unwrap();
    home.does_not_start(2, &["relay.key", "damaged"]);
    fs::remove_file(&key).unwrap();
    home.does_not_start(2, &["relay.key", "No such file or directory"]);
}

#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    let home = Home::new();
    for name in ["relay.key", "relay.toml"] {
        let path = home.path().join("relay").join(name);
        fs::remove_file(&path).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        home.does_not_start(2, &[name, "not a regular file"]);
    }
}

#[test]
fn a_relay_is_never_made_over_another() {
    let home = Home::new();
    let key = fs::read(home.path().join("relay/relay.key")).unwrap();
    let again = home.call("cssr-relay init relay --address ws://127.0.0.1").outcome().unwrap();
    said(&again, 1, &["relay.key", "it is there already"]);
    assert_eq!(fs::read(home.path().join("relay/relay.key")).unwrap(), key);
}

#[test]
fn a_store_that_another_relay_uses_is_left_alone() {
    let folder = shared().installation.folder();
    let outcome = programs().call("cssr-relay", folder).args(["serve", "--config", "relay"]).outcome().unwrap();
    said(&outcome, 1, &["another relay has this store open; stop it first"]);
}

#[test]
fn a_store_on_a_full_disk_is_not_begun_and_can_be_begun_later() {
    let home = Home::new();
    let outcome = home.call("cssr-relay serve --config relay").with_files_of_at_most(0).outcome().unwrap();
    said(&outcome, 1, &["the store in", "could not write", "see whether the disk is full"]);
    let relay = cssr_installation::RunningRelay::start(&programs(), &home.path().join("relay")).unwrap();
    relay.stop().unwrap();
}
