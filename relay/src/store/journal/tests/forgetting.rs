//! What the disk shows to whoever has it: all of it, with what was removed, and with every key that is left.

use super::super::disk::Disk as _;
use super::super::index::NAME;
use super::super::key::{DayKey, Loaded, NONCE};
use super::super::record::{Found, Header, RECORD, open_header};
use super::power::{block_on, open};
use super::sim::Sim;
use crate::store::conformance::{LIVES, burn_key, chunk, day, envelope, got, id, letter, stored};
use crate::store::volume_id::VolumeId;
use crate::store::{Kind, Shelf, StatementName, Store as _};
use cssr_proto::EnvelopeId;
use std::collections::BTreeMap;
use std::path::Path;

fn occurs(sim: &Sim, needle: &[u8]) -> bool {
    is_in(needle, &sim.written())
}

fn is_in(needle: &[u8], content: &[u8]) -> bool {
    // Comparing whole windows takes ten times as long.
    let mut starts = content.iter().enumerate().filter(|(_, byte)| **byte == needle[0]);
    starts.any(|(at, _)| content[at..].starts_with(needle))
}

fn key(sim: &Sim, kind: Kind, number: u32) -> DayKey {
    match DayKey::load(sim, "/store/keys".as_ref(), VolumeId { kind, day: day(number) }).unwrap() {
        Loaded::Key(key) => key,
        _ => panic!("no key"),
    }
}

/// Every envelope that this key opens a record of, anywhere, with its position.
fn opened(sim: &Sim, key: &DayKey) -> BTreeMap<EnvelopeId, u32> {
    let mut found = BTreeMap::new();
    for content in sim.platter() {
        for (position, record) in (0u32..).zip(content.chunks(RECORD)) {
            let Some(header) = record.first_chunk() else { continue };
            if let Found::Record(Header::Envelope { id, .. }) = open_header(key, position, header) {
                found.insert(id, position);
            }
        }
    }
    found
}

/// The last 8 bytes are enough of an id, and of a key.
fn assert_hidden(sim: &Sim, seeds: impl Iterator<Item = u64>) {
    let written = sim.written();
    for seed in seeds {
        assert!(!is_in(&id(seed).as_bytes()[8..], &written), "id {seed}");
        for part in [0, 8_000, 16_000] {
            assert!(!is_in(&envelope(seed).as_bytes()[part..part + 16], &written), "envelope {seed}");
        }
    }
}

#[test]
fn no_id_and_no_envelope_is_on_disk_in_clear() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        for seed in 0..6 {
            stored(&store, letter(seed, day(0))).await;
            stored(&store, chunk(100 + seed, day(0))).await;
        }
        store.burn(id(100), burn_key(100)).await.unwrap();
        store.seal(Kind::Letter).await.unwrap();
        store.put_statement(Shelf::Notes, StatementName::new("a").unwrap(), id(7).as_bytes().to_vec()).await.unwrap();
        store.close().await.unwrap();
        assert!(occurs(&sim, id(7).as_bytes()), "the search finds what is there");
        assert_hidden(&sim, (0..6).chain(100..106));
    });
}

#[test]
fn a_day_that_has_expired_is_nowhere_on_the_disk_and_no_key_opens_it() {
    block_on(async {
        let sim = Sim::new(0);
        let mut store = open(&sim, 0).unwrap();
        // A week, with a restart every day, and some stops in disorder.
        for n in 0..8u32 {
            for seed in 0..4 {
                stored(&store, letter(u64::from(n) * 10 + seed, day(n))).await;
                stored(&store, chunk(1_000 + u64::from(n) * 10 + seed, day(n))).await;
            }
            store.seal(Kind::Letter).await.unwrap();
            store.seal(Kind::Chunk).await.unwrap();
            store.expire(day(n), LIVES).await.unwrap();
            if n.is_multiple_of(2) {
                store.close().await.unwrap();
            }
            drop(store);
            store = open(&sim, 100 + u64::from(n)).unwrap();
        }
        let gone: Vec<_> =
            [0, 4_096].map(|at| sim.read("/store/keys/chunks-20000.key".as_ref())[at + 4..at + 68].to_vec()).into();
        assert!(occurs(&sim, &gone[0]) && opened(&sim, &key(&sim, Kind::Chunk, 0)).contains_key(&id(1_000)));
        assert_eq!(store.expire(day(LIVES.chunks + 1), LIVES).await.unwrap(), 1);
        store.close().await.unwrap();

        for half in [&gone[0][..32], &gone[0][32..]] {
            assert!(!occurs(&sim, half), "the key was overwritten where it lay");
        }
        assert!(!sim.files().iter().any(|path| path.to_string_lossy().contains("chunks-20000")));
        assert_hidden(&sim, 1_000..1_004);
        for n in 0..8 {
            for kind in [Kind::Letter, Kind::Chunk] {
                if (kind, n) != (Kind::Chunk, 0) {
                    let found = opened(&sim, &key(&sim, kind, n));
                    assert_eq!(found.len(), 4, "{kind:?} {n}");
                    assert!((1_000..1_004).all(|seed| !found.contains_key(&id(seed))));
                }
            }
        }
    });
}

