//! Peers that are slow, silent, or too many. Each test lasts as long as the short timeouts that it sets.

use crate::client::{Client, letter, websocket};
use crate::rig::Rig;
use cssr_proto::request::{NextBatches, Request};
use cssr_proto::response::Response;
use futures_util::{SinkExt as _, StreamExt as _};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(3_600);

/// Waits until the relay has ended a bare connection.
async fn is_dropped(mut stream: TcpStream) {
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

#[tokio::test]
async fn a_peer_that_asks_and_takes_nothing_in_is_dropped() {
    let rig = Rig::open_with(|config| {
        config.limits.write_timeout = SHORT;
        config.limits.silence_timeout = LONG;
        config.limits.idle_timeout = LONG;
        config.limits.requests_in_flight = 1_024;
    })
    .await;
    let mut client = rig.client().await;
    // 1,024 groups are 64 MiB, more than any socket buffers.
    for _ in 0..1_024 {
        let group = cssr_proto::index::Group { day: crate::office::DAY, number: 0 };
        if !client.try_send(Request::Group(group)).await {
            break;
        }
    }
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
