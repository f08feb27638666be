//! The passphrase of a source (protocol, section 5): all that it keeps, in its head or on paper.

mod fold;
mod lists;
mod parse;
#[cfg(test)]
mod tests;

pub use lists::{Language, WordIndex};
pub use parse::{Parsed, PassphraseError, Suggestions};

use crate::cbor::Number;
use crate::hash::hash;
use crate::labels;
use rand_core::CryptoRng;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Words of a passphrase.
const WORDS: usize = 8;
/// Digits of a passphrase, four for each word.
const DIGITS: usize = 32;
/// Bits that a word stands for.
const WORD_BITS: usize = 11;
/// Random bytes of a passphrase.
const NUMBER: usize = 10;

/// 80 random bits, erased when dropped. It has no `Debug`.
///
/// ```
/// use cssr_proto::{Language, Parsed, Passphrase};
/// # let mut rng = <chacha20::ChaCha20Rng as rand_core::SeedableRng>::from_seed([1; 32]);
/// let passphrase = Passphrase::generate(&mut rng);
/// let Ok(Parsed::One(read, _)) = Passphrase::parse(&passphrase.write(Language::Arabic)) else { panic!() };
/// assert!(read == passphrase);
/// ```
pub struct Passphrase(Zeroizing<[u8; NUMBER]>);

/// The script in which digits are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigitScript {
    /// 0123456789
    Ascii,
    /// ٠١٢٣٤٥٦٧٨٩
    ArabicIndic,
    /// ۰۱۲۳۴۵۶۷۸۹
    ExtendedArabicIndic,
}

impl Passphrase {
    /// Makes a new one.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut number = Zeroizing::new([0; NUMBER]);
        rng.fill_bytes(number.as_mut_slice());
        Self(number)
    }

    /// The eight words.
    #[must_use]
    pub fn words(&self, language: Language) -> [&'static str; WORDS] {
        self.indices().map(|index| language.word(index))
    }

    /// The eight words in one line.
    #[must_use]
    pub fn write(&self, language: Language) -> Zeroizing<String> {
        join(self.words(language).iter().flat_map(|word| word.chars().chain([' '])))
    }

    /// Eight groups of four digits in one line: each word's index plus one.
    #[must_use]
    pub fn write_digits(&self, script: DigitScript) -> Zeroizing<String> {
        let group = |index: WordIndex| {
            let number = index.get() + 1;
            [number / 1000, number / 100 % 10, number / 10 % 10, number % 10].map(|digit| script.digit(digit))
        };
        join(self.indices().into_iter().flat_map(|index| group(index).into_iter().chain([' '])))
    }

    /// The number, for the derivation of keys.
    pub(crate) fn number(&self) -> &[u8; NUMBER] {
        &self.0
    }

    /// `n || check`, cut into eight times 11 bits.
    fn indices(&self) -> [WordIndex; WORDS] {
        let mut bits = Zeroizing::new(u128::from(check(&self.0)));
        for (i, byte) in self.0.iter().enumerate() {
            *bits |= u128::from(*byte) << (8 * (NUMBER - i));
        }
        std::array::from_fn(|i| {
            let index = *bits >> (WORD_BITS * (WORDS - 1 - i)) & 0x7ff;
            // Eleven bits are at most 2,047.
            Number::new(index as u64).unwrap_or(WORD_ZERO)
        })
    }

    /// The passphrase of eight indices below 2,048, if their checksum is right.
    fn from_indices(indices: &[u64; WORDS]) -> Option<Self> {
        let bits = indices.iter().fold(Zeroizing::new(0_u128), |bits, index| {
            Zeroizing::new(*bits << WORD_BITS | u128::from(*index & 0x7ff))
        });
        let mut number = Zeroizing::new([0; NUMBER]);
        for (i, byte) in number.iter_mut().enumerate() {
            *byte = (*bits >> (8 * (NUMBER - i)) & 0xff) as u8;
        }
        (check(&number) == (*bits & 0xff) as u8).then_some(Self(number))
    }
}

const WORD_ZERO: WordIndex = match Number::new(0) {
    Ok(zero) => zero,
    Err(_) => unreachable!(),
};

impl PartialEq for Passphrase {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for Passphrase {}

impl DigitScript {
    /// A digit, 0 to 9.
    fn digit(self, value: u64) -> char {
        let zero = match self {
            Self::Ascii => '0',
            Self::ArabicIndic => '\u{660}',
            Self::ExtendedArabicIndic => '\u{6f0}',
        };
        u32::try_from(value).ok().and_then(|value| char::from_u32(u32::from(zero) + value)).unwrap_or(zero)
    }
}

/// `H("cssr1 passphrase check", n)[..1]`.
fn check(number: &[u8; NUMBER]) -> u8 {
    let [check, ..] = *Zeroizing::new(hash(labels::PASSPHRASE_CHECK, &[number]));
    check
}

/// Characters without the last one, in one allocation of the right size, erased when dropped.
fn join(characters: impl Iterator<Item = char> + Clone) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(characters.clone().map(char::len_utf8).sum()));
    text.extend(characters);
    text.pop();
    text
}
