//! Lies with letters that are genuine.

use crate::outcome::{misled, read};
use crate::relay::Liar;
use crate::truth::{REPLIES, Truth};
use cssr_client::visit::{Doubt, Gap, Report};
use cssr_proto::EnvelopeId;
use cssr_proto::index::IndexError;
use cssr_proto::letter::{OpenError, Sealed};
use cssr_tests::office::{TODAY, desk, seat};
use cssr_tests::people::{Source, calm, visit};

#[tokio::test]
async fn a_reply_that_has_expired_shown_again() {
    let mut truth = Truth::empty();
    let written = TODAY.minus(6);
    let expired = truth.reply(1, written, REPLIES[0]);
    truth.batch(TODAY, vec![expired]);
    assert_eq!(read(&truth, truth.shown()).await, (vec![], vec![Doubt::Replayed { written, listed: TODAY }]));
}

#[tokio::test]
async fn a_reply_that_has_not_expired_shown_again() {
    let mut truth = Truth::new();
    let again = truth.waiting(2);
    let cover = truth.office.cover();
    truth.batch(TODAY, vec![again, cover]);
    assert_eq!(misled(&truth, truth.shown()).await, IndexError::Duplicate);
}

#[tokio::test]
async fn a_reply_of_another_sources_thread() {
    let mut truth = Truth::new();
    let (key, contact) = Source(6).contact();
    let others = truth.office.reply(0, 1, TODAY, "not for you", (key, &contact));
    truth.batch(TODAY, vec![others.clone()]);
    assert_eq!(read(&truth, truth.shown()).await, (vec![1, 2], vec![]));
    // Under one of this source's clues.
    let mut shown = truth.shown();
    let own = truth.waiting(2);
    shown.replace(&own, Some(Sealed { id: own.id, ..others }));
    assert_eq!(read(&truth, shown).await, (vec![1], vec![Doubt::Unreadable(OpenError::CannotOpen)]));
}

#[tokio::test]
async fn a_reply_under_another_id_as_well() {
    let mut truth = Truth::new();
    let again = Sealed { id: EnvelopeId([0x42; 16]), ..truth.waiting(1) };
    truth.batch(TODAY, vec![again]);
    assert_eq!(read(&truth, truth.shown()).await, (vec![1, 2], vec![]));
}

#[tokio::test]
async fn a_newer_reply_under_the_id_of_one_that_has_expired() {
    let mut truth = Truth::empty();
    let (expired, newer) = (truth.reply(1, TODAY.minus(20), REPLIES[0]), truth.reply(2, TODAY, REPLIES[1]));
    truth.batch(TODAY, vec![Sealed { id: expired.id, ..newer.clone() }]);
    truth.batch(TODAY, vec![newer]);
    assert_eq!(read(&truth, truth.shown()).await, (vec![2], vec![Doubt::Unreadable(OpenError::CannotOpen)]));
}

/// A visit that only looks.
async fn looked(truth: &Truth) -> Report {
    let liar = Liar::serve(truth.shown()).await;
    visit(truth.source.plan(&truth.office.card(liar.port), None), liar.port, &calm(), 9).await.unwrap()
}

#[tokio::test]
async fn a_reply_left_out_shows_as_a_gap() {
    let mut truth = Truth::empty();
    // The second one never reached anybody's list.
    let (first, third) = (truth.reply(1, TODAY, REPLIES[0]), truth.reply(3, TODAY, "the third"));
    truth.batch(TODAY.minus(1), vec![first]);
    truth.batch(TODAY, vec![third]);
    let report = looked(&truth).await;
    assert_eq!(report.gaps, [Gap { desk: desk(), seat: seat(0), missing: 1 }]);
}

#[tokio::test]
async fn two_replies_of_one_number() {
    // The relay cannot make them, but a seat that says different things to the same source can.
    let mut truth = Truth::new();
    let other = truth.reply(2, TODAY.minus(2), "something else");
    truth.batches.clear();
    let same = truth.reply(2, TODAY, REPLIES[1]);
    truth.batch(TODAY.minus(2), vec![other]);
    truth.batch(TODAY, vec![same]);
    truth.vouched = 2;
    let report = looked(&truth).await;
    assert_eq!(report.doubts, [Doubt::SameNumber { desk: desk(), seat: seat(0), number: 2 }]);
    assert_eq!(report.replies.len(), 2);
}
