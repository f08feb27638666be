//! The positions of a file: which are taken, and which of the free ones comes next, drawn at random.
//!
//! Whoever has the disk and the day's key must not learn from a position when something came. So a place is drawn from all
//! that are free and at hand, and there are always many of them: [`Window`].

use super::disk::DiskFile;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// How many free positions to draw from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Below this, more are offered. Few, since it is then done at the moment of a letter, which the file system's log tells.
    pub(super) least: usize,
    /// Up to the next multiple of so many positions at a time.
    pub(super) step: u32,
}

impl Window {
    /// For a file that holds `taken` things, where `burst` were listed together the last time, so that as many find room
    /// once more without a step between. A step would tell which came before it and which after.
    pub(super) fn new(smallest: u32, taken: usize, burst: usize) -> Self {
        // An eighth of what is there bounds what lies waste; a small file may waste the smallest step.
        let most = (u32::try_from(taken).unwrap_or(u32::MAX) / 8).clamp(4 * smallest, LARGEST_STEP);
        let step = u32::try_from(burst.saturating_mul(2)).unwrap_or(u32::MAX).clamp(smallest, most);
        // A power of two, so that where smaller steps have ended larger ones may end, too.
        let step = step.min(LARGEST_STEP / 2 + 1).next_power_of_two();
        Self { least: step as usize / 8, step }
    }

    /// The same at a moment that everybody knows: so much is offered that nothing need be when the next ones come.
    pub(super) const fn opened(self) -> Self {
        Self { least: self.step as usize, ..self }
    }

    const fn is_opened(self) -> bool {
        self.least >= self.step as usize
    }
}

/// Records in the largest step: 64 MiB.
const LARGEST_STEP: u32 = 4_096;

/// A file, seen as positions of one size.
///
/// Positions are offered in steps, from the beginning of the file to its end: first what is there, if an expired day has left
/// it, then what the file is made longer by. A step ends at a multiple of its size, so that after it was opened a file offers
/// what it had offered before: else what came after a stop would never lie behind the last of what had come before it.
#[derive(Debug)]
pub(super) struct Space {
    file: Arc<dyn DiskFile>,
    /// Bytes of a position.
    unit: u64,
    /// How many positions the file has.
    length: u32,
    /// One bit for each position that is taken.
    taken: Vec<u64>,
    count: usize,
    free: Vec<u32>,
    /// What has not been offered yet; none before it is known what the file has space for.
    ahead: Option<Ahead>,
    /// Whether the disk had no space for more, at the last attempt.
    is_full: bool,
}

/// The part of a file that has not been offered yet.
#[derive(Debug)]
struct Ahead {
    first: u32,
    holes: Holes,
}

/// Positions for which there is no space, or that were never written: ascending ranges with gaps between them.
#[derive(Debug, Default)]
struct Holes(Vec<Range<u32>>);

impl Holes {
    /// Every position that ascending ranges of bytes touch.
    fn of(ranges: &[Range<u64>], unit: u64) -> Self {
        let position = |at: u64| u32::try_from(at).unwrap_or(u32::MAX);
        let mut holes: Vec<Range<u32>> = Vec::new();
        for bytes in ranges {
            let hole = position(bytes.start / unit)..position(bytes.end.div_ceil(unit));
            match holes.last_mut() {
                Some(last) if hole.start <= last.end => last.end = last.end.max(hole.end),
                _ => holes.push(hole),
            }
        }
        Self(holes)
    }

    /// From the first one that ends after a position on.
    fn from(&self, position: u32) -> &[Range<u32>] {
        self.0.get(self.0.partition_point(|hole| hole.end <= position)..).unwrap_or_default()
    }

    fn contains(&self, position: u32) -> bool {
        self.from(position).first().is_some_and(|hole| hole.contains(&position))
    }

    /// The positions of a range that are holes, ascending.
    fn within(&self, range: Range<u32>) -> impl Iterator<Item = u32> {
        let holes = self.from(range.start).iter().take_while(move |hole| hole.start < range.end);
        holes.flat_map(move |hole| hole.start.max(range.start)..hole.end.min(range.end))
    }
}

