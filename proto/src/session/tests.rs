//! Handshakes and messages that were changed, swapped, cut, repeated, or made for somebody else.

use super::*;
use crate::frame::{Fields, Head};
use crate::keys::{RelayPublicKey, RelaySecretKey};
use crate::sizes::{HANDSHAKE, LARGE_FRAME, SMALL_FRAME, SMALL_PAYLOAD, XWING_CIPHERTEXT};
use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;

const ANNOUNCED: Announcement = Announcement { day: Day(20_000), letter_effort: 7, chunk_effort: 9, in_flight: 64 };

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn relay() -> RelaySecretKey {
    RelaySecretKey::from_bytes([5; 32])
}

fn start(seed: u8) -> (ClientHandshake, [u8; HANDSHAKE]) {
    ClientHandshake::start(&mut rng(seed)).unwrap()
}

fn answer(message: &[u8], seed: u8) -> Result<(Session, [u8; HANDSHAKE]), SessionError> {
    accept(&relay(), &ANNOUNCED, message, &mut rng(seed))
}

fn finish(client: ClientHandshake, message: &[u8]) -> Result<Session, SessionError> {
    client.finish(message).map(|(session, _, _)| session)
}

/// A client's and a relay's end of one session.
fn pair() -> (Session, Session) {
    let (client, first) = start(1);
    let (relay, second) = answer(&first, 2).unwrap();
    (finish(client, &second).unwrap(), relay)
}

fn frame(request: u16) -> Frame {
    Frame::small(Head::single(1, request), b"payload").unwrap()
}

fn large(request: u16) -> Frame {
    Frame::large(Head::single(5, request), &Fields::NONE, &[7; 16_256]).unwrap()
}

fn sealed_plain(session: &mut Session, plain: &[u8]) -> Vec<u8> {
    let mut wire = vec![0; plain.len() + TAG];
    session.transport.write_message(plain, &mut wire).unwrap();
    wire
}

#[test]
fn both_ends_have_the_same_session_and_the_client_learns_whose_it_is() {
    let (client, first) = start(1);
    let (mut relay_end, second) = answer(&first, 2).unwrap();
    let (mut client_end, announcement, key) = client.finish(&second).unwrap();
    assert_eq!(announcement, ANNOUNCED);
    assert_eq!(key, relay().public());
    assert_eq!(client_end.handshake_hash(), relay_end.handshake_hash());
    for request in 0..3 {
        for frame in [frame(request), large(request)] {
            let wire = client_end.seal(&frame).unwrap();
            assert_eq!(wire.len(), frame.as_plain().len() + TAG);
            assert_eq!(relay_end.open(&wire), Ok(frame.clone()));
            let wire = relay_end.seal(&frame).unwrap();
            assert_eq!(client_end.open(&wire), Ok(frame));
        }
    }
}

#[test]
fn the_same_randomness_makes_the_same_bytes_and_other_randomness_others() {
    let (_, first) = start(1);
    assert_eq!(start(1).1, first);
    assert_ne!(start(3).1, first);
    let (session, second) = answer(&first, 2).unwrap();
    let (again, second_again) = answer(&first, 2).unwrap();
    assert_eq!((second, session.hash), (second_again, again.hash));
    let (other, second_other) = answer(&first, 4).unwrap();
    assert_ne!(second_other, second);
    assert_ne!(other.hash, session.hash);
}

#[test]
fn a_first_message_with_any_changed_byte_is_refused() {
    let (_, first) = start(1);
    for at in 0..HANDSHAKE {
        let mut bad = first;
        bad[at] ^= 1 << (at % 8);
        assert_eq!(answer(&bad, 2).map(drop), Err(SessionError::Handshake), "byte {at}");
    }
}

#[test]
fn a_second_message_with_any_changed_byte_is_refused() {
    let (_, first) = start(1);
    let (_, second) = answer(&first, 2).unwrap();
    for at in 0..HANDSHAKE {
        let mut bad = second;
        bad[at] ^= 1 << (at % 8);
        assert_eq!(finish(start(1).0, &bad).map(drop), Err(SessionError::Handshake), "byte {at}");
    }
}

#[test]
fn handshake_messages_of_any_other_size_are_refused() {
    let (_, first) = start(1);
    let (_, second) = answer(&first, 2).unwrap();
    for size in [0, 1, 31, 32, XWING_CIPHERTEXT, HANDSHAKE - 1] {
        assert_eq!(answer(&first[..size], 2).map(drop), Err(SessionError::Handshake));
        assert_eq!(finish(start(1).0, &second[..size]).map(drop), Err(SessionError::Handshake));
    }
    assert_eq!(answer(&[&first[..], &[0]].concat(), 2).map(drop), Err(SessionError::Handshake));
    assert_eq!(finish(start(1).0, &[&second[..], &[0]].concat()).map(drop), Err(SessionError::Handshake));
}

