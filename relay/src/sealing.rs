//! When a batch is due: the rule, and what the relay remembers for it, in memory only.

use crate::clock::Clock;
use crate::config::Sealing;
use crate::store::Kind;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Batches that are full are sealed at the ends of parts of the day that are so many times `min_age` long: whoever adds to a
/// batch until one more fills it learns of that one no more than the part in which it came.
const PARTS: u32 = 5;

/// A moment, as the rule sees it. Parts of days are compared for equality only, so that a wall clock set back ends them too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    elapsed: Duration,
    /// Which period of `max_age`.
    period: u128,
    /// Which part; and in which one what comes now is still less than `min_age` old.
    part: u128,
    young: u128,
}

impl Sealing {
    pub(crate) fn moment(&self, clock: &dyn Clock) -> Moment {
        let (wall, elapsed) = (clock.wall(), clock.elapsed());
        let of = |wall: Duration, length: Duration| wall.as_millis() / length.as_millis().max(1);
        let part = |wall| of(wall, self.min_age.saturating_mul(PARTS));
        Moment {
            elapsed,
            period: of(wall, self.max_age),
            part: part(wall),
            young: part(wall.saturating_add(self.min_age).saturating_sub(Duration::from_nanos(1))),
        }
    }

    /// Whether `count` envelopes, the oldest of which came at `oldest`, are to be sealed, if it was looked last at `before`.
    pub(crate) fn is_due(&self, count: usize, oldest: Moment, before: Moment, now: Moment) -> bool {
        let is_ripe = now.elapsed.saturating_sub(oldest.elapsed) >= self.min_age;
        // One that fills later than at the end of a part waits for the next one.
        let at_end = self.min_age.is_zero() || ![oldest.part, oldest.young, before.part].contains(&now.part);
        (count >= self.min_letters && is_ripe && at_end) || (count > 0 && oldest.period != now.period)
    }

    /// How often to look: often enough that a batch is not noticeably late.
    pub(crate) fn tick(&self) -> Duration {
        (self.min_age / 2).clamp(Duration::from_millis(50), Duration::from_secs(5))
    }
}

/// When the oldest envelope that waits came, and when it was looked last whether something is due, by kind.
///
/// The store does not know, and must not: no structure holds a time finer than a day. After a restart everything that
/// waits counts as having come then.
#[derive(Debug)]
pub(crate) struct Arrivals {
    letters: Mutex<Lane>,
    chunks: Mutex<Lane>,
}

#[derive(Clone, Copy, Debug)]
struct Lane {
    oldest: Option<Moment>,
    looked: Moment,
}

impl Arrivals {
    pub(crate) fn new(now: Moment) -> Self {
        let lane = || Mutex::new(Lane { oldest: None, looked: now });
        Self { letters: lane(), chunks: lane() }
    }

    /// Something may have come.
    pub(crate) fn note(&self, kind: Kind, now: Moment) {
        self.of(kind).oldest.get_or_insert(now);
    }

    /// The oldest; `now`, from now on, if none was noted. And when it was looked last.
    pub(crate) fn oldest(&self, kind: Kind, now: Moment) -> (Moment, Moment) {
        let mut lane = self.of(kind);
        (*lane.oldest.get_or_insert(now), lane.looked)
    }

    /// It was looked, and what was due is done.
    pub(crate) fn looked(&self, kind: Kind, now: Moment) {
        self.of(kind).looked = now;
    }

    /// Everything that came before is about to be sealed.
    pub(crate) fn forget(&self, kind: Kind) {
        self.of(kind).oldest = None;
    }

    /// It could not be sealed: it is as old as it was.
    pub(crate) fn remember(&self, kind: Kind, oldest: Moment) {
        self.of(kind).oldest = Some(oldest);
    }

    fn of(&self, kind: Kind) -> std::sync::MutexGuard<'_, Lane> {
        let lane = match kind {
            Kind::Letter => &self.letters,
            Kind::Chunk => &self.chunks,
        };
        // A moment cannot be left half written.
        lane.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use cssr_proto::Day;

    const RULE: Sealing =
        Sealing { min_age: Duration::from_secs(60), min_letters: 16, max_age: Duration::from_secs(1_800) };

    /// Whether `count` letters that came at the second `came` of the day are due at the second `now`, if it was looked five
    /// seconds before.
    fn due(count: usize, came: u64, now: u64) -> bool {
        let at = |second: u64| {
            let clock = ManualClock::new(Day(20_780));
            clock.advance(Duration::from_secs(second));
            RULE.moment(&clock)
        };
        RULE.is_due(count, at(came), at(now.saturating_sub(5)), at(now))
    }

    #[test]
    fn a_full_batch_is_sealed_when_five_minutes_end_and_its_oldest_is_a_minute_old() {
        for came in [0, 100, 240] {
            assert!(!due(16, came, 299), "{came}");
            assert!(due(16, came, 300), "{came}");
            assert!(!due(15, came, 300), "{came}");
        }
        for second in [305, 437, 599] {
            assert!(!due(16, 0, second), "{second}: nothing may tell when the sixteenth came");
        }
        for came in [241, 299, 300, 540] {
            assert!(!due(16, came, 599), "{came}: nothing may tell when the oldest came");
            assert!(due(16, came, 600), "{came}");
        }
    }

    #[test]
    fn without_a_least_age_a_full_batch_is_due_at_once() {
        let clock = ManualClock::new(Day(20_780));
        let rule = Sealing { min_age: Duration::ZERO, ..RULE };
        let now = rule.moment(&clock);
        assert!(rule.is_due(16, now, now, now));
    }

    #[test]
    fn a_batch_that_does_not_fill_is_sealed_when_the_period_ends_whenever_its_letters_came() {
        for came in [0, 1, 900, 1_799] {
            assert!(!due(1, came, 1_799), "{came}");
            assert!(due(1, came, 1_800), "{came}");
        }
        assert!(due(1, 86_399, 86_400), "the day's last period ends with the day");
    }

    #[test]
    fn nothing_is_never_due() {
        assert!(!due(0, 0, 86_400));
    }

    #[test]
    fn a_wall_clock_set_back_does_not_make_letters_wait_longer() {
        let clock = ManualClock::new(Day(20_780));
        let oldest = RULE.moment(&clock);
        clock.set_day(Day(20_700));
        assert!(RULE.is_due(1, oldest, oldest, RULE.moment(&clock)));
    }

    #[test]
    fn the_oldest_arrival_counts_until_it_is_forgotten() {
        let clock = ManualClock::new(Day(20_780));
        let first = RULE.moment(&clock);
        let arrivals = Arrivals::new(first);
        arrivals.note(Kind::Letter, first);
        clock.advance(Duration::from_secs(30));
        let second = RULE.moment(&clock);
        arrivals.note(Kind::Letter, second);
        assert_eq!(arrivals.oldest(Kind::Letter, second), (first, first));
        assert_eq!(arrivals.oldest(Kind::Chunk, second), (second, first));
        arrivals.forget(Kind::Letter);
        arrivals.note(Kind::Letter, second);
        arrivals.looked(Kind::Letter, second);
        assert_eq!(arrivals.oldest(Kind::Letter, second), (second, second));
        arrivals.remember(Kind::Letter, first);
        assert_eq!(arrivals.oldest(Kind::Letter, second), (first, second));
    }
}
