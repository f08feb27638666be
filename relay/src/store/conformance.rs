//! The suite that every engine passes: the [contract](super), clause by clause.
//!
//! An engine implements [`Engine`] for its tests and calls [`store_conformance!`](crate::store_conformance), which makes
//! one test of each property.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests, though compiled without cfg(test) for other crates; each name says its property"
)]

mod batches;
mod envelopes;
mod lasting;

pub use batches::*;
pub use envelopes::*;
pub use lasting::*;

use super::{Kind, Lives, Put, PutOutcome, Quotas, Store};
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::parcel::{BurnHash, BurnKey};
use cssr_proto::sizes::ENVELOPE;
use cssr_proto::{Day, Envelope, EnvelopeId, sha256};

/// How the suite gets at an engine.
pub trait Engine: Sized {
    /// The engine's store.
    type Store: Store;

    /// An empty store for [`relay_key`].
    fn open(&mut self, quotas: Quotas) -> Self::Store;

    /// The same store after it was closed and opened again, or untouched if the engine cannot do that.
    fn reopen(&mut self, store: Self::Store) -> impl Future<Output = Self::Store> + Send;

    /// How many syncs the store made since it was opened, if it makes any.
    fn syncs(store: &Self::Store) -> Option<u64>;
}

/// The relay's key in the suite.
#[must_use]
pub const fn relay_key() -> RelayPublicKey {
    RelayPublicKey([9; 32])
}

/// A day in the suite.
#[must_use]
pub const fn day(n: u32) -> Day {
    Day(20_000 + n)
}

/// The lives in the suite.
pub const LIVES: Lives = Lives { letters: 14, chunks: 7 };
/// Quotas that nothing in the suite uses up.
pub const AMPLE: Quotas = Quotas { letters: 10_000, chunks: 10_000 };

/// The id that belongs to a seed.
#[must_use]
pub fn id(seed: u64) -> EnvelopeId {
    let hash = sha256(&[b"id".as_slice(), &seed.to_be_bytes()].concat());
    EnvelopeId(*hash.first_chunk().unwrap())
}

/// The envelope that belongs to a seed.
#[must_use]
pub fn envelope(seed: u64) -> Envelope {
    let mut bytes = Vec::with_capacity(ENVELOPE + 32);
    let mut block = sha256(&seed.to_be_bytes());
    while bytes.len() < ENVELOPE {
        bytes.extend_from_slice(&block);
        block = sha256(&block);
    }
    bytes.truncate(ENVELOPE);
    Envelope::from_slice(&bytes).unwrap()
}

/// The burn key that belongs to a seed.
#[must_use]
pub fn burn_key(seed: u64) -> BurnKey {
    BurnKey::from_bytes(sha256(&[b"burn".as_slice(), &seed.to_be_bytes()].concat()))
}

/// A letter.
#[must_use]
pub fn letter(seed: u64, day: Day) -> Put {
    Put { day, kind: Kind::Letter, id: id(seed), burn: None, envelope: envelope(seed) }
}

/// A chunk that [`burn_key`] burns.
#[must_use]
pub fn chunk(seed: u64, day: Day) -> Put {
    let burn: Option<BurnHash> = Some(burn_key(seed).hash());
    Put { day, kind: Kind::Chunk, id: id(seed), burn, envelope: envelope(seed) }
}

/// Puts what must be new.
pub async fn stored(store: &impl Store, put: Put) {
    assert_eq!(store.put(put).await.unwrap(), PutOutcome::Stored);
}

/// Gets one envelope.
pub async fn got(store: &impl Store, kind: Kind, seed: u64) -> Option<Envelope> {
    store.get(kind, None, &[id(seed)]).await.unwrap().pop().unwrap()
}

/// Makes one test of each property for an engine, given an expression that makes a fresh [`Engine`].
#[macro_export]
macro_rules! store_conformance {
    ($engine:expr) => {
        $crate::store_conformance! { $engine;
            the_same_put_again_is_already_there
            something_else_under_a_known_id_conflicts
            a_put_that_breaks_the_contract_is_refused
            of_concurrent_puts_of_one_id_one_is_stored
            concurrent_writers_share_syncs
            a_full_kind_refuses_new_ids_and_nothing_else
            get_finds_by_kind_and_day_and_leaves_gaps
            have_tells_of_chunks_that_are_held
            burning_takes_the_key_and_spares_letters
            a_burned_id_stays_known
            a_batch_is_sorted_and_chained
            the_order_of_arrival_shows_nowhere
            the_oldest_day_is_sealed_first
            days_never_decrease_though_the_clock_does
            letters_stand_at_their_positions
            batches_are_found_from_a_number_on
            chunks_have_a_chain_of_their_own
            a_burned_chunk_is_listed_without_its_bytes
            expiry_destroys_and_frees_ids
            a_day_that_is_begun_or_covered_holds_what_it_held
            each_kind_has_its_life
            the_chain_goes_on_after_all_has_expired
            an_expired_day_does_not_come_back_with_the_clock
            reopening_keeps_everything
            what_waits_survives_and_is_sealed_afterwards
            a_large_batch_survives
            statements_are_kept_by_shelf_and_name
            a_closed_store_says_so
        }
    };
    ($engine:expr; $($property:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $property() {
                $crate::store::conformance::$property($engine).await;
            }
        )*
    };
}
