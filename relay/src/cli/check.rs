//! `cssr-relay check`.

use super::progress::Progress;
use super::{Check, Failure, owner, print, transfer};
use crate::Engine;
use crate::store::findings::{Finding, Findings};
use crate::transfer::Place;
use serde_json::{Value, json};

pub(super) fn run(Check { config, json }: &Check) -> Result<(), Failure> {
    let (config, key) = transfer::read(config)?;
    owner::check(&config.data)?;
    let progress = Progress::start("records");
    let place = Place::new(&config, key.public());
    let findings = transfer::run(place.check(config.card.fingerprint(), &|| progress.step()))?;
    drop(progress);
    print(&if *json { as_json(&findings) } else { as_text(&findings, config.engine) })?;
    if findings.is_sound() { Ok(()) } else { Err(Failure::failed("the store is damaged; see what was told of it")) }
}

fn as_json(findings: &Findings) -> String {
    let Findings { records, blank, marks, batches_missing, envelopes_lost, list } = findings;
    let found = |Finding { file, offset, what }: &Finding| json!({"file": file, "offset": offset, "message": what});
    let found: Vec<Value> = list.iter().map(found).collect();
    let told = json!({
        "ok": findings.is_sound(), "records": records, "blank": blank, "marks": marks,
        "batches_missing": batches_missing, "envelopes_lost": envelopes_lost, "findings": found,
    });
    format!("{told}\n")
}

fn as_text(findings: &Findings, engine: Engine) -> String {
    let Findings { records, blank, marks, batches_missing, envelopes_lost, list } = findings;
    let mut text = String::new();
    for Finding { file, offset, what } in list {
        let offset = offset.map(|offset| format!(" at {offset}")).unwrap_or_default();
        text += &format!("{file}{offset}: {what}\n");
    }
    text += &format!("{records} records are whole, {marks} marks of burned chunks, {blank} places are blank\n");
    if engine == Engine::Sled {
        text += "a store on sled is checked by opening it and reading every envelope\n";
    }
    text += &match (findings.is_sound(), batches_missing, envelopes_lost) {
        (true, ..) => "the store is sound\n".to_owned(),
        (false, batches, envelopes) => {
            format!("{batches} batches are missing, {envelopes} envelopes are listed and cannot be read\n")
        }
    };
    text
}
