//! Lies about groups and the letters in them.

use crate::outcome::{broken_off, left_waiting, read, visited};
use crate::shown::Shown;
use crate::truth::Truth;
use cssr_client::source::Error;
use cssr_client::visit::{Doubt, VisitError};
use cssr_proto::frame::{EnvelopeKind, Fields, Frame, Head};
use cssr_proto::index::GroupSize;
use cssr_proto::letter::{OpenError, Sealed};
use cssr_proto::request::RequestKind;
use cssr_proto::response::{Answer, Fault};
use cssr_proto::sizes::ENVELOPE;
use cssr_proto::wire_error::{ErrorCode, WireError};
use cssr_proto::{Envelope, EnvelopeId};

const UNREADABLE: Doubt = Doubt::Unreadable(OpenError::CannotOpen);

#[tokio::test]
async fn another_letter_under_the_id() {
    let mut truth = Truth::new();
    let (reply, cover) = (truth.waiting(2), truth.office.cover());
    let mut shown = truth.shown();
    shown.replace(&reply, Some(Sealed { id: reply.id, ..cover }));
    assert_eq!(read(&truth, shown).await, (vec![1], vec![UNREADABLE]));
}

#[tokio::test]
async fn two_replies_under_each_others_ids() {
    let truth = Truth::new();
    let (first, second) = (truth.waiting(1), truth.waiting(2));
    let mut shown = truth.shown();
    shown.replace(&first, Some(Sealed { id: first.id, envelope: second.envelope.clone() }));
    shown.replace(&second, Some(Sealed { id: second.id, envelope: first.envelope }));
    assert_eq!(read(&truth, shown).await, (vec![], vec![UNREADABLE; 2]));
}

#[tokio::test]
async fn other_bytes() {
    // Version and suite, commitment, the source's slot, the body, the tag.
    for at in [0, 1, 20, 8_300, 12_000, ENVELOPE - 1] {
        let truth = Truth::new();
        let reply = truth.waiting(2);
        let mut bytes = *reply.envelope.as_bytes();
        bytes[at] ^= 1;
        let mut shown = truth.shown();
        let envelope = Envelope::from_slice(&bytes).unwrap();
        shown.replace(&reply, Some(Sealed { id: reply.id, envelope }));
        assert_eq!(read(&truth, shown).await, (vec![1], vec![UNREADABLE]), "{at}");
    }
}

#[tokio::test]
async fn a_reply_withheld() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    shown.replace(&truth.waiting(2), None);
    assert_eq!(read(&truth, shown).await, (vec![1], vec![Doubt::Withheld]));
}

#[tokio::test]
async fn all_letters_withheld() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    shown.letters.clear();
    let (replies, doubts) = read(&truth, shown).await;
    assert!(replies.is_empty() && doubts.len() >= 3 && doubts.iter().all(|doubt| *doubt == Doubt::Withheld));
}

#[tokio::test]
async fn a_random_id_in_the_place_of_the_listed_one() {
    let truth = Truth::new();
    let reply = truth.waiting(2);
    let mut shown = truth.shown();
    shown.replace(&reply, Some(Sealed { id: EnvelopeId([0x77; 16]), ..reply.clone() }));
    assert_eq!(read(&truth, shown).await, (vec![1], vec![Doubt::Withheld]));
}

/// Answers with the letters of another group.
fn of_another_group(truth: &Truth) -> Shown {
    let mut shown = truth.shown();
    let others: Vec<Sealed> = truth.batches[2].1.clone();
    shown.twist(RequestKind::Group, move |asked, _| {
        let answer = Answer::to(RequestKind::Group, asked.number);
        let held = |place: u32| others.get(place as usize).map(|letter| (letter.id, letter.envelope.clone()));
        (0..4).map(|place| answer.letter(place, GroupSize::new(4).unwrap(), held(place)).unwrap()).collect()
    });
    shown
}

#[tokio::test]
async fn another_groups_letters() {
    let truth = Truth::new();
    let (replies, doubts) = read(&truth, of_another_group(&truth)).await;
    assert!(replies.is_empty() && doubts.len() >= 3 && doubts.iter().all(|doubt| *doubt == Doubt::Withheld));
}

#[tokio::test]
async fn the_letters_in_other_places() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    for places in shown.letters.values_mut() {
        places.rotate_left(1);
    }
    let (replies, doubts) = read(&truth, shown).await;
    assert!(replies.is_empty() && doubts.iter().all(|doubt| *doubt == Doubt::Withheld));
}

#[tokio::test]
async fn another_number_of_places() {
    for places in [1, 3, 5, 16] {
        let truth = Truth::new();
        let mut shown = truth.shown();
        shown.twist(RequestKind::Group, move |asked, _| {
            let (answer, size) = (Answer::to(RequestKind::Group, asked.number), GroupSize::new(places).unwrap());
            (0..places as u32).map(|place| answer.letter(place, size, None).unwrap()).collect()
        });
        assert_eq!(broken_off(&truth, shown).await, (RequestKind::Group, Fault::Places), "{places}");
    }
}

#[tokio::test]
async fn fewer_frames_than_were_said() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    shown.twist(RequestKind::Group, |_, frames| frames[..3].to_vec());
    left_waiting(&truth, shown).await;
}

#[tokio::test]
async fn more_frames_than_were_said() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    shown.twist(RequestKind::Group, |_, frames| [&frames[..], &frames[3..]].concat());
    assert_eq!(broken_off(&truth, shown).await, (RequestKind::Post, Fault::OtherRequest));
}

#[tokio::test]
async fn a_chunk_among_the_letters() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    shown.twist(RequestKind::Group, |_, mut frames| {
        let Head { kind, request, .. } = frames[0].head();
        let id = EnvelopeId([1; 16]);
        let chunk = Fields { id, kind: Some(EnvelopeKind::Chunk), present: true, ..Fields::NONE };
        frames[0] = Frame::large(Head { kind, request, part: 0, parts: 4 }, &chunk, &[0; ENVELOPE]).unwrap();
        frames
    });
    assert_eq!(broken_off(&truth, shown).await, (RequestKind::Group, Fault::Fields));
}

#[tokio::test]
async fn a_group_refused() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    let busy = WireError::new(ErrorCode::Busy);
    shown.twist(RequestKind::Group, move |asked, _| vec![busy.frame(asked.number)]);
    let error = visited(&truth, shown).await.0.unwrap_err().error;
    assert!(matches!(error, Error::Visit(VisitError::Refused(said)) if said == busy), "{error:?}");
}

#[tokio::test]
async fn an_error_in_the_middle_of_a_group() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    shown.twist(RequestKind::Group, |asked, mut frames| {
        frames[2] = WireError::new(ErrorCode::Busy).frame(asked.number);
        frames
    });
    assert_eq!(broken_off(&truth, shown).await, (RequestKind::Group, Fault::ErrorInside));
}
