//! The commands that connect: publishing, mirroring, posting.

use super::run::Rng;
use super::{Common, print};
use crate::cli::connect::{Connect, ConnectOptions};
use crate::cli::outcome::Failure;
use crate::cli::say::complain;
use crate::courier::{Connection, Courier, CourierError, MirrorOptions, MirrorProgress, MirrorReport, WalkError};
use crate::files::read_limited;
use crate::mirror::Mirror;
use crate::seat::Outbox;
use crate::source::{self, Error};
use crate::visit::{Plan, VisitError, Want};
use cssr_proto::bundle::{Record, read_bundle};
use cssr_proto::frame::EnvelopeKind;
use cssr_proto::keys::{ContactSecret, ParcelSecret, ReplySecret, SourceAuthKey};
use cssr_proto::letter::Sealed;
use cssr_proto::publication::Publication;
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use cssr_proto::sizes::ROSTER_MAX;
use cssr_proto::wire_error::ErrorCode;
use cssr_proto::{Bytes, Card, Day, Envelope, List, Notice, Roster, SeatStatement, SourceKeys, Unverified};
use indicatif::ProgressBar;
use rand_core::Rng as _;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Statements of seats in one publication at most.
const TOGETHER: usize = 16;
/// A file of the outbox holds one envelope.
const BUNDLE_MAX: usize = 2 * Record::ENCODED_MAX;
/// The longest pause of a watch after failures.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// How often a mirror that is made once is made again because another courier was faster.
const OVERTAKEN_MOST: u32 = 4;

/// What a mirror is to do.
#[derive(Debug)]
pub(super) struct MirrorTask {
    pub(super) notice: Option<Notice>,
    /// Seconds between two mirrors; none for one mirror only.
    pub(super) every: Option<u64>,
    pub(super) accept_gap: bool,
}

/// Publishes rosters, then statements of seats.
pub(super) fn publish(
    card: &Card,
    files: &[PathBuf],
    connect: &ConnectOptions,
    common: &Common,
    rng: &mut Rng,
) -> Result<(), Failure> {
    let publications = publications(card, files)?;
    let connect = read(connect, card)?;
    let spinner = spinner(common, "Publishing");
    let result = block_on(async {
        let mut connection = open(&connect, rng).await?;
        for publication in publications {
            match connection.call(Request::Publish(publication)).await.map_err(CourierError::from)? {
                Response::Published => {}
                Response::Error(error) => {
                    return Err(Failure::failed(
                        error,
                        "Publish the newest roster before the statements of its seats; the relay keeps no older ones.",
                    ));
                }
                _ => return Err(Failure::failed("the relay's answer does not belong here", "Try another relay.")),
            }
        }
        connection.close().await;
        Ok(())
    });
    spinner.finish_and_clear();
    result?;
    print::published(files.len(), common);
    Ok(())
}

/// Mirrors once, or until the program is stopped.
pub(super) fn mirror(
    dir: &Path,
    folder: &Path,
    task: MirrorTask,
    connect: &ConnectOptions,
    common: &Common,
    rng: &mut Rng,
) -> Result<(), Failure> {
    let mut courier = super::run::open_courier(dir, common)?;
    let mirror = Mirror::create(folder)
        .map_err(|error| Failure::failed(error, "Choose another folder, or make room on the disk.").about(folder))?;
    let connect = read(connect, courier.card())?;
    let MirrorTask { notice, every, accept_gap } = task;
    let mut options = MirrorOptions { notice, accept_gap };
    block_on(async {
        let (mut failures, mut overtaken) = (0, 0);
        loop {
            let result = mirror_once(&mut courier, &mirror, &connect, &options, common, rng).await;
            match (result, every) {
                (Ok(report), _) => {
                    print::mirrored(&report, common);
                    failures = 0;
                    // Once is once.
                    options.accept_gap = false;
                }
                (Err(error), None) if is_overtaken(&error) && overtaken < OVERTAKEN_MOST => {
                    overtaken += 1;
                    continue;
                }
                (Err(error), Some(_)) if is_passing(&error) => {
                    failures += 1;
                    print_passing(&error, common);
                }
                (Err(error), _) => return Err(error.into()),
            }
            let Some(every) = every else { return Ok(()) };
            let pause = Duration::from_secs(every.max(1)).saturating_mul(1 << failures.min(8));
            tokio::time::sleep(if failures > 0 { pause.min(PAUSE_MAX) } else { pause }).await;
        }
    })
}

