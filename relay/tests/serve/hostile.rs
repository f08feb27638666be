//! Fifty clients that do their worst, and senders who come all the same.
//!
//! `CSSR_FLOOD_SECONDS=60` makes it a long run, as CI does. What honest senders notice of it is measured by
//! `cargo xtask bench relay`.

use crate::client::{Client, chunk, envelope, id, letter};
use crate::kill::watch_for;
use crate::office::{Office, publish_note, publish_roster, publish_seats};
use crate::process::{Running, SEAL_AT_ONCE, configured, today};
use chacha20::ChaCha20Rng;
use cssr_proto::frame::{Frame, Head};
use cssr_proto::index::{Head as ChainHead, letter_genesis};
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::postage::Challenge;
use cssr_proto::request::{Post, Request};
use cssr_proto::response::Response;
use futures_util::SinkExt as _;
use rand_core::SeedableRng as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

const HOSTILE: u64 = 50;
/// How long it lasts, unless the environment says otherwise.
const SECONDS: u64 = 4;
const SECONDS_WANTED: &str = "CSSR_FLOOD_SECONDS";
/// So that work takes no time to speak of where nothing is optimised, and that those who publish nonsense have all places there
/// are for it.
const LIMITS: &str = "letter_effort_most = 2\nchunk_effort_most = 2\npublications = 1\n";
/// What a relay may grow by that keeps 900 connections and all that is in flight in bounds.
const MEMORY: u64 = 256 << 20;
/// Envelopes that find their way in at the lowest price, and some that pay.
const DISK: u64 = 512 << 20;

/// Does one kind of harm until the relay ends it.
async fn harm(kind: u64, seed: u64, to: SocketAddr) -> Option<()> {
    match kind {
        // Bytes that are no WebSocket.
        0 => return TcpStream::connect(to).await.ok()?.write_all(&[0x16; 70_000]).await.ok(),
        // A message that is too large, from somebody who has not greeted.
        1 => {
            let stream = TcpStream::connect(to).await.ok()?;
            let (mut socket, _) = tokio_tungstenite::client_async("ws://relay.example.org/", stream).await.ok()?;
            return socket.send(Message::Binary(vec![7; 1 << 20].into())).await.ok();
        }
        // Silence.
        2 => {
            let _silent = TcpStream::connect(to).await.ok()?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            return None;
        }
        _ => {}
    }
    let mut client = Client::try_connect(to).await?;
    let strangers = if kind == 9 { strange_publications() } else { Vec::new() };
    // A frame that breaks the protocol.
    if kind == 3 {
        let frame = Frame::small(Head { kind: 0x33, request: 9, part: 1, parts: 2 }, &[]).unwrap();
        let message = client.session.seal(&frame).unwrap();
        client.socket.send(Message::Binary(message.into())).await.ok()?;
        return client.frame().await.map(drop);
    }
    for number in seed..seed + 40 {
        let request = match kind {
            // Nonsense, and what another office says.
            9 if number % 3 == 0 => publish_seats(&[envelope(number)[..2_000].to_vec()]),
            9 => strangers[number as usize % strangers.len()].clone(),
            4 => letter(number),
            5 => chunk(number),
            // The same one, again and again.
            6 => letter(seed),
            7 => Request::Index(today()),
            _ => Request::Fetch(id(number)),
        };
        if !client.try_send(request).await {
            return None;
        }
        // The deaf never take anything in.
        if kind != 7 {
            client.try_receive().await?;
        }
    }
    Some(())
}

fn strange_publications() -> Vec<Request> {
    let mut other = Office::new(77, RelayPublicKey([5; 32]), today());
    let roster = other.sign_roster();
    vec![publish_roster(&roster), publish_seats(&other.seat_statements(0))]
}

/// One visit: what is asked for first, the work, and a letter that must be taken.
async fn visit(to: SocketAddr, seed: u64) {
    let mut client = Client::connect(to).await;
    assert!(matches!(client.ask(Request::Directory).await, Response::Directory(_)));
    assert!(matches!(client.ask(Request::Index(today())).await, Response::Index(_)));
    let challenge = Challenge::letter(client.session.handshake_hash(), &id(seed));
    let effort = client.announcement.letter_effort;
    let postage = challenge.solve(effort, 10_000, &mut ChaCha20Rng::seed_from_u64(seed)).unwrap();
    let post = Post::letter(id(seed), postage, &envelope(seed));
    assert_eq!(client.ask(Request::Post(post)).await, Response::Posted, "with {effort} of work");
}

fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1_024
}

fn bytes_in(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap());
    entries
        .map(
            |entry| {
                if entry.path().is_dir() { bytes_in(&entry.path()) } else { entry.metadata().unwrap().blocks() * 512 }
            },
        )
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_hostile_clients_keep_nobody_from_sending_and_make_nothing_grow_without_bound() {
    let seconds = std::env::var(SECONDS_WANTED).map_or(SECONDS, |seconds| seconds.parse().unwrap());
    let (folder, mut office, key) = configured(&format!("{SEAL_AT_ONCE}{LIMITS}")).await;
    let relay = Running::start(folder.path(), &["--log", "error"]).await;
    let address = relay.address;
    let genesis = ChainHead::genesis(letter_genesis(&key));
    office.open(|| relay.client(), genesis).await;
    let before = memory(relay.pid());

    let mut hostile = JoinSet::new();
    for number in 0..HOSTILE {
        hostile.spawn(async move {
            for round in 0.. {
                if harm(number % 10, (number << 40) + (round << 20), address).await.is_none() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        });
    }
    let (begun, mut letters) = (Instant::now(), Vec::new());
    while begun.elapsed() < Duration::from_secs(seconds) || letters.len() < 5 {
        let seed = (1 << 50) + letters.len() as u64;
        visit(address, seed).await;
        letters.push(seed);
        let note = office.note(today(), genesis);
        let mut courier = relay.client().await;
        office.become_courier(&mut courier, 0).await;
        assert_eq!(courier.ask(publish_note(note.bytes(), None)).await, Response::Published, "a courier's note");
    }
    let (grown, disk) = (memory(relay.pid()).saturating_sub(before), bytes_in(&folder.path().join("data")));
    assert!(hostile.try_join_next().is_none(), "one of the hostile has given up");
    hostile.shutdown().await;
    eprintln!("{} visits, {} MiB of memory, {} MiB of disk", letters.len(), grown >> 20, disk >> 20);
    assert!(grown < MEMORY && disk < DISK, "{grown} bytes of memory, {disk} of disk");

    let mut courier = relay.client().await;
    office.become_courier(&mut courier, 0).await;
    tokio::time::timeout(Duration::from_secs(60), watch_for(&mut courier, &key, &letters)).await.unwrap();
    relay.stop("-TERM").await;
}
