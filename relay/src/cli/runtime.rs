//! The threads of a program, and the sandbox that all of them are in.

use super::Failure;
use crate::{Sandbox, SandboxMode};
use std::num::NonZero;
use tokio::runtime::{Builder, Runtime};

/// Enters the sandbox and makes the threads. There must be no other threads yet.
pub(super) fn start(needs: &Sandbox, mode: SandboxMode) -> Result<Runtime, Failure> {
    // Asked first: inside, what the system allows this process cannot be read any more.
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    needs.enter(mode).map_err(Failure::failed)?;
    Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format_args!("the threads of the program: {error}")))
}
