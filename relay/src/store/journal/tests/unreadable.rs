//! Blocks that cannot be read for a while, and are there again.

use super::super::check::check_on;
use super::super::reader::{Extent, JournalReader};
use super::super::record::{HEADER, RECORD};
use super::super::{Damage, JournalConfig};
use super::damage::{filled, journal, without_index};
use super::power::{block_on, open};
use super::sim::{Fault, Sim};
use crate::store::conformance::{AMPLE, LIVES, burn_key, chunk, day, envelope, got, id, letter, relay_key, stored};
use crate::store::transfer::{Content, Source as _};
use crate::store::{BurnOutcome, Kind, PutOutcome, Store as _, StoreError};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn config() -> JournalConfig {
    JournalConfig { directory: "/store".into(), relay: relay_key(), quotas: AMPLE }
}

fn read(sim: &Sim, extent: Extent) -> JournalReader {
    JournalReader::open_on(Arc::new(sim.clone()), &config(), extent).unwrap()
}

fn of(kind: &str, number: u32) -> PathBuf {
    format!("/store/days/{kind}-{}/journal", day(number).0).into()
}

/// The positions of a journal at which something stands.
fn records(sim: &Sim, path: &Path) -> Vec<usize> {
    let bytes = sim.read(path);
    (0..bytes.len().div_ceil(RECORD)).filter(|n| bytes[n * RECORD..][..8] != [0; 8]).collect()
}

/// A sector of the body of the only record of a journal.
fn body(sim: &Sim, path: &Path) -> u64 {
    let [only] = records(sim, path)[..] else { panic!("not one record") };
    (only * RECORD / 512) as u64 + 4
}

/// What waits, and then its body cannot be read.
async fn unread(kind: Kind) -> (Sim, PathBuf) {
    let sim = Sim::new(0);
    let store = open(&sim, 0).unwrap();
    let (put, path) = match kind {
        Kind::Letter => (letter(1, day(0)), of("letters", 0)),
        Kind::Chunk => (chunk(1, day(0)), of("chunks", 0)),
    };
    stored(&store, put).await;
    drop(store);
    without_index(&sim);
    sim.spoil(&[(&path, body(&sim, &path))]);
    (sim, path)
}

/// They are no batches, whatever may be missing of them.
#[test]
fn bodies_of_what_waits_that_cannot_be_read_keep_nobody_out() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        for seed in 0..20 {
            stored(&store, letter(seed, day(0))).await;
        }
        let batch = store.seal(Kind::Letter).await.unwrap().unwrap();
        let listed = records(&sim, &of("letters", 0));
        for seed in 20..24 {
            stored(&store, letter(seed, day(0))).await;
        }
        drop(store);
        without_index(&sim);
        let path = of("letters", 0);
        let new = records(&sim, &path).into_iter().filter(|position| !listed.contains(position));
        let bodies: Vec<_> = new.map(|position| (path.as_path(), (position * RECORD / 512) as u64 + 4)).collect();
        assert_eq!(bodies.len(), 4);
        sim.spoil(&bodies);
        let held = read(&sim, Extent::All).listed(Kind::Letter, day(0)).unwrap().ids.len();
        assert!(held >= 20, "{held}");
        let store = open(&sim, 1).unwrap();
        assert_eq!(store.batches(Kind::Letter, day(0)).await.unwrap(), [batch]);
        for seed in 0..24 {
            assert_eq!(got(&store, Kind::Letter, seed).await, (seed < 20).then(|| envelope(seed)), "{seed}");
        }
        store.close().await.unwrap();
        drop(store);
        sim.spoil(&[]);
        let store = open(&sim, 2).unwrap();
        for seed in 20..24 {
            assert_eq!(got(&store, Kind::Letter, seed).await, Some(envelope(seed)), "{seed}");
        }
        assert_eq!(store.damage(), Damage::default());
    });
}

