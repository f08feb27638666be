//! What somebody must see to.

use super::{A_DAY, Circumstances, Health};
use crate::office::View;
use crate::store::Kind;
use crate::trouble::{Found, Room};
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
    NoteLapses {
        last: Day,
    },
    NoteLapsed {
        last: Day,
    },
    RosterLapses {
        last: Day,
    },
    RosterLapsed {
        last: Day,
    },
    SeatsLapse {
        seats: usize,
        first: Day,
    },
    SeatsLeftOut {
        seats: usize,
    },
    DesksMute {
        desks: usize,
    },
    ClockDoubted,
    /// For so long that the day is another one by any clock.
    ClockDoubtedLong,
    StoreFailed,
    StoreHangs,
    StoreDamaged,
    DiskNearlyFull,
    DiskFull,
    NearlyFull(Kind),
    Full(Kind),
}

/// Everything that somebody must see to now.
pub(super) fn all(view: &View, now: Circumstances) -> BTreeSet<Alarm> {
    let Circumstances { today, elapsed, doubted, found } = now;
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
    // Sources seal to what the newest note names, whatever else seats have published.
    let left_out = view.served.as_ref().map_or(0, |served| served.left_out);
    let left_out = (left_out > 0).then_some(Alarm::SeatsLeftOut { seats: left_out });
    let mut mute_desks = seats.mute_desks;
    mute_desks.extend(view.served.iter().flat_map(|served| &served.mute_desks));
    let mute = (!mute_desks.is_empty()).then_some(Alarm::DesksMute { desks: mute_desks.len() });
    let clock = doubted.map(|since| match elapsed.saturating_sub(since) < A_DAY {
        true => Alarm::ClockDoubted,
        false => Alarm::ClockDoubtedLong,
    });
    let Found { failed, damaged, disk, letters, chunks } = found;
    let store = [failed.then_some(Alarm::StoreFailed), damaged.then_some(Alarm::StoreDamaged)];
    let room = |room, little, none| match room {
        Room::Enough => None,
        Room::Little => Some(little),
        Room::None => Some(none),
    };
    let quota = |kind, left| room(left, Alarm::NearlyFull(kind), Alarm::Full(kind));
    let rooms =
        [room(disk, Alarm::DiskNearlyFull, Alarm::DiskFull), quota(Kind::Letter, letters), quota(Kind::Chunk, chunks)];
    [note, roster, lapse, left_out, mute, clock].into_iter().chain(store).chain(rooms).flatten().collect()
}

/// What `relay.toml` calls it.
const fn quota(kind: Kind) -> &'static str {
    match kind {
        Kind::Letter => "the room for letters (letters_max)",
        Kind::Chunk => "the room for chunks (chunks_max)",
    }
}

impl Alarm {
    pub(super) const NAMES: [&str; 18] = [
        "no_note",
        "note_lapses",
        "note_lapsed",
        "roster_lapses",
        "roster_lapsed",
        "seats_lapse",
        "seats_left_out",
        "desks_mute",
        "clock_doubted",
        "store_failed",
        "store_hangs",
        "store_damaged",
        "disk_nearly_full",
        "disk_full",
        "letters_nearly_full",
        "letters_full",
        "chunks_nearly_full",
        "chunks_full",
    ];

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::NoNote => "no_note",
            Self::NoteLapses { .. } => "note_lapses",
            Self::NoteLapsed { .. } => "note_lapsed",
            Self::RosterLapses { .. } => "roster_lapses",
            Self::RosterLapsed { .. } => "roster_lapsed",
            Self::SeatsLapse { .. } => "seats_lapse",
            Self::SeatsLeftOut { .. } => "seats_left_out",
            Self::DesksMute { .. } => "desks_mute",
            Self::ClockDoubted | Self::ClockDoubtedLong => "clock_doubted",
            Self::StoreFailed => "store_failed",
            Self::StoreHangs => "store_hangs",
            Self::StoreDamaged => "store_damaged",
            Self::DiskNearlyFull => "disk_nearly_full",
            Self::DiskFull => "disk_full",
            Self::NearlyFull(Kind::Letter) => "letters_nearly_full",
            Self::Full(Kind::Letter) => "letters_full",
            Self::NearlyFull(Kind::Chunk) => "chunks_nearly_full",
            Self::Full(Kind::Chunk) => "chunks_full",
        }
    }

    pub(super) const fn health(&self) -> Health {
        match self {
            Self::NoNote
            | Self::NoteLapsed { .. }
            | Self::DesksMute { .. }
            | Self::ClockDoubtedLong
            | Self::StoreFailed
            | Self::StoreHangs
            | Self::DiskFull
            | Self::Full(Kind::Letter) => Health::Failing,
            Self::NoteLapses { .. }
            | Self::RosterLapses { .. }
            | Self::RosterLapsed { .. }
            | Self::SeatsLapse { .. }
            | Self::SeatsLeftOut { .. }
            | Self::ClockDoubted
            | Self::StoreDamaged
            | Self::DiskNearlyFull
            | Self::NearlyFull(_)
            | Self::Full(Kind::Chunk) => Health::Warning,
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
                write!(f, "the roster ends on {last}; without another one the note cannot be renewed afterwards")
            }
            Self::RosterLapsed { last } => {
                write!(f, "the roster ended on {last}: the note cannot be renewed, and once it has lapsed nobody can send")
            }
            Self::SeatsLapse { seats, first } => {
                write!(f, "the keys of {seats} seats end, the first on {first}; letters leave them out then")
            }
            Self::SeatsLeftOut { seats } => write!(
                f,
                "the newest note leaves out {seats} seats that have published keys: letters do not reach them before the next one"
            ),
            Self::DesksMute { desks } => write!(f, "{desks} desks have no seat with keys: nobody can send to them"),
            Self::ClockDoubted => f.write_str("the clock says a day that is not believed; the relay keeps its own"),
            Self::ClockDoubtedLong => f.write_str(
                "for more than a day the clock has said days that are not believed: couriers refuse a relay that keeps another day, and nobody can send once its note has lapsed",
            ),
            Self::StoreFailed => {
                f.write_str("the store has failed: nothing is acknowledged until the relay is started again")
            }
            Self::StoreHangs => {
                f.write_str("the store does not answer, for minutes: nothing is listed, and perhaps nothing acknowledged")
            }
            Self::StoreDamaged => {
                f.write_str("something that is stored cannot be read; \"cssr-relay check\" tells what")
            }
            Self::DiskNearlyFull => f.write_str("the disk is nearly full; make room"),
            Self::DiskFull => f.write_str("the disk is full: posts are refused; make room, nothing else need be done"),
            Self::NearlyFull(kind) => write!(f, "nine tenths of {} are used up", quota(*kind)),
            Self::Full(kind) => write!(f, "{} is used up: they are refused until a day expires", quota(*kind)),
        }
    }
}
