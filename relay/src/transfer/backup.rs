//! A whole relay in a file, and back.

use super::carry::{Beginning, Dated, Summary, fill, write_days, write_statements};
use super::error::{TransferError, at};
use super::format::{CONFIG_MAX, Section};
use super::place::{Place, Staged};
use super::watch::Watch;
use super::write::Output;
use crate::key_file::write_new;
use crate::office::unverifiable;
use crate::store::transfer::Outline;
use crate::store::{Extent, Kind, OpenError, first_head};
use crate::{ConfigFile, KeyFileError, regular, write_key_file};
use cssr_proto::Day;
use cssr_proto::keys::RelaySecretKey;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const CONFIG: &str = ConfigFile::NAME;

/// What to back up.
pub(crate) struct Backup<'a> {
    /// The file of the configuration, whatever its name is.
    pub(crate) file: &'a Path,
    pub(crate) config: &'a ConfigFile,
    pub(crate) key: &'a RelaySecretKey,
    /// What batches list, too.
    pub(crate) letters: bool,
}

impl Backup<'_> {
    /// Writes it into a file, if it could be restored. A relay may be running, but for one on sled whose letters are wanted.
    pub(crate) async fn write(&self, path: &Path, watch: &Watch<'_>) -> Result<Summary, TransferError> {
        let Self { file, config, key, letters } = self;
        let text = regular::read_to_string(file).map_err(at(file))?;
        if text.len() > CONFIG_MAX {
            return Err(TransferError::Config(format!("{CONFIG} has more than {CONFIG_MAX} bytes")));
        }
        // As a restore will find them: in a folder with another name.
        Paths::of(&text, Path::new("restored"))?;
        let place = Place::new(config, key.public());
        // What it is about first, so that nothing in it is newer than its statements know of: see `SHELVES`.
        let source = match place.source(if *letters { Extent::Listed } else { Extent::Heads }) {
            // Of a relay that has never run.
            Err(TransferError::Open { error: OpenError::NoStore, .. }) => None,
            other => Some(other?),
        };
        let fresh = || Outline {
            relay: key.public(),
            latest: Day::FIRST,
            heads: [Kind::Letter, Kind::Chunk].map(|kind| first_head(kind, &key.public())),
        };
        let outline = source.as_ref().map_or_else(fresh, |source| source.outline());
        let (statements, damaged) = place.statements()?;
        // A restore refuses statements of another office than the card's.
        unverifiable(&place.in_memory(&statements, outline.latest).await?, config.card.fingerprint()).await?;
        let mut output = Output::create(path)?;
        let mut summary = Summary { damaged, ..Summary::default() };
        output.section(&Section::Outline(outline))?;
        output.section(&Section::Config(text))?;
        output.section(&Section::Key(Zeroizing::new(*key.expose())))?;
        write_statements(&mut output, statements, &mut summary)?;
        if let Some(source) = source.filter(|_| *letters) {
            write_days(&mut output, &*source, &mut summary, watch)?;
        }
        watch.goes_on()?;
        output.finish()?;
        Ok(summary)
    }
}

/// Makes a relay's folder of a backup, but for what has expired today. There may be an empty folder.
pub(crate) async fn restore(
    folder: &Path,
    path: &Path,
    dated: Dated,
    watch: &Watch<'_>,
) -> Result<Summary, TransferError> {
    Staged::beside(folder)?;
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(TransferError::Exists(folder.to_owned()));
    }
    let (input, begin) = Beginning::read(path, watch)?;
    let (Some(text), Some(key)) = (&begin.config, &begin.key) else {
        return Err(TransferError::OtherPurpose("the file is an export: \"import\" makes a store of it"));
    };
    let key = RelaySecretKey::from_bytes(**key);
    if begin.outline()?.relay != key.public() {
        return Err(TransferError::Damaged("its key does not belong to its batches"));
    }
    let mut staged = Staged::for_folder(folder)?;
    let paths = Paths::of(text, &staged.path)?;
    let place = Place::new(&paths.place, key.public());
    let today = dated.believed(&place, begin.outline()?.latest)?;
    for made in [Some(staged.path.as_path()), paths.key.parent(), paths.place.data.parent()].into_iter().flatten() {
        DirBuilder::new().recursive(true).mode(0o700).create(made).map_err(at(made))?;
    }
    let file = staged.path.join(CONFIG);
    write_new(&file, text.as_bytes()).map_err(at(&file))?;
    staged.key = Some(paths.key.clone());
    write_key_file(&paths.key, &key).map_err(|error| {
        at(&paths.key)(match error {
            KeyFileError::Io(error) => error,
            other => io::Error::other(other.to_string()),
        })
    })?;
    let summary = fill(&place, &input, &begin, paths.place.card.fingerprint(), today, watch).await?;
    staged.keep(folder)?;
    Ok(summary)
}

/// Where relay.toml says that things are, all within its folder.
struct Paths {
    key: PathBuf,
    place: ConfigFile,
}

impl Paths {
    fn of(text: &str, folder: &Path) -> Result<Self, TransferError> {
        let place = ConfigFile::parse(text, folder).map_err(|errors| TransferError::Config(errors.to_string()))?;
        let inside = |path: &Path| {
            let below = path.strip_prefix(folder).ok();
            below.is_some_and(|below| below.components().all(|part| matches!(part, std::path::Component::Normal(_))))
        };
        if !inside(&place.key_file) {
            return Err(TransferError::Elsewhere("the key"));
        }
        if !inside(&place.data) {
            return Err(TransferError::Elsewhere("the data"));
        }
        Ok(Self { key: place.key_file.clone(), place })
    }
}
