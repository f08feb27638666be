//! Files (section 15).

use super::case::{Case, Value};
use super::cbor::{array, bytes, null, text, uint};
use super::kit::{noise, sha256};
use super::office::{DAY, Directory, EPOCH, Note, Prekey, Roster, SeatKey, statement_hash};
use super::parcel::{Chunk, parcel_secret};

/// Bytes of an envelope.
const ENVELOPE: usize = 16_256;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = bundles();
    cases.extend(wrong_bundles());
    cases.extend(directory_files());
    cases.extend(mirror_names());
    cases
}

/// CDDL `record`.
#[derive(Clone)]
struct Record {
    kind: u64,
    id: Vec<u8>,
    burn_hash: Option<Vec<u8>>,
    envelope: Option<Vec<u8>>,
}

impl Record {
    /// A letter. Nothing in a bundle shows whether somebody can open it.
    fn letter() -> Self {
        let (id, envelope) = (noise("a letter's id", 16), [vec![1, 1], noise("a letter", ENVELOPE - 2)].concat());
        Self { kind: 1, id, burn_hash: None, envelope: Some(envelope) }
    }

    fn chunk() -> Self {
        let chunk = Chunk::any();
        let burn_hash = sha256(&chunk.burn(&parcel_secret())).to_vec();
        Self { kind: 2, id: chunk.id().to_vec(), burn_hash: Some(burn_hash), envelope: Some(chunk.envelope()) }
    }

    fn cbor(&self) -> Vec<u8> {
        let or_null = |content: &Option<Vec<u8>>| content.as_ref().map_or_else(null, |content| bytes(content));
        array(&[uint(self.kind), bytes(&self.id), or_null(&self.burn_hash), or_null(&self.envelope)])
    }
}

fn bundle(records: &[Vec<u8>]) -> Vec<u8> {
    [text("cssr bundle 1"), records.concat()].concat()
}

fn bundles() -> Vec<Case> {
    let ok = |name: &str, comment: &str, records: &[Record]| {
        let cbor: Vec<_> = records.iter().map(Record::cbor).collect();
        let case = Case::ok(&format!("bundle/{name}"), comment).input("bundle", bundle(&cbor));
        records.iter().fold(case, |case, record| {
            case.output("envelope-kind", record.kind)
                .output("id", &record.id)
                .output("burn-hash", record.burn_hash.clone())
                .output("envelope-sha256", record.envelope.as_ref().map(|envelope| sha256(envelope)))
        })
    };
    vec![
        ok("empty", "No envelopes: a bundle all the same.", &[]),
        ok("letter", "One letter.", &[Record::letter()]),
        ok("letter-and-chunk", "A letter and a chunk, which has its burn hash.", &[Record::letter(), Record::chunk()]),
    ]
}

fn wrong_bundles() -> Vec<Case> {
    let no = |name: &str, reason: &str, comment: &str, bundle: Vec<u8>| {
        Case::refused(&format!("bundle/{name}"), reason, comment).input("bundle", bundle)
    };
    let letter = Record::letter().cbor();
    let with = |change: fn(&mut Record)| {
        let mut record = Record::letter();
        change(&mut record);
        bundle(&[record.cbor()])
    };
    let chunk_with = |change: fn(&mut Record)| {
        let mut record = Record::chunk();
        change(&mut record);
        bundle(&[record.cbor()])
    };
    let cut = |by: usize| {
        let mut bundle = bundle(std::slice::from_ref(&letter));
        bundle.truncate(bundle.len() - by);
        bundle
    };
    let long_head = [&text("cssr bundle 1")[..], &[0x98, 4], &letter[1..]].concat();
    let long_magic = [&[0x78, 13][..], b"cssr bundle 1", &letter].concat();
    let headless = letter.clone();
    let extra = array(&[uint(1_u32), bytes(&noise("a letter's id", 16)), null(), null(), null()]);
    vec![
        no("nothing", "not-a-bundle", "No bytes at all.", Vec::new()),
        no("without-header", "not-a-bundle", "A record without the text before it.", headless),
        no("other-version", "not-a-bundle", "Version 2.", [text("cssr bundle 2"), letter.clone()].concat()),
        no("long-header", "not-a-bundle", "The text's length is not the shortest.", long_magic),
        no("half-a-header", "not-a-bundle", "It ends inside the text.", text("cssr bundle 1")[..9].to_vec()),
        no("cut-off", "cut-off", "Its last byte is missing.", cut(1)),
        no("cut-after-array", "cut-off", "It ends after the first byte of a record.", cut(letter.len() - 1)),
        no("long-array", "malformed", "The array's length is not the shortest.", long_head),
        no("five-items", "malformed", "A record of five items.", bundle(&[extra])),
        no("other-kind", "malformed", "There is no kind 3.", with(|r| r.kind = 3)),
        no("short-id", "malformed", "An id of 15 bytes.", with(|r| r.id.truncate(15))),
        no(
            "long-envelope",
            "malformed",
            "An envelope of 16,257 bytes.",
            with(|r| r.envelope.as_mut().unwrap().push(0)),
        ),
        no(
            "short-envelope",
            "malformed",
            "An envelope of 16,255 bytes.",
            with(|r| r.envelope.as_mut().unwrap().truncate(ENVELOPE - 1)),
        ),
        no(
            "letter-with-burn-hash",
            "malformed",
            "Letters cannot be burned.",
            with(|r| r.burn_hash = Some(vec![7; 32])),
        ),
        no("burned-letter", "malformed", "A letter without its envelope.", with(|r| r.envelope = None)),
        no(
            "burned-chunk",
            "malformed",
            "A chunk without its envelope cannot be posted.",
            chunk_with(|r| r.envelope = None),
        ),
        no(
            "chunk-without-burn-hash",
            "malformed",
            "Nor can one whose burn hash is unknown.",
            chunk_with(|r| r.burn_hash = None),
        ),
        no(
            "second-is-wrong",
            "malformed",
            "A right record, then a number: nothing of it is taken.",
            bundle(&[letter, uint(7_u32)]),
        ),
    ]
}

