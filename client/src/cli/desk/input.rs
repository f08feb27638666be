//! What a person gives: options, a passphrase, a text, the date.

use super::Common;
use crate::cli::outcome::Failure;
use crate::cli::secret::SecretInput;
use crate::files::StaffPassphrase;
use cssr_proto::sizes::TEXT_MAX;
use cssr_proto::{Card, Day, Label, Language, Notice, Number};
use std::io::Read as _;
use std::path::Path;
use std::time::SystemTime;
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

/// The day: the option's, or the clock's. Everything below takes it as an argument.
pub(super) fn today(common: &Common) -> Result<Day, Failure> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok();
    let clock = since.and_then(|since| Day::from_unix(since.as_secs()));
    common.today.or(clock).ok_or_else(|| {
        Failure::failed("the clock of this machine shows no possible day", "Set the clock, or give --today.")
    })
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

/// The text of a reply, byte for byte.
pub(super) fn text(file: Option<&Path>) -> Result<Zeroizing<String>, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(TEXT_MAX + 1));
    let limit = TEXT_MAX as u64 + 1;
    let read = match file.filter(|path| *path != Path::new("-")) {
        Some(path) => std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
        None => std::io::stdin().lock().take(limit).read_to_end(&mut bytes),
    };
    read.map_err(|error| Failure::failed(format!("the text cannot be read: {error}"), "Nothing was written."))?;
    if bytes.len() > TEXT_MAX {
        return Err(Failure::usage(
            "the text is longer than 65,000 bytes, which is more than a letter may carry",
            "Answer in parts. Nothing was written.",
        ));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Failure::usage("the text is not UTF-8", "Save it as UTF-8 and try again. Nothing was written."))?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn no_passphrase(error: std::io::Error) -> Failure {
    Failure::failed(
        format!("no passphrase: {error}"),
        "Nothing was changed. Run this in a terminal, or give the passphrase with --passphrase-fd.",
    )
}
