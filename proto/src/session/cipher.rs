//! ChaCha20-Poly1305 (RFC 8439) for messages of a session.
//!
//! Two implementations of the same bytes: that of `ring`, in assembly, which takes half the time and more than half of what
//! a relay does for a letter is such time; and that of the crate `chacha20poly1305`, which the rest of the protocol uses,
//! for WebAssembly. `ring` does not erase its copy of a key, so it gets none to keep: one is made for each message, on the
//! stack, where the next message lies over it.

use crate::copy::copy;
use crate::sizes::TAG;
use snow::Error;
use snow::types::Cipher;
use zeroize::{Zeroize, ZeroizeOnDrop};

#[cfg(not(target_arch = "wasm32"))]
use native as implementation;
#[cfg(target_arch = "wasm32")]
use portable as implementation;

/// Bytes of a nonce.
const NONCE: usize = 12;

#[derive(Default, Zeroize, ZeroizeOnDrop)]
pub(super) struct ChaChaPoly {
    key: [u8; 32],
}

/// Four zero bytes and the little-endian counter (Noise, section 12.3).
fn nonce(counter: u64) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    nonce.iter_mut().skip(4).zip(counter.to_le_bytes()).for_each(|(to, from)| *to = from);
    nonce
}

impl Cipher for ChaChaPoly {
    fn name(&self) -> &'static str {
        "ChaChaPoly"
    }

    fn set(&mut self, key: &[u8; 32]) {
        self.key = *key;
    }

    fn encrypt(&self, counter: u64, authtext: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
        let size = plaintext.len() + TAG;
        #[expect(clippy::expect_used, reason = "snow checks the size of `out`, and no message here is over 64 KiB")]
        {
            let (text, tag) = out.split_at_mut_checked(plaintext.len()).expect("room for the text");
            copy(text, plaintext);
            let made = implementation::seal(&self.key, nonce(counter), authtext, text).expect("a short text");
            *tag.first_chunk_mut::<TAG>().expect("room for the tag") = made;
        }
        size
    }

    fn decrypt(&self, counter: u64, authtext: &[u8], ciphertext: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let (sealed, tag) = ciphertext.split_last_chunk::<TAG>().ok_or(Error::Decrypt)?;
        let text = out.get_mut(..sealed.len()).ok_or(Error::Decrypt)?;
        copy(text, sealed);
        implementation::open(&self.key, nonce(counter), authtext, text, tag).ok_or(Error::Decrypt)?;
        Ok(text.len())
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use super::{NONCE, TAG};
    use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, Tag, UnboundKey};

    fn cipher(key: &[u8; 32]) -> Option<LessSafeKey> {
        UnboundKey::new(&CHACHA20_POLY1305, key).ok().map(LessSafeKey::new)
    }

    /// Encrypts in place; `None` only for texts of 256 GiB.
    pub(super) fn seal(key: &[u8; 32], nonce: [u8; NONCE], authtext: &[u8], text: &mut [u8]) -> Option<[u8; TAG]> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = cipher(key)?.seal_in_place_separate_tag(nonce, Aad::from(authtext), text).ok()?;
        tag.as_ref().try_into().ok()
    }

    /// Decrypts in place; `None`, with nothing of the text in the buffer, if the tag is wrong.
    pub(super) fn open(
        key: &[u8; 32],
        nonce: [u8; NONCE],
        authtext: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG],
    ) -> Option<()> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        cipher(key)?.open_in_place_separate_tag(nonce, Aad::from(authtext), Tag::from(*tag), text, 0..).ok().map(drop)
    }
}

#[cfg(any(target_arch = "wasm32", test))]
mod portable {
    use super::{NONCE, TAG};
    use chacha20poly1305::aead::AeadInOut;
    use chacha20poly1305::{ChaCha20Poly1305, KeyInit};

    /// As the native one.
    pub(super) fn seal(key: &[u8; 32], nonce: [u8; NONCE], authtext: &[u8], text: &mut [u8]) -> Option<[u8; TAG]> {
        let cipher = ChaCha20Poly1305::new(key.into());
        cipher.encrypt_inout_detached(&nonce.into(), authtext, text.into()).ok().map(Into::into)
    }

    /// As the native one.
    pub(super) fn open(
        key: &[u8; 32],
        nonce: [u8; NONCE],
        authtext: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG],
    ) -> Option<()> {
        let cipher = ChaCha20Poly1305::new(key.into());
        cipher.decrypt_inout_detached(&nonce.into(), authtext, text.into(), &(*tag).into()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_implementations_make_the_same_bytes_and_refuse_the_same(
            key: [u8; 32],
            counter: u64,
            authtext in prop::collection::vec(any::<u8>(), 0..40),
            text in prop::collection::vec(any::<u8>(), 0..2_000),
            flip: prop::sample::Index,
        ) {
            let nonce = nonce(counter);
            let (mut one, mut other) = (text.clone(), text.clone());
            let tag = native::seal(&key, nonce, &authtext, &mut one).unwrap();
            prop_assert_eq!(portable::seal(&key, nonce, &authtext, &mut other), Some(tag));
            prop_assert_eq!(&one, &other);
            for open in [native::open, portable::open] {
                let mut opened = one.clone();
                prop_assert_eq!(open(&key, nonce, &authtext, &mut opened, &tag), Some(()));
                prop_assert_eq!(&opened, &text);
                let mut harmed = [one.as_slice(), &tag].concat();
                let at = flip.index(8 * harmed.len());
                harmed[at / 8] ^= 1 << (at % 8);
                let (sealed, tag) = harmed.split_last_chunk_mut().unwrap();
                prop_assert_eq!(open(&key, nonce, &authtext, sealed, tag), None);
                prop_assert!(text.len() < 16 || sealed[..16] != text[..16], "what is not authentic was decrypted");
            }
        }
    }
}
