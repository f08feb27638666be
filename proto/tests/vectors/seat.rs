use crate::Outcome;
use crate::case::Case;
use crate::primitives::{dh, ed25519, h, verifies};
use crate::roster::{check_signature_input, trusted};
use cssr_proto::keys::{CourierKey, PrekeySecret, SeatAuthKey, SeatSigningKey};
use cssr_proto::{
    CourierError, CourierNumber, CourierProof, CourierRequest, Day, OfficeId, Prekey, RequestError, SeatKey,
    SeatRequest, SeatStatement, SeatStatementError, Unverified,
};

pub fn seat_key(case: &Case) -> Outcome {
    let (roster, bytes) = (trusted(case), case.given("statement").bytes());
    let statement = Unverified::<SeatKey>::from_bytes(&bytes).map_err(|_| "malformed")?;
    let key = statement.verify(&roster).map_err(seat_error)?;
    assert!(matches!(SeatStatement::from_bytes(&bytes), Ok(SeatStatement::SeatKey(_))));
    let seed = SeatSigningKey::from_bytes(case.source("signing-seed").array());
    assert_eq!(key.payload().clone().sign(&roster, &seed).unwrap().bytes(), bytes);
    let private = case.source("private-key").array();
    let mut base_point = [0; 32];
    base_point[0] = 9;
    assert_eq!(dh(private, base_point), *key.key.as_bytes());
    assert_eq!(SeatAuthKey::from_bytes(private).public(), key.key);
    check_signature_input(case, seed.public().as_bytes(), &bytes);
    case.expect("desk", key.desk.get());
    case.expect("seat", key.seat.get());
    case.expect("from", key.from.0);
    case.expect("through", key.through.0);
    case.expect("key", key.key.as_bytes());
    case.expect("hash", key.hash().0);
    assert_eq!(key.hash().0, h("cssr1 statement", &bytes));
    Ok(())
}

pub fn prekey(case: &Case) -> Outcome {
    let (roster, bytes) = (trusted(case), case.given("statement").bytes());
    let statement = Unverified::<Prekey>::from_bytes(&bytes).map_err(|_| "malformed")?;
    let prekey = statement.verify(&roster).map_err(seat_error)?;
    assert!(matches!(SeatStatement::from_bytes(&bytes), Ok(SeatStatement::Prekey(_))));
    let seed = SeatSigningKey::from_bytes(case.source("signing-seed").array());
    assert_eq!(prekey.payload().clone().sign(&roster, &seed).unwrap().bytes(), bytes);
    assert_eq!(PrekeySecret::from_bytes(case.source("x-wing-seed").array()).public(), prekey.key);
    check_signature_input(case, seed.public().as_bytes(), &bytes);
    case.expect("desk", prekey.desk.get());
    case.expect("seat", prekey.seat.get());
    case.expect("epoch", prekey.epoch.0);
    case.expect("key", prekey.key.as_bytes());
    case.expect("hash", prekey.hash().0);
    Ok(())
}

pub fn seat_error(error: SeatStatementError) -> &'static str {
    match error {
        SeatStatementError::Malformed(_) => "malformed",
        SeatStatementError::OtherOffice => "other-office",
        SeatStatementError::UnknownSeat => "unknown-seat",
        SeatStatementError::Validity => "validity",
        SeatStatementError::BadKey(_) => "bad-key",
        SeatStatementError::Signature => "signature",
        other => panic!("{other}"),
    }
}

pub fn seat_request(case: &Case) -> Outcome {
    let (office, today, bytes) = request(case);
    let request = Unverified::<SeatRequest>::from_bytes(&bytes).map_err(|_| "malformed")?;
    let request = request.verify(office, today).map_err(request_error)?;
    let seed = case.source("signing-seed").array();
    assert_eq!(request.payload().clone().sign(&SeatSigningKey::from_bytes(seed)).unwrap().bytes(), bytes);
    check_request(case, &seed, &bytes);
    case.expect("desk", request.desk.get());
    case.expect("label", request.label.as_str());
    case.expect("day", request.day.0);
    case.expect("key", request.key.as_bytes());
    case.expect("hash", request.hash().0);
    Ok(())
}

pub fn courier_request(case: &Case) -> Outcome {
    let (office, today, bytes) = request(case);
    let request = Unverified::<CourierRequest>::from_bytes(&bytes).map_err(|_| "malformed")?;
    let request = request.verify(office, today).map_err(request_error)?;
    let seed = case.source("signing-seed").array();
    assert_eq!(request.payload().clone().sign(&CourierKey::from_bytes(seed)).unwrap().bytes(), bytes);
    check_request(case, &seed, &bytes);
    case.expect("desk", request.desk.get());
    case.expect("seat", request.seat.get());
    case.expect("label", request.label.as_str());
    case.expect("day", request.day.0);
    case.expect("key", request.key.as_bytes());
    case.expect("hash", request.hash().0);
    Ok(())
}

fn request(case: &Case) -> (OfficeId, Day, Vec<u8>) {
    let (office, today) = (OfficeId(case.given("office").array()), Day(case.given("today").small()));
    (office, today, case.given("statement").bytes())
}

fn check_request(case: &Case, seed: &[u8; 32], bytes: &[u8]) {
    check_signature_input(case, &ed25519(seed), bytes);
}

fn request_error(error: RequestError) -> &'static str {
    match error {
        RequestError::Malformed(_) => "malformed",
        RequestError::OtherOffice => "other-office",
        RequestError::BadKey(_) => "bad-key",
        RequestError::Signature => "signature",
        RequestError::NotInForce(_) => "not-in-force",
        other => panic!("{other}"),
    }
}

pub fn courier_session(case: &Case) -> Outcome {
    let roster = trusted(case);
    let courier = CourierNumber::new(case.given("courier").number()).unwrap();
    let (hash, announced) = (case.given("handshake-hash").array(), Day(case.given("announced").small()));
    let proof = CourierProof { courier, signature: case.given("signature").array() };
    proof.verify(&roster, &hash, announced).map_err(courier_error)?;
    let seed = CourierKey::from_bytes(case.source("courier-seed").array());
    assert!(CourierProof::sign(&roster, courier, &seed, &hash, announced).unwrap() == proof);
    assert!(verifies(seed.public().as_bytes(), &case.output("signature-input").bytes(), &proof.signature));
    Ok(())
}

pub fn courier_error(error: CourierError) -> &'static str {
    match error {
        CourierError::Unknown(_) => "unknown-courier",
        CourierError::NotInForce(_) => "courier-not-in-force",
        CourierError::Signature(_) => "signature",
        other => panic!("{other}"),
    }
}
