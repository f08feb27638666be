//! Every sector and every block of every file: a bit of it is flipped, or it is torn, which leaves zeros or what was there
//! before.

use super::super::check::check_on;
use super::super::disk::Disk as _;
use super::super::record::RECORD;
use super::super::{JournalConfig, JournalStore};
use super::power::{block_on, open};
use super::sim::Sim;
use crate::store::conformance::{AMPLE, LIVES, burn_key, chunk, day, envelope, id, letter, relay_key, stored};
use crate::store::findings::Findings;
use crate::store::{BurnOutcome, Kind, Shelf, StatementName, Store as _, StoreError};
use cssr_proto::index::Batch;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SECTOR: usize = 512;
/// Sectors of a block, and of a record.
const BLOCK: u64 = 8;
const OF_RECORD: u64 = (RECORD / SECTOR) as u64;
const TODAY: u32 = 20;
const LISTED: [u64; 2] = [0, 1];
const WAITING: u64 = 2;
const CHUNKS: [u64; 2] = [100, 102];
const BURNED: u64 = 101;
const STATEMENT: [u8; 700] = [7; 700];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    Flip,
    Zeros,
    /// As before the file was written, or what another file had left there.
    Old,
}

/// A store of which every file is small, but for the space of its journals: letters of one day in the space of another, in
/// which its records still are; and chunks.
struct Small {
    sim: Sim,
    /// The journal of letters before today.
    before: Vec<u8>,
    batches: Vec<Arc<Batch>>,
}

impl Small {
    async fn new() -> Self {
        let sim = Sim::new(0);
        let store = open(&sim, 0).unwrap();
        for seed in 10..40 {
            stored(&store, letter(seed, day(0))).await;
        }
        store.seal(Kind::Letter).await.unwrap();
        assert_eq!(store.expire(day(TODAY), LIVES).await.unwrap(), 1);
        let before = sim.read("/store/spare/letters".as_ref());
        for seed in LISTED {
            stored(&store, letter(seed, day(TODAY))).await;
            stored(&store, chunk(CHUNKS[0] + seed, day(TODAY))).await;
        }
        store.seal(Kind::Letter).await.unwrap();
        store.seal(Kind::Chunk).await.unwrap();
        assert_eq!(store.burn(id(BURNED), burn_key(BURNED)).await.unwrap(), BurnOutcome::Burned);
        stored(&store, letter(WAITING, day(TODAY))).await;
        stored(&store, chunk(CHUNKS[1], day(TODAY))).await;
        store.put_statement(Shelf::Notes, statement(), STATEMENT.to_vec()).await.unwrap();
        let batches = batches(&store).await;
        assert_eq!(batches.len(), 2);
        store.close().await.unwrap();
        drop(store);
        Self { sim, before, batches }
    }

    fn without_index(&self) -> Self {
        let sim = self.sim.copy();
        let indexes: Vec<_> = sim.files().into_iter().filter(|path| path.ends_with("index")).collect();
        assert_eq!(indexes.len(), 2);
        indexes.iter().for_each(|path| sim.remove(path).unwrap());
        Self { sim, before: self.before.clone(), batches: self.batches.clone() }
    }

    /// Positions of a journal at which something of today stands, and all others.
    fn positions(&self, path: &Path) -> (Vec<u64>, Vec<u64>) {
        let (bytes, all) = (self.sim.read(path), self.sim.sectors(path) / OF_RECORD);
        let record = |bytes: &[u8], n: u64| -> Option<[u8; 24]> {
            bytes.get(n as usize * RECORD..).unwrap_or_default().first_chunk().copied()
        };
        let old = |n| if path == letters() { record(&self.before, n) } else { None };
        (0..all).partition(|n| record(&bytes, *n).is_some_and(|now| now != [0; 24] && Some(now) != old(*n)))
    }

    fn harm(&self, sim: &Sim, path: &Path, sectors: impl IntoIterator<Item = u64>, harm: Harm) {
        let before = |number: u64| {
            // What is no journal has blocks that anything may have been in.
            let at =
                if path == letters() || path == chunks() { number } else { self.some_record() + number % OF_RECORD };
            let before = if path == chunks() { None } else { self.before.get(at as usize * SECTOR..) };
            before.and_then(|bytes| bytes.first_chunk()).copied().unwrap_or([0; SECTOR])
        };
        sim.change_sectors(path, sectors, |number, bytes| match harm {
            Harm::Flip => bytes[number as usize * 37 % SECTOR] ^= 1 << (number % 8),
            Harm::Zeros => bytes.fill(0),
            Harm::Old => *bytes = before(number),
        });
    }

