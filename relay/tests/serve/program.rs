//! The program: `init`, `serve`, signals, the log, and kill -9.

use crate::client::{Client, burn_key, chunk, envelope, id, letter, websocket};
use crate::office::Office;
use cssr_proto::frame::{Frame, Head as FrameHead};
use cssr_proto::index::{Group, Head, chunk_genesis, letter_genesis};
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::request::{NextBatches, Request};
use cssr_proto::response::Response;
use cssr_proto::{Day, EnvelopeId};
use cssr_relay::{Clock as _, SystemClock};
use futures_util::SinkExt as _;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;

const FROM_START: NextBatches = NextBatches { letters: 1, chunks: 1 };
/// A relay that seals at once, as when one is tried out.
const SEAL_AT_ONCE: &str = "seal_min_age = \"100ms\"\nseal_min_letters = 1\n";

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cssr-relay"));
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn run(arguments: &[&str]) -> (Output, String, String) {
    let output = program().args(arguments).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

/// A folder that `init` has made, and the key that it printed.
async fn initialised() -> (TempDir, RelayPublicKey) {
    let folder = tempfile::tempdir().unwrap();
    let (output, out, err) = run(&["init", path(folder.path()), "--address", "relay.example.org"]).await;
    assert!(output.status.success(), "{err}");
    let line = out.lines().find(|line| !line.starts_with('#')).unwrap();
    let (key, address) = line.split_once(' ').unwrap();
    assert_eq!(address, "relay.example.org");
    let key = std::array::from_fn(|i| u8::from_str_radix(&key[2 * i..2 * i + 2], 16).unwrap());
    (folder, RelayPublicKey(key))
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn today() -> Day {
    SystemClock::new().day()
}

/// A running relay.
struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    async fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = program();
        command.args(["serve", "--config", path(folder)]).args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).await.unwrap();
        let address = if arguments.contains(&"--json") {
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            line["listening"].as_str().unwrap().to_owned()
        } else {
            line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}")).trim_end().to_owned()
        };
        let address = address.strip_prefix("ws://").unwrap().parse().unwrap();
        Self { child, address }
    }

    async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    async fn signal(&self, signal: &str) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().await.unwrap().success());
    }

    /// Stops it with a signal; it must end well. Gives what it said on standard error.
    async fn stop(mut self, signal: &str) -> String {
        self.signal(signal).await;
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).await.unwrap();
        assert!(self.child.wait().await.unwrap().success(), "{log}");
        log
    }

    async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// Writes the office's card and other lines into relay.toml, after what `init` wrote.
fn configure(folder: &Path, office: &Office, lines: &str) {
    let file = folder.join("relay.toml");
    let template = std::fs::read_to_string(&file).unwrap();
    let lines = format!("{template}\nlisten = \"127.0.0.1:0\"\ncard = \"{}\"\n{lines}", office.card());
    std::fs::write(file, lines).unwrap();
}

async fn configured(lines: &str) -> (TempDir, Office, RelayPublicKey) {
    let (folder, key) = initialised().await;
    let office = Office::new(5, key, today());
    configure(folder.path(), &office, lines);
    (folder, office, key)
}

