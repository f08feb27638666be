//! Tagged hashing and key derivation (protocol, section 1).

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A 32-byte secret that is erased when dropped.
pub(crate) type Secret32 = Zeroizing<[u8; 32]>;

/// `u8(length of label) || label`.
pub(crate) fn tagged(label: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + label.len());
    // Labels are constants of this crate, all far below 256 bytes (tested in `labels`).
    out.push(label.len() as u8);
    out.extend_from_slice(label.as_bytes());
    out
}

/// `H(label, parts...) = SHA-256(tagged(label) || parts...)`.
pub(crate) fn hash(label: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut sha = Sha256::new();
    sha.update(tagged(label));
    for part in parts {
        sha.update(part);
    }
    sha.finalize().into()
}

/// Plain SHA-256, where the protocol says so (burn hashes, files).
pub fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}

/// `KDF(secret, label, context...)`: HKDF-SHA256 with an empty salt, 32 bytes.
pub(crate) fn kdf(secret: &[u8], label: &str, context: &[&[u8]]) -> Secret32 {
    expand(None, secret, label, context)
}

/// HKDF-SHA256 with a salt, 32 bytes.
pub(crate) fn kdf_salted(salt: &[u8; 32], secret: &[u8], label: &str, context: &[&[u8]]) -> Secret32 {
    expand(Some(salt), secret, label, context)
}

fn expand(salt: Option<&[u8]>, secret: &[u8], label: &str, context: &[&[u8]]) -> Secret32 {
    Kdf(Hkdf::new(salt, secret)).key(label, context)
}

/// HKDF-SHA256 with an empty salt after its first step, where one secret gives several keys.
pub(crate) struct Kdf(Hkdf<Sha256>);

impl Kdf {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self(Hkdf::new(None, secret))
    }

    /// `KDF(secret, label, context...)`.
    pub(crate) fn key(&self, label: &str, context: &[&[u8]]) -> Secret32 {
        let tag = tagged(label);
        let mut info: Vec<&[u8]> = Vec::with_capacity(1 + context.len());
        info.push(&tag);
        info.extend_from_slice(context);
        let mut out = Zeroizing::new([0; 32]);
        #[expect(clippy::expect_used, reason = "HKDF-SHA256 yields up to 8,160 bytes; this asks for 32")]
        self.0.expand_multi_info(&info, out.as_mut_slice()).expect("32 bytes are within HKDF's limit");
        out
    }
}

/// `MAC(key, parts...) = HMAC-SHA256(key, parts...)`.
pub(crate) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
