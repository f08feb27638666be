//! What a person gives: options, a passphrase, a text, the date.

use super::Common;
use crate::cli::outcome::Failure;
use crate::cli::secret::SecretInput;
use crate::cli::text::{self, TextHelp};
use crate::files::StaffPassphrase;
use cssr_proto::{Card, Label, Language, Notice, Number};
use std::path::Path;
use zeroize::Zeroizing;

pub(super) fn card(text: &str) -> Result<Card, String> {
    text.parse().map_err(|error: cssr_proto::CardError| error.to_string())
}

pub(super) fn number<const MIN: u64, const MAX: u64>(text: &str) -> Result<Number<MIN, MAX>, String> {
    let number = text.parse().ok().and_then(|number| Number::new(number).ok());
    number.ok_or_else(|| format!("not a number from {MIN} to {MAX}"))
}

pub(super) fn label(text: &str) -> Result<Label, String> {
    Label::new(text).map_err(|_| "a name has 1 to 64 bytes and no control characters".to_owned())
}

pub(super) fn notice(text: &str) -> Result<Notice, String> {
    Notice::new(text).map_err(|_| "a notice is one paragraph of at most 1,000 bytes".to_owned())
}

pub(super) fn language(text: &str) -> Result<Language, String> {
    match text {
        "en" => Ok(Language::English),
        "ar" => Ok(Language::Arabic),
        "kmr" => Ok(Language::Kurmanji),
        _ => Err("give en, ar or kmr".to_owned()),
    }
}

/// The passphrase of a seat or courier.
pub(super) fn passphrase(common: &Common) -> Result<StaffPassphrase, Failure> {
    let passphrase = SecretInput::from_option(common.passphrase_fd).read("Passphrase: ").map_err(no_passphrase)?;
    Ok(StaffPassphrase::new(passphrase.as_str().to_owned()))
}

/// The passphrase of a new seat or courier.
pub(super) fn new_passphrase(common: &Common) -> Result<StaffPassphrase, Failure> {
    let input = SecretInput::from_option(common.passphrase_fd);
    let passphrase = input.read_new("New passphrase: ", "The same again: ").map_err(no_passphrase)?;
    Ok(StaffPassphrase::new(passphrase.as_str().to_owned()))
}

const TEXT_HELP: TextHelp = TextHelp {
    nothing: "Nothing was written.",
    too_long: "Answer in parts. Nothing was written.",
    not_utf8: "Save it as UTF-8 and try again. Nothing was written.",
};

/// The text of a reply, byte for byte.
pub(super) fn text(file: Option<&Path>, common: &Common) -> Result<Zeroizing<String>, Failure> {
    text::read(file, common.passphrase_fd, TEXT_HELP)
}

fn no_passphrase(error: std::io::Error) -> Failure {
    Failure::failed(
        format!("no passphrase: {error}"),
        "Nothing was changed. Run this in a terminal, or give the passphrase with --passphrase-fd.",
    )
}
