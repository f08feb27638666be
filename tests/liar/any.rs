//! Any lies whatever, several at a time, over seeds.

use crate::outcome::judge;
use crate::relay::Liar;
use crate::shown::{Asked, Shown};
use crate::truth::{Truth, batch_after};
use chacha20::ChaCha20Rng;
use cssr_client::ConnectionError;
use cssr_client::courier::{CourierError, SessionFailure};
use cssr_client::source::{Error, Patience};
use cssr_proto::frame::{Frame, Head};
use cssr_proto::index::Head as ChainHead;
use cssr_proto::letter::Sealed;
use cssr_proto::publication::Publication;
use cssr_proto::request::RequestKind;
use cssr_proto::wire_error::{ErrorCode, WireError};
use cssr_proto::{Envelope, EnvelopeId, Note, Unverified, UnverifiedDirectory};
use cssr_tests::office::TODAY;
use cssr_tests::people::{calm, rng, visit, within};
use cssr_tests::seeds;
use rand_core::Rng as _;
use std::collections::BTreeSet;
use std::time::Duration;

const TEXT: &str = crate::outcome::TEXT;
const SILENCE: Duration = Duration::from_secs(1);

fn below(rng: &mut ChaCha20Rng, n: usize) -> usize {
    (rng.next_u64() % n as u64) as usize
}

/// One lie more. What comes earlier may change what comes later.
fn lie(truth: &mut Truth, shown: &mut Shown, rng: &mut ChaCha20Rng) {
    match below(rng, 12) {
        0 => garble(&mut shown.directory, rng),
        1 => garble(&mut shown.note, rng),
        2 => {
            let nth = below(rng, shown.index.len().max(1));
            if let Some(index) = shown.index.values_mut().nth(nth) {
                garble(index, rng);
            }
        }
        3 => {
            let (from, to) = (TODAY.minus(below(rng, 6) as u32), TODAY.minus(below(rng, 6) as u32));
            let index = shown.index.remove(&from).unwrap_or_else(|| vec![0x80]);
            shown.index.insert(to, index);
        }
        4 => shown.announcement.day = TODAY.plus(6).minus(below(rng, 10) as u32),
        5 => shown.announcement.in_flight = below(rng, 3) as u16,
        6 => shown.announcement.letter_effort = rng.next_u32(),
        7 => another_note(truth, shown, rng),
        8 => other_batches(truth, shown, rng),
        9 | 10 => other_letter(truth, shown, rng),
        _ => twist(shown, rng),
    }
}

fn garble(bytes: &mut Vec<u8>, rng: &mut ChaCha20Rng) {
    let at = below(rng, bytes.len().max(1));
    match below(rng, 3) {
        0 => bytes.truncate(at),
        1 => bytes.extend([0; 3]),
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << below(rng, 8);
            }
        }
    }
}

fn another_note(truth: &Truth, shown: &mut Shown, rng: &mut ChaCha20Rng) {
    let directory = truth.office.directory(TODAY.plus(5).minus(below(rng, 10) as u32));
    let head = match below(rng, 3) {
        0 => truth.vouched(),
        1 => truth.head(),
        _ => truth.batches[below(rng, truth.batches.len())].0.head(),
    };
    let couriers = [&[0, 1][..], &[1], &[0, 1]][below(rng, 3)];
    shown.confirm(&truth.office.note_by(couriers, &directory, 7, head, None), &directory);
}

fn other_batches(truth: &mut Truth, shown: &mut Shown, rng: &mut ChaCha20Rng) {
    let mut batches = truth.batches.clone();
    let at = below(rng, batches.len());
    match below(rng, 4) {
        0 => drop(batches.remove(at)),
        1 => batches.truncate(at),
        2 => {
            let other = below(rng, batches.len());
            batches.swap(at, other);
        }
        _ => {
            let before = at.checked_sub(1).map_or(crate::truth::genesis(), |before| batches[before].0.head());
            let letters = vec![truth.office.cover(), truth.waiting(1)];
            batches[at] = batch_after(&before, batches[at].0.day(), letters);
        }
    }
    shown.list(batches);
}

fn other_letter(truth: &mut Truth, shown: &mut Shown, rng: &mut ChaCha20Rng) {
    let all: Vec<Sealed> = shown.letters.values().flatten().flatten().cloned().collect();
    // Rather a reply than any letter: nobody looks at the others.
    let replies = [truth.waiting(1), truth.waiting(2)];
    let of = &replies[below(rng, 2)];
    if all.iter().filter(|letter| *letter == of).count() != 1 {
        return;
    }
    let by = match below(rng, 5) {
        0 => None,
        1 => Some(Sealed { id: of.id, ..all[below(rng, all.len())].clone() }),
        2 => Some(Sealed { id: of.id, ..truth.office.cover() }),
        3 => Some(Sealed { id: EnvelopeId([rng.next_u32() as u8; 16]), ..of.clone() }),
        _ => {
            let mut bytes = *of.envelope.as_bytes();
            bytes[below(rng, bytes.len())] ^= 1 << below(rng, 8);
            Some(Sealed { id: of.id, envelope: Envelope::from_slice(&bytes).unwrap() })
        }
    };
    shown.replace(of, by);
}

