//! Each lie is refused by its name, and nothing is signed.

use super::relay::{Fixture, Relay};
use crate::courier::{CourierError, NoteOutcome, WalkError};
use crate::mirror::testing::{TODAY, TestOffice, batch_after, number};
use cssr_proto::index::{Batch, IndexError};
use cssr_proto::keys::RelaySecretKey;
use cssr_proto::{Bytes, EnvelopeId, PoolError, RosterError};
use std::fs;

/// Tells a lie to a courier that has mirrored before, and to one that comes for the first time.
fn refused(letters: usize, lie: impl Fn(&mut Fixture, &mut Relay), expected: impl Fn(&CourierError) -> bool) {
    for experienced in [false, true] {
        let mut world = Fixture::new();
        for _ in 0..letters {
            world.letters(TODAY, 2);
        }
        let mut relay = Relay::honest(&world.office);
        if experienced {
            world.confirm(&mut relay);
            world.letters(TODAY, 2);
            relay.take_batches(&world.office);
        }
        relay.published.clear();
        lie(&mut world, &mut relay);
        let error = world.mirror(0, &mut relay).unwrap_err();
        assert!(expected(&error), "{experienced}: {error:?}");
        assert!(relay.published.is_empty());
        assert!(!error.to_string().is_empty());
    }
}

fn walk(expected: impl Fn(&WalkError) -> bool) -> impl Fn(&CourierError) -> bool {
    move |error| matches!(error, CourierError::Walk(error) if expected(error))
}

#[test]
fn somebody_elses_relay() {
    refused(
        1,
        |world, relay| relay.key = RelaySecretKey::generate(&mut world.office.rng).public(),
        |error| matches!(error, CourierError::WrongRelay),
    );
}

#[test]
fn another_day_than_the_couriers_own() {
    for day in [TODAY.minus(1), TODAY.plus(1)] {
        refused(
            1,
            |_, relay| relay.day = day,
            |error| matches!(error, CourierError::DayDiffers { device: TODAY, relay } if *relay == day),
        );
    }
}

#[test]
fn no_roster_or_an_older_one() {
    refused(
        1,
        |_, relay| relay.statements.roster = None,
        |error| matches!(error, CourierError::RelayBehind { known: 1, relay: None }),
    );
    refused(
        1,
        |world, _| {
            let next = world.office.issue(TODAY, |_| {});
            world.couriers[0].accept(next.bytes(), TODAY).unwrap();
        },
        |error| matches!(error, CourierError::RelayBehind { known: 2, relay: Some(1) }),
    );
}

#[test]
fn another_offices_roster_a_forked_one_or_one_that_is_not_valid_today() {
    let show = |relay: &mut Relay, bytes: &[u8]| relay.statements.roster = Some(Bytes::new(bytes).unwrap());
    refused(
        1,
        |_, relay| show(relay, TestOffice::new(77).issue(TODAY, |_| {}).bytes()),
        |error| matches!(error, CourierError::Roster(RosterError::Lineage(_))),
    );
    refused(
        1,
        |world, relay| {
            let forked = world.office.issue(TODAY, |roster| roster.previous = Some(cssr_proto::Hash([1; 32])));
            show(relay, forked.bytes());
        },
        |error| matches!(error, CourierError::Succession(PoolError::Fork)),
    );
    refused(
        1,
        |world, relay| {
            let early = world.office.issue(TODAY.plus(1), |_| {});
            show(relay, early.bytes());
        },
        |error| matches!(error, CourierError::Roster(RosterError::NotYetIssued { .. })),
    );
    refused(1, |_, relay| show(relay, b"garbage"), |error| matches!(error, CourierError::Malformed(_)));
}

/// Another batch of the same number.
fn another(world: &mut Fixture, of: usize) -> (Batch, Vec<cssr_proto::bundle::Record>) {
    let source = world.office.source();
    let directory = world.office.directory(TODAY);
    let letter = world.office.testimony(&source, "forged", &directory);
    let batch = &world.office.batches[of].0;
    let before = match of.checked_sub(1) {
        None => TestOffice::new(21).head(),
        Some(before) => world.office.batches[before].0.head(),
    };
    batch_after(&before, batch.day(), &[&letter])
}

