//! The primitives that a letter consists of, and nothing else: from the same crates, with the same keys, over the same
//! bytes. What a letter needs beyond them is what the benchmarks of letters measure.

use crate::failure::Failure;
use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut as _, ChaCha20Poly1305, KeyInit as _, Nonce, Tag};
use cssr_proto::Envelope;
use cssr_proto::keys::{AuthPublicKey, PrekeySecret, SeatAuthKey, SourceAuthKey};
use cssr_proto::letter::Recipients;
use cssr_proto::sizes::{BODY_OFFSET, LETTER_HEADER, PLAIN_BODY, SLOTS, XWING_CIPHERTEXT};
use rand_core::CryptoRng;
use std::hint::black_box;
use x_wing::{Ciphertext, Decapsulate as _, DecapsulationKey, Decapsulator as _, Encapsulate as _, EncapsulationKey};
use x25519_dalek::{PublicKey, StaticSecret};

/// Any key will do for the cipher; a letter's own would need the key schedule of HPKE.
const BODY_KEY: [u8; 32] = [3; 32];

fn cipher() -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(&BODY_KEY.into())
}

/// What of a letter the primitives read: the encapsulation of the first slot, what the body is bound to, the body.
struct Parts<'e> {
    encapsulation: &'e Ciphertext,
    clear: &'e [u8],
    body: &'e [u8],
}

impl<'e> Parts<'e> {
    fn of(envelope: &'e Envelope) -> Option<Self> {
        let (clear, sealed) = envelope.as_bytes().split_at_checked(BODY_OFFSET)?;
        let encapsulation = clear.get(LETTER_HEADER..)?.get(..XWING_CIPHERTEXT)?;
        Some(Self { encapsulation: encapsulation.try_into().ok()?, clear, body: sealed.get(..PLAIN_BODY)? })
    }
}

/// The tag that makes a letter's ciphertext one of [`BODY_KEY`].
pub(crate) fn tag(envelope: &Envelope) -> Result<Tag, Failure> {
    let Parts { clear, body, .. } = Parts::of(envelope).ok_or(Failure::Bare)?;
    let mut buffer = body.to_vec();
    // The cipher adds a key stream: the first time gives the plaintext of these bytes, the second time the bytes again.
    let mut encrypt = || cipher().encrypt_inout_detached(&Nonce::default(), clear, buffer.as_mut_slice().into());
    encrypt().and_then(|_| encrypt()).map_err(|_| Failure::Bare)
}

/// Opens with bare primitives: one X-Wing decapsulation, one X25519, one ChaCha20-Poly1305.
pub(crate) struct Opener {
    prekey: DecapsulationKey,
    auth: StaticSecret,
}

impl Opener {
    pub(crate) fn new(auth: &SeatAuthKey, prekey: &PrekeySecret) -> Self {
        Self { prekey: DecapsulationKey::from(*prekey.expose()), auth: StaticSecret::from(*auth.expose()) }
    }

    /// `tag` is what [`tag`] gave for the envelope.
    pub(crate) fn open(
        &self,
        envelope: &Envelope,
        sender: &AuthPublicKey,
        tag: &Tag,
        plain: &mut [u8; PLAIN_BODY],
    ) -> Result<(), Failure> {
        let Parts { encapsulation, clear, body } = Parts::of(envelope).ok_or(Failure::Bare)?;
        black_box(self.prekey.decapsulate(encapsulation));
        black_box(self.auth.diffie_hellman(&PublicKey::from(*sender.as_bytes())).as_bytes());
        let buffer = InOutBuf::new(body, plain).map_err(|_| Failure::Bare)?;
        let opened = cipher().decrypt_inout_detached(&Nonce::default(), clear, buffer, tag);
        black_box(plain);
        opened.map_err(|_| Failure::Bare)
    }
}

/// Seals with bare primitives: one X-Wing key generation, eight encapsulations, seven X25519, one ChaCha20-Poly1305.
pub(crate) struct Sealer {
    seats: Vec<(PublicKey, EncapsulationKey)>,
    clear: [u8; BODY_OFFSET],
    body: [u8; PLAIN_BODY],
}

impl Sealer {
    pub(crate) fn new(to: &Recipients<'_>) -> Result<Self, Failure> {
        let seats = to.seats.iter().flatten().map(|seat| {
            let prekey = EncapsulationKey::try_from(seat.prekey.as_bytes().as_slice()).map_err(|_| Failure::Bare)?;
            Ok((PublicKey::from(*seat.auth.as_bytes()), prekey))
        });
        let seats = seats.collect::<Result<Vec<_>, Failure>>()?;
        // The throw-away key takes the slot of the source.
        if seats.len() + 1 != SLOTS {
            return Err(Failure::Bare);
        }
        Ok(Self { seats, clear: [4; BODY_OFFSET], body: [5; PLAIN_BODY] })
    }

    pub(crate) fn seal<R: CryptoRng>(&mut self, sender: &SourceAuthKey, rng: &mut R) -> Result<(), Failure> {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let nobody = DecapsulationKey::from(seed);
        let readers = self.seats.iter().map(|(_, prekey)| prekey);
        for reader in readers.chain([nobody.encapsulation_key()]) {
            black_box(reader.encapsulate_with_rng(rng));
        }
        let sender = StaticSecret::from(*sender.expose());
        for (auth, _) in &self.seats {
            black_box(sender.diffie_hellman(auth).as_bytes());
        }
        let body = self.body.as_mut_slice();
        black_box(cipher().encrypt_inout_detached(&Nonce::default(), &self.clear, body.into()))
            .map_err(|_| Failure::Bare)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cssr_proto::sizes::ENVELOPE;

    fn opener() -> Opener {
        Opener::new(&SeatAuthKey::from_bytes([1; 32]), &PrekeySecret::from_bytes([2; 32]))
    }

    #[test]
    fn the_bare_cipher_verifies_and_decrypts_the_bytes_of_the_letter() {
        let mut bytes = [9; ENVELOPE];
        let sender = SourceAuthKey::from_bytes([7; 32]).public();
        let envelope = Envelope::from_slice(&bytes).unwrap();
        let tag = tag(&envelope).unwrap();
        let mut plain = [0; PLAIN_BODY];
        opener().open(&envelope, &sender, &tag, &mut plain).unwrap();
        assert_ne!(plain, [0; PLAIN_BODY]);
        for place in [0, BODY_OFFSET - 1, BODY_OFFSET, BODY_OFFSET + PLAIN_BODY - 1] {
            bytes[place] ^= 1;
            let changed = Envelope::from_slice(&bytes).unwrap();
            assert!(opener().open(&changed, &sender, &tag, &mut plain).is_err(), "{place}");
            bytes[place] ^= 1;
        }
    }
}
