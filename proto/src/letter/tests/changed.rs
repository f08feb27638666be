//! What somebody who holds no key can do to a letter: the relay, or the network.

use super::*;
use crate::keys::{ParcelKey, ParcelSecret};
use crate::message::FileSize;
use crate::parcel::{BurnKeys, Parcel};
use crate::sizes::{BODY_OFFSET, ENVELOPE};

#[test]
fn any_changed_byte_makes_a_letter_unopenable() {
    let world = World::new();
    let sealed = world.testimony(&testimony("x"), &world.all_seats());
    let own = 34 + 2 * SLOT;
    let prefix_and_commitment = 0..34;
    let own_slot = (own..own + SLOT - 48).step_by(53).chain(own + SLOT - 80..own + SLOT);
    let other_slots = (34..BODY_OFFSET).step_by(307);
    let body_and_tag = (BODY_OFFSET..ENVELOPE - 16).step_by(211).chain(ENVELOPE - 16..ENVELOPE);
    for byte in prefix_and_commitment.chain(own_slot).chain(other_slots).chain(body_and_tag) {
        assert_eq!(refused(world.open(2, &flipped(&sealed, byte))), OpenError::CannotOpen, "{byte}");
    }
}

#[test]
fn slots_cannot_change_places() {
    let world = World::new();
    let sealed = world.testimony(&testimony("x"), &world.all_seats());
    let mut swapped = sealed.clone();
    let (first, second) = swapped.envelope.as_mut_bytes()[34..].split_at_mut(SLOT);
    first.swap_with_slice(&mut second[..SLOT]);
    assert_ne!(swapped, sealed);
    for number in 0..SEATS {
        assert_eq!(refused(world.open(number, &swapped)), OpenError::CannotOpen, "{number}");
    }
}

#[test]
fn a_slot_of_another_letter_does_not_fit() {
    let world = World::new();
    let mut rng = world.rng();
    let [one, other] = ["one", "other"].map(|words| {
        let letter = Letter::Testimony { from: &world.source, contact: &world.contact, message: &testimony(words) };
        seal(&letter, &world.all_seats(), &mut rng).unwrap()
    });
    let mut mixed = one.clone();
    mixed.envelope.as_mut_bytes()[34..34 + SLOT].copy_from_slice(&other.envelope.as_bytes()[34..34 + SLOT]);
    // Under either id.
    for id in [one.id, other.id] {
        assert_eq!(refused(world.open(0, &Sealed { id, ..mixed.clone() })), OpenError::CannotOpen);
    }
}

#[test]
fn an_envelope_opens_under_its_own_id_only() {
    let world = World::new();
    let sealed = world.testimony(&testimony("x"), &world.all_seats());
    for byte in 0..16 {
        let mut id = sealed.id;
        id.0[byte] ^= 0x80;
        assert_eq!(refused(world.open(0, &Sealed { id, ..sealed.clone() })), OpenError::CannotOpen);
    }
}

#[test]
fn another_version_or_suite_is_not_tried() {
    let world = World::new();
    let sealed = world.testimony(&testimony("x"), &world.all_seats());
    for prefix in [[0, 1], [2, 1], [1, 0], [1, 2], [0xff, 0xff]] {
        let mut changed = sealed.clone();
        changed.envelope.as_mut_bytes()[..2].copy_from_slice(&prefix);
        assert_eq!(refused(world.open(0, &changed)), OpenError::CannotOpen);
    }
}

#[test]
fn a_chunk_or_rubbish_is_no_letter() {
    let world = World::new();
    let key = ParcelKey::from_bytes([1; 32]);
    let burn = BurnKeys::new(&ParcelSecret::from_bytes([2; 32]), &key);
    let chunk = Parcel::new(&key, FileSize::new(1).unwrap()).seal_chunk(0, b"x", &burn).unwrap();
    for envelope in [chunk.envelope, Envelope::zeros(), Envelope::from_slice(&[0xff; ENVELOPE]).unwrap()] {
        assert_eq!(refused(world.open(0, &Sealed { id: chunk.id, envelope })), OpenError::CannotOpen);
    }
}

#[test]
fn another_seat_with_its_own_keys_learns_nothing() {
    let world = World::new();
    let sealed = world.testimony(&testimony("x"), &world.some_seats(&[1]));
    for number in [0, 2, 6] {
        assert_eq!(refused(world.open(number, &sealed)), OpenError::CannotOpen);
    }
    // Nor does seat 1's prekey help in another slot.
    let opened = world.opener(0).open(&sealed.id, &sealed.envelope, [&world.prekeys[1]], &world.known());
    assert_eq!(refused(opened), OpenError::CannotOpen);
}
