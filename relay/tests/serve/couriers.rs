//! `drain` and `watch`.

use crate::client::{Client, burn_key, chunk, envelope, error, id, letter};
use crate::office::{DAY, Office, publish_roster};
use crate::rig::{Rig, genesis, relay_public_key};
use cssr_proto::frame::{EnvelopeKind, Frame, Head as FrameHead};
use cssr_proto::index::{Head, chunk_genesis};
use cssr_proto::request::{NextBatches, Request};
use cssr_proto::response::Response;
use cssr_proto::wire_error::{ERROR_KIND, ErrorCode};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

const FROM_START: NextBatches = NextBatches { letters: 1, chunks: 1 };

/// What a courier was given until it was told that this is all.
#[derive(Default)]
struct Mirror {
    /// Kind, number and size of each batch.
    batches: Vec<(EnvelopeKind, u64, usize)>,
    letters: BTreeMap<[u8; 16], Option<Vec<u8>>>,
    chunks: BTreeMap<[u8; 16], Option<Vec<u8>>>,
}

/// Receives until caught up; checks both chains from the given heads on.
async fn mirror(client: &mut Client, heads: &mut [Head; 2]) -> (Mirror, NextBatches) {
    let mut mirror = Mirror::default();
    loop {
        match client.receive().await {
            Response::Batch(kind, batch) => {
                let head = &mut heads[usize::from(kind == EnvelopeKind::Chunk)];
                *head = head.follow(&batch).unwrap();
                mirror.batches.push((kind, batch.number(), batch.ids().len()));
            }
            Response::Envelope(one) => {
                let map = if one.kind == EnvelopeKind::Letter { &mut mirror.letters } else { &mut mirror.chunks };
                map.insert(one.id.0, one.frame.map(|frame| frame.envelope().to_vec()));
            }
            Response::CaughtUp(next) => return (mirror, next),
            other => panic!("{other:?}"),
        }
    }
}

fn heads() -> [Head; 2] {
    [genesis(), Head::genesis(chunk_genesis(&relay_public_key()))]
}

fn expected(seeds: impl Iterator<Item = u64>) -> BTreeMap<[u8; 16], Option<Vec<u8>>> {
    seeds.map(|seed| (id(seed).0, Some(envelope(seed).to_vec()))).collect()
}

#[tokio::test]
async fn a_drain_gives_everything_that_was_posted_and_where_to_go_on() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    for round in 0..3 {
        for seed in 0..5 {
            client.ask(letter(round * 10 + seed)).await;
            client.ask(chunk(100 + round * 10 + seed)).await;
        }
        rig.handle.seal().await;
    }
    client.ask(Request::Burn { id: id(112), key: *burn_key(112).as_bytes() }).await;

    let mut courier = rig.courier().await;
    courier.send(Request::Drain(FROM_START)).await;
    let (all, next) = mirror(&mut courier, &mut heads()).await;
    let kinds = [EnvelopeKind::Letter, EnvelopeKind::Chunk];
    let batches: Vec<_> = kinds.iter().flat_map(|kind| (1..4).map(move |number| (*kind, number, 5))).collect();
    assert_eq!(all.batches, batches, "letters first, each kind in order");
    let seeds = || (0..3).flat_map(|round| (0..5).map(move |seed| round * 10 + seed));
    assert!(all.letters == expected(seeds()));
    let mut chunks = expected(seeds().map(|seed| 100 + seed));
    chunks.insert(id(112).0, None);
    assert!(all.chunks == chunks);
    assert_eq!(next, NextBatches { letters: 4, chunks: 4 });

    // From there on there is nothing, and the session goes on.
    courier.send(Request::Drain(next)).await;
    assert_eq!(courier.receive().await, Response::CaughtUp(next));
    // From the last batch on it is one of each.
    courier.send(Request::Drain(NextBatches { letters: 3, chunks: 3 })).await;
    let mut pieces = 0;
    while !matches!(courier.receive().await, Response::CaughtUp(_)) {
        pieces += 1;
    }
    assert_eq!(pieces, 12);
}

#[tokio::test]
async fn a_watch_goes_on_with_each_batch_as_it_seals() {
    let rig = Rig::open().await;
    let (mut client, mut courier) = (rig.client().await, rig.courier().await);
    let mut heads = heads();
    courier.send(Request::Watch(FROM_START)).await;
    assert_eq!(mirror(&mut courier, &mut heads).await.1, FROM_START);
    for round in 0..4 {
        client.ask(letter(round)).await;
        rig.handle.seal().await;
        let (new, next) = mirror(&mut courier, &mut heads).await;
        assert!(new.letters == expected(round..=round) && new.chunks.is_empty());
        assert_eq!(next, NextBatches { letters: round + 2, chunks: 1 });
    }
    client.ask(chunk(50)).await;
    rig.handle.seal().await;
    assert!(mirror(&mut courier, &mut heads).await.0.chunks == expected(50..=50));
}

