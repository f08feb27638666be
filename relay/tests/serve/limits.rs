//! Peers that are slow, silent, or too many. Each test lasts as long as the short timeouts that it sets.

use crate::client::{Client, letter, websocket};
use crate::office::DAY;
use crate::rig::{Rig, memory_store, office, relay_key};
use cssr_proto::index::Group;
use cssr_proto::request::{NextBatches, Request};
use cssr_proto::response::Response;
use cssr_relay::{Config, Listeners, ManualClock, Relay};
use futures_util::{SinkExt as _, StreamExt as _};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(3_600);

/// Waits until the relay has ended a bare connection.
async fn is_dropped(mut stream: impl AsyncRead + Unpin) {
    let mut rest = Vec::new();
    // A reset is an end too.
    let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await.unwrap();
}

#[tokio::test]
async fn who_does_not_greet_in_time_is_dropped_whatever_stage_it_has_reached() {
    let rig = Rig::open_with(|config| config.limits.handshake_timeout = SHORT).await;
    let begun = Instant::now();
    let mute = TcpStream::connect(rig.address).await.unwrap();
    let upgraded = websocket(rig.address).await.into_inner();
    // Pings are no greeting.
    let mut pinging = websocket(rig.address).await;
    tokio::join!(is_dropped(mute), is_dropped(upgraded), async {
        while pinging.send(Message::Ping(vec![].into())).await.is_ok() {
            if !matches!(pinging.next().await, Some(Ok(_))) {
                break;
            }
        }
    });
    assert!(begun.elapsed() >= SHORT);
}

#[tokio::test]
async fn who_only_chatters_before_the_greeting_is_dropped_at_once() {
    let rig = Rig::open_with(|config| config.limits.handshake_timeout = LONG).await;
    let mut chattering = websocket(rig.address).await;
    for _ in 0..16 {
        chattering.send(Message::Pong(vec![].into())).await.unwrap();
    }
    let refused = async {
        while chattering.send(Message::Pong(vec![].into())).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), refused).await.unwrap();
}

/// A ping costs the relay a pong.
#[tokio::test]
async fn who_sends_many_pings_in_a_session_is_dropped_and_who_keeps_a_connection_alive_is_not() {
    let rig = Rig::open_with(|config| config.limits.idle_timeout = LONG).await;
    for ping in [Message::Ping(vec![].into()), Message::Pong(vec![].into())] {
        let mut client = rig.client().await;
        for _ in 0..16 {
            client.socket.send(ping.clone()).await.unwrap();
        }
        assert_eq!(client.ask(letter(1)).await, Response::Posted);
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        client.socket.send(ping.clone()).await.unwrap();
        assert_eq!(client.ask(letter(2)).await, Response::Posted);
        let refused = async {
            while client.socket.send(ping.clone()).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), refused).await.unwrap();
    }
}

/// Else a few who take nothing in would keep the places of all.
#[tokio::test]
async fn what_is_posted_is_stored_though_nobody_takes_in_the_answers_before_it() {
    let rig = Rig::open_with(|config| config.limits.requests_in_flight = 1_024).await;
    let mut deaf = rig.client().await;
    for _ in 0..1_000 {
        deaf.send(Request::Group(Group { day: DAY, number: 0 })).await;
    }
    for seed in 0..20 {
        deaf.send(letter(seed)).await;
    }
    tokio::time::timeout(Duration::from_secs(10), rig.store.puts(20)).await.unwrap();
    assert_eq!(rig.client().await.ask(letter(0)).await, Response::Posted, "it is there");
}

#[tokio::test]
async fn a_peer_that_has_gone_silent_is_asked_and_then_dropped() {
    let rig = Rig::open_with(|config| {
        config.limits.ping_interval = SHORT / 3;
        config.limits.silence_timeout = SHORT;
    })
    .await;
    // It reads nothing, so it answers no ping.
    is_dropped(rig.client().await.socket.into_inner()).await;
}

