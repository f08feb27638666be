//! `cargo xtask man`: manual pages and shell completions of all programs, in the target folder.

use std::fs;
use std::io;
use std::process::ExitCode;

use crate::checkout;

/// Writes them, and says where.
pub(crate) fn run() -> ExitCode {
    match write() {
        Ok(true) => ExitCode::SUCCESS,
        // It has said why.
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes them; whether that went well.
pub(crate) fn write() -> io::Result<bool> {
    let target = checkout::target_dir();
    let folders = ["man", "completions"].map(|name| target.join(name));
    for folder in &folders {
        // Pages of commands that are gone must not stay.
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let status = checkout::cargo().args(["run", "--quiet", "--package", "cssr-man", "--"]).arg(&target).status()?;
    if status.success() {
        folders.iter().for_each(|folder| println!("{}", folder.display()));
    }
    Ok(status.success())
}
