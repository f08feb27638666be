//! What a store knows in memory: which ids it has, what waits, what is listed. No I/O; the engines keep it in step with
//! what they hold.
//!
//! About 80 bytes for each known id, more while its table has just grown: the id with its place, and the id again in a batch
//! or among what waits.

use super::{Kind, Lives, Pending, Quotas};
use cssr_proto::index::{Batch, Head, chunk_genesis, letter_genesis};
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::sizes::BATCH_MAX;
use cssr_proto::{Day, EnvelopeId, Malformed};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Where an envelope is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) kind: Kind,
    pub(super) day: Day,
    /// The engine's own number for it within its kind and day.
    pub(super) number: u32,
    pub(super) burned: bool,
}

/// The ids of one kind and day.
#[derive(Debug, Default)]
struct Listing {
    /// In no order, so that not even memory holds that of their arrival.
    pending: HashSet<EnvelopeId>,
    batches: Vec<Arc<Batch>>,
    /// What can be listed no more, because the chain has gone on to a later day.
    stranded: Vec<EnvelopeId>,
}

impl Listing {
    /// What waits, ascending.
    fn waiting(&self) -> Vec<EnvelopeId> {
        let mut ids: Vec<EnvelopeId> = self.pending.iter().copied().collect();
        ids.sort_unstable();
        ids
    }

    fn ids(&self) -> impl Iterator<Item = &EnvelopeId> {
        self.pending.iter().chain(self.batches.iter().flat_map(|batch| batch.ids())).chain(&self.stranded)
    }
}

/// Everything of one kind.
#[derive(Debug)]
struct Lane {
    days: BTreeMap<Day, Listing>,
    head: Head,
    known: u64,
}

#[derive(Debug)]
pub(super) struct Ledger {
    known: HashMap<EnvelopeId, Place>,
    letters: Lane,
    chunks: Lane,
    latest: Day,
    quotas: Quotas,
}

/// The head before the first batch.
pub(crate) fn first_head(kind: Kind, relay: &RelayPublicKey) -> Head {
    Head::genesis(match kind {
        Kind::Letter => letter_genesis(relay),
        Kind::Chunk => chunk_genesis(relay),
    })
}

impl Ledger {
    pub(super) fn new(relay: &RelayPublicKey, quotas: Quotas) -> Self {
        let lane = |kind| Lane { days: BTreeMap::new(), head: first_head(kind, relay), known: 0 };
        Self {
            known: HashMap::new(),
            letters: lane(Kind::Letter),
            chunks: lane(Kind::Chunk),
            latest: Day::FIRST,
            quotas,
        }
    }

    pub(super) fn place(&self, id: &EnvelopeId) -> Option<Place> {
        self.known.get(id).copied()
    }

    /// Where an envelope is that `get` may return.
    pub(super) fn held(&self, kind: Kind, day: Option<Day>, id: &EnvelopeId) -> Option<Place> {
        self.place(id).filter(|place| !place.burned && place.kind == kind && day.is_none_or(|day| day == place.day))
    }

    pub(super) fn have(&self, ids: &[EnvelopeId]) -> Vec<bool> {
        ids.iter().map(|id| self.held(Kind::Chunk, None, id).is_some()).collect()
    }

    #[cfg(test)]
    pub(super) const fn quotas(&self) -> Quotas {
        self.quotas
    }

    pub(super) const fn latest(&self) -> Day {
        self.latest
    }

    pub(super) fn advance(&mut self, day: Day) {
        self.latest = self.latest.max(day);
    }

    /// Whether another id of this kind fits, beside `staged` ones that are not in the ledger yet.
    pub(super) fn has_room(&self, kind: Kind, staged: u64) -> bool {
        self.lane(kind).known.saturating_add(staged) < self.quotas.of(kind)
    }

    /// Adds a new id, as waiting to be sealed.
    pub(super) fn insert(&mut self, id: EnvelopeId, place: Place) {
        self.advance(place.day);
        self.known.insert(id, place);
        let lane = self.lane_mut(place.kind);
        lane.known += 1;
        lane.days.entry(place.day).or_default().pending.insert(id);
    }

