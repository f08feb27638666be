//! `check` tells of every byte that is not as it was written, and changes none.

use super::super::check::check_on;
use super::super::family::MARK;
use super::super::record::RECORD;
use super::super::{JournalConfig, disk::Disk as _};
use super::power::{block_on, open};
use super::sim::Sim;
use crate::store::conformance::{AMPLE, LIVES, burn_key, chunk, day, id, letter, relay_key, stored};
use crate::store::findings::{Finding, Findings};
use crate::store::{Kind, OpenError, Store as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn check(sim: &Sim) -> Result<Findings, OpenError> {
    let config = JournalConfig { directory: "/store".into(), relay: relay_key(), quotas: AMPLE };
    check_on(Arc::new(sim.clone()), &config, &|| ())
}

/// Days of letters and chunks: what is listed, what waits, what was burned.
async fn filled(days: u32) -> Sim {
    let sim = Sim::new(0);
    let store = open(&sim, 0).unwrap();
    for n in 0..days {
        store.expire(day(n), LIVES).await.unwrap();
        for seed in 0..3 {
            stored(&store, letter(u64::from(n) * 10 + seed, day(n))).await;
            stored(&store, chunk(100 + u64::from(n) * 10 + seed, day(n))).await;
        }
        while store.seal(Kind::Letter).await.unwrap().is_some() {}
        store.seal(Kind::Chunk).await.unwrap();
        stored(&store, letter(u64::from(n) * 10 + 5, day(n))).await;
    }
    store.burn(id(101), burn_key(101)).await.unwrap();
    store.close().await.unwrap();
    sim
}

/// The store's files with what is in them.
fn contents(sim: &Sim) -> Vec<(PathBuf, Vec<u8>)> {
    sim.files().into_iter().map(|path| (path.clone(), sim.read(&path))).collect()
}

/// Whether a file reads the same. Where space was given back the simulated disk may end it earlier.
fn same(one: &[(PathBuf, Vec<u8>)], other: &[(PathBuf, Vec<u8>)]) -> bool {
    let written = |content: &[u8]| content.len() - content.iter().rev().take_while(|byte| **byte == 0).count();
    let same = |one: &[u8], other: &[u8]| one[..written(one)] == other[..written(other)];
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.0 == b.0 && same(&a.1, &b.1))
}

fn name(path: &Path) -> String {
    path.strip_prefix("/store").unwrap().to_string_lossy().into_owned()
}

/// The block of a file in which an offset lies.
fn block(path: &Path, offset: usize) -> Option<u64> {
    let unit = match path.file_name().unwrap().to_str().unwrap() {
        "journal" => RECORD,
        "burned" => MARK,
        "index" => return None,
        _ => 4_096,
    };
    Some((offset / unit * unit) as u64)
}

#[test]
fn a_sound_store_is_told_to_be_so_and_is_not_changed() {
    block_on(async {
        let sim = filled(2).await;
        let before = contents(&sim);
        let findings = check(&sim).unwrap();
        assert!(findings.is_sound(), "{findings:?}");
        // Eight letters, six chunks of which one is burned, and five batches, twice.
        assert_eq!((findings.records, findings.marks), (8 + 5 + 10, 1));
        assert!(findings.blank > 0);
        assert!(same(&contents(&sim), &before));
    });
}

