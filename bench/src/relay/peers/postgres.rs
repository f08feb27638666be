//! PostgreSQL: one table with the id as its key, the envelope stored outside of its row and not compressed. Whatever else,
//! as it comes: a commit is synced before it is acknowledged, and commits that come together share a sync.
//!
//! Its protocol is spoken here by hand (version 3.0, with prepared statements and binary values), so that nothing stands
//! between.

use super::super::engine::Letters;
use super::super::failure::RelayFailure;
use super::super::load::Worker;
use super::super::office::GROUP;
use super::{Deliver, PATIENCE, Peer, connect_to, find, free_address, password, quiet, wait_for};
use cssr_proto::EnvelopeId;
use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const USER: &str = "bench";
/// The code of its error while it starts.
const STARTING: &str = "57P03";
/// What it asks for in a message of authentication: the password as it is.
const PASSWORD: [u8; 4] = 3u32.to_be_bytes();
const TABLE: &str = "create table letters (id bytea primary key, day integer not null, body bytea not null)";
const OUTSIDE: &str = "alter table letters alter column body set storage external";
const PUT: &str = "insert into letters values ($1, 20000, $2)";
const GET: &str = "select body from letters where id = $1";

#[derive(Debug)]
pub(crate) struct Postgres {
    /// Killed when this is dropped.
    _server: Child,
    address: SocketAddr,
    password: String,
    _folder: TempDir,
}

impl Peer for Postgres {
    const NAME: &'static str = "postgres";
    type Client = PostgresClient;

    async fn start(folder: TempDir) -> Result<Result<Self, String>, RelayFailure> {
        // Debian keeps them out of the search path.
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
        let [Some(initdb), Some(postgres)] = ["initdb", "postgres"].map(|program| find(program, folders.clone()))
        else {
            return Ok(Err("initdb and postgres are not installed".into()));
        };
        let Some(user) = User::of(folder.path())? else {
            return Ok(Err("PostgreSQL does not run as root, and there is no other user for it here".into()));
        };
        let data = folder.path().join("data");
        let mut init = user.command(&initdb);
        let (address, password) = (free_address()?, password()?);
        let file = folder.path().join("password");
        fs::write(&file, &password)?;
        user.give(&file)?;
        init.args(["--auth=password", "--no-sync", "--encoding=UTF8", "--locale=C", "--username", USER]);
        if !init.arg("--pwfile").arg(&file).arg("--pgdata").arg(&data).status().await?.success() {
            return Ok(Err("initdb fails here".into()));
        }
        let mut command = user.command(&postgres);
        command.arg("-D").arg(&data).args(["-h", &address.ip().to_string(), "-p", &address.port().to_string()]);
        command.args(["-c", "unix_socket_directories="]);
        // In its favour: no checkpoint while it is measured, and room for all clients.
        command.args(["-c", "max_wal_size=8GB", "-c", "max_connections=600"]);
        let mut server = command.spawn()?;
        wait_for(address, &mut server).await?;
        let this = Self { _server: server, address, password, _folder: folder };
        let mut client = this.connect_early().await?;
        for statement in [TABLE, OUTSIDE] {
            client.prepare("", statement).await?;
            client.queue_execute("", &[], Vec::new());
            client.finish().await?;
        }
        Ok(Ok(this))
    }

    async fn connect(&self) -> Result<PostgresClient, RelayFailure> {
        let mut client = self.connect_bare().await?;
        client.prepare("put", PUT).await?;
        client.prepare("get", GET).await?;
        Ok(client)
    }
}

impl Postgres {
    /// It listens a moment before it takes anybody.
    async fn connect_early(&self) -> Result<PostgresClient, RelayFailure> {
        let started = Instant::now();
        loop {
            match self.connect_bare().await {
                Err(RelayFailure::Wrong(why)) if why.contains(STARTING) && started.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                other => return other,
            }
        }
    }

    async fn connect_bare(&self) -> Result<PostgresClient, RelayFailure> {
        let stream = BufReader::new(connect_to(self.address).await?);
        let (letters, stored) = (Letters::new(), Vec::new());
        let mut client = PostgresClient { stream, out: Vec::new(), letters, stored, delivering: None };
        client.greet(&self.password).await?;
        Ok(client)
    }
}

/// Whom the server runs as: this user, or if that is root, another one, whose folder it then is.
struct User(Option<(u32, u32)>);

impl User {
    fn of(folder: &Path) -> Result<Option<Self>, RelayFailure> {
        if folder.metadata()?.uid() != 0 {
            return Ok(Some(Self(None)));
        }
        let users = fs::read_to_string("/etc/passwd")?;
        let ids = ["postgres", "nobody"].into_iter().find_map(|name| {
            let mut fields =
                users.lines().map(|line| line.split(':')).find(|line| line.clone().next() == Some(name))?;
            let (user, group) = (fields.nth(2)?, fields.next()?);
            Some((user.parse().ok()?, group.parse().ok()?))
        });
        let Some(ids) = ids else { return Ok(None) };
        let this = Self(Some(ids));
        this.give(folder)?;
        Ok(Some(this))
    }

