//! Following a chain of batches, without I/O: from the last head that was followed, past every head that valid notes
//! vouch for.

use cssr_proto::index::{Batch, Head, IndexError};
use cssr_proto::{Day, Hash};
use std::collections::BTreeMap;

/// Why a chain is not followed. The relay is at fault, or whoever signed a note about another chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WalkError {
    /// A batch does not follow the one before it.
    #[error(transparent)]
    Broken(#[from] IndexError),
    /// A batch of a day that has not come yet.
    #[error("batch {0} is of a day that has not come yet")]
    Future(u64),
    /// The chain is another one than a valid note, or this courier before, vouches for.
    #[error("it is another history than the one that was vouched for at batch {0}")]
    Forked(u64),
    /// The chain ends before a batch that a valid note, or this courier before, vouches for.
    #[error("it ends before batch {0}, which was vouched for")]
    Hidden(u64),
    /// A batch is missing that cannot have expired, since one before it has not.
    #[error("it leaves out batch {0}, which cannot have expired")]
    LeftOut(u64),
    /// Batches are missing, and nobody vouches for what comes after them.
    #[error("batches before number {0} have expired, and no note vouches for what follows")]
    Unvouched(u64),
    /// The relay says that another batch comes next than the one that does.
    #[error("it says that batch {said} comes next, but batch {expected} does")]
    WrongEnd {
        /// What it says.
        said: u64,
        /// What follows from the batches.
        expected: u64,
    },
}

/// What may be missing in a chain because it has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gaps {
    /// Only what can have expired, and comes before something that was vouched for: for a chain whose head is signed.
    Vouched,
    /// Anything, because a person said so: nobody had mirrored the relay for longer than it keeps letters.
    Accepted,
    /// Anything: for a chain whose head nobody signs.
    Free,
}

/// A chain being followed.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    at: Head,
    gaps: Gaps,
    today: Day,
    /// The oldest day of which the relay lists anything.
    oldest: Day,
    /// What others, and this courier before, have signed, by number.
    vouched: BTreeMap<u64, Head>,
    /// The number after a gap that nobody has vouched for yet.
    unvouched: Option<u64>,
}

impl Walk {
    /// Begins at a head that was followed before, or at the genesis. The relay lists batches of `days` days before today.
    ///
    /// # Errors
    /// Two of the heads contradict each other.
    pub(super) fn new(
        at: Head,
        gaps: Gaps,
        (today, days): (Day, u32),
        heads: impl IntoIterator<Item = Head>,
    ) -> Result<Self, WalkError> {
        let mut vouched = BTreeMap::from([(at.number(), at)]);
        for head in heads {
            if *vouched.entry(head.number()).or_insert(head) != head {
                return Err(WalkError::Forked(head.number()));
            }
        }
        Ok(Self { at, gaps, today, oldest: today.minus(days), vouched, unvouched: None })
    }

    /// The last batch that was followed.
    pub(super) const fn at(&self) -> &Head {
        &self.at
    }

    /// Whether everything that was followed hangs together with something that was vouched for.
    pub(super) const fn is_vouched(&self) -> bool {
        self.unvouched.is_none()
    }

    /// The number of the batch to ask for.
    pub(super) const fn wanted(&self) -> u64 {
        self.at.number().saturating_add(1)
    }

    /// Follows the next batch. Numbers may be left out where batches have expired; then something that was vouched for
    /// must come at or after the gap.
    ///
    /// # Errors
    /// See [`WalkError`].
    pub(super) fn follow(&mut self, batch: &Batch) -> Result<(), WalkError> {
        let number = batch.number();
        if batch.day() > self.today {
            return Err(WalkError::Future(number));
        }
        let next = if number > self.wanted() {
            if batch.day() < self.at.day() {
                return Err(IndexError::WrongDay.into());
            }
            self.check_expired(number)?;
            self.unvouched = Some(number);
            // Something vouched for right before the gap's end closes it.
            self.pass(number - 1, batch.previous())?;
            batch.head()
        } else {
            self.at.follow(batch)?
        };
        self.pass(number, next.chain())?;
        self.at = next;
        Ok(())
    }

    /// Ends the walk where the relay says that it ends.
    ///
    /// # Errors
    /// See [`WalkError`].
    pub(super) fn finish(mut self, said: u64) -> Result<Head, WalkError> {
        if self.gaps == Gaps::Free {
            return if said >= self.wanted() { Ok(self.at) } else { Err(self.wrong_end(said)) };
        }
        if said > self.wanted() {
            // Nothing is listed any more of what was vouched for last.
            match self.vouched.get(&(said - 1)) {
                Some(head) if head.day() < self.oldest => (self.at, self.unvouched) = (*head, None),
                _ => return Err(self.wrong_end(said)),
            }
        }
        if let Some((number, _)) = self.vouched.last_key_value().filter(|(number, _)| **number > self.at.number()) {
            return Err(WalkError::Hidden(*number));
        }
        if said < self.wanted() {
            return Err(self.wrong_end(said));
        }
        match self.unvouched {
            Some(number) if self.gaps == Gaps::Vouched => Err(WalkError::Unvouched(number)),
            _ => Ok(self.at),
        }
    }

