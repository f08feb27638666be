//! Directories: what they list, and who may read them (section 4.4).

use super::case::Case;
use super::kit::{Key, seed, sha256, x_wing, x25519};
use super::office::{
    DAY, Directory, EPOCH, Prekey, Roster, Seat, SeatKey, auth_private, prekey_seed, signing_seed, statement,
    statement_hash,
};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = accepted();
    cases.extend(seat_keys());
    cases.extend(refused());
    cases.extend(assemblies());
    cases
}

/// How many days letters are kept, by the policy of the rosters here.
const LETTER_DAYS: u32 = 21;

fn given(case: Case, roster: &Roster, day: u32, directory: &Directory) -> Case {
    case.input("card", roster.office()).input("day", day).input("directory", directory.bytes())
}

/// What a directory says about one seat that counts.
struct View {
    seat: &'static str,
    state: &'static str,
    key: Option<Key>,
    former: Option<Key>,
    prekey: Option<Key>,
    furthest: Option<(u32, Key)>,
}

impl View {
    /// An active seat that has published nothing.
    fn mute(seat: &'static str) -> Self {
        Self { seat, state: "mute", key: None, former: None, prekey: None, furthest: None }
    }
}

fn ok(name: &str, comment: &str, roster: &Roster, day: u32, directory: &Directory, seats: &[View]) -> Case {
    let case = given(Case::ok(&format!("directory/{name}"), comment), roster, day, directory);
    let case = case.output("hash", directory.hash());
    seats.iter().fold(case, |case, view| {
        case.output("seat", view.seat)
            .output("state", view.state)
            .output("seat-key", view.key)
            .output("former-key", view.former)
            .output("prekey-sha256", view.prekey)
            .output("furthest-epoch", view.furthest.map(|(epoch, _)| epoch))
            .output("furthest-sha256", view.furthest.map(|(_, key)| key))
    })
}

fn no(name: &str, reason: &str, comment: &str, roster: &Roster, day: u32, directory: &Directory) -> Case {
    given(Case::refused(&format!("directory/{name}"), reason, comment), roster, day, directory)
}

/// A key that seat 0.0 had before, or will have.
fn other_key(n: u32) -> Key {
    x25519(&seed(&format!("another authentication key of seat 0.0, number {n}")))
}

fn prekey_sha256(desk: u32, seat: u32, epoch: u32) -> Key {
    sha256(&x_wing(&prekey_seed(desk, seat, epoch)))
}

/// A directory in which seats are in every state there is.
fn usual() -> (Roster, Directory, Vec<View>) {
    let roster = Roster::large();
    let key = |desk, seat| SeatKey::of(&roster, desk, seat);
    let former = SeatKey { from: DAY - 100, through: DAY - LETTER_DAYS, key: other_key(1), ..key(0, 1) };
    let public = |desk, seat| Some(x25519(&auth_private(desk, seat)));
    let seat_keys = [key(0, 0), key(0, 1), former, key(0, 2), key(3, 4)].map(|key| key.sign(&roster)).to_vec();
    let prekeys = [(0, 0, EPOCH), (0, 0, EPOCH + 8), (0, 1, EPOCH), (3, 4, EPOCH + 3)];
    let prekeys = prekeys.map(|(desk, seat, epoch)| Prekey::of(&roster, desk, seat, epoch).sign(&roster)).to_vec();
    let directory = Directory { roster: roster.sign(), seat_keys, prekeys };
    let now = |desk, seat| prekey_sha256(desk, seat, EPOCH);
    let later = |desk, seat, weeks| Some((EPOCH + weeks, prekey_sha256(desk, seat, EPOCH + weeks)));
    let view = |seat, state| View { state, ..View::mute(seat) };
    let views = vec![
        View { key: public(0, 0), prekey: Some(now(0, 0)), furthest: later(0, 0, 8), ..view("0.0", "active") },
        View {
            key: public(0, 1),
            former: Some(other_key(1)),
            prekey: Some(now(0, 1)),
            furthest: later(0, 1, 0),
            ..view("0.1", "active")
        },
        View { key: public(0, 2), ..view("0.2", "retired") },
        View { key: public(3, 4), furthest: later(3, 4, 3), ..view("3.4", "mute") },
    ];
    (roster, directory, views)
}

