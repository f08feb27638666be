//! kill -9, or a loss of power, while the relay works and days pass: what has expired never comes back, and whatever was
//! acknowledged and has not is there, intact.
//!
//! `CSSR_CRASH_CYCLES=200` makes it a long run; so does `cargo xtask crash --cycles 200`.

use crate::client::{Client, burn_key, envelope, id};
use crate::dated::Dated;
use crate::image::Image;
use crate::kill::{CYCLES, CYCLES_WANTED, FROM_START, Told as Announced, is_to_burn, post_of, watch_until_the_end};
use crate::office::Office;
use crate::process::{SEAL_AT_ONCE, configured, today};
use cssr_proto::frame::EnvelopeKind;
use cssr_proto::index::{Batch, Group, Head, letter_genesis};
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use cssr_proto::{Day, EnvelopeId};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// Days that letters and chunks stay, by the office's policy.
const LETTERS: u32 = 2;
const CHUNKS: u32 = 1;
const CONNECTIONS: u64 = 4;
/// Envelopes that are acknowledged before something else happens.
const SOME: usize = 80;
/// Days after which the office publishes anew: before its prekeys end, and after the weeks of the last ones.
const OFFICE_DAYS: u32 = 21;

/// What was posted, and the first and the last day that it may have been stored under.
#[derive(Clone, Copy)]
struct Posted {
    seed: u64,
    first: u32,
    last: u32,
}

impl Posted {
    const fn kind(self) -> EnvelopeKind {
        if self.seed.is_multiple_of(4) { EnvelopeKind::Chunk } else { EnvelopeKind::Letter }
    }

    const fn life(self) -> u32 {
        match self.kind() {
            EnvelopeKind::Letter => LETTERS,
            EnvelopeKind::Chunk => CHUNKS,
        }
    }

    const fn has_expired(self, today: u32) -> bool {
        self.last + self.life() < today
    }

    const fn must_be_there(self, today: u32) -> bool {
        self.first + self.life() >= today
    }
}

/// What the relay has told anybody, and what it was told of days.
#[derive(Default)]
struct Told {
    acknowledged: Mutex<Vec<Posted>>,
    burned: Mutex<Vec<u64>>,
    announced: Arc<Announced>,
    /// The day that the relay has taken up, and the one that it may have.
    begun: AtomicU32,
    asked: AtomicU32,
}

impl Told {
    fn counts(&self) -> [usize; 2] {
        [self.acknowledged.lock().unwrap().len(), self.burned.lock().unwrap().len()]
    }

    async fn wait_for_some(&self) {
        let enough = self.counts()[0] + SOME;
        while self.counts()[0] < enough {
            tokio::task::yield_now().await;
        }
    }
}

/// Posts until the relay is gone.
async fn post_until_the_end(address: SocketAddr, from: u64, told: Arc<Told>) {
    let Some(mut client) = Client::try_connect(address).await else { return };
    let (mut next, mut asked) = (from, VecDeque::new());
    loop {
        while asked.len() < 12 {
            let first = told.begun.load(Ordering::SeqCst);
            if !client.try_send(post_of(next)).await {
                break;
            }
            asked.push_back((next, first));
            if is_to_burn(next) {
                let burn = Request::Burn { id: id(next), key: *burn_key(next).as_bytes() };
                if !client.try_send(burn).await {
                    break;
                }
                asked.push_back((next, first));
            }
            next += 1;
        }
        match (client.try_receive().await, asked.pop_front()) {
            (None, _) => return,
            (Some(Response::Posted), Some((seed, _))) if is_to_burn(seed) => {}
            (Some(Response::Posted), Some((seed, first))) => {
                let last = told.asked.load(Ordering::SeqCst);
                told.acknowledged.lock().unwrap().push(Posted { seed, first, last });
            }
            (Some(Response::Burned), Some((seed, _))) => told.burned.lock().unwrap().push(seed),
            (Some(response), _) if told.announced.is_dark(&response) => return,
            (Some(other), _) => panic!("{other:?}"),
        }
    }
}

