//! What honest senders notice of clients that do their worst.

use super::client::Client;
use super::engine::{self, Letters, today};
use super::failure::RelayFailure;
use super::helper::Helper;
use super::load::{Load, Worker, drive};
use super::office::GROUP;
use super::program::{Program, RunningRelay};
use super::rounds::Rounds;
use super::{Options, parts};
use crate::failure::Failure;
use crate::progress;
use crate::report::Report;
use cssr_proto::EnvelopeId;
use cssr_proto::index::Group;
use cssr_proto::postage::Challenge;
use cssr_proto::request::{Post, Request};
use cssr_proto::response::Response;
use cssr_proto::session::HandshakeHash;
use cssr_proto::wire_error::ErrorCode;
use cssr_relay::store::{Kind, Store as _};
use getrandom::SysRng;
use rand_core::{Rng as _, UnwrapErr};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// Clients that do their worst.
const HOSTILE: usize = 50;
/// How many times as long as other things are done: 60 s, if nothing else is said.
const LASTS: u32 = 30;
/// Honest senders at once.
const HONEST: usize = 2;
/// How long one rests between its visits.
const REST: Duration = Duration::from_millis(100);
/// Letters of a visit, and days of the index that it asks for.
const ROUNDS: usize = 2;
const DAYS: u32 = 15;
/// Letters that are listed when it begins.
const LISTED: u64 = 2_000;

pub(super) async fn run(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let lasts = options.time * LASTS;
    report.heading(&format!("relay flood: {HOSTILE} hostile clients for {:.0} s", lasts.as_secs_f64()))?;
    let bar = progress::bar("flood", 3);
    let mut rounds = Rounds::default();
    rounds.add("flood.postage", "us", parts::postage()?);
    bar.inc(1);
    let relay = RunningRelay::as_shipped(options, LISTED).await?;
    let visitors = |address| (0..HONEST).map(move |_| Visitor::new(address)).collect::<Vec<_>>();
    let (quiet, _) = drive(visitors(relay.address), lasts / 4).await?;
    bar.inc(1);

    let (memory, spent) = (relay.process().memory()?, relay.process().time()?);
    let stored = bytes_in(&relay.data())?;
    let (address, count) = (relay.address.to_string(), HOSTILE.to_string());
    let mut hostile = Program::helper(Helper::Attack, &["--to", &address, "--idle", &count])?;
    hostile.line("attacking").await?;
    let (flooded, visitors) = drive(visitors(relay.address), lasts).await?;
    hostile.tell("what").await?;
    let attacks: f64 = hostile.line("done").await?.parse().map_err(RelayFailure::wrong)?;
    drop(hostile);
    bar.inc(1);

    let mut work: Vec<_> = visitors.iter().flat_map(|visitor| visitor.worked.iter().copied()).collect();
    work.sort_unstable();
    let worked = work.get(work.len() * 95 / 100).copied().unwrap_or_default();
    figures(&mut rounds, &quiet, &flooded);
    let seconds = flooded.time.as_secs_f64();
    rounds.add("flood.work_p95", "ms", 1e3 * worked.as_secs_f64());
    rounds.add("flood.attacks", "requests/s", attacks / seconds);
    rounds.add("flood.cpu", "cores", (relay.process().time()? - spent).as_secs_f64() / seconds);
    let grown = |now: u64, before: u64| now.saturating_sub(before) as f64 / f64::from(1 << 20);
    rounds.add("flood.memory", "MiB", grown(relay.process().memory()?, memory));
    rounds.add("flood.disk", "MiB", grown(bytes_in(&relay.data())?, stored));
    rounds.add("flood.refused", "visits", visitors.iter().map(|visitor| visitor.refused).sum::<u64>() as f64);
    let relay = relay.stop().await?;
    let acknowledged: Vec<_> = visitors.into_iter().flat_map(|visitor| visitor.acknowledged).collect();
    rounds.add("flood.lost", "letters", lost(&relay.data(), &acknowledged).await? as f64);
    rounds.report(report)
}

