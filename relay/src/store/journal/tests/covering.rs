//! What the names, sizes and times of files tell of when envelopes came.

use super::super::check::check_on;
use super::super::record::RECORD;
use super::super::{JournalConfig, JournalStore};
use super::power::{block_on, open};
use super::sim::{Fault, Sim};
use crate::store::conformance::{AMPLE, LIVES, burn_key, chunk, day, id, letter, relay_key, stored};
use crate::store::{BurnOutcome, Kind, PutOutcome, Store as _, StoreError};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// Every file, with its sectors.
fn files(sim: &Sim) -> Vec<(PathBuf, u64)> {
    sim.files().into_iter().map(|path| (path.clone(), sim.sectors(&path))).collect()
}

fn of(number: u32, kind: &str, file: &str) -> PathBuf {
    format!("/store/days/{kind}-{}/{file}", day(number).0).into()
}

/// The first letter and chunk of a day come, and the chunk is burned.
async fn first_ones(store: &JournalStore, seed: u64, number: u32) {
    stored(store, letter(seed, day(number))).await;
    stored(store, chunk(seed + 1, day(number))).await;
    assert_eq!(store.burn(id(seed + 1), burn_key(seed + 1)).await.unwrap(), BurnOutcome::Burned);
}

#[test]
fn the_first_envelopes_of_a_day_that_was_begun_change_no_name_and_no_size() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        store.begin(day(0)).await.unwrap();
        let before = files(&sim);
        assert!(before.iter().any(|(path, sectors)| *path == of(0, "letters", "journal") && *sectors > 0));
        first_ones(&store, 1, 0).await;
        assert_eq!(files(&sim), before);

        // In the space of a day that has expired, too, and after a stop.
        let later = LIVES.letters + 1;
        store.expire(day(later), LIVES).await.unwrap();
        store.begin(day(later)).await.unwrap();
        assert_eq!(sim.used_again(), 2);
        let before = files(&sim);
        first_ones(&store, 3, later).await;
        assert_eq!(files(&sim), before);
        store.close().await.unwrap();
        drop(store);
        let store = open(&sim, 1).unwrap();
        assert!(sim.files().contains(&of(later, "letters", "index")));
        store.begin(day(later)).await.unwrap();
        let before = files(&sim);
        first_ones(&store, 5, later).await;
        assert_eq!(files(&sim), before);
    });
}

#[test]
fn a_day_that_was_begun_and_stayed_empty_expires_like_others() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        for number in 0..3 {
            store.expire(day(number), LIVES).await.unwrap();
            store.begin(day(number)).await.unwrap();
        }
        assert_eq!(sim.sectors(&of(0, "letters", "journal")), 0, "its space is given back");
        store.close().await.unwrap();
        drop(store);
        let config = JournalConfig { directory: "/store".into(), relay: relay_key(), quotas: AMPLE };
        assert!(check_on(Arc::new(sim.clone()), &config, &|| ()).unwrap().is_sound());
        let store = open(&sim, 1).unwrap();
        store.expire(day(3 + LIVES.letters), LIVES).await.unwrap();
        assert_eq!(store.latest_day().await.unwrap(), day(3 + LIVES.letters));
        assert!(!sim.files().iter().any(|path| path.starts_with("/store/days")), "{:?}", sim.files());
    });
}

#[test]
fn a_day_is_begun_on_a_full_disk_as_soon_as_there_is_space() {
    block_on(async {
        for full in 0..12 {
            let sim = Sim::new(full);
            let store = open(&sim, 0).unwrap();
            sim.fail(Some(Fault::Full(full, u64::MAX)));
            let begun = store.begin(day(0)).await;
            sim.fail(None);
            assert!(matches!(begun, Ok(()) | Err(StoreError::NoSpace)), "{full}: {begun:?}");
            store.begin(day(0)).await.unwrap();
            first_ones(&store, 1, 0).await;
            drop(store);
            assert!(open(&sim, 1).is_ok());
        }
    });
}

const SECTORS: usize = RECORD / 512;

/// Chunks `0..count`, listed.
async fn chunks(store: &JournalStore, count: u64) {
    store.begin(day(0)).await.unwrap();
    for seed in 0..count {
        stored(store, chunk(seed, day(0))).await;
    }
    store.seal(Kind::Chunk).await.unwrap();
}

async fn burn(store: &JournalStore, seeds: Range<u64>) {
    for seed in seeds {
        assert_eq!(store.burn(id(seed), burn_key(seed)).await.unwrap(), BurnOutcome::Burned);
    }
}

