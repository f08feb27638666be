//! The units for systemd, run by systemd: a relay that has no more rights than its unit leaves does all that a relay does,
//! and so does a forwarder.

use crate::certificate::{Authority, replace, shown, tls};
use crate::client::{Client, burn_key, chunk, envelope, id, letter};
use crate::process::{SEAL_AT_ONCE, configured, path, today};
use crate::rig::Rig;
use cssr_proto::index::{Group, Head, letter_genesis};
use cssr_proto::postage::Challenge;
use cssr_proto::request::{Post, Request};
use cssr_proto::response::Response;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// After this a test fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(60);
const UNIT: &str = "cssr-relay.service";
const FORWARDER: &str = "cssr-relay-forward.service";
const PROGRAM: &str = "/usr/bin/cssr-relay";

/// What is tried beyond the usual: TLS, with certificates that are renewed only when it is told to, metrics, postage to be
/// verified, and Landlock, which must be there.
const LINES: &str = "tls_listen = \"127.0.0.1:0\"\ntls_certificate = \"certificate.pem\"\ntls_key = \"key.pem\"\n\
                     tls_poll = \"1h\"\nmetrics_listen = \"127.0.0.1:0\"\nletter_effort = 1\nletter_effort_most = 1\nsandbox = \"require\"\n";
/// Files instead of a journal, which does not run there. And a system call that the filter refuses ends the relay, where in
/// use it only fails: so that none is missed.
const DROP_IN: &str = "[Service]\nStandardOutput=truncate:/run/told\nStandardError=append:/run/said\n\
                       SystemCallErrorNumber=kill\n";

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging").canonicalize().unwrap()
}

/// A machine on which systemd runs a unit. It is gone when its input ends, with this process if not before.
struct Machine {
    folder: TempDir,
    unit: &'static str,
    namespaces: Child,
    /// The process of systemd.
    first: String,
}