/// Whether the relay has refused the note, as it does if another courier's came between: notes are numbered one after the
/// other. Then the next look shows that courier's note, and this one signs it, or a newer one.
fn is_overtaken(error: &CourierError) -> bool {
    matches!(error, CourierError::Refused(refused) if refused.code == ErrorCode::RefusedStatement)
}

/// Posts what waits, each envelope in a visit that looks like any other.
pub(super) fn post(
    dir: &Path,
    within: u64,
    connect: &ConnectOptions,
    common: &Common,
    rng: &mut Rng,
) -> Result<(), Failure> {
    let outbox = Outbox::open(dir).map_err(|_| {
        Failure::usage("there is no outbox in this folder", "Give a seat's folder, or a copy of its outbox.").about(dir)
    })?;
    let failed = |error: std::io::Error| {
        let help =
            "See that it can be read and written. What was posted is at the relay; the rest stays in the outbox.";
        Failure::failed(format!("the outbox cannot be used: {error}"), help).about(dir)
    };
    let card = outbox.card().map_err(failed)?;
    let card: Card = card.trim().parse().map_err(|error| {
        Failure::failed(error, "The outbox's card.txt is damaged: put the office's card there.").about(dir)
    })?;
    let connect = read(connect, &card)?;
    let mut waiting = outbox.waiting().map_err(failed)?;
    shuffle(&mut waiting, rng);
    let count = waiting.len();
    let spinner = spinner(common, "Posting");
    let mut posted = 0;
    let mut last = Ok(());
    for bundle in waiting {
        spinner.set_message(format!("Posting {} of {count}", posted + 1));
        let result = block_on(async {
            let wait = if within == 0 { 0 } else { rng.next_u64() % within.saturating_add(1) };
            tokio::time::sleep(Duration::from_secs(wait)).await;
            post_one(&bundle, &card, &connect, common, rng).await
        });
        match result {
            Ok(()) => {
                outbox.mark_posted(&bundle).map_err(failed)?;
                posted += 1;
            }
            Err(failure) => {
                last = Err(failure);
                break;
            }
        }
    }
    spinner.finish_and_clear();
    last?;
    print::posted(posted, count - posted, common);
    Ok(())
}

async fn mirror_once(
    courier: &mut Courier,
    mirror: &Mirror,
    connect: &Connect,
    options: &MirrorOptions,
    common: &Common,
    rng: &mut Rng,
) -> Result<MirrorReport, CourierError> {
    let spinner = spinner(common, "Mirroring");
    let result = async {
        let mut connection = open(connect, rng).await?;
        // A clock without a day is a day that the relay does not announce.
        let today = common.clock.today().unwrap_or(Day::FIRST);
        let tell = |new: MirrorProgress| {
            spinner.set_message(format!("{} letters, {} chunks", new.letters, new.chunks));
        };
        let report = courier.mirror(&mut connection, mirror, today, options, tell).await?;
        connection.close().await;
        Ok(report)
    }
    .await;
    spinner.finish_and_clear();
    result
}

