//! What a person gives: a card, a passphrase, a text, an answer to "which date is right?".

use crate::cli::outcome::Failure;
use crate::cli::secret::SecretInput;
use crate::cli::text::{self, TextHelp};
use cssr_proto::{Card, ClockChoice, Day, Language, Parsed, Passphrase};
use std::path::Path;
use zeroize::Zeroizing;

/// Reads a card.
pub(super) fn card(text: &str) -> Result<Card, Failure> {
    text.parse::<Card>().map_err(|error| {
        Failure::usage(error, "Compare the card with the paper it came on, group by group. Nothing was sent.")
    })
}

/// Asks for the passphrase. A mistyped one is told apart here, before anything connects.
pub(super) fn passphrase(descriptor: Option<u32>) -> Result<Entered, Failure> {
    let text = SecretInput::from_option(descriptor)
        .read("Passphrase (eight words; nothing is shown while you type): ")
        .map_err(|error| {
            Failure::failed(
                format!("no passphrase: {error}"),
                "Run this in a terminal, or give the passphrase with --passphrase-fd. Nothing was sent.",
            )
        })?;
    let mistyped = "This is a typing mistake, not an empty inbox: the words carry a checksum. Nothing was sent.";
    match Passphrase::parse(&text) {
        Ok(Parsed::One(passphrase, language)) => {
            Ok(Entered { passphrase, language: language.unwrap_or(Language::English) })
        }
        Ok(Parsed::Ambiguous(_)) => Err(Failure::usage(
            "these eight words mean different things in different languages",
            "Write the passphrase in digits, or in another language. Nothing was sent.",
        )),
        Err(error) => Err(Failure::usage(error, mistyped)),
    }
}

/// A passphrase, and the language whose words its owner reads.
pub(super) struct Entered {
    pub(super) passphrase: Passphrase,
    pub(super) language: Language,
}

const TEXT_HELP: TextHelp = TextHelp {
    nothing: "Nothing was sent.",
    too_long: "Send it in parts, the most important one first. Nothing was sent.",
    not_utf8: "Save it as UTF-8 and try again. Nothing was sent.",
};

/// Reads the text from a file, the editor or standard input.
pub(super) fn text(
    file: Option<&Path>,
    editor: bool,
    passphrase_fd: Option<u32>,
) -> Result<Zeroizing<String>, Failure> {
    if !editor {
        return text::read(file, passphrase_fd, TEXT_HELP);
    }
    let mut bytes = text::buffer();
    super::editor::edit(&mut bytes).map_err(|error| {
        Failure::failed(format!("the text cannot be read from the editor: {error}"), TEXT_HELP.nothing)
    })?;
    text::checked(&bytes, "the editor", TEXT_HELP)
}

/// Reads `--date`.
pub(super) fn clock(option: Option<&str>) -> Result<Option<ClockChoice>, Failure> {
    let help = "Give `device`, or the office's date as it was shown, such as 2026-03-01. Nothing was sent.";
    match option {
        None => Ok(None),
        Some("device") => Ok(Some(ClockChoice::Device)),
        Some(date) => match date.parse::<Day>() {
            Ok(day) => Ok(Some(ClockChoice::Note(day))),
            Err(error) => Err(Failure::usage(format!("--date: {error}"), help)),
        },
    }
}
