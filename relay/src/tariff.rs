//! What a post costs: nothing in quiet times, and more the faster the room that is left would fill.
//!
//! For each kind there is a bucket that every new envelope fills by one, and that empties within an hour. It holds a 64th of the
//! room that is left. Up to there a post costs the least effort; from there it rises with the square of the excess, and
//! at twice the bucket it costs the most. So a burst of testimony costs nobody anything, and a flood soon costs more than
//! it gains: at the least effort it would take two and a half days to fill the relay, and the fuller the relay is the
//! sooner the price rises. What came is remembered as a few numbers, in memory.
//!
//! The price is told to everybody. So that it does not tell of single letters, what comes moves it when a batch of its kind is
//! sealed, which everybody sees anyway, or when so much has come that it must: after a number that is drawn anew each time.
//!
//! A session pays what it was told when it began, though the price has risen since. If it was told the least, or much less,
//! that is as much as a bucket holds in an hour, and some hundreds however small that is, of all such sessions together, or
//! those begun in quiet times would be worth keeping for a flood.

use crate::config::{Efforts, Postage};
use crate::draws::Draws;
use crate::store::{Kind, Quotas};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The bucket holds this part of the room that is left, and empties in [`EMPTIES`].
const PART: u64 = 64;
const EMPTIES: Duration = Duration::from_secs(3_600);
/// However little room there is, a few visits must find the way in at the least effort.
const LEAST_BUCKET: u64 = 64;
/// Two attachments of two megabytes, or letters of many visits: even the last who come in quiet times end what they began.
const LEAST_FORGIVEN: u64 = 512;
/// How full the bucket is counted, in buckets: what is above makes no difference, and must not last.
const BRIM: f64 = 2.5;
/// What comes between two batches moves the price once it is this part of the bucket at least, and three times as much at
/// most.
const LEAST_STEP: u64 = 8;

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
    /// Posts at much less than the price.
    forgiven: f64,
    /// When it was looked at last.
    at: Duration,
    /// Envelopes that are known.
    known: u64,
    /// What has come and does not count yet: posts, and new envelopes among them.
    fresh: Fresh,
    draws: Draws,
}

#[derive(Clone, Copy, Debug, Default)]
struct Fresh {
    posts: u64,
    stored: u64,
    /// With so many posts they count.
    most: u64,
}

impl Bucket {
    /// How many posts count together next, for a bucket of a size.
    fn step(&mut self, size: u64) -> u64 {
        let least = (size / LEAST_STEP).max(1);
        least + self.draws.up_to(2 * least)
    }
}

impl Tariff {
    pub(crate) fn new(postage: Postage, room: Quotas) -> Self {
        Self { postage, room, letters: Mutex::default(), chunks: Mutex::default() }
    }

    /// Learns how much is stored, when the relay starts and when days have expired.
    pub(crate) fn count(&self, kind: Kind, known: u64) {
        let mut bucket = self.bucket(kind);
        (bucket.known, bucket.fresh.stored) = (known, 0);
    }

    /// Notes a post that came; `stored` if it was new.
    pub(crate) fn came(&self, kind: Kind, stored: bool, now: Duration) {
        let mut bucket = self.bucket(kind);
        if bucket.fresh.most == 0 {
            let size = self.size(kind, &mut bucket, now);
            bucket.fresh.most = bucket.step(size);
        }
        bucket.fresh.posts += 1;
        bucket.fresh.stored += u64::from(stored);
        if bucket.fresh.posts >= bucket.fresh.most {
            self.settle(kind, &mut bucket, now);
        }
    }

    /// A batch was sealed: what came counts.
    pub(crate) fn sealed(&self, kind: Kind, now: Duration) {
        self.settle(kind, &mut self.bucket(kind), now);
    }

    fn settle(&self, kind: Kind, bucket: &mut Bucket, now: Duration) {
        let Fresh { posts, stored, most: _ } = std::mem::take(&mut bucket.fresh);
        let size = self.size(kind, bucket, now) as f64;
        bucket.level = (bucket.level + posts as f64).min(BRIM * size);
        bucket.known += stored;
    }

    /// The effort of quiet times.
    pub(crate) fn least(&self, kind: Kind) -> u32 {
        self.postage.of(kind).least
    }

    /// Whether a post may come at much less than the price. The limit is drawn anew each time, between three quarters of the
    /// bucket (or of [`LEAST_FORGIVEN`]) and all of it, or it would tell of others that come so.
    pub(crate) fn forgives(&self, kind: Kind, now: Duration) -> bool {
        let mut bucket = self.bucket(kind);
        let most = self.size(kind, &mut bucket, now).max(LEAST_FORGIVEN);
        let limit = most.saturating_sub(bucket.draws.up_to(most / 4));
        let forgives = bucket.forgiven + 1.0 <= limit as f64;
        bucket.forgiven += f64::from(u8::from(forgives));
        forgives
    }

