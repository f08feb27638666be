//! One test for each kind of manipulation of messages, in both directions.
//!
//! ```text
//! to the relay:  0 handshake  1 directory  2 note  3-8 indexes        9 post      10 group  11 post      12 group
//! to the client: 0 handshake  1 directory  2 note  3-8 indexes  9 stored  10-13 group   14 stored  15-18 group
//! ```

use crate::attack::{Attack, Way, What};
use crate::judge::{Fault, Scene, TEXT};
use crate::manipulator::Manipulator;
use cssr_client::source::Patience;
use cssr_tests::people::{calm, visit, within};
use futures_util::future::join_all;
use std::time::Duration;

/// Places of both directions that differ in what they are for and how large they are.
const TO_RELAY: [usize; 4] = [0, 1, 5, 9];
const TO_CLIENT: [usize; 5] = [0, 1, 5, 9, 11];

/// So that a test in which nothing comes is over soon.
fn impatient() -> Patience {
    Patience { silence: Duration::from_millis(700), ..calm() }
}

/// Makes one manipulation at each of these places, each at a relay of its own, and gives what each visit ended with.
async fn faults(way: Way, places: &[usize], what: What, patience: &Patience) -> Vec<Option<Fault>> {
    let visits = places.iter().map(async |at| {
        let scene = Scene::set(1).await;
        let attacks = vec![vec![Attack { way, at: *at, what }]];
        let manipulator = Manipulator::before(scene.relay.port, attacks, scene.earlier.clone()).await;
        let plan = scene.source.plan(&scene.relay.office.card(scene.relay.port), Some(TEXT));
        // The bound is half the calm visit's: an attempt is not what ends it.
        let outcome = within(calm().attempt / 2, visit(plan, manipulator.port, patience, 2)).await;
        scene.judge(&outcome).await
    });
    join_all(visits).await
}

async fn to_client(places: &[usize], what: What) -> Vec<Option<Fault>> {
    faults(Way::ToClient, places, what, &calm()).await
}

async fn to_relay(places: &[usize], what: What) -> Vec<Option<Fault>> {
    faults(Way::ToRelay, places, what, &calm()).await
}

/// The client says that the handshake failed, or that a message is not the relay's.
async fn is_seen_by_the_client(what: What) {
    let [first, others @ ..] = TO_CLIENT;
    assert_eq!(to_client(&[first], what).await, [Some(Fault::Handshake)], "{what:?}");
    assert_eq!(to_client(&others, what).await, [Some(Fault::Unreadable); 4], "{what:?}");
}

/// The relay ends the connection without a word; where it answers a changed handshake, the client refuses the answer.
async fn is_seen_by_the_relay(what: What) {
    let [first, others @ ..] = TO_RELAY;
    let handshake = to_relay(&[first], what).await;
    assert!(matches!(handshake[..], [Some(Fault::Gone | Fault::Handshake)]), "{what:?}: {handshake:?}");
    assert_eq!(to_relay(&others, what).await, [Some(Fault::Gone); 3], "{what:?}");
}

#[tokio::test]
async fn a_changed_bit() {
    for bit in [0, 4_000] {
        is_seen_by_the_client(What::FlipBit(bit)).await;
        is_seen_by_the_relay(What::FlipBit(bit)).await;
    }
}

#[tokio::test]
async fn two_messages_swapped() {
    assert_eq!(to_client(&[1, 3, 9, 11], What::Swap).await, [Some(Fault::Unreadable); 4]);
    assert_eq!(to_relay(&[1, 5, 9], What::Swap).await, [Some(Fault::Gone); 3]);
}

#[tokio::test]
async fn messages_in_reverse_order() {
    assert_eq!(to_client(&[3, 10], What::Reverse).await, [Some(Fault::Unreadable); 2]);
    assert_eq!(to_relay(&[3], What::Reverse).await, [Some(Fault::Gone)]);
}

#[tokio::test]
async fn a_message_that_comes_twice() {
    assert_eq!(to_client(&TO_CLIENT, What::Repeat).await, [Some(Fault::Unreadable); 5]);
    assert_eq!(to_relay(&TO_RELAY, What::Repeat).await, [Some(Fault::Gone); 4]);
}

#[tokio::test]
async fn an_earlier_message_of_the_session_again() {
    for earlier in [0, 1] {
        assert_eq!(to_client(&[2, 5, 9, 11], What::Replay(earlier)).await, [Some(Fault::Unreadable); 4]);
        assert_eq!(to_relay(&[2, 5, 9], What::Replay(earlier)).await, [Some(Fault::Gone); 3]);
    }
}

