//! Passphrases, what follows from them, contacts, and the names of letters (sections 5 and 8.2).

use super::case::Case;
use super::cbor::{array, bytes, uint};
use super::kit::{Key, X25519_NOT_CANONICAL, h, kdf, seed, x_wing, x25519};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = passphrases();
    cases.extend(wrong_passphrases());
    cases.extend(source_keys());
    cases.extend(contacts());
    cases.extend(letter_names());
    cases
}

const ENGLISH: &str = include_str!("../../../wordlists/english.txt");
const ARABIC: &str = include_str!("../../../wordlists/arabic.txt");
const KURMANJI: &str = include_str!("../../../wordlists/kurmanji.txt");

/// The word with an index.
pub(crate) fn word(list: &'static str, index: usize) -> &'static str {
    list.lines().nth(index).unwrap()
}

/// 80 random bits.
struct Passphrase([u8; 10]);

impl Passphrase {
    /// 0 to 9, as in the examples of other places.
    fn usual() -> Self {
        Self(std::array::from_fn(|i| i as u8))
    }

    /// The indices of its words.
    fn indices(&self) -> [usize; 8] {
        self.indices_with(h("cssr1 passphrase check", &self.0)[0])
    }

    fn indices_with(&self, check: u8) -> [usize; 8] {
        let bits = self.0.iter().chain([&check]).fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        std::array::from_fn(|i| (bits >> (11 * (7 - i)) & 0x7ff) as usize)
    }

    fn words(&self, list: &'static str) -> String {
        self.indices().map(|index| word(list, index)).join(" ")
    }

    fn digits(&self, zero: char) -> String {
        let digit = |c: char| char::from_u32(u32::from(zero) + c.to_digit(10).unwrap()).unwrap();
        let group = |index: usize| format!("{:04}", index + 1).chars().map(digit).collect::<String>();
        self.indices().map(group).join(" ")
    }
}

const ARABIC_INDIC: char = '\u{660}';
const EXTENDED_ARABIC_INDIC: char = '\u{6f0}';

fn passphrases() -> Vec<Case> {
    let usual = Passphrase::usual();
    let ok = |name: &str, comment: &str, passphrase: &Passphrase, language: &str, text: &str| {
        Case::ok(&format!("passphrase/{name}"), comment)
            .input("text", text)
            .output("number", passphrase.0)
            .output("language", language)
            .output("english", passphrase.words(ENGLISH))
            .output("arabic", passphrase.words(ARABIC))
            .output("kurmanji", passphrase.words(KURMANJI))
            .output("digits", passphrase.digits('0'))
            .output("digits-arabic-indic", passphrase.digits(ARABIC_INDIC))
            .output("digits-extended-arabic-indic", passphrase.digits(EXTENDED_ARABIC_INDIC))
    };
    let arabic = Passphrase(*seed("an Arabic passphrase").first_chunk().unwrap());
    let kurmanji = Passphrase(*seed("a Kurmanji passphrase").first_chunk().unwrap());
    let look_alikes = [('ي', 'ی'), ('ك', 'ک'), ('ه', 'ة'), ('ا', 'أ'), ('و', 'ؤ'), (' ', '،')];
    let other_keyboard: String = arabic
        .words(ARABIC)
        .chars()
        .map(|c| look_alikes.iter().find(|(a, _)| *a == c).map_or(c, |(_, b)| *b))
        .collect();
    let marked: String = arabic
        .words(ARABIC)
        .chars()
        .flat_map(|c| if c == ' ' { vec![' ', '-', ' '] } else { vec![c, '\u{640}', '\u{64e}'] })
        .collect();
    let plain = [('ê', 'e'), ('î', 'i'), ('û', 'u'), ('ş', 's'), ('ç', 'c')];
    let without_marks: String = kurmanji
        .words(KURMANJI)
        .chars()
        .map(|c| plain.iter().find(|(a, _)| *a == c).map_or(c, |(_, b)| *b).to_ascii_uppercase())
        .collect();
    vec![
        ok("english", "The number 0 to 9 in English words.", &usual, "en", &usual.words(ENGLISH)),
        ok("arabic", "In Arabic words.", &arabic, "ar", &arabic.words(ARABIC)),
        ok("kurmanji", "In Kurmanji words.", &kurmanji, "kmr", &kurmanji.words(KURMANJI)),
        ok("digits", "In ASCII digits.", &usual, "digits", &usual.digits('0')),
        ok("digits-arabic-indic", "In Arabic-Indic digits.", &arabic, "digits", &arabic.digits(ARABIC_INDIC)),
        ok(
            "digits-extended-arabic-indic",
            "In Extended Arabic-Indic digits.",
            &kurmanji,
            "digits",
            &kurmanji.digits(EXTENDED_ARABIC_INDIC),
        ),
        ok(
            "digits-without-spaces",
            "Digits are read however they are grouped.",
            &usual,
            "digits",
            &usual.digits('0').replace(' ', ""),
        ),
        ok(
            "digits-in-pairs",
            "Pairs, hyphens and a full stop.",
            &usual,
            "digits",
            &(usual
                .digits('0')
                .replace(' ', "")
                .as_bytes()
                .chunks(2)
                .map(|pair| std::str::from_utf8(pair).unwrap())
                .collect::<Vec<_>>()
                .join("-")
                + "."),
        ),
        ok(
            "english-upper-case",
            "Upper case, dashes, commas, a full stop and white space around.",
            &usual,
            "en",
            &format!(
                "  {}.\n",
                usual.words(ENGLISH).to_uppercase().replacen(' ', " \u{2014} ", 2).replacen(' ', ", ", 1)
            ),
        ),
        ok(
            "arabic-other-keyboard",
            "Letters of another keyboard that look alike, and Arabic commas.",
            &arabic,
            "ar",
            &other_keyboard,
        ),
        ok(
            "arabic-with-marks",
            "A tatweel and a fatha after each letter, hyphens between the words.",
            &arabic,
            "ar",
            &marked,
        ),
        ok("kurmanji-without-marks", "Capitals without circumflexes and cedillas.", &kurmanji, "kmr", &without_marks),
        ok("all-zero", "The least number.", &Passphrase([0; 10]), "en", &Passphrase([0; 10]).words(ENGLISH)),
        ok("all-one", "The greatest number.", &Passphrase([0xff; 10]), "kmr", &Passphrase([0xff; 10]).words(KURMANJI)),
    ]
}

fn wrong_passphrases() -> Vec<Case> {
    let usual = Passphrase::usual();
    let no = |name: &str, reason: &str, comment: &str, text: &str| {
        Case::refused(&format!("passphrase/{name}"), reason, comment).input("text", text)
    };
    let wrong = usual.indices_with(h("cssr1 passphrase check", &usual.0)[0] ^ 1);
    let words: Vec<&str> = wrong.iter().map(|index| word(ENGLISH, *index)).collect();
    let english = usual.words(ENGLISH);
    let mut swapped: Vec<&str> = english.split(' ').collect();
    swapped.swap(2, 5);
    let mut mixed: Vec<&str> = english.split(' ').collect();
    mixed[4] = word(KURMANJI, usual.indices()[4]);
    let digits = usual.digits('0');
    vec![
        no("seven-words", "word-count", "The last word is missing.", english.rsplit_once(' ').unwrap().0),
        no("nine-words", "word-count", "One word too many.", &format!("{english} able")),
        no("empty", "word-count", "Nothing but separators.", " - , ."),
        no(
            "unknown-word",
            "unknown-word",
            "The fourth word is in no list.",
            &english.replacen(english.split(' ').nth(3).unwrap(), "qqqqq", 1),
        ),
        no("two-languages", "mixed-languages", "The fifth word is the Kurmanji one.", &mixed.join(" ")),
        no("wrong-check", "passphrase-checksum", "The eight check bits are others.", &words.join(" ")),
        no("swapped-words", "passphrase-checksum", "Two words have changed places.", &swapped.join(" ")),
        no("28-digits", "digit-count", "The last group is missing.", &digits[..digits.len() - 5]),
        no("digits-0000", "unknown-number", "Words are numbered from 0001.", &format!("0000{}", &digits[4..])),
        no(
            "digits-2049",
            "unknown-number",
            "Words are numbered through 2048.",
            &format!("{}2049", &digits[..digits.len() - 4]),
        ),
        no(
            "digits-wrong-check",
            "passphrase-checksum",
            "The last digit is another.",
            &format!("{}{}", &digits[..digits.len() - 1], if digits.ends_with('1') { 2 } else { 1 }),
        ),
    ]
}

/// The keys of a source.
pub(crate) struct SourceKeys {
    pub(crate) auth: Key,
    pub(crate) reply: Key,
    pub(crate) contact: Key,
    pub(crate) parcel: Key,
}

impl SourceKeys {
    pub(crate) fn of(root: &Key) -> Self {
        Self {
            auth: kdf(root, "cssr1 source auth key", b""),
            reply: kdf(root, "cssr1 reply key", b""),
            contact: kdf(root, "cssr1 contact secret", b""),
            parcel: kdf(root, "cssr1 parcel secret", b""),
        }
    }
}

fn source_keys() -> Vec<Case> {
    let ok = |name: &str, comment: &str, number: [u8; 10], office: [u8; 16]| {
        use argon2::{Algorithm, Argon2, Params, Version};
        let salt = h("cssr1 passphrase salt", &office);
        let mut root = [0; 32];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(65_536, 3, 1, Some(32)).unwrap());
        argon2.hash_password_into(&number, &salt, &mut root).unwrap();
        let keys = SourceKeys::of(&root);
        Case::ok(&format!("source-keys/{name}"), comment)
            .input("number", number)
            .input("office", office)
            .output("salt", salt)
            .output("root-secret", root)
            .output("reply-seed", keys.reply)
            .output("reply-key", x_wing(&keys.reply))
            .output("auth-private-key", keys.auth)
            .output("auth-key", x25519(&keys.auth))
            .output("contact-secret", keys.contact)
            .output("parcel-secret", keys.parcel)
    };
    let office: [u8; 16] = std::array::from_fn(|i| i as u8);
    vec![
        ok("usual", "The number 0 to 9 and the office id 0 to 15.", Passphrase::usual().0, office),
        ok("other-office", "The same number with another office is another person.", Passphrase::usual().0, [0xff; 16]),
    ]
}

