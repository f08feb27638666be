//! Making a store of what another one held.

use super::super::transfer::{Content, Held, Outline, Sink};
use super::super::volume_id::VolumeId;
use super::super::{Kind, OpenError, Put, open_error::io};
use super::JournalConfig;
use super::disk::{Lock, SystemDisk};
use super::family::{Family, FamilyError, Files, Mark};
use super::files;
use super::key::DayKey;
use super::manifest::Manifest;
use super::record::{Draft, random_nonce};
use super::recover::{Home, locked};
use cssr_proto::Day;
use cssr_proto::index::Batch;
use rand_core::CryptoRng;
use std::io;
use std::sync::Arc;

/// A store that is being made. Records go to random positions, as the writer's do.
pub(crate) struct JournalBuilder<R> {
    home: Home,
    config: JournalConfig,
    rng: R,
    done: Vec<VolumeId>,
    family: Option<Family>,
    _lock: Box<dyn Lock>,
}

impl<R: CryptoRng> JournalBuilder<R> {
    /// Begins in a folder that is not there.
    pub(crate) fn new(config: &JournalConfig, rng: R) -> Result<Self, OpenError> {
        let home = Home::new(Arc::new(SystemDisk), config.directory.clone());
        files::make_root(&*home.disk, &home.root).map_err(io("make the store's folder"))?;
        for folder in [&home.keys, &home.days] {
            files::make_folder(&*home.disk, folder).map_err(io("make the store's folders"))?;
        }
        let lock = locked(&home)?;
        Ok(Self { home, config: config.clone(), rng, done: Vec::new(), family: None, _lock: lock })
    }

    fn end_day(&mut self) -> Result<(), FamilyError> {
        if let Some(family) = self.family.take() {
            family.sync()?;
            family.sync_marks()?;
        }
        Ok(())
    }

    fn begin_day(&mut self, id: VolumeId) -> Result<(), FamilyError> {
        self.end_day()?;
        let disk = &*self.home.disk;
        let drawn = DayKey::draw(&mut self.rng);
        let key = || DayKey::create(disk, &self.home.keys, id, &drawn);
        let files = Files::create(disk, &self.home.folder(id), id, key)?;
        self.family = Some(Family::new(files, (&[], &[]), false, false, Arc::default())?);
        self.done.push(id);
        Ok(())
    }

    fn write(&mut self, draft: Draft) -> Result<(), FamilyError> {
        let family = self.family.as_ref().ok_or(NO_DAY)?;
        family.prepare(&*self.home.disk, 1)?;
        let position = family.place(self.rng.next_u64())?;
        Ok(family.write(position, draft.finish(family.key(), position).as_slice())?)
    }

    fn write_batch(&mut self, batch: &Batch) -> Result<(), FamilyError> {
        let family = self.family.as_ref().ok_or(NO_DAY)?;
        let drafts: Vec<_> = (0..2).flat_map(|_| Draft::batch(batch, family.key(), &mut self.rng)).collect();
        drafts.into_iter().try_for_each(|draft| self.write(draft))
    }

    fn write_held(&mut self, Held { id, burn, content }: Held) -> Result<(), FamilyError> {
        let family = self.family.as_ref().ok_or(NO_DAY)?;
        let VolumeId { kind, day } = family.id();
        match content {
            // What a batch lists and no record holds is lost; there is no other sign of it.
            Content::Lost => Ok(()),
            Content::Envelope(envelope) => {
                let put = Put { day, kind, id, burn, envelope };
                let draft = Draft::envelope(put, family.key(), random_nonce(&mut self.rng));
                self.write(draft)
            }
            Content::Burned => {
                let burn = burn.ok_or(FamilyError::Damaged("nobody could have burned this"))?;
                let (nonce, random) = (random_nonce(&mut self.rng), self.rng.next_u64());
                family.write_mark(&*self.home.disk, &Mark { id, burn }, nonce, random).map(drop)
            }
        }
    }
}

const NO_DAY: FamilyError = FamilyError::Damaged("no day was begun");

impl<R: CryptoRng> Sink for JournalBuilder<R> {
    fn day(&mut self, kind: Kind, day: Day) -> Result<(), OpenError> {
        self.begin_day(VolumeId { kind, day }).map_err(failed("make a day"))
    }

    fn batch(&mut self, batch: &Batch) -> Result<(), OpenError> {
        self.write_batch(batch).map_err(failed("write a batch"))
    }

    fn held(&mut self, held: Held) -> Result<(), OpenError> {
        self.write_held(held).map_err(failed("write an envelope"))
    }

    fn finish(mut self: Box<Self>, outline: &Outline) -> Result<(), OpenError> {
        self.end_day().map_err(failed("finish a day"))?;
        let manifest = Manifest::new(&self.config.relay, outline.latest, outline.heads, self.done.iter().copied());
        manifest.write(&*self.home.disk, &self.home.root).map_err(io("write the manifest"))
    }
}

fn failed(what: &'static str) -> impl FnOnce(FamilyError) -> OpenError {
    move |error| {
        io(what)(match error {
            FamilyError::Io(error) => error,
            other => io::Error::other(other.to_string()),
        })
    }
}
