//! What the times of files and folders tell of a batch: when it was begun and when it was listed, and nothing in between,
//! however large it is. All four times that Linux keeps are looked at: birth, change of content, change, and access. And when
//! ext4's log says that a file's space became another: when something was listed, and not when something came or was burned.

use crate::ext4::Inode;
use crate::image::Image;
use crate::{FIRST, LIVES, RECORD, burn_key, journal, put, sled};
use cssr_proto::Day;
use cssr_relay::store::{BurnOutcome, Kind, PutOutcome, Store};
use rustix::fs::{FallocateFlags, fallocate};
use std::collections::BTreeMap;
use std::future::Future;
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Envelopes of each kind in a batch.
const FEW: u64 = 8;
const MANY: u64 = 1_000;

/// The clock that files get their times from, which ticks more slowly than the system's.
struct FileClock {
    probe: PathBuf,
    last: SystemTime,
}

impl FileClock {
    /// A moment that is later than the time of everything before, and earlier than that of everything after.
    fn moment(&mut self) -> SystemTime {
        self.tick();
        let moment = self.tick();
        self.tick();
        moment
    }

    fn tick(&mut self) -> SystemTime {
        loop {
            std::fs::write(&self.probe, b"tick").unwrap();
            let now = std::fs::metadata(&self.probe).unwrap().modified().unwrap();
            if now > self.last {
                self.last = now;
                return now;
            }
        }
    }
}

/// The times of everything below a folder, and of itself, by its name from there.
fn times(folder: &Path) -> BTreeMap<(PathBuf, &'static str), SystemTime> {
    let mut times = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = std::fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path());
        for path in entries.chain([next.clone()]) {
            let metadata = std::fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() && path != next {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap();
            let changed = Duration::new(metadata.ctime() as u64, metadata.ctime_nsec() as u32);
            let of_it = [
                ("birth", metadata.created().unwrap()),
                ("content", metadata.modified().unwrap()),
                ("change", SystemTime::UNIX_EPOCH + changed),
                ("access", metadata.accessed().unwrap()),
            ];
            times.extend(of_it.map(|(which, time)| ((name.to_owned(), which), time)));
        }
    }
    times
}

