//! Manual pages and shell completions of all programs, made from the command lines that the programs themselves read.
//!
//! `cargo xtask man` runs it. It is apart from xtask, so that everyday jobs need not wait for all programs to compile.
//! Exit codes: 0 written, 1 something failed, 2 wrong arguments.
#![allow(clippy::print_stderr, reason = "a program talks to the terminal")]

use clap::{Command, Parser};
use clap_complete::Shell;
use clap_mangen::Man;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The shells that people at a terminal use.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

/// Write manual pages and shell completions.
#[derive(Parser)]
struct Arguments {
    /// The folder in which `man` and `completions` are made.
    folder: PathBuf,
}

fn main() -> ExitCode {
    let Arguments { folder } = Arguments::parse();
    match write(&folder.join("man"), &folder.join("completions")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

/// Every program's command line.
fn programs() -> [Command; 4] {
    [
        cssr_relay::cli::command(),
        cssr_client::cli::source::command(),
        cssr_client::cli::office::command(),
        cssr_client::cli::desk::command(),
    ]
}

fn write(man: &Path, completions: &Path) -> io::Result<()> {
    fs::create_dir_all(man)?;
    fs::create_dir_all(completions)?;
    for program in programs() {
        let name = program.get_name().to_owned();
        for shell in SHELLS {
            // It adds the `help` command, hence the copy.
            clap_complete::generate_to(shell, &mut program.clone(), &name, completions)?;
        }
        // `cssr-desk help import` says what `cssr-desk-import(1)` does, and has no page of its own.
        let mut program = program.disable_help_subcommand(true);
        program.build();
        write_pages(program, man)?;
    }
    Ok(())
}

/// A page for the command, and one for each command below it.
fn write_pages(command: Command, folder: &Path) -> io::Result<()> {
    for below in command.get_subcommands() {
        write_pages(below.clone(), folder)?;
    }
    // No date: the same checkout gives the same bytes.
    Man::new(command).manual("CSSR Relay").generate_to(folder).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where everything is written, once for each test.
    fn written() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("man"), &folder.path().join("completions")).unwrap();
        folder
    }

    /// The commands of a program with their names as they are typed, the program first.
    fn commands(program: &Command, path: &[&str]) -> Vec<(Vec<String>, Command)> {
        let path = [path, &[program.get_name()]].concat();
        let mut all = vec![(path.iter().map(|name| (*name).to_owned()).collect(), program.clone())];
        for below in program.get_subcommands() {
            all.extend(commands(below, &path));
        }
        all
    }

    fn every_command() -> Vec<(Vec<String>, Command)> {
        programs().iter().flat_map(|program| commands(program, &[])).collect()
    }

    #[test]
    fn every_program_is_there() {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let clients = fs::read_dir(checkout.join("client/src/bin")).unwrap();
        let mut binaries: Vec<String> =
            clients.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        binaries.push("cssr-relay".to_owned());
        binaries.sort();
        let mut named: Vec<String> = programs().iter().map(|program| program.get_name().to_owned()).collect();
        named.sort();
        assert_eq!(named, binaries);
    }

    #[test]
    fn every_command_has_its_page_with_every_option() {
        let folder = written();
        let commands = every_command();
        assert!(commands.len() > 30);
        for (path, command) in &commands {
            let file = folder.path().join("man").join(format!("{}.1", path.join("-")));
            let page = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            assert!(page.contains("CSSR Relay"), "{path:?}");
            for option in command.get_opts().filter_map(|option| option.get_long()) {
                assert!(page.contains(&format!("\\-\\-{}", option.replace('-', "\\-"))), "{path:?} --{option}");
            }
        }
        // And nothing else: no page of a command that is gone.
        assert_eq!(fs::read_dir(folder.path().join("man")).unwrap().count(), commands.len());
    }

    #[test]
    fn what_holds_for_every_command_stands_on_every_page() {
        let folder = written();
        for (path, _) in every_command().iter().filter(|(path, _)| path[0] != "cssr-relay") {
            let page = fs::read_to_string(folder.path().join("man").join(format!("{}.1", path.join("-")))).unwrap();
            assert!(page.contains("\\-\\-json"), "{path:?}");
        }
    }

    #[test]
    fn every_shell_completes_every_command_of_every_program() {
        let folder = written();
        for program in programs() {
            let name = program.get_name();
            for file in [format!("{name}.bash"), format!("{name}.fish"), format!("_{name}")] {
                let script = fs::read_to_string(folder.path().join("completions").join(&file)).unwrap();
                for below in program.get_subcommands() {
                    assert!(script.contains(below.get_name()), "{file}: {}", below.get_name());
                    for option in below.get_opts().filter_map(|option| option.get_long()) {
                        assert!(script.contains(option), "{file}: {} --{option}", below.get_name());
                    }
                }
            }
        }
    }
}
