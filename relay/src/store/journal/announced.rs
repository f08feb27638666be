//! Which batch of a number was announced, as far as it is known without the journal that holds it.
//!
//! Several of one number may be whole: one that was written when a write failed, that could not be read at the next start, and
//! can be again now; and the one that was announced under its number since.

use cssr_proto::Hash;
use cssr_proto::index::{Batch, Head};
use std::collections::BTreeMap;

/// Batches of one kind that were announced: their chain values, by number.
#[derive(Clone, Debug)]
pub(super) struct Announced(BTreeMap<u64, Hash>);

impl Announced {
    /// What the furthest head tells that is known of.
    pub(super) fn by(head: &Head) -> Self {
        Self(BTreeMap::from([(head.number(), *head.chain())]))
    }

    /// What batches tell, announced or not: none is made but upon one that was announced. The head knows better.
    pub(super) fn learn<'a>(&mut self, batches: impl IntoIterator<Item = &'a Batch>) {
        for batch in batches {
            self.0.entry(batch.number().saturating_sub(1)).or_insert(*batch.previous());
        }
    }

    /// The chain value of the batch of a number, if it is known.
    pub(super) fn chain_value(&self, number: u64) -> Option<&Hash> {
        self.0.get(&number)
    }
}
