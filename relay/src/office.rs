//! What the office has said: takes publications, keeps them in the store, serves the newest (protocol, section 14).

mod notes;
mod offered;
mod sent;
mod shelves;
mod validity;

use crate::store::{Lives, Shelf, StatementName, Store, StoreError};
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::publication::{Notes, Publication, Statements};
use cssr_proto::{
    Bytes, CheckedNote, Day, DeskNumber, Directory, Fingerprint, Hash, List, Note, Policy, Pool, Roster, SeatView,
    Signed, Unverified, UnverifiedDirectory,
};
use notes::NoteBook;
use offered::{Change, Offered};
use sent::Sent;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use validity::Validity;

/// How much longer than letters notes are kept: so long does a seat that was away need them to tell a directory that
/// was superseded from one that never was (protocol, sections 6.3 and 12.2).
const NOTE_DAYS: u32 = 60;
/// The longest life a roster may give: what holds before the first one.
const LIFE_MAX: u32 = 60;

/// The statements of one office.
pub(crate) struct Office<S> {
    store: Arc<S>,
    card: Fingerprint,
    relay: RelayPublicKey,
    /// One publication at a time.
    book: tokio::sync::Mutex<Book>,
    view: RwLock<Arc<View>>,
    sent: Sent,
}

/// What is held. A copy shares what it can: it is made for each publication, and most change little.
#[derive(Clone)]
struct Book {
    pool: Arc<Pool>,
    notes: Arc<NoteBook>,
    served: Option<Arc<Served>>,
    left_out: Vec<LeftOut>,
}

/// A statement in the store that is not understood. Nobody is shown it; it stays where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LeftOut {
    shelf: Shelf,
    name: StatementName,
    /// It, or what it names, cannot be read.
    unreadable: bool,
}

/// What requests are answered from.
pub(crate) struct View {
    /// The newest roster, which decides who is a courier.
    pub(crate) roster: Option<Signed<Roster>>,
    /// `None` until the first valid note.
    pub(crate) served: Option<Arc<Served>>,
    /// CDDL `statements`.
    pub(crate) statements: Arc<[u8]>,
    /// CDDL `notes`.
    pub(crate) notes: Arc<[u8]>,
    /// How long the seats' keys will do.
    pub(crate) validity: Validity,
}

/// The newest valid note and what it names.
pub(crate) struct Served {
    /// The note's.
    pub(crate) day: Day,
    pub(crate) note: Arc<[u8]>,
    pub(crate) directory: Arc<[u8]>,
    pub(crate) policy: Policy,
    /// Desks to which nobody who is given it can send.
    pub(crate) mute_desks: BTreeSet<DeskNumber>,
    /// Seats that it has no keys of, though they had published them when the note became valid.
    pub(crate) left_out: usize,
}

