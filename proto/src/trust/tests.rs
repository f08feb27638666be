//! A relay, a thief or a wrong clock against a source that knows a card.

use super::*;
use crate::card::{Addresses, LineageError};
use crate::cbor::{Number, Text};
use crate::keys::RelaySecretKey;
use crate::statement::testing::{COURIERS, DAY, Office, courier, desk, head, root, seat};
use crate::statement::{CourierError, Seat};

/// What a relay gives, and what the source goes by.
struct Visit {
    card: Card,
    device: Day,
    relay: Day,
    choice: Option<ClockChoice>,
    directory: Vec<u8>,
    note: Vec<u8>,
    relay_key: RelayPublicKey,
}

impl Visit {
    /// An honest one: everything is as `office` wants it on [`DAY`].
    fn to(office: &Office) -> Self {
        let directory = office.directory(DAY);
        let note = office.note(&directory, &[0, 7]).bytes().to_vec();
        Self {
            card: office.card(),
            device: DAY,
            relay: DAY,
            choice: None,
            directory: directory.bytes().to_vec(),
            note,
            relay_key: office.roster.relay.key,
        }
    }

    fn honest() -> Self {
        Self::to(&Office::new(1))
    }

    fn trust(&self) -> Result<Trusted, TrustError> {
        trust(&self.card, self.device, self.relay, self.choice, &self.directory, &self.note, &self.relay_key)
    }

    fn refusal(&self) -> Option<TrustError> {
        self.trust().err()
    }

    fn refusal_with(edit: impl FnOnce(&mut Self)) -> Option<TrustError> {
        let mut visit = Self::honest();
        edit(&mut visit);
        visit.refusal()
    }
}

#[test]
fn an_honest_relay_is_trusted_with_what_the_office_says() {
    let trusted = Visit::honest().trust().unwrap();
    assert_eq!((trusted.day(), trusted.epoch()), (DAY, DAY.epoch()));
    assert_eq!(trusted.index_days(), DAY.minus(21)..=DAY);
    assert_eq!(trusted.head(), head());
    assert_eq!(trusted.notice(), None);
    assert_eq!(trusted.directory().hash(), trusted.note().directory);
    assert_eq!(trusted.directory_hash(), trusted.directory().hash());
    assert_eq!(trusted.policy().group.get(), 4);
    assert!(trusted.directory().seat(desk(0), seat(0)).unwrap().recipient().is_some());

    let office = Office::new(1);
    let directory = office.directory(DAY);
    let notice = Text::new("We are back on Monday.").unwrap();
    let first = directory.sign_note(1, head(), Some(notice.clone()), courier(0), &office.courier_key(0)).unwrap();
    let CheckedNote::Proposed(first) = first else { panic!("one is not enough") };
    let note = first.add_signature(&office.roster, courier(7), &office.courier_key(7)).unwrap();
    let visit = Visit { note: note.bytes().to_vec(), ..Visit::honest() };
    assert_eq!(visit.trust().unwrap().notice(), Some(&notice));
}

#[test]
fn garbage_is_refused_by_name() {
    let malformed = |e: Option<TrustError>| match e {
        Some(TrustError::MalformedNote(_)) => "note",
        Some(TrustError::MalformedDirectory(_)) => "directory",
        _ => "neither",
    };
    assert_eq!(malformed(Visit::refusal_with(|visit| visit.note.clear())), "note");
    assert_eq!(malformed(Visit::refusal_with(|visit| visit.note.push(0))), "note");
    assert_eq!(malformed(Visit::refusal_with(|visit| visit.directory.clear())), "directory");
    assert_eq!(malformed(Visit::refusal_with(|visit| visit.directory.truncate(5000))), "directory");
    assert_eq!(malformed(Visit::refusal_with(|visit| visit.note = visit.directory.clone())), "note");
    assert_eq!(malformed(Visit::refusal_with(|visit| visit.directory = visit.note.clone())), "directory");
}

