//! What the log may say about connections: how many there were in a day, and how they ended. Never which, never when.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The peer closed it, or it broke.
    Gone,
    /// The relay is being stopped.
    Stopped,
    /// The upgrade or the handshake failed.
    Handshake,
    /// It broke the protocol, or its messages did not decrypt.
    Malformed,
    /// It was silent, asked for nothing, or took nothing in, for too long.
    Slow,
}

/// Connections by their end.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    gone: AtomicU64,
    stopped: AtomicU64,
    handshake: AtomicU64,
    malformed: AtomicU64,
    slow: AtomicU64,
    turned_away: AtomicU64,
    /// What the log knows already.
    reported: Mutex<Totals>,
}

/// Connections since the start that have ended, by how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    closed: u64,
    no_handshake: u64,
    malformed: u64,
    slow: u64,
    turned_away: u64,
}

impl Counts {
    pub(crate) fn ended(&self, end: End) {
        let counter = match end {
            End::Gone => &self.gone,
            End::Stopped => &self.stopped,
            End::Handshake => &self.handshake,
            End::Malformed => &self.malformed,
            End::Slow => &self.slow,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn totals(&self) -> Totals {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Self { gone, stopped, handshake, malformed, slow, turned_away, reported: _ } = self;
        Totals {
            closed: get(gone) + get(stopped),
            no_handshake: get(handshake),
            malformed: get(malformed),
            slow: get(slow),
            turned_away: get(turned_away),
        }
    }

    /// Tells the log what came since it was told last: once a day, since each other moment would tell more of who came when.
    pub(crate) fn report(&self) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, now) = (*reported, self.totals());
        *reported = now;
        tracing::info!(
            closed = now.closed - before.closed,
            no_handshake = now.no_handshake - before.no_handshake,
            malformed = now.malformed - before.malformed,
            slow = now.slow - before.slow,
            turned_away = now.turned_away - before.turned_away,
            "connections of the day that ended"
        );
    }
}

impl Totals {
    /// Each with its name.
    pub(crate) fn each(&self) -> [(&'static str, u64); 5] {
        let Self { closed, no_handshake, malformed, slow, turned_away } = *self;
        [
            ("closed", closed),
            ("no_handshake", no_handshake),
            ("malformed", malformed),
            ("slow", slow),
            ("turned_away", turned_away),
        ]
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "gone",
            Self::Stopped => "stopped",
            Self::Handshake => "no handshake",
            Self::Malformed => "malformed",
            Self::Slow => "slow",
        })
    }
}
