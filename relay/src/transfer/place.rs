//! Where a store is, or is to be.

use super::error::{TransferError, at, of};
use crate::office::{OfficeError, unverifiable};
use crate::store::Lock;
use crate::store::findings::Findings;
use crate::store::transfer::{Content, LOOKS, Listed, Outline, SHELVES, Sink, Source, statements};
use crate::store::{
    Extent, JournalBuilder, JournalConfig, JournalReader, JournalStore, Kind, Lives, MemoryStore, OpenError, Quotas,
    Shelf, SledBuilder, SledConfig, SledOutline, SledStore, StatementName, Store, check_journal,
};
use crate::{Clock as _, ConfigFile, Engine, SystemClock};
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::{Day, Fingerprint};
use getrandom::SysRng;
use rand_core::UnwrapErr;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// A store as `relay.toml` describes it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(super) engine: Engine,
    pub(super) directory: PathBuf,
    pub(super) relay: RelayPublicKey,
    pub(super) quotas: Quotas,
    /// How many days the clock may be after a file's last day, to be believed.
    pub(super) day_jump: u32,
}

/// Statements, in the order of a file.
pub(super) type Statements = Vec<(Shelf, StatementName, Vec<u8>)>;

impl Place {
    pub(crate) fn new(file: &ConfigFile, relay: RelayPublicKey) -> Self {
        Self {
            engine: file.engine,
            directory: file.data.clone(),
            relay,
            quotas: file.quotas,
            day_jump: file.limits.day_jump,
        }
    }

    /// The same, in another folder.
    pub(super) fn beside(&self, directory: PathBuf) -> Self {
        Self { directory, ..self.clone() }
    }

    fn journal(&self) -> JournalConfig {
        JournalConfig { directory: self.directory.clone(), relay: self.relay, quotas: self.quotas }
    }

    fn sled(&self) -> SledConfig {
        SledConfig { directory: self.directory.clone(), relay: self.relay, quotas: self.quotas }
    }

    /// Opens the store to read it.
    pub(super) fn source(&self, extent: Extent) -> Result<Box<dyn Source>, TransferError> {
        let source: Result<Box<dyn Source>, OpenError> = match self.engine {
            Engine::Sled if extent == Extent::Heads => {
                SledOutline::read(&self.sled()).map(|outline| Box::new(outline) as _)
            }
            // It would make a new one.
            Engine::Sled if !self.directory.join("manifest").exists() => Err(OpenError::NoStore),
            Engine::Sled => SledStore::open(&self.sled(), UnwrapErr(SysRng)).map(|store| Box::new(store) as _),
            _ => JournalReader::open(&self.journal(), extent).map(|store| Box::new(store) as _),
        };
        source.map_err(of(&self.directory))
    }

    /// Begins a new store.
    pub(super) fn sink(&self) -> Result<Box<dyn Sink>, TransferError> {
        let sink: Result<Box<dyn Sink>, OpenError> = match self.engine {
            Engine::Sled => SledBuilder::new(&self.sled(), UnwrapErr(SysRng)).map(|store| Box::new(store) as _),
            _ => JournalBuilder::new(&self.journal(), UnwrapErr(SysRng)).map(|store| Box::new(store) as _),
        };
        sink.map_err(of(&self.directory))
    }

    /// The statements of a store, also while a relay has it open, and how many are damaged and left out. Without its roster it
    /// would begin with an older one, so that must be whole.
    pub(super) fn statements(&self) -> Result<(Statements, u64), TransferError> {
        let mut damaged = Vec::new();
        let all = self.whole_statements(&mut damaged)?;
        match damaged.iter().find(|(shelf, _)| *shelf == Shelf::Rosters) {
            None => Ok((all, damaged.len() as u64)),
            Some((shelf, name)) => {
                let file = self.directory.join(statement_path(*shelf, name));
                Err(at(&file)(std::io::Error::new(ErrorKind::InvalidData, "the roster in it is damaged")))
            }
        }
    }

