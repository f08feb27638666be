//! What a person sees. Letters are hostile until proven otherwise: everything from outside goes through `display`.

use crate::cli::say::say;
use crate::display::printable;
use crate::source::Event;
use crate::visit::{Delivery, Doubt, Reply, Report};
use cssr_proto::message::LetterName;
use cssr_proto::{Day, Language};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::time::Duration;

/// Shows that something goes on, on the terminal's error stream.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(json: bool) -> Self {
        let bar = if json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        bar.set_style(ProgressStyle::default_spinner());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    pub(super) fn while_deriving<T>(&self, derive: impl FnOnce() -> T) -> T {
        self.0.set_message("Deriving keys from the passphrase");
        derive()
    }

    pub(super) fn tell(&self, event: Event) {
        self.0.set_message(match event {
            Event::Attempt(1) => "Connecting".to_owned(),
            Event::Attempt(n) => format!("Connecting, attempt {n}"),
            Event::Connected => "Connected".to_owned(),
            Event::Pausing(pause) => format!("The connection failed; trying again in {} s", pause.as_secs()),
            Event::Working { done, letters } => {
                format!("The relay is busy and asks for work first: {done} of {letters} done; this may take minutes")
            }
            Event::Traffic { sent, received } => {
                format!("{} sent, {} received", HumanBytes(sent), HumanBytes(received))
            }
        });
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A new passphrase: the only time it is ever shown.
pub(super) fn passphrase(words: &str, json: bool) {
    if json {
        say!("{}", json!({ "ok": true, "passphrase": words }));
        return;
    }
    say!("{words}");
    say!();
    say!(
        "Learn these eight words by heart, in this order. Whoever knows them can read the replies to you and answer in"
    );
    say!("your name; without them nobody can help you. They are stored nowhere. Clear this screen when you know them.");
}

/// A letter in a bundle.
pub(super) fn sealed(name: LetterName, last_day: Day, language: Option<Language>, json: bool) {
    let name = name_words(name, language);
    if json {
        say!("{}", json!({ "ok": true, "letter": name, "opens_through": last_day.to_string() }));
        return;
    }
    say!("Sealed. The letter's name is: {name}");
    say!("It can be opened through {last_day} if it is posted in time. Anybody may post the bundle: cssr-source post");
}

/// The outcome of a visit.
pub(super) fn report(report: &Report, language: Option<Language>, json: bool) {
    if json {
        say!("{}", as_json(report, language));
        return;
    }
    for desk in &report.desks {
        say!("desk {}: {}", desk.number.get(), printable(&desk.name));
    }
    if let Some(day) = report.confirmed {
        say!("The office confirmed its keys on {day}.");
    }
    if let Some(notice) = &report.notice {
        say!("Notice of the office: {}", printable(notice));
    }
    for delivery in &report.sent {
        print_delivery(delivery, language);
    }
    for reply in &report.replies {
        print_reply(reply, language);
    }
    if report.sent.is_empty() && report.replies.is_empty() {
        say!("No replies found.");
        if language.is_some() {
            // One mistake in 256 gets past the checksum; that inbox is empty for another reason.
            say!(
                "If you are sure that there should be one, compare your passphrase word by word: a wrong one that passes the check finds nothing."
            );
        }
    }
    for doubt in &report.doubts {
        say!("Warning: {}", doubt_text(doubt));
    }
    for gap in &report.gaps {
        say!(
            "Warning: {} replies of seat {} of desk {} are missing between those shown.",
            gap.missing,
            gap.seat.get(),
            gap.desk.get()
        );
    }
    if report.unfetched > 0 {
        say!("There may be replies in {} more places: look again with --skip or --rounds.", report.unfetched);
    }
}

fn print_delivery(delivery: &Delivery, language: Option<Language>) {
    let name = name_words(delivery.name, language);
    match delivery.stored {
        Ok(()) => say!("Stored by the relay. The letter's name is: {name}. A receipt will use this name."),
        Err(error) => say!("NOT stored: {error}. (The letter's name would have been: {name})"),
    }
    for seat in &delivery.mute {
        say!("Note: seat {} of this desk has no current key and cannot read it; the others can.", seat.get());
    }
}

fn print_reply(reply: &Reply, language: Option<Language>) {
    say!();
    say!(
        "-- {} (desk {}, seat {}), number {}, {}",
        printable(&reply.label),
        reply.desk.get(),
        reply.seat.get(),
        reply.number,
        reply.day
    );
    for name in &reply.receipts {
        say!("   opened: {}", name_words(*name, language));
    }
    if let Some(text) = &reply.text {
        say!();
        say!("{}", printable(text));
    }
}

fn as_json(report: &Report, language: Option<Language>) -> Value {
    let sent = report.sent.iter().map(|delivery| {
        json!({
            "desk": delivery.desk.map(|desk| desk.get()),
            "letter": name_words(delivery.name, language),
            "stored": delivery.stored.is_ok(),
            "error": delivery.stored.err().map(|error| error.to_string()),
            "mute_seats": delivery.mute.iter().map(|seat| seat.get()).collect::<Vec<_>>(),
        })
    });
    let replies = report.replies.iter().map(|reply| {
        json!({
            "desk": reply.desk.get(), "seat": reply.seat.get(), "label": reply.label, "day": reply.day.to_string(),
            "number": reply.number, "text": reply.text,
            "receipts": reply.receipts.iter().map(|name| name_words(*name, language)).collect::<Vec<_>>(),
        })
    });
    let gaps =
        report.gaps.iter().map(|gap| json!({ "desk": gap.desk.get(), "seat": gap.seat.get(), "missing": gap.missing }));
    json!({
        "ok": report.sent.iter().all(|delivery| delivery.stored.is_ok()),
        "sent": sent.collect::<Vec<_>>(),
        "replies": replies.collect::<Vec<_>>(),
        "doubts": report.doubts.iter().map(doubt_text).collect::<Vec<_>>(),
        "gaps": gaps.collect::<Vec<_>>(),
        "unfetched": report.unfetched,
        "confirmed": report.confirmed.map(|day| day.to_string()),
        "notice": report.notice,
        "desks": report.desks.iter().map(|desk| json!({ "number": desk.number.get(), "name": desk.name })).collect::<Vec<_>>(),
    })
}

fn doubt_text(doubt: &Doubt) -> String {
    match doubt {
        Doubt::Unreadable(error) => format!("something under your name is not a reply to trust: {error}"),
        Doubt::Withheld => "the relay lists a letter but does not hand it out".to_owned(),
        Doubt::Replayed { written, listed } => {
            format!("a reply written on {written} was shown again on {listed}, after it should be gone")
        }
        Doubt::OtherRelay(what) => {
            format!("another address of this office led to a relay that was not used; tell the office: {what}")
        }
        Doubt::SameNumber { desk, seat, number } => {
            format!("seat {} of desk {} sent two different replies with number {number}", seat.get(), desk.get())
        }
    }
}

/// The two words of a letter's name, in the person's own list.
fn name_words(name: LetterName, language: Option<Language>) -> String {
    name.in_language(language.unwrap_or(Language::English))
}
