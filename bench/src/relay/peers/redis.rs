//! Redis streams, with every write synced before it is acknowledged.

use super::super::engine::Letters;
use super::super::failure::RelayFailure;
use super::super::load::Worker;
use super::super::office::GROUP;
use super::{Deliver, Peer, connect_to, find, free_address, password, quiet, wait_for};
use std::fs;
use std::net::SocketAddr;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Child;

#[derive(Debug)]
pub(crate) struct Redis {
    _server: Child,
    address: SocketAddr,
    password: String,
    _folder: TempDir,
}

impl Peer for Redis {
    const NAME: &'static str = "redis";
    type Client = RedisClient;

    async fn start(folder: TempDir) -> Result<Result<Self, String>, RelayFailure> {
        let Some(program) = find("redis-server", []) else { return Ok(Err("redis-server is not installed".into())) };
        let (address, password) = (free_address()?, password()?);
        let settings = [
            format!("bind {}", address.ip()),
            format!("port {}", address.port()),
            format!("requirepass {password}"),
            "appendonly yes".into(),
            "appendfsync always".into(),
            "save \"\"".into(),
            // Rewriting the log meanwhile would only slow it down.
            "auto-aof-rewrite-percentage 0".into(),
        ];
        let file = folder.path().join("redis.conf");
        // Not as arguments, which others who use the machine can see.
        fs::write(&file, settings.join("\n"))?;
        let mut server = quiet(&program).arg(&file).current_dir(folder.path()).spawn()?;
        wait_for(address, &mut server).await?;
        Ok(Ok(Self { _server: server, address, password, _folder: folder }))
    }

    async fn connect(&self) -> Result<RedisClient, RelayFailure> {
        let mut stream = BufReader::new(connect_to(self.address).await?);
        stream.write_all(&command(&[b"AUTH", self.password.as_bytes()])).await?;
        read(&mut stream, &mut Vec::new()).await?;
        Ok(RedisClient { stream, letters: Letters::new(), stored: Vec::new(), delivering: None })
    }
}

pub(crate) struct RedisClient {
    stream: BufReader<TcpStream>,
    letters: Letters,
    /// What Redis calls what was stored.
    stored: Vec<Vec<u8>>,
    /// The next of it to be read.
    delivering: Option<usize>,
}

impl Deliver for RedisClient {
    fn deliver(&mut self) {
        self.delivering = Some(0);
    }
}

impl Worker for RedisClient {
    async fn work(&mut self) -> Result<u64, RelayFailure> {
        let Some(place) = self.delivering else {
            let (id, bytes) = self.letters.next();
            let command = command(&[b"XADD", b"letters", b"*", b"id", id.as_bytes(), b"body", bytes]);
            self.stream.write_all(&command).await?;
            let mut strings = Vec::new();
            read(&mut self.stream, &mut strings).await?;
            self.stored.extend(strings.pop());
            return Ok(1);
        };
        let from = self.stored.get(place % self.stored.len().max(1)).ok_or_else(|| wrong("nothing was stored"))?;
        let command = command(&[b"XRANGE", b"letters", from, b"+", b"COUNT", GROUP.to_string().as_bytes()]);
        self.stream.write_all(&command).await?;
        let mut strings = Vec::new();
        read(&mut self.stream, &mut strings).await?;
        self.delivering = Some(place + 1);
        // Each with its name, two names of fields and two values.
        Ok(strings.len() as u64 / 5)
    }
}

fn wrong(what: &str) -> RelayFailure {
    RelayFailure::Wrong(format!("Redis: {what}"))
}

/// A command in RESP, the protocol of Redis: an array of strings.
fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Reads an answer, and collects the strings in it. An error is a failure.
async fn read(stream: &mut BufReader<TcpStream>, strings: &mut Vec<Vec<u8>>) -> Result<(), RelayFailure> {
    // Items of the answer that are still to come.
    let mut left = 1u64;
    while left > 0 {
        left -= 1;
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let (kind, rest) = line.trim_end().split_at_checked(1).ok_or_else(|| wrong("it says nothing"))?;
        let number = || rest.parse::<u64>().map_err(|_| wrong("a length that is none"));
        match kind {
            "*" => left += number()?,
            "$" => {
                let length = usize::try_from(number()?).map_err(RelayFailure::wrong)?;
                let mut string = vec![0; length + 2];
                stream.read_exact(&mut string).await?;
                string.truncate(length);
                strings.push(string);
            }
            "+" | ":" => strings.push(rest.into()),
            _ => return Err(wrong(&line)),
        }
    }
    Ok(())
}
