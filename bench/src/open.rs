//! `bench open`: a seat opens letters of as many sources, on every core.
//!
//! Every letter is authenticated, and its text and sender are compared with what was sealed. Beside it, in turns, one
//! X-Wing decapsulation, one X25519 and one ChaCha20-Poly1305 for each of the same letters.

use crate::bare::{self, Opener};
use crate::comparison::{self, BySize};
use crate::desk::{DESK, Desk, OFFICE};
use crate::failure::Failure;
use crate::report::{Figure, Report};
use crate::sources::{Size, Writer, rng};
use crate::turns::on_every_core;
use crate::{Options, progress};
use chacha20poly1305::Tag;
use cssr_proto::keys::{AuthPublicKey, PrekeySecret, SeatAuthKey};
use cssr_proto::letter::{Author, Letter, Recipients, Sealed, SeatOpener, SenderLookup, seal};
use cssr_proto::message::{Message, Testimony};
use cssr_proto::sizes::PLAIN_BODY;
use cssr_proto::{DeskNumber, SeatNumber};
use std::borrow::Borrow;
use std::sync::{Mutex, PoisonError};

/// Letters, if nothing else is asked for.
const LETTERS: usize = 10_000;
/// Of the rate of the bare primitives.
const GOAL: f64 = 0.85;
/// The live prekeys of a seat at most: this week's, the 8 made ahead, and those of 9 past weeks, since a key is erased
/// 60 days after its week's end in any case (protocol, section 4.3).
const LIVE_PREKEYS: usize = 18;

pub(crate) fn run(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let &Options { letters, rounds, cores, .. } = options;
    let count = letters.map_or(LETTERS, usize::from);
    let desk = Desk::generate(&mut rng("desk", 0));
    let inbox = inbox(count, &desk.recipients(), cores)?;
    let seat = Seat::new(&desk);
    report.heading(&format!("open: {count} letters of {count} sources, {rounds} rounds"))?;

    let measured =
        comparison::measure("opening", &inbox, rounds, cores, |part| seat.open_bare(part), |part| seat.open(part))?;
    comparison::report("open", GOAL, cores, &measured, report)?;

    let bar = progress::bar("every prekey", count);
    let mut rates = Vec::new();
    for round in 0..rounds.min(count) {
        // All keys take so long that each letter gets its turn in one of the rounds only.
        let letters: Vec<&Posted> = inbox.iter().flatten().skip(round).step_by(rounds).collect();
        let time = on_every_core(&letters, cores, |part| seat.open_with_every_prekey(part))?;
        rates.push(letters.len() as f64 / time.as_secs_f64());
        bar.inc(letters.len() as u64);
    }
    drop(bar);
    report.figure(&Figure::measured("open.every_prekey.rate", "letters/s", rates))?;
    report.figure(&Figure::measured("open.every_prekey.keys", "keys", [LIVE_PREKEYS as f64]))
}

/// A letter as it arrives, and what must come out.
struct Posted {
    sealed: Sealed,
    author: AuthPublicKey,
    message: Testimony,
    bare_tag: Tag,
}

/// Letters of as many sources.
fn inbox(count: usize, to: &Recipients<'_>, cores: usize) -> Result<BySize<Posted>, Failure> {
    let bar = progress::bar("sealing", count);
    let inbox = Mutex::new(BySize::default());
    let numbers: Vec<usize> = (0..count).collect();
    on_every_core(&numbers, cores, |numbers| {
        for number in numbers {
            let place = number % Size::ALL.len();
            let Some(size) = Size::ALL.get(place) else { continue };
            let letter = Posted::new(*number as u64, *size, to)?;
            if let Some(letters) = inbox.lock().unwrap_or_else(PoisonError::into_inner).get_mut(place) {
                letters.push(letter);
            }
            bar.inc(1);
        }
        Ok(())
    })?;
    Ok(inbox.into_inner().unwrap_or_else(PoisonError::into_inner))
}

impl Posted {
    fn new(number: u64, size: Size, to: &Recipients<'_>) -> Result<Self, Failure> {
        let Writer { keys, contact, message } = Writer::new(number, size)?;
        let letter = Letter::Testimony { from: &keys.auth, contact: &contact, message: &message };
        let sealed = seal(&letter, to, &mut rng("seal", number))?;
        Ok(Self { bare_tag: bare::tag(&sealed.envelope)?, sealed, author: keys.auth.public(), message })
    }
}

