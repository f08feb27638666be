//! A disk in memory that can lose power and fail at any call.
//!
//! What was not synced when the power is cut is there or not, sector by sector and name by name, as a seed decides. A sync
//! that fails may have written anything of it, and whatever it has not written is never written by a later one: so do real
//! systems. Nothing is ever freed, so a test can search what a thief of the disk would.

use super::super::disk::{Disk, DiskFile, Lock};
use chacha20::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::TryLockError;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const SECTOR: u64 = 512;

/// What goes wrong at the calls that change something, counted from when it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The call with this number and all that follow fail, and what the call was about to do is done in part.
    PowerCut(u64),
    /// The call with this number fails, and is done in part.
    Broken(u64),
    /// The syncs of files from this number on fail, so many of them.
    BrokenSyncs(u64, u64),
    /// The same, with want of space for a reason, as of a device that promises more than it has.
    FullSyncs(u64, u64),
    /// The calls from this number on, so many of them, find no space. Such a call changes nothing.
    Full(u64, u64),
}

#[derive(Clone, Debug)]
pub(super) struct Sim(Arc<Mutex<World>>);

#[derive(Debug)]
struct World {
    rng: ChaCha20Rng,
    inodes: Vec<Inode>,
    volatile: BTreeMap<PathBuf, Node>,
    durable: BTreeMap<PathBuf, Node>,
    fault: Option<Fault>,
    calls: u64,
    syncs: u64,
    powered: bool,
    locked: bool,
    /// How often the times of files were changed by nothing else.
    touched: BTreeMap<usize, u64>,
    /// Ranges that were given back though the disk still had something in them.
    punched_alive: u64,
    /// How often space was taken for files or given back.
    space_changes: u64,
    /// Journals that another day has taken over.
    used_again: usize,
    /// Sectors that all files together may have, if there is a limit.
    capacity: Option<u64>,
    /// How many more syncs of files may be done; the next one waits.
    permitted: Option<u64>,
    /// Sectors of files that cannot be read.
    bad: BTreeSet<(usize, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Folder,
    File(usize),
}

#[derive(Clone, Debug, Default)]
struct Inode {
    volatile: Content,
    durable: Content,
    dirty: BTreeSet<u64>,
    /// Sectors that hold what a day has left whose key was destroyed before the file was kept for another day.
    dead: BTreeSet<u64>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    length: u64,
    /// Sectors whose space was given back.
    holes: BTreeSet<u64>,
    sectors: BTreeMap<u64, [u8; SECTOR as usize]>,
}

impl Content {
    fn sector(&self, number: u64) -> [u8; SECTOR as usize] {
        self.sectors.get(&number).copied().unwrap_or([0; SECTOR as usize])
    }

    /// A sector as it is elsewhere.
    fn take(&mut self, other: &Self, number: u64) {
        self.sectors.insert(number, other.sector(number));
        if other.holes.contains(&number) {
            self.holes.insert(number);
        } else {
            self.holes.remove(&number);
        }
    }

    /// Sectors that have space.
    fn used(&self) -> u64 {
        let end = self.length.div_ceil(SECTOR);
        end - self.holes.range(..end).count() as u64
    }

