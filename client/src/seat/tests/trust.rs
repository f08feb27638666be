//! What a seat makes of directories, notes, rosters and the chain: the alarms.

use super::setting::{Setting, seat_number};
use crate::mirror::testing::{TODAY, TestOffice, batch_after, desk, write_batch};
use crate::seat::knowledge::Echo;
use crate::seat::{Alarm, EchoDoubt};
use cssr_proto::keys::{PrekeySecret, RelaySecretKey, RootKey, SeatAuthKey};
use cssr_proto::letter::Sealed;
use cssr_proto::{Directory, Hash, Lineage, Prekey, Root, SeatKey, commitment};

/// A testimony with the echo of any directory, sealed to today's keys.
fn with_echo(setting: &mut Setting, echo: Hash, offline: bool) -> Sealed {
    let source = setting.office.source();
    let directory = setting.directory();
    let mut to = directory.recipients(desk()).unwrap();
    (to.directory, to.offline) = (echo, offline);
    setting.office.testimony_to(&source, "text", TODAY, &to)
}

fn letter(setting: &mut Setting) -> Sealed {
    let echo = setting.directory().hash();
    with_echo(setting, echo, false)
}

fn echo_alarm(directory: Hash, doubt: EchoDoubt, letters: &[u32]) -> Alarm {
    Alarm::Echo { directory, doubt, letters: letters.to_vec(), covers: 0 }
}

#[test]
fn a_directory_that_no_note_named_raises_the_alarm_offline_or_not() {
    let mut setting = Setting::new();
    let unknown = Hash([7; 32]);
    let letters = [with_echo(&mut setting, unknown, false), with_echo(&mut setting, unknown, true)];
    let good = letter(&mut setting);
    setting.office.batch(TODAY, &letters.iter().collect::<Vec<_>>());
    setting.office.batch(TODAY, &[&good]);
    let report = setting.import(TODAY);
    assert_eq!(report.opened, 3);
    assert_eq!(report.alarms, [echo_alarm(unknown, EchoDoubt::Unknown, &[1, 2])]);
    let setting = setting.reopen();
    assert_eq!(setting.seat.alarms(TODAY), report.alarms);
    let doubts: Vec<_> = setting.seat.letters().into_iter().map(|letter| letter.echo).collect();
    assert_eq!(doubts, [Some(EchoDoubt::Unknown), Some(EchoDoubt::Unknown), None]);
}

#[test]
fn a_cover_with_an_unknown_directory_raises_the_alarm_too() {
    let mut setting = Setting::new();
    let mut elsewhere = setting.office.roster_of(TODAY);
    elsewhere.name = crate::mirror::testing::text("Shown to somebody else");
    let directory = Directory::assemble(
        &elsewhere.sign(&setting.office.root).unwrap(),
        &setting.office.seat_keys,
        &setting.office.prekeys,
        TODAY,
    )
    .unwrap();
    let cover = setting.office.cover(&directory);
    setting.office.batch(TODAY, &[&cover]);
    let expected = Alarm::Echo { directory: directory.hash(), doubt: EchoDoubt::Unknown, letters: vec![], covers: 1 };
    assert_eq!(setting.import(TODAY).alarms, std::slice::from_ref(&expected));
    assert_eq!(setting.reopen().seat.alarms(TODAY), [expected]);
}

#[test]
fn the_alarm_ends_when_a_later_import_brings_the_note() {
    let mut setting = Setting::new();
    setting.import(TODAY);
    let next = TODAY.epoch().plus(1).first_day();
    setting.publish(next);
    setting.office.note(next);
    let letter = letter(&mut setting);
    setting.office.batch(next, &[&letter]);
    let (note, directory) = setting.office.notes.pop().unwrap();
    let report = setting.import(next);
    assert_eq!(report.alarms, [echo_alarm(directory.hash(), EchoDoubt::Unknown, &[1])]);
    setting.office.notes.push((note, directory));
    assert_eq!(setting.import(next).alarms, []);
}

