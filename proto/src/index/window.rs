//! The days that a client fetched, checked as a whole.

use super::{Batch, Head, Index};
use crate::cbor::Number;
use crate::ids::{EnvelopeId, Hash};
use crate::random::below;
use crate::time::Day;
use rand_core::CryptoRng;

/// Letters in a group, from the roster's policy.
pub type GroupSize = Number<1, 16>;

/// What is wrong with the index that a relay tells. Every one of these is the relay's fault, or the fault of
/// somebody who signed a note about another chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// A batch of another day than the one it was listed under, or of a day before its predecessor's.
    #[error("a batch stands under a day that is not its own")]
    WrongDay,
    /// Batch numbers that are not consecutive.
    #[error("batch numbers are not consecutive")]
    Gap,
    /// A batch that does not continue the chain of the one before it.
    #[error("a batch does not continue the chain")]
    BrokenChain,
    /// The chain begins with something else than the relay's key, or the head of no batch does.
    #[error("the chain does not begin with the relay's key")]
    WrongGenesis,
    /// One id listed twice.
    #[error("an id is listed twice")]
    Duplicate,
    /// The batch that the note names is missing, or batches directly after it: the relay hides batches.
    #[error("batches that the note vouches for are missing")]
    Hidden,
    /// The chain differs from the one that the note names: the relay shows different people different lists.
    #[error("the note vouches for another history")]
    Forked,
    /// The note names a batch of a day after the window.
    #[error("the note vouches for a batch of a later day")]
    HeadAfterWindow,
}

/// A group of letters: what one fetches, whether or not one wants a letter of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Group {
    /// The day its letters were accepted on.
    pub day: Day,
    /// Its number among the groups of that day, from 0.
    pub number: u32,
}

impl std::fmt::Debug for Group {
    /// The day only: the number says which letters a person fetched.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { day, number: _ } = self;
        write!(f, "Group({day}, ..)")
    }
}

/// Consecutive days of an index that passed every check of section 10.
#[derive(Clone, PartialEq, Eq)]
pub struct Window {
    first: Day,
    days: Vec<Vec<EnvelopeId>>,
    head: Option<Head>,
}

impl Window {
    /// Checks the indexes of the days `first`, `first + 1`, ... against each other and against the `head` that a
    /// verified note names. `genesis` is [`letter_genesis`](super::letter_genesis) of the relay's key.
    ///
    /// # Errors
    /// The first lie found.
    pub fn verify(first: Day, days: Vec<Index>, genesis: &Hash, head: &Head) -> Result<Self, IndexError> {
        let mut last: Option<Head> = None;
        let mut head_found = false;
        for (offset, index) in days.iter().enumerate() {
            let day = nth_day(first, offset).ok_or(IndexError::WrongDay)?;
            for batch in &index.batches {
                if batch.day() != day {
                    return Err(IndexError::WrongDay);
                }
                let next = match &last {
                    Some(last) => last.follow(batch)?,
                    None => begin(batch, first, genesis, head)?,
                };
                if next.number() == head.number() {
                    if next != *head {
                        return Err(IndexError::Forked);
                    }
                    head_found = true;
                }
                last = Some(next);
            }
        }
        check_head(first, days.len(), genesis, head, head_found)?;
        let days: Vec<Vec<EnvelopeId>> = days.into_iter().map(ids_of).collect();
        refuse_duplicates(&days)?;
        Ok(Self { first, days, head: last })
    }

