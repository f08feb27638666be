//! Answers that are not answers to what was asked.

use super::*;
use crate::cbor::{Bytes, List};
use crate::frame::AssemblyError::{OutOfOrder, Oversize};
use crate::ids::{CourierNumber, Hash};
use crate::index::{Group, Head as ChainHead};
use crate::postage::Postage;
use crate::publication::Publication;
use crate::request::{Post, Request};
use crate::sizes::ENVELOPE;
use crate::time::Day;
use crate::wire_error::ErrorCode;

const DAY: Day = Day(20_000);
const ID: EnvelopeId = EnvelopeId([1; 16]);
const ENVELOPE_BYTES: [u8; ENVELOPE] = [5; ENVELOPE];
const NEXT: NextBatches = NextBatches { letters: 4, chunks: 9 };
const REFUSAL: WireError = WireError::new(ErrorCode::Busy);
const N: u16 = 7;
/// A frame of the wrong size, or one that should hold an envelope and does not.
const NO_SUCH_FRAME: Fault = Fault::Content(Malformed("frame"));

fn size() -> GroupSize {
    GroupSize::new(3).unwrap()
}

fn fetch() -> Request {
    Request::Fetch(ID)
}

fn group() -> Request {
    Request::Group(Group { day: DAY, number: 0 })
}

fn drain() -> Request {
    Request::Drain(NextBatches { letters: 1, chunks: 1 })
}

fn reader(request: &Request) -> ResponseReader {
    ResponseReader::new(N, request, size())
}

fn answer(request: &Request) -> Answer {
    Answer::to(request.kind(), N)
}

/// What the frames come to: the progress after the last one, or the first error.
fn read(request: &Request, frames: impl IntoIterator<Item = Frame>) -> Result<Progress, ResponseError> {
    let mut reader = reader(request);
    frames.into_iter().try_fold(Progress::More, |_, frame| reader.push(frame))
}

fn broken(request: &Request, fault: Fault) -> Result<Progress, ResponseError> {
    Err(ResponseError { request: request.kind(), fault })
}

fn done(response: Response) -> Result<Progress, ResponseError> {
    Ok(Progress::Done(response))
}

fn bytes(request: &Request, bytes: &[u8]) -> Vec<Frame> {
    answer(request).bytes(bytes).unwrap().collect()
}

fn raw(request: &Request, fields: Fields, payload: &[u8]) -> Frame {
    Frame::large(answer(request).head(), &fields, payload).unwrap()
}

fn held(id: &EnvelopeId) -> Option<Held> {
    Some((*id, Envelope::from_slice(&ENVELOPE_BYTES).unwrap()))
}

fn batch() -> Batch {
    let ids = (0..3).map(|n| EnvelopeId([n; 16])).collect();
    Batch::new(&ChainHead::genesis(Hash([0; 32])), DAY, ids).unwrap()
}

#[test]
fn directories_and_notes_are_bytes() {
    let content = vec![3; 40_000];
    assert_eq!(read(&Request::Directory, bytes(&Request::Directory, &content)), done(Response::Directory(content)));
    assert_eq!(read(&Request::Note, bytes(&Request::Note, &[1, 2])), done(Response::Note(vec![1, 2])));
    let by_hash = Request::DirectoryByHash(Hash([1; 32]));
    assert_eq!(read(&by_hash, bytes(&by_hash, &[1])), done(Response::DirectoryByHash(Some(vec![1]))));
    assert_eq!(read(&by_hash, bytes(&by_hash, &[])), done(Response::DirectoryByHash(None)));
}

#[test]
fn indexes_statements_and_notes_are_decoded_or_refused() {
    let (index, statements, notes) = (Request::Index(DAY), Request::Statements, Request::Notes);
    let day = Index { batches: vec![batch()] };
    assert_eq!(read(&index, bytes(&index, &day.to_bytes())), done(Response::Index(day)));
    let held = Statements { roster: None, seat_keys: List::new(vec![]).unwrap(), prekeys: List::new(vec![]).unwrap() };
    assert_eq!(read(&statements, bytes(&statements, &held.to_bytes())), done(Response::Statements(held)));
    let held = Notes { valid: List::new(vec![]).unwrap(), proposed: List::new(vec![]).unwrap() };
    assert_eq!(read(&notes, bytes(&notes, &held.to_bytes())), done(Response::Notes(held)));
    for request in [index, statements, notes] {
        let what = request.kind().to_string();
        let refused = read(&request, bytes(&request, &[0xff]));
        assert!(matches!(refused, Err(ResponseError { fault: Fault::Content(Malformed(of)), .. }) if of == what));
    }
}

