//! A directory is what everyone makes of the same statements, and nothing else passes for one.

use crate::cbor::{Number, to_vec};
use crate::keys::{AuthPublicKey, SeatAuthKey};
use crate::statement::testing::{DAY, Office, SEATS, decoded, desk, seat};
use crate::statement::{
    Directory, DirectoryError, Prekey, Roster, RosterError, Seat, SeatKey, SeatState, SeatStatementError, Signed,
    UnverifiedDirectory,
};
use crate::time::{Day, Epoch};
use minicbor::bytes::ByteSlice;

/// Any statements in any order, as a relay could put them together.
pub(super) fn crafted(roster: &Signed<Roster>, keys: &[Signed<SeatKey>], prekeys: &[Signed<Prekey>]) -> Vec<u8> {
    let keys: Vec<&ByteSlice> = keys.iter().map(|key| key.bytes().into()).collect();
    let prekeys: Vec<&ByteSlice> = prekeys.iter().map(|prekey| prekey.bytes().into()).collect();
    to_vec(&(<&ByteSlice>::from(roster.bytes()), keys, prekeys))
}

/// What a directory lists, so that a test can change it.
pub(super) struct Parts {
    pub(super) office: Office,
    pub(super) keys: Vec<Signed<SeatKey>>,
    pub(super) prekeys: Vec<Signed<Prekey>>,
}

impl Parts {
    pub(super) fn new() -> Self {
        Self::of(Office::new(1))
    }

    fn of(office: Office) -> Self {
        let directory = office.directory(DAY);
        let (keys, prekeys) = (directory.seat_keys().cloned().collect(), directory.prekeys().cloned().collect());
        Self { office, keys, prekeys }
    }

    fn refusal_on(&self, day: Day) -> Option<DirectoryError> {
        let bytes = crafted(&self.office.sign(), &self.keys, &self.prekeys);
        decoded(&bytes).verify(self.office.fingerprint(), day).err()
    }

    fn refusal(&self) -> Option<DirectoryError> {
        self.refusal_on(DAY)
    }
}

#[test]
fn what_is_assembled_is_verified_to_be_the_same() {
    let office = Office::new(1);
    let directory = office.directory(DAY);
    assert_eq!(decoded(directory.bytes()).verify(office.fingerprint(), DAY).unwrap(), directory);
    assert_eq!(decoded(directory.bytes()).hash(), directory.hash());
    assert_eq!(Parts::new().refusal(), None);
    assert_eq!(directory.seat_keys().count(), 5);
    // This week's and the furthest of three, for each active seat.
    let epochs: Vec<_> = directory.prekeys().map(|prekey| prekey.epoch.0 - DAY.epoch().0).collect();
    assert_eq!(epochs, [0, 2].repeat(4));
}

#[test]
fn statements_out_of_order_or_twice_are_refused() {
    let order = Some(DirectoryError::Order);
    let changed = |edit: fn(&mut Parts)| {
        let mut parts = Parts::new();
        edit(&mut parts);
        parts.refusal()
    };
    assert_eq!(changed(|parts| parts.keys.swap(0, 1)), order);
    assert_eq!(changed(|parts| parts.keys.swap(2, 3)), order);
    assert_eq!(changed(|parts| parts.keys.insert(2, parts.keys[0].clone())), order);
    assert_eq!(changed(|parts| parts.prekeys.swap(0, 1)), order);
    assert_eq!(changed(|parts| parts.prekeys.swap(1, 2)), order);
    assert_eq!(changed(|parts| parts.prekeys.rotate_left(4)), order);
    assert_eq!(changed(|parts| parts.prekeys.insert(1, parts.prekeys[0].clone())), order);
}

#[test]
fn prekeys_of_past_weeks_or_of_two_future_weeks_are_refused() {
    let wrong = Some(DirectoryError::WrongEpoch);
    let this_week = DAY.epoch();
    let with = |weeks: &[Epoch]| {
        let mut parts = Parts::new();
        parts.prekeys.retain(|prekey| (prekey.desk, prekey.seat) != (desk(0), seat(0)));
        let prekeys: Vec<_> =
            weeks.iter().map(|epoch| parts.office.sign_prekey(parts.office.prekey(0, 0, *epoch))).collect();
        parts.prekeys.splice(0..0, prekeys);
        parts.refusal()
    };
    let last_week = Epoch(this_week.0 - 1);
    assert_eq!(with(&[last_week]), wrong);
    assert_eq!(with(&[last_week, this_week]), wrong);
    assert_eq!(with(&[this_week.plus(1), this_week.plus(2)]), wrong);
    assert_eq!(with(&[this_week, this_week.plus(1), this_week.plus(2)]), wrong);
    assert_eq!(with(&[]), None);
    assert_eq!(with(&[this_week]), None);
    assert_eq!(with(&[this_week.plus(5)]), None);
    assert_eq!(with(&[this_week, this_week.plus(1)]), None);
    // The same directory a week later.
    assert_eq!(Parts::new().refusal_on(DAY.plus(6)), None);
    assert_eq!(Parts::new().refusal_on(DAY.plus(7)), wrong);
}

