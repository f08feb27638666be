//! What seats and couriers sign by themselves (sections 4.1, 4.3 and 14).

use super::case::Case;
use super::cbor::{bytes, map, text, uint};
use super::kit::{Key, X25519_LOW_ORDER, X25519_NOT_CANONICAL, ed25519, seed, sign};
use super::office::{
    DAY, EPOCH, Prekey, Roster, Seat, SeatKey, SignedAs, auth_private, courier_seed, prekey_seed, signing_seed,
    statement, statement_hash,
};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = seat_keys();
    cases.extend(deterministic());
    cases.extend(prekeys());
    cases.extend(requests());
    cases.extend(courier_sessions());
    cases
}

fn given(case: Case, roster: &Roster, statement: &[u8]) -> Case {
    case.input("card", roster.office()).input("roster", roster.sign()).input("statement", statement)
}

fn seat_keys() -> Vec<Case> {
    let roster = Roster::small();
    let right = SeatKey::of(&roster, 0, 1);
    let ok = |name: &str, comment: &str, roster: &Roster, key: &SeatKey, private: Key| {
        let bytes = key.sign(roster);
        given(Case::ok(&format!("seat-key/{name}"), comment), roster, &bytes)
            .from("signing-seed", signing_seed(key.desk, key.seat))
            .from("private-key", private)
            .output("desk", key.desk)
            .output("seat", key.seat)
            .output("from", key.from)
            .output("through", key.through)
            .output("key", key.key)
            .output("signature-input", key.signed_as(roster).input(&key.payload()))
            .output("hash", statement_hash(&bytes))
    };
    let no = |name: &str, reason: &str, comment: &str, bytes: &[u8]| {
        given(Case::refused(&format!("seat-key/{name}"), reason, comment), &roster, bytes)
    };
    let signed = |key: &SeatKey, signer: u32, seed: &Key, about: &SignedAs| {
        let payload = key.payload();
        statement(&payload, &[(signer, sign(seed, &about.input(&payload)))])
    };
    let (seed_of, about) = (signing_seed(0, 1), right.signed_as(&roster));
    let by = |about: SignedAs| signed(&right, 1, &seed_of, &about);
    let mut one_more = Roster::small();
    one_more.desks[0].seats.push(super::office::seat(0, 2, "Rima"));
    let unlisted = SeatKey::of(&one_more, 0, 2).sign(&one_more);
    let mut renamed = Roster::small();
    renamed.desks[0].seats[1] = Seat { label: "Amal".to_owned(), ..renamed.desks[0].seats[1].clone() };
    let low = SeatKey { key: X25519_LOW_ORDER, ..right.clone() };
    let large = SeatKey { key: X25519_NOT_CANONICAL, ..right.clone() };
    let ends_early = SeatKey { through: right.from - 1, ..right.clone() };
    let elsewhere = SeatKey { office: [7; 16], ..right.clone() };
    vec![
        ok("usual", "The key of seat 0.1 for a hundred days.", &roster, &right, auth_private(0, 1)),
        ok(
            "one-day",
            "A key for one day.",
            &roster,
            &SeatKey { through: right.from, ..right.clone() },
            auth_private(0, 1),
        ),
        ok(
            "retired-seat",
            "A retired seat, whose name is in Arabic, has a key, too.",
            &Roster::large(),
            &SeatKey::of(&Roster::large(), 0, 2),
            auth_private(0, 2),
        ),
        no(
            "other-office",
            "other-office",
            "It names another office.",
            &signed(&elsewhere, 1, &seed_of, &elsewhere.signed_as(&roster)),
        ),
        no("unknown-seat", "unknown-seat", "The roster lists no seat 0.2.", &unlisted),
        no("ends-before-it-begins", "validity", "Its last day is the one before its first.", &ends_early.sign(&roster)),
        no("low-order", "bad-key", "The key is of small order.", &low.sign(&roster)),
        no("not-canonical", "bad-key", "The key is not below 2^255 - 19.", &large.sign(&roster)),
        no("colleague", "signature", "Signed by seat 0.0.", &signed(&right, 1, &signing_seed(0, 0), &about)),
        no("signer-0", "signature", "The signer field is that of seat 0.0.", &signed(&right, 0, &seed_of, &about)),
        no(
            "as-prekey",
            "signature",
            "Signed in the context of a prekey.",
            &by(SignedAs { context: "cssr1 prekey", ..about.clone() }),
        ),
        no(
            "as-courier",
            "signature",
            "Signed in the role of a courier.",
            &by(SignedAs { role: "courier", ..about.clone() }),
        ),
        no("other-label", "signature", "Signed under another name than the roster's.", &right.sign(&renamed)),
        no(
            "other-desk",
            "signature",
            "Signed for another desk than the payload's.",
            &by(SignedAs { desk: Some(3), ..about.clone() }),
        ),
        no(
            "other-number",
            "signature",
            "Signed for another seat than the payload's.",
            &by(SignedAs { number: Some(0), ..about.clone() }),
        ),
        no(
            "other-validity",
            "signature",
            "Signed for a day longer than the payload says.",
            &by(SignedAs { through: about.through + 1, ..about.clone() }),
        ),
    ]
}

