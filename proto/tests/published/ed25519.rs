//! Ed25519 (RFC 8032): `ed25519-dalek` with strict verification, as statements are verified.

use crate::support::{Tally, array, json, list, text, unhex, wycheproof};
use cssr_proto::keys::RootKey;
use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};

const FILE: &str = "wycheproof_ed25519_test.json";

#[test]
fn strict_verification_agrees_with_every_published_verdict() {
    let tally = wycheproof(FILE, "EDDSA", |case| {
        let key = VerifyingKey::from_bytes(&array(&case.group["publicKey"], "pk"));
        let signature = Signature::from_slice(&case.bytes("sig"));
        let (Ok(key), Ok(signature)) = (key, signature) else { return false };
        key.verify_strict(&case.bytes("msg"), &signature).is_ok()
    });
    // No disagreements: nothing valid is refused and nothing invalid accepted. What the strict rule refuses beyond
    // RFC 8032, a key or an R of small order, does not occur in a valid case of this file; the next test has it.
    assert_eq!(tally, Tally { groups: 78, valid: 88, invalid: 63, ..Tally::default() });
}

/// The neutral element, of order one.
const NEUTRAL: &str = "0100000000000000000000000000000000000000000000000000000000000000";
const ZERO: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// As a scalar; the same bytes as the neutral element.
const ONE: &str = NEUTRAL;
/// The base point, of large order.
const BASE: &str = "5866666666666666666666666666666666666666666666666666666666666666";
/// The public key of `SEEDS[0]`, with the private scalar `a`.
const HONEST: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/// Key, R and S that satisfy the equation `[S]B = R + [k]A` of RFC 8032, section 5.1.7, for the message `strict`, and
/// that only strict verification refuses.
const SMALL_ORDER: [(&str, [&str; 3]); 3] = [
    ("key and R: for every message", [NEUTRAL, NEUTRAL, ZERO]),
    ("key: for every message", [NEUTRAL, BASE, ONE]),
    // S = k a, with k = SHA-512(R || A || message).
    ("R", [HONEST, NEUTRAL, "da60b2da9a36c3be52a83e472fa3693ad39c9d80019737e8dcf995ad9966fa07"]),
];

#[test]
fn strict_verification_refuses_small_order_where_the_plain_one_accepts() {
    for (what, [key, r, s]) in SMALL_ORDER {
        let key = VerifyingKey::from_bytes(&unhex(key).try_into().unwrap()).unwrap();
        let signature = Signature::from_slice(&[unhex(r), unhex(s)].concat()).unwrap();
        assert!(key.verify(b"strict", &signature).is_ok(), "{what}");
        assert!(key.verify_strict(b"strict", &signature).is_err(), "{what}");
    }
}

/// Seeds of RFC 8032, section 7.1 (tests 1, 2, 3, 1024); Wycheproof has their public keys and signatures.
const SEEDS: [(&str, &str); 4] = [
    ("Test 1", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"),
    ("Test 2", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
    ("Test 3", "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"),
    ("Test 1024", "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5"),
];

#[test]
fn signing_gives_the_published_keys_and_signatures() {
    let vectors = json(FILE);
    for (name, seed) in SEEDS {
        let seed: [u8; 32] = unhex(seed).try_into().unwrap();
        let comment = format!("draft-josefsson-eddsa-ed25519-02: {name}");
        let (group, test) = list(&vectors["testGroups"])
            .iter()
            .flat_map(|group| list(&group["tests"]).iter().map(move |test| (group, test)))
            .find(|(_, test)| text(test, "comment") == comment)
            .expect("the test is in the file");
        let public: [u8; 32] = array(&group["publicKey"], "pk");
        assert_eq!(SigningKey::from_bytes(&seed).verifying_key().as_bytes(), &public, "{name}");
        assert_eq!(RootKey::from_bytes(seed).public().as_bytes(), &public, "{name}");
        let signature = SigningKey::from_bytes(&seed).sign(&crate::support::bytes(test, "msg"));
        assert_eq!(signature.to_bytes(), array(test, "sig"), "{name}");
    }
}
