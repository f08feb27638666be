//! What is published, and what the relay tells of it (sections 12.2 and 14).

use super::case::Case;
use super::cbor::{array, bytes, null, uint};
use super::office::{Directory, EPOCH, Note, Prekey, Roster, SeatKey};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = publications();
    cases.extend(wrong_publications());
    cases.extend(lists());
    cases.extend(wrong_lists());
    cases
}

/// What an office has published.
struct Published {
    roster: Vec<u8>,
    seat_keys: Vec<Vec<u8>>,
    prekeys: Vec<Vec<u8>>,
    directory: Vec<u8>,
    note: Vec<u8>,
    proposed: Vec<u8>,
}

impl Published {
    fn usual() -> Self {
        let roster = Roster::small();
        let seat_keys = [0, 1].map(|seat| SeatKey::of(&roster, 0, seat).sign(&roster)).to_vec();
        let prekeys = vec![Prekey::of(&roster, 0, 0, EPOCH).sign(&roster)];
        let directory = Directory { roster: roster.sign(), seat_keys, prekeys };
        let note = Note::about(&roster, &directory);
        let proposed = Note { serial: note.serial + 1, ..note.clone() };
        Self {
            roster: roster.sign(),
            directory: directory.bytes(),
            note: note.sign(&roster, &[0, 1]),
            proposed: proposed.sign(&roster, &[1]),
            seat_keys: directory.seat_keys,
            prekeys: directory.prekeys,
        }
    }

    fn seat_statements(&self) -> Vec<Vec<u8>> {
        [self.seat_keys.clone(), self.prekeys.clone()].concat()
    }
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    array(&items.iter().map(|item| bytes(item)).collect::<Vec<_>>())
}

fn note_publication(note: &[u8], directory: Option<&[u8]>) -> Vec<u8> {
    array(&[uint(3_u32), bytes(note), directory.map_or_else(null, bytes)])
}

/// CDDL `publication` of a roster.
pub(crate) fn of_roster() -> Vec<u8> {
    array(&[uint(1_u32), bytes(&Published::usual().roster)])
}

/// CDDL `statements`.
pub(crate) fn statements() -> Vec<u8> {
    let published = Published::usual();
    array(&[bytes(&published.roster), list(&published.seat_keys), list(&published.prekeys)])
}

/// CDDL `notes`.
pub(crate) fn notes() -> Vec<u8> {
    let published = Published::usual();
    array(&[list(&[published.note]), list(&[published.proposed])])
}

fn publications() -> Vec<Case> {
    let usual = Published::usual();
    let ok = |name: &str, comment: &str, kind: &str, publication: &[u8]| {
        Case::ok(&format!("publication/{name}"), comment).input("publication", publication).output("kind", kind)
    };
    let seats = usual.seat_statements();
    let sixteen = vec![usual.seat_keys.clone(); 8].concat();
    let with_directory = note_publication(&usual.note, Some(&usual.directory));
    vec![
        ok("roster", "A roster.", "roster", &of_roster()).output("roster", &usual.roster),
        ok("seat-statements", "Two seat keys and a prekey.", "seat statements", &array(&[uint(2_u32), list(&seats)]))
            .outputs("seat-statement", &seats),
        ok(
            "sixteen",
            "As many statements of seats as one publication holds, some twice.",
            "seat statements",
            &array(&[uint(2_u32), list(&sixteen)]),
        )
        .outputs("seat-statement", &sixteen),
        ok("note", "A note with its directory.", "note", &with_directory)
            .output("note", &usual.note)
            .output("directory", &usual.directory),
        ok(
            "note-alone",
            "A note whose directory the relay holds already.",
            "note",
            &note_publication(&usual.note, None),
        )
        .output("note", &usual.note)
        .output("directory", None::<&[u8]>),
    ]
}

fn no(structure: &'static str, name: &str, comment: &str, value: &[u8]) -> Case {
    Case::refused(&format!("{structure}/{name}"), "malformed", comment).input(structure, value)
}

