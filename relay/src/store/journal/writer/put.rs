//! Puts that share a sync.
//!
//! What comes is written, and synced together once the sync before is done; so under load there is always one sync under way,
//! while the next group is being written. Nobody sees what is not synced, nor is told of it.

use super::super::disk::is_full;
use super::super::family::{Family, FamilyError, batch_records};
use super::super::new_put::NewPut;
use super::super::record::RECORD;
use super::super::{record_of, unreadable};
use super::unsynced::UnsyncedPut;
use super::{GROUP, Reply, Writer};
use crate::store::ledger::Place;
use crate::store::volume_id::VolumeId;
use crate::store::{Kind, Put, PutOutcome, StoreError};
use cssr_proto::Day;
use cssr_proto::sizes::BATCH_MAX;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// A record, ready to be written at a position.
type Placed = (u32, Box<[u8; RECORD]>);

/// Records that have a place and are not written.
#[derive(Default)]
struct Records(BTreeMap<VolumeId, (Arc<Family>, Vec<Placed>)>);

impl Writer {
    /// Writes a group of puts, and answers those for which nothing needs to be synced. If nobody else is waiting, the sync is
    /// made here.
    pub(super) fn put(&mut self, group: Vec<(NewPut, Reply<PutOutcome>)>, is_alone: bool) {
        let (puts, mut replies): (VecDeque<_>, VecDeque<_>) = group.into_iter().unzip();
        let done = self.guarded(|writer| writer.write(puts, &mut replies, is_alone));
        if let Err(error) = done {
            replies.into_iter().for_each(|reply| drop(reply.send(Err(error.clone()))));
        }
    }

    /// Writes new envelopes, and answers the others; the replies to the new ones wait with them.
    fn write(
        &mut self,
        mut puts: VecDeque<NewPut>,
        replies: &mut VecDeque<Reply<PutOutcome>>,
        is_alone: bool,
    ) -> Result<(), FamilyError> {
        while self.unsynced.len() >= 2 * GROUP {
            let synced = self.syncer.wait()?;
            self.land(synced);
        }
        let new = self.new_ones(&puts);
        while !puts.is_empty() {
            let (mut records, before) = (Records::default(), self.unsynced.len());
            for _ in 0..puts.len() {
                let Some(put) = puts.pop_front() else { break };
                if self.unsynced.contains(&put.id) {
                    // What becomes of the first one must be known before this one can be answered. All such share one wait,
                    // or whoever repeats ids would have a sync for each.
                    puts.push_back(put);
                    replies.rotate_left(1);
                    continue;
                }
                let (id, known) = (put.id, self.core.state().ledger.place(&put.id));
                let outcome = match known {
                    Some(place) => self.compare(&put.into_put()?, place).map_err(|error| unreadable(&error)),
                    None => match self.stage_put(put, new, &mut records)? {
                        Some(place) => {
                            let Some(reply) = replies.pop_front() else { continue };
                            self.unsynced.push(UnsyncedPut { id, place, reply });
                            continue;
                        }
                        None => Ok(PutOutcome::Full),
                    },
                };
                if let Some(reply) = replies.pop_front() {
                    let _ = reply.send(outcome);
                }
            }
            let families = records.write_out()?;
            let written = self.unsynced.len() - before;
            if is_alone && self.unsynced.len() == written {
                // For one put by itself another thread would only be in the way.
                families.values().try_for_each(|family| family.sync())?;
                self.land(written);
            } else if written > 0 {
                self.syncer.begin(families, written);
            }
            if !puts.is_empty() {
                self.settle()?;
            }
        }
        Ok(())
    }

    /// How many letters and chunks of a group will need a place. What only seems new costs space, and a step to it might tell
    /// what came before from what came after.
    fn new_ones(&self, puts: &VecDeque<NewPut>) -> [usize; 2] {
        let state = self.core.state();
        let new = puts.iter().filter(|put| !self.unsynced.contains(&put.id) && state.ledger.place(&put.id).is_none());
        let new: BTreeSet<_> = new.map(|put| (put.kind.byte(), put.id)).collect();
        [Kind::Letter, Kind::Chunk].map(|kind| new.iter().filter(|(of, _)| *of == kind.byte()).count())
    }

    /// Waits for the sync that is under way, or for a part of the time. If it is done, shows and tells what was synced.
    pub(super) fn await_sync(&mut self) -> Result<(), FamilyError> {
        if let Some(synced) = self.syncer.wait_a_while() {
            self.land(synced?);
        }
        Ok(())
    }

