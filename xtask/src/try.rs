//! `cargo xtask try`: the main job, from nothing to a reply that was read.
//!
//! Every part is a program of its own, called as its users would: the relay, the office, three seats, two couriers, two
//! sources. Texts are compared byte for byte where they arrive. Then everything stays up, with the commands to go on.

mod job;
mod manual;
mod steps;

use crate::checkout;
use cssr_installation::{Failure, Installation, Programs, RunningRelay};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use steps::Steps;

/// How to try.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Stop after the round trip, and remove everything.
    #[arg(long)]
    once: bool,
    /// Print one JSON object as the last line: {"ok", "steps": [{"name", "ok", "seconds"}]}; after a failure also "error".
    #[arg(long)]
    json: bool,
}

/// Does the main job.
pub(crate) fn run(options: &Options) -> ExitCode {
    let mut steps = Steps::default();
    let result = attempt(&mut steps, options);
    let error = result.err().map(|error| error.to_string());
    if let Some(error) = &error {
        eprintln!("error: {error}");
    }
    if options.json {
        println!("{}", steps.as_json(error.as_deref()));
    }
    if error.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn attempt(steps: &mut Steps, options: &Options) -> Result<(), Failure> {
    let programs = steps.take("programs are built", build)?;
    let folder = Folder::make(options.once)?;
    println!("Installing in {}, which stays there after a failure.", folder.path().display());
    println!("Here the relay seals a batch every second; elsewhere it waits for 16 letters or half an hour.");
    let installation = Installation::new(programs, folder.path());
    let (installation, relay) = job::round_trip(steps, installation)?;
    if options.once {
        steps.take("relay ends in peace", || relay.stop())?;
        return folder.remove();
    }
    if options.json {
        // For who waits for it; the line comes again at the end, as the last one.
        println!("{}", steps.as_json(None));
    }
    stay_up(&installation, relay)
}

fn build() -> Result<Programs, Failure> {
    // The whole workspace, as the tests build it: other features would be another build.
    let status = checkout::cargo().args(["build", "--quiet", "--workspace", "--bins"]).status();
    match status {
        Ok(status) if status.success() => Programs::in_folder(checkout::target_dir().join("debug")),
        Ok(status) => Err(Failure::Unexpected(format!("cargo build ended with {status}"))),
        Err(error) => Err(Failure::Environment { what: "cargo".to_owned(), error }),
    }
}

/// Leaves the relay running until somebody ends it: Ctrl-C reaches it, too.
fn stay_up(installation: &Installation, mut relay: RunningRelay) -> Result<(), Failure> {
    print!("{}", manual::go_on(installation, relay.address())?);
    relay.wait()
}

/// Where the installation is made.
struct Folder(PathBuf);

impl Folder {
    /// `target/try`, empty; for one round trip a folder that no other run uses.
    fn make(once: bool) -> Result<Self, Failure> {
        let name = if once { format!("try-{}", std::process::id()) } else { "try".to_owned() };
        let folder = checkout::target_dir().join(name);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&folder, error)),
            _ => {}
        }
        fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
        Ok(Self(folder))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    /// Only after success: what a failure left may be worth a look.
    fn remove(self) -> Result<(), Failure> {
        fs::remove_dir_all(&self.0).map_err(|error| failed(&self.0, error))
    }
}

fn failed(path: &Path, error: io::Error) -> Failure {
    Failure::Environment { what: path.display().to_string(), error }
}