#[test]
fn a_burned_chunk_is_nowhere_on_the_disk_though_its_day_lives() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        for seed in 1..4 {
            stored(&store, chunk(seed, day(0))).await;
        }
        let key = key(&sim, Kind::Chunk, 0);
        let before = opened(&sim, &key);
        let record = sim.read("/store/days/chunks-20000/journal".as_ref())[before[&id(1)] as usize * RECORD..]
            [..RECORD]
            .to_vec();
        assert!(before.len() == 3 && occurs(&sim, &record[..32]));
        store.burn(id(1), burn_key(1)).await.unwrap();
        assert!(!opened(&sim, &key).contains_key(&id(1)));
        for part in record.chunks(1_024) {
            assert!(!occurs(&sim, &part[..32]), "overwritten where it lay, then given back");
        }
        assert_eq!(opened(&sim, &key).len(), 2);
        assert_eq!(sim.punched_alive(), 0);
    });
}

/// Kendall's tau between arrival and position: 0 for none, 1 for the same order.
fn correlation(positions: &[u32]) -> f64 {
    let mut sum = 0i64;
    for (n, first) in positions.iter().enumerate() {
        for second in &positions[n + 1..] {
            sum += if first < second { 1 } else { -1 };
        }
    }
    sum as f64 / (positions.len() * (positions.len() - 1) / 2) as f64
}

#[test]
fn positions_say_nothing_of_the_order_of_arrival_inside_a_batch() {
    const COUNT: u64 = 100;
    block_on(async {
        let sim = Sim::new(0);
        let mut store = open(&sim, 0).unwrap();
        let mut sum = 0.0;
        for batch in 0..4u64 {
            for seed in batch * COUNT..(batch + 1) * COUNT {
                stored(&store, letter(seed, day(0))).await;
                if seed % 40 == 39 {
                    // Not even stops in disorder leave a trace.
                    drop(store);
                    store = open(&sim, 1_000 + seed).unwrap();
                }
            }
            store.seal(Kind::Letter).await.unwrap();
            let found = opened(&sim, &key(&sim, Kind::Letter, 0));
            let positions: Vec<u32> = (batch * COUNT..(batch + 1) * COUNT).map(|seed| found[&id(seed)]).collect();
            let tau = correlation(&positions);
            // Four standard deviations of what chance alone gives.
            assert!(tau.abs() < 0.27, "batch {batch}: {tau}");
            sum += tau;
        }
        assert!(sum.abs() / 4.0 < 0.14, "{sum}");
    });
    assert!(correlation(&(0..100).collect::<Vec<_>>()) > 0.99, "the test sees an order");
}

/// It tells what had come when it was written apart from what came later, as long as the day's key lives.
#[test]
fn an_index_that_is_not_used_is_spoiled_before_it_goes() {
    block_on(async {
        for damaged in [false, true] {
            let sim = Sim::new(0);
            let store = open(&sim, 0).unwrap();
            stored(&store, letter(1, day(0))).await;
            store.close().await.unwrap();
            drop(store);
            let folder = Path::new("/store/days/letters-20000");
            let (index, unfinished) = (folder.join(NAME), folder.join(format!(".tmp-{NAME}")));
            let nonce = sim.read(&index)[..NONCE].to_vec();
            let is_there = || sim.platter().iter().any(|content| content.starts_with(&nonce));
            assert!(is_there());
            if damaged {
                sim.change(&index, |bytes| bytes[NONCE] ^= 1);
            } else {
                // As a crash leaves it that comes before it gets its name.
                sim.rename(&index, &unfinished).unwrap();
                sim.sync_folder(folder).unwrap();
            }
            let store = open(&sim, 1).unwrap();
            assert!(!is_there(), "damaged: {damaged}");
            assert_eq!(got(&store, Kind::Letter, 1).await, Some(envelope(1)));
        }
    });
}
