//! What an office could issue and then regret: rosters that readers accept and nobody can work with.

use super::event::quoted;
use super::plan::Plan;
use cssr_proto::{Courier, CourierNumber, Day, DeskNumber, Label, SeatNumber};
use std::collections::{BTreeSet, HashMap};
use std::fmt;

/// From so few days before its end on, an end is told.
const SOON: u32 = 30;

/// Something that should not stay like that.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// Nobody can read a letter.
    NoActiveSeat,
    /// Nobody can read letters to this desk.
    DeskWithoutSeats {
        /// The desk.
        number: DeskNumber,
        /// Its name.
        name: Label,
    },
    /// Clients send on a valid note only, and none can be signed.
    NoNotePossible {
        /// From how many different seats couriers must sign.
        needed: usize,
        /// From how many they can.
        found: usize,
    },
    /// The roster ends soon, or has ended.
    RosterEnds {
        /// Its last day.
        expires: Day,
        /// How many days are left.
        left: u32,
    },
    /// A seat ends soon, or has ended.
    SeatEnds {
        /// The desk.
        desk: DeskNumber,
        /// The seat.
        seat: SeatNumber,
        /// Its name.
        label: Label,
        /// The last day on which it counts.
        through: Day,
    },
    /// A courier ends soon, or has ended.
    CourierEnds {
        /// Its number.
        number: CourierNumber,
        /// Its name.
        label: Label,
        /// The last day on which it counts.
        through: Day,
    },
    /// Two desks, two seats of a desk, or two couriers have the same name.
    SameName(Label),
    /// The number belonged to another person before.
    SeatNumberReused {
        /// The desk.
        desk: DeskNumber,
        /// The seat.
        seat: SeatNumber,
    },
    /// The number belonged to another courier before.
    CourierNumberReused(CourierNumber),
    /// None of the addresses on printed cards is listed any more.
    PrintedAddressesGone,
}

impl Warning {
    /// A name for scripts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoActiveSeat => "no-active-seat",
            Self::DeskWithoutSeats { .. } => "desk-without-seats",
            Self::NoNotePossible { .. } => "no-note-possible",
            Self::RosterEnds { .. } => "roster-ends",
            Self::SeatEnds { .. } => "seat-ends",
            Self::CourierEnds { .. } => "courier-ends",
            Self::SameName(_) => "same-name",
            Self::SeatNumberReused { .. } => "seat-number-reused",
            Self::CourierNumberReused(_) => "courier-number-reused",
            Self::PrintedAddressesGone => "printed-addresses-gone",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoActiveSeat => write!(f, "no seat is active: nobody can send anything to this office. Admit seats"),
            Self::DeskWithoutSeats { number, name } => {
                write!(
                    f,
                    "desk {}, {}, has no active seat: nobody could read a letter to it",
                    number.get(),
                    quoted(name)
                )
            }
            Self::NoNotePossible { needed, found } => write!(
                f,
                "no valid note can be signed, so nobody can send anything: couriers of {needed} different \
                 seat{} are needed, of {found} there are. Admit couriers",
                if *needed == 1 { "" } else { "s" }
            ),
            Self::RosterEnds { expires, left: 0 } => write!(f, "the roster ends on {expires}: renew it now"),
            Self::RosterEnds { expires, left } => {
                write!(f, "the roster ends on {expires}, in {left} days: renew it in time")
            }
            Self::SeatEnds { desk, seat, label, through } => {
                let (seat, desk) = (seat.get(), desk.get());
                write!(f, "seat {seat} of desk {desk}, {}, counts through {through} only", quoted(label))
            }
            Self::CourierEnds { number, label, through } => {
                write!(f, "courier {}, {}, counts through {through} only", number.get(), quoted(label))
            }
            Self::SameName(label) => {
                write!(f, "two of a kind are called {}: people may take one for the other", quoted(label))
            }
            Self::SeatNumberReused { desk, seat } => write!(
                f,
                "seat {} of desk {} was somebody else's before: no number of that desk is unused",
                seat.get(),
                desk.get()
            ),
            Self::CourierNumberReused(number) => {
                write!(f, "courier {} was another one before: no number is unused", number.get())
            }
            Self::PrintedAddressesGone => write!(
                f,
                "none of the addresses listed until now is kept: printed cards lead nowhere. Keep an old address alive, \
                 or distribute new cards"
            ),
        }
    }
}

/// What is to be said about an office on a day, if its roster ends on `expires`.
pub(super) fn warnings(plan: &Plan, expires: Day, today: Day) -> Vec<Warning> {
    let mut found = Vec::new();
    let active = plan.active_seats(today);
    if active == 0 {
        found.push(Warning::NoActiveSeat);
    }
    for desk in &plan.desks {
        if !desk.seats.iter().any(|seat| seat.is_active_on(today)) {
            found.push(Warning::DeskWithoutSeats { number: desk.number, name: desk.name.clone() });
        }
    }
    // Protocol, section 4.5.
    let needed = active.min(2);
    let counting = plan.couriers.iter().filter(|courier| courier.counts_on(today));
    let seats: BTreeSet<_> = counting.map(|Courier { desk, seat, .. }| (desk, seat)).collect();
    if seats.len() < needed {
        found.push(Warning::NoNotePossible { needed, found: seats.len() });
    }
    if expires < today.plus(SOON) {
        found.push(Warning::RosterEnds { expires, left: expires.since(today) });
    }
    let soon = |through: Day| through < today.plus(SOON);
    for (desk, seat) in plan.seats().filter(|(_, seat)| soon(seat.through)) {
        let (label, through) = (seat.label.clone(), seat.through);
        found.push(Warning::SeatEnds { desk, seat: seat.number, label, through });
    }
    for courier in plan.couriers.iter().filter(|courier| soon(courier.through)) {
        let (number, label, through) = (courier.number, courier.label.clone(), courier.through);
        found.push(Warning::CourierEnds { number, label, through });
    }
    found.extend(same_names(plan.desks.iter().map(|desk| &desk.name)));
    for desk in &plan.desks {
        found.extend(same_names(desk.seats.iter().map(|seat| &seat.label)));
    }
    found.extend(same_names(plan.couriers.iter().map(|courier| &courier.label)));
    found
}

/// Names that occur twice, whatever their case and the white space around them.
fn same_names<'a>(names: impl Iterator<Item = &'a Label>) -> Vec<Warning> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut found = Vec::new();
    for name in names {
        let times = seen.entry(name.as_str().trim().to_lowercase()).or_default();
        *times += 1;
        if *times == 2 {
            found.push(Warning::SameName(name.clone()));
        }
    }
    found
}
