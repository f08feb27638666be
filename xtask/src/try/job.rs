//! The main job, step by step.
#![allow(clippy::indexing_slicing, reason = "an absent member of a JSON value is null")]

use super::steps::Steps;
use crate::checkout;
use cssr_installation::{Failure, Installation, RunningRelay, Seat, Source};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// The seats that read and the one that answers.
const READERS: [u8; 3] = [0, 1, 2];
const ANSWERS: u8 = 1;

/// From nothing to a reply that was read, with its receipt.
pub(super) fn round_trip(
    steps: &mut Steps,
    mut installation: Installation,
) -> Result<(Installation, RunningRelay), Failure> {
    steps.take("relay: key and configuration", || installation.make_relay())?;
    steps.take("office: root, successor, card", || installation.make_office("Office of the Special Envoy"))?;
    let relay = steps.take("relay serves, on its embedded store", || installation.start_relay())?;
    steps.take("office: a desk of three seats, admitted one by one", || {
        installation.make_desk("Protection")?;
        READERS.iter().try_for_each(|_| installation.admit_seat())
    })?;
    steps.take("office: couriers of two seats", || {
        installation.admit_courier(0)?;
        installation.admit_courier(1)
    })?;
    steps.take("seats: take the roster, sign keys for nine weeks", || installation.hand_out_roster())?;
    steps.take("roster and keys are published", || installation.publish())?;
    steps.take("couriers: two signatures under the day's note", || installation.confirm_keys())?;

    let arabic = Writer::new(&installation, "ar", "testimony.ar.txt")?;
    let kurmanji = Writer::new(&installation, "kmr", "testimony.kmr.txt")?;
    let first = steps.take("a source sends testimony in Arabic", || arabic.send())?;
    steps.take("another source sends testimony in Kurmanji", || kurmanji.send().map(drop))?;
    steps.take("three seats read both, byte for byte", || {
        READERS.iter().try_for_each(|&number| read(&installation, installation.seat(number), [&arabic, &kurmanji]))
    })?;

    let reply = testdata("reply.mixed.txt")?;
    steps.take("a seat answers, in two directions of writing", || {
        let seat = installation.seat(ANSWERS);
        seat.reply(numbers(&seat.letters()?, &arabic, seat)?, &reply.0)
    })?;
    steps.take("the source reads the answer, byte for byte", || {
        let found = arabic.source.look_until(1)?;
        same("the answer", &found[0]["text"], &reply.1)?;
        if found[0]["receipts"].as_array().is_some_and(|names| names.contains(&first)) {
            return Ok(());
        }
        Err(Failure::Unexpected("the answer carries no receipt of the testimony".to_owned()))
    })?;
    steps.take("the other source finds nothing that is not its own", || {
        let seen = kurmanji.source.look()?;
        let none = seen["replies"].as_array().is_some_and(Vec::is_empty);
        if none { Ok(()) } else { Err(Failure::Unexpected("it found somebody else's answer".to_owned())) }
    })?;
    Ok((installation, relay))
}

/// A source, and what it writes.
struct Writer<'a> {
    source: Source<'a>,
    file: PathBuf,
    text: String,
}

impl<'a> Writer<'a> {
    fn new(installation: &'a Installation, language: &str, file: &str) -> Result<Self, Failure> {
        let (file, text) = testdata(file)?;
        Ok(Self { source: installation.source(language)?, file, text })
    }

    /// Sends, and gives the letter's name.
    fn send(&self) -> Result<Value, Failure> {
        let sent = self.source.send(&self.file)?;
        if sent["sent"][0]["stored"] == true {
            return Ok(sent["sent"][0]["letter"].clone());
        }
        Err(Failure::Unexpected(format!("the letter was not stored: {}", sent["sent"][0]["error"])))
    }
}

/// A seat imports until it holds the letters, and shows each as it was written.
fn read(installation: &Installation, seat: Seat<'_>, writers: [&Writer<'_>; 2]) -> Result<(), Failure> {
    let letters = seat.import_until(installation.courier(0), writers.len())?;
    writers.iter().try_for_each(|writer| numbers(&letters, writer, seat).map(drop))
}

/// The number of the letter that a source wrote.
fn numbers(letters: &[Value], writer: &Writer<'_>, seat: Seat<'_>) -> Result<u64, Failure> {
    for number in letters.iter().filter_map(|letter| letter["letter"].as_u64()) {
        if seat.show(number)?["message"]["text"] == writer.text.as_str() {
            return Ok(number);
        }
    }
    Err(Failure::Unexpected(format!(
        "{} holds no letter with the text of {}",
        seat.folder_name(),
        writer.file.display()
    )))
}

fn same(what: &str, found: &Value, expected: &str) -> Result<(), Failure> {
    if found == expected { Ok(()) } else { Err(Failure::Unexpected(format!("{what} is not what was written"))) }
}

fn testdata(name: &str) -> Result<(PathBuf, String), Failure> {
    let file = checkout::root().join("testdata").join(name);
    match fs::read_to_string(&file) {
        Ok(text) => Ok((file, text)),
        Err(error) => Err(Failure::Environment { what: file.display().to_string(), error }),
    }
}
