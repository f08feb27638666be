//! Every command of `cssr-desk` on good input, as a person sees it: `cargo xtask try` calls most of them, with `--json`.

use crate::check::refused;
use crate::setting::Sandbox;
use cssr_installation::{Call, Source};

/// What a call prints. Nothing else is said.
fn prints(call: Call) -> String {
    let outcome = call.run().unwrap();
    assert_eq!(outcome.stderr, "", "{}", outcome.command);
    outcome.stdout
}

fn has(text: &str, words: &[&str]) {
    words.iter().for_each(|word| assert!(text.contains(word), "{word:?} is missing in {text}"));
}

#[test]
fn a_seat_is_made_admitted_published_and_confirmed() {
    let sandbox = Sandbox::new();
    let card = sandbox.installation.card().unwrap();
    let made = prints(sandbox.desk("init new-seat --desk 0 --label New").args(["--card", &card]));
    has(&made, &["Carry new-seat/seat.request", "within 30 days", "read this key to you"]);
    let made = prints(sandbox.desk("courier new-courier --desk 0 --seat 3 --label New").args(["--card", &card]));
    has(&made, &["Carry new-courier/courier.request"]);
    let request = "admit office new-seat/seat.request new-courier/courier.request";
    refused(&sandbox.office(request).outcome().unwrap(), 3, &["nobody has confirmed", "--compared after comparing"]);
    let admitted = sandbox.office(&format!("{request} --compared")).run().unwrap();
    has(&admitted.stdout, &["New"]);

    let roster = sandbox.installation.newest_roster().unwrap();
    has(
        &prints(sandbox.desk(&format!("accept new-seat {roster}"))),
        &["This is seat 3 of desk 0 of Office", "Roster 6"],
    );
    has(&prints(sandbox.desk(&format!("accept new-courier {roster}"))), &["This is courier 2 of Office", "Roster 6"]);
    has(&prints(sandbox.desk("statements new-seat")), &["10 statements in new-seat/outbox.", "`cssr-desk publish`"]);
    let again = sandbox.desk("statements new-seat").json().unwrap();
    assert_eq!(again["statements"], 10, "the same as before");
    has(&prints(sandbox.desk("status new-seat")), &["Seat 3 of desk 0.", "No note was imported yet.", "9 prekeys"]);
    // Its roster stays in this sandbox; what the relay has already is taken again.
    let files = sandbox.installation.files("seat-0/outbox", ".statement").unwrap();
    let publish = sandbox.installation.call("cssr-desk").args(["publish", "--card", &card]).args(files);
    has(&prints(publish), &["10 statements are at the relay."]);
}

#[test]
fn letters_are_listed_shown_acknowledged_and_answered() {
    let sandbox = Sandbox::new();
    let installation = &sandbox.installation;
    let source = installation.source("kmr").unwrap();
    let text = "Ez dixwazim tiştekî bibêjim.";
    sandbox.write("own.txt", text);
    let sent = source.send("own.txt".as_ref()).unwrap();
    let name = sent["sent"][0]["letter"].as_str().unwrap().to_owned();
    let letter = arrive(&sandbox, &name);

    let listed = prints(sandbox.desk("list seat-1 --language kmr"));
    has(&listed, &[&name, "from a source", "new"]);
    let shown = prints(sandbox.desk(&format!("show seat-1 {letter} --language kmr")));
    has(&shown, &[&format!("Letter {letter} ({name}), from a source"), "State:    new", "Readers:  0, 1, 2", text]);

    let acknowledged = prints(sandbox.desk("receipts seat-1"));
    has(&acknowledged, &["Receipt number 1 to ", "Waiting in seat-1/outbox."]);
    has(&prints(sandbox.desk("receipts seat-1")), &["Nothing to acknowledge."]);
    sandbox.write("staff.words", cssr_installation::STAFF_PASSPHRASE);
    let reply = format!("cssr-desk reply seat-1 {letter} --passphrase-fd 3 3<staff.words");
    has(&prints(sandbox.shell(&reply).stdin("Me xwend.")), &["Reply number 2 to ", "Waiting in seat-1/outbox."]);
    has(&prints(sandbox.desk("list seat-1")), &["answered"]);
    has(
        &prints(sandbox.desk(&format!("show seat-1 {letter}"))),
        &["number 2", "not yet seen at the relay", "Me xwend."],
    );
    has(&prints(sandbox.desk("status seat-1")), &["1 answered", "waiting to be seen at the relay"]);

    let post = installation.call("cssr-desk").args(["post", "seat-1", "--now"]);
    has(&prints(post), &[" posted, 0 left."]);
    reads(&source, &name);
    // A mirror shows that they are at the relay; nothing waits any more.
    installation.courier(0).mirror().unwrap();
    let imported = prints(sandbox.desk("import seat-1 mirror-0"));
    has(&imported, &["replies or receipts of this seat are at the relay."]);
    assert_eq!(sandbox.desk("status seat-1").json().unwrap()["waiting"], 0);
    has(&prints(sandbox.desk(&format!("show seat-1 {letter}"))), &["at the relay since"]);
}

