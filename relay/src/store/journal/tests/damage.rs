//! Blocks that go bad: noticed, counted, and the rest is served.

use super::super::disk::Disk as _;
use super::super::record::{HEADER, RECORD};
use super::super::{Damage, JournalStore};
use super::power::{block_on, open};
use super::sim::{Fault, Sim};
use crate::store::conformance::{burn_key, chunk, day, envelope, id, letter, stored};
use crate::store::{
    BurnOutcome, Kind, OpenError, PutOutcome, STATEMENT_MAX, Shelf, StatementName, Store as _, StoreError,
};
use chacha20::ChaCha20Rng;
use cssr_proto::index::Batch;
use rand_core::{Rng as _, SeedableRng as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const LISTED: u64 = 12;
const WAITING: u64 = 3;

pub(super) fn journal() -> PathBuf {
    "/store/days/letters-20000/journal".into()
}

/// Letters of one day: those of two batches, and some that wait.
pub(super) async fn filled() -> (Sim, Vec<Arc<Batch>>) {
    let sim = Sim::new(0);
    let store = open(&sim, 0).unwrap();
    for seed in 0..LISTED + WAITING {
        stored(&store, letter(seed, day(0))).await;
        if seed == LISTED / 2 || seed == LISTED - 1 {
            store.seal(Kind::Letter).await.unwrap();
        }
    }
    let batches = store.batches(Kind::Letter, day(0)).await.unwrap();
    store.close().await.unwrap();
    (sim, batches)
}

/// What has become of the letters: how many are read as they were; the others are refused or forgotten.
async fn whole(store: &JournalStore) -> (u64, u64, u64) {
    let (mut whole, mut refused, mut forgotten) = (0, 0, 0);
    for seed in 0..LISTED + WAITING {
        match store.get(Kind::Letter, None, &[id(seed)]).await.as_deref() {
            Ok([Some(found)]) if *found == envelope(seed) => whole += 1,
            Ok([None]) => forgotten += 1,
            Err(StoreError::Unreadable(_)) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    (whole, refused, forgotten)
}

fn flip(sim: &Sim, path: &str, offset: usize) {
    sim.change(path.as_ref(), |bytes| bytes[offset] ^= 0x10);
}

/// Puts another file in the place of one.
fn write(sim: &Sim, path: &Path, bytes: &[u8]) {
    let file = sim.create(path).unwrap();
    file.write_at(bytes, 0).unwrap();
    file.sync().unwrap();
}

pub(super) fn without_index(sim: &Sim) {
    let indexes = sim.files().into_iter().filter(|path| path.ends_with("index"));
    indexes.for_each(|path| sim.remove(&path).unwrap());
}

#[test]
fn a_bad_block_anywhere_in_a_journal_costs_no_more_than_what_stood_in_it() {
    block_on(async {
        let (sim, batches) = filled().await;
        let bytes = sim.read(&journal());
        let records: Vec<_> = (0..bytes.len() / RECORD).filter(|n| bytes[n * RECORD..][..8] != [0; 8]).collect();
        assert_eq!(records.len() as u64, LISTED + WAITING + 4, "and two batches, twice");
        let (mut refused, mut forgotten, mut copies) = (0, 0, 0);
        for (n, record) in records.iter().enumerate() {
            // In nonce, header, tag and body; and a block that was torn.
            for harm in [0, 23, 40, 100, 127, HEADER, 4_096 + n, RECORD - 1, usize::MAX] {
                sim.change(&journal(), |content| {
                    content.clone_from(&bytes);
                    match harm {
                        usize::MAX => content[record * RECORD + 8_192..(record + 1) * RECORD].fill(0),
                        offset => content[record * RECORD + offset] ^= 1 << (n % 8),
                    }
                });
                without_index(&sim);
                let store = open(&sim, 1).unwrap();
                let found = whole(&store).await;
                assert!(found.0 >= LISTED + WAITING - 1, "{found:?}");
                assert_eq!(
                    store.batches(Kind::Letter, day(0)).await.unwrap(),
                    batches,
                    "of each there is another copy"
                );
                refused += found.1;
                forgotten += found.2;
                copies += u64::from(found.0 == LISTED + WAITING);
                let Damage { blocks, envelopes, batches } = store.damage();
                // What a batch lists is not read on opening, but for its header.
                assert!(blocks == 1 || harm >= HEADER, "{harm}");
                assert_eq!(batches, 0);
                assert!(envelopes <= found.1);
                store.close().await.unwrap();
            }
        }
        assert_eq!((refused, forgotten, copies), (9 * LISTED, 9 * WAITING, 9 * 4));
    });
}

/// A disk says so when it cannot read a sector. It must not cost more than bytes that are not as they were written.
#[test]
fn a_sector_that_cannot_be_read_costs_no_more_than_what_stood_in_it() {
    block_on(async {
        let (sim, batches) = filled().await;
        stored(&open(&sim, 7).unwrap(), chunk(50, day(0))).await;
        for path in sim.files() {
            let sectors = sim.read(&path).len().div_ceil(512) as u64;
            // All of small files; of the others the first sectors of some records, and some of their bodies.
            let sectors = (0..sectors).filter(|sector| sectors < 64 || sector % 32 == 0 || sector % 32 == 7);
            for sector in sectors {
                sim.spoil(&[]);
                if path.ends_with("index") {
                    // It is there again.
                    drop(open(&sim, 1).unwrap());
                } else {
                    without_index(&sim);
                }
                sim.spoil(&[(&path, sector)]);
                let store = open(&sim, 1).unwrap_or_else(|error| panic!("{path:?}, sector {sector}: {error}"));
                let found = whole(&store).await;
                assert!(found.0 >= LISTED + WAITING - 1, "{path:?}, sector {sector}: {found:?}");
                assert_eq!(store.batches(Kind::Letter, day(0)).await.unwrap(), batches);
                drop(store);
            }
        }
        sim.spoil(&[]);
        assert_eq!(whole(&open(&sim, 1).unwrap()).await, (LISTED + WAITING, 0, 0), "nothing was made of it");
    });
}

/// Both copies of a batch might be what cannot be read.
#[test]
fn a_journal_of_which_much_cannot_be_read_is_not_opened() {
    block_on(async {
        let (sim, batches) = filled().await;
        without_index(&sim);
        let journal = &*journal();
        let bytes = sim.read(journal);
        let records: Vec<_> = (0..bytes.len() / RECORD).filter(|n| bytes[n * RECORD..][..8] != [0; 8]).collect();
        sim.spoil(&[0, 1].map(|n| (journal, (records[n] * RECORD / 512) as u64)));
        assert!(matches!(open(&sim, 1), Err(OpenError::Io { .. })));
        sim.spoil(&[]);
        let store = open(&sim, 1).unwrap();
        assert_eq!(store.batches(Kind::Letter, day(0)).await.unwrap(), batches, "nothing was made of it");
    });
}

/// What was torn of a chunk is nowhere once it was put again and burned.
#[test]
fn a_torn_copy_of_a_chunk_does_not_outlive_its_burning() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        stored(&store, chunk(1, day(0))).await;
        drop(store);
        let path = PathBuf::from("/store/days/chunks-20000/journal");
        let bytes = sim.read(&path);
        let at = bytes.chunks(RECORD).position(|record| record[..8] != [0; 8]).unwrap() * RECORD;
        let torn = bytes[at..at + RECORD - 512].to_vec();
        sim.change(&path, |bytes| bytes[at + RECORD - 512..at + RECORD].fill(0));
        without_index(&sim);
        assert!(sim.read(&path).windows(1_000).any(|window| window == &torn[HEADER..HEADER + 1_000]));
        sim.spoil(&[(&path, (at / 512) as u64 + 4)]);
        drop(open(&sim, 2).unwrap());
        sim.spoil(&[]);
        let found = |bytes: Vec<u8>| bytes.windows(1_000).any(|window| window == &torn[HEADER..HEADER + 1_000]);
        assert!(found(sim.read(&path)), "what could only not be read is left");
        let store = open(&sim, 1).unwrap();
        stored(&store, chunk(1, day(0))).await;
        assert_eq!(store.burn(id(1), burn_key(1)).await.unwrap(), BurnOutcome::Burned);
        let bytes = sim.read(&path);
        for part in [&torn[..HEADER], &torn[HEADER..HEADER + 1_000]] {
            assert!(!bytes.windows(part.len()).any(|window| window == part));
        }
    });
}

