//! A disk that fails, and one that is full.

use super::super::key::{DayKey, Loaded};
use super::power::{block_on, open};
use super::sim::{Fault, Sim};
use crate::store::conformance::{LIVES, burn_key, chunk, day, envelope, got, id, letter, stored};
use crate::store::volume_id::VolumeId;
use crate::store::{BurnOutcome, Kind, OpenError, PutOutcome, Shelf, StatementName, Store as _, StoreError};

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_but_reads_and_expiry_go_on() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        stored(&store, letter(1, day(0))).await;
        stored(&store, chunk(2, day(1))).await;
        store.seal(Kind::Letter).await.unwrap();
        stored(&store, letter(3, day(1))).await;
        sim.fail(Some(Fault::BrokenSyncs(0, 1)));
        assert!(matches!(store.put(letter(4, day(1))).await, Err(StoreError::Failed(_))));
        // The disk is well again; the store must not believe it.
        for put in [letter(4, day(1)), letter(1, day(1)), letter(5, day(1))] {
            assert!(matches!(store.put(put).await, Err(StoreError::Failed(_))));
        }
        assert!(matches!(store.burn(id(2), burn_key(2)).await, Err(StoreError::Failed(_))));
        assert!(matches!(store.seal(Kind::Letter).await, Err(StoreError::Failed(_))));
        let name = StatementName::new("name").unwrap();
        assert!(matches!(store.put_statement(Shelf::Notes, name, vec![1]).await, Err(StoreError::Failed(_))));

        assert_eq!(got(&store, Kind::Letter, 4).await, None, "what was not synced is not shown");
        assert_eq!(got(&store, Kind::Letter, 3).await, Some(envelope(3)));
        assert_eq!(store.batches(Kind::Letter, day(0)).await.unwrap().len(), 1);
        assert_eq!(store.expire(day(LIVES.letters + 1), LIVES).await.unwrap(), 2);
        assert!(!sim.files().iter().any(|path| path.ends_with("letters-20000.key")));
        assert!(matches!(store.close().await, Err(StoreError::Failed(_))));
        drop(store);
        let store = open(&sim, 1).unwrap();
        assert_eq!(got(&store, Kind::Letter, 3).await, Some(envelope(3)));
        let again = store.put(letter(4, day(1))).await.unwrap();
        assert!(matches!(again, PutOutcome::Stored | PutOutcome::Already));
        drop(store);
        sim.power_cycle();
        assert_eq!(got(&open(&sim, 2).unwrap(), Kind::Letter, 4).await, Some(envelope(4)), "now it was acknowledged");
    });
}

/// Nor does a second attempt, which might succeed and would prove nothing.
#[test]
fn a_failed_seal_announces_nothing() {
    block_on(async {
        // Two records are written, more space is made, which may be missing, all that is synced, and then the head.
        let broken = (0..6).map(Fault::Broken).chain([0, 1, 3, 4, 5].map(|call| Fault::Full(call, 1)));
        for fault in broken.chain((0..2).map(|sync| Fault::BrokenSyncs(sync, 1))) {
            for seed in 0..4 {
                let sim = Sim::new(seed);
                let store = open(&sim, 0).unwrap();
                stored(&store, letter(1, day(0))).await;
                sim.fail(Some(fault));
                for _ in 0..2 {
                    assert!(matches!(store.seal(Kind::Letter).await, Err(StoreError::Failed(_))), "{fault:?}");
                    assert_eq!(store.head(Kind::Letter).await.unwrap().number(), 0, "{fault:?}");
                    assert!(store.batches(Kind::Letter, day(0)).await.unwrap().is_empty());
                }
                assert!(store.close().await.is_err());
                drop(store);
                if seed % 2 == 0 {
                    sim.power_cycle();
                }
                let store = open(&sim, 1).unwrap();
                // It was all written, or is sealed now.
                store.seal(Kind::Letter).await.unwrap();
                assert_eq!(store.head(Kind::Letter).await.unwrap().number(), 1, "{fault:?}");
                assert_eq!((store.damage().envelopes, store.damage().batches), (0, 0));
            }
        }
    });
}

