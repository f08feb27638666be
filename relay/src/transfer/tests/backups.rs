//! Backups: of relays that run, and what of them comes back.

use super::*;
use crate::store::OpenError;
use crate::transfer::place::Staged;
use crate::transfer::{Backup, restore};
use crate::{ConfigFile, read_key_file, write_key_file};
use std::cell::Cell;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::Ordering;

fn configure(home: &Home, more: &str) {
    std::fs::write(home.path("relay.toml"), format!("card = \"{CARD}\"\n{more}")).unwrap();
    write_key_file(&home.path("relay.key"), &key()).unwrap();
}

async fn back_up(home: &Home, letters: bool, name: &str) -> Result<Summary, TransferError> {
    let config = ConfigFile::read(home.folder.path()).unwrap();
    let file = home.folder.path().join("relay.toml");
    let backup = Backup { file: &file, config: &config, key: &key(), letters };
    backup.write(&home.path(name), &nobody()).await
}

/// Restores a backup into a folder of its own.
async fn restored(home: &Home, name: &str, today: Day) -> (Home, Summary) {
    let new = Home::new(home.engine);
    let summary = restore(&new.path("relay"), &home.path(name), on(today), &nobody()).await.unwrap();
    std::fs::rename(new.path("relay").join("data"), new.path("data")).unwrap();
    (new, summary)
}

#[tokio::test]
async fn a_backup_without_letters_holds_none_and_the_chain_goes_on() {
    let home = Home::new(Engine::Journal);
    configure(&home, "");
    home.fill().await;
    let summary = back_up(&home, false, "backup").await.unwrap();
    assert_eq!((summary.batches, summary.letters, summary.chunks, summary.burned), (0, 0, 0, 0));
    let file = home.path("backup");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::fs::metadata(&file).unwrap().len() < 1_000);

    let (new, _) = restored(&home, "backup", TODAY).await;
    let folder = new.path("relay");
    assert_eq!(std::fs::read(folder.join("relay.toml")).unwrap(), std::fs::read(home.path("relay.toml")).unwrap());
    assert_eq!(read_key_file(&folder.join("relay.key")).unwrap().expose(), key().expose());
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let (before, after) = (home.seen().await, new.seen().await);
    assert_eq!((after.heads, after.latest), (before.heads, before.latest));
    assert_eq!(after.batches, [vec![], vec![]]);
}

/// Else a relay that was restored would give the number of a batch to another one.
#[tokio::test]
async fn a_store_on_sled_in_use_is_backed_up_without_letters_and_no_number_is_given_twice() {
    let home = Home::new(Engine::Sled);
    configure(&home, "store = \"sled\"\n");
    home.fill().await;
    let store = home.sled();
    for n in 0..3u64 {
        stored(&store, letter(200 + n, TODAY)).await;
        stored(&store, chunk(300 + n, TODAY)).await;
        store.seal(Kind::Letter).await.unwrap();
        if n < 2 {
            store.seal(Kind::Chunk).await.unwrap();
        }
        let name = format!("backup-{n}");
        back_up(&home, false, &name).await.unwrap();
        let (new, _) = restored(&home, &name, TODAY).await;
        let copy = new.sled();
        for kind in [Kind::Letter, Kind::Chunk] {
            assert_eq!(copy.head(kind).await.unwrap(), store.head(kind).await.unwrap());
        }
        assert_eq!(copy.latest_day().await.unwrap(), store.latest_day().await.unwrap());
    }
    let error = back_up(&home, true, "backup").await.unwrap_err();
    assert!(matches!(error, TransferError::Open { error: OpenError::Locked, .. }), "{error}");
    drop(store);
    std::fs::remove_file(home.path("data/manifest")).unwrap();
    let error = back_up(&home, false, "backup").await.unwrap_err();
    assert!(matches!(error, TransferError::Open { error: OpenError::NoManifest, .. }), "{error}");
}

#[tokio::test]
async fn a_backup_without_letters_that_was_to_stop_leaves_nothing() {
    let home = Home::new(Engine::Journal);
    configure(&home, "");
    home.fill().await;
    let config = ConfigFile::read(home.folder.path()).unwrap();
    let backup = Backup { file: &home.path("relay.toml"), config: &config, key: &key(), letters: false };
    let watch = Watch { seen: &|| (), stop: &AtomicBool::new(true) };
    let error = backup.write(&home.path("backup"), &watch).await.unwrap_err();
    assert!(matches!(error, TransferError::Interrupted), "{error}");
    assert!(!home.path("backup").exists() && !home.path("backup.unfinished").exists());
}

