//! How long what the office has published will do.

use cssr_proto::{Day, DeskNumber, Epoch, Pool, Prekey, Seat, SeatKey, SeatNumber, SeatState, Signed};
use std::collections::{BTreeMap, BTreeSet};

/// What each listed seat has published.
#[derive(Debug, Default)]
pub(crate) struct Validity(Vec<SeatValidity>);

#[derive(Debug)]
struct SeatValidity {
    desk: DeskNumber,
    seat: Seat,
    keys: Vec<(Day, Day)>,
    prekeys: BTreeSet<Epoch>,
}

/// How long letters can be sealed to the seats that count today.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seats {
    /// Seats to which letters cannot be sealed today, or not until the day that was asked for.
    pub(crate) lapsing: usize,
    /// The first day on which letters can be sealed to fewer of them than the roster says.
    pub(crate) first_lapse: Option<Day>,
    /// Desks to which no letter can be sealed today.
    pub(crate) mute_desks: BTreeSet<DeskNumber>,
}

impl Validity {
    pub(super) fn of(pool: &Pool) -> Self {
        let mut keys: BTreeMap<(DeskNumber, SeatNumber), Vec<(Day, Day)>> = BTreeMap::new();
        for key in pool.seat_keys().map(|key: &Signed<SeatKey>| &**key) {
            keys.entry((key.desk, key.seat)).or_default().push((key.from, key.through));
        }
        let mut prekeys: BTreeMap<(DeskNumber, SeatNumber), BTreeSet<Epoch>> = BTreeMap::new();
        for prekey in pool.prekeys().map(|prekey: &Signed<Prekey>| &**prekey) {
            prekeys.entry((prekey.desk, prekey.seat)).or_default().insert(prekey.epoch);
        }
        let seats = pool.roster().into_iter().flat_map(|roster| roster.seats());
        let seats = seats.map(|(desk, seat)| SeatValidity {
            desk,
            seat: seat.clone(),
            keys: keys.remove(&(desk, seat.number)).unwrap_or_default(),
            prekeys: prekeys.remove(&(desk, seat.number)).unwrap_or_default(),
        });
        Self(seats.collect())
    }

    /// The seats to which letters could be sealed on a day.
    pub(super) fn reached_on(&self, day: Day) -> BTreeSet<(DeskNumber, SeatNumber)> {
        let reached = self.0.iter().filter(|seat| seat.lapse(day) > day);
        reached.map(|seat| (seat.desk, seat.seat.number)).collect()
    }

    /// Looks at the seats that are active today, and as far as `until`.
    pub(crate) fn seats(&self, today: Day, until: Day) -> Seats {
        let mut seats = Seats::default();
        let mut desks: BTreeMap<DeskNumber, bool> = BTreeMap::new();
        for seat in &self.0 {
            // A desk is not given up by letting the time of its seats run out.
            if seat.seat.state == SeatState::Active && seat.seat.from <= today {
                desks.entry(seat.desk).or_default();
            }
            if !seat.seat.is_active_on(today) {
                continue;
            }
            let lapse = seat.lapse(today);
            *desks.entry(seat.desk).or_default() |= lapse > today;
            // Its time on the roster ends by intent.
            if lapse <= until.min(seat.seat.through) {
                seats.lapsing += 1;
                seats.first_lapse = Some(seats.first_lapse.map_or(lapse, |first| first.min(lapse)));
            }
        }
        seats.mute_desks = desks.into_iter().filter(|(_, speaks)| !speaks).map(|(desk, _)| desk).collect();
        seats
    }
}

impl SeatValidity {
    /// The first day, from today on, on which no letter can be sealed to it.
    fn lapse(&self, today: Day) -> Day {
        let mut epoch = today.epoch();
        while self.prekeys.contains(&epoch) {
            epoch = epoch.plus(1);
        }
        let mut keyless = today;
        while let Some(through) = self
            .keys
            .iter()
            .filter(|(from, through)| *from <= keyless && *through >= keyless)
            .map(|(_, through)| *through)
            .max()
            && keyless < through.plus(1)
        {
            keyless = through.plus(1);
        }
        keyless.min(epoch.first_day()).max(today)
    }
}