#[test]
fn letters_to_which_something_was_done_are_new_no_more() {
    let sandbox = Sandbox::new();
    has(&prints(sandbox.desk("list seat-0 --new")), &["from a source"]);
    has(&prints(sandbox.desk("receipts seat-0")), &["Receipt number 1 to "]);
    has(&prints(sandbox.desk("list seat-0 --new")), &["No letters."]);
    has(&prints(sandbox.desk("list seat-0")), &["receipted"]);
    has(&prints(sandbox.desk("status seat-0")), &["0 new, 1 receipted, 0 answered, 0 quarantined; 1 waiting"]);
}

/// Mirrors and imports until seat 1 has the letter with this name; gives its number.
fn arrive(sandbox: &Sandbox, name: &str) -> u64 {
    let (seat, courier) = (sandbox.installation.seat(1), sandbox.installation.courier(0));
    for held in 1.. {
        seat.import_until(courier, held).unwrap();
        let letters = seat.call("list").args(["--language", "kmr"]).json().unwrap();
        let letters = letters["letters"].as_array().unwrap();
        if let Some(letter) = letters.iter().find(|letter| letter["name"] == name) {
            return letter["letter"].as_u64().unwrap();
        }
    }
    unreachable!()
}

/// The source finds the reply and the receipt that names its letter.
fn reads(source: &Source<'_>, name: &str) {
    source.look_until(2).unwrap();
    let text = source.call("look").unwrap().run().unwrap().stdout;
    has(&text, &["Me xwend.", &format!("opened: {name}"), "number 1", "number 2"]);
}

#[test]
fn a_notice_that_two_couriers_give_reaches_the_sources() {
    let sandbox = Sandbox::new();
    let notice = "The office is closed on Friday.";
    let mirror = |n: u8| sandbox.desk(&format!("mirror courier-{n} mirror-{n}")).args(["--notice", notice]);
    has(&prints(mirror(0)), &[" letters and 0 chunks, through batch "]);
    let second = prints(mirror(1));
    assert!(["is valid", "says it all"].iter().any(|said| second.contains(said)), "{second}");
    let look = sandbox.source("look").run().unwrap().stdout;
    has(&look, &[&format!("Notice of the office: {notice}"), "desk 0: Protection", "The office confirmed its keys on"]);
}

#[test]
fn a_watch_goes_on_mirroring_until_it_is_stopped() {
    let sandbox = Sandbox::new();
    sandbox.write("staff.words", cssr_installation::STAFF_PASSPHRASE);
    // There before the shell looks into it, whichever of its two processes is first.
    sandbox.write("said", "");
    let script = "cssr-desk mirror courier-0 mirror-0 --watch --every 1 --json --passphrase-fd 3 3<staff.words >said &
        while kill -0 $! && [ \"$(grep -c '\"ok\":true' said)\" -lt 2 ]; do sleep 0.1; done
        kill $! && cat said";
    let said = sandbox.shell(script).run().unwrap();
    assert!(said.stdout.lines().count() >= 2, "{said:?}");
}

#[test]
fn erasing_takes_the_keys_whose_time_is_over_and_no_others() {
    let sandbox = Sandbox::new();
    has(&prints(sandbox.desk("erase seat-2")), &["Nothing to erase."]);
    let keys = || sandbox.snapshot("seat-2/prekeys").len();
    assert_eq!(keys(), 9);
    // A hundred days later the weeks are over that ended more than 60 days before.
    let later = sandbox.today().plus(100);
    has(&prints(sandbox.desk(&format!("erase seat-2 --today {later}"))), &["Erased the prekey of the week from "]);
    assert!((1..9).contains(&keys()), "{}", keys());
    has(&prints(sandbox.desk("status seat-2")), &[&format!("{} prekeys", keys())]);
}
