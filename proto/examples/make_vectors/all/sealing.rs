//! A workshop that seals letters (sections 6.1 and 6.2), honest ones and others.

use super::cbor::{array, bytes, map, null, text, truth, uint};
use super::kit::{Key, Script, dh, h, hkdf, kdf, mac, noise, seed, sha256, tagged, x_wing, x25519};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce};
use hpke::kem::XWing;
use hpke::{Deserializable as _, Kem, OpModeS, Serializable as _};

/// Body bytes before sealing.
const PLAIN_BODY: usize = 6_862;

/// Who can open a slot.
#[derive(Clone, Copy)]
pub(crate) struct Reader {
    /// Its X25519 private key.
    pub(crate) auth: Key,
    /// Its X-Wing seed.
    pub(crate) x_wing: Key,
}

/// A letter before it is sealed.
#[derive(Clone)]
pub(crate) struct Letter {
    /// What keys and randomness follow from.
    pub(crate) name: String,
    pub(crate) id: [u8; 16],
    pub(crate) readers: [Option<Reader>; 8],
    pub(crate) sender: Key,
    pub(crate) role: u32,
    pub(crate) office: [u8; 16],
    pub(crate) desk: u32,
    pub(crate) seat: Option<u32>,
    pub(crate) directory: Key,
    pub(crate) offline: bool,
    pub(crate) contact: Option<Vec<u8>>,
    /// Compressed.
    pub(crate) message: Vec<u8>,
}

/// What came of it, and on the way.
#[derive(Clone)]
pub(crate) struct Sealed {
    pub(crate) version: u8,
    pub(crate) suite: u8,
    pub(crate) content_key: Key,
    pub(crate) commitment: Key,
    pub(crate) slots: Vec<Vec<u8>>,
    /// The X-Wing seed that opens each slot.
    pub(crate) seeds: Vec<Key>,
    pub(crate) encapsulations: Vec<Vec<u8>>,
    /// Length, body, zeros.
    pub(crate) plain: Vec<u8>,
}

/// What is in a body.
#[derive(Clone)]
pub(crate) struct Body {
    pub(crate) role: u32,
    pub(crate) office: [u8; 16],
    pub(crate) desk: u32,
    pub(crate) seat: Option<u32>,
    pub(crate) sender: Vec<u8>,
    pub(crate) directory: Key,
    pub(crate) offline: bool,
    pub(crate) contact: Option<Vec<u8>>,
    pub(crate) macs: Vec<Option<Key>>,
    pub(crate) message: Vec<u8>,
}

/// Raw DEFLATE.
pub(crate) fn deflate(message: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec(message, 6)
}

impl Letter {
    pub(crate) fn content_key(&self) -> Key {
        seed(&format!("content key of {}", self.name))
    }

    fn throw_away(&self) -> Key {
        seed(&format!("throw-away key of {}", self.name))
    }

    pub(crate) fn mac_salt(&self) -> Key {
        kdf(&self.content_key(), "cssr1 mac salt", b"")
    }

    /// The MAC key of a slot for the reader with this public key.
    pub(crate) fn mac_key(&self, reader: &Key, slot: u8) -> Key {
        hkdf(&self.mac_salt(), &dh(&self.sender, reader), "cssr1 mac key", &[slot])
    }

    /// `SHA-256(envelope[0..9378])`.
    pub(crate) fn clear_hash(&self) -> Key {
        sha256(&self.seal_body(&[]).clear())
    }

    /// The input of a slot's MAC.
    pub(crate) fn transcript(&self, reader: &Key, slot: u8, clear_hash: &Key) -> Vec<u8> {
        let readers = (0..8).filter(|slot| self.readers[*slot].is_some()).map(|slot| 1_u32 << slot).sum::<u32>();
        array(&[
            text("cssr1 transcript"),
            uint(self.role),
            bytes(&x25519(&self.sender)),
            self.seat.map_or_else(null, uint),
            bytes(reader),
            bytes(&self.office),
            uint(self.desk),
            uint(slot),
            uint(readers),
            bytes(clear_hash),
            bytes(&self.directory),
            truth(self.offline),
            self.contact.as_deref().map_or_else(null, bytes),
            bytes(&self.id),
            bytes(&self.message),
        ])
    }

    pub(crate) fn mac(&self, slot: u8, clear_hash: &Key) -> Option<Key> {
        let reader = x25519(&self.readers[usize::from(slot)]?.auth);
        Some(mac(&self.mac_key(&reader, slot), &self.transcript(&reader, slot, clear_hash)))
    }

    pub(crate) fn body(&self) -> Body {
        let clear_hash = self.clear_hash();
        Body {
            role: self.role,
            office: self.office,
            desk: self.desk,
            seat: self.seat,
            sender: x25519(&self.sender).to_vec(),
            directory: self.directory,
            offline: self.offline,
            contact: self.contact.clone(),
            macs: (0..8).map(|slot| self.mac(slot, &clear_hash)).collect(),
            message: self.message.clone(),
        }
    }

