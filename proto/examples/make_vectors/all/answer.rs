//! Answers and errors (sections 12.2, 12.3 and 14).

use super::case::Case;
use super::cbor::array;
use super::frame::{ENVELOPE, Frame, Large};
use super::index::{self, Batch};
use super::kit::{noise, seed, sha256};
use super::office::DAY;
use super::publication;
use super::request::id;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = bytes();
    cases.extend(small());
    cases.extend(envelopes());
    cases.extend(batches());
    cases.extend(errors());
    cases.extend(wrong_bytes());
    cases.extend(wrong_small());
    cases.extend(wrong_envelopes());
    cases.extend(wrong_batches());
    cases
}

/// The number of the request.
const NUMBER: u16 = 0x0201;
/// Letters in a group.
const GROUP: u64 = 2;

/// What was asked: its kind, and the ids of `have` and `fetch`.
type Asked<'a> = (&'a str, &'a [[u8; 16]]);

fn given(case: Case, (kind, ids): Asked<'_>, frames: &[Frame]) -> Case {
    case.input("asked", kind)
        .input("request", u32::from(NUMBER))
        .inputs("id", ids.iter().copied())
        .input("group-size", GROUP)
        .inputs("frame", frames.iter().map(Frame::plain))
}

fn ok(name: &str, comment: &str, asked: Asked<'_>, frames: &[Frame]) -> Case {
    given(Case::ok(&format!("answer/{name}"), comment), asked, frames)
}

fn no(name: &str, reason: &str, comment: &str, asked: Asked<'_>, frames: &[Frame]) -> Case {
    given(Case::refused(&format!("answer/{name}"), reason, comment), asked, frames)
}

fn asked(kind: &str) -> Asked<'_> {
    (kind, &[])
}

fn small_frame(kind: u8, payload: &[u8]) -> Frame {
    Frame::small(kind, NUMBER, payload)
}

fn bytes() -> Vec<Case> {
    let case = |name: &str, comment: &str, kind: u8, of: &str, bytes: &[u8]| {
        ok(name, comment, asked(of), &Frame::cut(kind, NUMBER, bytes)).output("piece", "bytes").output("bytes", bytes)
    };
    let batch = Batch::after(&index::genesis(), DAY, 3);
    vec![
        case("directory", "Bytes that are not verified here; two frames.", 0x81, "directory", &{
            noise("a directory", ENVELOPE + 50)
        }),
        case("note", "Bytes that are not verified here.", 0x82, "note", b"a note"),
        case("index", "One batch.", 0x83, "index", &index::index(&[batch])),
        case("index-empty", "A day without letters.", 0x83, "index", &index::index(&[])),
        case("statements", "CDDL `statements`.", 0x8a, "statements", &publication::statements()),
        case("notes", "CDDL `notes`.", 0x8b, "notes", &publication::notes()),
        case("directory-by-hash", "A directory.", 0x8f, "directory by hash", b"a directory"),
        case("directory-by-hash-none", "There is no such directory.", 0x8f, "directory by hash", &[]),
    ]
}

fn small() -> Vec<Case> {
    let done = |kind: u8, of: &str| ok(of, "It is done.", asked(of), &[small_frame(kind, &[])]).output("piece", "done");
    let ids = [id(0), id(1), id(2)];
    vec![
        done(0x85, "post"),
        done(0x88, "burn"),
        done(0x89, "publish"),
        done(0x8c, "courier"),
        ok("have", "The first and the third of three chunks.", ("have", &ids), &[small_frame(0x86, &[1, 0, 1])])
            .output("piece", "have")
            .outputs("present", [true, false, true]),
    ]
}

/// The fields of a frame that holds an envelope.
fn present(kind: u8, id: [u8; 16]) -> Large {
    Large { id, kind, present: 1, ..Large::default() }
}

fn envelope(id: &[u8; 16]) -> Vec<u8> {
    noise(&format!("the envelope {id:02x?}"), ENVELOPE)
}

/// One message of large frames for places that hold an envelope or none.
fn places(answer: u8, kind: u8, places: &[Option<[u8; 16]>]) -> Vec<Frame> {
    let frame = |part: usize, place: &Option<[u8; 16]>| {
        let (large, payload) = place.map_or_else(Default::default, |id| (present(kind, id), envelope(&id)));
        let (part, parts) = (part as u32, places.len() as u32);
        Frame { part, parts, ..Frame::large(answer, NUMBER, large, &payload) }
    };
    places.iter().enumerate().map(|(part, place)| frame(part, place)).collect()
}

