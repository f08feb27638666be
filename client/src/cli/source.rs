//! `cssr-source`: what a source does at a terminal. It stores nothing on disk unless asked.

mod editor;
mod input;
mod print;
mod run;

use super::clock::ClockOptions;
use super::connect::ConnectOptions;
use clap::{CommandFactory as _, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Send testimony to an office and read its replies. Nothing is stored on this device unless you ask for a file.
#[derive(Debug, Parser)]
#[command(name = "cssr-source", version, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 refused for safety.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    clock: ClockOptions,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new passphrase of eight words. It is all that you need to remember, and it is nowhere else.
    New {
        /// The language of the words: en, ar, kmr, or digits.
        #[arg(long, default_value = "en")]
        language: String,
    },
    /// Send a text. The connection looks the same as one that only looks for replies.
    Send {
        #[command(flatten)]
        visit: VisitOptions,
        #[command(flatten)]
        text: TextOptions,
    },
    /// Look for replies and receipts. The connection looks the same as one that sends.
    Look {
        #[command(flatten)]
        visit: VisitOptions,
        /// Pass over this many of the newest places that hold replies.
        #[arg(long, default_value_t = 0)]
        skip: usize,
    },
    /// Fetch the office's public keys into a file, for sealing without a connection.
    Directory {
        #[command(flatten)]
        visit: OfficeOptions,
        /// The file to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Seal a text into a bundle without a connection. Anybody may post the bundle.
    Seal {
        /// The office's card.
        card: String,
        #[command(flatten)]
        text: TextOptions,
        /// A file made by `cssr-source directory`.
        #[arg(long)]
        directory: PathBuf,
        /// The bundle to write.
        #[arg(long)]
        out: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseOptions,
    },
    /// Post a bundle that somebody sealed.
    Post {
        #[command(flatten)]
        visit: OfficeOptions,
        /// The bundle.
        bundle: PathBuf,
    },
}

/// Which office, and how to reach it.
#[derive(Debug, clap::Args)]
struct OfficeOptions {
    /// The office's card: cssr:....@relay
    card: String,
    #[command(flatten)]
    connect: ConnectOptions,
    /// Which date is right, if this device and the office disagree: `device`, or the office's date as it was shown.
    #[arg(long, value_name = "device|YYYY-MM-DD")]
    date: Option<String>,
    /// More rounds than the office asks for: fetches more replies at once. An observer can count them.
    #[arg(long, default_value_t = 0)]
    rounds: usize,
}

/// A visit of a person.
#[derive(Debug, clap::Args)]
struct VisitOptions {
    #[command(flatten)]
    office: OfficeOptions,
    #[command(flatten)]
    passphrase: PassphraseOptions,
}

/// Where the passphrase comes from.
#[derive(Debug, clap::Args)]
struct PassphraseOptions {
    /// Read the passphrase from the first line of this open file descriptor instead of asking for it.
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u32>,
}

/// Which text, and to whom.
#[derive(Debug, clap::Args)]
struct TextOptions {
    /// The desk's number; `cssr-source look` lists the desks of an office.
    #[arg(long)]
    desk: u64,
    /// The file with the text; standard input if there is none, or if it is `-`.
    file: Option<PathBuf>,
    /// Write the text in the editor that VISUAL or EDITOR names, in memory only.
    #[arg(long, conflicts_with = "file")]
    editor: bool,
    /// The language of the text, such as ar or kmr.
    #[arg(long)]
    language: Option<String>,
}

/// The command line, for manual pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let Arguments { command, json, clock } = Arguments::parse();
    super::outcome::finish(run::run(command, clock, json), json)
}
