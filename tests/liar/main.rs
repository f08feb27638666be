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

mod acknowledgements;
mod any;
mod couriers;
mod directory;
mod forge;
mod groups;
mod handshake;
mod index;
mod note;
mod outcome;
mod relay;
mod replies;
mod session;
mod shown;
mod truth;

use cssr_client::visit::Gap;
use truth::Truth;

/// Without it the tests of lies would show nothing.
#[tokio::test]
async fn the_same_relay_without_a_lie_is_believed() {
    let truth = Truth::new();
    let (outcome, heard) = outcome::visited(&truth, truth.shown()).await;
    let report = outcome.unwrap();
    assert_eq!(report.sent[0].stored, Ok(()));
    assert!(report.sent[0].mute.is_empty());
    assert_eq!(report.replies.iter().map(|reply| reply.number).collect::<Vec<_>>(), [1, 2]);
    assert!(report.doubts.is_empty() && report.unfetched == 0);
    assert_eq!(report.gaps, [] as [Gap; 0]);
    assert_eq!(heard.posted.len(), 2);
}