#[test]
fn another_history() {
    // To a courier that has mirrored before, the same numbers must hold the same batches; to a new one, they must fit
    // what notes vouch for.
    let mut world = Fixture::new();
    for _ in 0..3 {
        world.letters(TODAY, 2);
    }
    let mut relay = Relay::honest(&world.office);
    world.confirm(&mut relay);
    relay.published.clear();
    let forged = another(&mut world, 2);
    relay.letters[2] = forged.clone();
    world.new_folder(0);
    world.letters(TODAY, 1);
    let error = world.mirror(0, &mut relay).unwrap_err();
    assert!(walk(|error| *error == WalkError::Forked(3))(&error), "{error:?}");
    // A courier that has forgotten everything but the roster.
    world.readmit(1);
    world.new_folder(1);
    let error = world.mirror(1, &mut relay).unwrap_err();
    assert!(walk(|error| *error == WalkError::Forked(3))(&error), "{error:?}");
    assert!(relay.published.is_empty());
    // The forged batch was not written either.
    let there = world.folder(1).batch(cssr_proto::frame::EnvelopeKind::Letter, 3).unwrap();
    assert_eq!(there, None);
    assert_ne!(forged.0, world.office.batches[2].0);
}

#[test]
fn a_broken_chain_or_a_batch_left_out() {
    refused(
        3,
        |world, relay| {
            let last = relay.letters.len() - 1;
            let (batch, records) = another(world, 0);
            // The right number on the wrong chain.
            let before = cssr_proto::index::Head::new(last as u64, TODAY, batch.chain_value()).unwrap();
            let letter = cssr_proto::letter::Sealed {
                id: records[0].id,
                envelope: cssr_proto::Envelope::from_slice(records[0].envelope.as_ref().unwrap().as_slice()).unwrap(),
            };
            relay.letters[last] = batch_after(&before, TODAY, &[&letter]);
        },
        walk(|error| matches!(error, WalkError::Broken(IndexError::BrokenChain))),
    );
    refused(
        3,
        |world, relay| {
            world.letters(TODAY, 1);
            world.letters(TODAY, 1);
            relay.take_batches(&world.office);
            let hidden = relay.letters.len() - 2;
            relay.letters.remove(hidden);
        },
        walk(|error| matches!(error, WalkError::LeftOut(_))),
    );
}

#[test]
fn batches_that_a_note_vouches_for_kept_back() {
    let mut world = Fixture::new();
    world.letters(TODAY, 1);
    world.letters(TODAY, 1);
    let mut relay = Relay::honest(&world.office);
    world.confirm(&mut relay);
    relay.published.clear();
    relay.letters.pop();
    world.readmit(0);
    world.new_folder(0);
    let error = world.mirror(0, &mut relay).unwrap_err();
    assert!(walk(|error| *error == WalkError::Hidden(2))(&error), "{error:?}");
    // It says that the batch is there, and does not give it.
    relay.says_next = Some(3);
    let error = world.mirror(0, &mut relay).unwrap_err();
    assert!(walk(|error| *error == WalkError::WrongEnd { said: 3, expected: 2 })(&error), "{error:?}");
    assert!(relay.published.is_empty());
}

#[test]
fn a_batch_of_tomorrow() {
    refused(
        1,
        |world, relay| {
            world.letters(TODAY.plus(1), 1);
            relay.take_batches(&world.office);
        },
        walk(|error| matches!(error, WalkError::Future(_))),
    );
}

#[test]
fn a_letter_kept_back() {
    refused(
        2,
        |_, relay| relay.letters.last_mut().unwrap().1[0].envelope = None,
        |error| matches!(error, CourierError::Withheld(_)),
    );
}

#[test]
fn an_envelope_that_the_batch_does_not_list() {
    refused(
        2,
        |_, relay| relay.letters.last_mut().unwrap().1[0].id = EnvelopeId([9; 16]),
        |error| matches!(error, CourierError::Io(_)),
    );
}

#[test]
fn a_mirror_that_somebody_tampered_with() {
    let mut world = Fixture::new();
    world.letters(TODAY, 1);
    world.letters(TODAY, 1);
    let mut relay = Relay::honest(&world.office);
    world.confirm(&mut relay);
    relay.published.clear();
    // The last batch was replaced by another one.
    let (batch, records) = another(&mut world, 1);
    let path = world.mirror_path(0).join("letters/0000000002.batch");
    fs::remove_file(&path).unwrap();
    crate::mirror::testing::write_batch(&world.folder(0), &batch, &records);
    world.letters(TODAY, 1);
    relay.take_batches(&world.office);
    assert!(matches!(world.mirror(0, &mut relay), Err(CourierError::OtherBatch(2))));
    // One that this courier has never seen lies there already.
    fs::remove_file(&path).unwrap();
    crate::mirror::testing::write_batch(&world.folder(0), &world.office.batches[1].0, &world.office.batches[1].1);
    let (batch, records) = another(&mut world, 2);
    crate::mirror::testing::write_batch(&world.folder(0), &batch, &records);
    assert!(matches!(world.mirror(0, &mut relay), Err(CourierError::OtherBatch(3))));
    assert!(relay.published.is_empty());
}

