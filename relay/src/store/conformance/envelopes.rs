//! Putting, getting, burning.

use super::{AMPLE, Engine, LIVES, Quotas, burn_key, chunk, day, envelope, got, id, letter, stored};
use crate::store::{BurnOutcome, GET_MAX, Kind, Put, PutOutcome, Store as _, StoreError};
use cssr_proto::Day;
use std::sync::Arc;

pub async fn the_same_put_again_is_already_there<E: Engine>(mut engine: E) {
    let store = engine.open(AMPLE);
    for put in [letter(1, day(0)), chunk(2, day(0))] {
        stored(&store, put.clone()).await;
        assert_eq!(store.put(put.clone()).await.unwrap(), PutOutcome::Already);
        let later = Put { day: day(1), ..put };
        assert_eq!(store.put(later).await.unwrap(), PutOutcome::Already);
    }
    assert_eq!(got(&store, Kind::Letter, 1).await, Some(envelope(1)));
    assert_eq!(got(&store, Kind::Chunk, 2).await, Some(envelope(2)));
    assert_eq!(store.pending(Kind::Letter).await.unwrap().unwrap().count, 1);
}

pub async fn something_else_under_a_known_id_conflicts<E: Engine>(mut engine: E) {
    let store = engine.open(AMPLE);
    stored(&store, letter(1, day(0))).await;
    stored(&store, chunk(2, day(0))).await;
    for other in [
        Put { envelope: envelope(9), ..letter(1, day(0)) },
        Put { kind: Kind::Chunk, ..letter(1, day(0)) },
        Put { envelope: envelope(9), ..chunk(2, day(0)) },
        Put { burn: Some(burn_key(9).hash()), ..chunk(2, day(0)) },
        Put { burn: None, ..chunk(2, day(0)) },
        Put { burn: None, kind: Kind::Letter, ..chunk(2, day(0)) },
    ] {
        assert_eq!(store.put(other).await.unwrap(), PutOutcome::Conflict);
    }
    assert_eq!(got(&store, Kind::Letter, 1).await, Some(envelope(1)));
    assert_eq!(got(&store, Kind::Chunk, 2).await, Some(envelope(2)));
    assert_eq!(store.burn(id(2), burn_key(9)).await.unwrap(), BurnOutcome::Refused);
}

pub async fn a_put_that_breaks_the_contract_is_refused<E: Engine>(mut engine: E) {
    let store = engine.open(AMPLE);
    let burnable = Put { burn: Some(burn_key(1).hash()), ..letter(1, day(0)) };
    assert!(matches!(store.put(burnable).await, Err(StoreError::Misuse(_))));
    assert!(matches!(store.put(letter(1, Day(3))).await, Err(StoreError::Misuse(_))));
    let many = vec![id(1); GET_MAX + 1];
    assert!(matches!(store.get(Kind::Letter, None, &many).await, Err(StoreError::Misuse(_))));
    assert!(matches!(store.letters(day(0), 0, GET_MAX + 1).await, Err(StoreError::Misuse(_))));
    assert_eq!(store.pending(Kind::Letter).await.unwrap(), None);
}

pub async fn of_concurrent_puts_of_one_id_one_is_stored<E: Engine>(mut engine: E) {
    let store = Arc::new(engine.open(AMPLE));
    for round in 0..8 {
        let tasks: Vec<_> = (0..16)
            .map(|task| {
                let store = Arc::clone(&store);
                let put = Put { id: id(round), ..chunk(100 + task % 2, day(0)) };
                tokio::spawn(async move { (task % 2, store.put(put).await.unwrap()) })
            })
            .collect();
        let mut outcomes = Vec::new();
        for task in tasks {
            outcomes.push(task.await.unwrap());
        }
        let winners: Vec<_> = outcomes.iter().filter(|(_, outcome)| *outcome == PutOutcome::Stored).collect();
        assert_eq!(winners.len(), 1);
        let winner = winners[0].0;
        assert_eq!(got(&*store, Kind::Chunk, round).await, Some(envelope(100 + winner)));
        for (content, outcome) in outcomes {
            let lost = outcome == PutOutcome::Conflict;
            assert_eq!(lost, content != winner);
        }
    }
}

