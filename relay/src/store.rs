//! Where envelopes and statements lie: the [`Store`] trait with its contract, and the engines.
//!
//! For tests use [`MemoryStore`], the reference; for a relay on one machine [`JournalStore`], or [`SledStore`] to compare.
//! Every engine passes the suite in `conformance` (feature `testing`).
//!
//! # Contract
//! What holds for every verb of every engine:
//!
//! - **Acknowledged means synced.** When a verb that changes something returns `Ok`, the change outlives a crash of the
//!   program, of the system, and a loss of power. A future that is dropped before it is done leaves it open whether
//!   the change was made.
//! - **A store that could not make a change durable fails for good** ([`StoreError::Failed`]): nothing is acknowledged any
//!   more until it is opened anew, because a second sync after a failed one proves nothing. Reads go on, and so does
//!   `expire`, because forgetting matters more than a tidy end.
//! - **Time is what the caller says.** A store reads no clock. It remembers the **latest day** it was ever told; an earlier
//!   one counts as the latest, so that a clock set back neither brings back what was forgotten nor renumbers anything.
//!   A clock set forward cannot be undone: the caller must hold a day that jumps against something else it knows.
//! - **An id is known** from the put that stored it until its day expires, burned or not, and names one envelope of one
//!   kind for that time. Afterwards it is as if it had never been.
//! - **Batches** are numbered from 1 for each kind, chained by hash, and durable before anyone sees them; their days never
//!   decrease. Ids in a batch ascend. Nothing that a store returns shows the order in which envelopes came.
//! - **A missing id costs what a present one costs**, as far as the engine can help it.
//! - Nothing about a peer enters a store; ids and envelopes enter no log and no error.

pub(crate) mod findings;
mod free;
mod journal;
mod ledger;
mod lock;
mod memory;
mod open_error;
mod sled;
pub(crate) mod transfer;
mod types;
mod undestroyed;
mod volume_id;

#[cfg(any(test, feature = "testing"))]
pub mod conformance;

pub use journal::{Damage, JournalConfig, JournalStore};
pub(crate) use journal::{Extent, JournalBuilder, JournalReader, check_journal};
use journal::{is_damage, read_statement, statement_file};
pub(crate) use ledger::first_head;
pub(crate) use lock::Lock;
pub use memory::MemoryStore;
pub use open_error::OpenError;
pub(crate) use sled::{SledBuilder, SledOutline};
pub use sled::{SledConfig, SledStore};
pub use types::{
    BadName, BurnOutcome, GET_MAX, Lives, Pending, Put, PutOutcome, Quotas, STATEMENT_MAX, Shelf, StatementName,
    StoreError,
};

pub use cssr_proto::frame::EnvelopeKind as Kind;

use cssr_proto::index::{Batch, Head};
use cssr_proto::parcel::BurnKey;
use cssr_proto::{Day, Envelope, EnvelopeId};
use std::sync::Arc;

