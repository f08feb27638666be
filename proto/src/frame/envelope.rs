//! Large frames that carry one whole envelope: posts, letters of a group, chunks, what couriers mirror.

use super::{Fields, Frame, Head};
use crate::cbor::Malformed;
use crate::envelope::Envelope;
use crate::ids::EnvelopeId;
use crate::sizes::ENVELOPE;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// What an envelope holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EnvelopeKind {
    /// A letter (protocol, section 6).
    Letter,
    /// A chunk of a parcel (protocol, section 9).
    Chunk,
}

impl EnvelopeKind {
    /// 1 or 2.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Letter => 1,
            Self::Chunk => 2,
        }
    }

    /// The kind with this byte.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Letter),
            2 => Some(Self::Chunk),
            _ => None,
        }
    }
}

impl<C> Encode<C> for EnvelopeKind {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.u8(self.byte())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for EnvelopeKind {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Self::from_byte(d.u8()?).ok_or_else(|| decode::Error::message("no envelope kind"))
    }
}

/// A large frame with an id, a kind and a whole envelope. The envelope is read where it lies in the frame.
#[derive(Clone, PartialEq, Eq)]
pub struct EnvelopeFrame {
    frame: Frame,
    fields: Fields,
    kind: EnvelopeKind,
}

impl EnvelopeFrame {
    /// Builds the frame; [`address`](Self::address) gives it its place.
    pub(crate) fn new(kind: EnvelopeKind, fields: Fields, envelope: &[u8; ENVELOPE]) -> Self {
        let fields = Fields { kind: Some(kind), ..fields };
        #[expect(clippy::expect_used, reason = "an envelope is exactly the payload of a large frame")]
        let frame = Frame::large(Head::single(0, 0), &fields, envelope).expect("an envelope fits its frame");
        Self { frame, fields, kind }
    }

    /// The envelope's id.
    #[must_use]
    pub const fn id(&self) -> &EnvelopeId {
        &self.fields.id
    }

    /// Letter or chunk.
    #[must_use]
    pub const fn kind(&self) -> EnvelopeKind {
        self.kind
    }

    /// The envelope.
    #[must_use]
    pub fn envelope(&self) -> &[u8; ENVELOPE] {
        // `try_from` lets no frame without a whole envelope become an `EnvelopeFrame`.
        self.frame.envelope().unwrap_or(&[0; ENVELOPE])
    }

    /// The envelope, where it lies.
    #[must_use]
    pub fn into_envelope(self) -> Envelope {
        // As above.
        self.frame.into_envelope().unwrap_or_else(Envelope::zeros)
    }

    pub(crate) const fn fields(&self) -> &Fields {
        &self.fields
    }

    pub(crate) fn address(mut self, head: Head) -> Frame {
        self.frame.address(head);
        self.frame
    }
}

impl TryFrom<Frame> for EnvelopeFrame {
    type Error = Malformed;

    /// Takes the frame out of its place among messages, so that equal envelopes are equal.
    fn try_from(mut frame: Frame) -> Result<Self, Malformed> {
        frame.address(Head::single(0, 0));
        let fields = frame.fields();
        match fields.kind {
            Some(kind) if frame.envelope().is_some() => Ok(Self { frame, fields, kind }),
            _ => Err(Malformed("frame")),
        }
    }
}

impl std::fmt::Debug for EnvelopeFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { frame: _, fields: _, kind: _ } = self;
        f.write_str("EnvelopeFrame(..)")
    }
}
