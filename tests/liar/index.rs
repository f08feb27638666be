//! Lies about the index.

use crate::outcome::{broken, misled, read, visited, withheld};
use crate::shown::Shown;
use crate::truth::{Truth, batch_after, genesis};
use cssr_proto::frame::{AssemblyError, Frame, Head as FrameHead};
use cssr_proto::index::{Batch, Head, Index, IndexError};
use cssr_proto::request::{Request, RequestKind};
use cssr_proto::response::Fault;
use cssr_proto::wire_error::{ErrorCode, WireError};
use cssr_proto::{Day, EnvelopeId, Hash, Malformed};
use cssr_tests::caller::Held;
use cssr_tests::office::TODAY;
use minicbor::Encoder;

/// The truth with some batches taken out, put in or moved.
fn listing(truth: &Truth, change: impl FnOnce(&mut Held)) -> Shown {
    let mut batches = truth.batches.clone();
    change(&mut batches);
    let mut shown = truth.shown();
    shown.list(batches);
    shown
}

/// Batches of a day as they stand, which the types of `cssr-proto` would refuse: CDDL `index` of one batch.
fn raw(batch: &Batch, number: u64, ids: &[EnvelopeId]) -> Vec<u8> {
    let mut e = Encoder::new(Vec::new());
    let ids: Vec<u8> = ids.iter().flat_map(|id| id.0).collect();
    e.array(1).unwrap().array(4).unwrap().u64(number).unwrap().u32(batch.day().0).unwrap();
    e.bytes(batch.previous().as_bytes()).unwrap().bytes(&ids).unwrap();
    e.into_writer()
}

const MALFORMED: (RequestKind, Fault) = (RequestKind::Index, Fault::Content(Malformed("index")));

#[tokio::test]
async fn all_batches_hidden() {
    let truth = Truth::new();
    assert_eq!(misled(&truth, listing(&truth, Vec::clear)).await, IndexError::Hidden);
}

#[tokio::test]
async fn the_last_batch_that_the_note_vouches_for_hidden() {
    let truth = Truth::new();
    assert_eq!(misled(&truth, listing(&truth, |batches| batches.truncate(3))).await, IndexError::Hidden);
}

/// What came after the note nobody vouches for yet: to hide it is to refuse it, until the next note.
#[tokio::test]
async fn a_batch_after_the_note_can_be_hidden_until_the_next_note() {
    let truth = Truth::new();
    let hiding = || listing(&truth, |batches| batches.truncate(4));
    assert_eq!(read(&truth, hiding()).await, (vec![1, 2], vec![]));
    let mut shown = hiding();
    let directory = truth.office.directory(TODAY);
    shown.confirm(&truth.office.note(&directory, 2, truth.head()), &directory);
    assert_eq!(misled(&truth, shown).await, IndexError::Hidden);
}

#[tokio::test]
async fn a_batch_in_the_middle_hidden() {
    for hidden in [1, 2, 3] {
        let truth = Truth::new();
        let shown = listing(&truth, |batches| drop(batches.remove(hidden)));
        assert_eq!(misled(&truth, shown).await, IndexError::Gap);
    }
}

/// A limit: nothing that a source knows says on which day the batch before the window's first one was sealed. Couriers,
/// who follow the chain without a break, see it.
#[tokio::test]
async fn the_oldest_batches_of_the_window_can_be_withheld_from_sources() {
    let truth = Truth::new();
    let shown = listing(&truth, |batches| drop(batches.drain(..2)));
    assert_eq!(read(&truth, shown).await, (vec![2], vec![]));
}

#[tokio::test]
async fn another_days_batches() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    let yesterdays = shown.index[&TODAY.minus(1)].clone();
    shown.index.insert(TODAY.minus(3), yesterdays);
    assert_eq!(misled(&truth, shown).await, IndexError::WrongDay);
}

