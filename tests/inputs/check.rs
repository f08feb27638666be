//! What everybody may expect of a program that was given something wrong.

use cssr_installation::{Outcome, STAFF_PASSPHRASE};

/// It ended with this code, in peace; it printed nothing and said one thing that failed, with these words in it, and one
/// thing to do; and it did not repeat the staff's passphrase.
pub fn refused(outcome: &Outcome, code: i32, words: &[&str]) {
    complained(outcome, code, words);
    assert_eq!(outcome.stdout, "", "{}", outcome.command);
}

/// The same after a report of what could be done.
pub fn refused_in_part(outcome: &Outcome, code: i32, words: &[&str]) {
    complained(outcome, code, words);
    assert_ne!(outcome.stdout, "", "{}", outcome.command);
}

/// It did not accept its command line, and says which word of it.
pub fn misused(outcome: &Outcome, words: &[&str]) {
    ended(outcome, 2, words);
    assert!(outcome.stderr.starts_with("error: "), "{outcome:?}");
    assert!(outcome.stderr.contains("--help"), "{outcome:?}");
}

fn complained(outcome: &Outcome, code: i32, words: &[&str]) {
    ended(outcome, code, words);
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    let [error, help] = lines[..] else { panic!("{} lines: {outcome:?}", lines.len()) };
    assert!(error.starts_with("error: ") && help.starts_with("help: "), "{outcome:?}");
}

fn ended(outcome: &Outcome, code: i32, words: &[&str]) {
    assert_eq!(outcome.code, Some(code), "{outcome:?}");
    for word in words {
        assert!(outcome.stderr.contains(word), "{word:?} is missing: {outcome:?}");
    }
    assert!(!outcome.stderr.contains("panicked"), "{outcome:?}");
    keeps(outcome, STAFF_PASSPHRASE);
}

/// It says nothing of a secret.
pub fn keeps(outcome: &Outcome, secret: &str) {
    for said in [&outcome.stdout, &outcome.stderr] {
        assert!(!said.contains(secret), "a secret is repeated: {outcome:?}");
    }
}

/// It says no two words of a passphrase beside each other. One alone may well be a word that it uses.
pub fn keeps_words(outcome: &Outcome, passphrase: &str) {
    let words: Vec<&str> = passphrase.split_whitespace().collect();
    words.windows(2).for_each(|pair| keeps(outcome, &pair.join(" ")));
}
