//! What a courier remembers beside its key. It is no secret; forged, it makes the courier fail, not lie: the roster is
//! verified against the card, and a wrong head does not connect to the relay's chain.

use super::error::CourierError;
use crate::files::{read_limited, write_atomic};
use cssr_proto::frame::EnvelopeKind;
use cssr_proto::index::Head;
use cssr_proto::keys::{CourierPublicKey, RelayPublicKey};
use cssr_proto::{Card, CourierNumber, Day, PoolError, Roster, Signed, Unverified};
use minicbor::{Decode, Encode};
use std::path::Path;

const FILE: &str = "courier.state";
const FILE_MAX: usize = 128 * 1024;
const MAGIC: &str = "cssr courier 1";

/// The state, as it is used.
#[derive(Debug)]
pub(super) struct State {
    pub(super) card: Card,
    pub(super) number: Option<CourierNumber>,
    pub(super) roster: Option<Signed<Roster>>,
    pub(super) followed: Option<Followed>,
}

/// The ends of the chains as far as this courier has followed them itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Followed {
    /// Whose chains they are.
    #[n(0)]
    pub(super) relay: RelayPublicKey,
    #[n(1)]
    pub(super) letters: Head,
    #[n(2)]
    pub(super) chunks: Head,
    /// The same for the folder that was mirrored into last, which may lie behind.
    #[n(3)]
    pub(super) letters_here: Head,
    #[n(4)]
    pub(super) chunks_here: Head,
}

#[derive(Encode, Decode)]
struct Written {
    #[n(0)]
    magic: String,
    #[n(1)]
    card: String,
    #[n(2)]
    number: Option<CourierNumber>,
    #[cbor(n(3), with = "minicbor::bytes")]
    roster: Option<Vec<u8>>,
    #[n(4)]
    followed: Option<Followed>,
}

impl Followed {
    /// After a walk from somewhere to these heads. A walk that fills a new folder begins before what was followed.
    pub(super) fn after(before: Option<Self>, relay: RelayPublicKey, letters: Head, chunks: Head) -> Self {
        let further = |walked: Head, before: Option<Head>| match before {
            Some(before) if before.number() > walked.number() => before,
            _ => walked,
        };
        Self {
            relay,
            letters: further(letters, before.map(|before| before.letters)),
            chunks: further(chunks, before.map(|before| before.chunks)),
            letters_here: letters,
            chunks_here: chunks,
        }
    }

    /// The heads of a chain to go on from, the furthest first.
    pub(super) const fn heads(&self, kind: EnvelopeKind) -> [Head; 2] {
        match kind {
            EnvelopeKind::Letter => [self.letters, self.letters_here],
            EnvelopeKind::Chunk => [self.chunks, self.chunks_here],
        }
    }
}

impl State {
    pub(super) const fn new(card: Card) -> Self {
        Self { card, number: None, roster: None, followed: None }
    }

    pub(super) fn load(folder: &Path) -> Result<Self, CourierError> {
        let bytes = read_limited(&folder.join(FILE), FILE_MAX)?;
        let written: Written = minicbor::decode(&bytes).map_err(|_| CourierError::Damaged)?;
        if written.magic != MAGIC {
            return Err(CourierError::Damaged);
        }
        let card: Card = written.card.parse().map_err(|_| CourierError::Damaged)?;
        let roster = match written.roster {
            Some(bytes) => Some(Unverified::from_bytes(&bytes)?.authenticate(card.fingerprint())?),
            None => None,
        };
        Ok(Self { card, number: written.number, roster, followed: written.followed })
    }

    pub(super) fn save(&self, folder: &Path) -> Result<(), CourierError> {
        let written = Written {
            magic: MAGIC.to_owned(),
            card: self.card.to_string(),
            number: self.number,
            roster: self.roster.as_ref().map(|roster| roster.bytes().to_vec()),
            followed: self.followed,
        };
        // Writing to a Vec cannot fail.
        let bytes = minicbor::to_vec(written).unwrap_or_default();
        Ok(write_atomic(&folder.join(FILE), &bytes)?)
    }

    /// Takes a roster that is the first one or follows the one that is known, and lists this courier; gives its number
    /// and its last day.
    pub(super) fn take_roster(
        &mut self,
        roster: Unverified<Roster>,
        key: &CourierPublicKey,
        today: Day,
    ) -> Result<(CourierNumber, Day), CourierError> {
        let roster = roster.verify(self.card.fingerprint(), today)?;
        if let Some(known) = &self.roster {
            check_succession(known, &roster).map_err(CourierError::Succession)?;
        }
        let listed = roster.couriers.iter().find(|courier| courier.key == *key).ok_or(CourierError::NotListed)?;
        let (number, through) = (listed.number, listed.through);
        self.number = Some(number);
        self.roster = Some(roster);
        Ok((number, through))
    }
}

/// A courier that was away may miss a roster in between; what it must never do is go back, or follow a root that has been
/// succeeded.
fn check_succession(known: &Signed<Roster>, offered: &Signed<Roster>) -> Result<(), PoolError> {
    if known.bytes() == offered.bytes() {
        return Ok(());
    }
    let (held, number) = (known.number.get(), offered.number.get());
    if number <= held {
        return Err(PoolError::Superseded { held, offered: number });
    }
    if !offered.lineage.continues(&known.lineage) {
        return Err(PoolError::ReplacedRoot);
    }
    if number == held.saturating_add(1) && offered.previous != Some(known.hash()) {
        return Err(PoolError::Fork);
    }
    Ok(())
}
