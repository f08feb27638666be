//! Every error code of section 12.3, and what it takes to get it.

use crate::client::{Client, burn_key, chunk, envelope, error, id, letter};
use crate::gate::Gate;
use crate::office::{DAY, Office, courier, publish_note, publish_roster, publish_seats};
use crate::rig::{Rig, genesis, memory_store_of, office, relay_public_key};
use chacha20::ChaCha20Rng;
use cssr_proto::frame::{Frame, Head};
use cssr_proto::index::Group;
use cssr_proto::postage::{Challenge, Postage};
use cssr_proto::publication::Publication;
use cssr_proto::request::{NextBatches, Post, Request};
use cssr_proto::response::Response;
use cssr_proto::wire_error::{ErrorCode, WireError};
use cssr_proto::{Bytes, CourierProof, EnvelopeId, Hash, List};
use cssr_relay::store::Quotas;
use cssr_relay::{Efforts, ManualClock};
use rand_core::SeedableRng as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const FROM_START: NextBatches = NextBatches { letters: 1, chunks: 1 };

/// Every request that only needs the relay to be open.
fn source_requests() -> Vec<Request> {
    vec![
        Request::Directory,
        Request::Note,
        Request::Index(DAY),
        Request::Group(Group { day: DAY, number: 0 }),
        letter(1),
        Request::Have(List::new(vec![id(1)]).unwrap()),
        Request::Fetch(id(1)),
        Request::Burn { id: id(1), key: [1; 32] },
    ]
}

fn postage(challenge: &Challenge, effort: u32) -> Postage {
    challenge.solve(effort, 10_000, &mut ChaCha20Rng::seed_from_u64(3)).unwrap()
}

/// The session still works.
async fn goes_on(client: &mut Client) {
    assert!(matches!(client.ask(Request::Statements).await, Response::Statements(_)));
}

#[tokio::test]
async fn malformed_ends_the_connection_after_what_was_asked_before() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    client.send(letter(1)).await;
    client.send_frame(&Frame::small(Head::single(0x03, 77), &[0, 0, 1]).unwrap()).await;
    assert_eq!(client.receive().await, Response::Posted);
    let frame = client.frame().await.unwrap();
    assert_eq!(frame, WireError::new(ErrorCode::Malformed).frame(77));
    client.ends().await;
}

#[tokio::test]
async fn unknown_requests_are_refused_and_the_session_goes_on() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    for kind in [0x00, 0x10, 0x7f, 0x81, 0xff] {
        client.send_frame(&Frame::small(Head::single(kind, 5), &[1, 2, 3]).unwrap()).await;
        assert_eq!(client.frame().await.unwrap(), WireError::new(ErrorCode::UnknownRequest).frame(5), "{kind}");
    }
    goes_on(&mut client).await;
}

#[tokio::test]
async fn more_requests_than_announced_are_refused_and_not_carried_out() {
    let rig = Rig::open_with(|config| config.limits.requests_in_flight = 8).await;
    let mut client = rig.client().await;
    rig.store.shut();
    for seed in 0..10 {
        client.send(letter(seed)).await;
    }
    rig.store.puts(8).await;
    rig.store.open();
    for seed in 0..10 {
        let response = client.receive().await;
        if seed < 8 {
            assert_eq!(response, Response::Posted, "{seed}");
        } else {
            assert_eq!(error(&response), ErrorCode::TooManyRequests, "{seed}");
        }
    }
    goes_on(&mut client).await;
    assert_eq!(*rig.store.puts.borrow(), 8);
}