#[test]
fn bytes_over_their_limit_are_refused_at_the_first_frame() {
    for (request, max) in [(Request::Note, 4_096), (Request::Directory, 1_048_576)] {
        assert!(read(&request, bytes(&request, &vec![1; max])).is_ok());
        let too_long = bytes(&request, &vec![1; max + ENVELOPE]);
        assert_eq!(read(&request, too_long.into_iter().take(1)), broken(&request, Fault::Frames(Oversize)));
    }
}

#[test]
fn small_answers_say_that_it_is_done() {
    let publication = Publication::Roster(Bytes::new([1]).unwrap());
    for (request, response) in [
        (Request::Post(Post::letter(ID, Postage::FREE, &ENVELOPE_BYTES)), Response::Posted),
        (Request::Burn { id: ID, key: [1; 32] }, Response::Burned),
        (Request::Publish(publication), Response::Published),
        (Request::Courier { courier: CourierNumber::new(1).unwrap(), signature: [1; 64] }, Response::Courier),
    ] {
        assert_eq!(read(&request, [answer(&request).done()]), done(response));
        let with_payload = Frame::small(answer(&request).head(), &[0]).unwrap();
        assert_eq!(read(&request, [with_payload]), broken(&request, Fault::Places));
        assert_eq!(read(&request, [raw(&request, Fields::NONE, &[])]), broken(&request, NO_SUCH_FRAME));
    }
}

#[test]
fn have_is_answered_with_one_byte_for_each_id() {
    let request = Request::Have(List::new(vec![ID; 3]).unwrap());
    let have = |present: &[bool]| read(&request, [answer(&request).have(present).unwrap()]);
    assert_eq!(have(&[true, false, true]), done(Response::Have(vec![true, false, true])));
    assert_eq!(have(&[true, false]), broken(&request, Fault::Places));
    assert_eq!(have(&[true; 4]), broken(&request, Fault::Places));
    let two = Frame::small(answer(&request).head(), &[0, 1, 2]).unwrap();
    assert_eq!(read(&request, [two]), broken(&request, Fault::Content(Malformed("answer"))));
}

#[test]
fn a_fetched_chunk_is_the_one_asked_for_or_none() {
    let answer = answer(&fetch());
    let frame = answer.chunk(held(&ID)).unwrap();
    let Ok(Progress::Done(Response::Chunk(Some(chunk)))) = read(&fetch(), [frame]) else { panic!() };
    assert_eq!((chunk.id(), chunk.kind(), chunk.envelope()), (&ID, EnvelopeKind::Chunk, &ENVELOPE_BYTES));
    assert_eq!(read(&fetch(), [answer.chunk(None).unwrap()]), done(Response::Chunk(None)));
    let other = EnvelopeId([2; 16]);
    assert_eq!(read(&fetch(), [answer.chunk(held(&other)).unwrap()]), broken(&fetch(), Fault::OtherEnvelope));
}

#[test]
fn a_place_has_an_envelope_and_its_fields_or_nothing_at_all() {
    let good = Fields { id: ID, kind: Some(EnvelopeKind::Chunk), present: true, ..Fields::NONE };
    assert!(read(&fetch(), [raw(&fetch(), good, &ENVELOPE_BYTES)]).is_ok());
    let postage = Postage { effort: 1, ..Postage::FREE };
    for bad in [
        Fields { present: false, ..good },
        Fields { kind: Some(EnvelopeKind::Letter), ..good },
        Fields { burn_hash: [1; 32], ..good },
        Fields { postage, ..good },
    ] {
        assert_eq!(read(&fetch(), [raw(&fetch(), bad, &ENVELOPE_BYTES)]), broken(&fetch(), Fault::Fields));
    }
    let no_kind = Fields { kind: None, ..good };
    assert_eq!(read(&fetch(), [raw(&fetch(), no_kind, &ENVELOPE_BYTES)]), broken(&fetch(), NO_SUCH_FRAME));
    assert_eq!(read(&fetch(), [raw(&fetch(), good, &[5; 9])]), broken(&fetch(), NO_SUCH_FRAME), "a short envelope");
    assert_eq!(read(&fetch(), [raw(&fetch(), good, &[])]), broken(&fetch(), NO_SUCH_FRAME), "present, but not there");
    for absent in [Fields { id: ID, ..Fields::NONE }, Fields { kind: Some(EnvelopeKind::Chunk), ..Fields::NONE }] {
        assert_eq!(read(&fetch(), [raw(&fetch(), absent, &[])]), broken(&fetch(), NO_SUCH_FRAME));
    }
    assert_eq!(read(&fetch(), [raw(&fetch(), Fields::NONE, &[0])]), broken(&fetch(), NO_SUCH_FRAME));
}

