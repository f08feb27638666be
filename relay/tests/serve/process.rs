//! The program as a process.

use crate::client::Client;
use crate::office::Office;
use cssr_proto::Day;
use cssr_proto::keys::RelayPublicKey;
use cssr_relay::{Clock as _, SystemClock};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use tempfile::TempDir;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// A relay that seals at once, as when one is tried out.
pub const SEAL_AT_ONCE: &str = "seal_min_age = \"0s\"\nseal_min_letters = 1\n";

pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cssr-relay"));
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

pub async fn run(arguments: &[&str]) -> (Output, String, String) {
    let output = program().args(arguments).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

/// A folder that `init` has made, and the key that it printed.
pub async fn initialised() -> (TempDir, RelayPublicKey) {
    let folder = tempfile::tempdir().unwrap();
    let (output, out, err) = run(&["init", path(folder.path()), "--address", "relay.example.org"]).await;
    assert!(output.status.success(), "{err}");
    let line = out.lines().find(|line| !line.starts_with('#')).unwrap();
    let (key, address) = line.split_once(' ').unwrap();
    assert_eq!(address, "relay.example.org");
    let key = std::array::from_fn(|i| u8::from_str_radix(&key[2 * i..2 * i + 2], 16).unwrap());
    (folder, RelayPublicKey(key))
}

pub fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The folder of a day with letters in a store.
pub fn day_of_letters(data: &Path) -> PathBuf {
    let days = std::fs::read_dir(data.join("days")).unwrap().map(|day| day.unwrap().path());
    days.into_iter().find(|day| day.to_str().unwrap().contains("letters")).unwrap()
}

pub fn today() -> Day {
    SystemClock::new().day()
}

/// A running relay.
pub struct Running {
    child: Child,
    /// Where it listens without TLS.
    pub address: SocketAddr,
    /// The other places, as it has told them.
    pub others: Vec<String>,
    said: JoinHandle<String>,
}

impl Running {
    /// The relay whose relay.toml is in a folder.
    pub async fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::run(&[&["serve", "--config", path(folder)], arguments].concat(), others(folder)).await
    }

    /// The same, by another program that turns into it.
    pub async fn start_through(other: &[&str], folder: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(other[0]);
        command.args(&other[1..]).arg(env!("CARGO_BIN_EXE_cssr-relay"));
        command.args(["serve", "--config", path(folder)]).args(arguments);
        command.stdin(Stdio::null()).kill_on_drop(true);
        Self::spawn(command, false, others(folder)).await
    }

    /// The program, which listens in one place and in so many others.
    pub async fn run(arguments: &[&str], places: usize) -> Self {
        let mut command = program();
        command.args(arguments);
        Self::spawn(command, arguments.contains(&"--json"), places).await
    }

    /// A command that turns into the program.
    pub async fn spawn(mut command: Command, json: bool, places: usize) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut out, mut err) = (BufReader::new(child.stdout.take().unwrap()), child.stderr.take().unwrap());
        let mut told = Vec::new();
        for _ in 0..=places {
            match place(&mut out, json).await {
                Some(place) => told.push(place),
                None => {
                    let mut why = String::new();
                    err.read_to_string(&mut why).await.unwrap();
                    panic!("the relay does not start: {why}");
                }
            }
        }
        let address = told.remove(0).split_once("://").unwrap().1.parse().unwrap();
        // Read all the time: a full pipe would hold the relay up.
        let said = tokio::spawn(async move {
            let (mut from_out, mut from_err) = (Vec::new(), Vec::new());
            let (read_out, read_err) = (out.read_to_end(&mut from_out), err.read_to_end(&mut from_err));
            let (of_out, of_err) = tokio::join!(read_out, read_err);
            of_out.unwrap();
            of_err.unwrap();
            String::from_utf8([from_out, from_err].concat()).unwrap()
        });
        Self { child, address, others: told, said }
    }

    pub async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    pub fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub async fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().await.unwrap().success());
    }

    /// Stops it with a signal; it must end well. Gives what it has said, but for its address.
    pub async fn stop(self, signal: &str) -> String {
        let (status, said) = self.end(signal).await;
        assert!(status.success(), "{said}");
        said
    }

    /// Stops it with a signal, however it ends.
    pub async fn end(mut self, signal: &str) -> (ExitStatus, String) {
        self.signal(signal).await;
        let status = self.child.wait().await.unwrap();
        (status, self.said.await.unwrap())
    }

    /// Kills it (SIGKILL).
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// In how many places it listens beside the first, as its relay.toml says.
fn others(folder: &Path) -> usize {
    let config = std::fs::read_to_string(folder.join("relay.toml")).unwrap();
    let is_set = |key: &&&str| config.lines().any(|line| line.starts_with(&format!("{key} = ")));
    ["tls_listen", "metrics_listen"].iter().filter(is_set).count()
}

/// Where it listens, from the next line; `None` if it has ended.
async fn place(out: &mut (impl AsyncBufRead + Unpin), json: bool) -> Option<String> {
    let mut line = String::new();
    if out.read_line(&mut line).await.unwrap() == 0 {
        return None;
    }
    Some(if json {
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        line["listening"].as_str().or(line["metrics"].as_str()).unwrap().to_owned()
    } else {
        line.split_once(" on ").unwrap_or_else(|| panic!("{line:?}")).1.trim_end().to_owned()
    })
}

/// Writes the office's card and other lines into relay.toml, after what `init` wrote.
pub fn configure(folder: &Path, office: &Office, lines: &str) {
    let file = folder.join("relay.toml");
    let template = std::fs::read_to_string(&file).unwrap();
    let lines = format!("{template}\nlisten = \"127.0.0.1:0\"\ncard = \"{}\"\n{lines}", office.card());
    std::fs::write(file, lines).unwrap();
}

pub async fn configured(lines: &str) -> (TempDir, Office, RelayPublicKey) {
    let (folder, key) = initialised().await;
    let office = Office::new(5, key, today());
    configure(folder.path(), &office, lines);
    (folder, office, key)
}
