//! A whole installation in a folder, made and used as people would: through the programs, each a process of its own.
//!
//! For most cases: [`Installation::open_for_letters`] makes a relay, an office, a desk of three seats and two couriers,
//! and publishes all that a source needs; then [`Installation::source`] writes and [`Installation::seat`] reads.
//! `cargo xtask try` takes the same steps one by one, with a name and a time for each.
//!
//! The programs are those that `cargo build` has put beside each other ([`Programs`]); nothing of the system is linked
//! into this crate.

#![allow(clippy::indexing_slicing, reason = "an absent member of a JSON value is null")]

mod call;
mod failure;
mod installation;
mod people;
mod relay;

pub use call::{Call, Outcome, Programs};
pub use failure::Failure;
pub use installation::{Installation, STAFF_PASSPHRASE};
pub use people::{Courier, Seat, Source};
pub use relay::RunningRelay;
