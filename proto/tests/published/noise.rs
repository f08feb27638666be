//! Noise `NXpsk2_25519_ChaChaPoly_SHA256` (revision 34): `snow`, as the session uses it.

use crate::support::{Replay, array, bytes, json, list, text};
use serde_json::Value;
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use snow::{Builder, HandshakeState};

/// Default primitives, and the vector's ephemeral key as all randomness there is.
struct FixedEphemeral([u8; 32]);

impl CryptoResolver for FixedEphemeral {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Replay::new(self.0.to_vec())))
    }
    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }
    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }
    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

impl Random for Replay {
    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), snow::Error> {
        self.fill(target);
        Ok(())
    }
}

/// Initiator and responder of a vector.
fn pair(vector: &Value) -> [HandshakeState; 2] {
    ["init", "resp"].map(|side| {
        let field = |name: &str| format!("{side}_{name}");
        let [psk] = list(&vector[field("psks")]) else { panic!("one pre-shared key") };
        let psk: [u8; 32] = crate::support::unhex(psk.as_str().unwrap()).try_into().unwrap();
        let prologue = bytes(vector, &field("prologue"));
        let resolver = FixedEphemeral(array(vector, &field("ephemeral")));
        let builder = Builder::with_resolver(text(vector, "protocol_name").parse().unwrap(), Box::new(resolver))
            .prologue(&prologue)
            .and_then(|builder| builder.psk(2, &psk))
            .unwrap();
        if side == "init" {
            builder.build_initiator().unwrap()
        } else {
            builder.local_private_key(&bytes(vector, "resp_static")).unwrap().build_responder().unwrap()
        }
    })
}

#[test]
fn the_session_s_handshake_and_transport_give_the_published_bytes() {
    let vectors = json("noise_nxpsk2.json");
    let [vector] = list(&vectors["vectors"]) else { panic!("one vector") };
    assert_eq!(text(vector, "protocol_name"), "Noise_NXpsk2_25519_ChaChaPoly_SHA256");
    let [mut initiator, mut responder] = pair(vector);
    let (handshake, transport) = list(&vector["messages"]).split_at(2);
    let [mut sent, mut received] = [[0; 256]; 2];

    for (index, message) in handshake.iter().enumerate() {
        let (from, to) = if index == 0 { (&mut initiator, &mut responder) } else { (&mut responder, &mut initiator) };
        let length = from.write_message(&bytes(message, "payload"), &mut sent).unwrap();
        assert_eq!(sent[..length], bytes(message, "ciphertext"));
        let length = to.read_message(&bytes(message, "ciphertext"), &mut received).unwrap();
        assert_eq!(received[..length], bytes(message, "payload"));
    }
    assert!(initiator.is_handshake_finished() && responder.is_handshake_finished());
    assert_eq!(initiator.get_handshake_hash(), bytes(vector, "handshake_hash"));
    assert_eq!(responder.get_handshake_hash(), bytes(vector, "handshake_hash"));

    let mut initiator = initiator.into_transport_mode().unwrap();
    let mut responder = responder.into_transport_mode().unwrap();
    for (index, message) in transport.iter().enumerate() {
        let (from, to) =
            if index % 2 == 0 { (&mut initiator, &mut responder) } else { (&mut responder, &mut initiator) };
        let length = from.write_message(&bytes(message, "payload"), &mut sent).unwrap();
        assert_eq!(sent[..length], bytes(message, "ciphertext"));
        let length = to.read_message(&bytes(message, "ciphertext"), &mut received).unwrap();
        assert_eq!(received[..length], bytes(message, "payload"));
    }
    assert_eq!([handshake.len(), transport.len()], [2, 4]);
}
