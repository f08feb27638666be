//! Burns that share a sync.
//!
//! A mark of the burned chunk is synced first, then its record is overwritten and that synced. A crash in between leaves the
//! mark, and the rest is done on opening. The space is given back when the next batch is listed, or the day turns, or the
//! store is closed: the file system's log tells the moment of that.

use super::super::family::{Family, FamilyError, Mark};
use super::super::record::Header;
use super::super::unreadable;
use super::{Burn, Reply, Writer};
use crate::store::ledger::Place;
use crate::store::volume_id::VolumeId;
use crate::store::{BurnOutcome, Kind, StoreError};
use cssr_proto::EnvelopeId;
use cssr_proto::parcel::BurnHash;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

#[derive(Default)]
struct Staged {
    /// Each with its burn hash and the position of its mark.
    marks: HashMap<EnvelopeId, (BurnHash, u32)>,
    /// The positions of the records.
    families: BTreeMap<VolumeId, (Arc<Family>, Vec<u32>)>,
}

impl Writer {
    /// Burns a group, of which what is not there is answered first: nothing need be synced for it, and whoever burns nothing
    /// must not make others wait for syncs.
    pub(super) fn burn_all(&mut self, mut group: Vec<(Burn, Reply<BurnOutcome>)>) {
        // What was written before a sync failed may be there all the same.
        if self.core.failure.get().is_none() {
            let is_absent =
                |id: &EnvelopeId| !self.unsynced.contains(id) && self.core.state().ledger.place(id).is_none();
            for (_, reply) in group.extract_if(.., |(burn, _)| is_absent(&burn.id)) {
                let _ = reply.send(self.burn_of_unknown());
            }
        }
        if !group.is_empty() {
            self.share(group, Self::burn);
        }
    }

    fn burn(&mut self, burns: Vec<Burn>) -> Result<Vec<Result<BurnOutcome, StoreError>>, FamilyError> {
        let mut staged = Staged::default();
        let mut outcomes = Vec::with_capacity(burns.len());
        for burn in &burns {
            outcomes.push(self.stage_burn(burn, &mut staged)?);
        }
        for (family, _) in staged.families.values() {
            family.sync_marks()?;
        }
        // Readers must not find it overwritten while they believe it is there.
        for (id, (_, position)) in &staged.marks {
            self.core.state_mut().ledger.burned_at(id, *position);
        }
        for (family, positions) in staged.families.values_mut() {
            positions.sort_unstable();
            family.erase(positions)?;
        }
        Ok(outcomes)
    }

    /// What is answered of an id that is not known. While something cannot be read it may stand there, and come back with it:
    /// then nobody must believe that it is gone.
    fn burn_of_unknown(&self) -> Result<BurnOutcome, StoreError> {
        let state = self.core.state();
        if state.families.values().any(|family| family.id().kind == Kind::Chunk && family.is_partial()) {
            return Err(StoreError::Unreadable("a block of a day's chunks, in which this one may be".into()));
        }
        Ok(BurnOutcome::Absent)
    }

    fn stage_burn(&self, Burn { id, key }: &Burn, staged: &mut Staged) -> super::Change<BurnOutcome> {
        let Some(place) = self.core.state().ledger.place(id) else { return Ok(self.burn_of_unknown()) };
        if place.kind == Kind::Letter {
            return Ok(Ok(BurnOutcome::Refused));
        }
        if let Some((hash, _)) = staged.marks.get(id) {
            return Ok(Ok(if key.burns(hash) { BurnOutcome::Burned } else { BurnOutcome::Refused }));
        }
        let family = self.existing(VolumeId { kind: place.kind, day: place.day })?;
        let hash = match burn_hash(&family, place, id) {
            Ok(hash) => hash.filter(|hash| key.burns(hash)),
            Err(error) => return Ok(Err(unreadable(&error))),
        };
        let Some(hash) = hash else { return Ok(Ok(BurnOutcome::Refused)) };
        if !place.burned {
            let mark = Mark { id: *id, burn: hash };
            let write = || family.write_mark(&*self.home.disk, &mark, self.core.nonce(), self.core.random());
            let written = match write() {
                Err(error) if error.is_full() && self.make_room()? => write(),
                other => other,
            };
            let position = match written {
                Ok(position) => position,
                Err(error) if error.is_full() => return Ok(Err(StoreError::NoSpace)),
                Err(error) => return Err(error),
            };
            staged.marks.insert(*id, (hash, position));
            let family_id = family.id();
            staged.families.entry(family_id).or_insert((family, Vec::new())).1.push(place.number);
        }
        Ok(Ok(BurnOutcome::Burned))
    }
}

/// Who may burn a chunk, or might have.
fn burn_hash(family: &Family, place: Place, id: &EnvelopeId) -> Result<Option<BurnHash>, FamilyError> {
    if place.burned {
        let mark = family.mark(place.number)?;
        return if mark.id == *id { Ok(Some(mark.burn)) } else { Err(FamilyError::Damaged("another chunk's mark")) };
    }
    match family.header(place.number)? {
        Header::Envelope { kind: Kind::Chunk, id: held, burn } if held == *id => Ok(burn),
        _ => Err(FamilyError::Damaged("another record stands there")),
    }
}
