//! SIGINT, SIGTERM and SIGHUP, for commands that must clear away what they have begun.

use super::Failure;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// Takes up the signals; what is given is true once one has come.
pub(super) fn asked() -> Result<Arc<AtomicBool>, Failure> {
    let failed = |error| Failure::failed(format_args!("signals: {error}"));
    let runtime = Builder::new_current_thread().enable_io().build().map_err(failed)?;
    let inside = runtime.enter();
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    // Of a terminal that is gone.
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    drop(inside);
    let asked = Arc::new(AtomicBool::new(false));
    let to_tell = Arc::clone(&asked);
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {}
            }
        });
        to_tell.store(true, Ordering::Relaxed);
    });
    Ok(asked)
}
