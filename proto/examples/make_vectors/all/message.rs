//! Messages (section 7).

use super::case::Case;
use super::cbor::{array, bytes, head, map, text, uint};
use super::kit::{Key, seed};
use super::office::DAY;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = accepted();
    cases.extend(refused());
    cases
}

/// A file of a testimony.
#[derive(Clone)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) size: u64,
    pub(crate) sha256: Key,
    pub(crate) key: Key,
}

/// All that any message may hold; the kind decides what belongs in.
#[derive(Clone, Default)]
pub(crate) struct Message {
    pub(crate) kind: u32,
    pub(crate) text: Option<String>,
    pub(crate) day: Option<u32>,
    pub(crate) language: Option<String>,
    pub(crate) manifests: Vec<Manifest>,
    pub(crate) form: Option<(Key, Vec<u8>)>,
    pub(crate) number: Option<u64>,
    pub(crate) receipts: Vec<u32>,
    pub(crate) event: Option<Vec<u8>>,
    /// Keys and encoded values.
    pub(crate) extensions: Vec<(u64, Vec<u8>)>,
}

impl Message {
    pub(crate) fn testimony(text: &str) -> Self {
        Self { kind: 1, text: Some(text.to_owned()), day: Some(DAY), ..Self::default() }
    }

    pub(crate) fn reply(text: &str, number: u64) -> Self {
        Self { kind: 2, text: Some(text.to_owned()), day: Some(DAY), number: Some(number), ..Self::default() }
    }

    pub(crate) fn receipt(number: u64, receipts: &[u32]) -> Self {
        Self { kind: 3, day: Some(DAY), number: Some(number), receipts: receipts.to_vec(), ..Self::default() }
    }

    pub(crate) fn team_event(event: &[u8]) -> Self {
        Self { kind: 4, day: Some(DAY), event: Some(event.to_vec()), ..Self::default() }
    }

    pub(crate) fn cover() -> Self {
        Self { kind: 5, ..Self::default() }
    }

    /// CDDL `message`.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let list = |items: Vec<Vec<u8>>| (!items.is_empty()).then(|| array(&items));
        let manifest = |manifest: &Manifest| {
            map(&[
                (0, Some(text(&manifest.name))),
                (1, Some(text(&manifest.media_type))),
                (2, Some(uint(manifest.size))),
                (3, Some(bytes(&manifest.sha256))),
                (4, Some(bytes(&manifest.key))),
            ])
        };
        let mut entries = vec![
            (0, Some(uint(self.kind))),
            (1, self.text.as_deref().map(text)),
            (2, self.day.map(uint)),
            (3, self.language.as_deref().map(text)),
            (4, list(self.manifests.iter().map(manifest).collect())),
            (5, self.form.as_ref().map(|(form, answers)| array(&[bytes(form), bytes(answers)]))),
            (6, self.number.map(uint)),
            (7, list(self.receipts.iter().map(|name| uint(*name)).collect())),
            (8, self.event.as_deref().map(bytes)),
        ];
        entries.extend(self.extensions.iter().map(|(key, value)| (*key, Some(value.clone()))));
        map(&entries)
    }
}

/// A manifest of a file that nobody has.
fn manifest() -> Manifest {
    Manifest {
        name: "تقرير (2).pdf".to_owned(),
        media_type: "application/pdf".to_owned(),
        size: 1_000_000,
        sha256: seed("the SHA-256 of a file"),
        key: seed("a parcel key"),
    }
}

