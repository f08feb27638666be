//! Sources and what they write. The same number is always the same source with the same text.

use crate::failure::Failure;
use chacha20::ChaCha20Rng;
use cssr_proto::keys::{ContactSecret, ParcelSecret, ReplySecret, SourceAuthKey};
use cssr_proto::message::{Language, MessageText, Testimony};
use cssr_proto::{Contact, Day, List, SourceKeys};
use rand_core::{Rng as _, SeedableRng as _};

/// Somebody's testimony about houses, some 3,000 Arabic characters.
const SAMPLE: &str = include_str!("../../testdata/testimony.ar.txt");

/// How much a source writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// Two sentences.
    Short,
    /// About 1,500 bytes.
    Page,
    /// The whole sample, about 5,400 bytes.
    Long,
}

impl Size {
    pub(crate) const ALL: [Self; 3] = [Self::Short, Self::Page, Self::Long];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Page => "page",
            Self::Long => "long",
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::Short => 160,
            Self::Page => 1_500,
            Self::Long => usize::MAX,
        }
    }
}

/// A source and its testimony.
pub(crate) struct Writer {
    pub(crate) keys: SourceKeys,
    pub(crate) contact: Contact,
    pub(crate) message: Testimony,
}

impl Writer {
    pub(crate) fn new(number: u64, size: Size) -> Result<Self, Failure> {
        let mut rng = rng("source", number);
        // Without passphrases: Argon2id alone would take an hour for ten thousand of them.
        let keys = SourceKeys {
            auth: SourceAuthKey::generate(&mut rng),
            reply: ReplySecret::generate(&mut rng),
            contact: ContactSecret::generate(&mut rng),
            parcel: ParcelSecret::generate(&mut rng),
        };
        Ok(Self { contact: keys.to_contact(), keys, message: testimony(number, size)? })
    }
}

pub(crate) fn testimony(number: u64, size: Size) -> Result<Testimony, Failure> {
    Ok(Testimony {
        text: MessageText::new(text(number, size))?,
        day: Day(20_000),
        language: Some(Language::new("ar")?),
        manifests: List::default(),
        form: None,
    })
}

/// A text that no other number has: the number, then words of the sample from a place of its own on.
pub(crate) fn text(number: u64, size: Size) -> String {
    let words: Vec<&str> = SAMPLE.split_whitespace().collect();
    let start = rng("text", number).next_u64() as usize % words.len();
    let mut text = format!("{number}.");
    for word in words.iter().cycle().skip(start).take(words.len()) {
        if text.len() >= size.bytes() {
            break;
        }
        text.push(' ');
        text.push_str(word);
    }
    text
}

/// A generator that gives the same numbers in every run.
pub(crate) fn rng(purpose: &str, number: u64) -> ChaCha20Rng {
    let mut seed = [0; 32];
    let bytes = number.to_le_bytes().into_iter().chain(purpose.bytes());
    seed.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    ChaCha20Rng::from_seed(seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_sources_write_the_same_text() {
        for size in Size::ALL {
            let texts: BTreeSet<String> = (0..2_000).map(|number| text(number, size)).collect();
            assert_eq!(texts.len(), 2_000);
        }
    }

    #[test]
    fn texts_have_the_sizes_they_are_named_after() {
        for (size, least, most) in [(Size::Short, 160, 200), (Size::Page, 1_500, 1_540), (Size::Long, 5_300, 5_500)] {
            for number in [0, 1, 9_999] {
                assert!((least..=most).contains(&text(number, size).len()), "{size:?}");
            }
        }
    }

    #[test]
    fn no_two_sources_have_the_same_key() {
        let keys: BTreeSet<[u8; 32]> =
            (0..100).map(|n| *Writer::new(n, Size::Short).unwrap().keys.auth.public().as_bytes()).collect();
        assert_eq!(keys.len(), 100);
    }
}
