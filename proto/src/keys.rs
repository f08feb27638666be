//! One type per key purpose, so that the compiler refuses a key in the wrong place.
//!
//! Private keys are erased when dropped, have no `Debug` that shows them, no `Clone`, and leave their type only
//! through `expose`, for the one place that writes a key file.

mod dh;
mod sign;
mod symmetric;
mod xwing;

pub use dh::{AuthPublicKey, RelayPublicKey, RelaySecretKey, SeatAuthKey, SourceAuthKey};
pub(crate) use dh::{DhSecret, SharedSecret};
pub use sign::{CourierKey, CourierPublicKey, RootKey, RootPublicKey, SeatPublicKey, SeatSigningKey};
pub(crate) use sign::{Signer, Verifier};
pub use symmetric::{ContactSecret, ParcelKey, ParcelSecret};
pub use xwing::{PrekeyPublic, PrekeySecret, ReplyPublicKey, ReplySecret, XWingPublicKey};
pub(crate) use xwing::{XWingSecret, open_slot, seal_slot, throw_away_key};

/// A public key that the protocol does not accept (section 1): not canonical, of small order, or not a key at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unacceptable {0} public key")]
pub struct BadKey(pub(crate) &'static str);

/// Whether 32 bytes, without the bit in `sign_mask`, are a number below 2^255 - 19. Public data only.
pub(crate) fn below_field_prime(bytes: &[u8; 32], sign_mask: u8) -> bool {
    let [low, middle @ .., high] = bytes;
    let high = high & !sign_mask;
    !(high & 0x80 != 0 || (high == 0x7f && middle.iter().all(|b| *b == 0xff) && *low >= 0xed))
}

/// Everything a private-key newtype has: making, exposing, and a `Debug` that shows nothing.
macro_rules! secret_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Makes a fresh key.
            pub fn generate<R: rand_core::CryptoRng + ?Sized>(rng: &mut R) -> Self {
                let mut key = Self([0; 32]);
                rng.fill_bytes(&mut key.0);
                key
            }

            /// Takes the 32 bytes that `expose` gave.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The private bytes, for a key file and nothing else.
            #[must_use]
            pub const fn expose(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let Self(_) = self;
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}
use secret_key;

#[cfg(test)]
mod tests {
    use super::below_field_prime;

    #[test]
    fn only_numbers_below_the_field_prime_are_canonical() {
        let mut p = [0xff; 32];
        p[0] = 0xed;
        p[31] = 0x7f;
        assert!(!below_field_prime(&p, 0));
        p[0] = 0xec;
        assert!(below_field_prime(&p, 0));
        p[31] = 0xff;
        assert!(!below_field_prime(&p, 0));
        assert!(below_field_prime(&p, 0x80));
    }
}
