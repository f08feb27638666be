//! What is special to this engine: its files.

mod model;
mod power;
mod sim;

use super::super::conformance::{Engine, relay_key};
use super::super::{OpenError, Quotas, Store as _};
use super::{JournalConfig, JournalStore};
use chacha20::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::path::Path;
use tempfile::TempDir;

/// A folder for each store.
#[derive(Default)]
struct Folders {
    folders: Vec<TempDir>,
    opened: u8,
}

impl Folders {
    fn path(&self) -> &Path {
        self.folders.last().unwrap().path()
    }

    fn try_open(&mut self, quotas: Quotas) -> Result<JournalStore, OpenError> {
        self.opened += 1;
        let config = JournalConfig { directory: self.path().join("store"), relay: relay_key(), quotas };
        JournalStore::open(&config, ChaCha20Rng::from_seed([self.opened; 32]))
    }
}

impl Engine for Folders {
    type Store = JournalStore;

    fn open(&mut self, quotas: Quotas) -> JournalStore {
        self.folders.push(TempDir::new().unwrap());
        self.try_open(quotas).unwrap()
    }

    async fn reopen(&mut self, store: JournalStore) -> JournalStore {
        let quotas = store.core.state().ledger.quotas();
        store.close().await.unwrap();
        drop(store);
        self.try_open(quotas).unwrap()
    }

    fn syncs(store: &JournalStore) -> Option<u64> {
        Some(store.syncs())
    }
}

crate::store_conformance!(Folders::default());