/// A full disk takes no new file, and lets what is there be written over.
#[test]
fn a_store_that_was_opened_on_a_full_disk_seals_as_soon_as_it_can() {
    block_on(async {
        use super::super::disk::Disk as _;
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        stored(&store, letter(1, day(0))).await;
        drop(store);
        let before = sim.copy();
        sim.no_more_space();
        let store = open(&sim, 1).unwrap();
        assert_eq!(store.seal(Kind::Letter).await.unwrap().unwrap().number(), 1, "in the file that is there");
        drop(store);

        // A store of before has no such file.
        before.remove("/store/heads".as_ref()).unwrap();
        before.no_more_space();
        let store = open(&before, 1).unwrap();
        for _ in 0..2 {
            assert_eq!(store.seal(Kind::Letter).await, Err(StoreError::NoSpace));
        }
        assert_eq!(store.head(Kind::Letter).await.unwrap().number(), 0);
        before.space_again();
        assert_eq!(store.seal(Kind::Letter).await.unwrap().unwrap().number(), 1);
    });
}

/// Whatever finds no space, of all the calls that a first put, a seal, a burn and a statement make.
#[test]
fn a_full_disk_refuses_and_goes_on_once_there_is_room() {
    block_on(async {
        let mut refused = 0;
        for full in 0..40 {
            let sim = Sim::new(full);
            let store = open(&sim, 0).unwrap();
            sim.fail(Some(Fault::Full(full, u64::MAX)));
            let put = store.put(chunk(1, day(0))).await;
            let sealed = store.seal(Kind::Chunk).await;
            let burned = store.burn(id(1), burn_key(1)).await;
            let name = StatementName::new("name").unwrap();
            let said = store.put_statement(Shelf::Notes, name, vec![1]).await;
            sim.fail(None);
            match &put {
                Ok(PutOutcome::Full) => refused += 1,
                Ok(PutOutcome::Stored) => {}
                // In the middle of a write: then a restart is needed.
                other => assert!(matches!(other, Err(StoreError::Failed(_))), "{other:?} at call {full}"),
            }
            let failed = [put.err(), sealed.err(), burned.err(), said.err()];
            if failed.iter().flatten().any(|error| matches!(error, StoreError::Failed(_))) {
                continue;
            }
            let again = store.put(chunk(2, day(0))).await.unwrap();
            assert_eq!(again, PutOutcome::Stored, "at call {full}");
            assert!(store.seal(Kind::Chunk).await.unwrap().is_some());
            drop(store);
            assert!(open(&sim, 1).is_ok());
        }
        assert!(refused >= 8, "{refused}");
    });
}

/// Whether the key of the first day is.
fn is_destroyed(sim: &Sim, kind: Kind) -> bool {
    match DayKey::load(sim, "/store/keys".as_ref(), VolumeId { kind, day: day(0) }).unwrap() {
        Loaded::Key(_) => false,
        Loaded::Destroyed | Loaded::Missing => true,
    }
}

/// Nothing finds space from some call on, when a day begins.
#[test]
fn a_day_that_begins_on_a_full_disk_is_taken_up_once_there_is_room() {
    block_on(async {
        let mut refused = 0;
        for (today, full) in [1, LIVES.letters + 1].into_iter().flat_map(|today| (0..20).map(move |full| (today, full)))
        {
            let sim = Sim::new(full);
            let store = open(&sim, 0).unwrap();
            stored(&store, letter(1, day(0))).await;
            store.seal(Kind::Letter).await.unwrap();
            sim.fail(Some(Fault::Full(full, u64::MAX)));
            match store.expire(day(today), LIVES).await {
                Ok(_) => {}
                Err(StoreError::NoSpace) => refused += 1,
                Err(other) => panic!("{other:?} at call {full}"),
            }
            sim.fail(None);
            store.expire(day(today), LIVES).await.unwrap();
            let expired = today > LIVES.letters;
            assert_eq!(is_destroyed(&sim, Kind::Letter), expired, "day {today}, call {full}");
            let is_there = sim.files().contains(&"/store/keys/letters-20000.key".into());
            assert_ne!(is_there, expired, "nor is there a sign of it: day {today}, call {full}");
            stored(&store, letter(2, day(today))).await;
            drop(store);
            let store = open(&sim, 1).unwrap();
            assert_eq!(got(&store, Kind::Letter, 1).await.is_none(), expired);
            assert_eq!(got(&store, Kind::Letter, 2).await, Some(envelope(2)));
        }
        assert!(refused >= 8, "{refused}");
    });
}