fn accepted() -> Vec<Case> {
    let (roster, directory, views) = usual();
    let small = Roster::small();
    let without_key =
        Directory { prekeys: vec![Prekey::of(&small, 0, 0, EPOCH).sign(&small)], ..Directory::bare(&small) };
    let now = prekey_sha256(0, 0, EPOCH);
    let keyless = View { prekey: Some(now), furthest: Some((EPOCH, now)), ..View::mute("0.0") };
    let mut ended = Roster::small();
    ended.desks[0].seats[0].through = DAY - 1;
    vec![
        ok(
            "usual",
            "Seat 0.0 with two prekeys, 0.1 with one and a former key, 0.2 retired, 3.4 mute.",
            &roster,
            DAY,
            &directory,
            &views,
        ),
        ok(
            "nothing-published",
            "A roster and nothing else: all seats are mute.",
            &small,
            DAY,
            &Directory::bare(&small),
            &[View::mute("0.0"), View::mute("0.1")],
        ),
        ok(
            "mute-without-seat-key",
            "A seat with a prekey and no key that holds is mute.",
            &small,
            DAY,
            &without_key,
            &[keyless, View::mute("0.1")],
        ),
        ok(
            "seat-that-ended",
            "A seat whose time is over is listed in the roster and nowhere else.",
            &ended,
            DAY,
            &Directory::bare(&ended),
            &[View::mute("0.1")],
        ),
    ]
}

/// Everything about the two keys of one seat.
fn seat_keys() -> Vec<Case> {
    let roster = Roster::small();
    let now = SeatKey::of(&roster, 0, 0);
    let now = SeatKey { from: DAY, ..now };
    let before = SeatKey { from: DAY - 10, key: other_key(1), ..now.clone() };
    let of = |keys: &[&SeatKey]| {
        let seat_keys = keys.iter().map(|key| key.sign(&roster)).collect();
        Directory { seat_keys, ..Directory::bare(&roster) }
    };
    let ok = |name: &str, comment: &str, keys: &[&SeatKey], former: Option<Key>| {
        let view = View { key: Some(keys[0].key), former, ..View::mute("0.0") };
        ok(name, comment, &roster, DAY, &of(keys), &[view, View::mute("0.1")])
    };
    let no =
        |name: &str, reason: &str, comment: &str, keys: &[&SeatKey]| no(name, reason, comment, &roster, DAY, &of(keys));
    let ended = |days: u32| SeatKey { from: DAY - 90, through: DAY - days, ..before.clone() };
    let short = SeatKey { from: DAY - 2, through: DAY - 1, ..before.clone() };
    let long = SeatKey { from: DAY - 10, ..now.clone() };
    let future = SeatKey { from: DAY + 1, ..before.clone() };
    let third = SeatKey { from: DAY - 20, key: other_key(2), ..now.clone() };
    let again = SeatKey { through: now.through + 1, from: DAY - 1, ..now.clone() };
    let rival = SeatKey { from: DAY, ..before.clone() };
    let mut rivals = [now.clone(), rival];
    rivals.sort_by_key(|key| statement_hash(&key.sign(&roster)));
    let [first, second] = &rivals;
    vec![
        ok(
            "former-key",
            "Seat 0.0 has another key since today; the one before is still valid.",
            &[&now, &before],
            Some(before.key),
        ),
        ok(
            "former-key-oldest",
            "The key before ended 21 days ago: what arrived on its last day is listed for the last time.",
            &[&now, &ended(LETTER_DAYS)],
            Some(before.key),
        ),
        ok(
            "former-key-began-later",
            "The key that holds is the older one: the other one lasted for two days and is over.",
            &[&long, &short],
            Some(short.key),
        ),
        ok(
            "former-key-same-day",
            "Both began today: the statement with the smaller hash holds.",
            &[first, second],
            Some(second.key),
        ),
        no("seat-keys-wrong-order", "seat-key-order", "The key that began earlier stands first.", &[&before, &now]),
        no(
            "seat-keys-wrong-order-same-day",
            "seat-key-order",
            "Both began today; the one with the larger hash stands first.",
            &[second, first],
        ),
        no(
            "three-seat-keys",
            "third-seat-key",
            "The key that holds, the one before, and one more.",
            &[&now, &before, &third],
        ),
        no("seat-key-twice", "same-seat-key", "The same statement twice.", &[&now, &now]),
        no("same-key-in-two-statements", "same-seat-key", "Two statements about one key.", &[&now, &again]),
        no(
            "former-key-too-old",
            "former-key-not-in-force",
            "The key before ended 22 days ago: nothing under it is listed any more.",
            &[&now, &ended(LETTER_DAYS + 1)],
        ),
        no("former-key-of-tomorrow", "former-key-not-in-force", "The second key is not valid yet.", &[&now, &future]),
        no(
            "former-key-alone",
            "seat-key-not-in-force",
            "A key that ended yesterday, and none that holds.",
            &[&ended(1)],
        ),
        no(
            "former-key-first",
            "seat-key-not-in-force",
            "The key that ended stands before the one that holds.",
            &[&ended(1), &now],
        ),
        no("seat-key-of-tomorrow", "seat-key-not-in-force", "A key that is not valid yet.", &[&future]),
    ]
}