    /// The first sector of a record of the day before.
    fn some_record(&self) -> u64 {
        self.before.chunks(RECORD).position(|record| record[..8] != [0; 8]).unwrap() as u64 * OF_RECORD
    }

    /// Nothing is served that is wrong. Gives what of it all is not served.
    async fn missing(&self, store: &JournalStore) -> Vec<u64> {
        let letters = LISTED.into_iter().chain([WAITING]).map(|seed| (Kind::Letter, seed));
        let mut missing = Vec::new();
        for (kind, seed) in letters.chain(CHUNKS.map(|seed| (Kind::Chunk, seed))) {
            match store.get(kind, None, &[id(seed)]).await.as_deref() {
                Ok([Some(found)]) => assert_eq!(*found, envelope(seed)),
                Ok([None]) | Err(StoreError::Unreadable(_)) => missing.push(seed),
                other => panic!("{other:?}"),
            }
        }
        let burned = store.get(Kind::Chunk, None, &[id(BURNED)]).await;
        assert!(matches!(burned.as_deref(), Ok([None]) | Err(StoreError::Unreadable(_))), "{burned:?}");
        assert_eq!(batches(store).await, self.batches, "of each there is another copy");
        missing
    }

    /// Harms a copy, and lets it go on. At most one envelope may be lost, and only with a record.
    async fn survives(&self, path: &Path, sectors: &[u64], harm: Harm, is_record: bool) {
        let what = format!("{path:?}, {harm:?} of {sectors:?}");
        let sim = self.sim.copy();
        self.harm(&sim, path, sectors.iter().copied(), harm);
        let store = open(&sim, 1).unwrap_or_else(|error| panic!("{what}: {error}"));
        let missing = self.missing(&store).await;
        assert!(missing.len() <= usize::from(is_record), "{what}: {missing:?}");
        let found = store.statement(Shelf::Notes, statement()).await.unwrap();
        assert_eq!(found.as_deref(), Some(&STATEMENT[..]), "{what}");
        if sectors.len() > 1 {
            stored(&store, letter(200, day(TODAY))).await;
            assert!(store.seal(Kind::Letter).await.unwrap().is_some(), "{what}");
            drop(store);
            let store = open(&sim, 2).unwrap_or_else(|error| panic!("{what}, again: {error}"));
            let found = store.get(Kind::Letter, None, &[id(200)]).await.unwrap();
            assert_eq!(found, [Some(envelope(200))], "{what}");
        }
    }
}

fn letters() -> PathBuf {
    "/store/days/letters-20020/journal".into()
}

fn chunks() -> PathBuf {
    "/store/days/chunks-20020/journal".into()
}

fn statement() -> StatementName {
    StatementName::new("statement").unwrap()
}

async fn batches(store: &JournalStore) -> Vec<Arc<Batch>> {
    let mut batches = store.batches(Kind::Letter, day(TODAY)).await.unwrap();
    batches.extend(store.batches(Kind::Chunk, day(TODAY)).await.unwrap());
    // That of the test, if it has gone on.
    batches.retain(|batch| batch.ids() != [id(200)]);
    batches
}

fn sectors_and_blocks(range: Range<u64>) -> impl Iterator<Item = (Vec<u64>, Harm)> {
    let torn = [Harm::Zeros, Harm::Old];
    let sectors = range.clone().flat_map(move |sector| [Harm::Flip, torn[0], torn[1]].map(|harm| (vec![sector], harm)));
    let starts = range.clone().step_by(BLOCK as usize);
    let blocks = starts.map(move |start| (start..range.end.min(start + BLOCK)).collect::<Vec<_>>());
    sectors.chain(blocks.flat_map(move |block| torn.map(|harm| (block.clone(), harm))))
}