/// What is said in another way than it is meant.
fn twist(shown: &mut Shown, rng: &mut ChaCha20Rng) {
    let kinds = [RequestKind::Directory, RequestKind::Note, RequestKind::Index, RequestKind::Group, RequestKind::Post];
    let kinds = [&kinds[..], &[RequestKind::Drain, RequestKind::Notes, RequestKind::Statements]].concat();
    let (kind, nth) = (kinds[below(rng, kinds.len())], below(rng, 2));
    let (what, at, by) = (below(rng, 7), below(rng, 20), rng.next_u32());
    shown.twist(kind, move |asked, mut frames| {
        if asked.before == nth {
            change(asked, &mut frames, what, at, by);
        }
        frames
    });
}

fn change(asked: &Asked, frames: &mut Vec<Frame>, what: usize, at: usize, by: u32) {
    let at = at % frames.len();
    let head = frames[at].head();
    match what {
        0 => drop(frames.remove(at)),
        1 => frames.insert(at, frames[at].clone()),
        2 => frames.reverse(),
        3 => frames.truncate(at),
        4 => {
            let code = ErrorCode::ALL[by as usize % ErrorCode::ALL.len()];
            frames[at] = WireError { code, wait: by as u16 }.frame(asked.number);
        }
        5 => frames[at] = with_head(&frames[at], Head { request: by as u16, ..head }),
        _ => frames[at] = with_head(&frames[at], Head { kind: by as u8, ..head }),
    }
}

fn with_head(frame: &Frame, head: Head) -> Frame {
    if frame.is_large() {
        Frame::large(head, &frame.fields(), frame.payload()).unwrap()
    } else {
        Frame::small(head, frame.payload()).unwrap()
    }
}

/// The truth and one to three lies about it.
fn lies(truth: &mut Truth, rng: &mut ChaCha20Rng) -> Shown {
    let mut shown = truth.shown();
    for _ in 0..=below(rng, 3) {
        lie(truth, &mut shown, rng);
    }
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_relay_shows_a_source_reads_what_was_written_or_the_lie_is_named() {
    let outcomes = seeds::for_each(300, |seed| async move {
        let (mut truth, mut rng) = (Truth::new(), rng(seed));
        let liar = Liar::serve(lies(&mut truth, &mut rng)).await;
        let patience = Patience { silence: SILENCE, ..calm() };
        let plan = truth.source.plan(&truth.office.card(liar.port), Some(TEXT));
        let outcome = within(calm().attempt, visit(plan, liar.port, &patience, seed)).await;
        judge(&truth, &outcome, &liar.heard());
        match outcome {
            Ok(report) if report.replies.len() == 2 && report.doubts.is_empty() => "unharmed".to_owned(),
            Ok(report) => format!("{:?}", report.doubts),
            Err(failure) => match failure.error {
                Error::Visit(error) => error.to_string(),
                Error::Connection(error @ ConnectionError::Silent(_)) => error.to_string(),
                other => panic!("{other:?}"),
            },
        }
    });
    let outcomes = outcomes.await;
    let kinds: BTreeSet<&String> = outcomes.iter().collect();
    assert!(outcomes.len() < 300 || kinds.len() > 30, "too few kinds of lies: {kinds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_relay_shows_a_courier_signs_only_the_end_of_what_it_has_followed() {
    let outcomes = seeds::for_each(80, |seed| async move {
        let ((mut truth, mut courier), mut rng) = (Truth::with_courier(), rng(seed));
        let liar = Liar::serve(lies(&mut truth, &mut rng)).await;
        let outcome = within(calm().attempt, courier.mirror(liar.port, SILENCE)).await;
        let held = courier.held();
        let mut at = crate::truth::genesis();
        for (batch, _) in &held {
            at = if batch.number() == at.number() + 1 { at.follow(batch).unwrap() } else { batch.head() };
        }
        for publication in liar.heard().published {
            assert_eq!(signed_head(&truth, &publication), at);
            assert!(outcome.is_ok() || matches!(outcome, Err(CourierError::Session(_) | CourierError::Refused(_))));
        }
        match outcome {
            Ok(_) => "mirrored".to_owned(),
            Err(CourierError::Session(SessionFailure::Connection(error))) => {
                assert!(matches!(error, ConnectionError::Silent(_) | ConnectionError::Dial(_)), "{error:?}");
                error.to_string()
            }
            Err(CourierError::Io(error)) => panic!("{error}"),
            Err(error) => error.to_string(),
        }
    });
    let outcomes = outcomes.await;
    let kinds: BTreeSet<&String> = outcomes.iter().collect();
    assert!(outcomes.len() < 80 || kinds.len() > 5, "too few kinds of lies: {kinds:?}");
}

/// The head of a note that was published; the note names the directory of the day.
fn signed_head(truth: &Truth, publication: &Publication) -> ChainHead {
    let Publication::Note(note, Some(directory)) = publication else { panic!() };
    let card = truth.office.card(1).fingerprint();
    let directory = UnverifiedDirectory::from_bytes(directory.as_slice()).unwrap().verify(card, TODAY).unwrap();
    assert_eq!(directory.roster().hash(), truth.office.roster().hash());
    let note = Unverified::<Note>::from_bytes(note.as_slice()).unwrap();
    directory.verify_note(note).unwrap().head
}
