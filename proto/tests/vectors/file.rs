use crate::Outcome;
use crate::case::Case;
use crate::primitives::h;
use cssr_proto::bundle::{BundleError, read_bundle, write_bundle};
use cssr_proto::mirror_name::{self, StatementKind};
use cssr_proto::{Day, DirectoryFile, Hash, Note, Roster, SeatStatement, Unverified, UnverifiedDirectory, sha256};

pub fn bundle(case: &Case) -> Outcome {
    let bytes = case.given("bundle").bytes();
    let records = read_bundle(&bytes).map_err(|error| match error {
        BundleError::NotABundle => "not-a-bundle",
        BundleError::Malformed { .. } => "malformed",
        BundleError::CutOff { .. } => "cut-off",
        other => panic!("{other}"),
    })?;
    assert!(write_bundle(&records) == bytes);
    if !records.is_empty() {
        case.expect_all("envelope-kind", records.iter().map(|record| u32::from(record.kind.byte())));
        case.expect_all("id", records.iter().map(|record| *record.id.as_bytes()));
        case.expect_all("burn-hash", records.iter().map(|record| record.burn_hash.map(|hash| hash.0)));
        let hashes = records.iter().map(|record| record.envelope.as_ref().map(|envelope| sha256(envelope.as_slice())));
        case.expect_all("envelope-sha256", hashes);
    }
    Ok(())
}

pub fn directory_file(case: &Case) -> Outcome {
    let bytes = case.given("file").bytes();
    let file = DirectoryFile::from_bytes(&bytes).map_err(|_| "malformed")?;
    assert!(file.to_bytes() == bytes);
    case.expect("directory", file.directory());
    case.expect("note", file.note());
    Ok(())
}

pub fn mirror_name(case: &Case) -> Outcome {
    let content = || case.given("content").bytes();
    let statement_hash = || Hash(h("cssr1 statement", &content()));
    let name = match case.given("kind").text().as_str() {
        "roster" => {
            Unverified::<Roster>::from_bytes(&content()).unwrap();
            format!("statements/{}", mirror_name::statement(StatementKind::Roster, statement_hash()))
        }
        kind @ ("seat-key" | "prekey") => {
            let found = match SeatStatement::from_bytes(&content()).unwrap() {
                SeatStatement::SeatKey(_) => StatementKind::SeatKey,
                SeatStatement::Prekey(_) => StatementKind::Prekey,
            };
            assert_eq!(found == StatementKind::SeatKey, kind == "seat-key");
            format!("statements/{}", mirror_name::statement(found, statement_hash()))
        }
        "directory" => {
            let directory = UnverifiedDirectory::from_bytes(&content()).unwrap();
            format!("directories/{}", mirror_name::directory(directory.hash()))
        }
        "note" => {
            Unverified::<Note>::from_bytes(&content()).unwrap();
            let (day, serial) = (Day(case.given("day").small()), case.given("serial").number());
            format!("notes/{}", mirror_name::note(day, serial, statement_hash()))
        }
        kind @ ("letters" | "chunks") => {
            let number = case.given("number").number();
            let name = mirror_name::batch(number);
            assert_eq!(mirror_name::batch_number(&name), Some(number));
            format!("{kind}/{name}")
        }
        "batch file" => {
            let number = mirror_name::batch_number(&case.given("file-name").text()).ok_or("no-batch-name")?;
            panic!("{}: it is batch {number}", case.path());
        }
        other => panic!("{other}"),
    };
    case.expect("name", name);
    Ok(())
}
