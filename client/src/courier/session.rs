//! What a courier needs of a session with the relay, and the connection that gives it.

use crate::connection::{ConnectionError, Wire};
use crate::link::{Handshake, Link, LinkError};
use crate::transport::Dialer;
use cssr_proto::index::GroupSize;
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use cssr_proto::session::{Announcement, HandshakeHash};
use cssr_proto::{Address, Day};
use rand_core::CryptoRng;
use std::time::Duration;

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionFailure {
    /// The relay could not be reached, or the connection broke.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// What came breaks the protocol.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// A session, one request at a time.
pub(super) trait Session {
    /// The day that the relay announced.
    fn day(&self) -> Day;
    /// Whose session it is.
    fn relay(&self) -> &RelayPublicKey;
    /// What names it.
    fn hash(&self) -> &HandshakeHash;
    /// Asks, and waits for the answer or its first piece.
    async fn ask(&mut self, request: Request) -> Result<Response, SessionFailure>;
    /// Waits for the next piece of an answer.
    async fn more(&mut self) -> Result<Response, SessionFailure>;
}

/// A connection to a relay, with its session established. Anonymous until a courier makes it its own.
pub struct Connection {
    wire: Wire,
    link: Link,
    announcement: Announcement,
    relay: RelayPublicKey,
}

impl Connection {
    /// Connects to the first of these addresses that answers. `silence` is how long the relay may say nothing while an
    /// answer is due.
    ///
    /// # Errors
    /// The failure at the last address.
    pub async fn open<R: CryptoRng>(
        dialer: &Dialer,
        addresses: &[Address],
        silence: Duration,
        rng: &mut R,
    ) -> Result<Self, SessionFailure> {
        let mut failure = SessionFailure::Connection(ConnectionError::Closed);
        for address in addresses {
            match Self::open_at(dialer, address, silence, rng).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Asks one thing, and waits for the answer.
    ///
    /// # Errors
    /// The session is over.
    pub async fn call(&mut self, request: Request) -> Result<Response, SessionFailure> {
        self.link.request(request, GroupSize::LEAST);
        let messages = self.link.outgoing()?;
        self.wire.send(messages).await?;
        self.next().await
    }

    /// Closes the connection.
    pub async fn close(self) {
        self.wire.close().await;
    }

    async fn open_at<R: CryptoRng>(
        dialer: &Dialer,
        address: &Address,
        silence: Duration,
        rng: &mut R,
    ) -> Result<Self, SessionFailure> {
        let mut wire = Wire::open(dialer, address, silence).await?;
        let (handshake, message) = Handshake::start(rng)?;
        wire.send(vec![message]).await?;
        let (link, announcement, relay) = handshake.finish(&wire.receive().await?)?;
        Ok(Self { wire, link, announcement, relay })
    }

    async fn next(&mut self) -> Result<Response, SessionFailure> {
        loop {
            let message = self.wire.receive().await?;
            if let Some(response) = self.link.receive(&message)? {
                return Ok(response);
            }
        }
    }
}

impl Session for Connection {
    fn day(&self) -> Day {
        self.announcement.day
    }

    fn relay(&self) -> &RelayPublicKey {
        &self.relay
    }

    fn hash(&self) -> &HandshakeHash {
        self.link.handshake_hash()
    }

    async fn ask(&mut self, request: Request) -> Result<Response, SessionFailure> {
        self.call(request).await
    }

    async fn more(&mut self) -> Result<Response, SessionFailure> {
        self.next().await
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection(..)")
    }
}
