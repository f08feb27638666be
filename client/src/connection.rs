//! The thin loop around a session: wire messages between a socket and a machine that does no I/O.

use crate::transport::{DialError, Dialer, Socket};
use cssr_proto::Address;
use futures_util::{SinkExt as _, StreamExt as _};
use std::time::Duration;
use tokio_tungstenite::tungstenite::{Bytes, Error as SocketError, Message};

/// Why the connection to a relay ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// It could not be made.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// It broke.
    #[error("the connection broke: {0}")]
    Broken(#[source] Box<SocketError>),
    /// The other side closed it.
    #[error("the relay closed the connection")]
    Closed,
    /// Nothing came for too long.
    #[error("nothing came from the relay for {0:?}")]
    Silent(Duration),
    /// What came is no frame.
    #[error("the server there does not speak this protocol")]
    NotAFrame,
}

impl From<SocketError> for ConnectionError {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::ConnectionClosed | SocketError::AlreadyClosed => Self::Closed,
            other => Self::Broken(Box::new(other)),
        }
    }
}

/// A WebSocket to a relay that carries whole wire messages.
pub(crate) struct Wire {
    socket: Socket,
    silence: Duration,
}

impl Wire {
    /// Dials a relay. `silence` is how long it may say nothing while an answer is due.
    pub(crate) async fn open(dialer: &Dialer, address: &Address, silence: Duration) -> Result<Self, ConnectionError> {
        Ok(Self { socket: dialer.connect(address).await?, silence })
    }

    /// Sends wire messages, one WebSocket message each.
    pub(crate) async fn send(&mut self, messages: Vec<Vec<u8>>) -> Result<(), ConnectionError> {
        let sending = async {
            for message in messages {
                self.socket.feed(Message::Binary(Bytes::from(message))).await?;
            }
            self.socket.flush().await
        };
        match tokio::time::timeout(self.silence, sending).await {
            Ok(sent) => Ok(sent?),
            Err(_) => Err(ConnectionError::Silent(self.silence)),
        }
    }

    /// Waits for the next wire message. Pings are no answer: a server that only sends those is silent.
    pub(crate) async fn receive(&mut self) -> Result<Bytes, ConnectionError> {
        let silent = |_| ConnectionError::Silent(self.silence);
        tokio::time::timeout(self.silence, next_frame(&mut self.socket)).await.map_err(silent)?
    }

    /// Keeps the connection alive while nothing is due, answering pings, until it ends or something comes that nobody
    /// asked for.
    pub(crate) async fn idle(&mut self) -> ConnectionError {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) | None => return ConnectionError::Closed,
                Some(Ok(Message::Binary(_) | Message::Text(_) | Message::Frame(_))) => {
                    return ConnectionError::NotAFrame;
                }
                Some(Err(error)) => return error.into(),
            }
        }
    }

    /// Says goodbye. That it fails changes nothing any more.
    pub(crate) async fn close(mut self) {
        let _ = tokio::time::timeout(self.silence, self.socket.close(None)).await;
    }
}

async fn next_frame(socket: &mut Socket) -> Result<Bytes, ConnectionError> {
    loop {
        match socket.next().await.ok_or(ConnectionError::Closed)?? {
            Message::Binary(bytes) => return Ok(bytes),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(_) => return Err(ConnectionError::Closed),
            Message::Text(_) | Message::Frame(_) => return Err(ConnectionError::NotAFrame),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_server_that_only_pings_is_silent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("ws://127.0.0.1:{}", listener.local_addr().unwrap().port()).parse().unwrap();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            let mut between = tokio::time::interval(Duration::from_millis(20));
            while socket.send(Message::Ping(Bytes::new())).await.is_ok() {
                between.tick().await;
            }
        });
        let silence = Duration::from_millis(200);
        let mut wire = Wire::open(&Dialer::default(), &address, silence).await.unwrap();
        let received = tokio::time::timeout(Duration::from_secs(20), wire.receive()).await;
        assert!(matches!(received, Ok(Err(ConnectionError::Silent(of))) if of == silence), "{received:?}");
        drop(wire);
        server.await.unwrap();
    }
}
