//! Letters (section 6).

use super::case::Case;
use super::kit::{Key, X25519_LOW_ORDER, X25519_NOT_CANONICAL, dh, kdf, noise, seed, x_wing, x25519};
use super::message::{Manifest, Message};
use super::office::{EPOCH, auth_private, prekey_seed};
use super::sealing::{Body, Letter, Reader, Sealed, clue, deflate, plain, random_id, seal_slot};
use super::source::contact;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = accepted();
    cases.extend(unopenable());
    cases.extend(bodies());
    cases.extend(quarantined());
    cases
}

const DESK: u32 = 3;
const SOURCE_SLOT: usize = 7;

fn office() -> [u8; 16] {
    [0xaa; 16]
}

/// A seat of the desk with this week's prekey.
fn seat(number: u32) -> Reader {
    Reader { auth: auth_private(DESK, number), x_wing: prekey_seed(DESK, number, EPOCH) }
}

/// The source.
fn source() -> Reader {
    Reader { auth: seed("authentication key of the source"), x_wing: seed("reply key of the source") }
}

fn contact_secret() -> Key {
    seed("contact secret of the source")
}

fn source_contact() -> Vec<u8> {
    contact(1, &x_wing(&source().x_wing), &contact_secret())
}

/// A letter from the source to seats 0, 1 and 4.
fn from_source(name: &str, message: &Message) -> Letter {
    let mut readers = [None; 8];
    for number in [0, 1, 4] {
        readers[number as usize] = Some(seat(number));
    }
    Letter {
        name: name.to_owned(),
        id: random_id(name),
        readers,
        sender: source().auth,
        role: 0,
        office: office(),
        desk: DESK,
        seat: None,
        directory: seed("a directory hash"),
        offline: false,
        contact: (message.kind == 1).then(source_contact),
        message: deflate(&message.bytes()),
    }
}

/// A letter from seat 1, to its source if it is for one.
fn from_seat(name: &str, message: &Message) -> Letter {
    let mut letter = from_source(name, message);
    (letter.sender, letter.role, letter.seat, letter.contact) = (auth_private(DESK, 1), 1, Some(1), None);
    if matches!(message.kind, 2 | 3) {
        letter.readers[SOURCE_SLOT] = Some(source());
        let shared = dh(&letter.sender, &x25519(&source().auth));
        letter.id = clue(&shared, &contact_secret(), DESK, 1, clue_nonce(name));
    }
    letter
}

fn clue_nonce(name: &str) -> [u8; 8] {
    *seed(&format!("nonce of the clue of {name}")).first_chunk().unwrap()
}

/// Who opens a letter.
#[derive(Clone)]
struct Opener {
    seat: Option<u32>,
    office: [u8; 16],
    desk: u32,
    /// X25519 private keys, the current one first.
    auth: Vec<Key>,
    /// X-Wing seeds, the likeliest first.
    x_wing: Vec<Key>,
    /// Seat keys of verified directories: desk, seat, public key.
    known: Vec<(u32, u32, Key)>,
}

impl Opener {
    fn seat(number: u32) -> Self {
        let Reader { auth, x_wing } = seat(number);
        Self {
            seat: Some(number),
            office: office(),
            desk: DESK,
            auth: vec![auth],
            x_wing: vec![x_wing],
            known: known(),
        }
    }

    fn source() -> Self {
        let Reader { auth, x_wing } = source();
        Self { seat: None, auth: vec![auth], x_wing: vec![x_wing], ..Self::seat(0) }
    }

    fn slot(&self) -> usize {
        self.seat.map_or(SOURCE_SLOT, |number| number as usize)
    }

    fn given(&self, case: Case, id: &[u8; 16], envelope: &[u8]) -> Case {
        let case = case
            .input("office", self.office)
            .input("desk", self.seat.map(|_| self.desk))
            .input("seat", self.seat)
            .inputs("auth-private-key", self.auth.iter().copied())
            .inputs("x-wing-seed", self.x_wing.iter().copied());
        let case = self.known.iter().fold(case, |case, (desk, seat, key)| {
            case.input("known-desk", *desk).input("known-seat", *seat).input("known-key", *key)
        });
        case.input("id", *id).input("envelope", envelope)
    }
}