#[test]
fn a_directory_that_the_note_does_not_name_is_refused_even_if_the_office_made_it() {
    let next_week = Office::new(1).directory(DAY.plus(7));
    let verdict = Visit::refusal_with(|visit| visit.directory = next_week.bytes().to_vec());
    assert_eq!(verdict, Some(TrustError::DirectoryNotTheNotes));
}

#[test]
fn another_office_is_not_the_cards() {
    let foreign = Visit::to(&Office::new(2));
    let verdict = Visit { card: Office::new(1).card(), ..foreign }.refusal();
    assert_eq!(verdict, Some(TrustError::WrongOffice(RosterError::Lineage(LineageError::OtherOffice))));
}

#[test]
fn the_card_of_a_later_root_fits_and_one_of_a_root_not_yet_revealed_does_not() {
    let mut office = Office::new(1);
    office.succeed();
    let addresses = Addresses::new(vec!["relay.example.org".parse().unwrap()]).unwrap();
    let card = |n| Card::new(root(1, n).fingerprint(), addresses.clone());
    let verdict = |n| Visit { card: card(n), ..Visit::to(&office) }.refusal();
    assert_eq!((verdict(0), verdict(1)), (None, None));
    assert!(matches!(verdict(2), Some(TrustError::WrongOffice(_))));
}

#[test]
fn a_note_needs_two_seats() {
    let office = Office::new(1);
    let directory = office.directory(DAY);
    for couriers in [&[0][..], &[1, 2]] {
        let note = office.note(&directory, couriers).bytes().to_vec();
        let verdict = Visit::refusal_with(|visit| visit.note = note);
        assert_eq!(verdict, Some(TrustError::ProposedNote), "{couriers:?} of {COURIERS:?}");
    }
}

#[test]
fn a_note_signed_by_a_revoked_courier_is_refused() {
    let mut office = Office::new(1);
    office.edit_couriers(|couriers| couriers[3].through = DAY);
    let last = office.directory(DAY);
    assert!(office.note(&last, &[0, 7]).valid().is_some());
    // The same couriers the day after: the note is made with the roster before, the directory with this one.
    let next = office.directory(DAY.plus(1));
    let honest = office.note(&next, &[0, 1]);
    assert!(honest.valid().is_some());
    let first = next.sign_note(1, head(), None, courier(0), &office.courier_key(0)).unwrap();
    let CheckedNote::Proposed(first) = first else { panic!("one is not enough") };
    let added = first.add_signature(&office.roster, courier(7), &office.courier_key(7));
    assert_eq!(added.err(), Some(NoteError::Courier(CourierError::NotInForce(courier(7)))));

    // A relay that kept the old note gives it with a directory of the new roster.
    let mut revoked = Office::new(1);
    revoked.edit_couriers(|couriers| {
        couriers.pop();
    });
    let old = Visit::honest();
    let verdict = Visit { directory: revoked.directory(DAY).bytes().to_vec(), ..old }.refusal();
    assert_eq!(verdict, Some(TrustError::DirectoryNotTheNotes));
}

#[test]
fn an_old_roster_with_its_note_lives_only_as_long_as_the_note() {
    // A relay that hides the revocation of a seat can show the last note before it, for three days.
    let verdict = |days| Visit::refusal_with(|visit| (visit.device, visit.relay) = (DAY.plus(days), DAY.plus(days)));
    assert_eq!(verdict(3), None);
    assert_eq!(verdict(4), Some(TrustError::ClockDoubt { device: DAY.plus(4), note: DAY }));
}

#[test]
fn a_clock_within_the_notes_age_raises_no_doubt_either_way() {
    for device in [DAY.minus(3), DAY, DAY.plus(3)] {
        assert_eq!(Visit::refusal_with(|visit| visit.device = device), None, "{device}");
    }
    for device in [DAY.minus(4), DAY.plus(4), Day::FIRST, Day(u32::MAX)] {
        let doubt = Some(TrustError::ClockDoubt { device, note: DAY });
        assert_eq!(Visit::refusal_with(|visit| visit.device = device), doubt, "{device}");
    }
}

