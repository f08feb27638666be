//! How a program ends: what failed, then what to do, and an exit code that scripts can rely on.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | failed: the environment, the network, the relay |
//! | 2 | wrong usage or bad input |
//! | 3 | refused for safety: nothing was sent; a person must decide |

use super::say::{complain, say};
use std::path::Path;
use std::process::ExitCode;

/// A failure in words.
#[derive(Debug)]
pub struct Failure {
    /// Who is at fault.
    pub kind: FailureKind,
    /// What failed.
    pub what: String,
    /// What to do.
    pub help: &'static str,
    /// Whether what was printed with `--json` says it already: one command prints one object.
    pub reported: bool,
}

/// Who is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The environment, the network, the relay.
    Failed,
    /// The caller.
    Usage,
    /// Nobody may go on before a person decided.
    Refused,
}

impl Failure {
    /// The environment, the network or the relay failed.
    pub fn failed(what: impl ToString, help: &'static str) -> Self {
        Self { kind: FailureKind::Failed, what: what.to_string(), help, reported: false }
    }

    /// The caller gave something that cannot be used.
    pub fn usage(what: impl ToString, help: &'static str) -> Self {
        Self { kind: FailureKind::Usage, what: what.to_string(), help, reported: false }
    }

    /// Refused for safety.
    pub fn refused(what: impl ToString, help: &'static str) -> Self {
        Self { kind: FailureKind::Refused, what: what.to_string(), help, reported: false }
    }

    /// The same, with the file or folder that it is about.
    #[must_use]
    pub fn about(self, path: &Path) -> Self {
        Self { what: format!("{}: {}", path.display(), self.what), ..self }
    }

    /// The same, of which the object that was printed says `"ok": false` already.
    #[must_use]
    pub fn after_report(self) -> Self {
        Self { reported: true, ..self }
    }

    const fn code(&self) -> u8 {
        match self.kind {
            FailureKind::Failed => 1,
            FailureKind::Usage => 2,
            FailureKind::Refused => 3,
        }
    }
}

/// Prints a failure, if there is one, and gives the exit code.
pub fn finish(result: Result<(), Failure>, json: bool) -> ExitCode {
    let Err(failure) = result else { return ExitCode::SUCCESS };
    if json && failure.reported {
        // The object that was printed says it.
    } else if json {
        let object = serde_json::json!({
            "ok": false, "error": failure.what, "help": failure.help, "code": failure.code(),
        });
        say!("{object}");
    } else {
        complain(format_args!("error: {}", failure.what));
        if !failure.help.is_empty() {
            complain(format_args!("help: {}", failure.help));
        }
    }
    ExitCode::from(failure.code())
}
