//! A large index, served to many at once while others post.

use super::Options;
use super::client::{Client, Poster, connect};
use super::engine::{self, today};
use super::failure::RelayFailure;
use super::load::drive;
use super::program::RunningRelay;
use super::rounds::Rounds;
use super::whole::measure;
use crate::failure::Failure;
use crate::progress;
use crate::report::Report;
use cssr_proto::index::Index;
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use cssr_proto::sizes::ENVELOPE;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Letters in the index.
const LETTERS: u64 = 100_000;
/// Clients that fetch it at once.
const READERS: usize = 200;
/// Clients that post.
const POSTERS: usize = 64;
/// Posting is counted in pieces, because it is not known beforehand when the last reader is served.
const PIECE: Duration = Duration::from_millis(50);

pub(super) async fn run(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let letters = LETTERS.min(options.stored);
    report.heading(&format!("relay index: {letters} letters, {READERS} readers, {} rounds", options.rounds))?;
    let bar = progress::bar("index", options.rounds);
    let mut rounds = Rounds::default();
    let relay = RunningRelay::start::<engine::Default>(options, letters).await?;
    let frames = frames(&relay, letters).await?;
    let mut posters = Poster::connect(relay.address, POSTERS).await?;
    for _ in 0..options.rounds {
        let (load, _, workers) = measure(posters, relay.process(), options.time).await?;
        let quiet = load.rate();
        let readers = connect(relay.address, READERS).await?;
        let (busy, served, workers) = serve(workers, readers, frames).await?;
        posters = workers;
        rounds.add("index.rate_quiet", "letters/s", quiet);
        rounds.add("index.rate_while_served", "letters/s", busy);
        rounds.add("index.ratio", "ratio", busy / quiet);
        rounds.add("index.served_in", "s", served.as_secs_f64());
        bar.inc(1);
    }
    drop(bar);
    rounds.report(report)
}

/// In how many frames the index comes, which must list all letters.
async fn frames(relay: &RunningRelay, letters: u64) -> Result<usize, RelayFailure> {
    let mut client = Client::connect(relay.address).await?;
    match client.ask(Request::Index(today())).await? {
        Response::Index(index) if listed(&index) == letters => Ok(index.to_bytes().len().div_ceil(ENVELOPE)),
        other => Err(RelayFailure::Wrong(format!("the index was answered with {other:?}, or lacks letters"))),
    }
}

fn listed(index: &Index) -> u64 {
    index.batches.iter().map(|batch| batch.ids().len() as u64).sum()
}

/// The rate of posting while all readers are served, and how long that took. The readers do not look into what they get:
/// they would take away from the relay what in truth is done on as many telephones.
async fn serve(
    mut posters: Vec<Poster>,
    readers: Vec<Client>,
    frames: usize,
) -> Result<(f64, Duration, Vec<Poster>), RelayFailure> {
    let started = Instant::now();
    let mut reading = JoinSet::new();
    for mut reader in readers {
        reading.spawn(async move {
            reader.send(Request::Index(today())).await?;
            reader.swallow(frames).await?;
            Ok::<_, RelayFailure>(started.elapsed())
        });
    }
    let (mut posted, mut time, mut served) = (0, Duration::ZERO, Duration::ZERO);
    while !reading.is_empty() {
        let (load, workers) = drive(posters, PIECE).await?;
        posters = workers;
        posted += load.done;
        time += load.time;
        while let Some(read) = reading.try_join_next() {
            served = served.max(read.map_err(|_| RelayFailure::wrong("a reader panicked"))??);
        }
    }
    Ok((posted as f64 / time.as_secs_f64(), served, posters))
}