#[test]
fn what_the_person_says_about_the_dates_decides() {
    let verdict = |device, choice| {
        Visit::refusal_with(|visit| {
            visit.device = device;
            visit.choice = Some(choice);
        })
    };
    let (late, early) = (DAY.plus(4), DAY.minus(4));
    assert_eq!(verdict(late, ClockChoice::Note(DAY)), None);
    assert_eq!(verdict(early, ClockChoice::Note(DAY)), None);
    assert_eq!(verdict(late, ClockChoice::Device), Some(TrustError::NoteTooOld { note: DAY }));
    assert_eq!(verdict(early, ClockChoice::Device), Some(TrustError::NoteFromFuture { note: DAY }));
    // An answer about another note is no answer about this one.
    let doubt = Some(TrustError::ClockDoubt { device: late, note: DAY });
    assert_eq!(verdict(late, ClockChoice::Note(DAY.plus(1))), doubt);
    // Without a doubt nothing is asked, and an old answer changes nothing.
    assert_eq!(verdict(DAY, ClockChoice::Device), None);
    assert_eq!(verdict(DAY, ClockChoice::Note(DAY.plus(9))), None);
}

#[test]
fn the_relays_date_may_not_contradict_the_note() {
    let verdict = |relay| Visit::refusal_with(|visit| visit.relay = relay);
    assert_eq!((verdict(DAY), verdict(DAY.plus(3))), (None, None));
    for relay in [DAY.minus(1), DAY.plus(4), Day(0), Day(u32::MAX)] {
        assert_eq!(verdict(relay), Some(TrustError::RelayDateContradicts { relay, note: DAY }), "{relay}");
    }
    // Nor does the person's word about the device's clock help the relay.
    let both = Visit::refusal_with(|visit| {
        (visit.device, visit.relay) = (DAY.plus(9), DAY.plus(9));
        visit.choice = Some(ClockChoice::Note(DAY));
    });
    assert_eq!(both, Some(TrustError::RelayDateContradicts { relay: DAY.plus(9), note: DAY }));
}

#[test]
fn the_index_window_ends_on_the_relays_day() {
    let mut visit = Visit::honest();
    visit.relay = DAY.plus(2);
    assert_eq!(visit.trust().unwrap().index_days(), DAY.minus(19)..=DAY.plus(2));
    assert_eq!(visit.trust().unwrap().day(), DAY);
}

#[test]
fn a_roster_that_is_not_valid_on_the_notes_day_is_refused() {
    // Couriers can be made to sign such a note, or be dishonest: the roster's own dates still count.
    let mut office = Office::new(1);
    let mut visit = Visit::to(&office);
    office.roster.expires = DAY.minus(1);
    let (directory, note) = crafted(&office);
    (visit.directory, visit.note) = (directory, note);
    let expired = RosterError::Expired { expires: DAY.minus(1) };
    assert_eq!(visit.refusal(), Some(TrustError::RosterNotInForce(expired)));
}

#[test]
fn what_two_dishonest_couriers_confirm_must_still_be_a_directory() {
    let mut office = Office::new(1);
    office.edit_seat((0, 2), |listed| Some(Seat { from: DAY.plus(1), ..listed }));
    let mut visit = Visit::honest();
    (visit.directory, visit.note) = crafted(&office);
    assert_eq!(visit.refusal(), Some(TrustError::Directory(DirectoryError::SeatNotInForce)));
}