/// What it lists is listed again, and then it can be read once more.
#[test]
fn a_chunk_that_two_batches_list_and_that_was_burned_is_not_lost() {
    block_on(async {
        let (sim, path) = (Sim::new(0), of("chunks", 0));
        let store = open(&sim, 0).unwrap();
        stored(&store, chunk(1, day(0))).await;
        let envelopes = records(&sim, &path);
        store.seal(Kind::Chunk).await.unwrap();
        drop(store);
        without_index(&sim);
        let copies: Vec<_> = records(&sim, &path).into_iter().filter(|copy| !envelopes.contains(copy)).collect();
        let [one, other] = copies[..] else { panic!("{copies:?}") };
        sim.change(&path, |bytes| bytes[one * RECORD + HEADER] ^= 1);
        sim.spoil(&[(&path, (other * RECORD / 512) as u64)]);
        let store = open(&sim, 1).unwrap();
        assert!(store.seal(Kind::Chunk).await.unwrap().is_some(), "it is listed again");
        drop(store);
        without_index(&sim);
        sim.spoil(&[]);
        let store = open(&sim, 2).unwrap();
        assert_eq!(store.batches(Kind::Chunk, day(0)).await.unwrap().len(), 2);
        assert_eq!(store.burn(id(1), burn_key(1)).await.unwrap(), BurnOutcome::Burned);
        drop(store);
        without_index(&sim);
        assert_eq!(open(&sim, 3).unwrap().damage().envelopes, 0);
    });
}

#[test]
fn a_block_of_marks_that_cannot_be_read_keeps_nobody_out() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        for seed in 0..30 {
            stored(&store, chunk(seed, day(0))).await;
        }
        store.seal(Kind::Chunk).await.unwrap();
        for seed in 0..20 {
            assert_eq!(store.burn(id(seed), burn_key(seed)).await.unwrap(), BurnOutcome::Burned);
        }
        drop(store);
        without_index(&sim);
        let burned = Path::new("/store/days/chunks-20000/burned");
        sim.spoil(&std::array::from_fn::<_, 8, _>(|sector| (burned, sector as u64)));
        for extent in [Extent::All, Extent::Listed] {
            let reader = read(&sim, extent);
            let held = |seed| reader.held(Kind::Chunk, day(0), id(seed)).unwrap();
            assert!((20..30).all(|seed| held(seed).content == Content::Envelope(envelope(seed))));
        }
        let store = open(&sim, 1).unwrap();
        for seed in 0..30 {
            let found = store.get(Kind::Chunk, None, &[id(seed)]).await;
            assert_eq!(found.ok().and_then(|mut found| found.pop().unwrap()), (seed >= 20).then(|| envelope(seed)));
        }
        store.close().await.unwrap();
        drop(store);
        sim.spoil(&[]);
        let store = open(&sim, 2).unwrap();
        assert_eq!(store.damage(), Damage::default(), "nothing was made of it");
    });
}

#[test]
fn a_store_of_which_a_block_cannot_be_read_is_backed_up_though_it_must_be_read_twice() {
    block_on(async {
        let (sim, batches) = filled().await;
        without_index(&sim);
        let mut lost = 0;
        for record in records(&sim, &journal()) {
            sim.spoil(&[(&journal(), (record * RECORD / 512) as u64)]);
            let reader = read(&sim, Extent::Listed);
            let listed = reader.listed(Kind::Letter, day(0)).unwrap();
            assert!(listed.batches.iter().eq(batches.iter().map(|batch| &**batch)));
            let held = listed.ids.iter().map(|id| reader.held(Kind::Letter, day(0), *id).unwrap());
            lost += held.filter(|held| held.content == Content::Lost).count();
        }
        assert_eq!(lost, batches.iter().map(|batch| batch.ids().len()).sum::<usize>());
    });
}

#[test]
fn what_may_stand_in_a_block_that_cannot_be_read_is_not_said_to_be_burned() {
    block_on(async {
        let (sim, path) = unread(Kind::Chunk).await;
        let store = open(&sim, 1).unwrap();
        for seed in [1, 2] {
            let burned = store.burn(id(seed), burn_key(seed)).await;
            assert!(matches!(burned, Err(StoreError::Unreadable(_))), "{burned:?}");
        }
        store.close().await.unwrap();
        drop(store);
        sim.spoil(&[]);
        let store = open(&sim, 2).unwrap();
        assert_eq!(got(&store, Kind::Chunk, 1).await, Some(envelope(1)));
        assert_eq!(store.burn(id(2), burn_key(2)).await.unwrap(), BurnOutcome::Absent);
        assert_eq!(store.burn(id(1), burn_key(1)).await.unwrap(), BurnOutcome::Burned);
        assert!(records(&sim, &path).is_empty());
    });
}