    /// Days never decrease along the chain: once something is known that is listed still, so is all that follows it.
    fn check_expired(&self, before: u64) -> Result<(), WalkError> {
        if self.gaps != Gaps::Vouched {
            return Ok(());
        }
        let is_listed = |head: &Head| head.number() > 0 && head.day() >= self.oldest;
        if is_listed(&self.at) {
            return Err(WalkError::LeftOut(self.wanted()));
        }
        let mut between = self.vouched.range(self.wanted()..before).map(|(_, head)| head);
        between.find(|head| is_listed(head)).map_or(Ok(()), |head| Err(WalkError::LeftOut(head.number())))
    }

    const fn wrong_end(&self, said: u64) -> WalkError {
        WalkError::WrongEnd { said, expected: self.wanted() }
    }

    /// Compares a value of the chain with what was vouched for at its number.
    fn pass(&mut self, number: u64, value: &Hash) -> Result<(), WalkError> {
        match self.vouched.get(&number) {
            Some(vouched) if vouched.chain() != value => Err(WalkError::Forked(number)),
            Some(_) => {
                self.unvouched = None;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cssr_proto::EnvelopeId;

    const TODAY: Day = Day(20_030);

    fn genesis() -> Head {
        Head::genesis(Hash([7; 32]))
    }

    /// Batches 1, 2, ... of these days.
    fn chain(days: &[u32]) -> Vec<Batch> {
        let mut head = genesis();
        let batches = days.iter().zip(1..).map(|(day, n): (_, u8)| {
            let batch = Batch::new(&head, Day(*day), vec![EnvelopeId([n; 16])]).unwrap();
            head = batch.head();
            batch
        });
        batches.collect()
    }

    fn other(batch: &Batch) -> Batch {
        let day = if batch.number() == 1 { Day(0) } else { Day(20_000) };
        let previous = Head::new(batch.number() - 1, day, *batch.previous()).unwrap();
        Batch::new(&previous, batch.day(), vec![EnvelopeId([0xee; 16])]).unwrap()
    }

    fn walk(at: Head, gaps: Gaps, heads: &[Head], batches: &[Batch], said: u64) -> Result<Head, WalkError> {
        let mut walk = Walk::new(at, gaps, (TODAY, 10), heads.iter().copied())?;
        for batch in batches {
            walk.follow(batch)?;
        }
        walk.finish(said)
    }

    const DAYS: [u32; 5] = [20_010, 20_011, 20_022, 20_022, 20_030];

    #[test]
    fn an_honest_chain_is_followed_from_the_genesis_or_from_any_head() {
        let batches = chain(&DAYS);
        let heads: Vec<Head> = batches.iter().map(Batch::head).collect();
        for from in 0..=5_usize {
            let at = from.checked_sub(1).map_or(genesis(), |n| heads[n]);
            assert_eq!(walk(at, Gaps::Vouched, &heads, &batches[from..], 6), Ok(heads[4]), "{from}");
        }
    }

    #[test]
    fn a_fork_a_gap_and_a_batch_of_tomorrow_are_refused() {
        let batches = chain(&DAYS);
        let mut forked = batches.clone();
        forked[2] = other(&forked[2]);
        let broken = Err(WalkError::Broken(IndexError::BrokenChain));
        assert_eq!(walk(genesis(), Gaps::Vouched, &[], &forked, 6), broken);
        assert_eq!(walk(batches[1].head(), Gaps::Accepted, &[], &[other(&batches[2]), batches[3].clone()], 5), broken);
        let gap = [batches[0].clone(), batches[2].clone()];
        assert_eq!(walk(genesis(), Gaps::Vouched, &[], &gap, 4), Err(WalkError::Unvouched(3)));
        let again = [batches[0].clone(), batches[0].clone()];
        assert_eq!(walk(genesis(), Gaps::Vouched, &[], &again, 2), Err(WalkError::Broken(IndexError::Gap)));
        let tomorrow = chain(&[20_031]);
        assert_eq!(walk(genesis(), Gaps::Vouched, &[], &tomorrow, 2), Err(WalkError::Future(1)));
    }

    #[test]
    fn a_batch_that_is_listed_still_cannot_be_left_out_even_before_something_vouched_for() {
        // Today 10 days are listed: the first batch has expired, the others have not.
        let batches = chain(&[20_019, 20_020, 20_021, 20_030]);
        let heads: Vec<Head> = batches.iter().map(Batch::head).collect();
        let last = &heads[3..];
        assert_eq!(walk(heads[0], Gaps::Vouched, last, &batches[2..], 5), Ok(heads[3]));
        assert_eq!(walk(heads[1], Gaps::Vouched, last, &batches[3..], 5), Err(WalkError::LeftOut(3)));
        let middle = [&batches[..2], &batches[3..]].concat();
        assert_eq!(walk(genesis(), Gaps::Vouched, last, &middle, 5), Err(WalkError::LeftOut(3)));
        // A note tells the day of a batch that is not shown.
        assert_eq!(walk(genesis(), Gaps::Vouched, &heads[1..], &batches[2..], 5), Err(WalkError::LeftOut(2)));
        assert_eq!(walk(genesis(), Gaps::Vouched, &heads[1..], &batches[3..], 5), Err(WalkError::LeftOut(2)));
        // A person may say that the office has listed fewer days until lately.
        assert_eq!(walk(heads[1], Gaps::Accepted, last, &batches[3..], 5), Ok(heads[3]));
    }

    #[test]
    fn another_history_than_a_note_vouches_for_is_refused() {
        let batches = chain(&DAYS);
        for at in 0..5 {
            let vouched = [other(&batches[at]).head()];
            let forked = Err(WalkError::Forked(at as u64 + 1));
            assert_eq!(walk(genesis(), Gaps::Accepted, &vouched, &batches, 6), forked, "{at}");
        }
        let both = [batches[2].head(), other(&batches[2]).head()];
        assert_eq!(walk(genesis(), Gaps::Vouched, &both, &batches, 6), Err(WalkError::Forked(3)));
        let foreign = [Head::genesis(Hash([8; 32]))];
        assert_eq!(walk(genesis(), Gaps::Vouched, &foreign, &batches, 6), Err(WalkError::Forked(0)));
    }

    #[test]
    fn batches_that_a_note_vouches_for_cannot_be_hidden() {
        let batches = chain(&DAYS);
        let vouched = [batches[4].head()];
        assert_eq!(walk(genesis(), Gaps::Accepted, &vouched, &batches[..4], 5), Err(WalkError::Hidden(5)));
        let lie = Err(WalkError::WrongEnd { said: 6, expected: 5 });
        assert_eq!(walk(genesis(), Gaps::Accepted, &vouched, &batches[..4], 6), lie);
        assert_eq!(walk(genesis(), Gaps::Accepted, &vouched, &[], 1), Err(WalkError::Hidden(5)));
    }

    #[test]
    fn expired_batches_may_be_missing_only_before_something_vouched_for() {
        let batches = chain(&DAYS);
        let rest = &batches[2..];
        assert_eq!(walk(genesis(), Gaps::Vouched, &[], rest, 6), Err(WalkError::Unvouched(3)));
        assert_eq!(walk(genesis(), Gaps::Accepted, &[], rest, 6), Ok(batches[4].head()));
        for vouched in 1..5 {
            let heads = [batches[vouched].head()];
            assert_eq!(walk(genesis(), Gaps::Vouched, &heads, rest, 6), Ok(batches[4].head()), "{vouched}");
        }
        let before = [batches[0].head()];
        assert_eq!(walk(genesis(), Gaps::Vouched, &before, rest, 6), Err(WalkError::Unvouched(3)));
        // The chain right before the gap is another one than was vouched for.
        let other = [other(&batches[1]).head()];
        assert_eq!(walk(genesis(), Gaps::Accepted, &other, rest, 6), Err(WalkError::Forked(2)));
    }

    #[test]
    fn a_relay_that_lists_nothing_any_more_stands_at_what_was_vouched_for() {
        let batches = chain(&[20_000, 20_001]);
        let vouched = [batches[1].head()];
        assert_eq!(walk(genesis(), Gaps::Vouched, &vouched, &[], 3), Ok(batches[1].head()));
        assert_eq!(walk(genesis(), Gaps::Vouched, &vouched, &[], 4), Err(WalkError::WrongEnd { said: 4, expected: 1 }));
        // Two days ago is listed still.
        let recent = chain(&[20_000, 20_028]);
        let vouched = [recent[1].head()];
        let hidden = walk(genesis(), Gaps::Vouched, &vouched, &[], 3);
        assert_eq!(hidden, Err(WalkError::WrongEnd { said: 3, expected: 1 }));
    }

    #[test]
    fn a_chain_whose_head_nobody_signs_may_have_any_gap_but_no_fork() {
        let batches = chain(&DAYS);
        assert_eq!(walk(genesis(), Gaps::Free, &[], &batches[3..], 6), Ok(batches[4].head()));
        assert_eq!(walk(batches[0].head(), Gaps::Free, &[], &[], 9), Ok(batches[0].head()));
        let forked = [batches[3].clone(), other(&batches[4])];
        assert!(walk(genesis(), Gaps::Free, &[], &forked, 6).is_ok(), "the same place in the chain");
        let broken = [other(&batches[3]), batches[4].clone()];
        let error = walk(genesis(), Gaps::Free, &[], &broken, 6);
        assert_eq!(error, Err(WalkError::Broken(IndexError::BrokenChain)));
        let short = walk(batches[1].head(), Gaps::Free, &[], &[], 1);
        assert_eq!(short, Err(WalkError::WrongEnd { said: 1, expected: 3 }));
    }
}
