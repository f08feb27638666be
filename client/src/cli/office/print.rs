//! What the holder of the root sees. Names come from other people's machines: they go through `display`.

use crate::cli::outcome::Failure;
use crate::cli::say::say;
use crate::display::one_line;
use crate::office::{Draft, Event, Office, Request, Succession, Warning, card_for_terminal, key_to_compare};
use cssr_proto::{Courier, Day, Hash, Label, Roster, Seat, SeatState};
use serde_json::{Value, json};
use std::path::Path;

pub(super) fn initialised(office: &Office, json: bool) -> Result<(), Failure> {
    if json {
        let mut object = card_json(office);
        extend(
            &mut object,
            json!({
                "office": office.id().to_string(),
                "root_key_file": office.root_key_file(),
                "successor_key_file": office.successor_key_file(),
            }),
        );
        say!("{object}");
        return Ok(());
    }
    card(office, false)?;
    say!();
    say!("The office is made; its relay has this key, which `cssr-relay` shows too:");
    say!("  {}", key_to_compare(office.relay().key.as_bytes()));
    say!();
    say!("Do this now:");
    say!("  1. Move {} to another place,", office.successor_key_file().display());
    say!("     such as a safe in another building. It takes over if the root is lost, and whoever loses both, or both");
    say!("     passphrases, can never again change anything.");
    say!("  2. Copy {} to a second place, too.", office.root_key_file().display());
    say!("  3. Add a desk: cssr-office desk DIR --number 0 --name NAME");
    say!("     Then admit seats and couriers; with the first seat comes the first roster.");
    Ok(())
}

pub(super) fn requests(office: &Office, requests: &[Request]) {
    for request in requests {
        let desk = office.desk_name(request.desk()).map_or_else(String::new, |name| format!(", {}", quoted(name)));
        let what = match request.seat() {
            None => "wants to be a seat".to_owned(),
            Some(seat) => format!("wants to be a courier of seat {}", seat.get()),
        };
        let (label, number, day) = (quoted(request.label()), request.desk().get(), request.day());
        say!("{label} {what} of desk {number}{desk}. Made on {day}, with the key");
        say!("  {}", request.key_to_compare());
    }
    say!("Compare every group of each key: a request says nothing about who made it.");
}

pub(super) fn draft(draft: &Draft) {
    if !draft.is_roster() {
        return;
    }
    let number = draft.number().map_or_else(|_| String::new(), |number| number.get().to_string());
    say!("Roster {number}, issued today, {}, valid through {}:", draft.today(), draft.expires());
    for event in draft.events() {
        say!("  - {event}");
    }
    print_warnings(draft.warnings());
}

pub(super) fn issued(office: &Office, events: &[Event], warnings: &[Warning], json: bool) {
    let Some(file) = office.roster_file() else { return };
    if json {
        let mut object = json!({ "ok": true, "issued": true });
        extend(&mut object, office_json(office, warnings));
        extend(&mut object, changes_json(events));
        say!("{object}");
        return;
    }
    say!("Signed. Carry this file to an online machine and publish it there:");
    say!("  {}", file.display());
    say!("  cssr-desk publish --card '{}' {}", office.card(), file.file_name().unwrap_or_default().display());
    say!("Seats and couriers take the same file with `cssr-desk accept`.");
}

pub(super) fn kept(office: &Office, events: &[Event], json: bool) {
    if json {
        let mut object = json!({ "ok": true, "issued": false });
        extend(&mut object, office_json(office, &[]));
        extend(&mut object, changes_json(events));
        say!("{object}");
        return;
    }
    for event in events {
        say!("  - {event}");
    }
    say!("Kept. There is no roster before there are seats: admit them next.");
}

pub(super) fn before_succession(file: &Path) {
    say!("{} becomes the root, and a new successor is made.", file.display());
    say!("The key file of the root until now is destroyed. Printed cards stay good.");
}

pub(super) fn succeeded(office: &Office, made: &Succession, used: &Path, today: Day, json: bool) {
    let warnings = office.warnings(today);
    if json {
        let mut object = json!({
            "ok": true,
            "issued": true,
            "root_key_file": made.root,
            "successor_key_file": made.successor,
            "undestroyed": made.undestroyed,
        });
        extend(&mut object, office_json(office, &warnings));
        extend(&mut object, card_json(office));
        say!("{object}");
        return;
    }
    say!("A new root signs from now on, beginning with this roster. It differs in nothing else.");
    print_warnings(&warnings);
    issued(office, &[], &[], false);
    say!();
    say!("Do this now:");
    say!("  1. Move {} to another place, as you did with the last one.", made.successor.display());
    say!("  2. {} holds the root's key as well, like", used.display());
    say!("     {}: keep it as its copy, or destroy it.", made.root.display());
    say!("  3. If the root was stolen and not only lost: distribute new cards. Its thief can deceive whoever holds an");
    say!("     earlier card and has not yet seen this roster.");
    if let Some(path) = &made.undestroyed {
        say!("  4. {} could not be destroyed: destroy it yourself.", path.display());
    }
    say!("The card is now:");
    say!("  {}", office.card());
}

