//! One chunk, sealed and opened.

use super::{BurnKeys, SealedChunk};
use crate::envelope::{CHUNK_SUITE, Envelope, VERSION};
use crate::hash::{Kdf, Secret32, mac, tagged};
use crate::ids::EnvelopeId;
use crate::keys::ParcelKey;
use crate::labels;
use crate::sizes::{CHUNK_NONCE, CHUNK_PIECE, ENVELOPE_ID, ENVELOPE_PREFIX};
use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut as _, KeyInit as _, Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

const PREFIX: [u8; ENVELOPE_PREFIX] = [VERSION, CHUNK_SUITE];

/// The three keys that follow from a parcel key.
pub(super) struct ChunkKeys {
    cipher: Secret32,
    nonce: Secret32,
    id: Secret32,
}

impl std::fmt::Debug for ChunkKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cipher: _, nonce: _, id: _ } = self;
        f.write_str("ChunkKeys(..)")
    }
}

impl ChunkKeys {
    pub(super) fn new(key: &ParcelKey) -> Self {
        let kdf = Kdf::new(key.expose());
        Self {
            cipher: kdf.key(labels::CHUNK_KEY, &[]),
            nonce: kdf.key(labels::CHUNK_NONCE, &[]),
            id: kdf.key(labels::CHUNK_ID, &[]),
        }
    }

    pub(super) fn id(&self, index: u64) -> EnvelopeId {
        EnvelopeId(first(mac(&self.id, &[&index.to_be_bytes()])))
    }

    /// Seals at most 16,214 bytes; what is missing is zeros.
    ///
    /// ```text
    /// offset  size    field
    /// 0       1       version = 1
    /// 1       1       suite = 2
    /// 2       24      nonce
    /// 26      16,214  ciphertext
    /// 16,240  16      tag
    /// ```
    pub(super) fn seal(&self, index: u64, count: u64, piece: &[u8], burn: &BurnKeys) -> SealedChunk {
        let id = self.id(index);
        let mut envelope = Envelope::zeros();
        {
            let Sections { prefix, nonce, ciphertext, tag } = Sections::of(envelope.as_mut_bytes());
            prefix.copy_from_slice(&PREFIX);
            for (to, from) in ciphertext.iter_mut().zip(piece) {
                *to = *from;
            }
            // From the content, so that a changed file under the same parcel key never repeats a nonce.
            *nonce = first(mac(&self.nonce, &[&position(index, count), ciphertext.as_slice()]));
            #[expect(clippy::expect_used, reason = "the cipher takes up to 256 GiB")]
            let sealed = XChaCha20Poly1305::new((&*self.cipher).into())
                .encrypt_inout_detached(
                    &XNonce::from(*nonce),
                    &aad(&id, index, count),
                    ciphertext.as_mut_slice().into(),
                )
                .expect("a chunk is within the cipher's limit");
            tag.copy_from_slice(&sealed);
        }
        SealedChunk { id, burn_hash: burn.key(index).hash(), envelope }
    }

    /// Opens a chunk of which the first `length` bytes are the file's and all others zero.
    pub(super) fn open(
        &self,
        index: u64,
        count: u64,
        length: usize,
        envelope: &Envelope,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let (prefix, rest) = envelope.as_bytes().split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk::<CHUNK_NONCE>()?;
        let (ciphertext, tag) = rest.split_first_chunk::<CHUNK_PIECE>()?;
        let tag = Tag::try_from(tag).ok()?;
        if *prefix != PREFIX {
            return None;
        }
        let mut piece = Zeroizing::new(vec![0; CHUNK_PIECE]);
        let buffer = InOutBuf::new(ciphertext.as_slice(), piece.as_mut_slice()).ok()?;
        XChaCha20Poly1305::new((&*self.cipher).into())
            .decrypt_inout_detached(&XNonce::from(*nonce), &aad(&self.id(index), index, count), buffer, &tag)
            .ok()?;
        let (_, padding) = piece.split_at_checked(length)?;
        if padding.iter().any(|byte| *byte != 0) {
            return None;
        }
        piece.truncate(length);
        Some(piece)
    }
}

/// The parts of an envelope that is being made.
struct Sections<'e> {
    prefix: &'e mut [u8; ENVELOPE_PREFIX],
    nonce: &'e mut [u8; CHUNK_NONCE],
    ciphertext: &'e mut [u8; CHUNK_PIECE],
    tag: &'e mut [u8],
}

impl<'e> Sections<'e> {
    #[expect(clippy::expect_used, reason = "the sizes are constants whose sum is the envelope")]
    fn of(envelope: &'e mut [u8; crate::sizes::ENVELOPE]) -> Self {
        let (prefix, rest) = envelope.split_first_chunk_mut().expect("sizes add up");
        let (nonce, rest) = rest.split_first_chunk_mut().expect("sizes add up");
        let (ciphertext, tag) = rest.split_first_chunk_mut().expect("sizes add up");
        Self { prefix, nonce, ciphertext, tag }
    }
}

/// `position = u64(index) || u64(count)`.
fn position(index: u64, count: u64) -> [u8; 16] {
    (u128::from(index) << 64 | u128::from(count)).to_be_bytes()
}

/// `aad = tagged("cssr1 chunk") || envelope[0..2] || id || position`.
fn aad(id: &EnvelopeId, index: u64, count: u64) -> Vec<u8> {
    let mut out = tagged(labels::CHUNK);
    out.extend_from_slice(&PREFIX);
    out.extend_from_slice(id.as_bytes());
    out.extend_from_slice(&position(index, count));
    out
}

/// The first `N` bytes, `N` being 16 or 24.
fn first<const N: usize>(hash: [u8; 32]) -> [u8; N] {
    const { assert!(N == ENVELOPE_ID || N == CHUNK_NONCE) };
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(hash) {
        *to = from;
    }
    out
}
