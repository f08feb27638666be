//! The positions of a file: which are taken, and which of the free ones comes next, drawn at random.
//!
//! Whoever has the disk and the day's key must not learn from a position when something came. So a place is drawn from all
//! that are free and preallocated, and there are always many of them: [`Window`].

use super::disk::DiskFile;
use std::io;
use std::sync::Arc;

/// How many free positions to draw from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Below this, more are preallocated.
    pub(super) least: usize,
    /// As many at a time.
    pub(super) step: u32,
}

impl Window {
    /// For a file that holds `taken` things, where `burst` were listed together the last time, so that as many find room
    /// once more without a step between. A step would tell which came before it and which after.
    pub(super) fn new(smallest: u32, taken: usize, burst: usize) -> Self {
        // An eighth of what is there bounds what lies waste; a small file may waste the smallest step.
        let most = (u32::try_from(taken).unwrap_or(u32::MAX) / 8).clamp(4 * smallest, LARGEST_STEP);
        let step = u32::try_from(burst.saturating_mul(2)).unwrap_or(u32::MAX).clamp(smallest, most);
        Self { least: step as usize / 2, step }
    }
}

/// Records in the largest step: 64 MiB.
const LARGEST_STEP: u32 = 4_096;

/// A file, seen as positions of one size.
#[derive(Debug)]
pub(super) struct Space {
    file: Arc<dyn DiskFile>,
    /// Bytes of a position.
    unit: u64,
    /// How many positions the file has.
    length: u32,
    /// One bit for each position.
    taken: Vec<u64>,
    count: usize,
    free: Vec<u32>,
    /// Whether `free` holds what there was when the file was opened.
    prepared: bool,
}

impl Space {
    /// A file with what is taken in it.
    pub(super) fn new(file: Arc<dyn DiskFile>, unit: usize, taken: &[u32]) -> io::Result<Self> {
        let unit = unit as u64;
        // A partial position at the end counts: it was being made.
        let length = u32::try_from(file.length()?.div_ceil(unit)).map_err(io::Error::other)?;
        let mut space = Self { file, unit, length, taken: Vec::new(), count: 0, free: Vec::new(), prepared: false };
        taken.iter().for_each(|position| space.mark(*position));
        Ok(space)
    }

    /// One bit for each position that is taken.
    pub(super) fn taken(&self) -> Vec<u64> {
        self.taken.clone()
    }

    /// How many positions are taken.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// How many positions may be drawn.
    pub(super) fn free(&self) -> usize {
        self.free.len()
    }

    /// Sees to it that at least `needed` positions are free, and the window is open, if there is space on the disk. If the
    /// disk is too full for the window but there are as many as needed, it is `Ok`.
    pub(super) fn reserve(&mut self, needed: usize, window: Window) -> io::Result<()> {
        self.prepare()?;
        while self.free.len() < needed.max(window.least) {
            match self.extend(window.step) {
                Err(error) if super::disk::is_full(&error) && self.free.len() >= needed => return Ok(()),
                other => other?,
            }
        }
        Ok(())
    }

    /// Makes the positions that are not taken free to be drawn again, all of them: were it only some, those would tell what
    /// came before the file was opened. Space that had been given back is taken anew, but not without bound.
    fn prepare(&mut self) -> io::Result<()> {
        if self.prepared {
            return Ok(());
        }
        let last = (0..self.length).rev().filter(|position| !self.is_taken(*position));
        let last: Vec<u32> = last.take(LARGEST_STEP as usize).collect();
        for (first, count) in runs(last.iter().rev().copied()) {
            self.file.allocate(u64::from(first) * self.unit, u64::from(count) * self.unit)?;
        }
        self.free = last;
        self.prepared = true;
        Ok(())
    }

    fn extend(&mut self, step: u32) -> io::Result<()> {
        let length = self.length.checked_add(step).ok_or_else(|| io::Error::other("more positions than there are"))?;
        self.file.allocate(u64::from(self.length) * self.unit, u64::from(step) * self.unit)?;
        self.free.extend(self.length..length);
        self.length = length;
        Ok(())
    }

    /// Draws a free position. `random` must be uniform; its remainder is as good as that, the windows being small.
    pub(super) fn take(&mut self, random: u64) -> Option<u32> {
        let index = random.checked_rem(self.free.len() as u64)? as usize;
        let position = self.free.swap_remove(index);
        self.mark(position);
        Some(position)
    }

    /// A position that is taken, or any if none is: the first from a number on.
    pub(super) fn taken_from(&self, number: u64) -> u32 {
        let start = number.checked_rem(u64::from(self.length)).unwrap_or_default() as u32;
        (start..self.length).chain(0..start).find(|position| self.is_taken(*position)).unwrap_or(start)
    }

    /// Gives back the space that waits to be drawn, when no more will be.
    pub(super) fn trim(&mut self) -> io::Result<()> {
        self.prepared = true;
        let mut free = std::mem::take(&mut self.free);
        free.sort_unstable();
        for (first, count) in runs(free.into_iter()) {
            self.file.punch(u64::from(first) * self.unit, u64::from(count) * self.unit)?;
        }
        Ok(())
    }

    fn is_taken(&self, position: u32) -> bool {
        self.taken.get(position as usize / 64).is_some_and(|word| word >> (position % 64) & 1 == 1)
    }

    fn mark(&mut self, position: u32) {
        let word = position as usize / 64;
        if self.taken.len() <= word {
            self.taken.resize(word + 1, 0);
        }
        if let Some(bits) = self.taken.get_mut(word) {
            self.count += usize::from(*bits >> (position % 64) & 1 == 0);
            *bits |= 1 << (position % 64);
        }
    }
}

/// Neighbours among ascending positions, as first and count.
fn runs(positions: impl Iterator<Item = u32>) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for position in positions {
        match runs.last_mut() {
            Some((first, count)) if *first + *count == position => *count += 1,
            _ => runs.push((position, 1)),
        }
    }
    runs
}