#[test]
fn another_relay_into_the_same_folder() {
    let mut world = Fixture::new();
    world.letters(TODAY, 1);
    let mut relay = Relay::honest(&world.office);
    world.confirm(&mut relay);
    world.office.relay = RelaySecretKey::generate(&mut world.office.rng);
    world.office.batches.clear();
    let next = world.office.issue(TODAY, |_| {});
    world.couriers[0].accept(next.bytes(), TODAY).unwrap();
    let mut relay = Relay::honest(&world.office);
    assert!(matches!(world.mirror(0, &mut relay), Err(CourierError::OtherRelay)));
    world.new_folder(0);
    assert_eq!(world.mirror(0, &mut relay).unwrap().note, NoteOutcome::Proposed);
}

/// Shows one proposal to the second courier, and says whether it signed that one.
fn signs(change: impl FnOnce(&mut Fixture, &mut Relay)) -> bool {
    let mut world = Fixture::new();
    world.letters(TODAY, 1);
    world.letters(TODAY, 1);
    let mut relay = Relay::honest(&world.office);
    change(&mut world, &mut relay);
    let report = world.mirror(1, &mut relay).unwrap();
    match report.note {
        NoteOutcome::Valid { cosigned: true } => true,
        NoteOutcome::Proposed => false,
        other => panic!("{other:?}"),
    }
}

/// A proposal of the first courier.
fn propose(world: &Fixture, relay: &mut Relay, directory: &cssr_proto::Directory, head: cssr_proto::index::Head) {
    let note = directory.sign_note(0, head, None, number(1), &world.office.couriers[0].1).unwrap();
    relay.show(&note, directory, false);
}

#[test]
fn proposals_that_say_something_else_are_not_signed() {
    let directory = |world: &Fixture| world.office.directory(TODAY);
    assert!(signs(|world, relay| propose(world, relay, &directory(world), world.office.head())));
    let genesis = TestOffice::new(21).head();
    assert!(signs(|world, relay| propose(world, relay, &directory(world), genesis)), "an earlier head of the chain");
    // Of another day.
    for day in [TODAY.minus(1), TODAY.plus(1)] {
        assert!(
            !signs(|world, relay| propose(world, relay, &world.office.directory(day), world.office.head())),
            "{day}"
        );
    }
    // Another directory: a seat's key was left out.
    assert!(!signs(|world, relay| {
        let keys = world.office.seat_keys.iter().skip(1);
        let less = cssr_proto::Directory::assemble(world.office.roster(), keys, &world.office.prekeys, TODAY).unwrap();
        propose(world, relay, &less, world.office.head());
    }));
    // A head on another chain, of the right number and of a later one.
    assert!(!signs(|world, relay| {
        let forged = another(world, 1).0.head();
        propose(world, relay, &directory(world), forged);
    }));
    assert!(!signs(|world, relay| {
        let later = cssr_proto::index::Head::new(3, TODAY, cssr_proto::Hash([3; 32])).unwrap();
        propose(world, relay, &directory(world), later);
    }));
    // A notice that nobody here wants.
    assert!(!signs(|world, relay| {
        let notice = cssr_proto::Notice::new("write to us at another address").unwrap();
        let head = world.office.head();
        let key = &world.office.couriers[0].1;
        let note = directory(world).sign_note(0, head, Some(notice), number(1), key).unwrap();
        relay.show(&note, &directory(world), false);
    }));
}

#[test]
fn a_colleague_who_was_shown_another_chain_is_told_of() {
    let contradictions = |change: &dyn Fn(&mut Fixture) -> cssr_proto::index::Head| {
        let mut world = Fixture::new();
        world.letters(TODAY, 1);
        world.letters(TODAY, 1);
        let mut relay = Relay::honest(&world.office);
        let (head, directory) = (change(&mut world), world.office.directory(TODAY));
        propose(&world, &mut relay, &directory, head);
        world.mirror(1, &mut relay).unwrap().contradictions
    };
    assert_eq!(contradictions(&|world| world.office.head()), 0);
    assert_eq!(contradictions(&|world| world.office.batches[0].0.head()), 0);
    assert_eq!(contradictions(&|_| TestOffice::new(21).head()), 0);
    for of in [0, 1] {
        assert_eq!(contradictions(&|world| another(world, of).0.head()), 1);
    }
    let beyond = cssr_proto::index::Head::new(3, TODAY, cssr_proto::Hash([3; 32])).unwrap();
    assert_eq!(contradictions(&|_| beyond), 1);
}

