//! A store whose writes can be held up or made to fail, and that counts what is asked of it.

use crate::client::{envelope, id};
use cssr_proto::index::{Batch, Head};
use cssr_proto::parcel::BurnKey;
use cssr_proto::{Day, Envelope, EnvelopeId};
use cssr_relay::store::{BurnOutcome, Kind, Lives, Pending, Put, PutOutcome, Shelf, StatementName, Store, StoreError};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::watch;

pub struct Gate<S>(Arc<Inner<S>>);

pub struct Inner<S> {
    store: S,
    closes: bool,
    open: watch::Sender<bool>,
    /// Puts that have come to the gate.
    pub puts: watch::Sender<usize>,
    /// Statements, likewise.
    pub statements: watch::Sender<usize>,
    pub failing: AtomicBool,
    /// Whether it answers nobody who asks what waits.
    pub hangs: watch::Sender<bool>,
    /// How many statements are removed before the next one finds no space for that, once.
    pub removes: AtomicUsize,
    /// Envelopes that were read for couriers and sources.
    pub reads: AtomicUsize,
    /// How many letters more come, one while each batch is sealed.
    pub comes_beside_seals: AtomicUsize,
}

impl<S: Store> Gate<S> {
    /// A store that stays open when the relay closes it, so that the test can give it to another.
    pub fn new(store: S) -> Self {
        Self::with(store, false)
    }

    /// A store that the relay closes.
    pub fn closing(store: S) -> Self {
        Self::with(store, true)
    }

    fn with(store: S, closes: bool) -> Self {
        let (open, puts) = (watch::Sender::new(true), watch::Sender::new(0));
        let (failing, reads) = (AtomicBool::new(false), AtomicUsize::new(0));
        let removes = AtomicUsize::new(usize::MAX);
        let statements = watch::Sender::new(0);
        let hangs = watch::Sender::new(false);
        let comes_beside_seals = AtomicUsize::new(0);
        Self(Arc::new(Inner {
            store,
            closes,
            open,
            puts,
            statements,
            failing,
            hangs,
            removes,
            reads,
            comes_beside_seals,
        }))
    }

    /// From now on puts wait, and statements.
    pub fn shut(&self) {
        self.0.open.send_replace(false);
    }

    pub fn open(&self) {
        self.0.open.send_replace(true);
    }

    /// Waits until so many puts have come in all.
    pub async fn puts(&self, number: usize) {
        self.0.puts.subscribe().wait_for(|puts| *puts >= number).await.unwrap();
    }

    /// Waits until so many statements have come in all.
    pub async fn statements(&self, number: usize) {
        self.0.statements.subscribe().wait_for(|statements| *statements >= number).await.unwrap();
    }

    pub fn store(&self) -> &S {
        &self.0.store
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.0.failing.load(Ordering::Relaxed) { Err(StoreError::Failed("the disk is gone".into())) } else { Ok(()) }
    }
}

impl<S> Clone for Gate<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> Deref for Gate<S> {
    type Target = Inner<S>;
    fn deref(&self) -> &Inner<S> {
        &self.0
    }
}

impl<S: Store> Store for Gate<S> {
    async fn put(&self, put: Put) -> Result<PutOutcome, StoreError> {
        self.0.puts.send_modify(|puts| *puts += 1);
        self.0.open.subscribe().wait_for(|open| *open).await.unwrap();
        self.check()?;
        self.0.store.put(put).await
    }

    async fn get(&self, kind: Kind, day: Option<Day>, ids: &[EnvelopeId]) -> Result<Vec<Option<Envelope>>, StoreError> {
        self.0.reads.fetch_add(ids.len(), Ordering::Relaxed);
        self.0.store.get(kind, day, ids).await
    }

    async fn letters(
        &self,
        day: Day,
        first: u64,
        count: usize,
    ) -> Result<Vec<Option<(EnvelopeId, Envelope)>>, StoreError> {
        self.0.reads.fetch_add(count, Ordering::Relaxed);
        self.0.store.letters(day, first, count).await
    }

    async fn have(&self, ids: &[EnvelopeId]) -> Result<Vec<bool>, StoreError> {
        self.0.store.have(ids).await
    }

    async fn burn(&self, id: EnvelopeId, key: BurnKey) -> Result<BurnOutcome, StoreError> {
        self.check()?;
        self.0.store.burn(id, key).await
    }

    async fn pending(&self, kind: Kind) -> Result<Option<Pending>, StoreError> {
        self.0.hangs.subscribe().wait_for(|hangs| !hangs).await.unwrap();
        self.0.store.pending(kind).await
    }

    async fn seal(&self, kind: Kind) -> Result<Option<Arc<Batch>>, StoreError> {
        self.check()?;
        let sealed = self.0.store.seal(kind).await;
        let comes = |left: usize| left.checked_sub(1);
        if kind == Kind::Letter
            && let Ok(number) = self.0.comes_beside_seals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, comes)
        {
            let day = self.0.store.latest_day().await?;
            let envelope = Envelope::from_slice(&envelope(number as u64)).unwrap();
            let id = id(1_000_000 + number as u64);
            self.0.store.put(Put { day, kind, id, burn: None, envelope }).await?;
        }
        sealed
    }

    async fn batches(&self, kind: Kind, day: Day) -> Result<Vec<Arc<Batch>>, StoreError> {
        self.0.store.batches(kind, day).await
    }

    async fn batches_from(&self, kind: Kind, number: u64, max: usize) -> Result<Vec<Arc<Batch>>, StoreError> {
        self.0.store.batches_from(kind, number, max).await
    }

    async fn head(&self, kind: Kind) -> Result<Head, StoreError> {
        self.0.store.head(kind).await
    }

    async fn latest_day(&self) -> Result<Day, StoreError> {
        self.0.store.latest_day().await
    }

    async fn expire(&self, today: Day, lives: Lives) -> Result<usize, StoreError> {
        self.0.store.expire(today, lives).await
    }

    async fn begin(&self, day: Day) -> Result<(), StoreError> {
        self.check()?;
        self.0.store.begin(day).await
    }

    async fn cover(&self) {
        self.0.store.cover().await;
    }

    async fn put_statement(&self, shelf: Shelf, name: StatementName, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.0.statements.send_modify(|statements| *statements += 1);
        self.0.open.subscribe().wait_for(|open| *open).await.unwrap();
        self.check()?;
        self.0.store.put_statement(shelf, name, bytes).await
    }

    async fn statement(&self, shelf: Shelf, name: StatementName) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.store.statement(shelf, name).await
    }

    async fn statements(&self, shelf: Shelf) -> Result<Vec<StatementName>, StoreError> {
        self.0.store.statements(shelf).await
    }

    async fn delete_statement(&self, shelf: Shelf, name: StatementName) -> Result<bool, StoreError> {
        self.check()?;
        // At 0 it becomes the largest number.
        if self.0.removes.fetch_sub(1, Ordering::Relaxed) == 0 {
            return Err(StoreError::NoSpace);
        }
        self.0.store.delete_statement(shelf, name).await
    }

    fn is_damaged(&self) -> bool {
        self.0.store.is_damaged()
    }

    async fn free(&self) -> Option<u64> {
        self.0.store.free().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        if self.0.closes { self.0.store.close().await } else { Ok(()) }
    }
}
