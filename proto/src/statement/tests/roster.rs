//! Every rule of a roster has its own refusal.

use crate::card::{Lineage, LineageError, Root, commitment};
use crate::cbor::{List, Number};
use crate::ids::Hash;
use crate::keys::{CourierPublicKey, RelayPublicKey, RootKey, RootPublicKey, SeatPublicKey};
use crate::statement::testing::{DAY, Office, again, desk, root, seat};
use crate::statement::{Roster, RosterError, SeatState};

/// What a reader says to a roster that the root really signed.
fn refusal(edit: impl FnOnce(&mut Office)) -> Option<RosterError> {
    let mut office = Office::new(1);
    edit(&mut office);
    let statement = unchecked(&office);
    let verdict = statement.verify(Office::new(1).fingerprint(), DAY).err();
    // Nor does the office's own program sign what readers refuse, dates apart.
    if !matches!(verdict, None | Some(RosterError::NotYetIssued { .. } | RosterError::Expired { .. })) {
        assert_eq!(office.roster.clone().sign(&office.root_key()).err(), verdict);
    }
    verdict
}

/// Signed without any check.
fn unchecked(office: &Office) -> crate::statement::Unverified<Roster> {
    crate::statement::Unverified::sign(office.roster.clone(), 0, &office.root_key(), |roster, bytes| {
        crate::statement::signed::SignedAs {
            context: crate::labels::context::ROSTER,
            office: roster.office(),
            role: crate::statement::signed::Role::Root,
            name: roster.name.as_str(),
            desk: None,
            number: None,
            from: roster.issued,
            through: roster.expires,
        }
        .input(bytes)
    })
    .unwrap()
}

fn desks(office: &mut Office, edit: impl FnOnce(&mut Vec<crate::Desk>)) {
    let mut desks = office.roster.desks.clone().into_vec();
    edit(&mut desks);
    office.roster.desks = List::new(desks).unwrap();
}

#[test]
fn a_roster_that_keeps_the_rules_is_accepted() {
    assert_eq!(refusal(|_| ()), None);
}

#[test]
fn numbers_ascend_strictly() {
    assert_eq!(refusal(|office| desks(office, |desks| desks.reverse())), Some(RosterError::DeskOrder));
    assert_eq!(
        refusal(|office| {
            desks(office, |desks| desks[1].number = desk(0));
            office.edit_couriers(Vec::clear);
        }),
        Some(RosterError::DeskOrder)
    );
    let seats = |edit: fn(&mut Vec<crate::Seat>)| {
        refusal(move |office| {
            desks(office, |desks| {
                let mut seats = desks[0].seats.clone().into_vec();
                edit(&mut seats);
                desks[0].seats = List::new(seats).unwrap();
            });
        })
    };
    assert_eq!(seats(|seats| seats.reverse()), Some(RosterError::SeatOrder));
    assert_eq!(seats(|seats| seats[1].number = seat(0)), Some(RosterError::SeatOrder));
    assert_eq!(refusal(|office| office.edit_couriers(|c| c.reverse())), Some(RosterError::CourierOrder));
    assert_eq!(refusal(|office| office.edit_couriers(|c| c[1].number = c[0].number)), Some(RosterError::CourierOrder));
}

#[test]
fn no_public_key_occurs_twice_whatever_it_is_for() {
    let twice = Some(RosterError::KeyTwice);
    let seat_key = *Office::new(1).signing_key(0, 0).public().as_bytes();
    let root_key = root(1, 0).key.0;
    assert_eq!(refusal(|o| o.edit_couriers(|c| c[0].key = CourierPublicKey(seat_key))), twice);
    assert_eq!(refusal(|o| o.edit_couriers(|c| c[1].key = c[0].key)), twice);
    assert_eq!(refusal(|o| o.edit_couriers(|c| c[1].key = CourierPublicKey(root_key))), twice);
    let same = |key| move |seat| Some(crate::Seat { signing_key: SeatPublicKey(key), ..seat });
    assert_eq!(refusal(|o| o.edit_seat((3, 0), same(seat_key))), twice);
    assert_eq!(refusal(|o| o.edit_seat((3, 0), same(root_key))), twice);
    // Half of all Ed25519 encodings are canonical X25519 ones too.
    let (name, key) = (0..=255)
        .map(|n| ("root", RootKey::from_bytes([n; 32]).public().0))
        .find(|(_, key)| crate::keys::AuthPublicKey(*key).check_contributory().is_ok())
        .unwrap();
    let both = refusal(|o| {
        o.edit_couriers(|c| c[0].key = CourierPublicKey(key));
        o.roster.relay.key = RelayPublicKey(key);
    });
    assert_eq!(both, twice, "{name}");
}

#[test]
fn a_key_that_nobody_can_use_safely_is_refused() {
    let bad = |verdict| matches!(verdict, Some(RosterError::BadKey(_)));
    let small_order = {
        let mut identity = [0; 32];
        identity[0] = 1;
        identity
    };
    assert!(bad(refusal(|o| o.edit_couriers(|c| c[0].key = CourierPublicKey(small_order)))));
    assert!(bad(refusal(
        |o| o.edit_seat((0, 0), |seat| { Some(crate::Seat { signing_key: SeatPublicKey([0xff; 32]), ..seat }) })
    )));
    assert!(bad(refusal(|o| o.roster.relay.key = RelayPublicKey([0xff; 32]))));
    assert!(bad(refusal(|o| o.roster.relay.key = RelayPublicKey(small_order))));
    assert!(bad(refusal(|o| o.roster.relay.key = RelayPublicKey([0; 32]))));
}

