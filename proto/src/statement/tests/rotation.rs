//! A seat changes its key: replies written under the former one are still found and opened, nothing new is sealed to
//! it, and no other key passes for it.

use super::directory::{Parts, crafted};
use crate::cbor::List;
use crate::clue::ClueScanner;
use crate::contact::Contact;
use crate::keys::{ContactSecret, ReplySecret, SeatAuthKey, SourceAuthKey};
use crate::letter::{
    Author, Correspondent, Letter, OpenError, Quarantine, Sealed, SeatOpener, SeatSender, SourceOpener, seal,
};
use crate::message::{Message, MessageText, Reply, SequenceNumber, Testimony};
use crate::statement::testing::{DAY, Office, decoded, desk, seat};
use crate::statement::{Directory, DirectoryError, SeatKey, Signed};
use crate::time::Day;
use chacha20::ChaCha20Rng;
use rand_core::SeedableRng as _;

/// How many days replies stay listed, by the policy of the office for tests.
const LETTER_DAYS: u32 = 21;

fn new_key() -> SeatAuthKey {
    SeatAuthKey::from_bytes([7; 32])
}

/// Seat 0 of desk 0 gets another key, from [`DAY`] on.
fn rotated(office: &Office) -> SeatKey {
    SeatKey { from: DAY, key: new_key().public(), ..office.seat_key(0, 0) }
}

/// What everyone makes of the statements of an office and of some more seat keys of seat 0 of desk 0.
fn directory(office: &Office, more: &[SeatKey], day: Day) -> Directory {
    let (mut keys, prekeys) = office.published();
    keys.extend(more.iter().map(|key| office.sign_seat_key(key.clone())));
    let directory = Directory::assemble(&office.sign(), &keys, &prekeys, day).unwrap();
    assert_eq!(decoded(directory.bytes()).verify(office.fingerprint(), day).as_ref(), Ok(&directory));
    directory
}

struct Source {
    auth: SourceAuthKey,
    reply: ReplySecret,
    contact: Contact,
}

impl Source {
    fn new(rng: &mut ChaCha20Rng) -> Self {
        let reply = ReplySecret::generate(rng);
        let contact = Contact { reply_key: reply.public(), secret: ContactSecret::generate(rng) };
        Self { auth: SourceAuthKey::generate(rng), reply, contact }
    }

    /// What seat 0 of desk 0 writes to it.
    fn answered(&self, auth: &SeatAuthKey, directory: &Directory, rng: &mut ChaCha20Rng) -> Sealed {
        let message = Reply {
            text: MessageText::new("answer").unwrap(),
            day: directory.day(),
            number: SequenceNumber::new(1).unwrap(),
            receipts: List::default(),
        };
        let from = SeatSender { number: seat(0), auth };
        let to = Correspondent { auth: self.auth.public(), contact: &self.contact };
        seal(&Letter::Reply { from, to, message: &message }, &directory.recipients(desk(0)).unwrap(), rng).unwrap()
    }

    fn finds(&self, reply: &Sealed, directory: &Directory) -> bool {
        let scanner = ClueScanner::new(&self.auth, &self.contact.secret, directory.correspondents()).unwrap();
        scanner.check(&reply.id).is_some_and(|found| (found.desk, found.seat) == (desk(0), seat(0)))
    }

    fn opens(&self, reply: &Sealed, directory: &Directory) -> Result<Author, OpenError> {
        let opener = SourceOpener::new(directory.roster().office(), &self.auth, &self.reply);
        opener.open(&reply.id, &reply.envelope, directory).map(|opened| opened.author)
    }
}

