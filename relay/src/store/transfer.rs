//! Taking everything out of a store, and putting it into another one, of whichever engine: for backups and for changing
//! the engine. Both block.

use super::lock::Lock;
use super::{Kind, OpenError, Shelf, StatementName, StoreError, is_damage, read_statement};
use cssr_proto::index::{Batch, Head};
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::parcel::BurnHash;
use cssr_proto::{Day, Envelope, EnvelopeId};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Where a store stands, beside what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outline {
    pub(crate) relay: RelayPublicKey,
    /// The latest day that the store was told.
    pub(crate) latest: Day,
    /// The ends of the chains of letters and of chunks.
    pub(crate) heads: [Head; 2],
}

/// What is known of one id.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) id: EnvelopeId,
    /// Who may burn it, or could have.
    pub(crate) burn: Option<BurnHash>,
    pub(crate) content: Content,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Envelope(Envelope),
    /// It was burned.
    Burned,
    /// It is listed, and cannot be read.
    Lost,
}

/// The ids of one kind and day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    /// By number.
    pub(crate) batches: Vec<Batch>,
    /// Those that are listed and those that wait, ascending.
    pub(crate) ids: Vec<EnvelopeId>,
    /// How many have waited, too, and cannot be read.
    pub(crate) lost: u64,
}

/// A store that is read to its end. It does not change meanwhile, or what is read is as it was at one moment, except that
/// what is burned later may be told as burned already.
pub(crate) trait Source {
    fn outline(&self) -> Outline;

    /// Kinds and days of which there is something, ascending.
    fn days(&self) -> Vec<(Kind, Day)>;

    fn listed(&self, kind: Kind, day: Day) -> Result<Listed, StoreError>;

    fn held(&self, kind: Kind, day: Day, id: EnvelopeId) -> Result<Held, StoreError>;

    /// Closes the store and goes on keeping others out, if they were kept out.
    fn into_lock(self: Box<Self>) -> io::Result<Option<Box<dyn Lock>>>;
}

/// A store that is made, in a folder that has none: a day after the other, and `finish` at the end. Nothing of it counts
/// before.
pub(crate) trait Sink {
    /// Begins with a kind and day.
    fn day(&mut self, kind: Kind, day: Day) -> Result<(), OpenError>;

    /// Adds an announced batch, as it was announced.
    fn batch(&mut self, batch: &Batch) -> Result<(), OpenError>;

    /// Adds what is known of an id.
    fn held(&mut self, held: Held) -> Result<(), OpenError>;

    /// Makes it last.
    fn finish(self: Box<Self>, outline: &Outline) -> Result<(), OpenError>;
}

/// The shelves in the order in which they are to be read while a relay writes: whatever a note names was there before the
/// note, and the newest roster is at least as new as any that a note knows of.
pub(crate) const SHELVES: [Shelf; 5] =
    [Shelf::Notes, Shelf::ProposedNotes, Shelf::Seats, Shelf::Rosters, Shelf::Directories];

/// Statements by name; `None` for what is damaged.
type Shelved = Vec<(StatementName, Option<Vec<u8>>)>;

/// How often a shelf is looked at that changes while it is read.
pub(crate) const LOOKS: usize = 100;

/// What stands on a shelf of a store of any engine, by name; `None` for what is damaged. Each is a file, replaced by renaming,
/// so it is read whole even while a relay writes.
///
/// Of rosters and valid notes none may be missing: what takes the place of another is there before that goes, so they are looked
/// at until nothing has changed meanwhile. Of the others one that goes may be left out; whoever likes may have them come and go.
pub(crate) fn statements(store: &Path, shelf: Shelf) -> io::Result<Shelved> {
    let folder = store.join("statements").join(shelf.folder());
    let (looks, is_strict) = match shelf {
        Shelf::Rosters | Shelf::Notes => (LOOKS, true),
        Shelf::Seats => (LOOKS / 10, false),
        Shelf::ProposedNotes | Shelf::Directories => (1, false),
    };
    for look in 1..=looks {
        let before = names(&folder)?;
        let found = statements_of(&folder, &before)?;
        let is_whole = found.len() == before.len() && names(&folder)? == before;
        if is_whole || (look == looks && !is_strict) {
            return Ok(found);
        }
    }
    Err(io::Error::new(ErrorKind::ResourceBusy, "statements come and go too fast to be read; try again"))
}

/// In order.
fn names(folder: &Path) -> io::Result<Vec<StatementName>> {
    let entries = match folder.read_dir() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().to_str().and_then(|name| StatementName::new(name).ok()));
    }
    names.sort_unstable();
    Ok(names)
}

fn statements_of(folder: &Path, names: &[StatementName]) -> io::Result<Shelved> {
    let mut found = Vec::new();
    for name in names {
        match read_statement(&folder.join(name.as_str())) {
            Ok(None) => {}
            Ok(whole) => found.push((name.clone(), whole)),
            Err(error) if is_damage(&error) => found.push((name.clone(), None)),
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

impl Outline {
    pub(crate) const fn head(&self, kind: Kind) -> Head {
        let [letters, chunks] = self.heads;
        match kind {
            Kind::Letter => letters,
            Kind::Chunk => chunks,
        }
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id: _, burn: _, content } = self;
        f.write_str(match content {
            Content::Envelope(_) => "Held(whole)",
            Content::Burned => "Held(burned)",
            Content::Lost => "Held(lost)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    /// What a relay does with a roster while somebody reads it.
    #[test]
    fn what_takes_the_place_of_another_is_never_missed() {
        let store = tempfile::tempdir().unwrap();
        let folder = store.path().join("statements").join(Shelf::Rosters.folder());
        std::fs::create_dir_all(&folder).unwrap();
        let file = |number: u32| folder.join(format!("{number:010}"));
        std::fs::write(file(0), [1; 8]).unwrap();
        let goes_on = AtomicBool::new(true);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in (0..).take_while(|_| goes_on.load(Ordering::Relaxed)) {
                    std::fs::write(file(number + 1), [1; 8]).unwrap();
                    std::fs::remove_file(file(number)).unwrap();
                    // Faster than any relay, and not so fast that nothing is ever read in between.
                    std::thread::sleep(Duration::from_micros(300));
                }
            });
            for _ in 0..2_000 {
                let found = statements(store.path(), Shelf::Rosters);
                let is_one = found.as_ref().is_ok_and(|found| !found.is_empty());
                if !is_one {
                    goes_on.store(false, Ordering::Relaxed);
                }
                assert!(is_one, "{found:?}");
            }
            goes_on.store(false, Ordering::Relaxed);
        });
    }

    #[test]
    fn what_is_listed_and_never_there_is_an_error_where_nothing_may_be_missing() {
        let store = tempfile::tempdir().unwrap();
        for shelf in SHELVES {
            let folder = store.path().join("statements").join(shelf.folder());
            std::fs::create_dir_all(&folder).unwrap();
            std::os::unix::fs::symlink("nowhere", folder.join("statement")).unwrap();
            let found = statements(store.path(), shelf);
            if matches!(shelf, Shelf::Rosters | Shelf::Notes) {
                assert_eq!(found.unwrap_err().kind(), ErrorKind::ResourceBusy);
            } else {
                assert!(found.unwrap().is_empty());
            }
        }
    }
}
