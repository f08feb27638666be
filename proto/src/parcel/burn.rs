//! What burns a chunk: the relay keeps the hash, whoever shows the key may have it destroyed.

use crate::cbor::byte_id;
use crate::hash::sha256;
use crate::sizes::HASH;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Burns one chunk.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct BurnKey([u8; HASH]);

byte_id! {
    /// SHA-256 of a burn key.
    BurnHash, HASH
}

impl BurnKey {
    /// Takes the bytes that came over the wire.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; HASH]) -> Self {
        Self(bytes)
    }

    /// The bytes, to send them to the relay.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HASH] {
        &self.0
    }

    /// What the relay keeps.
    #[must_use]
    pub fn hash(&self) -> BurnHash {
        BurnHash(sha256(&self.0))
    }

    /// Whether this is the key to a chunk that was put with `hash`; in constant time.
    #[must_use]
    pub fn burns(&self, hash: &BurnHash) -> bool {
        self.hash().0.ct_eq(&hash.0).into()
    }
}

impl std::fmt::Debug for BurnKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(_) = self;
        f.write_str("BurnKey(..)")
    }
}

impl std::fmt::Debug for BurnHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(_) = self;
        f.write_str("BurnHash(..)")
    }
}
