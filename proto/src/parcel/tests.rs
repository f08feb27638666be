use super::*;
use crate::ids::Hash;
use crate::keys::ParcelSecret;
use crate::sizes::ENVELOPE;
use chacha20::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

const PIECE: u64 = CHUNK_PIECE as u64;

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn size(bytes: u64) -> FileSize {
    FileSize::new(bytes).unwrap()
}

/// A file and its parcel.
fn parcel(bytes: u64) -> (Vec<u8>, Parcel) {
    let mut rng = rng(7);
    let mut file = vec![0; usize::try_from(bytes).unwrap()];
    rng.fill_bytes(&mut file);
    (file, Parcel::new(&ParcelKey::generate(&mut rng), size(bytes)))
}

fn seal_all(file: &[u8], parcel: &Parcel) -> Vec<SealedChunk> {
    let mut rest = file;
    let chunks = (0..parcel.count()).map(|index| {
        let (piece, after) = rest.split_at(parcel.piece_len(index).unwrap());
        rest = after;
        parcel.seal_chunk(index, piece, &burn()).unwrap()
    });
    chunks.collect()
}

/// What burns the chunks of a parcel, whichever it is.
fn burn() -> BurnKeys {
    BurnKeys::new(&ParcelSecret::from_bytes([8; 32]), &ParcelKey::from_bytes([7; 32]))
}

fn flipped(envelope: &Envelope, byte: usize) -> Envelope {
    let mut changed = envelope.clone();
    changed.as_mut_bytes()[byte] ^= 1;
    changed
}

#[test]
fn a_file_of_any_size_comes_out_as_it_went_in() {
    for bytes in [0, 1, PIECE - 1, PIECE, PIECE + 1, 8 * PIECE, 9 * PIECE + 5, 33 * PIECE - 1] {
        let (file, parcel) = parcel(bytes);
        let chunks = seal_all(&file, &parcel);
        let mut out = Vec::new();
        for (chunk, index) in chunks.iter().zip(0..) {
            assert_eq!(chunk.id, parcel.id(index).unwrap());
            assert!(burn().key(index).burns(&chunk.burn_hash));
            out.extend_from_slice(&parcel.open_chunk(index, &chunk.envelope).unwrap());
        }
        assert!(out == file, "{bytes}");
    }
}

#[test]
fn the_number_of_chunks_is_padded() {
    for (bytes, count) in [
        (0, 1),
        (1, 1),
        (PIECE, 1),
        (PIECE + 1, 2),
        (9 * PIECE, 10),
        (9 * PIECE + 1, 10),
        (10 * PIECE + 1, 12),
        (17_592_186_044_416, 1_107_296_256),
    ] {
        assert_eq!(chunk_count(size(bytes)), count, "{bytes}");
        assert_eq!(Parcel::new(&ParcelKey::generate(&mut rng(1)), size(bytes)).count(), count);
    }
}

#[test]
fn any_changed_byte_makes_a_chunk_unopenable() {
    let (file, parcel) = parcel(100);
    let chunk = &seal_all(&file, &parcel)[0];
    for byte in (0..60).chain((60..ENVELOPE - 20).step_by(997)).chain(ENVELOPE - 20..ENVELOPE) {
        assert_eq!(parcel.open_chunk(0, &flipped(&chunk.envelope, byte)), Err(ParcelError::CannotOpen), "{byte}");
    }
}

#[test]
fn chunks_cannot_change_places() {
    let (file, parcel) = parcel(4 * PIECE);
    let chunks = seal_all(&file, &parcel);
    for (chunk, from) in chunks.iter().zip(0..) {
        for to in 0..4 {
            assert_eq!(parcel.open_chunk(to, &chunk.envelope).is_ok(), from == to);
        }
    }
}

#[test]
fn a_parcel_cannot_be_shortened_or_lengthened() {
    let key = ParcelKey::generate(&mut rng(2));
    let of = |bytes| Parcel::new(&key, size(bytes));
    let (short, long) = (of(3 * PIECE), of(4 * PIECE));
    let piece = vec![1; CHUNK_PIECE];
    let chunk = long.seal_chunk(0, &piece, &burn()).unwrap();
    assert_eq!(chunk.id, short.id(0).unwrap(), "ids do not depend on the size");
    assert_eq!(short.open_chunk(0, &chunk.envelope), Err(ParcelError::CannotOpen));
    assert!(long.open_chunk(0, &chunk.envelope).is_ok());
}

#[test]
fn chunks_of_another_parcel_do_not_open() {
    let (mut rng, piece) = (rng(3), [1; 50]);
    let one = Parcel::new(&ParcelKey::generate(&mut rng), size(50));
    let other = Parcel::new(&ParcelKey::generate(&mut rng), size(50));
    let chunk = one.seal_chunk(0, &piece, &burn()).unwrap();
    assert_eq!(other.open_chunk(0, &chunk.envelope), Err(ParcelError::CannotOpen));
}

