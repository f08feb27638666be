//! The card (protocol, section 3): the one thing that a source must get over a trusted path.

mod address;
mod lineage;

pub use address::{Address, AddressError, Scheme};
pub use lineage::{Lineage, LineageError, Root, commitment};

use crate::cbor::List;
use crate::hash::hash;
use crate::ids::{Hash, OfficeId};
use crate::keys::RootPublicKey;
use crate::labels;
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32m, Hrp};
use std::fmt;
use std::str::FromStr;

/// The addresses of a relay, 1 to 8.
pub type Addresses = List<Address, 1, 8>;

/// What a card vouches for: a root and its commitment to the next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; FINGERPRINT]);

/// A fingerprint and where to find the relay.
///
/// ```
/// # use cssr_proto::{Card, CardError};
/// let card: Card = "cssr:QQQS-YQCY-Q5RQ-WZQF-PG9S-CRGW-PUU9-PNP5@relay.example.org".parse()?;
/// assert_eq!(card.addresses().len(), 1);
/// assert_eq!(card.to_string().parse::<Card>()?, card);
/// # Ok::<(), CardError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    fingerprint: Fingerprint,
    addresses: Addresses,
}

/// Why a text is not a card. Each says what the person who typed it can look for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// It does not begin with `cssr:`.
    #[error("a card begins with \"cssr:\"")]
    Prefix,
    /// There is no `@` with an address behind it.
    #[error("the card has no address: after the 32 characters must stand \"@\" and the address of a relay")]
    NoAddress,
    /// A character that cannot stand in the part before the `@`.
    #[error(
        "character {position} of the card is {character:?}; it consists of the letters A to Z without B, I and O, and the digits 0 and 2 to 9"
    )]
    Character {
        /// What stands there.
        character: char,
        /// Which of the 32 it is, from 1.
        position: usize,
    },
    /// Too few or too many characters before the `@`.
    #[error("the card has {found} characters before the \"@\" instead of 32")]
    Length {
        /// How many there are, without hyphens and white space.
        found: usize,
    },
    /// The checksum does not fit.
    #[error("a character of the card is mistyped: its checksum does not fit")]
    Typo,
    /// The checksum fits, but no writer makes such a text.
    #[error("the card is not a valid one, although its checksum fits")]
    Padding,
    /// An address is wrong.
    #[error("address {number} of the card is wrong: {error}")]
    Address {
        /// Which one, from 1.
        number: usize,
        /// What is wrong with it.
        error: AddressError,
    },
    /// More than eight addresses.
    #[error("the card has more than 8 addresses")]
    TooManyAddresses,
}

const FINGERPRINT: usize = 16;
const PREFIX: &str = "cssr:";
const HRP: Hrp = Hrp::parse_unchecked("cssr");
/// Characters of the fingerprint, six of them checksum.
const CHARACTERS: usize = 32;
const ALPHABET: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

impl Fingerprint {
    /// `H("cssr1 card", root public key || commitment)[..16]`.
    #[must_use]
    pub fn of(root: &RootPublicKey, commitment: &Hash) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] =
            hash(labels::CARD, &[root.as_bytes(), commitment.as_bytes()]);
        Self([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }

    /// Takes 16 bytes that were kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; FINGERPRINT]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; FINGERPRINT] {
        &self.0
    }

    /// The office whose first card has this fingerprint.
    pub(crate) const fn office(self) -> OfficeId {
        OfficeId(self.0)
    }

    /// The 32 characters in lower case.
    fn characters(self) -> String {
        #[expect(clippy::expect_used, reason = "Bech32m encodes up to 1,023 characters; these are 37")]
        let text = bech32::encode_lower::<Bech32m>(HRP, &self.0).expect("16 bytes fit Bech32m");
        text.trim_start_matches("cssr1").to_owned()
    }
}

impl FromStr for Fingerprint {
    type Err = CardError;

