//! Letters on a terminal. They are hostile until proven otherwise, and their texts even then: everything goes through
//! `display`.

use super::Common;
use crate::cli::outcome::Failure;
use crate::cli::say::say;
use crate::display::{one_line, printable};
use crate::seat::{From, LetterState, LetterSummary, Seat, SentSummary};
use cssr_proto::message::{LetterName, Manifest, Message};
use cssr_proto::{Language, SeatNumber};
use serde_json::{Value, json};
use std::path::Path;

/// All letters, or the new ones.
pub(super) fn list(seat: &Seat, only_new: bool, common: &Common) -> Result<(), Failure> {
    let letters = seat.letters().into_iter().filter(|letter| !only_new || letter.state == LetterState::New);
    if common.json {
        let letters: Vec<Value> = letters.map(|letter| summary(&letter, common.language)).collect();
        say!("{}", json!({ "ok": true, "letters": letters }));
        return Ok(());
    }
    let mut any = false;
    for letter in letters {
        any = true;
        say!(
            "{:>5}  {}  {:<11}  {:<13}  {}",
            letter.number,
            letter.received,
            state(&letter.state),
            letter.thread.as_ref().map_or("-", |thread| thread.as_str()),
            line(&letter, common.language)
        );
    }
    if !any {
        say!("No letters.");
    }
    Ok(())
}

/// One letter, and what was written in its thread.
pub(super) fn show(seat: &Seat, number: u32, common: &Common) -> Result<(), Failure> {
    let (letter, message) = seat.letter(number)?;
    let written: Vec<SentSummary> =
        seat.sent().into_iter().filter(|sent| Some(&sent.thread) == letter.thread.as_ref()).collect();
    if common.json {
        let mut object = summary(&letter, common.language);
        if let Some(fields) = object.as_object_mut() {
            fields.insert("ok".to_owned(), json!(true));
            fields.insert("message".to_owned(), message.as_ref().map_or(Value::Null, |m| content(m, common.language)));
            let written: Vec<Value> = written.iter().map(|sent| sent_json(sent, common.language)).collect();
            fields.insert("written".to_owned(), json!(written));
        }
        say!("{object}");
        return Ok(());
    }
    say!("Letter {} ({}), {}", letter.number, letter.name.in_language(common.language), from(&letter));
    say!("Received: {}", letter.received);
    say!("Thread:   {}", letter.thread.as_ref().map_or("unknown", |thread| thread.as_str()));
    say!("State:    {}", state(&letter.state));
    say!("Readers:  {}", seats(&letter.readers));
    if let Some(doubt) = letter.echo {
        say!("Warning:  the sender used a strange directory ({}); see `cssr-desk status`", echo(doubt));
    }
    match (letter.state, &message) {
        (LetterState::Quarantined(reason), _) => say!("\nNot shown: {reason}."),
        (_, Some(message)) => print_message(message, common.language),
        (_, None) => say!("\nIts message cannot be read."),
    }
    for sent in written {
        say!();
        say!("-- written here, number {}, {}, {}", sent.number, sent.day, posted(&sent));
        if let Some(text) = &sent.text {
            say!("{}", printable(text));
        }
    }
    Ok(())
}

/// Replies and receipts that were just written.
pub(super) fn print_written(sent: &[SentSummary], outbox: &Path, common: &Common) {
    if common.json {
        let sent: Vec<Value> = sent.iter().map(|sent| sent_json(sent, common.language)).collect();
        say!("{}", json!({ "ok": true, "written": sent, "outbox": outbox }));
        return;
    }
    for sent in sent {
        let kind = if sent.text.is_some() { "Reply" } else { "Receipt" };
        say!("{kind} number {} to {}, sealed.", sent.number, sent.thread);
    }
    if sent.is_empty() {
        say!("Nothing to acknowledge.");
    } else {
        say!("Waiting in {}. Post it with `cssr-desk post`, here or on a connected machine.", outbox.display());
    }
}

fn print_message(message: &Message, language: Language) {
    match message {
        Message::Testimony(testimony) => {
            say!("Written:  {}", testimony.day);
            if let Some(tag) = &testimony.language {
                say!("Language: {}", printable(tag.as_str()));
            }
            for file in testimony.manifests.iter() {
                say!("File:     {} ({} bytes)", one_line(file.name.as_str(), 80), file.size.get());
            }
            if testimony.form.is_some() {
                say!("A filled-in form is attached.");
            }
            say!("\n{}", printable(testimony.text.as_str()));
        }
        Message::Reply(reply) => {
            say!("Written:  {}, number {}", reply.day, reply.number.get());
            say!("Answers:  {}", names(&reply.receipts, language).join(", "));
            say!("\n{}", printable(reply.text.as_str()));
        }
        Message::Receipt(receipt) => {
            say!("Written:  {}, number {}", receipt.day, receipt.number.get());
            say!("Opened:   {}", names(&receipt.receipts, language).join(", "));
        }
        Message::TeamEvent(event) => say!("Written:  {} (for the staff programs)", event.day),
        Message::Cover => {}
    }
}

