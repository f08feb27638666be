//! `relay.toml`.

use super::document;
use super::errors::{ConfigError, ConfigErrors};
use super::sections::{LISTEN, TLS_POLL, TlsSection, apart, forwarders, metrics, sandbox, shutdown_timeout, tls};
use super::value::{Keys, show_time};
use super::{Efforts, Limits, Postage, Sealing};
use crate::sandbox::SandboxMode;
use crate::store::Quotas;
use cssr_proto::Card;
use cssr_proto::postage::LETTER_EFFORT_MAX;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

const NAME: &str = "relay.toml";
const SECOND: Duration = Duration::from_secs(1);
const WORK_TIME: Duration = Duration::from_secs(300);
const DAY: Duration = Duration::from_secs(86_400);
/// More, in one day, would make an index that no client reads.
const LETTERS_MOST: u64 = 2_000_000;

/// What stands in `relay.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// `card`: the text of the office's card.
    pub card: Card,
    /// `listen`: where to take connections without TLS; port 0 for any free one.
    pub listen: Vec<SocketAddr>,
    /// `tls_...`: where to take connections with TLS.
    pub tls: Option<TlsSection>,
    /// `key_file`, seen from the folder of the file.
    pub key_file: PathBuf,
    /// `data`: the folder of the store, seen from the folder of the file.
    pub data: PathBuf,
    /// `store`: what keeps it.
    pub engine: Engine,
    /// `metrics_listen`: where to answer `/metrics` and `/health`; a loopback address unless `metrics_beyond_loopback`.
    pub metrics: Option<SocketAddr>,
    /// `sandbox`.
    pub sandbox: SandboxMode,
    /// `letters_max` and `chunks_max`.
    pub quotas: Quotas,
    /// `forwarders`.
    pub forwarders: Vec<IpAddr>,
    /// `seal_...`.
    pub sealing: Sealing,
    /// `..._effort` and `..._effort_most`.
    pub postage: Postage,
    /// Everything else.
    pub limits: Limits,
}

/// What keeps the envelopes. The engines do not read each other's folders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Engine {
    /// [`JournalStore`](crate::store::JournalStore).
    #[default]
    Journal,
    /// [`SledStore`](crate::store::SledStore), kept for comparison.
    Sled,
}

/// A name that is none of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no other")]
pub struct NoSuchEngine;

impl FromStr for Engine {
    type Err = NoSuchEngine;

    fn from_str(name: &str) -> Result<Self, NoSuchEngine> {
        match name {
            "journal" => Ok(Self::Journal),
            "sled" => Ok(Self::Sled),
            _ => Err(NoSuchEngine),
        }
    }
}

/// A path without steps that lead back, as far as its text tells.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

impl ConfigFile {
    /// The name of the file in a relay's folder.
    pub(crate) const NAME: &str = NAME;
    /// What `key_file` is by default.
    pub(crate) const KEY_FILE: &str = "relay.key";
    /// What `data` is by default.
    pub(super) const DATA: &str = "data";

