//! Reading a journal from end to end, to find out what is in it: after every stop that was not in good order.
//!
//! Headers say what there is. Bodies are read only where a power cut may have torn them: what a batch lists was synced
//! before the batch was, so it is whole, or was damaged later; what waits may be half of a put that nobody was told of.

use super::announced::Announced;
use super::family::{BURNED, Files, JOURNAL, MARK};
use super::index::{Contents, LOST, Spot};
use super::record::{Found, HEADER, Header, PART, RECORD};
use cssr_proto::index::Batch;
use cssr_proto::{EnvelopeId, Hash};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::thread::Builder;

/// Reads at once: disks answer many at a time faster than one after the other, and each is of a few bytes.
const READERS: u32 = 128;
/// Positions for which a thread of its own is worth while.
const FEWEST: u32 = 512;

/// Positions of a journal. What cannot be read may be a batch, and of that there is a copy. If more could not be read both
/// might be missing, and the next batch would get the number of one that was announced. Marks are no batches, nor are
/// envelopes of which the header can be read.
const MOST_UNREADABLE: usize = 1;

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// At what is needed to serve: headers, and the bodies of what waits.
    Headers,
    /// At every byte.
    Bodies,
}

/// A block that is neither blank nor open: torn by a crash, or damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bad {
    /// The file's name.
    pub(super) file: &'static str,
    pub(super) position: u32,
}

/// What a journal holds.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) contents: Contents,
    /// Positions of records that were burned and are still there.
    pub(super) unburned: Vec<u32>,
    /// Positions of records of which the header opens and the body does not, and that no batch lists.
    pub(super) torn: Vec<u32>,
    /// Positions of whole records of which another one is served that is whole, too: it could not be read for a while, and
    /// was put again.
    pub(super) duplicates: Vec<u32>,
    /// Positions of the journal at which the disk could not read something.
    pub(super) unreadable: BTreeSet<u32>,
    /// Those of them that may belong to a batch which is not there.
    pub(super) doubtful: BTreeSet<u32>,
    /// Whether there is something that the disk could not read, in the journal or among the marks.
    pub(super) is_partial: bool,
    pub(super) damaged: Vec<Bad>,
    /// Records that open and are served, but for their marks. Only what looks at every byte finds these.
    pub(super) flawed: Vec<Bad>,
    /// Envelopes that a batch lists and that are not there.
    pub(super) lost: u64,
    /// Batches with a part of which there is one copy.
    pub(super) single: u64,
    /// Records that open, as far as they were read.
    pub(super) records: u64,
    /// Positions of the journal where nothing stands.
    pub(super) blank: u64,
    /// Marks that open.
    pub(super) marks: u64,
}

/// Makes sure that what is read is on the disk, before a journal counts that nobody has open.
pub(super) fn settle(files: &Files) -> io::Result<()> {
    for file in files.all() {
        // What was written and not synced counts from now on, so it must last. And after a sync that failed, the system may
        // remember what the disk does not have.
        file.sync()?;
        file.forget_cached()?;
    }
    Ok(())
}

/// Reads all of it. `seen` is told of each position of the journal.
pub(super) fn scan(
    files: &Files,
    depth: Depth,
    announced: &Announced,
    seen: &(dyn Fn() + Sync),
) -> io::Result<Scanned> {
    let positions = count(files.journal.length()?, RECORD, depth)?;
    let pieces = in_parallel(positions, |position| {
        seen();
        Ok(match depth {
            Depth::Headers => (Piece::of(files.header(position)?), true),
            Depth::Bodies => match files.whole_record(position)? {
                Found::Record((header, is_whole)) => (Piece::of(Found::Record(header)), is_whole),
                Found::Blank => (Piece::Blank, true),
                Found::Damaged => (Piece::Damaged, true),
                Found::Unreadable => (Piece::Unreadable, true),
            },
        })
    })?;

    let mut scanned = Scanned::default();
    let mut envelopes: Vec<(EnvelopeId, u32)> = Vec::new();
    let mut parts = Parts::new();
    for (position, (found, is_whole)) in pieces {
        if !is_whole {
            scanned.flawed.push(Bad { file: JOURNAL, position });
        }
        match found {
            Piece::Blank => {
                scanned.blank += 1;
                continue;
            }
            Piece::Envelope(id) => envelopes.push((id, position)),
            Piece::Part(found) => {
                let PartOf { number, part, length, chain } = *found;
                let attempt = parts.entry(number).or_default().entry(chain).or_insert((length, BTreeMap::new()));
                attempt.1.entry(part).or_default().push(position);
            }
            Piece::Damaged => scanned.damaged.push(Bad { file: JOURNAL, position }),
            Piece::Unreadable => {
                scanned.unreadable.insert(position);
                scanned.doubtful.insert(position);
                scanned.damaged.push(Bad { file: JOURNAL, position });
            }
        }
        scanned.contents.taken.push(position);
    }
    scanned.records = scanned.contents.taken.len() as u64 - scanned.damaged.len() as u64;
    let marks = marks(files, depth, &mut scanned)?;
    let mut announced = announced.clone();
    // The last first, since each tells which one it follows.
    for (number, mut attempts) in parts.into_iter().rev() {
        if let Some(known) = announced.chain_value(number) {
            attempts.retain(|chain, _| chain == known);
        }
        // Parts of a batch that is not complete were never announced, or are damaged twice.
        let mut unreadable = BTreeSet::new();
        match batch(files, number, attempts, &mut unreadable)? {
            Some((batch, single)) => {
                announced.learn([&batch]);
                scanned.contents.batches.push(batch);
                scanned.single += u64::from(single);
            }
            None => scanned.doubtful.extend(&unreadable),
        }
        scanned.unreadable.append(&mut unreadable);
    }
    scanned.contents.batches.reverse();
    sort_out(files, &mut scanned, envelopes, marks)?;
    scanned.is_partial |= !scanned.unreadable.is_empty();
    if depth == Depth::Headers && scanned.doubtful.len() > MOST_UNREADABLE {
        return Err(io::Error::other("the disk cannot read several blocks of it"));
    }
    Ok(scanned)
}

