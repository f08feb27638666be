//! Admission of seats and couriers: which number each gets, and which keys may not be listed.

use super::draft::Draft;
use super::error::OfficeError;
use super::event::Event;
use super::history::History;
use super::request::Request;
use super::warning::Warning;
use cssr_proto::{
    Courier, CourierNumber, CourierRequest, Day, DeskNumber, Seat, SeatNumber, SeatRequest, SeatState, Signed,
};

/// Couriers of an office at most (CDDL `roster`).
const COURIERS: usize = 112;

/// Admits the seats, then the couriers, from today through a day.
pub(super) fn admit(
    draft: &mut Draft,
    requests: &[Request],
    through: Day,
    history: &History,
) -> Result<(), OfficeError> {
    if requests.is_empty() {
        return Err(OfficeError::NoRequests);
    }
    for request in requests {
        if let Request::Seat(request_of_seat) = request {
            check_key(draft, request, history)?;
            admit_seat(draft, request_of_seat, through, history)?;
        }
    }
    for request in requests {
        if let Request::Courier(request_of_courier) = request {
            check_key(draft, request, history)?;
            admit_courier(draft, request_of_courier, through, history)?;
        }
    }
    Ok(())
}

fn check_key(draft: &Draft, request: &Request, history: &History) -> Result<(), OfficeError> {
    if draft.plan.keys().any(|listed| listed == request.key()) {
        return Err(OfficeError::KeyInUse(request.label().clone()));
    }
    // Whatever the reason was, nobody remembers it for certain; a new key costs nothing.
    if history.knows_key(request.key()) {
        return Err(OfficeError::KeyWasRevoked(request.label().clone()));
    }
    Ok(())
}

fn admit_seat(
    draft: &mut Draft,
    request: &Signed<SeatRequest>,
    through: Day,
    history: &History,
) -> Result<(), OfficeError> {
    let SeatRequest { office: _, desk, label, day: _, key } = request.payload();
    let (desk, number) = (*desk, free_seat(draft, *desk, history)?);
    let seat =
        Seat { number, label: label.clone(), signing_key: *key, from: draft.today, through, state: SeatState::Active };
    draft.plan.edit_seats(desk, |seats| seats.push(seat))?;
    draft.events.push(Event::SeatAdmitted { desk, seat: number, label: label.clone(), through });
    Ok(())
}

fn admit_courier(
    draft: &mut Draft,
    request: &Signed<CourierRequest>,
    through: Day,
    history: &History,
) -> Result<(), OfficeError> {
    let CourierRequest { office: _, desk, seat, label, day: _, key } = request.payload();
    let (desk, seat) = (*desk, *seat);
    draft.plan.desk(desk).ok_or(OfficeError::NoSuchDesk(desk))?;
    draft.plan.seat(desk, seat).ok_or(OfficeError::NoSuchSeat { desk, seat })?;
    let number = free_courier(draft, history)?;
    let (label, key, from) = (label.clone(), *key, draft.today);
    draft.plan.couriers.push(Courier { number, label: label.clone(), desk, seat, key, from, through });
    draft.plan.couriers.sort_by_key(|courier| courier.number);
    draft.events.push(Event::CourierAdmitted { number, label, desk, seat, through });
    Ok(())
}

/// The lowest number that nobody ever had; if there is none, the lowest that nobody has.
fn free_seat(draft: &mut Draft, desk: DeskNumber, history: &History) -> Result<SeatNumber, OfficeError> {
    let listed = draft.plan.desk(desk).ok_or(OfficeError::NoSuchDesk(desk))?;
    let free: Vec<SeatNumber> = (0..=6)
        .filter_map(|number| SeatNumber::new(number).ok())
        .filter(|number| listed.seats.iter().all(|seat| seat.number != *number))
        .collect();
    if let Some(number) = free.iter().find(|number| !history.knows_seat(desk, **number)) {
        return Ok(*number);
    }
    let seat = *free.first().ok_or(OfficeError::DeskFull(desk))?;
    draft.warnings.push(Warning::SeatNumberReused { desk, seat });
    Ok(seat)
}

fn free_courier(draft: &mut Draft, history: &History) -> Result<CourierNumber, OfficeError> {
    if draft.plan.couriers.len() >= COURIERS {
        return Err(OfficeError::TooManyCouriers);
    }
    let free: Vec<CourierNumber> = (0..=255)
        .filter_map(|number| CourierNumber::new(number).ok())
        .filter(|number| draft.plan.couriers.iter().all(|courier| courier.number != *number))
        .collect();
    if let Some(number) = free.iter().find(|number| !history.knows_courier(**number)) {
        return Ok(*number);
    }
    let number = *free.first().ok_or(OfficeError::TooManyCouriers)?;
    draft.warnings.push(Warning::CourierNumberReused(number));
    Ok(number)
}
