//! Why a step could not be taken.

use std::io;
use std::path::PathBuf;

/// Why a step could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// A program is not where it was looked for: nothing has been built, or something else.
    #[error("{} is not there: `cargo build` first", .0.display())]
    NotBuilt(PathBuf),
    /// A program was built before the last change of its sources.
    #[error("{} is older than its sources: `cargo build --workspace --bins` first", .0.display())]
    Outdated(PathBuf),
    /// A program could not be started, or a file not be read or written.
    #[error("{what}: {error}")]
    Environment {
        /// What was tried.
        what: String,
        /// What the system says.
        error: io::Error,
    },
    /// A program ended with another exit code than 0.
    #[error("`{command}` ended with code {}: {stderr}", code.map_or("none".to_owned(), |code| code.to_string()))]
    Refused {
        /// The command line.
        command: String,
        /// Its exit code; none if a signal ended it.
        code: Option<i32>,
        /// What it said.
        stderr: String,
    },
    /// A program took longer than it may.
    #[error("`{command}` was still running after {seconds} s")]
    TooLong {
        /// The command line.
        command: String,
        /// The limit.
        seconds: u64,
    },
    /// A program did what was asked, but said something unexpected.
    #[error("{0}")]
    Unexpected(String),
}

impl Failure {
    pub(crate) fn environment(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::Environment { what, error }
    }
}