    /// Makes a file or folder its own.
    fn give(&self, file: &Path) -> std::io::Result<()> {
        self.0.map_or(Ok(()), |(user, group)| chown(file, Some(user), Some(group)))
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = quiet(program);
        command.env("LC_ALL", OsStr::new("C")).current_dir("/");
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
        command
    }
}

pub(crate) struct PostgresClient {
    stream: BufReader<TcpStream>,
    /// What is to be sent.
    out: Vec<u8>,
    letters: Letters,
    stored: Vec<EnvelopeId>,
    /// The next of them to be read.
    delivering: Option<usize>,
}

impl Deliver for PostgresClient {
    fn deliver(&mut self) {
        self.delivering = Some(0);
    }
}

impl Worker for PostgresClient {
    async fn work(&mut self) -> Result<u64, RelayFailure> {
        let Some(place) = self.delivering else {
            let (id, bytes) = self.letters.next();
            let bytes = bytes.to_vec();
            self.queue_execute("put", &[id.as_bytes(), &bytes], Vec::new());
            self.finish().await?;
            self.stored.push(id);
            return Ok(1);
        };
        let ids: Vec<_> = self.stored.iter().cycle().skip(place % self.stored.len().max(1)).take(4).copied().collect();
        for id in ids {
            self.queue_execute("get", &[id.as_bytes()], vec![1]);
        }
        self.delivering = Some(place + 4);
        if self.finish().await? == GROUP { Ok(GROUP) } else { Err(wrong("a letter is gone")) }
    }
}

impl PostgresClient {
    /// Appends a message: its kind, its length, what it says.
    fn queue(&mut self, kind: u8, content: &[u8]) {
        self.out.push(kind);
        self.out.extend_from_slice(&(content.len() as u32 + 4).to_be_bytes());
        self.out.extend_from_slice(content);
    }

    async fn greet(&mut self, password: &str) -> Result<(), RelayFailure> {
        let mut content = 196_608u32.to_be_bytes().to_vec();
        for word in ["user", USER, "database", "postgres", ""] {
            content.extend_from_slice(word.as_bytes());
            content.push(0);
        }
        // The only message without a kind.
        self.out.extend_from_slice(&(content.len() as u32 + 4).to_be_bytes());
        self.out.extend_from_slice(&content);
        self.send().await?;
        match self.read_message().await? {
            (b'R', kind) if kind == PASSWORD => self.queue(b'p', &[password.as_bytes(), &[0]].concat()),
            (b'E', why) => return Err(refused(&why)),
            _ => return Err(wrong("it asks for no password")),
        }
        self.read_answers().await.map(drop)
    }

    async fn prepare(&mut self, name: &str, statement: &str) -> Result<(), RelayFailure> {
        let content = [name.as_bytes(), &[0], statement.as_bytes(), &[0, 0, 0]].concat();
        self.queue(b'P', &content);
        self.finish().await.map(drop)
    }

    /// Runs a prepared statement with binary values; `formats` of what it gives.
    fn queue_execute(&mut self, name: &str, values: &[&[u8]], formats: Vec<u16>) {
        let short = |number: usize| (number as u16).to_be_bytes();
        let mut content = vec![0];
        content.extend_from_slice(name.as_bytes());
        content.push(0);
        content.extend_from_slice(&[0, 1, 0, 1]);
        content.extend_from_slice(&short(values.len()));
        for value in values {
            content.extend_from_slice(&(value.len() as u32).to_be_bytes());
            content.extend_from_slice(value);
        }
        content.extend_from_slice(&short(formats.len()));
        formats.iter().for_each(|format| content.extend_from_slice(&format.to_be_bytes()));
        self.queue(b'B', &content);
        // Of the portal without a name, all rows.
        self.queue(b'E', &[0, 0, 0, 0, 0]);
    }

    /// Ends the transaction; how many rows came back.
    async fn finish(&mut self) -> Result<u64, RelayFailure> {
        self.queue(b'S', &[]);
        self.read_answers().await
    }

    async fn send(&mut self) -> Result<(), RelayFailure> {
        self.stream.write_all(&self.out).await?;
        self.out.clear();
        Ok(())
    }

    /// A message: its kind, what it says.
    async fn read_message(&mut self) -> Result<(u8, Vec<u8>), RelayFailure> {
        let kind = self.stream.read_u8().await?;
        let length = usize::try_from(self.stream.read_u32().await?).map_err(RelayFailure::wrong)?;
        let mut content = vec![0; length.saturating_sub(4)];
        self.stream.read_exact(&mut content).await?;
        Ok((kind, content))
    }

    /// Sends what is queued and reads until the server is ready again.
    async fn read_answers(&mut self) -> Result<u64, RelayFailure> {
        self.send().await?;
        let mut rows = 0;
        loop {
            match self.read_message().await? {
                (b'Z', _) => return Ok(rows),
                (b'D', _) => rows += 1,
                (b'E', why) => return Err(refused(&why)),
                _ => {}
            }
        }
    }
}

fn refused(why: &[u8]) -> RelayFailure {
    wrong(&String::from_utf8_lossy(why).replace('\0', " "))
}

fn wrong(what: &str) -> RelayFailure {
    RelayFailure::Wrong(format!("PostgreSQL: {what}"))
}
