//! What somebody must see to.

use super::{Circumstances, Health};
use crate::office::View;
use cssr_proto::Day;
use std::collections::BTreeSet;
use std::fmt;

/// How long before the roster or a seat's keys lapse somebody is told. Seats publish eight weeks ahead at every import,
/// so who comes this near has not imported for six weeks.
const DAYS_AHEAD: u32 = 14;

/// Something that somebody must see to. The days are those of public statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alarm {
    NoNote,
    NoteLapses { last: Day },
    NoteLapsed { last: Day },
    RosterLapses { last: Day },
    RosterLapsed { last: Day },
    SeatsLapse { seats: usize, first: Day },
    DesksMute { desks: usize },
    ClockDoubted,
    StoreFailed,
}

/// Everything that somebody must see to now.
pub(super) fn all(view: &View, now: Circumstances) -> BTreeSet<Alarm> {
    let Circumstances { today, clock_doubted, store_failed } = now;
    let note = match &view.served {
        None => Some(Alarm::NoNote),
        Some(served) => {
            let (first, last) = (served.day, served.last_day());
            // Couriers renew it every day, so half of its time is several times missed.
            let old = today.since(first) * 2 > last.since(first);
            match today > last {
                true => Some(Alarm::NoteLapsed { last }),
                false => old.then_some(Alarm::NoteLapses { last }),
            }
        }
    };
    let roster = view.roster.as_ref().and_then(|roster| {
        let last = roster.expires;
        match today > last {
            true => Some(Alarm::RosterLapsed { last }),
            false => (last.since(today) < DAYS_AHEAD).then_some(Alarm::RosterLapses { last }),
        }
    });
    let seats = view.validity.seats(today, today.plus(DAYS_AHEAD - 1));
    let lapse = seats.first_lapse.map(|first| Alarm::SeatsLapse { seats: seats.lapsing, first });
    let mute = (seats.mute_desks > 0).then_some(Alarm::DesksMute { desks: seats.mute_desks });
    let clock = clock_doubted.then_some(Alarm::ClockDoubted);
    let store = store_failed.then_some(Alarm::StoreFailed);
    [note, roster, lapse, mute, clock, store].into_iter().flatten().collect()
}

impl Alarm {
    pub(super) const NAMES: [&str; 9] = [
        "no_note",
        "note_lapses",
        "note_lapsed",
        "roster_lapses",
        "roster_lapsed",
        "seats_lapse",
        "desks_mute",
        "clock_doubted",
        "store_failed",
    ];

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::NoNote => "no_note",
            Self::NoteLapses { .. } => "note_lapses",
            Self::NoteLapsed { .. } => "note_lapsed",
            Self::RosterLapses { .. } => "roster_lapses",
            Self::RosterLapsed { .. } => "roster_lapsed",
            Self::SeatsLapse { .. } => "seats_lapse",
            Self::DesksMute { .. } => "desks_mute",
            Self::ClockDoubted => "clock_doubted",
            Self::StoreFailed => "store_failed",
        }
    }

    pub(super) const fn health(&self) -> Health {
        match self {
            Self::NoNote
            | Self::NoteLapsed { .. }
            | Self::RosterLapsed { .. }
            | Self::DesksMute { .. }
            | Self::StoreFailed => Health::Failing,
            Self::NoteLapses { .. } | Self::RosterLapses { .. } | Self::SeatsLapse { .. } | Self::ClockDoubted => {
                Health::Warning
            }
        }
    }

    /// Tells the log.
    pub(super) fn tell(&self) {
        let alarm = self.name();
        match self.health() {
            Health::Failing => tracing::error!(alarm, "{self}"),
            Health::Warning | Health::Good => tracing::warn!(alarm, "{self}"),
        }
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNote => f.write_str("no note of the office yet: nobody can send"),
            Self::NoteLapses { last } => {
                write!(f, "the couriers have not renewed the note; after {last} nobody can send any more")
            }
            Self::NoteLapsed { last } => write!(f, "the newest note counted until {last}: nobody can send"),
            Self::RosterLapses { last } => {
                write!(f, "the roster ends on {last}; without another one nobody can send afterwards")
            }
            Self::RosterLapsed { last } => write!(f, "the roster ended on {last}: nobody can send"),
            Self::SeatsLapse { seats, first } => {
                write!(f, "the keys of {seats} seats end, the first on {first}; letters leave them out then")
            }
            Self::DesksMute { desks } => write!(f, "{desks} desks have no seat with keys: nobody can send to them"),
            Self::ClockDoubted => f.write_str("the clock says a day that is not believed; the relay keeps its own"),
            Self::StoreFailed => f.write_str("the store has failed"),
        }
    }
}