#[test]
fn a_directory_may_be_used_note_days_after_it_was_replaced_and_not_longer() {
    let mut setting = Setting::new();
    let old = setting.directory().hash();
    let next = TODAY.epoch().plus(1).first_day();
    setting.publish(next);
    setting.office.note(next);
    assert_ne!(setting.directory().hash(), old);
    let late = next.plus(4);
    for (arrived, offline) in [(next.plus(3), false), (late, true), (late, false)] {
        let letter = with_echo(&mut setting, old, offline);
        setting.office.batch(arrived, &[&letter]);
    }
    let report = setting.import(late);
    assert_eq!(report.opened, 3);
    assert_eq!(report.alarms, [echo_alarm(old, EchoDoubt::Superseded { since: next }, &[3])]);
}

#[test]
fn a_directory_that_came_back_was_still_wrong_in_between() {
    let mut setting = Setting::new();
    let monday = TODAY.epoch().plus(1).first_day();
    setting.publish(monday);
    let first = setting.office.note(monday);
    // Another directory for some days: a seat key is missing and comes back.
    let all = setting.office.seat_keys.clone();
    setting.office.seat_keys.retain(|key| key.seat != seat_number(2));
    setting.office.note(monday.plus(1));
    setting.office.seat_keys = all;
    let sunday = setting.office.note(monday.plus(6));
    assert_eq!(sunday.hash(), first.hash());
    setting.import(sunday.day());
    let echo = |day: u32| setting.seat.knowledge.echo(first.hash(), false, monday.plus(day));
    assert_eq!([echo(0), echo(4), echo(6), echo(60)], [Echo::Named; 4]);
    assert_eq!(echo(5), Echo::Superseded(monday.plus(1)));
}

#[test]
fn a_note_of_one_courier_names_nothing() {
    let mut setting = Setting::new();
    let next = TODAY.epoch().plus(1).first_day();
    setting.publish(next);
    let directory = setting.office.directory(next);
    let proposed = directory
        .sign_note(0, setting.office.head(), None, crate::mirror::testing::number(1), &setting.office.couriers[0].1)
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mirror = setting.office.write(folder.path());
    mirror.put_note(&proposed).unwrap();
    mirror.put_own_directory(&directory).unwrap();
    assert_eq!(setting.import_mirror(&mirror, next).refused, []);
    assert_eq!(setting.seat.status(next).unwrap().note, Some(TODAY));
}

#[test]
fn two_histories_raise_an_alarm_and_both_are_read() {
    let mut setting = Setting::new();
    let letters: Vec<Sealed> = (0..4).map(|_| letter(&mut setting)).collect();
    setting.office.batch(TODAY, &[&letters[0]]);
    setting.office.batch(TODAY, &[&letters[1]]);
    assert_eq!(setting.import(TODAY).alarms, []);
    let forked = setting.office.batches.pop().unwrap();
    setting.office.batch(TODAY, &[&letters[2]]);
    setting.office.batch(TODAY, &[&letters[3]]);
    let report = setting.import(TODAY);
    assert_eq!((report.opened, report.alarms), (2, vec![Alarm::Fork { batch: 2 }]));
    // Whatever is imported after that, the fork stays known.
    setting.office.batches.truncate(1);
    setting.office.batches.push(forked);
    assert_eq!(setting.import(TODAY).alarms, [Alarm::Fork { batch: 2 }]);
}

#[test]
fn a_note_that_vouches_for_another_history_raises_an_alarm() {
    let mut setting = Setting::new();
    let (shown, vouched) = (letter(&mut setting), letter(&mut setting));
    setting.office.batch(TODAY, &[&vouched]);
    setting.office.note(TODAY);
    setting.office.batches.clear();
    setting.office.batch(TODAY, &[&shown]);
    assert_eq!(setting.import(TODAY).alarms, [Alarm::Fork { batch: 1 }]);
}

#[test]
fn missing_batches_raise_an_alarm_until_they_come() {
    let mut setting = Setting::new();
    for _ in 0..5 {
        let letter = letter(&mut setting);
        setting.office.batch(TODAY, &[&letter]);
    }
    setting.office.note(TODAY);
    let all = setting.office.batches.clone();
    setting.office.batches = vec![all[0].clone(), all[3].clone()];
    let gaps = [Alarm::Gap { first: 2, last: 3 }, Alarm::Gap { first: 5, last: 5 }];
    assert_eq!(setting.import(TODAY).alarms, gaps);
    setting.office.batches = all[1..3].to_vec();
    assert_eq!(setting.import(TODAY).alarms, gaps[1..]);
    setting.office.batches = vec![all[4].clone()];
    assert_eq!(setting.import(TODAY).alarms, []);
    assert_eq!(setting.seat.letters().len(), 5);
}

