//! The index of each day, put together once for everybody who asks.

use crate::store::{Kind, Store, StoreError};
use cssr_proto::Day;
use cssr_proto::index::{Batch, Index};
use cssr_proto::sizes::{ENVELOPE, ENVELOPE_ID};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// At most one index for each day of the longest life that a roster may give.
const DAYS: usize = 64;

/// CDDL `index` of a day, as it was at one moment.
///
/// The ids are those of the store's own batches, which all moments share: who takes an index in slowly, while the day goes on,
/// keeps a list of batches and no ids.
#[derive(Debug)]
pub(crate) struct DayIndex {
    before: Vec<u8>,
    /// With the place where each ends.
    batches: Vec<(usize, Arc<Batch>)>,
}

impl DayIndex {
    fn new(batches: Vec<Arc<Batch>>) -> Self {
        let before = Index::before_batches(batches.len());
        let mut end = before.len();
        let ending = |batch: Arc<Batch>| {
            end += batch.before_ids().len() + batch.ids().len() * ENVELOPE_ID;
            (end, batch)
        };
        Self { batches: batches.into_iter().map(ending).collect(), before }
    }

    /// How many bytes it has.
    pub(crate) fn length(&self) -> usize {
        self.batches.last().map_or(self.before.len(), |(end, _)| *end)
    }

    /// Its bytes from a place on, as many as a frame carries.
    pub(crate) fn piece(&self, start: usize) -> Vec<u8> {
        let mut piece = Vec::with_capacity(ENVELOPE + ENVELOPE_ID);
        piece.extend_from_slice(self.before.get(start..).unwrap_or_default());
        let first = self.batches.partition_point(|(end, _)| *end <= start);
        let before = first.checked_sub(1).and_then(|before| self.batches.get(before));
        let mut begin = before.map_or(self.before.len(), |(end, _)| *end);
        for (end, batch) in self.batches.get(first..).unwrap_or_default() {
            if piece.len() >= ENVELOPE {
                break;
            }
            let inside = |piece: &[u8]| (start + piece.len()).saturating_sub(begin);
            let head = batch.before_ids();
            piece.extend_from_slice(head.get(inside(&piece)..).unwrap_or_default());
            let skipped = inside(&piece).saturating_sub(head.len());
            let (whole, mut part) = (skipped / ENVELOPE_ID, skipped % ENVELOPE_ID);
            let room = ENVELOPE.saturating_sub(piece.len());
            for id in batch.ids().iter().skip(whole).take((part + room).div_ceil(ENVELOPE_ID)) {
                piece.extend_from_slice(id.0.get(part..).unwrap_or_default());
                part = 0;
            }
            begin = *end;
        }
        piece.truncate(ENVELOPE);
        piece
    }
}

/// The index by day.
#[derive(Debug, Default)]
pub(crate) struct IndexCache(Mutex<Cached>);

#[derive(Debug, Default)]
struct Cached {
    days: HashMap<Day, Arc<DayIndex>>,
    /// How often something was forgotten: what was read before that is not kept.
    changes: u64,
}

impl IndexCache {
    /// The index of a day; an empty list if there is none.
    pub(crate) async fn get<S: Store>(&self, store: &S, day: Day) -> Result<Arc<DayIndex>, StoreError> {
        let changes = {
            let cached = self.lock();
            if let Some(index) = cached.days.get(&day) {
                return Ok(Arc::clone(index));
            }
            cached.changes
        };
        let batches = store.batches(Kind::Letter, day).await?;
        let empty = batches.is_empty();
        let index = Arc::new(DayIndex::new(batches));
        let mut cached = self.lock();
        // Days without batches are as many as a peer likes to name.
        if cached.changes == changes && !empty && cached.days.len() < DAYS {
            cached.days.insert(day, Arc::clone(&index));
        }
        Ok(index)
    }

