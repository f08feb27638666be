//! Opening a letter (protocol, section 6.3). The order of the checks is part of the protocol.

use super::body::{Body, Role};
use super::deflate::inflate;
use super::mac::{ContentKeys, Statement, Transcript, body_aad};
use super::slots::{Sections, open_slots};
use crate::contact::Contact;
use crate::envelope::Envelope;
use crate::ids::{DeskNumber, EnvelopeId, Hash, OfficeId, SeatNumber};
use crate::keys::{AuthPublicKey, DhSecret, PrekeySecret, ReplySecret, SeatAuthKey, SourceAuthKey, XWingSecret};
use crate::message::Message;
use crate::sizes::{BODY_OFFSET, PLAIN_BODY, SEATS, SLOTS, SOURCE_SLOT};
use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut as _, Nonce, Tag};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// What a reader knows about seats' authentication keys, from directories that it has verified.
pub trait SenderLookup {
    /// Whether a verified directory has this key for this seat of this desk, and the seat is not revoked.
    fn is_listed(&self, desk: DeskNumber, seat: SeatNumber, key: &AuthPublicKey) -> bool;

    /// Whether any seat that was ever known has or had this key; a source must not come with it.
    fn is_seat_key(&self, key: &AuthPublicKey) -> bool;
}

/// Who wrote a letter. Its MAC was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// A source; the key is the identity of its thread.
    Source {
        /// The sender key.
        key: AuthPublicKey,
    },
    /// A seat that is listed with this key.
    Seat {
        /// The desk of the seat.
        desk: DeskNumber,
        /// The seat.
        seat: SeatNumber,
        /// The sender key.
        key: AuthPublicKey,
    },
}

/// A letter that was opened, with everything about it checked.
#[derive(Debug)]
pub struct Opened {
    /// Who wrote it.
    pub author: Author,
    /// The hash of the directory that the sender used: the directory echo.
    pub directory: Hash,
    /// Whether it was sealed without a fresh note.
    pub offline: bool,
    /// What is needed to answer; with testimony and nothing else.
    pub contact: Option<Contact>,
    /// What it says.
    pub message: Message,
    /// The slots that have a reader according to the sender: seats 0 to 6, and the source. A named reader who cannot open
    /// its slot was cheated by the sender.
    pub named: [bool; SLOTS],
    /// Which of the given private keys opened the slot, counted from 0.
    pub key: usize,
}

impl Opened {
    /// The seats that the sender named as readers.
    pub fn named_seats(&self) -> impl Iterator<Item = SeatNumber> + '_ {
        let seats = self.named.iter().take(SEATS).zip(0..);
        seats.filter(|(named, _)| **named).filter_map(|(_, number)| SeatNumber::new(number).ok())
    }
}

/// Why a letter was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It is not for this reader, its keys are gone, or it was changed; which of these is not said.
    #[error("the letter cannot be opened")]
    CannotOpen,
    /// It opens, but must not be shown as a message. It is kept and flagged.
    #[error("quarantined: {0}")]
    Quarantined(#[from] Quarantine),
}

/// What is wrong with a letter that opens. Whoever sealed it is dishonest or broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Quarantine {
    /// It names another office.
    #[error("the letter names another office")]
    OtherOffice,
    /// It names another desk.
    #[error("the letter names another desk")]
    OtherDesk,
    /// Its slot opens, but it has no MAC for this reader.
    #[error("the letter has no MAC for this reader")]
    NotNamed,
    /// It says that it is from a seat which is not listed with the sender key.
    #[error("the letter is from no listed seat")]
    UnknownSeat,
    /// It says that it is from a source, but the sender key is a seat's.
    #[error("the letter has a seat's key but is not from a seat")]
    SeatKey,
    /// It is from a source, to a source.
    #[error("the letter is not from a seat")]
    NotFromSeat,
    /// The sender key is not canonical or of small order.
    #[error("the sender key is unacceptable")]
    SenderKey,
    /// The MAC is wrong: somebody else wrote it than it says, or it was put together from parts of others.
    #[error("the MAC does not verify")]
    Mac,
    /// The message does not inflate, or to too much.
    #[error("the message does not inflate")]
    Compression,
    /// The message is none that this version knows.
    #[error("the message does not decode")]
    Message,
    /// The kind of message does not come from such a sender, or not to such a reader.
    #[error("the kind of message does not fit its sender")]
    Kind,
    /// A testimony without a contact, another kind with one, or a contact that is none.
    #[error("the contact is missing or bad")]
    Contact,
}

