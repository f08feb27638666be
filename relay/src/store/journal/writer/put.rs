//! Puts that share a sync.

use super::super::disk::is_full;
use super::super::family::{Family, FamilyError, batch_records};
use super::super::new_put::NewPut;
use super::super::record::RECORD;
use super::super::{record_of, unreadable};
use super::Writer;
use crate::store::ledger::Place;
use crate::store::volume_id::VolumeId;
use crate::store::{Kind, Put, PutOutcome, StoreError};
use cssr_proto::EnvelopeId;
use cssr_proto::sizes::BATCH_MAX;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Records, each with its position.
type Records = Vec<(u32, Box<[u8; RECORD]>)>;

/// Puts that have a place, but are neither synced nor known to readers.
#[derive(Default)]
struct Staged {
    ids: Vec<(EnvelopeId, Place)>,
    families: BTreeMap<VolumeId, (Arc<Family>, Records)>,
}

impl Writer {
    /// Writes a group of puts, syncs once, and only then lets anybody see them.
    pub(super) fn put(&mut self, puts: Vec<NewPut>) -> Result<Vec<Result<PutOutcome, StoreError>>, FamilyError> {
        let group = puts.len();
        let mut staged = Staged::default();
        let mut outcomes = Vec::with_capacity(group);
        let repeated = repeated(&puts);
        // The first one of each id that comes more than once.
        let mut firsts: HashMap<EnvelopeId, Put> = HashMap::new();
        for mut put in puts {
            let known = self.core.state().ledger.place(&put.id);
            let mut copy = None;
            if known.is_some() || repeated.contains(&put.id) {
                let plain = put.into_put()?;
                if let Some(first) = firsts.get(&plain.id) {
                    let is_same = first.same_content(&plain);
                    outcomes.push(Ok(if is_same { PutOutcome::Already } else { PutOutcome::Conflict }));
                    continue;
                }
                if let Some(place) = known {
                    outcomes.push(self.compare(&plain, place).map_err(|error| unreadable(&error)));
                    continue;
                }
                copy = Some(plain.clone());
                put = NewPut::plain(plain);
            }
            let outcome = self.stage_put(put, group, &mut staged)?;
            if let Some(first) = copy.filter(|_| outcome == PutOutcome::Stored) {
                firsts.insert(first.id, first);
            }
            outcomes.push(Ok(outcome));
        }
        for (family, records) in staged.families.values_mut() {
            // In order of position, so that not even the order of writing is that of arrival.
            records.sort_unstable_by_key(|(position, _)| *position);
            records.iter().try_for_each(|(position, record)| family.write(*position, record.as_slice()))?;
            family.sync()?;
        }
        let mut state = self.core.state_mut();
        for (id, place) in staged.ids {
            state.ledger.insert(id, place);
        }
        Ok(outcomes)
    }

    /// Gives a new envelope its place, if there is room.
    fn stage_put(&mut self, put: NewPut, group: usize, staged: &mut Staged) -> Result<PutOutcome, FamilyError> {
        if !self.has_room(put.kind, staged) {
            return Ok(PutOutcome::Full);
        }
        let latest = staged.ids.last().map_or_else(|| self.core.state().ledger.latest(), |(_, last)| last.day);
        let (kind, day, envelope_id) = (put.kind, latest.max(put.day), put.id);
        let id = VolumeId { kind, day };
        let Some(family) = self.open_for(id, staged, group)? else { return Ok(PutOutcome::Full) };
        let draft = put.into_draft(&family, || self.core.nonce())?;
        let position = family.place(self.core.random())?;
        let record = draft.finish(family.key(), position);
        staged.ids.push((envelope_id, Place { kind, day, number: position, burned: false }));
        staged.families.entry(id).or_insert((family, Vec::new())).1.push((position, record));
        Ok(PutOutcome::Stored)
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
        let new = staged.ids.iter().filter(|(_, place)| place.kind == kind).count() as u64;
        self.core.state().ledger.has_room(kind, new)
    }
}

/// The ids that come more than once.
fn repeated(puts: &[NewPut]) -> HashSet<EnvelopeId> {
    let mut seen = HashSet::with_capacity(puts.len());
    puts.iter().map(|put| put.id).filter(|id| !seen.insert(*id)).collect()
}