    /// A batch was sealed. Chunks are not listed.
    pub(crate) fn sealed(&self, kind: Kind, day: Day) {
        if kind == Kind::Letter {
            let mut cached = self.lock();
            cached.days.remove(&day);
            cached.changes += 1;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryStore, Put, Quotas};
    use cssr_proto::index::Head;
    use cssr_proto::keys::RelayPublicKey;
    use cssr_proto::{Envelope, EnvelopeId};

    const DAY: Day = Day(20_780);
    const RELAY: RelayPublicKey = RelayPublicKey([9; 32]);

    fn id(number: u64) -> EnvelopeId {
        EnvelopeId([[0; 8], number.to_be_bytes()].concat().try_into().unwrap())
    }

    /// Batches of so many ids.
    fn batches(sizes: &[u64]) -> Vec<Arc<Batch>> {
        let mut head = Head::genesis(cssr_proto::index::letter_genesis(&RELAY));
        let mut next = 0;
        let batch = |size: &u64| {
            let ids = (next..next + size).map(id).collect();
            next += size;
            let batch = Batch::new(&head, DAY, ids).unwrap();
            head = batch.head();
            Arc::new(batch)
        };
        sizes.iter().map(batch).collect()
    }

    #[test]
    fn pieces_are_the_bytes_of_the_index_wherever_one_begins() {
        let many = [vec![1; 23], vec![3; 24], vec![16; 300]];
        let few = [vec![], vec![1], vec![15, 16, 17], vec![255, 256, 65_536, 1], vec![1_012, 1_013, 1_014, 40_000]];
        for sizes in few.into_iter().chain(many) {
            let batches = batches(&sizes);
            let expected = Index { batches: batches.iter().map(|batch| (**batch).clone()).collect() }.to_bytes();
            let index = DayIndex::new(batches);
            assert_eq!(index.length(), expected.len(), "{sizes:?}");
            let places = (0..expected.len()).step_by(ENVELOPE).chain((0..expected.len()).step_by(4_001)).chain(0..400);
            for start in places.chain([expected.len(), expected.len() + 1, usize::MAX - ENVELOPE]) {
                let rest = expected.get(start..).unwrap_or_default();
                let piece = rest.get(..ENVELOPE).unwrap_or(rest);
                assert!(index.piece(start) == piece, "{} batches from {start}", sizes.len());
            }
        }
    }

    async fn post(store: &MemoryStore, kind: Kind, number: u64) {
        let envelope = Envelope::from_slice(&[0; ENVELOPE]).unwrap();
        store.put(Put { day: DAY, kind, id: id(number), burn: None, envelope }).await.unwrap();
    }

    #[tokio::test]
    async fn answers_of_all_moments_of_a_day_share_its_batches() {
        let store = MemoryStore::new(&RELAY, Quotas { letters: 1_000, chunks: 1_000 });
        let cache = IndexCache::default();
        let mut held = Vec::new();
        for number in 0..20 {
            post(&store, Kind::Letter, number).await;
            let batch = store.seal(Kind::Letter).await.unwrap().unwrap();
            cache.sealed(Kind::Letter, DAY);
            held.push(cache.get(&store, DAY).await.unwrap());
            assert!(Arc::ptr_eq(held.last().unwrap(), &cache.get(&store, DAY).await.unwrap()), "made once");
            let batches = held.iter().flat_map(|index| index.batches.iter().map(|(_, batch)| batch));
            // The store's, the one of this test, and those of the answers.
            let answers = batches.filter(|of_answer| Arc::ptr_eq(of_answer, &batch)).count();
            assert_eq!((answers, Arc::strong_count(&batch)), (1, 3));
        }
        let stored = store.batches(Kind::Letter, DAY).await.unwrap();
        for (moment, index) in held.iter().enumerate() {
            assert_eq!(index.batches.len(), moment + 1, "an answer is what was listed when it was begun");
            assert!(index.batches.iter().zip(&stored).all(|((_, batch), stored)| Arc::ptr_eq(batch, stored)));
        }
    }

    #[tokio::test]
    async fn chunks_that_are_sealed_leave_the_list_of_letters_as_it_is() {
        let store = MemoryStore::new(&RELAY, Quotas { letters: 1_000, chunks: 1_000 });
        let cache = IndexCache::default();
        post(&store, Kind::Letter, 1).await;
        store.seal(Kind::Letter).await.unwrap();
        let before = cache.get(&store, DAY).await.unwrap();
        cache.sealed(Kind::Chunk, DAY);
        assert!(Arc::ptr_eq(&before, &cache.get(&store, DAY).await.unwrap()));
        cache.sealed(Kind::Letter, DAY);
        assert!(!Arc::ptr_eq(&before, &cache.get(&store, DAY).await.unwrap()));
    }
}
