//! What sources ask.

use crate::client::{Client, burn_key, chunk, envelope, id, letter};
use crate::gate::Gate;
use crate::office::{DAY, publish_note};
use crate::process::day_of_letters;
use crate::rig::{Rig, genesis, office, relay_public_key};
use chacha20::ChaCha20Rng;
use cssr_proto::index::{Group, Index, Window, letter_genesis};
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use cssr_proto::sizes::{LARGE_WIRE, SMALL_WIRE};
use cssr_proto::{Day, Hash, List, trust};
use cssr_relay::store::{JournalConfig, JournalStore, Quotas};
use cssr_relay::{Health, ManualClock};
use rand_core::SeedableRng as _;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

fn group(day: Day, number: u32) -> Request {
    Request::Group(Group { day, number })
}

fn have(seeds: &[u64]) -> Request {
    Request::Have(List::new(seeds.iter().map(|seed| id(*seed)).collect()).unwrap())
}

fn burn(seed: u64) -> Request {
    Request::Burn { id: id(seed), key: *burn_key(seed).as_bytes() }
}

async fn index(client: &mut Client, day: Day) -> Index {
    match client.ask(Request::Index(day)).await {
        Response::Index(index) => index,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_sources_are_given_passes_their_checks() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    client.send(Request::Directory).await;
    client.send(Request::Note).await;
    let (Response::Directory(directory), Response::Note(note)) = (client.receive().await, client.receive().await)
    else {
        panic!("other answers");
    };
    let today = client.announcement.day;
    assert_eq!(today, DAY);
    trust(&rig.office.card(), DAY, today, None, &directory, &note, &client.relay).unwrap();
    let wanted = rig.office.directory(DAY);
    assert!(directory == wanted.bytes());
    let by_hash = client.ask(Request::DirectoryByHash(wanted.hash())).await;
    assert_eq!(by_hash, Response::DirectoryByHash(Some(directory)));
    let unknown = client.ask(Request::DirectoryByHash(Hash([7; 32]))).await;
    assert_eq!(unknown, Response::DirectoryByHash(None));
}

#[tokio::test]
async fn a_note_that_comes_between_directory_and_note_is_told_to_the_next_one_who_asks() {
    let mut rig = Rig::open().await;
    let mut client = rig.client().await;
    let note = async |client: &mut Client| match client.ask(Request::Note).await {
        Response::Note(note) => note,
        other => panic!("{other:?}"),
    };
    let old = note(&mut client).await;
    assert!(matches!(client.ask(Request::Directory).await, Response::Directory(_)));
    let new = rig.office.note(DAY, genesis());
    assert_eq!(rig.courier().await.ask(publish_note(new.bytes(), None)).await, Response::Published);
    assert!(note(&mut client).await == old, "it goes with the directory that the client was given");
    assert!(note(&mut client).await == new.bytes());
}

#[tokio::test]
async fn a_letter_is_listed_once_it_is_sealed_and_comes_back_intact_with_its_group() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    for seed in 0..6 {
        assert_eq!(client.ask(letter(seed)).await, Response::Posted);
    }
    assert_eq!(index(&mut client, DAY).await, Index::default());
    rig.handle.seal().await;
    let mut days = Vec::new();
    for day in DAY.0 - 1..=DAY.0 {
        days.push(index(&mut client, Day(day)).await);
    }
    let window = Window::verify(Day(DAY.0 - 1), days, &letter_genesis(&relay_public_key()), &genesis()).unwrap();
    let mut expected: Vec<_> = (0..6).map(|seed| (id(seed), seed)).collect();
    expected.sort_unstable();
    assert_eq!(window.letters(DAY), expected.iter().map(|(id, _)| *id).collect::<Vec<_>>());

    for (number, letters) in expected.chunks(4).enumerate() {
        let Response::Group(group) = client.ask(group(DAY, number as u32)).await else { panic!("no group") };
        assert_eq!(group.len(), 4);
        for (place, letter) in group.iter().enumerate() {
            match (letter, letters.get(place)) {
                (Some(frame), Some((id, seed))) => {
                    assert!(frame.id() == id && frame.envelope() == &envelope(*seed));
                }
                (None, None) => {}
                _ => panic!("place {place} of group {number}"),
            }
        }
    }
}

