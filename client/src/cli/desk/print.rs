//! What a person or a script sees of everything but letters.

use super::Common;
use crate::cli::say::say;
use crate::courier::{MirrorReport, NoteOutcome};
use crate::display::printable;
use crate::office::key_to_compare;
use crate::seat::{Alarm, ImportReport, SignedKey, Status};
use cssr_proto::{Day, Epoch};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::path::Path;

/// A bar that counts bytes.
pub(super) fn bytes_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A seat or courier that asks to be admitted.
pub(super) fn requested(request: &Path, key: &[u8; 32], common: &Common) {
    let key = key_to_compare(key);
    if common.json {
        say!("{}", json!({ "ok": true, "request": request, "key": key }));
        return;
    }
    say!("Carry {} to the holder of the office's root within 30 days.", request.display());
    say!("They will read this key to you over another path; it must be the same:");
    say!("{key}");
}

/// What a roster says about a seat or courier.
pub(super) fn admitted(what: &str, number: Value, office: &str, terms: (Day, u64, Day), common: &Common) {
    let (through, roster, expires) = terms;
    if common.json {
        let mut object = number;
        if let Some(fields) = object.as_object_mut() {
            fields.insert("ok".to_owned(), json!(true));
            fields.insert("office".to_owned(), json!(office));
            fields.insert("through".to_owned(), json!(through.to_string()));
            fields.insert("roster".to_owned(), json!(roster));
            fields.insert("expires".to_owned(), json!(expires.to_string()));
        }
        say!("{object}");
        return;
    }
    say!("This is {what} of {}, through {through}.", printable(office));
    say!("Roster {roster}, valid through {expires}.");
}

/// Signed keys in the outbox.
pub(super) fn signed(signed: &[SignedKey], outbox: &Path, common: &Common) {
    let last = signed.iter().filter_map(SignedKey::epoch).max().map(Epoch::last_day);
    if common.json {
        let last = last.map(|day| day.to_string());
        say!("{}", json!({ "ok": true, "statements": signed.len(), "through": last, "outbox": outbox }));
        return;
    }
    say!("{} statements in {}.", signed.len(), outbox.display());
    if let Some(last) = last {
        say!("Letters can be sealed to this seat through {last} once they are published: `cssr-desk publish`.");
    }
}

/// What an import did.
pub(super) fn imported(report: &ImportReport, common: &Common) {
    if common.json {
        say!(
            "{}",
            json!({
                "ok": report.refused.is_empty(), "opened": report.opened, "quarantined": report.quarantined, "covers": report.covers,
                "not_opened": report.not_opened, "known": report.known, "own": report.own,
                "refused": report.refused.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "erased": report.erased.iter().map(|epoch| epoch.first_day().to_string()).collect::<Vec<_>>(),
                "alarms": alarms(&report.alarms),
            })
        );
        return;
    }
    say!(
        "{} letters opened, {} quarantined, {} known before; {} empty; {} for others or unreadable.",
        report.opened,
        report.quarantined,
        report.known,
        report.covers,
        report.not_opened
    );
    if report.own > 0 {
        say!("{} replies or receipts of this seat are at the relay.", report.own);
    }
    for damage in &report.refused {
        say!("Refused: {}", printable(&damage.to_string()));
    }
    erased_lines(&report.erased);
    print_alarms(&report.alarms);
}

/// Prekeys that are gone.
pub(super) fn erased(erased: &[Epoch], common: &Common) {
    if common.json {
        let weeks: Vec<String> = erased.iter().map(|epoch| epoch.first_day().to_string()).collect();
        say!("{}", json!({ "ok": true, "erased": weeks }));
        return;
    }
    if erased.is_empty() {
        say!("Nothing to erase.");
    }
    erased_lines(erased);
}

