//! Writing to a source: replies and receipts.
//!
//! The record of what was written is made in one step that either happens or does not, and holds the number together
//! with the sealed envelope. A crash before it uses no number; a crash after it leaves the envelope to be posted. So
//! there is never a number that was skipped unnoticed, nor one under which two texts exist.

use super::error::SeatError;
use super::record::{Secret, Sender, SentRecord};
use super::{Case, Seat, SentSummary};
use cssr_proto::keys::{AuthPublicKey, SeatAuthKey};
use cssr_proto::letter::{Correspondent, Letter, Recipients, Sealed, SeatSender, seal};
use cssr_proto::message::{LetterName, MessageText, Receipt, Reply, SequenceNumber};
use cssr_proto::{Contact, Day, DeskNumber, Directory, EnvelopeId, Hash, List, SeatNumber, sha256};
use rand_core::CryptoRng;
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// Letters that one message can acknowledge.
const RECEIPTS_MAX: usize = 64;

/// What is sealed: the text and the letter it answers, or nothing but receipts.
struct Draft<'a> {
    text: Option<(&'a str, EnvelopeId)>,
    names: Vec<LetterName>,
}

/// The directory that the newest note names, and how letters are sealed to it today.
struct Addressing {
    directory: Directory,
    desk: DeskNumber,
    seat: SeatNumber,
    offline: bool,
}

impl Seat {
    /// Answers a letter. The reply is sealed to its source and to the desk's seats, acknowledges the letter and others
    /// of the thread that were not acknowledged yet, and waits in the outbox.
    ///
    /// # Errors
    /// No such letter, one that cannot be answered, keys that no courier has confirmed, or a text that does not fit.
    pub fn reply<R: CryptoRng>(
        &mut self,
        letter: u32,
        text: &str,
        today: Day,
        rng: &mut R,
    ) -> Result<SentSummary, SeatError> {
        let record = self.case.letter(letter).ok_or(SeatError::NoLetter(letter))?;
        let sender = self.judge().readable(record).map(|facts| facts.sender);
        let Some(Sender::Source(thread)) = sender else { return Err(SeatError::NotAnswerable(letter)) };
        let id = record.id;
        let name = LetterName::of(&id);
        let others = self.unacknowledged(&thread).into_iter().filter(|other| *other != name);
        let names = std::iter::once(name).chain(others).take(RECEIPTS_MAX).collect();
        let addressing = self.addressing(today)?;
        let sent = self.write(&addressing, thread, &Draft { text: Some((text, id)), names }, today, rng)?;
        self.sync_outbox()?;
        Ok(sent)
    }

    /// Acknowledges every letter of every source that was not acknowledged yet: one receipt for each source, or more if
    /// it wrote more than 64 letters.
    ///
    /// # Errors
    /// Keys that no courier has confirmed, or the environment failed; what was written before that stands.
    pub fn receipts<R: CryptoRng>(&mut self, today: Day, rng: &mut R) -> Result<Vec<SentSummary>, SeatError> {
        let due: Vec<(AuthPublicKey, Vec<LetterName>)> = self
            .threads()
            .into_iter()
            .map(|thread| (thread, self.unacknowledged(&thread)))
            .filter(|(_, names)| !names.is_empty())
            .collect();
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let addressing = self.addressing(today)?;
        let mut sent = Vec::new();
        for (thread, names) in due {
            for part in names.chunks(RECEIPTS_MAX) {
                let draft = Draft { text: None, names: part.to_vec() };
                sent.push(self.write(&addressing, thread, &draft, today, rng)?);
            }
        }
        self.sync_outbox()?;
        Ok(sent)
    }