pub async fn concurrent_writers_share_syncs<E: Engine>(mut engine: E) {
    const WRITERS: u64 = 64;
    const EACH: u64 = 8;
    let store = Arc::new(engine.open(AMPLE));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for n in 0..EACH {
                    stored(&*store, letter(writer * EACH + n, day(0))).await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(store.pending(Kind::Letter).await.unwrap().unwrap().count, (WRITERS * EACH) as usize);
    if let Some(syncs) = E::syncs(&store) {
        assert!(syncs > 0 && syncs < WRITERS * EACH / 2, "{syncs} syncs for {} puts", WRITERS * EACH);
    }
}

pub async fn a_full_kind_refuses_new_ids_and_nothing_else<E: Engine>(mut engine: E) {
    let store = engine.open(Quotas { letters: 2, chunks: 1 });
    stored(&store, chunk(1, day(0))).await;
    assert_eq!(store.put(chunk(2, day(0))).await.unwrap(), PutOutcome::Full);
    assert_eq!(store.put(chunk(1, day(0))).await.unwrap(), PutOutcome::Already);
    assert_eq!(store.put(Put { envelope: envelope(9), ..chunk(1, day(0)) }).await.unwrap(), PutOutcome::Conflict);
    stored(&store, letter(3, day(0))).await;
    stored(&store, letter(4, day(0))).await;
    assert_eq!(store.put(letter(5, day(0))).await.unwrap(), PutOutcome::Full);
    assert_eq!(got(&store, Kind::Letter, 5).await, None);
    // A burned id still counts; an expired one does not.
    assert_eq!(store.burn(id(1), burn_key(1)).await.unwrap(), BurnOutcome::Burned);
    assert_eq!(store.put(chunk(2, day(0))).await.unwrap(), PutOutcome::Full);
    let store = engine.reopen(store).await;
    assert_eq!(store.put(chunk(2, day(0))).await.unwrap(), PutOutcome::Full);
    store.expire(day(LIVES.chunks + 1), LIVES).await.unwrap();
    stored(&store, chunk(2, day(0))).await;
    assert_eq!(store.put(letter(5, day(0))).await.unwrap(), PutOutcome::Full);
}

pub async fn get_finds_by_kind_and_day_and_leaves_gaps<E: Engine>(mut engine: E) {
    let store = engine.open(AMPLE);
    assert_eq!(got(&store, Kind::Letter, 1).await, None);
    stored(&store, letter(1, day(0))).await;
    stored(&store, chunk(2, day(1))).await;
    stored(&store, letter(3, day(1))).await;
    let ids = [id(3), id(9), id(2), id(1)];
    let letters = store.get(Kind::Letter, None, &ids).await.unwrap();
    assert_eq!(letters, [Some(envelope(3)), None, None, Some(envelope(1))]);
    let letters = store.get(Kind::Letter, Some(day(0)), &ids).await.unwrap();
    assert_eq!(letters, [None, None, None, Some(envelope(1))]);
    let chunks = store.get(Kind::Chunk, Some(day(1)), &ids).await.unwrap();
    assert_eq!(chunks, [None, None, Some(envelope(2)), None]);
    assert_eq!(store.get(Kind::Chunk, Some(day(5)), &ids).await.unwrap(), [None, None, None, None]);
    assert!(store.get(Kind::Chunk, None, &[]).await.unwrap().is_empty());
}

pub async fn have_tells_of_chunks_that_are_held<E: Engine>(mut engine: E) {
    let store = engine.open(AMPLE);
    stored(&store, chunk(1, day(0))).await;
    stored(&store, letter(2, day(0))).await;
    stored(&store, chunk(3, day(0))).await;
    store.burn(id(3), burn_key(3)).await.unwrap();
    let have = store.have(&[id(9), id(1), id(2), id(3)]).await.unwrap();
    assert_eq!(have, [false, true, false, false]);
}

pub async fn burning_takes_the_key_and_spares_letters<E: Engine>(mut engine: E) {
    let store = engine.open(AMPLE);
    stored(&store, chunk(1, day(0))).await;
    stored(&store, Put { burn: None, ..chunk(2, day(0)) }).await;
    stored(&store, letter(3, day(0))).await;
    assert_eq!(store.burn(id(1), burn_key(2)).await.unwrap(), BurnOutcome::Refused);
    assert_eq!(store.burn(id(2), burn_key(2)).await.unwrap(), BurnOutcome::Refused);
    assert_eq!(store.burn(id(3), burn_key(3)).await.unwrap(), BurnOutcome::Refused);
    assert_eq!(store.burn(id(9), burn_key(9)).await.unwrap(), BurnOutcome::Absent);
    assert_eq!(got(&store, Kind::Chunk, 1).await, Some(envelope(1)));
    assert_eq!(got(&store, Kind::Letter, 3).await, Some(envelope(3)));
    assert_eq!(store.burn(id(1), burn_key(1)).await.unwrap(), BurnOutcome::Burned);
    assert_eq!(got(&store, Kind::Chunk, 1).await, None);
    assert_eq!(store.burn(id(1), burn_key(2)).await.unwrap(), BurnOutcome::Refused);
    assert_eq!(store.burn(id(1), burn_key(1)).await.unwrap(), BurnOutcome::Burned);
}

pub async fn a_burned_id_stays_known<E: Engine>(mut engine: E) {
    let mut store = engine.open(AMPLE);
    stored(&store, chunk(1, day(0))).await;
    stored(&store, chunk(2, day(0))).await;
    store.burn(id(1), burn_key(1)).await.unwrap();
    for _ in 0..2 {
        assert_eq!(store.put(chunk(1, day(0))).await.unwrap(), PutOutcome::Conflict);
        assert_eq!(got(&store, Kind::Chunk, 1).await, None);
        assert_eq!(got(&store, Kind::Chunk, 2).await, Some(envelope(2)));
        store = engine.reopen(store).await;
    }
    store.expire(day(LIVES.chunks + 1), LIVES).await.unwrap();
    stored(&store, chunk(1, day(LIVES.chunks + 1))).await;
}
