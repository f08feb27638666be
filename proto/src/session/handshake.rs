//! The two messages of the handshake.
//!
//! The generator is asked for a fixed sequence of bytes, so that a test vector can name them: by the client for the
//! X-Wing seed (32) and the ephemeral key (32), by the relay for the ephemeral key (32) and the encapsulation (64).

use super::noise::Parts;
use super::{Announcement, HandshakeHash, Session, SessionError};
use crate::frame::all_zero;
use crate::hash::{Secret32, kdf};
use crate::keys::{RelayPublicKey, RelaySecretKey, below_field_prime};
use crate::labels;
use crate::sizes::{ANNOUNCEMENT, HANDSHAKE, TAG, X25519_KEY, XWING_CIPHERTEXT, XWING_PUBLIC_KEY, XWING_SEED};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use snow::HandshakeState;
use x_wing::{Decapsulate, DecapsulationKey, Decapsulator, Encapsulate, EncapsulationKey, KeyExport};
use zeroize::Zeroizing;

const PATTERN: &str = "Noise_NXpsk2_25519_ChaChaPoly_SHA256";
/// Where the pre-shared key is mixed in.
const PSK: usize = 2;
/// The payload of message 1: the X-Wing public key and zeros.
const OFFER: usize = HANDSHAKE - X25519_KEY - TAG;
/// The Noise part of message 2.
const ANSWER: usize = HANDSHAKE - XWING_CIPHERTEXT;

const _: () = assert!(ANSWER == X25519_KEY + X25519_KEY + TAG + ANNOUNCEMENT + TAG);

/// A client that has sent message 1 and waits for message 2.
pub struct ClientHandshake {
    noise: HandshakeState,
    key: DecapsulationKey,
    transcript: Sha256,
}

impl ClientHandshake {
    /// Begins a session: gives message 1, to be sent as it is.
    ///
    /// # Errors
    /// [`SessionError::Handshake`]; does not happen with a working generator.
    pub fn start<R: CryptoRng + ?Sized>(rng: &mut R) -> Result<(Self, [u8; HANDSHAKE]), SessionError> {
        let key = DecapsulationKey::from(*draw::<XWING_SEED, _>(rng));
        let mut noise = build(rng, None)?;
        let mut offer = [0; OFFER];
        offer.iter_mut().zip(key.encapsulation_key().to_bytes()).for_each(|(to, from)| *to = from);
        let mut message = [0; HANDSHAKE];
        exactly(noise.write_message(&offer, &mut message), HANDSHAKE)?;
        let transcript = Sha256::new().chain_update(message);
        Ok((Self { noise, key, transcript }, message))
    }

    /// Reads message 2. The session is with whoever holds the private half of the key that is returned: the caller
    /// must find it in the roster before it sends anything that depends on the person (protocol, section 4.6).
    ///
    /// # Errors
    /// [`SessionError::Handshake`] for everything that can be wrong with the message; [`SessionError::Version`] and
    /// [`SessionError::Announcement`] for what the relay says in it.
    pub fn finish(self, message: &[u8]) -> Result<(Session, Announcement, RelayPublicKey), SessionError> {
        let Self { mut noise, key, transcript } = self;
        let message: &[u8; HANDSHAKE] = message.try_into().map_err(|_| SessionError::Handshake)?;
        let (ciphertext, answer) = message.split_first_chunk().ok_or(SessionError::Handshake)?;
        let shared = Zeroizing::new(key.decapsulate(&(*ciphertext).into()).into());
        set_psk(&mut noise, transcript, &shared, ciphertext)?;
        let mut announcement = [0; ANNOUNCEMENT];
        exactly(noise.read_message(answer, &mut announcement), ANNOUNCEMENT)?;
        let relay = noise.get_remote_static().and_then(|key| key.try_into().ok()).ok_or(SessionError::Handshake)?;
        let announcement = Announcement::from_bytes(&announcement)?;
        Ok((into_session(noise)?, announcement, RelayPublicKey(relay)))
    }
}

impl std::fmt::Debug for ClientHandshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { noise: _, key: _, transcript: _ } = self;
        f.write_str("ClientHandshake(..)")
    }
}