/// Whether it is burned before the first copy can be read again, or after; a day later, too.
#[test]
fn of_a_chunk_that_was_put_again_nothing_is_left_once_it_is_burned() {
    block_on(async {
        for (again, before) in [(0, false), (0, true), (1, false), (1, true)] {
            let (sim, path) = unread(Kind::Chunk).await;
            let old = sim.read(&path);
            let at = records(&sim, &path)[0] * RECORD;
            let old = &old[at..at + RECORD];
            let store = open(&sim, 1).unwrap();
            stored(&store, chunk(1, day(again))).await;
            let burn = async |store: &super::JournalStore| {
                assert_eq!(store.burn(id(1), burn_key(1)).await.unwrap(), BurnOutcome::Burned);
            };
            if before {
                burn(&store).await;
            }
            drop(store);
            sim.spoil(&[]);
            let store = open(&sim, 2).unwrap();
            assert_eq!(got(&store, Kind::Chunk, 1).await.is_none(), before, "day {again}");
            assert_eq!(store.damage().envelopes, 0);
            burn(&store).await;
            assert_eq!(got(&store, Kind::Chunk, 1).await, None);
            for number in 0..=again {
                let path = of("chunks", number);
                assert!(records(&sim, &path).is_empty(), "day {again}, burned before: {before}");
                assert!(!sim.read(&path).windows(64).any(|window| window == &old[HEADER..HEADER + 64]));
            }
            store.close().await.unwrap();
            drop(store);
            assert!(check_on(Arc::new(sim.clone()), &config(), &|| ()).unwrap().is_sound());
            assert_eq!(got(&open(&sim, 3).unwrap(), Kind::Chunk, 1).await, None);
        }
    });
}

#[test]
fn a_letter_that_was_put_again_on_another_day_is_listed_and_forgotten_once() {
    block_on(async {
        for sealed in [false, true] {
            let (sim, _) = unread(Kind::Letter).await;
            let store = open(&sim, 1).unwrap();
            stored(&store, letter(1, day(1))).await;
            if sealed {
                store.seal(Kind::Letter).await.unwrap();
            }
            drop(store);
            sim.spoil(&[]);
            let reader = read(&sim, Extent::All);
            let ids = reader.days().into_iter().flat_map(|(kind, day)| reader.listed(kind, day).unwrap().ids);
            assert_eq!(ids.collect::<Vec<_>>(), [id(1)], "an export has it once");
            drop(reader);

            let mut store = open(&sim, 2).unwrap();
            assert_eq!(store.damage(), Damage::default());
            while store.seal(Kind::Letter).await.unwrap().is_some() {}
            store.expire(day(1), LIVES).await.unwrap();
            // By the index, too.
            for seed in 3..5 {
                let batches = store.batches_from(Kind::Letter, 1, 9).await.unwrap();
                assert_eq!(batches.iter().map(|batch| batch.ids().to_vec()).collect::<Vec<_>>(), [[id(1)]]);
                let found = store.letters(batches[0].day(), 0, 1).await.unwrap();
                assert_eq!(found, [Some((id(1), envelope(1)))]);
                assert_eq!(store.put(letter(1, day(1))).await.unwrap(), PutOutcome::Already);
                store.close().await.unwrap();
                drop(store);
                assert!(check_on(Arc::new(sim.clone()), &config(), &|| ()).unwrap().is_sound());
                store = open(&sim, seed).unwrap();
            }
            store.expire(day(1 + LIVES.letters), LIVES).await.unwrap();
            assert_eq!(got(&store, Kind::Letter, 1).await, Some(envelope(1)), "of the later day");
            store.expire(day(2 + LIVES.letters), LIVES).await.unwrap();
            assert_eq!(got(&store, Kind::Letter, 1).await, None);
            let left: BTreeSet<_> = sim.files().into_iter().filter(|path| path.starts_with("/store/days")).collect();
            assert!(left.is_empty(), "{left:?}");
            stored(&store, letter(1, day(3 + LIVES.letters))).await;
        }
    });
}