fn known() -> Vec<(u32, u32, Key)> {
    let key = |number| (DESK, number, x25519(&auth_private(DESK, number)));
    vec![key(0), key(1), key(4), (0, 1, x25519(&auth_private(0, 1)))]
}

fn ok(path: &str, comment: &str, letter: &Letter, opener: &Opener, message: &Message) -> Case {
    let sealed = letter.seal();
    let slot = opener.slot();
    let reader = letter.readers[slot].unwrap();
    let public = x25519(&reader.auth);
    let auth_keys = letter.readers.map(|reader| reader.map(|reader| x25519(&reader.auth)));
    let author = letter.seat.map_or("source".to_owned(), |seat| format!("seat {}.{seat}", letter.desk));
    let opened_by = opener.x_wing.iter().position(|seed| *seed == reader.x_wing).unwrap();
    let to_source = letter.readers[SOURCE_SLOT].map(|_| contact_secret());
    opener
        .given(Case::ok(&format!("letter/{path}"), comment), &letter.id, &sealed.envelope(&letter.id))
        .froms("contact-secret", to_source)
        .from("sender-private-key", letter.sender)
        .from("content-key", letter.content_key())
        .froms("slot-auth-key", auth_keys)
        .froms("slot-x-wing-seed", sealed.seeds)
        .froms("slot-encapsulation", sealed.encapsulations)
        .output("author", author)
        .output("sender-key", x25519(&letter.sender))
        .output("directory-echo", letter.directory)
        .output("offline", letter.offline)
        .output("contact", letter.contact.as_ref())
        .output("message", message.bytes())
        .outputs("named", (0_u32..8).filter(|slot| letter.readers[*slot as usize].is_some()))
        .output("opened-by", opened_by as u64)
        .output("slot-info", letter.slot_info(slot as u8))
        .output("commitment", sealed.commitment)
        .output("body-key", kdf(&letter.content_key(), "cssr1 body key", b""))
        .output("body", letter.body().cbor())
        .output("mac-salt", letter.mac_salt())
        .output("mac-key", letter.mac_key(&public, slot as u8))
        .output("transcript", letter.transcript(&public, slot as u8, &letter.clear_hash()))
        .output("mac", letter.mac(slot as u8, &letter.clear_hash()))
}

