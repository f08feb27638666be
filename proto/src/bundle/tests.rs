//! Bundles that were cut, swapped, padded, or made of things that nobody can post.

use super::*;
use proptest::prelude::*;

fn letter(n: u8) -> Record {
    Record {
        kind: EnvelopeKind::Letter,
        id: EnvelopeId([n; 16]),
        burn_hash: None,
        envelope: Some(Box::new([n; ENVELOPE])),
    }
}

fn chunk(n: u8) -> Record {
    Record { kind: EnvelopeKind::Chunk, burn_hash: Some(Hash([n; 32])), ..letter(n) }
}

fn records() -> Vec<Record> {
    vec![letter(1), chunk(2), letter(3)]
}

#[test]
fn a_bundle_begins_with_its_name_and_gives_back_its_records() {
    let bytes = write_bundle(&records());
    assert_eq!(bytes[..14], *b"\x6dcssr bundle 1");
    assert_eq!(read_bundle(&bytes), Ok(records()));
    assert_eq!(read_bundle(&write_bundle(&[])), Ok(vec![]));
}

#[test]
fn a_chunk_with_its_burn_hash_is_the_largest_record() {
    assert_eq!(chunk(255).to_bytes().len(), Record::ENCODED_MAX);
}

#[test]
fn a_file_that_is_not_a_bundle_is_refused_at_its_first_byte() {
    for bytes in [&b"x"[..], b"\x6dcssr bundle 2", b"\x6ccssr bundle ", b"\x78\x0dcssr bundle 1"] {
        let mut reader = BundleReader::new();
        reader.push(bytes);
        assert_eq!(reader.next(), Err(BundleError::NotABundle));
        assert_eq!(reader.finish(), Err(BundleError::NotABundle));
    }
    assert_eq!(read_bundle(&[]), Err(BundleError::NotABundle));
    assert_eq!(read_bundle(&bundle_header()[..5]), Err(BundleError::NotABundle));
}

#[test]
fn a_cut_bundle_says_at_which_record() {
    let bytes = write_bundle(&records());
    let (header, first, second) = (14, letter(1).to_bytes().len(), chunk(2).to_bytes().len());
    for (size, record) in [
        (header + 1, 1),
        (header + first - 1, 1),
        (header + first + 1, 2),
        (header + first + second + 9, 3),
        (bytes.len() - 1, 3),
    ] {
        assert_eq!(read_bundle(&bytes[..size]), Err(BundleError::CutOff { record }), "{size}");
    }
    assert_eq!(read_bundle(&bytes[..header + first]), Ok(vec![letter(1)]));
}

#[test]
fn records_that_nobody_can_post_are_refused() {
    let burned = Record { envelope: None, ..chunk(2) };
    let unburnable = Record { burn_hash: None, ..chunk(2) };
    let burnable_letter = Record { burn_hash: Some(Hash([1; 32])), ..letter(2) };
    for bad in [burned, unburnable, burnable_letter] {
        let bytes = write_bundle(&[letter(1), bad]);
        assert_eq!(read_bundle(&bytes), Err(BundleError::Malformed { record: 2 }));
    }
}

#[test]
fn records_of_another_shape_are_refused() {
    let good = letter(1).to_bytes();
    let with = |f: &dyn Fn(&mut Vec<u8>)| {
        let mut record = good.clone();
        f(&mut record);
        read_bundle(&[bundle_header(), record].concat())
    };
    assert!(with(&|_| {}).is_ok());
    let malformed = Err(BundleError::Malformed { record: 1 });
    assert_eq!(with(&|r| r[0] = 0x83), malformed, "three items");
    assert_eq!(with(&|r| r[1] = 3), malformed, "no such kind");
    assert_eq!(with(&|r| r[2] = 0x4f), malformed, "an id of 15 bytes");
    assert_eq!(with(&|r| drop(r.splice(1..2, [0x18, 1]))), malformed, "a number written longer than needed");
    assert_eq!(with(&|r| r[19] = 0xf7), malformed, "undefined for null");
    assert_eq!(with(&|r| drop(r.splice(20..23, [0x59, 0x3f, 0x7f]))), malformed, "an envelope a byte short");
    assert_eq!(with(&|r| r.push(0)), Err(BundleError::Malformed { record: 2 }), "a byte after the record");
}

#[test]
fn a_record_that_only_claims_to_be_long_is_refused_when_it_is_too_long() {
    let mut reader = BundleReader::new();
    reader.push(&[&bundle_header()[..], &letter(1).to_bytes()[..20], &[0x5a, 0xff, 0xff, 0xff, 0xff]].concat());
    let mut pushed = 25;
    while reader.next() == Ok(None) {
        reader.push(&[0; 1_000]);
        pushed += 1_000;
        assert!(pushed < Record::ENCODED_MAX + 2_000, "it never ends");
    }
    assert_eq!(reader.next(), Err(BundleError::Malformed { record: 1 }));
}

#[test]
fn after_an_error_nothing_is_read_or_held() {
    let mut reader = BundleReader::new();
    reader.push(&write_bundle(&[Record { envelope: None, ..chunk(2) }, letter(1)]));
    let error = Err(BundleError::Malformed { record: 1 });
    assert_eq!(reader.next(), error);
    reader.push(&letter(1).to_bytes());
    assert_eq!((reader.next(), reader.buffer.len()), (error, 0));
    assert_eq!(reader.finish(), Err(BundleError::Malformed { record: 1 }));
}

#[test]
fn a_file_ended_before_its_records_were_taken_is_an_error() {
    let mut reader = BundleReader::new();
    reader.push(&write_bundle(&records()));
    assert_eq!(reader.finish(), Err(BundleError::CutOff { record: 1 }));
}

#[test]
fn a_record_becomes_the_post_of_its_envelope() {
    let post = chunk(2).post(Postage::FREE).unwrap();
    assert_eq!(post, Post::chunk(EnvelopeId([2; 16]), [2; 32], Postage::FREE, &[2; ENVELOPE]));
    let post = letter(1).post(Postage::FREE).unwrap();
    assert_eq!(post, Post::letter(EnvelopeId([1; 16]), Postage::FREE, &[1; ENVELOPE]));
    assert!(Record { envelope: None, ..letter(1) }.post(Postage::FREE).is_none());
    assert!(Record { burn_hash: None, ..chunk(1) }.post(Postage::FREE).is_none());
}

#[test]
fn debug_shows_the_kind_only() {
    assert_eq!(format!("{:?}", chunk(1)), "Record(Chunk)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_does_not_matter_in_which_pieces_a_bundle_comes(sizes in prop::collection::vec(1_usize..20_000, 1..30)) {
        let bytes = write_bundle(&records());
        let (mut reader, mut read, mut rest) = (BundleReader::new(), Vec::new(), &bytes[..]);
        for size in sizes.iter().cycle() {
            let (piece, after) = rest.split_at(rest.len().min(*size));
            reader.push(piece);
            while let Some(record) = reader.next().unwrap() {
                read.push(record);
            }
            prop_assert!(reader.rest().len() < Record::ENCODED_MAX);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(reader.finish(), Ok(()));
        prop_assert_eq!(read, records());
    }
}