    /// Adds an id that was there before, listed or not. If it is there already, that stays, and its place is given. What is
    /// not listed must be [`restore_waiting`].
    ///
    /// [`restore_waiting`]: Self::restore_waiting
    pub(super) fn restore(&mut self, id: EnvelopeId, place: Place) -> Option<Place> {
        match self.known.entry(id) {
            Entry::Occupied(there) => Some(*there.get()),
            Entry::Vacant(vacant) => {
                vacant.insert(place);
                self.lane_mut(place.kind).known += 1;
                None
            }
        }
    }

    /// Of two places of an id takes one, and lets the other wait no more.
    pub(super) fn settle_on(&mut self, id: EnvelopeId, place: Place, other: Place) {
        if let Some(before) = self.known.insert(id, place) {
            let lane = self.lane_mut(before.kind);
            lane.known = lane.known.saturating_sub(1);
        }
        self.lane_mut(place.kind).known += 1;
        if let Some(listing) = self.lane_mut(other.kind).days.get_mut(&other.day) {
            listing.pending.remove(&id);
        }
    }

    /// Whether an id waits on a day.
    pub(super) fn is_waiting(&self, kind: Kind, day: Day, id: &EnvelopeId) -> bool {
        self.lane(kind).days.get(&day).is_some_and(|listing| listing.pending.contains(id))
    }

    /// How many envelopes the last batch has, if its day has not expired.
    pub(super) fn last_batch(&self, kind: Kind) -> usize {
        let last = self.lane(kind).days.values().rev().find_map(|listing| listing.batches.last());
        last.map_or(0, |batch| batch.ids().len())
    }

    /// Makes room for so many ids, so that memory is not taken twice while the ledger grows.
    pub(super) fn expect(&mut self, ids: usize) {
        self.known.reserve(ids);
    }

    /// Adds ids that wait.
    pub(super) fn restore_waiting(&mut self, kind: Kind, day: Day, ids: Vec<EnvelopeId>) {
        self.lane_mut(kind).days.entry(day).or_default().pending.extend(ids);
    }

    /// Gives up what waits on days before the head's; how many ids that is. They are known, and read, until their day
    /// expires, but no batch can list them any more.
    pub(super) fn strand(&mut self, kind: Kind) -> usize {
        let lane = self.lane_mut(kind);
        let head = lane.head.day();
        let mut stranded = 0;
        for (_, listing) in lane.days.range_mut(..head) {
            stranded += listing.pending.len();
            listing.stranded.extend(listing.pending.drain());
        }
        stranded
    }

    /// The ids of a day that no batch lists, those among them that none can list any more, ascending.
    pub(super) fn unlisted(&self, kind: Kind, day: Day) -> Vec<EnvelopeId> {
        let Some(listing) = self.lane(kind).days.get(&day) else { return Vec::new() };
        let mut ids: Vec<EnvelopeId> = listing.pending.iter().chain(&listing.stranded).copied().collect();
        ids.sort_unstable();
        ids
    }

    /// How many ids of a day wait.
    pub(super) fn waiting_count(&self, kind: Kind, day: Day) -> usize {
        self.lane(kind).days.get(&day).map_or(0, |listing| listing.pending.len())
    }

    /// Notes that an envelope was burned, and the engine's number for what is left of it.
    pub(super) fn burned_at(&mut self, id: &EnvelopeId, number: u32) {
        if let Some(place) = self.known.get_mut(id) {
            (place.burned, place.number) = (true, number);
        }
    }

    pub(super) fn mark_burned(&mut self, id: &EnvelopeId) {
        if let Some(place) = self.known.get_mut(id) {
            place.burned = true;
        }
    }

    pub(super) fn pending(&self, kind: Kind) -> Option<Pending> {
        let (day, listing) = self.lane(kind).oldest_pending()?;
        Some(Pending { day, count: listing.pending.len() })
    }

