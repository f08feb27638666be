//! Frames that break the rules, and messages put together from the wrong ones.

use super::*;
use proptest::prelude::*;

const HEAD: Head = Head { kind: 0x83, request: 0x1234, part: 0, parts: 1 };

fn full() -> Fields {
    Fields {
        id: EnvelopeId([1; 16]),
        kind: Some(EnvelopeKind::Chunk),
        present: true,
        postage: Postage { effort: 0x0102_0304, nonce: [2; 16], solution: [3; 16] },
        burn_hash: [4; 32],
    }
}

fn part(part: u32, parts: u32, payload: &[u8]) -> Frame {
    Frame::large(Head { part, parts, ..HEAD }, &Fields::NONE, payload).unwrap()
}

fn parse(bytes: &[u8]) -> Result<Frame, Malformed> {
    Frame::from_plain(bytes.into())
}

#[test]
fn every_field_stands_where_the_protocol_says() {
    let head = Head { kind: 0x85, request: 0x0102, part: 0x0304, parts: 0x0000_0506 };
    let frame = Frame::large(head, &full(), &[9; 5]).unwrap();
    let bytes = frame.as_plain();
    assert_eq!(bytes[..16], [0x85, 0, 1, 2, 0, 0, 3, 4, 0, 0, 5, 6, 0, 0, 0, 5]);
    assert_eq!(bytes[16..32], [1; 16]);
    assert_eq!(bytes[32..40], [2, 1, 0, 0, 1, 2, 3, 4]);
    assert_eq!(bytes[40..72], [4; 32]);
    assert_eq!((&bytes[72..88], &bytes[88..104]), (&[2; 16][..], &[3; 16][..]));
    assert!(all_zero(&bytes[104..128]) && all_zero(&bytes[133..]));
    assert_eq!(bytes[128..133], [9; 5]);
    let frame = parse(bytes).unwrap();
    assert_eq!((frame.head(), frame.fields(), frame.payload()), (head, full(), &[9; 5][..]));
}

/// What a relay's disk or another frame had before the envelope is nobody else's concern.
#[test]
fn a_frame_made_of_an_envelope_where_it_lies_is_like_any_other() {
    let head = Head { kind: 0x85, request: 0x0102, part: 3, parts: 9 };
    let buffer = vec![0xa5; LARGE_FRAME].into_boxed_slice();
    let envelope = Envelope::from_buffer(buffer).unwrap();
    for fields in [full(), Fields::NONE] {
        let frame = Frame::carrying(head, &fields, envelope.clone()).unwrap();
        assert!(frame == Frame::large(head, &fields, envelope.as_bytes()).unwrap());
    }
    assert!(Frame::carrying(Head { part: 9, ..head }, &full(), envelope).is_err());
}

#[test]
fn small_frames_have_no_envelope_fields() {
    let frame = Frame::small(HEAD, &[7; 496]).unwrap();
    assert_eq!((frame.fields(), frame.payload()), (Fields::NONE, &[7; 496][..]));
    assert_eq!(parse(frame.as_plain()), Ok(frame));
}

#[test]
fn a_payload_that_does_not_fit_makes_no_frame() {
    assert!(Frame::small(HEAD, &[0; 497]).is_err());
    assert!(Frame::large(HEAD, &Fields::NONE, &[0; 16_257]).is_err());
    assert!(Frame::small(Head { parts: 0, ..HEAD }, &[]).is_err());
    assert!(Frame::small(Head { part: 1, ..HEAD }, &[]).is_err());
}

#[test]
fn only_two_sizes_are_frames() {
    let small = Frame::small(HEAD, &[]).unwrap();
    let large = part(0, 1, &[]);
    for bytes in [small.as_plain(), large.as_plain()] {
        assert!(parse(bytes).is_ok());
        assert!(parse(&bytes[..bytes.len() - 1]).is_err());
        assert!(parse(&[bytes, &[0]].concat()).is_err());
    }
    assert!(parse(&[]).is_err());
}

