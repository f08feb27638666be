//! The one lane for long answers, so that many who fetch a large index do not keep the others waiting.

use std::sync::Arc;
use tokio::sync::Semaphore;

/// Lets one frame pass in each round of the runtime, in the order in which they came. Whatever else is ready is done in
/// between; if there is nothing, frames follow each other at once.
#[derive(Clone, Debug)]
pub(crate) struct Lane(Arc<Semaphore>);

impl Default for Lane {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Lane {
    /// Waits for the next turn.
    pub(crate) async fn pass(&self) {
        // It is never closed.
        let _turn = self.0.acquire().await;
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[tokio::test]
    async fn one_passes_after_the_other_and_others_work_in_between() {
        let (lane, log) = (Lane::default(), Arc::new(Mutex::new(Vec::new())));
        let passes = |name: char| {
            let (lane, log) = (lane.clone(), Arc::clone(&log));
            tokio::spawn(async move {
                for _ in 0..3 {
                    lane.pass().await;
                    log.lock().unwrap().push(name);
                }
            })
        };
        let (first, second) = (passes('a'), passes('b'));
        let works = tokio::spawn({
            let log = Arc::clone(&log);
            async move {
                for _ in 0..6 {
                    tokio::task::yield_now().await;
                    log.lock().unwrap().push('w');
                }
            }
        });
        for task in [first, second, works] {
            task.await.unwrap();
        }
        let order: String = log.lock().unwrap().iter().collect();
        assert_eq!(order.replace('w', ""), "ababab", "{order}");
        let last = order.rfind(['a', 'b']).unwrap();
        assert!(order[..last].matches('w').count() >= 4, "{order}");
    }
}
