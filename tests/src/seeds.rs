//! Properties over seeds: the same few in every run, more when asked for.
//!
//! `CSSR_SEEDS=5000` checks so many seeds, `CSSR_SEED=17` begins at 17 rather than 0.

use std::str::FromStr;
use tokio::task::JoinSet;

/// Seeds that are checked at the same time: most of them wait for a timeout.
const AT_ONCE: usize = 8;

/// Checks a property for every seed, `default` of them unless the environment says otherwise, and gives what came of
/// each. The property holds if it does not panic.
///
/// # Panics
/// The property does not hold; the message names the seed.
pub async fn for_each<T, F>(default: u64, property: impl Fn(u64) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (first, count): (u64, u64) = (variable("CSSR_SEED").unwrap_or(0), variable("CSSR_SEEDS").unwrap_or(default));
    let mut waiting = first..first.saturating_add(count);
    let (mut running, mut outcomes) = (JoinSet::new(), Vec::new());
    loop {
        while running.len() < AT_ONCE
            && let Some(seed) = waiting.next()
        {
            let checking = tokio::spawn(property(seed));
            running.spawn(async move { (seed, checking.await) });
        }
        let Some(finished) = running.join_next().await else { return outcomes };
        let (seed, outcome) = finished.unwrap();
        match outcome {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => panic!("the property fails for this seed; again: CSSR_SEED={seed} CSSR_SEEDS=1: {error}"),
        }
    }
}

fn variable<T: FromStr>(name: &str) -> Option<T> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}
