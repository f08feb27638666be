//! What the relay takes from its office, keeps and serves.

use crate::client::{Client, id};
use crate::gate::Gate;
use crate::office::{self, DAY, Office, publish_note, publish_roster, publish_seats};
use crate::rig::{Rig, genesis, office, relay_key, relay_public_key};
use chacha20::ChaCha20Rng;
use cssr_proto::index::Batch;
use cssr_proto::publication::{Notes, Statements};
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use cssr_proto::wire_error::ErrorCode;
use cssr_proto::{CheckedNote, Directory, SeatStatement};
use cssr_relay::store::{JournalConfig, JournalStore, OpenError, Quotas, Shelf, StatementName, Store as _};
use cssr_relay::{Config, ManualClock, OfficeError, Relay, StartError};
use rand_core::SeedableRng as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const DAY_LONG: Duration = Duration::from_secs(86_400);

async fn notes(client: &mut Client) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let Response::Notes(Notes { valid, proposed }) = client.ask(Request::Notes).await else { panic!("no notes") };
    let bytes = |list: &[cssr_proto::publication::NoteBytes]| list.iter().map(|n| n.as_slice().to_vec()).collect();
    (bytes(&valid), bytes(&proposed))
}

async fn served(rig: &Rig) -> (Vec<u8>, Vec<u8>) {
    let mut client = rig.client().await;
    let Response::Directory(directory) = client.ask(Request::Directory).await else { panic!("no directory") };
    let Response::Note(note) = client.ask(Request::Note).await else { panic!("no note") };
    (directory, note)
}

async fn publish(client: &mut Client, note: &[u8], directory: Option<&Directory>) -> Response {
    client.ask(publish_note(note, directory)).await
}

#[tokio::test]
async fn what_is_published_later_waits_for_a_note() {
    let mut rig = Rig::open().await;
    let before = served(&rig).await;
    let roster = rig.office.sign_roster();
    assert_eq!(rig.client().await.ask(publish_roster(&roster)).await, Response::Published);
    assert_eq!(served(&rig).await, before);
    let note = rig.office.note(DAY, genesis());
    let directory = rig.office.directory(DAY);
    let mut courier = rig.courier().await;
    assert_eq!(publish(&mut courier, note.bytes(), Some(&directory)).await, Response::Published);
    assert_eq!(served(&rig).await, (directory.bytes().to_vec(), note.bytes().to_vec()));
}

#[tokio::test]
async fn seats_are_told_everything_that_is_published() {
    let rig = Rig::open().await;
    let Response::Statements(Statements { roster, seat_keys, prekeys }) =
        rig.client().await.ask(Request::Statements).await
    else {
        panic!("no statements")
    };
    let pool = rig.office.pool();
    assert_eq!(roster.unwrap().as_slice(), pool.roster().unwrap().bytes());
    assert!(seat_keys.iter().map(|key| key.as_slice()).eq(pool.seat_keys().map(|key| key.bytes())));
    assert!(prekeys.iter().map(|prekey| prekey.as_slice()).eq(pool.prekeys().map(|prekey| prekey.bytes())));
    assert_eq!((seat_keys.len(), prekeys.len()), (2, 4));
}

#[tokio::test]
async fn a_proposed_note_becomes_valid_with_a_second_signature_however_that_comes() {
    let mut rig = Rig::open().await;
    let mut courier = rig.courier().await;
    let first = served(&rig).await;
    let proposal = rig.office.proposed_note(DAY, genesis());
    assert_eq!(publish(&mut courier, proposal.bytes(), None).await, Response::Published);
    assert_eq!(publish(&mut courier, proposal.bytes(), None).await, Response::Published, "known");
    assert_eq!(notes(&mut courier).await.1, [proposal.bytes()]);
    assert_eq!(served(&rig).await, first, "one signature of two gives no weight");

    // The other courier signed at the same time, without having seen the first signature.
    let both = rig.office.second(&proposal);
    let alone = only_second_signature(both.bytes());
    assert_eq!(publish(&mut courier, &alone, None).await, Response::Published);
    let (valid, proposed) = notes(&mut courier).await;
    assert_eq!((valid.last().unwrap().as_slice(), proposed.len()), (both.bytes(), 0));
    assert_eq!(served(&rig).await.1, both.bytes());
}

