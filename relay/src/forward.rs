//! The forwarder: hands connections on to a relay, byte by byte, so that the relay does not see where they come from.
//!
//! It sees sizes and times, and the addresses of those who connect; what goes through is the encrypted session between
//! client and relay. It tells the relay nothing about them, keeps nothing and logs nothing about them. While a connection lasts
//! it counts for its network, which the relay cannot tell: one network, or one of several listeners, never takes all places.

mod splice;
mod upstream;

pub use upstream::{NotAnUpstream, Upstream};

use crate::listen::{Accepted, Listeners, Stream};
use crate::shares::{Holder, Holders, Shares};
use splice::{Ended, splice};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinSet;
use tokio::time::timeout;
use upstream::Upstreams;

/// How long to wait when no connection can be accepted, as the relay does.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Everything that [`forward`] needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardConfig {
    /// The relays, the preferred one first.
    pub relays: Vec<Upstream>,
    /// Addresses from which people come who have nothing in common, beside this machine's own: forwarders before this one,
    /// and reverse proxies.
    pub forwarders: Vec<IpAddr>,
    /// What connections may use.
    pub limits: ForwardLimits,
}

/// Limits of a forwarder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardLimits {
    /// Connections at once; who comes later is turned away before a byte is read, and so is who has as many as are left: one
    /// network, or one of several listeners. Default: 450, as each takes two of the 1,024 files that a process may open where
    /// nobody raised that.
    pub connections: usize,
    /// Connections at once by each listener, shared by networks likewise, if it is not to have all places. Default: none.
    pub listener_connections: Option<usize>,
    /// Bytes of one connection that may be on their way in each direction. Default: 16 KiB, a large frame.
    pub bytes_in_flight: usize,
    /// How long a client may take to say its first word, the TLS handshake included. Default: 30 s.
    pub first_timeout: Duration,
    /// How long to try to reach one relay, by all addresses that it has: the next one is tried beside one that keeps silent for
    /// 250 ms. Default: 10 s.
    pub connect_timeout: Duration,
    /// How long a relay that could not be reached is tried last. Default: 30 s.
    pub retry_after: Duration,
    /// How often each relay is tried, whoever connects, so that the log can tell when one is out of reach and when it is back,
    /// and not when somebody came. Default: 60 s.
    pub probe_interval: Duration,
    /// How long nothing at all may pass, and how long either side may take nothing in. Default: 180 s; a relay asks after
    /// 45 s whether its peer is there, and gives it up after 120 s.
    pub idle_timeout: Duration,
    /// How long the other direction may go on once one has ended. Default: 10 s.
    pub half_open_timeout: Duration,
    /// How long connections may go on once the forwarder is being stopped. Default: 10 s.
    pub shutdown_timeout: Duration,
}

impl Default for ForwardLimits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connections: 450,
            listener_connections: None,
            bytes_in_flight: 16 * 1024,
            first_timeout: seconds(30),
            connect_timeout: seconds(10),
            retry_after: seconds(30),
            probe_interval: seconds(60),
            idle_timeout: seconds(180),
            half_open_timeout: seconds(10),
            shutdown_timeout: seconds(10),
        }
    }
}

/// What all connections share.
struct Shared {
    upstreams: Upstreams,
    limits: ForwardLimits,
    counts: Counts,
}

/// Connections since the start, by their end.
#[derive(Debug, Default)]
struct Counts {
    closed: AtomicU64,
    slow: AtomicU64,
    no_relay: AtomicU64,
    turned_away: AtomicU64,
}

/// Forwards until `shutdown` ends.
pub async fn forward(listeners: impl Into<Listeners>, config: ForwardConfig, shutdown: impl Future<Output = ()>) {
    let mut listeners = listeners.into();
    let ForwardConfig { relays, forwarders, limits } = config;
    let shared = Arc::new(Shared { upstreams: Upstreams::new(relays, &limits), limits, counts: Counts::default() });
    let places = Shares::new(limits.connections);
    let (holders, several) = (Holders::default(), listeners.count() > 1);
    let of_one = limits.listener_connections.into_iter();
    let of_each: Vec<_> = of_one.flat_map(|places| (0..listeners.count()).map(move |_| Shares::new(places))).collect();
    let mut connections = JoinSet::new();
    let mut probes = JoinSet::new();
    probes.spawn(probe(Arc::clone(&shared)));
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listeners.accept() => match accepted {
                Ok(Accepted { stream, peer, listener }) => {
                    // The only way in may be used by all; one of several leaves something to the others.
                    let forwarder = holders.forwarder(peer, &forwarders);
                    let way_in = forwarder.or_else(|| several.then(|| Holder::listener(listener)));
                    // Where it comes from is forgotten here.
                    let network = holders.of(peer, &forwarders);
                    // Without a limit of its own a listener has no places of its own.
                    let of_listener = of_each.get(listener).map_or(Some(None), |of_one| of_one.take(network).map(Some));
                    if let Some(taken) = places.take_by(network, way_in).zip(of_listener) {
                        let shared = Arc::clone(&shared);
                        connections.spawn(async move {
                            shared.counts.count(connection(stream, &shared).await);
                            drop(taken);
                        });
                    } else {
                        shared.counts.turned_away.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop((listeners, probes));
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.shutdown_timeout, ended).await.is_err() {
        connections.shutdown().await;
    }
    shared.counts.report();
}

/// Tries the relays, again and again.
async fn probe(shared: Arc<Shared>) {
    let ForwardLimits { probe_interval, retry_after, .. } = shared.limits;
    loop {
        shared.upstreams.probe().await;
        // Where nobody knows where a relay is, no client can find out.
        let pause = if shared.upstreams.are_located() { probe_interval } else { probe_interval.min(retry_after) };
        tokio::time::sleep(pause).await;
    }
}

/// One connection from its first word to its end.
async fn connection(mut client: Stream, shared: &Shared) -> Ended {
    let limits = &shared.limits;
    // Frames are whole messages; waiting to fill a segment only adds delay. Without it forwarding works too.
    let _ = client.set_nodelay(true);
    // Nobody who says nothing costs a relay anything; in every protocol that relays speak the client begins.
    let mut first = vec![0; limits.bytes_in_flight];
    match timeout(limits.first_timeout, client.read(&mut first)).await {
        Ok(Ok(0) | Err(_)) => return Ended::Closed,
        Ok(Ok(length)) => first.truncate(length),
        Err(_) => return Ended::Slow,
    }
    match shared.upstreams.connect().await {
        Some(relay) => splice(client, relay, first, limits).await,
        None => Ended::NoRelay,
    }
}

impl Counts {
    fn count(&self, ended: Ended) {
        let counter = match ended {
            Ended::Closed => &self.closed,
            Ended::Slow => &self.slow,
            Ended::NoRelay => &self.no_relay,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn report(&self) {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Self { closed, slow, no_relay, turned_away } = self;
        tracing::info!(
            closed = get(closed),
            slow = get(slow),
            no_relay = get(no_relay),
            turned_away = get(turned_away),
            "connections that ended"
        );
    }
}
