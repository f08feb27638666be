//! One session with a relay, without I/O (protocol, sections 11 and 12): requests in, wire messages out, and back.

use cssr_proto::index::GroupSize;
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::request::Request;
use cssr_proto::response::{Progress, Response, ResponseError, ResponseReader};
use cssr_proto::session::{Announcement, ClientHandshake, HandshakeHash, Session, SessionError};
use rand_core::CryptoRng;
use std::collections::VecDeque;

/// Why a session with a relay cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Something between the two changed, dropped, replayed or reordered a message; or the other side is no relay, or one
    /// that breaks the protocol.
    #[error("{}", session_text(.0))]
    Session(#[from] SessionError),
    /// An answer breaks the protocol, or nobody asked for it.
    #[error(transparent)]
    Answer(#[from] ResponseError),
    /// An answer of another kind than the caller can use.
    #[error("the relay's answer does not belong here")]
    Unexpected,
}

/// A message that decrypts is the relay's own; what is wrong with one that does not may be anybody's doing.
fn session_text(error: &SessionError) -> String {
    match error {
        SessionError::Version(_) | SessionError::Announcement | SessionError::Malformed { .. } => error.to_string(),
        _ => format!("the connection was damaged or tampered with: {error}"),
    }
}

/// A session that has begun and waits for the relay's half of the handshake.
#[derive(Debug)]
pub struct Handshake(ClientHandshake);

impl Handshake {
    /// Begins: the first wire message.
    ///
    /// # Errors
    /// The generator failed.
    pub fn start<R: CryptoRng>(rng: &mut R) -> Result<(Self, Vec<u8>), LinkError> {
        let (handshake, message) = ClientHandshake::start(rng)?;
        Ok((Self(handshake), message.to_vec()))
    }

    /// Takes the relay's message. Whose key it is must be checked before anything of the person is sent.
    ///
    /// # Errors
    /// The handshake failed.
    pub fn finish(self, message: &[u8]) -> Result<(Link, Announcement, RelayPublicKey), LinkError> {
        let (session, announcement, relay) = self.0.finish(message)?;
        let in_flight = usize::from(announcement.in_flight);
        let link = Link { session, in_flight, unsent: VecDeque::new(), unanswered: VecDeque::new(), next: 0 };
        Ok((link, announcement, relay))
    }
}

/// An established session. It never has more requests unanswered than the relay allows; the rest wait here.
pub struct Link {
    session: Session,
    in_flight: usize,
    unsent: VecDeque<(Request, GroupSize)>,
    unanswered: VecDeque<ResponseReader>,
    next: u16,
}

impl Link {
    /// Asks for something; [`Link::outgoing`] gives what is to be sent. `size` is the roster's, and matters for groups only.
    pub fn request(&mut self, request: Request, size: GroupSize) {
        self.unsent.push_back((request, size));
    }

    /// The wire messages to send now.
    ///
    /// # Errors
    /// The session is over.
    pub fn outgoing(&mut self) -> Result<Vec<Vec<u8>>, LinkError> {
        let mut messages = Vec::new();
        while self.unanswered.len() < self.in_flight
            && let Some((request, size)) = self.unsent.pop_front()
        {
            let number = self.next;
            self.next = self.next.wrapping_add(1);
            self.unanswered.push_back(ResponseReader::new(number, &request, size));
            for frame in request.into_frames(number) {
                messages.push(self.session.seal(&frame)?);
            }
        }
        Ok(messages)
    }

    /// Takes a wire message; gives an answer, or a piece of one, when it is whole. Answers come in the order of requests.
    ///
    /// # Errors
    /// See [`LinkError`]; the session is over then.
    pub fn receive(&mut self, message: &[u8]) -> Result<Option<Response>, LinkError> {
        let frame = self.session.open(message)?;
        let reader = self.unanswered.front_mut().ok_or(LinkError::Unexpected)?;
        Ok(match reader.push(frame)? {
            Progress::More => None,
            Progress::Piece(response) => Some(response),
            Progress::Done(response) => {
                self.unanswered.pop_front();
                Some(response)
            }
        })
    }

    /// What names this session, for a courier's signature and for postage.
    #[must_use]
    pub const fn handshake_hash(&self) -> &HandshakeHash {
        self.session.handshake_hash()
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Link(..)")
    }
}