fn accepted() -> Vec<Case> {
    let ok = |name: &str, comment: &str, message: &Message| {
        let kinds = ["", "testimony", "reply", "receipt", "team event", "cover"];
        let known = Message { extensions: Vec::new(), ..message.clone() };
        let case = Case::ok(&format!("message/{name}"), comment)
            .input("message", message.bytes())
            .output("kind", kinds[message.kind as usize])
            .output("known", known.bytes())
            .output("text", message.text.as_deref())
            .output("day", message.day)
            .output("language", message.language.as_deref())
            .output("form", message.form.as_ref().map(|(form, _)| form))
            .output("answers", message.form.as_ref().map(|(_, answers)| answers))
            .output("number", message.number)
            .outputs("receipt", message.receipts.iter().copied())
            .output("event", message.event.as_deref());
        message.manifests.iter().fold(case, |case, manifest| {
            case.output("file-name", &manifest.name)
                .output("media-type", &manifest.media_type)
                .output("size", manifest.size)
                .output("file-sha256", manifest.sha256)
                .output("parcel-key", manifest.key)
        })
    };
    let nested = array(&[map(&[(9, Some(text("x")))]), vec![0xf5], vec![0x3a, 0xff, 0xff, 0xff, 0xff]]);
    vec![
        ok("testimony", "A text in Arabic.", &Message::testimony("شهادة قصيرة.\nسطر ثان.")),
        ok(
            "testimony-in-full",
            "Language, two files, a form.",
            &Message {
                language: Some("ar-SY".to_owned()),
                manifests: vec![manifest(), Manifest { name: "a".to_owned(), size: 0, ..manifest() }],
                form: Some((seed("a form"), b"answers".to_vec())),
                ..Message::testimony("A text.")
            },
        ),
        ok("reply", "A reply without receipts.", &Message::reply("An answer.", 1)),
        ok(
            "reply-with-receipts",
            "The names of two letters, the greatest there is among them.",
            &Message { receipts: vec![4_194_303, 0], ..Message::reply("An answer.", 4_294_967_295) },
        ),
        ok("receipt", "A receipt for one letter.", &Message::receipt(2, &[77])),
        ok("team-event", "Bytes that the staff programs define.", &Message::team_event(b"assigned")),
        ok("team-event-empty", "No bytes are bytes, too.", &Message::team_event(b"")),
        ok("cover", "Nothing from nobody.", &Message::cover()),
        ok(
            "with-extensions",
            "Keys 64 and 255 and the greatest one: ignored.",
            &Message {
                extensions: vec![(64, uint(0_u32)), (255, nested), (u64::MAX, text("later"))],
                ..Message::testimony("A text.")
            },
        ),
        ok(
            "with-nested-extension",
            "A map in a map inside an extension.",
            &Message {
                extensions: vec![(64, map(&[(1, Some(map(&[(2, Some(uint(1_u32)))]))), (2, Some(vec![0xf6]))]))],
                ..Message::cover()
            },
        ),
    ]
}

