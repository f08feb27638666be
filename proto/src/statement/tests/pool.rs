//! The same statements make the same directory, whoever brought them in whatever order; and nothing old comes back.

use crate::cbor::Number;
use crate::ids::Hash;
use crate::keys::SeatAuthKey;
use crate::statement::testing::{DAY, Office, again, desk, published, seat};
use crate::statement::{
    Accepted, Directory, Pool, PoolError, Prekey, Roster, RosterError, Seat, SeatKey, SeatStatementError, Signed,
};
use proptest::prelude::*;

fn pool_with(office: &Office) -> Pool {
    let mut pool = Pool::new(office.fingerprint());
    assert_eq!(pool.accept_roster(again(&office.sign()), DAY), Ok(Accepted::New));
    pool
}

#[test]
fn rosters_are_taken_in_their_order_and_none_twice() {
    let mut office = Office::new(1);
    let first = office.sign();
    let mut pool = pool_with(&office);
    assert_eq!(pool.accept_roster(again(&first), DAY), Ok(Accepted::Known));
    office.advance();
    let second = office.sign();
    office.advance();
    let third = office.sign();

    assert_eq!(pool.accept_roster(again(&third), DAY), Err(PoolError::Gap { missing: 2 }));
    assert_eq!(pool.accept_roster(again(&second), DAY), Ok(Accepted::New));
    assert_eq!(pool.accept_roster(again(&third), DAY), Ok(Accepted::New));
    for (old, offered) in [(&first, 1), (&second, 2)] {
        assert_eq!(pool.accept_roster(again(old), DAY), Err(PoolError::Superseded { held: 3, offered }));
    }
    assert_eq!(pool.roster(), Some(&third));
    // Who knows none takes the newest at once.
    assert_eq!(Pool::new(office.fingerprint()).accept_roster(again(&third), DAY), Ok(Accepted::New));
}

#[test]
fn another_roster_of_the_same_number_is_superseded() {
    let mut office = Office::new(1);
    let mut pool = pool_with(&office);
    office.roster.expires = DAY.plus(1);
    let superseded = Err(PoolError::Superseded { held: 1, offered: 1 });
    assert_eq!(pool.accept_roster(again(&office.sign()), DAY), superseded);
}

#[test]
fn a_roster_that_follows_another_one_is_a_fork() {
    let mut office = Office::new(1);
    let mut pool = pool_with(&office);
    office.advance();
    office.roster.previous = Some(Hash([1; 32]));
    assert_eq!(pool.accept_roster(again(&office.sign()), DAY), Err(PoolError::Fork));
}

#[test]
fn the_thief_of_a_replaced_root_has_lost_it() {
    let mut office = Office::new(1);
    let mut pool = pool_with(&office);
    office.advance();
    let mut thief = Office::new(1);
    thief.roster = office.roster.clone();
    office.succeed();
    assert_eq!(pool.accept_roster(again(&office.sign()), DAY), Ok(Accepted::New));

    // The card alone would still accept the stolen root: its lineage ends there.
    thief.roster.number = Number::new(3).unwrap();
    thief.roster.previous = pool.roster().map(Signed::hash);
    let stolen = thief.sign();
    assert!(again(&stolen).verify(office.fingerprint(), DAY).is_ok());
    assert_eq!(pool.accept_roster(again(&stolen), DAY), Err(PoolError::ReplacedRoot));
}

#[test]
fn an_expired_or_foreign_roster_is_not_taken_but_one_that_was_held_is_not_forgotten() {
    let mut office = Office::new(1);
    let long_lived = office.sign();
    office.advance();
    office.roster.expires = DAY.plus(1);
    let short_lived = office.sign();
    let expired = RosterError::Expired { expires: DAY.plus(1) };
    let mut fresh = Pool::new(office.fingerprint());
    assert_eq!(fresh.accept_roster(again(&short_lived), DAY.plus(2)), Err(expired.into()));
    assert!(fresh.roster().is_none());

    let mut pool = Pool::resume(office.fingerprint(), again(&short_lived)).unwrap();
    assert_eq!(pool.directory(DAY.plus(2)), Err(expired.into()));
    let superseded = Err(PoolError::Superseded { held: 2, offered: 1 });
    assert_eq!(pool.accept_roster(again(&long_lived), DAY.plus(2)), superseded);

    let foreign = Office::new(2).sign();
    assert!(matches!(pool.accept_roster(again(&foreign), DAY), Err(PoolError::Roster(RosterError::Lineage(_)))));
    assert!(Pool::resume(office.fingerprint(), again(&foreign)).is_err());
}