fn accepted() -> Vec<Case> {
    let case = |name: &str, comment: &str, opener: &Opener, message: &Message, edit: &dyn Fn(&mut Letter)| {
        let mut letter =
            if matches!(message.kind, 1 | 5) { from_source(name, message) } else { from_seat(name, message) };
        edit(&mut letter);
        ok(name, comment, &letter, opener, message)
    };
    let nothing = |_: &mut Letter| ();
    let testimony = Message::testimony("شهادة قصيرة.");
    let reply = Message { receipts: vec![77], ..Message::reply("An answer.", 3) };
    let with_file = Message {
        manifests: vec![Manifest {
            name: "photo.jpg".to_owned(),
            media_type: "image/jpeg".to_owned(),
            size: 20_000,
            sha256: seed("the SHA-256 of a photo"),
            key: seed("the parcel key of a photo"),
        }],
        language: Some("en".to_owned()),
        ..Message::testimony("A photo.")
    };
    let extended = Message { extensions: vec![(64, b"\x65later".to_vec())], ..testimony.clone() };
    let (old, new) = (prekey_seed(DESK, 4, EPOCH - 1), prekey_seed(DESK, 4, EPOCH + 1));
    let several = Opener { x_wing: vec![new, prekey_seed(DESK, 4, EPOCH), old], ..Opener::seat(4) };
    let replaced = seed("the key that seat 3.0 had before");
    let rotated = Opener { auth: vec![auth_private(DESK, 0), replaced], ..Opener::seat(0) };
    let former = seed("the key that seat 3.1 had before");
    let mut knows_former = Opener::source();
    knows_former.known.push((DESK, 1, x25519(&former)));
    vec![
        case("testimony", "A testimony to seats 0, 1 and 4, read by seat 0.", &Opener::seat(0), &testimony, &nothing),
        case(
            "testimony-second-prekey",
            "Read by seat 4, whose second prekey opens it.",
            &several,
            &testimony,
            &nothing,
        ),
        case(
            "testimony-to-former-key",
            "Read by seat 0, for whose former authentication key it was made.",
            &rotated,
            &testimony,
            &|letter| {
                letter.readers[0] = Some(Reader { auth: replaced, ..seat(0) });
            },
        ),
        case("testimony-with-file", "With the manifest of a photo.", &Opener::seat(1), &with_file, &nothing),
        case(
            "testimony-with-extension",
            "A message with an extension: ignored.",
            &Opener::seat(0),
            &extended,
            &nothing,
        ),
        case(
            "testimony-offline",
            "Sealed without a fresh note, to the furthest prekeys.",
            &several,
            &testimony,
            &|letter| {
                letter.offline = true;
                letter.readers[4] = Some(Reader { x_wing: new, ..seat(4) });
            },
        ),
        case("testimony-to-seven", "A desk with all its seats.", &Opener::seat(6), &testimony, &|letter| {
            (0..7).for_each(|number| letter.readers[number as usize] = Some(seat(number)));
        }),
        case(
            "stored-blocks",
            "The message is deflated without compression, as another program might.",
            &Opener::seat(0),
            &testimony,
            &|letter| {
                letter.message = miniz_oxide::deflate::compress_to_vec(&testimony.bytes(), 0);
            },
        ),
        case("reply", "A reply of seat 1, read by the source.", &Opener::source(), &reply, &nothing),
        case("reply-read-by-colleague", "A reply of seat 1, read by seat 4.", &Opener::seat(4), &reply, &nothing),
        case(
            "reply-under-former-key",
            "A reply of seat 1 under the key before, which the directory still lists.",
            &knows_former,
            &reply,
            &|letter| {
                letter.sender = former;
                let shared = dh(&former, &x25519(&source().auth));
                letter.id = clue(&shared, &contact_secret(), DESK, 1, clue_nonce("reply-under-former-key"));
            },
        ),
        case(
            "receipt",
            "A receipt of seat 1, read by the source.",
            &Opener::source(),
            &Message::receipt(4, &[77, 5]),
            &nothing,
        ),
        case(
            "team-event",
            "A team event of seat 1, read by seat 0.",
            &Opener::seat(0),
            &Message::team_event(b"assigned"),
            &nothing,
        ),
        case(
            "cover",
            "A cover under a throw-away sender key, read by seat 0.",
            &Opener::seat(0),
            &Message::cover(),
            &|letter| {
                letter.sender = seed("sender key of a cover");
            },
        ),
    ]
}

fn no(path: &str, reason: &str, comment: &str, opener: &Opener, id: &[u8; 16], envelope: &[u8]) -> Case {
    opener.given(Case::refused(&format!("letter/{path}"), reason, comment), id, envelope)
}

