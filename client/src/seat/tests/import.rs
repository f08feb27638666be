//! What an import makes of letters, whole and broken, and of files that somebody tampered with.

use super::setting::{Setting, seat_number};
use crate::mirror::DamageKind;
use crate::mirror::testing::{TODAY, TestOffice, batch_after, desk, number, write_batch};
use crate::seat::{Alarm, From, LetterState, QuarantineReason};
use chacha20::ChaCha20Rng;
use cssr_proto::keys::{SeatAuthKey, SourceAuthKey};
use cssr_proto::letter::{Letter, Recipients, Sealed, SeatSender, seal};
use cssr_proto::message::{Message, TeamEvent};
use cssr_proto::{Bytes, Envelope, EnvelopeId, OfficeId, SeatKey};
use rand_core::SeedableRng as _;
use std::fs;

/// A testimony to the desk as the directory says.
fn letter(setting: &mut Setting, text: &str) -> Sealed {
    let source = setting.office.source();
    let directory = setting.directory();
    setting.office.testimony(&source, text, &directory)
}

/// A testimony to recipients that the test has changed.
fn strange(setting: &mut Setting, change: impl FnOnce(&mut Recipients<'_>)) -> Sealed {
    let source = setting.office.source();
    let directory = setting.directory();
    let mut to = directory.recipients(desk()).unwrap();
    change(&mut to);
    setting.office.testimony_to(&source, "strange", TODAY, &to)
}

fn text_of(setting: &Setting, number: u32) -> Option<String> {
    match setting.seat.letter(number).unwrap().1 {
        Some(Message::Testimony(testimony)) => Some(testimony.text.as_str().to_owned()),
        _ => None,
    }
}

#[test]
fn a_letter_is_opened_stored_and_shown() {
    let mut setting = Setting::new();
    let letter = letter(&mut setting, "وصلتنا رسالتكم");
    setting.office.batch(TODAY, &[&letter]);
    let report = setting.import(TODAY);
    assert_eq!((report.opened, report.known, report.not_opened), (1, 0, 0));
    assert_eq!((report.alarms, report.refused), (vec![], vec![]));
    let setting = setting.reopen();
    let summary = setting.only_letter();
    assert_eq!(summary.state, LetterState::New);
    assert_eq!((summary.from, summary.received, summary.name), (From::Source, TODAY, letter.name()));
    assert_eq!(summary.readers, [seat_number(0), seat_number(1), seat_number(2)]);
    assert_eq!(summary.echo, None);
    assert_eq!(text_of(&setting, summary.number).as_deref(), Some("وصلتنا رسالتكم"));
}

#[test]
fn no_plaintext_and_no_envelope_id_lies_in_the_folder() {
    let mut setting = Setting::new();
    let letter = letter(&mut setting, "a very recognisable sentence");
    setting.office.batch(TODAY, &[&letter]);
    setting.import(TODAY);
    let hex: String = letter.id.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut folders = vec![setting.folder.path().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            assert!(!entry.file_name().to_string_lossy().contains(&hex));
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                let content = fs::read(entry.path()).unwrap();
                let holds = |needle: &[u8]| content.windows(needle.len()).any(|window| window == needle);
                assert!(!holds(b"recognisable") && !holds(letter.id.as_bytes()), "{}", entry.path().display());
            }
        }
    }
}

#[test]
fn covers_and_letters_for_others_are_counted_and_dropped() {
    let mut setting = Setting::new();
    let directory = setting.directory();
    let cover = setting.office.cover(&directory);
    // For the colleagues only, which looks like another desk's from here.
    let others = strange(&mut setting, |to| to.seats[0] = None);
    let good = letter(&mut setting, "good");
    setting.office.batch(TODAY, &[&cover, &others, &good]);
    let report = setting.import(TODAY);
    assert_eq!((report.covers, report.not_opened, report.opened), (1, 1, 1));
    let setting = setting.reopen();
    assert_eq!(setting.seat.letters().len(), 1);
    assert_eq!(fs::read_dir(setting.folder.path().join("seat/letters")).unwrap().count(), 1);
}