fn refused() -> Vec<Case> {
    let roster = Roster::large();
    let key = |desk, seat| SeatKey::of(&roster, desk, seat).sign(&roster);
    let prekey = |desk, seat, epoch| Prekey::of(&roster, desk, seat, epoch).sign(&roster);
    let keys = |seat_keys: Vec<Vec<u8>>| Directory { seat_keys, ..Directory::bare(&roster) };
    let prekeys = |prekeys: Vec<Vec<u8>>| Directory { prekeys, ..Directory::bare(&roster) };
    let no = |name: &str, reason: &str, comment: &str, directory: &Directory| {
        no(name, reason, comment, &roster, DAY, directory)
    };
    // Under another roster than the one that the seat keys were made for.
    let under = |edit: &dyn Fn(&mut Roster), directory: &Directory| {
        let mut other = roster.clone();
        edit(&mut other);
        Directory { roster: other.sign(), ..directory.clone() }
    };
    let one_key = keys(vec![key(0, 0)]);
    let one_prekey = prekeys(vec![prekey(0, 0, EPOCH)]);
    let payload = SeatKey::of(&roster, 0, 0).payload();
    let by_colleague = {
        let input = SeatKey::of(&roster, 0, 0).signed_as(&roster).input(&payload);
        statement(&payload, &[(0, super::kit::sign(&signing_seed(0, 1), &input))])
    };
    let elsewhere = SeatKey { office: [7; 16], ..SeatKey::of(&roster, 0, 0) };
    let whole = |name: &str, comment: &str, bytes: Vec<u8>| {
        Case::refused(&format!("directory/{name}"), "malformed", comment)
            .input("card", roster.office())
            .input("day", DAY)
            .input("directory", bytes)
    };
    let bytes = one_key.bytes();
    let tomorrow = |seat: &mut Seat| seat.from = DAY + 1;
    vec![
        no(
            "seats-wrong-order",
            "directory-order",
            "A key of seat 0.1 before one of 0.0.",
            &keys(vec![key(0, 1), key(0, 0)]),
        ),
        no(
            "desks-wrong-order",
            "directory-order",
            "A key of seat 3.4 before one of 0.0.",
            &keys(vec![key(3, 4), key(0, 0)]),
        ),
        no(
            "seat-keys-apart",
            "directory-order",
            "Keys of seat 0.0 with one of 0.1 between them.",
            &keys(vec![key(0, 0), key(0, 1), key(0, 0)]),
        ),
        no(
            "prekeys-wrong-order",
            "directory-order",
            "The later week's prekey first.",
            &prekeys(vec![prekey(0, 0, EPOCH + 1), prekey(0, 0, EPOCH)]),
        ),
        no(
            "prekey-twice",
            "directory-order",
            "The same prekey twice.",
            &prekeys(vec![prekey(0, 0, EPOCH), prekey(0, 0, EPOCH)]),
        ),
        no(
            "prekey-of-last-week",
            "wrong-epoch",
            "A prekey of a week that is over.",
            &prekeys(vec![prekey(0, 0, EPOCH - 1)]),
        ),
        no(
            "two-further-prekeys",
            "wrong-epoch",
            "Two prekeys of weeks that have not begun.",
            &prekeys(vec![prekey(0, 0, EPOCH + 1), prekey(0, 0, EPOCH + 2)]),
        ),
        no(
            "three-prekeys",
            "wrong-epoch",
            "This week's prekey and two further ones.",
            &prekeys(vec![prekey(0, 0, EPOCH), prekey(0, 0, EPOCH + 1), prekey(0, 0, EPOCH + 2)]),
        ),
        no(
            "prekey-of-retired-seat",
            "retired-seat",
            "Nothing is sealed to a retired seat.",
            &prekeys(vec![prekey(0, 2, EPOCH)]),
        ),
        no(
            "revoked-seat",
            "unknown-seat",
            "A key of a seat that the roster does not list any more.",
            &under(
                &|r| {
                    r.desks[0].seats.remove(0);
                    r.couriers.remove(0);
                },
                &one_key,
            ),
        ),
        no(
            "prekey-of-revoked-seat",
            "unknown-seat",
            "A prekey of a seat that the roster does not list any more.",
            &under(
                &|r| {
                    r.desks[0].seats.remove(0);
                    r.couriers.remove(0);
                },
                &one_prekey,
            ),
        ),
        no(
            "key-of-seat-of-tomorrow",
            "seat-not-in-force",
            "A key of a seat that counts from tomorrow on.",
            &under(&|r| tomorrow(&mut r.desks[0].seats[0]), &one_key),
        ),
        no(
            "prekey-of-seat-of-tomorrow",
            "seat-not-in-force",
            "A prekey of a seat that counts from tomorrow on.",
            &under(&|r| tomorrow(&mut r.desks[0].seats[0]), &one_prekey),
        ),
        no(
            "key-of-predecessor",
            "signature",
            "The seat's number was another person's before.",
            &under(&|r| r.desks[0].seats[0].key = super::kit::ed25519(&seed("successor at seat 0.0")), &one_key),
        ),
        no("key-signed-by-colleague", "signature", "A key of seat 0.0, signed by 0.1.", &keys(vec![by_colleague])),
        no(
            "key-of-other-office",
            "other-office",
            "A key that names another office.",
            &keys(vec![elsewhere.sign(&roster)]),
        ),
        no(
            "roster-expired",
            "expired",
            "The roster is right, but its last day was yesterday.",
            &under(&|r| r.expires = DAY - 1, &one_key),
        ),
        no(
            "roster-of-other-office",
            "lineage-other-office",
            "The roster of an office that is not the card's.",
            &under(&|r| r.roots = vec![super::office::Root::of("other office", 0)], &keys(Vec::new())),
        ),
        whole("bytes-after-the-end", "A byte follows.", [&bytes[..], &[0]].concat()),
        whole(
            "prekey-among-seat-keys",
            "A prekey stands where a seat key belongs.",
            keys(vec![prekey(0, 0, EPOCH)]).bytes(),
        ),
        whole("without-prekeys", "An array of two.", [&[0x82][..], &bytes[1..bytes.len() - 1]].concat()),
    ]
}

