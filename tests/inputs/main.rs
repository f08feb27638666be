#![doc = include_str!("README.md")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests"
)]

mod bundles;
mod card;
mod check;
mod dates;
mod desk;
mod disk;
mod folders;
mod living;
mod mirrors;
mod output;
mod passphrase;
mod relay;
mod rosters;
mod seats;
mod setting;
mod text;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names of the tests in the files beside this one, as the table writes them.
fn tests() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inputs");
    let mut tests = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for pair in
            lines.windows(2).filter(|pair| pair[0].starts_with("#[test]") || pair[0].starts_with("#[tokio::test"))
        {
            let name = pair[1].split("fn ").nth(1).unwrap().split('(').next().unwrap();
            tests.insert(format!("{module}::{name}"));
        }
    }
    tests
}

#[test]
fn each_row_of_the_table_names_a_test_and_each_test_has_a_row() {
    let table = include_str!("README.md");
    let rows = table.lines().filter_map(|line| line.strip_suffix("` |")?.rsplit_once('`'));
    let rows: BTreeSet<String> = rows.map(|(_, name)| name.to_owned()).collect();
    let tests: BTreeSet<String> =
        tests().into_iter().filter(|name| !name.starts_with("desk::") && !name.starts_with("main::")).collect();
    assert_eq!(rows, tests);
    assert!(rows.len() > 50);
}
