//! What an office consists of, before it is numbered, dated and signed.

use cssr_proto::{
    Courier, Day, Desk, DeskNumber, Hash, Lineage, List, Malformed, Policy, Relay, Roster, RosterNumber, Seat,
    SeatNumber, SeatState, Text,
};
use minicbor::{Decode, Encode};

/// Everything of a roster but its number, dates and predecessor. Keys are the roster's (CDDL `roster`).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Plan {
    #[n(0)]
    pub(super) name: Text<1, 128>,
    #[n(1)]
    pub(super) lineage: Lineage,
    /// By number. Unlike in a roster there may be none yet.
    #[n(6)]
    pub(super) desks: Vec<Desk>,
    #[n(7)]
    pub(super) couriers: Vec<Courier>,
    #[n(8)]
    pub(super) relay: Relay,
    #[n(9)]
    pub(super) policy: Policy,
    #[n(10)]
    pub(super) page: Option<Hash>,
    #[n(11)]
    pub(super) forms: Option<Hash>,
}

/// Number, dates and predecessor of a roster.
#[derive(Clone, Copy, Debug)]
pub(super) struct Imprint {
    pub(super) number: RosterNumber,
    pub(super) issued: Day,
    pub(super) expires: Day,
    pub(super) previous: Option<Hash>,
}

impl Plan {
    pub(super) fn of(roster: &Roster) -> Self {
        let Roster { name, lineage, number: _, issued: _, expires: _, previous: _, .. } = roster;
        let Roster { desks, couriers, relay, policy, page, forms, .. } = roster;
        Self {
            name: name.clone(),
            lineage: lineage.clone(),
            desks: desks.to_vec(),
            couriers: couriers.to_vec(),
            relay: relay.clone(),
            policy: *policy,
            page: *page,
            forms: *forms,
        }
    }

    pub(super) fn roster(&self, imprint: Imprint) -> Result<Roster, Malformed> {
        let Imprint { number, issued, expires, previous } = imprint;
        let Self { name, lineage, desks, couriers, relay, policy, page, forms } = self.clone();
        Ok(Roster {
            name,
            lineage,
            number,
            issued,
            expires,
            previous,
            desks: List::new(desks)?,
            couriers: List::new(couriers)?,
            relay,
            policy,
            page,
            forms,
        })
    }

    pub(super) fn desk(&self, number: DeskNumber) -> Option<&Desk> {
        self.desks.iter().find(|desk| desk.number == number)
    }

    pub(super) fn seats(&self) -> impl Iterator<Item = (DeskNumber, &Seat)> {
        self.desks.iter().flat_map(|desk| desk.seats.iter().map(|seat| (desk.number, seat)))
    }

    pub(super) fn seat(&self, desk: DeskNumber, number: SeatNumber) -> Option<&Seat> {
        self.desk(desk)?.seats.iter().find(|seat| seat.number == number)
    }

    pub(super) fn has_seats(&self) -> bool {
        self.seats().next().is_some()
    }

    /// Desks with seats that letters are sealed to on a day.
    pub(super) fn active_seats(&self, day: Day) -> usize {
        self.seats().filter(|(_, seat)| seat.is_active_on(day)).count()
    }

    /// Rewrites the seats of a desk; the list's limits hold for the result.
    pub(super) fn edit_seats(
        &mut self,
        number: DeskNumber,
        edit: impl FnOnce(&mut Vec<Seat>),
    ) -> Result<(), Malformed> {
        if let Some(desk) = self.desks.iter_mut().find(|desk| desk.number == number) {
            let mut seats = desk.seats.to_vec();
            edit(&mut seats);
            seats.sort_by_key(|seat| seat.number);
            desk.seats = List::new(seats)?;
        }
        Ok(())
    }

    pub(super) fn set_state(
        &mut self,
        desk: DeskNumber,
        number: SeatNumber,
        state: SeatState,
    ) -> Result<(), Malformed> {
        self.edit_seats(desk, |seats| {
            for seat in seats.iter_mut().filter(|seat| seat.number == number) {
                seat.state = state;
            }
        })
    }

    /// Every signing key that is listed: of seats and couriers.
    pub(super) fn keys(&self) -> impl Iterator<Item = &[u8; 32]> {
        let seats = self.seats().map(|(_, seat)| seat.signing_key.as_bytes());
        seats.chain(self.couriers.iter().map(|courier| courier.key.as_bytes()))
    }
}