/// Looks at everything that the relay shows to couriers and sources, just after it has started.
async fn check(relay: &Dated, office: &Office, told: &Told, is_last: bool) {
    let today = told.begun.load(Ordering::SeqCst);
    let acknowledged = told.acknowledged.lock().unwrap().clone();
    let of_id: HashMap<EnvelopeId, Posted> = acknowledged.iter().map(|posted| (id(posted.seed), *posted)).collect();
    let mut missing: HashMap<EnvelopeId, u64> =
        acknowledged.iter().filter(|one| one.must_be_there(today)).map(|one| (id(one.seed), one.seed)).collect();
    let not_expired = |id: &EnvelopeId| {
        let expired = of_id.get(id).filter(|posted| posted.has_expired(today));
        assert!(expired.is_none(), "seed {:x} has expired", expired.unwrap().seed);
    };

    let mut courier = relay.client().await;
    office.become_courier(&mut courier, 0).await;
    courier.send(Request::Watch(FROM_START)).await;
    let mut heads: BTreeMap<u8, Head> = BTreeMap::new();
    let mut batches: BTreeMap<(u8, u64), Batch> = BTreeMap::new();
    let mut is_caught_up = false;
    while !missing.is_empty() || !is_caught_up {
        match courier.receive().await {
            Response::Batch(kind, batch) => {
                let head = heads.get(&kind.byte()).map_or_else(|| batch.head(), |head| head.follow(&batch).unwrap());
                heads.insert(kind.byte(), head);
                batch.ids().iter().for_each(not_expired);
                batches.insert((kind.byte(), batch.number()), batch);
            }
            Response::Envelope(one) => {
                not_expired(&one.id);
                if let Some(seed) = missing.remove(&one.id) {
                    assert!(one.frame.is_some_and(|frame| frame.envelope() == &envelope(seed)), "envelope {seed:x}");
                }
            }
            Response::CaughtUp(_) => is_caught_up = true,
            other => panic!("{other:?}"),
        }
    }
    for (which, batch) in told.announced.announced.lock().unwrap().iter() {
        let life = if which.0 == EnvelopeKind::Letter.byte() { LETTERS } else { CHUNKS };
        let there = batches.get(which);
        assert_eq!(there, Some(batch).filter(|batch| batch.day().0 + life >= today), "batch {which:?}");
    }

    let mut client = relay.client().await;
    // All of them, or those of the last days.
    let recent = |all: usize| if is_last { 0 } else { all.saturating_sub(200) };
    for posted in &acknowledged[recent(acknowledged.len())..] {
        if posted.kind() == EnvelopeKind::Chunk && posted.has_expired(today) {
            let found = client.ask(Request::Fetch(id(posted.seed))).await;
            assert_eq!(found, Response::Chunk(None), "chunk {:x} has expired", posted.seed);
        }
    }
    let burned = told.burned.lock().unwrap().clone();
    for seed in &burned[recent(burned.len())..] {
        assert_eq!(client.ask(Request::Fetch(id(*seed))).await, Response::Chunk(None), "chunk {seed:x} was burned");
    }
    let mut letters = HashMap::new();
    for day in today - LETTERS - 2..=today {
        for number in 0.. {
            let Response::Group(group) = client.ask(Request::Group(Group { day: Day(day), number })).await else {
                panic!("no group")
            };
            let some: Vec<_> = group.into_iter().flatten().collect();
            assert!(some.is_empty() || day + LETTERS >= today, "day {day} has expired");
            if some.is_empty() {
                break;
            }
            letters.extend(some.into_iter().map(|letter| (*letter.id(), letter)));
        }
    }
    letters.keys().for_each(not_expired);
    let wanted = acknowledged.iter().filter(|one| one.kind() == EnvelopeKind::Letter && one.must_be_there(today));
    for Posted { seed, .. } in wanted {
        assert!(letters.get(&id(*seed)).is_some_and(|letter| letter.envelope() == &envelope(*seed)), "letter {seed:x}");
    }
}

