//! The relays of a forwarder: one after the other until one answers.

use super::ForwardLimits;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// Where a relay or the next forwarder is: `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream(String);

/// A text that is no [`Upstream`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a host and a port")]
pub struct NotAnUpstream;

impl FromStr for Upstream {
    type Err = NotAnUpstream;

    fn from_str(text: &str) -> Result<Self, NotAnUpstream> {
        let (host, port) = text.rsplit_once(':').ok_or(NotAnUpstream)?;
        let name = host.strip_prefix('[').map_or(Some(host), |host| host.strip_suffix(']')).ok_or(NotAnUpstream)?;
        let bracketed = name.len() != host.len();
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-' || (bracketed && c == ':');
        let good = !name.is_empty() && name.chars().all(fits) && port.parse::<u16>().is_ok_and(|port| port > 0);
        if good { Ok(Self(text.to_owned())) } else { Err(NotAnUpstream) }
    }
}

impl Upstream {
    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(0)
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// All of them, and which could not be reached of late.
pub(super) struct Upstreams {
    all: Vec<Known>,
    connect_timeout: Duration,
    retry_after: Duration,
}

struct Known {
    upstream: Upstream,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When it last could not be reached, unless it could be since.
    failed: Option<Instant>,
    /// Whether the log was told that it is out of reach.
    told: bool,
}

impl Upstreams {
    pub(super) fn new(relays: Vec<Upstream>, limits: &ForwardLimits) -> Self {
        let known = |upstream| Known { upstream, state: Mutex::default() };
        let (connect_timeout, retry_after) = (limits.connect_timeout, limits.retry_after);
        Self { all: relays.into_iter().map(known).collect(), connect_timeout, retry_after }
    }

    /// A connection to the first relay that answers, those that did not of late last.
    pub(super) async fn connect(&self) -> Option<TcpStream> {
        let now = Instant::now();
        let (good, bad): (Vec<_>, Vec<_>) =
            self.all.iter().partition(|known| !known.failed_since(now, self.retry_after));
        for known in good.into_iter().chain(bad) {
            let reached = self.reach(known).await;
            if reached.is_some() {
                return reached;
            }
        }
        None
    }

    /// Tries each relay, and tells the log which are out of reach and which are back, by their places in the configuration.
    pub(super) async fn probe(&self) {
        for (place, known) in (1..).zip(&self.all) {
            let reached = self.reach(known).await.is_some();
            let told = std::mem::replace(&mut known.lock().told, !reached);
            match (reached, told) {
                (false, false) => tracing::warn!(relay = place, "a relay cannot be reached"),
                (true, true) => tracing::info!(relay = place, "a relay can be reached again"),
                _ => {}
            }
        }
    }

    async fn reach(&self, known: &Known) -> Option<TcpStream> {
        let stream = timeout(self.connect_timeout, TcpStream::connect(&known.upstream.0)).await;
        let reached = stream.ok().and_then(Result::ok);
        known.lock().failed = if reached.is_some() { None } else { Some(Instant::now()) };
        reached
    }
}

impl Known {
    fn failed_since(&self, now: Instant, retry_after: Duration) -> bool {
        self.lock().failed.is_some_and(|failed| now.duration_since(failed) < retry_after)
    }

    /// Neither field can be left half written.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_host_and_a_port_and_nothing_more() {
        for good in ["relay.example.org:8085", "127.0.0.1:1", "[2001:db8::1]:443"] {
            assert_eq!(good.parse::<Upstream>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            ":1",
            "relay",
            "relay:0",
            "relay:65536",
            "ws://relay:1",
            "relay:1/x",
            "a b:1",
            "2001:db8::1:443",
            "[]:1",
            "[::1:1",
        ] {
            assert_eq!(bad.parse::<Upstream>(), Err(NotAnUpstream), "{bad}");
        }
    }
}
