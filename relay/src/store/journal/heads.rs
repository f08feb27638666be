//! The file that says where the chains stood at the last seals, so that no number is given twice though both copies of the
//! newest batch go bad.
//!
//! It is written in place, because what waits must find room on a full disk. Its two slots take turns: one that a loss of
//! power tears leaves the other, and the batch that was to stand in it was not announced yet.
//!
//! ```text
//! heads   slot || slot, each like a small file: CBOR of `Content`, twice
//! ```

use super::super::Kind;
use super::disk::{Disk, DiskFile, is_full};
use super::files;
use super::manifest::Manifest;
use cssr_proto::index::Head;
use cssr_proto::keys::RelayPublicKey;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Its name in the store's folder.
pub(super) const NAME: &str = "heads";
/// Both copies of one content.
pub(super) const SLOT: usize = 2 * 4_096;

#[derive(Encode, Decode)]
#[cbor(array)]
struct Content {
    /// Whose chains these are.
    #[n(0)]
    relay: ByteArray<32>,
    #[n(1)]
    letters: Head,
    #[n(2)]
    chunks: Head,
}

/// The file, for the writer.
#[derive(Debug)]
pub(super) struct Heads {
    relay: RelayPublicKey,
    /// `None` for as long as there has been no space for it.
    file: Option<Arc<dyn DiskFile>>,
    second: bool,
}

/// The heads of letters and of chunks that the file tells of; `None` if it tells of none. A store of before has no such file.
pub(super) fn read(disk: &dyn Disk, root: &Path, relay: &RelayPublicKey) -> io::Result<Option<[Head; 2]>> {
    let content = files::read_what_can_be(disk, &root.join(NAME))?.unwrap_or_default();
    let copies = content.chunks(SLOT).flat_map(files::whole_copies);
    let found =
        copies.filter_map(|copy| minicbor::decode::<Content>(copy).ok()).filter(|found| *found.relay == relay.0);
    Ok(found.map(|found| [found.letters, found.chunks]).reduce(further))
}

/// Of two heads of each chain the one that is further on.
fn further([letters, chunks]: [Head; 2], [other_letters, other_chunks]: [Head; 2]) -> [Head; 2] {
    let further = |one: Head, other: Head| if other.number() > one.number() { other } else { one };
    [further(letters, other_letters), further(chunks, other_chunks)]
}

/// The furthest heads that were ever announced, by what was read of the file, and by the manifest.
pub(super) fn known(read: Option<[Head; 2]>, manifest: &Manifest) -> [Head; 2] {
    let heads = [Kind::Letter, Kind::Chunk].map(|kind| manifest.head(kind));
    read.map_or(heads, |read| further(heads, read))
}

impl Heads {
    /// Makes the file anew, so that nothing of it is believed that only the system's memory has. On a full disk, what there is
    /// is written over.
    pub(super) fn begin(disk: &dyn Disk, root: &Path, relay: &RelayPublicKey, heads: [Head; 2]) -> io::Result<Self> {
        let mut begun = Self { relay: *relay, file: None, second: false };
        let slot = begun.slot(heads)?;
        match files::write(disk, root, NAME, &[slot.as_slice(), &slot].concat()) {
            Ok(()) => begun.file = Some(disk.open(&root.join(NAME))?),
            Err(error) if is_full(&error) => {
                // It may be the new one, if only its name could not be made to last.
                let named = disk.sync_folder(root);
                begun.file = existing(disk, root)?;
                match named.and_then(|()| begun.write_both(heads)) {
                    // Where that takes space, too. Sealing tries again.
                    Err(error) if is_full(&error) => begun.file = None,
                    other => other?,
                }
            }
            Err(error) => return Err(error),
        }
        Ok(begun)
    }

    fn write_both(&mut self, heads: [Head; 2]) -> io::Result<()> {
        if self.file.is_some() { self.write(heads).and_then(|()| self.write(heads)) } else { Ok(()) }
    }

    pub(super) const fn file(&self) -> Option<&Arc<dyn DiskFile>> {
        self.file.as_ref()
    }

    /// Writes down where the chains stand. It lasts when this returns.
    pub(super) fn write(&mut self, heads: [Head; 2]) -> io::Result<()> {
        let file = self.file.as_ref().ok_or_else(|| io::Error::other("there is no file of heads"))?;
        file.write_at(&self.slot(heads)?, if self.second { SLOT as u64 } else { 0 })?;
        file.sync()?;
        self.second = !self.second;
        Ok(())
    }

    fn slot(&self, [letters, chunks]: [Head; 2]) -> io::Result<Zeroizing<Vec<u8>>> {
        let content = Content { relay: self.relay.0.into(), letters, chunks };
        Ok(files::twice(&minicbor::to_vec(content).map_err(io::Error::other)?))
    }
}

/// The file as it is, if it needs no more space.
fn existing(disk: &dyn Disk, root: &Path) -> io::Result<Option<Arc<dyn DiskFile>>> {
    match disk.open(&root.join(NAME)) {
        Ok(file) => Ok(Some(file.length()?).filter(|length| *length == 2 * SLOT as u64).map(|_| file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