/// Whatever is there twice, an export has it once, where a batch lists it.
#[test]
fn an_export_takes_what_is_there_twice_from_the_day_that_has_it() {
    block_on(async {
        for kind in [Kind::Letter, Kind::Chunk] {
            let (sim, put, later) = match kind {
                Kind::Letter => (unread(kind).await.0, letter(1, day(1)), of("letters", 1)),
                Kind::Chunk => (unread_mark().await, chunk(1, day(1)), of("chunks", 1)),
            };
            let store = open(&sim, 1).unwrap();
            stored(&store, put).await;
            let body = body(&sim, &later);
            store.seal(kind).await.unwrap();
            drop(store);
            without_index(&sim);
            let bad: &[(&Path, u64)] = if kind == Kind::Letter { &[(&later, body)] } else { &[] };
            sim.spoil(bad);
            let reader = read(&sim, Extent::All);
            let all = reader.days().into_iter().flat_map(|(kind, day)| {
                let ids = reader.listed(kind, day).unwrap().ids;
                ids.into_iter().map(|id| (day, reader.held(kind, day, id).unwrap())).collect::<Vec<_>>()
            });
            let all: Vec<_> = all.map(|(day, held)| (day, held.id, held.content)).collect();
            let expected = match kind {
                Kind::Letter => Content::Envelope(envelope(1)),
                Kind::Chunk => Content::Burned,
            };
            assert!(all == [(day(1), id(1), expected)], "{kind:?}");
        }
    });
}

/// A chunk that was burned, and then the sign of that cannot be read.
async fn unread_mark() -> Sim {
    let sim = Sim::new(0);
    let store = open(&sim, 0).unwrap();
    stored(&store, chunk(1, day(0))).await;
    assert_eq!(store.burn(id(1), burn_key(1)).await.unwrap(), BurnOutcome::Burned);
    drop(store);
    without_index(&sim);
    let burned = Path::new("/store/days/chunks-20000/burned");
    let marks = sim.read(burned);
    let mark = marks.chunks(512).position(|mark| mark.iter().any(|byte| *byte != 0)).unwrap();
    sim.spoil(&[(burned, mark as u64)]);
    sim
}

/// A batch was being written when a write failed, and cannot be read at the next start. `None` if both copies are there.
async fn with_unread_batch(seed: u64) -> Option<(Sim, super::JournalStore)> {
    let (sim, path) = (Sim::new(seed), of("letters", 0));
    let store = open(&sim, seed).unwrap();
    stored(&store, letter(1, day(0))).await;
    let before = records(&sim, &path);
    sim.fail(Some(Fault::Broken(1)));
    assert!(matches!(store.seal(Kind::Letter).await, Err(StoreError::Failed(_))));
    sim.fail(None);
    drop(store);
    let bytes = sim.read(&path);
    let is_whole =
        |at: &usize| bytes.get(at * RECORD..(at + 1) * RECORD).is_some_and(|copy| copy[RECORD - 64..] != [0; 64]);
    let whole: Vec<_> = added(&sim, &path, &before).into_iter().filter(is_whole).collect();
    let [whole] = whole[..] else { return None };
    sim.spoil(&[(&path, (whole * RECORD / 512) as u64)]);
    let store = open(&sim, seed + 100).unwrap();
    assert!(store.batches(Kind::Letter, day(0)).await.unwrap().is_empty());
    Some((sim, store))
}

/// Positions of a journal at which something stands now.
fn added(sim: &Sim, path: &Path, before: &[usize]) -> Vec<usize> {
    records(sim, path).into_iter().filter(|position| !before.contains(position)).collect()
}

