//! Progress on standard error, for whatever takes over a second.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a person at a terminal sees is renewed so often; a log is not filled with it.
const STEP: Duration = Duration::from_secs(1);
const STEP_OF_LOG: Duration = Duration::from_secs(30);

/// Tells how far something has come, until it is dropped.
pub(super) struct Progress {
    done: Arc<AtomicU64>,
    end: Option<Sender<()>>,
    teller: Option<JoinHandle<()>>,
}

impl Progress {
    /// `what` is counted, such as "envelopes".
    pub(super) fn start(what: &'static str) -> Self {
        let done = Arc::new(AtomicU64::new(0));
        let (end, ended) = channel();
        let counted = Arc::clone(&done);
        let terminal = std::io::stderr().is_terminal();
        let teller = std::thread::spawn(move || {
            let (step, mut told) = (if terminal { STEP } else { STEP_OF_LOG }, false);
            // An error is the timeout, or the end.
            while ended.recv_timeout(step) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                let (start, end) = if terminal { ("\r", "") } else { ("", "\n") };
                let _ = write!(std::io::stderr(), "{start}{} {what}{end}", counted.load(Ordering::Relaxed));
                told = true;
            }
            if told && terminal {
                let _ = writeln!(std::io::stderr());
            }
        });
        Self { done, end: Some(end), teller: Some(teller) }
    }

    /// One more.
    pub(super) fn step(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(teller) = self.teller.take() {
            let _ = teller.join();
        }
    }
}
