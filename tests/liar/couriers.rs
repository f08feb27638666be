//! Lies to couriers, who have the office's word to lose: whatever they are told, they sign nothing false.

use crate::forge::Forged;
use crate::outcome::distrusted;
use crate::relay::{Heard, Liar};
use crate::shown::Shown;
use crate::truth::{Truth, batch_after, key};
use cssr_client::courier::{CourierError, MirrorReport, NoteOutcome, SessionFailure, WalkError};
use cssr_client::link::LinkError;
use cssr_proto::frame::AssemblyError;
use cssr_proto::index::{Batch, IndexError};
use cssr_proto::letter::Sealed;
use cssr_proto::publication::Publication;
use cssr_proto::request::RequestKind;
use cssr_proto::response::{Answer, Fault, ResponseError};
use cssr_proto::wire_error::{ErrorCode, WireError};
use cssr_proto::{Bytes, CheckedNote, EnvelopeId, List, PoolError, RosterError, TrustError};
use cssr_tests::courier::CourierAtWork;
use cssr_tests::honest::relay_key;
use cssr_tests::office::{Office, SEATS, TODAY};
use cssr_tests::people::{calm, within};

async fn mirrored(courier: &mut CourierAtWork, shown: Shown) -> (Result<MirrorReport, CourierError>, Heard) {
    let liar = Liar::serve(shown).await;
    let outcome = within(calm().attempt / 2, courier.mirror(liar.port, calm().silence)).await;
    (outcome, liar.heard())
}

/// What a courier says to a lie; it has signed nothing.
async fn refused(courier: &mut CourierAtWork, shown: Shown) -> CourierError {
    let (outcome, heard) = mirrored(courier, shown).await;
    assert!(heard.published.is_empty());
    let error = outcome.unwrap_err();
    assert!(error.to_string().len() > 10);
    error
}

async fn lost(courier: &mut CourierAtWork, shown: Shown) -> WalkError {
    match refused(courier, shown).await {
        CourierError::Walk(error) => error,
        other => panic!("{other:?}"),
    }
}

async fn broken(courier: &mut CourierAtWork, shown: Shown) -> (RequestKind, Fault) {
    match refused(courier, shown).await {
        CourierError::Session(SessionFailure::Link(LinkError::Answer(ResponseError { request, fault }))) => {
            (request, fault)
        }
        other => panic!("{other:?}"),
    }
}

/// A courier that has mirrored the truth but for its last batches.
async fn experienced(batches: usize) -> (Truth, CourierAtWork) {
    let (truth, mut courier) = Truth::with_courier();
    let mut shown = truth.shown();
    shown.list(truth.batches[..batches].iter().cloned());
    shown.valid_notes.clear();
    mirrored(&mut courier, shown).await.0.unwrap();
    assert_eq!(courier.held().len(), batches);
    (truth, courier)
}

#[tokio::test]
async fn without_a_lie_a_mirror_holds_everything_and_a_note_is_proposed() {
    let (truth, mut courier) = Truth::with_courier();
    let (outcome, heard) = mirrored(&mut courier, truth.shown()).await;
    let report = outcome.unwrap();
    assert_eq!((report.new.letters, report.last_batch, report.note), (17, 5, NoteOutcome::Proposed));
    assert_eq!((report.refused_notes, report.refused_statements, report.contradictions), (0, 0, 0));
    assert_eq!((heard.published.len(), courier.held()), (1, truth.batches));
}

#[tokio::test]
async fn another_relays_key() {
    let (truth, mut courier) = Truth::with_courier();
    let mut shown = truth.shown();
    shown.key = relay_key(99);
    assert!(matches!(refused(&mut courier, shown).await, CourierError::WrongRelay));
}

#[tokio::test]
async fn another_day() {
    for relay in [TODAY.minus(1), TODAY.plus(1)] {
        let (truth, mut courier) = Truth::with_courier();
        let mut shown = truth.shown();
        shown.announcement.day = relay;
        let error = refused(&mut courier, shown).await;
        assert!(matches!(error, CourierError::DayDiffers { device: TODAY, relay: said } if said == relay), "{error:?}");
    }
}

#[tokio::test]
async fn no_roster_an_older_one_or_another_offices() {
    let (truth, mut courier) = Truth::with_courier();
    let mut shown = truth.shown();
    shown.statements.roster = None;
    let error = refused(&mut courier, shown).await;
    assert!(matches!(error, CourierError::RelayBehind { known: 2, relay: None }), "{error:?}");
    let mut shown = truth.shown();
    shown.statements.roster = Some(Bytes::new(truth.office.rosters()[0].bytes()).unwrap());
    let error = refused(&mut courier, shown).await;
    // The old roster does not list this courier's key; that it is an old one comes first.
    assert!(matches!(error, CourierError::RelayBehind { known: 2, relay: Some(1) }), "{error:?}");
    let mut shown = truth.shown();
    let other = Office::new(99, key().public());
    shown.statements.roster = Some(Bytes::new(other.roster().bytes()).unwrap());
    let error = refused(&mut courier, shown).await;
    assert!(matches!(error, CourierError::Roster(RosterError::Lineage(_))), "{error:?}");
}

