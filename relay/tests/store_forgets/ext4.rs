//! What ext4 says of the blocks of a disk and files (Linux, fs/ext4/ext4_extents.h and ext4.h), in its log as well.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Extents of a file in a row, that were true at some time.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Bytes from the beginning of the file.
    pub of_file: u64,
    /// Bytes from the beginning of the disk.
    pub of_disk: u64,
    pub length: u64,
    /// Whether something was written there.
    pub written: bool,
}

fn u32_at(disk: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([disk[at], disk[at + 1], disk[at + 2], disk[at + 3]])
}

/// As the superblock says.
fn block_size(disk: &[u8]) -> u64 {
    1_024 << u32_at(disk, 1_024 + 24)
}

/// Every extent that any block of the disk tells of: today's, and older ones in the log.
pub fn extents(disk: &[u8]) -> Vec<Extent> {
    let u16_at = |at: usize| u16::from_le_bytes([disk[at], disk[at + 1]]);
    let u32_at = |at: usize| u32_at(disk, at);
    let block = block_size(disk);
    let mut found = Vec::new();
    // A node stands at the beginning of a block or 40 bytes into an inode of 256.
    for at in (0..disk.len() - 4_096).step_by(256).flat_map(|at| [at, at + 40]) {
        let (magic, entries, room, depth) = (u16_at(at), u16_at(at + 2), u16_at(at + 4), u16_at(at + 6));
        if magic != 0xf30a || depth != 0 || entries > room || room > 340 {
            continue;
        }
        for at in (1..=usize::from(entries)).map(|entry| at + 12 * entry) {
            let length = u16_at(at + 4);
            found.push(Extent {
                of_file: u64::from(u32_at(at)) * block,
                of_disk: (u64::from(u16_at(at + 6)) << 32 | u64::from(u32_at(at + 8))) * block,
                length: u64::from(if length > 32_768 { length - 32_768 } else { length }) * block,
                written: length <= 32_768,
            });
        }
    }
    found
}

/// The time of an inode's last change of content, and its nanoseconds above two bits.
fn time(disk: &[u8], inode: usize) -> SystemTime {
    let since = Duration::new(u32_at(disk, inode + 0x10).into(), u32_at(disk, inode + 0x88) >> 2);
    SystemTime::UNIX_EPOCH + since
}

/// A file, as ext4 knows it.
#[derive(Clone, Copy, Debug)]
pub struct Inode {
    number: u64,
    /// Random, and its own for as long as it is there.
    generation: u32,
}

impl Inode {
    pub fn of(path: &Path) -> Self {
        let output = Command::new("lsattr").arg("-v").arg(path).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let generation = said.split_ascii_whitespace().next().and_then(|word| word.parse().ok());
        let number = std::fs::metadata(path).unwrap().ino();
        Self { number, generation: generation.unwrap_or_else(|| panic!("lsattr: {said}")) }
    }

    /// Every time of a change that any block of the disk tells of: the last one, and those before in the log.
    pub fn changes(self, disk: &[u8]) -> BTreeSet<SystemTime> {
        self.copies(disk).map(|at| time(disk, at)).collect()
    }

    /// The times of those changes after which its space was another than before, as far as any block of the disk tells.
    pub fn changes_of_space(self, disk: &[u8]) -> Vec<SystemTime> {
        // How many blocks it has, and the root of its extents.
        let space = |at: usize| (u32_at(disk, at + 0x1c), &disk[at + 0x28..at + 0x64]);
        let mut states: BTreeMap<SystemTime, BTreeSet<_>> = BTreeMap::new();
        for at in self.copies(disk) {
            states.entry(time(disk, at)).or_default().insert(space(at));
        }
        // Of states with one time nothing tells which was the last.
        let changed =
            states.iter().zip(states.iter().skip(1)).filter(|((_, before), (_, after))| !after.is_subset(before));
        changed.map(|(_, (time, _))| *time).collect()
    }

    /// Where it stands, now or at some time.
    fn copies(self, disk: &[u8]) -> impl Iterator<Item = usize> {
        let (block, size) = (block_size(disk) as usize, u32_at(disk, 1_024 + 88) as usize & 0xffff);
        let slot = (self.number - 1) as usize % (block / size) * size;
        (slot..disk.len() - size).step_by(block).filter(move |at| u32_at(disk, at + 0x64) == self.generation)
    }
}