pub(super) fn restored(office: &Office, today: Day, json: bool) {
    self::office(office, today, json);
    if !json {
        say!();
        say!(
            "If this is not the newest roster that was published, begin again with that one: a second roster of the same"
        );
        say!("number is refused by everyone. To sign, put the root's key file at");
        say!("  {}", office.root_key_file().display());
        say!("or let the successor take over: cssr-office succeed DIR --successor FILE");
    }
}

pub(super) fn card(office: &Office, json: bool) -> Result<(), Failure> {
    if json {
        say!("{}", card_json(office));
        return Ok(());
    }
    say!("{}", card_for_terminal(&office.card())?);
    say!();
    say!("{}", office.card());
    Ok(())
}

pub(super) fn office(office: &Office, today: Day, json: bool) {
    let warnings = office.warnings(today);
    if json {
        let mut object = card_json(office);
        extend(&mut object, office_json(office, &warnings));
        say!("{object}");
        return;
    }
    say!("{}", one_line(office.name().as_str(), 128));
    say!("office   {}", office.id());
    say!("card     {}", office.card());
    say!("relay    {}", key_to_compare(office.relay().key.as_bytes()));
    for address in office.relay().addresses.iter() {
        say!("         {address}");
    }
    let policy = office.policy();
    say!(
        "policy   letters {} days, chunks {} days, groups of {}, notes {} days, {} rounds",
        policy.letter_days(),
        policy.chunk_days(),
        policy.group.get(),
        policy.note_days(),
        policy.rounds.get()
    );
    match office.roster() {
        None => say!("roster   none yet: there are no seats"),
        Some(roster) => {
            say!("roster   {}, issued {}, valid through {}", roster.number.get(), roster.issued, roster.expires);
            say!("root     {}", roster.lineage.roots().len());
            print_hash("page", roster.page);
            print_hash("forms", roster.forms);
        }
    }
    for desk in office.desks() {
        say!("desk {}   {}", desk.number.get(), one_line(desk.name.as_str(), 64));
        for seat in desk.seats.iter() {
            say!("  seat {}   {}", seat.number.get(), seat_line(seat));
        }
    }
    for courier in office.roster().into_iter().flat_map(|roster| roster.couriers.iter()) {
        say!("courier {}   {}", courier.number.get(), courier_line(courier));
    }
    print_warnings(&warnings);
}

fn seat_line(seat: &Seat) -> String {
    let label = one_line(seat.label.as_str(), 64);
    format!("{label}, {}, {} to {}", state(seat.state), seat.from, seat.through)
}

fn courier_line(courier: &Courier) -> String {
    let label = one_line(courier.label.as_str(), 64);
    let (seat, desk) = (courier.seat.get(), courier.desk.get());
    format!("{label}, of seat {seat} of desk {desk}, {} to {}", courier.from, courier.through)
}

const fn state(state: SeatState) -> &'static str {
    match state {
        SeatState::Active => "active",
        SeatState::Retired => "retired",
    }
}

fn print_hash(what: &str, hash: Option<Hash>) {
    if let Some(hash) = hash {
        say!("{what:<8} {hash}");
    }
}

fn print_warnings(warnings: &[Warning]) {
    for warning in warnings {
        say!("warning: {warning}");
    }
}

fn quoted(label: &Label) -> String {
    format!("“{}”", one_line(label.as_str(), 64))
}

fn card_json(office: &Office) -> Value {
    json!({ "ok": true, "card": office.card().to_string() })
}

fn changes_json(events: &[Event]) -> Value {
    json!({ "changes": events.iter().map(ToString::to_string).collect::<Vec<_>>() })
}

fn office_json(office: &Office, warnings: &[Warning]) -> Value {
    let warning = |warning: &Warning| json!({ "code": warning.code(), "text": warning.to_string() });
    json!({
        "office": office.id().to_string(),
        "name": office.name().as_str(),
        "desks": office.desks().iter().map(|desk| json!({
            "number": desk.number.get(),
            "name": desk.name.as_str(),
            "seats": desk.seats.iter().map(seat_json).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "roster": office.roster().map(|roster| roster_json(roster)),
        "roster_file": office.roster_file(),
        "warnings": warnings.iter().map(warning).collect::<Vec<_>>(),
    })
}

fn roster_json(roster: &Roster) -> Value {
    json!({
        "number": roster.number.get(),
        "issued": roster.issued.to_string(),
        "expires": roster.expires.to_string(),
        "root": roster.lineage.roots().len(),
        "couriers": roster.couriers.iter().map(courier_json).collect::<Vec<_>>(),
    })
}

fn seat_json(seat: &Seat) -> Value {
    json!({
        "number": seat.number.get(),
        "label": seat.label.as_str(),
        "state": state(seat.state),
        "from": seat.from.to_string(),
        "through": seat.through.to_string(),
    })
}

fn courier_json(courier: &Courier) -> Value {
    json!({
        "number": courier.number.get(),
        "label": courier.label.as_str(),
        "desk": courier.desk.get(),
        "seat": courier.seat.get(),
        "from": courier.from.to_string(),
        "through": courier.through.to_string(),
    })
}

fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}
