//! Every statement has one encoding. Any other bytes are refused, whatever they would mean.

use crate::cbor::{Number, to_vec};
use crate::keys::{CourierKey, SeatSigningKey};
use crate::statement::testing::{DAY, Office, desk, label, seat};
use crate::statement::{
    CourierRequest, Note, Payload, Prekey, Roster, SeatKey, SeatRequest, Unverified, UnverifiedDirectory,
};
use minicbor::Encoder;

/// The bytes of one statement of each kind, with what reads them.
type Reader = fn(&[u8]) -> bool;

fn reads<T: Payload>(bytes: &[u8]) -> bool {
    Unverified::<T>::from_bytes(bytes).is_ok()
}

fn samples() -> Vec<(&'static str, Vec<u8>, Reader)> {
    let office = Office::new(1);
    let directory = office.directory(DAY);
    let (name, number) = (label("new"), office.roster.office());
    let seat_key = SeatSigningKey::from_bytes([8; 32]);
    let courier_key = CourierKey::from_bytes([8; 32]);
    let seat_request =
        SeatRequest { office: number, desk: desk(3), label: name.clone(), day: DAY, key: seat_key.public() };
    let courier_request = CourierRequest {
        office: number,
        desk: desk(3),
        seat: seat(0),
        label: name,
        day: DAY,
        key: courier_key.public(),
    };
    vec![
        ("roster", office.sign().bytes().to_vec(), reads::<Roster>),
        ("seat key", office.sign_seat_key(office.seat_key(0, 0)).bytes().to_vec(), reads::<SeatKey>),
        ("prekey", office.sign_prekey(office.prekey(0, 0, DAY.epoch())).bytes().to_vec(), reads::<Prekey>),
        ("note", office.note(&directory, &[0, 7]).bytes().to_vec(), reads::<Note>),
        ("seat request", seat_request.sign(&seat_key).unwrap().bytes().to_vec(), reads::<SeatRequest>),
        ("courier request", courier_request.sign(&courier_key).unwrap().bytes().to_vec(), reads::<CourierRequest>),
        ("directory", directory.bytes().to_vec(), |bytes| UnverifiedDirectory::from_bytes(bytes).is_ok()),
    ]
}

/// One way to say the same thing less shortly.
fn longer_head(bytes: &[u8]) -> Vec<u8> {
    let (first, rest) = bytes.split_first().unwrap();
    let (major, count) = (first & 0xe0, first & 0x1f);
    assert!(count < 24);
    [&[major | 24, count], rest].concat()
}

/// The outermost array or map without its length.
fn indefinite(bytes: &[u8]) -> Vec<u8> {
    let (first, rest) = bytes.split_first().unwrap();
    [&[(first & 0xe0) | 31], rest, &[0xff]].concat()
}

/// `payload` inside a statement that is right in every other way.
fn around(payload: &[u8]) -> Vec<u8> {
    let mut e = Encoder::new(Vec::new());
    e.array(2).unwrap().bytes(payload).unwrap().array(1).unwrap();
    e.array(2).unwrap().u8(0).unwrap().bytes(&[0; 64]).unwrap();
    e.into_writer()
}

fn payload_of(statement: &[u8]) -> Vec<u8> {
    let mut d = minicbor::Decoder::new(statement);
    d.array().unwrap();
    d.bytes().unwrap().to_vec()
}

#[test]
fn truncated_extended_and_indefinite_encodings_are_refused() {
    for (what, bytes, reads) in samples() {
        assert!(reads(&bytes), "{what}");
        for end in 0..bytes.len() {
            assert!(!reads(&bytes[..end]), "{what} cut at {end}");
        }
        assert!(!reads(&[bytes.as_slice(), &[0]].concat()), "{what}");
        assert!(!reads(&[bytes.as_slice(), &bytes].concat()), "{what}");
        assert!(!reads(&indefinite(&bytes)), "{what}");
        assert!(!reads(&longer_head(&bytes)), "{what}");
        assert!(!reads(&[&[0xc0], bytes.as_slice()].concat()), "{what} tagged");
    }
}

#[test]
fn the_payload_inside_has_one_encoding_too() {
    for (what, bytes, reads) in samples() {
        if what == "directory" {
            continue;
        }
        let payload = payload_of(&bytes);
        assert!(reads(&around(&payload)), "{what}");
        assert!(!reads(&around(&indefinite(&payload))), "{what}");
        assert!(!reads(&around(&longer_head(&payload))), "{what}");
        assert!(!reads(&around(&[payload.as_slice(), &[0]].concat())), "{what}");
        // The map with one key more, with its last key twice, and with its first key missing.
        let count = payload[0] & 0x1f;
        let head = |count| 0xa0 | count;
        let unknown = [&[head(count + 1)], &payload[1..], &[0x17, 0x00]].concat();
        assert!(!reads(&around(&unknown)), "{what} with an unknown key");
        let twice = [&[head(count + 1)], &payload[1..], &last_entry(&payload)].concat();
        assert!(!reads(&around(&twice)), "{what} with a key twice");
        let missing = [&[head(count - 1)][..], &payload[1 + first_entry(&payload)..]].concat();
        assert!(!reads(&around(&missing)), "{what} without its first key");
        let descending = [&[head(count)], &payload[1 + first_entry(&payload)..], &payload[1..=first_entry(&payload)]];
        assert!(!reads(&around(&descending.concat())), "{what} with its keys in another order");
    }
}

