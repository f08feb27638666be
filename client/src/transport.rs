//! From an address to a WebSocket: TCP or a SOCKS5 proxy, TLS where the address says `wss`.
//!
//! What this layer protects is only that the session inside reaches some relay; whether it is the right one is
//! decided by the session and the roster. TLS keeps the frames' sizes from nobody and their content is sealed already.

mod socks;
mod stream;
mod tls;

pub use socks::SocksError;
pub use tls::{CertificateFault, TlsRoots};

use cssr_proto::{Address, Scheme};
use std::time::Duration;
use stream::Stream;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// The read buffer of a connection. A large frame is read in two pieces; an idle connection holds 8 KiB, not 128.
const READ_BUFFER: usize = 8 * 1024;
/// The largest message either side may send: a large frame with its tag, or a handshake message.
const MESSAGE_MAX: usize = cssr_proto::sizes::LARGE_WIRE;
/// Longer timeouts than this are none, and a clock that is asked to add them may overflow.
const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// A WebSocket over whatever was dialled.
pub type Socket = WebSocketStream<Stream>;

/// Why a relay could not be reached. It does not name the relay: the caller knows it, and a log must not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The name did not resolve, or nothing answered.
    #[error("the relay could not be reached: {0}")]
    Unreachable(#[source] std::io::Error),
    /// The address is an onion service's and there is no proxy. Looking such a name up would tell the whole network of it
    /// (RFC 7686).
    #[error("an onion service is reached through Tor only: give its SOCKS5 proxy")]
    OnionWithoutProxy,
    /// Nothing answers where the proxy should be.
    #[error("the SOCKS5 proxy at {proxy} could not be reached: {error}")]
    ProxyUnreachable {
        /// Where it should be.
        proxy: String,
        /// Why not.
        #[source]
        error: std::io::Error,
    },
    /// The proxy is there, but refused or failed.
    #[error("the SOCKS5 proxy at {proxy} did not make the connection: {error}")]
    Proxy {
        /// Where it is.
        proxy: String,
        /// What it said.
        #[source]
        error: SocksError,
    },
    /// The proxy made no connection in time.
    #[error("the SOCKS5 proxy at {proxy} did not make the connection within {after:?}")]
    ProxyTimeout {
        /// Where it is.
        proxy: String,
        /// How long it had.
        after: Duration,
    },
    /// The certificate does not hold. Nothing was sent.
    #[error("the relay's certificate is refused: {0}")]
    Certificate(#[source] CertificateFault),
    /// What answers does not speak TLS, or the connection broke. Nothing was sent.
    #[error("TLS failed: {0}")]
    Tls(#[source] std::io::Error),
    /// It answered, but not as a WebSocket server.
    #[error("the server there is not a relay: {0}")]
    NotWebSocket(#[source] Box<tungstenite::Error>),
    /// It took too long.
    #[error("the relay did not answer within {0:?}")]
    Timeout(Duration),
}

/// A SOCKS5 proxy, such as Tor's.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// `host:port` of the proxy.
    pub address: String,
    /// Whether to give random credentials to each connection, so that Tor uses another circuit for it
    /// (`IsolateSOCKSAuth`). A proxy that takes no credentials is refused then; it needs this off.
    pub isolate: bool,
}

/// How to reach relays.
#[derive(Clone, Debug)]
pub struct Dialer {
    /// Everything goes through it if there is one, name resolution included: nothing leaks beside it.
    pub proxy: Option<Proxy>,
    /// Which certificates to trust for `wss`.
    pub tls: TlsRoots,
    /// How long reaching the relay may take, TLS and WebSocket upgrade included; a day at most. Tor circuits need tens of
    /// seconds.
    pub timeout: Duration,
}

impl Default for Dialer {
    fn default() -> Self {
        Self { proxy: None, tls: TlsRoots::public(), timeout: Duration::from_secs(60) }
    }
}

impl Dialer {
    /// Opens a WebSocket to a relay or forwarder.
    ///
    /// # Errors
    /// See [`DialError`].
    pub async fn connect(&self, address: &Address) -> Result<Socket, DialError> {
        let after = self.timeout.min(TIMEOUT_MAX);
        let deadline = Instant::now() + after;
        let (host, port) = (address.host(), address.port());
        let tcp = match &self.proxy {
            None if address.is_onion() => return Err(DialError::OnionWithoutProxy),
            None => timeout_at(deadline, TcpStream::connect((host, port)))
                .await
                .map_err(|_| DialError::Timeout(after))?
                .map_err(DialError::Unreachable)?,
            Some(proxy) => timeout_at(deadline, proxy.connect(host, port))
                .await
                .map_err(|_| DialError::ProxyTimeout { proxy: proxy.address.clone(), after })??,
        };
        timeout_at(deadline, self.upgrade(address, tcp)).await.map_err(|_| DialError::Timeout(after))?
    }

    async fn upgrade(&self, address: &Address, tcp: TcpStream) -> Result<Socket, DialError> {
        // Frames are whole messages; waiting to fill a segment only adds delay.
        tcp.set_nodelay(true).map_err(DialError::Unreachable)?;
        let stream = match address.scheme() {
            Scheme::Wss => Stream::Tls(Box::new(self.tls.handshake(address.host(), tcp).await?)),
            Scheme::Ws => Stream::Plain(tcp),
        };
        let (socket, _) = tokio_tungstenite::client_async_with_config(address.url(), stream, Some(socket_config()))
            .await
            .map_err(|error| match error {
                tungstenite::Error::Io(error) => DialError::Unreachable(error),
                other => DialError::NotWebSocket(Box::new(other)),
            })?;
        Ok(socket)
    }
}

impl Proxy {
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, DialError> {
        let unreachable = |error| DialError::ProxyUnreachable { proxy: self.address.clone(), error };
        let mut tcp = TcpStream::connect(&self.address).await.map_err(unreachable)?;
        let credentials = if self.isolate { Some(random_credentials().map_err(unreachable)?) } else { None };
        socks::connect(&mut tcp, host, port, credentials.as_deref())
            .await
            .map_err(|error| DialError::Proxy { proxy: self.address.clone(), error })?;
        Ok(tcp)
    }
}

fn random_credentials() -> std::io::Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(u64::from_be_bytes(bytes).to_string())
}

fn socket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(MESSAGE_MAX))
        .max_frame_size(Some(MESSAGE_MAX))
}
