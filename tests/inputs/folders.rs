//! Folders of seats and couriers that are not what they should be.

use crate::check::{misused, refused};
use crate::setting::Sandbox;
use std::fs::{self, File};

/// Files of seat 0 that another seat, or nobody, has made, and what is said of each.
#[test]
fn a_file_of_another_seat_or_a_damaged_one_is_refused_and_stays_as_it_is() {
    for (from, to, says) in [
        ("seat-1/seat.key", "seat-0/seat.key", "a file of the seat's folder is damaged (identity)"),
        ("courier-0/courier.key", "seat-0/seat.key", "not a key file of the kind that is needed here"),
        ("office/root-1.key", "seat-0/seat.key", "not a key file of the kind that is needed here"),
        ("testimony.txt", "seat-0/seat.key", "not a key file of the kind that is needed here"),
        ("seat-1/identity.sealed", "seat-0/identity.sealed", "a file of the seat's folder is damaged (identity)"),
        ("seat-0/chain.sealed", "seat-0/knowledge.sealed", "a file of the seat's folder is damaged (knowledge)"),
        ("testimony.txt", "seat-0/chain.sealed", "a file of the seat's folder is damaged (chain)"),
    ] {
        let sandbox = Sandbox::new();
        fs::copy(sandbox.path(from), sandbox.path(to)).unwrap();
        let before = sandbox.snapshot("seat-0");
        for command in ["list seat-0", "import seat-0 mirror-0"] {
            refused(&sandbox.desk(command).outcome().unwrap(), 1, &["seat-0: ", says, "a copy"]);
        }
        assert_eq!(sandbox.snapshot("seat-0"), before);
    }
}

#[test]
fn a_letter_whose_file_is_damaged_is_counted_and_the_others_stay_readable() {
    let sandbox = Sandbox::new();
    let letter = fs::read_dir(sandbox.path("seat-0/letters")).unwrap().next().unwrap().unwrap().path();
    let bytes = fs::read(&letter).unwrap();
    fs::write(&letter, &bytes[..bytes.len() / 2]).unwrap();
    let status = sandbox.desk("status seat-0").json().unwrap();
    assert_eq!(status["damaged"], 1, "{status}");
    assert!(sandbox.desk("list seat-0").run().is_ok());
    assert!(sandbox.desk("status seat-0").run().unwrap().stdout.contains("1 files cannot be read."));
}

#[test]
fn a_folder_that_holds_no_seat_or_courier_is_named() {
    let sandbox = Sandbox::new();
    let before = sandbox.snapshot(".");
    for (command, code, says) in [
        ("list nowhere", 2, "nowhere: there is no seat in this folder"),
        ("list courier-0", 2, "courier-0: there is no seat in this folder"),
        ("status office", 2, "office: there is no seat in this folder"),
        ("list testimony.txt", 1, "testimony.txt: the seat's folder cannot be read or written"),
        ("mirror seat-0 mirror-0", 2, "seat-0: there is no courier in this folder"),
        ("post nowhere --now", 2, "nowhere: there is no outbox in this folder"),
        ("post mirror-0 --now", 2, "mirror-0: there is no outbox in this folder"),
    ] {
        refused(&sandbox.desk(command).outcome().unwrap(), code, &[says]);
    }
    assert_eq!(sandbox.snapshot("."), before);
}

#[test]
fn a_seat_or_courier_is_never_made_over_another() {
    let sandbox = Sandbox::new();
    let card = sandbox.installation.card().unwrap();
    let before = sandbox.snapshot(".");
    for (command, says) in [
        ("init seat-0 --desk 0 --label X", "seat-0: there is a seat in this folder already"),
        ("courier courier-0 --desk 0 --seat 0 --label X", "courier-0: there is a courier in this folder already"),
    ] {
        refused(
            &sandbox.desk(command).args(["--card", &card]).outcome().unwrap(),
            2,
            &[says, "Choose another folder."],
        );
    }
    for options in ["--desk 16 --label X", "--desk 0", "--label X", "--desk 0 --label "] {
        let call = sandbox.desk("init new --card").args([&card]).args(options.split(' '));
        misused(&call.outcome().unwrap(), &[]);
    }
    assert_eq!(sandbox.snapshot("."), before);
}

#[test]
fn a_folder_that_another_program_uses_is_left_alone() {
    let sandbox = Sandbox::new();
    for (folder, command) in [("seat-0", "list seat-0"), ("courier-0", "mirror courier-0 mirror-0")] {
        let lock = File::options().append(true).open(sandbox.path(folder).join("lock")).unwrap();
        lock.lock().unwrap();
        let before = sandbox.snapshot(folder);
        let says = [&*format!("{folder}: another program is using this"), "Wait until the other program is done."];
        refused(&sandbox.desk(command).outcome().unwrap(), 3, &says);
        assert_eq!(sandbox.snapshot(folder), before);
        lock.unlock().unwrap();
        sandbox.desk(command).run().unwrap();
    }
}
