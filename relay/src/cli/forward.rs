//! `cssr-relay forward`.

use super::{Failure, Forward, listening, logging, open_files, print, runtime};
use crate::forward::forward;
use crate::{ForwardConfig, ForwardFile, Sandbox, TlsSection, Upstream};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Long answers come over TCP.
const DNS: u16 = 53;
/// What the system's resolver reads, and where what its file may be a link to is: systemd-resolved, resolvconf, NetworkManager and
/// netconfig. The link may lead nowhere yet.
const NAMES: [&str; 5] = ["/etc", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/run/netconfig"];
/// If it is a link to somewhere else.
const RESOLVER: &str = "/etc/resolv.conf";
/// Where its modules are (nsswitch.conf).
const LIBRARIES: [&str; 3] = ["/lib", "/lib64", "/usr/lib"];

pub(super) fn run(arguments: &Forward) -> Result<(), Failure> {
    if arguments.template {
        return print(&ForwardFile::template());
    }
    logging::start(arguments.log, arguments.log_format);
    let ForwardFile { listen, tls, sandbox, mut config } =
        ForwardFile::read(&arguments.config).map_err(Failure::wrong)?;
    // The peer's, and the relay's.
    config.limits.connections = open_files::connections(config.limits.connections, 2)?;
    let certificate = listening::certificate(tls.as_ref())?;
    let runtime = runtime::start(&needs(&listen, tls.as_ref(), &config), sandbox)?;
    runtime.block_on(async {
        let hangup = listening::hangup()?;
        let bound = listening::bind(&listen, tls.as_ref(), certificate.as_ref(), None)?;
        let shutdown = listening::signals(hangup, certificate)?;
        bound.tell(arguments.json)?;
        let ForwardConfig { relays, .. } = &config;
        tracing::info!(relays = relays.len(), "forwarding");
        forward(bound.listeners, config, shutdown).await;
        Ok(())
    })
}

fn needs(listen: &[SocketAddr], tls: Option<&TlsSection>, config: &ForwardConfig) -> Sandbox {
    let mut needs = listening::needs(listen, tls, None);
    needs.connect = config.relays.iter().map(Upstream::port).chain([DNS]).collect();
    needs.read.extend(NAMES.map(PathBuf::from));
    needs.load.extend(LIBRARIES.map(PathBuf::from));
    needs.and_read_replaced(Path::new(RESOLVER))
}
