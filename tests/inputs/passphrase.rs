//! Passphrases: of sources, whose words carry a checksum, and of staff, whose key files do.

use crate::check::{keeps, keeps_words, misused, refused, refused_in_part};
use crate::living::{Living, programs_say};
use crate::setting::{Sandbox, shared};
use cssr_installation::Call;
use cssr_proto::{DigitScript, Language, Passphrase};
use cssr_tests::people::rng;

/// Nothing was sent and nothing even connected: nobody is at this address.
fn look(sandbox: &Sandbox, passphrase: &str) -> Call {
    sandbox.source_with("look", passphrase).args(["--attempts", "1", "--relay", "ws://127.0.0.1:1"])
}

#[test]
fn a_mistyped_passphrase_is_told_apart_from_an_empty_inbox() {
    let sandbox = Sandbox::new();
    let passphrase = Passphrase::generate(&mut rng(1));
    let words = passphrase.words(Language::English);
    let arabic = passphrase.words(Language::Arabic);
    let digits = passphrase.write_digits(DigitScript::Ascii);
    let with = |at: usize, word: &str| {
        let mut words = words.map(str::to_owned);
        words[at] = word.to_owned();
        words.join(" ")
    };
    let swapped = with(0, words[1]).replacen(&format!("{} {}", words[1], words[1]), &[words[1], words[0]].join(" "), 1);
    let another = Passphrase::generate(&mut rng(2)).words(Language::English)[3];
    let do_not_belong_together = "the words do not belong together: one of them, or their order, is wrong";
    for (typed, says) in [
        (with(2, "xyzzy"), "word 3 is in no word list"),
        (with(3, another), do_not_belong_together),
        (swapped, do_not_belong_together),
        (words[..7].join(" "), "a passphrase has 8 words, not 7"),
        (format!("{} {another}", words.join(" ")), "a passphrase has 8 words, not 9"),
        (with(7, arabic[7]), "word 8 is of another language than the others"),
        (digits.replacen(&digits[..4], "2049", 1), "group 1 of the digits is not a number from 0001 to 2048"),
        (format!("{} 7", &*digits), "a passphrase in digits has 32 of them, not 33"),
        ("a b c d e f g h".to_owned(), "is in no word list"),
        ("\u{200f}\u{0}\u{1b}[31m".to_owned(), "a passphrase has 8 words"),
    ] {
        let outcome = look(&sandbox, &typed).outcome().unwrap();
        refused(&outcome, 2, &[says, "a typing mistake, not an empty inbox", "Nothing was sent."]);
        keeps_words(&outcome, &typed);
        keeps(&outcome, "xyzzy");
    }
    // The same words in their places get as far as the address.
    for right in [words.join(" "), digits.to_string(), arabic.join("،"), words.join("-").to_uppercase()] {
        refused(&look(&sandbox, &right).outcome().unwrap(), 1, &["could not be reached"]);
    }
}

/// One mistake in 256 passes the check. No program can find it; the person is told what to compare.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_passphrase_that_passes_its_check_is_not_passed_off_as_no_answer() {
    let mut living = Living::open(41).await;
    let (right, wrong) = (Passphrase::generate(&mut rng(3)), Passphrase::generate(&mut rng(4)));
    living.answer(&right, "We have read it.").await;
    let found = living.source("look", &right);
    assert_eq!(programs_say(found.args(["--json"])).json().unwrap()["replies"][0]["text"], "We have read it.");
    let nothing = programs_say(living.source("look", &wrong)).success().unwrap();
    assert!(nothing.stdout.contains("No replies found."), "{nothing:?}");
    assert!(nothing.stdout.contains("compare your passphrase word by word"), "{nothing:?}");
    let found = programs_say(living.source("look", &right)).success().unwrap();
    assert!(!found.stdout.contains("compare your passphrase"), "{found:?}");
}

#[test]
fn a_passphrase_that_cannot_be_read_is_told_by_where_it_should_come_from() {
    let sandbox = Sandbox::new();
    let long = [b'a'; 2_000];
    for (descriptor, bytes, says) in [
        ("9", &b""[..], "file descriptor 9"),
        ("0", b"", "the passphrase is empty"),
        ("0", b"\n", "the passphrase is empty"),
        ("0", b"\xff\xfe\n", "the passphrase line is not UTF-8"),
        ("0", &long, "longer than 1,024 bytes"),
    ] {
        let card = sandbox.installation.card().unwrap();
        for (program, command) in [
            ("cssr-source", vec!["look", &card]),
            ("cssr-desk", vec!["list", "seat-0"]),
            ("cssr-desk", vec!["mirror", "courier-0", "mirror-0"]),
            ("cssr-desk", vec!["init", "new", "--card", &card, "--desk", "0", "--label", "X"]),
            ("cssr-office", vec!["renew", "office"]),
        ] {
            let call =
                sandbox.installation.call(program).args(command).args(["--passphrase-fd", descriptor]).stdin(bytes);
            let outcome = call.outcome().unwrap();
            // The office shows what it is asked to sign before it asks for the passphrase.
            let check = if program == "cssr-office" { refused_in_part } else { refused };
            check(&outcome, 1, &["no passphrase: ", says, "--passphrase-fd"]);
        }
    }
    assert!(!sandbox.path("new").exists());
    for arguments in
        ["list seat-0 --passphrase-fd", "list seat-0 --passphrase-fd three", "list seat-0 --passphrase secret"]
    {
        misused(&sandbox.installation.call("cssr-desk").args(arguments.split(' ')).outcome().unwrap(), &[]);
    }
}

#[test]
fn passphrase_and_text_do_not_both_come_from_standard_input() {
    let sandbox = Sandbox::new();
    let before = sandbox.snapshot("seat-0");
    let says = ["standard input cannot give both the passphrase and the text", "Name a file with the text"];
    refused(&sandbox.source("send").args(["--desk", "0"]).outcome().unwrap(), 2, &says);
    refused(&sandbox.source("send").args(["--desk", "0", "-"]).outcome().unwrap(), 2, &says);
    refused(&sandbox.desk(&format!("reply seat-0 {}", shared().letter)).outcome().unwrap(), 2, &says);
    assert_eq!(sandbox.snapshot("seat-0"), before);
}

#[test]
fn a_wrong_passphrase_of_staff_opens_nothing_and_changes_nothing() {
    let sandbox = Sandbox::new();
    let folders = ["seat-0", "courier-0", "mirror-0", "office"];
    let before = folders.map(|folder| sandbox.snapshot(folder));
    for (program, command, file) in [
        ("cssr-desk", "list seat-0", "seat-0: "),
        ("cssr-desk", "statements seat-0", "seat-0: "),
        ("cssr-desk", "import seat-0 mirror-0", "seat-0: "),
        ("cssr-desk", "mirror courier-0 mirror-0", "courier-0: "),
        ("cssr-office", "renew office --days 100", "root-1.key"),
    ] {
        let call = sandbox.installation.call(program).args(command.split(' ')).passphrase("a wrong passphrase");
        let outcome = call.outcome().unwrap();
        assert!(outcome.stderr.contains(file), "{outcome:?}");
        assert!(outcome.stderr.contains("the passphrase does not open this key file"), "{outcome:?}");
        assert!(outcome.stderr.contains("help: Nothing was changed. Type it again."), "{outcome:?}");
        assert_eq!(outcome.code, Some(1));
        keeps(&outcome, "a wrong passphrase");
    }
    assert_eq!(folders.map(|folder| sandbox.snapshot(folder)), before);
}
