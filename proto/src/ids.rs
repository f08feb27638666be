//! Names made of bytes: offices, envelopes, hashes, and the numbers of desks, seats and couriers.

use crate::cbor::{Number, byte_id};
use crate::sizes::ENVELOPE_ID;

byte_id! {
    /// The fingerprint of an office's first card; it never changes (protocol, section 3).
    OfficeId, 16
}
byte_id! {
    /// The id of an envelope. For replies it is a clue, otherwise random (protocol, section 8).
    ///
    /// It has no `Debug` that shows it: an id in a log would tie a person's visit to an envelope.
    EnvelopeId, ENVELOPE_ID
}
byte_id! {
    /// A SHA-256 hash of something public: a statement, a directory, a batch, a page.
    Hash, 32
}

impl std::fmt::Debug for EnvelopeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EnvelopeId(..)")
    }
}

macro_rules! debug_as_hex {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    )*};
}
debug_as_hex!(OfficeId, Hash);

impl EnvelopeId {
    /// A random id, for everything but replies and receipts.
    pub fn random<R: rand_core::CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut id = [0; ENVELOPE_ID];
        rng.fill_bytes(&mut id);
        Self(id)
    }
}

/// A desk of an office, 0 to 15.
pub type DeskNumber = Number<0, 15>;
/// A seat of a desk, 0 to 6.
pub type SeatNumber = Number<0, 6>;
/// A courier of an office, 0 to 255.
pub type CourierNumber = Number<0, 255>;
