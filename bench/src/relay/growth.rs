//! How putting and fetching slow down as more is stored and more clients come.

use super::Options;
use super::client::{Poster, Reader};
use super::engine;
use super::failure::RelayFailure;
use super::load::{Load, drive};
use super::program::StoppedRelay;
use super::rounds::Rounds;
use super::store::disk_of;
use super::whole::measure;
use crate::failure::Failure;
use crate::progress;
use crate::report::Report;
use std::time::Duration;

/// How much is stored.
const STORED: [u64; 5] = [10_000, 30_000, 100_000, 300_000, 1_000_000];
/// How many clients there are at once.
const CLIENTS: [usize; 3] = [1, 64, 512];
/// For how long one client posts before the relay is killed.
const CHANGES: Duration = Duration::from_millis(50);
/// More is not stored, whatever the disk has.
const DISK_MOST: u64 = 20 << 30;
/// Of what the disk has free.
const DISK_SHARE: f64 = 0.8;

pub(super) async fn run(options: &Options, report: &mut Report) -> Result<(), Failure> {
    report.heading("relay growth: one round for each number of letters and clients")?;
    let bar = progress::bar("growth", STORED.len());
    let mut rounds = Rounds::default();
    let space = rustix::fs::statvfs(&options.folder).map_err(RelayFailure::from)?;
    let most = DISK_MOST.min(((space.f_bavail * space.f_frsize) as f64 * DISK_SHARE) as u64);
    let (mut relay, mut letters) = (StoppedRelay::new(options)?, 0);
    for stored in STORED.into_iter().filter(|stored| *stored <= options.stored) {
        let used = if letters == 0 { 0 } else { disk_of(&relay.data())? };
        if letters > 0 && used as f64 / letters as f64 * stored as f64 > most as f64 {
            eprintln!("not measured: {stored} letters and more (they would take more than {} MiB of disk)", most >> 20);
            break;
        }
        relay.fill::<engine::Default>(stored.saturating_sub(letters)).await?;
        letters = letters.max(stored);
        relay = start(relay, stored, &mut rounds).await?;
        let running = relay.start::<engine::Default>().await?;
        for clients in CLIENTS {
            let posters = Poster::connect(running.address, clients).await?;
            let (load, _, _) = measure(posters, running.process(), options.time).await?;
            letters += load.done;
            add("put", stored, clients, &load, &mut rounds);
            let readers = Reader::connect(running.address, clients, stored).await?;
            let (load, _, _) = measure(readers, running.process(), options.time).await?;
            add("group", stored, clients, &load, &mut rounds);
        }
        relay = running.stop().await?;
        bar.inc(1);
    }
    drop(bar);
    rounds.report(report)
}

/// How long a start takes after a stop in good order and after none, from a cold disk, and how much memory it needs.
async fn start(relay: StoppedRelay, stored: u64, rounds: &mut Rounds) -> Result<StoppedRelay, RelayFailure> {
    let mut relay = relay;
    for after in ["stop", "kill"] {
        relay.forget()?;
        let running = relay.start::<engine::Default>().await?;
        rounds.add(format!("growth.ready_after_{after}.{stored}"), "s", running.ready.as_secs_f64());
        let memory = running.process().memory_most()? as f64 / (1 << 20) as f64;
        rounds.add(format!("growth.memory_after_{after}.{stored}"), "MiB", memory);
        // Without a change there would be nothing in disorder.
        drive(Poster::connect(running.address, 1).await?, CHANGES).await?;
        relay = running.kill().await?;
    }
    Ok(relay)
}

fn add(what: &str, stored: u64, clients: usize, load: &Load, rounds: &mut Rounds) {
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        rounds.add(format!("growth.{what}.{stored}.{clients}.{name}"), "ms", load.latency(share));
    }
    rounds.add(format!("growth.{what}.{stored}.{clients}.rate"), "letters/s", load.rate());
}
