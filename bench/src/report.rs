//! The figures, for a person or for a script, each as soon as it is known.

use crate::failure::Failure;
use crate::statistics::Summary;
use serde_json::json;
use std::fs;
use std::io::Write as _;

/// Where figures go.
pub(crate) struct Report {
    json: bool,
}

/// One figure.
pub(crate) struct Figure {
    name: String,
    value: Summary,
    unit: &'static str,
    goal: Option<Goal>,
}

/// What a median should reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Goal {
    const fn bound(self) -> f64 {
        match self {
            Self::AtLeast(bound) | Self::AtMost(bound) => bound,
        }
    }

    /// What is not a number reaches none.
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

impl Figure {
    /// A figure that was measured several times.
    pub(crate) fn measured(
        name: impl Into<String>,
        unit: &'static str,
        measured: impl IntoIterator<Item = f64>,
    ) -> Self {
        Self { name: name.into(), value: Summary::of(measured), unit, goal: None }
    }

    /// What the median should reach at least.
    pub(crate) fn at_least(self, goal: f64) -> Self {
        self.with_goal(Some(Goal::AtLeast(goal)))
    }

    /// What the median should reach, if anything.
    pub(crate) const fn with_goal(mut self, goal: Option<Goal>) -> Self {
        self.goal = goal;
        self
    }

    /// `None` where there is no goal.
    fn holds(&self) -> Option<bool> {
        self.goal.map(|goal| goal.holds(self.value.median))
    }

    fn to_text(&self) -> String {
        let [median, min, max] = [self.value.median, self.value.min, self.value.max].map(rounded);
        let Self { name, unit, .. } = self;
        let goal = self.goal.map_or_else(String::new, |goal| {
            let side = if matches!(goal, Goal::AtMost(_)) { "at most " } else { "" };
            let holds = if goal.holds(self.value.median) { "holds" } else { "MISSED" };
            format!("  goal {side}{}: {holds}", goal.bound())
        });
        format!("  {name:38} {median:>8} {unit:14} {:17}{goal}", format!("{min} to {max}")).trim_end().to_owned()
    }

    fn to_json(&self) -> [serde_json::Value; 3] {
        let object = |suffix, value: f64, goal: Option<f64>, holds: Option<bool>| {
            let name = format!("{}{suffix}", self.name);
            json!({ "name": name, "value": value, "unit": self.unit, "goal": goal, "holds": holds })
        };
        let Summary { median, min, max } = self.value;
        [
            object("", median, self.goal.map(Goal::bound), self.holds()),
            object(".min", min, None, None),
            object(".max", max, None, None),
        ]
    }
}

impl Report {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// What the figures were taken on.
    pub(crate) fn machine(&mut self, cores: usize) -> Result<(), Failure> {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let model = model.map_or("unknown processor", |(_, model)| model.trim());
        self.heading(&format!("{model}, {cores} cores"))
    }

    /// What the following figures are about.
    pub(crate) fn heading(&mut self, text: &str) -> Result<(), Failure> {
        if self.json { Ok(()) } else { line(text) }
    }

    pub(crate) fn figure(&mut self, figure: &Figure) -> Result<(), Failure> {
        if self.json {
            figure.to_json().iter().try_for_each(|object| line(&object.to_string()))
        } else {
            line(&figure.to_text())
        }
    }
}

/// Writes at once, for whoever waits for it.
fn line(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// Three digits or more, and never more than anybody believes.
fn rounded(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(measured: &[f64]) -> Figure {
        Figure::measured("x.ratio", "ratio", measured.iter().copied()).at_least(0.85)
    }

    #[test]
    fn a_goal_holds_from_the_goal_on() {
        assert_eq!(ratio(&[0.85]).holds(), Some(true));
        assert_eq!(ratio(&[0.849_999]).holds(), Some(false));
        assert_eq!(ratio(&[]).holds(), Some(false));
        assert_eq!(Figure::measured("x", "s", [1.0]).holds(), None);
    }

    #[test]
    fn a_limit_holds_up_to_the_limit() {
        let limit = |value| Figure::measured("x", "us", [value]).with_goal(Some(Goal::AtMost(60.0)));
        assert_eq!([limit(60.0).holds(), limit(60.1).holds(), limit(f64::NAN).holds()], [true, false, false].map(Some));
        assert!(limit(61.0).to_text().ends_with("  goal at most 60: MISSED"), "{}", limit(61.0).to_text());
    }

    #[test]
    fn a_missed_goal_is_said_in_both_forms() {
        let missed = ratio(&[0.7, 0.9, 0.8]);
        assert!(missed.to_text().ends_with("  goal 0.85: MISSED"), "{}", missed.to_text());
        let [median, min, max] = missed.to_json();
        assert_eq!(median, json!({ "name": "x.ratio", "value": 0.8, "unit": "ratio", "goal": 0.85, "holds": false }));
        assert_eq!(min, json!({ "name": "x.ratio.min", "value": 0.7, "unit": "ratio", "goal": null, "holds": null }));
        assert_eq!(max["value"], json!(0.9));
    }
}
