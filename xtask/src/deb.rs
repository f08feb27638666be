//! `cargo xtask deb`: the Debian package of the relay.

use std::env;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::{checkout, man, require};

/// What `cargo xtask deb` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The folder for the package.
    #[arg(long, default_value = "target/debian")]
    output: PathBuf,
    /// The profile that the program is built with.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Take the program as it was built before.
    #[arg(long)]
    no_build: bool,
}

/// Builds it; its path is the last line.
pub(crate) fn run(options: &Options) -> ExitCode {
    if !require::on_path("cargo-deb") {
        eprintln!("error: cargo-deb is missing; \"cargo install cargo-deb --version '^3.8' --locked\" installs it");
        return ExitCode::FAILURE;
    }
    if env::var_os("CARGO_TARGET_DIR").is_some() {
        eprintln!("error: the package takes its files from target/, so CARGO_TARGET_DIR must not be set");
        return ExitCode::FAILURE;
    }
    match package(options) {
        Ok(true) => ExitCode::SUCCESS,
        // It has said why.
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn package(Options { output, profile, no_build }: &Options) -> io::Result<bool> {
    let mut build = checkout::cargo();
    build.args([
        "build",
        "--quiet",
        "--locked",
        "--package",
        "cssr-relay",
        "--bin",
        "cssr-relay",
        "--profile",
        profile,
    ]);
    if (!no_build && !build.status()?.success()) || !man::write()? {
        return Ok(false);
    }
    let mut package = checkout::cargo();
    package.args(["deb", "--quiet", "--package", "cssr-relay", "--no-build", "--no-dbgsym", "--profile", profile]);
    // Symbols are of no use where nothing may dump its memory; to look at a package it need not be small.
    package.args(if profile == "release" { &["--strip"][..] } else { &["--no-strip", "--fast"] });
    Ok(package.arg("--output").arg(output.join("")).status()?.success())
}
