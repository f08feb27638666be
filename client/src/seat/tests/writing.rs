//! Replies and receipts: whom they reach, their numbers, and the outbox.

use super::setting::Setting;
use crate::mirror::testing::{TODAY, TestSource, desk};
use crate::seat::{LetterState, Outbox, SeatError, SentSummary};
use cssr_proto::bundle::{Record, read_bundle};
use cssr_proto::letter::{OpenError, Opened, Sealed, SourceOpener};
use cssr_proto::message::{LetterName, Message};
use cssr_proto::{ClueScanner, Day, Envelope};
use rand_core::Rng as _;
use std::collections::BTreeSet;
use std::fs;

/// A source whose letter has been imported, and that letter's number.
fn one_letter(setting: &mut Setting) -> (TestSource, Sealed) {
    let source = setting.office.source();
    let letter = write_from(setting, &source);
    (source, letter)
}

fn write_from(setting: &mut Setting, source: &TestSource) -> Sealed {
    let directory = setting.directory();
    let letter = setting.office.testimony(source, "text", &directory);
    setting.office.batch(TODAY, &[&letter]);
    setting.import(TODAY);
    letter
}

/// What waits in the outbox.
fn waiting(setting: &Setting) -> Vec<Record> {
    let outbox = Outbox::open(&setting.folder.path().join("seat")).unwrap();
    let records = outbox.waiting().unwrap().into_iter().map(|path| read_bundle(&fs::read(path).unwrap()).unwrap());
    records
        .flat_map(|records| {
            assert_eq!(records.len(), 1, "each leaves in a visit of its own");
            records
        })
        .collect()
}

fn sealed(record: &Record) -> Sealed {
    let envelope = Envelope::from_slice(record.envelope.as_ref().unwrap().as_slice()).unwrap();
    Sealed { id: record.id, envelope }
}

fn open(setting: &Setting, source: &TestSource, letter: &Sealed) -> Result<Opened, OpenError> {
    let directory = setting.directory();
    let opener = SourceOpener::new(directory.roster().office(), &source.auth, &source.reply);
    opener.open(&letter.id, &letter.envelope, &directory)
}

fn reply(setting: &mut Setting, letter: u32, text: &str) -> SentSummary {
    setting.seat.reply(letter, text, TODAY, &mut setting.rng).unwrap()
}

#[test]
fn a_reply_reaches_its_source_under_its_clue_and_the_colleagues() {
    let mut setting = Setting::new();
    let (source, letter) = one_letter(&mut setting);
    let sent = reply(&mut setting, 1, "answer");
    assert_eq!((sent.number, sent.text.as_deref(), sent.listed), (1, Some("answer"), None));
    let records = waiting(&setting);
    let out = sealed(&records[0]);
    let directory = setting.directory();
    let scanner = ClueScanner::new(&source.auth, &source.contact.secret, directory.correspondents()).unwrap();
    let found = scanner.check(&out.id).unwrap();
    assert_eq!((found.desk, found.seat.get()), (desk(), 0));
    let opened = open(&setting, &source, &out).unwrap();
    assert_eq!((opened.offline, opened.directory), (false, directory.hash()));
    assert_eq!(opened.named_seats().count(), 3);
    let Message::Reply(message) = opened.message else { panic!("no reply") };
    assert_eq!((message.text.as_str(), message.day, message.number.get()), ("answer", TODAY, 1));
    assert_eq!(*message.receipts, [letter.name()]);
    assert_eq!(setting.states(), [LetterState::Answered]);
    // Nobody else opens it.
    let stranger = setting.office.source();
    assert_eq!(open(&setting, &stranger, &out).unwrap_err(), OpenError::CannotOpen);
}

#[test]
fn numbers_count_replies_and_receipts_of_each_thread_on_its_own() {
    let mut setting = Setting::new();
    let (first, _) = one_letter(&mut setting);
    one_letter(&mut setting);
    assert_eq!(reply(&mut setting, 1, "a").number, 1);
    assert_eq!(reply(&mut setting, 2, "b").number, 1);
    write_from(&mut setting, &first);
    let mut setting = setting.reopen();
    let receipts = setting.seat.receipts(TODAY, &mut setting.rng).unwrap();
    assert_eq!(receipts.iter().map(|sent| sent.number).collect::<Vec<_>>(), [2]);
    assert_eq!(reply(&mut setting, 3, "c").number, 3);
    let threads: BTreeSet<_> = setting.seat.sent().into_iter().map(|sent| (sent.thread, sent.number)).collect();
    assert_eq!(threads.len(), 4);
}

