//! What the names, sizes and times of files tell of when envelopes came.

use super::super::JournalConfig;
use super::super::JournalStore;
use super::super::check::check_on;
use super::power::{block_on, open};
use super::sim::{Fault, Sim};
use crate::store::conformance::{AMPLE, LIVES, burn_key, chunk, day, id, letter, relay_key, stored};
use crate::store::{BurnOutcome, Kind, Store as _, StoreError};
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
        assert_eq!(files(&sim), before);
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

#[test]
fn every_file_that_envelopes_are_written_to_is_covered_as_often_as_another_and_no_other() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        store.cover().await;
        for number in 0..2 {
            store.begin(day(number)).await.unwrap();
        }
        for _ in 0..300 {
            store.cover().await;
        }
        let today = [of(1, "letters", "journal"), of(1, "chunks", "journal"), of(1, "chunks", "burned")];
        for path in sim.files() {
            let touched = sim.touched(&path);
            let expected = if today.contains(&path) { 60..140 } else { 0..1 };
            assert!(expected.contains(&touched), "{path:?}: {touched}");
        }
        assert_eq!(store.pending(Kind::Letter).await.unwrap(), None);
    });
}
