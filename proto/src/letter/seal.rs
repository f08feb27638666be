//! Sealing a letter (protocol, sections 6.1 and 6.2).

use super::body::{Body, ROOM, Role};
use super::deflate::deflate;
use super::mac::{ContentKeys, Statement, Transcript, body_aad};
use super::slots::{SectionsMut, seal_slots};
use super::{Correspondent, Letter, Recipients, SeatReader, SeatSender};
use crate::clue::ClueKey;
use crate::contact::CONTACT;
use crate::envelope::Envelope;
use crate::ids::{DeskNumber, EnvelopeId, Hash, OfficeId, SeatNumber};
use crate::keys::{AuthPublicKey, BadKey, DhSecret, SharedSecret, SourceAuthKey, XWingPublicKey};
use crate::message::{LetterName, Message};
use crate::sizes::{BODY_OFFSET, HASH, MESSAGE_MAX, SEATS, SLOTS, SOURCE_SLOT};
use chacha20poly1305::{AeadInOut as _, Nonce};
use minicbor::Encode;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// A letter, ready to be posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its id: a clue for replies and receipts, otherwise random.
    pub id: EnvelopeId,
    /// Its bytes.
    pub envelope: Envelope,
}

impl Sealed {
    /// The name under which receipts will mention it.
    #[must_use]
    pub fn name(&self) -> LetterName {
        LetterName::of(&self.id)
    }
}

/// Why a letter cannot be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The desk has no seat that could read it.
    #[error("the desk has no seat that could read the letter")]
    NoSeat,
    /// The message does not fit into a letter once compressed: by this many bytes. A text this long travels as a parcel.
    #[error("the message is too long for a letter by {over} bytes")]
    TooLong {
        /// Bytes too many, after compression.
        over: usize,
    },
    /// The message would have more than 65,536 bytes once inflated: by this many.
    #[error("the message is too large by {over} bytes")]
    TooLarge {
        /// Bytes too many, before compression.
        over: usize,
    },
    /// A reader's key is not acceptable; a verified directory and a decoded contact have no such.
    #[error(transparent)]
    BadKey(#[from] BadKey),
}

/// Seals a letter. All randomness is fresh; the same letter twice gives two envelopes that have nothing in common.
///
/// # Errors
/// Nobody to read it, a message that does not fit, an unacceptable key of a reader.
pub fn seal<R: CryptoRng>(letter: &Letter<'_>, to: &Recipients<'_>, rng: &mut R) -> Result<Sealed, SealError> {
    if to.seats.iter().all(Option::is_none) {
        return Err(SealError::NoSeat);
    }
    match letter {
        Letter::Testimony { from, contact, message } => {
            let contact = contact.to_bytes();
            let draft = Draft {
                role: Role::Source,
                sender: &Pair::of(*from),
                seat: None,
                contact: Some(&contact),
                source: None,
            };
            draft.seal(&deflated(message)?, EnvelopeId::random(rng), to, rng)
        }
        Letter::Reply { from, to: source, message } => seal_to_source(from, source, &deflated(message)?, to, rng),
        Letter::Receipt { from, to: source, message } => seal_to_source(from, source, &deflated(message)?, to, rng),
        Letter::TeamEvent { from, message } => {
            let seat = Some(from.number);
            let draft = Draft { role: Role::Seat, sender: &Pair::of(from.auth), seat, contact: None, source: None };
            draft.seal(&deflated(message)?, EnvelopeId::random(rng), to, rng)
        }
        Letter::Cover => {
            let nobody = SourceAuthKey::generate(rng);
            let draft =
                Draft { role: Role::Source, sender: &Pair::of(&nobody), seat: None, contact: None, source: None };
            draft.seal(&deflated(&Message::Cover)?, EnvelopeId::random(rng), to, rng)
        }
    }
}

/// Whether a message fits into a letter to a desk of seven seats, so that it can be known before there is a directory.
///
/// # Errors
/// [`SealError::TooLong`] or [`SealError::TooLarge`].
pub fn check_size(message: &Message) -> Result<(), SealError> {
    let mac = Some(Hash([0; HASH]));
    let from_source = message.is_from_source();
    let contact = [0; CONTACT];
    let deflated = deflated(message)?;
    let body = Body {
        role: if from_source { Role::Source } else { Role::Seat },
        office: OfficeId([0; 16]),
        desk: DeskNumber::LEAST,
        seat: (!from_source).then_some(SeatNumber::LEAST),
        sender: AuthPublicKey([0; 32]),
        directory: Hash([0; HASH]),
        offline: false,
        contact: matches!(message, Message::Testimony(_)).then_some(contact.as_slice().into()),
        macs: [mac, mac, mac, mac, mac, mac, mac, mac.filter(|_| !from_source)],
        message: deflated.as_slice().into(),
    };
    match body.size().checked_sub(ROOM) {
        None | Some(0) => Ok(()),
        Some(over) => Err(SealError::TooLong { over }),
    }
}

/// An authentication key with its public half, which takes as long to compute as an exchange.
struct Pair<'k> {
    secret: &'k dyn DhSecret,
    public: AuthPublicKey,
}

