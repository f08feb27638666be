//! A desk with all of its seven seats.

use cssr_proto::keys::{PrekeyPublic, PrekeySecret, SeatAuthKey};
use cssr_proto::letter::{Recipients, SeatReader};
use cssr_proto::sizes::SEATS;
use cssr_proto::{DeskNumber, Hash, OfficeId};
use rand_core::CryptoRng;

pub(crate) const OFFICE: OfficeId = OfficeId([1; 16]);
pub(crate) const DESK: DeskNumber = DeskNumber::LEAST;
const DIRECTORY: Hash = Hash([2; 32]);

/// A desk whose seats all have a current prekey.
pub(crate) struct Desk {
    seats: [(SeatAuthKey, PrekeySecret, PrekeyPublic); SEATS],
}

impl Desk {
    pub(crate) fn generate<R: CryptoRng>(rng: &mut R) -> Self {
        let seats = std::array::from_fn(|_| {
            let prekey = PrekeySecret::generate(rng);
            let public = prekey.public();
            (SeatAuthKey::generate(rng), prekey, public)
        });
        Self { seats }
    }

    /// The private keys of its first seat.
    pub(crate) const fn first_seat(&self) -> (&SeatAuthKey, &PrekeySecret) {
        let [(auth, prekey, _), ..] = &self.seats;
        (auth, prekey)
    }

    /// What a source seals to.
    pub(crate) fn recipients(&self) -> Recipients<'_> {
        let seats = self.seats.each_ref().map(|(auth, _, prekey)| Some(SeatReader { auth: auth.public(), prekey }));
        Recipients { office: OFFICE, desk: DESK, directory: DIRECTORY, offline: false, seats }
    }
}