fn summary(letter: &LetterSummary, language: Language) -> Value {
    let sender = match letter.from {
        From::Source => json!("source"),
        From::Seat { desk, seat } => json!({ "desk": desk.get(), "seat": seat.get() }),
        From::Unknown => Value::Null,
    };
    let reason = match letter.state {
        LetterState::Quarantined(reason) => json!(reason.to_string()),
        _ => Value::Null,
    };
    json!({
        "letter": letter.number,
        "name": letter.name.in_language(language),
        "thread": letter.thread.as_ref().map(|thread| thread.as_str()),
        "received": letter.received.to_string(),
        "from": sender,
        "state": state(&letter.state),
        "quarantine": reason,
        "readers": letter.readers.iter().map(|seat| seat.get()).collect::<Vec<_>>(),
        "answered_by": letter.answered_by.iter().map(|seat| seat.get()).collect::<Vec<_>>(),
        "echo": letter.echo.map(echo),
    })
}

fn content(message: &Message, language: Language) -> Value {
    match message {
        Message::Testimony(testimony) => json!({
            "kind": "testimony", "text": testimony.text.as_str(), "day": testimony.day.to_string(),
            "language": testimony.language.as_ref().map(|tag| tag.as_str()),
            "files": testimony.manifests.iter().map(file).collect::<Vec<_>>(),
            "form": testimony.form.is_some(),
        }),
        Message::Reply(reply) => json!({
            "kind": "reply", "text": reply.text.as_str(), "day": reply.day.to_string(),
            "number": reply.number.get(), "receipts": names(&reply.receipts, language),
        }),
        Message::Receipt(receipt) => json!({
            "kind": "receipt", "day": receipt.day.to_string(),
            "number": receipt.number.get(), "receipts": names(&receipt.receipts, language),
        }),
        Message::TeamEvent(event) => json!({ "kind": "team event", "day": event.day.to_string() }),
        Message::Cover => json!({ "kind": "cover" }),
    }
}

fn file(manifest: &Manifest) -> Value {
    json!({
        "name": manifest.name.as_str(), "type": manifest.media_type.as_str(), "size": manifest.size.get(),
        "sha256": manifest.sha256.to_string(),
    })
}

fn sent_json(sent: &SentSummary, language: Language) -> Value {
    json!({
        "thread": sent.thread.as_str(), "number": sent.number, "name": sent.name.in_language(language),
        "day": sent.day.to_string(), "text": sent.text, "receipts": names(&sent.receipts, language),
        "listed": sent.listed.map(|day| day.to_string()),
    })
}

const fn state(state: &LetterState) -> &'static str {
    match state {
        LetterState::New => "new",
        LetterState::Receipted => "receipted",
        LetterState::Answered => "answered",
        LetterState::Quarantined(_) => "quarantined",
    }
}

const fn echo(doubt: crate::seat::EchoDoubt) -> &'static str {
    match doubt {
        crate::seat::EchoDoubt::Unknown => "unknown",
        crate::seat::EchoDoubt::Superseded { .. } => "superseded",
    }
}

fn line(letter: &LetterSummary, language: Language) -> String {
    let mut line = format!("{}, {}", letter.name.in_language(language), from(letter));
    if !letter.answered_by.is_empty() {
        line.push_str(&format!(", answered by seat {}", seats(&letter.answered_by)));
    }
    if letter.echo.is_some() {
        line.push_str(", strange directory");
    }
    line
}

fn from(letter: &LetterSummary) -> String {
    match letter.from {
        From::Source => "from a source".to_owned(),
        From::Seat { desk, seat } => format!("from seat {} of desk {}", seat.get(), desk.get()),
        From::Unknown => "from nobody known".to_owned(),
    }
}

fn posted(sent: &SentSummary) -> String {
    sent.listed.map_or_else(|| "not yet seen at the relay".to_owned(), |day| format!("at the relay since {day}"))
}

fn seats(seats: &[SeatNumber]) -> String {
    seats.iter().map(|seat| seat.get().to_string()).collect::<Vec<_>>().join(", ")
}

fn names(names: &[LetterName], language: Language) -> Vec<String> {
    names.iter().map(|name| name.in_language(language)).collect()
}
