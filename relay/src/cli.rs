//! `cssr-relay`, the program.
//!
//! Exit codes: 0 ended in good order, 1 something failed, 2 the command line or the configuration is wrong.

mod check;
mod check_config;
mod forward;
mod identity;
mod init;
mod listening;
mod logging;
mod open_files;
mod owner;
mod progress;
mod runtime;
mod serve;
mod stop;
mod transfer;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use cssr_proto::{Address, Day};
use std::fmt::Display;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// A relay for end-to-end encrypted testimony: it stores sealed envelopes until a day, and learns nothing about them.
#[derive(Debug, Parser)]
#[command(name = "cssr-relay", version)]
#[command(after_help = "Exit codes: 0 ended in good order, 1 failed, 2 wrong command line or configuration.")]
struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a relay's key and configuration in a folder, and print what the office needs to know of the relay.
    Init(Init),
    /// Print the relay's public key again, as init did, from its key file.
    Identity(Identity),
    /// Run the relay until SIGTERM or SIGINT, then answer what is in flight and end. SIGHUP: look for a new certificate.
    Serve(Serve),
    /// Hand connections on to a relay, so that it does not see where they come from, until SIGTERM or SIGINT. SIGHUP: look
    /// for a new certificate.
    Forward(Forward),
    /// Look for everything that is wrong with relay.toml and with the files that it names, and change nothing.
    CheckConfig(CheckConfig),
    /// Read every byte of the store, and tell what is damaged. The relay must be stopped. A store on sled is opened for it,
    /// and mended as at a start; nothing else is changed.
    Check(Check),
    /// Write everything that the store holds into one new file, for another engine. The relay must be stopped.
    Export(Export),
    /// Make the store of what another one held, as exported, but for what has expired. The relay must be stopped.
    Import(Import),
    /// Write relay.toml, the relay's key and the office's statements into one new file; the relay may run. Whoever has the
    /// file can pose as the relay.
    Backup(Backup),
    /// Make a relay's folder of a backup, but for what has expired.
    Restore(Restore),
}

#[derive(Args, Debug)]
struct Init {
    /// The folder; made if it is not there.
    folder: PathBuf,
    /// Where the relay will be found: [ws://|wss://]HOST[:PORT]. Up to eight times.
    #[arg(long, required = true, num_args = 1)]
    address: Vec<Address>,
}

#[derive(Args, Debug)]
struct Identity {
    /// The relay's key file, or the folder that holds relay.key.
    #[arg(default_value = ".")]
    key_file: PathBuf,
    /// Where the relay is found, to be printed behind the key, as the office reads it: [ws://|wss://]HOST[:PORT]. Up to
    /// eight times.
    #[arg(long, num_args = 1)]
    address: Vec<Address>,
}

#[derive(Args, Debug)]
struct Serve {
    /// relay.toml, or the folder that holds it.
    #[arg(long, default_value = ".")]
    config: PathBuf,
    /// Tell the address on standard output as a line of JSON.
    #[arg(long)]
    json: bool,
    /// How much to log on standard error. No level tells anything about users.
    #[arg(long, value_enum, default_value_t = Level::Info)]
    log: Level,
    /// How the log looks.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// Today's date (YYYY-MM-DD), if the relay does not believe its clock because it was off for long. No relay goes back to
    /// a day before its last one.
    #[arg(long, value_name = "DATE")]
    accept_date: Option<Day>,
}

#[derive(Args, Debug)]
struct Forward {
    /// forward.toml, or the folder that holds it.
    #[arg(long, default_value = ".")]
    config: PathBuf,
    /// Print a new forward.toml, and do nothing else.
    #[arg(long, exclusive = true)]
    template: bool,
    /// Tell the address on standard output as a line of JSON.
    #[arg(long)]
    json: bool,
    /// How much to log on standard error. No level tells anything about users.
    #[arg(long, value_enum, default_value_t = Level::Info)]
    log: Level,
    /// How the log looks.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

#[derive(Args, Debug)]
struct CheckConfig {
    /// The file is forward.toml, of a forwarder.
    #[arg(long)]
    forward: bool,
    /// The file, or the folder that holds it.
    #[arg(long, default_value = ".")]
    config: PathBuf,
    /// Tell what was found on standard output as a line of JSON: {"ok": BOOL, "errors": [{"line", "message"}]}.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct Check {
    /// relay.toml, or the folder that holds it.
    #[arg(long, default_value = ".")]
    config: PathBuf,
    /// Tell what was found on standard output as a line of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct Export {
    /// relay.toml, or the folder that holds it.
    #[arg(long, default_value = ".")]
    config: PathBuf,
    /// Tell what was written on standard output as a line of JSON.
    #[arg(long)]
    json: bool,
    /// The file to make. It holds envelopes as senders sealed them, and no key that expires: do not keep it.
    file: PathBuf,
}

#[derive(Args, Debug)]
struct Import {
    /// relay.toml, or the folder that holds it.
    #[arg(long, default_value = ".")]
    config: PathBuf,
    /// Tell what was made on standard output as a line of JSON.
    #[arg(long)]
    json: bool,
    /// Today's date (YYYY-MM-DD), if the clock is not believed because it is long after the file's last day. Days that have
    /// expired by then are left out.
    #[arg(long, value_name = "DATE")]
    accept_date: Option<Day>,
    /// The file that "export" made.
    file: PathBuf,
}

#[derive(Args, Debug)]
struct Backup {
    /// relay.toml, or the folder that holds it.
    #[arg(long, default_value = ".")]
    config: PathBuf,
    /// Tell what was written on standard output as a line of JSON.
    #[arg(long)]
    json: bool,
    /// Back up the letters and chunks that are listed, too: sealed as they came, and therefore kept for as long as the
    /// file is.
    #[arg(long)]
    letters: bool,
    /// The file to make.
    file: PathBuf,
}

#[derive(Args, Debug)]
struct Restore {
    /// The relay's new folder.
    #[arg(long, value_name = "FOLDER")]
    config: PathBuf,
    /// Tell what was made on standard output as a line of JSON.
    #[arg(long)]
    json: bool,
    /// Today's date (YYYY-MM-DD), if the clock is not believed because it is long after the file's last day. Days that have
    /// expired by then are left out.
    #[arg(long, value_name = "DATE")]
    accept_date: Option<Day>,
    /// The file that "backup" made.
    file: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// A line of words for each event.
    Text,
    /// A line of JSON for each event.
    Json,
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Init(arguments) => init::run(&arguments),
        Command::Identity(arguments) => identity::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Forward(arguments) => forward::run(&arguments),
        Command::CheckConfig(arguments) => check_config::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Export(arguments) => transfer::export(&arguments),
        Command::Import(arguments) => transfer::import(&arguments),
        Command::Backup(arguments) => transfer::backup(&arguments),
        Command::Restore(arguments) => transfer::restore(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}

/// The command line, for manual pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// What went wrong, and the exit code that says so.
#[derive(Debug)]
struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// Something failed.
    fn failed(message: impl Display) -> Self {
        Self { message: message.to_string(), code: 1 }
    }

    /// The command line or the configuration is wrong.
    fn wrong(message: impl Display) -> Self {
        Self { message: message.to_string(), code: 2 }
    }

    fn tell(self) -> ExitCode {
        // If standard error is gone there is nobody to tell.
        let mut out = std::io::stderr().lock();
        for line in self.message.lines() {
            let _ = writeln!(out, "cssr-relay: {line}");
        }
        ExitCode::from(self.code)
    }
}

/// Writes to standard output at once, for whoever waits for it.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::failed(format_args!("standard output: {error}")))
}