/// The payload of a seat key in every encoding that is not the deterministic one, each signed as it is.
fn deterministic() -> Vec<Case> {
    let roster = Roster::small();
    let right = SeatKey::of(&roster, 0, 1);
    let about = right.signed_as(&roster);
    let case = |name: &str, comment: &str, payload: &[u8]| {
        let bytes = statement(payload, &[(1, sign(&signing_seed(0, 1), &about.input(payload)))]);
        given(Case::refused(&format!("seat-key/{name}"), "malformed", comment), &roster, &bytes)
    };
    let field = |key: u32, value: Vec<u8>| [uint(key), value].concat();
    let fields = [
        field(0, bytes(&right.office)),
        field(1, uint(0_u32)),
        field(2, uint(1_u32)),
        field(3, uint(right.from)),
        field(4, uint(right.through)),
        field(5, bytes(&right.key)),
    ];
    let of = |fields: &[Vec<u8>]| [vec![0xa0 + fields.len() as u8], fields.concat()].concat();
    let with = |at: usize, other: Vec<u8>| {
        let mut fields = fields.clone();
        fields[at] = other;
        of(&fields)
    };
    assert_eq!(of(&fields), right.payload());
    let mut swapped = fields.clone();
    swapped.swap(1, 2);
    let twice: Vec<_> = fields[..2].iter().chain(&fields[1..]).cloned().collect();
    let from = right.from.to_be_bytes();
    vec![
        case("cbor-key-order", "Key 2 before key 1.", &of(&swapped)),
        case("cbor-key-twice", "Key 1 twice.", &of(&twice)),
        case(
            "cbor-unknown-key",
            "A key 6 that the CDDL does not have.",
            &of(&[&fields[..], &[field(6, uint(0_u32))]].concat()),
        ),
        case("cbor-missing-key", "Without the key itself.", &of(&fields[..5])),
        case("cbor-indefinite-map", "A map of indefinite length.", &[&b"\xbf"[..], &fields.concat(), b"\xff"].concat()),
        case(
            "cbor-indefinite-bytes",
            "The office id as a byte string in pieces.",
            &with(0, [&b"\x00\x5f"[..], &bytes(&right.office), b"\xff"].concat()),
        ),
        case("cbor-long-integer", "The desk's number in two bytes instead of one.", &with(1, vec![1, 0x18, 0])),
        case(
            "cbor-long-day",
            "A day in nine bytes instead of three.",
            &with(3, [&b"\x03\x1b\0\0\0\0"[..], &from].concat()),
        ),
        case(
            "cbor-long-length",
            "A length in three bytes instead of two.",
            &with(5, [&b"\x05\x59\x00\x20"[..], &right.key].concat()),
        ),
        case(
            "cbor-long-head",
            "The number of keys in two bytes instead of one.",
            &[&[0xb8, 6][..], &fields.concat()].concat(),
        ),
        case("cbor-tag", "A tag around a day.", &with(3, [&b"\x03\xc1"[..], &uint(right.from)].concat())),
        case(
            "cbor-float",
            "A day as a floating-point number.",
            &with(3, [&b"\x03\xfa"[..], &(right.from as f32).to_be_bytes()].concat()),
        ),
        case("cbor-null", "null for the seat.", &with(2, vec![2, 0xf6])),
        case("cbor-text-for-bytes", "The key as a text string.", &with(5, [&[5][..], &text(&"k".repeat(32))].concat())),
        case("cbor-bytes-after-the-end", "A byte follows the payload's map.", &[&right.payload()[..], &[0]].concat()),
        case("cbor-short-key", "A key of 31 bytes.", &with(5, [&[5][..], &bytes(&right.key[..31])].concat())),
        case("cbor-day-3", "Days before 1970-01-05 are not valid.", &with(3, vec![3, 3])),
        case("cbor-day-beyond", "A day of 33 bits.", &with(4, b"\x04\x1b\0\0\0\x01\0\0\0\0".to_vec())),
        case("cbor-negative", "A negative day.", &with(3, vec![3, 0x20])),
        case(
            "cbor-array",
            "An array instead of a map.",
            &[&[0x86][..], &fields.iter().flat_map(|f| f[1..].to_vec()).collect::<Vec<_>>()].concat(),
        ),
    ]
}