/// How a seat stands.
pub(super) fn status(status: &Status, common: &Common) {
    let last_week = status.prekeys.last().map(|epoch| epoch.last_day());
    if common.json {
        say!(
            "{}",
            json!({
                "ok": true, "desk": status.desk.get(), "seat": status.seat.map(|seat| seat.get()),
                "roster": status.roster.map(|(number, _)| number),
                "roster_expires": status.roster.map(|(_, expires)| expires.to_string()),
                "note": status.note.map(|day| day.to_string()),
                "imported_through": status.imported_through.map(|day| day.to_string()),
                "prekeys": status.prekeys.len(), "prekeys_through": last_week.map(|day| day.to_string()),
                "new": status.new, "receipted": status.receipted, "answered": status.answered,
                "quarantined": status.quarantined, "waiting": status.waiting, "damaged": status.damaged,
                "alarms": alarms(&status.alarms),
            })
        );
        return;
    }
    match status.seat {
        Some(seat) => say!("Seat {} of desk {}.", seat.get(), status.desk.get()),
        None => say!("Not admitted yet: carry seat.request to the office, then accept its roster."),
    }
    if let Some((number, expires)) = status.roster {
        say!("Roster {number}, valid through {expires}.");
    }
    match status.note {
        Some(day) => say!("The couriers' last note is of {day}."),
        None => say!("No note was imported yet."),
    }
    if let Some(day) = status.imported_through {
        say!("Imported through {day}.");
    }
    if let Some(day) = last_week {
        say!("{} prekeys, the last one for the week until {day}.", status.prekeys.len());
    }
    say!(
        "{} new, {} receipted, {} answered, {} quarantined; {} waiting to be seen at the relay.",
        status.new,
        status.receipted,
        status.answered,
        status.quarantined,
        status.waiting
    );
    if status.damaged > 0 {
        say!("{} files cannot be read.", status.damaged);
    }
    print_alarms(&status.alarms);
}

/// What a mirror did.
pub(super) fn mirrored(report: &MirrorReport, common: &Common) {
    let (note, what) = match report.note {
        NoteOutcome::Unchanged => ("unchanged", "The day's note says it all already."),
        NoteOutcome::Waiting => ("waiting", "The day's note waits for another seat's courier."),
        NoteOutcome::Proposed => ("proposed", "A note is proposed; another seat's courier must sign it."),
        NoteOutcome::Valid { cosigned: true } => ("cosigned", "A colleague's note is valid with this signature."),
        NoteOutcome::Valid { cosigned: false } => ("valid", "A new note is valid."),
    };
    if common.json {
        say!(
            "{}",
            json!({
                "ok": true, "letters": report.new.letters, "chunks": report.new.chunks,
                "last_batch": report.last_batch, "note": note,
                "refused_statements": report.refused_statements, "refused_notes": report.refused_notes,
                "contradictions": report.contradictions,
                "mute": report.mute.iter().map(|(desk, seat)| json!([desk, seat])).collect::<Vec<_>>(),
            })
        );
        return;
    }
    say!("{} letters and {} chunks, through batch {}.", report.new.letters, report.new.chunks, report.last_batch);
    say!("{what}");
    if report.refused_statements + report.refused_notes > 0 {
        say!(
            "Refused: {} statements and {} notes that the relay showed.",
            report.refused_statements,
            report.refused_notes
        );
    }
    if report.contradictions > 0 {
        say!(
            "Warning: {} notes that colleagues have proposed are about another list of letters than this one. Either the relay",
            report.contradictions
        );
        say!("shows its couriers different lists, or a courier is not honest. Tell the office.");
    }
    for (desk, seat) in &report.mute {
        say!("Seat {seat} of desk {desk} has published no current key: nobody can write to it.");
    }
}

/// Statements that were published.
pub(super) fn published(count: usize, common: &Common) {
    if common.json {
        say!("{}", json!({ "ok": true, "published": count }));
    } else {
        say!("{count} statements are at the relay. They count once the couriers have confirmed them.");
    }
}

/// Envelopes that were posted.
pub(super) fn posted(count: usize, left: usize, common: &Common) {
    if common.json {
        say!("{}", json!({ "ok": left == 0, "posted": count, "left": left }));
    } else {
        say!("{count} posted, {left} left.");
    }
}

fn alarms(alarms: &[Alarm]) -> Vec<Value> {
    alarms.iter().map(|alarm| json!({ "alarm": alarm.to_string(), "advice": alarm.advice() })).collect()
}

fn print_alarms(alarms: &[Alarm]) {
    for alarm in alarms {
        say!();
        say!("ALARM: {alarm}.");
        say!("       {}", alarm.advice());
    }
}

fn erased_lines(erased: &[Epoch]) {
    for epoch in erased {
        say!("Erased the prekey of the week from {} to {}.", epoch.first_day(), epoch.last_day());
    }
}
