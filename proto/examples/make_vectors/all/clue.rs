//! Clues (section 8.1).

use super::case::Case;
use super::kit::{Key, X25519_LOW_ORDER, X25519_NOT_CANONICAL, dh, noise, seed, x25519};
use super::office::auth_private;
use super::sealing::{clue, clue_key};

fn source() -> Key {
    seed("authentication key of a source that looks for replies")
}

fn contact_secret() -> Key {
    seed("contact secret of a source that looks for replies")
}

/// Desk, seat and private key.
type SeatKey = (u32, u32, Key);

fn made_by((desk, seat, key): &SeatKey, nonce: u64) -> [u8; 16] {
    clue(&dh(key, &x25519(&source())), &contact_secret(), *desk, *seat, nonce.to_be_bytes())
}

fn other_ids(count: usize) -> Vec<[u8; 16]> {
    noise("ids that are no clues", 16 * count).as_chunks().0.to_vec()
}

fn given(case: Case, seats: &[SeatKey], keys: &[Key], ids: &[[u8; 16]]) -> Case {
    let case = case.input("auth-private-key", source()).input("contact-secret", contact_secret());
    let case = seats.iter().zip(keys).fold(case, |case, ((desk, seat, _), key)| {
        case.input("seat-desk", *desk).input("seat-number", *seat).input("seat-key", *key)
    });
    case.inputs("id", ids.iter().copied())
}

pub(crate) fn cases() -> Vec<Case> {
    let seats: Vec<SeatKey> =
        [(0, 0), (0, 1), (3, 4)].map(|(desk, seat)| (desk, seat, auth_private(desk, seat))).to_vec();
    let ok = |name: &str, comment: &str, seats: &[SeatKey], ids: &[[u8; 16]], found: &[(usize, usize)]| {
        let keys: Vec<Key> = seats.iter().map(|(.., key)| x25519(key)).collect();
        let case = given(Case::ok(&format!("clue/{name}"), comment), seats, &keys, ids)
            .froms("seat-private-key", seats.iter().map(|(.., key)| *key))
            .outputs(
                "clue-key",
                seats
                    .iter()
                    .map(|(desk, seat, key)| clue_key(&dh(key, &x25519(&source())), &contact_secret(), *desk, *seat)),
            );
        found.iter().fold(case, |case, (id, seat)| {
            case.output("found-id", ids[*id]).output("found-desk", seats[*seat].0).output("found-seat", seats[*seat].1)
        })
    };
    let no = |name: &str, comment: &str, ids: &[[u8; 16]]| {
        let keys: Vec<Key> = seats.iter().map(|(.., key)| x25519(key)).collect();
        given(Case::refused(&format!("clue/{name}"), "no-clue", comment), &seats, &keys, ids)
    };
    let bad = |name: &str, comment: &str, key: Key| {
        let case = Case::refused(&format!("clue/{name}"), "bad-key", comment);
        given(case, &seats[..1], &[key], &other_ids(1))
    };
    let mut listed = other_ids(4);
    listed.insert(1, made_by(&seats[2], 7));
    listed.insert(4, made_by(&seats[0], u64::MAX));
    let former: SeatKey = (0, 1, seed("the key that seat 0.1 had before"));
    let rotated = [seats[0], seats[1], former, seats[2]];
    let of_both = [made_by(&seats[1], 1), other_ids(1)[0], made_by(&former, 2)];
    let right = made_by(&seats[0], 1);
    let changed = |bit: usize| {
        let mut id = right;
        id[bit / 8] ^= 1 << (bit % 8);
        id
    };
    let elsewhere = clue(&dh(&seats[0].2, &x25519(&source())), &contact_secret(), 0, 1, 1_u64.to_be_bytes());
    let to_another =
        clue(&dh(&seats[0].2, &x25519(&source())), &seed("another contact secret"), 0, 0, 1_u64.to_be_bytes());
    let unlisted = made_by(&(0, 2, auth_private(0, 2)), 1);
    vec![
        ok("several-seats", "Two replies among six ids, of seats of two desks.", &seats, &listed, &[(1, 2), (4, 0)]),
        ok(
            "former-key",
            "A reply under the key that holds and one under the former key of the same seat.",
            &rotated,
            &of_both,
            &[(0, 1), (2, 2)],
        ),
        no("random-ids", "Random ids.", &other_ids(8)),
        no("changed-nonce", "One bit of the nonce is another.", &[changed(3)]),
        no("changed-tag", "The last bit is another.", &[changed(127)]),
        no("other-seat", "Made by seat 0.0 under the number of seat 0.1.", &[elsewhere]),
        no("other-contact-secret", "Made for another contact of the source.", &[to_another]),
        no("unlisted-seat", "Made by a seat that the directory does not list.", &[unlisted]),
        bad("seat-key-low-order", "A seat key of small order.", X25519_LOW_ORDER),
        bad("seat-key-not-canonical", "A seat key that is not below 2^255 - 19.", X25519_NOT_CANONICAL),
    ]
}
