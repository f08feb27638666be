//! Through a SOCKS5 proxy, which is another project's server: nothing goes beside it, and no two visits share a circuit.

use crate::relay_support::{Rig, some_source};
use crate::{arrived, nobody, patience, refused, send};
use cssr_client::transport::{DialError, Dialer, Proxy};
use fast_socks5::ReplyError;
use fast_socks5::server::Socks5ServerProtocol;
use fast_socks5::util::target_addr::TargetAddr;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

const ONION: &str = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd.onion";

/// What a proxy was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    credentials: Option<(String, String)>,
    target: TargetAddr,
}

/// How a proxy behaves.
#[derive(Clone, Copy)]
enum Kind {
    /// It knows one name, and wants credentials.
    WithCredentials,
    /// It knows one name, and takes no credentials.
    WithoutCredentials,
    /// It allows nothing.
    Forbidding,
}

struct TestProxy {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl TestProxy {
    /// A proxy for which `name` is the port `to` of this machine.
    async fn new(kind: Kind, name: &'static str, to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, kind, (name, to), Arc::clone(&all)));
            }
        });
        Self { address, asked }
    }

    fn dialer(&self, isolate: bool) -> Dialer {
        Dialer { proxy: Some(Proxy { address: self.address.clone(), isolate }), ..Dialer::default() }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(stream: TcpStream, kind: Kind, (name, to): (&str, u16), all: Arc<Mutex<Vec<Asked>>>) {
    let mut credentials = None;
    let authenticated = match kind {
        Kind::WithoutCredentials => Socks5ServerProtocol::accept_no_auth(stream).await,
        Kind::WithCredentials | Kind::Forbidding => {
            Socks5ServerProtocol::accept_password_auth(stream, |user, password| {
                credentials = Some((user, password));
                true
            })
            .await
            .map(|(authenticated, _)| authenticated)
        }
    };
    // A client that authenticates otherwise has been told so.
    let Ok(authenticated) = authenticated else { return };
    let (asking, _, target) = authenticated.read_command().await.unwrap();
    all.lock().unwrap().push(Asked { credentials, target: target.clone() });
    if matches!(kind, Kind::Forbidding) {
        return asking.reply_error(&ReplyError::ConnectionNotAllowed).await.unwrap();
    }
    if !matches!(&target, TargetAddr::Domain(asked, _) if asked == name) {
        return asking.reply_error(&ReplyError::HostUnreachable).await.unwrap();
    }
    let mut relay = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
    let mut client = asking.reply_success(relay.local_addr().unwrap()).await.unwrap();
    let _ = tokio::io::copy_bidirectional(&mut client, &mut relay).await;
}

#[tokio::test]
async fn a_visit_through_the_proxy_leaves_names_to_it_and_never_shares_credentials() {
    let rig = Rig::open().await;
    for name in ["relay.test", ONION] {
        let proxy = TestProxy::new(Kind::WithCredentials, name, rig.port).await;
        // No resolver knows these names, so the visit only works if nobody here asks one.
        let address = [format!("ws://{name}:8085").parse().unwrap()];
        for _ in 0..3 {
            let keys = some_source();
            let sent = send(&rig, (&keys, name), &address, &proxy.dialer(true), &patience(1)).await.0.unwrap();
            assert_eq!(sent.sent[0].stored, Ok(()));
        }
        let asked = proxy.asked();
        let credentials: BTreeSet<_> = asked.iter().map(|asked| asked.credentials.clone().unwrap()).collect();
        assert_eq!((asked.len(), credentials.len()), (3, 3), "two visits shared credentials: {asked:?}");
        assert!(asked.iter().all(|asked| asked.target == TargetAddr::Domain(name.to_owned(), 8085)), "{asked:?}");
    }
    assert_eq!(arrived(&rig).await.0.len(), 6);
}

#[tokio::test]
async fn without_isolation_no_credentials_are_given() {
    let rig = Rig::open().await;
    let proxy = TestProxy::new(Kind::WithoutCredentials, "relay.test", rig.port).await;
    let address = "ws://relay.test".parse().unwrap();
    send(&rig, (&some_source(), "text"), &[address], &proxy.dialer(false), &patience(1)).await.0.unwrap();
    let target = TargetAddr::Domain("relay.test".to_owned(), 80);
    assert_eq!(proxy.asked(), [Asked { credentials: None, target }]);
}

/// It would be used without telling visits apart.
#[tokio::test]
async fn a_proxy_that_takes_no_credentials_is_refused_rather_than_used_without_isolation() {
    let rig = Rig::open().await;
    let proxy = TestProxy::new(Kind::WithoutCredentials, "relay.test", rig.port).await;
    let error = refused(&rig, "ws://relay.test", &proxy.dialer(true)).await.to_string();
    assert!(error.contains(&proxy.address) && error.contains("authenticates"), "{error}");
    assert_eq!(proxy.asked(), []);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_with_its_reason() {
    let rig = Rig::open().await;
    let proxy = TestProxy::new(Kind::Forbidding, "relay.test", rig.port).await;
    let error = refused(&rig, "ws://relay.test", &proxy.dialer(true)).await;
    assert!(matches!(error, DialError::Proxy { .. }), "{error:?}");
    let error = error.to_string();
    assert!(error.contains(&proxy.address) && error.contains("rules"), "{error}");

    let proxy = TestProxy::new(Kind::WithCredentials, "other.test", rig.port).await;
    let error = refused(&rig, "ws://relay.test", &proxy.dialer(true)).await.to_string();
    assert!(error.contains(&proxy.address) && error.contains("host"), "{error}");
}

#[tokio::test]
async fn a_proxy_that_says_nothing_is_named_when_time_is_up() {
    let rig = Rig::open().await;
    // Connections wait here to be accepted, which nobody does.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let proxy = Some(Proxy { address: address.clone(), isolate: true });
    let dialer = Dialer { proxy, timeout: Duration::from_millis(50), ..Dialer::default() };
    let error = refused(&rig, "ws://relay.test", &dialer).await;
    assert!(matches!(error, DialError::ProxyTimeout { .. }), "{error:?}");
    assert!(error.to_string().contains(&address), "{error}");
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named_and_nothing_goes_beside_it() {
    let rig = Rig::open().await;
    let address = format!("127.0.0.1:{}", nobody().await);
    let dialer = Dialer { proxy: Some(Proxy { address: address.clone(), isolate: true }), ..Dialer::default() };
    // The relay itself would answer.
    let error = refused(&rig, &format!("ws://127.0.0.1:{}", rig.port), &dialer).await;
    assert!(matches!(error, DialError::ProxyUnreachable { .. }), "{error:?}");
    assert!(error.to_string().contains(&address), "{error}");
}

#[tokio::test]
async fn an_onion_service_is_never_looked_up_without_a_proxy() {
    let rig = Rig::open().await;
    let error = refused(&rig, &format!("ws://{ONION}"), &Dialer::default()).await;
    assert!(matches!(error, DialError::OnionWithoutProxy), "{error:?}");
    assert!(error.to_string().contains("Tor"), "{error}");
}
