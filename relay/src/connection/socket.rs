//! The WebSocket below a session: whole binary messages in and out, and nothing else (protocol, section 11).

use super::read_ahead::ReadAhead;
use super::whole_frames::is_part_of_message;
use cssr_proto::sizes::LARGE_WIRE;
use futures_util::{Sink as _, Stream as _};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Bytes;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

/// What the library reads at a time, and an idle connection holds, rather than 128 KiB. The library clears so much before it
/// asks whether there is anything, and moves it once more when it learns how long a message is.
const READ_BUFFER: usize = 2 * 1_024;
/// The rest of a large message, and some room to spare: a read that fills the buffer is followed by one more, which finds
/// nothing.
const READ_AHEAD: usize = LARGE_WIRE + FRAME_HEADER + 64 - READ_BUFFER;
/// A length of two bytes, and a mask.
const FRAME_HEADER: usize = 8;
/// Messages that are handed to the system together, if they are ready: handing on each by itself costs as much as sealing it.
/// Four cost no less than two, and the library keeps the space for them (`docs/benchmarks.md`).
const TOGETHER: usize = 2;
/// The library hands nothing on by itself before it is told to.
const WRITE_BUFFER: usize = TOGETHER * (LARGE_WIRE + FRAME_HEADER);
/// Beside those, the pong or close that the library may add to them.
const WRITE_BUFFER_MAX: usize = WRITE_BUFFER + LARGE_WIRE;
/// How long the peer may take to take in the last words.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A WebSocket that hands on a few messages at a time.
pub(super) struct Socket<T> {
    stream: WebSocketStream<ReadAhead<T>>,
    /// Messages that were not handed on yet, the pings and the close among them.
    unflushed: usize,
}

/// What happened on the socket.
#[derive(Debug)]
pub(super) enum Happened {
    /// A binary message.
    Message(Bytes),
    /// A ping or pong: the peer is there.
    Alive,
    /// All that was sent has been handed on.
    Flushed,
    /// The peer has closed, or the connection broke.
    Gone,
    /// The peer sent what is neither a binary message nor a ping, pong or close, or too much.
    Nonsense,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Socket<T> {
    /// Answers a request to upgrade to a WebSocket at `/`; `None` for anything else.
    pub(super) async fn accept(stream: T) -> Option<Self> {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_write_buffer_size(WRITE_BUFFER_MAX)
            .max_message_size(Some(LARGE_WIRE))
            .max_frame_size(Some(LARGE_WIRE));
        let stream = ReadAhead::new(stream, READ_AHEAD);
        let accepted = tokio_tungstenite::accept_hdr_async_with_config(stream, OnlyRoot, Some(config)).await;
        let mut stream = accepted.ok()?;
        // Whatever came with the request was no frame, and is refused by the library.
        stream.get_mut().upgraded();
        Some(Self { stream, unflushed: 0 })
    }

    /// Whether nothing waits to be written.
    pub(super) const fn is_flushed(&self) -> bool {
        self.unflushed == 0
    }

    /// Whether another message may be sent before what was sent is handed on.
    pub(super) const fn has_room(&self) -> bool {
        self.unflushed < TOGETHER
    }

    /// Puts a message behind what waits to be handed on by [`next`](Self::next). `false` if the connection is gone.
    #[must_use]
    pub(super) fn send(&mut self, message: Vec<u8>) -> bool {
        self.begin(Message::Binary(message.into()))
    }

    /// Begins to ask whether the peer is there.
    #[must_use]
    pub(super) fn ping(&mut self) -> bool {
        self.begin(Message::Ping(Bytes::new()))
    }

    /// The next thing that happens; hands on what was sent. Nothing is lost if the future is dropped. With `read` off nothing
    /// is read, so that a peer that sends faster than it reads comes to wait.
    pub(super) async fn next(&mut self, read: bool) -> Happened {
        poll_fn(|context| self.poll(context, read)).await
    }

    /// Says goodbye, and waits a little for the peer to have read everything: closing a socket with unread input would
    /// throw away what was written last.
    pub(super) async fn close(mut self) {
        let goodbye = async {
            if self.begin(Message::Close(None)) {
                while !matches!(self.next(true).await, Happened::Gone | Happened::Nonsense) {}
            }
        };
        // Whether the peer listened makes no difference any more.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await;
    }

    fn begin(&mut self, message: Message) -> bool {
        self.unflushed += 1;
        Pin::new(&mut self.stream).start_send(message).is_ok()
    }

    /// Reads before it hands on: what is handed on is soon followed by more, and would keep the peer from being heard.
    fn poll(&mut self, context: &mut Context<'_>, read: bool) -> Poll<Happened> {
        if read && let Poll::Ready(item) = Pin::new(&mut self.stream).poll_next(context) {
            return Poll::Ready(happened(item));
        }
        if self.unflushed == 0 {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_flush(context).map(|done| {
            self.unflushed = 0;
            if done.is_ok() { Happened::Flushed } else { Happened::Gone }
        })
    }
}

fn happened(item: Option<Result<Message, Error>>) -> Happened {
    match item {
        Some(Ok(Message::Binary(message))) => Happened::Message(message),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Happened::Alive,
        Some(Err(Error::Io(error))) if is_part_of_message(&error) => Happened::Nonsense,
        None | Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_))) => {
            Happened::Gone
        }
        // A link that was cut says no goodbye.
        Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => Happened::Gone,
        Some(Ok(Message::Text(_) | Message::Frame(_)) | Err(_)) => Happened::Nonsense,
    }
}

