//! Rosters that must not count: expired, superseded, of another office, or none at all.

use crate::check::{misused, refused};
use crate::setting::Sandbox;
use cssr_proto::keys::RelaySecretKey;
use cssr_tests::office::{Office, TODAY};

const FOLDERS: [&str; 4] = ["seat-0", "courier-0", "mirror-0", "office"];

/// The commands are refused one after another, and leave everything as it was.
fn are_refused(sandbox: &Sandbox, commands: &[(&str, i32, &str)]) {
    let before = FOLDERS.map(|folder| sandbox.snapshot(folder));
    for (command, code, says) in commands {
        refused(&sandbox.desk(command).outcome().unwrap(), *code, &[says]);
    }
    assert_eq!(FOLDERS.map(|folder| sandbox.snapshot(folder)), before);
}

/// The office issues another roster, which nobody but the caller knows of yet; gives its file.
fn another(sandbox: &Sandbox, options: &str) -> String {
    sandbox.office(&format!("renew office {options}")).json().unwrap();
    sandbox.installation.newest_roster().unwrap()
}

#[test]
fn an_expired_roster_is_refused_with_a_word_about_the_clock() {
    let sandbox = Sandbox::new();
    let roster = another(&sandbox, "--days 10");
    let late = sandbox.today().plus(11);
    let commands = ["seat-0", "courier-0"].map(|folder| format!("accept {folder} {roster} --today {late}"));
    let says = format!("{roster}: the roster is refused: the roster expired after {}", sandbox.today().plus(10));
    are_refused(&sandbox, &[(&commands[0], 3, &says), (&commands[1], 3, &says)]);
    let outcome = sandbox.desk(&commands[0]).outcome().unwrap();
    refused(&outcome, 3, &["If this machine's clock is wrong, set it", "have the office issue a new roster"]);
    // On its last day it counts; from then on nothing is signed under it.
    let last = sandbox.today().plus(10);
    sandbox.desk(&format!("accept seat-0 {roster} --today {last}")).run().unwrap();
    let statements = format!("statements seat-0 --today {late}");
    are_refused(&sandbox, &[(&statements, 3, "expired after")]);
}

#[test]
fn a_roster_from_an_office_whose_clock_is_ahead_is_refused_with_a_word_about_the_clock() {
    let sandbox = Sandbox::new();
    let ahead = sandbox.today().plus(5);
    let roster = another(&sandbox, &format!("--today {ahead}"));
    let says = format!("{roster}: the roster is refused: the roster is not valid before {ahead}");
    let commands = ["seat-0", "courier-0"].map(|folder| format!("accept {folder} {roster}"));
    are_refused(&sandbox, &[(&commands[0], 3, &says), (&commands[1], 3, &says)]);
}

#[test]
fn a_superseded_roster_with_a_valid_signature_is_refused() {
    let sandbox = Sandbox::new();
    let rosters = sandbox.installation.files("office/rosters", ".roster").unwrap();
    let (newest, older) = rosters.split_last().unwrap();
    let old = older.last().unwrap();
    let commands = ["seat-0", "courier-0"].map(|folder| format!("accept {folder} {old}"));
    let (known, offered) = (rosters.len(), rosters.len() - 1);
    are_refused(
        &sandbox,
        &[
            (&commands[0], 3, &format!("{old}: roster {known} is known already; this one is number {offered}")),
            (&commands[1], 3, &format!("roster {offered} is superseded: roster {known} is known")),
        ],
    );
    for folder in ["seat-0", "courier-0"] {
        sandbox.desk(&format!("accept {folder} {newest}")).run().unwrap();
    }
    // The relay does not take it, either.
    let publish = ["publish", "--card", &sandbox.installation.card().unwrap(), old];
    let outcome = sandbox.installation.call("cssr-desk").args(publish).outcome().unwrap();
    refused(&outcome, 1, &["the relay says: refused statement", "Publish the newest roster"]);
}

#[test]
fn a_relay_that_serves_a_superseded_roster_gets_no_note_from_a_courier_that_knows_a_newer_one() {
    let sandbox = Sandbox::new();
    let relays = sandbox.installation.files("office/rosters", ".roster").unwrap().len();
    let roster = another(&sandbox, "--days 200");
    sandbox.desk(&format!("accept courier-0 {roster}")).run().unwrap();
    let says = format!("the relay has roster {relays}, but roster {} is known here", relays + 1);
    are_refused(&sandbox, &[("mirror courier-0 mirror-0", 3, &says)]);
    refused(
        &sandbox.desk("mirror courier-0 mirror-0").outcome().unwrap(),
        3,
        &["cssr-desk publish", "Nothing was signed."],
    );
}

