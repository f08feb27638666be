//! What a new roster changes, in words. Names come from other people's machines and are shown with care.

use crate::display::one_line;
use cssr_proto::{CourierNumber, Day, DeskNumber, Label, SeatNumber};
use std::fmt;

/// One thing that is different in a new roster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A new desk.
    DeskAdded {
        /// Its number.
        number: DeskNumber,
        /// Its name.
        name: Label,
    },
    /// A desk has another name.
    DeskRenamed {
        /// Its number.
        number: DeskNumber,
        /// Its name until now.
        before: Label,
        /// Its name from now on.
        name: Label,
    },
    /// A desk is gone.
    DeskRemoved {
        /// Its number.
        number: DeskNumber,
        /// Its name.
        name: Label,
    },
    /// Letters are sealed to a new seat.
    SeatAdmitted {
        /// The desk.
        desk: DeskNumber,
        /// The seat's number.
        seat: SeatNumber,
        /// Its name.
        label: Label,
        /// The last day on which it counts.
        through: Day,
    },
    /// A new courier.
    CourierAdmitted {
        /// Its number.
        number: CourierNumber,
        /// Its name.
        label: Label,
        /// The desk of its seat.
        desk: DeskNumber,
        /// Its seat.
        seat: SeatNumber,
        /// The last day on which it counts.
        through: Day,
    },
    /// Nothing is sealed to a seat any more.
    SeatRetired {
        /// The desk.
        desk: DeskNumber,
        /// The seat.
        seat: SeatNumber,
        /// Its name.
        label: Label,
    },
    /// A seat is not listed any more: nothing of it is accepted.
    SeatRevoked {
        /// The desk.
        desk: DeskNumber,
        /// The seat.
        seat: SeatNumber,
        /// Its name.
        label: Label,
    },
    /// A courier is not listed any more.
    CourierRevoked {
        /// Its number.
        number: CourierNumber,
        /// Its name.
        label: Label,
    },
    /// The roster has a new last day.
    Renewed {
        /// It.
        expires: Day,
        /// How many seats and couriers were extended with it.
        extended: usize,
    },
    /// The relay has another key.
    RelayKeyChanged,
    /// The relay has other addresses.
    RelayMoved,
    /// Policy, source page or forms have changed.
    Settled,
    /// The successor is the root now, and a new successor was announced.
    Succeeded {
        /// The new root's number in the office's line of roots, from 1.
        root: usize,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeskAdded { number, name } => write!(f, "new desk {}, {}", number.get(), quoted(name)),
            Self::DeskRenamed { number, before, name } => {
                write!(f, "desk {}, until now {}, is called {}", number.get(), quoted(before), quoted(name))
            }
            Self::DeskRemoved { number, name } => write!(f, "desk {}, {}, is removed", number.get(), quoted(name)),
            Self::SeatAdmitted { desk, seat, label, through } => {
                write!(f, "{} is seat {} of desk {} through {through}", quoted(label), seat.get(), desk.get())
            }
            Self::CourierAdmitted { number, label, desk, seat, through } => {
                let (number, seat, desk) = (number.get(), seat.get(), desk.get());
                write!(f, "{} is courier {number}, of seat {seat} of desk {desk}, through {through}", quoted(label))
            }
            Self::SeatRetired { desk, seat, label } => {
                let (seat, desk) = (seat.get(), desk.get());
                write!(f, "seat {seat} of desk {desk}, {}, is retired: no new letters are sealed to it", quoted(label))
            }
            Self::SeatRevoked { desk, seat, label } => {
                let (seat, desk) = (seat.get(), desk.get());
                write!(
                    f,
                    "seat {seat} of desk {desk}, {}, is revoked: nothing of it is accepted any more",
                    quoted(label)
                )
            }
            Self::CourierRevoked { number, label } => {
                write!(f, "courier {}, {}, is revoked", number.get(), quoted(label))
            }
            Self::Renewed { expires, extended } => {
                write!(f, "valid through {expires}, and with it {extended} of the seats and couriers")
            }
            Self::RelayKeyChanged => write!(f, "the relay has another key: clients refuse the old one"),
            Self::RelayMoved => write!(f, "the relay has other addresses"),
            Self::Settled => write!(f, "policy, source page or forms have changed"),
            Self::Succeeded { root } => write!(f, "root {root} signs from now on, and has announced a new successor"),
        }
    }
}

pub(super) fn quoted(label: &Label) -> String {
    format!("“{}”", one_line(label.as_str(), 64))
}
