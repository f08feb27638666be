//! The chain of letter batches as far as it was imported, in any order, from any mirrors.
//!
//! What is kept is a set of links; everything said about it (forks, gaps, how far the mirrors reach) is computed from
//! that set and from the heads that valid notes vouch for. So it does not matter which mirror came first.

use cssr_proto::index::{Batch, Head};
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::{Day, Hash};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

/// Links of days before this many are forgotten: no key opens letters of them any more.
const KEPT_DAYS: u32 = 200;
/// Links kept at most. The relay seals a few dozen batches a day; only a mirror that somebody made up has more.
const LINKS_MAX: usize = 100_000;

/// A batch's place in the chain. Two relays, or one that lies, may give the same number to different links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
struct Link {
    #[n(0)]
    number: u64,
    #[n(1)]
    day: Day,
    #[n(2)]
    previous: Hash,
    #[n(3)]
    value: Hash,
}

/// The links that were imported; each with whether all its letters were there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub(super) struct Chain(#[n(0)] BTreeMap<Link, bool>);

/// The head of a note that counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct VouchedHead {
    pub(super) head: Head,
    pub(super) note_day: Day,
    /// Whose chain it is.
    pub(super) relay: RelayPublicKey,
    pub(super) genesis: Hash,
    /// How long that relay lists a letter.
    pub(super) letter_days: u32,
}

/// What is wrong with the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Finding {
    /// Two histories: another batch under the same number, or one that does not follow the one before it, or that a
    /// note contradicts.
    Fork { batch: u64 },
    /// Batches that no mirror brought, although later ones came or a note vouches for them.
    Gap { first: u64, last: u64 },
}

/// What follows from the links and the heads.
#[derive(Debug)]
pub(super) struct Survey {
    /// Numbers at which histories part.
    forks: BTreeSet<u64>,
    /// The first missing number of each gap, and the last.
    gaps: BTreeMap<u64, u64>,
    /// Days of which letters may be missing.
    holes: Vec<(Day, Day)>,
    /// Everything through this day was imported, but for the holes.
    reaches: Option<Day>,
    /// What arrived before this day is unknown; `None` if the chain is known from its beginning.
    begins: Option<Day>,
}

/// Links that hang together, by the place of their first one.
#[derive(Clone, Copy, Debug)]
struct Branch {
    first: Link,
    relay: Option<RelayPublicKey>,
}

impl Chain {
    /// Adds a batch. `whole` says whether all its letters were in the mirror.
    pub(super) fn add(&mut self, batch: &Batch, whole: bool) {
        let (number, day, previous) = (batch.number(), batch.day(), *batch.previous());
        let link = Link { number, day, previous, value: batch.chain_value() };
        if self.0.len() < LINKS_MAX || self.0.contains_key(&link) {
            *self.0.entry(link).or_default() |= whole;
        }
    }

    /// Forgets links of long ago.
    pub(super) fn forget(&mut self, today: Day) {
        self.0.retain(|link, _| link.day >= today.minus(KEPT_DAYS));
    }

    /// Looks at everything that is known.
    pub(super) fn survey(&self, heads: &[VouchedHead]) -> Survey {
        let branches = self.branches(heads);
        let oldest = branches.iter().map(|(link, _)| link).min_by_key(|link| (link.day, link.number));
        let mut survey = Survey {
            forks: BTreeSet::new(),
            gaps: BTreeMap::new(),
            holes: self.0.iter().filter(|(_, whole)| !**whole).map(|(link, _)| (link.day, link.day)).collect(),
            // Only the couriers' word counts: a batch that nobody vouches for may be somebody's invention.
            reaches: None,
            begins: oldest.filter(|link| link.number > 1).map(|link| link.day),
        };
        survey.compare(&branches);
        for head in heads {
            survey.check_head(head, &branches);
        }
        survey
    }

    /// Each link with the branch it belongs to.
    fn branches(&self, heads: &[VouchedHead]) -> Vec<(Link, Branch)> {
        let mut by_value: BTreeMap<(u64, Hash), usize> = BTreeMap::new();
        let mut roots: Vec<usize> = Vec::with_capacity(self.0.len());
        let links: Vec<Link> = self.0.keys().copied().collect();
        for (place, link) in links.iter().enumerate() {
            let parent = link.number.checked_sub(1).and_then(|number| by_value.get(&(number, link.previous)));
            let root = parent.and_then(|parent| roots.get(*parent)).copied().unwrap_or(place);
            roots.push(root);
            by_value.insert((link.number, link.value), place);
        }
        let mut relays: BTreeMap<usize, RelayPublicKey> = BTreeMap::new();
        for head in heads {
            let place = by_value.get(&(head.head.number(), *head.head.chain()));
            if let Some(root) = place.and_then(|place| roots.get(*place)) {
                relays.entry(*root).or_insert(head.relay);
            }
            for (place, link) in links.iter().enumerate() {
                if link.number == 1 && link.previous == head.genesis {
                    relays.entry(place).or_insert(head.relay);
                }
                if link.number > 1 {
                    break;
                }
            }
        }
        let branch = |root: usize| Some(Branch { first: *links.get(root)?, relay: relays.get(&root).copied() });
        let branches = links.iter().zip(&roots).filter_map(|(link, root)| Some((*link, branch(*root)?)));
        branches.collect()
    }
}

