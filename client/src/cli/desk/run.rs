//! The commands that need no network.

use super::{Command, Common, input, letters, online, print};
use crate::cli::outcome::Failure;
use crate::courier::Courier;
use crate::files::read_limited;
use crate::mirror::Mirror;
use crate::seat::Seat;
use cssr_proto::sizes::ROSTER_MAX;
use indicatif::ProgressBar;
use rand_core::UnwrapErr;
use serde_json::json;
use std::path::Path;

pub(super) type Rng = UnwrapErr<getrandom::SysRng>;

pub(super) fn run(command: Command, common: &Common) -> Result<(), Failure> {
    let mut rng = UnwrapErr(getrandom::SysRng);
    let rng = &mut rng;
    match command {
        Command::Init { dir, card, desk, label } => {
            let passphrase = input::new_passphrase(common)?;
            let seat = Seat::create(&dir, &passphrase, card, (desk, label), common.clock.today()?, rng);
            let seat = seat.map_err(|error| Failure::from(error).about(&dir))?;
            print::requested(&dir.join("seat.request"), seat.signing_key().as_bytes(), common);
            Ok(())
        }
        Command::Courier { dir, card, desk, seat, label } => {
            let passphrase = input::new_passphrase(common)?;
            let place = (desk, seat, label);
            let courier = Courier::create(&dir, &passphrase, card, place, common.clock.today()?, rng);
            let courier = courier.map_err(|error| Failure::from(error).about(&dir))?;
            print::requested(&dir.join("courier.request"), courier.public_key().as_bytes(), common);
            Ok(())
        }
        Command::Accept { dir, roster } => accept(&dir, &roster, common, rng),
        Command::Statements { dir } => {
            let mut seat = open(&dir, common)?;
            let signed = seat.statements(common.clock.today()?, rng)?;
            print::signed(&signed, &seat.outbox(), common);
            Ok(())
        }
        Command::Publish { card, files, connect } => online::publish(&card, &files, &connect, common, rng),
        Command::Mirror { dir, folder, notice, watch, every, accept_gap, connect } => {
            let task = online::MirrorTask { notice, every: watch.then_some(every), accept_gap };
            online::mirror(&dir, &folder, task, &connect, common, rng)
        }
        Command::Import { dir, folder } => import(&dir, &folder, common, rng),
        Command::List { dir, new } => letters::list(&open(&dir, common)?, new, common),
        Command::Show { dir, letter } => letters::show(&open(&dir, common)?, letter, common),
        Command::Reply { dir, letter, file } => {
            // First, as it may be what the passphrase's descriptor would take away.
            let text = input::text(file.as_deref(), common)?;
            let mut seat = open(&dir, common)?;
            let sent = seat.reply(letter, &text, common.clock.today()?, rng)?;
            letters::print_written(&[sent], &seat.outbox(), common);
            Ok(())
        }
        Command::Receipts { dir } => {
            let mut seat = open(&dir, common)?;
            let sent = seat.receipts(common.clock.today()?, rng)?;
            letters::print_written(&sent, &seat.outbox(), common);
            Ok(())
        }
        Command::Post { dir, now, within, connect } => {
            online::post(&dir, if now { 0 } else { within }, &connect, common, rng)
        }
        Command::Erase { dir } => {
            let erased = open(&dir, common)?.erase(common.clock.today()?)?;
            print::erased(&erased, common);
            Ok(())
        }
        Command::Status { dir } => {
            let status = open(&dir, common)?.status(common.clock.today()?)?;
            print::status(&status, common);
            Ok(())
        }
    }
}

fn open(dir: &Path, common: &Common) -> Result<Seat, Failure> {
    Seat::open(dir, &input::passphrase(common)?).map_err(|error| Failure::from(error).about(dir))
}

pub(super) fn open_courier(dir: &Path, common: &Common) -> Result<Courier, Failure> {
    Courier::open(dir, &input::passphrase(common)?).map_err(|error| Failure::from(error).about(dir))
}

fn accept(dir: &Path, roster: &Path, common: &Common, rng: &mut Rng) -> Result<(), Failure> {
    let give = "Give the newest file of the office's `rosters` folder. Nothing was changed.";
    let bytes = read_limited(roster, ROSTER_MAX).map_err(|error| Failure::failed(error, give).about(roster))?;
    let today = common.clock.today()?;
    if Courier::is_in(dir) {
        let mut courier = open_courier(dir, common)?;
        let admission = courier.accept(&bytes, today).map_err(|error| Failure::from(error).about(roster))?;
        let number = json!({ "courier": admission.number.get() });
        let what = format!("courier {}", admission.number.get());
        let terms = (admission.through, admission.roster, admission.expires);
        print::admitted(&what, number, &admission.office, terms, common);
    } else {
        let mut seat = open(dir, common)?;
        let admission = seat.accept(&bytes, today, rng).map_err(|error| Failure::from(error).about(roster))?;
        let number = json!({ "desk": admission.desk.get(), "seat": admission.seat.get() });
        let what = format!("seat {} of desk {}", admission.seat.get(), admission.desk.get());
        let terms = (admission.through, admission.roster, admission.expires);
        print::admitted(&what, number, &admission.office, terms, common);
    }
    Ok(())
}

fn import(dir: &Path, folder: &Path, common: &Common, rng: &mut Rng) -> Result<(), Failure> {
    let give = "Give the folder of a mirror, as `cssr-desk mirror` made it. Nothing was changed.";
    let mirror = Mirror::open(folder).map_err(|error| Failure::usage(error, give).about(folder))?;
    let empty = mirror.is_empty().map_err(|error| Failure::failed(error, give).about(folder))?;
    if empty {
        return Err(Failure::usage("there is nothing of a mirror in this folder", give).about(folder));
    }
    let mut seat = open(dir, common)?;
    let bar = if common.json { ProgressBar::hidden() } else { print::bytes_bar() };
    let report = seat.import(&mirror, common.clock.today()?, rng, |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    });
    bar.finish_and_clear();
    let report = report?;
    print::imported(&report, common);
    match report.refused.len() {
        0 => Ok(()),
        count => Err(Failure::failed(
            format!("{count} of the mirror's files were refused, in whole or in part; everything else was imported"),
            "Have the courier mirror into a new folder and import that one, too: it adds what is missing here.",
        )
        .about(folder)
        .after_report()),
    }
}
