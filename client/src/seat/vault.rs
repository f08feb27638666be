//! The encrypted files of a seat's folder.
//!
//! ```text
//! file key(kind) = HKDF-SHA256(storage key, info = "cssr desk file 1 " || kind)
//! file           = nonce (24) || XChaCha20-Poly1305(file key, nonce, padded content, aad = kind || "/" || name)
//! padded content = u32(length) || content || zeros up to a multiple of 4,096 bytes
//! tag(what, x)   = HMAC-SHA256(HKDF-SHA256(storage key, info = "cssr desk tag 1 " || what), x)[..16]
//! ```
//!
//! The storage key lies in `seat.key` under the passphrase. A file cannot take the place of another one, and neither
//! its name nor its size says what is in it.

use super::error::SeatError;
use crate::files::{destroy, read_limited, write_atomic};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use sha2::Sha256;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const FILE_LABEL: &str = "cssr desk file 1 ";
const TAG_LABEL: &str = "cssr desk tag 1 ";
const NONCE: usize = 24;
const LENGTH: usize = 4;
/// Sizes on disk are multiples of this, so that they tell little about how long a text is.
const PADDING: usize = 4_096;
/// More than any file of a seat needs; one that is larger was not written here.
const FILE_MAX: usize = 256 * 1024 * 1024;
const SUFFIX: &str = ".sealed";

/// The key under which everything else in the folder lies.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct StorageKey([u8; 32]);

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Which seat this is, and its signing and authentication keys.
    Identity,
    /// A private prekey; the name is its epoch.
    Prekey,
    /// A letter that was opened or quarantined; the name is a tag.
    Letter,
    /// The envelope of a quarantined letter; the name is a tag.
    Quarantine,
    /// A reply or receipt that was written here; the name is a tag.
    Sent,
    /// Letters that were looked at.
    Seen,
    /// Rosters, notes and directories.
    Knowledge,
    /// The chain of batches.
    Chain,
}

/// A keyed hash: recognises a thing without naming it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub(super) struct Tag(#[cbor(n(0), with = "minicbor::bytes")] [u8; 16]);

/// The files of one folder.
pub(super) struct Vault {
    folder: PathBuf,
    key: StorageKey,
}

impl StorageKey {
    pub(super) fn generate<R: CryptoRng>(rng: &mut R) -> Self {
        let mut key = Self([0; 32]);
        rng.fill_bytes(&mut key.0);
        key
    }

    /// Takes what [`expose`](Self::expose) gave.
    pub(super) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes, for the key file and nothing else.
    pub(super) const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Prekey => "prekeys",
            Self::Letter => "letters",
            Self::Quarantine => "quarantine",
            Self::Sent => "sent",
            Self::Seen => "seen",
            Self::Knowledge => "knowledge",
            Self::Chain => "chain",
        }
    }

    const fn suffix(self) -> &'static str {
        match self {
            Self::Prekey => ".key",
            _ => SUFFIX,
        }
    }
}

/// Kinds with a folder of their own, one file for each thing.
const FOLDERS: [Kind; 4] = [Kind::Prekey, Kind::Letter, Kind::Quarantine, Kind::Sent];

impl Vault {
    pub(super) fn create(folder: &Path, key: StorageKey) -> io::Result<Self> {
        for kind in FOLDERS {
            fs::create_dir_all(folder.join(kind.name()))?;
        }
        Ok(Self { folder: folder.to_path_buf(), key })
    }

    /// Also destroys what a crash left half written: it may hold a key that nobody would ever destroy.
    pub(super) fn open(folder: &Path, key: StorageKey) -> io::Result<Self> {
        for kind in FOLDERS {
            for name in names(&folder.join(kind.name()))? {
                if name.ends_with(".new") {
                    destroy(&folder.join(kind.name()).join(name))?;
                }
            }
        }
        Ok(Self { folder: folder.to_path_buf(), key })
    }

    /// Writes the one file of a kind.
    pub(super) fn write<R: CryptoRng>(&self, kind: Kind, content: &[u8], rng: &mut R) -> Result<(), SeatError> {
        self.write_at(kind, "", content, rng)
    }

    /// Reads the one file of a kind; `None` if it was never written.
    pub(super) fn read(&self, kind: Kind) -> Result<Option<Zeroizing<Vec<u8>>>, SeatError> {
        self.read_at(kind, "")
    }

