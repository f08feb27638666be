//! Reading for a backup while a relay writes: whatever happens between two reads, what was read is as the store was at one
//! moment.

use super::super::disk::{Disk, DiskFile, Lock};
use super::super::reader::{Extent, JournalReader};
use super::super::{JournalConfig, JournalStore};
use super::power::{block_on, open};
use super::sim::{Fault, Sim};
use crate::store::conformance::{AMPLE, LIVES, burn_key, chunk, day, id, letter, relay_key, stored};
use crate::store::transfer::{Content, Source as _};
use crate::store::{Kind, Store as _, StoreError};
use cssr_proto::Day;
use std::fs::TryLockError;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

type Action = Mutex<Option<Box<dyn FnOnce() + Send>>>;

/// A disk on which something happens before the read of a number.
#[derive(Clone)]
struct Between {
    sim: Sim,
    left: Arc<AtomicU64>,
    action: Arc<Action>,
}

struct BetweenFile(Arc<dyn DiskFile>, Between);

impl std::fmt::Debug for Between {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Between")
    }
}

impl std::fmt::Debug for BetweenFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BetweenFile")
    }
}

impl Disk for Between {
    fn make_folder(&self, path: &Path) -> io::Result<bool> {
        panic!("{path:?} is made by somebody who reads")
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.sim.list(folder)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        panic!("{path:?} is made by somebody who reads")
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(BetweenFile(self.sim.open(path)?, self.clone())))
    }

    fn rename(&self, from: &Path, _: &Path) -> io::Result<()> {
        panic!("{from:?} is renamed by somebody who reads")
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        panic!("{path:?} is removed by somebody who reads")
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        panic!("{path:?} is removed by somebody who reads")
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.sim.sync_folder(path)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, TryLockError> {
        self.sim.lock(path)
    }
}

impl DiskFile for BetweenFile {
    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.1.left.fetch_sub(1, Ordering::Relaxed) == 1
            && let Some(action) = self.1.action.lock().unwrap().take()
        {
            action();
        }
        self.0.read_at(buffer, offset)
    }

    fn read_at_once(&self, _: &mut [u8], _: u64) -> io::Result<bool> {
        Ok(false)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        panic!("somebody who reads writes")
    }

    fn allocate(&self, _: u64, _: u64) -> io::Result<()> {
        panic!("somebody who reads writes")
    }

    fn cut(&self, _: u64) -> io::Result<()> {
        panic!("somebody who reads writes")
    }

    fn holes(&self) -> io::Result<Vec<Range<u64>>> {
        panic!("somebody who reads looks for space")
    }

    fn punch(&self, _: u64, _: u64) -> io::Result<()> {
        panic!("somebody who reads writes")
    }

    fn touch(&self) -> io::Result<()> {
        panic!("somebody who reads writes")
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn forget_cached(&self) -> io::Result<()> {
        self.0.forget_cached()
    }
}

/// A day with a batch of letters and one of chunks; what waits; and the next day's first letter, so that it is known.
async fn filled(sim: &Sim) -> JournalStore {
    let store = open(sim, 0).unwrap();
    for seed in 0..4 {
        stored(&store, letter(seed, day(0))).await;
        stored(&store, chunk(100 + seed, day(0))).await;
    }
    store.seal(Kind::Letter).await.unwrap();
    store.seal(Kind::Chunk).await.unwrap();
    stored(&store, letter(10, day(0))).await;
    stored(&store, letter(11, day(1))).await;
    store
}

/// Batches of both days, with envelopes that were not there before; and a burn.
async fn work(store: &JournalStore) {
    store.burn(id(101), burn_key(101)).await.unwrap();
    for seed in 20..28 {
        stored(store, letter(seed, day(1))).await;
    }
    while store.seal(Kind::Letter).await.unwrap().is_some() {}
}

