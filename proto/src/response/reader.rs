//! The client's side: from frames to answers.

use super::{Mirrored, Response};
use crate::cbor::Malformed;
use crate::frame::{Assembler, AssemblyError, EnvelopeFrame, EnvelopeKind, Fields, Frame, Sequence, is_absent, single};
use crate::ids::EnvelopeId;
use crate::index::{Batch, GroupSize, Index};
use crate::publication::{Notes, Statements};
use crate::request::{NextBatches, Request, RequestKind};
use crate::sizes::{DIRECTORY_MAX, INDEX_MAX, NOTE_MAX, STATEMENTS_MAX};
use crate::wire_error::{ERROR_KIND, WireError};

/// An answer that breaks the protocol. The relay is at fault; nothing after it can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the relay's answer to the request \"{request}\" breaks the protocol: {fault}")]
pub struct ResponseError {
    /// What had been asked.
    pub request: RequestKind,
    /// What is wrong with the answer.
    pub fault: Fault,
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It has the kind or the number of another request's answer, or comes after this one's end.
    #[error("it belongs to another request")]
    OtherRequest,
    /// An error after a part of the answer has come.
    #[error("an error inside it")]
    ErrorInside,
    /// Its frames do not make one message.
    #[error(transparent)]
    Frames(#[from] AssemblyError),
    /// A frame, or what the frames make together, is not what the protocol allows.
    #[error(transparent)]
    Content(#[from] Malformed),
    /// Fields of a frame's header are set that have no meaning there.
    #[error("a frame has fields that do not belong there")]
    Fields,
    /// It has not as many places or items as there must be.
    #[error("it has the wrong number of places")]
    Places,
    /// A place holds another envelope than belongs there.
    #[error("an envelope stands in the place of another")]
    OtherEnvelope,
}

/// How far an answer has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It needs more frames.
    More,
    /// A piece of the answer to `drain` or `watch`; more follow.
    Piece(Response),
    /// The answer, or its last piece.
    Done(Response),
}

/// Reads the answer to one request. Answers come in the order of the requests, so a client keeps one reader for the
/// oldest unanswered request and gives it the frames until it is done.
#[derive(Debug)]
pub struct ResponseReader {
    kind: RequestKind,
    number: u16,
    over: bool,
    state: State,
}

enum State {
    /// One small frame; for `have`, one byte for each of so many ids.
    Small {
        ids: usize,
    },
    /// One large frame: this chunk, or none.
    Chunk(EnvelopeId),
    Bytes(Assembler),
    Group {
        size: GroupSize,
        sequence: Sequence,
        letters: Vec<Option<EnvelopeFrame>>,
    },
    Batches(Batches),
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

impl ResponseReader {
    /// For the answer to `request`, sent under `number`. `size` is the roster's; it matters for `group` only.
    #[must_use]
    pub fn new(number: u16, request: &Request, size: GroupSize) -> Self {
        let bytes = |max| State::Bytes(Assembler::new(max));
        let state = match request {
            Request::Directory | Request::DirectoryByHash(_) => bytes(DIRECTORY_MAX),
            Request::Note => bytes(NOTE_MAX),
            Request::Index(_) => bytes(INDEX_MAX),
            Request::Statements | Request::Notes => bytes(STATEMENTS_MAX),
            Request::Group(_) => State::Group { size, sequence: Sequence::default(), letters: Vec::new() },
            Request::Have(ids) => State::Small { ids: ids.len() },
            Request::Fetch(id) => State::Chunk(*id),
            Request::Drain(_) | Request::Watch(_) => State::Batches(Batches::Between),
            Request::Post(_) | Request::Burn { .. } | Request::Publish(_) | Request::Courier { .. } => {
                State::Small { ids: 0 }
            }
        };
        Self { kind: request.kind(), number, over: false, state }
    }

    /// Takes the next frame.
    ///
    /// # Errors
    /// See [`ResponseError`]; also for any frame after the answer's end or after an error.
    pub fn push(&mut self, frame: Frame) -> Result<Progress, ResponseError> {
        let was_over = std::mem::replace(&mut self.over, true);
        let progress = if was_over || frame.head().request != self.number {
            Err(Fault::OtherRequest)
        } else if frame.head().kind == ERROR_KIND {
            self.error(&frame)
        } else if frame.head().kind == self.kind.answer() {
            self.answer(frame)
        } else {
            Err(Fault::OtherRequest)
        };
        let progress = progress.map_err(|fault| ResponseError { request: self.kind, fault })?;
        self.over = matches!(progress, Progress::Done(_));
        Ok(progress)
    }

    fn error(&self, frame: &Frame) -> Result<Progress, Fault> {
        // An error stands in place of an answer, never inside a message.
        let between = match &self.state {
            State::Small { .. } | State::Chunk(_) => true,
            State::Bytes(assembler) => assembler.held() == 0,
            State::Group { letters, .. } => letters.is_empty(),
            State::Batches(batches) => matches!(batches, Batches::Between),
        };
        if between { Ok(Progress::Done(Response::Error(WireError::read(frame)?))) } else { Err(Fault::ErrorInside) }
    }

