//! HPKE (RFC 9180) with X-Wing (draft-ietf-hpke-pq): `hpke`, as slots are sealed.
//!
//! Of the file's 13 entries two have KEM 0x647a and both run: the protocol's own suite (KDF 0x0001, AEAD 0x0003), and
//! SHAKE256 (KDF 0x0011, AEAD 0x0003), which no slot uses but which exercises the same KEM. The others are for KEMs
//! that the project does not compile in or does not use.

use crate::support::{Replay, array, bytes, json, list, number};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use cssr_proto::keys::PrekeySecret;
use hpke::aead::{Aead, ChaCha20Poly1305};
use hpke::kdf::{HkdfSha256, Kdf, KdfShake256};
use hpke::kem::XWing;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use serde_json::Value;

const KEM_X_WING: usize = 0x647a;
const KDF_HKDF_SHA256: usize = 0x0001;
const KDF_SHAKE256: usize = 0x0011;
const AEAD_CHACHA20_POLY1305: usize = 0x0003;
const MODE_BASE: usize = 0;

/// How many encryptions and exports were checked.
type Checked = [usize; 2];

/// The key pairs: derivation, encoding, and that a prekey is the same key.
fn check_keys(entry: &Value) -> <XWing as Kem>::PrivateKey {
    let (derived, public) = XWing::derive_keypair(&bytes(entry, "ikmR"));
    assert_eq!(derived.to_bytes()[..], bytes(entry, "skRm"));
    assert_eq!(public.to_bytes()[..], bytes(entry, "pkRm"));
    assert_eq!(PrekeySecret::from_bytes(array(entry, "skRm")).public().as_bytes(), &array(entry, "pkRm"));
    let secret = <XWing as Kem>::PrivateKey::from_bytes(&bytes(entry, "skRm")).unwrap();
    assert_eq!(XWing::sk_to_pk(&secret).to_bytes()[..], bytes(entry, "pkRm"));
    secret
}

/// Both sides of one entry: decapsulation, key schedule, every ciphertext, every export.
fn check_entry<K: Kdf>(entry: &Value) -> Checked {
    let secret = check_keys(entry);
    let suite = [KEM_X_WING, number(entry, "kdf_id"), AEAD_CHACHA20_POLY1305].map(|id| (id as u16).to_be_bytes());
    assert_eq!(bytes(entry, "suite_id"), [b"HPKE".as_slice(), &suite.concat()].concat());
    assert_eq!(usize::from(K::KDF_ID), number(entry, "kdf_id"));
    assert_eq!(usize::from(ChaCha20Poly1305::AEAD_ID), AEAD_CHACHA20_POLY1305);
    assert_eq!(usize::from(XWing::KEM_ID), KEM_X_WING);

    let enc = <XWing as Kem>::EncappedKey::from_bytes(&bytes(entry, "enc")).unwrap();
    let shared = XWing::decap(&secret, None, &enc).unwrap();
    assert_eq!(shared.0[..], bytes(entry, "shared_secret"));

    let info = bytes(entry, "info");
    let mut reader = hpke::setup_receiver::<ChaCha20Poly1305, K, XWing>(&OpModeR::Base, &secret, &enc, &info).unwrap();
    let mut randomness = Replay::new(bytes(entry, "ikmE"));
    let (made, mut writer) = hpke::setup_sender_with_rng::<ChaCha20Poly1305, K, XWing>(
        &OpModeS::Base,
        &XWing::sk_to_pk(&secret),
        &info,
        &mut randomness,
    )
    .unwrap();
    assert!(randomness.is_used_up());
    assert_eq!(made.to_bytes()[..], bytes(entry, "enc"));

    // `hpke` does not show key, nonces and exporter secret of a context. That the bare AEAD under the published key and
    // nonces yields the same ciphertexts shows that those are equal; the exports show it of the exporter secret.
    let aead = chacha20poly1305::ChaCha20Poly1305::new(&array::<32>(entry, "key").into());
    assert_eq!(entry["encryptions"][0]["nonce"], entry["base_nonce"]);
    let mut checked = [0; 2];
    for message in list(&entry["encryptions"]) {
        let [aad, ct, pt] = ["aad", "ct", "pt"].map(|name| bytes(message, name));
        assert_eq!(reader.open(&ct, &aad).unwrap(), pt);
        assert_eq!(writer.seal(&pt, &aad).unwrap(), ct);
        let nonce = array::<12>(message, "nonce").into();
        assert_eq!(aead.encrypt(&nonce, Payload { msg: &pt, aad: &aad }).unwrap(), ct);
        checked[0] += 1;
    }
    for export in list(&entry["exports"]) {
        let context = bytes(export, "exporter_context");
        let [mut read, mut written] = [(); 2].map(|()| vec![0; number(export, "L")]);
        reader.export(&context, &mut read).unwrap();
        writer.export(&context, &mut written).unwrap();
        assert_eq!(read, bytes(export, "exported_value"));
        assert_eq!(written, read);
        checked[1] += 1;
    }
    checked
}

/// The one entry of a suite with X-Wing and ChaCha20-Poly1305.
fn entry(vectors: &Value, kdf: usize) -> &Value {
    let fits = |entry: &&Value| {
        let ids = ["mode", "kem_id", "kdf_id", "aead_id"].map(|name| number(entry, name));
        ids == [MODE_BASE, KEM_X_WING, kdf, AEAD_CHACHA20_POLY1305]
    };
    let [entry] = list(vectors).iter().filter(fits).collect::<Vec<_>>()[..] else { panic!("one entry for {kdf}") };
    entry
}

#[test]
fn the_suite_of_slots_gives_the_published_secrets_and_ciphertexts() {
    assert_eq!(check_entry::<HkdfSha256>(entry(&json("hpke_pq.json"), KDF_HKDF_SHA256)), [10, 5]);
}

#[test]
fn x_wing_with_shake256_gives_the_published_secrets_and_ciphertexts() {
    assert_eq!(check_entry::<KdfShake256>(entry(&json("hpke_pq.json"), KDF_SHAKE256)), [10, 5]);
}

#[test]
fn no_entry_with_x_wing_is_left_out() {
    let vectors = json("hpke_pq.json");
    assert_eq!(list(&vectors).len(), 13);
    assert_eq!(list(&vectors).iter().filter(|entry| number(entry, "kem_id") == KEM_X_WING).count(), 2);
}
