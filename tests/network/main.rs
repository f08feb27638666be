//! Somebody between client and relay who changes, swaps, replays, reorders, truncates, drops or delays what passes.
//! Each visit delivers exactly the right text or ends with an error that names what went wrong, in time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests"
)]

mod again;
mod any;
mod attack;
mod bytes;
mod couriers;
mod impostor;
mod judge;
mod kinds;
mod manipulator;
mod redirected;