#[test]
fn a_mirror_with_a_superseded_roster_does_not_bring_it_back() {
    let sandbox = Sandbox::new();
    let relays = sandbox.installation.files("office/rosters", ".roster").unwrap().len() as u64;
    let roster = another(&sandbox, "--days 200");
    sandbox.desk(&format!("accept seat-0 {roster}")).run().unwrap();
    sandbox.desk("import seat-0 mirror-0").run().unwrap();
    assert_eq!(sandbox.desk("status seat-0").json().unwrap()["roster"], relays + 1);
}

#[test]
fn a_roster_of_another_office_is_refused() {
    let sandbox = Sandbox::new();
    let other = Office::new(99, RelaySecretKey::from_bytes([9; 32]).public());
    sandbox.write("other.roster", other.roster().bytes());
    let says = "other.roster: the roster is refused: this is another office than the card's";
    let commands = ["seat-0", "courier-0"].map(|folder| format!("accept {folder} other.roster --today {TODAY}"));
    are_refused(&sandbox, &[(&commands[0], 3, says), (&commands[1], 3, says)]);
    let publish = ["publish", "--card", &sandbox.installation.card().unwrap(), "other.roster"];
    let outcome = sandbox.installation.call("cssr-desk").args(publish).outcome().unwrap();
    refused(&outcome, 2, &["other.roster: this is another office than the card's", "Nothing was published."]);
}

#[test]
fn what_is_no_roster_is_refused_by_its_name() {
    let sandbox = Sandbox::new();
    let roster = std::fs::read(sandbox.path(&sandbox.installation.newest_roster().unwrap())).unwrap();
    sandbox.write("cut.roster", &roster[..roster.len() - 1]);
    sandbox.write("noise.roster", [0xa5; 1_000]);
    sandbox.write("large.roster", vec![0; 1_000_000]);
    let mut changed = roster.clone();
    *changed.last_mut().unwrap() ^= 1;
    sandbox.write("changed.roster", changed);
    let statement = sandbox.installation.files("seat-0/outbox", ".statement").unwrap().remove(0);
    for (file, code, says) in [
        ("cut.roster", 2, "this is no roster"),
        ("noise.roster", 2, "this is no roster"),
        ("seat-1/seat.request", 2, "this is no roster"),
        (&statement, 2, "this is no roster"),
        ("changed.roster", 3, "the roster's signature does not verify"),
        ("large.roster", 1, "larger than it may be"),
        ("nowhere.roster", 1, "No such file or directory"),
        ("office", 1, "Is a directory"),
    ] {
        let command = format!("accept seat-0 {file}");
        are_refused(&sandbox, &[(&command, code, says), (&command, code, file)]);
    }
    misused(&sandbox.desk("accept seat-0").outcome().unwrap(), &["<ROSTER>"]);
}

#[test]
fn what_cannot_be_published_is_refused_by_its_name_before_anything_is() {
    let sandbox = Sandbox::new();
    sandbox.write("noise", [0xa5; 100]);
    let card = sandbox.installation.card().unwrap();
    let newest = sandbox.installation.newest_roster().unwrap();
    for file in ["noise", "nowhere", "office", "seat-0/seat.request", "seat-0/seat.key"] {
        let call = sandbox.installation.call("cssr-desk").args(["publish", "--card", &card, &newest, file]);
        refused(&call.outcome().unwrap(), 2, &[&format!("{file}: "), "Nothing was published."]);
    }
}

#[test]
fn a_seat_or_courier_that_the_roster_does_not_list_is_told_what_to_carry_where() {
    let sandbox = Sandbox::new();
    let card = sandbox.installation.card().unwrap();
    let made = ["init", "new-seat", "--card", &card, "--desk", "0", "--label", "New"];
    sandbox.installation.staff(made).run().unwrap();
    let made = ["courier", "new-courier", "--card", &card, "--desk", "0", "--seat", "2", "--label", "New"];
    sandbox.installation.staff(made).run().unwrap();
    let roster = sandbox.installation.newest_roster().unwrap();
    for (command, says) in [
        (format!("accept new-seat {roster}"), "the roster does not list this seat"),
        (format!("accept new-courier {roster}"), "the roster does not list this courier"),
        ("statements new-seat".to_owned(), "the office has not admitted this seat yet"),
        ("import new-seat mirror-0".to_owned(), "the office has not admitted this seat yet"),
        ("mirror new-courier new-mirror".to_owned(), "the office has not admitted this courier yet"),
    ] {
        let outcome = sandbox.desk(&command).outcome().unwrap();
        refused(&outcome, 2, &[says, "ccept"]);
    }
}
