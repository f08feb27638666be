//! What the disk does by itself.
//!
//! Two ways to write records durably, each with the same number of them for a sync: appended one after the other, and at
//! random places of preallocated space, as the journal writes them (docs/storage.md): the disk alone, without keys, queues
//! or indexes.

use super::cpu;
use super::failure::RelayFailure;
use rand_core::Rng as _;
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes of a record, as in the journal.
pub(super) const RECORD: usize = 16_384;
/// Records that the journal preallocates at a time.
const STEP: u32 = 256;
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
    write(folder, per_sync, time, |_| {
        end += RECORD as u64;
        Ok(end - RECORD as u64)
    })
}

/// Writes to random places of a new file that grows by steps.
pub(super) fn pattern(folder: &Path, per_sync: usize, time: Duration) -> Result<Written, RelayFailure> {
    let (mut places, mut rng) = (Places::default(), crate::sources::rng("places", 0));
    write(folder, per_sync, time, |file| {
        let place = places.take(file, rng.next_u64())?;
        Ok(u64::from(place) * RECORD as u64)
    })
}

fn write(
    folder: &Path,
    per_sync: usize,
    time: Duration,
    mut place: impl FnMut(&File) -> Result<u64, RelayFailure>,
) -> Result<Written, RelayFailure> {
    let path = folder.join("bare");
    let file = File::create(&path)?;
    let mut record = vec![0; RECORD];
    crate::sources::rng("record", 0).fill_bytes(&mut record);
    let mut written = 0u64;
    let (started, spent) = (Instant::now(), cpu::of_this_thread());
    while started.elapsed() < time {
        for _ in 0..per_sync {
            file.write_all_at(&record, place(&file)?)?;
        }
        file.sync_data()?;
        written += per_sync as u64;
    }
    let (time, spent) = (started.elapsed(), cpu::of_this_thread() - spent);
    drop(file);
    std::fs::remove_file(&path)?;
    Ok(Written { rate: written as f64 / time.as_secs_f64(), cpu: 1e6 * spent.as_secs_f64() / written as f64 })
}

/// The places of a file that nothing was written to.
#[derive(Default)]
struct Places {
    free: Vec<u32>,
    length: u32,
}

impl Places {
    fn take(&mut self, file: &File, random: u64) -> Result<u32, RelayFailure> {
        if self.free.len() < LEAST {
            let bytes = |records: u32| u64::from(records) * RECORD as u64;
            fallocate(file, FallocateFlags::empty(), bytes(self.length), bytes(STEP))?;
            self.free.extend(self.length..self.length + STEP);
            self.length += STEP;
        }
        let place = (random % self.free.len() as u64) as usize;
        Ok(self.free.swap_remove(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_place_is_taken_twice_and_none_lies_outside_the_file() {
        let file = tempfile::tempfile().unwrap();
        let (mut places, mut rng) = (Places::default(), crate::sources::rng("test", 0));
        let taken: BTreeSet<u32> = (0..2_000).map(|_| places.take(&file, rng.next_u64()).unwrap()).collect();
        assert_eq!(taken.len(), 2_000);
        let end = file.metadata().unwrap().len();
        assert!(taken.iter().all(|place| (u64::from(*place) + 1) * RECORD as u64 <= end));
        assert!(end <= (2_000 + u64::from(STEP) + LEAST as u64) * RECORD as u64);
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
