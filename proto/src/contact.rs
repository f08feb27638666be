//! The contact: what the office needs, beside the sender's key, to answer a source (protocol, section 5).

use crate::cbor::{Malformed, from_slice, to_secret_vec};
use crate::keys::{ContactSecret, ReplyPublicKey};
use crate::sizes::{HASH, XWING_PUBLIC_KEY};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
/// `[1, bytes(1,216), bytes(32)]`: three heads of 1, 3 and 2 bytes around the array's own and the version.
pub(crate) const CONTACT: usize = 1 + 1 + 3 + XWING_PUBLIC_KEY + 2 + HASH;

/// Travels in every testimony. Of several under one sender key the newest holds.
#[derive(PartialEq, Eq)]
pub struct Contact {
    /// What replies are sealed to.
    pub reply_key: ReplyPublicKey,
    /// What clues are made with.
    pub secret: ContactSecret,
}

impl Contact {
    /// The encoding (CDDL `contact`), 1,255 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        to_secret_vec(self)
    }

    /// Decodes and checks the key.
    ///
    /// # Errors
    /// Not a contact of this version, or an unacceptable X-Wing key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        from_slice("contact", bytes, CONTACT)
    }
}

impl std::fmt::Debug for Contact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { reply_key: _, secret: _ } = self;
        f.write_str("Contact(..)")
    }
}

impl<C> Encode<C> for Contact {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.array(3)?.u8(VERSION)?;
        self.reply_key.encode(e, ctx)?;
        self.secret.encode(e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for Contact {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        if d.array()? != Some(3) || d.u8()? != VERSION {
            return Err(minicbor::decode::Error::message("not a contact of this version"));
        }
        Ok(Self { reply_key: Decode::decode(d, ctx)?, secret: Decode::decode(d, ctx)? })
    }
}
