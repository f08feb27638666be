//! Trying to find out in which order envelopes came.

use crate::ext4::Extent;

/// What a disk tells of one envelope.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Bytes from the beginning of its journal.
    pub of_file: u64,
    /// Bytes from the beginning of the disk.
    pub of_disk: u64,
    pub nonce: [u8; 24],
}

/// For as many envelopes in random order the correlation has a standard deviation of 1/sqrt(count - 1). Six of them are
/// exceeded once in 500 million tries; a test makes less than 100.
pub fn chance(count: usize) -> f64 {
    6.0 / (count as f64 - 1.0).sqrt()
}

/// The envelopes of a batch, in the order of their arrival.
pub fn nothing_tells_the_order(whose: &str, envelopes: &[Seen], extents: &[Extent]) {
    for (what, found) in correlations(envelopes, extents) {
        eprintln!("{whose}: {what} {found:+.3}");
        assert!(found.abs() < chance(envelopes.len()), "{what} of the {whose}: {found}");
    }
    // Nor is it first one part of the file, then the other.
    let mut all: Vec<u64> = envelopes.iter().map(|envelope| envelope.of_file).collect();
    all.sort_unstable();
    let (first, later) = envelopes.split_at(envelopes.len() / 2);
    let low = |some: &[Seen]| some.iter().filter(|envelope| envelope.of_file < all[all.len() / 2]).count();
    assert!(low(first).abs_diff(low(later)) < 40, "{} and {}", low(first), low(later));
}

/// Of everything that a disk tells of envelopes, with the order of their arrival.
pub fn correlations(envelopes: &[Seen], extents: &[Extent]) -> [(&'static str, f64); 5] {
    let of = |value: &dyn Fn(&Seen) -> u128| correlation(&envelopes.iter().map(value).collect::<Vec<_>>());
    [
        ("position", of(&|envelope| envelope.of_file.into())),
        ("block", of(&|envelope| envelope.of_disk.into())),
        ("nonce", of(&|envelope| u128::from_be_bytes(*envelope.nonce.first_chunk().unwrap()))),
        ("states of the file with it", correlation(&states(envelopes, extents, true))),
        ("states of the file without it", correlation(&states(envelopes, extents, false))),
    ]
}

/// How many states of the file in the log knew each envelope, or its place without it.
fn states(envelopes: &[Seen], extents: &[Extent], written: bool) -> Vec<u128> {
    let mut places: Vec<_> = envelopes.iter().map(|envelope| envelope.of_disk).zip(0..).collect();
    places.sort_unstable();
    let mut states = vec![0; envelopes.len()];
    for extent in extents.iter().filter(|extent| extent.written == written) {
        let from = places.partition_point(|(at, _)| *at < extent.of_disk);
        for (at, which) in places[from..].iter().take_while(|(at, _)| *at < extent.of_disk + extent.length) {
            let there: usize = *which;
            states[there] += u128::from(extent.of_file + (at - extent.of_disk) == envelopes[there].of_file);
        }
    }
    states
}

/// Spearman's rank correlation of what an attacker sees with the order of arrival. What is equal shares its ranks.
pub fn correlation(seen: &[u128]) -> f64 {
    let mut sorted = seen.to_vec();
    sorted.sort_unstable();
    let middle = (seen.len() - 1) as f64 / 2.0;
    let (mut both, mut of_seen, mut of_places) = (0.0, 0.0, 0.0);
    for (place, value) in seen.iter().enumerate() {
        let (from, to) =
            (sorted.partition_point(|other| other < value), sorted.partition_point(|other| other <= value));
        let (rank, place) = ((from + to - 1) as f64 / 2.0 - middle, place as f64 - middle);
        both += rank * place;
        of_seen += rank * rank;
        of_places += place * place;
    }
    // All the same: it says nothing.
    if of_seen == 0.0 { 0.0 } else { both / (of_seen * of_places).sqrt() }
}