/// Nor is it said that it has begun as long as that was not noted down.
#[test]
fn a_day_that_was_not_noted_down_is_noted_down_once_there_is_room() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        stored(&store, letter(1, day(0))).await;
        sim.no_more_space();
        for _ in 0..3 {
            assert_eq!(store.expire(day(1), LIVES).await, Err(StoreError::NoSpace));
        }
        sim.space_again();
        assert_eq!(store.expire(day(1), LIVES).await, Ok(0));
        let then = open(&sim.copy(), 1).unwrap();
        assert_eq!(then.latest_day().await.unwrap(), day(1));
        assert_eq!(store.expire(day(1), LIVES).await, Ok(0));
    });
}

/// Nothing expires that night, but of the day before much stands ready that it will not need any more.
#[test]
fn a_day_begins_on_a_full_disk_with_the_space_that_the_one_before_has_left() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        stored(&store, chunk(1, day(0))).await;
        store.seal(Kind::Chunk).await.unwrap();
        sim.no_more_space();
        assert_eq!(store.expire(day(1), LIVES).await, Ok(0));
        assert_eq!(store.latest_day().await, Ok(day(1)));
        // Enough for the files of a day, not for what shall be at hand in each.
        assert_eq!(store.begin(day(1)).await, Err(StoreError::NoSpace));
        sim.space_again();
        store.begin(day(1)).await.unwrap();
        stored(&store, chunk(2, day(1))).await;
        assert_eq!(got(&store, Kind::Chunk, 1).await, Some(envelope(1)));
    });
}

/// File systems keep what they could take, up to 64 MiB of what others need more: a manifest, a mark, a statement.
#[test]
fn what_was_not_enough_is_given_back() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        for free in [0, 1 << 20, 3 << 20] {
            sim.space(free);
            let used = sim.used();
            assert_eq!(store.put(letter(1, day(0))).await, Ok(PutOutcome::Full));
            let taken = sim.used() - used;
            assert!(taken < 16_384, "{taken} of {free}");
        }
        sim.space_again();
        stored(&store, letter(1, day(0))).await;
    });
}

/// A device may promise more space than it has, and say so when it is too late. Whoever hears of it, what others wrote is gone,
/// too.
#[test]
fn a_sync_that_fails_for_want_of_space_is_no_full_disk() {
    block_on(async {
        let mut failed = 0;
        for sync in 0..6 {
            let sim = Sim::new(0);
            let store = open(&sim, 0).unwrap();
            for seed in 0..3 {
                stored(&store, chunk(seed, day(0))).await;
            }
            assert_eq!(store.burn(id(0), burn_key(0)).await.unwrap(), BurnOutcome::Burned);
            // There is no room for the first letter, so what was burned is given back, and that is synced, as the files of the
            // new day are.
            sim.no_more_space();
            sim.fail(Some(Fault::FullSyncs(sync, 1)));
            let put = store.put(letter(3, day(0))).await;
            sim.fail(None);
            let is_failed = matches!(put, Err(StoreError::Failed(_)));
            assert!(is_failed || put == Ok(PutOutcome::Full), "{put:?}");
            failed += u32::from(is_failed);
            let next = store.put(chunk(4, day(0))).await;
            assert_eq!(matches!(next, Err(StoreError::Failed(_))), is_failed, "{next:?}");
        }
        assert!(failed > 0);
    });
}

