//! Puts that share a sync.

use super::super::disk::is_full;
use super::super::family::{Family, FamilyError, batch_records};
use super::super::{record_of, unreadable};
use super::{NewPut, Writer};
use crate::store::ledger::Place;
use crate::store::volume_id::VolumeId;
use crate::store::{Kind, Put, PutOutcome, StoreError};
use cssr_proto::EnvelopeId;
use cssr_proto::sizes::BATCH_MAX;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Records, each with its position.
type Records = Vec<(u32, Vec<u8>)>;

/// Puts that have a place, but are neither synced nor known to readers.
#[derive(Default)]
struct Staged {
    /// Each with the index of its put.
    ids: Vec<(EnvelopeId, Place, usize)>,
    families: BTreeMap<VolumeId, (Arc<Family>, Records)>,
}

impl Writer {
    /// Writes a group of puts, syncs once, and only then lets anybody see them.
    pub(super) fn put(&mut self, puts: Vec<NewPut>) -> Result<Vec<Result<PutOutcome, StoreError>>, FamilyError> {
        let mut staged = Staged::default();
        let mut first_of: HashMap<EnvelopeId, usize> = HashMap::new();
        let mut outcomes = Vec::with_capacity(puts.len());
        let (puts, mut prepared): (Vec<_>, Vec<_>) = puts.into_iter().map(|new| (new.put, new.prepared)).unzip();
        for (number, (put, prepared)) in puts.iter().zip(&mut prepared).enumerate() {
            let known = self.core.state().ledger.place(&put.id);
            let first = first_of.get(&put.id).and_then(|first| puts.get(*first));
            let outcome = if let Some(first) = first {
                Ok(if first.same_content(put) { PutOutcome::Already } else { PutOutcome::Conflict })
            } else if let Some(place) = known {
                self.compare(put, place).map_err(|error| unreadable(&error))
            } else if !self.has_room(put.kind, &staged) {
                Ok(PutOutcome::Full)
            } else {
                let latest =
                    staged.ids.last().map_or_else(|| self.core.state().ledger.latest(), |(_, last, _)| last.day);
                let id = VolumeId { kind: put.kind, day: latest.max(put.day) };
                match self.open_for(id, &staged, puts.len())? {
                    None => Ok(PutOutcome::Full),
                    Some(family) => {
                        let draft = prepared.take().filter(|prepared| Arc::ptr_eq(&prepared.family, &family));
                        let draft = draft.map_or_else(|| self.core.draft(put, &family), |prepared| prepared.draft);
                        let position = family.place(self.core.random())?;
                        let record = draft.finish(family.key(), position);
                        let place = Place { kind: id.kind, day: id.day, number: position, burned: false };
                        staged.ids.push((put.id, place, number));
                        staged.families.entry(id).or_insert((family, Vec::new())).1.push((position, record));
                        first_of.insert(put.id, number);
                        Ok(PutOutcome::Stored)
                    }
                }
            };
            outcomes.push(outcome);
        }
        for (family, records) in staged.families.values_mut() {
            // In order of position, so that not even the order of writing is that of arrival.
            records.sort_unstable_by_key(|(position, _)| *position);
            records.iter().try_for_each(|(position, record)| family.write(*position, record))?;
            family.sync()?;
        }
        let mut state = self.core.state_mut();
        for (id, place, _) in staged.ids {
            state.ledger.insert(id, place);
        }
        Ok(outcomes)
    }

    /// The family to put into, with a place free, and for all of a group if there is space; `None` if the disk is too full.
    fn open_for(&mut self, id: VolumeId, staged: &Staged, group: usize) -> Result<Option<Arc<Family>>, FamilyError> {
        let (family, new) = match staged.families.get(&id) {
            Some((family, records)) => (Arc::clone(family), records.len()),
            None => match self.family_with_room(id) {
                Ok(family) => (family, 0),
                Err(error) if error.is_full() => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        // What waits must always find room for its batches too.
        let waiting = self.core.state().ledger.waiting_count(id.kind, id.day) + new + 1;
        let batches = batch_records(waiting) + 2 * (waiting / BATCH_MAX);
        if (new == 0 || family.free() <= batches)
            && let Err(error) = self.prepare(&family, batches + group)
            && !is_full(&error)
        {
            return Err(error.into());
        }
        Ok((family.free() > batches).then_some(family))
    }

    /// As `family`; if the disk is full, without what is kept for another day.
    fn family_with_room(&mut self, id: VolumeId) -> Result<Arc<Family>, FamilyError> {
        match self.family(id) {
            Err(error) if error.is_full() && self.home.spare.give_back(&*self.home.disk)? => self.family(id),
            other => other,
        }
    }

    fn compare(&self, put: &Put, place: Place) -> Result<PutOutcome, FamilyError> {
        if place.burned || place.kind != put.kind {
            return Ok(PutOutcome::Conflict);
        }
        let family = self.existing(VolumeId { kind: place.kind, day: place.day })?;
        let (burn, envelope) = record_of(&family, place.number, &put.id)?;
        let held = Put { day: place.day, kind: place.kind, id: put.id, burn, envelope };
        Ok(if held.same_content(put) { PutOutcome::Already } else { PutOutcome::Conflict })
    }

    fn has_room(&self, kind: Kind, staged: &Staged) -> bool {
        let new = staged.ids.iter().filter(|(_, place, _)| place.kind == kind).count() as u64;
        self.core.state().ledger.has_room(kind, new)
    }
}
