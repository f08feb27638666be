//! Statements that go bad on the disk: one copy of two costs nothing; of both, or of the one that an earlier version wrote, the
//! relay does not start and says why, or leaves out what cannot be read or does not verify. Nobody is shown it, and nothing goes.

use crate::client::Client;
use crate::gate::Gate;
use crate::office::DAY;
use crate::rig::{Rig, office, relay_key, relay_public_key};
use chacha20::ChaCha20Rng;
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use cssr_proto::wire_error::ErrorCode;
use cssr_relay::store::{JournalConfig, JournalStore, OpenError, Quotas};
use cssr_relay::{Config, ManualClock, OfficeError, Relay, StartError};
use rand_core::SeedableRng as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SECTOR: usize = 512;

/// Opens the store, once what is left of the relay before has let go of it.
async fn open(folder: &Path) -> Gate<JournalStore> {
    let config = JournalConfig {
        directory: folder.join("data"),
        relay: relay_public_key(),
        quotas: Quotas { letters: 10, chunks: 10 },
    };
    for _ in 0..10_000 {
        match JournalStore::open(&config, ChaCha20Rng::seed_from_u64(1)) {
            Err(OpenError::Locked) => tokio::task::yield_now().await,
            other => return Gate::closing(other.unwrap()),
        }
    }
    panic!("another relay has it open");
}

/// The files of all statements.
fn statements(folder: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    entries(&folder.join("data/statements")).iter().flat_map(|shelf| entries(shelf)).collect()
}

/// Every statement that anybody can ask for.
async fn shown(client: &mut Client) -> Vec<Vec<u8>> {
    let mut shown = Vec::new();
    for request in [Request::Directory, Request::Note, Request::Statements, Request::Notes] {
        match client.ask(request).await {
            Response::Directory(bytes) | Response::Note(bytes) => shown.push(bytes),
            Response::Statements(all) => {
                shown.extend(all.roster.iter().map(|bytes| bytes.as_slice().to_vec()));
                let of_seats = all.seat_keys.iter().chain(all.prekeys.iter());
                shown.extend(of_seats.map(|bytes| bytes.as_slice().to_vec()));
            }
            Response::Notes(all) => {
                let notes = all.valid.iter().chain(all.proposed.iter());
                shown.extend(notes.map(|bytes| bytes.as_slice().to_vec()));
            }
            Response::Error(error) => assert_eq!(error.code, ErrorCode::NotReady),
            other => panic!("{other:?}"),
        }
    }
    shown
}

/// How a sector of a statement's file is harmed.
#[derive(Clone, Copy, Debug)]
enum Harm {
    One,
    Both,
    /// Of the one copy that an earlier version wrote.
    Before,
}

/// What is in a small file: a copy, with its length before it and a check behind it, and the same again.
fn statement(file: &[u8]) -> &[u8] {
    let (length, rest) = file.split_first_chunk::<4>().unwrap();
    &rest[..u32::from_be_bytes(*length) as usize]
}

#[tokio::test]
async fn a_statement_with_a_bad_sector_is_shown_to_nobody_and_takes_nothing_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let clock = Arc::new(ManualClock::new(DAY));
    let rig = Rig::with(open(folder).await, office(), Arc::clone(&clock), |_| {}).await.opened().await;
    let all = shown(&mut rig.courier().await).await;
    let (_, _, clock) = rig.stop().await;
    let (mut refused, mut left_out) = (0, 0);
    let files: Vec<(PathBuf, Vec<u8>)> =
        statements(folder).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    assert!(files.len() >= 9, "{files:?}");
    let names = |mut paths: Vec<PathBuf>| {
        paths.sort_unstable();
        paths
    };
    for (path, sound) in &files {
        let bare = statement(sound);
        for (sector, harm) in (0..bare.len().div_ceil(SECTOR))
            .flat_map(|sector| [Harm::One, Harm::Both, Harm::Before].map(|harm| (sector, harm)))
        {
            let mut bytes = if matches!(harm, Harm::Before) { bare.to_vec() } else { sound.clone() };
            let at = (sector * SECTOR + sector * 37 % SECTOR).min(bare.len() - 1);
            bytes[at] ^= 1 << (sector % 8);
            if matches!(harm, Harm::Both) {
                bytes[sound.len() / 2 + at] ^= 1 << (sector % 8);
            }
            std::fs::write(path, &bytes).unwrap();
            let what = format!("{path:?}, byte {at}, {harm:?}");
            let started =
                Relay::start(open(folder).await, Config::new(office().card(), relay_key()), Arc::clone(&clock) as _);
            match started.await {
                Err(StartError::Office(OfficeError::OtherOffice)) if matches!(harm, Harm::Before) => refused += 1,
                Err(StartError::Office(OfficeError::NoRoster(_))) if matches!(harm, Harm::Both) => refused += 1,
                Err(error) => panic!("{what}: {error}"),
                Ok(relay) => {
                    drop(relay);
                    let rig = Rig::with(open(folder).await, office(), Arc::clone(&clock), |_| {}).await;
                    let found = shown(&mut rig.client().await).await;
                    assert!(found.iter().all(|bytes| all.contains(bytes)), "{what}: it is shown");
                    match harm {
                        Harm::One => assert_eq!(found, all, "{what}: there is another copy"),
                        Harm::Both | Harm::Before => left_out += usize::from(found.len() < all.len()),
                    }
                    let alarms = rig.monitor.health().1;
                    let told = alarms.contains(&"store_damaged");
                    assert!(told || !matches!(harm, Harm::Both), "{what}: {alarms:?}");
                    assert!(!told || !matches!(harm, Harm::One), "{what}: {alarms:?}");
                    rig.stop().await;
                }
            }
            // A relay that starts forgets what its day has outdated; that is none of it.
            assert_eq!(
                names(statements(folder)),
                names(files.iter().map(|(path, _)| path.clone()).collect()),
                "{what}"
            );
            assert_eq!(std::fs::read(path).unwrap(), bytes, "{what}");
            std::fs::write(path, sound).unwrap();
        }
    }
    eprintln!("a bad sector: {refused} times the relay did not start, {left_out} times something was left out");
    assert!(refused > 0 && left_out > 0);
    let rig = Rig::with(open(folder).await, office(), clock, |_| {}).await;
    assert_eq!(shown(&mut rig.client().await).await, all);
    rig.stop().await;
}
