//! Batches and days, by the clock.

use crate::client::{Client, chunk, envelope, id, letter};
use crate::gate::Gate;
use crate::office::DAY;
use crate::rig::{Rig, office, relay_key, relay_public_key};
use chacha20::ChaCha20Rng;
use cssr_proto::index::{Group, Index};
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use cssr_proto::{Day, List};
use cssr_relay::store::{JournalConfig, JournalStore, Quotas, SledConfig, SledStore, Store};
use cssr_relay::{Config, ManualClock, Relay, StartError};
use rand_core::SeedableRng as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const DAY_LONG: Duration = Duration::from_secs(86_400);
const QUOTAS: Quotas = Quotas { letters: 100, chunks: 100 };

async fn sizes(client: &mut Client, day: Day) -> Vec<usize> {
    match client.ask(Request::Index(day)).await {
        Response::Index(Index { batches }) => batches.iter().map(|batch| batch.ids().len()).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn sixteen_letters_are_sealed_after_five_minutes_and_fewer_at_the_half_hour() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    for seed in 0..16 {
        client.ask(letter(seed)).await;
    }
    rig.clock.advance(5 * MINUTE - Duration::from_secs(1));
    rig.handle.tick().await;
    assert_eq!(sizes(&mut client, DAY).await, [] as [usize; 0]);
    rig.clock.advance(Duration::from_secs(1));
    rig.handle.tick().await;
    assert_eq!(sizes(&mut client, DAY).await, [16]);
    client.ask(letter(100)).await;
    rig.clock.advance(24 * MINUTE);
    rig.handle.tick().await;
    assert_eq!(sizes(&mut client, DAY).await, [16]);
    rig.clock.advance(MINUTE);
    rig.handle.tick().await;
    assert_eq!(sizes(&mut client, DAY).await, [16, 1]);
}

/// Fifteen of somebody's own, and the next one would show when it came.
#[tokio::test]
async fn a_batch_that_fills_in_the_middle_of_five_minutes_waits_for_their_end_however_old_it_is() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    for seed in 0..15 {
        client.ask(letter(seed)).await;
    }
    rig.clock.advance(6 * MINUTE);
    rig.handle.tick().await;
    client.ask(letter(15)).await;
    for _ in 0..3 {
        rig.clock.advance(MINUTE);
        rig.handle.tick().await;
        assert_eq!(sizes(&mut client, DAY).await, [] as [usize; 0]);
    }
    rig.clock.advance(MINUTE);
    rig.handle.tick().await;
    assert_eq!(sizes(&mut client, DAY).await, [16]);
}

/// However fast letters come, they wait for their own time, and the relay gets on with what else there is.
#[tokio::test]
async fn what_comes_while_a_batch_is_sealed_is_not_sealed_with_it_or_right_after_it() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    client.ask(letter(1)).await;
    rig.store.comes_beside_seals.store(50, Ordering::Relaxed);
    rig.clock.advance(30 * MINUTE);
    rig.handle.tick().await;
    // It may have looked before.
    rig.handle.tick().await;
    assert_eq!(sizes(&mut client, DAY).await, [1]);
    rig.clock.advance(30 * MINUTE);
    rig.handle.tick().await;
    assert_eq!(sizes(&mut client, DAY).await, [1, 1], "one letter more for each batch");
}

#[tokio::test]
async fn the_sealer_wakes_by_itself() {
    let rig = Rig::open_with(|config| config.sealing.min_letters = 1).await;
    let (mut client, mut courier) = (rig.client().await, rig.courier().await);
    let from = cssr_proto::request::NextBatches { letters: 1, chunks: 1 };
    courier.send(Request::Watch(from)).await;
    courier.receive().await;
    client.ask(letter(1)).await;
    let batch = loop {
        // The sealer may be between two looks at the clock, so time passes until it has looked.
        rig.clock.advance(Duration::from_secs(1));
        tokio::select! {
            biased;
            response = courier.receive() => match response {
                Response::Batch(_, batch) => break batch,
                other => panic!("{other:?}"),
            },
            () = tokio::task::yield_now() => {}
        }
    };
    assert_eq!(batch.ids(), [id(1)]);
}

#[tokio::test]
async fn a_post_that_was_there_already_does_not_make_the_next_one_seem_old() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    client.ask(letter(1)).await;
    rig.handle.seal().await;
    client.ask(letter(1)).await;
    rig.handle.tick().await;
    rig.clock.advance(29 * MINUTE);
    rig.handle.tick().await;
    for seed in 2..18 {
        client.ask(letter(seed)).await;
    }
    rig.handle.tick().await;
    assert_eq!(sizes(&mut client, DAY).await, [1], "16 letters that have just come were sealed at once");
}

#[tokio::test]
async fn letters_are_listed_under_the_day_on_which_they_came() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    rig.clock.advance(DAY_LONG - Duration::from_secs(1));
    rig.handle.tick().await;
    client.ask(letter(1)).await;
    rig.clock.advance(Duration::from_secs(1));
    rig.handle.tick().await;
    client.ask(letter(2)).await;
    rig.handle.seal().await;
    assert_eq!(rig.client().await.announcement.day, DAY.plus(1));
    assert_eq!((sizes(&mut client, DAY).await, sizes(&mut client, DAY.plus(1)).await), (vec![1], vec![1]));
}

#[tokio::test]
async fn the_day_never_goes_back_and_never_far_forward() {
    let rig = Rig::open().await;
    rig.clock.set_day(DAY.minus(3));
    rig.handle.tick().await;
    assert_eq!(rig.client().await.announcement.day, DAY);
    rig.clock.set_day(DAY.plus(8));
    rig.handle.tick().await;
    assert_eq!(rig.client().await.announcement.day, DAY, "a jump of eight days is not believed");
    rig.clock.set_day(DAY.plus(7));
    rig.handle.tick().await;
    assert_eq!(rig.client().await.announcement.day, DAY.plus(7));
}

