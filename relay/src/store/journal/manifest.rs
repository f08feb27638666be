//! The file that says which days there are, and where the chains stand though the days of their batches have expired.

use super::super::open_error::io;
use super::super::volume_id::VolumeId;
use super::super::{Kind, OpenError};
use super::disk::Disk;
use super::files;
use cssr_proto::Day;
use cssr_proto::index::Head;
use cssr_proto::keys::RelayPublicKey;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use std::path::Path;

/// Its name in the store's folder.
pub(super) const NAME: &str = "manifest";
const FORMAT: &str = "cssr-relay journal 2";

/// As it was when days were last added or destroyed. Later batches are in the journals, and their heads in `heads`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct Manifest {
    #[n(0)]
    format: String,
    /// Whose chains these are.
    #[n(1)]
    relay: ByteArray<32>,
    /// The latest day that the store was told.
    #[n(2)]
    pub(super) latest: Day,
    #[n(3)]
    letters: Head,
    #[n(4)]
    chunks: Head,
    /// What there is: kind and day.
    #[n(5)]
    families: Vec<(Kind, Day)>,
    /// What has expired and may not be destroyed yet; absent if there is none.
    #[n(6)]
    expired: Option<Vec<(Kind, Day)>>,
}

impl Manifest {
    pub(super) fn new(
        relay: &RelayPublicKey,
        latest: Day,
        heads: [Head; 2],
        families: impl IntoIterator<Item = VolumeId>,
    ) -> Self {
        let [letters, chunks] = heads;
        let families = families.into_iter().map(|id| (id.kind, id.day)).collect();
        Self { format: FORMAT.into(), relay: relay.0.into(), latest, letters, chunks, families, expired: None }
    }

    /// The same with days that are only to be destroyed.
    pub(super) fn with_expired(self, expired: impl IntoIterator<Item = VolumeId>) -> Self {
        let expired: Vec<_> = expired.into_iter().map(|id| (id.kind, id.day)).collect();
        Self { expired: (!expired.is_empty()).then_some(expired), ..self }
    }

    pub(super) fn is_for(&self, relay: &RelayPublicKey) -> bool {
        *self.relay == relay.0
    }

    pub(super) const fn head(&self, kind: Kind) -> Head {
        match kind {
            Kind::Letter => self.letters,
            Kind::Chunk => self.chunks,
        }
    }

    /// Days that have something, or may.
    pub(super) fn families(&self) -> impl Iterator<Item = VolumeId> {
        self.families.iter().map(|(kind, day)| VolumeId { kind: *kind, day: *day })
    }

    /// Days that have expired: nothing of them counts, and nothing may be left.
    pub(super) fn expired(&self) -> impl Iterator<Item = VolumeId> {
        self.expired.iter().flatten().map(|(kind, day)| VolumeId { kind: *kind, day: *day })
    }

    pub(super) fn write(&self, disk: &dyn Disk, root: &Path) -> std::io::Result<()> {
        let bytes = minicbor::to_vec(self).map_err(std::io::Error::other)?;
        files::write(disk, root, NAME, &files::twice(&bytes))
    }

    /// The manifest of a store; `None` if there is none.
    pub(super) fn read(disk: &dyn Disk, root: &Path) -> Result<Option<Self>, OpenError> {
        let Some(content) = files::read_what_can_be(disk, &root.join(NAME)).map_err(io("read the manifest"))? else {
            return Ok(None);
        };
        let manifest = files::whole_copies(&content).find_map(|copy| minicbor::decode::<Self>(copy).ok());
        manifest.filter(|manifest| manifest.format == FORMAT).map(Some).ok_or(OpenError::OtherEngine)
    }
}
