//! A client for tests, from the client's side of `cssr-proto`: it can also do what no honest one does.

use chacha20::ChaCha20Rng;
use cssr_proto::frame::Frame;
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::parcel::BurnKey;
use cssr_proto::postage::Postage;
use cssr_proto::request::{Post, Request};
use cssr_proto::response::{Progress, Response, ResponseReader};
use cssr_proto::session::{Announcement, ClientHandshake, Session};
use cssr_proto::sizes::ENVELOPE;
use cssr_proto::wire_error::ErrorCode;
use cssr_proto::{EnvelopeId, Number};
use futures_util::{SinkExt as _, StreamExt as _};
use rand_core::{Rng as _, SeedableRng as _};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

pub type WebSocket = WebSocketStream<TcpStream>;

/// After this a test fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(20);

static SESSIONS: AtomicU64 = AtomicU64::new(0);

pub struct Client<T = TcpStream> {
    pub socket: WebSocketStream<T>,
    pub session: Session,
    pub announcement: Announcement,
    pub relay: RelayPublicKey,
    /// Sizes of the messages received since [`Client::sizes`] was last asked.
    sizes: Vec<usize>,
    next: u16,
    unanswered: VecDeque<ResponseReader>,
}

pub async fn websocket(address: SocketAddr) -> WebSocket {
    let stream = TcpStream::connect(address).await.unwrap();
    tokio_tungstenite::client_async(format!("ws://{address}/"), stream).await.unwrap().0
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).await.unwrap()
    }

    /// `None` if the relay is not there, or not any more.
    pub async fn try_connect(address: SocketAddr) -> Option<Self> {
        Self::over(TcpStream::connect(address).await.ok()?).await
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    /// A session over a connection that exists.
    pub async fn over(stream: T) -> Option<Self> {
        let (mut socket, _) = tokio_tungstenite::client_async("ws://relay.example.org/", stream).await.ok()?;
        let mut rng = ChaCha20Rng::seed_from_u64(SESSIONS.fetch_add(1, Ordering::Relaxed));
        let (handshake, first) = ClientHandshake::start(&mut rng).unwrap();
        socket.send(Message::Binary(first.to_vec().into())).await.ok()?;
        let Message::Binary(reply) = socket.next().await?.ok()? else { return None };
        let (session, announcement, relay) = handshake.finish(&reply).unwrap();
        let (sizes, unanswered) = (Vec::new(), VecDeque::new());
        Some(Self { socket, session, announcement, relay, sizes, next: 0, unanswered })
    }

    pub fn handshake_hash(&self) -> &[u8; 32] {
        self.session.handshake_hash().as_bytes()
    }

    /// Sends a request without waiting for anything.
    pub async fn send(&mut self, request: Request) -> u16 {
        assert!(self.try_send(request).await, "the relay is gone");
        self.next.wrapping_sub(1)
    }

    pub async fn try_send(&mut self, request: Request) -> bool {
        let number = self.next;
        self.next = number.wrapping_add(1);
        self.unanswered.push_back(ResponseReader::new(number, &request, Number::new(4).unwrap()));
        for frame in request.into_frames(number) {
            let message = self.session.seal(&frame).unwrap();
            if self.socket.send(Message::Binary(message.into())).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Sends any frame.
    pub async fn send_frame(&mut self, frame: &Frame) {
        let message = self.session.seal(frame).unwrap();
        self.socket.send(Message::Binary(message.into())).await.unwrap();
    }

    /// The next answer, or piece of one; `None` if the connection ended before.
    pub async fn try_receive(&mut self) -> Option<Response> {
        loop {
            let frame = self.frame().await?;
            let reader = self.unanswered.front_mut().expect("an answer to nothing");
            match reader.push(frame).unwrap() {
                Progress::More => {}
                Progress::Piece(response) => return Some(response),
                Progress::Done(response) => {
                    self.unanswered.pop_front();
                    return Some(response);
                }
            }
        }
    }

    pub async fn receive(&mut self) -> Response {
        self.try_receive().await.expect("the relay closed the connection")
    }

    pub async fn ask(&mut self, request: Request) -> Response {
        self.send(request).await;
        self.receive().await
    }

    /// Asks, and must be refused.
    pub async fn refused(&mut self, request: Request) -> ErrorCode {
        error(&self.ask(request).await)
    }

    /// The next frame as it is; `None` if the connection ended before.
    pub async fn frame(&mut self) -> Option<Frame> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("the relay says nothing");
            match message? {
                Ok(Message::Binary(message)) => {
                    self.sizes.push(message.len());
                    return Some(self.session.open(&message).unwrap());
                }
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(other) => panic!("unexpected message of {} bytes", other.len()),
            }
        }
    }

    /// Sizes of the messages received since this was last asked.
    pub fn sizes(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.sizes)
    }

    /// Waits until the relay has ended the connection; no frame may come before that.
    pub async fn ends(mut self) {
        assert!(self.frame().await.is_none(), "the relay answered");
    }
}

/// The code of an error.
pub fn error(response: &Response) -> ErrorCode {
    match response {
        Response::Error(error) => error.code,
        other => panic!("{other:?} is no error"),
    }
}

/// The bytes of the envelope that follows from a seed.
pub fn envelope(seed: u64) -> [u8; ENVELOPE] {
    let mut bytes = [0; ENVELOPE];
    ChaCha20Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

pub fn id(seed: u64) -> EnvelopeId {
    EnvelopeId::random(&mut ChaCha20Rng::seed_from_u64(!seed))
}

/// The letter that follows from a seed.
pub fn letter(seed: u64) -> Request {
    Request::Post(Post::letter(id(seed), Postage::FREE, &envelope(seed)))
}

/// The chunk that follows from a seed; [`burn_key`] burns it.
pub fn chunk(seed: u64) -> Request {
    let hash = cssr_proto::sha256(burn_key(seed).as_bytes());
    Request::Post(Post::chunk(id(seed), hash, Postage::FREE, &envelope(seed)))
}

pub fn burn_key(seed: u64) -> BurnKey {
    BurnKey::from_bytes([seed as u8; 32])
}
