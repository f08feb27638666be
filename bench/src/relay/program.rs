//! Programs as processes of their own: the relay, and this program as a helper.

use super::client::Client;
use super::cpu::Process;
use super::engine::{Engine, fill, relay_key};
use super::failure::RelayFailure;
use super::office::Office;
use super::{Helper, Options};
use rustix::fs::{Advice, fadvise};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Connections that a relay is told to take at once.
const CONNECTIONS: usize = 20_000;
/// The most that a relay takes. None posts so much, unless a thing is measured for a minute.
const LETTERS_MAX: u32 = 2_000_000;

/// A process that is killed when this is dropped.
pub(super) struct Program {
    child: Child,
    pub(super) process: Process,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(program: &Path, arguments: &[&OsStr]) -> Result<Self, RelayFailure> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command
            .spawn()
            .map_err(|error| RelayFailure::Wrong(format!("{} does not start: {error}", program.display())))?;
        let gone = || RelayFailure::wrong("a program ended at once");
        let (input, output) = (child.stdin.take().ok_or_else(gone)?, child.stdout.take().ok_or_else(gone)?);
        let process = Process(child.id().ok_or_else(gone)?);
        Ok(Self { child, process, input, lines: BufReader::new(output).lines() })
    }

    /// This program in another role.
    pub(super) fn helper(helper: Helper, arguments: &[&str]) -> Result<Self, RelayFailure> {
        let mut all = vec![OsStr::new("--helper"), OsStr::new(helper.name())];
        all.extend(arguments.iter().map(OsStr::new));
        Self::start(&std::env::current_exe()?, &all)
    }

    /// The next line that it says, after a word.
    pub(super) async fn line(&mut self, word: &str) -> Result<String, RelayFailure> {
        let line = self.lines.next_line().await?.ok_or_else(|| RelayFailure::wrong("a program said nothing"))?;
        let rest = line.strip_prefix(word).map(|rest| rest.trim().to_owned());
        rest.ok_or_else(|| RelayFailure::Wrong(format!("a program said {line:?} instead of {word:?}")))
    }

    /// Asks it something.
    pub(super) async fn tell(&mut self, line: &str) -> Result<(), RelayFailure> {
        Ok(self.input.write_all(format!("{line}\n").as_bytes()).await?)
    }

    /// The address that it listens on, which is the first thing that it says.
    pub(super) async fn listening(&mut self) -> Result<SocketAddr, RelayFailure> {
        self.line("listening on ws://").await?.parse().map_err(RelayFailure::wrong)
    }

    /// Asks it to end in good order (SIGTERM), and waits for that.
    pub(super) async fn stop(mut self) -> Result<(), RelayFailure> {
        let process = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        kill_process(process.ok_or_else(|| RelayFailure::wrong("a program has ended by itself"))?, Signal::TERM)?;
        let status = self.child.wait().await?;
        // What has no handler for the signal ends by it.
        let ended = status.success() || status.signal() == Some(Signal::TERM.as_raw());
        if ended { Ok(()) } else { Err(RelayFailure::Wrong(format!("a program ended with {status}"))) }
    }
}

/// A relay that takes letters, in a folder that goes with it.
pub(super) struct RunningRelay {
    program: Program,
    pub(super) address: SocketAddr,
    /// How long it took from being started to listening.
    pub(super) ready: Duration,
    pub(super) office: Office,
    folder: TempDir,
}

impl RunningRelay {
    /// A relay with so many listed letters of today.
    pub(super) async fn start<E: Engine>(options: &Options, letters: u64) -> Result<Self, RelayFailure> {
        let relay = StoppedRelay::new(options)?;
        relay.fill::<E>(letters).await?;
        relay.start::<E>().await
    }

    /// The same, in the space of a day that has expired, of so many letters.
    pub(super) async fn aged<E: Engine>(options: &Options, letters: u64, space: u64) -> Result<Self, RelayFailure> {
        let relay = StoppedRelay::new(options)?;
        relay.age::<E>(space).await?;
        relay.fill::<E>(letters).await?;
        relay.start::<E>().await
    }

    /// One with the limits that operators have who change none.
    pub(super) async fn as_shipped(options: &Options, letters: u64) -> Result<Self, RelayFailure> {
        let relay = StoppedRelay { limits: Limits::AsShipped, ..StoppedRelay::new(options)? };
        relay.fill::<super::engine::Default>(letters).await?;
        relay.start::<super::engine::Default>().await
    }

    /// One for which days are short, with an office whose letters stay for some of them.
    pub(super) async fn with_days_of(day: Duration, options: &Options, letters: u64) -> Result<Self, RelayFailure> {
        let relay = StoppedRelay { office: Office::of_short_lives()?, ..StoppedRelay::new(options)? };
        relay.fill::<super::engine::Default>(letters).await?;
        relay.configure::<super::engine::Default>()?;
        let (started, day) = (Instant::now(), day.as_secs_f64().to_string());
        let folder = relay.folder.path().to_str().ok_or_else(|| RelayFailure::wrong("a folder without a name"))?;
        let program = Program::helper(Helper::Days, &["--folder", folder, "--seconds", &day])?;
        relay.running(program, started).await
    }

