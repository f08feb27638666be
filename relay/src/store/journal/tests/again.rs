//! Space of a day that has expired, used by another.

use super::super::check::check_on;
use super::super::disk::Disk as _;
use super::super::record::{HEADER, RECORD};
use super::super::{Damage, JournalConfig, JournalStore};
use super::power::{block_on, open};
use super::sim::Sim;
use crate::store::conformance::{AMPLE, LIVES, burn_key, chunk, day, envelope, got, id, letter, relay_key, stored};
use crate::store::findings::Findings;
use crate::store::{BurnOutcome, Kind, Pending, PutOutcome, Shelf, StatementName, Store as _};
use std::path::PathBuf;
use std::sync::Arc;

/// Letters of the first day, and of the one that comes after it.
const BEFORE: u64 = 200;
const AFTER: u64 = 20;
/// More chunks than there are marks at hand when a day begins.
const MARKS: u64 = 300;
/// The first day that has neither letters nor chunks of day 0.
const LATER: u32 = LIVES.letters + 1;

fn journal(number: u32) -> PathBuf {
    format!("/store/days/letters-{}/journal", day(number).0).into()
}

/// A day that has expired, and one in its space, with some letters listed and some waiting; and what the first one wrote.
async fn filled() -> (Sim, JournalStore, Vec<u8>) {
    let sim = Sim::new(0);
    let store = open(&sim, 0).unwrap();
    for seed in 0..BEFORE {
        stored(&store, letter(seed, day(0))).await;
    }
    store.seal(Kind::Letter).await.unwrap();
    let before = sim.read(&journal(0));
    assert_eq!(store.expire(day(LATER), LIVES).await.unwrap(), 1);
    for seed in BEFORE..BEFORE + AFTER {
        stored(&store, letter(seed, day(LATER))).await;
        if seed == BEFORE + AFTER / 2 {
            store.seal(Kind::Letter).await.unwrap();
        }
    }
    assert_eq!(sim.used_again(), 1);
    (sim, store, before)
}

fn check(sim: &Sim) -> Findings {
    let config = JournalConfig { directory: "/store".into(), relay: relay_key(), quotas: AMPLE };
    check_on(Arc::new(sim.clone()), &config, &|| ()).unwrap()
}

async fn only_the_new_ones_are_there(store: &JournalStore) {
    for seed in 0..BEFORE + AFTER {
        let expected = (seed >= BEFORE).then(|| envelope(seed));
        assert!(got(store, Kind::Letter, seed).await == expected, "{seed}");
    }
    let listed = AFTER / 2 + 1;
    assert_eq!(store.batches(Kind::Letter, day(LATER)).await.unwrap()[0].ids().len() as u64, listed);
    let waiting = Pending { day: day(LATER), count: (AFTER - listed) as usize };
    assert_eq!(store.pending(Kind::Letter).await.unwrap(), Some(waiting));
}

#[test]
fn what_is_left_of_an_expired_day_is_neither_served_nor_taken_for_damage() {
    block_on(async {
        let (sim, store, _) = filled().await;
        only_the_new_ones_are_there(&store).await;
        // No stop in good order: the journal is read.
        drop(store);
        sim.power_cycle();
        let store = open(&sim, 1).unwrap();
        only_the_new_ones_are_there(&store).await;
        assert_eq!(store.damage(), Damage::default());
        // And the space goes on being used.
        stored(&store, letter(1_000, day(LATER))).await;
        store.close().await.unwrap();
        drop(store);
        let findings = check(&sim);
        assert!(findings.is_sound(), "{findings:?}");
        assert_eq!(findings.records, AFTER + 1 + 2);
        assert!(sim.read(&journal(LATER)).len() > BEFORE as usize * RECORD, "what was there is there");
    });
}

