//! What several rounds say together.

/// The median of several measurements, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Summary {
    /// Of no measurement at all, it is not a number.
    pub(crate) fn of(measured: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = measured.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        let last = values.len().saturating_sub(1);
        Self { median: f64::midpoint(at(last / 2), at(last.div_ceil(2))), min: at(0), max: at(last) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        let summary = Summary::of([9.0, 1.0, 4.0, 2.0]);
        assert_eq!(summary, Summary { median: 3.0, min: 1.0, max: 9.0 });
    }

    #[test]
    fn one_outlier_does_not_move_the_median() {
        assert_eq!(Summary::of([1.0, 1e9, 2.0]), Summary { median: 2.0, min: 1.0, max: 1e9 });
        assert_eq!(Summary::of([7.0]), Summary { median: 7.0, min: 7.0, max: 7.0 });
    }
}
