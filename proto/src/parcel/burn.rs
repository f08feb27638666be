//! What burns a chunk: the relay keeps the hash, whoever shows the key may have it destroyed.

use crate::cbor::byte_id;
use crate::hash::{Secret32, kdf, mac, sha256};
use crate::keys::{ParcelKey, ParcelSecret};
use crate::labels;
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

/// What burns the chunks of one parcel. It follows from the parcel secret of whoever sealed them, so that those who may
/// read a parcel cannot destroy it before the others have it.
pub struct BurnKeys(Secret32);

impl BurnKeys {
    /// The keys for a parcel of the source with this secret.
    #[must_use]
    pub fn new(secret: &ParcelSecret, parcel: &ParcelKey) -> Self {
        Self(kdf(secret.expose(), labels::CHUNK_BURN, &[parcel.expose()]))
    }

    /// What burns chunk `index`.
    #[must_use]
    pub fn key(&self, index: u64) -> BurnKey {
        BurnKey(mac(&self.0, &[&index.to_be_bytes()]))
    }
}

impl std::fmt::Debug for BurnKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(_) = self;
        f.write_str("BurnKeys(..)")
    }
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