#[test]
fn damage_in_space_that_was_used_before_is_told_from_what_was_left_there() {
    block_on(async {
        let (sim, store, before) = filled().await;
        store.close().await.unwrap();
        drop(store);
        let clean = sim.read(&journal(LATER));
        let is_new = |position: &usize| {
            let record = |bytes: &[u8]| bytes.get(position * RECORD..(position + 1) * RECORD).map(<[u8]>::to_vec);
            record(&clean) != record(&before)
        };
        let written = (0..clean.len() / RECORD).filter(|n| clean[n * RECORD..][..HEADER] != [0; HEADER]);
        let (new, left): (Vec<usize>, Vec<usize>) = written.partition(is_new);
        assert!(new.len() as u64 == AFTER + 2 && left.len() > 100, "{} and {}", new.len(), left.len());
        let mut lost = 0;
        for (position, is_new) in new.iter().map(|n| (n, true)).chain(left.iter().step_by(16).map(|n| (n, false))) {
            // A header that is garbled as a whole; a bit of nonce, header and tag; a place mark; a day mark.
            for harm in [0..HEADER, 3..4, 50..51, 120..121, 24..32, 33..34] {
                sim.change(&journal(LATER), |content| {
                    content.clone_from(&clean);
                    content[position * RECORD..][harm.clone()].iter_mut().for_each(|byte| *byte ^= 0x41);
                });
                let indexes = sim.files().into_iter().filter(|path| path.ends_with("index"));
                indexes.for_each(|path| sim.remove(&path).unwrap());
                let findings = check(&sim);
                let store = open(&sim, 2).unwrap();
                let mut missing = 0;
                for seed in BEFORE..BEFORE + AFTER {
                    let found = store.get(Kind::Letter, None, &[id(seed)]).await;
                    missing += usize::from(!found.is_ok_and(|found| found[0] == Some(envelope(seed))));
                }
                let Damage { blocks, batches, .. } = store.damage();
                let has_marks = !(24..40).contains(&harm.start);
                let of_the_place = harm.contains(&24);
                let what = format!("{harm:?} at {position}: {missing} missing, {blocks} blocks, {findings:?}");
                if is_new {
                    assert_eq!((blocks, batches), (u64::from(has_marks), 0), "{what}");
                    assert!(missing <= usize::from(has_marks), "{what}");
                    assert!(findings.list.iter().any(|it| it.offset == Some((position * RECORD) as u64)), "{what}");
                    lost += missing;
                } else {
                    // Of what is left nothing counts but the place mark.
                    assert_eq!((missing, blocks, batches), (0, u64::from(of_the_place), 0), "{what}");
                    assert_eq!(findings.list.len(), usize::from(of_the_place), "{what}");
                }
            }
        }
        assert_eq!(lost as u64, 4 * AFTER, "and of batches there is another copy");
    });
}

#[test]
fn space_that_is_kept_is_given_back_when_the_disk_is_full() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        stored(&store, letter(0, day(0))).await;
        stored(&store, chunk(1, day(LATER))).await;
        assert_eq!(store.expire(day(LATER), LIVES).await.unwrap(), 1);
        let spare = || sim.files().iter().any(|path| path.starts_with("/store/spare"));
        assert!(spare(), "the letters' space waits for letters");
        sim.no_more_space();
        let mut seed = 2;
        while store.put(chunk(seed, day(LATER))).await.unwrap() == PutOutcome::Stored {
            seed += 1;
        }
        assert!(!spare(), "chunks had none left");
    });
}

#[test]
fn what_must_be_written_down_has_the_space_that_is_kept() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        let spare = || sim.files().iter().any(|path| path.starts_with("/store/spare"));
        for (today, seed) in [(LATER, 0), (2 * LATER, 1_000)] {
            stored(&store, letter(seed, day(today - LATER))).await;
            // As many as there are marks at hand, and one more.
            for seed in seed + 1..seed + 1 + MARKS {
                stored(&store, chunk(seed, day(today))).await;
            }
            store.expire(day(today), LIVES).await.unwrap();
            assert!(spare());
            sim.no_more_space();
            if seed == 0 {
                let name = StatementName::new("name").unwrap();
                store.put_statement(Shelf::Notes, name, vec![1; 20_000]).await.unwrap();
            } else {
                for seed in seed + 1..seed + 1 + MARKS {
                    assert_eq!(store.burn(id(seed), burn_key(seed)).await, Ok(BurnOutcome::Burned), "{seed}");
                }
            }
            assert!(!spare());
            sim.space_again();
        }
    });
}

#[test]
fn space_of_burned_chunks_is_taken_anew_all_of_it_or_none() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        for seed in 0..100 {
            stored(&store, chunk(seed, day(0))).await;
        }
        for seed in 0..50 {
            assert_eq!(store.burn(id(seed), burn_key(seed)).await.unwrap(), BurnOutcome::Burned);
        }
        store.seal(Kind::Chunk).await.unwrap();
        store.expire(day(LATER), LIVES).await.unwrap();
        let holes = sim.holes("/store/spare/chunks".as_ref());
        assert_eq!(holes, 50 * RECORD / 512);
        sim.space(20 * RECORD as u64);
        assert_eq!(store.put(chunk(100, day(LATER))).await, Ok(PutOutcome::Full));
        assert_eq!(sim.holes(format!("/store/days/chunks-{}/journal", day(LATER).0).as_ref()), holes);
        sim.space_again();
        for seed in 100..300 {
            stored(&store, chunk(seed, day(LATER))).await;
        }
        assert_eq!(sim.used_again(), 1);
        drop(store);
        sim.power_cycle();
        let store = open(&sim, 1).unwrap();
        for seed in 100..300 {
            assert_eq!(got(&store, Kind::Chunk, seed).await, Some(envelope(seed)));
        }
        assert_eq!(store.damage(), Damage::default());
    });
}

#[test]
fn no_space_is_kept_past_a_stop() {
    block_on(async {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        stored(&store, letter(0, day(0))).await;
        store.expire(day(LATER), LIVES).await.unwrap();
        drop(store);
        let spare = || sim.files().iter().any(|path| path.starts_with("/store/spare"));
        assert!(spare());
        let store = open(&sim, 1).unwrap();
        assert!(!spare());
        stored(&store, letter(1, day(LATER))).await;
        assert_eq!(sim.used_again(), 0);
    });
}
