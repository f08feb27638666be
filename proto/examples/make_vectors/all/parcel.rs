//! Parcels: chunks, bookmarks, burning, padding (section 9).

use super::case::Case;
use super::cbor::{bytes, map, uint};
use super::kit::{Key, kdf, mac, noise, seed, sha256, tagged};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};

/// File bytes in a chunk.
const PIECE: usize = 16_214;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = chunks();
    cases.extend(bookmarks());
    cases.extend(burns());
    cases.push(paddings());
    cases
}

/// `padme(n)`.
fn padme(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let exponent = n.ilog2();
    let low = exponent - (exponent.ilog2() + 1);
    n.div_ceil(1 << low) << low
}

/// A chunk and everything about it.
#[derive(Clone)]
pub(crate) struct Chunk {
    parcel: Key,
    index: u64,
    count: u64,
    piece: Vec<u8>,
    prefix: [u8; 2],
}

impl Chunk {
    fn new(parcel: Key, index: u64, count: u64, piece: &[u8]) -> Self {
        let mut piece = piece.to_vec();
        piece.resize(PIECE, 0);
        Self { parcel, index, count, piece, prefix: [1, 2] }
    }

    /// A chunk for other families.
    pub(crate) fn any() -> Self {
        Self::new(seed("a parcel key"), 0, 1, b"a file")
    }

    fn position(&self) -> Vec<u8> {
        [self.index.to_be_bytes(), self.count.to_be_bytes()].concat()
    }

    pub(crate) fn id(&self) -> [u8; 16] {
        let id = mac(&kdf(&self.parcel, "cssr1 chunk id", b""), &self.index.to_be_bytes());
        *id.first_chunk().unwrap()
    }

    /// What burns it, if it is of the source with this parcel secret.
    pub(crate) fn burn(&self, secret: &Key) -> Key {
        mac(&burn_key(secret, &self.parcel), &self.index.to_be_bytes())
    }

    fn nonce(&self) -> [u8; 24] {
        let key = kdf(&self.parcel, "cssr1 chunk nonce", b"");
        *mac(&key, &[self.position(), self.piece.clone()].concat()).first_chunk().unwrap()
    }

    fn aad(&self) -> Vec<u8> {
        [&tagged("cssr1 chunk")[..], &self.prefix, &self.id(), &self.position()].concat()
    }

    pub(crate) fn envelope(&self) -> Vec<u8> {
        self.envelope_bound_to(&self.aad())
    }

    fn envelope_bound_to(&self, aad: &[u8]) -> Vec<u8> {
        let key = kdf(&self.parcel, "cssr1 chunk key", b"");
        let sealed = XChaCha20Poly1305::new(&key.into())
            .encrypt(&XNonce::from(self.nonce()), Payload { msg: &self.piece, aad })
            .unwrap();
        [&self.prefix[..], &self.nonce(), &sealed].concat()
    }
}

/// What the keys that burn a parcel's chunks follow from.
fn burn_key(secret: &Key, parcel: &Key) -> Key {
    kdf(secret, "cssr1 chunk burn", parcel)
}

/// The parcel secret of a source.
pub(crate) fn parcel_secret() -> Key {
    seed("a parcel secret")
}