#[test]
fn a_new_roster_takes_the_keys_of_those_it_revokes_with_it() {
    let mut office = Office::new(1);
    let mut pool = office.pool();
    let (keys, _) = office.published();
    office.advance();
    office.edit_seat((0, 0), |_| None);
    let replaced = office.signing_key(9, 9).public();
    office.edit_seat((0, 1), |s| Some(Seat { signing_key: replaced, ..s }));
    pool.accept_roster(again(&office.sign()), DAY).unwrap();

    let left: Vec<_> = pool.seat_keys().map(|key| (key.desk.get(), key.seat.get())).collect();
    assert_eq!(left, [(0, 2), (3, 0), (3, 4)]);
    assert!(pool.prekeys().all(|prekey| (prekey.desk, prekey.seat) > (desk(0), seat(1))));
    assert_eq!(pool.accept_seat_key(again(&keys[0]), DAY), Err(SeatStatementError::UnknownSeat.into()));
    assert_eq!(pool.accept_seat_key(again(&keys[1]), DAY), Err(SeatStatementError::Signature.into()));
    let directory = pool.directory(DAY).unwrap();
    assert!(!directory.is_seat_key(&office.auth_key(0, 0).public()));
    assert!(!directory.is_seat_key(&office.auth_key(0, 1).public()));
}

/// A relay makes one for each publication.
#[test]
fn a_copy_shares_the_statements_of_seats() {
    let pool = Office::new(1).pool();
    let mut copy = pool.clone();
    copy.forget_outdated(DAY.plus(7));
    assert!(copy.prekeys().count() > 0 && copy.prekeys().count() < pool.prekeys().count());
    assert!(copy.prekeys().all(|copied| pool.prekeys().any(|prekey| std::ptr::eq(copied, prekey))));
    assert!(copy.seat_keys().zip(pool.seat_keys()).all(|(copied, key)| std::ptr::eq(copied, key)));
}

#[test]
fn without_a_roster_nothing_else_is_taken() {
    let office = Office::new(1);
    let mut pool = Pool::new(office.fingerprint());
    let (keys, prekeys) = office.published();
    assert_eq!(pool.accept_seat_statement(published(keys[0].bytes()), DAY), Err(PoolError::NoRoster));
    assert_eq!(pool.accept_seat_statement(published(prekeys[0].bytes()), DAY), Err(PoolError::NoRoster));
    assert_eq!(pool.directory(DAY), Err(PoolError::NoRoster));
}

#[test]
fn statements_whose_time_is_over_are_neither_taken_nor_kept() {
    let office = Office::new(1);
    let (keys, prekeys) = office.published();
    let mut pool = pool_with(&office);
    // A seat key is good for finding replies after its last day, as long as any relay keeps them.
    let late = DAY.plus(90 + 61);
    assert_eq!(pool.accept_seat_key(again(&keys[0]), late), Err(PoolError::Outdated));
    assert_eq!(pool.accept_seat_key(again(&keys[0]), late.minus(1)), Ok(Accepted::New));
    assert_eq!(pool.accept_prekey(again(&prekeys[0]), DAY.plus(7)), Err(PoolError::Outdated));
    assert_eq!(pool.accept_prekey(again(&prekeys[0]), DAY.plus(6)), Ok(Accepted::New));
    assert_eq!(pool.accept_seat_key(again(&keys[0]), DAY.plus(90)), Ok(Accepted::Known));
    pool.forget_outdated(DAY.plus(7));
    assert_eq!((pool.seat_keys().count(), pool.prekeys().count()), (1, 0));
    pool.forget_outdated(late);
    assert_eq!(pool.seat_keys().count(), 0);
}

#[test]
fn a_prekey_lies_at_most_twelve_weeks_ahead() {
    let office = Office::new(1);
    let mut pool = pool_with(&office);
    let weeks = |n| again(&office.sign_prekey(office.prekey(0, 0, DAY.epoch().plus(n))));
    assert_eq!(pool.accept_prekey(weeks(12), DAY), Ok(Accepted::New));
    assert_eq!(pool.accept_prekey(weeks(13), DAY), Err(PoolError::TooFarAhead));
}