    fn write<R: CryptoRng>(
        &mut self,
        addressing: &Addressing,
        thread: AuthPublicKey,
        draft: &Draft<'_>,
        today: Day,
        rng: &mut R,
    ) -> Result<SentSummary, SeatError> {
        let contact = self.judge().contact(&thread).ok_or(SeatError::Damaged("letters"))?;
        let number = Case::next_number(&self.vault, &thread)?;
        let key = self.own_key(addressing)?;
        let sealed = addressing.seal(key, (thread, &contact), (number, draft), today, rng)?;
        let envelope = sealed.envelope.as_bytes();
        let sent = SentRecord {
            id: sealed.id,
            thread,
            number,
            day: today,
            text: draft.text.map(|(text, _)| Secret(Zeroizing::new(text.as_bytes().to_vec()))),
            names: draft.names.iter().map(|name| name.get()).collect(),
            answers: draft.text.map(|(_, id)| id),
            hash: Hash(sha256(envelope)),
            envelope: Some(envelope.to_vec()),
            listed: None,
        };
        let summary = self.judge().sent_summary(&sent);
        self.case.put_sent(&self.vault, sent, rng)?;
        Ok(summary)
    }

    fn addressing(&self, today: Day) -> Result<Addressing, SeatError> {
        let seat = self.identity.admitted()?.seat;
        let (directory, day) = self.knowledge.directory().ok_or(SeatError::NoDirectory)?;
        // Colleagues take an old directory for an alarm, unless the letter says that there was none newer at hand.
        let offline = today.since(day) > directory.policy().note_days();
        Ok(Addressing { directory, desk: self.identity.desk, seat, offline })
    }

    /// The newest key of this seat that the directory lists, so that the source finds what is written under it.
    fn own_key(&self, addressing: &Addressing) -> Result<&SeatAuthKey, SeatError> {
        let own = self.identity.auth.iter().map(|auth| &auth.key);
        let mut listed = own.filter(|key| addressing.directory.stands(addressing.desk, addressing.seat, &key.public()));
        listed.next().ok_or(SeatError::NotConfirmed)
    }

    /// Sources whose letters can be shown.
    fn threads(&self) -> BTreeSet<AuthPublicKey> {
        let judge = self.judge();
        let senders = self.case.letters().filter_map(|letter| judge.readable(letter)).map(|facts| facts.sender);
        let sources = senders.filter_map(|sender| match sender {
            Sender::Source(key) => Some(key),
            Sender::Seat(..) => None,
        });
        sources.collect()
    }

    /// Letters of a source that nothing written here has acknowledged, oldest first, each name once.
    fn unacknowledged(&self, thread: &AuthPublicKey) -> Vec<LetterName> {
        let said: BTreeSet<u32> =
            self.case.sent().filter(|sent| sent.thread == *thread).flat_map(|sent| sent.names.clone()).collect();
        let mut names = Vec::new();
        for (letter, _) in self.judge().testimony(thread) {
            let name = LetterName::of(&letter.id);
            if !said.contains(&name.get()) && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

impl Addressing {
    fn seal<R: CryptoRng>(
        &self,
        key: &SeatAuthKey,
        (thread, contact): (AuthPublicKey, &Contact),
        (number, draft): (u32, &Draft<'_>),
        today: Day,
        rng: &mut R,
    ) -> Result<Sealed, SeatError> {
        let number = SequenceNumber::new(number.into()).map_err(|_| SeatError::NumbersUsedUp)?;
        let from = SeatSender { number: self.seat, auth: key };
        let to = Correspondent { auth: thread, contact };
        let recipients = self.recipients()?;
        let names = draft.names.clone();
        let sealed = match draft.text {
            Some((text, _)) => {
                let text = MessageText::new(text).map_err(|_| SeatError::TextLength)?;
                let message = Reply { text, day: today, number, receipts: List::new(names)? };
                seal(&Letter::Reply { from, to, message: &message }, &recipients, rng)
            }
            None => {
                let message = Receipt { day: today, number, receipts: List::new(names)? };
                seal(&Letter::Receipt { from, to, message: &message }, &recipients, rng)
            }
        };
        Ok(sealed?)
    }

    fn recipients(&self) -> Result<Recipients<'_>, SeatError> {
        let recipients = if self.offline {
            self.directory.offline_recipients(self.desk).map(|(recipients, _)| recipients)
        } else {
            self.directory.recipients(self.desk)
        };
        recipients.ok_or(SeatError::NotConfirmed)
    }
}
