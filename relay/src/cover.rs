//! Changes of files that no envelope has made: whoever has the disk finds many of them, and cannot tell which were made by one.
//!
//! File systems note when a file was written to, and their logs keep that for some time. At a relay that is seldom used each
//! note would tell when somebody was there. So files are changed at random moments all the time (a Poisson process, in which
//! what is added cannot be told from what was there), about as often as the system writes its notes down.

use crate::store::Store;
use getrandom::SysRng;
use rand_core::{Rng as _, UnwrapErr};
use std::sync::Arc;
use std::time::Duration;

/// How long it is from one change to the next, on average. Linux writes down what files' times are every five seconds, and there
/// are four files.
const BETWEEN: Duration = Duration::from_millis(1_000);

/// Goes on for ever.
pub(crate) async fn run<S: Store>(store: Arc<S>) {
    loop {
        tokio::time::sleep(pause()).await;
        store.cover().await;
    }
}

/// Times between events of a Poisson process are distributed exponentially.
fn pause() -> Duration {
    // Uniform, and never zero.
    let uniform = (f64::from(UnwrapErr(SysRng).next_u32()) + 1.0) / (f64::from(u32::MAX) + 1.0);
    BETWEEN.mul_f64(-uniform.ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_those_of_a_poisson_process() {
        let pauses: Vec<f64> = (0..10_000).map(|_| pause().as_secs_f64() / BETWEEN.as_secs_f64()).collect();
        let mean = pauses.iter().sum::<f64>() / pauses.len() as f64;
        assert!((0.9..1.1).contains(&mean), "{mean}");
        for (longer, share) in [(0.5, 0.607), (1.0, 0.368), (2.0, 0.135)] {
            let found = pauses.iter().filter(|pause| **pause > longer).count() as f64 / pauses.len() as f64;
            assert!((found - share).abs() < 0.03, "{found} are longer than {longer}");
        }
    }
}
