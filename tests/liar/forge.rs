//! Statements that nobody here could make with the types of `cssr-proto`: notes of couriers who help the relay.

use crate::shown::Shown;
use crate::truth::Truth;
use cssr_proto::keys::CourierKey;
use cssr_proto::{Day, Hash, Note, OfficeId};
use cssr_tests::office::TODAY;
use ed25519_dalek::{Signer as _, SigningKey};
use minicbor::Encoder;
use minicbor::bytes::ByteVec;

/// A directory's parts: CDDL `directory`.
pub struct Parts {
    pub roster: Vec<u8>,
    pub seat_keys: Vec<Vec<u8>>,
    pub prekeys: Vec<Vec<u8>>,
}

/// The directory with its parts changed.
pub fn altered(directory: &[u8], change: impl FnOnce(&mut Parts)) -> Vec<u8> {
    let (roster, seat_keys, prekeys): (ByteVec, Vec<ByteVec>, Vec<ByteVec>) = minicbor::decode(directory).unwrap();
    let plain = |list: Vec<ByteVec>| list.into_iter().map(Vec::from).collect();
    let mut parts = Parts { roster: roster.into(), seat_keys: plain(seat_keys), prekeys: plain(prekeys) };
    change(&mut parts);
    let wrapped = |list: Vec<Vec<u8>>| list.into_iter().map(ByteVec::from).collect::<Vec<_>>();
    minicbor::to_vec((ByteVec::from(parts.roster), wrapped(parts.seat_keys), wrapped(parts.prekeys))).unwrap()
}

/// A note of any content.
pub struct Forged<'a> {
    truth: &'a Truth,
    directory: Vec<u8>,
    pub note: Note,
}

/// A note with signatures.
pub struct SignedNote {
    directory: Vec<u8>,
    pub bytes: Vec<u8>,
}

impl<'a> Forged<'a> {
    /// Today's note, but for the directory's bytes.
    pub fn naming(truth: &'a Truth, directory: &[u8]) -> Self {
        let note = Note {
            office: truth.office.roster().office(),
            day: TODAY,
            serial: 2,
            directory: hash(directory),
            head: truth.vouched(),
            notice: None,
        };
        Self { truth, directory: directory.to_vec(), note }
    }

    /// Changes what it says.
    pub fn saying(mut self, change: impl FnOnce(&mut Note)) -> Self {
        change(&mut self.note);
        self
    }

    /// Signed by couriers with the keys that the office has given them.
    pub fn sign(self, couriers: &[u8]) -> SignedNote {
        let keys: Vec<_> = couriers.iter().map(|n| (*n, self.truth.office.courier_key(*n))).collect();
        self.sign_with(&keys)
    }

    /// Signed with these keys, as these couriers.
    pub fn sign_with(self, keys: &[(u8, CourierKey)]) -> SignedNote {
        let Self { truth: _, directory, note } = self;
        let payload = minicbor::to_vec(&note).unwrap();
        let mut e = Encoder::new(Vec::new());
        e.array(2).unwrap().bytes(&payload).unwrap().array(keys.len() as u64).unwrap();
        for (n, key) in keys {
            let signature = SigningKey::from_bytes(key.expose()).sign(&input(note.office, *n, note.day, &payload));
            e.array(2).unwrap().u8(*n).unwrap().bytes(&signature.to_bytes()).unwrap();
        }
        SignedNote { directory, bytes: e.into_writer() }
    }
}

impl SignedNote {
    pub fn show(self, shown: &mut Shown) {
        (shown.directory, shown.note) = (self.directory, self.bytes);
    }
}

/// CDDL `signature-input` of courier `n`, which is of seat `n` of desk 0.
fn input(office: OfficeId, n: u8, day: Day, payload: &[u8]) -> Vec<u8> {
    let mut e = Encoder::new(Vec::new());
    e.array(9).unwrap().str("cssr1 note").unwrap().bytes(&office.0).unwrap().str("courier").unwrap();
    e.str(&format!("courier {n}")).unwrap().u8(0).unwrap().u8(n).unwrap();
    e.u32(day.0).unwrap().u32(day.0).unwrap().bytes(payload).unwrap();
    e.into_writer()
}

fn hash(directory: &[u8]) -> Hash {
    let label = "cssr1 directory";
    let tagged = [&[label.len() as u8], label.as_bytes(), directory].concat();
    Hash(cssr_proto::sha256(&tagged))
}