#[tokio::test]
async fn a_batch_from_the_future() {
    let mut truth = Truth::new();
    let mut shown = truth.shown();
    let cover = truth.office.cover();
    let (future, _) = batch_after(&truth.head(), TODAY.plus(1), vec![cover]);
    let todays = truth.batches[3..].iter().map(|(batch, _)| batch.clone());
    let index = Index { batches: todays.chain([future]).collect() };
    shown.index.insert(TODAY, index.to_bytes());
    assert_eq!(misled(&truth, shown).await, IndexError::WrongDay);
}

#[tokio::test]
async fn an_id_in_two_batches() {
    let mut truth = Truth::new();
    let again = truth.waiting(1);
    truth.batch(TODAY, vec![again]);
    assert_eq!(misled(&truth, truth.shown()).await, IndexError::Duplicate);
}

#[tokio::test]
async fn an_id_twice_in_a_batch() {
    let truth = Truth::new();
    let (batch, _) = &truth.batches[2];
    let ids = [&batch.ids()[..1], batch.ids()].concat();
    let mut shown = truth.shown();
    shown.index.insert(batch.day(), raw(batch, batch.number(), &ids));
    assert_eq!(broken(&truth, shown).await, MALFORMED);
}

#[tokio::test]
async fn ids_in_the_order_of_their_arrival() {
    let truth = Truth::new();
    let (batch, _) = &truth.batches[2];
    let mut ids = batch.ids().to_vec();
    ids.reverse();
    let mut shown = truth.shown();
    shown.index.insert(batch.day(), raw(batch, batch.number(), &ids));
    assert_eq!(broken(&truth, shown).await, MALFORMED);
}

#[tokio::test]
async fn an_id_exchanged_or_added() {
    for added in [false, true] {
        let truth = Truth::new();
        let (batch, _) = &truth.batches[2];
        let mut ids = batch.ids().to_vec();
        if added {
            ids.push(EnvelopeId([0xff; 16]));
        } else {
            *ids.last_mut().unwrap() = EnvelopeId([0xff; 16]);
        }
        let mut shown = truth.shown();
        shown.index.insert(batch.day(), raw(batch, batch.number(), &ids));
        assert_eq!(misled(&truth, shown).await, IndexError::BrokenChain);
    }
}

/// Another chain of the same form: all its batches have other letters.
fn other_chain(truth: &mut Truth, from: usize) -> Held {
    let mut batches = truth.batches.clone();
    for at in from..batches.len() {
        let before = at.checked_sub(1).map_or(genesis(), |before| batches[before].0.head());
        let letters = (0..3).map(|_| truth.office.cover()).collect();
        batches[at] = batch_after(&before, batches[at].0.day(), letters);
    }
    batches
}

#[tokio::test]
async fn another_history_than_the_note_vouches_for() {
    for from in 0..4 {
        let mut truth = Truth::new();
        let other = other_chain(&mut truth, from);
        let shown = listing(&truth, |batches| *batches = other);
        assert_eq!(misled(&truth, shown).await, IndexError::Forked, "from batch {from}");
    }
}

/// Two sources are shown different lists that part after the note's head. Neither can know; but the next note vouches
/// for one of them, and then the other's is refused.
#[tokio::test]
async fn two_people_shown_different_lists() {
    let mut truth = Truth::new();
    let other = other_chain(&mut truth, 4);
    assert!(visited(&truth, truth.shown()).await.0.is_ok());
    assert!(visited(&truth, listing(&truth, |batches| batches.clone_from(&other))).await.0.is_ok());
    let next = |mut shown: Shown| {
        let directory = truth.office.directory(TODAY);
        shown.confirm(&truth.office.note(&directory, 2, truth.head()), &directory);
        shown
    };
    assert!(visited(&truth, next(truth.shown())).await.0.is_ok());
    let lied_to = next(listing(&truth, |batches| *batches = other));
    assert_eq!(misled(&truth, lied_to).await, IndexError::Forked);
}

