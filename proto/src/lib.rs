//! The CSSR Relay protocol: its bytes and its cryptography. No I/O, no clock, no global state; builds for
//! WebAssembly. `docs/protocol.md` is the specification, `proto/cssr.cddl` its data structures.
mod addressing;
pub mod bundle;
mod card;
mod cbor;
mod clue;
mod contact;
mod copy;
mod directory_file;
mod envelope;
pub mod frame;
mod hash;
mod ids;
pub mod index;
pub mod keys;
pub mod labels;
pub mod letter;
pub mod message;
pub mod mirror_name;
pub mod parcel;
mod passphrase;
pub mod postage;
pub mod publication;
mod random;
pub mod request;
pub mod response;
pub mod session;
pub mod sizes;
mod source;
mod statement;
mod time;
mod trust;
pub mod wire_error;

pub use card::{
    Address, AddressError, Addresses, Card, CardError, Fingerprint, Lineage, LineageError, Root, Scheme, commitment,
};
pub use cbor::{Bytes, List, Malformed, Number, Text};
pub use clue::{ClueKey, ClueScanner, Found};
pub use contact::Contact;
pub use directory_file::DirectoryFile;
pub use envelope::Envelope;
pub use hash::sha256;
pub use ids::{CourierNumber, DeskNumber, EnvelopeId, Hash, OfficeId, SeatNumber};
pub use passphrase::{DigitScript, Language, Parsed, Passphrase, PassphraseError, Suggestions, WordIndex};
pub use source::{OutOfMemory, SourceKeys};
pub use statement::{
    Accepted, AuthenticDirectory, CheckedNote, Courier, CourierError, CourierProof, CourierRequest, Desk, Directory,
    DirectoryError, Label, Note, NoteError, Notice, Payload, Policy, Pool, PoolError, Prekey, ProposedNote, Relay,
    RequestError, Roster, RosterError, RosterNumber, Seat, SeatKey, SeatRequest, SeatState, SeatStatement,
    SeatStatementError, SeatView, Signed, Unverified, UnverifiedDirectory, ValidNote,
};
pub use time::{Day, Epoch, NotADate};
pub use trust::{ClockChoice, TrustError, Trusted, TrustedOffline, trust, trust_offline};
