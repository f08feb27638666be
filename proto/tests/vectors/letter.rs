use crate::Outcome;
use crate::case::{Case, Value};
use crate::primitives::{dh, kdf, kdf_salted, mac, tagged};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce};
use cssr_proto::keys::{AuthPublicKey, ContactSecret, PrekeySecret, ReplySecret, SeatAuthKey, SourceAuthKey};
use cssr_proto::letter::{
    Author, Correspondent, Letter, OpenError, Opened, Quarantine, Recipients, SeatOpener, SeatReader, SeatSender,
    SenderLookup, SourceOpener, seal,
};
use cssr_proto::message::Message;
use cssr_proto::sizes::SEATS;
use cssr_proto::{Contact, DeskNumber, Envelope, EnvelopeId, Hash, OfficeId, SeatNumber};
use hpke::kem::XWing;
use hpke::{Deserializable as _, Kem, OpModeR};
use std::convert::Infallible;

pub fn letter(case: &Case) -> Outcome {
    let reader = Reader::of(case);
    let envelope = Envelope::from_slice(&reader.envelope).map_err(|_| "cannot-open")?;
    let opened = reader.open(&envelope).map_err(|error| match error {
        OpenError::CannotOpen => "cannot-open",
        OpenError::Quarantined(quarantine) => quarantine_name(quarantine),
        other => panic!("{other}"),
    })?;
    case.expect(
        "author",
        match opened.author {
            Author::Source { .. } => "source".to_owned(),
            Author::Seat { desk, seat, .. } => format!("seat {}.{}", desk.get(), seat.get()),
        },
    );
    let (Author::Source { key } | Author::Seat { key, .. }) = opened.author;
    case.expect("sender-key", key.as_bytes());
    case.expect("directory-echo", opened.directory.0);
    case.expect("offline", opened.offline);
    case.expect("contact", opened.contact.as_ref().map(|contact| contact.to_bytes().to_vec()));
    case.expect_all("named", (0_u32..).zip(opened.named).filter(|(_, named)| *named).map(|(slot, _)| slot));
    case.expect("opened-by", opened.key as u64);
    // But for extensions, which a reader drops.
    let message = case.output("message").bytes();
    assert!(Message::from_bytes(&message).unwrap() == opened.message);

    reader.check_steps(case, &opened, *key.as_bytes());
    check_sealing(case, &reader, &opened, &envelope);
    Ok(())
}

fn quarantine_name(quarantine: Quarantine) -> &'static str {
    match quarantine {
        Quarantine::OtherOffice => "other-office",
        Quarantine::OtherDesk => "other-desk",
        Quarantine::NotNamed => "not-named",
        Quarantine::UnknownSeat => "unknown-seat",
        Quarantine::SeatKey => "seat-key",
        Quarantine::NotFromSeat => "not-from-seat",
        Quarantine::SenderKey => "sender-key",
        Quarantine::Mac => "mac",
        Quarantine::Compression => "compression",
        Quarantine::Message => "message",
        Quarantine::Kind => "kind",
        Quarantine::Contact => "contact",
        other => panic!("{other}"),
    }
}

struct Reader {
    office: OfficeId,
    /// Desk and seat; none for the source.
    seat: Option<(DeskNumber, SeatNumber)>,
    auth: Vec<[u8; 32]>,
    x_wing: Vec<[u8; 32]>,
    known: Known,
    id: EnvelopeId,
    envelope: Vec<u8>,
}

/// Seat keys of directories that were verified.
struct Known(Vec<(DeskNumber, SeatNumber, AuthPublicKey)>);

impl SenderLookup for Known {
    fn is_listed(&self, desk: DeskNumber, seat: SeatNumber, key: &AuthPublicKey) -> bool {
        self.0.contains(&(desk, seat, *key))
    }

    fn is_seat_key(&self, key: &AuthPublicKey) -> bool {
        self.0.iter().any(|(.., known)| known == key)
    }
}

