//! A roster before it is signed: for the holder of the root to read.

use super::error::OfficeError;
use super::event::Event;
use super::plan::{Imprint, Plan};
use super::warning::Warning;
use cssr_proto::{Day, Hash, Malformed, Roster, RosterNumber};

/// What the office would say next. [`Office::issue`](super::Office::issue) signs it.
#[derive(Clone, Debug)]
pub struct Draft {
    pub(super) plan: Plan,
    /// Number and hash of the roster before.
    pub(super) follows: Option<(RosterNumber, Hash)>,
    /// The last day of the roster before.
    pub(super) end_before: Option<Day>,
    pub(super) today: Day,
    pub(super) expires: Day,
    pub(super) events: Vec<Event>,
    pub(super) warnings: Vec<Warning>,
}

impl Draft {
    /// What is different from the roster before.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// What should not stay like that.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Whether there will be a roster: without seats nothing is issued, and the draft is only kept.
    #[must_use]
    pub fn is_roster(&self) -> bool {
        self.follows.is_some() || self.plan.has_seats()
    }

    /// The day on which it is drafted.
    #[must_use]
    pub const fn today(&self) -> Day {
        self.today
    }

    /// The roster's last day.
    #[must_use]
    pub const fn expires(&self) -> Day {
        self.expires
    }

    /// The number that it will have.
    ///
    /// # Errors
    /// The numbers are used up.
    pub fn number(&self) -> Result<RosterNumber, OfficeError> {
        Ok(self.imprint()?.number)
    }

    pub(super) fn roster(&self) -> Result<Roster, Malformed> {
        self.plan.roster(self.imprint()?)
    }

    fn imprint(&self) -> Result<Imprint, Malformed> {
        let number = self.follows.map_or(1, |(number, _)| number.get() + 1);
        Ok(Imprint {
            number: RosterNumber::new(number)?,
            issued: self.today,
            expires: self.expires,
            previous: self.follows.map(|(_, hash)| hash),
        })
    }
}
