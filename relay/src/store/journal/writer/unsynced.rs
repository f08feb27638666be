//! Puts that are written, and neither synced nor known to readers.

use super::Reply;
use crate::store::ledger::Place;
use crate::store::volume_id::VolumeId;
use crate::store::{Kind, PutOutcome};
use cssr_proto::EnvelopeId;
use std::collections::{BTreeMap, HashSet, VecDeque};

/// One of them, with who waits for it.
pub(super) struct UnsyncedPut {
    pub(super) id: EnvelopeId,
    pub(super) place: Place,
    pub(super) reply: Reply<PutOutcome>,
}

/// All of them, in the order in which they are synced.
#[derive(Default)]
pub(super) struct Unsynced {
    puts: VecDeque<UnsyncedPut>,
    ids: HashSet<EnvelopeId>,
    /// How many there are of each kind and day that has any.
    counts: BTreeMap<VolumeId, usize>,
}

impl Unsynced {
    pub(super) fn len(&self) -> usize {
        self.puts.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.puts.is_empty()
    }

    pub(super) fn contains(&self, id: &EnvelopeId) -> bool {
        self.ids.contains(id)
    }

    pub(super) fn count(&self, id: VolumeId) -> usize {
        self.counts.get(&id).copied().unwrap_or_default()
    }

    pub(super) fn count_of_kind(&self, kind: Kind) -> usize {
        self.counts.iter().filter(|(id, _)| id.kind == kind).map(|(_, count)| count).sum()
    }

    /// The kinds and days of which there are any.
    pub(super) fn volumes(&self) -> impl Iterator<Item = &VolumeId> {
        self.counts.keys()
    }

    pub(super) fn push(&mut self, put: UnsyncedPut) {
        self.ids.insert(put.id);
        *self.counts.entry(volume_of(put.place)).or_default() += 1;
        self.puts.push_back(put);
    }

    /// Takes out the first so many: they are synced.
    pub(super) fn take(&mut self, count: usize) -> Vec<UnsyncedPut> {
        let puts: Vec<_> = self.puts.drain(..count.min(self.puts.len())).collect();
        for UnsyncedPut { id, place, reply: _ } in &puts {
            self.ids.remove(id);
            if let Some(count) = self.counts.get_mut(&volume_of(*place)) {
                *count -= 1;
            }
        }
        self.counts.retain(|_, count| *count > 0);
        puts
    }
}

const fn volume_of(place: Place) -> VolumeId {
    VolumeId { kind: place.kind, day: place.day }
}
