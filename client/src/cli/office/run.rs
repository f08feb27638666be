//! The commands.

use super::{Command, Common, PolicyOptions, print};
use crate::cli::outcome::Failure;
use crate::cli::secret::SecretInput;
use crate::files::{StaffPassphrase, read_limited, write_atomic};
use crate::office::{
    Change, NewOffice, Office, OfficeError, Passphrases, RELAY_IDENTITY_MAX, Request, Settings, card_svg,
    read_relay_identity,
};
use cssr_proto::sizes::{ROSTER_MAX, SEAT_STATEMENT_MAX};
use cssr_proto::{Card, Day, Hash, Number, Policy, Relay, sha256};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

/// A page with everything in it, and room to grow.
const PAGE_MAX: usize = 64 * 1024 * 1024;

type Rng = rand_core::UnwrapErr<getrandom::SysRng>;

pub(super) fn run(command: Command, common: &Common) -> Result<(), Failure> {
    let today = common.clock.today()?;
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    match command {
        Command::Init { dir, name, relay, policy } => {
            let new = NewOffice { name, relay: relay_from(&relay)?, policy: policy.over(usual_policy()?)? };
            init(&dir, new, common, &mut rng)
        }
        Command::Desk { dir, number, name, .. } => change(
            &dir,
            name.map_or(Change::RemoveDesk(number), |name| Change::SetDesk { number, name }),
            today,
            common,
        ),
        Command::Admit { dir, requests, days, compared } => admit(&dir, &requests, days, compared, today, common),
        Command::Retire { dir, desk, seat } => change(&dir, Change::RetireSeat { desk, seat }, today, common),
        Command::Revoke { dir, desk: Some(desk), seat: Some(seat), .. } => {
            change(&dir, Change::RevokeSeat { desk, seat }, today, common)
        }
        Command::Revoke { dir, courier: Some(courier), .. } => {
            change(&dir, Change::RevokeCourier(courier), today, common)
        }
        Command::Revoke { .. } => Err(Failure::usage("nothing to revoke", "Give --desk and --seat, or --courier.")),
        Command::Renew { dir, days, everyone } => change(&dir, Change::Renew { days, everyone }, today, common),
        Command::Relay { dir, relay } => move_relay(&dir, &relay, today, common),
        Command::Settings { dir, page, forms, policy } => {
            settings(&dir, page.as_deref(), forms.as_deref(), policy, today, common)
        }
        Command::Succeed { dir, successor } => succeed(&dir, successor, today, common, &mut rng),
        Command::Restore { dir, card, rosters } => restore(&dir, &card, &rosters, today, common),
        Command::Card { dir, svg } => card(&dir, svg.as_deref(), common),
        Command::Show { dir } => {
            print::office(&Office::open(&dir)?, today, common.json);
            Ok(())
        }
    }
}

fn init(dir: &Path, new: NewOffice, common: &Common, rng: &mut Rng) -> Result<(), Failure> {
    let root = new_passphrase("root", "Passphrase for the root", SecretInput::from_option(common.passphrase_fd))?;
    let successor = successor_passphrase("Passphrase for its successor", common)?;
    let successor = successor.as_ref().unwrap_or(&root);
    let office = Office::init(dir, new, Passphrases { root: &root, successor }, rng)?;
    print::initialised(&office, common.json)
}

fn admit(dir: &Path, files: &[PathBuf], days: u32, compared: bool, today: Day, common: &Common) -> Result<(), Failure> {
    let office = Office::open(dir)?;
    let mut requests = Vec::new();
    for file in files {
        let content = read(file, SEAT_STATEMENT_MAX)?;
        let request = Request::read(&content, office.id(), today).map_err(|error| about(file, error))?;
        requests.push(request);
    }
    // Worked out once before anybody compares anything.
    office.propose(Change::Admit { requests: requests.clone(), days }, today)?;
    if !compared {
        let terminal = std::io::stdin().is_terminal() && !common.json;
        if !terminal {
            return Err(Failure::refused(
                "nobody has confirmed that these keys were compared with the people who made them",
                "Run it in a terminal and answer, or give --compared after comparing.",
            ));
        }
        print::requests(&office, &requests);
        if !confirmed("Has each of them read the same key to you, in person or by telephone? [y/N] ")? {
            return Err(Failure::refused("not admitted", "Nothing was changed."));
        }
    }
    issue(office, Change::Admit { requests, days }, today, common)
}

fn move_relay(dir: &Path, file: &Path, today: Day, common: &Common) -> Result<(), Failure> {
    let relay = relay_from(file)?;
    change(dir, Change::MoveRelay(relay), today, common)
}

fn settings(
    dir: &Path,
    page: Option<&Path>,
    forms: Option<&Path>,
    policy: PolicyOptions,
    today: Day,
    common: &Common,
) -> Result<(), Failure> {
    let hash = |path: &Path| read(path, PAGE_MAX).map(|content| Hash(sha256(&content)));
    let (page, forms) = (page.map(hash).transpose()?, forms.map(hash).transpose()?);
    let office = Office::open(dir)?;
    let policy = policy.any().then(|| policy.over(*office.policy())).transpose()?;
    issue(office, Change::Settle(Settings { policy, page, forms }), today, common)
}

