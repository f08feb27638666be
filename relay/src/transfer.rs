//! Stores as files: exports, from engine to engine, and backups. `docs/storage.md` describes the file.
//!
//! A file is written beside its name, synced and then linked to it, so it is there whole or not at all, and nothing is
//! replaced. One that is read is read to its end, and everything in it checked, before anything is changed; what is made of
//! it is made beside its place and takes it by renaming.

mod backup;
mod carry;
mod error;
mod format;
mod place;
mod read;
mod rules;
mod watch;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use backup::{Backup, restore};
pub(crate) use carry::{Dated, Summary, export, import};
pub(crate) use error::TransferError;
pub(crate) use place::Place;
pub(crate) use watch::Watch;
