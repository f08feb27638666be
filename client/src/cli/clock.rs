//! The day: what the machine's clock shows, or what the person says. Everything below takes it as an argument.

use super::outcome::Failure;
use cssr_proto::Day;
use std::time::{SystemTime, UNIX_EPOCH};

/// Which day is taken for today.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct ClockOptions {
    /// Take this for today's date instead of what the clock says, for machines whose clock cannot be set.
    #[arg(long, global = true, value_name = "YYYY-MM-DD")]
    today: Option<Day>,
}

impl ClockOptions {
    /// The option's day, or the clock's.
    ///
    /// # Errors
    /// There is no option, and the clock shows a day before 1970-01-05.
    pub fn today(&self) -> Result<Day, Failure> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).ok();
        let clock = since.and_then(|since| Day::from_unix(since.as_secs()));
        self.today.or(clock).ok_or_else(|| {
            Failure::failed("the clock of this machine shows no possible day", "Set the clock, or give --today.")
        })
    }
}
