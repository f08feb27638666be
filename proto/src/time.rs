//! Days and epochs: the only measures of time in the protocol (section 2). Nothing here reads a clock.

use minicbor::{Decode, Encode};

/// Whole UTC days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Day(#[n(0)] pub u32);

impl Day {
    /// The first valid day: Monday, 1970-01-05.
    pub const FIRST: Self = Self(4);

    /// The day that holds a Unix time in seconds; `None` beyond the year 11,761,191 or before [`Day::FIRST`].
    ///
    /// ```
    /// use cssr_proto::Day;
    /// assert_eq!(Day::from_unix(1_767_225_600).unwrap().to_string(), "2026-01-01");
    /// ```
    #[must_use]
    pub fn from_unix(seconds: u64) -> Option<Self> {
        let day = Self(u32::try_from(seconds / 86_400).ok()?);
        (day >= Self::FIRST).then_some(day)
    }

    /// The epoch that holds this day.
    #[must_use]
    pub const fn epoch(self) -> Epoch {
        Epoch((self.0 as u64 + 3).div_euclid(7) as u32)
    }

    /// The day `days` later; stays at the last one there is.
    #[must_use]
    pub const fn plus(self, days: u32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The day `days` earlier; stays at day 0.
    #[must_use]
    pub const fn minus(self, days: u32) -> Self {
        Self(self.0.saturating_sub(days))
    }

    /// How many days `self` lies after `earlier`; 0 if it does not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::fmt::Display for Day {
    /// The date as `YYYY-MM-DD` in the proleptic Gregorian calendar.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Days of the civil calendar counted from 0000-03-01 in eras of 400 years.
        let z = u64::from(self.0) + 719_468;
        let (era, day_of_era) = (z / 146_097, z % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// A week that begins on Monday, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Epoch(#[n(0)] pub u32);

impl Epoch {
    /// The last epoch whose days can all be written.
    pub const LAST: Self = Self(613_566_756);

    /// Its Monday.
    #[must_use]
    pub const fn first_day(self) -> Day {
        Day((self.0.saturating_mul(7)).saturating_sub(3))
    }

    /// Its Sunday.
    #[must_use]
    pub const fn last_day(self) -> Day {
        self.first_day().plus(6)
    }

    /// The epoch `weeks` later.
    #[must_use]
    pub const fn plus(self, weeks: u32) -> Self {
        Self(self.0.saturating_add(weeks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_a_week_that_begins_on_monday() {
        assert_eq!(Day(4).epoch(), Epoch(1)); // Monday, 1970-01-05
        assert_eq!(Day(10).epoch(), Epoch(1));
        assert_eq!(Day(11).epoch(), Epoch(2));
        for day in [4, 11, 20_000, 20_780, u32::MAX] {
            let epoch = Day(day).epoch();
            assert!(epoch.first_day() <= Day(day) && Day(day) <= epoch.last_day(), "{day}");
        }
    }

    #[test]
    fn dates_are_written_as_iso_8601() {
        for (day, date) in [(0, "1970-01-01"), (11_016, "2000-02-29"), (19_782, "2024-02-29"), (20_780, "2026-11-23")] {
            assert_eq!(Day(day).to_string(), date);
        }
    }
}
