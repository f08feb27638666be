//! Requests with too much, too little, or something where nothing belongs.

use super::*;
use crate::cbor::Bytes;
use crate::sizes::{DIRECTORY_MAX, NOTE_MAX, PUBLICATION_MAX, SEAT_PUBLICATION_MAX};
use crate::wire_error::{ErrorCode, WireError};
use proptest::prelude::*;

const ID: EnvelopeId = EnvelopeId([1; 16]);
const DAY: Day = Day(20_000);
const POSTAGE: Postage = Postage { effort: 7, nonce: [2; 16], solution: [3; 16] };

fn small_publication() -> Publication {
    Publication::Note(Bytes::new([9; 100]).unwrap(), None)
}

fn large_publication() -> Publication {
    Publication::Note(Bytes::new([9; 100]).unwrap(), Some(Bytes::new(vec![8; 40_000]).unwrap()))
}

/// One of every kind, by number.
fn all() -> Vec<Request> {
    vec![
        Request::Directory,
        Request::Note,
        Request::Index(DAY),
        Request::Group(Group { day: DAY, number: 3 }),
        Request::Post(Post::letter(ID, POSTAGE, &[5; ENVELOPE])),
        Request::Have(List::new(vec![ID, EnvelopeId([2; 16])]).unwrap()),
        Request::Fetch(ID),
        Request::Burn { id: ID, key: [4; 32] },
        Request::Publish(large_publication()),
        Request::Statements,
        Request::Notes,
        Request::Courier { courier: CourierNumber::new(255).unwrap(), signature: [6; 64] },
        Request::Drain(NextBatches { letters: 1, chunks: u64::MAX }),
        Request::Watch(NextBatches { letters: 0x0102, chunks: 3 }),
        Request::DirectoryByHash(Hash([7; 32])),
    ]
}

fn read(frames: Vec<Frame>) -> Result<Option<(u16, Request)>, RequestError> {
    let mut reader = RequestReader::new(PUBLICATION_MAX);
    let mut last = Ok(None);
    for frame in frames {
        assert_eq!(last, Ok(None), "complete before its last frame");
        last = reader.push(frame);
    }
    last
}

fn refusal(code: ErrorCode) -> Result<Option<(u16, Request)>, RequestError> {
    Err(RequestError { request: 7, error: WireError::new(code) })
}

fn small(kind: RequestKind, payload: &[u8]) -> Result<Option<(u16, Request)>, RequestError> {
    read(vec![Frame::small(Head::single(kind.byte(), 7), payload).unwrap()])
}

fn post(fields: Fields, payload: &[u8]) -> Result<Option<(u16, Request)>, RequestError> {
    read(vec![Frame::large(Head::single(5, 7), &fields, payload).unwrap()])
}

#[test]
fn every_request_is_read_as_it_was_written() {
    for (request, number) in all().into_iter().zip(1..) {
        assert_eq!(request.kind().byte(), number);
        let frames = request.clone().into_frames(0xfffe);
        assert!(frames.iter().all(|frame| frame.head().kind == number && frame.head().request == 0xfffe));
        assert_eq!(read(frames), Ok(Some((0xfffe, request))));
    }
    assert_eq!(all().len(), RequestKind::ALL.len());
}