/// A seat that opens the letters of its desk. Made once: it computes its public keys.
pub struct SeatOpener<'k> {
    office: OfficeId,
    desk: DeskNumber,
    seat: SeatNumber,
    auth: Vec<Reader<'k>>,
}

/// A source that opens its replies. Made once: it computes its public key.
pub struct SourceOpener<'k> {
    office: OfficeId,
    auth: [Reader<'k>; 1],
    reply: &'k ReplySecret,
}

impl<'k> SeatOpener<'k> {
    /// A seat with its authentication keys: the current one first, then those that it had before, because a letter on
    /// its way may still name one of them.
    pub fn new(
        office: OfficeId,
        desk: DeskNumber,
        seat: SeatNumber,
        auth: impl IntoIterator<Item = &'k SeatAuthKey>,
    ) -> Self {
        Self { office, desk, seat, auth: auth.into_iter().map(Reader::new).collect() }
    }

    /// Opens a letter with the live prekeys, the likeliest first.
    ///
    /// # Errors
    /// It is not for this seat, or must not be shown.
    pub fn open<'p>(
        &self,
        id: &EnvelopeId,
        envelope: &Envelope,
        prekeys: impl IntoIterator<Item = &'p PrekeySecret>,
        known: &impl SenderLookup,
    ) -> Result<Opened, OpenError> {
        let slot = u8::try_from(self.seat.get()).map_err(|_| OpenError::CannotOpen)?;
        let content = Content::open(id, envelope, slot, prekeys).ok_or(OpenError::CannotOpen)?;
        let body = content.body().ok_or(OpenError::CannotOpen)?;
        if body.office != self.office {
            return Err(Quarantine::OtherOffice.into());
        }
        if body.desk != self.desk {
            return Err(Quarantine::OtherDesk.into());
        }
        Ok(content.check(id, slot, body, &self.auth, known, |_| true)?)
    }
}

impl<'k> SourceOpener<'k> {
    /// A source with its keys.
    #[must_use]
    pub fn new(office: OfficeId, auth: &'k SourceAuthKey, reply: &'k ReplySecret) -> Self {
        Self { office, auth: [Reader::new(auth)], reply }
    }

    /// Opens a reply or receipt from any desk of the office.
    ///
    /// # Errors
    /// It is not for this source, or must not be shown.
    pub fn open(&self, id: &EnvelopeId, envelope: &Envelope, known: &impl SenderLookup) -> Result<Opened, OpenError> {
        let content = Content::open(id, envelope, SOURCE_SLOT, [self.reply]).ok_or(OpenError::CannotOpen)?;
        let body = content.body().ok_or(OpenError::CannotOpen)?;
        if body.office != self.office {
            return Err(Quarantine::OtherOffice.into());
        }
        if body.role != Role::Seat {
            return Err(Quarantine::NotFromSeat.into());
        }
        let to_sources = |message: &Message| matches!(message, Message::Reply(_) | Message::Receipt(_));
        Ok(content.check(id, SOURCE_SLOT, body, &self.auth, known, to_sources)?)
    }
}

/// A reader's authentication key with its public half.
struct Reader<'k> {
    secret: &'k dyn DhSecret,
    public: AuthPublicKey,
}

impl<'k> Reader<'k> {
    fn new<S: DhSecret>(secret: &'k S) -> Self {
        Self { secret, public: secret.public_key() }
    }
}

/// What steps 1 to 4 give: the keys of the letter and its body in clear.
pub(super) struct Content<'e> {
    pub(super) keys: ContentKeys,
    clear: &'e [u8; BODY_OFFSET],
    plain: Zeroizing<Vec<u8>>,
    key: usize,
}

