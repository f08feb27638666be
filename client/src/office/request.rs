//! Requests to be admitted, as they arrive: files from machines that the office does not trust.

use super::error::OfficeError;
use cssr_proto::keys::{CourierPublicKey, SeatPublicKey};
use cssr_proto::{CourierRequest, Day, DeskNumber, Label, OfficeId, SeatNumber, SeatRequest, Signed, Unverified};

/// A request whose signature, age and office are right. Whether its key is that of the person whose name it bears
/// nobody has checked: that is for the holder of the root, by comparing [`Request::key_to_compare`].
#[derive(Clone, Debug)]
pub enum Request {
    /// To become a seat.
    Seat(Signed<SeatRequest>),
    /// To become a courier of a seat.
    Courier(Signed<CourierRequest>),
}

impl Request {
    /// Reads and verifies a request, whichever of the two kinds it is.
    ///
    /// # Errors
    /// [`OfficeError::NotARequest`], or [`OfficeError::Request`] with the rule that it breaks.
    pub fn read(file: &[u8], office: OfficeId, today: Day) -> Result<Self, OfficeError> {
        // The two cannot be mistaken for each other: their maps differ, and so do their signature contexts.
        if let Ok(request) = Unverified::<SeatRequest>::from_bytes(file) {
            return Ok(Self::Seat(request.verify(office, today)?));
        }
        let request = Unverified::<CourierRequest>::from_bytes(file).map_err(OfficeError::NotARequest)?;
        Ok(Self::Courier(request.verify(office, today)?))
    }

    /// The name that it proposes.
    #[must_use]
    pub fn label(&self) -> &Label {
        match self {
            Self::Seat(request) => &request.label,
            Self::Courier(request) => &request.label,
        }
    }

    /// The desk that it is about.
    #[must_use]
    pub fn desk(&self) -> DeskNumber {
        match self {
            Self::Seat(request) => request.desk,
            Self::Courier(request) => request.desk,
        }
    }

    /// The seat that a courier is to work for.
    #[must_use]
    pub fn seat(&self) -> Option<SeatNumber> {
        match self {
            Self::Seat(_) => None,
            Self::Courier(request) => Some(request.seat),
        }
    }

    /// The day on which it was made.
    #[must_use]
    pub fn day(&self) -> Day {
        match self {
            Self::Seat(request) => request.day,
            Self::Courier(request) => request.day,
        }
    }

    /// Its key as the two people compare it.
    #[must_use]
    pub fn key_to_compare(&self) -> String {
        key_to_compare(self.key())
    }

    pub(super) fn key(&self) -> &[u8; 32] {
        match self {
            Self::Seat(request) => {
                let SeatPublicKey(key) = &request.key;
                key
            }
            Self::Courier(request) => {
                let CourierPublicKey(key) = &request.key;
                key
            }
        }
    }
}

/// A public key as two people read it to each other: 16 groups of four hexadecimal digits. It is the whole key, since
/// of anything shorter an attacker could make another with the same look.
///
/// ```
/// let text = cssr_client::office::key_to_compare(&[0xab; 32]);
/// assert_eq!(text.split(' ').collect::<Vec<_>>(), ["abab"; 16]);
/// ```
#[must_use]
pub fn key_to_compare(key: &[u8; 32]) -> String {
    let group = |pair: &[u8]| pair.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    key.chunks(2).map(group).collect::<Vec<_>>().join(" ")
}
