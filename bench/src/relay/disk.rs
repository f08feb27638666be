//! What the disk does by itself.
//!
//! Two ways to write records durably, each with the same number of them for a sync: appended one after the other, and at
//! random places of space that was written before, as the journal writes them (docs/storage.md): the disk alone, without
//! keys, queues or indexes.

use super::cpu;
use super::failure::RelayFailure;
use rand_core::Rng as _;
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes of a record, as in the journal.
pub(super) const RECORD: usize = 16_384;
/// Records that the journal makes free at a time.
const STEP: u32 = 256;
/// Records for which there is space: 256 MiB. Where they are used up, it begins again.
const SPACE: u32 = 16_384;
/// It never has fewer free places than these to draw from.
const LEAST: usize = 128;

/// What a way of writing has reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    /// Records a second.
    pub(super) rate: f64,
    /// Microseconds of the processor for a record.
    pub(super) cpu: f64,
}

/// Appends to a new file.
pub(super) fn append(folder: &Path, per_sync: usize, time: Duration) -> Result<Written, RelayFailure> {
    let mut end = 0;
    let path = folder.join("bare");
    write(&File::create(&path)?, per_sync, time, || {
        end += RECORD as u64;
        end - RECORD as u64
    })
    .and_then(|written| std::fs::remove_file(&path).map(|()| written).map_err(Into::into))
}

/// Writes to random places of a file that was written before, and that the system does not have in memory.
pub(super) fn pattern(folder: &Path, per_sync: usize, time: Duration) -> Result<Written, RelayFailure> {
    let (mut places, mut rng) = (Places::of(SPACE), crate::sources::rng("places", 0));
    let path = folder.join("bare");
    let file = File::create(&path)?;
    for position in 0..SPACE {
        file.write_all_at(&[0; RECORD], u64::from(position) * RECORD as u64)?;
    }
    file.sync_all()?;
    fadvise(&file, 0, None, Advice::DontNeed)?;
    write(&file, per_sync, time, || u64::from(places.take(rng.next_u64())) * RECORD as u64)
        .and_then(|written| std::fs::remove_file(&path).map(|()| written).map_err(Into::into))
}

fn write(
    file: &File,
    per_sync: usize,
    time: Duration,
    mut place: impl FnMut() -> u64,
) -> Result<Written, RelayFailure> {
    let mut record = vec![0; RECORD];
    crate::sources::rng("record", 0).fill_bytes(&mut record);
    let mut written = 0u64;
    let (started, spent) = (Instant::now(), cpu::of_this_thread());
    while started.elapsed() < time {
        for _ in 0..per_sync {
            file.write_all_at(&record, place())?;
        }
        file.sync_data()?;
        written += per_sync as u64;
    }
    let (time, spent) = (started.elapsed(), cpu::of_this_thread() - spent);
    Ok(Written { rate: written as f64 / time.as_secs_f64(), cpu: 1e6 * spent.as_secs_f64() / written as f64 })
}

/// The places of a file, in steps from its beginning to its end, and again.
struct Places {
    free: Vec<u32>,
    next: u32,
    space: u32,
}

impl Places {
    const fn of(space: u32) -> Self {
        Self { free: Vec::new(), next: 0, space }
    }

    fn take(&mut self, random: u64) -> u32 {
        if self.free.len() < LEAST {
            let end = (self.next + STEP).min(self.space);
            self.free.extend(self.next..end);
            self.next = if end == self.space { 0 } else { end };
        }
        let place = (random % self.free.len() as u64) as usize;
        self.free.swap_remove(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_place_is_taken_twice_before_all_were() {
        let (mut places, mut rng) = (Places::of(1_000), crate::sources::rng("test", 0));
        let taken: BTreeSet<u32> = (0..1_000 - LEAST).map(|_| places.take(rng.next_u64())).collect();
        assert_eq!(taken.len(), 1_000 - LEAST);
        assert!((0..5_000).all(|_| places.take(rng.next_u64()) < 1_000));
    }

    #[test]
    fn both_ways_write_and_leave_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        for way in [append, pattern] {
            let written = way(folder.path(), 3, Duration::from_millis(1)).unwrap();
            assert!(written.rate > 0.0 && written.cpu > 0.0);
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
