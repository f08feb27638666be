//! The relay's side: from frames to requests.

use super::{Request, RequestKind};
use crate::cbor::Malformed;
use crate::frame::{Assembler, Fields, Frame};
use crate::publication::Publication;
use crate::wire_error::{ErrorCode, WireError};

/// A frame that is no request. The client is at fault; the relay answers `error` to `request`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no request: {error}")]
pub struct RequestError {
    /// The number that the frame gave.
    pub request: u16,
    /// [`ErrorCode::Malformed`], after which the relay closes the connection, or [`ErrorCode::UnknownRequest`].
    pub error: WireError,
}

/// Rebuilds the requests of one session.
#[derive(Debug)]
pub struct RequestReader {
    publication_max: usize,
    publication: Option<Assembler>,
}

impl RequestReader {
    /// For publications of at most `publication_max` bytes:
    /// [`SEAT_PUBLICATION_MAX`](crate::sizes::SEAT_PUBLICATION_MAX) or
    /// [`PUBLICATION_MAX`](crate::sizes::PUBLICATION_MAX).
    #[must_use]
    pub const fn new(publication_max: usize) -> Self {
        Self { publication_max, publication: None }
    }

    /// Sets the limit for the next publication, once the session has become a courier's.
    pub const fn limit_publications(&mut self, publication_max: usize) {
        self.publication_max = publication_max;
    }

    /// How many bytes of an unfinished publication it holds.
    #[must_use]
    pub fn held(&self) -> usize {
        self.publication.as_ref().map_or(0, Assembler::held)
    }

    /// Takes the next frame; gives the number and the request when it is complete.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub fn push(&mut self, frame: Frame) -> Result<Option<(u16, Request)>, RequestError> {
        let head = frame.head();
        let refuse = |code| RequestError { request: head.request, error: WireError::new(code) };
        let malformed = |_: Malformed| refuse(ErrorCode::Malformed);
        let kind = match RequestKind::from_byte(head.kind) {
            Some(kind) => kind,
            None if self.publication.is_none() && head.parts == 1 => return Err(refuse(ErrorCode::UnknownRequest)),
            None => return Err(refuse(ErrorCode::Malformed)),
        };
        let request = if kind == RequestKind::Publish {
            self.publish(&frame).map_err(malformed)?
        } else if self.publication.is_some() {
            return Err(refuse(ErrorCode::Malformed));
        } else {
            Some(Request::read(kind, frame).map_err(malformed)?)
        };
        Ok(request.map(|request| (head.request, request)))
    }

    fn publish(&mut self, frame: &Frame) -> Result<Option<Request>, Malformed> {
        if frame.fields() != Fields::NONE {
            return Err(Malformed("publication"));
        }
        let mut assembler = self.publication.take().unwrap_or_else(|| Assembler::new(self.publication_max));
        let Some(bytes) = assembler.push(frame).map_err(|_| Malformed("publication"))? else {
            self.publication = Some(assembler);
            return Ok(None);
        };
        Publication::from_bytes(&bytes, self.publication_max).map(Request::Publish).map(Some)
    }
}
