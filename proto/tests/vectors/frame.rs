use crate::Outcome;
use crate::case::Case;
use cssr_proto::frame::{Assembler, AssemblyError, EnvelopeKind, Fields, Frame, Head, cut};

/// The frame with these bytes.
pub fn read(plain: &[u8]) -> Result<Frame, &'static str> {
    Frame::from_plain(plain.into()).map_err(|_| "malformed")
}

pub fn frame(case: &Case) -> Outcome {
    let plain = case.given("frame").bytes();
    let frame = read(&plain)?;
    let (Head { kind, request, part, parts }, fields) = (frame.head(), frame.fields());
    case.expect("kind", u32::from(kind));
    case.expect("request", u32::from(request));
    case.expect("part", part);
    case.expect("parts", parts);
    case.expect("large", frame.is_large());
    case.expect("payload", frame.payload());
    let again = if frame.is_large() {
        case.expect("id", fields.id.as_bytes());
        case.expect("envelope-kind", u32::from(fields.kind.map_or(0, EnvelopeKind::byte)));
        case.expect("present", fields.present);
        case.expect("effort", fields.postage.effort);
        case.expect("burn-hash", fields.burn_hash);
        case.expect("nonce", fields.postage.nonce);
        case.expect("solution", fields.postage.solution);
        Frame::large(frame.head(), &fields, frame.payload())
    } else {
        assert!(fields == Fields::NONE);
        Frame::small(frame.head(), frame.payload())
    };
    assert_eq!(again.unwrap().as_plain(), plain);
    Ok(())
}

pub fn parts(case: &Case) -> Outcome {
    let mut assembler = Assembler::new(usize::try_from(case.given("max").number()).unwrap());
    let frames: Vec<Frame> = case.all("frame").iter().map(|frame| read(&frame.bytes()).unwrap()).collect();
    let mut message = None;
    for frame in &frames {
        assert!(message.is_none(), "{}: frames after the end", case.path());
        message = assembler.push(frame).map_err(assembly_error)?;
    }
    let message = message.unwrap();
    case.expect("message", message.as_slice());
    let Head { kind, request, .. } = frames[0].head();
    assert!(cut(kind, request, Fields::NONE, &message).unwrap().eq(frames));
    Ok(())
}

pub fn assembly_error(error: AssemblyError) -> &'static str {
    match error {
        AssemblyError::OutOfOrder => "out-of-order",
        AssemblyError::WrongParts => "wrong-parts",
        AssemblyError::Foreign => "foreign",
        AssemblyError::Oversize => "oversize",
        AssemblyError::WrongSize => "wrong-size",
        other => panic!("{other}"),
    }
}
