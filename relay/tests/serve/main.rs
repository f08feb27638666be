//! The relay over real connections: what it answers, what it refuses, what it keeps.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests"
)]

mod certificate;
mod client;
mod couriers;
mod damage;
mod dated;
mod errors;
mod expiry;
mod flood;
mod forward;
mod gate;
mod hostile;
#[path = "../support/image.rs"]
mod image;
mod kill;
mod limits;
mod log;
mod malformed;
mod monitor;
mod office;
mod packaging;
mod process;
mod program;
mod publications;
mod requests;
mod rig;
mod sealing;
mod secrets;
mod shutdown;
mod systemd;
mod tls;
mod transfer;
