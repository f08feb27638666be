//! An office that signs: its roots, its roster, and what its seats and couriers sign (section 4).

use super::cbor::{array, bytes, map, null, text, uint};
use super::kit::{Key, ed25519, h, seed, sign, x25519};

/// Monday, 2026-11-23.
pub(crate) const DAY: u32 = 20_780;
/// Its week.
pub(crate) const EPOCH: u32 = (DAY + 3) / 7;

/// A root with its commitment to the next one.
#[derive(Clone, Copy)]
pub(crate) struct Root {
    pub(crate) key: Key,
    pub(crate) commitment: Key,
}

impl Root {
    /// The private key of root `n` of an office.
    pub(crate) fn seed(office: &str, n: u64) -> Key {
        seed(&format!("{office}, root {n}"))
    }

    /// Root `n` of an office.
    pub(crate) fn of(office: &str, n: u64) -> Self {
        let next = ed25519(&Self::seed(office, n + 1));
        Self { key: ed25519(&Self::seed(office, n)), commitment: h("cssr1 root commitment", &next) }
    }

    /// What its card shows.
    pub(crate) fn fingerprint(&self) -> [u8; 16] {
        let whole = h("cssr1 card", &[self.key, self.commitment].concat());
        *whole.first_chunk().unwrap()
    }
}

#[derive(Clone)]
pub(crate) struct Seat {
    pub(crate) number: u32,
    pub(crate) label: String,
    pub(crate) key: Key,
    pub(crate) from: u32,
    pub(crate) through: u32,
    pub(crate) state: u32,
}

#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) seats: Vec<Seat>,
}

#[derive(Clone)]
pub(crate) struct Courier {
    pub(crate) number: u32,
    pub(crate) label: String,
    pub(crate) desk: u32,
    pub(crate) seat: u32,
    pub(crate) key: Key,
    pub(crate) from: u32,
    pub(crate) through: u32,
}

/// CDDL `roster`.
#[derive(Clone)]
pub(crate) struct Roster {
    pub(crate) name: String,
    pub(crate) roots: Vec<Root>,
    pub(crate) number: u32,
    pub(crate) issued: u32,
    pub(crate) expires: u32,
    pub(crate) previous: Option<Key>,
    pub(crate) desks: Vec<Desk>,
    pub(crate) couriers: Vec<Courier>,
    pub(crate) relay: Key,
    pub(crate) addresses: Vec<String>,
    /// `letter_days`, `chunk_days`, `group`, `note_days`, `rounds`.
    pub(crate) policy: [u32; 5],
    pub(crate) page: Option<Key>,
    pub(crate) forms: Option<Key>,
}

/// What a seat signs its statements with.
pub(crate) fn signing_seed(desk: u32, seat: u32) -> Key {
    seed(&format!("signing key of seat {desk}.{seat}"))
}

/// What a seat authenticates letters with.
pub(crate) fn auth_private(desk: u32, seat: u32) -> Key {
    seed(&format!("authentication key of seat {desk}.{seat}"))
}

/// A seat's private prekey for a week.
pub(crate) fn prekey_seed(desk: u32, seat: u32, epoch: u32) -> Key {
    seed(&format!("prekey of seat {desk}.{seat} for week {epoch}"))
}

/// What a courier signs with.
pub(crate) fn courier_seed(number: u32) -> Key {
    seed(&format!("courier {number}"))
}

/// The relay's static private key.
pub(crate) fn relay_private() -> Key {
    seed("relay")
}

const FROM: u32 = DAY - 10;
const THROUGH: u32 = DAY + 355;

pub(crate) fn seat(desk: u32, number: u32, label: &str) -> Seat {
    let key = ed25519(&signing_seed(desk, number));
    Seat { number, label: label.to_owned(), key, from: FROM, through: THROUGH, state: 0 }
}

pub(crate) fn courier(number: u32, desk: u32, seat: u32) -> Courier {
    let (key, label) = (ed25519(&courier_seed(number)), format!("Courier {number}"));
    Courier { number, label, desk, seat, key, from: FROM, through: THROUGH }
}

