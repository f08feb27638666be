//! A source's visit, without I/O (protocol, section 13): a plan goes in, wire messages come and go, a report comes out.
//!
//! The shape of a visit depends on public things only: the directory, the index, and the number of rounds. What the
//! person wants decides which letters are real and which groups are fetched, never how many of either, how large, or
//! in what order.
//!
//! ```text
//! Visit::start(plan) -> message 1
//!   receive(message 2)  -> directory, note
//!   receive(...)        -> index of every day of the window, once directory and note are verified
//!   pay(...)            -> once the work is done that the relay asks for, if it asks for any
//!   receive(...)        -> round 1: post, group;  round 2: post, group;  ...
//!   receive(...)        -> Progress::Done
//! into_report()
//! ```

mod letters;
mod machine;
mod plan;
mod report;
mod rounds;
mod work;

pub use cssr_proto::DirectoryFile;
pub use machine::{Progress, Visit, VisitError};
pub use plan::{Draft, Plan, Want};
pub use report::{Delivery, DeskName, Doubt, Gap, Reply, Report};
pub use work::Work;
