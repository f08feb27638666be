//! The relays of a forwarder: one after the other until one answers.

use super::ForwardLimits;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// How long an address of a relay is waited for before the next one is tried beside it: RFC 8305, section 8.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

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
    /// Whether it was looked up once where they are.
    located: watch::Sender<bool>,
    connect_timeout: Duration,
    retry_after: Duration,
}

struct Known {
    upstream: Upstream,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Where it was when that was last looked up.
    addresses: Vec<SocketAddr>,
    /// When it last could not be reached, unless it could be since.
    failed: Option<Instant>,
    /// Whether the log was told that it is out of reach.
    told: bool,
}

impl Upstreams {
    pub(super) fn new(relays: Vec<Upstream>, limits: &ForwardLimits) -> Self {
        let known = |upstream| Known { upstream, state: Mutex::default() };
        let (connect_timeout, retry_after) = (limits.connect_timeout, limits.retry_after);
        let (all, located) = (relays.into_iter().map(known).collect(), watch::Sender::new(false));
        Self { all, located, connect_timeout, retry_after }
    }

    /// A connection to the first relay that answers, those that did not of late last.
    pub(super) async fn connect(&self) -> Option<TcpStream> {
        // The sender is here.
        let _ = self.located.subscribe().wait_for(|located| *located).await;
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
        join_all(self.all.iter().map(|known| self.locate(known))).await;
        self.located.send_replace(true);
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

    /// Looks up where a relay is. Not for each client: whoever answers that would learn when somebody comes.
    async fn locate(&self, known: &Known) {
        let found = timeout(self.connect_timeout, lookup_host(known.upstream.0.as_str())).await;
        let found: Vec<_> = found.ok().and_then(Result::ok).into_iter().flatten().collect();
        // As long as nothing is found, it may still be where it was.
        if !found.is_empty() {
            known.lock().addresses = found;
        }
    }

    /// Whether it was found of each where it is.
    pub(super) fn are_located(&self) -> bool {
        self.all.iter().all(|known| !known.lock().addresses.is_empty())
    }

    async fn reach(&self, known: &Known) -> Option<TcpStream> {
        let addresses = known.lock().addresses.clone();
        let reached = timeout(self.connect_timeout, first_to_answer(&addresses)).await.ok().flatten();
        known.lock().failed = if reached.is_some() { None } else { Some(Instant::now()) };
        reached
    }
}

/// A connection to the first of several addresses that answers. The next one is tried when one has failed, or keeps silent.
async fn first_to_answer(addresses: &[SocketAddr]) -> Option<TcpStream> {
    let (mut attempts, mut untried) = (FuturesUnordered::new(), addresses.iter());
    loop {
        match untried.next() {
            Some(address) => attempts.push(TcpStream::connect(*address)),
            None if attempts.is_empty() => return None,
            None => {}
        }
        tokio::select! {
            ended = attempts.next() => if let Some(Ok(stream)) = ended {
                return Some(stream);
            },
            () = sleep(ATTEMPT_DELAY), if untried.len() > 0 => {}
        }
    }
}

impl Known {
    fn failed_since(&self, now: Instant, retry_after: Duration) -> bool {
        self.lock().failed.is_some_and(|failed| now.duration_since(failed) < retry_after)
    }

    /// No field can be left half written.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use tokio::net::{TcpListener, TcpSocket};

    #[tokio::test]
    async fn where_a_relay_is_is_looked_up_when_it_is_tried_and_not_for_a_client() {
        let (first, second) =
            (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let named = format!("localhost:{}", first.local_addr().unwrap().port()).parse().unwrap();
        let upstreams = Upstreams::new(vec![named], &ForwardLimits::default());
        let mut early = Box::pin(upstreams.connect());
        assert!(early.as_mut().now_or_never().is_none() && !upstreams.are_located(), "nothing was looked up yet");
        upstreams.probe().await;
        let port = |stream: Option<TcpStream>| stream.unwrap().peer_addr().unwrap().port();
        assert_eq!(port(early.await), first.local_addr().unwrap().port());
        assert!(upstreams.are_located());
        upstreams.all[0].lock().addresses = vec![second.local_addr().unwrap()];
        assert_eq!(port(upstreams.connect().await), second.local_addr().unwrap().port());
        upstreams.probe().await;
        assert_eq!(port(upstreams.connect().await), first.local_addr().unwrap().port());
    }

    /// A listener that takes no connection, though none is refused: its queue is full.
    async fn silent() -> (TcpListener, Vec<TcpStream>, SocketAddr) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
            waiting.push(stream.unwrap());
        }
        (listener, waiting, address)
    }

    #[tokio::test]
    async fn an_address_that_keeps_silent_hides_none_behind_it_and_one_that_refuses_costs_no_time() {
        let (_listener, _waiting, silent) = silent().await;
        let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let good = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstreams = Upstreams::new(vec!["relay:1".parse().unwrap()], &ForwardLimits::default());
        let reached = async |addresses: Vec<SocketAddr>| {
            upstreams.all[0].lock().addresses = addresses;
            let begun = Instant::now();
            let reached = upstreams.reach(&upstreams.all[0]).await;
            (reached.map(|stream| stream.peer_addr().unwrap()), begun.elapsed())
        };
        let good = good.local_addr().unwrap();
        for addresses in [vec![silent, good], vec![silent, silent, refusing, good], vec![good, silent]] {
            let (found, took) = reached(addresses.clone()).await;
            assert_eq!(found, Some(good), "{addresses:?}");
            assert!(took < Duration::from_secs(5), "{addresses:?} took {took:?}");
        }
        let (found, took) = reached([[refusing; 40].as_slice(), &[good]].concat()).await;
        assert!(found == Some(good) && took < Duration::from_secs(5), "{took:?}");
        assert_eq!(reached(vec![refusing; 3]).await.0, None);
        assert_eq!(reached(Vec::new()).await.0, None);
    }

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