#[tokio::test]
async fn a_courier_whose_colleague_is_away_is_never_refused_a_note_about_a_later_head() {
    let mut rig = Rig::open().await;
    let mut courier = rig.courier().await;
    let mut head = genesis();
    let mut last = rig.office.proposed_note(DAY, head);
    assert_eq!(publish(&mut courier, last.bytes(), None).await, Response::Published);
    // The hashes of a dozen notes of one serial come in no order.
    for number in 1..=12 {
        head = Batch::new(&head, DAY, vec![id(number)]).unwrap().head();
        last = rig.office.proposed_again(DAY, head);
        assert_eq!(publish(&mut courier, last.bytes(), None).await, Response::Published, "head {number}");
    }
    let (_, proposed) = notes(&mut courier).await;
    assert!(proposed.len() <= 4 && proposed.iter().any(|note| note == last.bytes()), "{}", proposed.len());
}

/// A note of two signatures without the first one: `[payload, [[0, signature], [1, signature]]]`, re-encoded by hand.
fn only_second_signature(note: &[u8]) -> Vec<u8> {
    const ENTRY: usize = 1 + 1 + 2 + 64;
    let entries = note.len() - 2 * ENTRY;
    assert_eq!(note[entries - 1], 0x82);
    [&note[..entries - 1], &[0x81], &note[entries + ENTRY..]].concat()
}

#[tokio::test]
async fn a_note_older_than_the_newest_or_from_tomorrow_is_refused() {
    let mut rig = Rig::open().await;
    let mut courier = rig.courier().await;
    let (older, newer) = (rig.office.note(DAY, genesis()), rig.office.note(DAY, genesis()));
    assert_eq!(publish(&mut courier, newer.bytes(), None).await, Response::Published);
    assert_eq!(error_of(publish(&mut courier, older.bytes(), None).await), ErrorCode::RefusedStatement);
    assert_eq!(publish(&mut courier, newer.bytes(), None).await, Response::Published, "known");
    let tomorrow = rig.office.directory(DAY.plus(1));
    let note = rig.office.note(DAY.plus(1), genesis());
    assert_eq!(error_of(publish(&mut courier, note.bytes(), Some(&tomorrow)).await), ErrorCode::RefusedStatement);
    rig.clock.advance(DAY_LONG);
    rig.handle.tick().await;
    let mut courier = rig.courier().await;
    assert_eq!(publish(&mut courier, note.bytes(), Some(&tomorrow)).await, Response::Published);
}

#[tokio::test]
async fn a_note_needs_a_directory_that_verifies_and_has_the_newest_roster() {
    let mut rig = Rig::open().await;
    let mut courier = rig.courier().await;
    let old = rig.office.directory(DAY);
    let old_note = rig.office.note(DAY, genesis());
    let roster = rig.office.sign_roster();
    assert_eq!(rig.client().await.ask(publish_roster(&roster)).await, Response::Published);
    let directory = rig.office.directory(DAY);
    let note = rig.office.note(DAY, genesis());

    let mut other = Office::new(2, relay_public_key(), DAY);
    other.sign_roster();
    other.seat_statements(0);
    let foreign = other.note(DAY, genesis());
    for (note, directory) in [
        (note.bytes(), None),
        (note.bytes(), Some(&old)),
        (old_note.bytes(), None),
        (old_note.bytes(), Some(&old)),
        (foreign.bytes(), Some(&other.directory(DAY))),
    ] {
        assert_eq!(error_of(publish(&mut courier, note, directory).await), ErrorCode::RefusedStatement);
    }
    assert_eq!(publish(&mut courier, note.bytes(), Some(&directory)).await, Response::Published);
    assert_eq!(
        courier.ask(Request::DirectoryByHash(old.hash())).await,
        Response::DirectoryByHash(Some(old.bytes().to_vec())),
        "a valid note still names the old one"
    );
}

fn error_of(response: Response) -> ErrorCode {
    crate::client::error(&response)
}

#[tokio::test]
async fn a_restart_changes_nothing_that_is_served() {
    let mut rig = Rig::open().await;
    let mut courier = rig.courier().await;
    for _ in 0..3 {
        let note = rig.office.note(DAY, genesis());
        assert_eq!(publish(&mut courier, note.bytes(), None).await, Response::Published);
    }
    let proposal = rig.office.proposed_note(DAY, genesis());
    assert_eq!(publish(&mut courier, proposal.bytes(), None).await, Response::Published);
    let statements = |mut client: Client| async move { client.ask(Request::Statements).await };
    let before = (served(&rig).await, notes(&mut courier).await, statements(rig.client().await).await);
    assert_eq!((before.1.0.len(), before.1.1.len()), (4, 1));
    drop(courier);
    let rig = rig.restart().await;
    let after = (served(&rig).await, notes(&mut rig.client().await).await, statements(rig.client().await).await);
    assert_eq!(after, before);
}