fn chunks() -> Vec<Case> {
    let (parcel, secret) = (seed("a parcel key"), parcel_secret());
    let given = |case: Case, parcel: Key, size: u64, index: u64, envelope: &[u8]| {
        case.input("parcel-key", parcel).input("size", size).input("index", index).input("envelope", envelope)
    };
    let ok = |name: &str, comment: &str, size: u64, index: u64| {
        let count = padme(size.div_ceil(PIECE as u64).max(1));
        let length = size.saturating_sub(index * PIECE as u64).min(PIECE as u64) as usize;
        let piece = noise("a file", length);
        let chunk = Chunk::new(parcel, index, count, &piece);
        given(Case::ok(&format!("chunk/{name}"), comment), parcel, size, index, &chunk.envelope())
            .output("count", count)
            .output("piece", &piece)
            .output("chunk-key", kdf(&parcel, "cssr1 chunk key", b""))
            .output("nonce-key", kdf(&parcel, "cssr1 chunk nonce", b""))
            .output("id-key", kdf(&parcel, "cssr1 chunk id", b""))
            .from("parcel-secret", secret)
            .output("burn-key", burn_key(&secret, &parcel))
            .output("id", chunk.id())
            .output("nonce", chunk.nonce())
            .output("aad", chunk.aad())
            .output("burn", chunk.burn(&secret))
            .output("burn-hash", sha256(&chunk.burn(&secret)))
    };
    // The last chunk of three; padme leaves 3 as it is.
    let size = 2 * PIECE as u64 + 50;
    let right = Chunk::new(parcel, 2, 3, &noise("a file", 50));
    let no = |name: &str, comment: &str, parcel: Key, size: u64, index: u64, envelope: &[u8]| {
        given(Case::refused(&format!("chunk/{name}"), "cannot-open", comment), parcel, size, index, envelope)
    };
    let here = |name: &str, comment: &str, envelope: &[u8]| no(name, comment, parcel, size, 2, envelope);
    let changed = |name: &str, comment: &str, byte: usize| {
        let mut envelope = right.envelope();
        envelope[byte] ^= 1;
        here(name, comment, &envelope)
    };
    let other_aad = Chunk { count: 4, ..right.clone() }.aad();
    let littered = Chunk::new(parcel, 2, 3, &[noise("a file", 50), vec![1]].concat());
    let littered_at_end = {
        let mut chunk = right.clone();
        chunk.piece[PIECE - 1] = 1;
        chunk
    };
    vec![
        ok("one", "A file of 100 bytes: one chunk.", 100, 0),
        ok("empty-file", "A file of no bytes has one chunk of zeros.", 0, 0),
        ok("last-of-two", "The second chunk holds three bytes.", PIECE as u64 + 3, 1),
        ok(
            "padding",
            "A file of ten pieces and one byte has eleven pieces and twelve chunks; the last one is all padding.",
            10 * PIECE as u64 + 1,
            11,
        ),
        ok("largest-file", "The last chunk of a file of 2^44 bytes, padding.", 1 << 44, 1_107_296_255),
        no("other-index", "The third chunk in the place of the second.", parcel, size, 1, &right.envelope()),
        no(
            "other-count",
            "A chunk of a parcel of three in one of four.",
            parcel,
            size + PIECE as u64,
            2,
            &right.envelope(),
        ),
        no("other-parcel", "A chunk of another parcel.", seed("another parcel key"), size, 2, &right.envelope()),
        here(
            "aad-with-other-count",
            "Bound to another count than it stands for.",
            &right.envelope_bound_to(&other_aad),
        ),
        here("aad-empty", "Bound to nothing.", &right.envelope_bound_to(b"")),
        here(
            "version-2",
            "A version that does not exist yet; it is bound to it.",
            &Chunk { prefix: [2, 2], ..right.clone() }.envelope(),
        ),
        here(
            "suite-1",
            "The suite of letters; it is bound to it.",
            &Chunk { prefix: [1, 1], ..right.clone() }.envelope(),
        ),
        changed("nonce-changed", "One bit of the nonce.", 2),
        changed("ciphertext-changed", "One bit of the ciphertext.", 26),
        changed("tag-changed", "One bit of the tag.", 16_255),
        here("byte-after-the-end", "A byte after the file's end is not zero.", &littered.envelope()),
        here("last-byte-not-zero", "The last byte of the piece is not zero.", &littered_at_end.envelope()),
        here("one-byte-less", "16,255 bytes.", &right.envelope()[..16_255]),
    ]
}

