//! `cssr-relay export`, `import`, `backup` and `restore`.

use super::progress::Progress;
use super::{Backup, Export, Failure, Import, Restore, owner, print, stop};
use crate::transfer::{self, Dated, Place, Summary, TransferError, Watch};
use crate::{Clock as _, ConfigFile, Engine, SystemClock, read_key_file};
use cssr_proto::Day;
use cssr_proto::keys::RelaySecretKey;
use serde_json::json;
use std::path::Path;

pub(super) fn export(Export { config, json, file }: &Export) -> Result<(), Failure> {
    let (config, key) = read(config)?;
    owner::check(&config.data)?;
    let place = Place::new(&config, key.public());
    let summary = watched(async |watch| transfer::export(&place, file, watch))?;
    tell("exported", &summary, *json)
}

pub(super) fn import(Import { config, json, accept_date, file }: &Import) -> Result<(), Failure> {
    let (config, key) = read(config)?;
    owner::check(&config.data)?;
    let place = Place::new(&config, key.public());
    let (card, dated) = (config.card.fingerprint(), dated(*accept_date)?);
    let summary = watched(async |watch| transfer::import(&place, file, card, dated, watch).await)?;
    tell("imported", &summary, *json)
}

pub(super) fn backup(Backup { config, json, letters, file }: &Backup) -> Result<(), Failure> {
    let (read, key) = read(config)?;
    // What is read while a relay runs is not written to, and root may be who can write onto the medium.
    if read.engine == Engine::Sled && *letters {
        owner::check(&read.data)?;
    }
    let file_of_config = if config.is_dir() { config.join(ConfigFile::NAME) } else { config.clone() };
    let backup = transfer::Backup { file: &file_of_config, config: &read, key: &key, letters: *letters };
    let summary = watched(async |watch| backup.write(file, watch).await)?;
    tell("backed up", &summary, *json)
}

pub(super) fn restore(Restore { config, json, accept_date, file }: &Restore) -> Result<(), Failure> {
    let dated = dated(*accept_date)?;
    let summary = watched(async |watch| transfer::restore(config, file, dated, watch).await)?;
    tell("restored", &summary, *json)
}

fn dated(accepted: Option<Day>) -> Result<Dated, Failure> {
    let clock = SystemClock::new().day();
    if let Some(day) = accepted.filter(|day| *day != clock) {
        return Err(Failure::wrong(format_args!("--accept-date says {day}, but the clock says {clock}")));
    }
    Ok(Dated { clock, accepted })
}

/// The configuration and the key that it names.
pub(super) fn read(config: &Path) -> Result<(ConfigFile, RelaySecretKey), Failure> {
    let file = ConfigFile::read(config).map_err(Failure::wrong)?;
    let key = read_key_file(&file.key_file)
        .map_err(|error| Failure::wrong(format_args!("the key file {}: {error}", file.key_file.display())))?;
    Ok((file, key))
}

/// Runs what is told of, and ended by a signal.
fn watched(work: impl AsyncFnOnce(&Watch<'_>) -> Result<Summary, TransferError>) -> Result<Summary, Failure> {
    let (progress, stop) = (Progress::start("envelopes"), stop::asked()?);
    run(work(&Watch { seen: &|| progress.step(), stop: &stop }))
}

pub(super) fn run<T>(work: impl Future<Output = Result<T, TransferError>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime
        .map_err(|error| Failure::failed(format_args!("the threads of the program: {error}")))?
        .block_on(work)
        .map_err(failed)
}

fn failed(error: TransferError) -> Failure {
    if error.changed_nothing() {
        Failure::failed(format_args!("{error}; nothing was changed"))
    } else {
        Failure::failed(error)
    }
}

fn tell(what: &str, summary: &Summary, as_json: bool) -> Result<(), Failure> {
    let Summary { statements, damaged, batches, letters, chunks, burned, lost, expired } = summary;
    if as_json {
        let told = json!({
            "statements": statements, "batches": batches, "letters": letters, "chunks": chunks,
            "statements_damaged": damaged, "burned": burned, "lost": lost, "expired_days": expired,
        });
        return print(&format!("{told}\n"));
    }
    let mut text = format!(
        "{what}: {statements} statements, {batches} batches, {letters} letters, {chunks} chunks, and {burned} burned chunks by their ids\n"
    );
    if *damaged > 0 {
        text += &format!("{damaged} statements are damaged and were left out; \"cssr-relay check\" tells which\n");
    }
    if *lost > 0 {
        text += &format!("{lost} envelopes are listed and could not be read any more\n");
    }
    if *expired > 0 {
        text += &format!("{expired} days were left out, because they have expired\n");
    }
    print(&text)
}
