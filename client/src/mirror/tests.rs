use super::testing::{TODAY, TestOffice, batch_after, write_batch};
use super::*;
use cssr_proto::bundle::Record;
use cssr_proto::letter::Sealed;
use cssr_proto::{Envelope, EnvelopeId};
use std::os::unix::fs::symlink;

fn letters(n: u8) -> Vec<Sealed> {
    let envelope = |n| Envelope::from_slice(&[n; cssr_proto::sizes::ENVELOPE]).unwrap();
    (1..=n).map(|n| Sealed { id: EnvelopeId([n; 16]), envelope: envelope(n) }).collect()
}

fn mirror_of(n: u8) -> (tempfile::TempDir, Mirror, Batch, Vec<Record>) {
    let office = TestOffice::new(1);
    let folder = tempfile::tempdir().unwrap();
    let mirror = Mirror::create(folder.path()).unwrap();
    let letters = letters(n);
    let (batch, records) = batch_after(&office.head(), TODAY, &letters.iter().collect::<Vec<_>>());
    write_batch(&mirror, &batch, &records);
    (folder, mirror, batch, records)
}

fn only(mirror: &Mirror) -> BatchFile {
    mirror.batches(EnvelopeKind::Letter).unwrap().remove(0)
}

#[test]
fn a_batch_is_read_as_it_was_written() {
    let (_folder, mirror, batch, records) = mirror_of(3);
    let mut reader = only(&mirror).open().unwrap();
    assert_eq!(reader.batch(), &batch);
    let read: Vec<Record> = reader.by_ref().map(Result::unwrap).collect();
    assert_eq!(read, records);
    assert!(reader.is_whole());
    assert_eq!(mirror.batch(EnvelopeKind::Letter, 1), Ok(Some(batch)));
    assert_eq!(mirror.batch(EnvelopeKind::Letter, 2), Ok(None));
    assert!(mirror.batches(EnvelopeKind::Chunk).unwrap().is_empty());
}

#[test]
fn a_batch_that_was_not_finished_leaves_nothing() {
    let (folder, mirror, batch, records) = mirror_of(3);
    let next = batch_after(&batch.head(), TODAY, &letters(2).iter().collect::<Vec<_>>()).0;
    let mut writer = mirror.begin_batch(EnvelopeKind::Letter, &next).unwrap();
    assert!(writer.put(&records[2]).is_err(), "not the record that comes next");
    drop(writer);
    let writer = mirror.begin_batch(EnvelopeKind::Letter, &next).unwrap();
    assert!(writer.finish().is_err(), "records are missing");
    assert!(mirror.begin_batch(EnvelopeKind::Letter, &batch).is_err(), "it is there already");
    assert_eq!(fs::read_dir(folder.path().join("letters")).unwrap().count(), 1);
}

#[test]
fn a_damaged_record_ends_its_file_and_keeps_what_came_before() {
    let (folder, mirror, batch, records) = mirror_of(3);
    let path = folder.path().join("letters/0000000001.batch");
    let good = fs::read(&path).unwrap();
    let first = batch.to_bytes().len();
    let second = first + records[0].to_bytes().len();
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let mut reader = only(&mirror).open()?;
        let records: Vec<_> = reader.by_ref().collect();
        Ok::<_, Damage>((records, reader.is_whole()))
    };
    // Another id, the kind of a chunk, a burned letter, a cut in the middle.
    for (at, cut) in [(second + 3, good.len()), (second + 1, good.len()), (0, second + 100)] {
        let mut bad = good.clone();
        if at > 0 {
            bad[at] ^= 3;
        }
        bad.truncate(cut);
        let (read, whole) = read(&bad).unwrap();
        assert_eq!(read[0], Ok(records[0].clone()));
        let why = DamageKind::Record(2);
        assert_eq!(read[1..], [Err(Damage { file: "letters/0000000001.batch".into(), why })]);
        assert!(!whole);
    }
    let burned = Record { envelope: None, ..records[1].clone() }.to_bytes();
    let (after, whole) = read(&[&good[..second], &burned].concat()).unwrap();
    assert!(after[1].is_err() && !whole, "letters are never burned");
    let (after, whole) = read(&[&good[..], &[0]].concat()).unwrap();
    assert_eq!(after.len(), 4);
    assert_eq!(after[3].as_ref().unwrap_err().why, DamageKind::Trailing);
    assert!(whole);
    for bad in [&[][..], &good[..first - 1], &good[first..]] {
        assert_eq!(read(bad).unwrap_err().why, DamageKind::NoBatch);
    }
}

#[test]
fn a_batch_under_another_number_is_refused() {
    let (folder, mirror, ..) = mirror_of(1);
    let letters = folder.path().join("letters");
    fs::rename(letters.join("0000000001.batch"), letters.join("0000000002.batch")).unwrap();
    assert_eq!(only(&mirror).open().unwrap_err().why, DamageKind::OtherBatch);
}

#[test]
fn links_folders_and_large_files_are_refused_and_others_are_still_read() {
    let mut office = TestOffice::new(1);
    office.issue(TODAY, |_| {});
    let folder = tempfile::tempdir().unwrap();
    let mirror = office.write_office(folder.path());
    let statements = folder.path().join("statements");
    symlink("/dev/zero", statements.join("a.cbor")).unwrap();
    fs::create_dir(statements.join("b.cbor")).unwrap();
    fs::write(statements.join("c.cbor"), vec![0; ROSTER_MAX + 1]).unwrap();
    fs::write(statements.join(".d.new"), b"being written").unwrap();
    let (good, bad): (Vec<_>, Vec<_>) = mirror.statements().unwrap().partition(Result::is_ok);
    assert_eq!(good.len(), 1);
    let why: Vec<DamageKind> = bad.into_iter().map(|damage| damage.unwrap_err().why).collect();
    assert_eq!(why, [DamageKind::NotAFile, DamageKind::NotAFile, DamageKind::TooLarge]);
    symlink("/dev/zero", folder.path().join("letters/0000000007.batch")).unwrap();
    assert_eq!(only(&mirror).open().unwrap_err().why, DamageKind::NotAFile);
}

#[test]
fn a_missing_folder_is_an_empty_one_and_a_file_is_no_mirror() {
    let folder = tempfile::tempdir().unwrap();
    let mirror = Mirror::open(folder.path()).unwrap();
    assert_eq!(mirror.notes().unwrap().count(), 0);
    assert!(mirror.batches(EnvelopeKind::Letter).unwrap().is_empty());
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    assert!(Mirror::open(&file).is_err());
    assert!(Mirror::open(&folder.path().join("nowhere")).is_err());
}

#[test]
fn a_directory_is_found_by_its_hash_only_if_it_has_it() {
    let mut office = TestOffice::new(1);
    office.issue(TODAY, |_| {});
    office.publish_colleagues(TODAY);
    let directory = office.note(TODAY);
    let folder = tempfile::tempdir().unwrap();
    let mirror = office.write(folder.path());
    assert_eq!(mirror.directory(directory.hash()).unwrap(), directory.bytes());
    let other = office.directory(TODAY.plus(7));
    let short: String = directory.hash().to_string().chars().take(32).collect();
    fs::write(folder.path().join(format!("directories/{short}.cbor")), other.bytes()).unwrap();
    assert_eq!(mirror.directory(directory.hash()), None);
}
