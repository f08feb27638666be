//! This program in other roles, in processes of their own: so that what they cost is counted apart, and their open
//! connections do not count among the others'.

use super::client::{Client, connect};
use super::failure::RelayFailure;
use super::{Arguments, cpu, days, hostile};
use clap::ValueEnum;
use cssr_proto::frame::EnvelopeKind;
use cssr_proto::sizes::{LARGE_WIRE, SMALL_WIRE};
use futures_util::{SinkExt as _, StreamExt as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// A role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Helper {
    /// A WebSocket server that does nothing with what it gets, with the library's defaults.
    Plain,
    /// The same with other buffers, which cost less with frames as large as ours.
    Tuned,
    /// Clients that have a session and ask for nothing.
    Hold,
    /// Clients that do their worst.
    Attack,
    /// A relay for which days are short.
    Days,
}

impl Helper {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tuned => "tuned",
            Self::Hold => "hold",
            Self::Attack => "attack",
            Self::Days => "days",
        }
    }
}

/// What is asked of the plain server, in the first bytes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    /// The same message again.
    Echo,
    /// A message of the size of a small frame.
    Small,
    /// So many messages of the size of a large frame.
    Large(u32),
}

impl Plain {
    /// A message of so many bytes that asks for it.
    pub(super) fn message(self, bytes: usize) -> Vec<u8> {
        let (what, count) = match self {
            Self::Echo => (0, 0),
            Self::Small => (1, 0),
            Self::Large(count) => (2, count),
        };
        let mut message = vec![0xa5; bytes];
        message.iter_mut().zip([what].into_iter().chain(count.to_be_bytes())).for_each(|(to, from)| *to = from);
        message
    }

    fn asked(message: &[u8]) -> Option<Self> {
        match message.first_chunk::<5>()? {
            [0, ..] => Some(Self::Echo),
            [1, ..] => Some(Self::Small),
            [2, count @ ..] => Some(Self::Large(u32::from_be_bytes(*count))),
            [_, _, _, _, _] => None,
        }
    }
}

pub(super) fn run(helper: Helper, arguments: &Arguments) -> ExitCode {
    let (to, count) = (arguments.to, arguments.idle);
    let work = async {
        match (helper, to) {
            (Helper::Plain, _) => serve(WebSocketConfig::default()).await,
            (Helper::Tuned, _) => serve(tuned()).await,
            (Helper::Days, _) => days::serve(&arguments.folder, arguments.seconds, say).await,
            (Helper::Hold, Some(to)) => hold(to, count).await,
            (Helper::Attack, Some(to)) => attack(to, count).await,
            (Helper::Hold | Helper::Attack, None) => Err(RelayFailure::wrong("nobody to connect to")),
        }
    };
    if helper == Helper::Attack {
        // In truth they have processors of their own; here they get what the relay and the honest leave.
        cpu::take_the_rest();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(RelayFailure::from);
    match runtime.and_then(|runtime| runtime.block_on(work)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("helper: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn say(line: String) -> Result<(), RelayFailure> {
    let mut out = tokio::io::stdout();
    out.write_all(format!("{line}\n").as_bytes()).await?;
    Ok(out.flush().await?)
}

/// Reads in pieces of 8 KiB, as the real client does, and writes each message at once.
fn tuned() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(8 * 1_024).write_buffer_size(0)
}

async fn serve(config: WebSocketConfig) -> Result<(), RelayFailure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(format!("listening on ws://{}", listener.local_addr()?)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        // A client that has gone is no failure of the server.
        tokio::spawn(async move { answer(stream, config).await.unwrap_or_default() });
    }
}

/// Answers one client.
async fn answer(stream: TcpStream, config: WebSocketConfig) -> Result<(), RelayFailure> {
    stream.set_nodelay(true)?;
    let mut socket = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await?;
    let (small, large) = (Bytes::from(vec![0x5a; SMALL_WIRE]), vec![0x5a; LARGE_WIRE]);
    while let Some(message) = socket.next().await {
        let Message::Binary(message) = message? else { continue };
        match Plain::asked(&message) {
            Some(Plain::Echo) => socket.send(Message::Binary(message)).await?,
            Some(Plain::Small) => socket.send(Message::Binary(small.clone())).await?,
            Some(Plain::Large(count)) => {
                for _ in 0..count {
                    // From memory of its own each time, as frames are.
                    socket.send(Message::Binary(large.clone().into())).await?;
                }
            }
            None => return Ok(()),
        }
    }
    Ok(())
}

/// Holds connections until nobody listens; says how many are left when it is asked.
async fn hold(to: SocketAddr, count: usize) -> Result<(), RelayFailure> {
    let left = Arc::new(AtomicUsize::new(0));
    for client in connect(to, count).await? {
        let left = Arc::clone(&left);
        left.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            Client::stay(client).await;
            left.fetch_sub(1, Ordering::Relaxed);
        });
    }
    let held = || say(format!("held {}", left.load(Ordering::Relaxed)));
    held().await?;
    let mut questions = BufReader::new(tokio::io::stdin()).lines();
    while questions.next_line().await?.is_some() {
        held().await?;
    }
    Ok(())
}

/// Attacks until nobody listens; says how much it has done when it is asked, and what was acknowledged.
async fn attack(to: SocketAddr, count: usize) -> Result<(), RelayFailure> {
    let done = Arc::default();
    let _attackers = hostile::attack(to, count, &done).await;
    say("attacking".into()).await?;
    let mut questions = BufReader::new(tokio::io::stdin()).lines();
    while questions.next_line().await?.is_some() {
        say(format!("done {}", done.requests())).await?;
        let acknowledged = done.acknowledged();
        for kind in [EnvelopeKind::Letter, EnvelopeKind::Chunk] {
            let mut line = "acknowledged".to_owned();
            for (_, id) in acknowledged.iter().filter(|(of, _)| *of == kind) {
                line += &format!(" {}", u128::from_be_bytes(*id.as_bytes()));
            }
            say(line).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::client::{self, websocket};
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[test]
    fn what_is_asked_of_the_plain_server_is_understood() {
        for asked in [Plain::Echo, Plain::Small, Plain::Large(0), Plain::Large(70_000)] {
            assert_eq!(Plain::asked(&asked.message(SMALL_WIRE)), Some(asked));
        }
        assert_eq!(Plain::asked(&[7; 5]), None);
        assert_eq!(Plain::asked(&[0; 4]), None);
    }

    #[tokio::test]
    async fn both_plain_servers_give_what_is_asked_and_end_at_anything_else() {
        for config in [WebSocketConfig::default(), tuned()] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let server = tokio::spawn(async move { answer(listener.accept().await.unwrap().0, config).await });
            let mut socket = websocket(address).await.unwrap();
            for (asked, sizes) in [
                (Plain::Echo, &[777][..]),
                (Plain::Small, &[SMALL_WIRE]),
                (Plain::Large(3), &[LARGE_WIRE; 3]),
                (Plain::Large(0), &[]),
            ] {
                client::send(&mut socket, asked.message(777)).await.unwrap();
                for size in sizes {
                    let received = timeout(Duration::from_secs(10), client::receive(&mut socket)).await;
                    assert_eq!(received.expect("an answer in time").unwrap().len(), *size, "{asked:?}");
                }
            }
            client::send(&mut socket, vec![7; 5]).await.unwrap();
            drop(socket);
            server.await.unwrap().unwrap();
        }
    }
}
