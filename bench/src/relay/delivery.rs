//! What delivering costs, beside WebSocket servers that send frames of the same sizes and do nothing else.

use super::Options;
use super::client::{Client, Reader, connect};
use super::engine;
use super::failure::RelayFailure;
use super::helper::{Helper, Plain};
use super::load::{Worker, drive};
use super::office::GROUP;
use super::parts;
use super::plain::PlainServer;
use super::program::RunningRelay;
use super::rounds::Rounds;
use super::whole::measure;
use crate::failure::Failure;
use crate::progress;
use crate::report::Report;
use cssr_proto::request::{NextBatches, Request};
use cssr_proto::response::Response;
use cssr_proto::sizes::{LARGE_WIRE, SMALL_WIRE};
use std::time::Duration;

/// Letters that can be delivered.
const LETTERS: u64 = 4_000;
/// Clients that fetch groups.
const READERS: usize = 64;
/// Couriers that drain at once.
const COURIERS: usize = 8;

pub(super) async fn run(options: &Options, report: &mut Report) -> Result<(), Failure> {
    report.heading(&format!("relay delivery: {} rounds", options.rounds))?;
    let bar = progress::bar("delivery", options.rounds);
    let mut rounds = Rounds::default();
    let relay = RunningRelay::start::<engine::Default>(options, LETTERS).await?;
    let servers = [PlainServer::start(Helper::Tuned).await?, PlainServer::start(Helper::Plain).await?];
    for _ in 0..options.rounds {
        rounds.add("delivery.seal_cpu", "us/frame", parts::seal()?);
        let costs = Bare::measured(&servers, READERS, GROUP, options.time).await?;
        let readers = Reader::connect(relay.address, READERS, LETTERS).await?;
        let (load, spent, _) = measure(readers, relay.process(), options.time).await?;
        add("groups", &costs, load.each(spent), load.rate(), &mut rounds);

        let costs = Bare::measured(&servers, COURIERS, LETTERS, options.time).await?;
        let (cost, rate) = drain(&relay, options.time).await?;
        add("drain", &costs, cost, rate, &mut rounds);
        bar.inc(1);
    }
    drop(bar);
    rounds.report(report)
}

/// What servers that do nothing else need for a frame, in microseconds of the processor.
struct Bare {
    /// The tuned one, which echoes.
    echo: f64,
    /// The one with the library's defaults, which echoes.
    plain: f64,
    /// The tuned one, which sends many for one request.
    send: f64,
}

impl Bare {
    /// With so many clients, who ask for so many frames at once if they are only sent.
    async fn measured(
        [tuned, plain]: &[PlainServer; 2],
        clients: usize,
        frames: u64,
        time: Duration,
    ) -> Result<Self, RelayFailure> {
        Ok(Self {
            echo: of_plain(tuned, clients, LARGE_WIRE, Plain::Echo, time).await?,
            plain: of_plain(plain, clients, LARGE_WIRE, Plain::Echo, time).await?,
            send: of_plain(tuned, clients, SMALL_WIRE, Plain::Large(frames as u32), time).await?,
        })
    }
}

/// Frames that carry letters: what one costs the relay in microseconds, and how many a second there were.
fn add(what: &str, bare: &Bare, cost: f64, rate: f64, rounds: &mut Rounds) {
    let Bare { echo, plain, send } = bare;
    rounds.add(format!("delivery.{what}.ratio"), "ratio", echo / cost);
    rounds.add(format!("delivery.{what}.plain_ratio"), "ratio", plain / cost);
    rounds.add(format!("delivery.{what}.cpu"), "us/frame", cost);
    rounds.add(format!("delivery.{what}.echo_cpu"), "us/frame", *echo);
    rounds.add(format!("delivery.{what}.plain_cpu"), "us/frame", *plain);
    rounds.add(format!("delivery.{what}.send_cpu"), "us/frame", *send);
    rounds.add(format!("delivery.{what}.send_ratio"), "ratio", send / cost);
    rounds.add(format!("delivery.{what}.rate"), "frames/s", rate);
}

/// Microseconds of a plain server for a frame of its answers.
async fn of_plain(
    plain: &PlainServer,
    clients: usize,
    bytes: usize,
    asked: Plain,
    time: Duration,
) -> Result<f64, RelayFailure> {
    let clients = plain.clients(clients, bytes, asked).await?;
    let (load, spent, _) = measure(clients, plain.program.process, time / 2).await?;
    Ok(load.each(spent))
}

/// Microseconds for a letter that a courier is given, and letters a second.
async fn drain(relay: &RunningRelay, time: Duration) -> Result<(f64, f64), RelayFailure> {
    let mut couriers = Vec::new();
    for mut client in connect(relay.address, COURIERS).await? {
        relay.office.become_courier(&mut client).await?;
        couriers.push(Courier(client));
    }
    let spent = relay.process().time()?;
    let (load, _) = drive(couriers, time).await?;
    Ok((load.each(relay.process().time()? - spent), load.rate()))
}

struct Courier(Client);

impl Worker for Courier {
    /// Drains everything there is; counts letters.
    async fn work(&mut self) -> Result<u64, RelayFailure> {
        self.0.send(Request::Drain(NextBatches { letters: 1, chunks: 1 })).await?;
        let mut letters = 0;
        loop {
            match self.0.receive().await? {
                Response::Batch(..) => {}
                Response::Envelope(mirrored) if mirrored.frame.is_some() => letters += 1,
                Response::CaughtUp(_) if letters >= LETTERS => return Ok(letters),
                other => return Err(RelayFailure::Wrong(format!("a drain was answered with {other:?}"))),
            }
        }
    }
}
