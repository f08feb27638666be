//! Taking everything out of a store, and making a store of what another one held.

use super::super::journal::is_bad_block;
use super::super::lock::Lock;
use super::super::transfer::{Content, Held, Listed, Outline, Sink, Source};
use super::super::{Kind, OpenError, StoreError, first_head, open_error::io};
use super::files;
use super::key::DayKey;
use super::manifest::{Entry, Manifest, VolumeId};
use super::recover::{Home, lock, read_manifest};
use super::volume::{Mark, Volume, VolumeError};
use super::{SledConfig, SledStore, unreadable};
use cssr_proto::index::Batch;
use cssr_proto::{Day, EnvelopeId};
use rand_core::CryptoRng;
use std::fs::File;
use std::sync::Arc;

impl SledStore {
    fn volume(&self, kind: Kind, day: Day) -> Result<Arc<Volume>, StoreError> {
        let volume = self.core.open_state()?.volumes.get(&VolumeId { kind, day }).cloned();
        volume.ok_or(StoreError::Misuse("a day that is not there"))
    }
}

/// Of a store that nobody writes to.
impl Source for SledStore {
    fn outline(&self) -> Outline {
        let ledger = &self.core.state().ledger;
        let heads = [ledger.head(Kind::Letter), ledger.head(Kind::Chunk)];
        Outline { relay: self.relay, latest: ledger.latest(), heads }
    }

    fn days(&self) -> Vec<(Kind, Day)> {
        self.core.state().volumes.keys().map(|id| (id.kind, id.day)).collect()
    }

    fn listed(&self, kind: Kind, day: Day) -> Result<Listed, StoreError> {
        let volume = self.volume(kind, day)?;
        let (batches, mut unlisted) = {
            let ledger = &self.core.state().ledger;
            (ledger.batches(kind, day), ledger.unlisted(kind, day))
        };
        // What waits and cannot be read was never announced, so there is nothing to keep of it.
        unlisted.retain(|id| self.held(kind, day, *id).is_ok_and(|held| held.content == Content::Lost));
        let marks = volume.all_marks().map(|mark| Ok(mark?.id)).collect::<Result<Vec<_>, VolumeError>>();
        let mut ids = marks.map_err(|error| unreadable(&error))?;
        ids.retain(|id| unlisted.binary_search(id).is_err());
        ids.sort_unstable();
        let batches = batches.iter().map(|batch| batch.as_ref().clone()).collect();
        Ok(Listed { batches, ids, lost: unlisted.len() as u64 })
    }

    fn held(&self, kind: Kind, day: Day, id: EnvelopeId) -> Result<Held, StoreError> {
        let volume = self.volume(kind, day)?;
        let place = self.core.state().ledger.place(&id).ok_or(StoreError::Misuse("an id that is not there"))?;
        let number = u64::from(place.number);
        let Mark { burn, burned, .. } = volume.read_mark(number).map_err(|error| unreadable(&error))?;
        let content = if burned {
            Content::Burned
        } else {
            match volume.read(number) {
                Ok(Some(envelope)) => Content::Envelope(envelope),
                Ok(None) => Content::Lost,
                // Of the disk, that it cannot read it; of anything else, that it may be read the next time.
                Err(VolumeError::Io(error) | VolumeError::Sled(sled::Error::Io(error))) if !is_bad_block(&error) => {
                    return Err(unreadable(&VolumeError::Io(error)));
                }
                Err(_) => Content::Lost,
            }
        };
        Ok(Held { id, burn, content })
    }

    fn into_lock(self: Box<Self>) -> std::io::Result<Option<Box<dyn Lock>>> {
        let lock = self.core.lock.try_clone()?;
        // Its files are closed, and its manifest is written, before this returns.
        drop(self);
        Ok(Some(Box::new(lock)))
    }
}

/// Where a store stands, and nothing of what it holds: all that can be read while a relay has it open.
pub(crate) struct SledOutline(Outline);