fn found(case: Case, places: &[Option<[u8; 16]>]) -> Case {
    places.iter().fold(case, |case, place| {
        case.output("present", place.is_some())
            .output("found-id", *place)
            .output("envelope-sha256", place.map(|id| sha256(&envelope(&id))))
    })
}

/// The id of a letter.
fn letter(n: usize) -> [u8; 16] {
    *seed(&format!("the id of letter {n}")).first_chunk().unwrap()
}

fn envelopes() -> Vec<Case> {
    let group = |name: &str, comment: &str, letters: &[Option<[u8; 16]>]| {
        let case = ok(name, comment, asked("group"), &places(0x84, 1, letters)).output("piece", "group");
        found(case, letters)
    };
    let fetched = |name: &str, comment: &str, chunk: Option<[u8; 16]>| {
        let case = ok(name, comment, ("fetch", &[id(0)]), &places(0x87, 2, &[chunk])).output("piece", "chunk");
        found(case, &[chunk])
    };
    vec![
        group("group", "A full group.", &[Some(letter(0)), Some(letter(1))]),
        group("group-short", "The last group of a day has one letter so far.", &[Some(letter(0)), None]),
        group("group-empty", "A group after the end.", &[None, None]),
        fetched("fetch", "The chunk.", Some(id(0))),
        fetched("fetch-none", "There is no such chunk.", None),
    ]
}

/// A batch of chunks, of which the second has been burned.
fn chunk_batch() -> (Batch, [Option<[u8; 16]>; 2]) {
    let batch = Batch::after(&(4, DAY, seed("the chain of chunks")), DAY, 2);
    let places = [Some(batch.ids()[0]), None];
    (batch, places)
}

fn batch_frames(answer: u8, kind: u8, batch: &Batch) -> Vec<Frame> {
    Frame::cut_with(answer, NUMBER, &Large { kind, ..Large::default() }, &batch.cbor())
}

fn caught_up(answer: u8, letters: u64, chunks: u64) -> Frame {
    small_frame(answer, &[letters.to_be_bytes(), chunks.to_be_bytes()].concat())
}

fn batches() -> Vec<Case> {
    let letters = Batch::after(&index::genesis(), DAY, 1);
    let letter_places = [Some(letters.ids()[0])];
    let (chunks, chunk_places) = chunk_batch();
    let pieces = |case: Case, pieces: &[&str]| case.outputs("piece", pieces.iter().copied());
    let batch = |case: Case, kind: u32, batch: &Batch, places: &[Option<[u8; 16]>]| {
        let case = case.output("batch-kind", kind).output("batch", batch.cbor());
        // A burned envelope is known by the id that the batch lists.
        places.iter().zip(batch.ids()).fold(case, |case, (place, id)| {
            case.output("present", place.is_some())
                .output("found-id", *id)
                .output("envelope-sha256", place.map(|id| sha256(&envelope(&id))))
        })
    };
    let next =
        |case: Case, letters: u64, chunks: u64| case.output("letter-batch", letters).output("chunk-batch", chunks);
    let all = [
        batch_frames(0x8d, 1, &letters),
        places(0x8d, 1, &letter_places),
        batch_frames(0x8d, 2, &chunks),
        places(0x8d, 2, &chunk_places),
        vec![caught_up(0x8d, 2, 6)],
    ]
    .concat();
    let drained = ok("drain", "A letter, then two chunks of which one is burned.", asked("drain"), &all);
    let drained = pieces(drained, &["batch", "envelope", "batch", "envelope", "envelope", "caught up"]);
    let drained = next(batch(batch(drained, 1, &letters, &letter_places), 2, &chunks, &chunk_places), 2, 6);

    let burned = [None, None];
    let news = [
        vec![caught_up(0x8e, 2, 5)],
        batch_frames(0x8e, 2, &chunks),
        places(0x8e, 2, &burned),
        vec![caught_up(0x8e, 2, 6)],
    ]
    .concat();
    let watched = ok("watch", "Nothing yet; then a batch of chunks that are burned already.", asked("watch"), &news);
    let watched = pieces(watched, &["caught up", "batch", "envelope", "envelope", "caught up"]);
    let watched = next(next(batch(watched, 2, &chunks, &burned), 2, 5), 2, 6);
    vec![
        drained,
        watched,
        next(
            ok("drain-nothing", "Nothing is there.", asked("drain"), &[caught_up(0x8d, 1, 1)])
                .output("piece", "caught up"),
            1,
            1,
        ),
    ]
}

