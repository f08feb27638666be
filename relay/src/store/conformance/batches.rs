//! Sealing and listing.

use super::{AMPLE, Engine, burn_key, chunk, day, envelope, got, id, letter, relay_key, stored};
use crate::store::{Kind, Pending, Store as _};
use cssr_proto::EnvelopeId;
use cssr_proto::index::{Head, chunk_genesis, letter_genesis};

pub async fn a_batch_is_sorted_and_chained<E: Engine>(mut engine: E) {
    let store = engine.open(AMPLE);
    let genesis = Head::genesis(letter_genesis(&relay_key()));
    assert_eq!(store.head(Kind::Letter).await.unwrap(), genesis);
    assert_eq!(store.seal(Kind::Letter).await.unwrap(), None);
    let mut head = genesis;
    for batch in 0..3 {
        let mut ids: Vec<EnvelopeId> = (0..20).map(|n| id(batch * 100 + n)).collect();
        for n in 0..20 {
            stored(&store, letter(batch * 100 + n, day(0))).await;
        }
        let sealed = store.seal(Kind::Letter).await.unwrap().unwrap();
        ids.sort_unstable();
        assert_eq!(sealed.ids(), ids);
        head = head.follow(&sealed).unwrap();
        assert_eq!(store.head(Kind::Letter).await.unwrap(), head);
        assert_eq!(store.pending(Kind::Letter).await.unwrap(), None);
    }
    assert_eq!(store.seal(Kind::Letter).await.unwrap(), None);
    assert_eq!(store.batches(Kind::Letter, day(0)).await.unwrap().len(), 3);
    assert_eq!(head.number(), 3);
}

pub async fn the_order_of_arrival_shows_nowhere<E: Engine>(mut engine: E) {
    let mut seen = Vec::new();
    for reverse in [false, true] {
        let store = engine.open(AMPLE);
        for n in 0..20 {
            stored(&store, letter(if reverse { 19 - n } else { n }, day(0))).await;
        }
        let batch = store.seal(Kind::Letter).await.unwrap().unwrap();
        let letters = store.letters(day(0), 0, 20).await.unwrap();
        seen.push((batch, letters));
        store.close().await.unwrap();
    }
    assert!(seen[0] == seen[1]);
}

pub async fn the_oldest_day_is_sealed_first<E: Engine>(mut engine: E) {
    let store = engine.open(AMPLE);
    stored(&store, letter(1, day(0))).await;
    stored(&store, letter(2, day(2))).await;
    stored(&store, letter(3, day(2))).await;
    assert_eq!(store.pending(Kind::Letter).await.unwrap(), Some(Pending { day: day(0), count: 1 }));
    let first = store.seal(Kind::Letter).await.unwrap().unwrap();
    assert_eq!((first.day(), first.ids()), (day(0), [id(1)].as_slice()));
    assert_eq!(store.pending(Kind::Letter).await.unwrap(), Some(Pending { day: day(2), count: 2 }));
    let second = store.seal(Kind::Letter).await.unwrap().unwrap();
    assert_eq!((second.number(), second.day(), second.ids().len()), (2, day(2), 2));
}

pub async fn days_never_decrease_though_the_clock_does<E: Engine>(mut engine: E) {
    let store = engine.open(AMPLE);
    stored(&store, letter(1, day(5))).await;
    store.seal(Kind::Letter).await.unwrap();
    // A chunk's day counts for letters too.
    stored(&store, chunk(2, day(6))).await;
    stored(&store, letter(3, day(1))).await;
    assert_eq!(store.latest_day().await.unwrap(), day(6));
    let store = engine.reopen(store).await;
    assert_eq!(store.latest_day().await.unwrap(), day(6));
    stored(&store, letter(4, day(0))).await;
    let batch = store.seal(Kind::Letter).await.unwrap().unwrap();
    assert_eq!((batch.number(), batch.day(), batch.ids().len()), (2, day(6), 2));
    assert_eq!(store.get(Kind::Letter, Some(day(6)), &[id(4)]).await.unwrap(), [Some(envelope(4))]);
    let days: Vec<_> = store.batches_from(Kind::Letter, 1, 9).await.unwrap().iter().map(|batch| batch.day()).collect();
    assert_eq!(days, [day(5), day(6)]);
}

