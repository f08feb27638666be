//! Programs, and calls of them.

use crate::Failure;
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A call that takes longer than this is ended: something hangs. Longer than all attempts of a visit at a machine that
/// is busy with other things.
const LONGEST_CALL: Duration = Duration::from_secs(180);
/// How often to see whether a program has ended.
const POLL: Duration = Duration::from_millis(5);

/// The programs.
const NAMES: [&str; 4] = ["cssr-relay", "cssr-office", "cssr-desk", "cssr-source"];

/// The folder that holds the programs.
#[derive(Clone, Debug)]
pub struct Programs(PathBuf);

impl Programs {
    /// The programs in a folder.
    ///
    /// # Errors
    /// [`Failure::NotBuilt`] if one of the four is not there.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Result<Self, Failure> {
        let folder = folder.into();
        for name in NAMES {
            let program = folder.join(name);
            if !program.is_file() {
                return Err(Failure::NotBuilt(program));
            }
        }
        Ok(Self(folder))
    }

    /// The programs that were built together with the running test: those in the folder above it.
    ///
    /// # Errors
    /// [`Failure::NotBuilt`] as above, and [`Failure::Outdated`] if a source has changed since: building a test does not
    /// build the programs of other crates.
    pub fn beside_this_test() -> Result<Self, Failure> {
        let test = std::env::current_exe().map_err(Failure::environment("the path of this test"))?;
        let folder = test.parent().and_then(Path::parent).unwrap_or(Path::new("."));
        let programs = Self::in_folder(folder)?;
        NAMES.iter().try_for_each(|name| check_up_to_date(&folder.join(name)))?;
        Ok(programs)
    }

    /// Where the programs are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Begins a call of a program, which will run in a folder.
    #[must_use]
    pub fn call(&self, program: &str, folder: &Path) -> Call {
        Call::new(program, Command::new(self.0.join(program)), folder)
    }

    /// Begins a call of a script of a shell, which finds the programs by their names: for what only a shell can set up,
    /// such as a passphrase on another descriptor than standard input.
    #[must_use]
    pub fn shell(&self, script: &str, folder: &Path) -> Call {
        let mut command = Command::new("sh");
        let mut path = self.0.clone().into_os_string();
        if let Some(others) = std::env::var_os("PATH") {
            path.push(":");
            path.push(others);
        }
        command.args(["-c", script]).env("PATH", path);
        Call::new(script, command, folder)
    }
}

/// A call of a program that has not been made yet.
#[derive(Debug)]
pub struct Call {
    program: String,
    command: Command,
    line: String,
    stdin: Vec<u8>,
}

impl Call {
    fn new(program: &str, mut command: Command, folder: &Path) -> Self {
        command.current_dir(folder);
        Self { program: program.to_owned(), command, line: program.to_owned(), stdin: Vec::new() }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(mut self, arguments: I) -> Self {
        for argument in arguments {
            self.line.push(' ');
            self.line.push_str(&argument.as_ref().to_string_lossy());
            self.command.arg(argument);
        }
        self
    }

    /// Gives the program a passphrase on its standard input, which is the only place for one that every system has.
    #[must_use]
    pub fn passphrase(self, passphrase: &str) -> Self {
        let mut call = self.args(["--passphrase-fd", "0"]);
        call.stdin = format!("{passphrase}\n").into_bytes();
        call
    }

    /// Gives the program bytes on its standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Sets a variable of the program's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    /// Lets no file that the program writes grow beyond so many blocks of 512 bytes: writing then fails in the middle, as
    /// it does on a full disk.
    #[must_use]
    pub fn with_files_of_at_most(mut self, blocks: u32) -> Self {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).arg(self.command.get_program()).args(self.command.get_args());
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = self.command.get_current_dir() {
            command.current_dir(folder);
        }
        self.command = command;
        self
    }