    /// Writes one file of many.
    pub(super) fn write_at<R: CryptoRng>(
        &self,
        kind: Kind,
        name: &str,
        content: &[u8],
        rng: &mut R,
    ) -> Result<(), SeatError> {
        let mut nonce = [0; NONCE];
        rng.fill_bytes(&mut nonce);
        let padded = pad(content);
        let place = place(kind, name);
        let payload = Payload { msg: &padded, aad: place.as_bytes() };
        let sealed = self.cipher(kind).encrypt(&XNonce::from(nonce), payload).map_err(|_| SeatError::TooLarge)?;
        Ok(write_atomic(&self.path(kind, name), &[nonce.as_slice(), &sealed].concat())?)
    }

    /// Reads one file of many; `None` if there is none of that name.
    pub(super) fn read_at(&self, kind: Kind, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SeatError> {
        let bytes = match read_limited(&self.path(kind, name), FILE_MAX) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let damaged = SeatError::Damaged(kind.name());
        let Some((nonce, sealed)) = bytes.split_first_chunk::<NONCE>() else { return Err(damaged) };
        let place = place(kind, name);
        let payload = Payload { msg: sealed, aad: place.as_bytes() };
        let padded = self.cipher(kind).decrypt(&XNonce::from(*nonce), payload).map(Zeroizing::new);
        padded.ok().and_then(|padded| unpad(&padded)).map(Some).ok_or(damaged)
    }

    /// Whether there is a file of that name, readable or not.
    pub(super) fn has(&self, kind: Kind, name: &str) -> Result<bool, SeatError> {
        Ok(self.path(kind, name).try_exists()?)
    }

    /// Overwrites, syncs and removes a file.
    pub(super) fn destroy(&self, kind: Kind, name: &str) -> Result<(), SeatError> {
        Ok(destroy(&self.path(kind, name))?)
    }

    /// The names of all files of a kind, sorted.
    pub(super) fn names(&self, kind: Kind) -> Result<Vec<String>, SeatError> {
        let all = names(&self.folder.join(kind.name()))?;
        Ok(all.iter().filter_map(|name| Some(name.strip_suffix(kind.suffix())?.to_owned())).collect())
    }

    /// `tag(what, parts...)`.
    pub(super) fn tag(&self, what: &str, parts: &[&[u8]]) -> Tag {
        let key = self.derive(TAG_LABEL, what);
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key.as_slice()).expect("HMAC takes any key");
        for part in parts {
            mac.update(part);
        }
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = whole;
        Tag([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }

    fn path(&self, kind: Kind, name: &str) -> PathBuf {
        if name.is_empty() {
            self.folder.join(format!("{}{}", kind.name(), kind.suffix()))
        } else {
            self.folder.join(kind.name()).join(format!("{name}{}", kind.suffix()))
        }
    }

    fn cipher(&self, kind: Kind) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.derive(FILE_LABEL, kind.name())).into())
    }

    fn derive(&self, label: &str, what: &str) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        let info = [label.as_bytes(), what.as_bytes()];
        #[expect(clippy::expect_used, reason = "HKDF-SHA256 yields up to 8,160 bytes; this asks for 32")]
        Hkdf::<Sha256>::new(None, self.key.expose()).expand_multi_info(&info, key.as_mut_slice()).expect("32 bytes");
        key
    }
}

impl Tag {
    /// Reads the name of a file.
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let mut tag = Self([0; 16]);
        let digits = text.as_bytes();
        for (place, pair) in tag.0.iter_mut().zip(digits.chunks(2)) {
            *place = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        (tag.to_string() == text).then_some(tag)
    }

    /// The bytes.
    pub(super) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl std::fmt::Display for Tag {
    /// Hexadecimal, for the name of a file.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tag(..)")
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { folder: _, key: _ } = self;
        f.write_str("Vault(..)")
    }
}

/// What a file is, for the cipher.
fn place(kind: Kind, name: &str) -> String {
    format!("{}/{name}", kind.name())
}

fn pad(content: &[u8]) -> Zeroizing<Vec<u8>> {
    let size = (LENGTH + content.len()).next_multiple_of(PADDING);
    let mut padded = Zeroizing::new(Vec::with_capacity(size));
    // Files of a seat stay far below 4 GiB.
    padded.extend_from_slice(&(content.len() as u32).to_be_bytes());
    padded.extend_from_slice(content);
    padded.resize(size, 0);
    padded
}

fn unpad(padded: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (length, rest) = padded.split_first_chunk::<LENGTH>()?;
    let content = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some(Zeroizing::new(content.to_vec()))
}

