//! ML-KEM-768 (FIPS 203): `ml-kem`, the post-quantum half of X-Wing.

use crate::support::{Replay, Tally, array, json, list, wycheproof};
use cssr_proto::keys::XWingPublicKey;
use ml_kem::kem::{Decapsulate as _, Encapsulate as _, KeyExport as _, KeyInit as _, TryKeyInit as _};
use ml_kem::ml_kem_768::{Ciphertext, DecapsulationKey, EncapsulationKey};

#[test]
fn key_generation_gives_the_published_keys() {
    let tally = wycheproof("wycheproof_mlkem_768_keygen_seed_test.json", "ML-KEM", |case| {
        assert_eq!(case.group["parameterSet"], "ML-KEM-768");
        let key = DecapsulationKey::from_seed(case.array::<64>("seed").into());
        #[expect(deprecated, reason = "the project stores seeds only; the vectors give the expanded key")]
        let expanded = ml_kem::ExpandedKeyEncoding::to_expanded_bytes(&key);
        key.encapsulation_key().to_bytes()[..] == case.bytes("ek") && expanded[..] == case.bytes("dk")
    });
    assert_eq!(tally, Tally { groups: 1, valid: 100, ..Tally::default() });
}

#[test]
fn encapsulation_gives_the_published_secrets_and_refuses_bad_keys() {
    let xwing = json("xwing.json");
    let x25519 = &array::<1216>(&list(&xwing)[0], "pk")[1184..];
    let [mut refused_by_check, mut refused_by_length] = [0; 2];
    let tally = wycheproof("wycheproof_mlkem_768_encaps_test.json", "ML-KEM", |case| {
        assert_eq!(case.group["parameterSet"], "ML-KEM-768");
        let ek = case.bytes("ek");
        let key = EncapsulationKey::new_from_slice(&ek);
        // The same keys as part of an X-Wing key meet the same verdict of the protocol.
        match <[u8; 1216]>::try_from([&ek, x25519].concat()) {
            Ok(hybrid) => {
                assert_eq!(XWingPublicKey::from_bytes(&hybrid).is_ok(), key.is_ok(), "test {}", case.id());
                refused_by_check += usize::from(key.is_err());
            }
            Err(_) => refused_by_length += usize::from(key.is_err()),
        }
        let Ok(key) = key else { return false };
        let mut randomness = Replay::new(case.bytes("m"));
        let (ciphertext, shared) = key.encapsulate_with_rng(&mut randomness);
        randomness.is_used_up() && ciphertext[..] == case.bytes("c") && shared[..] == case.bytes("K")
    });
    assert_eq!(tally, Tally { groups: 2, valid: 133, invalid: 132, ..Tally::default() });
    assert_eq!([refused_by_check, refused_by_length], [112, 20]);
}

#[test]
fn decapsulation_gives_the_published_secrets_and_rejects_implicitly() {
    let tally = wycheproof("wycheproof_mlkem_768_test.json", "ML-KEM", |case| {
        assert_eq!(case.group["parameterSet"], "ML-KEM-768");
        let Ok(key) = DecapsulationKey::new_from_slice(&case.bytes("seed")) else { return false };
        assert_eq!(key.encapsulation_key().to_bytes()[..], case.bytes("ek"), "test {}", case.id());
        let Ok(ciphertext) = Ciphertext::try_from(case.bytes("c").as_slice()) else { return false };
        key.decapsulate(&ciphertext)[..] == case.bytes("K")
    });
    assert_eq!(tally, Tally { groups: 2, valid: 153, invalid: 40, ..Tally::default() });
}