/// Answers message 1 with message 2 and has the session.
///
/// # Errors
/// [`SessionError::Handshake`] for everything that can be wrong with the message.
pub fn accept<R: CryptoRng + ?Sized>(
    secret: &RelaySecretKey,
    announcement: &Announcement,
    message: &[u8],
    rng: &mut R,
) -> Result<(Session, [u8; HANDSHAKE]), SessionError> {
    let message: &[u8; HANDSHAKE] = message.try_into().map_err(|_| SessionError::Handshake)?;
    let mut noise = build(rng, Some(secret))?;
    let mut offer = [0; OFFER];
    exactly(noise.read_message(message, &mut offer), OFFER)?;
    let key = offered_key(&offer)?;

    let (ciphertext, shared) = key.encapsulate_with_rng(rng);
    let (ciphertext, shared): ([u8; XWING_CIPHERTEXT], _) = (ciphertext.into(), Zeroizing::new(shared.into()));
    set_psk(&mut noise, Sha256::new().chain_update(message), &shared, &ciphertext)?;
    let mut reply = [0; HANDSHAKE];
    let (head, answer) = reply.split_first_chunk_mut().ok_or(SessionError::Handshake)?;
    *head = ciphertext;
    exactly(noise.write_message(&announcement.to_bytes(), answer), ANSWER)?;
    Ok((into_session(noise)?, reply))
}

fn draw<const N: usize, R: CryptoRng + ?Sized>(rng: &mut R) -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    rng.fill_bytes(bytes.as_mut_slice());
    bytes
}

fn build<R: CryptoRng + ?Sized>(rng: &mut R, relay: Option<&RelaySecretKey>) -> Result<HandshakeState, SessionError> {
    let parts = Box::new(Parts::new(draw(rng)));
    let builder = PATTERN.parse().map(|pattern| snow::Builder::with_resolver(pattern, parts));
    let builder = builder.and_then(|builder| builder.prologue(labels::SESSION.as_bytes()));
    match relay {
        None => builder.and_then(snow::Builder::build_initiator),
        Some(secret) => builder.and_then(|b| b.local_private_key(secret.expose())).and_then(|b| b.build_responder()),
    }
    .map_err(|_| SessionError::Handshake)
}

/// The X-Wing key of message 1, and nothing but zeros after it.
fn offered_key(offer: &[u8; OFFER]) -> Result<EncapsulationKey, SessionError> {
    let (key, padding) = offer.split_first_chunk::<XWING_PUBLIC_KEY>().ok_or(SessionError::Handshake)?;
    let x25519: &[u8; X25519_KEY] = key.last_chunk().ok_or(SessionError::Handshake)?;
    if !all_zero(padding) || !below_field_prime(x25519, 0) {
        return Err(SessionError::Handshake);
    }
    EncapsulationKey::try_from(key.as_slice()).map_err(|_| SessionError::Handshake)
}

/// `KDF(shared secret, "cssr1 session psk", SHA-256(message 1 || ciphertext))`.
fn set_psk(
    noise: &mut HandshakeState,
    transcript: Sha256,
    shared: &Secret32,
    ciphertext: &[u8; XWING_CIPHERTEXT],
) -> Result<(), SessionError> {
    let transcript: [u8; 32] = transcript.chain_update(ciphertext).finalize().into();
    let psk = kdf(shared.as_slice(), labels::SESSION_PSK, &[&transcript]);
    noise.set_psk(PSK, psk.as_slice()).map_err(|_| SessionError::Handshake)
}

fn exactly(result: Result<usize, snow::Error>, size: usize) -> Result<(), SessionError> {
    if result == Ok(size) { Ok(()) } else { Err(SessionError::Handshake) }
}

fn into_session(noise: HandshakeState) -> Result<Session, SessionError> {
    let hash = noise.get_handshake_hash().try_into().map_err(|_| SessionError::Handshake)?;
    let transport = noise.into_transport_mode().map_err(|_| SessionError::Handshake)?;
    Ok(Session::new(transport, HandshakeHash(hash)))
}