struct OnlyRoot;

impl Callback for OnlyRoot {
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        if request.uri().path() == "/" {
            return Ok(response);
        }
        let mut refusal = ErrorResponse::new(None);
        *refusal.status_mut() = StatusCode::NOT_FOUND;
        Err(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
    use tokio::io::{DuplexStream, duplex};

    async fn pair() -> (Socket<DuplexStream>, WebSocketStream<DuplexStream>) {
        let (ours, theirs) = duplex(1 << 20);
        let peer = tokio_tungstenite::client_async("ws://relay.test/", theirs);
        let (socket, peer) = tokio::join!(Socket::accept(ours), peer);
        (socket.unwrap(), peer.unwrap().0)
    }

    #[tokio::test]
    async fn messages_are_handed_on_together() {
        let (mut socket, mut peer) = pair().await;
        for number in 0..TOGETHER {
            assert!(socket.has_room() && socket.send(vec![number as u8; LARGE_WIRE]));
        }
        assert!(!socket.has_room() && peer.next().now_or_never().is_none(), "handed on before it was asked for");
        assert!(matches!(socket.next(false).await, Happened::Flushed));
        assert!(socket.is_flushed() && socket.has_room());
        for number in 0..TOGETHER {
            assert_eq!(peer.next().await.unwrap().unwrap().into_data(), vec![number as u8; LARGE_WIRE]);
        }
    }

    #[tokio::test]
    async fn a_peer_is_heard_although_something_waits_to_be_handed_on() {
        let (mut socket, mut peer) = pair().await;
        peer.send(Message::binary("request")).await.unwrap();
        assert!(socket.send(b"answer".to_vec()));
        assert!(matches!(socket.next(true).await, Happened::Message(message) if message == "request"));
        assert!(matches!(socket.next(true).await, Happened::Flushed));
        assert_eq!(peer.next().await.unwrap().unwrap().into_data(), "answer");
    }

    #[tokio::test]
    async fn a_ping_fits_beside_messages_that_wait() {
        let (mut socket, mut peer) = pair().await;
        for _ in 0..TOGETHER {
            assert!(socket.send(vec![1; LARGE_WIRE]));
        }
        assert!(socket.ping());
        assert!(matches!(socket.next(false).await, Happened::Flushed));
        for _ in 0..TOGETHER {
            assert!(peer.next().await.unwrap().unwrap().is_binary());
        }
        assert!(peer.next().await.unwrap().unwrap().is_ping());
    }
}
