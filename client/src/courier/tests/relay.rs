//! A relay without a network, and the couriers that come to it.

use crate::courier::session::Session;
use crate::courier::state::State;
use crate::courier::{Courier, CourierError, MirrorOptions, MirrorReport, SessionFailure};
use crate::link::LinkError;
use crate::mirror::Mirror;
use crate::mirror::testing::{TODAY, TestOffice};
use cssr_proto::bundle::Record;
use cssr_proto::frame::{EnvelopeFrame, EnvelopeKind};
use cssr_proto::index::Batch;
use cssr_proto::keys::{CourierKey, RelayPublicKey};
use cssr_proto::publication::{Notes, Publication, Statements};
use cssr_proto::request::{NextBatches, Request, RequestKind};
use cssr_proto::response::{Answer, Mirrored, Response};
use cssr_proto::session::HandshakeHash;
use cssr_proto::{
    Bytes, CheckedNote, CourierProof, Day, Directory, Hash, List, Note, Signed, Unverified, UnverifiedDirectory,
    ValidNote,
};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tempfile::TempDir;

/// An office with two admitted couriers, each with a mirror folder.
pub(super) struct Fixture {
    pub(super) office: TestOffice,
    pub(super) couriers: Vec<Courier>,
    pub(super) options: MirrorOptions,
    pub(super) today: Day,
    mirrors: Vec<TempDir>,
    folder: TempDir,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let mut world = Self {
            office: TestOffice::new(21),
            couriers: Vec::new(),
            options: MirrorOptions::default(),
            today: TODAY,
            mirrors: Vec::new(),
            folder: tempfile::tempdir().unwrap(),
        };
        world.issue_and_accept();
        world
    }

    /// A first roster, which every courier accepts.
    pub(super) fn issue_and_accept(&mut self) {
        self.couriers.clear();
        self.office.issue(TODAY.minus(60), |_| {});
        self.office.publish_colleagues(TODAY);
        for n in 0..self.office.couriers.len() {
            let key = CourierKey::from_bytes(*self.office.couriers[n].1.expose());
            let folder = self.courier_folder(n);
            std::fs::create_dir_all(&folder).unwrap();
            let lock = crate::courier::lock(&folder).unwrap();
            self.couriers.push(Courier { folder, key, state: State::new(self.office.card()), _lock: lock });
            self.readmit(n);
            self.mirrors.push(tempfile::tempdir().unwrap());
        }
    }

    /// A courier that has forgotten everything accepts the roster.
    pub(super) fn readmit(&mut self, courier: usize) {
        self.couriers[courier].state = State::new(self.office.card());
        self.couriers[courier].accept(self.office.roster().bytes(), TODAY).unwrap();
    }

    pub(super) fn courier_folder(&self, courier: usize) -> PathBuf {
        self.folder.path().join(courier.to_string())
    }

    /// A batch of so many letters arrives.
    pub(super) fn letters(&mut self, day: Day, count: usize) {
        let source = self.office.source();
        let directory = self.office.directory(TODAY);
        let letters: Vec<_> = (0..count).map(|n| self.office.testimony(&source, &format!("{n}"), &directory)).collect();
        self.office.batch(day, &letters.iter().collect::<Vec<_>>());
    }

    pub(super) fn folder(&self, courier: usize) -> Mirror {
        Mirror::create(self.mirrors[courier].path()).unwrap()
    }

    pub(super) fn mirror_path(&self, courier: usize) -> &std::path::Path {
        self.mirrors[courier].path()
    }

    pub(super) fn new_folder(&mut self, courier: usize) {
        self.mirrors[courier] = tempfile::tempdir().unwrap();
    }

    /// One courier mirrors.
    pub(super) fn mirror(&mut self, courier: usize, relay: &mut Relay) -> Result<MirrorReport, CourierError> {
        let mirror = self.folder(courier);
        relay.queue.clear();
        let courier = &mut self.couriers[courier];
        ready(courier.mirror_over(relay, &mirror, self.today, &self.options, |_| {}))
    }

    /// Both couriers mirror, so that there is a valid note.
    pub(super) fn confirm(&mut self, relay: &mut Relay) {
        self.mirror(0, relay).unwrap();
        self.mirror(1, relay).unwrap();
    }
}

/// Runs what never waits.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the test relay answers at once"),
    }
}

/// What the relay has, and its lies.
pub(super) struct Relay {
    pub(super) day: Day,
    pub(super) key: RelayPublicKey,
    hash: HandshakeHash,
    pub(super) statements: Statements,
    pub(super) valid: Vec<Vec<u8>>,
    pub(super) proposed: Vec<Vec<u8>>,
    pub(super) directories: BTreeMap<Hash, Vec<u8>>,
    pub(super) letters: Vec<(Batch, Vec<Record>)>,
    /// What it says comes next, if not the truth.
    pub(super) says_next: Option<u64>,
    /// The connection breaks after so many pieces of the answer to a drain.
    pub(super) cut_after: Option<usize>,
    pub(super) published: Vec<Publication>,
    pub(super) asked_from: Vec<NextBatches>,
    expired_before: Day,
    office_card: cssr_proto::Card,
    queue: VecDeque<Response>,
}

