//! The name of a letter, which people can say to each other (protocol, section 8.2).

use super::debug_shows_nothing;
use crate::cbor::Malformed;
use crate::hash::hash;
use crate::ids::EnvelopeId;
use crate::labels;
use crate::passphrase::{Language, WordIndex};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// 22 bits of an envelope id's hash: two words of a passphrase list. Two letters may share a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterName(u32);

impl LetterName {
    const BITS: u32 = 22;
    const BITS_OF_A_WORD: u32 = 11;

    /// The name of the letter with this id: the first 22 bits of `H("cssr1 letter name", id)`.
    #[must_use]
    pub fn of(id: &EnvelopeId) -> Self {
        let [a, b, c, ..] = hash(labels::LETTER_NAME, &[id.as_bytes()]);
        Self(u32::from_be_bytes([0, a, b, c]) >> (24 - Self::BITS))
    }

    /// Takes a number.
    ///
    /// # Errors
    /// 4,194,304 or more.
    pub const fn new(number: u32) -> Result<Self, Malformed> {
        if number >> Self::BITS == 0 { Ok(Self(number)) } else { Err(Malformed("letter name")) }
    }

    /// The number, 0 to 4,194,303.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The places of its two words in a list of 2,048, the first word first.
    #[must_use]
    pub const fn words(self) -> [u16; 2] {
        let mask = (1 << Self::BITS_OF_A_WORD) - 1;
        [(self.0 >> Self::BITS_OF_A_WORD) as u16, (self.0 & mask) as u16]
    }
}

impl LetterName {
    /// Its two words in a language, as they are shown to people.
    #[must_use]
    pub fn in_language(self, language: Language) -> String {
        let words = self.words().map(|place| WordIndex::new(place.into()).map_or("", |index| language.word(index)));
        words.join(" ")
    }
}

debug_shows_nothing!(LetterName);

impl<C> Encode<C> for LetterName {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.u32(self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for LetterName {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Self::new(d.u32()?).map_err(|_| decode::Error::message("letter name outside its limits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_first_22_bits_of_the_hash_as_two_words() {
        let id = EnvelopeId([0x5a; 16]);
        let mut input = b"\x11cssr1 letter name".to_vec();
        input.extend_from_slice(id.as_bytes());
        let digest = crate::hash::sha256(&input);
        let bits = u32::from_be_bytes(*digest.first_chunk().unwrap()) >> 10;
        let name = LetterName::of(&id);
        assert_eq!(name.get(), bits);
        let [first, second] = name.words();
        assert_eq!(u32::from(first) * 2048 + u32::from(second), bits);
        assert!(first < 2048 && second < 2048);
    }

    #[test]
    fn names_of_23_bits_are_refused() {
        assert_eq!(LetterName::new(4_194_303).unwrap().words(), [2047, 2047]);
        assert!(LetterName::new(4_194_304).is_err());
    }
}
