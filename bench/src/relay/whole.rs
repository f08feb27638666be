//! The whole relay under clients that post, what each part of its work costs, and its peers.

use super::client::{Poster, Reader};
use super::engine;
use super::failure::RelayFailure;
use super::helper::{Helper, Plain};
use super::load::{Load, Worker, drive};
use super::peers::{Peer, Postgres, Redis};
use super::plain::PlainServer;
use super::program::RunningRelay;
use super::rounds::Rounds;
use super::store::SPACE;
use super::{Options, cpu::Process, disk, parts};
use crate::failure::Failure;
use crate::progress;
use crate::report::Report;
use cssr_proto::sizes::LARGE_WIRE;
use std::time::Duration;

/// How many clients post at once.
const CLIENTS: [usize; 3] = [1, 64, 512];
/// How many the goals are for.
const MANY: usize = 64;
/// Letters that can be delivered.
const LISTED: u64 = 2_000;
/// Letters that are prepared, for each second that things are measured: more than any relay takes here, warming up included.
/// Those beyond what memory is used for are made as they are sent.
const MOST: f64 = 30_000.0;
const MOST_OF_EACH: f64 = 4_000.0;
const IN_MEMORY: usize = 80_000;
/// Letters that share a sync at a relay for which [`MANY`] post: it makes 0.05 for each (docs/benchmarks.md).
const PER_SYNC: usize = 20;

pub(super) async fn run(options: &Options, report: &mut Report) -> Result<(), Failure> {
    report.heading(&format!("relay whole: {} rounds", options.rounds))?;
    let bar = progress::bar("whole", options.rounds);
    let mut rounds = Rounds::default();
    for _ in 0..options.rounds {
        let rate = relay(options, &mut rounds).await?;
        peer::<Postgres>(options, rate, &mut rounds).await?;
        peer::<Redis>(options, rate, &mut rounds).await?;
        bar.inc(1);
    }
    drop(bar);
    rounds.report(report)
}

/// Warms up, then works for the time; also the processor time of the server.
pub(super) async fn measure<W: Worker>(
    workers: Vec<W>,
    server: Process,
    time: Duration,
) -> Result<(Load, Duration, Vec<W>), RelayFailure> {
    let (_, workers) = drive(workers, time / 8).await?;
    let spent = server.time()?;
    let (load, workers) = drive(workers, time).await?;
    Ok((load, server.time()? - spent, workers))
}

/// The rate of posting at [`MANY`] clients.
async fn relay(options: &Options, rounds: &mut Rounds) -> Result<f64, RelayFailure> {
    let space = (SPACE * options.time.as_secs_f64()) as u64;
    let relay = RunningRelay::aged::<engine::Default>(options, LISTED, space).await?;
    let (mut rate, mut total) = (f64::NAN, f64::NAN);
    for count in CLIENTS {
        let mut posters = Poster::connect(relay.address, count).await?;
        let letters = (MOST / count as f64).min(MOST_OF_EACH) * options.time.as_secs_f64();
        posters.iter_mut().try_for_each(|poster| poster.prepare((letters as usize).min(IN_MEMORY / count)))?;
        let (load, spent, _) = measure(posters, relay.process(), options.time).await?;
        rounds.add(format!("whole.rate.{count}"), "letters/s", load.rate());
        rounds.add(format!("whole.cpu.{count}"), "us/letter", load.each(spent));
        rounds.add(format!("whole.p50.{count}"), "ms", load.latency(0.5));
        rounds.add(format!("whole.p99.{count}"), "ms", load.latency(0.99));
        if count == MANY {
            (rate, total) = (load.rate(), load.each(spent));
        }
    }
    let readers = Reader::connect(relay.address, MANY, LISTED).await?;
    let (load, _, _) = measure(readers, relay.process(), options.time / 2).await?;
    rounds.add(format!("whole.deliver.{MANY}"), "letters/s", load.rate());
    drop(relay);
    components(options, total, rounds).await?;
    Ok(rate)
}

/// What each part of the work costs alone, and what is left of the whole.
async fn components(options: &Options, total: f64, rounds: &mut Rounds) -> Result<(), RelayFailure> {
    let plain = PlainServer::start(Helper::Tuned).await?;
    let clients = plain.clients(MANY, LARGE_WIRE, Plain::Small).await?;
    let (load, spent, _) = measure(clients, plain.program.process, options.time).await?;
    let folder = options.folder()?;
    let journal = disk::pattern(folder.path(), PER_SYNC, options.time / 2)?;
    let parts = [
        ("socket", load.each(spent)),
        ("session", parts::session()?),
        ("day_key", parts::day_key()?),
        ("index", parts::index()?),
        ("journal", journal.cpu),
    ];
    for (name, cost) in parts {
        rounds.add(format!("whole.cpu.{MANY}.{name}"), "us/letter", cost);
    }
    let explained: f64 = parts.iter().map(|(_, cost)| cost).sum();
    rounds.add(format!("whole.cpu.{MANY}.unexplained"), "us/letter", total - explained);
    // However fast the machine is just now.
    rounds.add(format!("whole.cpu.{MANY}.to_parts"), "ratio", total / explained);
    Ok(())
}

/// The same work by another server, and how much faster the relay is.
async fn peer<P: Peer>(options: &Options, relay: f64, rounds: &mut Rounds) -> Result<(), RelayFailure> {
    let peer = match P::start(options.folder()?).await? {
        Ok(peer) => peer,
        Err(missing) => {
            eprintln!("not measured: {} ({missing})", P::NAME);
            return Ok(());
        }
    };
    for count in [1, MANY] {
        let mut clients = Vec::new();
        for _ in 0..count {
            clients.push(peer.connect().await?);
        }
        let (_, clients) = drive(clients, options.time / 8).await?;
        let (load, mut clients) = drive(clients, options.time).await?;
        rounds.add(format!("{}.rate.{count}", P::NAME), "letters/s", load.rate());
        if count == MANY {
            rounds.add(format!("whole.to_{}", P::NAME), "ratio", relay / load.rate());
            clients.iter_mut().for_each(super::peers::Deliver::deliver);
            let (load, _) = drive(clients, options.time / 2).await?;
            rounds.add(format!("{}.deliver.{count}", P::NAME), "letters/s", load.rate());
        }
    }
    Ok(())
}
