//! Puts that share a sync.
//!
//! What comes is written, and synced together as soon as the sync before is done; so under load there is always one sync
//! under way, while the next group is being written. Nobody sees what is not synced, nor is told of it.

use super::super::disk::is_full;
use super::super::family::{Family, FamilyError, batch_records};
use super::super::new_put::NewPut;
use super::super::record::RECORD;
use super::super::{record_of, unreadable};
use super::{GROUP, Reply, Writer};
use crate::store::ledger::Place;
use crate::store::volume_id::VolumeId;
use crate::store::{Kind, Put, PutOutcome, StoreError};
use cssr_proto::sizes::BATCH_MAX;
use cssr_proto::{Day, EnvelopeId};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;

/// Records that have a place and are not written, each with its position.
type Records = BTreeMap<VolumeId, (Arc<Family>, Vec<(u32, Box<[u8; RECORD]>)>)>;

/// Puts that are written, and neither synced nor known to readers.
#[derive(Default)]
pub(super) struct Written {
    ids: Vec<(EnvelopeId, Place)>,
    replies: Vec<Reply<PutOutcome>>,
    /// Where they are, and how many.
    families: BTreeMap<VolumeId, (Arc<Family>, usize)>,
}

impl Written {
    pub(super) const fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

impl Writer {
    /// Writes a group of puts, and answers those for which nothing needs to be synced. If nobody else is waiting, the sync is
    /// made here.
    pub(super) fn put(&mut self, group: Vec<(NewPut, Reply<PutOutcome>)>, is_alone: bool) {
        let (puts, mut replies): (VecDeque<_>, VecDeque<_>) = group.into_iter().unzip();
        let done = self.guarded(|writer| {
            writer.write(puts, &mut replies)?;
            if is_alone && writer.syncing.is_none() && writer.written.ids.len() <= 1 {
                return writer.sync_here();
            }
            writer.begin_sync();
            Ok(())
        });
        if let Err(error) = done {
            replies.into_iter().for_each(|reply| drop(reply.send(Err(error.clone()))));
        }
    }

    /// Writes new envelopes, and answers the others; the replies to the new ones wait with them.
    fn write(
        &mut self,
        mut puts: VecDeque<NewPut>,
        replies: &mut VecDeque<Reply<PutOutcome>>,
    ) -> Result<(), FamilyError> {
        if self.written.ids.len() >= GROUP {
            self.settle()?;
        }
        let group = puts.len();
        while !puts.is_empty() {
            let mut records = Records::new();
            for _ in 0..puts.len() {
                let Some(put) = puts.pop_front() else { break };
                if self.unsynced.contains(&put.id) {
                    // What becomes of the first one must be known before this one can be answered. All such share one wait,
                    // or whoever repeats ids would have a sync for each.
                    puts.push_back(put);
                    replies.rotate_left(1);
                    continue;
                }
                let known = self.core.state().ledger.place(&put.id);
                let outcome = match known {
                    Some(place) => self.compare(&put.into_put()?, place).map_err(|error| unreadable(&error)),
                    None => Ok(self.stage_put(put, group, &mut records)?),
                };
                let Some(reply) = replies.pop_front() else { continue };
                if outcome == Ok(PutOutcome::Stored) {
                    self.written.replies.push(reply);
                } else {
                    let _ = reply.send(outcome);
                }
            }
            write_out(records)?;
            if !puts.is_empty() {
                self.settle()?;
            }
        }
        Ok(())
    }

    /// Begins to sync what is written, unless a sync is under way.
    pub(super) fn begin_sync(&mut self) {
        if self.syncing.is_none() && !self.written.is_empty() {
            let group = std::mem::take(&mut self.written);
            self.syncer.begin(group.families.values().map(|(family, _)| Arc::clone(family)).collect());
            self.syncing = Some(group);
        }
    }

    /// Waits for the sync that is under way, or for a part of the time. If it is done, shows and tells what was synced.
    pub(super) fn await_sync(&mut self) -> Result<(), FamilyError> {
        self.syncer.wait_a_while().map_or(Ok(()), |result| self.land(result))
    }

