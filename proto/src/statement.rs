//! Signed statements (protocol, section 4).
//!
//! For most cases use [`Pool`] (relay, courier, seat: hold the newest statements and make the directory) or
//! [`trust`](crate::trust) (source: check what a relay gave). Whatever comes from outside is an
//! [`Unverified`] statement until a verification makes it a [`Signed`] one; only verified ones can be read.

mod courier_session;
mod directory;
mod note;
mod pool;
mod request;
mod roster;
mod seat;
pub(crate) mod signed;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use courier_session::CourierProof;
pub use directory::{AuthenticDirectory, Directory, DirectoryError, SeatView, UnverifiedDirectory};
pub use note::{CheckedNote, Note, NoteError, Notice, ProposedNote, ValidNote};
pub use pool::{Accepted, Pool, PoolError};
pub use request::{CourierRequest, RequestError, SeatRequest};
pub use roster::{
    Courier, CourierError, Desk, Label, Policy, Relay, Roster, RosterError, RosterNumber, Seat, SeatState,
};
pub use seat::{Prekey, SeatKey, SeatStatement, SeatStatementError};
pub use signed::{Payload, Signed, Unverified};
