//! TLS: what holds, what does not, and that nothing is ever said in clear instead.

use crate::relay_support::{Rig, some_source};
use crate::{arrived, patience, refused, send};
use cssr_client::transport::{CertificateFault, DialError, Dialer, TlsRoots};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType, date_time_ymd};
use std::sync::{Arc, Mutex};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

const THE_HOST: &str = "127.0.0.1";

/// An authority of the office's own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    /// A dialer that trusts it, by a file as `--ca` takes it.
    fn dialer(&self) -> Dialer {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), self.0.pem()).unwrap();
        Dialer { tls: TlsRoots::from_pem(file.path()).unwrap(), ..Dialer::default() }
    }

    /// Puts a TLS server with a certificate of this authority before the relay.
    async fn before(&self, rig: &Rig, change: impl FnOnce(&mut CertificateParams)) -> u16 {
        let mut parameters = CertificateParams::default();
        parameters.subject_alt_names = vec![SanType::IpAddress(THE_HOST.parse().unwrap())];
        change(&mut parameters);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .unwrap();
        let (acceptor, to) = (TlsAcceptor::from(Arc::new(config)), rig.port);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A client that refuses the certificate leaves.
                    let Ok(mut client) = acceptor.accept(stream).await else { return };
                    let mut relay = TcpStream::connect((THE_HOST, to)).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut relay).await;
                });
            }
        });
        port
    }
}

fn fault(error: DialError) -> CertificateFault {
    match error {
        DialError::Certificate(fault) => fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_visit_over_tls_works_with_the_authority_that_was_given() {
    let (rig, authority) = (Rig::open().await, Authority::new());
    let port = authority.before(&rig, |_| {}).await;
    // Without a scheme it is TLS.
    let address = format!("{THE_HOST}:{port}").parse().unwrap();
    let sent = send(&rig, (&some_source(), "over TLS"), &[address], &authority.dialer(), &patience(1)).await.0.unwrap();
    assert_eq!(sent.sent[0].stored, Ok(()));
    assert_eq!(arrived(&rig).await, (vec!["over TLS".to_owned()], 1));
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let (rig, authority) = (Rig::open().await, Authority::new());
    let address = format!("wss://{THE_HOST}:{}", authority.before(&rig, |_| {}).await);
    for dialer in [Authority::new().dialer(), Dialer::default()] {
        let error = refused(&rig, &address, &dialer).await;
        assert!(error.to_string().contains("authority"), "{error}");
        assert_eq!(fault(error), CertificateFault::UnknownAuthority);
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let (rig, authority) = (Rig::open().await, Authority::new());
    let names = vec![SanType::DnsName("relay.test".try_into().unwrap())];
    let port = authority.before(&rig, |parameters| parameters.subject_alt_names = names).await;
    let error = refused(&rig, &format!("wss://{THE_HOST}:{port}"), &authority.dialer()).await;
    assert!(error.to_string().contains("another host"), "{error}");
    assert_eq!(fault(error), CertificateFault::OtherName);
}

#[tokio::test]
async fn a_certificate_is_refused_before_and_after_its_time() {
    let (rig, authority) = (Rig::open().await, Authority::new());
    for (from, through, expected, word) in [
        (1990, 2001, CertificateFault::Expired, "expired"),
        (2150, 2160, CertificateFault::NotYetValid, "not valid yet"),
    ] {
        let validity = |parameters: &mut CertificateParams| {
            (parameters.not_before, parameters.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(through, 1, 1));
        };
        let port = authority.before(&rig, validity).await;
        let error = refused(&rig, &format!("wss://{THE_HOST}:{port}"), &authority.dialer()).await;
        assert!(error.to_string().contains(word) && error.to_string().contains("date"), "{error}");
        assert_eq!(fault(error), expected);
    }
}

/// A relay that speaks no TLS at an address that says so, or somebody between who breaks it, gets a TLS greeting and
/// nothing else, however often the visit is tried.
#[tokio::test]
async fn nothing_is_said_in_clear_when_tls_fails() {
    let rig = Rig::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("wss://{THE_HOST}:{}", listener.local_addr().unwrap().port()).parse().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut first = vec![0; 4_096];
            let length = stream.read(&mut first).await.unwrap();
            first.truncate(length);
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            let _ = stream.read_to_end(&mut first).await;
            all.lock().unwrap().push(first);
        }
    });
    let (outcome, _) = send(&rig, (&some_source(), "text"), &[address], &Dialer::default(), &patience(3)).await;
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("TLS"), "{error}");
    let heard = heard.lock().unwrap();
    assert!(heard.len() >= 2, "{}", heard.len());
    for connection in heard.iter() {
        // A record of a handshake (RFC 8446, section 5.1), and no HTTP.
        assert_eq!(connection[..2], [0x16, 3]);
        assert!(!connection.windows(3).any(|window| window == b"GET"));
    }
}

#[tokio::test]
async fn a_file_without_a_certificate_is_no_authority() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for content in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(file.path(), content).unwrap();
        assert!(TlsRoots::from_pem(file.path()).is_err(), "{content:?}");
    }
}
