//! Time, from outside: the relay asks this trait and nothing else.

use cssr_proto::Day;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// What the relay knows about time.
pub trait Clock: Send + Sync + 'static {
    /// The time since 1970-01-01, UTC, as the wall clock says. It may jump either way; the relay's day follows it only
    /// as [`Limits::day_jump`](crate::Limits::day_jump) allows.
    fn wall(&self) -> Duration;

    /// The time since some fixed moment, which never goes back: for ages.
    fn elapsed(&self) -> Duration;

    /// Ends once [`elapsed`](Self::elapsed) is `until` or later.
    fn sleep_until(&self, until: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// The day on the wall clock.
    fn day(&self) -> Day {
        Day::from_unix(self.wall().as_secs()).unwrap_or(Day::FIRST)
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// The clock of this machine.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep_until(&self, until: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let until = tokio::time::Instant::from_std(self.start + until);
        Box::pin(tokio::time::sleep_until(until))
    }
}

/// A clock that stands still until it is told otherwise, for tests.
///
/// ```
/// # use cssr_relay::{Clock as _, ManualClock};
/// # use cssr_proto::Day;
/// # use std::time::Duration;
/// let clock = ManualClock::new(Day(20_780));
/// clock.advance(Duration::from_secs(86_400));
/// assert_eq!(clock.day(), Day(20_781));
/// ```
#[derive(Debug)]
pub struct ManualClock {
    wall: Mutex<Duration>,
    elapsed: watch::Sender<Duration>,
}

impl ManualClock {
    /// A clock that shows the beginning of a day.
    #[must_use]
    pub fn new(day: Day) -> Self {
        Self { wall: Mutex::new(beginning_of(day)), elapsed: watch::Sender::new(Duration::ZERO) }
    }

    /// Lets time pass, and wakes who has slept long enough.
    pub fn advance(&self, by: Duration) {
        *lock(&self.wall) += by;
        self.elapsed.send_modify(|elapsed| *elapsed += by);
    }

    /// Sets the wall clock to the beginning of a day, backwards too, without letting time pass.
    pub fn set_day(&self, day: Day) {
        *lock(&self.wall) = beginning_of(day);
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> Duration {
        *lock(&self.wall)
    }

    fn elapsed(&self) -> Duration {
        *self.elapsed.borrow()
    }

    fn sleep_until(&self, until: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut elapsed = self.elapsed.subscribe();
        Box::pin(async move {
            // The sender is part of `self`, which outlives this future.
            let _ = elapsed.wait_for(|elapsed| *elapsed >= until).await;
        })
    }
}

fn beginning_of(day: Day) -> Duration {
    Duration::from_secs(u64::from(day.0) * 86_400)
}

/// A duration cannot be left half written, so a panic elsewhere does not spoil it.
fn lock(wall: &Mutex<Duration>) -> std::sync::MutexGuard<'_, Duration> {
    wall.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
