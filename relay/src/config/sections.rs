//! Groups of keys that the relay's file and the forwarder's have in common.

use super::errors::ConfigError;
use super::value::Keys;
use crate::sandbox::SandboxMode;
use crate::tls::TlsFiles;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often to look for a new certificate. They come every few weeks; a minute late is early enough.
pub(super) const TLS_POLL: Duration = Duration::from_secs(60);
/// systemd kills after 90 s what has not ended, and the store must be closed by then.
const SHUTDOWN_MAX: Duration = Duration::from_secs(80);
pub(super) const LISTEN: &str =
    "an address and a port, such as \"127.0.0.1:8085\" or \"[::]:8085\", or a list of up to eight";
const PEM: &str = "the path of a PEM file";

/// The `tls_...` keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSection {
    /// `tls_listen`; port 0 for any free one.
    pub listen: Vec<SocketAddr>,
    /// `tls_certificate` and `tls_key`, seen from the folder of the file.
    pub files: TlsFiles,
    /// `tls_poll`: how often to look whether the files have changed.
    pub poll: Duration,
}

/// The `tls_...` keys as they stand there.
pub(super) struct TlsKeys {
    listen: Vec<SocketAddr>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    poll: Duration,
}

impl TlsKeys {
    /// # Errors
    /// Every key that is missing, if there is one of them.
    pub(super) fn section(self) -> Result<Option<TlsSection>, Vec<ConfigError>> {
        let Self { listen, certificate, key, poll } = self;
        if listen.is_empty() && certificate.is_none() && key.is_none() {
            return Ok(None);
        }
        match (certificate, key) {
            (Some(certificate), Some(key)) if !listen.is_empty() => {
                Ok(Some(TlsSection { listen, files: TlsFiles { certificate, key }, poll }))
            }
            (certificate, key) => {
                let keys = [
                    ("tls_listen", LISTEN, listen.is_empty()),
                    ("tls_certificate", PEM, certificate.is_none()),
                    ("tls_key", PEM, key.is_none()),
                ];
                let missing = keys.into_iter().filter(|(.., is_missing)| *is_missing);
                Err(missing.map(|(key, allowed, _)| ConfigError::Missing { key, allowed }).collect())
            }
        }
    }
}

pub(super) fn tls(keys: &mut Keys, folder: &Path) -> Result<TlsKeys, ConfigError> {
    let mut path = |key| Ok(keys.text::<PathBuf>(key, PEM)?.map(|path| folder.join(path)));
    let (certificate, key) = (path("tls_certificate")?, path("tls_key")?);
    Ok(TlsKeys {
        listen: keys.list("tls_listen", LISTEN)?.unwrap_or_default(),
        certificate,
        key,
        poll: keys.time("tls_poll", Duration::from_secs(1)..=Duration::from_secs(86_400), TLS_POLL)?,
    })
}

/// `metrics_listen` and `metrics_beyond_loopback`.
pub(super) fn metrics(keys: &mut Keys) -> Result<Option<SocketAddr>, ConfigError> {
    const KEY: &str = "metrics_listen";
    let listen: Option<SocketAddr> = keys.text(KEY, "an address and a port, such as \"127.0.0.1:9085\"")?;
    let anywhere = keys.flag("metrics_beyond_loopback", false)?;
    match listen {
        Some(address) if !anywhere && !address.ip().is_loopback() => Err(ConfigError::Value {
            key: KEY,
            found: format!("\"{address}\""),
            allowed: "an address of this machine alone (127.0.0.1 or ::1), unless metrics_beyond_loopback is true"
                .into(),
        }),
        listen => Ok(listen),
    }
}

/// Refuses an address that is listened on already. Port 0 is another one each time.
pub(super) fn apart(listen: &[SocketAddr], tls: &TlsKeys, metrics: Option<SocketAddr>) -> Result<(), ConfigError> {
    let all = [("listen", listen), ("tls_listen", &tls.listen), ("metrics_listen", metrics.as_slice())];
    let mut taken = Vec::new();
    for (key, address) in all.into_iter().flat_map(|(key, list)| list.iter().map(move |address| (key, *address))) {
        if taken.iter().any(|other| meet(*other, address)) {
            let allowed = "an address and a port of its own; this one is listened on already".into();
            return Err(ConfigError::Value { key, found: format!("\"{address}\""), allowed });
        }
        taken.push(address);
    }
    Ok(())
}

/// Whether one of them is, or includes, the other.
fn meet(one: SocketAddr, other: SocketAddr) -> bool {
    let same_port = one.port() == other.port() && one.port() != 0;
    let everywhere = one.ip().is_unspecified() || other.ip().is_unspecified();
    same_port && one.is_ipv4() == other.is_ipv4() && (one == other || everywhere)
}

/// `shutdown_timeout`.
pub(super) fn shutdown_timeout(keys: &mut Keys, default: Duration) -> Result<Duration, ConfigError> {
    keys.time("shutdown_timeout", Duration::from_millis(10)..=SHUTDOWN_MAX, default)
}

/// `forwarders`, as peers' addresses are compared.
pub(super) fn forwarders(keys: &mut Keys) -> Result<Vec<IpAddr>, ConfigError> {
    let all: Option<Vec<IpAddr>> =
        keys.list("forwarders", "an address, such as \"192.0.2.1\", or a list of up to eight")?;
    Ok(all.into_iter().flatten().map(|address| address.to_canonical()).collect())
}

/// `sandbox`.
pub(super) fn sandbox(keys: &mut Keys) -> Result<SandboxMode, ConfigError> {
    let mode = keys.text("sandbox", "\"auto\", \"require\" or \"off\"")?;
    Ok(mode.unwrap_or_default())
}