#[test]
fn nothing_of_a_seat_that_does_not_count_is_listed() {
    let base = Parts::new();
    // Revoked: the keys it published before are still around.
    let mut parts = Parts::new();
    parts.office.edit_seat((0, 2), |_| None);
    assert_eq!(parts.refusal(), Some(SeatStatementError::UnknownSeat.into()));
    parts.keys.retain(|key| (key.desk, key.seat) != (desk(0), seat(2)));
    assert_eq!(parts.refusal(), Some(SeatStatementError::UnknownSeat.into()), "its prekeys");
    parts.prekeys.retain(|prekey| (prekey.desk, prekey.seat) != (desk(0), seat(2)));
    assert_eq!(parts.refusal(), None);

    for edit in [|s: Seat| Some(Seat { from: DAY.plus(1), ..s }), |s: Seat| Some(Seat { through: DAY.minus(1), ..s })] {
        let mut parts = Parts::new();
        parts.office.edit_seat((0, 2), edit);
        assert_eq!(parts.refusal(), Some(DirectoryError::SeatNotInForce));
        parts.keys.retain(|key| (key.desk, key.seat) != (desk(0), seat(2)));
        assert_eq!(parts.refusal(), Some(DirectoryError::SeatNotInForce), "its prekeys");
    }

    let mut parts = Parts::new();
    parts.office.edit_seat((0, 2), |s| Some(Seat { state: SeatState::Retired, ..s }));
    assert_eq!(parts.refusal(), Some(DirectoryError::RetiredSeat));

    // A seat that takes another's place is another seat.
    let mut parts = Parts::new();
    let key = base.office.signing_key(6, 6).public();
    parts.office.edit_seat((0, 2), |s| Some(Seat { signing_key: key, ..s }));
    assert_eq!(parts.refusal(), Some(SeatStatementError::Signature.into()));
    let mut parts = Parts::new();
    parts.office.edit_seat((0, 2), |s| Some(Seat { label: crate::statement::testing::label("other"), ..s }));
    assert_eq!(parts.refusal(), Some(SeatStatementError::Signature.into()));
}

#[test]
fn a_seat_key_is_listed_on_its_days_alone() {
    for (from, through, refused) in [(0, 0, false), (1, 90, true), (0, 90, false)] {
        let mut parts = Parts::new();
        let key = SeatKey { from: DAY.plus(from), through: DAY.plus(through), ..parts.office.seat_key(0, 0) };
        parts.keys[0] = parts.office.sign_seat_key(key);
        assert_eq!(parts.refusal().is_some(), refused);
    }
    assert_eq!(Parts::new().refusal_on(DAY.plus(91)), Some(DirectoryError::SeatKeyNotInForce));
    // Nor does a former key stand alone.
    let mut parts = Parts::new();
    let ended = SeatKey { through: DAY.minus(1), ..parts.office.seat_key(0, 0) };
    parts.keys[0] = parts.office.sign_seat_key(ended);
    assert_eq!(parts.refusal(), Some(DirectoryError::SeatKeyNotInForce));
}

#[test]
fn statements_of_another_office_are_refused() {
    let (mut parts, foreign) = (Parts::new(), Parts::of(Office::new(2)));
    parts.keys[0] = foreign.keys[0].clone();
    assert_eq!(parts.refusal(), Some(SeatStatementError::OtherOffice.into()));
    let mut parts = Parts::new();
    parts.prekeys[0] = foreign.prekeys[0].clone();
    assert_eq!(parts.refusal(), Some(SeatStatementError::OtherOffice.into()));
    let whole = crafted(&foreign.office.sign(), &foreign.keys, &foreign.prekeys);
    let verdict = decoded(&whole).verify(parts.office.fingerprint(), DAY);
    assert!(matches!(verdict, Err(DirectoryError::Roster(RosterError::Lineage(_)))));
}

