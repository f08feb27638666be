//! The reference: the contract in memory, for tests. Nothing survives the process.

use super::ledger::{Ledger, Place};
use super::types::{at_most, check_statement};
use super::{BurnOutcome, Kind, Lives, Pending, Put, PutOutcome, Quotas, Shelf, StatementName, Store, StoreError};
use cssr_proto::index::{Batch, Head};
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::parcel::{BurnHash, BurnKey};
use cssr_proto::{Day, Envelope, EnvelopeId};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A [`Store`] in memory.
#[derive(Debug)]
pub struct MemoryStore(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    open: bool,
    ledger: Ledger,
    held: HashMap<EnvelopeId, Held>,
    statements: BTreeMap<(Shelf, StatementName), Vec<u8>>,
}

#[derive(Debug)]
struct Held {
    burn: Option<BurnHash>,
    /// `None` once it was burned.
    envelope: Option<Envelope>,
}

impl MemoryStore {
    /// An empty store for a relay with this key.
    #[must_use]
    pub fn new(relay: &RelayPublicKey, quotas: Quotas) -> Self {
        Self(Mutex::new(Inner {
            open: true,
            ledger: Ledger::new(relay, quotas),
            held: HashMap::new(),
            statements: BTreeMap::new(),
        }))
    }

    fn inner(&self) -> Result<MutexGuard<'_, Inner>, StoreError> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.open { Ok(inner) } else { Err(StoreError::Closed) }
    }
}

impl Inner {
    fn envelope(&self, kind: Kind, day: Option<Day>, id: &EnvelopeId) -> Option<Envelope> {
        self.ledger.held(kind, day, id)?;
        self.held.get(id)?.envelope.clone()
    }
}

impl Store for MemoryStore {
    async fn put(&self, put: Put) -> Result<PutOutcome, StoreError> {
        put.check()?;
        let mut inner = self.inner()?;
        if let Some(place) = inner.ledger.place(&put.id) {
            let same = place.kind == put.kind
                && inner
                    .held
                    .get(&put.id)
                    .is_some_and(|held| held.burn == put.burn && held.envelope.as_ref() == Some(&put.envelope));
            return Ok(if same { PutOutcome::Already } else { PutOutcome::Conflict });
        }
        if !inner.ledger.has_room(put.kind, 0) {
            return Ok(PutOutcome::Full);
        }
        let day = inner.ledger.latest().max(put.day);
        inner.ledger.insert(put.id, Place { kind: put.kind, day, number: 0, burned: false });
        inner.held.insert(put.id, Held { burn: put.burn, envelope: Some(put.envelope) });
        Ok(PutOutcome::Stored)
    }

    async fn get(&self, kind: Kind, day: Option<Day>, ids: &[EnvelopeId]) -> Result<Vec<Option<Envelope>>, StoreError> {
        at_most(ids.len())?;
        let inner = self.inner()?;
        Ok(ids.iter().map(|id| inner.envelope(kind, day, id)).collect())
    }

    async fn letters(
        &self,
        day: Day,
        first: u64,
        count: usize,
    ) -> Result<Vec<Option<(EnvelopeId, Envelope)>>, StoreError> {
        at_most(count)?;
        let inner = self.inner()?;
        let ids = inner.ledger.letters(day, first, count);
        let mut letters: Vec<_> = ids
            .into_iter()
            .map(|id| inner.envelope(Kind::Letter, Some(day), &id).map(|envelope| (id, envelope)))
            .collect();
        letters.resize(count, None);
        Ok(letters)
    }

    async fn have(&self, ids: &[EnvelopeId]) -> Result<Vec<bool>, StoreError> {
        Ok(self.inner()?.ledger.have(ids))
    }

    async fn burn(&self, id: EnvelopeId, key: BurnKey) -> Result<BurnOutcome, StoreError> {
        let mut inner = self.inner()?;
        let Some(held) = inner.held.get_mut(&id) else { return Ok(BurnOutcome::Absent) };
        if !held.burn.is_some_and(|hash| key.burns(&hash)) {
            return Ok(BurnOutcome::Refused);
        }
        held.envelope = None;
        inner.ledger.mark_burned(&id);
        Ok(BurnOutcome::Burned)
    }

    async fn pending(&self, kind: Kind) -> Result<Option<Pending>, StoreError> {
        Ok(self.inner()?.ledger.pending(kind))
    }

    async fn seal(&self, kind: Kind) -> Result<Option<Arc<Batch>>, StoreError> {
        let mut inner = self.inner()?;
        let batch = inner.ledger.next_batch(kind).map_err(|error| StoreError::Failed(error.to_string()))?;
        let Some(batch) = batch else { return Ok(None) };
        inner.ledger.publish(kind, Arc::clone(&batch));
        Ok(Some(batch))
    }

    async fn batches(&self, kind: Kind, day: Day) -> Result<Vec<Arc<Batch>>, StoreError> {
        Ok(self.inner()?.ledger.batches(kind, day))
    }

    async fn batches_from(&self, kind: Kind, number: u64, max: usize) -> Result<Vec<Arc<Batch>>, StoreError> {
        Ok(self.inner()?.ledger.batches_from(kind, number, max))
    }

    async fn head(&self, kind: Kind) -> Result<Head, StoreError> {
        Ok(self.inner()?.ledger.head(kind))
    }

    async fn latest_day(&self) -> Result<Day, StoreError> {
        Ok(self.inner()?.ledger.latest())
    }

    async fn expire(&self, today: Day, lives: Lives) -> Result<usize, StoreError> {
        let mut inner = self.inner()?;
        inner.ledger.advance(today);
        let expired = inner.ledger.expired(inner.ledger.latest(), lives);
        for (kind, day) in &expired {
            for id in inner.ledger.forget(*kind, *day) {
                inner.held.remove(&id);
            }
        }
        Ok(expired.len())
    }

    async fn put_statement(&self, shelf: Shelf, name: StatementName, bytes: Vec<u8>) -> Result<(), StoreError> {
        check_statement(&bytes)?;
        self.inner()?.statements.insert((shelf, name), bytes);
        Ok(())
    }

    async fn statement(&self, shelf: Shelf, name: StatementName) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.inner()?.statements.get(&(shelf, name)).cloned())
    }

    async fn statements(&self, shelf: Shelf) -> Result<Vec<StatementName>, StoreError> {
        let inner = self.inner()?;
        let names = inner.statements.keys().filter(|(on, _)| *on == shelf);
        Ok(names.map(|(_, name)| name.clone()).collect())
    }

    async fn delete_statement(&self, shelf: Shelf, name: StatementName) -> Result<bool, StoreError> {
        Ok(self.inner()?.statements.remove(&(shelf, name)).is_some())
    }

    fn is_damaged(&self) -> bool {
        false
    }

    async fn free(&self) -> Option<u64> {
        None
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner()?.open = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryStore;
    use crate::store::Quotas;
    use crate::store::conformance::{Engine, relay_key};

    struct Memory;

    impl Engine for Memory {
        type Store = MemoryStore;

        fn open(&mut self, quotas: Quotas) -> MemoryStore {
            MemoryStore::new(&relay_key(), quotas)
        }

        async fn reopen(&mut self, store: MemoryStore) -> MemoryStore {
            store
        }

        fn syncs(_: &MemoryStore) -> Option<u64> {
            None
        }
    }

    crate::store_conformance!(Memory);
}