/// A chain of batches of the day before yesterday, yesterday and today; the first courier proposes the head after the
/// `after`-th.
fn signs_behind(after: usize) -> bool {
    let mut world = Fixture::new();
    for day in [TODAY.minus(2), TODAY.minus(1), TODAY] {
        world.letters(day, 1);
    }
    let mut relay = Relay::honest(&world.office);
    let head = match after.checked_sub(1) {
        None => TestOffice::new(21).head(),
        Some(last) => world.office.batches[last].0.head(),
    };
    propose(&world, &mut relay, &world.office.directory(TODAY), head);
    match world.mirror(1, &mut relay).unwrap().note {
        NoteOutcome::Valid { cosigned: true } => true,
        // It says itself what it has seen.
        NoteOutcome::Proposed => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_head_that_leaves_out_batches_of_the_day_before_yesterday_is_not_signed() {
    assert_eq!([0, 1, 2, 3].map(signs_behind), [false, true, true, true]);
}

/// One courier gone bad proposes a note that would be newer than all others of the day for ever.
#[test]
fn a_proposal_with_another_number_than_the_next_is_not_signed_and_uses_none_up() {
    for (valid, serial, cosigned) in
        [(None, 0, true), (None, 1, false), (None, u64::MAX, false), (Some(4), 5, true), (Some(4), 6, false)]
    {
        let mut world = Fixture::new();
        let mut relay = Relay::honest(&world.office);
        let directory = world.office.directory(TODAY);
        if let Some(serial) = valid {
            let note = world.office.note_for(&directory, serial, world.office.head(), None);
            relay.show(&note, &directory, true);
        }
        world.letters(TODAY, 1);
        relay.take_batches(&world.office);
        let key = &world.office.couriers[0].1;
        let note = directory.sign_note(serial, world.office.head(), None, number(1), key).unwrap();
        relay.show(&note, &directory, false);
        let outcome = world.mirror(1, &mut relay).unwrap().note;
        assert_eq!(outcome == NoteOutcome::Valid { cosigned: true }, cosigned, "{valid:?} {serial}");
        // Its own proposal is signed by the next honest courier, whatever the dishonest one says.
        if !cosigned {
            assert_eq!(outcome, NoteOutcome::Proposed);
            assert_eq!(world.mirror(0, &mut relay).unwrap().note, NoteOutcome::Valid { cosigned: true });
            let newest = relay.valid_notes().into_iter().map(|(note, _)| note.serial).max();
            assert_eq!(newest, Some(valid.map_or(0, |serial| serial + 1)));
        }
    }
}

#[test]
fn a_proposal_behind_the_newest_valid_note_is_not_signed() {
    assert!(!signs(|world, relay| {
        let directory = world.office.directory(TODAY);
        let first = world.office.batches[0].0.head();
        let valid = world.office.note_for(&directory, 0, first, None);
        relay.show(&valid, &directory, true);
        let genesis = TestOffice::new(21).head();
        let note = directory.sign_note(1, genesis, None, number(1), &world.office.couriers[0].1).unwrap();
        relay.show(&note, &directory, false);
    }));
}

#[test]
fn forged_notes_and_directories_are_left_out() {
    let mut world = Fixture::new();
    world.letters(TODAY, 1);
    let mut relay = Relay::honest(&world.office);
    // Another office's note about another chain; a note whose directory is another one; one without its directory.
    let mut foreign = TestOffice::new(77);
    foreign.issue(TODAY, |_| {});
    foreign.publish_colleagues(TODAY);
    let directory = foreign.directory(TODAY);
    let head = cssr_proto::index::Head::new(1, TODAY, cssr_proto::Hash([3; 32])).unwrap();
    relay.show(&foreign.note_for(&directory, 0, head, None), &directory, true);
    let own = world.office.directory(TODAY.plus(7));
    relay.show(&world.office.note_for(&own, 0, head, None), &own, true);
    relay.directories.insert(own.hash(), world.office.directory(TODAY).bytes().to_vec());
    let missing = world.office.directory(TODAY.plus(14));
    relay.show(&world.office.note_for(&missing, 0, head, None), &missing, true);
    relay.directories.remove(&missing.hash());
    let report = world.mirror(0, &mut relay).unwrap();
    assert_eq!((report.refused_notes, report.note), (3, NoteOutcome::Proposed));
    assert_eq!(world.folder(0).notes().unwrap().count(), 0);
}

#[test]
fn the_word_of_couriers_that_were_replaced_counts_no_more() {
    let mut world = Fixture::new();
    world.letters(TODAY, 1);
    // Under the old roster both couriers sign another history, long after the office has issued a new one.
    let old = world.office.directory(TODAY);
    let forged = cssr_proto::index::Head::new(1, TODAY, cssr_proto::Hash([3; 32])).unwrap();
    let note = world.office.note_for(&old, 0, forged, None);
    let next = world.office.issue(TODAY.minus(10), |_| {});
    world.couriers[0].accept(next.bytes(), TODAY).unwrap();
    let mut relay = Relay::honest(&world.office);
    relay.show(&note, &old, true);
    let report = world.mirror(0, &mut relay).unwrap();
    assert_eq!((report.refused_notes, report.note), (1, NoteOutcome::Proposed));
}
