//! What an office admits, changes and refuses. Whatever it refuses leaves every file as it was.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod office_support;

use cssr_client::office::{Change, Event, OfficeError, Request, Settings, Warning};
use cssr_proto::{Day, Hash, Number, RequestError, SeatState};
use office_support::*;

/// A refusal, and what it must look like.
type Refused<'a> = (&'a str, Result<Change, OfficeError>, fn(&OfficeError) -> bool);

#[test]
fn without_seats_desks_are_kept_and_nothing_is_issued() {
    let (folder, office) = with_desks();
    assert!(office.roster().is_none());
    assert_eq!(office.desks().len(), 2);
    drop(office);
    let mut office = cssr_client::office::Office::open(&path_of(&folder)).unwrap();
    assert_eq!(office.desk_name(desk(1)).unwrap().as_str(), "Political");
    assert_eq!(read_as_cardholder(&office.card(), &path_of(&folder)), 0);
    let draft = propose(&office, Change::RemoveDesk(desk(1))).unwrap();
    assert!(!draft.is_roster() && draft.warnings().is_empty());
    office.keep(draft).unwrap();
    assert_eq!(office.desks().len(), 1);
}

#[test]
fn a_roster_lists_who_was_admitted_and_holds_against_the_card() {
    let (folder, office) = with_seats();
    let roster = office.roster().unwrap();
    assert_eq!((roster.number.get(), roster.issued, roster.expires), (1, TODAY, TODAY.plus(365)));
    let seats: Vec<_> =
        roster.seats().map(|(desk, seat)| (desk.get(), seat.number.get(), seat.label.as_str())).collect();
    assert_eq!(seats, [(0, 0, "Amal"), (0, 1, "Dilan"), (1, 0, "Rima")]);
    let couriers: Vec<_> = roster.couriers.iter().map(|c| (c.number.get(), c.desk.get(), c.seat.get())).collect();
    assert_eq!(couriers, [(0, 0, 0), (1, 0, 1)]);
    assert!(roster.seats().all(|(_, seat)| seat.from == TODAY && seat.through == TODAY.plus(365)));
    assert_eq!(read_as_cardholder(&office.card(), &path_of(&folder)), 1);
    assert_eq!(office.warnings(TODAY), []);
}

#[test]
fn a_courier_is_admitted_with_its_seat_whatever_the_order_of_the_files() {
    let (_folder, mut office) = with_desks();
    let id = office.id();
    let requests = vec![courier_request(id, 0, 0, "C", 101), seat_request(id, 0, "Amal", 1)];
    issue(&mut office, admit(requests), TODAY).unwrap();
    assert_eq!(office.roster().unwrap().couriers.len(), 1);
}

#[test]
fn every_change_makes_the_next_roster_of_the_same_chain() {
    let (folder, mut office) = with_seats();
    let card = office.card();
    let changes = [
        Change::SetDesk { number: desk(1), name: label("Politics") },
        Change::SetDesk { number: desk(2), name: label("Women") },
        Change::RemoveDesk(desk(2)),
        Change::RetireSeat { desk: desk(0), seat: seat(0) },
        Change::RevokeSeat { desk: desk(1), seat: seat(0) },
        Change::RevokeCourier(courier(1)),
        Change::Renew { days: 400, everyone: false },
        Change::MoveRelay(relay(2, &["relay.example.org", "abc.onion"])),
        Change::Settle(Settings { page: Some(Hash([7; 32])), ..Settings::default() }),
    ];
    let last = 1 + changes.len() as u64;
    for (n, change) in changes.into_iter().enumerate() {
        issue(&mut office, change, TODAY.plus(n as u32)).unwrap();
    }
    drop(office);
    assert_eq!(read_as_cardholder(&card, &path_of(&folder)), last);
    let office = cssr_client::office::Office::open(&path_of(&folder)).unwrap();
    let roster = office.roster().unwrap();
    assert_eq!(roster.number.get(), last);
    assert_eq!(roster.seat(desk(0), seat(0)).unwrap().state, SeatState::Retired);
    assert!(roster.seat(desk(1), seat(0)).is_none() && roster.courier(courier(1)).is_none());
    assert_eq!((roster.desk(desk(1)).unwrap().name.as_str(), roster.desks.len()), ("Politics", 2));
    assert_eq!(
        (roster.relay.clone(), roster.page),
        (relay(2, &["relay.example.org", "abc.onion"]), Some(Hash([7; 32])))
    );
}

