//! What has been found wrong with the store and its disk, for the operator: never when a user was there to find it.

use crate::store::{Kind, Quotas, StoreError};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bytes of a disk below which posts may be refused: the store takes space in steps up to 64 MiB.
const DISK_FULL: u64 = 64 << 20;
/// Bytes below which somebody should make room.
const DISK_NEARLY_FULL: u64 = 512 << 20;
/// The part of a quota, in tenths, from which somebody should know.
const NEARLY: u64 = 9;

/// How much is left of some room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Room {
    #[default]
    Enough,
    Little,
    None,
}

/// What somebody must see to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    /// The store acknowledges nothing any more.
    pub(crate) failed: bool,
    /// Something stored cannot be read.
    pub(crate) damaged: bool,
    pub(crate) disk: Room,
    pub(crate) letters: Room,
    pub(crate) chunks: Room,
}

/// What has been found so far.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    failed: AtomicBool,
    misused: AtomicBool,
    /// Found by somebody who read it, since the day began.
    unreadable: AtomicBool,
    /// Known to the operator.
    damaged: AtomicBool,
    /// Found by the relay itself, since it was last told.
    no_space: AtomicBool,
    /// Envelopes in batches: what waits is not counted, so that the figure moves with what everybody can see.
    letters: AtomicU64,
    chunks: AtomicU64,
}

impl Trouble {
    /// With a store that was opened, damaged or not: nobody was there, so that may be told at once.
    pub(crate) fn of(damaged: bool) -> Self {
        Self { damaged: damaged.into(), ..Self::default() }
    }

    /// Takes note of what the store says to the relay itself, when it lists a batch, begins a day or lets days expire.
    pub(crate) fn note_own(&self, error: &StoreError) {
        match error {
            StoreError::NoSpace => self.no_space.store(true, Ordering::Relaxed),
            error => self.note(error),
        }
    }

    /// Takes note of what the store says to somebody.
    pub(crate) fn note(&self, error: &StoreError) {
        match error {
            StoreError::Unreadable(_) => self.unreadable.store(true, Ordering::Relaxed),
            // Of space for envelopes the relay finds that too, when it lists a batch or begins a day. Whoever burns or publishes
            // is told.
            StoreError::NoSpace => {}
            // A mistake of the relay's own, and no harm to what is stored. Told once: it may be some peer's doing.
            StoreError::Misuse(_) => {
                if !self.misused.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "the store was misused");
                }
            }
            StoreError::Closed | StoreError::Failed(_) => {
                if !self.failed.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "the store failed");
                }
            }
        }
    }

    /// A day has begun: what was found unreadable on the one before may be told.
    pub(crate) fn turn_day(&self) {
        if self.unreadable.swap(false, Ordering::Relaxed) {
            self.damaged.store(true, Ordering::Relaxed);
        }
    }

    /// So many envelopes of a kind are listed.
    pub(crate) fn listed(&self, kind: Kind, count: u64) {
        self.count(kind).store(count, Ordering::Relaxed);
    }

    /// So many more are.
    pub(crate) fn sealed(&self, kind: Kind, count: usize) {
        self.count(kind).fetch_add(count as u64, Ordering::Relaxed);
    }

    /// What there is to be seen to, with so many bytes free on the disk, if that is known.
    pub(crate) fn found(&self, quotas: Quotas, free: Option<u64>) -> Found {
        // Whoever wants space finds out again.
        let refused = self.no_space.swap(false, Ordering::Relaxed);
        let disk = match free {
            _ if refused => Room::None,
            Some(free) if free < DISK_FULL => Room::None,
            Some(free) if free < DISK_NEARLY_FULL => Room::Little,
            _ => Room::Enough,
        };
        let of = |kind| {
            let (listed, quota) = (self.count(kind).load(Ordering::Relaxed), quotas.of(kind));
            match () {
                // Nobody was meant to post any.
                () if quota == 0 => Room::Enough,
                () if listed >= quota => Room::None,
                () if listed.saturating_mul(10) >= quota.saturating_mul(NEARLY) => Room::Little,
                () => Room::Enough,
            }
        };
        Found {
            failed: self.failed.load(Ordering::Relaxed),
            damaged: self.damaged.load(Ordering::Relaxed),
            disk,
            letters: of(Kind::Letter),
            chunks: of(Kind::Chunk),
        }
    }

    const fn count(&self, kind: Kind) -> &AtomicU64 {
        match kind {
            Kind::Letter => &self.letters,
            Kind::Chunk => &self.chunks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTAS: Quotas = Quotas { letters: 100, chunks: 0 };

    #[test]
    fn a_store_that_failed_has_failed_for_good() {
        let trouble = Trouble::default();
        trouble.note(&StoreError::Misuse("why"));
        assert!(!trouble.found(QUOTAS, None).failed);
        trouble.note(&StoreError::Failed("why".into()));
        trouble.turn_day();
        assert!(trouble.found(QUOTAS, None).failed);
    }

    #[test]
    fn what_somebody_could_not_read_is_told_when_the_day_is_over() {
        let trouble = Trouble::default();
        trouble.note(&StoreError::Unreadable("why".into()));
        let Found { failed, damaged, .. } = trouble.found(QUOTAS, None);
        assert!(!failed && !damaged, "its time would tell when somebody was there");
        trouble.turn_day();
        trouble.turn_day();
        assert!(trouble.found(QUOTAS, None).damaged);
    }

    #[test]
    fn little_room_is_told_before_there_is_none() {
        let trouble = Trouble::default();
        let of = |free| trouble.found(QUOTAS, free).disk;
        assert_eq!([of(None), of(Some(DISK_NEARLY_FULL))], [Room::Enough; 2]);
        assert_eq!([of(Some(DISK_NEARLY_FULL - 1)), of(Some(DISK_FULL))], [Room::Little; 2]);
        assert_eq!([of(Some(DISK_FULL - 1)), of(Some(0))], [Room::None; 2]);
        trouble.note(&StoreError::NoSpace);
        assert_eq!(of(Some(u64::MAX)), Room::Enough, "its time would tell when somebody was there");
        trouble.note_own(&StoreError::NoSpace);
        assert_eq!([of(Some(u64::MAX)), of(Some(u64::MAX))], [Room::None, Room::Enough], "a quota of the disk");

        let listed = |count| {
            trouble.listed(Kind::Letter, count);
            trouble.found(QUOTAS, None).letters
        };
        assert_eq!(
            [listed(89), listed(90), listed(99), listed(100)],
            [Room::Enough, Room::Little, Room::Little, Room::None]
        );
        trouble.sealed(Kind::Chunk, 5);
        assert_eq!(trouble.found(QUOTAS, None).chunks, Room::Enough, "there were to be none");
    }
}