#[tokio::test]
async fn before_the_first_valid_note_sources_are_told_that_the_relay_is_not_ready() {
    let mut rig = Rig::new(|_| {}).await;
    let mut client = rig.client().await;
    for request in source_requests() {
        let kind = request.kind();
        assert_eq!(client.refused(request).await, ErrorCode::NotReady, "{kind:?}");
    }
    // Also with everything there but a second signature.
    let roster = rig.office.sign_roster();
    assert_eq!(client.ask(publish_roster(&roster)).await, Response::Published);
    for seat in [0, 1] {
        let statements = rig.office.seat_statements(seat);
        assert_eq!(client.ask(publish_seats(&statements)).await, Response::Published);
    }
    let mut courier = rig.courier().await;
    let proposal = rig.office.proposed_note(DAY, genesis());
    let directory = rig.office.directory(DAY);
    assert_eq!(courier.ask(publish_note(proposal.bytes(), Some(&directory))).await, Response::Published);
    assert_eq!(client.refused(Request::Note).await, ErrorCode::NotReady);
    assert_eq!(courier.refused(Request::Directory).await, ErrorCode::NotReady);
    let note = rig.office.second(&proposal);
    assert_eq!(courier.ask(publish_note(note.bytes(), None)).await, Response::Published);
    assert_eq!(client.ask(Request::Note).await, Response::Note(note.bytes().to_vec()));
}

#[tokio::test]
async fn an_id_taken_by_other_bytes_or_burned_is_a_conflict() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    client.ask(letter(1)).await;
    client.ask(chunk(2)).await;
    let other = Request::Post(Post::letter(id(1), Postage::FREE, &envelope(3)));
    let other_hash = Request::Post(Post::chunk(id(2), [7; 32], Postage::FREE, &envelope(2)));
    let other_kind = Request::Post(Post::letter(id(2), Postage::FREE, &envelope(2)));
    for request in [other, other_hash, other_kind] {
        assert_eq!(client.refused(request).await, ErrorCode::Conflict);
    }
    client.ask(Request::Burn { id: id(2), key: *burn_key(2).as_bytes() }).await;
    assert_eq!(client.refused(chunk(2)).await, ErrorCode::Conflict);
    goes_on(&mut client).await;
}

#[tokio::test]
async fn a_used_up_quota_of_chunks_leaves_room_for_letters() {
    let store = Gate::new(memory_store_of(Quotas { letters: 2, chunks: 1 }));
    let rig = Rig::with(store, office(), Arc::new(ManualClock::new(DAY)), |_| {}).await.opened().await;
    let mut client = rig.client().await;
    assert_eq!(client.ask(chunk(1)).await, Response::Posted);
    let Response::Error(full) = client.ask(chunk(2)).await else { panic!("accepted") };
    assert_eq!(full.code, ErrorCode::Full);
    assert!(full.wait > 0);
    assert_eq!(client.ask(chunk(1)).await, Response::Posted);
    assert_eq!(client.ask(letter(3)).await, Response::Posted);
}

#[tokio::test]
async fn a_letter_must_carry_the_announced_postage_of_its_own() {
    let rig = Rig::open_with(|config| config.postage.letters = Efforts::fixed(2)).await;
    let (mut client, other) = (rig.client().await, rig.client().await);
    assert_eq!((client.announcement.letter_effort, client.announcement.chunk_effort), (2, 0));
    let challenge = |client: &Client, id: &EnvelopeId| Challenge::letter(client.session.handshake_hash(), id);
    let post = |postage| Request::Post(Post::letter(id(1), postage, &envelope(1)));
    let of_other_letter = postage(&challenge(&client, &id(2)), 2);
    let of_other_session = postage(&challenge(&other, &id(1)), 2);
    let too_little = postage(&challenge(&client, &id(1)), 1);
    for postage in [Postage::FREE, of_other_letter, of_other_session, too_little] {
        assert_eq!(client.refused(post(postage)).await, ErrorCode::Postage);
    }
    assert_eq!(*rig.store.puts.borrow(), 0);
    let paid = postage(&challenge(&client, &id(1)), 2);
    assert_eq!(client.ask(post(paid)).await, Response::Posted);
    assert_eq!(client.refused(post(paid)).await, ErrorCode::Postage, "it has paid once");
    let mut later = rig.client().await;
    let again = postage(&challenge(&later, &id(1)), 2);
    assert_eq!(later.ask(post(again)).await, Response::Posted, "it is there, and was paid for again");
    assert_eq!(client.ask(chunk(5)).await, Response::Posted, "chunks are free");
}

