//! `cssr-office`: what the holder of an office's root does, on a machine that is never connected.

mod failure;
mod print;
mod run;

use super::clock::ClockOptions;
use crate::office::{OfficeError, VALIDITY_DAYS, check_policy};
use clap::{CommandFactory as _, Parser, Subcommand};
use cssr_proto::{CourierNumber, DeskNumber, Number, Policy, SeatNumber, Text};
use std::path::PathBuf;
use std::process::ExitCode;

/// Make an office and its card, admit and revoke its seats and couriers, renew its roster.
///
/// Run it on a machine that is never connected. Requests are carried in, rosters are carried out.
#[derive(Debug, Parser)]
#[command(name = "cssr-office", version, arg_required_else_help = true)]
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
    /// Read the passphrase of a new successor from this descriptor; without it, it is the one of --passphrase-fd.
    #[arg(long, global = true, value_name = "N", requires = "passphrase_fd")]
    successor_passphrase_fd: Option<u32>,
    #[command(flatten)]
    clock: ClockOptions,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an office: its root, its successor, its card.
    Init {
        /// A folder that is empty or not there.
        dir: PathBuf,
        /// The office's name.
        #[arg(long, value_parser = text::<1, 128>)]
        name: Text<1, 128>,
        /// The relay's identity, as `cssr-relay init` wrote it: key and addresses.
        #[arg(long, value_name = "FILE")]
        relay: PathBuf,
        #[command(flatten)]
        policy: PolicyOptions,
    },
    /// Add a desk, give one another name, or remove one that has no seats.
    Desk {
        /// The office's folder.
        dir: PathBuf,
        /// The desk's number, 0 to 15.
        #[arg(long, value_parser = number::<0, 15>)]
        number: DeskNumber,
        /// Its name.
        #[arg(long, value_parser = text::<1, 64>, required_unless_present = "remove")]
        name: Option<Text<1, 64>>,
        /// Remove it.
        #[arg(long, conflicts_with = "name")]
        remove: bool,
    },
    /// Admit seats and couriers that have made a request.
    Admit {
        /// The office's folder.
        dir: PathBuf,
        /// Their requests.
        #[arg(required = true)]
        requests: Vec<PathBuf>,
        /// How many days they count.
        #[arg(long, default_value_t = VALIDITY_DAYS)]
        days: u32,
        /// The keys have been compared with the people who made the requests: do not ask.
        #[arg(long)]
        compared: bool,
    },
    /// Seal nothing to a seat any more, but go on accepting its replies.
    Retire {
        /// The office's folder.
        dir: PathBuf,
        /// The desk's number.
        #[arg(long, value_parser = number::<0, 15>)]
        desk: DeskNumber,
        /// The seat's number.
        #[arg(long, value_parser = number::<0, 6>)]
        seat: SeatNumber,
    },
    /// Accept nothing of a seat (with its couriers) or of a courier any more.
    Revoke {
        /// The office's folder.
        dir: PathBuf,
        /// The desk's number.
        #[arg(long, value_parser = number::<0, 15>, requires = "seat", required_unless_present = "courier")]
        desk: Option<DeskNumber>,
        /// The seat's number.
        #[arg(long, value_parser = number::<0, 6>, requires = "desk")]
        seat: Option<SeatNumber>,
        /// The courier's number.
        #[arg(long, value_parser = number::<0, 255>, conflicts_with_all = ["desk", "seat"])]
        courier: Option<CourierNumber>,
    },
    /// Issue the next roster with a new last day.
    Renew {
        /// The office's folder.
        dir: PathBuf,
        /// How many days from today on, 1 to 400.
        #[arg(long, default_value_t = VALIDITY_DAYS)]
        days: u32,
        /// Extend those seats and couriers, too, that were to end before the roster.
        #[arg(long)]
        everyone: bool,
    },
    /// Give the relay another key or other addresses.
    Relay {
        /// The office's folder.
        dir: PathBuf,
        /// The relay's identity.
        #[arg(long, value_name = "FILE")]
        relay: PathBuf,
    },
    /// Name the right source page and forms, or change the policy.
    Settings {
        /// The office's folder.
        dir: PathBuf,
        /// The source page; its SHA-256 goes into the roster.
        #[arg(long, value_name = "FILE")]
        page: Option<PathBuf>,
        /// The forms; their SHA-256 goes into the roster.
        #[arg(long, value_name = "FILE")]
        forms: Option<PathBuf>,
        #[command(flatten)]
        policy: PolicyOptions,
    },
    /// Put the successor in the place of a root that is lost or no longer trusted.
    Succeed {
        /// The office's folder.
        dir: PathBuf,
        /// The successor's key file, from where it was kept. Without it: the one in the folder.
        #[arg(long, value_name = "FILE")]
        successor: Option<PathBuf>,
    },
    /// Make an office's folder anew from published rosters.
    Restore {
        /// A folder that is empty or not there.
        dir: PathBuf,
        /// Any card of the office.
        #[arg(long)]
        card: String,
        /// The newest roster; earlier ones too, if at hand.
        #[arg(required = true)]
        rosters: Vec<PathBuf>,
    },
    /// Show the card, and write it again.
    Card {
        /// The office's folder.
        dir: PathBuf,
        /// Write the picture to this file, too.
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
    },
    /// Show the office as its newest roster describes it.
    Show {
        /// The office's folder.
        dir: PathBuf,
    },
}