fn directory_files() -> Vec<Case> {
    let roster = Roster::small();
    let directory = Directory::bare(&roster);
    let note = Note::about(&roster, &directory).sign(&roster, &[0, 1]);
    let directory = directory.bytes();
    let file = |magic: &str, items: &[Vec<u8>]| [text(magic), items.concat()].concat();
    let right = file("cssr directory 1", &[bytes(&directory), bytes(&note)]);
    let no = |name: &str, comment: &str, file: Vec<u8>| {
        Case::refused(&format!("directory-file/{name}"), "malformed", comment).input("file", file)
    };
    let swapped = file("cssr directory 1", &[bytes(&vec![0; 4_097]), bytes(&note)]);
    let large_note = file("cssr directory 1", &[bytes(&directory), bytes(&vec![0; 4_097])]);
    vec![
        Case::ok("directory-file/usual", "A directory and the note that names it.")
            .input("file", &right)
            .output("directory", &directory)
            .output("note", &note),
        Case::ok(
            "directory-file/not-looked-into",
            "What the byte strings hold is judged afterwards: here the directory is none.",
        )
        .input("file", swapped)
        .output("directory", vec![0; 4_097])
        .output("note", &note),
        no("nothing", "No bytes at all.", Vec::new()),
        no("other-version", "Version 2.", file("cssr directory 2", &[bytes(&directory), bytes(&note)])),
        no("without-note", "The note is missing.", file("cssr directory 1", &[bytes(&directory)])),
        no(
            "not-byte-strings",
            "The statements themselves instead of byte strings.",
            file("cssr directory 1", &[directory.clone(), note.clone()]),
        ),
        no("trailing", "A byte after the end.", [&right[..], &[0]].concat()),
        no("cut-off", "The last byte is missing.", right[..right.len() - 1].to_vec()),
        no("large-note", "A note of more than 4,096 bytes.", large_note),
        no(
            "as-array",
            "An array instead of a sequence.",
            array(&[text("cssr directory 1"), bytes(&directory), bytes(&note)]),
        ),
    ]
}

fn mirror_names() -> Vec<Case> {
    let roster = Roster::small();
    let directory = Directory::bare(&roster);
    let short = |hash: [u8; 32]| hash[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let ok =
        |name: &str, comment: &str, kind: &str| Case::ok(&format!("mirror-name/{name}"), comment).input("kind", kind);
    let statement = |kind: &'static str, comment: &str, content: Vec<u8>| {
        let name = format!("statements/{kind}-{}.cbor", short(statement_hash(&content)));
        ok(kind, comment, kind).input("content", content).output("name", name)
    };
    let note = |name: &str, comment: &str, serial: u64| {
        let content = Note { serial, ..Note::about(&roster, &directory) }.sign(&roster, &[0, 1]);
        let path = format!("notes/{DAY:010}-{serial:010}-{}.cbor", short(statement_hash(&content)));
        ok(name, comment, "note")
            .input("content", content)
            .input("day", DAY)
            .input("serial", serial)
            .output("name", path)
    };
    let batch = |name: &str, comment: &str, kind: &str, number: u64| {
        ok(name, comment, kind).input("number", number).output("name", format!("{kind}/{number:010}.batch"))
    };
    // A name of a batch is read too, when a mirror is imported.
    let no = |name: &str, comment: &str, file: &str| {
        let case = Case::refused(&format!("mirror-name/{name}"), "no-batch-name", comment);
        case.input("kind", "batch file").input("file-name", Value::from(file))
    };
    let directory_name = format!("directories/{}.cbor", short(directory.hash()));
    let prekey = Prekey::of(&roster, 0, 0, EPOCH).sign(&roster);
    vec![
        statement("roster", "A roster.", roster.sign()),
        statement("seat-key", "A seat key.", SeatKey::of(&roster, 0, 0).sign(&roster)),
        statement("prekey", "A prekey.", prekey),
        ok("directory", "A directory.", "directory").input("content", directory.bytes()).output("name", directory_name),
        note("note", "A note.", 7),
        note("note-large-serial", "A serial of more than ten digits.", 12_345_678_901),
        batch("letters", "The first batch of letters.", "letters", 1),
        batch("chunks", "A batch of chunks.", "chunks", 4_711),
        batch("eleven-digits", "A number that needs eleven digits.", "letters", 12_345_678_901),
        no("batch-zero", "No batch has the number 0.", "0000000000.batch"),
        no("few-digits", "Without leading zeros.", "42.batch"),
        no("many-digits", "One zero too many.", "00000000042.batch"),
        no("plus", "A sign.", "+000000042.batch"),
        no("not-ascii", "Arabic-Indic digits.", "٠٠٠٠٠٠٠٠٤٢.batch"),
        no("hidden", "A file that is still being written.", ".0000000042.batch"),
        no("other-ending", "Another ending.", "0000000042.cbor"),
        no("too-large", "More than 64 bits.", "18446744073709551616.batch"),
    ]
}
