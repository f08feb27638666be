use crate::Outcome;
use crate::case::Case;
use crate::primitives::{kdf, mac, tagged};
use cssr_proto::keys::{ParcelKey, ParcelSecret};
use cssr_proto::message::FileSize;
use cssr_proto::parcel::{
    Bookmark, BookmarkPlace, BurnHash, BurnKey, BurnKeys, Parcel, ParcelError, SealedChunk, padme,
};
use cssr_proto::{Envelope, Hash, sha256};

pub fn chunk(case: &Case) -> Outcome {
    let key: [u8; 32] = case.given("parcel-key").array();
    let size = FileSize::new(case.given("size").number()).unwrap();
    let (index, bytes) = (case.given("index").number(), case.given("envelope").bytes());
    let envelope = Envelope::from_slice(&bytes).map_err(|_| "cannot-open")?;
    let parcel = Parcel::new(&ParcelKey::from_bytes(key), size);
    let piece = parcel.open_chunk(index, &envelope).map_err(refusal)?;
    case.expect("piece", piece.as_slice());
    case.expect("count", parcel.count());
    let secret: [u8; 32] = case.source("parcel-secret").array();
    let burn = BurnKeys::new(&ParcelSecret::from_bytes(secret), &ParcelKey::from_bytes(key));
    let sealed = parcel.seal_chunk(index, &piece, &burn).unwrap();
    assert!(sealed.envelope == envelope);
    check_id_and_burn(case, &sealed, &burn.key(index));

    let keys = ["cssr1 chunk key", "cssr1 chunk nonce", "cssr1 chunk id"];
    let [chunk_key, nonce_key, id_key] = keys.map(|label| kdf(&key, label, b""));
    let burn_key = kdf(&secret, "cssr1 chunk burn", &key);
    case.expect("chunk-key", chunk_key);
    case.expect("nonce-key", nonce_key);
    case.expect("id-key", id_key);
    case.expect("burn-key", burn_key);
    let position = [index.to_be_bytes(), parcel.count().to_be_bytes()].concat();
    let mut whole = piece.to_vec();
    whole.resize(16_214, 0);
    case.expect("nonce", &mac(&nonce_key, &[position.as_slice(), &whole].concat())[..24]);
    case.expect("id", &mac(&id_key, &index.to_be_bytes())[..16]);
    case.expect("burn", mac(&burn_key, &index.to_be_bytes()));
    case.expect("aad", [&tagged("cssr1 chunk")[..], &bytes[..2], sealed.id.as_bytes(), &position].concat());
    Ok(())
}

pub fn bookmark(case: &Case) -> Outcome {
    let secret: [u8; 32] = case.given("parcel-secret").array();
    let file = case.given("file-sha256").array();
    let envelope = Envelope::from_slice(&case.given("envelope").bytes()).map_err(|_| "cannot-open")?;
    let place = BookmarkPlace::new(&ParcelSecret::from_bytes(secret), &Hash(file));
    let bookmark = place.open(&envelope).map_err(refusal)?;
    let parcel = Parcel::new(&bookmark.key, bookmark.size);
    case.expect("parcel-key", bookmark.key.expose());
    case.expect("size", bookmark.size.get());
    case.expect("count", parcel.count());
    let again = Bookmark::new(ParcelKey::from_bytes(*bookmark.key.expose()), bookmark.size);
    let sealed = place.seal(&again);
    assert!(sealed.envelope == envelope && again == bookmark);
    check_id_and_burn(case, &sealed, &place.burn_key());

    let place_key = kdf(&secret, "cssr1 bookmark", &file);
    case.expect("place-key", place_key);
    let cbor = case.output("bookmark").bytes();
    let piece = [&(cbor.len() as u16).to_be_bytes()[..], &cbor, &vec![0; 16_214 - 2 - cbor.len()]].concat();
    let chunk = Parcel::new(&ParcelKey::from_bytes(place_key), FileSize::new(16_214).unwrap());
    assert_eq!(*chunk.open_chunk(0, &envelope).unwrap(), piece);
    Ok(())
}

fn check_id_and_burn(case: &Case, sealed: &SealedChunk, burn: &BurnKey) {
    case.expect("id", sealed.id.as_bytes());
    case.expect("burn", burn.as_bytes());
    case.expect("burn-hash", sealed.burn_hash.0);
    assert_eq!(sealed.burn_hash.0, sha256(burn.as_bytes()));
}

fn refusal(error: ParcelError) -> &'static str {
    match error {
        ParcelError::CannotOpen => "cannot-open",
        other => panic!("{other}"),
    }
}

pub fn burn(case: &Case) -> Outcome {
    let (burn, hash) = (case.given("burn").array(), case.given("burn-hash").array());
    if BurnKey::from_bytes(burn).burns(&BurnHash(hash)) { Ok(()) } else { Err("burn-key") }
}

pub fn padding(case: &Case) -> Outcome {
    case.expect_all("padded", case.all("n").iter().map(|n| padme(n.number())));
    Ok(())
}