#[tokio::test]
async fn another_roster_of_the_same_number() {
    let (mut truth, mut courier) = Truth::with_courier();
    let mut shown = truth.shown();
    let mut forked = truth.office.draft.clone();
    forked.number = truth.office.roster().number;
    forked.previous = truth.office.roster().previous;
    forked.expires = forked.expires.minus(1);
    truth.office.draft = forked;
    shown.statements.roster = Some(Bytes::new(truth.office.sign_draft().bytes()).unwrap());
    let error = refused(&mut courier, shown).await;
    let superseded = PoolError::Superseded { held: 2, offered: 2 };
    assert!(matches!(error, CourierError::Succession(said) if said == superseded), "{error:?}");
}

#[tokio::test]
async fn a_seats_statements_hidden() {
    let (truth, mut courier) = Truth::with_courier();
    let mut shown = truth.shown();
    shown.statements.prekeys = List::default();
    let report = mirrored(&mut courier, shown).await.0.unwrap();
    assert_eq!(report.mute, SEATS.map(|n| (0, n.into())));
    // Who has seen them once keeps them.
    let (truth, mut courier) = experienced(4).await;
    let mut shown = truth.shown();
    shown.statements.prekeys = List::default();
    assert_eq!(mirrored(&mut courier, shown).await.0.unwrap().mute, []);
}

#[tokio::test]
async fn statements_that_no_seat_has_made() {
    let (truth, mut courier) = Truth::with_courier();
    let mut shown = truth.shown();
    let foreign = Office::new(99, key().public()).seat_statements()[0].clone();
    shown.statements.seat_keys = List::new(vec![Bytes::new(foreign).unwrap(), Bytes::new([1, 2, 3]).unwrap()]).unwrap();
    let report = mirrored(&mut courier, shown).await.0.unwrap();
    assert_eq!((report.refused_statements, report.mute.len()), (2, 3));
}

#[tokio::test]
async fn batches_out_of_order() {
    let (truth, mut courier) = Truth::with_courier();
    let mut shown = truth.shown();
    shown.drained.swap(3, 4);
    assert_eq!(lost(&mut courier, shown).await, WalkError::LeftOut(4));
    let (truth, mut courier) = Truth::with_courier();
    let mut shown = truth.shown();
    let again = shown.drained[1].clone();
    shown.drained.insert(3, again);
    assert_eq!(lost(&mut courier, shown).await, WalkError::Broken(IndexError::Gap));
}

/// A note of colleagues vouches for what comes after it, as if it had expired.
#[tokio::test]
async fn a_batch_left_out() {
    for hidden in 1..4 {
        let (truth, mut courier) = Truth::with_courier();
        let mut shown = truth.shown();
        shown.drained.remove(hidden);
        assert_eq!(lost(&mut courier, shown).await, WalkError::LeftOut(hidden as u64 + 1));
        assert_eq!(courier.held(), truth.batches[..hidden]);
    }
    let (truth, mut courier) = experienced(2).await;
    let mut shown = truth.shown();
    shown.drained.remove(2);
    assert_eq!(lost(&mut courier, shown).await, WalkError::LeftOut(3));
}

#[tokio::test]
async fn the_end_of_the_chain_hidden() {
    let (truth, mut courier) = Truth::with_courier();
    let mut shown = truth.shown();
    shown.drained.truncate(3);
    assert_eq!(lost(&mut courier, shown).await, WalkError::Hidden(4));
    // Without a note nobody else vouches for it, but this courier does.
    let (truth, mut courier) = experienced(4).await;
    courier.new_mirror();
    let mut shown = truth.shown();
    shown.valid_notes.clear();
    shown.drained.truncate(3);
    assert_eq!(lost(&mut courier, shown).await, WalkError::Hidden(4));
}

#[tokio::test]
async fn another_end_than_the_last_batch() {
    for said in [5, 7, 1, 0, u64::MAX] {
        let (truth, mut courier) = Truth::with_courier();
        let mut shown = truth.shown();
        shown.says_next = Some(said);
        assert_eq!(lost(&mut courier, shown).await, WalkError::WrongEnd { said, expected: 6 });
    }
}

/// The chain with other letters from one batch on.
fn forked(truth: &mut Truth, from: usize) -> Vec<(Batch, Vec<Sealed>)> {
    let mut batches = truth.batches.clone();
    for at in from..batches.len() {
        let before = batches[at - 1].0.head();
        let letters = vec![truth.office.cover()];
        batches[at] = batch_after(&before, batches[at].0.day(), letters);
    }
    batches
}

