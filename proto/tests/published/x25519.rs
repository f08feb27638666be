//! X25519 (RFC 7748): `x25519-dalek`, which authenticates letters, and the separate implementation inside `snow`.
//!
//! Wycheproof judges the bare function, which takes any 32 bytes; so do these tests. The protocol's own rules, stricter,
//! are tested here where they can be reached: `XWingPublicKey` refuses what is not canonical. `AuthPublicKey::check` and
//! the exchange that refuses an all-zero result are not public; what they rest on, `was_contributory`, is tested here.

use crate::support::{Case, Tally, json, list, wycheproof};
use cssr_proto::keys::XWingPublicKey;
use snow::params::DHChoice;
use snow::resolvers::{CryptoResolver as _, DefaultResolver};

const FILE: &str = "wycheproof_x25519_test.json";

fn run(accepts: impl FnMut(&Case<'_>) -> bool) -> Tally {
    wycheproof(FILE, "XDH", accepts)
}

#[test]
fn dalek_gives_the_published_results_and_knows_the_non_contributory_ones() {
    let tally = run(|case| {
        let secret = x25519_dalek::StaticSecret::from(case.array::<32>("private"));
        let shared = secret.diffie_hellman(&x25519_dalek::PublicKey::from(case.array::<32>("public")));
        assert_eq!(shared.as_bytes(), &case.array::<32>("shared"), "test {}", case.id());
        assert_eq!(shared.was_contributory(), !case.flagged("ZeroSharedSecret"), "test {}", case.id());
        shared.was_contributory()
    });
    // The 31 refused are those with an all-zero result: RFC 7748, section 6.1, lets us, and the protocol says so.
    assert_eq!(tally, Tally { groups: 1, valid: 264, acceptable: [223, 31], ..Tally::default() });
}

#[test]
fn snow_gives_the_published_results() {
    let tally = run(|case| {
        let mut dh = DefaultResolver.resolve_dh(&DHChoice::Curve25519).expect("X25519 is compiled in");
        dh.set(&case.array::<32>("private"));
        let mut shared = [0; 32];
        dh.dh(&case.array::<32>("public"), &mut shared).is_ok() && shared == case.array("shared")
    });
    // Noise leaves an all-zero result to the protocol: in NX the relay's static key is compared with the roster's.
    assert_eq!(tally, Tally { groups: 1, valid: 264, acceptable: [254, 0], ..Tally::default() });
}

/// Public keys at or above 2^255 - 19 that Wycheproof flags as of low order only.
const NON_CANONICAL_BUT_NOT_FLAGGED: std::ops::RangeInclusive<usize> = 74..=83;

#[test]
fn the_protocol_refuses_exactly_the_non_canonical_public_keys() {
    let xwing = json("xwing.json");
    let genuine: [u8; 1216] = crate::support::array(&list(&xwing)[0], "pk");
    let mut refused = 0;
    run(|case| {
        let mut key = genuine;
        key[1184..].copy_from_slice(&case.array::<32>("public"));
        let canonical = !case.flagged("NonCanonicalPublic") && !NON_CANONICAL_BUT_NOT_FLAGGED.contains(&case.id());
        assert_eq!(XWingPublicKey::from_bytes(&key).is_ok(), canonical, "test {}", case.id());
        refused += usize::from(!canonical);
        canonical
    });
    assert_eq!(refused, 29);
}