/// The seat that opens, and its keys in the form that the bare primitives take.
struct Seat<'k> {
    auth: &'k SeatAuthKey,
    prekey: &'k PrekeySecret,
    other_prekeys: Vec<PrekeySecret>,
    bare: Opener,
}

impl<'k> Seat<'k> {
    fn new(desk: &'k Desk) -> Self {
        let (auth, prekey) = desk.first_seat();
        let mut rng = rng("prekeys", 0);
        let other_prekeys = (1..LIVE_PREKEYS).map(|_| PrekeySecret::generate(&mut rng)).collect();
        Self { auth, prekey, other_prekeys, bare: Opener::new(auth, prekey) }
    }

    fn open_bare(&self, letters: &[Posted]) -> Result<(), Failure> {
        let mut plain = [0; PLAIN_BODY];
        letters.iter().try_for_each(|Posted { sealed, author, bare_tag, .. }| {
            self.bare.open(&sealed.envelope, author, bare_tag, &mut plain)
        })
    }

    fn open(&self, letters: &[Posted]) -> Result<(), Failure> {
        self.open_with(letters, &[self.prekey])
    }

    /// The right key comes last.
    fn open_with_every_prekey(&self, letters: &[&Posted]) -> Result<(), Failure> {
        let prekeys: Vec<_> = self.other_prekeys.iter().chain([self.prekey]).collect();
        self.open_with(letters, &prekeys)
    }

    fn open_with(&self, letters: &[impl Borrow<Posted>], prekeys: &[&PrekeySecret]) -> Result<(), Failure> {
        let opener = SeatOpener::new(OFFICE, DESK, SeatNumber::LEAST, [self.auth]);
        for letter in letters {
            let Posted { sealed, author, message, .. } = letter.borrow();
            let opened = opener.open(&sealed.id, &sealed.envelope, prekeys.iter().copied(), &NoColleagues)?;
            let Message::Testimony(read) = &opened.message else { return Err(Failure::OtherLetter) };
            if opened.author != (Author::Source { key: *author }) || read != message {
                return Err(Failure::OtherLetter);
            }
        }
        Ok(())
    }
}

/// Only sources write here.
struct NoColleagues;

impl SenderLookup for NoColleagues {
    fn is_listed(&self, _: DeskNumber, _: SeatNumber, _: &AuthPublicKey) -> bool {
        false
    }

    fn is_seat_key(&self, _: &AuthPublicKey) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cssr_proto::{Day, Epoch};

    /// How many days after the end of its week a prekey lives at most (protocol, section 4.3).
    const DAYS_AFTER: u32 = 60;
    /// Weeks that prekeys are made ahead.
    const WEEKS_AHEAD: u32 = 8;

    #[test]
    fn no_day_has_more_live_prekeys_than_are_tried() {
        let live = |day: Day| {
            let past = (0..day.epoch().0).filter(|week| Epoch(*week).last_day().plus(DAYS_AFTER) >= day);
            past.count() + 1 + WEEKS_AHEAD as usize
        };
        assert_eq!((20_000..20_007).map(|day| live(Day(day))).max(), Some(LIVE_PREKEYS));
    }

    #[test]
    fn a_letter_with_another_text_or_sender_is_no_measurement() {
        let desk = Desk::generate(&mut rng("desk", 0));
        let seat = Seat::new(&desk);
        let post = |number| Posted::new(number, Size::Short, &desk.recipients()).unwrap();
        let (mut a, mut b) = (post(0), post(1));
        assert!(seat.open(&[]).is_ok());
        std::mem::swap(&mut a.message, &mut b.message);
        assert!(matches!(seat.open(&[a]), Err(Failure::OtherLetter)));
        let (mut a, b) = (post(0), post(1));
        a.author = b.author;
        assert!(matches!(seat.open(&[a, b]), Err(Failure::OtherLetter)));
    }

    #[test]
    fn letters_open_in_every_way_that_is_measured() {
        let desk = Desk::generate(&mut rng("desk", 0));
        let seat = Seat::new(&desk);
        for (number, size) in (0..).zip(Size::ALL) {
            let letter = Posted::new(number, size, &desk.recipients()).unwrap();
            seat.open_with_every_prekey(&[&letter]).unwrap();
            let letters = [letter];
            seat.open(&letters).unwrap();
            seat.open_bare(&letters).unwrap();
        }
    }
}