#[tokio::test]
async fn a_relay_that_was_off_for_long_starts_only_if_the_operator_vouches_for_the_date() {
    let (store, office, clock) = Rig::open().await.stop().await;
    clock.set_day(DAY.plus(30));
    let mut config = Config::new(office.card(), relay_key());
    let refused = Relay::start(store.clone(), config, Arc::clone(&clock) as _).await;
    assert!(matches!(refused, Err(StartError::Clock(jump)) if (jump.last, jump.clock) == (DAY, DAY.plus(30))));
    config = Config::new(office.card(), relay_key());
    config.accept_day = Some(DAY.plus(30));
    assert!(Relay::start(store, config, clock).await.is_ok());
}

#[tokio::test]
async fn letters_and_chunks_are_gone_when_their_life_is_over() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    client.ask(letter(1)).await;
    client.ask(chunk(2)).await;
    rig.handle.seal().await;
    assert_eq!(sizes(&mut client, DAY).await, [1]);
    let mut life = (0, 0);
    for day in 1..=16 {
        rig.clock.advance(DAY_LONG);
        rig.handle.tick().await;
        let mut client = rig.client().await;
        let Response::Group(letters) = client.ask(Request::Group(Group { day: DAY, number: 0 })).await else {
            panic!("no group")
        };
        let held = letters[0].as_ref().is_some_and(|letter| letter.envelope() == &envelope(1));
        assert_eq!(held, sizes(&mut client, DAY).await == [1], "listed and held");
        let chunk = client.ask(Request::Have(List::new(vec![id(2)]).unwrap())).await == Response::Have(vec![true]);
        life = (if held { day } else { life.0 }, if chunk { day } else { life.1 });
    }
    assert_eq!(life, (14, 7));
}

#[tokio::test]
async fn what_waited_before_a_restart_is_sealed_after_it() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    client.ask(letter(1)).await;
    let rig = rig.restart().await;
    rig.handle.tick().await;
    rig.clock.advance(30 * MINUTE);
    rig.handle.tick().await;
    assert_eq!(sizes(&mut rig.client().await, DAY).await, [1]);
}

/// How many letters of a day are listed, all of which must be there.
async fn held<S: Store>(rig: &Rig<S>, day: Day) -> usize {
    let mut client = rig.client().await;
    let listed = sizes(&mut client, day).await.iter().sum();
    let Response::Group(letters) = client.ask(Request::Group(Group { day, number: 0 })).await else {
        panic!("no group")
    };
    assert_eq!(letters.iter().flatten().count(), listed, "listed and held");
    listed
}

/// On a disk: what was acknowledged on days that the clock jumped to lives as long as they say, and what has expired stays so.
async fn clock_jumps_by_a_day_both_ways<S: Store>(open: impl Fn() -> S) {
    let clock = Arc::new(ManualClock::new(DAY));
    let start = async |office| Rig::with(Gate::closing(open()), office, Arc::clone(&clock), |_| {}).await;
    let post = async |rig: &Rig<S>, seed| {
        assert_eq!(rig.client().await.ask(letter(seed)).await, Response::Posted);
        rig.handle.seal().await;
    };
    let rig = start(office()).await.opened().await;
    post(&rig, 1).await;
    clock.set_day(DAY.plus(1));
    rig.handle.tick().await;
    post(&rig, 2).await;
    clock.set_day(DAY);
    rig.handle.tick().await;
    post(&rig, 3).await;
    assert_eq!((held(&rig, DAY).await, held(&rig, DAY.plus(1)).await), (1, 2));

    // A start at which the clock is a day behind what the store has seen.
    let (store, office, _) = rig.stop().await;
    drop(store);
    let rig = start(office).await;
    assert_eq!(rig.client().await.announcement.day, DAY.plus(1));
    assert_eq!((held(&rig, DAY).await, held(&rig, DAY.plus(1)).await), (1, 2));
    assert_eq!(rig.client().await.ask(letter(1)).await, Response::Posted, "it is known");
    for day in [8, 14, 13] {
        clock.set_day(DAY.plus(day));
        rig.handle.tick().await;
        assert_eq!((held(&rig, DAY).await, held(&rig, DAY.plus(1)).await), (1, 2), "{day}");
    }
    clock.set_day(DAY.plus(15));
    rig.handle.tick().await;
    clock.set_day(DAY.plus(14));
    rig.handle.tick().await;
    assert_eq!((held(&rig, DAY).await, held(&rig, DAY.plus(1)).await), (0, 2));
    let (store, office, _) = rig.stop().await;
    drop(store);
    let rig = start(office).await;
    assert_eq!(rig.client().await.announcement.day, DAY.plus(15));
    assert_eq!((held(&rig, DAY).await, held(&rig, DAY.plus(1)).await), (0, 2));
    drop(rig.stop().await);
}

#[tokio::test]
async fn clock_jumps_by_a_day_lose_nothing_and_bring_nothing_back_in_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, relay) = (folder.path().join("data"), relay_public_key());
    let config = JournalConfig { directory, relay, quotas: QUOTAS };
    clock_jumps_by_a_day_both_ways(|| JournalStore::open(&config, ChaCha20Rng::seed_from_u64(1)).unwrap()).await;
}

#[tokio::test]
async fn clock_jumps_by_a_day_lose_nothing_and_bring_nothing_back_in_sled() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, relay) = (folder.path().join("data"), relay_public_key());
    let config = SledConfig { directory, relay, quotas: QUOTAS };
    clock_jumps_by_a_day_both_ways(|| SledStore::open(&config, ChaCha20Rng::seed_from_u64(1)).unwrap()).await;
}
