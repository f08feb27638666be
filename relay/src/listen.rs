//! Where connections come in: TCP, or TLS over TCP.

use crate::tls::Tls;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

/// Everywhere that a relay or forwarder listens.
///
/// ```no_run
/// # use cssr_relay::{Listeners, Tls};
/// # fn listeners(local: tokio::net::TcpListener, public: tokio::net::TcpListener, tls: Tls) -> Listeners {
/// Listeners::from(local).and_tls(public, tls)
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Listeners {
    all: Vec<(TcpListener, Option<Tls>)>,
    /// Who is asked first next time, so that one that is never quiet does not silence the others.
    first: usize,
}

impl Listeners {
    /// Takes connections as they are.
    #[must_use]
    pub fn and_plain(mut self, listener: TcpListener) -> Self {
        self.all.push((listener, None));
        self
    }

    /// Takes connections that speak TLS.
    #[must_use]
    pub fn and_tls(mut self, listener: TcpListener, tls: Tls) -> Self {
        self.all.push((listener, Some(tls)));
        self
    }

    /// The next connection of any of them. TLS has not begun yet: it does with the first byte that is read or written,
    /// so that nobody else waits for a slow peer. None is lost if the future is dropped.
    pub(crate) async fn accept(&mut self) -> io::Result<Accepted> {
        poll_fn(|context| self.poll_accept(context)).await
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> usize {
        self.all.len()
    }

    /// Whether there is one, and nobody reaches it but by what runs on this machine.
    pub(crate) fn is_one_of_this_machine(&self) -> bool {
        let is_local = |listener: &TcpListener| listener.local_addr().is_ok_and(|at| at.ip().is_loopback());
        matches!(self.all.as_slice(), [(listener, _)] if is_local(listener))
    }

    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        let (before, after) = self.all.split_at(self.first.min(self.all.len()));
        for (asked, (listener, tls)) in after.iter().chain(before).enumerate() {
            if let Poll::Ready(accepted) = listener.poll_accept(context) {
                let place = (self.first + asked) % self.all.len().max(1);
                self.first = place + 1;
                return Poll::Ready(accepted.map(|(stream, peer)| {
                    let stream = Stream::new(stream, tls.as_ref());
                    Accepted { stream, peer, listener: place }
                }));
            }
        }
        Poll::Pending
    }
}

/// A connection that has come in.
pub(crate) struct Accepted {
    pub(crate) stream: Stream,
    pub(crate) peer: SocketAddr,
    /// By which of the listeners, in the order in which they were given.
    pub(crate) listener: usize,
}

impl From<TcpListener> for Listeners {
    fn from(listener: TcpListener) -> Self {
        Self::default().and_plain(listener)
    }
}

/// A connection, with or without TLS.
pub(crate) enum Stream {
    Plain(TcpStream),
    Handshake(Box<Accept<TcpStream>>),
    Tls(Box<TlsStream<TcpStream>>),
    /// The handshake has failed.
    Failed,
}

impl Stream {
    fn new(stream: TcpStream, tls: Option<&Tls>) -> Self {
        match tls {
            None => Self::Plain(stream),
            Some(tls) => Self::Handshake(Box::new(TlsAcceptor::from(tls.config()).accept(stream))),
        }
    }

    /// As [`TcpStream::set_nodelay`].
    pub(crate) fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        let tcp = match self {
            Self::Plain(tcp) => Some(tcp),
            Self::Handshake(accept) => accept.get_ref(),
            Self::Tls(stream) => Some(stream.get_ref().0),
            Self::Failed => None,
        };
        tcp.map_or(Ok(()), |tcp| tcp.set_nodelay(nodelay))
    }

    /// Goes on with the handshake, if it is not done.
    fn poll_handshake(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Self::Handshake(accept) = self {
            let outcome = ready!(Pin::new(accept.as_mut()).poll(context));
            let (next, result) = match outcome {
                Ok(stream) => (Self::Tls(Box::new(stream)), Ok(())),
                Err(error) => (Self::Failed, Err(error)),
            };
            *self = next;
            return Poll::Ready(result);
        }
        Poll::Ready(Ok(()))
    }
}

fn failed() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        ready!(stream.poll_handshake(cx))?;
        match stream {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Handshake(_) | Self::Failed => Poll::Ready(Err(failed())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        ready!(stream.poll_handshake(cx))?;
        match stream {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Handshake(_) | Self::Failed => Poll::Ready(Err(failed())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            // Nothing has been written.
            Self::Handshake(_) | Self::Failed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Handshake(_) | Self::Failed => Poll::Ready(Ok(())),
        }
    }
}
