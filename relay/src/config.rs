//! What an operator decides, and the limits that keep one peer from hurting the others.

mod document;
mod errors;
mod file;
mod forward;
mod named;
mod sections;
mod value;

pub use errors::{ConfigError, ConfigErrors, Fault};
pub use file::{ConfigFile, Engine, NoSuchEngine};
pub use forward::ForwardFile;
pub(crate) use named::NamedFiles;
pub use sections::TlsSection;

use crate::store::{Kind, Quotas};
use cssr_proto::keys::RelaySecretKey;
use cssr_proto::{Card, Day};
use std::net::IpAddr;
use std::time::Duration;

/// Everything that [`run`](crate::run) needs to know beside the store.
#[derive(Debug)]
pub struct Config {
    /// The card of the office whose relay this is. Statements of other offices are refused.
    pub card: Card,
    /// The relay's static key, whose public half stands in the office's roster.
    pub key: RelaySecretKey,
    /// When what has arrived is listed.
    pub sealing: Sealing,
    /// The work that senders must do.
    pub postage: Postage,
    /// How much the store holds at most, which decides what work is asked for.
    pub room: Quotas,
    /// What one connection, and all of them together, may use.
    pub limits: Limits,
    /// Addresses from which people come who have nothing in common, beside this machine's own: forwarders and reverse
    /// proxies. All connections from the same network (IPv4 /24, IPv6 /48) share otherwise.
    pub forwarders: Vec<IpAddr>,
    /// The day that the operator vouches for, if the clock jumps further than [`Limits::day_jump`] while the relay
    /// starts.
    pub accept_day: Option<Day>,
}

impl Config {
    /// The defaults for an office and a key.
    #[must_use]
    pub fn new(card: Card, key: RelaySecretKey) -> Self {
        Self {
            card,
            key,
            sealing: Sealing::default(),
            postage: Postage::default(),
            room: Quotas::default(),
            limits: Limits::default(),
            forwarders: Vec::new(),
            accept_day: None,
        }
    }
}

/// When a batch is sealed (protocol, section 10).
///
/// A full batch (`min_letters`) is sealed when a part of five times `min_age` ends and its oldest envelope is `min_age` old. A
/// batch that does not fill is sealed when the current **period** ends: the day is cut into periods of `max_age` from
/// midnight, UTC. So the moment of its sealing tells nothing about when in that part or period its envelopes came, and none
/// waits longer than `max_age`. Without `min_age` a full batch is sealed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealing {
    /// How old the oldest must be, and a fifth of the parts at whose ends full batches are sealed. Default: 60 s, so that the
    /// moment an id is listed does not tell who was connected when it came.
    pub min_age: Duration,
    /// How many envelopes fill a batch. Default: 16, the crowd in which the order of arrival is lost.
    pub min_letters: usize,
    /// The length of a period, a whole number of which make a day. Default: 30 min, the longest that a letter may wait
    /// at a relay that is hardly used.
    pub max_age: Duration,
}

impl Default for Sealing {
    fn default() -> Self {
        Self { min_age: Duration::from_secs(60), min_letters: 16, max_age: Duration::from_secs(30 * 60) }
    }
}

/// The Equi-X effort that is announced and asked for (protocol, section 12.4), which rises with the rate at which the
/// room in the store is used up. Clients compute no more than
/// [`LETTER_EFFORT_MAX`](cssr_proto::postage::LETTER_EFFORT_MAX) for a letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Postage {
    /// For each letter.
    pub letters: Efforts,
    /// For 64 chunks.
    pub chunks: Efforts,
}

impl Postage {
    pub(crate) const fn of(&self, kind: Kind) -> Efforts {
        match kind {
            Kind::Letter => self.letters,
            Kind::Chunk => self.chunks,
        }
    }
}

/// Between what and what the effort moves; 0 asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Efforts {
    /// In quiet times. Default: 0, as every second that a source's telephone works is a second that it is out.
    pub least: u32,
    /// In the worst flood. Default: 100: four seconds for each letter on a laptop, some twenty on a cheap telephone, and
    /// eight letters, the most of a visit without words, within the five minutes that a session may rest.
    pub most: u32,
}

impl Efforts {
    /// One that does not move.
    #[must_use]
    pub const fn fixed(effort: u32) -> Self {
        Self { least: effort, most: effort }
    }
}

impl Default for Efforts {
    fn default() -> Self {
        Self { least: 0, most: 100 }
    }
}

/// Limits and timeouts. The defaults are for one small machine and for peers on links of a few hundred bytes a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once; who comes later is turned away before a byte is read, and so is who has as many as are
    /// left: one network, or one of several ways on which nobody can be told apart. Fewer where the system lets the program
    /// open fewer files than these and 256 besides. Default: 900. Each takes about 16 KiB, and up to 16 KiB more for each
    /// request of it that is being carried out.
    pub connections: usize,
    /// Requests of one connection that may be unanswered, as announced to it. Default: 64, a megabyte of chunks: enough
    /// to fill a link of 1 MB/s over Tor, little enough to hold in memory.
    pub requests_in_flight: u16,
    /// Letters of all connections that are being made durable, shared as connections are. Default: 1,024 (16 MiB).
    pub letters_in_flight: usize,
    /// Chunks of all connections that are being made durable, apart, so that they do not keep letters waiting. Default:
    /// 1,024 (16 MiB), four times what the store takes in one go.
    pub chunks_in_flight: usize,
    /// Publications of all connections that are being verified and written, shared as connections are, and as many notes of
    /// couriers, shared among them. Default: 8, so that one network gets four; of 64 KiB each, and a megabyte for notes.
    /// Offices publish a few times a day.
    pub publications: usize,
    /// How long the WebSocket upgrade and the session handshake may take. Default: 30 s, several round trips through Tor.
    pub handshake_timeout: Duration,
    /// How long a peer may send nothing at all, not even the answer to a ping. Default: 120 s: a large frame at 140 bytes
    /// a second.
    pub silence_timeout: Duration,
    /// After how much silence a peer is asked whether it is still there. Default: 45 s, below the minute after which
    /// telephone networks forget a connection.
    pub ping_interval: Duration,
    /// How long a session without courier rights may leave the relay without a request, all answers given. Default:
    /// 300 s: a visit never pauses; what does is holding a place.
    pub idle_timeout: Duration,
    /// How long writing may take of what is written together, which is up to two frames. Default: 120 s, so whoever is sent
    /// large frames and takes in fewer than 273 bytes a second is dropped.
    pub write_timeout: Duration,
    /// How long ending in good order may take; connections that have not ended by then are cut. Default: 10 s; no more
    /// than 80 s in a file, below the 90 s after which systemd kills.
    pub shutdown_timeout: Duration,
    /// How many days the relay's day may go forward at once. A wall clock that jumps further is not believed, because a
    /// day that has passed is destroyed for good. Default: 7.
    pub day_jump: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 900,
            requests_in_flight: 64,
            letters_in_flight: 1_024,
            chunks_in_flight: 1_024,
            publications: 8,
            handshake_timeout: Duration::from_secs(30),
            silence_timeout: Duration::from_secs(120),
            ping_interval: Duration::from_secs(45),
            idle_timeout: Duration::from_secs(300),
            write_timeout: Duration::from_secs(120),
            shutdown_timeout: Duration::from_secs(10),
            day_jump: 7,
        }
    }
}