/// The names in a folder, sorted; none if the folder is missing.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut names = entries
        .filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose())
        .collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    struct Setting {
        folder: tempfile::TempDir,
        vault: Vault,
        rng: ChaCha20Rng,
    }

    fn setting() -> Setting {
        let mut rng = ChaCha20Rng::from_seed([5; 32]);
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::create(folder.path(), StorageKey::generate(&mut rng)).unwrap();
        Setting { folder, vault, rng }
    }

    #[test]
    fn a_file_opens_in_its_place_and_in_no_other() {
        let Setting { folder, vault, mut rng } = setting();
        vault.write_at(Kind::Letter, "a", b"secret", &mut rng).unwrap();
        assert_eq!(vault.read_at(Kind::Letter, "a").unwrap().unwrap().as_slice(), b"secret");
        assert!(vault.read_at(Kind::Letter, "b").unwrap().is_none());
        let from = folder.path().join("letters/a.sealed");
        for to in ["letters/b.sealed", "sent/a.sealed", "seen.sealed"] {
            fs::copy(&from, folder.path().join(to)).unwrap();
        }
        assert!(matches!(vault.read_at(Kind::Letter, "b"), Err(SeatError::Damaged(_))));
        assert!(matches!(vault.read_at(Kind::Sent, "a"), Err(SeatError::Damaged(_))));
        assert!(matches!(vault.read(Kind::Seen), Err(SeatError::Damaged(_))));
    }

    #[test]
    fn a_changed_cut_or_foreign_file_does_not_open() {
        let Setting { folder, vault, mut rng } = setting();
        vault.write(Kind::Chain, &[7; 5_000], &mut rng).unwrap();
        let path = folder.path().join("chain.sealed");
        let good = fs::read(&path).unwrap();
        for (at, length) in [(0, good.len()), (30, good.len()), (good.len() - 1, good.len()), (0, 10), (0, 0)] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            bad.truncate(length);
            fs::write(&path, &bad).unwrap();
            assert!(vault.read(Kind::Chain).is_err(), "{at} {length}");
        }
        fs::write(&path, &good).unwrap();
        assert_eq!(vault.read(Kind::Chain).unwrap().unwrap().as_slice(), [7; 5_000]);
        let other = Vault::create(folder.path(), StorageKey::generate(&mut rng)).unwrap();
        assert!(other.read(Kind::Chain).is_err());
    }

    #[test]
    fn sizes_on_disk_hide_the_length_of_a_text() {
        let Setting { folder, vault, mut rng } = setting();
        let size = |content: &[u8], rng: &mut ChaCha20Rng| {
            vault.write_at(Kind::Letter, "a", content, rng).unwrap();
            fs::metadata(folder.path().join("letters/a.sealed")).unwrap().len()
        };
        assert_eq!(size(b"", &mut rng), size(&[1; 4_000], &mut rng));
        assert!(size(&[1; 4_093], &mut rng) > size(&[1; 4_092], &mut rng));
    }

    #[test]
    fn what_a_crash_left_half_written_is_destroyed_on_opening() {
        let Setting { folder, vault, mut rng } = setting();
        vault.write_at(Kind::Prekey, "2900", b"key", &mut rng).unwrap();
        let (left, witness) = (folder.path().join("prekeys/.00.new"), folder.path().join("witness"));
        fs::write(&left, b"half a key").unwrap();
        fs::hard_link(&left, &witness).unwrap();
        let key = StorageKey::from_slice(vault.key.expose()).unwrap();
        let vault = Vault::open(folder.path(), key).unwrap();
        assert!(!left.exists());
        assert_eq!(fs::read(witness).unwrap(), [0; 10]);
        assert_eq!(vault.names(Kind::Prekey).unwrap(), ["2900"]);
    }

    #[test]
    fn tags_depend_on_the_key_the_purpose_and_the_thing() {
        let Setting { folder, vault, mut rng } = setting();
        let tag = vault.tag("letter", &[b"a", b"b"]);
        assert_eq!(tag, vault.tag("letter", &[b"ab"]));
        assert_ne!(tag, vault.tag("thread", &[b"ab"]));
        assert_ne!(tag, vault.tag("letter", &[b"abc"]));
        let other = Vault::create(folder.path(), StorageKey::generate(&mut rng)).unwrap();
        assert_ne!(tag, other.tag("letter", &[b"ab"]));
        assert_eq!(Tag::from_hex(&tag.to_string()), Some(tag));
        for text in ["", "ab", &tag.to_string().to_uppercase(), &format!("{tag}00"), &"+1".repeat(16)] {
            assert_eq!(Tag::from_hex(text), None, "{text}");
        }
    }
}