    /// Waits until all that is written is synced.
    pub(super) fn settle(&mut self) -> Result<(), FamilyError> {
        while !self.unsynced.is_empty() {
            let synced = self.syncer.wait()?;
            self.land(synced);
        }
        Ok(())
    }

    /// Shows and tells that the first so many of what was written are synced.
    fn land(&mut self, synced: usize) {
        let puts = self.unsynced.take(synced);
        let mut state = self.core.state_mut();
        for UnsyncedPut { id, place, reply: _ } in &puts {
            state.ledger.insert(*id, *place);
        }
        drop(state);
        for UnsyncedPut { reply, .. } in puts {
            let _ = reply.send(Ok(PutOutcome::Stored));
        }
    }

    /// Tells everybody who waits for a sync that there will be none.
    pub(super) fn abandon(&mut self, error: &StoreError) {
        for UnsyncedPut { reply, .. } in self.unsynced.take(usize::MAX) {
            let _ = reply.send(Err(error.clone()));
        }
    }

    /// Gives a new envelope its place; `None` if there is no room. So many letters and chunks of its group need one.
    fn stage_put(&mut self, put: NewPut, new: [usize; 2], records: &mut Records) -> Result<Option<Place>, FamilyError> {
        if !self.has_room(put.kind) || self.may_be_haunted() {
            return Ok(None);
        }
        let kind = put.kind;
        let latest = self.unsynced.volumes().map(|id| id.day).fold(self.core.state().ledger.latest(), Day::max);
        let day = latest.max(put.day);
        let id = VolumeId { kind, day };
        let [letters, chunks] = new;
        let group = if kind == Kind::Letter { letters } else { chunks };
        let Some(family) = self.open_for(id, group, !records.0.contains_key(&id))? else { return Ok(None) };
        let draft = put.into_draft(&family, || self.core.nonce())?;
        let position = family.place(self.core.random())?;
        let record = draft.finish(family.key(), position);
        records.0.entry(id).or_insert((family, Vec::new())).1.push((position, record));
        Ok(Some(Place { kind, day, number: position, burned: false }))
    }

    /// The family to put into, with a place free, and for all of a group if there is space; `None` if the disk is too full.
    fn open_for(&mut self, id: VolumeId, group: usize, is_first: bool) -> Result<Option<Arc<Family>>, FamilyError> {
        let family = match self.family_with_room(id) {
            Ok(family) => family,
            Err(error) if error.is_full() => return Ok(None),
            Err(error) => return Err(error),
        };
        // What waits must always find room for its batches too.
        let new = self.unsynced.count(id) + 1;
        let waiting = self.core.state().ledger.waiting_count(id.kind, id.day) + new;
        let batches = batch_records(waiting) + 2 * (waiting / BATCH_MAX);
        if (is_first || family.free() <= batches)
            && let Err(error) = self.prepare(&family, batches + group)
            && !is_full(&error)
        {
            return Err(error.into());
        }
        Ok((family.free() > batches).then_some(family))
    }

    /// As `family`; if the disk is full, without what is kept for another day, or was burned.
    pub(super) fn family_with_room(&mut self, id: VolumeId) -> Result<Arc<Family>, FamilyError> {
        match self.family(id) {
            Err(error) if error.is_full() && self.make_room()? => self.family(id),
            other => other,
        }
    }

    fn compare(&self, put: &Put, place: Place) -> Result<PutOutcome, FamilyError> {
        if place.burned || place.kind != put.kind {
            return Ok(PutOutcome::Conflict);
        }
        let family = self.existing(VolumeId { kind: place.kind, day: place.day })?;
        let held = record_of(&family, place.number, &put.id)?;
        Ok(if held.same_content(put) { PutOutcome::Already } else { PutOutcome::Conflict })
    }

    fn has_room(&self, kind: Kind) -> bool {
        self.core.state().ledger.has_room(kind, self.unsynced.count_of_kind(kind) as u64)
    }
}

impl Records {
    /// Writes them in order of position, so that not even the order of writing is that of arrival. Returns what is to be
    /// synced.
    fn write_out(self) -> Result<BTreeMap<VolumeId, Arc<Family>>, FamilyError> {
        let mut families = BTreeMap::new();
        for (id, (family, mut records)) in self.0 {
            records.sort_unstable_by_key(|(position, _)| *position);
            records.iter().try_for_each(|(position, record)| family.write(*position, record.as_slice()))?;
            families.insert(id, family);
        }
        Ok(families)
    }
}
