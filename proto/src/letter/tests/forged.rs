//! What a dishonest sender can do, and a dishonest colleague who has opened a letter and so holds its content key.

use super::*;
use crate::letter::open::Content;
use crate::sizes::MESSAGE_MAX;

/// How seat 3 takes a letter.
fn seat_3(forgery: &Forgery<'_>) -> OpenError {
    refused(forgery.world.open(3, &forgery.make()))
}

/// What a colleague can make of a letter that it has opened: the same slots and commitment over another body.
fn rewritten(sealed: &Sealed, content: &Content<'_>, body: &Body<'_>) -> Sealed {
    let mut sealed = sealed.clone();
    let SectionsMut { clear, body: plain, tag } = SectionsMut::of(sealed.envelope.as_mut_bytes());
    body.write(plain).unwrap();
    let cipher = content.keys.body_cipher();
    let aad = body_aad(&sealed.id, clear);
    tag.copy_from_slice(&cipher.encrypt_inout_detached(&Nonce::default(), &aad, plain.as_mut_slice().into()).unwrap());
    sealed
}

#[test]
fn a_forgery_without_a_change_opens() {
    let world = World::new();
    assert!(world.open(3, &Forgery::of_source(&world).make()).is_ok());
    assert!(world.open(3, &Forgery::of_seat(&world, 2).make()).is_ok());
    assert!(world.open_reply(&Forgery::of_seat(&world, 2).make()).is_ok());
}

#[test]
fn a_letter_of_another_version_or_suite_is_not_opened_even_if_all_of_it_fits() {
    let world = World::new();
    for prefix in [[0, 1], [2, 1], [1, 0], [1, 2]] {
        assert_eq!(seat_3(&Forgery { prefix, ..Forgery::of_source(&world) }), OpenError::CannotOpen);
    }
}

#[test]
fn a_letter_for_another_office_or_desk_is_quarantined() {
    let world = World::new();
    let forgery = Forgery { office: OfficeId([0xab; 16]), ..Forgery::of_source(&world) };
    assert_eq!(seat_3(&forgery), quarantined(Quarantine::OtherOffice));
    let forgery = Forgery { desk: desk(2), ..Forgery::of_source(&world) };
    assert_eq!(seat_3(&forgery), quarantined(Quarantine::OtherDesk));
    let forgery = Forgery { office: OfficeId([0xab; 16]), ..Forgery::of_seat(&world, 2) };
    assert_eq!(refused(world.open_reply(&forgery.make())), quarantined(Quarantine::OtherOffice));
}

#[test]
fn a_honest_letter_taken_to_another_desk_or_office_is_quarantined() {
    let world = World::new();
    let sealed = world.testimony(&testimony("x"), &world.all_seats());
    let open = |office, at| {
        let opener = SeatOpener::new(office, desk(at), seat(3), [&world.seats[3]]);
        refused(opener.open(&sealed.id, &sealed.envelope, [&world.prekeys[3]], &world.known()))
    };
    assert_eq!(open(OFFICE, 2), quarantined(Quarantine::OtherDesk));
    assert_eq!(open(OfficeId([0; 16]), 1), quarantined(Quarantine::OtherOffice));
}

#[test]
fn a_reader_without_a_mac_of_its_own_quarantines() {
    let world = World::new();
    let forgery = Forgery { change_macs: |macs| macs[3] = None, ..Forgery::of_source(&world) };
    assert_eq!(seat_3(&forgery), quarantined(Quarantine::NotNamed));
    let forgery = Forgery { change_macs: |macs| macs[3] = macs[2], ..Forgery::of_source(&world) };
    assert_eq!(seat_3(&forgery), quarantined(Quarantine::Mac));
    let forgery = Forgery { change_macs: |macs| macs.swap(3, 4), ..Forgery::of_source(&world) };
    assert_eq!(seat_3(&forgery), quarantined(Quarantine::Mac));
    assert_eq!(refused(world.open(4, &forgery.make())), quarantined(Quarantine::Mac));
    assert!(world.open(2, &forgery.make()).is_ok());
}

#[test]
fn a_colleague_cannot_write_in_a_sources_name() {
    let world = World::new();
    // Seat 2 makes the MACs with the only key it has.
    let forgery = Forgery { macs_by: &world.seats[2], ..Forgery::of_source(&world) };
    for number in [0, 1, 3, 4, 5, 6] {
        assert_eq!(refused(world.open(number, &forgery.make())), quarantined(Quarantine::Mac));
    }
}

