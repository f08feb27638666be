//! Posting and burning: postage, a place among the writes, the store. A burn waits for what its session asked for before.

use super::answers::Frames;
use super::frames::To;
use super::requests::{Answering, by_itself, ready};
use crate::shared::Shared;
use crate::shares::{Holder, Place};
use crate::store::{BurnOutcome, Kind, Put, PutOutcome, Store};
use cssr_proto::EnvelopeId;
use cssr_proto::parcel::{BurnHash, BurnKey};
use cssr_proto::postage::{CHUNKS_PER_POSTAGE, Challenge, Postage};
use cssr_proto::request::Post;
use cssr_proto::session::{Announcement, HandshakeHash};
use cssr_proto::sizes::POSTAGE_SOLUTION;
use cssr_proto::wire_error::ErrorCode;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared as SharedFuture};
use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

/// Posts of one session that may come at the effort of its beginning though it has risen: twice the letters of a visit
/// without words, and two postages of chunks.
const LETTERS: u64 = 16;
const CHUNKS: u64 = 2 * CHUNKS_PER_POSTAGE;

/// When there are so many unfinished things, those that are finished are forgotten.
const FORGET: usize = 128;
/// Postages of letters that one session may come with.
const POSTAGES: usize = 256;

/// A price that is more than so many times what a session was told is another one.
const MANY: u32 = 8;

/// What a session was told of the price beside what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Price {
    /// It pays that, or as good as that.
    Paid,
    /// It pays much less: as long as that is forgiven.
    Forgiven,
    /// It must come again.
    Outdated,
}

/// Whether something has been paid for.
#[derive(Clone)]
enum Paid {
    Known(bool),
    /// It is being verified.
    Later(SharedFuture<BoxFuture<'static, bool>>),
}

impl Paid {
    async fn verified(self) -> bool {
        match self {
            Self::Known(paid) => paid,
            Self::Later(verified) => verified.await,
        }
    }
}

/// The posts and burns of one session.
pub(super) struct Changes<S> {
    shared: Arc<Shared<S>>,
    session: HandshakeHash,
    announcement: Announcement,
    holder: Holder,
    /// Letters that the session has posted, whatever the answer was.
    letters: u64,
    /// Chunks, likewise.
    chunks: u64,
    /// Postages of letters that have come, if there must be any.
    used: HashSet<(EnvelopeId, [u8; POSTAGE_SOLUTION])>,
    /// What was begun and may not be finished: posts of chunks, and what was burned. The last one has waited for those before.
    before: Vec<oneshot::Receiver<Infallible>>,
    /// Whether the last chunk that carried postage has paid, for itself and those that follow it.
    paid: Paid,
}

impl<S: Store> Changes<S> {
    pub(super) fn new(
        shared: Arc<Shared<S>>,
        session: HandshakeHash,
        announcement: Announcement,
        holder: Holder,
    ) -> Self {
        Self {
            shared,
            session,
            announcement,
            holder,
            letters: 0,
            chunks: 0,
            used: HashSet::new(),
            before: Vec::new(),
            paid: Paid::Known(false),
        }
    }

    /// Stores a post. The future is for the answer.
    pub(super) fn post(&mut self, to: To, post: Post) -> Answering {
        let paid = self.postage(&post);
        let kind = post.kind();
        let price = self.price(kind);
        if price == Price::Outdated {
            return ready(to.error(ErrorCode::Busy));
        }
        let Some(place) = self.shared.in_flight(kind).take(self.holder) else {
            return ready(to.error(ErrorCode::Busy));
        };
        if kind == Kind::Letter && self.announcement.letter_effort > 0 && !self.pays_anew(&post) {
            return ready(to.error(ErrorCode::Postage));
        }
        // No letter is ever burned.
        let unfinished = (kind == Kind::Chunk).then(|| self.begin());
        let stored = store(Arc::clone(&self.shared), to, post, paid, price, place);
        by_itself(&self.shared, to, async move {
            let _unfinished = unfinished;
            stored.await
        })
    }

    /// Burns a chunk, after all that this session has posted and burned before.
    pub(super) fn burn(&mut self, to: To, id: EnvelopeId, key: BurnKey) -> Answering {
        let Some(place) = self.shared.in_flight(Kind::Chunk).take(self.holder) else {
            return ready(to.error(ErrorCode::Busy));
        };
        let before = std::mem::take(&mut self.before);
        let unfinished = self.begin();
        let shared = Arc::clone(&self.shared);
        by_itself(&self.shared, to, async move {
            let _unfinished = unfinished;
            for finished in before {
                // It says nothing but that it is gone.
                let _ = finished.await;
            }
            let _place = place;
            burn(shared, to, id, key).await
        })
    }

