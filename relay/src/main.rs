//! `cssr-relay`: the relay as a program.
//!
//! Exit codes: 0 ended in good order, 1 something failed, 2 the command line or the configuration is wrong.

mod cli;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let result = match cli::Cli::parse().command {
        cli::Command::Init(arguments) => cli::init::run(&arguments),
        cli::Command::Serve(arguments) => cli::serve::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}