    fn answer(&mut self, frame: Frame) -> Result<Progress, Fault> {
        match &mut self.state {
            State::Small { ids } => small(self.kind, *ids, single(&frame)?).map(Progress::Done),
            State::Chunk(id) => chunk(id, frame).map(Progress::Done),
            State::Bytes(assembler) => {
                if frame.fields() != Fields::NONE {
                    return Err(Fault::Fields);
                }
                match assembler.push(&frame)? {
                    None => Ok(Progress::More),
                    Some(bytes) => decode(self.kind, bytes).map(Progress::Done),
                }
            }
            State::Group { size, sequence, letters } => {
                if u64::from(frame.head().parts) != size.get() {
                    return Err(Fault::Places);
                }
                let last = sequence.accept(frame.head())?;
                letters.push(place(EnvelopeKind::Letter, frame)?);
                Ok(if last { Progress::Done(Response::Group(std::mem::take(letters))) } else { Progress::More })
            }
            State::Batches(batches) => batches.push(self.kind, frame),
        }
    }
}

/// Where the answer to `drain` or `watch` stands.
enum Batches {
    /// Before a batch, or before the frame that says that all have been sent.
    Between,
    /// Inside a batch.
    Batch(EnvelopeKind, Assembler),
    /// Among the envelopes of a batch; `next` is the place of the next one.
    Envelopes { kind: EnvelopeKind, batch: Batch, sequence: Sequence, next: usize },
}

impl Batches {
    fn push(&mut self, request: RequestKind, frame: Frame) -> Result<Progress, Fault> {
        match std::mem::replace(self, Self::Between) {
            Self::Between if frame.is_large() => {
                let kind = frame.fields().kind.ok_or(Fault::Fields)?;
                self.batch(kind, Assembler::new(Batch::ENCODED_MAX), &frame)
            }
            Self::Between => {
                let next = Response::CaughtUp(NextBatches::from_bytes(single(&frame)?)?);
                Ok(if request == RequestKind::Drain { Progress::Done(next) } else { Progress::Piece(next) })
            }
            Self::Batch(kind, assembler) => self.batch(kind, assembler, &frame),
            Self::Envelopes { kind, batch, mut sequence, next } => {
                if u64::from(frame.head().parts) != batch.ids().len() as u64 {
                    return Err(Fault::Places);
                }
                let last = sequence.accept(frame.head())?;
                let id = *batch.ids().get(next).ok_or(Fault::Places)?;
                let frame = place(kind, frame)?;
                if frame.as_ref().is_some_and(|frame| *frame.id() != id) {
                    return Err(Fault::OtherEnvelope);
                }
                if !last {
                    *self = Self::Envelopes { kind, batch, sequence, next: next + 1 };
                }
                Ok(Progress::Piece(Response::Envelope(Mirrored { id, kind, frame })))
            }
        }
    }

    fn batch(&mut self, kind: EnvelopeKind, mut assembler: Assembler, frame: &Frame) -> Result<Progress, Fault> {
        if frame.fields() != (Fields { kind: Some(kind), ..Fields::NONE }) {
            return Err(Fault::Fields);
        }
        let Some(bytes) = assembler.push(frame)? else {
            *self = Self::Batch(kind, assembler);
            return Ok(Progress::More);
        };
        let batch = Batch::from_bytes(&bytes)?;
        *self = Self::Envelopes { kind, batch: batch.clone(), sequence: Sequence::default(), next: 0 };
        Ok(Progress::Piece(Response::Batch(kind, batch)))
    }
}

/// A small answer: nothing, or a byte for each id.
fn small(kind: RequestKind, ids: usize, payload: &[u8]) -> Result<Response, Fault> {
    if payload.len() != ids {
        return Err(Fault::Places);
    }
    if payload.iter().any(|byte| *byte > 1) {
        return Err(Malformed("answer").into());
    }
    match kind {
        RequestKind::Post => Ok(Response::Posted),
        RequestKind::Burn => Ok(Response::Burned),
        RequestKind::Publish => Ok(Response::Published),
        RequestKind::Courier => Ok(Response::Courier),
        RequestKind::Have => Ok(Response::Have(payload.iter().map(|byte| *byte == 1).collect())),
        _ => Err(Fault::OtherRequest),
    }
}

fn chunk(id: &EnvelopeId, frame: Frame) -> Result<Response, Fault> {
    if (frame.head().part, frame.head().parts) != (0, 1) {
        return Err(Fault::Places);
    }
    let chunk = place(EnvelopeKind::Chunk, frame)?;
    if chunk.as_ref().is_some_and(|chunk| chunk.id() != id) {
        return Err(Fault::OtherEnvelope);
    }
    Ok(Response::Chunk(chunk))
}

fn decode(kind: RequestKind, bytes: Vec<u8>) -> Result<Response, Fault> {
    match kind {
        RequestKind::Directory => Ok(Response::Directory(bytes)),
        RequestKind::DirectoryByHash => Ok(Response::DirectoryByHash((!bytes.is_empty()).then_some(bytes))),
        RequestKind::Note => Ok(Response::Note(bytes)),
        RequestKind::Index => Ok(Response::Index(Index::from_bytes(&bytes)?)),
        RequestKind::Statements => Ok(Response::Statements(Statements::from_bytes(&bytes)?)),
        RequestKind::Notes => Ok(Response::Notes(Notes::from_bytes(&bytes)?)),
        _ => Err(Fault::OtherRequest),
    }
}

/// A place that holds an envelope of this kind, or nothing; no other field may be set.
fn place(kind: EnvelopeKind, frame: Frame) -> Result<Option<EnvelopeFrame>, Fault> {
    if is_absent(&frame) {
        return Ok(None);
    }
    let frame = EnvelopeFrame::try_from(frame)?;
    let expected = Fields { id: *frame.id(), kind: Some(kind), present: true, ..Fields::NONE };
    if *frame.fields() != expected {
        return Err(Fault::Fields);
    }
    Ok(Some(frame))
}
