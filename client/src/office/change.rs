//! What can be changed, and what each change does to a plan. Nothing here signs or writes.

use super::admission::admit;
use super::draft::Draft;
use super::error::OfficeError;
use super::event::Event;
use super::history::History;
use super::request::Request;
use super::warning::Warning;
use cssr_proto::{
    CourierNumber, Day, Desk, DeskNumber, Hash, Label, List, Policy, Relay, RosterError, SeatNumber, SeatState,
};

/// Days for which a roster, a seat or a courier is valid unless something else is asked for.
pub const VALIDITY_DAYS: u32 = 365;
/// The most that readers accept (protocol, section 4.2).
const VALIDITY_MAX: u32 = 400;
/// Desks of an office at most (CDDL `roster`).
const DESKS: usize = 16;

/// One change to an office.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// Adds a desk, or gives one another name.
    SetDesk {
        /// Its number.
        number: DeskNumber,
        /// Its name.
        name: Label,
    },
    /// Removes a desk that has no seats.
    RemoveDesk(DeskNumber),
    /// Admits seats and couriers, for some days from today on.
    Admit {
        /// Their requests; seats go before the couriers that work for them.
        requests: Vec<Request>,
        /// 1 to 400.
        days: u32,
    },
    /// Seals nothing to a seat any more, but goes on accepting its replies.
    RetireSeat {
        /// The desk.
        desk: DeskNumber,
        /// The seat.
        seat: SeatNumber,
    },
    /// Accepts nothing of a seat any more, nor of its couriers.
    RevokeSeat {
        /// The desk.
        desk: DeskNumber,
        /// The seat.
        seat: SeatNumber,
    },
    /// Accepts nothing of a courier any more.
    RevokeCourier(CourierNumber),
    /// Sets the roster's last day. Seats and couriers that lasted as long as the roster, or longer, last as long as the
    /// new one; others keep their end.
    Renew {
        /// From today on, 1 to 400.
        days: u32,
        /// Extends those that were to end earlier, too.
        everyone: bool,
    },
    /// Gives the relay another key or other addresses.
    MoveRelay(Relay),
    /// Sets what is given.
    Settle(Settings),
}

/// How relay and programs behave, and which page and forms are the office's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// The policy.
    pub policy: Option<Policy>,
    /// SHA-256 of the source page.
    pub page: Option<Hash>,
    /// SHA-256 of the forms.
    pub forms: Option<Hash>,
}

/// Whether readers accept a policy.
///
/// # Errors
/// [`OfficeError::NoteDays`], or another rule that readers would refuse it for.
pub fn check_policy(policy: &Policy) -> Result<(), OfficeError> {
    policy.check().map_err(|error| match error {
        RosterError::NoteDays => OfficeError::NoteDays { notes: policy.note_days(), letters: policy.letter_days() },
        other => other.into(),
    })
}

impl Draft {
    /// Works a change into the draft.
    pub(super) fn apply(&mut self, change: Change, history: &History) -> Result<(), OfficeError> {
        match change {
            Change::SetDesk { number, name } => self.set_desk(number, name),
            Change::RemoveDesk(number) => self.remove_desk(number),
            Change::Admit { requests, days } => admit(self, &requests, self.day_after(days)?, history),
            Change::RetireSeat { desk, seat } => self.retire_seat(desk, seat),
            Change::RevokeSeat { desk, seat } => self.revoke_seat(desk, seat),
            Change::RevokeCourier(number) => self.revoke_courier(number),
            Change::Renew { days, everyone } => self.renew(days, everyone),
            Change::MoveRelay(relay) => self.move_relay(relay),
            Change::Settle(settings) => self.settle(settings),
        }
    }

    fn set_desk(&mut self, number: DeskNumber, name: Label) -> Result<(), OfficeError> {
        if let Some(desk) = self.plan.desks.iter_mut().find(|desk| desk.number == number) {
            if desk.name == name {
                return Err(OfficeError::NothingToChange);
            }
            let before = std::mem::replace(&mut desk.name, name.clone());
            self.events.push(Event::DeskRenamed { number, before, name });
            return Ok(());
        }
        // The numbers are so few that this cannot happen unless they and the limit part company.
        debug_assert!(self.plan.desks.len() < DESKS);
        self.plan.desks.push(Desk { number, name: name.clone(), seats: List::new(Vec::new())? });
        self.plan.desks.sort_by_key(|desk| desk.number);
        self.events.push(Event::DeskAdded { number, name });
        Ok(())
    }

