//! A source, as far as the relay sees it.

use super::client::Client;
use super::cpu;
use super::engine::Letters;
use super::failure::RelayFailure;
use super::load::Worker;
use super::office::GROUP;
use cssr_proto::EnvelopeId;
use cssr_proto::index::Group;
use cssr_proto::postage::Challenge;
use cssr_proto::request::{Post, Request};
use cssr_proto::response::Response;
use cssr_proto::session::HandshakeHash;
use cssr_proto::wire_error::ErrorCode;
use getrandom::SysRng;
use rand_core::{Rng as _, UnwrapErr};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Letters of a visit, and days of the index that it asks for.
const ROUNDS: usize = 2;
const DAYS: u32 = 15;
/// Letters that are listed at the relay at least.
pub(super) const LISTED: u64 = 2_000;

/// Somebody who makes one visit after the other, with work if it is asked for. The work is counted apart: what it costs is
/// known, and it is done on a telephone.
pub(super) struct Visitor {
    address: SocketAddr,
    letters: Letters,
    rest: Duration,
    pub(super) acknowledged: Vec<EnvelopeId>,
    /// What the work of each visit took.
    pub(super) worked: Vec<Duration>,
    /// Visits in which a letter was not taken, and that would be made again.
    pub(super) refused: u64,
}

impl Visitor {
    /// One that rests so long between its visits, at a relay with [`LISTED`] letters.
    pub(super) fn new(address: SocketAddr, rest: Duration) -> Self {
        let (acknowledged, worked) = (Vec::new(), Vec::new());
        Self { address, letters: Letters::new(), rest, acknowledged, worked, refused: 0 }
    }

    async fn visit(&mut self) -> Result<(), RelayFailure> {
        let mut client = Client::connect(self.address).await?;
        let today = client.day();
        for request in [Request::Directory, Request::Note] {
            client.ask(request).await?;
        }
        for age in 0..DAYS {
            let Response::Index(_) = client.ask(Request::Index(today.minus(age))).await? else {
                return Err(RelayFailure::wrong("an index was refused"));
            };
        }
        let begun = Instant::now();
        let mut posts = Vec::new();
        for _ in 0..ROUNDS {
            let (id, bytes) = self.letters.next();
            let session = HandshakeHash::from_bytes(*client.handshake_hash());
            let (challenge, effort, envelope) = (Challenge::letter(&session, &id), client.letter_effort(), *bytes);
            let solved = move || {
                // On a telephone, in truth.
                cpu::take_the_rest();
                challenge.solve(effort, u32::MAX, &mut UnwrapErr(SysRng))
            };
            let postage = tokio::task::spawn_blocking(solved).await.ok().flatten();
            let postage = postage.ok_or_else(|| RelayFailure::wrong("the postage was not found"))?;
            posts.push((id, Post::letter(id, postage, &envelope)));
        }
        self.worked.push(begun.elapsed());
        let mut refused = false;
        for (id, post) in posts {
            match client.ask(Request::Post(post)).await? {
                Response::Posted => self.acknowledged.push(id),
                Response::Error(error) if error.code == ErrorCode::Busy => refused = true,
                other => return Err(RelayFailure::Wrong(format!("a letter was answered with {other:?}"))),
            }
            let number = UnwrapErr(SysRng).next_u32() % (LISTED / GROUP) as u32;
            let Response::Group(_) = client.ask(Request::Group(Group { day: today, number })).await? else {
                return Err(RelayFailure::wrong("a group was refused"));
            };
        }
        self.refused += u64::from(refused);
        Ok(())
    }
}

impl Worker for Visitor {
    async fn work(&mut self) -> Result<u64, RelayFailure> {
        self.visit().await?;
        Ok(1)
    }

    fn not_counted(&self) -> Duration {
        self.worked.last().copied().unwrap_or_default()
    }

    async fn rest(&mut self) {
        tokio::time::sleep(self.rest).await;
    }
}
