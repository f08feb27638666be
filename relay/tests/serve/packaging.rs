//! What operators put around the relay, from the files in `packaging/`: a real nginx and a real tor.

use crate::certificate::Authority;
use crate::client::{Client, letter};
use crate::process::{Running, SEAL_AT_ONCE, configured, path};
use cssr_proto::Address;
use cssr_proto::index::{Head, letter_genesis};
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, HandshakeKind};

const HOST: &str = "127.0.0.1";
/// After this a test fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where nginx could keep what passes through it.
const PLACES: [&str; 5] = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
const LOGS: [&str; 2] = ["access.log", "error.log"];

fn packaging(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging").join(file)
}

/// nginx with the packaged server, which listens on a socket in a folder.
struct Nginx {
    folder: tempfile::TempDir,
    child: Child,
    /// One for all connections, which would resume a session if it could.
    trust: Arc<ClientConfig>,
}

impl Nginx {
    async fn before(relay: &Running) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        authority.issue().write(folder.path());
        let at = |name: &str| folder.path().join(name).display().to_string();
        let mut server = std::fs::read_to_string(packaging("nginx/cssr-relay.conf")).unwrap();
        // What an operator changes, and nothing else.
        for (from, to) in [
            ("listen 443 ssl;", format!("listen unix:{} ssl;", at("nginx.sock"))),
            ("listen [::]:443 ssl;", String::new()),
            ("relay.example.org;", format!("{HOST};")),
            ("/etc/letsencrypt/live/relay.example.org/fullchain.pem", at("certificate.pem")),
            ("/etc/letsencrypt/live/relay.example.org/privkey.pem", at("key.pem")),
            ("127.0.0.1:8085;", format!("{};", relay.address)),
        ] {
            assert_eq!(server.matches(from).count(), 1, "{from}");
            server = server.replace(from, &to);
        }
        let places = PLACES.map(|kind| format!("{kind}_temp_path {};", at(kind)));
        // As Debian's nginx.conf has them, which the server must override.
        let [access, error] = LOGS.map(at);
        let config = format!(
            "daemon off; master_process off; pid {}; error_log stderr;\nevents {{}}\nhttp {{ {} access_log {access}; error_log {error} info;\n{server}\n}}\n",
            at("nginx.pid"),
            places.join(" ")
        );
        std::fs::write(folder.path().join("nginx.conf"), config).unwrap();
        let mut nginx = Command::new("nginx");
        nginx.args(["-p", path(folder.path()), "-c", "nginx.conf", "-e", "stderr"]);
        let child = nginx.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        Self { folder, child, trust: authority.trust() }
    }

    async fn connect(&self) -> TlsStream<UnixStream> {
        let socket = self.folder.path().join("nginx.sock");
        let connected = async {
            loop {
                match UnixStream::connect(&socket).await {
                    Ok(stream) => return stream,
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        };
        let stream = tokio::time::timeout(PATIENCE, connected).await.unwrap();
        let connector = TlsConnector::from(Arc::clone(&self.trust));
        connector.connect(ServerName::try_from(HOST).unwrap(), stream).await.unwrap()
    }
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn a_session_passes_through_nginx_and_leaves_nothing_there() {
    let (folder, mut office, key) = configured(SEAL_AT_ONCE).await;
    let relay = Running::start(folder.path(), &["--log", "trace"]).await;
    office.open(|| relay.client(), Head::genesis(letter_genesis(&key))).await;
    let mut nginx = Nginx::before(&relay).await;
    for n in 0..3 {
        let mut client = Client::over(nginx.connect().await).await.unwrap();
        assert_eq!(client.ask(letter(n)).await, Response::Posted);
        // Large frames the other way.
        assert!(matches!(client.ask(Request::Directory).await, Response::Directory(_)));
        // A session that was resumed would link two visits.
        let tls = client.socket.get_ref().get_ref().1;
        assert_eq!(tls.handshake_kind(), Some(HandshakeKind::Full));
    }
    nginx.child.kill().await.unwrap();
    relay.stop("-TERM").await;
    for log in LOGS {
        assert_eq!(std::fs::read_to_string(nginx.folder.path().join(log)).unwrap(), "", "{log}");
    }
    for place in PLACES {
        assert_eq!(std::fs::read_dir(nginx.folder.path().join(place)).unwrap().count(), 0, "{place}");
    }
}

#[tokio::test]
#[ignore = "needs tor"]
async fn tor_makes_an_onion_service_of_the_packaged_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let service = folder.path().join("cssr-relay");
    let torrc = std::fs::read_to_string(packaging("tor/torrc")).unwrap();
    assert_eq!(torrc.matches("HiddenServiceDir /var/lib/tor/cssr-relay\n").count(), 1);
    let torrc =
        torrc.replace("HiddenServiceDir /var/lib/tor/cssr-relay\n", &format!("HiddenServiceDir {}\n", path(&service)));
    let file = folder.path().join("torrc");
    std::fs::write(&file, torrc).unwrap();
    // It makes the service's keys, and connects to nobody.
    let data = folder.path().join("data");
    let alone = ["--DisableNetwork", "1", "--SocksPort", "0", "--defaults-torrc", "/dev/null"];
    let mut tor = Command::new("tor");
    tor.args(["-f", path(&file), "--DataDirectory", path(&data)])
        .args(alone)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut tor = tor.kill_on_drop(true).spawn().unwrap();
    let hostname = service.join("hostname");
    let address = async {
        loop {
            match std::fs::read_to_string(&hostname) {
                Ok(address) if address.ends_with('\n') => return address,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let address = tokio::select! {
        address = tokio::time::timeout(PATIENCE, address) => address.unwrap(),
        ended = tor.wait() => panic!("tor does not take it: {ended:?}"),
    };
    tor.kill().await.unwrap();
    let name = address.trim().strip_suffix(".onion").unwrap();
    assert_eq!(name.len(), 56, "{address}");
    let address: Address = format!("ws://{}", address.trim()).parse().unwrap();
    assert!(address.as_str().ends_with(".onion"));
}