#[tokio::test]
async fn another_history_than_this_courier_has_followed() {
    let (mut truth, mut courier) = experienced(4).await;
    let other = forked(&mut truth, 2);
    let mut shown = truth.shown();
    shown.valid_notes.clear();
    shown.list(other);
    assert_eq!(lost(&mut courier, shown).await, WalkError::Broken(IndexError::BrokenChain));
    // With an empty mirror it begins anew, but remembers.
    courier.new_mirror();
    let other = forked(&mut truth, 2);
    let mut shown = truth.shown();
    shown.valid_notes.clear();
    shown.list(other);
    assert_eq!(lost(&mut courier, shown).await, WalkError::Forked(4));
}

#[tokio::test]
async fn another_history_than_colleagues_vouch_for() {
    for from in 1..4 {
        let (mut truth, mut courier) = Truth::with_courier();
        let other = forked(&mut truth, from);
        let mut shown = truth.shown();
        shown.list(other);
        assert_eq!(lost(&mut courier, shown).await, WalkError::Forked(4));
    }
}

/// Behind the last note nobody vouches for either list. The proposals of the two couriers tell.
#[tokio::test]
async fn two_couriers_shown_different_lists() {
    let (mut truth, mut courier) = Truth::with_courier();
    let other = forked(&mut truth, 4);
    let directory = truth.office.directory(TODAY);
    let colleague = truth.office.note_by(&[0], &directory, 2, other[4].0.head(), None);
    let mut shown = truth.shown();
    shown.proposed_notes = vec![colleague.bytes().to_vec()];
    let (outcome, heard) = mirrored(&mut courier, shown).await;
    let report = outcome.unwrap();
    assert_eq!((report.note, report.contradictions), (NoteOutcome::Proposed, 1));
    // It did not sign what it has not followed.
    let [Publication::Note(note, _)] = heard.published.as_slice() else { panic!() };
    assert_ne!(note.as_slice(), colleague.bytes());
}

#[tokio::test]
async fn a_batch_of_tomorrow() {
    let (mut truth, mut courier) = Truth::with_courier();
    let cover = truth.office.cover();
    truth.batch(TODAY.plus(1), vec![cover]);
    assert_eq!(lost(&mut courier, truth.shown()).await, WalkError::Future(6));
}

#[tokio::test]
async fn a_letter_withheld() {
    let (truth, mut courier) = Truth::with_courier();
    let mut shown = truth.shown();
    shown.replace(&truth.waiting(1), None);
    let error = refused(&mut courier, shown).await;
    assert!(matches!(error, CourierError::Withheld(2)), "{error:?}");
    assert_eq!(courier.held(), truth.batches[..1]);
}

#[tokio::test]
async fn a_letter_that_the_batch_does_not_list() {
    let (truth, mut courier) = Truth::with_courier();
    let mut shown = truth.shown();
    let reply = truth.waiting(1);
    shown.replace(&reply, Some(Sealed { id: EnvelopeId([7; 16]), ..reply.clone() }));
    assert_eq!(broken(&mut courier, shown).await, (RequestKind::Drain, Fault::OtherEnvelope));
}

/// A courier opens nothing, so it cannot see it; whoever opens the mirror does.
#[tokio::test]
async fn a_letter_exchanged_opens_for_nobody() {
    let (truth, mut courier) = Truth::with_courier();
    let (first, second) = (truth.waiting(1), truth.waiting(2));
    let mut shown = truth.shown();
    shown.replace(&first, Some(Sealed { id: first.id, envelope: second.envelope }));
    mirrored(&mut courier, shown).await.0.unwrap();
    let held = courier.held();
    let exchanged = held[1].1.iter().find(|letter| letter.id == first.id).unwrap();
    for n in SEATS {
        assert!(truth.office.open(n, &first.id, &first.envelope).is_ok());
        assert!(truth.office.open(n, &exchanged.id, &exchanged.envelope).is_err());
    }
}

#[tokio::test]
async fn fewer_letters_than_the_batch_lists() {
    let (truth, mut courier) = Truth::with_courier();
    let mut shown = truth.shown();
    shown.twist(RequestKind::Drain, |_, mut frames| {
        // The last letter of the first batch.
        frames.remove(3);
        frames
    });
    assert_eq!(broken(&mut courier, shown).await, (RequestKind::Drain, Fault::Places));
    let mut shown = truth.shown();
    shown.twist(RequestKind::Drain, |_, mut frames| {
        frames.remove(2);
        frames
    });
    let order = Fault::Frames(AssemblyError::OutOfOrder);
    assert_eq!(broken(&mut courier, shown).await, (RequestKind::Drain, order));
}

