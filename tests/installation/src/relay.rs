//! A relay that runs.

use crate::call::wait;
use crate::{Call, Failure, Programs};
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

/// How long a relay may take to end in peace; its own limit is shorter.
const LONGEST_STOP: Duration = Duration::from_secs(30);

/// A `cssr-relay serve` that runs. It is killed when this is dropped.
#[derive(Debug)]
pub struct RunningRelay {
    child: Child,
    address: String,
}

impl RunningRelay {
    /// Starts the relay whose configuration is in a folder, and waits until it listens. Its log goes to the file
    /// `log` in that folder.
    ///
    /// # Errors
    /// [`Failure::Unexpected`] with its log, if it does not come up.
    pub fn start(programs: &Programs, folder: &Path) -> Result<Self, Failure> {
        Self::start_as(programs, folder, |call| call)
    }

    /// The same with its files limited as [`Call::with_files_of_at_most`] does.
    ///
    /// # Errors
    /// As [`RunningRelay::start`].
    pub fn start_with_files_of_at_most(blocks: u32, programs: &Programs, folder: &Path) -> Result<Self, Failure> {
        Self::start_as(programs, folder, |call| call.with_files_of_at_most(blocks))
    }

    fn start_as(programs: &Programs, folder: &Path, prepare: impl FnOnce(Call) -> Call) -> Result<Self, Failure> {
        let log_file = folder.join("log");
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log_file)
            .map_err(Failure::environment(log_file.display().to_string()))?;
        let config = folder.join("relay.toml");
        let call = programs.call("cssr-relay", folder).args(["serve", "--json", "--config"]).args([&config]);
        let mut child = prepare(call).log_to(log).start()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            // At the end of the stream the line stays empty: the relay has ended.
            BufReader::new(stdout).read_line(&mut line).map_err(Failure::environment("the relay's first line"))?;
        }
        let said: Option<Value> = serde_json::from_str(&line).ok();
        let Some(address) = said.as_ref().and_then(|said| said["listening"].as_str()) else {
            // It may still be there if it said something else.
            let _ended = child.kill();
            let _status = child.wait();
            let log = std::fs::read_to_string(&log_file).unwrap_or_default();
            return Err(Failure::Unexpected(format!("the relay does not start: {}", log.trim())));
        };
        Ok(Self { address: address.to_owned(), child })
    }

    /// Where it listens: `ws://127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends by itself, or by somebody's signal.
    ///
    /// # Errors
    /// [`Failure::Environment`] if the system cannot tell.
    pub fn wait(&mut self) -> Result<(), Failure> {
        self.child.wait().map(drop).map_err(Failure::environment("waiting for the relay"))
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// [`Failure::Unexpected`] if it does not end in time or not with code 0.
    pub fn stop(mut self) -> Result<(), Failure> {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        sent.map_err(Failure::environment("kill"))?;
        match wait(&mut self.child, LONGEST_STOP).map_err(Failure::environment("the relay's end"))? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(Failure::Unexpected(format!("the relay ended with {status}"))),
            None => Err(Failure::Unexpected("the relay did not end in time".to_owned())),
        }
    }

    /// Kills it (SIGKILL), as a crash would.
    ///
    /// # Errors
    /// [`Failure::Environment`].
    pub fn kill(mut self) -> Result<(), Failure> {
        self.child.kill().map_err(Failure::environment("kill"))?;
        self.child.wait().map(drop).map_err(Failure::environment("waiting for the relay"))
    }
}

impl Drop for RunningRelay {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