#[tokio::test]
async fn one_postage_pays_for_64_chunks_and_a_missing_one_for_none() {
    let rig = Rig::open_with(|config| config.postage.chunks = Efforts::fixed(2)).await;
    let post = |seed, postage| Request::Post(Post::chunk(id(seed), [1; 32], postage, &envelope(seed)));
    let mut client = rig.client().await;
    assert_eq!(client.refused(post(0, Postage::FREE)).await, ErrorCode::Postage);
    assert_eq!(client.refused(post(1, Postage::FREE)).await, ErrorCode::Postage, "the first one did not pay");

    let mut client = rig.client().await;
    for window in 0..2 {
        let challenge = Challenge::chunk(client.session.handshake_hash(), window * 64).unwrap();
        for seed in window * 64..(window + 1) * 64 {
            let postage = if seed == window * 64 { postage(&challenge, 2) } else { Postage::FREE };
            client.send(post(seed, postage)).await;
        }
        for _ in 0..64 {
            assert_eq!(client.receive().await, Response::Posted);
        }
    }
    assert_eq!(client.refused(post(128, Postage::FREE)).await, ErrorCode::Postage);
    let littered = Postage { nonce: [1; 16], ..Postage::FREE };
    assert_eq!(client.refused(post(129, littered)).await, ErrorCode::Postage);
    assert_eq!(client.ask(letter(500)).await, Response::Posted, "letters are free");
}

#[tokio::test]
async fn statements_that_do_not_verify_or_are_outdated_are_refused() {
    let mut rig = Rig::open().await;
    let mut client = rig.client().await;
    let mut other = Office::new(2, relay_public_key(), DAY);
    let foreign = other.sign_roster();
    let foreign_seat = other.seat_statements(0);
    let held = rig.office.pool().roster().unwrap().clone();
    let mut changed = held.bytes().to_vec();
    *changed.last_mut().unwrap() ^= 1;
    let publications = [
        publish_roster(&foreign),
        publish_seats(&foreign_seat),
        Request::Publish(Publication::Roster(Bytes::new(changed).unwrap())),
        Request::Publish(Publication::Roster(Bytes::new([1, 2, 3]).unwrap())),
        // One good statement does not carry a bad one.
        publish_seats(&[rig.office.seat_statements(1)[0].clone(), foreign_seat[0].clone()]),
    ];
    for publication in publications {
        assert_eq!(client.refused(publication).await, ErrorCode::RefusedStatement);
    }
    assert_eq!(client.ask(publish_roster(&held)).await, Response::Published, "what is held is known");
    let next = rig.office.sign_roster();
    assert_eq!(client.ask(publish_roster(&next)).await, Response::Published);
    assert_eq!(client.refused(publish_roster(&held)).await, ErrorCode::RefusedStatement);
}

#[tokio::test]
async fn only_a_courier_of_the_newest_roster_with_a_proof_for_this_session_is_one() {
    let mut rig = Rig::open().await;
    let ask = |proof: CourierProof| Request::Courier { courier: proof.courier, signature: proof.signature };
    let mut client = rig.client().await;
    let other_session = rig.office.proof(0, &rig.client().await);
    assert_eq!(client.refused(ask(other_session)).await, ErrorCode::RefusedCourier);
    assert_eq!(client.refused(Request::Drain(FROM_START)).await, ErrorCode::WrongSession);
    goes_on(&mut client).await;

    let mut client = rig.client().await;
    let proof = CourierProof { courier: courier(1), ..rig.office.proof(0, &client) };
    assert_eq!(client.refused(ask(proof)).await, ErrorCode::RefusedCourier, "another courier's name");

    let mut client = rig.client().await;
    let proof = rig.office.proof(1, &client);
    rig.office.revoke_courier(1);
    let roster = rig.office.sign_roster();
    assert_eq!(rig.client().await.ask(publish_roster(&roster)).await, Response::Published);
    assert_eq!(client.refused(ask(proof)).await, ErrorCode::RefusedCourier, "revoked, though not served yet");
}