/// One visit under keys that nobody has: from outside it is a source's.
async fn post_one(
    bundle: &Path,
    card: &Card,
    connect: &Connect,
    common: &Common,
    rng: &mut Rng,
) -> Result<(), Failure> {
    let damaged = "Remove the file; `cssr-desk import` or `reply` puts a good one there again.";
    let bytes = read_limited(bundle, BUNDLE_MAX).map_err(|error| Failure::failed(error, damaged).about(bundle))?;
    let records = read_bundle(&bytes).map_err(|error| Failure::failed(error, damaged).about(bundle))?;
    let ready: Vec<Sealed> = records.into_iter().filter_map(letter).collect();
    if ready.is_empty() {
        return Err(Failure::failed("there is no letter in this bundle", damaged).about(bundle));
    }
    let want = Want { ready, ..Want::default() };
    let mut office = card.office_if_first();
    for _ in 0..2 {
        let keys = SourceKeys {
            auth: SourceAuthKey::generate(rng),
            reply: ReplySecret::generate(rng),
            contact: ContactSecret::generate(rng),
            parcel: ParcelSecret::generate(rng),
        };
        let plan = Plan::new(card.clone(), office, keys, common.clock.today()?, want.clone());
        let visit = source::visit(plan, &connect.addresses, &connect.dialer, &connect.patience, rng, |_| {});
        match visit.await {
            Ok(report) => {
                return report.sent.iter().find_map(|delivery| delivery.stored.err()).map_or(Ok(()), |error| {
                    Err(Failure::failed(
                        format!("the relay did not store it: {error}"),
                        "It stays in the outbox: post again later.",
                    ))
                });
            }
            Err(failure) => match failure.error {
                Error::Visit(VisitError::OtherFirstCard(first)) => office = first,
                Error::Visit(error @ (VisitError::Trust(_) | VisitError::Index(_))) => {
                    return Err(Failure::refused(
                        error,
                        "What this relay shows is not what the office signed. Nothing was posted; all of it stays in the outbox.",
                    ));
                }
                error => return Err(Failure::failed(error, "All of it stays in the outbox: post again later.")),
            },
        }
    }
    Err(Failure::failed("the relay names one first card and then another", "Try another relay."))
}

fn letter(record: Record) -> Option<Sealed> {
    let envelope = Envelope::from_slice(record.envelope?.as_slice()).ok()?;
    (record.kind == EnvelopeKind::Letter).then_some(Sealed { id: record.id, envelope })
}

/// Rosters in the order of their numbers, then statements of seats, at most sixteen together.
fn publications(card: &Card, files: &[PathBuf]) -> Result<Vec<Publication>, Failure> {
    let nothing = "Give rosters of this card's office, and statements of its seats. Nothing was published.";
    let mut rosters = Vec::new();
    let mut statements = Vec::new();
    for path in files {
        let failed = |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", path.display()), nothing);
        let bytes = read_limited(path, ROSTER_MAX).map_err(|error| failed(&error))?;
        if let Ok(roster) = Unverified::<Roster>::from_bytes(&bytes) {
            let roster = roster.authenticate(card.fingerprint()).map_err(|error| failed(&error))?;
            rosters.push((roster.number, Bytes::new(bytes).map_err(|error| failed(&error))?));
        } else {
            SeatStatement::from_bytes(&bytes).map_err(|error| failed(&error))?;
            statements.push(Bytes::new(bytes).map_err(|error| failed(&error))?);
        }
    }
    rosters.sort_by_key(|(number, _)| *number);
    let mut publications: Vec<Publication> =
        rosters.into_iter().map(|(_, roster)| Publication::Roster(roster)).collect();
    for together in statements.chunks(TOGETHER) {
        let list = List::new(together.to_vec()).map_err(|error| Failure::failed(error, nothing))?;
        publications.push(Publication::SeatStatements(list));
    }
    Ok(publications)
}

async fn open(connect: &Connect, rng: &mut Rng) -> Result<Connection, CourierError> {
    let connection = Connection::open(&connect.dialer, &connect.addresses, connect.patience.silence, rng).await;
    Ok(connection?)
}

fn read(connect: &ConnectOptions, card: &Card) -> Result<Connect, Failure> {
    connect.read(card).map_err(|error| Failure::usage(error, "Nothing was sent."))
}

/// Failures that a watch waits out: the network, a relay that is busy, and midnight, when two clocks do not change the
/// day in the same second. What the relay lies about is for a person.
const fn is_passing(error: &CourierError) -> bool {
    matches!(
        error,
        CourierError::Session(_)
            | CourierError::Refused(_)
            | CourierError::DayDiffers { .. }
            | CourierError::Walk(WalkError::Future(_))
    )
}

fn print_passing(error: &CourierError, common: &Common) {
    if !common.json {
        complain(format_args!("warning: {error}"));
    }
}

fn spinner(common: &Common, what: &'static str) -> ProgressBar {
    let spinner = if common.json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    spinner.set_message(what);
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}

fn shuffle(paths: &mut [PathBuf], rng: &mut Rng) {
    for last in (1..paths.len()).rev() {
        let other = rng.next_u64() % (last as u64 + 1);
        paths.swap(last, usize::try_from(other).unwrap_or(last));
    }
}

fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::failed(error, ""))?.block_on(future)
}