#[test]
fn a_colleague_cannot_write_in_another_seats_name() {
    let world = World::new();
    let forgery = Forgery { macs_by: &world.seats[2], ..Forgery::of_seat(&world, 4) };
    assert_eq!(seat_3(&forgery), quarantined(Quarantine::Mac));
    assert_eq!(refused(world.open_reply(&forgery.make())), quarantined(Quarantine::Mac));
}

#[test]
fn a_colleague_cannot_change_anything_under_the_sources_macs() {
    let world = World::new();
    let honest = Forgery::of_source(&world);
    let keys = ContentKeys::new(&honest.content_keys[0]);
    let macs = honest.macs(&keys);
    // The colleague keeps content key, MACs and slots, and writes the body anew.
    let with = |forgery: Forgery<'_>| {
        refused(world.open_knowing(3, &forgery.make_with(&keys, &forgery.body(macs)), &Credulous))
    };
    let other_contact =
        Contact { reply_key: ReplySecret::from_bytes([5; 32]).public(), secret: ContactSecret::from_bytes([5; 32]) };
    for forgery in [
        Forgery::of_source(&world).saying(&Message::Testimony(testimony("other"))),
        Forgery { contact: Some(other_contact.to_bytes().to_vec()), ..Forgery::of_source(&world) },
        Forgery { contact: None, ..Forgery::of_source(&world) }.saying(&Message::Cover),
        Forgery { directory: Hash([0; 32]), ..Forgery::of_source(&world) },
        Forgery { offline: true, ..Forgery::of_source(&world) },
        Forgery { role: Role::Seat, seat: Some(seat(1)), ..Forgery::of_source(&world) },
        Forgery { sender: AuthPublicKey([9; 32]), ..Forgery::of_source(&world) },
        Forgery { id: EnvelopeId([0x1e; 16]), ..Forgery::of_source(&world) },
        // The slot of seat 4, so that it seems that the source had cheated that seat; and the last bit of the last one.
        Forgery { change_clear: |clear| clear[34 + 4 * SLOT] ^= 1, ..Forgery::of_source(&world) },
        Forgery { change_clear: |clear| clear[BODY_OFFSET - 1] ^= 1, ..Forgery::of_source(&world) },
    ] {
        assert_eq!(with(forgery), quarantined(Quarantine::Mac));
    }
    assert!(world.open(3, &honest.make_with(&keys, &honest.body(macs))).is_ok());
}

#[test]
fn a_colleague_cannot_change_whom_the_letter_names() {
    let world = World::new();
    for change_macs in [
        (|macs| macs[4] = None) as fn(&mut [Option<Hash>; SLOTS]),
        |macs| macs[SEATS] = None,
        |macs| macs[..3].fill(None),
    ] {
        assert_eq!(seat_3(&Forgery { change_macs, ..Forgery::of_source(&world) }), quarantined(Quarantine::Mac));
    }
    // And nobody is added.
    let sealed = world.testimony(&testimony("x"), &world.some_seats(&[2, 3]));
    assert_eq!(world.open(3, &sealed).unwrap().named, [false, false, true, true, false, false, false, false]);
    let content = Content::open(&sealed.id, &sealed.envelope, 2, [&world.prekeys[2]]).unwrap();
    let mut body = content.body().unwrap();
    body.macs[5] = Some(Hash([7; HASH]));
    let rewritten = rewritten(&sealed, &content, &body);
    assert_eq!(refused(world.open(3, &rewritten)), quarantined(Quarantine::Mac));
    body.macs[5] = None;
    assert!(world.open(3, &self::rewritten(&sealed, &content, &body)).is_ok());
}

#[test]
fn a_colleague_can_spoil_anothers_mac_but_not_tell_on_the_sender_by_it() {
    let world = World::new();
    let forgery = Forgery { change_macs: |macs| macs[4] = Some(Hash([7; HASH])), ..Forgery::of_source(&world) };
    assert_eq!(refused(world.open(4, &forgery.make())), quarantined(Quarantine::Mac));
    assert!(world.open(3, &forgery.make()).unwrap().named[4]);
}

