//! Clues: envelope ids by which a source finds the replies to it, and nobody else does (protocol, section 8.1).

use crate::hash::kdf;
use crate::ids::{DeskNumber, EnvelopeId, SeatNumber};
use crate::keys::{AuthPublicKey, BadKey, ContactSecret, DhSecret as _, SeatAuthKey, SharedSecret, SourceAuthKey};
use crate::labels;
use crate::sizes::ENVELOPE_ID;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The random half of a clue.
const NONCE: usize = 8;

/// `clue key = KDF(DH(source, seat) || contact secret, "cssr1 clue", u8(desk) || u8(seat))`: what one source and one seat
/// have in common.
pub struct ClueKey {
    /// HMAC after its key, so that a scan pays for it once. Erased when dropped (feature `zeroize` of `hmac`).
    mac: Hmac<Sha256>,
}

impl ClueKey {
    /// As the source computes it.
    ///
    /// # Errors
    /// The seat's key is not acceptable.
    pub fn of_source(
        source: &SourceAuthKey,
        contact: &ContactSecret,
        desk: DeskNumber,
        seat: SeatNumber,
        seat_key: &AuthPublicKey,
    ) -> Result<Self, BadKey> {
        Ok(Self::new(&source.dh(seat_key)?, contact, desk, seat))
    }

    /// As the seat computes it.
    ///
    /// # Errors
    /// The source's key is not acceptable.
    pub fn of_seat(
        seat_key: &SeatAuthKey,
        contact: &ContactSecret,
        desk: DeskNumber,
        seat: SeatNumber,
        source: &AuthPublicKey,
    ) -> Result<Self, BadKey> {
        Ok(Self::new(&seat_key.dh(source)?, contact, desk, seat))
    }

    pub(crate) fn new(shared: &SharedSecret, contact: &ContactSecret, desk: DeskNumber, seat: SeatNumber) -> Self {
        let mut secret = Zeroizing::new([0; 64]);
        let (first, second) = secret.split_at_mut(32);
        first.copy_from_slice(shared.as_slice());
        second.copy_from_slice(contact.expose());
        // Desks and seats are numbers below 16.
        let key = kdf(secret.as_slice(), labels::CLUE, &[&[desk.get() as u8, seat.get() as u8]]);
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        Self { mac: Hmac::new_from_slice(key.as_slice()).expect("HMAC takes keys of any length") }
    }

    /// A fresh clue: 8 random bytes and the first 8 of their MAC.
    pub fn make<R: rand_core::CryptoRng + ?Sized>(&self, rng: &mut R) -> EnvelopeId {
        let mut nonce = [0; NONCE];
        rng.fill_bytes(&mut nonce);
        let mut id = [0; ENVELOPE_ID];
        let (first, second) = id.split_at_mut(NONCE);
        first.copy_from_slice(&nonce);
        second.copy_from_slice(&self.tag(&nonce));
        EnvelopeId(id)
    }

    /// Whether an id is a clue under this key. A random id is one with probability 2^-64.
    #[must_use]
    pub fn matches(&self, id: &EnvelopeId) -> bool {
        let Some((nonce, rest)) = id.as_bytes().split_first_chunk() else { return false };
        self.tag(nonce).ct_eq(rest).into()
    }

    fn tag(&self, nonce: &[u8; NONCE]) -> [u8; ENVELOPE_ID - NONCE] {
        let mut mac = self.mac.clone();
        mac.update(nonce);
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        let [a, b, c, d, e, f, g, h, ..] = whole;
        [a, b, c, d, e, f, g, h]
    }
}

impl std::fmt::Debug for ClueKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { mac: _ } = self;
        f.write_str("ClueKey(..)")
    }
}

/// A source's clue keys for every seat of a directory, active or retired.
#[derive(Debug, Default)]
pub struct ClueScanner {
    keys: Vec<(DeskNumber, SeatNumber, ClueKey)>,
}

/// A listed id that is a clue, and the seat that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The id of the reply.
    pub id: EnvelopeId,
    /// The desk of the seat that wrote it.
    pub desk: DeskNumber,
    /// The seat that wrote it.
    pub seat: SeatNumber,
}

impl ClueScanner {
    /// Computes a key for each seat.
    ///
    /// # Errors
    /// A seat's key is not acceptable; a verified directory has no such.
    pub fn new(
        source: &SourceAuthKey,
        contact: &ContactSecret,
        seats: impl IntoIterator<Item = (DeskNumber, SeatNumber, AuthPublicKey)>,
    ) -> Result<Self, BadKey> {
        let keys = seats
            .into_iter()
            .map(|(desk, seat, key)| Ok((desk, seat, ClueKey::of_source(source, contact, desk, seat, &key)?)));
        Ok(Self { keys: keys.collect::<Result<_, _>>()? })
    }

    /// Whether one id is a clue of any seat. Takes the same time whichever seat it is.
    #[must_use]
    pub fn check(&self, id: &EnvelopeId) -> Option<Found> {
        let mut found = None;
        for (desk, seat, key) in &self.keys {
            if key.matches(id) {
                found = Some(Found { id: *id, desk: *desk, seat: *seat });
            }
        }
        found
    }

