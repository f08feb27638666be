//! The certificate for TLS: read, checked, and read again when its files change.

use crate::regular;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::{self, InconsistentKeys, ServerConfig};

/// Bits of a key file's mode that give anything to everybody. Its group may read it: Debian's `ssl-cert` does.
const EVERYBODY: u32 = 0o007;

/// Where a certificate is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain in PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key in PEM (PKCS#8, PKCS#1 or SEC1), not under a passphrase.
    pub key: PathBuf,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file with the chain cannot be read.
    #[error("the certificate {path}: {error}")]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: FileFault,
    },
    /// The file with the key cannot be read, or everybody may read it.
    #[error("the certificate's key {path}: {error}")]
    Key {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: FileFault,
    },
    /// They are a certificate and a key, but not of each other.
    #[error("the certificate and the key do not belong together")]
    Mismatch,
    /// No TLS can be spoken with them.
    #[error("the certificate cannot be used: {0}")]
    Unusable(#[source] rustls::Error),
}

impl TlsError {
    /// Whether it says nothing of what the files hold: the system could not read one just then.
    fn is_passing(&self) -> bool {
        let (Self::Certificate { error: FileFault::Io(error), .. } | Self::Key { error: FileFault::Io(error), .. }) =
            self
        else {
            return false;
        };
        use rustix::io::Errno;
        const PASSING: [Errno; 4] = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::IO];
        error.raw_os_error().is_some_and(|code| PASSING.contains(&Errno::from_raw_os_error(code)))
    }
}

/// What is wrong with one file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileFault {
    /// It cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It holds no PEM section of the kind.
    #[error("there is none in this file")]
    Nothing,
    /// A section is damaged.
    #[error("it is not valid PEM")]
    NotPem,
    /// Everybody on this machine may read the key.
    #[error("everybody may read it (mode {mode:o}); change that with \"chmod 640\"")]
    Readable {
        /// Its permissions.
        mode: u32,
    },
}

/// A certificate in use. Connections that begin take the newest one that was good.
#[derive(Clone)]
pub struct Tls(Arc<Current>);

struct Current {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
    /// What was last read, good or bad.
    seen: Mutex<Stamps>,
}

/// What became of looking at the files again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// They are as they were.
    Unchanged,
    /// They have changed, are good, and are used from now on.
    Changed,
}

impl Tls {
    /// Reads a certificate and its key.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        // Before reading: what changes meanwhile is read again.
        let seen = Mutex::new(Stamps::of(&files));
        let config = RwLock::new(Arc::new(server_config(&files)?));
        Ok(Self(Arc::new(Current { files, config, seen })))
    }

    /// Reads the files again if they have changed. If they are not good the certificate stays that was, and the files are
    /// not read again before they change, unless the system could not read them just then.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn reload(&self) -> Result<Reload, TlsError> {
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Stamps::of(&self.0.files);
        if *seen == now {
            return Ok(Reload::Unchanged);
        }
        let read = server_config(&self.0.files);
        // What could not be read may be in order, and is tried again.
        if !read.as_ref().is_err_and(TlsError::is_passing) {
            *seen = now;
        }
        *self.0.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read?);
        Ok(Reload::Changed)
    }

    /// Reads the files again if they have changed, and tells the log what became of it.
    pub fn reload_and_tell(&self) {
        match self.reload() {
            Ok(Reload::Unchanged) => {}
            Ok(Reload::Changed) => tracing::info!("the new certificate is used from now on"),
            Err(error) => tracing::error!(%error, "the new certificate is not used; the one before stays"),
        }
    }

    /// Everything that is wrong with a certificate and its key.
    pub(crate) fn faults(files: &TlsFiles) -> Vec<TlsError> {
        let faults: Vec<_> = chain(files).err().into_iter().chain(key(files).err()).collect();
        if faults.is_empty() { server_config(files).err().into_iter().collect() } else { faults }
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.config.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tls").field(&self.0.files).finish()
    }
}

/// What tells one state of the files from another: replaced, rewritten, with other permissions, or behind a link that
/// points elsewhere now.
#[derive(Debug, PartialEq, Eq)]
struct Stamps([Option<[u64; 5]>; 2]);

impl Stamps {
    fn of(files: &TlsFiles) -> Self {
        let stamp = |file: Metadata| {
            let (seconds, nanoseconds) = (file.ctime().cast_unsigned(), file.ctime_nsec().cast_unsigned());
            [file.dev(), file.ino(), file.size(), seconds, nanoseconds]
        };
        Self([&files.certificate, &files.key].map(|path| std::fs::metadata(path).ok().map(stamp)))
    }
}

fn server_config(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let (chain, key) = (chain(files)?, key(files)?);
    #[expect(clippy::expect_used, reason = "ring supports TLS 1.2 and 1.3")]
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch,
            other => TlsError::Unusable(other),
        })?;
    // A resumed session would link two visits, and a ticket would keep something about the first.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn chain(files: &TlsFiles) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let path = &files.certificate;
    read_chain(path).map_err(|error| TlsError::Certificate { path: path.clone(), error })
}

fn key(files: &TlsFiles) -> Result<PrivateKeyDer<'static>, TlsError> {
    let path = &files.key;
    read_key(path).map_err(|error| TlsError::Key { path: path.clone(), error })
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileFault> {
    let chain: Vec<_> =
        CertificateDer::pem_reader_iter(regular::open(path)?).collect::<Result<_, _>>().map_err(fault)?;
    if chain.is_empty() { Err(FileFault::Nothing) } else { Ok(chain) }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, FileFault> {
    let file = regular::open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode & EVERYBODY != 0 {
        return Err(FileFault::Readable { mode });
    }
    PrivateKeyDer::from_pem_reader(file).map_err(fault)
}

fn fault(error: pem::Error) -> FileFault {
    match error {
        pem::Error::Io(error) => FileFault::Io(error),
        pem::Error::NoItemsFound => FileFault::Nothing,
        // What it quotes may be part of a key.
        _ => FileFault::NotPem,
    }
}
