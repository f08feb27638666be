//! The word lists (docs/wordlists.md): one for each language, 2,048 words in it.

use super::fold::fold;
use crate::cbor::Number;

/// The place of a word in its list: 11 bits.
pub type WordIndex = Number<0, 2047>;

/// A language that has a word list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// English.
    English,
    /// Arabic.
    Arabic,
    /// Kurmanji Kurdish in Latin script.
    Kurmanji,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::English, Self::Arabic, Self::Kurmanji];

    /// The word with an index, for a passphrase or the name of a letter.
    #[must_use]
    pub fn word(self, index: WordIndex) -> &'static str {
        let index = usize::try_from(index.get()).unwrap_or(usize::MAX);
        // Every list has 2,048 lines: tested below.
        self.file().lines().nth(index).unwrap_or_default()
    }

    /// The BCP 47 tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Arabic => "ar",
            Self::Kurmanji => "kmr",
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::English => include_str!("../../wordlists/english.txt"),
            Self::Arabic => include_str!("../../wordlists/arabic.txt"),
            Self::Kurmanji => include_str!("../../wordlists/kurmanji.txt"),
        }
    }
}

/// A list with its lines at hand.
pub(super) struct WordList {
    pub(super) language: Language,
    pub(super) words: Vec<&'static str>,
}

impl WordList {
    pub(super) fn of(language: Language) -> Self {
        Self { language, words: language.file().lines().collect() }
    }

    /// The index of a folded word.
    pub(super) fn find(&self, folded: &str) -> Option<WordIndex> {
        let place = self.words.binary_search_by(|word| fold(word).as_str().cmp(folded)).ok()?;
        Number::new(place.try_into().ok()?).ok()
    }

    /// The words that one letter added, left out or changed makes of a folded word.
    pub(super) fn similar(&self, folded: &str) -> impl Iterator<Item = &'static str> {
        self.words.iter().copied().filter(move |word| is_one_edit_away(&fold(word), folded))
    }
}

/// Whether the Levenshtein distance, counted in characters, is exactly one.
fn is_one_edit_away(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.chars(), b.chars());
    loop {
        let (rest_a, rest_b) = (a.as_str(), b.as_str());
        match (a.next(), b.next()) {
            (Some(x), Some(y)) if x == y => {}
            (None, None) => return false,
            // One changed, one left out, or one added: what follows is the same.
            _ => return a.as_str() == b.as_str() || rest_a == b.as_str() || a.as_str() == rest_b,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use unicode_normalization::is_nfc;

    fn index(n: u64) -> WordIndex {
        Number::new(n).unwrap()
    }

    #[test]
    fn every_list_has_2048_words_whose_folded_forms_are_sorted_and_different() {
        for language in Language::ALL {
            let list = WordList::of(language);
            assert_eq!(list.words.len(), 2_048, "{language:?}");
            let folded: Vec<_> = list.words.iter().map(|word| fold(word)).collect();
            assert!(folded.is_sorted_by(|a, b| a.as_bytes() < b.as_bytes()), "{language:?}");
            assert_eq!(folded.iter().map(|word| word.as_str()).collect::<HashSet<_>>().len(), 2_048);
            assert!(list.words.iter().all(|word| is_nfc(word) && !word.is_empty()), "{language:?}");
            assert!(language.file().ends_with('\n') && !language.file().contains('\r'), "{language:?}");
        }
    }

    #[test]
    fn every_word_is_found_where_it_stands() {
        for language in Language::ALL {
            let list = WordList::of(language);
            for (n, word) in list.words.iter().enumerate() {
                assert_eq!(list.find(&fold(word)), Some(index(n as u64)), "{word}");
            }
            assert_eq!(language.word(index(0)), list.words[0]);
            assert_eq!(language.word(index(2047)), list.words[2047]);
            assert_eq!(list.find(""), None);
            assert_eq!(list.find("zzzzzzzzz"), None);
        }
    }

    #[test]
    fn a_folded_word_consists_of_letters_that_no_separator_splits() {
        for language in Language::ALL {
            for word in WordList::of(language).words {
                let letters = |c: char| {
                    if language == Language::Arabic { ('ا'..='ي').contains(&c) } else { c.is_ascii_lowercase() }
                };
                assert!(fold(word).chars().all(letters), "{word}");
                assert!((3..=8).contains(&fold(word).chars().count()), "{word}");
            }
        }
    }

    #[test]
    fn no_two_words_of_a_list_are_one_letter_apart() {
        for language in Language::ALL {
            let list = WordList::of(language);
            // Every 16th word against all: the whole square is the list checker's.
            for word in list.words.iter().step_by(16) {
                assert_eq!(list.similar(&fold(word)).next(), None, "{word}");
            }
        }
    }

    #[test]
    fn one_edit_is_a_letter_added_left_out_or_changed() {
        for (a, b) in [("ab", "abc"), ("abc", "ac"), ("bc", "abc"), ("abc", "axc"), ("", "a"), ("كتاب", "كتب")] {
            assert!(is_one_edit_away(a, b) && is_one_edit_away(b, a), "{a} {b}");
        }
        for (a, b) in [("ab", "ab"), ("", ""), ("ab", "ba"), ("abc", "a"), ("abcd", "axcy"), ("abc", "xabcx")] {
            assert!(!is_one_edit_away(a, b) && !is_one_edit_away(b, a), "{a} {b}");
        }
    }
}
