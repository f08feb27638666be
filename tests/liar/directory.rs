//! Lies about the directory.

use crate::forge::{Forged, altered};
use crate::outcome::{broken, distrusted, visited, withheld};
use crate::truth::{Truth, key};
use cssr_proto::frame::AssemblyError;
use cssr_proto::request::RequestKind;
use cssr_proto::response::Fault;
use cssr_proto::wire_error::{ErrorCode, WireError};
use cssr_proto::{DirectoryError, RosterError, SeatStatementError, TrustError};
use cssr_tests::office::{Office, TODAY, seat};

#[tokio::test]
async fn an_older_directory_than_the_note_names() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    shown.directory = truth.office.directory(TODAY.minus(7)).bytes().to_vec();
    assert_eq!(distrusted(&truth, shown).await, TrustError::DirectoryNotTheNotes);
}

#[tokio::test]
async fn another_offices_directory_under_this_ones_note() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    shown.directory = Office::new(99, key().public()).directory(TODAY).bytes().to_vec();
    assert_eq!(distrusted(&truth, shown).await, TrustError::DirectoryNotTheNotes);
}

#[tokio::test]
async fn another_offices_directory_with_its_own_note() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    let other = Office::new(99, key().public());
    let directory = other.directory(TODAY);
    shown.confirm(&other.note(&directory, 1, truth.vouched()), &directory);
    let error = distrusted(&truth, shown).await;
    assert!(matches!(error, TrustError::WrongOffice(RosterError::Lineage(_))), "{error:?}");
}

/// The statements of seat 0 as they are when the seat is in the hands of another office.
fn stranger() -> Office {
    Office::new(99, key().public())
}

#[tokio::test]
async fn a_seats_key_exchanged() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    let exchanged = altered(&shown.directory, |directory| {
        directory.seat_keys[0] = stranger().seat_statements()[0].clone();
    });
    shown.directory.clone_from(&exchanged);
    assert_eq!(distrusted(&truth, shown).await, TrustError::DirectoryNotTheNotes);
    // Even couriers who help the relay cannot do it.
    let mut shown = truth.shown();
    Forged::naming(&truth, &exchanged).sign(&[0, 1]).show(&mut shown);
    let office = SeatStatementError::OtherOffice;
    assert_eq!(distrusted(&truth, shown).await, TrustError::Directory(DirectoryError::Seat(office)));
}

#[tokio::test]
async fn a_seats_signature_exchanged() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    let exchanged = altered(&shown.directory, |directory| {
        let last = directory.prekeys[0].len() - 1;
        directory.prekeys[0][last] ^= 1;
    });
    Forged::naming(&truth, &exchanged).sign(&[0, 1]).show(&mut shown);
    let signature = SeatStatementError::Signature;
    assert_eq!(distrusted(&truth, shown).await, TrustError::Directory(DirectoryError::Seat(signature)));
}

#[tokio::test]
async fn a_seat_dropped() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    let dropped = altered(&shown.directory, |directory| {
        directory.seat_keys.remove(2);
        directory.prekeys.truncate(4);
    });
    shown.directory.clone_from(&dropped);
    assert_eq!(distrusted(&truth, shown).await, TrustError::DirectoryNotTheNotes);
    // Couriers who help the relay can silence a seat; but the sender is told which.
    let mut shown = truth.shown();
    Forged::naming(&truth, &dropped).sign(&[0, 1]).show(&mut shown);
    let report = visited(&truth, shown).await.0.unwrap();
    assert_eq!(report.sent[0].mute, [seat(2)]);
}

#[tokio::test]
async fn statements_in_another_order() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    let reordered = altered(&shown.directory, |directory| directory.seat_keys.swap(0, 1));
    Forged::naming(&truth, &reordered).sign(&[0, 1]).show(&mut shown);
    assert_eq!(distrusted(&truth, shown).await, TrustError::Directory(DirectoryError::Order));
}

#[tokio::test]
async fn garbage_or_nothing() {
    for bytes in [vec![], vec![0xff; 100], vec![0x83]] {
        let truth = Truth::new();
        let mut shown = truth.shown();
        shown.directory = bytes;
        let error = distrusted(&truth, shown).await;
        assert!(matches!(error, TrustError::MalformedDirectory(_)), "{error:?}");
    }
}

#[tokio::test]
async fn more_than_a_directory_may_be() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    shown.directory = vec![0; 1_048_577];
    let oversize = Fault::Frames(AssemblyError::Oversize);
    assert_eq!(broken(&truth, shown).await, (RequestKind::Directory, oversize));
}

#[tokio::test]
async fn a_refusal_to_show_it() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    shown.twist(RequestKind::Directory, |asked, _| vec![WireError::new(ErrorCode::NotReady).frame(asked.number)]);
    let error = withheld(&truth, shown).await;
    assert_eq!(error, WireError::new(ErrorCode::NotReady));
}
