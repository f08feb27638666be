//! Folding of words (docs/wordlists.md): so that a person may leave out marks, mix up letters that look alike, or use
//! a keyboard of another language.

use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};
use zeroize::Zeroizing;

/// The word in folded form.
pub(super) fn fold(word: &str) -> Zeroizing<String> {
    // Written once into the right size, so that no half of a passphrase stays behind in a buffer that grew.
    let mut folded = Zeroizing::new(String::with_capacity(folded(word).map(char::len_utf8).sum()));
    folded.extend(self::folded(word));
    folded
}

fn folded(word: &str) -> impl Iterator<Item = char> {
    word.nfkd().flat_map(char::to_lowercase).filter(|c| !is_dropped(*c)).map(unify)
}

/// Step 3.
fn is_dropped(c: char) -> bool {
    let apostrophe = matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '\u{2bb}' | '\u{2bc}');
    let lone_hamza = matches!(c, '\u{621}' | '\u{674}');
    let filler = matches!(c, '\u{640}' | '\u{ad}');
    let control = matches!(
        c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    );
    apostrophe || lone_hamza || filler || control || c.general_category() == GeneralCategory::NonspacingMark
}

/// Step 4.
const fn unify(c: char) -> char {
    match c {
        '\u{671}' => '\u{627}',
        '\u{649}' | '\u{6cc}' | '\u{6d0}' => '\u{64a}',
        '\u{629}' | '\u{6c1}' | '\u{6be}' | '\u{6c3}' | '\u{6d5}' => '\u{647}',
        '\u{6a9}' | '\u{6aa}' => '\u{643}',
        '\u{131}' => 'i',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn letters_that_look_alike_and_marks_fold_as_the_document_says() {
        for (word, folded) in [
            // The examples of the document.
            ("أَزْرَق", "ازرق"),
            ("مكتبة", "مكتبه"),
            ("Çîrokbêj", "cirokbej"),
            ("أإآؤئ", "اااوي"),
            ("çşêîûİ", "cseiui"),
            // Each line of its table.
            ("\u{671}", "\u{627}"),
            ("\u{649}\u{6cc}\u{6d0}", "\u{64a}\u{64a}\u{64a}"),
            ("\u{629}\u{6c1}\u{6be}\u{6c3}\u{6d5}", "\u{647}\u{647}\u{647}\u{647}\u{647}"),
            ("\u{6a9}\u{6aa}", "\u{643}\u{643}"),
            ("\u{131}I\u{130}", "iii"),
            // What is dropped, and what lies just beside it.
            ("a'b\u{2018}c\u{2019}d\u{2bb}e\u{2bc}f", "abcdef"),
            ("\u{2bd}\u{201a}", "\u{2bd}\u{201a}"),
            ("ا\u{621}ب\u{674}", "اب"),
            ("ك\u{640}\u{640}تاب", "كتاب"),
            ("so\u{ad}ft", "soft"),
            ("\u{61c}a\u{200b}\u{200f}b\u{202a}\u{202e}c\u{2060}\u{2066}\u{2069}d\u{feff}", "abcd"),
            ("\u{200a}\u{2010}\u{2065}", " \u{2010}\u{2065}"),
            // Compatibility forms: a ligature, letters of full width, Arabic presentation forms.
            ("ﬁｓｈ", "fish"),
            ("ﻛﺘﺎﺏ", "كتاب"),
            ("ﷲ", "الله"),
            // A spacing mark is no nonspacing mark, and stays.
            ("a\u{903}", "a\u{903}"),
            ("", ""),
        ] {
            assert_eq!(*fold(word), folded, "{word}");
        }
    }

    #[test]
    fn folding_writes_into_one_allocation_of_the_right_size() {
        for word in ["ability", "Çîrokbêj", "أَزْرَق", "ﷲﷲﷲﷲ"] {
            let folded = fold(word);
            assert_eq!(folded.capacity(), folded.len(), "{word}");
        }
    }
}
