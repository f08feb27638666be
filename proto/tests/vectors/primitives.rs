//! The primitives of section 1 from the published crates, for values on the way that the library does not show.

use ed25519_dalek::VerifyingKey;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// `u8(length of label) || label`.
pub fn tagged(label: &str) -> Vec<u8> {
    let mut out = vec![u8::try_from(label.len()).unwrap()];
    out.extend_from_slice(label.as_bytes());
    out
}

/// `H(label, x)`.
pub fn h(label: &str, x: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(tagged(label)).chain_update(x).finalize().into()
}

/// `MAC(key, x)`.
pub fn mac(key: &[u8], x: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(x);
    mac.finalize().into_bytes().into()
}

/// `KDF(secret, label, ctx)`.
pub fn kdf(secret: &[u8], label: &str, ctx: &[u8]) -> [u8; 32] {
    kdf_salted(None, secret, label, ctx)
}

/// HKDF-SHA256 with a salt.
pub fn kdf_salted(salt: Option<&[u8]>, secret: &[u8], label: &str, ctx: &[u8]) -> [u8; 32] {
    let (mut key, tag) = ([0; 32], tagged(label));
    Hkdf::<Sha256>::new(salt, secret).expand_multi_info(&[tag.as_slice(), ctx], &mut key).unwrap();
    key
}

/// `DH(private, public)`.
pub fn dh(private: [u8; 32], public: [u8; 32]) -> [u8; 32] {
    x25519_dalek::x25519(private, public)
}

/// The Ed25519 public key of a seed.
pub fn ed25519(seed: &[u8; 32]) -> [u8; 32] {
    ed25519_dalek::SigningKey::from_bytes(seed).verifying_key().to_bytes()
}

/// Whether a signature verifies, strictly.
pub fn verifies(key: &[u8; 32], input: &[u8], signature: &[u8]) -> bool {
    let signature = ed25519_dalek::Signature::from_slice(signature).unwrap();
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(input, &signature).is_ok())
}
