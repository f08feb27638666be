//! Puts that come while a sync is under way.

use super::super::JournalStore;
use super::power::open;
use super::sim::{Fault, Sim};
use crate::store::conformance::{burn_key, chunk, day, envelope, got, id, letter, stored};
use crate::store::{BurnOutcome, Kind, Put, PutOutcome, Store as _, StoreError};
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::Duration;

type Outcome = Result<PutOutcome, StoreError>;

/// Enough for a thread to do what it can before it waits for a sync.
const WHILE: Duration = Duration::from_millis(50);

/// Puts a letter, and while its sync waits the others, which so come together; `meanwhile` is called when the sync of the first
/// of them waits, and must let it go on. What became of each.
async fn together(store: &JournalStore, sim: &Sim, others: Vec<Put>, meanwhile: impl AsyncFnOnce()) -> Vec<Outcome> {
    // What a new family syncs is done.
    stored(store, letter(100, day(0))).await;
    after(store, sim, letter(101, day(0)), others, meanwhile).await
}

/// The same, with the letter that is put first.
async fn after(
    store: &JournalStore,
    sim: &Sim,
    first: Put,
    others: Vec<Put>,
    meanwhile: impl AsyncFnOnce(),
) -> Vec<Outcome> {
    sim.permit_syncs(Some(0));
    let first = store.put(first);
    let others = async {
        tokio::time::sleep(WHILE).await;
        join_all(others.into_iter().map(|put| store.put(put))).await
    };
    let conducted = async {
        tokio::time::sleep(2 * WHILE).await;
        sim.permit_syncs(Some(1));
        tokio::time::sleep(WHILE).await;
        meanwhile().await;
    };
    let (first, others, ()) = tokio::join!(first, others, conducted);
    assert_eq!(first, Ok(PutOutcome::Stored));
    others
}

/// Something else under the id of a letter.
fn other_than(seed: u64) -> Put {
    Put { envelope: envelope(seed + 1_000), ..letter(seed, day(0)) }
}

#[tokio::test]
async fn nobody_sees_or_is_told_of_what_is_not_synced() {
    let sim = Sim::new(0);
    let store = open(&sim, 0).unwrap();
    let others = vec![letter(1, day(0)), letter(2, day(0)), letter(3, day(0))];
    let outcomes = together(&store, &sim, others, async || {
        assert_eq!(got(&store, Kind::Letter, 101).await, Some(envelope(101)));
        for seed in 1..=3 {
            assert_eq!(got(&store, Kind::Letter, seed).await, None);
        }
        sim.permit_syncs(None);
    });
    assert_eq!(outcomes.await, vec![Ok(PutOutcome::Stored); 3]);
    sim.power_cycle();
    drop(store);
    let store = open(&sim, 1).unwrap();
    for seed in 1..=3 {
        assert_eq!(got(&store, Kind::Letter, seed).await, Some(envelope(seed)));
    }
}

#[tokio::test]
async fn what_is_not_there_is_burned_without_waiting_for_all_that_is_not_synced() {
    let sim = Sim::new(0);
    let store = open(&sim, 0).unwrap();
    stored(&store, chunk(50, day(0))).await;
    // The writer looks at its queue four times in a sync, and this is how long it expects the next one to last.
    let slow = together(&store, &sim, vec![chunk(1, day(0)), chunk(2, day(0))], async || {
        tokio::time::sleep(40 * WHILE).await;
        sim.permit_syncs(None);
    });
    assert_eq!(slow.await, vec![Ok(PutOutcome::Stored); 2]);
    let outcomes = after(&store, &sim, chunk(3, day(0)), vec![chunk(4, day(0)), chunk(5, day(0))], async || {
        let absent = tokio::time::timeout(20 * WHILE, store.burn(id(7), burn_key(7))).await;
        assert_eq!(absent.expect("it waits for a sync"), Ok(BurnOutcome::Absent));
        let let_go = async {
            tokio::time::sleep(WHILE).await;
            sim.permit_syncs(None);
        };
        let (unsynced, ()) = tokio::join!(store.burn(id(4), burn_key(4)), let_go);
        assert_eq!(unsynced, Ok(BurnOutcome::Burned));
    });
    assert_eq!(outcomes.await, vec![Ok(PutOutcome::Stored); 2]);
}

#[tokio::test]
async fn a_repeated_id_is_answered_once_the_first_is_safe() {
    use PutOutcome::{Already, Conflict, Stored};
    let sim = Sim::new(0);
    let store = open(&sim, 0).unwrap();
    let [one, two, three] = [1, 2, 3].map(|seed| letter(seed, day(0)));
    let others = vec![one.clone(), two, one.clone(), other_than(2), three, one];
    let before = store.syncs();
    let outcomes = together(&store, &sim, others, async || sim.permit_syncs(None)).await;
    assert_eq!(outcomes, [Stored, Stored, Already, Conflict, Stored, Already].map(Ok));
    assert_eq!(store.syncs() - before, 3, "two letters by themselves, and all others together");
    assert_eq!(got(&store, Kind::Letter, 2).await, Some(envelope(2)));
}

