//! What people type, and what goes wrong when they do.

use super::fold::fold;
use super::lists::WordList;
use super::parse::parse_words;
use super::*;
use chacha20::ChaCha20Rng;
use proptest::prelude::*;
use rand_core::SeedableRng as _;

/// The number 0, 1, 2, ... 9, written down by another program.
const ENGLISH: &str = "ability artwork method artwork fragrant almond chalk citrus";
const ARABIC: &str = "ابتسامة أرصفة شوك أرصفة حديث أحدث أوراق بذور";
const KURMANJI: &str = "abor avêtin kinc avêtin garis apartman bûkanî çavtêr";
const NUMBERS: &str = "0001 0065 1031 0065 0644 0029 0258 0292";

fn known() -> Passphrase {
    Passphrase(Zeroizing::new(std::array::from_fn(|i| i as u8)))
}

fn random(seed: u8) -> Passphrase {
    Passphrase::generate(&mut ChaCha20Rng::from_seed([seed; 32]))
}

/// The passphrase that a text says, and in which language.
fn read(text: &str) -> Option<(Passphrase, Option<Language>)> {
    match Passphrase::parse(text) {
        Ok(Parsed::One(passphrase, language)) => Some((passphrase, language)),
        _ => None,
    }
}

fn says(text: &str, passphrase: &Passphrase, language: Option<Language>) -> bool {
    read(text).is_some_and(|(read, of)| read == *passphrase && of == language)
}

fn refusal(text: &str) -> PassphraseError {
    Passphrase::parse(text).err().unwrap()
}

#[test]
fn a_known_number_is_written_as_another_program_writes_it() {
    for (language, text) in [(Language::English, ENGLISH), (Language::Arabic, ARABIC), (Language::Kurmanji, KURMANJI)] {
        assert_eq!(*known().write(language), text);
        assert!(says(text, &known(), Some(language)));
    }
    assert_eq!(*known().write_digits(DigitScript::Ascii), NUMBERS);
    assert!(says(NUMBERS, &known(), None));
}

#[test]
fn digits_are_read_in_every_script_and_grouping() {
    for script in [DigitScript::Ascii, DigitScript::ArabicIndic, DigitScript::ExtendedArabicIndic] {
        assert!(says(&known().write_digits(script), &known(), None));
    }
    assert_eq!(&*known().write_digits(DigitScript::ArabicIndic), "٠٠٠١ ٠٠٦٥ ١٠٣١ ٠٠٦٥ ٠٦٤٤ ٠٠٢٩ ٠٢٥٨ ٠٢٩٢");
    assert!(says(&NUMBERS.replace(' ', ""), &known(), None));
    assert!(says(&NUMBERS.replace(' ', "\u{200f}-\n"), &known(), None));
    assert!(says("0001006 5١٠٣١۰۰۶۵ 06440029 02580292", &known(), None));
}

#[test]
fn marks_case_and_keyboards_do_not_matter() {
    for (language, text) in [
        (Language::English, ENGLISH.to_uppercase()),
        (Language::English, format!("  {}\n", ENGLISH.replace(' ', ", "))),
        (Language::English, ENGLISH.replace(' ', "-")),
        (Language::English, ENGLISH.replace(' ', "._")),
        (Language::English, ENGLISH.replace(' ', "\u{2013}")),
        (Language::Arabic, ARABIC.replace(' ', "، ")),
        (Language::Arabic, ARABIC.replace(' ', "۔")),
        // Without hamza, with ه for ة, with Persian letters, with vowel signs and tatweel.
        (Language::Arabic, ARABIC.replace('أ', "ا").replace('ة', "ه")),
        (Language::Arabic, ARABIC.replace('ك', "ک").replace('ي', "ی").replace('ة', "ۃ")),
        (Language::Arabic, ARABIC.replace('ش', "شَّ").replace('ر', "رـــ").replace("أ", "ا\u{654}")),
        (Language::Arabic, format!("\u{2067}{ARABIC}\u{2069} \u{200f}")),
        // Without the letters of its own, and decomposed.
        (Language::Kurmanji, "Abor Avetin KINC avetin garis apartman bukani cavter".to_owned()),
        (Language::Kurmanji, KURMANJI.replace('ê', "e\u{302}").replace('ç', "c\u{327}")),
        (Language::Kurmanji, "ABOR AVÊTİN KİNC avêtın garıs apartman bûkanî ÇAVTÊR".to_owned()),
    ] {
        assert!(says(&text, &known(), Some(language)), "{text}");
    }
}