/// Both copies of a batch are bad, and the chain has gone on: what it listed can be listed no more, and all else goes on.
#[test]
fn a_batch_that_is_lost_twice_does_not_stop_the_next_day() {
    block_on(async {
        let (sim, batches) = filled().await;
        let store = open(&sim, 1).unwrap();
        store.seal(Kind::Letter).await.unwrap();
        stored(&store, letter(90, day(1))).await;
        let next = store.seal(Kind::Letter).await.unwrap().unwrap();
        drop(store);
        without_index(&sim);
        let bytes = sim.read(&journal());
        // Which blocks are batches is not to be seen: those without which one of them is missing.
        let records: Vec<_> = (0..bytes.len() / RECORD).filter(|n| bytes[n * RECORD..][..8] != [0; 8]).collect();
        let mut lost = 0;
        for (one, other) in
            records.iter().enumerate().flat_map(|(n, one)| records[n + 1..].iter().map(move |o| (one, o)))
        {
            sim.change(&journal(), |content| {
                content.clone_from(&bytes);
                [one, other].iter().for_each(|record| content[**record * RECORD + 100] ^= 1);
            });
            without_index(&sim);
            let store = open(&sim, 2).unwrap();
            let listed = store.batches(Kind::Letter, day(0)).await.unwrap();
            if listed.len() < batches.len() + 1 {
                lost += 1;
                // The first batch of all may be missing because its day has expired; what it listed is there.
                assert!(store.damage().envelopes >= 3, "{:?}", store.damage());
                stored(&store, letter(100 + lost, day(1))).await;
                let sealed = store.seal(Kind::Letter).await.unwrap().unwrap();
                assert_eq!((sealed.number(), sealed.day()), (next.number() + lost, day(1)));
                assert_eq!(sealed.ids(), [id(100 + lost)]);
                store.close().await.unwrap();
                drop(store);
                let store = open(&sim, 3).unwrap();
                assert!(store.damage().envelopes >= 3, "the index knows of them, too");
                assert_eq!(store.put(letter(0, day(1))).await.unwrap(), PutOutcome::Already, "it is there");
                continue;
            }
            drop(store);
        }
        assert_eq!(lost, 3, "of each batch of the first day there are two copies");
    });
}