#[tokio::test]
async fn what_is_put_again_does_not_wait_for_the_thread_that_writes() {
    use PutOutcome::{Already, Conflict, Stored};
    let sim = Sim::new(0);
    let store = open(&sim, 0).unwrap();
    stored(&store, letter(1, day(0))).await;
    stored(&store, chunk(2, day(0))).await;
    sim.permit_syncs(Some(0));
    let new = store.put(letter(3, day(0)));
    let again = async {
        tokio::time::sleep(WHILE).await;
        let of_another = Put { burn: chunk(4, day(0)).burn, ..chunk(2, day(0)) };
        let puts = [letter(1, day(1)), chunk(2, day(0)), other_than(1), of_another].map(|put| store.put(put));
        let outcomes = tokio::time::timeout(20 * WHILE, join_all(puts)).await;
        sim.permit_syncs(None);
        outcomes.expect("they wait for a sync")
    };
    let (new, again) = tokio::join!(new, again);
    assert_eq!((new, again), (Ok(Stored), [Already, Already, Conflict, Conflict].map(Ok).to_vec()));
}

#[tokio::test]
async fn if_the_sync_fails_all_that_wait_for_it_or_come_after_it_are_told() {
    let sim = Sim::new(0);
    let store = open(&sim, 0).unwrap();
    let [one, two, three] = [1, 2, 3].map(|seed| letter(seed, day(0)));
    let others = vec![one.clone(), two, one, three];
    let outcomes = together(&store, &sim, others, async || {
        sim.fail(Some(Fault::BrokenSyncs(0, 1)));
        sim.permit_syncs(None);
    });
    let outcomes = outcomes.await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(StoreError::Failed(_)))), "{outcomes:?}");
    assert!(matches!(store.put(letter(4, day(0))).await, Err(StoreError::Failed(_))));
    assert!(matches!(store.seal(Kind::Letter).await, Err(StoreError::Failed(_))));
    for seed in 1..=4 {
        assert_eq!(got(&store, Kind::Letter, seed).await, None);
    }
}

#[tokio::test]
async fn what_waits_while_a_sync_fails_is_not_synced_afterwards() {
    let sim = Sim::new(0);
    let store = open(&sim, 0).unwrap();
    // From this the writer knows how long a sync takes, and looks at its queue in the next.
    let slow = together(&store, &sim, vec![letter(1, day(0)), letter(2, day(0))], async || {
        tokio::time::sleep(8 * WHILE).await;
        sim.permit_syncs(None);
    });
    assert_eq!(slow.await, vec![Ok(PutOutcome::Stored); 2]);
    let mut late = Vec::new();
    let others = vec![letter(3, day(0)), letter(4, day(0))];
    let mut outcomes = after(&store, &sim, letter(102, day(0)), others, async || {
        let puts = join_all([5, 6].map(|seed| store.put(letter(seed, day(0)))));
        let fails = async {
            tokio::time::sleep(8 * WHILE).await;
            sim.fail(Some(Fault::BrokenSyncs(0, 1)));
            sim.permit_syncs(None);
        };
        late = tokio::join!(puts, fails).0;
    })
    .await;
    outcomes.append(&mut late);
    assert_eq!(outcomes.len(), 4);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(StoreError::Failed(_)))), "{outcomes:?}");
    drop(store);
    assert_eq!(sim.syncs(), 1, "another might have succeeded");
}

#[tokio::test]
async fn a_seal_lists_what_was_put_before_it() {
    let sim = Sim::new(0);
    let store = open(&sim, 0).unwrap();
    let others = vec![letter(1, day(0)), letter(2, day(0))];
    let (outcomes, batch) = {
        let sealing = async {
            // After the puts, while the first of all waits for its sync.
            tokio::time::sleep(WHILE + WHILE / 2).await;
            store.seal(Kind::Letter).await.unwrap().unwrap()
        };
        tokio::join!(together(&store, &sim, others, async || sim.permit_syncs(None)), sealing)
    };
    assert_eq!(outcomes, vec![Ok(PutOutcome::Stored); 2]);
    assert_eq!(batch.ids().len(), 4);
}

/// As each connection does for each letter.
#[tokio::test]
async fn whoever_draws_random_bytes_does_not_wait_for_the_files_of_a_new_day() {
    for permitted in 0..6 {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        stored(&store, letter(1, day(0))).await;
        sim.permit_syncs(Some(permitted));
        let drawn = async {
            tokio::time::sleep(WHILE).await;
            let core = Arc::clone(&store.core);
            let drawn = tokio::task::spawn_blocking(move || core.nonce());
            let drawn = tokio::time::timeout(Duration::from_secs(1), drawn).await;
            sim.permit_syncs(None);
            assert!(drawn.is_ok(), "while sync {permitted} waits");
        };
        let (put, ()) = tokio::join!(store.put(letter(2, day(1))), drawn);
        assert_eq!(put, Ok(PutOutcome::Stored));
    }
}