/// The length of a map's first entry.
fn first_entry(map: &[u8]) -> usize {
    let mut d = minicbor::Decoder::new(map);
    d.map().unwrap();
    let start = d.position();
    d.skip().unwrap();
    d.skip().unwrap();
    d.position() - start
}

fn last_entry(map: &[u8]) -> Vec<u8> {
    let mut d = minicbor::Decoder::new(map);
    let count = d.map().unwrap().unwrap();
    for _ in 0..count - 1 {
        d.skip().unwrap();
        d.skip().unwrap();
    }
    map[d.position()..].to_vec()
}

/// Whatever single byte is changed: refused, or read as other bytes with another signature input; never panics.
#[test]
fn a_flipped_byte_is_refused_or_is_another_statement() {
    fn check<T: Payload>(what: &str, bytes: &[u8]) {
        for i in 0..bytes.len() {
            for flip in [0x01, 0x20, 0x80] {
                let mut other = bytes.to_vec();
                other[i] ^= flip;
                if let Ok(read) = Unverified::<T>::from_bytes(&other) {
                    assert_eq!(read.bytes(), other, "{what}");
                    let again = Unverified::assemble(
                        minicbor::decode::<T>(read.payload_bytes()).unwrap(),
                        read.signatures().to_vec(),
                    );
                    assert_eq!(again.unwrap().bytes(), other, "{what} at {i}");
                }
            }
        }
    }
    for (what, bytes, _) in samples() {
        match what {
            "roster" => check::<Roster>(what, &bytes),
            "seat key" => check::<SeatKey>(what, &bytes),
            "note" => check::<Note>(what, &bytes),
            "seat request" => check::<SeatRequest>(what, &bytes),
            "courier request" => check::<CourierRequest>(what, &bytes),
            _ => {}
        }
    }
}

#[test]
fn no_flipped_byte_of_a_verified_statement_verifies() {
    let office = Office::new(1);
    let roster = office.sign();
    let key = office.sign_seat_key(office.seat_key(0, 0));
    for i in 0..roster.bytes().len() {
        let mut other = roster.bytes().to_vec();
        other[i] ^= 0x04;
        let verified =
            Unverified::<Roster>::from_bytes(&other).map(|read| read.verify(office.fingerprint(), DAY).is_ok());
        assert_ne!(verified, Ok(true), "roster at {i}");
    }
    for i in 0..key.bytes().len() {
        let mut other = key.bytes().to_vec();
        other[i] ^= 0x04;
        let verified = Unverified::<SeatKey>::from_bytes(&other).map(|read| read.verify(&office.roster).is_ok());
        assert_ne!(verified, Ok(true), "seat key at {i}");
    }
}

#[test]
fn a_statement_has_at_least_one_signature_and_only_a_note_more_than_one() {
    fn with<T: Payload>(bytes: &[u8], n: usize) -> bool {
        let mut e = Encoder::new(Vec::new());
        e.array(2).unwrap().bytes(&payload_of(bytes)).unwrap().array(n as u64).unwrap();
        for i in 0..n {
            e.array(2).unwrap().u8(i as u8).unwrap().bytes(&[0; 64]).unwrap();
        }
        reads::<T>(&e.into_writer())
    }
    for (what, bytes, _) in samples() {
        let counts = |with: fn(&[u8], usize) -> bool| [0, 1, 2, 8, 9].map(|n| with(&bytes, n));
        match what {
            "note" => assert_eq!(counts(with::<Note>), [false, true, true, true, false]),
            "roster" => assert_eq!(counts(with::<Roster>), [false, true, false, false, false]),
            "seat key" => assert_eq!(counts(with::<SeatKey>), [false, true, false, false, false]),
            "prekey" => assert_eq!(counts(with::<Prekey>), [false, true, false, false, false]),
            "seat request" => assert_eq!(counts(with::<SeatRequest>), [false, true, false, false, false]),
            "courier request" => assert_eq!(counts(with::<CourierRequest>), [false, true, false, false, false]),
            _ => {}
        }
    }
}

#[test]
fn one_kind_of_statement_is_not_read_as_another() {
    let samples = samples();
    for (what, bytes, _) in &samples {
        for (other, _, reads) in &samples {
            assert_eq!(reads(bytes), what == other, "{what} as {other}");
        }
    }
}

#[test]
fn a_statement_over_its_limit_is_refused() {
    let office = Office::new(1);
    let directory = office.directory(DAY);
    let notice = |n: usize| crate::Text::<1, 1000>::new("x".repeat(n));
    assert!(notice(1001).is_err());
    let note = directory.sign_note(
        u64::MAX,
        crate::statement::testing::head(),
        Some(notice(1000).unwrap()),
        Number::new(0).unwrap(),
        &office.courier_key(0),
    );
    assert!(note.unwrap().bytes().len() < Note::MAX);
    // Longer than any roster may be, although it would decode.
    assert!(!reads::<Roster>(&around(&vec![0; Roster::MAX])));
    assert!(!reads::<SeatKey>(&around(&to_vec(&vec![0_u8; SeatKey::MAX]))));
}
