//! Visits that are made again after an attack.

use crate::attack::{Attack, Way, What};
use crate::judge::{Scene, TEXT};
use crate::manipulator::Manipulator;
use cssr_client::source::Patience;
use cssr_tests::people::{calm, visit};
use std::time::Duration;

#[tokio::test]
async fn a_visit_that_is_made_again_delivers_its_letter_once() {
    // The post does not arrive; its acknowledgement does not; the connection is cut right after it; in the last round.
    let spoilt = [
        (Way::ToRelay, 9, What::FlipBit(50)),
        (Way::ToClient, 9, What::Drop),
        (Way::ToClient, 10, What::Cut),
        (Way::ToRelay, 12, What::Cut),
        (Way::ToClient, 18, What::Truncate(10)),
    ];
    let scene = Scene::set(1).await;
    let attacks = spoilt.map(|(way, at, what)| vec![Attack { way, at, what }]);
    let manipulator = Manipulator::before(scene.relay.port, attacks.to_vec(), scene.earlier.clone()).await;
    let plan = scene.source.plan(&scene.relay.office.card(scene.relay.port), Some(TEXT));
    let patience = Patience { attempts: 6, first_pause: Duration::from_millis(1), ..calm() };
    let outcome = visit(plan, manipulator.port, &patience, 4).await;
    assert_eq!(manipulator.sessions().len(), spoilt.len() + 1);
    assert_eq!(scene.judge(&outcome).await, None);
}

#[tokio::test]
async fn a_letter_whose_visit_failed_is_kept_for_the_next_one() {
    let scene = Scene::set(1).await;
    let attacks = vec![vec![Attack { way: Way::ToClient, at: 9, what: What::Cut }]];
    let manipulator = Manipulator::before(scene.relay.port, attacks, scene.earlier.clone()).await;
    let plan = scene.source.plan(&scene.relay.office.card(scene.relay.port), Some(TEXT));
    let failure = visit(plan, manipulator.port, &calm(), 4).await.unwrap_err();
    let outcome = visit(*failure.plan.unwrap(), manipulator.port, &calm(), 5).await;
    assert_eq!(scene.judge(&outcome).await, None);
}