#[tokio::test]
async fn what_had_expired_or_been_burned_does_not_come_back() {
    for engine in ["journal", "sled"] {
        let home = Home::new(engine.parse().unwrap());
        configure(&home, &format!("store = \"{engine}\"\n"));
        home.fill().await;
        back_up(&home, true, "backup").await.unwrap();
        let bytes = std::fs::read(home.path("backup")).unwrap();
        for (seed, there) in [(101, false), (106, false), (100, true)] {
            let envelope = envelope(seed);
            let part = &envelope.as_bytes()[..32];
            let found = bytes.iter().enumerate().any(|(at, byte)| *byte == part[0] && bytes[at..].starts_with(part));
            assert_eq!(found, there, "{seed}");
        }
        let (new, summary) = restored(&home, "backup", day(1 + LIFE)).await;
        assert_eq!((summary.expired, summary.letters > 0), (2, true));
        let after = new.seen().await;
        assert_eq!(after.letters[..4], [None, None, None, Some(envelope(3))]);
        assert_eq!(after.heads, home.seen().await.heads);

        let (new, summary) = restored(&home, "backup", TODAY).await;
        assert_eq!((summary.expired, summary.burned > 0), (0, true));
        let after = new.seen().await;
        assert_eq!(after.chunks[..2], [Some(envelope(100)), None]);
        assert_eq!(after.again[LETTERS.count() + 1], PutOutcome::Conflict, "a burned id stays known");
    }
}

/// What is listed while the backup is being made is either there with all it lists, or comes after the head.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_store_in_use_is_as_the_store_was_at_one_moment() {
    let home = Home::new(Engine::Journal);
    configure(&home, "");
    let store = Arc::new(home.journal());
    let writer = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for n in 0..400u64 {
                let day = day(n as u32 / 100);
                stored(&*store, letter(n, day)).await;
                stored(&*store, chunk(1_000 + n, day)).await;
                if n % 5 == 4 {
                    store.seal(Kind::Letter).await.unwrap();
                    store.seal(Kind::Chunk).await.unwrap();
                }
                if n % 3 == 2 {
                    store.burn(id(999 + n), burn_key(999 + n)).await.unwrap();
                }
            }
        })
    };
    let mut backups = Vec::new();
    while !writer.is_finished() || backups.len() < 2 {
        let name = format!("backup-{}", backups.len());
        let summary = back_up(&home, true, &name).await.unwrap();
        assert_eq!(summary.lost, 0);
        backups.push(name);
    }
    writer.await.unwrap();
    let batches = store.batches_from(Kind::Letter, 1, 999).await.unwrap();
    let mut sizes = Vec::new();
    for name in backups.iter().step_by(backups.len().div_ceil(5)) {
        let (new, _) = restored(&home, name, TODAY).await;
        let copy = new.journal();
        let copied = copy.batches_from(Kind::Letter, 1, 999).await.unwrap();
        assert_eq!(copied[..], batches[..copied.len()], "as announced, without a gap");
        assert_eq!(copy.pending(Kind::Letter).await.unwrap(), None, "what waits is not backed up");
        assert_eq!(copy.damage(), crate::store::Damage::default());
        for id in copied.iter().flat_map(|batch| batch.ids()) {
            assert!(copy.get(Kind::Letter, None, &[*id]).await.unwrap()[0].is_some());
        }
        sizes.push(copied.len());
    }
    assert!(sizes.iter().any(|size| *size > 0) && sizes.len() > 1, "{sizes:?}");
}

#[tokio::test]
async fn nothing_is_restored_over_anything_and_nothing_half_done_is_left() {
    let home = Home::new(Engine::Journal);
    configure(&home, "");
    home.fill().await;
    back_up(&home, true, "backup").await.unwrap();
    let file = home.path("backup");
    let error = restore(home.folder.path(), &file, on(TODAY), &nobody()).await.unwrap_err();
    assert!(matches!(error, TransferError::Exists(_)), "{error}");

    let new = Home::new(Engine::Journal);
    let bytes = std::fs::read(&file).unwrap();
    for at in (0..bytes.len()).step_by(4_093) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        std::fs::write(new.path("bad"), changed).unwrap();
        restore(&new.path("relay"), &new.path("bad"), on(TODAY), &nobody()).await.unwrap_err();
        assert_eq!(new.names(), ["bad"]);
    }
    let other = restore(&new.path("relay"), &home.export(), on(TODAY), &nobody()).await;
    assert!(matches!(other, Err(TransferError::OtherPurpose(_))));
    assert!(matches!(home.import(&file, TODAY).await, Err(TransferError::OtherPurpose(_))));
    assert_eq!(new.names(), ["bad"]);

    let empty = Home::new(Engine::Journal);
    restore(empty.folder.path(), &file, on(TODAY), &nobody()).await.unwrap();
    assert_eq!(empty.names(), ["data", "relay.key", "relay.toml"], "an empty folder will do");
}

