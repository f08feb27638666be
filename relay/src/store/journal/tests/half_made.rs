//! A day that could not be made: whatever fails of it, the store opens, holds what it acknowledged, and nothing else is left.

use super::power::{block_on, open};
use super::sim::{Fault, Sim};
use crate::store::conformance::{LIVES, chunk, day, envelope, got, letter, stored};
use crate::store::{JournalStore, Kind, PutOutcome, Store as _, StoreError};

/// The calls that a day is made with, and a few more.
const CALLS: u64 = 24;
/// The day before has left its journal to it.
const TODAY: u32 = LIVES.letters + 1;

/// A store in which a day has expired, and its journal is kept for the next one.
async fn with_spare(sim: &Sim) -> JournalStore {
    let store = open(sim, 0).unwrap();
    stored(&store, letter(1, day(0))).await;
    stored(&store, chunk(2, day(LIVES.letters))).await;
    store.seal(Kind::Letter).await.unwrap();
    store.expire(day(TODAY), LIVES).await.unwrap();
    assert!(sim.files().iter().any(|path| path.ends_with("spare/letters")));
    store
}

/// Tries to begin a day with this fault; whether its letter was stored.
async fn begun(sim: &Sim, store: &JournalStore, fault: Fault) -> Result<bool, StoreError> {
    sim.fail(Some(fault));
    let put = store.put(letter(3, day(TODAY))).await;
    sim.fail(None);
    Ok(match put? {
        PutOutcome::Stored => true,
        PutOutcome::Full => false,
        other => panic!("{other:?} with {fault:?}"),
    })
}

/// The store after a restart. What was never acknowledged may be there, too.
async fn reopened(sim: &Sim, is_stored: bool, what: &str) -> JournalStore {
    let store = open(sim, 1).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(got(&store, Kind::Chunk, 2).await, Some(envelope(2)), "{what}");
    if is_stored {
        assert_eq!(got(&store, Kind::Letter, 3).await, Some(envelope(3)), "{what}");
    }
    assert_eq!(store.head(Kind::Letter).await.unwrap().number(), 1, "{what}");
    store
}

/// Whether there is a file of the day, or its key.
fn is_left(sim: &Sim) -> bool {
    let name = format!("letters-{}", day(TODAY).0);
    sim.files().iter().any(|path| path.to_string_lossy().contains(&name))
}

fn faults() -> impl Iterator<Item = Fault> {
    let at = |call| [Fault::Broken(call), Fault::Full(call, 1), Fault::Full(call, u64::MAX)];
    (0..CALLS).flat_map(at)
}

#[test]
fn once_the_next_day_has_come_nothing_of_it_is_left() {
    block_on(async {
        let (mut failed, mut full) = (0, 0);
        for (seed, fault) in (0..).zip(faults()) {
            for is_closed in [true, false] {
                let what = format!("{fault:?}, closed: {is_closed}");
                let sim = Sim::new(seed);
                let store = with_spare(&sim).await;
                let begun = begun(&sim, &store, fault).await;
                failed += u32::from(begun.is_err());
                full += u32::from(begun == Ok(false));
                store.expire(day(TODAY + 1), LIVES).await.unwrap();
                if is_closed {
                    let _ = store.close().await;
                }
                drop(store);
                if !is_closed {
                    sim.power_cycle();
                }
                let is_stored = begun == Ok(true);
                let store = reopened(&sim, is_stored, &what).await;
                // A failed write may have been one all the same.
                if !is_stored && got(&store, Kind::Letter, 3).await.is_none() {
                    store.expire(day(TODAY + 1), LIVES).await.unwrap();
                    assert!(begun.is_err() || !is_left(&sim), "{what}: {:?}", sim.files());
                }
                stored(&store, letter(4, day(TODAY + 1))).await;
                store.expire(day(2 * TODAY), LIVES).await.unwrap();
                assert!(!is_left(&sim), "{what}: {:?}", sim.files());
            }
        }
        assert!(failed >= 16 && full >= 16, "{failed} failed, {full} full");
    });
}