/// What fails before the body is read.
fn unopenable() -> Vec<Case> {
    let opener = Opener::seat(0);
    let letter = from_source("an unopenable letter", &Message::testimony("A text."));
    let right = letter.seal();
    let whole = |name: &str, comment: &str, opener: &Opener, id: &[u8; 16], envelope: &[u8]| {
        no(name, "cannot-open", comment, opener, id, envelope)
    };
    let bytes = |name: &str, comment: &str, edit: &dyn Fn(&mut Vec<u8>)| {
        let mut envelope = right.envelope(&letter.id);
        edit(&mut envelope);
        whole(name, comment, &opener, &letter.id, &envelope)
    };
    let case = |name: &str, comment: &str, edit: &dyn Fn(&mut Sealed)| {
        let mut sealed = right.clone();
        edit(&mut sealed);
        whole(name, comment, &opener, &letter.id, &sealed.envelope(&letter.id))
    };
    let slot = |reader: &Key, number: u8, info: &[u8], content_key: &Key| {
        let encapsulation = noise(&format!("encapsulation of a wrong slot {number}"), 64);
        seal_slot(reader, info, content_key, &encapsulation)
    };
    let two_keys = seed("the content key that only one reader has");
    let mut other_suite = letter.slot_info(0);
    other_suite[12] = 2;
    let other_id = random_id("another id");
    let erased = Opener { x_wing: vec![prekey_seed(DESK, 0, EPOCH + 1)], ..opener.clone() };
    vec![
        bytes("one-byte-less", "16,255 bytes.", &|envelope| envelope.truncate(16_255)),
        bytes("one-byte-more", "16,257 bytes.", &|envelope| envelope.push(0)),
        case("version-2", "A version that does not exist yet; the body is bound to it.", &|sealed| sealed.version = 2),
        case("suite-2", "The suite of chunks.", &|sealed| sealed.suite = 2),
        case("slot-for-other-suite", "The slot was sealed for another suite than the envelope names.", &|sealed| {
            sealed.slots[0] = slot(&seat(0).x_wing, 0, &other_suite, &letter.content_key());
        }),
        bytes("slot-changed", "One bit of the encapsulation.", &|envelope| envelope[34] ^= 1),
        bytes("wrapped-key-changed", "One bit of the wrapped content key.", &|envelope| envelope[34 + 1_167] ^= 0x80),
        bytes(
            "other-slot-changed",
            "One bit of a slot that this reader does not open: the body is bound to all of them.",
            &|envelope| envelope[34 + 5 * 1_168] ^= 1,
        ),
        case("slots-exchanged", "Slots 0 and 1 have changed places.", &|sealed| sealed.slots.swap(0, 1)),
        case("slot-for-other-number", "Sealed to seat 0 as slot 1.", &|sealed| {
            sealed.slots[0] = slot(&seat(0).x_wing, 0, &letter.slot_info(1), &letter.content_key());
        }),
        whole(
            "other-id",
            "Listed under another id than it was sealed for.",
            &opener,
            &other_id,
            &right.envelope(&letter.id),
        ),
        whole(
            "other-id-body-bound",
            "The body is bound to the other id, the slots are not.",
            &opener,
            &other_id,
            &right.envelope(&other_id),
        ),
        whole(
            "prekey-erased",
            "This week's prekey is gone; another one is at hand.",
            &erased,
            &letter.id,
            &right.envelope(&letter.id),
        ),
        case("not-for-this-seat", "Nobody's slot: sealed to a throw-away key.", &|sealed| {
            sealed.slots[0] = slot(&seed("a throw-away key"), 0, &letter.slot_info(0), &letter.content_key());
        }),
        case("commitment-changed", "One bit of the commitment; the body is bound to what stands there.", &|sealed| {
            sealed.commitment[31] ^= 1
        }),
        case("two-content-keys", "The slot holds another content key than the commitment and the body.", &|sealed| {
            sealed.slots[0] = slot(&seat(0).x_wing, 0, &letter.slot_info(0), &two_keys);
        }),
        case("body-under-other-key", "The body is sealed under another content key than the slot holds.", &|sealed| {
            sealed.content_key = two_keys
        }),
        bytes("body-changed", "One bit of the body.", &|envelope| envelope[9_378] ^= 1),
        bytes("tag-changed", "One bit of the tag.", &|envelope| envelope[16_255] ^= 1),
    ]
}