/// File systems' logs tell when space was taken or given back.
#[test]
fn space_is_given_back_and_made_when_a_batch_is_listed_and_neither_when_envelopes_come_nor_when_they_are_burned() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        chunks(&store, 100).await;
        let journal = of(0, "chunks", "journal");
        let mut seeds = 1_000u64..;
        for burned in [0..40, 40..45, 45..55] {
            let before = sim.space_changes();
            burn(&store, burned.clone()).await;
            for seed in seeds.by_ref().take(200) {
                stored(&store, letter(seed, day(0))).await;
            }
            assert_eq!(sim.space_changes(), before);
            store.seal(Kind::Letter).await.unwrap();
            assert!(sim.space_changes() > before, "the space has been given back, and more was made");
            assert_eq!(sim.holes(&journal), burned.end as usize * SECTORS);
        }
        // Of a day that is over, too.
        store.expire(day(1), LIVES).await.unwrap();
        store.begin(day(1)).await.unwrap();
        let (before, holes) = (sim.space_changes(), sim.holes(&journal));
        burn(&store, 55..60).await;
        stored(&store, letter(5_000, day(1))).await;
        assert_eq!(sim.space_changes(), before);
        store.seal(Kind::Letter).await.unwrap();
        assert_eq!(sim.holes(&journal), holes + 5 * SECTORS);
        // When it turns, and when the store is closed.
        burn(&store, 60..65).await;
        store.expire(day(2), LIVES).await.unwrap();
        assert_eq!(sim.holes(&journal), holes + 10 * SECTORS);
        burn(&store, 65..70).await;
        store.close().await.unwrap();
        assert_eq!(sim.holes(&journal), holes + 15 * SECTORS);
        assert_eq!(sim.punched_alive(), 0);
    });
}

/// Also after a stop on that day.
#[test]
fn a_day_takes_as_many_as_the_last_batch_of_the_day_before_had_without_a_step() {
    block_on(async {
        for (stop, begun) in [(None, true), (None, false), (Some(0), true), (Some(300), true)] {
            let sim = Sim::new(0);
            let mut store = open(&sim, 0).unwrap();
            store.begin(day(0)).await.unwrap();
            for seed in 0..500 {
                stored(&store, letter(seed, day(0))).await;
            }
            store.seal(Kind::Letter).await.unwrap();
            store.expire(day(1), LIVES).await.unwrap();
            if begun {
                store.begin(day(1)).await.unwrap();
            }
            let mut before = sim.space_changes();
            for seed in 1_000..1_500 {
                if stop == Some(seed - 1_000) {
                    drop(store);
                    store = open(&sim, 1).unwrap();
                    store.begin(day(1)).await.unwrap();
                    before = sim.space_changes();
                }
                stored(&store, letter(seed, day(1))).await;
                if !begun && seed == 1_000 {
                    before = sim.space_changes();
                }
            }
            assert_eq!(sim.space_changes(), before, "stopped at {stop:?}, begun: {begun}");
        }
    });
}

#[test]
fn no_more_than_so_much_burned_space_is_kept_though_nothing_is_ever_listed() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        chunks(&store, 100).await;
        let (journal, before) = (of(0, "chunks", "journal"), sim.space_changes());
        burn(&store, 0..56).await;
        assert_eq!(sim.space_changes(), before);
        burn(&store, 56..70).await;
        assert_eq!(sim.holes(&journal), 65 * SECTORS);
    });
}

#[test]
fn burned_space_is_given_back_when_the_disk_is_full() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        chunks(&store, 20).await;
        burn(&store, 0..10).await;
        sim.no_more_space();
        let mut seed = 1_000;
        while store.put(letter(seed, day(0))).await.unwrap() == PutOutcome::Stored {
            seed += 1;
        }
        assert_eq!(sim.holes(&of(0, "chunks", "journal")), 10 * SECTORS);
    });
}

#[test]
fn after_a_crash_burned_space_is_used_again_or_given_back_with_the_day() {
    block_on(async {
        for seed in 0..4 {
            let sim = Sim::new(seed);
            let store = open(&sim, 0).unwrap();
            chunks(&store, 100).await;
            burn(&store, 0..40).await;
            // A store that has failed does nothing more when it is dropped.
            sim.fail(Some(Fault::BrokenSyncs(0, 1)));
            assert!(store.put(letter(5_000, day(0))).await.is_err());
            drop(store);
            sim.fail(None);
            sim.power_cycle();
            let store = open(&sim, 1).unwrap();
            stored(&store, chunk(1_000, day(0))).await;
            store.seal(Kind::Chunk).await.unwrap();
            store.expire(day(1), LIVES).await.unwrap();
            // 61 envelopes, and two batches twice.
            let journal = of(0, "chunks", "journal");
            assert_eq!(sim.sectors(&journal) as usize - sim.holes(&journal), 65 * SECTORS);
            burn(&store, 40..50).await;
            assert_eq!(store.get(Kind::Chunk, None, &[id(40), id(50)]).await.unwrap()[0], None);
        }
    });
}

#[test]
fn every_file_that_envelopes_are_written_to_is_covered_as_often_as_another_and_no_other() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        store.cover().await;
        for number in 0..2 {
            store.begin(day(number)).await.unwrap();
        }
        for _ in 0..400 {
            store.cover().await;
        }
        // A batch may be sealed because a letter came just then.
        let heads = PathBuf::from("/store/heads");
        let today = [of(1, "letters", "journal"), of(1, "chunks", "journal"), of(1, "chunks", "burned"), heads];
        for path in sim.files() {
            let touched = sim.touched(&path);
            let expected = if today.contains(&path) { 60..140 } else { 0..1 };
            assert!(expected.contains(&touched), "{path:?}: {touched}");
        }
        assert_eq!(store.pending(Kind::Letter).await.unwrap(), None);
    });
}
