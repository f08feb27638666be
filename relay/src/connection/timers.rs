//! When a peer has taken too long.

use crate::config::Limits;
use tokio::time::Instant;

/// The moments that timeouts count from.
#[derive(Debug)]
pub(super) struct Timers {
    limits: Limits,
    /// Something came from the peer, or it took something in.
    heard: Instant,
    /// It asked for something, or was answered.
    busy: Instant,
    /// It was asked whether it is there, since it was heard.
    pinged: bool,
    /// The first of what is being written now was begun.
    writing: Option<Instant>,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Ask the peer whether it is there.
    Ping,
    /// End the connection.
    End,
}

impl Timers {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        Self { limits: *limits, heard: now, busy: now, pinged: false, writing: None }
    }

    pub(super) const fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.pinged = false;
    }

    pub(super) const fn requested(&mut self, now: Instant) {
        self.busy = now;
    }

    pub(super) fn write_begun(&mut self, now: Instant) {
        self.writing.get_or_insert(now);
    }

    /// What was written reached the system's buffer, which is small: so the peer has taken something in.
    pub(super) const fn flushed(&mut self, now: Instant) {
        self.writing = None;
        self.busy = now;
        self.heard(now);
    }

    /// A ping was written. It does not show that the peer is there.
    pub(super) const fn ping_flushed(&mut self) {
        self.writing = None;
    }

    pub(super) const fn pinged(&mut self) {
        self.pinged = true;
    }

    /// The next moment at which something may be due. `idle` says that the peer may not stay without asking for
    /// something, and that nothing is being done for it.
    pub(super) fn next(&self, idle: bool) -> Instant {
        if let Some(since) = self.writing {
            return since + self.limits.write_timeout;
        }
        let silence = self.heard + self.limits.silence_timeout;
        let ping = (!self.pinged).then(|| self.heard + self.limits.ping_interval);
        let idle = idle.then(|| self.busy + self.limits.idle_timeout);
        [ping, idle].into_iter().flatten().fold(silence, Instant::min)
    }

    /// What is due now.
    pub(super) fn due(&self, idle: bool, now: Instant) -> Option<Due> {
        if let Some(since) = self.writing {
            return (now >= since + self.limits.write_timeout).then_some(Due::End);
        }
        let silent = now >= self.heard + self.limits.silence_timeout;
        if silent || (idle && now >= self.busy + self.limits.idle_timeout) {
            return Some(Due::End);
        }
        (!self.pinged && now >= self.heard + self.limits.ping_interval).then_some(Due::Ping)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_silent_peer_is_asked_once_and_then_dropped() {
        let start = Instant::now();
        let mut timers = Timers::new(&Limits::default(), start);
        assert_eq!((timers.next(false), timers.due(false, after(start, 44))), (after(start, 45), None));
        assert_eq!(timers.due(false, after(start, 45)), Some(Due::Ping));
        timers.pinged();
        timers.ping_flushed();
        assert_eq!((timers.next(false), timers.due(false, after(start, 119))), (after(start, 120), None));
        assert_eq!(timers.due(false, after(start, 120)), Some(Due::End));
        timers.heard(after(start, 119));
        assert_eq!(timers.due(false, after(start, 120)), None);
    }

    #[test]
    fn a_peer_that_asks_for_nothing_is_dropped_although_it_is_there() {
        let start = Instant::now();
        let mut timers = Timers::new(&Limits::default(), start);
        timers.heard(after(start, 299));
        assert_eq!(timers.due(true, after(start, 300)), Some(Due::End));
        assert_eq!(timers.due(false, after(start, 300)), None);
        timers.requested(after(start, 299));
        assert_eq!(timers.due(true, after(start, 300)), None);
    }

    #[test]
    fn a_peer_that_takes_nothing_in_is_dropped_although_it_talks() {
        let start = Instant::now();
        let mut timers = Timers::new(&Limits::default(), start);
        timers.write_begun(start);
        timers.heard(after(start, 119));
        assert_eq!(timers.due(false, after(start, 119)), None);
        assert_eq!((timers.next(true), timers.due(true, after(start, 120))), (after(start, 120), Some(Due::End)));
        timers.flushed(after(start, 119));
        assert_eq!(timers.due(false, after(start, 120)), None);
    }
}
