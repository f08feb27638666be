use crate::Outcome;
use crate::case::Case;
use crate::directory::directory_error;
use crate::primitives::verifies;
use crate::roster::roster_error;
use crate::seat::courier_error;
use cssr_proto::keys::{CourierKey, RelayPublicKey};
use cssr_proto::{
    Addresses, Card, CheckedNote, ClockChoice, Day, Fingerprint, Note, NoteError, TrustError, Unverified,
    UnverifiedDirectory, sha256, trust,
};
use std::cmp::Reverse;

pub fn note(case: &Case) -> Outcome {
    let card = Fingerprint::from_bytes(case.given("card").array());
    let directory = UnverifiedDirectory::from_bytes(&case.given("directory").bytes()).unwrap();
    let (directory, bytes) = (directory.authenticate(card).unwrap(), case.given("note").bytes());
    let note = Unverified::<Note>::from_bytes(&bytes).map_err(|_| "malformed")?;
    let note = directory.verify_note(note).map_err(note_error)?;
    case.expect("weight", if matches!(note, CheckedNote::Valid(_)) { "valid" } else { "proposed" });
    case.expect("day", note.day.0);
    case.expect("serial", note.serial);
    case.expect("directory-hash", note.directory.0);
    case.expect("head-number", note.head.number());
    case.expect("head-day", note.head.day().0);
    case.expect("head-chain", note.head.chain().0);
    case.expect("notice", note.notice.as_ref().map(|notice| notice.as_str()));
    case.expect_all("signer", note.signers().map(|signer| signer.get()));
    let (day, serial, Reverse(payload)) = note.age();
    assert_eq!((day, serial), (note.day, note.serial));
    case.expect("payload-sha256", payload.0);
    // The payload is the byte string at the beginning.
    let inner: &minicbor::bytes::ByteSlice = minicbor::Decoder::new(&bytes[1..]).decode().unwrap();
    assert_eq!(sha256(inner), payload.0);

    let entry = bytes.len() - note.signers().count() * 68;
    let mut signatures = bytes[entry..].chunks(68);
    for (seed, input) in case.sources("courier-seed").iter().zip(case.outputs("signature-input")) {
        let key = CourierKey::from_bytes(seed.array()).public();
        assert!(verifies(key.as_bytes(), &input.bytes(), &signatures.next().unwrap()[4..]));
    }
    assert_eq!(signatures.count(), 0);
    Ok(())
}

pub fn note_error(error: NoteError) -> &'static str {
    match error {
        NoteError::Malformed(_) => "malformed",
        NoteError::OtherOffice => "other-office",
        NoteError::OtherDirectory => "other-directory",
        NoteError::SignerOrder => "signer-order",
        NoteError::Courier(error) => courier_error(error),
        other => panic!("{other}"),
    }
}

pub fn trusted(case: &Case) -> Outcome {
    let addresses = Addresses::new(vec!["relay.example.org".parse().unwrap()]).unwrap();
    let card = Card::new(Fingerprint::from_bytes(case.given("card").array()), addresses);
    let day = |name| Day(case.given(name).small());
    let (device, relay) = (day("device-day"), day("relay-day"));
    let (directory, note) = (case.given("directory").bytes(), case.given("note").bytes());
    let shown = |note: &[u8]| {
        let TrustError::ClockDoubt { note, .. } =
            trust(&card, device, relay, None, &directory, note, &ANY).unwrap_err()
        else {
            panic!("nothing to ask")
        };
        note
    };
    const ANY: RelayPublicKey = RelayPublicKey([0; 32]);
    let choice = case.given("clock-choice").optional().map(|choice| match choice.text().as_str() {
        "device" => ClockChoice::Device,
        "note" => ClockChoice::Note(shown(&note)),
        other => panic!("{other}"),
    });
    let key = RelayPublicKey(case.given("session-relay-key").array());
    let trusted = trust(&card, device, relay, choice, &directory, &note, &key).map_err(trust_error)?;
    case.expect("directory-hash", trusted.directory_hash().0);
    case.expect("day", trusted.day().0);
    case.expect("first-index-day", trusted.index_days().start().0);
    case.expect("last-index-day", trusted.index_days().end().0);
    Ok(())
}

pub fn trust_error(error: TrustError) -> &'static str {
    match error {
        TrustError::MalformedDirectory(_) | TrustError::MalformedNote(_) => "malformed",
        TrustError::DirectoryNotTheNotes => "directory-not-the-notes",
        TrustError::WrongOffice(error) | TrustError::Roster(error) | TrustError::RosterNotInForce(error) => {
            roster_error(error)
        }
        TrustError::Note(error) => note_error(error),
        TrustError::ProposedNote => "proposed-note",
        TrustError::ClockDoubt { .. } => "clock-doubt",
        TrustError::NoteTooOld { .. } => "note-too-old",
        TrustError::NoteFromFuture { .. } => "note-from-future",
        TrustError::RelayDateContradicts { .. } => "relay-date-contradicts",
        TrustError::Directory(error) => directory_error(error),
        TrustError::WrongRelayKey => "wrong-relay-key",
        other => panic!("{other}"),
    }
}
