//! `cssr-desk`: what staff do, on a trusted machine that may never be connected, and on the courier that is.

mod failure;
mod input;
mod letters;
mod online;
mod print;
mod run;

use super::clock::ClockOptions;
use super::connect::ConnectOptions;
use clap::{CommandFactory as _, Parser, Subcommand};
use cssr_proto::{Card, DeskNumber, Label, Language, Notice, SeatNumber};
use input::{card, label, language, notice, number};
use std::path::PathBuf;
use std::process::ExitCode;

/// Read and answer letters on a trusted machine; mirror the relay on a connected one.
///
/// A seat's folder holds its keys and letters, a courier's folder only a courier's key. What leaves the trusted machine
/// lies in the seat's outbox; what comes to it is a mirror.
#[derive(Debug, Parser)]
#[command(name = "cssr-desk", version, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 refused for safety.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

/// What every command takes.
#[derive(Clone, Debug, clap::Args)]
struct Common {
    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    json: bool,
    /// Read the passphrase from the first line of this open file descriptor instead of asking for it.
    #[arg(long, global = true, value_name = "N")]
    passphrase_fd: Option<u32>,
    #[command(flatten)]
    clock: ClockOptions,
    /// The language of letters' names: en, ar or kmr.
    #[arg(long, global = true, value_parser = language, default_value = "en")]
    language: Language,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a seat: its keys, and the request for the office.
    Init {
        /// A folder that holds no seat yet.
        dir: PathBuf,
        /// The office's first card.
        #[arg(long, value_parser = card)]
        card: Card,
        /// The desk's number.
        #[arg(long, value_parser = number::<0, 15>)]
        desk: DeskNumber,
        /// What the office shall call this seat.
        #[arg(long, value_parser = label)]
        label: Label,
    },
    /// Make a courier for a seat: its key, and the request for the office.
    Courier {
        /// A folder that holds no courier yet.
        dir: PathBuf,
        /// The office's first card.
        #[arg(long, value_parser = card)]
        card: Card,
        /// The desk's number.
        #[arg(long, value_parser = number::<0, 15>)]
        desk: DeskNumber,
        /// The number of the seat that it works for.
        #[arg(long, value_parser = number::<0, 6>)]
        seat: SeatNumber,
        /// What the office shall call this courier.
        #[arg(long, value_parser = label)]
        label: Label,
    },
    /// Take the office's roster: a seat or courier learns its number.
    Accept {
        /// The seat's or courier's folder.
        dir: PathBuf,
        /// The roster, as `cssr-office` wrote it.
        roster: PathBuf,
    },
    /// Sign the seat's keys for this week and the eight after it, into the outbox.
    Statements {
        /// The seat's folder.
        dir: PathBuf,
    },
    /// Publish rosters and seats' keys at the relay.
    Publish {
        /// The office's card.
        #[arg(long, value_parser = card)]
        card: Card,
        /// Rosters and statements.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        connect: ConnectOptions,
    },
    /// Mirror the relay into a folder, and see to the day's note.
    Mirror {
        /// The courier's folder.
        dir: PathBuf,
        /// The mirror.
        folder: PathBuf,
        /// The notice to sources in the note. Only couriers that want the same notice sign the same note.
        #[arg(long, value_parser = notice)]
        notice: Option<Notice>,
        /// Go on mirroring until the program is stopped.
        #[arg(long)]
        watch: bool,
        /// With --watch: seconds between two mirrors.
        #[arg(long, default_value_t = 60, value_name = "SECONDS", requires = "watch")]
        every: u64,
        /// Go on although letters have expired that no courier has mirrored: takes the relay's word once.
        #[arg(long)]
        accept_gap: bool,
        #[command(flatten)]
        connect: ConnectOptions,
    },
    /// Import a mirror: verify everything, open the letters, raise alarms.
    Import {
        /// The seat's folder.
        dir: PathBuf,
        /// The mirror.
        folder: PathBuf,
    },
    /// List the letters.
    List {
        /// The seat's folder.
        dir: PathBuf,
        /// Only letters that nothing was done about.
        #[arg(long)]
        new: bool,
    },
    /// Show a letter, and what was answered.
    Show {
        /// The seat's folder.
        dir: PathBuf,
        /// The letter's number.
        letter: u32,
    },
    /// Answer a letter. The reply waits in the outbox.
    Reply {
        /// The seat's folder.
        dir: PathBuf,
        /// The letter's number.
        letter: u32,
        /// The file with the text; standard input if there is none, or if it is `-`.
        file: Option<PathBuf>,
    },
    /// Tell every source which of its letters were opened. The receipts wait in the outbox.
    Receipts {
        /// The seat's folder.
        dir: PathBuf,
    },
    /// Post what waits in the outbox, each envelope in a visit of its own. Needs no passphrase.
    Post {
        /// The seat's folder, or a copy of its outbox.
        dir: PathBuf,
        /// Do not wait between the visits. Who watches the line can then see that they belong together.
        #[arg(long)]
        now: bool,
        /// The longest time to wait before a visit; each wait is random.
        #[arg(long, default_value_t = 1_800, value_name = "SECONDS", conflicts_with = "now")]
        within: u64,
        #[command(flatten)]
        connect: ConnectOptions,
    },
    /// Erase the prekeys whose time is over.
    Erase {
        /// The seat's folder.
        dir: PathBuf,
    },
    /// Say how the seat stands, and what needs attention.
    Status {
        /// The seat's folder.
        dir: PathBuf,
    },
}

/// The command line, for manual pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let Arguments { command, common } = Arguments::parse();
    let json = common.json;
    super::outcome::finish(run::run(command, &common), json)
}
