//! CSSR Relay clients. For most cases: a source makes a [`visit::Plan`] and calls [`source::visit`].

pub mod cli;
mod connection;
pub mod courier;
pub mod display;
pub mod files;
pub mod link;
pub mod mirror;
pub mod office;
pub mod seat;
pub mod source;
pub mod transport;
pub mod visit;

pub use connection::ConnectionError;
