//! A text that a person has written, in a file or on standard input. The bytes are taken as they are.

use super::outcome::Failure;
use cssr_proto::sizes::TEXT_MAX;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// What is said after a text was refused.
#[derive(Clone, Copy, Debug)]
pub struct TextHelp {
    /// What did not happen, as a sentence.
    pub nothing: &'static str,
    /// What to do with a text that is too long.
    pub too_long: &'static str,
    /// What to do with a text that is not UTF-8.
    pub not_utf8: &'static str,
}

/// Reads a text from a file, or from standard input if there is none, or if it is `-`. `passphrase_fd` is where the
/// passphrase comes from.
///
/// # Errors
/// As [`checked`]; it cannot be read; or the passphrase comes from standard input as well.
pub fn read(file: Option<&Path>, passphrase_fd: Option<u32>, help: TextHelp) -> Result<Zeroizing<String>, Failure> {
    let mut bytes = buffer();
    let (name, read) = match file.filter(|path| *path != Path::new("-")) {
        Some(path) => (path.display().to_string(), File::open(path).and_then(|file| take(file, &mut bytes))),
        None if passphrase_fd == Some(0) => {
            return Err(Failure::usage(
                "standard input cannot give both the passphrase and the text",
                "Name a file with the text, or give the passphrase another file descriptor.",
            ));
        }
        None => ("standard input".to_owned(), take(io::stdin().lock(), &mut bytes)),
    };
    read.map_err(|error| Failure::failed(format!("the text cannot be read from {name}: {error}"), help.nothing))?;
    checked(&bytes, &name, help)
}

/// Takes what was read from somewhere with a name for a text.
///
/// # Errors
/// It says nothing, is longer than any letter, or is not UTF-8.
pub fn checked(bytes: &[u8], name: &str, help: TextHelp) -> Result<Zeroizing<String>, Failure> {
    if bytes.len() > TEXT_MAX {
        return Err(Failure::usage(
            format!("the text of {name} is longer than 65,000 bytes, which is more than a letter may carry"),
            help.too_long,
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Failure::usage(format!("the text of {name} is not UTF-8: the byte at {at} fits no character"), help.not_utf8)
    })?;
    // White space alone is a wrong file, not a message.
    if text.trim().is_empty() {
        return Err(Failure::usage(format!("the text of {name} is empty"), help.nothing));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

/// Room for the longest text and a byte that shows a longer one, so that nothing is left behind by growing.
#[must_use]
pub fn buffer() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(TEXT_MAX + 1))
}

fn take(source: impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    source.take(TEXT_MAX as u64 + 1).read_to_end(bytes).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELP: TextHelp = TextHelp { nothing: "nothing", too_long: "too long", not_utf8: "not UTF-8" };

    #[test]
    fn a_text_is_taken_byte_for_byte() {
        for text in [" a\r\n\n", "قلم\u{202e}", &"a".repeat(TEXT_MAX)] {
            assert_eq!(*checked(text.as_bytes(), "x", HELP).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_text_is_refused_by_name() {
        for (bytes, what) in [
            (&b""[..], "the text of x is empty"),
            (b" \n\t\n", "the text of x is empty"),
            ("\u{a0}\u{3000}".as_bytes(), "the text of x is empty"),
            (b"ab\xff", "the text of x is not UTF-8: the byte at 2 fits no character"),
            (&[0xd8, 0xa7, 0xd8], "the text of x is not UTF-8: the byte at 2 fits no character"),
            (&[b'a'; TEXT_MAX + 1], "the text of x is longer than 65,000 bytes, which is more than a letter may carry"),
        ] {
            assert_eq!(checked(bytes, "x", HELP).unwrap_err().what, what);
        }
    }
}
