//! What follows from the content key, and the MAC of each reader (protocol, sections 6.1 and 6.2).

use super::body::Role;
use crate::hash::{Kdf, Secret32, kdf_salted, mac, tagged};
use crate::ids::{DeskNumber, EnvelopeId, Hash, OfficeId, SeatNumber};
use crate::keys::{AuthPublicKey, SharedSecret};
use crate::labels;
use crate::sizes::{BODY_OFFSET, HASH, SLOTS};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _};
use minicbor::Encoder;
use sha2::{Digest as _, Sha256};

/// Everything that follows from a content key.
pub(super) struct ContentKeys {
    pub(super) commitment: [u8; HASH],
    pub(super) mac_salt: Secret32,
    body: Secret32,
}

impl ContentKeys {
    pub(super) fn new(content_key: &Secret32) -> Self {
        let kdf = Kdf::new(content_key.as_slice());
        Self {
            commitment: *kdf.key(labels::COMMITMENT, &[]),
            mac_salt: kdf.key(labels::MAC_SALT, &[]),
            body: kdf.key(labels::BODY_KEY, &[]),
        }
    }

    /// The cipher of the body; its key is used once, with a nonce of zeros.
    pub(super) fn body_cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new((&*self.body).into())
    }

    /// `HKDF-SHA256(salt = mac salt, ikm = DH(sender, reader), info = tagged("cssr1 mac key") || u8(slot))`.
    pub(super) fn mac_key(&self, shared: &SharedSecret, slot: u8) -> Secret32 {
        kdf_salted(&self.mac_salt, shared.as_slice(), labels::MAC_KEY, &[&[slot]])
    }
}

/// `tagged("cssr1 body") || envelope id || envelope[0..9378]`.
pub(super) fn body_aad(id: &EnvelopeId, clear: &[u8; BODY_OFFSET]) -> Vec<u8> {
    let tag = tagged(labels::BODY);
    [tag.as_slice(), id.as_bytes(), clear].concat()
}

/// What a letter says and where it stands: the transcript without the reader and the slot (CDDL `transcript`).
pub(super) struct Statement<'a> {
    pub(super) role: Role,
    pub(super) sender: &'a AuthPublicKey,
    pub(super) seat: Option<SeatNumber>,
    pub(super) office: &'a OfficeId,
    pub(super) desk: DeskNumber,
    pub(super) directory: &'a Hash,
    /// Everything before the body: the commitment and all slots.
    pub(super) clear: &'a [u8; BODY_OFFSET],
    /// The slots that have a MAC.
    pub(super) named: [bool; SLOTS],
    pub(super) offline: bool,
    pub(super) contact: Option<&'a [u8]>,
    pub(super) id: &'a EnvelopeId,
    pub(super) message: &'a [u8],
}

/// The transcripts of a letter in pieces, so that its message is encoded once for all readers and never copied.
pub(super) struct Transcript<'a> {
    before_reader: Vec<u8>,
    before_slot: Vec<u8>,
    before_message: Vec<u8>,
    message: &'a [u8],
}

impl<'a> Transcript<'a> {
    pub(super) fn new(of: &Statement<'a>) -> Self {
        let Statement { role, sender, seat, office, desk, directory, clear, named, offline, contact, id, message } = of;
        let before_reader =
            cbor(|e| e.array(15)?.str(labels::TRANSCRIPT)?.encode(role)?.encode(sender)?.encode(seat)?.ok());
        let before_slot = cbor(|e| e.encode(office)?.encode(desk)?.ok());
        let clear: [u8; HASH] = Sha256::digest(clear).into();
        let before_message = cbor(|e| {
            e.u8(bits(*named))?.bytes(&clear)?.encode(directory)?.bool(*offline)?;
            match contact {
                Some(contact) => e.bytes(contact)?,
                None => e.null()?,
            };
            e.encode(id)?.bytes_len(message.len() as u64)?.ok()
        });
        Self { before_reader, before_slot, before_message, message }
    }

    /// `MAC(slot) = HMAC-SHA256(mac key(slot), transcript(slot))`.
    pub(super) fn mac(&self, key: &Secret32, reader: &AuthPublicKey, slot: u8) -> [u8; HASH] {
        let reader = cbor(|e| e.encode(reader)?.ok());
        let slot = cbor(|e| e.u8(slot)?.ok());
        mac(key, &[&self.before_reader, &reader, &self.before_slot, &slot, &self.before_message, self.message])
    }
}

/// Slot `i` as bit `i`.
fn bits(slots: [bool; SLOTS]) -> u8 {
    slots.into_iter().zip(0..).fold(0, |bits, (set, slot)| bits | u8::from(set) << slot)
}

type Never = std::convert::Infallible;

/// A piece of CBOR that is not a whole item. Writing it cannot fail.
fn cbor(write: impl FnOnce(&mut Encoder<Vec<u8>>) -> Result<(), minicbor::encode::Error<Never>>) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::with_capacity(64));
    let _ = write(&mut encoder);
    encoder.into_writer()
}
