//! TLS by the relay itself: what is said over it, new certificates, and peers that do not speak it.

use crate::certificate::{Authority, Issued, replace, shown, tls};
use crate::client::Client;
use crate::process::{Running, configured, path, run};
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use cssr_relay::{FileFault, Reload, Tls, TlsError, TlsFiles};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::rustls::HandshakeKind;

/// After this a test fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(20);
const TLS: &str = "tls_listen = \"127.0.0.1:0\"\ntls_certificate = \"certificate.pem\"\ntls_key = \"key.pem\"\n";

/// A relay with a certificate of its own, and where it speaks TLS.
async fn started(lines: &str) -> (TempDir, Running, Authority, Issued, SocketAddr) {
    let authority = Authority::new();
    let issued = authority.issue();
    let (folder, _, _) = configured(&format!("{TLS}{lines}")).await;
    issued.write(folder.path());
    let relay = Running::start(folder.path(), &[]).await;
    let address = relay.others[0].strip_prefix("wss://").unwrap().parse().unwrap();
    (folder, relay, authority, issued, address)
}

#[tokio::test]
async fn a_session_over_tls_works_beside_those_without() {
    let (_folder, relay, authority, issued, address) = started("").await;
    let stream = tls(address, &authority.trust()).await.unwrap();
    assert_eq!(shown(&stream), issued.der);
    let mut over_tls = Client::over(stream).await.unwrap();
    assert!(matches!(over_tls.ask(Request::Statements).await, Response::Statements(_)));
    let mut plain = relay.client().await;
    assert!(matches!(plain.ask(Request::Statements).await, Response::Statements(_)));
    assert_eq!(over_tls.relay, plain.relay);
    relay.stop("-TERM").await;
}

