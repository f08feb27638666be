//! Statements that go bad on the disk, of which there is one copy: the relay does not start and says why, or leaves out what
//! does not verify; nobody is shown it.

use crate::client::Client;
use crate::gate::Gate;
use crate::office::DAY;
use crate::rig::{Rig, office, relay_key, relay_public_key};
use chacha20::ChaCha20Rng;
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use cssr_proto::wire_error::ErrorCode;
use cssr_relay::store::{JournalConfig, JournalStore, Quotas};
use cssr_relay::{Config, ManualClock, OfficeError, Relay, StartError};
use rand_core::SeedableRng as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SECTOR: usize = 512;

fn open(folder: &Path) -> Gate<JournalStore> {
    let config = JournalConfig {
        directory: folder.join("data"),
        relay: relay_public_key(),
        quotas: Quotas { letters: 10, chunks: 10 },
    };
    Gate::closing(JournalStore::open(&config, ChaCha20Rng::seed_from_u64(1)).unwrap())
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

#[tokio::test]
async fn a_statement_with_a_bad_sector_is_shown_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let clock = Arc::new(ManualClock::new(DAY));
    let rig = Rig::with(open(folder), office(), Arc::clone(&clock), |_| {}).await.opened().await;
    let all = shown(&mut rig.courier().await).await;
    let (_, _, clock) = rig.stop().await;
    let (mut refused, mut left_out) = (0, 0);
    let files: Vec<(PathBuf, Vec<u8>)> =
        statements(folder).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    assert!(files.len() >= 9, "{files:?}");
    for (path, sound) in &files {
        for sector in 0..sound.len().div_ceil(SECTOR) {
            // What is left out may go, and what it names with it.
            files.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
            let mut bytes = sound.clone();
            let at = (sector * SECTOR + sector * 37 % SECTOR).min(bytes.len() - 1);
            bytes[at] ^= 1 << (sector % 8);
            std::fs::write(path, bytes).unwrap();
            let what = format!("{path:?}, byte {at}");
            let started =
                Relay::start(open(folder), Config::new(office().card(), relay_key()), Arc::clone(&clock) as _);
            match started.await {
                Err(StartError::Office(OfficeError::OtherOffice)) => refused += 1,
                Err(error) => panic!("{what}: {error}"),
                Ok(relay) => {
                    drop(relay);
                    let rig = Rig::with(open(folder), office(), Arc::clone(&clock), |_| {}).await;
                    let found = shown(&mut rig.client().await).await;
                    assert!(found.iter().all(|bytes| all.contains(bytes)), "{what}: it is shown");
                    left_out += usize::from(found.len() < all.len());
                    rig.stop().await;
                }
            }
        }
    }
    eprintln!("a bad sector: {refused} times the relay did not start, {left_out} times something was left out");
    assert!(refused > 0 && left_out > 0);
}