impl Roster {
    /// One desk, two seats, a courier for each.
    pub(crate) fn small() -> Self {
        Self {
            name: "Office of the Envoy".to_owned(),
            roots: vec![Root::of("office", 0)],
            number: 1,
            issued: FROM,
            expires: THROUGH,
            previous: None,
            desks: vec![Desk {
                number: 0,
                name: "Protection".to_owned(),
                seats: vec![seat(0, 0, "Amal"), seat(0, 1, "Dilan")],
            }],
            couriers: vec![courier(0, 0, 0), courier(1, 0, 1)],
            relay: x25519(&relay_private()),
            addresses: vec!["relay.example.org".to_owned()],
            policy: [21, 14, 4, 3, 2],
            page: None,
            forms: None,
        }
    }

    /// Two desks, four seats of which one is retired, three couriers, page and forms.
    pub(crate) fn large() -> Self {
        let mut roster = Self::small();
        roster.desks[0].seats.push(Seat { state: 1, ..seat(0, 2, "ريما") });
        roster.desks.push(Desk { number: 3, name: "Legal".to_owned(), seats: vec![seat(3, 4, "Jiyan")] });
        roster.couriers.push(courier(7, 3, 4));
        roster.addresses.push("abc.onion".to_owned());
        roster.page = Some(seed("source page"));
        roster.forms = Some(seed("forms"));
        roster
    }

    /// The number of the root that signs.
    pub(crate) fn root(&self) -> u64 {
        self.roots.len() as u64 - 1
    }

    /// What follows this one, unchanged so far.
    pub(crate) fn next(&self) -> Self {
        Self { number: self.number + 1, previous: Some(statement_hash(&self.sign())), ..self.clone() }
    }

    /// Reveals the next root.
    pub(crate) fn succeed(mut self) -> Self {
        self.roots.push(Root::of("office", self.roots.len() as u64));
        self
    }

    /// The office id.
    pub(crate) fn office(&self) -> [u8; 16] {
        self.roots[0].fingerprint()
    }

    /// The name of a seat.
    pub(crate) fn label(&self, desk: u32, seat: u32) -> &str {
        let desk = self.desks.iter().find(|listed| listed.number == desk).expect("a desk");
        &desk.seats.iter().find(|listed| listed.number == seat).expect("a seat").label
    }

    pub(crate) fn payload(&self) -> Vec<u8> {
        let roots = self.roots.iter().map(|root| array(&[bytes(&root.key), bytes(&root.commitment)]));
        let seat = |seat: &Seat| {
            let (from, through) = (uint(seat.from), uint(seat.through));
            array(&[uint(seat.number), text(&seat.label), bytes(&seat.key), from, through, uint(seat.state)])
        };
        let desks = self.desks.iter().map(|desk| {
            let seats: Vec<_> = desk.seats.iter().map(seat).collect();
            array(&[uint(desk.number), text(&desk.name), array(&seats)])
        });
        let couriers = self.couriers.iter().map(|courier| {
            let Courier { number, label, desk, seat, key, from, through } = courier;
            array(&[uint(*number), text(label), uint(*desk), uint(*seat), bytes(key), uint(*from), uint(*through)])
        });
        let addresses: Vec<_> = self.addresses.iter().map(|address| text(address)).collect();
        let policy: Vec<_> = (0..).zip(self.policy).map(|(key, value)| (key, Some(uint(value)))).collect();
        map(&[
            (0, Some(text(&self.name))),
            (1, Some(array(&roots.collect::<Vec<_>>()))),
            (2, Some(uint(self.number))),
            (3, Some(uint(self.issued))),
            (4, Some(uint(self.expires))),
            (5, self.previous.map(|hash| bytes(&hash))),
            (6, Some(array(&desks.collect::<Vec<_>>()))),
            (7, Some(array(&couriers.collect::<Vec<_>>()))),
            (8, Some(array(&[bytes(&self.relay), array(&addresses)]))),
            (9, Some(map(&policy))),
            (10, self.page.map(|hash| bytes(&hash))),
            (11, self.forms.map(|hash| bytes(&hash))),
        ])
    }

