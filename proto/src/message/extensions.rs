//! Walks over the extensions of a message without understanding them.
//!
//! Everything here is iterative: a message nested a thousand times costs no stack.

/// Keys below this are the protocol's own; the others are extensions and ignored.
const FIRST_EXTENSION: u64 = 64;

/// The entries of a message that a reader must understand.
#[derive(Clone, Copy)]
pub(super) struct Known<'b> {
    /// How many.
    pub(super) count: u64,
    /// Their bytes, key and value, one after the other.
    pub(super) entries: &'b [u8],
    /// Whether there are no others.
    pub(super) alone: bool,
}

/// Cuts a map into its known entries and its extensions, and checks what no decoder of the known ones sees: the map's
/// head, the order of all keys, and that every extension is one whole item. Whether known texts are UTF-8 is for their
/// decoder to say: testimony is long, and checking it twice shows in the time that opening takes.
pub(super) fn split(bytes: &[u8]) -> Option<Known<'_>> {
    let Head { major: MAP, argument: total, rest: start } = head(bytes)? else { return None };
    let (mut rest, mut known, mut previous) = (start, None, None);
    for seen in 0..total {
        let Head { major: UNSIGNED, argument: key, rest: value } = head(rest)? else { return None };
        // Numeric order is bytewise order for shortest encodings.
        if previous.is_some_and(|previous| key <= previous) {
            return None;
        }
        if key >= FIRST_EXTENSION && known.is_none() {
            known = Some(Known { count: seen, entries: before(start, rest)?, alone: false });
        }
        previous = Some(key);
        rest = skip(value, Text::of(key))?;
    }
    if !rest.is_empty() {
        return None;
    }
    Some(known.unwrap_or(Known { count: total, entries: start, alone: true }))
}

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const SIMPLE: u8 = 7;
const FALSE: u64 = 20;
const NULL: u64 = 22;

/// The start of an item (RFC 8949, section 3).
struct Head<'b> {
    major: u8,
    argument: u64,
    rest: &'b [u8],
}

/// Reads a head whose argument must be in its shortest form; indefinite lengths have none.
fn head(bytes: &[u8]) -> Option<Head<'_>> {
    let (&initial, rest) = bytes.split_first()?;
    let (major, info) = (initial >> 5, initial & 0x1f);
    let (argument, least, rest) = match info {
        0..=23 => (u64::from(info), 0, rest),
        24 => rest.split_first_chunk().map(|(n, rest)| (u64::from(u8::from_be_bytes(*n)), 24, rest))?,
        25 => rest.split_first_chunk().map(|(n, rest)| (u64::from(u16::from_be_bytes(*n)), 1 << 8, rest))?,
        26 => rest.split_first_chunk().map(|(n, rest)| (u64::from(u32::from_be_bytes(*n)), 1 << 16, rest))?,
        27 => rest.split_first_chunk().map(|(n, rest)| (u64::from_be_bytes(*n), 1 << 32, rest))?,
        _ => return None,
    };
    (argument >= least).then_some(Head { major, argument, rest })
}

/// What to do about texts.
#[derive(Clone, Copy)]
enum Text {
    /// They must be UTF-8.
    Check,
    /// Somebody else will check that.
    Pass,
}

impl Text {
    const fn of(key: u64) -> Self {
        if key >= FIRST_EXTENSION { Self::Check } else { Self::Pass }
    }
}

/// What follows one item: any but tags, floating point and simple values other than false, true and null.
fn skip(mut rest: &[u8], text: Text) -> Option<&[u8]> {
    let mut pending = 1u64;
    while pending > 0 {
        // Every item takes a byte at least, so a head cannot promise more items than there are bytes.
        if pending > rest.len() as u64 {
            return None;
        }
        let Head { major, argument, rest: after } = head(rest)?;
        pending -= 1;
        rest = match major {
            UNSIGNED | NEGATIVE => after,
            BYTES | TEXT => {
                let (string, after) = after.split_at_checked(usize::try_from(argument).ok()?)?;
                if major == TEXT && matches!(text, Text::Check) {
                    std::str::from_utf8(string).ok()?;
                }
                after
            }
            ARRAY => {
                pending = pending.checked_add(argument)?;
                after
            }
            MAP => {
                pending = pending.checked_add(argument.checked_mul(2)?)?;
                after
            }
            SIMPLE if (FALSE..=NULL).contains(&argument) => after,
            _ => return None,
        };
    }
    Some(rest)
}

/// The part of `whole` that comes before its tail `rest`.
fn before<'b>(whole: &'b [u8], rest: &[u8]) -> Option<&'b [u8]> {
    whole.get(..whole.len().checked_sub(rest.len())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn deep_nesting_costs_no_stack() {
        let mut bytes = vec![0x81; 60_000];
        bytes.push(0);
        assert_eq!(skip(&bytes, Text::Check), Some(&[][..]));
    }

    #[test]
    fn promised_items_that_cannot_be_there_are_refused_at_once() {
        assert_eq!(skip(b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", Text::Check), None);
        assert_eq!(skip(b"\xbb\x80\x00\x00\x00\x00\x00\x00\x00", Text::Check), None);
        assert_eq!(skip(b"\x82\x00", Text::Check), None);
        assert_eq!(skip(b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff\x00", Text::Check), None);
    }

    #[test]
    fn only_deterministic_heads_are_accepted() {
        for refused in [
            &b"\x18\x17"[..],    // 23 in two bytes
            b"\x19\x00\xff",     // 255 in three
            b"\x5f\x41\x00\xff", // indefinite bytes
            b"\x9f\xff",         // indefinite array
            b"\xc0\x00",         // tag
            b"\xf9\x00\x00",     // floating point
            b"\xf7",             // undefined
            b"\xf8\x20",         // simple(32)
            b"\xff",             // break
            b"\x61\xff",         // not UTF-8
            b"",
        ] {
            assert_eq!(skip(refused, Text::Check), None, "{refused:02x?}");
        }
        for accepted in [&b"\x17"[..], b"\x18\x18", b"\x19\x01\x00", b"\x38\x18", b"\xf6", b"\xf4", b"\xa1\x00\x80"] {
            assert_eq!(skip(accepted, Text::Check), Some(&[][..]), "{accepted:02x?}");
        }
    }

    proptest! {
        #[test]
        fn random_bytes_are_never_read_past_their_end(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some(known) = split(&bytes) {
                prop_assert!(known.entries.len() < bytes.len());
            }
        }
    }
}
