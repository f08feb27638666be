//! Batches of thousands, which are written in steps: who has the disk and the day's key sees which envelopes came before a
//! step and which after (`SECURITY.md`), and nothing of their order between two steps. Once by what is in the files, and once,
//! for letters, by all of the disk that the files lie on.

use crate::image::Image;
use crate::order::{Seen, chance, correlation, correlations};
use crate::search::{keys_on, opened};
use crate::{ChaCha20Rng, FIRST, RECORD, ext4, journal, put};
use cssr_proto::Day;
use cssr_relay::store::{Kind, PutOutcome, Store as _};
use rand_core::{Rng as _, SeedableRng as _};
use rustix::fs::{FallocateFlags, fallocate};
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt as _;

/// Letters, and as many chunks.
const LARGE: u64 = 2_000;
/// Letters of the batch whose disk is searched.
const ON_A_DISK: u64 = 3_000;
/// Letters that are written as no store should.
const TOLD: u32 = 1_000;
/// Places that a day without an earlier batch offers at a time. When fewer than an eighth of that are left, it offers more.
const STEP: usize = 256;

/// What came between two steps, each time as much.
fn steps<T>(arrived: &[T]) -> Vec<&[T]> {
    let (first, rest) = arrived.split_at(STEP - STEP / 8 + 1);
    std::iter::once(first).chain(rest.chunks_exact(STEP)).collect()
}

#[test]
fn between_two_steps_a_batch_of_thousands_tells_nothing_of_the_order() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = journal(folder.path(), 1);
        for number in 0..LARGE {
            for kind in [Kind::Letter, Kind::Chunk] {
                // One after the other, so that there is an order.
                assert_eq!(store.put(put(kind, FIRST, number)).await.unwrap(), PutOutcome::Stored);
            }
        }
        for kind in [Kind::Letter, Kind::Chunk] {
            assert_eq!(store.seal(kind).await.unwrap().unwrap().ids().len() as u64, LARGE);
        }
        store.close().await.unwrap();
    });
    for (kind, name) in [(Kind::Letter, "letters"), (Kind::Chunk, "chunks")] {
        let read = |path: String| std::fs::read(folder.path().join("store").join(path)).unwrap();
        let (journal, keys) =
            (read(format!("days/{name}-{FIRST}/journal")), keys_on(&read(format!("keys/{name}-{FIRST}.key"))));
        let body = |number| *put(kind, FIRST, number).envelope.as_bytes().first_chunk::<16>().unwrap();
        let numbers: BTreeMap<[u8; 16], u64> = (0..LARGE).map(|number| (body(number), number)).collect();
        let found = opened(&journal, &keys).filter_map(|block| {
            let nonce = u128::from_be_bytes(*block.nonce.first_chunk().unwrap());
            Some((*numbers.get(&block.body)?, [block.offset as u128, nonce]))
        });
        let found: BTreeMap<u64, [u128; 2]> = found.collect();
        assert_eq!(found.len() as u64, LARGE);

        let arrived: Vec<[u128; 2]> = found.into_values().collect();
        let steps = steps(&arrived);
        assert_eq!(steps.len(), 7);
        for (which, what) in ["position", "nonce"].iter().enumerate() {
            let of = |step: &[[u128; 2]]| correlation(&step.iter().map(|seen| seen[which]).collect::<Vec<_>>());
            let found: Vec<f64> = steps.iter().map(|step| of(step)).collect();
            eprintln!("{name} of a large batch: {what} {found:+.3?}");
            for (step, found) in steps.iter().zip(&found) {
                assert!(found.abs() < chance(step.len()), "{what} of {name}: {found}");
            }
            // What is too little to be seen in one step might be seen in all of them.
            let mean = found[1..].iter().sum::<f64>() / found[1..].len() as f64;
            assert!(mean.abs() < chance(STEP * (steps.len() - 1)), "{what} of {name}: {mean} on average");
        }
    }
}

/// Where records that are known by their nonces stand on a disk.
fn seen(disk: &[u8], records: &[(u64, [u8; 24])]) -> Vec<Seen> {
    let places: BTreeMap<_, _> = records.iter().zip(0usize..).map(|((_, nonce), number)| (*nonce, number)).collect();
    let mut seen: Vec<Option<Seen>> = vec![None; records.len()];
    for of_disk in (0..disk.len() - 24).step_by(1_024) {
        let nonce = *disk[of_disk..].first_chunk().unwrap();
        if let Some(number) = places.get(&nonce) {
            let found = Seen { of_file: records[*number].0, of_disk: of_disk as u64, nonce };
            assert!(seen[*number].replace(found).is_none(), "a record stands there twice");
        }
    }
    seen.into_iter().map(|seen| seen.expect("a record is nowhere")).collect()
}

