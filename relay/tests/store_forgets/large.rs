//! Batches of thousands, which are written in steps: who has the disk and the day's key sees which envelopes came before a
//! step and which after (`SECURITY.md`), and nothing of their order between two steps.

use crate::order::{chance, correlation};
use crate::search::{keys_on, opened};
use crate::{FIRST, journal, put};
use cssr_relay::store::{Kind, PutOutcome, Store as _};
use std::collections::BTreeMap;

/// Letters, and as many chunks.
const LARGE: u64 = 2_000;
/// Places that a day without an earlier batch offers at a time. When fewer than an eighth of that are left, it offers more.
const STEP: usize = 256;

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
        let (first, rest) = arrived.split_at(STEP - STEP / 8 + 1);
        let steps: Vec<_> = std::iter::once(first).chain(rest.chunks_exact(STEP)).collect();
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