#[test]
fn a_request_that_breaks_a_rule_is_refused_by_name_and_nothing_is_written() {
    let (folder, mut office) = with_seats();
    issue(&mut office, Change::RevokeSeat { desk: desk(1), seat: seat(0) }, TODAY).unwrap();
    let id = office.id();
    let mut full = vec![];
    for n in 0..6 {
        full.push(seat_request(id, 0, "More", 20 + n));
    }
    let before = snapshot(&path_of(&folder));

    let other = cssr_proto::OfficeId([9; 16]);
    let good = seat_request_file(id, 0, "Nur", 40, TODAY);
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    let read = |file: &[u8], today| Request::read(file, id, today).map(|request| admit(vec![request]));
    let refusals: Vec<Refused<'_>> = vec![
        ("other office", read(&seat_request_file(other, 0, "Nur", 40, TODAY), TODAY), |error| {
            matches!(error, OfficeError::Request(RequestError::OtherOffice))
        }),
        ("31 days old", read(&good, TODAY.plus(31)), |error| {
            matches!(error, OfficeError::Request(RequestError::NotInForce(_)))
        }),
        ("from tomorrow", read(&good, TODAY.minus(1)), |error| {
            matches!(error, OfficeError::Request(RequestError::NotInForce(_)))
        }),
        ("forged", read(&forged, TODAY), |error| matches!(error, OfficeError::Request(RequestError::Signature))),
        ("truncated", read(&good[..good.len() - 1], TODAY), |error| matches!(error, OfficeError::NotARequest(_))),
        ("empty", read(&[], TODAY), |error| matches!(error, OfficeError::NotARequest(_))),
        ("oversized", read(&[0; 4_000], TODAY), |error| matches!(error, OfficeError::NotARequest(_))),
        ("a roster", read(office.roster().unwrap().bytes(), TODAY), |error| {
            matches!(error, OfficeError::NotARequest(_))
        }),
        ("courier of another office", read(&courier_request_file(other, 0, 0, "C", 140, TODAY), TODAY), |error| {
            matches!(error, OfficeError::Request(RequestError::OtherOffice))
        }),
        ("old courier", read(&courier_request_file(id, 0, 0, "C", 140, TODAY.minus(31)), TODAY), |error| {
            matches!(error, OfficeError::Request(RequestError::NotInForce(_)))
        }),
        ("no such desk", Ok(admit(vec![seat_request(id, 5, "Nur", 40)])), |error| {
            matches!(error, OfficeError::NoSuchDesk(_))
        }),
        ("courier of no desk", Ok(admit(vec![courier_request(id, 5, 0, "C", 140)])), |error| {
            matches!(error, OfficeError::NoSuchDesk(_))
        }),
        ("courier of no seat", Ok(admit(vec![courier_request(id, 0, 6, "C", 140)])), |error| {
            matches!(error, OfficeError::NoSuchSeat { .. })
        }),
        ("courier of a revoked seat", Ok(admit(vec![courier_request(id, 1, 0, "C", 140)])), |error| {
            matches!(error, OfficeError::NoSuchSeat { .. })
        }),
        ("listed key", Ok(admit(vec![seat_request(id, 1, "Again", 1)])), |error| {
            matches!(error, OfficeError::KeyInUse(_))
        }),
        ("a seat's key for a courier", Ok(admit(vec![courier_request(id, 0, 0, "C", 1)])), |error| {
            matches!(error, OfficeError::KeyInUse(_))
        }),
        ("one key twice", Ok(admit(vec![seat_request(id, 0, "A", 40), seat_request(id, 1, "B", 40)])), |error| {
            matches!(error, OfficeError::KeyInUse(_))
        }),
        ("revoked key", Ok(admit(vec![seat_request(id, 1, "Rima", 3)])), |error| {
            matches!(error, OfficeError::KeyWasRevoked(_))
        }),
        ("eighth seat", Ok(admit(full)), |error| matches!(error, OfficeError::DeskFull(_))),
        ("none", Ok(admit(vec![])), |error| matches!(error, OfficeError::NoRequests)),
        ("no days", Ok(Change::Admit { requests: vec![seat_request(id, 0, "Nur", 40)], days: 0 }), |error| {
            matches!(error, OfficeError::Days(0))
        }),
        ("401 days", Ok(Change::Admit { requests: vec![seat_request(id, 0, "Nur", 40)], days: 401 }), |error| {
            matches!(error, OfficeError::Days(401))
        }),
    ];
    for (name, change, fits) in refusals {
        let error = change.and_then(|change| propose(&office, change)).unwrap_err();
        assert!(fits(&error), "{name}: {error:?}");
    }
    drop(office);
    assert_eq!(snapshot(&path_of(&folder)), before);
    // The table proves nothing if the request that it varies is refused as it is.
    let office = cssr_client::office::Office::open(&path_of(&folder)).unwrap();
    propose(&office, read(&good, TODAY.plus(30)).unwrap()).unwrap();
}