    /// The same without those that are damaged.
    fn whole_statements(&self, damaged: &mut Vec<(Shelf, StatementName)>) -> Result<Statements, TransferError> {
        let notes = || {
            let notes = statements(&self.directory, Shelf::Notes).map_err(at(&self.directory))?;
            Ok::<_, TransferError>(notes.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
        };
        for _ in 0..LOOKS {
            let before = notes()?;
            damaged.clear();
            let all = self.statements_now(damaged)?;
            // A proposal that becomes a valid note while the two shelves are read would be on neither. One whose directory goes
            // meanwhile counts for nothing where it is read again.
            if notes()? == before {
                return Ok(all);
            }
        }
        let busy = "notes come and go too fast to be read; try again";
        Err(at(&self.directory)(std::io::Error::new(ErrorKind::ResourceBusy, busy)))
    }

    fn statements_now(&self, damaged: &mut Vec<(Shelf, StatementName)>) -> Result<Statements, TransferError> {
        let mut all = Vec::new();
        for shelf in SHELVES {
            for (name, bytes) in statements(&self.directory, shelf).map_err(at(&self.directory))? {
                match bytes {
                    Some(bytes) => all.push((shelf, name, bytes)),
                    None => damaged.push((shelf, name)),
                }
            }
        }
        Ok(all)
    }

    /// A store of statements alone, on a day: to see what an office makes of them.
    pub(super) async fn in_memory(&self, statements: &Statements, latest: Day) -> Result<MemoryStore, TransferError> {
        let store = MemoryStore::new(&self.relay, self.quotas);
        for (shelf, name, bytes) in statements {
            store.put_statement(*shelf, name.clone(), bytes.clone()).await?;
        }
        store.expire(latest, Lives { letters: 0, chunks: 0 }).await?;
        Ok(store)
    }

    /// Looks at everything in a store, and changes nothing in one of journals. `seen` is told of each record.
    pub(crate) async fn check(&self, card: Fingerprint, seen: &(dyn Fn() + Sync)) -> Result<Findings, TransferError> {
        let (mut findings, latest) = match self.engine {
            Engine::Sled => self.check_sled(seen)?,
            _ => {
                let findings = check_journal(&self.journal(), seen).map_err(of(&self.directory))?;
                // Whatever a statement's day is, none is later.
                (findings, SystemClock::new().day())
            }
        };
        let mut damaged = Vec::new();
        let store = self.in_memory(&self.whole_statements(&mut damaged)?, latest).await?;
        for (shelf, name) in &damaged {
            findings.tell(
                statement_path(*shelf, name),
                None,
                "it cannot be read; it is left alone until it is removed",
            );
        }
        match unverifiable(&store, card).await {
            Ok(left_out) => {
                for (shelf, name) in left_out {
                    findings.tell(statement_path(shelf, &name), None, "it does not verify, or what it names does not");
                }
            }
            Err(OfficeError::OtherOffice) => {
                let what = "the newest roster is damaged, or not the one of the card's office";
                findings.tell("statements/rosters", None, what);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(findings)
    }

    /// sled checks itself as it opens, and its records open or do not.
    fn check_sled(&self, seen: &(dyn Fn() + Sync)) -> Result<(Findings, Day), TransferError> {
        let source = self.source(Extent::All)?;
        let mut findings = Findings::default();
        for (kind, day) in source.days() {
            let Listed { batches: _, ids, lost } = source.listed(kind, day)?;
            findings.envelopes_lost += lost;
            for id in ids {
                seen();
                match source.held(kind, day, id)?.content {
                    Content::Envelope(_) => findings.records += 1,
                    Content::Burned => findings.marks += 1,
                    Content::Lost => findings.envelopes_lost += 1,
                }
            }
        }
        Ok((findings, source.outline().latest))
    }

    /// Opens a store that was made just now as a relay does, gives it its statements, and sees whether it stands where it
    /// should.
    pub(super) async fn settle(&self, statements: &Statements, outline: &Outline) -> Result<(), TransferError> {
        match self.engine {
            Engine::Sled => {
                let store = SledStore::open(&self.sled(), UnwrapErr(SysRng)).map_err(of(&self.directory))?;
                settle(&store, statements, outline).await
            }
            _ => {
                let store = JournalStore::open(&self.journal(), UnwrapErr(SysRng)).map_err(of(&self.directory))?;
                settle(&store, statements, outline).await
            }
        }
    }

    /// Whether there is nothing that anybody could miss: no folder, an empty one, or an empty store, which is kept from
    /// others until the answer is dropped. It is closed: one on sled writes its manifest then, to where its folder was.
    pub(super) fn vacant(&self) -> Result<Option<Box<dyn Lock>>, TransferError> {
        let not_empty = || TransferError::NotEmpty(self.directory.clone());
        match self.directory.read_dir() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(&self.directory)(error)),
            Ok(mut entries) => {
                if entries.next().is_none() {
                    return Ok(None);
                }
            }
        }
        if !self.directory.join("manifest").is_file() {
            return Err(not_empty());
        }
        let source = self.source(Extent::All)?;
        let Outline { heads, .. } = source.outline();
        let mut empty = heads.iter().all(|head| head.number() == 0);
        // A day is begun before anything comes.
        for (kind, day) in source.days() {
            let Listed { batches: _, ids, lost } = source.listed(kind, day)?;
            empty = empty && ids.is_empty() && lost == 0;
        }
        let (statements, damaged) = self.statements()?;
        if !empty || !statements.is_empty() || damaged > 0 {
            return Err(not_empty());
        }
        source.into_lock().map_err(at(&self.directory))
    }
}

/// Seen from the store's folder.
fn statement_path(shelf: Shelf, name: &StatementName) -> String {
    format!("statements/{}/{}", shelf.folder(), name.as_str())
}

async fn settle<S: Store>(store: &S, statements: &Statements, outline: &Outline) -> Result<(), TransferError> {
    for (shelf, name, bytes) in statements {
        store.put_statement(*shelf, name.clone(), bytes.clone()).await?;
    }
    for kind in [Kind::Letter, Kind::Chunk] {
        if store.head(kind).await? != outline.head(kind) {
            return Err(TransferError::Damaged("its batches do not reach its head"));
        }
    }
    store.close().await?;
    Ok(())
}

/// Overwrites the keys of days in a folder and those below it: removing them alone would leave them on the disk.
fn overwrite_keys(folder: &Path) -> std::io::Result<()> {
    for entry in folder.read_dir()? {
        let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
        if kind.is_dir() {
            overwrite_keys(&path)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "key") {
            overwrite(&path)?;
        }
    }
    Ok(())
}

/// Overwrites a small file.
fn overwrite(path: &Path) -> std::io::Result<()> {
    let file = File::options().write(true).open(path)?;
    let length = usize::try_from(file.metadata()?.len()).map_err(std::io::Error::other)?;
    file.write_all_at(&vec![0; length], 0)?;
    file.sync_all()
}

/// A folder that is being made, beside where it will be. It goes if nothing comes of it.
pub(super) struct Staged {
    pub(super) path: PathBuf,
    /// The relay's key in it, if there is one.
    pub(super) key: Option<PathBuf>,
    kept: bool,
}

impl Staged {
    /// Not made yet.
    pub(super) fn for_folder(path: &Path) -> Result<Self, TransferError> {
        Ok(Self { path: Self::beside(path)?, key: None, kept: false })
    }

