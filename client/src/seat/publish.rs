//! What a seat signs: the request to be admitted, its authentication key, and its prekeys.

use super::error::SeatError;
use super::identity::Identity;
use super::{Seat, prekeys};
use cssr_proto::{Day, Epoch, Prekey, SeatKey, SeatRequest, Signed};
use rand_core::CryptoRng;

/// A statement of this seat, ready to be published.
#[expect(clippy::large_enum_variant, reason = "a dozen of them exist for a moment")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedKey {
    /// Its authentication key.
    Auth(Signed<SeatKey>),
    /// A prekey.
    Prekey(Signed<Prekey>),
}

impl SignedKey {
    /// The statement's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Auth(key) => key.bytes(),
            Self::Prekey(prekey) => prekey.bytes(),
        }
    }

    /// The week of a prekey.
    #[must_use]
    pub fn epoch(&self) -> Option<Epoch> {
        match self {
            Self::Auth(_) => None,
            Self::Prekey(prekey) => Some(prekey.epoch),
        }
    }
}

impl Seat {
    /// Signs the seat's authentication key, and prekeys for this week and the 8 following ones, makes those that are
    /// missing, and lays all of it into the outbox. Signing again gives the same bytes.
    ///
    /// # Errors
    /// Not admitted, no longer listed, or the environment failed.
    pub fn statements<R: CryptoRng>(&mut self, today: Day, rng: &mut R) -> Result<Vec<SignedKey>, SeatError> {
        let admitted = self.identity.admitted()?;
        let roster = self.knowledge.roster().ok_or(SeatError::NotAdmitted)?;
        roster.check_day(today)?;
        let desk = self.identity.desk;
        let listed = roster.seat(desk, admitted.seat).ok_or(SeatError::NotListed)?;
        if listed.signing_key != self.identity.signing.public() {
            return Err(SeatError::NotListed);
        }
        if listed.through < today {
            return Err(SeatError::SeatEnded(listed.through));
        }

        let validity = match self.identity.auth.first().and_then(|auth| auth.signed) {
            Some((from, through)) if through == listed.through => (from, through),
            _ => (today.max(listed.from), listed.through),
        };
        if let Some(auth) = self.identity.auth.first_mut() {
            auth.signed = Some(validity);
        }
        let keys = prekeys::make(&self.vault, &mut self.identity, today, rng)?;
        self.identity.save(&self.vault, rng)?;

        let (office, seat, signing) = (admitted.office, admitted.seat, &self.identity.signing);
        let mut signed = Vec::with_capacity(keys.len() + 1);
        if let Some(auth) = self.identity.auth.first() {
            let (from, through) = validity;
            let key = SeatKey { office, desk, seat, from, through, key: auth.key.public() };
            signed.push(SignedKey::Auth(key.sign(roster, signing)?));
        }
        for (epoch, key) in keys {
            let prekey = Prekey { office, desk, seat, epoch, key: key.public() };
            signed.push(SignedKey::Prekey(prekey.sign(roster, signing)?));
        }
        self.put_statements(&signed)?;
        Ok(signed)
    }
}

/// The request to be admitted.
pub(super) fn request(identity: &Identity, today: Day) -> Result<Signed<SeatRequest>, SeatError> {
    let request = SeatRequest {
        // An office has one name for ever, its first card's; a roster that says otherwise replaces it.
        office: identity.card.office_if_first(),
        desk: identity.desk,
        label: identity.label.clone(),
        day: today,
        key: identity.signing.public(),
    };
    Ok(request.sign(&identity.signing)?)
}