#[test]
fn a_letter_that_comes_again_is_recognised() {
    let mut setting = Setting::new();
    let good = letter(&mut setting, "good");
    let directory = setting.directory();
    let cover = setting.office.cover(&directory);
    setting.office.batch(TODAY, &[&good, &cover]);
    setting.import(TODAY);
    // The same mirror, and the same letter listed again weeks later, in a batch of its own.
    let report = setting.import(TODAY);
    assert_eq!((report.known, report.opened, report.covers), (2, 0, 0));
    let later = TODAY.plus(20);
    setting.office.batch(later, &[&good]);
    setting.publish(later);
    setting.office.note(later);
    let mut setting = setting.reopen();
    let report = setting.import(later);
    assert_eq!((report.known, report.opened), (3, 0));
    assert_eq!(setting.only_letter().received, TODAY);
}

#[test]
fn the_first_place_in_the_index_counts_even_if_it_is_imported_last() {
    let mut setting = Setting::new();
    let good = letter(&mut setting, "good");
    setting.office.batch(TODAY, &[&good]);
    let later = TODAY.plus(2);
    let filler = letter(&mut setting, "filler");
    setting.office.batch(later, &[&good, &filler]);
    let folder = tempfile::tempdir().unwrap();
    let mirror = setting.office.write_office(folder.path());
    let (batch, records) = &setting.office.batches[1];
    write_batch(&mirror, batch, records);
    setting.import_mirror(&mirror, later);
    let received = |setting: &Setting| {
        let letters = setting.seat.letters();
        letters.iter().find(|letter| letter.name == good.name()).unwrap().received
    };
    assert_eq!(received(&setting), later);
    setting.import(later);
    assert_eq!(received(&setting), TODAY);
    assert_eq!(received(&setting.reopen()), TODAY);
}

#[test]
fn a_forged_envelope_under_a_real_id_does_not_keep_the_real_one_out() {
    let mut setting = Setting::new();
    let good = letter(&mut setting, "good");
    let mut changed = good.clone();
    let mut bytes = *good.envelope.as_bytes();
    bytes[10_000] ^= 1;
    changed.envelope = Envelope::from_slice(&bytes).unwrap();
    setting.office.batch(TODAY, &[&changed]);
    assert_eq!(setting.import(TODAY).not_opened, 1);
    setting.office.batches.clear();
    setting.office.batch(TODAY, &[&good]);
    assert_eq!(setting.import(TODAY).opened, 1);
}

/// Two testimonies under one id, of one source or of two.
fn under_one_id(setting: &mut Setting, texts: [&str; 2], of_two: bool) -> [Sealed; 2] {
    let sources = [setting.office.source(), setting.office.source()];
    let directory = setting.directory();
    let mut source = sources.iter().cycle();
    let letters = texts.map(|text| {
        // The id is drawn first.
        setting.office.rng = ChaCha20Rng::from_seed([42; 32]);
        setting.office.testimony(if of_two { source.next().unwrap() } else { &sources[0] }, text, &directory)
    });
    assert_eq!(letters[0].id, letters[1].id);
    letters
}

#[test]
fn letters_of_two_sources_under_one_id_are_two_letters() {
    let mut setting = Setting::new();
    let letters = under_one_id(&mut setting, ["one", "other"], true);
    for letter in &letters {
        setting.office.batches.clear();
        setting.office.batch(TODAY, &[letter]);
        assert_eq!(setting.import(TODAY).opened, 1);
    }
    assert_eq!(text_of(&setting, 1).as_deref(), Some("one"));
    assert_eq!(text_of(&setting, 2).as_deref(), Some("other"));
}

#[test]
fn of_two_letters_of_a_sender_under_one_id_the_one_that_was_listed_first_counts() {
    // The relay may list an id again when it has expired, and show other bytes for it.
    let repeated = LetterState::Quarantined(QuarantineReason::Repeated);
    for first_imported in [0, 1] {
        let mut setting = Setting::new();
        let letters = under_one_id(&mut setting, ["first", "later"], false);
        for n in [first_imported, 1 - first_imported] {
            setting.office.batches.clear();
            setting.office.batch(TODAY.plus(7 * n), &[&letters[n as usize]]);
            setting.import(TODAY.plus(7));
        }
        let states = if first_imported == 0 { [LetterState::New, repeated] } else { [repeated, LetterState::New] };
        assert_eq!(setting.states(), states);
        let texts = [1, 2].map(|number| text_of(&setting, number));
        assert_eq!(texts.into_iter().flatten().collect::<Vec<_>>(), ["first"]);
        assert_eq!(setting.reopen().states(), states);
    }
}

