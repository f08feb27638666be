//! What fits into a letter and what does not.

use super::*;
use crate::sizes::{MESSAGE_MAX, TEXT_MAX};
use rand_core::Rng as _;

/// A text that hardly compresses: `bytes` random printable characters.
fn noise(bytes: usize) -> String {
    let mut rng = ChaCha20Rng::from_seed([8; 32]);
    (0..bytes).map(|_| char::from(b' ' + (rng.next_u32() % 95) as u8)).collect()
}

fn try_to_seal(world: &World, text: &str, to: &Recipients<'_>) -> Result<Sealed, SealError> {
    let message = testimony(text);
    let letter = Letter::Testimony { from: &world.source, contact: &world.contact, message: &message };
    seal(&letter, to, &mut world.rng())
}

#[test]
fn texts_of_every_size_up_to_the_limit_arrive_and_no_longer_ones_are_sealed() {
    let world = World::new();
    let to = world.all_seats();
    let text = noise(8_000);
    let fits = |bytes: usize| try_to_seal(&world, &text[..bytes], &to);
    let longest = (1..8_000).rev().find(|bytes| check_size(&Message::Testimony(testimony(&text[..*bytes]))).is_ok());
    let longest = longest.unwrap();
    for bytes in [1, 2, 23, 24, 255, 256, 1_000, 3_000, longest - 1, longest] {
        let opened = world.open(6, &fits(bytes).unwrap()).unwrap();
        assert!(opened.message == Message::Testimony(testimony(&text[..bytes])), "{bytes}");
    }
    // A body that fills its room to the last byte, or but for one that the next character would not have fitted in.
    let Err(SealError::TooLong { over }) = fits(longest + 1) else { panic!("one more character fits") };
    assert!((1..=2).contains(&over), "{over}");
    let Err(SealError::TooLong { over }) = fits(longest + 1_000) else { panic!("1,000 more characters fit") };
    assert!((700..=1_000).contains(&over), "{over}");
}

#[test]
fn what_fits_a_desk_of_seven_is_known_without_a_directory() {
    let world = World::new();
    let text = noise(8_000);
    let mut both = [0, 0];
    for bytes in (5_900..6_800).step_by(7) {
        let known = check_size(&Message::Testimony(testimony(&text[..bytes])));
        let sealed = try_to_seal(&world, &text[..bytes], &world.all_seats()).map(|_| ());
        assert_eq!(known, sealed, "{bytes}");
        both[usize::from(sealed.is_ok())] += 1;
        let message = reply(&text[..bytes + 1_200]);
        let letter = Letter::Reply { from: world.seat_sender(0), to: world.correspondent(), message: &message };
        let sealed = seal(&letter, &world.all_seats(), &mut world.rng()).map(|_| ());
        assert_eq!(check_size(&Message::Reply(reply(&text[..bytes + 1_200]))), sealed, "{bytes}");
        both[usize::from(sealed.is_ok())] += 1;
    }
    assert!(both.iter().all(|count| *count > 20), "{both:?}");
    for message in [Message::Receipt(receipt()), Message::TeamEvent(team_event()), Message::Cover] {
        assert_eq!(check_size(&message), Ok(()));
    }
}

#[test]
fn the_longest_text_arrives_if_it_compresses() {
    let world = World::new();
    let text = "شهادة ".repeat(TEXT_MAX / 11);
    let sealed = try_to_seal(&world, &text, &world.all_seats()).unwrap();
    assert!(world.open(0, &sealed).unwrap().message == Message::Testimony(testimony(text)));
}

#[test]
fn a_message_that_no_reader_would_inflate_is_not_sealed() {
    let world = World::new();
    let event = |bytes: usize| TeamEvent { day: Day(20_780), event: Event::new(vec![0; bytes]).unwrap() };
    // map, kind, day, key and head of the event.
    let around = 1 + 2 + 4 + 1 + 3;
    let seal = |bytes| {
        let message = event(bytes);
        let letter = Letter::TeamEvent { from: world.seat_sender(0), message: &message };
        assert_eq!(check_size(&Message::TeamEvent(event(bytes))).is_ok(), bytes <= MESSAGE_MAX - around);
        seal(&letter, &world.all_seats(), &mut world.rng())
    };
    let sealed = seal(MESSAGE_MAX - around).unwrap();
    assert!(world.open(0, &sealed).unwrap().message == Message::TeamEvent(event(MESSAGE_MAX - around)));
    assert_eq!(seal(MESSAGE_MAX - around + 5), Err(SealError::TooLarge { over: 5 }));
}

#[test]
fn a_letter_that_no_seat_could_read_is_not_sealed() {
    let world = World::new();
    let nobody = world.some_seats(&[]);
    assert_eq!(try_to_seal(&world, "x", &nobody), Err(SealError::NoSeat));
    assert_eq!(seal(&Letter::Cover, &nobody, &mut world.rng()), Err(SealError::NoSeat));
    let message = reply("x");
    let letter = Letter::Reply { from: world.seat_sender(0), to: world.correspondent(), message: &message };
    assert_eq!(seal(&letter, &nobody, &mut world.rng()), Err(SealError::NoSeat));
}

#[test]
fn a_reader_with_an_unacceptable_key_is_not_sealed_to() {
    let world = World::new();
    let mut to = world.all_seats();
    to.seats[4] = Some(SeatReader { auth: AuthPublicKey([0; 32]), prekey: &world.publics[4] });
    assert!(matches!(try_to_seal(&world, "x", &to), Err(SealError::BadKey(_))));
    let bad = Correspondent { auth: AuthPublicKey([0xff; 32]), contact: &world.contact };
    let message = receipt();
    let letter = Letter::Receipt { from: world.seat_sender(0), to: bad, message: &message };
    assert!(matches!(seal(&letter, &world.all_seats(), &mut world.rng()), Err(SealError::BadKey(_))));
}