#[test]
fn a_directory_whose_roster_is_not_valid_on_the_day_is_refused() {
    let mut parts = Parts::new();
    parts.office.roster.expires = DAY;
    assert_eq!(parts.refusal(), None);
    let expired = RosterError::Expired { expires: DAY };
    assert_eq!(parts.refusal_on(DAY.plus(1)), Some(expired.into()));
    let roster = parts.office.sign();
    assert_eq!(Directory::assemble(&roster, &parts.keys, &parts.prekeys, DAY.plus(1)), Err(expired));
}

#[test]
fn a_key_that_no_exchange_should_use_is_not_published() {
    let office = Office::new(1);
    let mut one = [0; 32];
    one[0] = 1;
    for bad in [[0; 32], one, [0xff; 32]] {
        let key = SeatKey { key: AuthPublicKey(bad), ..office.seat_key(0, 0) };
        let signed = key.sign(&office.roster, &office.signing_key(0, 0));
        assert!(matches!(signed, Err(SeatStatementError::BadKey(_))));
    }
    let ends_early = SeatKey { through: DAY.minus(11), ..office.seat_key(0, 0) };
    assert_eq!(ends_early.sign(&office.roster, &office.signing_key(0, 0)).err(), Some(SeatStatementError::Validity));
}

#[test]
fn a_seat_that_copies_a_colleagues_key_silences_nobody() {
    let office = Office::new(1);
    let directory = office.directory(DAY);
    let copied = directory.seat(desk(0), seat(1)).unwrap();
    let mut pool = office.pool();
    let key = SeatKey { from: DAY, key: *copied.auth_key.unwrap(), ..office.seat_key(0, 0) };
    pool.accept_seat_key(crate::statement::testing::again(&office.sign_seat_key(key)), DAY).unwrap();
    let directory = pool.directory(DAY).unwrap();
    let read = decoded(directory.bytes()).verify(office.fingerprint(), DAY).unwrap();
    assert!(!read.seat(desk(0), seat(1)).unwrap().is_mute());
}

#[test]
fn seats_are_found_with_their_keys() {
    let office = Office::new(1);
    let directory = office.directory(DAY);
    let listed: Vec<_> = directory.seats().map(|view| (view.desk.get(), view.seat.number.get())).collect();
    assert_eq!(listed, SEATS);
    assert_eq!(directory.seats_of(desk(0)).count(), 3);
    assert_eq!(directory.seats_of(desk(1)).count(), 0);
    assert!(directory.seat(desk(0), seat(6)).is_none());

    let view = directory.seat(desk(0), seat(1)).unwrap();
    let (this_week, furthest) = (DAY.epoch(), DAY.epoch().plus(2));
    let (auth, prekey) = view.recipient().unwrap();
    assert_eq!(*auth, office.auth_key(0, 1).public());
    assert_eq!(*prekey, office.prekey_secret(0, 1, this_week).public());
    let (_, prekey, epoch) = view.offline_recipient().unwrap();
    assert_eq!((prekey, epoch), (&office.prekey_secret(0, 1, furthest).public(), furthest));
    assert!(view.is_active() && !view.is_mute());

    let retired = directory.seat(desk(3), seat(4)).unwrap();
    assert!(!retired.is_active() && !retired.is_mute() && retired.recipient().is_none());
    assert!(retired.auth_key.is_some() && retired.offline_recipient().is_none());

    let key = office.auth_key(3, 4).public();
    assert!(directory.is_seat_key(&key));
    assert!(directory.stands(desk(3), seat(4), &key));
    assert!(!directory.stands(desk(3), seat(0), &key));
    assert!(!directory.stands(desk(0), seat(4), &key));
    let stranger = SeatAuthKey::from_bytes([1; 32]).public();
    assert!(!directory.is_seat_key(&stranger) && !directory.stands(desk(3), seat(4), &stranger));
}