    /// What the root signs.
    pub(crate) fn signed_as(&self) -> SignedAs {
        SignedAs {
            context: "cssr1 roster",
            office: self.office(),
            role: "root",
            name: self.name.clone(),
            desk: None,
            number: None,
            from: self.issued,
            through: self.expires,
        }
    }

    pub(crate) fn sign(&self) -> Vec<u8> {
        self.sign_with(&Root::seed("office", self.root()))
    }

    pub(crate) fn sign_with(&self, root: &Key) -> Vec<u8> {
        let payload = self.payload();
        statement(&payload, &[(0, sign(root, &self.signed_as().input(&payload)))])
    }
}

/// All that a signature covers beside the payload.
#[derive(Clone)]
pub(crate) struct SignedAs {
    pub(crate) context: &'static str,
    pub(crate) office: [u8; 16],
    pub(crate) role: &'static str,
    pub(crate) name: String,
    pub(crate) desk: Option<u32>,
    pub(crate) number: Option<u32>,
    pub(crate) from: u32,
    pub(crate) through: u32,
}

impl SignedAs {
    /// CDDL `signature-input`.
    pub(crate) fn input(&self, payload: &[u8]) -> Vec<u8> {
        let or_null = |number: Option<u32>| number.map_or_else(null, uint);
        array(&[
            text(self.context),
            bytes(&self.office),
            text(self.role),
            text(&self.name),
            or_null(self.desk),
            or_null(self.number),
            uint(self.from),
            uint(self.through),
            bytes(payload),
        ])
    }
}

/// CDDL `statement`.
pub(crate) fn statement(payload: &[u8], signatures: &[(u32, [u8; 64])]) -> Vec<u8> {
    let signatures: Vec<_> = signatures.iter().map(|(signer, s)| array(&[uint(*signer), bytes(s)])).collect();
    array(&[bytes(payload), array(&signatures)])
}

/// `H("cssr1 statement", statement)`.
pub(crate) fn statement_hash(statement: &[u8]) -> Key {
    h("cssr1 statement", statement)
}

/// CDDL `seat-key`, and what the seat signs.
#[derive(Clone)]
pub(crate) struct SeatKey {
    pub(crate) office: [u8; 16],
    pub(crate) desk: u32,
    pub(crate) seat: u32,
    pub(crate) from: u32,
    pub(crate) through: u32,
    pub(crate) key: Key,
}

impl SeatKey {
    /// The key of a seat for a hundred days.
    pub(crate) fn of(roster: &Roster, desk: u32, seat: u32) -> Self {
        let key = x25519(&auth_private(desk, seat));
        Self { office: roster.office(), desk, seat, from: DAY - 10, through: DAY + 90, key }
    }

    pub(crate) fn payload(&self) -> Vec<u8> {
        map(&[
            (0, Some(bytes(&self.office))),
            (1, Some(uint(self.desk))),
            (2, Some(uint(self.seat))),
            (3, Some(uint(self.from))),
            (4, Some(uint(self.through))),
            (5, Some(bytes(&self.key))),
        ])
    }

    pub(crate) fn signed_as(&self, roster: &Roster) -> SignedAs {
        SignedAs {
            context: "cssr1 seat key",
            office: self.office,
            role: "seat",
            name: roster.label(self.desk, self.seat).to_owned(),
            desk: Some(self.desk),
            number: Some(self.seat),
            from: self.from,
            through: self.through,
        }
    }

    pub(crate) fn sign(&self, roster: &Roster) -> Vec<u8> {
        let (payload, signer) = (self.payload(), signing_seed(self.desk, self.seat));
        statement(&payload, &[(self.seat, sign(&signer, &self.signed_as(roster).input(&payload)))])
    }
}

/// CDDL `prekey`, and what the seat signs.
#[derive(Clone)]
pub(crate) struct Prekey {
    pub(crate) office: [u8; 16],
    pub(crate) desk: u32,
    pub(crate) seat: u32,
    pub(crate) epoch: u32,
    pub(crate) key: Vec<u8>,
}