fn refused() -> Vec<Case> {
    let no = |name: &str, comment: &str, bytes: &[u8]| {
        Case::refused(&format!("message/{name}"), "malformed", comment).input("message", bytes)
    };
    let (testimony, reply) = (Message::testimony("A text."), Message::reply("An answer.", 1));
    let of = |name: &str, comment: &str, message: Message| no(name, comment, &message.bytes());
    let named =
        |name: &str| Message { manifests: vec![Manifest { name: name.to_owned(), ..manifest() }], ..testimony.clone() };
    let whole = testimony.bytes();
    let extended = |name: &str, comment: &str, entries: &[&[u8]]| {
        no(name, comment, &[head(5, 1 + entries.len() as u64), vec![0, 5], entries.concat()].concat())
    };
    vec![
        of("kind-0", "There is no such kind.", Message { kind: 0, ..testimony.clone() }),
        of("kind-6", "A kind that does not exist yet.", Message { kind: 6, ..testimony.clone() }),
        of(
            "unknown-key",
            "Key 9 is below 64 and unknown.",
            Message { extensions: vec![(9, uint(0_u32))], ..testimony.clone() },
        ),
        of(
            "unknown-key-63",
            "Key 63 is below 64 and unknown.",
            Message { extensions: vec![(63, uint(0_u32))], ..Message::cover() },
        ),
        of("testimony-without-text", "A testimony has a text.", Message { text: None, ..testimony.clone() }),
        of("testimony-without-day", "A testimony has a day.", Message { day: None, ..testimony.clone() }),
        of("testimony-with-number", "A testimony has no number.", Message { number: Some(1), ..testimony.clone() }),
        of(
            "reply-with-language",
            "A reply has no language.",
            Message { language: Some("ar".to_owned()), ..reply.clone() },
        ),
        of("reply-without-number", "A reply has a number.", Message { number: None, ..reply.clone() }),
        of("reply-number-0", "Numbers count from 1.", Message { number: Some(0), ..reply.clone() }),
        of("reply-number-33-bits", "Numbers have 32 bits.", Message { number: Some(1 << 32), ..reply.clone() }),
        of("receipt-of-nothing", "A receipt names a letter.", Message::receipt(1, &[])),
        of("receipt-of-65", "A receipt names 64 letters at most.", Message::receipt(1, &[0; 65])),
        of("receipt-name-23-bits", "Names of letters have 22 bits.", Message::receipt(1, &[4_194_304])),
        of("cover-with-text", "A cover says nothing.", Message { text: Some("x".to_owned()), ..Message::cover() }),
        of("text-empty", "A text of no bytes.", Message::testimony("")),
        no("text-not-utf-8", "A byte that is no UTF-8.", b"\xa3\x00\x01\x01\x61\xff\x02\x19\x51\x2c"),
        no("text-surrogate", "Half of a surrogate pair.", b"\xa3\x00\x01\x01\x63\xed\xa0\x80\x02\x19\x51\x2c"),
        of("language-too-short", "One letter.", Message { language: Some("a".to_owned()), ..testimony.clone() }),
        of(
            "language-with-underscore",
            "Letters, digits and hyphens only.",
            Message { language: Some("ar_SY".to_owned()), ..testimony.clone() },
        ),
        of("seventeen-files", "At most 16.", Message { manifests: vec![manifest(); 17], ..testimony.clone() }),
        of("file-name-with-slash", "A path instead of a name.", named("a/b")),
        of("file-name-with-backslash", "A path of another system.", named("a\\b")),
        of("file-name-dot-dot", "The folder above.", named("..")),
        of("file-name-with-control-character", "A zero byte.", named("a\0.txt")),
        of(
            "file-too-large",
            "More than 2^44 bytes.",
            Message { manifests: vec![Manifest { size: (1 << 44) + 1, ..manifest() }], ..testimony.clone() },
        ),
        no("indefinite-map", "A map of indefinite length.", &[&[0xbf][..], &whole[1..], &[0xff]].concat()),
        no("long-head", "The number of keys in two bytes.", &[&[0xb8, 3][..], &whole[1..]].concat()),
        no("bytes-after-the-end", "A byte follows.", &[&whole[..], &[0]].concat()),
        no("cut-off", "The last byte is missing.", &whole[..whole.len() - 1]),
        extended("extension-without-value", "A key 64 and nothing.", &[b"\x18\x40"]),
        extended("extension-twice", "Key 64 twice.", &[b"\x18\x40\x00", b"\x18\x40\x00"]),
        extended("extensions-wrong-order", "Key 65 before key 64.", &[b"\x18\x41\x00", b"\x18\x40\x00"]),
        extended("extension-before-known-key", "Key 64 before key 2.", &[b"\x18\x40\x00", b"\x02\x19\x51\x2c"]),
        extended("extension-indefinite", "An array of indefinite length inside an extension.", &[b"\x18\x40\x9f\xff"]),
        extended(
            "extension-long-integer",
            "An integer that is not the shortest inside an extension.",
            &[b"\x18\x40\x18\x17"],
        ),
        extended("extension-tag", "A tag inside an extension.", &[b"\x18\x40\x81\xc0\x00"]),
        extended("extension-float", "A floating-point number inside an extension.", &[b"\x18\x40\xf9\x3c\x00"]),
        extended("extension-not-utf-8", "A text that is no UTF-8 inside an extension.", &[b"\x18\x40\x61\xff"]),
    ]
}
