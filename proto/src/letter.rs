//! Letters: messages sealed to the seats of a desk and, for replies, to a source (protocol, section 6).
//!
//! For most cases: [`seal`] a [`Letter`] to [`Recipients`]; open it with [`SeatOpener`] or [`SourceOpener`].
//!
//! Every letter has the same size and form whoever wrote it and however many can read it. One content key is wrapped for
//! each reader; a commitment to it makes sure that all readers see the same text; each reader has a MAC of its own, which
//! only it and the sender can make, so that no reader can pass a forged letter on to another and none can prove to a
//! third party who wrote it.

mod body;
mod deflate;
mod mac;
mod open;
mod seal;
mod slots;

pub use open::{Author, OpenError, Opened, Quarantine, SeatOpener, SenderLookup, SourceOpener};
pub use seal::{SealError, Sealed, check_size, seal};

use crate::contact::Contact;
use crate::ids::{DeskNumber, Hash, OfficeId, SeatNumber};
use crate::keys::{AuthPublicKey, PrekeyPublic, SeatAuthKey, SourceAuthKey};
use crate::message::{Receipt, Reply, TeamEvent, Testimony};
use crate::sizes::SEATS;

/// The desk that a letter is for, or comes from, and those of its seats that can read it; from one verified directory.
#[derive(Clone, Debug)]
pub struct Recipients<'a> {
    /// The office.
    pub office: OfficeId,
    /// The desk.
    pub desk: DeskNumber,
    /// The hash of the directory that all keys here are from.
    pub directory: Hash,
    /// Whether the letter is sealed without a fresh note, to the furthest prekeys (protocol, section 15.1).
    pub offline: bool,
    /// The active seats by number; none where a seat is absent, retired or mute.
    pub seats: [Option<SeatReader<'a>>; SEATS],
}

/// A seat's keys to seal to.
#[derive(Clone, Copy, Debug)]
pub struct SeatReader<'a> {
    /// Its authentication key.
    pub auth: AuthPublicKey,
    /// Its prekey for the epoch.
    pub prekey: &'a PrekeyPublic,
}

/// The source that a reply or receipt is for.
#[derive(Clone, Copy, Debug)]
pub struct Correspondent<'a> {
    /// Its authentication key: the sender key of its letters.
    pub auth: AuthPublicKey,
    /// Its newest contact.
    pub contact: &'a Contact,
}

/// The seat that writes.
#[derive(Clone, Copy, Debug)]
pub struct SeatSender<'a> {
    /// Its number at the desk of [`Recipients`].
    pub number: SeatNumber,
    /// Its authentication key.
    pub auth: &'a SeatAuthKey,
}

/// A letter to seal: who writes what to whom. The kinds of message and the kinds of people fit by construction.
#[derive(Clone, Copy, Debug)]
pub enum Letter<'a> {
    /// A source reports to a desk.
    Testimony {
        /// The source's authentication key.
        from: &'a SourceAuthKey,
        /// What the office needs to answer.
        contact: &'a Contact,
        /// What it says.
        message: &'a Testimony,
    },
    /// A seat answers a source; the other seats of the desk read it too.
    Reply {
        /// Who answers.
        from: SeatSender<'a>,
        /// Whom.
        to: Correspondent<'a>,
        /// What it says.
        message: &'a Reply,
    },
    /// A seat tells a source that its letters were opened.
    Receipt {
        /// Who tells.
        from: SeatSender<'a>,
        /// Whom.
        to: Correspondent<'a>,
        /// What it says.
        message: &'a Receipt,
    },
    /// A seat tells the other seats of its desk something.
    TeamEvent {
        /// Who tells.
        from: SeatSender<'a>,
        /// What it says.
        message: &'a TeamEvent,
    },
    /// Nothing, from nobody, to a desk chosen at random.
    Cover,
}

#[cfg(test)]
mod tests;
