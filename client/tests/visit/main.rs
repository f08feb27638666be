//! A source's visits to a relay in this process: what it sends arrives, what is answered is found, and an observer of
//! the wire cannot tell the one from the other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests"
)]

mod recorder;
#[path = "../relay_support/mod.rs"]
mod relay_support;
mod work;

use cssr_client::source::{self, Patience};
use cssr_client::transport::Dialer;
use cssr_client::visit::{Draft, Report};
use cssr_proto::letter::{Author, Correspondent, Letter, SeatSender, seal};
use cssr_proto::message::{MessageText, Reply};
use cssr_proto::postage::Postage;
use cssr_proto::request::{Post, Request};
use cssr_proto::response::Response;
use cssr_proto::{Address, List, Number, Passphrase, SourceKeys};
use recorder::{Recorder, Shape};
use relay_support::{Connection, DAY, Rig, draft, rng, seat_auth, text_of};
use std::collections::BTreeSet;

const ARABIC: &str = include_str!("../../../testdata/testimony.ar.txt");
const KURMANJI: &str = include_str!("../../../testdata/testimony.kmr.txt");
const MIXED: &str = include_str!("../../../testdata/reply.mixed.txt");

async fn visit(rig: &Rig, port: u16, keys: &SourceKeys, drafts: Vec<Draft>) -> Report {
    let address: Address = format!("ws://127.0.0.1:{port}").parse().unwrap();
    let patience = Patience { attempts: 1, ..Patience::default() };
    let plan = rig.plan(keys, drafts);
    source::visit(plan, &[address], &Dialer::default(), &patience, &mut rng(), |_| {}).await.unwrap()
}

#[tokio::test]
async fn a_testimony_is_opened_by_every_seat_and_its_reply_is_found_by_its_source_alone() {
    let rig = Rig::open().await;
    let passphrase = Passphrase::generate(&mut rng());
    let keys = SourceKeys::derive(&passphrase, rig.card.office_if_first()).unwrap();

    for text in [ARABIC, KURMANJI] {
        let report = visit(&rig, rig.port, &keys, vec![draft(text)]).await;
        assert_eq!(report.sent.len(), 1);
        assert_eq!(report.sent[0].stored, Ok(()));
        assert!(report.replies.is_empty() && report.doubts.is_empty(), "{report:?}");
    }
    rig.handle.seal().await;

    // Two visits of two rounds: two testimonies, two covers. Both seats read the same.
    let letters = rig.letters().await;
    assert_eq!(letters.len(), 4);
    let mut texts = [BTreeSet::new(), BTreeSet::new()];
    let mut contact = None;
    for seat in 0..2_u8 {
        for opened in rig.open_as(seat, &letters).into_iter().flatten() {
            texts[usize::from(seat)].insert(text_of(&opened).to_owned());
            contact = Some((opened.author, opened.contact.unwrap()));
        }
    }
    assert_eq!(texts, [ARABIC, KURMANJI].map(|_| BTreeSet::from([ARABIC.to_owned(), KURMANJI.to_owned()])));

    // Seat 1 answers.
    let (Author::Source { key }, contact) = contact.unwrap() else { panic!("a source wrote it") };
    let message = Reply {
        text: MessageText::new(MIXED).unwrap(),
        day: DAY,
        number: Number::new(1).unwrap(),
        receipts: List::default(),
    };
    let from = SeatSender { number: Number::new(1).unwrap(), auth: &seat_auth(1) };
    let to = rig.directory.recipients(Number::new(0).unwrap()).unwrap();
    let letter = Letter::Reply { from, to: Correspondent { auth: key, contact: &contact }, message: &message };
    let sealed = seal(&letter, &to, &mut rng()).unwrap();
    let post = Post::letter(sealed.id, Postage::FREE, sealed.envelope.as_bytes());
    let answer = Connection::open(&rig.card).await.ask(Request::Post(post)).await;
    assert!(matches!(answer, Response::Posted));
    rig.handle.seal().await;

    let report = visit(&rig, rig.port, &keys, Vec::new()).await;
    assert!(report.doubts.is_empty(), "{report:?}");
    assert_eq!(report.replies.len(), 1);
    assert_eq!(report.replies[0].text.as_deref(), Some(MIXED));
    assert_eq!((report.replies[0].seat.get(), report.replies[0].number), (1, 1));

    let stranger = SourceKeys::derive(&Passphrase::generate(&mut rng()), rig.card.office_if_first()).unwrap();
    let report = visit(&rig, rig.port, &stranger, Vec::new()).await;
    assert!(report.replies.is_empty() && report.doubts.is_empty());
}

/// Fails if a visit leaves out its covers: a visit that only looks would then send fewer large messages.
#[tokio::test]
async fn a_visit_that_only_looks_has_the_shape_of_one_that_sends() {
    let rig = Rig::open().await;
    let recorder = Recorder::before(rig.port).await;
    let keys = relay_support::some_source();
    for n in 0..100 {
        let drafts =
            if n % 2 == 0 { vec![draft(&ARABIC[..ARABIC.floor_char_boundary(40 * n + 2)])] } else { Vec::new() };
        // Nothing is sealed meanwhile, so all visits meet the same state of the relay.
        visit(&rig, recorder.port, &keys, drafts).await;
    }
    let shapes = recorder.shapes();
    let distinct: Vec<&Shape> = shapes.iter().filter(|shape| **shape != shapes[0]).collect();
    assert!(distinct.is_empty(), "{} of {} differ from {:?}", distinct.len(), shapes.len(), shapes[0]);
    assert!(shapes.len() >= 99, "{}", shapes.len());
    let large = shapes[0].sent.iter().filter(|size| **size == cssr_proto::sizes::LARGE_WIRE).count();
    assert_eq!(large, 2, "one letter a round");
}
