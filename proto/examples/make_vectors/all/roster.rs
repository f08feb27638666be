//! Rosters: their rules, and how one follows another (section 4.2).

use super::case::Case;
use super::kit::{
    ED25519_LOW_ORDER, ED25519_NOT_CANONICAL, Key, X25519_LOW_ORDER, X25519_NOT_CANONICAL, ed25519, seed, sign, x25519,
};
use super::office::{DAY, Root, Roster, SignedAs, statement, statement_hash};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = accepted();
    cases.extend(refused());
    cases.extend(encodings());
    cases.extend(signatures());
    cases.extend(successions());
    cases
}

fn given(case: Case, card: [u8; 16], today: u32, statement: &[u8]) -> Case {
    case.input("card", card).input("today", today).input("statement", statement)
}

fn accepted() -> Vec<Case> {
    let case = |name: &str, comment: &str, card: [u8; 16], today: u32, roster: &Roster| {
        let bytes = roster.sign();
        given(Case::ok(&format!("roster/{name}"), comment), card, today, &bytes)
            .from("root-seed", Root::seed("office", roster.root()))
            .output("office", roster.office())
            .output("number", roster.number)
            .output("signature-input", roster.signed_as().input(&roster.payload()))
            .output("hash", statement_hash(&bytes))
    };
    let (small, large) = (Roster::small(), Roster::large());
    let first_card = small.office();
    let later = small.next().next();
    let succeeded = large.next().succeed();
    vec![
        case(
            "first",
            "The first roster of an office with one desk of two seats, and a courier for each.",
            first_card,
            DAY,
            &small,
        ),
        case("later", "Roster 3 names roster 2.", first_card, DAY, &later),
        case(
            "retired-seat",
            "Two desks, one seat of the first is retired; page and forms; a name in Arabic.",
            first_card,
            DAY,
            &large,
        ),
        case("two-roots", "Signed by the second root, for a card of the first.", first_card, DAY, &succeeded),
        case(
            "two-roots-second-card",
            "The same for a card of the second root.",
            Root::of("office", 1).fingerprint(),
            DAY,
            &succeeded,
        ),
        case("first-day", "On the day of its issue.", first_card, small.issued, &small),
        case(
            "last-day",
            "On its last day, 400 days later.",
            first_card,
            small.issued + 400,
            &Roster { expires: small.issued + 400, ..small.clone() },
        ),
        case("nobody", "A desk without seats, and no couriers: the least that a roster can be.", first_card, DAY, &{
            let mut roster = small.clone();
            roster.desks[0].seats.clear();
            roster.couriers.clear();
            roster
        }),
    ]
}