#[test]
fn a_change_of_what_is_not_there_is_refused_by_name() {
    let (folder, mut office) = with_seats();
    issue(&mut office, Change::RetireSeat { desk: desk(0), seat: seat(0) }, TODAY).unwrap();
    let before = snapshot(&path_of(&folder));
    let refusals: Vec<Refused<'_>> = vec![
        ("retire nobody", Ok(Change::RetireSeat { desk: desk(0), seat: seat(4) }), |error| {
            matches!(error, OfficeError::NoSuchSeat { .. })
        }),
        ("retire twice", Ok(Change::RetireSeat { desk: desk(0), seat: seat(0) }), |error| {
            matches!(error, OfficeError::AlreadyRetired { .. })
        }),
        ("revoke nobody", Ok(Change::RevokeSeat { desk: desk(3), seat: seat(0) }), |error| {
            matches!(error, OfficeError::NoSuchSeat { .. })
        }),
        ("revoke no courier", Ok(Change::RevokeCourier(courier(7))), |error| {
            matches!(error, OfficeError::NoSuchCourier(_))
        }),
        ("remove no desk", Ok(Change::RemoveDesk(desk(9))), |error| matches!(error, OfficeError::NoSuchDesk(_))),
        ("remove a desk with seats", Ok(Change::RemoveDesk(desk(0))), |error| {
            matches!(error, OfficeError::DeskNeeded(_))
        }),
        ("the same name", Ok(Change::SetDesk { number: desk(0), name: label("Protection") }), |error| {
            matches!(error, OfficeError::NothingToChange)
        }),
        ("the same relay", Ok(Change::MoveRelay(relay(1, &["relay.example.org"]))), |error| {
            matches!(error, OfficeError::NothingToChange)
        }),
        ("no settings", Ok(Change::Settle(Settings::default())), |error| matches!(error, OfficeError::NothingToChange)),
        ("401 days", Ok(Change::Renew { days: 401, everyone: false }), |error| matches!(error, OfficeError::Days(401))),
        ("0 days", Ok(Change::Renew { days: 0, everyone: true }), |error| matches!(error, OfficeError::Days(0))),
    ];
    for (name, change, fits) in refusals {
        let error = propose(&office, change.unwrap()).unwrap_err();
        assert!(fits(&error), "{name}: {error:?}");
    }
    let clock = office.propose(Change::RetireSeat { desk: desk(0), seat: seat(1) }, TODAY.minus(1)).unwrap_err();
    assert!(matches!(clock, OfficeError::Clock { .. }), "{clock:?}");
    drop(office);
    assert_eq!(snapshot(&path_of(&folder)), before);

    let (_folder, office) = with_desks();
    let early = propose(&office, Change::Renew { days: 10, everyone: false }).unwrap_err();
    assert!(matches!(early, OfficeError::NothingIssued), "{early:?}");
}

#[test]
fn the_last_desk_of_a_roster_cannot_be_removed() {
    let (_folder, mut office) = with_seats();
    issue(&mut office, Change::RevokeSeat { desk: desk(1), seat: seat(0) }, TODAY).unwrap();
    issue(&mut office, Change::RemoveDesk(desk(1)), TODAY).unwrap();
    for number in [0, 1] {
        issue(&mut office, Change::RevokeSeat { desk: desk(0), seat: seat(number) }, TODAY).unwrap();
    }
    let error = propose(&office, Change::RemoveDesk(desk(0))).unwrap_err();
    assert!(matches!(error, OfficeError::DeskNeeded(_)), "{error:?}");
}

#[test]
fn a_revoked_seat_takes_its_couriers_with_it_and_nobody_elses() {
    let (_folder, mut office) = with_seats();
    let draft = propose(&office, Change::RevokeSeat { desk: desk(0), seat: seat(1) }).unwrap();
    assert!(
        matches!(draft.events(), [Event::SeatRevoked { .. }, Event::CourierRevoked { .. }]),
        "{:?}",
        draft.events()
    );
    office.issue(draft, &pass(ROOT)).unwrap();
    let couriers: Vec<_> = office.roster().unwrap().couriers.iter().map(|c| c.number.get()).collect();
    assert_eq!(couriers, [0]);
}

