//! `cargo xtask bench`: how fast things are, each beside the limit that it is measured against.
//!
//! Each benchmark is a module with one function `run`, which gives its figures to the [`Report`] as soon as it knows
//! them. docs/benchmarks.md says what is measured, what is not, and what came out.
//!
//! Exit codes: 0 measured (whether or not a goal holds: the figures say that), 1 something failed, 2 wrong arguments.
#![allow(clippy::print_stderr, reason = "a program talks to the terminal")]

mod bare;
mod comparison;
mod desk;
mod failure;
mod open;
mod progress;
mod relay;
mod report;
mod seal;
mod sources;
mod statistics;
mod turns;

use clap::{Parser, ValueEnum};
use failure::Failure;
use report::Report;
use std::num::NonZero;
use std::process::ExitCode;
use std::thread;

/// Measure CSSR Relay on this machine. Docs: docs/benchmarks.md.
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Arguments {
    /// What to measure; everything if nothing is named.
    names: Vec<Benchmark>,
    /// Print one JSON object a line: name, value, unit, goal, holds.
    #[arg(long)]
    json: bool,
    /// How many letters to open or to seal in each round.
    #[arg(long, value_name = "N")]
    letters: Option<NonZero<usize>>,
    /// How often to measure; the median counts.
    #[arg(long, value_name = "N", default_value = "5")]
    rounds: NonZero<usize>,
    #[command(flatten)]
    relay: relay::Arguments,
}

#[derive(Clone, Copy, ValueEnum)]
enum Benchmark {
    /// Opening letters on every core.
    Open,
    /// Sealing letters to seven seats.
    Seal,
    /// Storing, serving and holding connections, beside the bare disk and other servers.
    Relay,
}

/// What every benchmark is told.
struct Options {
    letters: Option<NonZero<usize>>,
    rounds: usize,
    cores: usize,
    relay: relay::Arguments,
}

fn main() -> ExitCode {
    let Arguments { names, json, letters, rounds, relay } = Arguments::parse();
    if let Some(code) = relay::help(&relay) {
        return code;
    }
    if cfg!(debug_assertions) {
        eprintln!("warning: built without optimisation, so the figures mean nothing; use `cargo xtask bench`");
    }
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let options = Options { letters, rounds: rounds.get(), cores, relay };
    let names = if names.is_empty() { Benchmark::value_variants() } else { &names };
    match measure(names, &options, &mut Report::new(json)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure(names: &[Benchmark], options: &Options, report: &mut Report) -> Result<(), Failure> {
    report.machine(options.cores)?;
    names.iter().try_for_each(|name| match name {
        Benchmark::Open => open::run(options, report),
        Benchmark::Seal => seal::run(options, report),
        Benchmark::Relay => relay::run(options, report),
    })
}
