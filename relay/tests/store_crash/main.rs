//! kill -9, or a loss of power, at any moment: whatever was acknowledged is there afterwards, byte for byte, batches stay
//! as announced, and nothing comes back that was burned or has expired.
//!
//! `CSSR_CRASH_CYCLES=200` makes it a long run; so does `cargo xtask crash --cycles 200`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test, which says what it has done"
)]

mod full;
#[path = "../support/image.rs"]
mod image;

use image::Image;

use cssr_proto::index::{Batch, Head};
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::parcel::BurnKey;
use cssr_proto::sizes::ENVELOPE;
use cssr_proto::{Day, Envelope, EnvelopeId};
use cssr_relay::store::{
    BurnOutcome, JournalConfig, JournalStore, Kind, Lives, OpenError, Put, PutOutcome, Quotas, SledConfig, SledStore,
    Store,
};
use rand_core::{Rng as _, SeedableRng as _};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use tokio::sync::Notify;

type ChaCha20Rng = chacha20::ChaCha20Rng;

/// Set for the child: the engine, the store's folder, the first seed it may use, and its first day.
const ENGINE: &str = "CSSR_STORE_CRASH_ENGINE";
const FOLDER: &str = "CSSR_STORE_CRASH_FOLDER";
const SEED: &str = "CSSR_STORE_CRASH_SEED";
const DAY: &str = "CSSR_STORE_CRASH_DAY";
/// How often each engine crashes, unless the environment says otherwise.
const CYCLES: u64 = 6;
const CYCLES_WANTED: &str = "CSSR_CRASH_CYCLES";
const WRITERS: u64 = 8;
/// Envelopes after which a child's day turns.
const A_DAY: u64 = 64;
const RELAY: RelayPublicKey = RelayPublicKey([3; 32]);
const LIVES: Lives = Lives { letters: 2, chunks: 2 };
const FIRST_DAY: u32 = 20_000;

const QUOTAS: Quotas = Quotas { letters: u64::MAX, chunks: u64::MAX };

trait Engine: Store + Sized {
    const NAME: &'static str;

    fn try_open(folder: &Path, seed: u64) -> Result<Self, OpenError>;

    fn open(folder: &Path, seed: u64) -> Self {
        Self::try_open(folder, seed).unwrap()
    }
}

impl Engine for SledStore {
    const NAME: &'static str = "sled";

    fn try_open(folder: &Path, seed: u64) -> Result<Self, OpenError> {
        let config = SledConfig { directory: folder.join("store"), relay: RELAY, quotas: QUOTAS };
        Self::open(&config, ChaCha20Rng::seed_from_u64(seed))
    }
}

impl Engine for JournalStore {
    const NAME: &'static str = "journal";

    fn try_open(folder: &Path, seed: u64) -> Result<Self, OpenError> {
        let config = JournalConfig { directory: folder.join("store"), relay: RELAY, quotas: QUOTAS };
        Self::open(&config, ChaCha20Rng::seed_from_u64(seed))
    }
}

/// Everything about an envelope follows from its seed. Every third is a chunk.
fn put(seed: u64, day: u32) -> Put {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let id = EnvelopeId::random(&mut rng);
    let mut envelope = vec![0; ENVELOPE];
    rng.fill_bytes(&mut envelope);
    let envelope = Envelope::from_slice(&envelope).unwrap();
    let kind = kind(seed);
    let burn = (kind == Kind::Chunk).then(|| burn_key(seed).hash());
    Put { day: Day(day), kind, id, burn, envelope }
}

const fn kind(seed: u64) -> Kind {
    if seed.is_multiple_of(3) { Kind::Chunk } else { Kind::Letter }
}

/// Without its envelope: of what has expired there is much.
fn id(seed: u64) -> EnvelopeId {
    EnvelopeId::random(&mut ChaCha20Rng::seed_from_u64(seed))
}

fn burn_key(seed: u64) -> BurnKey {
    BurnKey::from_bytes([seed as u8; 32])
}

const fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Letter => "letters",
        Kind::Chunk => "chunks",
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // One write for each line, so that a kill cannot mix them.
    out.write_all(format!("\n!{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

fn announce(kind: Kind, batch: &Batch) -> String {
    format!("batch {} {} {}", name(kind), batch.number(), batch.chain_value())
}

/// Not a test: what the child does until it is killed.
#[test]
fn child() {
    match std::env::var(ENGINE).as_deref() {
        Ok(SledStore::NAME) => be_child::<SledStore>(),
        Ok(JournalStore::NAME) => be_child::<JournalStore>(),
        _ => {}
    }
}

fn be_child<E: Engine>() {
    let folder = std::env::var(FOLDER).unwrap();
    let first: u64 = std::env::var(SEED).unwrap().parse().unwrap();
    let day = std::env::var(DAY).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(E::open(&PathBuf::from(folder), first));
        expire(&*store, day).await;
        let days = Arc::new(Days { day: day.into(), stored: AtomicU64::new(0), over: Notify::new() });
        let mut tasks: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(write(Arc::clone(&store), Arc::clone(&days), first, writer)))
            .collect();
        tasks.push(tokio::spawn(async move {
            loop {
                days.over.notified().await;
                expire(&*store, days.day.fetch_add(1, Ordering::SeqCst) + 1).await;
            }
        }));
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// A child's days.
struct Days {
    day: AtomicU32,
    stored: AtomicU64,
    /// Told at the end of each.
    over: Notify,
}

async fn expire(store: &impl Store, day: u32) {
    say(&format!("expiring {day}"));
    store.expire(Day(day), LIVES).await.unwrap();
    say(&format!("expired {day}"));
}

async fn write(store: Arc<impl Store>, days: Arc<Days>, first: u64, writer: u64) {
    for n in 0.. {
        let seed = first + n * WRITERS + writer;
        // While it waits the day may turn, and then it belongs to the next.
        let before = days.day.load(Ordering::SeqCst);
        let put = put(seed, before);
        let (id, kind) = (put.id, put.kind);
        assert_eq!(store.put(put).await.unwrap(), PutOutcome::Stored);
        say(&format!("stored {seed} {before} {}", days.day.load(Ordering::SeqCst)));
        if days.stored.fetch_add(1, Ordering::SeqCst) % A_DAY == A_DAY - 1 {
            days.over.notify_one();
        }
        if kind == Kind::Chunk && n % 4 == 0 {
            say(&format!("burning {seed}"));
            assert_eq!(store.burn(id, burn_key(seed)).await.unwrap(), BurnOutcome::Burned);
            say(&format!("burned {seed}"));
        }
        let kind = if n % 2 == 0 { Kind::Letter } else { Kind::Chunk };
        if n % 8 == writer
            && let Some(batch) = store.seal(kind).await.unwrap()
        {
            say(&announce(kind, &batch));
        }
    }
}

/// What children have said.
struct Said {
    /// Seed to the first and the last day that it may have been stored under.
    stored: BTreeMap<u64, (u32, u32)>,
    burning: BTreeSet<u64>,
    burned: BTreeSet<u64>,
    batches: BTreeSet<String>,
    /// The day on which something was to expire last, and the one on which it had.
    expiring: u32,
    expired: u32,
}

impl Said {
    fn new() -> Self {
        let (burning, burned, batches) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        Self { stored: BTreeMap::new(), burning, burned, batches, expiring: FIRST_DAY, expired: FIRST_DAY }
    }

    fn hear(&mut self, line: &str) {
        let Some(line) = line.strip_prefix('!') else { return };
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["stored", seed, first, last] => {
                self.stored.insert(seed.parse().unwrap(), (first.parse().unwrap(), last.parse().unwrap()));
            }
            ["burning", seed] => drop(self.burning.insert(seed.parse().unwrap())),
            ["burned", seed] => drop(self.burned.insert(seed.parse().unwrap())),
            ["batch", ..] => drop(self.batches.insert(line.to_owned())),
            ["expiring", day] => self.expiring = day.parse().unwrap(),
            ["expired", day] => self.expired = day.parse().unwrap(),
            _ => panic!("{line}"),
        }
    }
}

/// How a child ends.
enum End<'i> {
    Killed,
    /// The disk that its folder lies on loses its power; then it is killed.
    PowerCut(&'i mut Image),
}

/// When a child ends.
struct Moment {
    /// After it has said so many lines.
    lines: usize,
    /// And then when something begins to expire.
    expiring: bool,
}

/// Runs a child until its moment has come, ends it, and hears what else counts of what it had said.
fn run_and_end<E: Engine>(folder: &Path, first: u64, moment: &Moment, end: End<'_>, said: &mut Said) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(ENGINE, E::NAME)
        .env(FOLDER, folder)
        .env(SEED, first.to_string())
        .env(DAY, said.expiring.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut heard = BufReader::new(child.stdout.take().unwrap()).split(b'\n').map(|line| {
        // The last line may be cut anywhere; what is not a whole line was not said.
        String::from_utf8(line.unwrap()).unwrap_or_default()
    });
    let mut hear = || {
        let line = heard.next().expect("the child ended by itself");
        said.hear(&line);
        line
    };
    for _ in 0..moment.lines {
        hear();
    }
    while moment.expiring && !hear().starts_with("!expiring") {}
    if let End::PowerCut(image) = &end {
        image.cut();
    }
    child.kill().unwrap();
    let rest: Vec<_> = heard.collect();
    let whole = rest.len().saturating_sub(1);
    // What was acknowledged after the cut was never written, or was and may be there. It can only begin to go.
    let begins = |line: &str| line.starts_with("!burning") || line.starts_with("!expiring");
    let counts = |line: &&String| matches!(end, End::Killed) || begins(line);
    rest.iter().take(whole).filter(counts).for_each(|line| said.hear(line));
    assert!(!child.wait().unwrap().success());
    if let End::PowerCut(image) = end {
        image.restart();
    }
}

async fn check(store: &impl Store, said: &Said) {
    let lives = |first: u32, today: u32| today.saturating_sub(first) <= LIVES.letters;
    // What a day had that was about to expire: all, or nothing.
    let mut expiring: BTreeMap<(u8, u32), bool> = BTreeMap::new();
    for (seed, (first, last)) in &said.stored {
        let got = store.get(kind(*seed), None, &[id(*seed)]).await.unwrap().pop().unwrap();
        if !lives(*last, said.expired) {
            assert!(got.is_none(), "seed {seed} of day {last} has expired");
        } else if said.burned.contains(seed) {
            assert!(got.is_none(), "seed {seed} was burned");
            if lives(*first, said.expiring) {
                assert_eq!(store.put(put(*seed, *first)).await.unwrap(), PutOutcome::Conflict);
            }
        } else if !said.burning.contains(seed) {
            assert!(
                got.as_ref().is_none_or(|got| *got == put(*seed, *first).envelope),
                "seed {seed} of day {first} is another"
            );
            if lives(*first, said.expiring) {
                assert!(got.is_some(), "seed {seed} of day {first} is lost");
            } else if first == last {
                let there = *expiring.entry((kind(*seed).byte(), *first)).or_insert(got.is_some());
                assert_eq!(there, got.is_some(), "day {first} has expired in part");
            }
        }
    }
    for kind in [Kind::Letter, Kind::Chunk] {
        let batches = store.batches_from(kind, 1, usize::MAX).await.unwrap();
        let mut head: Option<Head> = None;
        for batch in &batches {
            assert!(batch.ids().is_sorted_by(|a, b| a < b));
            head = Some(head.map_or_else(|| batch.head(), |head| head.follow(batch).unwrap()));
        }
        assert_eq!(head.unwrap(), store.head(kind).await.unwrap());
        let there: BTreeSet<_> = batches.iter().map(|batch| announce(kind, batch)).collect();
        let oldest = batches.first().unwrap().number();
        let number = |line: &String| line.split(' ').nth(2).unwrap().parse::<u64>().unwrap();
        for line in said.batches.iter().filter(|line| line.contains(name(kind)) && number(line) >= oldest) {
            assert!(there.contains(line), "{line} is missing or another");
        }
    }
}

/// Lets children crash again and again in one folder.
fn survives<E: Engine>(folder: &Path, mut image: Option<Image>) {
    let cycles = std::env::var(CYCLES_WANTED).map_or(CYCLES, |cycles| cycles.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut said, mut unfinished) = (Said::new(), 0);
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for cycle in 0..cycles {
        let moment = Moment { lines: 20 + (rng.next_u64() % 400) as usize, expiring: cycle % 2 == 1 };
        let end = image.as_mut().map_or(End::Killed, End::PowerCut);
        run_and_end::<E>(folder, cycle << 32, &moment, end, &mut said);
        unfinished += u64::from(said.expiring > said.expired);
        let store = E::open(folder, 1_000 + cycle);
        runtime.block_on(check(&store, &said));
        // Crashes follow on stops in good order, and on others.
        if cycle % 2 == 0 {
            runtime.block_on(store.close()).unwrap();
        }
    }
    let Said { stored, burned, batches, .. } = said;
    eprintln!(
        "{}: {cycles} crashes, {unfinished} while a day expired, {} acknowledged, {} burned",
        E::NAME,
        stored.len(),
        burned.len()
    );
    assert!(stored.len() > 100 && batches.len() > 8 && !burned.is_empty() && (unfinished > 0 || cycles < CYCLES));
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    survives::<JournalStore>(tempfile::tempdir().unwrap().path(), None);
}

#[test]
fn what_was_acknowledged_survives_kill_9_on_plain_sled() {
    survives::<SledStore>(tempfile::tempdir().unwrap().path(), None);
}

fn survives_losses_of_power<E: Engine>() {
    let image = Image::new();
    survives::<E>(&image.disk(), Some(image));
}

#[test]
#[ignore = "needs loop-device"]
fn what_was_acknowledged_survives_losses_of_power() {
    survives_losses_of_power::<JournalStore>();
}

#[test]
#[ignore = "needs loop-device"]
fn what_was_acknowledged_survives_losses_of_power_on_plain_sled() {
    survives_losses_of_power::<SledStore>();
}
