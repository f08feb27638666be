//! Steps with a name, an outcome and a time.

use cssr_installation::Failure;
use serde_json::{Value, json};
use std::io::Write as _;
use std::time::{Duration, Instant};

/// The steps taken so far.
#[derive(Default)]
pub(crate) struct Steps(Vec<Step>);

struct Step {
    name: &'static str,
    ok: bool,
    took: Duration,
}

impl Steps {
    /// Takes a step, and says so while it goes on.
    pub(crate) fn take<T>(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        print!("{name:<58}");
        // Only for the eye.
        let _shown = std::io::stdout().flush();
        let started = Instant::now();
        let result = step();
        let (ok, took) = (result.is_ok(), started.elapsed());
        println!("{} {:>6.1} s", if ok { "ok    " } else { "FAILED" }, took.as_secs_f64());
        self.0.push(Step { name, ok, took });
        result
    }

    /// What `--json` prints.
    pub(crate) fn as_json(&self, error: Option<&str>) -> Value {
        let step = |step: &Step| json!({ "name": step.name, "ok": step.ok, "seconds": rounded(step.took) });
        let mut object = json!({ "ok": error.is_none(), "steps": self.0.iter().map(step).collect::<Vec<_>>() });
        if let (Some(error), Some(fields)) = (error, object.as_object_mut()) {
            fields.insert("error".to_owned(), error.into());
        }
        object
    }
}

/// To the millisecond.
fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_fails_is_reported_with_its_error() {
        let mut steps = Steps::default();
        steps.take("first", || Ok(1)).unwrap();
        let error = steps.take("second", || Err::<(), _>(Failure::Unexpected("no".to_owned()))).unwrap_err();
        let object = steps.as_json(Some(&error.to_string()));
        assert_eq!(object["ok"], false);
        assert_eq!(object["error"], "no");
        assert_eq!(object["steps"][0]["ok"], true);
        assert_eq!(object["steps"][1]["name"], "second");
        assert_eq!(object["steps"][1]["ok"], false);
        assert_eq!(Steps::default().as_json(None)["ok"], true);
    }
}
