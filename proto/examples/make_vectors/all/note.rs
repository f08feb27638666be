//! Notes, and what a source checks before it sends anything (sections 4.5 and 4.6).

use super::case::Case;
use super::kit::{Key, h, seed, sha256, sign, x25519};
use super::office::{DAY, Directory, Note, Roster, SignedAs, courier, courier_seed, relay_private, statement};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = accepted();
    cases.extend(refused());
    cases.extend(trusted());
    cases.extend(distrusted());
    cases
}

fn given(case: Case, roster: &Roster, directory: &Directory, note: &[u8]) -> Case {
    case.input("card", roster.office()).input("directory", directory.bytes()).input("note", note)
}

fn accepted() -> Vec<Case> {
    let ok = |name: &str, comment: &str, roster: &Roster, couriers: &[u32], weight: &str, edit: &dyn Fn(&mut Note)| {
        let directory = Directory::bare(roster);
        let mut note = Note::about(roster, &directory);
        edit(&mut note);
        let (payload, bytes) = (note.payload(), note.sign(roster, couriers));
        let case = given(Case::ok(&format!("note/{name}"), comment), roster, &directory, &bytes);
        let case = couriers.iter().fold(case, |case, number| {
            case.from("courier-seed", courier_seed(*number))
                .output("signer", *number)
                .output("signature-input", note.signed_as(roster, *number).input(&payload))
        });
        let (number, day, chain) = note.head;
        case.output("weight", weight)
            .output("day", note.day)
            .output("serial", note.serial)
            .output("directory-hash", note.directory)
            .output("head-number", number)
            .output("head-day", day)
            .output("head-chain", chain)
            .output("notice", note.notice.as_deref())
            .output("payload-sha256", sha256(&payload))
    };
    let (small, large) = (Roster::small(), Roster::large());
    let mut one_seat = Roster::small();
    one_seat.desks[0].seats.truncate(1);
    one_seat.couriers.truncate(1);
    let mut one_active = Roster::small();
    one_active.desks[0].seats[1].state = 1;
    let mut two_of_one = Roster::small();
    two_of_one.couriers[1] = courier(1, 0, 0);
    let genesis = h("cssr1 index genesis", &x25519(&relay_private()));
    let nothing = |_: &mut Note| ();
    vec![
        ok("two-signers", "Couriers of the office's two seats.", &small, &[0, 1], "valid", &nothing),
        ok(
            "with-notice",
            "Couriers of two of four seats, one of them of another desk; a notice in Arabic; no batch yet.",
            &large,
            &[1, 7],
            "valid",
            &|note| {
                note.notice = Some("المكتب مغلق حتى يوم الأحد. The office is closed until Sunday.".to_owned());
                note.head = (0, 0, genesis);
            },
        ),
        ok("three-signers", "One more than is needed.", &large, &[0, 1, 7], "valid", &nothing),
        ok("one-signer", "One courier of an office with two seats: proposed.", &small, &[1], "proposed", &nothing),
        ok(
            "two-signers-of-one-seat",
            "Two couriers, but of the same seat: proposed.",
            &two_of_one,
            &[0, 1],
            "proposed",
            &nothing,
        ),
        ok("office-of-one-seat", "One courier is enough where there is one seat.", &one_seat, &[0], "valid", &nothing),
        ok(
            "one-active-seat",
            "A retired seat does not count: one courier is enough.",
            &one_active,
            &[0],
            "valid",
            &nothing,
        ),
        ok("longest-notice", "A notice of 1,000 bytes.", &small, &[0, 1], "valid", &|note| {
            note.notice = Some("n".repeat(1_000))
        }),
        ok("largest-numbers", "The highest serial and batch number.", &small, &[0, 1], "valid", &|note| {
            note.serial = u64::MAX;
            note.head.0 = u64::MAX;
        }),
    ]
}