#[test]
fn a_message_for_another_handshake_is_refused() {
    let (_, first) = start(1);
    let (_, second) = answer(&first, 2).unwrap();
    assert_eq!(finish(start(3).0, &second).map(drop), Err(SessionError::Handshake));
    assert_eq!(finish(start(1).0, &first).map(drop), Err(SessionError::Handshake));
    let halves = answer(&start(3).1, 2).unwrap().1;
    let mixed = [&halves[..XWING_CIPHERTEXT], &second[XWING_CIPHERTEXT..]].concat();
    assert_eq!(finish(start(1).0, &mixed).map(drop), Err(SessionError::Handshake));
}

#[test]
fn another_relay_cannot_pass_for_the_one_in_the_roster() {
    let impostor = RelaySecretKey::from_bytes([6; 32]);
    let (client, first) = start(1);
    let (_, second) = accept(&impostor, &ANNOUNCED, &first, &mut rng(2)).unwrap();
    let (_, _, key) = client.finish(&second).unwrap();
    assert_ne!(key, relay().public());
    assert_eq!(key, impostor.public());
}

/// Message 1 by the letter of Noise, with an offer that our client would not make.
fn first_message_with(offer: &[u8]) -> Vec<u8> {
    let parts = noise::Parts::new(zeroize::Zeroizing::new([3; 32]));
    let pattern = "Noise_NXpsk2_25519_ChaChaPoly_SHA256".parse().unwrap();
    let builder = snow::Builder::with_resolver(pattern, Box::new(parts)).prologue(b"cssr1 session").unwrap();
    let mut message = vec![0; 65_535];
    let size = builder.build_initiator().unwrap().write_message(offer, &mut message).unwrap();
    message.truncate(size);
    message
}

fn honest_offer() -> Vec<u8> {
    use x_wing::{Decapsulator, KeyExport};
    let key = x_wing::DecapsulationKey::from([4; 32]);
    let mut offer = key.encapsulation_key().to_bytes().to_vec();
    offer.resize(1_488, 0);
    offer
}

#[test]
fn an_offer_with_padding_or_with_a_bad_key_is_refused() {
    assert!(answer(&first_message_with(&honest_offer()), 2).is_ok(), "the test's own message is good");
    for at in [1_216, 1_300, 1_487] {
        let mut offer = honest_offer();
        offer[at] = 1;
        assert_eq!(answer(&first_message_with(&offer), 2).map(drop), Err(SessionError::Handshake), "{at}");
    }
    let mut not_reduced = honest_offer();
    not_reduced[..3].fill(0xff);
    assert_eq!(answer(&first_message_with(&not_reduced), 2).map(drop), Err(SessionError::Handshake));
    let mut not_canonical = honest_offer();
    not_canonical[1_215] |= 0x80;
    assert_eq!(answer(&first_message_with(&not_canonical), 2).map(drop), Err(SessionError::Handshake));
    let mut short = honest_offer();
    short.pop();
    assert_eq!(answer(&first_message_with(&short), 2).map(drop), Err(SessionError::Handshake));
}

#[test]
fn noise_keys_that_are_not_canonical_or_of_small_order_are_refused() {
    use snow::resolvers::CryptoResolver;
    let parts = noise::Parts::new(zeroize::Zeroizing::new([3; 32]));
    let mut dh = parts.resolve_dh(&snow::params::DHChoice::Curve25519).unwrap();
    dh.set(&[9; 32]);
    let mut out = [0; 56];
    let good = relay().public().0;
    assert!(dh.dh(&good, &mut out).is_ok());
    let mut top_bit = good;
    top_bit[31] |= 0x80;
    let mut prime = [0xff; 32];
    (prime[0], prime[31]) = (0xed, 0x7f);
    let one = std::array::from_fn(|i| u8::from(i == 0));
    for bad in [top_bit, prime, [0; 32], one] {
        assert!(dh.dh(&bad, &mut out).is_err());
    }
}