#[test]
fn any_sector_and_any_block_costs_no_more_than_what_stood_in_it() {
    block_on(async {
        let with_index = Small::new().await;
        let mut tried = 0;
        for small in [&with_index.without_index(), &with_index] {
            for path in small.sim.files() {
                if path != letters() && path != chunks() {
                    for (sectors, harm) in sectors_and_blocks(0..small.sim.sectors(&path)) {
                        small.survives(&path, &sectors, harm, false).await;
                        tried += 1;
                    }
                    continue;
                }
                let (records, blank) = small.positions(&path);
                assert!(records.len() >= 4 && blank.len() > 128, "{records:?}");
                for record in records {
                    for (sectors, harm) in sectors_and_blocks(record * OF_RECORD..(record + 1) * OF_RECORD) {
                        small.survives(&path, &sectors, harm, true).await;
                        tried += 1;
                    }
                }
                // Nothing is lost with these, so they can be harmed together.
                for (sectors, harm) in sectors_and_blocks(0..OF_RECORD).filter(|(_, harm)| *harm != Harm::Zeros) {
                    let everywhere = blank.iter().flat_map(|n| sectors.iter().map(move |at| n * OF_RECORD + at));
                    small.survives(&path, &everywhere.collect::<Vec<_>>(), harm, false).await;
                    tried += 1;
                }
            }
        }
        assert!(tried > 2_000, "{tried}");
    });
}

#[test]
fn a_check_tells_of_a_mark_that_is_gone() {
    block_on(async {
        let small = Small::new().await;
        let path = Path::new("/store/days/chunks-20020/burned");
        small.harm(&small.sim, path, 0..small.sim.sectors(path), Harm::Zeros);
        assert_eq!(check(&small.sim).envelopes_lost, 1);
    });
}

fn check(sim: &Sim) -> Findings {
    let config = JournalConfig { directory: "/store".into(), relay: relay_key(), quotas: AMPLE };
    check_on(Arc::new(sim.clone()), &config, &|| ()).unwrap()
}

/// Of every record and every blank place the same sector at once, and of every other file one.
#[test]
fn a_check_tells_of_any_sector_and_any_block() {
    block_on(async {
        let small = Small::new().await;
        assert!(check(&small.sim).is_sound());
        for (sectors, harm) in sectors_and_blocks(0..OF_RECORD) {
            let sim = small.sim.copy();
            let mut expected = BTreeSet::new();
            for path in [letters(), chunks()] {
                let (records, blank) = small.positions(&path);
                let name = path.strip_prefix("/store").unwrap().display().to_string();
                // Zeros are blank already. What a day that has expired has left is not looked at, however it changes.
                let blank = if harm == Harm::Flip && path == chunks() { blank } else { Vec::new() };
                let units: Vec<u64> = records.into_iter().chain(blank).collect();
                let everywhere = units.iter().flat_map(|n| sectors.iter().map(move |at| n * OF_RECORD + at));
                small.harm(&sim, &path, everywhere, harm);
                // With the header of another day a place looks as if nothing of this one had ever stood there.
                let is_blank = |n: &u64| {
                    let before = small.before.get(*n as usize * RECORD..).unwrap_or_default();
                    harm == Harm::Old && path == letters() && sectors[0] == 0 && before.iter().take(24).any(|b| *b != 0)
                };
                let told = units.into_iter().filter(|n| !is_blank(n));
                expected.extend(told.map(|n| (name.clone(), Some(n * RECORD as u64))));
            }
            for path in small.sim.files().into_iter().filter(|path| *path != letters() && *path != chunks()) {
                let all = small.sim.read(&path);
                let sectors: Vec<u64> = sectors.iter().copied().filter(|at| *at < small.sim.sectors(&path)).collect();
                if sectors.is_empty() {
                    continue;
                }
                small.harm(&sim, &path, sectors.iter().copied(), harm);
                let name = path.strip_prefix("/store").unwrap().display().to_string();
                let first = sectors[0] as usize * SECTOR;
                let was_blank = all[first..first + sectors.len() * SECTOR].iter().all(|byte| *byte == 0);
                // A mark that is gone is told of as the loss of its chunk.
                if harm != Harm::Zeros || !(was_blank || path.ends_with("burned")) {
                    let place = match path.file_name().unwrap().to_str().unwrap() {
                        "index" => None,
                        // Each sector is a mark.
                        "burned" => Some(first as u64),
                        // Half of it is a copy.
                        _ => Some(first as u64 / 4_096 * 4_096),
                    };
                    expected.insert((name, place));
                }
            }
            let findings = check(&sim);
            let told: BTreeSet<_> = findings.list.iter().map(|found| (found.file.clone(), found.offset)).collect();
            let untold: Vec<_> = expected.difference(&told).collect();
            assert!(untold.is_empty(), "{harm:?} of {sectors:?}: {untold:?}");
        }
    });
}
