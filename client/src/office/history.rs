//! What the rosters of the past have listed: numbers and keys that must not come to mean something else.

use cssr_proto::{CourierNumber, DeskNumber, Roster, SeatNumber, Signed};
use std::collections::HashSet;

/// Everything that any roster at hand has listed.
#[derive(Debug, Default)]
pub(super) struct History {
    seats: HashSet<(DeskNumber, SeatNumber)>,
    couriers: HashSet<CourierNumber>,
    keys: HashSet<[u8; 32]>,
}

impl History {
    pub(super) fn of(rosters: &[Signed<Roster>]) -> Self {
        let mut history = Self::default();
        for roster in rosters {
            for (desk, seat) in roster.seats() {
                history.seats.insert((desk, seat.number));
                history.keys.insert(*seat.signing_key.as_bytes());
            }
            for courier in roster.couriers.iter() {
                history.couriers.insert(courier.number);
                history.keys.insert(*courier.key.as_bytes());
            }
        }
        history
    }

    pub(super) fn knows_seat(&self, desk: DeskNumber, seat: SeatNumber) -> bool {
        self.seats.contains(&(desk, seat))
    }

    pub(super) fn knows_courier(&self, number: CourierNumber) -> bool {
        self.couriers.contains(&number)
    }

    pub(super) fn knows_key(&self, key: &[u8; 32]) -> bool {
        self.keys.contains(key)
    }
}
