//! The encoded index of each day, made once for everybody who asks.

use crate::store::{Kind, Store, StoreError};
use cssr_proto::Day;
use cssr_proto::index::Index;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// At most one index for each day of the longest life that a roster may give.
const DAYS: usize = 64;

/// CDDL `index` by day.
#[derive(Debug, Default)]
pub(crate) struct IndexCache(Mutex<Cached>);

#[derive(Debug, Default)]
struct Cached {
    days: HashMap<Day, Arc<[u8]>>,
    /// How often something was forgotten: what was read before that is not kept.
    changes: u64,
}

impl IndexCache {
    /// The index of a day; an empty list if there is none.
    pub(crate) async fn get<S: Store>(&self, store: &S, day: Day) -> Result<Arc<[u8]>, StoreError> {
        let changes = {
            let cached = self.lock();
            if let Some(index) = cached.days.get(&day) {
                return Ok(Arc::clone(index));
            }
            cached.changes
        };
        let batches = store.batches(Kind::Letter, day).await?;
        let empty = batches.is_empty();
        let batches = batches.iter().map(|batch| batch.as_ref().clone()).collect();
        let index: Arc<[u8]> = Index { batches }.to_bytes().into();
        let mut cached = self.lock();
        // Days without batches are as many as a peer likes to name.
        if cached.changes == changes && !empty && cached.days.len() < DAYS {
            cached.days.insert(day, Arc::clone(&index));
        }
        Ok(index)
    }

    /// The day has a new batch.
    pub(crate) fn forget(&self, day: Day) {
        let mut cached = self.lock();
        cached.days.remove(&day);
        cached.changes += 1;
    }

    /// Days have expired.
    pub(crate) fn clear(&self) {
        let mut cached = self.lock();
        cached.days.clear();
        cached.changes += 1;
    }

    /// A cache that a panic left behind is at worst a cache of fewer days.
    fn lock(&self) -> MutexGuard<'_, Cached> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
