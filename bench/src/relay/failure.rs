//! Why nothing was measured.

use cssr_proto::session::SessionError;
use cssr_relay::KeyFileError;
use cssr_relay::store::{OpenError, StoreError};
use std::fmt::Display;
use tokio_tungstenite::tungstenite;

/// Why nothing of the relay was measured. A wrong answer is no measurement.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RelayFailure {
    #[error("a file, a process or a connection failed: {0}")]
    Io(#[from] std::io::Error),
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
    #[error("the store does not open: {0}")]
    Open(#[from] OpenError),
    #[error("the relay's key was not written: {0}")]
    Key(#[from] KeyFileError),
    #[error("a session failed: {0}")]
    Session(#[from] SessionError),
    #[error("a WebSocket failed: {0}")]
    WebSocket(#[from] Box<tungstenite::Error>),
    #[error("the office of the benchmark cannot be made: {0}")]
    Office(String),
    #[error("{0}")]
    Wrong(String),
}

impl RelayFailure {
    /// Something that must not happen did.
    pub(super) fn wrong(what: impl Display) -> Self {
        Self::Wrong(what.to_string())
    }

    pub(super) fn office(error: impl Display) -> Self {
        Self::Office(error.to_string())
    }
}

impl From<tungstenite::Error> for RelayFailure {
    fn from(error: tungstenite::Error) -> Self {
        Self::WebSocket(Box::new(error))
    }
}

impl From<rustix::io::Errno> for RelayFailure {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Io(error.into())
    }
}
