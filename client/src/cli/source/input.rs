//! What a person gives: a card, a passphrase, a text, an answer to "which date is right?".

use crate::cli::outcome::Failure;
use crate::cli::secret::SecretInput;
use cssr_proto::sizes::TEXT_MAX;
use cssr_proto::{Card, ClockChoice, Day, Language, Parsed, Passphrase};
use std::io::Read as _;
use std::path::Path;
use zeroize::Zeroizing;

/// Reads a card.
pub(super) fn card(text: &str) -> Result<Card, Failure> {
    text.parse().map_err(|error| Failure::usage(error, "Compare the card with the paper it came on, group by group."))
}

/// Asks for the passphrase. A mistyped one is told apart here, before anything connects.
pub(super) fn passphrase(descriptor: Option<u32>) -> Result<Entered, Failure> {
    let text = SecretInput::from_option(descriptor)
        .read("Passphrase (eight words; nothing is shown while you type): ")
        .map_err(|error| {
            Failure::failed(error, "Run this in a terminal, or give the passphrase with --passphrase-fd.")
        })?;
    let mistyped = "This is a typing mistake, not an empty inbox: the words carry a checksum. Nothing was sent.";
    match Passphrase::parse(&text) {
        Ok(Parsed::One(passphrase, language)) => {
            Ok(Entered { passphrase, language: language.unwrap_or(Language::English) })
        }
        Ok(Parsed::Ambiguous(_)) => Err(Failure::usage(
            "these eight words mean different things in different languages",
            "Write the passphrase in digits, or in another language.",
        )),
        Err(error) => Err(Failure::usage(error, mistyped)),
    }
}

/// A passphrase, and the language whose words its owner reads.
pub(super) struct Entered {
    pub(super) passphrase: Passphrase,
    pub(super) language: Language,
}

/// Reads the text from a file, the editor or standard input; the bytes are taken as they are.
pub(super) fn text(file: Option<&Path>, editor: bool) -> Result<Zeroizing<String>, Failure> {
    let mut bytes = Zeroizing::new(Vec::new());
    let limit = TEXT_MAX as u64 + 1;
    let read = match (file, editor) {
        (_, true) => super::editor::edit(&mut bytes),
        (Some(path), _) => {
            std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes).map(drop))
        }
        (None, _) => std::io::stdin().lock().take(limit).read_to_end(&mut bytes).map(drop),
    };
    read.map_err(|error| Failure::failed(format!("the text cannot be read: {error}"), "Nothing was sent."))?;
    if bytes.is_empty() {
        return Err(Failure::usage("the text is empty", "Nothing was sent."));
    }
    if bytes.len() > TEXT_MAX {
        return Err(Failure::usage(
            "the text is longer than 65,000 bytes, which is more than a letter may carry",
            "Send it in parts, the most important one first. Nothing was sent.",
        ));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(error) => Err(Failure::usage(
            format!("the text is not UTF-8: byte {} fits no character", error.valid_up_to()),
            "Save it as UTF-8 and try again. Nothing was sent.",
        )),
    }
}

/// Reads `--date`.
pub(super) fn clock(option: Option<&str>) -> Result<Option<ClockChoice>, Failure> {
    let help = "Give `device`, or the office's date as it was shown, such as 2026-03-01.";
    match option {
        None => Ok(None),
        Some("device") => Ok(Some(ClockChoice::Device)),
        Some(date) => match date.parse::<Day>() {
            Ok(day) => Ok(Some(ClockChoice::Note(day))),
            Err(error) => Err(Failure::usage(format!("--date: {error}"), help)),
        },
    }
}

/// This device's date.
pub(super) fn today() -> Result<Day, Failure> {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()
        .and_then(|since| Day::from_unix(since.as_secs()))
        .ok_or_else(|| Failure::failed("this device's clock is before 1970", "Set the date and try again."))
}