/// The relay's part once more, from the text of the protocol and with snow's own parts.
fn accept_by_the_book(first: &[u8]) -> (snow::TransportState, Vec<u8>) {
    use sha2::{Digest, Sha256};
    use snow::resolvers::{DefaultResolver, FallbackResolver};
    use x_wing::Encapsulate;
    let rng_only = noise::Parts::new(zeroize::Zeroizing::new([3; 32]));
    let resolver = FallbackResolver::new(Box::new(DefaultResolver), Box::new(rng_only));
    let pattern = "Noise_NXpsk2_25519_ChaChaPoly_SHA256".parse().unwrap();
    let builder = snow::Builder::with_resolver(pattern, Box::new(resolver)).prologue(b"cssr1 session").unwrap();
    let mut noise = builder.local_private_key(&[5; 32]).unwrap().build_responder().unwrap();
    let mut offer = [0xff; 1_488];
    assert_eq!(noise.read_message(first, &mut offer), Ok(1_488));
    assert_eq!(offer[1_216..], [0; 272]);
    let key = x_wing::EncapsulationKey::try_from(&offer[..1_216]).unwrap();
    let (ciphertext, shared) = key.encapsulate_with_rng(&mut rng(4));
    let transcript = Sha256::new().chain_update(first).chain_update(ciphertext).finalize();
    let info = [&b"\x11cssr1 session psk"[..], &transcript].concat();
    let mut psk = [0; 32];
    hkdf::Hkdf::<Sha256>::new(Some(&[]), &shared).expand(&info, &mut psk).unwrap();
    noise.set_psk(2, &psk).unwrap();
    let announcement = [&[0, 1, 0, 0, 0x4e, 0x20, 0, 0, 0, 7, 0, 0, 0, 9, 0, 64][..], &[0; 304]].concat();
    let mut answer = vec![0; 416];
    assert_eq!(noise.write_message(&announcement, &mut answer), Ok(416));
    (noise.into_transport_mode().unwrap(), [&ciphertext[..], &answer].concat())
}

#[test]
fn a_relay_written_from_the_protocols_text_is_understood() {
    let (client, first) = start(1);
    let (mut by_the_book, second) = accept_by_the_book(&first);
    let (mut session, announcement, key) = client.finish(&second).unwrap();
    assert_eq!((announcement, key), (ANNOUNCED, relay().public()));
    let mut plain = [0; SMALL_FRAME];
    assert_eq!(by_the_book.read_message(&session.seal(&frame(1)).unwrap(), &mut plain), Ok(SMALL_FRAME));
    assert_eq!(plain, frame(1).as_plain());
}

#[test]
fn our_parts_and_snows_own_understand_each_other() {
    use snow::resolvers::{CryptoResolver, DefaultResolver};
    use snow::types::{Cipher, Dh};
    let parts = noise::Parts::new(zeroize::Zeroizing::new([3; 32]));
    let both: [&dyn CryptoResolver; 2] = [&parts, &DefaultResolver];
    let [ours, theirs]: [Box<dyn Dh>; 2] = both.map(|resolver| {
        let mut dh = resolver.resolve_dh(&snow::params::DHChoice::Curve25519).unwrap();
        dh.set(&[9; 32]);
        dh
    });
    assert_eq!((ours.name(), ours.pubkey()), (theirs.name(), theirs.pubkey()));
    let (mut a, mut b) = ([0; 56], [0; 56]);
    ours.dh(&relay().public().0, &mut a).unwrap();
    theirs.dh(&relay().public().0, &mut b).unwrap();
    assert_eq!(a, b);
    let [ours, theirs]: [Box<dyn Cipher>; 2] = both.map(|resolver| {
        let mut cipher = resolver.resolve_cipher(&snow::params::CipherChoice::ChaChaPoly).unwrap();
        cipher.set(&[8; 32]);
        cipher
    });
    for counter in [0, 1, 0x0102_0304_0506_0708] {
        let (mut a, mut b) = ([0; 40], [0; 40]);
        assert_eq!(ours.encrypt(counter, b"aad", &[1; 24], &mut a), theirs.encrypt(counter, b"aad", &[1; 24], &mut b));
        assert_eq!((ours.name(), a), (theirs.name(), b));
        assert_eq!(ours.decrypt(counter, b"aad", &b, &mut [0; 24]), Ok(24));
        assert!(ours.decrypt(counter + 1, b"aad", &b, &mut [0; 24]).is_err());
        assert!(ours.decrypt(counter, b"aae", &b, &mut [0; 24]).is_err());
        assert!(ours.decrypt(counter, b"aad", &b, &mut [0; 23]).is_err());
        assert!(ours.decrypt(counter, b"aad", &b[..15], &mut [0; 24]).is_err());
    }
}

#[test]
fn the_generator_is_asked_for_one_key_only() {
    use snow::resolvers::CryptoResolver;
    let parts = noise::Parts::new(zeroize::Zeroizing::new([3; 32]));
    let mut drawn = parts.resolve_rng().unwrap();
    assert!(parts.resolve_rng().is_none());
    assert!(drawn.try_fill_bytes(&mut [0; 32]).is_ok());
    assert!(drawn.try_fill_bytes(&mut [0; 32]).is_err(), "one key never comes twice");
}

