//! Looking for things in the bytes of a disk.

use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use std::collections::HashSet;

const SECTOR: usize = 512;
/// Bytes before the body of a record.
const HEADER: usize = 128;
const NONCE: usize = 24;

/// Pieces of 16 bytes to look for, wherever they begin.
#[derive(Default)]
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

    pub fn count_in(&self, disk: &[u8]) -> usize {
        let mut found = 0;
        for window in disk.windows(16) {
            let at = beginning(window);
            if self.beginnings[at / 64] >> (at % 64) & 1 == 1 && self.all.contains(window) {
                found += 1;
            }
        }
        found
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

/// What a sector would say if a record or a mark began there and a certain key were its day's.
pub struct Block {
    pub offset: usize,
    pub nonce: [u8; NONCE],
    pub body: [u8; 16],
    pub id_of_record: [u8; 16],
    pub id_of_mark: [u8; 16],
}

/// Every sector that is not blank, under every key.
pub fn opened<'a>(disk: &'a [u8], keys: &'a Keys) -> impl Iterator<Item = Block> + 'a {
    let sectors = (0..disk.len().saturating_sub(HEADER + 16)).step_by(SECTOR);
    let written = sectors.filter(|offset| disk[*offset..*offset + NONCE] != [0; NONCE]);
    written.flat_map(move |offset| {
        keys.iter().map(move |(bodies, other)| {
            let nonce: [u8; NONCE] = disk[offset..offset + NONCE].try_into().unwrap();
            // What a record says of itself comes first, then its id.
            let header = unsealed::<17>(other, &nonce, &disk[offset + NONCE..]);
            Block {
                offset,
                nonce,
                body: unsealed(bodies, &nonce, &disk[offset + HEADER..]),
                id_of_record: header[1..].try_into().unwrap(),
                id_of_mark: *header.first_chunk().unwrap(),
            }
        })
    })
}

/// The first bytes of what was sealed, whether or not the rest of it is there.
fn unsealed<const N: usize>(key: &[u8; 32], nonce: &[u8; NONCE], sealed: &[u8]) -> [u8; N] {
    // Zeros sealed are the key stream.
    let mut stream = [0; N];
    let cipher = XChaCha20Poly1305::new(key.into());
    cipher.encrypt_inout_detached(&XNonce::from(*nonce), b"", stream.as_mut_slice().into()).unwrap();
    std::array::from_fn(|i| stream[i] ^ sealed[i])
}
