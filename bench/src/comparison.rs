//! What opening and sealing have in common: they are compared with bare primitives, for texts of several sizes.

use crate::failure::Failure;
use crate::progress;
use crate::report::{Figure, Report};
use crate::sources::Size;
use crate::turns::{Times, in_turns, warm_up};
use indicatif::ProgressBar;

/// Items for each of [`Size::ALL`].
pub(crate) type BySize<T> = [Vec<T>; Size::ALL.len()];

/// What one round took for each of [`Size::ALL`].
pub(crate) type Round = [Times; Size::ALL.len()];

/// Does all items both ways in every round.
pub(crate) fn measure<T: Sync>(
    what: &'static str,
    items: &BySize<T>,
    rounds: usize,
    cores: usize,
    bare: impl Fn(&[T]) -> Result<(), Failure> + Sync,
    whole: impl Fn(&[T]) -> Result<(), Failure> + Sync,
) -> Result<Vec<Round>, Failure> {
    let both_ways = |items: &[T], bar: &ProgressBar| in_turns(items, cores, bar, &bare, &whole);
    for items in items {
        both_ways(warm_up(items, cores), &ProgressBar::hidden())?;
    }
    let bar = progress::bar(what, rounds * items.iter().map(Vec::len).sum::<usize>());
    let mut measured = Vec::new();
    for _ in 0..rounds {
        let mut round = Round::default();
        for (times, items) in round.iter_mut().zip(items) {
            *times = both_ways(items, &bar)?;
        }
        measured.push(round);
    }
    Ok(measured)
}

/// Reports ratios, rates and times. The goal is for all sizes together; how far they lie apart stands below it.
pub(crate) fn report(
    name: &str,
    goal: f64,
    cores: usize,
    rounds: &[Round],
    report: &mut Report,
) -> Result<(), Failure> {
    let together: Vec<Times> = rounds.iter().map(|round| round.iter().copied().sum()).collect();
    let ratio = |name: String, rounds: &[Times]| {
        // With fewer letters than sizes, some size has none.
        let measured = rounds.iter().filter(|times| times.items > 0).map(Times::ratio);
        Figure::measured(name, "ratio", measured)
    };
    report.figure(&ratio(format!("{name}.ratio"), &together).at_least(goal))?;
    for (place, size) in Size::ALL.iter().enumerate() {
        let of_size: Vec<Times> = rounds.iter().filter_map(|round| round.get(place).copied()).collect();
        if of_size.iter().any(|times| times.items > 0) {
            report.figure(&ratio(format!("{name}.ratio.{}", size.name()), &of_size))?;
        }
    }
    let whole = |times: &Times| times.items as f64 / times.whole.as_secs_f64();
    let bare = |times: &Times| times.items as f64 / times.bare.as_secs_f64();
    let core_time = |rate: f64| 1e6 * cores as f64 / rate;
    for figure in [
        Figure::measured(format!("{name}.rate"), "letters/s", together.iter().map(whole)),
        Figure::measured(format!("{name}.bare_rate"), "letters/s", together.iter().map(bare)),
        Figure::measured(format!("{name}.time"), "us/letter/core", together.iter().map(whole).map(core_time)),
        Figure::measured(format!("{name}.bare_time"), "us/letter/core", together.iter().map(bare).map(core_time)),
    ] {
        report.figure(&figure)?;
    }
    Ok(())
}