#[test]
fn a_wrong_number_of_words_is_told() {
    let count = |found| PassphraseError::WordCount { found };
    assert_eq!(refusal(""), count(0));
    assert_eq!(refusal(" \u{200f} - , "), count(0));
    assert_eq!(refusal("ability"), count(1));
    assert_eq!(refusal(ENGLISH.rsplit_once(' ').unwrap().0), count(7));
    assert_eq!(refusal(&format!("{ENGLISH} ability")), count(9));
    // Also when words are unknown: the person sees first that one is missing.
    assert_eq!(refusal("qqqq wwww"), count(2));
    assert_eq!(refusal(&"1".repeat(31)), PassphraseError::DigitCount { found: 31 });
    assert_eq!(refusal(&format!("{NUMBERS} 1")), PassphraseError::DigitCount { found: 33 });
}

#[test]
fn an_unknown_word_is_named_by_its_place_with_what_may_have_been_meant() {
    for (text, place, meant) in [
        (ENGLISH.replace("method", "metho"), 3, &["method"][..]),
        (ENGLISH.replace("citrus", "citruss"), 8, &["citrus"]),
        (ENGLISH.replace("method", "mathod"), 3, &["method"]),
        (ENGLISH.replace("method", "qqqqqq"), 3, &[]),
        (ARABIC.replace("شوك", "شوكك"), 3, &["شوك"]),
        (KURMANJI.replace("garis", "garist"), 5, &["garis"]),
        // Digits among words are no word.
        (ENGLISH.replace("method", "1031"), 3, &[]),
    ] {
        let PassphraseError::UnknownWord { position, suggestions } = refusal(&text) else { panic!("{text}") };
        assert_eq!(position, place, "{text}");
        for word in meant {
            assert!(suggestions.words().contains(word), "{text}");
        }
        let typed = text.split(' ').nth(place - 1).unwrap();
        assert!(suggestions.words().len() <= 8, "{text}");
        assert_eq!(suggestions.words().is_empty(), meant.is_empty(), "{text}");
        assert!(suggestions.words().iter().all(|word| fold(word).chars().count().abs_diff(typed.chars().count()) <= 1));
    }
    assert!(matches!(refusal("q w x y z k v j"), PassphraseError::UnknownWord { position: 1, .. }));
}

#[test]
fn words_of_two_languages_are_told_apart_from_unknown_ones() {
    for (text, place, language, meant) in [
        (ENGLISH.replace("method", "apartman"), 3, Language::English, None),
        // A mistyped word can be one of another language.
        (ENGLISH.replace("method", "metod"), 3, Language::English, Some("method")),
        (ARABIC.replace("بذور", "citrus"), 8, Language::Arabic, None),
        (KURMANJI.replace("abor", "ability"), 1, Language::Kurmanji, None),
    ] {
        let PassphraseError::MixedLanguages { position, expected, suggestions } = refusal(&text) else {
            panic!("{text}")
        };
        assert_eq!((position, expected), (place, language), "{text}");
        assert!(suggestions.words().iter().copied().eq(meant), "{text}");
    }
}