#[test]
fn payloads_are_what_the_protocol_says() {
    let payload = |request: Request| request.into_frames(7)[0].payload().to_vec();
    assert_eq!(payload(Request::Index(DAY)), [0, 0, 0x4e, 0x20]);
    assert_eq!(payload(Request::Group(Group { day: DAY, number: 3 })), [0, 0, 0x4e, 0x20, 0, 0, 0, 3]);
    let next = NextBatches { letters: 1, chunks: 2 };
    assert_eq!(payload(Request::Drain(next)), [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
    assert_eq!(payload(Request::Burn { id: ID, key: [4; 32] }), [[1; 16], [4; 16], [4; 16]].concat());
    let courier = Request::Courier { courier: CourierNumber::new(200).unwrap(), signature: [6; 64] };
    assert_eq!(payload(courier), [&[200][..], &[6; 64]].concat());
}

#[test]
fn payloads_of_any_other_length_are_malformed() {
    let lengths: [(RequestKind, &[usize]); 13] = [
        (RequestKind::Directory, &[0]),
        (RequestKind::Note, &[0]),
        (RequestKind::Index, &[4]),
        (RequestKind::Group, &[8]),
        (RequestKind::Have, &[16, 32, 48, 64, 80, 96]),
        (RequestKind::Fetch, &[16]),
        (RequestKind::Burn, &[48]),
        (RequestKind::Statements, &[0]),
        (RequestKind::Notes, &[0]),
        (RequestKind::Courier, &[65]),
        (RequestKind::Drain, &[16]),
        (RequestKind::Watch, &[16]),
        (RequestKind::DirectoryByHash, &[32]),
    ];
    for (kind, good) in lengths {
        for length in 0..100 {
            let read = small(kind, &vec![1; length]);
            assert_eq!(read.is_ok(), good.contains(&length), "{kind:?} {length}");
        }
    }
    assert!(small(RequestKind::Have, &[1; 31 * 16]).is_ok());
}

#[test]
fn a_day_before_the_first_is_malformed() {
    assert_eq!(small(RequestKind::Index, &[0, 0, 0, 3]), refusal(ErrorCode::Malformed));
    assert_eq!(small(RequestKind::Group, &[0, 0, 0, 3, 0, 0, 0, 0]), refusal(ErrorCode::Malformed));
}

#[test]
fn requests_of_the_wrong_frame_size_or_of_several_frames_are_malformed() {
    for request in all() {
        let kind = request.kind();
        let frame = &request.into_frames(7)[0];
        let payload = &frame.payload()[..frame.payload().len().min(496)];
        let other = if frame.is_large() {
            Frame::small(frame.head(), payload)
        } else {
            Frame::large(frame.head(), &Fields::NONE, payload)
        };
        assert_eq!(read(vec![other.unwrap()]), refusal(ErrorCode::Malformed), "{kind:?}");
        if kind != RequestKind::Publish {
            for (part, parts) in [(0, 2), (1, 2)] {
                let mut frame = frame.clone();
                frame.address(Head { part, parts, ..frame.head() });
                assert_eq!(read(vec![frame]), refusal(ErrorCode::Malformed), "{kind:?}");
            }
        }
    }
}

#[test]
fn a_post_has_exactly_its_fields() {
    let letter = Fields { id: ID, kind: Some(EnvelopeKind::Letter), postage: POSTAGE, ..Fields::NONE };
    let chunk = Fields { kind: Some(EnvelopeKind::Chunk), burn_hash: [4; 32], ..letter };
    let Ok(Some((7, Request::Post(read)))) = post(letter, &[5; ENVELOPE]) else { panic!() };
    assert_eq!((read.id(), read.kind(), read.postage()), (&ID, EnvelopeKind::Letter, &POSTAGE));
    assert_eq!((read.burn_hash(), read.envelope()), (None, &[5; ENVELOPE]));
    let Ok(Some((7, Request::Post(read)))) = post(chunk, &[5; ENVELOPE]) else { panic!() };
    assert_eq!((read.kind(), read.burn_hash()), (EnvelopeKind::Chunk, Some(&[4; 32])));
    assert_eq!(read, Post::chunk(ID, [4; 32], POSTAGE, &[5; ENVELOPE]));
    for bad in [
        Fields { kind: None, ..letter },
        Fields { present: true, ..letter },
        Fields { burn_hash: [4; 32], ..letter },
        Fields { present: true, ..chunk },
    ] {
        assert_eq!(post(bad, &[5; ENVELOPE]), refusal(ErrorCode::Malformed));
    }
    assert_eq!(post(letter, &[5; ENVELOPE - 1]), refusal(ErrorCode::Malformed));
}

#[test]
fn unknown_kinds_are_told_apart_from_malformed_ones() {
    for kind in [0, 0x10, 0x7f, 0x81, 0xff] {
        let frame = |parts| Frame::small(Head { parts, ..Head::single(kind, 7) }, &[]).unwrap();
        let mut reader = RequestReader::new(PUBLICATION_MAX);
        assert_eq!(reader.push(frame(1)), refusal(ErrorCode::UnknownRequest));
        let next = Request::Note.into_frames(8).remove(0);
        assert_eq!(reader.push(next), Ok(Some((8, Request::Note))), "the session goes on");
        assert_eq!(reader.push(frame(2)), refusal(ErrorCode::Malformed));
    }
}

#[test]
fn nothing_comes_between_the_parts_of_a_publication() {
    let frames = Request::Publish(large_publication()).into_frames(7);
    assert_eq!(frames.len(), 3);
    let unknown = Frame::small(Head::single(0x70, 7), &[]).unwrap();
    for intruder in [Request::Note.into_frames(7).remove(0), unknown, frames[0].clone(), frames[2].clone()] {
        let mut reader = RequestReader::new(PUBLICATION_MAX);
        assert_eq!(reader.push(frames[0].clone()), Ok(None));
        assert_eq!(reader.held(), ENVELOPE);
        assert_eq!(reader.push(intruder), refusal(ErrorCode::Malformed));
    }
    let mut reader = RequestReader::new(PUBLICATION_MAX);
    assert_eq!(reader.push(frames[1].clone()), refusal(ErrorCode::Malformed), "it begins with part 0");
}

#[test]
fn a_publication_over_the_limit_is_malformed_before_it_is_held() {
    let directory = Bytes::new(vec![8; DIRECTORY_MAX]).unwrap();
    let largest = Publication::Note(Bytes::new([9; NOTE_MAX]).unwrap(), Some(directory));
    let frames = Request::Publish(largest.clone()).into_frames(7);
    assert_eq!(read(frames.clone()), Ok(Some((7, Request::Publish(largest)))));
    let mut reader = RequestReader::new(SEAT_PUBLICATION_MAX);
    assert_eq!(reader.push(frames[0].clone()), refusal(ErrorCode::Malformed));
    assert_eq!(reader.held(), 0);
    reader.limit_publications(PUBLICATION_MAX);
    assert_eq!(reader.push(frames[0].clone()), Ok(None));
}

#[test]
fn a_publication_has_no_envelope_fields() {
    let bytes = small_publication().to_bytes();
    let fields = Fields { kind: Some(EnvelopeKind::Letter), ..Fields::NONE };
    let frame = Frame::large(Head::single(9, 7), &fields, &bytes).unwrap();
    assert_eq!(read(vec![frame]), refusal(ErrorCode::Malformed));
    let junk = Frame::large(Head::single(9, 7), &Fields::NONE, &[0xff]).unwrap();
    assert_eq!(read(vec![junk]), refusal(ErrorCode::Malformed));
}

#[test]
fn debug_shows_only_what_is_asked_for() {
    for request in all() {
        assert_eq!(format!("{request:?}"), format!("Request({:?})", request.kind()));
    }
}

proptest! {
    #[test]
    fn any_small_frame_is_refused_or_is_the_frame_of_what_it_says(
        kind in any::<u8>(), number in any::<u16>(), payload in prop::collection::vec(any::<u8>(), 0..496),
    ) {
        let frame = Frame::small(Head::single(kind, number), &payload).unwrap();
        if let Ok(Some((read, request))) = RequestReader::new(PUBLICATION_MAX).push(frame.clone()) {
            prop_assert_eq!(request.into_frames(read), vec![frame]);
        }
    }
}
