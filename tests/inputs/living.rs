//! A relay and an office in this process, at whatever day a test needs, with real programs on the other side. The day of
//! the relay and of the office is [`TODAY`]; the programs take theirs from `--today`.

use crate::setting::programs;
use cssr_installation::{Call, Outcome};
use cssr_proto::{Day, Language, Passphrase, SourceKeys};
use cssr_tests::caller::Caller;
use cssr_tests::honest::{Honest, relay_key};
use cssr_tests::office::{Office, TODAY};
use tempfile::TempDir;

pub struct Living {
    pub relay: Honest,
    folder: TempDir,
}

impl Living {
    /// An office with a valid note of [`TODAY`].
    pub async fn open(seed: u8) -> Self {
        Self::of(Honest::open(seed).await)
    }

    /// An office of which only these seats have published keys.
    pub async fn heard_from(seats: &[u8], seed: u8) -> Self {
        let relay = Honest::serve(Office::heard_from(seats, seed, relay_key(seed).public()), relay_key(seed)).await;
        relay.confirm().await;
        Self::of(relay)
    }

    pub fn of(relay: Honest) -> Self {
        Self { relay, folder: tempfile::tempdir().unwrap() }
    }

    /// A call of `cssr-source COMMAND CARD` on [`TODAY`].
    pub fn source(&self, command: &str, passphrase: &Passphrase) -> Call {
        self.source_on(TODAY, command, passphrase)
    }

    /// The same on a device with another date.
    pub fn source_on(&self, day: Day, command: &str, passphrase: &Passphrase) -> Call {
        let card = self.relay.office.card(self.relay.port).to_string();
        let call =
            programs().call("cssr-source", self.folder.path()).args([command, &card, "--today", &day.to_string()]);
        call.args(["--attempts", "1"]).passphrase(&passphrase.write(Language::English))
    }

    /// A call that sends a text to the only desk.
    pub fn send(&self, day: Day, text: &str, passphrase: &Passphrase) -> Call {
        std::fs::write(self.folder.path().join("text"), text).unwrap();
        self.source_on(day, "send", passphrase).args(["--desk", "0", "text"])
    }

    /// Seat 0 answers whoever has this passphrase, and the answer is listed.
    pub async fn answer(&mut self, passphrase: &Passphrase, text: &str) {
        self.answer_as(0, TODAY, passphrase, text).await;
    }

    /// The same from a seat, with a day of writing.
    pub async fn answer_as(&mut self, seat: u8, written: Day, passphrase: &Passphrase, text: &str) {
        let keys = SourceKeys::derive(passphrase, self.relay.office.roster().office()).unwrap();
        let reply = self.relay.office.reply(seat, 1, written, text, (keys.auth.public(), &keys.to_contact()));
        Caller::connect(self.relay.port).await.post(&reply).await;
        self.relay.seal().await;
    }

    /// How many letters the relay has listed.
    pub async fn letters(&self) -> usize {
        self.relay.held(1).await.iter().map(|(_, letters)| letters.len()).sum()
    }
}

/// Makes a call while the relay in this process goes on.
pub fn programs_say(call: Call) -> Outcome {
    tokio::task::block_in_place(|| call.outcome()).unwrap()
}
