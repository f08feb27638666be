//! Who may confirm what, and how many it takes.

use crate::cbor::Text;
use crate::hash::sha256;
use crate::ids::Hash;
use crate::statement::signed::SignatureEntry;
use crate::statement::testing::{DAY, Office, again, courier, decoded, head};
use crate::statement::{CheckedNote, CourierError, Directory, Note, NoteError, ProposedNote, SeatState, Unverified};

fn proposed(note: CheckedNote) -> ProposedNote {
    match note {
        CheckedNote::Proposed(note) => note,
        CheckedNote::Valid(_) => panic!("the note is valid"),
    }
}

fn is_valid(note: &CheckedNote) -> bool {
    matches!(note, CheckedNote::Valid(_))
}

/// The note's bytes with its signatures changed.
fn with_signatures(note: &CheckedNote, edit: impl FnOnce(&mut Vec<SignatureEntry>)) -> Unverified<Note> {
    let mut signatures = note.statement().signatures().to_vec();
    edit(&mut signatures);
    Unverified::assemble(note.payload().clone(), signatures).unwrap()
}

/// One seat active; everything else gone but the couriers of that seat.
fn lonely_office() -> Office {
    let mut office = Office::new(1);
    for at in [(0, 0), (0, 2), (3, 0), (3, 4)] {
        office.edit_seat(at, |_| None);
    }
    office
}

#[test]
fn one_signer_proposes_and_a_second_seat_makes_it_valid() {
    let office = Office::new(1);
    let directory = office.directory(DAY);
    for (couriers, valid) in [(&[0][..], false), (&[0, 1], true), (&[7, 0], true), (&[1, 2], false), (&[2, 1, 7], true)]
    {
        let note = office.note(&directory, couriers);
        assert_eq!(is_valid(&note), valid, "{couriers:?}");
        let read = directory.verify_note(again(&note)).unwrap();
        assert_eq!((is_valid(&read), read.bytes()), (valid, note.bytes()), "{couriers:?}");
        let mut ascending = couriers.to_vec();
        ascending.sort_unstable();
        assert!(note.signers().map(crate::Number::get).eq(ascending));
    }
}

#[test]
fn the_only_active_seat_of_an_office_suffices() {
    let office = lonely_office();
    let directory = office.directory(DAY);
    assert!(is_valid(&office.note(&directory, &[2])));
    // A retired seat, or one that counts later, adds nothing to the number of seats that must sign.
    for edit in [
        |s: crate::Seat| Some(crate::Seat { state: SeatState::Retired, ..s }),
        |s: crate::Seat| Some(crate::Seat { from: DAY.plus(1), ..s }),
    ] {
        let mut office = Office::new(1);
        for at in [(0, 0), (0, 2), (3, 0)] {
            office.edit_seat(at, edit);
        }
        assert!(is_valid(&office.note(&office.directory(DAY), &[1])));
    }
}

#[test]
fn a_signer_that_stands_twice_is_refused() {
    let office = Office::new(1);
    let directory = office.directory(DAY);
    let one = office.note(&directory, &[0]);
    let twice = with_signatures(&one, |signatures| signatures.push(signatures[0].clone()));
    assert_eq!(directory.verify_note(twice), Err(NoteError::SignerOrder));
    let descending = with_signatures(&office.note(&directory, &[0, 7]), |signatures| signatures.reverse());
    assert_eq!(directory.verify_note(descending), Err(NoteError::SignerOrder));
    let again = proposed(one.clone()).add_signature(&office.roster, courier(0), &office.courier_key(0)).unwrap();
    assert_eq!(again, one);
}

#[test]
fn one_bad_signature_spoils_a_note_that_has_enough_good_ones() {
    let office = Office::new(1);
    let directory = office.directory(DAY);
    let note = office.note(&directory, &[0, 7]);
    let spoiled = with_signatures(&note, |signatures| {
        let mut third = signatures[0].clone();
        third.signer = 1;
        signatures.insert(1, third);
    });
    assert_eq!(directory.verify_note(spoiled), Err(CourierError::Signature(courier(1)).into()));
    let unlisted = with_signatures(&note, |signatures| signatures[1].signer = 200);
    assert_eq!(directory.verify_note(unlisted), Err(CourierError::Unknown(courier(200)).into()));
}