#[test]
fn bytes_after_the_end_of_the_file_are_refused() {
    let key = ParcelKey::generate(&mut rng(4));
    // Both have one chunk; the smaller file's would hide 10 bytes.
    let (small, large) = (Parcel::new(&key, size(40)), Parcel::new(&key, size(50)));
    let hiding = large.seal_chunk(0, &[1; 50], &burn()).unwrap();
    assert_eq!(small.open_chunk(0, &hiding.envelope), Err(ParcelError::CannotOpen));
    let zeros = large.seal_chunk(0, &[0; 50], &burn()).unwrap();
    assert_eq!(small.open_chunk(0, &zeros.envelope).unwrap().as_slice(), [0; 40]);
}

#[test]
fn the_same_file_gives_the_same_chunks_and_a_changed_one_another_nonce() {
    let (file, parcel) = parcel(PIECE);
    let chunk = &seal_all(&file, &parcel)[0];
    assert_eq!(seal_all(&file, &parcel)[0], *chunk);
    let mut changed = file.clone();
    changed[PIECE as usize - 1] ^= 1;
    let other = &seal_all(&changed, &parcel)[0];
    assert_eq!(other.id, chunk.id);
    assert_ne!(other.envelope.as_bytes()[2..26], chunk.envelope.as_bytes()[2..26]);
}

#[test]
fn ids_and_burn_keys_do_not_repeat() {
    let (_, parcel) = parcel(40 * PIECE);
    let ids: std::collections::HashSet<_> = (0..parcel.count()).map(|index| parcel.id(index).unwrap()).collect();
    let keys: std::collections::HashSet<_> = (0..parcel.count()).map(|index| *burn().key(index).as_bytes()).collect();
    assert_eq!((ids.len() as u64, keys.len() as u64), (parcel.count(), parcel.count()));
}

#[test]
fn only_who_sealed_a_parcel_burns_it_and_only_that_one() {
    let mut rng = rng(8);
    let (secret, key) = (ParcelSecret::generate(&mut rng), ParcelKey::generate(&mut rng));
    let chunk = Parcel::new(&key, size(1)).seal_chunk(0, b"x", &BurnKeys::new(&secret, &key)).unwrap();
    assert!(BurnKeys::new(&secret, &key).key(0).burns(&chunk.burn_hash));
    // Another source that holds the parcel key, as every reader does; another parcel of the source; another chunk.
    let (other_secret, other_key) = (ParcelSecret::generate(&mut rng), ParcelKey::generate(&mut rng));
    assert!(!BurnKeys::new(&other_secret, &key).key(0).burns(&chunk.burn_hash));
    assert!(!BurnKeys::new(&secret, &other_key).key(0).burns(&chunk.burn_hash));
    assert!(!BurnKeys::new(&secret, &key).key(1).burns(&chunk.burn_hash));
}

#[test]
fn misuse_is_refused() {
    let (_, parcel) = parcel(PIECE + 1);
    assert_eq!(parcel.count(), 2);
    assert_eq!(parcel.seal_chunk(2, &[], &burn()), Err(ParcelError::NoSuchChunk));
    assert_eq!(parcel.seal_chunk(u64::MAX, &[], &burn()), Err(ParcelError::NoSuchChunk));
    assert_eq!(parcel.id(2), Err(ParcelError::NoSuchChunk));
    assert_eq!(parcel.open_chunk(2, &Envelope::zeros()), Err(ParcelError::NoSuchChunk));
    for wrong in [0, 1, CHUNK_PIECE - 1, CHUNK_PIECE + 1] {
        assert_eq!(parcel.seal_chunk(0, &vec![0; wrong], &burn()), Err(ParcelError::WrongLength), "{wrong}");
    }
    assert_eq!(parcel.seal_chunk(1, &[0, 0], &burn()), Err(ParcelError::WrongLength));
}

