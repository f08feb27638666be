//! Frames, and messages of several of them (section 12.1).

use super::case::Case;
use super::kit::{Key, noise, seed};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = frames();
    cases.extend(wrong_small());
    cases.extend(wrong_large());
    cases.extend(messages());
    cases
}

/// Bytes of an envelope, which is the payload of a large frame.
pub(crate) const ENVELOPE: usize = 16_256;

/// The plaintext of a transport message.
#[derive(Clone)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) request: u16,
    pub(crate) part: u32,
    pub(crate) parts: u32,
    pub(crate) payload: Vec<u8>,
    /// What only large frames have.
    pub(crate) large: Option<Large>,
}

/// What stands in the header of a large frame beside what every frame has.
#[derive(Clone, Default)]
pub(crate) struct Large {
    pub(crate) id: [u8; 16],
    pub(crate) kind: u8,
    pub(crate) present: u8,
    pub(crate) effort: u32,
    pub(crate) burn_hash: Key,
    pub(crate) nonce: [u8; 16],
    pub(crate) solution: [u8; 16],
}

impl Frame {
    /// A small frame that is a message.
    pub(crate) fn small(kind: u8, request: u16, payload: &[u8]) -> Self {
        Self { kind, request, part: 0, parts: 1, payload: payload.to_vec(), large: None }
    }

    /// A large frame that is a message.
    pub(crate) fn large(kind: u8, request: u16, large: Large, payload: &[u8]) -> Self {
        Self { large: Some(large), ..Self::small(kind, request, payload) }
    }

    /// Large frames without fields that carry bytes.
    pub(crate) fn cut(kind: u8, request: u16, bytes: &[u8]) -> Vec<Self> {
        Self::cut_with(kind, request, &Large::default(), bytes)
    }

    pub(crate) fn cut_with(kind: u8, request: u16, large: &Large, bytes: &[u8]) -> Vec<Self> {
        let parts = bytes.len().div_ceil(ENVELOPE).max(1);
        let piece = |part: usize| &bytes[part * ENVELOPE..bytes.len().min((part + 1) * ENVELOPE)];
        let numbered = |part: usize| Self {
            part: part as u32,
            parts: parts as u32,
            ..Self::large(kind, request, large.clone(), piece(part))
        };
        (0..parts).map(numbered).collect()
    }

    /// 512 or 16,384 bytes.
    pub(crate) fn plain(&self) -> Vec<u8> {
        let mut plain = vec![self.kind, 0];
        plain.extend(self.request.to_be_bytes());
        plain.extend(self.part.to_be_bytes());
        plain.extend(self.parts.to_be_bytes());
        plain.extend((self.payload.len() as u32).to_be_bytes());
        if let Some(large) = &self.large {
            plain.extend(large.id);
            plain.extend([large.kind, large.present, 0, 0]);
            plain.extend(large.effort.to_be_bytes());
            plain.extend(large.burn_hash);
            plain.extend(large.nonce);
            plain.extend(large.solution);
            plain.resize(128, 0);
        }
        plain.extend(&self.payload);
        let size = if self.large.is_some() { 16_384 } else { 512 };
        assert!(plain.len() <= size);
        plain.resize(size, 0);
        plain
    }
}

/// A post of a chunk, in which every field is used.
fn full() -> Frame {
    let large = Large {
        id: *seed("the id of a posted chunk").first_chunk().unwrap(),
        kind: 2,
        present: 0,
        effort: 0x0102_0304,
        burn_hash: seed("a burn hash"),
        nonce: *seed("a nonce of postage").first_chunk().unwrap(),
        solution: *seed("a solution of postage").first_chunk().unwrap(),
    };
    Frame::large(0x05, 0x1234, large, &noise("an envelope", ENVELOPE))
}

fn frames() -> Vec<Case> {
    let ok = |name: &str, comment: &str, frame: &Frame| {
        let case = Case::ok(&format!("frame/{name}"), comment)
            .input("frame", frame.plain())
            .output("kind", u32::from(frame.kind))
            .output("request", u32::from(frame.request))
            .output("part", frame.part)
            .output("parts", frame.parts)
            .output("large", frame.large.is_some())
            .output("payload", &frame.payload);
        frame.large.iter().fold(case, |case, large| {
            case.output("id", large.id)
                .output("envelope-kind", u32::from(large.kind))
                .output("present", large.present == 1)
                .output("effort", large.effort)
                .output("burn-hash", large.burn_hash)
                .output("nonce", large.nonce)
                .output("solution", large.solution)
        })
    };
    let last = Frame { part: 0xffff_fffe, parts: 0xffff_ffff, ..Frame::large(0x8a, 7, Large::default(), b"the end") };
    let present = Large { id: [1; 16], kind: 1, present: 1, ..Large::default() };
    vec![
        ok("small-empty", "A request without a payload.", &Frame::small(0x01, 0, &[])),
        ok("small-full", "496 bytes of payload, under the greatest request number.", &{
            Frame::small(0x06, 0xffff, &noise("thirty-one ids", 496))
        }),
        ok("small-not-the-first", "The header alone does not tell which kinds come in several parts.", &{
            Frame { part: 1, parts: 3, ..Frame::small(0x7f, 1, b"?") }
        }),
        ok("large-full", "A posted chunk: every field of the header is used.", &full()),
        ok("large-present", "A letter of a group.", &{
            Frame { part: 2, parts: 4, ..Frame::large(0x84, 3, present, &noise("a letter", ENVELOPE)) }
        }),
        ok("large-last-part", "The last of the greatest number of parts.", &last),
        ok("large-absent", "All zero but for the head: there is none.", &Frame::large(0x87, 9, Large::default(), &[])),
    ]
}