/// Which times lie in a batch of so many letters and chunks: after its first envelopes, and before its last; and which lie
/// anywhere from its beginning to its end.
fn times_in_a_batch<S: Store>(open: impl FnOnce(&Path) -> S, count: u64) -> [Vec<(PathBuf, &'static str)>; 2] {
    let folder = tempfile::tempdir().unwrap();
    let mut clock = FileClock { probe: folder.path().join("probe"), last: SystemTime::UNIX_EPOCH };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut moments = Vec::new();
    let store = open(folder.path());
    runtime.block_on(async {
        for number in 0..count {
            if number == 0 || number == count / 4 || number == count - count / 4 {
                moments.push(clock.moment());
            }
            for kind in [Kind::Letter, Kind::Chunk] {
                // One after the other, so that there is an order.
                assert_eq!(store.put(put(kind, FIRST, number)).await.unwrap(), PutOutcome::Stored);
            }
        }
        for kind in [Kind::Letter, Kind::Chunk] {
            assert_eq!(store.seal(kind).await.unwrap().unwrap().ids().len() as u64, count);
        }
        moments.push(clock.moment());
    });
    // While the store is open: whoever seizes a disk does not wait until it has been closed.
    let found = times(&folder.path().join("store"));
    let [begin, from, to, end] = moments[..] else { panic!("{moments:?}") };
    [from..=to, begin..=end]
        .map(|range| found.iter().filter(|(_, time)| range.contains(time)).map(|(which, _)| which.clone()).collect())
}

fn times_tell_nothing<S: Store>(open: impl Fn(&Path) -> S, read: &[&str]) {
    let is_expected =
        |(path, which): &(PathBuf, &'static str)| *which == "access" && read.iter().any(|name| path.ends_with(name));
    let [few, many] = [FEW, MANY].map(|count| {
        let [within, anywhere] = times_in_a_batch(&open, count);
        let within: Vec<_> = within.into_iter().filter(|found| !is_expected(found)).collect();
        assert_eq!(within, [], "times in the middle of a batch of {count}");
        anywhere.into_iter().filter(|found| !is_expected(found)).collect::<Vec<_>>()
    });
    // The search finds what there is; and there is as much of it however many envelopes came.
    assert!(few.len() > 8, "{few:?}");
    assert_eq!(few, many, "times in a batch of {FEW}, and in one of {MANY}");
}

#[test]
fn no_time_of_a_file_lies_between_envelopes_of_a_batch() {
    times_tell_nothing(|folder| journal(folder, 1), &[]);
}

/// But when sled read its log last, which it does whenever its cache is full.
#[test]
fn no_time_of_a_file_of_plain_sled_lies_between_envelopes_of_a_batch() {
    times_tell_nothing(|folder| sled(folder, 1), &["db"]);
}

#[test]
fn a_time_that_lies_between_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut clock = FileClock { probe: folder.path().join("probe"), last: SystemTime::UNIX_EPOCH };
    std::fs::create_dir_all(folder.path().join("store/days")).unwrap();
    let before = clock.moment();
    std::fs::write(folder.path().join("store/days/new"), b"").unwrap();
    let after = clock.moment();
    let found = times(&folder.path().join("store"));
    let between: Vec<_> =
        found.iter().filter(|(_, time)| (before..after).contains(time)).map(|(which, _)| which).collect();
    for which in [("days/new", "birth"), ("days/new", "change"), ("days", "content")] {
        assert!(between.contains(&&(which.0.into(), which.1)), "{between:?}");
    }
}

/// Letters, and changes in between that nothing has made, as a relay makes them.
const SEEN: u64 = 6;
const COVER: u64 = 20;

/// Times of changes of a day's journal of letters that a disk and its log tell of: when a letter came, and all others.
fn times_on_a_disk(cover: bool) -> [usize; 2] {
    let image = Image::of(256 << 20);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut clock = FileClock {
        probe: std::env::temp_dir().join(format!("cssr-{}", std::process::id())),
        last: SystemTime::UNIX_EPOCH,
    };
    let mut letters = Vec::new();
    let inode = runtime.block_on(async {
        let store = journal(&image.disk(), 1);
        store.begin(Day(FIRST)).await.unwrap();
        let inode = Inode::of(&image.disk().join(format!("store/days/letters-{FIRST}/journal")));
        for number in 0..SEEN {
            for _ in 0..COVER {
                // What the system does every five seconds.
                rustix::fs::syncfs(std::fs::File::open(image.disk()).unwrap()).unwrap();
                // Covers within one tick of the clock would have the same time.
                clock.tick();
                if cover {
                    store.cover().await;
                }
            }
            let before = clock.moment();
            assert_eq!(store.put(put(Kind::Letter, FIRST, number)).await.unwrap(), PutOutcome::Stored);
            letters.push(before..=clock.moment());
            rustix::fs::syncfs(std::fs::File::open(image.disk()).unwrap()).unwrap();
        }
        store.close().await.unwrap();
        inode
    });
    std::fs::remove_file(&clock.probe).unwrap();
    let changes = inode.changes(&image.contents());
    let of_letters = changes.iter().filter(|time| letters.iter().any(|letter| letter.contains(time))).count();
    [of_letters, changes.len() - of_letters]
}

/// The system notes when a file was read that was changed since it was read last: so it would after each cover.
#[test]
#[ignore = "needs loop-device"]
fn reading_leaves_no_time_behind() {
    let image = Image::of(256 << 20);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let path = image.disk().join(format!("store/days/letters-{FIRST}/journal"));
    let read = || std::fs::metadata(&path).unwrap().accessed().unwrap();
    runtime.block_on(async {
        let store = journal(&image.disk(), 1);
        let letter = put(Kind::Letter, FIRST, 1);
        let id = letter.id;
        assert_eq!(store.put(letter).await.unwrap(), PutOutcome::Stored);
        let before = read();
        for _ in 0..20 {
            store.cover().await;
            std::thread::sleep(Duration::from_millis(10));
            assert!(store.get(Kind::Letter, Some(Day(FIRST)), &[id]).await.unwrap()[0].is_some());
        }
        assert_eq!(read(), before);
        store.close().await.unwrap();
    });
    let before = read();
    std::fs::read(&path).unwrap();
    assert!(read() > before, "whoever reads it otherwise does");
}

#[test]
#[ignore = "needs loop-device"]
fn the_log_of_the_disk_tells_of_many_times_at_which_no_letter_came() {
    let [letters, others] = times_on_a_disk(false);
    assert_eq!(letters as u64, SEEN, "the search finds them");
    assert!(others <= 3, "{others}");
    let [letters, others] = times_on_a_disk(true);
    // A quarter of the changes are of this file.
    assert!(letters as u64 <= SEEN && others as u64 >= SEEN * COVER / 8, "{letters} and {others}");
    println!("of {} changes {letters} were letters", letters + others);
}

/// Chunks of a day, of which some are burned each time.
const CHUNKS: u64 = 64;
const BURNS: u64 = 6;

/// What a disk is asked for: when the space of some of its files became another.
struct Watched {
    image: Image,
    clock: FileClock,
    inodes: Vec<Inode>,
    /// When everybody knows that something was done.
    known: Vec<RangeInclusive<SystemTime>>,
}

impl Watched {
    fn new() -> Self {
        let probe = tempfile::NamedTempFile::new().unwrap().into_temp_path().to_path_buf();
        let clock = FileClock { probe, last: SystemTime::UNIX_EPOCH };
        Self { image: Image::of(256 << 20), clock, inodes: Vec::new(), known: Vec::new() }
    }

    fn watch(&mut self, file: &str) {
        self.inodes.push(Inode::of(&self.path(file)));
    }

    fn path(&self, file: &str) -> PathBuf {
        self.image.disk().join("store/days").join(file)
    }

    /// Has the system write down what it does every five seconds.
    fn write_down(&mut self) {
        rustix::fs::syncfs(std::fs::File::open(self.image.disk()).unwrap()).unwrap();
        self.clock.tick();
    }

    async fn known<T>(&mut self, what: impl Future<Output = T>) -> T {
        self.write_down();
        let before = self.clock.moment();
        let done = what.await;
        self.write_down();
        self.known.push(before..=self.clock.moment());
        done
    }

    /// How often space became another when something was done that everybody knows of, and how often at other moments.
    fn changes(self) -> [usize; 2] {
        std::fs::remove_file(&self.clock.probe).unwrap();
        let disk = self.image.contents();
        let all: Vec<_> = self.inodes.iter().flat_map(|inode| inode.changes_of_space(&disk)).collect();
        let is_known = |change: &&SystemTime| self.known.iter().any(|known| known.contains(change));
        let known = all.iter().filter(is_known).count();
        [known, all.len() - known]
    }
}

/// Burns chunks of a day at known moments, on that day and on the next one. `at_once`: their space is given back then.
fn changes_around_burns(at_once: bool) -> [usize; 2] {
    let mut watched = Watched::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = journal(&watched.image.disk(), 1);
        watched.known(store.begin(Day(FIRST))).await.unwrap();
        let path = watched.path(&format!("chunks-{FIRST}/journal"));
        for number in 0..CHUNKS {
            assert_eq!(store.put(put(Kind::Chunk, FIRST, number)).await.unwrap(), PutOutcome::Stored);
        }
        watched.watch(&format!("chunks-{FIRST}/journal"));
        watched.watch(&format!("chunks-{FIRST}/burned"));
        watched.known(store.seal(Kind::Chunk)).await.unwrap();
        let mut numbers = 0..;
        for day in [FIRST, FIRST + 1] {
            for letter in 0..2 {
                for number in numbers.by_ref().take(BURNS as usize) {
                    let before = std::fs::read(&path).unwrap();
                    let id = put(Kind::Chunk, FIRST, number).id;
                    assert_eq!(store.burn(id, burn_key(number)).await.unwrap(), BurnOutcome::Burned);
                    if at_once {
                        let file = std::fs::File::options().write(true).open(&path).unwrap();
                        let after = std::fs::read(&path).unwrap();
                        let mut records = before.chunks(RECORD as usize).zip(after.chunks(RECORD as usize));
                        let burned = records.position(|(before, after)| before != after).unwrap() as u64;
                        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                        fallocate(&file, hole, burned * RECORD, RECORD).unwrap();
                    }
                    watched.write_down();
                }
                assert_eq!(store.put(put(Kind::Letter, day, letter)).await.unwrap(), PutOutcome::Stored);
                watched.known(store.seal(Kind::Letter)).await.unwrap();
            }
            watched.known(store.expire(Day(day + 1), LIVES)).await.unwrap();
            watched.known(store.begin(Day(day + 1))).await.unwrap();
        }
        watched.known(store.close()).await.unwrap();
    });
    watched.changes()
}