#[test]
fn a_seat_number_is_given_again_only_when_no_other_is_left() {
    let (_folder, mut office) = with_seats();
    let id = office.id();
    issue(&mut office, Change::RevokeSeat { desk: desk(0), seat: seat(0) }, TODAY).unwrap();
    let draft = propose(&office, admit(vec![seat_request(id, 0, "Nur", 40)])).unwrap();
    assert!(matches!(draft.events(), [Event::SeatAdmitted { seat: number, .. }] if number.get() == 2));
    assert!(!draft.warnings().iter().any(|warning| matches!(warning, Warning::SeatNumberReused { .. })));

    let six = (0..6).map(|n| seat_request(id, 0, &format!("Nur {n}"), 40 + n)).collect();
    let draft = propose(&office, admit(six)).unwrap();
    assert!(draft.warnings().contains(&Warning::SeatNumberReused { desk: desk(0), seat: seat(0) }));
    office.issue(draft, &pass(ROOT)).unwrap();
    assert_eq!(office.roster().unwrap().desk(desk(0)).unwrap().seats.len(), 7);

    issue(&mut office, Change::RevokeCourier(courier(1)), TODAY).unwrap();
    let draft = propose(&office, admit(vec![courier_request(id, 0, 1, "C", 140)])).unwrap();
    assert!(matches!(draft.events(), [Event::CourierAdmitted { number, .. }] if number.get() == 2));
}

#[test]
fn an_office_that_nobody_can_use_is_told() {
    let (_folder, mut office) = with_seats();
    let told = |office: &cssr_client::office::Office, change| propose(office, change).unwrap().warnings().to_vec();
    let id = office.id();

    let one_courier = told(&office, Change::RevokeCourier(courier(1)));
    assert_eq!(one_courier, [Warning::NoNotePossible { needed: 2, found: 1 }]);
    // A second courier of the same seat does not help.
    issue(&mut office, Change::RevokeCourier(courier(1)), TODAY).unwrap();
    let same_seat = told(&office, admit(vec![courier_request(id, 0, 0, "Another", 150)]));
    assert_eq!(same_seat, [Warning::NoNotePossible { needed: 2, found: 1 }]);
    let other_seat = told(&office, admit(vec![courier_request(id, 1, 0, "Another", 150)]));
    assert_eq!(other_seat, []);

    let no_seat = told(&office, Change::RetireSeat { desk: desk(1), seat: seat(0) });
    assert!(no_seat.contains(&Warning::DeskWithoutSeats { number: desk(1), name: label("Political") }), "{no_seat:?}");
    for (at, of) in [(0, 0), (0, 1)] {
        issue(&mut office, Change::RetireSeat { desk: desk(at), seat: seat(of) }, TODAY).unwrap();
    }
    // One active seat: one courier is enough, also one of a retired seat.
    assert!(!office.warnings(TODAY).iter().any(|warning| matches!(warning, Warning::NoNotePossible { .. })));
    let nobody = told(&office, Change::RetireSeat { desk: desk(1), seat: seat(0) });
    assert_eq!(nobody.first(), Some(&Warning::NoActiveSeat));

    let name = told(&office, admit(vec![seat_request(id, 1, " rima", 41)]));
    assert!(name.contains(&Warning::SameName(label(" rima"))), "{name:?}");
    let desks = told(&office, Change::SetDesk { number: desk(4), name: label("political") });
    assert!(desks.contains(&Warning::SameName(label("political"))), "{desks:?}");

    let moved = told(&office, Change::MoveRelay(relay(1, &["abc.onion"])));
    assert!(moved.contains(&Warning::PrintedAddressesGone), "{moved:?}");
    let kept = told(&office, Change::MoveRelay(relay(1, &["abc.onion", "wss://relay.example.org:443"])));
    assert!(!kept.contains(&Warning::PrintedAddressesGone), "{kept:?}");
}