#[test]
fn of_two_whole_batches_of_a_number_the_one_that_was_announced_counts() {
    block_on(async {
        let mut tried = 0;
        for (seed, last) in (0..40).flat_map(|seed| [None, Some(0), Some(1)].map(|last| (seed, last))) {
            let Some((sim, store)) = with_unread_batch(seed).await else { continue };
            // With another chain value each time.
            stored(&store, letter(10 + seed, day(0))).await;
            let mut announced = vec![store.seal(Kind::Letter).await.unwrap().unwrap()];
            // By the head, or by the batch that follows it, of its day or the next.
            if let Some(number) = last {
                stored(&store, letter(3, day(number))).await;
                announced.push(store.seal(Kind::Letter).await.unwrap().unwrap());
            }
            drop(store);
            without_index(&sim);
            sim.spoil(&[]);
            let found = check_on(Arc::new(sim.clone()), &config(), &|| ()).unwrap();
            assert_eq!((found.batches_missing, found.envelopes_lost), (0, 0), "{seed}");
            for extent in [Extent::All, Extent::Listed] {
                let reader = read(&sim, extent);
                let days = (0..=last.unwrap_or(0)).map(|number| reader.listed(Kind::Letter, day(number)).unwrap());
                let batches: Vec<_> = days.flat_map(|listed| listed.batches).collect();
                assert!(batches.iter().eq(announced.iter().map(|batch| &**batch)), "{seed}, {last:?}: {batches:?}");
            }
            let store = open(&sim, seed + 200).unwrap();
            assert_eq!(store.batches_from(Kind::Letter, 1, 9).await.unwrap(), announced, "{seed}, {last:?}");
            assert_eq!(store.damage(), Damage::default(), "{seed}, {last:?}");
            tried += 1;
        }
        assert!(tried >= 90, "{tried}");
    });
}

#[test]
fn a_batch_that_was_not_announced_does_not_stand_in_for_one_that_was() {
    block_on(async {
        let mut tried = 0;
        for seed in 0..40 {
            let Some((sim, store)) = with_unread_batch(seed).await else { continue };
            stored(&store, letter(10 + seed, day(0))).await;
            let path = of("letters", 0);
            let before = records(&sim, &path);
            let announced = store.seal(Kind::Letter).await.unwrap().unwrap();
            drop(store);
            without_index(&sim);
            sim.spoil(&[]);
            let copies = added(&sim, &path, &before);
            let [one, other] = copies[..] else { panic!("{copies:?}") };
            sim.change(&path, |bytes| [one, other].iter().for_each(|copy| bytes[copy * RECORD + HEADER] ^= 1));
            let found = check_on(Arc::new(sim.clone()), &config(), &|| ()).unwrap();
            assert_eq!(found.batches_missing, 1, "{seed}");
            let store = open(&sim, seed + 200).unwrap();
            assert!(store.batches(Kind::Letter, day(0)).await.unwrap().is_empty(), "{seed}");
            assert_eq!(store.damage().batches, 1, "{seed}");
            let next = store.seal(Kind::Letter).await.unwrap().unwrap();
            assert!(announced.head().follow(&next).is_ok(), "{seed}");
            assert_eq!(next.ids(), announced.ids(), "they are listed again");
            tried += 1;
        }
        assert!(tried >= 30, "{tried}");
    });
}

/// Where nothing tells which one it was: both copies of the one that was announced were written.
#[test]
fn of_two_whole_batches_the_one_that_is_there_twice_counts_though_what_follows_is_gone() {
    block_on(async {
        let mut tried = 0;
        for seed in 0..40 {
            let Some((sim, store)) = with_unread_batch(seed).await else { continue };
            stored(&store, letter(10 + seed, day(0))).await;
            let announced = store.seal(Kind::Letter).await.unwrap().unwrap();
            stored(&store, letter(3, day(0))).await;
            let path = of("letters", 0);
            let before = records(&sim, &path);
            store.seal(Kind::Letter).await.unwrap();
            drop(store);
            without_index(&sim);
            sim.spoil(&[]);
            let copies = added(&sim, &path, &before);
            sim.change(&path, |bytes| copies.iter().for_each(|copy| bytes[copy * RECORD + HEADER] ^= 1));
            let store = open(&sim, seed + 200).unwrap();
            assert_eq!(store.batches(Kind::Letter, day(0)).await.unwrap(), [announced], "{seed}");
            assert_eq!(store.damage().batches, 1, "{seed}");
            tried += 1;
        }
        assert!(tried >= 30, "{tried}");
    });
}
