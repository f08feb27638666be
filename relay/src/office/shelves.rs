//! The office's statements in the store, and back.

use super::notes::{Age, NoteBook};
use super::{Book, LeftOut, OfficeError, Served, verify};
use crate::store::{BadName, Shelf, StatementName, Store, StoreError};
use cssr_proto::{
    CheckedNote, Directory, Fingerprint, Hash, Note, Pool, PoolError, Roster, SeatStatement, SeatStatementError,
    Unverified,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Reads everything and verifies it again: files may have been changed.
///
/// A roster that is not the office's ends the relay, because without it an older one could come back. Other statements
/// that do not verify, or cannot be read, are left out and told of.
pub(super) async fn load<S: Store>(store: &S, card: Fingerprint) -> Result<Book, OfficeError> {
    let book = read(store, card).await?;
    let unreadable = book.left_out.iter().filter(|left| left.unreadable).count();
    let unverified = book.left_out.len() - unreadable;
    if unverified > 0 {
        tracing::warn!(left_out = unverified, "statements in the store do not verify and are left out");
    }
    if unreadable > 0 {
        tracing::warn!(left_out = unreadable, "statements in the store cannot be read and are left out");
    }
    Ok(book)
}

/// The same without a word.
pub(super) async fn read<S: Store>(store: &S, card: Fingerprint) -> Result<Book, OfficeError> {
    let mut left_out = Vec::new();
    let today = store.latest_day().await?;
    let mut pool = Pool::new(card);
    if let Some(name) = store.statements(Shelf::Rosters).await?.pop() {
        let bytes = match store.statement(Shelf::Rosters, name).await {
            Err(error @ StoreError::Unreadable(_)) => return Err(OfficeError::NoRoster(error)),
            other => other?.unwrap_or_default(),
        };
        let roster = Unverified::<Roster>::from_bytes(&bytes).map_err(|_| OfficeError::OtherOffice)?;
        pool = Pool::resume(card, roster).map_err(|_| OfficeError::OtherOffice)?;
    }
    for name in store.statements(Shelf::Seats).await? {
        let bytes = readable(store.statement(Shelf::Seats, name.clone()).await)?;
        let unreadable = bytes.is_none();
        let taken = SeatStatement::from_bytes(&bytes.flatten().unwrap_or_default())
            .map_err(PoolError::from)
            .and_then(|statement| pool.accept_seat_statement(statement, today));
        // What a newer roster has ended with its seat, and a crash has kept from being removed, is no damage. A signature that
        // does not verify may be one that was misread.
        let is_over = matches!(taken, Err(PoolError::Outdated | PoolError::Seat(SeatStatementError::UnknownSeat)));
        if taken.is_err() && !is_over {
            left_out.push(LeftOut { shelf: Shelf::Seats, name, unreadable });
        }
    }
    let mut notes = NoteBook::default();
    let mut served = None;
    // Notes of one day follow each other and mostly name one directory; verifying it once is enough.
    let mut last = None;
    for shelf in [Shelf::Notes, Shelf::ProposedNotes] {
        for name in store.statements(shelf).await? {
            let bytes = readable(store.statement(shelf, name.clone()).await)?.map(Option::unwrap_or_default);
            let loaded = match &bytes {
                Some(bytes) => readable(load_note(store, card, bytes, &mut last).await)?,
                None => None,
            };
            let unreadable = loaded.is_none();
            match (loaded.flatten(), &last) {
                (Some(CheckedNote::Valid(note)), Some(directory)) => {
                    if notes.newest().is_none_or(|newest| newest.age() < note.age()) {
                        served = Some(Arc::new(Served::new(&note, directory, &pool)));
                    }
                    notes.insert_valid(note);
                }
                (Some(CheckedNote::Proposed(note)), _) => notes.insert_proposed(note),
                // Another one has taken its place in the middle of a backup, or of a loss of power.
                (None, _) if shelf == Shelf::ProposedNotes && names_nothing(store, bytes.as_deref()).await? => {}
                _ => left_out.push(LeftOut { shelf, name, unreadable }),
            }
        }
    }
    Ok(Book { pool: Arc::new(pool), notes: Arc::new(notes), served, left_out })
}

/// `None` for what the store cannot read: it must not keep the rest from being served.
fn readable<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Err(StoreError::Unreadable(_)) => Ok(None),
        other => other.map(Some),
    }
}

/// Keeps a directory, before a note that names it.
pub(super) async fn save_directory<S: Store>(store: &S, directory: &Directory) -> Result<(), StoreError> {
    let name = directory_name(directory.hash())?;
    store.put_statement(Shelf::Directories, name, directory.bytes().to_vec()).await
}

pub(super) async fn directory<S: Store>(store: &S, hash: Hash) -> Result<Option<Vec<u8>>, StoreError> {
    store.statement(Shelf::Directories, directory_name(hash)?).await
}

/// Takes what has been published again from what was left out. All else of it stays, for a day that passes says nothing of it.
pub(super) fn forget_mended(book: &mut Book) -> Result<(), StoreError> {
    let mut left_out = std::mem::take(&mut book.left_out);
    let held = contents(book)?;
    left_out.retain(|left| !held.contains_key(&(left.shelf, left.name.clone())));
    drop(held);
    book.left_out = left_out;
    Ok(())
}