/// No space and no open file, not even to look whether something can be given back.
#[test]
fn a_burn_that_finds_nothing_at_all_fails_nothing_else() {
    block_on(async {
        for full in 0..30 {
            let sim = Sim::new(0);
            let store = open(&sim, 0).unwrap();
            stored(&store, chunk(1, day(0))).await;
            store.seal(Kind::Chunk).await.unwrap();
            // A day that is over gets an index, which goes before the next change.
            store.expire(day(1), LIVES).await.unwrap();
            sim.fail(Some(Fault::Full(full, u64::MAX)));
            let burned = store.burn(id(1), burn_key(1)).await;
            sim.fail(None);
            match burned {
                Err(StoreError::NoSpace) => stored(&store, chunk(2, day(1))).await,
                Ok(BurnOutcome::Burned) => {}
                // In the middle of a write.
                other => assert!(full > 0 && matches!(other, Err(StoreError::Failed(_))), "{other:?} at call {full}"),
            }
        }
    });
}

/// What cannot be destroyed, or noted down, for a while: what is put again meanwhile is another copy, which stays.
#[test]
fn what_has_expired_and_is_put_again_does_not_go_with_its_day() {
    block_on(async {
        let (mut refused, mut taken) = (0, 0);
        let faults = (0..24).flat_map(|call| [1, 2, 4, u64::MAX].map(|count| Fault::Full(call, count)));
        for (kind, fault) in faults.flat_map(|fault| [(Kind::Letter, fault), (Kind::Chunk, fault)]) {
            for is_listed in [true, false] {
                let put = |number| match kind {
                    Kind::Letter => letter(1, day(number)),
                    Kind::Chunk => chunk(1, day(number)),
                };
                let sim = Sim::new(0);
                let store = open(&sim, 0).unwrap();
                stored(&store, put(0)).await;
                store.seal(kind).await.unwrap();
                let today = LIVES.letters.max(LIVES.chunks) + 1;
                sim.fail(Some(fault));
                let expired = store.expire(day(today), LIVES).await;
                sim.fail(None);
                refused += u32::from(expired == Err(StoreError::NoSpace));
                let again = store.put(put(today)).await.unwrap();
                assert!(matches!(again, PutOutcome::Stored | PutOutcome::Full), "{again:?} after {fault:?}");
                taken += u32::from(again == PutOutcome::Stored);
                if is_listed {
                    store.seal(kind).await.unwrap();
                }
                drop(store);
                sim.power_cycle();
                let store = open(&sim, 1).unwrap();
                store.expire(day(today), LIVES).await.unwrap();
                let expected = (again == PutOutcome::Stored).then(|| envelope(1));
                assert!(got(&store, kind, 1).await == expected, "{kind:?} after {fault:?}, listed: {is_listed}");
                assert_eq!(store.damage(), Default::default(), "{fault:?}");
                assert_eq!(store.put(put(today)).await.unwrap() == PutOutcome::Stored, expected.is_none());
            }
        }
        assert!(refused > 20 && taken > 300, "{refused} refused, {taken} taken");
    });
}

/// The sign that its key was destroyed may not last, nor may that it was noted down: it would be found again as if it had not
/// expired, and what was put again with it.
#[test]
fn a_store_that_was_opened_on_a_full_disk_takes_nothing_before_it_has_noted_down_what_has_expired() {
    block_on(async {
        let (mut refused, mut taken) = (0, 0);
        let today = LIVES.letters + 1;
        for seed in 0..192 {
            let (first, second) = (seed % 4, seed / 4 % 6);
            let sim = Sim::new(seed);
            let store = open(&sim, 0).unwrap();
            stored(&store, letter(1, day(0))).await;
            store.seal(Kind::Letter).await.unwrap();
            stored(&store, letter(2, day(today))).await;
            sim.no_more_space();
            sim.fail(Some(Fault::FullSyncs(first, 1)));
            let _ = store.expire(day(today), LIVES).await;
            drop(store);
            sim.fail(Some(Fault::FullSyncs(second, 1)));
            let opened = open(&sim, 1);
            sim.fail(None);
            sim.space_again();
            let Ok(store) = opened else { continue };
            let again = store.put(letter(1, day(today))).await.unwrap();
            refused += u32::from(again == PutOutcome::Full);
            taken += u32::from(again == PutOutcome::Stored);
            drop(store);
            sim.power_cycle();
            let store = open(&sim, 2).unwrap();
            store.expire(day(today), LIVES).await.unwrap();
            if again == PutOutcome::Stored {
                assert_eq!(got(&store, Kind::Letter, 1).await, Some(envelope(1)), "{first}, {second}");
            }
        }
        assert!(refused >= 8 && taken >= 100, "{refused} refused, {taken} taken");
    });
}

