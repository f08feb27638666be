//! From a listener to connections, and back to none.

use crate::clock::Clock;
use crate::config::Config;
use crate::connection;
use crate::counts::End;
use crate::cover;
use crate::listen::{Accepted, Listeners, Stream};
use crate::monitor::Monitor;
use crate::sealer::{self, Command, Due};
use crate::shared::{Shared, StartError};
use crate::shares::Holder;
use crate::store::{Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How long to wait when no connection can be accepted, which is when the process has too many files open: less would
/// only burn the processor until some are closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long what is stored for nobody any more may take at the end, when there is no time left.
const LAST_WORKS: Duration = Duration::from_secs(2);

/// Why a relay stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// It did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The task that lists batches and destroys what has expired has failed. What was acknowledged is safe.
    #[error(
        "a fault of the program has ended what lists batches and destroys what has expired; nothing is served without it, start the relay again"
    )]
    Sealer,
    /// The store could not be closed in good order. What was acknowledged is safe.
    #[error("the store could not be closed in good order: {0}")]
    Close(#[source] StoreError),
}

/// Serves until `shutdown` ends, then answers what is in flight, closes the store and returns.
///
/// ```no_run
/// # use cssr_relay::{Config, SystemClock, run, store::MemoryStore};
/// # async fn serve(store: MemoryStore, config: Config) -> Result<(), Box<dyn std::error::Error>> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let shutdown = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
/// run(listener, store, config, std::sync::Arc::new(SystemClock::new()), shutdown).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// See [`RunError`].
pub async fn run<S: Store>(
    listener: impl Into<Listeners>,
    store: S,
    config: Config,
    clock: Arc<dyn Clock>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let (relay, _) = Relay::start(store, config, clock).await?;
    relay.serve(listener, shutdown).await
}

/// A relay that has taken up what its store holds. For most cases use [`run`].
pub struct Relay<S> {
    shared: Arc<Shared<S>>,
    commands: mpsc::Receiver<Command>,
    due: Due,
    /// Keeps the sealer's commands open when nobody else has a handle.
    handle: Handle,
}

/// Tells a running relay what to do, for tests and for trying out.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
}

impl<S: Store> Relay<S> {
    /// Takes up what the store holds, and destroys what has expired meanwhile.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(store: S, config: Config, clock: Arc<dyn Clock>) -> Result<(Self, Handle), StartError> {
        let shared = Arc::new(Shared::new(store, config, clock).await?);
        let expiry = match sealer::expire(&shared).await {
            Ok(()) => false,
            // What there is can be read all the same, and it is tried again.
            Err(error @ StoreError::NoSpace) => {
                shared.trouble.note_own(&error);
                true
            }
            Err(error) => return Err(error.into()),
        };
        sealer::count(&shared).await?;
        let due = Due { expiry, beginning: sealer::begin(&shared).await };
        shared.look().await;
        let (sender, commands) = mpsc::channel(1);
        let handle = Handle { commands: sender };
        Ok((Self { shared, commands, due, handle: handle.clone() }, handle))
    }

    /// What may be told of it while it runs.
    #[must_use]
    pub fn monitor(&self) -> Monitor {
        self.shared.monitor.clone()
    }

    /// Serves until `shutdown` ends, then answers what is in flight, closes the store and returns.
    ///
    /// # Errors
    /// [`RunError::Close`], [`RunError::Sealer`].
    pub async fn serve(
        self,
        listener: impl Into<Listeners>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), RunError> {
        let Self { shared, commands, due, handle: _handle } = self;
        let mut listeners = listener.into();
        let only_way = listeners.is_one_of_this_machine();
        let mut sealer = tokio::spawn(sealer::run(Arc::clone(&shared), commands, due));
        let cover = tokio::spawn(cover::run(Arc::clone(&shared.store)));
        let (stop, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        tokio::pin!(shutdown);
        let has_failed = loop {
            tokio::select! {
                () = &mut shutdown => break false,
                // It goes on for as long as there is a handle, which there is.
                _ = &mut sealer => break true,
                accepted = listeners.accept() => match accepted {
                    Ok(Accepted { stream, peer, listener }) => match shared.enter(peer, listener, only_way) {
                        Some((holder, place)) => {
                            let (shared, stopped) = (Arc::clone(&shared), stopped.clone());
                            connections.spawn(async move {
                                connect(shared, stream, holder, stopped).await;
                                drop(place);
                            });
                        }
                        None => shared.counts.turned_away(),
                    },
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                Some(_) = connections.join_next() => {}
            }
        };
        drop(listeners);
        // Every connection holds a receiver, or has ended.
        let _ = stop.send(true);
        let ended = async { while connections.join_next().await.is_some() {} };
        let until = Instant::now() + shared.limits.shutdown_timeout;
        if tokio::time::timeout_at(until, ended).await.is_err() {
            // How many were there at a moment is nobody's business, nor is it in the log otherwise.
            tracing::warn!("connections did not end in time and are cut");
            connections.shutdown().await;
        }
        // What was posted last may have nobody left who waits for it.
        let until = until.max(Instant::now() + LAST_WORKS);
        let _ = tokio::time::timeout_at(until, shared.works.finished()).await;
        for task in [(!has_failed).then_some(sealer), Some(cover)].into_iter().flatten() {
            task.abort();
            // Cancelled, as was asked for; there is no other result.
            let _ = task.await;
        }
        let closed = shared.store.close().await.map_err(RunError::Close);
        if has_failed { Err(RunError::Sealer) } else { closed }
    }
}

async fn connect<S: Store>(shared: Arc<Shared<S>>, stream: Stream, holder: Holder, stopped: watch::Receiver<bool>) {
    // Messages are whole frames: waiting to fill a segment would only add delay. Without it the relay works too.
    let _ = stream.set_nodelay(true);
    let end: End = connection::run(&shared, stream, holder, stopped).await;
    shared.counts.ended(end);
}

impl Handle {
    /// Looks at the clock now: turns the day, lets days expire and seals what is due. Returns when it is done, also if
    /// the relay has stopped.
    pub async fn tick(&self) {
        self.tell(Command::Tick).await;
    }

    /// Seals everything that waits, due or not. Returns when it is done, also if the relay has stopped.
    pub async fn seal(&self) {
        self.tell(Command::SealAll).await;
    }

    async fn tell(&self, command: impl FnOnce(oneshot::Sender<()>) -> Command) {
        let (answer, answered) = oneshot::channel();
        if self.commands.send(command(answer)).await.is_ok() {
            // An error means that the relay has stopped meanwhile.
            let _ = answered.await;
        }
    }
}

impl<S> std::fmt::Debug for Relay<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Relay(..)")
    }
}
