use crate::Outcome;
use crate::case::{Case, Value};
use crate::letter::Script;
use crate::primitives::kdf;
use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce};
use cssr_proto::frame::{Frame, Head};
use cssr_proto::keys::RelaySecretKey;
use cssr_proto::session::{Announcement, ClientHandshake, Session, SessionError, accept};
use cssr_proto::{Day, sha256};

/// A relay's part.
pub fn relay(case: &Case) -> Outcome {
    let (secret, randomness, announcement) = relay_given(case);
    let first = case.given("message-1").bytes();
    let (mut session, second) = answer(&secret, &randomness, &announcement, &first).map_err(refusal)?;
    case.expect("message-2", second);
    check_agreed(case, &mut session, &first, &second, "key-to-client");
    let (_, shared) = {
        use x_wing::Encapsulate as _;
        let key = x_wing::EncapsulationKey::try_from(case.output("x-wing-key").bytes().as_slice()).unwrap();
        key.encapsulate_with_rng(&mut Script(randomness[32..].to_vec()))
    };
    case.expect("shared-secret", shared.as_slice());
    Ok(())
}

/// A client's part.
pub fn client(case: &Case) -> Outcome {
    let (handshake, first) = start(case);
    let second = case.given("message-2").bytes();
    let (mut session, announcement, relay) = handshake.finish(&second).map_err(refusal)?;
    case.expect("message-1", first);
    case.expect("x-wing-key", x_wing_key(case));
    case.expect("relay-key", relay.as_bytes());
    case.expect("day", announcement.day.0);
    case.expect("letter-effort", announcement.letter_effort);
    case.expect("chunk-effort", announcement.chunk_effort);
    case.expect("in-flight", u32::from(announcement.in_flight));
    check_agreed(case, &mut session, &first, &second, "key-to-relay");
    let shared: [u8; 32] = {
        use x_wing::Decapsulate as _;
        let key = x_wing::DecapsulationKey::from(case.given("x-wing-seed").array::<32>());
        key.decapsulate(&second[..1_120].try_into().unwrap()).into()
    };
    case.expect("shared-secret", shared);

    // Our relay makes the same of it, unless this one has made its ciphertext in another way.
    let randomness = [case.source("relay-ephemeral-key").bytes(), case.source("relay-encapsulation").bytes()].concat();
    let secret = RelaySecretKey::from_bytes(case.source("relay-private-key").array());
    assert!(secret.public() == relay);
    let (_, again) = answer(&secret, &randomness, &announcement, &first).unwrap();
    assert_eq!(again.as_slice() == second, !case.path().ends_with("ciphertext-low-order.txt"), "{}", case.path());
    Ok(())
}

/// What goes through a session in one direction.
pub fn transport(case: &Case) -> Outcome {
    let (handshake, first) = start(case);
    let (secret, randomness, announcement) = relay_given(case);
    let (mut relay, second) = answer(&secret, &randomness, &announcement, &first).unwrap();
    let (mut client, ..) = handshake.finish(&second).unwrap();
    let (reader, writer) = match case.given("reader").text().as_str() {
        "relay" => (&mut relay, &mut client),
        "client" => (&mut client, &mut relay),
        other => panic!("{other}"),
    };
    let messages: Vec<Vec<u8>> = case.all("message").iter().map(Value::bytes).collect();
    let frames = messages.iter().map(|message| reader.open(message)).collect::<Result<Vec<_>, _>>().map_err(refusal)?;
    case.expect_all("frame", frames.iter().map(Frame::as_plain));
    for (counter, (frame, message)) in (0..).zip(frames.iter().zip(&messages)) {
        assert_eq!(writer.seal(frame).unwrap(), *message);
        assert_eq!(open(&case.output("key"), counter, message), frame.as_plain());
    }
    Ok(())
}

fn start(case: &Case) -> (ClientHandshake, [u8; 1_536]) {
    let secrets = [case.given("x-wing-seed").bytes(), case.given("client-ephemeral-key").bytes()].concat();
    let mut script = Script(secrets);
    let started = ClientHandshake::start(&mut script).unwrap();
    assert!(script.0.is_empty());
    started
}

fn x_wing_key(case: &Case) -> Vec<u8> {
    use x_wing::{Decapsulator as _, KeyExport as _};
    let key = x_wing::DecapsulationKey::from(case.given("x-wing-seed").array::<32>());
    key.encapsulation_key().to_bytes().to_vec()
}

/// Its static key, its randomness, what it announces.
fn relay_given(case: &Case) -> (RelaySecretKey, Vec<u8>, Announcement) {
    let randomness = [case.given("relay-ephemeral-key").bytes(), case.given("relay-encapsulation").bytes()].concat();
    let announcement = Announcement {
        day: Day(case.given("day").small()),
        letter_effort: case.given("letter-effort").small(),
        chunk_effort: case.given("chunk-effort").small(),
        in_flight: case.given("in-flight").small().try_into().unwrap(),
    };
    (RelaySecretKey::from_bytes(case.given("relay-private-key").array()), randomness, announcement)
}

fn answer(
    secret: &RelaySecretKey,
    randomness: &[u8],
    announcement: &Announcement,
    first: &[u8],
) -> Result<(Session, [u8; 1_536]), SessionError> {
    let mut script = Script(randomness.to_vec());
    let answered = accept(secret, announcement, first, &mut script)?;
    assert!(script.0.is_empty());
    Ok(answered)
}

/// What both sides have in the end. `own` is the key that this side seals with.
fn check_agreed(case: &Case, session: &mut Session, first: &[u8], second: &[u8], own: &str) {
    case.expect("handshake-hash", session.handshake_hash().as_bytes());
    let transcript = sha256(&[first, &second[..1_120]].concat());
    case.expect("psk", kdf(&case.output("shared-secret").bytes(), "cssr1 session psk", &transcript));
    let frame = Frame::small(Head::single(1, 2), b"a payload").unwrap();
    let sealed = session.seal(&frame).unwrap();
    assert_eq!(open(&case.output(own), 0, &sealed), frame.as_plain());
    let other = if own == "key-to-relay" { "key-to-client" } else { "key-to-relay" };
    let key = ChaCha20Poly1305::new(&case.output(other).array::<32>().into());
    let answer = key.encrypt(&Nonce::default(), frame.as_plain()).unwrap();
    assert_eq!(session.open(&answer), Ok(frame));
}

fn open(key: &Value, counter: u64, message: &[u8]) -> Vec<u8> {
    let nonce: [u8; 12] = [&[0; 4][..], &counter.to_le_bytes()].concat().try_into().unwrap();
    ChaCha20Poly1305::new(&key.array::<32>().into()).decrypt(&Nonce::from(nonce), message).unwrap()
}

fn refusal(error: SessionError) -> &'static str {
    match error {
        SessionError::Handshake => "handshake",
        SessionError::Version(_) => "version",
        SessionError::Announcement => "announcement",
        SessionError::Unreadable => "unreadable",
        SessionError::Malformed { .. } => "malformed",
        other => panic!("{other}"),
    }
}