#[test]
fn every_seat_shows_the_same_one_of_two_letters_in_two_histories() {
    let shown = [0, 1].map(|first_imported| {
        let mut setting = Setting::new();
        let letters = under_one_id(&mut setting, ["one", "other"], false);
        for n in [first_imported, 1 - first_imported] {
            setting.office.batches.clear();
            setting.office.batch(TODAY, &[&letters[n]]);
            setting.import(TODAY);
        }
        [1, 2].map(|number| text_of(&setting, number)).into_iter().flatten().collect::<Vec<_>>()
    });
    assert_eq!(shown[0].len(), 1);
    assert_eq!(shown[0], shown[1]);
}

#[test]
fn a_letter_that_the_relay_lists_again_after_months_is_known() {
    let mut setting = Setting::new();
    let letter = letter(&mut setting, "once");
    setting.office.batch(TODAY, &[&letter]);
    assert_eq!(setting.import(TODAY).opened, 1);
    for days in [30, 200, 400] {
        setting.office.batches.clear();
        setting.office.batch(TODAY.plus(days), &[&letter]);
        let report = setting.import(TODAY.plus(days));
        assert_eq!((report.opened, report.known), (0, 1), "{days}");
        assert_eq!(setting.only_letter().received, TODAY);
    }
}

#[test]
fn one_bad_letter_stops_nothing_and_is_quarantined_with_its_reason() {
    let mut setting = Setting::new();
    let other_office = strange(&mut setting, |to| to.office = OfficeId([3; 16]));
    let other_desk = strange(&mut setting, |to| to.desk = number(4));
    // Sealed to this seat's prekey, but the MAC is for somebody else's key.
    let somebody = SeatAuthKey::generate(&mut setting.rng).public();
    let wrong_mac = strange(&mut setting, |to| to.seats[0].as_mut().unwrap().auth = somebody);
    let good: Vec<Sealed> = (0..3).map(|n| letter(&mut setting, &format!("good {n}"))).collect();
    let garbage =
        Sealed { id: EnvelopeId([5; 16]), envelope: Envelope::from_slice(&[1; cssr_proto::sizes::ENVELOPE]).unwrap() };
    let mut all: Vec<&Sealed> = good.iter().collect();
    all.extend([&other_office, &other_desk, &wrong_mac, &garbage]);
    setting.office.batch(TODAY, &all);
    let report = setting.import(TODAY);
    assert_eq!((report.opened, report.quarantined, report.not_opened), (3, 3, 1));
    let reason = |letter: &Sealed| {
        let letters = setting.seat.letters();
        let summary = letters.iter().find(|summary| summary.name == letter.name()).unwrap();
        assert!(setting.seat.letter(summary.number).unwrap().1.is_none(), "it is not shown");
        match summary.state {
            LetterState::Quarantined(reason) => reason,
            _ => panic!("not quarantined"),
        }
    };
    assert_eq!(reason(&other_office), QuarantineReason::OtherOffice);
    assert_eq!(reason(&other_desk), QuarantineReason::OtherDesk);
    assert_eq!(reason(&wrong_mac), QuarantineReason::Mac);
    // The evidence is kept.
    assert_eq!(fs::read_dir(setting.folder.path().join("seat/quarantine")).unwrap().count(), 3);
    assert_eq!(setting.seat.status(TODAY).unwrap().quarantined, 3);
}

/// A team event of a seat with any key.
fn event(setting: &mut Setting, number: u64, auth: &SeatAuthKey) -> Sealed {
    let directory = setting.directory();
    let message = TeamEvent { day: TODAY, event: Bytes::new(vec![1]).unwrap() };
    let from = SeatSender { number: seat_number(number), auth };
    let to = directory.recipients(desk()).unwrap();
    seal(&Letter::TeamEvent { from, message: &message }, &to, &mut setting.rng).unwrap()
}

fn colleague_event(setting: &mut Setting) -> Sealed {
    let auth = SeatAuthKey::from_bytes(*setting.office.colleagues[0].auth.expose());
    event(setting, 1, &auth)
}

#[test]
fn a_colleagues_letter_is_accepted_and_an_impostors_is_quarantined() {
    let mut setting = Setting::new();
    let honest = colleague_event(&mut setting);
    let impostor = SeatAuthKey::generate(&mut setting.rng);
    let impostor = event(&mut setting, 1, &impostor);
    // A colleague's own key under another colleague's number.
    let auth = SeatAuthKey::from_bytes(*setting.office.colleagues[0].auth.expose());
    let borrowed = event(&mut setting, 2, &auth);
    setting.office.batch(TODAY, &[&honest, &impostor, &borrowed]);
    setting.import(TODAY);
    for (letter, expected) in [
        (&honest, LetterState::New),
        (&impostor, LetterState::Quarantined(QuarantineReason::UnknownSeat)),
        (&borrowed, LetterState::Quarantined(QuarantineReason::UnknownSeat)),
    ] {
        let letters = setting.seat.letters();
        assert_eq!(letters.iter().find(|summary| summary.name == letter.name()).unwrap().state, expected);
    }
}

