//! Requests (section 12.2).

use super::case::Case;
use super::frame::{ENVELOPE, Frame, Large};
use super::kit::{Key, noise, seed, sha256};
use super::office::DAY;
use super::parcel::{Chunk, parcel_secret};
use super::publication;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = accepted();
    cases.extend(wrong_small());
    cases.extend(wrong_posts());
    cases.extend(wrong_publications());
    cases
}

/// The number that every request here has.
const NUMBER: u16 = 0x0102;

fn given(case: Case, frames: &[Frame]) -> Case {
    case.inputs("frame", frames.iter().map(Frame::plain))
}

fn small(kind: u8, payload: &[u8]) -> Vec<Frame> {
    vec![Frame::small(kind, NUMBER, payload)]
}

/// The ids of some chunks.
pub(crate) fn id(n: usize) -> [u8; 16] {
    *seed(&format!("the id of chunk {n}")).first_chunk().unwrap()
}

/// The fields of a post of a letter.
fn letter() -> Large {
    Large {
        id: *seed("the id of a posted letter").first_chunk().unwrap(),
        kind: 1,
        effort: 30,
        nonce: *seed("the nonce of a posted letter").first_chunk().unwrap(),
        solution: *seed("the solution of a posted letter").first_chunk().unwrap(),
        ..Large::default()
    }
}

/// The fields of a post of a chunk that an earlier one has paid for.
fn chunk() -> Large {
    let chunk = Chunk::any();
    Large { id: chunk.id(), kind: 2, burn_hash: sha256(&chunk.burn(&parcel_secret())), ..Large::default() }
}

fn envelope() -> Vec<u8> {
    noise("a posted envelope", ENVELOPE)
}

fn post(large: Large) -> Vec<Frame> {
    vec![Frame::large(0x05, NUMBER, large, &envelope())]
}

fn accepted() -> Vec<Case> {
    let ok = |name: &str, comment: &str, kind: &str, frames: &[Frame]| {
        given(Case::ok(&format!("request/{name}"), comment), frames)
            .output("kind", kind)
            .output("request", u32::from(NUMBER))
    };
    let empty = |kind: u8, name: &str| ok(&name.replace(' ', "-"), "It has no payload.", name, &small(kind, &[]));
    let posted = |name: &str, comment: &str, large: &Large| {
        ok(name, comment, "post", &post(large.clone()))
            .output("id", large.id)
            .output("envelope-kind", u32::from(large.kind))
            .output("burn-hash", (large.kind == 2).then_some(large.burn_hash))
            .output("effort", large.effort)
            .output("nonce", large.nonce)
            .output("solution", large.solution)
            .output("envelope", envelope())
    };
    let have = |name: &str, comment: &str, count: usize| {
        let ids: Vec<_> = (0..count).map(id).collect();
        ok(name, comment, "have", &small(0x06, &ids.concat())).outputs("id", ids)
    };
    let batches = |name: &str, comment: &str, kind: u8, letters: u64, chunks: u64| {
        let frames = small(kind, &[letters.to_be_bytes(), chunks.to_be_bytes()].concat());
        ok(name, comment, name, &frames).output("letter-batch", letters).output("chunk-batch", chunks)
    };
    let day_and_group = [DAY.to_be_bytes(), 7_u32.to_be_bytes()].concat();
    let (burn, hash): (Key, Key) = (Chunk::any().burn(&parcel_secret()), seed("the hash of a directory"));
    let signature = noise("a courier's signature", 64);
    vec![
        empty(0x01, "directory"),
        empty(0x02, "note"),
        ok("index", "The index of a day.", "index", &small(0x03, &DAY.to_be_bytes())).output("day", DAY),
        ok("group", "A group of a day.", "group", &small(0x04, &day_and_group))
            .output("day", DAY)
            .output("group", 7_u64),
        posted("post-letter", "A letter with postage.", &letter()),
        posted("post-chunk", "A chunk without postage.", &chunk()),
        have("have", "Two chunks.", 2),
        have("have-31", "As many ids as fit.", 31),
        ok("fetch", "A chunk.", "fetch", &small(0x07, &id(0))).output("id", id(0)),
        ok("burn", "A chunk is burned.", "burn", &small(0x08, &[&Chunk::any().id()[..], &burn].concat()))
            .output("id", Chunk::any().id())
            .output("burn", burn),
        ok("publish", "A roster.", "publish", &Frame::cut(0x09, NUMBER, &publication::of_roster()))
            .output("publication", publication::of_roster()),
        empty(0x0a, "statements"),
        empty(0x0b, "notes"),
        ok("courier", "Courier 7.", "courier", &small(0x0c, &[&[7][..], &signature].concat()))
            .output("courier", 7_u64)
            .output("signature", &signature),
        batches("drain", "From given batches on.", 0x0d, 1, u64::MAX),
        batches("watch", "From given batches on.", 0x0e, 18, 3),
        ok("directory-by-hash", "A directory by its hash.", "directory by hash", &small(0x0f, &hash))
            .output("hash", hash),
    ]
}

