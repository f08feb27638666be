//! Figures of the same names, taken in several rounds.

use super::goals;
use crate::failure::Failure;
use crate::report::{Figure, Report};

/// What was measured, in the order in which it came first.
#[derive(Debug, Default)]
pub(super) struct Rounds(Vec<Measured>);

#[derive(Debug)]
struct Measured {
    name: String,
    unit: &'static str,
    values: Vec<f64>,
}

impl Rounds {
    pub(super) fn add(&mut self, name: impl Into<String>, unit: &'static str, value: f64) {
        let name = name.into();
        match self.0.iter_mut().find(|measured| measured.name == name) {
            Some(measured) => measured.values.push(value),
            None => self.0.push(Measured { name, unit, values: vec![value] }),
        }
    }

    /// Reports all of them, those with goals first.
    pub(super) fn report(self, report: &mut Report) -> Result<(), Failure> {
        let figures = self.0.into_iter().map(|Measured { name, unit, values }| {
            let goal = goals::of(&name);
            (goal.is_none(), Figure::measured(name, unit, values).with_goal(goal))
        });
        let mut figures: Vec<_> = figures.collect();
        figures.sort_by_key(|(free, _)| *free);
        figures.iter().try_for_each(|(_, figure)| report.figure(figure))
    }
}
