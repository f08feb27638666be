use super::*;
use crate::keys::ParcelKey;
use minicbor::Encoder;
use proptest::prelude::*;

fn text(text: &str) -> MessageText {
    MessageText::new(text).unwrap()
}

fn manifest() -> Manifest {
    Manifest {
        name: FileName::new("صورة 1.jpg").unwrap(),
        media_type: MediaType::new("image/jpeg").unwrap(),
        size: FileSize::new(2_000_000).unwrap(),
        sha256: Hash([5; 32]),
        key: ParcelKey::from_bytes([6; 32]),
    }
}

/// One of each kind with everything in it, then one of each with as little as may be.
fn examples() -> Vec<Message> {
    let names = || vec![LetterName::new(0).unwrap(), LetterName::new(4_194_303).unwrap()];
    let (day, number) = (Day(20_780), SequenceNumber::new(7).unwrap());
    vec![
        Message::Testimony(Testimony {
            text: text("شهادة\nwith a second line"),
            day,
            language: Some(Language::new("ar-SY").unwrap()),
            manifests: List::new(vec![manifest(), manifest()]).unwrap(),
            form: Some(Form { form: Hash([8; 32]), answers: Answers::new([1, 2, 3]).unwrap() }),
        }),
        Message::Reply(Reply { text: text("reply"), day, number, receipts: List::new(names()).unwrap() }),
        Message::Receipt(Receipt { day, number, receipts: List::new(names()).unwrap() }),
        Message::TeamEvent(TeamEvent { day, event: Event::new([0xff; 9]).unwrap() }),
        Message::Cover,
        Message::Testimony(Testimony {
            text: text("x"),
            day: Day::FIRST,
            language: None,
            manifests: List::new(vec![]).unwrap(),
            form: None,
        }),
        Message::Reply(Reply {
            text: text("x"),
            day: Day::FIRST,
            number: SequenceNumber::LEAST,
            receipts: List::new(vec![]).unwrap(),
        }),
    ]
}

/// The encoding with its map head one higher and an entry at the end.
fn with_entry(message: &Message, entry: &[u8]) -> Vec<u8> {
    let mut bytes = message.to_bytes().to_vec();
    bytes[0] += 1;
    bytes.extend_from_slice(entry);
    bytes
}

/// A map of the given entries, each already encoded.
fn map(entries: &[&[u8]]) -> Vec<u8> {
    let mut e = Encoder::new(Vec::new());
    e.map(entries.len() as u64).unwrap();
    let mut bytes = e.into_writer();
    entries.iter().for_each(|entry| bytes.extend_from_slice(entry));
    bytes
}

const KIND: [&[u8]; 6] = [b"\x00\x00", b"\x00\x01", b"\x00\x02", b"\x00\x03", b"\x00\x04", b"\x00\x05"];
const TEXT: &[u8] = b"\x01\x61x";
const DAY: &[u8] = b"\x02\x04";
const NUMBER: &[u8] = b"\x06\x01";
const RECEIPTS: &[u8] = b"\x07\x81\x00";
const EVENT: &[u8] = b"\x08\x40";

#[test]
fn every_kind_decodes_to_what_was_encoded() {
    for message in examples() {
        let bytes = message.to_bytes();
        let decoded = Message::from_bytes(&bytes).unwrap();
        assert!(decoded == message && decoded.to_bytes() == bytes);
    }
}

#[test]
fn the_smallest_messages_have_the_bytes_of_the_cddl() {
    for (kind, bytes) in [
        (1, map(&[KIND[1], TEXT, DAY])),
        (2, map(&[KIND[2], TEXT, DAY, NUMBER])),
        (3, map(&[KIND[3], DAY, NUMBER, RECEIPTS])),
        (4, map(&[KIND[4], DAY, EVENT])),
        (5, map(&[KIND[5]])),
    ] {
        assert_eq!(Message::from_bytes(&bytes).unwrap().to_bytes().as_slice(), bytes, "{kind}");
    }
}

#[test]
fn a_field_that_is_missing_or_belongs_to_another_kind_is_refused() {
    let all = [TEXT, DAY, b"\x03\x62ar", NUMBER, RECEIPTS, EVENT];
    let needed: [&[&[u8]]; 6] = [&[], &[TEXT, DAY], &[TEXT, DAY, NUMBER], &[DAY, NUMBER, RECEIPTS], &[DAY, EVENT], &[]];
    let optional: [&[&[u8]]; 6] = [&[], &[b"\x03\x62ar"], &[RECEIPTS], &[], &[], &[]];
    for kind in 0..6 {
        for present in 0u32..64 {
            let entries: Vec<_> = all.iter().zip(0..).filter(|(_, n)| present >> n & 1 == 1).map(|(e, _)| *e).collect();
            let fits = kind > 0
                && needed[kind].iter().all(|e| entries.contains(e))
                && entries.iter().all(|e| needed[kind].contains(e) || optional[kind].contains(e));
            let bytes = map(&[&[KIND[kind]][..], &entries].concat());
            assert_eq!(Message::from_bytes(&bytes).is_ok(), fits, "{kind} {present:b}");
        }
    }
}

