//! Raw DEFLATE (RFC 1951) with a limit on what comes out.

use crate::sizes::MESSAGE_MAX;
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use zeroize::Zeroizing;

/// Of 0 to 10; above this, texts of a few kilobytes hardly shrink any more.
const LEVEL: u8 = 6;
/// How much a text usually grows; what grows more costs one more allocation.
const USUAL_GROWTH: usize = 4;
/// One byte more than a message may have, so that one that has too many shows.
const MOST: usize = MESSAGE_MAX + 1;

pub(super) fn deflate(message: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(compress_to_vec(message, LEVEL))
}

/// `None` unless the input is one whole stream and nothing else, and yields at most 65,536 bytes.
pub(super) fn inflate(compressed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut state = Box::<DecompressorOxide>::default();
    let guess = compressed.len().saturating_mul(USUAL_GROWTH).clamp(512, MOST);
    let mut out = Zeroizing::new(vec![0; guess]);
    let (mut rest, mut written) = (compressed, 0);
    loop {
        let (status, read, more) =
            decompress(&mut state, rest, &mut out, written, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF);
        rest = rest.get(read..)?;
        written = written.checked_add(more)?;
        match status {
            TINFLStatus::Done if rest.is_empty() && written <= MESSAGE_MAX => {
                out.truncate(written);
                return Some(out);
            }
            TINFLStatus::HasMoreOutput if out.len() < MOST => {
                let mut larger = Zeroizing::new(Vec::with_capacity(MOST));
                larger.extend_from_slice(&out);
                larger.resize(MOST, 0);
                out = larger;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn at_most_65_536_bytes_come_out() {
        for (size, allowed) in [
            (0, true),
            (1, true),
            (MESSAGE_MAX - 1, true),
            (MESSAGE_MAX, true),
            (MESSAGE_MAX + 1, false),
            (10_000_000, false),
        ] {
            for level in [0, 1, 9] {
                let compressed = compress_to_vec(&vec![b'a'; size], level);
                let out = inflate(&compressed);
                assert_eq!(out.is_some_and(|out| out.len() == size), allowed, "{size} {level}");
            }
        }
    }

    #[test]
    fn the_stream_ends_where_the_input_ends() {
        for message in [&b""[..], b"a", b"some text, some text, some text", &[7; 5_000]] {
            for level in [0, 1, 6, 9] {
                let whole = compress_to_vec(message, level);
                assert_eq!(inflate(&whole).as_deref().map(Vec::as_slice), Some(message));
                for trailing in [&[0][..], &[0xff], &[0; 9], b"\x03\x00"] {
                    assert!(inflate(&[&whole, trailing].concat()).is_none(), "{} {level}", message.len());
                }
                for end in 0..whole.len() {
                    assert!(inflate(&whole[..end]).is_none(), "{} {level}", message.len());
                }
            }
        }
    }

    #[test]
    fn a_reserved_block_type_is_refused() {
        assert!(inflate(&[0x07]).is_none());
    }

    proptest! {
        #[test]
        fn what_was_deflated_inflates_to_the_same(message in proptest::collection::vec(0u8..8, 0..MESSAGE_MAX)) {
            prop_assert_eq!(&**inflate(&deflate(&message)).unwrap(), &message[..]);
        }

        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = inflate(&bytes);
        }
    }
}
