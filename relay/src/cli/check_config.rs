//! `cssr-relay check-config`.

use super::{CheckConfig, Failure, print};
use crate::{ConfigFile, Fault, ForwardFile, Tls, TlsSection, read_key_file};
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
    let found = match arguments.forward {
        false => ConfigFile::read(&arguments.config).map(|file| files(&file)),
        true => ForwardFile::read(&arguments.config).map(|file| certificate(file.tls.as_ref()).into_iter().collect()),
    };
    let findings: Vec<_> = match found {
        Ok(messages) => messages.into_iter().map(Finding::of_no_line).collect(),
        Err(errors) => {
            let shown = errors.to_string();
            let faults = errors.faults().iter().zip(shown.lines());
            let finding = |(fault, shown): (&Fault, &str)| Finding {
                line: fault.line,
                shown: shown.to_owned(),
                message: fault.error.to_string(),
            };
            faults.map(finding).collect()
        }
    };
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

/// What is wrong with what the file names.
fn files(file: &ConfigFile) -> Vec<String> {
    let key =
        read_key_file(&file.key_file).err().map(|error| format!("the key file {}: {error}", file.key_file.display()));
    let tls = certificate(file.tls.as_ref());
    let data = (!can_be_a_folder(&file.data))
        .then(|| format!("the data folder {} is no folder, and cannot become one", file.data.display()));
    [key, tls, data].into_iter().flatten().collect()
}

fn certificate(tls: Option<&TlsSection>) -> Option<String> {
    tls.and_then(|tls| Tls::load(tls.files.clone()).err()).map(|error| error.to_string())
}

/// Whether there is a folder, or nothing yet below one.
fn can_be_a_folder(path: &Path) -> bool {
    let here = |path: &&Path| path.as_os_str().is_empty() || path.symlink_metadata().is_ok();
    path.ancestors().find(here).is_some_and(|path| path.as_os_str().is_empty() || path.is_dir())
}

impl Finding {
    fn of_no_line(message: String) -> Self {
        Self { line: None, shown: message.clone(), message }
    }
}