impl Prekey {
    /// The prekey of a seat for a week.
    pub(crate) fn of(roster: &Roster, desk: u32, seat: u32, epoch: u32) -> Self {
        let key = super::kit::x_wing(&prekey_seed(desk, seat, epoch));
        Self { office: roster.office(), desk, seat, epoch, key }
    }

    pub(crate) fn payload(&self) -> Vec<u8> {
        map(&[
            (0, Some(bytes(&self.office))),
            (1, Some(uint(self.desk))),
            (2, Some(uint(self.seat))),
            (3, Some(uint(self.epoch))),
            (4, Some(bytes(&self.key))),
        ])
    }

    pub(crate) fn signed_as(&self, roster: &Roster) -> SignedAs {
        SignedAs {
            context: "cssr1 prekey",
            office: self.office,
            role: "seat",
            name: roster.label(self.desk, self.seat).to_owned(),
            desk: Some(self.desk),
            number: Some(self.seat),
            from: self.epoch * 7 - 3,
            through: self.epoch * 7 + 3,
        }
    }

    pub(crate) fn sign(&self, roster: &Roster) -> Vec<u8> {
        let (payload, signer) = (self.payload(), signing_seed(self.desk, self.seat));
        statement(&payload, &[(self.seat, sign(&signer, &self.signed_as(roster).input(&payload)))])
    }
}

/// CDDL `directory`.
#[derive(Clone)]
pub(crate) struct Directory {
    pub(crate) roster: Vec<u8>,
    pub(crate) seat_keys: Vec<Vec<u8>>,
    pub(crate) prekeys: Vec<Vec<u8>>,
}

impl Directory {
    /// The directory of a roster whose seats have not published anything.
    pub(crate) fn bare(roster: &Roster) -> Self {
        Self { roster: roster.sign(), seat_keys: Vec::new(), prekeys: Vec::new() }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let list = |items: &[Vec<u8>]| array(&items.iter().map(|item| bytes(item)).collect::<Vec<_>>());
        array(&[bytes(&self.roster), list(&self.seat_keys), list(&self.prekeys)])
    }

    pub(crate) fn hash(&self) -> Key {
        h("cssr1 directory", &self.bytes())
    }
}

/// CDDL `head`: number, day, chain value.
pub(crate) type Head = (u64, u32, Key);

/// CDDL `note`, and who signs it.
#[derive(Clone)]
pub(crate) struct Note {
    pub(crate) office: [u8; 16],
    pub(crate) day: u32,
    pub(crate) serial: u64,
    pub(crate) directory: Key,
    pub(crate) head: Head,
    pub(crate) notice: Option<String>,
}

impl Note {
    /// A note about a directory.
    pub(crate) fn about(roster: &Roster, directory: &Directory) -> Self {
        let head = (9, DAY - 1, seed("a chain value"));
        Self { office: roster.office(), day: DAY, serial: 1, directory: directory.hash(), head, notice: None }
    }

    pub(crate) fn payload(&self) -> Vec<u8> {
        let (number, day, chain) = self.head;
        map(&[
            (0, Some(bytes(&self.office))),
            (1, Some(uint(self.day))),
            (2, Some(uint(self.serial))),
            (3, Some(bytes(&self.directory))),
            (4, Some(array(&[uint(number), uint(day), bytes(&chain)]))),
            (5, self.notice.as_deref().map(text)),
        ])
    }

    pub(crate) fn signed_as(&self, roster: &Roster, number: u32) -> SignedAs {
        let courier = roster.couriers.iter().find(|courier| courier.number == number).expect("a courier");
        SignedAs {
            context: "cssr1 note",
            office: self.office,
            role: "courier",
            name: courier.label.clone(),
            desk: Some(courier.desk),
            number: Some(number),
            from: self.day,
            through: self.day,
        }
    }

    pub(crate) fn sign(&self, roster: &Roster, couriers: &[u32]) -> Vec<u8> {
        let payload = self.payload();
        let signature =
            |number: &u32| (*number, sign(&courier_seed(*number), &self.signed_as(roster, *number).input(&payload)));
        statement(&payload, &couriers.iter().map(signature).collect::<Vec<_>>())
    }
}
