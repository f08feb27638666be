//! How a visit to a lying relay ends, and what it must not have done until then.

use crate::relay::{Heard, Liar};
use crate::shown::Shown;
use crate::truth::{REPLIES, Truth};
use cssr_client::ConnectionError;
use cssr_client::link::LinkError;
use cssr_client::source::{Error, Failure, Patience};
use cssr_client::visit::{Doubt, Report, VisitError};
use cssr_proto::index::IndexError;
use cssr_proto::message::Message;
use cssr_proto::request::RequestKind;
use cssr_proto::response::{Fault, ResponseError};
use cssr_proto::wire_error::WireError;
use cssr_proto::{ClockChoice, TrustError};
use cssr_tests::office::SEATS;
use cssr_tests::people::{calm, visit, within};
use std::time::Duration;

/// What the source sends in every visit here.
pub const TEXT: &str = include_str!("../../testdata/testimony.ar.txt");

/// Makes a visit that sends a text and reads what is there.
pub async fn visited(truth: &Truth, shown: Shown) -> (Result<Report, Box<Failure>>, Heard) {
    decided(truth, shown, None, &calm()).await
}

/// The same after the person has said which date is right, with another patience.
pub async fn decided(
    truth: &Truth,
    shown: Shown,
    clock: Option<ClockChoice>,
    patience: &Patience,
) -> (Result<Report, Box<Failure>>, Heard) {
    let liar = Liar::serve(shown).await;
    let mut plan = truth.source.plan(&truth.office.card(liar.port), Some(TEXT));
    if let Some(choice) = clock {
        plan = plan.with_clock(choice);
    }
    let outcome = within(calm().attempt / 2, visit(plan, liar.port, patience, 8)).await;
    judge(truth, &outcome, &liar.heard());
    (outcome, liar.heard())
}

/// Whatever a relay does: what was sent is the text that was written, readable by every seat; what was read is what was
/// written; and what failed says why.
pub fn judge(truth: &Truth, outcome: &Result<Report, Box<Failure>>, heard: &Heard) {
    let mut names = Vec::new();
    for letter in &heard.posted {
        let texts = SEATS.map(|n| {
            // A seat that the relay's directory has left out cannot read it.
            match truth.office.open(n, &letter.id, &letter.envelope).ok()?.message {
                Message::Testimony(testimony) => Some(testimony.text.as_str().to_owned()),
                Message::Cover => None,
                other => panic!("nobody sent a {other:?}"),
            }
        });
        assert!(texts.iter().flatten().all(|text| text == TEXT));
        if texts.iter().any(Option::is_some) {
            names.push(letter.name());
        }
    }
    match outcome {
        Err(failure) => {
            assert!(failure.to_string().len() > 10);
            assert!(failure.plan.is_some(), "the letter is not lost");
        }
        Ok(report) => {
            assert_eq!(report.sent.len(), 1);
            assert_eq!(names, [report.sent[0].name], "posted once");
            for reply in &report.replies {
                assert_eq!(reply.seat.get(), 0);
                // What is no reply is a receipt.
                let text = REPLIES.get(reply.number as usize - 1).copied();
                assert_eq!((reply.text.as_deref(), reply.receipts.is_empty()), (text, text.is_some()));
            }
        }
    }
}

/// A visit that ends before anything of the person has been sent.
async fn refused(truth: &Truth, shown: Shown, asked: &[RequestKind]) -> VisitError {
    let (outcome, heard) = visited(truth, shown).await;
    assert!(heard.requests.iter().all(|kind| asked.contains(kind)), "{:?}", heard.requests);
    match outcome.unwrap_err().error {
        Error::Visit(error) => error,
        other => panic!("{other:?}"),
    }
}

/// A visit that ends after directory and note.
pub async fn distrusted(truth: &Truth, shown: Shown) -> TrustError {
    match refused(truth, shown, &[RequestKind::Directory, RequestKind::Note]).await {
        VisitError::Trust(error) => error,
        other => panic!("{other:?}"),
    }
}

/// A visit that ends after the index.
pub async fn misled(truth: &Truth, shown: Shown) -> IndexError {
    match refused(truth, shown, &[RequestKind::Directory, RequestKind::Note, RequestKind::Index]).await {
        VisitError::Index(error) => error,
        other => panic!("{other:?}"),
    }
}

/// A visit that ends at an answer that breaks the protocol; nothing of the person was sent before that.
pub async fn broken(truth: &Truth, shown: Shown) -> (RequestKind, Fault) {
    let asked = [RequestKind::Directory, RequestKind::Note, RequestKind::Index];
    fault_of(refused(truth, shown, &asked).await)
}

/// A visit that ends because the relay will not show what every visit asks for.
pub async fn withheld(truth: &Truth, shown: Shown) -> WireError {
    match refused(truth, shown, &[RequestKind::Directory, RequestKind::Note, RequestKind::Index]).await {
        VisitError::Refused(error) => error,
        other => panic!("{other:?}"),
    }
}

/// A visit that ends because the relay says nothing any more.
pub async fn left_waiting(truth: &Truth, shown: Shown) {
    match decided(truth, shown, None, &impatient()).await.0.unwrap_err().error {
        Error::Connection(ConnectionError::Silent(_)) => {}
        other => panic!("{other:?}"),
    }
}

/// A visit whose rounds end at an answer that breaks the protocol.
pub async fn broken_off(truth: &Truth, shown: Shown) -> (RequestKind, Fault) {
    match visited(truth, shown).await.0.unwrap_err().error {
        Error::Visit(error) => fault_of(error),
        other => panic!("{other:?}"),
    }
}

fn fault_of(error: VisitError) -> (RequestKind, Fault) {
    match error {
        VisitError::Link(LinkError::Answer(ResponseError { request, fault })) => (request, fault),
        other => panic!("{other:?}"),
    }
}

/// A visit that comes to its end: the replies that it read, by number, and its doubts.
pub async fn read(truth: &Truth, shown: Shown) -> (Vec<u32>, Vec<Doubt>) {
    let report = visited(truth, shown).await.0.unwrap();
    assert_eq!(report.sent[0].stored, Ok(()));
    (report.replies.iter().map(|reply| reply.number).collect(), report.doubts)
}

fn impatient() -> Patience {
    Patience { silence: Duration::from_millis(700), ..calm() }
}