fn refused() -> Vec<Case> {
    let case = |name: &str, reason: &str, comment: &str, edit: &dyn Fn(&mut Roster)| {
        let mut roster = Roster::large();
        edit(&mut roster);
        // A reader finds the lineage at fault before it looks for the key that signs.
        let card = Roster::large().office();
        given(Case::refused(&format!("roster/{name}"), reason, comment), card, DAY, &roster.sign())
    };
    let both = both_kinds_of_key();
    vec![
        case("desk-order", "desk-order", "Desk 3 before desk 0.", &|r| r.desks.reverse()),
        case("desk-twice", "desk-order", "Two desks 0.", &|r| {
            r.desks[1].number = 0;
            r.couriers.pop();
        }),
        case("seat-order", "seat-order", "Seat 1 before seat 0.", &|r| r.desks[0].seats.swap(0, 1)),
        case("seat-twice", "seat-order", "Two seats 0 of desk 0.", &|r| r.desks[0].seats[1].number = 0),
        case("courier-order", "courier-order", "Courier 1 before courier 0.", &|r| r.couriers.swap(0, 1)),
        case("courier-twice", "courier-order", "Two couriers 1.", &|r| r.couriers[0].number = 1),
        case("key-of-two-seats", "key-twice", "Two seats with one signing key.", &|r| {
            r.desks[1].seats[0].key = r.desks[0].seats[0].key
        }),
        case("key-of-seat-and-courier", "key-twice", "A courier has its seat's key.", &|r| {
            r.couriers[0].key = r.desks[0].seats[0].key
        }),
        case("key-of-root-and-seat", "key-twice", "A seat has the root's key.", &|r| {
            r.desks[0].seats[0].key = r.roots[0].key
        }),
        case(
            "key-of-relay-and-courier",
            "key-twice",
            "32 bytes that are an Ed25519 key of a courier and the relay's X25519 key.",
            &move |r| {
                r.couriers[0].key = both;
                r.relay = both;
            },
        ),
        case("seat-key-low-order", "bad-key", "A seat's signing key is of small order.", &|r| {
            r.desks[0].seats[0].key = ED25519_LOW_ORDER
        }),
        case("courier-key-not-canonical", "bad-key", "A courier's key is not a canonical encoding.", &|r| {
            r.couriers[0].key = ED25519_NOT_CANONICAL
        }),
        case("relay-key-low-order", "bad-key", "The relay's key is of small order.", &|r| r.relay = X25519_LOW_ORDER),
        case("relay-key-not-canonical", "bad-key", "The relay's key is not below 2^255 - 19.", &|r| {
            r.relay = X25519_NOT_CANONICAL
        }),
        case("first-with-previous", "previous", "Number 1 names a roster before it.", &|r| {
            r.previous = Some(seed("a roster"))
        }),
        case("second-without-previous", "previous", "Number 2 names none.", &|r| r.number = 2),
        case("ends-before-it-begins", "validity", "It expires the day before it is issued.", &|r| {
            r.expires = r.issued - 1
        }),
        case("401-days", "validity", "It would be valid for 401 days after its issue.", &|r| {
            r.expires = r.issued + 401
        }),
        case("seat-ends-before-it-begins", "seat-validity", "A seat counts through the day before its first.", &|r| {
            r.desks[0].seats[0].through = r.desks[0].seats[0].from - 1
        }),
        case(
            "courier-ends-before-it-begins",
            "courier-validity",
            "A courier counts through the day before its first.",
            &|r| r.couriers[0].through = r.couriers[0].from - 1,
        ),
        case("courier-without-seat", "courier-without-seat", "A courier of seat 0.6, which is not listed.", &|r| {
            r.couriers[0].seat = 6
        }),
        case("courier-without-desk", "courier-without-seat", "A courier of desk 5, which is not listed.", &|r| {
            r.couriers[2].desk = 5
        }),
        case("note-days-as-letter-days", "note-days", "Notes would count for as long as letters are kept.", &|r| {
            (r.policy[0], r.policy[3]) = (14, 14)
        }),
        case("note-days-over-letter-days", "note-days", "Notes would count for longer than letters are kept.", &|r| {
            (r.policy[0], r.policy[3]) = (5, 6)
        }),
        case("not-yet-issued", "not-yet-issued", "It is issued tomorrow.", &|r| r.issued = DAY + 1),
        case("expired", "expired", "It expired yesterday.", &|r| r.expires = DAY - 1),
        case("name-with-control-character", "malformed", "A line feed in the office's name.", &|r| {
            r.name = "Office\nof".to_owned()
        }),
        case("name-too-long", "malformed", "129 bytes.", &|r| r.name = "x".repeat(129)),
        case("label-empty", "malformed", "A seat without a name.", &|r| r.desks[0].seats[0].label.clear()),
        case("label-too-long", "malformed", "65 bytes.", &|r| r.couriers[0].label = "x".repeat(65)),
        case("label-with-c1-control", "malformed", "U+009F in a desk's name.", &|r| {
            r.desks[0].name = "a\u{9f}".to_owned()
        }),
        case("desk-16", "malformed", "Desks are numbered 0 to 15.", &|r| r.desks[1].number = 16),
        case("seat-7", "malformed", "Seats are numbered 0 to 6.", &|r| r.desks[0].seats[2].number = 7),
        case("state-2", "malformed", "A seat is active (0) or retired (1).", &|r| r.desks[0].seats[2].state = 2),
        case("number-0", "malformed", "Rosters are numbered from 1.", &|r| r.number = 0),
        case("letter-days-61", "malformed", "Letters are kept for 60 days at most.", &|r| r.policy[0] = 61),
        case("group-17", "malformed", "A group has 16 letters at most.", &|r| r.policy[2] = 17),
        case("no-desks", "malformed", "An office has a desk.", &|r| {
            r.desks.clear();
            r.couriers.clear();
        }),
        case("no-address", "malformed", "A relay has an address.", &|r| r.addresses.clear()),
        case("address-with-path", "malformed", "The path is always /.", &|r| {
            r.addresses[0] = "relay.example.org/x".to_owned()
        }),
    ]
}

/// A canonical encoding of an Ed25519 point that is an acceptable X25519 key, too.
fn both_kinds_of_key() -> Key {
    let fits = |key: &Key| key[31] & 0x80 == 0 && key[31] < 0x7f;
    (0..).map(|n| ed25519(&seed(&format!("key of both kinds, try {n}")))).find(fits).unwrap()
}

