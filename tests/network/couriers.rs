//! Somebody between a courier and the relay. A mirror holds nothing but what the relay holds, whatever happens on the
//! way, and the next one goes on where this one stopped.

use crate::attack::{Attack, Way, What, below};
use crate::impostor::Impostor;
use crate::manipulator::Manipulator;
use cssr_client::ConnectionError;
use cssr_client::courier::{CourierError, MirrorReport, NoteOutcome, SessionFailure};
use cssr_client::link::LinkError;
use cssr_proto::session::SessionError;
use cssr_tests::caller::Caller;
use cssr_tests::courier::CourierAtWork;
use cssr_tests::honest::{Honest, relay_key};
use cssr_tests::office::Office;
use cssr_tests::people::{calm, rng, within};
use cssr_tests::seeds;
use std::time::Duration;

struct Scene {
    relay: Honest,
    courier: CourierAtWork,
}

impl Scene {
    /// A relay with three batches of letters.
    async fn set(seed: u64) -> Self {
        let mut office = Office::new(seed as u8, relay_key(seed as u8).public());
        let courier = CourierAtWork::admit(&mut office, 2);
        let mut relay = Honest::serve(office, relay_key(seed as u8)).await;
        relay.confirm().await;
        for letters in 2..5 {
            for _ in 0..letters {
                let cover = relay.office.cover();
                Caller::connect(relay.port).await.post(&cover).await;
            }
            relay.seal().await;
        }
        Self { relay, courier }
    }

    async fn attacked(&mut self, attacks: Vec<Attack>, silence: Duration) -> Result<MirrorReport, CourierError> {
        let earlier = {
            let manipulator = Manipulator::listening(self.relay.port).await;
            Caller::courier(manipulator.port, &self.relay.office, 0).await.drain(1).await;
            manipulator.sessions().remove(0)
        };
        let manipulator = Manipulator::before(self.relay.port, vec![attacks], earlier).await;
        within(calm().attempt, self.courier.mirror(manipulator.port, silence)).await
    }

    /// What is in the mirror is a beginning of what the relay has; after another mirror, all of it.
    async fn judge(mut self, outcome: Result<MirrorReport, CourierError>) -> Option<SessionFailure> {
        let held = self.relay.held(1).await;
        let mirrored = self.courier.held();
        assert!(held.starts_with(&mirrored));
        let fault = match outcome {
            Ok(report) => {
                assert_eq!((mirrored.len(), report.new.letters, report.last_batch), (3, 9, 3));
                assert_eq!((report.refused_notes, report.refused_statements), (0, 0));
                None
            }
            Err(CourierError::Session(fault)) => {
                assert!(matches!(fault, SessionFailure::Connection(_) | SessionFailure::Link(LinkError::Session(_))));
                assert!(fault.to_string().len() > 10);
                Some(fault)
            }
            Err(other) => panic!("no fault of the network: {other:?}"),
        };
        let report = self.courier.mirror(self.relay.port, calm().silence).await.unwrap();
        assert_eq!(self.courier.held(), held);
        // A proposal that arrived although its answer did not stays the only one.
        assert!(matches!(report.note, NoteOutcome::Proposed | NoteOutcome::Waiting), "{:?}", report.note);
        fault
    }
}

async fn fault(way: Way, at: usize, what: What, silence: Duration) -> Option<SessionFailure> {
    let mut scene = Scene::set(1).await;
    let outcome = scene.attacked(vec![Attack { way, at, what }], silence).await;
    scene.judge(outcome).await
}

#[tokio::test]
async fn a_changed_message_of_the_mirrored_letters_is_named() {
    // Among the letters of the second batch.
    let fault = fault(Way::ToClient, 10, What::FlipBit(9_000), calm().silence).await;
    let unreadable = Some(SessionFailure::Link(LinkError::Session(SessionError::Unreadable)));
    assert_eq!(format!("{fault:?}"), format!("{unreadable:?}"));
}

#[tokio::test]
async fn pings_in_place_of_letters_are_silence() {
    let fault = fault(Way::ToClient, 10, What::Pings, Duration::from_millis(700)).await;
    assert!(matches!(fault, Some(SessionFailure::Connection(ConnectionError::Silent(_)))), "{fault:?}");
}

#[tokio::test]
async fn whoever_stands_between_with_a_key_of_its_own_learns_not_even_which_courier_it_is() {
    let mut scene = Scene::set(1).await;
    let impostor = Impostor::before(scene.relay.port).await;
    let outcome = scene.courier.mirror(impostor.port, calm().silence).await;
    assert!(matches!(outcome, Err(CourierError::WrongRelay)), "{outcome:?}");
    assert!(impostor.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_on_the_way_a_mirror_holds_only_what_the_relay_holds() {
    let outcomes = seeds::for_each(60, |seed| async move {
        let (mut scene, mut rng) = (Scene::set(seed).await, rng(seed));
        let attacks = (0..=below(&mut rng, 2)).map(|_| Attack::random(&mut rng)).collect();
        let outcome = scene.attacked(attacks, Duration::from_secs(1)).await;
        scene.judge(outcome).await.is_some()
    });
    let outcomes = outcomes.await;
    let failed = outcomes.iter().filter(|failed| **failed).count();
    assert!(outcomes.len() < 50 || (0 < failed && failed < outcomes.len()), "{failed} of {}", outcomes.len());
}