/// How relay and programs behave (protocol, section 4.2).
#[derive(Clone, Copy, Debug, clap::Args)]
struct PolicyOptions {
    /// Days that the relay keeps a letter, 1 to 60 [a new office: 21].
    #[arg(long, value_name = "N", value_parser = number::<1, 60>)]
    letter_days: Option<Number<1, 60>>,
    /// Days that the relay keeps a chunk of a file, 1 to 60 [a new office: 14].
    #[arg(long, value_name = "N", value_parser = number::<1, 60>)]
    chunk_days: Option<Number<1, 60>>,
    /// Letters in a group, 1 to 16 [a new office: 4].
    #[arg(long, value_name = "N", value_parser = number::<1, 16>)]
    group: Option<Number<1, 16>>,
    /// Days that a note counts, 1 to 14 and fewer than letters are kept [a new office: 3].
    #[arg(long, value_name = "N", value_parser = number::<1, 14>)]
    note_days: Option<Number<1, 14>>,
    /// Rounds of a visit, 1 to 8 [a new office: 2].
    #[arg(long, value_name = "N", value_parser = number::<1, 8>)]
    rounds: Option<Number<1, 8>>,
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

fn number<const MIN: u64, const MAX: u64>(text: &str) -> Result<Number<MIN, MAX>, String> {
    let number = text.parse().ok().and_then(|number| Number::new(number).ok());
    number.ok_or_else(|| format!("a number from {MIN} to {MAX} is needed"))
}

fn text<const MIN: usize, const MAX: usize>(text: &str) -> Result<Text<MIN, MAX>, String> {
    Text::new(text).map_err(|_| format!("{MIN} to {MAX} bytes without control characters are needed"))
}

impl PolicyOptions {
    /// Is any option given?
    fn any(&self) -> bool {
        let Self { letter_days, chunk_days, group, note_days, rounds } = self;
        letter_days.is_some() || chunk_days.is_some() || group.is_some() || note_days.is_some() || rounds.is_some()
    }

    /// The policy with what is given changed, so that nobody is asked for a passphrase in vain.
    fn over(&self, policy: Policy) -> Result<Policy, OfficeError> {
        let policy = Policy {
            letter_days: self.letter_days.unwrap_or(policy.letter_days),
            chunk_days: self.chunk_days.unwrap_or(policy.chunk_days),
            group: self.group.unwrap_or(policy.group),
            note_days: self.note_days.unwrap_or(policy.note_days),
            rounds: self.rounds.unwrap_or(policy.rounds),
        };
        check_policy(&policy)?;
        Ok(policy)
    }
}

#[cfg(test)]
mod tests {

    #[test]
    fn the_command_line_does_not_contradict_itself() {
        super::command().debug_assert();
    }
}
