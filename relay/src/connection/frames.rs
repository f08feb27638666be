//! Answers as streams of frames that are made as they are taken.

use super::answers::Frames;
use crate::index::DayIndex;
use crate::lane::Lane;
use cssr_proto::frame::{Fields, Frame, Head};
use cssr_proto::request::RequestKind;
use cssr_proto::response::Answer;
use cssr_proto::sizes::ENVELOPE;
use cssr_proto::wire_error::{ErrorCode, WireError};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use std::sync::Arc;

/// Frames of a short answer at most: the index of 16,000 letters, or any directory of a usual office.
const SHORT: u32 = 16;
/// What turns the kind of a request into the kind of its answer (protocol, section 12.2).
const ANSWER_BIT: u8 = 0x80;
/// How long to wait for the store to catch up: it writes a thousand envelopes in less.
const BUSY_SECONDS: u16 = 1;
/// A quota is used up until a day expires; an hour is between asking in vain and missing it.
const FULL_SECONDS: u16 = 3_600;

/// Which request an answer is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct To {
    kind: RequestKind,
    request: u16,
}

impl To {
    pub(super) const fn new(kind: RequestKind, request: u16) -> Self {
        Self { kind, request }
    }

    pub(super) const fn answer(self) -> Answer {
        Answer::to(self.kind, self.request)
    }

    /// That it is done.
    pub(super) fn done(self) -> Frames {
        one(self.answer().done())
    }

    /// An error in place of the answer.
    pub(super) fn error(self, code: ErrorCode) -> Frames {
        error(self.request, code)
    }

    /// That there is no room at the price that the session was told. Another session is told what it is now.
    pub(super) fn dearer(self) -> Frames {
        one(WireError { code: ErrorCode::Full, wait: BUSY_SECONDS }.frame(self.request))
    }

    /// Bytes, in large frames, without a copy of the whole.
    pub(super) fn bytes<B: AsRef<[u8]> + Send + Sync + ?Sized + 'static>(self, bytes: Arc<B>, lane: &Lane) -> Frames {
        self.in_pieces((*bytes).as_ref().len(), lane, move |head, start| {
            let rest = (*bytes).as_ref().get(start..)?;
            Frame::large(head, &Fields::NONE, rest.get(..ENVELOPE).unwrap_or(rest)).ok()
        })
    }

    /// An index, likewise.
    pub(super) fn index(self, index: Arc<DayIndex>, lane: &Lane) -> Frames {
        self.in_pieces(index.length(), lane, move |head, start| {
            Frame::large(head, &Fields::NONE, &index.piece(start)).ok()
        })
    }

    /// So many bytes, in the frames that are made for each place. If they are many, most of them come by the lane.
    fn in_pieces(
        self,
        length: usize,
        lane: &Lane,
        frame: impl Fn(Head, usize) -> Option<Frame> + Clone + Send + 'static,
    ) -> Frames {
        // An answer is far below 2^32 frames; no frame would be made of one that is not.
        let parts = u32::try_from(length.div_ceil(ENVELOPE).max(1)).unwrap_or_default();
        let frame = move |part| {
            let start = usize::try_from(part).ok()?.checked_mul(ENVELOPE)?;
            frame(Head { kind: self.kind.byte() | ANSWER_BIT, request: self.request, part, parts }, start)
        };
        let (first, lane) = (stream::iter((0..parts.min(SHORT)).map_while(frame.clone())), lane.clone());
        let later = stream::iter((SHORT..parts).map_while(frame)).then(move |frame| {
            let lane = lane.clone();
            async move {
                lane.pass().await;
                frame
            }
        });
        first.chain(later).boxed()
    }

    /// What a future makes when the answer's turn comes.
    pub(super) fn later(self, frames: impl Future<Output = Result<Frames, ErrorCode>> + Send + 'static) -> Frames {
        async move { frames.await.unwrap_or_else(|code| self.error(code)) }.flatten_stream().boxed()
    }
}

pub(super) fn one(frame: Frame) -> Frames {
    stream::once(std::future::ready(frame)).boxed()
}

/// An error, with the time after which another try may help.
pub(super) fn error(request: u16, code: ErrorCode) -> Frames {
    let wait = match code {
        ErrorCode::Busy => BUSY_SECONDS,
        ErrorCode::Full => FULL_SECONDS,
        _ => 0,
    };
    one(WireError { code, wait }.frame(request))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cssr_proto::frame::Assembler;

    #[tokio::test]
    async fn bytes_in_frames_are_the_bytes_again() {
        for length in [0, 1, ENVELOPE - 1, ENVELOPE, ENVELOPE + 1, 3 * ENVELOPE, 16 * ENVELOPE, 40 * ENVELOPE + 5] {
            let bytes: Arc<[u8]> = (0..length).map(|i| (i % 251) as u8).collect();
            let frames = To::new(RequestKind::Index, 7).bytes(Arc::clone(&bytes), &Lane::default());
            let frames = frames.collect::<Vec<_>>().await;
            let expected = Answer::to(RequestKind::Index, 7).bytes(&bytes).unwrap().collect::<Vec<_>>();
            assert!(frames == expected, "{length}");
            let mut assembler = Assembler::new(length);
            let whole = frames.iter().filter_map(|frame| assembler.push(frame).unwrap()).next().unwrap();
            assert!(whole == *bytes, "{length}");
        }
    }
}