#[test]
fn an_end_in_less_than_30_days_is_told_and_one_in_30_is_not() {
    let (_folder, office) = with_seats();
    let end = TODAY.plus(365);
    assert_eq!(office.warnings(end.minus(30)), []);
    let soon = office.warnings(end.minus(29));
    assert!(soon.contains(&Warning::RosterEnds { expires: end, left: 29 }), "{soon:?}");
    assert_eq!(soon.iter().filter(|warning| matches!(warning, Warning::SeatEnds { .. })).count(), 3);
    assert_eq!(soon.iter().filter(|warning| matches!(warning, Warning::CourierEnds { .. })).count(), 2);
    let over = office.warnings(end.plus(1));
    assert!(over.contains(&Warning::NoActiveSeat) && over.contains(&Warning::RosterEnds { expires: end, left: 0 }));
}

#[test]
fn renewal_extends_those_who_were_to_stay_and_nobody_else_unless_told() {
    let (_folder, mut office) = with_seats();
    let id = office.id();
    let guest = Change::Admit { requests: vec![seat_request(id, 1, "Guest", 50)], days: 40 };
    issue(&mut office, guest, TODAY.plus(1)).unwrap();
    assert_eq!(office.roster().unwrap().expires, TODAY.plus(365), "other changes keep the last day");
    let through = |office: &cssr_client::office::Office, number| {
        let roster = office.roster().unwrap();
        (roster.expires, roster.seat(desk(1), seat(number)).unwrap().through)
    };

    issue(&mut office, Change::Renew { days: 400, everyone: false }, TODAY.plus(10)).unwrap();
    let end = TODAY.plus(410);
    assert_eq!((through(&office, 0), through(&office, 1)), ((end, end), (end, TODAY.plus(41))));
    assert!(office.roster().unwrap().couriers.iter().all(|courier| courier.through == end));

    issue(&mut office, Change::Renew { days: 399, everyone: true }, TODAY.plus(12)).unwrap();
    let end = TODAY.plus(411);
    assert_eq!((through(&office, 0), through(&office, 1)), ((end, end), (end, end)));

    // A shorter validity shortens nobody's.
    issue(&mut office, Change::Renew { days: 90, everyone: true }, TODAY.plus(13)).unwrap();
    assert_eq!(through(&office, 0), (TODAY.plus(103), end));
}

#[test]
fn after_the_roster_has_expired_a_seat_can_still_be_revoked() {
    let (folder, mut office) = with_seats();
    let card = office.card();
    let late = TODAY.plus(500);
    issue(&mut office, Change::RevokeSeat { desk: desk(1), seat: seat(0) }, late).unwrap();
    let roster = office.roster().unwrap();
    assert_eq!((roster.issued, roster.expires), (late, late.plus(365)));
    assert_eq!(read_as_cardholder(&card, &path_of(&folder)), 2);
}

#[test]
fn settings_change_what_is_given_and_nothing_else() {
    let (_folder, mut office) = with_seats();
    let mut policy = *office.policy();
    policy.note_days = Number::new(5).unwrap();
    let forms = Some(Hash([3; 32]));
    issue(&mut office, Change::Settle(Settings { policy: None, page: None, forms }), TODAY).unwrap();
    issue(&mut office, Change::Settle(Settings { policy: Some(policy), ..Settings::default() }), TODAY).unwrap();
    let roster = office.roster().unwrap();
    assert_eq!((roster.policy, roster.page, roster.forms), (policy, None, forms));
}

#[test]
fn notes_that_would_outlive_letters_are_refused_as_soon_as_they_are_asked_for() {
    let (_folder, mut office) = with_seats();
    let settled = |office: &cssr_client::office::Office, notes, letters| {
        let mut policy = *office.policy();
        (policy.note_days, policy.letter_days) = (Number::new(notes).unwrap(), Number::new(letters).unwrap());
        propose(office, Change::Settle(Settings { policy: Some(policy), ..Settings::default() }))
    };
    for (notes, letters) in [(3, 3), (14, 10)] {
        let refused = settled(&office, notes, letters).unwrap_err();
        let told = OfficeError::NoteDays { notes: notes as u32, letters: letters as u32 };
        assert_eq!(refused.to_string(), told.to_string());
    }
    let draft = settled(&office, 9, 10).unwrap();
    office.issue(draft, &pass(ROOT)).unwrap();
    // Nor may letters be kept for less than the notes of before.
    assert!(matches!(settled(&office, 9, 9), Err(OfficeError::NoteDays { notes: 9, letters: 9 })));
}

#[test]
fn days_near_the_end_of_time_do_not_panic() {
    let (_folder, office) = with_seats();
    let never = office.propose(Change::Renew { days: 400, everyone: true }, Day(u32::MAX)).unwrap();
    assert_eq!(never.expires(), Day(u32::MAX));
}