#[test]
fn macs_do_not_hold_under_another_content_key() {
    let world = World::new();
    let honest = Forgery::of_source(&world);
    let macs = honest.macs(&ContentKeys::new(&honest.content_keys[0]));
    let other = Forgery { content_keys: honest.content_keys.clone().map(|_| Zeroizing::new([0x78; HASH])), ..honest };
    let keys = ContentKeys::new(&other.content_keys[0]);
    assert_eq!(refused(world.open(3, &other.make_with(&keys, &other.body(macs)))), quarantined(Quarantine::Mac));
}

#[test]
fn two_readers_cannot_be_given_two_content_keys() {
    let world = World::new();
    let mut forgery = Forgery::of_source(&world);
    forgery.content_keys[3] = Zeroizing::new([0x78; HASH]);
    let sealed = forgery.make();
    assert!(world.open(2, &sealed).is_ok(), "the commitment is to this one's key");
    assert_eq!(refused(world.open(3, &sealed)), OpenError::CannotOpen);
    // Its MAC shows the others that seat 3 was meant to read it.
    assert!(world.open(2, &sealed).unwrap().named[3]);
}

#[test]
fn a_commitment_to_another_key_is_refused_even_if_the_body_opens() {
    let world = World::new();
    let forgery = Forgery::of_source(&world);
    let keys = ContentKeys::new(&forgery.content_keys[0]);
    let body = forgery.body(forgery.macs(&keys));
    let mut lying = ContentKeys::new(&forgery.content_keys[0]);
    lying.commitment = [0x66; HASH];
    assert_eq!(refused(world.open(3, &forgery.make_with(&lying, &body))), OpenError::CannotOpen);
    assert!(world.open(3, &forgery.make_with(&keys, &body)).is_ok());
}

#[test]
fn sender_keys_that_are_not_canonical_or_of_small_order_are_refused() {
    let world = World::new();
    let with_low = |low: u8, high: u8| {
        let mut key = [0xff; 32];
        (key[0], key[31]) = (low, high);
        key
    };
    let mut high_bit = world.source.public().0;
    high_bit[31] |= 0x80;
    let mut one = [0; 32];
    one[0] = 1;
    let order_8 = [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09,
        0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ];
    // p, p + 1, 2^255 - 1, a high bit; 0, 1, a point of order 8, p - 1.
    for key in [
        with_low(0xed, 0x7f),
        with_low(0xee, 0x7f),
        with_low(0xff, 0x7f),
        high_bit,
        [0; 32],
        one,
        order_8,
        with_low(0xec, 0x7f),
    ] {
        let forgery = Forgery { sender: AuthPublicKey(key), ..Forgery::of_source(&world) };
        assert_eq!(seat_3(&forgery), quarantined(Quarantine::SenderKey), "{key:02x?}");
        // Nor do they pass if a lookup should know them.
        let forgery = Forgery { role: Role::Seat, seat: Some(seat(1)), ..forgery };
        let opened = world.open_knowing(3, &forgery.make(), &Credulous);
        assert_eq!(refused(opened), quarantined(Quarantine::SenderKey), "{key:02x?}");
    }
}

#[test]
fn a_seat_cannot_pose_as_a_source() {
    let world = World::new();
    let forgery = Forgery { sender: world.seats[2].public(), macs_by: &world.seats[2], ..Forgery::of_source(&world) };
    assert_eq!(seat_3(&forgery), quarantined(Quarantine::SeatKey));
    // Not even to itself.
    assert_eq!(refused(world.open(2, &forgery.make())), quarantined(Quarantine::SeatKey));
}

#[test]
fn a_source_cannot_pose_as_a_seat() {
    let world = World::new();
    let forgery = Forgery { sender: world.source.public(), macs_by: &world.source, ..Forgery::of_seat(&world, 2) };
    assert_eq!(seat_3(&forgery), quarantined(Quarantine::UnknownSeat));
    assert_eq!(refused(world.open_reply(&forgery.make())), quarantined(Quarantine::UnknownSeat));
}

#[test]
fn a_seat_cannot_pose_as_another_seat() {
    let world = World::new();
    let forgery = Forgery { seat: Some(seat(5)), ..Forgery::of_seat(&world, 2) };
    assert_eq!(seat_3(&forgery), quarantined(Quarantine::UnknownSeat));
    assert_eq!(refused(world.open_reply(&forgery.make())), quarantined(Quarantine::UnknownSeat));
    let forgery = Forgery { desk: desk(2), ..Forgery::of_seat(&world, 2) };
    assert_eq!(refused(world.open_reply(&forgery.make())), quarantined(Quarantine::UnknownSeat));
}

