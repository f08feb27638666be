//! Attacks on the bytes of the TCP connection: before, in and after the WebSocket upgrade.

use crate::attack::Way;
use crate::judge::{Fault, Scene, TEXT};
use crate::manipulator::{ByteAttack, ByteWhat, attack_bytes};
use cssr_client::source::Patience;
use cssr_tests::people::{calm, visit, within};
use futures_util::future::join_all;
use std::time::Duration;

fn impatient() -> Patience {
    Patience { silence: Duration::from_millis(700), ..calm() }
}

/// In the upgrade, right after it, in the directory, in a group or a post.
const PLACES: [usize; 5] = [0, 40, 700, 9_000, 150_000];
const TO_RELAY: [usize; 5] = [0, 40, 700, 2_500, 20_000];

async fn faults(way: Way, places: [usize; 5], what: ByteWhat, patience: &Patience) -> Vec<Option<Fault>> {
    let visits = places.map(async |at| {
        let scene = Scene::set(2).await;
        let port = attack_bytes(scene.relay.port, ByteAttack { way, at, what }).await;
        let plan = scene.source.plan(&scene.relay.office.card(scene.relay.port), Some(TEXT));
        let outcome = within(calm().attempt / 2, visit(plan, port, patience, 2)).await;
        scene.judge(&outcome).await
    });
    join_all(visits).await
}

#[tokio::test]
async fn a_stream_cut_at_a_byte() {
    assert_eq!(faults(Way::ToClient, PLACES, ByteWhat::Cut, &calm()).await, [Some(Fault::Gone); 5]);
    assert_eq!(faults(Way::ToRelay, TO_RELAY, ByteWhat::Cut, &calm()).await, [Some(Fault::Gone); 5]);
}

#[tokio::test]
async fn a_stream_that_stops_at_a_byte() {
    assert_eq!(faults(Way::ToClient, PLACES, ByteWhat::Stall, &impatient()).await, [Some(Fault::Silent); 5]);
    assert_eq!(faults(Way::ToRelay, TO_RELAY, ByteWhat::Stall, &impatient()).await, [Some(Fault::Silent); 5]);
}

#[tokio::test]
async fn a_changed_byte() {
    for pattern in [0x01, 0x80, 0xff] {
        // What it is taken for depends on where it stands; that it is one of these is checked by the judge.
        for fault in faults(Way::ToClient, PLACES, ByteWhat::Garble(pattern), &impatient()).await {
            assert!(fault.is_some(), "{pattern}");
        }
        for fault in faults(Way::ToRelay, TO_RELAY, ByteWhat::Garble(pattern), &impatient()).await {
            assert!(fault.is_some(), "{pattern}");
        }
    }
}
