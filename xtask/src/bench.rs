//! `cargo xtask bench`: builds the benchmarks as the programs are built for use, and runs them.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use crate::checkout;

/// Hands the arguments on, and the exit code back.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    // The relay is measured as the program that it is, which lies beside the benchmarks.
    let built = checkout::cargo()
        .args(["build", "--quiet", "--release", "--package", "cssr-bench", "--package", "cssr-relay"])
        .status();
    let status = match built {
        Ok(built) if built.success() => {
            let program = checkout::target_dir().join("release/cssr-bench");
            Command::new(program).args(arguments).status()
        }
        other => other,
    };
    match status {
        Ok(status) => status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => {
            eprintln!("error: running the benchmarks: {error}");
            ExitCode::FAILURE
        }
    }
}