    /// Waits until all that is written is synced.
    pub(super) fn settle(&mut self) -> Result<(), FamilyError> {
        self.begin_sync();
        while self.syncing.is_some() {
            let result = self.syncer.wait();
            self.land(result)?;
            self.begin_sync();
        }
        Ok(())
    }

    /// Tells everybody who waits for a sync that there will be none.
    pub(super) fn abandon(&mut self, error: &StoreError) {
        let groups = [Some(std::mem::take(&mut self.written)), self.syncing.take()];
        for reply in groups.into_iter().flatten().flat_map(|group| group.replies) {
            let _ = reply.send(Err(error.clone()));
        }
        self.unsynced.clear();
    }

    /// For one put by itself another thread would only be in the way.
    fn sync_here(&mut self) -> Result<(), FamilyError> {
        let result = self.written.families.values().try_for_each(|(family, _)| family.sync());
        self.syncing = Some(std::mem::take(&mut self.written));
        self.land(result)
    }

    /// What is not synced stays where it is, to be abandoned.
    fn land(&mut self, result: io::Result<()>) -> Result<(), FamilyError> {
        result?;
        let Some(Written { ids, replies, families: _ }) = self.syncing.take() else { return Ok(()) };
        let mut state = self.core.state_mut();
        for (id, place) in ids {
            state.ledger.insert(id, place);
            self.unsynced.remove(&id);
        }
        drop(state);
        replies.into_iter().for_each(|reply| drop(reply.send(Ok(PutOutcome::Stored))));
        Ok(())
    }

    /// Gives a new envelope its place, if there is room.
    fn stage_put(&mut self, put: NewPut, group: usize, records: &mut Records) -> Result<PutOutcome, FamilyError> {
        if !self.has_room(put.kind) {
            return Ok(PutOutcome::Full);
        }
        let (kind, envelope_id) = (put.kind, put.id);
        let latest = self.not_known_yet().map(|(id, _)| id.day).fold(self.core.state().ledger.latest(), Day::max);
        let day = latest.max(put.day);
        let id = VolumeId { kind, day };
        let Some(family) = self.open_for(id, group, !records.contains_key(&id))? else { return Ok(PutOutcome::Full) };
        let draft = put.into_draft(&family, || self.core.nonce())?;
        let position = family.place(self.core.random())?;
        let record = draft.finish(family.key(), position);
        self.unsynced.insert(envelope_id);
        self.written.ids.push((envelope_id, Place { kind, day, number: position, burned: false }));
        self.written.families.entry(id).or_insert_with(|| (Arc::clone(&family), 0)).1 += 1;
        records.entry(id).or_insert((family, Vec::new())).1.push((position, record));
        Ok(PutOutcome::Stored)
    }

    /// How many are written, or about to be, and not in the ledger.
    fn not_known_yet(&self) -> impl Iterator<Item = (VolumeId, usize)> {
        let groups = std::iter::once(&self.written).chain(&self.syncing);
        groups.flat_map(|group| group.families.iter().map(|(id, (_, count))| (*id, *count)))
    }

    /// The family to put into, with a place free, and for all of a group if there is space; `None` if the disk is too full.
    fn open_for(&mut self, id: VolumeId, group: usize, is_first: bool) -> Result<Option<Arc<Family>>, FamilyError> {
        let family = match self.family_with_room(id) {
            Ok(family) => family,
            Err(error) if error.is_full() => return Ok(None),
            Err(error) => return Err(error),
        };
        // What waits must always find room for its batches too.
        let new = self.not_known_yet().filter(|(known, _)| *known == id).map(|(_, count)| count).sum::<usize>() + 1;
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

    fn has_room(&self, kind: Kind) -> bool {
        let new: usize = self.not_known_yet().filter(|(id, _)| id.kind == kind).map(|(_, count)| count).sum();
        self.core.state().ledger.has_room(kind, new as u64)
    }
}

/// In order of position, so that not even the order of writing is that of arrival.
fn write_out(records: Records) -> Result<(), FamilyError> {
    for (family, mut records) in records.into_values() {
        records.sort_unstable_by_key(|(position, _)| *position);
        records.iter().try_for_each(|(position, record)| family.write(*position, record.as_slice()))?;
    }
    Ok(())
}
