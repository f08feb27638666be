//! What the tests of the whole have in common: an office in this process, its people, an honest relay, and seeds.
//!
//! Everything is made from seeds, so that a failure can be made again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

pub mod caller;
pub mod courier;
pub mod honest;
pub mod office;
pub mod people;
pub mod seeds;
