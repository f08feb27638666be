//! What a post costs: nothing in quiet times, and more the faster the room that is left would fill.
//!
//! For each kind there is a bucket that every new envelope fills by one, and that empties within an hour. It holds a 64th of the
//! room that is left. Up to there a post costs the least effort; from there it rises with the square of the excess, and
//! at twice the bucket it costs the most. So a burst of testimony costs nobody anything, and a flood soon costs more than
//! it gains: at the least effort it would take two and a half days to fill the relay, and the fuller the relay is the
//! sooner the price rises. What came is remembered as that one number, in memory.

use crate::config::{Efforts, Postage};
use crate::store::{Kind, Quotas};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The bucket holds this part of the room that is left, and empties in [`EMPTIES`].
const PART: u64 = 64;
const EMPTIES: Duration = Duration::from_secs(3_600);
/// However little room there is, a few visits must find the way in at the least effort.
const LEAST_BUCKET: u64 = 64;
/// How full the bucket is counted, in buckets: what is above makes no difference, and must not last.
const BRIM: f64 = 2.5;

/// The prices of both kinds.
#[derive(Debug)]
pub(crate) struct Tariff {
    postage: Postage,
    room: Quotas,
    letters: Mutex<Bucket>,
    chunks: Mutex<Bucket>,
}

#[derive(Debug, Default)]
struct Bucket {
    level: f64,
    /// When it was looked at last.
    at: Duration,
    /// Envelopes that are known.
    known: u64,
}

impl Tariff {
    pub(crate) fn new(postage: Postage, room: Quotas) -> Self {
        Self { postage, room, letters: Mutex::default(), chunks: Mutex::default() }
    }

    /// Learns how much is stored, when the relay starts and when days have expired.
    pub(crate) fn count(&self, kind: Kind, known: u64) {
        self.bucket(kind).known = known;
    }

    /// Counts a post that came; `stored` if it was new.
    pub(crate) fn came(&self, kind: Kind, stored: bool, now: Duration) {
        let mut bucket = self.bucket(kind);
        let size = self.size(kind, &mut bucket, now);
        bucket.level = (bucket.level + 1.0).min(BRIM * size);
        bucket.known += u64::from(stored);
    }

    /// The effort that a new session is asked for.
    pub(crate) fn effort(&self, kind: Kind, now: Duration) -> u32 {
        let mut bucket = self.bucket(kind);
        let size = self.size(kind, &mut bucket, now);
        let Efforts { least, most } = self.postage.of(kind);
        let excess = (bucket.level / size - 1.0).clamp(0.0, 1.0);
        // Between two numbers of 32 bits.
        least + (f64::from(most.saturating_sub(least)) * excess * excess).ceil() as u32
    }

    /// Empties the bucket to what it is now, and gives its size.
    fn size(&self, kind: Kind, bucket: &mut Bucket, now: Duration) -> f64 {
        let room = self.room.of(kind).saturating_sub(bucket.known);
        let size = (room / PART).max(LEAST_BUCKET) as f64;
        let emptied = size * now.saturating_sub(bucket.at).as_secs_f64() / EMPTIES.as_secs_f64();
        bucket.level = (bucket.level - emptied).max(0.0);
        bucket.at = now;
        size
    }

    fn bucket(&self, kind: Kind) -> MutexGuard<'_, Bucket> {
        let bucket = match kind {
            Kind::Letter => &self.letters,
            Kind::Chunk => &self.chunks,
        };
        // Whatever a panic left behind is some level.
        bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Quotas = Quotas { letters: 64_000, chunks: 6_400 };
    const SECOND: Duration = Duration::from_secs(1);

    fn tariff(least: u32, most: u32) -> Tariff {
        let efforts = Efforts { least, most };
        Tariff::new(Postage { letters: efforts, chunks: efforts }, ROOM)
    }

    fn flood(tariff: &Tariff, posts: u32, now: Duration) {
        (0..posts).for_each(|_| tariff.came(Kind::Letter, false, now));
    }

    #[test]
    fn a_burst_costs_nothing_a_flood_costs_the_most_and_chunks_are_another_matter() {
        let tariff = tariff(0, 100);
        flood(&tariff, 1_000, SECOND);
        assert_eq!(tariff.effort(Kind::Letter, SECOND), 0);
        flood(&tariff, 90, SECOND);
        assert_eq!(tariff.effort(Kind::Letter, SECOND), 1);
        flood(&tariff, 410, SECOND);
        assert_eq!(tariff.effort(Kind::Letter, SECOND), 25, "half as much again");
        flood(&tariff, 100_000, SECOND);
        assert_eq!(tariff.effort(Kind::Letter, SECOND), 100);
        assert_eq!(tariff.effort(Kind::Chunk, SECOND), 0);
    }

    #[test]
    fn the_worst_flood_is_over_soon_after_it_has_ended() {
        let tariff = tariff(3, 100);
        flood(&tariff, 1_000_000, SECOND);
        assert_eq!(tariff.effort(Kind::Letter, 1_700 * SECOND), 100);
        assert!(tariff.effort(Kind::Letter, 3_000 * SECOND) < 50);
        assert_eq!(tariff.effort(Kind::Letter, 5_410 * SECOND), 3);
        assert_eq!(tariff.effort(Kind::Letter, SECOND), 3, "a clock that goes back changes nothing");
    }

    #[test]
    fn as_many_as_the_bucket_in_each_hour_cost_nothing_for_ever() {
        let tariff = tariff(0, 100);
        for hour in 0..100 {
            flood(&tariff, 1_000, hour * EMPTIES);
            assert_eq!(tariff.effort(Kind::Letter, hour * EMPTIES), 0, "{hour}");
        }
    }

    #[test]
    fn the_fuller_the_relay_the_sooner_the_price_rises() {
        let tariff = tariff(0, 100);
        let fill = |posts: u32| (0..posts).for_each(|_| tariff.came(Kind::Letter, true, SECOND));
        fill(60_000);
        // A bucket of 64 is left, and it is full; hours later it is empty.
        assert_eq!(tariff.effort(Kind::Letter, SECOND), 100);
        let later = 100 * EMPTIES;
        assert_eq!(tariff.effort(Kind::Letter, later), 0);
        flood(&tariff, 128, later);
        assert_eq!(tariff.effort(Kind::Letter, later), 100);
    }

    #[test]
    fn a_price_that_is_fixed_stays() {
        let tariff = tariff(7, 7);
        flood(&tariff, 100_000, SECOND);
        assert_eq!(tariff.effort(Kind::Letter, SECOND), 7);
        let upside_down = Tariff::new(Postage { letters: Efforts { least: 9, most: 2 }, ..Postage::default() }, ROOM);
        flood(&upside_down, 100_000, SECOND);
        assert_eq!(upside_down.effort(Kind::Letter, SECOND), 9);
    }
}