#[tokio::test]
async fn what_is_backed_up_is_what_the_file_says_that_was_named() {
    let home = Home::new(Engine::Journal);
    configure(&home, "letters_max = 7\n");
    let named = home.path("other.toml");
    std::fs::write(&named, format!("card = \"{CARD}\"\nletters_max = 8\n")).unwrap();
    let config = ConfigFile::read(&named).unwrap();
    let backup = Backup { file: &named, config: &config, key: &key(), letters: false };
    backup.write(&home.path("backup"), &nobody()).await.unwrap();
    let (new, _) = restored(&home, "backup", TODAY).await;
    assert!(std::fs::read_to_string(new.path("relay").join("relay.toml")).unwrap().contains("letters_max = 8"));
}

/// Who restores it would learn too late that nothing is in it.
#[tokio::test]
async fn a_store_of_which_a_day_or_the_manifest_is_missing_is_not_backed_up() {
    for missing in ["keys/letters-20000.key", "days/letters-20000/journal", "manifest"] {
        let home = Home::new(Engine::Journal);
        configure(&home, "");
        home.fill().await;
        std::fs::remove_file(home.path("data").join(missing)).unwrap();
        let error = back_up(&home, true, "backup").await.unwrap_err();
        assert!(matches!(error, TransferError::Open { .. }), "{missing}: {error}");
    }
    let home = Home::new(Engine::Journal);
    configure(&home, "");
    home.fill().await;
    std::fs::write(home.path("data/keys/letters-20000.key"), [7; 8_192]).unwrap();
    back_up(&home, true, "backup").await.unwrap_err();
    assert!(!home.path("backup").exists() && !home.path("backup.unfinished").exists());
}

#[tokio::test]
async fn what_an_interrupted_backup_has_left_is_seen_and_told() {
    let home = Home::new(Engine::Journal);
    configure(&home, "");
    home.fill().await;
    std::fs::write(home.path("backup.unfinished"), "a key").unwrap();
    let error = back_up(&home, false, "backup").await.unwrap_err();
    assert!(matches!(&error, TransferError::Unfinished(path) if *path == home.path("backup.unfinished")), "{error}");
    assert_eq!(std::fs::read(home.path("backup.unfinished")).unwrap(), b"a key", "it is left as it is");
}

#[tokio::test]
async fn who_is_interrupted_leaves_neither_files_nor_keys() {
    let home = Home::new(Engine::Journal);
    configure(&home, "");
    home.fill().await;
    back_up(&home, true, "backup").await.unwrap();
    let (new, kept) = (Home::new(Engine::Journal), TempDir::new().unwrap());
    let (seen, stop) = (Cell::new(0), AtomicBool::new(false));
    let see = || {
        seen.set(seen.get() + 1);
        if seen.get() == 3 {
            stop.store(true, Ordering::Relaxed);
            // Second names for the same bytes on the disk, to see what becomes of them.
            let staged = new.path("relay.unfinished");
            std::fs::hard_link(staged.join("relay.key"), kept.path().join("relay.key")).unwrap();
            let [key] = &names(&staged.join("data/keys"))[..] else { panic!("not one key") };
            std::fs::hard_link(staged.join("data/keys").join(key), kept.path().join("day.key")).unwrap();
        }
    };
    let watch = Watch { seen: &see, stop: &stop };
    let error = restore(&new.path("relay"), &home.path("backup"), on(TODAY), &watch).await.unwrap_err();
    assert!(matches!(error, TransferError::Interrupted), "{error}");
    assert_eq!((seen.get(), new.names()), (3, vec![]));
    for name in ["relay.key", "day.key"] {
        let bytes = std::fs::read(kept.path().join(name)).unwrap();
        assert!(!bytes.is_empty() && bytes.iter().all(|byte| *byte == 0), "{name}");
    }

    // What is being written goes as well, and what is being read is let go.
    let watch = Watch { seen: &|| (), stop: &stop };
    let exported = export(&home.place(), &home.path("export"), &watch);
    assert!(matches!(exported, Err(TransferError::Interrupted)));
    let again = restore(&new.path("relay"), &home.path("backup"), on(TODAY), &watch).await;
    assert!(matches!(again, Err(TransferError::Interrupted)));
    assert_eq!(home.names(), ["backup", "data", "relay.key", "relay.toml"]);
}