impl Machine {
    /// With what an operator has made in a folder.
    async fn boot(relay: &Path, name: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let units = at("run/systemd/system");
        std::fs::create_dir_all(units.join("multi-user.target.wants")).unwrap();
        std::fs::create_dir_all(units.join(format!("{name}.d"))).unwrap();
        std::fs::create_dir_all(at("lib")).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_cssr-relay"), at("run/program")).unwrap();
        std::os::unix::fs::symlink(relay, at("relay")).unwrap();
        let unit = std::fs::read_to_string(packaging().join("systemd").join(name)).unwrap();
        assert_eq!(unit.matches(&format!("={PROGRAM} ")).count(), 2);
        // Only that; /usr is the one of the machine around.
        std::fs::write(units.join(name), unit.replace(PROGRAM, "/run/program")).unwrap();
        std::fs::write(units.join(format!("{name}.d/test.conf")), DROP_IN).unwrap();
        std::os::unix::fs::symlink(format!("../{name}"), units.join("multi-user.target.wants").join(name)).unwrap();

        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/serve/systemd.sh");
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "sh", path(&script), path(folder.path()), path(&packaging())]);
        let mut namespaces = unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(namespaces.stdout.take().unwrap()).read_line(&mut first).await.unwrap();
        Self { folder, unit: name, namespaces, first: first.trim().to_owned() }
    }

    /// The relay's own folder.
    fn home(&self) -> PathBuf {
        self.folder.path().join("lib/cssr-relay")
    }

    /// A file that is the relay's, in the place of another.
    fn give(&self, name: &str, text: &str) {
        let (file, home) = (self.home().join(name), std::fs::metadata(self.home()).unwrap());
        replace(&file, text);
        std::os::unix::fs::chown(file, Some(home.uid()), Some(home.gid())).unwrap();
    }

    /// What the relay has said in a file.
    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join("run").join(name)).unwrap_or_default()
    }

    /// Runs a program on the machine.
    async fn run(&self, arguments: &[&str]) -> String {
        let mut nsenter = Command::new("nsenter");
        nsenter.args(["--target", &self.first, "--mount", "--pid", "--"]).args(arguments).kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, nsenter.stdin(Stdio::null()).output()).await.expect("it hangs");
        let output = output.unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {out}{err}\n{}{}", self.read("told"), self.read("said"));
        out.trim().to_owned()
    }

    async fn property(&self, name: &str) -> String {
        self.run(&["systemctl", "show", "--value", "--property", name, self.unit]).await
    }

    /// Where the relay listens, in clear and with TLS, and where it tells its metrics.
    async fn addresses(&self) -> [SocketAddr; 3] {
        self.told(["listening on ws://", "listening on wss://", "metrics on http://"]).await
    }

    /// The addresses that are told behind these words.
    async fn told<const N: usize>(&self, words: [&str; N]) -> [SocketAddr; N] {
        let told = async {
            loop {
                let told = self.read("told");
                let found = words.iter().filter_map(|words| {
                    let line = told.lines().find_map(|line| line.strip_prefix(words))?;
                    line.trim_end_matches("/metrics").parse().ok()
                });
                if let Ok(all) = found.collect::<Vec<_>>().try_into() {
                    return all;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, told).await;
        found.unwrap_or_else(|_| panic!("it does not start: {}{}", self.read("told"), self.read("said")))
    }

    /// Its process, whose number is given, is the relay's user and has no right that the unit takes.
    async fn has_no_rights(&self) -> String {
        let process = self.property("MainPID").await;
        let status = self.run(&["cat", &format!("/proc/{process}/status")]).await;
        let of = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        assert_eq!((of("Seccomp:"), of("NoNewPrivs:")), ("2", "1"), "{status}");
        for capabilities in ["CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            assert_eq!(of(capabilities), "0000000000000000", "{capabilities}");
        }
        let user = std::fs::metadata(self.home()).unwrap().uid().to_string();
        assert!(user != "0" && of("Uid:").split_whitespace().all(|id| id == user), "{status}");
        process
    }

    /// It stops in good order.
    async fn stop(&self) {
        self.run(&["systemctl", "stop", self.unit]).await;
        let ended = [self.property("Result").await, self.property("ExecMainStatus").await];
        assert_eq!(ended, ["success", "0"], "{}", self.read("said"));
    }

    /// Ends everything that runs there.
    async fn switch_off(mut self) {
        drop(self.namespaces.stdin.take());
        let ended = tokio::time::timeout(PATIENCE, self.namespaces.wait()).await.expect("the machine stays");
        assert!(ended.unwrap().success());
    }
}

/// A letter with its postage.
fn paid(client: &Client, seed: u64) -> Request {
    let challenge = Challenge::letter(client.session.handshake_hash(), &id(seed));
    let mut rng = <chacha20::ChaCha20Rng as rand_core::SeedableRng>::seed_from_u64(seed);
    let postage = challenge.solve(client.announcement.letter_effort, 1_000, &mut rng).unwrap();
    Request::Post(Post::letter(id(seed), postage, &envelope(seed)))
}

/// Waits until both letters are in the first group of today.
async fn lists_both_letters(address: SocketAddr) {
    let mut client = Client::connect(address).await;
    let listed = async {
        loop {
            let group = client.ask(Request::Group(Group { day: today(), number: 0 })).await;
            let Response::Group(letters) = group else { panic!("{group:?}") };
            let letters: Vec<_> = letters.into_iter().flatten().collect();
            if letters.len() == 2 {
                return letters;
            }
        }
    };
    let letters = tokio::time::timeout(PATIENCE, listed).await.expect("the letters are never listed");
    for seed in [1, 2] {
        assert!(letters.iter().any(|letter| *letter.id() == id(seed) && letter.envelope() == &envelope(seed)));
    }
}

#[tokio::test]
#[ignore = "needs systemd"]
async fn under_systemd_a_relay_does_all_that_it_must_and_has_no_right_to_more() {
    let authority = Authority::new();
    let (folder, mut office, key) = configured(&format!("{SEAL_AT_ONCE}{LINES}")).await;
    authority.issue().write(folder.path());
    let machine = Machine::boot(folder.path(), UNIT).await;
    let [plain, over_tls, metrics] = machine.addresses().await;
    let process = machine.has_no_rights().await;

    // What it is for.
    office.open(|| Client::connect(plain), Head::genesis(letter_genesis(&key))).await;
    let mut client = Client::connect(plain).await;
    assert!(matches!(client.ask(letter(3)).await, Response::Error(_)), "without postage");
    for seed in [1, 2] {
        let mut client = Client::connect(plain).await;
        let post = paid(&client, seed);
        assert_eq!(client.ask(post).await, Response::Posted);
    }
    assert_eq!(client.ask(chunk(4)).await, Response::Posted);
    assert!(matches!(client.ask(Request::Fetch(id(4))).await, Response::Chunk(Some(_))));
    let burn = Request::Burn { id: id(4), key: *burn_key(4).as_bytes() };
    assert_eq!(client.ask(burn).await, Response::Burned);
    assert!(matches!(client.ask(Request::Fetch(id(4))).await, Response::Chunk(None)));
    lists_both_letters(plain).await;

    let mut metrics = TcpStream::connect(metrics).await.unwrap();
    metrics.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    metrics.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("cssr_relay_info"), "{answer}");

    // A certificate is renewed.
    let next = authority.issue();
    machine.give("certificate.pem", &next.certificate);
    machine.give("key.pem", &next.key);
    machine.run(&["systemctl", "reload", UNIT]).await;
    let renewed = async {
        while shown(&tls(over_tls, &authority.trust()).await.unwrap()) != next.der {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, renewed).await.expect("the new certificate is never used");

    // It comes again with what it held, and ends in good order.
    machine.run(&["systemctl", "restart", UNIT]).await;
    assert_ne!(machine.property("MainPID").await, process);
    let [plain, ..] = machine.addresses().await;
    lists_both_letters(plain).await;
    machine.stop().await;
    machine.switch_off().await;
}

#[tokio::test]
#[ignore = "needs systemd"]
async fn under_systemd_a_forwarder_reaches_its_relay_by_name_and_has_no_right_to_more() {
    let (rig, folder) = (Rig::open().await, tempfile::tempdir().unwrap());
    let relay = format!("relays = \"localhost:{}\"\n", rig.address.port());
    let lines = format!("{relay}listen = \"127.0.0.1:0\"\nsandbox = \"require\"\n");
    std::fs::write(folder.path().join("forward.toml"), lines).unwrap();
    let machine = Machine::boot(folder.path(), FORWARDER).await;
    let [address] = machine.told(["listening on ws://"]).await;
    machine.has_no_rights().await;
    let mut client = Client::connect(address).await;
    assert_eq!(client.ask(letter(1)).await, Response::Posted);
    drop(client);
    machine.stop().await;
    assert!(!machine.read("said").contains("cannot be reached"), "{}", machine.read("said"));
    machine.switch_off().await;
}

#[tokio::test]
#[ignore = "needs systemd-analyze"]
async fn the_units_leave_relay_and_forwarder_no_more_than_they_need() {
    // Exposure in tenths. It is 12 and 13, and versions of the tool differ a little; without the filter of system calls, or
    // the bounds of capabilities or of address families, it is above 15.
    for unit in [UNIT, FORWARDER] {
        let unit = packaging().join("systemd").join(unit);
        let checked = Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--threshold=15", "--no-pager", path(&unit)])
            .output()
            .await
            .unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    }
}
