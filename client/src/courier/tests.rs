//! A courier against a relay that a test can make lie. After every lie: nothing was published.

mod lies;
mod relay;

use crate::courier::{CourierError, MirrorReport, NoteOutcome};
use crate::mirror::testing::TODAY;
use cssr_proto::frame::EnvelopeKind;
use relay::{Fixture, Relay};
use std::fs;

#[test]
fn the_first_courier_proposes_the_second_makes_it_valid_and_the_third_visit_changes_nothing() {
    let mut world = Fixture::new();
    world.letters(TODAY, 3);
    world.letters(TODAY, 2);
    let mut relay = Relay::honest(&world.office);
    let first = world.mirror(0, &mut relay).unwrap();
    assert_eq!((first.note, first.new.letters, first.last_batch), (NoteOutcome::Proposed, 5, 2));
    // Nobody else has come by.
    assert_eq!(world.mirror(0, &mut relay).unwrap().note, NoteOutcome::Waiting);
    assert_eq!(world.mirror(1, &mut relay).unwrap().note, NoteOutcome::Valid { cosigned: true });
    for courier in [0, 1] {
        let report = world.mirror(courier, &mut relay).unwrap();
        assert_eq!((report.note, report.new.letters), (NoteOutcome::Unchanged, 0));
    }
    assert_eq!(relay.published.len(), 2);
    let (note, directory) = relay.valid_notes().pop().unwrap();
    assert_eq!((note.day, note.head), (TODAY, world.office.head()));
    assert_eq!(directory.hash(), world.office.directory(TODAY).hash());
    // What was mirrored is what the relay has.
    let mirror = world.folder(0);
    for (batch, records) in &world.office.batches {
        let files = mirror.batches(EnvelopeKind::Letter).unwrap();
        let file = files.into_iter().find(|file| file.number == batch.number()).unwrap();
        assert_eq!(file.open().unwrap().map(Result::unwrap).collect::<Vec<_>>(), *records);
    }
    assert_eq!(mirror.notes().unwrap().count(), 1);
}

#[test]
fn the_only_seat_of_an_office_needs_nobody_else() {
    let mut world = Fixture::new();
    world.office.colleagues.truncate(1);
    world.office.couriers.truncate(1);
    world.office.rosters.clear();
    world.issue_and_accept();
    let mut relay = Relay::honest(&world.office);
    assert_eq!(world.mirror(0, &mut relay).unwrap().note, NoteOutcome::Valid { cosigned: false });
}

#[test]
fn new_letters_and_a_new_day_make_a_new_note() {
    let mut world = Fixture::new();
    let mut relay = Relay::honest(&world.office);
    world.confirm(&mut relay);
    world.letters(TODAY, 1);
    relay.take_batches(&world.office);
    world.confirm(&mut relay);
    relay.day = TODAY.plus(1);
    world.today = TODAY.plus(1);
    world.confirm(&mut relay);
    let notes: Vec<_> = relay.valid_notes().into_iter().map(|(note, _)| (note.day, note.head.number())).collect();
    assert_eq!(notes, [(TODAY, 0), (TODAY, 1), (TODAY.plus(1), 1)]);
}

#[test]
fn a_notice_is_signed_only_by_couriers_that_want_it() {
    let mut world = Fixture::new();
    let mut relay = Relay::honest(&world.office);
    world.options.notice = Some(cssr_proto::Notice::new("closed on Friday").unwrap());
    assert_eq!(world.mirror(0, &mut relay).unwrap().note, NoteOutcome::Proposed);
    world.options.notice = None;
    assert_eq!(world.mirror(1, &mut relay).unwrap().note, NoteOutcome::Proposed);
    assert_eq!(relay.valid_notes().len(), 0);
    world.options.notice = Some(cssr_proto::Notice::new("closed on Friday").unwrap());
    assert_eq!(world.mirror(1, &mut relay).unwrap().note, NoteOutcome::Valid { cosigned: true });
}

#[test]
fn a_proposal_with_an_earlier_head_of_the_same_chain_is_signed() {
    let mut world = Fixture::new();
    world.letters(TODAY, 2);
    let mut relay = Relay::honest(&world.office);
    assert_eq!(world.mirror(0, &mut relay).unwrap().note, NoteOutcome::Proposed);
    world.letters(TODAY, 2);
    world.letters(TODAY, 1);
    relay.take_batches(&world.office);
    assert_eq!(world.mirror(1, &mut relay).unwrap().note, NoteOutcome::Valid { cosigned: true });
    assert_eq!(relay.valid_notes()[0].0.head.number(), 1);
}

