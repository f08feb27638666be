//! A relay in a process of its own whose date the test moves: what the program does, but for its clock and its sandbox.

use crate::client::Client;
use cssr_proto::Day;
use cssr_relay::store::{JournalConfig, JournalStore, SledConfig, SledStore, Store};
use cssr_relay::{Clock, Config, ConfigFile, Engine, Relay, SystemClock, read_key_file};
use getrandom::SysRng;
use rand_core::UnwrapErr;
use std::fs::File;
use std::io::{BufRead as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Set for the child: the folder of its relay.toml, and its first day.
const FOLDER: &str = "CSSR_SERVE_DATED_FOLDER";
const DAY: &str = "CSSR_SERVE_DATED_DAY";
/// What it logs at its loudest, in the same folder.
pub const LOG: &str = "log";
/// After this a test fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Such a relay, while it runs.
pub struct Dated {
    child: Child,
    days: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
    pub address: SocketAddr,
}

impl Dated {
    /// The relay whose relay.toml is in a folder. What has expired by that day is destroyed when this returns.
    pub async fn start(folder: &Path, day: Day) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "dated::child", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder)
            .env(DAY, day.0.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (days, said) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()).lines());
        let mut relay = Self { child, days, said, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        relay.address = relay.hear("address").await.parse().unwrap();
        relay
    }

    pub async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Tells it that another day has come.
    pub async fn say(&mut self, day: Day) {
        self.days.write_all(format!("{}\n", day.0).as_bytes()).await.unwrap();
    }

    /// Waits until it has taken up a day that it was told, and destroyed what had expired.
    pub async fn took_up(&mut self, day: Day) {
        assert_eq!(self.hear("day").await, day.0.to_string());
    }

    /// Kills it (SIGKILL).
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// The next thing of this kind that it says.
    async fn hear(&mut self, what: &str) -> String {
        let hear = async {
            loop {
                let line = self.said.next_line().await.unwrap().expect("the relay has ended");
                if let Some((kind, rest)) = line.strip_prefix('!').and_then(|line| line.split_once(' '))
                    && kind == what
                {
                    return rest.to_owned();
                }
            }
        };
        tokio::time::timeout(PATIENCE, hear).await.expect("the relay says nothing")
    }
}

/// Not a test: what the child does until it is killed.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let day = std::env::var(DAY).unwrap().parse().unwrap();
    let log = File::create(Path::new(&folder).join(LOG)).unwrap();
    let layer = tracing_subscriber::fmt::layer().with_writer(log).with_ansi(false).without_time();
    let ours = Targets::new().with_target("cssr_relay", LevelFilter::TRACE);
    tracing_subscriber::registry().with(layer).with(ours).init();
    let file = ConfigFile::read(&PathBuf::from(folder).join("relay.toml")).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (directory, quotas, relay) = (file.data.clone(), file.quotas, read_key_file(&file.key_file).unwrap().public());
    let rng = UnwrapErr(SysRng);
    runtime.block_on(async {
        match file.engine {
            Engine::Sled => {
                let store = SledStore::open(&SledConfig { directory, relay, quotas }, rng).unwrap();
                be_child(store, file, day).await;
            }
            _ => {
                let store = JournalStore::open(&JournalConfig { directory, relay, quotas }, rng).unwrap();
                be_child(store, file, day).await;
            }
        }
    });
}

async fn be_child(store: impl Store, file: ConfigFile, day: u32) {
    let clock = Arc::new(MovedClock { real: SystemClock::new(), day: AtomicU32::new(day) });
    let mut config = Config::new(file.card, read_key_file(&file.key_file).unwrap());
    (config.sealing, config.postage, config.limits) = (file.sealing, file.postage, file.limits);
    config.room = file.quotas;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (relay, handle) = Relay::start(store, config, Arc::clone(&clock) as _).await.unwrap();
    say(&format!("address {}", listener.local_addr().unwrap()));
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let day: u32 = line.unwrap().parse().unwrap();
            clock.day.store(day, Ordering::SeqCst);
            runtime.block_on(handle.tick());
            say(&format!("day {day}"));
        }
        // Whoever tested has gone.
        std::process::exit(1);
    });
    relay.serve(listener, std::future::pending()).await.unwrap();
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // One write for each line, so that a kill cannot mix them.
    out.write_all(format!("\n!{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// The machine's clock, on another day.
struct MovedClock {
    real: SystemClock,
    day: AtomicU32,
}

impl Clock for MovedClock {
    fn wall(&self) -> Duration {
        const SECONDS: u64 = 86_400;
        Duration::from_secs(u64::from(self.day.load(Ordering::SeqCst)) * SECONDS + self.real.wall().as_secs() % SECONDS)
    }

    fn elapsed(&self) -> Duration {
        self.real.elapsed()
    }

    fn sleep_until(&self, until: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.real.sleep_until(until)
    }
}
