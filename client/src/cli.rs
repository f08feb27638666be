//! The programs: what they share, and one module each.

pub mod clock;
pub mod connect;
pub mod desk;
pub mod office;
pub mod outcome;
mod say;
pub mod secret;
pub mod source;
pub mod text;