#[test]
fn a_chunk_has_the_bytes_of_the_specification() {
    use crate::hash::{kdf, mac};
    use chacha20poly1305::aead::{Aead as _, Payload};
    use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
    let key = ParcelKey::from_bytes([9; 32]);
    let chunk = Parcel::new(&key, size(PIECE + 3)).seal_chunk(1, b"abc", &burn()).unwrap();
    let id = &mac(&kdf(&[9; 32], "cssr1 chunk id", &[]), &[&1u64.to_be_bytes()])[..16];
    let position = [1u64.to_be_bytes(), 2u64.to_be_bytes()].concat();
    let mut piece = vec![0; CHUNK_PIECE];
    piece[..3].copy_from_slice(b"abc");
    let nonce = &mac(&kdf(&[9; 32], "cssr1 chunk nonce", &[]), &[&position, &piece])[..24];
    let aad = [b"\x0bcssr1 chunk", &[1, 2][..], id, &position].concat();
    let sealed = XChaCha20Poly1305::new((&*kdf(&[9; 32], "cssr1 chunk key", &[])).into())
        .encrypt(&XNonce::try_from(nonce).unwrap(), Payload { msg: &piece, aad: &aad })
        .unwrap();
    assert_eq!(chunk.envelope.as_bytes().as_slice(), [&[1, 2][..], nonce, &sealed].concat());
    assert_eq!(chunk.id.as_bytes().as_slice(), id);
    let burn = mac(&kdf(&[8; 32], "cssr1 chunk burn", &[&[7; 32]]), &[&1u64.to_be_bytes()]);
    assert_eq!(self::burn().key(1).as_bytes(), &burn);
    assert_eq!(chunk.burn_hash.0, crate::hash::sha256(&burn));
}

#[test]
fn a_bookmark_is_found_again_from_passphrase_and_file() {
    let mut rng = rng(5);
    let (secret, file) = (ParcelSecret::generate(&mut rng), Hash([3; 32]));
    let key = *ParcelKey::generate(&mut rng).expose();
    for bytes in [0, 1, 2_000_000_000, 17_592_186_044_416] {
        let bookmark = Bookmark::new(ParcelKey::from_bytes(key), size(bytes));
        let chunk = BookmarkPlace::new(&secret, &file).seal(&bookmark);
        let again = BookmarkPlace::new(&secret, &file);
        assert_eq!(again.id(), chunk.id);
        assert!(again.burn_key().burns(&chunk.burn_hash));
        assert!(again.open(&chunk.envelope).unwrap() == bookmark);
    }
}

#[test]
fn a_bookmark_opens_with_that_secret_and_that_file_only() {
    let mut rng = rng(6);
    let (secret, other) = (ParcelSecret::generate(&mut rng), ParcelSecret::generate(&mut rng));
    let place = BookmarkPlace::new(&secret, &Hash([3; 32]));
    let chunk = place.seal(&Bookmark::new(ParcelKey::generate(&mut rng), size(5)));
    for wrong in [BookmarkPlace::new(&secret, &Hash([4; 32])), BookmarkPlace::new(&other, &Hash([3; 32]))] {
        assert_ne!(wrong.id(), chunk.id);
        assert_eq!(wrong.open(&chunk.envelope), Err(ParcelError::CannotOpen));
    }
    for byte in [0, 1, 2, 25, 26, 27, 100, ENVELOPE - 1] {
        assert_eq!(place.open(&flipped(&chunk.envelope, byte)), Err(ParcelError::CannotOpen), "{byte}");
    }
}

#[test]
fn a_bookmark_that_breaks_its_rules_is_refused() {
    use crate::hash::kdf;
    let (secret, file) = (ParcelSecret::from_bytes([1; 32]), Hash([3; 32]));
    let place = BookmarkPlace::new(&secret, &file);
    let keys = ChunkKeys::new(&ParcelKey::from_bytes(*kdf(&[1; 32], "cssr1 bookmark", &[&[3; 32]])));
    let cbor = |bytes: u8, count: u8| [&b"\xa3\x00\x58\x20"[..], &[7; 32], &[1, bytes, 2, count]].concat();
    let piece = |length: usize, content: &[u8]| [&(length as u16).to_be_bytes()[..], content].concat();
    let good = cbor(5, 1);
    assert!(place.open(&keys.seal(0, 1, &piece(good.len(), &good), &burn()).envelope).is_ok());
    for bad in [
        piece(good.len() - 1, &good),
        piece(good.len() + 1, &good),
        piece(usize::from(u16::MAX), &good),
        piece(good.len(), &[&good[..], &[0, 1]].concat()),
        piece(good.len(), &cbor(5, 2)),
        piece(good.len(), &cbor(5, 0)),
        Vec::new(),
    ] {
        assert_eq!(place.open(&keys.seal(0, 1, &bad, &burn()).envelope), Err(ParcelError::CannotOpen), "{bad:02x?}");
    }
    assert_eq!(place.open(&keys.seal(0, 2, &piece(good.len(), &good), &burn()).envelope), Err(ParcelError::CannotOpen));
}

#[test]
fn nothing_of_a_parcel_is_shown() {
    let (_, parcel) = parcel(10);
    let shown = format!("{parcel:?} {:?} {:?} {:?}", burn(), burn().key(0), parcel.seal_chunk(0, &[1; 10], &burn()));
    assert_eq!(
        shown,
        "Parcel { keys: ChunkKeys(..), size: 10, count: 1 } BurnKeys(..) BurnKey(..) \
         Ok(SealedChunk { id: EnvelopeId(..), burn_hash: BurnHash(..), envelope: Envelope(..) })"
    );
}