/// Even if the post must wait, and whether or not anybody takes in its answer.
#[tokio::test]
async fn what_is_burned_after_it_was_posted_is_burned_though_nothing_was_answered_yet() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    rig.store.shut();
    for seed in 0..8 {
        client.send(chunk(seed)).await;
        client.send(Request::Burn { id: id(seed), key: *burn_key(seed).as_bytes() }).await;
    }
    rig.store.puts(8).await;
    rig.store.open();
    for seed in 0..8 {
        assert_eq!((client.receive().await, client.receive().await), (Response::Posted, Response::Burned), "{seed}");
    }
    for seed in 0..8 {
        assert_eq!(client.ask(Request::Fetch(id(seed))).await, Response::Chunk(None), "{seed}");
    }
}

#[tokio::test]
async fn a_chunk_can_be_looked_for_fetched_and_burned() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    assert_eq!(client.ask(chunk(1)).await, Response::Posted);
    assert_eq!(client.ask(have(&[0, 1, 2])).await, Response::Have(vec![false, true, false]));
    let Response::Chunk(Some(frame)) = client.ask(Request::Fetch(id(1))).await else { panic!("no chunk") };
    assert!(frame.envelope() == &envelope(1));
    assert_eq!(client.ask(Request::Fetch(id(2))).await, Response::Chunk(None));
    for _ in 0..2 {
        assert_eq!(client.ask(burn(1)).await, Response::Burned);
    }
    assert_eq!(client.ask(Request::Fetch(id(1))).await, Response::Chunk(None));
    assert_eq!(client.ask(have(&[1])).await, Response::Have(vec![false]));
    assert_eq!(client.ask(burn(5)).await, Response::Burned, "what was never there is gone");
}

#[tokio::test]
async fn the_same_post_twice_is_accepted_twice() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    for request in [letter(1), letter(1), chunk(2), chunk(2)] {
        assert_eq!(client.ask(request).await, Response::Posted);
    }
}

#[tokio::test]
async fn an_answer_costs_the_same_bytes_whether_or_not_the_thing_is_there() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    for seed in 0..6 {
        client.ask(letter(seed)).await;
    }
    client.ask(chunk(10)).await;
    client.ask(chunk(11)).await;
    client.ask(burn(11)).await;
    rig.handle.seal().await;
    client.sizes();
    let full_short_none = [(DAY, 0), (DAY, 1), (DAY, 2), (DAY, u32::MAX), (Day(DAY.0 - 3), 0), (Day(u32::MAX), 7)];
    for (day, number) in full_short_none {
        client.ask(group(day, number)).await;
        assert_eq!(client.sizes(), [LARGE_WIRE; 4], "{day} {number}");
    }
    for seed in [10, 11, 12, 0] {
        client.ask(Request::Fetch(id(seed))).await;
        assert_eq!(client.sizes(), [LARGE_WIRE], "{seed}");
        client.ask(have(&[seed])).await;
        assert_eq!(client.sizes(), [SMALL_WIRE], "{seed}");
    }
    for request in [letter(0), letter(99), burn(10), burn(55)] {
        client.ask(request).await;
        assert_eq!(client.sizes(), [SMALL_WIRE]);
    }
}

#[tokio::test]
async fn answers_come_in_the_order_of_requests_although_posts_take_longer() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    rig.store.shut();
    let mut expected = Vec::new();
    for round in 0..10 {
        for request in [letter(round), group(DAY, 0), Request::Index(DAY), chunk(100 + round), Request::Note] {
            expected.push(request.kind());
            client.send(request).await;
        }
    }
    rig.store.puts(20).await;
    rig.store.open();
    for kind in expected {
        use cssr_proto::request::RequestKind as K;
        let response = client.receive().await;
        let fits = match kind {
            K::Post => response == Response::Posted,
            K::Group => matches!(&response, Response::Group(letters) if letters.len() == 4),
            K::Index => response == Response::Index(Index::default()),
            _ => matches!(response, Response::Note(_)),
        };
        assert!(fits, "{response:?} to {kind:?}");
    }
}