fn error(code: u16, wait: u16) -> Frame {
    small_frame(0xff, &[code.to_be_bytes(), wait.to_be_bytes()].concat())
}

fn errors() -> Vec<Case> {
    let names = [
        "malformed",
        "unknown request",
        "too many requests",
        "not ready",
        "conflict",
        "full",
        "postage",
        "refused statement",
        "refused courier",
        "wrong session",
        "busy",
        "storage failed",
        "refused burn",
    ];
    let case = |(name, code): (&str, u16)| {
        let wait = if code == 11 { 300 } else { 0 };
        ok(&format!("error-{}", name.replace(' ', "-")), "An error.", asked("post"), &[error(code, wait)])
            .output("piece", "error")
            .output("code", u32::from(code))
            .output("wait", u32::from(wait))
    };
    names.into_iter().zip(1..).map(case).collect()
}

fn wrong_bytes() -> Vec<Case> {
    let case = |name: &str, reason: &str, comment: &str, of: &str, frames: &[Frame]| {
        no(name, reason, comment, asked(of), frames)
    };
    let note = Frame::cut(0x82, NUMBER, b"a note");
    let two = Frame::cut(0x81, NUMBER, &noise("a directory", ENVELOPE + 50));
    vec![
        case("other-number", "other-request", "The answer to another request.", "note", &{
            [Frame { request: NUMBER + 1, ..note[0].clone() }]
        }),
        case("other-kind", "other-request", "The answer to a request of another kind.", "directory", &note),
        case("kind-of-the-request", "other-request", "The kind lacks its highest bit.", "note", &{
            [Frame { kind: 0x02, ..note[0].clone() }]
        }),
        case("after-the-end", "other-request", "A second answer.", "note", &[note[0].clone(), note[0].clone()]),
        case("bytes-small", "wrong-size", "Bytes come in large frames.", "note", &[small_frame(0x82, b"a note")]),
        case("bytes-with-id", "fields", "A frame of bytes has no id.", "note", &{
            Frame::cut_with(0x82, NUMBER, &present(0, id(0)), b"a note")
        }),
        case("note-too-large", "oversize", "A note of two frames.", "note", &[Frame { kind: 0x82, ..two[0].clone() }]),
        case("error-inside", "error-inside", "An error after the first part.", "directory", &{
            [two[0].clone(), error(11, 0)]
        }),
        case("index-malformed", "malformed", "No CDDL `index`.", "index", &Frame::cut(0x83, NUMBER, b"")),
        case("statements-malformed", "malformed", "No CDDL `statements`.", "statements", &{
            Frame::cut(0x8a, NUMBER, &array(&[]))
        }),
        case("notes-malformed", "malformed", "No CDDL `notes`.", "notes", &Frame::cut(0x8b, NUMBER, &array(&[]))),
    ]
}

fn wrong_small() -> Vec<Case> {
    let ids = [id(0), id(1), id(2)];
    let have = |name: &str, reason: &str, comment: &str, payload: &[u8]| {
        no(name, reason, comment, ("have", &ids), &[small_frame(0x86, payload)])
    };
    let failed = |name: &str, comment: &str, payload: &[u8]| {
        no(name, "malformed", comment, asked("post"), &[small_frame(0xff, payload)])
    };
    vec![
        have("have-one-less", "places", "Two bytes for three ids.", &[1, 0]),
        have("have-one-more", "places", "Four bytes for three ids.", &[1, 0, 1, 0]),
        have("have-2", "malformed", "A chunk is there or not.", &[1, 0, 2]),
        no("post-with-payload", "places", "It has no payload.", asked("post"), &[small_frame(0x85, &[0])]),
        no("post-large", "malformed", "Its frame is small.", asked("post"), &{
            [Frame::large(0x85, NUMBER, Large::default(), &[])]
        }),
        no("burn-in-two-parts", "malformed", "It has one part.", asked("burn"), &{
            [Frame { parts: 2, ..small_frame(0x88, &[]) }]
        }),
        failed("error-0", "There is no error 0.", &[0, 0, 0, 0]),
        failed("error-14", "An error that does not exist yet.", &[0, 14, 0, 0]),
        failed("error-3-bytes", "The time to wait is cut off.", &[0, 11, 0]),
        failed("error-5-bytes", "A byte follows.", &[0, 11, 0, 0, 0]),
    ]
}

