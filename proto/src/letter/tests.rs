//! An office with one desk of seven seats, a source, and a workshop for forged letters.

mod changed;
mod forged;
mod honest;
mod limits;

use super::body::{Body, Role};
use super::deflate::deflate;
use super::mac::{ContentKeys, Statement, Transcript, body_aad};
use super::slots::SectionsMut;
use super::*;
use crate::cbor::{List, to_vec};
use crate::envelope::Envelope;
use crate::hash::Secret32;
use crate::ids::EnvelopeId;
use crate::keys::{ContactSecret, DhSecret, PrekeySecret, ReplySecret, XWingPublicKey, seal_slot};
use crate::message::{Event, LetterName, Message, MessageText, SequenceNumber};
use crate::sizes::{BODY_OFFSET, HASH, PLAIN_BODY, SLOT, SLOTS};
use crate::time::Day;
use chacha20::ChaCha20Rng;
use chacha20poly1305::{AeadInOut as _, Nonce};
use rand_core::SeedableRng as _;
use zeroize::Zeroizing;

const OFFICE: OfficeId = OfficeId([0xaa; 16]);
const DIRECTORY: Hash = Hash([0xdd; 32]);

fn desk(number: u64) -> DeskNumber {
    DeskNumber::new(number).unwrap()
}

fn seat(number: usize) -> SeatNumber {
    SeatNumber::new(number as u64).unwrap()
}

fn text(text: impl Into<String>) -> MessageText {
    MessageText::new(text).unwrap()
}

fn testimony(words: impl Into<String>) -> Testimony {
    Testimony { text: text(words), day: Day(20_780), language: None, manifests: List::new(vec![]).unwrap(), form: None }
}

fn reply(words: impl Into<String>) -> Reply {
    let receipts = List::new(vec![LetterName::new(77).unwrap()]).unwrap();
    Reply { text: text(words), day: Day(20_781), number: SequenceNumber::new(3).unwrap(), receipts }
}

fn receipt() -> Receipt {
    let receipts = List::new(vec![LetterName::new(77).unwrap()]).unwrap();
    Receipt { day: Day(20_781), number: SequenceNumber::new(4).unwrap(), receipts }
}

fn team_event() -> TeamEvent {
    TeamEvent { day: Day(20_782), event: Event::new(*b"assigned").unwrap() }
}

struct World {
    seats: Vec<SeatAuthKey>,
    prekeys: Vec<PrekeySecret>,
    publics: Vec<XWingPublicKey>,
    source: SourceAuthKey,
    reply: ReplySecret,
    contact: Contact,
}

/// Knows the seats of desk 1 by the keys it is given.
struct Known(Vec<AuthPublicKey>);

impl SenderLookup for Known {
    fn is_listed(&self, at: DeskNumber, seat: SeatNumber, key: &AuthPublicKey) -> bool {
        at == desk(1) && self.0.get(seat.get() as usize) == Some(key)
    }
    fn is_seat_key(&self, key: &AuthPublicKey) -> bool {
        self.0.contains(key)
    }
}

/// Believes everybody, so that only the MAC is left to tell.
struct Credulous;

impl SenderLookup for Credulous {
    fn is_listed(&self, _: DeskNumber, _: SeatNumber, _: &AuthPublicKey) -> bool {
        true
    }
    fn is_seat_key(&self, _: &AuthPublicKey) -> bool {
        false
    }
}