#[test]
fn a_seats_letter_counts_only_near_a_note_that_names_its_key() {
    let letter_days = Setting::new().office.roster().policy.letter_days();
    let note_days = Setting::new().office.roster().policy.note_days();
    let lapsed = LetterState::Quarantined(QuarantineReason::LapsedKey);
    for (days, expected) in [
        (letter_days, LetterState::New),
        // Nobody names the key any more.
        (letter_days + 1, lapsed),
    ] {
        let mut setting = Setting::new();
        let letter = colleague_event(&mut setting);
        let day = TODAY.plus(days);
        setting.office.seat_keys.retain(|key| key.seat != seat_number(1));
        setting.office.note(day);
        setting.office.batch(day, &[&letter]);
        setting.import(day);
        assert_eq!(setting.states(), [expected], "{days} days after");
    }
    for (days, expected) in [(note_days, LetterState::New), (note_days + 1, lapsed)] {
        let mut setting = Setting::new();
        let letter = colleague_event(&mut setting);
        setting.office.batch(TODAY.minus(days), &[&letter]);
        setting.import(TODAY);
        assert_eq!(setting.states(), [expected], "{days} days before");
    }
}

#[test]
fn a_key_that_comes_back_into_a_directory_counts_again_whatever_was_imported_first() {
    for note_first in [false, true] {
        let mut setting = Setting::new();
        let letter = colleague_event(&mut setting);
        let day = TODAY.plus(setting.office.roster().policy.letter_days() + 1);
        if note_first {
            setting.office.note(day);
            // Before the prekey's time is over.
            setting.import(TODAY);
        }
        setting.office.batch(day, &[&letter]);
        setting.import(day);
        if !note_first {
            assert_eq!(setting.states(), [LetterState::Quarantined(QuarantineReason::LapsedKey)]);
            setting.office.note(day);
            setting.import(day);
        }
        assert_eq!(setting.states(), [LetterState::New]);
    }
}

#[test]
fn a_letter_under_a_colleagues_former_key_is_accepted() {
    let mut setting = Setting::new();
    let letter = colleague_event(&mut setting);
    let next = TODAY.plus(1);
    let (office, signing) = (setting.office.roster().office(), &setting.office.colleagues[0].signing);
    let key = SeatAuthKey::generate(&mut setting.rng).public();
    let renewed = SeatKey { office, desk: desk(), seat: seat_number(1), from: next, through: next.plus(200), key };
    let renewed = renewed.sign(setting.office.roster(), signing).unwrap();
    setting.office.seat_keys.push(renewed);
    // Only the new directory is known: it names the former key too.
    setting.office.notes.clear();
    let directory = setting.office.note(next);
    assert_eq!(directory.seat(desk(), seat_number(1)).unwrap().auth_key, Some(&key));
    setting.office.batch(next, &[&letter]);
    setting.import(next);
    assert_eq!(setting.states(), [LetterState::New]);
}

#[test]
fn nothing_of_a_revoked_seat_is_accepted_whichever_came_first() {
    for roster_first in [false, true] {
        let mut setting = Setting::new();
        let letter = colleague_event(&mut setting);
        setting.office.batch(TODAY, &[&letter]);
        if !roster_first {
            setting.import(TODAY);
            assert_eq!(setting.states(), [LetterState::New]);
        }
        setting.office.colleagues.remove(0);
        setting.office.couriers.remove(0);
        setting.office.issue(TODAY, |_| {});
        setting.import(TODAY);
        assert_eq!(setting.states(), [LetterState::Quarantined(QuarantineReason::RevokedSeat)], "{roster_first}");
        assert!(setting.seat.letter(1).unwrap().1.is_none());
    }
}

#[test]
fn a_seat_number_that_was_given_to_somebody_else_does_not_revive_the_old_key() {
    let mut setting = Setting::new();
    let letter = colleague_event(&mut setting);
    setting.office.batch(TODAY, &[&letter]);
    setting.import(TODAY);
    setting.office.colleagues[0].signing = cssr_proto::keys::SeatSigningKey::generate(&mut setting.rng);
    setting.office.issue(TODAY, |_| {});
    setting.import(TODAY);
    assert_eq!(setting.states(), [LetterState::Quarantined(QuarantineReason::RevokedSeat)]);
}