#[tokio::test]
async fn an_old_roster_does_not_come_back_with_a_restart() {
    let mut rig = Rig::open().await;
    let first = rig.office.pool().roster().unwrap().clone();
    let second = rig.office.sign_roster();
    assert_eq!(rig.client().await.ask(publish_roster(&second)).await, Response::Published);
    let rig = rig.restart().await;
    assert_eq!(rig.client().await.refused(publish_roster(&first)).await, ErrorCode::RefusedStatement);
}

#[tokio::test]
async fn couriers_are_shown_the_notes_of_the_last_weeks_and_sources_never_an_older_one() {
    let mut rig = Rig::open().await;
    let first = served(&rig).await;
    let first_directory = rig.office.directory(DAY).hash();
    rig.clock.advance(DAY_LONG);
    rig.handle.tick().await;
    let roster = rig.office.sign_roster();
    assert_eq!(rig.client().await.ask(publish_roster(&roster)).await, Response::Published);
    let mut courier = rig.courier().await;
    let note = rig.office.note(DAY.plus(1), genesis());
    let directory = rig.office.directory(DAY.plus(1));
    assert_eq!(publish(&mut courier, note.bytes(), Some(&directory)).await, Response::Published);
    // 14 days that letters live, and 60.
    for _ in 1..=75 {
        rig.clock.advance(DAY_LONG);
        rig.handle.tick().await;
    }
    let mut client = rig.client().await;
    assert_eq!(notes(&mut client).await.0, [note.bytes()]);
    assert_eq!(client.ask(Request::DirectoryByHash(first_directory)).await, Response::DirectoryByHash(None));
    rig.clock.advance(DAY_LONG);
    rig.handle.tick().await;
    let rig = rig.restart().await;
    assert_eq!(served(&rig).await.1, note.bytes(), "even if it is older than that");
    assert_ne!(served(&rig).await, first);
}

#[tokio::test]
async fn a_seat_may_publish_what_is_known_again() {
    let mut rig = Rig::open().await;
    let statements = rig.office.seat_statements(0);
    assert_eq!(rig.client().await.ask(publish_seats(&statements)).await, Response::Published);
    for statement in &statements {
        assert!(SeatStatement::from_bytes(statement).is_ok());
    }
}

/// A relay with so many places, of which a new roster holds one for as long as the store is shut.
async fn publishing(places: usize) -> (Rig, Client) {
    publish_slowly(Rig::open_with(|config| config.limits.publications = places).await).await
}

async fn publish_slowly(mut rig: Rig) -> (Rig, Client) {
    let roster = rig.office.sign_roster();
    let written = *rig.store.statements.borrow();
    rig.store.shut();
    let mut client = rig.client().await;
    client.send(publish_roster(&roster)).await;
    rig.store.statements(written + 1).await;
    (rig, client)
}

fn foreign() -> Office {
    let mut other = Office::new(2, relay_public_key(), DAY);
    other.sign_roster();
    other.seat_statements(0);
    other
}

#[tokio::test]
async fn more_publications_than_allowed_are_refused_as_busy_until_one_is_done() {
    let (mut rig, mut first) = publishing(1).await;
    let statements = rig.office.seat_statements(1);
    let mut second = rig.client().await;
    assert_eq!(second.refused(publish_seats(&statements)).await, ErrorCode::Busy);
    rig.store.open();
    assert_eq!(first.receive().await, Response::Published);
    assert_eq!(second.ask(publish_seats(&statements)).await, Response::Published);
}

#[tokio::test]
async fn whoever_publishes_much_leaves_as_many_places_to_others() {
    let (rig, mut greedy) = publishing(2).await;
    let held = rig.office.pool().roster().unwrap().clone();
    for _ in 0..3 {
        greedy.send(publish_roster(&held)).await;
    }
    // What is nonsense does not wait for what is being written.
    let roster = foreign().pool().roster().unwrap().clone();
    assert_eq!(rig.client().await.refused(publish_roster(&roster)).await, ErrorCode::RefusedStatement);
    rig.store.open();
    assert_eq!(greedy.receive().await, Response::Published);
    for _ in 0..3 {
        assert_eq!(error_of(greedy.receive().await), ErrorCode::Busy);
    }
}