fn prekeys() -> Vec<Case> {
    let roster = Roster::small();
    let right = Prekey::of(&roster, 0, 0, EPOCH);
    let bytes = right.sign(&roster);
    let no = |name: &str, reason: &str, comment: &str, bytes: &[u8]| {
        given(Case::refused(&format!("prekey/{name}"), reason, comment), &roster, bytes)
    };
    let signed = |prekey: &Prekey, about: &SignedAs| {
        let payload = prekey.payload();
        statement(&payload, &[(0, sign(&signing_seed(0, 0), &about.input(&payload)))])
    };
    let about = right.signed_as(&roster);
    let with_key = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut prekey = right.clone();
        edit(&mut prekey.key);
        prekey.sign(&roster)
    };
    let epoch = |epoch: u32| {
        // The last epoch's days cannot all be written; what is signed for it does not matter to a reader that refuses.
        let prekey = Prekey { epoch, ..right.clone() };
        signed(&prekey, &about)
    };
    vec![
        given(Case::ok("prekey/usual", "The prekey of seat 0.0 for the week of 2026-11-23."), &roster, &bytes)
            .from("signing-seed", signing_seed(0, 0))
            .from("x-wing-seed", prekey_seed(0, 0, EPOCH))
            .output("desk", 0_u32)
            .output("seat", 0_u32)
            .output("epoch", EPOCH)
            .output("key", &right.key)
            .output("signature-input", about.input(&right.payload()))
            .output("hash", statement_hash(&bytes)),
        no(
            "ml-kem-modulus",
            "malformed",
            "A coefficient of the ML-KEM part is not below the modulus.",
            &with_key(&|key| key[..3].fill(0xff)),
        ),
        no(
            "x25519-not-canonical",
            "malformed",
            "The X25519 part is not below 2^255 - 19.",
            &with_key(&|key| key[1184..].copy_from_slice(&X25519_NOT_CANONICAL)),
        ),
        no(
            "x25519-top-bit",
            "malformed",
            "The top bit of the X25519 part is set.",
            &with_key(&|key| key[1215] |= 0x80),
        ),
        no("short-key", "malformed", "A key of 1,215 bytes.", &with_key(&|key| key.truncate(1_215))),
        no("epoch-0", "malformed", "Epoch 0 does not occur.", &epoch(0)),
        no("epoch-beyond", "malformed", "An epoch whose days have 33 bits.", &epoch(613_566_757)),
        no(
            "other-epoch",
            "signature",
            "Signed for the days of another week.",
            &signed(&right, &SignedAs { from: about.from + 7, through: about.through + 7, ..about.clone() }),
        ),
        no(
            "as-seat-key",
            "signature",
            "Signed in the context of a seat key.",
            &signed(&right, &SignedAs { context: "cssr1 seat key", ..about.clone() }),
        ),
        no(
            "colleague",
            "signature",
            "Signed by seat 0.1.",
            &statement(&right.payload(), &[(0, sign(&signing_seed(0, 1), &about.input(&right.payload())))]),
        ),
    ]
}

/// A request of either kind.
#[derive(Clone)]
struct Request {
    structure: &'static str,
    office: [u8; 16],
    seat: Option<u32>,
    label: &'static str,
    day: u32,
    seed: Key,
    key: Key,
}

impl Request {
    fn seat() -> Self {
        let seed = signing_seed(3, 4);
        Self {
            structure: "seat-request",
            office: Roster::small().office(),
            seat: None,
            label: "Jiyan",
            day: DAY,
            seed,
            key: ed25519(&seed),
        }
    }

    fn courier() -> Self {
        let seed = courier_seed(7);
        Self {
            structure: "courier-request",
            seat: Some(4),
            label: "Courier 7",
            seed,
            key: ed25519(&seed),
            ..Self::seat()
        }
    }

    fn payload(&self) -> Vec<u8> {
        let shift = u64::from(self.seat.is_some());
        map(&[
            (0, Some(bytes(&self.office))),
            (1, Some(uint(3_u32))),
            (2, self.seat.map(uint)),
            (2 + shift, Some(text(self.label))),
            (3 + shift, Some(uint(self.day))),
            (4 + shift, Some(bytes(&self.key))),
        ])
    }

    fn signed_as(&self) -> SignedAs {
        let (context, role) =
            if self.seat.is_none() { ("cssr1 seat request", "seat") } else { ("cssr1 courier request", "courier") };
        SignedAs {
            context,
            office: self.office,
            role,
            name: self.label.to_owned(),
            desk: Some(3),
            number: self.seat,
            from: self.day,
            through: self.day + 30,
        }
    }

    fn sign_as(&self, about: &SignedAs) -> Vec<u8> {
        statement(&self.payload(), &[(0, sign(&self.seed, &about.input(&self.payload())))])
    }

    fn sign(&self) -> Vec<u8> {
        self.sign_as(&self.signed_as())
    }

    fn given(&self, case: Case, today: u32, statement: &[u8]) -> Case {
        case.input("office", Roster::small().office()).input("today", today).input("statement", statement)
    }