/// Marks are for telling damage from what is left of another day; nothing is lost with them.
#[test]
fn a_record_without_its_marks_is_served() {
    block_on(async {
        let (sim, batches) = filled().await;
        let bytes = sim.read(&journal());
        sim.change(&journal(), |content| {
            for record in content.chunks_mut(RECORD).filter(|record| record[..8] != [0; 8]) {
                record[24..40].iter_mut().for_each(|byte| *byte ^= 0x20);
            }
        });
        assert!(sim.read(&journal()) != bytes);
        without_index(&sim);
        let store = open(&sim, 1).unwrap();
        assert_eq!(whole(&store).await, (LISTED + WAITING, 0, 0));
        assert_eq!(store.batches(Kind::Letter, day(0)).await.unwrap(), batches);
        assert_eq!(store.damage(), Damage::default());
    });
}

/// A put that was torn before anybody was told must be possible again.
#[test]
fn what_was_damaged_while_it_waited_can_be_put_again() {
    block_on(async {
        let (sim, _) = filled().await;
        let bytes = sim.read(&journal());
        sim.change(&journal(), |content| {
            for record in content.chunks_mut(RECORD).filter(|record| record[..8] != [0; 8]) {
                record[RECORD - 1] ^= 1;
            }
        });
        without_index(&sim);
        let store = open(&sim, 1).unwrap();
        assert_eq!(whole(&store).await, (0, 0, LISTED + WAITING), "with both copies of their batches all are unknown");
        for seed in LISTED..LISTED + WAITING {
            stored(&store, letter(seed, day(0))).await;
        }
        drop(store);
        let store = open(&sim, 2).unwrap();
        assert_eq!(whole(&store).await.0, WAITING, "though the torn ones are there as well");
        assert!(sim.read(&journal()) != bytes);
    });
}