#[test]
fn a_reply_under_the_former_key_is_found_and_opened_as_long_as_it_is_listed() {
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let office = Office::new(1);
    let (old, source) = (office.auth_key(0, 0), Source::new(&mut rng));
    // The old key's last day is the one before the new key's first.
    let ended = SeatKey { through: DAY, ..office.seat_key(0, 0) };
    let begins = SeatKey { from: DAY.plus(1), ..rotated(&office) };
    let published = |day| {
        let (mut keys, prekeys) = office.published();
        keys.retain(|key| (key.desk, key.seat) != (desk(0), seat(0)));
        keys.extend([ended.clone(), begins.clone()].map(|key| office.sign_seat_key(key)));
        let directory = Directory::assemble(&office.sign(), &keys, &prekeys, day).unwrap();
        decoded(directory.bytes()).verify(office.fingerprint(), day).unwrap()
    };
    let reply = source.answered(&old, &published(DAY), &mut rng);
    let author = Author::Seat { desk: desk(0), seat: seat(0), key: old.public() };
    // The reply arrived on the old key's last day, so this is how long it is listed.
    for days in [1, 2, LETTER_DAYS] {
        let directory = published(DAY.plus(days));
        assert!(source.finds(&reply, &directory), "{days}");
        assert_eq!(source.opens(&reply, &directory), Ok(author), "{days}");
        assert_eq!(directory.seat_keys().count(), 6);
    }
    let later = published(DAY.plus(LETTER_DAYS + 1));
    assert!(!source.finds(&reply, &later));
    assert_eq!(source.opens(&reply, &later), Err(Quarantine::UnknownSeat.into()));
    assert_eq!(later.seat_keys().count(), 5);

    // What it writes under the new key is found at once.
    let directory = published(DAY.plus(1));
    let reply = source.answered(&new_key(), &directory, &mut rng);
    assert!(source.finds(&reply, &directory) && source.opens(&reply, &directory).is_ok());
}

#[test]
fn letters_are_sealed_to_the_new_key_only() {
    let mut rng = ChaCha20Rng::from_seed([2; 32]);
    let office = Office::new(1);
    let directory = directory(&office, &[rotated(&office)], DAY);
    let recipients = directory.recipients(desk(0)).unwrap();
    assert_eq!(recipients.seats[0].unwrap().auth, new_key().public());
    assert_eq!(directory.offline_recipients(desk(0)).unwrap().0.seats[0].unwrap().auth, new_key().public());

    let source = Source::new(&mut rng);
    let message = Testimony {
        text: MessageText::new("report").unwrap(),
        day: DAY,
        language: None,
        manifests: List::default(),
        form: None,
    };
    let letter = Letter::Testimony { from: &source.auth, contact: &source.contact, message: &message };
    let sealed = seal(&letter, &recipients, &mut rng).unwrap();
    let prekey = office.prekey_secret(0, 0, DAY.epoch());
    let open = |auth: &SeatAuthKey| {
        let opener = SeatOpener::new(directory.roster().office(), desk(0), seat(0), [auth]);
        opener.open(&sealed.id, &sealed.envelope, [&prekey], &directory).map(|opened| opened.message)
    };
    assert!(matches!(open(&new_key()), Ok(Message::Testimony(_))));
    assert!(matches!(open(&office.auth_key(0, 0)), Err(OpenError::Quarantined(Quarantine::Mac))));
}

#[test]
fn a_source_with_a_former_key_of_a_seat_is_no_source() {
    let office = Office::new(1);
    let directory = directory(&office, &[rotated(&office)], DAY);
    assert!(directory.is_seat_key(&office.auth_key(0, 0).public()));
    assert!(directory.is_seat_key(&new_key().public()));
    assert!(directory.stands(desk(0), seat(0), &office.auth_key(0, 0).public()));
    assert!(!directory.stands(desk(0), seat(1), &office.auth_key(0, 0).public()));
}

#[test]
fn whether_a_seat_is_mute_depends_on_the_key_that_holds() {
    let office = Office::new(1);
    let view = |directory: &Directory| {
        let view = directory.seat(desk(0), seat(0)).unwrap();
        (view.is_mute(), view.auth_key.copied(), view.former_key.copied())
    };
    let (old, new) = (office.auth_key(0, 0).public(), new_key().public());
    assert_eq!(view(&directory(&office, &[], DAY)), (false, Some(old), None));
    assert_eq!(view(&directory(&office, &[rotated(&office)], DAY)), (false, Some(new), Some(old)));
    // Before the new key's first day it is nothing at all.
    assert_eq!(view(&directory(&office, &[rotated(&office)], DAY.minus(1))), (true, Some(old), None));

    let (keys, prekeys) = office.published();
    let ended = SeatKey { through: DAY.minus(1), ..office.seat_key(0, 0) };
    let keys = keys.iter().filter(|key| (key.desk, key.seat) != (desk(0), seat(0)));
    let ended = [office.sign_seat_key(ended)];
    let directory = Directory::assemble(&office.sign(), keys.chain(&ended), &prekeys, DAY).unwrap();
    assert_eq!(view(&directory), (true, None, None));
}