impl World {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::from_seed([42; 32]);
        let seats = (0..SEATS).map(|_| SeatAuthKey::generate(&mut rng)).collect();
        let prekeys: Vec<_> = (0..SEATS).map(|_| PrekeySecret::generate(&mut rng)).collect();
        let publics = prekeys.iter().map(PrekeySecret::public).collect();
        let source = SourceAuthKey::generate(&mut rng);
        let reply = ReplySecret::generate(&mut rng);
        let contact = Contact { reply_key: reply.public(), secret: ContactSecret::generate(&mut rng) };
        Self { seats, prekeys, publics, source, reply, contact }
    }

    fn known(&self) -> Known {
        Known(self.seats.iter().map(SeatAuthKey::public).collect())
    }

    /// Desk 1 with the given seats.
    fn some_seats(&self, present: &[usize]) -> Recipients<'_> {
        let mut seats = [None; SEATS];
        for number in present {
            seats[*number] = Some(SeatReader { auth: self.seats[*number].public(), prekey: &self.publics[*number] });
        }
        Recipients { office: OFFICE, desk: desk(1), directory: DIRECTORY, offline: false, seats }
    }

    fn all_seats(&self) -> Recipients<'_> {
        self.some_seats(&[0, 1, 2, 3, 4, 5, 6])
    }

    fn seat_sender(&self, number: usize) -> SeatSender<'_> {
        SeatSender { number: seat(number), auth: &self.seats[number] }
    }

    fn correspondent(&self) -> Correspondent<'_> {
        Correspondent { auth: self.source.public(), contact: &self.contact }
    }

    /// The same randomness each time; a test that seals twice keeps it.
    fn rng(&self) -> ChaCha20Rng {
        ChaCha20Rng::from_seed([43; 32])
    }

    fn testimony(&self, message: &Testimony, to: &Recipients<'_>) -> Sealed {
        self.seal(&Letter::Testimony { from: &self.source, contact: &self.contact, message }, to)
    }

    fn seal(&self, letter: &Letter<'_>, to: &Recipients<'_>) -> Sealed {
        seal(letter, to, &mut self.rng()).unwrap()
    }

    fn opener(&self, number: usize) -> SeatOpener<'_> {
        SeatOpener::new(OFFICE, desk(1), seat(number), [&self.seats[number]])
    }

    /// Seat `number` opens.
    fn open(&self, number: usize, sealed: &Sealed) -> Result<Opened, OpenError> {
        self.open_knowing(number, sealed, &self.known())
    }

    fn open_knowing(&self, number: usize, sealed: &Sealed, known: &impl SenderLookup) -> Result<Opened, OpenError> {
        self.opener(number).open(&sealed.id, &sealed.envelope, [&self.prekeys[number]], known)
    }

    /// The source opens.
    fn open_reply(&self, sealed: &Sealed) -> Result<Opened, OpenError> {
        SourceOpener::new(OFFICE, &self.source, &self.reply).open(&sealed.id, &sealed.envelope, &self.known())
    }
}

/// `Opened` has no `PartialEq`; the error is what tests look at.
fn refused(result: Result<Opened, OpenError>) -> OpenError {
    result.map(|opened| opened.author).unwrap_err()
}

fn quarantined(because: Quarantine) -> OpenError {
    OpenError::Quarantined(because)
}

/// Changes one byte.
fn flipped(sealed: &Sealed, byte: usize) -> Sealed {
    let mut changed = sealed.clone();
    changed.envelope.as_mut_bytes()[byte] ^= 1;
    changed
}

/// A letter made by somebody who holds a content key and keeps no rule. It is honest until a field is changed.
struct Forgery<'w> {
    world: &'w World,
    id: EnvelopeId,
    prefix: [u8; 2],
    /// What stands in each slot; the commitment and the body are under the first.
    content_keys: [Secret32; SLOTS],
    role: Role,
    seat: Option<SeatNumber>,
    office: OfficeId,
    desk: DeskNumber,
    sender: AuthPublicKey,
    offline: bool,
    directory: Hash,
    contact: Option<Vec<u8>>,
    message: Vec<u8>,
    /// Makes the MACs: the sender's, or another key.
    macs_by: &'w dyn DhSecret,
    /// After the MACs were made.
    change_macs: fn(&mut [Option<Hash>; SLOTS]),
    /// After the MACs were made: commitment and slots.
    change_clear: fn(&mut [u8; BODY_OFFSET]),
    /// After the body was encoded: the plain body.
    change_plain: fn(&mut [u8; PLAIN_BODY]),
}

impl<'w> Forgery<'w> {
    /// What a source would write.
    fn of_source(world: &'w World) -> Self {
        let key = || Zeroizing::new([0x77; HASH]);
        Self {
            world,
            id: EnvelopeId([0x1d; 16]),
            prefix: [1, 1],
            content_keys: [key(), key(), key(), key(), key(), key(), key(), key()],
            role: Role::Source,
            seat: None,
            office: OFFICE,
            desk: desk(1),
            sender: world.source.public(),
            offline: false,
            directory: DIRECTORY,
            contact: Some(world.contact.to_bytes().to_vec()),
            message: deflate(&Message::Testimony(testimony("forged")).to_bytes()).to_vec(),
            macs_by: &world.source,
            change_macs: |_| (),
            change_clear: |_| (),
            change_plain: |_| (),
        }
    }

