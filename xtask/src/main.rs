//! What is done with a checkout: `cargo xtask COMMAND`.
//!
//! Each command has a module of its own with one entry point that gives the exit code. Exit codes: 0 done,
//! 1 something failed (and was named on the way), 2 wrong arguments.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to the terminal")]

mod bench;
mod checkout;
mod crash;
mod deb;
mod man;
mod require;
mod test;
mod r#try;
mod wasm;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

/// Everyday jobs of a CSSR Relay checkout.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Measure how fast things are, each beside its limit; `bench --help` says more.
    #[command(disable_help_flag = true)]
    Bench {
        /// For the benchmarks.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Kill relays and cut their power, many times, and look for what was lost.
    Crash(crash::Options),
    /// Build the relay's Debian package; its path is the last line.
    Deb(deb::Options),
    /// Write the manual pages and shell completions of all programs into the target folder.
    Man,
    /// Run every test; with CSSR_REQUIRE=all a missing tool is a failure.
    Test,
    /// Do the main job: testimony in, answer out, every program a process of its own. Then stay up.
    Try(r#try::Options),
    /// Build the protocol crate for WebAssembly.
    Wasm,
}

fn main() -> ExitCode {
    match Command::parse() {
        Command::Bench { arguments } => bench::run(&arguments),
        Command::Crash(options) => crash::run(&options),
        Command::Deb(options) => deb::run(&options),
        Command::Man => man::run(),
        Command::Test => test::run(),
        Command::Try(options) => r#try::run(&options),
        Command::Wasm => wasm::run(),
    }
}