/// The same roster in other bytes, signed as they are.
fn encodings() -> Vec<Case> {
    let roster = Roster::small();
    let payload = roster.payload();
    let case = |name: &str, comment: &str, payload: &[u8]| {
        let signature = sign(&Root::seed("office", 0), &roster.signed_as().input(payload));
        let bytes = statement(payload, &[(0, signature)]);
        given(Case::refused(&format!("roster/{name}"), "malformed", comment), roster.office(), DAY, &bytes)
    };
    let mut more = payload.clone();
    more[0] += 1;
    let unknown = [&more, &b"\x0c\x00"[..]].concat();
    let mut fewer = payload.clone();
    fewer[0] -= 1;
    let policy = [9, 0xa5, 0, 21, 1, 14, 2, 4, 3, 3, 4, 2];
    assert!(fewer.ends_with(&policy));
    fewer.truncate(fewer.len() - policy.len());
    let long = statement(&payload, &[(0, [1; 64])]);
    let mut two = statement(&payload, &[(0, sign(&Root::seed("office", 0), &roster.signed_as().input(&payload)))]);
    let entry = two[long.len() - 68..].to_vec();
    let place = two.len() - 69;
    two[place] = 0x82;
    two.extend(entry);
    let mut none = two[..=place].to_vec();
    none[place] = 0x80;
    let whole = |name: &str, comment: &str, bytes: &[u8]| {
        given(Case::refused(&format!("roster/{name}"), "malformed", comment), roster.office(), DAY, bytes)
    };
    vec![
        case("unknown-key", "A key 12 that the CDDL does not have.", &unknown),
        case("missing-key", "No policy.", &fewer),
        whole("two-signatures", "Exactly one signature stands in a roster.", &two),
        whole("no-signature", "Exactly one signature stands in a roster.", &none),
        whole("bytes-after-the-end", "A byte follows the statement.", &[&roster.sign()[..], &[0]].concat()),
        whole("cut-off", "The last byte is missing.", &roster.sign()[..roster.sign().len() - 1]),
    ]
}

/// A right roster under a wrong signature.
fn signatures() -> Vec<Case> {
    let roster = Roster::large();
    let payload = roster.payload();
    let right = Root::seed("office", 0);
    let card = roster.office();
    let case = |name: &str, comment: &str, bytes: &[u8]| {
        given(Case::refused(&format!("roster/{name}"), "signature", comment), card, DAY, bytes)
    };
    let about = |name: &str, comment: &str, about: SignedAs| {
        case(name, comment, &statement(&payload, &[(0, sign(&right, &about.input(&payload)))]))
    };
    let usual = roster.signed_as();
    let mut bent = roster.sign();
    let last = bent.len() - 1;
    bent[last] ^= 1;
    let succeeded = Roster::small().succeed();
    vec![
        case("signature-changed", "The last bit of the signature is another.", &bent),
        case("foreign-root", "Signed by somebody else.", &roster.sign_with(&seed("thief"))),
        case("replaced-root", "Signed by the first root although there is a second one.", &succeeded.sign_with(&right)),
        case(
            "signer-1",
            "The signer field is not 0.",
            &statement(&payload, &[(1, sign(&right, &usual.input(&payload)))]),
        ),
        about("other-context", "Signed as a note.", SignedAs { context: "cssr1 note", ..usual.clone() }),
        about("other-role", "Signed in the role of a seat.", SignedAs { role: "seat", ..usual.clone() }),
        about(
            "other-name",
            "Signed under another name than the payload's.",
            SignedAs { name: "Office".to_owned(), ..usual.clone() },
        ),
        about(
            "other-office",
            "Signed for another office.",
            SignedAs { office: Root::of("other office", 0).fingerprint(), ..usual.clone() },
        ),
        about(
            "other-dates",
            "Signed for other days than the payload's.",
            SignedAs { through: usual.through + 1, ..usual.clone() },
        ),
        about("with-desk", "Signed with a desk where null belongs.", SignedAs { desk: Some(0), ..usual }),
    ]
}

fn successions() -> Vec<Case> {
    let first = Roster::small();
    let second = first.next();
    let card = first.office();
    let with = |case: Case, held: &Roster, offered: &Roster| {
        case.input("card", card).input("today", DAY).input("held", held.sign()).input("offered", offered.sign())
    };
    let ok = |name: &str, comment: &str, held: &Roster, offered: &Roster| {
        with(Case::ok(&format!("succession/{name}"), comment), held, offered)
            .output("hash", statement_hash(&offered.sign()))
    };
    let no = |name: &str, reason: &str, comment: &str, held: &Roster, offered: &Roster| {
        with(Case::refused(&format!("succession/{name}"), reason, comment), held, offered)
    };
    let other_second = Roster { expires: second.expires + 1, ..second.clone() };
    let succeeded = second.clone().succeed();
    // What a thief of the first root signs after it was replaced.
    let stolen = Roster { roots: first.roots.clone(), ..succeeded.next() };
    let foreign = Roster { relay: x25519(&seed("another relay")), ..first.clone() };
    let short = Roster { expires: DAY - 1, ..first.next() };
    vec![
        ok("next", "Roster 2 follows roster 1.", &first, &second),
        ok("next-root", "Roster 2 is signed by the second root.", &first, &succeeded),
        no("same-number", "superseded", "Another roster 2 than the one that is held.", &second, &other_second),
        no("lower-number", "superseded", "Roster 1 after roster 2.", &second, &first),
        no("gap", "gap", "Roster 3 after roster 1.", &first, &second.next()),
        no("fork", "fork", "Roster 2 names another roster 1 than the one that is held.", &foreign, &second),
        no(
            "replaced-root",
            "replaced-root",
            "Roster 3 by the first root, after roster 2 has revealed the second.",
            &succeeded,
            &stolen,
        ),
        no("expired", "expired", "Roster 2 follows, but expired yesterday.", &first, &short),
    ]
}
