//! The case store: letters, threads, what was written, and what was seen. A file for each record; all of it is in
//! memory while a program runs.

use super::error::SeatError;
use super::record::{Content, LetterRecord, Listing, SentRecord, to_bytes};
use super::vault::{Kind, Tag, Vault};
use cssr_proto::keys::AuthPublicKey;
use cssr_proto::{Day, Envelope, EnvelopeId, Hash};
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use std::collections::{BTreeMap, BTreeSet};

/// How long a letter is remembered after it was last listed, so that it is recognised when it comes again: longer than
/// any relay lists it, and longer than any prekey can open it.
const SEEN_DAYS: u32 = 180;

/// A cover's directory, arrival day and whether it was sealed without a connection.
pub(super) type CoverEcho = (Hash, Day, bool);

/// Letters that were looked at, whatever became of them.
#[derive(Default, Encode, Decode)]
#[cbor(map)]
struct Seen {
    /// The last day each was listed on.
    #[n(0)]
    letters: BTreeMap<Tag, Day>,
    #[n(1)]
    covers: BTreeSet<CoverEcho>,
}

/// The records of a seat.
#[derive(Default)]
pub(super) struct Case {
    letters: BTreeMap<Tag, LetterRecord>,
    /// The letters of each id: one, unless somebody is dishonest.
    by_id: BTreeMap<EnvelopeId, BTreeSet<Tag>>,
    sent: BTreeMap<Tag, SentRecord>,
    seen: Seen,
    damaged: usize,
}

impl Case {
    /// Reads all records. One that is damaged is counted, and is no reason not to read the others.
    pub(super) fn load(vault: &Vault) -> Result<Self, SeatError> {
        let seen = match vault.read(Kind::Seen)? {
            Some(bytes) => minicbor::decode(&bytes).map_err(|_| SeatError::Damaged("seen"))?,
            None => Seen::default(),
        };
        let (letters, damaged_letters): (BTreeMap<Tag, LetterRecord>, _) = load_all(vault, Kind::Letter)?;
        let mut by_id: BTreeMap<EnvelopeId, BTreeSet<Tag>> = BTreeMap::new();
        for (tag, letter) in &letters {
            by_id.entry(letter.id).or_default().insert(*tag);
        }
        let (sent, damaged_sent) = load_all(vault, Kind::Sent)?;
        Ok(Self { letters, by_id, sent, seen, damaged: damaged_letters + damaged_sent })
    }

    /// How many records could not be read.
    pub(super) const fn damaged(&self) -> usize {
        self.damaged
    }

    /// What recognises a letter: its id and its bytes. Two letters under one id are two letters.
    pub(super) fn tag(vault: &Vault, id: &EnvelopeId, hash: &Hash) -> Tag {
        vault.tag("letter", &[id.as_bytes(), hash.as_bytes()])
    }

    pub(super) fn letters(&self) -> impl Iterator<Item = &LetterRecord> {
        self.letters.values()
    }

    /// The letters that have an id, in an order that never changes.
    pub(super) fn letters_with(&self, id: &EnvelopeId) -> impl Iterator<Item = &LetterRecord> {
        self.by_id.get(id).into_iter().flatten().filter_map(|tag| self.letters.get(tag))
    }

    pub(super) fn letter(&self, number: u32) -> Option<&LetterRecord> {
        self.letters.values().find(|letter| letter.number == number)
    }

    pub(super) fn sent(&self) -> impl Iterator<Item = &SentRecord> {
        self.sent.values()
    }