/// The largest correlations that there are between two steps, and those of all steps on average, by what they are of; each as a
/// part of what chance alone could make.
fn told(arrived: &[Seen], disk: &[u8]) -> BTreeMap<&'static str, [f64; 2]> {
    let extents = ext4::extents(disk);
    assert!(extents.iter().any(|extent| extent.written));
    let steps = steps(arrived);
    let mut told: BTreeMap<&str, [f64; 2]> = BTreeMap::new();
    for step in &steps {
        for (what, found) in correlations(step, &extents) {
            let [most, sum] = told.entry(what).or_default();
            *most = most.max(found.abs() / chance(step.len()));
            *sum += found;
        }
    }
    for [_, sum] in told.values_mut() {
        *sum = sum.abs() / steps.len() as f64 / chance(arrived.len());
    }
    told
}

#[test]
#[ignore = "needs loop-device"]
fn between_two_steps_extents_and_the_log_of_the_disk_tell_nothing_of_the_order() {
    let image = Image::of(256 << 20);
    let store_folder = image.disk().join("store");
    let write_down = || rustix::fs::syncfs(std::fs::File::open(image.disk()).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = journal(&image.disk(), 1);
        store.begin(Day(FIRST)).await.unwrap();
        for number in 0..ON_A_DISK {
            assert_eq!(store.put(put(Kind::Letter, FIRST, number)).await.unwrap(), PutOutcome::Stored);
            if number % 8 == 0 {
                // What the system does every five seconds.
                write_down();
            }
        }
        assert_eq!(store.seal(Kind::Letter).await.unwrap().unwrap().ids().len() as u64, ON_A_DISK);
        store.close().await.unwrap();
    });
    let read = |path: String| std::fs::read(store_folder.join(path)).unwrap();
    let (journal, keys) =
        (read(format!("days/letters-{FIRST}/journal")), keys_on(&read(format!("keys/letters-{FIRST}.key"))));
    let body = |number| *put(Kind::Letter, FIRST, number).envelope.as_bytes().first_chunk::<16>().unwrap();
    let numbers: BTreeMap<[u8; 16], u64> = (0..ON_A_DISK).map(|number| (body(number), number)).collect();
    let records = opened(&journal, &keys)
        .filter_map(|block| Some((*numbers.get(&block.body)?, (block.offset as u64, block.nonce))));
    let records: BTreeMap<u64, (u64, [u8; 24])> = records.collect();
    let records: Vec<_> = records.into_values().collect();
    assert_eq!(records.len() as u64, ON_A_DISK);
    let disk = image.contents();
    let told = told(&seen(&disk, &records), &disk);
    eprintln!("letters of a large batch on a disk, by what chance could make: {told:.2?}");
    for (what, found) in told {
        assert!(found.iter().all(|found| *found < 1.0), "{what}: {found:?}");
    }
}

/// As a store would write that takes space without writing it: the search finds the order.
#[test]
#[ignore = "needs loop-device"]
fn the_order_in_which_records_go_to_space_that_was_never_written_is_found() {
    let image = Image::of(128 << 20);
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let file = std::fs::File::create(image.disk().join("journal")).unwrap();
    fallocate(&file, FallocateFlags::empty(), 0, u64::from(TOLD) * RECORD).unwrap();
    let mut free: Vec<u32> = (0..TOLD).collect();
    let mut records = Vec::new();
    while !free.is_empty() {
        let position = free.swap_remove(rng.next_u64() as usize % free.len());
        let mut record = [0; RECORD as usize];
        rng.fill_bytes(&mut record);
        file.write_all_at(&record, u64::from(position) * RECORD).unwrap();
        file.sync_data().unwrap();
        records.push((u64::from(position) * RECORD, *record.first_chunk().unwrap()));
    }
    drop(file);
    let disk = image.contents();
    let told = told(&seen(&disk, &records), &disk);
    eprintln!("records in space that was never written, by what chance could make: {told:.2?}");
    for (what, [most, mean]) in told {
        let is_told = what.starts_with("states");
        assert!(if is_told { most > 1.5 && mean > 1.5 } else { most < 1.0 && mean < 1.0 }, "{what}: {most}, {mean}");
    }
}