#[tokio::test]
async fn the_note_of_a_courier_gets_in_whoever_else_publishes() {
    let (mut rig, mut anybody) = publishing(1).await;
    let held = rig.office.pool().roster().unwrap().clone();
    assert_eq!(rig.client().await.refused(publish_roster(&held)).await, ErrorCode::Busy);
    let mut courier = rig.courier().await;
    let mut other = foreign();
    let (nonsense, directory) = (other.note(DAY, genesis()), other.directory(DAY));
    let refused = publish(&mut courier, nonsense.bytes(), Some(&directory)).await;
    assert_eq!(error_of(refused), ErrorCode::RefusedStatement, "it was looked at");
    let note = rig.office.note(DAY, genesis());
    courier.send(publish_note(note.bytes(), Some(&rig.office.directory(DAY)))).await;
    rig.store.open();
    assert_eq!(anybody.receive().await, Response::Published);
    assert_eq!(courier.receive().await, Response::Published);
    assert_eq!(served(&rig).await.1, note.bytes());
}

#[tokio::test]
async fn a_new_seat_may_publish_while_the_roster_that_lists_it_is_being_written() {
    let mut rig = Rig::open().await;
    rig.office.add_seat(2);
    let (mut rig, mut office) = publish_slowly(rig).await;
    let statements = rig.office.seat_statements(2);
    let (mut seat, mut other) = (rig.client().await, rig.client().await);
    seat.send(publish_seats(&statements)).await;
    // So that it was looked at before.
    for _ in 0..50 {
        other.ask(Request::Note).await;
    }
    rig.store.open();
    assert_eq!(office.receive().await, Response::Published);
    assert_eq!(seat.receive().await, Response::Published);
}

#[tokio::test]
async fn a_relay_does_not_start_with_the_statements_of_another_office() {
    let (store, _, clock) = Rig::open().await.stop().await;
    let other = Office::new(2, relay_public_key(), DAY);
    let config = Config::new(other.card(), relay_key());
    let refused = Relay::start(store, config, clock).await;
    assert!(matches!(refused, Err(StartError::Office(OfficeError::OtherOffice))));
}

#[tokio::test]
async fn two_relays_do_not_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let config = JournalConfig {
        directory: folder.path().join("data"),
        relay: relay_public_key(),
        quotas: Quotas { letters: 10, chunks: 10 },
    };
    let open = || JournalStore::open(&config, ChaCha20Rng::seed_from_u64(1));
    let clock = Arc::new(ManualClock::new(DAY));
    let rig = Rig::with(Gate::new(open().unwrap()), office(), clock, |_| {}).await;
    let second: Result<JournalStore, OpenError> = open();
    assert!(second.is_err());
    drop(rig);
}

/// A part of what seats have published makes a directory, too, so there are many.
#[tokio::test]
async fn a_courier_that_proposes_one_directory_after_the_other_does_not_fill_the_disk() {
    let rig = Rig::open().await;
    let pool = rig.office.pool();
    let prekeys: Vec<_> = pool.prekeys().collect();
    let mut courier = rig.courier().await;
    let kept = async || rig.store.store().statements(Shelf::Directories).await.unwrap().len();
    assert_eq!((prekeys.len(), kept().await), (4, 1));
    let key = rig.office.courier_key(0);
    for parts in 0..15u64 {
        let some = prekeys.iter().enumerate().filter(|(n, _)| parts >> n & 1 == 1).map(|(_, prekey)| *prekey);
        let directory = Directory::assemble(pool.roster().unwrap(), pool.seat_keys(), some, DAY).unwrap();
        let note = directory.sign_note(100 + parts, genesis(), None, office::courier(0), &key).unwrap();
        let CheckedNote::Proposed(note) = note else { panic!("one signature of two") };
        assert_eq!(publish(&mut courier, note.bytes(), Some(&directory)).await, Response::Published);
        assert!(kept().await <= 5, "the valid note's, and those of the last four proposals");
    }
    assert_eq!(kept().await, 5);
    let (_, proposed) = notes(&mut courier).await;
    assert_eq!(proposed.len(), 4);
}

