use crate::Outcome;
use crate::card::lineage_error;
use crate::case::Case;
use crate::primitives::{h, verifies};
use cssr_proto::keys::RootKey;
use cssr_proto::{Day, Fingerprint, Pool, PoolError, Roster, RosterError, Signed, Unverified};

pub fn roster(case: &Case) -> Outcome {
    let card = Fingerprint::from_bytes(case.given("card").array());
    let (today, bytes) = (Day(case.given("today").small()), case.given("statement").bytes());
    let statement = Unverified::<Roster>::from_bytes(&bytes).map_err(|_| "malformed")?;
    let roster = statement.verify(card, today).map_err(roster_error)?;
    let seed = RootKey::from_bytes(case.source("root-seed").array());
    assert_eq!(seed.public(), roster.lineage.current().key);
    assert_eq!(roster.payload().clone().sign(&seed).unwrap().bytes(), bytes);
    check_signature_input(case, &roster.lineage.current().key.0, &bytes);
    case.expect("office", roster.office().as_bytes());
    case.expect("number", roster.number.get());
    case.expect("hash", roster.hash().0);
    assert_eq!(roster.hash().0, h("cssr1 statement", &bytes));
    Ok(())
}

pub fn succession(case: &Case) -> Outcome {
    let card = Fingerprint::from_bytes(case.given("card").array());
    let today = Day(case.given("today").small());
    let read = |name: &str| Unverified::<Roster>::from_bytes(&case.given(name).bytes()).unwrap();
    let mut pool = Pool::resume(card, read("held")).unwrap();
    pool.accept_roster(read("offered"), today).map_err(|error| match error {
        PoolError::Superseded { .. } => "superseded",
        PoolError::Gap { .. } => "gap",
        PoolError::Fork => "fork",
        PoolError::ReplacedRoot => "replaced-root",
        PoolError::Roster(error) => roster_error(error),
        other => panic!("{other}"),
    })?;
    case.expect("hash", pool.roster().unwrap().hash().0);
    Ok(())
}

pub fn roster_error(error: RosterError) -> &'static str {
    match error {
        RosterError::Malformed(_) => "malformed",
        RosterError::Lineage(error) => lineage_error(error),
        RosterError::Signature => "signature",
        RosterError::DeskOrder => "desk-order",
        RosterError::SeatOrder => "seat-order",
        RosterError::CourierOrder => "courier-order",
        RosterError::KeyTwice => "key-twice",
        RosterError::BadKey(_) => "bad-key",
        RosterError::Validity => "validity",
        RosterError::SeatValidity => "seat-validity",
        RosterError::CourierValidity => "courier-validity",
        RosterError::CourierWithoutSeat => "courier-without-seat",
        RosterError::NoteDays => "note-days",
        RosterError::Previous => "previous",
        RosterError::NotYetIssued { .. } => "not-yet-issued",
        RosterError::Expired { .. } => "expired",
        other => panic!("{other}"),
    }
}

/// The roster of a vector about something else.
pub fn trusted(case: &Case) -> Signed<Roster> {
    let card = Fingerprint::from_bytes(case.given("card").array());
    Unverified::from_bytes(&case.given("roster").bytes()).unwrap().authenticate(card).unwrap()
}

/// That the one signature of a statement is over `out signature-input`.
pub fn check_signature_input(case: &Case, key: &[u8; 32], statement: &[u8]) {
    // A statement with one signature ends with it.
    let signature = &statement[statement.len() - 64..];
    assert!(verifies(key, &case.output("signature-input").bytes(), signature));
}
