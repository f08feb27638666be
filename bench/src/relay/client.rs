//! A client with a full session that does one thing at a time.

use super::engine::{Letters, today};
use super::failure::RelayFailure;
use super::load::Worker;
use super::office::GROUP;
use chacha20::ChaCha20Rng;
use cssr_proto::Day;
use cssr_proto::frame::Frame;
use cssr_proto::index::{Group, GroupSize};
use cssr_proto::request::Request;
use cssr_proto::response::{Progress, Response, ResponseReader};
use cssr_proto::session::{Announcement, ClientHandshake, Session};
use cssr_proto::wire_error::ERROR_KIND;
use futures_util::{SinkExt as _, StreamExt as _};
use getrandom::SysRng;
use rand_core::{Rng as _, UnwrapErr};
use std::collections::VecDeque;
use std::net::SocketAddr;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as WebSocketFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Bytes, Message};

pub(super) type WebSocket = WebSocketStream<TcpStream>;

/// How many connect at once.
const AT_ONCE: usize = 64;
/// Bytes.
const READ_BUFFER: usize = 8 * 1_024;

pub(super) struct Client {
    socket: WebSocket,
    session: Session,
    announcement: Announcement,
    next: u16,
    waiting: Option<ResponseReader>,
}

/// A WebSocket to a server on this machine.
pub(super) async fn websocket(address: SocketAddr) -> Result<WebSocket, RelayFailure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    // As the real client does. Each read clears the whole buffer first, and the servers have to share the processor.
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    Ok(tokio_tungstenite::client_async_with_config(format!("ws://{address}/"), stream, Some(config)).await?.0)
}

pub(super) async fn send(socket: &mut WebSocket, message: Vec<u8>) -> Result<(), RelayFailure> {
    Ok(socket.send(Message::Binary(message.into())).await?)
}

/// The next binary message.
pub(super) async fn receive(socket: &mut WebSocket) -> Result<Bytes, RelayFailure> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Binary(message))) => return Ok(message),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Err(error)) => return Err(error.into()),
            Some(Ok(_)) | None => return Err(RelayFailure::wrong("the server closed a connection")),
        }
    }
}

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Result<Self, RelayFailure> {
        let mut socket = websocket(address).await?;
        let (handshake, first) = ClientHandshake::start(&mut UnwrapErr(SysRng))?;
        send(&mut socket, first.to_vec()).await?;
        let (session, announcement, _) = handshake.finish(&receive(&mut socket).await?)?;
        Ok(Self { socket, session, announcement, next: 0, waiting: None })
    }

    /// Its connection alone.
    pub(super) fn into_socket(self) -> WebSocket {
        self.socket
    }

    pub(super) fn handshake_hash(&self) -> &[u8; 32] {
        self.session.handshake_hash().as_bytes()
    }

    /// The work for each letter.
    pub(super) const fn letter_effort(&self) -> u32 {
        self.announcement.letter_effort
    }

    /// The relay's day.
    pub(super) const fn day(&self) -> Day {
        self.announcement.day
    }

    /// The number of the next request.
    const fn number(&mut self) -> u16 {
        let number = self.next;
        self.next = number.wrapping_add(1);
        number
    }

    pub(super) async fn send(&mut self, request: Request) -> Result<(), RelayFailure> {
        let number = self.number();
        let size = GroupSize::new(GROUP).map_err(RelayFailure::wrong)?;
        self.waiting = Some(ResponseReader::new(number, &request, size));
        for frame in request.into_frames(number) {
            let message = self.session.seal(&frame)?;
            send(&mut self.socket, message).await?;
        }
        Ok(())
    }

    /// Sends any frame.
    pub(super) async fn send_frame(&mut self, frame: &Frame) -> Result<(), RelayFailure> {
        let message = self.session.seal(frame)?;
        send(&mut self.socket, message).await
    }

    /// The answer, or the next piece of it.
    pub(super) async fn receive(&mut self) -> Result<Response, RelayFailure> {
        loop {
            let frame: Frame = self.session.open(&receive(&mut self.socket).await?)?;
            let reader = self.waiting.as_mut().ok_or_else(|| RelayFailure::wrong("an answer to nothing"))?;
            match reader.push(frame).map_err(|_| RelayFailure::wrong("the relay broke the protocol"))? {
                Progress::More => {}
                Progress::Piece(response) | Progress::Done(response) => return Ok(response),
            }
        }
    }

    pub(super) async fn ask(&mut self, request: Request) -> Result<Response, RelayFailure> {
        self.send(request).await?;
        self.receive().await
    }

    /// Whether the next frame is a refusal.
    pub(super) async fn is_refused(&mut self) -> Result<bool, RelayFailure> {
        let frame = self.session.open(&receive(&mut self.socket).await?)?;
        Ok(frame.head().kind == ERROR_KIND)
    }

    /// Takes in so many frames without looking into them.
    pub(super) async fn swallow(&mut self, frames: usize) -> Result<(), RelayFailure> {
        for _ in 0..frames {
            receive(&mut self.socket).await?;
        }
        Ok(())
    }

    /// Waits until the relay ends the connection; answers its pings meanwhile.
    pub(super) async fn stay(mut self) {
        while let Some(Ok(_)) = self.socket.next().await {}
    }
}