#[test]
fn a_source_that_comes_with_a_seats_key_is_quarantined() {
    let mut setting = Setting::new();
    let mut source = setting.office.source();
    source.auth = SourceAuthKey::from_bytes(*setting.office.colleagues[1].auth.expose());
    let directory = setting.directory();
    let letter = setting.office.testimony(&source, "text", &directory);
    setting.office.batch(TODAY, &[&letter]);
    setting.import(TODAY);
    assert_eq!(setting.states(), [LetterState::Quarantined(QuarantineReason::SeatKey)]);
}

#[test]
fn a_letter_with_this_seats_key_that_was_not_written_here_raises_an_alarm() {
    let mut setting = Setting::new();
    let auth = SeatAuthKey::from_bytes(*setting.seat.identity.auth[0].key.expose());
    let letter = event(&mut setting, 0, &auth);
    setting.office.batch(TODAY, &[&letter]);
    assert_eq!(setting.import(TODAY).alarms, [Alarm::NotWrittenHere { letter: 1 }]);
}

#[test]
fn damaged_and_forged_files_are_refused_one_by_one() {
    let mut setting = Setting::new();
    let letters: Vec<Sealed> = (0..3).map(|n| letter(&mut setting, &format!("{n}"))).collect();
    for letter in &letters {
        setting.office.batch(TODAY, &[letter]);
    }
    let folder = tempfile::tempdir().unwrap();
    let mirror = setting.office.write(folder.path());
    let path = |name: &str| folder.path().join(name);
    // Another office's roster, directory and note; a statement, directory and note of no kind.
    let mut foreign = TestOffice::new(77);
    foreign.issue(TODAY, |_| {});
    foreign.publish_colleagues(TODAY);
    foreign.note(TODAY);
    foreign.write(folder.path());
    for file in ["statements/roster-x.cbor", "directories/x.cbor", "notes/x.cbor"] {
        fs::write(path(file), b"garbage").unwrap();
    }
    // A batch whose record is cut off, and one with another batch's name.
    let second = fs::read(path("letters/0000000002.batch")).unwrap();
    fs::write(path("letters/0000000002.batch"), &second[..second.len() - 5]).unwrap();
    fs::write(path("letters/0000000009.batch"), &second).unwrap();
    let report = setting.import_mirror(&mirror, TODAY);
    assert_eq!(report.opened, 2);
    let kinds = |kind: DamageKind| report.refused.iter().filter(|damage| damage.why == kind).count();
    assert_eq!(kinds(DamageKind::Malformed), 3);
    assert_eq!(kinds(DamageKind::Unverified), 3, "{:?}", report.refused);
    assert_eq!((kinds(DamageKind::Record(1)), kinds(DamageKind::OtherBatch)), (1, 1));
    // Nothing of the foreign office was believed.
    assert_eq!(setting.seat.status(TODAY).unwrap().roster.unwrap().0, 1);
}

#[test]
fn a_batch_of_the_future_is_refused_so_that_it_outlives_no_rule() {
    let mut setting = Setting::new();
    let letter = letter(&mut setting, "text");
    let (batch, records) = batch_after(&setting.office.head(), TODAY.plus(3_000), &[&letter]);
    let folder = tempfile::tempdir().unwrap();
    let mirror = setting.office.write_office(folder.path());
    write_batch(&mirror, &batch, &records);
    let report = setting.import_mirror(&mirror, TODAY);
    assert_eq!((report.opened, report.refused[0].why), (0, DamageKind::Future));
}

#[test]
fn progress_never_goes_back_and_ends_at_its_total() {
    let mut setting = Setting::new();
    let letters: Vec<Sealed> = (0..4).map(|n| letter(&mut setting, &format!("{n}"))).collect();
    for two in letters.chunks(2) {
        setting.office.batch(TODAY, &two.iter().collect::<Vec<_>>());
    }
    let folder = tempfile::tempdir().unwrap();
    let mirror = setting.office.write(folder.path());
    let mut seen = Vec::new();
    setting.seat.import(&mirror, TODAY, &mut setting.rng, |progress| seen.push(progress)).unwrap();
    assert!(seen.is_sorted_by_key(|progress| progress.done));
    let last = seen.last().unwrap();
    assert!(last.total > 4 * 16_256 && last.done == last.total);
}