    /// The batch that sealing now would make.
    ///
    /// # Errors
    /// No number is left; the days of what waits never lie before the head's.
    pub(super) fn next_batch(&self, kind: Kind) -> Result<Option<Arc<Batch>>, Malformed> {
        let lane = self.lane(kind);
        let Some((day, listing)) = lane.oldest_pending() else { return Ok(None) };
        let mut ids = listing.waiting();
        ids.truncate(BATCH_MAX);
        Batch::new(&lane.head, day, ids).map(Arc::new).map(Some)
    }

    /// Lists a batch that has become durable.
    pub(super) fn publish(&mut self, kind: Kind, batch: Arc<Batch>) {
        let lane = self.lane_mut(kind);
        lane.head = batch.head();
        let listing = lane.days.entry(batch.day()).or_default();
        for id in batch.ids() {
            listing.pending.remove(id);
        }
        listing.batches.push(batch);
    }

    pub(super) fn batches(&self, kind: Kind, day: Day) -> Vec<Arc<Batch>> {
        self.lane(kind).days.get(&day).map(|listing| listing.batches.clone()).unwrap_or_default()
    }

    pub(super) fn batches_from(&self, kind: Kind, number: u64, max: usize) -> Vec<Arc<Batch>> {
        let later = self.lane(kind).days.values().flat_map(|Listing { batches, .. }| {
            let first = batches.partition_point(|batch| batch.number() < number);
            batches.get(first..).unwrap_or_default()
        });
        later.take(max).cloned().collect()
    }

    /// The ids at positions `first .. first + count` of a day's list of letters.
    pub(super) fn letters(&self, day: Day, first: u64, count: usize) -> Vec<EnvelopeId> {
        let Some(listing) = self.letters.days.get(&day) else { return Vec::new() };
        let mut skip = usize::try_from(first).unwrap_or(usize::MAX);
        let mut ids = Vec::with_capacity(count);
        for batch in &listing.batches {
            ids.extend(batch.ids().iter().skip(skip).take(count - ids.len()));
            skip = skip.saturating_sub(batch.ids().len());
        }
        ids
    }

    pub(super) const fn head(&self, kind: Kind) -> Head {
        self.lane(kind).head
    }

    pub(super) const fn set_head(&mut self, kind: Kind, head: Head) {
        self.lane_mut(kind).head = head;
    }

    /// The days that are older than their life.
    pub(super) fn expired(&self, today: Day, lives: Lives) -> Vec<(Kind, Day)> {
        let of = |kind: Kind| {
            let days = self.lane(kind).days.keys().copied();
            days.filter(move |day| today.since(*day) > lives.of(kind)).map(move |day| (kind, day))
        };
        of(Kind::Letter).chain(of(Kind::Chunk)).collect()
    }

    /// Forgets a day; its ids may come again, but for those that are known on another day.
    pub(super) fn forget(&mut self, kind: Kind, day: Day) -> Vec<EnvelopeId> {
        let Some(listing) = self.lane_mut(kind).days.remove(&day) else { return Vec::new() };
        let mut ids: Vec<EnvelopeId> = listing.ids().copied().collect();
        ids.retain(|id| match self.known.entry(*id) {
            Entry::Occupied(there) if (there.get().kind, there.get().day) == (kind, day) => {
                there.remove();
                true
            }
            _ => false,
        });
        let lane = self.lane_mut(kind);
        lane.known = lane.known.saturating_sub(ids.len() as u64);
        ids
    }

    const fn lane(&self, kind: Kind) -> &Lane {
        match kind {
            Kind::Letter => &self.letters,
            Kind::Chunk => &self.chunks,
        }
    }

    const fn lane_mut(&mut self, kind: Kind) -> &mut Lane {
        match kind {
            Kind::Letter => &mut self.letters,
            Kind::Chunk => &mut self.chunks,
        }
    }
}

impl Lane {
    fn oldest_pending(&self) -> Option<(Day, &Listing)> {
        self.days.iter().find(|(_, listing)| !listing.pending.is_empty()).map(|(day, listing)| (*day, listing))
    }
}