fn refused() -> Vec<Case> {
    let mut roster = Roster::large();
    roster.couriers[2].through = DAY - 1;
    let directory = Directory::bare(&roster);
    let right = Note::about(&roster, &directory);
    let no = |name: &str, reason: &str, comment: &str, bytes: &[u8]| {
        given(Case::refused(&format!("note/{name}"), reason, comment), &roster, &directory, bytes)
    };
    let edited = |edit: &dyn Fn(&mut Note)| {
        let mut note = right.clone();
        edit(&mut note);
        note.sign(&roster, &[0, 1])
    };
    let payload = right.payload();
    let signed = |number: u32, seed: &Key, about: &SignedAs| (number, sign(seed, &about.input(&payload)));
    let first = signed(0, &courier_seed(0), &right.signed_as(&roster, 0));
    let second = |number: u32, seed: &Key, about: &SignedAs| statement(&payload, &[first, signed(number, seed, about)]);
    let about = right.signed_as(&roster, 1);
    let by_second = |about: SignedAs| second(1, &courier_seed(1), &about);
    let nine: Vec<_> = (0..9).map(|number| (number, first.1)).collect();
    vec![
        no("signers-wrong-order", "signer-order", "Courier 1 before courier 0.", &right.sign(&roster, &[1, 0])),
        no("signer-twice", "signer-order", "Courier 0 twice.", &right.sign(&roster, &[0, 0])),
        no(
            "unknown-courier",
            "unknown-courier",
            "The roster lists no courier 9.",
            &second(9, &courier_seed(9), &SignedAs { number: Some(9), ..about.clone() }),
        ),
        no(
            "courier-ended",
            "courier-not-in-force",
            "Courier 7 counted through yesterday.",
            &right.sign(&roster, &[0, 7]),
        ),
        no(
            "second-signature-wrong",
            "signature",
            "The first signature is right; the second is somebody else's.",
            &second(1, &seed("thief"), &about),
        ),
        no(
            "other-day",
            "signature",
            "The second courier signed for another day than the payload's.",
            &by_second(SignedAs { from: DAY - 1, through: DAY - 1, ..about.clone() }),
        ),
        no(
            "as-courier-session",
            "signature",
            "The second signature was made in the context of a session.",
            &by_second(SignedAs { context: "cssr1 courier session", ..about.clone() }),
        ),
        no(
            "as-seat",
            "signature",
            "The second signature was made in the role of a seat.",
            &by_second(SignedAs { role: "seat", ..about.clone() }),
        ),
        no(
            "other-desk",
            "signature",
            "The second courier signed for another desk than its seat's.",
            &by_second(SignedAs { desk: Some(3), ..about }),
        ),
        no("other-office", "other-office", "It names another office.", &edited(&|note| note.office = [7; 16])),
        no(
            "other-directory",
            "other-directory",
            "It names another directory.",
            &edited(&|note| note.directory[0] ^= 1),
        ),
        no(
            "notice-too-long",
            "malformed",
            "A notice of 1,001 bytes.",
            &edited(&|note| note.notice = Some("n".repeat(1_001))),
        ),
        no("notice-empty", "malformed", "A notice of no bytes.", &edited(&|note| note.notice = Some(String::new()))),
        no(
            "notice-with-control-character",
            "malformed",
            "An escape sequence in a notice.",
            &edited(&|note| note.notice = Some("\u{1b}[2J".to_owned())),
        ),
        no("head-0-with-day", "malformed", "A head of no batch has no day.", &edited(&|note| note.head.0 = 0)),
        no("head-without-day", "malformed", "A head of a batch has its day.", &edited(&|note| note.head.1 = 0)),
        no("nine-signatures", "malformed", "At most eight.", &statement(&payload, &nine)),
    ]
}

/// What a source has in a visit.
#[derive(Clone)]
struct Visit {
    card: [u8; 16],
    device: u32,
    relay: u32,
    choice: Option<&'static str>,
    directory: Vec<u8>,
    note: Vec<u8>,
    key: Key,
}

impl Visit {
    fn honest() -> Self {
        Self::to(&Roster::small(), &[0, 1])
    }

    fn to(roster: &Roster, couriers: &[u32]) -> Self {
        let directory = Directory::bare(roster);
        Self {
            card: roster.office(),
            device: DAY,
            relay: DAY,
            choice: None,
            note: Note::about(roster, &directory).sign(roster, couriers),
            directory: directory.bytes(),
            key: x25519(&relay_private()),
        }
    }

    fn given(&self, case: Case) -> Case {
        case.input("card", self.card)
            .input("device-day", self.device)
            .input("relay-day", self.relay)
            .input("clock-choice", self.choice)
            .input("directory", &self.directory)
            .input("note", &self.note)
            .input("session-relay-key", self.key)
    }
}

fn trusted() -> Vec<Case> {
    let ok = |name: &str, comment: &str, edit: &dyn Fn(&mut Visit)| {
        let mut visit = Visit::honest();
        edit(&mut visit);
        visit
            .given(Case::ok(&format!("trust/{name}"), comment))
            .output("directory-hash", h("cssr1 directory", &visit.directory))
            .output("day", DAY)
            .output("first-index-day", visit.relay - 21)
            .output("last-index-day", visit.relay)
    };
    vec![
        ok("today", "Device, relay and note agree.", &|_| ()),
        ok("oldest-note", "The note is three days old, as old as may be.", &|visit| {
            (visit.device, visit.relay) = (DAY + 3, DAY + 3)
        }),
        ok("device-behind", "The device is three days behind the note.", &|visit| visit.device = DAY - 3),
        ok(
            "person-says-the-note-is-right",
            "The device is a year behind; the person says that the note's date is right.",
            &|visit| {
                (visit.device, visit.choice) = (DAY - 365, Some("note"));
            },
        ),
        ok("person-was-not-needed", "An answer to a question that does not arise changes nothing.", &|visit| {
            visit.choice = Some("device")
        }),
    ]
}