/// The statements of the honest office's directory under the draft's roster, and a note by two couriers who ask
/// nothing.
fn crafted(office: &Office) -> (Vec<u8>, Vec<u8>) {
    use crate::keys::Signer as _;
    use crate::labels::context;
    use crate::statement::signed::{Role, SignatureEntry, SignedAs};
    use minicbor::bytes::ByteSlice;

    let honest = Office::new(1).directory(DAY);
    let keys: Vec<&ByteSlice> = honest.seat_keys().map(|key| key.bytes().into()).collect();
    let prekeys: Vec<&ByteSlice> = honest.prekeys().map(|prekey| prekey.bytes().into()).collect();
    let roster = office.sign();
    let directory = crate::cbor::to_vec(&(<&ByteSlice>::from(roster.bytes()), keys, prekeys));

    let hash = UnverifiedDirectory::from_bytes(&directory).unwrap().hash();
    let note = Note { office: roster.office(), day: DAY, serial: 1, directory: hash, head: head(), notice: None };
    let payload = crate::cbor::to_vec(&note);
    let signatures = [(0, 0), (7, 3)].map(|(number, of_desk)| {
        let about = SignedAs {
            context: context::NOTE,
            office: roster.office(),
            role: Role::Courier,
            name: &format!("courier {number}"),
            desk: Some(Number::new(of_desk).unwrap()),
            number: Some(number),
            from: DAY,
            through: DAY,
        };
        let signature = office.courier_key(number.into()).sign(&about.input(&payload));
        SignatureEntry { signer: number, signature }
    });
    let note = Unverified::assemble(note, signatures.into()).unwrap();
    (directory, note.bytes().to_vec())
}

#[test]
fn another_relay_than_the_rosters_ends_it() {
    let other = RelaySecretKey::from_bytes([1; 32]).public();
    assert_eq!(Visit::refusal_with(|visit| visit.relay_key = other), Some(TrustError::WrongRelayKey));
}

#[test]
fn the_first_check_that_fails_is_named() {
    // Everything that can be wrong at once, then one thing after another put right.
    let right = Visit::honest();
    let mut visit = Visit {
        card: Office::new(2).card(),
        device: DAY.plus(9),
        relay: DAY.minus(1),
        relay_key: RelaySecretKey::from_bytes([1; 32]).public(),
        directory: Office::new(1).directory(DAY.plus(7)).bytes().to_vec(),
        note: Vec::new(),
        choice: None,
    };
    assert!(matches!(visit.refusal(), Some(TrustError::MalformedNote(_))));
    visit.note = right.note;
    assert_eq!(visit.refusal(), Some(TrustError::DirectoryNotTheNotes));
    visit.directory = right.directory;
    assert!(matches!(visit.refusal(), Some(TrustError::WrongOffice(_))));
    visit.card = right.card;
    assert!(matches!(visit.refusal(), Some(TrustError::ClockDoubt { .. })));
    visit.choice = Some(ClockChoice::Note(DAY));
    assert!(matches!(visit.refusal(), Some(TrustError::RelayDateContradicts { .. })));
    visit.relay = DAY;
    assert_eq!(visit.refusal(), Some(TrustError::WrongRelayKey));
    visit.relay_key = right.relay_key;
    assert_eq!(visit.refusal(), None);
}

#[test]
fn a_bundle_is_sealed_with_what_an_old_note_confirms_and_nothing_less() {
    let Visit { card, directory, note, .. } = Visit::honest();
    let offline = trust_offline(&card, &directory, &note).unwrap();
    assert_eq!((offline.day(), offline.directory().day()), (DAY, DAY));
    assert!(offline.directory().seat(desk(0), seat(0)).unwrap().offline_recipient().is_some());

    assert!(matches!(trust_offline(&Office::new(2).card(), &directory, &note), Err(TrustError::WrongOffice(_))));
    let office = Office::new(1);
    let proposed = office.note(&office.directory(DAY), &[0]).bytes().to_vec();
    assert_eq!(trust_offline(&card, &directory, &proposed).err(), Some(TrustError::ProposedNote));
}
