//! In which order sections stand, and what they must agree on.

use super::error::TransferError;
use super::format::{Section, rank};
use crate::store::transfer::{Content, Held, Outline};
use crate::store::{Kind, Shelf, StatementName, first_head};
use cssr_proto::index::{Batch, Head};
use cssr_proto::{Day, EnvelopeId};
use std::collections::HashSet;

/// Takes one section after the other, and refuses what does not belong there:
///
/// - outline, relay.toml, key, statements, days, end, in this order; relay.toml and key both or neither;
/// - statements ascend by shelf and name; days by kind and day, none after the latest one;
/// - after a day its batches by number, then its envelopes by id: all that the batches list, and what waits;
/// - batches follow each other and end no later than the head; where numbers are missing nothing is known;
/// - an envelope comes once, though two batches may list it (one could not be read for a while, so its ids were listed again). A
///   letter cannot be burned; what waits cannot be lost.
#[derive(Default)]
pub(super) struct Rules {
    outline: Option<Outline>,
    stage: u8,
    statement: Option<(u8, StatementName)>,
    day: Option<(Kind, Day)>,
    /// The last batch of this kind.
    last: Option<Head>,
    /// Ids that this day's batches list and that have not come.
    listed: HashSet<EnvelopeId>,
    held: Option<EnvelopeId>,
    known: HashSet<EnvelopeId>,
}

type Check = Result<(), TransferError>;

fn refuse<T>(what: &'static str) -> Result<T, TransferError> {
    Err(TransferError::Damaged(what))
}

impl Rules {
    /// Checks a section against those before it.
    pub(super) fn check(&mut self, section: &Section) -> Check {
        let stage = match section {
            Section::Outline(_) => 1,
            Section::Config(_) => 2,
            Section::Key(_) => 3,
            Section::Statement(..) => 4,
            Section::Day(..) | Section::Batch(_) | Section::Held(_) => 5,
            Section::End(_) => 6,
        };
        let repeats = matches!(stage, 4 | 5);
        let lacks_key = self.stage == 2 && stage != 3;
        let lacks_config = stage == 3 && self.stage != 2;
        let misplaced = stage < self.stage || (stage == self.stage && !repeats) || (self.stage == 0 && stage != 1);
        if misplaced || lacks_key || lacks_config {
            return refuse("a section in the wrong place");
        }
        self.stage = stage;
        match section {
            Section::Outline(outline) => self.outline(outline),
            Section::Statement(shelf, name, _) => self.statement(*shelf, name),
            Section::Day(kind, day) => self.day(*kind, *day),
            Section::Batch(batch) => self.batch(batch),
            Section::Held(held) => self.held(held),
            Section::End(_) => self.end_of_day(),
            Section::Config(_) | Section::Key(_) => Ok(()),
        }
    }

    fn outline(&mut self, outline: &Outline) -> Check {
        for kind in [Kind::Letter, Kind::Chunk] {
            let head = outline.head(kind);
            if head.number() == 0 && head != first_head(kind, &outline.relay) || head.day() > outline.latest {
                return refuse("a head that cannot be");
            }
        }
        self.outline = Some(*outline);
        Ok(())
    }

    fn statement(&mut self, shelf: Shelf, name: &StatementName) -> Check {
        let this = (rank(shelf), name.clone());
        if self.statement.as_ref().is_some_and(|last| *last >= this) {
            return refuse("statements in the wrong order");
        }
        self.statement = Some(this);
        Ok(())
    }

    fn day(&mut self, kind: Kind, day: Day) -> Check {
        self.end_of_day()?;
        let latest = self.outline.map(|outline| outline.latest);
        if self.day.is_some_and(|last| last >= (kind, day)) || latest.is_none_or(|latest| latest < day) {
            return refuse("days in the wrong order");
        }
        if self.day.is_none_or(|(last, _)| last != kind) {
            self.last = None;
        }
        (self.day, self.held) = (Some((kind, day)), None);
        Ok(())
    }

    fn batch(&mut self, batch: &Batch) -> Check {
        let (Some((kind, day)), Some(outline)) = (self.day, self.outline) else { return refuse("a batch of no day") };
        let (first, head) = (first_head(kind, &outline.relay), outline.head(kind));
        let before = self.last.filter(|last| last.number().checked_add(1) == Some(batch.number()));
        let fits = self.held.is_none()
            && batch.day() == day
            && self.last.is_none_or(|last| last.number() < batch.number())
            && before.is_none_or(|last| last.follow(batch).is_ok())
            && (batch.number() > 1 || first.follow(batch).is_ok())
            && batch.number() <= head.number()
            && (batch.number() < head.number() || batch.head() == head);
        if !fits {
            return refuse("batches that do not fit together");
        }
        self.listed.extend(batch.ids());
        self.last = Some(batch.head());
        Ok(())
    }

    fn held(&mut self, Held { id, burn, content }: &Held) -> Check {
        let Some((kind, _)) = self.day else { return refuse("an envelope of no day") };
        let listed = self.listed.remove(id);
        let ascends = self.held.is_none_or(|last| last < *id);
        let can_be = match content {
            Content::Envelope(_) => kind == Kind::Chunk || burn.is_none(),
            Content::Burned => kind == Kind::Chunk && burn.is_some(),
            Content::Lost => listed,
        };
        if !ascends || !can_be || !self.known.insert(*id) {
            return refuse("an envelope that cannot be");
        }
        self.held = Some(*id);
        Ok(())
    }

    fn end_of_day(&self) -> Check {
        if self.listed.is_empty() { Ok(()) } else { refuse("a batch lists what is not there") }
    }
}