    fn ok(&self, name: &str, comment: &str, today: u32) -> Case {
        let case = self.given(Case::ok(&format!("{}/{name}", self.structure), comment), today, &self.sign());
        let case = case.from("signing-seed", self.seed).output("desk", 3_u32);
        let case = self.seat.iter().fold(case, |case, seat| case.output("seat", *seat));
        case.output("label", self.label)
            .output("day", self.day)
            .output("key", self.key)
            .output("signature-input", self.signed_as().input(&self.payload()))
            .output("hash", statement_hash(&self.sign()))
    }

    fn no(&self, name: &str, reason: &str, comment: &str, today: u32, statement: &[u8]) -> Case {
        self.given(Case::refused(&format!("{}/{name}", self.structure), reason, comment), today, statement)
    }
}

fn requests() -> Vec<Case> {
    let mut cases = Vec::new();
    for right in [Request::seat(), Request::courier()] {
        let about = right.signed_as();
        let low = Request { key: super::kit::ED25519_LOW_ORDER, ..right.clone() };
        let foreign = Request { seed: seed("thief"), ..right.clone() };
        let elsewhere = Request { office: [7; 16], ..right.clone() };
        let other = if right.seat.is_none() { "cssr1 courier request" } else { "cssr1 seat request" };
        cases.extend([
            right.ok("usual", "Made and accepted today.", DAY),
            right.ok("last-day", "Accepted 30 days after it was made.", DAY + 30),
            right.no("too-old", "not-in-force", "Made 31 days ago.", DAY + 31, &right.sign()),
            right.no("from-the-future", "not-in-force", "Made tomorrow.", DAY - 1, &right.sign()),
            right.no("other-office", "other-office", "Made for another office.", DAY, &elsewhere.sign()),
            right.no("low-order", "bad-key", "The proposed key is of small order.", DAY, &low.sign()),
            right.no(
                "foreign-key",
                "signature",
                "Signed with another key than the proposed one.",
                DAY,
                &foreign.sign(),
            ),
            right.no(
                "other-context",
                "signature",
                "Signed as the other kind of request.",
                DAY,
                &right.sign_as(&SignedAs { context: other, ..about.clone() }),
            ),
            right.no(
                "other-label",
                "signature",
                "Signed under another name than the proposed one.",
                DAY,
                &right.sign_as(&SignedAs { name: "x".to_owned(), ..about }),
            ),
        ]);
    }
    cases
}

fn courier_sessions() -> Vec<Case> {
    let mut roster = Roster::large();
    roster.couriers[2].through = DAY - 1;
    let hash = seed("a handshake hash");
    let about = |number: u32, announced: u32| {
        let courier = roster.couriers.iter().find(|courier| courier.number == number).unwrap();
        SignedAs {
            context: "cssr1 courier session",
            office: roster.office(),
            role: "courier",
            name: courier.label.clone(),
            desk: Some(courier.desk),
            number: Some(number),
            from: announced,
            through: announced,
        }
    };
    let given = |case: Case, number: u32, announced: u32, signature: [u8; 64]| {
        case.input("card", roster.office())
            .input("roster", roster.sign())
            .input("courier", number)
            .input("handshake-hash", hash)
            .input("announced", announced)
            .input("signature", signature)
    };
    let no = |name: &str, reason: &str, comment: &str, number: u32, about: &SignedAs, over: &Key| {
        let signature = sign(&courier_seed(number), &about.input(over));
        given(Case::refused(&format!("courier-session/{name}"), reason, comment), number, DAY, signature)
    };
    let right = about(1, DAY);
    vec![
        given(
            Case::ok("courier-session/usual", "Courier 1 signs for this session on the day that the relay announced."),
            1,
            DAY,
            sign(&courier_seed(1), &right.input(&hash)),
        )
        .from("courier-seed", courier_seed(1))
        .output("signature-input", right.input(&hash)),
        no(
            "other-session",
            "signature",
            "Signed over the hash of another session.",
            1,
            &right,
            &seed("another handshake hash"),
        ),
        no("yesterday", "signature", "Signed for the day before.", 1, &about(1, DAY - 1), &hash),
        no(
            "as-note",
            "signature",
            "Signed in the context of a note.",
            1,
            &SignedAs { context: "cssr1 note", ..right.clone() },
            &hash,
        ),
        no("other-courier", "signature", "Signed under the name and number of courier 0.", 1, &about(0, DAY), &hash),
        no(
            "unknown-courier",
            "unknown-courier",
            "The roster lists no courier 9.",
            9,
            &SignedAs { number: Some(9), ..right },
            &hash,
        ),
        no("courier-ended", "courier-not-in-force", "Courier 7 counted through yesterday.", 7, &about(7, DAY), &hash),
    ]
}
