//! One kind and day.

use super::Kind;
use cssr_proto::Day;
use std::fmt;

/// One kind and day: what is stored, and destroyed, together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct VolumeId {
    pub(super) kind: Kind,
    pub(super) day: Day,
}

impl fmt::Display for VolumeId {
    /// The name of its folder, and of its key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Letter => "letters",
            Kind::Chunk => "chunks",
        };
        write!(f, "{kind}-{}", self.day.0)
    }
}

impl VolumeId {
    /// The name of its key's file.
    pub(super) fn key_name(self) -> String {
        format!("{self}.key")
    }
}