#[test]
fn any_nonzero_byte_where_zeros_belong_is_refused() {
    let small = Frame::small(HEAD, b"ab").unwrap();
    for at in [1].into_iter().chain(18..SMALL_FRAME) {
        let mut bytes = small.as_plain().to_vec();
        bytes[at] = 1;
        assert!(parse(&bytes).is_err(), "small {at}");
    }
    let large = Frame::large(HEAD, &full(), b"ab").unwrap();
    for at in [1, 34, 35].into_iter().chain(104..128).chain((130..LARGE_FRAME).step_by(101)).chain([LARGE_FRAME - 1]) {
        let mut bytes = large.as_plain().to_vec();
        bytes[at] = 1;
        assert!(parse(&bytes).is_err(), "large {at}");
    }
}

#[test]
fn header_fields_out_of_range_are_refused() {
    let large = Frame::large(HEAD, &full(), b"ab").unwrap();
    let with = |at: usize, value: &[u8]| {
        let mut bytes = large.as_plain().to_vec();
        bytes[at..at + value.len()].copy_from_slice(value);
        parse(&bytes)
    };
    assert!(with(32, &[2]).is_ok());
    for (at, value) in [
        (32, &[3][..]),
        (33, &[2]),
        (8, &[0, 0, 0, 0]),
        (4, &[0, 0, 0, 1]),
        (12, &[0, 0, 0x3f, 0x81]),
        (12, &[0xff, 0xff, 0xff, 0xff]),
        (12, &[0, 0, 0, 1]),
    ] {
        assert!(with(at, value).is_err(), "{at}: {value:?}");
    }
    let mut small = Frame::small(HEAD, &[]).unwrap().as_plain().to_vec();
    small[12..16].copy_from_slice(&497_u32.to_be_bytes());
    assert!(parse(&small).is_err());
}

#[test]
fn an_envelope_frame_has_a_kind_and_a_whole_envelope() {
    let letter = Fields { kind: Some(EnvelopeKind::Letter), ..full() };
    let frame = Frame::large(HEAD, &letter, &[8; ENVELOPE]).unwrap();
    let envelope = EnvelopeFrame::try_from(frame.clone()).unwrap();
    assert_eq!((envelope.id(), envelope.kind()), (&letter.id, EnvelopeKind::Letter));
    assert_eq!(envelope.envelope(), &[8; ENVELOPE]);
    assert_eq!(envelope.address(HEAD), frame);
    let without_kind = Frame::large(HEAD, &Fields { kind: None, ..letter }, &[8; ENVELOPE]).unwrap();
    let short = Frame::large(HEAD, &letter, &[8; ENVELOPE - 1]).unwrap();
    let small = Frame::small(HEAD, &[8; 100]).unwrap();
    for bad in [without_kind, short, small] {
        assert!(EnvelopeFrame::try_from(bad).is_err());
    }
}

#[test]
fn parts_out_of_order_are_refused() {
    let full = [1; ENVELOPE];
    let mut assembler = Assembler::new(100_000);
    assert_eq!(assembler.push(&part(1, 3, &full)), Err(AssemblyError::OutOfOrder));
    assert_eq!(assembler.push(&part(0, 3, &full)), Ok(None));
    assert_eq!(assembler.push(&part(0, 3, &full)), Err(AssemblyError::OutOfOrder));
    assert_eq!(assembler.push(&part(2, 3, &[1])), Err(AssemblyError::OutOfOrder));
}

#[test]
fn a_finished_message_takes_no_more_parts() {
    let mut assembler = Assembler::new(100_000);
    assert_eq!(assembler.push(&part(0, 1, &[1])), Ok(Some(vec![1])));
    assert_eq!(assembler.push(&part(0, 1, &[1])), Err(AssemblyError::OutOfOrder));
}

#[test]
fn the_number_of_parts_cannot_change() {
    let mut assembler = Assembler::new(100_000);
    assert_eq!(assembler.push(&part(0, 3, &[1; ENVELOPE])), Ok(None));
    assert_eq!(assembler.push(&part(1, 2, &[1])), Err(AssemblyError::WrongParts));
}

