//! What a relay shows, in the form in which it answers; a test makes it from the truth and then changes it.

use crate::truth::{Truth, key};
use cssr_proto::frame::{EnvelopeKind, Frame};
use cssr_proto::index::{Batch, GroupSize, Index};
use cssr_proto::keys::RelaySecretKey;
use cssr_proto::letter::Sealed;
use cssr_proto::publication::{Notes, Statements};
use cssr_proto::request::{NextBatches, Request, RequestKind};
use cssr_proto::response::Answer;
use cssr_proto::session::Announcement;
use cssr_proto::wire_error::{ErrorCode, WireError};
use cssr_proto::{Bytes, Day, Directory, Hash, List, Note, SeatStatement, Signed};
use cssr_tests::office::TODAY;
use std::collections::BTreeMap;

/// A request, with its number and how many of its kind came before it in the session.
pub struct Asked {
    pub request: Request,
    pub number: u16,
    pub before: usize,
}

/// Changes the frames of an answer.
type Twist = Box<dyn Fn(&Asked, Vec<Frame>) -> Vec<Frame> + Send + Sync>;

pub struct Shown {
    pub key: RelaySecretKey,
    pub announcement: Announcement,
    pub directory: Vec<u8>,
    pub note: Vec<u8>,
    /// CDDL `index` of each day.
    pub index: BTreeMap<Day, Vec<u8>>,
    /// The letters of each day by place; what is none is withheld.
    pub letters: BTreeMap<Day, Vec<Option<Sealed>>>,
    pub statements: Statements,
    pub valid_notes: Vec<Vec<u8>>,
    pub proposed_notes: Vec<Vec<u8>>,
    pub directories: BTreeMap<Hash, Vec<u8>>,
    /// What couriers are given.
    pub drained: Vec<(Batch, Vec<Option<Sealed>>)>,
    /// What comes next, if not the truth.
    pub says_next: Option<u64>,
    pub twist: Twist,
}

impl Shown {
    pub fn honest(truth: &Truth) -> Self {
        let directory = truth.office.directory(TODAY);
        let note = truth.office.note(&directory, 1, truth.vouched());
        let (keys, prekeys): (Vec<_>, Vec<_>) = truth
            .office
            .seat_statements()
            .iter()
            .map(|bytes| (Bytes::new(bytes.clone()).unwrap(), SeatStatement::from_bytes(bytes).unwrap()))
            .partition(|(_, statement)| matches!(statement, SeatStatement::SeatKey(_)));
        let list = |some: Vec<(_, _)>| List::new(some.into_iter().map(|(bytes, _)| bytes).collect()).unwrap();
        let mut shown = Self {
            key: key(),
            announcement: Announcement { day: TODAY, letter_effort: 0, chunk_effort: 0, in_flight: 4 },
            directory: Vec::new(),
            note: Vec::new(),
            index: BTreeMap::new(),
            letters: BTreeMap::new(),
            statements: Statements {
                roster: Some(Bytes::new(truth.office.roster().bytes()).unwrap()),
                seat_keys: list(keys),
                prekeys: list(prekeys),
            },
            valid_notes: Vec::new(),
            proposed_notes: Vec::new(),
            directories: BTreeMap::new(),
            drained: Vec::new(),
            says_next: None,
            twist: Box::new(|_, frames| frames),
        };
        shown.confirm(&note, &directory);
        shown.list(truth.batches.iter().cloned());
        shown
    }

    /// Shows a note and the directory that it names.
    pub fn confirm(&mut self, note: &Signed<Note>, directory: &Directory) {
        self.note = note.bytes().to_vec();
        self.directory = directory.bytes().to_vec();
        self.valid_notes = vec![note.bytes().to_vec()];
        self.directories.insert(directory.hash(), directory.bytes().to_vec());
    }

