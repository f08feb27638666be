//! Options of every command that connects.

use crate::source::Patience;
use crate::transport::{Dialer, Proxy, TlsRoots};
use cssr_proto::{Address, Card};
use std::path::PathBuf;
use std::time::Duration;

/// How to reach the relay.
#[derive(Debug, clap::Args)]
pub struct ConnectOptions {
    /// Go to this address instead of the card's: a relay or a forwarder. May be given several times.
    #[arg(long = "relay", value_name = "ADDRESS")]
    relays: Vec<String>,
    /// A SOCKS5 proxy, such as Tor's at 127.0.0.1:9050. Names are resolved by the proxy; nothing goes beside it.
    #[arg(long, value_name = "HOST:PORT")]
    proxy: Option<String>,
    /// Give the proxy no credentials. By default each connection has random ones, so that Tor takes another circuit.
    #[arg(long, requires = "proxy")]
    no_isolation: bool,
    /// Trust only the certificates in this PEM file, for relays with an authority of their own.
    #[arg(long, value_name = "PEM")]
    ca: Option<PathBuf>,
    /// Give up on one attempt if the relay says nothing for this many seconds.
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// How often to try in all; each address is tried once at least.
    #[arg(long, default_value_t = 6, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    attempts: u32,
}

/// An option that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectOptionsError {
    /// `--relay` is no address.
    #[error("--relay: {0}")]
    Relay(String),
    /// `--proxy` is no `host:port`.
    #[error("--proxy must be HOST:PORT, such as 127.0.0.1:9050 for Tor's")]
    Proxy,
    /// `--ca` cannot be read.
    #[error("--ca: {0}")]
    Certificates(#[source] std::io::Error),
}

/// What the options mean.
#[derive(Debug)]
pub struct Connect {
    /// How to dial.
    pub dialer: Dialer,
    /// Where to, in turn.
    pub addresses: Vec<Address>,
    /// How patiently.
    pub patience: Patience,
}

impl ConnectOptions {
    /// Reads the options, with the card's addresses where none are given.
    ///
    /// # Errors
    /// See [`ConnectOptionsError`].
    pub fn read(&self, card: &Card) -> Result<Connect, ConnectOptionsError> {
        let tls = match &self.ca {
            None => TlsRoots::public(),
            Some(path) => TlsRoots::from_pem(path).map_err(ConnectOptionsError::Certificates)?,
        };
        let addresses = self
            .relays
            .iter()
            .map(|text| text.parse::<Address>().map_err(|error| ConnectOptionsError::Relay(error.to_string())));
        let mut addresses = addresses.collect::<Result<Vec<_>, _>>()?;
        if addresses.is_empty() {
            addresses = card.addresses().to_vec();
        }
        let silence = Duration::from_secs(self.timeout);
        if self.proxy.as_deref().is_some_and(|proxy| !is_host_and_port(proxy)) {
            return Err(ConnectOptionsError::Proxy);
        }
        let proxy = self.proxy.clone().map(|address| Proxy { address, isolate: !self.no_isolation });
        Ok(Connect {
            dialer: Dialer { proxy, tls, timeout: silence },
            addresses,
            patience: Patience { attempts: self.attempts, silence, ..Patience::default() },
        })
    }
}

fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let bare = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
    !host.is_empty() && bare && port.parse().is_ok_and(|port: u16| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_host_and_a_port() {
        for good in ["127.0.0.1:9050", "localhost:1", "[::1]:9150"] {
            assert!(is_host_and_port(good), "{good}");
        }
        for bad in ["", "127.0.0.1", ":9050", "::1:9050", "localhost:0", "localhost:70000", "socks5://localhost:9050"] {
            assert!(!is_host_and_port(bad), "{bad}");
        }
    }
}
