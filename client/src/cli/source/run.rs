//! The commands.

use super::{Command, OfficeOptions, TextOptions, VisitOptions, input, print};
use crate::cli::clock::ClockOptions;
use crate::cli::outcome::Failure;
use crate::files::{read_limited, write_atomic};
use crate::source::{self, Error, Event};
use crate::visit::{Draft, Plan, Report, VisitError, Want};
use cssr_proto::bundle::{Record, read_bundle, write_bundle};
use cssr_proto::frame::EnvelopeKind;
use cssr_proto::letter::{Letter, SealError, Sealed, seal};
use cssr_proto::message::{Language as TextLanguage, MessageText, Testimony};
use cssr_proto::{
    Card, DeskNumber, DigitScript, Envelope, Language, List, OfficeId, Passphrase, SourceKeys, TrustError,
    trust_offline,
};
use std::path::Path;

/// A bundle holds a few letters; a larger one is not somebody's testimony.
const BUNDLE_MAX: usize = 4 * 1024 * 1024;

type Rng = rand_core::UnwrapErr<getrandom::SysRng>;

pub(super) fn run(command: Command, clock: ClockOptions, json: bool) -> Result<(), Failure> {
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    match command {
        Command::New { language } => new(&language, json, &mut rng),
        Command::Send { visit, text } => send(&visit, &text, clock, json, &mut rng),
        Command::Look { visit, skip } => look(&visit, skip, clock, json, &mut rng),
        Command::Directory { visit, out } => directory(&visit, &out, clock, json, &mut rng),
        Command::Seal { card, text, directory, out, passphrase } => {
            seal_offline(&card, &text, &directory, &out, passphrase.passphrase_fd, json, &mut rng)
        }
        Command::Post { visit, bundle } => post(&visit, &bundle, clock, json, &mut rng),
    }
}

fn new(language: &str, json: bool, rng: &mut Rng) -> Result<(), Failure> {
    let passphrase = Passphrase::generate(rng);
    let words = match Language::ALL.into_iter().find(|known| known.tag() == language) {
        Some(language) => passphrase.write(language),
        None if language == "digits" => passphrase.write_digits(DigitScript::Ascii),
        None => {
            return Err(Failure::usage(format!("there is no word list `{language}`"), "Give en, ar, kmr or digits."));
        }
    };
    print::passphrase(&words, json);
    Ok(())
}

fn send(
    options: &VisitOptions,
    text: &TextOptions,
    clock: ClockOptions,
    json: bool,
    rng: &mut Rng,
) -> Result<(), Failure> {
    let card = input::card(&options.office.card)?;
    let draft = draft(text, options.passphrase.passphrase_fd)?;
    let entered = input::passphrase(options.passphrase.passphrase_fd)?;
    let want = Want { drafts: vec![draft], ..Want::default() };
    let report = visit(&options.office, &card, &entered.passphrase, want, clock, json, rng)?;
    print::report(&report, Some(entered.language), json);
    match report.sent.iter().find_map(|delivery| delivery.stored.err()) {
        None => Ok(()),
        Some(error) => Err(Failure::failed(
            format!("the relay did not store the letter: {error}"),
            "Nothing is lost but this letter: send it again later.",
        )
        .after_report()),
    }
}

fn look(options: &VisitOptions, skip: usize, clock: ClockOptions, json: bool, rng: &mut Rng) -> Result<(), Failure> {
    let card = input::card(&options.office.card)?;
    let entered = input::passphrase(options.passphrase.passphrase_fd)?;
    let report =
        visit(&options.office, &card, &entered.passphrase, Want { skip, ..Want::default() }, clock, json, rng)?;
    print::report(&report, Some(entered.language), json);
    Ok(())
}

/// Whoever only fetches or posts something public makes the same visit under a passphrase that nobody has.
fn directory(
    options: &OfficeOptions,
    out: &Path,
    clock: ClockOptions,
    json: bool,
    rng: &mut Rng,
) -> Result<(), Failure> {
    let card = input::card(&options.card)?;
    let nobody = Passphrase::generate(rng);
    let report = visit(options, &card, &nobody, Want::default(), clock, json, rng)?;
    let file = report.directory.as_ref().map(crate::visit::DirectoryFile::to_bytes).unwrap_or_default();
    write(out, &file)?;
    print::report(&report, None, json);
    Ok(())
}

