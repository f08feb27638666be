//! What lasts, and what must not.

use super::{AMPLE, Engine, LIVES, burn_key, chunk, day, envelope, got, id, letter, stored};
use crate::store::{Kind, Pending, PutOutcome, STATEMENT_MAX, Shelf, StatementName, Store as _, StoreError};

pub async fn expiry_destroys_and_frees_ids<E: Engine>(mut engine: E) {
    let mut store = engine.open(AMPLE);
    for n in 0..3 {
        stored(&store, letter(n, day(0))).await;
    }
    store.seal(Kind::Letter).await.unwrap();
    stored(&store, letter(3, day(0))).await; // waits
    stored(&store, letter(4, day(1))).await;
    assert_eq!(store.expire(day(LIVES.letters), LIVES).await.unwrap(), 0, "the last day of its life");
    assert_eq!(got(&store, Kind::Letter, 0).await, Some(envelope(0)));
    assert_eq!(store.put(letter(0, day(LIVES.letters))).await.unwrap(), PutOutcome::Already);
    assert_eq!(store.expire(day(LIVES.letters + 1), LIVES).await.unwrap(), 1);
    for _ in 0..2 {
        for n in 0..4 {
            assert_eq!(got(&store, Kind::Letter, n).await, None);
        }
        assert!(store.batches(Kind::Letter, day(0)).await.unwrap().is_empty());
        assert_eq!(store.letters(day(0), 0, 1).await.unwrap(), [None]);
        assert_eq!(got(&store, Kind::Letter, 4).await, Some(envelope(4)));
        assert_eq!(store.pending(Kind::Letter).await.unwrap(), Some(Pending { day: day(1), count: 1 }));
        store = engine.reopen(store).await;
    }
    stored(&store, letter(0, day(LIVES.letters + 1))).await;
    assert_eq!(store.expire(day(LIVES.letters + 1), LIVES).await.unwrap(), 0);
}

pub async fn each_kind_has_its_life<E: Engine>(mut engine: E) {
    let store = engine.open(AMPLE);
    stored(&store, letter(1, day(0))).await;
    stored(&store, chunk(2, day(0))).await;
    assert_eq!(store.expire(day(LIVES.chunks + 1), LIVES).await.unwrap(), 1);
    assert_eq!(got(&store, Kind::Chunk, 2).await, None);
    assert_eq!(got(&store, Kind::Letter, 1).await, Some(envelope(1)));
    assert_eq!(store.expire(day(LIVES.letters + 1), LIVES).await.unwrap(), 1);
    assert_eq!(got(&store, Kind::Letter, 1).await, None);
}

pub async fn a_day_that_is_begun_or_covered_holds_what_it_held<E: Engine>(mut engine: E) {
    let store = engine.open(AMPLE);
    store.cover().await;
    store.begin(day(1)).await.unwrap();
    assert_eq!(store.pending(Kind::Letter).await.unwrap(), None);
    stored(&store, letter(1, day(1))).await;
    let batch = store.seal(Kind::Letter).await.unwrap();
    // Again, and a day that has passed.
    for number in [1, 0] {
        store.begin(day(number)).await.unwrap();
        store.cover().await;
    }
    assert_eq!(got(&store, Kind::Letter, 1).await, Some(envelope(1)));
    let store = engine.reopen(store).await;
    assert_eq!(store.batches(Kind::Letter, day(1)).await.unwrap(), batch.into_iter().collect::<Vec<_>>());
    stored(&store, letter(2, day(1))).await;
}

pub async fn the_chain_goes_on_after_all_has_expired<E: Engine>(mut engine: E) {
    let store = engine.open(AMPLE);
    for n in 0..3 {
        stored(&store, letter(n, day(0))).await;
        store.seal(Kind::Letter).await.unwrap();
    }
    let head = store.head(Kind::Letter).await.unwrap();
    store.expire(day(100), LIVES).await.unwrap();
    let store = engine.reopen(store).await;
    assert_eq!(store.head(Kind::Letter).await.unwrap(), head);
    stored(&store, letter(0, day(100))).await;
    let batch = store.seal(Kind::Letter).await.unwrap().unwrap();
    assert_eq!(batch.number(), 4);
    assert!(head.follow(&batch).is_ok());
    let store = engine.reopen(store).await;
    assert_eq!(store.head(Kind::Letter).await.unwrap(), batch.head());
}

pub async fn an_expired_day_does_not_come_back_with_the_clock<E: Engine>(mut engine: E) {
    let store = engine.open(AMPLE);
    stored(&store, letter(1, day(0))).await;
    store.seal(Kind::Letter).await.unwrap();
    store.expire(day(100), LIVES).await.unwrap();
    let store = engine.reopen(store).await;
    assert_eq!(store.latest_day().await.unwrap(), day(100));
    stored(&store, letter(1, day(0))).await;
    store.seal(Kind::Letter).await.unwrap();
    assert!(store.batches(Kind::Letter, day(0)).await.unwrap().is_empty());
    assert_eq!(store.batches(Kind::Letter, day(100)).await.unwrap().len(), 1);
    assert_eq!(store.expire(day(0), LIVES).await.unwrap(), 0);
    assert_eq!(got(&store, Kind::Letter, 1).await, Some(envelope(1)));
}