#[tokio::test]
async fn batches_renumbered() {
    let truth = Truth::new();
    let (batch, _) = &truth.batches[2];
    let mut shown = truth.shown();
    shown.index.insert(batch.day(), raw(batch, 7, batch.ids()));
    assert_eq!(misled(&truth, shown).await, IndexError::Gap);
    // All of them, so that they are consecutive.
    let mut at = Head::new(3, TODAY.minus(5), Hash([1; 32])).unwrap();
    let shown = listing(&truth, |batches| {
        for (batch, letters) in batches {
            let renumbered = batch_after(&at, batch.day(), letters.clone());
            at = renumbered.0.head();
            (*batch, *letters) = renumbered;
        }
    });
    assert_eq!(misled(&truth, shown).await, IndexError::Forked);
}

#[tokio::test]
async fn a_chain_that_does_not_begin_with_the_relays_key() {
    let truth = Truth::new();
    let mut at = Head::genesis(Hash([1; 32]));
    let mut shown = listing(&truth, |batches| {
        for (batch, letters) in batches {
            let moved = batch_after(&at, batch.day(), letters.clone());
            at = moved.0.head();
            (*batch, *letters) = moved;
        }
    });
    // Even with a note of couriers that have followed it.
    let directory = truth.office.directory(TODAY);
    shown.confirm(&truth.office.note(&directory, 2, at), &directory);
    assert_eq!(misled(&truth, shown).await, IndexError::WrongGenesis);
}

#[tokio::test]
async fn the_batches_behind_a_head_before_the_window_hidden_or_exchanged() {
    let truth = Truth::new();
    let directory = truth.office.directory(TODAY);
    // The note's head lies before the window: a quiet week, then batches 8 and 9.
    let before = Head::new(7, TODAY.minus(20), Hash([1; 32])).unwrap();
    let chain = |before: &Head| {
        let eighth = batch_after(before, TODAY.minus(1), truth.batches[0].1.clone());
        let ninth = batch_after(&eighth.0.head(), TODAY, truth.batches[2].1.clone());
        vec![eighth, ninth]
    };
    let show = |batches: Vec<_>| {
        let mut shown = listing(&truth, |all| *all = batches);
        shown.confirm(&truth.office.note(&directory, 2, before), &directory);
        shown
    };
    assert!(visited(&truth, show(chain(&before))).await.0.is_ok());
    assert_eq!(misled(&truth, show(chain(&before).split_off(1))).await, IndexError::Hidden);
    let other = Head::new(7, TODAY.minus(20), Hash([2; 32])).unwrap();
    assert_eq!(misled(&truth, show(chain(&other))).await, IndexError::Forked);
}

#[tokio::test]
async fn garbage() {
    for bytes in [vec![], vec![0xff], vec![0x81, 0x84], vec![0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]] {
        let truth = Truth::new();
        let mut shown = truth.shown();
        shown.index.insert(TODAY, bytes);
        assert_eq!(broken(&truth, shown).await, MALFORMED);
    }
}

#[tokio::test]
async fn more_than_an_index_may_be() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    shown.twist(RequestKind::Index, |asked, frames| {
        let head = FrameHead { parts: 2_066, ..frames[0].head() };
        assert_eq!(head.request, asked.number);
        vec![Frame::large(head, &cssr_proto::frame::Fields::NONE, &[0; 16_256]).unwrap()]
    });
    assert_eq!(broken(&truth, shown).await, (RequestKind::Index, Fault::Frames(AssemblyError::Oversize)));
}

#[tokio::test]
async fn one_day_refused() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    shown.twist(RequestKind::Index, |asked, frames| match &asked.request {
        Request::Index(day) if *day == Day(TODAY.0 - 2) => vec![WireError::new(ErrorCode::Busy).frame(asked.number)],
        _ => frames,
    });
    assert_eq!(withheld(&truth, shown).await, WireError::new(ErrorCode::Busy));
}

#[tokio::test]
async fn the_days_in_another_order() {
    let truth = Truth::new();
    let mut shown = truth.shown();
    let (first, second) = (shown.index[&TODAY].clone(), shown.index[&TODAY.minus(1)].clone());
    shown.index.insert(TODAY, second);
    shown.index.insert(TODAY.minus(1), first);
    assert_eq!(misled(&truth, shown).await, IndexError::WrongDay);
}
