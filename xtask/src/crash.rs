//! `cargo xtask crash`: crashes relays and their stores again and again, and looks for what was lost.
//!
//! These are the tests of the same name with more cycles, built as the programs are built for use: SIGKILL of a relay
//! under load and of each store by itself, and as root losses of power on an ext4 image.

use std::process::ExitCode;

use crate::{checkout, require};

/// What `cargo xtask crash` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often each of them crashes.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(3..=100_000))]
    cycles: u32,
}

/// Runs them; each prints what it has done.
pub(crate) fn run(options: &Options) -> ExitCode {
    let mut command = checkout::cargo();
    command.args(["test", "--release", "--package", "cssr-relay", "--test", "store_crash", "--test", "serve", "--"]);
    command.args(["--nocapture", "--test-threads=1", "survive", "kill_9", "loss_of_power"]);
    if require::has("loop-device") {
        command.arg("--include-ignored");
    } else {
        println!("skipped: losses of power (need root and a loop device)");
    }
    match command.env("CSSR_CRASH_CYCLES", options.cycles.to_string()).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: running cargo: {error}");
            ExitCode::FAILURE
        }
    }
}
