//! SIGINT, SIGTERM and SIGHUP, for commands that must clear away what they have begun. SIGHUP goes on being ignored if it was
//! when the program was started, as `nohup` has it.

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
    let mut hangup = (!ignores_hangup()).then(|| signal(SignalKind::hangup())).transpose().map_err(failed)?;
    drop(inside);
    let asked = Arc::new(AtomicBool::new(false));
    let to_tell = Arc::clone(&asked);
    std::thread::spawn(move || {
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hung_up => {}
            }
        });
        to_tell.store(true, Ordering::Relaxed);
    });
    Ok(asked)
}

/// Whether whoever started this program wants it to outlive its terminal. Where the system does not tell, it does not.
fn ignores_hangup() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores(&status, SignalKind::hangup()))
}

/// Whether a signal is ignored, by the `SigIgn` of proc_pid_status(5).
fn ignores(status: &str, signal: SignalKind) -> bool {
    let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    let bit = u32::try_from(signal.as_raw_value() - 1).ok().and_then(|place| 1u64.checked_shl(place));
    mask.zip(bit).is_some_and(|(mask, bit)| mask & bit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_from_the_mask() {
        let status = "Name:\tx\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001001\nSigCgt:\tffffffffffffffff\n";
        assert!(ignores(status, SignalKind::hangup()) && ignores(status, SignalKind::pipe()));
        assert!(!ignores(status, SignalKind::terminate()) && !ignores("SigIgn:\tx\n", SignalKind::hangup()));
        assert!(!ignores("", SignalKind::hangup()));
    }
}