/// Otherwise whoever waits for many answers keeps what there was at as many moments.
#[tokio::test]
async fn what_is_published_while_answers_wait_is_in_those_that_come_later() {
    // More than all buffers between here and there hold.
    const ASKED: usize = 700;
    let mut rig = Rig::open_with(|config| config.limits.requests_in_flight = 1_000).await;
    for kind in [Request::Statements, Request::Directory] {
        let mut client = rig.client().await;
        for _ in 0..ASKED {
            client.send(kind.clone()).await;
        }
        // So long it takes at most until all of them were read.
        tokio::time::sleep(Duration::from_millis(300)).await;
        rig.office.add_seat(if matches!(kind, Request::Statements) { 2 } else { 3 });
        let roster = rig.office.sign_roster();
        assert_eq!(rig.client().await.ask(publish_roster(&roster)).await, Response::Published);
        let (note, directory) = (rig.office.note(DAY, genesis()), rig.office.directory(DAY));
        assert_eq!(publish(&mut rig.courier().await, note.bytes(), Some(&directory)).await, Response::Published);
        let (first, mut last) = (client.receive().await, None);
        for _ in 1..ASKED {
            last = Some(client.receive().await);
        }
        assert_eq!(last, Some(rig.client().await.ask(kind.clone()).await), "{kind:?}");
        assert_ne!(Some(first), last, "{kind:?}");
    }
}

/// As a loss of power leaves them that comes while those of a seat are removed which a new roster does not list.
#[tokio::test]
async fn statements_of_a_seat_that_is_not_listed_are_no_damage_and_go() {
    let rig = Rig::open().await;
    let mut other = office();
    other.sign_roster();
    other.add_seat(2);
    other.sign_roster();
    let statements = other.seat_statements(2);
    let there = rig.store.store().statements(Shelf::Seats).await.unwrap();
    for (number, statement) in statements.into_iter().enumerate() {
        let name = StatementName::new(format!("left-{number}")).unwrap();
        rig.store.store().put_statement(Shelf::Seats, name, statement).await.unwrap();
    }
    assert_eq!(rig.store.store().statements(Shelf::Seats).await.unwrap().len(), there.len() + 3);
    let rig = rig.restart().await;
    assert_eq!(rig.store.store().statements(Shelf::Seats).await.unwrap(), there);
    assert!(!rig.monitor.health().1.contains(&"store_damaged"));
    let Response::Statements(shown) = rig.client().await.ask(Request::Statements).await else { panic!("none") };
    assert_eq!((shown.seat_keys.len(), shown.prekeys.len()), (2, 4));
}

/// Courier 0 proposes a directory without prekeys.
async fn propose_another_directory(rig: &Rig) -> Directory {
    let roster = rig.office.pool().roster().unwrap();
    let directory = Directory::assemble(roster, rig.office.pool().seat_keys(), [], DAY).unwrap();
    let note = directory.sign_note(100, genesis(), None, office::courier(0), &rig.office.courier_key(0)).unwrap();
    let CheckedNote::Proposed(note) = note else { panic!("one signature of two") };
    assert_eq!(publish(&mut rig.courier().await, note.bytes(), Some(&directory)).await, Response::Published);
    directory
}

/// Whichever of them finds no space: file systems that copy what they change need some.
#[tokio::test]
async fn a_roster_of_which_a_part_could_not_be_done_does_not_go_with_the_day() {
    let mut failed = 0;
    for removes in 0..6 {
        let mut rig = Rig::open().await;
        propose_another_directory(&rig).await;
        rig.office.revoke_courier(1);
        let roster = rig.office.sign_roster();
        rig.store.removes.store(removes, Ordering::Relaxed);
        failed += u32::from(rig.client().await.ask(publish_roster(&roster)).await != Response::Published);
        rig.store.removes.store(usize::MAX, Ordering::Relaxed);
        rig.clock.advance(DAY_LONG);
        rig.handle.tick().await;
        assert_eq!(rig.store.store().statements(Shelf::Rosters).await.unwrap().len(), 1, "{removes}");
        let rig = rig.restart().await;
        let Response::Statements(shown) = rig.client().await.ask(Request::Statements).await else { panic!("none") };
        assert!(shown.roster.is_some(), "{removes}");
        rig.courier().await;
    }
    assert_eq!(failed, 2, "the roster and the proposal; the directory is no part of it");
}

/// As a backup has it that was made while other proposals took its place.
#[tokio::test]
async fn a_proposal_without_its_directory_is_nothing() {
    let mut rig = Rig::open().await;
    let directory = propose_another_directory(&rig).await;
    let name = StatementName::new(directory.hash().to_string()).unwrap();
    assert!(rig.store.store().delete_statement(Shelf::Directories, name).await.unwrap());
    rig = rig.restart().await;
    assert_eq!(notes(&mut rig.courier().await).await.1, Vec::<Vec<u8>>::new());
    assert!(rig.store.store().statements(Shelf::ProposedNotes).await.unwrap().is_empty());
}
