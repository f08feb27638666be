//! The thread that syncs, so that the one that writes can go on meanwhile.

use super::super::family::Family;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// One sync is under way at a time.
#[derive(Debug)]
pub(super) struct Syncer {
    groups: Option<Sender<Vec<Arc<Family>>>>,
    results: Receiver<io::Result<()>>,
    thread: Option<JoinHandle<()>>,
    begun: Instant,
    /// How long the last one took.
    took: Duration,
    /// Whether there was a pause in this one.
    paused: bool,
}

impl Syncer {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Self> {
        let (groups, to_sync) = channel::<Vec<Arc<Family>>>();
        let (done, results) = channel();
        let work = move || {
            for families in to_sync {
                let sync = || families.iter().try_for_each(|family| family.sync());
                let result = catch_unwind(AssertUnwindSafe(sync));
                let result = result.unwrap_or_else(|_| Err(io::Error::other("the syncing thread panicked")));
                // The files are free before it is said that this is done.
                drop(families);
                if done.send(result).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("sync".into()).spawn(work)?;
        let (begun, took) = (Instant::now(), Duration::ZERO);
        Ok(Self { groups: Some(groups), results, thread: Some(thread), begun, took, paused: false })
    }

    /// Begins to sync. The one before must be done.
    pub(super) fn begin(&mut self, families: Vec<Arc<Family>>) {
        (self.begun, self.paused) = (Instant::now(), false);
        if let Some(groups) = &self.groups {
            // If the thread is gone, that is the result.
            let _ = groups.send(families);
        }
    }

    /// Waits about half as long as a sync takes, but only once in each, and then until it is done. Says how it went if it is.
    pub(super) fn wait_a_while(&mut self) -> Option<io::Result<()>> {
        if std::mem::replace(&mut self.paused, true) {
            return Some(self.wait());
        }
        match self.results.recv_timeout(self.took / 2) {
            Ok(result) => Some(self.done(result)),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(gone())),
        }
    }

    /// Waits until the sync is done, and says how it went.
    pub(super) fn wait(&mut self) -> io::Result<()> {
        let result = self.results.recv().unwrap_or_else(|_| Err(gone()));
        self.done(result)
    }

    fn done(&mut self, result: io::Result<()>) -> io::Result<()> {
        self.took = self.begun.elapsed();
        result
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.groups = None;
        // Its files are free once it has ended.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("the syncing thread has ended")
}