impl Reader {
    fn of(case: &Case) -> Self {
        let desk = |value: Value| DeskNumber::new(value.number()).unwrap();
        let seat = |value: Value| SeatNumber::new(value.number()).unwrap();
        let known = case.all("known-desk").into_iter().zip(case.all("known-seat")).zip(case.all("known-key"));
        let known = known.map(|((d, s), key)| (desk(d), seat(s), AuthPublicKey(key.array())));
        Self {
            office: OfficeId(case.given("office").array()),
            seat: case.given("desk").optional().map(desk).zip(case.given("seat").optional().map(seat)),
            auth: case.all("auth-private-key").iter().map(Value::array).collect(),
            x_wing: case.all("x-wing-seed").iter().map(Value::array).collect(),
            known: Known(known.collect()),
            id: EnvelopeId(case.given("id").array()),
            envelope: case.given("envelope").bytes(),
        }
    }

    fn open(&self, envelope: &Envelope) -> Result<Opened, OpenError> {
        match self.seat {
            Some((desk, seat)) => {
                let auth: Vec<_> = self.auth.iter().map(|key| SeatAuthKey::from_bytes(*key)).collect();
                let prekeys: Vec<_> = self.x_wing.iter().map(|seed| PrekeySecret::from_bytes(*seed)).collect();
                SeatOpener::new(self.office, desk, seat, &auth).open(&self.id, envelope, &prekeys, &self.known)
            }
            None => {
                let ([auth], [reply]) = (self.auth.as_slice(), self.x_wing.as_slice()) else { panic!("one key each") };
                let (auth, reply) = (SourceAuthKey::from_bytes(*auth), ReplySecret::from_bytes(*reply));
                SourceOpener::new(self.office, &auth, &reply).open(&self.id, envelope, &self.known)
            }
        }
    }

    fn slot(&self) -> u8 {
        self.seat.map_or(7, |(_, seat)| seat.get() as u8)
    }

    /// Opens the letter by the equations of the protocol and compares every value on the way.
    fn check_steps(&self, case: &Case, opened: &Opened, sender: [u8; 32]) {
        let (slot, envelope) = (self.slot(), &self.envelope);
        let info = [&tagged("cssr1 slot")[..], &[1, 1], self.id.as_bytes(), &[slot]].concat();
        case.expect("slot-info", info.as_slice());
        let content_key =
            open_slot(&self.x_wing[opened.key], &info, &envelope[34 + 1_168 * usize::from(slot)..][..1_168]);
        assert_eq!(case.source("content-key"), Value::from(content_key.as_slice()));
        let commitment = kdf(&content_key, "cssr1 commitment", b"");
        case.expect("commitment", commitment);
        assert_eq!(envelope[2..34], commitment);
        let body_key = kdf(&content_key, "cssr1 body key", b"");
        case.expect("body-key", body_key);
        let aad = [&tagged("cssr1 body")[..], self.id.as_bytes(), &envelope[..9_378]].concat();
        let payload = Payload { msg: &envelope[9_378..], aad: &aad };
        let plain = ChaCha20Poly1305::new(&body_key.into()).decrypt(&Nonce::default(), payload).unwrap();
        let length = usize::from(u16::from_be_bytes([plain[0], plain[1]]));
        let body = &plain[2..2 + length];
        case.expect("body", body);

        let salt = kdf(&content_key, "cssr1 mac salt", b"");
        case.expect("mac-salt", salt);
        let right = self.auth.iter().filter(|private| {
            let mac_key = kdf_salted(Some(&salt), &dh(**private, sender), "cssr1 mac key", &[slot]);
            case.output("mac-key") == Value::from(mac_key)
        });
        assert_eq!(right.count(), 1);
        let tag = mac(&case.output("mac-key").bytes(), &case.output("transcript").bytes());
        case.expect("mac", tag);
        assert!(body.windows(32).any(|window| window == tag));
    }
}

fn open_slot(seed: &[u8; 32], info: &[u8], slot: &[u8]) -> Vec<u8> {
    let (enc, wrapped) = slot.split_at(1_120);
    let secret = <XWing as Kem>::PrivateKey::from_bytes(seed).unwrap();
    let enc = <XWing as Kem>::EncappedKey::from_bytes(enc).unwrap();
    hpke::single_shot_open::<hpke::aead::ChaCha20Poly1305, hpke::kdf::HkdfSha256, XWing>(
        &OpModeR::Base,
        &secret,
        &enc,
        info,
        wrapped,
        b"",
    )
    .unwrap()
}