    /// The folder of the store.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(super) const fn process(&self) -> Process {
        self.program.process
    }

    /// Publishes what holds from the relay's day on.
    pub(super) async fn renew(&mut self) -> Result<(), RelayFailure> {
        self.office.renew(Client::connect(self.address).await?.day())?;
        self.office.publish(self.address).await
    }

    /// Stops the relay; what it has stored stays.
    pub(super) async fn stop(self) -> Result<StoppedRelay, RelayFailure> {
        let Self { program, address: _, ready: _, office, folder } = self;
        program.stop().await?;
        Ok(StoppedRelay { folder, office, limits: Limits::Wide, published: true })
    }

    /// Kills the relay (SIGKILL).
    pub(super) async fn kill(self) -> Result<StoppedRelay, RelayFailure> {
        let Self { mut program, address: _, ready: _, office, folder } = self;
        program.child.kill().await?;
        Ok(StoppedRelay { folder, office, limits: Limits::Wide, published: true })
    }
}

/// What a relay has on its disk.
pub(super) struct StoppedRelay {
    folder: TempDir,
    office: Office,
    limits: Limits,
    published: bool,
}

/// What the relay is told to allow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Limits {
    /// So much that no measurement reaches it.
    Wide,
    /// What operators have who change nothing.
    AsShipped,
}

impl StoppedRelay {
    pub(super) fn new(options: &Options) -> Result<Self, RelayFailure> {
        Ok(Self { folder: options.folder()?, office: Office::new()?, limits: Limits::Wide, published: false })
    }

    /// The folder of the store.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Puts so many more letters of today into the store, and lists them and what was posted before.
    pub(super) async fn fill<E: Engine>(&self, letters: u64) -> Result<(), RelayFailure> {
        let store = Arc::new(<E as Engine>::open(&self.data())?);
        fill(&store, letters).await?;
        Ok(store.close().await?)
    }

    /// Lets a day of so many letters expire, before one of today comes.
    pub(super) async fn age<E: Engine>(&self, letters: u64) -> Result<(), RelayFailure> {
        let store = Arc::new(<E as Engine>::open(&self.data())?);
        super::engine::age(&store, letters).await?;
        fill(&store, 1).await?;
        store.close().await?;
        self.forget()
    }

    /// Takes what it has stored out of the system's caches, as after a loss of power.
    pub(super) fn forget(&self) -> Result<(), RelayFailure> {
        Ok(forget(&self.data())?)
    }

    /// Writes down what the relay is told.
    fn configure<E: Engine>(&self) -> Result<(), RelayFailure> {
        let key_file = self.folder.path().join("relay.key");
        if !key_file.exists() {
            cssr_relay::write_key_file(&key_file, &relay_key())?;
        }
        Ok(std::fs::write(self.folder.path().join("relay.toml"), configuration::<E>(&self.office, self.limits))?)
    }

    pub(super) async fn start<E: Engine>(self) -> Result<RunningRelay, RelayFailure> {
        self.configure::<E>()?;
        let program = std::env::current_exe()?.with_file_name("cssr-relay");
        let arguments = [OsStr::new("serve"), "--log".as_ref(), "error".as_ref(), "--config".as_ref()];
        let arguments = [arguments.as_slice(), &[self.folder.path().as_os_str()]].concat();
        let started = Instant::now();
        let program = Program::start(&program, &arguments)?;
        self.running(program, started).await
    }

    /// Waits until a relay listens, and publishes what it needs.
    async fn running(self, mut program: Program, started: Instant) -> Result<RunningRelay, RelayFailure> {
        let Self { folder, office, limits: _, published } = self;
        let address = program.listening().await?;
        let relay = RunningRelay { program, address, ready: started.elapsed(), office, folder };
        if !published {
            relay.office.publish(address).await?;
        }
        Ok(relay)
    }
}

/// Takes all files of a folder out of the system's caches.
pub(super) fn forget(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            forget(&path)?;
        } else {
            let file = File::open(path)?;
            file.sync_all()?;
            fadvise(&file, 0, None, Advice::DontNeed)?;
        }
    }
    Ok(())
}

fn configuration<E: Engine>(office: &Office, limits: Limits) -> String {
    let base = format!("card = \"{}\"\nlisten = \"127.0.0.1:0\"\nstore = \"{}\"\n", office.card(), E::NAME);
    if limits == Limits::AsShipped {
        return base;
    }
    format!(
        "{base}letters_max = {LETTERS_MAX}\nchunks_max = 10000000\nconnections = {CONNECTIONS}\nletter_effort_most = 0\n\
         chunk_effort_most = 0\n"
    )
}
