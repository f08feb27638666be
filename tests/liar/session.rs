//! Lies about the session.

use crate::handshake::announce;
use crate::outcome::{distrusted, visited};
use crate::truth::{Truth, key};
use cssr_client::link::LinkError;
use cssr_client::source::Error;
use cssr_client::visit::VisitError;
use cssr_proto::TrustError;
use cssr_proto::session::SessionError;
use cssr_tests::honest::relay_key;
use cssr_tests::office::{Office, TODAY};
use cssr_tests::people::{calm, visit, within};

#[tokio::test]
async fn another_key_than_the_rosters() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    shown.key = relay_key(99);
    assert_eq!(distrusted(&truth, shown).await, TrustError::WrongRelayKey);
}

#[tokio::test]
async fn a_roster_with_another_relay() {
    let mut truth = Truth::new();
    truth.office = Office::new(3, relay_key(99).public());
    assert_eq!(distrusted(&truth, truth.shown()).await, TrustError::WrongRelayKey);
}

/// What the client says about an announcement, of which the first bytes are these.
async fn refusal(announced: &[u8]) -> SessionError {
    let truth = Truth::new();
    let port = announce(&key(), announced).await;
    let plan = truth.source.plan(&truth.office.card(port), Some("text"));
    let failure = within(calm().attempt / 2, visit(plan, port, &calm(), 8)).await.unwrap_err();
    assert!(failure.to_string().starts_with("the relay"), "{failure}");
    let Error::Visit(VisitError::Link(LinkError::Session(error))) = failure.error else { panic!("{failure:?}") };
    error
}

/// `u16(version) || u32(day) || u32(letter effort) || u32(chunk effort) || u16(requests in flight)`
fn announcement(version: u16, day: u32, in_flight: u16) -> Vec<u8> {
    [&version.to_be_bytes()[..], &day.to_be_bytes(), &[0; 8], &in_flight.to_be_bytes()].concat()
}

#[tokio::test]
async fn another_version() {
    for version in [0, 2, 0xffff] {
        assert_eq!(refusal(&announcement(version, TODAY.0, 4)).await, SessionError::Version(version));
    }
}

#[tokio::test]
async fn no_requests_in_flight() {
    assert_eq!(refusal(&announcement(1, TODAY.0, 0)).await, SessionError::Announcement);
}

#[tokio::test]
async fn a_day_before_all_days() {
    assert_eq!(refusal(&announcement(1, 3, 4)).await, SessionError::Announcement);
}

#[tokio::test]
async fn bytes_in_the_padding() {
    let padded = [announcement(1, TODAY.0, 4), vec![0; 200], vec![1]].concat();
    assert_eq!(refusal(&padded).await, SessionError::Announcement);
}

#[tokio::test]
async fn one_request_in_flight_is_enough() {
    for in_flight in [1, 2, 0xffff] {
        let truth = Truth::new();
        let mut shown = truth.shown();
        shown.announcement.in_flight = in_flight;
        let report = visited(&truth, shown).await.0.unwrap();
        assert_eq!((report.sent[0].stored, report.replies.len()), (Ok(()), 2));
    }
}

/// A price that nobody can pay: the visit is over at once, says what the relay wants, and nothing was posted.
#[tokio::test]
async fn an_absurd_effort() {
    for effort in [1 << 24, u32::MAX] {
        let truth = Truth::new();
        let mut shown = truth.shown();
        shown.announcement.letter_effort = effort;
        let (outcome, posted) = visited(&truth, shown).await;
        let failure = outcome.unwrap_err();
        assert!(
            matches!(failure.error, Error::Visit(VisitError::TooMuchWork(asked)) if asked == effort),
            "{failure:?}"
        );
        assert!(posted.posted.is_empty());
    }
}
