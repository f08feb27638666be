//! Bytes from one connection to the other, both ways, until either ends.

use super::ForwardLimits;
use crate::listen::Stream;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Either side closed it, or it broke.
    Closed,
    /// Nothing passed for too long.
    Slow,
    /// No relay could be reached.
    NoRelay,
}

/// When something last passed, in either direction.
struct Activity {
    start: Instant,
    /// Milliseconds after the start.
    last: AtomicU64,
}

/// Hands everything on, beginning with what the client said first, until either side ends or nothing passes any more.
pub(super) async fn splice(client: Stream, relay: TcpStream, first: Vec<u8>, limits: &ForwardLimits) -> Ended {
    let _ = relay.set_nodelay(true);
    let activity = Activity { start: Instant::now(), last: AtomicU64::new(0) };
    let ((from_client, to_client), (from_relay, to_relay)) = (split(client), relay.into_split());
    let out = Pump { activity: &activity, limits }.run(from_client, to_relay, first);
    let back = Pump { activity: &activity, limits }.run(from_relay, to_client, Vec::new());
    tokio::pin!(out, back);
    let both = async {
        tokio::select! {
            ended = &mut out => { ended?; finish(&mut back, limits).await }
            ended = &mut back => { ended?; finish(&mut out, limits).await }
        }
    };
    tokio::select! {
        ended = both => match ended {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Ended::Slow,
            _ => Ended::Closed,
        },
        () = activity.ceases(limits.idle_timeout) => Ended::Slow,
    }
}

/// What is still on its way once the other direction has ended, if it comes soon.
async fn finish(rest: impl Future<Output = io::Result<()>>, limits: &ForwardLimits) -> io::Result<()> {
    timeout(limits.half_open_timeout, rest).await.map_err(|_| io::ErrorKind::TimedOut)?
}

/// One direction.
struct Pump<'a> {
    activity: &'a Activity,
    limits: &'a ForwardLimits,
}

impl Pump<'_> {
    /// Until the source ends, which is handed on too.
    async fn run(
        self,
        mut source: impl AsyncRead + Unpin,
        mut sink: impl AsyncWrite + Unpin,
        first: Vec<u8>,
    ) -> io::Result<()> {
        let mut buffer = first;
        let mut length = buffer.len();
        buffer.resize(self.limits.bytes_in_flight, 0);
        loop {
            let write = async {
                sink.write_all(buffer.get(..length).unwrap_or_default()).await?;
                sink.flush().await
            };
            // Who takes nothing in is not idle as long as it talks; so this is a time of its own.
            timeout(self.limits.idle_timeout, write).await.map_err(|_| io::ErrorKind::TimedOut)??;
            length = source.read(&mut buffer).await?;
            self.activity.note();
            if length == 0 {
                return sink.shutdown().await;
            }
        }
    }
}

impl Activity {
    fn note(&self) {
        let after = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(after, Ordering::Relaxed);
    }

    /// Ends once nothing has passed for so long.
    async fn ceases(&self, after: Duration) {
        loop {
            let last = self.start + Duration::from_millis(self.last.load(Ordering::Relaxed));
            if last.elapsed() >= after {
                return;
            }
            sleep_until(last + after).await;
        }
    }
}
