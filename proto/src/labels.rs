//! Every domain-separation label of the protocol, once.
//!
//! A label serves one purpose only; `docs/protocol.md` says which. They stand together so that a
//! reviewer can see at a glance that no two are equal.

/// Signature contexts (protocol, section 4.1).
pub mod context {
    /// A roster, signed by the root.
    pub const ROSTER: &str = "cssr1 roster";
    /// A seat's X25519 authentication key.
    pub const SEAT_KEY: &str = "cssr1 seat key";
    /// A seat's X-Wing key for one epoch.
    pub const PREKEY: &str = "cssr1 prekey";
    /// A note, signed by couriers.
    pub const NOTE: &str = "cssr1 note";
    /// A courier's proof within one session.
    pub const COURIER_SESSION: &str = "cssr1 courier session";
    /// A request to be admitted as a seat.
    pub const SEAT_REQUEST: &str = "cssr1 seat request";
    /// A request to be admitted as a courier.
    pub const COURIER_REQUEST: &str = "cssr1 courier request";
}

pub(crate) const ROOT_COMMITMENT: &str = "cssr1 root commitment";
pub(crate) const CARD: &str = "cssr1 card";
pub(crate) const STATEMENT: &str = "cssr1 statement";
pub(crate) const DIRECTORY: &str = "cssr1 directory";

pub(crate) const PASSPHRASE_CHECK: &str = "cssr1 passphrase check";
pub(crate) const PASSPHRASE_SALT: &str = "cssr1 passphrase salt";
pub(crate) const REPLY_KEY: &str = "cssr1 reply key";
pub(crate) const SOURCE_AUTH_KEY: &str = "cssr1 source auth key";
pub(crate) const CONTACT_SECRET: &str = "cssr1 contact secret";
pub(crate) const PARCEL_SECRET: &str = "cssr1 parcel secret";

pub(crate) const SLOT: &str = "cssr1 slot";
pub(crate) const COMMITMENT: &str = "cssr1 commitment";
pub(crate) const BODY_KEY: &str = "cssr1 body key";
pub(crate) const BODY: &str = "cssr1 body";
pub(crate) const MAC_SALT: &str = "cssr1 mac salt";
pub(crate) const MAC_KEY: &str = "cssr1 mac key";
pub(crate) const TRANSCRIPT: &str = "cssr1 transcript";
pub(crate) const CLUE: &str = "cssr1 clue";
pub(crate) const LETTER_NAME: &str = "cssr1 letter name";

pub(crate) const CHUNK: &str = "cssr1 chunk";
pub(crate) const CHUNK_KEY: &str = "cssr1 chunk key";
pub(crate) const CHUNK_NONCE: &str = "cssr1 chunk nonce";
pub(crate) const CHUNK_ID: &str = "cssr1 chunk id";
pub(crate) const CHUNK_BURN: &str = "cssr1 chunk burn";
pub(crate) const BOOKMARK: &str = "cssr1 bookmark";

pub(crate) const INDEX_GENESIS: &str = "cssr1 index genesis";
pub(crate) const CHUNK_GENESIS: &str = "cssr1 chunk genesis";
pub(crate) const INDEX_BATCH: &str = "cssr1 index batch";

/// The Noise prologue; not a tagged label.
pub(crate) const SESSION: &str = "cssr1 session";
pub(crate) const SESSION_PSK: &str = "cssr1 session psk";
pub(crate) const LETTER_POSTAGE: &str = "cssr1 letter postage";
pub(crate) const CHUNK_POSTAGE: &str = "cssr1 chunk postage";

/// The first item of a bundle (protocol, section 15.1).
pub(crate) const BUNDLE: &str = "cssr bundle 1";
/// What a directory file begins with.
pub(crate) const DIRECTORY_FILE: &str = "cssr directory 1";