/// What fails when the body is read, although everything decrypts.
fn bodies() -> Vec<Case> {
    let letter = from_source("a letter with a wrong body", &Message::testimony("A text."));
    let right = letter.body();
    let sealed = |name: &str, comment: &str, plain: Vec<u8>| {
        assert_eq!(plain.len(), 6_862);
        let envelope = Sealed { plain, ..letter.seal() }.envelope(&letter.id);
        no(name, "cannot-open", comment, &Opener::seat(0), &letter.id, &envelope)
    };
    let case = |name: &str, comment: &str, edit: &dyn Fn(&mut Body)| {
        let mut body = right.clone();
        edit(&mut body);
        sealed(name, comment, plain(&body.cbor()))
    };
    let cbor = right.cbor();
    let with_plain = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut plain = plain(&cbor);
        edit(&mut plain);
        plain
    };
    vec![
        sealed("padding-not-zero", "The last byte of the padding.", with_plain(&|plain| plain[6_861] = 1)),
        sealed(
            "padding-not-zero-at-once",
            "The first byte of the padding.",
            with_plain(&|plain| plain[2 + cbor.len()] = 1),
        ),
        sealed(
            "length-too-large",
            "A length of 6,861.",
            with_plain(&|plain| plain[..2].copy_from_slice(&6_861_u16.to_be_bytes())),
        ),
        sealed("length-one-more", "The length counts a zero of the padding.", with_plain(&|plain| plain[1] += 1)),
        sealed(
            "length-one-less",
            "The length leaves out the last byte of the body.",
            with_plain(&|plain| {
                let length = (cbor.len() - 1) as u16;
                plain[..2].copy_from_slice(&length.to_be_bytes());
            }),
        ),
        sealed(
            "body-long-integer",
            "The desk in two bytes instead of one.",
            plain(&{
                // Role (2 bytes), key 1 and office id (18), key 2.
                let at = 1 + 2 + 18 + 1;
                [&cbor[..at], &[0x18], &cbor[at..]].concat()
            }),
        ),
        sealed("body-unknown-key", "A key 10.", plain(&[&[0xa0 + 10][..], &cbor[1..], &[10, 0]].concat())),
        case("source-with-seat", "The role of a source, and a seat's number.", &|body| body.seat = Some(1)),
        case("seat-without-number", "The role of a seat, and no number.", &|body| body.role = 1),
        case("role-2", "There are two roles.", &|body| body.role = 2),
        case("desk-16", "Desks are numbered 0 to 15.", &|body| body.desk = 16),
        case("seven-macs", "One MAC too few.", &|body| body.macs.truncate(7)),
        case("nine-macs", "One MAC too many.", &|body| body.macs.push(None)),
        case("short-sender-key", "A sender key of 31 bytes.", &|body| body.sender.truncate(31)),
    ]
}

