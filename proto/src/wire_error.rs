//! Errors that the relay sends instead of an answer (protocol, section 12.3).

use crate::cbor::Malformed;
use crate::frame::{Frame, Head, single};

/// The kind of an error frame.
pub const ERROR_KIND: u8 = 0xff;

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])* $code:literal $name:ident $text:literal,)*) => {
        /// What went wrong, as the relay says it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[doc = $doc])* $name,)*
        }

        impl ErrorCode {
            /// All of them, by number.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// The code with this number.
            #[must_use]
            pub const fn from_number(number: u16) -> Option<Self> {
                match number {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for ErrorCode {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $text,)*
                })
            }
        }
    };
}

error_codes! {
    /// The frame breaks the protocol; the relay closes the connection.
    1 Malformed "malformed",
    /// No such kind.
    2 UnknownRequest "unknown request",
    /// More unanswered requests than announced.
    3 TooManyRequests "too many requests",
    /// No valid note has been published yet.
    4 NotReady "not ready",
    /// The id is taken by other bytes, or was burned or expired.
    5 Conflict "conflict",
    /// The quota for this kind of envelope is used up.
    6 Full "full",
    /// Effort below the announced one, or a wrong solution.
    7 Postage "insufficient postage",
    /// The publication does not verify, or is older than what is held.
    8 RefusedStatement "refused statement",
    /// The courier signature does not verify.
    9 RefusedCourier "refused courier",
    /// A courier's request in an anonymous session, or the other way round.
    10 WrongSession "wrong session",
    /// Try again later.
    11 Busy "busy",
    /// The relay could not make it durable.
    12 StorageFailed "storage failed",
    /// The key does not fit, or the envelope is not a chunk.
    13 RefusedBurn "refused burn",
}

/// An error with the time after which another try may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the relay says: {code}")]
pub struct WireError {
    /// What went wrong.
    pub code: ErrorCode,
    /// Seconds to wait; 0 if waiting does not help.
    pub wait: u16,
}

impl WireError {
    /// An error that waiting does not help.
    #[must_use]
    pub const fn new(code: ErrorCode) -> Self {
        Self { code, wait: 0 }
    }

    /// The frame that answers `request` with this error.
    #[must_use]
    pub fn frame(self, request: u16) -> Frame {
        let [a, b] = self.code.number().to_be_bytes();
        let [c, d] = self.wait.to_be_bytes();
        #[expect(clippy::expect_used, reason = "four bytes fit a small frame")]
        Frame::small(Head::single(ERROR_KIND, request), &[a, b, c, d]).expect("four bytes fit a small frame")
    }

    /// Reads a frame of kind 0xff.
    pub(crate) fn read(frame: &Frame) -> Result<Self, Malformed> {
        let malformed = Malformed("error");
        let &[a, b, c, d] = single(frame)? else { return Err(malformed) };
        let code = ErrorCode::from_number(u16::from_be_bytes([a, b])).ok_or(malformed)?;
        Ok(Self { code, wait: u16::from_be_bytes([c, d]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_number_and_its_frame() {
        assert_eq!(ErrorCode::ALL.len(), 13);
        for (code, number) in ErrorCode::ALL.iter().zip(1..) {
            assert_eq!((code.number(), ErrorCode::from_number(number)), (number, Some(*code)));
            let error = WireError { code: *code, wait: 0x0102 };
            let frame = error.frame(7);
            assert_eq!(frame.head(), Head::single(0xff, 7));
            assert_eq!(frame.payload(), [0, number as u8, 1, 2]);
            assert_eq!(WireError::read(&frame), Ok(error));
        }
    }

    #[test]
    fn unknown_codes_and_wrong_lengths_are_refused() {
        let read = |payload: &[u8]| WireError::read(&Frame::small(Head::single(0xff, 7), payload).unwrap());
        for bad in [&[0, 0, 0, 0][..], &[0, 14, 0, 0], &[1, 1, 0, 0], &[0, 1, 0], &[0, 1, 0, 0, 0], &[]] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        let in_two = Frame::small(Head { parts: 2, ..Head::single(0xff, 7) }, &[0, 1, 0, 0]).unwrap();
        assert!(WireError::read(&in_two).is_err());
    }
}