#[test]
fn unknown_kinds_are_refused() {
    for kind in [&b"\x00\x06"[..], b"\x00\x18\xff", b"\x00\x20", b"\x00\xf6", b"\x00\x41\x01"] {
        assert!(Message::from_bytes(&map(&[kind])).is_err());
    }
    assert!(Message::from_bytes(&map(&[TEXT, DAY])).is_err());
}

#[test]
fn unknown_keys_below_64_are_refused() {
    for message in examples() {
        for key in 9..64u8 {
            let entry = if key < 24 { vec![key, 0] } else { vec![0x18, key, 0] };
            assert!(Message::from_bytes(&with_entry(&message, &entry)).is_err(), "{key}");
        }
        let deep = [&[9][..], &[0x81; 60_000], &[0]].concat();
        assert!(Message::from_bytes(&with_entry(&message, &deep)).is_err());
        assert!(Message::from_bytes(&with_entry(&message, b"\x20\x00")).is_err());
        assert!(Message::from_bytes(&with_entry(&message, b"\x61a\x00")).is_err());
    }
}

#[test]
fn extensions_are_ignored() {
    let mut deep = b"\x18\x40".to_vec();
    deep.resize(60_000, 0x81);
    deep.push(0x00);
    for message in examples() {
        for entry in [
            &b"\x18\x40\x00"[..],
            b"\x18\xff\xa1\x00\x82\x01\xf6",
            b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff\x63abc",
            &deep,
        ] {
            let bytes = with_entry(&message, entry);
            assert!(Message::from_bytes(&bytes).is_ok_and(|decoded| decoded == message));
        }
    }
}

#[test]
fn extensions_that_are_no_deterministic_cbor_are_refused() {
    for entry in [
        &b"\x18\x40"[..],    // no value
        b"\x18\x40\x81",     // a value that ends early
        b"\x18\x40\x00\x00", // bytes after the end
        b"\x18\x40\x9f\xff", // indefinite
        b"\x18\x40\x18\x17", // not the shortest
        b"\x18\x40\xc0\x00", // tag
        b"\x19\x00\x40\x00", // key not the shortest
    ] {
        assert!(Message::from_bytes(&with_entry(&Message::Cover, entry)).is_err(), "{entry:02x?}");
    }
    for entries in [[&b"\x18\x41\x00"[..], b"\x18\x40\x00"], [b"\x18\x40\x00", b"\x18\x40\x00"], [b"\x18\x40\x00", DAY]]
    {
        assert!(Message::from_bytes(&map(&[&[KIND[5]][..], &entries].concat())).is_err());
    }
}

#[test]
fn any_other_encoding_of_a_message_is_refused() {
    let whole = map(&[KIND[1], TEXT, DAY]);
    assert!(Message::from_bytes(&whole).is_ok());
    for other in [
        [&whole[..], b"\x00"].concat(),             // bytes after the end
        [b"\xb8\x03", &whole[1..]].concat(),        // head not the shortest
        [b"\xbf", &whole[1..], b"\xff"].concat(),   // indefinite length
        map(&[KIND[1], DAY, TEXT]),                 // order
        map(&[KIND[1], TEXT, TEXT, DAY]),           // twice
        map(&[b"\x00\x18\x01", TEXT, DAY]),         // value not the shortest
        map(&[b"\x18\x00\x01", TEXT, DAY]),         // key not the shortest
        map(&[KIND[1], b"\x01\x7f\x61x\xff", DAY]), // text of indefinite length
        map(&[KIND[1], b"\x01\x41x", DAY]),         // bytes for text
        map(&[KIND[1], TEXT, DAY, b"\x03\xf6"]),    // null for absent
        map(&[KIND[1], TEXT, DAY, b"\x04\x80"]),    // empty for absent
        map(&[KIND[1], TEXT, b"\x02\xc1\x04"]),     // tag
        b"\x83\x00\x05\x00".to_vec(),
        Vec::new(),
    ] {
        assert!(Message::from_bytes(&other).is_err(), "{other:02x?}");
    }
    for end in 0..whole.len() {
        assert!(Message::from_bytes(&whole[..end]).is_err());
    }
}