fn wrong_envelopes() -> Vec<Case> {
    // The first frame of a group.
    let group = |name: &str, reason: &str, comment: &str, edit: &dyn Fn(&mut Frame)| {
        let mut first = places(0x84, 1, &[Some(letter(0)), None]).remove(0);
        edit(&mut first);
        no(&format!("group-{name}"), reason, comment, asked("group"), &[first])
    };
    let large = |name: &str, reason: &str, comment: &str, edit: &dyn Fn(&mut Large)| {
        group(name, reason, comment, &|frame| edit(frame.large.as_mut().unwrap()))
    };
    let fetched = |name: &str, reason: &str, comment: &str, frames: &[Frame]| {
        no(&format!("fetch-{name}"), reason, comment, ("fetch", &[id(0)]), frames)
    };
    let [first, second] = places(0x84, 1, &[Some(letter(0)), None]).try_into().ok().unwrap();
    let in_group = |name: &str, reason: &str, comment: &str, frames: &[Frame]| {
        no(&format!("group-{name}"), reason, comment, asked("group"), frames)
    };
    let absent_with_id = Frame::large(0x87, NUMBER, Large { id: id(0), ..Large::default() }, &[]);
    vec![
        group("three-places", "places", "The group has two places.", &|frame| frame.parts = 3),
        in_group("second-place-first", "out-of-order", "It begins with place 1.", std::slice::from_ref(&second)),
        in_group("error-after-a-letter", "error-inside", "An error after the first letter.", &[first, error(11, 0)]),
        group("short-envelope", "malformed", "An envelope of 16,255 bytes.", &|frame| {
            frame.payload.truncate(ENVELOPE - 1)
        }),
        large("chunk", "fields", "A chunk among letters.", &|large| large.kind = 2),
        large("not-present", "fields", "A letter that is said to be absent.", &|large| large.present = 0),
        large("with-effort", "fields", "An answer has no postage.", &|large| large.effort = 1),
        fetched("other-chunk", "other-envelope", "Another chunk than was asked for.", &places(0x87, 2, &[Some(id(1))])),
        fetched("letter", "fields", "A letter in place of a chunk.", &places(0x87, 1, &[Some(id(0))])),
        fetched("with-burn-hash", "fields", "The burn hash is not told.", &{
            let mut frames = places(0x87, 2, &[Some(id(0))]);
            frames[0].large.as_mut().unwrap().burn_hash = seed("a burn hash");
            frames
        }),
        fetched("two-places", "places", "One chunk was asked for.", &places(0x87, 2, &[None, None])[..1]),
        fetched("absent-with-id", "malformed", "The frame for no chunk is all zero but for its head.", &{
            [absent_with_id]
        }),
        fetched("small", "malformed", "Its frame is large, also for no chunk.", &[small_frame(0x87, &[])]),
    ]
}

fn wrong_batches() -> Vec<Case> {
    let case = |name: &str, reason: &str, comment: &str, frames: &[Frame]| {
        no(&format!("drain-{name}"), reason, comment, asked("drain"), frames)
    };
    let (batch, right) = chunk_batch();
    let announced = batch_frames(0x8d, 2, &batch);
    let after = |frames: &[Frame]| [&announced[..], frames].concat();
    let exchanged = [Some(batch.ids()[1]), None];
    vec![
        case("batch-without-kind", "fields", "A batch is of letters or of chunks.", &batch_frames(0x8d, 0, &batch)),
        case("batch-with-id", "fields", "A batch has no id.", &{
            Frame::cut_with(0x8d, NUMBER, &Large { id: id(0), kind: 2, ..Large::default() }, &batch.cbor())
        }),
        case("batch-malformed", "malformed", "No CDDL `batch`.", &{
            Frame::cut_with(0x8d, NUMBER, &Large { kind: 2, ..Large::default() }, &array(&[]))
        }),
        case("too-few-envelopes", "places", "One envelope for two ids.", &after(&places(0x8d, 2, &right[1..]))),
        case("other-envelope", "other-envelope", "The second envelope in the place of the first.", &{
            after(&places(0x8d, 2, &exchanged)[..1])
        }),
        case("other-kind", "fields", "A letter in a batch of chunks.", &after(&places(0x8d, 1, &right)[..1])),
        case("error-inside", "error-inside", "An error between a batch and its envelopes.", &after(&[error(12, 0)])),
        case("without-envelopes", "places", "The batch is not followed by its envelopes.", &{
            after(&[caught_up(0x8d, 1, 6)])
        }),
        case("caught-up-15-bytes", "malformed", "Two numbers of eight bytes.", &[small_frame(0x8d, &[0; 15])]),
        case("goes-on", "other-request", "A drain ends when all batches have been sent.", &{
            [&[caught_up(0x8d, 1, 5)], &announced[..]].concat()
        }),
    ]
}