#[tokio::test]
async fn the_posts_of_one_connection_share_a_sync() {
    let folder = tempfile::tempdir().unwrap();
    let config = JournalConfig {
        directory: folder.path().join("data"),
        relay: relay_public_key(),
        quotas: Quotas { letters: 1_000, chunks: 1_000 },
    };
    let store = Gate::new(JournalStore::open(&config, ChaCha20Rng::seed_from_u64(1)).unwrap());
    let rig = Rig::with(store, office(), Arc::new(ManualClock::new(DAY)), |_| {}).await.opened().await;
    let mut client = rig.client().await;
    client.ask(letter(1_000)).await;
    let before = rig.store.store().syncs();
    rig.store.shut();
    for seed in 0..64 {
        client.send(letter(seed)).await;
    }
    rig.store.puts(65).await;
    rig.store.open();
    for _ in 0..64 {
        assert_eq!(client.receive().await, Response::Posted);
    }
    let syncs = rig.store.store().syncs() - before;
    assert!((1..=8).contains(&syncs), "{syncs} syncs for 64 posts");
}

#[tokio::test]
async fn requests_in_flight_are_announced() {
    let rig = Rig::open_with(|config| config.limits.requests_in_flight = 9).await;
    assert_eq!(rig.client().await.announcement.in_flight, 9);
}

/// One block of the disk goes bad after the other, and gets well again.
#[tokio::test]
async fn a_letter_that_cannot_be_read_takes_no_other_away_and_is_told_of_when_the_day_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, relay) = (folder.path().join("store"), relay_public_key());
    let config = JournalConfig { directory: directory.clone(), relay, quotas: Quotas { letters: 9, chunks: 9 } };
    let store = JournalStore::open(&config, ChaCha20Rng::seed_from_u64(1)).unwrap();
    let clock = Arc::new(ManualClock::new(DAY));
    let rig = Rig::with(Gate::closing(store), office(), clock, |_| {}).await.opened().await;
    let mut client = rig.client().await;
    for seed in 0..3 {
        assert_eq!(client.ask(letter(seed)).await, Response::Posted);
    }
    rig.handle.seal().await;
    let day = day_of_letters(&directory);
    let journal = OpenOptions::new().read(true).write(true).open(day.join("journal")).unwrap();
    let (mut away, mut block) = (0, [0; 16_384]);
    for at in (0..journal.metadata().unwrap().len()).step_by(block.len()) {
        journal.read_exact_at(&mut block, at).unwrap();
        if block == [0; 16_384] {
            continue;
        }
        journal.write_all_at(&[!block[9_000]], at + 9_000).unwrap();
        let Response::Group(letters) = client.ask(group(DAY, 0)).await else { panic!("no group") };
        let there: Vec<_> = letters.into_iter().flatten().collect();
        assert!(there.len() >= 2, "{} of 3 are left", there.len());
        for letter in &there {
            assert!((0..3).any(|seed| *letter.id() == id(seed) && letter.envelope() == &envelope(seed)));
        }
        away += 3 - there.len();
        journal.write_all_at(&block[9_000..=9_000], at + 9_000).unwrap();
    }
    assert_eq!(away, 3, "each of them once");

    // When it was found out would tell when somebody was there.
    rig.handle.tick().await;
    assert_eq!(rig.monitor.health(), (Health::Good, vec![]));
    rig.clock.advance(Duration::from_secs(86_400));
    rig.handle.tick().await;
    assert!(rig.monitor.health().1.contains(&"store_damaged"));
    rig.stop().await;
}
