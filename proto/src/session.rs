//! The session: Noise with an X-Wing encapsulation as its pre-shared key (protocol, section 11).
//!
//! ```text
//! message 1 (1,536) = Noise message 1 with payload: X-Wing public key (1,216) || zeros (272)
//! message 2 (1,536) = X-Wing ciphertext (1,120) || Noise message 2 with payload: announcement (320)
//! psk               = KDF(X-Wing shared secret, "cssr1 session psk", SHA-256(message 1 || X-Wing ciphertext))
//! ```
//!
//! A client goes from [`ClientHandshake::start`] to [`ClientHandshake::finish`], a relay calls [`accept`]; both then
//! have a [`Session`]. There is no I/O here: the caller carries the bytes.

mod cipher;
mod handshake;
mod noise;
#[cfg(test)]
mod tests;

pub use handshake::{ClientHandshake, accept};

use crate::cbor::Malformed;
use crate::frame::{Frame, all_zero};
use crate::sizes::{ANNOUNCEMENT, HASH, LARGE_WIRE, SMALL_WIRE, TAG};
use crate::time::Day;

/// What the relay announces to everyone, inside the handshake.
///
/// ```text
/// u16(version = 1) || u32(day) || u32(letter effort) || u32(chunk effort) || u16(requests in flight) || zeros (304)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The relay's day.
    pub day: Day,
    /// Effort of the postage for a letter; 0 is free.
    pub letter_effort: u32,
    /// Effort of the postage for 64 chunks; 0 is free.
    pub chunk_effort: u32,
    /// Requests that may be unanswered at a time, 1 or more.
    pub in_flight: u16,
}

impl Announcement {
    const VERSION: u16 = 1;

    fn to_bytes(self) -> [u8; ANNOUNCEMENT] {
        let Self { day, letter_effort, chunk_effort, in_flight } = self;
        let mut bytes = [0; ANNOUNCEMENT];
        let parts = Self::VERSION.to_be_bytes().into_iter().chain(day.0.to_be_bytes());
        let parts = parts.chain(letter_effort.to_be_bytes()).chain(chunk_effort.to_be_bytes());
        for (place, byte) in bytes.iter_mut().zip(parts.chain(in_flight.to_be_bytes())) {
            *place = byte;
        }
        bytes
    }

    fn from_bytes(bytes: &[u8; ANNOUNCEMENT]) -> Result<Self, SessionError> {
        let [v0, v1, d0, d1, d2, d3, l0, l1, l2, l3, c0, c1, c2, c3, f0, f1, padding @ ..] = bytes;
        let version = u16::from_be_bytes([*v0, *v1]);
        if version != Self::VERSION {
            return Err(SessionError::Version(version));
        }
        let announcement = Self {
            day: Day(u32::from_be_bytes([*d0, *d1, *d2, *d3])),
            letter_effort: u32::from_be_bytes([*l0, *l1, *l2, *l3]),
            chunk_effort: u32::from_be_bytes([*c0, *c1, *c2, *c3]),
            in_flight: u16::from_be_bytes([*f0, *f1]),
        };
        if announcement.day < Day::FIRST || announcement.in_flight == 0 || !all_zero(padding) {
            return Err(SessionError::Announcement);
        }
        Ok(announcement)
    }
}

/// The hash of the whole handshake: it names the session in postage and in a courier's signature.
///
/// Its `Debug` shows nothing, since it ties what a person sent to one connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HandshakeHash([u8; HASH]);

impl HandshakeHash {
    /// Takes the 32 bytes of a handshake hash, for test vectors.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; HASH]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HASH] {
        &self.0
    }
}

impl std::fmt::Debug for HandshakeHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(_) = self;
        f.write_str("HandshakeHash(..)")
    }
}

/// Why a session cannot begin or go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The handshake failed. Which part of it did is nobody's business.
    #[error("the handshake failed")]
    Handshake,
    /// The relay announces another version of the protocol.
    #[error("the relay speaks version {0} of the protocol")]
    Version(u16),
    /// The relay announces what no relay may: a day before the first, no requests at all, or bytes without a meaning.
    #[error("the relay's announcement breaks the protocol")]
    Announcement,
    /// A message of a wrong size, or one that does not decrypt: not from the peer, or not in its order. The session
    /// is over, and so is the connection.
    #[error("unreadable message")]
    Unreadable,
    /// The peer itself sent a frame that breaks the protocol. Nothing more is read; a relay may still answer the
    /// request with the error *malformed* before it closes.
    #[error("the other side sent a malformed frame")]
    Malformed {
        /// The request number that the frame gave.
        request: u16,
    },
    /// The session ended with an earlier error.
    #[error("the session is over")]
    Ended,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Nothing more is read, but a last error may be written.
    Closing,
    Over,
}

/// An established session: seals and opens frames in order. Holds some 500 bytes.
pub struct Session {
    transport: snow::TransportState,
    hash: HandshakeHash,
    state: State,
}

impl Session {
    fn new(transport: snow::TransportState, hash: HandshakeHash) -> Self {
        Self { transport, hash, state: State::Open }
    }

    /// The hash that names this session.
    #[must_use]
    pub const fn handshake_hash(&self) -> &HandshakeHash {
        &self.hash
    }

    /// Encrypts a frame as the next message of this side, 528 or 16,400 bytes.
    ///
    /// # Errors
    /// [`SessionError::Ended`]: the session is over.
    pub fn seal(&mut self, frame: &Frame) -> Result<Vec<u8>, SessionError> {
        let mut wire = Vec::new();
        self.seal_into(frame, &mut wire)?;
        Ok(wire)
    }

    /// Like [`seal`](Self::seal), into a buffer that the caller keeps; it is overwritten.
    ///
    /// # Errors
    /// [`SessionError::Ended`]: the session is over.
    pub fn seal_into(&mut self, frame: &Frame, wire: &mut Vec<u8>) -> Result<(), SessionError> {
        if self.state == State::Over {
            return Err(SessionError::Ended);
        }
        let plain = frame.as_plain();
        wire.clear();
        wire.resize(plain.len() + TAG, 0);
        self.transport.write_message(plain, wire).map(drop).map_err(|_| {
            self.state = State::Over;
            wire.clear();
            SessionError::Ended
        })
    }

    /// Decrypts the peer's next message. After any error nothing more is read.
    ///
    /// # Errors
    /// [`SessionError::Unreadable`], [`SessionError::Malformed`] or [`SessionError::Ended`].
    pub fn open(&mut self, wire: &[u8]) -> Result<Frame, SessionError> {
        if self.state != State::Open {
            return Err(SessionError::Ended);
        }
        if wire.len() != SMALL_WIRE && wire.len() != LARGE_WIRE {
            self.state = State::Over;
            return Err(SessionError::Unreadable);
        }
        let mut plain = vec![0; wire.len() - TAG].into_boxed_slice();
        if self.transport.read_message(wire, &mut plain) != Ok(plain.len()) {
            self.state = State::Over;
            return Err(SessionError::Unreadable);
        }
        let request = request_of(&plain);
        Frame::from_plain(plain).map_err(|Malformed(_)| {
            self.state = State::Closing;
            SessionError::Malformed { request }
        })
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { transport: _, hash: _, state: _ } = self;
        f.write_str("Session(..)")
    }
}

/// The request number of a frame that may be malformed.
fn request_of(plain: &[u8]) -> u16 {
    match plain {
        [_, _, high, low, ..] => u16::from_be_bytes([*high, *low]),
        _ => 0,
    }
}
