//! Ed25519 (RFC 8032): the keys that sign statements. Verification is strict (protocol, section 1).

use super::{BadKey, below_field_prime, secret_key};
use crate::cbor::byte_id;
use crate::sizes::SIGNATURE;
use ed25519_dalek::Signer as _;

/// A private key that signs statements.
pub(crate) trait Signer {
    fn seed(&self) -> &[u8; 32];

    fn sign(&self, input: &[u8]) -> [u8; SIGNATURE] {
        ed25519_dalek::SigningKey::from_bytes(self.seed()).sign(input).to_bytes()
    }
}

/// A public key that verifies statements.
pub(crate) trait Verifier {
    fn key(&self) -> &[u8; 32];

    /// Canonical and not of small order.
    fn check(&self) -> Result<ed25519_dalek::VerifyingKey, BadKey> {
        let bad = BadKey("Ed25519");
        if !below_field_prime(self.key(), 0x80) {
            return Err(bad);
        }
        let key = ed25519_dalek::VerifyingKey::from_bytes(self.key()).map_err(|_| bad)?;
        if key.is_weak() { Err(bad) } else { Ok(key) }
    }

    fn verifies(&self, input: &[u8], signature: &[u8; SIGNATURE]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.check().is_ok_and(|key| key.verify_strict(input, &signature).is_ok())
    }
}

macro_rules! signing_pair {
    ($(#[$sdoc:meta])* $secret:ident, $(#[$pdoc:meta])* $public:ident) => {
        secret_key! { $(#[$sdoc])* $secret }
        byte_id! { $(#[$pdoc])* $public, 32 }

        impl Signer for $secret {
            fn seed(&self) -> &[u8; 32] {
                self.expose()
            }
        }
        impl Verifier for $public {
            fn key(&self) -> &[u8; 32] {
                &self.0
            }
        }
        impl $secret {
            /// The public half.
            #[must_use]
            pub fn public(&self) -> $public {
                $public(ed25519_dalek::SigningKey::from_bytes(self.expose()).verifying_key().to_bytes())
            }
        }
        impl std::fmt::Debug for $public {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($public), "("))?;
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str(")")
            }
        }
    };
}

signing_pair! {
    /// An office's root: signs rosters, lives offline.
    RootKey,
    /// The public half of a root.
    RootPublicKey
}
signing_pair! {
    /// A seat's signing key: signs its authentication key and its prekeys.
    SeatSigningKey,
    /// The public half of a seat's signing key.
    SeatPublicKey
}
signing_pair! {
    /// A courier's key: signs notes and courier sessions.
    CourierKey,
    /// The public half of a courier's key.
    CourierPublicKey
}
