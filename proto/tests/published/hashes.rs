//! HMAC-SHA256 (RFC 2104) and HKDF-SHA256 (RFC 5869): `hmac`, `hkdf`, `sha2`.

use crate::support::{Tally, number, wycheproof};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

#[test]
fn hmac_gives_the_published_tags_and_refuses_modified_ones() {
    let mut computed = 0;
    let tally = wycheproof("wycheproof_hmac_sha256_test.json", "HMACSHA256", |case| {
        let tag = case.bytes("tag");
        assert_eq!(tag.len() * 8, number(case.group, "tagSize"));
        let mut mac = Hmac::<Sha256>::new_from_slice(&case.bytes("key")).expect("any key length will do");
        mac.update(&case.bytes("msg"));
        if case.valid() {
            assert_eq!(mac.clone().finalize().into_bytes()[..tag.len()], tag, "test {}", case.id());
            computed += 1;
        }
        if tag.len() == 32 { mac.verify_slice(&tag).is_ok() } else { mac.verify_truncated_left(&tag).is_ok() }
    });
    assert_eq!(tally, Tally { groups: 6, valid: 66, invalid: 108, ..Tally::default() });
    assert_eq!(computed, 66);
}

#[test]
fn hkdf_gives_the_published_keys_and_refuses_too_long_ones() {
    let tally = wycheproof("wycheproof_hkdf_sha256_test.json", "HKDF-SHA-256", |case| {
        let mut okm = vec![0; number(case.test, "size")];
        let hkdf = Hkdf::<Sha256>::new(Some(&case.bytes("salt")), &case.bytes("ikm"));
        hkdf.expand(&case.bytes("info"), &mut okm).is_ok() && okm == case.bytes("okm")
    });
    assert_eq!(tally, Tally { groups: 5, valid: 83, invalid: 3, ..Tally::default() });
}

#[test]
fn an_absent_salt_is_an_empty_one() {
    // The protocol's KDF gives no salt; the vectors give an empty one.
    let mut without = 0;
    wycheproof("wycheproof_hkdf_sha256_test.json", "HKDF-SHA-256", |case| {
        if !case.bytes("salt").is_empty() || !case.valid() {
            return case.valid();
        }
        without += 1;
        let mut okm = vec![0; number(case.test, "size")];
        Hkdf::<Sha256>::new(None, &case.bytes("ikm")).expand(&case.bytes("info"), &mut okm).unwrap();
        assert_eq!(okm, case.bytes("okm"), "test {}", case.id());
        true
    });
    assert_eq!(without, 23);
}
