//! Files that go from hand to hand: bundles, outboxes, and directories for sealing without a connection.

use crate::check::{keeps, refused};
use crate::setting::{Sandbox, TESTIMONY, shared};
use std::fs;

/// Fetches the office's keys and seals the testimony with them: `keys` and `letter.cssr`.
fn sealed(sandbox: &Sandbox) {
    let card = sandbox.installation.card().unwrap();
    sandbox.installation.call("cssr-source").args(["directory", &card, "--out", "keys"]).run().unwrap();
    let seal = "--desk 0 testimony.txt --directory keys --out letter.cssr";
    sandbox.source("seal").args(seal.split(' ')).run().unwrap();
}

#[test]
fn a_damaged_bundle_is_refused_by_its_name_before_anything_connects() {
    let sandbox = Sandbox::new();
    sealed(&sandbox);
    let bundle = fs::read(sandbox.path("letter.cssr")).unwrap();
    sandbox.write("cut.cssr", &bundle[..bundle.len() - 1]);
    sandbox.write("empty.cssr", "");
    sandbox.write("no-letter.cssr", &bundle[..14]);
    sandbox.write("large.cssr", vec![0; 5_000_000]);
    let card = sandbox.installation.card().unwrap();
    for (file, code, says) in [
        ("cut.cssr", 2, "record 1 is cut off"),
        ("empty.cssr", 2, "not a bundle"),
        ("no-letter.cssr", 2, "there is no letter in this bundle"),
        ("keys", 2, "not a bundle"),
        ("testimony.txt", 2, "not a bundle"),
        ("large.cssr", 1, "larger than it may be"),
        ("nowhere.cssr", 1, "No such file or directory"),
        ("office", 1, "Is a directory"),
    ] {
        let post = ["post", &card, file, "--attempts", "1", "--relay", "ws://127.0.0.1:1"];
        refused(&sandbox.installation.call("cssr-source").args(post).outcome().unwrap(), code, &[file, says]);
    }
    let posted = sandbox.installation.call("cssr-source").args(["post", &card, "letter.cssr"]).json();
    assert_eq!(posted.unwrap()["sent"][0]["stored"], true);
}

#[test]
fn a_file_of_keys_that_is_damaged_or_of_another_office_seals_nothing() {
    let sandbox = Sandbox::new();
    sealed(&sandbox);
    let keys = fs::read(sandbox.path("keys")).unwrap();
    fs::remove_file(sandbox.path("letter.cssr")).unwrap();
    sandbox.write("cut", &keys[..keys.len() - 1]);
    let mut changed = keys.clone();
    changed[keys.len() / 2] ^= 1;
    sandbox.write("changed", changed);
    let other = ["init", "other", "--relay", "relay.identity", "--name", "Another office"];
    sandbox.installation.office(other).run().unwrap();
    let other = fs::read_to_string(sandbox.path("other/card.txt")).unwrap();
    let card = sandbox.installation.card().unwrap();
    for (card, file, code, says) in [
        (&*card, "cut", 2, "malformed directory file"),
        (&card, "testimony.txt", 2, "malformed directory file"),
        (&card, "changed", 3, "the relay's"),
        (&card, "nowhere", 1, "No such file or directory"),
        (&card, "office", 1, "Is a directory"),
        (other.trim(), "keys", 3, "another office"),
    ] {
        let seal = ["seal", card, "--desk", "0", "testimony.txt", "--directory", file, "--out", "letter.cssr"];
        let call = sandbox.installation.call("cssr-source").args(seal).passphrase(&shared().passphrase);
        let outcome = call.outcome().unwrap();
        refused(&outcome, code, &[&format!("{file}: "), says, "Nothing was sealed."]);
        keeps(&outcome, TESTIMONY);
    }
    assert!(!sandbox.path("letter.cssr").exists());
}

#[test]
fn a_place_where_no_file_can_be_written_is_named() {
    let sandbox = Sandbox::new();
    sealed(&sandbox);
    for place in ["office", "nowhere/letter.cssr"] {
        let seal = format!("--desk 0 testimony.txt --directory keys --out {place}");
        let directory = format!("--out {place}");
        let card = sandbox.installation.card().unwrap();
        let fetch = sandbox.installation.call("cssr-source").args(["directory", &card]).args(directory.split(' '));
        for call in [sandbox.source("seal").args(seal.split(' ')), fetch] {
            refused(&call.outcome().unwrap(), 1, &[&format!("{place}: "), "Nothing was written.", "another place"]);
        }
    }
}

#[test]
fn a_damaged_file_in_an_outbox_is_named_and_never_put_aside_as_posted() {
    let sandbox = Sandbox::new();
    let reply = format!("reply seat-0 {} testimony.txt", shared().letter);
    sandbox.desk(&reply).run().unwrap();
    let file = sandbox.installation.files("seat-0/outbox", ".cssr").unwrap().remove(0);
    let good = fs::read(sandbox.path(&file)).unwrap();
    for (damaged, says) in [(&good[..100], "record 1 is cut off"), (&good[..14], "there is no letter in this bundle")] {
        fs::write(sandbox.path(&file), damaged).unwrap();
        let outcome = sandbox.installation.call("cssr-desk").args(["post", "seat-0", "--now"]).outcome().unwrap();
        refused(&outcome, 1, &[&file, says, "Remove the file"]);
        assert!(sandbox.path(&file).exists());
    }
    // As the help says.
    fs::remove_file(sandbox.path(&file)).unwrap();
    sandbox.desk("import seat-0 mirror-0").run().unwrap();
    assert_eq!(fs::read(sandbox.path(&file)).unwrap(), good);
    let posted = sandbox.installation.call("cssr-desk").args(["post", "seat-0", "--now"]).json().unwrap();
    assert_eq!((&posted["posted"], &posted["left"]), (&1.into(), &0.into()));
}

#[test]
fn an_outbox_with_a_damaged_card_is_named() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("seat-0/outbox/card.txt"), "cssr:nonsense").unwrap();
    let outcome = sandbox.installation.call("cssr-desk").args(["post", "seat-0", "--now"]).outcome().unwrap();
    refused(&outcome, 1, &["seat-0: ", "card.txt is damaged"]);
}
