//! Clients that want to hurt: each does one kind of thing as fast as it is let, and comes back when it is thrown out.

use super::client::{Client, websocket};
use super::engine::today;
use super::failure::RelayFailure;
use cssr_proto::frame::{EnvelopeKind, Fields, Frame, Head};
use cssr_proto::index::Group;
use cssr_proto::parcel::BurnKey;
use cssr_proto::postage::Postage;
use cssr_proto::request::{Post, Request};
use cssr_proto::sizes::ENVELOPE;
use cssr_proto::{EnvelopeId, List};
use futures_util::SinkExt as _;
use getrandom::SysRng;
use rand_core::{Rng as _, UnwrapErr};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

/// Requests that are sent before their answers are taken in: as many as a relay refuses before it makes one wait.
const BURST: usize = 8;
/// Bursts after which a session is given up for another: at once, if it would have to wait.
const REFUSED: usize = 1;
const GRANTED: usize = 256;
/// How long one waits who cannot even connect.
const PAUSE: Duration = Duration::from_millis(20);
/// How long one holds what it does not use.
const HELD: Duration = Duration::from_secs(5);

/// What they have done, all together.
#[derive(Debug, Default)]
pub(super) struct Done {
    requests: AtomicU64,
    /// What the relay has acknowledged, though it came from them.
    acknowledged: Mutex<Vec<(EnvelopeKind, EnvelopeId)>>,
}

impl Done {
    fn count(&self, requests: usize) {
        self.requests.fetch_add(requests as u64, Ordering::Relaxed);
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn acknowledged(&self) -> Vec<(EnvelopeKind, EnvelopeId)> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What one does.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Posts letters, without any work.
    Letters,
    /// Posts chunks, likewise.
    Chunks,
    /// Posts the same letter again and again.
    Again,
    /// Asks for groups, for chunks that do not exist, and burns them.
    Requests,
    /// Asks for the index and takes nothing of it in.
    Deaf,
    /// Greets, and goes.
    Greetings,
    /// Sends frames that mean nothing.
    Malformed,
    /// Sends bytes that are no WebSocket, and messages that are too large.
    Noise,
    /// Connects, and says nothing.
    Silent,
    /// Asks for the index and takes it in.
    Index,
}

const KINDS: [Kind; 10] = [
    Kind::Letters,
    Kind::Chunks,
    Kind::Again,
    Kind::Requests,
    Kind::Deaf,
    Kind::Greetings,
    Kind::Malformed,
    Kind::Noise,
    Kind::Silent,
    Kind::Index,
];

/// Lets so many of them do what they do until nobody listens; counts what they did.
pub(super) async fn attack(to: SocketAddr, count: usize, done: &Arc<Done>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for kind in KINDS.into_iter().cycle().take(count) {
        let done = Arc::clone(done);
        tasks.spawn(async move {
            loop {
                if once(kind, to, &done).await.is_err() {
                    // Thrown out, as was to be expected; or not let in.
                    tokio::time::sleep(PAUSE).await;
                }
            }
        });
    }
    tasks
}

async fn once(kind: Kind, to: SocketAddr, done: &Done) -> Result<(), RelayFailure> {
    match kind {
        Kind::Silent => {
            let _silent = TcpStream::connect(to).await?;
            tokio::time::sleep(HELD).await;
        }
        Kind::Noise => {
            let mut noise = vec![0; 64 * 1_024];
            UnwrapErr(SysRng).fill_bytes(&mut noise);
            let mut stream = TcpStream::connect(to).await?;
            stream.write_all(&noise).await?;
            let mut socket = websocket(to).await?;
            socket.send(Message::Binary(vec![7; 1 << 20].into())).await?;
        }
        Kind::Greetings => drop(Client::connect(to).await?),
        Kind::Malformed => {
            let mut client = Client::connect(to).await?;
            let head = Head { kind: 0x77, request: 1, part: 1, parts: 2 };
            let frame = Frame::large(head, &Fields::NONE, &[9; ENVELOPE]).map_err(RelayFailure::wrong)?;
            client.send_frame(&frame).await?;
            client.swallow(1).await?;
        }
        Kind::Deaf => {
            let mut client = Client::connect(to).await?;
            for _ in 0..BURST {
                client.send(Request::Index(today())).await?;
            }
            tokio::time::sleep(HELD).await;
        }
        Kind::Index => {
            let mut client = Client::connect(to).await?;
            for _ in 0..BURST {
                client.ask(Request::Index(today())).await?;
                done.count(1);
            }
        }
        Kind::Letters | Kind::Chunks | Kind::Again | Kind::Requests => flood(kind, to, done).await?,
    }
    done.count(1);
    Ok(())
}

/// Bursts of requests with answers of known length.
async fn flood(kind: Kind, to: SocketAddr, done: &Done) -> Result<(), RelayFailure> {
    let mut client = Client::connect(to).await?;
    // Not `Letters`: those begin anew in each process, and the honest post them.
    let id = || EnvelopeId::random(&mut UnwrapErr(SysRng));
    let again = id();
    let mut posted = Vec::new();
    let bursts = if matches!(kind, Kind::Requests) { GRANTED } else { REFUSED };
    for number in 0..bursts * BURST {
        let random = UnwrapErr(SysRng).next_u32();
        let request = match kind {
            Kind::Letters => Request::Post(Post::letter(id(), Postage::FREE, &[4; ENVELOPE])),
            Kind::Chunks => Request::Post(Post::chunk(id(), [1; 32], Postage::FREE, &[4; ENVELOPE])),
            Kind::Again => Request::Post(Post::letter(again, Postage::FREE, &[5; ENVELOPE])),
            _ => match number % 4 {
                0 => Request::Group(Group { day: today(), number: random % 500 }),
                1 => Request::Fetch(id()),
                2 => Request::Have(List::new(vec![again]).map_err(RelayFailure::wrong)?),
                _ => Request::Burn { id: again, key: *BurnKey::from_bytes([3; 32]).as_bytes() },
            },
        };
        if let Request::Post(post) = &request {
            posted.push((post.kind(), *post.id()));
        }
        client.send(request).await?;
        if number % BURST == BURST - 1 {
            if posted.is_empty() {
                // Groups have four frames, the rest one; what is not taken in now is taken in after the next burst.
                client.swallow(BURST).await?;
            }
            for post in posted.drain(..) {
                if !client.is_refused().await? {
                    done.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).push(post);
                }
            }
            done.count(BURST);
        }
    }
    Ok(())
}