    /// Reads a file, or the `relay.toml` in a folder.
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
        const CARD: &str = "the text of the office's card, \"cssr:....@relay.example.org\"";
        let card = keys.text("card", CARD)?;
        let listen = keys.list("listen", LISTEN)?;
        let tls = tls(keys, folder)?;
        let metrics = metrics(keys)?;
        let sandbox = sandbox(keys)?;
        let key_file: Option<PathBuf> = keys.text("key_file", "the path of a file")?;
        let data: Option<PathBuf> = keys.text("data", "the path of a folder")?;
        let engine: Option<Engine> = keys.text("store", "\"journal\" or \"sled\"")?;
        let quotas = Quotas {
            letters: keys.number("letters_max", 1..=LETTERS_MOST, Quotas::default().letters)?,
            chunks: keys.number("chunks_max", 0..=100_000_000, Quotas::default().chunks)?,
        };
        let sealing = sealing(keys)?;
        let forwarders = forwarders(keys)?;
        let postage = Postage {
            letters: efforts(keys, ["letter_effort", "letter_effort_most"], LETTER_EFFORT_MAX)?,
            chunks: efforts(keys, ["chunk_effort", "chunk_effort_most"], u32::MAX)?,
        };
        let limits = limits(keys, postage)?;
        keys.finish()?;
        let listen = listen.unwrap_or_else(|| vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8085))]);
        apart(&listen, &tls, metrics)?;
        let tls = tls.section();
        let key_file = folder.join(key_file.unwrap_or_else(|| Self::KEY_FILE.into()));
        let data = folder.join(data.unwrap_or_else(|| Self::DATA.into()));
        let mut others = vec![key_file.clone(), folder.join(NAME)];
        others.extend(tls.iter().flatten().flat_map(|tls| [tls.files.certificate.clone(), tls.files.key.clone()]));
        // Folders that are named from where the program runs may be the same.
        let whole = |path: &Path| plain(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
        let is_shared = others.iter().any(|other| whole(other).starts_with(whole(&data)));
        let (card, tls) = match (card, tls) {
            (Some(card), Ok(tls)) if !is_shared => (card, tls),
            (card, tls) => {
                let no_card = card.is_none().then_some(ConfigError::Missing { key: "card", allowed: CARD });
                let shared = is_shared.then(|| ConfigError::Value {
                    key: "data",
                    found: format!("{:?}", data.display().to_string()),
                    allowed: "a folder of its own, in which nothing lies but the store: not relay.toml, the key or the certificate".into(),
                });
                return Err(no_card.into_iter().chain(tls.err().unwrap_or_default()).chain(shared).collect());
            }
        };
        Ok(Self {
            card,
            listen,
            tls,
            metrics,
            sandbox,
            key_file,
            data,
            engine: engine.unwrap_or_default(),
            quotas,
            forwarders,
            sealing,
            postage,
            limits,
        })
    }

    /// A new `relay.toml` with every key, its default and what it is for. Only `card` must be filled in.
    #[must_use]
    pub fn template() -> String {
        let (sealing, limits) = (Sealing::default(), Limits::default());
        let time = show_time;
        format!(
            include_str!("relay.toml.in"),
            tls_poll = time(TLS_POLL),
            letters_max = Quotas::default().letters,
            chunks_max = Quotas::default().chunks,
            effort = Efforts::default().least,
            effort_most = Efforts::default().most,
            seal_min_age = time(sealing.min_age),
            seal_min_letters = sealing.min_letters,
            seal_max_age = time(sealing.max_age),
            connections = limits.connections,
            requests_in_flight = limits.requests_in_flight,
            letters_in_flight = limits.letters_in_flight,
            chunks_in_flight = limits.chunks_in_flight,
            publications = limits.publications,
            handshake_timeout = time(limits.handshake_timeout),
            silence_timeout = time(limits.silence_timeout),
            ping_interval = time(limits.ping_interval),
            idle_timeout = time(limits.idle_timeout),
            write_timeout = time(limits.write_timeout),
            shutdown_timeout = time(limits.shutdown_timeout),
            day_jump = limits.day_jump,
        )
    }
}

fn sealing(keys: &mut Keys) -> Result<Sealing, ConfigError> {
    let default = Sealing::default();
    let max_age = keys.time("seal_max_age", SECOND..=DAY, default.max_age)?;
    if !DAY.as_millis().is_multiple_of(max_age.as_millis()) {
        let allowed = "a time of which a day is a whole multiple".into();
        return Err(ConfigError::Value { key: "seal_max_age", found: format!("{:?}", show_time(max_age)), allowed });
    }
    Ok(Sealing {
        max_age,
        min_age: keys.time("seal_min_age", Duration::ZERO..=max_age, default.min_age.min(max_age))?,
        min_letters: keys.number("seal_min_letters", 1..=65_536, default.min_letters)?,
    })
}

