//! What Noise is made of here: X25519 that refuses bad keys, ChaCha20-Poly1305 whose key is erased, and an ephemeral
//! key drawn beforehand from the caller's generator. Only SHA-256 is snow's own.

use crate::keys::below_field_prime;
use crate::sizes::TAG;
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use snow::Error;
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use std::cell::Cell;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Gives snow its parts for one handshake.
pub(super) struct Parts {
    ephemeral: Cell<Option<Drawn>>,
}

impl Parts {
    /// `ephemeral` becomes the private ephemeral key.
    pub(super) fn new(ephemeral: Zeroizing<[u8; 32]>) -> Self {
        Self { ephemeral: Cell::new(Some(Drawn(Some(ephemeral)))) }
    }
}

impl CryptoResolver for Parts {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        self.ephemeral.take().map(|drawn| Box::new(drawn) as Box<dyn Random>)
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        matches!(choice, DHChoice::Curve25519).then(|| Box::<X25519>::default() as Box<dyn Dh>)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        matches!(choice, CipherChoice::ChaChaPoly).then(|| Box::<ChaChaPoly>::default() as Box<dyn Cipher>)
    }
}

/// Randomness for exactly one key: a handshake draws no more.
struct Drawn(Option<Zeroizing<[u8; 32]>>);

impl Random for Drawn {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Error> {
        let drawn = self.0.take().ok_or(Error::Rng)?;
        if dest.len() != drawn.len() {
            return Err(Error::Rng);
        }
        dest.copy_from_slice(drawn.as_slice());
        Ok(())
    }
}

#[derive(Default, Zeroize, ZeroizeOnDrop)]
struct X25519 {
    private: [u8; 32],
    public: [u8; 32],
}

impl X25519 {
    fn secret(&self) -> x25519_dalek::StaticSecret {
        x25519_dalek::StaticSecret::from(self.private)
    }
}

impl Dh for X25519 {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        self.public.len()
    }

    fn priv_len(&self) -> usize {
        self.private.len()
    }

    fn set(&mut self, private: &[u8]) {
        // The one caller gives a `RelaySecretKey`; anything shorter would leave zeros, never panic.
        self.private.iter_mut().zip(private).for_each(|(to, from)| *to = *from);
        self.public = x25519_dalek::PublicKey::from(&self.secret()).to_bytes();
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), Error> {
        rng.try_fill_bytes(&mut self.private)?;
        self.public = x25519_dalek::PublicKey::from(&self.secret()).to_bytes();
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        &self.public
    }

    fn privkey(&self) -> &[u8] {
        &self.private
    }

    /// Refuses keys that are not canonical, and results that are all zero.
    fn dh(&self, public: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let public: &[u8; 32] = public.first_chunk().ok_or(Error::Dh)?;
        let shared = self.secret().diffie_hellman(&x25519_dalek::PublicKey::from(*public));
        if !below_field_prime(public, 0) || !shared.was_contributory() {
            return Err(Error::Dh);
        }
        out.first_chunk_mut().ok_or(Error::Dh).map(|out: &mut [u8; 32]| *out = *shared.as_bytes())
    }
}

#[derive(Default, Zeroize, ZeroizeOnDrop)]
struct ChaChaPoly {
    key: [u8; 32],
}

impl ChaChaPoly {
    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&self.key.into())
    }
}

/// Four zero bytes and the little-endian counter (Noise, section 12.3).
fn nonce(counter: u64) -> chacha20poly1305::Nonce {
    let mut nonce = [0; 12];
    nonce.iter_mut().skip(4).zip(counter.to_le_bytes()).for_each(|(to, from)| *to = from);
    nonce.into()
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
            let buffer = InOutBuf::new(plaintext, text).expect("equal lengths");
            let made = self.cipher().encrypt_inout_detached(&nonce(counter), authtext, buffer).expect("short text");
            *tag.first_chunk_mut::<TAG>().expect("room for the tag") = made.into();
        }
        size
    }

    fn decrypt(&self, counter: u64, authtext: &[u8], ciphertext: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let (text, tag) = ciphertext.split_last_chunk::<TAG>().ok_or(Error::Decrypt)?;
        let out = out.get_mut(..text.len()).ok_or(Error::Decrypt)?;
        let buffer = InOutBuf::new(text, out).map_err(|_| Error::Decrypt)?;
        self.cipher()
            .decrypt_inout_detached(&nonce(counter), authtext, buffer, &(*tag).into())
            .map_err(|_| Error::Decrypt)?;
        Ok(text.len())
    }
}