#[test]
fn a_revoked_seat_is_not_heard() {
    let world = World::new();
    let sealed = Forgery::of_seat(&world, 2).make();
    let mut known = world.known();
    known.0[2] = AuthPublicKey([1; 32]);
    assert_eq!(refused(world.open_knowing(3, &sealed, &known)), quarantined(Quarantine::UnknownSeat));
}

#[test]
fn a_source_hears_seats_only_and_only_replies_and_receipts() {
    let world = World::new();
    let from_source = Forgery::of_source(&world).make();
    assert_eq!(refused(world.open_reply(&from_source)), quarantined(Quarantine::NotFromSeat));
    let event = Forgery::of_seat(&world, 2).saying(&Message::TeamEvent(team_event())).make();
    assert_eq!(refused(world.open_reply(&event)), quarantined(Quarantine::Kind));
    assert!(world.open(3, &event).is_ok());
    assert!(world.open_reply(&Forgery::of_seat(&world, 2).saying(&Message::Receipt(receipt())).make()).is_ok());
}

#[test]
fn the_kind_fits_the_role() {
    let world = World::new();
    let from_seats = [Message::Reply(reply("x")), Message::Receipt(receipt()), Message::TeamEvent(team_event())];
    for message in from_seats {
        for contact in [None, Some(world.contact.to_bytes().to_vec())] {
            let forgery = Forgery { contact, ..Forgery::of_source(&world).saying(&message) };
            assert_eq!(seat_3(&forgery), quarantined(Quarantine::Kind));
        }
        assert!(world.open(3, &Forgery::of_seat(&world, 2).saying(&message).make()).is_ok());
    }
    for message in [Message::Testimony(testimony("x")), Message::Cover] {
        for contact in [None, Some(world.contact.to_bytes().to_vec())] {
            let forgery = Forgery { contact, ..Forgery::of_seat(&world, 2).saying(&message) };
            assert_eq!(seat_3(&forgery), quarantined(Quarantine::Kind));
        }
    }
}

#[test]
fn a_contact_comes_with_testimony_and_with_nothing_else() {
    let world = World::new();
    let contact = || Some(world.contact.to_bytes().to_vec());
    for forgery in [
        Forgery { contact: None, ..Forgery::of_source(&world) },
        Forgery { contact: contact(), ..Forgery::of_source(&world).saying(&Message::Cover) },
        Forgery { contact: contact(), ..Forgery::of_seat(&world, 2) },
        Forgery { contact: contact(), ..Forgery::of_seat(&world, 2).saying(&Message::TeamEvent(team_event())) },
    ] {
        assert_eq!(seat_3(&forgery), quarantined(Quarantine::Contact));
    }
    let forgery = Forgery { contact: contact(), ..Forgery::of_seat(&world, 2) };
    assert_eq!(refused(world.open_reply(&forgery.make())), quarantined(Quarantine::Contact));
}

#[test]
fn a_contact_that_is_none_is_refused() {
    let world = World::new();
    let good = world.contact.to_bytes().to_vec();
    let changed = |byte: usize, to: u8| {
        let mut contact = good.clone();
        contact[byte] = to;
        contact
    };
    // array(3), version, bytes(1216), the X-Wing key from 5 to 1221, bytes(32), the secret.
    let mut modulus = good.clone();
    modulus[5..8].copy_from_slice(&[0xff; 3]);
    for contact in [
        Vec::new(),
        changed(0, 0x82),
        changed(1, 2),
        modulus,
        changed(5 + 1_215, 0xff),
        good[..good.len() - 1].to_vec(),
        [&good[..], &[0]].concat(),
    ] {
        assert_eq!(
            seat_3(&Forgery { contact: Some(contact), ..Forgery::of_source(&world) }),
            quarantined(Quarantine::Contact)
        );
    }
}

#[test]
fn a_message_that_inflates_to_too_much_is_refused() {
    let world = World::new();
    for size in [MESSAGE_MAX + 1, 6_000_000] {
        let bomb = miniz_oxide::deflate::compress_to_vec(&vec![0; size], 9);
        let forgery = Forgery { message: bomb[..bomb.len().min(4_000)].to_vec(), ..Forgery::of_source(&world) };
        assert_eq!(seat_3(&forgery), quarantined(Quarantine::Compression));
    }
}

