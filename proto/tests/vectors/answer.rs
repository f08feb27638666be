use crate::Outcome;
use crate::case::{Case, Value};
use crate::frame::assembly_error;
use cssr_proto::frame::{EnvelopeFrame, EnvelopeKind};
use cssr_proto::index::{Group, GroupSize};
use cssr_proto::postage::Postage;
use cssr_proto::publication::Publication;
use cssr_proto::request::{NextBatches, Post, Request, RequestKind};
use cssr_proto::response::{Fault, Progress, Response, ResponseReader};
use cssr_proto::sizes::SIGNATURE;
use cssr_proto::{Bytes, CourierNumber, Day, EnvelopeId, Hash, List, sha256};
use std::collections::BTreeMap;

pub fn answer(case: &Case) -> Outcome {
    let ids: Vec<_> = case.all("id").iter().map(|id| EnvelopeId(id.array())).collect();
    let request = asked(&case.given("asked").text(), ids);
    let number = case.given("request").small().try_into().unwrap();
    let size = GroupSize::new(case.given("group-size").number()).unwrap();
    let mut reader = ResponseReader::new(number, &request, size);
    let (mut found, mut done) = (Found::default(), false);
    for frame in case.all("frame") {
        match reader.push(crate::frame::read(&frame.bytes()).unwrap()).map_err(|error| fault(error.fault))? {
            Progress::More => (),
            Progress::Piece(piece) => found.add(piece),
            Progress::Done(answer) => {
                done = true;
                found.add(answer);
            }
        }
    }
    assert_eq!(done, request.kind() != RequestKind::Watch, "{}: only this one never ends", case.path());
    for name in FIELDS {
        case.expect_all(name, found.0.remove(name).unwrap_or_default());
    }
    assert!(found.0.is_empty());
    Ok(())
}

/// A request of this kind. What it says matters where the answer depends on it.
fn asked(kind: &str, ids: Vec<EnvelopeId>) -> Request {
    let (day, next) = (Day(20_780), NextBatches { letters: 1, chunks: 1 });
    let zero = EnvelopeId([0; 16]);
    let kinds: BTreeMap<String, RequestKind> =
        RequestKind::ALL.into_iter().map(|kind| (kind.to_string(), kind)).collect();
    match kinds[kind] {
        RequestKind::Directory => Request::Directory,
        RequestKind::Note => Request::Note,
        RequestKind::Index => Request::Index(day),
        RequestKind::Group => Request::Group(Group { day, number: 0 }),
        RequestKind::Post => Request::Post(Post::letter(zero, Postage::FREE, &[0; 16_256])),
        RequestKind::Have => Request::Have(List::new(ids).unwrap()),
        RequestKind::Fetch => Request::Fetch(ids[0]),
        RequestKind::Burn => Request::Burn { id: zero, key: [0; 32] },
        RequestKind::Publish => Request::Publish(Publication::Roster(Bytes::new([0]).unwrap())),
        RequestKind::Statements => Request::Statements,
        RequestKind::Notes => Request::Notes,
        RequestKind::Courier => Request::Courier { courier: CourierNumber::new(0).unwrap(), signature: [0; SIGNATURE] },
        RequestKind::Drain => Request::Drain(next),
        RequestKind::Watch => Request::Watch(next),
        RequestKind::DirectoryByHash => Request::DirectoryByHash(Hash([0; 32])),
        other => panic!("{other}"),
    }
}

/// Every `out` field there may be.
const FIELDS: [&str; 11] = [
    "piece",
    "bytes",
    "present",
    "found-id",
    "envelope-sha256",
    "batch-kind",
    "batch",
    "letter-batch",
    "chunk-batch",
    "code",
    "wait",
];

/// What came, by field.
#[derive(Default)]
struct Found(BTreeMap<&'static str, Vec<Value>>);

impl Found {
    fn put(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.entry(name).or_default().push(value.into());
    }

    fn envelope(&mut self, id: Option<&EnvelopeId>, envelope: Option<&EnvelopeFrame>) {
        self.put("present", envelope.is_some());
        self.put("found-id", id.map(EnvelopeId::as_bytes));
        self.put("envelope-sha256", envelope.map(|frame| sha256(frame.envelope())));
    }

    fn add(&mut self, piece: Response) {
        match piece {
            Response::Directory(bytes) | Response::Note(bytes) => self.bytes(&bytes),
            Response::Index(index) => self.bytes(&index.to_bytes()),
            Response::Statements(statements) => self.bytes(&statements.to_bytes()),
            Response::Notes(notes) => self.bytes(&notes.to_bytes()),
            Response::DirectoryByHash(bytes) => self.bytes(&bytes.unwrap_or_default()),
            Response::Posted | Response::Burned | Response::Published | Response::Courier => self.put("piece", "done"),
            Response::Have(present) => {
                self.put("piece", "have");
                present.into_iter().for_each(|present| self.put("present", present));
            }
            Response::Group(letters) => {
                self.put("piece", "group");
                for letter in &letters {
                    self.envelope(letter.as_ref().map(EnvelopeFrame::id), letter.as_ref());
                }
            }
            Response::Chunk(chunk) => {
                self.put("piece", "chunk");
                self.envelope(chunk.as_ref().map(EnvelopeFrame::id), chunk.as_ref());
            }
            Response::Batch(kind, batch) => {
                self.put("piece", "batch");
                self.put("batch-kind", u32::from(EnvelopeKind::byte(kind)));
                self.put("batch", batch.to_bytes());
            }
            Response::Envelope(mirrored) => {
                self.put("piece", "envelope");
                self.envelope(Some(&mirrored.id), mirrored.frame.as_ref());
            }
            Response::CaughtUp(next) => {
                self.put("piece", "caught up");
                self.put("letter-batch", next.letters);
                self.put("chunk-batch", next.chunks);
            }
            Response::Error(error) => {
                self.put("piece", "error");
                self.put("code", u32::from(error.code.number()));
                self.put("wait", u32::from(error.wait));
            }
            other => panic!("{other:?}"),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.put("piece", "bytes");
        self.put("bytes", bytes);
    }
}

fn fault(fault: Fault) -> &'static str {
    match fault {
        Fault::OtherRequest => "other-request",
        Fault::ErrorInside => "error-inside",
        Fault::Frames(error) => assembly_error(error),
        Fault::Content(_) => "malformed",
        Fault::Fields => "fields",
        Fault::Places => "places",
        Fault::OtherEnvelope => "other-envelope",
        other => panic!("{other}"),
    }
}
