//! The envelope: what the relay stores, always 16,256 bytes (protocol, sections 6 and 9).

use crate::cbor::Malformed;
use crate::sizes::ENVELOPE;

/// The first byte of every envelope.
pub(crate) const VERSION: u8 = 1;
/// The second byte of a letter: X-Wing, HKDF-SHA256, ChaCha20-Poly1305.
pub(crate) const LETTER_SUITE: u8 = 1;
/// The second byte of a chunk: XChaCha20-Poly1305.
pub(crate) const CHUNK_SUITE: u8 = 2;

/// A sealed letter or chunk: 16,256 bytes that say nothing to whoever has no key.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope(Box<[u8; ENVELOPE]>);

impl Envelope {
    /// Takes bytes of the right size; nothing else about them is checked.
    ///
    /// # Errors
    /// Not 16,256 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Malformed> {
        Box::<[u8]>::from(bytes).try_into().map(Self).map_err(|_| Malformed("envelope"))
    }

    /// All bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; ENVELOPE] {
        &self.0
    }

    pub(crate) fn zeros() -> Self {
        Self(Box::new([0; ENVELOPE]))
    }

    pub(crate) const fn as_mut_bytes(&mut self) -> &mut [u8; ENVELOPE] {
        &mut self.0
    }
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(_) = self;
        f.write_str("Envelope(..)")
    }
}

impl<C> minicbor::Encode<C> for Envelope {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(self.0.as_slice())?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Envelope {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::from_slice(d.bytes()?).map_err(|_| minicbor::decode::Error::message("wrong length"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_has_exactly_one_size() {
        for size in [0, 1, ENVELOPE - 1, ENVELOPE + 1] {
            assert!(Envelope::from_slice(&vec![0; size]).is_err(), "{size}");
        }
        assert!(Envelope::from_slice(&[7; ENVELOPE]).is_ok_and(|e| e.as_bytes() == &[7; ENVELOPE]));
    }

    #[test]
    fn an_envelope_is_not_shown() {
        assert_eq!(format!("{:?}", Envelope::zeros()), "Envelope(..)");
    }
}
