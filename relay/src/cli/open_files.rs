//! How many files the program may have open: every connection is one at least.

use super::Failure;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What there is beside connections: the store's days, the listeners, the program's own. Without one of them a store could
/// not open a day, and a forwarder look up no name.
const OTHERS: u64 = 256;
/// With fewer connections nobody would be served.
const FEWEST: usize = 16;

/// Takes as many as the system gives, and says how many connections of those that are wanted there may be, with so many files
/// for each.
pub(super) fn connections(wanted: usize, each: u64) -> Result<usize, Failure> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current < maximum && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        tracing::warn!("the limit of open files cannot be raised as far as it may be");
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let most = usize::try_from(files.saturating_sub(OTHERS) / each.max(1)).unwrap_or(usize::MAX);
    if most < FEWEST {
        return Err(Failure::wrong(format_args!(
            "the system lets this program open {files} files, and it needs {OTHERS} besides {each} for each connection (LimitNOFILE, ulimit -n)"
        )));
    }
    if wanted > most {
        tracing::warn!(
            wanted,
            most,
            "fewer connections than configured: the system does not let this program open as many files (LimitNOFILE, ulimit -n)"
        );
    }
    Ok(wanted.min(most))
}