#[test]
fn an_announcement_survives_its_encoding_and_nothing_else_does() {
    let bytes = ANNOUNCED.to_bytes();
    assert_eq!(Announcement::from_bytes(&bytes), Ok(ANNOUNCED));
    let set = |at: usize, with: &[u8]| {
        let mut bad = bytes;
        bad[at..at + with.len()].copy_from_slice(with);
        Announcement::from_bytes(&bad)
    };
    assert_eq!(set(0, &[0, 2]), Err(SessionError::Version(2)));
    assert_eq!(set(2, &[0, 0, 0, 3]), Err(SessionError::Announcement), "a day before the first");
    assert_eq!(set(14, &[0, 0]), Err(SessionError::Announcement), "no request may ever be sent");
    for at in 16..ANNOUNCEMENT {
        assert_eq!(set(at, &[1]), Err(SessionError::Announcement), "padding {at}");
    }
}

#[test]
fn a_replayed_message_ends_the_session() {
    let (mut client, mut relay) = pair();
    let wire = client.seal(&frame(1)).unwrap();
    assert!(relay.open(&wire).is_ok());
    assert_eq!(relay.open(&wire), Err(SessionError::Unreadable));
    let next = client.seal(&frame(2)).unwrap();
    assert_eq!(relay.open(&next), Err(SessionError::Ended));
    assert_eq!(relay.seal(&frame(1)).map(drop), Err(SessionError::Ended));
}

#[test]
fn a_reordered_or_dropped_message_ends_the_session() {
    let (mut client, mut relay) = pair();
    let (first, second) = (client.seal(&frame(1)).unwrap(), client.seal(&frame(2)).unwrap());
    assert_eq!(relay.open(&second), Err(SessionError::Unreadable));
    assert_eq!(relay.open(&first), Err(SessionError::Ended));
}

#[test]
fn a_message_with_any_changed_byte_ends_the_session() {
    for at in (0..SMALL_WIRE).step_by(31).chain(SMALL_WIRE - TAG..SMALL_WIRE) {
        let (mut client, mut relay) = pair();
        let mut wire = client.seal(&frame(1)).unwrap();
        wire[at] ^= 0x10;
        assert_eq!(relay.open(&wire), Err(SessionError::Unreadable), "byte {at}");
    }
}

#[test]
fn ones_own_message_and_one_of_another_session_end_the_session() {
    let (mut client, _) = pair();
    let wire = client.seal(&frame(1)).unwrap();
    assert_eq!(client.open(&wire), Err(SessionError::Unreadable));
    let (client, first) = start(3);
    let (_, second) = answer(&first, 2).unwrap();
    let mut other = finish(client, &second).unwrap();
    assert_eq!(pair().1.open(&other.seal(&frame(1)).unwrap()), Err(SessionError::Unreadable));
}

#[test]
fn messages_of_any_other_size_end_the_session() {
    for size in [0, TAG, SMALL_WIRE - 1, SMALL_WIRE + 1, LARGE_WIRE - 1, LARGE_WIRE + 1, 65_536] {
        let (_, mut relay) = pair();
        assert_eq!(relay.open(&vec![0; size]), Err(SessionError::Unreadable), "{size}");
        assert_eq!(relay.open(&vec![0; SMALL_WIRE]), Err(SessionError::Ended));
    }
    // Authentic, but of a size that no frame has.
    let (mut client, mut relay) = pair();
    let wire = sealed_plain(&mut client, &[0; SMALL_FRAME + 1]);
    assert_eq!(relay.open(&wire), Err(SessionError::Unreadable));
}

#[test]
fn an_authentic_frame_that_is_malformed_is_answered_once_and_ends_the_reading() {
    let (mut client, mut relay) = pair();
    let mut plain = frame(0x1234).as_plain().to_vec();
    plain[16 + SMALL_PAYLOAD - 1] = 1;
    let wire = sealed_plain(&mut client, &plain);
    assert_eq!(relay.open(&wire), Err(SessionError::Malformed { request: 0x1234 }));
    let next = client.seal(&frame(2)).unwrap();
    assert_eq!(relay.open(&next), Err(SessionError::Ended));
    let goodbye = relay.seal(&frame(0x1234)).unwrap();
    assert!(client.open(&goodbye).is_ok());
}

#[test]
fn a_buffer_can_be_used_again_for_frames_of_both_sizes() {
    let (mut client, mut relay) = pair();
    let mut wire = vec![0xaa; LARGE_FRAME * 2];
    for frame in [large(1), frame(2), large(3)] {
        client.seal_into(&frame, &mut wire).unwrap();
        assert_eq!(relay.open(&wire), Ok(frame));
    }
}

#[test]
fn an_idle_session_is_small() {
    assert!(size_of::<Session>() <= 512, "{}", size_of::<Session>());
}

#[test]
fn debug_shows_nothing_of_a_session() {
    let (client, _) = start(1);
    assert_eq!(format!("{client:?}"), "ClientHandshake(..)");
    let (client, _) = pair();
    assert_eq!(format!("{client:?} {:?}", client.handshake_hash()), "Session(..) HandshakeHash(..)");
    assert_ne!(relay().public(), RelayPublicKey([0; 32]));
}
