//! Lies about posts.

use crate::outcome::{broken_off, visited};
use crate::relay::Liar;
use crate::truth::Truth;
use cssr_proto::Malformed;
use cssr_proto::frame::{Fields, Frame, Head};
use cssr_proto::message::LetterName;
use cssr_proto::request::{Request, RequestKind};
use cssr_proto::response::{Answer, Fault};
use cssr_proto::wire_error::{ErrorCode, WireError};
use cssr_tests::office::TODAY;
use cssr_tests::people::{calm, visit};

/// The names in the receipts that a later visit finds.
async fn receipts(truth: &Truth) -> Vec<LetterName> {
    let liar = Liar::serve(truth.shown()).await;
    let plan = truth.source.plan(&truth.office.card(liar.port), None);
    let report = visit(plan, liar.port, &calm(), 9).await.unwrap();
    report.replies.into_iter().flat_map(|reply| reply.receipts).collect()
}

/// All that a visit can report is what the relay said. What tells is the receipt, which only a seat that has opened the
/// letter can make.
#[tokio::test]
async fn a_letter_acknowledged_and_thrown_away_gets_no_receipt() {
    let mut truth = Truth::new();
    let (outcome, heard) = visited(&truth, truth.shown()).await;
    let sent = outcome.unwrap().sent.remove(0);
    assert_eq!(sent.stored, Ok(()));
    assert_eq!(receipts(&truth).await, []);
    // The same relay, had it kept its word.
    truth.batch(TODAY, heard.posted);
    let (key, contact) = truth.source.contact();
    let receipt = truth.office.receipt(0, 3, &[sent.name], (key, &contact));
    truth.batch(TODAY, vec![receipt]);
    truth.vouched = 7;
    assert_eq!(receipts(&truth).await, [sent.name]);
}

#[tokio::test]
async fn every_refusal_of_a_post_is_reported_and_the_visit_goes_on() {
    for code in ErrorCode::ALL {
        let truth = Truth::new();
        let mut shown = truth.shown();
        let refusal = WireError { code: *code, wait: 7 };
        shown.twist(RequestKind::Post, move |asked, _| vec![refusal.frame(asked.number)]);
        let report = visited(&truth, shown).await.0.unwrap();
        assert_eq!((report.sent[0].stored, report.replies.len()), (Err(refusal), 2));
    }
}

#[tokio::test]
async fn an_acknowledgement_of_another_request() {
    let truth = Truth::new();
    for by in [1, 2, 0x8000] {
        let mut shown = truth.shown();
        shown.twist(RequestKind::Post, move |asked, _| {
            vec![Answer::to(RequestKind::Post, asked.number.wrapping_add(by)).done()]
        });
        assert_eq!(broken_off(&truth, shown).await, (RequestKind::Post, Fault::OtherRequest));
    }
}

#[tokio::test]
async fn an_acknowledgement_of_another_kind_of_request() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    shown.twist(RequestKind::Post, |asked, _| vec![Answer::to(RequestKind::Burn, asked.number).done()]);
    assert_eq!(broken_off(&truth, shown).await, (RequestKind::Post, Fault::OtherRequest));
}

#[tokio::test]
async fn an_acknowledgement_that_comes_twice() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    shown.twist(RequestKind::Post, |_, frames| [frames.clone(), frames].concat());
    assert_eq!(broken_off(&truth, shown).await, (RequestKind::Group, Fault::OtherRequest));
}

/// Before the last index has been answered nothing has been posted; with the post under way, an early word is a word
/// twice.
#[tokio::test]
async fn an_acknowledgement_before_the_post() {
    let truth = Truth::new();
    for (early, asked_then) in [(2, RequestKind::Index), (6, RequestKind::Group)] {
        let mut shown = truth.shown();
        shown.twist(RequestKind::Index, move |asked, mut frames| {
            if asked.before + 1 == early {
                frames.push(Answer::to(RequestKind::Post, asked.number + 1).done());
            }
            frames
        });
        assert_eq!(broken_off(&truth, shown).await, (asked_then, Fault::OtherRequest), "{early}");
    }
}

#[tokio::test]
async fn an_acknowledgement_that_says_more() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    shown.twist(RequestKind::Post, |_, frames| vec![Frame::small(frames[0].head(), &[1]).unwrap()]);
    assert_eq!(broken_off(&truth, shown).await, (RequestKind::Post, Fault::Places));
    let mut shown = truth.shown();
    shown.twist(RequestKind::Post, |_, frames| vec![Frame::large(frames[0].head(), &Fields::NONE, &[]).unwrap()]);
    assert_eq!(broken_off(&truth, shown).await, (RequestKind::Post, Fault::Content(Malformed("frame"))));
}

#[tokio::test]
async fn a_refusal_without_a_meaning() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    shown.twist(RequestKind::Post, |asked, _| {
        vec![Frame::small(Head::single(0xff, asked.number), &[0, 99, 0, 0]).unwrap()]
    });
    assert_eq!(broken_off(&truth, shown).await, (RequestKind::Post, Fault::Content(Malformed("error"))));
}

#[tokio::test]
async fn only_the_covers_refused() {
    // The relay cannot tell which letter is the cover; whichever it refuses, the other one is what it is.
    let truth = Truth::new();
    for refused in [0, 1] {
        let mut shown = truth.shown();
        let full = WireError::new(ErrorCode::Full);
        shown.twist(RequestKind::Post, move |asked, frames| {
            let Request::Post(_) = &asked.request else { panic!() };
            if asked.before == refused { vec![full.frame(asked.number)] } else { frames }
        });
        let (outcome, heard) = visited(&truth, shown).await;
        let sent = outcome.unwrap().sent.remove(0);
        let place = heard.posted.iter().position(|letter| letter.name() == sent.name).unwrap();
        assert_eq!(sent.stored.is_err(), place == refused);
    }
}