    /// The clues among many ids, in their order.
    pub fn scan<'a>(&'a self, ids: impl IntoIterator<Item = &'a EnvelopeId>) -> impl Iterator<Item = Found> {
        ids.into_iter().filter_map(|id| self.check(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::mac;
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    fn number<const MAX: u64>(n: u64) -> crate::cbor::Number<0, MAX> {
        crate::cbor::Number::new(n).unwrap()
    }

    struct People {
        rng: ChaCha20Rng,
        source: SourceAuthKey,
        contact: ContactSecret,
        seats: Vec<SeatAuthKey>,
    }

    impl People {
        fn new(seats: usize) -> Self {
            let mut rng = ChaCha20Rng::from_seed([3; 32]);
            let source = SourceAuthKey::generate(&mut rng);
            let contact = ContactSecret::generate(&mut rng);
            let seats = (0..seats).map(|_| SeatAuthKey::generate(&mut rng)).collect();
            Self { rng, source, contact, seats }
        }

        fn of_seat(&self, seat: usize) -> ClueKey {
            let seat_key = self.seats.get(seat).unwrap();
            ClueKey::of_seat(seat_key, &self.contact, number(2), number(seat as u64), &self.source.public()).unwrap()
        }

        fn scanner(&self) -> ClueScanner {
            let seats = self.seats.iter().zip(0..).map(|(key, n)| (number(2), number(n), key.public()));
            ClueScanner::new(&self.source, &self.contact, seats).unwrap()
        }
    }

    #[test]
    fn a_source_finds_every_reply_and_who_wrote_it() {
        let mut people = People::new(7);
        let scanner = people.scanner();
        let clues: Vec<_> = (0..7).map(|seat| people.of_seat(seat).make(&mut people.rng)).collect();
        let mut listed: Vec<_> = (0..500).map(|_| EnvelopeId::random(&mut people.rng)).collect();
        for (place, clue) in clues.iter().enumerate() {
            listed.insert(place * 50, *clue);
        }
        let found: Vec<_> = scanner.scan(&listed).collect();
        assert_eq!(found.iter().map(|f| f.id).collect::<Vec<_>>(), clues);
        assert_eq!(found.iter().map(|f| f.seat.get()).collect::<Vec<_>>(), (0..7).collect::<Vec<_>>());
    }

    #[test]
    fn random_ids_are_no_clues() {
        let mut people = People::new(2);
        let scanner = people.scanner();
        let random: Vec<_> = (0..10_000).map(|_| EnvelopeId::random(&mut people.rng)).collect();
        assert_eq!(scanner.scan(&random).count(), 0);
    }

    #[test]
    fn any_changed_bit_makes_a_clue_a_random_id() {
        let mut people = People::new(1);
        let key = people.of_seat(0);
        let clue = key.make(&mut people.rng);
        assert!(key.matches(&clue));
        for bit in 0..128 {
            let mut changed = clue;
            changed.0[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.matches(&changed), "{bit}");
        }
    }

    #[test]
    fn only_that_source_and_that_seat_recognise_a_clue() {
        let mut people = People::new(2);
        let clue = people.of_seat(0).make(&mut people.rng);
        let public = people.source.public();
        assert!(people.of_seat(0).matches(&clue));
        // A colleague, whatever desk and seat it pretends to be.
        let colleague = &people.seats[1];
        for seat in 0..2 {
            let key = ClueKey::of_seat(colleague, &people.contact, number(2), number(seat), &public).unwrap();
            assert!(!key.matches(&clue));
        }
        // The same seat key at another desk or seat, and another contact secret.
        let seat = &people.seats[0];
        let other = ContactSecret::generate(&mut people.rng);
        for key in [
            ClueKey::of_seat(seat, &people.contact, number(3), number(0), &public),
            ClueKey::of_seat(seat, &people.contact, number(2), number(1), &public),
            ClueKey::of_seat(seat, &other, number(2), number(0), &public),
        ] {
            assert!(!key.unwrap().matches(&clue));
        }
    }

    #[test]
    fn a_clue_is_the_mac_of_its_nonce() {
        let mut people = People::new(1);
        let clue = people.of_seat(0).make(&mut people.rng);
        let mut secret = people.source.dh(&people.seats[0].public()).unwrap().to_vec();
        secret.extend_from_slice(people.contact.expose());
        let key = kdf(&secret, "cssr1 clue", &[&[2, 0]]);
        assert_eq!(clue.0[8..], mac(&key, &[&clue.0[..8]])[..8]);
    }

    #[test]
    fn a_key_of_small_order_is_refused() {
        let people = People::new(1);
        for bad in [
            [0; 32],
            {
                let mut one = [0; 32];
                one[0] = 1;
                one
            },
            [0xff; 32],
        ] {
            let bad = AuthPublicKey(bad);
            assert!(ClueKey::of_source(&people.source, &people.contact, number(0), number(0), &bad).is_err());
        }
    }
}
