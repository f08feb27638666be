//! Who looks on while a file is written or read.

use super::error::TransferError;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is told of the work, and what may end it.
pub(crate) struct Watch<'a> {
    /// Is called with each envelope.
    pub(crate) seen: &'a dyn Fn(),
    /// Whether to stop, and clear away what was begun.
    pub(crate) stop: &'a AtomicBool,
}

impl Watch<'_> {
    pub(super) fn seen(&self) {
        (self.seen)();
    }

    /// An error once somebody has asked for the end.
    pub(super) fn goes_on(&self) -> Result<(), TransferError> {
        if self.stop.load(Ordering::Relaxed) { Err(TransferError::Interrupted) } else { Ok(()) }
    }
}
