//! The client is led to somebody else, or there is somebody in between with a key of its own.

use crate::impostor::Impostor;
use crate::judge::{Scene, TEXT};
use cssr_client::source::Error;
use cssr_client::visit::VisitError;
use cssr_proto::request::RequestKind;
use cssr_proto::{RosterError, TrustError};
use cssr_tests::honest::{Honest, relay_key};
use cssr_tests::office::Office;
use cssr_tests::people::{calm, visit};

/// Makes a visit at a port where somebody else than the office's relay answers; nothing may have reached the relay.
async fn refusal(scene: &Scene, port: u16) -> TrustError {
    let before = scene.relay.held(1).await;
    let plan = scene.source.plan(&scene.relay.office.card(scene.relay.port), Some(TEXT));
    let failure = visit(plan, port, &calm(), 3).await.unwrap_err();
    assert_eq!(scene.relay.held(1).await, before);
    let Error::Visit(VisitError::Trust(error)) = failure.error else { panic!("{failure:?}") };
    error
}

#[tokio::test]
async fn to_another_offices_relay() {
    let (scene, other) = (Scene::set(1).await, Honest::open(2).await);
    let error = refusal(&scene, other.port).await;
    assert!(matches!(error, TrustError::WrongOffice(RosterError::Lineage(_))), "{error:?}");
    assert!(other.held(1).await.is_empty());
}

#[tokio::test]
async fn to_a_relay_with_the_offices_statements_and_another_key() {
    let scene = Scene::set(1).await;
    let other = Honest::serve(Office::new(1, relay_key(1).public()), relay_key(9)).await;
    other.confirm().await;
    assert_eq!(refusal(&scene, other.port).await, TrustError::WrongRelayKey);
    assert!(other.held(1).await.is_empty());
}

#[tokio::test]
async fn to_somebody_who_reads_everything_and_passes_it_on() {
    let scene = Scene::set(1).await;
    let impostor = Impostor::before(scene.relay.port).await;
    assert_eq!(refusal(&scene, impostor.port).await, TrustError::WrongRelayKey);
    // All that it has seen is what everybody asks first.
    assert_eq!(impostor.requests(), [RequestKind::Directory, RequestKind::Note].map(RequestKind::byte));
}
