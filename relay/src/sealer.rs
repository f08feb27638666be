//! The one task that seals batches, turns the day and lets days expire.

use crate::sealing::Moment;
use crate::shared::Shared;
use crate::store::{Kind, Store, StoreError};
use cssr_proto::sizes::BATCH_MAX;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How long the store may take for what is done with each tick. Most of it is done within a second; whole days that expire on a
/// slow disk take longest.
const PATIENCE: Duration = Duration::from_mins(5);

/// What the sealer can be told to do at once; it answers when it is done.
#[derive(Debug)]
pub(crate) enum Command {
    /// Look at the clock now.
    Tick(oneshot::Sender<()>),
    /// Seal everything that waits, due or not.
    SealAll(oneshot::Sender<()>),
}

/// What is to be tried again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    /// Days that have expired are not all destroyed.
    pub(crate) expiry: bool,
    /// The day is not made ready for.
    pub(crate) beginning: bool,
}

/// Runs until the commands end. `due`: what could not be done when the relay started.
pub(crate) async fn run<S: Store>(relay: Arc<Shared<S>>, mut commands: mpsc::Receiver<Command>, mut due: Due) {
    loop {
        let until = relay.clock.elapsed() + relay.sealing.tick();
        let command = tokio::select! {
            () = relay.clock.sleep_until(until) => None,
            command = commands.recv() => match command {
                None => return,
                Some(command) => Some(command),
            },
        };
        let (all, answer) = match command {
            None => (false, None),
            Some(Command::Tick(answer)) => (false, Some(answer)),
            Some(Command::SealAll(answer)) => (true, Some(answer)),
        };
        watched(&relay, tick(&relay, all, &mut due)).await;
        if let Some(answer) = answer {
            // Who asked may have gone.
            let _ = answer.send(());
        }
    }
}

/// A disk that hangs reports no error: who waits for it would never say so.
async fn watched<S: Store>(relay: &Shared<S>, work: impl Future<Output = ()>) {
    let mut work = pin!(work);
    tokio::select! {
        biased;
        () = &mut work => return,
        () = relay.clock.sleep_until(relay.clock.elapsed() + PATIENCE) => relay.monitor.hangs(),
    }
    work.await;
}

async fn tick<S: Store>(relay: &Shared<S>, all: bool, due: &mut Due) {
    // Not each time that an expiry is tried again: what waits is counted, too.
    let mut counts = relay.follow_clock();
    if counts {
        *due = Due { expiry: true, beginning: true };
        relay.counts.report();
        relay.trouble.turn_day();
    }
    for kind in [Kind::Letter, Kind::Chunk] {
        match seal(relay, kind, all).await {
            Ok(looked) => relay.arrivals.looked(kind, looked),
            // What was due is due still.
            Err(error) => relay.trouble.note_own(&error),
        }
    }
    // Even if sealing failed: forgetting matters more. Again and again until it has been done.
    if due.expiry {
        match expire(relay).await {
            Ok(()) => (due.expiry, counts) = (false, true),
            Err(error) => relay.trouble.note_own(&error),
        }
    }
    if counts && let Err(error) = count(relay).await {
        relay.trouble.note_own(&error);
    }
    // Afterwards, so that it has the space of a day that has expired. Also for as long as the store has none: nobody need come
    // for it to find that there is some again.
    if due.beginning || relay.store.free().await == Some(0) {
        due.beginning = begin(relay).await;
    }
    relay.look().await;
}

/// Seals what is due, of the oldest day first, as the store does; with `all` what is not due either. When it was looked last.
async fn seal<S: Store>(relay: &Shared<S>, kind: Kind, all: bool) -> Result<Moment, StoreError> {
    let mut due = all;
    let mut now = relay.sealing.moment(&*relay.clock);
    while let Some(pending) = relay.store.pending(kind).await? {
        now = relay.sealing.moment(&*relay.clock);
        // What waits since an earlier day came in an earlier period, or before the relay started.
        let (oldest, before) = relay.arrivals.oldest(kind, now);
        let is_over = pending.day < relay.today.get();
        if !(is_over || due || relay.sealing.is_due(pending.count, oldest, before, now)) {
            return Ok(now);
        }
        // What comes while it seals is noted anew.
        relay.arrivals.forget(kind);
        let sealed = relay.store.seal(kind).await.inspect_err(|_| relay.arrivals.remember(kind, oldest))?;
        let Some(batch) = sealed else { break };
        relay.index.sealed(kind, batch.day());
        relay.sealed.send_modify(|sealed| *sealed = sealed.wrapping_add(1));
        relay.monitor.sealed(kind, batch.ids().len(), relay.counts.totals());
        relay.trouble.sealed(kind, batch.ids().len());
        relay.tariff.sealed(kind, relay.clock.elapsed());
        tracing::debug!(?kind, number = batch.number(), ids = batch.ids().len(), "sealed a batch");
        if !is_over {
            // What has come meanwhile is not due, and there might be no end of it.
            if batch.ids().len() < BATCH_MAX {
                return Ok(now);
            }
            due = true;
        }
    }
    // What was noted was there already, or was refused. It must not make a later one seem to have waited.
    relay.arrivals.forget(kind);
    Ok(now)
}

/// Lets days expire; also when the relay starts.
pub(crate) async fn expire<S: Store>(relay: &Shared<S>) -> Result<(), StoreError> {
    let today = relay.today.get();
    let days = relay.store.expire(today, relay.office.lives()).await;
    relay.index.clear();
    let forgotten = relay.office.forget(today).await;
    let expired = days?;
    forgotten?;
    tracing::info!(%today, expired, "what is older than its life is destroyed");
    Ok(())
}

/// Counts what there is, when days have expired; also when the relay starts.
pub(crate) async fn count<S: Store>(relay: &Shared<S>) -> Result<(), StoreError> {
    for kind in [Kind::Letter, Kind::Chunk] {
        let batches = relay.store.batches_from(kind, 1, usize::MAX).await?;
        let listed = batches.iter().map(|batch| batch.ids().len() as u64).sum();
        relay.trouble.listed(kind, listed);
        let waiting = relay.store.pending(kind).await?.map_or(0, |pending| pending.count);
        relay.tariff.count(kind, listed + waiting as u64);
    }
    Ok(())
}

/// Makes ready for today; also when the relay starts. Whether it is to be tried again, which it is for as long as there is no
/// space: envelopes are taken all the same.
pub(crate) async fn begin<S: Store>(relay: &Shared<S>) -> bool {
    match relay.store.begin(relay.today.get()).await {
        Ok(()) => false,
        Err(error) => {
            relay.trouble.note_own(&error);
            error == StoreError::NoSpace
        }
    }
}
