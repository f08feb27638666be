//! What ext4 says of the blocks of a disk (Linux, fs/ext4/ext4_extents.h), in its log as well.

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

/// Every extent that any block of the disk tells of: today's, and older ones in the log.
pub fn extents(disk: &[u8]) -> Vec<Extent> {
    let u16_at = |at: usize| u16::from_le_bytes([disk[at], disk[at + 1]]);
    let u32_at = |at: usize| u32::from_le_bytes([disk[at], disk[at + 1], disk[at + 2], disk[at + 3]]);
    // Of the superblock.
    let block = 1_024u64 << u32_at(1_024 + 24);
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
