//! Space of records that were erased, until it is given back: the file system's log tells when that was, so it is done at
//! moments that everybody knows.

use super::disk::DiskFile;
use super::record::RECORD;
use super::space::runs;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Records that wait at most: 256 MiB of disk and 64 KiB of memory.
const MOST: usize = if cfg!(test) { 64 } else { 16_384 };

/// Positions in a journal that were overwritten, and synced.
#[derive(Debug, Default)]
pub(super) struct Erased(Mutex<Vec<u32>>);

impl Erased {
    /// Adds some; whether there are more now than may wait.
    pub(super) fn add(&self, positions: &[u32]) -> bool {
        let mut waiting = self.waiting();
        waiting.extend(positions);
        waiting.len() > MOST
    }

    /// Gives back what waits; whether there was any.
    pub(super) fn give_back(&self, journal: &dyn DiskFile) -> bool {
        let mut waiting = std::mem::take(&mut *self.waiting());
        waiting.sort_unstable();
        let any = !waiting.is_empty();
        for (first, count) in runs(waiting.into_iter()) {
            let unit = RECORD as u64;
            // The content is gone already. A hole that cannot be made costs space until the day expires.
            let _ = journal.punch(u64::from(first) * unit, u64::from(count) * unit);
        }
        any
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