#[test]
fn receipts_name_every_letter_once_and_64_at_a_time() {
    let mut setting = Setting::new();
    let source = setting.office.source();
    let directory = setting.directory();
    let letters: Vec<Sealed> =
        (0..70).map(|n| setting.office.testimony(&source, &format!("{n}"), &directory)).collect();
    setting.office.batch(TODAY, &letters.iter().collect::<Vec<_>>());
    setting.import(TODAY);
    let sent = setting.seat.receipts(TODAY, &mut setting.rng).unwrap();
    assert_eq!(sent.iter().map(|sent| (sent.number, sent.receipts.len())).collect::<Vec<_>>(), [(1, 64), (2, 6)]);
    let named: BTreeSet<LetterName> = sent.iter().flat_map(|sent| sent.receipts.clone()).collect();
    assert_eq!(named, letters.iter().map(Sealed::name).collect());
    assert!(setting.states().iter().all(|state| *state == LetterState::Receipted));
    assert!(setting.seat.receipts(TODAY, &mut setting.rng).unwrap().is_empty());
    for record in waiting(&setting) {
        let opened = open(&setting, &source, &sealed(&record)).unwrap();
        assert!(matches!(opened.message, Message::Receipt(_)));
    }
}

#[test]
fn the_newest_contact_is_used_whichever_letter_is_answered() {
    let mut setting = Setting::new();
    let (mut source, _) = one_letter(&mut setting);
    let other = setting.office.source();
    (source.contact, source.reply) = (other.contact, other.reply);
    write_from(&mut setting, &source);
    reply(&mut setting, 1, "to the first letter");
    assert!(open(&setting, &source, &sealed(&waiting(&setting)[0])).is_ok());
}

#[test]
fn a_crash_before_the_record_uses_no_number_and_one_after_it_loses_nothing() {
    let mut setting = Setting::new();
    let (source, _) = one_letter(&mut setting);
    // Before: the record cannot be written.
    let records = setting.folder.path().join("seat/sent");
    fs::remove_dir(&records).unwrap();
    assert!(setting.seat.reply(1, "lost", TODAY, &mut setting.rng).is_err());
    assert_eq!(waiting(&setting).len(), 0);
    fs::create_dir(&records).unwrap();
    let mut setting = setting.reopen();
    assert_eq!(reply(&mut setting, 1, "first").number, 1);
    // After: the record is there, its envelope was not laid out.
    let before: Vec<Record> = waiting(&setting);
    for path in Outbox::open(&setting.seat.outbox()).unwrap().waiting().unwrap() {
        fs::remove_file(path).unwrap();
    }
    let mut setting = setting.reopen();
    assert_eq!(reply(&mut setting, 1, "second").number, 2);
    let after = waiting(&setting);
    assert_eq!(after.len(), 2);
    assert!(after.contains(&before[0]), "the same bytes under the same number");
    let mut texts: Vec<(u64, String)> = after
        .iter()
        .map(|record| match open(&setting, &source, &sealed(record)).unwrap().message {
            Message::Reply(reply) => (reply.number.get(), reply.text.as_str().to_owned()),
            _ => panic!("no reply"),
        })
        .collect();
    texts.sort();
    assert_eq!(texts, [(1, "first".to_owned()), (2, "second".to_owned())]);
}

#[test]
fn a_damaged_record_still_holds_its_number() {
    let mut setting = Setting::new();
    one_letter(&mut setting);
    reply(&mut setting, 1, "first");
    let record = fs::read_dir(setting.folder.path().join("seat/sent")).unwrap().next().unwrap().unwrap().path();
    fs::write(record, b"damaged").unwrap();
    let mut setting = setting.reopen();
    assert_eq!(reply(&mut setting, 1, "second").number, 2);
}

#[test]
fn what_was_posted_leaves_the_outbox_when_a_mirror_shows_it() {
    let mut setting = Setting::new();
    one_letter(&mut setting);
    reply(&mut setting, 1, "answer");
    let out = sealed(&waiting(&setting)[0]);
    let outbox = Outbox::open(&setting.folder.path().join("seat")).unwrap();
    assert_eq!(outbox.card().unwrap().trim(), setting.office.card().to_string());
    outbox.mark_posted(&outbox.waiting().unwrap()[0]).unwrap();
    // The relay's word is not enough to forget it, but to post it no second time.
    let mut setting = setting.reopen();
    setting.import(TODAY);
    assert!(waiting(&setting).is_empty());
    assert_eq!(setting.seat.status(TODAY).unwrap().waiting, 1);
    setting.office.batch(TODAY, &[&out]);
    let report = setting.import(TODAY);
    assert_eq!((report.own, report.opened, report.alarms), (1, 0, vec![]));
    assert_eq!(setting.seat.sent()[0].listed, Some(TODAY));
    assert_eq!(setting.seat.status(TODAY).unwrap().waiting, 0);
    let posted = setting.seat.outbox().join("posted");
    assert_eq!(fs::read_dir(posted).unwrap().count(), 0);
    let setting = setting.reopen();
    assert_eq!(setting.seat.letters().len(), 1, "the own reply is no letter that came");
    // What was sent is still known; its envelope is gone.
    assert_eq!(setting.seat.sent()[0].text.as_deref(), Some("answer"));
    assert!(setting.seat.case.sent().all(|sent| sent.envelope.is_none()));
}