fn wrong_publications() -> Vec<Case> {
    let usual = Published::usual();
    let case = |name: &str, comment: &str, publication: &[u8]| no("publication", name, comment, publication);
    let (roster, note) = (of_roster(), note_publication(&usual.note, None));
    let seventeen = vec![usual.seat_keys[0].clone(); 17];
    vec![
        case("nothing", "No bytes.", &[]),
        case("kind-0", "Kinds are counted from 1.", &array(&[uint(0_u32), bytes(&usual.roster)])),
        case("kind-4", "A kind that does not exist yet.", &array(&[uint(4_u32), bytes(&usual.roster)])),
        case(
            "roster-with-null",
            "A roster has no directory, not even none.",
            &array(&[uint(1_u32), bytes(&usual.roster), null()]),
        ),
        case(
            "note-without-null",
            "A note is followed by a directory or null.",
            &array(&[uint(3_u32), bytes(&usual.note)]),
        ),
        case("no-statements", "One statement at least.", &array(&[uint(2_u32), list(&[])])),
        case("seventeen", "Sixteen statements at most.", &array(&[uint(2_u32), list(&seventeen)])),
        case("seat-statement-2049", "A statement of 2,049 bytes.", &array(&[uint(2_u32), list(&[vec![0; 2_049]])])),
        case("note-4097", "A note of 4,097 bytes.", &note_publication(&[0; 4_097], None)),
        case("bytes-after-the-end", "A byte follows.", &[&roster[..], &[0]].concat()),
        case("indefinite", "An array of indefinite length.", &[&[0x9f][..], &note[1..], &[0xff]].concat()),
        case("long-integer", "The kind in two bytes instead of one.", &[&[0x82, 0x18][..], &roster[1..]].concat()),
        case("text", "The roster as a text string.", &{
            let mut text = roster.clone();
            text[2] |= 0x20;
            text
        }),
    ]
}

fn lists() -> Vec<Case> {
    let usual = Published::usual();
    let empty = array(&[null(), list(&[]), list(&[])]);
    vec![
        Case::ok("statements/usual", "A roster, two seat keys and a prekey.")
            .input("statements", statements())
            .output("roster", &usual.roster)
            .outputs("seat-key", &usual.seat_keys)
            .outputs("prekey", &usual.prekeys),
        Case::ok("statements/none", "Nothing has been published.")
            .input("statements", empty)
            .output("roster", None::<&[u8]>),
        Case::ok("notes/usual", "A valid note and a proposed one.")
            .input("notes", notes())
            .output("valid", &usual.note)
            .output("proposed", &usual.proposed),
        Case::ok("notes/none", "Nothing has been published.").input("notes", array(&[list(&[]), list(&[])])),
    ]
}

fn wrong_lists() -> Vec<Case> {
    let usual = Published::usual();
    let (statements, notes) = (statements(), notes());
    let without_roster = |lists: &[Vec<u8>]| array(&[&[null()], lists].concat());
    vec![
        no("statements", "two-items", "The prekeys are missing.", &without_roster(&[list(&usual.seat_keys)])),
        no("statements", "seat-key-2049", "A seat key of 2,049 bytes.", &{
            without_roster(&[list(&[vec![0; 2_049]]), list(&[])])
        }),
        no("statements", "roster-65537", "A roster of 65,537 bytes.", &{
            array(&[bytes(&vec![0; 65_537]), list(&[]), list(&[])])
        }),
        no("statements", "bytes-after-the-end", "A byte follows.", &[&statements[..], &[0]].concat()),
        no("notes", "three-items", "An item more than the CDDL has.", &[&[0x83][..], &notes[1..], &[0x80]].concat()),
        no("notes", "note-4097", "A note of 4,097 bytes.", &array(&[list(&[vec![0; 4_097]]), list(&[])])),
        no("notes", "list-cut-off", "A list that claims to hold 2^64 - 1 notes.", &{
            [&[0x82, 0x9b][..], &[0xff; 8]].concat()
        }),
        no("notes", "bytes-after-the-end", "A byte follows.", &[&notes[..], &[0]].concat()),
    ]
}
