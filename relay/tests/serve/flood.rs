//! Many posts, many connections, and who shares what with whom.

use crate::client::{Client, burn_key, chunk, envelope, error, id, letter};
use crate::gate::Gate;
use crate::office::DAY;
use crate::rig::{Rig, memory_store, memory_store_of, office, relay_key};
use chacha20::ChaCha20Rng;
use cssr_proto::postage::Challenge;
use cssr_proto::request::{Post, Request};
use cssr_proto::response::Response;
use cssr_proto::sizes::ENVELOPE;
use cssr_proto::wire_error::ErrorCode;
use cssr_proto::{Envelope, List};
use cssr_relay::store::{Kind, Put, PutOutcome, Quotas, Store as _};
use cssr_relay::{Config, Efforts, ManualClock, run};
use rand_core::SeedableRng as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;

/// As much room as the fewest free posts are for: 64 in an hour.
const LITTLE: Quotas = Quotas { letters: 1_000, chunks: 1_000 };
/// A bucket of 128 if nothing is stored.
const ROOM: Quotas = Quotas { letters: 8_192, chunks: 0 };
const HOUR: Duration = Duration::from_secs(3_600);

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(DAY))
}

async fn rig_with_little_room() -> Rig {
    Rig::open_with(|config| {
        config.room = LITTLE;
        config.postage.letters = Efforts { least: 0, most: 3 };
        config.postage.chunks = Efforts { least: 0, most: 2 };
    })
    .await
}

/// Posts so many letters, each in a session of its own.
async fn post(rig: &Rig, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let mut client = rig.client().await;
        assert_eq!(client.announcement.letter_effort, 0, "announced before it is needed: {seed}");
        assert_eq!(client.ask(letter(seed)).await, Response::Posted);
    }
}

#[tokio::test]
async fn a_flood_raises_the_price_for_those_who_come_later_and_an_hour_or_two_lower_it_again() {
    let rig = rig_with_little_room().await;
    let early = early(&rig, 3).await;
    post(&rig, 0..64).await;
    let mut flooder = rig.client().await;
    assert_eq!(flooder.ask(letter(100)).await, Response::Posted);
    // What came counts.
    rig.handle.seal().await;
    let mut posted = 1;
    for seed in 101..164 {
        posted += u32::from(flooder.ask(letter(seed)).await == Response::Posted);
    }
    assert_eq!(posted, 16, "the session was told to come again");
    post_all(early).await;
    rig.handle.seal().await;

    let mut client = rig.client().await;
    assert_eq!((client.announcement.letter_effort, client.announcement.chunk_effort), (3, 0));
    assert_eq!(client.refused(letter(1_000)).await, ErrorCode::Postage);
    assert_eq!(client.ask(paid(&client, 1_000, 3)).await, Response::Posted);

    rig.clock.advance(2 * HOUR);
    assert_eq!(rig.client().await.announcement.letter_effort, 0);
}

#[tokio::test]
async fn letters_count_though_whoever_posted_them_has_hung_up() {
    let rig = rig_with_little_room().await;
    let early = early(&rig, 5).await;
    post(&rig, 0..64).await;
    rig.store.shut();
    for (mut client, first) in early.into_iter().zip((10_000..).step_by(16)) {
        for seed in first..first + 16 {
            client.send(letter(seed)).await;
        }
        // All are before the store, which holds them up.
        rig.store.puts(64 + (first as usize - 10_000) + 16).await;
        drop(client);
    }
    rig.store.open();
    while rig.client().await.announcement.letter_effort < 3 {
        rig.handle.seal().await;
    }
}

#[tokio::test]
async fn a_letter_that_comes_again_makes_none_dearer() {
    let rig = rig_with_little_room().await;
    let mut client = rig.client().await;
    for _ in 0..200 {
        assert_eq!(client.ask(letter(1)).await, Response::Posted);
    }
    assert_eq!(rig.client().await.announcement.letter_effort, 0);
}

/// Sessions from quiet times.
async fn early(rig: &Rig, count: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(rig.client().await);
    }
    clients
}

/// Posts as much as may be posted in sessions of quiet times.
async fn post_all(clients: Vec<Client>) {
    for (mut client, first) in clients.into_iter().zip((10_000..).step_by(16)) {
        for seed in first..first + 16 {
            assert_eq!(client.ask(letter(seed)).await, Response::Posted);
        }
    }
}