#[test]
fn a_weak_root_signs_nothing() {
    // Under the key of order one, a signature of zeros with the same point would satisfy a lax verifier.
    let mut identity = [0; 32];
    identity[0] = 1;
    let weak = Root { key: RootPublicKey(identity), commitment: Hash([0; 32]) };
    let mut office = Office::new(1);
    office.roster.lineage = Lineage::new(vec![weak]).unwrap();
    let verdict = unchecked(&office).verify(weak.fingerprint(), DAY).err();
    assert!(matches!(verdict, Some(RosterError::BadKey(_))));
}

#[test]
fn validity_is_at_most_400_days_and_nothing_ends_before_it_begins() {
    assert_eq!(refusal(|o| o.roster.expires = o.roster.issued.plus(400)), None);
    assert_eq!(refusal(|o| o.roster.expires = o.roster.issued.plus(401)), Some(RosterError::Validity));
    assert_eq!(refusal(|o| o.roster.expires = o.roster.issued.minus(1)), Some(RosterError::Validity));
    let ends_early = |seat: crate::Seat| Some(crate::Seat { through: seat.from.minus(1), ..seat });
    assert_eq!(refusal(|o| o.edit_seat((0, 1), ends_early)), Some(RosterError::SeatValidity));
    assert_eq!(refusal(|o| o.edit_couriers(|c| c[3].through = c[3].from.minus(1))), Some(RosterError::CourierValidity));
}

#[test]
fn a_courier_belongs_to_a_listed_seat() {
    assert_eq!(refusal(|o| o.edit_couriers(|c| c[0].seat = seat(5))), Some(RosterError::CourierWithoutSeat));
    assert_eq!(refusal(|o| o.edit_couriers(|c| c[0].desk = desk(1))), Some(RosterError::CourierWithoutSeat));
}

#[test]
fn a_note_counts_for_fewer_days_than_a_letter_is_kept() {
    let policy = |letters, notes| {
        refusal(|o| {
            o.roster.policy.letter_days = Number::new(letters).unwrap();
            o.roster.policy.note_days = Number::new(notes).unwrap();
        })
    };
    assert_eq!((policy(2, 1), policy(15, 14), policy(60, 1)), (None, None, None));
    for (letters, notes) in [(1, 1), (3, 3), (14, 14), (5, 6)] {
        assert_eq!(policy(letters, notes), Some(RosterError::NoteDays), "{letters} {notes}");
    }
}

#[test]
fn only_the_first_roster_names_none_before_it() {
    assert_eq!(refusal(|o| o.roster.previous = Some(Hash([0; 32]))), Some(RosterError::Previous));
    assert_eq!(refusal(|o| o.roster.number = Number::new(2).unwrap()), Some(RosterError::Previous));
    assert_eq!(refusal(Office::advance), None);
}

#[test]
fn a_roster_counts_from_its_issue_through_its_expiry() {
    let office = Office::new(1);
    let on = |day| unchecked(&office).verify(office.fingerprint(), day).err();
    let (issued, expires) = (DAY.minus(10), DAY.plus(355));
    assert_eq!((on(issued), on(expires)), (None, None));
    assert_eq!(on(issued.minus(1)), Some(RosterError::NotYetIssued { issued }));
    assert_eq!(on(expires.plus(1)), Some(RosterError::Expired { expires }));
}

#[test]
fn every_card_of_the_office_fits_after_a_succession_and_only_the_new_root_signs() {
    let mut office = Office::new(1);
    office.succeed();
    let roster = office.sign();
    for card in [root(1, 0), root(1, 1)] {
        assert!(again(&roster).verify(card.fingerprint(), DAY).is_ok());
    }
    assert_eq!(roster.office(), Office::new(1).roster.office());
    // The replaced root under the new lineage.
    let old_root = Office::new(1).root_key();
    assert_eq!(office.roster.sign(&old_root).err(), Some(RosterError::Signature));
}

#[test]
fn a_foreign_root_cannot_speak_for_the_card() {
    let card = Office::new(1).fingerprint();
    let foreign = Office::new(2);
    assert_eq!(again(&foreign.sign()).verify(card, DAY).err(), Some(RosterError::Lineage(LineageError::OtherOffice)));
    // A thief who knows no root puts its own one behind the office's.
    let mut office = Office::new(1);
    let thief = RootKey::from_bytes([66; 32]);
    let stolen = Root { key: thief.public(), commitment: commitment(&thief.public()) };
    office.roster.lineage = Lineage::new(vec![root(1, 0), stolen]).unwrap();
    let statement = office.roster.clone().sign(&thief);
    assert_eq!(statement.err(), Some(RosterError::Lineage(LineageError::Broken(2))));
    // Or claims the office's root for itself and signs with its own.
    let office = Office::new(1);
    assert_eq!(office.roster.sign(&thief).err(), Some(RosterError::Signature));
}

#[test]
fn a_seat_counts_within_its_days_and_is_active_unless_retired() {
    let office = Office::new(1);
    let listed = office.roster.seat(desk(0), seat(0)).unwrap();
    assert!(listed.counts_on(DAY.minus(10)) && listed.counts_on(DAY.plus(355)));
    assert!(!listed.counts_on(DAY.minus(11)) && !listed.counts_on(DAY.plus(356)));
    let retired = office.roster.seat(desk(3), seat(4)).unwrap();
    assert_eq!(retired.state, SeatState::Retired);
    assert!(retired.counts_on(DAY) && !retired.is_active_on(DAY));
    assert!(office.roster.seat(desk(3), seat(5)).is_none());
    assert!(office.roster.seat(desk(1), seat(0)).is_none());
}
