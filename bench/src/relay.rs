//! `bench relay`: what a relay does in a second and what it needs for that, beside the bare disk, a bare WebSocket server
//! and other servers that store as durably.
//!
//! The relay is the program `cssr-relay` in a process of its own, which lies beside this one. Clients run here; those that
//! only stay connected, the bare WebSocket servers, and a relay with short days, are this program again ([`Helper`]).

mod client;
mod cpu;
mod days;
mod delivery;
mod disk;
mod engine;
mod failure;
mod flood;
mod goals;
mod growth;
mod helper;
mod hostile;
mod idle;
mod index;
mod junk;
mod load;
mod office;
mod parts;
mod peers;
mod plain;
mod program;
mod rounds;
mod soak;
mod store;
mod visitor;
mod whole;

pub(crate) use failure::RelayFailure;
use helper::Helper;

use crate::failure::Failure;
use crate::report::Report;
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tempfile::TempDir;

/// For `relay` alone.
#[derive(Args, Clone)]
#[command(next_help_heading = "Options of relay")]
#[group(id = "relay_options")]
pub(crate) struct Arguments {
    /// Measure only this; several times for several. All but soak if none is named.
    #[arg(long, value_name = "PART")]
    part: Vec<Part>,
    /// How long each thing is done in each round.
    #[arg(long, value_name = "S", default_value = "2", value_parser = seconds)]
    seconds: Duration,
    /// Where to store; it must lie on a disk. Everything is removed at the end.
    #[arg(long, value_name = "FOLDER", default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// How many sessions are held open; fewer if a process may not have so many files open.
    #[arg(long, value_name = "N", default_value = "10000")]
    idle: usize,
    /// How many letters lie in the relay at most.
    #[arg(long, value_name = "N", default_value = "1000000")]
    stored: u64,
    /// What this process is for, if it is one of those that the benchmark starts.
    #[arg(long, hide = true)]
    helper: Option<Helper>,
    #[arg(long, hide = true)]
    to: Option<SocketAddr>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The store alone, beside the bare disk.
    Store,
    /// The whole relay, what its work consists of, and its peers.
    Whole,
    /// Groups and drains, beside a plain WebSocket server.
    Delivery,
    /// Sessions that are only held.
    Idle,
    /// A large index for many clients.
    Index,
    /// Honest visits while others do their worst.
    Flood,
    /// What means nothing, and what it costs the relay and its sender.
    Junk,
    /// Latency as letters and clients become more.
    Growth,
    /// An hour of quiet use; only if it is named.
    Soak,
}

/// What every part is told.
struct Options {
    rounds: usize,
    time: Duration,
    folder: PathBuf,
    idle: usize,
    stored: u64,
}

impl Options {
    /// A folder that is removed with all that is in it.
    fn folder(&self) -> Result<TempDir, RelayFailure> {
        Ok(tempfile::Builder::new().prefix("cssr-bench-").tempdir_in(&self.folder)?)
    }
}

pub(crate) fn run(options: &crate::Options, report: &mut Report) -> Result<(), Failure> {
    let Arguments { part, seconds, folder, idle, stored, helper: _, to: _ } = options.relay.clone();
    check_folder(&folder)?;
    idle::files()?;
    let usual = || Part::value_variants().iter().copied().filter(|part| *part != Part::Soak).collect();
    let parts = if part.is_empty() { usual() } else { part };
    let options = Options { rounds: options.rounds, time: seconds, folder, idle, stored };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(RelayFailure::from)?;
    runtime.block_on(async {
        for part in parts {
            match part {
                Part::Store => store::run(&options, report).await?,
                Part::Whole => whole::run(&options, report).await?,
                Part::Delivery => delivery::run(&options, report).await?,
                Part::Idle => idle::run(&options, report).await?,
                Part::Index => index::run(&options, report).await?,
                Part::Flood => flood::run(&options, report).await?,
                Part::Junk => junk::run(&options, report).await?,
                Part::Growth => growth::run(&options, report).await?,
                Part::Soak => soak::run(&options, report).await?,
            }
        }
        Ok(())
    })
}

/// If this process is a helper: does its work and ends.
pub(crate) fn help(arguments: &Arguments) -> Option<ExitCode> {
    arguments.helper.map(|helper| helper::run(helper, arguments))
}

/// What lies in memory is never durable, and syncing it costs nothing.
fn check_folder(folder: &Path) -> Result<(), RelayFailure> {
    const TMPFS: i64 = 0x0102_1994;
    let kind = rustix::fs::statfs(folder)?.f_type;
    if kind == TMPFS {
        let folder = folder.display();
        return Err(RelayFailure::Wrong(format!("{folder} lies in memory; name a folder on a disk with --folder")));
    }
    Ok(())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number")?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if (0.01..=60.0).contains(&seconds) => Ok(time),
        _ => Err("from 0.01 to 60".into()),
    }
}
