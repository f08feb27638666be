//! Errors of seats and couriers in words: what failed, then what to do.

use crate::cli::outcome::Failure;
use crate::courier::{CourierError, WalkError};
use crate::files::KeyFileError;
use crate::seat::SeatError;
use cssr_proto::RosterError;
use cssr_proto::letter::SealError;

impl From<SeatError> for Failure {
    fn from(error: SeatError) -> Self {
        use SeatError as E;
        let help = seat_help(&error);
        match error {
            E::Roster(_) | E::OldRoster { .. } | E::NotConfirmed | E::NoDirectory | E::InUse => {
                Self::refused(error, help)
            }
            E::Io(_) | E::Damaged(_) | E::KeyFile(_) | E::TooLarge => Self::failed(error, help),
            _ => Self::usage(error, help),
        }
    }
}

impl From<CourierError> for Failure {
    fn from(error: CourierError) -> Self {
        use CourierError as E;
        let help = courier_help(&error);
        match error {
            E::Io(_) | E::Damaged | E::Mirror(_) | E::KeyFile(_) | E::Session(_) | E::Refused(_) => {
                Self::failed(error, help)
            }
            E::NoCourier | E::Exists | E::Malformed(_) | E::Request(_) | E::NotListed | E::NotAdmitted => {
                Self::usage(error, help)
            }
            _ => Self::refused(error, help),
        }
    }
}

/// A roster outside its days, or a clock outside of them.
const ROSTER_OR_CLOCK: &str = "Look at a calendar you trust. If this machine's clock is wrong, set it, or give the date with --today; if it is right, \
                               have the office issue a new roster. Nothing was changed.";

const fn is_about_today(error: &RosterError) -> bool {
    matches!(error, RosterError::Expired { .. } | RosterError::NotYetIssued { .. })
}

const fn key_file_help(error: KeyFileError) -> &'static str {
    match error {
        KeyFileError::WrongPassphrase => "Nothing was changed. Type it again.",
        KeyFileError::Memory => "Close other programs and try again; 64 MiB are needed.",
        _ => "Give the folder that `cssr-desk` made, or a copy of it.",
    }
}

const fn seat_help(error: &SeatError) -> &'static str {
    use SeatError as E;
    match error {
        E::Io(_) => "See that the folder can be written to and the disk is not full, then do the same again.",
        E::NoSeat => "Give the folder that `cssr-desk init` made.",
        E::Exists => "Choose another folder. Nothing was changed.",
        E::InUse => "Wait until the other program is done. Nothing was changed.",
        E::KeyFile(error) => key_file_help(*error),
        E::Damaged(_) => "Do not repair it by hand: put the folder back from a copy, and import the mirrors again.",
        E::Roster(error) if is_about_today(error) => ROSTER_OR_CLOCK,
        E::NotARoster(_) | E::Roster(_) => {
            "Give the newest file of the office's `rosters` folder. Nothing was changed."
        }
        E::OldRoster { .. } => {
            "Somebody may be showing old rosters; ask the holder of the office's root. Nothing was changed."
        }
        E::NotListed => "Carry seat.request to the office, and accept the roster that it then issues.",
        E::NotAdmitted => "Accept the roster that lists this seat first: `cssr-desk accept`.",
        E::SeatEnded(_) => "Ask the office to renew this seat.",
        E::NoLetter(_) => "`cssr-desk list` shows the letters.",
        E::NotAnswerable(_) => "Answer a letter of a source; `cssr-desk list` shows which those are.",
        E::NoDirectory => "Import a mirror first. Nothing was written.",
        E::NotConfirmed => {
            "Publish this seat's statements, let the couriers mirror, and import that mirror. Nothing was written."
        }
        E::Seal(SealError::TooLong { .. } | SealError::TooLarge { .. }) | E::TextLength => {
            "Shorten it, or send it in parts. Nothing was written."
        }
        _ => "Nothing was changed.",
    }
}

const fn courier_help(error: &CourierError) -> &'static str {
    use CourierError as E;
    match error {
        E::Io(_) => "See that both folders can be written to and the disk is not full, then do the same again.",
        E::NoCourier => "Give the folder that `cssr-desk courier` made.",
        E::Exists => "Choose another folder. Nothing was changed.",
        E::InUse => "Wait until the other program is done.",
        E::KeyFile(error) => key_file_help(*error),
        E::Damaged => "Make the courier anew, and have it admitted.",
        E::Mirror(_) | E::OtherBatch(_) => {
            "Keep this mirror aside, tell the office, and begin a new folder. Nothing was signed."
        }
        E::OtherRelay => "Begin a new mirror folder for the new relay, and keep the old one.",
        E::Roster(error) if is_about_today(error) => ROSTER_OR_CLOCK,
        E::Malformed(_) | E::Roster(_) | E::Succession(_) => {
            "Give the newest file of the office's `rosters` folder; if the relay showed it, tell the office."
        }
        E::NotListed => "Carry courier.request to the office, and accept the roster that it then issues.",
        E::NotAdmitted => "Accept the roster that lists this courier first: `cssr-desk accept`.",
        E::WrongRelay => {
            "Check the address. If the office has moved its relay, accept the newest roster. Nothing was signed."
        }
        E::DayDiffers { .. } => {
            "Look at a calendar you trust. Set this machine's clock, or tell the relay's operators. Nothing was signed."
        }
        E::RelayBehind { .. } => "Publish the newest roster: `cssr-desk publish`. Nothing was signed.",
        E::Walk(WalkError::Unvouched(_)) => {
            "If nobody has mirrored the relay for longer than it keeps letters, add --accept-gap once. Nothing was signed."
        }
        E::Walk(WalkError::LeftOut(_)) => {
            "The relay hides letters: tell the office. (If the office keeps letters for longer than it did until lately, add --accept-gap once.) Nothing was signed."
        }
        E::Walk(_) | E::Withheld(_) => {
            "The relay contradicts what was mirrored before: tell the office. Nothing was signed; what was mirrored is kept."
        }
        E::Session(_) => {
            "Check the connection, the proxy and the address. The next mirror goes on where this one stopped."
        }
        E::Refused(_) => "Accept the newest roster, or try again later.",
        _ => "Nothing was signed.",
    }
}
