//! Power cuts, broken disks and full ones, at every call that changes something.

use super::super::{JournalConfig, JournalStore};
use super::model::Model;
use super::sim::{Fault, Sim};
use crate::store::conformance::{AMPLE, relay_key};
use crate::store::{OpenError, Store as _, StoreError};
use chacha20::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use std::future::Future;
use std::sync::Arc;

pub(super) fn open(sim: &Sim, seed: u64) -> Result<JournalStore, OpenError> {
    let config = JournalConfig { directory: "/store".into(), relay: relay_key(), quotas: AMPLE };
    JournalStore::open_on(Arc::new(sim.clone()), &config, ChaCha20Rng::seed_from_u64(seed))
}

pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Works, and is disturbed by `fault` (given a random number) in every cycle; afterwards all is as it must be. How many
/// envelopes were acknowledged, and how many days have begun in the space of another.
fn survives(seed: u64, cycles: u64, fault: impl Fn(u64) -> Fault) -> (usize, usize) {
    let (sim, mut rng) = (Sim::new(seed), ChaCha20Rng::seed_from_u64(seed));
    let mut model = Model::default();
    block_on(async {
        for cycle in 0..cycles {
            // Sometimes opening is disturbed already.
            let while_opening = rng.next_u32().is_multiple_of(4);
            let fault = fault(rng.next_u64());
            if while_opening {
                sim.fail(Some(fault));
            }
            match open(&sim, cycle) {
                Ok(store) => {
                    if !while_opening {
                        model.check(&store).await;
                        sim.fail(Some(fault));
                    }
                    work(&mut model, &store, &mut rng).await;
                    if rng.next_u32().is_multiple_of(2) {
                        let _ = store.close().await;
                    }
                }
                Err(OpenError::Io { .. }) if while_opening => {}
                Err(error) => panic!("seed {seed}, cycle {cycle}: {error}"),
            }
            sim.fail(None);
            // Without it, the system may remember what the disk has forgotten.
            if !sim.is_powered() || rng.next_u32().is_multiple_of(2) {
                sim.power_cycle();
            }
        }
        let store = open(&sim, cycles).unwrap();
        model.check(&store).await;
        model.check_listing(&store).await;
        drop(store);
        sim.power_cycle();
        let store = open(&sim, cycles + 1).unwrap();
        model.check(&store).await;
        model.check_listing(&store).await;
    });
    assert_eq!(sim.punched_alive(), 0, "space was given back before it was overwritten");
    (model.acknowledged(), sim.used_again())
}

/// As many seeds from `first` on; more for a long run, as the environment says.
fn seeds(first: u64, count: u64) -> std::ops::Range<u64> {
    let times = std::env::var("CSSR_STORE_SEEDS").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    first..first + count * times
}

async fn work(model: &mut Model, store: &JournalStore, rng: &mut ChaCha20Rng) {
    for _ in 0..1 + rng.next_u32() % 30 {
        match model.step(store, rng).await {
            Ok(()) => {}
            Err(StoreError::Failed(_)) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn what_was_acknowledged_survives_power_cuts_at_any_call() {
    let all = seeds(0, 80).map(|seed| survives(seed, 5, |random| Fault::PowerCut(random % 150)));
    let (stored, again) = all.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert!(stored > 500 && again > 20, "{stored} and {again}");
}

#[test]
fn what_was_acknowledged_survives_a_failure_of_any_call() {
    for seed in seeds(1_000_000, 50) {
        survives(seed, 4, |random| Fault::Broken(random % 100));
    }
}

#[test]
fn what_was_acknowledged_survives_syncs_that_fail() {
    for seed in seeds(2_000_000, 50) {
        survives(seed, 4, |random| Fault::BrokenSyncs(random % 20, 1 + random / 20 % 3));
    }
}

#[test]
fn what_was_acknowledged_survives_a_full_disk() {
    for seed in seeds(3_000_000, 50) {
        survives(seed, 4, |random| Fault::Full(random % 60, 1 + random / 60 % 40));
    }
}