#[test]
fn a_seat_without_a_key_or_this_weeks_prekey_is_mute() {
    let office = Office::new(1);
    let (keys, prekeys) = office.published();
    let roster = office.sign();
    let zero = |desk: Number<0, 15>, seat: Number<0, 6>| (desk.get(), seat.get()) == (0, 0);

    let without_key = keys.iter().filter(|key| !zero(key.desk, key.seat));
    let directory = Directory::assemble(&roster, without_key, &prekeys, DAY).unwrap();
    let view = directory.seat(desk(0), seat(0)).unwrap();
    assert!(view.is_mute() && view.recipient().is_none() && view.offline_recipient().is_none());
    assert!(view.prekey.is_some());

    let this_week = |prekey: &&Signed<Prekey>| zero(prekey.desk, prekey.seat) && prekey.epoch == DAY.epoch();
    let without_prekey = prekeys.iter().filter(|prekey| !this_week(prekey));
    let directory = Directory::assemble(&roster, &keys, without_prekey, DAY).unwrap();
    let view = directory.seat(desk(0), seat(0)).unwrap();
    assert!(view.is_mute() && view.recipient().is_none());
    assert_eq!(view.offline_recipient().unwrap().2, DAY.epoch().plus(2));

    let mute: Vec<_> = directory.seats().filter(|view| view.is_mute()).map(|view| view.seat.number).collect();
    assert_eq!(mute, [seat(0)]);
}

#[test]
fn of_two_seat_keys_the_one_that_begins_later_holds_once_it_has_begun() {
    let office = Office::new(1);
    let next = SeatKey { from: DAY.plus(2), key: SeatAuthKey::from_bytes([7; 32]).public(), ..office.seat_key(0, 0) };
    let short = SeatKey { from: DAY.plus(4), through: DAY.plus(4), ..office.seat_key(0, 0) };
    let (mut keys, prekeys) = office.published();
    keys.push(office.sign_seat_key(next.clone()));
    keys.push(office.sign_seat_key(short));
    let roster = office.sign();
    let holds = |day| {
        let directory = Directory::assemble(&roster, &keys, &prekeys, day).unwrap();
        directory.seat(desk(0), seat(0)).unwrap().auth_key == Some(&next.key)
    };
    assert_eq!([1, 2, 3, 4, 5].map(|days| holds(DAY.plus(days))), [false, true, true, false, true]);
}

#[test]
fn of_two_statements_about_the_same_the_smaller_hash_holds() {
    let office = Office::new(1);
    let (mut keys, mut prekeys) = office.published();
    let other = SeatKey { key: SeatAuthKey::from_bytes([7; 32]).public(), ..office.seat_key(0, 0) };
    keys.push(office.sign_seat_key(other));
    let other = office.prekey_secret(5, 5, DAY.epoch()).public();
    prekeys.push(office.sign_prekey(Prekey { key: other, ..office.prekey(0, 0, DAY.epoch()) }));
    let directory = Directory::assemble(&office.sign(), &keys, &prekeys, DAY).unwrap();
    let smaller = [&keys[0], keys.last().unwrap()].into_iter().min_by_key(|key| key.hash()).unwrap();
    assert_eq!(directory.seat_keys().next(), Some(smaller));
    let smaller = [&prekeys[0], prekeys.last().unwrap()].into_iter().min_by_key(|prekey| prekey.hash()).unwrap();
    assert_eq!(directory.prekeys().next(), Some(smaller));
}

#[test]
fn assembling_leaves_out_what_does_not_stand() {
    let mut office = Office::new(1);
    let (keys, prekeys) = office.published();
    let foreign = Office::new(2).published();
    office.edit_seat((0, 0), |_| None);
    office.edit_seat((0, 1), |s| Some(Seat { from: DAY.plus(1), ..s }));
    office.edit_seat((0, 2), |s| Some(Seat { state: SeatState::Retired, ..s }));
    let roster = office.sign();
    let directory =
        Directory::assemble(&roster, keys.iter().chain(&foreign.0), prekeys.iter().chain(&foreign.1), DAY).unwrap();
    let of = |d: Number<0, 15>, s: Number<0, 6>| (d.get(), s.get());
    assert!(directory.seat_keys().map(|key| of(key.desk, key.seat)).eq([(0, 2), (3, 0), (3, 4)]));
    assert!(directory.prekeys().map(|prekey| of(prekey.desk, prekey.seat)).eq([(3, 0), (3, 0)]));
    assert!(decoded(directory.bytes()).verify(office.fingerprint(), DAY).is_ok());
}

#[test]
fn more_statements_than_an_office_can_have_are_malformed() {
    let office = Office::new(1);
    let (keys, prekeys) = office.published();
    let many = |n, m| crafted(&office.sign(), &vec![keys[0].clone(); n], &vec![prekeys[0].clone(); m]);
    assert!(UnverifiedDirectory::from_bytes(&many(224, 224)).is_ok());
    assert!(UnverifiedDirectory::from_bytes(&many(225, 0)).is_err());
    assert!(UnverifiedDirectory::from_bytes(&many(0, 225)).is_err());
}
