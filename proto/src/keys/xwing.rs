//! X-Wing (draft-connolly-cfrg-xwing-kem) through HPKE (RFC 9180): prekeys, reply keys, slots.

use super::{BadKey, below_field_prime};
use crate::hash::Secret32;
use crate::sizes::{HASH, SLOT, TAG, X25519_KEY, XWING_CIPHERTEXT, XWING_PUBLIC_KEY, XWING_SEED};
use hpke::kem::{Kem as _, XWing};
use hpke::{Deserializable as _, OpModeR, OpModeS, Serializable as _};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

type Aead = hpke::aead::ChaCha20Poly1305;
type Kdf = hpke::kdf::HkdfSha256;
type KemPublic = <XWing as hpke::Kem>::PublicKey;
type KemSecret = <XWing as hpke::Kem>::PrivateKey;

/// An X-Wing public key that passed every check.
#[derive(Clone, PartialEq, Eq)]
pub struct XWingPublicKey {
    bytes: Box<[u8; XWING_PUBLIC_KEY]>,
    key: KemPublic,
}

/// A seat's X-Wing public key for one epoch.
pub type PrekeyPublic = XWingPublicKey;
/// A source's X-Wing public key for replies.
pub type ReplyPublicKey = XWingPublicKey;

impl XWingPublicKey {
    /// Checks the ML-KEM part (FIPS 203, section 7.2) and the X25519 part.
    ///
    /// # Errors
    /// Not an acceptable key.
    pub fn from_bytes(bytes: &[u8; XWING_PUBLIC_KEY]) -> Result<Self, BadKey> {
        let bad = BadKey("X-Wing");
        let x25519: &[u8; X25519_KEY] = bytes.last_chunk().ok_or(bad)?;
        if !below_field_prime(x25519, 0) {
            return Err(bad);
        }
        let key = KemPublic::from_bytes(bytes).map_err(|_| bad)?;
        Ok(Self { bytes: Box::new(*bytes), key })
    }

    /// The encoding: ML-KEM-768 (1,184) and X25519 (32).
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; XWING_PUBLIC_KEY] {
        &self.bytes
    }

    fn of(secret: &KemSecret) -> Self {
        let key = XWing::sk_to_pk(secret);
        let mut bytes = Box::new([0; XWING_PUBLIC_KEY]);
        key.write_exact(bytes.as_mut_slice());
        Self { bytes, key }
    }
}

impl std::fmt::Debug for XWingPublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { bytes: _, key: _ } = self;
        f.write_str("XWingPublicKey(..)")
    }
}

impl<C> minicbor::Encode<C> for XWingPublicKey {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(self.bytes.as_slice())?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for XWingPublicKey {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let bytes = d.bytes()?.try_into().map_err(|_| minicbor::decode::Error::message("wrong length"))?;
        Self::from_bytes(bytes).map_err(|_| minicbor::decode::Error::message("unacceptable X-Wing key"))
    }
}

/// A private key that opens slots: the 32-byte seed. The crate expands it anew for every decapsulation
/// (`docs/decisions/0003`), so nothing of the expansion is kept.
pub(crate) trait XWingSecret {
    fn secret(&self) -> &KemSecret;
}

macro_rules! xwing_secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name {
            seed: Secret32,
            key: KemSecret,
        }

        impl $name {
            /// Makes a fresh key pair.
            pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
                let mut seed = Zeroizing::new([0; XWING_SEED]);
                rng.fill_bytes(seed.as_mut_slice());
                Self::of_seed(seed)
            }

            /// Takes the 32-byte seed that `expose` gave.
            #[must_use]
            pub fn from_bytes(seed: [u8; 32]) -> Self {
                Self::of_seed(Zeroizing::new(seed))
            }

            /// The private seed, for a key file and nothing else.
            #[must_use]
            pub fn expose(&self) -> &[u8; 32] {
                &self.seed
            }

            /// The public half.
            #[must_use]
            pub fn public(&self) -> XWingPublicKey {
                XWingPublicKey::of(&self.key)
            }

            fn of_seed(seed: Secret32) -> Self {
                let key = kem_secret(&seed);
                Self { seed, key }
            }
        }

        impl XWingSecret for $name {
            fn secret(&self) -> &KemSecret {
                &self.key
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let Self { seed: _, key: _ } = self;
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

xwing_secret! {
    /// The private half of a prekey; erased 14 days after its epoch.
    PrekeySecret
}
xwing_secret! {
    /// The private half of a source's reply key, derived from the passphrase.
    ReplySecret
}

#[expect(clippy::expect_used, reason = "any 32 bytes are an X-Wing seed")]
fn kem_secret(seed: &Secret32) -> KemSecret {
    KemSecret::from_bytes(seed.as_slice()).expect("32 bytes are a seed")
}

/// A public key whose private half nobody has, for slots without a reader.
pub(crate) fn throw_away_key<R: CryptoRng + ?Sized>(rng: &mut R) -> XWingPublicKey {
    PrekeySecret::generate(rng).public()
}

/// HPKE base mode, single shot: `encapsulation (1,120) || wrapped content key (48)`.
pub(crate) fn seal_slot<R: CryptoRng>(
    reader: &XWingPublicKey,
    info: &[u8],
    content_key: &[u8; HASH],
    rng: &mut R,
) -> Result<[u8; SLOT], BadKey> {
    let bad = BadKey("X-Wing");
    let (enc, wrapped) =
        hpke::single_shot_seal_with_rng::<Aead, Kdf, XWing>(&OpModeS::Base, &reader.key, info, content_key, b"", rng)
            .map_err(|_| bad)?;
    let mut slot = [0; SLOT];
    let (head, tail) = slot.split_at_mut(XWING_CIPHERTEXT);
    enc.write_exact(head);
    if wrapped.len() != HASH + TAG {
        return Err(bad);
    }
    tail.copy_from_slice(&wrapped);
    Ok(slot)
}

/// Opens a slot; `None` for every failure.
pub(crate) fn open_slot(secret: &impl XWingSecret, info: &[u8], slot: &[u8; SLOT]) -> Option<Secret32> {
    let (enc, wrapped) = slot.split_at(XWING_CIPHERTEXT);
    let enc = <XWing as hpke::Kem>::EncappedKey::from_bytes(enc).ok()?;
    let plain = hpke::single_shot_open::<Aead, Kdf, XWing>(&OpModeR::Base, secret.secret(), &enc, info, wrapped, b"");
    let plain = Zeroizing::new(plain.ok()?);
    plain.as_slice().try_into().ok().map(Zeroizing::new)
}