    /// Where it is made, if it can take its place then: to be asked before there is work to lose.
    pub(super) fn beside(path: &Path) -> Result<PathBuf, TransferError> {
        // Without a slash at its end, which leads through a link.
        let path: &Path = &path.components().collect::<PathBuf>();
        match path.symlink_metadata() {
            Ok(found) if found.is_symlink() => return Err(TransferError::Link(path.to_owned())),
            Ok(found) if !found.is_dir() => return Err(TransferError::Exists(path.to_owned())),
            Ok(_) if is_mount_point(path) => return Err(TransferError::MountPoint(path.to_owned())),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(at(path)(error)),
            _ => {}
        }
        let mut name = path.file_name().ok_or_else(|| TransferError::Exists(path.to_owned()))?.to_owned();
        name.push(".unfinished");
        let staged = path.with_file_name(name);
        if staged.symlink_metadata().is_ok() {
            return Err(TransferError::Unfinished(staged));
        }
        Ok(staged)
    }

    /// Takes its place, where there may be an empty folder.
    pub(super) fn keep(mut self, path: &Path) -> Result<(), TransferError> {
        std::fs::rename(&self.path, path).map_err(at(path))?;
        self.kept = true;
        sync_above(path)
    }

    /// Takes the place of an empty store, from which a lock keeps others until it is gone. One of the two stands there at
    /// every moment, and whoever opens it has either found it locked or has the new one.
    pub(super) fn replace(mut self, path: &Path, lock: Box<dyn Lock>) -> Result<(), TransferError> {
        renameat_with(CWD, &self.path, CWD, path, RenameFlags::EXCHANGE).map_err(|error| match error {
            Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP => TransferError::NoExchange(path.to_owned()),
            error => at(path)(error.into()),
        })?;
        self.kept = true;
        sync_above(path)?;
        let removed = overwrite_keys(&self.path).and_then(|()| std::fs::remove_dir_all(&self.path));
        removed.map_err(|error| TransferError::Left { path: self.path.clone(), error })?;
        drop(lock);
        Ok(())
    }
}

/// Makes what has taken its place last.
fn sync_above(path: &Path) -> Result<(), TransferError> {
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = File::open(above).and_then(|above| above.sync_all());
    synced.map_err(|error| TransferError::Unsynced { path: path.to_owned(), error })
}

/// Whether a file system begins there.
#[cfg(target_os = "linux")]
fn is_mount_point(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    let found = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS);
    found.is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// It is found out when the new folder cannot take its place.
#[cfg(not(target_os = "linux"))]
const fn is_mount_point(_: &Path) -> bool {
    false
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.kept {
            // There may be nothing; and what cannot be overwritten is removed all the same.
            let _ = self.key.iter().try_for_each(|key| overwrite(key));
            let _ = overwrite_keys(&self.path);
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