#[test]
fn if_it_is_tried_again_after_an_attempt_to_destroy_it_the_store_opens_whenever_the_power_goes() {
    block_on(async {
        let full = (8..CALLS).step_by(2).flat_map(|begun_at| (2..8).map(move |destroyed_at| (begun_at, destroyed_at)));
        for (seed, (begun_at, destroyed_at)) in (0..).zip(full) {
            for cut in 0..CALLS {
                let what = format!("full at {begun_at}, then at {destroyed_at}, without power at {cut}");
                let sim = Sim::new(seed);
                let store = with_spare(&sim).await;
                match begun(&sim, &store, Fault::Full(begun_at, u64::MAX)).await {
                    Ok(false) => {}
                    Ok(true) | Err(_) => break,
                }
                sim.fail(Some(Fault::Full(destroyed_at, u64::MAX)));
                let _ = store.expire(day(TODAY), LIVES).await;
                let begun = begun(&sim, &store, Fault::PowerCut(cut)).await;
                if begun == Ok(true) {
                    // Which had not been done.
                    assert_eq!(store.expire(day(TODAY), LIVES).await, Ok(0), "{what}");
                }
                drop(store);
                sim.power_cycle();
                reopened(&sim, begun == Ok(true), &what).await;
                if begun == Ok(true) {
                    break;
                }
            }
        }
    });
}

#[test]
fn whatever_finds_no_space_of_several_attempts_to_make_and_to_destroy_it_the_store_opens() {
    block_on(async {
        let (mut stored, mut refused) = (0, 0);
        for seed in 0..1_500 {
            let at = |most: u64, step: u64| Fault::Full(seed / step % most, if seed % 3 == 0 { 1 } else { u64::MAX });
            let sim = Sim::new(seed);
            let store = with_spare(&sim).await;
            let mut is_stored = false;
            for fault in [at(CALLS, 1), at(19, 5), at(CALLS - 1, 7)] {
                is_stored = is_stored || begun(&sim, &store, fault).await.is_ok_and(|begun| begun);
                sim.fail(Some(at(9, 3)));
                let _ = store.expire(day(TODAY), LIVES).await;
                sim.fail(None);
            }
            let _ = store.expire(day(TODAY), LIVES).await;
            *(if is_stored { &mut stored } else { &mut refused }) += 1;
            drop(store);
            sim.power_cycle();
            reopened(&sim, is_stored, &format!("{seed}")).await;
        }
        assert!(stored >= 100 && refused >= 100, "{stored} stored, {refused} refused");
    });
}

/// What changed names and could not make that last is no want of space.
#[test]
fn a_journal_that_was_given_to_it_and_may_not_last_fails_the_store() {
    block_on(async {
        let mut given = 0;
        for call in 0..CALLS {
            let sim = Sim::new(call);
            let store = with_spare(&sim).await;
            let used_again = sim.used_again();
            let begun = begun(&sim, &store, Fault::Full(call, 1)).await;
            if sim.used_again() > used_again {
                given += 1;
                // Three more: both folders' syncs, and space for the letter.
                assert!(begun == Ok(true) || matches!(begun, Err(StoreError::Failed(_))), "call {call}: {begun:?}");
            }
        }
        assert!(given >= 2, "{given}");
    });
}

/// A key's file may have got its name, and it was not made sure that this lasts.
#[test]
fn what_is_put_into_a_day_whose_making_failed_outlasts_a_loss_of_power_after_the_next_start() {
    block_on(async {
        let mut failed = 0;
        for (seed, (full, broken)) in
            (0..).zip((0..CALLS).flat_map(|full| (0..CALLS).map(move |broken| (full, broken))))
        {
            let sim = Sim::new(seed);
            let store = with_spare(&sim).await;
            if begun(&sim, &store, Fault::Full(full, u64::MAX)).await != Ok(false) {
                continue;
            }
            failed += u32::from(begun(&sim, &store, Fault::Broken(broken)).await.is_err());
            drop(store);
            let store = open(&sim, 1).unwrap();
            stored(&store, letter(4, day(TODAY))).await;
            drop(store);
            sim.power_cycle();
            let what = format!("full at {full}, broken at {broken}");
            let store = open(&sim, 2).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(got(&store, Kind::Letter, 4).await, Some(envelope(4)), "{what}");
        }
        assert!(failed >= 100, "{failed}");
    });
}
