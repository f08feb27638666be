//! `forward.toml`.

use super::document;
use super::errors::{ConfigError, ConfigErrors};
use super::sections::{LISTEN, TLS_POLL, TlsSection, apart, forwarders, sandbox, shutdown_timeout, tls};
use super::value::{Keys, show_time};
use crate::forward::{ForwardConfig, ForwardLimits, Upstream};
use crate::sandbox::SandboxMode;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

const NAME: &str = "forward.toml";
const RELAYS: &str = "a relay's host and port, such as \"relay.example.org:8085\", or a list of up to eight";

/// What stands in `forward.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardFile {
    /// `listen`: where to take connections as they are; port 0 for any free one.
    pub listen: Vec<SocketAddr>,
    /// `tls_...`: where to take connections with TLS, which ends here.
    pub tls: Option<TlsSection>,
    /// `sandbox`.
    pub sandbox: SandboxMode,
    /// Everything else.
    pub config: ForwardConfig,
}

impl ForwardFile {
    /// The name of the file in a forwarder's folder.
    pub(super) const NAME: &str = NAME;

    /// Reads a file, or the `forward.toml` in a folder.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(path: &Path) -> Result<Self, ConfigErrors> {
        document::read(NAME, path, Self::parse)
    }

    /// Reads the text of a file that stands in `folder`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, ConfigErrors> {
        document::parse(NAME, text, |keys| Self::of(keys, folder))
    }

    fn of(keys: &mut Keys, folder: &Path) -> Result<Self, Vec<ConfigError>> {
        let relays: Option<Vec<Upstream>> = keys.list("relays", RELAYS)?;
        let listen = keys.list("listen", LISTEN)?;
        let tls = tls(keys, folder)?;
        let sandbox = sandbox(keys)?;
        let (forwarders, limits) = (forwarders(keys)?, limits(keys)?);
        keys.finish()?;
        apart(listen.as_deref().unwrap_or_default(), &tls, None)?;
        let missing = |key, allowed| ConfigError::Missing { key, allowed };
        match (relays, listen, tls.section()) {
            (Some(relays), listen, Ok(tls)) if listen.is_some() || tls.is_some() => {
                let config = ForwardConfig { relays, forwarders, limits };
                Ok(Self { listen: listen.unwrap_or_default(), tls, sandbox, config })
            }
            (relays, listen, tls) => {
                let no_relays = relays.is_none().then(|| missing("relays", RELAYS));
                let nowhere = matches!((listen, &tls), (None, Ok(None))).then(|| missing("listen", LISTEN));
                Err(no_relays.into_iter().chain(nowhere).chain(tls.err().unwrap_or_default()).collect())
            }
        }
    }

    /// A new `forward.toml` with every key, its default and what it is for.
    #[must_use]
    pub fn template() -> String {
        let limits = ForwardLimits::default();
        let time = show_time;
        format!(
            include_str!("forward.toml.in"),
            tls_poll = time(TLS_POLL),
            connections = limits.connections,
            listener_connections = limits.connections,
            bytes_in_flight = limits.bytes_in_flight,
            first_timeout = time(limits.first_timeout),
            connect_timeout = time(limits.connect_timeout),
            retry_after = time(limits.retry_after),
            probe_interval = time(limits.probe_interval),
            idle_timeout = time(limits.idle_timeout),
            half_open_timeout = time(limits.half_open_timeout),
            shutdown_timeout = time(limits.shutdown_timeout),
        )
    }
}

fn limits(keys: &mut Keys) -> Result<ForwardLimits, ConfigError> {
    let default = ForwardLimits::default();
    let timeout = Duration::from_millis(10)..=Duration::from_secs(86_400);
    let mut time = |key, default| keys.time(key, timeout.clone(), default);
    let (first_timeout, connect_timeout) =
        (time("first_timeout", default.first_timeout)?, time("connect_timeout", default.connect_timeout)?);
    let (retry_after, idle_timeout) =
        (time("retry_after", default.retry_after)?, time("idle_timeout", default.idle_timeout)?);
    let probe_interval = time("probe_interval", default.probe_interval)?;
    let half_open_timeout = time("half_open_timeout", default.half_open_timeout)?;
    let shutdown_timeout = shutdown_timeout(keys, default.shutdown_timeout)?;
    let connections = keys.number("connections", 1..=1_000_000, default.connections)?;
    let listener_connections = keys.number("listener_connections", 1..=1_000_000, connections)?;
    Ok(ForwardLimits {
        connections,
        listener_connections: Some(listener_connections).filter(|places| *places < connections),
        bytes_in_flight: keys.number("bytes_in_flight", 512..=1_048_576, default.bytes_in_flight)?,
        first_timeout,
        connect_timeout,
        retry_after,
        probe_interval,
        idle_timeout,
        half_open_timeout,
        shutdown_timeout,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "relays = \"relay.example.org:8085\"\nlisten = \"[::]:8085\"\n";

    fn errors(text: &str) -> String {
        ForwardFile::parse(text, Path::new("")).unwrap_err().to_string()
    }

    #[test]
    fn a_forwarder_must_know_where_to_listen_and_whom_to_reach() {
        let good = ForwardFile::parse(GOOD, Path::new("")).unwrap();
        assert_eq!((good.config.relays.len(), good.config.limits), (1, ForwardLimits::default()));
        assert!(good.config.forwarders.is_empty());
        let listed = format!("{GOOD}forwarders = [\"192.0.2.1\", \"::ffff:192.0.2.9\"]\n");
        let listed = ForwardFile::parse(&listed, Path::new("")).unwrap().config.forwarders;
        assert!(listed.iter().map(ToString::to_string).eq(["192.0.2.1", "192.0.2.9"]));
        let nothing = errors("");
        assert!(nothing.contains("\"relays\" is missing") && nothing.contains("\"listen\" is missing"), "{nothing}");
        let tls = "relays = \"a:1\"\ntls_listen = \"[::]:443\"\ntls_certificate = \"c\"\ntls_key = \"k\"\n";
        assert_eq!(ForwardFile::parse(tls, Path::new("")).unwrap().listen, []);
    }

    #[test]
    fn an_error_names_the_file_the_line_and_the_key() {
        let errors = errors("relays = \"relay.example.org\"\nlisten = \"[::]:8085\"\nconnections = 0\nx = 1\n");
        let starts = ["line 1: \"relays\" is", "line 3: \"connections\" is 0", "line 4: there is a key \"x\""];
        assert_eq!(errors.lines().count(), starts.len(), "{errors}");
        for (line, start) in errors.lines().zip(starts) {
            assert!(line.starts_with(&format!("forward.toml, {start}")), "{line}");
        }
    }

    #[test]
    fn the_template_says_every_key_and_its_default() {
        let template = ForwardFile::template();
        let said: String =
            template.lines().filter_map(|line| line.strip_prefix("#:")).map(|line| format!("{line}\n")).collect();
        let parse = |text: &str| ForwardFile::parse(text, Path::new("")).unwrap();
        assert_eq!(parse(&format!("{GOOD}{said}")), parse(GOOD));
        let unknown = errors(&format!("{GOOD}nonsense = 1"));
        let (_, known) = unknown.split_once("the keys are ").unwrap();
        for key in known.trim_end().split(", ") {
            assert!(
                template.contains(&format!("\n#:{key} = ")) || template.contains(&format!("\n# {key} = ")),
                "{key}"
            );
        }
    }
}