pub async fn reopening_keeps_everything<E: Engine>(mut engine: E) {
    let mut store = engine.open(AMPLE);
    for n in 0..10 {
        stored(&store, letter(n, day(n as u32 / 4))).await;
        stored(&store, chunk(100 + n, day(n as u32 / 4))).await;
        if n % 3 == 2 {
            store.seal(Kind::Letter).await.unwrap();
            store.seal(Kind::Chunk).await.unwrap();
        }
    }
    store.burn(id(103), burn_key(103)).await.unwrap();
    for kind in [Kind::Letter, Kind::Chunk] {
        let batches = store.batches_from(kind, 1, 100).await.unwrap();
        let (head, pending) = (store.head(kind).await.unwrap(), store.pending(kind).await.unwrap());
        store = engine.reopen(store).await;
        assert_eq!(store.batches_from(kind, 1, 100).await.unwrap(), batches);
        assert_eq!(store.head(kind).await.unwrap(), head);
        assert_eq!(store.pending(kind).await.unwrap(), pending);
    }
    for n in 0..10 {
        assert_eq!(got(&store, Kind::Letter, n).await, Some(envelope(n)));
        let expected = (n != 3).then(|| envelope(100 + n));
        assert_eq!(got(&store, Kind::Chunk, 100 + n).await, expected);
        assert_eq!(store.put(letter(n, day(9))).await.unwrap(), PutOutcome::Already);
    }
}

pub async fn what_waits_survives_and_is_sealed_afterwards<E: Engine>(mut engine: E) {
    let store = engine.open(AMPLE);
    stored(&store, letter(1, day(0))).await;
    store.seal(Kind::Letter).await.unwrap();
    stored(&store, letter(2, day(0))).await;
    stored(&store, letter(3, day(1))).await;
    let store = engine.reopen(store).await;
    assert_eq!(store.pending(Kind::Letter).await.unwrap(), Some(Pending { day: day(0), count: 1 }));
    let second = store.seal(Kind::Letter).await.unwrap().unwrap();
    assert_eq!((second.number(), second.ids()), (2, [id(2)].as_slice()));
    let third = store.seal(Kind::Letter).await.unwrap().unwrap();
    assert_eq!((third.number(), third.ids()), (3, [id(3)].as_slice()));
    assert_eq!(store.seal(Kind::Letter).await.unwrap(), None);
}

/// More ids than any engine is likely to keep in one record.
pub async fn a_large_batch_survives<E: Engine>(mut engine: E) {
    const COUNT: u64 = 2_500;
    let store = std::sync::Arc::new(engine.open(AMPLE));
    let writers: Vec<_> = (0..50)
        .map(|writer| {
            let store = std::sync::Arc::clone(&store);
            tokio::spawn(async move {
                for n in 0..COUNT / 50 {
                    stored(&*store, letter(writer * COUNT / 50 + n, day(0))).await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let Ok(store) = std::sync::Arc::try_unwrap(store) else { panic!("the writers are done") };
    let batch = store.seal(Kind::Letter).await.unwrap().unwrap();
    assert_eq!(batch.ids().len() as u64, COUNT);
    let store = engine.reopen(store).await;
    assert_eq!(store.batches(Kind::Letter, day(0)).await.unwrap(), [batch]);
    assert_eq!(got(&store, Kind::Letter, COUNT - 1).await, Some(envelope(COUNT - 1)));
}

pub async fn statements_are_kept_by_shelf_and_name<E: Engine>(mut engine: E) {
    let name = |text: &str| StatementName::new(text).unwrap();
    let store = engine.open(AMPLE);
    let get = async |store: &E::Store, shelf, text| store.statement(shelf, name(text)).await.unwrap();
    assert_eq!(get(&store, Shelf::Notes, "a").await, None);
    store.put_statement(Shelf::Notes, name("b"), b"first".to_vec()).await.unwrap();
    store.put_statement(Shelf::Notes, name("b"), b"second".to_vec()).await.unwrap();
    store.put_statement(Shelf::Notes, name("a"), Vec::new()).await.unwrap();
    store.put_statement(Shelf::Directories, name("b"), vec![7; STATEMENT_MAX]).await.unwrap();
    let too_long = store.put_statement(Shelf::Rosters, name("b"), vec![7; STATEMENT_MAX + 1]).await;
    assert!(matches!(too_long, Err(StoreError::Misuse(_))));
    let store = engine.reopen(store).await;
    store.expire(day(100), LIVES).await.unwrap();
    assert_eq!(get(&store, Shelf::Notes, "b").await, Some(b"second".to_vec()));
    assert_eq!(get(&store, Shelf::Directories, "b").await.unwrap().len(), STATEMENT_MAX);
    assert_eq!(store.statements(Shelf::Notes).await.unwrap(), [name("a"), name("b")]);
    assert_eq!(store.statements(Shelf::Rosters).await.unwrap(), []);
    assert!(store.delete_statement(Shelf::Notes, name("a")).await.unwrap());
    assert!(!store.delete_statement(Shelf::Notes, name("a")).await.unwrap());
    assert_eq!(store.statements(Shelf::Notes).await.unwrap(), [name("b")]);
    for bad in ["", "..", "a/b", "A", "a b", ".tmp-a", &"a".repeat(101)] {
        assert!(StatementName::new(bad).is_err(), "{bad}");
    }
}

pub async fn a_closed_store_says_so<E: Engine>(mut engine: E) {
    let store = engine.open(AMPLE);
    stored(&store, letter(1, day(0))).await;
    store.close().await.unwrap();
    assert_eq!(store.put(letter(2, day(0))).await, Err(StoreError::Closed));
    assert_eq!(store.get(Kind::Letter, None, &[id(1)]).await, Err(StoreError::Closed));
    assert_eq!(store.seal(Kind::Letter).await, Err(StoreError::Closed));
    assert_eq!(store.statements(Shelf::Notes).await, Err(StoreError::Closed));
    assert_eq!(store.expire(day(100), LIVES).await, Err(StoreError::Closed));
    assert_eq!(store.close().await, Err(StoreError::Closed));
}