#[test]
fn of_several_former_keys_the_one_that_goes_before_the_others_is_listed() {
    let office = Office::new(1);
    let with = |n: u8, from: u32, through: u32| SeatKey {
        from: DAY.minus(from),
        through: DAY.minus(through),
        key: SeatAuthKey::from_bytes([n; 32]).public(),
        ..office.seat_key(0, 0)
    };
    let former = |more: &[SeatKey]| {
        let directory = directory(&office, more, DAY);
        let view = directory.seat(desk(0), seat(0)).unwrap();
        (*view.auth_key.unwrap(), view.former_key.copied())
    };
    let (old, new) = (office.auth_key(0, 0).public(), new_key().public());
    let (a, b, c) = (with(11, 9, 5), with(12, 8, 1), with(13, 100, 21));
    // The key that holds does, whatever has begun later and ended already.
    assert_eq!(former(std::slice::from_ref(&a)), (old, Some(a.key)));
    assert_eq!(former(&[a.clone(), b.clone()]), (old, Some(b.key)));
    assert_eq!(former(&[a.clone(), b.clone(), rotated(&office)]), (new, Some(b.key)));
    assert_eq!(former(std::slice::from_ref(&c)), (old, Some(c.key)));
    assert_eq!(former(&[with(13, 100, 22)]), (old, None), "too old");
    assert_eq!(former(&[c, rotated(&office)]), (new, Some(old)));
    // The same key signed again for longer is no former key.
    let longer = SeatKey { through: DAY.plus(300), ..office.seat_key(0, 0) };
    assert_eq!(former(&[longer]), (old, None));
}

#[test]
fn a_directory_that_lists_other_keys_is_refused() {
    let office = Office::new(1);
    let refusal = |keys: &[SeatKey]| {
        let mut parts = Parts::new();
        let signed: Vec<Signed<SeatKey>> = keys.iter().map(|key| parts.office.sign_seat_key(key.clone())).collect();
        parts.keys.splice(0..1, signed);
        let bytes = crafted(&parts.office.sign(), &parts.keys, &parts.prekeys);
        decoded(&bytes).verify(parts.office.fingerprint(), DAY).err()
    };
    let (old, new) = (office.seat_key(0, 0), rotated(&office));
    let oldest = SeatKey { from: DAY.minus(30), key: SeatAuthKey::from_bytes([8; 32]).public(), ..old.clone() };
    assert_eq!(refusal(&[new.clone(), old.clone()]), None);
    assert_eq!(refusal(&[old.clone(), new.clone()]), Some(DirectoryError::SeatKeyOrder));
    assert_eq!(refusal(&[new.clone(), old.clone(), oldest]), Some(DirectoryError::ThirdSeatKey));
    assert_eq!(refusal(&[new.clone(), new.clone()]), Some(DirectoryError::SameSeatKey));
    let again = SeatKey { from: DAY.minus(1), ..new.clone() };
    assert_eq!(refusal(&[new.clone(), again]), Some(DirectoryError::SameSeatKey));
    let ended = |days| SeatKey { from: DAY.minus(90), through: DAY.minus(days), ..old.clone() };
    assert_eq!(refusal(&[new.clone(), ended(LETTER_DAYS)]), None);
    assert_eq!(refusal(&[new.clone(), ended(LETTER_DAYS + 1)]), Some(DirectoryError::FormerKeyNotInForce));
    let future = SeatKey { from: DAY.plus(1), ..old.clone() };
    assert_eq!(refusal(&[new.clone(), future]), Some(DirectoryError::FormerKeyNotInForce));
    assert_eq!(refusal(&[ended(1), new.clone()]), Some(DirectoryError::SeatKeyNotInForce));
    // One that began later and has ended is listed second all the same.
    let short = SeatKey { from: DAY.minus(2), through: DAY.minus(1), ..new };
    assert_eq!(refusal(&[old, short]), None);
}

#[test]
fn of_two_keys_that_began_on_one_day_the_smaller_hash_stands_first() {
    let office = Office::new(1);
    let rival = SeatKey { key: new_key().public(), ..office.seat_key(0, 0) };
    let mut both = [office.sign_seat_key(rival.clone()), office.sign_seat_key(office.seat_key(0, 0))];
    both.sort_by_key(|key| key.hash());
    let verdict = |keys: &[Signed<SeatKey>]| {
        let mut parts = Parts::new();
        parts.keys.splice(0..1, keys.iter().cloned());
        let bytes = crafted(&parts.office.sign(), &parts.keys, &parts.prekeys);
        decoded(&bytes).verify(parts.office.fingerprint(), DAY).err()
    };
    assert_eq!(verdict(&both), None);
    assert!(directory(&office, &[rival], DAY).seat_keys().take(2).eq(&both));
    both.reverse();
    assert_eq!(verdict(&both), Some(DirectoryError::SeatKeyOrder));
}