    fn bytes(&self) -> Vec<u8> {
        let end = self.sectors.last_key_value().map_or(0, |(last, _)| (last + 1) * SECTOR);
        let mut bytes = vec![0; end as usize];
        for (number, sector) in &self.sectors {
            bytes[(number * SECTOR) as usize..][..SECTOR as usize].copy_from_slice(sector);
        }
        bytes
    }
}

impl Sim {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World {
            rng: ChaCha20Rng::seed_from_u64(seed),
            inodes: Vec::new(),
            volatile: BTreeMap::from([(PathBuf::from("/"), Node::Folder)]),
            durable: BTreeMap::from([(PathBuf::from("/"), Node::Folder)]),
            fault: None,
            calls: 0,
            syncs: 0,
            powered: true,
            locked: false,
            touched: BTreeMap::new(),
            punched_alive: 0,
            space_changes: 0,
            used_again: 0,
            capacity: None,
            permitted: None,
            bad: BTreeSet::new(),
        })))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, counting from 0.
    pub(super) fn fail(&self, fault: Option<Fault>) {
        let mut world = self.world();
        (world.fault, world.calls, world.syncs) = (fault, 0, 0);
    }

    /// Syncs of files that were tried since the last fault was set.
    pub(super) fn syncs(&self) -> u64 {
        self.world().syncs
    }

    /// From now on these sectors of files cannot be read, and all others can.
    pub(super) fn spoil(&self, sectors: &[(&Path, u64)]) {
        let mut world = self.world();
        world.bad.clear();
        for (path, sector) in sectors {
            let Some(Node::File(inode)) = world.volatile.get(*path).copied() else { panic!("{path:?} is no file") };
            world.bad.insert((inode, *sector));
        }
    }

    /// From now on no file gets more space than it has, but what is given back.
    pub(super) fn no_more_space(&self) {
        self.space(0);
    }

    /// From now on there are so many bytes free.
    pub(super) fn space(&self, bytes: u64) {
        let mut world = self.world();
        world.capacity = Some(world.used() + bytes / SECTOR);
    }

    /// From now on there is space again.
    pub(super) fn space_again(&self) {
        self.world().capacity = None;
    }

    /// Bytes that all files have together.
    pub(super) fn used(&self) -> u64 {
        self.world().used() * SECTOR
    }

    /// From now on so many syncs of files are done, and then they wait; `None`: none waits.
    pub(super) fn permit_syncs(&self, permitted: Option<u64>) {
        self.world().permitted = permitted;
    }

    /// Waits until a sync may be done; ten seconds at most, or a test that fails would never end.
    fn await_permit(&self) {
        for _ in 0..10_000 {
            match &mut self.world().permitted {
                None => return,
                Some(0) => {}
                Some(left) => {
                    *left -= 1;
                    return;
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(super) fn is_powered(&self) -> bool {
        self.world().powered
    }

    pub(super) fn used_again(&self) -> usize {
        self.world().used_again
    }

    pub(super) fn space_changes(&self) -> u64 {
        self.world().space_changes
    }

    /// Sectors of a file whose space was given back.
    pub(super) fn holes(&self, path: &Path) -> usize {
        let world = self.world();
        let Some(Node::File(inode)) = world.volatile.get(path) else { panic!("{path:?} is no file") };
        world.inodes[*inode].volatile.holes.len()
    }

    pub(super) fn punched_alive(&self) -> u64 {
        self.world().punched_alive
    }

    /// Cuts the power, if it was on, and switches it on again.
    pub(super) fn power_cycle(&self) {
        let mut world = self.world();
        let World { rng, inodes, volatile, durable, .. } = &mut *world;
        // Everything, nothing, or some of it has reached the disk.
        let odds = [0, 1 << 31, 1 << 30, u32::MAX][(rng.next_u32() % 4) as usize];
        let mut lasts = || rng.next_u32() < odds;
        for inode in inodes {
            for number in std::mem::take(&mut inode.dirty) {
                if lasts() {
                    inode.durable.take(&inode.volatile, number);
                }
            }
            if inode.durable.length != inode.volatile.length && lasts() {
                inode.durable.length = inode.volatile.length;
            }
            let end = inode.durable.length.div_ceil(SECTOR);
            inode.durable.sectors.retain(|number, _| *number < end);
            inode.volatile = inode.durable.clone();
        }
        let names: BTreeSet<_> = volatile.keys().chain(durable.keys()).cloned().collect();
        let mut after = BTreeMap::new();
        for name in names {
            let node = if lasts() { volatile.get(&name) } else { durable.get(&name) };
            let has_parent = name.parent().is_none_or(|parent| after.get(parent) == Some(&Node::Folder));
            if let Some(node) = node.filter(|_| has_parent) {
                after.insert(name, *node);
            }
        }
        (*volatile, *durable) = (after.clone(), after);
        (world.fault, world.powered) = (None, true);
    }

    /// How often the times of a file were changed without its content.
    pub(super) fn touched(&self, path: &Path) -> u64 {
        let world = self.world();
        let Some(Node::File(inode)) = world.volatile.get(path) else { panic!("{path:?} is no file") };
        world.touched.get(inode).copied().unwrap_or_default()
    }

    /// A file's bytes, as a program sees them.
    pub(super) fn read(&self, path: &Path) -> Vec<u8> {
        let world = self.world();
        let Some(Node::File(inode)) = world.volatile.get(path) else { panic!("{path:?} is no file") };
        world.inodes[*inode].volatile.bytes()
    }

    /// Changes a file behind everybody's back.
    pub(super) fn change(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut world = self.world();
        let Some(Node::File(inode)) = world.volatile.get(path).copied() else { panic!("{path:?} is no file") };
        let inode = &mut world.inodes[inode];
        let mut bytes = inode.volatile.bytes();
        change(&mut bytes);
        bytes.resize(bytes.len().next_multiple_of(SECTOR as usize), 0);
        for (number, sector) in bytes.chunks(SECTOR as usize).enumerate() {
            inode.volatile.sectors.insert(number as u64, sector.try_into().unwrap());
        }
        inode.durable = inode.volatile.clone();
        inode.dirty.clear();
    }

    /// The same for some sectors of a file, each with its number.
    pub(super) fn change_sectors(
        &self,
        path: &Path,
        sectors: impl IntoIterator<Item = u64>,
        mut change: impl FnMut(u64, &mut [u8; SECTOR as usize]),
    ) {
        let mut world = self.world();
        let Some(Node::File(inode)) = world.volatile.get(path).copied() else { panic!("{path:?} is no file") };
        let inode = &mut world.inodes[inode];
        for number in sectors {
            let mut sector = inode.volatile.sector(number);
            change(number, &mut sector);
            inode.volatile.sectors.insert(number, sector);
            inode.durable.sectors.insert(number, sector);
            inode.dirty.remove(&number);
        }
    }

    /// Another disk that holds the same, and on which nothing goes wrong.
    pub(super) fn copy(&self) -> Self {
        let (world, copy) = (self.world(), Self::new(0));
        let mut to = copy.world();
        (to.inodes, to.volatile, to.durable) = (world.inodes.clone(), world.volatile.clone(), world.durable.clone());
        drop(to);
        copy
    }

    /// How many sectors a file has.
    pub(super) fn sectors(&self, path: &Path) -> u64 {
        let world = self.world();
        let Some(Node::File(inode)) = world.volatile.get(path) else { panic!("{path:?} is no file") };
        world.inodes[*inode].volatile.length.div_ceil(SECTOR)
    }

    /// Every file that there is.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let world = self.world();
        let files = world.volatile.iter().filter(|(_, node)| matches!(node, Node::File(_)));
        files.map(|(path, _)| path.clone()).collect()
    }

    /// What the disk holds, in files that there are and in those that were removed, synced or not.
    pub(super) fn platter(&self) -> Vec<Vec<u8>> {
        let world = self.world();
        world.inodes.iter().flat_map(|inode| [inode.durable.bytes(), inode.volatile.bytes()]).collect()
    }

    /// The same without what was never written.
    pub(super) fn written(&self) -> Vec<u8> {
        let world = self.world();
        let contents = world.inodes.iter().flat_map(|inode| [&inode.durable, &inode.volatile]);
        contents.flat_map(|content| content.sectors.values()).flatten().copied().collect()
    }
}

impl World {
    /// Counts a call that changes something; `Err` if it fails, with whether a part of it is done.
    fn call(&mut self) -> Result<(), (io::Error, bool)> {
        if !self.powered {
            return Err((io::Error::other("the power is off"), false));
        }
        let call = self.calls;
        self.calls += 1;
        match self.fault {
            Some(Fault::PowerCut(at)) if call >= at => {
                self.powered = false;
                Err((io::Error::other("the power is off"), true))
            }
            Some(Fault::Broken(at)) if call == at => Err((io::Error::other("the disk is broken"), true)),
            Some(Fault::Full(from, count)) if (from..from.saturating_add(count)).contains(&call) => {
                Err((ErrorKind::StorageFull.into(), false))
            }
            _ => Ok(()),
        }
    }

    /// A call that is done as a whole or not at all.
    fn whole(&mut self, change: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        match self.call() {
            Ok(()) => change(self),
            Err((error, begun)) => {
                if begun && self.rng.next_u32().is_multiple_of(2) {
                    change(self)?;
                }
                Err(error)
            }
        }
    }

    /// Sectors that files have which have a name.
    fn used(&self) -> u64 {
        let inodes = self.volatile.values().filter_map(|node| match node {
            Node::File(inode) => self.inodes.get(*inode),
            Node::Folder => None,
        });
        inodes.map(|inode| inode.volatile.used()).sum()
    }

    /// Sectors that are free.
    fn free(&self) -> u64 {
        self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used()))
    }

    fn node(&self, path: &Path) -> io::Result<Node> {
        self.volatile.get(path).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn children(&self, folder: &Path) -> Vec<PathBuf> {
        self.volatile.keys().filter(|path| path.parent() == Some(folder)).cloned().collect()
    }
}

impl Disk for Sim {
    fn make_folder(&self, path: &Path) -> io::Result<bool> {
        let mut world = self.world();
        if world.volatile.get(path) == Some(&Node::Folder) {
            return if world.powered { Ok(false) } else { Err(io::Error::other("the power is off")) };
        }
        world.whole(|world| {
            world.volatile.insert(path.to_owned(), Node::Folder);
            Ok(())
        })?;
        Ok(true)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let world = self.world();
        world.node(folder)?;
        let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        Ok(world.children(folder).into_iter().map(name).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut world = self.world();
        world.node(path.parent().unwrap())?;
        world.whole(|world| {
            // Truncating keeps the old blocks on the disk, freed.
            world.inodes.push(Inode::default());
            let node = Node::File(world.inodes.len() - 1);
            world.volatile.insert(path.to_owned(), node);
            Ok(())
        })?;
        drop(world);
        self.open(path)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        match self.world().node(path)? {
            Node::File(inode) => Ok(Arc::new(SimFile { sim: self.clone(), inode })),
            Node::Folder => Err(ErrorKind::IsADirectory.into()),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.world().whole(|world| {
            let node = world.node(from)?;
            world.volatile.remove(from);
            world.volatile.insert(to.to_owned(), node);
            world.used_again += usize::from(to.ends_with("journal"));
            if let Node::File(inode) = node
                && from.ends_with("journal")
            {
                let inode = &mut world.inodes[inode];
                inode.dead = inode.volatile.sectors.keys().chain(inode.durable.sectors.keys()).copied().collect();
            }
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.node(path)?;
        world.whole(|world| {
            world.volatile.remove(path);
            Ok(())
        })
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.node(path)?;
        if !world.children(path).is_empty() {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        world.whole(|world| {
            world.volatile.remove(path);
            Ok(())
        })
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.whole(|world| {
            world.node(path)?;
            let World { volatile, durable, .. } = world;
            durable.retain(|name, _| name.parent() != Some(path) || volatile.contains_key(name));
            for (name, node) in volatile.iter().filter(|(name, _)| name.parent() == Some(path)) {
                durable.insert(name.clone(), *node);
            }
            Ok(())
        })
    }

    fn lock(&self, _: &Path) -> Result<Box<dyn Lock>, TryLockError> {
        let mut world = self.world();
        if world.locked {
            return Err(TryLockError::WouldBlock);
        }
        world.locked = true;
        Ok(Box::new(SimLock(self.clone())))
    }
}

#[derive(Debug)]
struct SimLock(Sim);

impl Lock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.0.world().locked = false;
    }
}

#[derive(Debug)]
struct SimFile {
    sim: Sim,
    inode: usize,
}

impl DiskFile for SimFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.sim.world().inodes[self.inode].volatile.length)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let world = self.sim.world();
        let content = &world.inodes[self.inode].volatile;
        let count = content.length.saturating_sub(offset).min(buffer.len() as u64) as usize;
        let mut done = 0;
        while done < count {
            let at = offset + done as u64;
            if world.bad.contains(&(self.inode, at / SECTOR)) {
                return Err(io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error()));
            }
            let sector = content.sector(at / SECTOR);
            let from = (at % SECTOR) as usize;
            let some = (count - done).min(SECTOR as usize - from);
            buffer[done..done + some].copy_from_slice(&sector[from..from + some]);
            done += some;
        }
        Ok(count)
    }

    fn read_at_once(&self, buffer: &mut [u8], offset: u64) -> io::Result<bool> {
        // Whether it is in memory changes from one time to the next.
        let known = self.sim.world().rng.next_u32().is_multiple_of(2);
        Ok(known && self.read_at(buffer, offset)? == buffer.len())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut world = self.sim.world();
        let end = offset + bytes.len() as u64;
        let Content { length, holes, .. } = &world.inodes[self.inode].volatile;
        let (from, to, there) = (offset / SECTOR, end.div_ceil(SECTOR), length.div_ceil(SECTOR));
        let needed = to.saturating_sub(from.max(there)) + holes.range(from..to.min(there).max(from)).count() as u64;
        if needed > world.free() {
            return Err(ErrorKind::StorageFull.into());
        }
        let failed = world.call();
        let keep = match &failed {
            Ok(()) => bytes.len(),
            Err((_, true)) => (world.rng.next_u64() % (bytes.len() as u64 + 1)) as usize / 512 * 512,
            Err((_, false)) => 0,
        };
        let inode = &mut world.inodes[self.inode];
        assert!(offset.is_multiple_of(SECTOR), "every write begins with a sector");
        for (number, some) in (offset / SECTOR..).zip(bytes[..keep].chunks(SECTOR as usize)) {
            let sector = inode.volatile.sectors.entry(number).or_insert([0; SECTOR as usize]);
            sector[..some.len()].copy_from_slice(some);
            inode.volatile.holes.remove(&number);
            inode.dead.remove(&number);
            inode.dirty.insert(number);
        }
        inode.volatile.length = inode.volatile.length.max(offset + keep as u64);
        failed.map_err(|(error, _)| error)
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        let mut world = self.sim.world();
        world.space_changes += 1;
        world.whole(|world| {
            let free = world.free();
            let inode = &mut world.inodes[self.inode];
            let range = offset / SECTOR..(offset + length) / SECTOR;
            let Content { holes, sectors, length, .. } = &inode.volatile;
            let there = length.div_ceil(SECTOR);
            let is_missing = |sector: &u64| *sector >= there || holes.contains(sector);
            // A file system takes what there is before it says that this is not enough.
            let lacking = range.clone().filter(is_missing).nth(usize::try_from(free).unwrap_or(usize::MAX));
            let range = range.start..lacking.unwrap_or(range.end);
            let changed = |sector: &u64| sectors.contains_key(sector) || holes.contains(sector);
            inode.dirty.extend(range.clone().filter(changed));
            let content = &mut inode.volatile;
            content.sectors.retain(|sector, _| !range.contains(sector));
            content.holes.retain(|sector| !range.contains(sector));
            content.length = content.length.max(range.end * SECTOR);
            if lacking.is_some() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
        })
    }

    fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        let mut world = self.sim.world();
        let range = offset / SECTOR..(offset + length) / SECTOR;
        // Without its header a record cannot be opened by anyone: its nonce is gone.
        let mut headers = range.clone().step_by(super::super::record::RECORD / SECTOR as usize);
        let inode = &world.inodes[self.inode];
        let alive = headers.any(|sector| inode.durable.sector(sector) != [0; 512] && !inode.dead.contains(&sector));
        world.punched_alive += u64::from(alive);
        world.space_changes += 1;
        world.whole(|world| {
            let inode = &mut world.inodes[self.inode];
            for sector in range {
                inode.volatile.sectors.remove(&sector);
                inode.volatile.holes.insert(sector);
                inode.dirty.insert(sector);
            }
            Ok(())
        })
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        let mut world = self.sim.world();
        world.space_changes += 1;
        world.whole(|world| {
            // What is cut off stays on the platter, freed: nobody reads it any more.
            let inode = &mut world.inodes[self.inode];
            let end = length.div_ceil(SECTOR);
            inode.volatile.length = inode.volatile.length.min(length);
            inode.volatile.sectors.retain(|sector, _| *sector < end);
            inode.volatile.holes.retain(|sector| *sector < end);
            inode.dirty.retain(|sector| *sector < end);
            Ok(())
        })
    }

    fn holes(&self) -> io::Result<Vec<Range<u64>>> {
        let world = self.sim.world();
        let content = &world.inodes[self.inode].volatile;
        let holes = content.holes.iter().map(|sector| sector * SECTOR..(sector + 1) * SECTOR);
        Ok(holes.chain(std::iter::once(content.length..u64::MAX)).collect())
    }

    fn touch(&self) -> io::Result<()> {
        let mut world = self.sim.world();
        let inode = self.inode;
        *world.touched.entry(inode).or_default() += 1;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.sim.await_permit();
        let mut world = self.sim.world();
        let mut failed = world.call();
        world.syncs += 1;
        let (range, kind) = match world.fault {
            Some(Fault::BrokenSyncs(from, count)) => (from..from + count, ErrorKind::Other),
            Some(Fault::FullSyncs(from, count)) => (from..from + count, ErrorKind::StorageFull),
            _ => (0..0, ErrorKind::Other),
        };
        if range.contains(&(world.syncs - 1)) {
            failed = Err((io::Error::new(kind, "the disk is broken"), true));
        }
        let World { rng, inodes, .. } = &mut *world;
        let inode = &mut inodes[self.inode];
        let part = match &failed {
            Ok(()) => None,
            Err((_, true)) => Some(rng),
            Err((error, false)) => return Err(io::Error::new(error.kind(), error.to_string())),
        };
        let (mut rng, all) = (part, failed.is_ok());
        let mut lasts = || all || rng.as_mut().is_some_and(|rng| rng.next_u32().is_multiple_of(2));
        for sector in std::mem::take(&mut inode.dirty) {
            if lasts() {
                inode.durable.take(&inode.volatile, sector);
            }
        }
        if lasts() {
            inode.durable.length = inode.volatile.length;
        }
        failed.map_err(|(error, _)| error)
    }

    fn forget_cached(&self) -> io::Result<()> {
        let mut world = self.sim.world();
        let inode = &mut world.inodes[self.inode];
        let mut content = inode.durable.clone();
        for sector in &inode.dirty {
            content.take(&inode.volatile, *sector);
        }
        content.length = inode.volatile.length;
        inode.volatile = content;
        Ok(())
    }
}