#[test]
fn after_a_cut_the_next_mirror_goes_on_behind_the_last_whole_batch() {
    let mut world = Fixture::new();
    for _ in 0..4 {
        world.letters(TODAY, 3);
    }
    let mut relay = Relay::honest(&world.office);
    // Inside the third batch.
    relay.cut_after = Some(2 * 4 + 2);
    assert!(matches!(world.mirror(0, &mut relay), Err(CourierError::Session(_))));
    assert_eq!(world.folder(0).batches(EnvelopeKind::Letter).unwrap().len(), 2);
    relay.cut_after = None;
    let report = world.mirror(0, &mut relay).unwrap();
    assert_eq!((report.new.letters, report.last_batch), (6, 4));
    assert_eq!(relay.asked_from.last().unwrap().letters, 3);
}

#[test]
fn a_new_folder_gets_everything_that_the_relay_lists_even_through_cuts() {
    let mut world = Fixture::new();
    for _ in 0..4 {
        world.letters(TODAY, 1);
    }
    let mut relay = Relay::honest(&world.office);
    world.mirror(0, &mut relay).unwrap();
    world.new_folder(0);
    relay.cut_after = Some(5);
    assert!(world.mirror(0, &mut relay).is_err());
    relay.cut_after = None;
    assert_eq!(world.mirror(0, &mut relay).unwrap().new.letters, 2);
    assert_eq!(relay.asked_from.last().unwrap().letters, 3);
    assert_eq!(world.folder(0).batches(EnvelopeKind::Letter).unwrap().len(), 4);
}

#[test]
fn a_courier_that_was_away_longer_than_letters_live_needs_a_colleagues_word_or_a_persons() {
    let mut world = Fixture::new();
    world.letters(TODAY.minus(40), 1);
    world.letters(TODAY.minus(39), 1);
    world.letters(TODAY, 1);
    let mut relay = Relay::honest(&world.office);
    relay.expire_before(TODAY.minus(30));
    let refused = |report: Result<MirrorReport, CourierError>| match report {
        Err(CourierError::Walk(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(world.mirror(0, &mut relay)), crate::courier::WalkError::Unvouched(3));
    assert!(relay.published.is_empty());
    world.options.accept_gap = true;
    assert_eq!(world.mirror(0, &mut relay).unwrap().note, NoteOutcome::Proposed);
    world.options.accept_gap = false;
    assert_eq!(refused(world.mirror(1, &mut relay)), crate::courier::WalkError::Unvouched(3));
    world.options.accept_gap = true;
    world.mirror(1, &mut relay).unwrap();
    // From now on there is a note, also for a courier that begins anew.
    world.options.accept_gap = false;
    world.new_folder(1);
    fs::remove_file(world.courier_folder(1).join("courier.state")).unwrap();
    world.readmit(1);
    assert_eq!(world.mirror(1, &mut relay).unwrap().note, NoteOutcome::Unchanged);
}

#[test]
fn a_successor_roster_is_taken_from_the_relay_and_an_unlisted_courier_stops() {
    let mut world = Fixture::new();
    let removed = world.office.couriers.pop().unwrap();
    world.office.issue(TODAY, |_| {});
    let mut relay = Relay::honest(&world.office);
    assert!(matches!(world.mirror(1, &mut relay), Err(CourierError::NotListed)));
    assert!(relay.published.is_empty());
    world.office.couriers.push(removed);
    assert_eq!(world.mirror(0, &mut relay).unwrap().note, NoteOutcome::Proposed);
    assert_eq!(world.couriers[0].state.roster.as_ref().unwrap().number.get(), 2);
}

#[test]
fn what_a_seat_has_published_cannot_be_taken_back_by_the_relay() {
    let mut world = Fixture::new();
    let mut relay = Relay::honest(&world.office);
    world.confirm(&mut relay);
    let whole = world.office.directory(TODAY).hash();
    relay.hide_prekeys();
    world.letters(TODAY, 1);
    relay.take_batches(&world.office);
    world.confirm(&mut relay);
    assert!(relay.valid_notes().iter().all(|(_, directory)| directory.hash() == whole));
}

#[test]
fn mute_seats_and_refused_statements_are_told() {
    let mut world = Fixture::new();
    let gone = world.office.colleagues[1].number;
    world.office.prekeys.retain(|prekey| prekey.seat != gone);
    let mut relay = Relay::honest(&world.office);
    relay.add_garbage();
    let report = world.mirror(0, &mut relay).unwrap();
    assert_eq!((report.mute, report.refused_statements, report.refused_notes), (vec![(1, 2)], 1, 1));
}
