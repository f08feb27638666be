use crate::Outcome;
use crate::case::{Case, Value};
use crate::primitives::{dh, kdf};
use cssr_proto::keys::{AuthPublicKey, ContactSecret, SeatAuthKey, SourceAuthKey};
use cssr_proto::{ClueKey, ClueScanner, DeskNumber, EnvelopeId, SeatNumber};

pub fn clue(case: &Case) -> Outcome {
    let source = SourceAuthKey::from_bytes(case.given("auth-private-key").array());
    let contact = ContactSecret::from_bytes(case.given("contact-secret").array());
    let seats = case.all("seat-desk").into_iter().zip(case.all("seat-number")).zip(case.all("seat-key"));
    let seats: Vec<_> = seats
        .map(|((desk, seat), key)| {
            let desk = DeskNumber::new(desk.number()).unwrap();
            (desk, SeatNumber::new(seat.number()).unwrap(), AuthPublicKey(key.array()))
        })
        .collect();
    let ids: Vec<_> = case.all("id").iter().map(|id| EnvelopeId(id.array())).collect();
    let scanner = ClueScanner::new(&source, &contact, seats.clone()).map_err(|_| "bad-key")?;
    let found: Vec<_> = scanner.scan(&ids).collect();
    if found.is_empty() {
        return Err("no-clue");
    }
    case.expect_all("found-id", found.iter().map(|found| found.id.0));
    case.expect_all("found-desk", found.iter().map(|found| found.desk.get()));
    case.expect_all("found-seat", found.iter().map(|found| found.seat.get()));

    let private: Vec<[u8; 32]> = case.sources("seat-private-key").iter().map(Value::array).collect();
    let key = |(private, (desk, seat, public)): (&[u8; 32], &(DeskNumber, SeatNumber, AuthPublicKey))| {
        let seat_key = SeatAuthKey::from_bytes(*private);
        assert_eq!(seat_key.public(), *public);
        // The seat recognises its own clues, too.
        let own = ClueKey::of_seat(&seat_key, &contact, *desk, *seat, &source.public()).unwrap();
        assert!(ids.iter().filter(|id| own.matches(id)).all(|id| found.iter().any(|found| found.id == *id)));
        let shared = dh(*private, *source.public().as_bytes());
        kdf(&[shared, *contact.expose()].concat(), "cssr1 clue", &[desk.get() as u8, seat.get() as u8])
    };
    case.expect_all("clue-key", private.iter().zip(&seats).map(key));
    Ok(())
}