#[test]
fn a_batch_that_is_lost_is_counted_and_the_chain_goes_on() {
    block_on(async {
        let (sim, batches) = filled().await;
        let clean = sim.read(&journal());
        let records: Vec<_> = (0..clean.len() / RECORD).filter(|n| clean[n * RECORD..][..8] != [0; 8]).collect();
        // Which records are the first batch's shows when one of its copies and another one are damaged.
        let mut lost = 0;
        for (n, first) in records.iter().enumerate() {
            for second in &records[n + 1..] {
                sim.change(&journal(), |content| {
                    content.clone_from(&clean);
                    content[first * RECORD + HEADER] ^= 1;
                    content[second * RECORD + HEADER] ^= 1;
                });
                without_index(&sim);
                let store = open(&sim, 1).unwrap();
                let left = store.batches_from(Kind::Letter, 1, 9).await.unwrap();
                assert_eq!(store.head(Kind::Letter).await.unwrap(), batches[1].head(), "known of by the manifest");
                if left.len() < 2 {
                    lost += 1;
                    assert_eq!(store.damage().batches, if left == batches[1..] { 0 } else { 1 });
                    assert_eq!(whole(&store).await.0, LISTED + WAITING);
                }
                drop(store);
            }
        }
        assert_eq!(lost, 2, "two pairs of copies");
    });
}

/// Puts garbage in the place of two records, of each two there are, until the last batch is gone.
async fn without_the_last_batch(sim: &Sim, of: u32, last: &Batch) -> (Sim, JournalStore) {
    let path = PathBuf::from(format!("/store/days/letters-{}/journal", day(of).0));
    let bytes = sim.read(&path);
    let records: Vec<_> = (0..bytes.len() / RECORD).filter(|n| bytes[n * RECORD..][..8] != [0; 8]).collect();
    for (n, first) in records.iter().enumerate() {
        for second in &records[n + 1..] {
            let sim = sim.copy();
            sim.change(&path, |content| {
                [first, second].iter().for_each(|record| content[**record * RECORD + 200] ^= 1)
            });
            let store = open(&sim, 1).unwrap();
            let listed = store.batches_from(Kind::Letter, last.number(), 1).await.unwrap();
            if listed.is_empty() {
                return (sim, store);
            }
        }
    }
    panic!("there are two copies");
}

/// Nothing but `heads` tells of the newest batch when both copies are bad and the store was not closed.
#[test]
fn the_number_of_the_newest_batch_is_not_given_again_though_both_copies_are_bad() {
    block_on(async {
        // With a batch of its day before it, and without.
        for number in [0, 1] {
            let sim = Sim::new(0);
            let store = open(&sim, 0).unwrap();
            for seed in 0..3 {
                stored(&store, letter(seed, day(0))).await;
            }
            store.seal(Kind::Letter).await.unwrap();
            stored(&store, letter(3, day(number))).await;
            let last = store.seal(Kind::Letter).await.unwrap().unwrap();
            assert_eq!(last.number(), 2);
            // As a kill leaves it.
            let (sim, damaged) = without_the_last_batch(&sim.copy(), number, &last).await;
            drop(store);
            assert_eq!(damaged.head(Kind::Letter).await.unwrap(), last.head());
            assert_eq!(damaged.damage().batches, 1);
            assert!(damaged.is_damaged());
            stored(&damaged, letter(4, day(1))).await;
            let next = damaged.seal(Kind::Letter).await.unwrap().unwrap();
            assert!(last.head().follow(&next).is_ok(), "couriers that have the last one find no fork");
            assert_eq!(next.number(), 3);
            drop(damaged);
            let again = open(&sim, 2).unwrap();
            assert_eq!((again.head(Kind::Letter).await.unwrap(), again.damage().batches), (next.head(), 1));
        }
    });
}