#[test]
fn a_group_is_as_many_frames_as_the_roster_says() {
    let letter = |place, size| answer(&group()).letter(place, size, held(&ID)).unwrap();
    let none = |place| answer(&group()).letter(place, size(), None).unwrap();
    let Ok(Progress::Done(Response::Group(letters))) = read(&group(), [letter(0, size()), none(1), none(2)]) else {
        panic!()
    };
    assert_eq!(letters.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(read(&group(), [letter(0, size()), none(1)]), Ok(Progress::More));
    for other in [1, 2, 4, 16] {
        let size = GroupSize::new(other).unwrap();
        assert_eq!(read(&group(), [letter(0, size)]), broken(&group(), Fault::Places), "{other}");
    }
    assert!(answer(&group()).letter(3, size(), None).is_err());
    for disorder in [[0, 0], [0, 2], [1, 0]] {
        let frames = disorder.map(|place| letter(place, size()));
        assert_eq!(read(&group(), frames), broken(&group(), Fault::Frames(OutOfOrder)));
    }
}

#[test]
fn a_group_holds_no_chunks() {
    let chunk = Fields { id: ID, kind: Some(EnvelopeKind::Chunk), present: true, ..Fields::NONE };
    let head = Head { parts: 3, ..answer(&group()).head() };
    let frame = Frame::large(head, &chunk, &ENVELOPE_BYTES).unwrap();
    assert_eq!(read(&group(), [frame]), broken(&group(), Fault::Fields));
}

/// The frames of one drained batch: the batch, then its envelopes, the second of them burned.
fn drained(kind: EnvelopeKind) -> Vec<Frame> {
    let (batch, answer) = (batch(), answer(&drain()));
    let mut frames: Vec<Frame> = answer.batch(kind, &batch.to_bytes()).unwrap().collect();
    for (place, id) in batch.ids().iter().enumerate() {
        let envelope = if place == 1 { None } else { held(id) };
        frames.push(answer.batched(place as u32, 3, kind, envelope).unwrap());
    }
    frames
}

#[test]
fn a_drain_gives_batches_with_their_envelopes_and_ends_with_the_next_numbers() {
    let mut reader = reader(&drain());
    for kind in [EnvelopeKind::Letter, EnvelopeKind::Chunk] {
        let mut frames = drained(kind).into_iter();
        let first = reader.push(frames.next().unwrap());
        assert_eq!(first, Ok(Progress::Piece(Response::Batch(kind, batch()))));
        for (place, frame) in frames.enumerate() {
            let Ok(Progress::Piece(Response::Envelope(mirrored))) = reader.push(frame) else { panic!() };
            assert_eq!((mirrored.id, mirrored.kind), (batch().ids()[place], kind));
            assert_eq!(mirrored.frame.is_some(), place != 1);
        }
    }
    assert_eq!(reader.push(answer(&drain()).caught_up(NEXT)), done(Response::CaughtUp(NEXT)));
    assert_eq!(reader.push(answer(&drain()).caught_up(NEXT)), broken(&drain(), Fault::OtherRequest), "it has ended");
}

#[test]
fn a_watch_goes_on_after_it_has_caught_up() {
    let request = Request::Watch(NEXT);
    let mut reader = reader(&request);
    for _ in 0..3 {
        let next = Response::CaughtUp(NEXT);
        assert_eq!(reader.push(answer(&request).caught_up(NEXT)), Ok(Progress::Piece(next)));
    }
}

#[test]
fn a_batch_larger_than_a_frame_is_put_together() {
    let ids: Vec<EnvelopeId> = (0..3_000_u128).map(|n| EnvelopeId(n.to_be_bytes())).collect();
    let batch = Batch::new(&ChainHead::genesis(Hash([0; 32])), DAY, ids).unwrap();
    let encoded = batch.to_bytes();
    let frames: Vec<Frame> = answer(&drain()).batch(EnvelopeKind::Letter, &encoded).unwrap().collect();
    assert_eq!(frames.len(), 3);
    assert_eq!(read(&drain(), frames[..2].to_vec()), Ok(Progress::More));
    assert_eq!(read(&drain(), frames), Ok(Progress::Piece(Response::Batch(EnvelopeKind::Letter, batch))));
}

#[test]
fn envelopes_that_do_not_fit_their_batch_are_refused() {
    let good = drained(EnvelopeKind::Letter);
    let mut swapped = good.clone();
    swapped[1] = answer(&drain()).batched(0, 3, EnvelopeKind::Letter, held(&batch().ids()[2])).unwrap();
    let mut other_kind = good.clone();
    other_kind[1] = answer(&drain()).batched(0, 3, EnvelopeKind::Chunk, held(&batch().ids()[0])).unwrap();
    let mut fewer = good.clone();
    fewer[1] = answer(&drain()).batched(0, 2, EnvelopeKind::Letter, held(&batch().ids()[0])).unwrap();
    let mut skipped = good.clone();
    skipped.remove(2);
    let mut cut_short = good.clone();
    cut_short.truncate(2);
    cut_short.push(answer(&drain()).caught_up(NEXT));
    let mut next_batch = good.clone();
    next_batch.truncate(1);
    next_batch.push(good[0].clone());
    for (bad, fault) in [
        (swapped, Fault::OtherEnvelope),
        (other_kind, Fault::Fields),
        (fewer, Fault::Places),
        (skipped, Fault::Frames(OutOfOrder)),
        (cut_short, Fault::Places),
        (next_batch, Fault::Places),
    ] {
        assert_eq!(read(&drain(), bad), broken(&drain(), fault));
    }
    assert!(read(&drain(), good).is_ok());
}

#[test]
fn a_batch_without_a_kind_or_with_other_fields_is_refused() {
    let encoded = batch().to_bytes();
    let kind = Some(EnvelopeKind::Letter);
    for fields in
        [Fields::NONE, Fields { kind, present: true, ..Fields::NONE }, Fields { kind, id: ID, ..Fields::NONE }]
    {
        assert_eq!(read(&drain(), [raw(&drain(), fields, &encoded)]), broken(&drain(), Fault::Fields));
    }
    let junk = raw(&drain(), Fields { kind, ..Fields::NONE }, &[0x80]);
    assert_eq!(read(&drain(), [junk]), broken(&drain(), Fault::Content(Malformed("batch"))));
}

#[test]
fn an_error_may_stand_for_any_answer_but_not_inside_one() {
    for request in [Request::Directory, group(), fetch(), drain(), Request::Burn { id: ID, key: [1; 32] }] {
        let error = answer(&request).error(REFUSAL);
        assert_eq!(read(&request, [error]), done(Response::Error(REFUSAL)), "{request:?}");
    }
    let error = || answer(&drain()).error(REFUSAL);
    let begun = bytes(&Request::Directory, &[1; 20_000]).remove(0);
    assert_eq!(read(&Request::Directory, [begun, error()]), broken(&Request::Directory, Fault::ErrorInside));
    let begun = answer(&group()).letter(0, size(), None).unwrap();
    assert_eq!(read(&group(), [begun, error()]), broken(&group(), Fault::ErrorInside));
    let frames = drained(EnvelopeKind::Letter);
    assert_eq!(read(&drain(), [frames[0].clone(), error()]), broken(&drain(), Fault::ErrorInside));
    assert_eq!(read(&drain(), frames.into_iter().chain([error()])), done(Response::Error(REFUSAL)));
}

#[test]
fn an_answer_to_another_request_is_refused() {
    let note = |kind, number| Answer::to(kind, number).bytes(&[1]).unwrap().next().unwrap();
    assert!(read(&Request::Note, [note(RequestKind::Note, N)]).is_ok());
    let other = broken(&Request::Note, Fault::OtherRequest);
    assert_eq!(read(&Request::Note, [note(RequestKind::Note, N + 1)]), other);
    assert_eq!(read(&Request::Note, [note(RequestKind::Directory, N)]), other);
    assert_eq!(read(&Request::Note, [REFUSAL.frame(N + 1)]), other);
    let request = Request::Note.into_frames(N).remove(0);
    assert_eq!(read(&Request::Note, [request]), other);
    let with_fields = raw(&Request::Note, Fields { id: ID, ..Fields::NONE }, &[1]);
    assert_eq!(read(&Request::Note, [with_fields]), broken(&Request::Note, Fault::Fields));
}

#[test]
fn nothing_is_read_after_an_error_or_after_the_end() {
    let good = || answer(&fetch()).chunk(None).unwrap();
    let mut after_end = reader(&fetch());
    assert!(after_end.push(good()).is_ok());
    assert_eq!(after_end.push(good()), broken(&fetch(), Fault::OtherRequest));
    let mut after_error = reader(&fetch());
    assert_eq!(after_error.push(REFUSAL.frame(N + 1)), broken(&fetch(), Fault::OtherRequest));
    assert_eq!(after_error.push(good()), broken(&fetch(), Fault::OtherRequest));
}

#[test]
fn debug_shows_no_content() {
    let mirrored = Mirrored { id: ID, kind: EnvelopeKind::Chunk, frame: None };
    assert_eq!(format!("{:?}", Response::Note(vec![42])), "Response(Note)");
    assert_eq!(format!("{mirrored:?}"), "Mirrored { id: EnvelopeId(..), kind: Chunk, frame: None }");
    assert!(format!("{:?}", reader(&fetch())).ends_with("state: .. }"));
}

#[test]
fn what_is_wrong_is_said_with_what_was_asked() {
    let error = read(&group(), [answer(&group()).letter(0, GroupSize::new(2).unwrap(), None).unwrap()]).unwrap_err();
    let said = "the relay's answer to the request \"group\" breaks the protocol: it has the wrong number of places";
    assert_eq!(error.to_string(), said);
}
