//! A relay that lies, one lie at a time: about directory, note, day, index, groups, replies, acknowledgements, the
//! session, and to couriers. Each lie is found and named, or cannot make anybody believe a wrong text.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests"
)]

use cssr_client::source::Error;
use cssr_client::visit::VisitError;
use cssr_proto::wire_error::ErrorCode;
use cssr_tests::honest::{Honest, relay_key};
use cssr_tests::office::Office;
use cssr_tests::people::{Source, calm, visit};

#[tokio::test]
async fn a_relay_without_a_note_is_said_to_be_not_ready() {
    let relay = Honest::serve(Office::new(1, relay_key(1).public()), relay_key(1)).await;
    let plan = Source(1).plan(&relay.office.card(relay.port), None);
    let failure = visit(plan, relay.port, &calm(), 1).await.unwrap_err();
    let Error::Visit(VisitError::Refused(error)) = failure.error else { panic!("{failure}") };
    assert_eq!(error.code, ErrorCode::NotReady);
}