fn post(options: &OfficeOptions, path: &Path, clock: ClockOptions, json: bool, rng: &mut Rng) -> Result<(), Failure> {
    let card = input::card(&options.card)?;
    let bytes = read_limited(path, BUNDLE_MAX)
        .map_err(|error| Failure::failed(error, "Give the file that `cssr-source seal` made.").about(path))?;
    let damaged = "The bundle is damaged: ask for another copy. Nothing was sent.";
    let records = read_bundle(&bytes).map_err(|error| Failure::usage(error, damaged).about(path))?;
    let ready: Vec<Sealed> = records.into_iter().filter_map(letter).collect();
    if ready.is_empty() {
        return Err(Failure::usage("there is no letter in this bundle", damaged).about(path));
    }
    let nobody = Passphrase::generate(rng);
    let report = visit(options, &card, &nobody, Want { ready, ..Want::default() }, clock, json, rng)?;
    print::report(&report, None, json);
    match report.sent.iter().find_map(|delivery| delivery.stored.err()) {
        None => Ok(()),
        Some(error) => Err(Failure::failed(
            format!("the relay did not store what is in the bundle: {error}"),
            "Keep the bundle, and post it again later.",
        )
        .about(path)
        .after_report()),
    }
}

fn seal_offline(
    card: &str,
    text: &TextOptions,
    directory: &Path,
    out: &Path,
    descriptor: Option<u32>,
    json: bool,
    rng: &mut Rng,
) -> Result<(), Failure> {
    let card = input::card(card)?;
    let draft = draft(text, descriptor)?;
    let make = "Make the file with `cssr-source directory`. Nothing was sealed.";
    let file = read_limited(directory, cssr_proto::sizes::DIRECTORY_MAX + cssr_proto::sizes::NOTE_MAX + 64)
        .map_err(|error| Failure::failed(error, make).about(directory))?;
    let file =
        crate::visit::DirectoryFile::from_bytes(&file).map_err(|error| Failure::usage(error, make).about(directory))?;
    let trusted = trust_offline(&card, file.directory(), file.note()).map_err(|error| {
        Failure::refused(error, "The file is not this office's, or was changed. Nothing was sealed.").about(directory)
    })?;
    let entered = input::passphrase(descriptor)?;
    let keys = derive(&entered.passphrase, trusted.directory().roster().office())?;
    let (to, last_day) = trusted.directory().offline_recipients(draft.desk).ok_or_else(|| {
        Failure::refused(
            "no seat of this desk has a key to seal to",
            "Fetch the directory again, or choose another desk.",
        )
    })?;
    let message = Testimony {
        text: MessageText::new(draft.text.as_str()).map_err(|error| Failure::usage(error, "Nothing was written."))?,
        day: trusted.day(),
        language: draft.language,
        manifests: List::default(),
        form: None,
    };
    let contact = keys.to_contact();
    let sealed = seal(&Letter::Testimony { from: &keys.auth, contact: &contact, message: &message }, &to, rng)
        .map_err(|error| Failure::usage(error, "Shorten the text. Nothing was written."))?;
    let name = sealed.name();
    let record = Record {
        kind: EnvelopeKind::Letter,
        id: sealed.id,
        burn_hash: None,
        envelope: Some(Box::new(*sealed.envelope.as_bytes())),
    };
    write(out, &write_bundle([&record]))?;
    print::sealed(name, last_day, Some(entered.language), json);
    Ok(())
}

/// The letter in a record of a bundle.
fn letter(record: Record) -> Option<Sealed> {
    let envelope = Envelope::from_slice(record.envelope?.as_slice()).ok()?;
    (record.kind == EnvelopeKind::Letter).then_some(Sealed { id: record.id, envelope })
}

fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let help = "Nothing was written. Choose another place for the file, or make room on the disk.";
    write_atomic(path, content).map_err(|error| Failure::failed(error, help).about(path))
}

