//! TLS by rustls, for addresses that say `wss`.

use super::DialError;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore, crypto::ring};

/// The certificate authorities to trust.
#[derive(Clone)]
pub struct TlsRoots(Arc<ClientConfig>);

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateFault {
    /// Somebody else signed it.
    #[error("no authority that this program trusts has signed it")]
    UnknownAuthority,
    /// It names another host.
    #[error("it is another host's")]
    OtherName,
    /// Its time is over, by the device's clock.
    #[error("it has expired, or this device's date is wrong")]
    Expired,
    /// Its time has not begun, by the device's clock.
    #[error("it is not valid yet, or this device's date is wrong")]
    NotYetValid,
    /// Anything else.
    #[error("it is damaged, revoked or not meant for this")]
    Other,
}

impl TlsRoots {
    /// The public authorities (Mozilla's list).
    #[must_use]
    pub fn public() -> Self {
        Self::from_store(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
    }

    /// Only the authorities in a PEM file, for a relay with a certificate of its own.
    ///
    /// # Errors
    /// The file cannot be read, or holds no certificate.
    pub fn from_pem(path: &Path) -> io::Result<Self> {
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(path).map_err(io::Error::other)? {
            store.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
        }
        if store.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no certificate in this file"));
        }
        Ok(Self::from_store(store))
    }

    fn from_store(store: RootCertStore) -> Self {
        #[expect(clippy::expect_used, reason = "ring supports TLS 1.2 and 1.3")]
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider supports the default versions")
            .with_root_certificates(store)
            .with_no_client_auth();
        // A resumed session would let the server link two visits.
        config.resumption = rustls::client::Resumption::disabled();
        Self(Arc::new(config))
    }

    pub(super) async fn handshake(&self, host: &str, tcp: TcpStream) -> Result<TlsStream<TcpStream>, DialError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| DialError::Tls(io::Error::other(error)))?;
        TlsConnector::from(Arc::clone(&self.0)).connect(name, tcp).await.map_err(why)
    }
}

/// A certificate that does not hold, told apart from everything else.
fn why(error: io::Error) -> DialError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    let Some(rustls::Error::InvalidCertificate(fault)) = inner else { return DialError::Tls(error) };
    DialError::Certificate(match fault {
        // A bad signature is what another authority of the same name makes.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => CertificateFault::UnknownAuthority,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            CertificateFault::OtherName
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => CertificateFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => CertificateFault::NotYetValid,
        _ => CertificateFault::Other,
    })
}

impl std::fmt::Debug for TlsRoots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsRoots(..)")
    }
}