#[tokio::test]
async fn a_message_of_another_session() {
    is_seen_by_the_client(What::Foreign).await;
    is_seen_by_the_relay(What::Foreign).await;
}

#[tokio::test]
async fn the_clients_own_messages_sent_back() {
    assert_eq!(to_relay(&[0], What::Reflect).await, [Some(Fault::Handshake)]);
    assert_eq!(to_relay(&[1, 5, 9], What::Reflect).await, [Some(Fault::Unreadable); 3]);
    // The relay does not like to hear itself either; what it said meanwhile is not in its place.
    assert_eq!(to_client(&[0], What::Reflect).await, [Some(Fault::Gone)]);
    assert_eq!(to_client(&[1, 9], What::Reflect).await, [Some(Fault::Unreadable); 2]);
}

#[tokio::test]
async fn a_message_cut_short() {
    for length in [0, 100, 527] {
        is_seen_by_the_client(What::Truncate(length)).await;
        is_seen_by_the_relay(What::Truncate(length)).await;
    }
}

#[tokio::test]
async fn a_message_in_two() {
    is_seen_by_the_client(What::Split).await;
    is_seen_by_the_relay(What::Split).await;
}

#[tokio::test]
async fn a_message_made_longer() {
    is_seen_by_the_relay(What::Extend(1)).await;
    assert_eq!(to_client(&[0], What::Extend(1)).await, [Some(Fault::Handshake)]);
    assert_eq!(to_client(&[9], What::Extend(1)).await, [Some(Fault::Unreadable)]);
    // Longer than any message: it is not even read.
    assert_eq!(to_client(&[1, 11], What::Extend(1)).await, [Some(Fault::Gone); 2]);
}

#[tokio::test]
async fn two_messages_in_one() {
    assert_eq!(to_relay(&[1, 3, 9], What::Merge).await, [Some(Fault::Gone); 3]);
    assert_eq!(to_client(&[1, 9, 11], What::Merge).await, [Some(Fault::Gone); 3]);
}

#[tokio::test]
async fn a_message_over_every_limit() {
    assert_eq!(to_client(&TO_CLIENT, What::Oversized).await, [Some(Fault::Gone); 5]);
    assert_eq!(to_relay(&TO_RELAY, What::Oversized).await, [Some(Fault::Gone); 4]);
}

#[tokio::test]
async fn a_message_left_out() {
    // What comes after it is not in its place; where nothing comes, that is said.
    assert_eq!(to_client(&[1, 3, 9, 11], What::Drop).await, [Some(Fault::Unreadable); 4]);
    assert_eq!(to_relay(&[1, 3, 9], What::Drop).await, [Some(Fault::Gone); 3]);
    let last = [Some(Fault::Silent); 2];
    assert_eq!(faults(Way::ToClient, &[0, 18], What::Drop, &impatient()).await, last);
    assert_eq!(faults(Way::ToRelay, &[0, 12], What::Drop, &impatient()).await, last);
}

#[tokio::test]
async fn a_message_that_comes_late_but_in_time() {
    assert_eq!(to_client(&TO_CLIENT, What::Delay).await, [None; 5]);
    assert_eq!(to_relay(&TO_RELAY, What::Delay).await, [None; 4]);
}

#[tokio::test]
async fn messages_held_back_beyond_the_timeout() {
    assert_eq!(faults(Way::ToClient, &TO_CLIENT, What::Hold, &impatient()).await, [Some(Fault::Silent); 5]);
    assert_eq!(faults(Way::ToRelay, &TO_RELAY, What::Hold, &impatient()).await, [Some(Fault::Silent); 4]);
}

#[tokio::test]
async fn pings_for_ever_in_place_of_an_answer() {
    assert_eq!(faults(Way::ToClient, &TO_CLIENT, What::Pings, &impatient()).await, [Some(Fault::Silent); 5]);
}

#[tokio::test]
async fn a_text_message() {
    assert_eq!(to_client(&TO_CLIENT, What::Text).await, [Some(Fault::NotAFrame); 5]);
    assert_eq!(to_relay(&TO_RELAY, What::Text).await, [Some(Fault::Gone); 4]);
}

#[tokio::test]
async fn a_connection_closed_or_cut_in_the_middle() {
    for what in [What::Close, What::Cut] {
        assert_eq!(to_client(&TO_CLIENT, what).await, [Some(Fault::Gone); 5], "{what:?}");
        assert_eq!(to_relay(&TO_RELAY, what).await, [Some(Fault::Gone); 4], "{what:?}");
    }
}
