//! From a store into a file, and from a file into a store.

use super::error::{TransferError, of};
use super::format::Section;
use super::place::{Place, Staged, Statements};
use super::read::Input;
use super::watch::Watch;
use super::write::Output;
use crate::office::Office;
use crate::store::transfer::{Content, Outline, Source};
use crate::store::{Extent, Kind, Lives};
use cssr_proto::{Day, Fingerprint};
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What was written, or made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) statements: u64,
    pub(crate) batches: u64,
    pub(crate) letters: u64,
    pub(crate) chunks: u64,
    /// Statements that cannot be read and were left out.
    pub(crate) damaged: u64,
    /// Known by their ids alone.
    pub(crate) burned: u64,
    /// Listed, and not to be read any more.
    pub(crate) lost: u64,
    /// Days that were left out, because they have expired: letters and chunks counted apart.
    pub(crate) expired: u64,
}

/// What the clock says, and whether the operator says it too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dated {
    pub(crate) clock: Day,
    pub(crate) accepted: Option<Day>,
}

impl Dated {
    /// The day of the clock, unless that would leave out what a relay with this clock would not destroy either: it does not
    /// believe a clock that jumps.
    pub(super) fn believed(self, place: &Place, latest: Day) -> Result<Day, TransferError> {
        let Self { clock, accepted } = self;
        // Of a relay that has never run there is nothing to leave out.
        if latest > Day::FIRST && clock.since(latest) > place.day_jump && accepted != Some(clock) {
            return Err(TransferError::ClockJump { last: latest, clock });
        }
        Ok(clock)
    }
}

/// Writes everything of a store into a file. Nobody else may have it open.
pub(crate) fn export(place: &Place, path: &Path, watch: &Watch<'_>) -> Result<Summary, TransferError> {
    let source = place.source(Extent::All)?;
    let mut output = Output::create(path)?;
    let mut summary = Summary::default();
    output.section(&Section::Outline(source.outline()))?;
    let (statements, damaged) = place.statements()?;
    summary.damaged = damaged;
    write_statements(&mut output, statements, &mut summary)?;
    write_days(&mut output, &*source, &mut summary, watch)?;
    watch.goes_on()?;
    output.finish()?;
    Ok(summary)
}

/// Makes a store of what a file holds, but for what has expired today, in the place of an empty one.
pub(crate) async fn import(
    place: &Place,
    path: &Path,
    card: Fingerprint,
    dated: Dated,
    watch: &Watch<'_>,
) -> Result<Summary, TransferError> {
    Staged::beside(&place.directory)?;
    let (input, begin) = Beginning::read(path, watch)?;
    if begin.outline()?.relay != place.relay {
        return Err(TransferError::OtherRelay);
    }
    if begin.config.is_some() {
        return Err(TransferError::OtherPurpose("the file is a backup: \"restore\" makes a relay of it"));
    }
    let today = dated.believed(place, begin.outline()?.latest)?;
    let empty = place.vacant()?;
    let staged = Staged::for_folder(&place.directory)?;
    let summary = fill(&place.beside(staged.path.clone()), &input, &begin, card, today, watch).await?;
    match empty {
        Some(lock) => staged.replace(&place.directory, lock)?,
        None => staged.keep(&place.directory)?,
    }
    Ok(summary)
}

/// What stands before a file's days.
#[derive(Default)]
pub(super) struct Beginning {
    outline: Option<Outline>,
    pub(super) config: Option<String>,
    pub(super) key: Option<Zeroizing<[u8; 32]>>,
    statements: Statements,
}