    /// Makes the call and waits for its end, whatever the exit code.
    ///
    /// # Errors
    /// [`Failure::Environment`] if it cannot be started, [`Failure::TooLong`] if it does not end.
    pub fn outcome(mut self) -> Result<Outcome, Failure> {
        let failed = || Failure::environment(self.program.clone());
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().map_err(failed())?;
        let stdin = child.stdin.take();
        let input = std::mem::take(&mut self.stdin);
        // A program that does not read its input closes the pipe: not an error of the call.
        let writer = thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&input)));
        let stdout = reader(child.stdout.take());
        let stderr = reader(child.stderr.take());
        let status = wait(&mut child, LONGEST_CALL).map_err(failed())?;
        let _closed = writer.join();
        let (stdout, stderr) = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
        let Some(status) = status else {
            return Err(Failure::TooLong { command: self.line, seconds: LONGEST_CALL.as_secs() });
        };
        Ok(Outcome { command: self.line, code: status.code(), stdout, stderr })
    }

    /// Makes the call, which must end with code 0.
    ///
    /// # Errors
    /// As [`Call::outcome`], and [`Failure::Refused`].
    pub fn run(self) -> Result<Outcome, Failure> {
        self.outcome()?.success()
    }

    /// Makes the call with `--json`, which must end with code 0, and gives what it printed.
    ///
    /// # Errors
    /// As [`Call::run`], and [`Failure::Unexpected`] if that is not one JSON value.
    pub fn json(self) -> Result<Value, Failure> {
        self.args(["--json"]).run()?.json()
    }

    /// Starts the program without waiting for its end. Its standard error stays that of this process.
    pub(crate) fn start(mut self) -> Result<Child, Failure> {
        self.command.stdin(Stdio::null()).stdout(Stdio::piped());
        self.command.spawn().map_err(Failure::environment(self.program))
    }

    pub(crate) fn log_to(mut self, log: impl Into<Stdio>) -> Self {
        self.command.stderr(log);
        self
    }
}

/// How a call ended.
#[derive(Debug)]
pub struct Outcome {
    /// The command line.
    pub command: String,
    /// The exit code; none if a signal ended the program.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it said of errors and progress.
    pub stderr: String,
}

impl Outcome {
    /// The outcome itself if the exit code is 0.
    ///
    /// # Errors
    /// [`Failure::Refused`].
    pub fn success(self) -> Result<Self, Failure> {
        if self.code == Some(0) {
            return Ok(self);
        }
        Err(Failure::Refused { command: self.command, code: self.code, stderr: self.stderr.trim().to_owned() })
    }

    /// What was printed, as one JSON value.
    ///
    /// # Errors
    /// [`Failure::Unexpected`] if it is not.
    pub fn json(&self) -> Result<Value, Failure> {
        serde_json::from_str(&self.stdout)
            .map_err(|error| Failure::Unexpected(format!("`{}` printed no JSON ({error})", self.command)))
    }
}

/// Cargo writes beside each program which files it was made from: `PROGRAM: FILE FILE ...`, spaces in names escaped.
fn check_up_to_date(program: &Path) -> Result<(), Failure> {
    let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    let built = changed(program).map_err(Failure::environment(program.display().to_string()))?;
    let list = program.with_extension("d");
    let list = std::fs::read_to_string(&list).map_err(Failure::environment(list.display().to_string()))?;
    let sources = list.split_once(": ").map_or("", |(_, sources)| sources).replace("\\ ", "\0");
    let unchanged = sources.split_whitespace().all(|source| {
        // One that is gone has changed, too.
        changed(Path::new(&source.replace('\0', " "))).is_ok_and(|source| source <= built)
    });
    if unchanged { Ok(()) } else { Err(Failure::Outdated(program.to_owned())) }
}

fn reader(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // What was read before an error is still worth showing.
            let _partly = stream.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits for a program to end; `None`, and the program is ended, if that takes too long.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<std::process::ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}
