//! Reading what a person typed (protocol, section 5).

use super::fold::fold;
use super::lists::{Language, WordIndex, WordList};
use super::{DIGITS, Passphrase, WORDS};
use crate::cbor::Number;
use std::fmt;
use zeroize::Zeroizing;

/// What eight words say.
pub enum Parsed {
    /// One passphrase. It has no language if it was written in digits.
    One(Passphrase, Option<Language>),
    /// The words stand in several lists, with a right checksum in each: the person must say which language it is.
    Ambiguous(Vec<(Language, Passphrase)>),
}

/// Why a text is not a passphrase. No variant shows what was typed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PassphraseError {
    /// Too few or too many words.
    #[error("a passphrase has {WORDS} words, not {found}")]
    WordCount {
        /// How many there are.
        found: usize,
    },
    /// Too few or too many digits.
    #[error("a passphrase in digits has {DIGITS} of them, not {found}")]
    DigitCount {
        /// How many there are.
        found: usize,
    },
    /// Four digits that are no number of a word.
    #[error("group {position} of the digits is not a number from 0001 to 2048")]
    UnknownNumber {
        /// Which group of four, from 1.
        position: usize,
    },
    /// A word that stands in no list.
    #[error("word {position} is in no word list")]
    UnknownWord {
        /// Which word, from 1.
        position: usize,
        /// Words that differ from it in one letter.
        suggestions: Suggestions,
    },
    /// Every word stands in a list, but not all in the same one.
    #[error("word {position} is of another language than the others")]
    MixedLanguages {
        /// Which word, from 1: the first that is not of the language of most.
        position: usize,
        /// The language of most.
        expected: Language,
        /// Words of that language that differ from it in one letter.
        suggestions: Suggestions,
    },
    /// All words are known, but do not belong together: one was mistaken for another, or their order is wrong.
    #[error("the words do not belong together: one of them, or their order, is wrong")]
    Checksum,
}

/// Words that may have been meant. They are part of a secret, so only the person may see them.
#[derive(Clone, PartialEq, Eq)]
pub struct Suggestions(Vec<&'static str>);

impl Suggestions {
    /// The words; none if nothing is similar.
    #[must_use]
    pub fn words(&self) -> &[&'static str] {
        &self.0
    }
}

impl fmt::Debug for Suggestions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(_) = self;
        f.write_str("Suggestions(..)")
    }
}

impl Passphrase {
    /// Reads a passphrase in any language, or in digits.
    ///
    /// # Errors
    /// What is wrong with it; suggestions where a word is mistyped by one letter.
    pub fn parse(text: &str) -> Result<Parsed, PassphraseError> {
        let words: Vec<Zeroizing<String>> =
            text.split(is_separator).map(fold).filter(|folded| !folded.is_empty()).collect();
        if !words.is_empty() && words.iter().all(|word| word.chars().all(|c| digit(c).is_some())) {
            return parse_digits(&words).map(|passphrase| Parsed::One(passphrase, None));
        }
        if words.len() != WORDS {
            return Err(PassphraseError::WordCount { found: words.len() });
        }
        parse_words(&words, Language::ALL.map(WordList::of))
    }
}

/// The lists are an argument because no two of today's share a word: a test brings such that do.
pub(super) fn parse_words(words: &[Zeroizing<String>], lists: [WordList; 3]) -> Result<Parsed, PassphraseError> {
    let readings = lists.map(|list| Reading::new(list, words));
    let mut complete = false;
    let mut found = Vec::new();
    for reading in &readings {
        if let Some(indices) = reading.complete() {
            complete = true;
            found.extend(Passphrase::from_indices(&indices).map(|passphrase| (reading.list.language, passphrase)));
        }
    }
    let question = found.windows(2).any(|pair| matches!(pair, [(_, a), (_, b)] if a != b));
    if question {
        return Ok(Parsed::Ambiguous(found));
    }
    match found.pop() {
        Some((language, passphrase)) => Ok(Parsed::One(passphrase, Some(language))),
        None if complete => Err(PassphraseError::Checksum),
        None => Err(first_wrong_word(&readings, words)),
    }
}

/// The words as one list knows them.
struct Reading {
    list: WordList,
    indices: Zeroizing<Vec<Option<u64>>>,
}

impl Reading {
    fn new(list: WordList, words: &[Zeroizing<String>]) -> Self {
        let indices = words.iter().map(|word| list.find(word).map(Number::get)).collect();
        Self { list, indices: Zeroizing::new(indices) }
    }

    fn complete(&self) -> Option<Zeroizing<[u64; WORDS]>> {
        let mut complete = Zeroizing::new([0; WORDS]);
        for (place, index) in complete.iter_mut().zip(self.indices.iter()) {
            *place = (*index)?;
        }
        Some(complete)
    }

    fn known(&self) -> usize {
        self.indices.iter().flatten().count()
    }
}

fn first_wrong_word(readings: &[Reading], words: &[Zeroizing<String>]) -> PassphraseError {
    let most = readings.iter().map(Reading::known).max().unwrap_or_default();
    for (i, word) in words.iter().enumerate() {
        if readings.iter().all(|reading| reading.indices.get(i).is_none_or(Option::is_none)) {
            // Of the language of the other words, or of any if no word is known.
            let likely = readings.iter().filter(|reading| reading.known() == most);
            let suggestions = likely.flat_map(|reading| reading.list.similar(word)).collect();
            return PassphraseError::UnknownWord { position: i + 1, suggestions: Suggestions(suggestions) };
        }
    }
    for reading in readings.iter().filter(|reading| reading.known() == most) {
        let mut places = reading.indices.iter().zip(words).enumerate();
        if let Some((i, (_, word))) = places.find(|(_, (index, _))| index.is_none()) {
            let (position, expected) = (i + 1, reading.list.language);
            let suggestions = Suggestions(reading.list.similar(word).collect());
            return PassphraseError::MixedLanguages { position, expected, suggestions };
        }
    }
    PassphraseError::Checksum
}

fn parse_digits(words: &[Zeroizing<String>]) -> Result<Passphrase, PassphraseError> {
    let found = words.iter().map(|word| word.chars().count()).sum();
    if found != DIGITS {
        return Err(PassphraseError::DigitCount { found });
    }
    let mut numbers = Zeroizing::new([0_u64; WORDS]);
    let digits = words.iter().flat_map(|word| word.chars()).filter_map(digit);
    for (i, digit) in digits.enumerate() {
        if let Some(number) = numbers.get_mut(i / (DIGITS / WORDS)) {
            *number = *number * 10 + u64::from(digit);
        }
    }
    for (i, number) in numbers.iter_mut().enumerate() {
        let index = number.checked_sub(1).and_then(|index| WordIndex::new(index).ok());
        *number = index.ok_or(PassphraseError::UnknownNumber { position: i + 1 })?.get();
    }
    Passphrase::from_indices(&numbers).ok_or(PassphraseError::Checksum)
}

/// White space, commas, hyphens and dashes, full stops, underscores; also the Arabic ones.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | '\u{60c}' | '-' | '\u{2010}'..='\u{2014}' | '.' | '\u{6d4}' | '_')
}

/// ASCII, Arabic-Indic, Extended Arabic-Indic.
fn digit(c: char) -> Option<u32> {
    let value = match c {
        '0'..='9' => u32::from(c) - u32::from('0'),
        '\u{660}'..='\u{669}' => u32::from(c) - 0x660,
        '\u{6f0}'..='\u{6f9}' => u32::from(c) - 0x6f0,
        _ => return None,
    };
    Some(value)
}