#[test]
fn a_chain_that_does_not_begin_with_the_relays_key_is_told_by_the_note() {
    let mut setting = Setting::new();
    let mut other = TestOffice::new(9);
    other.relay = RelaySecretKey::generate(&mut other.rng);
    let letters = [letter(&mut setting), letter(&mut setting)];
    setting.office.batch(TODAY, &[&letters[0]]);
    setting.office.note(TODAY);
    let (batch, records) = batch_after(&other.head(), TODAY, &[&letters[1]]);
    let folder = tempfile::tempdir().unwrap();
    let mirror = setting.office.write_office(folder.path());
    write_batch(&mirror, &batch, &records);
    assert_eq!(setting.import_mirror(&mirror, TODAY).alarms, [Alarm::Fork { batch: 1 }]);
}

#[test]
fn a_new_relay_begins_a_new_chain_without_an_alarm() {
    let mut setting = Setting::new();
    for _ in 0..3 {
        let letter = letter(&mut setting);
        setting.office.batch(TODAY, &[&letter]);
    }
    setting.office.note(TODAY);
    assert_eq!(setting.import(TODAY).alarms, []);
    setting.office.relay = RelaySecretKey::generate(&mut setting.office.rng);
    setting.office.issue(TODAY, |_| {});
    setting.office.batches.clear();
    for _ in 0..4 {
        let letter = letter(&mut setting);
        setting.office.batch(TODAY, &[&letter]);
        setting.office.note(TODAY);
    }
    let report = setting.import(TODAY);
    assert_eq!((report.opened, report.alarms), (4, vec![]));
}

#[test]
fn two_rosters_of_one_number_raise_an_alarm_whichever_came_first() {
    for swap in [false, true] {
        let mut setting = Setting::new();
        let one = setting.office.roster_of(TODAY).sign(&setting.office.root).unwrap();
        let mut other = setting.office.roster_of(TODAY);
        other.name = crate::mirror::testing::text("Somebody else's");
        let other = other.sign(&setting.office.root).unwrap();
        let (first, second) = if swap { (other, one) } else { (one, other) };
        setting.office.rosters.push(first);
        assert_eq!(setting.import(TODAY).alarms, []);
        setting.office.rosters.push(second);
        assert_eq!(setting.import(TODAY).alarms, [Alarm::RosterFork { number: 2 }]);
    }
}

#[test]
fn a_root_that_was_succeeded_cannot_come_back_with_a_higher_number() {
    let mut setting = Setting::new();
    let after = RootKey::generate(&mut setting.office.rng);
    let next = Root { key: setting.office.next_root.public(), commitment: commitment(&after.public()) };
    let mut succeeded = setting.office.roster_of(TODAY);
    let mut roots = succeeded.lineage.roots().to_vec();
    roots.push(next);
    succeeded.lineage = Lineage::new(roots).unwrap();
    let succeeded = succeeded.sign(&setting.office.next_root).unwrap();
    setting.office.rosters.push(succeeded.clone());
    setting.import(TODAY);
    // The thief of the first root goes on alone, and lets no seat in but one of its own.
    let stolen = setting.office.issue(TODAY, |roster| {
        roster.lineage = Lineage::new(vec![roster.lineage.roots()[0]]).unwrap();
        roster.number = crate::mirror::testing::number(9);
    });
    let report = setting.import(TODAY);
    assert_eq!(setting.seat.knowledge.roster().unwrap().hash(), succeeded.hash());
    assert_ne!(stolen.hash(), succeeded.hash());
    assert!(!report.alarms.contains(&Alarm::Revoked));
}

