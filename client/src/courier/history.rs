//! What the mirror says about heads that colleagues have signed.

use crate::mirror::Mirror;
use cssr_proto::Day;
use cssr_proto::frame::EnvelopeKind;
use cssr_proto::index::Head;

/// Batches between a proposal's head and the own one that are looked through at most.
const BATCHES_BETWEEN: u64 = 10_000;

/// Whether the batches of the mirror lead from one head to another, and all that come after the first are of the day
/// `since` or later: each is read and followed again.
pub(super) fn leads_to(mirror: &Mirror, from: &Head, to: &Head, since: Day) -> bool {
    let mut at = *from;
    if to.number().saturating_sub(from.number()) > BATCHES_BETWEEN {
        return false;
    }
    while at.number() < to.number() {
        let next = mirror.batch(EnvelopeKind::Letter, at.number() + 1).ok().flatten();
        let Some(Ok(next)) = next.filter(|batch| batch.day() >= since).map(|batch| at.follow(&batch)) else {
            return false;
        };
        at = next;
    }
    at == *to
}

/// Whether a head that somebody had followed before `own` was, on the same relay, cannot lie on the same chain. A batch
/// that the mirror lacks decides nothing.
pub(super) fn contradicts(mirror: &Mirror, said: &Head, own: &Head) -> bool {
    if said.number() >= own.number() {
        return said != own;
    }
    let next = mirror.batch(EnvelopeKind::Letter, said.number() + 1).ok().flatten();
    next.is_some_and(|next| next.previous() != said.chain())
}
