//! The file-system calls that the journal makes, and no others, so that tests can fail each of them and cut the power
//! between any two.

pub(super) use super::super::lock::Lock;
use super::super::lock::lock;
use super::record::RECORD;
use std::fmt::Debug;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{
    Advice, FallocateFlags, OFlags, SeekFrom, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, fadvise, fallocate,
    futimens, seek,
};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

/// Folders and the names in them. A change of names lasts once the folder is synced.
pub(super) trait Disk: Debug + Send + Sync {
    /// Makes a folder that only its owner can enter; false if it is there already.
    fn make_folder(&self, path: &Path) -> io::Result<bool>;

    /// The names in a folder.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Makes an empty file that only its owner can read, in the place of what was there.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file to read and write.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name, in the place of what was there.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file's name.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty folder.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Keeps other processes out for as long as the lock is alive.
    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, TryLockError>;
}

/// An open file. What is written lasts once it is synced.
pub(super) trait DiskFile: Debug + Send + Sync {
    fn length(&self) -> io::Result<u64>;

    /// Fills the buffer from an offset on; returns how much of it there was before the file's end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// The same if nothing must be waited for, because the system has it in memory; `false` if it has not, or not all of it.
    fn read_at_once(&self, buffer: &mut [u8], offset: u64) -> io::Result<bool>;

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Takes space for a range in which nothing stands, so that it reads as zeros, and makes the file longer if need be.
    ///
    /// Writing there later must change nothing that the file system notes down of the file but its times.
    fn allocate(&self, offset: u64, length: u64) -> io::Result<()>;

    /// Gives the space of a range back. It reads as zeros.
    fn punch(&self, offset: u64, length: u64) -> io::Result<()>;

    /// Makes a file shorter.
    fn cut(&self, length: u64) -> io::Result<()>;

    /// The ranges of a synced file that have no space, or space that was never written, ascending; up to the end of the file
    /// at least.
    fn holes(&self) -> io::Result<Vec<Range<u64>>>;

    /// Has the file's times say that it was written to now.
    fn touch(&self) -> io::Result<()>;

    /// Makes content and length durable.
    fn sync(&self) -> io::Result<()>;

    /// Forgets what is cached of a synced file, so that reading shows what the disk has.
    fn forget_cached(&self) -> io::Result<()>;
}

/// The disk of the system.
#[derive(Clone, Copy, Debug)]
pub(super) struct SystemDisk;

impl Disk for SystemDisk {
    fn make_folder(&self, path: &Path) -> io::Result<bool> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            other => other.map(|()| true),
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        folder.read_dir()?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(open(OpenOptions::new().create(true).truncate(true).mode(0o600), path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(open(&mut OpenOptions::new(), path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        // Names have been changed before: whatever goes wrong now is no want of something that a later try might find.
        File::open(path).map_err(io::Error::other)?.sync_all()
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, TryLockError> {
        Ok(Box::new(lock(path)?))
    }
}

/// Opens a file to read and write, so that reading it leaves no time behind: a system notes one after each change.
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.read(true).write(true).custom_flags(OFlags::NOATIME.bits() as i32);
    match options.open(path) {
        // Of whoever is not the owner, as nobody is who runs a relay.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => options.custom_flags(0).open(path),
        other => other,
    }
}

impl DiskFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match std::os::unix::fs::FileExt::read_at(self, rest, offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn read_at_once(&self, buffer: &mut [u8], offset: u64) -> io::Result<bool> {
        let length = buffer.len();
        match preadv2(self, &mut [IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT) {
            Ok(read) => Ok(read == length),
            // Not in memory; interrupted; or a file system that cannot tell.
            Err(Errno::AGAIN | Errno::INTR | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        match fallocate(self, FallocateFlags::empty(), offset, length) {
            // A file system without it: the space is taken by what is written below.
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
        // File systems tell what was written from what is merely allocated, and their logs keep, for each sync, what they
        // told then: records would stand there in the order of their arrival. So all of it is written now; the sync that
        // makes the first records durable makes this durable with them.
        write_zeros(self, offset, length)
    }

    fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        match fallocate(self, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, offset, length) {
            // A file system without it: the space comes back with the day.
            Err(Errno::OPNOTSUPP) => Ok(()),
            other => Ok(other?),
        }
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn holes(&self) -> io::Result<Vec<Range<u64>>> {
        let (mut holes, mut at) = (Vec::new(), 0);
        loop {
            let start = match seek(self, SeekFrom::Hole(at)) {
                Ok(start) => start,
                // At its end already; or a file system that cannot tell.
                Err(Errno::NXIO | Errno::INVAL | Errno::OPNOTSUPP) => return Ok(holes),
                Err(error) => return Err(error.into()),
            };
            at = match seek(self, SeekFrom::Data(start)) {
                Ok(data) => data,
                // No more data: a hole until the end.
                Err(Errno::NXIO) => u64::MAX,
                Err(error) => return Err(error.into()),
            };
            holes.push(start..at);
            if at == u64::MAX {
                return Ok(holes);
            }
        }
    }

    fn touch(&self) -> io::Result<()> {
        let [read, written] = [UTIME_OMIT, UTIME_NOW].map(|tv_nsec| Timespec { tv_sec: 0, tv_nsec });
        Ok(futimens(self, &Timestamps { last_access: read, last_modification: written })?)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn forget_cached(&self) -> io::Result<()> {
        Ok(fadvise(self, 0, None, Advice::DontNeed)?)
    }
}

/// Piece by piece as records will be written there: so the system's cache holds pieces that are written whole.
fn write_zeros(file: &File, offset: u64, length: u64) -> io::Result<()> {
    const ZEROS: [u8; RECORD] = [0; RECORD];
    let end = offset.saturating_add(length);
    (offset..end).step_by(RECORD).try_for_each(|at| {
        let some = usize::try_from(end - at).map_or(RECORD, |rest| rest.min(RECORD));
        file.write_all_at(ZEROS.get(..some).unwrap_or_default(), at)
    })
}

/// Whether a read failed because what it should read has gone bad: the disk, or a file system with checksums, says so. It is
/// damage like bytes that are not as they were written.
pub(in crate::store) fn is_bad_block(error: &io::Error) -> bool {
    const BAD: [Errno; 5] = [Errno::IO, Errno::NODATA, Errno::BADMSG, Errno::UCLEAN, Errno::ILSEQ];
    error.raw_os_error().is_some_and(|code| BAD.contains(&Errno::from_raw_os_error(code)))
}

/// Whether a call failed for want of space, or because too many files are open, in this process or in all: then it has changed
/// nothing, and may succeed later.
pub(super) fn is_full(error: &io::Error) -> bool {
    const TOO_MANY_FILES: [Errno; 2] = [Errno::MFILE, Errno::NFILE];
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
        || error.raw_os_error().is_some_and(|code| TOO_MANY_FILES.contains(&Errno::from_raw_os_error(code)))
}