    /// Reads the part between `cssr:` and `@`.
    fn from_str(text: &str) -> Result<Self, CardError> {
        let characters: String = text.chars().filter(|c| !is_hyphen(*c) && !is_blank(*c)).collect();
        let characters = characters.to_ascii_lowercase();
        for (i, character) in characters.chars().enumerate() {
            if !ALPHABET.contains(character) {
                return Err(CardError::Character { character, position: i + 1 });
            }
        }
        if characters.len() != CHARACTERS {
            return Err(CardError::Length { found: characters.len() });
        }
        let text = format!("cssr1{characters}");
        let decoded = CheckedHrpstring::new::<Bech32m>(&text).map_err(|_| CardError::Typo)?;
        let bytes: Vec<u8> = decoded.byte_iter().collect();
        let fingerprint = Self(bytes.try_into().map_err(|_| CardError::Padding)?);
        // Two bits of the characters are no part of the 16 bytes.
        if fingerprint.characters() == characters { Ok(fingerprint) } else { Err(CardError::Padding) }
    }
}

impl fmt::Display for Fingerprint {
    /// Eight groups of four in upper case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, c) in self.characters().to_ascii_uppercase().chars().enumerate() {
            if i > 0 && i % 4 == 0 {
                f.write_str("-")?;
            }
            write!(f, "{c}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl Card {
    /// Puts a card together.
    #[must_use]
    pub const fn new(fingerprint: Fingerprint, addresses: Addresses) -> Self {
        Self { fingerprint, addresses }
    }

    /// What the office's keys are checked against.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The office's id, if this is its first card; the roster tells whether it is (protocol, section 3).
    #[must_use]
    pub const fn office_if_first(&self) -> OfficeId {
        OfficeId(*self.fingerprint.as_bytes())
    }

    /// Where the relay may be found. They are hints: nothing vouches for them.
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }
}

impl FromStr for Card {
    type Err = CardError;

    fn from_str(text: &str) -> Result<Self, CardError> {
        let text = text.trim_matches(is_blank);
        let (prefix, rest) = text.split_at_checked(PREFIX.len()).ok_or(CardError::Prefix)?;
        if !prefix.eq_ignore_ascii_case(PREFIX) {
            return Err(CardError::Prefix);
        }
        let (characters, addresses) = rest.split_once('@').ok_or(CardError::NoAddress)?;
        let fingerprint = characters.parse()?;
        if addresses.is_empty() {
            return Err(CardError::NoAddress);
        }
        let addresses = addresses
            .split(',')
            .enumerate()
            .map(|(i, address)| {
                let address = address.trim_matches(is_blank).parse();
                address.map_err(|error| CardError::Address { number: i + 1, error })
            })
            .collect::<Result<Vec<Address>, _>>()?;
        let addresses = Addresses::new(addresses).map_err(|_| CardError::TooManyAddresses)?;
        Ok(Self { fingerprint, addresses })
    }
}

impl fmt::Display for Card {
    /// The text that is printed, and that the QR code contains.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.fingerprint)?;
        for (i, address) in self.addresses.iter().enumerate() {
            write!(f, "{}{address}", if i == 0 { '@' } else { ',' })?;
        }
        Ok(())
    }
}

/// Hyphens as keyboards and word processors make them.
const fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{2010}' | '\u{2011}')
}