/// The directories that `old` named and no note of `new` does, none as long as there are notes of which nobody knows what they
/// name. They go, so that a courier that proposes one after the other does not fill the disk.
pub(super) fn nameless_directories(old: &Book, new: &Book) -> Result<Vec<StatementName>, StoreError> {
    if new.left_out.iter().any(LeftOut::is_note) {
        return Ok(Vec::new());
    }
    let named = new.notes.directories();
    old.notes.directories().difference(&named).map(|hash| directory_name(*hash)).collect()
}

pub(super) async fn remove_directories<S: Store>(store: &S, names: Vec<StatementName>) -> Result<(), StoreError> {
    for name in names {
        store.delete_statement(Shelf::Directories, name).await?;
    }
    Ok(())
}

/// Mends what a crash, or a full disk, has left in the middle of [`save`] or [`remove_directories`]: puts back what the book holds,
/// and removes what it does not hold, nor has left out.
pub(super) async fn sweep<S: Store>(store: &S, book: &Book) -> Result<(), StoreError> {
    let held = contents(book)?;
    let left_out = book.left_out.iter().map(|left| (left.shelf, left.name.clone()));
    let mut kept: BTreeSet<_> = left_out.chain(held.keys().cloned()).collect();
    let mut shelves = vec![Shelf::Rosters, Shelf::Seats, Shelf::Notes, Shelf::ProposedNotes];
    if !book.left_out.iter().any(LeftOut::is_note) {
        for hash in book.notes.directories() {
            kept.insert((Shelf::Directories, directory_name(hash)?));
        }
        shelves.push(Shelf::Directories);
    }
    let mut there = BTreeSet::new();
    for shelf in shelves {
        there.extend(store.statements(shelf).await?.into_iter().map(|name| (shelf, name)));
    }
    for ((shelf, name), bytes) in held.into_iter().filter(|(place, _)| !there.contains(place)) {
        store.put_statement(shelf, name, bytes.to_vec()).await?;
    }
    for (shelf, name) in there.difference(&kept) {
        store.delete_statement(*shelf, name.clone()).await?;
    }
    Ok(())
}

/// Makes the store hold what `new` holds, where `old` is what it holds. Writes before it deletes, so that a crash in
/// between leaves too much rather than too little.
pub(super) async fn save<S: Store>(store: &S, old: &Book, new: &Book) -> Result<(), StoreError> {
    let (mut old, new) = (contents(old)?, contents(new)?);
    for (place, bytes) in new {
        if old.remove(&place) != Some(bytes) {
            store.put_statement(place.0, place.1, bytes.to_vec()).await?;
        }
    }
    for ((shelf, name), _) in old {
        store.delete_statement(shelf, name).await?;
    }
    Ok(())
}

/// Every statement but the directories, with its place.
fn contents(book: &Book) -> Result<BTreeMap<(Shelf, StatementName), &[u8]>, StoreError> {
    let Book { pool, notes, served: _, left_out: _ } = book;
    let rosters = pool.roster().map(|roster| (Shelf::Rosters, format!("{:010}", roster.number.get()), roster.bytes()));
    let keys = pool.seat_keys().map(|key| (Shelf::Seats, format!("key-{}", key.hash()), key.bytes()));
    let prekeys = pool.prekeys().map(|prekey| (Shelf::Seats, format!("prekey-{}", prekey.hash()), prekey.bytes()));
    let valid = notes.valid().map(|(age, note)| (Shelf::Notes, note_name(age), note.bytes()));
    let proposed = notes.proposed().map(|(age, note)| (Shelf::ProposedNotes, note_name(age), note.bytes()));
    let all = rosters.into_iter().chain(keys).chain(prekeys).chain(valid).chain(proposed);
    all.map(|(shelf, name, bytes)| Ok(((shelf, named(name)?), bytes))).collect()
}

/// Whether it is a note of which the directory is not there.
async fn names_nothing<S: Store>(store: &S, note: Option<&[u8]>) -> Result<bool, StoreError> {
    let Some(Ok(note)) = note.map(Unverified::<Note>::from_bytes) else { return Ok(false) };
    let name = directory_name(note.names_directory())?;
    Ok(!store.statements(Shelf::Directories).await?.contains(&name))
}

/// Verifies a note with its directory, which is left in `last`.
async fn load_note<S: Store>(
    store: &S,
    card: Fingerprint,
    bytes: &[u8],
    last: &mut Option<Directory>,
) -> Result<Option<CheckedNote>, StoreError> {
    let Ok(note) = Unverified::<Note>::from_bytes(bytes) else { return Ok(None) };
    if let Some(Ok(note)) = last.as_ref().map(|directory| directory.verify_note(note.clone())) {
        return Ok(Some(note));
    }
    let directory = directory(store, note.names_directory()).await?;
    let Some((note, directory)) = directory.and_then(|directory| verify(card, note, &directory)) else {
        return Ok(None);
    };
    *last = Some(directory);
    Ok(Some(note))
}

fn note_name((day, serial, Reverse(hash)): &Age) -> String {
    format!("{:010}-{serial:020}-{hash}", day.0)
}

impl LeftOut {
    const fn is_note(&self) -> bool {
        matches!(self.shelf, Shelf::Notes | Shelf::ProposedNotes)
    }
}

fn directory_name(hash: Hash) -> Result<StatementName, StoreError> {
    named(hash.to_string())
}

fn named(name: String) -> Result<StatementName, StoreError> {
    StatementName::new(name).map_err(|BadName| StoreError::Misuse("a statement's name"))
}
