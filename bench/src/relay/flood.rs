//! What honest senders notice of clients that do their worst.

use super::engine;
use super::failure::RelayFailure;
use super::helper::Helper;
use super::load::{Load, drive};
use super::program::{Program, RunningRelay};
use super::rounds::Rounds;
use super::visitor::{LISTED, Visitor};
use super::{Options, parts};
use crate::failure::Failure;
use crate::progress;
use crate::report::Report;
use cssr_proto::EnvelopeId;
use cssr_relay::store::{Kind, Store as _};
use std::path::Path;
use std::time::Duration;

/// Clients that do their worst.
const HOSTILE: usize = 50;
/// How many times as long as other things are done: 60 s, if nothing else is said.
const LASTS: u32 = 30;
/// Honest senders at once.
const HONEST: usize = 2;
/// How long one rests between its visits.
const REST: Duration = Duration::from_millis(100);

pub(super) async fn run(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let lasts = options.time * LASTS;
    let seconds = lasts.as_secs_f64();
    report.heading(&format!("relay flood: {HOSTILE} hostile clients for {seconds:.0} s, {} rounds", options.rounds))?;
    let bar = progress::bar("flood", options.rounds);
    let (mut rounds, mut lost) = (Rounds::default(), 0);
    for _ in 0..options.rounds {
        rounds.add("flood.postage", "us", parts::postage()?);
        lost += flood(options, lasts, &mut rounds).await?;
        bar.inc(1);
    }
    drop(bar);
    rounds.report(report)?;
    // A goal may be missed; this may not happen.
    let gone = || RelayFailure::Wrong(format!("{lost} envelopes that were acknowledged are gone"));
    if lost == 0 { Ok(()) } else { Err(gone().into()) }
}

/// One relay, first left alone and then flooded; how many envelopes it has lost.
async fn flood(options: &Options, lasts: Duration, rounds: &mut Rounds) -> Result<usize, RelayFailure> {
    let relay = RunningRelay::as_shipped(options, LISTED).await?;
    let visitors = |address| (0..HONEST).map(move |_| Visitor::new(address, REST)).collect::<Vec<_>>();
    let (quiet, _) = drive(visitors(relay.address), lasts / 4).await?;

    let (memory, spent) = (relay.process().memory()?, relay.process().time()?);
    let stored = bytes_in(&relay.data())?;
    let (address, count) = (relay.address.to_string(), HOSTILE.to_string());
    let mut hostile = Program::helper(Helper::Attack, &["--to", &address, "--idle", &count])?;
    hostile.line("attacking").await?;
    let (flooded, visitors) = drive(visitors(relay.address), lasts).await?;
    hostile.tell("what").await?;
    let attacks: f64 = hostile.line("done").await?.parse().map_err(RelayFailure::wrong)?;
    let mut acknowledged = Vec::new();
    for kind in [Kind::Letter, Kind::Chunk] {
        for id in hostile.line("acknowledged").await?.split_ascii_whitespace() {
            let id: u128 = id.parse().map_err(RelayFailure::wrong)?;
            acknowledged.push((kind, EnvelopeId(id.to_be_bytes())));
        }
    }
    drop(hostile);

    let mut work: Vec<_> = visitors.iter().flat_map(|visitor| visitor.worked.iter().copied()).collect();
    work.sort_unstable();
    let worked = work.get(work.len() * 95 / 100).copied().unwrap_or_default();
    figures(rounds, &quiet, &flooded);
    let seconds = flooded.time.as_secs_f64();
    rounds.add("flood.work_p95", "ms", 1e3 * worked.as_secs_f64());
    rounds.add("flood.attacks", "requests/s", attacks / seconds);
    rounds.add("flood.cpu", "cores", (relay.process().time()? - spent).as_secs_f64() / seconds);
    let grown = |now: u64, before: u64| now.saturating_sub(before) as f64 / f64::from(1 << 20);
    rounds.add("flood.memory", "MiB", grown(relay.process().memory()?, memory));
    rounds.add("flood.disk", "MiB", grown(bytes_in(&relay.data())?, stored));
    rounds.add("flood.refused", "visits", visitors.iter().map(|visitor| visitor.refused).sum::<u64>() as f64);
    let relay = relay.stop().await?;
    let of_visitors = visitors.into_iter().flat_map(|visitor| visitor.acknowledged);
    acknowledged.extend(of_visitors.map(|id| (Kind::Letter, id)));
    rounds.add("flood.acknowledged", "envelopes", acknowledged.len() as f64);
    let lost = lost(&relay.data(), &acknowledged).await?;
    rounds.add("flood.lost", "envelopes", lost as f64);
    Ok(lost)
}

fn figures(rounds: &mut Rounds, quiet: &Load, flooded: &Load) {
    for (name, share) in [("p50", 0.5), ("p95", 0.95)] {
        rounds.add(format!("flood.{name}_quiet"), "ms", quiet.latency(share));
        rounds.add(format!("flood.{name}"), "ms", flooded.latency(share));
    }
    rounds.add("flood.ratio", "ratio", flooded.latency(0.95) / quiet.latency(0.95));
    rounds.add("flood.visits", "visits", flooded.done as f64);
}

/// How many of these the store of a stopped relay does not give back.
async fn lost(data: &Path, acknowledged: &[(Kind, EnvelopeId)]) -> Result<usize, RelayFailure> {
    let store = <engine::Default as engine::Engine>::open(data)?;
    let mut lost = 0;
    for (kind, id) in acknowledged {
        let held = store.get(*kind, None, &[*id]).await?;
        lost += usize::from(held.iter().any(Option::is_none));
    }
    store.close().await?;
    Ok(lost)
}

fn bytes_in(folder: &Path) -> std::io::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { bytes_in(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(bytes)
}
