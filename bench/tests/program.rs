//! The program as scripts use it. How fast anything is, is not tested.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests"
)]

use serde_json::Value;
use std::process::{Command, Output};

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cssr-bench")).args(arguments).output().unwrap()
}

/// The lines of output, each of which must be an object with exactly the five keys, of the right kinds.
fn figures(arguments: &[&str]) -> Vec<Value> {
    let output = bench(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let figures: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for figure in &figures {
        let keys: Vec<&str> = figure.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["goal", "holds", "name", "unit", "value"], "{figure}");
        assert!(figure["value"].as_f64().is_some_and(|value| value > 0.0), "{figure}");
        assert!(figure["unit"].is_string(), "{figure}");
        // Some goals are limits.
        let limit = ["store.write_amplification", "store.churn"].iter().any(|name| figure["name"] == *name);
        let goal = figure["goal"].as_f64().map(|goal| (figure["value"].as_f64().unwrap(), goal));
        let holds = goal.map(|(value, goal)| if limit { value <= goal } else { value >= goal });
        assert_eq!(figure["holds"].as_bool(), holds, "{figure}");
    }
    figures
}

fn goal_of(figures: &[Value], name: &str) -> Option<f64> {
    let figure = figures.iter().find(|figure| figure["name"] == name);
    figure.unwrap_or_else(|| panic!("{name} is missing"))["goal"].as_f64()
}

#[test]
fn open_prints_its_ratio_with_the_goal_and_the_rates_beside_it() {
    let figures = figures(&["open", "--letters", "50", "--rounds", "2", "--json"]);
    assert_eq!(goal_of(&figures, "open.ratio"), Some(0.85));
    for name in
        ["open.ratio.long", "open.rate", "open.bare_rate", "open.time", "open.bare_time", "open.every_prekey.rate"]
    {
        assert_eq!(goal_of(&figures, name), None);
    }
}

#[test]
fn seal_prints_its_ratio_with_the_goal_and_the_time_from_a_passphrase() {
    let figures = figures(&["seal", "--letters", "6", "--rounds", "2", "--json"]);
    assert_eq!(goal_of(&figures, "seal.ratio"), Some(0.8));
    for name in ["seal.ratio.short", "seal.ratio.page", "seal.ratio.long", "seal.argon2id", "seal.from_passphrase"] {
        assert_eq!(goal_of(&figures, name), None);
    }
}

#[test]
fn fewer_letters_than_sizes_of_text_give_no_figure_without_a_value() {
    let figures = figures(&["open", "seal", "--letters", "1", "--rounds", "1", "--json"]);
    assert!(figures.iter().any(|figure| figure["name"] == "open.ratio"));
    assert!(figures.iter().any(|figure| figure["name"] == "seal.ratio"));
    assert!(!figures.iter().any(|figure| figure["name"] == "open.ratio.page"));
}

#[test]
fn the_store_is_printed_beside_what_the_disk_does_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().to_str().unwrap();
    let all = figures(&["relay", "--part", "store", "--seconds", "0.05", "--rounds", "1", "--folder", path, "--json"]);
    assert_eq!(goal_of(&all, "store.ratio"), Some(0.8));
    for name in ["disk.append.64", "disk.pattern.64", "store.rate.1", "store.rate.64", "store.per_sync.64"] {
        assert_eq!(goal_of(&all, name), None);
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_folder_in_memory_is_no_disk() {
    let output = bench(&["relay", "--part", "store", "--folder", "/dev/shm"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--folder"));
}

#[test]
fn an_unknown_name_and_no_letters_are_wrong_usage() {
    for arguments in [&["fly"][..], &["open", "--letters", "0"], &["open", "--rounds", "0"]] {
        let output = bench(arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
    }
}
