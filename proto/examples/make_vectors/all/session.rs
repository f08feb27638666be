//! The session (section 11): Noise and X-Wing put together from their primitives, without a Noise library.

use super::case::Case;
use super::frame::{Frame, Large};
use super::kit::{
    Key, Script, X25519_LOW_ORDER, X25519_NOT_CANONICAL, dh, kdf, mac, noise, seed, sha256, x_wing, x25519,
};
use super::office::{DAY, relay_private};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = relays();
    cases.extend(refused_by_relays());
    cases.extend(clients());
    cases.extend(refused_by_clients());
    cases.extend(transport());
    cases.extend(refused_in_transport());
    cases
}

/// What the relay says to everyone.
#[derive(Clone, Copy)]
struct Announcement {
    day: u32,
    letter_effort: u32,
    chunk_effort: u32,
    in_flight: u16,
}

impl Announcement {
    const USUAL: Self = Self { day: DAY, letter_effort: 30, chunk_effort: 70_000, in_flight: 64 };

    /// 320 bytes.
    fn bytes(self) -> Vec<u8> {
        let mut bytes = 1_u16.to_be_bytes().to_vec();
        bytes.extend([self.day, self.letter_effort, self.chunk_effort].map(u32::to_be_bytes).concat());
        bytes.extend(self.in_flight.to_be_bytes());
        bytes.resize(320, 0);
        bytes
    }
}

/// Everything that two sides bring, honest or not.
#[derive(Clone)]
struct Sides {
    protocol: &'static [u8],
    prologue: Vec<u8>,
    x_wing: Key,
    client_ephemeral: Key,
    /// What the client sends as its public key.
    client_public: Key,
    /// The payload of message 1.
    offer: Vec<u8>,
    relay_private: Key,
    relay_ephemeral: Key,
    relay_ephemeral_public: Key,
    relay_public: Key,
    encapsulation: Vec<u8>,
    /// The payload of message 2.
    announcement: Vec<u8>,
}

/// What comes of it.
struct Handshake {
    messages: [Vec<u8>; 2],
    shared: Key,
    psk: Key,
    hash: Key,
    to_relay: Key,
    to_client: Key,
}

/// `SymmetricState` of Noise, section 5.2.
#[derive(Clone)]
struct Symmetric {
    chaining_key: Key,
    hash: Key,
    key: Key,
    nonce: u64,
}

impl Symmetric {
    fn new(protocol: &[u8], prologue: &[u8]) -> Self {
        assert!(protocol.len() > 32, "a shorter name is padded, not hashed");
        let hash = sha256(protocol);
        let mut state = Self { chaining_key: hash, hash, key: [0; 32], nonce: 0 };
        state.mix_hash(prologue);
        state
    }

    fn mix_hash(&mut self, data: &[u8]) {
        self.hash = sha256(&[&self.hash[..], data].concat());
    }

    fn mix_key(&mut self, input: &[u8]) {
        let [chaining_key, key, _] = noise_hkdf(&self.chaining_key, input);
        (self.chaining_key, self.key, self.nonce) = (chaining_key, key, 0);
    }

    fn mix_key_and_hash(&mut self, input: &[u8]) {
        let [chaining_key, hash, key] = noise_hkdf(&self.chaining_key, input);
        self.mix_hash(&hash);
        (self.chaining_key, self.key, self.nonce) = (chaining_key, key, 0);
    }

    /// A public ephemeral key: in a pattern with a pre-shared key it goes into the chaining key, too.
    fn ephemeral(&mut self, public: &Key) -> Vec<u8> {
        self.mix_hash(public);
        self.mix_key(public);
        public.to_vec()
    }

    fn encrypt_and_hash(&mut self, plain: &[u8]) -> Vec<u8> {
        let sealed = seal(&self.key, self.nonce, &self.hash, plain);
        self.nonce += 1;
        self.mix_hash(&sealed);
        sealed
    }
}

/// `HKDF` of Noise, section 4.3, with three outputs; the first two are the same with two.
fn noise_hkdf(chaining_key: &Key, input: &[u8]) -> [Key; 3] {
    let key = mac(chaining_key, input);
    let first = mac(&key, &[1]);
    let second = mac(&key, &[&first[..], &[2]].concat());
    [first, second, mac(&key, &[&second[..], &[3]].concat())]
}