/// Seals the letter again from what it was made from. It must become the same, unless another program compressed it or
/// it has an extension, which this one does not write.
fn check_sealing(case: &Case, reader: &Reader, opened: &Opened, envelope: &Envelope) {
    let message = case.output("message").bytes();
    let sender = case.source("sender-private-key").array();
    let content_key = case.source("content-key").bytes();
    let auth_keys: Vec<Option<[u8; 32]>> =
        case.sources("slot-auth-key").into_iter().map(|key| key.optional().map(|key| key.array())).collect();
    let seeds: Vec<[u8; 32]> = case.sources("slot-x-wing-seed").iter().map(Value::array).collect();
    let encapsulations: Vec<Vec<u8>> = case.sources("slot-encapsulation").iter().map(Value::bytes).collect();
    if opened.message.to_bytes().as_slice() != message || case.path().ends_with("stored-blocks.txt") {
        return;
    }
    let publics: Vec<_> = seeds.iter().map(|seed| PrekeySecret::from_bytes(*seed).public()).collect();
    let desk = match opened.author {
        Author::Seat { desk, .. } => desk,
        Author::Source { .. } => reader.seat.unwrap().0,
    };
    let readers =
        |slot: usize| auth_keys[slot].map(|auth| SeatReader { auth: AuthPublicKey(auth), prekey: &publics[slot] });
    let to = Recipients {
        office: reader.office,
        desk,
        directory: Hash(opened.directory.0),
        offline: opened.offline,
        seats: std::array::from_fn::<_, SEATS, _>(readers),
    };
    // All randomness in the order in which it is drawn: id (of a clue its first half), content key, the key of nobody.
    let id_nonce = if auth_keys[7].is_some() { &reader.id.as_bytes()[..8] } else { reader.id.as_bytes() };
    let nobody = (0..8).find(|slot| auth_keys[*slot].is_none()).map(|slot| seeds[slot].to_vec());
    let mut script = [id_nonce, &content_key, &nobody.unwrap_or_default(), &encapsulations.concat()].concat();
    if matches!(opened.message, Message::Cover) {
        script = [&sender[..], &script].concat();
    }
    let mut script = Script(script);

    let (source_key, seat_key) = (SourceAuthKey::from_bytes(sender), SeatAuthKey::from_bytes(sender));
    let number = match opened.author {
        Author::Seat { seat, .. } => seat,
        Author::Source { .. } => SeatNumber::LEAST,
    };
    let from = SeatSender { number, auth: &seat_key };
    let contact = case
        .sources("contact-secret")
        .first()
        .map(|secret| Contact { reply_key: publics[7].clone(), secret: ContactSecret::from_bytes(secret.array()) });
    let source = || Correspondent { auth: AuthPublicKey(auth_keys[7].unwrap()), contact: contact.as_ref().unwrap() };
    let letter = match &opened.message {
        Message::Testimony(message) => {
            Letter::Testimony { from: &source_key, contact: opened.contact.as_ref().unwrap(), message }
        }
        Message::Reply(message) => Letter::Reply { from, to: source(), message },
        Message::Receipt(message) => Letter::Receipt { from, to: source(), message },
        Message::TeamEvent(message) => Letter::TeamEvent { from, message },
        Message::Cover => Letter::Cover,
    };
    let sealed = seal(&letter, &to, &mut script).unwrap();
    assert!(script.0.is_empty(), "{}: randomness is left", case.path());
    assert!(sealed.id == reader.id && sealed.envelope == *envelope, "{}: sealed again, it is another", case.path());
}

/// A "generator" that gives bytes in their order. Asked for more, it panics.
pub struct Script(pub Vec<u8>);

impl rand_core::TryRng for Script {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("only bytes are drawn")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("only bytes are drawn")
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        let rest = self.0.split_off(target.len());
        target.copy_from_slice(&self.0);
        self.0 = rest;
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Script {}
