//! What a seat writes down about letters: facts, none of which depends on what else the seat knows.

use cssr_proto::keys::AuthPublicKey;
use cssr_proto::letter::Quarantine;
use cssr_proto::message::{LetterName, Message};
use cssr_proto::{Contact, Day, DeskNumber, EnvelopeId, Hash, SeatNumber};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use zeroize::Zeroizing;

/// Bytes that are erased when dropped.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(pub(super) Zeroizing<Vec<u8>>);

/// Where the index lists a letter; of several places the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(super) struct Listing {
    #[n(0)]
    pub(super) day: Day,
    #[n(1)]
    pub(super) batch: u64,
}

/// A letter that this seat could open.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(super) struct LetterRecord {
    /// What people call it here. It depends on the order of imports; nothing else does.
    #[n(0)]
    pub(super) number: u32,
    #[n(1)]
    pub(super) id: EnvelopeId,
    #[n(2)]
    pub(super) listed: Listing,
    #[n(3)]
    pub(super) content: Content,
}

/// What was in it.
#[derive(Clone, Encode, Decode)]
pub(super) enum Content {
    #[n(0)]
    Opened(#[n(0)] OpenedFacts),
    /// It opens, but must not be shown; its envelope is kept beside.
    #[n(1)]
    Quarantined(#[n(0)] QuarantineReason),
}

/// A letter whose MAC verified under the sender key it names. Whether that key may stand for its sender depends on the
/// directories, and is judged whenever somebody looks.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(super) struct OpenedFacts {
    #[n(0)]
    pub(super) sender: Sender,
    #[n(1)]
    pub(super) directory: Hash,
    #[n(2)]
    pub(super) offline: bool,
    #[n(3)]
    contact: Option<Secret>,
    #[n(4)]
    pub(super) message: Secret,
    /// Slots with a reader, the lowest bit first.
    #[n(5)]
    named: u8,
}

/// Who a letter says it is from.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) enum Sender {
    #[n(0)]
    Source(#[n(0)] AuthPublicKey),
    #[n(1)]
    Seat(#[n(0)] DeskNumber, #[n(1)] SeatNumber, #[n(2)] AuthPublicKey),
}

/// A reply or receipt that was written here. It is the one place that says which number was used for what.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(super) struct SentRecord {
    #[n(0)]
    pub(super) id: EnvelopeId,
    #[n(1)]
    pub(super) thread: AuthPublicKey,
    #[n(2)]
    pub(super) number: u32,
    #[n(3)]
    pub(super) day: Day,
    /// The text; none in a receipt.
    #[n(4)]
    pub(super) text: Option<Secret>,
    /// Names of letters that it says were opened.
    #[n(5)]
    pub(super) names: Vec<u32>,
    /// The letter that it answers; none in a receipt.
    #[n(6)]
    pub(super) answers: Option<EnvelopeId>,
    /// SHA-256 of the envelope.
    #[n(7)]
    pub(super) hash: Hash,
    /// The envelope, until a mirror shows that the relay lists it.
    #[cbor(n(8), with = "minicbor::bytes")]
    pub(super) envelope: Option<Vec<u8>>,
    #[n(9)]
    pub(super) listed: Option<Listing>,
}

impl OpenedFacts {
    pub(super) fn new(sender: Sender, opened: &cssr_proto::letter::Opened) -> Self {
        let cssr_proto::letter::Opened { directory, offline, contact, message, named, author: _, key: _ } = opened;
        let bit = |n: usize| u8::from(named.get(n) == Some(&true)) << n;
        Self {
            sender,
            directory: *directory,
            offline: *offline,
            contact: contact.as_ref().map(|contact| Secret(contact.to_bytes())),
            message: Secret(message.to_bytes()),
            named: (0..named.len().min(8)).map(bit).sum(),
        }
    }

    /// The message. It decoded when it was written down.
    pub(super) fn message(&self) -> Option<Message> {
        Message::from_bytes(&self.message.0).ok()
    }

    pub(super) fn contact(&self) -> Option<Contact> {
        Contact::from_bytes(&self.contact.as_ref()?.0).ok()
    }

