//! kill -9, or a loss of power, while the relay works: nothing that was acknowledged is lost, nothing that was announced
//! changes, nothing that was burned comes back.
//!
//! `CSSR_CRASH_CYCLES=200` makes it a long run; so does `cargo xtask crash --cycles 200`.

use crate::client::{Client, burn_key, chunk, envelope, id, letter};
use crate::image::Image;
use crate::process::{Running, SEAL_AT_ONCE, configured, today};
use cssr_proto::EnvelopeId;
use cssr_proto::frame::EnvelopeKind;
use cssr_proto::index::{Batch, Group, Head, chunk_genesis, letter_genesis};
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::request::{NextBatches, Request};
use cssr_proto::response::Response;
use cssr_proto::wire_error::ErrorCode;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const FROM_START: NextBatches = NextBatches { letters: 1, chunks: 1 };
const CONNECTIONS: u64 = 8;
/// How often the relay crashes, unless the environment says otherwise.
pub const CYCLES: u64 = 4;
pub const CYCLES_WANTED: &str = "CSSR_CRASH_CYCLES";

/// What the relay has told anybody.
#[derive(Default)]
pub struct Told {
    /// Letters and chunks that were acknowledged and that nobody asked to burn, by seed.
    acknowledged: Mutex<Vec<u64>>,
    /// Chunks of which it was said that they are burned.
    burned: Mutex<Vec<u64>>,
    /// Batches, by kind and number.
    pub announced: Mutex<BTreeMap<(u8, u64), Batch>>,
    /// The disk has lost its power: the relay may say that it cannot store any more, and nobody else does.
    pub dark: AtomicBool,
}

impl Told {
    fn announce(&self, kind: EnvelopeKind, batch: &Batch) {
        let mut announced = self.announced.lock().unwrap();
        let first = announced.entry((kind.byte(), batch.number())).or_insert_with(|| batch.clone());
        assert_eq!(first, batch, "a batch has changed");
    }

    /// Whether this is what a relay says whose disk is gone. Nothing else is taken for it.
    pub fn is_dark(&self, response: &Response) -> bool {
        let failed = matches!(response, Response::Error(error) if error.code == ErrorCode::StorageFailed);
        failed && self.dark.load(Ordering::SeqCst)
    }
}

pub fn post_of(seed: u64) -> Request {
    if seed.is_multiple_of(4) { chunk(seed) } else { letter(seed) }
}

/// Whether it is burned as soon as it is posted.
pub const fn is_to_burn(seed: u64) -> bool {
    seed.is_multiple_of(16)
}

/// Posts until the relay is gone.
async fn post_until_the_end(address: SocketAddr, first: u64, told: Arc<Told>) {
    let Some(mut client) = Client::try_connect(address).await else { return };
    let (mut next, mut asked) = (first, VecDeque::new());
    loop {
        while asked.len() < 12 && client.try_send(post_of(next)).await {
            asked.push_back(next);
            if is_to_burn(next) {
                let burn = Request::Burn { id: id(next), key: *burn_key(next).as_bytes() };
                if !client.try_send(burn).await {
                    break;
                }
                asked.push_back(next);
            }
            next += 1;
        }
        match (client.try_receive().await, asked.pop_front()) {
            (None, _) => return,
            (Some(Response::Posted), Some(seed)) if is_to_burn(seed) => {}
            (Some(Response::Posted), Some(seed)) => told.acknowledged.lock().unwrap().push(seed),
            (Some(Response::Burned), Some(seed)) => told.burned.lock().unwrap().push(seed),
            (Some(response), _) if told.is_dark(&response) => return,
            (Some(other), _) => panic!("{other:?}"),
        }
    }
}

/// Watches, as a courier, until the relay is gone.
pub async fn watch_until_the_end(mut courier: Client, told: Arc<Told>) {
    if !courier.try_send(Request::Watch(FROM_START)).await {
        return;
    }
    while let Some(response) = courier.try_receive().await {
        if let Response::Batch(kind, batch) = response {
            told.announce(kind, &batch);
        }
    }
}

/// Asks for the index, as sources do, until the relay is gone.
async fn look_until_the_end(mut source: Client, told: Arc<Told>) {
    while source.try_send(Request::Index(today())).await {
        match source.try_receive().await {
            None => return,
            Some(Response::Index(index)) => {
                index.batches.iter().for_each(|batch| told.announce(EnvelopeKind::Letter, batch));
            }
            Some(response) if told.is_dark(&response) => return,
            Some(other) => panic!("{other:?}"),
        }
    }
}

