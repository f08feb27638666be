//! CDDL `directory`: how it is carried.

use crate::cbor::{Bytes, List, Malformed, from_slice, to_vec};
use crate::hash::hash;
use crate::ids::Hash;
use crate::labels;
use crate::sizes::{DIRECTORY_MAX, ROSTER_MAX, SEAT_STATEMENT_MAX};
use crate::statement::{Prekey, Roster, SeatKey, Signed, Unverified};
use minicbor::{Decode, Encode};
use std::fmt;

type SeatStatementBytes = Bytes<SEAT_STATEMENT_MAX>;

#[derive(Encode, Decode)]
struct Wire {
    #[n(0)]
    roster: Bytes<ROSTER_MAX>,
    #[n(1)]
    seat_keys: List<SeatStatementBytes, 0, 224>,
    #[n(2)]
    prekeys: List<SeatStatementBytes, 0, 224>,
}

/// A directory that decodes. Nothing of it may be believed.
#[derive(Clone, Debug)]
pub struct UnverifiedDirectory {
    roster: Unverified<Roster>,
    parts: Parts,
}

/// All of a directory but the roster.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) seat_keys: Vec<Unverified<SeatKey>>,
    pub(super) prekeys: Vec<Unverified<Prekey>>,
    /// The whole directory.
    pub(super) bytes: Vec<u8>,
    pub(super) hash: Hash,
}

impl UnverifiedDirectory {
    /// Decodes a directory and every statement in it.
    ///
    /// # Errors
    /// Too long, or not the deterministic encoding of the CDDL.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: Wire = from_slice("directory", bytes, DIRECTORY_MAX)?;
        let roster = Unverified::from_bytes(wire.roster.as_slice())?;
        let seat_keys = wire.seat_keys.iter().map(|key| Unverified::from_bytes(key.as_slice()));
        let prekeys = wire.prekeys.iter().map(|prekey| Unverified::from_bytes(prekey.as_slice()));
        let parts = Parts {
            seat_keys: seat_keys.collect::<Result<_, _>>()?,
            prekeys: prekeys.collect::<Result<_, _>>()?,
            bytes: bytes.to_vec(),
            hash: directory_hash(bytes),
        };
        Ok(Self { roster, parts })
    }

    /// `H("cssr1 directory", directory bytes)`.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.parts.hash
    }

    pub(super) fn into_parts(self) -> (Unverified<Roster>, Parts) {
        (self.roster, self.parts)
    }
}

/// The bytes and the hash of a directory, from statements in their order.
pub(super) fn encode<'a>(
    roster: &Signed<Roster>,
    seat_keys: impl Iterator<Item = &'a Signed<SeatKey>>,
    prekeys: impl Iterator<Item = &'a Signed<Prekey>>,
) -> Result<(Vec<u8>, Hash), Malformed> {
    let bytes = to_vec(&Wire {
        roster: Bytes::new(roster.bytes())?,
        seat_keys: List::new(seat_keys.map(|key| Bytes::new(key.bytes())).collect::<Result<_, _>>()?)?,
        prekeys: List::new(prekeys.map(|prekey| Bytes::new(prekey.bytes())).collect::<Result<_, _>>()?)?,
    });
    let hash = directory_hash(&bytes);
    Ok((bytes, hash))
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seat_keys: _, prekeys: _, bytes: _, hash } = self;
        write!(f, "Parts({hash})")
    }
}

fn directory_hash(bytes: &[u8]) -> Hash {
    Hash(hash(labels::DIRECTORY, &[bytes]))
}