    /// Seals it as it is.
    pub(crate) fn seal(&self) -> Sealed {
        self.seal_body(&self.body().cbor())
    }

    /// Seals another body.
    pub(crate) fn seal_body(&self, body: &[u8]) -> Sealed {
        let seeds: Vec<Key> = self.readers.iter().map(|r| r.map_or(self.throw_away(), |r| r.x_wing)).collect();
        let encapsulations: Vec<Vec<u8>> =
            (0..8).map(|slot| noise(&format!("encapsulation of {}, slot {slot}", self.name), 64)).collect();
        let slot = |number: usize| {
            seal_slot(&seeds[number], &self.slot_info(number as u8), &self.content_key(), &encapsulations[number])
        };
        Sealed {
            version: 1,
            suite: 1,
            content_key: self.content_key(),
            commitment: kdf(&self.content_key(), "cssr1 commitment", b""),
            slots: (0..8).map(slot).collect(),
            seeds,
            encapsulations,
            plain: plain(body),
        }
    }

    pub(crate) fn slot_info(&self, slot: u8) -> Vec<u8> {
        [&tagged("cssr1 slot")[..], &[1, 1], &self.id, &[slot]].concat()
    }
}

/// A slot for the reader with this X-Wing seed.
pub(crate) fn seal_slot(reader: &Key, info: &[u8], content_key: &Key, encapsulation: &[u8]) -> Vec<u8> {
    let key = <XWing as Kem>::PublicKey::from_bytes(&x_wing(reader)).unwrap();
    let mut script = Script(encapsulation.to_vec());
    let (enc, wrapped) = hpke::single_shot_seal_with_rng::<hpke::aead::ChaCha20Poly1305, hpke::kdf::HkdfSha256, XWing>(
        &OpModeS::Base,
        &key,
        info,
        content_key,
        b"",
        &mut script,
    )
    .unwrap();
    assert!(script.0.is_empty());
    [&enc.to_bytes()[..], &wrapped].concat()
}

/// `u16(length) || body || zeros`.
pub(crate) fn plain(body: &[u8]) -> Vec<u8> {
    let mut plain = [&(body.len() as u16).to_be_bytes()[..], body].concat();
    assert!(plain.len() <= PLAIN_BODY, "{}", plain.len());
    plain.resize(PLAIN_BODY, 0);
    plain
}

impl Body {
    pub(crate) fn cbor(&self) -> Vec<u8> {
        let macs: Vec<_> = self.macs.iter().map(|mac| mac.map_or_else(null, |mac| bytes(&mac))).collect();
        map(&[
            (0, Some(uint(self.role))),
            (1, Some(bytes(&self.office))),
            (2, Some(uint(self.desk))),
            (3, self.seat.map(uint)),
            (4, Some(bytes(&self.sender))),
            (5, Some(bytes(&self.directory))),
            (6, Some(truth(self.offline))),
            (7, self.contact.as_deref().map(bytes)),
            (8, Some(array(&macs))),
            (9, Some(bytes(&self.message))),
        ])
    }
}

impl Sealed {
    /// Everything before the body.
    fn clear(&self) -> Vec<u8> {
        [&[self.version, self.suite][..], &self.commitment, &self.slots.concat()].concat()
    }

    /// The envelope, its body bound to an id.
    pub(crate) fn envelope(&self, id: &[u8; 16]) -> Vec<u8> {
        let clear = self.clear();
        let aad = [&tagged("cssr1 body")[..], id, &clear].concat();
        let key = kdf(&self.content_key, "cssr1 body key", b"");
        let payload = Payload { msg: &self.plain, aad: &aad };
        let body = ChaCha20Poly1305::new(&key.into()).encrypt(&Nonce::default(), payload).unwrap();
        [clear, body].concat()
    }
}

/// The id of a reply: a clue.
pub(crate) fn clue(shared: &Key, contact_secret: &Key, desk: u32, seat: u32, nonce: [u8; 8]) -> [u8; 16] {
    let tag = mac(&clue_key(shared, contact_secret, desk, seat), &nonce);
    [&nonce[..], &tag[..8]].concat().try_into().unwrap()
}

pub(crate) fn clue_key(shared: &Key, contact_secret: &Key, desk: u32, seat: u32) -> Key {
    kdf(&[*shared, *contact_secret].concat(), "cssr1 clue", &[desk as u8, seat as u8])
}

/// An id that is no clue.
pub(crate) fn random_id(name: &str) -> [u8; 16] {
    *h("envelope id of a test vector", name.as_bytes()).first_chunk().unwrap()
}
