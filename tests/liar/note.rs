//! Lies about the note, and about the day.

use crate::forge::Forged;
use crate::outcome::{broken, decided, distrusted, misled};
use crate::shown::Shown;
use crate::truth::{Truth, key};
use cssr_client::source::Error;
use cssr_client::visit::VisitError;
use cssr_proto::frame::AssemblyError;
use cssr_proto::index::{Head, IndexError};
use cssr_proto::request::RequestKind;
use cssr_proto::response::Fault;
use cssr_proto::{ClockChoice, CourierError, Day, Hash, List, NoteError, Notice, OfficeId, TrustError};
use cssr_tests::office::{Office, TODAY, courier};
use cssr_tests::people::calm;

/// The truth with a note of another day, and the directory of that day.
fn note_of(truth: &Truth, day: Day) -> Shown {
    let mut shown = truth.shown();
    let directory = truth.office.directory(day);
    shown.confirm(&truth.office.note(&directory, 1, truth.vouched()), &directory);
    shown
}

/// What becomes of a visit once the person has decided; nothing was sent.
async fn after(truth: &Truth, shown: Shown, choice: ClockChoice) -> TrustError {
    let (outcome, heard) = decided(truth, shown, Some(choice), &calm()).await;
    assert_eq!(heard.requests, [RequestKind::Directory, RequestKind::Note]);
    let Error::Visit(VisitError::Trust(error)) = outcome.unwrap_err().error else { panic!() };
    error
}

#[tokio::test]
async fn an_old_note() {
    let (truth, note) = (Truth::new(), TODAY.minus(4));
    let error = distrusted(&truth, note_of(&truth, note)).await;
    assert_eq!(error, TrustError::ClockDoubt { device: TODAY, note });
    let error = after(&truth, note_of(&truth, note), ClockChoice::Device).await;
    assert_eq!(error, TrustError::NoteTooOld { note });
    // Who believes the old note must be told the old day by the relay, too.
    let error = after(&truth, note_of(&truth, note), ClockChoice::Note(note)).await;
    assert_eq!(error, TrustError::RelayDateContradicts { relay: TODAY, note });
}

#[tokio::test]
async fn an_older_note_than_the_one_that_the_person_was_shown() {
    let truth = Truth::new();
    let (shown, note) = (TODAY.minus(4), TODAY.minus(40));
    let error = after(&truth, note_of(&truth, note), ClockChoice::Note(shown)).await;
    assert_eq!(error, TrustError::ClockDoubt { device: TODAY, note });
}

#[tokio::test]
async fn a_note_from_the_future() {
    let (truth, note) = (Truth::new(), TODAY.plus(4));
    let error = distrusted(&truth, note_of(&truth, note)).await;
    assert_eq!(error, TrustError::ClockDoubt { device: TODAY, note });
    let error = after(&truth, note_of(&truth, note), ClockChoice::Device).await;
    assert_eq!(error, TrustError::NoteFromFuture { note });
    let error = distrusted(&truth, note_of(&truth, TODAY.plus(1))).await;
    assert_eq!(error, TrustError::RelayDateContradicts { relay: TODAY, note: TODAY.plus(1) });
}

#[tokio::test]
async fn an_announced_day_before_the_note_or_long_after_it() {
    for relay in [TODAY.minus(1), TODAY.minus(60), TODAY.plus(4), Day(u32::MAX)] {
        let truth = Truth::new();
        let mut shown = truth.shown();
        shown.announcement.day = relay;
        let error = distrusted(&truth, shown).await;
        assert_eq!(error, TrustError::RelayDateContradicts { relay, note: TODAY });
    }
}

#[tokio::test]
async fn another_offices_note() {
    let truth = Truth::new();
    let other = Office::new(99, key().public());
    let mut shown = truth.shown();
    shown.note = other.note(&other.directory(TODAY), 1, truth.vouched()).bytes().to_vec();
    assert_eq!(distrusted(&truth, shown).await, TrustError::DirectoryNotTheNotes);
    // One that names this office's directory.
    let mut shown = truth.shown();
    let foreign = Forged::naming(&truth, &shown.directory).saying(|note| note.office = OfficeId([9; 16]));
    foreign.sign(&[0, 1]).show(&mut shown);
    assert_eq!(distrusted(&truth, shown).await, TrustError::Note(NoteError::OtherOffice));
}

#[tokio::test]
async fn a_note_with_too_few_signatures() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    let directory = truth.office.directory(TODAY);
    shown.note = truth.office.note_by(&[1], &directory, 9, truth.vouched(), None).bytes().to_vec();
    assert_eq!(distrusted(&truth, shown).await, TrustError::ProposedNote);
}

#[tokio::test]
async fn a_note_that_one_courier_signed_twice() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    Forged::naming(&truth, &shown.directory).sign(&[1, 1]).show(&mut shown);
    assert_eq!(distrusted(&truth, shown).await, TrustError::Note(NoteError::SignerOrder));
}