#[tokio::test]
async fn a_visit_under_way_is_never_asked_for_more_than_was_announced_to_it() {
    let rig = rig_with_little_room().await;
    let (mut visitor, early) = (rig.client().await, early(&rig, 3).await);
    post(&rig, 0..64).await;
    post_all(early).await;
    rig.handle.seal().await;
    assert_eq!(rig.client().await.announcement.letter_effort, 2);
    for seed in 500..516 {
        assert_eq!(visitor.ask(letter(seed)).await, Response::Posted, "{seed}");
    }
    assert_eq!(visitor.refused(letter(516)).await, ErrorCode::Busy, "more than a visit posts");
    // And the session goes on.
    assert!(matches!(visitor.ask(Request::Have(List::new(vec![id(1)]).unwrap())).await, Response::Have(_)));
}

/// They are opened in quiet times and used in a flood, so that it costs nothing.
#[tokio::test]
async fn sessions_that_were_hoarded_post_no_more_together_than_is_forgiven_in_an_hour() {
    let rig = rig_with_little_room().await;
    let hoard = early(&rig, 40).await;
    post(&rig, 0..65).await;
    rig.handle.seal().await;
    let mut paying = rig.client().await;
    assert_eq!(paying.announcement.letter_effort, 1);
    let mut posted = 0;
    for (mut client, first) in hoard.into_iter().zip((10_000..).step_by(16)) {
        for seed in first..first + 16 {
            match client.ask(letter(seed)).await {
                Response::Posted => posted += 1,
                answer => assert_eq!(error(&answer), ErrorCode::Full),
            }
        }
    }
    assert!((384..=512).contains(&posted), "{posted} of 640");

    // Whoever works for it is never told so.
    rig.handle.seal().await;
    assert_eq!(rig.client().await.announcement.letter_effort, 3);
    for seed in 500..516 {
        assert_eq!(paying.ask(paid(&paying, seed, 1)).await, Response::Posted, "{seed}");
    }
}

/// A letter with postage.
fn paid(client: &Client, seed: u64, effort: u32) -> Request {
    let challenge = Challenge::letter(client.session.handshake_hash(), &id(seed));
    let postage = challenge.solve(effort, 1_000, &mut ChaCha20Rng::seed_from_u64(seed)).unwrap();
    Request::Post(Post::letter(id(seed), postage, &envelope(seed)))
}

/// Both ends count them (protocol, section 12.4).
#[tokio::test]
async fn a_chunk_that_comes_before_the_first_note_counts_among_those_of_its_session() {
    let rig = Rig::new(|config| config.postage.chunks = Efforts::fixed(1)).await;
    let mut early = rig.client().await;
    let challenge = Challenge::chunk(early.session.handshake_hash(), 0).unwrap();
    let postage = challenge.solve(1, 1_000, &mut ChaCha20Rng::seed_from_u64(1)).unwrap();
    let hash = cssr_proto::sha256(burn_key(1).as_bytes());
    let first = Request::Post(Post::chunk(id(1), hash, postage, &envelope(1)));
    assert_eq!(early.refused(first).await, ErrorCode::NotReady);
    let rig = rig.opened().await;
    assert_eq!(early.ask(chunk(2)).await, Response::Posted, "the first has paid for the second");
    assert_eq!(rig.client().await.refused(chunk(3)).await, ErrorCode::Postage, "a first one does");
}

#[tokio::test]
async fn what_is_told_of_the_price_does_not_tell_when_somebody_posts() {
    let rig = rig_with_little_room().await;
    post(&rig, 0..64).await;
    // What came counts, and the next eight at least do not yet.
    rig.handle.seal().await;
    for seed in 100..107 {
        assert_eq!(rig.client().await.ask(letter(seed)).await, Response::Posted);
        assert_eq!(rig.client().await.announcement.letter_effort, 0, "{seed}");
    }
    rig.handle.seal().await;
    assert_eq!(rig.client().await.announcement.letter_effort, 1);
}

#[tokio::test]
async fn an_attachment_may_end_its_second_megabyte_at_the_price_it_began_with() {
    let rig = rig_with_little_room().await;
    let mut sender = rig.client().await;
    let mut answers = Vec::new();
    for seed in 0..140 {
        answers.push(sender.ask(chunk(seed)).await);
    }
    assert!(answers[..128].iter().all(|answer| *answer == Response::Posted));
    assert!(answers[128..].iter().all(|answer| error(answer) == ErrorCode::Busy));
    rig.handle.seal().await;
    let next = rig.client().await.announcement;
    assert_eq!((next.letter_effort, next.chunk_effort), (0, 2), "chunks do not make letters dear");
}

#[tokio::test]
async fn what_is_stored_already_counts_when_the_relay_starts() {
    let (store, office, clock) =
        Rig::with(Gate::new(memory_store_of(ROOM)), office(), clock(), |_| {}).await.opened().await.stop().await;
    for seed in 0..4_200 {
        let envelope = Envelope::from_slice(&[0; ENVELOPE]).unwrap();
        let put = Put { day: DAY, kind: Kind::Letter, id: id(seed), burn: None, envelope };
        assert_eq!(store.put(put).await.unwrap(), PutOutcome::Stored);
    }
    // Of an empty relay of this size, 128 would be free.
    let rig = Rig::with(store, office, clock, |config| config.room = ROOM).await;
    post(&rig, 10_000..10_065).await;
    rig.handle.seal().await;
    assert_ne!(rig.client().await.announcement.letter_effort, 0);
}

