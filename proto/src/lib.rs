//! The CSSR Relay protocol: its bytes and its cryptography. No I/O, no clock, no global state; builds for
//! WebAssembly. `docs/protocol.md` is the specification, `proto/cssr.cddl` its data structures.
mod cbor;
mod hash;
mod ids;
pub mod keys;
pub mod labels;
pub mod sizes;
mod time;

pub use cbor::{Bytes, List, Malformed, Number, Text};
pub use hash::sha256;
pub use ids::{CourierNumber, DeskNumber, EnvelopeId, Hash, OfficeId, SeatNumber};
pub use time::{Day, Epoch};