impl SledOutline {
    /// Reads it from the manifest, which is replaced as a whole, before a batch is seen by anybody.
    pub(crate) fn read(config: &SledConfig) -> Result<Self, OpenError> {
        let (manifest, _) = read_manifest(&Home::new(config.directory.clone()))?;
        let Manifest { latest, letters, chunks, entries, .. } = manifest.ok_or(OpenError::NoStore)?;
        let latest = entries.iter().map(|entry| entry.id().day).fold(latest, Day::max);
        for (kind, head) in [(Kind::Letter, letters), (Kind::Chunk, chunks)] {
            if head.number() == 0 && head.chain() != first_head(kind, &config.relay).chain() {
                return Err(OpenError::OtherKey);
            }
        }
        Ok(Self(Outline { relay: config.relay, latest, heads: [letters, chunks] }))
    }
}

impl Source for SledOutline {
    fn outline(&self) -> Outline {
        self.0
    }

    fn days(&self) -> Vec<(Kind, Day)> {
        Vec::new()
    }

    fn listed(&self, _: Kind, _: Day) -> Result<Listed, StoreError> {
        Err(StoreError::Misuse("a day that is not there"))
    }

    fn held(&self, _: Kind, _: Day, _: EnvelopeId) -> Result<Held, StoreError> {
        Err(StoreError::Misuse("a day that is not there"))
    }

    fn into_lock(self: Box<Self>) -> std::io::Result<Option<Box<dyn Lock>>> {
        Ok(None)
    }
}

/// A store that is being made.
pub(crate) struct SledBuilder<R> {
    home: Home,
    rng: R,
    done: Vec<Entry>,
    volume: Option<Volume>,
    _lock: File,
}

impl<R: CryptoRng> SledBuilder<R> {
    /// Begins in a folder that is not there.
    pub(crate) fn new(config: &SledConfig, rng: R) -> Result<Self, OpenError> {
        let home = Home::new(config.directory.clone());
        files::make_root(&home.root).map_err(io("make the store's folder"))?;
        for folder in [&home.keys, &home.days] {
            files::make_folder(folder).map_err(io("make the store's folders"))?;
        }
        let lock = lock(&home.root)?;
        Ok(Self { home, rng, done: Vec::new(), volume: None, _lock: lock })
    }

    fn end_day(&mut self) -> Result<(), VolumeError> {
        if let Some(volume) = self.volume.take() {
            volume.sync()?;
            self.done.push(Entry::live(volume.id(), volume.synced()));
        }
        Ok(())
    }

    fn begin_day(&mut self, id: VolumeId) -> Result<(), VolumeError> {
        self.end_day()?;
        let key = DayKey::create(&self.home.keys, id, &mut self.rng)?;
        let folder = self.home.folder(id);
        files::make_folder(&folder)?;
        self.volume = Some(Volume::open(&folder, id, key, &Arc::default())?);
        Ok(())
    }
}

const NO_DAY: VolumeError = VolumeError::Damaged("no day was begun");

impl<R: CryptoRng> Sink for SledBuilder<R> {
    fn day(&mut self, kind: Kind, day: Day) -> Result<(), OpenError> {
        self.begin_day(VolumeId { kind, day }).map_err(failed("make a day"))
    }

    fn batch(&mut self, batch: &Batch) -> Result<(), OpenError> {
        let written = self.volume.as_ref().ok_or(NO_DAY).and_then(|volume| volume.write_batch(batch, &mut self.rng));
        written.map_err(failed("write a batch"))
    }

    fn held(&mut self, held: Held) -> Result<(), OpenError> {
        let written = self.volume.as_ref().ok_or(NO_DAY).and_then(|volume| volume.restore(held, &mut self.rng));
        written.map_err(failed("write an envelope"))
    }

    fn finish(mut self: Box<Self>, outline: &Outline) -> Result<(), OpenError> {
        self.end_day().map_err(failed("finish a day"))?;
        let [letters, chunks] = outline.heads;
        let manifest = Manifest::new(outline.latest, letters, chunks, std::mem::take(&mut self.done));
        manifest.write(&self.home.root).map_err(io("write the manifest"))
    }
}

fn failed(what: &'static str) -> impl FnOnce(VolumeError) -> OpenError {
    move |error| {
        io(what)(match error {
            VolumeError::Io(error) | VolumeError::Sled(sled::Error::Io(error)) => error,
            other => std::io::Error::other(other.to_string()),
        })
    }
}