/// `ENCRYPT` of Noise with ChaChaPoly: four zero bytes and the counter, little-endian.
fn seal(key: &Key, counter: u64, ad: &[u8], plain: &[u8]) -> Vec<u8> {
    let nonce: [u8; 12] = [&[0; 4][..], &counter.to_le_bytes()].concat().try_into().unwrap();
    ChaCha20Poly1305::new(&(*key).into()).encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: ad }).unwrap()
}

fn encapsulate(public: &[u8], randomness: &[u8]) -> (Vec<u8>, Key) {
    use x_wing::{Encapsulate as _, EncapsulationKey};
    let mut script = Script(randomness.to_vec());
    let (ciphertext, shared) = EncapsulationKey::try_from(public).unwrap().encapsulate_with_rng(&mut script);
    assert!(script.0.is_empty());
    (ciphertext.to_vec(), shared.into())
}

fn decapsulate(seed: &Key, ciphertext: &[u8]) -> Key {
    use x_wing::{Decapsulate as _, DecapsulationKey};
    DecapsulationKey::from(*seed).decapsulate(&ciphertext.try_into().unwrap()).into()
}

/// Public key and zeros.
fn offer(x_wing_key: &[u8]) -> Vec<u8> {
    let mut offer = x_wing_key.to_vec();
    offer.resize(1_488, 0);
    offer
}

impl Sides {
    fn usual() -> Self {
        let (x_wing_seed, relay_private) = (seed("X-Wing seed of a session"), relay_private());
        let (client_ephemeral, relay_ephemeral) = (seed("ephemeral key of a client"), seed("ephemeral key of a relay"));
        Self {
            protocol: b"Noise_NXpsk2_25519_ChaChaPoly_SHA256",
            prologue: b"cssr1 session".to_vec(),
            x_wing: x_wing_seed,
            client_ephemeral,
            client_public: x25519(&client_ephemeral),
            offer: offer(&x_wing(&x_wing_seed)),
            relay_private,
            relay_ephemeral,
            relay_ephemeral_public: x25519(&relay_ephemeral),
            relay_public: x25519(&relay_private),
            encapsulation: noise("encapsulation of a session", 64),
            announcement: Announcement::USUAL.bytes(),
        }
    }

    fn announcing(announcement: Announcement) -> Self {
        Self { announcement: announcement.bytes(), ..Self::usual() }
    }

    fn first(&self) -> (Symmetric, Vec<u8>) {
        let mut noise = Symmetric::new(self.protocol, &self.prologue);
        let message = [noise.ephemeral(&self.client_public), noise.encrypt_and_hash(&self.offer)].concat();
        (noise, message)
    }

    fn psk(&self, shared: &Key, ciphertext: &[u8]) -> Key {
        kdf(shared, "cssr1 session psk", &sha256(&[self.first().1, ciphertext.to_vec()].concat()))
    }

    fn run(&self) -> Handshake {
        let (ciphertext, shared) = encapsulate(&self.offer[..1_216], &self.encapsulation);
        self.run_with(&ciphertext, &shared, &self.psk(&shared, &ciphertext))
    }

    /// The rest of the handshake, as the client computes it.
    fn run_with(&self, ciphertext: &[u8], shared: &Key, psk: &Key) -> Handshake {
        let (mut noise, first) = self.first();
        let mut second = ciphertext.to_vec();
        second.extend(noise.ephemeral(&self.relay_ephemeral_public));
        noise.mix_key(&dh(&self.client_ephemeral, &self.relay_ephemeral_public));
        second.extend(noise.encrypt_and_hash(&self.relay_public));
        noise.mix_key(&dh(&self.client_ephemeral, &self.relay_public));
        noise.mix_key_and_hash(psk);
        second.extend(noise.encrypt_and_hash(&self.announcement));
        let [to_relay, to_client, _] = noise_hkdf(&noise.chaining_key, &[]);
        Handshake { messages: [first, second], shared: *shared, psk: *psk, hash: noise.hash, to_relay, to_client }
    }

