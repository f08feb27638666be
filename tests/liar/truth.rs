//! What is true: an office, a source with two replies waiting for it, and five batches of letters, of which the note
//! vouches for four.
//!
//! ```text
//! batch 1: four days ago, 3 covers            batch 4: today, reply 2 and 3 covers    <- the note's head
//! batch 2: two days ago, reply 1, 4 covers    batch 5: today, 2 covers
//! batch 3: yesterday, 3 covers
//! ```

use crate::shown::Shown;
use cssr_proto::Day;
use cssr_proto::index::{Batch, Head, letter_genesis};
use cssr_proto::keys::RelaySecretKey;
use cssr_proto::letter::Sealed;
use cssr_tests::caller::Held;
use cssr_tests::courier::CourierAtWork;
use cssr_tests::honest::relay_key;
use cssr_tests::office::{Office, TODAY};
use cssr_tests::people::Source;

/// What the replies say, by number.
pub const REPLIES: [&str; 2] = [include_str!("../../testdata/reply.mixed.txt"), "a second answer"];
const SEED: u8 = 3;

pub struct Truth {
    pub office: Office,
    pub source: Source,
    pub batches: Held,
    /// How many of them the note vouches for.
    pub vouched: usize,
}

pub fn key() -> RelaySecretKey {
    relay_key(SEED)
}

impl Truth {
    pub fn new() -> Self {
        Self::of(Office::new(SEED, key().public()))
    }

    /// An office whose relay has nothing yet.
    pub fn empty() -> Self {
        let office = Office::new(SEED, key().public());
        Self { office, source: Source(5), batches: Held::new(), vouched: 0 }
    }

    /// The same with a courier that does the office's work of courier 2.
    pub fn with_courier() -> (Self, CourierAtWork) {
        let mut office = Office::new(SEED, key().public());
        let courier = CourierAtWork::admit(&mut office, 2);
        (Self::of(office), courier)
    }

    fn of(office: Office) -> Self {
        let mut truth = Self { office, source: Source(5), batches: Held::new(), vouched: 4 };
        truth.arrive(TODAY.minus(4), 3, None);
        truth.arrive(TODAY.minus(2), 4, Some(1));
        truth.arrive(TODAY.minus(1), 3, None);
        truth.arrive(TODAY, 3, Some(2));
        truth.arrive(TODAY, 2, None);
        truth
    }

    fn arrive(&mut self, day: Day, covers: usize, reply: Option<usize>) {
        let mut letters: Vec<Sealed> = (0..covers).map(|_| self.office.cover()).collect();
        letters.extend(reply.map(|number| self.reply(number, day, REPLIES[number - 1])));
        self.batch(day, letters);
    }

    /// Seat 0 answers the source.
    pub fn reply(&mut self, number: usize, written: Day, text: &str) -> Sealed {
        let (key, contact) = self.source.contact();
        self.office.reply(0, number as u64, written, text, (key, &contact))
    }

    /// One more batch.
    pub fn batch(&mut self, day: Day, letters: Vec<Sealed>) {
        self.batches.push(batch_after(&self.head(), day, letters));
    }

    /// The end of the chain.
    pub fn head(&self) -> Head {
        self.batches.last().map_or(genesis(), |(batch, _)| batch.head())
    }

    /// The head that the note names.
    pub fn vouched(&self) -> Head {
        self.vouched.checked_sub(1).map_or(genesis(), |last| self.batches[last].0.head())
    }

    /// What an honest relay shows.
    pub fn shown(&self) -> Shown {
        Shown::honest(self)
    }

    /// The reply with this number, as it is on the relay.
    pub fn waiting(&self, number: usize) -> Sealed {
        let (_, letters) = &self.batches[[1, 3][number - 1]];
        let directory = self.office.directory(TODAY);
        let keys = self.source.keys();
        let scanner = cssr_proto::ClueScanner::new(&keys.auth, &keys.contact, directory.correspondents()).unwrap();
        letters.iter().find(|letter| scanner.check(&letter.id).is_some()).unwrap().clone()
    }
}

pub fn genesis() -> Head {
    Head::genesis(letter_genesis(&key().public()))
}

/// A batch with its letters in its order.
pub fn batch_after(head: &Head, day: Day, mut letters: Vec<Sealed>) -> (Batch, Vec<Sealed>) {
    letters.sort_by_key(|letter| letter.id);
    (Batch::new(head, day, letters.iter().map(|letter| letter.id).collect()).unwrap(), letters)
}
