//! Dates: notes that are too old, and clocks that are days off.

use crate::check::{keeps, refused};
use crate::living::{Living, programs_say};
use crate::setting::Sandbox;
use cssr_proto::Passphrase;
use cssr_tests::honest::{Honest, relay_key};
use cssr_tests::office::{Office, TODAY};
use cssr_tests::people::rng;

const TEXT: &str = "a secret that stays here";

/// Four days is one more than notes count.
#[tokio::test(flavor = "multi_thread")]
async fn on_an_old_note_nothing_is_sent_and_both_dates_are_shown() {
    let relay = Honest::serve(Office::new(42, relay_key(42).public()), relay_key(42)).await;
    let old = TODAY.minus(4);
    relay.confirm_on(old, 0).await;
    let living = Living::of(relay);
    let passphrase = Passphrase::generate(&mut rng(6));
    let send = || living.send(TODAY, TEXT, &passphrase);

    let asked = programs_say(send());
    let (device, note) = (TODAY.to_string(), old.to_string());
    refused(&asked, 3, &[&device, &note, "which is right?", "--date device", "Nothing was sent."]);
    keeps(&asked, TEXT);
    let decided = programs_say(send().args(["--date", "device"]));
    let since = format!("the office has not confirmed its keys since {note}");
    refused(&decided, 3, &[&since, "Somebody may be hiding newer keys", "Nothing was sent."]);
    // Who believes the old note is contradicted by the relay.
    let decided = programs_say(send().args(["--date", &note]));
    refused(&decided, 3, &["the relay says that today is", "Nothing was sent."]);
    assert_eq!(living.letters().await, 0);

    living.relay.confirm_on(TODAY, 1).await;
    assert_eq!(programs_say(send()).code, Some(0));
    assert_ne!(living.letters().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_is_not_too_old_still_counts() {
    let relay = Honest::serve(Office::new(43, relay_key(43).public()), relay_key(43)).await;
    relay.confirm_on(TODAY.minus(2), 0).await;
    let sent = programs_say(Living::of(relay).send(TODAY, TEXT, &Passphrase::generate(&mut rng(6))));
    assert_eq!(sent.code, Some(0), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_clock_is_days_off_asks_and_sends_once_it_is_told_the_date() {
    let living = Living::open(44).await;
    let passphrase = Passphrase::generate(&mut rng(7));
    for (device, believed) in
        [(TODAY.plus(4), "has not confirmed its keys since"), (TODAY.minus(4), "a day that has not come yet")]
    {
        let send = || living.send(device, TEXT, &passphrase);
        let before = living.letters().await;
        let asked = programs_say(send());
        refused(&asked, 3, &[&device.to_string(), &TODAY.to_string(), "which is right?", "Nothing was sent."]);
        refused(&programs_say(send().args(["--date", "device"])), 3, &[believed, "Nothing was sent."]);
        // Another date than the one that was shown is no answer.
        let other = TODAY.plus(1).to_string();
        refused(&programs_say(send().args(["--date", &other])), 3, &["which is right?"]);
        assert_eq!(living.letters().await, before);
        let sent = programs_say(send().args(["--date", &TODAY.to_string(), "--json"])).json().unwrap();
        assert_eq!(sent["sent"][0]["stored"], true, "{sent}");
        assert!(living.letters().await > before);
    }
}

#[test]
fn a_courier_whose_clock_is_days_off_signs_nothing() {
    let sandbox = Sandbox::new();
    let today = sandbox.today();
    let before = ["courier-0", "mirror-0"].map(|folder| sandbox.snapshot(folder));
    for device in [today.plus(5), today.minus(5)] {
        let outcome = sandbox.desk(&format!("mirror courier-0 mirror-0 --today {device}")).outcome().unwrap();
        let says = [&format!("this machine says that it is {device}"), "Look at a calendar", "Nothing was signed."];
        refused(&outcome, 3, &says);
    }
    assert_eq!(["courier-0", "mirror-0"].map(|folder| sandbox.snapshot(folder)), before);
}

#[test]
fn a_seat_whose_clock_is_days_off_reads_its_letters_and_keeps_its_keys() {
    let sandbox = Sandbox::new();
    let today = sandbox.today();
    for (seat, device, alarms) in [("seat-1", today.plus(5), 0), ("seat-2", today.minus(5), 1)] {
        let keys = sandbox.snapshot(&format!("{seat}/prekeys"));
        let report = sandbox.desk(&format!("import {seat} mirror-0 --today {device}")).json().unwrap();
        assert_eq!(report["opened"], 1, "{report}");
        assert_eq!(report["alarms"].as_array().unwrap().len(), alarms, "{report}");
        assert_eq!(report["erased"].as_array().unwrap().len(), 0, "{report}");
        let erased = sandbox.desk(&format!("erase {seat} --today {device}")).json().unwrap();
        assert_eq!(erased["erased"].as_array().unwrap().len(), 0, "{erased}");
        assert_eq!(sandbox.snapshot(&format!("{seat}/prekeys")), keys);
        if alarms > 0 {
            let text = sandbox.desk(&format!("status {seat} --today {device}")).run().unwrap().stdout;
            assert!(text.contains(&format!("ALARM: this machine says that it is {device}")), "{text}");
        }
    }
}

#[test]
fn an_office_whose_clock_is_behind_its_last_roster_signs_nothing() {
    let sandbox = Sandbox::new();
    let before = sandbox.snapshot("office");
    let behind = sandbox.today().minus(5);
    let outcome = sandbox.office(&format!("renew office --today {behind}")).outcome().unwrap();
    refused(&outcome, 3, &[&format!("the clock shows {behind}, but roster"), "Set the clock of this machine."]);
    assert_eq!(sandbox.snapshot("office"), before);
}