/// Watches until the mirror holds all of these seeds, intact, and everything else that is listed. Gives the batches.
pub async fn watch_for(client: &mut Client, key: &RelayPublicKey, wanted: &[u64]) -> BTreeMap<(u8, u64), Batch> {
    let mut missing: BTreeMap<EnvelopeId, u64> = wanted.iter().map(|seed| (id(*seed), *seed)).collect();
    let mut heads = [Head::genesis(letter_genesis(key)), Head::genesis(chunk_genesis(key))];
    let mut listed = BTreeSet::new();
    let mut batches = BTreeMap::new();
    client.send(Request::Watch(FROM_START)).await;
    let mut is_caught_up = false;
    while !missing.is_empty() || !is_caught_up {
        match client.receive().await {
            Response::Batch(kind, batch) => {
                let head = &mut heads[usize::from(kind.byte() - 1)];
                *head = head.follow(&batch).unwrap();
                for id in batch.ids() {
                    assert!(listed.insert(*id), "an id is listed twice");
                }
                batches.insert((kind.byte(), batch.number()), batch);
            }
            Response::Envelope(one) => {
                if let Some(seed) = missing.remove(&one.id) {
                    assert!(one.frame.is_some_and(|frame| frame.envelope() == &envelope(seed)), "envelope {seed:x}");
                }
            }
            Response::CaughtUp(_) => is_caught_up = true,
            other => panic!("{other:?}"),
        }
    }
    batches
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_under_load_loses_nothing_that_was_acknowledged_and_changes_nothing_that_was_announced() {
    survives("journal", None).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs loop-device"]
async fn a_loss_of_power_under_load_loses_nothing_that_was_acknowledged_and_changes_nothing_that_was_announced() {
    survives("journal", Some(Image::new())).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs loop-device"]
async fn plain_sled_survives_losses_of_power_under_load_too() {
    survives("sled", Some(Image::new())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_sled_survives_kill_9_under_load_too() {
    survives("sled", None).await;
}

/// Kills a relay again and again, or cuts the power of the disk that its store lies on, with everybody at work.
async fn survives(engine: &str, mut image: Option<Image>) {
    let cycles = std::env::var(CYCLES_WANTED).map_or(CYCLES, |cycles| cycles.parse().unwrap());
    let data = image.as_ref().map(|image| format!("data = \"{}\"\n", image.disk().join("data").display()));
    let lines = format!(
        "{SEAL_AT_ONCE}letters_max = 1000000\nletter_effort_most = 0\nchunk_effort_most = 0\nstore = \"{engine}\"\n{}",
        data.unwrap_or_default()
    );
    let (folder, mut office, key) = configured(&lines).await;
    let told = Arc::new(Told::default());
    for cycle in 0..cycles {
        let relay = Running::start(folder.path(), &["--log", "error"]).await;
        let address = relay.address;
        if cycle == 0 {
            office.open(async || Client::connect(address).await, Head::genesis(letter_genesis(&key))).await;
        }
        let before = told.announced.lock().unwrap().len();
        let mut courier = relay.client().await;
        office.become_courier(&mut courier, 0).await;
        let mut people = vec![
            tokio::spawn(watch_until_the_end(courier, Arc::clone(&told))),
            tokio::spawn(look_until_the_end(relay.client().await, Arc::clone(&told))),
        ];
        people
            .extend((0..CONNECTIONS).map(|n| {
                tokio::spawn(post_until_the_end(address, (cycle * CONNECTIONS + n) << 32, Arc::clone(&told)))
            }));
        // Killed at a moment that differs from cycle to cycle, always with everybody at work.
        let enough = (cycle as usize + 1) * 150 + 37 * cycle as usize;
        while told.acknowledged.lock().unwrap().len() < enough || told.announced.lock().unwrap().len() < before + 2 {
            tokio::task::yield_now().await;
        }
        let counts = [&told.acknowledged, &told.burned].map(|seeds| seeds.lock().unwrap().len());
        if let Some(image) = &image {
            told.dark.store(true, Ordering::SeqCst);
            image.cut();
        }
        relay.kill().await;
        for person in people {
            person.await.unwrap();
        }
        if let Some(image) = &mut image {
            // What was acknowledged after the cut may be there.
            for (seeds, count) in [&told.acknowledged, &told.burned].into_iter().zip(counts) {
                seeds.lock().unwrap().truncate(count);
            }
            told.dark.store(false, Ordering::SeqCst);
            image.restart();
        }
    }
    let relay = Running::start(folder.path(), &[]).await;
    let wanted = told.acknowledged.lock().unwrap().clone();
    assert!(wanted.len() > 600);
    let mut courier = relay.client().await;
    office.become_courier(&mut courier, 0).await;
    let watching = watch_for(&mut courier, &key, &wanted);
    // A minute, and longer if there is much to be shown. When nothing comes any more the client itself gives up much sooner.
    let patience = Duration::from_secs(60 + wanted.len() as u64 / 50);
    let batches = tokio::time::timeout(patience, watching).await.expect("too slow, though something came all the time");
    let announced = told.announced.lock().unwrap().clone();
    assert!(announced.len() >= 2 * cycles as usize, "{}", announced.len());
    for (which, batch) in &announced {
        assert_eq!(batches.get(which), Some(batch), "batch {which:?} is another than was announced");
    }

    let mut client = relay.client().await;
    let burned = told.burned.lock().unwrap().clone();
    assert!(burned.len() >= cycles as usize, "{}", burned.len());
    for seed in &burned {
        assert_eq!(client.ask(Request::Fetch(id(*seed))).await, Response::Chunk(None), "chunk {seed:x} was burned");
    }

    let (acknowledged, burned, announced) = (wanted.len(), burned.len(), announced.len());
    eprintln!(
        "{engine}: {cycles} crashes, {acknowledged} acknowledged, {burned} burned, {announced} batches announced"
    );

    // And to sources, in the groups.
    let mut client = relay.client().await;
    let mut found = BTreeMap::new();
    for number in 0.. {
        let Response::Group(letters) = client.ask(Request::Group(Group { day: today(), number })).await else {
            panic!("no group")
        };
        let some: Vec<_> = letters.into_iter().flatten().collect();
        if some.is_empty() {
            break;
        }
        found.extend(some.into_iter().map(|letter| (*letter.id(), letter)));
    }
    for seed in wanted.iter().filter(|seed| !seed.is_multiple_of(4)) {
        assert!(found.get(&id(*seed)).is_some_and(|letter| letter.envelope() == &envelope(*seed)), "letter {seed:x}");
    }
    relay.stop("-TERM").await;
}
