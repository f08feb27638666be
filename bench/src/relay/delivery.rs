//! What delivering costs, beside a WebSocket server that sends frames of the same sizes and does nothing else.

use super::Options;
use super::client::{Client, Reader, connect};
use super::engine;
use super::failure::RelayFailure;
use super::helper::Plain;
use super::load::{Worker, drive};
use super::office::GROUP;
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
    let plain = PlainServer::start().await?;
    for _ in 0..options.rounds {
        let echo = of_plain(&plain, READERS, LARGE_WIRE, Plain::Echo, options.time).await?;
        let bare = of_plain(&plain, READERS, SMALL_WIRE, Plain::Large(GROUP as u32), options.time).await?;
        let readers = Reader::connect(relay.address, READERS, LETTERS).await?;
        let (load, spent, _) = measure(readers, relay.process(), options.time).await?;
        add("groups", echo, bare, load.each(spent), load.rate(), &mut rounds);

        let echo = of_plain(&plain, COURIERS, LARGE_WIRE, Plain::Echo, options.time).await?;
        let bare = of_plain(&plain, COURIERS, SMALL_WIRE, Plain::Large(LETTERS as u32), options.time).await?;
        let (cost, rate) = drain(&relay, options.time).await?;
        add("drain", echo, bare, cost, rate, &mut rounds);
        bar.inc(1);
    }
    drop(bar);
    rounds.report(report)
}

/// Frames that carry letters: their cost in microseconds, the plain server's for echoing one and for only sending one.
fn add(what: &str, echo: f64, bare: f64, cost: f64, rate: f64, rounds: &mut Rounds) {
    rounds.add(format!("delivery.{what}.ratio"), "ratio", echo / cost);
    rounds.add(format!("delivery.{what}.cpu"), "us/frame", cost);
    rounds.add(format!("delivery.{what}.echo_cpu"), "us/frame", echo);
    rounds.add(format!("delivery.{what}.send_cpu"), "us/frame", bare);
    rounds.add(format!("delivery.{what}.send_ratio"), "ratio", bare / cost);
    rounds.add(format!("delivery.{what}.rate"), "frames/s", rate);
}

/// Microseconds of the plain server for a frame of its answers.
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
