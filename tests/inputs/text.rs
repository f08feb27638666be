//! Texts, from files and from standard input: a source's testimony and a seat's reply.

use crate::check::{keeps, refused};
use crate::setting::{Sandbox, shared};
use cssr_installation::Call;

const MEGABYTE: usize = 1_000_000;

/// The text in a file, and on standard input, for each program that takes one. The passphrase comes on standard input in
/// the first case and so from a file in the second.
fn every_way<'a>(sandbox: &'a Sandbox, text: &'a [u8]) -> impl Iterator<Item = Call> + 'a {
    sandbox.write("text", text);
    sandbox.write("source.words", &shared().passphrase);
    sandbox.write("staff.words", cssr_installation::STAFF_PASSPHRASE);
    let reply = format!("reply seat-0 {}", shared().letter);
    let from_file = [sandbox.source("send").args(["--desk", "0", "text"]), sandbox.desk(&reply).args(["text"])];
    let card = sandbox.installation.card().unwrap();
    let sh = |script: String| sandbox.shell(&script).stdin(text);
    let from_stdin = [
        sh(format!("cssr-source send '{card}' --desk 0 --passphrase-fd 3 3<source.words")),
        sh(format!("cssr-desk {reply} - --passphrase-fd 3 3<staff.words")),
    ];
    from_file.into_iter().chain(from_stdin)
}

/// Every way of giving it is refused with these words, and seat and relay have nothing new.
fn is_refused(text: &[u8], words: &[&str]) {
    let sandbox = Sandbox::new();
    let before = sandbox.snapshot("seat-0");
    for call in every_way(&sandbox, text) {
        let outcome = call.outcome().unwrap();
        refused(&outcome, 2, words);
        assert!(["Nothing was sent.", "Nothing was written."].iter().any(|said| outcome.stderr.contains(said)));
        keeps(&outcome, "secret");
    }
    assert_eq!(sandbox.snapshot("seat-0"), before);
}

#[test]
fn a_text_of_0_bytes_or_of_white_space_alone_is_empty() {
    for text in ["", "\n", " \r\n\t \u{a0}"] {
        is_refused(text.as_bytes(), &["the text of ", " is empty"]);
    }
}

#[test]
fn a_text_of_1_mb_is_refused_with_advice() {
    let text = "a secret, ".repeat(MEGABYTE / 10);
    is_refused(text.as_bytes(), &["longer than 65,000 bytes", "in parts"]);
    // The first that is too long.
    is_refused(&vec![b'a'; 65_001], &["longer than 65,000 bytes"]);
}

#[test]
fn a_text_that_no_letter_can_hold_although_it_is_not_too_long_is_refused_with_advice() {
    // What does not compress: random letters.
    let mut noise = vec![0; 30_000];
    rand_core::Rng::fill_bytes(&mut cssr_tests::people::rng(5), &mut noise);
    let text: String = noise.iter().map(|byte| char::from(b' ' + byte % 64)).collect();
    is_refused(text.as_bytes(), &["the message is too long for a letter by", "in parts"]);
}

#[test]
fn invalid_utf8_is_refused_with_its_place() {
    is_refused(b"a secret \xff!", &["is not UTF-8: the byte at 9 fits no character", "Save it as UTF-8"]);
    // Windows-1256 and UTF-16, as old word processors write Arabic.
    is_refused(b"\xe3\xcd\xca\xe6\xec", &["is not UTF-8: the byte at 0"]);
    is_refused(b"\xff\xfe\x45\x06\x2d\x06", &["is not UTF-8: the byte at 0"]);
}

#[test]
fn a_file_that_is_none_or_cannot_be_read_is_named() {
    let sandbox = Sandbox::new();
    let before = sandbox.snapshot("seat-0");
    for (file, says) in [
        ("nowhere.txt", "No such file or directory"),
        ("office", "Is a directory"),
        // Not even root can read its first byte.
        ("/proc/self/mem", "Input/output error"),
    ] {
        let reply = format!("reply seat-0 {} {file}", shared().letter);
        for call in [sandbox.source("send").args(["--desk", "0", file]), sandbox.desk(&reply)] {
            refused(&call.outcome().unwrap(), 1, &["the text cannot be read from ", file, says, "Nothing was"]);
        }
    }
    assert_eq!(sandbox.snapshot("seat-0"), before);
}

#[test]
fn a_desk_a_language_or_a_letter_that_is_not_there_is_named() {
    let sandbox = Sandbox::new();
    let before = sandbox.snapshot("seat-0");
    for (options, says) in [
        ("--desk 3 testimony.txt", "the office has no desk 3"),
        ("--desk 16 testimony.txt", "desks have numbers from 0 to 15"),
        ("--desk 0 --language ## testimony.txt", "--language is no language tag"),
    ] {
        refused(&sandbox.source("send").args(options.split(' ')).outcome().unwrap(), 2, &[says]);
    }
    for command in ["reply seat-0 9999 testimony.txt", "show seat-0 9999"] {
        refused(&sandbox.desk(command).outcome().unwrap(), 2, &["there is no letter 9999", "`cssr-desk list`"]);
    }
    let tlh = sandbox.installation.call("cssr-source").args(["new", "--language", "tlh"]);
    refused(&tlh.outcome().unwrap(), 2, &["there is no word list `tlh`", "Give en, ar, kmr or digits."]);
    assert_eq!(sandbox.snapshot("seat-0"), before);
}
