//! The names of files in a mirror (protocol, section 15.2), without their folder.

use crate::ids::Hash;
use crate::time::Day;

const ITEM: &str = ".cbor";
const BATCH: &str = ".batch";

/// What a statement is, in its file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementKind {
    /// A roster.
    Roster,
    /// A seat key.
    SeatKey,
    /// A prekey.
    Prekey,
}

/// The file of a statement, by its hash.
#[must_use]
pub fn statement(kind: StatementKind, hash: Hash) -> String {
    let kind = match kind {
        StatementKind::Roster => "roster",
        StatementKind::SeatKey => "seat-key",
        StatementKind::Prekey => "prekey",
    };
    format!("{kind}-{}{ITEM}", short(hash))
}

/// The file of a directory, by its hash.
#[must_use]
pub fn directory(hash: Hash) -> String {
    format!("{}{ITEM}", short(hash))
}

/// The file of a note, by its day, serial and hash.
#[must_use]
pub fn note(day: Day, serial: u64, hash: Hash) -> String {
    format!("{:010}-{serial:010}-{}{ITEM}", day.0, short(hash))
}

/// The file of a batch of letters or chunks, by its number.
#[must_use]
pub fn batch(number: u64) -> String {
    format!("{number:010}{BATCH}")
}

/// The number in the name of a batch's file; `None` if it is no such name.
#[must_use]
pub fn batch_number(name: &str) -> Option<u64> {
    let number: u64 = name.strip_suffix(BATCH)?.parse().ok()?;
    // One name for each number: no sign, no other zeros.
    (number > 0 && batch(number) == name).then_some(number)
}

/// Whether a file may hold a statement, a directory or a note; others were being written, or are none of ours.
#[must_use]
pub fn is_item(name: &str) -> bool {
    name.ends_with(ITEM) && !name.starts_with('.')
}

/// The first 16 bytes in hexadecimal.
fn short(hash: Hash) -> String {
    hash.to_string().chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_batch_has_exactly_one_name() {
        for number in [1, 42, 9_999_999_999, u64::MAX] {
            assert_eq!(batch_number(&batch(number)), Some(number));
        }
        for name in ["0000000000.batch", "1.batch", "+000000001.batch", ".0000000001.batch", "0000000001.new", "x"] {
            assert_eq!(batch_number(name), None, "{name}");
        }
    }

    #[test]
    fn names_sort_notes_by_day_and_serial() {
        let hash = Hash([0xab; 32]);
        assert_eq!(note(Day(20_000), 3, hash), format!("0000020000-0000000003-{}.cbor", "ab".repeat(16)));
        assert!(note(Day(20_000), 9, hash) < note(Day(20_000), 10, hash));
        assert!(is_item(&directory(hash)) && is_item(&statement(StatementKind::SeatKey, hash)));
        assert!(!is_item(".0123.new") && !is_item(".x.cbor"));
    }
}