/// The least effort and the most, which is not below it.
fn efforts(keys: &mut Keys, [least, most]: [&'static str; 2], limit: u32) -> Result<Efforts, ConfigError> {
    let default = Efforts::default();
    let least = keys.number(least, 0..=limit, default.least)?;
    Ok(Efforts { least, most: keys.number(most, least..=limit, default.most.max(least))? })
}

fn limits(keys: &mut Keys, postage: Postage) -> Result<Limits, ConfigError> {
    let default = Limits::default();
    let timeout = Duration::from_millis(10)..=DAY;
    // Who computes postage asks for nothing meanwhile (protocol, section 12.4).
    let idle = if postage.letters.most > 0 || postage.chunks.most > 0 { WORK_TIME..=DAY } else { timeout.clone() };
    let silence_timeout = keys.time("silence_timeout", timeout.clone(), default.silence_timeout)?;
    Ok(Limits {
        connections: keys.number("connections", 1..=1_000_000, default.connections)?,
        requests_in_flight: keys.number("requests_in_flight", 8..=1_024, default.requests_in_flight)?,
        letters_in_flight: keys.number("letters_in_flight", 1..=1_000_000, default.letters_in_flight)?,
        chunks_in_flight: keys.number("chunks_in_flight", 1..=1_000_000, default.chunks_in_flight)?,
        publications: keys.number("publications", 1..=1_000, default.publications)?,
        handshake_timeout: keys.time("handshake_timeout", timeout.clone(), default.handshake_timeout)?,
        silence_timeout,
        // A ping that comes with the timeout asks nobody, and its answer must have time.
        ping_interval: keys.time(
            "ping_interval",
            Duration::from_millis(1)..=silence_timeout / 2,
            default.ping_interval.min(silence_timeout / 2),
        )?,
        idle_timeout: keys.time("idle_timeout", idle, default.idle_timeout)?,
        write_timeout: keys.time("write_timeout", timeout, default.write_timeout)?,
        shutdown_timeout: shutdown_timeout(keys, default.shutdown_timeout)?,
        day_jump: keys.number("day_jump", 1..=3_650, default.day_jump)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cssr_proto::sizes::{ENVELOPE_ID, INDEX_MAX};

    const CARD: &str = "card = \"cssr:QQQQ-QQQQ-QQQQ-QQQQ-QQQQ-QQQQ-QQXU-LVLR@relay.example.org\"\n";

    fn parse(text: &str) -> Result<ConfigFile, ConfigErrors> {
        ConfigFile::parse(&format!("{CARD}{text}"), Path::new("/srv/relay"))
    }

    #[test]
    fn the_store_lies_in_a_folder_of_its_own() {
        for data in [".", "", "./", "..", "data/..", "/srv", "/srv/relay", "/"] {
            let error = parse(&format!("data = {data:?}")).unwrap_err().to_string();
            assert!(error.contains("\"data\"") && error.contains("of its own"), "{data}: {error}");
        }
        assert!(parse("key_file = \"data/relay.key\"").is_err());
        assert!(parse("key_file = \"data/../relay.key\"").is_ok());
        for data in ["data", "./data", "/srv/relay/data", "../store", "relay.toml.d"] {
            assert!(parse(&format!("data = {data:?}")).is_ok(), "{data}");
        }
    }

    #[test]
    fn a_card_is_all_that_must_be_said() {
        let config = parse("").unwrap();
        assert_eq!((config.sealing, config.postage, config.limits), Default::default());
        assert_eq!(config.key_file, Path::new("/srv/relay/relay.key"));
        let error = ConfigFile::parse("", Path::new("")).unwrap_err().to_string();
        assert!(error.contains("\"card\"") && error.contains("cssr:"), "{error}");
    }

    #[test]
    fn the_template_says_every_key_and_its_default() {
        let template = ConfigFile::template();
        let error = ConfigFile::parse(&template, Path::new("")).unwrap_err().to_string();
        assert!(error.contains("\"card\""), "{error}");
        let said: String = template
            .lines()
            .filter_map(|line| line.strip_prefix("#:"))
            .fold(String::new(), |all, line| all + line + "\n");
        assert_eq!(parse(&said).unwrap(), parse("").unwrap());
        let errors = parse("nonsense = 1").unwrap_err();
        let ConfigError::UnknownKey { known, .. } = &errors.faults()[0].error else { panic!("{errors}") };
        // A key without a default stands there as an example.
        for key in known.split(", ") {
            let said = said.lines().any(|line| line.starts_with(&format!("{key} = ")));
            assert!(said || template.contains(&format!("\n# {key} = ")), "{key} is missing in the template");
        }
    }

    #[test]
    fn the_examples_of_the_template_are_understood() {
        let template = ConfigFile::template();
        let is_example = |line: &&str| line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
        let examples = template.lines().filter_map(|line| line.strip_prefix("# ")).filter(is_example);
        let text = examples.filter(|line| !line.starts_with("card")).collect::<Vec<_>>().join("\n");
        let config = parse(&text).unwrap();
        assert_eq!(config.metrics, Some("127.0.0.1:9085".parse().unwrap()));
        let tls = config.tls.unwrap();
        assert_eq!(tls.listen, ["[::]:443".parse().unwrap()]);
        assert!(tls.files.certificate.starts_with("/") && tls.files.key.starts_with("/"));
    }

    #[test]
    fn a_relay_listens_in_one_place_or_in_several() {
        assert_eq!(parse("listen = \"[::1]:80\"").unwrap().listen, ["[::1]:80".parse().unwrap()]);
        assert_eq!(parse("listen = [\"[::1]:80\", \"127.0.0.1:80\"]").unwrap().listen.len(), 2);
    }

    #[test]
    fn another_port_or_any_free_one_is_another_address() {
        for listen in ["[\"[::1]:80\", \"[::1]:81\"]", "[\"127.0.0.1:0\", \"127.0.0.1:0\"]"] {
            assert_eq!(parse(&format!("listen = {listen}")).unwrap().listen.len(), 2);
        }
    }

    #[test]
    fn a_price_that_is_high_from_the_beginning_does_not_fall() {
        assert_eq!(parse("letter_effort = 300").unwrap().postage.letters, Efforts::fixed(300));
        let config = parse("letter_effort = 2\nletter_effort_most = 40").unwrap();
        assert_eq!(config.postage.letters, Efforts { least: 2, most: 40 });
        let none = parse("letter_effort_most = 0\nchunk_effort_most = 0\nidle_timeout = \"1s\"").unwrap();
        assert_eq!((none.postage.letters, none.limits.idle_timeout), (Efforts::fixed(0), SECOND));
    }

    #[test]
    fn who_works_for_letters_or_chunks_may_ask_for_nothing_meanwhile() {
        for free in ["letter_effort_most = 0", "chunk_effort_most = 0"] {
            let error = parse(&format!("{free}\nidle_timeout = \"1s\"")).unwrap_err().to_string();
            assert!(error.contains("idle_timeout"), "{free}: {error}");
        }
    }

    #[test]
    fn all_letters_that_there_may_be_fit_an_index() {
        assert!(LETTERS_MOST * ENVELOPE_ID as u64 + 1_000_000 < INDEX_MAX as u64, "with what stands around the ids");
        assert!(parse(&format!("letters_max = {LETTERS_MOST}")).is_ok());
        assert!(parse(&format!("letters_max = {}", LETTERS_MOST + 1)).is_err());
    }

    #[test]
    fn forwarders_are_addresses() {
        // The last is IPv4 as a socket for both has it.
        let config = parse("forwarders = [\"192.0.2.1\", \"2001:db8::1\", \"::ffff:192.0.2.9\"]").unwrap();
        let addresses = ["192.0.2.1", "2001:db8::1", "192.0.2.9"].map(|address| address.parse::<IpAddr>().unwrap());
        assert_eq!(config.forwarders, addresses);
        assert!(parse("").unwrap().forwarders.is_empty());
    }

    #[test]
    fn metrics_leave_the_machine_only_if_somebody_says_so() {
        let text = "metrics_listen = \"10.0.0.1:9085\"\nmetrics_beyond_loopback = true";
        assert_eq!(parse(text).unwrap().metrics, Some("10.0.0.1:9085".parse().unwrap()));
        assert_eq!(parse("").unwrap().metrics, None);
    }

    #[test]
    fn a_relay_for_trying_out_seals_every_second() {
        let config = parse("seal_min_age = \"1s\"\nseal_min_letters = 1").unwrap();
        assert_eq!((config.sealing.min_age, config.sealing.min_letters), (SECOND, 1));
    }

    #[test]
    fn the_journal_keeps_the_envelopes_unless_it_is_said_otherwise() {
        assert_eq!(parse("").unwrap().engine, Engine::Journal);
        assert_eq!(parse("store = \"journal\"").unwrap().engine, Engine::Journal);
        assert_eq!(parse("store = \"sled\"").unwrap().engine, Engine::Sled);
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once_with_its_line() {
        let text = "conections = 1\n# no comment\nlisten = 1\nseal_max_age = \"7h\"\n\nseal_min_age = \"25h\"\n[limits]\n\
                    connections = 1\n";
        let errors = ConfigFile::parse(text, Path::new("")).unwrap_err();
        let told: Vec<_> = errors.faults().iter().map(|fault| (fault.line, fault.error.key().unwrap())).collect();
        let lines = [(1, "conections"), (3, "listen"), (4, "seal_max_age"), (6, "seal_min_age"), (7, "limits")];
        let expected: Vec<_> = lines.map(|(line, key)| (Some(line), key)).into_iter().chain([(None, "card")]).collect();
        assert_eq!(told, expected, "{errors}");
        let shown: Vec<_> = errors.to_string().lines().map(str::to_owned).collect();
        assert_eq!(shown.len(), 6);
        assert!(shown[1].starts_with("relay.toml, line 3: \"listen\" is 1;"), "{errors}");
        assert!(shown[5].starts_with("relay.toml: \"card\" is missing"), "{errors}");
    }

    #[test]
    fn what_is_missing_is_told_with_what_is_wrong() {
        let text = "tls_certificate = \"a.pem\"\ndata = \".\"\n";
        let errors = ConfigFile::parse(text, Path::new("/srv/relay")).unwrap_err();
        let told: Vec<_> = errors.faults().iter().map(|fault| fault.error.key().unwrap()).collect();
        let all = ["card", "tls_listen", "tls_key", "data"];
        assert!(told.len() == all.len() && all.iter().all(|key| told.contains(key)), "{errors}");
    }

    #[test]
    fn every_error_of_syntax_is_told_at_once_and_nothing_else() {
        let errors =
            ConfigFile::parse("listen = \nnonsense = 1\ndata = \"x\nkey_file = 'y'\n= 3\n", Path::new("")).unwrap_err();
        let lines: Vec<_> = errors.faults().iter().filter_map(|fault| fault.line).collect();
        assert_eq!(lines, [1, 3, 5], "{errors}");
        assert!(errors.faults().iter().all(|fault| matches!(fault.error, ConfigError::Syntax { .. })), "{errors}");
    }

    #[test]
    fn a_key_that_stands_there_twice_is_an_error() {
        let errors = parse("connections = 5\nconnections = 6\n").unwrap_err();
        assert_eq!(errors.faults().len(), 1);
        assert_eq!(errors.faults()[0].line, Some(3), "{errors}");
    }

    #[test]
    fn an_error_names_the_key_the_value_and_what_is_allowed() {
        for (text, words) in [
            ("store = \"postgres\"", &["\"store\"", "\"postgres\"", "\"journal\" or \"sled\""][..]),
            ("listen = \"here\"", &["\"listen\"", "\"here\"", "127.0.0.1:8085"][..]),
            ("listen = 8085", &["\"listen\"", "8085"]),
            ("listen = [\"127.0.0.1:1\", \"there\"]", &["\"listen\"", "there"]),
            ("listen = []", &["\"listen\"", "[]"]),
            ("tls_listen = \"[::]:443\"\ntls_key = \"key.pem\"", &["\"tls_certificate\"", "PEM"]),
            ("tls_certificate = \"a.pem\"\ntls_key = \"b.pem\"", &["\"tls_listen\"", "[::]"]),
            ("metrics_listen = \"0.0.0.0:9085\"", &["\"metrics_listen\"", "127.0.0.1", "metrics_beyond_loopback"]),
            ("listen = [\"[::1]:80\", \"[::1]:80\"]", &["\"listen\"", "[::1]:80", "already"]),
            ("listen = \"0.0.0.0:80\"\nmetrics_listen = \"127.0.0.1:80\"", &["\"metrics_listen\"", "already"]),
            ("metrics_listen = \"127.0.0.1:8085\"", &["\"metrics_listen\"", "already"]),
            ("shutdown_timeout = \"81s\"", &["\"shutdown_timeout\"", "81s", "to 80s"]),
            ("sandbox = \"on\"", &["\"sandbox\"", "\"require\""]),
            ("metrics_beyond_loopback = 1", &["\"metrics_beyond_loopback\"", "true or false"]),
            ("seal_min_age = \"soon\"", &["\"seal_min_age\"", "\"soon\"", "60s", "30min"]),
            ("seal_min_age = \"2h\"", &["\"seal_min_age\"", "to 30min"]),
            ("seal_max_age = \"7h\"", &["\"seal_max_age\"", "7h", "whole multiple"]),
            ("connections = -1", &["\"connections\"", "-1", "from 1 to 1000000"]),
            ("requests_in_flight = 70000", &["\"requests_in_flight\"", "70000", "from 8 to 1024"]),
            ("letter_effort = 501", &["\"letter_effort\"", "to 500"]),
            ("letter_effort_most = 501", &["\"letter_effort_most\"", "to 500"]),
            ("letter_effort = 9\nletter_effort_most = 8", &["\"letter_effort_most\"", "from 9"]),
            ("idle_timeout = \"299s\"", &["\"idle_timeout\"", "299s", "5min"]),
            ("forwarders = [\"192.0.2.1\", \"here\"]", &["\"forwarders\"", "here", "192.0.2.1"]),
            ("chunk_effort = 4294967296", &["\"chunk_effort\"", "to 4294967295"]),
            ("silence_timeout = \"1s\"\nping_interval = \"2s\"", &["\"ping_interval\"", "to 500ms"]),
            ("conections = 5", &["\"conections\"", "does not exist", "connections"]),
            ("[limits]\nconnections = 5", &["\"limits\"", "does not exist"]),
            ("card = \"cssr:ABC\"", &["duplicate", "card"]),
        ] {
            let error = parse(text).unwrap_err().to_string();
            for word in words {
                assert!(error.contains(word), "{text}: {error}");
            }
        }
        let error = ConfigFile::parse("card = \"cssr:ABC\"", Path::new("")).unwrap_err().to_string();
        assert!(error.contains("\"card\" is \"cssr:ABC\"") && error.contains("@relay.example.org"), "{error}");
    }
}