/// What is destroyed makes the room, unless others take it.
#[test]
fn a_store_that_was_stopped_within_an_expiry_opens_on_a_full_disk() {
    block_on(async {
        use super::super::disk::Disk as _;
        let mut destroyed = 0;
        for (cut, others) in (0..30).flat_map(|cut| [(cut, false), (cut, true)]) {
            let sim = Sim::new(cut);
            let store = open(&sim, 0).unwrap();
            stored(&store, letter(1, day(0))).await;
            sim.fail(Some(Fault::PowerCut(cut)));
            let _ = store.expire(day(LIVES.letters + 1), LIVES).await;
            drop(store);
            sim.fail(None);
            sim.power_cycle();
            let was_destroyed = is_destroyed(&sim, Kind::Letter);
            destroyed += u32::from(was_destroyed);
            for path in sim.files().into_iter().filter(|path| others && path.starts_with("/store/spare")) {
                sim.remove(&path).unwrap();
            }
            sim.no_more_space();
            let store = open(&sim, 1).unwrap_or_else(|error| panic!("cut {cut}: {error}"));
            assert!(!was_destroyed || got(&store, Kind::Letter, 1).await.is_none(), "cut {cut}");
            sim.space_again();
            store.expire(day(LIVES.letters + 1), LIVES).await.unwrap();
            assert!(is_destroyed(&sim, Kind::Letter), "cut {cut}");
            stored(&store, letter(2, day(LIVES.letters + 1))).await;
            drop(store);
            let store = open(&sim, 2).unwrap_or_else(|error| panic!("cut {cut}: {error}"));
            assert_eq!(got(&store, Kind::Letter, 2).await, Some(envelope(2)), "cut {cut}");
        }
        assert!(destroyed >= 8, "{destroyed}");
    });
}

/// Whatever the system says is free, which is not known of a folder that it does not have.
#[test]
fn want_of_space_for_what_will_come_shows_from_one_batch_to_the_next() {
    block_on(async {
        for kind in [Kind::Letter, Kind::Chunk] {
            let put = |seed, number| match kind {
                Kind::Letter => letter(seed, day(number)),
                Kind::Chunk => chunk(seed, day(number)),
            };
            let sim = Sim::new(0);
            let store = open(&sim, 0).unwrap();
            let mut seeds = 0..;
            store.begin(day(0)).await.unwrap();
            let mut come = async |count: usize, number| {
                for seed in seeds.by_ref().take(count) {
                    stored(&store, put(seed, number)).await;
                }
            };
            come(60, 0).await;
            store.seal(kind).await.unwrap();
            assert_eq!(store.free().await, None);
            sim.no_more_space();
            come(220, 0).await;
            assert_eq!(store.free().await, None, "as it was when the last batch was listed");
            store.seal(kind).await.unwrap();
            assert_eq!(store.free().await, Some(0));
            sim.space_again();
            let before = sim.space_changes();
            come(220, 0).await;
            assert_eq!(sim.space_changes(), before, "there was no need to ask again");
            come(20, 0).await;
            assert!(sim.space_changes() > before);
            if kind == Kind::Chunk {
                assert_eq!(store.burn(id(0), burn_key(0)).await.unwrap(), BurnOutcome::Burned);
            }
            let other = if kind == Kind::Letter { chunk(5_000, day(0)) } else { letter(5_000, day(0)) };
            let of_other = other.kind;
            stored(&store, other).await;
            store.seal(of_other).await.unwrap();
            assert_eq!(store.free().await, Some(0), "of each kind by itself");
            store.seal(kind).await.unwrap();
            assert_eq!(store.free().await, None);

            sim.no_more_space();
            come(300, 0).await;
            store.seal(kind).await.unwrap();
            assert_eq!(store.free().await, Some(0));
            store.begin(day(0)).await.unwrap();
            assert_eq!(store.free().await, Some(0), "of this day there is no more");
            sim.space_again();
            store.expire(day(1), LIVES).await.unwrap();
            assert_eq!(store.free().await, Some(0));
            store.begin(day(1)).await.unwrap();
            assert_eq!(store.free().await, None);
        }
    });
}

