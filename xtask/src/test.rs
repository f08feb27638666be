//! `cargo xtask test`: every test of the workspace, and one line that sums them up.
//!
//! A test that needs a tool says so as `#[ignore = "needs TOOL"]`. The first run of `cargo test` lists such tests, a
//! second one runs those whose tool is there; the others are named and counted as skipped, or as failed with
//! `CSSR_REQUIRE=all`.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write as _};
use std::ops::AddAssign;
use std::process::{ExitCode, Stdio};

use crate::{checkout, require, wasm};

/// Runs every test. The last line of output is `N passed, N failed, N skipped`.
pub(crate) fn run() -> ExitCode {
    let mut figures = Figures::default();
    let mut absent = Vec::new();

    let first = cargo_test(&[]);
    figures += first.figures;
    let (runnable, missing): (Vec<_>, Vec<_>) =
        first.ignored.into_iter().partition(|test| test.needs.as_deref().is_some_and(require::has));
    absent.extend(missing.into_iter().map(|test| match test.needs {
        Some(tool) => format!("{} (needs {tool})", test.name),
        None => format!("{} (ignored without naming a tool)", test.name),
    }));

    if !runnable.is_empty() {
        let mut arguments = vec!["--ignored", "--exact"];
        arguments.extend(runnable.iter().map(|test| test.name.as_str()));
        figures += cargo_test(&arguments).figures;
    }

    match wasm::build() {
        Ok(()) => figures.passed += 1,
        Err(wasm::Error::Missing(what)) => absent.push(format!("WebAssembly build ({what})")),
        Err(error) => {
            eprintln!("failed: WebAssembly build: {error}");
            figures.failed += 1;
        }
    }

    let (word, count) =
        if require::everything() { ("failed", &mut figures.failed) } else { ("skipped", &mut figures.skipped) };
    *count += absent.len();
    for what in absent {
        println!("{word}: {what}");
    }
    println!("{figures}");
    if figures.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Figures {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// What one `cargo test` said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    figures: Figures,
    ignored: Vec<Ignored>,
}

/// A test that was left out, with the tool that it says it needs.
#[derive(Debug, PartialEq, Eq)]
struct Ignored {
    name: String,
    needs: Option<String>,
}

impl Outcome {
    /// Takes in one line of the output of cargo's test harness.
    fn read(&mut self, line: &str) {
        if let Some(summary) = line.strip_prefix("test result: ") {
            self.figures += parse_summary(summary);
        } else if let Some((name, result)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ignored"))
        {
            let needs = result.strip_prefix(", needs ").and_then(|reason| reason.split_whitespace().next());
            self.ignored.push(Ignored { name: name.to_owned(), needs: needs.map(str::to_owned) });
        }
    }

    /// Closes the outcome: a run that went wrong without a failed test (it did not compile, it crashed) is a failure too.
    fn finish(mut self, succeeded: bool) -> Self {
        if !succeeded && self.figures.failed == 0 {
            self.figures.failed = 1;
        }
        self
    }
}

/// Reads `ok. 5 passed; 0 failed; 1 ignored; ...`. Ignored tests are counted by name, where they are listed.
fn parse_summary(summary: &str) -> Figures {
    let figure = |what: &str| {
        summary
            .split([';', '.'])
            .find_map(|part| part.trim().strip_suffix(what))
            .and_then(|number| number.trim().parse().ok())
            .unwrap_or(0)
    };
    Figures { passed: figure("passed"), failed: figure("failed"), skipped: 0 }
}

/// Runs `cargo test` on the whole workspace, with arguments for the test harness, and passes its output on.
fn cargo_test(harness_arguments: &[&str]) -> Outcome {
    match try_cargo_test(harness_arguments) {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("failed: cargo test: {error}");
            Outcome::default().finish(false)
        }
    }
}

fn try_cargo_test(harness_arguments: &[&str]) -> io::Result<Outcome> {
    let mut child = checkout::cargo()
        .args(["test", "--workspace", "--no-fail-fast", "--"])
        .args(harness_arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut outcome = Outcome::default();
    if let Some(stdout) = child.stdout.take() {
        let mut terminal = io::stdout().lock();
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line?;
            terminal.write_all(&line)?;
            terminal.write_all(b"\n")?;
            outcome.read(&String::from_utf8_lossy(&line));
        }
    }
    Ok(outcome.finish(child.wait()?.success()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome_of(output: &str) -> Outcome {
        let mut outcome = Outcome::default();
        output.lines().for_each(|line| outcome.read(line));
        outcome
    }

    #[test]
    fn figures_of_all_harnesses_add_up() {
        let outcome = outcome_of(
            "running 2 tests\n\
             test a ... ok\n\
             test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
             test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.25s\n",
        );
        assert_eq!(outcome.figures, Figures { passed: 15, failed: 2, skipped: 0 });
        assert_eq!(outcome.figures.to_string(), "15 passed, 2 failed, 0 skipped");
    }

    #[test]
    fn an_ignored_test_is_listed_with_the_tool_it_names() {
        let outcome = outcome_of(
            "test store::nats ... ignored, needs nats-server 2.12 or later\n\
             test src/lib.rs - x (line 3) ... ignored\n\
             test slow ... ignored, because\n",
        );
        let listed: Vec<_> = outcome.ignored.iter().map(|t| (t.name.as_str(), t.needs.as_deref())).collect();
        assert_eq!(listed, [("store::nats", Some("nats-server")), ("src/lib.rs - x (line 3)", None), ("slow", None)]);
        assert_eq!(outcome.figures, Figures::default());
    }

    #[test]
    fn a_run_that_broke_without_a_failed_test_counts_as_a_failure() {
        assert_eq!(outcome_of("").finish(false).figures.failed, 1);
        assert_eq!(outcome_of("").finish(true).figures.failed, 0);
        let summary = "test result: FAILED. 0 passed; 2 failed; 0 ignored;";
        assert_eq!(outcome_of(summary).finish(false).figures.failed, 2);
    }
}