fn no(name: &str, comment: &str, frame: &[u8]) -> Case {
    Case::refused(&format!("frame/{name}"), "malformed", comment).input("frame", frame)
}

fn wrong(name: &str, comment: &str, right: &Frame, at: usize, bytes: &[u8]) -> Case {
    let mut plain = right.plain();
    plain[at..at + bytes.len()].copy_from_slice(bytes);
    no(name, comment, &plain)
}

fn wrong_small() -> Vec<Case> {
    let right = Frame::small(0x03, 0x1234, &20_780_u32.to_be_bytes());
    let plain = right.plain();
    let case = |name: &str, comment: &str, at: usize, bytes: &[u8]| {
        wrong(&format!("small-{name}"), comment, &right, at, bytes)
    };
    vec![
        no("nothing", "No bytes at all.", &[]),
        no("small-one-byte-less", "511 bytes.", &plain[..511]),
        no("small-one-byte-more", "513 bytes.", &[&plain[..], &[0]].concat()),
        case("second-byte", "The second byte is zero.", 1, &[1]),
        case("no-parts", "A message has one part at least.", 8, &0_u32.to_be_bytes()),
        case("part-beyond-parts", "Part 1 of one: they are counted from 0.", 4, &1_u32.to_be_bytes()),
        case("length-497", "A length beyond the frame.", 12, &497_u32.to_be_bytes()),
        case("length-huge", "The greatest length there is.", 12, &u32::MAX.to_be_bytes()),
        case("length-one-less", "The length leaves out the last byte of the payload.", 12, &3_u32.to_be_bytes()),
        case("padding-first", "The first byte after the payload.", 20, &[1]),
        case("padding-last", "The last byte of the frame.", 511, &[0x80]),
    ]
}

fn wrong_large() -> Vec<Case> {
    let right = Frame { payload: b"a short payload".to_vec(), ..full() };
    let case = |name: &str, comment: &str, at: usize, bytes: &[u8]| {
        wrong(&format!("large-{name}"), comment, &right, at, bytes)
    };
    vec![
        no("large-one-byte-less", "16,383 bytes.", &right.plain()[..16_383]),
        case("envelope-kind-3", "There are letters and chunks.", 32, &[3]),
        case("present-2", "An envelope is present or it is not.", 33, &[2]),
        case("byte-34", "The two bytes after it are zero.", 34, &[1]),
        case("byte-104", "The first of the last 24 bytes of the header.", 104, &[1]),
        case("byte-127", "The last byte of the header.", 127, &[1]),
        case("length-16257", "A length beyond the frame.", 12, &16_257_u32.to_be_bytes()),
        case("padding-first", "The first byte after the payload.", 143, &[1]),
        case("padding-last", "The last byte of the frame.", 16_383, &[1]),
    ]
}

fn messages() -> Vec<Case> {
    let given = |case: Case, max: usize, frames: &[Frame]| {
        case.input("max", max as u64).inputs("frame", frames.iter().map(Frame::plain))
    };
    let ok = |name: &str, comment: &str, max: usize, message: &[u8]| {
        given(Case::ok(&format!("parts/{name}"), comment), max, &Frame::cut(0x81, 5, message))
            .output("message", message)
    };
    let no = |name: &str, reason: &str, comment: &str, max: usize, frames: &[Frame]| {
        given(Case::refused(&format!("parts/{name}"), reason, comment), max, frames)
    };
    let two = Frame::cut(0x81, 5, &noise("a message of two parts", ENVELOPE + 100));
    let [first, second] = two.as_slice() else { unreachable!() };
    let max = 1_048_576;
    let after_first = |frame: Frame| [first.clone(), frame];
    vec![
        ok("empty", "A message of no bytes is one frame without a payload.", max, &[]),
        ok("one", "A short message.", max, b"a message"),
        ok("full", "One full frame; no empty one follows.", max, &noise("a full frame", ENVELOPE)),
        ok("two", "A full frame and one byte, which is as much as it may be.", ENVELOPE + 1, &{
            noise("a full frame and a byte", ENVELOPE + 1)
        }),
        no("second-first", "out-of-order", "It begins with part 1.", max, std::slice::from_ref(second)),
        no("first-twice", "out-of-order", "Part 0 twice.", max, &after_first(first.clone())),
        no(
            "one-part-less",
            "wrong-parts",
            "Part 0 of three, then part 1 of two.",
            max,
            &[Frame { parts: 3, ..first.clone() }, second.clone()],
        ),
        no(
            "other-request",
            "foreign",
            "The second frame belongs to another request.",
            max,
            &after_first(Frame { request: 6, ..second.clone() }),
        ),
        no(
            "other-kind",
            "foreign",
            "The second frame has another kind.",
            max,
            &after_first(Frame { kind: 0x82, ..second.clone() }),
        ),
        no(
            "more-parts-than-fit",
            "oversize",
            "It announces more parts than the message may have.",
            max,
            &[Frame { parts: 66, ..first.clone() }],
        ),
        no("one-byte-too-many", "oversize", "The last part has a byte too many.", ENVELOPE + 99, &two),
        no(
            "short-part",
            "wrong-size",
            "A part that is not full, although another follows.",
            max,
            &[Frame { payload: b"short".to_vec(), ..first.clone() }],
        ),
        no(
            "empty-last-part",
            "wrong-size",
            "The last part is empty.",
            max,
            &after_first(Frame { payload: Vec::new(), ..second.clone() }),
        ),
        no("small-frame", "wrong-size", "Bytes come in large frames.", max, &[Frame::small(0x81, 5, b"a message")]),
    ]
}