/// Storage of a relay. The [contract](self) holds for every verb, beside what stands at each.
pub trait Store: Send + Sync + 'static {
    /// Stores an envelope under the day it arrived on, to be listed by a later [`seal`](Self::seal).
    ///
    /// Of several puts of one id, at once or one after the other, exactly one is [`Stored`](PutOutcome::Stored). The same
    /// kind, burn hash and bytes again are [`Already`](PutOutcome::Already) there, which is as durable; anything else
    /// under a known id, and anything under a burned one, is a [`Conflict`](PutOutcome::Conflict) and changes nothing.
    /// [`Full`](PutOutcome::Full) if the kind's quota is used up; what is already there is still `Already`.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] for a letter with a burn hash or a day that is none; otherwise the environment's.
    fn put(&self, put: Put) -> impl Future<Output = Result<PutOutcome, StoreError>> + Send;

    /// The envelopes of one kind with these ids, in their order; `None` for what is unknown, burned, of the other kind
    /// or, if a day is given, of another day. Whoever knows the day should say it: some engines look there only.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] for more than [`GET_MAX`] ids; [`StoreError::Unreadable`] for a damaged record.
    fn get(
        &self,
        kind: Kind,
        day: Option<Day>,
        ids: &[EnvelopeId],
    ) -> impl Future<Output = Result<Vec<Option<Envelope>>, StoreError>> + Send;

    /// The letters at positions `first .. first + count` of the day's list (the ids of its batches in order of number),
    /// `None` where the list has ended: always `count` of them.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn letters(
        &self,
        day: Day,
        first: u64,
        count: usize,
    ) -> impl Future<Output = Result<Vec<Option<(EnvelopeId, Envelope)>>, StoreError>> + Send;

    /// Whether each of these ids is a chunk that is held: known and not burned. `false` for letters.
    ///
    /// # Errors
    /// The environment's.
    fn have(&self, ids: &[EnvelopeId]) -> impl Future<Output = Result<Vec<bool>, StoreError>> + Send;

    /// Destroys a chunk for whoever holds the key whose SHA-256 was put with it. Its id stays known, and listed.
    ///
    /// [`Burned`](BurnOutcome::Burned) also if it was burned before with this key; [`Refused`](BurnOutcome::Refused) for a
    /// wrong key, for a chunk put without a burn hash, and for every letter; [`Absent`](BurnOutcome::Absent) for an
    /// unknown id.
    ///
    /// # Errors
    /// The environment's.
    fn burn(&self, id: EnvelopeId, key: BurnKey) -> impl Future<Output = Result<BurnOutcome, StoreError>> + Send;

    /// What waits to be sealed, of the oldest day that has something. How long it has waited is for the caller to know.
    ///
    /// # Errors
    /// The environment's.
    fn pending(&self, kind: Kind) -> impl Future<Output = Result<Option<Pending>, StoreError>> + Send;

    /// Seals what waits of the oldest such day into the next batch, the [`BATCH_MAX`](cssr_proto::sizes::BATCH_MAX) smallest
    /// ids if there are more; `None` if nothing waits. When to do so is the caller's business.
    ///
    /// # Errors
    /// The environment's.
    fn seal(&self, kind: Kind) -> impl Future<Output = Result<Option<Arc<Batch>>, StoreError>> + Send;

    /// The batches of a day, in order of number; none for a day that is unknown or expired.
    ///
    /// # Errors
    /// The environment's.
    fn batches(&self, kind: Kind, day: Day) -> impl Future<Output = Result<Vec<Arc<Batch>>, StoreError>> + Send;

    /// At most `max` batches from a number on, in order of number; from the oldest there is if that one has expired.
    ///
    /// # Errors
    /// The environment's.
    fn batches_from(
        &self,
        kind: Kind,
        number: u64,
        max: usize,
    ) -> impl Future<Output = Result<Vec<Arc<Batch>>, StoreError>> + Send;

    /// The end of the chain: the last batch sealed, even if its day has expired; number 0 before the first one.
    ///
    /// # Errors
    /// The environment's.
    fn head(&self, kind: Kind) -> impl Future<Output = Result<Head, StoreError>> + Send;

    /// The latest day that the store was ever told; [`Day::FIRST`] if none. A relay must not announce an earlier one.
    ///
    /// # Errors
    /// The environment's.
    fn latest_day(&self) -> impl Future<Output = Result<Day, StoreError>> + Send;

    /// Forgets every day that is older than its life: envelopes, ids, batches, and the key they were stored under. Returns
    /// how many days, letters and chunks counted apart. Heads and statements stay. Works on a failed store too.
    ///
    /// Afterwards nothing of such a day can be read from the store's files, whoever has them.
    ///
    /// # Errors
    /// The environment's; what could be destroyed is destroyed even so.
    fn expire(&self, today: Day, lives: Lives) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Makes ready for a day, so that nothing tells when the first envelope of it comes. Some engines do nothing.
    ///
    /// # Errors
    /// The environment's.
    fn begin(&self, _day: Day) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Has a file of the latest day look as if something had just come, so that the times of what does come tell nothing if
    /// this is done often, at random moments. Some engines do nothing.
    fn cover(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Keeps a statement under a name, in the place of what was there: one or the other survives a crash, whole.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] for more than [`STATEMENT_MAX`] bytes; otherwise the environment's.
    fn put_statement(
        &self,
        shelf: Shelf,
        name: StatementName,
        bytes: Vec<u8>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// A statement, or `None`.
    ///
    /// # Errors
    /// The environment's.
    fn statement(
        &self,
        shelf: Shelf,
        name: StatementName,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>> + Send;

    /// The names on a shelf, ascending.
    ///
    /// # Errors
    /// The environment's.
    fn statements(&self, shelf: Shelf) -> impl Future<Output = Result<Vec<StatementName>, StoreError>> + Send;

    /// Removes a statement; whether it was there.
    ///
    /// # Errors
    /// The environment's.
    fn delete_statement(
        &self,
        shelf: Shelf,
        name: StatementName,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Whether something that is listed was found lost when the store was opened. What is found later is an error of the
    /// verb that finds it.
    fn is_damaged(&self) -> bool;

    /// How many bytes are free where envelopes lie; `None` if there is no such limit, or the system does not say.
    ///
    /// 0 also as long as an engine could not take the space that it wants to have at hand, whatever the system says is free:
    /// a quota of the system may be used up. That changes when a batch is listed or [`begin`](Self::begin) is called, so that it
    /// tells nothing of what comes and is burned; but on such a disk `begin` may find space between two batches only if
    /// nothing waits.
    fn free(&self) -> impl Future<Output = Option<u64>> + Send;

    /// Ends the store in good order, once everything asked for before is done. Every verb fails with
    /// [`StoreError::Closed`] afterwards. A store that is dropped instead does the same, without telling how it went.
    ///
    /// # Errors
    /// The environment's.
    fn close(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}
