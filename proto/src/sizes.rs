//! Sizes on the wire, on disk and in memory, each the sum of named parts.
//!
//! ```
//! use cssr_proto::sizes::*;
//! assert_eq!(ENVELOPE, 16_256);
//! assert_eq!(LETTER_HEADER + SLOTS * SLOT + SEALED_BODY, ENVELOPE);
//! assert_eq!(LARGE_HEADER + ENVELOPE, LARGE_FRAME);
//! assert_eq!(SEALED_BODY, 6_878);
//! ```

/// An authentication tag of (X)ChaCha20-Poly1305.
pub const TAG: usize = 16;
/// A SHA-256 output, HMAC-SHA256 output or symmetric key.
pub const HASH: usize = 32;
/// An X25519 public or private key.
pub const X25519_KEY: usize = 32;
/// An X-Wing public key.
pub const XWING_PUBLIC_KEY: usize = 1_216;
/// An X-Wing ciphertext.
pub const XWING_CIPHERTEXT: usize = 1_120;
/// An X-Wing private key: a seed.
pub const XWING_SEED: usize = 32;
/// An Ed25519 signature.
pub const SIGNATURE: usize = 64;
/// An envelope id.
pub const ENVELOPE_ID: usize = 16;

/// Every envelope, letter or chunk.
pub const ENVELOPE: usize = 16_256;
/// Version and suite.
pub const ENVELOPE_PREFIX: usize = 2;
/// Version, suite, commitment.
pub const LETTER_HEADER: usize = ENVELOPE_PREFIX + HASH;
/// One slot: encapsulation and wrapped content key.
pub const SLOT: usize = XWING_CIPHERTEXT + HASH + TAG;
/// Slots in a letter: seven seats and the source.
pub const SLOTS: usize = 8;
/// Seats of a desk at most.
pub const SEATS: usize = SLOTS - 1;
/// The slot of the source in a reply.
pub const SOURCE_SLOT: u8 = 7;
/// Everything before the body.
pub const BODY_OFFSET: usize = LETTER_HEADER + SLOTS * SLOT;
/// The body with its tag.
pub const SEALED_BODY: usize = ENVELOPE - BODY_OFFSET;
/// The body before sealing: length, CBOR, zeros.
pub const PLAIN_BODY: usize = SEALED_BODY - TAG;
/// What inflating a message may yield at most.
pub const MESSAGE_MAX: usize = 65_536;
/// Bytes of text in a message at most.
pub const TEXT_MAX: usize = 65_000;

/// Nonce of a chunk.
pub const CHUNK_NONCE: usize = 24;
/// File bytes in a chunk.
pub const CHUNK_PIECE: usize = ENVELOPE - ENVELOPE_PREFIX - CHUNK_NONCE - TAG;

/// A small frame before encryption.
pub const SMALL_FRAME: usize = 512;
/// Header of a small frame.
pub const SMALL_HEADER: usize = 16;
/// Payload of a small frame.
pub const SMALL_PAYLOAD: usize = SMALL_FRAME - SMALL_HEADER;
/// A large frame before encryption.
pub const LARGE_FRAME: usize = 16_384;
/// Header of a large frame.
pub const LARGE_HEADER: usize = 128;
/// Each of the two handshake messages.
pub const HANDSHAKE: usize = 1_536;
/// A small frame on the wire.
pub const SMALL_WIRE: usize = SMALL_FRAME + TAG;
/// A large frame on the wire.
pub const LARGE_WIRE: usize = LARGE_FRAME + TAG;

/// Nonce of postage.
pub const POSTAGE_NONCE: usize = 16;
/// Equi-X solution of postage.
pub const POSTAGE_SOLUTION: usize = 16;
/// What the relay announces in the handshake.
pub const ANNOUNCEMENT: usize = 320;

/// A roster statement at most.
pub const ROSTER_MAX: usize = 65_536;
/// A seat key, prekey or request statement at most.
pub const SEAT_STATEMENT_MAX: usize = 2_048;
/// A note statement at most.
pub const NOTE_MAX: usize = 4_096;
/// A directory at most.
pub const DIRECTORY_MAX: usize = 1_048_576;
/// Ids in one batch at most.
pub const BATCH_MAX: usize = 65_536;
/// An index of one day at most: a million letters and the frames of their batches.
pub const INDEX_MAX: usize = 33_554_432;
/// All statements, or all notes, that a relay tells couriers and seats at most.
pub const STATEMENTS_MAX: usize = 8_388_608;
/// A publication by an anonymous session at most: a roster, or 16 statements of seats, and their CBOR heads.
pub const SEAT_PUBLICATION_MAX: usize = ROSTER_MAX + 64;
/// A publication by a courier at most: a note and a directory, and their CBOR heads.
pub const PUBLICATION_MAX: usize = DIRECTORY_MAX + NOTE_MAX + 64;
