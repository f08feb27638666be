//! The manifest of a file: what it is and the key of its parcel (protocol, section 9).

use super::debug_shows_nothing;
use super::fields::text_in_cbor;
use crate::cbor::{Malformed, Number, Text};
use crate::ids::Hash;
use crate::keys::ParcelKey;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// A media type, as the sender names it; nothing may rely on it.
pub type MediaType = Text<1, 127>;
/// The size of a file in bytes: up to 16 TiB.
pub type FileSize = Number<0, 17_592_186_044_416>;

/// The name of a file: 1 to 255 bytes without control characters, `/` and `\`, and neither `.` nor `..`.
///
/// A name from a stranger is still no path: a program gives the file a name of its own on disk.
#[derive(Clone, PartialEq, Eq)]
pub struct FileName(Text<1, 255>);

impl FileName {
    /// Takes a name.
    ///
    /// # Errors
    /// Too long, empty, or not a mere name.
    pub fn new(name: impl Into<String>) -> Result<Self, Malformed> {
        let name = Text::new(name)?;
        if matches!(name.as_str(), "." | "..") || name.as_str().contains(['/', '\\']) {
            return Err(Malformed("file name"));
        }
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}
text_in_cbor!(FileName);

/// One file of a testimony (CDDL `manifest`).
#[derive(Encode, Decode, PartialEq, Eq)]
#[cbor(map)]
pub struct Manifest {
    /// Its name.
    #[n(0)]
    pub name: FileName,
    /// Its media type.
    #[n(1)]
    pub media_type: MediaType,
    /// Its size; the number of chunks follows from it.
    #[n(2)]
    pub size: FileSize,
    /// SHA-256 of the whole file.
    #[n(3)]
    pub sha256: Hash,
    /// What its chunks are sealed under.
    #[n(4)]
    pub key: ParcelKey,
}

debug_shows_nothing!(FileName, Manifest);
