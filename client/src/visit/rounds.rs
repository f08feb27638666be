//! The rounds of a visit: each posts one letter and fetches one group.

use super::letters::{Ours, Posting, SealedLetters};
use super::machine::VisitError;
use super::plan::Plan;
use super::report::{Delivery, Doubt, Gap, Reply, Report};
use super::work::Work;
use crate::link::{Link, LinkError};
use cssr_proto::frame::EnvelopeFrame;
use cssr_proto::index::{Group, GroupSize, Window};
use cssr_proto::letter::{Author, SealError, SourceOpener};
use cssr_proto::message::Message;
use cssr_proto::postage::Postage;
use cssr_proto::request::{Post, Request};
use cssr_proto::response::Response;
use cssr_proto::session::{Announcement, HandshakeHash};
use cssr_proto::wire_error::WireError;
use cssr_proto::{ClueScanner, Day, Envelope, EnvelopeId, SourceKeys, Trusted};
use rand_core::CryptoRng;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What one round does.
struct Round {
    posting: Posting,
    postage: Postage,
    group: Group,
    /// The ids in the group that may be replies; empty for a group fetched for its shape only.
    wanted: Vec<EnvelopeId>,
}

/// The rounds that are left and what came of those that are over.
pub(super) struct Rounds {
    todo: std::vec::IntoIter<Round>,
    now: Option<Round>,
    stored: Option<Result<(), WireError>>,
    fetched: bool,
    effort: u32,
    reader: Reader,
    deliveries: Vec<Delivery>,
    unfetched: usize,
}

/// What is needed to read replies.
struct Reader {
    keys: Arc<SourceKeys>,
    trusted: Trusted,
    window: Window,
    size: GroupSize,
    replies: Vec<Reply>,
    doubts: Vec<Doubt>,
}

impl Rounds {
    pub(super) fn new<R: CryptoRng>(
        plan: &Plan,
        trusted: Trusted,
        window: Window,
        announcement: &Announcement,
        letters: SealedLetters,
        rng: &mut R,
    ) -> Result<Self, VisitError> {
        let (keys, size) = (Arc::clone(&plan.keys), trusted.policy().group);
        let mut wanted = candidates(&keys, &trusted, &window, size)?.into_iter().skip(plan.want.skip);
        let rounds: Vec<Round> = letters
            .postings
            .into_iter()
            .map(|posting| match wanted.next() {
                Some((group, wanted)) => Round { posting, postage: Postage::FREE, group, wanted },
                None => {
                    let group = window.random_group(size, announcement.day, rng);
                    Round { posting, postage: Postage::FREE, group, wanted: Vec::new() }
                }
            })
            .collect();
        let unfetched = wanted.count();
        let reader = Reader { keys, trusted, window, size, replies: Vec::new(), doubts: Vec::new() };
        Ok(Self {
            todo: rounds.into_iter(),
            now: None,
            stored: None,
            fetched: false,
            effort: announcement.letter_effort,
            reader,
            deliveries: Vec::new(),
            unfetched,
        })
    }

    /// The work for all letters, in the order of the rounds.
    pub(super) fn work(&self, session: &HandshakeHash) -> Work {
        Work::new(self.effort, session, self.todo.as_slice().iter().map(|round| &round.posting.sealed.id))
    }

    /// Puts postage on all letters, in the order of the rounds; false if it is not for all of them.
    pub(super) fn pay(&mut self, postage: &[Postage]) -> bool {
        for (round, postage) in self.todo.as_mut_slice().iter_mut().zip(postage) {
            round.postage = *postage;
        }
        self.todo.len() == postage.len()
    }

    /// Sends the next round's requests; false if there is none left.
    pub(super) fn begin_next(&mut self, link: &mut Link) -> bool {
        self.close_round();
        let Some(round) = self.todo.next() else { return false };
        let sealed = &round.posting.sealed;
        let post = Post::letter(sealed.id, round.postage, sealed.envelope.as_bytes());
        link.request(Request::Post(post), self.reader.size);
        link.request(Request::Group(round.group), self.reader.size);
        self.now = Some(round);
        true
    }

    /// Whether both answers of the round are there.
    pub(super) const fn is_round_over(&self) -> bool {
        self.stored.is_some() && self.fetched
    }

    /// Takes an answer: first the post's, then the group's.
    pub(super) fn take(&mut self, response: Response) -> Result<(), VisitError> {
        match (&self.stored, response) {
            (None, Response::Posted) => self.stored = Some(Ok(())),
            // The relay may refuse one letter; the visit keeps its shape all the same.
            (None, Response::Error(error)) => self.stored = Some(Err(error)),
            (Some(_), Response::Group(letters)) => {
                self.fetched = true;
                if let Some(round) = &self.now {
                    self.reader.read(round.group, &round.wanted, &letters);
                }
            }
            (Some(_), Response::Error(error)) => return Err(VisitError::Refused(error)),
            _ => return Err(LinkError::Unexpected.into()),
        }
        Ok(())
    }