#[tokio::test]
async fn each_kind_of_session_is_refused_what_the_other_may() {
    let mut rig = Rig::open().await;
    let note = rig.office.note(DAY, genesis());
    let roster = rig.office.pool().roster().unwrap().clone();
    let seats = rig.office.seat_statements(0);

    let mut client = rig.client().await;
    for request in [Request::Drain(FROM_START), Request::Watch(FROM_START), publish_note(note.bytes(), None)] {
        assert_eq!(client.refused(request).await, ErrorCode::WrongSession);
    }
    let proof = rig.office.proof(0, &client);
    let late = Request::Courier { courier: proof.courier, signature: proof.signature };
    assert_eq!(client.refused(late).await, ErrorCode::WrongSession, "a courier session begins with the proof");
    goes_on(&mut client).await;

    let mut courier = rig.courier().await;
    for request in source_requests().split_off(2).into_iter().chain([publish_roster(&roster), publish_seats(&seats)]) {
        let kind = request.kind();
        assert_eq!(courier.refused(request).await, ErrorCode::WrongSession, "{kind:?}");
    }
    assert_eq!(*rig.store.puts.borrow(), 0);
    for request in [Request::Directory, Request::Note, Request::Statements, Request::Notes] {
        assert!(!matches!(courier.ask(request).await, Response::Error(_)));
    }
    assert_eq!(courier.ask(Request::DirectoryByHash(Hash([1; 32]))).await, Response::DirectoryByHash(None));
    assert_eq!(courier.ask(publish_note(note.bytes(), None)).await, Response::Published);
    assert!(matches!(courier.ask(Request::Drain(FROM_START)).await, Response::CaughtUp(_)));
}

#[tokio::test]
async fn a_relay_with_too_much_to_write_says_so_and_takes_letters_all_the_same() {
    let rig = Rig::open_with(|config| config.limits.chunks_in_flight = 3).await;
    let mut client = rig.client().await;
    rig.store.shut();
    for seed in 0..3 {
        client.send(chunk(seed)).await;
    }
    client.send(letter(9)).await;
    rig.store.puts(3).await;
    rig.store.open();
    assert_eq!(client.receive().await, Response::Posted);
    assert_eq!(client.receive().await, Response::Posted);
    let Response::Error(busy) = client.receive().await else { panic!("accepted") };
    assert_eq!(busy.code, ErrorCode::Busy);
    assert!(busy.wait > 0);
    assert_eq!(client.receive().await, Response::Posted);
    assert_eq!(client.ask(chunk(2)).await, Response::Posted, "later it is taken");
}

#[tokio::test]
async fn what_cannot_be_made_durable_is_not_acknowledged() {
    let mut rig = Rig::open().await;
    let mut client = rig.client().await;
    client.ask(chunk(1)).await;
    rig.store.failing.store(true, Ordering::Relaxed);
    let roster = rig.office.sign_roster();
    for request in [letter(2), chunk(3), Request::Burn { id: id(1), key: [1; 32] }, publish_roster(&roster)] {
        assert_eq!(client.refused(request).await, ErrorCode::StorageFailed);
    }
    assert!(matches!(client.ask(Request::Note).await, Response::Note(_)), "reading goes on");
    rig.store.failing.store(false, Ordering::Relaxed);
    assert_eq!(client.ask(publish_roster(&roster)).await, Response::Published, "it was not half taken");
}

#[tokio::test]
async fn only_the_key_burns_and_only_chunks() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    client.ask(chunk(1)).await;
    client.ask(letter(2)).await;
    for (seed, key) in [(1, [2; 32]), (2, [2; 32])] {
        assert_eq!(client.refused(Request::Burn { id: id(seed), key }).await, ErrorCode::RefusedBurn);
    }
    assert!(matches!(client.ask(Request::Fetch(id(1))).await, Response::Chunk(Some(_))));
}
