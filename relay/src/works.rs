//! What is finished though whoever has asked for it is gone, and whether or not somebody takes in its answer: a place that
//! such work has, among all that may be done at once, must not wait for either.

use std::sync::Arc;
use tokio::sync::Semaphore;

/// More than is ever under way: all of it has a place.
const MOST: u32 = 1 << 20;

/// All such work of a relay.
#[derive(Debug)]
pub(crate) struct Works(Arc<Semaphore>);

impl Default for Works {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST as usize)))
    }
}

impl Works {
    /// Begins at once; the future is for the result, of which there is none if the work has panicked.
    pub(crate) fn begin<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = Option<T>> + Send + 'static {
        let counted = Arc::clone(&self.0).try_acquire_owned();
        let task = tokio::spawn(async move {
            let _counted = counted;
            work.await
        });
        async move { task.await.ok() }
    }

    /// Waits until all that was begun is finished.
    pub(crate) async fn finished(&self) {
        // It is never closed.
        let _ = self.0.acquire_many(MOST).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn what_nobody_waits_for_is_done_and_waited_for_at_the_end() {
        let works = Works::default();
        let (go_on, gone_on) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        drop(works.begin(async move {
            gone_on.await.unwrap();
            done.send(()).unwrap();
        }));
        assert_eq!(works.begin(async { 7 }).await, Some(7));
        assert!(works.finished().now_or_never().is_none());
        go_on.send(()).unwrap();
        works.finished().await;
        assert!(is_done.await.is_ok());
    }

    #[tokio::test]
    async fn what_panics_has_no_result_and_ends() {
        let works = Works::default();
        assert_eq!(works.begin(async { panic!("injected by a test") }).await, None::<()>);
        works.finished().await;
    }
}
