//! Other servers that do the same work: store 16 KiB durably, then acknowledge; deliver later.
//!
//! They are started in a temporary folder. Their clients come by TCP over loopback, as the relay's do, and with a password, since
//! others who use the machine can come that way too. Nothing is installed: what is missing is named, and left out.

mod postgres;
mod redis;

pub(super) use postgres::Postgres;
pub(super) use redis::Redis;

use super::failure::RelayFailure;
use super::load::Worker;
use getrandom::SysRng;
use rand_core::TryRng as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// How long a server may take to be there.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server for the same work.
pub(super) trait Peer: Sized {
    /// As figures call it.
    const NAME: &'static str;
    type Client: Worker + Deliver;

    /// Starts the server; `Err` of a text if it is not installed.
    async fn start(folder: TempDir) -> Result<Result<Self, String>, RelayFailure>;

    /// A client that stores letters.
    async fn connect(&self) -> Result<Self::Client, RelayFailure>;
}

/// A client that can be made to read what it has stored.
pub(super) trait Deliver {
    /// From now on it reads groups of letters.
    fn deliver(&mut self);
}

/// A program: where the search path says, or in one of some folders.
fn find(program: &str, folders: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(folders).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A command without input and output.
fn quiet(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command
}

/// An address for a server that must be told one: free a moment ago.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// A password for one server.
fn password() -> Result<String, RelayFailure> {
    let number = SysRng.try_next_u64().map_err(RelayFailure::wrong)?;
    Ok(format!("{number:016x}"))
}

async fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Waits until a server takes connections.
async fn wait_for(address: SocketAddr, server: &mut Child) -> Result<(), RelayFailure> {
    let started = Instant::now();
    loop {
        let connected = connect_to(address).await;
        match connected {
            // What answers is another program, or the server has ended since.
            _ if server.try_wait()?.is_some() => return Err(RelayFailure::wrong("the server has ended")),
            Ok(_) => return Ok(()),
            Err(error) if started.elapsed() > PATIENCE => return Err(error.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