fn bookmarks() -> Vec<Case> {
    let (secret, file) = (parcel_secret(), seed("the SHA-256 of a file"));
    let place = |secret: &Key, file: &Key| kdf(secret, "cssr1 bookmark", file);
    let cbor = |size: u64, count: u64| {
        map(&[(0, Some(bytes(&seed("a parcel key")))), (1, Some(uint(size))), (2, Some(uint(count)))])
    };
    let piece = |cbor: &[u8]| [&(cbor.len() as u16).to_be_bytes()[..], cbor].concat();
    let given = |case: Case, secret: Key, file: Key, envelope: &[u8]| {
        case.input("parcel-secret", secret).input("file-sha256", file).input("envelope", envelope)
    };
    let at_place = |piece: &[u8]| Chunk::new(place(&secret, &file), 0, 1, piece);
    let ok = |name: &str, comment: &str, size: u64, count: u64| {
        let chunk = at_place(&piece(&cbor(size, count)));
        given(Case::ok(&format!("bookmark/{name}"), comment), secret, file, &chunk.envelope())
            .output("place-key", place(&secret, &file))
            .output("id", chunk.id())
            .output("burn", chunk.burn(&secret))
            .output("burn-hash", sha256(&chunk.burn(&secret)))
            .output("bookmark", cbor(size, count))
            .output("parcel-key", seed("a parcel key"))
            .output("size", size)
            .output("count", count)
    };
    let no = |name: &str, comment: &str, secret: Key, file: Key, envelope: &[u8]| {
        given(Case::refused(&format!("bookmark/{name}"), "cannot-open", comment), secret, file, envelope)
    };
    let here = |name: &str, comment: &str, piece: &[u8]| no(name, comment, secret, file, &at_place(piece).envelope());
    let right = cbor(5, 1);
    let length = |length: usize| [&(length as u16).to_be_bytes()[..], &right].concat();
    let envelope = at_place(&piece(&right)).envelope();
    let of_two = Chunk::new(place(&secret, &file), 0, 2, &piece(&right)).envelope();
    vec![
        ok("usual", "The bookmark of a file of five bytes.", 5, 1),
        ok("large-file", "The bookmark of a file of 2^44 bytes.", 1 << 44, 1_107_296_256),
        no("other-file", "The place of another file.", secret, seed("the SHA-256 of another file"), &envelope),
        no("other-secret", "The place of another source.", seed("another parcel secret"), file, &envelope),
        no("of-two-chunks", "A bookmark is the one chunk of its parcel.", secret, file, &of_two),
        here("wrong-count", "A count that does not follow from the size.", &piece(&cbor(5, 2))),
        here("count-0", "No chunk at all.", &piece(&cbor(5, 0))),
        here("padding-not-zero", "A byte after the bookmark is not zero.", &[piece(&right), vec![0, 1]].concat()),
        here("length-one-less", "The length leaves out the last byte.", &length(right.len() - 1)),
        here("length-one-more", "The length counts a zero.", &length(right.len() + 1)),
        here("length-too-large", "A length beyond the piece.", &length(usize::from(u16::MAX))),
        here("not-a-bookmark", "Zeros.", &[]),
        here(
            "keys-wrong-order",
            "Key 2 stands before keys 0 and 1.",
            &piece(&[&[0xa3, 2, 1][..], &right[1..right.len() - 2]].concat()),
        ),
    ]
}

fn burns() -> Vec<Case> {
    let chunk = Chunk::any();
    let right = chunk.burn(&parcel_secret());
    let given = |case: Case, burn: Key| case.input("burn", burn).input("burn-hash", sha256(&right));
    let no =
        |name: &str, comment: &str, burn: Key| given(Case::refused(&format!("burn/{name}"), "burn-key", comment), burn);
    let from_parcel_key = mac(&kdf(&chunk.parcel, "cssr1 chunk burn", b""), &chunk.index.to_be_bytes());
    vec![
        given(Case::ok("burn/usual", "The key whose SHA-256 was posted with the chunk."), right),
        no("hash-for-key", "The hash itself, which the relay knows.", sha256(&right)),
        no("of-other-source", "What it would be for another source.", chunk.burn(&seed("another parcel secret"))),
        no("of-other-chunk", "The key for the next chunk.", Chunk { index: 1, ..chunk.clone() }.burn(&parcel_secret())),
        no("from-parcel-key", "Without the parcel secret: whoever may read the parcel could make it.", from_parcel_key),
    ]
}

fn paddings() -> Case {
    let numbers = [
        0,
        1,
        2,
        3,
        4,
        7,
        8,
        9,
        10,
        15,
        16,
        17,
        33,
        63,
        64,
        65,
        100,
        999,
        1_000,
        1_024,
        1_025,
        4_097,
        132_312,
        1_085_102_593,
        1_107_296_256,
        (1 << 44) + 1,
    ];
    Case::ok("padme/table", "Numbers and what they are padded to.")
        .inputs("n", numbers)
        .outputs("padded", numbers.map(padme))
}