impl Beginning {
    /// Reads, and checks, all of a file.
    pub(super) fn read(path: &Path, watch: &Watch<'_>) -> Result<(Input, Self), TransferError> {
        let mut begin = Self::default();
        let input = Input::open(path, |section| {
            watch.goes_on()?;
            match section {
                Section::Outline(outline) => begin.outline = Some(outline),
                Section::Config(config) => begin.config = Some(config),
                Section::Key(key) => begin.key = Some(key),
                Section::Statement(shelf, name, bytes) => begin.statements.push((shelf, name, bytes)),
                Section::Day(..) | Section::Batch(_) | Section::Held(_) | Section::End(_) => {}
            }
            Ok(())
        })?;
        Ok((input, begin))
    }

    pub(super) fn outline(&self) -> Result<Outline, TransferError> {
        self.outline.ok_or(TransferError::Damaged("it has no outline"))
    }

    /// How long envelopes live, as a relay with these statements would say.
    async fn lives(&self, place: &Place, card: Fingerprint) -> Result<Lives, TransferError> {
        let store = place.in_memory(&self.statements, self.outline()?.latest).await?;
        Ok(Office::load(Arc::new(store), card, place.relay).await?.lives())
    }
}

/// Makes a store in a folder that is not there.
pub(super) async fn fill(
    place: &Place,
    input: &Input,
    begin: &Beginning,
    card: Fingerprint,
    today: Day,
    watch: &Watch<'_>,
) -> Result<Summary, TransferError> {
    let outline = begin.outline()?;
    let lives = begin.lives(place, card).await?;
    let today = today.max(outline.latest);
    let mut summary = Summary { statements: begin.statements.len() as u64, ..Summary::default() };
    let mut sink = place.sink()?;
    let (mut kind, mut skipped) = (Kind::Letter, false);
    input.sections(|section| {
        watch.goes_on()?;
        match section {
            Section::Day(of, day) => {
                (kind, skipped) = (of, today.since(day) > lives.of(of));
                if skipped {
                    summary.expired += 1;
                } else {
                    sink.day(kind, day).map_err(of_store(place))?;
                }
            }
            Section::Batch(batch) if !skipped => {
                summary.batches += 1;
                sink.batch(&batch).map_err(of_store(place))?;
            }
            Section::Held(held) if !skipped => {
                watch.seen();
                summary.count(kind, &held.content);
                sink.held(held).map_err(of_store(place))?;
            }
            _ => {}
        }
        Ok(())
    })?;
    sink.finish(&outline).map_err(of_store(place))?;
    place.settle(&begin.statements, &outline).await?;
    watch.goes_on()?;
    Ok(summary)
}

fn of_store(place: &Place) -> impl FnOnce(crate::store::OpenError) -> TransferError {
    of(&place.directory)
}

pub(super) fn write_statements(
    output: &mut Output,
    statements: Statements,
    summary: &mut Summary,
) -> Result<(), TransferError> {
    for (shelf, name, bytes) in statements {
        output.section(&Section::Statement(shelf, name, bytes))?;
        summary.statements += 1;
    }
    Ok(())
}

pub(super) fn write_days(
    output: &mut Output,
    source: &dyn Source,
    summary: &mut Summary,
    watch: &Watch<'_>,
) -> Result<(), TransferError> {
    for (kind, day) in source.days() {
        let listed = source.listed(kind, day)?;
        summary.lost += listed.lost;
        output.section(&Section::Day(kind, day))?;
        for batch in listed.batches {
            output.section(&Section::Batch(batch))?;
            summary.batches += 1;
        }
        for id in listed.ids {
            watch.goes_on()?;
            let held = source.held(kind, day, id)?;
            watch.seen();
            summary.count(kind, &held.content);
            output.section(&Section::Held(held))?;
        }
    }
    Ok(())
}

impl Summary {
    fn count(&mut self, kind: Kind, content: &Content) {
        *match (content, kind) {
            (Content::Envelope(_), Kind::Letter) => &mut self.letters,
            (Content::Envelope(_), Kind::Chunk) => &mut self.chunks,
            (Content::Burned, _) => &mut self.burned,
            (Content::Lost, _) => &mut self.lost,
        } += 1;
    }
}