#[test]
fn values_outside_their_limits_are_refused() {
    let long = |bytes: usize| {
        let mut e = Encoder::new(Vec::new());
        e.u8(1).unwrap().str(&"x".repeat(bytes)).unwrap();
        e.into_writer()
    };
    let names = |count: usize| {
        let mut e = Encoder::new(Vec::new());
        e.u8(7).unwrap().array(count as u64).unwrap();
        (0..count).for_each(|_| assert!(e.u8(0).is_ok()));
        e.into_writer()
    };
    for (bytes, allowed) in [
        (map(&[KIND[1], b"\x01\x60", DAY]), false),
        (map(&[KIND[1], &long(65_000), DAY]), true),
        (map(&[KIND[1], &long(65_001), DAY]), false),
        (map(&[KIND[1], b"\x01\x62\xff\xfe", DAY]), false),
        (map(&[KIND[1], TEXT, b"\x02\x03"]), false),
        (map(&[KIND[1], TEXT, b"\x02\x1a\xff\xff\xff\xff"]), true),
        (map(&[KIND[1], TEXT, b"\x02\x1b\x00\x00\x00\x01\x00\x00\x00\x00"]), false),
        (map(&[KIND[1], TEXT, DAY, b"\x03\x61a"]), false),
        (map(&[KIND[1], TEXT, DAY, b"\x03\x63a\x0ab"]), false),
        (map(&[KIND[1], TEXT, DAY, b"\x03\x70aaaaaaaaaaaaaaaa"]), true),
        (map(&[KIND[1], TEXT, DAY, b"\x03\x71aaaaaaaaaaaaaaaaa"]), false),
        (map(&[KIND[2], TEXT, DAY, b"\x06\x00"]), false),
        (map(&[KIND[2], TEXT, DAY, b"\x06\x1a\xff\xff\xff\xff"]), true),
        (map(&[KIND[2], TEXT, DAY, b"\x06\x1b\x00\x00\x00\x01\x00\x00\x00\x00"]), false),
        (map(&[KIND[3], DAY, NUMBER, &names(0)]), false),
        (map(&[KIND[3], DAY, NUMBER, &names(64)]), true),
        (map(&[KIND[3], DAY, NUMBER, &names(65)]), false),
        (map(&[KIND[3], DAY, NUMBER, b"\x07\x81\x1a\x00\x40\x00\x00"]), false),
    ] {
        assert_eq!(Message::from_bytes(&bytes).is_ok(), allowed, "{:02x?}", &bytes[..bytes.len().min(40)]);
    }
    let too_large = with_entry(&Message::Cover, &[&b"\x18\x40\x5a\x00\x01\x00\x00"[..], &[0; 65_536]].concat());
    assert!(Message::from_bytes(&too_large).is_err());
}

#[test]
fn text_that_is_not_utf_8_is_refused_wherever_it_stands() {
    let texts = |bytes: &[u8; 2]| {
        let text = [&b"\x01\x62"[..], bytes].concat();
        let language = [&b"\x03\x62"[..], bytes].concat();
        let extension = [&b"\x18\x40\x62"[..], bytes].concat();
        let nested = [&b"\x18\x41\xa1\x00\x81\x62"[..], bytes].concat();
        [
            map(&[KIND[1], &text, DAY]),
            map(&[KIND[1], &text, DAY, b"\x18\x40\x00"]),
            map(&[KIND[1], TEXT, DAY, &language]),
            map(&[KIND[1], TEXT, DAY, &language, b"\x18\x40\x00"]),
            map(&[KIND[1], TEXT, DAY, &extension]),
            map(&[KIND[1], TEXT, DAY, b"\x18\x40\x00", &nested]),
        ]
    };
    assert!(texts(b"ar").iter().all(|bytes| Message::from_bytes(bytes).is_ok()));
    for bytes in [b"\xff\xfe", b"\xc0\xaf", b"a\xd8", b"\x80\x80"] {
        assert!(texts(bytes).iter().all(|bytes| Message::from_bytes(bytes).is_err()), "{bytes:02x?}");
    }
}

#[test]
fn a_testimony_carries_at_most_16_manifests() {
    assert!(List::<Manifest, 0, 16>::new((0..17).map(|_| manifest()).collect()).is_err());
    let mut one = Encoder::new(Vec::new());
    one.encode(manifest()).unwrap();
    let one = one.into_writer();
    for (count, allowed) in [(1, true), (16, true), (17, false)] {
        let list = [&[0x04, 0x80 | count][..], &one.repeat(usize::from(count))].concat();
        assert_eq!(Message::from_bytes(&map(&[KIND[1], TEXT, DAY, &list])).is_ok(), allowed, "{count}");
    }
}

