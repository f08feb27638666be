//! Names for threads that people can say: made from a keyed hash, so that they lead back to nobody.

use super::vault::Tag;

const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aiou";
const SYLLABLES: usize = 6;

/// The name of a thread at one seat, such as `Bakolu-Mirasu`. Two threads of a seat share one with probability 2^-36;
/// another seat calls the same source differently.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pseudonym(String);

impl Pseudonym {
    /// Six bits for each syllable, from the first bytes of the tag.
    pub(super) fn of(tag: Tag) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *tag.as_bytes();
        let mut bits = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let mut name = String::with_capacity(2 * SYLLABLES + 1);
        for n in 0..SYLLABLES {
            if n == SYLLABLES / 2 {
                name.push('-');
            }
            let begins = name.is_empty() || name.ends_with('-');
            let consonant = char::from(*pick(CONSONANTS, bits));
            name.push(if begins { consonant.to_ascii_uppercase() } else { consonant });
            name.push(char::from(*pick(VOWELS, bits >> 4)));
            bits >>= 6;
        }
        Self(name)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The item that the lowest bits name; `N` is a power of two.
fn pick<const N: usize>(from: &[u8; N], bits: u64) -> &u8 {
    let place = (bits % N as u64) as usize;
    from.get(place).unwrap_or(&b'x')
}

impl std::fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonym(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn pseudonyms_can_be_spoken_and_differ() {
        let tag = |n: u64| -> Tag {
            let bytes = (u128::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64).to_be_bytes();
            minicbor::decode(&minicbor::to_vec(minicbor::bytes::ByteArray::from(bytes)).unwrap()).unwrap()
        };
        let names: BTreeSet<String> = (0..500).map(|n| Pseudonym::of(tag(n)).to_string()).collect();
        assert_eq!(names.len(), 500);
        for name in &names {
            let parts: Vec<&str> = name.split('-').collect();
            assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [6, 6], "{name}");
            assert!(parts.iter().all(|part| part.starts_with(|c: char| c.is_ascii_uppercase())), "{name}");
            let vowels = name.bytes().filter(|c| VOWELS.contains(&c.to_ascii_lowercase())).count();
            assert_eq!(vowels, SYLLABLES, "{name}");
        }
        assert_eq!(Pseudonym::of(tag(0)).as_str(), "Bababa-Bababa");
    }
}
