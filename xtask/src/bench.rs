//! `cargo xtask bench`: builds the benchmarks as the programs are built for use, and runs them.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::checkout;

/// Hands the arguments on, and the exit code back.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    let status = checkout::cargo()
        .args(["run", "--quiet", "--release", "--package", "cssr-bench", "--"])
        .args(arguments)
        .status();
    match status {
        Ok(status) => status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => {
            eprintln!("error: running cargo: {error}");
            ExitCode::FAILURE
        }
    }
}