#[tokio::test]
async fn no_tls_session_is_resumed_so_that_no_two_visits_are_linked() {
    let (_folder, relay, authority, _, address) = started("").await;
    let trust = authority.trust();
    for _ in 0..3 {
        let mut client = Client::over(tls(address, &trust).await.unwrap()).await.unwrap();
        // A ticket would come with or before the first answer.
        client.ask(Request::Statements).await;
        assert_eq!(client.socket.get_ref().get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
    }
    relay.stop("-TERM").await;
}

#[tokio::test]
async fn a_new_certificate_is_used_without_a_restart_and_a_bad_one_never() {
    let (folder, relay, authority, first, address) = started("tls_poll = \"1s\"\n").await;
    let trust = authority.trust();
    let mut old = Client::over(tls(address, &trust).await.unwrap()).await.unwrap();
    // The first change is found because the relay is told, the second because it looks.
    for (signal, changed) in [(Some("-HUP"), authority.issue()), (None, authority.issue())] {
        replace(&folder.path().join("certificate.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n");
        relay.signal("-HUP").await;
        let before = shown(&tls(address, &trust).await.expect("a bad certificate has taken the place of a good one"));
        changed.write(folder.path());
        if let Some(signal) = signal {
            relay.signal(signal).await;
        }
        let appears = async {
            loop {
                let now = shown(&tls(address, &trust).await.expect("no certificate is shown"));
                if now == changed.der {
                    break;
                }
                assert_eq!(now, before);
            }
        };
        tokio::time::timeout(PATIENCE, appears).await.expect("the new certificate is never used");
        assert_ne!(changed.der, first.der);
    }
    // A session goes on under the certificate it began with.
    assert!(matches!(old.ask(Request::Statements).await, Response::Statements(_)));
    let log = relay.stop("-TERM").await;
    assert_eq!(log.matches("the new certificate is used").count(), 2, "{log}");
}

#[tokio::test]
async fn who_does_not_finish_the_handshake_is_dropped_and_holds_nobody_up() {
    let (_folder, relay, authority, _, address) = started("handshake_timeout = \"300ms\"\n").await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut half = TcpStream::connect(address).await.unwrap();
    // The head of a record that never comes.
    half.write_all(&[0x16, 3, 1, 2, 0]).await.unwrap();
    assert!(Client::over(tls(address, &authority.trust()).await.unwrap()).await.is_some());
    for stream in [&mut silent, &mut half] {
        let mut said = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("it is not dropped");
        assert_eq!(said, b"");
    }
    relay.stop("-TERM").await;
}

#[tokio::test]
async fn who_speaks_no_tls_where_it_is_spoken_hears_nothing_but_tls() {
    let (_folder, relay, _, _, address) = started("").await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n").await.unwrap();
    let mut said = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("it is not dropped");
    // At most an alert (RFC 8446, section 6).
    assert!(said.is_empty() || said[0] == 0x15, "{said:?}");
    relay.stop("-TERM").await;
}

#[tokio::test]
async fn a_relay_does_not_start_on_a_bad_certificate() {
    let (folder, _, _) = configured(TLS).await;
    let other = Authority::new().issue();
    for (change, words) in [
        (None, "certificate.pem"),
        (Some(Authority::new().issue().certificate), "do not belong together"),
        (Some(String::new()), "certificate.pem"),
    ] {
        if let Some(certificate) = change {
            other.write(folder.path());
            replace(&folder.path().join("certificate.pem"), &certificate);
        }
        let (output, out, err) = run(&["serve", "--config", path(folder.path())]).await;
        assert_eq!((output.status.code(), out.as_str()), (Some(2), ""), "{err}");
        assert!(err.contains(words), "{err}");
    }
}

#[test]
fn only_a_change_for_the_better_changes_anything() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let at = |name: &str| folder.path().join(name);
    authority.issue().write(folder.path());
    let tls = Tls::load(files_in(folder.path())).unwrap();
    assert_eq!(tls.reload().unwrap(), Reload::Unchanged);

    // A renewal that was found half way.
    let next = authority.issue();
    replace(&at("certificate.pem"), &next.certificate);
    assert!(matches!(tls.reload(), Err(TlsError::Mismatch)));
    assert_eq!(tls.reload().unwrap(), Reload::Unchanged, "bad files are told of once");
    replace(&at("key.pem"), &next.key);
    assert_eq!(tls.reload().unwrap(), Reload::Changed);

    std::fs::set_permissions(at("key.pem"), PermissionsExt::from_mode(0o644)).unwrap();
    let error = tls.reload().unwrap_err();
    assert!(matches!(error, TlsError::Key { error: FileFault::Readable { mode: 0o644 }, .. }), "{error}");
    std::fs::set_permissions(at("key.pem"), PermissionsExt::from_mode(0o640)).unwrap();
    assert_eq!(tls.reload().unwrap(), Reload::Changed);

    for (name, text, word) in [
        ("certificate.pem", "", "there is none"),
        ("certificate.pem", next.key.as_str(), "there is none"),
        ("key.pem", next.certificate.as_str(), "there is none"),
        ("key.pem", "-----BEGIN PRIVATE KEY-----\n????\n-----END PRIVATE KEY-----\n", "not valid PEM"),
    ] {
        next.write(folder.path());
        replace(&at(name), text);
        let error = tls.reload().unwrap_err().to_string();
        assert!(error.contains(word) && error.contains(name), "{name}: {error}");
    }
    std::fs::remove_file(at("key.pem")).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Key { error: FileFault::Io(_), .. })));
}

#[test]
fn a_link_that_points_elsewhere_is_a_change() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let renewals = ["1", "2"].map(|name| folder.path().join(name));
    for renewal in &renewals {
        std::fs::create_dir(renewal).unwrap();
        authority.issue().write(renewal);
    }
    let live = folder.path().join("live");
    std::os::unix::fs::symlink(&renewals[0], &live).unwrap();
    let tls = Tls::load(files_in(&live)).unwrap();
    std::fs::remove_file(&live).unwrap();
    std::os::unix::fs::symlink(&renewals[1], &live).unwrap();
    assert_eq!(tls.reload().unwrap(), Reload::Changed);
}

fn files_in(folder: &Path) -> TlsFiles {
    TlsFiles { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") }
}