    /// What is begun now is finished when the answer is dropped.
    fn begin(&mut self) -> oneshot::Sender<Infallible> {
        let (unfinished, finished) = oneshot::channel();
        if self.before.len() >= FORGET {
            self.before.retain_mut(|before| before.try_recv() == Err(TryRecvError::Empty));
        }
        self.before.push(finished);
        unfinished
    }

    /// Whether a letter does not come again with the postage that it came with before.
    fn pays_anew(&mut self, post: &Post) -> bool {
        self.used.len() < POSTAGES && self.used.insert((*post.id(), post.postage().solution))
    }

    /// Counts a post that is refused for another reason. Its postage, if it carries any, still pays for others.
    pub(super) fn skip(&mut self, post: &Post) {
        // Nobody waits for it yet; a later chunk may.
        drop(self.postage(post));
    }

    /// If the price has risen since the session began: its own price stays, but it must come again once it has posted more
    /// than a visit does. If it was told the least, or the price has risen to many times what it was told, it is one of those
    /// that are worth keeping for a flood; whoever works for longer must be sure of its visit.
    fn price(&self, kind: Kind) -> Price {
        let (posted, usual, announced) = match kind {
            Kind::Letter => (self.letters, LETTERS, self.announcement.letter_effort),
            Kind::Chunk => (self.chunks, CHUNKS, self.announcement.chunk_effort),
        };
        let effort = self.shared.effort(kind);
        match () {
            () if effort <= announced => Price::Paid,
            () if posted > usual => Price::Outdated,
            () if announced <= self.shared.tariff.least(kind) || effort > announced.saturating_mul(MANY) => {
                Price::Forgiven
            }
            () => Price::Paid,
        }
    }

    fn postage(&mut self, post: &Post) -> Paid {
        match post.kind() {
            Kind::Letter => {
                self.letters += 1;
                let challenge = Challenge::letter(&self.session, post.id());
                verify(challenge, self.announcement.letter_effort, *post.postage())
            }
            Kind::Chunk => {
                let challenge = Challenge::chunk(&self.session, self.chunks);
                self.chunks += 1;
                match challenge {
                    Some(challenge) => {
                        self.paid = verify(challenge, self.announcement.chunk_effort, *post.postage());
                    }
                    None if *post.postage() != Postage::FREE => return Paid::Known(false),
                    None => {}
                }
                self.paid.clone()
            }
        }
    }
}

async fn store<S: Store>(
    shared: Arc<Shared<S>>,
    to: To,
    post: Post,
    paid: Paid,
    price: Price,
    _place: Place,
) -> Frames {
    if !paid.verified().await {
        return to.error(ErrorCode::Postage);
    }
    let kind = post.kind();
    if price == Price::Forgiven && !shared.tariff.forgives(kind, shared.clock.elapsed()) {
        return to.dearer();
    }
    let stored = shared.store.put(to_put(&shared, post)).await;
    // What was there already takes no room, and must not make it dear.
    if let Ok(outcome @ (PutOutcome::Stored | PutOutcome::Full)) = stored {
        shared.tariff.came(kind, outcome == PutOutcome::Stored, shared.clock.elapsed());
    }
    match stored {
        Ok(PutOutcome::Stored | PutOutcome::Already) => to.done(),
        Ok(PutOutcome::Conflict) => to.error(ErrorCode::Conflict),
        Ok(PutOutcome::Full) => to.error(ErrorCode::Full),
        Err(error) => to.error(shared.store_failed(&error)),
    }
}

async fn burn<S: Store>(shared: Arc<Shared<S>>, to: To, id: EnvelopeId, key: BurnKey) -> Frames {
    match shared.store.burn(id, key).await {
        // What was never there, or has expired, is gone as was asked for.
        Ok(BurnOutcome::Burned | BurnOutcome::Absent) => to.done(),
        Ok(BurnOutcome::Refused) => to.error(ErrorCode::RefusedBurn),
        Err(error) => to.error(shared.store_failed(&error)),
    }
}

/// The envelope goes on where it lies.
fn to_put<S: Store>(shared: &Shared<S>, post: Post) -> Put {
    let (kind, id, burn) = (post.kind(), *post.id(), post.burn_hash().copied().map(BurnHash));
    // Before it is stored: then nothing that waits is older than what is noted.
    shared.arrivals.note(kind, shared.sealing.moment(&*shared.clock));
    Put { day: shared.today.get(), kind, id, burn, envelope: post.into_envelope() }
}

/// Verifying takes as long as three small requests, so it is done beside the threads that serve connections.
fn verify(challenge: Challenge, announced: u32, postage: Postage) -> Paid {
    if announced == 0 && postage == Postage::FREE {
        return Paid::Known(true);
    }
    if postage.effort < announced {
        return Paid::Known(false);
    }
    let verified = async move {
        let verified = tokio::task::spawn_blocking(move || challenge.verify(announced, &postage).is_ok()).await;
        verified.unwrap_or(false)
    };
    Paid::Later(verified.boxed().shared())
}
