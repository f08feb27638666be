//! Runs every vector of `testdata/cssr`; `testdata/README.md` describes them.
//!
//! The vectors are made without `cssr-proto` (`examples/make_vectors`), so the two check each other. Where a vector
//! names a value on the way, which the library does not show, the test computes it again from the bare primitives.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests"
)]

mod answer;
mod card;
mod case;
mod clue;
mod directory;
mod file;
mod frame;
mod index;
mod letter;
#[path = "../../examples/make_vectors/all/mod.rs"]
mod make;
mod message;
mod note;
mod parcel;
mod postage;
mod primitives;
mod publication;
mod request;
mod roster;
mod seat;
mod session;
mod source;

use case::Case;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Runs one vector: `Ok` if what it gives is accepted, else the name of the refusal. It reads every `in` field before
/// it decides, and every other one once it has accepted.
type Check = fn(&Case) -> Outcome;
type Outcome = Result<(), &'static str>;

const STRUCTURES: &[(&str, Check)] = &[
    ("answer", answer::answer),
    ("batch", index::batch),
    ("bookmark", parcel::bookmark),
    ("bundle", file::bundle),
    ("burn", parcel::burn),
    ("card", card::card),
    ("chunk", parcel::chunk),
    ("clue", clue::clue),
    ("contact", source::contact),
    ("courier-request", seat::courier_request),
    ("courier-session", seat::courier_session),
    ("directory", directory::directory),
    ("directory-assembly", directory::assembly),
    ("directory-file", file::directory_file),
    ("frame", frame::frame),
    ("handshake-client", session::client),
    ("handshake-relay", session::relay),
    ("letter", letter::letter),
    ("letter-name", source::letter_name),
    ("lineage", card::lineage),
    ("message", message::message),
    ("mirror-name", file::mirror_name),
    ("note", note::note),
    ("notes", publication::notes),
    ("padme", parcel::padding),
    ("parts", frame::parts),
    ("passphrase", source::passphrase),
    ("postage", postage::postage),
    ("prekey", seat::prekey),
    ("publication", publication::publication),
    ("request", request::request),
    ("roster", roster::roster),
    ("seat-key", seat::seat_key),
    ("seat-request", seat::seat_request),
    ("source-keys", source::source_keys),
    ("statements", publication::statements),
    ("succession", roster::succession),
    ("transport", session::transport),
    ("trust", note::trusted),
    ("window", index::window),
];

/// The files by their path below `testdata/cssr`.
fn files() -> BTreeMap<String, String> {
    fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
            if entry.file_type().unwrap().is_dir() {
                collect(&entry.path(), &format!("{name}/"), files);
            } else {
                files.insert(name, fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/cssr"), "", &mut files);
    files
}

#[test]
fn every_vector_has_the_outcome_that_it_names() {
    let checks: BTreeMap<&str, Check> = STRUCTURES.iter().copied().collect();
    let (mut outcomes, mut structures) = (BTreeMap::<String, usize>::new(), BTreeSet::new());
    for (path, text) in files() {
        let case = Case::read(&path, &text);
        let check = checks.get(case.structure()).unwrap_or_else(|| panic!("{path}: unknown structure"));
        let outcome = match check(&case) {
            Ok(()) => "ok".to_owned(),
            Err(reason) => format!("refused {reason}"),
        };
        assert_eq!(outcome, case.outcome(), "{path}");
        case.assert_all_read();
        structures.insert(case.structure().to_owned());
        *outcomes.entry(if outcome == "ok" { "ok" } else { "refused" }.to_owned()).or_default() += 1;
    }
    assert!(STRUCTURES.iter().all(|(structure, _)| structures.contains(*structure)), "a structure without a vector");
    assert_eq!(outcomes, BTreeMap::from([("ok".to_owned(), ACCEPTED), ("refused".to_owned(), REFUSED)]));
}

/// How many vectors are accepted and refused, so that none disappears unnoticed.
const ACCEPTED: usize = 223;
const REFUSED: usize = 654;
const _: () = assert!(REFUSED >= 60);

#[test]
fn the_files_are_what_the_maker_writes() {
    let made: BTreeMap<String, String> = make::cases().into_iter().map(|case| (case.path(), case.render())).collect();
    let files = files();
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&files), names(&made), "run `cargo run -p cssr-proto --example make_vectors`");
    for (path, text) in &made {
        assert!(files[path] == *text, "{path}: run `cargo run -p cssr-proto --example make_vectors`");
    }
}

#[test]
fn the_protocol_names_the_vectors_of_every_structure() {
    let protocol = include_str!("../../../docs/protocol.md");
    let lines: String = protocol.lines().filter(|line| line.starts_with("*Vectors:*")).collect();
    for (structure, _) in STRUCTURES {
        assert!(lines.contains(&format!("(../proto/testdata/cssr/{structure})")), "{structure}");
    }
}

#[test]
fn the_readme_names_every_structure_reason_and_field() {
    let readme = include_str!("../../testdata/README.md");
    let named: BTreeSet<&str> = readme.split('`').skip(1).step_by(2).collect();
    for (path, text) in files() {
        let case = Case::read(&path, &text);
        let reason = case.outcome().strip_prefix("refused ").unwrap_or("ok").to_owned();
        for name in case.field_names().chain([case.structure().to_owned(), reason]) {
            assert!(named.contains(name.as_str()), "{path}: the README does not name `{name}`");
        }
    }
}