fn distrusted() -> Vec<Case> {
    let no = |name: &str, reason: &str, comment: &str, edit: &dyn Fn(&mut Visit)| {
        let mut visit = Visit::honest();
        edit(&mut visit);
        visit.given(Case::refused(&format!("trust/{name}"), reason, comment))
    };
    let other = |edit: &dyn Fn(&mut Roster)| {
        let mut roster = Roster::small();
        edit(&mut roster);
        Visit::to(&roster, &[0, 1])
    };
    let instead = |visit: Visit| move |given: &mut Visit| *given = visit.clone();
    let of_other_office = Visit {
        card: Roster::small().office(),
        ..other(&|roster| roster.roots = vec![super::office::Root::of("other office", 0)])
    };
    let stale = Visit { device: DAY - 4, ..Visit::honest() };
    let expired = other(&|roster| roster.expires = DAY - 1);
    let forged = {
        let roster = Roster::small();
        let directory = Directory { roster: roster.sign_with(&seed("thief")), ..Directory::bare(&roster) };
        Visit {
            note: Note::about(&roster, &directory).sign(&roster, &[0, 1]),
            directory: directory.bytes(),
            ..Visit::honest()
        }
    };
    let retired = {
        let mut roster = Roster::small();
        roster.desks[0].seats[1].state = 1;
        let prekeys = vec![super::office::Prekey::of(&roster, 0, 1, super::office::EPOCH).sign(&roster)];
        let directory = Directory { prekeys, ..Directory::bare(&roster) };
        Visit {
            note: Note::about(&roster, &directory).sign(&roster, &[0, 1]),
            directory: directory.bytes(),
            ..Visit::honest()
        }
    };
    vec![
        no("note-malformed", "malformed", "A byte follows the note.", &|visit| visit.note.push(0)),
        no("directory-malformed", "malformed", "A byte follows the directory.", &|visit| visit.directory.push(0)),
        no(
            "other-directory",
            "directory-not-the-notes",
            "A right directory, but not the one that the note names.",
            &|visit| {
                visit.directory = other(&|roster| roster.page = Some(seed("source page"))).directory;
            },
        ),
        no(
            "other-office",
            "lineage-other-office",
            "Everything is right, of another office.",
            &instead(of_other_office),
        ),
        no("forged-roster", "signature", "A roster that the office's root has not signed.", &instead(forged)),
        no("one-signer", "proposed-note", "One courier of two seats.", &instead(Visit::to(&Roster::small(), &[0]))),
        no(
            "clock-doubt",
            "clock-doubt",
            "The device is four days behind the note: the person must be asked.",
            &instead(stale.clone()),
        ),
        no(
            "clock-doubt-old-note",
            "clock-doubt",
            "The device is four days ahead of the note, and the relay with it.",
            &|visit| (visit.device, visit.relay) = (DAY + 4, DAY + 4),
        ),
        no("note-too-old", "note-too-old", "The same, and the person says that the device is right.", &|visit| {
            (visit.device, visit.relay, visit.choice) = (DAY + 4, DAY + 4, Some("device"));
        }),
        no(
            "note-from-future",
            "note-from-future",
            "The note is four days ahead, and the person says that the device is right.",
            &instead(Visit { choice: Some("device"), ..stale }),
        ),
        no("relay-before-note", "relay-date-contradicts", "The relay announced the day before the note's.", &|visit| {
            visit.relay = DAY - 1
        }),
        no(
            "relay-long-after-note",
            "relay-date-contradicts",
            "The relay announced a day on which the note does not count any more.",
            &|visit| visit.relay = DAY + 4,
        ),
        no(
            "relay-long-after-note-that-is-right",
            "relay-date-contradicts",
            "The person says that the note's date is right; then the relay's is not.",
            &|visit| {
                (visit.device, visit.relay, visit.choice) = (DAY + 9, DAY + 9, Some("note"));
            },
        ),
        no("roster-expired", "expired", "The roster was not valid any more when the note was made.", &instead(expired)),
        no(
            "prekey-of-retired-seat",
            "retired-seat",
            "A directory that breaks a rule, confirmed by two couriers.",
            &instead(retired),
        ),
        no("other-relay", "wrong-relay-key", "The session is with another relay than the roster's.", &|visit| {
            visit.key = x25519(&seed("another relay"))
        }),
    ]
}
