//! The relay: it stores sealed envelopes durably until a day, lists the ids of letters in batches, and learns nothing
//! about what it carries.
//!
//! For most cases use [`run`] with a [`Config`], or the program `cssr-relay`. [`forward`](forward()) hands
//! connections on to a relay somewhere else. [`store`] is where envelopes lie.
//!
//! Nothing about a peer is kept or logged: no address, no id, no moment. The log says what the office published, when
//! days turn, and how many connections ended in which way during a day.

pub mod cli;
mod clock;
mod config;
mod connection;
mod counts;
mod cover;
mod draws;
mod forward;
mod index;
mod key_file;
mod lane;
mod listen;
mod monitor;
mod office;
mod regular;
mod sandbox;
mod sealer;
mod sealing;
mod server;
mod shared;
mod shares;
pub mod store;
mod tariff;
mod tls;
mod today;
mod transfer;
mod trouble;
mod works;

pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{
    Config, ConfigError, ConfigErrors, ConfigFile, Efforts, Engine, Fault, ForwardFile, Limits, NoSuchEngine, Postage,
    Sealing, TlsSection,
};
pub use forward::{ForwardConfig, ForwardLimits, NotAnUpstream, Upstream, forward};
pub use key_file::{KeyFileError, read_key_file, write_key_file};
pub use listen::Listeners;
pub use monitor::{Health, Monitor, serve_monitor};
pub use office::OfficeError;
pub use sandbox::{Sandbox, SandboxError, SandboxMode, Strength};
pub use server::{Handle, Relay, RunError, run};
pub use shared::StartError;
pub use tls::{FileFault, Reload, Tls, TlsError, TlsFiles};
pub use today::{ClockJump, DayPassed};