/// Whatever fails of it, the key of a day that has expired goes, and the store opens.
#[test]
fn what_could_not_be_destroyed_is_destroyed_the_next_time() {
    block_on(async {
        let mut failed = 0;
        for broken in 0..20 {
            let sim = Sim::new(broken);
            let store = open(&sim, 0).unwrap();
            stored(&store, letter(1, day(0))).await;
            stored(&store, chunk(2, day(0))).await;
            let today = day(LIVES.letters.max(LIVES.chunks) + 1);
            sim.fail(Some(Fault::Broken(broken)));
            failed += u32::from(store.expire(today, LIVES).await.is_err());
            sim.fail(None);
            store.expire(today, LIVES).await.unwrap();
            assert!(is_destroyed(&sim, Kind::Letter) && is_destroyed(&sim, Kind::Chunk), "call {broken}");
            drop(store);
            let store = open(&sim, 1).unwrap();
            assert_eq!(got(&store, Kind::Letter, 1).await, None);
        }
        assert!(failed >= 4, "{failed}");
    });
}

/// With space for nothing more than what is preallocated, what waits can be sealed.
#[test]
fn what_waits_always_finds_room_for_its_batch() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        stored(&store, letter(0, day(0))).await;
        sim.fail(Some(Fault::Full(0, 0)));
        let mut taken = 1;
        loop {
            // No more space, but what there is can be written.
            sim.no_more_space();
            match store.put(letter(taken, day(0))).await.unwrap() {
                PutOutcome::Stored => taken += 1,
                PutOutcome::Full => break,
                other => panic!("{other:?}"),
            }
        }
        assert!(taken > 200, "{taken}");
        let batch = store.seal(Kind::Letter).await.unwrap().unwrap();
        assert_eq!(batch.ids().len() as u64, taken);
    });
}

/// It may have got its name, and it was not made sure that this lasts.
#[test]
fn a_statement_that_is_served_outlasts_a_loss_of_power_though_it_was_never_acknowledged() {
    block_on(async {
        let name = || StatementName::new("name").unwrap();
        let (mut old, mut new) = (0, 0);
        for (seed, broken) in (0..).zip((0..8).flat_map(|call| [call; 8])) {
            let sim = Sim::new(seed);
            let store = open(&sim, 0).unwrap();
            store.put_statement(Shelf::Notes, name(), vec![1]).await.unwrap();
            sim.fail(Some(Fault::Broken(broken)));
            let _ = store.put_statement(Shelf::Notes, name(), vec![2]).await;
            sim.fail(None);
            drop(store);
            let store = open(&sim, 1).unwrap();
            let served = store.statement(Shelf::Notes, name()).await.unwrap();
            *(if served == Some(vec![1]) { &mut old } else { &mut new }) += 1;
            drop(store);
            sim.power_cycle();
            let store = open(&sim, 2).unwrap();
            assert_eq!(store.statement(Shelf::Notes, name()).await.unwrap(), served, "{seed}, call {broken}");
        }
        assert!(old >= 16 && new >= 16, "{old} and {new}");
    });
}

#[test]
fn two_stores_do_not_share_a_folder() {
    let sim = Sim::new(0);
    let store = open(&sim, 0).unwrap();
    assert!(matches!(open(&sim, 1), Err(OpenError::Locked)));
    drop(store);
    assert!(open(&sim, 2).is_ok());
}
