//! Several workers that do the same thing over and over for some time.

use super::failure::RelayFailure;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Somebody who does one thing, and waits for its end.
pub(super) trait Worker: Send + 'static {
    /// Does it once; how many of what is counted that was.
    fn work(&mut self) -> impl Future<Output = Result<u64, RelayFailure>> + Send;

    /// The part of the time of the last thing that does not count.
    fn not_counted(&self) -> Duration {
        Duration::ZERO
    }

    /// What it does before the next one.
    fn rest(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// What workers have done together.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// How many of what is counted.
    pub(super) done: u64,
    /// Until the last one had finished.
    pub(super) time: Duration,
    /// How long each thing took, ascending.
    latencies: Vec<Duration>,
}

impl Load {
    /// How many a second.
    pub(super) fn rate(&self) -> f64 {
        self.done as f64 / self.time.as_secs_f64()
    }

    /// The time below which this share of all things took, in milliseconds.
    pub(super) fn latency(&self, share: f64) -> f64 {
        let place = (self.latencies.len() as f64 * share) as usize;
        let place = place.min(self.latencies.len().saturating_sub(1));
        self.latencies.get(place).map_or(f64::NAN, |latency| 1e3 * latency.as_secs_f64())
    }

    /// Microseconds for each.
    pub(super) fn each(&self, time: Duration) -> f64 {
        1e6 * time.as_secs_f64() / self.done as f64
    }
}

/// Lets all work for some time; what was begun in time is finished and counts. Gives the workers back.
pub(super) async fn drive<W: Worker>(workers: Vec<W>, time: Duration) -> Result<(Load, Vec<W>), RelayFailure> {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for mut worker in workers {
        tasks.spawn(async move {
            let (mut done, mut latencies) = (0, Vec::new());
            loop {
                let begun = Instant::now();
                if begun >= started + time {
                    return Ok::<_, RelayFailure>((worker, done, latencies));
                }
                done += worker.work().await?;
                latencies.push(begun.elapsed().saturating_sub(worker.not_counted()));
                worker.rest().await;
            }
        });
    }
    let (mut load, mut workers) = (Load::default(), Vec::new());
    while let Some(task) = tasks.join_next().await {
        let (worker, done, latencies) = task.map_err(|_| RelayFailure::wrong("a worker panicked"))??;
        load.done += done;
        load.latencies.extend(latencies);
        workers.push(worker);
    }
    load.time = started.elapsed();
    load.latencies.sort_unstable();
    Ok((load, workers))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sleeper(Duration);

    impl Worker for Sleeper {
        async fn work(&mut self) -> Result<u64, RelayFailure> {
            tokio::time::sleep(self.0).await;
            Ok(2)
        }
    }

    #[tokio::test]
    async fn what_was_begun_in_time_counts_with_all_its_time() {
        let workers = vec![Sleeper(Duration::from_millis(30)), Sleeper(Duration::from_millis(60))];
        let (load, workers) = drive(workers, Duration::from_millis(1)).await.unwrap();
        assert_eq!((load.done, workers.len()), (4, 2));
        assert!(load.time >= Duration::from_millis(60) && load.rate() < 67.0);
        assert!(load.latency(0.5) >= 60.0 && load.latency(0.0) < load.latency(0.99));
    }
}