/// What stands at a position, in little memory: there are a million of them.
enum Piece {
    Blank,
    Envelope(EnvelopeId),
    Part(Box<PartOf>),
    Damaged,
    Unreadable,
}

struct PartOf {
    number: u64,
    part: u32,
    length: u32,
    chain: Hash,
}

impl Piece {
    fn of(found: Found<Header>) -> Self {
        match found {
            Found::Blank => Self::Blank,
            Found::Record(Header::Envelope { id, .. }) => Self::Envelope(id),
            Found::Record(Header::Part { number, part, length, chain }) => {
                Self::Part(Box::new(PartOf { number, part, length, chain }))
            }
            Found::Damaged => Self::Damaged,
            Found::Unreadable => Self::Unreadable,
        }
    }
}

/// The positions of each part of each batch of a number, the batches told apart by chain value, with their lengths.
type Parts = BTreeMap<u64, Attempts>;
type Attempts = BTreeMap<Hash, (u32, BTreeMap<u32, Vec<u32>>)>;

/// Puts together a batch of a number that is complete, of several one that is whole twice, as those were that were announced;
/// and whether there is but one copy of some part.
fn batch(
    files: &Files,
    number: u64,
    attempts: Attempts,
    unreadable: &mut BTreeSet<u32>,
) -> io::Result<Option<(Batch, bool)>> {
    let are_several = attempts.len() > 1;
    let mut found = None;
    for (chain, (length, parts)) in attempts {
        let (mut bytes, mut single) = (Vec::new(), false);
        for part in 0..(length as usize).div_ceil(PART) as u32 {
            let copies = parts.get(&part).map(Vec::as_slice).unwrap_or_default();
            let mut whole = 0;
            for position in copies {
                match files.record(*position)? {
                    Found::Record((_, record)) => {
                        if whole == 0 {
                            bytes.extend_from_slice(record.get(HEADER..).unwrap_or_default());
                        }
                        whole += 1;
                        if !are_several {
                            break;
                        }
                    }
                    Found::Unreadable => drop(unreadable.insert(*position)),
                    Found::Blank | Found::Damaged => {}
                }
            }
            single |= copies.len() < 2 || (are_several && whole < 2);
        }
        bytes.truncate(length as usize);
        if let Ok(batch) = Batch::from_bytes(&bytes)
            && (batch.number(), batch.day(), batch.chain_value()) == (number, files.id.day, chain)
            && (!single || found.is_none())
        {
            found = Some((batch, single));
        }
    }
    Ok(found)
}

fn marks(files: &Files, depth: Depth, scanned: &mut Scanned) -> io::Result<BTreeMap<EnvelopeId, u32>> {
    let mut marks = BTreeMap::new();
    let Some(file) = &files.burned else { return Ok(marks) };
    for position in 0..count(file.length()?, MARK, depth)? {
        match files.mark(position)? {
            Found::Blank => continue,
            Found::Record(mark) => {
                marks.insert(mark.id, position);
                scanned.marks += 1;
            }
            Found::Damaged => scanned.damaged.push(Bad { file: BURNED, position }),
            Found::Unreadable => {
                scanned.is_partial = true;
                scanned.damaged.push(Bad { file: BURNED, position });
            }
        }
        scanned.contents.marks_taken.push(position);
    }
    Ok(marks)
}

