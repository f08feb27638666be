//! What a store must hold after whatever has happened to it.

use super::super::JournalStore;
use crate::store::conformance::{LIVES, burn_key, chunk, day, envelope, id, letter};
use crate::store::{BurnOutcome, Kind, Put, PutOutcome, Shelf, StatementName, Store as _, StoreError};
use chacha20::ChaCha20Rng;
use cssr_proto::index::{Batch, Head};
use futures_util::future::join_all;
use rand_core::Rng as _;
use std::collections::{BTreeMap, BTreeSet};

/// What was asked of a store, and what it has acknowledged.
#[derive(Default)]
pub(super) struct Model {
    next: u64,
    /// Acknowledged, by seed, with the number of the day.
    stored: BTreeMap<u64, u32>,
    /// Asked for and not acknowledged.
    tried: BTreeSet<u64>,
    burning: BTreeSet<u64>,
    burned: BTreeSet<u64>,
    batches: BTreeMap<(u8, u64), Batch>,
    /// The number of the day that the store was told, and that up to which it has forgotten.
    today: u32,
    expired: u32,
    /// The last statement that was acknowledged, and those tried since.
    statement: Option<u8>,
    statements_tried: Vec<u8>,
}

/// Every third is a chunk.
const fn kind(seed: u64) -> Kind {
    if seed.is_multiple_of(3) { Kind::Chunk } else { Kind::Letter }
}

fn put_of(seed: u64, number: u32) -> Put {
    match kind(seed) {
        Kind::Letter => letter(seed, day(number)),
        Kind::Chunk => chunk(seed, day(number)),
    }
}

impl Model {
    pub(super) fn acknowledged(&self) -> usize {
        self.stored.len()
    }

    /// Asks for something; `Err` once the store has failed.
    pub(super) async fn step(&mut self, store: &JournalStore, rng: &mut ChaCha20Rng) -> Result<(), StoreError> {
        let random = rng.next_u64();
        match random % 16 {
            0..8 => self.puts(store, 1 + random / 16 % 6).await,
            8..11 => self.seal(store, kind(random / 16)).await,
            11 => self.burns(store, rng).await,
            12 => self.put_again(store, rng).await,
            // Often enough for days to expire, and for their space to be used again.
            13..15 => {
                self.expire(store, [0, 1, 4, 9][(random / 16 % 4) as usize]).await?;
                if (random / 64).is_multiple_of(2) { self.begin(store).await } else { Ok(()) }
            }
            _ => self.put_statement(store, random.to_be_bytes()[0]).await,
        }
    }

    async fn puts(&mut self, store: &JournalStore, count: u64) -> Result<(), StoreError> {
        let seeds: Vec<u64> = (self.next..self.next + count).collect();
        self.next += count;
        self.put_all(store, &seeds).await
    }

    /// Something that is there, or may be.
    async fn put_again(&mut self, store: &JournalStore, rng: &mut ChaCha20Rng) -> Result<(), StoreError> {
        let seeds: Vec<u64> = self.stored.keys().chain(&self.tried).copied().collect();
        let Some(index) = rng.next_u64().checked_rem(seeds.len() as u64) else { return Ok(()) };
        let seed = seeds[index as usize];
        if self.burning.contains(&seed) { Ok(()) } else { self.put_all(store, &[seed]).await }
    }

    async fn put_all(&mut self, store: &JournalStore, seeds: &[u64]) -> Result<(), StoreError> {
        self.tried.extend(seeds);
        let puts = join_all(seeds.iter().map(|seed| store.put(put_of(*seed, self.today)))).await;
        let mut result = Ok(());
        for (seed, outcome) in seeds.iter().zip(puts) {
            match outcome {
                // An expired one is new again.
                Ok(PutOutcome::Stored) => drop(self.stored.insert(*seed, self.today)),
                Ok(PutOutcome::Already) => drop(self.stored.entry(*seed).or_insert(self.today)),
                Ok(PutOutcome::Full) => {}
                Ok(PutOutcome::Conflict) => panic!("seed {seed} conflicts with itself"),
                Err(error) => result = Err(error),
            }
        }
        result
    }