/// CDDL `contact`.
pub(crate) fn contact(version: u32, reply_key: &[u8], secret: &[u8]) -> Vec<u8> {
    array(&[uint(version), bytes(reply_key), bytes(secret)])
}

fn contacts() -> Vec<Case> {
    let (reply, secret) = (seed("a reply key"), seed("a contact secret"));
    let key = x_wing(&reply);
    let right = contact(1, &key, &secret);
    let no = |name: &str, comment: &str, bytes: &[u8]| {
        Case::refused(&format!("contact/{name}"), "malformed", comment).input("contact", bytes)
    };
    let with_key = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut key = key.clone();
        edit(&mut key);
        contact(1, &key, &secret)
    };
    vec![
        Case::ok("contact/usual", "A contact, 1,255 bytes.")
            .from("reply-seed", reply)
            .input("contact", &right)
            .output("reply-key", &key)
            .output("contact-secret", secret),
        no("version-2", "A version that does not exist yet.", &contact(2, &key, &secret)),
        no(
            "ml-kem-modulus",
            "A coefficient of the ML-KEM part is not below the modulus.",
            &with_key(&|key| key[..3].fill(0xff)),
        ),
        no(
            "x25519-not-canonical",
            "The X25519 part is not below 2^255 - 19.",
            &with_key(&|key| key[1184..].copy_from_slice(&X25519_NOT_CANONICAL)),
        ),
        no("short-secret", "A contact secret of 31 bytes.", &contact(1, &key, &secret[..31])),
        no("four-items", "An item more than the CDDL has.", &[&[0x84][..], &right[1..], &[0]].concat()),
        no("bytes-after-the-end", "A byte follows.", &[&right[..], &[0]].concat()),
        no("long-integer", "The version in two bytes instead of one.", &[&[0x83, 0x18][..], &right[1..]].concat()),
    ]
}

fn letter_names() -> Vec<Case> {
    let ok = |name: &str, comment: &str, id: [u8; 16]| {
        let hash = h("cssr1 letter name", &id);
        let number = u32::from_be_bytes(*hash.first_chunk().unwrap()) >> 10;
        let words = |list| format!("{} {}", word(list, number as usize >> 11), word(list, number as usize & 0x7ff));
        Case::ok(&format!("letter-name/{name}"), comment)
            .input("id", id)
            .output("name", number)
            .output("english", words(ENGLISH))
            .output("arabic", words(ARABIC))
            .output("kurmanji", words(KURMANJI))
    };
    vec![
        ok("all-zero", "The id of 16 zero bytes.", [0; 16]),
        ok("usual", "Any id.", *seed("an envelope id").first_chunk().unwrap()),
    ]
}