#[tokio::test]
async fn what_a_new_folder_cannot_replace_is_told_before_the_file_is_read() {
    let home = Home::new(Engine::Journal);
    std::fs::create_dir(home.path("folder")).unwrap();
    std::os::unix::fs::symlink(home.path("folder"), home.path("link")).unwrap();
    std::fs::write(home.path("file"), "").unwrap();
    let none = home.path("no backup");
    for (target, told) in [("link", "a symbolic link"), ("link/", "a symbolic link"), ("file", "there already")] {
        let error = restore(&home.path(target), &none, on(TODAY), &nobody()).await.unwrap_err();
        assert!(error.to_string().contains(told), "{target}: {error}");
        let place = place(Engine::Journal, home.path(target));
        let error = import(&place, &none, card(), on(TODAY), &nobody()).await.unwrap_err();
        assert!(error.to_string().contains(told), "{target}: {error}");
    }
    // Wherever the tests run, there is a file system of its own here.
    let mounted = restore(Path::new("/proc"), &none, on(TODAY), &nobody()).await.unwrap_err();
    assert!(matches!(mounted, TransferError::MountPoint(_)), "{mounted}");
    let other = restore(&home.path("folder"), &none, on(TODAY), &nobody()).await.unwrap_err();
    assert!(matches!(&other, TransferError::Io { path, .. } if *path == none), "{other}");
}

#[test]
fn keys_of_what_was_not_finished_are_overwritten() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("relay");
    let staged = Staged::for_folder(&path).unwrap();
    std::fs::create_dir_all(staged.path.join("data/keys")).unwrap();
    let keys = ["relay.key", "data/keys/letters-20000.key"].map(|name| staged.path.join(name));
    for (number, key) in keys.iter().enumerate() {
        std::fs::write(key, [7; 100]).unwrap();
        // A second name for the same bytes on the disk, to see what becomes of them.
        std::fs::hard_link(key, folder.path().join(number.to_string())).unwrap();
    }
    drop(staged);
    assert_eq!(names(folder.path()), ["0", "1"]);
    for name in ["0", "1"] {
        assert_eq!(std::fs::read(folder.path().join(name)).unwrap(), [0; 100]);
    }
}

#[tokio::test]
async fn a_relay_that_has_never_run_is_backed_up_and_one_spread_over_folders_is_not() {
    let home = Home::new(Engine::Journal);
    configure(&home, "");
    back_up(&home, false, "backup").await.unwrap();
    let (new, _) = restored(&home, "backup", TODAY).await;
    assert_eq!(names(&new.path("relay")), ["relay.key", "relay.toml"]);

    // By its whole path it would be outside of any other folder.
    let whole = format!("data = \"{}\"", home.path("data").display());
    for lines in ["data = \"/elsewhere\"", "key_file = \"../relay.key\"", &whole] {
        std::fs::write(home.path("relay.toml"), format!("card = \"{CARD}\"\n{lines}\n")).unwrap();
        let error = back_up(&home, false, "other").await.unwrap_err();
        assert!(matches!(error, TransferError::Elsewhere(_)), "{error}");
    }
}

#[tokio::test]
async fn a_clock_that_is_far_ahead_leaves_nothing_out_unless_it_is_vouched_for() {
    let home = Home::new(Engine::Journal);
    configure(&home, "day_jump = 9\n");
    home.fill().await;
    back_up(&home, true, "backup").await.unwrap();
    let (backup, export, last) = (home.path("backup"), home.export(), 3);
    for (days, accepted, believed) in
        [(9, None, true), (10, None, false), (100, None, false), (100, Some(99), false), (100, Some(100), true)]
    {
        let dated = Dated { clock: day(last + days), accepted: accepted.map(|days| day(last + days)) };
        let new = Home::new(Engine::Journal);
        let place = Place { day_jump: 9, ..new.place() };
        let done = [
            restore(&new.path("relay"), &backup, dated, &nobody()).await,
            import(&place, &export, card(), dated, &nobody()).await,
        ];
        for done in done {
            match done {
                Ok(summary) => assert_eq!((believed, summary.letters > 0), (true, days < LIFE), "{days}, {accepted:?}"),
                Err(error) => {
                    assert!(matches!(error, TransferError::ClockJump { .. }) && !believed, "{error}");
                    assert!(error.changed_nothing() && error.to_string().contains("--accept-date"));
                }
            }
        }
        assert_eq!(new.names().is_empty(), !believed);
    }

    // Of a relay that has never run.
    let fresh = Home::new(Engine::Journal);
    configure(&fresh, "");
    back_up(&fresh, false, "backup").await.unwrap();
    let dated = Dated { clock: TODAY, accepted: None };
    restore(&fresh.path("relay"), &fresh.path("backup"), dated, &nobody()).await.unwrap();
}