#[tokio::test]
async fn a_courier_that_asks_for_more_than_there_was_is_told_where_the_chain_ends() {
    let rig = Rig::open().await;
    rig.client().await.ask(letter(1)).await;
    rig.handle.seal().await;
    let mut courier = rig.courier().await;
    courier.send(Request::Drain(NextBatches { letters: 9, chunks: u64::MAX })).await;
    assert_eq!(courier.receive().await, Response::CaughtUp(NextBatches { letters: 2, chunks: 1 }));
}

#[tokio::test]
async fn a_drain_from_expired_batches_begins_with_the_oldest_there_is() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    for day in 0..=16 {
        client.ask(letter(day)).await;
        rig.clock.advance(Duration::from_secs(86_400));
        rig.handle.tick().await;
    }
    // It is day 17; letters live for 14 days after their own.
    let mut courier = rig.courier().await;
    courier.send(Request::Drain(FROM_START)).await;
    let Response::Batch(EnvelopeKind::Letter, first) = courier.receive().await else { panic!("no batch") };
    assert_eq!((first.number(), first.day()), (4, DAY.plus(3)));
}

#[tokio::test]
async fn a_courier_that_takes_nothing_in_makes_the_relay_read_only_a_little() {
    let rig = Rig::open_with(|config| config.limits.requests_in_flight = 64).await;
    let mut client = rig.client().await;
    // More than the sockets of both ends will buffer.
    for seed in 0..900 {
        client.send(letter(seed)).await;
        if seed % 32 == 31 {
            for _ in 0..32 {
                client.receive().await;
            }
        }
    }
    for _ in 0..900 % 32 {
        client.receive().await;
    }
    rig.handle.seal().await;
    let mut courier = rig.courier().await;
    courier.send(Request::Drain(FROM_START)).await;
    assert!(matches!(courier.receive().await, Response::Batch(..)));
    // Whoever else is served meanwhile gives the relay all the time it could want.
    for _ in 0..2_000 {
        client.ask(Request::Note).await;
    }
    let read = rig.store.reads.load(Ordering::Relaxed);
    assert!(read < 800, "{read} of 900 envelopes were read for a courier that read one frame");
    let mut left = 0;
    while !matches!(courier.receive().await, Response::CaughtUp(_)) {
        left += 1;
    }
    assert_eq!(left, 900);
}

/// A courier watches, and the office publishes a roster with a change.
async fn is_told_nothing_more_after(change: impl FnOnce(&mut Office)) {
    let mut rig = Rig::open().await;
    let (mut client, mut courier) = (rig.client().await, rig.courier().await);
    courier.send(Request::Watch(FROM_START)).await;
    assert_eq!(courier.receive().await, Response::CaughtUp(FROM_START));
    change(&mut rig.office);
    let roster = rig.office.sign_roster();
    assert_eq!(client.ask(publish_roster(&roster)).await, Response::Published);
    client.ask(letter(1)).await;
    rig.handle.seal().await;
    assert_eq!(error(&courier.receive().await), ErrorCode::RefusedCourier);
    assert_eq!(courier.refused(Request::Drain(FROM_START)).await, ErrorCode::RefusedCourier);
}

#[tokio::test]
async fn a_courier_that_is_revoked_while_it_watches_is_told_nothing_more() {
    is_told_nothing_more_after(|office| office.revoke_courier(0)).await;
}

#[tokio::test]
async fn a_courier_whose_number_is_somebody_elses_now_is_told_nothing_more() {
    is_told_nothing_more_after(|office| office.replace_courier(0)).await;
}

/// Whatever is sealed meanwhile.
#[tokio::test]
async fn a_courier_that_breaks_the_protocol_while_it_watches_is_told_so_and_dropped() {
    let rig = Rig::open().await;
    let mut courier = rig.courier().await;
    courier.send(Request::Watch(FROM_START)).await;
    assert!(matches!(courier.receive().await, Response::CaughtUp(_)));
    courier.send_frame(&Frame::small(FrameHead::single(0x03, 1), id(0).as_bytes()).unwrap()).await;
    assert_eq!(courier.frame().await.unwrap().head().kind, ERROR_KIND);
    courier.ends().await;
}

#[tokio::test]
async fn a_watch_ends_when_the_relay_is_stopped() {
    let rig = Rig::open().await;
    let mut courier = rig.courier().await;
    courier.send(Request::Watch(FROM_START)).await;
    assert_eq!(courier.receive().await, Response::CaughtUp(FROM_START));
    let stopping = tokio::spawn(rig.stopping());
    courier.ends().await;
    stopping.await.unwrap();
}
