//! `drain` and `watch` (protocol, section 14).

use super::answers::Frames;
use super::frames::To;
use super::readable::readable;
use crate::shared::Shared;
use crate::store::{Kind, Store};
use cssr_proto::frame::Frame;
use cssr_proto::index::Batch;
use cssr_proto::keys::CourierPublicKey;
use cssr_proto::request::NextBatches;
use cssr_proto::wire_error::{ErrorCode, WireError};
use cssr_proto::{CourierNumber, Envelope, EnvelopeId};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{mpsc, watch};

/// Envelopes that are read at once: a few, so that the store reads them together and a slow courier costs little.
const SLICE: usize = 8;
/// Frames that wait for the connection beside those.
const AHEAD: usize = 2;

/// Whom a courier's session has shown itself to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proven {
    pub(super) number: CourierNumber,
    /// A later roster may give the number to somebody else.
    pub(super) key: CourierPublicKey,
}

/// Whether a courier still counts: rosters and days change while it watches.
pub(super) fn check_courier<S: Store>(shared: &Shared<S>, Proven { number, key }: Proven) -> Result<(), ErrorCode> {
    let view = shared.office.view();
    let roster = view.roster.as_ref().ok_or(ErrorCode::RefusedCourier)?;
    let courier = roster.courier_on(number, shared.today.get()).map_err(|_| ErrorCode::RefusedCourier)?;
    if courier.key == key { Ok(()) } else { Err(ErrorCode::RefusedCourier) }
}

/// Everything from some batches on, and with `watch` what comes later, until the relay is stopped. Nothing is read before the
/// connection asks for the first frame, and then never more than a little ahead of it.
pub(super) fn frames<S: Store>(
    shared: Arc<Shared<S>>,
    to: To,
    courier: Proven,
    from: NextBatches,
    watch: bool,
    stopped: watch::Receiver<bool>,
) -> Frames {
    let begin = async move {
        let (sender, mut receiver) = mpsc::channel(AHEAD);
        let mirror = Mirror { shared, to, courier, sender, stopped };
        let mut run = async move { mirror.run(from, watch).await.unwrap_or(()) }.boxed().fuse();
        // It works when the connection asks for a frame and none is ready: in the connection's task, for handing each frame
        // from task to task costs as much as reading it.
        let next = move |context: &mut Context<'_>| match receiver.poll_recv(context) {
            Poll::Pending => {
                // That it has ended shows in the channel.
                let _ = run.poll_unpin(context);
                receiver.poll_recv(context)
            }
            ready => ready,
        };
        Ok(stream::poll_fn(next).boxed())
    };
    to.later(begin)
}

struct Mirror<S> {
    shared: Arc<Shared<S>>,
    to: To,
    courier: Proven,
    sender: mpsc::Sender<Frame>,
    stopped: watch::Receiver<bool>,
}

/// The connection is gone, or the relay is being stopped.
struct Over;

impl<S: Store> Mirror<S> {
    async fn run(self, from: NextBatches, watch: bool) -> Result<(), Over> {
        let NextBatches { mut letters, mut chunks } = from;
        let mut stopped = self.stopped.clone();
        loop {
            // What seals from here on wakes the watch below.
            let mut sealed = self.shared.sealed.subscribe();
            for (kind, next) in [(Kind::Letter, &mut letters), (Kind::Chunk, &mut chunks)] {
                if let Err(code) = self.send_all(kind, next).await? {
                    return self.send(self.to.answer().error(WireError::new(code))).await;
                }
            }
            self.send(self.to.answer().caught_up(NextBatches { letters, chunks })).await?;
            if !watch {
                return Ok(());
            }
            tokio::select! {
                // The sender lives as long as the relay.
                _ = sealed.changed() => {}
                _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
                () = self.sender.closed() => return Err(Over),
            }
        }
    }

    /// Every batch from `next` on; leaves `next` after the last one there is.
    async fn send_all(&self, kind: Kind, next: &mut u64) -> Result<Result<(), ErrorCode>, Over> {
        loop {
            if let Err(code) = check_courier(&self.shared, self.courier) {
                return Ok(Err(code));
            }
            let batches = match self.shared.store.batches_from(kind, *next, 1).await {
                Ok(batches) => batches,
                Err(error) => return Ok(Err(self.shared.store_failed(&error))),
            };
            let Some(batch) = batches.first() else { break };
            if *self.stopped.borrow() {
                return Err(Over);
            }
            self.send_batch(kind, batch).await?;
            *next = batch.number().saturating_add(1);
        }
        match self.shared.store.head(kind).await {
            // A courier that asks for more than there ever was sees that the relay has lost something.
            Ok(head) => *next = head.number().saturating_add(1).min((*next).max(1)),
            Err(error) => return Ok(Err(self.shared.store_failed(&error))),
        }
        Ok(Ok(()))
    }

    async fn send_batch(&self, kind: Kind, batch: &Batch) -> Result<(), Over> {
        let bytes = batch.to_bytes();
        // A batch is 65 frames at most, so the error does not occur.
        for frame in self.to.answer().batch(kind, &bytes).map_err(|_| Over)? {
            self.send(frame).await?;
        }
        // A batch holds 65,536 ids at most.
        let count = u32::try_from(batch.ids().len()).unwrap_or_default();
        let mut place = 0;
        for ids in batch.ids().chunks(SLICE) {
            for (id, envelope) in ids.iter().zip(self.read(kind, batch, ids).await) {
                let held = envelope.map(|envelope| (*id, envelope));
                self.send(self.to.answer().batched(place, count, kind, held).map_err(|_| Over)?).await?;
                place += 1;
            }
        }
        Ok(())
    }

    /// The envelopes of these ids. One that cannot be read is as if it had been burned.
    async fn read(&self, kind: Kind, batch: &Batch, ids: &[EnvelopeId]) -> Vec<Option<Envelope>> {
        let get = |places| self.shared.store.get(kind, Some(batch.day()), ids.get(places).unwrap_or_default());
        readable(&self.shared, ids.len(), get).await
    }

    async fn send(&self, frame: Frame) -> Result<(), Over> {
        self.sender.send(frame).await.map_err(|_| Over)
    }
}