    fn remove_desk(&mut self, number: DeskNumber) -> Result<(), OfficeError> {
        let desk = self.plan.desk(number).ok_or(OfficeError::NoSuchDesk(number))?.clone();
        if !desk.seats.is_empty() || (self.is_roster() && self.plan.desks.len() == 1) {
            return Err(OfficeError::DeskNeeded(number));
        }
        self.plan.desks.retain(|desk| desk.number != number);
        self.events.push(Event::DeskRemoved { number, name: desk.name });
        Ok(())
    }

    fn retire_seat(&mut self, desk: DeskNumber, number: SeatNumber) -> Result<(), OfficeError> {
        let seat = self.plan.seat(desk, number).ok_or(OfficeError::NoSuchSeat { desk, seat: number })?;
        if seat.state == SeatState::Retired {
            return Err(OfficeError::AlreadyRetired { desk, seat: number });
        }
        let label = seat.label.clone();
        self.plan.set_state(desk, number, SeatState::Retired)?;
        self.events.push(Event::SeatRetired { desk, seat: number, label });
        Ok(())
    }

    fn revoke_seat(&mut self, desk: DeskNumber, number: SeatNumber) -> Result<(), OfficeError> {
        let seat = self.plan.seat(desk, number).ok_or(OfficeError::NoSuchSeat { desk, seat: number })?;
        self.events.push(Event::SeatRevoked { desk, seat: number, label: seat.label.clone() });
        self.plan.edit_seats(desk, |seats| seats.retain(|seat| seat.number != number))?;
        // A courier without its seat makes a roster that readers refuse, and its machine is in the same hands.
        let of_seat = |courier: &cssr_proto::Courier| courier.desk == desk && courier.seat == number;
        for courier in self.plan.couriers.iter().filter(|courier| of_seat(courier)) {
            self.events.push(Event::CourierRevoked { number: courier.number, label: courier.label.clone() });
        }
        self.plan.couriers.retain(|courier| !of_seat(courier));
        Ok(())
    }

    fn revoke_courier(&mut self, number: CourierNumber) -> Result<(), OfficeError> {
        let at = self.plan.couriers.iter().position(|courier| courier.number == number);
        let courier = self.plan.couriers.remove(at.ok_or(OfficeError::NoSuchCourier(number))?);
        self.events.push(Event::CourierRevoked { number, label: courier.label });
        Ok(())
    }

    fn renew(&mut self, days: u32, everyone: bool) -> Result<(), OfficeError> {
        let end_before = self.end_before.ok_or(OfficeError::NothingIssued)?;
        let expires = self.day_after(days)?;
        let mut extended = 0;
        let mut extend = |through: &mut Day| {
            if *through < expires && (everyone || *through >= end_before) {
                *through = expires;
                extended += 1;
            }
        };
        let desks: Vec<DeskNumber> = self.plan.desks.iter().map(|desk| desk.number).collect();
        for desk in desks {
            self.plan.edit_seats(desk, |seats| seats.iter_mut().for_each(|seat| extend(&mut seat.through)))?;
        }
        self.plan.couriers.iter_mut().for_each(|courier| extend(&mut courier.through));
        self.expires = expires;
        self.events.push(Event::Renewed { expires, extended });
        Ok(())
    }

    fn move_relay(&mut self, relay: Relay) -> Result<(), OfficeError> {
        if self.plan.relay == relay {
            return Err(OfficeError::NothingToChange);
        }
        let before = std::mem::replace(&mut self.plan.relay, relay);
        let now = &self.plan.relay;
        if before.key != now.key {
            self.events.push(Event::RelayKeyChanged);
        }
        if before.addresses != now.addresses {
            self.events.push(Event::RelayMoved);
        }
        // Compared as they are reached, not as they are written.
        if !before.addresses.iter().any(|old| now.addresses.iter().any(|new| new.url() == old.url())) {
            self.warnings.push(Warning::PrintedAddressesGone);
        }
        Ok(())
    }

    fn settle(&mut self, settings: Settings) -> Result<(), OfficeError> {
        let Settings { policy, page, forms } = settings;
        let before = (self.plan.policy, self.plan.page, self.plan.forms);
        let after = (policy.unwrap_or(before.0), page.or(before.1), forms.or(before.2));
        if before == after {
            return Err(OfficeError::NothingToChange);
        }
        check_policy(&after.0)?;
        (self.plan.policy, self.plan.page, self.plan.forms) = after;
        self.events.push(Event::Settled);
        Ok(())
    }

    fn day_after(&self, days: u32) -> Result<Day, OfficeError> {
        if (1..=VALIDITY_MAX).contains(&days) { Ok(self.today.plus(days)) } else { Err(OfficeError::Days(days)) }
    }
}
