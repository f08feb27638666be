//! The store alone, through its trait, beside what the disk does by itself.

use super::engine::{Engine, Letters, stored, today};
use super::failure::RelayFailure;
use super::load::{Load, Worker, drive};
use super::program::forget;
use super::rounds::Rounds;
use super::{Options, cpu, disk, engine};
use crate::failure::Failure;
use crate::progress;
use crate::report::Report;
use cssr_proto::parcel::{BurnHash, BurnKey};
use cssr_proto::sizes::ENVELOPE;
use cssr_relay::store::{Kind, Lives, Put, SledStore, Store};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Writers that the goals are for.
const WRITERS: usize = 64;

/// Rounds of: the disk alone, then each engine beside the journal's write pattern.
pub(super) async fn run(options: &Options, report: &mut Report) -> Result<(), Failure> {
    report.heading(&format!("relay store: {} rounds", options.rounds))?;
    let bar = progress::bar("store", options.rounds);
    let mut rounds = Rounds::default();
    for round in 0..options.rounds {
        first_day(options, &mut rounds).await?;
        round_of::<engine::Default>(options, round, &mut rounds).await?;
        round_of::<SledStore>(options, round, &mut rounds).await?;
        churn::<engine::Default>(options, &mut rounds).await?;
        bar.inc(1);
    }
    churn::<SledStore>(options, &mut rounds).await?;
    drop(bar);
    rounds.report(report)
}

/// The name of a figure. Those of the default engine do not name it.
fn name<E: Engine>(figure: &str) -> String {
    if E::NAME == engine::Default::NAME { figure.to_owned() } else { format!("{}.{figure}", E::NAME) }
}

/// Letters for which an expired day has left space, for each second that things are measured.
pub(super) const SPACE: f64 = 80_000.0;

/// What the default engine does before the first day has expired: it writes all space with zeros before it uses it.
async fn first_day(options: &Options, rounds: &mut Rounds) -> Result<(), RelayFailure> {
    let folder = options.folder()?;
    let store = Arc::new(<engine::Default as Engine>::open(folder.path())?);
    put(&store, WRITERS, options.time / 4).await?;
    let written = cpu::written_by_this_process()?;
    let (load, _) = put(&store, WRITERS, options.time).await?;
    let written = cpu::written_by_this_process()? - written;
    rounds.add(format!("store.first_days.rate.{WRITERS}"), "letters/s", load.rate());
    rounds.add("store.first_days.write_amplification", "ratio", written as f64 / (load.done as f64 * ENVELOPE as f64));
    Ok(store.close().await?)
}

/// One round with one engine.
async fn round_of<E: Engine>(options: &Options, round: usize, rounds: &mut Rounds) -> Result<(), RelayFailure> {
    let folder = options.folder()?;
    let name = name::<E>;
    let store = Arc::new(<E as Engine>::open(folder.path())?);
    if E::NAME == engine::Default::NAME {
        engine::age(&store, (SPACE * options.time.as_secs_f64()) as u64).await?;
    }
    for writers in [1, WRITERS] {
        // Opens files, takes space, and tells how many puts share a sync.
        let (_, per_sync) = put(&store, writers, options.time / 4).await?;
        let many = per_sync.round() as usize;
        let appended = disk::append(folder.path(), many, options.time)?;
        rounds.add(name(&format!("disk.append.{writers}")), "records/s", appended.rate);
        forget(folder.path())?;
        let pattern = || disk::pattern(folder.path(), many, options.time);
        // Which goes first changes from round to round.
        let early = round.is_multiple_of(2).then(pattern).transpose()?;
        let (written, spent) = (cpu::written_by_this_process()?, cpu::of_this_process());
        let (load, per_sync) = put(&store, writers, options.time).await?;
        let (written, spent) = (cpu::written_by_this_process()? - written, cpu::of_this_process() - spent);
        let bare = early.map_or_else(pattern, Ok)?;
        rounds.add(name(&format!("disk.pattern.{writers}")), "records/s", bare.rate);
        rounds.add(name(&format!("store.rate.{writers}")), "letters/s", load.rate());
        rounds.add(name(&format!("store.per_sync.{writers}")), "letters", per_sync);
        rounds.add(name(&format!("store.cpu.{writers}")), "us/letter", load.each(spent));
        if writers == WRITERS {
            rounds.add(name("store.ratio"), "ratio", load.rate() / bare.rate);
            let amplification = written as f64 / (load.done as f64 * ENVELOPE as f64);
            rounds.add(name("store.write_amplification"), "ratio", amplification);
        }
    }
    Ok(store.close().await?)
}

/// Puts by so many writers; also how many shared a sync on average.
async fn put<E: Engine>(store: &Arc<E>, writers: usize, time: Duration) -> Result<(Load, f64), RelayFailure> {
    let workers = (0..writers).map(|_| Writer { store: Arc::clone(store), letters: Letters::new() }).collect();
    let syncs = store.syncs();
    let (load, _) = drive(workers, time).await?;
    let per_sync = load.done as f64 / (store.syncs() - syncs).max(1) as f64;
    Ok((load, per_sync.max(1.0)))
}

struct Writer<S> {
    store: Arc<S>,
    letters: Letters,
}

impl<S: Store> Worker for Writer<S> {
    async fn work(&mut self) -> Result<u64, RelayFailure> {
        stored(self.store.put(self.letters.next_put(today())?).await?)?;
        Ok(1)
    }
}

/// Days that pass, letters each day, and days that letters live.
const DAYS: u32 = 12;
const A_DAY: usize = 1_000;
const LIVES: Lives = Lives { letters: 4, chunks: 4 };

/// How much disk the store takes while days come and go and three of four chunks are burned: of what is live.
async fn churn<E: Engine>(options: &Options, rounds: &mut Rounds) -> Result<(), RelayFailure> {
    let folder = options.folder()?;
    let store = Arc::new(<E as Engine>::open(folder.path())?);
    let mut letters = Letters::new();
    for passed in 0..DAYS {
        let day = today().minus(DAYS).plus(passed);
        store.expire(day, LIVES).await?;
        let (mut puts, mut burns) = (Vec::new(), Vec::new());
        for number in 0..A_DAY {
            puts.push(letters.next_put(day)?);
            let key = BurnKey::from_bytes([7; 32]);
            let burn = Some(BurnHash(cssr_proto::sha256(key.as_bytes())));
            let chunk = Put { kind: Kind::Chunk, burn, ..letters.next_put(day)? };
            if number % 4 != 0 {
                burns.push((chunk.id, key));
            }
            puts.push(chunk);
        }
        // Listed a few dozen at a time, as a relay with so many a day does.
        for some in puts.chunks(WRITERS) {
            futures_util::future::try_join_all(some.iter().map(|put| store.put(put.clone()))).await?;
            for kind in [Kind::Letter, Kind::Chunk] {
                while store.seal(kind).await?.is_some() {}
            }
        }
        futures_util::future::try_join_all(burns.into_iter().map(|(id, key)| store.burn(id, key))).await?;
    }
    store.close().await?;
    let live = (A_DAY + A_DAY / 4) * (LIVES.letters as usize + 1) * ENVELOPE;
    rounds.add(name::<E>("store.churn"), "ratio", disk_of(folder.path())? as f64 / live as f64);
    Ok(())
}

/// Bytes of disk that everything in a folder occupies.
pub(super) fn disk_of(folder: &Path) -> Result<u64, RelayFailure> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let metadata = entry?.path().symlink_metadata()?;
        bytes += metadata.blocks() * 512;
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            bytes += disk_of(&path)?;
        }
    }
    Ok(bytes)
}