/// Kills a relay again and again, or cuts the power of its disk; in every second cycle while a day begins.
async fn survives(engine: &str, mut image: Option<Image>) {
    let cycles = std::env::var(CYCLES_WANTED).map_or(CYCLES, |cycles| cycles.parse().unwrap());
    let data = image.as_ref().map(|image| format!("data = \"{}\"\n", image.disk().join("data").display()));
    let lines = format!(
        "{SEAL_AT_ONCE}letters_max = 1000000\nletter_effort_most = 0\nchunk_effort_most = 0\nstore = \"{engine}\"\n{}",
        data.unwrap_or_default()
    );
    let (folder, office, key) = configured(&lines).await;
    let mut office = office.with_lives(LETTERS, CHUNKS);
    let told = Arc::new(Told::default());
    told.asked.store(today().0, Ordering::SeqCst);
    let mut published = 0;
    for cycle in 0..=cycles {
        // What it may have begun it begins again.
        let mut day = Day(told.asked.load(Ordering::SeqCst));
        let mut relay = Dated::start(folder.path(), day).await;
        told.begun.store(day.0, Ordering::SeqCst);
        let address = relay.address;
        if day.0 >= published + OFFICE_DAYS {
            office = office.on(day);
            office.open(async || Client::connect(address).await, Head::genesis(letter_genesis(&key))).await;
            published = day.0;
        }
        check(&relay, &office, &told, cycle == cycles).await;
        if cycle == cycles {
            relay.kill().await;
            break;
        }

        let mut courier = relay.client().await;
        office.become_courier(&mut courier, 0).await;
        let mut people = vec![tokio::spawn(watch_until_the_end(courier, Arc::clone(&told.announced)))];
        people
            .extend((0..CONNECTIONS).map(|n| {
                tokio::spawn(post_until_the_end(address, (cycle * CONNECTIONS + n) << 32, Arc::clone(&told)))
            }));
        told.wait_for_some().await;
        day = day.plus(1);
        told.asked.store(day.0, Ordering::SeqCst);
        relay.say(day).await;
        relay.took_up(day).await;
        told.begun.store(day.0, Ordering::SeqCst);
        told.wait_for_some().await;
        if cycle % 2 == 1 {
            day = day.plus(1);
            told.asked.store(day.0, Ordering::SeqCst);
            relay.say(day).await;
        }
        let counts = told.counts();
        if let Some(image) = &image {
            told.announced.dark.store(true, Ordering::SeqCst);
            image.cut();
        }
        relay.kill().await;
        for person in people {
            person.await.unwrap();
        }
        if let Some(image) = &mut image {
            // What was acknowledged after the cut may be there.
            told.acknowledged.lock().unwrap().truncate(counts[0]);
            told.burned.lock().unwrap().truncate(counts[1]);
            told.announced.dark.store(false, Ordering::SeqCst);
            image.restart();
        }
    }
    let (day, acknowledged) = (told.asked.load(Ordering::SeqCst), told.acknowledged.lock().unwrap().clone());
    let expired = acknowledged.iter().filter(|posted| posted.has_expired(day)).count();
    let (days, of) = (day - today().0, acknowledged.len());
    eprintln!("{engine}: {cycles} crashes in {days} days, {of} acknowledged, {expired} of them expired");
    assert!(expired >= SOME && of - expired >= SOME && !told.burned.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_while_days_expire_loses_nothing_and_brings_nothing_back() {
    survives("journal", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_while_days_expire_loses_nothing_and_brings_nothing_back_on_plain_sled() {
    survives("sled", None).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs loop-device"]
async fn a_loss_of_power_while_days_expire_loses_nothing_and_brings_nothing_back() {
    survives("journal", Some(Image::new())).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs loop-device"]
async fn plain_sled_survives_losses_of_power_while_days_expire_too() {
    survives("sled", Some(Image::new())).await;
}