#[test]
fn a_changed_copy_of_an_own_reply_confirms_nothing() {
    let mut setting = Setting::new();
    one_letter(&mut setting);
    reply(&mut setting, 1, "answer");
    let mut out = sealed(&waiting(&setting)[0]);
    let mut bytes = *out.envelope.as_bytes();
    bytes[16_000] ^= 1;
    out.envelope = Envelope::from_slice(&bytes).unwrap();
    setting.office.batch(TODAY, &[&out]);
    assert_eq!(setting.import(TODAY).own, 0);
    assert_eq!(waiting(&setting).len(), 1);
}

#[test]
fn without_a_fresh_note_a_reply_says_so_and_is_sealed_to_the_furthest_keys() {
    let mut setting = Setting::new();
    let (source, _) = one_letter(&mut setting);
    let late = TODAY.plus(4);
    setting.seat.reply(1, "late", late, &mut setting.rng).unwrap();
    let opened = open(&setting, &source, &sealed(&waiting(&setting)[0])).unwrap();
    assert!(opened.offline);
    let Message::Reply(message) = opened.message else { panic!("no reply") };
    assert_eq!(message.day, late);
}

#[test]
fn what_cannot_be_answered_is_refused_and_uses_no_number() {
    let mut setting = Setting::new();
    one_letter(&mut setting);
    let Setting { seat, rng, .. } = &mut setting;
    assert!(matches!(seat.reply(7, "x", TODAY, rng), Err(SeatError::NoLetter(7))));
    assert!(matches!(seat.reply(1, "", TODAY, rng), Err(SeatError::TextLength)));
    assert!(matches!(seat.reply(1, &"x".repeat(65_001), TODAY, rng), Err(SeatError::TextLength)));
    let incompressible: String = (0..9_000).map(|_| char::from(33 + (rng.next_u32() % 90) as u8)).collect();
    assert!(matches!(seat.reply(1, &incompressible, TODAY, rng), Err(SeatError::Seal(_))));
    assert_eq!(reply(&mut setting, 1, "x").number, 1);
}

#[test]
fn nothing_is_written_before_the_couriers_have_confirmed_the_keys() {
    let mut setting = Setting::unadmitted();
    let roster = setting.office.issue(TODAY.minus(20), |_| {});
    setting.seat.accept(roster.bytes(), TODAY, &mut setting.rng).unwrap();
    setting.office.publish_colleagues(TODAY);
    // The seat's prekey was published, its authentication key not yet: sources can write, the seat cannot answer.
    for signed in setting.seat.statements(TODAY, &mut setting.rng).unwrap() {
        if let crate::seat::SignedKey::Prekey(prekey) = signed {
            setting.office.prekeys.push(prekey);
        }
    }
    setting.office.note(TODAY);
    let directory = setting.directory();
    let auth = setting.seat.identity.auth[0].key.public();
    let mut to = directory.recipients(desk()).unwrap();
    let prekey = directory.seats_of(desk()).find_map(|view| view.prekey).unwrap();
    to.seats[0] = Some(cssr_proto::letter::SeatReader { auth, prekey });
    let source = setting.office.source();
    let letter = setting.office.testimony_to(&source, "text", TODAY, &to);
    setting.office.batch(TODAY, &[&letter]);
    assert_eq!(setting.import(TODAY).opened, 1);
    let error = setting.seat.reply(1, "x", TODAY, &mut setting.rng).unwrap_err();
    assert!(matches!(error, SeatError::NotConfirmed), "{error}");
}

#[test]
fn a_colleagues_reply_is_shown_in_the_thread_that_it_names() {
    let mut setting = Setting::new();
    let (source, letter) = one_letter(&mut setting);
    let directory = setting.directory();
    let colleague = &setting.office.colleagues[0];
    let message = cssr_proto::message::Reply {
        text: cssr_proto::message::MessageText::new("from a colleague").unwrap(),
        day: TODAY,
        number: crate::mirror::testing::number(1),
        receipts: cssr_proto::List::new(vec![letter.name()]).unwrap(),
    };
    let reply = cssr_proto::letter::seal(
        &cssr_proto::letter::Letter::Reply {
            from: cssr_proto::letter::SeatSender { number: colleague.number, auth: &colleague.auth },
            to: cssr_proto::letter::Correspondent { auth: source.auth.public(), contact: &source.contact },
            message: &message,
        },
        &directory.recipients(desk()).unwrap(),
        &mut setting.rng,
    )
    .unwrap();
    setting.office.batch(TODAY, &[&reply]);
    setting.import(TODAY);
    let letters = setting.seat.letters();
    assert_eq!(letters[0].thread, letters[1].thread);
    assert!(letters[0].thread.is_some());
    assert_eq!(letters[0].answered_by, [colleague_number(&setting)]);
    assert!(matches!(setting.seat.reply(2, "x", TODAY, &mut setting.rng), Err(SeatError::NotAnswerable(2))));
    // The letter is still this seat's to acknowledge.
    assert_eq!(letters[0].state, LetterState::New);
    let _: Day = letters[1].received;
}

fn colleague_number(setting: &Setting) -> cssr_proto::SeatNumber {
    setting.office.colleagues[0].number
}
