//! What the log may say about connections: how many there were in a day, and how they ended. Never which, never when.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

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

/// A day's connections by their end.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    gone: AtomicU64,
    stopped: AtomicU64,
    handshake: AtomicU64,
    malformed: AtomicU64,
    slow: AtomicU64,
    turned_away: AtomicU64,
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

    /// Tells the log, and begins anew.
    pub(crate) fn report(&self) {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        let Self { gone, stopped, handshake, malformed, slow, turned_away } = self;
        tracing::info!(
            closed = take(gone) + take(stopped),
            no_handshake = take(handshake),
            malformed = take(malformed),
            slow = take(slow),
            turned_away = take(turned_away),
            "connections of the day that ended"
        );
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
