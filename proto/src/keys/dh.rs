//! X25519 (RFC 7748): authentication keys of sources and seats, and the relay's static key.

use super::{BadKey, below_field_prime, secret_key};
use crate::cbor::byte_id;
use zeroize::Zeroizing;

byte_id! {
    /// The X25519 key that a source or seat authenticates letters with; canonical.
    AuthPublicKey, 32
}
byte_id! {
    /// The relay's static key, as the roster lists it; canonical.
    RelayPublicKey, 32
}

secret_key! {
    /// A source's authentication key, derived from the passphrase: the identity of its thread.
    SourceAuthKey
}
secret_key! {
    /// A seat's authentication key.
    SeatAuthKey
}
secret_key! {
    /// The relay's static key.
    RelaySecretKey
}

/// The result of a Diffie-Hellman exchange, erased when dropped.
pub(crate) type SharedSecret = Zeroizing<[u8; 32]>;

/// A private key that takes part in X25519.
pub(crate) trait DhSecret {
    fn secret(&self) -> &[u8; 32];

    /// The public half.
    fn public_key(&self) -> AuthPublicKey {
        AuthPublicKey(public_of(self.secret()))
    }

    /// `DH(self, public)`.
    ///
    /// # Errors
    /// The public key is not canonical, or the result is all zero.
    fn dh(&self, public: &AuthPublicKey) -> Result<SharedSecret, BadKey> {
        public.check()?;
        let secret = x25519_dalek::StaticSecret::from(*self.secret());
        let shared = secret.diffie_hellman(&x25519_dalek::PublicKey::from(public.0));
        if !shared.was_contributory() {
            return Err(BadKey("X25519"));
        }
        Ok(Zeroizing::new(shared.to_bytes()))
    }
}

fn public_of(secret: &[u8; 32]) -> [u8; 32] {
    x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from(*secret)).to_bytes()
}

impl AuthPublicKey {
    /// Whether the encoding is canonical. Whether it contributes shows in the exchange.
    pub(crate) fn check(&self) -> Result<(), BadKey> {
        if below_field_prime(&self.0, 0) { Ok(()) } else { Err(BadKey("X25519")) }
    }

    /// Canonical and not of small order: for keys that are accepted before anyone exchanges anything with them.
    pub(crate) fn check_contributory(&self) -> Result<(), BadKey> {
        // Every clamped scalar is a multiple of the cofactor, so any one shows whether the point is of small order.
        SeatAuthKey::from_bytes([0; 32]).dh(self).map(drop)
    }
}

impl RelayPublicKey {
    pub(crate) fn check(&self) -> Result<(), BadKey> {
        AuthPublicKey(self.0).check_contributory()
    }
}

impl DhSecret for SourceAuthKey {
    fn secret(&self) -> &[u8; 32] {
        self.expose()
    }
}
impl DhSecret for SeatAuthKey {
    fn secret(&self) -> &[u8; 32] {
        self.expose()
    }
}

impl SourceAuthKey {
    /// The public half.
    #[must_use]
    pub fn public(&self) -> AuthPublicKey {
        AuthPublicKey(public_of(self.expose()))
    }
}
impl SeatAuthKey {
    /// The public half.
    #[must_use]
    pub fn public(&self) -> AuthPublicKey {
        AuthPublicKey(public_of(self.expose()))
    }
}
impl RelaySecretKey {
    /// The public half.
    #[must_use]
    pub fn public(&self) -> RelayPublicKey {
        RelayPublicKey(public_of(self.expose()))
    }
}

impl std::fmt::Debug for AuthPublicKey {
    /// Nothing: a source's key is its identity.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuthPublicKey(..)")
    }
}

impl std::fmt::Debug for RelayPublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RelayPublicKey(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}