#[test]
fn a_file_name_is_a_mere_name() {
    for name in ["a", "..a", "a.", "تقرير (2).pdf", " ", &"x".repeat(255)] {
        assert!(FileName::new(name).is_ok(), "{name}");
    }
    for name in ["", ".", "..", "a/b", "/", "a\\b", "a\0", "a\nb", "\u{85}", &"x".repeat(256)] {
        assert!(FileName::new(name).is_err(), "{name}");
    }
}

#[test]
fn nothing_of_a_message_is_shown() {
    for message in examples() {
        let shown = match &message {
            Message::Testimony(inner) => format!("{inner:?} {:?} {:?} {:?}", inner.text, inner.language, inner.form),
            Message::Reply(inner) => format!("{inner:?} {:?}", inner.text),
            Message::Receipt(inner) => format!("{inner:?} {:?}", inner.receipts),
            Message::TeamEvent(inner) => format!("{inner:?} {:?}", inner.event),
            Message::Cover => String::new(),
        };
        assert!(!["شهادة", "reply", "ar-SY", "4194303"].iter().any(|secret| shown.contains(secret)), "{shown}");
        assert_eq!(format!("{message:?}"), "Message(..)");
    }
    assert_eq!(format!("{:?}", manifest()), "Manifest(..)");
    assert_eq!(format!("{:?}", manifest().name), "FileName(..)");
}

pub(crate) fn any_message() -> impl Strategy<Value = Message> {
    let texts = || proptest::string::string_regex("(?s).{1,400}").unwrap().prop_map(|t| MessageText::new(t).unwrap());
    let days = || (Day::FIRST.0..).prop_map(Day);
    let numbers = || (1..=0xffff_ffffu64).prop_map(|n| SequenceNumber::new(n).unwrap());
    let names =
        |least| proptest::collection::vec((0u32..1 << 22).prop_map(|n| LetterName::new(n).unwrap()), least..=64);
    let languages = proptest::option::of("[a-zA-Z0-9-]{2,16}".prop_map(|tag| Language::new(tag).unwrap()));
    let files = ("[a-zA-Z0-9 ا-ي_-]{1,60}", "[a-z]{1,20}/[a-z]{1,20}", 0..=17_592_186_044_416u64, any::<[u8; 32]>());
    let files = files.prop_map(|(name, media_type, size, bytes)| Manifest {
        name: FileName::new(name).unwrap(),
        media_type: MediaType::new(media_type).unwrap(),
        size: FileSize::new(size).unwrap(),
        sha256: Hash(bytes),
        key: ParcelKey::from_bytes(bytes),
    });
    let manifests = proptest::collection::vec(files, 0..=4).prop_map(|list| List::new(list).unwrap());
    let bytes = || proptest::collection::vec(any::<u8>(), 0..500);
    let forms = proptest::option::of(
        (any::<[u8; 32]>(), bytes())
            .prop_map(|(form, answers)| Form { form: Hash(form), answers: Answers::new(answers).unwrap() }),
    );
    prop_oneof![
        (texts(), days(), languages, manifests, forms).prop_map(|(text, day, language, manifests, form)| {
            Message::Testimony(Testimony { text, day, language, manifests, form })
        }),
        (texts(), days(), numbers(), names(0)).prop_map(|(text, day, number, receipts)| {
            Message::Reply(Reply { text, day, number, receipts: List::new(receipts).unwrap() })
        }),
        (days(), numbers(), names(1)).prop_map(|(day, number, receipts)| {
            Message::Receipt(Receipt { day, number, receipts: List::new(receipts).unwrap() })
        }),
        (days(), bytes())
            .prop_map(|(day, event)| { Message::TeamEvent(TeamEvent { day, event: Event::new(event).unwrap() }) }),
        Just(()).prop_map(|()| Message::Cover),
    ]
}

proptest! {
    #[test]
    fn any_message_decodes_to_itself(message in any_message()) {
        prop_assert!(Message::from_bytes(&message.to_bytes()).is_ok_and(|decoded| decoded == message));
    }

    #[test]
    fn a_changed_message_is_refused_or_says_exactly_what_its_bytes_say(
        message in any_message(), at in any::<proptest::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = message.to_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(decoded) = Message::from_bytes(&bytes) {
            prop_assert_eq!(extensions::split(&bytes).unwrap().entries, &decoded.to_bytes()[1..]);
        }
    }
}
