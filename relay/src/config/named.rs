//! The files that a configuration names, for whoever looks at them whatever else is wrong with it.

use super::document;
use super::file::ConfigFile;
use super::forward::ForwardFile;
use super::value::Keys;
use crate::tls::TlsFiles;
use std::path::{Path, PathBuf};

/// What is named, or the default; `None` if it cannot be read what is named.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct NamedFiles {
    /// `key_file`.
    pub(crate) key: Option<PathBuf>,
    /// `data`.
    pub(crate) data: Option<PathBuf>,
    /// `tls_certificate` and `tls_key`, if both are named.
    pub(crate) tls: Option<TlsFiles>,
}

impl NamedFiles {
    /// Those of `relay.toml`.
    pub(crate) fn of_relay(path: &Path) -> Self {
        let named = document::glance(ConfigFile::NAME, path, |keys, folder| Self {
            key: named(keys, "key_file", ConfigFile::KEY_FILE, folder),
            data: named(keys, "data", ConfigFile::DATA, folder),
            tls: tls(keys, folder),
        });
        named.unwrap_or_default()
    }

    /// Those of `forward.toml`.
    pub(crate) fn of_forwarder(path: &Path) -> Self {
        let named = document::glance(ForwardFile::NAME, path, |keys, folder| Self {
            tls: tls(keys, folder),
            ..Self::default()
        });
        named.unwrap_or_default()
    }
}

fn named(keys: &mut Keys, key: &'static str, default: &str, folder: &Path) -> Option<PathBuf> {
    let path: Option<PathBuf> = keys.text(key, "").ok()?;
    Some(folder.join(path.unwrap_or_else(|| default.into())))
}

fn tls(keys: &mut Keys, folder: &Path) -> Option<TlsFiles> {
    let mut file = |key| keys.text::<PathBuf>(key, "").ok().flatten().map(|path| folder.join(path));
    let (certificate, key) = (file("tls_certificate"), file("tls_key"));
    Some(TlsFiles { certificate: certificate?, key: key? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_whatever_else_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let write = |text: &str| std::fs::write(at("relay.toml"), text).unwrap();
        write("nonsense = 1\nkey_file = \"k\"\ntls_certificate = \"c\"\ntls_key = \"t\"\n");
        let tls = TlsFiles { certificate: at("c"), key: at("t") };
        let found = NamedFiles { key: Some(at("k")), data: Some(at("data")), tls: Some(tls) };
        assert_eq!(NamedFiles::of_relay(folder.path()), found);
        write("key_file = 1\ntls_key = \"t\"\n");
        let found = NamedFiles { key: None, data: Some(at("data")), tls: None };
        assert_eq!(NamedFiles::of_relay(folder.path()), found);
        write("key_file = ");
        assert_eq!(NamedFiles::of_relay(folder.path()), NamedFiles::default());
    }
}
