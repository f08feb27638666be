//! The WebSocket below a session: whole binary messages in and out, and nothing else (protocol, section 11).

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

/// A large message, with the header of its WebSocket frame, is read in two pieces; an idle connection holds 8 KiB rather than
/// the library's 128. There is some room to spare: a read that fills the buffer is followed by one more, which finds nothing.
const READ_BUFFER: usize = (LARGE_WIRE + FRAME_HEADER).div_ceil(2) + 64;
/// A length of two bytes, and a mask.
const FRAME_HEADER: usize = 8;
/// One message of ours, and the pong or close that the library may add to it.
const WRITE_BUFFER_MAX: usize = 2 * LARGE_WIRE;
/// How long the peer may take to take in the last words.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A WebSocket that writes one message at a time.
pub(super) struct Socket<T> {
    stream: WebSocketStream<T>,
    flushed: bool,
}

/// What happened on the socket.
#[derive(Debug)]
pub(super) enum Happened {
    /// A binary message.
    Message(Bytes),
    /// A ping or pong: the peer is there.
    Alive,
    /// What was sent last has been handed on.
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
            .write_buffer_size(0)
            .max_write_buffer_size(WRITE_BUFFER_MAX)
            .max_message_size(Some(LARGE_WIRE))
            .max_frame_size(Some(LARGE_WIRE));
        let accepted = tokio_tungstenite::accept_hdr_async_with_config(stream, OnlyRoot, Some(config)).await;
        accepted.ok().map(|stream| Self { stream, flushed: true })
    }

    /// Whether nothing waits to be written.
    pub(super) const fn is_flushed(&self) -> bool {
        self.flushed
    }

    /// Begins to write a message; [`Happened::Flushed`] tells when it is done. `false` if the connection is gone.
    #[must_use]
    pub(super) fn send(&mut self, message: Vec<u8>) -> bool {
        self.begin(Message::Binary(message.into()))
    }

    /// Begins to ask whether the peer is there.
    #[must_use]
    pub(super) fn ping(&mut self) -> bool {
        self.begin(Message::Ping(Bytes::new()))
    }

    /// The next thing that happens. Nothing is lost if the future is dropped. With `read` off nothing is read, so that
    /// a peer that sends faster than it reads comes to wait.
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
        self.flushed = false;
        Pin::new(&mut self.stream).start_send(message).is_ok()
    }

    fn poll(&mut self, context: &mut Context<'_>, read: bool) -> Poll<Happened> {
        if !self.flushed {
            match Pin::new(&mut self.stream).poll_flush(context) {
                Poll::Ready(Ok(())) => {
                    self.flushed = true;
                    return Poll::Ready(Happened::Flushed);
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Happened::Gone),
                Poll::Pending => {}
            }
        }
        if !read {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_next(context).map(|item| match item {
            Some(Ok(Message::Binary(message))) => Happened::Message(message),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Happened::Alive,
            None | Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_))) => {
                Happened::Gone
            }
            // A link that was cut says no goodbye.
            Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => Happened::Gone,
            Some(Ok(Message::Text(_) | Message::Frame(_)) | Err(_)) => Happened::Nonsense,
        })
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