#[test]
fn bytes_after_the_compressed_message_are_refused() {
    let world = World::new();
    for trailing in [&[0][..], &[0xff; 3], b"\x03\x00"] {
        let mut forgery = Forgery::of_source(&world);
        forgery.message.extend_from_slice(trailing);
        assert_eq!(seat_3(&forgery), quarantined(Quarantine::Compression));
    }
    let mut forgery = Forgery::of_source(&world);
    forgery.message.pop();
    assert_eq!(seat_3(&forgery), quarantined(Quarantine::Compression));
    let forgery = Forgery { message: Vec::new(), ..Forgery::of_source(&world) };
    assert_eq!(seat_3(&forgery), quarantined(Quarantine::Compression));
}

#[test]
fn nothing_is_inflated_before_the_mac_is_checked() {
    let world = World::new();
    let forgery = Forgery { message: vec![0xff; 40], macs_by: &world.seats[2], ..Forgery::of_source(&world) };
    assert_eq!(seat_3(&forgery), quarantined(Quarantine::Mac));
}

#[test]
fn a_message_that_is_none_is_refused() {
    let world = World::new();
    for cbor in [&b""[..], b"\xa0", b"\xa1\x00\x06", b"\xa2\x00\x05\x09\x00", b"\xff"] {
        let forgery = Forgery { message: deflate(cbor).to_vec(), ..Forgery::of_source(&world) };
        assert_eq!(seat_3(&forgery), quarantined(Quarantine::Message));
    }
}

#[test]
fn padding_that_is_not_zero_is_refused() {
    let world = World::new();
    for change_plain in
        [(|plain| plain[PLAIN_BODY - 1] = 1) as fn(&mut [u8; PLAIN_BODY]), |plain| plain[PLAIN_BODY - 2_000] = 0x80]
    {
        assert_eq!(seat_3(&Forgery { change_plain, ..Forgery::of_source(&world) }), OpenError::CannotOpen);
    }
}

#[test]
fn a_body_of_the_wrong_length_is_refused() {
    let world = World::new();
    for change_plain in [
        (|plain| plain[..2].copy_from_slice(&[0xff, 0xff])) as fn(&mut [u8; PLAIN_BODY]),
        |plain| plain[..2].copy_from_slice(&(PLAIN_BODY as u16 - 1).to_be_bytes()),
        |plain| plain[..2].copy_from_slice(&[0, 0]),
        |plain| plain[1] = plain[1].wrapping_add(1),
        |plain| plain[1] = plain[1].wrapping_sub(1),
    ] {
        assert_eq!(seat_3(&Forgery { change_plain, ..Forgery::of_source(&world) }), OpenError::CannotOpen);
    }
}

#[test]
fn a_body_that_breaks_its_encoding_is_refused() {
    let world = World::new();
    let forgery = Forgery::of_source(&world);
    let keys = ContentKeys::new(&forgery.content_keys[0]);
    let good = forgery.body(forgery.macs(&keys));
    assert_eq!(good[..3], [0xa9, 0, 0]);
    let with = |change: fn(&mut Vec<u8>)| {
        let mut body = good.clone();
        change(&mut body);
        world.open(3, &forgery.make_with(&keys, &body))
    };
    assert!(with(|_| ()).is_ok());
    type Change = fn(&mut Vec<u8>);
    let changes: [Change; 8] = [
        |body| body[0] = 0xaa,
        |body| body[2] = 2,
        |body| {
            body[0] = 0xaa;
            body.extend_from_slice(&[10, 0]);
        },
        |body| {
            body.splice(0..1, [0xb8, 0x09]);
        },
        |body| {
            body.splice(2..3, [0x18, 0]);
        },
        |body| body.push(0),
        |body| body[1] = 1,
        |body| body.clear(),
    ];
    for (change, place) in changes.iter().zip(0..) {
        assert_eq!(refused(with(*change)), OpenError::CannotOpen, "{place}");
    }
}

#[test]
fn a_seat_number_stands_exactly_with_the_role_of_a_seat() {
    let world = World::new();
    let forgery = Forgery { seat: Some(seat(1)), ..Forgery::of_source(&world) };
    assert_eq!(refused(world.open_knowing(3, &forgery.make(), &Credulous)), OpenError::CannotOpen);
    let forgery = Forgery { seat: None, ..Forgery::of_seat(&world, 1) };
    assert_eq!(refused(world.open_knowing(3, &forgery.make(), &Credulous)), OpenError::CannotOpen);
}