    /// Writes the outcome.
    pub(super) fn finish(mut self, report: &mut Report) {
        self.close_round();
        report.sent = self.deliveries;
        report.unfetched = self.unfetched;
        self.reader.finish(report);
    }

    fn close_round(&mut self) {
        self.fetched = false;
        if let (Some(Round { posting, .. }), Some(stored)) = (self.now.take(), self.stored.take())
            && let Some(Ours { desk, mute }) = posting.of
        {
            self.deliveries.push(Delivery { desk, name: posting.sealed.name(), stored, mute });
        }
    }
}

/// The groups that hold possible replies, newest first, each with those ids.
fn candidates(
    keys: &SourceKeys,
    trusted: &Trusted,
    window: &Window,
    size: GroupSize,
) -> Result<Vec<(Group, Vec<EnvelopeId>)>, VisitError> {
    let seats = trusted.directory().correspondents();
    let scanner = ClueScanner::new(&keys.auth, &keys.contact, seats).map_err(SealError::BadKey)?;
    let mut groups: BTreeMap<(Day, u32), (Group, Vec<EnvelopeId>)> = BTreeMap::new();
    for (id, day, position) in window.ids() {
        if scanner.check(id).is_some() {
            let group = window.group_of(day, position, size);
            groups.entry((group.day, group.number)).or_insert_with(|| (group, Vec::new())).1.push(*id);
        }
    }
    Ok(groups.into_values().rev().collect())
}

impl Reader {
    fn read(&mut self, group: Group, wanted: &[EnvelopeId], letters: &[Option<EnvelopeFrame>]) {
        // Whether wanted or not: what is listed must be there.
        let listed = self.window.members(group, self.size).iter().zip(letters);
        let there = listed.map(|(id, letter)| letter.as_ref().filter(|letter| letter.id() == id));
        for letter in there.collect::<Vec<_>>() {
            match letter {
                None => self.doubts.push(Doubt::Withheld),
                Some(letter) if wanted.contains(letter.id()) => self.read_one(group.day, letter),
                Some(_) => {}
            }
        }
    }

    fn read_one(&mut self, listed: Day, letter: &EnvelopeFrame) {
        let directory = self.trusted.directory();
        let opener = SourceOpener::new(directory.roster().office(), &self.keys.auth, &self.keys.reply);
        let Ok(envelope) = Envelope::from_slice(letter.envelope()) else { return };
        match opener.open(letter.id(), &envelope, directory) {
            Err(error) => self.doubts.push(Doubt::Unreadable(error)),
            Ok(opened) => {
                let Some(reply) = self.reply(opened.author, opened.message) else { return };
                let written = reply.day;
                if listed.since(written) > self.trusted.policy().letter_days() {
                    self.doubts.push(Doubt::Replayed { written, listed });
                } else {
                    self.replies.push(reply);
                }
            }
        }
    }

    fn reply(&self, author: Author, message: Message) -> Option<Reply> {
        let Author::Seat { desk, seat, .. } = author else { return None };
        let label = self.trusted.directory().seat(desk, seat)?.seat.label.to_string();
        let (day, number, receipts, text) = match message {
            Message::Reply(m) => (m.day, m.number, m.receipts.to_vec(), Some(m.text.as_str().to_owned())),
            Message::Receipt(m) => (m.day, m.number, m.receipts.to_vec(), None),
            _ => return None,
        };
        Some(Reply { desk, seat, label, day, number: number.get() as u32, receipts, text })
    }

    fn finish(self, report: &mut Report) {
        let Self { mut replies, doubts, keys: _, trusted: _, window: _, size: _ } = self;
        report.doubts = doubts;
        replies.sort_by_key(|reply| (reply.day, reply.desk, reply.seat, reply.number));
        for reply in replies {
            let same =
                |other: &&Reply| (other.desk, other.seat, other.number) == (reply.desk, reply.seat, reply.number);
            match report.replies.iter().find(same) {
                Some(other) if *other == reply => continue,
                Some(_) => {
                    report.doubts.push(Doubt::SameNumber { desk: reply.desk, seat: reply.seat, number: reply.number })
                }
                None => {}
            }
            report.replies.push(reply);
        }
        report.gaps = gaps(&report.replies);
    }
}

fn gaps(replies: &[Reply]) -> Vec<Gap> {
    let mut seen: BTreeMap<_, BTreeSet<u32>> = BTreeMap::new();
    for reply in replies {
        seen.entry((reply.desk, reply.seat)).or_default().insert(reply.number);
    }
    seen.into_iter()
        .filter_map(|((desk, seat), numbers)| {
            let span = numbers.last()? - numbers.first()?;
            let missing = span - (numbers.len() as u32 - 1);
            (missing > 0).then_some(Gap { desk, seat, missing })
        })
        .collect()
}
