//! From an address to a WebSocket: TCP or a SOCKS5 proxy, TLS where the address says `wss`.
//!
//! What this layer protects is only that the session inside reaches some relay; whether it is the right one is
//! decided by the session and the roster. TLS keeps the frames' sizes from nobody and their content is sealed already.

mod stream;
mod tls;

pub use tls::TlsRoots;

use cssr_proto::{Address, Scheme};
use std::time::Duration;
use stream::Stream;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// The read buffer of a connection. A large frame is read in two pieces; an idle connection holds 8 KiB, not 128.
const READ_BUFFER: usize = 8 * 1024;
/// The largest message either side may send: a large frame with its tag, or a handshake message.
const MESSAGE_MAX: usize = cssr_proto::sizes::LARGE_WIRE;

/// A WebSocket over whatever was dialled.
pub type Socket = WebSocketStream<Stream>;

/// Why a relay could not be reached. It names no address: the caller knows it, and a log must not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The name did not resolve, or nothing answered.
    #[error("the relay could not be reached: {0}")]
    Unreachable(#[source] std::io::Error),
    /// The proxy did not answer or refused.
    #[error("the SOCKS5 proxy did not make the connection: {0}")]
    Proxy(#[source] tokio_socks::Error),
    /// The certificate does not hold, or it is not TLS.
    #[error("TLS failed: {0}")]
    Tls(#[source] std::io::Error),
    /// It answered, but not as a WebSocket server.
    #[error("the server there is not a relay")]
    NotWebSocket(#[source] Box<tokio_tungstenite::tungstenite::Error>),
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
    /// (`IsolateSOCKSAuth`). A proxy that refuses any credentials needs this off.
    pub isolate: bool,
}

/// How to reach relays.
#[derive(Clone, Debug)]
pub struct Dialer {
    /// Everything goes through it if there is one, name resolution included: nothing leaks beside it.
    pub proxy: Option<Proxy>,
    /// Which certificates to trust for `wss`.
    pub tls: TlsRoots,
    /// How long reaching the relay may take, TLS and WebSocket upgrade included. Tor circuits need tens of seconds.
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
        tokio::time::timeout(self.timeout, self.dial(address)).await.unwrap_or(Err(DialError::Timeout(self.timeout)))
    }

    async fn dial(&self, address: &Address) -> Result<Socket, DialError> {
        let (host, port) = (address.host(), address.port());
        let tcp = match &self.proxy {
            None => TcpStream::connect((host, port)).await.map_err(DialError::Unreachable)?,
            Some(proxy) => proxy.connect(host, port).await.map_err(DialError::Proxy)?,
        };
        // Frames are whole messages; waiting to fill a segment only adds delay.
        tcp.set_nodelay(true).map_err(DialError::Unreachable)?;
        let stream = if address.scheme() == Scheme::Wss {
            Stream::Tls(Box::new(self.tls.handshake(host, tcp).await.map_err(DialError::Tls)?))
        } else {
            Stream::Plain(tcp)
        };
        let (socket, _) = tokio_tungstenite::client_async_with_config(address.url(), stream, Some(socket_config()))
            .await
            .map_err(|error| DialError::NotWebSocket(Box::new(error)))?;
        Ok(socket)
    }
}

impl Proxy {
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, tokio_socks::Error> {
        use tokio_socks::tcp::Socks5Stream;
        let proxy = self.address.as_str();
        let stream = if self.isolate {
            let credentials = random_credentials().map_err(tokio_socks::Error::Io)?;
            Socks5Stream::connect_with_password(proxy, (host, port), &credentials, &credentials).await?
        } else {
            Socks5Stream::connect(proxy, (host, port)).await?
        };
        Ok(stream.into_inner())
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
