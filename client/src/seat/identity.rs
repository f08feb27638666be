//! Which seat this is, and the keys that make it one.

use super::error::SeatError;
use super::record::{Secret, to_bytes};
use super::vault::{Kind, Vault};
use cssr_proto::keys::{AuthPublicKey, PrekeyPublic, SeatAuthKey, SeatSigningKey};
use cssr_proto::{Card, Day, DeskNumber, Epoch, Hash, Label, OfficeId, SeatNumber, sha256};
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// Prekeys that are remembered as this seat's own, by how many weeks they lie back.
const MADE_WEEKS: u32 = 60;

/// What is written down.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Written {
    #[n(0)]
    card: String,
    #[n(1)]
    desk: DeskNumber,
    #[n(2)]
    label: Label,
    #[n(3)]
    signing: Secret,
    /// The authentication keys, the current one first.
    #[n(4)]
    auth: Vec<WrittenAuth>,
    #[n(5)]
    admitted: Option<Admitted>,
    #[n(6)]
    made: BTreeMap<Epoch, Made>,
}

#[derive(Encode, Decode)]
struct WrittenAuth {
    #[n(0)]
    key: Secret,
    #[n(1)]
    signed: Option<(Day, Day)>,
}

/// Where the office has put this seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Admitted {
    #[n(0)]
    pub(super) office: OfficeId,
    #[n(1)]
    pub(super) seat: SeatNumber,
}

/// A prekey that this seat made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Made {
    #[n(0)]
    pub(super) day: Day,
    /// SHA-256 of the public half.
    #[n(1)]
    pub(super) public: Hash,
}

/// An authentication key, and the validity that was last signed for it.
pub(super) struct AuthKey {
    pub(super) key: SeatAuthKey,
    pub(super) signed: Option<(Day, Day)>,
}

/// Everything about the seat itself.
pub(super) struct Identity {
    pub(super) card: Card,
    pub(super) desk: DeskNumber,
    pub(super) label: Label,
    pub(super) signing: SeatSigningKey,
    /// The current one first.
    pub(super) auth: Vec<AuthKey>,
    pub(super) admitted: Option<Admitted>,
    /// The prekeys that were made here, erased or not.
    pub(super) made: BTreeMap<Epoch, Made>,
}

impl Identity {
    pub(super) fn generate<R: CryptoRng>(card: Card, desk: DeskNumber, label: Label, rng: &mut R) -> Self {
        Self {
            card,
            desk,
            label,
            signing: SeatSigningKey::generate(rng),
            auth: vec![AuthKey { key: SeatAuthKey::generate(rng), signed: None }],
            admitted: None,
            made: BTreeMap::new(),
        }
    }

    pub(super) fn load(vault: &Vault) -> Result<Self, SeatError> {
        let bytes = vault.read(Kind::Identity)?.ok_or(SeatError::NoSeat)?;
        Self::read(&bytes).ok_or(SeatError::Damaged("identity"))
    }

    pub(super) fn save<R: CryptoRng>(&self, vault: &Vault, rng: &mut R) -> Result<(), SeatError> {
        let auth = self.auth.iter().map(|auth| WrittenAuth { key: secret(auth.key.expose()), signed: auth.signed });
        let written = Written {
            card: self.card.to_string(),
            desk: self.desk,
            label: self.label.clone(),
            signing: secret(self.signing.expose()),
            auth: auth.collect(),
            admitted: self.admitted,
            made: self.made.clone(),
        };
        vault.write(Kind::Identity, &to_bytes(&written), rng)
    }

    /// The office, and this seat's number in it.
    ///
    /// # Errors
    /// Not admitted yet.
    pub(super) fn admitted(&self) -> Result<Admitted, SeatError> {
        self.admitted.ok_or(SeatError::NotAdmitted)
    }

    /// Whether an authentication key is, or was, this seat's.
    pub(super) fn is_own(&self, key: &AuthPublicKey) -> bool {
        self.auth.iter().any(|auth| auth.key.public() == *key)
    }

    /// Remembers a prekey that was made on a day, and forgets those of long ago.
    pub(super) fn remember(&mut self, epoch: Epoch, public: &PrekeyPublic, today: Day) {
        self.made.insert(epoch, Made { day: today, public: hash(public) });
        let oldest = Epoch(today.epoch().0.saturating_sub(MADE_WEEKS));
        self.made = self.made.split_off(&oldest);
    }

    /// Whether a published prekey is one that somebody else made in this seat's name.
    pub(super) fn is_foreign(&self, epoch: Epoch, public: &PrekeyPublic) -> bool {
        match self.made.get(&epoch) {
            Some(made) => made.public != hash(public),
            // Of weeks that are forgotten nothing can be said.
            None => self.made.first_key_value().is_none_or(|(oldest, _)| epoch >= *oldest),
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let Written { card, desk, label, signing, auth, admitted, made } = minicbor::decode(bytes).ok()?;
        let auth = auth
            .into_iter()
            .map(|WrittenAuth { key, signed }| Some(AuthKey { key: SeatAuthKey::from_bytes(*key32(&key)?), signed }));
        Some(Self {
            card: card.parse().ok()?,
            desk,
            label,
            signing: SeatSigningKey::from_bytes(*key32(&signing)?),
            auth: auth.collect::<Option<_>>()?,
            admitted,
            made,
        })
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { card: _, desk, label: _, signing: _, auth: _, admitted, made: _ } = self;
        write!(f, "Identity(desk {}, {admitted:?})", desk.get())
    }
}

fn hash(public: &PrekeyPublic) -> Hash {
    Hash(sha256(public.as_bytes()))
}

fn secret(key: &[u8; 32]) -> Secret {
    Secret(Zeroizing::new(key.to_vec()))
}

fn key32(secret: &Secret) -> Option<Zeroizing<[u8; 32]>> {
    secret.0.as_slice().try_into().ok().map(Zeroizing::new)
}
