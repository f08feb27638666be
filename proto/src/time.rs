//! Days and epochs: the only measures of time in the protocol (section 2). Nothing here reads a clock.

use minicbor::{Decode, Decoder, Encode, decode};

/// Whole UTC days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode)]
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

impl<'b, C> Decode<'b, C> for Day {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let day = Self(d.u32()?);
        if day < Self::FIRST { Err(decode::Error::message("day before the first one")) } else { Ok(day) }
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

/// A text that is no date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date of the form YYYY-MM-DD")]
pub struct NotADate;

impl std::str::FromStr for Day {
    type Err = NotADate;

    /// Reads what `Display` writes: `YYYY-MM-DD`, from 1970-01-05 on.
    fn from_str(text: &str) -> Result<Self, NotADate> {
        let mut parts = text.splitn(3, '-').map(str::parse::<u32>);
        let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day))) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NotADate);
        };
        // The days before the year, then at most a year's worth of days to find the one that reads like the text.
        let years = year.checked_sub(1970).filter(|years| *years < 10_000).ok_or(NotADate)?;
        let before = Self(years * 365 + (years + 1) / 4);
        let near = before.minus(200).0..=before.plus(400).0;
        let written = format!("{year:04}-{month:02}-{day:02}");
        near.map(Self).find(|day| *day >= Self::FIRST && day.to_string() == written).ok_or(NotADate)
    }
}

/// A week that begins on Monday, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode)]
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

impl<'b, C> Decode<'b, C> for Epoch {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let epoch = Self(d.u32()?);
        if epoch == Self(0) || epoch > Self::LAST {
            return Err(decode::Error::message("epoch outside its limits"));
        }
        Ok(epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_epochs_outside_their_limits_are_refused() {
        let day = |n: u32| minicbor::decode::<Day>(&minicbor::to_vec(n).unwrap()).ok();
        assert_eq!((day(3), day(4), day(u32::MAX)), (None, Some(Day(4)), Some(Day(u32::MAX))));
        let epoch = |n: u32| minicbor::decode::<Epoch>(&minicbor::to_vec(n).unwrap()).ok();
        assert_eq!((epoch(0), epoch(1)), (None, Some(Epoch(1))));
        assert_eq!((epoch(613_566_756), epoch(613_566_757)), (Some(Epoch::LAST), None));
        assert_eq!(Epoch::LAST.last_day(), Day(u32::MAX));
    }

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
            if day >= 4 {
                assert_eq!(date.parse(), Ok(Day(day)));
            }
        }
    }

    #[test]
    fn only_dates_that_exist_are_read() {
        for text in ["", "2026", "2026-02-30", "2025-02-29", "1970-01-04", "99999-01-01", "2026-1-1-1", "x-y-z"] {
            assert_eq!(text.parse::<Day>(), Err(NotADate), "{text}");
        }
        for day in (4..200_000).step_by(97).map(Day) {
            assert_eq!(day.to_string().parse(), Ok(day));
        }
    }
}
