//! A disk that is full, at whatever is written just then: what was acknowledged is there, what is not stored is refused,
//! and once there is room the store goes on, at the latest when it is opened again.

use crate::image::Image;
use crate::{ENGINE, Engine, FIRST_DAY, FOLDER, LIVES, SEED, put, say};
use cssr_proto::Day;
use cssr_relay::store::{JournalStore, PutOutcome, SledStore, StoreError};
use futures_util::future::join_all;
use rustix::fs::{FallocateFlags, fallocate};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set for the child, with its day.
const DAY: &str = "CSSR_STORE_FULL_DAY";
/// Bytes of the disk.
const DISK: u64 = 512 << 20;
/// KiB that are left when a day begins: from nothing to as much as the files of a day and some envelopes take.
const LEFT: [u64; 12] = [0, 4, 16, 64, 256, 1_024, 4_096, 8_192, 8_448, 9_216, 16_384, 17_408];
/// Envelopes that are posted at once.
const TOGETHER: u64 = 16;

/// Takes all space but so many KiB, and writes nowhere.
fn fill(disk: &Path, left: u64) {
    let file = File::create(disk.join("filler")).unwrap();
    let mut length = 0;
    for step in [16 << 20, 1 << 20, 64 << 10, 4 << 10] {
        while fallocate(&file, FallocateFlags::empty(), length, step).is_ok() {
            length += step;
        }
    }
    file.set_len(length - left * 1_024).unwrap();
}

/// Not a test: what the child does.
#[test]
fn child() {
    let Ok(day) = std::env::var(DAY) else { return };
    let day = day.parse().unwrap();
    match std::env::var(ENGINE).as_deref() {
        Ok(SledStore::NAME) => be_child::<SledStore>(day),
        Ok(JournalStore::NAME) => be_child::<JournalStore>(day),
        other => panic!("{other:?}"),
    }
}

fn be_child<E: Engine>(day: u32) {
    let folder = PathBuf::from(std::env::var(FOLDER).unwrap());
    let first: u64 = std::env::var(SEED).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = match E::try_open(&folder, first) {
            Ok(store) => store,
            Err(error) => return say(&format!("refused {error}")),
        };
        let mut stored = Vec::new();
        for group in 0.. {
            let seeds = (0..TOGETHER).map(|n| first + group * TOGETHER + n);
            let puts = seeds.map(async |seed| (seed, store.put(put(seed, day)).await));
            let mut refused = None;
            for (seed, outcome) in join_all(puts).await {
                match outcome {
                    Ok(PutOutcome::Stored) => {
                        say(&format!("stored {seed}"));
                        stored.push(seed);
                    }
                    Ok(PutOutcome::Full) => refused = Some("full".to_owned()),
                    Err(StoreError::Failed(why)) => refused = Some(format!("failed {why}")),
                    other => panic!("{other:?}"),
                }
            }
            if let Some(refused) = refused {
                say(&refused);
                break;
            }
        }
        // Until there is room.
        std::io::stdin().lock().read_line(&mut String::new()).unwrap();
        let seed = first + 1_000_000;
        match store.put(put(seed, day)).await {
            Ok(PutOutcome::Stored) => {
                say(&format!("stored {seed}"));
                say("goes on");
            }
            Err(StoreError::Failed(_)) => say("stays failed"),
            other => panic!("{other:?}"),
        }
        for seed in stored {
            let put = put(seed, day);
            match store.get(put.kind, None, &[put.id]).await.as_deref() {
                Ok([Some(found)]) => assert!(*found == put.envelope, "seed {seed} is another"),
                // Until it is opened again.
                Err(StoreError::Unreadable(_)) => say("unreadable"),
                other => panic!("seed {seed}: {other:?}"),
            }
        }
        // What could not be made is destroyed at midnight, also by a store that has failed.
        let _ = store.expire(Day(day + 1), LIVES).await;
        let _ = store.close().await;
        say("closed");
    });
    say("ended");
}

/// How often a child was heard to say something.
type Said = BTreeMap<String, u32>;

/// Runs a child on a full disk, makes room when it has found no more, and hears what it stored.
fn run<E: Engine>(disk: &Path, first: u64, day: u32, said: &mut Said) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "full::child", "--nocapture", "--test-threads=1"])
        .env(ENGINE, E::NAME)
        .env(FOLDER, disk)
        .env(SEED, first.to_string())
        .env(DAY, day.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stored = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some(line) = line.strip_prefix('!') else { continue };
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "stored" => stored.push(rest.parse().unwrap()),
            "full" | "failed" => {
                std::fs::remove_file(disk.join("filler")).unwrap();
                // It may have ended.
                let _ = child.stdin.take().unwrap().write_all(b"\n");
            }
            _ => {}
        }
        if word != "stored" {
            *said.entry(line.to_owned()).or_default() += 1;
        }
    }
    let status = child.wait().unwrap();
    assert!(status.success(), "{status} after {said:?}");
    let _ = std::fs::remove_file(disk.join("filler"));
    stored
}

fn survives_full_disks<E: Engine>(left: &[u64]) -> Said {
    let image = Image::of(DISK);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut stored, mut said) = (BTreeMap::new(), Said::new());
    for (day, left) in (FIRST_DAY..).zip(left) {
        fill(&image.disk(), *left);
        let first = u64::from(day) << 32;
        stored.insert(day, run::<E>(&image.disk(), first, day, &mut said));
        runtime.block_on(async {
            let store = E::open(&image.disk(), first + 1);
            stored.retain(|before, _| day + 1 - before <= LIVES.letters);
            for (day, seed) in stored.iter().flat_map(|(day, seeds)| seeds.iter().map(move |seed| (*day, *seed))) {
                let put = put(seed, day);
                let found = store.get(put.kind, None, &[put.id]).await.unwrap();
                assert!(found == [Some(put.envelope)], "seed {seed} of day {day}, {left} KiB were left");
            }
            let last = first + 2_000_000;
            assert_eq!(store.put(put(last, day)).await.unwrap(), PutOutcome::Stored);
            stored.entry(day).or_default().push(last);
            store.expire(Day(day + 1), LIVES).await.unwrap();
            store.close().await.unwrap();
        });
    }
    eprintln!("{}: {said:#?}", E::NAME);
    assert_eq!(said["ended"] as usize, left.len());
    said
}

#[test]
#[ignore = "needs loop-device"]
fn what_was_acknowledged_survives_full_disks() {
    let said = survives_full_disks::<JournalStore>(&LEFT[..8]);
    assert!(said["full"] >= 6 && said["goes on"] == said["full"]);
}

/// Opening takes 8 MiB for each database, so some of these are refused before anything is put.
#[test]
#[ignore = "needs loop-device"]
fn what_was_acknowledged_survives_full_disks_on_plain_sled() {
    let said = survives_full_disks::<SledStore>(&LEFT);
    assert!(said["stays failed"] >= 3 && said["closed"] == said["stays failed"]);
}
