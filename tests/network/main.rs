//! Somebody between client and relay who changes, swaps, replays, reorders, truncates, drops or delays what passes.
//! Each visit delivers exactly the right text or ends with an error that names what went wrong, in time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests"
)]

use cssr_proto::message::Message;
use cssr_tests::honest::Honest;
use cssr_tests::office::SEATS;
use cssr_tests::people::{Source, calm, visit};

const ARABIC: &str = include_str!("../../testdata/testimony.ar.txt");

#[tokio::test]
async fn left_alone_a_testimony_is_opened_by_every_seat() {
    let relay = Honest::open(1).await;
    let plan = Source(1).plan(&relay.office.card(relay.port), Some(ARABIC));
    let report = visit(plan, relay.port, &calm(), 1).await.unwrap();
    assert_eq!(report.sent[0].stored, Ok(()));
    let held = relay.held(1).await;
    let letters = held.iter().flat_map(|(_, letters)| letters);
    for n in SEATS {
        let texts = letters.clone().filter_map(|letter| {
            match relay.office.open(n, &letter.id, &letter.envelope).unwrap().message {
                Message::Testimony(testimony) => Some(testimony.text.as_str().to_owned()),
                _ => None,
            }
        });
        assert_eq!(texts.collect::<Vec<_>>(), [ARABIC]);
    }
}