/// Directories from statements in no order, of which some must be left out.
fn assemblies() -> Vec<Case> {
    let roster = Roster::large();
    let case = |name: &str, comment: &str, roster: &Roster, keys: &[Vec<u8>], prekeys: &[Vec<u8>], made: &Directory| {
        Case::ok(&format!("directory-assembly/{name}"), comment)
            .input("card", roster.office())
            .input("day", DAY)
            .input("roster", roster.sign())
            .inputs("seat-key", keys)
            .inputs("prekey", prekeys)
            .output("directory", made.bytes())
            .output("hash", made.hash())
    };
    let key = |desk, seat| SeatKey::of(&roster, desk, seat);
    let now = key(0, 0);
    let former = SeatKey { from: DAY - 30, through: DAY - 11, key: other_key(1), ..now.clone() };
    let older = SeatKey { from: DAY - 40, key: other_key(2), ..former.clone() };
    let too_old = SeatKey { from: DAY - 60, through: DAY - LETTER_DAYS - 1, key: other_key(3), ..now.clone() };
    let future = SeatKey { from: DAY + 1, key: other_key(4), ..now.clone() };
    // The same key for a shorter time, from an earlier day on.
    let again = SeatKey { from: DAY - 12, through: DAY + 1, ..now.clone() };
    let rival = SeatKey { key: other_key(5), ..key(0, 1) };
    let mut rivals = [key(0, 1), rival].map(|key| key.sign(&roster));
    rivals.sort_by_key(|statement| statement_hash(statement));
    let mut larger = roster.clone();
    larger.desks[1].seats.push(super::office::seat(3, 6, "Gone"));
    let gone = SeatKey::of(&larger, 3, 6).sign(&larger);
    let sign = |key: &SeatKey| key.sign(&roster);
    let keys: Vec<Vec<u8>> = [
        vec![gone, sign(&future), rivals[1].clone(), sign(&older), sign(&again)],
        vec![sign(&key(3, 4)), sign(&too_old), sign(&former), rivals[0].clone(), sign(&now)],
    ]
    .concat();
    let listed = vec![sign(&now), sign(&former), rivals[0].clone(), rivals[1].clone(), sign(&key(3, 4))];

    let prekey = |desk, seat, weeks: u32| Prekey::of(&roster, desk, seat, EPOCH - 1 + weeks);
    let replaced = Prekey { key: x_wing(&seed("a second prekey of seat 0.1")), ..prekey(0, 1, 1) };
    let mut both = [prekey(0, 1, 1), replaced].map(|prekey| prekey.sign(&roster));
    both.sort_by_key(|statement| statement_hash(statement));
    let signed = |desk, seat, weeks| prekey(desk, seat, weeks).sign(&roster);
    let prekeys = vec![
        signed(3, 4, 2),
        both[1].clone(),
        signed(0, 0, 2),
        signed(0, 0, 0),
        signed(0, 2, 1),
        both[0].clone(),
        signed(0, 0, 1),
        signed(0, 0, 3),
    ];
    let kept = vec![signed(0, 0, 1), signed(0, 0, 3), both[0].clone(), signed(3, 4, 2)];
    let made = Directory { roster: roster.sign(), seat_keys: listed, prekeys: kept };
    vec![
        case(
            "nothing",
            "No statements but the roster.",
            &Roster::small(),
            &[],
            &[],
            &Directory::bare(&Roster::small()),
        ),
        case(
            "scrambled",
            "Keys of the past and the future, of a seat that is not listed, of one day; prekeys of last week, of a retired seat, two for one week, one in the middle.",
            &roster,
            &keys,
            &prekeys,
            &made,
        ),
    ]
}
