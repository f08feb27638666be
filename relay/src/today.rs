//! The relay's day: follows the wall clock, never back, and never far forward at once.

use crate::clock::Clock;
use cssr_proto::Day;
use std::sync::atomic::{AtomicU32, Ordering};

/// The day that is announced, and under which everything is stored that comes now.
#[derive(Debug)]
pub(crate) struct Today(AtomicU32);

/// The wall clock says a day that is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the clock says {clock}, but the last day of this relay was {last}; a day that has passed is destroyed, so please make sure. If {clock} is right, start the relay with --accept-date {clock}"
)]
pub struct ClockJump {
    /// The relay's last day.
    pub last: Day,
    /// What the wall clock says.
    pub clock: Day,
}

/// The operator vouches for a day that the relay has left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "--accept-date says {accepted}, but this relay has come to {last}, and no relay goes back: it would keep what it has promised to destroy. Without --accept-date it stays at {last} until the clock is there; if a wrong clock took it there, see \"A relay that does not start\" in operating.md"
)]
pub struct DayPassed {
    /// The relay's last day.
    pub last: Day,
    /// What the operator says.
    pub accepted: Day,
}

/// Why a relay does not know its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoDay {
    #[error(transparent)]
    Jump(#[from] ClockJump),
    #[error(transparent)]
    Passed(#[from] DayPassed),
}

impl Today {
    /// Begins after the latest day that the store knows, the first day of all if it knows none.
    pub(crate) fn begin(latest: Day, clock: &dyn Clock, jump: u32, accepted: Option<Day>) -> Result<Self, NoDay> {
        let day = clock.day();
        if let Some(accepted) = accepted.filter(|accepted| *accepted < latest) {
            return Err(DayPassed { last: latest, accepted }.into());
        }
        if latest <= Day::FIRST || accepted == Some(day) {
            return Ok(Self(AtomicU32::new(day.max(latest).0)));
        }
        let today = Self(AtomicU32::new(latest.0));
        today.follow(clock, jump)?;
        Ok(today)
    }

    pub(crate) fn get(&self) -> Day {
        Day(self.0.load(Ordering::Relaxed))
    }

    /// Goes on to the clock's day; tells whether that is another one.
    pub(crate) fn follow(&self, clock: &dyn Clock, jump: u32) -> Result<bool, ClockJump> {
        let (last, day) = (self.get(), clock.day());
        if day.since(last) > jump {
            return Err(ClockJump { last, clock: day });
        }
        if day > last {
            self.0.store(day.0, Ordering::Relaxed);
        }
        Ok(day > last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const LAST: Day = Day(20_780);

    fn begin(clock_day: u32, accepted: Option<Day>) -> Result<Day, NoDay> {
        Today::begin(LAST, &ManualClock::new(Day(clock_day)), 7, accepted).map(|today| today.get())
    }

    #[test]
    fn a_clock_set_back_does_not_take_the_day_back() {
        assert_eq!(begin(20_700, None), Ok(LAST));
        let clock = ManualClock::new(LAST);
        let today = Today::begin(LAST, &clock, 7, None).unwrap();
        clock.set_day(Day(20_779));
        assert_eq!((today.follow(&clock, 7), today.get()), (Ok(false), LAST));
    }

    #[test]
    fn a_clock_that_jumps_is_believed_only_if_the_operator_says_so() {
        assert_eq!(begin(20_787, None), Ok(Day(20_787)));
        let jump = ClockJump { last: LAST, clock: Day(20_788) };
        assert_eq!(begin(20_788, None), Err(jump.into()));
        assert_eq!(begin(20_788, Some(Day(20_789))), Err(jump.into()));
        assert_eq!(begin(20_788, Some(Day(20_788))), Ok(Day(20_788)));
        let clock = ManualClock::new(LAST);
        let today = Today::begin(LAST, &clock, 7, None).unwrap();
        clock.set_day(Day(20_788));
        assert_eq!((today.follow(&clock, 7), today.get()), (Err(jump), LAST));
    }

    #[test]
    fn nobody_takes_the_day_back() {
        let accepted = Day(20_779);
        assert_eq!(begin(20_779, Some(accepted)), Err(DayPassed { last: LAST, accepted }.into()));
        assert_eq!(begin(20_780, Some(LAST)), Ok(LAST));
    }

    #[test]
    fn a_new_relay_believes_its_clock() {
        let today = Today::begin(Day::FIRST, &ManualClock::new(LAST), 7, None).unwrap();
        assert_eq!(today.get(), LAST);
    }
}
