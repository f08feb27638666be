//! The thread that syncs, so that the one that writes can go on meanwhile.

use super::super::family::Family;
use crate::store::volume_id::VolumeId;
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How many times the writer looks at its queue while a sync is under way. More often, it would be woken for less; less often,
/// what it finds late would not be written when the sync is done.
const LOOKS: u32 = 4;
/// A sync of fewer puts than the last one had is put off by this part of what that one took.
const PAUSE: u32 = 4;
/// But not for longer, however slow the disk is.
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// Puts that were written together.
struct Group {
    families: BTreeMap<VolumeId, Arc<Family>>,
    puts: usize,
}

impl Group {
    fn add(&mut self, Self { families, puts }: Self) {
        self.families.extend(families);
        self.puts += puts;
    }
}

/// A sync that has succeeded.
struct Synced {
    puts: usize,
    took: Duration,
}

/// Syncs one group after the other, or several together: all that have come when a sync begins.
///
/// Those who wait for one sync come back together after it; so they form two halves, one of which is written while the other
/// is synced. Halves that are not equal are made so by a pause: small syncs cost the processor as much as large ones.
///
/// Once a sync has failed there is no other: that one might succeed, and would prove nothing about what was written before.
#[derive(Debug)]
pub(super) struct Syncer {
    groups: Option<Sender<Group>>,
    results: Receiver<io::Result<Synced>>,
    thread: Option<JoinHandle<()>>,
    /// How long the last sync took.
    took: Duration,
    /// How many times the writer has looked at its queue since.
    looks: u32,
}

impl Syncer {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Self> {
        let (groups, to_sync) = channel::<Group>();
        let (results, synced) = channel();
        let work = move || {
            let (mut as_many, mut until) = (0, Instant::now());
            while let Some(Group { families, puts }) = next_group(&to_sync, as_many, until) {
                let begun = Instant::now();
                let sync = || families.values().try_for_each(|family| family.sync());
                let result = catch_unwind(AssertUnwindSafe(sync));
                let result = result.unwrap_or_else(|_| Err(io::Error::other("the syncing thread panicked")));
                let ended = Instant::now();
                let took = ended - begun;
                (as_many, until) = (puts, ended + (took / PAUSE).min(LONGEST_PAUSE));
                // The files are free before it is said that this is done.
                drop(families);
                let is_over = result.is_err();
                if results.send(result.map(|()| Synced { puts, took })).is_err() || is_over {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("sync".into()).spawn(work)?;
        Ok(Self { groups: Some(groups), results: synced, thread: Some(thread), took: Duration::ZERO, looks: 0 })
    }

    /// Has so many puts synced that were written to these families: at once, or when the sync that is under way is done.
    pub(super) fn begin(&self, families: BTreeMap<VolumeId, Arc<Family>>, puts: usize) {
        if let Some(groups) = &self.groups {
            // If the thread is gone, that is the result.
            let _ = groups.send(Group { families, puts });
        }
    }

    /// Waits for a part of the time that a sync takes, a few times in each, and then until it is done. Says how many puts are
    /// synced if it is.
    pub(super) fn wait_a_while(&mut self) -> Option<io::Result<usize>> {
        self.looks += 1;
        if self.looks >= LOOKS {
            return Some(self.wait());
        }
        match self.results.recv_timeout(self.took / LOOKS) {
            Ok(result) => Some(self.done(result)),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(gone())),
        }
    }

    /// Waits until a sync is done, and says how many puts are synced: those that were begun first.
    pub(super) fn wait(&mut self) -> io::Result<usize> {
        let result = self.results.recv().unwrap_or_else(|_| Err(gone()));
        self.done(result)
    }

    /// The next sync is under way already, if there is something to sync.
    fn done(&mut self, result: io::Result<Synced>) -> io::Result<usize> {
        let Synced { puts, took } = result?;
        (self.took, self.looks) = (took, 0);
        Ok(puts)
    }
}

/// The next group, with all others that are there when it has so many puts, or at that moment at the latest.
fn next_group(to_sync: &Receiver<Group>, as_many: usize, until: Instant) -> Option<Group> {
    let mut group = to_sync.recv().ok()?;
    loop {
        to_sync.try_iter().for_each(|more| group.add(more));
        let left = until.saturating_duration_since(Instant::now());
        if group.puts >= as_many || left.is_zero() {
            return Some(group);
        }
        match to_sync.recv_timeout(left) {
            Ok(more) => group.add(more),
            Err(_) => return Some(group),
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.groups = None;
        // Its files are free once it has ended.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("the syncing thread has ended")
}
