//! Errors of the office in words: what failed, then what to do.

use crate::cli::outcome::Failure;
use crate::files::KeyFileError;
use crate::office::{Damage, OfficeError};

impl From<OfficeError> for Failure {
    fn from(error: OfficeError) -> Self {
        use OfficeError as E;
        let help = help(&error);
        match error {
            // Somebody else may be at work, or the machine is not as it should be: a person decides.
            E::Busy(_) | E::Clock { .. } | E::StaleDraft | E::KeyWasRevoked(_) | E::NotTheRoot(_) => {
                Self::refused(error, help)
            }
            E::Io { .. } | E::Damaged { .. } | E::KeyFileMissing(_) | E::KeyFile { .. } | E::Refused(_) => {
                Self::failed(error, help)
            }
            E::CardTooLong | E::LineageFull => Self::failed(error, help),
            _ => Self::usage(error, help),
        }
    }
}

fn help(error: &OfficeError) -> &'static str {
    use OfficeError as E;
    match error {
        E::Io { .. } => {
            "Nothing was issued. See that the folder can be written to and the disk is not full, then try again."
        }
        E::NoOffice(_) => "Give the folder that `cssr-office init` made.",
        E::NotEmpty(_) => "Choose a folder that is empty or not there yet.",
        E::Busy(_) => "Wait until the other program is done. Nothing was changed.",
        E::Damaged { why: Damage::InTheWay, .. } => {
            "Another roster of this number was written meanwhile. Look at it with `cssr-office show`."
        }
        E::Damaged { .. } => {
            "Do not repair it by hand. Put the missing file back from a copy, or make the folder anew from the published \
             roster with `cssr-office restore`."
        }
        E::KeyFileMissing(_) => {
            "Put the key file there. If it is lost, let the successor take over with `cssr-office succeed`."
        }
        E::KeyFile { error: KeyFileError::WrongPassphrase, .. } => {
            "Nothing was changed. Type it again. If the passphrase of the root is forgotten, let the successor take over with \
             `cssr-office succeed`."
        }
        E::KeyFile { error: KeyFileError::Memory, .. } => "Close other programs and try again; 64 MiB are needed.",
        E::KeyFile { .. } => "Give the right file, or one of its copies.",
        E::NotTheRoot(_) => {
            "The file may be from an earlier root, or from another office. Nothing was signed. Put the current root's key \
             file there."
        }
        E::NotTheSuccessor(_) => {
            "Give the key file of the newest successor: the one that the last `init` or `succeed` named."
        }
        E::LineageFull => "Make a new office, and announce its card in a notice of this one.",
        E::NotARequest(_) => "Give a file that `cssr-desk init` or `cssr-desk courier` made. Nothing was changed.",
        E::Request(_) => {
            "Have the request made again for this office on a machine whose clock is right. Nothing was changed."
        }
        E::KeyInUse(_) => "See `cssr-office show`. Each seat and each courier makes a request of its own, once.",
        E::KeyWasRevoked(_) => "Have a new key made: with a new folder of `cssr-desk init` or `cssr-desk courier`.",
        E::DeskFull(_) => "Revoke a seat first: a retired one whose replies have all expired, for instance.",
        E::TooManyCouriers => "Revoke couriers that are no longer used.",
        E::NoSuchDesk(_) => "See `cssr-office show` for the desks; add one with `cssr-office desk`.",
        E::NoSuchSeat { .. } => "See `cssr-office show`. A courier is admitted for a seat that is listed.",
        E::NoSuchCourier(_) | E::AlreadyRetired { .. } | E::NothingToChange => "See `cssr-office show`.",
        E::DeskNeeded(_) => "Revoke its seats first, and add another desk if it is the only one.",
        E::NothingIssued => "Add a desk and admit seats first.",
        E::Clock { .. } => {
            "Set the clock of this machine. If it is right, roster and folder are from the future: find out how."
        }
        E::StaleDraft => "Start again, and read the new summary.",
        E::RelayIdentity(_) => "Give the file relay.identity that `cssr-relay init` wrote, unchanged.",
        E::CardTooLong => "List fewer or shorter addresses.",
        E::Refused(_) => "Nothing was issued.",
        E::NoteDays { .. } => "Nothing was changed. Give a smaller --note-days or a larger --letter-days.",
        E::Days(_) | E::NoRequests => "",
    }
}
