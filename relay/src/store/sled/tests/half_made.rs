//! A day that could not be made: the store opens after the next one, and nothing of it is left.

use super::{Folders, files};
use crate::store::conformance::{AMPLE, Engine as _, LIVES, chunk, day, envelope, got, id, letter, stored};
use crate::store::{Kind, Store as _, StoreError};
use std::fs::{create_dir, create_dir_all, remove_dir_all, remove_file, write};
use std::path::Path;

/// What is made for a day, in this order, and what stands in its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Manifest,
    Key,
    Folder,
    Database,
}

impl Step {
    const ALL: [Self; 4] = [Self::Manifest, Self::Key, Self::Folder, Self::Database];

    fn block(self, root: &Path) {
        match self {
            Self::Manifest => create_dir(root.join(".tmp-manifest")).unwrap(),
            Self::Key => create_dir(root.join("keys/.tmp-letters-20001.key")).unwrap(),
            Self::Folder => write(root.join("days/letters-20001"), []).unwrap(),
            Self::Database => create_dir_all(root.join("days/letters-20001/db")).unwrap(),
        }
    }

    fn unblock(self, root: &Path) {
        match self {
            Self::Manifest => std::fs::remove_dir(root.join(".tmp-manifest")).unwrap(),
            Self::Key => std::fs::remove_dir(root.join("keys/.tmp-letters-20001.key")).unwrap(),
            Self::Folder => remove_file(root.join("days/letters-20001")).unwrap(),
            Self::Database => remove_dir_all(root.join("days/letters-20001/db")).unwrap(),
        }
    }
}

#[tokio::test]
async fn whatever_fails_of_it_the_store_opens_after_the_next_day_and_nothing_of_it_is_left() {
    for (step, comes_again) in Step::ALL.into_iter().flat_map(|step| [(step, true), (step, false)]) {
        let mut folders = Folders::default();
        let store = folders.open(AMPLE);
        let root = folders.path().join("store");
        stored(&store, letter(1, day(0))).await;
        stored(&store, chunk(2, day(0))).await;
        store.seal(Kind::Letter).await.unwrap();

        step.block(&root);
        assert!(matches!(store.put(letter(3, day(1))).await, Err(StoreError::Failed(_))), "{step:?}");
        step.unblock(&root);
        if comes_again {
            store.expire(day(2), LIVES).await.unwrap();
        }
        let _ = store.close().await;
        drop(store);

        let store = folders.try_open(AMPLE).unwrap_or_else(|error| panic!("{step:?}, {comes_again}: {error}"));
        assert_eq!(got(&store, Kind::Letter, 1).await, Some(envelope(1)));
        assert_eq!(store.get(Kind::Chunk, None, &[id(2)]).await.unwrap(), [Some(envelope(2))]);
        assert_eq!(store.head(Kind::Letter).await.unwrap().number(), 1);
        let of_day = |path: &Path| path.to_string_lossy().contains("letters-20001");
        assert!(!files(&root).iter().any(|path| of_day(path)), "{step:?}, {comes_again}");
        assert!(!root.join("days/letters-20001").exists());
        stored(&store, letter(3, day(1))).await;
    }
}