fn draft(options: &TextOptions, passphrase_fd: Option<u32>) -> Result<Draft, Failure> {
    let desk = DeskNumber::new(options.desk).map_err(|_| {
        Failure::usage("desks have numbers from 0 to 15", "`cssr-source look` lists the office's desks.")
    })?;
    let language = options
        .language
        .as_deref()
        .map(TextLanguage::new)
        .transpose()
        .map_err(|_| Failure::usage("--language is no language tag", "Give a tag such as ar, kmr or en."))?;
    let text = input::text(options.file.as_deref(), options.editor, passphrase_fd)?;
    Ok(Draft { desk, text, language })
}

fn derive(passphrase: &Passphrase, office: OfficeId) -> Result<SourceKeys, Failure> {
    SourceKeys::derive(passphrase, office)
        .map_err(|error| Failure::failed(error, "Close other programs: this needs 64 MiB of memory."))
}

/// A visit, twice only if the card is a later one than the office's first.
fn visit(
    options: &OfficeOptions,
    card: &Card,
    passphrase: &Passphrase,
    want: Want,
    clock: ClockOptions,
    json: bool,
    rng: &mut Rng,
) -> Result<Report, Failure> {
    let connect = options.connect.read(card).map_err(|error| Failure::usage(error, "Nothing was sent."))?;
    let choice = input::clock(options.date.as_deref())?;
    let today = clock.today()?;
    let want = Want { rounds: options.rounds, ..want };
    let progress = print::Progress::new(json);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(error, "Nothing was sent. Close other programs and try again."))?;
    let mut office = card.office_if_first();
    for _ in 0..2 {
        let keys = progress.while_deriving(|| derive(passphrase, office))?;
        let mut plan = Plan::new(card.clone(), office, keys, today, want.clone());
        if let Some(choice) = choice {
            plan = plan.with_clock(choice);
        }
        let tell = |event: Event| progress.tell(event);
        let visit = source::visit(plan, &connect.addresses, &connect.dialer, &connect.patience, rng, tell);
        match runtime.block_on(visit) {
            Ok(report) => return Ok(report),
            Err(failure) => match failure.error {
                Error::Visit(VisitError::OtherFirstCard(first)) => office = first,
                error => return Err(explain(&error)),
            },
        }
    }
    Err(Failure::failed("the relay names one first card and then another", "Try again, or another relay."))
}

fn explain(error: &Error) -> Failure {
    let Error::Visit(error) = error else {
        return Failure::failed(
            error,
            "Check the connection, the proxy and the card's address. Nothing of yours was lost.",
        );
    };
    match error {
        VisitError::Trust(TrustError::ClockDoubt { .. }) => Failure::refused(
            error,
            "Look at a calendar you trust. If the office's date is right, add --date with that date; if this device's is \
             right, add --date device. Nothing was sent.",
        ),
        VisitError::Trust(TrustError::NoteTooOld { .. }) => Failure::refused(
            error,
            "Somebody may be hiding newer keys, or the office is away. Try later or another relay. Nothing was sent.",
        ),
        VisitError::Trust(_) => Failure::refused(
            error,
            "What this relay shows is not what the office signed. Try another relay, and compare the card. Nothing was sent.",
        ),
        VisitError::Index(_) => Failure::refused(
            error,
            "This relay shows you another list than the office saw. Try another relay and tell the office. Nothing was sent.",
        ),
        VisitError::TooMuchWork(_) => Failure::failed(
            error,
            "The relay is under attack or wrongly set up. Try later or another relay. Nothing was sent, nothing is lost.",
        ),
        VisitError::NoDesk(_) | VisitError::TextLength(_) => Failure::usage(error, "Nothing was sent."),
        VisitError::Seal(SealError::NoSeat) => Failure::refused(
            error,
            "No seat of this desk has a current key. Choose another desk, or try later. Nothing was sent.",
        ),
        VisitError::Seal(_) => {
            Failure::usage(error, "Send it in parts, the most important one first. Nothing was sent.")
        }
        _ => Failure::failed(error, "Try again, or another relay."),
    }
}