/// A day on which nothing is listed yet, after one of which all is, which may have expired.
async fn begun(sim: &Sim, seed: u64, expired: bool) -> JournalStore {
    let store = open(sim, seed).unwrap();
    let number = if expired { LIVES.letters + 1 } else { 1 };
    // So many that the journal of the next day need not be made longer while it is read.
    for seed in 100..230 {
        stored(&store, letter(seed, day(0))).await;
    }
    store.seal(Kind::Letter).await.unwrap();
    store.expire(day(number), LIVES).await.unwrap();
    stored(&store, letter(1, day(number))).await;
    store
}

/// The first batches of the day.
async fn first_batches(store: &JournalStore) {
    store.seal(Kind::Letter).await.unwrap();
    stored(store, letter(20, Day::FIRST)).await;
    store.seal(Kind::Letter).await.unwrap();
}

#[test]
fn whatever_happens_between_two_reads_what_was_read_fits_together() {
    fits_together(11, 1, |sim, _| block_on(filled(sim)), |store| block_on(work(store)));
}

#[test]
fn the_first_batches_of_a_day_are_read_like_others() {
    fits_together(5, 1, |sim, seed| block_on(begun(sim, seed, false)), |store| block_on(first_batches(store)));
    fits_together(5, 2, |sim, seed| block_on(begun(sim, seed, true)), |store| block_on(first_batches(store)));
}

/// `first` is the number of the first batch that has not expired.
fn fits_together(step: usize, first: u64, filled: fn(&Sim, u64) -> JournalStore, work: fn(&JournalStore)) {
    let config = JournalConfig { directory: "/store".into(), relay: relay_key(), quotas: AMPLE };
    let mut heads = std::collections::BTreeSet::new();
    for at in (1..900).step_by(step) {
        let sim = Sim::new(at);
        let store = Arc::new(filled(&sim, at));
        let writer = Arc::clone(&store);
        let action = move || std::thread::spawn(move || work(&writer)).join().unwrap();
        let action: Arc<Action> = Arc::new(Mutex::new(Some(Box::new(action))));
        let disk = Between { sim: sim.clone(), left: Arc::new(AtomicU64::new(at)), action };
        let reader = JournalReader::open_on(Arc::new(disk), &config, Extent::Listed).unwrap();
        let head = reader.outline().heads[0].number();
        let mut numbers = Vec::new();
        for (kind, day) in reader.days() {
            let listed = reader.listed(kind, day).unwrap();
            if kind == Kind::Letter {
                numbers.extend(listed.batches.iter().map(|batch| batch.number()));
            }
            for id in listed.ids {
                let held = reader.held(kind, day, id).unwrap();
                assert!(held.content != Content::Lost, "at {at}: {kind:?} of {day}");
            }
        }
        assert_eq!(numbers, (first..=head).collect::<Vec<_>>(), "at {at}");
        heads.insert(head);
        let batches = block_on(store.batches_from(Kind::Letter, 1, 99)).unwrap();
        assert!(batches.len() as u64 + first > head);
        block_on(store.expire(day(1), LIVES)).unwrap();
    }
    assert!(heads.len() > 1, "some see what happened, and some do not: {heads:?}");
}

/// The system's memory may have what the disk does not, and the relay gives its number to another batch after the next start.
#[test]
fn a_batch_of_which_the_sync_failed_is_in_no_backup() {
    block_on(async {
        for extent in [Extent::Listed, Extent::Heads] {
            let sim = Sim::new(0);
            let store = open(&sim, 0).unwrap();
            stored(&store, letter(1, day(0))).await;
            store.seal(Kind::Letter).await.unwrap();
            stored(&store, letter(2, day(0))).await;
            sim.fail(Some(Fault::BrokenSyncs(0, 1)));
            assert!(matches!(store.seal(Kind::Letter).await, Err(StoreError::Failed(_))));
            let config = JournalConfig { directory: "/store".into(), relay: relay_key(), quotas: AMPLE };
            let reader = JournalReader::open_on(Arc::new(sim.clone()), &config, extent).unwrap();
            assert_eq!(reader.outline().head(Kind::Letter).number(), 1, "{extent:?}");
            if extent == Extent::Listed {
                let listed = reader.listed(Kind::Letter, day(0)).unwrap();
                assert_eq!((listed.batches.len(), listed.ids), (1, vec![id(1)]));
            }
        }
    });
}