#[test]
fn a_note_of_replaced_couriers_raises_an_alarm_and_names_nothing() {
    let mut setting = Setting::new();
    setting.import(TODAY);
    // Both couriers are replaced; their old keys sign on under the old roster.
    let (old_roster, old_couriers) = (setting.office.rosters.clone(), std::mem::take(&mut setting.office.couriers));
    setting.office.couriers =
        (1..=2).map(|n| (n, cssr_proto::keys::CourierKey::generate(&mut setting.office.rng))).collect();
    let replaced = TODAY.plus(1);
    let new_roster = setting.office.issue(replaced, |_| {});
    let in_grace = replaced.plus(3);
    let day = replaced.plus(4);
    setting.office.rosters = old_roster;
    setting.office.couriers = old_couriers;
    // What it names is what it named before, but for a key that somebody left out.
    setting.office.seat_keys.retain(|key| key.seat != seat_number(2));
    let named = setting.office.note(day);
    setting.office.rosters.push(new_roster);
    let report = setting.import(day);
    assert_eq!(report.alarms, [Alarm::StaleNote { day, roster: 1 }]);
    let echo = setting.seat.knowledge.echo(named.hash(), false, day);
    assert_eq!(echo, Echo::Unknown);
    // Couriers that learn of it a little later than it was issued are nothing strange.
    setting.office.rosters.pop();
    setting.office.notes.pop();
    let named = setting.office.note(in_grace);
    setting.import(day);
    let echo = setting.seat.knowledge.echo(named.hash(), false, in_grace);
    assert_eq!(echo, Echo::Named);
}

#[test]
fn keys_that_somebody_else_publishes_for_this_seat_raise_an_alarm() {
    for prekey in [false, true] {
        let mut setting = Setting::new();
        let rng = &mut setting.office.rng;
        let (office, desk, seat) = (setting.office.rosters[0].office(), desk(), seat_number(0));
        let signing = &setting.seat.identity.signing;
        let roster = setting.office.rosters.last().unwrap();
        if prekey {
            setting.office.prekeys.retain(|prekey| prekey.seat != seat);
            let key = PrekeySecret::generate(rng).public();
            let forged = Prekey { office, desk, seat, epoch: TODAY.epoch(), key };
            setting.office.prekeys.push(forged.sign(roster, signing).unwrap());
        } else {
            setting.office.seat_keys.retain(|key| key.seat != seat);
            let key = SeatAuthKey::generate(rng).public();
            let forged = SeatKey { office, desk, seat, from: TODAY, through: TODAY.plus(9), key };
            setting.office.seat_keys.push(forged.sign(roster, signing).unwrap());
        }
        let directory = setting.office.note(TODAY).hash();
        assert_eq!(setting.import(TODAY).alarms, [Alarm::ForeignKey { directory }], "{prekey}");
        assert_eq!(setting.reopen().seat.alarms(TODAY), [Alarm::ForeignKey { directory }]);
    }
}

#[test]
fn a_former_key_that_this_seat_never_had_raises_the_alarm_too() {
    let mut setting = Setting::new();
    let rng = &mut setting.office.rng;
    let (office, desk, seat) = (setting.office.rosters[0].office(), desk(), seat_number(0));
    let key = SeatAuthKey::generate(rng).public();
    let forged = SeatKey { office, desk, seat, from: TODAY.minus(9), through: TODAY.minus(1), key };
    let signed = forged.sign(setting.office.rosters.last().unwrap(), &setting.seat.identity.signing).unwrap();
    setting.office.seat_keys.push(signed);
    let directory = setting.office.note(TODAY);
    assert_eq!(directory.seat(desk, seat).unwrap().former_key, Some(&key));
    let directory = directory.hash();
    assert_eq!(setting.import(TODAY).alarms, [Alarm::ForeignKey { directory }]);
}

#[test]
fn a_clock_behind_the_couriers_and_a_revocation_are_told() {
    let mut setting = Setting::new();
    assert_eq!(setting.import(TODAY.minus(2)).alarms, [Alarm::ClockBehind { today: TODAY.minus(2), note: TODAY }]);
    setting.office.own = None;
    setting.office.issue(TODAY, |_| {});
    assert_eq!(setting.import(TODAY).alarms, [Alarm::Revoked]);
    let advice = setting.seat.alarms(TODAY);
    assert!(advice.iter().all(|alarm| !alarm.advice().is_empty() && !alarm.to_string().is_empty()));
}