/// Why a publication is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// It does not verify, or is older than what is held.
    #[error("the publication does not verify, or is outdated")]
    Statement,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a relay cannot begin with the statements in its store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfficeError {
    /// The roster in the store is damaged, or does not belong to the configured card.
    #[error(
        "the roster in the store is damaged, or of another office than the card's; use the card of that office, restore the relay's backup, or make another relay, in a folder of its own"
    )]
    OtherOffice,
    /// The newest roster cannot be read.
    #[error(
        "the newest roster in the store cannot be read: {0}; see whether its file can be read again, or restore the relay's backup into a new folder"
    )]
    NoRoster(StoreError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The statements in a store that do not verify, and that a relay would leave out.
///
/// # Errors
/// As of a relay that begins.
pub(crate) async fn unverifiable<S: Store>(
    store: &S,
    card: Fingerprint,
) -> Result<Vec<(Shelf, StatementName)>, OfficeError> {
    let book = shelves::read(store, card).await?;
    Ok(book.left_out.into_iter().map(|LeftOut { shelf, name, unreadable: _ }| (shelf, name)).collect())
}

impl<S: Store> Office<S> {
    /// Takes up what the store holds.
    pub(crate) async fn load(store: Arc<S>, card: Fingerprint, relay: RelayPublicKey) -> Result<Self, OfficeError> {
        let book = shelves::load(&*store, card).await?;
        let view = RwLock::new(Arc::new(View::of(&book)));
        let office = Self { store, card, relay, book: tokio::sync::Mutex::new(book), view, sent: Sent::default() };
        office.warn_of_foreign_key();
        Ok(office)
    }

    /// What requests are answered from, as of now.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a statement could not be read when the relay started.
    pub(crate) async fn is_damaged(&self) -> bool {
        self.book.lock().await.left_out.iter().any(|left| left.unreadable)
    }

    /// How long envelopes live, by the roster that is served; for as long as any roster may say if there is none.
    pub(crate) fn lives(&self) -> Lives {
        self.view().served.as_ref().map_or(Lives { letters: LIFE_MAX, chunks: LIFE_MAX }, |served| Lives {
            letters: served.policy.letter_days(),
            chunks: served.policy.chunk_days(),
        })
    }

    /// A directory that a note names which is still kept.
    pub(crate) async fn directory(&self, hash: Hash) -> Result<Option<Arc<Vec<u8>>>, StoreError> {
        if let Some(sent) = self.sent.get(&hash) {
            return Ok(Some(sent));
        }
        Ok(shelves::directory(&*self.store, hash).await?.map(|read| self.sent.share(hash, read)))
    }

    /// Takes a publication whole, or refuses it whole. It is on disk before this returns.
    pub(crate) async fn publish(&self, publication: Publication, today: Day) -> Result<(), Refused> {
        let offered = self.check(publication).await?;
        let mut book = self.book.lock().await;
        if offered.is_refused_by(&book) {
            return Err(Refused::Statement);
        }
        let held = book.clone();
        let change = blocking(move || offered.onto(held, today)).await??;
        // A publication that is known already changes nothing, and is not refused.
        if let Some(Change { new, directory }) = change {
            if let Some(directory) = directory {
                shelves::save_directory(&*self.store, &directory).await?;
            }
            let nameless = shelves::nameless_directories(&book, &new)?;
            shelves::save(&*self.store, &book, &new).await?;
            self.show(&mut book, new);
            // It is published; what stays of these goes with the day.
            let _ = shelves::remove_directories(&*self.store, nameless).await;
        }
        Ok(())
    }

    /// Refuses what can be refused while others publish.
    async fn check(&self, publication: Publication) -> Result<Offered, Refused> {
        let card = self.card;
        match publication {
            Publication::Roster(roster) => blocking(move || Offered::roster(&roster, card)).await?,
            Publication::SeatStatements(list) => {
                let view = self.view();
                blocking(move || Offered::seats(&list, view.roster.as_ref())).await?
            }
            Publication::Note(note, directory) => {
                let note = Unverified::<Note>::from_bytes(note.as_slice()).map_err(|_| Refused::Statement)?;
                let directory = match directory {
                    Some(directory) => Arc::new(directory.as_slice().to_vec()),
                    None => self.directory(note.names_directory()).await?.ok_or(Refused::Statement)?,
                };
                blocking(move || Offered::note(note, &directory, card)).await?
            }
            _ => Err(Refused::Statement),
        }
    }

    /// Forgets what the day has outdated.
    pub(crate) async fn forget(&self, today: Day) -> Result<(), StoreError> {
        let mut book = self.book.lock().await;
        let mut new = book.clone();
        Arc::make_mut(&mut new.pool).forget_outdated(today);
        Arc::make_mut(&mut new.notes).forget_before(today.minus(self.lives().letters + NOTE_DAYS));
        shelves::forget_mended(&mut new)?;
        shelves::save(&*self.store, &book, &new).await?;
        shelves::sweep(&*self.store, &new).await?;
        self.show(&mut book, new);
        Ok(())
    }

    fn show(&self, book: &mut Book, new: Book) {
        *book = new;
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(View::of(book));
        self.warn_of_foreign_key();
    }

    /// Sources end the session if the roster they were given lists another key than the relay's.
    fn warn_of_foreign_key(&self) {
        if self.view().roster.as_ref().is_some_and(|roster| roster.relay.key != self.relay) {
            tracing::warn!("the newest roster lists the key of another relay: sources will not use this one");
        }
    }
}

/// Verifies a note with the directory that it names, on the note's day.
fn verify(card: Fingerprint, note: Unverified<Note>, directory: &[u8]) -> Option<(CheckedNote, Directory)> {
    let directory = UnverifiedDirectory::from_bytes(directory).ok()?.authenticate(card).ok()?;
    let note = directory.verify_note(note).ok()?;
    let directory = directory.verify_on(note.day).ok()?;
    Some((note, directory))
}

/// Verifying a directory of 16 full desks takes tens of milliseconds, which no other connection should wait for.
async fn blocking<T: Send + 'static>(verify: impl FnOnce() -> T + Send + 'static) -> Result<T, Refused> {
    tokio::task::spawn_blocking(verify).await.map_err(|_| Refused::Statement)
}

impl Served {
    fn new(note: &Signed<Note>, directory: &Directory, pool: &Pool) -> Self {
        let active: Vec<_> = directory.seats().filter(SeatView::is_active).collect();
        let desks = |mute| active.iter().filter(move |seat| seat.is_mute() == mute).map(|seat| seat.desk);
        let reached: BTreeSet<_> = desks(false).collect();
        let published = Validity::of(pool).reached_on(note.day);
        let left_out =
            active.iter().filter(|seat| seat.is_mute() && published.contains(&(seat.desk, seat.seat.number)));
        Self {
            day: note.day,
            note: note.bytes().into(),
            directory: directory.bytes().into(),
            policy: *directory.policy(),
            mute_desks: desks(true).filter(|desk| !reached.contains(desk)).collect(),
            left_out: left_out.count(),
        }
    }

    /// The last day on which sources take the note.
    pub(crate) fn last_day(&self) -> Day {
        self.day.plus(self.policy.note_days())
    }
}

impl View {
    fn of(book: &Book) -> Self {
        let Book { pool, notes, served, left_out: _ } = book;
        let statements = Statements {
            roster: pool.roster().and_then(|roster| Bytes::new(roster.bytes()).ok()),
            seat_keys: listed(pool.seat_keys().map(Signed::bytes)),
            prekeys: listed(pool.prekeys().map(Signed::bytes)),
        };
        let (valid, proposed) =
            (notes.valid().map(|(_, note)| note.bytes()), notes.proposed().map(|(_, note)| note.bytes()));
        let notes = Notes { valid: listed(valid), proposed: listed(proposed) };
        Self {
            roster: pool.roster().cloned(),
            served: served.clone(),
            statements: statements.to_bytes().into(),
            notes: notes.to_bytes().into(),
            validity: Validity::of(pool),
        }
    }
}

/// Statements as a list on the wire; each fits, as it came that way.
fn listed<'a, const EACH: usize, const MAX: usize>(
    statements: impl Iterator<Item = &'a [u8]>,
) -> List<Bytes<EACH>, 0, MAX> {
    let list = statements.take(MAX).filter_map(|bytes| Bytes::new(bytes).ok()).collect();
    #[expect(clippy::expect_used, reason = "no more than the list holds were taken")]
    List::new(list).expect("a list within its limit")
}