#[tokio::test]
async fn a_note_with_a_signature_of_somebody_else() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    let keys = [(0, truth.office.courier_key(0)), (1, Office::new(99, key().public()).courier_key(1))];
    Forged::naming(&truth, &shown.directory).sign_with(&keys).show(&mut shown);
    let signature = CourierError::Signature(courier(1));
    assert_eq!(distrusted(&truth, shown).await, TrustError::Note(NoteError::Courier(signature)));
}

/// Removes courier 2 from the roster, and its seat as well.
fn revoke(truth: &mut Truth, seat_too: bool) {
    let draft = &mut truth.office.draft;
    let mut couriers = draft.couriers.clone().into_vec();
    couriers.truncate(2);
    draft.couriers = List::new(couriers).unwrap();
    if seat_too {
        let mut desks = draft.desks.clone().into_vec();
        let mut seats = desks[0].seats.clone().into_vec();
        seats.truncate(2);
        desks[0].seats = List::new(seats).unwrap();
        draft.desks = List::new(desks).unwrap();
    }
    truth.office.issue();
}

#[tokio::test]
async fn a_note_of_a_revoked_courier_or_of_a_revoked_seats_courier() {
    for seat_too in [false, true] {
        let mut truth = Truth::new();
        revoke(&mut truth, seat_too);
        let mut shown = truth.shown();
        Forged::naming(&truth, &shown.directory).sign(&[1, 2]).show(&mut shown);
        let unknown = CourierError::Unknown(courier(2));
        assert_eq!(distrusted(&truth, shown).await, TrustError::Note(NoteError::Courier(unknown)));
    }
}

/// The old roster still lists the courier, and a source cannot know the new one: this is what notes need the couriers of
/// two seats for.
#[tokio::test]
async fn one_revoked_courier_cannot_bring_the_old_roster_back() {
    let mut truth = Truth::new();
    let old = truth.office.directory(TODAY);
    revoke(&mut truth, false);
    let mut shown = truth.shown();
    Forged::naming(&truth, old.bytes()).sign(&[2]).show(&mut shown);
    assert_eq!(distrusted(&truth, shown).await, TrustError::ProposedNote);
}

#[tokio::test]
async fn a_note_with_another_notice_than_was_signed() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    let directory = truth.office.directory(TODAY);
    let notice = Notice::new("closed on Friday").unwrap();
    let note = truth.office.note_by(&[0, 1], &directory, 2, truth.vouched(), Some(notice));
    shown.note = note.bytes().to_vec();
    let at = shown.note.windows(6).position(|bytes| bytes == b"Friday").unwrap();
    shown.note[at..at + 6].copy_from_slice(b"Monday");
    let signature = CourierError::Signature(courier(0));
    assert_eq!(distrusted(&truth, shown).await, TrustError::Note(NoteError::Courier(signature)));
}

#[tokio::test]
async fn a_note_about_another_chain() {
    let truth = Truth::new();
    let other = |number, chain| {
        let mut shown = truth.shown();
        let directory = truth.office.directory(TODAY);
        let day = if number == 0 { Day(0) } else { TODAY };
        let head = Head::new(number, day, Hash([chain; 32])).unwrap();
        shown.confirm(&truth.office.note(&directory, 3, head), &directory);
        shown
    };
    assert_eq!(misled(&truth, other(4, 7)).await, IndexError::Forked);
    assert_eq!(misled(&truth, other(0, 7)).await, IndexError::Forked);
    assert_eq!(misled(&truth, other(9, 7)).await, IndexError::Hidden);
    let mut empty = other(0, 7);
    empty.list([]);
    assert_eq!(misled(&truth, empty).await, IndexError::WrongGenesis);
}

#[tokio::test]
async fn a_note_about_a_batch_of_tomorrow() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    let directory = truth.office.directory(TODAY);
    let head = Head::new(6, TODAY.plus(1), Hash([7; 32])).unwrap();
    shown.confirm(&truth.office.note(&directory, 3, head), &directory);
    assert_eq!(misled(&truth, shown).await, IndexError::HeadAfterWindow);
}

#[tokio::test]
async fn garbage_or_nothing() {
    for bytes in [vec![], vec![0xff; 100], vec![0x82, 0x40, 0x80]] {
        let truth = Truth::new();
        let mut shown = truth.shown();
        shown.note = bytes;
        let error = distrusted(&truth, shown).await;
        assert!(matches!(error, TrustError::MalformedNote(_)), "{error:?}");
    }
}

#[tokio::test]
async fn more_than_a_note_may_be() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    shown.note = vec![0; 4_097];
    let oversize = Fault::Frames(AssemblyError::Oversize);
    assert_eq!(broken(&truth, shown).await, (RequestKind::Note, oversize));
}