impl<'k> Pair<'k> {
    fn of<S: DhSecret>(secret: &'k S) -> Self {
        Self { secret, public: secret.public_key() }
    }
}

/// What the kinds of letter differ in.
struct Draft<'a> {
    role: Role,
    sender: &'a Pair<'a>,
    seat: Option<SeatNumber>,
    contact: Option<&'a [u8]>,
    source: Option<Source<'a>>,
}

/// The reader of the last slot.
struct Source<'a> {
    auth: AuthPublicKey,
    reply_key: &'a XWingPublicKey,
    shared: SharedSecret,
}

fn seal_to_source<R: CryptoRng>(
    from: &SeatSender<'_>,
    source: &Correspondent<'_>,
    message: &[u8],
    to: &Recipients<'_>,
    rng: &mut R,
) -> Result<Sealed, SealError> {
    let shared = from.auth.dh(&source.auth)?;
    let id = ClueKey::new(&shared, &source.contact.secret, to.desk, from.number).make(rng);
    let draft = Draft {
        role: Role::Seat,
        sender: &Pair::of(from.auth),
        seat: Some(from.number),
        contact: None,
        source: Some(Source { auth: source.auth, reply_key: &source.contact.reply_key, shared }),
    };
    draft.seal(message, id, to, rng)
}

/// The message bytes of a body.
fn deflated(message: &impl Encode<()>) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let cbor = crate::cbor::to_secret_vec(message);
    match cbor.len().checked_sub(MESSAGE_MAX) {
        None | Some(0) => Ok(deflate(&cbor)),
        Some(over) => Err(SealError::TooLarge { over }),
    }
}

impl Draft<'_> {
    fn seal<R: CryptoRng>(
        &self,
        message: &[u8],
        id: EnvelopeId,
        to: &Recipients<'_>,
        rng: &mut R,
    ) -> Result<Sealed, SealError> {
        let mut content_key = Zeroizing::new([0; HASH]);
        rng.fill_bytes(content_key.as_mut_slice());
        let keys = ContentKeys::new(&content_key);

        let mut envelope = Envelope::zeros();
        let SectionsMut { clear, body, tag } = SectionsMut::of(envelope.as_mut_bytes());
        seal_slots(clear, &keys.commitment, &content_key, &id, self.readers(to), rng)?;
        let macs = self.macs(&keys, &id, to, clear, message)?;
        self.body(to, macs, message).write(body).map_err(|over| SealError::TooLong { over })?;
        #[expect(clippy::expect_used, reason = "the cipher takes up to 256 GiB")]
        let sealed = keys
            .body_cipher()
            .encrypt_inout_detached(&Nonce::default(), &body_aad(&id, clear), body.as_mut_slice().into())
            .expect("a body is within the cipher's limit");
        tag.copy_from_slice(&sealed);
        Ok(Sealed { id, envelope })
    }

    fn body<'b>(&'b self, to: &Recipients<'_>, macs: [Option<Hash>; SLOTS], message: &'b [u8]) -> Body<'b> {
        Body {
            role: self.role,
            office: to.office,
            desk: to.desk,
            seat: self.seat,
            sender: self.sender.public,
            directory: to.directory,
            offline: to.offline,
            contact: self.contact.map(Into::into),
            macs,
            message: message.into(),
        }
    }

    fn macs(
        &self,
        keys: &ContentKeys,
        id: &EnvelopeId,
        to: &Recipients<'_>,
        clear: &[u8; BODY_OFFSET],
        message: &[u8],
    ) -> Result<[Option<Hash>; SLOTS], BadKey> {
        let transcript = Transcript::new(&Statement {
            role: self.role,
            sender: &self.sender.public,
            seat: self.seat,
            office: &to.office,
            desk: to.desk,
            directory: &to.directory,
            clear,
            named: self.readers(to).map(|reader| reader.is_some()),
            offline: to.offline,
            contact: self.contact,
            id,
            message,
        });
        let mac = |shared: &SharedSecret, reader, slot| Hash(transcript.mac(&keys.mac_key(shared, slot), reader, slot));
        let mut macs = [None; SLOTS];
        for ((place, slot), seat) in macs.iter_mut().zip(0..).zip(&to.seats) {
            if let Some(SeatReader { auth, prekey: _ }) = seat {
                *place = Some(mac(&self.sender.secret.dh(auth)?, auth, slot));
            }
        }
        if let (Some(place), Some(source)) = (macs.last_mut(), &self.source) {
            *place = Some(mac(&source.shared, &source.auth, SOURCE_SLOT));
        }
        Ok(macs)
    }

    fn readers<'k>(&'k self, to: &Recipients<'k>) -> [Option<&'k XWingPublicKey>; SLOTS] {
        let [a, b, c, d, e, f, g] = to.seats.each_ref().map(|seat| seat.as_ref().map(|seat| seat.prekey));
        [a, b, c, d, e, f, g, self.source.as_ref().map(|source| source.reply_key)]
    }
}

const _: () = assert!(SEATS == 7);