    /// The effort that a new session is asked for.
    pub(crate) fn effort(&self, kind: Kind, now: Duration) -> u32 {
        let mut bucket = self.bucket(kind);
        let size = self.size(kind, &mut bucket, now) as f64;
        let Efforts { least, most } = self.postage.of(kind);
        let excess = (bucket.level / size - 1.0).clamp(0.0, 1.0);
        // Between two numbers of 32 bits.
        least + (f64::from(most.saturating_sub(least)) * excess * excess).ceil() as u32
    }

    /// Empties the bucket to what it is now, and gives its size.
    fn size(&self, kind: Kind, bucket: &mut Bucket, now: Duration) -> u64 {
        let room = self.room.of(kind).saturating_sub(bucket.known);
        let size = (room / PART).max(LEAST_BUCKET);
        let hours = now.saturating_sub(bucket.at).as_secs_f64() / EMPTIES.as_secs_f64();
        let emptied = |size: u64| size as f64 * hours;
        bucket.level = (bucket.level - emptied(size)).max(0.0);
        bucket.forgiven = (bucket.forgiven - emptied(size.max(LEAST_FORGIVEN))).max(0.0);
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
    use std::collections::HashSet;

    const ROOM: Quotas = Quotas { letters: 64_000, chunks: 6_400 };
    const SECOND: Duration = Duration::from_secs(1);

    fn tariff(least: u32, most: u32) -> Tariff {
        let efforts = Efforts { least, most };
        Tariff::new(Postage { letters: efforts, chunks: efforts }, ROOM)
    }

    /// So many posts, and a batch.
    fn flood(tariff: &Tariff, posts: u32, now: Duration) {
        (0..posts).for_each(|_| tariff.came(Kind::Letter, false, now));
        tariff.sealed(Kind::Letter, now);
    }

    #[test]
    fn the_price_rises_between_batches_after_an_eighth_to_three_of_the_bucket_and_never_at_the_same() {
        let steps = (0..50).map(|_| {
            let tariff = tariff(0, 1_000_000);
            flood(&tariff, 1_000, SECOND);
            (1..).find(|_| {
                tariff.came(Kind::Letter, false, SECOND);
                tariff.effort(Kind::Letter, SECOND) > 0
            })
        });
        let steps: HashSet<u32> = steps.flatten().collect();
        assert!(steps.iter().all(|step| (125..=375).contains(step)), "{steps:?}");
        assert!(steps.len() > 10, "{steps:?}");
    }

    /// Neither the price nor when it falls.
    #[test]
    fn one_post_changes_nothing_that_is_told_before_a_batch_is_sealed() {
        let falls = |posts: u32, sealed: bool| {
            let tariff = tariff(0, 100);
            flood(&tariff, 1_001, Duration::ZERO);
            (0..posts).for_each(|_| tariff.came(Kind::Letter, true, Duration::ZERO));
            if sealed {
                tariff.sealed(Kind::Letter, Duration::ZERO);
            }
            (0..3_600_000).step_by(100).find(|at| tariff.effort(Kind::Letter, Duration::from_millis(*at)) == 0)
        };
        assert_eq!(falls(0, false), falls(20, false));
        assert!(falls(0, true) < falls(20, true), "afterwards it does");
    }

    #[test]
    fn what_is_forgiven_is_a_bucket_an_hour_for_all_together() {
        let tariff = tariff(0, 100);
        let forgiven = |now| (0..5_000).filter(|_| tariff.forgives(Kind::Letter, now)).count();
        let all = forgiven(SECOND);
        assert!((750..=1_000).contains(&all), "{all}");
        let half = forgiven(SECOND + EMPTIES / 2);
        assert!((1_250..=1_500).contains(&(all + half)), "{half}");
        assert!((750..=1_000).contains(&forgiven(SECOND + 3 * EMPTIES)));
        assert!(tariff.forgives(Kind::Chunk, SECOND));
    }

    #[test]
    fn as_many_are_forgiven_in_each_hour_however_small_the_bucket_is() {
        let tariff = tariff(0, 100);
        tariff.count(Kind::Letter, ROOM.letters);
        for hour in 1..5 {
            let forgiven = (0..5_000).filter(|_| tariff.forgives(Kind::Letter, hour * EMPTIES)).count();
            assert!((384..=512).contains(&forgiven), "{forgiven}");
        }
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
        (0..60_000).for_each(|_| tariff.came(Kind::Letter, true, SECOND));
        tariff.sealed(Kind::Letter, SECOND);
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
