//! The form that all statements share (protocol, section 4.1).

use crate::cbor::{List, Malformed, from_slice, to_vec};
use crate::hash::hash;
use crate::ids::{DeskNumber, Hash, OfficeId};
use crate::keys::{Signer, Verifier};
use crate::labels;
use crate::sizes::{ROSTER_MAX, SIGNATURE};
use crate::time::Day;
use minicbor::{Decode, Encode, Encoder, encode};
use std::fmt;

/// Signatures of a statement at most; only notes carry more than one.
pub(crate) const SIGNATURES_MAX: usize = 8;

/// What a statement says: one of the CDDL maps of section 4.
pub trait Payload: Encode<()> + for<'b> Decode<'b, ()> {
    /// Its name in errors.
    const WHAT: &'static str;
    /// Bytes of a whole statement at most.
    const MAX: usize;
    /// Signatures of a statement at most.
    const SIGNATURES: usize = 1;
}

/// `[signer, signature]`.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SignatureEntry {
    #[n(0)]
    pub(crate) signer: u8,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(crate) signature: [u8; SIGNATURE],
}

/// `[payload, signatures]`: the statement as it is carried.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
struct Wire {
    #[n(0)]
    payload: crate::Bytes<ROSTER_MAX>,
    #[n(1)]
    signatures: List<SignatureEntry, 1, SIGNATURES_MAX>,
}

/// A statement that decodes. Nothing of it may be believed before a verification made it [`Signed`].
#[derive(Clone, PartialEq, Eq)]
pub struct Unverified<T> {
    payload: T,
    wire: Wire,
    bytes: Vec<u8>,
}

/// A statement that was verified, or made here.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed<T> {
    statement: Unverified<T>,
    hash: Hash,
}

impl<T: Payload> Unverified<T> {
    /// Decodes a statement.
    ///
    /// # Errors
    /// Too long, not the deterministic encoding of the CDDL, or more signatures than the kind has.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: Wire = from_slice(T::WHAT, bytes, T::MAX)?;
        if wire.signatures.len() > T::SIGNATURES {
            return Err(Malformed(T::WHAT));
        }
        let payload = from_slice(T::WHAT, wire.payload.as_slice(), T::MAX)?;
        Ok(Self { payload, wire, bytes: bytes.to_vec() })
    }

    /// Puts a statement together from its payload and signatures.
    ///
    /// # Errors
    /// It is too long, or has too few or too many signatures.
    pub(crate) fn assemble(payload: T, signatures: Vec<SignatureEntry>) -> Result<Self, Malformed> {
        let malformed = Malformed(T::WHAT);
        if signatures.len() > T::SIGNATURES {
            return Err(malformed);
        }
        let payload_bytes = crate::Bytes::new(to_vec(&payload)).map_err(|_| malformed)?;
        let wire = Wire { payload: payload_bytes, signatures: List::new(signatures).map_err(|_| malformed)? };
        let bytes = to_vec(&wire);
        if bytes.len() > T::MAX { Err(malformed) } else { Ok(Self { payload, wire, bytes }) }
    }

    /// Makes a statement with one signature; `input` gives the signature input for the payload and its bytes.
    ///
    /// # Errors
    /// It is too long.
    pub(crate) fn sign(
        payload: T,
        signer: u8,
        key: &impl Signer,
        input: impl FnOnce(&T, &[u8]) -> Vec<u8>,
    ) -> Result<Self, Malformed> {
        let signature = key.sign(&input(&payload, &to_vec(&payload)));
        Self::assemble(payload, vec![SignatureEntry { signer, signature }])
    }
}

impl<T> Unverified<T> {
    /// The statement's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it claims, for the one who is about to verify it.
    pub(crate) const fn claims(&self) -> &T {
        &self.payload
    }

    pub(crate) fn payload_bytes(&self) -> &[u8] {
        self.wire.payload.as_slice()
    }

    pub(crate) fn signatures(&self) -> &[SignatureEntry] {
        &self.wire.signatures
    }

    /// Whether the only signature is `signer`'s and verifies under its key.
    pub(crate) fn is_signed_by(&self, signer: u8, key: &impl Verifier, about: &SignedAs<'_>) -> bool {
        match self.signatures() {
            [entry] => entry.signer == signer && key.verifies(&about.input(self.payload_bytes()), &entry.signature),
            _ => false,
        }
    }

    /// Ends a verification: the caller has checked every rule for this kind of statement.
    pub(crate) fn into_verified(self) -> Signed<T> {
        let hash = Hash(hash(labels::STATEMENT, &[&self.bytes]));
        Signed { statement: self, hash }
    }
}

impl<T> Signed<T> {
    /// The statement's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.statement.bytes()
    }

    /// `H("cssr1 statement", statement bytes)`.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// What the statement says.
    #[must_use]
    pub const fn payload(&self) -> &T {
        &self.statement.payload
    }

    /// Back to where it came from, to be verified against something newer.
    pub(crate) const fn statement(&self) -> &Unverified<T> {
        &self.statement
    }
}

impl<T> std::ops::Deref for Signed<T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.payload()
    }
}

impl<T> fmt::Debug for Unverified<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { payload: _, wire: _, bytes } = self;
        write!(f, "Unverified({} bytes)", bytes.len())
    }
}

impl<T> fmt::Debug for Signed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { statement: _, hash } = self;
        write!(f, "Signed({hash})")
    }
}

/// In which role a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Root,
    Seat,
    Courier,
}

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Seat => "seat",
            Self::Courier => "courier",
        }
    }
}

/// All that a signature covers beside the payload: a row of the table in section 4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SignedAs<'a> {
    pub(crate) context: &'static str,
    pub(crate) office: OfficeId,
    pub(crate) role: Role,
    pub(crate) name: &'a str,
    pub(crate) desk: Option<DeskNumber>,
    pub(crate) number: Option<u8>,
    pub(crate) from: Day,
    pub(crate) through: Day,
}

impl SignedAs<'_> {
    /// CDDL `signature-input`.
    pub(crate) fn input(&self, payload: &[u8]) -> Vec<u8> {
        to_vec(&SignatureInput { about: self, payload })
    }
}

struct SignatureInput<'a> {
    about: &'a SignedAs<'a>,
    payload: &'a [u8],
}

impl<C> Encode<C> for SignatureInput<'_> {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        let SignedAs { context, office, role, name, desk, number, from, through } = self.about;
        e.array(9)?.str(context)?;
        office.encode(e, ctx)?;
        e.str(role.as_str())?.str(name)?;
        desk.encode(e, ctx)?;
        number.encode(e, ctx)?;
        from.encode(e, ctx)?;
        through.encode(e, ctx)?;
        e.bytes(self.payload)?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cbor::Number;

    #[test]
    fn the_signature_input_is_the_array_of_the_specification() {
        let about = SignedAs {
            context: labels::context::PREKEY,
            office: OfficeId([7; 16]),
            role: Role::Seat,
            name: "Amal",
            desk: Some(Number::new(3).unwrap()),
            number: None,
            from: Day(4),
            through: Day(300),
        };
        let mut expected = vec![0x89, 0x6c];
        expected.extend_from_slice(b"cssr1 prekey");
        expected.push(0x50);
        expected.extend_from_slice(&[7; 16]);
        expected.extend_from_slice(b"\x64seat\x64Amal\x03\xf6\x04\x19\x01\x2c\x42\xaa\xbb");
        assert_eq!(about.input(&[0xaa, 0xbb]), expected);
    }
}