impl Branch {
    /// Whether links of both may belong to one chain: not those of two different relays.
    fn may_be_one_with(&self, other: &Self) -> bool {
        match (self.relay, other.relay) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        }
    }
}

impl Survey {
    pub(super) fn findings(&self) -> impl Iterator<Item = Finding> + '_ {
        let forks = self.forks.iter().map(|batch| Finding::Fork { batch: *batch });
        forks.chain(self.gaps.iter().map(|(first, last)| Finding::Gap { first: *first, last: *last }))
    }

    /// Whether every letter that arrived on these days was in some mirror.
    pub(super) fn covers(&self, first: Day, last: Day) -> bool {
        self.reaches.is_some_and(|day| day >= last)
            && self.begins.is_none_or(|day| day <= first)
            && !self.holes.iter().any(|(from, to)| *from <= last && *to >= first)
    }

    /// The last day of which all letters that the couriers saw were imported.
    pub(super) const fn reaches(&self) -> Option<Day> {
        self.reaches
    }

    fn reach(&mut self, day: Day) {
        self.reaches = self.reaches.max(Some(day));
    }

    /// Numbers that are missing, of letters of these days.
    fn gap(&mut self, first: u64, last: u64, days: (Day, Day)) {
        let end = self.gaps.entry(first).or_insert(last);
        *end = last.max(*end);
        self.holes.push(days);
    }

    /// Compares neighbours and namesakes. Only the first number of a fork is told: all after it follow from it.
    fn compare(&mut self, branches: &[(Link, Branch)]) {
        let mut forked_before = None;
        let mut by_number: BTreeMap<u64, Vec<&(Link, Branch)>> = BTreeMap::new();
        for entry in branches {
            by_number.entry(entry.0.number).or_default().push(entry);
        }
        for (number, same) in &by_number {
            let clash =
                same.iter().enumerate().any(|(n, (_, a))| same.iter().skip(n + 1).any(|(_, b)| a.may_be_one_with(b)));
            if clash {
                if forked_before != number.checked_sub(1) {
                    self.forks.insert(*number);
                }
                forked_before = Some(*number);
            }
        }
        for (link, branch) in branches {
            if link.number == 1 || *link != branch.first {
                continue;
            }
            // The nearest batch before it that may belong to the same chain.
            let before = by_number
                .range(..link.number)
                .rev()
                .find_map(|(_, same)| same.iter().find(|(_, other)| other.may_be_one_with(branch)));
            match before {
                // A second batch under this number, or the one before it, was told already.
                Some((before, _)) if before.number + 1 == link.number => {
                    let told = self.forks.contains(&link.number) || self.forks.contains(&before.number);
                    self.forks.extend((!told).then_some(link.number));
                }
                Some((before, _)) => self.gap(before.number + 1, link.number - 1, (before.day, link.day)),
                None => {}
            }
        }
    }

    fn check_head(&mut self, vouched: &VouchedHead, branches: &[(Link, Branch)]) {
        let head = &vouched.head;
        let before = vouched.note_day.minus(1);
        let expired = vouched.note_day.since(head.day()) > vouched.letter_days;
        if head.number() == 0 {
            return self.reach(before);
        }
        let ours = || branches.iter().filter(|(_, branch)| branch.relay.is_none_or(|relay| relay == vouched.relay));
        let mut same = ours().filter(|(link, _)| link.number == head.number()).peekable();
        if same.peek().is_some() {
            if same.any(|(link, _)| link.value == *head.chain()) {
                self.reach(before);
            } else {
                self.forks.insert(head.number());
            }
            return;
        }
        let last = ours().map(|(link, _)| link).filter(|link| link.number < head.number()).max_by_key(|l| l.number);
        let later = ours().any(|(link, _)| link.number > head.number());
        match last {
            // Between two known batches: told as a gap already.
            _ if later => {}
            Some(last) => self.gap(last.number + 1, head.number(), (last.day, head.day())),
            // The relay had forgotten it before anybody here could have it.
            None if expired => {
                self.begins = self.begins.max(Some(head.day().plus(1)));
                self.reach(before);
            }
            None => self.gap(head.number(), head.number(), (head.day(), head.day())),
        }
    }
}
