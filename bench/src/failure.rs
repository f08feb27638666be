//! Why nothing was measured.

use crate::relay::RelayFailure;
use cssr_proto::letter::{OpenError, SealError};
use cssr_proto::{Malformed, OutOfMemory};

/// Why nothing was measured. Work that gives a wrong result is no measurement.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Failure {
    #[error("a letter was not sealed: {0}")]
    Seal(#[from] SealError),
    #[error("a letter was not opened: {0}")]
    Open(#[from] OpenError),
    #[error("a letter was opened, but its text or its sender is another")]
    OtherLetter,
    #[error("the bare primitives refused what they should take")]
    Bare,
    #[error("a text does not fit into a message: {0}")]
    Text(#[from] Malformed),
    #[error("a passphrase gave no keys: {0}")]
    Memory(#[from] OutOfMemory),
    #[error(transparent)]
    Relay(#[from] RelayFailure),
    #[error("writing the figures: {0}")]
    Output(#[from] std::io::Error),
}