#[tokio::test]
async fn one_session_cannot_take_all_the_places_for_writing() {
    let rig = Rig::open_with(|config| config.limits.letters_in_flight = 8).await;
    let (mut greedy, mut other) = (rig.client().await, rig.client().await);
    rig.store.shut();
    for seed in 0..8 {
        greedy.send(letter(seed)).await;
    }
    rig.store.puts(4).await;
    other.send(letter(100)).await;
    rig.store.puts(5).await;
    rig.store.open();
    let mut posted = 0;
    for _ in 0..8 {
        posted += u32::from(greedy.receive().await == Response::Posted);
    }
    assert_eq!((posted, other.receive().await), (4, Response::Posted));
}

const INSIDE: &str = "CSSR_TEST_IN_NETWORK";

/// Runs the test of a name in a network of its own, in which this machine has a network of neighbours and a stranger.
fn in_own_network(test: &str) {
    let script = "ip link set lo up && ip addr add 198.51.100.0/24 dev lo && ip addr add 203.0.113.7/32 dev lo && \
                  exec \"$0\" --exact \"$1\" --include-ignored";
    let program = std::env::current_exe().unwrap();
    let mut command = std::process::Command::new("unshare");
    command.args(["--net", "sh", "-c", script]).arg(program).arg(test).env(INSIDE, "yes");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

/// Connects so many times from an address; gives those that are let in.
async fn let_in(address: SocketAddr, from: &str, wanted: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..wanted {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
        if let Ok(stream) = socket.connect(address).await {
            clients.extend(Client::over(stream).await);
        }
    }
    clients
}

#[test]
#[ignore = "needs root"]
fn neighbours_share_connections_and_a_stranger_and_a_proxy_find_theirs() {
    if std::env::var_os(INSIDE).is_none() {
        return in_own_network("flood::neighbours_share_connections_and_a_stranger_and_a_proxy_find_theirs");
    }
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut config = Config::new(office().card(), relay_key());
        config.limits.connections = 12;
        config.forwarders = vec!["198.51.100.99".parse().unwrap()];
        let listener = TcpListener::bind("203.0.113.7:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let relay = tokio::spawn(run(listener, memory_store(), config, clock(), async {
            let _ = stopped.await;
        }));
        let mut neighbours = let_in(address, "198.51.100.1", 4).await;
        neighbours.extend(let_in(address, "198.51.100.2", 6).await);
        assert_eq!(neighbours.len(), 6, "half of the places");
        let strangers = let_in(address, "203.0.113.7", 6).await;
        assert_eq!(strangers.len(), 3, "half of what is left");
        let forwarded = let_in(address, "198.51.100.99", 6).await;
        assert_eq!(forwarded.len(), 2, "people who have nothing in common, by one way");
        assert!(let_in(address, "198.51.100.1", 1).await.is_empty());
        drop((neighbours, strangers));
        let mut forwarded = forwarded;
        while forwarded.len() < 6 {
            forwarded.extend(let_in(address, "198.51.100.99", 1).await);
        }
        assert!(let_in(address, "198.51.100.99", 1).await.is_empty(), "one way takes no more than it leaves");
        let (neighbours, strangers) =
            (let_in(address, "198.51.100.1", 1).await, let_in(address, "203.0.113.7", 1).await);
        assert_eq!((neighbours.len(), strangers.len()), (1, 1));
        drop((neighbours, strangers, forwarded));
        stop.send(()).unwrap();
        relay.await.unwrap().unwrap();
    });
}

#[tokio::test]
async fn who_asks_again_and_again_for_what_it_does_not_get_is_not_listened_to_for_a_while() {
    let rig = Rig::open_with(|config| config.postage.letters = Efforts::fixed(1)).await;
    let mut client = rig.client().await;
    let begun = Instant::now();
    for seed in 0..8 {
        assert_eq!(client.refused(letter(seed)).await, ErrorCode::Postage);
    }
    let few = begun.elapsed();
    for seed in 8..28 {
        assert_eq!(client.refused(letter(seed)).await, ErrorCode::Postage);
    }
    // The last refusal has not been waited for.
    assert!(begun.elapsed() - few >= 19 * Duration::from_millis(20), "{:?}", begun.elapsed());
    assert!(matches!(client.ask(Request::Note).await, Response::Note(_)), "it may still ask for something else");
}