fn figures(rounds: &mut Rounds, quiet: &Load, flooded: &Load) {
    for (name, share) in [("p50", 0.5), ("p95", 0.95)] {
        rounds.add(format!("flood.{name}_quiet"), "ms", quiet.latency(share));
        rounds.add(format!("flood.{name}"), "ms", flooded.latency(share));
    }
    rounds.add("flood.ratio", "ratio", flooded.latency(0.95) / quiet.latency(0.95));
    rounds.add("flood.visits", "visits", flooded.done as f64);
}

/// How many of these letters the store of a stopped relay does not give back.
async fn lost(data: &Path, acknowledged: &[EnvelopeId]) -> Result<usize, RelayFailure> {
    let store = <engine::Default as engine::Engine>::open(data)?;
    let mut lost = 0;
    for id in acknowledged {
        let held = store.get(Kind::Letter, None, &[*id]).await?;
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

/// Somebody who makes one visit after the other, with work if it is asked for. The work is counted apart: what it costs is
/// known, and it is done on a telephone.
struct Visitor {
    address: SocketAddr,
    letters: Letters,
    acknowledged: Vec<EnvelopeId>,
    /// What the work of each visit took.
    worked: Vec<Duration>,
    /// Visits in which a letter was not taken, and that would be made again.
    refused: u64,
}

impl Visitor {
    fn new(address: SocketAddr) -> Self {
        let (acknowledged, worked) = (Vec::new(), Vec::new());
        Self { address, letters: Letters::new(), acknowledged, worked, refused: 0 }
    }

    async fn visit(&mut self) -> Result<(), RelayFailure> {
        let mut client = Client::connect(self.address).await?;
        for request in [Request::Directory, Request::Note] {
            client.ask(request).await?;
        }
        for age in 0..DAYS {
            let Response::Index(_) = client.ask(Request::Index(today().minus(age))).await? else {
                return Err(RelayFailure::wrong("an index was refused"));
            };
        }
        let begun = Instant::now();
        let mut posts = Vec::new();
        for _ in 0..ROUNDS {
            let (id, bytes) = self.letters.next();
            let session = HandshakeHash::from_bytes(*client.handshake_hash());
            let (challenge, effort, envelope) = (Challenge::letter(&session, &id), client.letter_effort(), *bytes);
            let solved = move || {
                // On a telephone, in truth.
                let _ = rustix::process::nice(19);
                challenge.solve(effort, u32::MAX, &mut UnwrapErr(SysRng))
            };
            let postage = tokio::task::spawn_blocking(solved).await.ok().flatten();
            let postage = postage.ok_or_else(|| RelayFailure::wrong("the postage was not found"))?;
            posts.push((id, Post::letter(id, postage, &envelope)));
        }
        self.worked.push(begun.elapsed());
        let mut refused = false;
        for (id, post) in posts {
            match client.ask(Request::Post(post)).await? {
                Response::Posted => self.acknowledged.push(id),
                Response::Error(error) if error.code == ErrorCode::Busy => refused = true,
                other => return Err(RelayFailure::Wrong(format!("a letter was answered with {other:?}"))),
            }
            let number = UnwrapErr(SysRng).next_u32() % (LISTED / GROUP) as u32;
            let Response::Group(_) = client.ask(Request::Group(Group { day: today(), number })).await? else {
                return Err(RelayFailure::wrong("a group was refused"));
            };
        }
        self.refused += u64::from(refused);
        Ok(())
    }
}

impl Worker for Visitor {
    async fn work(&mut self) -> Result<u64, RelayFailure> {
        self.visit().await?;
        Ok(1)
    }

    fn not_counted(&self) -> Duration {
        self.worked.last().copied().unwrap_or_default()
    }

    async fn rest(&mut self) {
        tokio::time::sleep(REST).await;
    }
}