/// White space, and the invisible marks that programs put around left-to-right text among Arabic.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ADDRESS: &str = "@relay.example.org";

    fn fingerprint(n: u8) -> Fingerprint {
        Fingerprint(std::array::from_fn(|i| n.wrapping_mul(31).wrapping_add(i as u8 * 7)))
    }

    fn card(n: u8) -> String {
        Card::new(fingerprint(n), Addresses::new(vec![ADDRESS[1..].parse().unwrap()]).unwrap()).to_string()
    }

    fn parse(text: &str) -> Result<Card, CardError> {
        text.parse()
    }

    #[test]
    fn a_card_is_read_back_from_what_was_written() {
        let text = card(1) + ",ws://[2001:db8::1]:81,abc.onion";
        let card = parse(&text).unwrap();
        assert_eq!(card.fingerprint(), fingerprint(1));
        assert_eq!(card.addresses().len(), 3);
        assert_eq!(card.to_string(), text);
    }

    #[test]
    fn the_card_of_the_specification_is_the_fingerprint_0_to_15() {
        let card = parse("cssr:QQQS-YQCY-Q5RQ-WZQF-PG9S-CRGW-PUU9-PNP5@relay.example.org").unwrap();
        assert_eq!(*card.fingerprint().as_bytes(), std::array::from_fn(|i| i as u8));
    }

    #[test]
    fn case_hyphens_white_space_and_direction_marks_do_not_matter() {
        let text = card(2);
        let card = parse(&text).unwrap();
        let (front, _) = text.split_once('@').unwrap();
        for text in [
            text.to_lowercase(),
            text.replace('-', ""),
            text.replace('-', "\n "),
            text.replace('-', "\u{2011}"),
            format!("\u{2066}{text}\u{2069}\n"),
            format!("\u{61c}{}\u{2060}", text.replace('-', "-\u{61c}")),
            format!(" {}@ relay.example.org ", front.replace("cssr:", "CSSR: ")),
        ] {
            assert_eq!(parse(&text).as_ref(), Ok(&card), "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        let text = card(3);
        let (front, _) = text.split_once('@').unwrap();
        for (text, error) in [
            (String::new(), CardError::Prefix),
            ("cssr".into(), CardError::Prefix),
            ("كتاب".into(), CardError::Prefix),
            (text.replace("cssr:", "cssr;"), CardError::Prefix),
            (front.into(), CardError::NoAddress),
            (format!("{front}@"), CardError::NoAddress),
            (
                text.replacen('-', "", 8).replacen("cssr:", "cssr:b", 1),
                CardError::Character { character: 'b', position: 1 },
            ),
            (text.replacen('@', "1@", 1), CardError::Character { character: '1', position: 33 }),
            (text.replacen('@', "٣@", 1), CardError::Character { character: '٣', position: 33 }),
            (text.replacen('@', "q@", 1), CardError::Length { found: 33 }),
            (
                text.replacen('@', "", 1).replacen("org", "org@", 1),
                CardError::Character { character: '.', position: 38 },
            ),
            (format!("cssr:{ADDRESS}"), CardError::Length { found: 0 }),
            (format!("{text},"), CardError::Address { number: 2, error: AddressError::Empty }),
            (format!("{text}@x.org"), CardError::Address { number: 1, error: AddressError::Character('@') }),
            (format!("{text},a,b,c,d,e,f,g,h"), CardError::TooManyAddresses),
        ] {
            assert_eq!(parse(&text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_bech32_checksum_that_is_not_bech32m_is_a_typo() {
        let old = bech32::encode_lower::<bech32::Bech32>(HRP, fingerprint(4).as_bytes()).unwrap();
        assert_eq!(parse(&format!("cssr:{}{ADDRESS}", &old[5..])), Err(CardError::Typo));
    }

    #[test]
    fn padding_bits_must_be_zero() {
        use bech32::primitives::iter::{ByteIterExt as _, Fe32IterExt as _};
        let mut data: Vec<bech32::Fe32> = fingerprint(5).0.into_iter().bytes_to_fes().collect();
        let last = data.pop().unwrap();
        data.push(bech32::Fe32::try_from(last.to_u8() | 1).unwrap());
        let text: String = data.into_iter().with_checksum::<Bech32m>(&HRP).chars().collect();
        assert_eq!(parse(&format!("cssr:{}{ADDRESS}", &text[5..])), Err(CardError::Padding));
    }

    proptest! {
        /// Up to four wrong characters are found for certain.
        #[test]
        fn mistyped_characters_are_found(n: u8, at in prop::collection::btree_map(0..CHARACTERS, 1usize..32, 1..=4)) {
            let mut characters: Vec<u8> = fingerprint(n).characters().into_bytes();
            for (i, shift) in at {
                let now = ALPHABET.bytes().position(|b| b == characters[i]).unwrap();
                characters[i] = ALPHABET.as_bytes()[(now + shift) % 32];
            }
            let text = format!("cssr:{}{ADDRESS}", String::from_utf8(characters).unwrap());
            prop_assert_eq!(parse(&text), Err(CardError::Typo));
        }

        #[test]
        fn no_text_panics(text in "(cssr:)?\\PC{0,60}") {
            let _ = parse(&text);
        }
    }
}