#[test]
#[ignore = "needs loop-device"]
fn the_log_of_the_disk_does_not_tell_by_its_space_when_a_chunk_was_burned() {
    let [known, others] = changes_around_burns(true);
    assert!(others as u64 >= 4 * BURNS, "the search finds them: {known} and {others}");
    let [known, others] = changes_around_burns(false);
    println!("space became another {known} times when something was listed, {others} times when a chunk was burned");
    assert!(known >= 4, "what was burned gives its space back each time: {known}");
    assert_eq!(others, 0);
}

/// Puts letters at known moments, so many between two batches.
fn changes_around_letters(between: u64) -> [usize; 2] {
    let mut watched = Watched::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = journal(&watched.image.disk(), 1);
        watched.known(store.begin(Day(FIRST))).await.unwrap();
        watched.watch(&format!("letters-{FIRST}/journal"));
        for number in 0..3 * between {
            assert_eq!(store.put(put(Kind::Letter, FIRST, number)).await.unwrap(), PutOutcome::Stored);
            if number % 8 == 7 {
                watched.write_down();
            }
            if number % between == between - 1 {
                watched.known(store.seal(Kind::Letter)).await.unwrap();
            }
        }
        store.close().await.unwrap();
    });
    watched.changes()
}

#[test]
#[ignore = "needs loop-device"]
fn space_for_letters_is_made_when_others_are_listed() {
    let [known, others] = changes_around_letters(200);
    assert!(known >= 2, "{known}");
    assert_eq!(others, 0);
    let [_, others] = changes_around_letters(300);
    assert!(others > 0, "the search finds what a burst needs at once");
}
