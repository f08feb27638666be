//! Any attacks whatever, over seeds.

use crate::attack::{Attack, Way, below};
use crate::judge::{Fault, REPLY, Scene, TEXT, fault};
use crate::manipulator::{ByteAttack, ByteWhat, Manipulator, attack_bytes};
use cssr_client::source::Patience;
use cssr_client::visit::{Plan, Want};
use cssr_tests::office::TODAY;
use cssr_tests::people::{Source, calm, rng, visit, within};
use cssr_tests::seeds;
use std::collections::BTreeMap;
use std::time::Duration;

/// Short enough for many seeds, long enough for a busy machine; what is not over then is a hang.
fn impatient() -> Patience {
    Patience { silence: Duration::from_secs(1), ..calm() }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_to_messages_the_right_text_arrives_or_the_fault_is_named() {
    let outcomes = seeds::for_each(200, |seed| async move {
        let (scene, mut rng) = (Scene::set(seed).await, rng(seed));
        let attacks = (0..=below(&mut rng, 3)).map(|_| Attack::random(&mut rng)).collect();
        let manipulator = Manipulator::before(scene.relay.port, vec![attacks], scene.earlier.clone()).await;
        judged(&scene, manipulator.port, seed).await
    });
    every_end_occurs(&outcomes.await);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_to_bytes_the_right_text_arrives_or_the_fault_is_named() {
    let outcomes = seeds::for_each(100, |seed| async move {
        let (scene, mut rng) = (Scene::set(seed).await, rng(seed));
        let (way, bytes) = if below(&mut rng, 2) == 0 { (Way::ToRelay, 60_000) } else { (Way::ToClient, 280_000) };
        let what = match below(&mut rng, 4) {
            0 => ByteWhat::Cut,
            1 => ByteWhat::Stall,
            _ => ByteWhat::Garble(1 + below(&mut rng, 255) as u8),
        };
        let at = below(&mut rng, bytes);
        judged(&scene, attack_bytes(scene.relay.port, ByteAttack { way, at, what }).await, seed).await
    });
    every_end_occurs(&outcomes.await);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_to_a_seats_post_its_reply_is_read_as_written_or_the_fault_is_named() {
    let outcomes = seeds::for_each(80, |seed| async move {
        let (mut scene, mut rng) = (Scene::set(seed).await, rng(seed));
        let second = "a second answer";
        let (key, contact) = scene.source.contact();
        let ready = vec![scene.relay.office.reply(0, 2, TODAY, second, (key, &contact))];
        let attacks = (0..=below(&mut rng, 2)).map(|_| Attack::random(&mut rng)).collect();
        let manipulator = Manipulator::before(scene.relay.port, vec![attacks], scene.earlier.clone()).await;
        // As a desk posts: in a visit under keys that nobody has.
        let (card, nobody) = (scene.relay.office.card(scene.relay.port), Source(!seed));
        let want = Want { ready, ..Want::default() };
        let plan = Plan::new(card.clone(), card.office_if_first(), nobody.keys(), TODAY, want);
        let outcome = within(calm().attempt, visit(plan, manipulator.port, &impatient(), !seed)).await;
        scene.relay.seal().await;
        let report = visit(scene.source.plan(&card, None), scene.relay.port, &calm(), !seed - 1).await.unwrap();
        let read: Vec<_> = report.replies.iter().map(|reply| reply.text.as_deref().unwrap()).collect();
        assert_eq!(report.doubts, []);
        match outcome {
            Ok(posted) => {
                assert_eq!((posted.sent.len(), posted.sent[0].stored), (1, Ok(())));
                assert_eq!(read, [REPLY, second]);
                None
            }
            Err(failure) => {
                assert!([REPLY, second].starts_with(&read) && !read.is_empty(), "{read:?}");
                Some(fault(&failure))
            }
        }
    });
    every_end_occurs(&outcomes.await);
}

async fn judged(scene: &Scene, port: u16, seed: u64) -> Option<Fault> {
    let plan = scene.source.plan(&scene.relay.office.card(scene.relay.port), Some(TEXT));
    let outcome = within(calm().attempt, visit(plan, port, &impatient(), !seed)).await;
    scene.judge(&outcome).await
}

/// Attacks that never succeed, or always, would show little.
fn every_end_occurs(outcomes: &[Option<Fault>]) {
    let mut counts = BTreeMap::new();
    outcomes.iter().for_each(|outcome| *counts.entry(format!("{outcome:?}")).or_insert(0) += 1);
    if outcomes.len() >= 80 {
        let count = |end: Option<Fault>| outcomes.iter().filter(|outcome| **outcome == end).count();
        assert!(count(None) > 0 && count(Some(Fault::Gone)) > 0 && count(Some(Fault::Unreadable)) > 0, "{counts:?}");
    }
}