    /// The seats that the sender named as readers.
    pub(super) fn named_seats(&self) -> Vec<SeatNumber> {
        let seats = (0..7_u64).filter(|n| self.named & (1 << n) != 0);
        seats.filter_map(|n| SeatNumber::new(n).ok()).collect()
    }
}

impl SentRecord {
    pub(super) fn names(&self, name: LetterName) -> bool {
        self.names.contains(&name.get())
    }
}

macro_rules! quarantine_reasons {
    ($($(#[doc = $doc:literal])* $code:literal $name:ident $text:literal,)*) => {
        /// Why a letter that opens is not shown as a message. Whoever sealed it is dishonest or broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, thiserror::Error)]
        #[cbor(index_only)]
        #[non_exhaustive]
        pub enum QuarantineReason {
            $($(#[doc = $doc])* #[n($code)] #[error($text)] $name,)*
        }
    };
}
quarantine_reasons! {
    /// It names another office.
    0 OtherOffice "it names another office",
    /// It names another desk.
    1 OtherDesk "it names another desk",
    /// It has no MAC for this seat.
    2 NotNamed "it has no proof of its sender for this seat",
    /// The sender key is unacceptable.
    3 SenderKey "its sender key is unacceptable",
    /// The MAC is wrong.
    4 Mac "the proof of its sender is wrong",
    /// The message does not inflate.
    5 Compression "its message does not inflate",
    /// The message does not decode.
    6 Message "its message is none that this version knows",
    /// The kind of message does not fit its sender.
    7 Kind "its kind of message does not fit its sender",
    /// The contact is missing or bad.
    8 Contact "the contact in it is missing or bad",
    /// Something that a later version of the protocol refuses.
    9 Other "it breaks the protocol",
    /// This program failed on it.
    10 Program "this program failed on it",
    /// It says that it is from a seat which no verified directory lists with that key.
    11 UnknownSeat "it says that it is from a seat, but no directory lists that seat with its key",
    /// It is from a seat that the office has revoked, or whose time is over.
    12 RevokedSeat "it is from a seat that the office has revoked or whose time is over",
    /// It says that it is from a source, but has a seat's key.
    13 SeatKey "it says that it is from a source, but has the key of a seat",
    /// No directory that a note named around the day on which it was listed has that seat with its key.
    14 LapsedKey "it has a key of its seat that no directory of those days lists",
    /// A letter of the same sender under the same id was accepted before, with other bytes.
    15 Repeated "a letter of the same sender has the same id: somebody sent it again, changed",
}

impl From<Quarantine> for QuarantineReason {
    fn from(quarantine: Quarantine) -> Self {
        match quarantine {
            Quarantine::OtherOffice => Self::OtherOffice,
            Quarantine::OtherDesk => Self::OtherDesk,
            Quarantine::NotNamed => Self::NotNamed,
            Quarantine::UnknownSeat => Self::UnknownSeat,
            Quarantine::SeatKey => Self::SeatKey,
            Quarantine::SenderKey => Self::SenderKey,
            Quarantine::Mac => Self::Mac,
            Quarantine::Compression => Self::Compression,
            Quarantine::Message => Self::Message,
            Quarantine::Kind => Self::Kind,
            Quarantine::Contact => Self::Contact,
            _ => Self::Other,
        }
    }
}

impl<C> Encode<C> for Secret {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Secret {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Ok(Self(Zeroizing::new(d.bytes()?.to_vec())))
    }
}

/// Encodes a record into one piece of memory of the right size, so that no copy stays behind, erased when dropped.
pub(super) fn to_bytes<T: Encode<()>>(record: &T) -> Zeroizing<Vec<u8>> {
    // Neither writer fails.
    let mut length = Length(0);
    let _ = minicbor::encode(record, &mut length);
    let mut out = Zeroizing::new(Vec::with_capacity(length.0));
    let _ = minicbor::encode(record, &mut *out);
    out
}

/// Counts what is written.
struct Length(usize);

impl encode::Write for Length {
    type Error = std::convert::Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(())
    }
}
