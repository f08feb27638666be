//! A signature stands for one kind of statement, of one key, under one name, in one place and time: the table of
//! section 4.1, written out here once more.

use crate::cbor::to_vec;
use crate::hash::sha256;
use crate::ids::OfficeId;
use crate::keys::{CourierKey, RootKey, SeatSigningKey, Signer};
use crate::labels::context;
use crate::statement::signed::{Role, SignatureEntry, SignedAs};
use crate::statement::testing::{DAY, Office, courier, desk, head, label, seat};
use crate::statement::{
    CourierError, CourierProof, CourierRequest, Note, NoteError, Payload, RequestError, RosterError, SeatRequest,
    SeatStatementError, Unverified,
};
use crate::time::Day;
use crate::{DeskNumber, Roster};

const HANDSHAKE: [u8; 32] = [3; 32];

/// Every way to be wrong in one field.
fn variations(right: SignedAs<'static>) -> Vec<(&'static str, SignedAs<'static>)> {
    use context::{COURIER_REQUEST, COURIER_SESSION, NOTE, PREKEY, ROSTER, SEAT_KEY, SEAT_REQUEST};
    let contexts = [ROSTER, SEAT_KEY, PREKEY, NOTE, COURIER_SESSION, SEAT_REQUEST, COURIER_REQUEST, ""];
    let mut wrong = Vec::new();
    for context in contexts.into_iter().filter(|context| *context != right.context) {
        wrong.push(("context", SignedAs { context, ..right }));
    }
    for role in [Role::Root, Role::Seat, Role::Courier].into_iter().filter(|role| *role != right.role) {
        wrong.push(("role", SignedAs { role, ..right }));
    }
    wrong.push(("office", SignedAs { office: OfficeId([0xee; 16]), ..right }));
    wrong.push(("name", SignedAs { name: "somebody else", ..right }));
    let desks: [Option<DeskNumber>; 3] = [None, Some(desk(0)), Some(desk(9))];
    for desk in desks.into_iter().filter(|desk| *desk != right.desk) {
        wrong.push(("desk", SignedAs { desk, ..right }));
    }
    for number in [None, Some(0), Some(6)].into_iter().filter(|number| *number != right.number) {
        wrong.push(("number", SignedAs { number, ..right }));
    }
    for (from, through) in [
        (right.from.minus(1), right.through),
        (right.from.plus(1), right.through),
        (right.from, right.through.minus(1)),
        (right.from, right.through.plus(1)),
        (right.through.plus(1), right.from),
    ] {
        wrong.push(("validity", SignedAs { from, through, ..right }));
    }
    wrong
}

fn row(
    context: &'static str,
    role: Role,
    name: &'static str,
    place: (Option<u64>, Option<u8>),
    validity: (Day, Day),
) -> SignedAs<'static> {
    SignedAs {
        context,
        office: Office::new(1).roster.office(),
        role,
        name,
        desk: place.0.map(desk),
        number: place.1,
        from: validity.0,
        through: validity.1,
    }
}

fn signed<T: Payload + Clone>(payload: &T, signer: u8, key: &impl Signer, input: &[u8]) -> Unverified<T> {
    let entry = SignatureEntry { signer, signature: key.sign(input) };
    Unverified::assemble(payload.clone(), vec![entry]).unwrap()
}

/// Signs as the table says, then with each field wrong, with another key, under another signer number, and for
/// another payload; all but the first must be refused as `refused`.
fn only_the_row_of_the_table_verifies<T: Payload + Clone, S, E: PartialEq + std::fmt::Debug>(
    payload: &T,
    signer: u8,
    key: &impl Signer,
    other_key: &impl Signer,
    right: SignedAs<'static>,
    verify: impl Fn(Unverified<T>) -> Result<S, E>,
    refused: &E,
) {
    let bytes = to_vec(payload);
    let result = |statement| verify(statement).err();
    assert_eq!(result(signed(payload, signer, key, &right.input(&bytes))), None);
    for (field, wrong) in variations(right) {
        let statement = signed(payload, signer, key, &wrong.input(&bytes));
        assert_eq!(result(statement).as_ref(), Some(refused), "{field}: {wrong:?}");
    }
    let other_payload = signed(payload, signer, key, &right.input(b"another payload"));
    assert_eq!(result(other_payload).as_ref(), Some(refused));
    assert_eq!(result(signed(payload, signer, other_key, &right.input(&bytes))).as_ref(), Some(refused));
    assert!(verify(signed(payload, signer ^ 1, key, &right.input(&bytes))).is_err(), "signer field");
}

#[test]
fn a_roster_verifies_as_the_roots_word_on_this_roster_alone() {
    let office = Office::new(1);
    let roster: &Roster = &office.roster;
    only_the_row_of_the_table_verifies(
        roster,
        0,
        &office.root_key(),
        &RootKey::from_bytes([5; 32]),
        row(context::ROSTER, Role::Root, "Office of the Envoy", (None, None), (DAY.minus(10), DAY.plus(355))),
        |statement| statement.verify(office.fingerprint(), DAY),
        &RosterError::Signature,
    );
}

#[test]
fn a_seat_key_verifies_as_the_word_of_this_very_seat_alone() {
    let office = Office::new(1);
    only_the_row_of_the_table_verifies(
        &office.seat_key(3, 4),
        4,
        &office.signing_key(3, 4),
        &office.signing_key(3, 0),
        row(context::SEAT_KEY, Role::Seat, "seat 3.4", (Some(3), Some(4)), (DAY.minus(10), DAY.plus(90))),
        |statement| statement.verify(&office.roster),
        &SeatStatementError::Signature,
    );
}

