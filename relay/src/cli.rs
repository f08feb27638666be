//! The command line.

pub(crate) mod init;
pub(crate) mod serve;

use clap::{Args, Parser, Subcommand, ValueEnum};
use cssr_proto::Address;
use std::fmt::Display;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// A relay for end-to-end encrypted testimony: it stores sealed envelopes until a day, and learns nothing about them.
#[derive(Debug, Parser)]
#[command(name = "cssr-relay", version)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a relay's key and configuration in a folder, and print what the office needs to know of the relay.
    Init(Init),
    /// Run the relay until SIGTERM or SIGINT, then answer what is in flight and end.
    Serve(Serve),
}

#[derive(Args, Debug)]
pub(crate) struct Init {
    /// The folder; made if it is not there.
    pub(crate) folder: PathBuf,
    /// Where the relay will be found: [ws://|wss://]HOST[:PORT]. Up to eight times.
    #[arg(long, required = true, num_args = 1)]
    pub(crate) address: Vec<Address>,
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// relay.toml, or the folder that holds it.
    #[arg(long, default_value = ".")]
    pub(crate) config: PathBuf,
    /// Tell the address on standard output as a line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// How much to log on standard error. No level tells anything about users.
    #[arg(long, value_enum, default_value_t = Level::Info)]
    pub(crate) log: Level,
    /// Today's date (YYYY-MM-DD), if the relay does not believe its clock because it was off for long.
    #[arg(long, value_name = "DATE")]
    pub(crate) accept_date: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// What went wrong, and the exit code that says so.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// Something failed.
    pub(crate) fn failed(message: impl Display) -> Self {
        Self { message: message.to_string(), code: 1 }
    }

    /// The command line or the configuration is wrong.
    pub(crate) fn wrong(message: impl Display) -> Self {
        Self { message: message.to_string(), code: 2 }
    }

    pub(crate) fn tell(self) -> ExitCode {
        // If standard error is gone there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "cssr-relay: {}", self.message);
        ExitCode::from(self.code)
    }
}

/// Writes to standard output at once, for whoever waits for it.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::failed(format_args!("standard output: {error}")))
}