#[test]
fn frames_of_other_messages_do_not_mix() {
    let mut assembler = Assembler::new(100_000);
    assert_eq!(assembler.push(&part(0, 2, &[1; ENVELOPE])), Ok(None));
    for (kind, request) in [(0x84, 0x1234), (0x83, 0x1235)] {
        let foreign = Frame::large(Head { kind, request, part: 1, parts: 2 }, &Fields::NONE, &[1]).unwrap();
        assert_eq!(assembler.push(&foreign), Err(AssemblyError::Foreign));
    }
}

#[test]
fn an_oversized_message_is_refused_before_it_is_held() {
    let mut assembler = Assembler::new(2 * ENVELOPE - 1);
    assert_eq!(assembler.push(&part(0, 3, &[1; ENVELOPE])), Err(AssemblyError::Oversize));
    assert_eq!(assembler.push(&part(0, u32::MAX, &[1; ENVELOPE])), Err(AssemblyError::Oversize));
    assert_eq!(assembler.held(), 0);
    assert_eq!(assembler.push(&part(0, 2, &[1; ENVELOPE])), Ok(None));
    assert_eq!(assembler.push(&part(1, 2, &[1; ENVELOPE])), Err(AssemblyError::Oversize));
    assert_eq!(assembler.held(), ENVELOPE);
    assert_eq!(assembler.push(&part(1, 2, &[1; ENVELOPE - 1])).map(|m| m.map(|m| m.len())), Ok(Some(2 * ENVELOPE - 1)));
}

#[test]
fn only_the_last_part_may_be_short_and_only_a_single_one_empty() {
    let mut assembler = Assembler::new(100_000);
    assert_eq!(assembler.push(&part(0, 2, &[1; ENVELOPE - 1])), Err(AssemblyError::WrongSize));
    assert_eq!(assembler.push(&part(0, 2, &[1; ENVELOPE])), Ok(None));
    assert_eq!(assembler.push(&part(1, 2, &[])), Err(AssemblyError::WrongSize));
    assert_eq!(Assembler::new(0).push(&part(0, 1, &[])), Ok(Some(vec![])));
    assert_eq!(Assembler::new(9).push(&Frame::small(HEAD, &[1]).unwrap()), Err(AssemblyError::WrongSize));
}

#[test]
fn debug_shows_no_content() {
    let frame = Frame::large(HEAD, &full(), &[1; ENVELOPE]).unwrap();
    assert_eq!(format!("{frame:?} {:?}", frame.fields()), "Frame(16384 bytes) Fields(..)");
    assert_eq!(format!("{:?}", EnvelopeFrame::try_from(frame).unwrap()), "EnvelopeFrame(..)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_cut_is_put_together_again(size in 0_usize..60_000, seed in any::<u8>()) {
        let bytes: Vec<u8> = (0..size).map(|i| (i as u8).wrapping_mul(31) ^ seed).collect();
        let mut assembler = Assembler::new(size);
        let mut whole = None;
        for frame in cut(0x81, 7, full(), &bytes).unwrap() {
            prop_assert_eq!(&whole, &None);
            prop_assert_eq!(frame.fields(), full());
            whole = assembler.push(&frame).unwrap();
        }
        prop_assert_eq!(whole, Some(bytes));
    }

    #[test]
    fn any_small_frame_parses_to_itself_or_not_at_all(
        head in prop::array::uniform16(any::<u8>()),
        fill in prop::collection::vec(any::<u8>(), 0..8),
        short in any::<bool>(),
    ) {
        let mut bytes = vec![0; SMALL_FRAME];
        bytes[..16].copy_from_slice(&head);
        if short {
            bytes[1] = 0;
            bytes[4..16].fill(0);
            bytes[11] = 1;
            bytes[15] = fill.len() as u8;
        }
        bytes[16..16 + fill.len()].copy_from_slice(&fill);
        if let Ok(frame) = parse(&bytes) {
            let again = Frame::small(frame.head(), frame.payload()).unwrap();
            prop_assert_eq!(again.as_plain(), &bytes[..]);
        } else {
            prop_assert!(!short);
        }
    }
}
