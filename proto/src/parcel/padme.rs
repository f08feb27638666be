//! Padding of sizes so that they tell little (Nikitin et al., PURBs, PETS 2019, section 4).

/// `n` rounded up so that its binary form has few significant bits: at most 12 % more, and `O(log log n)` bits of
/// what a size tells. For sizes below 2^63.
///
/// ```
/// use cssr_proto::parcel::padme;
/// assert_eq!([0, 1, 8, 9, 17, 1_000].map(padme), [0, 1, 8, 10, 18, 1_024]);
/// ```
#[must_use]
pub const fn padme(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let exponent = n.ilog2();
    let kept = exponent.ilog2() + 1;
    let low = exponent - kept;
    let mask = (1u64 << low) - 1;
    n.saturating_add(mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::padme;

    #[test]
    fn padme_pads_as_the_paper_says() {
        // floor(log2), kept bits and the step worked out by hand.
        for (n, padded) in [
            (0, 0),
            (1, 1),
            (2, 2),
            (3, 3),
            (4, 4),
            (7, 7),
            (8, 8),
            (9, 10),
            (10, 10),
            (15, 16),
            (16, 16),
            (17, 18),
            (100, 104),
            (999, 1_024),
            (1_024, 1_024),
            (1_025, 1_088),
            (132_312, 135_168),
            (1_085_000_000, 1_107_296_256),
        ] {
            assert_eq!(padme(n), padded, "{n}");
        }
    }

    #[test]
    fn padding_never_shrinks_never_adds_more_than_an_eighth_and_is_stable() {
        for n in (0..100_000).chain((0..44).map(|bit| (1 << bit) + 1)) {
            let padded = padme(n);
            assert!(padded >= n && padded - n <= n / 8, "{n}");
            assert_eq!(padme(padded), padded, "{n}");
        }
    }
}