#[test]
fn a_courier_counts_on_its_days_alone_and_a_revoked_one_never() {
    let mut office = Office::new(1);
    let note = office.note(&office.directory(DAY), &[0, 7]);

    office.edit_couriers(|couriers| couriers[3].from = DAY.plus(1));
    let directory = office.directory(DAY);
    let not_yet = Err(CourierError::NotInForce(courier(7)).into());
    assert_eq!(directory.sign_note(1, head(), None, courier(7), &office.courier_key(7)), not_yet);
    let first = proposed(office.note(&directory, &[0]));
    assert_eq!(first.add_signature(&office.roster, courier(7), &office.courier_key(7)), not_yet);
    assert!(is_valid(&office.note(&office.directory(DAY.plus(1)), &[0, 7])));

    office.edit_couriers(|couriers| {
        couriers.pop();
    });
    let directory = office.directory(DAY);
    // What it signed under the old roster names the old directory; what it signs now is not believed.
    assert_eq!(directory.verify_note(again(&note)), Err(NoteError::OtherDirectory));
    let unknown = Err(CourierError::Unknown(courier(7)).into());
    let first = proposed(office.note(&directory, &[0]));
    assert_eq!(first.add_signature(&office.roster, courier(7), &office.courier_key(7)), unknown);
}

#[test]
fn a_note_stands_for_its_office_directory_and_day_alone() {
    let office = Office::new(1);
    let directory = office.directory(DAY);
    let note = office.note(&directory, &[0, 7]);
    let tomorrow = office.directory(DAY.plus(7));
    assert_ne!(tomorrow.hash(), directory.hash());
    assert_eq!(tomorrow.verify_note(again(&note)), Err(NoteError::OtherDirectory));

    // The same bytes verified for another day of the same week.
    let next_day = decoded(directory.bytes()).verify(office.fingerprint(), DAY.plus(1)).unwrap();
    assert_eq!(next_day.hash(), directory.hash());
    assert_eq!(next_day.verify_note(again(&note)), Err(NoteError::OtherDay));

    let foreign = Note { office: crate::OfficeId([9; 16]), ..note.payload().clone() };
    let foreign = Unverified::assemble(foreign, note.statement().signatures().to_vec()).unwrap();
    assert_eq!(directory.verify_note(foreign), Err(NoteError::OtherOffice));
}

#[test]
fn what_a_note_says_cannot_be_changed() {
    let office = Office::new(1);
    let directory = office.directory(DAY);
    let note = office.note(&directory, &[0, 7]);
    let right = note.payload().clone();
    for wrong in [
        Note { serial: 2, ..right.clone() },
        Note { head: crate::index::Head::genesis(Hash([0; 32])), ..right.clone() },
        Note { notice: Some(Text::new("write to the other address").unwrap()), ..right },
    ] {
        let wrong = Unverified::assemble(wrong, note.statement().signatures().to_vec()).unwrap();
        assert_eq!(directory.verify_note(wrong), Err(CourierError::Signature(courier(0)).into()));
    }
}

#[test]
fn two_proposals_that_say_the_same_share_their_signatures() {
    let office = Office::new(1);
    let directory = office.directory(DAY);
    let [a, b] = [0, 7].map(|number| proposed(office.note(&directory, &[number])));
    let merged = a.merge(&b, &office.roster).unwrap();
    assert!(is_valid(&merged));
    assert_eq!(merged, b.merge(&a, &office.roster).unwrap());
    let other = directory.sign_note(2, head(), None, courier(7), &office.courier_key(7)).unwrap();
    assert_eq!(a.merge(&proposed(other), &office.roster), Err(NoteError::Different));
}

#[test]
fn the_newer_note_is_that_of_the_later_day_then_the_higher_serial_then_the_smaller_payload_hash() {
    let office = Office::new(1);
    let (today, later) = (office.directory(DAY), office.directory(DAY.plus(1)));
    let make = |directory: &Directory, serial, notice: &str| {
        let notice = Some(Text::new(notice).unwrap());
        directory.sign_note(serial, head(), notice, courier(0), &office.courier_key(0)).unwrap()
    };
    assert!(make(&later, 0, "a").age() > make(&today, 9, "a").age());
    assert!(make(&today, 9, "a").age() > make(&today, 8, "a").age());
    let (a, b) = (make(&today, 1, "a"), make(&today, 1, "b"));
    let hash = |note: &CheckedNote| sha256(note.statement().payload_bytes());
    assert_eq!(a.age() > b.age(), hash(&a) < hash(&b));
    // Who signed does not matter.
    let more = proposed(a.clone()).add_signature(&office.roster, courier(7), &office.courier_key(7)).unwrap();
    assert_eq!(more.age(), a.age());
}