/// What opens and is quarantined.
fn quarantined() -> Vec<Case> {
    let testimony = Message::testimony("A text.");
    // Sealed honestly, but for what was edited before.
    let honest = |name: &str, reason: &str, comment: &str, opener: &Opener, letter: &Letter| {
        no(name, reason, comment, opener, &letter.id, &letter.seal().envelope(&letter.id))
    };
    let testified = |name: &str, reason: &str, comment: &str, edit: &dyn Fn(&mut Letter)| {
        let mut letter = from_source(name, &testimony);
        edit(&mut letter);
        honest(name, reason, comment, &Opener::seat(0), &letter)
    };
    // The body was edited after the MACs were made.
    let forged = |name: &str, reason: &str, comment: &str, edit: &dyn Fn(&mut Body)| {
        let letter = from_source(name, &testimony);
        let mut body = letter.body();
        edit(&mut body);
        let sealed = letter.seal_body(&body.cbor());
        no(name, reason, comment, &Opener::seat(0), &letter.id, &sealed.envelope(&letter.id))
    };
    let answered = |name: &str, reason: &str, comment: &str, opener: &Opener, edit: &dyn Fn(&mut Letter)| {
        let mut letter = from_seat(name, &Message::reply("An answer.", 1));
        edit(&mut letter);
        honest(name, reason, comment, opener, &letter)
    };
    let said = |name: &str, reason: &str, comment: &str, opener: &Opener, by_seat: bool, message: &Message| {
        let mut letter = if by_seat { from_seat(name, message) } else { from_source(name, message) };
        if opener.seat.is_none() {
            letter.readers[SOURCE_SLOT] = Some(source());
        }
        honest(name, reason, comment, opener, &letter)
    };
    let compressed = |name: &str, comment: &str, message: Vec<u8>| {
        testified(name, "compression", comment, &move |letter| letter.message.clone_from(&message))
    };
    let zipped = deflate(&testimony.bytes());
    let stored = miniz_oxide::deflate::compress_to_vec(&testimony.bytes(), 0);
    let long = Message::testimony(&"x".repeat(65_001));
    let none_known = Opener { known: Vec::new(), ..Opener::source() };
    let mut bad_contact = source_contact();
    bad_contact[5..8].fill(0xff);
    let resealed = {
        // A reader who knows the content key gives the letter another id.
        let letter = from_source("a letter that a colleague sealed again", &testimony);
        let again = Letter { id: random_id("the id of a letter that was sealed again"), ..letter.clone() };
        let envelope = again.seal_body(&letter.body().cbor()).envelope(&again.id);
        no(
            "sealed-again-under-other-id",
            "mac",
            "A reader has sealed the same body again, for another id.",
            &Opener::seat(0),
            &again.id,
            &envelope,
        )
    };
    let slot_replaced = {
        // A reader who knows the content key takes the letter from a colleague.
        let letter = from_source("a letter that a colleague takes from another", &testimony);
        let mut sealed = letter.seal();
        let encapsulation = noise("encapsulation of a slot that replaces another", 64);
        sealed.slots[1] = seal_slot(&seed("nobody"), &letter.slot_info(1), &letter.content_key(), &encapsulation);
        no(
            "slot-of-colleague-replaced",
            "mac",
            "A reader has sealed it again with another slot 1, so that seat 1 cannot read it.",
            &Opener::seat(0),
            &letter.id,
            &sealed.envelope(&letter.id),
        )
    };
    vec![
        testified("other-office", "other-office", "It names another office; the MAC agrees.", &|letter| {
            letter.office = [0xbb; 16]
        }),
        testified("other-desk", "other-desk", "It names another desk; the MAC agrees.", &|letter| letter.desk = 4),
        forged("mac-null", "not-named", "The slot opens, but the reader has no MAC.", &|body| body.macs[0] = None),
        forged("mac-changed", "mac", "One bit of the reader's MAC.", &|body| body.macs[0].as_mut().unwrap()[0] ^= 1),
        forged("mac-of-other-slot", "mac", "The MAC of seat 1 stands at seat 0.", &|body| body.macs[0] = body.macs[1]),
        forged("sender-exchanged", "mac", "The sender key is somebody else's.", &|body| {
            body.sender = x25519(&seed("somebody else")).to_vec()
        }),
        forged("directory-echo-changed", "mac", "Another directory hash than the sender's.", &|body| {
            body.directory[0] ^= 1
        }),
        forged("offline-changed", "mac", "Marked offline by somebody else than the sender.", &|body| {
            body.offline = true
        }),
        forged("contact-changed", "mac", "Another contact than the sender's: replies would go elsewhere.", &|body| {
            body.contact = Some(contact(1, &x_wing(&seed("somebody else's reply key")), &contact_secret()));
        }),
        forged("message-changed", "mac", "Another message than the sender's.", &|body| {
            body.message = deflate(&Message::testimony("Another text.").bytes())
        }),
        testified("other-reader-key", "mac", "The MAC was made for another key of seat 0 than it has.", &|letter| {
            letter.readers[0] = Some(Reader { auth: seed("another key"), ..seat(0) });
        }),
        resealed,
        slot_replaced,
        forged("mac-of-colleague-removed", "mac", "It names fewer readers than the sender did.", &|body| {
            body.macs[1] = None
        }),
        forged("mac-of-nobody-added", "mac", "It names more readers than the sender did.", &|body| {
            body.macs[2] = body.macs[1]
        }),
        forged("sender-key-low-order", "sender-key", "A sender key of small order.", &|body| {
            body.sender = X25519_LOW_ORDER.to_vec()
        }),
        forged("sender-key-not-canonical", "sender-key", "A sender key that is not below 2^255 - 19.", &|body| {
            body.sender = X25519_NOT_CANONICAL.to_vec()
        }),
        testified("source-with-seat-key", "seat-key", "The role of a source under the key of a seat.", &|letter| {
            letter.sender = auth_private(DESK, 1)
        }),
        testified("source-with-own-key", "seat-key", "The role of a source under the reader's own key.", &|letter| {
            letter.sender = auth_private(DESK, 0)
        }),
        answered(
            "unknown-seat-key",
            "unknown-seat",
            "A key that no directory lists for that seat.",
            &Opener::source(),
            &|letter| letter.sender = seed("thief"),
        ),
        answered(
            "key-of-other-seat",
            "unknown-seat",
            "The key of seat 4 under the number of seat 1.",
            &Opener::source(),
            &|letter| letter.sender = auth_private(DESK, 4),
        ),
        answered(
            "key-of-other-desk",
            "unknown-seat",
            "The key of seat 1 of desk 0 under desk 3.",
            &Opener::source(),
            &|letter| letter.sender = auth_private(0, 1),
        ),
        answered(
            "revoked-seat",
            "unknown-seat",
            "The reader's directory lists the seat no more.",
            &none_known,
            &|_| (),
        ),
        answered(
            "reply-of-other-office",
            "other-office",
            "A reply that names another office.",
            &Opener::source(),
            &|letter| letter.office = [0xbb; 16],
        ),
        answered(
            "reply-to-colleague-at-other-desk",
            "other-desk",
            "A reply of another desk, read by a seat.",
            &Opener { desk: 4, ..Opener::seat(0) },
            &|_| (),
        ),
        said(
            "source-to-source",
            "not-from-seat",
            "A testimony in the slot of a source.",
            &Opener::source(),
            false,
            &testimony,
        ),
        said("testimony-of-seat", "kind", "A testimony in the role of a seat.", &Opener::seat(0), true, &testimony),
        said("cover-of-seat", "kind", "A cover in the role of a seat.", &Opener::seat(0), true, &Message::cover()),
        said(
            "reply-of-source",
            "kind",
            "A reply in the role of a source.",
            &Opener::seat(0),
            false,
            &Message::reply("An answer.", 1),
        ),
        said(
            "team-event-of-source",
            "kind",
            "A team event in the role of a source.",
            &Opener::seat(0),
            false,
            &Message::team_event(b"x"),
        ),
        said(
            "team-event-to-source",
            "kind",
            "A team event in the slot of a source.",
            &Opener::source(),
            true,
            &Message::team_event(b"x"),
        ),
        compressed("deflate-bytes-after-the-end", "A byte follows the stream.", [&zipped[..], &[0]].concat()),
        compressed("deflate-cut-off", "The last byte of the stream is missing.", zipped[..zipped.len() - 1].to_vec()),
        compressed("deflate-bomb", "65,537 bytes come out.", deflate(&vec![b'a'; 65_537])),
        compressed("deflate-large-bomb", "Four million bytes come out.", deflate(&vec![0; 4_000_000])),
        compressed("deflate-reserved-block", "A block of the reserved type.", vec![7]),
        compressed("deflate-nothing", "No bytes.", Vec::new()),
        compressed(
            "deflate-zlib",
            "A zlib stream instead of a raw one.",
            miniz_oxide::deflate::compress_to_vec_zlib(&testimony.bytes(), 6),
        ),
        compressed("deflate-stored-length", "The two lengths of a stored block do not agree.", {
            let mut bent = stored;
            bent[3] ^= 1;
            bent
        }),
        said(
            "message-malformed",
            "message",
            "Key 9 is below 64 and unknown.",
            &Opener::seat(0),
            false,
            &Message { extensions: vec![(9, vec![0])], ..testimony.clone() },
        ),
        said(
            "message-unknown-kind",
            "message",
            "A kind that does not exist yet.",
            &Opener::seat(0),
            false,
            &Message { kind: 6, ..Message::cover() },
        ),
        said("text-too-long", "message", "65,001 bytes of text.", &Opener::seat(0), false, &long),
        testified("testimony-without-contact", "contact", "A testimony has a contact.", &|letter| {
            letter.contact = None
        }),
        testified("contact-version-2", "contact", "A contact of a version that does not exist yet.", &|letter| {
            letter.contact.as_mut().unwrap()[1] = 2
        }),
        testified(
            "contact-bad-key",
            "contact",
            "A contact whose X-Wing key has a coefficient that is not below the modulus.",
            &|letter| letter.contact = Some(bad_contact.clone()),
        ),
        testified("cover-with-contact", "contact", "A cover has none.", &|letter| {
            letter.message = deflate(&Message::cover().bytes())
        }),
    ]
}
