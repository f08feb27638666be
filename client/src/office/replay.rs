//! Reading rosters that were issued before, as a reader who was there from the first one on.

use super::error::{Damage, OfficeError};
use super::folder::{Folder, Newest};
use cssr_proto::{Accepted, Fingerprint, Malformed, Pool, PoolError, Roster, Signed, Unverified};

/// Reads and verifies every roster of the folder.
pub(super) fn rosters(folder: &Folder, card: Fingerprint) -> Result<Vec<Signed<Roster>>, OfficeError> {
    let mut reader = Reader::new(card);
    for number in folder.roster_numbers()? {
        let bytes = folder.read_roster(number)?;
        let damaged = |why| OfficeError::Damaged { path: folder.roster(number), why };
        reader.take(&bytes).map_err(|error| damaged(Damage::Roster(error)))?;
        if reader.rosters.last().is_some_and(|roster| roster.number.get() != number) {
            return Err(damaged(Damage::Name));
        }
    }
    Ok(reader.rosters)
}

/// Verifies rosters that come from outside, in whatever order.
pub(super) fn in_order(card: Fingerprint, rosters: &[Vec<u8>]) -> Result<Vec<Signed<Roster>>, OfficeError> {
    let mut verified = Vec::new();
    for bytes in rosters {
        verified.push(Unverified::<Roster>::from_bytes(bytes)?.authenticate(card)?);
    }
    verified.sort_by_key(|roster| roster.number);
    let mut reader = Reader::new(card);
    for roster in &verified {
        reader.take(roster.bytes())?;
    }
    Ok(reader.rosters)
}

/// Whether the roster that was noted as issued is among those at hand.
pub(super) fn check_noted(folder: &Folder, rosters: &[Signed<Roster>], noted: Newest) -> Result<(), OfficeError> {
    let damaged = |why| Err(OfficeError::Damaged { path: folder.roster(noted.number), why });
    match rosters.iter().find(|roster| roster.number.get() == noted.number) {
        None => damaged(Damage::Missing(noted.number)),
        Some(roster) if roster.hash() != noted.hash => {
            damaged(Damage::Replaced { number: noted.number, hash: noted.hash })
        }
        Some(_) => Ok(()),
    }
}

struct Reader {
    card: Fingerprint,
    pool: Pool,
    rosters: Vec<Signed<Roster>>,
}

impl Reader {
    const fn new(card: Fingerprint) -> Self {
        Self { card, pool: Pool::new(card), rosters: Vec::new() }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), PoolError> {
        let decode = || -> Result<Unverified<Roster>, Malformed> { Unverified::from_bytes(bytes) };
        let roster = decode()?.authenticate(self.card)?;
        // Each was valid on the day of its issue.
        if self.pool.accept_roster(decode()?, roster.issued)? == Accepted::New {
            self.rosters.push(roster);
        }
        Ok(())
    }
}
