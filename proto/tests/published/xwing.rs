//! X-Wing (draft-connolly-cfrg-xwing-kem): `x-wing`, as the session uses it.

use crate::support::{Replay, array, bytes, json, list};
use cssr_proto::keys::{PrekeySecret, ReplySecret, XWingPublicKey};
use x_wing::{Ciphertext, Decapsulate as _, DecapsulationKey, Decapsulator as _, Encapsulate as _, KeyExport as _};

#[test]
fn x_wing_gives_the_published_keys_ciphertexts_and_secrets() {
    let mut executed = 0;
    for vector in list(&json("xwing.json")) {
        let seed: [u8; 32] = array(vector, "seed");
        assert_eq!(array(vector, "sk"), seed);
        let public: [u8; 1216] = array(vector, "pk");
        let key = DecapsulationKey::from(seed);
        assert_eq!(key.encapsulation_key().to_bytes()[..], public);

        let mut randomness = Replay::new(bytes(vector, "eseed"));
        let (ciphertext, shared) = key.encapsulation_key().encapsulate_with_rng(&mut randomness);
        assert!(randomness.is_used_up());
        assert_eq!(ciphertext[..], bytes(vector, "ct"));
        assert_eq!(shared[..], bytes(vector, "ss"));

        let published = Ciphertext::try_from(bytes(vector, "ct").as_slice()).unwrap();
        assert_eq!(key.decapsulate(&published)[..], bytes(vector, "ss"));

        // The protocol's key types are these same keys.
        assert_eq!(PrekeySecret::from_bytes(seed).public().as_bytes(), &public);
        assert_eq!(ReplySecret::from_bytes(seed).public().as_bytes(), &public);
        assert_eq!(XWingPublicKey::from_bytes(&public).unwrap().as_bytes(), &public);
        executed += 1;
    }
    assert_eq!(executed, 3);
}