    fn relay_secrets(&self) -> [(&'static str, Vec<u8>); 3] {
        [
            ("relay-private-key", self.relay_private.to_vec()),
            ("relay-ephemeral-key", self.relay_ephemeral.to_vec()),
            ("relay-encapsulation", self.encapsulation.clone()),
        ]
    }

    fn client_secrets(&self) -> [(&'static str, Vec<u8>); 2] {
        [("x-wing-seed", self.x_wing.to_vec()), ("client-ephemeral-key", self.client_ephemeral.to_vec())]
    }
}

fn announced(case: Case, announcement: &Announcement, with: fn(Case, &'static str, u32) -> Case) -> Case {
    let case = with(case, "day", announcement.day);
    let case = with(case, "letter-effort", announcement.letter_effort);
    let case = with(case, "chunk-effort", announcement.chunk_effort);
    with(case, "in-flight", announcement.in_flight.into())
}

fn agreed(case: Case, handshake: &Handshake) -> Case {
    case.output("shared-secret", handshake.shared)
        .output("psk", handshake.psk)
        .output("handshake-hash", handshake.hash)
        .output("key-to-relay", handshake.to_relay)
        .output("key-to-client", handshake.to_client)
}

/// What a relay is given.
fn to_relay(case: Case, sides: &Sides, announcement: &Announcement, message: &[u8]) -> Case {
    let case = sides.relay_secrets().into_iter().fold(case, |case, (name, value)| case.input(name, value));
    announced(case, announcement, |case, name, value| case.input(name, value)).input("message-1", message)
}

const FREE: Announcement = Announcement { day: 4, letter_effort: 0, chunk_effort: 0, in_flight: 1 };

fn relays() -> Vec<Case> {
    let ok = |name: &str, comment: &str, sides: &Sides, announcement: &Announcement| {
        let handshake = sides.run();
        let [first, second] = &handshake.messages;
        let case = to_relay(Case::ok(&format!("handshake-relay/{name}"), comment), sides, announcement, first);
        agreed(case.output("x-wing-key", &sides.offer[..1_216]).output("message-2", second), &handshake)
    };
    let mut low_order = Sides::usual();
    low_order.offer[1_184..1_216].fill(0);
    vec![
        ok("usual", "An answer with postage, and 64 requests in flight.", &Sides::usual(), &Announcement::USUAL),
        ok("least-announcement", "All that is announced is as small as it may be.", &Sides::announcing(FREE), &FREE),
        ok(
            "x-wing-key-low-order",
            "The X25519 part of the X-Wing key is of small order: inside X-Wing that is no failure.",
            &low_order,
            &Announcement::USUAL,
        ),
    ]
}

fn refused_by_relays() -> Vec<Case> {
    let usual = Sides::usual();
    let right = usual.first().1;
    let bytes = |name: &str, comment: &str, message: &[u8]| {
        let case = Case::refused(&format!("handshake-relay/{name}"), "handshake", comment);
        to_relay(case, &usual, &Announcement::USUAL, message)
    };
    let case = |name: &str, comment: &str, edit: &dyn Fn(&mut Sides)| {
        let mut sides = usual.clone();
        edit(&mut sides);
        bytes(name, comment, &sides.first().1)
    };
    let changed = |name: &str, comment: &str, at: usize| {
        let mut message = right.clone();
        message[at] ^= 1;
        bytes(name, comment, &message)
    };
    vec![
        bytes("one-byte-less", "1,535 bytes.", &right[..1_535]),
        bytes("one-byte-more", "1,537 bytes.", &[&right[..], &[0]].concat()),
        bytes("nothing", "No bytes.", &[]),
        changed("ephemeral-key-changed", "One bit of the ephemeral key: the payload is sealed under it.", 0),
        changed("payload-changed", "One bit of the sealed payload.", 32),
        changed("tag-changed", "One bit of the tag.", 1_535),
        case("padding-first", "The first byte after the X-Wing key.", &|sides| sides.offer[1_216] = 1),
        case("padding-last", "The last byte of the payload.", &|sides| sides.offer[1_487] = 1),
        case("ml-kem-modulus", "A coefficient of the X-Wing key's ML-KEM part is not below the modulus.", &|sides| {
            sides.offer[..3].fill(0xff)
        }),
        case("x-wing-key-not-canonical", "The X25519 part of the X-Wing key is not below 2^255 - 19.", &|sides| {
            sides.offer[1_184..1_216].copy_from_slice(&X25519_NOT_CANONICAL)
        }),
        case("ephemeral-key-zero", "An ephemeral key of zeros, of small order.", &|sides| {
            sides.client_public = [0; 32]
        }),
        case("ephemeral-key-low-order", "An ephemeral key of small order.", &|sides| {
            sides.client_public = X25519_LOW_ORDER
        }),
        case("ephemeral-key-not-canonical", "An ephemeral key that is not below 2^255 - 19.", &|sides| {
            sides.client_public = X25519_NOT_CANONICAL
        }),
        case("ephemeral-key-top-bit", "An ephemeral key with the top bit set.", &|sides| {
            sides.client_public[31] |= 0x80
        }),
        case("other-prologue", "The prologue of another protocol.", &|sides| {
            sides.prologue = b"cssr2 session".to_vec()
        }),
        case("prologue-with-length", "The length stands before the prologue.", &|sides| sides.prologue.insert(0, 13)),
        case("other-pattern", "The name of another pattern.", &|sides| {
            sides.protocol = b"Noise_NXpsk0_25519_ChaChaPoly_SHA256"
        }),
    ]
}

/// What a client is given.
fn to_client(case: Case, sides: &Sides, message: &[u8]) -> Case {
    let case = sides.client_secrets().into_iter().fold(case, |case, (name, value)| case.input(name, value));
    case.input("message-2", message)
}

/// A ciphertext whose X25519 part is all zero, and what the client makes of it.
fn zero_ciphertext(sides: &Sides) -> (Vec<u8>, Key) {
    let (mut ciphertext, _) = encapsulate(&x_wing(&sides.x_wing), &sides.encapsulation);
    ciphertext[1_088..].fill(0);
    let shared = decapsulate(&sides.x_wing, &ciphertext);
    (ciphertext, shared)
}

fn clients() -> Vec<Case> {
    let with = |name: &str, comment: &str, sides: &Sides, announcement: &Announcement, handshake: &Handshake| {
        let [first, second] = &handshake.messages;
        let case = to_client(Case::ok(&format!("handshake-client/{name}"), comment), sides, second);
        let case = sides.relay_secrets().into_iter().fold(case, |case, (name, value)| case.from(name, value));
        let case = case.output("x-wing-key", x_wing(&sides.x_wing)).output("message-1", first);
        let case = case.output("relay-key", sides.relay_public);
        agreed(announced(case, announcement, |case, name, value| case.output(name, value)), handshake)
    };
    let ok = |name: &str, comment: &str, sides: &Sides, announcement: &Announcement| {
        with(name, comment, sides, announcement, &sides.run())
    };
    let impostor = seed("a relay that is not in the roster");
    let impostor = Sides { relay_private: impostor, relay_public: x25519(&impostor), ..Sides::usual() };
    let greatest = Announcement { day: u32::MAX, letter_effort: u32::MAX, chunk_effort: u32::MAX, in_flight: u16::MAX };
    let usual = Sides::usual();
    let (ciphertext, shared) = zero_ciphertext(&usual);
    let zero = usual.run_with(&ciphertext, &shared, &usual.psk(&shared, &ciphertext));
    vec![
        ok("usual", "The other side of `handshake-relay/usual`.", &usual, &Announcement::USUAL),
        ok("least-announcement", "All that is announced is as small as it may be.", &Sides::announcing(FREE), &FREE),
        ok(
            "greatest-announcement",
            "All that is announced is as large as it may be; what that means is for later.",
            &Sides::announcing(greatest),
            &greatest,
        ),
        ok(
            "other-relay",
            "The relay has any key: whether the roster lists it is checked after the handshake (section 4.6).",
            &impostor,
            &Announcement::USUAL,
        ),
        with(
            "ciphertext-low-order",
            "The X25519 part of the X-Wing ciphertext is zero: inside X-Wing that is no failure.",
            &usual,
            &Announcement::USUAL,
            &zero,
        ),
    ]
}

fn refused_by_clients() -> Vec<Case> {
    let usual = Sides::usual();
    let honest = usual.run();
    let [_, right] = &honest.messages;
    let no = |name: &str, reason: &str, comment: &str, message: &[u8]| {
        to_client(Case::refused(&format!("handshake-client/{name}"), reason, comment), &usual, message)
    };
    let bytes = |name: &str, comment: &str, message: &[u8]| no(name, "handshake", comment, message);
    let changed = |name: &str, comment: &str, at: usize| {
        let mut message = right.clone();
        message[at] ^= 1;
        bytes(name, comment, &message)
    };
    let case = |name: &str, comment: &str, edit: &dyn Fn(&mut Sides)| {
        let mut sides = usual.clone();
        edit(&mut sides);
        bytes(name, comment, &sides.run().messages[1])
    };
    let said = |name: &str, reason: &str, comment: &str, at: usize, value: &[u8]| {
        let mut sides = usual.clone();
        sides.announcement[at..at + value.len()].copy_from_slice(value);
        no(name, reason, comment, &sides.run().messages[1])
    };
    let (ciphertext, shared) = encapsulate(&x_wing(&usual.x_wing), &usual.encapsulation);
    let with_psk = |name: &str, comment: &str, psk: &Key| {
        bytes(name, comment, &usual.run_with(&ciphertext, &shared, psk).messages[1])
    };
    let other_client = Sides { client_public: x25519(&seed("another client")), ..usual.clone() };
    vec![
        bytes("one-byte-less", "1,535 bytes.", &right[..1_535]),
        bytes("one-byte-more", "1,537 bytes.", &[&right[..], &[0]].concat()),
        bytes("nothing", "No bytes.", &[]),
        bytes("own-message", "The client's own message.", &usual.first().1),
        changed("ml-kem-ciphertext-changed", "One bit of the ML-KEM ciphertext: another pre-shared key.", 0),
        changed("x25519-ciphertext-changed", "One bit of the X25519 part of the ciphertext.", 1_088),
        changed("ephemeral-key-changed", "One bit of the ephemeral key.", 1_120),
        changed("static-key-changed", "One bit of the sealed static key.", 1_152),
        changed("static-tag-changed", "One bit of the static key's tag.", 1_199),
        changed("announcement-changed", "One bit of the sealed announcement.", 1_200),
        changed("tag-changed", "One bit of the last tag.", 1_535),
        bytes("for-another-client", "An answer to another message 1.", &other_client.run().messages[1]),
        case("ephemeral-key-zero", "An ephemeral key of zeros, of small order.", &|sides| {
            sides.relay_ephemeral_public = [0; 32]
        }),
        case("ephemeral-key-low-order", "An ephemeral key of small order.", &|sides| {
            sides.relay_ephemeral_public = X25519_LOW_ORDER
        }),
        case("ephemeral-key-not-canonical", "An ephemeral key that is not below 2^255 - 19.", &|sides| {
            sides.relay_ephemeral_public = X25519_NOT_CANONICAL
        }),
        case("static-key-low-order", "A static key of small order.", &|sides| sides.relay_public = X25519_LOW_ORDER),
        case("static-key-not-canonical", "A static key that is not below 2^255 - 19.", &|sides| {
            sides.relay_public = X25519_NOT_CANONICAL
        }),
        with_psk("psk-zero", "No pre-shared key: zeros.", &[0; 32]),
        with_psk("psk-shared-secret", "The X-Wing shared secret itself is the pre-shared key.", &shared),
        with_psk(
            "psk-without-ciphertext",
            "The pre-shared key is bound to message 1 only.",
            &kdf(&shared, "cssr1 session psk", &sha256(&usual.first().1)),
        ),
        said("version-0", "version", "A version that never was.", 0, &[0, 0]),
        said("version-2", "version", "A version that does not exist yet.", 0, &[0, 2]),
        said("day-3", "announcement", "Days before 1970-01-05 are not valid.", 2, &3_u32.to_be_bytes()),
        said("none-in-flight", "announcement", "No request may ever be sent.", 14, &[0, 0]),
        said("announcement-padding-first", "announcement", "The first byte of the padding.", 16, &[1]),
        said("announcement-padding-last", "announcement", "The last byte of the padding.", 319, &[1]),
    ]
}

/// What one side sends in a session.
struct Direction {
    key: Key,
    sent: Vec<Vec<u8>>,
}

impl Direction {
    fn new(key: Key) -> Self {
        Self { key, sent: Vec::new() }
    }

    /// The next message.
    fn send(mut self, plain: &[u8]) -> Self {
        self.sent.push(seal(&self.key, self.sent.len() as u64, &[], plain));
        self
    }
}

fn in_session(case: Case, reader: &str, messages: &[Vec<u8>]) -> Case {
    let sides = Sides::usual();
    let case = sides.client_secrets().into_iter().fold(case, |case, (name, value)| case.input(name, value));
    let case = sides.relay_secrets().into_iter().fold(case, |case, (name, value)| case.input(name, value));
    let case = announced(case, &Announcement::USUAL, |case, name, value| case.input(name, value));
    case.input("reader", reader).inputs("message", messages)
}

fn transport() -> Vec<Case> {
    let ok = |name: &str, comment: &str, reader: &str, key: Key, frames: &[Frame]| {
        let direction = frames.iter().fold(Direction::new(key), |direction, frame| direction.send(&frame.plain()));
        in_session(Case::ok(&format!("transport/{name}"), comment), reader, &direction.sent)
            .output("key", key)
            .outputs("frame", frames.iter().map(Frame::plain))
    };
    let handshake = Sides::usual().run();
    let large = Frame::large(0x81, 1, Large::default(), b"a directory");
    vec![
        ok("to-relay", "The first three messages of a client: small ones.", "relay", handshake.to_relay, &{
            [0x01, 0x02, 0x0a].map(|kind| Frame::small(kind, kind.into(), &[]))
        }),
        ok(
            "to-client",
            "The first two messages of a relay: a large and a small one.",
            "client",
            handshake.to_client,
            &{ [large, Frame::small(0xff, 2, &[0, 4, 0, 0])] },
        ),
    ]
}

fn refused_in_transport() -> Vec<Case> {
    let handshake = Sides::usual().run();
    let (first, second) = (Frame::small(0x01, 1, &[]).plain(), Frame::small(0x02, 2, &[]).plain());
    let no = |name: &str, reason: &str, comment: &str, messages: &[Vec<u8>]| {
        in_session(Case::refused(&format!("transport/{name}"), reason, comment), "relay", messages)
    };
    let case = |name: &str, comment: &str, messages: &[Vec<u8>]| no(name, "unreadable", comment, messages);
    let honest = Direction::new(handshake.to_relay).send(&first).send(&second).sent;
    let [one, two] = honest.as_slice() else { unreachable!() };
    let changed = |at: usize| {
        let mut message = one.clone();
        message[at] ^= 1;
        vec![message]
    };
    let by = |key: &Key, counter: u64, ad: &[u8], plain: &[u8]| vec![seal(key, counter, ad, plain)];
    let mut littered = first.clone();
    littered[511] = 1;
    vec![
        case("first-byte-changed", "One bit of the first byte.", &changed(0)),
        case("tag-changed", "One bit of the tag.", &changed(527)),
        case("one-byte-less", "527 bytes.", &[one[..527].to_vec()]),
        case("one-byte-more", "529 bytes.", &[[&one[..], &[0]].concat()]),
        case("nothing", "No bytes.", &[Vec::new()]),
        case("replayed", "The first message twice.", &[one.clone(), one.clone()]),
        case("exchanged", "The second message before the first.", &[two.clone(), one.clone()]),
        case("left-out", "The first message has not come.", std::slice::from_ref(two)),
        case("own-message", "What the relay itself would send.", &by(&handshake.to_client, 0, &[], &first)),
        case("counter-from-1", "The nonces are counted from 0.", &by(&handshake.to_relay, 1, &[], &first)),
        case("bound-to-the-hash", "The handshake hash is no associated data.", &{
            by(&handshake.to_relay, 0, &handshake.hash, &first)
        }),
        case("other-session", "Of a session with other keys.", &by(&seed("another session"), 0, &[], &first)),
        case("size-of-no-frame", "A message of 529 bytes that is authentic.", &{
            by(&handshake.to_relay, 0, &[], &[&first[..], &[0]].concat())
        }),
        no("malformed-frame", "malformed", "The frame inside breaks section 12.1: its last byte is not zero.", &{
            by(&handshake.to_relay, 0, &[], &littered)
        }),
    ]
}