impl Relay {
    pub(super) fn honest(office: &TestOffice) -> Self {
        let seat = |bytes: &[u8]| Bytes::new(bytes).unwrap();
        let mut relay = Self {
            day: TODAY,
            key: office.relay.public(),
            hash: HandshakeHash::from_bytes([5; 32]),
            statements: Statements {
                roster: Some(Bytes::new(office.roster().bytes()).unwrap()),
                seat_keys: List::new(office.seat_keys.iter().map(|key| seat(key.bytes())).collect()).unwrap(),
                prekeys: List::new(office.prekeys.iter().map(|key| seat(key.bytes())).collect()).unwrap(),
            },
            valid: Vec::new(),
            proposed: Vec::new(),
            directories: BTreeMap::new(),
            letters: Vec::new(),
            says_next: None,
            cut_after: None,
            published: Vec::new(),
            asked_from: Vec::new(),
            expired_before: Day(0),
            office_card: office.card(),
            queue: VecDeque::new(),
        };
        relay.take_batches(office);
        relay
    }

    pub(super) fn take_batches(&mut self, office: &TestOffice) {
        self.letters = office.batches.clone();
    }

    pub(super) fn expire_before(&mut self, day: Day) {
        self.expired_before = day;
    }

    pub(super) fn hide_prekeys(&mut self) {
        self.statements.prekeys = List::default();
    }

    /// A statement and a note that do not decode.
    pub(super) fn add_garbage(&mut self) {
        let mut keys = self.statements.seat_keys.clone().into_vec();
        keys.push(Bytes::new(vec![1, 2, 3]).unwrap());
        self.statements.seat_keys = List::new(keys).unwrap();
        self.valid.push(vec![1, 2, 3]);
    }

    pub(super) fn valid_notes(&self) -> Vec<(ValidNote, Directory)> {
        let checked = self.valid.iter().map(|bytes| {
            let note: Unverified<Note> = Unverified::from_bytes(bytes).unwrap();
            let directory = UnverifiedDirectory::from_bytes(&self.directories[&note.names_directory()]).unwrap();
            let directory = directory.authenticate(self.office_card.fingerprint()).unwrap();
            let note = directory.verify_note(note).unwrap().valid().unwrap();
            let directory = directory.verify_on(note.day).unwrap();
            (note, directory)
        });
        checked.collect()
    }

    /// Shows a note of any making, as valid or proposed.
    pub(super) fn show(&mut self, note: &Signed<Note>, directory: &Directory, valid: bool) {
        self.directories.insert(directory.hash(), directory.bytes().to_vec());
        let list = if valid { &mut self.valid } else { &mut self.proposed };
        list.push(note.bytes().to_vec());
    }

    fn take(&mut self, publication: Publication) -> Response {
        if let Publication::Note(note, Some(bytes)) = &publication {
            let note: Unverified<Note> = Unverified::from_bytes(note.as_slice()).unwrap();
            let directory = UnverifiedDirectory::from_bytes(bytes.as_slice()).unwrap();
            let directory = directory.authenticate(self.office_card.fingerprint()).unwrap();
            let checked = directory.verify_note(note).unwrap();
            let directory = directory.verify_on(checked.day).unwrap();
            let valid = matches!(checked, CheckedNote::Valid(_));
            self.show(&checked, &directory, valid);
        }
        self.published.push(publication);
        Response::Published
    }

    fn drain(&mut self, from: NextBatches) -> Response {
        self.asked_from.push(from);
        let expired = self.expired_before;
        let batches = self.letters.iter().filter(|(batch, _)| batch.number() >= from.letters && batch.day() >= expired);
        for (batch, records) in batches {
            self.queue.push_back(Response::Batch(EnvelopeKind::Letter, batch.clone()));
            let count = records.len() as u32;
            for (place, record) in (0..).zip(records) {
                let held = record
                    .envelope
                    .as_ref()
                    .map(|bytes| (record.id, cssr_proto::Envelope::from_slice(&**bytes).unwrap()));
                let frame = held.map(|held| {
                    let frame = Answer::to(RequestKind::Drain, 0).batched(place, count, record.kind, Some(held));
                    EnvelopeFrame::try_from(frame.unwrap()).unwrap()
                });
                self.queue.push_back(Response::Envelope(Mirrored { id: record.id, kind: record.kind, frame }));
            }
        }
        let last = self.letters.last().map_or(0, |(batch, _)| batch.number());
        let letters = self.says_next.unwrap_or(last + 1);
        self.queue.push_back(Response::CaughtUp(NextBatches { letters, chunks: 1 }));
        self.queue.truncate(self.cut_after.unwrap_or(usize::MAX));
        self.queue.pop_front().unwrap()
    }
}

impl Session for Relay {
    fn day(&self) -> Day {
        self.day
    }

    fn relay(&self) -> &RelayPublicKey {
        &self.key
    }

    fn hash(&self) -> &HandshakeHash {
        &self.hash
    }

    async fn ask(&mut self, request: Request) -> Result<Response, SessionFailure> {
        Ok(match request {
            Request::Courier { courier, signature } => {
                // The roster that the courier knows may be older than this relay's.
                let proof = CourierProof { courier, signature };
                assert_eq!(format!("{proof:?}"), format!("CourierProof({})", courier.get()));
                Response::Courier
            }
            Request::Statements => Response::Statements(self.statements.clone()),
            Request::Notes => {
                let list =
                    |notes: &[Vec<u8>]| List::new(notes.iter().map(|n| Bytes::new(n.clone()).unwrap()).collect());
                let (valid, proposed) = (list(&self.valid).unwrap(), list(&self.proposed).unwrap());
                Response::Notes(Notes { valid, proposed })
            }
            Request::DirectoryByHash(hash) => Response::DirectoryByHash(self.directories.get(&hash).cloned()),
            Request::Publish(publication) => self.take(publication),
            Request::Drain(from) => self.drain(from),
            other => panic!("a courier does not ask {other:?}"),
        })
    }

    async fn more(&mut self) -> Result<Response, SessionFailure> {
        self.queue.pop_front().ok_or(SessionFailure::Link(LinkError::Unexpected))
    }
}
