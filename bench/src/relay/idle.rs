//! Sessions that are held open and ask for nothing: how much memory each takes, and whether they stay while others post.

use super::Options;
use super::client::Poster;
use super::engine;
use super::failure::RelayFailure;
use super::helper::Helper;
use super::program::{Program, RunningRelay};
use super::rounds::Rounds;
use super::whole::measure;
use crate::failure::Failure;
use crate::progress;
use crate::report::Report;

/// Clients that post meanwhile.
const POSTERS: usize = 64;
/// Descriptors that a process needs beside those of its connections.
const OTHER_FILES: u64 = 300;

pub(super) async fn run(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let count = options.idle.min(usize::try_from(files()?.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX));
    report.heading(&format!("relay idle: {count} sessions, {} rounds", options.rounds))?;
    let bar = progress::bar("idle", options.rounds);
    let mut rounds = Rounds::default();
    for _ in 0..options.rounds {
        round(options, count, &mut rounds).await?;
        bar.inc(1);
    }
    drop(bar);
    rounds.report(report)
}

async fn round(options: &Options, count: usize, rounds: &mut Rounds) -> Result<(), RelayFailure> {
    let relay = RunningRelay::start::<engine::Default>(options, 0).await?;
    let posters = Poster::connect(relay.address, POSTERS).await?;
    let (load, _, _) = measure(posters, relay.process(), options.time).await?;
    rounds.add("idle.rate_without", "letters/s", load.rate());
    drop(relay);

    // Another one, whose memory holds nothing yet that the sessions could take over.
    let relay = RunningRelay::start::<engine::Default>(options, 0).await?;
    let before = relay.process().memory()?;
    let (address, sessions) = (relay.address.to_string(), count.to_string());
    let mut holder = Program::helper(Helper::Hold, &["--to", &address, "--idle", &sessions])?;
    let held = |line: String| line.parse::<usize>().map_err(RelayFailure::wrong);
    let connected = held(holder.line("held").await?)?;
    let memory = relay.process().memory()?.saturating_sub(before);
    rounds.add("idle.memory", "KiB/session", memory as f64 / 1_024.0 / connected as f64);

    let posters = Poster::connect(relay.address, POSTERS).await?;
    let (load, _, _) = measure(posters, relay.process(), options.time).await?;
    rounds.add("idle.rate", "letters/s", load.rate());
    holder.tell("who").await?;
    rounds.add("idle.held", "sessions", held(holder.line("held").await?)? as f64);
    Ok(())
}

/// How many descriptors this process and its children may have open, once that is as many as it may allow itself.
pub(super) fn files() -> Result<u64, RelayFailure> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(maximum.unwrap_or(u64::MAX))
}
