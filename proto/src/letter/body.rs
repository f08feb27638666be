//! The body of a letter (protocol, section 6.2; CDDL `body`).

use crate::cbor::{Malformed, from_slice, to_secret_vec};
use crate::ids::{DeskNumber, Hash, OfficeId, SeatNumber};
use crate::keys::AuthPublicKey;
use crate::sizes::{PLAIN_BODY, SLOTS};
use minicbor::bytes::ByteSlice;
use minicbor::{Decode, Encode};

/// The length of a body, before it.
const LENGTH: usize = 2;
/// Bytes of CBOR that a letter has room for.
pub(super) const ROOM: usize = PLAIN_BODY - LENGTH;

/// Who wrote a letter: a source or a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(super) enum Role {
    #[n(0)]
    Source,
    #[n(1)]
    Seat,
}

/// What is sealed under the body key.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct Body<'b> {
    #[n(0)]
    pub(super) role: Role,
    #[n(1)]
    pub(super) office: OfficeId,
    #[n(2)]
    pub(super) desk: DeskNumber,
    #[n(3)]
    pub(super) seat: Option<SeatNumber>,
    #[n(4)]
    pub(super) sender: AuthPublicKey,
    #[n(5)]
    pub(super) directory: Hash,
    #[n(6)]
    pub(super) offline: bool,
    #[b(7)]
    pub(super) contact: Option<&'b ByteSlice>,
    #[n(8)]
    pub(super) macs: [Option<Hash>; SLOTS],
    #[b(9)]
    pub(super) message: &'b ByteSlice,
}

impl<'b> Body<'b> {
    /// Writes `u16(length) || body || zeros` over `plain`.
    ///
    /// # Errors
    /// By how many bytes the body is too long; `plain` is as it was.
    pub(super) fn write(&self, plain: &mut [u8; PLAIN_BODY]) -> Result<(), usize> {
        let cbor = to_secret_vec(self);
        let over = cbor.len().saturating_sub(ROOM);
        if over > 0 {
            return Err(over);
        }
        // At most 6,860, as was just checked.
        let length = (cbor.len() as u16).to_be_bytes();
        let content = length.iter().chain(cbor.iter()).chain(std::iter::repeat(&0));
        plain.iter_mut().zip(content).for_each(|(to, from)| *to = *from);
        Ok(())
    }

    /// Reads what `write` wrote, and nothing else.
    pub(super) fn read(plain: &'b [u8]) -> Result<Self, Malformed> {
        let malformed = Malformed("body");
        let (length, rest) = plain.split_first_chunk().ok_or(malformed)?;
        let (cbor, padding) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(malformed)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(malformed);
        }
        let body: Self = from_slice("body", cbor, ROOM)?;
        if body.seat.is_some() == (body.role == Role::Seat) { Ok(body) } else { Err(malformed) }
    }

    /// The size of the encoding.
    pub(super) fn size(&self) -> usize {
        to_secret_vec(self).len()
    }
}
