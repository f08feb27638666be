//! The index: where everything of a family is, so that a store which was closed in good order opens without reading its
//! journals. It is written whole when nothing changes, and removed before the first change: one that is there is true.
//!
//! ```text
//! nonce (24) || content, sealed under the day's key || tag (16)
//!
//! content   u32(batches)  || for each, by number:  u32(length) || CDDL `batch`
//!                         || for each id of theirs, in order:    spot
//!           u32(waiting)  || for each, ascending:  id (16) || spot
//!           u32(words)    || u64 ...               one bit for each position of the journal that is taken
//!           u32(words)    || u64 ...               the same of the file of marks
//! spot      u8(0 a record, 1 burned, 2 lost) || u32(position of the record or mark)
//! ```
//!
//! It is sorted by id wherever the order is not public, so it tells nothing of the order of arrival either.

use super::super::ledger::{Ledger, Place};
use super::disk::Disk;
use super::family::{Family, Files};
use super::files;
use super::key::{DayKey, NONCE, Nonce, Sealed};
use cssr_proto::EnvelopeId;
use cssr_proto::index::Batch;
use cssr_proto::sizes::{ENVELOPE_ID, TAG};
use std::io;
use std::path::Path;

/// The file's name in the family's folder.
pub(super) const NAME: &str = "index";
/// The position of an envelope that a batch lists and no record holds.
pub(super) const LOST: u32 = u32::MAX;

/// Where an envelope is within its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// The position of its record, or of its mark if it was burned.
    pub(super) position: u32,
    pub(super) burned: bool,
}

/// What a family holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// By number.
    pub(super) batches: Vec<Batch>,
    /// Every id, listed or waiting.
    pub(super) known: Vec<(EnvelopeId, Spot)>,
    pub(super) waiting: Vec<EnvelopeId>,
    /// Positions of the journal where something stands, whatever it is.
    pub(super) taken: Vec<u32>,
    /// The same of the file of marks.
    pub(super) marks_taken: Vec<u32>,
}

/// Writes the index of a family in its present state.
pub(super) fn write(disk: &dyn Disk, family: &Family, ledger: &Ledger, nonce: &Nonce) -> io::Result<()> {
    let content = encode(family, ledger).ok_or_else(|| io::Error::other("the ledger is at odds with itself"))?;
    let sealed = seal(content, family.key(), nonce);
    files::write(disk, family.folder(), NAME, &sealed)
}

/// Reads the index; `None` if there is none that is true.
pub(super) fn read(disk: &dyn Disk, files: &Files) -> io::Result<Option<Contents>> {
    let Some(mut sealed) = files::read_what_can_be(disk, &files.folder.join(NAME))? else { return Ok(None) };
    Ok(open(&mut sealed, &files.key).and_then(decode))
}

/// Removes the index for good: nobody opens it without its nonce. What waited when it was written, it would go on telling
/// apart from what came later, if only its name went.
pub(super) fn remove(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    files::spoil(disk, &folder.join(NAME))?;
    files::remove(disk, folder, NAME).map(drop)
}

fn seal(content: Vec<u8>, key: &DayKey, nonce: &Nonce) -> Vec<u8> {
    let mut sealed = nonce.to_vec();
    sealed.extend_from_slice(&content);
    let tag = key.seal(Sealed::Index, nonce, sealed.get_mut(NONCE..).unwrap_or_default());
    sealed.extend_from_slice(&tag);
    sealed
}

fn open<'a>(sealed: &'a mut [u8], key: &DayKey) -> Option<&'a [u8]> {
    let (nonce, rest) = sealed.split_first_chunk_mut::<NONCE>()?;
    let (content, tag) = rest.split_last_chunk_mut::<TAG>()?;
    key.open(Sealed::Index, nonce, content, tag).then_some(content)
}

fn encode(family: &Family, ledger: &Ledger) -> Option<Vec<u8>> {
    let (kind, day) = (family.id().kind, family.id().day);
    let (batches, waiting) = (ledger.batches(kind, day), ledger.unlisted(kind, day));
    let mut out = Vec::new();
    let count = |n: usize| u32::try_from(n).ok().map(u32::to_be_bytes);
    // What is known on another day, and listed here too, is not read here.
    let lost = Place { kind, day, number: LOST, burned: false };
    let place =
        |id: &EnvelopeId| ledger.place(id).filter(|place| (place.kind, place.day) == (kind, day)).unwrap_or(lost);
    let mut spots = Vec::new();
    out.extend_from_slice(&count(batches.len())?);
    for batch in &batches {
        let bytes = batch.to_bytes();
        out.extend_from_slice(&count(bytes.len())?);
        out.extend_from_slice(&bytes);
        for id in batch.ids() {
            put_spot(&mut spots, place(id));
        }
    }
    out.append(&mut spots);
    out.extend_from_slice(&count(waiting.len())?);
    for id in waiting {
        out.extend_from_slice(id.as_bytes());
        put_spot(&mut out, place(&id));
    }
    for words in family.taken() {
        out.extend_from_slice(&count(words.len())?);
        words.iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
    }
    Some(out)
}

fn put_spot(out: &mut Vec<u8>, place: Place) {
    out.push(match place {
        Place { burned: true, .. } => 1,
        Place { number: LOST, .. } => 2,
        Place { .. } => 0,
    });
    out.extend_from_slice(&place.number.to_be_bytes());
}

fn decode(content: &[u8]) -> Option<Contents> {
    let mut rest = content;
    let mut batches = Vec::new();
    for _ in 0..take_u32(&mut rest)? {
        let length = take_u32(&mut rest)? as usize;
        let (bytes, after) = rest.split_at_checked(length)?;
        batches.push(Batch::from_bytes(bytes).ok()?);
        rest = after;
    }
    let listed = batches.iter().map(|batch| batch.ids().len()).sum();
    let mut known = Vec::with_capacity(listed);
    for id in batches.iter().flat_map(|batch| batch.ids()) {
        known.push((*id, take_spot(&mut rest)?));
    }
    let mut waiting = Vec::new();
    for _ in 0..take_u32(&mut rest)? {
        let (id, after) = rest.split_first_chunk::<ENVELOPE_ID>()?;
        rest = after;
        waiting.push(EnvelopeId(*id));
        known.push((EnvelopeId(*id), take_spot(&mut rest)?));
    }
    let (taken, marks_taken) = (take_positions(&mut rest)?, take_positions(&mut rest)?);
    rest.is_empty().then_some(Contents { batches, known, waiting, taken, marks_taken })
}

fn take_positions(rest: &mut &[u8]) -> Option<Vec<u32>> {
    let mut positions = Vec::new();
    for index in 0..take_u32(rest)? {
        let (word, after) = rest.split_first_chunk::<8>()?;
        *rest = after;
        let (word, first) = (u64::from_be_bytes(*word), index.checked_mul(64)?);
        positions.extend((0..64).filter(|bit| word >> bit & 1 == 1).map(|bit| first + bit));
    }
    Some(positions)
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_be_bytes(*bytes))
}

fn take_spot(rest: &mut &[u8]) -> Option<Spot> {
    let (state, after) = rest.split_first()?;
    *rest = after;
    let position = take_u32(rest)?;
    match state {
        0 if position != LOST => Some(Spot { position, burned: false }),
        1 => Some(Spot { position, burned: true }),
        2 if position == LOST => Some(Spot { position, burned: false }),
        _ => None,
    }
}