    /// The days of the window, in order.
    pub fn days(&self) -> impl Iterator<Item = Day> + '_ {
        (0..self.days.len()).filter_map(|offset| nth_day(self.first, offset))
    }

    /// The last batch of the window; `None` if it lists nothing.
    #[must_use]
    pub const fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// The ids of a day in the order of its batches; none for a day outside the window.
    #[must_use]
    pub fn letters(&self, day: Day) -> &[EnvelopeId] {
        offset_of(self.first, day).and_then(|offset| self.days.get(offset)).map_or(&[], Vec::as_slice)
    }

    /// Every id with its day and its position in that day.
    pub fn ids(&self) -> impl Iterator<Item = (&EnvelopeId, Day, usize)> {
        self.days()
            .zip(&self.days)
            .flat_map(|(day, ids)| ids.iter().enumerate().map(move |(position, id)| (id, day, position)))
    }

    /// The group that holds the letter at `position` of `day`.
    #[must_use]
    pub fn group_of(&self, day: Day, position: usize, size: GroupSize) -> Group {
        // An index holds two million ids at most, so the number fits.
        Group { day, number: (position as u64 / size.get()) as u32 }
    }

    /// How many groups a day has, the short one at its end included.
    #[must_use]
    pub fn groups(&self, day: Day, size: GroupSize) -> u32 {
        (self.letters(day).len() as u64).div_ceil(size.get()) as u32
    }

    /// The ids of a group, in order; none for a group that does not exist.
    #[must_use]
    pub fn members(&self, group: Group, size: GroupSize) -> &[EnvelopeId] {
        self.letters(group.day).chunks(size.get() as usize).nth(group.number as usize).unwrap_or(&[])
    }

    /// A random group of a random day that lists anything; group 0 of `announced` if no day does.
    pub fn random_group<R: CryptoRng + ?Sized>(&self, size: GroupSize, announced: Day, rng: &mut R) -> Group {
        let listed: Vec<Day> = self.days().filter(|day| !self.letters(*day).is_empty()).collect();
        let Some(&day) = listed.get(below(listed.len() as u64, rng) as usize) else {
            return Group { day: announced, number: 0 };
        };
        Group { day, number: below(u64::from(self.groups(day, size)), rng) as u32 }
    }
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { first, days, head: _ } = self;
        let count: usize = days.iter().map(Vec::len).sum();
        write!(f, "Window({} days from {first}, {count} ids)", days.len())
    }
}

fn nth_day(first: Day, offset: usize) -> Option<Day> {
    first.0.checked_add(u32::try_from(offset).ok()?).map(Day)
}

fn offset_of(first: Day, day: Day) -> Option<usize> {
    usize::try_from(day.0.checked_sub(first.0)?).ok()
}

/// Checks the window's first batch: against the genesis if it is the chain's first one, and against a head that
/// lies before the window.
fn begin(batch: &Batch, first: Day, genesis: &Hash, head: &Head) -> Result<Head, IndexError> {
    if batch.number() == 1 && batch.previous() != genesis {
        return Err(IndexError::WrongGenesis);
    }
    if head.day() < first {
        if head.number().checked_add(1) != Some(batch.number()) {
            return Err(IndexError::Hidden);
        }
        if batch.previous() != head.chain() {
            return Err(IndexError::Forked);
        }
    }
    Ok(batch.head())
}

fn check_head(first: Day, days: usize, genesis: &Hash, head: &Head, found: bool) -> Result<(), IndexError> {
    if head.number() == 0 {
        return if head.chain() == genesis { Ok(()) } else { Err(IndexError::WrongGenesis) };
    }
    if found {
        return Ok(());
    }
    match offset_of(first, head.day()) {
        None => Ok(()),
        Some(offset) if offset < days => Err(IndexError::Hidden),
        Some(_) => Err(IndexError::HeadAfterWindow),
    }
}

fn ids_of(index: Index) -> Vec<EnvelopeId> {
    index.batches.into_iter().flat_map(|batch| batch.ids).collect()
}

fn refuse_duplicates(days: &[Vec<EnvelopeId>]) -> Result<(), IndexError> {
    let mut all: Vec<&EnvelopeId> = days.iter().flatten().collect();
    all.sort_unstable();
    if all.is_sorted_by(|a, b| a < b) { Ok(()) } else { Err(IndexError::Duplicate) }
}