    async fn seal(&mut self, store: &JournalStore, kind: Kind) -> Result<(), StoreError> {
        match store.seal(kind).await {
            Ok(Some(batch)) => {
                let before = self.batches.insert((kind.byte(), batch.number()), (*batch).clone());
                assert!(before.is_none(), "a number was given twice");
            }
            Ok(None) | Err(StoreError::NoSpace) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn burns(&mut self, store: &JournalStore, rng: &mut ChaCha20Rng) -> Result<(), StoreError> {
        let random = rng.next_u64();
        let alive = self.stored.iter().filter(|(seed, on)| kind(**seed) == Kind::Chunk && self.is_alive(**on));
        let some: Vec<u64> = alive.map(|(seed, _)| *seed).skip((random % 3) as usize).take(3).collect();
        self.burning.extend(&some);
        let outcomes = join_all(some.iter().map(|seed| store.burn(id(*seed), burn_key(*seed)))).await;
        let mut result = Ok(());
        for (seed, outcome) in some.into_iter().zip(outcomes) {
            match outcome {
                Ok(BurnOutcome::Burned) => drop(self.burned.insert(seed)),
                Ok(other) => panic!("seed {seed}: {other:?}"),
                Err(StoreError::NoSpace) => {}
                Err(error) => result = Err(error),
            }
        }
        result
    }

    async fn expire(&mut self, store: &JournalStore, days: u32) -> Result<(), StoreError> {
        self.today += days;
        match store.expire(day(self.today), LIVES).await {
            Ok(_) => {
                self.expired = self.today;
                self.tried.clear();
                Ok(())
            }
            // Some of it may be.
            Err(StoreError::NoSpace) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn begin(&self, store: &JournalStore) -> Result<(), StoreError> {
        match store.begin(day(self.today)).await {
            Err(StoreError::NoSpace) => Ok(()),
            other => other,
        }
    }

    async fn put_statement(&mut self, store: &JournalStore, byte: u8) -> Result<(), StoreError> {
        self.statements_tried.push(byte);
        match store.put_statement(Shelf::Notes, statement_name(), vec![byte; 700]).await {
            Ok(()) => {
                self.statement = Some(byte);
                self.statements_tried.clear();
                Ok(())
            }
            Err(StoreError::NoSpace) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether what came on a day must still be there.
    fn is_alive(&self, on: u32) -> bool {
        self.today - on <= LIVES.chunks
    }

    fn life(seed: u64) -> u32 {
        match kind(seed) {
            Kind::Letter => LIVES.letters,
            Kind::Chunk => LIVES.chunks,
        }
    }

    /// Everything that was acknowledged is there, and nothing that was destroyed. What is seen must stay from now on.
    pub(super) async fn check(&mut self, store: &JournalStore) {
        for (seed, on) in &self.stored {
            let put = put_of(*seed, self.today);
            let got = store.get(put.kind, None, &[put.id]).await.unwrap().pop().unwrap();
            let life = Self::life(*seed);
            if self.expired - (*on).min(self.expired) > life {
                assert!(got.is_none(), "seed {seed} of day {on} has expired");
            } else if self.today - on > life {
                // Destroying it was not acknowledged.
            } else if self.burned.contains(seed) {
                assert!(got.is_none(), "seed {seed} was burned");
                assert_eq!(store.put(put).await.unwrap(), PutOutcome::Conflict);
                assert_eq!(store.burn(id(*seed), burn_key(*seed)).await.unwrap(), BurnOutcome::Burned);
            } else if !self.burning.contains(seed) {
                assert!(got == Some(envelope(*seed)), "seed {seed} of day {on} is lost");
            }
        }
        for lane in [Kind::Letter, Kind::Chunk] {
            self.check_batches(store, lane).await;
        }
        let statement = store.statement(Shelf::Notes, statement_name()).await.unwrap();
        let allowed = self.statement.iter().chain(&self.statements_tried).map(|byte| Some(vec![*byte; 700]));
        let none = self.statement.is_none().then_some(None);
        assert!(allowed.chain(none).any(|allowed| allowed == statement), "a statement is lost or torn");
        if let Some(seen) = statement.and_then(|statement| statement.first().copied()) {
            self.statement = Some(seen);
            self.statements_tried.clear();
        }
        let damage = store.damage();
        assert_eq!((damage.envelopes, damage.batches), (0, 0));
    }

    async fn check_batches(&mut self, store: &JournalStore, lane: Kind) {
        let life = if lane == Kind::Letter { LIVES.letters } else { LIVES.chunks };
        let there = store.batches_from(lane, 1, usize::MAX).await.unwrap();
        let mut head: Option<Head> = None;
        for batch in &there {
            head = Some(head.map_or_else(|| batch.head(), |head| head.follow(batch).unwrap()));
        }
        let last = store.head(lane).await.unwrap();
        assert!(head.is_none_or(|head| head == last));
        for ((_, number), batch) in self.batches.iter().filter(|((of, _), _)| *of == lane.byte()) {
            assert!(last.number() >= *number, "the chain ends before batch {number}");
            let found = there.iter().find(|found| found.number() == *number);
            assert!(found.is_none_or(|found| **found == *batch), "batch {number} is another");
            assert!(found.is_some() || self.today - (batch.day().0 - day(0).0) > life, "batch {number} is lost");
        }
        self.batches.extend(there.iter().map(|batch| ((lane.byte(), batch.number()), (**batch).clone())));
    }

    /// Everything that is known is listed exactly once in the end.
    pub(super) async fn check_listing(&mut self, store: &JournalStore) {
        let mut listed = BTreeMap::new();
        for lane in [Kind::Letter, Kind::Chunk] {
            while store.pending(lane).await.unwrap().is_some() {
                self.seal(store, lane).await.unwrap();
            }
            for batch in store.batches_from(lane, 1, usize::MAX).await.unwrap() {
                for listed_id in batch.ids() {
                    assert!(listed.insert(*listed_id, lane).is_none(), "an id is listed twice");
                }
            }
        }
        for (seed, _) in self.stored.iter().filter(|(seed, on)| self.today - **on <= Self::life(**seed)) {
            assert_eq!(listed.get(&id(*seed)), Some(&kind(*seed)), "seed {seed} is not listed");
        }
    }
}

fn statement_name() -> StatementName {
    StatementName::new("name").unwrap()
}
