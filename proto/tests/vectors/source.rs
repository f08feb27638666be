use crate::Outcome;
use crate::case::Case;
use crate::primitives::{h, kdf};
use cssr_proto::keys::ReplySecret;
use cssr_proto::message::LetterName;
use cssr_proto::{
    Contact, DigitScript, EnvelopeId, Language, OfficeId, Parsed, Passphrase, PassphraseError, SourceKeys,
};

pub fn passphrase(case: &Case) -> Outcome {
    let parsed = Passphrase::parse(&case.given("text").text()).map_err(|error| match error {
        PassphraseError::WordCount { .. } => "word-count",
        PassphraseError::DigitCount { .. } => "digit-count",
        PassphraseError::UnknownNumber { .. } => "unknown-number",
        PassphraseError::UnknownWord { .. } => "unknown-word",
        PassphraseError::MixedLanguages { .. } => "mixed-languages",
        PassphraseError::Checksum => "passphrase-checksum",
        other => panic!("{other}"),
    })?;
    let Parsed::One(passphrase, language) = parsed else { panic!("no two lists share a word") };
    case.expect("language", language.map_or("digits", |language| language.tag()));
    for (field, language) in LANGUAGES {
        case.expect(field, passphrase.write(language).to_string());
    }
    let digits = passphrase.write_digits(DigitScript::Ascii);
    case.expect("digits", digits.to_string());
    case.expect("digits-arabic-indic", passphrase.write_digits(DigitScript::ArabicIndic).to_string());
    case.expect("digits-extended-arabic-indic", passphrase.write_digits(DigitScript::ExtendedArabicIndic).to_string());

    let number: [u8; 10] = case.output("number").array();
    assert_eq!(*digits, digits_of(number));
    Ok(())
}

const LANGUAGES: [(&str, Language); 3] =
    [("english", Language::English), ("arabic", Language::Arabic), ("kurmanji", Language::Kurmanji)];

/// The 80 bits and the eight check bits as eight groups of digits.
fn digits_of(number: [u8; 10]) -> String {
    let check = h("cssr1 passphrase check", &number)[0];
    let bits: String = number.iter().chain([&check]).map(|byte| format!("{byte:08b}")).collect();
    let groups = (0..8).map(|i| u32::from_str_radix(&bits[11 * i..11 * (i + 1)], 2).unwrap() + 1);
    groups.map(|group| format!("{group:04}")).collect::<Vec<_>>().join(" ")
}

pub fn source_keys(case: &Case) -> Outcome {
    let number: [u8; 10] = case.given("number").array();
    let office: [u8; 16] = case.given("office").array();
    let Ok(Parsed::One(passphrase, _)) = Passphrase::parse(&digits_of(number)) else { panic!("a passphrase") };
    let keys = SourceKeys::derive(&passphrase, OfficeId(office)).unwrap();

    let salt = h("cssr1 passphrase salt", &office);
    case.expect("salt", salt);
    let params = argon2::Params::new(64 * 1024, 3, 1, Some(32)).unwrap();
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let mut root = [0; 32];
    argon2.hash_password_into(&number, &salt, &mut root).unwrap();
    case.expect("root-secret", root);
    for (field, label, secret) in [
        ("reply-seed", "cssr1 reply key", keys.reply.expose()),
        ("auth-private-key", "cssr1 source auth key", keys.auth.expose()),
        ("contact-secret", "cssr1 contact secret", keys.contact.expose()),
        ("parcel-secret", "cssr1 parcel secret", keys.parcel.expose()),
    ] {
        case.expect(field, secret);
        assert_eq!(*secret, kdf(&root, label, b""));
    }
    case.expect("reply-key", keys.reply.public().as_bytes());
    case.expect("auth-key", keys.auth.public().as_bytes());
    Ok(())
}

pub fn contact(case: &Case) -> Outcome {
    let bytes = case.given("contact").bytes();
    let contact = Contact::from_bytes(&bytes).map_err(|_| "malformed")?;
    assert_eq!(*contact.to_bytes(), bytes);
    case.expect("reply-key", contact.reply_key.as_bytes());
    case.expect("contact-secret", contact.secret.expose());
    assert_eq!(ReplySecret::from_bytes(case.source("reply-seed").array()).public(), contact.reply_key);
    Ok(())
}

pub fn letter_name(case: &Case) -> Outcome {
    let id = case.given("id").array();
    let name = LetterName::of(&EnvelopeId(id));
    case.expect("name", name.get());
    let bits: String = h("cssr1 letter name", &id)[..3].iter().map(|byte| format!("{byte:08b}")).collect();
    case.expect("name", u32::from_str_radix(&bits[..22], 2).unwrap());
    for (field, language) in LANGUAGES {
        case.expect(field, name.in_language(language));
    }
    Ok(())
}
