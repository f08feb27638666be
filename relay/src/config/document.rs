//! A TOML file from its text to whatever is made of its keys, with everything that is wrong.

use super::errors::{ConfigError, ConfigErrors, Fault};
use super::value::Keys;
use crate::regular;
use std::collections::HashMap;
use std::path::Path;
use toml::de::DeTable;

/// Characters of a line that are shown.
const SHOWN: usize = 100;

/// Reads a file, or the one of this name in a folder; `make` is given its text and its folder.
pub(super) fn read<T>(
    name: &'static str,
    path: &Path,
    make: impl FnOnce(&str, &Path) -> Result<T, ConfigErrors>,
) -> Result<T, ConfigErrors> {
    let path = if path.is_dir() { path.join(name) } else { path.to_owned() };
    match regular::read_to_string(&path) {
        Ok(text) => make(&text, path.parent().unwrap_or(Path::new(""))),
        Err(error) => {
            let fault = Fault { line: None, error: ConfigError::Read { path, error } };
            Err(ConfigErrors { file: name, faults: vec![fault] })
        }
    }
}

/// Makes something of the keys of a file, whatever is wrong with others; `None` if there are no keys to be read.
pub(super) fn glance<T>(name: &str, path: &Path, make: impl FnOnce(&mut Keys, &Path) -> T) -> Option<T> {
    let path = if path.is_dir() { path.join(name) } else { path.to_owned() };
    let (table, _) = table(&regular::read_to_string(&path).ok()?).ok()?;
    Some(make(&mut Keys::new(table), path.parent().unwrap_or(Path::new(""))))
}

/// Makes something of the keys. `make` may stop at the first error: what it is about is taken out then, so that its default
/// holds, and the rest is looked at again, until nothing is wrong any more or cannot be taken out.
pub(super) fn parse<T>(
    name: &'static str,
    text: &str,
    make: impl Fn(&mut Keys) -> Result<T, Vec<ConfigError>>,
) -> Result<T, ConfigErrors> {
    let (mut table, lines) = table(text).map_err(|faults| ConfigErrors { file: name, faults })?;
    let mut faults: Vec<Fault> = Vec::new();
    loop {
        let made = make(&mut Keys::new(table.clone()));
        let errors = match made {
            Ok(made) => return ConfigErrors::new(name, faults).map_or(Ok(made), Err),
            Err(errors) => errors,
        };
        let mut again = false;
        for error in errors {
            let key = error.key().unwrap_or_default();
            again |= table.remove(key).is_some();
            // A key that was taken out is not missing.
            if !faults.iter().any(|fault| fault.error.key() == Some(key)) {
                faults.push(Fault { line: lines.get(key).copied(), error });
            }
        }
        if !again && let Some(errors) = ConfigErrors::new(name, std::mem::take(&mut faults)) {
            return Err(errors);
        }
    }
}

/// The table, and the line of each of its keys; or every error of syntax.
fn table(text: &str) -> Result<(toml::Table, HashMap<String, usize>), Vec<Fault>> {
    let line = |position: usize| 1 + text.bytes().take(position).filter(|byte| *byte == b'\n').count();
    let (keys, errors) = DeTable::parse_recoverable(text);
    let fault = |error: &toml::de::Error| {
        let line = error.span().map(|span| line(span.start));
        let content = line.and_then(|line| text.lines().nth(line - 1)).unwrap_or_default();
        let content = content.chars().take(SHOWN).collect();
        Fault { line, error: ConfigError::Syntax { message: error.message().to_owned(), content } }
    };
    if !errors.is_empty() {
        let mut faults: Vec<_> = errors.iter().map(fault).collect();
        faults.sort_by_key(|fault| fault.line);
        return Err(faults);
    }
    let table = text.parse().map_err(|error| vec![fault(&error)])?;
    let lines = keys.get_ref().iter().map(|(key, _)| (key.get_ref().to_string(), line(key.span().start)));
    Ok((table, lines.collect()))
}
