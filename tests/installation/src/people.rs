//! What seats, couriers and sources do.

use crate::installation::DESK;
use crate::{Call, Failure, Installation};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long what was posted may take to be listed. Batches are sealed every second.
const LISTED_WITHIN: Duration = Duration::from_secs(60);

/// A seat: what staff do on a trusted machine.
#[derive(Clone, Copy, Debug)]
pub struct Seat<'a> {
    installation: &'a Installation,
    number: u8,
}

impl<'a> Seat<'a> {
    pub(crate) fn new(installation: &'a Installation, number: u8) -> Self {
        Self { installation, number }
    }

    /// Its folder, from that of the installation.
    #[must_use]
    pub fn folder_name(self) -> String {
        format!("seat-{}", self.number)
    }

    /// Begins a call of `cssr-desk COMMAND FOLDER`.
    #[must_use]
    pub fn call(self, command: &str) -> Call {
        self.installation.staff([command, &self.folder_name()])
    }

    /// Imports the mirror of a courier.
    ///
    /// # Errors
    /// The failure of `cssr-desk import`.
    pub fn import(self, courier: Courier<'_>) -> Result<Value, Failure> {
        self.call("import").args([courier.mirror_name()]).json()
    }

    /// Mirrors and imports until the seat holds so many letters.
    ///
    /// # Errors
    /// The failure of a program, or [`Failure::Unexpected`] if they do not come.
    pub fn import_until(self, courier: Courier<'_>, letters: usize) -> Result<Vec<Value>, Failure> {
        let started = Instant::now();
        loop {
            courier.mirror()?;
            self.import(courier)?;
            let held = self.letters()?;
            if held.len() >= letters {
                return Ok(held);
            }
            if started.elapsed() > LISTED_WITHIN {
                let what = format!("seat {} has {} letters instead of {letters}", self.number, held.len());
                return Err(Failure::Unexpected(what));
            }
        }
    }

    /// The letters that it holds, as `cssr-desk list --json` describes them.
    ///
    /// # Errors
    /// The failure of `cssr-desk list`.
    pub fn letters(self) -> Result<Vec<Value>, Failure> {
        Ok(self.call("list").json()?["letters"].as_array().cloned().unwrap_or_default())
    }

    /// A letter's text and all that is known of it.
    ///
    /// # Errors
    /// The failure of `cssr-desk show`.
    pub fn show(self, letter: u64) -> Result<Value, Failure> {
        self.call("show").args([letter.to_string()]).json()
    }

    /// Answers a letter with the text of a file and posts the answer at once.
    ///
    /// # Errors
    /// The failure of a program.
    pub fn reply(self, letter: u64, text: &Path) -> Result<(), Failure> {
        self.call("reply").args([letter.to_string()]).args([text]).json()?;
        self.post()
    }

    /// Posts what is in the outbox, at once.
    ///
    /// # Errors
    /// The failure of `cssr-desk post`.
    pub fn post(self) -> Result<(), Failure> {
        self.installation.call("cssr-desk").args(["post", &self.folder_name(), "--now"]).json().map(drop)
    }
}

/// The courier of a seat: what a connected machine does.
#[derive(Clone, Copy, Debug)]
pub struct Courier<'a> {
    installation: &'a Installation,
    seat: u8,
}

impl<'a> Courier<'a> {
    pub(crate) fn new(installation: &'a Installation, seat: u8) -> Self {
        Self { installation, seat }
    }

    /// Its folder, from that of the installation.
    #[must_use]
    pub fn folder_name(self) -> String {
        format!("courier-{}", self.seat)
    }

    /// The folder of its mirror, from that of the installation.
    #[must_use]
    pub fn mirror_name(self) -> String {
        format!("mirror-{}", self.seat)
    }

    /// Mirrors the relay and sees to the day's note.
    ///
    /// # Errors
    /// The failure of `cssr-desk mirror`.
    pub fn mirror(self) -> Result<Value, Failure> {
        self.installation.staff(["mirror", &self.folder_name(), &self.mirror_name()]).json()
    }
}

/// A source, who has nothing but a passphrase and the card.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    installation: &'a Installation,
    passphrase: String,
    language: String,
}

impl<'a> Source<'a> {
    pub(crate) fn new(installation: &'a Installation, passphrase: String, language: String) -> Self {
        Self { installation, passphrase, language }
    }

    /// Its eight words.
    #[must_use]
    pub fn passphrase(&self) -> &str {
        &self.passphrase
    }

    /// Begins a call of `cssr-source COMMAND CARD`, with the passphrase.
    ///
    /// # Errors
    /// If there is no card.
    pub fn call(&self, command: &str) -> Result<Call, Failure> {
        let card = self.installation.card()?;
        Ok(self.installation.call("cssr-source").args([command, &card]).passphrase(&self.passphrase))
    }

    /// Sends the text of a file to the desk.
    ///
    /// # Errors
    /// The failure of `cssr-source send`.
    pub fn send(&self, text: &Path) -> Result<Value, Failure> {
        self.call("send")?.args(["--desk", DESK, "--language", &self.language]).args([text]).json()
    }

    /// Looks for replies.
    ///
    /// # Errors
    /// The failure of `cssr-source look`.
    pub fn look(&self) -> Result<Value, Failure> {
        self.call("look")?.json()
    }

    /// Looks until so many replies are there.
    ///
    /// # Errors
    /// The failure of `cssr-source look`, or [`Failure::Unexpected`] if they do not come.
    pub fn look_until(&self, replies: usize) -> Result<Vec<Value>, Failure> {
        let started = Instant::now();
        loop {
            let seen = self.look()?;
            let found = seen["replies"].as_array().cloned().unwrap_or_default();
            if found.len() >= replies {
                return Ok(found);
            }
            if started.elapsed() > LISTED_WITHIN {
                return Err(Failure::Unexpected(format!("{} replies instead of {replies}", found.len())));
            }
        }
    }
}
