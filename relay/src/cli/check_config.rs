//! `cssr-relay check-config`.

use super::{CheckConfig, Failure, owner, print};
use crate::config::NamedFiles;
use crate::{ConfigErrors, ConfigFile, Fault, ForwardFile, Tls, read_key_file};
use serde_json::{Value, json};
use std::path::Path;

/// One thing to tell, with its line if it is in the file.
struct Finding {
    line: Option<usize>,
    /// As a person reads it, the line included.
    shown: String,
    message: String,
}

pub(super) fn run(arguments: &CheckConfig) -> Result<(), Failure> {
    let path = &arguments.config;
    let (wrong, named) = match arguments.forward {
        false => (ConfigFile::read(path).err(), NamedFiles::of_relay(path)),
        true => (ForwardFile::read(path).err(), NamedFiles::of_forwarder(path)),
    };
    let mut findings = wrong.as_ref().map(keys).unwrap_or_default();
    findings.extend(files(&named).into_iter().chain(rights(path)).map(Finding::of_no_line));
    if arguments.json {
        let errors: Vec<Value> =
            findings.iter().map(|finding| json!({"line": finding.line, "message": finding.message})).collect();
        print(&format!("{}\n", json!({"ok": errors.is_empty(), "errors": errors})))?;
    } else if findings.is_empty() {
        print("the configuration is in order\n")?;
    }
    if findings.is_empty() {
        return Ok(());
    }
    let shown: Vec<_> = findings.into_iter().map(|finding| finding.shown).collect();
    Err(Failure::wrong(shown.join("\n")))
}

/// What is wrong with the file itself.
fn keys(errors: &ConfigErrors) -> Vec<Finding> {
    let shown = errors.to_string();
    let finding = |(fault, shown): (&Fault, &str)| Finding {
        line: fault.line,
        shown: shown.to_owned(),
        message: fault.error.to_string(),
    };
    errors.faults().iter().zip(shown.lines()).map(finding).collect()
}

/// What is wrong with what the file names.
fn files(NamedFiles { key, data, tls }: &NamedFiles) -> Vec<String> {
    let key = key
        .iter()
        .filter_map(|path| read_key_file(path).err().map(|error| format!("the key file {}: {error}", path.display())));
    let tls = tls.iter().flat_map(Tls::faults).map(|error| error.to_string());
    let data = data.iter().filter(|path| !can_be_a_folder(path));
    let data = data.map(|path| {
        format!(
            "the data folder {} is no folder, and cannot be made: the folder that it would be in is not there",
            path.display()
        )
    });
    key.chain(tls).chain(data).collect()
}

/// What root cannot tell.
fn rights(path: &Path) -> Option<String> {
    let folder = if path.is_dir() { path } else { path.parent()? };
    let other = owner::other_than_root(folder)?;
    Some(format!(
        "root may read every file, so it was not checked whether {} may; run this as that user: {}",
        other.name(),
        other.instead()
    ))
}

/// Whether there is a folder, or nothing yet in one: `serve` makes no others on the way.
fn can_be_a_folder(path: &Path) -> bool {
    let is_folder = |path: &Path| path.as_os_str().is_empty() || path.is_dir();
    is_folder(path) || (path.symlink_metadata().is_err() && path.parent().is_some_and(is_folder))
}

impl Finding {
    fn of_no_line(message: String) -> Self {
        Self { line: None, shown: message.clone(), message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_may_be_made_in_a_folder_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        std::fs::write(at("file"), "").unwrap();
        assert!(["", "data"].into_iter().all(|path| can_be_a_folder(&at(path))) && can_be_a_folder(Path::new("data")));
        for path in ["file", "file/data", "missing/data"] {
            assert!(!can_be_a_folder(&at(path)), "{path}");
        }
    }
}