#[test]
fn a_bit_flipped_anywhere_is_told_with_its_place_and_the_rest_is_served() {
    block_on(async {
        let sim = filled(1).await;
        let mut told = 0;
        for (path, clean) in contents(&sim).into_iter().filter(|(path, _)| !path.ends_with("lock")) {
            let unit = block(&path, 0).map_or(usize::MAX, |_| if path.ends_with("burned") { MARK } else { RECORD });
            let offsets: Vec<usize> = if path.ends_with("journal") || path.ends_with("burned") {
                // In nonce, header, tags and body of all that stands there, and of some that is blank.
                let starts = (0..clean.len() / unit).filter(|n| clean[n * unit..][..8] != [0; 8] || n % 32 == 0);
                let places = [0, 30, 111, 120, 128, 400, unit - 1];
                starts.flat_map(|n| [n, n + 3].map(|m| n * unit + places[m % places.len()])).collect()
            } else {
                (0..clean.len()).step_by(401).collect()
            };
            for offset in offsets {
                // What follows the end of the index belongs to the simulated disk.
                if path.ends_with("index") && clean[offset..].iter().all(|byte| *byte == 0) {
                    continue;
                }
                sim.change(&path, |content| content[offset] ^= 1 << (offset % 8));
                let findings = check(&sim).unwrap();
                let is_here = |found: &Finding| found.file == name(&path) && found.offset == block(&path, offset);
                assert!(findings.list.iter().any(is_here), "{path:?} at {offset}: {findings:?}");
                told += 1;
                if told % 8 == 0 {
                    let before = contents(&sim);
                    let store = open(&sim, 1).unwrap();
                    let mut served = 0;
                    for seed in [0, 1, 2, 5] {
                        let found = store.get(Kind::Letter, None, &[id(seed)]).await;
                        served += u64::from(found.is_ok_and(|found| found[0].is_some()));
                    }
                    assert!(served >= 3, "{path:?} at {offset}: {served}");
                    store.close().await.unwrap();
                    drop(store);
                    for (path, content) in before {
                        sim.change(&path, |now| *now = content);
                    }
                }
                sim.change(&path, |content| content.clone_from(&clean));
            }
        }
        assert!(told > 100, "{told}");
    });
}

#[test]
fn a_block_that_was_torn_or_is_gone_is_told() {
    block_on(async {
        let sim = filled(1).await;
        for (path, clean) in contents(&sim).into_iter().filter(|(path, _)| path.ends_with("journal")) {
            for record in (0..clean.len() / RECORD).filter(|n| clean[n * RECORD..][..8] != [0; 8]) {
                for (from, to) in [(0, 512), (512, RECORD), (8_192, RECORD), (0, RECORD)] {
                    sim.change(&path, |content| content[record * RECORD + from..record * RECORD + to].fill(0));
                    let findings = check(&sim).unwrap();
                    assert!(!findings.is_sound(), "{path:?} {record} {from}");
                    let place = Some((record * RECORD) as u64);
                    let here = findings.list.iter().any(|found| found.file == name(&path) && found.offset == place);
                    // Of one that has become blank the batches tell, or the index.
                    assert!(here || (from, to) == (0, RECORD), "{path:?} {record} {from}: {findings:?}");
                    sim.change(&path, |content| content.clone_from(&clean));
                }
            }
        }
    });
}

#[test]
fn what_is_missing_altogether_is_told() {
    block_on(async {
        for path in ["keys/letters-20000.key", "days/letters-20000/journal", "days/chunks-20000/burned", "manifest"] {
            let sim = filled(2).await;
            sim.remove(&Path::new("/store").join(path)).unwrap();
            let findings = check(&sim).unwrap();
            let place = path.rsplit_once('/').filter(|_| path.starts_with("days")).map_or(path, |(folder, _)| folder);
            assert!(findings.list.iter().any(|found| found.file == place), "{path}: {findings:?}");
        }
        assert!(matches!(check(&Sim::new(0)), Err(OpenError::NoStore | OpenError::Io { .. })));
    });
}

#[test]
fn envelopes_and_batches_that_are_lost_are_counted() {
    block_on(async {
        let sim = filled(2).await;
        let path = Path::new("/store/days/letters-20000/journal");
        sim.change(path, |content| {
            content.chunks_mut(RECORD).for_each(|record| record[RECORD - 1] ^= u8::from(record[..8] != [0; 8]))
        });
        let findings = check(&sim).unwrap();
        // The day's batches are gone with what they list, and nobody knows of what; the chain begins after them.
        assert_eq!(findings.list.iter().filter(|found| found.offset.is_some()).count(), 4 + 2 * 2);
        let path = Path::new("/store/days/letters-20001/journal");
        let clean = sim.read(path);
        let mut lost = 0;
        for record in (0..clean.len() / RECORD).filter(|n| clean[n * RECORD..][..8] != [0; 8]) {
            sim.change(path, |content| content[record * RECORD + 9_000] ^= 1);
            lost += check(&sim).unwrap().envelopes_lost;
            sim.change(path, |content| content.clone_from(&clean));
        }
        assert_eq!(lost, 3, "each of the three that are listed");
    });
}

#[test]
fn a_store_in_use_is_not_checked() {
    block_on(async {
        let sim = filled(2).await;
        let store = open(&sim, 1).unwrap();
        assert!(matches!(check(&sim), Err(OpenError::Locked)));
        drop(store);
    });
}