#[test]
fn a_prekey_verifies_for_its_epoch_alone() {
    let office = Office::new(1);
    only_the_row_of_the_table_verifies(
        &office.prekey(0, 2, DAY.epoch()),
        2,
        &office.signing_key(0, 2),
        &office.signing_key(0, 1),
        row(context::PREKEY, Role::Seat, "seat 0.2", (Some(0), Some(2)), (DAY, DAY.plus(6))),
        |statement| statement.verify(&office.roster),
        &SeatStatementError::Signature,
    );
}

#[test]
fn a_note_verifies_as_the_word_of_this_very_courier_on_its_day_alone() {
    let office = Office::new(1);
    let directory = office.directory(DAY);
    let note = Note {
        office: office.roster.office(),
        day: DAY,
        serial: 4,
        directory: directory.hash(),
        head: head(),
        notice: None,
    };
    only_the_row_of_the_table_verifies(
        &note,
        7,
        &office.courier_key(7),
        &office.courier_key(1),
        row(context::NOTE, Role::Courier, "courier 7", (Some(3), Some(7)), (DAY, DAY)),
        |statement| directory.verify_note(statement),
        &NoteError::Courier(CourierError::Signature(courier(7))),
    );
}

#[test]
fn a_seat_request_verifies_under_the_key_that_it_proposes_alone() {
    let key = SeatSigningKey::from_bytes([8; 32]);
    let office = Office::new(1).roster.office();
    let request = SeatRequest { office, desk: desk(3), label: label("new"), day: DAY, key: key.public() };
    only_the_row_of_the_table_verifies(
        &request,
        0,
        &key,
        &SeatSigningKey::from_bytes([5; 32]),
        row(context::SEAT_REQUEST, Role::Seat, "new", (Some(3), None), (DAY, DAY.plus(30))),
        |statement| statement.verify(office, DAY),
        &RequestError::Signature,
    );
    assert_eq!(request.sign(&SeatSigningKey::from_bytes([5; 32])).err(), Some(RequestError::Signature));
}

#[test]
fn a_courier_request_verifies_under_the_key_that_it_proposes_alone() {
    let key = CourierKey::from_bytes([8; 32]);
    let office = Office::new(1).roster.office();
    let (desk, seat) = (desk(3), seat(4));
    let request = CourierRequest { office, desk, seat, label: label("new"), day: DAY, key: key.public() };
    only_the_row_of_the_table_verifies(
        &request,
        0,
        &key,
        &CourierKey::from_bytes([5; 32]),
        row(context::COURIER_REQUEST, Role::Courier, "new", (Some(3), Some(4)), (DAY, DAY.plus(30))),
        |statement| statement.verify(office, DAY),
        &RequestError::Signature,
    );
    assert_eq!(request.sign(&CourierKey::from_bytes([5; 32])).err(), Some(RequestError::Signature));
}

#[test]
fn a_request_is_accepted_for_thirty_days_and_by_the_office_that_it_names() {
    let key = SeatSigningKey::from_bytes([8; 32]);
    let office = Office::new(1).roster.office();
    let request = SeatRequest { office, desk: desk(3), label: label("new"), day: DAY, key: key.public() };
    let request = request.sign(&key).unwrap();
    let verify = |office, day| crate::statement::testing::again(&request).verify(office, day).err();
    assert_eq!(verify(office, DAY), None);
    assert_eq!(verify(office, DAY.plus(30)), None);
    assert_eq!(verify(office, DAY.plus(31)), Some(RequestError::NotInForce(DAY)));
    assert_eq!(verify(office, DAY.minus(1)), Some(RequestError::NotInForce(DAY)));
    assert_eq!(verify(OfficeId([1; 16]), DAY), Some(RequestError::OtherOffice));
}

#[test]
fn a_courier_proof_holds_in_its_session_on_its_day_alone() {
    let office = Office::new(1);
    let refused = Some(CourierError::Signature(courier(7)));
    let proof = CourierProof::sign(&office.roster, courier(7), &office.courier_key(7), &HANDSHAKE, DAY).unwrap();
    let verify = |proof: CourierProof, hash, day| proof.verify(&office.roster, &hash, day).err();
    assert_eq!(verify(proof, HANDSHAKE, DAY), None);
    assert_eq!(verify(proof, sha256(b"another session"), DAY), refused);
    assert_eq!(verify(proof, HANDSHAKE, DAY.plus(1)), refused);
    let other = CourierProof { courier: courier(1), ..proof };
    assert_eq!(verify(other, HANDSHAKE, DAY), Some(CourierError::Signature(courier(1))));
    let unknown = CourierProof { courier: courier(3), ..proof };
    assert_eq!(verify(unknown, HANDSHAKE, DAY), Some(CourierError::Unknown(courier(3))));
    assert_eq!(verify(proof, HANDSHAKE, DAY.plus(356)), Some(CourierError::NotInForce(courier(7))));

    let key = office.courier_key(7);
    let right = row(context::COURIER_SESSION, Role::Courier, "courier 7", (Some(3), Some(7)), (DAY, DAY));
    let with =
        |about: SignedAs<'_>| CourierProof { courier: courier(7), signature: key.sign(&about.input(&HANDSHAKE)) };
    assert_eq!(verify(with(right), HANDSHAKE, DAY), None);
    for (field, wrong) in variations(right) {
        assert_eq!(verify(with(wrong), HANDSHAKE, DAY), refused, "{field}");
    }
    let foreign = CourierProof::sign(&office.roster, courier(7), &office.courier_key(1), &HANDSHAKE, DAY);
    assert_eq!(foreign.err(), refused);
}
