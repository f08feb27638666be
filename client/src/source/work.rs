//! Doing a relay's work on every core, beside the connection.

use super::Event;
use crate::visit::Work;
use chacha20::ChaCha20Rng;
use cssr_proto::postage::Postage;
use rand_core::{CryptoRng, SeedableRng as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::JoinSet;

/// Tells the threads to stop when nobody waits for them any more.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does the work for every letter. Fewer results than letters mean that it could not be finished.
///
/// Dropping the future ends the work, within a second.
pub(super) async fn solve<R: CryptoRng>(work: Work, rng: &mut R, tell: &mut impl FnMut(Event)) -> Vec<Postage> {
    let letters = work.letters();
    let work = Arc::new(work);
    let stop = Stop(Arc::default());
    let mut seed = || {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        seed
    };
    let mut start = |threads: &mut JoinSet<_>, letter: usize| {
        let (work, stopped, mut rng) = (Arc::clone(&work), Arc::clone(&stop.0), ChaCha20Rng::from_seed(seed()));
        threads.spawn_blocking(move || {
            work.solve(letter, &mut rng, || !stopped.load(Ordering::Relaxed)).map(|postage| (letter, postage))
        });
    };

    let mut threads = JoinSet::new();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut next = 0..letters;
    for letter in next.by_ref().take(cores) {
        start(&mut threads, letter);
    }
    let mut solved = Vec::with_capacity(letters);
    tell(Event::Working { done: 0, letters });
    // A thread that failed leaves its letter out, which the visit notices.
    while let Some(Ok(Some(one))) = threads.join_next().await {
        solved.push(one);
        tell(Event::Working { done: solved.len(), letters });
        if let Some(letter) = next.next() {
            start(&mut threads, letter);
        }
    }
    solved.sort_unstable_by_key(|(letter, _)| *letter);
    solved.into_iter().map(|(_, postage)| postage).collect()
}
