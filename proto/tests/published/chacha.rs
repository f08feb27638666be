//! ChaCha20-Poly1305 (RFC 8439) and XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): `chacha20poly1305`.

use crate::support::{Tally, unhex, wycheproof};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, XChaCha20Poly1305};

#[test]
fn chacha20_poly1305_seals_as_published_and_opens_nothing_else() {
    let mut wrong_nonce_sizes = 0;
    let tally = wycheproof("wycheproof_chacha20_poly1305_test.json", "CHACHA20-POLY1305", |case| {
        let aead = ChaCha20Poly1305::new(&case.array::<32>("key").into());
        // A nonce of another size cannot be expressed: the type refuses it.
        let Ok(nonce) = <[u8; 12]>::try_from(case.bytes("iv")) else {
            wrong_nonce_sizes += 1;
            return false;
        };
        let (msg, aad) = (case.bytes("msg"), case.bytes("aad"));
        let sealed = [case.bytes("ct"), case.bytes("tag")].concat();
        let made = aead.encrypt(&nonce.into(), Payload { msg: &msg, aad: &aad }).unwrap();
        assert_eq!(made == sealed, case.valid(), "test {}", case.id());
        match aead.decrypt(&nonce.into(), Payload { msg: &sealed, aad: &aad }) {
            Ok(opened) => opened == msg,
            Err(_) => false,
        }
    });
    assert_eq!(tally, Tally { groups: 10, valid: 256, invalid: 69, ..Tally::default() });
    assert_eq!(wrong_nonce_sizes, 9);
}

#[test]
fn xchacha20_poly1305_seals_as_in_appendix_a_3_1_of_its_draft() {
    let key: Vec<u8> = (0x80..=0x9f).collect();
    let nonce: [u8; 24] = std::array::from_fn(|i| 0x40 + i as u8);
    let aad = unhex("50515253c0c1c2c3c4c5c6c7");
    let msg = b"Ladies and Gentlemen of the class of '99: \
        If I could offer you only one tip for the future, sunscreen would be it.";
    let sealed = unhex(concat!(
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39",
        "ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9",
        "21f9664c97637da9768812f615c68b13b52e",
        "c0875924c1c7987947deafd8780acf49",
    ));
    let aead = XChaCha20Poly1305::new_from_slice(&key).unwrap();
    assert_eq!(aead.encrypt(&nonce.into(), Payload { msg, aad: &aad }).unwrap(), sealed);
    assert_eq!(aead.decrypt(&nonce.into(), Payload { msg: &sealed, aad: &aad }).unwrap(), msg);
    for index in 0..sealed.len() {
        let mut broken = sealed.clone();
        broken[index] ^= 1;
        assert!(aead.decrypt(&nonce.into(), Payload { msg: &broken, aad: &aad }).is_err(), "byte {index}");
    }
}
