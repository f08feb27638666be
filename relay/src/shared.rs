//! What all connections and the sealer share.

use crate::clock::Clock;
use crate::config::{Config, Limits, Sealing};
use crate::counts::Counts;
use crate::index::IndexCache;
use crate::lane::Lane;
use crate::monitor::{Circumstances, Monitor};
use crate::office::{Office, OfficeError};
use crate::sealing::Arrivals;
use crate::shares::{Holder, Holders, Place, Shares};
use crate::store::{Kind, Quotas, Store, StoreError};
use crate::tariff::Tariff;
use crate::today::{ClockJump, DayPassed, NoDay, Today};
use crate::trouble::Trouble;
use crate::works::Works;
use cssr_proto::CourierNumber;
use cssr_proto::keys::RelaySecretKey;
use cssr_proto::session::Announcement;
use cssr_proto::wire_error::ErrorCode;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// One relay, while it runs.
pub(crate) struct Shared<S> {
    pub(crate) store: Arc<S>,
    pub(crate) key: RelaySecretKey,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sealing: Sealing,
    pub(crate) tariff: Tariff,
    pub(crate) limits: Limits,
    pub(crate) today: Today,
    pub(crate) office: Office<S>,
    pub(crate) arrivals: Arrivals,
    pub(crate) index: IndexCache,
    /// Changes with every batch.
    pub(crate) sealed: watch::Sender<u64>,
    pub(crate) counts: Counts,
    pub(crate) monitor: Monitor,
    pub(crate) lane: Lane,
    connections: Arc<Shares>,
    holders: Holders,
    forwarders: Vec<IpAddr>,
    letters: Arc<Shares>,
    chunks: Arc<Shares>,
    publications: Arc<Shares>,
    notes: Arc<Shares>,
    pub(crate) works: Works,
    pub(crate) trouble: Trouble,
    room: Quotas,
    /// Since when the clock is not believed, if it is not.
    doubted: Mutex<Option<Duration>>,
}

/// Why a relay does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The clock is not believed.
    #[error(transparent)]
    Clock(#[from] ClockJump),
    /// The operator vouches for a day that has passed.
    #[error(transparent)]
    Passed(#[from] DayPassed),
    /// The statements in the store are not the configured office's.
    #[error(transparent)]
    Office(#[from] OfficeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<NoDay> for StartError {
    fn from(error: NoDay) -> Self {
        match error {
            NoDay::Jump(jump) => jump.into(),
            NoDay::Passed(passed) => passed.into(),
        }
    }
}

impl<S: Store> Shared<S> {
    pub(crate) async fn new(store: S, config: Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let Config { card, key, sealing, postage, room, limits, forwarders, accept_day } = config;
        let store = Arc::new(store);
        let today = Today::begin(store.latest_day().await?, &*clock, limits.day_jump, accept_day)?;
        let office = Office::load(Arc::clone(&store), card.fingerprint(), key.public()).await?;
        let trouble = Trouble::of(store.is_damaged() || office.is_damaged().await);
        let arrivals = Arrivals::new(sealing.moment(&*clock));
        Ok(Self {
            store,
            key,
            clock,
            sealing,
            tariff: Tariff::new(postage, room),
            limits,
            today,
            office,
            arrivals,
            index: IndexCache::default(),
            sealed: watch::Sender::new(0),
            counts: Counts::default(),
            monitor: Monitor::default(),
            lane: Lane::default(),
            connections: Shares::new(limits.connections),
            holders: Holders::default(),
            forwarders,
            letters: Shares::new(limits.letters_in_flight),
            chunks: Shares::new(limits.chunks_in_flight),
            publications: Shares::new(limits.publications),
            notes: Shares::new(limits.publications),
            works: Works::default(),
            trouble,
            room,
            doubted: Mutex::default(),
        })
    }

    pub(crate) fn announcement(&self) -> Announcement {
        Announcement {
            day: self.today.get(),
            letter_effort: self.effort(Kind::Letter),
            chunk_effort: self.effort(Kind::Chunk),
            in_flight: self.limits.requests_in_flight,
        }
    }

    /// The effort that a post costs now.
    pub(crate) fn effort(&self, kind: Kind) -> u32 {
        self.tariff.effort(kind, self.clock.elapsed())
    }

    /// Who a new connection belongs to, and what it holds while it lasts; `None` if there is no place for it.
    pub(crate) fn enter(&self, peer: SocketAddr, listener: usize, only_way: bool) -> Option<(Holder, Place)> {
        let holder = self.holders.of(peer, &self.forwarders);
        // The only way may be used by all; one of several leaves something to the others, and to who comes directly.
        let is_one_of_several = !only_way || !self.forwarders.is_empty();
        let way = self.holders.way(peer, &self.forwarders, listener).filter(|_| is_one_of_several);
        Some((holder, self.connections.take_by(holder, way)?))
    }

    /// Places for posts that are being made durable.
    pub(crate) const fn in_flight(&self, kind: Kind) -> &Arc<Shares> {
        match kind {
            Kind::Letter => &self.letters,
            Kind::Chunk => &self.chunks,
        }
    }

    /// A place for a publication, by a courier or by anybody; `None` if there is none for it.
    pub(crate) fn place_to_publish(&self, holder: Holder, courier: Option<CourierNumber>) -> Option<Place> {
        // Without a courier's note nobody can send after some days: nobody else may keep it waiting.
        match courier {
            Some(courier) => self.notes.take(Holder::courier(courier)),
            None => self.publications.take(holder),
        }
    }

    /// Takes note that the store did not do something. The peer learns only that.
    pub(crate) fn store_failed(&self, error: &StoreError) -> ErrorCode {
        self.trouble.note(error);
        ErrorCode::StorageFailed
    }

    /// Looks for what should alarm somebody.
    pub(crate) async fn look(&self) {
        let doubted = *self.doubted();
        let now = Circumstances {
            today: self.today.get(),
            elapsed: self.clock.elapsed(),
            doubted,
            found: self.trouble.found(self.room, self.store.free().await),
        };
        self.monitor.look(&self.office.view(), now);
    }

    /// Goes on to the clock's day; tells whether that is another one. A clock that is not believed is told of once.
    pub(crate) fn follow_clock(&self) -> bool {
        let followed = self.today.follow(&*self.clock, self.limits.day_jump);
        let mut doubted = self.doubted();
        if let Err(jump) = &followed
            && doubted.is_none()
        {
            tracing::error!(%jump, "the relay keeps its day");
        }
        // A day of tolerance, for clocks that are set back a little at midnight.
        let waits = self.today.get().since(self.clock.day()) > 1;
        if waits && doubted.is_none() {
            let (day, clock) = (self.today.get(), self.clock.day());
            tracing::error!(%day, %clock, "the clock is behind: nothing expires until it has caught up with the relay's day");
        }
        let since = doubted.unwrap_or_else(|| self.clock.elapsed());
        *doubted = (followed.is_err() || waits).then_some(since);
        followed.unwrap_or(false)
    }

    /// A moment that a panic left behind is whole.
    fn doubted(&self) -> MutexGuard<'_, Option<Duration>> {
        self.doubted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