    /// Shows these batches and no others, to sources and to couriers.
    pub fn list(&mut self, batches: impl IntoIterator<Item = (Batch, Vec<Sealed>)>) {
        let mut days: BTreeMap<Day, Index> = BTreeMap::new();
        (self.letters, self.drained) = (BTreeMap::new(), Vec::new());
        for (batch, letters) in batches {
            let letters: Vec<_> = letters.into_iter().map(Some).collect();
            self.letters.entry(batch.day()).or_default().extend(letters.iter().cloned());
            days.entry(batch.day()).or_default().batches.push(batch.clone());
            self.drained.push((batch, letters));
        }
        self.index = days.into_iter().map(|(day, index)| (day, index.to_bytes())).collect();
    }

    /// Changes what is in the place of a letter, for sources and couriers.
    pub fn replace(&mut self, of: &Sealed, by: Option<Sealed>) {
        let places =
            self.letters.values_mut().flatten().chain(self.drained.iter_mut().flat_map(|(_, letters)| letters));
        let mut found = 0;
        for place in places.filter(|place| place.as_ref() == Some(of)) {
            place.clone_from(&by);
            found += 1;
        }
        assert_eq!(found, 2, "the letter is listed");
    }

    /// The honest frames of an answer.
    pub fn answer(&self, request: &Request, number: u16) -> Vec<Frame> {
        let answer = Answer::to(request.kind(), number);
        let bytes = |bytes: &[u8]| answer.bytes(bytes).unwrap().collect();
        let notes = |notes: &[Vec<u8>]| {
            List::new(notes.iter().map(|note| Bytes::new(note.clone()).unwrap()).collect()).unwrap()
        };
        match request {
            Request::Directory => bytes(&self.directory),
            Request::Note => bytes(&self.note),
            Request::Index(day) => bytes(self.index.get(day).unwrap_or(&Index::default().to_bytes())),
            Request::Group(group) => {
                let size = GroupSize::new(4).unwrap();
                let places = self.letters.get(&group.day).map_or(&[][..], Vec::as_slice);
                let place = |n: u32| places.get((group.number * 4 + n) as usize).and_then(Option::as_ref);
                (0..4).map(|n| answer.letter(n, size, place(n).map(held)).unwrap()).collect()
            }
            Request::Post(_) if self.announcement.letter_effort > 0 => {
                vec![answer.error(WireError::new(ErrorCode::Postage))]
            }
            Request::Post(_) | Request::Publish(_) | Request::Courier { .. } => vec![answer.done()],
            Request::Statements => bytes(&self.statements.to_bytes()),
            Request::Notes => {
                let (valid, proposed) = (notes(&self.valid_notes), notes(&self.proposed_notes));
                bytes(&Notes { valid, proposed }.to_bytes())
            }
            Request::DirectoryByHash(hash) => bytes(self.directories.get(hash).map_or(&[][..], Vec::as_slice)),
            Request::Drain(from) => self.drain(answer, *from),
            other => panic!("nobody here asks {other:?}"),
        }
    }

    fn drain(&self, answer: Answer, from: NextBatches) -> Vec<Frame> {
        let kind = EnvelopeKind::Letter;
        let mut frames = Vec::new();
        for (batch, letters) in self.drained.iter().filter(|(batch, _)| batch.number() >= from.letters) {
            frames.extend(answer.batch(kind, &batch.to_bytes()).unwrap());
            for (place, letter) in (0..).zip(letters) {
                let held = letter.as_ref().map(held);
                frames.push(answer.batched(place, letters.len() as u32, kind, held).unwrap());
            }
        }
        let last = self.drained.last().map_or(0, |(batch, _)| batch.number());
        let letters = self.says_next.unwrap_or(last + 1);
        frames.push(answer.caught_up(NextBatches { letters, chunks: 1 }));
        frames
    }

    /// Changes the frames of the answers to one kind of request.
    pub fn twist(
        &mut self,
        kind: RequestKind,
        twist: impl Fn(&Asked, Vec<Frame>) -> Vec<Frame> + Send + Sync + 'static,
    ) {
        self.twist =
            Box::new(move |asked, frames| if asked.request.kind() == kind { twist(asked, frames) } else { frames });
    }
}

fn held(letter: &Sealed) -> cssr_proto::response::Held {
    (letter.id, letter.envelope.clone())
}