#[tokio::test]
async fn init_makes_a_private_key_and_never_replaces_one() {
    let (folder, key) = initialised().await;
    let key_file = folder.path().join("relay.key");
    let mode = std::fs::metadata(&key_file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let before = std::fs::read(&key_file).unwrap();
    let (output, out, err) = run(&["init", path(folder.path()), "--address", "relay.example.org"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(out.is_empty() && err.contains("relay.key"), "{out}{err}");
    assert_eq!(std::fs::read(&key_file).unwrap(), before);
    assert_eq!(cssr_relay::read_key_file(&key_file).unwrap().public(), key);
}

#[tokio::test]
async fn a_wrong_configuration_is_told_with_its_key_and_exit_code_2() {
    let (folder, _) = initialised().await;
    let expect = async |words: &[&str]| {
        let (output, out, err) = run(&["serve", "--config", path(folder.path())]).await;
        assert_eq!((output.status.code(), out.as_str()), (Some(2), ""), "{err}");
        for word in words {
            assert!(err.contains(word), "{word:?} is missing in {err:?}");
        }
    };
    expect(&["\"card\"", "cssr:"]).await;
    let file = folder.path().join("relay.toml");
    std::fs::write(&file, "card = \"cssr:no\"\n").unwrap();
    expect(&["\"card\" is \"cssr:no\"", "@relay.example.org"]).await;
    std::fs::write(&file, "crad = \"\"\n").unwrap();
    expect(&["\"crad\"", "does not exist"]).await;
    std::fs::write(&file, "card = \n").unwrap();
    expect(&["not valid TOML"]).await;
    std::fs::remove_file(&file).unwrap();
    expect(&["relay.toml", "cannot be read"]).await;

    let (folder, _, _) = configured("").await;
    let key_file = folder.path().join("relay.key");
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (output, _, err) = run(&["serve", "--config", path(folder.path())]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(err.contains("relay.key") && err.contains("chmod 600"), "{err}");
}

#[tokio::test]
async fn the_address_is_told_on_standard_output_and_signals_end_the_relay_well() {
    let (folder, _, key) = configured("").await;
    for (arguments, signal) in [(&[][..], "-TERM"), (&["--json"][..], "-INT")] {
        let relay = Running::start(folder.path(), arguments).await;
        assert_eq!(relay.client().await.relay, key);
        assert_eq!(relay.client().await.announcement.day, today());
        relay.stop(signal).await;
    }
}

#[tokio::test]
async fn a_second_relay_on_the_same_folder_is_refused() {
    let (folder, _, _) = configured("").await;
    let relay = Running::start(folder.path(), &[]).await;
    let (output, out, err) = run(&["serve", "--config", path(folder.path())]).await;
    assert_eq!((output.status.code(), out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("data"), "{err}");
    relay.stop("-TERM").await;
}

/// Everything that must not stand in a log, as bytes.
#[derive(Default)]
struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    fn add(&mut self, bytes: &[u8]) {
        self.0.push(bytes.to_vec());
    }

    /// Looks for them raw, in hexadecimal, in base64, and as Rust would show a list of numbers.
    fn must_not_be_in(&self, log: &str) {
        let lower = log.to_lowercase();
        for secret in &self.0 {
            let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
            let list = secret.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
            let raw = String::from_utf8_lossy(secret);
            assert!(!lower.contains(&hex) && !log.contains(&list) && !log.contains(&*raw), "{hex} is in the log");
            // Any alignment of base64 holds the middle of the secret in one of three forms.
            for skip in 0..3 {
                let middle = base64(&secret[skip..]);
                let whole = &middle[..(secret.len() - skip) / 3 * 4];
                assert!(!log.contains(whole), "{hex} is in the log as base64");
            }
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |n: u32| char::from(DIGITS[n as usize & 63]);
    let group = |chunk: &[u8]| {
        let n = chunk.iter().fold(0, |n, byte| n << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        [18, 12, 6, 0].map(|shift| digit(n >> shift)).iter().collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

#[test]
fn base64_here_is_base64() {
    assert_eq!((base64(b"Man"), base64(b"light w")), ("TWFu".into(), "bGlnaHQgdwAA".into()));
}

#[tokio::test]
async fn the_log_says_nothing_about_anybody_even_at_its_loudest() {
    let (folder, mut office, key) = configured(&format!(
        "{SEAL_AT_ONCE}letters_max = 20\nsilence_timeout = \"300ms\"\nping_interval = \"100ms\"\n"
    ))
    .await;
    let relay = Running::start(folder.path(), &["--log", "trace"]).await;
    let (address, mut secrets, mut ports) = (relay.address, Secrets::default(), BTreeSet::new());
    office.open(async || Client::connect(address).await, Head::genesis(letter_genesis(&key))).await;
    let note = |client: &Client, secrets: &mut Secrets, ports: &mut BTreeSet<u16>| {
        secrets.add(client.handshake_hash());
        ports.insert(client.socket.get_ref().local_addr().unwrap().port());
    };

    let mut client = relay.client().await;
    note(&client, &mut secrets, &mut ports);
    for seed in 0..30 {
        // Some are refused: the quota is 20.
        client.ask(letter(seed)).await;
        client.ask(chunk(100 + seed)).await;
        for seed in [seed, 100 + seed] {
            secrets.add(id(seed).as_bytes());
            secrets.add(&envelope(seed)[..16]);
            secrets.add(&envelope(seed)[16_240..]);
        }
        secrets.add(burn_key(100 + seed).as_bytes());
        secrets.add(burn_key(100 + seed).hash().as_bytes());
    }
    client.ask(Request::Burn { id: id(100), key: [9; 32] }).await;
    client.ask(Request::Burn { id: id(100), key: *burn_key(100).as_bytes() }).await;
    client.ask(Request::Fetch(id(101))).await;
    client.ask(Request::Group(Group { day: today(), number: 0 })).await;
    client.ask(Request::Drain(FROM_START)).await;
    client.send_frame(&Frame::small(FrameHead::single(0x03, 1), id(0).as_bytes()).unwrap()).await;
    while client.frame().await.is_some() {}

    let mut courier = relay.client().await;
    note(&courier, &mut secrets, &mut ports);
    office.become_courier(&mut courier, 0).await;
    courier.send(Request::Drain(FROM_START)).await;
    while !matches!(courier.receive().await, Response::CaughtUp(_)) {}

    let mut socket = websocket(address).await;
    ports.insert(socket.get_ref().local_addr().unwrap().port());
    socket.send(Message::Text("hello".into())).await.unwrap();
    let mut other = relay.client().await;
    note(&other, &mut secrets, &mut ports);
    other.socket.send(Message::Binary(envelope(0)[..528].to_vec().into())).await.unwrap();
    other.ends().await;
    // One that answers no ping is dropped as silent.
    let silent = relay.client().await;
    note(&silent, &mut secrets, &mut ports);
    silent.socket.into_inner().read_to_end(&mut Vec::new()).await.unwrap();

    let key_file = std::fs::read_to_string(folder.path().join("relay.key")).unwrap();
    let hex = key_file.lines().nth(1).unwrap();
    let secret: Vec<u8> = (0..32).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect();
    secrets.add(&secret);
    let log = relay.stop("-TERM").await;
    assert!(log.contains("a new roster") && log.contains("sealed a batch"), "nothing was logged: {log}");
    secrets.must_not_be_in(&log);
    assert!(!log.contains("127.0.0.1") && !log.contains("::1"), "{log}");
    for port in ports {
        assert!(!log.contains(&format!("{port}")), "a peer's port is in the log: {log}");
    }
    for line in log.lines() {
        assert!(line.chars().all(|c| !c.is_control()), "{line:?}");
    }
}

/// Letters and chunks that were acknowledged, by seed.
type Acknowledged = Arc<Mutex<Vec<u64>>>;

const CONNECTIONS: u64 = 8;
const CYCLES: u64 = 4;

fn post_of(seed: u64) -> Request {
    if seed.is_multiple_of(4) { chunk(seed) } else { letter(seed) }
}

/// Posts until the relay is gone.
async fn post_until_the_end(address: SocketAddr, first: u64, acknowledged: Acknowledged) {
    let Some(mut client) = Client::try_connect(address).await else { return };
    let (mut sent, mut answered) = (first, first);
    loop {
        while sent < answered + 12 {
            if !client.try_send(post_of(sent)).await {
                break;
            }
            sent += 1;
        }
        match client.try_receive().await {
            None => return,
            Some(Response::Posted) => acknowledged.lock().unwrap().push(answered),
            Some(other) => panic!("{other:?}"),
        }
        answered += 1;
    }
}

/// Watches until the mirror holds all of these seeds, intact.
async fn watch_for(client: &mut Client, key: &RelayPublicKey, wanted: &[u64]) {
    let mut missing: BTreeMap<EnvelopeId, u64> = wanted.iter().map(|seed| (id(*seed), *seed)).collect();
    let mut heads = [Head::genesis(letter_genesis(key)), Head::genesis(chunk_genesis(key))];
    let mut listed = BTreeSet::new();
    client.send(Request::Watch(FROM_START)).await;
    while !missing.is_empty() {
        match client.receive().await {
            Response::Batch(kind, batch) => {
                let head = &mut heads[usize::from(kind.byte() - 1)];
                *head = head.follow(&batch).unwrap();
                for id in batch.ids() {
                    assert!(listed.insert(*id), "an id is listed twice");
                }
            }
            Response::Envelope(one) => {
                if let Some(seed) = missing.remove(&one.id) {
                    assert!(one.frame.is_some_and(|frame| frame.envelope() == &envelope(seed)), "envelope {seed:x}");
                }
            }
            Response::CaughtUp(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_under_load_loses_nothing_that_was_acknowledged() {
    let (folder, mut office, key) = configured(&format!("{SEAL_AT_ONCE}letters_max = 100000\n")).await;
    let acknowledged = Acknowledged::default();
    for cycle in 0..CYCLES {
        let relay = Running::start(folder.path(), &["--log", "error"]).await;
        let address = relay.address;
        if cycle == 0 {
            office.open(async || Client::connect(address).await, Head::genesis(letter_genesis(&key))).await;
        }
        let writers: Vec<_> = (0..CONNECTIONS)
            .map(|n| {
                tokio::spawn(post_until_the_end(address, (cycle * CONNECTIONS + n) << 32, Arc::clone(&acknowledged)))
            })
            .collect();
        // Killed at a moment that differs from cycle to cycle, always with all writers at work.
        let enough = (cycle as usize + 1) * 150 + 37 * cycle as usize;
        while acknowledged.lock().unwrap().len() < enough {
            tokio::task::yield_now().await;
        }
        relay.kill().await;
        for writer in writers {
            writer.await.unwrap();
        }
    }
    let relay = Running::start(folder.path(), &[]).await;
    let wanted = acknowledged.lock().unwrap().clone();
    assert!(wanted.len() > 600);
    let mut courier = relay.client().await;
    office.become_courier(&mut courier, 0).await;
    tokio::time::timeout(std::time::Duration::from_secs(60), watch_for(&mut courier, &key, &wanted)).await.unwrap();

    // And to sources, in the groups.
    let mut client = relay.client().await;
    let mut found = BTreeMap::new();
    for number in 0.. {
        let Response::Group(letters) = client.ask(Request::Group(Group { day: today(), number })).await else {
            panic!("no group")
        };
        let some: Vec<_> = letters.into_iter().flatten().collect();
        if some.is_empty() {
            break;
        }
        found.extend(some.into_iter().map(|letter| (*letter.id(), letter)));
    }
    for seed in wanted.iter().filter(|seed| !seed.is_multiple_of(4)) {
        assert!(found.get(&id(*seed)).is_some_and(|letter| letter.envelope() == &envelope(*seed)), "letter {seed:x}");
    }
    relay.stop("-TERM").await;
}

#[tokio::test]
async fn help_says_what_there_is() {
    let (output, out, _) = run(&["--help"]).await;
    assert!(output.status.success());
    for word in ["init", "serve"] {
        assert!(out.contains(word), "{out}");
    }
    let nowhere: PathBuf = tempfile::tempdir().unwrap().path().join("x");
    let (output, _, err) = run(&["init", path(&nowhere), "--address", "http://relay.example.org"]).await;
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(!nowhere.exists());
}