/// Brings records, marks and batches together.
fn sort_out(
    files: &Files,
    scanned: &mut Scanned,
    mut envelopes: Vec<(EnvelopeId, u32)>,
    mut marks: BTreeMap<EnvelopeId, u32>,
) -> io::Result<()> {
    envelopes.sort_unstable();
    let envelopes = one_of_each(files, &envelopes, scanned)?;
    let Scanned { contents, unburned, torn, damaged, unreadable, lost, .. } = scanned;
    let mut listed: Vec<EnvelopeId> = contents.batches.iter().flat_map(|batch| batch.ids()).copied().collect();
    listed.sort_unstable();
    // What a batch that could not be read for a while lists was listed again.
    listed.dedup();

    let is_listed = |id: &EnvelopeId| listed.binary_search(id).is_ok();
    let mut waiting = Vec::new();
    let mut known = Vec::with_capacity(envelopes.len());
    for (id, position) in &envelopes {
        if marks.contains_key(id) {
            unburned.push(*position);
        } else if is_listed(id) {
            known.push((*id, Spot { position: *position, burned: false }));
        } else {
            waiting.push((*id, *position));
        }
    }
    let bodies = in_parallel(waiting.len() as u32, |index| {
        let Some((_, position)) = waiting.get(index as usize) else { return Ok(Found::Blank) };
        Ok(files.record(*position)?.map(|_| ()))
    })?;
    for ((id, position), (_, found)) in waiting.into_iter().zip(bodies) {
        match found {
            Found::Record(()) => {
                known.push((id, Spot { position, burned: false }));
                contents.waiting.push(id);
                continue;
            }
            Found::Unreadable => drop(unreadable.insert(position)),
            Found::Blank | Found::Damaged => torn.push(position),
        }
        damaged.push(Bad { file: JOURNAL, position });
    }
    for id in &listed {
        if let Some(position) = marks.remove(id) {
            known.push((*id, Spot { position, burned: true }));
        } else if envelopes.binary_search_by_key(id, |(id, _)| *id).is_err() {
            known.push((*id, Spot { position: LOST, burned: false }));
            *lost += 1;
        }
    }
    for (id, position) in marks {
        known.push((id, Spot { position, burned: true }));
        contents.waiting.push(id);
    }
    contents.known = known;
    Ok(())
}

/// Of several records with one id, sorted by id, one that is whole. The others were torn before anybody was told of them, or
/// could not be read for a while, so it was put again.
fn one_of_each(
    files: &Files,
    envelopes: &[(EnvelopeId, u32)],
    scanned: &mut Scanned,
) -> io::Result<Vec<(EnvelopeId, u32)>> {
    let Scanned { torn, duplicates, unreadable, .. } = scanned;
    let mut single: Vec<(EnvelopeId, u32)> = Vec::with_capacity(envelopes.len());
    for copies in envelopes.chunk_by(|(one, _), (other, _)| one == other) {
        let [(id, first), others @ ..] = copies else { continue };
        if others.is_empty() {
            single.push((*id, *first));
            continue;
        }
        let (mut whole, mut unread, mut broken) = (None, None, Vec::new());
        for (_, position) in copies {
            match files.record(*position)? {
                Found::Record(_) if whole.is_none() => whole = Some(*position),
                Found::Record(_) => duplicates.push(*position),
                Found::Unreadable => {
                    unreadable.insert(*position);
                    unread = Some(*position);
                }
                Found::Blank | Found::Damaged => broken.push(*position),
            }
        }
        let kept = whole.or(unread).or_else(|| broken.pop()).unwrap_or(*first);
        single.push((*id, kept));
        torn.append(&mut broken);
    }
    Ok(single)
}

fn count(length: u64, unit: usize, depth: Depth) -> io::Result<u32> {
    let positions = match depth {
        Depth::Headers => length / unit as u64,
        Depth::Bodies => length.div_ceil(unit as u64),
    };
    u32::try_from(positions).map_err(io::Error::other)
}

/// What `read` gives for each number below `count`, in order.
fn in_parallel<T: Send>(count: u32, read: impl Fn(u32) -> io::Result<T> + Sync) -> io::Result<Vec<(u32, T)>> {
    in_threads(Builder::new, count, read)
}

/// What no thread is to be had for, the calling one reads.
fn in_threads<T: Send>(
    thread: impl Fn() -> Builder,
    count: u32,
    read: impl Fn(u32) -> io::Result<T> + Sync,
) -> io::Result<Vec<(u32, T)>> {
    let share = count.div_ceil(READERS).max(FEWEST);
    let read_share =
        |share: Range<u32>| share.map(|number| Ok((number, read(number)?))).collect::<io::Result<Vec<_>>>();
    let read_share = &read_share;
    std::thread::scope(|scope| {
        let shares =
            (0..count.div_ceil(share)).map(|reader| reader * share..count.min((reader + 1).saturating_mul(share)));
        let readers: Vec<_> = shares
            .map(|share| {
                let reader = thread().spawn_scoped(scope, {
                    let share = share.clone();
                    move || read_share(share)
                });
                (share, reader)
            })
            .collect();
        let mut all = Vec::with_capacity(count as usize);
        for (share, reader) in readers {
            let found = match reader {
                Ok(reader) => reader.join().map_err(|_| io::Error::other("a reading thread panicked"))?,
                Err(_) => read_share(share),
            };
            all.extend(found?);
        }
        Ok(all)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_thread_is_to_be_had_for_is_read_all_the_same() {
        // No system has so much for a stack.
        let none = || Builder::new().stack_size(1 << 60);
        assert!(none().spawn(|| ()).is_err());
        for thread in [none as fn() -> Builder, Builder::new] {
            let found = in_threads(thread, 3 * FEWEST + 7, |number| Ok(2 * number)).unwrap();
            assert!(found.into_iter().eq((0..3 * FEWEST + 7).map(|number| (number, 2 * number))));
        }
    }
}
