//! The answers of one connection, in the order of its requests.

use cssr_proto::frame::Frame;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, FuturesOrdered};

/// The frames of one answer, made as they are taken.
pub(super) type Frames = BoxStream<'static, Frame>;

/// Answers that are being made. Those that wait are begun together once the one before them was taken in. What must not wait
/// for that, as posts must not, is begun before it comes here. What a request reads is read when its turn to be answered
/// comes, so that a connection never holds more than a little of one answer.
#[derive(Default)]
pub(super) struct Answers {
    waiting: FuturesOrdered<BoxFuture<'static, Frames>>,
    current: Option<Frames>,
}

impl Answers {
    /// How many requests are unanswered.
    pub(super) fn unanswered(&self) -> usize {
        self.waiting.len() + usize::from(self.current.is_some())
    }

    pub(super) fn push(&mut self, answer: BoxFuture<'static, Frames>) {
        self.waiting.push_back(answer);
    }

    /// The next frame to be sent; `None` if nothing is unanswered. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> Option<Frame> {
        loop {
            match &mut self.current {
                Some(frames) => match frames.next().await {
                    Some(frame) => return Some(frame),
                    None => self.current = None,
                },
                None => self.current = Some(self.waiting.next().await?),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cssr_proto::frame::Head;
    use futures_util::{FutureExt as _, stream};
    use tokio::sync::oneshot;

    fn frames(request: u16, parts: u32) -> Frames {
        let frame = move |part| Frame::small(Head { kind: 0x80, request, part, parts }, &[]).unwrap();
        stream::iter((0..parts).map(frame)).boxed()
    }

    #[tokio::test]
    async fn answers_keep_the_order_of_requests_however_they_get_ready() {
        let mut answers = Answers::default();
        let (first, second) = (oneshot::channel(), oneshot::channel());
        for (request, ready) in [(1, first.1), (2, second.1)] {
            answers.push(async move { ready.await.map(|()| frames(request, 2)).unwrap() }.boxed());
        }
        second.0.send(()).unwrap();
        assert!(answers.next().now_or_never().is_none(), "the second must wait for the first");
        first.0.send(()).unwrap();
        let mut order = Vec::new();
        while let Some(frame) = answers.next().await {
            order.push((frame.head().request, frame.head().part));
        }
        assert_eq!(order, [(1, 0), (1, 1), (2, 0), (2, 1)]);
        assert_eq!(answers.unanswered(), 0);
    }

    #[tokio::test]
    async fn later_requests_are_begun_while_the_first_is_at_work() {
        let mut answers = Answers::default();
        let (begun, mut has_begun) = oneshot::channel();
        answers.push(std::future::pending().boxed());
        answers.push(
            async move {
                begun.send(()).unwrap();
                frames(2, 1)
            }
            .boxed(),
        );
        assert!(answers.next().now_or_never().is_none());
        assert_eq!((has_begun.try_recv(), answers.unanswered()), (Ok(()), 2));
    }
}
