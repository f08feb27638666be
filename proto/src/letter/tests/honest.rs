//! What honest people see.

use super::*;
use crate::clue::ClueKey;
use crate::message::tests::any_message;
use crate::sizes::{ENVELOPE, XWING_CIPHERTEXT};
use proptest::prelude::*;

#[test]
fn every_seat_reads_a_testimony_and_can_answer() {
    let world = World::new();
    let sealed = world.testimony(&testimony("شهادة"), &world.all_seats());
    for number in 0..SEATS {
        let opened = world.open(number, &sealed).unwrap();
        assert!(opened.message == Message::Testimony(testimony("شهادة")));
        assert_eq!(opened.author, Author::Source { key: world.source.public() });
        assert!(opened.contact == Some(Contact::from_bytes(&world.contact.to_bytes()).unwrap()));
        assert_eq!((opened.directory, opened.offline, opened.key), (DIRECTORY, false, 0));
        assert_eq!(opened.named, [true, true, true, true, true, true, true, false]);
        assert_eq!(opened.named_seats().map(SeatNumber::get).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
    }
    assert_eq!(refused(world.open_reply(&sealed)), OpenError::CannotOpen);
}

#[test]
fn a_reply_is_read_by_its_source_and_the_desk_and_found_by_its_clue() {
    let world = World::new();
    let (said, told) = (reply("answer"), receipt());
    let clue = ClueKey::of_source(&world.source, &world.contact.secret, desk(1), seat(4), &world.seats[4].public());
    for (letter, message) in [
        (
            Letter::Reply { from: world.seat_sender(4), to: world.correspondent(), message: &said },
            Message::Reply(reply("answer")),
        ),
        (
            Letter::Receipt { from: world.seat_sender(4), to: world.correspondent(), message: &told },
            Message::Receipt(receipt()),
        ),
    ] {
        let sealed = world.seal(&letter, &world.some_seats(&[2, 4]));
        assert!(clue.as_ref().unwrap().matches(&sealed.id));
        let author = Author::Seat { desk: desk(1), seat: seat(4), key: world.seats[4].public() };
        for opened in [world.open(2, &sealed), world.open(4, &sealed), world.open_reply(&sealed)] {
            let opened = opened.unwrap();
            assert!(opened.message == message && opened.contact.is_none());
            assert_eq!(opened.author, author);
            assert_eq!(opened.named, [false, false, true, false, true, false, false, true]);
        }
        assert_eq!(refused(world.open(3, &sealed)), OpenError::CannotOpen);
    }
}

#[test]
fn a_team_event_is_read_by_the_desk_alone() {
    let world = World::new();
    let sealed =
        world.seal(&Letter::TeamEvent { from: world.seat_sender(6), message: &team_event() }, &world.all_seats());
    let opened = world.open(0, &sealed).unwrap();
    assert!(opened.message == Message::TeamEvent(team_event()));
    assert_eq!(opened.author, Author::Seat { desk: desk(1), seat: seat(6), key: world.seats[6].public() });
    assert!(!opened.named[7]);
    assert_eq!(refused(world.open_reply(&sealed)), OpenError::CannotOpen);
}

#[test]
fn a_cover_opens_as_nothing_from_nobody() {
    let world = World::new();
    let mut rng = world.rng();
    let mut senders = Vec::new();
    for _ in 0..2 {
        let sealed = seal(&Letter::Cover, &world.all_seats(), &mut rng).unwrap();
        let opened = world.open(5, &sealed).unwrap();
        assert!(opened.message == Message::Cover && opened.contact.is_none());
        let Author::Source { key } = opened.author else { panic!("a cover from a seat") };
        senders.push(key);
    }
    assert_ne!(senders[0], senders[1]);
    assert_ne!(senders[0], world.source.public());
}

#[test]
fn the_directory_echo_and_the_offline_mark_arrive() {
    let world = World::new();
    let to = Recipients { offline: true, directory: Hash([9; 32]), ..world.some_seats(&[3]) };
    let opened = world.open(3, &world.testimony(&testimony("x"), &to)).unwrap();
    assert_eq!((opened.directory, opened.offline), (Hash([9; 32]), true));
}

#[test]
fn any_live_prekey_opens_and_its_place_is_told() {
    let world = World::new();
    let sealed = world.testimony(&testimony("x"), &world.all_seats());
    let mut rng = world.rng();
    let others: Vec<_> = (0..3).map(|_| PrekeySecret::generate(&mut rng)).collect();
    let open = |prekeys: &[&PrekeySecret]| {
        world.opener(1).open(&sealed.id, &sealed.envelope, prekeys.iter().copied(), &world.known())
    };
    let [a, b, c] = others.as_slice() else { panic!("three") };
    let live = &world.prekeys[1];
    for (prekeys, place) in [([live, a, b, c], 0), ([a, b, live, c], 2), ([a, b, c, live], 3)] {
        assert_eq!(open(&prekeys).unwrap().key, place);
    }
    assert_eq!(refused(open(&[a, b, c])), OpenError::CannotOpen);
    assert_eq!(refused(open(&[])), OpenError::CannotOpen);
}

#[test]
fn a_letter_to_a_seats_former_authentication_key_opens_while_it_is_kept() {
    let world = World::new();
    let sealed = world.testimony(&testimony("x"), &world.all_seats());
    let newer = SeatAuthKey::generate(&mut world.rng());
    let open = |keys: &[&SeatAuthKey]| {
        let opener = SeatOpener::new(OFFICE, desk(1), seat(0), keys.iter().copied());
        opener.open(&sealed.id, &sealed.envelope, [&world.prekeys[0]], &world.known())
    };
    assert!(open(&[&newer, &world.seats[0]]).is_ok());
    assert_eq!(refused(open(&[&newer])), quarantined(Quarantine::Mac));
    assert_eq!(refused(open(&[])), quarantined(Quarantine::Mac));
}

#[test]
fn letters_of_every_kind_have_one_form() {
    let world = World::new();
    let mut rng = world.rng();
    let (long, said, told, event) = (testimony("a".repeat(60_000)), reply("y"), receipt(), team_event());
    let letters = [
        Letter::Testimony { from: &world.source, contact: &world.contact, message: &long },
        Letter::Reply { from: world.seat_sender(0), to: world.correspondent(), message: &said },
        Letter::Receipt { from: world.seat_sender(0), to: world.correspondent(), message: &told },
        Letter::TeamEvent { from: world.seat_sender(0), message: &event },
        Letter::Cover,
    ];
    let mut seen = std::collections::HashSet::new();
    for letter in &letters {
        for to in [world.some_seats(&[0]), world.all_seats()] {
            let sealed = seal(letter, &to, &mut rng).unwrap();
            let bytes = sealed.envelope.as_bytes();
            assert_eq!((bytes.len(), &bytes[..2]), (ENVELOPE, &[1, 1][..]));
            for slot in bytes[34..9_378].chunks(SLOT) {
                // A slot without a reader is a real encapsulation: its X25519 part is a number below 2^255 like any.
                let (encapsulation, wrapped) = slot.split_at(XWING_CIPHERTEXT);
                assert!(encapsulation[XWING_CIPHERTEXT - 1] < 0x80);
                assert!(seen.insert(encapsulation[..32].to_vec()) && seen.insert(encapsulation[1_088..].to_vec()));
                assert!(seen.insert(wrapped.to_vec()));
                assert!(slot.windows(16).all(|run| run.iter().any(|byte| *byte != run[0])));
            }
            assert!(seen.insert(bytes[2..34].to_vec()) && seen.insert(sealed.id.as_bytes().to_vec()));
        }
    }
}

#[test]
fn the_body_and_a_mac_have_the_bytes_of_the_specification() {
    use crate::hash::{kdf, kdf_salted, mac};
    use sha2::{Digest as _, Sha256};
    let world = World::new();
    let forgery = Forgery::of_seat(&world, 2);
    let keys = ContentKeys::new(&forgery.content_keys[0]);
    assert_eq!(keys.commitment, *kdf(&[0x77; 32], "cssr1 commitment", &[]));
    let bytes = |bytes: &[u8]| {
        let mut e = minicbor::Encoder::new(Vec::new());
        e.bytes(bytes).unwrap();
        e.into_writer()
    };
    let (sender, reader) = (world.seats[2].public(), world.source.public());
    let transcript = [
        &b"\x8f\x70cssr1 transcript\x01"[..],
        &bytes(&sender.0),
        &[2],
        &bytes(&reader.0),
        &bytes(&OFFICE.0),
        &[1, 7, 0x18, 0xff],
        &bytes(&Sha256::digest(forgery.clear(&keys))),
        &bytes(&DIRECTORY.0),
        &[0xf4, 0xf6],
        &bytes(forgery.id.as_bytes()),
        &bytes(&forgery.message),
    ]
    .concat();
    let shared = world.source.dh(&sender).unwrap();
    let salt = kdf(&[0x77; 32], "cssr1 mac salt", &[]);
    let expected = mac(&kdf_salted(&salt, shared.as_slice(), "cssr1 mac key", &[&[7]]), &[&transcript]);
    let macs = forgery.macs(&keys);
    assert_eq!(macs[7], Some(Hash(expected)));
    let mut body = [&[0xa9, 0, 1, 1][..], &bytes(&OFFICE.0), &[2, 1, 3, 2, 4], &bytes(&sender.0), &[5]].concat();
    body.extend_from_slice(&[&bytes(&DIRECTORY.0)[..], &[6, 0xf4, 8, 0x88]].concat());
    macs.iter().for_each(|mac| body.extend_from_slice(&bytes(&mac.unwrap().0)));
    body.extend_from_slice(&[&[9][..], &bytes(&forgery.message)].concat());
    assert_eq!(forgery.body(macs), body);
}

#[test]
fn nothing_of_a_letter_is_shown() {
    let world = World::new();
    let to = world.all_seats();
    let message = testimony("secret");
    let letter = Letter::Testimony { from: &world.source, contact: &world.contact, message: &message };
    let sealed = world.seal(&letter, &to);
    let opener = SourceOpener::new(OFFICE, &world.source, &world.reply);
    let shown = format!("{letter:?} {sealed:?} {:?} {opener:?}", world.open(0, &sealed).unwrap());
    assert!(!shown.contains("secret") && !shown.contains(&format!("{:?}", world.source.public().0)), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_is_sealed_opens_to_the_same(
        message in any_message(), from in 0..SEATS, by in 0..SEATS, others in proptest::sample::subsequence(vec![0usize, 1, 2, 3, 4, 5, 6], 0..SEATS),
    ) {
        let world = World::new();
        let to = world.some_seats(&[&others[..], &[by]].concat());
        let bytes = message.to_bytes();
        let letter = match &message {
            Message::Testimony(message) => Letter::Testimony { from: &world.source, contact: &world.contact, message },
            Message::Reply(message) => Letter::Reply { from: world.seat_sender(from), to: world.correspondent(), message },
            Message::Receipt(message) => Letter::Receipt { from: world.seat_sender(from), to: world.correspondent(), message },
            Message::TeamEvent(message) => Letter::TeamEvent { from: world.seat_sender(from), message },
            Message::Cover => Letter::Cover,
        };
        let sealed = world.seal(&letter, &to);
        prop_assert!(check_size(&message).is_ok());
        prop_assert_eq!(world.open(by, &sealed).unwrap().message.to_bytes(), bytes.clone());
        if matches!(message, Message::Reply(_) | Message::Receipt(_)) {
            prop_assert_eq!(world.open_reply(&sealed).unwrap().message.to_bytes(), bytes);
        }
    }
}
