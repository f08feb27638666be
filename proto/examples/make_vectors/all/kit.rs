//! The primitives of section 1, and keys and random values that follow from texts.

use ed25519_dalek::{Signer as _, SigningKey};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use std::convert::Infallible;

pub(crate) type Key = [u8; 32];

/// 32 bytes that stand for randomness.
pub(crate) fn seed(purpose: &str) -> Key {
    sha256(format!("cssr test vectors: {purpose}").as_bytes())
}

/// As many bytes as are wanted that stand for randomness.
pub(crate) fn noise(purpose: &str, length: usize) -> Vec<u8> {
    (0..).flat_map(|n| seed(&format!("{purpose}, block {n}"))).take(length).collect()
}

pub(crate) fn sha256(data: &[u8]) -> Key {
    Sha256::digest(data).into()
}

/// `u8(length of label) || label`.
pub(crate) fn tagged(label: &str) -> Vec<u8> {
    [&[label.len() as u8][..], label.as_bytes()].concat()
}

/// `H(label, x)`.
pub(crate) fn h(label: &str, x: &[u8]) -> Key {
    sha256(&[&tagged(label), x].concat())
}

/// `MAC(key, x)`.
pub(crate) fn mac(key: &[u8], x: &[u8]) -> Key {
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(x).finalize().into_bytes().into()
}

/// `KDF(secret, label, ctx)`.
pub(crate) fn kdf(secret: &[u8], label: &str, ctx: &[u8]) -> Key {
    hkdf(&[], secret, label, ctx)
}

/// HKDF-SHA256 with a salt.
pub(crate) fn hkdf(salt: &[u8], secret: &[u8], label: &str, ctx: &[u8]) -> Key {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(Some(salt), secret).expand(&[&tagged(label), ctx].concat(), &mut key).unwrap();
    key
}

/// `DH(private, public)`.
pub(crate) fn dh(private: &Key, public: &Key) -> Key {
    x25519_dalek::StaticSecret::from(*private).diffie_hellman(&(*public).into()).to_bytes()
}

/// The public key of an X25519 private key.
pub(crate) fn x25519(private: &Key) -> Key {
    x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from(*private)).to_bytes()
}

/// The public key of an Ed25519 seed.
pub(crate) fn ed25519(seed: &Key) -> Key {
    SigningKey::from_bytes(seed).verifying_key().to_bytes()
}

/// An Ed25519 signature.
pub(crate) fn sign(seed: &Key, input: &[u8]) -> [u8; 64] {
    SigningKey::from_bytes(seed).sign(input).to_bytes()
}

/// The public key of an X-Wing seed.
pub(crate) fn x_wing(seed: &Key) -> Vec<u8> {
    use x_wing::{Decapsulator as _, KeyExport as _};
    x_wing::DecapsulationKey::from(*seed).encapsulation_key().to_bytes().to_vec()
}

/// A neutral point: an Ed25519 key of small order.
pub(crate) const ED25519_LOW_ORDER: Key = {
    let mut key = [0; 32];
    key[0] = 1;
    key
};

/// 2^255 - 18, which is 1 once more: an Ed25519 key that is not canonical.
pub(crate) const ED25519_NOT_CANONICAL: Key = {
    let mut key = [0xff; 32];
    key[0] = 0xee;
    key[31] = 0x7f;
    key
};

/// An X25519 key of order 8.
pub(crate) const X25519_LOW_ORDER: Key = [
    0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d,
    0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
];

/// The base point plus 2^255 - 19: an X25519 key that is not canonical.
pub(crate) const X25519_NOT_CANONICAL: Key = {
    let mut key = [0xff; 32];
    key[0] = 0xf6;
    key[31] = 0x7f;
    key
};

/// A "generator" that gives bytes in their order, so that randomised primitives are repeatable. Asked for more, it
/// panics.
pub(crate) struct Script(pub(crate) Vec<u8>);

impl rand_core::TryRng for Script {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut word = [0; 4];
        self.try_fill_bytes(&mut word)?;
        Ok(u32::from_le_bytes(word))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut word = [0; 8];
        self.try_fill_bytes(&mut word)?;
        Ok(u64::from_le_bytes(word))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        let rest = self.0.split_off(target.len());
        target.copy_from_slice(&self.0);
        self.0 = rest;
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Script {}