/// Whenever the power is cut, and whatever is left of the journal.
#[test]
fn no_number_that_was_announced_is_given_again_after_a_power_cut() {
    block_on(async {
        let mut announced_with = [0; 4];
        for cut in 0..120 {
            let sim = Sim::new(cut);
            let store = open(&sim, 0).unwrap();
            stored(&store, letter(0, day(0))).await;
            sim.fail(Some(Fault::PowerCut(cut % 60)));
            let mut announced = store.head(Kind::Letter).await.unwrap();
            for seed in 1..4 {
                match store.seal(Kind::Letter).await {
                    Ok(Some(batch)) => announced = batch.head(),
                    Ok(None) => panic!("a letter waits"),
                    Err(_) => break,
                }
                if store.put(letter(seed, day(0))).await.is_err() {
                    break;
                }
            }
            drop(store);
            sim.fail(None);
            sim.power_cycle();
            sim.change(&journal(), |content| content.iter_mut().for_each(|byte| *byte = byte.wrapping_add(91)));
            let store = open(&sim, 1).unwrap();
            let head = store.head(Kind::Letter).await.unwrap();
            let same = head == announced || head.number() == announced.number() + 1;
            assert!(same, "cut {cut}: {head:?} and {announced:?}");
            announced_with[announced.number() as usize] += 1;
        }
        assert!(announced_with.iter().all(|times| *times > 2), "{announced_with:?}");
    });
}

#[test]
fn a_store_without_its_heads_opens_and_has_them_again() {
    block_on(async {
        let (sim, batches) = filled().await;
        let heads = PathBuf::from("/store/heads");
        let before = sim.read(&heads);
        for harm in 0..3 {
            match harm {
                0 => sim.remove(&heads).unwrap(),
                1 => write(&sim, &heads, &before[..4_096]),
                _ => sim.change(&heads, |content| content.iter_mut().for_each(|byte| *byte ^= 1)),
            }
            let store = open(&sim, 1).unwrap();
            assert_eq!(store.batches(Kind::Letter, day(0)).await.unwrap()[..2], batches);
            assert_eq!(store.damage(), Damage::default());
            let next = store.seal(Kind::Letter).await.unwrap();
            assert_eq!(next.is_some(), harm == 0);
            assert_eq!(sim.read(&heads).len(), before.len());
            let sim = sim.copy();
            without_index(&sim);
            sim.change(&journal(), |content| content.fill(7));
            drop(store);
            let head = open(&sim, 2).unwrap().head(Kind::Letter).await.unwrap();
            assert_eq!(head.number(), 3);
        }
    });
}

/// Begins as CBOR of an array does, and has no period.
fn some_statement(length: usize) -> Vec<u8> {
    let mut statement = vec![0; length];
    ChaCha20Rng::from_seed([7; 32]).fill_bytes(&mut statement);
    statement.iter_mut().take(1).for_each(|byte| *byte = 0x82);
    statement
}

/// Nor is one that was misread taken for what an earlier version wrote.
#[test]
fn a_statement_of_which_both_copies_are_bad_is_refused() {
    block_on(async {
        let name = || StatementName::new("name").unwrap();
        let path = PathBuf::from("/store/statements/notes/name");
        for length in [0, 1, 700, 4_060, 4_061, 8_192, STATEMENT_MAX] {
            let statement = some_statement(length);
            let sim = Sim::new(0);
            let store = open(&sim, 0).unwrap();
            store.put_statement(Shelf::Notes, name(), statement.clone()).await.unwrap();
            let read = async || store.statement(Shelf::Notes, name()).await;
            let half = sim.read(&path).len() / 2;
            for (first, second) in [(0, 0), (0, 3), (0, 4 + length), (4 + length / 2, 4 + length + 31)] {
                let sound = sim.read(&path);
                sim.change(&path, |content| content[first] ^= 1);
                assert_eq!(read().await.unwrap().as_ref(), Some(&statement), "{length}");
                sim.change(&path, |content| content[half + second] ^= 1);
                assert!(matches!(read().await, Err(StoreError::Unreadable(_))), "{length}: {first} and {second}");
                sim.change(&path, |content| *content = sound);
            }
            let sector = |at: usize| (path.as_path(), (at / 512) as u64);
            sim.spoil(&[sector(half)]);
            assert_eq!(read().await.unwrap().as_ref(), Some(&statement), "{length}");
            sim.spoil(&[sector(0), sector(half + length)]);
            assert!(matches!(read().await, Err(StoreError::Unreadable(_))), "{length}");
            sim.spoil(&[]);
            assert_eq!(read().await.unwrap().as_ref(), Some(&statement), "{length}");
        }
    });
}