pub async fn letters_stand_at_their_positions<E: Engine>(mut engine: E) {
    let store = engine.open(AMPLE);
    assert_eq!(store.letters(day(0), 0, 2).await.unwrap(), [None, None]);
    for n in 0..11 {
        stored(&store, letter(n, day(0))).await;
        if n == 4 || n == 8 {
            store.seal(Kind::Letter).await.unwrap();
        }
    }
    let batches = store.batches(Kind::Letter, day(0)).await.unwrap();
    let listed: Vec<_> = batches.iter().flat_map(|batch| batch.ids().to_vec()).collect();
    assert_eq!(listed.len(), 9, "two still wait");
    for first in 0..12 {
        let letters = store.letters(day(0), first, 4).await.unwrap();
        assert_eq!(letters.len(), 4);
        for (position, found) in (first as usize..).zip(letters) {
            let expected = listed.get(position).copied();
            assert_eq!(found.as_ref().map(|(id, _)| *id), expected);
            if let Some((found_id, bytes)) = found {
                let seed = (0..11).find(|seed| id(*seed) == found_id).unwrap();
                assert!(bytes == envelope(seed));
            }
        }
    }
    assert_eq!(store.letters(day(0), u64::MAX, 1).await.unwrap(), [None]);
    assert_eq!(store.letters(day(1), 0, 1).await.unwrap(), [None]);
}

pub async fn batches_are_found_from_a_number_on<E: Engine>(mut engine: E) {
    let store = engine.open(AMPLE);
    for n in 0..5 {
        stored(&store, letter(u64::from(n), day(n / 2))).await;
        store.seal(Kind::Letter).await.unwrap();
    }
    let numbers = |number, max| {
        let store = &store;
        async move {
            let batches = store.batches_from(Kind::Letter, number, max).await.unwrap();
            batches.iter().map(|batch| batch.number()).collect::<Vec<_>>()
        }
    };
    assert_eq!(numbers(0, 9).await, [1, 2, 3, 4, 5]);
    assert_eq!(numbers(2, 2).await, [2, 3]);
    assert_eq!(numbers(5, 9).await, [5]);
    assert_eq!(numbers(6, 9).await, [0_u64; 0]);
    // Days 0 and 1 have expired.
    store.expire(day(super::LIVES.letters + 2), super::LIVES).await.unwrap();
    assert_eq!(numbers(1, 9).await, [5]);
}

pub async fn chunks_have_a_chain_of_their_own<E: Engine>(mut engine: E) {
    let store = engine.open(AMPLE);
    stored(&store, letter(1, day(0))).await;
    stored(&store, chunk(2, day(0))).await;
    let letters = store.seal(Kind::Letter).await.unwrap().unwrap();
    let chunks = store.seal(Kind::Chunk).await.unwrap().unwrap();
    assert_eq!((letters.number(), letters.ids()), (1, [id(1)].as_slice()));
    assert_eq!((chunks.number(), chunks.ids()), (1, [id(2)].as_slice()));
    assert_eq!(*letters.previous(), letter_genesis(&relay_key()));
    assert_eq!(*chunks.previous(), chunk_genesis(&relay_key()));
    assert_eq!(store.letters(day(0), 0, 2).await.unwrap()[1], None, "chunks are in no list of letters");
}

pub async fn a_burned_chunk_is_listed_without_its_bytes<E: Engine>(mut engine: E) {
    let store = engine.open(AMPLE);
    stored(&store, chunk(1, day(0))).await;
    stored(&store, chunk(2, day(0))).await;
    store.burn(id(1), burn_key(1)).await.unwrap();
    let batch = store.seal(Kind::Chunk).await.unwrap().unwrap();
    assert_eq!(batch.ids().len(), 2);
    store.burn(id(2), burn_key(2)).await.unwrap();
    assert_eq!(store.batches(Kind::Chunk, day(0)).await.unwrap(), [batch]);
    assert_eq!(got(&store, Kind::Chunk, 1).await, None);
    assert_eq!(got(&store, Kind::Chunk, 2).await, None);
}
