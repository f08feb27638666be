//! The envelope: what the relay stores, always 16,256 bytes (protocol, sections 6 and 9).

use crate::cbor::Malformed;
use crate::copy::append;
use crate::sizes::{ENVELOPE, LARGE_FRAME};

/// The first byte of every envelope.
pub(crate) const VERSION: u8 = 1;
/// The second byte of a letter: X-Wing, HKDF-SHA256, ChaCha20-Poly1305.
pub(crate) const LETTER_SUITE: u8 = 1;
/// The second byte of a chunk: XChaCha20-Poly1305.
pub(crate) const CHUNK_SUITE: u8 = 2;

/// A sealed letter or chunk: 16,256 bytes that say nothing to whoever has no key.
///
/// There is room before it for the header of a large frame, or of a record on a relay's disk, so that it becomes either where
/// it lies: 128 bytes whose value is nobody's concern.
#[derive(Clone)]
pub struct Envelope(Box<[u8; LARGE_FRAME]>);

impl Envelope {
    /// Takes bytes of the right size; nothing else about them is checked.
    ///
    /// # Errors
    /// Not 16,256 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() != ENVELOPE {
            return Err(Malformed("envelope"));
        }
        let mut buffer = Vec::with_capacity(LARGE_FRAME);
        buffer.resize(LARGE_FRAME - ENVELOPE, 0);
        append(&mut buffer, bytes);
        Self::from_buffer(buffer.into())
    }

    /// Takes the last 16,256 bytes of a buffer of 16,384.
    ///
    /// # Errors
    /// A buffer of another size.
    pub fn from_buffer(buffer: Box<[u8]>) -> Result<Self, Malformed> {
        buffer.try_into().map(Self).map_err(|_| Malformed("envelope"))
    }

    /// The envelope after 128 bytes of any value.
    #[must_use]
    pub fn into_buffer(self) -> Box<[u8; LARGE_FRAME]> {
        self.0
    }

    /// All bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; ENVELOPE] {
        // Always there: the buffer is longer.
        self.0.last_chunk().unwrap_or(&[0; ENVELOPE])
    }

    pub(crate) fn zeros() -> Self {
        Self(Box::new([0; LARGE_FRAME]))
    }

    pub(crate) fn as_mut_bytes(&mut self) -> &mut [u8; ENVELOPE] {
        #[expect(clippy::expect_used, reason = "the buffer is longer")]
        self.0.last_chunk_mut().expect("an envelope lies in its buffer")
    }
}

impl PartialEq for Envelope {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Envelope {}

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
        e.bytes(self.as_bytes())?.ok()
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
    fn what_lies_before_an_envelope_does_not_count() {
        let mut buffer = vec![7; LARGE_FRAME].into_boxed_slice();
        buffer[..LARGE_FRAME - ENVELOPE].fill(1);
        let envelope = Envelope::from_buffer(buffer.clone()).unwrap();
        assert!(envelope == Envelope::from_slice(&[7; ENVELOPE]).unwrap());
        assert!(envelope.into_buffer().as_slice() == &*buffer);
        buffer[LARGE_FRAME - ENVELOPE] = 8;
        assert!(Envelope::from_buffer(buffer).unwrap() != Envelope::from_slice(&[7; ENVELOPE]).unwrap());
        for size in [0, ENVELOPE, LARGE_FRAME - 1, LARGE_FRAME + 1] {
            assert!(Envelope::from_buffer(vec![0; size].into_boxed_slice()).is_err(), "{size}");
        }
    }

    #[test]
    fn an_envelope_is_not_shown() {
        assert_eq!(format!("{:?}", Envelope::zeros()), "Envelope(..)");
    }
}
