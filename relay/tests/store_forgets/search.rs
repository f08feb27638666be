//! Looking for things in the bytes of a disk.

use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha2::Sha256;
use std::collections::HashSet;

const SECTOR: usize = 512;
const RECORD: usize = 16_384;
/// Bytes before the body of a record.
const HEADER: usize = 128;
const NONCE: usize = 24;
/// Where the sealed part of a record's header begins, after the marks, and how long it is.
const SEALED: usize = 40;
const PLAIN: usize = 72;
/// Bytes of an index that are looked at.
const INDEX: usize = 16_384;

/// Pieces of 16 bytes to look for, wherever they begin.
#[derive(Clone, Default)]
pub struct Needles {
    all: HashSet<[u8; 16]>,
    /// A bit for each beginning of three bytes, so that most of a disk is passed over quickly.
    beginnings: Vec<u64>,
}

impl Needles {
    pub fn add(&mut self, needle: [u8; 16]) {
        self.beginnings.resize(1 << 18, 0);
        let beginning = beginning(&needle);
        self.beginnings[beginning / 64] |= 1 << (beginning % 64);
        self.all.insert(needle);
    }

    /// Adds a piece of each sector, and with it of any longer piece.
    pub fn add_pieces(&mut self, bytes: &[u8]) {
        bytes.chunks(SECTOR).filter_map(|sector| sector.first_chunk()).for_each(|piece| self.add(*piece));
    }

    pub fn found_in<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = [u8; 16]> + 'a {
        // What is blank holds nothing, and is most of a disk.
        let parts = (0..bytes.len()).step_by(SECTOR).map(|at| &bytes[at..bytes.len().min(at + SECTOR + 15)]);
        let written = parts.filter(|part| part.iter().any(|byte| *byte != 0));
        written.flat_map(|part| part.windows(16)).filter_map(|window| {
            let at = beginning(window);
            let may_be = self.beginnings.get(at / 64).is_some_and(|bits| bits >> (at % 64) & 1 == 1);
            window.try_into().ok().filter(|window| may_be && self.all.contains(window))
        })
    }

    pub fn count_in(&self, bytes: &[u8]) -> usize {
        self.found_in(bytes).count()
    }
}

fn beginning(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2])
}

/// Keys of days: for bodies, and for everything else.
pub type Keys = Vec<([u8; 32], [u8; 32])>;

/// Every key that is framed as one, anywhere on a disk: also where its file is gone.
pub fn keys_on(disk: &[u8]) -> Keys {
    let mut keys = Keys::new();
    for offset in (0..disk.len()).step_by(SECTOR) {
        let Some((framed, rest)) = disk[offset..].split_first_chunk::<68>() else { continue };
        if framed[..4] == 64u32.to_be_bytes() && rest.starts_with(&cssr_proto::sha256(framed)) {
            let (other, bodies) = (framed[4..36].try_into().unwrap(), framed[36..].try_into().unwrap());
            if !keys.contains(&(bodies, other)) && !framed[4..].starts_with(b"this key was destroyed") {
                keys.push((bodies, other));
            }
        }
    }
    keys
}

/// What a sector would say if a record, a mark or an index began there and a certain key were its day's.
pub struct Block<'a> {
    pub offset: usize,
    pub nonce: [u8; NONCE],
    /// The first bytes of a body, whether or not its header is there.
    pub body: [u8; 16],
    pub id_of_record: [u8; 16],
    pub id_of_mark: [u8; 16],
    /// The whole body of what has the header of a record.
    pub record: Option<Vec<u8>>,
    /// The sealed bytes of that record.
    pub sealed: &'a [u8],
    /// What may be the beginning of an index.
    pub index: Option<Vec<u8>>,
}

/// Every sector that is not blank, under every key.
pub fn opened<'a>(disk: &'a [u8], keys: &'a Keys) -> impl Iterator<Item = Block<'a>> + 'a {
    let sectors = (0..disk.len().saturating_sub(HEADER + 16)).step_by(SECTOR);
    let written = sectors.filter(|offset| disk[*offset..*offset + NONCE] != [0; NONCE]);
    written.flat_map(move |offset| {
        keys.iter().map(move |(bodies, other)| {
            let nonce: [u8; NONCE] = disk[offset..offset + NONCE].try_into().unwrap();
            let until = |length: usize| disk.len().min(offset + length);
            // What a record says of itself, its id, a hash, a tag, and zeros; an index begins with the number of its batches.
            let header: [u8; PLAIN] = unsealed(other, &nonce, &disk[offset + SEALED..]);
            let beginning: [u8; 16] = unsealed(other, &nonce, &disk[offset + NONCE..]);
            let is_record = header[65..] == [0; 7];
            let may_be_index = beginning[..3] == [0; 3] && !is_record;
            Block {
                offset,
                nonce,
                body: unsealed(bodies, &nonce, &disk[offset + HEADER..]),
                id_of_record: header[1..17].try_into().unwrap(),
                id_of_mark: beginning,
                record: is_record.then(|| unsealed_all(bodies, &nonce, &disk[offset + HEADER..until(RECORD)])),
                sealed: &disk[offset..until(RECORD)],
                index: may_be_index.then(|| unsealed_all(other, &nonce, &disk[offset + NONCE..until(INDEX)])),
            }
        })
    })
}

/// The first bytes of what was sealed, whether or not the rest of it is there.
fn unsealed<const N: usize>(key: &[u8; 32], nonce: &[u8; NONCE], sealed: &[u8]) -> [u8; N] {
    unsealed_all(key, nonce, &sealed[..N]).try_into().unwrap()
}

fn unsealed_all(key: &[u8; 32], nonce: &[u8; NONCE], sealed: &[u8]) -> Vec<u8> {
    // To seal once more is to open: the cipher adds the same stream. Only the tag would tell whether all of it is there.
    let mut plain = sealed.to_vec();
    let mac =
        Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(b"cssr-relay journal 2 key").chain_update(nonce);
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &mac.finalize().into_bytes()).unwrap());
    let _tag =
        cipher.seal_in_place_separate_tag(Nonce::assume_unique_for_key([0; 12]), Aad::empty(), &mut plain).unwrap();
    plain
}
