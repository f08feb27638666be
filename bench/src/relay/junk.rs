//! What means nothing to a relay, or is too much: how much work it costs the relay beside the work of whoever sends it.

use super::client::{Client, websocket};
use super::cpu;
use super::failure::RelayFailure;
use super::program::RunningRelay;
use super::rounds::Rounds;
use super::{Options, office::GROUP};
use crate::failure::Failure;
use crate::progress;
use crate::report::Report;
use cssr_proto::frame::{Fields, Frame, Head};
use cssr_proto::sizes::{ENVELOPE, HANDSHAKE, LARGE_WIRE};
use futures_util::{SinkExt as _, StreamExt as _};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

/// How often each is sent in a round: the relay's time is told in steps of 10 ms.
const TIMES: usize = 400;

#[derive(Clone, Copy)]
enum Junk {
    /// A message of a megabyte, in a session.
    Oversized,
    /// A sealed frame that the protocol does not know.
    Malformed,
    /// A message that does not open.
    Unsealed,
    /// A first message that is no greeting.
    NoGreeting,
    /// Bytes that are no WebSocket.
    Noise,
}

const ALL: [(&str, Junk); 5] = [
    ("oversized", Junk::Oversized),
    ("malformed", Junk::Malformed),
    ("unsealed", Junk::Unsealed),
    ("no_greeting", Junk::NoGreeting),
    ("noise", Junk::Noise),
];

pub(super) async fn run(options: &Options, report: &mut Report) -> Result<(), Failure> {
    report.heading(&format!("relay junk: {TIMES} of each kind, {} rounds", options.rounds))?;
    let bar = progress::bar("junk", options.rounds);
    let mut rounds = Rounds::default();
    let relay = RunningRelay::as_shipped(options, GROUP).await?;
    for _ in 0..options.rounds {
        for (name, junk) in ALL {
            let (relays, senders) = (relay.process().time()?, cpu::of_this_process());
            for _ in 0..TIMES {
                send(junk, relay.address).await?;
            }
            let each = |spent: std::time::Duration| 1e6 * spent.as_secs_f64() / TIMES as f64;
            let (relays, senders) = (each(relay.process().time()? - relays), each(cpu::of_this_process() - senders));
            rounds.add(format!("junk.{name}.ratio"), "ratio", relays / senders);
            rounds.add(format!("junk.{name}.relay"), "us", relays);
            rounds.add(format!("junk.{name}.sender"), "us", senders);
        }
        bar.inc(1);
    }
    drop(bar);
    rounds.report(report)
}

/// Once, until the relay has ended the connection.
async fn send(junk: Junk, to: SocketAddr) -> Result<(), RelayFailure> {
    let message = |bytes: usize| Message::Binary(vec![7; bytes].into());
    let (mut socket, message) = match junk {
        Junk::Noise => {
            let mut stream = TcpStream::connect(to).await?;
            // It may be cut before all is sent, and end in any way.
            let _ = stream.write_all(&[0x81; LARGE_WIRE]).await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
            return Ok(());
        }
        Junk::NoGreeting => (websocket(to).await?, message(HANDSHAKE)),
        Junk::Oversized => (Client::connect(to).await?.into_socket(), message(1 << 20)),
        Junk::Unsealed => (Client::connect(to).await?.into_socket(), message(LARGE_WIRE)),
        Junk::Malformed => {
            let mut client = Client::connect(to).await?;
            let head = Head { kind: 0x77, request: 1, part: 1, parts: 2 };
            let frame = Frame::large(head, &Fields::NONE, &[9; ENVELOPE]).map_err(RelayFailure::wrong)?;
            client.send_frame(&frame).await?;
            (client.into_socket(), Message::Pong(Vec::new().into()))
        }
    };
    let _ = socket.send(message).await;
    while let Some(Ok(_)) = socket.next().await {}
    Ok(())
}
