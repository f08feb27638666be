//! Mirrors that are damaged, or none.

use crate::check::{refused, refused_in_part};
use crate::setting::{Sandbox, TESTIMONY, shared};
use std::fs;
use std::path::PathBuf;

/// Imports a mirror that is damaged; what is refused is told by its file, and code 1 says that it was.
fn imported_in_part(sandbox: &Sandbox, damaged: &str) -> u64 {
    let text = sandbox.desk("import seat-1 mirror-0").outcome().unwrap();
    refused_in_part(&text, 1, &["mirror-0: 1 of the mirror's files were refused", "mirror into a new folder"]);
    assert!(text.stdout.contains(&format!("Refused: {damaged}: ")), "{text:?}");
    let outcome = sandbox.desk("import seat-2 mirror-0 --json").outcome().unwrap();
    let report = outcome.json().expect("one object, although it failed");
    assert_eq!((outcome.code, report["ok"].as_bool()), (Some(1), Some(false)), "{report}");
    assert_eq!(report["refused"].as_array().unwrap().len(), 1, "{report}");
    report["opened"].as_u64().unwrap()
}

/// The file of the last batch in the mirror, from the mirror's folder.
fn last_batch(sandbox: &Sandbox) -> (PathBuf, String) {
    let file = sandbox.installation.files("mirror-0/letters", ".batch").unwrap().pop().unwrap();
    (sandbox.path(&file), file.trim_start_matches("mirror-0/").to_owned())
}

#[test]
fn a_damaged_statement_is_refused_by_its_name_and_the_letters_are_read() {
    for folder in ["statements", "notes", "directories"] {
        let sandbox = Sandbox::new();
        let file = sandbox.installation.files(&format!("mirror-0/{folder}"), ".cbor").unwrap().remove(0);
        fs::write(sandbox.path(&file), "x").unwrap();
        // A directory takes its note with it; another one may still count.
        let name = file.trim_start_matches("mirror-0/");
        if folder == "directories" {
            let outcome = sandbox.desk("import seat-2 mirror-0").outcome().unwrap();
            refused_in_part(&outcome, 1, &["mirror-0: 2 of the mirror's files were refused"]);
            assert!(outcome.stdout.contains(name) && outcome.stdout.contains("1 letters opened"), "{outcome:?}");
        } else {
            assert_eq!(imported_in_part(&sandbox, name), 1);
        }
    }
}

#[test]
fn a_damaged_batch_is_refused_by_its_name_and_a_new_mirror_brings_its_letters() {
    type Damage = fn(&mut Vec<u8>);
    let cut: Damage = |bytes| bytes.truncate(1_000);
    let empty: Damage = Vec::clear;
    let garbage: Damage = |bytes| bytes.fill(0xa5);
    for damage in [cut, empty, garbage] {
        let sandbox = Sandbox::new();
        let (path, name) = last_batch(&sandbox);
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        assert_eq!(imported_in_part(&sandbox, &name), 0);
        sandbox.desk("mirror courier-0 mirror-new").run().unwrap();
        let report = sandbox.desk("import seat-2 mirror-new").json().unwrap();
        // The relay may have got letters of other tests; seat 2 writes in none of them.
        assert!(report["opened"].as_u64() >= Some(1), "{report}");
        assert_eq!(report["alarms"].as_array().unwrap().len(), 0, "{report}");
    }
}

/// A letter that was changed in a mirror cannot be told from one for somebody else.
#[test]
fn a_letter_that_was_changed_is_not_shown_and_a_good_copy_of_it_is() {
    let sandbox = Sandbox::new();
    let (path, _) = last_batch(&sandbox);
    let good = fs::read(&path).unwrap();
    let mut changed = good.clone();
    // In every envelope of 16,256 bytes.
    (good.len() % 16_256 + 8_000..good.len()).step_by(5_000).for_each(|at| changed[at] ^= 1);
    fs::write(&path, changed).unwrap();
    let report = sandbox.desk("import seat-2 mirror-0").outcome().unwrap();
    assert!(!report.stdout.contains("1 letters opened"), "{report:?}");
    fs::write(&path, good).unwrap();
    let report = sandbox.desk("import seat-2 mirror-0").json().unwrap();
    assert_eq!(report["opened"], 1, "{report}");
    let letters = sandbox.desk("list seat-2").json().unwrap();
    let number = letters["letters"][0]["letter"].as_u64().unwrap();
    assert_eq!(sandbox.installation.seat(2).show(number).unwrap()["message"]["text"], TESTIMONY);
}

#[test]
fn a_folder_that_is_no_mirror_is_refused() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("empty")).unwrap();
    let before = sandbox.snapshot("seat-0");
    for (folder, says) in [
        ("nowhere", "No such file or directory"),
        ("testimony.txt", "not a directory"),
        ("empty", "there is nothing of a mirror in this folder"),
        ("office", "there is nothing of a mirror in this folder"),
        ("seat-1", "there is nothing of a mirror in this folder"),
    ] {
        let outcome = sandbox.desk(&format!("import seat-0 {folder}")).outcome().unwrap();
        refused(&outcome, 2, &[&format!("{folder}: {says}"), "Give the folder of a mirror"]);
    }
    assert_eq!(sandbox.snapshot("seat-0"), before);
    assert_eq!(sandbox.installation.seat(0).letters().unwrap()[0]["letter"], shared().letter);
}