#[tokio::test]
async fn a_drain_in_which_nothing_belongs_together() {
    let (truth, mut courier) = Truth::with_courier();
    let mut shown = truth.shown();
    shown.twist(RequestKind::Drain, |asked, mut frames| {
        frames.insert(1, WireError::new(ErrorCode::Busy).frame(asked.number));
        frames
    });
    assert_eq!(broken(&mut courier, shown).await, (RequestKind::Drain, Fault::ErrorInside));
    let mut shown = truth.shown();
    shown.twist(RequestKind::Drain, |asked, _| vec![Answer::to(RequestKind::Watch, asked.number).done()]);
    assert_eq!(broken(&mut courier, shown).await, (RequestKind::Drain, Fault::OtherRequest));
}

/// Sources must not be sent on with this courier's word alone, and are not.
#[tokio::test]
async fn all_notes_hidden() {
    let (truth, mut courier) = Truth::with_courier();
    let mut shown = truth.shown();
    shown.valid_notes.clear();
    let (outcome, heard) = mirrored(&mut courier, shown).await;
    assert_eq!(outcome.unwrap().note, NoteOutcome::Proposed);
    let [Publication::Note(note, Some(directory))] = heard.published.as_slice() else { panic!() };
    let mut shown = truth.shown();
    (shown.note, shown.directory) = (note.as_slice().to_vec(), directory.as_slice().to_vec());
    assert_eq!(distrusted(&truth, shown).await, TrustError::ProposedNote);
}

#[tokio::test]
async fn notes_that_do_not_hold() {
    let (truth, mut courier) = Truth::with_courier();
    let directory = truth.office.directory(TODAY);
    let mut shown = truth.shown();
    shown.valid_notes = vec![
        vec![1, 2, 3],
        Forged::naming(&truth, directory.bytes())
            .sign_with(&[(0, Office::new(99, key().public()).courier_key(0))])
            .bytes,
        Forged::naming(&truth, directory.bytes())
            .saying(|note| note.office = cssr_proto::OfficeId([9; 16]))
            .sign(&[0, 1])
            .bytes,
    ];
    let report = mirrored(&mut courier, shown).await.0.unwrap();
    assert_eq!((report.refused_notes, report.note), (3, NoteOutcome::Proposed));
    assert_eq!(courier.confirmations().0, 0);
}

#[tokio::test]
async fn a_proposal_shown_as_valid_is_a_proposal() {
    let (truth, mut courier) = Truth::with_courier();
    let directory = truth.office.directory(TODAY);
    let CheckedNote::Proposed(proposed) = truth.office.note_by(&[0], &directory, 0, truth.head(), None) else {
        panic!()
    };
    let mut shown = truth.shown();
    shown.valid_notes = vec![proposed.bytes().to_vec()];
    assert_eq!(mirrored(&mut courier, shown).await.0.unwrap().note, NoteOutcome::Valid { cosigned: true });
}

#[tokio::test]
async fn another_directory_than_the_one_asked_for_by_its_hash() {
    let (truth, mut courier) = Truth::with_courier();
    let other = truth.office.directory(TODAY.plus(7)).bytes().to_vec();
    for shows in [Some(other), Some(vec![1, 2, 3]), None] {
        let mut shown = truth.shown();
        let hash = truth.office.directory(TODAY).hash();
        match shows {
            Some(bytes) => shown.directories.insert(hash, bytes),
            None => shown.directories.remove(&hash),
        };
        let report = mirrored(&mut courier, shown).await.0.unwrap();
        assert_eq!(report.refused_notes, 1);
        // The only directory in the mirror is the courier's own, in another mirror every time.
        assert_eq!(courier.confirmations(), (0, 1));
        courier.new_mirror();
    }
}

/// To hide a note from the courier that has proposed it costs the relay nothing and gains it nothing.
#[tokio::test]
async fn a_note_acknowledged_and_thrown_away_is_proposed_again() {
    let (truth, mut courier) = Truth::with_courier();
    for _ in 0..2 {
        let (outcome, heard) = mirrored(&mut courier, truth.shown()).await;
        assert_eq!((outcome.unwrap().note, heard.published.len()), (NoteOutcome::Proposed, 1));
    }
}

#[tokio::test]
async fn every_request_refused() {
    for kind in [
        RequestKind::Courier,
        RequestKind::Statements,
        RequestKind::Notes,
        RequestKind::DirectoryByHash,
        RequestKind::Drain,
        RequestKind::Publish,
    ] {
        let (truth, mut courier) = Truth::with_courier();
        let mut shown = truth.shown();
        let refusal = WireError::new(ErrorCode::Busy);
        shown.twist(kind, move |asked, _| vec![refusal.frame(asked.number)]);
        let error = mirrored(&mut courier, shown).await.0.unwrap_err();
        assert!(matches!(error, CourierError::Refused(said) if said == refusal), "{kind}: {error:?}");
    }
}
