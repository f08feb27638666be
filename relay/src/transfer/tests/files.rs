//! Files that are not as they were written, and places that are not empty.

use super::*;
use crate::store::{Extent, OpenError};
use std::os::unix::fs::PermissionsExt as _;

#[tokio::test]
async fn a_file_that_was_cut_or_changed_anywhere_is_refused_and_nothing_is_made() {
    let old = Home::new(Engine::Journal);
    old.fill().await;
    let file = old.export();
    let bytes = std::fs::read(&file).unwrap();
    let new = Home::new(Engine::Journal);
    let bad = new.path("bad");
    let places = (0..300).chain((300..bytes.len()).step_by(2_039)).chain(bytes.len() - 40..bytes.len());
    for at in places {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        for harmed in [&changed, &bytes[..at]] {
            std::fs::write(&bad, harmed).unwrap();
            let error = new.import(&bad, TODAY).await.unwrap_err();
            assert!(matches!(error, TransferError::Damaged(_) | TransferError::Foreign), "{at}: {error}");
            assert_eq!(new.names(), ["bad"], "{at}");
        }
    }
    std::fs::write(&bad, [&bytes[..], b"x"].concat()).unwrap();
    assert!(matches!(new.import(&bad, TODAY).await, Err(TransferError::Damaged(_))));
}

#[tokio::test]
async fn another_relays_file_is_refused() {
    let (old, new) = (Home::new(Engine::Journal), Home::new(Engine::Journal));
    old.fill().await;
    let place = Place { relay: RelaySecretKey::from_bytes([8; 32]).public(), ..new.place() };
    let error = import(&place, &old.export(), card(), on(TODAY), &nobody()).await.unwrap_err();
    assert!(matches!(error, TransferError::OtherRelay), "{error}");
    assert!(new.names().is_empty());
}

#[tokio::test]
async fn a_store_that_holds_something_is_left_alone_and_an_empty_one_is_replaced() {
    for engine in [Engine::Journal, Engine::Sled] {
        let old = Home::new(engine);
        old.fill().await;
        let file = old.export();
        let error = old.import(&file, TODAY).await.unwrap_err();
        assert!(matches!(error, TransferError::NotEmpty(_)), "{error}");
        assert_eq!(old.names(), ["data", "export"]);

        let new = Home::new(engine);
        drop(new.place().sink().unwrap());
        assert!(matches!(new.import(&file, TODAY).await, Err(TransferError::NotEmpty(_))), "no store, yet not empty");
        std::fs::remove_dir_all(new.path("data")).unwrap();
        match engine {
            Engine::Sled => new.sled().close().await.unwrap(),
            _ => {
                let store = new.journal();
                store.begin(TODAY).await.unwrap();
                store.close().await.unwrap();
            }
        }
        new.import(&file, TODAY).await.unwrap();
        assert_eq!(new.names(), ["data"]);
        assert_eq!(new.seen().await, old.seen().await);

        let stale = Home::new(engine);
        std::fs::create_dir(stale.path("data.unfinished")).unwrap();
        assert!(matches!(stale.import(&file, TODAY).await, Err(TransferError::Unfinished(_))));
        assert_eq!(stale.names(), ["data.unfinished"]);
    }
}

/// A relay that is started just then finds the empty store locked, or has the new one.
#[tokio::test]
async fn a_store_stands_in_its_place_at_every_moment_of_an_import() {
    let old = Home::new(Engine::Journal);
    old.fill().await;
    let file = old.export();
    for engine in [Engine::Journal, Engine::Sled].into_iter().cycle().take(20) {
        let new = Home::new(engine);
        match engine {
            Engine::Sled => drop(new.sled()),
            _ => drop(new.journal()),
        }
        let directory = new.path("data");
        let started = std::sync::OnceLock::new();
        let start = || {
            let (directory, place) = (directory.clone(), new.place());
            let relay = move || loop {
                assert!(directory.join("manifest").is_file(), "no store is there");
                match place.source(Extent::All) {
                    Ok(store) => return store.outline(),
                    Err(TransferError::Open { error: OpenError::Locked, .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            };
            std::thread::spawn(relay)
        };
        // By then the empty store has been looked at.
        let seen = || {
            started.get_or_init(start);
        };
        static NEVER: AtomicBool = AtomicBool::new(false);
        let watch = Watch { seen: &seen, stop: &NEVER };
        import(&new.place(), &file, card(), on(TODAY), &watch).await.unwrap();
        let outline = started.into_inner().unwrap().join().unwrap();
        assert_eq!(outline.heads.map(|head| head.number()), [3, 3], "{engine:?}");
        assert_eq!(new.names(), ["data"]);
        assert_eq!(new.seen().await.heads, outline.heads);
    }
}

#[test]
fn what_was_made_is_never_said_to_have_changed_nothing() {
    let (path, error) = (|| PathBuf::from("data"), || std::io::Error::other("broken"));
    for made in
        [TransferError::Unsynced { path: path(), error: error() }, TransferError::Left { path: path(), error: error() }]
    {
        assert!(!made.changed_nothing() && made.to_string().contains("was made"), "{made}");
    }
    assert!(TransferError::Io { path: path(), error: error() }.changed_nothing());
}

#[tokio::test]
async fn a_store_in_use_is_neither_exported_nor_replaced() {
    for engine in [Engine::Journal, Engine::Sled] {
        let (old, home) = (Home::new(Engine::Journal), Home::new(engine));
        old.fill().await;
        let file = old.export();
        let (journal, sled) = match engine {
            Engine::Sled => (None, Some(home.sled())),
            _ => (Some(home.journal()), None),
        };
        let locked =
            |error: &TransferError| matches!(error, TransferError::Open { error: crate::store::OpenError::Locked, .. });
        let error = export(&home.place(), &home.path("export"), &nobody()).unwrap_err();
        assert!(locked(&error), "{error}");
        let error = home.import(&file, TODAY).await.unwrap_err();
        assert!(locked(&error), "{error}");
        assert_eq!(home.names(), ["data"]);
        drop((journal, sled));
    }
}

#[tokio::test]
async fn a_file_is_for_its_owner_alone_and_never_replaced() {
    let home = Home::new(Engine::Journal);
    home.fill().await;
    let file = home.export();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&file).unwrap();
    assert!(matches!(export(&home.place(), &file, &nobody()), Err(TransferError::Exists(_))));
    assert_eq!(std::fs::read(&file).unwrap(), before);
    assert_eq!(home.names(), ["data", "export"], "nothing half-done is left");
}