fn succeed(dir: &Path, successor: Option<PathBuf>, today: Day, common: &Common, rng: &mut Rng) -> Result<(), Failure> {
    let mut office = Office::open(dir)?;
    let file = successor.unwrap_or_else(|| office.successor_key_file());
    if !common.json {
        print::before_succession(&file);
    }
    let passphrase = passphrase("Passphrase of this successor: ", common)?;
    let next = successor_passphrase("Passphrase for the new successor", common)?;
    let made = office.succeed(&file, &passphrase, next.as_ref().unwrap_or(&passphrase), today, rng)?;
    // The roster is out: a card that cannot be written is no reason to say otherwise.
    let card = office.write_card();
    print::succeeded(&office, &made, &file, today, common.json);
    card.map_err(card_only)
}

fn restore(dir: &Path, card: &str, files: &[PathBuf], today: Day, common: &Common) -> Result<(), Failure> {
    let card: Card = card
        .parse()
        .map_err(|error| Failure::usage(error, "Compare the card with the paper it came on, group by group."))?;
    let rosters = files.iter().map(|file| read(file, ROSTER_MAX)).collect::<Result<Vec<_>, _>>()?;
    let office = Office::restore(dir, &card, &rosters)?;
    print::restored(&office, today, common.json);
    Ok(())
}

fn card(dir: &Path, svg: Option<&Path>, common: &Common) -> Result<(), Failure> {
    let office = Office::open(dir)?;
    office.write_card()?;
    if let Some(path) = svg {
        let picture = card_svg(&office.card(), office.name().as_str())?;
        write_atomic(path, picture.as_bytes()).map_err(|error| {
            Failure::failed(format!("could not write {}: {error}", path.display()), "Give another file.")
        })?;
    }
    print::card(&office, common.json)
}

fn change(dir: &Path, change: Change, today: Day, common: &Common) -> Result<(), Failure> {
    issue(Office::open(dir)?, change, today, common)
}

/// Shows what would be said next, has it signed, and says where it is.
fn issue(mut office: Office, change: Change, today: Day, common: &Common) -> Result<(), Failure> {
    let card_before = office.card();
    let draft = office.propose(change, today)?;
    if !common.json {
        print::draft(&draft);
    }
    if draft.is_roster() {
        let passphrase = passphrase("Passphrase of the root, to sign this: ", common)?;
        let (events, warnings) = (draft.events().to_vec(), draft.warnings().to_vec());
        office.issue(draft, &passphrase)?;
        print::issued(&office, &events, &warnings, common.json);
    } else {
        let events = draft.events().to_vec();
        office.keep(draft)?;
        print::kept(&office, &events, common.json);
    }
    if office.card() == card_before { Ok(()) } else { office.write_card().map_err(card_only) }
}

fn card_only(error: OfficeError) -> Failure {
    Failure::failed(error, "The roster was issued. Only the card is missing: run `cssr-office card`.")
}

fn about(file: &Path, error: OfficeError) -> Failure {
    let mut failure = Failure::from(error);
    failure.what = format!("{}: {}", file.display(), failure.what);
    failure
}

fn read(path: &Path, max: usize) -> Result<Vec<u8>, Failure> {
    read_limited(path, max)
        .map_err(|error| Failure::usage(format!("could not read {}: {error}", path.display()), "Nothing was changed."))
}

fn relay_from(path: &Path) -> Result<Relay, Failure> {
    read_relay_identity(&read(path, RELAY_IDENTITY_MAX)?).map_err(|error| about(path, error))
}

fn passphrase(prompt: &str, common: &Common) -> Result<StaffPassphrase, Failure> {
    let text = SecretInput::from_option(common.passphrase_fd).read(prompt).map_err(unreadable)?;
    Ok(StaffPassphrase::new((*text).clone()))
}

fn new_passphrase(whose: &str, prompt: &str, input: SecretInput) -> Result<StaffPassphrase, Failure> {
    let text = input
        .read_new(&format!("{prompt} (nothing is shown): "), &format!("The passphrase of the {whose} again: "))
        .map_err(unreadable)?;
    Ok(StaffPassphrase::new((*text).clone()))
}

/// None if it is to be the same as the other one.
fn successor_passphrase(prompt: &str, common: &Common) -> Result<Option<StaffPassphrase>, Failure> {
    match (common.passphrase_fd, common.successor_passphrase_fd) {
        (Some(_), None) => Ok(None),
        (_, descriptor) => new_passphrase("successor", prompt, SecretInput::from_option(descriptor)).map(Some),
    }
}

fn unreadable(error: std::io::Error) -> Failure {
    Failure::failed(
        format!("no passphrase: {error}"),
        "Nothing was changed. Run this in a terminal, or give the passphrase with --passphrase-fd.",
    )
}

fn confirmed(question: &str) -> Result<bool, Failure> {
    let failed = |error| Failure::failed(error, "Nothing was changed.");
    let mut terminal = std::io::stderr();
    terminal.write_all(question.as_bytes()).and_then(|()| terminal.flush()).map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn usual_policy() -> Result<Policy, Failure> {
    let policy = || -> Result<Policy, cssr_proto::Malformed> {
        Ok(Policy {
            letter_days: Number::new(21)?,
            chunk_days: Number::new(14)?,
            group: Number::new(4)?,
            note_days: Number::new(3)?,
            rounds: Number::new(2)?,
        })
    };
    policy().map_err(|error| Failure::failed(error, ""))
}