    pub(super) fn covers(&self) -> impl Iterator<Item = CoverEcho> + '_ {
        self.seen.covers.iter().copied()
    }

    /// Whether a letter was looked at before.
    pub(super) fn is_seen(&self, tag: Tag) -> bool {
        self.seen.letters.contains_key(&tag) || self.letters.contains_key(&tag)
    }

    /// Remembers that a letter was looked at.
    pub(super) fn see(&mut self, tag: Tag, day: Day) {
        let last = self.seen.letters.entry(tag).or_insert(day);
        *last = day.max(*last);
    }

    pub(super) fn see_cover(&mut self, echo: CoverEcho) {
        self.seen.covers.insert(echo);
    }

    /// Forgets what was last listed long ago, and writes down the rest.
    pub(super) fn save_seen<R: CryptoRng>(&mut self, vault: &Vault, today: Day, rng: &mut R) -> Result<(), SeatError> {
        let oldest = today.minus(SEEN_DAYS);
        self.seen.letters.retain(|_, day| *day >= oldest);
        self.seen.covers.retain(|(_, day, _)| *day >= oldest);
        vault.write(Kind::Seen, &to_bytes(&self.seen), rng)
    }

    /// Writes down a new letter, under the next number.
    pub(super) fn put_letter<R: CryptoRng>(
        &mut self,
        vault: &Vault,
        tag: Tag,
        (id, listed): (EnvelopeId, Listing),
        content: Content,
        rng: &mut R,
    ) -> Result<u32, SeatError> {
        let number = self.letters.values().map(|letter| letter.number).max().unwrap_or(0).saturating_add(1);
        let letter = LetterRecord { number, id, listed, content };
        vault.write_at(Kind::Letter, &tag.to_string(), &to_bytes(&letter), rng)?;
        self.letters.insert(tag, letter);
        self.by_id.entry(id).or_default().insert(tag);
        Ok(number)
    }

    /// Keeps the envelope of a quarantined letter.
    pub(super) fn put_quarantined<R: CryptoRng>(
        vault: &Vault,
        tag: Tag,
        envelope: &Envelope,
        rng: &mut R,
    ) -> Result<(), SeatError> {
        vault.write_at(Kind::Quarantine, &tag.to_string(), envelope.as_bytes(), rng)
    }

    /// A letter that is known was found listed: the first place counts.
    pub(super) fn relist<R: CryptoRng>(
        &mut self,
        vault: &Vault,
        tag: Tag,
        listed: Listing,
        rng: &mut R,
    ) -> Result<(), SeatError> {
        match self.letters.get_mut(&tag) {
            Some(letter) if listed < letter.listed => {
                letter.listed = listed;
                vault.write_at(Kind::Letter, &tag.to_string(), &to_bytes(letter), rng)
            }
            _ => Ok(()),
        }
    }

    /// The number of the next reply or receipt in a thread: one more than the last one that has a file, readable or not.
    pub(super) fn next_number(vault: &Vault, thread: &AuthPublicKey) -> Result<u32, SeatError> {
        let mut number: u32 = 1;
        while vault.has(Kind::Sent, &sent_tag(vault, thread, number).to_string())? {
            number = number.checked_add(1).ok_or(SeatError::NumbersUsedUp)?;
        }
        Ok(number)
    }

    /// Writes down what was sealed. From here on its number is taken, and its envelope is what will be posted.
    pub(super) fn put_sent<R: CryptoRng>(
        &mut self,
        vault: &Vault,
        sent: SentRecord,
        rng: &mut R,
    ) -> Result<(), SeatError> {
        let tag = sent_tag(vault, &sent.thread, sent.number);
        vault.write_at(Kind::Sent, &tag.to_string(), &to_bytes(&sent), rng)?;
        self.sent.insert(tag, sent);
        Ok(())
    }

    /// Whether this envelope was written here; if so, a mirror has just shown that the relay lists it.
    pub(super) fn confirm_sent<R: CryptoRng>(
        &mut self,
        vault: &Vault,
        (id, hash): (&EnvelopeId, &Hash),
        listed: Listing,
        rng: &mut R,
    ) -> Result<bool, SeatError> {
        let found = self.sent.iter_mut().find(|(_, sent)| sent.id == *id && sent.hash == *hash);
        let Some((tag, sent)) = found else { return Ok(false) };
        if sent.listed.is_none_or(|known| listed < known) {
            sent.listed = Some(listed);
            // Others keep it now; here it would only tell what was sent.
            sent.envelope = None;
            vault.write_at(Kind::Sent, &tag.to_string(), &to_bytes(sent), rng)?;
        }
        Ok(true)
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { letters, by_id: _, sent, seen: _, damaged } = self;
        write!(f, "Case({} letters, {} sent, {damaged} damaged)", letters.len(), sent.len())
    }
}

fn sent_tag(vault: &Vault, thread: &AuthPublicKey, number: u32) -> Tag {
    vault.tag("sent", &[thread.as_bytes(), &number.to_be_bytes()])
}

/// The readable records of a kind, and how many are not.
fn load_all<T>(vault: &Vault, kind: Kind) -> Result<(BTreeMap<Tag, T>, usize), SeatError>
where
    T: for<'b> Decode<'b, ()>,
{
    let mut records = BTreeMap::new();
    let mut damaged = 0;
    for name in vault.names(kind)? {
        let content = match vault.read_at(kind, &name) {
            Err(SeatError::Damaged(_)) => None,
            other => other?,
        };
        match (Tag::from_hex(&name), content.and_then(|content| minicbor::decode(&content).ok())) {
            (Some(tag), Some(record)) => {
                records.insert(tag, record);
            }
            _ => damaged += 1,
        }
    }
    Ok((records, damaged))
}
