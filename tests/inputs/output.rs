//! Standard output that does not take what is printed.

use crate::setting::Sandbox;

const COMMANDS: [&str; 4] = [
    "cssr-source new",
    "cssr-source new --json",
    "cssr-office show office",
    "cssr-desk list seat-0 --passphrase-fd 3 3<staff.words",
];

#[test]
fn a_full_disk_under_standard_output_is_told_and_ends_the_program_with_code_1() {
    let sandbox = Sandbox::new();
    sandbox.write("staff.words", cssr_installation::STAFF_PASSPHRASE);
    for command in COMMANDS {
        let outcome = sandbox.shell(&format!("{command} >/dev/full")).outcome().unwrap();
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        let [error, help] = outcome.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{outcome:?}") };
        assert!(error.starts_with("error: standard output: No space left on device"), "{outcome:?}");
        assert!(help.starts_with("help: "), "{outcome:?}");
    }
}

/// As `| head` does. The shell itself holds the pipe's only reading end and closes it before the program begins.
#[test]
fn a_reader_that_has_gone_ends_the_program_with_code_1_and_without_a_word() {
    let sandbox = Sandbox::new();
    sandbox.write("staff.words", cssr_installation::STAFF_PASSPHRASE);
    sandbox.shell("mkfifo pipe").run().unwrap();
    for command in COMMANDS {
        let outcome = sandbox.shell(&format!("exec 4<>pipe 5>pipe 4>&-; {command} >&5; echo $?")).run().unwrap();
        assert_eq!((outcome.stdout.trim(), outcome.stderr.as_str()), ("1", ""), "{command}");
    }
}
