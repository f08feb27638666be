//! `cargo xtask wasm`: the protocol crate for `wasm32-unknown-unknown`, and the toolchain for whatever else is built
//! for it.
//!
//! The installed toolchain is used if it has the target. Otherwise, on Debian, the compiler that Debian builds its
//! browsers with (`rustc-web`, which knows WebAssembly) is unpacked into the target folder, next to its standard
//! library in source, which cargo then builds. Nothing is installed, and nothing conflicts with rustup.

mod debian;

use std::io;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use crate::checkout;

/// The target triple of the source page.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Why there is no WebAssembly build.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The machine lacks a tool; the text names it and says how to get it.
    #[error("{0}")]
    Missing(String),
    /// The build was tried and went wrong; cargo has said why.
    #[error("cargo build for {TARGET} failed")]
    Build,
    /// A command could not be run, or a file not be written.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system said.
        error: io::Error,
    },
}

/// Builds the protocol crate and says what was missing or went wrong.
pub(crate) fn run() -> ExitCode {
    match build() {
        Ok(()) => {
            println!("cssr-proto builds for {TARGET}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Builds the protocol crate. It is the release profile that goes into the source page.
pub(crate) fn build() -> Result<(), Error> {
    let status = cargo_build()?
        .args(["--package", "cssr-proto", "--lib", "--release"])
        .stdin(Stdio::null())
        .status()
        .map_err(io_error("running cargo"))?;
    if status.success() { Ok(()) } else { Err(Error::Build) }
}

/// A `cargo build` for [`TARGET`], into a target folder of its own.
///
/// The folder is apart because the compiler may be another one than the host's, and each would throw away what the
/// other has built.
pub(crate) fn cargo_build() -> Result<Command, Error> {
    let mut command = checkout::cargo();
    command.args(["build", "--target", TARGET, "--target-dir"]).arg(checkout::target_dir().join("wasm"));
    if !host_compiler_has_target()? {
        debian::Toolchain::get()?.configure(&mut command);
    }
    Ok(command)
}

/// Whether the standard library for the target is there, from rustup or from a distribution.
fn host_compiler_has_target() -> Result<bool, Error> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .stderr(Stdio::inherit())
        .output()
        .map_err(io_error("running rustc"))?;
    let folder = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && Path::new(folder.trim()).is_dir())
}

fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    move |error| Error::Io { what: what.into(), error }
}