#[tokio::test]
async fn a_peer_that_answers_pings_stays_as_long_as_it_may_idle() {
    let rig = Rig::open_with(|config| {
        config.limits.ping_interval = SHORT / 6;
        config.limits.silence_timeout = SHORT / 2;
        config.limits.idle_timeout = 3 * SHORT;
    })
    .await;
    let begun = Instant::now();
    let mut client = rig.client().await;
    // Reading answers pings.
    assert!(client.frame().await.is_none());
    assert!(begun.elapsed() >= 2 * SHORT, "dropped as silent after {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_courier_may_watch_for_as_long_as_it_likes() {
    let rig = Rig::open_with(|config| {
        config.limits.ping_interval = SHORT / 6;
        config.limits.silence_timeout = SHORT;
        config.limits.idle_timeout = SHORT;
    })
    .await;
    let (mut courier, mut source) = (rig.courier().await, rig.client().await);
    courier.send(Request::Watch(NextBatches { letters: 1, chunks: 1 })).await;
    courier.receive().await;
    let watching = tokio::spawn(async move { courier.receive().await });
    assert!(source.frame().await.is_none(), "a source may not");
    rig.client().await.ask(letter(1)).await;
    rig.handle.seal().await;
    assert!(matches!(watching.await.unwrap(), Response::Batch(..)));
}

/// A peer that has asked for more than any socket buffers, and a relay that drops it only because it does not take it in.
async fn asking() -> (Rig, Client) {
    let rig = Rig::open_with(|config| {
        config.limits.write_timeout = SHORT;
        config.limits.silence_timeout = LONG;
        config.limits.idle_timeout = LONG;
        config.limits.requests_in_flight = 1_024;
    })
    .await;
    let mut client = rig.client().await;
    // 64 MiB.
    for _ in 0..1_024 {
        if !client.try_send(Request::Group(Group { day: DAY, number: 0 })).await {
            break;
        }
    }
    (rig, client)
}

#[tokio::test]
async fn a_peer_that_asks_and_takes_nothing_in_is_dropped() {
    let (rig, mut client) = asking().await;
    let others = std::iter::repeat_n((), 3);
    for () in others {
        assert!(matches!(rig.client().await.ask(Request::Note).await, Response::Note(_)), "others are served");
    }
    // Reading only now finds what the sockets held, and then the end.
    tokio::time::timeout(Duration::from_secs(20), async {
        wait_for_write_timeout(&rig).await;
        while client.frame().await.is_some() {}
    })
    .await
    .unwrap();
}

/// By little: what waits for it is never all taken in within the time that it has.
#[tokio::test]
async fn a_peer_that_takes_in_a_little_now_and_then_is_dropped() {
    let (_rig, client) = asking().await;
    let mut stream = client.socket.into_inner();
    let (mut taken, begun) = (0, Instant::now());
    // 10 kB a second, of 64 MiB; a read of the rest then finds what the sockets held.
    while begun.elapsed() < 4 * SHORT {
        taken += stream.read(&mut [0; 100]).await.unwrap();
        tokio::time::sleep(SHORT / 30).await;
    }
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await.unwrap();
    assert!(taken + rest.len() < 32 << 20, "everything was sent");
}

/// A post as it lies on the line, WebSocket's head included.
async fn posted(client: Client) -> (TcpStream, Vec<u8>) {
    let Client { mut session, socket, .. } = client;
    let frames = letter(1).into_frames(0);
    let message = session.seal(frames.first().unwrap()).unwrap();
    let mut bytes = vec![0x82, 0x80 | 126];
    bytes.extend_from_slice(&u16::try_from(message.len()).unwrap().to_be_bytes());
    // A mask that changes nothing.
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&message);
    (socket.into_inner(), bytes)
}

#[tokio::test]
async fn a_peer_that_sends_one_message_byte_by_byte_is_dropped_as_silent() {
    let rig = Rig::open_with(|config| config.limits.silence_timeout = SHORT).await;
    let begun = Instant::now();
    let (stream, message) = posted(rig.client().await).await;
    let (read, mut write) = stream.into_split();
    let dropped = tokio::spawn(async move { is_dropped(read).await });
    for byte in message {
        if dropped.is_finished() || write.write_all(&[byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(SHORT / 30).await;
    }
    dropped.await.unwrap();
    assert!((SHORT..20 * SHORT).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert_eq!(*rig.store.puts.borrow(), 0);
}

#[tokio::test]
async fn a_message_in_fragments_ends_the_connection() {
    let rig = Rig::open_with(|config| {
        config.limits.silence_timeout = LONG;
        config.limits.idle_timeout = LONG;
    })
    .await;
    let (stream, message) = posted(rig.client().await).await;
    let (read, mut write) = stream.into_split();
    let (first, rest) = message[8..].split_at(100);
    for (kind, piece) in [(0x02, first), (0x80, rest)] {
        let length = u16::try_from(piece.len()).unwrap().to_be_bytes();
        // Once it is dropped, it takes nothing any more.
        let _ = write.write_all(&[&[kind, 0xfe], length.as_slice(), &[0; 4], piece].concat()).await;
    }
    is_dropped(read).await;
    assert_eq!(*rig.store.puts.borrow(), 0);
}

/// Keeps the relay busy for longer than its write timeout.
async fn wait_for_write_timeout(rig: &Rig) {
    let begun = Instant::now();
    let mut client = rig.client().await;
    while begun.elapsed() < 3 * SHORT {
        client.ask(Request::Note).await;
    }
}

#[tokio::test]
async fn more_connections_than_allowed_are_turned_away_until_one_ends() {
    let rig = Rig::new(|config| config.limits.connections = 2).await;
    let first = rig.client().await;
    let mut second = rig.client().await;
    assert!(Client::try_connect(rig.address).await.is_none());
    assert!(matches!(second.ask(Request::Statements).await, Response::Statements(_)));
    drop(first);
    // The relay learns of the end when it learns of it.
    while Client::try_connect(rig.address).await.is_none() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn whoever_comes_by_one_of_two_ways_leaves_places_to_the_other() {
    let mut config = Config::new(office().card(), relay_key());
    config.limits.connections = 8;
    let (one, other) = (listener().await, listener().await);
    let [crowded, quiet] = [&one, &other].map(|listener| listener.local_addr().unwrap());
    let (relay, _) = Relay::start(memory_store(), config, Arc::new(ManualClock::new(DAY))).await.unwrap();
    let relay = tokio::spawn(relay.serve(Listeners::from(one).and_plain(other), std::future::pending()));
    let mut crowd = Vec::new();
    while let Some(client) = Client::try_connect(crowded).await {
        crowd.push(client);
    }
    assert_eq!(crowd.len(), 4);
    assert!(Client::try_connect(quiet).await.is_some());
    relay.abort();
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

#[tokio::test]
async fn a_peer_that_asks_faster_than_it_reads_comes_to_wait() {
    let rig = Rig::open_with(|config| config.limits.requests_in_flight = 8).await;
    rig.store.shut();
    let mut client = rig.client().await;
    let mut sent = 0;
    // 16 MiB at most, which no socket buffers for long when nobody reads.
    while sent < 2_000 && tokio::time::timeout(SHORT, client.send(letter(sent))).await.is_ok() {
        sent += 1;
    }
    assert!(sent < 2_000, "the relay read everything");
    assert_eq!(*rig.store.puts.borrow(), 8);
    rig.store.open();
    for number in 0..sent {
        let posted = client.receive().await == Response::Posted;
        assert!(posted || number >= 8);
    }
}