fn no(name: &str, comment: &str, frames: &[Frame]) -> Case {
    given(Case::refused(&format!("request/{name}"), "malformed", comment), frames)
}

fn wrong_small() -> Vec<Case> {
    let case = |name: &str, comment: &str, kind: u8, payload: &[u8]| no(name, comment, &small(kind, payload));
    let unknown = |name: &str, comment: &str, kind: u8| {
        given(Case::refused(&format!("request/{name}"), "unknown-request", comment), &small(kind, &[]))
    };
    let day = DAY.to_be_bytes();
    let in_two = Frame { parts: 2, ..Frame::small(0x01, NUMBER, &[]) };
    vec![
        unknown("kind-0", "Kinds are counted from 1.", 0x00),
        unknown("kind-16", "A kind that does not exist yet.", 0x10),
        unknown("kind-of-an-answer", "The kind of an answer.", 0x81),
        unknown("kind-of-an-error", "The kind of an error.", 0xff),
        case("directory-with-payload", "It has no payload.", 0x01, &[0]),
        case("notes-with-payload", "It has no payload.", 0x0b, &day),
        no("directory-in-two-parts", "A request of a small frame has one part.", &[in_two]),
        no("note-large", "Its frame is small.", &[Frame::large(0x02, NUMBER, Large::default(), &[])]),
        case("index-3-bytes", "A day has four bytes.", 0x03, &day[1..]),
        case("index-5-bytes", "A byte follows the day.", 0x03, &[&day[..], &[0]].concat()),
        case("index-day-3", "Days before 1970-01-05 are not valid.", 0x03, &3_u32.to_be_bytes()),
        case("group-without-number", "A day and no group.", 0x04, &day),
        case("group-day-3", "Days before 1970-01-05 are not valid.", 0x04, &[0, 0, 0, 3, 0, 0, 0, 0]),
        case("have-none", "One id at least.", 0x06, &[]),
        case("have-part-of-an-id", "31 bytes of ids.", 0x06, &[id(0), id(1)].concat()[..31]),
        case("fetch-15-bytes", "An id has 16 bytes.", 0x07, &id(0)[1..]),
        case("fetch-two", "One id only.", 0x07, &[id(0), id(1)].concat()),
        case("burn-without-key", "An id and no key.", 0x08, &id(0)),
        case("burn-49-bytes", "A byte follows the key.", 0x08, &[0; 49]),
        case("courier-64-bytes", "A signature and no number.", 0x0c, &noise("a courier's signature", 64)),
        case("courier-66-bytes", "A byte follows the signature.", 0x0c, &[0; 66]),
        case("drain-8-bytes", "The batch of chunks is missing.", 0x0d, &1_u64.to_be_bytes()),
        case("watch-17-bytes", "A byte follows.", 0x0e, &[0; 17]),
        case("directory-by-hash-16-bytes", "A hash has 32 bytes.", 0x0f, &[0; 16]),
    ]
}

fn wrong_posts() -> Vec<Case> {
    let case = |name: &str, comment: &str, edit: &dyn Fn(&mut Frame)| {
        let mut frames = post(letter());
        edit(&mut frames[0]);
        no(&format!("post-{name}"), comment, &frames)
    };
    let large = |name: &str, comment: &str, edit: &dyn Fn(&mut Large)| {
        case(name, comment, &|frame| edit(frame.large.as_mut().unwrap()))
    };
    vec![
        no("post-small", "Its frame is large.", &small(0x05, &[])),
        case("short-envelope", "An envelope of 16,255 bytes.", &|frame| frame.payload.truncate(ENVELOPE - 1)),
        case("in-two-parts", "An envelope is one frame.", &|frame| frame.parts = 2),
        large("kind-0", "Neither a letter nor a chunk.", &|large| large.kind = 0),
        large("present", "Nothing is present yet.", &|large| large.present = 1),
        large("letter-with-burn-hash", "Letters are not burned.", &|large| large.burn_hash = chunk().burn_hash),
    ]
}

fn wrong_publications() -> Vec<Case> {
    let right = Frame::cut(0x09, NUMBER, &publication::of_roster());
    let fields = Frame::cut_with(0x09, NUMBER, &Large { id: id(0), ..Large::default() }, &publication::of_roster());
    let long = Frame { parts: 2, payload: noise("the first part of a publication", ENVELOPE), ..right[0].clone() };
    vec![
        no("publish-small", "Its frames are large.", &small(0x09, &publication::of_roster()[..400])),
        no("publish-with-id", "Its frames have no id.", &fields),
        no("publish-malformed", "It is no CDDL `publication`.", &Frame::cut(0x09, NUMBER, &[0x80])),
        no("publish-empty", "No bytes.", &Frame::cut(0x09, NUMBER, &[])),
        no("publish-interrupted", "Another request among its frames.", &[long, Frame::small(0x02, NUMBER + 1, &[])]),
    ]
}
