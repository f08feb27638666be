use crate::Outcome;
use crate::case::Case;
use crate::primitives::h;
use crate::roster::{roster_error, trusted};
use crate::seat::seat_error;
use cssr_proto::{
    Day, Directory, DirectoryError, Fingerprint, Prekey, SeatKey, Unverified, UnverifiedDirectory, sha256,
};

pub fn directory(case: &Case) -> Outcome {
    let card = Fingerprint::from_bytes(case.given("card").array());
    let (day, bytes) = (Day(case.given("day").small()), case.given("directory").bytes());
    let directory = UnverifiedDirectory::from_bytes(&bytes).map_err(|_| "malformed")?;
    let directory = directory.verify(card, day).map_err(directory_error)?;
    case.expect("hash", directory.hash().0);
    assert_eq!(directory.hash().0, h("cssr1 directory", &bytes));
    let views = || directory.seats();
    case.expect_all("seat", views().map(|view| format!("{}.{}", view.desk.get(), view.seat.number.get())));
    case.expect_all(
        "state",
        views().map(|view| match (view.is_active(), view.is_mute()) {
            (true, false) => "active",
            (true, true) => "mute",
            (false, false) => "retired",
            (false, true) => panic!("a retired seat is not mute"),
        }),
    );
    case.expect_all("seat-key", views().map(|view| view.auth_key.map(|key| key.as_bytes())));
    case.expect_all("former-key", views().map(|view| view.former_key.map(|key| key.as_bytes())));
    case.expect_all("prekey-sha256", views().map(|view| view.prekey.map(|key| sha256(key.as_bytes()))));
    case.expect_all("furthest-epoch", views().map(|view| view.furthest.map(|(epoch, _)| epoch.0)));
    case.expect_all("furthest-sha256", views().map(|view| view.furthest.map(|(_, key)| sha256(key.as_bytes()))));
    // Whoever holds exactly what it lists makes it again.
    let again = Directory::assemble(directory.roster(), directory.seat_keys(), directory.prekeys(), day).unwrap();
    assert_eq!(again.bytes(), bytes);
    Ok(())
}

pub fn assembly(case: &Case) -> Outcome {
    let (roster, day) = (trusted(case), Day(case.given("day").small()));
    // What does not verify under this roster is left out, as a holder would not have it.
    let keys = case.all("seat-key").into_iter();
    let keys: Vec<_> =
        keys.filter_map(|key| Unverified::<SeatKey>::from_bytes(&key.bytes()).unwrap().verify(&roster).ok()).collect();
    let prekeys = case.all("prekey").into_iter();
    let prekeys: Vec<_> = prekeys
        .filter_map(|key| Unverified::<Prekey>::from_bytes(&key.bytes()).unwrap().verify(&roster).ok())
        .collect();
    let directory = Directory::assemble(&roster, &keys, &prekeys, day).map_err(roster_error)?;
    case.expect("directory", directory.bytes());
    case.expect("hash", directory.hash().0);
    Ok(())
}

pub fn directory_error(error: DirectoryError) -> &'static str {
    match error {
        DirectoryError::Malformed(_) => "malformed",
        DirectoryError::Roster(error) => roster_error(error),
        DirectoryError::Seat(error) => seat_error(error),
        DirectoryError::Order => "directory-order",
        DirectoryError::SeatNotInForce => "seat-not-in-force",
        DirectoryError::SeatKeyNotInForce => "seat-key-not-in-force",
        DirectoryError::FormerKeyNotInForce => "former-key-not-in-force",
        DirectoryError::SameSeatKey => "same-seat-key",
        DirectoryError::SeatKeyOrder => "seat-key-order",
        DirectoryError::ThirdSeatKey => "third-seat-key",
        DirectoryError::RetiredSeat => "retired-seat",
        DirectoryError::WrongEpoch => "wrong-epoch",
        other => panic!("{other}"),
    }
}
