//! The file that says which days there are. What it lists must be there and whole, unless it is marked as void or its
//! key says that it was destroyed; what it does not list must not be there. So nothing that was acknowledged can vanish
//! without notice. One bit of it would do to destroy a day, so it ends with a checksum.
//!
//! ```text
//! CBOR of `Manifest` || SHA-256 of it
//! ```

use super::super::Kind;
pub(super) use super::super::volume_id::VolumeId;
use super::files;
use cssr_proto::Day;
use cssr_proto::index::Head;
use cssr_proto::sha256;
use cssr_proto::sizes::HASH;
use minicbor::{Decode, Encode};
use std::io;
use std::path::Path;

const NAME: &str = "manifest";
const VERSION: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct Entry {
    #[n(0)]
    kind: Kind,
    #[n(1)]
    day: Day,
    /// Whether nothing in it counts: it is being made, or could not be destroyed in full.
    #[n(2)]
    pub(super) void: bool,
    /// How many envelopes it held, at least, when the manifest was written.
    #[n(3)]
    pub(super) at_least: u64,
}

impl Entry {
    pub(super) const fn live(id: VolumeId, at_least: u64) -> Self {
        Self { kind: id.kind, day: id.day, void: false, at_least }
    }

    pub(super) const fn void(id: VolumeId) -> Self {
        Self { void: true, ..Self::live(id, 0) }
    }

    pub(super) const fn id(&self) -> VolumeId {
        VolumeId { kind: self.kind, day: self.day }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct Manifest {
    #[n(0)]
    version: u8,
    /// The latest day that the store was told, or a later one stands among the entries.
    #[n(1)]
    pub(super) latest: Day,
    /// The heads when the manifest was written. Later batches are in their databases.
    #[n(2)]
    pub(super) letters: Head,
    #[n(3)]
    pub(super) chunks: Head,
    #[n(4)]
    pub(super) entries: Vec<Entry>,
}

impl Manifest {
    pub(super) const fn new(latest: Day, letters: Head, chunks: Head, entries: Vec<Entry>) -> Self {
        Self { version: VERSION, latest, letters, chunks, entries }
    }

    pub(super) const fn head(&self, kind: Kind) -> Head {
        match kind {
            Kind::Letter => self.letters,
            Kind::Chunk => self.chunks,
        }
    }

    pub(super) fn write(&self, root: &Path) -> io::Result<()> {
        let mut bytes = minicbor::to_vec(self).map_err(io::Error::other)?;
        bytes.extend_from_slice(&sha256(&bytes));
        files::write(root, NAME, &bytes)
    }

    /// The manifest of a store; `Ok(None)` if there is none, `Err(InvalidData)` if it is damaged, or not one of this version.
    pub(super) fn read(root: &Path) -> io::Result<Option<Self>> {
        let Some(bytes) = files::read(&root.join(NAME))? else { return Ok(None) };
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, "not a whole manifest of version 2");
        let (content, check) = bytes.split_last_chunk::<HASH>().ok_or_else(invalid)?;
        if sha256(content) != *check {
            return Err(invalid());
        }
        let manifest: Self = minicbor::decode(content).map_err(|_| invalid())?;
        if manifest.version == VERSION { Ok(Some(manifest)) } else { Err(invalid()) }
    }
}