#[test]
fn no_seat_can_fill_the_pool() {
    let office = Office::new(1);
    let mut pool = pool_with(&office);
    for days in 0..30 {
        let key = SeatKey { from: DAY.plus(days), ..office.seat_key(0, 0) };
        pool.accept_seat_key(again(&office.sign_seat_key(key)), DAY).unwrap();
    }
    assert_eq!(pool.seat_keys().count(), 8);
    let oldest = office.sign_seat_key(office.seat_key(0, 0));
    assert_eq!(pool.accept_seat_key(again(&oldest), DAY), Err(PoolError::Outdated));
    assert_eq!(pool.seat_keys().count(), 8);
}

/// Everything that two generations of an office ever signed, with rivals for the same places.
fn history() -> (Vec<Signed<Roster>>, Vec<Vec<u8>>) {
    let mut office = Office::new(1);
    let first = office.sign();
    let mut statements: Vec<Vec<u8>> = Vec::new();
    let mut publish = |office: &Office, marker: u8| {
        let (keys, prekeys) = office.published();
        statements.extend(keys.iter().map(|key| key.bytes().to_vec()));
        statements.extend(prekeys.iter().map(|prekey| prekey.bytes().to_vec()));
        for days in [0, 1, 20] {
            let key = SeatAuthKey::from_bytes([marker; 32]).public();
            let rival = SeatKey { key, from: DAY.minus(10).plus(days), ..office.seat_key(0, 1) };
            statements.push(office.sign_seat_key(rival).bytes().to_vec());
        }
        let key = office.prekey_secret(marker.into(), 0, DAY.epoch()).public();
        let rival = Prekey { key, ..office.prekey(0, 1, DAY.epoch()) };
        statements.push(office.sign_prekey(rival).bytes().to_vec());
    };
    publish(&office, 101);
    office.advance();
    office.edit_seat((0, 0), |_| None);
    publish(&office, 102);
    (vec![first, office.sign()], statements)
}

/// Offers everything again and again until nothing more is taken, as the network would in time.
fn settle(rosters: &[&Signed<Roster>], statements: &[Vec<u8>]) -> Directory {
    let mut pool = Pool::new(Office::new(1).fingerprint());
    // Two rosters and what each of them lets in: far fewer rounds than these.
    for _ in 0..10 {
        let mut news = 0;
        let half = statements.len() / 2;
        for (i, statement) in statements.iter().enumerate() {
            if i == half {
                news += rosters.iter().filter(|r| pool.accept_roster(again(r), DAY) == Ok(Accepted::New)).count();
            }
            news += usize::from(pool.accept_seat_statement(published(statement), DAY) == Ok(Accepted::New));
        }
        if news == 0 {
            return pool.directory(DAY).unwrap();
        }
    }
    panic!("the pool never settles")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_directory_does_not_depend_on_the_order_of_arrival(
        order in Just((0..history().1.len()).collect::<Vec<_>>()).prop_shuffle(),
        newest_first: bool,
    ) {
        let (rosters, statements) = history();
        let in_order = settle(&rosters.iter().collect::<Vec<_>>(), &statements);
        let shuffled: Vec<_> = order.iter().map(|i| statements[*i].clone()).collect();
        let mut rosters: Vec<_> = rosters.iter().collect();
        if newest_first {
            rosters.reverse();
        }
        let other = settle(&rosters, &shuffled);
        prop_assert_eq!(other.hash(), in_order.hash());
        prop_assert_eq!(other.bytes(), in_order.bytes());

        // And it is what the pure function makes of all statements at once.
        let office = { let mut office = Office::new(1); office.advance(); office.edit_seat((0, 0), |_| None); office };
        let roster = office.sign();
        let (mut keys, mut prekeys) = (Vec::new(), Vec::new());
        for bytes in &shuffled {
            match published(bytes) {
                crate::SeatStatement::SeatKey(key) => keys.extend(key.verify(&roster)),
                crate::SeatStatement::Prekey(prekey) => prekeys.extend(prekey.verify(&roster)),
            }
        }
        let pure = Directory::assemble(&roster, &keys, &prekeys, DAY).unwrap();
        prop_assert_eq!(pure.bytes(), in_order.bytes());
    }
}