#[test]
fn known_words_that_do_not_belong_together_are_told() {
    assert_eq!(refusal(&ENGLISH.replace("method", "ability")), PassphraseError::Checksum);
    let swapped = "artwork ability method artwork fragrant almond chalk citrus";
    assert_eq!(refusal(swapped), PassphraseError::Checksum);
    assert_eq!(refusal(&NUMBERS.replace("1031", "1032")), PassphraseError::Checksum);
    assert_eq!(refusal(&NUMBERS.replace("1031", "0000")), PassphraseError::UnknownNumber { position: 3 });
    assert_eq!(refusal(&NUMBERS.replace("0292", "2049")), PassphraseError::UnknownNumber { position: 8 });
    assert_ne!(refusal(&NUMBERS.replace("1031", "2048")), PassphraseError::UnknownNumber { position: 3 });
}

#[test]
fn if_two_lists_fit_the_person_is_asked() {
    // A list of another language in which every word but the first has another number.
    let shifted = || {
        let mut words = WordList::of(Language::English).words;
        words.remove(0);
        words.push("zzzzzzzz");
        WordList { language: Language::Kurmanji, words }
    };
    let lists = || [WordList::of(Language::English), WordList::of(Language::Arabic), shifted()];
    let parse = |passphrase: &Passphrase| {
        let words = passphrase.words(Language::English).map(fold);
        parse_words(&words, lists()).ok().unwrap()
    };
    let (mut asked, mut clear) = (0, 0);
    let mut rng = ChaCha20Rng::from_seed([9; 32]);
    while asked == 0 || clear == 0 {
        let passphrase = Passphrase::generate(&mut rng);
        match parse(&passphrase) {
            Parsed::Ambiguous(found) => {
                let languages: Vec<_> = found.iter().map(|(language, _)| *language).collect();
                assert_eq!(languages, [Language::English, Language::Kurmanji]);
                assert!(found[0].1 == passphrase && found[1].1 != passphrase);
                asked += 1;
            }
            // The checksum of the other list does not fit.
            Parsed::One(read, language) => {
                assert!(read == passphrase && language == Some(Language::English));
                clear += 1;
            }
        }
    }
}

#[test]
fn nothing_that_was_typed_shows_in_an_error() {
    let error = refusal(&ENGLISH.replace("method", "metho"));
    for shown in [format!("{error:?}"), format!("{error}")] {
        assert!(!ENGLISH.split(' ').any(|word| shown.contains(word)), "{shown}");
        assert!(!shown.contains("metho"), "{shown}");
    }
}

#[test]
fn every_bit_of_the_number_counts() {
    let base = known();
    for bit in 0..80 {
        let mut other = known();
        other.0[bit / 8] ^= 1 << (bit % 8);
        assert!(other != base);
        assert!(says(&other.write(Language::Kurmanji), &other, Some(Language::Kurmanji)), "{bit}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(seed: u8) {
        let passphrase = random(seed);
        for language in Language::ALL {
            prop_assert!(says(&passphrase.write(language), &passphrase, Some(language)));
            prop_assert!(passphrase.words(language).iter().all(|word| !word.is_empty()));
        }
        prop_assert!(says(&passphrase.write_digits(DigitScript::ExtendedArabicIndic), &passphrase, None));
    }

    #[test]
    fn one_mistaken_word_is_rarely_missed_and_never_another_error(seed: u8, at in 0..8_usize, index in 0..2048_u64) {
        let passphrase = random(seed);
        let mut indices: [u64; 8] = passphrase.indices().map(Number::get);
        prop_assume!(indices[at] != index);
        indices[at] = index;
        let words = indices.map(|index| Language::Arabic.word(Number::new(index).unwrap()));
        match Passphrase::parse(&words.join(" ")) {
            Ok(Parsed::One(read, _)) => prop_assert!(read != passphrase),
            Ok(Parsed::Ambiguous(_)) => prop_assert!(false),
            Err(error) => prop_assert_eq!(error, PassphraseError::Checksum),
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        let _ = Passphrase::parse(&text);
    }
}