#[test]
fn a_statement_that_an_earlier_version_wrote_is_read_and_is_there_twice_when_it_is_written_again() {
    block_on(async {
        let name = || StatementName::new("name").unwrap();
        let path = PathBuf::from("/store/statements/notes/name");
        for length in [1, 700, 4_096, 8_192, 16_384, 20_000] {
            let statement = some_statement(length);
            let sim = Sim::new(0);
            let store = open(&sim, 0).unwrap();
            write(&sim, &path, &statement);
            assert_eq!(store.statement(Shelf::Notes, name()).await.unwrap().as_ref(), Some(&statement), "{length}");
            sim.spoil(&[(&path, 0)]);
            assert!(matches!(store.statement(Shelf::Notes, name()).await, Err(StoreError::Unreadable(_))));
            sim.spoil(&[]);
            store.put_statement(Shelf::Notes, name(), statement.clone()).await.unwrap();
            sim.change(&path, |content| content[5] ^= 1);
            assert_eq!(store.statement(Shelf::Notes, name()).await.unwrap().as_ref(), Some(&statement), "{length}");
        }
    });
}

#[test]
fn a_bad_index_is_not_believed() {
    block_on(async {
        let (sim, batches) = filled().await;
        let index = "/store/days/letters-20000/index";
        for harm in [0, 24, 100, 300] {
            flip(&sim, index, harm);
            let store = open(&sim, 1).unwrap();
            assert_eq!(whole(&store).await.0, LISTED + WAITING);
            assert_eq!(store.batches(Kind::Letter, day(0)).await.unwrap(), batches);
            assert_eq!(store.damage(), Damage::default());
            store.close().await.unwrap();
            assert!(!sim.read(index.as_ref()).is_empty(), "closing writes another");
        }
    });
}

#[test]
fn keys_and_manifest_are_there_twice() {
    block_on(async {
        for (path, copy) in [("/store/keys/letters-20000.key", 4_096), ("/store/manifest", 4_096)] {
            let (sim, _) = filled().await;
            let bytes = sim.read(path.as_ref());
            for offset in [0, 3, 4, 20, copy, copy + 4] {
                sim.change(path.as_ref(), |content| content.clone_from(&bytes));
                flip(&sim, path, offset);
                let store = open(&sim, 1).unwrap();
                assert_eq!(whole(&store).await.0, LISTED + WAITING, "{path} at {offset}");
                drop(store);
                sim.change(path.as_ref(), |content| content.clone_from(&bytes));
            }
            flip(&sim, path, 4);
            flip(&sim, path, copy + 4);
            assert!(matches!(open(&sim, 1), Err(OpenError::NoKey(_) | OpenError::OtherEngine)), "{path}");
        }
    });
}

#[test]
fn a_burned_chunk_whose_mark_goes_bad_does_not_come_back() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        stored(&store, chunk(1, day(0))).await;
        stored(&store, chunk(2, day(0))).await;
        store.seal(Kind::Chunk).await.unwrap();
        assert_eq!(store.burn(id(1), burn_key(1)).await.unwrap(), BurnOutcome::Burned);
        drop(store);
        sim.change("/store/days/chunks-20000/burned".as_ref(), |content| {
            content.iter_mut().for_each(|byte| *byte ^= u8::from(*byte != 0));
        });
        without_index(&sim);
        let store = open(&sim, 1).unwrap();
        assert!(matches!(store.get(Kind::Chunk, None, &[id(1)]).await, Err(StoreError::Unreadable(_))));
        assert!(matches!(store.put(chunk(1, day(0))).await, Err(StoreError::Unreadable(_))));
        assert_eq!(store.put(chunk(2, day(0))).await.unwrap(), PutOutcome::Already);
        assert_eq!(store.damage().envelopes, 1);
    });
}
