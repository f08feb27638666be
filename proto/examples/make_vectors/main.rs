//! Writes the test vectors of `testdata/cssr`: `cargo run -p cssr-proto --example make_vectors`.
//!
//! It uses nothing of `cssr-proto`: every byte is put together again from the primitives, as docs/protocol.md says.
//! All keys and random values follow from fixed texts, so that it always writes the same files; a test sees to that.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a tool for developers"
)]

mod all;

use std::fs;
use std::path::Path;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/cssr");
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("the old vectors can be removed");
    }
    let cases = all::cases();
    for case in &cases {
        let file = folder.join(case.path());
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder can be made");
        fs::write(&file, case.render()).expect("a file can be written");
    }
    println!("{} vectors", cases.len());
}
