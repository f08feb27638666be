//! Small files: there whole or not at all, and whole again though a block of them goes bad.
//!
//! ```text
//! framed bytes   u32(length) || bytes || SHA-256(u32(length) || bytes), then zeros up to a multiple of 4,096 bytes
//! a small file   framed bytes || the same framed bytes
//! ```

use super::disk::{Disk, DiskFile, is_bad_block, is_full};
use cssr_proto::sha256;
use cssr_proto::sizes::HASH;
use std::io::{self, ErrorKind};
use std::path::Path;
use zeroize::Zeroizing;

/// How unfinished files begin; nothing else does.
const TEMPORARY: &str = ".tmp-";
const BLOCK: usize = 4_096;
const LENGTH: usize = 4;

/// Makes a folder durable. It may be there already.
pub(super) fn make_folder(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    disk.make_folder(path)?;
    path.parent().map_or(Ok(()), |parent| disk.sync_folder(parent))
}

/// Makes the folder of the whole store. If it is there, its name is the concern of whoever made it: what is above may
/// be out of reach.
pub(super) fn make_root(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let made = disk.make_folder(path)?;
    path.parent().filter(|_| made).map_or(Ok(()), |parent| disk.sync_folder(parent))
}

/// Writes a file in the place of what was there: one or the other survives, whole.
pub(super) fn write(disk: &dyn Disk, folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = folder.join(format!("{TEMPORARY}{name}"));
    let file = disk.create(&temporary)?;
    file.write_at(bytes, 0)?;
    file.sync()?;
    disk.rename(&temporary, &folder.join(name))?;
    disk.sync_folder(folder)
}

/// Reads a file, if it is there.
pub(super) fn read(disk: &dyn Disk, path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    read_with(disk, path, |_, _, error| Err(error))
}

/// The same, with zeros for what the disk cannot read: for what is there twice, or not believed if anything is wrong with it.
pub(super) fn read_what_can_be(disk: &dyn Disk, path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    read_with(disk, path, |file, bytes, error| {
        if !is_bad_block(&error) {
            return Err(error);
        }
        for (number, block) in bytes.chunks_mut(BLOCK).enumerate() {
            match file.read_at(block, (number * BLOCK) as u64) {
                Err(error) if is_bad_block(&error) => block.fill(0),
                other => drop(other?),
            }
        }
        Ok(bytes.len())
    })
}

fn read_with(
    disk: &dyn Disk,
    path: &Path,
    otherwise: impl FnOnce(&dyn DiskFile, &mut [u8], io::Error) -> io::Result<usize>,
) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let file = match disk.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = usize::try_from(file.length()?).map_err(io::Error::other)?;
    let mut bytes = Zeroizing::new(vec![0; length]);
    let read = file.read_at(&mut bytes, 0).or_else(|error| otherwise(&*file, &mut bytes, error))?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

/// Removes what a crash left unfinished, and spoils it before: an index may be whole but for its name.
pub(super) fn remove_unfinished(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    for name in disk.list(folder)? {
        if name.starts_with(TEMPORARY) {
            match spoil(disk, &folder.join(&name)) {
                // Where that takes space the old bytes stay anyway; a full disk must not keep a store from opening.
                Err(error) if is_full(&error) => {}
                other => other?,
            }
            disk.remove(&folder.join(name))?;
        }
    }
    Ok(())
}

/// Overwrites the beginning of a file durably; it may be gone already. Without its nonce nobody opens what is sealed.
pub(super) fn spoil(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.open(path) {
        Ok(file) => {
            let length = usize::try_from(file.length()?).unwrap_or(usize::MAX).min(BLOCK);
            file.write_at(&vec![0; length], 0)?;
            file.sync()
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes a file durably; whether it was there. If it was not, its removal may not have been durable until now.
pub(super) fn remove(disk: &dyn Disk, folder: &Path, name: &str) -> io::Result<bool> {
    let removed = match disk.remove(&folder.join(name)) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    disk.sync_folder(folder).map(|()| removed)
}

/// Removes a folder and the files in it durably; it may be gone already.
pub(super) fn remove_folder(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.list(path) {
        Ok(names) => {
            for name in names {
                disk.remove(&path.join(name))?;
            }
            disk.remove_folder(path)?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    path.parent().map_or(Ok(()), |parent| disk.sync_folder(parent))
}

/// A small file's content for these bytes.
pub(super) fn twice(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let copy = (LENGTH + bytes.len() + HASH).next_multiple_of(BLOCK);
    // With its final capacity, so that no copy of a key is left behind by growing.
    let mut out = Zeroizing::new(Vec::with_capacity(2 * copy));
    for end in [copy, 2 * copy] {
        let start = out.len();
        out.extend_from_slice(&(bytes.len() as u32).to_be_bytes()); // below 4 GiB
        out.extend_from_slice(bytes);
        let check = sha256(out.get(start..).unwrap_or_default());
        out.extend_from_slice(&check);
        out.resize(end, 0);
    }
    out
}

/// Whether this was made by [`twice`], though neither copy may be whole: its length is such, and a length is still there, or
/// most of what is in one copy is in the other.
pub(super) fn looks_like_twice(content: &[u8]) -> bool {
    let (one, other) = content.split_at(content.len() / 2);
    let fits = |copy: &[u8]| {
        let used = copy.first_chunk().map(|length| u32::from_be_bytes(*length) as usize + LENGTH + HASH);
        used.is_some_and(|used| used.next_multiple_of(BLOCK) == copy.len())
    };
    let same = one.iter().zip(other).filter(|(one, other)| one == other).count();
    content.len().is_multiple_of(2 * BLOCK) && (fits(one) || fits(other) || same > one.len() / 2)
}

/// The bytes of each copy that is whole.
pub(super) fn whole_copies(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let copies = content.split_at(content.len() / 2);
    [copies.0, copies.1].into_iter().filter_map(|copy| {
        let (length, rest) = copy.split_first_chunk::<LENGTH>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let (bytes, check) = (rest.get(..length)?, rest.get(length..length.checked_add(HASH)?)?);
        (sha256(copy.get(..LENGTH + length)?) == check).then_some(bytes)
    })
}
