//! Seats without keys, seats that are gone, and their replies.

use crate::check::{keeps, refused, refused_in_part};
use crate::living::{Living, programs_say};
use cssr_proto::message::Message;
use cssr_proto::{Day, Passphrase};
use cssr_tests::honest::{Honest, relay_key};
use cssr_tests::office::{Office, SEATS, TODAY};
use cssr_tests::people::rng;
use serde_json::Value;

const TEXT: &str = "a secret for three seats";

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_without_a_live_prekey_is_named_and_the_others_still_get_the_letter() {
    let living = Living::heard_from(&[0, 2], 45).await;
    let passphrase = Passphrase::generate(&mut rng(8));
    let text = programs_say(living.send(TODAY, TEXT, &passphrase)).success().unwrap().stdout;
    assert!(text.contains("Note: seat 1 of this desk has no current key and cannot read it"), "{text}");
    let sent = programs_say(living.send(TODAY, TEXT, &passphrase).args(["--json"])).json().unwrap();
    assert_eq!(
        (&sent["sent"][0]["stored"], &sent["sent"][0]["mute_seats"]),
        (&Value::from(true), &Value::from(vec![1]))
    );
    for (seat, opened) in [(0, 2), (1, 0), (2, 2)] {
        assert_eq!(texts_for(&living, seat).await, vec![TEXT; opened], "seat {seat}");
    }
}

/// What a seat finds at the relay, covers left out.
async fn texts_for(living: &Living, seat: u8) -> Vec<String> {
    let held = living.relay.held(1).await;
    let letters = held.iter().flat_map(|(_, letters)| letters);
    let opened = letters.filter_map(|letter| living.relay.office.open(seat, &letter.id, &letter.envelope).ok());
    let texts = opened.filter_map(|opened| match opened.message {
        Message::Testimony(testimony) => Some(testimony.text.as_str().to_owned()),
        _ => None,
    });
    texts.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn to_a_desk_of_which_no_seat_has_a_key_nothing_is_sent() {
    let living = Living::heard_from(&[], 46).await;
    let outcome = programs_say(living.send(TODAY, TEXT, &Passphrase::generate(&mut rng(8))));
    refused(&outcome, 3, &["no seat", "No seat of this desk has a current key", "Nothing was sent."]);
    keeps(&outcome, TEXT);
    assert_eq!(living.letters().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_of_a_revoked_seat_is_not_shown_and_one_of_a_retired_seat_is() {
    let passphrase = Passphrase::generate(&mut rng(9));
    for (seed, retired) in [(47, true), (48, false)] {
        let mut living = Living::open(seed).await;
        living.answer_as(2, TODAY, &passphrase, "an answer of seat 2").await;
        let look = || programs_say(living.source("look", &passphrase).args(["--json"])).json().unwrap();
        assert_eq!(look()["replies"].as_array().unwrap().len(), 1);

        let mut caller = living.relay.courier(0).await;
        living.relay.office.dismiss(2, retired);
        let mut anybody = cssr_tests::caller::Caller::connect(living.relay.port).await;
        anybody.publish_newest_roster(&living.relay.office).await;
        let directory = living.relay.office.directory(TODAY);
        let head = living.relay.held(1).await.last().unwrap().0.head();
        let note = living.relay.office.note(&directory, 1, head);
        caller.publish_note(&note, &directory).await;

        let seen = programs_say(living.source("look", &passphrase).args(["--json"])).json().unwrap();
        let replies = seen["replies"].as_array().unwrap();
        assert_eq!(replies.len(), usize::from(retired), "{seen}");
        // It is not even looked for, so there is nothing to warn of.
        assert_eq!(seen["doubts"].as_array().unwrap().len(), 0, "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_replayed_after_it_has_expired_is_a_warning_and_no_reply() {
    let mut living = Living::open(49).await;
    let passphrase = Passphrase::generate(&mut rng(10));
    // Letters are kept for five days there.
    let written: Day = TODAY.minus(6);
    living.answer_as(0, written, &passphrase, "an old answer").await;
    let seen = programs_say(living.source("look", &passphrase).args(["--json"])).json().unwrap();
    assert_eq!(seen["replies"].as_array().unwrap().len(), 0, "{seen}");
    let says = format!("a reply written on {written} was shown again on {TODAY}, after it should be gone");
    assert_eq!(seen["doubts"], Value::from(vec![says.clone()]));
    let text = programs_say(living.source("look", &passphrase)).success().unwrap();
    assert!(text.stdout.contains(&format!("Warning: {says}")), "{text:?}");
    keeps(&text, "an old answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_full_is_told_from_a_letter_that_is_stored() {
    let relay = Honest::with_room_for(0, Office::heard_from(&SEATS, 50, relay_key(50).public()), relay_key(50)).await;
    relay.confirm().await;
    let living = Living::of(relay);
    let passphrase = Passphrase::generate(&mut rng(11));
    let outcome = programs_say(living.send(TODAY, TEXT, &passphrase));
    refused_in_part(&outcome, 1, &["the relay did not store the letter", "full", "send it again later"]);
    assert!(outcome.stdout.contains("NOT stored"), "{outcome:?}");
    keeps(&outcome, TEXT);
    let outcome = programs_say(living.send(TODAY, TEXT, &passphrase).args(["--json"]));
    let object = outcome.json().expect("one object, although it failed");
    assert_eq!(
        (outcome.code, &object["ok"], &object["sent"][0]["stored"]),
        (Some(1), &Value::from(false), &Value::from(false))
    );
}
