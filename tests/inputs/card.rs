//! Cards.

use crate::check::{misused, refused};
use crate::setting::Sandbox;

/// The same card with one character changed, at the first place and at the last.
fn mistyped(card: &str) -> [String; 2] {
    let last = card.find('@').unwrap() - 1;
    ["cssr:".len(), last].map(|at| {
        let other = if &card[at..=at] == "Q" { "P" } else { "Q" };
        format!("{}{other}{}", &card[..at], &card[at + 1..])
    })
}

#[test]
fn a_card_with_a_typo_is_refused_by_its_checksum() {
    let sandbox = Sandbox::new();
    for card in mistyped(&sandbox.installation.card().unwrap()) {
        let says = ["a character of the card is mistyped: its checksum does not fit"];
        for command in ["look", "send --desk 0 testimony.txt", "directory --out new"] {
            let mut arguments = command.split(' ');
            let call =
                sandbox.installation.call("cssr-source").args([arguments.next().unwrap(), &card]).args(arguments);
            refused(&call.outcome().unwrap(), 2, &says);
        }
        for command in
            ["init new --desk 0 --label X", "courier new --desk 0 --seat 0 --label X", "publish seat-0/seat.request"]
        {
            misused(&sandbox.desk(command).args(["--card", &card]).outcome().unwrap(), &["--card", says[0]]);
        }
        let restore = ["restore", "new", "--card", &card, "office/rosters/0000000001.roster"];
        refused(&sandbox.installation.office(restore).outcome().unwrap(), 2, &says);
        assert!(!sandbox.path("new").exists());
    }
}

#[test]
fn what_is_no_card_is_told_by_what_is_wrong_with_it() {
    let sandbox = Sandbox::new();
    let card = sandbox.installation.card().unwrap();
    let (code, addresses) = card.split_once('@').unwrap();
    for (card, says) in [
        (String::new(), "cssr:"),
        ("testimony.txt".to_owned(), "cssr:"),
        (code.to_owned(), "@"),
        (format!("{code}@"), "address"),
        (format!("{}@{addresses}", &code[..code.len() - 1]), "31 characters"),
        (format!("{code}Q@{addresses}"), "33 characters"),
        (format!("{}O@{addresses}", &code[..code.len() - 1]), "letters A to Z without B, I and O"),
        (format!("{code}@http://relay.example.org"), "ws:// or wss://"),
    ] {
        let outcome = sandbox.installation.call("cssr-source").args(["look", &card]).outcome().unwrap();
        refused(&outcome, 2, &[says, "Compare the card"]);
    }
}

#[test]
fn a_card_of_another_office_is_told_from_the_first_answer() {
    let sandbox = Sandbox::new();
    let other = ["init", "other", "--relay", "relay.identity", "--name", "Another office"];
    sandbox.installation.office(other).run().unwrap();
    let card = std::fs::read_to_string(sandbox.path("other/card.txt")).unwrap();
    let call = |command: &'static str| sandbox.installation.call("cssr-source").args([command, card.trim()]);
    let send = call("send").args(["--desk", "0", "testimony.txt"]).passphrase(&crate::setting::shared().passphrase);
    for call in [send, call("directory").args(["--out", "new"])] {
        let says = ["this is another office than the card's", "compare the card", "Nothing was sent."];
        refused(&call.outcome().unwrap(), 3, &says);
    }
    assert!(!sandbox.path("new").exists());
}

#[test]
fn an_address_where_no_relay_is_says_that_nothing_is_lost() {
    let sandbox = Sandbox::new();
    let nowhere = ["--attempts", "1", "--relay", "ws://127.0.0.1:1"];
    refused(
        &sandbox.source("look").args(nowhere).outcome().unwrap(),
        1,
        &["could not be reached", "Check the connection"],
    );
    let mirror = sandbox.desk("mirror courier-0 mirror-0").args(["--relay", "ws://127.0.0.1:1"]);
    refused(&mirror.outcome().unwrap(), 1, &["could not be reached", "Check the connection"]);
}

#[test]
fn options_of_the_connection_are_refused_by_name() {
    let sandbox = Sandbox::new();
    sandbox.write("no.pem", "x");
    for (options, says) in [
        ("--relay http://relay.example.org", "--relay"),
        ("--proxy tor", "--proxy must be HOST:PORT"),
        ("--ca nowhere.pem", "--ca"),
        ("--ca no.pem", "--ca"),
        ("--date yesterday", "--date"),
    ] {
        let call = sandbox.source("look").args(options.split(' '));
        refused(&call.outcome().unwrap(), 2, &[says, "Nothing was sent."]);
    }
    for options in ["--timeout 0", "--attempts none", "--today tomorrow", "--no-isolation"] {
        misused(&sandbox.source("look").args(options.split(' ')).outcome().unwrap(), &[]);
    }
}
