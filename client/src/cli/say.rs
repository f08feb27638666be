//! Standard output, which may be a full disk, or somebody who has stopped listening.

use std::fmt;
use std::io::{self, Write as _};

/// Prints a line as `println!` does, but does not panic if it cannot.
macro_rules! say {
    () => {
        $crate::cli::say::line(format_args!(""))
    };
    ($($what:tt)*) => {
        $crate::cli::say::line(format_args!($($what)*))
    };
}
pub(super) use say;

/// Prints a line, or ends the program with code 1: whoever asked would believe that it went well.
pub(super) fn line(text: fmt::Arguments<'_>) {
    let Err(error) = writeln!(io::stdout().lock(), "{text}") else { return };
    // Who has closed a pipe (`| head`) has read enough and knows it.
    if error.kind() != io::ErrorKind::BrokenPipe {
        complain(format_args!("error: standard output: {error}"));
        complain(format_args!("help: Not everything was printed. See what was done before you do it again."));
    }
    std::process::exit(1);
}

/// Prints a line on standard error. If nobody hears that, the exit code must do.
pub(super) fn complain(text: fmt::Arguments<'_>) {
    let _unheard = writeln!(io::stderr().lock(), "{text}");
}