/// So many clients.
pub(super) async fn connect(address: SocketAddr, count: usize) -> Result<Vec<Client>, RelayFailure> {
    let mut clients = Vec::with_capacity(count);
    while clients.len() < count {
        let mut tasks = JoinSet::new();
        (0..AT_ONCE.min(count - clients.len())).for_each(|_| {
            tasks.spawn(Client::connect(address));
        });
        while let Some(client) = tasks.join_next().await {
            clients.push(client.map_err(|_| RelayFailure::wrong("a client panicked"))??);
        }
    }
    Ok(clients)
}

/// Posts one letter after the other, each acknowledged before the next.
pub(super) struct Poster {
    client: Client,
    letters: Letters,
    /// Each with the number of its request.
    prepared: VecDeque<(u16, Vec<u8>)>,
    /// A request like all of them.
    like: Request,
}

impl Poster {
    /// So many of them.
    pub(super) async fn connect(address: SocketAddr, count: usize) -> Result<Vec<Self>, RelayFailure> {
        let clients = connect(address, count).await?;
        let poster = |client| {
            let mut letters = Letters::new();
            let like = letters.next_post();
            Self { client, letters, prepared: VecDeque::new(), like }
        };
        Ok(clients.into_iter().map(poster).collect())
    }

    /// Makes what it will send, to the last byte. In truth every sender has a machine of its own for that; here it would take
    /// the relay's.
    pub(super) fn prepare(&mut self, letters: usize) -> Result<(), RelayFailure> {
        while self.prepared.len() < letters {
            let message = self.next_message()?;
            self.prepared.push_back(message);
        }
        Ok(())
    }

    fn next_message(&mut self) -> Result<(u16, Vec<u8>), RelayFailure> {
        let number = self.client.number();
        let ([low, high], mut message) = (number.to_ne_bytes(), Vec::new());
        for frame in self.letters.next_post().into_frames(number) {
            let sealed = self.client.session.seal(&frame)?;
            let mut frame = WebSocketFrame::message(sealed, OpCode::Data(Data::Binary), true);
            frame.header_mut().mask = Some([low, high, 0x5a, 0xa5]);
            frame.format(&mut message)?;
        }
        Ok((number, message))
    }
}

impl Worker for Poster {
    async fn work(&mut self) -> Result<u64, RelayFailure> {
        let (number, message) = self.prepared.pop_front().map_or_else(|| self.next_message(), Ok)?;
        let size = GroupSize::new(GROUP).map_err(RelayFailure::wrong)?;
        self.client.waiting = Some(ResponseReader::new(number, &self.like, size));
        // Nothing else is waiting to be written.
        self.client.socket.get_mut().write_all(&message).await?;
        match self.client.receive().await? {
            Response::Posted => Ok(1),
            other => Err(RelayFailure::Wrong(format!("a letter was answered with {other:?}"))),
        }
    }
}

/// Fetches one random group of today after the other.
pub(super) struct Reader {
    client: Client,
    rng: ChaCha20Rng,
    groups: u32,
}

impl Reader {
    /// So many of them, for so many letters.
    pub(super) async fn connect(address: SocketAddr, count: usize, letters: u64) -> Result<Vec<Self>, RelayFailure> {
        let groups = u32::try_from(letters / GROUP).map_err(RelayFailure::wrong)?.max(1);
        let clients = connect(address, count).await?.into_iter().zip(0..);
        Ok(clients.map(|(client, n)| Self { client, rng: crate::sources::rng("reader", n), groups }).collect())
    }
}

impl Worker for Reader {
    /// Counts letters.
    async fn work(&mut self) -> Result<u64, RelayFailure> {
        let number = self.rng.next_u32() % self.groups;
        match self.client.ask(Request::Group(Group { day: today(), number })).await? {
            Response::Group(letters) if letters.iter().all(Option::is_some) => Ok(letters.len() as u64),
            other => Err(RelayFailure::Wrong(format!("a group was answered with {other:?}, or not with letters"))),
        }
    }
}
