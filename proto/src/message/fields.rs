//! The parts of messages that have rules of their own.

use super::debug_shows_nothing;
use crate::cbor::{Bytes, Malformed, Number, Text};
use crate::sizes::{MESSAGE_MAX, TEXT_MAX};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use zeroize::Zeroizing;

/// The answers to a form.
pub type Answers = Bytes<MESSAGE_MAX>;
/// A team event.
pub type Event = Bytes<MESSAGE_MAX>;
/// Counts what one seat has sent to one source.
pub type SequenceNumber = Number<1, 0xffff_ffff>;

/// The text of a message: 1 to 65,000 bytes of any UTF-8. Erased when dropped.
///
/// It may hold control characters; whoever shows it on a terminal takes them out.
#[derive(PartialEq, Eq)]
pub struct MessageText(Zeroizing<String>);

impl MessageText {
    /// Takes a text that keeps the limits.
    ///
    /// # Errors
    /// Empty, or more than 65,000 bytes.
    pub fn new(text: impl Into<String>) -> Result<Self, Malformed> {
        let text = Zeroizing::new(text.into());
        if text.is_empty() || text.len() > TEXT_MAX { Err(Malformed("text")) } else { Ok(Self(text)) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A BCP 47 language tag: 2 to 16 ASCII letters, digits and hyphens. It is not looked up anywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Language(Text<2, 16>);

impl Language {
    /// Takes a tag.
    ///
    /// # Errors
    /// Too short, too long, or other characters.
    pub fn new(tag: impl Into<String>) -> Result<Self, Malformed> {
        let tag = Text::new(tag)?;
        if tag.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            Ok(Self(tag))
        } else {
            Err(Malformed("language"))
        }
    }

    /// The tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

debug_shows_nothing!(MessageText, Language);

macro_rules! text_in_cbor {
    ($($name:ident),*) => {$(
        impl<C> Encode<C> for $name {
            fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
                e.str(self.as_str())?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                Self::new(d.str()?).map_err(|_| decode::Error::message("text outside its limits"))
            }
        }
    )*};
}
pub(super) use text_in_cbor;
text_in_cbor!(MessageText, Language);