impl Space {
    /// A file with what is taken in it.
    pub(super) fn new(file: Arc<dyn DiskFile>, unit: usize, taken: &[u32]) -> io::Result<Self> {
        let unit = unit as u64;
        // A partial position at the end counts: it was being made.
        let length = u32::try_from(file.length()?.div_ceil(unit)).map_err(io::Error::other)?;
        let mut space =
            Self { file, unit, length, taken: Vec::new(), count: 0, free: Vec::new(), ahead: None, is_full: false };
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
    /// disk is too full for the window but there are as many as needed, it is `Ok`, and more is asked for when they are used
    /// up, or a window is to be opened.
    pub(super) fn reserve(&mut self, needed: usize, window: Window) -> io::Result<()> {
        let mut begun = self.look_ahead()?.is_some_and(|last| last % window.step != 0);
        while begun || self.free.len() < needed.max(window.least) {
            // Each attempt would tell of the envelope that it was made for.
            if self.is_full && !window.is_opened() && self.free.len() >= needed {
                return Ok(());
            }
            match self.offer(window.step) {
                Err(error) if super::disk::is_full(&error) => {
                    self.is_full = true;
                    return if self.free.len() >= needed { Ok(()) } else { Err(error) };
                }
                other => other?,
            }
            (begun, self.is_full) = (false, false);
        }
        Ok(())
    }

    /// Finds out what there is. What is free before the last record was offered before the file was opened; where that is, if
    /// it was not known.
    fn look_ahead(&mut self) -> io::Result<Option<u32>> {
        if self.ahead.is_some() {
            return Ok(None);
        }
        let (first, holes) = (self.end(), Holes::of(&self.file.holes()?, self.unit));
        let free = (0..first).rev().filter(|position| !self.is_taken(*position) && !holes.contains(*position));
        self.free = free.take(LARGEST_STEP as usize).collect();
        self.ahead = Some(Ahead { first, holes });
        Ok(Some(first))
    }

    /// Makes more positions free, up to the next multiple of a step, or as far as what is there goes.
    fn offer(&mut self, step: u32) -> io::Result<()> {
        let Some(Ahead { first, holes }) = &mut self.ahead else { return Ok(()) };
        let end = first.checked_add(1).and_then(|after| after.checked_next_multiple_of(step));
        let end = end.ok_or_else(|| io::Error::other("more positions than there are"))?;
        let positions = *first..if *first < self.length { end.min(self.length) } else { end };
        let is_free = |position: &u32| !is_in(&self.taken, *position);
        let missing = if positions.start < self.length {
            runs(holes.within(positions.clone()).filter(is_free))
        } else {
            runs(positions.clone())
        };
        for (begun, (hole, count)) in missing.iter().enumerate() {
            let allocated = self.file.allocate(u64::from(*hole) * self.unit, u64::from(*count) * self.unit);
            if let Err(error) = allocated {
                // File systems keep what they could take of it, and others need that more. What stays taken is harmless.
                let _ = give_back(&*self.file, self.unit, self.length, missing.iter().take(begun + 1));
                return Err(error);
            }
        }
        *first = positions.end;
        self.length = self.length.max(positions.end);
        self.free.extend(positions.filter(is_free));
        Ok(())
    }

    /// Draws a free position. `random` must be uniform; its remainder is as good as that, the windows being small.
    pub(super) fn take(&mut self, random: u64) -> Option<u32> {
        let index = random.checked_rem(self.free.len() as u64)? as usize;
        let position = self.free.swap_remove(index);
        self.mark(position);
        Some(position)
    }

    /// A position that is taken, or the first if none is: the first from a number on, so that each of many is as likely as
    /// another. However long the file is, what is looked at ends with the last one that is taken.
    pub(super) fn taken_from(&self, number: u64) -> u32 {
        let start = number.checked_rem(64 * self.taken.len() as u64).unwrap_or_default();
        let (word, bit) = ((start / 64) as usize, start % 64);
        let bits_of = |words: std::ops::Range<usize>| {
            words.clone().zip(self.taken.get(words).unwrap_or_default().iter().copied())
        };
        let begun = bits_of(word..word + 1).map(|(word, bits)| (word, bits & u64::MAX << bit));
        let mut all = begun.chain(bits_of(word + 1..self.taken.len())).chain(bits_of(0..word + 1));
        // Positions have 32 bits, so as many fit as there are bits in all words.
        all.find(|(_, bits)| *bits != 0).map_or(0, |(word, bits)| word as u32 * 64 + bits.trailing_zeros())
    }

    /// Gives back all space that is not taken, when no more will be.
    pub(super) fn trim(&mut self) -> io::Result<()> {
        let end = self.end();
        if end < self.length {
            self.file.cut(u64::from(end) * self.unit)?;
        }
        self.length = end;
        self.free.clear();
        self.ahead = Some(Ahead { first: end, holes: Holes::default() });
        let holes = Holes::of(&self.file.holes()?, self.unit);
        // Also what was erased before a stop in disorder, which had not given its space back.
        let free: Vec<_> = (0..end).filter(|at| !self.is_taken(*at) && !holes.contains(*at)).collect();
        for (first, count) in runs(free.into_iter()) {
            self.file.punch(u64::from(first) * self.unit, u64::from(count) * self.unit)?;
        }
        Ok(())
    }

    /// The position after the last one that is taken.
    fn end(&self) -> u32 {
        (0..self.length).rev().find(|position| self.is_taken(*position)).map_or(0, |last| last + 1)
    }

    fn is_taken(&self, position: u32) -> bool {
        is_in(&self.taken, position)
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

/// Gives back space that was taken for runs of positions of a file with so many.
fn give_back<'a>(
    file: &dyn DiskFile,
    unit: u64,
    length: u32,
    mut taken: impl Iterator<Item = &'a (u32, u32)>,
) -> io::Result<()> {
    taken.try_for_each(|(first, count)| match u64::from(*first) * unit {
        at if *first < length => file.punch(at, u64::from(*count) * unit),
        _ => file.cut(u64::from(length) * unit),
    })
}

/// Whether the bit of a position is set.
fn is_in(bits: &[u64], position: u32) -> bool {
    bits.get(position as usize / 64).is_some_and(|word| word >> (position % 64) & 1 == 1)
}

/// Neighbours among ascending positions, as first and count.
pub(super) fn runs(positions: impl Iterator<Item = u32>) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for position in positions {
        match runs.last_mut() {
            Some((first, count)) if *first + *count == position => *count += 1,
            _ => runs.push((position, 1)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt as _;

    #[test]
    fn what_is_read_for_an_absent_record_is_one_that_is_taken_however_long_the_file_is() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(16 << 30).unwrap();
        let file: Arc<dyn DiskFile> = Arc::new(file);
        let taken = [3, 70, 71, 200];
        let space = Space::new(Arc::clone(&file), 16_384, &taken).unwrap();
        let found: std::collections::BTreeSet<u32> = (0..1_000).map(|number| space.taken_from(number)).collect();
        assert!(found.iter().eq(&taken), "{found:?}");
        assert_eq!([0, 4, 70, 71, 72, 201, 255].map(|number| space.taken_from(number)), [3, 70, 70, 71, 200, 3, 3]);
        assert_eq!(space.taken.len(), 4, "no more than that is looked at");
        assert_eq!(Space::new(file, 16_384, &[]).unwrap().taken_from(7), 0);
    }

    /// Of a new file, and of one that an expired day has left.
    #[test]
    fn a_file_that_is_opened_again_offers_what_it_had_offered() {
        let window = |burst| Window::new(256, 0, burst);
        for (length, burst, offered) in
            [(0, 0, 256), (0, 300, 1_024), (3_000, 0, 256), (3_000, 200, 512), (100, 0, 100)]
        {
            let file = tempfile::tempfile().unwrap();
            file.write_all_at(&vec![7; length * 512], 0).unwrap();
            let file: Arc<dyn DiskFile> = Arc::new(file);
            let mut taken = Vec::new();
            for number in 0..5 {
                let mut space = Space::new(Arc::clone(&file), 512, &taken).unwrap();
                space.reserve(1, window(burst)).unwrap();
                let mut at_hand: Vec<u32> = space.free.iter().chain(&taken).copied().collect();
                at_hand.sort_unstable();
                assert!(at_hand.iter().copied().eq(0..offered), "{length}, {burst}, {number}: {at_hand:?}");
                // The first, so that the next ones could lie behind it.
                space.free.sort_unstable();
                taken.push(space.take(0).unwrap());
            }
        }
    }

    #[test]
    fn a_window_that_was_opened_stays_as_it_is_for_three_quarters_more_than_were_expected() {
        for (burst, few) in [(0, 223), (100, 223), (128, 224), (200, 350), (500, 875)] {
            let mut space = Space::new(Arc::new(tempfile::tempfile().unwrap()), 512, &[]).unwrap();
            let window = Window::new(256, 0, burst);
            space.reserve(1, window.opened()).unwrap();
            let length = space.length;
            for number in 0..few {
                space.reserve(1, window).unwrap();
                assert_eq!(space.length, length, "{number} of {few} after {burst}");
                space.take(number).unwrap();
            }
            for number in 0..u64::from(length) - few {
                space.reserve(1, window).unwrap();
                space.take(number).unwrap();
            }
            assert!(space.length > length);
        }
    }

    #[test]
    fn space_of_what_was_erased_and_forgotten_of_is_given_back_with_the_day() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&vec![7; 6_000 * 4_096], 0).unwrap();
        file.sync_all().unwrap();
        let file: Arc<dyn DiskFile> = Arc::new(file);
        // More than are at hand to be drawn.
        let mut space = Space::new(Arc::clone(&file), 4_096, &[5_999]).unwrap();
        space.trim().unwrap();
        let holes = file.holes().unwrap();
        assert!(holes[0] == (0..5_999 * 4_096) || holes[0].start == 6_000 * 4_096, "{holes:?}");
    }

    #[test]
    fn whatever_a_hole_touches_is_a_hole() {
        let holes = Holes::of(&[0..5, 5..12, 25..26, 40..u64::MAX], 10);
        let found: Vec<u32> = (0..6).filter(|position| holes.contains(*position)).collect();
        assert_eq!(found, [0, 1, 2, 4, 5]);
        assert_eq!(holes.within(1..5).collect::<Vec<_>>(), [1, 2, 4]);
        assert_eq!(holes.within(3..4).count(), 0);
        assert_eq!(Holes::default().within(0..9).count(), 0);
    }
}
