//! Two ways to do the same, measured in turns on every core.
//!
//! Clocks change, neighbours come and go: two figures can be compared only if they were taken at the same time. So the
//! items are cut into slices of some milliseconds, and each is done both ways, one directly after the other. Which goes
//! first changes with every slice, because the second finds the slice in the caches.

use crate::failure::Failure;
use indicatif::ProgressBar;
use std::iter::Sum;
use std::ops::Add;
use std::panic::resume_unwind;
use std::thread;
use std::time::{Duration, Instant};

/// Items that a core takes at once: enough that starting a thread does not count.
const AT_ONCE: usize = 128;

/// How long the two ways took for the same items.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Times {
    pub(crate) items: usize,
    pub(crate) bare: Duration,
    pub(crate) whole: Duration,
}

impl Times {
    /// The rate of the whole in the rate of the bare primitives: below 1 if it is slower.
    pub(crate) fn ratio(&self) -> f64 {
        self.bare.as_secs_f64() / self.whole.as_secs_f64()
    }
}

impl Add for Times {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { items: self.items + other.items, bare: self.bare + other.bare, whole: self.whole + other.whole }
    }
}

impl Sum for Times {
    fn sum<I: Iterator<Item = Self>>(times: I) -> Self {
        times.fold(Self::default(), Self::add)
    }
}

/// The items to begin with, which do not count: caches, clocks and the memory allocator are cold.
pub(crate) fn warm_up<T>(items: &[T], cores: usize) -> &[T] {
    items.chunks(AT_ONCE * cores).next().unwrap_or_default()
}

/// Does all items both ways, in turns. Each way is given a core's part of a slice.
pub(crate) fn in_turns<T: Sync>(
    items: &[T],
    cores: usize,
    bar: &ProgressBar,
    bare: impl Fn(&[T]) -> Result<(), Failure> + Sync,
    whole: impl Fn(&[T]) -> Result<(), Failure> + Sync,
) -> Result<Times, Failure> {
    let mut times = Times::default();
    for (turn, slice) in items.chunks(AT_ONCE * cores).enumerate() {
        let (bare, whole) = if turn % 2 == 0 {
            let bare = on_every_core(slice, cores, &bare)?;
            (bare, on_every_core(slice, cores, &whole)?)
        } else {
            let whole = on_every_core(slice, cores, &whole)?;
            (on_every_core(slice, cores, &bare)?, whole)
        };
        times = times + Times { items: slice.len(), bare, whole };
        bar.inc(slice.len() as u64);
    }
    Ok(times)
}

/// How long it takes to do the items, each core an equal part of them.
pub(crate) fn on_every_core<T: Sync>(
    items: &[T],
    cores: usize,
    work: impl Fn(&[T]) -> Result<(), Failure> + Sync,
) -> Result<Duration, Failure> {
    let share = items.len().div_ceil(cores).max(1);
    let started = Instant::now();
    thread::scope(|scope| {
        let workers: Vec<_> = items.chunks(share).map(|part| scope.spawn(|| work(part))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })?;
    Ok(started.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    #[test]
    fn every_item_is_done_once_each_way_whatever_the_number_of_cores() {
        for (items, cores) in [(1, 1), (5, 2), (1_000, 3), (3, 8)] {
            let items: Vec<usize> = (0..items).collect();
            let done = Mutex::new(BTreeMap::<(&str, usize), u32>::new());
            let way = |name| {
                let done = &done;
                move |part: &[usize]| {
                    part.iter().for_each(|item| *done.lock().unwrap().entry((name, *item)).or_default() += 1);
                    Ok(())
                }
            };
            let times = in_turns(&items, cores, &ProgressBar::hidden(), way("bare"), way("whole")).unwrap();
            assert_eq!(times.items, items.len());
            let done = done.into_inner().unwrap();
            assert_eq!(done.len(), 2 * items.len());
            assert!(done.values().all(|times| *times == 1));
        }
    }

    #[test]
    fn work_that_fails_on_any_core_is_no_measurement() {
        let fails_on = |bad: u32| move |part: &[u32]| if part.contains(&bad) { Err(Failure::Bare) } else { Ok(()) };
        let items: Vec<u32> = (0..10).collect();
        for bad in 0..10 {
            assert!(on_every_core(&items, 4, fails_on(bad)).is_err(), "{bad}");
        }
        assert!(on_every_core(&items, 4, fails_on(10)).is_ok());
    }

    #[test]
    fn the_ratio_is_below_one_if_the_whole_takes_longer() {
        let times = Times { items: 1, bare: Duration::from_secs(3), whole: Duration::from_secs(4) };
        assert!((times.ratio() - 0.75).abs() < 1e-9);
    }
}
