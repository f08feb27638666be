//! Sockets to listen on, and telling where they are.

use super::{Failure, print};
use crate::listen::Listeners;
use crate::tls::Tls;
use crate::{Sandbox, TlsSection};
use rustix::net::sockopt::set_ipv6_v6only;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The system's buffer for what a peer has not taken in yet. Small, so that a slow peer shows as one, and an answer to
/// a ping does not wait behind megabytes; large enough for 64 KiB in each round trip.
const SEND_BUFFER: u32 = 64 * 1024;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

/// A certificate in use, and how often to look for another.
pub(super) struct Certificate {
    tls: Tls,
    poll: Duration,
}

/// Where a program listens.
pub(super) struct Bound {
    pub(super) listeners: Listeners,
    /// What to tell: `listening` and `ws://ADDRESS` or `wss://ADDRESS` of each, `metrics` and where they are.
    told: Vec<(&'static str, String)>,
    /// All that was asked for.
    addresses: Vec<SocketAddr>,
}

/// Reads the certificate, if one is configured.
pub(super) fn certificate(section: Option<&TlsSection>) -> Result<Option<Certificate>, Failure> {
    let Some(section) = section else { return Ok(None) };
    let tls = Tls::load(section.files.clone()).map_err(Failure::wrong)?;
    Ok(Some(Certificate { tls, poll: section.poll }))
}

/// What listening needs in the sandbox.
pub(super) fn needs(plain: &[SocketAddr], section: Option<&TlsSection>, metrics: Option<SocketAddr>) -> Sandbox {
    let tls = section.map_or(&[][..], |section| &section.listen);
    let listen = plain.iter().chain(tls).chain(&metrics).map(SocketAddr::port).collect();
    let sandbox = Sandbox { listen, ..Sandbox::default() };
    match section {
        None => sandbox,
        Some(section) => sandbox.and_read_replaced(&section.files.certificate).and_read_replaced(&section.files.key),
    }
}

/// Listens without TLS on some addresses, and with it on others. `metrics` is where the program will listen beside those.
pub(super) fn bind(
    plain: &[SocketAddr],
    section: Option<&TlsSection>,
    certificate: Option<&Certificate>,
    metrics: Option<SocketAddr>,
) -> Result<Bound, Failure> {
    let tls = section.map_or(&[][..], |section| &section.listen);
    let addresses = plain.iter().chain(tls).copied().chain(metrics).collect();
    let mut bound = Bound { listeners: Listeners::default(), told: Vec::new(), addresses };
    for address in plain {
        let listener = bound.listen("ws", *address)?;
        bound.listeners = bound.listeners.and_plain(listener);
    }
    if let (Some(section), Some(certificate)) = (section, certificate) {
        for address in &section.listen {
            let listener = bound.listen("wss", *address)?;
            bound.listeners = bound.listeners.and_tls(listener, certificate.tls.clone());
        }
    }
    Ok(bound)
}

impl Bound {
    /// Listens for those who ask for metrics.
    pub(super) fn metrics(&mut self, address: SocketAddr) -> Result<TcpListener, Failure> {
        let (listener, address) = self.open(address)?;
        self.told.push(("metrics", format!("http://{address}/metrics")));
        Ok(listener)
    }

    fn listen(&mut self, scheme: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
        let (listener, address) = self.open(address)?;
        self.told.push(("listening", format!("{scheme}://{address}")));
        Ok(listener)
    }

    /// Listens, and says where.
    fn open(&self, address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
        let opened = listen(address, leaves_ipv4(address, &self.addresses))
            .and_then(|listener| listener.local_addr().map(|address| (listener, address)));
        opened.map_err(|error| Failure::failed(format_args!("{address} cannot be listened on: {error}")))
    }

    /// Tells where, a line for each.
    pub(super) fn tell(&self, json: bool) -> Result<(), Failure> {
        let line = |(what, url): &(_, _)| match json {
            true => format!("{{\"{what}\":\"{url}\"}}\n"),
            false => format!("{what} on {url}\n"),
        };
        print(&self.told.iter().map(line).collect::<String>())
    }
}

impl Certificate {
    /// Looks for another certificate, again and again, and whenever the process is told to (SIGHUP).
    async fn watch(self, mut hangup: Signal) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.poll) => {}
                _ = hangup.recv() => {}
            }
            let tls = self.tls.clone();
            // Reading files may take a while. If it panics, the certificate stays.
            let _ = tokio::task::spawn_blocking(move || tls.reload_and_tell()).await;
        }
    }
}

/// From here on SIGHUP does not end the process. For before what takes long: whoever renews a certificate does not ask whether
/// the store is open yet.
pub(super) fn hangup() -> Result<Signal, Failure> {
    take_up(SignalKind::hangup())
}

fn take_up(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::failed(format_args!("signals: {error}")))
}

/// Takes up the other signals: gives the future that ends with SIGTERM or SIGINT, and looks for other certificates on SIGHUP
/// meanwhile, which does nothing without one.
pub(super) fn signals(
    mut hangup: Signal,
    certificate: Option<Certificate>,
) -> Result<impl Future<Output = ()>, Failure> {
    let mut terminate = take_up(SignalKind::terminate())?;
    let mut interrupt = take_up(SignalKind::interrupt())?;
    Ok(async move {
        let watch = async {
            match certificate {
                Some(certificate) => certificate.watch(hangup).await,
                None => {
                    while hangup.recv().await.is_some() {}
                    std::future::pending().await
                }
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = watch => {}
        }
        tracing::info!("stopping");
    })
}

/// Whether IPv4 on this port is another address's, so that `[::]` must not take it as well.
fn leaves_ipv4(address: SocketAddr, all: &[SocketAddr]) -> bool {
    address.is_ipv6() && all.iter().any(|other| other.is_ipv4() && other.port() == address.port() && other.port() != 0)
}

fn listen(address: SocketAddr, leaves_ipv4: bool) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if leaves_ipv4 {
        set_ipv6_v6only(&socket, true)?;
    }
    // So that a relay can be restarted while old connections linger.
    socket.set_reuseaddr(true)?;
    // Connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_ipv6_address_can_be_listened_on_beside_ipv4_on_the_same_port() {
        let of = |text: &str, port| SocketAddr::new(text.parse().unwrap(), port);
        for ipv4 in ["0.0.0.0", "127.0.0.1"] {
            let first = listen(of(ipv4, 0), false).unwrap();
            let port = first.local_addr().unwrap().port();
            let all = [of(ipv4, port), of("::", port)];
            assert!(listen(all[1], false).is_err(), "the system keeps them apart by itself");
            assert!(listen(all[1], leaves_ipv4(all[1], &all)).is_ok());
        }
    }

    #[test]
    fn only_ipv4_on_the_same_port_is_left_out() {
        let of = |text: &str| text.parse::<SocketAddr>().unwrap();
        let all = ["127.0.0.1:85", "0.0.0.0:0", "[::1]:86"].map(of);
        assert!(leaves_ipv4(of("[::]:85"), &all));
        for address in ["[::]:86", "[::]:0", "0.0.0.0:85"] {
            assert!(!leaves_ipv4(of(address), &all), "{address}");
        }
    }
}
