use crate::Outcome;
use crate::case::Case;
use cssr_proto::Bytes;
use cssr_proto::publication::{Notes, Publication, Statements};
use cssr_proto::sizes::PUBLICATION_MAX;

pub fn publication(case: &Case) -> Outcome {
    let bytes = case.given("publication").bytes();
    let publication = Publication::from_bytes(&bytes, PUBLICATION_MAX).map_err(|_| "malformed")?;
    assert_eq!(publication.to_bytes(), bytes);
    let kind = match &publication {
        Publication::Roster(roster) => {
            case.expect("roster", roster.as_slice());
            "roster"
        }
        Publication::SeatStatements(statements) => {
            case.expect_all("seat-statement", statements.iter().map(Bytes::as_slice));
            "seat statements"
        }
        Publication::Note(note, directory) => {
            case.expect("note", note.as_slice());
            case.expect("directory", directory.as_ref().map(Bytes::as_slice));
            "note"
        }
        other => panic!("{other:?}"),
    };
    case.expect("kind", kind);
    Ok(())
}

pub fn statements(case: &Case) -> Outcome {
    let bytes = case.given("statements").bytes();
    let statements = Statements::from_bytes(&bytes).map_err(|_| "malformed")?;
    assert_eq!(statements.to_bytes(), bytes);
    case.expect("roster", statements.roster.as_ref().map(Bytes::as_slice));
    case.expect_all("seat-key", statements.seat_keys.iter().map(Bytes::as_slice));
    case.expect_all("prekey", statements.prekeys.iter().map(Bytes::as_slice));
    Ok(())
}

pub fn notes(case: &Case) -> Outcome {
    let bytes = case.given("notes").bytes();
    let notes = Notes::from_bytes(&bytes).map_err(|_| "malformed")?;
    assert_eq!(notes.to_bytes(), bytes);
    case.expect_all("valid", notes.valid.iter().map(Bytes::as_slice));
    case.expect_all("proposed", notes.proposed.iter().map(Bytes::as_slice));
    Ok(())
}
