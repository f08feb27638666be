//! Known answers that others published, run on the very crates the protocol is built from, so that an update of a
//! dependency that changes behaviour is found. Origins and licences: `testdata/published/README.md`.
//!
//! Every test says how many cases it must have executed: a file that shrank or was skipped fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod argon2id;
mod chacha;
mod ed25519;
mod hashes;
mod hpke_xwing;
mod mlkem;
mod noise;
mod support;
mod x25519;
mod xwing;

use std::collections::BTreeMap;

#[test]
fn the_vector_files_are_the_published_ones_and_no_others() {
    let expected: BTreeMap<String, String> = support::read("SHA256SUMS")
        .lines()
        .map(|line| line.split_once("  ").expect("`hash  name` on each line"))
        .map(|(hash, name)| (name.to_owned(), hash.to_owned()))
        .collect();
    let found: BTreeMap<String, String> = std::fs::read_dir(support::DIRECTORY)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .map(|name| {
            let hash = cssr_proto::sha256(support::read(&name).as_bytes());
            (name, hash.iter().map(|byte| format!("{byte:02x}")).collect())
        })
        .collect();
    assert_eq!(found, expected);
    assert_eq!(found.len(), 11);
}
