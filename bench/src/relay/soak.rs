//! A relay in use for a long time: whether anything of it grows that should not.

use super::Options;
use super::client::Client;
use super::cpu::Process;
use super::engine;
use super::failure::RelayFailure;
use super::load::drive;
use super::program::RunningRelay;
use super::rounds::Rounds;
use super::visitor::{LISTED, Visitor};
use crate::failure::Failure;
use crate::progress;
use crate::report::Report;
use std::time::Duration;

/// How many times as long as other things are done: an hour, if nothing else is said.
const LASTS: u32 = 1_800;
/// Looked at so many times, after the first tenth, in which caches fill and days begin to expire.
const LOOKS: u32 = 54;
/// Days that pass at the relay. Letters stay for three of them and what is left of their own, so as many come as expire.
const DAYS: u32 = 72;
/// Sources at once, and how long each rests between its visits.
const SOURCES: usize = 4;
const REST: Duration = Duration::from_millis(500);

/// What a process has, besides what it does.
struct Held {
    memory: u64,
    files: usize,
    threads: usize,
}

impl Held {
    fn by(process: Process) -> Result<Self, RelayFailure> {
        let (files, threads) = (process.entries("fd")?, process.entries("task")?);
        Ok(Self { memory: process.memory()?, files, threads })
    }
}

pub(super) async fn run(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let lasts = options.time * LASTS;
    report.heading(&format!("relay soak: {:.0} minutes", lasts.as_secs_f64() / 60.0))?;
    let bar = progress::bar("soak", LOOKS as usize + 1);
    let mut rounds = Rounds::default();
    let mut relay = RunningRelay::with_days_of(lasts / DAYS, options, LISTED).await?;
    let visitors = (0..SOURCES).map(|_| Visitor::new(relay.address, REST)).collect();
    let (warm, mut visitors) = drive(visitors, lasts / 10).await?;
    let first = Held::by(relay.process())?;
    let mut visits = warm.done;
    for _ in 0..LOOKS {
        relay.renew().await?;
        let (load, workers) = drive(visitors, lasts * 9 / 10 / LOOKS).await?;
        (visitors, visits) = (workers, visits + load.done);
        let held = Held::by(relay.process())?;
        rounds.add("soak.memory", "MiB", held.memory as f64 / f64::from(1 << 20));
        rounds.add("soak.files", "files", held.files as f64);
        rounds.add("soak.threads", "threads", held.threads as f64);
        rounds.add("soak.p95", "ms", load.latency(0.95));
        bar.inc(1);
    }
    drop(bar);
    let last = Held::by(relay.process())?;
    let grown = last.memory.saturating_sub(first.memory) as f64;
    let letters: usize = visitors.iter().map(|visitor| visitor.acknowledged.len()).sum();
    let today = Client::connect(relay.address).await?.day();
    rounds.add("soak.visits", "visits", visits as f64);
    rounds.add("soak.letters", "letters", letters as f64);
    rounds.add("soak.days", "days", f64::from(today.since(engine::today())));
    rounds.add("soak.growth", "MiB", grown / f64::from(1 << 20));
    rounds.add("soak.files_more", "files", last.files.saturating_sub(first.files) as f64);
    let refused: u64 = visitors.iter().map(|visitor| visitor.refused).sum();
    rounds.add("soak.refused", "visits", refused as f64);
    relay.stop().await?;
    rounds.report(report)
}
