//! Reading one value of a configuration file, and saying what is wrong with it.

use super::errors::ConfigError;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;
use toml::Value;

/// The most values that one key may list.
const LIST_MAX: usize = 8;

/// The keys of a file, taken out one by one; what is left at the end is unknown.
pub(super) struct Keys {
    table: toml::Table,
    asked: Vec<&'static str>,
}

impl Keys {
    pub(super) const fn new(table: toml::Table) -> Self {
        Self { table, asked: Vec::new() }
    }

    /// A text that parses as `T`. `allowed` completes "it must be ...".
    pub(super) fn text<T: FromStr<Err: Display>>(
        &mut self,
        key: &'static str,
        allowed: &'static str,
    ) -> Result<Option<T>, ConfigError> {
        self.take(key, |value| {
            let text = value.as_str().ok_or_else(|| allowed.to_owned())?;
            text.parse().map_err(|error| format!("{allowed} ({error})"))
        })
    }

    /// A text that parses as `T`, or a list of one to [`LIST_MAX`] of them. `allowed` completes "it must be ...".
    pub(super) fn list<T: FromStr<Err: Display>>(
        &mut self,
        key: &'static str,
        allowed: &'static str,
    ) -> Result<Option<Vec<T>>, ConfigError> {
        self.take(key, |value| {
            let one = std::slice::from_ref(value);
            let values = value.as_array().map_or(one, Vec::as_slice);
            if !(1..=LIST_MAX).contains(&values.len()) {
                return Err(allowed.to_owned());
            }
            let parse = |value: &Value| {
                let text = value.as_str().ok_or_else(|| allowed.to_owned())?;
                text.parse().map_err(|error| format!("{allowed} ({error})"))
            };
            values.iter().map(parse).collect()
        })
    }

    /// A whole number.
    pub(super) fn number<T: TryFrom<i64> + TryInto<i64> + Copy>(
        &mut self,
        key: &'static str,
        allowed: RangeInclusive<T>,
        default: T,
    ) -> Result<T, ConfigError> {
        // A bound beyond what TOML can write bounds nothing.
        let bound = |bound: T| bound.try_into().unwrap_or(i64::MAX);
        let range = bound(*allowed.start())..=bound(*allowed.end());
        let refusal = || format!("a whole number from {} to {}", range.start(), range.end());
        let number = self.take(key, |value| {
            let number = value.as_integer().filter(|number| range.contains(number)).ok_or_else(refusal)?;
            T::try_from(number).map_err(|_| refusal())
        })?;
        Ok(number.unwrap_or(default))
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> Result<bool, ConfigError> {
        let flag = self.take(key, |value| value.as_bool().ok_or_else(|| "true or false".to_owned()))?;
        Ok(flag.unwrap_or(default))
    }

    /// A time with its unit.
    pub(super) fn time(
        &mut self,
        key: &'static str,
        allowed: RangeInclusive<Duration>,
        default: Duration,
    ) -> Result<Duration, ConfigError> {
        let time = self.take(key, |value| {
            value.as_str().and_then(parse_time).filter(|time| allowed.contains(time)).ok_or_else(|| {
                let (low, high) = (show_time(*allowed.start()), show_time(*allowed.end()));
                format!("a time such as \"500ms\", \"60s\", \"30min\" or \"2h\", from {low} to {high}")
            })
        })?;
        Ok(time.unwrap_or(default))
    }

    /// Refuses whatever has not been asked for.
    pub(super) fn finish(&mut self) -> Result<(), Vec<ConfigError>> {
        let known = self.asked.join(", ");
        let unknown = |(key, _)| ConfigError::UnknownKey { key, known: known.clone() };
        let unknown: Vec<_> = std::mem::take(&mut self.table).into_iter().map(unknown).collect();
        if unknown.is_empty() { Ok(()) } else { Err(unknown) }
    }

    fn take<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        self.asked.push(key);
        let Some(value) = self.table.remove(key) else { return Ok(None) };
        match read(&value) {
            Ok(value) => Ok(Some(value)),
            Err(allowed) => Err(ConfigError::Value { key, found: value.to_string(), allowed }),
        }
    }
}

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

fn parse_time(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit.trim_start())?;
    Some(Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(*millis)?))
}

/// In the largest unit that shows it whole.
pub(super) fn show_time(time: Duration) -> String {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let whole = UNITS.iter().rev().find(|(_, unit)| millis >= *unit && millis.is_multiple_of(*unit));
    whole.map_or_else(|| "0ms".to_owned(), |(name, unit)| format!("{}{name}", millis / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_its_unit() {
        for (text, millis) in [("500ms", 500), ("1s", 1_000), ("30 min", 1_800_000), ("2h", 7_200_000), ("0s", 0)] {
            assert_eq!(parse_time(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "s", "-1s", "1.5s", "5 parsecs", "18446744073709551615h", "99999999999999999999s"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
        for text in ["500ms", "90s", "30min", "2h", "1d", "0ms"] {
            assert_eq!(show_time(parse_time(text).unwrap()), text);
        }
    }
}
