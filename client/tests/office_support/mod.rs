//! An office in a temporary folder, and requests to it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests: what fails here fails the test")]
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of this")]

use chacha20::ChaCha20Rng;
use cssr_client::files::StaffPassphrase;
use cssr_client::office::{Change, Draft, NewOffice, Office, OfficeError, Passphrases, Request};
use cssr_proto::keys::{CourierKey, RelaySecretKey, SeatSigningKey};
use cssr_proto::{
    Addresses, Card, CourierNumber, CourierRequest, Day, DeskNumber, Label, Number, OfficeId, Policy, Pool, Relay,
    SeatNumber, SeatRequest, Text, Unverified,
};
use rand_core::SeedableRng as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

pub const TODAY: Day = Day(20_780);
pub const ROOT: &str = "root passphrase";
pub const SUCCESSOR: &str = "successor passphrase";

pub fn pass(text: &str) -> StaffPassphrase {
    StaffPassphrase::new(text.to_owned())
}

pub fn rng(n: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([n; 32])
}

pub fn desk(n: u64) -> DeskNumber {
    DeskNumber::new(n).unwrap()
}

pub fn seat(n: u64) -> SeatNumber {
    SeatNumber::new(n).unwrap()
}

pub fn courier(n: u64) -> CourierNumber {
    CourierNumber::new(n).unwrap()
}

pub fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

pub fn relay(n: u8, addresses: &[&str]) -> Relay {
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    Relay { key: RelaySecretKey::from_bytes([n; 32]).public(), addresses: Addresses::new(addresses).unwrap() }
}

pub fn new_office() -> NewOffice {
    NewOffice {
        name: Text::new("Office of the Envoy").unwrap(),
        relay: relay(1, &["relay.example.org"]),
        policy: Policy {
            letter_days: Number::new(21).unwrap(),
            chunk_days: Number::new(7).unwrap(),
            group: Number::new(4).unwrap(),
            note_days: Number::new(3).unwrap(),
            rounds: Number::new(2).unwrap(),
        },
    }
}

/// A folder with a new office. It is made once and copied: deriving keys from passphrases is slow on purpose.
pub fn fresh() -> (TempDir, PathBuf) {
    static TEMPLATE: OnceLock<TempDir> = OnceLock::new();
    let template = TEMPLATE.get_or_init(|| {
        let template = tempfile::tempdir().unwrap();
        let (root, successor) = (pass(ROOT), pass(SUCCESSOR));
        let passphrases = Passphrases { root: &root, successor: &successor };
        drop(Office::init(&template.path().join("office"), new_office(), passphrases, &mut rng(1)).unwrap());
        template
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("office");
    copy(&template.path().join("office"), &path);
    (folder, path)
}

/// A new office with the desks 0 and 1.
pub fn with_desks() -> (TempDir, Office) {
    let (folder, path) = fresh();
    let mut office = Office::open(&path).unwrap();
    for (number, name) in [(0, "Protection"), (1, "Political")] {
        let draft = propose(&office, Change::SetDesk { number: desk(number), name: label(name) }).unwrap();
        office.keep(draft).unwrap();
    }
    (folder, office)
}

/// An office whose desk 0 has the seats 0 and 1, each with a courier of the same number; desk 1 has seat 0.
pub fn with_seats() -> (TempDir, Office) {
    let (folder, mut office) = with_desks();
    let id = office.id();
    let requests = vec![
        seat_request(id, 0, "Amal", 1),
        seat_request(id, 0, "Dilan", 2),
        seat_request(id, 1, "Rima", 3),
        courier_request(id, 0, 0, "Amal's courier", 101),
        courier_request(id, 0, 1, "Dilan's courier", 102),
    ];
    issue(&mut office, Change::Admit { requests, days: 365 }, TODAY).unwrap();
    (folder, office)
}

pub fn propose(office: &Office, change: Change) -> Result<Draft, OfficeError> {
    office.propose(change, TODAY)
}

pub fn issue(office: &mut Office, change: Change, today: Day) -> Result<(), OfficeError> {
    let draft = office.propose(change, today)?;
    office.issue(draft, &pass(ROOT)).map(drop)
}

pub fn admit(requests: Vec<Request>) -> Change {
    Change::Admit { requests, days: 365 }
}

pub fn seat_request(office: OfficeId, at: u64, name: &str, key: u8) -> Request {
    Request::read(&seat_request_file(office, at, name, key, TODAY), office, TODAY).unwrap()
}

pub fn courier_request(office: OfficeId, at: u64, of: u64, name: &str, key: u8) -> Request {
    Request::read(&courier_request_file(office, at, of, name, key, TODAY), office, TODAY).unwrap()
}

pub fn seat_request_file(office: OfficeId, at: u64, name: &str, key: u8, day: Day) -> Vec<u8> {
    let secret = SeatSigningKey::from_bytes([key; 32]);
    let request = SeatRequest { office, desk: desk(at), label: label(name), day, key: secret.public() };
    request.sign(&secret).unwrap().bytes().to_vec()
}

pub fn courier_request_file(office: OfficeId, at: u64, of: u64, name: &str, key: u8, day: Day) -> Vec<u8> {
    let secret = CourierKey::from_bytes([key; 32]);
    let (desk, seat) = (desk(at), seat(of));
    let request = CourierRequest { office, desk, seat, label: label(name), day, key: secret.public() };
    request.sign(&secret).unwrap().bytes().to_vec()
}

/// Has the holder of a card, who was there from the beginning, read every roster of a folder. Gives the newest number.
pub fn read_as_cardholder(card: &Card, folder: &Path) -> u64 {
    let mut reader = Pool::new(card.fingerprint());
    let mut files: Vec<_> =
        std::fs::read_dir(folder.join("rosters")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let issued = Unverified::<cssr_proto::Roster>::from_bytes(&bytes).unwrap();
        let issued = issued.authenticate(card.fingerprint()).unwrap().issued;
        reader.accept_roster(Unverified::from_bytes(&bytes).unwrap(), issued).unwrap();
        let number = reader.roster().unwrap().number.get();
        assert_eq!(file.file_name().unwrap().to_str().unwrap(), format!("{number:010}.roster"));
    }
    reader.roster().map_or(0, |roster| roster.number.get())
}

/// Every file below a folder with its content.
pub fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(snapshot(&path));
        } else {
            files.insert(path.clone(), std::fs::read(path).unwrap());
        }
    }
    files
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub fn path_of(folder: &TempDir) -> PathBuf {
    folder.path().join("office")
}