impl<'e> Content<'e> {
    /// Steps 1 to 4, but for decoding the body; one outcome for every failure.
    pub(super) fn open<'p, S: XWingSecret + 'p>(
        id: &EnvelopeId,
        envelope: &'e Envelope,
        slot: u8,
        secrets: impl IntoIterator<Item = &'p S>,
    ) -> Option<Self> {
        let Sections { commitment, slots, clear, ciphertext, tag } = Sections::of(envelope)?;
        let (content_key, key) = open_slots(slots.get(usize::from(slot))?, slot, id, secrets)?;
        let keys = ContentKeys::new(&content_key);
        if !bool::from(keys.commitment.ct_eq(commitment)) {
            return None;
        }
        let mut plain = Zeroizing::new(vec![0; PLAIN_BODY]);
        let buffer = InOutBuf::new(ciphertext.as_slice(), plain.as_mut_slice()).ok()?;
        keys.body_cipher()
            .decrypt_inout_detached(&Nonce::default(), &body_aad(id, clear), buffer, &Tag::from(*tag))
            .ok()?;
        Some(Self { keys, clear, plain, key })
    }

    pub(super) fn body(&self) -> Option<Body<'_>> {
        Body::read(&self.plain).ok()
    }

    /// Steps 5 to 8, but for what depends on the kind of reader.
    fn check(
        &self,
        id: &EnvelopeId,
        slot: u8,
        body: Body<'_>,
        readers: &[Reader<'_>],
        known: &impl SenderLookup,
        kind_fits_reader: impl Fn(&Message) -> bool,
    ) -> Result<Opened, Quarantine> {
        let mac = body.macs.get(usize::from(slot)).copied().flatten().ok_or(Quarantine::NotNamed)?;
        let author = author(&body, known)?;
        self.check_mac(id, slot, &body, &mac, readers)?;
        let inflated = inflate(body.message).ok_or(Quarantine::Compression)?;
        let message = Message::from_bytes(&inflated).map_err(|_| Quarantine::Message)?;
        if message.is_from_source() != (body.role == Role::Source) || !kind_fits_reader(&message) {
            return Err(Quarantine::Kind);
        }
        let contact = match (body.contact, matches!(message, Message::Testimony(_))) {
            (Some(contact), true) => Some(Contact::from_bytes(contact).map_err(|_| Quarantine::Contact)?),
            (None, false) => None,
            _ => return Err(Quarantine::Contact),
        };
        let Body { directory, offline, macs, .. } = body;
        Ok(Opened { author, directory, offline, contact, message, named: named(&macs), key: self.key })
    }

    /// Step 6. With one authentication key the sender's key is used once.
    fn check_mac(
        &self,
        id: &EnvelopeId,
        slot: u8,
        body: &Body<'_>,
        mac: &Hash,
        readers: &[Reader<'_>],
    ) -> Result<(), Quarantine> {
        let transcript = Transcript::new(&Statement {
            role: body.role,
            sender: &body.sender,
            seat: body.seat,
            office: &body.office,
            desk: body.desk,
            directory: &body.directory,
            clear: self.clear,
            named: named(&body.macs),
            offline: body.offline,
            contact: body.contact.map(|contact| &**contact),
            id,
            message: body.message,
        });
        for Reader { secret, public } in readers {
            let shared = secret.dh(&body.sender).map_err(|_| Quarantine::SenderKey)?;
            let expected = transcript.mac(&self.keys.mac_key(&shared, slot), public, slot);
            if expected.ct_eq(mac.as_bytes()).into() {
                return Ok(());
            }
        }
        Err(Quarantine::Mac)
    }
}

/// The slots that have a MAC.
fn named(macs: &[Option<Hash>; SLOTS]) -> [bool; SLOTS] {
    macs.map(|mac| mac.is_some())
}

/// Step 5: whether the sender key may stand for the role. That it contributes shows when it is used.
fn author(body: &Body<'_>, known: &impl SenderLookup) -> Result<Author, Quarantine> {
    let key = body.sender;
    match body.seat {
        // `Body::read` made sure that exactly the role of a seat has one.
        Some(seat) if known.is_listed(body.desk, seat, &key) => Ok(Author::Seat { desk: body.desk, seat, key }),
        Some(_) => Err(Quarantine::UnknownSeat),
        None if key.check().is_err() => Err(Quarantine::SenderKey),
        None if known.is_seat_key(&key) => Err(Quarantine::SeatKey),
        None => Ok(Author::Source { key }),
    }
}

impl std::fmt::Debug for SeatOpener<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { office, desk, seat, auth: _ } = self;
        write!(f, "SeatOpener({office}, desk {}, seat {})", desk.get(), seat.get())
    }
}

impl std::fmt::Debug for SourceOpener<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { office: _, auth: _, reply: _ } = self;
        f.write_str("SourceOpener(..)")
    }
}
