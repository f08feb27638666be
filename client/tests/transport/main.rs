//! How a visit reaches a relay: through a SOCKS5 proxy, over TLS, over links that are cut.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests"
)]

mod cut;
mod forward;
mod reconnect;
#[path = "../relay_support/mod.rs"]
mod relay_support;
mod socks;
mod tls;
mod upgrade;

use cssr_client::ConnectionError;
use cssr_client::source::{self, Error, Event, Patience};
use cssr_client::transport::{DialError, Dialer};
use cssr_client::visit::Report;
use cssr_proto::{Address, SourceKeys};
use relay_support::{Rig, rng};
use std::time::Duration;
use tokio::net::TcpListener;

/// Patience without the waiting.
fn patience(attempts: u32) -> Patience {
    let (first_pause, longest_pause) = (Duration::from_millis(1), Duration::from_millis(4));
    Patience { attempts, first_pause, longest_pause, ..Patience::default() }
}

/// A visit that sends one text, and what it told on the way.
async fn send(
    rig: &Rig,
    (keys, text): (&SourceKeys, &str),
    addresses: &[Address],
    dialer: &Dialer,
    patience: &Patience,
) -> (Result<Report, Error>, Vec<Event>) {
    let plan = rig.plan(keys, vec![relay_support::draft(text)]);
    let mut events = Vec::new();
    let visit = source::visit(plan, addresses, dialer, patience, &mut rng(), |event| events.push(event)).await;
    (visit.map_err(|failure| failure.error), events)
}

/// The error of one attempt to dial.
async fn refused(rig: &Rig, address: &str, dialer: &Dialer) -> DialError {
    let keys = relay_support::some_source();
    let (outcome, _) = send(rig, (&keys, "text"), &[address.parse().unwrap()], dialer, &patience(1)).await;
    match outcome.unwrap_err() {
        Error::Connection(ConnectionError::Dial(error)) => error,
        other => panic!("{other}"),
    }
}

/// A port of this machine on which nobody listens.
async fn nobody() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// Every text that has arrived, sorted, and how many covers came with them.
async fn arrived(rig: &Rig) -> (Vec<String>, usize) {
    rig.handle.seal().await;
    let letters = rig.letters().await;
    let opened = rig.open_as(0, &letters);
    let mut texts: Vec<_> = opened.iter().flatten().map(|opened| relay_support::text_of(opened).to_owned()).collect();
    texts.sort_unstable();
    (texts, opened.iter().filter(|opened| opened.is_none()).count())
}