    /// What seat `number` would write to the source.
    fn of_seat(world: &'w World, number: usize) -> Self {
        Self {
            role: Role::Seat,
            seat: Some(seat(number)),
            sender: world.seats[number].public(),
            contact: None,
            message: deflate(&Message::Reply(reply("forged")).to_bytes()).to_vec(),
            macs_by: &world.seats[number],
            ..Self::of_source(world)
        }
    }

    fn saying(self, message: &Message) -> Self {
        Self { message: deflate(&message.to_bytes()).to_vec(), ..self }
    }

    fn readers(&self) -> Vec<(AuthPublicKey, XWingPublicKey)> {
        let seats = self.world.seats.iter().map(SeatAuthKey::public).zip(self.world.publics.iter().cloned());
        seats.chain([(self.world.source.public(), self.world.reply.public())]).collect()
    }

    fn macs(&self, keys: &ContentKeys) -> [Option<Hash>; SLOTS] {
        let clear = self.clear(keys);
        let transcript = Transcript::new(&Statement {
            role: self.role,
            sender: &self.sender,
            seat: self.seat,
            office: &self.office,
            desk: self.desk,
            directory: &self.directory,
            clear: &clear,
            named: [true; SLOTS],
            offline: self.offline,
            contact: self.contact.as_deref(),
            id: &self.id,
            message: &self.message,
        });
        let mut macs = [None; SLOTS];
        for (slot, (auth, _)) in (0..).zip(self.readers()) {
            let shared = self.macs_by.dh(&auth).unwrap();
            macs[usize::from(slot)] = Some(Hash(transcript.mac(&keys.mac_key(&shared, slot), &auth, slot)));
        }
        (self.change_macs)(&mut macs);
        macs
    }

    /// Version, suite, commitment and slots: the same bytes each time.
    fn clear(&self, keys: &ContentKeys) -> [u8; BODY_OFFSET] {
        let mut rng = self.world.rng();
        let mut clear = [0; BODY_OFFSET];
        clear[..2].copy_from_slice(&self.prefix);
        clear[2..34].copy_from_slice(&keys.commitment);
        for (slot, (_, reader)) in (0..).zip(self.readers()) {
            let info = [b"\x0acssr1 slot\x01\x01", self.id.as_bytes().as_slice(), &[slot]].concat();
            let start = 34 + usize::from(slot) * SLOT;
            let sealed = seal_slot(&reader, &info, &self.content_keys[usize::from(slot)], &mut rng).unwrap();
            clear[start..start + SLOT].copy_from_slice(&sealed);
        }
        clear
    }

    fn body(&self, macs: [Option<Hash>; SLOTS]) -> Vec<u8> {
        to_vec(&Body {
            role: self.role,
            office: self.office,
            desk: self.desk,
            seat: self.seat,
            sender: self.sender,
            directory: self.directory,
            offline: self.offline,
            contact: self.contact.as_deref().map(Into::into),
            macs,
            message: self.message.as_slice().into(),
        })
    }

    fn make(&self) -> Sealed {
        let keys = ContentKeys::new(&self.content_keys[0]);
        self.make_with(&keys, &self.body(self.macs(&keys)))
    }

    fn make_with(&self, keys: &ContentKeys, cbor: &[u8]) -> Sealed {
        let mut envelope = Envelope::zeros();
        let SectionsMut { clear, body, tag } = SectionsMut::of(envelope.as_mut_bytes());
        *clear = self.clear(keys);
        (self.change_clear)(clear);
        body[..2].copy_from_slice(&(cbor.len() as u16).to_be_bytes());
        body[2..2 + cbor.len()].copy_from_slice(cbor);
        (self.change_plain)(body);
        let aad = body_aad(&self.id, clear);
        let sealed = keys.body_cipher().encrypt_inout_detached(&Nonce::default(), &aad, body.as_mut_slice().into());
        tag.copy_from_slice(&sealed.unwrap());
        Sealed { id: self.id, envelope }
    }
}
